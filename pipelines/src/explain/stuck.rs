//! Who is stuck on a quest, and where: its open holders by stage and by what is missing, and how long ago each of them last
//! got further.
//!
//! `rebuilt views (who stands where) × changes on the way there (when a counter last changed) → StuckTold`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_engine::rebuild::retrace;
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::moments::{Moments, span};
use super::{At, ExplainError};
use crate::graph::graphs;

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
    /// The objectives that are not done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<String>,
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

/// When each holder last got further.
#[derive(Default)]
struct Furthest {
    /// The value of each objective, as it was last told.
    values: FxHashMap<(Key, Value, Value), Value>,
    last: FxHashMap<Key, Tick>,
    /// The first tick that was told.
    first: Option<Tick>,
}

impl Furthest {
    fn take(&mut self, quest: Sym, tick: Tick, changes: &[(ViewId, Row, Diff)]) {
        // Where a snapshot is loaded everything is told, and nobody has got further.
        let first = *self.first.get_or_insert(tick) == tick;
        let view = Columns(catalog::OBJECTIVE_PROGRESS);
        let named = Value::id(quest);
        let of_quest = |row: &Row| *view.value(row, "quest") == named;
        for (id, row, diff) in changes {
            if *id != catalog::OBJECTIVE_PROGRESS || *diff < 0 || !of_quest(row) {
                continue;
            }
            let key: Key = ["scope", "holder"].map(|name| view.value(row, name).clone());
            let [stage, objective, value] =
                ["stage", "objective", "value"].map(|name| view.value(row, name).clone());
            let before = self.values.insert((key.clone(), stage, objective), value.clone());
            let same = before.as_ref() == Some(&value);
            // A stage that opens is progress too.
            if !first && !same {
                self.last.insert(key, tick);
            }
        }
    }
}

struct Columns(ViewId);

impl Columns {
    fn value<'r>(&self, row: &'r Row, name: &str) -> &'r Value {
        &row[self.0.def().column(name).expect("the catalog has it")]
    }

    fn number(&self, row: &Row, name: &str) -> u64 {
        match self.value(row, name) {
            Value::Int(number) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    fn is_true(&self, row: &Row, name: &str) -> bool {
        *self.value(row, name) == Value::Bool(true)
    }
}

/// Says who is stuck on a quest.
///
/// # Errors
/// When the folder no longer holds that moment.
pub async fn stuck(of: &super::Explain) -> Result<StuckTold, ExplainError> {
    let (config, until, moments) = super::past(of)?;
    let furthest = Arc::new(Mutex::new(Furthest::default()));
    let (told, quest) = (Arc::clone(&furthest), of.quest);
    let recorder = Box::new(move |tick: Tick, changes: &[(ViewId, Row, Diff)]| {
        told.lock().unwrap_or_else(PoisonError::into_inner).take(quest, tick, changes);
    });
    let rebuilt = retrace(&config, i64::MIN, graphs(of.realm), Some(recorder)).await?;
    let furthest = std::mem::take(&mut *furthest.lock().unwrap_or_else(PoisonError::into_inner));
    let now = Now { quest, until, moments, from: rebuilt.snapshot, furthest };
    let mut told = now.told(&rebuilt.views);
    told.realm = of.realm.to_string();
    Ok(told)
}

/// What is known at the end.
struct Now {
    quest: Sym,
    until: Tick,
    moments: Moments,
    from: Option<Tick>,
    furthest: Furthest,
}

/// A holder's objectives that are not done.
type Missing = BTreeMap<String, String>;

impl Now {
    fn told(&self, views: &ViewStore) -> StuckTold {
        let missing = self.missing(views);
        let view = Columns(catalog::QUEST_STATE);
        let filter = self.of_quest(catalog::QUEST_STATE);
        let mut stages: BTreeMap<(String, String), BTreeMap<Vec<String>, Vec<StuckHolder>>> = BTreeMap::new();
        for row in views.read(catalog::QUEST_STATE).rows(&filter) {
            let state = view.value(row, "state").to_string();
            if state != "active" && state != "ready" {
                continue;
            }
            let key: Key = ["scope", "holder"].map(|name| view.value(row, name).clone());
            let none = Missing::new();
            let missing = if state == "ready" { &none } else { missing.get(&key).unwrap_or(&none) };
            let holder = self.holder(&key, view.number(row, "since"), missing);
            let stage = view.value(row, "stage").to_string();
            let objectives = missing.keys().cloned().collect();
            stages.entry((stage, state)).or_default().entry(objectives).or_default().push(holder);
        }
        let mut stages: Vec<StuckStage> =
            stages.into_iter().map(|(key, groups)| stage(key, groups)).collect();
        stages.sort_by_key(|of| std::cmp::Reverse(of.all.holders));
        StuckTold {
            realm: String::new(),
            quest: self.quest.to_string(),
            now: self.moments.at(self.until),
            holders: stages.iter().map(|of| of.all.holders).sum(),
            stages,
            looked_from: self.from.map(|tick| self.moments.at(tick)),
        }
    }

    fn of_quest(&self, view: ViewId) -> Filter {
        let column = view.def().column("quest").expect("the catalog has it");
        Filter::all().and(column, [Value::id(self.quest)])
    }

    /// What each holder has not done, with how far it is.
    fn missing(&self, views: &ViewStore) -> BTreeMap<Key, Missing> {
        let view = Columns(catalog::OBJECTIVE_PROGRESS);
        let mut all: BTreeMap<Key, Missing> = BTreeMap::new();
        let filter = self.of_quest(catalog::OBJECTIVE_PROGRESS);
        for row in views.read(catalog::OBJECTIVE_PROGRESS).rows(&filter) {
            if view.is_true(row, "done") || view.is_true(row, "hidden") {
                continue;
            }
            let key: Key = ["scope", "holder"].map(|name| view.value(row, name).clone());
            let progress = format!("{}/{}", view.number(row, "value"), view.number(row, "need"));
            all.entry(key).or_default().insert(view.value(row, "objective").to_string(), progress);
        }
        all
    }

    fn holder(&self, key: &Key, since: Tick, missing: &Missing) -> StuckHolder {
        let last = self.furthest.last.get(key).copied().max(Some(since)).unwrap_or(since);
        let known_from = self.from.unwrap_or(0);
        let at_least = last <= known_from && known_from > 0;
        let tick_ms = u64::from(self.moments.length.tick_ms);
        StuckHolder {
            scope: key[0].to_string(),
            holder: key[1].to_string(),
            progress: missing.values().cloned().collect(),
            idle_ms: self.until.saturating_sub(last.max(known_from)).saturating_mul(tick_ms),
            at_least,
        }
    }
}

fn stage((stage, state): (String, String), groups: BTreeMap<Vec<String>, Vec<StuckHolder>>) -> StuckStage {
    let everyone: Vec<u64> = groups.values().flatten().map(|holder| holder.idle_ms).collect();
    let mut missing: Vec<StuckOn> = groups
        .into_iter()
        .map(|(objectives, mut holders)| {
            // Who waits longest comes first.
            holders.sort_by(|a, b| b.idle_ms.cmp(&a.idle_ms).then_with(|| a.holder.cmp(&b.holder)));
            let idle: Vec<u64> = holders.iter().map(|holder| holder.idle_ms).collect();
            let mut on = of(idle);
            holders.truncate(NAMED);
            (on.objectives, on.first) = (objectives, holders);
            on
        })
        .collect();
    missing.sort_by(|a, b| b.holders.cmp(&a.holders).then_with(|| a.objectives.cmp(&b.objectives)));
    StuckStage { stage, state, all: of(everyone), missing }
}

fn of(mut idle: Vec<u64>) -> StuckOn {
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
    let mut text = format!("{}: {} at {}\n", told.quest, open(told.holders), told.now.at);
    for of in &told.stages {
        let state = if of.state == "ready" { ", waits to be turned in" } else { "" };
        let (all, on) = (holders(of.all.holders), idle(&of.all));
        let _infallible = writeln!(text, "\nstage {}{state}: {all}, without progress for {on}", of.stage);
        for on in &of.missing {
            let what = if on.objectives.is_empty() {
                "nothing is missing".to_owned()
            } else {
                format!("without {}", on.objectives.join(" and "))
            };
            let _infallible = writeln!(text, "  {what}: {}, {}", holders(on.holders), idle(on));
            for holder in &on.first {
                let least = if holder.at_least { "at least " } else { "" };
                let progress = on.objectives.iter().zip(&holder.progress);
                let progress: Vec<String> = progress.map(|(id, far)| format!("{id} {far}")).collect();
                let (name, progress) = (&holder.holder, progress.join(", "));
                let gap = if progress.is_empty() { "" } else { " " };
                let _infallible = writeln!(
                    text,
                    "    {} {name}{gap}{progress}, {least}{}",
                    holder.scope,
                    span(holder.idle_ms)
                );
            }
        }
    }
    if let Some(from) = &told.looked_from {
        let _infallible =
            writeln!(text, "\nlooked at progress from {} on (the snapshot of tick {})", from.at, from.tick);
    }
    text
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
            let on = of(idle.clone());
            assert_eq!((on.idle_p50_ms, on.idle_p90_ms), (p50, p90), "{idle:?}");
        }
    }
}
