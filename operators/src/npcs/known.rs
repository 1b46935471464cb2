//! What is known of the world around a player who talks.
//!
//! An NPC's `when` is a condition like those of quests, tested by the same evaluator for the player.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Tick};

use crate::messages::{ClockNow, PlayerPlace, QuestNow, ZoneWeather};
use crate::presence::PlayerNow;
use crate::quests::{Actor, Cond, Context, Plan};

/// The last of everything that was told.
#[derive(Debug)]
pub(super) struct Known {
    /// The quests that conditions may name.
    pub(super) plan: Plan,
    pub(super) context: Context,
    players: FxHashMap<Sym, PlayerNow>,
}

impl Known {
    /// Nothing but the world's definitions.
    pub(super) fn new(realm: Sym, world: &WorldDef) -> Known {
        let (plan, context) = (Plan::new(world), Context::new(world, realm));
        Known { plan, context, players: FxHashMap::default() }
    }

    /// Where a player is from now on. Returns what was known before.
    pub(super) fn tell_player(&mut self, now: PlayerNow) -> Option<PlayerNow> {
        self.players.insert(now.player, now)
    }

    /// Where a holder stands from now on.
    pub(super) fn tell_stands(&mut self, stands: QuestNow) {
        let quest = self.plan.ix(stands.quest);
        self.context.tell_stands(quest, stands);
    }

    /// A quest goes on under another id.
    pub(super) fn move_quest(&mut self, quest: Sym, from: Sym) {
        let (ix, from) = (self.plan.ix(quest), self.plan.ix(from));
        self.context.move_stands(ix, from);
    }

    /// These are the quests that NPCs ask about. Of others nobody tells where players stand, so what was
    /// known of them is forgotten.
    pub(super) fn follow(&mut self, named: impl IntoIterator<Item = Sym>) {
        self.plan.follow(named);
        let followed = &self.plan.followed;
        self.context.stands.retain(|(of, quest), _| of.scope != Scope::Player || followed.contains(quest));
    }

    /// Where a player is.
    pub(super) fn place(&self, player: Sym) -> PlayerPlace {
        self.players.get(&player).map(|now| now.place).unwrap_or_default()
    }

    /// The world around a player who acts in a region.
    pub(super) fn around(&self, player: Sym, region: Sym) -> Around<'_> {
        Around { known: self, region, actor: Actor::elsewhere(player, self.place(player), region) }
    }

    /// The tick in which conditions are tested.
    pub(super) fn now(&self) -> Tick {
        self.context.now
    }
}

/// The world around a player who acts in a region.
pub(super) struct Around<'a> {
    known: &'a Known,
    pub(super) region: Sym,
    actor: Actor<'a>,
}

impl Around<'_> {
    pub(super) fn clock(&self) -> Option<&ClockNow> {
        self.known.context.clock.as_ref()
    }

    /// The weather of the region's zone.
    pub(super) fn weather(&self) -> Option<&ZoneWeather> {
        self.known.context.weather.get(&self.known.plan.zone(self.region)?)
    }

    /// Whether a condition holds here.
    pub(super) fn meets(&self, when: &Cond) -> bool {
        when.holds(&self.known.plan, &self.known.context, &self.actor)
    }
}
