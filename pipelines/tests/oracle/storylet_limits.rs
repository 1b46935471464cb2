//! The evaluator's own reading of limits over all players: it counts all that was ever said whenever it asks, and decides
//! the claims of a tick one after the other. No tier is ever asked for a storylet.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use worldflow_schemas::chance::draw;
use worldflow_schemas::definitions::{LimitDef, StoryLimits, StoryTrigger};
use worldflow_schemas::{Event, Sym, Tick};

use super::Oracle;
use super::storylets::Said;

/// A storylet that was chosen and may only be said if there is room.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) player: Sym,
    pub(super) region: Sym,
    pub(super) npc: String,
    pub(super) storylet: String,
    pub(super) for_: For,
    granted: bool,
}

/// What the choice was made for.
#[derive(Clone, Debug)]
pub(super) enum For {
    Talk,
    Bark(&'static str),
    Follow,
    Holds,
    Happens(Event),
}

/// What is claimed, granted and closed.
#[derive(Default)]
pub struct Shared {
    /// The claims of the tick.
    pub(super) claims: Vec<Claimed>,
    /// For whom which storylet is closed in the next tick; for nobody in particular with no name.
    closed: BTreeSet<(String, String)>,
}

impl Oracle {
    /// Whether a storylet with a limit over all players may not be chosen.
    pub(super) fn is_closed(&self, player: Sym, npc: &str, storylet: &str) -> Option<&'static str> {
        if !self.spoken.storylets[storylet].limits.are_shared() {
            return None;
        }
        let shared = &self.spoken.shared;
        let closed = |npc: &str| shared.closed.contains(&(storylet.to_owned(), npc.to_owned()));
        if closed("") || closed(npc) {
            return Some("closed");
        }
        let claimed = |of: &&Claimed| of.player == player && of.storylet == storylet;
        shared.claims.iter().find(claimed).map(|_| "claimed already")
    }

    pub(super) fn claim(&mut self, (player, region): (Sym, Sym), npc: &str, storylet: &str, for_: For) {
        let (npc, storylet) = (npc.to_owned(), storylet.to_owned());
        self.spoken.shared.claims.push(Claimed { player, region, npc, storylet, for_, granted: false });
    }

    /// What was claimed in the tick before is said, or chosen anew.
    pub(super) fn take_answers(&mut self, tick: Tick, left: &BTreeSet<Sym>) {
        let mut claims = std::mem::take(&mut self.spoken.shared.claims);
        claims.retain(|claim| !left.contains(&claim.player));
        let order =
            |claim: &Claimed| (claim.player.as_str().to_owned(), claim.npc.clone(), claim.storylet.clone());
        claims.sort_by_key(order);
        let (granted, refused): (Vec<_>, Vec<_>) = claims.into_iter().partition(|claim| claim.granted);
        for Claimed { player, region, npc, storylet, for_, .. } in granted {
            let spoken = &mut self.spoken;
            if !spoken.npcs.contains_key(&npc) || !spoken.storylets.contains_key(&storylet) {
                spoken.meet("granted in vain");
                continue;
            }
            spoken.meet("granted");
            if matches!(for_, For::Talk) {
                spoken.asked.remove(&(player.as_str().to_owned(), npc.clone()));
            }
            let why = if let For::Bark(why) = for_ { Some(why) } else { None };
            self.tell(tick, (player, region), &npc, &storylet, why);
            if matches!(for_, For::Holds) {
                self.spoken.said.last_mut().expect("it was just said").unasked = true;
            }
        }
        for Claimed { player, region, npc, storylet, for_, .. } in refused {
            self.spoken.meet("refused");
            match for_ {
                For::Talk => self.address(tick, (player, region), &npc),
                For::Bark(why) => self.bark(tick, player, region, &npc, why),
                For::Follow => {
                    self.spoken.follow.entry((storylet, player.as_str().to_owned())).or_insert(tick);
                }
                // Everybody is looked at in every tick.
                For::Holds => {}
                For::Happens(event) => self.hear_of(tick, &event),
            }
        }
    }

    /// An event has happened to a player.
    pub(super) fn hear_of(&mut self, tick: Tick, event: &Event) {
        let actor = self.actor_of(event);
        let fits: Vec<String> = (self.spoken.storylets.iter())
            .filter(|(_, def)| match &def.trigger {
                StoryTrigger::Happens(pattern) => self.accepts(tick, pattern, event, tick),
                _ => false,
            })
            .map(|(id, _)| id.clone())
            .collect();
        let npcs = self.in_region(actor.region);
        if let Some((storylet, npc)) = self.best(tick, (event.player, actor.region), &fits, &npcs) {
            self.spoken.meet("happens");
            let for_ = For::Happens(event.clone());
            self.tell_or_claim(tick, (event.player, actor.region), &npc, &storylet, for_);
        }
    }

    /// At the end of a tick: grants what there is room for, and notes what is closed in the next.
    pub(super) fn decide(&mut self, tick: Tick) {
        let mut claims = std::mem::take(&mut self.spoken.shared.claims);
        let lot = |claim: &Claimed| {
            let Claimed { player, npc, storylet, .. } = claim;
            let key = format!("{player}/{npc}/{storylet}");
            let player = player.as_str().to_owned();
            (draw(self.world.seed, "claim", &key, tick), player, npc.clone(), storylet.clone())
        };
        claims.sort_by_key(lot);
        let mut granted: Vec<(String, String)> = Vec::new();
        for claim in &mut claims {
            let limits = &self.spoken.storylets[&claim.storylet].limits;
            let full = |npc: &str| self.is_used_up(tick, &claim.storylet, npc, limits, &granted);
            claim.granted = !full("") && !full(&claim.npc);
            if claim.granted {
                granted.push((claim.storylet.clone(), claim.npc.clone()));
            }
        }
        let mut closed = BTreeSet::new();
        for (storylet, def) in &self.spoken.storylets {
            for npc in self.world.entities.keys().map(String::as_str).chain([""]) {
                if def.limits.are_shared() && self.is_used_up(tick, storylet, npc, &def.limits, &granted) {
                    closed.insert((storylet.clone(), npc.to_owned()));
                }
            }
        }
        self.spoken.shared = Shared { claims, closed };
    }

    /// All that was said of a storylet, by an NPC or by anybody.
    fn said_by<'a>(&'a self, storylet: &'a str, npc: &'a str) -> impl Iterator<Item = &'a Said> {
        let said = self.spoken.said.iter().filter(move |said| said.storylet.as_deref() == Some(storylet));
        said.filter(move |said| npc.is_empty() || said.npc == npc)
    }

    /// How many are saying a storylet at the end of a tick.
    fn saying(&self, tick: Tick, storylet: &str) -> usize {
        self.said_by(storylet, "").filter(|said| said.until.is_some_and(|until| until > tick)).count()
    }

    /// Whether a limit leaves no room for one NPC, or for anybody.
    fn is_used_up(
        &self,
        tick: Tick,
        storylet: &str,
        npc: &str,
        limits: &StoryLimits,
        granted: &[(String, String)],
    ) -> bool {
        let granted =
            granted.iter().filter(|(of, by)| of == storylet && (npc.is_empty() || by == npc)).count();
        let limit = if npc.is_empty() { limits.realm.clone() } else { limits.npc.clone() };
        let LimitDef { most, cooldown } = limit.unwrap_or_default();
        let times = self.said_by(storylet, npc).count() + granted;
        let last = self.said_by(storylet, npc).last().map(|said| said.tick);
        let tired = cooldown
            .is_some_and(|span| granted > 0 || last.is_some_and(|last| tick - last < self.clock.ticks(span)));
        let at_once = limits.at_once.as_ref().filter(|_| npc.is_empty());
        let crowded =
            at_once.is_some_and(|limit| self.saying(tick, storylet) + granted >= limit.most as usize);
        most.is_some_and(|most| times >= most as usize) || tired || crowded
    }

    /// The rows of storylets with such limits.
    pub(super) fn limit_rows(&self, tick: Tick) -> Vec<Vec<Json>> {
        let mut rows = Vec::new();
        for (storylet, def) in &self.spoken.storylets {
            let limits = &def.limits;
            if !limits.are_shared() {
                continue;
            }
            let mut npcs: BTreeSet<&str> = BTreeSet::from([""]);
            if limits.npc.is_some() {
                npcs.extend(self.said_by(storylet, "").map(|said| said.npc.as_str()));
            }
            for npc in npcs {
                let last = self.said_by(storylet, npc).last().map(|said| said.tick);
                let open = limits.at_once.as_ref().filter(|_| npc.is_empty());
                let closed = self.spoken.shared.closed.contains(&(storylet.clone(), npc.to_owned()));
                rows.push(vec![
                    json!(self.realm.as_str()),
                    json!(storylet),
                    json!(if npc.is_empty() { "realm" } else { "npc" }),
                    json!(if npc.is_empty() { self.realm.as_str() } else { npc }),
                    json!(self.said_by(storylet, npc).count()),
                    json!(last),
                    open.map_or(Json::Null, |_| json!(self.saying(tick, storylet))),
                    json!(closed),
                ]);
            }
        }
        rows
    }
}
