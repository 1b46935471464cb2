//! Credit for what others of one's party do (`credit: party` and `credit: party_here`), and quests that are shared with them.
//!
//! `event of ann ─match, players' half→ together (party, region, hits) ─roster, groups' half→ spread to bob, cid
//! ─loop→ counters of bob's and cid's own quests, in the next tick`
//!
//! The roster of a party (and of other groups, if a fact counts their members) lies where its own quests are kept. It follows from where players are, so
//! it is told anew after a load; what is on its way to the next tick is base state.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use worldflow_schemas::definitions::{Accept, Credit, QuestState};
use worldflow_schemas::input::{Holder, Scope, WriteOrder};
use worldflow_schemas::{Event, Sym, Tick};

use super::asked::Refusal;
use super::context::Actor;
use super::core::{At, Core};
use super::counting::{Counted, Now};
use super::messages::{Asked, Conclusion, Gain, order_of};
use super::objective::ObjectivePlan;
use super::plan::Ix;
use super::quest_plan::{QuestPlan, Use};
use super::saved::PieceKey;
use crate::messages::PlayerPlace;
use crate::piece;

/// A player of a group has come, moved or left. To the groups' half, by the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The group.
    pub group: Holder,
    /// Who.
    pub player: Sym,
    /// Where they are now, or [`Sym::NONE`]; `None` if they have left.
    pub region: Option<Sym>,
}

/// An event of a player that may count for others of the party. To the groups' half, by the party.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Together {
    /// The party.
    pub party: Holder,
    /// Who did it.
    pub by: Sym,
    /// Where.
    pub region: Sym,
    /// Its place among the events of the tick.
    pub order: WriteOrder,
    /// What it counts for.
    pub hits: SmallVec<[SharedHit; 2]>,
}

/// An objective that accepted an event. Its definition may have been edited by the time it is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedHit {
    /// The quest.
    pub quest: Sym,
    /// The stage, by the hash of its name.
    pub stage: u64,
    /// The objective ...
    pub objective: Sym,
    /// ... and what it counts.
    pub identity: u64,
    /// Whether only those who are in the region have a part in it.
    pub here: bool,
    /// What it adds.
    pub gain: Gain,
}

/// What counts for another player in the next tick. Through the loop, to the player's worker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// For whom.
    pub player: Sym,
    /// The place of its event among the events of its tick.
    pub order: WriteOrder,
    /// What it counts for.
    pub hit: SharedHit,
}

/// What has happened to who is in each group; who is in it is in the plan.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    /// Groups whose number of members may have changed in this tick.
    pub(super) changed: Vec<Holder>,
    /// Parties of which a piece was kept in the last tick.
    pub(super) kept: Vec<Holder>,
}

impl Rosters {
    pub(super) fn tell(&mut self, member: Member, by_group: &mut FxHashMap<Holder, FxHashMap<Sym, Sym>>) {
        let roster = by_group.entry(member.group).or_default();
        self.changed.push(member.group);
        match member.region {
            Some(region) => drop(roster.insert(member.player, region)),
            None => drop(roster.remove(&member.player)),
        }
        if roster.is_empty() {
            by_group.remove(&member.group);
        }
    }

    /// For whom events of this tick count in the next one.
    pub(super) fn spread(&mut self, together: Vec<Together>, core: &mut Core) {
        let mut by_party: BTreeMap<Holder, Vec<Spread>> = BTreeMap::new();
        for Together { party, by, region, order, hits } in together {
            for (player, place) in core.plan.rosters.get(&party).into_iter().flatten() {
                let here = !region.is_none() && *place == region;
                for hit in hits.iter().filter(|hit| *player != by && (here || !hit.here)) {
                    let spread = Spread { player: *player, order: order.clone(), hit: *hit };
                    by_party.entry(party).or_default().push(spread);
                }
            }
        }
        let (name, now) = (core.name, core.context.now);
        for party in std::mem::take(&mut self.kept) {
            if !by_party.contains_key(&party) {
                core.out.base.push(piece::change::<_, ()>(name, party.id, &PieceKey::Spread(party), None));
            }
        }
        for (party, spread) in by_party {
            let key = PieceKey::Spread(party);
            let value: (Tick, Vec<Spread>) = (now, spread);
            core.out.base.push(piece::change(name, party.id, &key, Some(&value)));
            self.kept.push(party);
            core.out.out.extend(value.1.into_iter().map(Conclusion::Spread));
        }
    }
}

/// The scopes of groups, which know their members.
pub(super) const GROUPS: [Scope; 4] = [Scope::Party, Scope::Guild, Scope::Account, Scope::Instance];

/// The group of a scope that a place is in.
pub(super) fn group_of(place: PlayerPlace, scope: Scope) -> Option<Holder> {
    let id = match scope {
        Scope::Party => place.party,
        Scope::Guild => place.guild,
        Scope::Account => place.account,
        Scope::Instance => place.instance,
        Scope::Player | Scope::Region | Scope::Realm => Sym::NONE,
    };
    (!id.is_none()).then_some(Holder { scope, id })
}

/// The party that a place is in.
fn party_of(place: PlayerPlace) -> Option<Holder> {
    group_of(place, Scope::Party)
}

/// What an event of a player counts for, for others of the party.
pub(super) fn shared_hits(
    core: &Core,
    event: &Event,
    actor: &Actor<'_>,
    candidates: &[(Ix, u16, Use)],
) -> Option<Together> {
    let party = party_of(actor.place)?;
    let mut hits = SmallVec::new();
    for (ix, pattern, used) in candidates {
        let Some(quest) = core.plan.get(*ix) else { continue };
        let Use::Objective { stage, objective } = *used else { continue };
        if quest.credit == Credit::Own {
            continue;
        }
        let matcher = &quest.patterns[usize::from(*pattern)].matcher;
        let Some(gain) = quest.gain_of(&quest.patterns[usize::from(*pattern)], event) else { continue };
        if !matcher.accepts(event, &core.plan, &core.context, actor) {
            continue;
        }
        let stage = &quest.stages[usize::from(stage)];
        let of = &stage.objectives[usize::from(objective)];
        let here = quest.credit == Credit::PartyHere;
        hits.push(SharedHit {
            quest: quest.quest,
            stage: stage.key,
            objective: of.name,
            identity: of.identity,
            here,
            gain,
        });
    }
    let (by, region) = (event.player, actor.region);
    (!hits.is_empty()).then(|| Together { party, by, region, order: order_of(event), hits })
}

impl SharedHit {
    /// A quest that is handed on; no objective is named so.
    fn handed_on(quest: Sym) -> SharedHit {
        SharedHit { quest, stage: 0, objective: Sym::NONE, identity: 0, here: false, gain: Gain::default() }
    }

    fn is_handed_on(&self) -> bool {
        self.objective.is_none()
    }
}

impl Core {
    /// A player hands a quest on to the others of the party: in the next tick it is offered to them.
    pub(super) fn share(
        &mut self,
        at: At,
        quest: &QuestPlan,
        state: Option<QuestState>,
        asked: &Asked,
    ) -> Result<(), Refusal> {
        let name = quest.quest;
        if quest.accept != Accept::Offered {
            let hint = "say `accept: offered` in the quest";
            return Err(("not_offered", format!("quest `{name}` is not one that is offered"), hint));
        }
        if !state.is_some_and(QuestState::is_open) {
            let hint = "only an active or ready quest can be shared";
            return Err(("not_active", format!("quest `{name}` is not active"), hint));
        }
        let place = self.holders[at as usize].place;
        let Some(party) = party_of(place) else {
            let reason = format!("`{}` is in no party to share `{name}` with", asked.player);
            return Err(("no_party", reason, "send the membership of a party first"));
        };
        let (by, order) = (asked.player, asked.order.clone());
        let hits = SmallVec::from_iter([SharedHit::handed_on(name)]);
        self.handed.push(Together { party, by, region: Sym::NONE, order, hits });
        Ok(())
    }

    /// Offers what others of the party have handed on in the tick before, to whom it is available.
    pub(super) fn offer_shared(&mut self, spread: &mut Vec<Spread>) {
        let mut offers: Vec<(Sym, Sym)> =
            spread.iter().filter(|of| of.hit.is_handed_on()).map(|of| (of.player, of.hit.quest)).collect();
        spread.retain(|of| !of.hit.is_handed_on());
        offers.sort_by(|a, b| a.0.cmp_text(b.0).then_with(|| a.1.cmp_text(b.1)));
        for (player, quest) in offers {
            let Some(at) = self.at(Holder { scope: Scope::Player, id: player }) else { continue };
            let Some(ix) = self.plan.find(quest) else { continue };
            let Some(quest) = self.plan.get(ix).cloned() else { continue };
            let state = self.holders[at as usize].state(ix);
            let offered = quest.scope == Scope::Player && quest.accept == Accept::Offered;
            let waits = state == Some(QuestState::Offered);
            if offered && !waits && self.is_reachable(at, ix, &quest, state) {
                self.enter(at, ix, QuestState::Offered);
            }
        }
    }

    /// Counts what others of the party have done in the tick before, event by event.
    pub(super) fn count_spread(&mut self, mut spread: Vec<Spread>) {
        spread.sort_by(|a, b| {
            (a.order.cmp_order(&b.order))
                .then_with(|| a.player.cmp_text(b.player))
                .then_with(|| a.hit.quest.cmp_text(b.hit.quest))
        });
        let of_one =
            |a: &Spread, b: &Spread| a.player == b.player && a.hit.quest == b.hit.quest && a.order == b.order;
        for event in spread.chunk_by(of_one) {
            let hits = event.iter().filter_map(|spread| self.spread_hit(spread));
            let mut hits: SmallVec<[Counted; 4]> = hits.collect();
            hits.sort_by_key(|hit| match hit.used {
                Use::Objective { objective, .. } => objective,
                _ => 0,
            });
            if let Some(trace) = &mut self.trace {
                trace.number(event.first().map(|spread| (0, spread.order.clone())));
            }
            self.count_event(&hits);
        }
    }

    fn spread_hit(&self, spread: &Spread) -> Option<Counted> {
        let Spread { player, hit, .. } = spread;
        let at = self.at(Holder { scope: Scope::Player, id: *player })?;
        let (ix, used, within, role) = self.objective_of(at, hit)?;
        let counts =
            self.may_count(at, ix, used, || within) != Now::Never && self.hits_role(at, ix, role, hit.gain);
        // Only the events of one tick are told apart by their number.
        counts.then_some(Counted { at, ix, used, event: 0, player: *player, gain: hit.gain })
    }

    /// The objective of a hit, if it still counts the same, with its `within` in ticks and the role of its target.
    fn objective_of(&self, at: At, hit: &SharedHit) -> Option<(Ix, Use, Option<u64>, Sym)> {
        let ix = self.plan.find(hit.quest)?;
        let quest = self.plan.get(ix)?;
        self.holders[at as usize].instance(ix)?;
        let stage = quest.stage_of(hit.stage)?;
        let objectives = &quest.stages[usize::from(stage)].objectives;
        let same = |of: &ObjectivePlan| of.name == hit.objective && of.identity == hit.identity;
        let objective = u16::try_from(objectives.iter().position(same)?).ok()?;
        let used = Use::Objective { stage, objective };
        let pattern = quest.patterns.iter().find(|pattern| pattern.used == used)?;
        let within = pattern.matcher.within.map(|span| self.context.ticks(span));
        Some((ix, used, within, pattern.matcher.role))
    }
}
