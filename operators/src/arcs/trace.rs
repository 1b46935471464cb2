//! Traces one arc of one holder: what each tick did to it, and a picture at the end.
//!
//! `State before and after a tick ─what differs→ Traced`. Conditions are asked as they are for the arc itself.

use worldflow_schemas::definitions::{ArcDef, Condition};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Tick};

use super::machine::{ArcsMachine, ArcsOut};
use super::state::State;
use super::tension::{Reach, Tension};
use super::traced::{Choice, Here, Moved, Picture, Stands, Traced, Watch, Way};
use super::turn::Turn;
use crate::machine::Output;
use crate::quests::traced::Node;
use crate::quests::{Actor, node};

/// The state of a trace.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) watch: Watch,
    last: Option<Last>,
}

/// What it was when it was last looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Last {
    beat: Sym,
    entered: Tick,
    is_over: bool,
    tension: Tension,
}

impl Last {
    fn of(state: &State) -> Last {
        let State { beat, entered, ended, tension, .. } = *state;
        Last { beat, entered, is_over: ended.is_some(), tension }
    }
}

impl Trace {
    pub(super) fn new(watch: Watch) -> Trace {
        Trace { watch, last: None }
    }

    /// The tick at which the machine must be stepped.
    pub(super) fn alarm(&self, now: Tick) -> Option<Tick> {
        (self.watch.until > now).then_some(self.watch.until)
    }
}

fn say(output: &mut Output<ArcsOut>, traced: Traced) {
    output.out.push(ArcsOut::Traced(Box::new(traced)));
}

impl ArcsMachine {
    /// Ends a tick of what is traced.
    pub(super) fn trace_end(&mut self, is_loaded: bool, output: &mut Output<ArcsOut>) {
        let Some(Trace { watch, last }) = &self.trace else { return };
        let (watch, before) = (*watch, *last);
        let now = self.state_of(watch).map(Last::of);
        let tick = self.known.context.now;
        if let (Some(now), Some(plan)) = (now, self.arcs.get(&watch.arc)) {
            if before.is_none_or(|before| before.tension != now.tension) {
                let left = before.map(|before| before.tension.now(tick, plan.course));
                let left = if is_loaded { None } else { left.or(Some(0)) };
                let moved = Moved { tick, left, now: now.tension.now(tick, plan.course) };
                say(output, Traced::Tension(moved));
            }
            let stood = before.map(|before| (before.beat, before.entered, before.is_over));
            if stood != Some((now.beat, now.entered, now.is_over)) {
                let since = if is_loaded { now.entered } else { tick };
                say(output, Traced::Stands(Stands { tick: since, beat: now.beat, is_over: now.is_over }));
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.last = now;
        }
        if tick == watch.until {
            let picture = self.picture(watch);
            say(output, Traced::Picture(Box::new(picture)));
        }
    }

    fn state_of(&self, watch: Watch) -> Option<&State> {
        self.holders.get(&watch.holder)?.states.get(&watch.arc)
    }

    fn picture(&mut self, watch: Watch) -> Picture {
        let def = self.arcs.get(&watch.arc).map(|plan| plan.def.clone());
        let others = match def {
            Some(_) => Vec::new(),
            None => self.arcs.keys().copied().collect(),
        };
        let actor = self.known.actor(watch.holder);
        let here = self.holders.get(&watch.holder);
        let player = self.known.players.get(&watch.holder.id).filter(|_| watch.holder.scope == Scope::Player);
        let place = player.map(|now| now.place);
        let mut picture = Picture {
            tick: self.known.context.now,
            others,
            known: here.is_some() || player.is_some(),
            is_there: here.is_some_and(|here| here.members > 0),
            place: place.unwrap_or_default(),
            clock: self.known.context.clock.clone(),
            begins: None,
            here: None,
            def,
        };
        let of_scope = picture.def.clone().filter(|def| def.scope == watch.holder.scope);
        if let Some(def) = of_scope {
            picture.begins = self.tested(&def.when, &actor);
            picture.here = self.here(watch, &def, &actor);
        }
        picture
    }

    /// A condition, unless it asks for nothing.
    fn tested(&mut self, when: &Condition, actor: &Actor<'_>) -> Option<Node> {
        (!when.is_empty()).then(|| node(when, &mut self.known.plan, &self.known.context, actor))
    }

    fn here(&mut self, watch: Watch, def: &ArcDef, actor: &Actor<'_>) -> Option<Here> {
        let state = self.state_of(watch)?.clone();
        let beat = def.beats.get(state.beat.as_str());
        let when = beat.and_then(|beat| self.tested(&beat.when, actor));
        let ways = beat.map(|beat| beat.branches.clone()).unwrap_or_default();
        let asked: Vec<(Option<Node>, Vec<(Sym, Node)>)> = (ways.iter())
            .map(|(_, branch)| {
                let criteria = branch
                    .criteria
                    .iter()
                    .filter_map(|(id, criterion)| Some((Sym::new(id), self.tested(&criterion.when, actor)?)));
                let criteria: Vec<(Sym, Node)> = criteria.collect();
                (self.tested(&branch.when, actor), criteria)
            })
            .collect();
        let plan = self.arcs.get(&watch.arc)?;
        let turn = Turn { plan, known: &self.known, actor: self.known.actor(watch.holder) };
        let tick = turn.tick();
        let ways = ways.iter().zip(asked).map(|((id, branch), (when, criteria))| {
            let branch_id = Sym::new(id);
            let compiled = plan
                .beat(state.beat)
                .and_then(|(_, beat)| beat.branches.iter().find(|compiled| compiled.id == branch_id));
            Way {
                branch: branch_id,
                to: branch.to.as_deref().map_or(Sym::NONE, Sym::new),
                is_open: state.available.iter().any(|(available, _)| *available == branch_id),
                waits_until: turn.passes(&state, branch.after),
                when,
                criteria,
                score: compiled.and_then(|compiled| turn.score(&state, compiled)).map(|scores| scores.score),
            }
        });
        let chosen = state.chosen.iter().map(|of| Choice {
            beat: of.beat,
            branch: of.branch,
            to: of.to,
            at: of.at,
            score: of.scores.score,
        });
        Some(Here {
            begun: state.begun,
            beat: state.beat,
            entered: state.entered,
            ended: state.ended,
            reached: state.reach == Reach::Reached,
            risen: state.reach == Reach::Risen,
            tension: state.tension.now(tick, plan.course),
            lasts_until: turn.passes(&state, beat.and_then(|beat| beat.after)),
            when,
            ways: ways.collect(),
            chosen: chosen.collect(),
            visits: state.visits.clone(),
        })
    }
}
