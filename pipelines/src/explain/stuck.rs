//! Who is stuck on a quest, and where: its open holders by stage and by what is missing, and how long ago each of them last
//! got further.
//!
//! `rebuilt views (who stands where) × changes on the way there (when a counter last grew) → StuckTold`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_operators::quests::traced::Moved;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::{Aggregate, QuestDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::finish::ways;
use super::moments::Moments;
use super::text::Tree;
use super::{At, Begin, ExplainError, Seen, Trace};
use crate::columns::Columns;
use crate::spans::span;

/// The first few holders of each group that are named.
const NAMED: usize = 5;

/// Who is stuck on a quest, and where.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StuckTold {
    /// The realm.
    pub realm: String,
    /// The quest.
    pub quest: String,
    /// The end of this tick is what is spoken of.
    #[serde(flatten)]
    pub now: At,
    /// How many holders have it open.
    pub holders: u64,
    /// By stage, in the order in which most of them stand there.
    pub stages: Vec<StuckStage>,
    /// The moment that was asked for, where it is later than the last that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<At>,
    /// From when on it was looked at who got further; `None`: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_from: Option<At>,
}

/// Those in a stage.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StuckStage {
    /// The stage.
    pub stage: String,
    /// `active`, or `ready` where it only waits to be turned in.
    pub state: String,
    /// What they have in common.
    #[serde(flatten)]
    pub all: StuckOn,
    /// By what is missing, most first.
    pub missing: Vec<StuckOn>,
}

/// Some holders.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StuckOn {
    /// The objectives that are not done, and of which some or all are needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<String>,
    /// How much of them is needed, in words: `wolves and herbs`, `2 of wolves, herbs and ore`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub needed: String,
    /// How many.
    pub holders: u64,
    /// For half of them it is at least so many milliseconds since they last got further ...
    pub idle_p50_ms: u64,
    /// ... and for a tenth.
    pub idle_p90_ms: u64,
    /// The first few by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<StuckHolder>,
}

/// A holder.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StuckHolder {
    /// What kind.
    pub scope: String,
    /// Which.
    pub holder: String,
    /// How far each of the objectives is, in their order: `2/3`.
    pub progress: Vec<String>,
    /// How long ago it last got further, in milliseconds.
    pub idle_ms: u64,
    /// Whether it is longer, since what is kept says nothing of the time before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub at_least: bool,
}

/// A holder by scope and id.
type Key = [Value; 2];
/// A holder's stage and objective.
type Place = (Key, Value, Value);

/// When each holder last got further.
struct Furthest {
    /// The ids of the quest, and since when it has each.
    ids: Vec<(Tick, Value)>,
    /// What edits have given other ids.
    moved: Vec<Moved>,
    /// The objectives of which the least counts, by stage and id.
    least: Vec<(String, String)>,
    /// How far each objective is, as it was last told: its value, and whether it is done.
    far: FxHashMap<Place, (i64, bool)>,
    last: FxHashMap<Key, Tick>,
    /// The first tick that was told.
    first: Option<Tick>,
}

impl Furthest {
    fn of(def: &QuestDef, (quest, later): (Sym, &[(Tick, Sym)]), moved: Vec<Moved>) -> Furthest {
        let stages = def.stages.iter();
        let objectives =
            stages.flat_map(|(stage, def)| def.objectives.iter().map(move |(id, def)| (stage, id, def)));
        let least = objectives.filter(|(_, _, def)| def.aggregate().0 == Aggregate::Min);
        let least = least.map(|(stage, id, _)| (stage.to_owned(), id.to_owned())).collect();
        let ids = std::iter::once((0, quest)).chain(later.iter().copied());
        Furthest {
            ids: ids.map(|(tick, id)| (tick, Value::id(id))).collect(),
            moved,
            least,
            far: FxHashMap::default(),
            last: FxHashMap::default(),
            first: None,
        }
    }

    fn take(&mut self, tick: Tick, changes: &[(ViewId, Row, Diff)]) {
        // Where a snapshot is loaded everything is told, and nobody has got further.
        let first = *self.first.get_or_insert(tick) == tick;
        let view = Columns(catalog::OBJECTIVE_PROGRESS);
        // In the tick of a move the rows under the former id go, and those under the new one come.
        let last = self.ids.partition_point(|(since, _)| *since <= tick).saturating_sub(1);
        let first_id = if self.ids[last].0 == tick { last.saturating_sub(1) } else { last };
        let named = &self.ids[first_id..=last];
        let of_quest = |(id, row, _): &&(ViewId, Row, Diff)| {
            *id == catalog::OBJECTIVE_PROGRESS
                && named.iter().any(|(_, name)| name == view.value(row, "quest"))
        };
        let of_quest: Vec<_> = changes.iter().filter(of_quest).collect();
        let place = |row: &Row| -> Place {
            let [scope, holder, stage, objective] =
                ["scope", "holder", "stage", "objective"].map(|name| view.value(row, name).clone());
            ([scope, holder], stage, objective)
        };
        // What is told anew is taken away first; of a stage that has closed that is all.
        let gone = of_quest.iter().filter(|(_, _, diff)| *diff < 0);
        let mut was: FxHashMap<Place, (i64, bool)> =
            gone.filter_map(|(_, row, _)| self.far.remove_entry(&place(row))).collect();
        let now_called = self.ids[last].1.as_str();
        let moved = self.moved.iter().filter(|of| of.tick == tick && now_called == Some(of.quest.as_str()));
        let renamed: FxHashMap<_, _> =
            moved.flat_map(|of| &of.objectives).map(|[was, now]| (*was, *now)).collect();
        if !renamed.is_empty() {
            let id = |value: &Value| value.as_str().map_or(Sym::NONE, Sym::new);
            let called_now = |((key, stage, objective), far): (Place, (i64, bool))| {
                let now = renamed.get(&(id(&stage), id(&objective)));
                let (stage, objective) =
                    now.map_or((stage, objective), |(s, o)| (Value::id(*s), Value::id(*o)));
                ((key, stage, objective), far)
            };
            was = was.into_iter().map(called_now).collect();
        }
        for (_, row, _) in of_quest.iter().filter(|(_, _, diff)| *diff > 0) {
            let place = place(row);
            let now = (view.int(row, "value"), view.is_true(row, "done"));
            let is_least = self.is_least(&place.1, &place.2);
            let key = place.0.clone();
            // Where another world begins to rule, everything is told again without having been taken away.
            let was = was.remove(&place).or(self.far.get(&place).copied());
            self.far.insert(place, now);
            // A stage that opens is progress too; what passes, is lost or set back is none.
            let further = match was {
                None => true,
                Some((_, false)) if now.1 => true,
                Some((was, _)) if is_least => now.0 > 0 && (was == 0 || now.0 < was),
                Some((was, _)) => now.0 > was,
            };
            if further && !first {
                self.last.insert(key, tick);
            }
        }
    }

    fn is_least(&self, stage: &Value, objective: &Value) -> bool {
        let is = |value: &Value, name: &String| value.as_str() == Some(name);
        self.least.iter().any(|(of, id)| is(stage, of) && is(objective, id))
    }
}

/// Says who is stuck on a quest.
///
/// # Errors
/// When the folder no longer holds that moment, or there is no such quest.
pub async fn stuck(of: &super::Explain) -> Result<StuckTold, ExplainError> {
    let trace = Trace::of(of)?;
    let realm = Holder { scope: Scope::Realm, id: of.realm };
    // What the quest is; then how it came there.
    let def = trace.def(&trace.run(realm, Begin::Newest).await?)?;
    let found = Furthest::of(&def, (of.quest, &[]), Vec::new());
    let (mut seen, mut last) = follow(&trace, realm, found).await?;
    // It had other ids, or something of it had: it is followed once more, under each.
    let (quest, ids) = seen.collected.ids(of.quest);
    if !ids.is_empty() || seen.collected.moved.iter().any(|moved| moved.quest == of.quest) {
        let found = Furthest::of(&def, (quest, &ids), std::mem::take(&mut seen.collected.moved));
        (seen, last) = follow(&trace, realm, found).await?;
    }
    let (quest, until, moments) = (of.quest, trace.until, trace.moments);
    let now = Now { quest, def: &def, until, moments, from: seen.rebuilt.snapshot, last };
    let told = now.told(&seen.rebuilt.views);
    Ok(StuckTold { realm: of.realm.to_string(), asked: trace.later.clone(), ..told })
}

/// Looks at everything that is kept: when each holder last got further.
async fn follow(
    trace: &Trace<'_>,
    realm: Holder,
    furthest: Furthest,
) -> Result<(Seen, FxHashMap<Key, Tick>), ExplainError> {
    let furthest = Arc::new(Mutex::new(furthest));
    let told = Arc::clone(&furthest);
    let recorder = Box::new(move |tick: Tick, changes: &[(ViewId, Row, Diff)]| {
        told.lock().unwrap_or_else(PoisonError::into_inner).take(tick, changes);
    });
    let quest = (trace.of.quest, Vec::new());
    let seen = trace.run_as(realm, Begin::First(Some(recorder)), quest).await?;
    let last = std::mem::take(&mut furthest.lock().unwrap_or_else(PoisonError::into_inner).last);
    Ok((seen, last))
}

/// What is known at the end.
struct Now<'a> {
    quest: Sym,
    def: &'a QuestDef,
    until: Tick,
    moments: Moments,
    from: Option<Tick>,
    last: FxHashMap<Key, Tick>,
}

/// An objective of a holder: how far it is, whether it is done, and whether it is hidden.
struct Far {
    progress: String,
    done: bool,
    hidden: bool,
}

/// The objectives of a holder by id.
type Open = BTreeMap<String, Far>;

/// The objectives that are not done, and how much of them is needed.
type Group = (Vec<String>, String);

impl Now<'_> {
    fn told(&self, views: &ViewStore) -> StuckTold {
        let open = self.open(views);
        let view = Columns(catalog::QUEST_STATE);
        let filter = self.of_quest(catalog::QUEST_STATE);
        let mut stages: BTreeMap<(String, String), BTreeMap<Group, Vec<StuckHolder>>> = BTreeMap::new();
        for row in views.read(catalog::QUEST_STATE).rows(&filter) {
            let state = view.value(row, "state").to_string();
            if state != "active" && state != "ready" {
                continue;
            }
            let key: Key = ["scope", "holder"].map(|name| view.value(row, name).clone());
            let stage = view.value(row, "stage").to_string();
            let none = Open::new();
            let open = if state == "ready" { &none } else { open.get(&key).unwrap_or(&none) };
            let group = self.missing(&stage, open);
            let holder = self.holder(&key, view.count(row, "since"), open, &group.0);
            stages.entry((stage, state)).or_default().entry(group).or_default().push(holder);
        }
        let mut stages: Vec<StuckStage> =
            stages.into_iter().map(|(key, groups)| stage(key, groups)).collect();
        stages.sort_by_key(|of| std::cmp::Reverse(of.all.holders));
        StuckTold {
            quest: self.quest.to_string(),
            now: self.moments.at(self.until),
            holders: stages.iter().map(|of| of.all.holders).sum(),
            stages,
            looked_from: self.from.map(|tick| self.moments.at(tick)),
            ..StuckTold::default()
        }
    }

    fn of_quest(&self, view: ViewId) -> Filter {
        let column = view.def().column("quest").expect("the catalog has it");
        Filter::all().and(column, [Value::id(self.quest)])
    }

    /// How far the objectives of each holder's open stage are.
    fn open(&self, views: &ViewStore) -> BTreeMap<Key, Open> {
        let view = Columns(catalog::OBJECTIVE_PROGRESS);
        let mut all: BTreeMap<Key, Open> = BTreeMap::new();
        let filter = self.of_quest(catalog::OBJECTIVE_PROGRESS);
        for row in views.read(catalog::OBJECTIVE_PROGRESS).rows(&filter) {
            let key: Key = ["scope", "holder"].map(|name| view.value(row, name).clone());
            let far = Far {
                progress: format!("{}/{}", view.count(row, "value"), view.count(row, "need")),
                done: view.is_true(row, "done"),
                hidden: view.is_true(row, "hidden"),
            };
            all.entry(key).or_default().insert(view.value(row, "objective").to_string(), far);
        }
        all
    }

    /// What is not done of a stage, and needed: neither what is optional nor what is hidden, and of branches each.
    fn missing(&self, stage: &str, open: &Open) -> Group {
        let Some(def) = self.def.stages.get(stage) else { return Group::default() };
        let ways = ways(def, |id| open.get(id).map(|far| far.done));
        if ways.iter().any(|way| way.objectives.is_empty()) {
            return Group::default();
        }
        let mut objectives: Vec<String> = Vec::new();
        let mut said = Vec::new();
        for way in &ways {
            let ids = way.objectives.iter().map(|(id, _)| *id);
            let ids: Vec<&str> = ids.filter(|id| open.get(*id).is_some_and(|far| !far.hidden)).collect();
            let of = way.of.map(|of| format!("{of} of ")).unwrap_or_default();
            let by = way.branch.map(|branch| format!(" (branch {branch})")).unwrap_or_default();
            said.push(format!("{of}{}{by}", all_of(&ids)));
            for id in ids {
                if !objectives.iter().any(|other| other == id) {
                    objectives.push(id.to_owned());
                }
            }
        }
        (objectives, said.join(", or "))
    }

    fn holder(&self, key: &Key, since: Tick, open: &Open, objectives: &[String]) -> StuckHolder {
        let last = self.last.get(key).copied().max(Some(since)).unwrap_or(since);
        let known_from = self.from.unwrap_or(0);
        let at_least = last <= known_from && known_from > 0;
        let tick_ms = u64::from(self.moments.length.tick_ms);
        let progress = objectives.iter().filter_map(|id| open.get(id)).map(|far| far.progress.clone());
        StuckHolder {
            scope: key[0].to_string(),
            holder: key[1].to_string(),
            progress: progress.collect(),
            idle_ms: self.until.saturating_sub(last.max(known_from)).saturating_mul(tick_ms),
            at_least,
        }
    }
}

/// `wolves`, `wolves and herbs`, `wolves, herbs and ore`.
fn all_of(ids: &[&str]) -> String {
    match ids {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn stage((stage, state): (String, String), groups: BTreeMap<Group, Vec<StuckHolder>>) -> StuckStage {
    let everyone: Vec<u64> = groups.values().flatten().map(|holder| holder.idle_ms).collect();
    let mut missing: Vec<StuckOn> = groups
        .into_iter()
        .map(|((objectives, needed), mut holders)| {
            // Who waits longest comes first.
            holders.sort_by(|a, b| b.idle_ms.cmp(&a.idle_ms).then_with(|| a.holder.cmp(&b.holder)));
            let idle: Vec<u64> = holders.iter().map(|holder| holder.idle_ms).collect();
            let on = idleness(idle);
            holders.truncate(NAMED);
            StuckOn { objectives, needed, first: holders, ..on }
        })
        .collect();
    missing.sort_by(|a, b| b.holders.cmp(&a.holders).then_with(|| a.objectives.cmp(&b.objectives)));
    StuckStage { stage, state, all: idleness(everyone), missing }
}

/// How long holders have been idle.
fn idleness(mut idle: Vec<u64>) -> StuckOn {
    idle.sort_unstable();
    // The value below which so many hundredths lie, the nearest one at or above.
    let share = |hundredths: usize| {
        let rank = (idle.len() * hundredths).div_ceil(100).max(1) - 1;
        idle.get(rank).copied().unwrap_or(0)
    };
    StuckOn {
        holders: u64::try_from(idle.len()).unwrap_or(u64::MAX),
        idle_p50_ms: share(50),
        idle_p90_ms: share(90),
        ..StuckOn::default()
    }
}

/// Who is stuck as text; ends with a line's end.
#[must_use]
pub fn stuck_text(told: &StuckTold) -> String {
    let holders = |count: u64| if count == 1 { "1 holder".to_owned() } else { format!("{count} holders") };
    let idle = |on: &StuckOn| format!("p50 {}, p90 {}", span(on.idle_p50_ms), span(on.idle_p90_ms));
    let mut tree = Tree::default();
    tree.line(0, &format!("{}: {} at {}", told.quest, open(told.holders), told.now.at));
    tree.asked(0, told.asked.as_ref());
    for of in &told.stages {
        let state = if of.state == "ready" { ", waits to be turned in" } else { "" };
        let (all, on) = (holders(of.all.holders), idle(&of.all));
        tree.line(0, &format!("\nstage {}{state}: {all}, without progress for {on}", of.stage));
        for on in &of.missing {
            let what = match on.needed.as_str() {
                "" => "nothing is missing".to_owned(),
                needed => format!("without {needed}"),
            };
            tree.line(1, &format!("{what}: {}, {}", holders(on.holders), idle(on)));
            on.first.iter().for_each(|holder| named(&mut tree, &on.objectives, holder));
        }
    }
    if let Some(from) = &told.looked_from {
        tree.line(
            0,
            &format!("\nlooked at progress from {} on (the snapshot of tick {})", from.at, from.tick),
        );
    }
    tree.0
}

fn named(tree: &mut Tree, objectives: &[String], of: &StuckHolder) {
    let least = if of.at_least { "at least " } else { "" };
    let progress = objectives.iter().zip(&of.progress).map(|(id, far)| format!("{id} {far}"));
    let progress = progress.collect::<Vec<_>>().join(", ");
    let gap = if progress.is_empty() { "" } else { " " };
    tree.line(2, &format!("{} {}{gap}{progress}, {least}{}", of.scope, of.holder, span(of.idle_ms)));
}

fn open(holders: u64) -> String {
    match holders {
        0 => "nobody has it open".to_owned(),
        1 => "1 holder has it open".to_owned(),
        many => format!("{many} holders have it open"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_nearest_holder() {
        for (idle, p50, p90) in
            [(vec![7], 7, 7), (vec![3, 1, 2, 4], 2, 4), ((1..=10).rev().collect(), 5, 9), (vec![], 0, 0)]
        {
            let on = idleness(idle.clone());
            assert_eq!((on.idle_p50_ms, on.idle_p90_ms), (p50, p90), "{idle:?}");
        }
    }
}
