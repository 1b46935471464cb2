//! Edits of arcs while they run: what has been reached and chosen stays, under other names too.

use worldflow_schemas::{Sym, Tick};

use super::plan::{ArcPlan, BeatPlan};
use super::state::State;
use super::tension::{Course, Reach, Tension};
use super::turn::Turn;

/// Brings what is kept of a holder in line with an arc that is another from this tick on. `old` is what it was, if it was there.
pub(super) fn follow(state: &mut State, old: Option<&ArcPlan>, turn: &Turn<'_>) {
    let plan = turn.plan;
    if let Some(old) = old.filter(|old| old.course != plan.course) {
        slow(state, old.course, turn);
    }
    rename(state, old, plan);
    if state.ended.is_some() {
        return;
    }
    if plan.beat(state.beat).is_none() {
        return go_on_after(state, old, turn);
    }
    let target = |plan: &ArcPlan, id: Sym| plan.beat(id).map(|(_, beat)| beat.target);
    let former = old.and_then(|old| {
        let renamed = |of: &&BeatPlan| plan.renamed_beat(of.id, Some(old)) == Some(state.beat);
        old.beats.iter().find(renamed).map(|beat| beat.target)
    });
    if former.is_some() && former != target(plan, state.beat) {
        state.reach = Reach::Not;
    }
}

/// The arc is no more: the tension goes, and what may be chosen.
pub(super) fn leave(state: &mut State, tick: Tick) {
    state.available.clear();
    state.tension = Tension { value: 0, at: tick };
    (state.band, state.shown) = (0, state.tension);
}

/// What is left of the tension by the former course goes on by the new one.
fn slow(state: &mut State, old: Course, turn: &Turn<'_>) {
    let value = state.tension.now(turn.tick(), old).min(turn.plan.course.most);
    state.tension = Tension { value, at: turn.tick() };
}

fn rename(state: &mut State, old: Option<&ArcPlan>, plan: &ArcPlan) {
    let beat = |id: Sym| plan.renamed_beat(id, old).unwrap_or(id);
    for chosen in &mut state.chosen {
        let former = chosen.beat;
        chosen.beat = beat(former);
        let now = plan.renamed_branch((former, chosen.beat), chosen.branch, old);
        chosen.branch = now.unwrap_or(chosen.branch);
        chosen.to = beat(chosen.to);
    }
    // Two beats may have become one: of their choices the later stays.
    let all = std::mem::take(&mut state.chosen);
    for (place, chosen) in all.iter().enumerate() {
        if !all[place + 1..].iter().any(|later| later.beat == chosen.beat) {
            state.chosen.push(*chosen);
        }
    }
    let mut visits: Vec<(Sym, u32)> = Vec::new();
    for (of, times) in std::mem::take(&mut state.visits) {
        let of = beat(of);
        match visits.iter_mut().find(|(other, _)| *other == of) {
            Some((_, sum)) => *sum = sum.saturating_add(times),
            None => visits.push((of, times)),
        }
    }
    state.visits = visits;
    state.beat = beat(state.beat);
    if state.ended.is_none() {
        state.chosen.retain(|chosen| chosen.beat != state.beat);
    }
}

/// The beat that it was in is no more: the next of the former ones that there still is begins, or the arc ends. Where the former
/// ones are not known, it begins again at the first.
fn go_on_after(state: &mut State, old: Option<&ArcPlan>, turn: &Turn<'_>) {
    let plan = turn.plan;
    let next = match old.and_then(|old| Some((old, old.beat(state.beat)?.0))) {
        Some((old, place)) => old.beats[place + 1..]
            .iter()
            .filter_map(|beat| plan.beat(plan.renamed_beat(beat.id, Some(old))?))
            .map(|(place, _)| place)
            .next(),
        None => (!plan.beats.is_empty()).then_some(0),
    };
    match next {
        Some(place) => turn.enter(state, place),
        None => {
            state.available.clear();
            state.ended = Some(turn.tick());
        }
    }
}
