//! How far a holder has come in an arc: what is kept of it, and its rows.

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::BaseChange;
use worldflow_schemas::catalog::{ARC_BRANCHES, ARC_STATE, ARC_TENSION};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Row, Sym, Tick, Value};

use super::machine::ArcsMachine;
use super::plan::{ArcPlan, Leads};
use super::score::Scores;
use super::tension::{Reach, Tension};
use crate::machine::{Machine as _, ViewRow};
use crate::piece;

/// What is kept of a holder and an arc.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) begun: Tick,
    pub(super) beat: Sym,
    /// When the beat began ...
    pub(super) entered: Tick,
    /// ... in world time.
    pub(super) entered_world_ms: i64,
    pub(super) ended: Option<Tick>,
    pub(super) reach: Reach,
    pub(super) tension: Tension,
    /// The band in which the tension is, and what it was when it came there.
    pub(super) band: u8,
    pub(super) shown: Tension,
    /// How often each beat has begun, in the order of the first times.
    pub(super) visits: Vec<(Sym, u32)>,
    /// What may be chosen, in the order of the file.
    pub(super) available: Vec<(Sym, Scores)>,
    /// What was chosen, in the order of the choices; of a beat that has begun anew nothing.
    pub(super) chosen: Vec<Chosen>,
}

/// A choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) beat: Sym,
    pub(super) branch: Sym,
    /// Where it led, or [`Sym::NONE`].
    pub(super) to: Sym,
    pub(super) at: Tick,
    pub(super) scores: Scores,
}

impl State {
    /// Nothing has happened yet; the first beat is to be entered.
    pub(super) fn new(tick: Tick) -> State {
        let nothing = Tension { value: 0, at: tick };
        State {
            begun: tick,
            beat: Sym::NONE,
            entered: tick,
            entered_world_ms: 0,
            ended: None,
            reach: Reach::Not,
            tension: nothing,
            band: 0,
            shown: nothing,
            visits: Vec::new(),
            available: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Whether it has the same rows, under the same definition.
    pub(super) fn shows_as(&self, other: &State) -> bool {
        let State { tension, .. } = *other;
        *other == State { tension, ..self.clone() }
    }

    /// How often a beat has begun.
    pub(super) fn visits_to(&self, beat: Sym) -> u32 {
        self.visits.iter().find(|(of, _)| *of == beat).map_or(0, |(_, visits)| *visits)
    }

    /// Its rows.
    pub(super) fn rows(&self, realm: Sym, holder: Holder, arc: Sym, plan: &ArcPlan) -> Vec<ViewRow> {
        let key = || {
            [Value::id(realm), Value::Sym(holder.scope.name().into()), Value::id(holder.id), Value::Sym(arc)]
        };
        let make = |rest: Vec<Value>| Row::new(key().into_iter().chain(rest).collect::<Vec<_>>());
        let target = plan.beat(self.beat).map(|(_, beat)| beat.target);
        let phase = match target {
            _ if self.ended.is_some() => "ended",
            Some(target) => target.name(),
            None => "ended",
        };
        let beats = self.visits.iter().map(|(_, visits)| u64::from(*visits)).sum();
        let mut rows = vec![(
            ARC_STATE,
            make(vec![
                Value::Sym(self.beat),
                Value::Sym(Sym::new(phase)),
                Value::count(self.ended.unwrap_or(self.entered)),
                Value::Bool(self.reach == Reach::Reached),
                Value::count(self.begun),
                Value::count(beats),
            ]),
        )];
        if self.ended.is_none() {
            let tension = i64::try_from(self.shown.value).unwrap_or(i64::MAX);
            let row = vec![Value::count(self.band.into()), Value::Dec(tension), Value::count(self.shown.at)];
            rows.push((ARC_TENSION, make(row)));
        }
        for chosen in &self.chosen {
            let at = Value::count(chosen.at);
            let row = branch_row((chosen.beat, chosen.branch, chosen.to), at, chosen.scores);
            rows.push((ARC_BRANCHES, make(row)));
        }
        let here = |branch: Sym| plan.beat(self.beat)?.1.branches.iter().find(|of| of.id == branch);
        for (branch, scores) in &self.available {
            let to = match here(*branch).map(|branch| branch.to) {
                Some(Leads::Beat(place)) => plan.beats[place].id,
                _ => Sym::NONE,
            };
            rows.push((ARC_BRANCHES, make(branch_row((self.beat, *branch, to), Value::Null, *scores))));
        }
        rows
    }
}

fn branch_row((beat, branch, to): (Sym, Sym, Sym), chosen: Value, scores: Scores) -> Vec<Value> {
    let Scores { coherence, impact, novelty, quality, score } = scores;
    let ids = [Value::Sym(beat), Value::Sym(branch), Value::id(to), chosen];
    ids.into_iter().chain([coherence, impact, novelty, quality, score].map(Value::Int)).collect()
}

/// The change of what is kept of a holder and an arc.
pub(super) fn change(holder: Holder, arc: Sym, state: Option<&State>) -> BaseChange {
    piece::change(ArcsMachine::NAME, holder.id, &(holder, arc), state)
}
