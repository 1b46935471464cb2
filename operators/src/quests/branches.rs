//! Stages that are done in one of several ways, what follows them, and what an instance has settled.
//!
//! `counters ─→ the first branch that is complete ─latched→ marks ─→ the next stage, slots, effects`
//!
//! Marks stay when the instance is closed, until the next one begins, so that effects and readers know by
//! which branch it went.

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::After;
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Row, Sym, Value, catalog};

use super::core::{At, Core};
use super::holder::{HolderState, Record};
use super::plan::Ix;
use super::quest_plan::{QuestPlan, StagePlan};
use super::saved::PieceKey;
use crate::piece;

/// Stages and the branches by which they must have been done.
pub(super) type Ways = Vec<(Sym, Sym)>;

pub(super) fn ways(def: &After) -> Ways {
    def.iter().map(|(stage, branch)| (Sym::new(stage), Sym::new(branch))).collect()
}

/// What a mark of an instance is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Mark {
    /// The branch by which a stage was done.
    Branch(Sym),
    /// How many times the open stage has been opened.
    Round,
    /// The player who was the first to add to it.
    Tapper,
    /// The entity that has a role.
    Role(Sym),
}

/// What a mark says: an id, or a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Said {
    Id(Sym),
    Number(u32),
}

impl StagePlan {
    /// The branches by which it can be done, in the order of the file; [`Sym::NONE`] if it has none.
    pub(super) fn ways_to_be_done(&self) -> &[Sym] {
        if self.branches.is_empty() { &[Sym::NONE] } else { &self.branches }
    }
}

impl Record {
    pub(super) fn said(&self, mark: Mark) -> Option<Said> {
        self.marks.iter().find(|(other, _)| *other == mark).map(|(_, said)| *said)
    }

    /// Whether stages were done by these branches.
    pub(super) fn went(&self, ways: &Ways) -> bool {
        ways.iter().all(|(stage, branch)| self.said(Mark::Branch(*stage)) == Some(Said::Id(*branch)))
    }

    fn round(&self) -> u32 {
        match self.said(Mark::Round) {
            Some(Said::Number(round)) => round,
            _ => 1,
        }
    }
}

impl HolderState {
    /// The stage that follows the open one, which is done.
    pub(super) fn next_stage(&self, ix: Ix, quest: &QuestPlan) -> Option<u16> {
        let (open, record) = (self.instance(ix)?, self.records.get(&ix)?);
        let stage = &quest.stages[usize::from(open.stage)];
        if record.round() < stage.times {
            return Some(open.stage);
        }
        let later = (0..).zip(&quest.stages).skip(usize::from(open.stage) + 1);
        later.into_iter().find(|(_, stage)| record.went(&stage.after)).map(|(place, _)| place)
    }
}

impl Core {
    /// Latches the branch by which the open stage was done.
    pub(super) fn latch(&mut self, at: At, ix: Ix, stage: Sym, branch: Sym) {
        let mark = Mark::Branch(stage);
        if !branch.is_none() && self.record(at, ix).said(mark).is_none() {
            self.mark_as(at, ix, mark, Some(Said::Id(branch)));
        }
    }

    /// Notes which time the next stage is opened, and that nothing of it is settled.
    pub(super) fn count_round(&mut self, at: At, ix: Ix, quest: &QuestPlan, next: u16) {
        let holder = &self.holders[at as usize];
        let again = holder.instance(ix).is_some_and(|open| open.stage == next);
        let round = if again { holder.records[&ix].round() + 1 } else { 1 };
        let stage = &quest.stages[usize::from(next)];
        self.mark_as(at, ix, Mark::Round, (stage.times > 1).then_some(Said::Number(round)));
        self.mark_as(at, ix, Mark::Branch(stage.name), None);
    }

    /// Notes that an instance begins at its first stage.
    pub(super) fn first_round(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        if quest.stages[0].times > 1 {
            self.mark_as(at, ix, Mark::Round, Some(Said::Number(1)));
        }
    }

    /// Sets a mark, or takes it away.
    pub(super) fn mark_as(&mut self, at: At, ix: Ix, mark: Mark, said: Option<Said>) {
        let quest = self.plan.name(ix);
        let record = self.record(at, ix);
        let before = record.said(mark);
        if before == said {
            return;
        }
        record.marks.retain(|(other, _)| *other != mark);
        record.marks.extend(said.map(|said| (mark, said)));
        let holder = self.holders[at as usize].holder;
        let row = |said: Said| self.mark_row(holder, quest, ix, mark, said);
        let (old, new) = (before.map(row), said.map(row));
        self.out.replace(catalog::QUEST_BINDINGS, old, new);
        if self.out.keeps_base {
            let key = PieceKey::Mark(holder, quest, mark);
            self.out.base.push(piece::change(self.name, holder.id, &key, said.as_ref()));
        }
    }

    /// Takes away the marks that `gone` names.
    pub(super) fn unmark(&mut self, at: At, ix: Ix, gone: impl Fn(Mark) -> bool) {
        let Some(record) = self.holders[at as usize].records.get(&ix) else { return };
        let marks: Vec<Mark> =
            record.marks.iter().map(|(mark, _)| *mark).filter(|mark| gone(*mark)).collect();
        for mark in marks {
            self.mark_as(at, ix, mark, None);
        }
    }

    /// Gives back a mark of an earlier run.
    pub(super) fn restore_mark(&mut self, at: At, ix: Ix, mark: Mark, said: Said) {
        self.record(at, ix).marks.push((mark, said));
        let (holder, quest) = (self.holders[at as usize].holder, self.plan.name(ix));
        self.out.insert(catalog::QUEST_BINDINGS, self.mark_row(holder, quest, ix, mark, said));
    }

    fn mark_row(&self, holder: Holder, quest: Sym, ix: Ix, mark: Mark, said: Said) -> Row {
        let (kind, name) = match mark {
            Mark::Branch(stage) => ("branch", stage),
            Mark::Round => ("round", Sym::new("round")),
            Mark::Tapper => ("tapper", Sym::new("tapper")),
            Mark::Role(role) => ("role", role),
        };
        let at = self.at(holder);
        let record = at.and_then(|at| self.holders[at as usize].records.get(&ix));
        Row::from([
            Value::id(self.names.realm),
            self.names.scope(holder.scope),
            Value::id(holder.id),
            Value::id(quest),
            Value::id(Sym::new(kind)),
            Value::id(name),
            Value::Int(record.map_or(0, |record| record.instance).into()),
            match said {
                Said::Id(id) => Value::id(id),
                Said::Number(number) => Value::Int(number.into()),
            },
        ])
    }
}
