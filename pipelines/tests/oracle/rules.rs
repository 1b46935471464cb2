//! The evaluator's own reading of rules: it compares all rows of a tick with those of the tick before.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use worldflow_schemas::catalog;
use worldflow_schemas::chance;
use worldflow_schemas::definitions::{
    Action, Amount, ColumnDef, DrawnDef, EmitDef, Given, RuleDef, Span, Test, Trigger,
};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::{Event, EventId, Input, Sym, Tick, Value};

use super::conditions::test_holds;
use super::edits::Quests;
use super::{Effect, Oracle, Seen};

/// Rows of all views by view and key.
pub type Shown = BTreeMap<(&'static str, Vec<String>), Vec<Json>>;

/// Rows that have changed in a tick: before, after.
type Changed = BTreeMap<(&'static str, Vec<String>), (Option<Vec<Json>>, Option<Vec<Json>>)>;

/// What a rule does in a tick, by (rule, key, when it was triggered, place).
pub type Order = (String, String, Tick, usize);

#[derive(Clone, Debug)]
pub enum Deed {
    Effect(Effect),
    /// Kind, player, target, region, amount, attributes.
    Event(String, Sym, Sym, Sym, i64, Vec<(Sym, Value)>),
}

#[derive(Clone, Debug)]
pub struct Waiting {
    /// A tick, or world milliseconds.
    due: Result<Tick, i64>,
    depth: u32,
    deeds: Vec<(Order, Deed)>,
}

#[derive(Clone, Debug)]
pub enum Cause {
    Fact(Holder, String),
    Event(String, Sym),
}

#[derive(Default)]
pub struct Rules {
    pub defs: BTreeMap<String, RuleDef>,
    pub begun: bool,
    pub shown: Shown,
    pub fact_rows: BTreeMap<Vec<String>, Vec<Json>>,
    /// For the next tick.
    pub concluded: BTreeMap<Order, (Deed, u32)>,
    pub waiting: Vec<Waiting>,
    /// When it took effect, its depth, and what it was.
    pub acted: Vec<(Tick, u32, Cause)>,
    /// Rows that were there when rules were added.
    begins: Vec<Fired>,
    /// The quests as they were at the end of the tick before.
    pub quests: Quests,
}

#[derive(Clone, Debug)]
struct Fired {
    rule: String,
    view: &'static str,
    row: Vec<Json>,
    has_cause: bool,
}

/// Views to whose rows events lead.
const BY_EVENTS: [&str; 10] = [
    "quest_state",
    "objective_progress",
    "community_progress",
    "contributions",
    "grants",
    "past_grants",
    "levels",
    "npc_requests",
    "npc_lines",
    "facts",
];

fn column(view: &str, row: &[Json], name: &str) -> Option<Json> {
    let place = catalog::view(view)?.def().column(name)?;
    row.get(place).cloned()
}

fn text(view: &str, row: &[Json], name: &str) -> Option<String> {
    column(view, row, name)?.as_str().map(str::to_owned)
}

fn key(view: &'static str, row: &[Json]) -> Vec<String> {
    let columns = catalog::view(view).expect("a view").def().key;
    let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    row[1..columns].iter().map(plain).collect()
}

fn passes(view: &str, row: &[Json], filter: &BTreeMap<String, Test>) -> bool {
    filter.iter().all(|(name, test)| {
        let value = column(view, row, name).and_then(|json| Value::from_json(&json));
        test_holds(test, value.as_ref())
    })
}

impl Oracle {
    /// What rules concluded in the tick before: effects on facts, and events.
    pub fn take_ruled(&mut self, tick: Tick) -> (Vec<Effect>, Vec<Input>) {
        let (mut effects, mut events) = (Vec::new(), Vec::new());
        for (order, (deed, depth)) in std::mem::take(&mut self.rules.concluded) {
            match deed {
                Deed::Effect(effect) => {
                    let cause = Cause::Fact(effect.holder, effect.fact.clone());
                    self.rules.acted.push((tick, depth, cause));
                    effects.push(effect);
                }
                Deed::Event(kind, player, target, region, amount, with) => {
                    self.rules.acted.push((tick, depth, Cause::Event(kind.clone(), player)));
                    let (rule, key, at, place) = order;
                    events.push(Input::Event(Event {
                        at_ms: self.length.utc_ms(tick),
                        source: Sym::new("rules"),
                        id: EventId::Named(format!("{rule}/{key}/{at:015}/{place:03}").into()),
                        player,
                        kind: Sym::new(&kind),
                        target,
                        region,
                        amount,
                        with: (!with.is_empty()).then(|| with.into()),
                    }));
                }
            }
        }
        (effects, events)
    }

    /// The rows of `facts`, and how they have changed in this tick.
    pub fn note_facts(&mut self, tick: Tick) {
        let mut rows: BTreeMap<Vec<String>, Vec<Json>> = BTreeMap::new();
        for ((holder, fact), held) in &self.facts {
            let version = self.versions.get(&(*holder, fact.clone())).copied().unwrap_or(0);
            let row = vec![
                json!(self.realm.as_str()),
                json!(holder.scope.name()),
                json!(holder.id.as_str()),
                json!(fact),
                held.value.to_json(),
                json!(version),
                held.expires.map_or(Json::Null, |at| json!(at)),
            ];
            rows.insert(key("facts", &row), row);
        }
        let old = std::mem::replace(&mut self.rules.fact_rows, rows);
        let new = &self.rules.fact_rows;
        let mut changes: Vec<Seen> = Vec::new();
        for (_, row) in old.iter().filter(|(key, row)| new.get(*key) != Some(row)) {
            changes.push(("facts", row.clone(), tick, -1));
        }
        for (_, row) in new.iter().filter(|(key, row)| old.get(*key) != Some(row)) {
            changes.push(("facts", row.clone(), tick, 1));
        }
        self.changes.extend(changes);
    }

    /// Rules at the end of a tick, in which everything from `from` on of the changes has happened.
    pub fn run_rules(&mut self, tick: Tick, from: usize) {
        // Of each key that has changed, the row before and after.
        let mut changed = Changed::new();
        for (view, row, _, diff) in &self.changes[from..] {
            let (before, after) = changed.entry((*view, key(view, row))).or_default();
            if *diff > 0 {
                *after = Some(row.clone());
            } else if after.as_ref() == Some(row) {
                *after = None;
            } else {
                *before = Some(row.clone());
            }
        }
        for (key, (_, after)) in &changed {
            match after {
                Some(row) => drop(self.rules.shown.insert(key.clone(), row.clone())),
                None => drop(self.rules.shown.remove(key)),
            }
        }
        if self.rules.defs.is_empty() {
            return self.note_rows_seen(tick);
        }
        let defs = std::mem::take(&mut self.rules.defs);
        let mut fired = std::mem::take(&mut self.rules.begins);
        for (rule, def) in &defs {
            if self.rules.begun {
                let now = self.triggered(tick, rule, def, &changed);
                for one in now {
                    fired.retain(|old| {
                        (&old.rule, key(old.view, &old.row)) != (rule, key(one.view, &one.row))
                    });
                    fired.push(one);
                }
            } else if let Trigger::Appears(rows) | Trigger::AppearsOrChanges(rows) = &def.trigger
                && rows.existing
            {
                let there = self
                    .rules
                    .shown
                    .iter()
                    .filter(|((view, _), row)| **view == *rows.view && passes(view, row, &rows.filter));
                let there = there.map(|((view, _), row)| Fired {
                    rule: rule.clone(),
                    view,
                    row: row.clone(),
                    has_cause: false,
                });
                self.rules.begins.extend(there.collect::<Vec<_>>());
            }
        }
        if !self.rules.begins.is_empty() || !self.rules.begun {
            self.look.entry(tick + 1).or_default();
        }
        self.rules.begun = true;
        self.rules.acted.retain(|(at, _, _)| at + 7 >= tick);
        let world_ms = self.clock.world_ms(tick);
        let (due, later): (Vec<Waiting>, Vec<Waiting>) = std::mem::take(&mut self.rules.waiting)
            .into_iter()
            .partition(|waiting| waiting.due.map_or_else(|ms| ms <= world_ms, |at| at <= tick));
        self.rules.waiting = later;
        for Waiting { depth, deeds, .. } in due {
            self.rules.concluded.extend(deeds.into_iter().map(|(order, deed)| (order, (deed, depth))));
        }
        for one in fired {
            let def = &defs[&one.rule];
            self.act(tick, &one, def);
        }
        self.look_for_rules(tick, &defs);
        self.rules.defs = defs;
        self.note_rows_seen(tick);
    }

    fn triggered(&self, tick: Tick, rule: &str, def: &RuleDef, changed: &Changed) -> Vec<Fired> {
        let mut fired = Vec::new();
        let mut fire = |view: &'static str, row: &Vec<Json>, has_cause| {
            fired.push(Fired { rule: rule.to_owned(), view, row: row.clone(), has_cause });
        };
        let (rows, appears, changes, goes) = match &def.trigger {
            Trigger::Appears(rows) => (rows, true, false, false),
            Trigger::Changes(rows) => (rows, false, true, false),
            Trigger::AppearsOrChanges(rows) => (rows, true, true, false),
            Trigger::Goes(rows) => (rows, false, false, true),
            Trigger::Every(every) => {
                if self.is_over(every.span, tick) {
                    match &every.each {
                        None => fire("clock", &vec![json!(self.realm.as_str())], false),
                        Some(each) => {
                            for ((view, _), row) in &self.rules.shown {
                                if **view == *each.view && passes(view, row, &each.filter) {
                                    fire(view, row, false);
                                }
                            }
                        }
                    }
                }
                return fired;
            }
        };
        for (key, (before, after)) in changed.iter().filter(|(key, _)| *key.0 == *rows.view) {
            let was = before.as_ref().filter(|row| passes(key.0, row, &rows.filter));
            let is = after.as_ref().filter(|row| passes(key.0, row, &rows.filter));
            match (was, is) {
                (None, Some(row)) if appears => fire(key.0, row, true),
                (Some(old), Some(row)) if changes && old != row => fire(key.0, row, true),
                (Some(row), None) if goes => fire(key.0, row, true),
                _ => {}
            }
        }
        fired
    }

    fn is_over(&self, span: Span, tick: Tick) -> bool {
        let periods = |tick: Tick| {
            if span.world {
                self.clock.world_ms(tick).div_euclid(i64::try_from(span.ms).expect("small"))
            } else {
                self.length.utc_ms(tick).div_euclid(i64::try_from(span.ms).expect("small"))
            }
        };
        periods(tick) > periods(tick - 1)
    }

    /// Has later ticks looked at in which a period is over, or something is due.
    fn look_for_rules(&mut self, tick: Tick, defs: &BTreeMap<String, RuleDef>) {
        let mut ticks = Vec::new();
        for def in defs.values() {
            if let Trigger::Every(every) = &def.trigger {
                ticks.extend((tick + 1..tick + 100_000).find(|tick| self.is_over(every.span, *tick)));
            }
        }
        for waiting in &self.rules.waiting {
            ticks.push(match waiting.due {
                Ok(at) => at,
                Err(ms) => (tick + 1..).find(|tick| self.clock.world_ms(*tick) >= ms).expect("time runs"),
            });
        }
        if !self.rules.concluded.is_empty() {
            ticks.push(tick + 1);
        }
        for at in ticks {
            self.look.entry(at).or_default();
        }
    }

    fn holder_of_row(&self, view: &str, row: &[Json]) -> Holder {
        let scope = text(view, row, "scope")
            .and_then(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name));
        match (scope, text(view, row, "holder"), text(view, row, "player")) {
            (Some(scope), Some(id), _) => Holder { scope, id: Sym::new(&id) },
            (_, _, Some(id)) => Holder { scope: Scope::Player, id: Sym::new(&id) },
            _ => Holder { scope: Scope::Realm, id: self.realm },
        }
    }

    fn depth(&self, tick: Tick, fired: &Fired, holder: Holder) -> u32 {
        if !fired.has_cause {
            return 1;
        }
        let by_stories = |at: Tick, cause: &Cause| {
            let (from, apart) = match cause {
                Cause::Fact(of, fact) => (Ok(fact.as_str()), of.scope == Scope::Player && *of != holder),
                Cause::Event(kind, player) => (Err(kind.as_str()), !player.is_none() && *player != holder.id),
            };
            let fact = text(fired.view, &fired.row, "fact").filter(|_| fired.view == "facts");
            !(apart && holder.scope == Scope::Player)
                && self.stories_lead(from, tick - at, fired.view, fact.as_deref())
        };
        let led = self.rules.acted.iter().filter(|(at, _, cause)| {
            by_stories(*at, cause)
                || match cause {
                    Cause::Fact(of, fact) => {
                        *at == tick
                            && *of == holder
                            && fired.view == "facts"
                            && text(fired.view, &fired.row, "fact").as_ref() == Some(fact)
                    }
                    Cause::Event(..) if at + 1 < tick => false,
                    Cause::Event(kind, player) => {
                        if holder.scope == Scope::Player && holder.id != *player
                            || !BY_EVENTS.contains(&fired.view)
                        {
                            return false;
                        }
                        if fired.view == "facts" {
                            let fact = text(fired.view, &fired.row, "fact").expect("a fact");
                            return self.changes_fact(&fact, kind);
                        }
                        text(fired.view, &fired.row, "quest").is_none_or(|quest| self.counts(&quest, kind))
                    }
                }
        });
        1 + led.map(|(_, depth, _)| *depth).max().unwrap_or(0)
    }

    /// Whether an event of a kind changes a fact, by itself or by a quest.
    pub fn changes_fact(&self, fact: &str, kind: &str) -> bool {
        let updated = self
            .world
            .facts
            .get(fact)
            .is_some_and(|def| def.changed_by.iter().any(|update| update.pattern.event == *kind));
        let by_quest = self.quests.iter().any(|(quest, def)| {
            let changes = def.effects.iter().any(|effect| match effect {
                worldflow_schemas::definitions::Effect::Set { fact: of, .. }
                | worldflow_schemas::definitions::Effect::Add { fact: of, .. } => of == fact,
            });
            changes && self.counts(quest, kind)
        });
        updated || by_quest
    }

    /// Whether a quest names a kind of event.
    fn counts(&self, quest: &str, kind: &str) -> bool {
        let Some(def) = self.quests.get(quest) else { return false };
        let objectives: Vec<_> = def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter()).collect();
        let mut counters = objectives.iter().filter_map(|(_, objective)| objective.lifetime.as_ref());
        kind.starts_with("quest.")
            || objectives.iter().any(|(_, objective)| objective.event == kind)
            || def.fail_on.iter().any(|pattern| pattern.event == kind)
            || counters.any(|name| self.world.lifetime.get(name).is_some_and(|c| c.pattern.event == kind))
    }

    fn act(&mut self, tick: Tick, fired: &Fired, def: &RuleDef) {
        let by_time = fired.view == "clock";
        let holder = match by_time {
            true => Holder { scope: Scope::Realm, id: self.realm },
            false => self.holder_of_row(fired.view, &fired.row),
        };
        std::mem::swap(&mut self.quests, &mut self.rules.quests);
        let holds = self.holds(tick, &def.when, &self.by_itself(holder));
        std::mem::swap(&mut self.quests, &mut self.rules.quests);
        if !holds {
            return;
        }
        let key = match by_time {
            true => self.realm.as_str().to_owned(),
            false => {
                let parts = key(fired.view, &fired.row);
                let parts: Vec<String> =
                    parts.iter().map(|part| part.replace('%', "%25").replace('/', "%2F")).collect();
                parts.join("/")
            }
        };
        if let Some(chance) = &def.chance {
            let millionths = Value::from_json(&Json::Number(chance.clone())).and_then(|n| n.as_millionths());
            let named = format!("{}/{key}", fired.rule);
            let drawn = chance::below(self.world.seed, "rules", &named, tick, 1_000_000);
            if i128::from(drawn) >= millionths.expect("a number") {
                return;
            }
        }
        let depth = self.depth(tick, fired, holder);
        if depth > 16 {
            self.too_deep += 1;
            return;
        }
        let mut deeds = Vec::new();
        for (place, action) in def.actions.iter().enumerate() {
            if let Some(deed) =
                self.deed(fired, holder, action, &format!("{}/{key}/{place:03}", fired.rule), tick)
            {
                deeds.push(((fired.rule.clone(), key.clone(), tick, place), deed));
            }
        }
        match def.after {
            None => {
                self.rules.concluded.extend(deeds.into_iter().map(|(order, deed)| (order, (deed, depth))))
            }
            Some(span) => {
                let due = match span.world {
                    true => Err(self.clock.world_ms(tick) + i64::try_from(span.ms).expect("small")),
                    false => Ok(tick + self.clock.ticks(span)),
                };
                self.rules.waiting.push(Waiting { due, depth, deeds });
            }
        }
    }

    fn deed(&self, fired: &Fired, holder: Holder, action: &Action, by: &str, tick: Tick) -> Option<Deed> {
        let drawn = |def: &DrawnDef, name: &str| self.number_drawn(fired, def, &format!("{by}/{name}"), tick);
        let given = |given: &Given, name: &str| match given {
            Given::Drawn(def) => drawn(def, name),
            Given::Is(json) => Value::from_json(json).expect("a scalar"),
            Given::Column(def) => taken(fired, def),
        };
        let amount = |amount: &Amount| match amount {
            Amount::Drawn(def) => drawn(def, "by"),
            Amount::Is(number) => Value::from_json(&Json::Number(number.clone())).expect("a number"),
            Amount::Column(def) => taken(fired, def),
        };
        let (fact, of, change) = match action {
            Action::Set { fact, of, to } => (fact, of, FactChange::Set(given(to, "to"))),
            Action::Add { fact, of, by } => (fact, of, FactChange::Add(amount(by))),
            Action::Clamp { fact, of, at_least, at_most } => {
                let bound = |bound: &Option<serde_json::Number>| {
                    bound
                        .as_ref()
                        .and_then(|n| Value::from_json(&Json::Number(n.clone())))
                        .unwrap_or(Value::Null)
                };
                (fact, of, FactChange::Clamp(bound(at_least), bound(at_most)))
            }
            Action::Emit(def) => return Some(self.happens(fired, holder, def, by, tick)),
        };
        let scope = self.world.facts.get(fact).expect("checked").scope;
        let holder = match of {
            None => self.holder_of(scope, &self.by_itself(holder))?,
            Some(of) => Holder { scope, id: Sym::new(given(of, "of").as_str()?) },
        };
        Some(Deed::Effect(Effect { holder, fact: fact.clone(), change }))
    }

    fn happens(&self, fired: &Fired, holder: Holder, def: &EmitDef, by: &str, tick: Tick) -> Deed {
        let drawn = |def: &DrawnDef, name: &str| self.number_drawn(fired, def, &format!("{by}/{name}"), tick);
        let given = |given: &Given, name: &str| match given {
            Given::Drawn(def) => drawn(def, name),
            Given::Is(json) => Value::from_json(json).expect("a scalar"),
            Given::Column(def) => taken(fired, def),
        };
        let id =
            |of: &Option<Given>| of.as_ref().map(|of| given(of, "").as_str().map_or(Sym::NONE, Sym::new));
        let own = |scope| if holder.scope == scope { holder.id } else { Sym::NONE };
        let amount = def.amount.as_ref().map_or(Value::Int(1), |amount| match amount {
            Amount::Drawn(def) => drawn(def, "amount"),
            Amount::Is(number) => Value::from_json(&Json::Number(number.clone())).expect("a number"),
            Amount::Column(def) => taken(fired, def),
        });
        let most = self.world.kinds.get(&def.event).map_or(1, |kind| i64::from(kind.max_amount));
        let whole = amount.as_millionths().unwrap_or(0) / 1_000_000;
        let mut with: Vec<(Sym, Value)> =
            def.with.iter().map(|(name, value)| (Sym::new(name), given(value, name))).collect();
        with.retain(|(_, value)| *value != Value::Null);
        with.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
        Deed::Event(
            def.event.clone(),
            id(&def.player).unwrap_or(own(Scope::Player)),
            id(&def.target).unwrap_or(Sym::NONE),
            id(&def.region).unwrap_or(own(Scope::Region)),
            i64::try_from(whole.clamp(0, most.into())).expect("clamped"),
            with,
        )
    }
}

impl Oracle {
    /// Every millionth, or every whole number, between two is as probable.
    fn number_drawn(&self, fired: &Fired, def: &DrawnDef, key: &str, tick: Tick) -> Value {
        let [least, most] = def.between.each_ref().map(|number| {
            let number = Value::from_json(&Json::Number(number.clone())).and_then(|n| n.as_millionths());
            i64::try_from(number.expect("a number")).expect("small")
        });
        let step = if def.whole { 1_000_000 } else { 1 };
        let count = u64::try_from((most - least) / step + 1).expect("the least comes first");
        let n = chance::below(self.world.seed, "rules", key, tick, count);
        let millionths = least + i64::try_from(n).expect("small") * step;
        match &def.times {
            None if def.whole => Value::Int(millionths / 1_000_000),
            None => Value::Dec(millionths),
            Some(column) => {
                let times = serde_json::Number::from_f64(1.0);
                let of = taken(fired, &ColumnDef { column: column.clone(), times });
                let Some(of) = of.as_millionths() else { return Value::Null };
                Value::Dec(i64::try_from(of * i128::from(millionths) / 1_000_000).expect("small"))
            }
        }
    }
}

fn taken(fired: &Fired, def: &ColumnDef) -> Value {
    let value = column(fired.view, &fired.row, &def.column).and_then(|json| Value::from_json(&json));
    let value = value.unwrap_or(Value::Null);
    match &def.times {
        None => value,
        Some(times) => {
            let times = Value::from_json(&Json::Number(times.clone())).and_then(|n| n.as_millionths());
            let (Some(n), Some(times)) = (value.as_millionths(), times) else { return Value::Null };
            Value::Dec(i64::try_from(n * times / 1_000_000).expect("small"))
        }
    }
}
