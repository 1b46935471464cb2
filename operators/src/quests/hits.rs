//! What an event that fits is to its player's own quests, to groups, and to facts.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym};

use super::context::Actor;
use super::core::{At, Core};
use super::counting::{Counted, Now};
use super::holder::Instance;
use super::messages::{Contribution, Gain, Hit, HitOn, order_of};
use super::plan::{Candidates, Ix};
use super::players::PlayersOut;
use super::quest_plan::Use;
use crate::messages::{EffectOrder, FactEffect, PlayerPlace};

/// An event with whom it is of.
pub(super) struct Of<'a> {
    pub(super) event: &'a Event,
    pub(super) number: u32,
    pub(super) at: Option<At>,
    pub(super) place: PlayerPlace,
    pub(super) region: Sym,
}

impl Of<'_> {
    pub(super) fn actor<'a>(&self, core: &'a Core) -> Actor<'a> {
        let own = self.at.map(|at| &core.holders[at as usize]);
        Actor { holder: own.map(|own| own.holder), place: self.place, region: self.region, own }
    }
}

/// The hits of an event on its player's own quests.
#[inline]
pub(super) fn match_player(
    core: &Core,
    of: &Of<'_>,
    at: At,
    candidates: &[(Ix, u16, Use)],
    loose: &mut Vec<Counted>,
    ordered: &mut Vec<Counted>,
) {
    let holder = &core.holders[at as usize];
    // Candidates are in the order of quests: what is shorter is gone through, the other searched.
    let mut hit = |open: &Instance, (ix, pattern, used): (Ix, u16, Use)| {
        let Some(quest) = core.plan.get(ix) else { return };
        let matcher = &quest.patterns[usize::from(pattern)].matcher;
        let within = || matcher.within.map(|span| core.context.ticks(span));
        let now = core.may_count_for(open, ix, used, within);
        if now == Now::Never || !matcher.accepts(of.event, &core.plan, &core.context, &of.actor(core)) {
            return;
        }
        let pattern = &quest.patterns[usize::from(pattern)];
        let Some(gain) = quest.gain_of(pattern, of.event) else { return };
        if !core.hits_role(at, ix, pattern.matcher.role, gain) {
            return;
        }
        let hit = Counted { at, ix, used, event: of.number, player: of.event.player, gain };
        if now == Now::InOrder { ordered.push(hit) } else { loose.push(hit) }
    };
    if candidates.len() <= holder.open_ix.len() {
        for candidate in candidates {
            if let Some(place) = holder.place_of(candidate.0) {
                hit(&holder.open[place], *candidate);
            }
        }
        return;
    }
    for (ix, open) in holder.open_ix.iter().zip(&holder.open) {
        let first = candidates.partition_point(|(of, ..)| of < ix);
        candidates[first..]
            .iter()
            .take_while(|(of, ..)| of == ix)
            .for_each(|candidate| hit(open, *candidate));
    }
}

/// What an event adds to quests and lifetime counters of groups, and to the player's lifetime.
pub(super) fn contribute(
    core: &Core,
    of: &Of<'_>,
    candidates: &Candidates,
    told: &mut Vec<PlayersOut>,
    lived: &mut Vec<(At, u16, i64)>,
) {
    let actor = of.actor(core);
    let realm = core.context.realm;
    let mut by_holder: SmallVec<[(Holder, SmallVec<[Hit; 2]>); 4]> = SmallVec::new();
    let mut add = |holder: Holder, hit: Hit| match by_holder.iter_mut().find(|(other, _)| *other == holder) {
        Some((_, hits)) => hits.push(hit),
        None => by_holder.push((holder, SmallVec::from_iter([hit]))),
    };
    for (ix, pattern) in &candidates.groups {
        let Some(quest) = core.plan.get(*ix) else { continue };
        let Some(holder) = actor.holder_of(quest.scope, realm) else { continue };
        let of_quest = &quest.patterns[usize::from(*pattern)];
        let matcher = &of_quest.matcher;
        if !matcher.accepts(of.event, &core.plan, &core.context, &actor) {
            continue;
        }
        let gain = quest.gain_of(of_quest, of.event);
        let within = matcher.within.map(|span| core.context.ticks(span));
        if let Some(gain) = gain {
            add(holder, Hit { on: HitOn::Quest { quest: quest.quest, pattern: *pattern, within }, gain });
        }
    }
    for lifetime in &candidates.lifetimes {
        let counter = &core.plan.lifetimes[usize::from(*lifetime)];
        let Some(holder) = actor.holder_of(counter.scope, realm) else { continue };
        if of.event.amount <= 0 || !counter.matcher.accepts(of.event, &core.plan, &core.context, &actor) {
            continue;
        }
        match of.at.filter(|_| counter.scope == Scope::Player) {
            Some(at) => lived.push((at, *lifetime, of.event.amount)),
            None => {
                let gain = Gain { amount: of.event.amount, item: 0 };
                add(holder, Hit { on: HitOn::Lifetime(*lifetime), gain });
            }
        }
    }
    told.extend(by_holder.into_iter().map(|(holder, hits)| {
        let player = of.event.player;
        PlayersOut::Contribution(Contribution { holder, order: order_of(of.event), player, hits })
    }));
}

/// What an event does to facts.
pub(super) fn update_facts(
    core: &Core,
    of: &Of<'_>,
    candidates: &[u16],
    updates: &mut FxHashMap<Holder, Vec<FactEffect>>,
) {
    let actor = of.actor(core);
    for place in candidates {
        let update = core.plan.update(*place);
        let Some(whose) = actor.holder_of(update.scope, core.context.realm) else { continue };
        if !update.matcher.accepts(of.event, &core.plan, &core.context, &actor) {
            continue;
        }
        let Some(change) = update.change(of.event.amount) else { continue };
        let event = of.event;
        let order = EffectOrder::Event { at_ms: event.at_ms, source: event.source, id: event.id.clone() };
        // Whom the event was routed by: no other shard keeps a piece under that name.
        let by = actor.holder.unwrap_or(match event.region.is_none() {
            true => Holder { scope: Scope::Realm, id: core.context.realm },
            false => Holder { scope: Scope::Region, id: event.region },
        });
        updates.entry(by).or_default().push(FactEffect { order, holder: whose, fact: update.fact, change });
    }
}
