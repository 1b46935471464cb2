//! Takes in what is traced, tick by tick, and keeps of it what is said: totals, and the last few deeds of each objective.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use worldflow_operators::quests::traced::{
    By, Change, Lived, Missed, Moved, Of, Part, Picture, Standing, Traced, Why,
};
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::WriteOrder;
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

use super::conditions::Words;
use super::moments::Moments;
use super::told::{Before, Deed, Deeds, EventTold, Step};
use crate::spans::utc;

/// The most changes of state that are kept.
const MOST_STEPS: usize = 20;

/// An objective by stage and id.
type Key = (Sym, Sym);

/// What has been traced so far.
#[derive(Debug)]
pub(super) struct Collected {
    moments: Moments,
    /// How many deeds are kept one by one.
    most: usize,
    /// The events of the present tick, and of the one before: what a party shares counts in the next.
    events: [FxHashMap<WriteOrder, (Event, Sym)>; 2],
    tick: Tick,
    instance: u32,
    pub(super) objectives: BTreeMap<Key, Counted>,
    pub(super) lifetimes: FxHashMap<Sym, Counted>,
    steps: VecDeque<Step>,
    /// The stages of the instance that were seen open.
    opened: BTreeSet<String>,
    /// Whether an instance was open already at the snapshot that the trace began with.
    found_open: bool,
    kept: Option<Tick>,
    failing: Option<Deed>,
    /// What edits have given other ids, whatever quest it is of.
    pub(super) moved: Vec<Moved>,
    pub(super) picture: Option<Picture>,
}

/// What is known of a counter.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// What it was when the trace began.
    pub(super) before: Option<(Tick, u64)>,
    /// What it is.
    pub(super) value: i64,
    pub(super) counted: Ring,
    pub(super) missed: Ring,
    /// What passed, was edited or set back without an event.
    pub(super) otherwise: Ring,
}

/// The last deeds, with the number and the sum of all of them.
#[derive(Debug, Default)]
pub(super) struct Ring {
    count: u64,
    pub(super) sum: i64,
    last: VecDeque<(u64, Deed)>,
}

impl Ring {
    fn push(&mut self, order: u64, deed: Deed, most: usize) {
        self.count += 1;
        self.sum += deed.change;
        self.last.push_back((order, deed));
        if self.last.len() > most {
            self.last.pop_front();
        }
    }
}

impl Counted {
    /// What counted or was otherwise done, in its order, the last of it.
    pub(super) fn deeds(&self, most: usize) -> Deeds {
        let mut last: Vec<&(u64, Deed)> = self.counted.last.iter().chain(&self.otherwise.last).collect();
        last.sort_by_key(|(order, _)| *order);
        let skipped = last.len().saturating_sub(most);
        Deeds {
            count: self.counted.count,
            sum: self.counted.sum,
            last: last.into_iter().skip(skipped).map(|(_, deed)| deed.clone()).collect(),
        }
    }

    /// What was counted beyond the first of it, which no longer counts.
    pub(super) fn deeds_above(&self, floor: u64, most: usize) -> Deeds {
        let floor = i64::try_from(floor).unwrap_or(i64::MAX);
        let mut deeds = self.deeds(most);
        let mut after = deeds.sum;
        let mut kept: Vec<Deed> = Vec::new();
        for deed in deeds.last.into_iter().rev() {
            if after <= floor {
                break;
            }
            after -= deed.change;
            kept.push(deed);
        }
        kept.reverse();
        if after <= floor {
            // What counts is among the last few, so their number is known.
            deeds.count = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        }
        deeds.sum = deeds.sum.saturating_sub(floor).max(0);
        deeds.last = kept;
        deeds
    }

    /// What the events that were traced came to.
    pub(super) fn counted_sum(&self) -> i64 {
        self.counted.sum
    }

    pub(super) fn misses(&self) -> Deeds {
        let last = self.missed.last.iter().map(|(_, deed)| deed.clone()).collect();
        Deeds { count: self.missed.count, sum: 0, last }
    }
}

impl Collected {
    pub(super) fn new(moments: Moments, most: usize) -> Collected {
        Collected {
            moments,
            most,
            events: Default::default(),
            tick: 0,
            instance: 0,
            objectives: BTreeMap::new(),
            lifetimes: FxHashMap::default(),
            steps: VecDeque::new(),
            opened: BTreeSet::new(),
            found_open: false,
            kept: None,
            failing: None,
            moved: Vec::new(),
            picture: None,
        }
    }

    /// Takes in what happened in a tick; they come in their order.
    pub(super) fn take(&mut self, tick: Tick, mut traced: Vec<Traced>) {
        let [now, before] = &mut self.events;
        let ended = std::mem::take(now);
        *before = if self.tick + 1 == tick { ended } else { FxHashMap::default() };
        self.tick = tick;
        traced.retain(|traced| match traced {
            Traced::Came(_, event, region) => {
                let order = WriteOrder { at_ms: event.at_ms, source: event.source, id: event.id.clone() };
                self.events[0].insert(order, (event.clone(), *region));
                false
            }
            _ => true,
        });
        for (place, traced) in (0..).zip(traced) {
            // Ticks are far below 2^44.
            self.take_one((tick << 20) | place, traced);
        }
    }

    fn take_one(&mut self, order: u64, traced: Traced) {
        match traced {
            Traced::Came(..) => {}
            Traced::Changed(change) => self.changed(order, change),
            Traced::Lived(lived) => self.lived(order, lived),
            Traced::Missed(missed) => self.missed(order, missed),
            Traced::Failing(tick, event) => self.failing = self.deed(tick, &event),
            Traced::Moved(moved) => self.moved(moved),
            Traced::Stands(standing) => self.stands(standing),
            Traced::Picture(picture) => self.picture = Some(*picture),
        }
    }

    fn changed(&mut self, order: u64, change: Change) {
        let Change { tick, instance, stage, objective, from, to, added, by } = change;
        if instance != self.instance {
            self.begin(instance);
        }
        let grown = i64::from(to) - i64::from(from);
        let deed = match &by {
            By::Event(event, _) => self.deed(tick, event),
            _ => None,
        };
        let at = self.moments.at(tick);
        let of = self.objectives.entry((stage, objective)).or_default();
        if by == By::Kept {
            // Where another world begins to rule, everything is told again.
            if of.value != i64::from(to) {
                of.before = Some((tick, u64::from(to)));
                of.value = i64::from(to);
            }
            return;
        }
        of.value = i64::from(to);
        let value = Some(u64::from(to));
        let deed = deed.unwrap_or(Deed { at, event: None, change: 0, value, why: String::new() });
        let deed = Deed { change: grown, value, ..deed };
        let why = |why: &str| Deed { why: why.to_owned(), ..deed.clone() };
        match by {
            By::Event(_, Part::Added) => {
                let more = added.map(i64::from).filter(|added| *added != grown);
                let why = more.map(|added| format!("added {added}")).unwrap_or_default();
                of.counted.push(order, Deed { why, ..deed }, self.most);
            }
            By::Event(_, Part::TookAway) => of.otherwise.push(order, why("took away"), self.most),
            By::Event(_, Part::SetBack) => of.otherwise.push(order, why("set it back"), self.most),
            By::Event(_, Part::OutOfOrder) => of.otherwise.push(order, why("came out of order"), self.most),
            By::Time => of.otherwise.push(order, why("time passed"), self.most),
            By::Edit => of.otherwise.push(order, why("the definition was edited"), self.most),
            By::Opened => of.otherwise.push(order, why("it opened"), self.most),
            By::Again => of.otherwise.push(order, why("the stage opened again"), self.most),
            By::State | By::Kept => of.otherwise.push(order, why("what it reads has changed"), self.most),
        }
    }

    /// What is known of an objective goes on under the id that it has now.
    fn moved(&mut self, moved: Moved) {
        if moved.own {
            self.instance = moved.instance;
            let of = |[was, now]: &[Key; 2]| Some((*now, self.objectives.remove(was)?));
            let taken: Vec<(Key, Counted)> = moved.objectives.iter().filter_map(of).collect();
            self.objectives.extend(taken);
            let stages = moved.objectives.iter().map(|[(was, _), (now, _)]| (was.as_str(), now.as_str()));
            let opened: BTreeSet<&str> =
                stages.filter(|(was, _)| self.opened.contains(*was)).map(|(_, now)| now).collect();
            self.opened.extend(opened.into_iter().map(str::to_owned));
        }
        self.moved.push(moved);
    }

    /// What a quest was called when the trace began, and the ids that it has got since, each with its tick.
    pub(super) fn ids(&self, quest: Sym) -> (Sym, Vec<(Tick, Sym)>) {
        let (mut quest, mut ids) = (quest, Vec::new());
        for moved in self.moved.iter().rev().filter(|moved| !moved.from.is_none()) {
            if moved.quest == quest {
                ids.push((moved.tick, moved.quest));
                quest = moved.from;
            }
        }
        ids.reverse();
        (quest, ids)
    }

    /// Another instance begins; what did not count before it still says why.
    fn begin(&mut self, instance: u32) {
        for of in self.objectives.values_mut() {
            let missed = std::mem::take(&mut of.missed);
            *of = Counted { missed, ..Counted::default() };
        }
        self.opened.clear();
        self.instance = instance;
    }

    fn lived(&mut self, order: u64, lived: Lived) {
        let Lived { tick, lifetime, order: event, amount } = lived;
        let Some(deed) = self.deed(tick, &event) else { return };
        let of = self.lifetimes.entry(lifetime).or_default();
        of.value = of.value.saturating_add(amount);
        of.counted.push(order, Deed { change: amount, ..deed }, self.most);
    }

    fn missed(&mut self, order: u64, missed: Missed) {
        let Missed { tick, order: event, of, why } = missed;
        let Some(deed) = self.deed(tick, &event) else { return };
        let why = self.why(&why);
        let of = match of {
            Of::Objective(stage, objective) => self.objectives.entry((stage, objective)).or_default(),
            Of::Lifetime(lifetime) => self.lifetimes.entry(lifetime).or_default(),
        };
        of.missed.push(order, Deed { why, ..deed }, self.most);
    }

    fn stands(&mut self, standing: Standing) {
        let Standing { tick, state, stage, instance, .. } = standing;
        self.found_open |= self.steps.is_empty() && state.is_open();
        if instance != self.instance {
            self.begin(instance);
        }
        if !stage.is_none() {
            self.opened.insert(stage.to_string());
        }
        let stage = if stage.is_none() { String::new() } else { stage.to_string() };
        let by = self.failing.take().filter(|_| state == QuestState::Failed);
        let step =
            Step { at: self.moments.at(tick), state: state.name().to_owned(), stage, found: false, by };
        if self.steps.back().is_some_and(|last| (&last.state, &last.stage) == (&step.state, &step.stage)) {
            return;
        }
        self.steps.push_back(step);
        if self.steps.len() > MOST_STEPS {
            self.steps.pop_front();
        }
    }

    /// The trace begins at a snapshot, with what that holds.
    pub(super) fn kept_from(&mut self, tick: Option<Tick>) {
        self.kept = tick;
    }

    /// The tick of the snapshot that the trace began with.
    pub(super) fn began(&self) -> Option<Tick> {
        self.kept
    }

    /// The stages of the instance that were seen open.
    pub(super) fn opened(&self) -> BTreeSet<String> {
        self.opened.clone()
    }

    /// Whether the instance began before what was traced.
    pub(super) fn began_before(&self) -> bool {
        self.found_open || self.objectives.values().any(|of| of.before.is_some())
    }

    pub(super) fn history(&self) -> Vec<Step> {
        let found = |step: &Step| self.kept == Some(step.at.tick);
        self.steps.iter().map(|step| Step { found: found(step), ..step.clone() }).collect()
    }

    /// The value from before what was traced.
    pub(super) fn before(&self, counted: &Counted) -> Option<Before> {
        counted
            .before
            .filter(|(_, value)| *value > 0)
            .map(|(tick, value)| Before { value, at: self.moments.at(tick) })
    }

    fn deed(&self, tick: Tick, order: &WriteOrder) -> Option<Deed> {
        let (event, region) = self.events.iter().find_map(|events| events.get(order))?;
        let at = self.moments.at(tick);
        let event = Some(event_told(event, *region));
        Some(Deed { at, event, change: 0, value: None, why: String::new() })
    }

    fn why(&self, why: &Why) -> String {
        match why {
            Why::Target => "another target".to_owned(),
            Why::Region(region) if region.is_none() => "nobody knows in which region".to_owned(),
            Why::Region(region) => format!("in {region}"),
            Why::Attribute(name, None) => format!("it has no `{name}`"),
            Why::Attribute(name, Some(value)) => format!("its `{name}` is {}", shown(value)),
            Why::Gate(None) => "what must hold did not".to_owned(),
            Why::Gate(Some(node)) => {
                let open = Words::bare().unmet(node);
                format!("what must hold did not: {}", open.join(", "))
            }
            Why::State(state) => format!("the quest was {}", state.name()),
            Why::Stage(stage) => format!("stage `{stage}` was open"),
            Why::Hidden => "it was hidden".to_owned(),
            Why::Done => "it was done".to_owned(),
            Why::Late => "too late".to_owned(),
            Why::NotYet(after) => format!("`{after}` was not done"),
            Why::NotNext(next) if next.is_none() => "everything was done".to_owned(),
            Why::NotNext(next) => format!("`{next}` comes first"),
            Why::NoAmount => "nothing to add: its amount, or what is counted of it".to_owned(),
            Why::Nothing => "it added nothing: counted already, or no better".to_owned(),
        }
    }
}

/// An event as it came in, and where it happened.
pub(super) fn event_told(event: &Event, region: Sym) -> EventTold {
    let text = |sym: Sym| if sym.is_none() { String::new() } else { sym.to_string() };
    let with = event.with.iter().flat_map(|with| with.iter());
    EventTold {
        at: utc(event.at_ms),
        source: text(event.source),
        id: match &event.id {
            EventId::Position(place) => place.to_string(),
            EventId::Named(name) => name.to_string(),
        },
        kind: text(event.kind),
        player: text(event.player),
        target: text(event.target),
        region: text(region),
        amount: event.amount,
        with: with.map(|(name, value)| (name.to_string(), value.to_json())).collect(),
    }
}

/// A value as people read it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        value => value.to_string(),
    }
}
