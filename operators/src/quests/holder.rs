//! One holder's quests: records of the present or last instance, open instances and their counters.
//!
//! Plain state with small steps; what happens when is in `lifecycle`. Closing an instance drops its
//! counters, shares and sets.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::sync::Arc;
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Row, Sym, Tick};

use super::branches::{Mark, Said};
use super::lifecycle::is_complete;
use super::plan::Ix;
use super::prerequisites::Named;
use super::quest_plan::StagePlan;
use super::running::{Kept, TimesShown};
use crate::messages::PlayerPlace;

/// A holder that is known.
#[derive(Debug)]
pub(super) struct HolderState {
    pub(super) holder: Holder,
    /// Where the holder is, when it is a player.
    pub(super) place: PlayerPlace,
    pub(super) records: FxHashMap<Ix, Record>,
    /// The quests of `open`, in the same order.
    pub(super) open_ix: SmallVec<[Ix; 8]>,
    pub(super) open: Vec<Instance>,
    /// Lifetime counters by their place in the world's list.
    pub(super) lifetimes: FxHashMap<u16, u64>,
    /// Lifetime counters as they stood at a quest's last reset.
    pub(super) baselines: FxHashMap<(Ix, u16), u64>,
    /// What objectives that conditions name showed at the end of the tick before.
    pub(super) progress: FxHashMap<(Ix, Sym), u32>,
    /// What must be tested again in this tick; see `depends`.
    pub(super) dirty: u16,
    /// Facts and quests whose change has something tested again in this tick.
    pub(super) named: SmallVec<[Named; 2]>,
    /// The quests of this holder that changed their state in this tick.
    pub(super) moved: SmallVec<[Ix; 2]>,
    /// It is no longer known, and its place is free.
    pub(super) gone: bool,
}

/// Where a holder stands with a quest.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) state: QuestState,
    pub(super) instance: u32,
    pub(super) completions: u32,
    pub(super) since: Tick,
    /// The deadline while active; the tick of reopening while done.
    pub(super) wake: Option<Tick>,
    /// When `state` or `completions` last changed, and what they were before that tick.
    pub(super) changed: Tick,
    pub(super) before: Option<(QuestState, u32)>,
    pub(super) touched: bool,
    /// What the present or last instance has settled.
    pub(super) marks: Vec<(Mark, Said)>,
    pub(super) shown: Option<(Shown, Row)>,
    pub(super) key: Option<Arc<[u8]>>,
}

impl Record {
    pub(super) fn new() -> Record {
        Record {
            state: QuestState::Hidden,
            instance: 0,
            completions: 0,
            since: 0,
            wake: None,
            changed: Tick::MAX,
            before: None,
            touched: false,
            marks: Vec::new(),
            shown: None,
            key: None,
        }
    }

    /// Whether it says nothing: never accepted and not available.
    pub(super) fn is_nothing(&self) -> bool {
        self.instance == 0 && self.state == QuestState::Hidden
    }

    /// What conditions see. What is hidden and was never done is as if it had no record, also when instances of its
    /// id go on from some number.
    pub(super) fn stands(&self) -> Option<(QuestState, u32)> {
        let never = self.state == QuestState::Hidden && self.completions == 0;
        (!never).then_some((self.state, self.completions))
    }
}

/// What the row of `quest_state` says that was last emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) instance: u32,
    pub(super) state: QuestState,
    pub(super) stage: Sym,
    pub(super) since: Tick,
    pub(super) deadline: Option<Tick>,
    pub(super) completions: u32,
}

/// An open instance.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    /// As in the record, so that a hit need not look that up.
    pub(super) number: u32,
    pub(super) stage: u16,
    pub(super) active: bool,
    /// Its stage is done and the next opens in the next tick.
    pub(super) stage_done: bool,
    pub(super) stage_opened: Tick,
    pub(super) touched: bool,
    /// Only its counters and shares may have changed in this tick.
    pub(super) progressed: bool,
    pub(super) failed: bool,
    /// The branches by which the open stage is done by now, in the order in which they came to be complete, each
    /// with the player of the event. One that is undone in the same tick is let go.
    pub(super) won: Vec<(Sym, Sym)>,
    /// When something passes next for its objectives.
    pub(super) wake: Option<Tick>,
    pub(super) counters: SmallVec<[Counter; 3]>,
    pub(super) extra: Option<Box<Extra>>,
}

/// One objective's counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    pub(super) count: u32,
    pub(super) done: bool,
    pub(super) hidden: bool,
    /// Hidden, and to be revealed in the next tick.
    pub(super) ripe: bool,
    /// What was last emitted, if anything, and its row.
    pub(super) shown: Option<(ObjectiveShown, Row)>,
    /// What only some objectives have.
    pub(super) kept: Option<Box<Kept>>,
    /// The row of times that was last emitted.
    pub(super) times: Option<Box<TimesShown>>,
}

/// What the row of an objective says: the value, the need, whether it is done, whether it is hidden.
pub(super) type ObjectiveShown = (u32, u32, bool, bool);

/// What only some instances have.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    /// Different values by objective of the open stage.
    pub(super) seen: FxHashSet<(u16, u128)>,
    pub(super) new_seen: Vec<(u16, u128)>,
    /// Credits by (stage, objective, player), over all stages.
    pub(super) shares: FxHashMap<ShareKey, Share>,
    pub(super) new_shares: Vec<ShareKey>,
}

/// Stage, objective, player.
pub(super) type ShareKey = (Sym, Sym, Sym);

#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) amount: i64,
    /// What it was when the stage opened again; 0 where that does not matter.
    pub(super) before: i64,
    /// What was last emitted, if anything, and its row.
    pub(super) shown: Option<(i64, Row)>,
}

impl HolderState {
    pub(super) fn new(holder: Holder) -> HolderState {
        HolderState {
            holder,
            place: PlayerPlace::default(),
            records: FxHashMap::default(),
            open_ix: SmallVec::new(),
            open: Vec::new(),
            lifetimes: FxHashMap::default(),
            baselines: FxHashMap::default(),
            progress: FxHashMap::default(),
            dirty: 0,
            named: SmallVec::new(),
            moved: SmallVec::new(),
            gone: false,
        }
    }

    /// Where the holder stood with a quest at the end of the tick before `now`.
    pub(super) fn seen(&self, quest: Ix, now: Tick) -> Option<(QuestState, u32)> {
        let record = self.records.get(&quest)?;
        if record.changed == now { record.before } else { record.stands() }
    }

    /// The place of a quest's open instance.
    pub(super) fn place_of(&self, quest: Ix) -> Option<usize> {
        self.open_ix.iter().position(|ix| *ix == quest)
    }

    pub(super) fn instance(&self, quest: Ix) -> Option<&Instance> {
        self.place_of(quest).map(|place| &self.open[place])
    }

    pub(super) fn instance_mut(&mut self, quest: Ix) -> Option<&mut Instance> {
        self.place_of(quest).map(|place| &mut self.open[place])
    }

    pub(super) fn state(&self, quest: Ix) -> Option<QuestState> {
        self.records.get(&quest).map(|record| record.state)
    }
}

impl Instance {
    pub(super) fn new(number: u32) -> Instance {
        Instance {
            number,
            stage: 0,
            active: true,
            stage_done: false,
            stage_opened: 0,
            touched: false,
            progressed: false,
            failed: false,
            won: Vec::new(),
            wake: None,
            counters: SmallVec::new(),
            extra: None,
        }
    }

    /// Lets go of branches that are no longer complete, and takes those that are by now, which is a player's
    /// doing or nobody's.
    pub(super) fn settle(&mut self, stage: &StagePlan, by: Sym) {
        let Instance { won, counters, .. } = self;
        let branches = stage.ways_to_be_done();
        won.retain(|(branch, _)| branches.contains(branch) && is_complete(stage, counters, *branch));
        for branch in branches {
            let fresh = !won.iter().any(|(other, _)| other == branch);
            if fresh && is_complete(stage, counters, *branch) {
                won.push((*branch, by));
            }
        }
    }
}
