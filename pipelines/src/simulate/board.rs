//! What players can know: the rows of the views, as they stand after the last tick.
//!
//! `changes of a tick ─apply→ clock, weather, facts, levels, where holders stand` and every change of a standing is told.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::arcs::OpenWays;
use super::tally::Tally;

/// The changes of one tick.
pub(super) type Changes = Vec<(ViewId, Row, Diff)>;

/// Who holds a quest: the scope, and the id within it.
pub(super) type Who = (Scope, Sym);

/// Where a holder stands with a quest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    pub(super) state: QuestState,
    pub(super) instance: i64,
    /// The open stage; empty when none is.
    pub(super) stage: &'static str,
    pub(super) since: Tick,
    pub(super) completions: i64,
}

/// An objective of an open stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open {
    pub(super) value: i64,
    pub(super) need: i64,
    pub(super) done: bool,
    pub(super) hidden: bool,
}

/// The clock's row.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    world_ms: i64,
    since: Tick,
    scale: (i64, i64),
    pub(super) phase: Sym,
    pub(super) month: Value,
    pub(super) day_of_month: Value,
    pub(super) weekday: Value,
    pub(super) season: Sym,
    pub(super) moons: BTreeMap<String, String>,
}

/// A zone's row.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    pub(super) state: Sym,
    pub(super) since: Tick,
    pub(super) intensity: Value,
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) clock: Option<Clock>,
    pub(super) weather: FxHashMap<Sym, Weather>,
    pub(super) facts: FxHashMap<(Scope, Sym, Sym), Value>,
    pub(super) levels: FxHashMap<Sym, i64>,
    /// By holder, the quests that have a row, by their places in the order of their ids.
    quests: FxHashMap<Who, BTreeMap<usize, Standing>>,
    objectives: FxHashMap<(Who, usize), BTreeMap<&'static str, Open>>,
    pub(super) ways: OpenWays,
    /// The places of quests.
    places: FxHashMap<Sym, usize>,
    tick_ms: i64,
}

impl Clock {
    /// World milliseconds at a tick.
    pub(super) fn world_ms(&self, tick: Tick, tick_ms: i64) -> i64 {
        let real = i128::from(tick.saturating_sub(self.since)) * i128::from(tick_ms);
        let world = real * i128::from(self.scale.0) / i128::from(self.scale.1.max(1));
        i64::try_from(i128::from(self.world_ms) + world).unwrap_or(i64::MAX)
    }
}

impl Board {
    /// Nothing is known yet but which quests there are, in the order of their ids.
    pub(super) fn new<'q>(quests: impl Iterator<Item = &'q String>, tick_ms: u32) -> Board {
        let places = quests.enumerate().map(|(place, id)| (Sym::new(id), place)).collect();
        Board { places, tick_ms: i64::from(tick_ms), ..Board::default() }
    }

    /// The place of a quest in the order of ids.
    pub(super) fn place(&self, quest: &str) -> Option<usize> {
        self.places.get(&Sym::new(quest)).copied()
    }

    /// Where a holder stands with a quest, if it has a row.
    pub(super) fn standing(&self, who: Who, quest: usize) -> Option<&Standing> {
        self.quests.get(&who)?.get(&quest)
    }

    /// The quests of a holder that have a row.
    pub(super) fn of(&self, who: Who) -> impl Iterator<Item = (usize, &Standing)> {
        self.quests.get(&who).into_iter().flatten().map(|(quest, standing)| (*quest, standing))
    }

    /// Every holder and quest that has a row, in no particular order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Who, usize, &Standing)> {
        let of = |(who, quests): (&Who, _)| {
            let who = *who;
            let quests: &BTreeMap<usize, Standing> = quests;
            quests.iter().map(move |(quest, standing)| (who, *quest, standing))
        };
        self.quests.iter().flat_map(of)
    }

    /// The objectives of the open stage of a quest, by id.
    pub(super) fn objectives(&self, who: Who, quest: usize) -> impl Iterator<Item = (&'static str, &Open)> {
        self.objectives.get(&(who, quest)).into_iter().flatten().map(|(id, open)| (*id, open))
    }

    /// World minutes since midnight at a tick.
    pub(super) fn minute(&self, tick: Tick) -> Option<u32> {
        let world_ms = self.clock.as_ref()?.world_ms(tick, self.tick_ms);
        u32::try_from(world_ms.rem_euclid(86_400_000) / 60_000).ok()
    }

    /// How long something has lasted since a tick, in real or in world milliseconds.
    pub(super) fn lasted_ms(&self, since: Tick, now: Tick, world: bool) -> i64 {
        let real = i64::try_from(now.saturating_sub(since)).unwrap_or(i64::MAX).saturating_mul(self.tick_ms);
        match &self.clock {
            Some(clock) if world => real.saturating_mul(clock.scale.0) / clock.scale.1.max(1),
            _ => real,
        }
    }

    /// Takes what a tick has changed, and tells what has become of whom. Within a tick changes have no order of their own.
    pub(super) fn apply(&mut self, tick: Tick, changes: &Changes, tally: &mut Tally) {
        // Of a key that changes, both the former row and the new one are told.
        let added: FxHashSet<(ViewId, &[Value])> = changes
            .iter()
            .filter(|(_, _, diff)| *diff > 0)
            .map(|(view, row, _)| (*view, row.key(view.def().key)))
            .collect();
        let gone = |view: &ViewId, row: &Row| !added.contains(&(*view, row.key(view.def().key)));
        // What an instance has settled is told before what has become of it.
        let order = |view: ViewId| u8::from(view == catalog::QUEST_STATE);
        for turn in 0..=1 {
            for (view, row, diff) in changes.iter().filter(|(view, _, _)| order(*view) == turn) {
                if *diff > 0 {
                    self.comes(tick, *view, row, tally);
                } else if gone(view, row) {
                    self.goes(*view, row, tally);
                }
            }
        }
    }

    fn comes(&mut self, tick: Tick, view: ViewId, row: &Row, tally: &mut Tally) {
        match view {
            catalog::CLOCK => self.clock = Some(clock(row)),
            catalog::WEATHER => {
                let weather =
                    Weather { state: sym(row, 2), since: tick_of(row, 4), intensity: row[7].clone() };
                self.weather.insert(sym(row, 1), weather);
            }
            catalog::FACTS => {
                if let Some(scope) = scope(row) {
                    self.facts.insert((scope, sym(row, 2), sym(row, 3)), row[4].clone());
                }
            }
            catalog::LEVELS => drop(self.levels.insert(sym(row, 1), int(row, 2))),
            catalog::QUEST_STATE => {
                let Some((who, quest)) = self.key(row) else { return };
                let Some(standing) = standing(row) else { return };
                let before = self.quests.entry(who).or_default().insert(quest, standing);
                tally.moved(tick, who, quest, before.as_ref(), Some(&standing));
            }
            catalog::OBJECTIVE_PROGRESS => {
                let Some(key) = self.key(row) else { return };
                let open = Open {
                    value: int(row, 7),
                    need: int(row, 8),
                    done: row[9] == Value::Bool(true),
                    hidden: row[10] == Value::Bool(true),
                };
                if open.value > 0 || open.done {
                    tally.counts(key.1, text(row, 4), text(row, 5));
                }
                self.objectives.entry(key).or_default().insert(text(row, 5), open);
            }
            catalog::QUEST_BINDINGS if row[4].as_str() == Some("branch") => {
                if let Some((who, quest)) = self.key(row) {
                    tally.settled(who, quest, (text(row, 5), text(row, 7)));
                }
            }
            catalog::GRANTS => {
                let grant = row[1].as_str().unwrap_or_default();
                let quest = self.places.get(&sym(row, 2)).copied();
                tally.granted(quest, sym(row, 7), text(row, 8), int(row, 9), (grant, text(row, 10)));
            }
            catalog::ARC_STATE | catalog::ARC_BRANCHES => {
                let Some(who) = scope(row).map(|scope| (scope, sym(row, 2))) else { return };
                if view == catalog::ARC_STATE {
                    return tally.arcs.stands(who, row);
                }
                let is_open = row[7] == Value::Null;
                self.ways.set(who, row, is_open);
                if !is_open {
                    tally.arcs.chooses(row);
                }
            }
            _ => {}
        }
    }

    fn goes(&mut self, view: ViewId, row: &Row, tally: &mut Tally) {
        match view {
            catalog::FACTS => {
                if let Some(scope) = scope(row) {
                    self.facts.remove(&(scope, sym(row, 2), sym(row, 3)));
                }
            }
            catalog::QUEST_STATE => {
                let Some((who, quest)) = self.key(row) else { return };
                let before = self.quests.get_mut(&who).and_then(|quests| quests.remove(&quest));
                tally.moved(0, who, quest, before.as_ref(), None);
            }
            catalog::OBJECTIVE_PROGRESS => {
                let Some(key) = self.key(row) else { return };
                if let Some(objectives) = self.objectives.get_mut(&key) {
                    objectives.remove(text(row, 5));
                    if objectives.is_empty() {
                        self.objectives.remove(&key);
                    }
                }
            }
            catalog::ARC_BRANCHES => {
                if let Some(scope) = scope(row) {
                    self.ways.set((scope, sym(row, 2)), row, false);
                }
            }
            _ => {}
        }
    }

    /// The holder and the quest of a row of one of the quests' views.
    fn key(&self, row: &Row) -> Option<(Who, usize)> {
        let quest = self.places.get(&sym(row, 3))?;
        Some(((scope(row)?, sym(row, 2)), *quest))
    }
}

fn clock(row: &Row) -> Clock {
    let moons = row[13].as_str().and_then(|moons| serde_json::from_str(moons).ok()).unwrap_or_default();
    let scale = if row[5] == Value::Bool(true) { (0, 1) } else { (int(row, 3), int(row, 4)) };
    Clock {
        world_ms: int(row, 1),
        since: tick_of(row, 2),
        scale,
        phase: sym(row, 6),
        month: row[9].clone(),
        day_of_month: row[10].clone(),
        weekday: row[11].clone(),
        season: sym(row, 12),
        moons,
    }
}

fn standing(row: &Row) -> Option<Standing> {
    let state = state(row[5].as_str()?)?;
    let (instance, since) = (int(row, 4), tick_of(row, 7));
    Some(Standing { state, instance, stage: text(row, 6), since, completions: int(row, 9) })
}

fn state(name: &str) -> Option<QuestState> {
    use QuestState::{Abandoned, Active, Available, Done, Expired, Failed, Hidden, Offered, Ready};
    let all = [Hidden, Available, Offered, Active, Ready, Done, Failed, Expired, Abandoned];
    all.into_iter().find(|state| state.name() == name)
}

/// The scope of a row whose second column it is.
fn scope(row: &Row) -> Option<Scope> {
    let name = row[1].as_str()?;
    Scope::ALL.into_iter().find(|scope| scope.name() == name)
}

fn sym(row: &Row, column: usize) -> Sym {
    match &row[column] {
        Value::Sym(sym) => *sym,
        Value::Text(text) => Sym::new(text),
        _ => Sym::NONE,
    }
}

fn text(row: &Row, column: usize) -> &'static str {
    sym(row, column).as_str()
}

fn int(row: &Row, column: usize) -> i64 {
    match row[column] {
        Value::Int(n) => n,
        _ => 0,
    }
}

fn tick_of(row: &Row, column: usize) -> Tick {
    u64::try_from(int(row, column)).unwrap_or(0)
}
