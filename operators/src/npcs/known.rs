//! What is known of the world around a player who talks.
//!
//! An NPC's `when` is a condition like those of quests, tested by the same evaluator for the player.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{QuestState, Span, TextLocales, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use crate::facts::span_ticks;
use crate::messages::{ClockNow, PlayerPlace, QuestNow, ViewNow, ZoneWeather};
use crate::presence::PlayerNow;
use crate::quests::{Actor, Cond, Context, Matcher, Plan};

use super::rows::RowsRead;

/// The last of everything that was told.
#[derive(Debug)]
pub(super) struct Known {
    /// The quests that conditions may name.
    pub(super) plan: Plan,
    pub(super) context: Context,
    players: FxHashMap<Sym, PlayerNow>,
    /// The rows that prompts read.
    pub(super) rows: RowsRead,
    /// The languages of the world.
    text: Option<TextLocales>,
}

impl Known {
    /// Nothing but the world's definitions.
    pub(super) fn new(realm: Sym, world: &WorldDef) -> Known {
        let (plan, context) = (Plan::new(world), Context::new(world, realm));
        let (players, rows) = (FxHashMap::default(), RowsRead::default());
        Known { plan, context, players, rows, text: world.text.clone() }
    }

    /// Where a player is from now on. Returns what was known before.
    pub(super) fn tell_player(&mut self, now: PlayerNow) -> Option<PlayerNow> {
        self.players.insert(now.player, now)
    }

    /// What is seen of views from now on.
    pub(super) fn tell_views(&mut self, told: Vec<ViewNow>) {
        self.rows.tell(&told);
        self.context.views.tell(told);
    }

    /// These are the views of which prompts read rows.
    pub(super) fn read(&mut self, views: impl Iterator<Item = Sym>) {
        self.rows.follow(views, &self.context.views);
    }

    /// Where a holder stands from now on.
    pub(super) fn tell_stands(&mut self, stands: QuestNow) {
        let quest = self.plan.ix(stands.quest);
        // What only rules ask about is not kept up to date here.
        if stands.holder.scope != Scope::Player || self.plan.followed.contains(&quest) {
            self.context.tell_stands(quest, stands);
        }
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

    /// The players who are present, in no order.
    pub(super) fn present(&self) -> impl Iterator<Item = Sym> + '_ {
        self.players.values().filter(|now| now.present).map(|now| now.player)
    }

    /// Whether a player is present.
    pub(super) fn is_present(&self, player: Sym) -> bool {
        self.players.get(&player).is_some_and(|now| now.present)
    }

    /// Where a player is.
    pub(super) fn place(&self, player: Sym) -> PlayerPlace {
        self.players.get(&player).map(|now| now.place).unwrap_or_default()
    }

    /// The world around a player who acts in a region.
    pub(super) fn around(&self, player: Sym, region: Sym) -> Around<'_> {
        Around { known: self, player, region, actor: Actor::elsewhere(player, self.place(player), region) }
    }

    /// The tick in which conditions are tested.
    pub(super) fn now(&self) -> Tick {
        self.context.now
    }
}

/// The world around a player who acts in a region.
pub(super) struct Around<'a> {
    known: &'a Known,
    player: Sym,
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

    /// Around whom it is.
    pub(super) fn player(&self) -> Sym {
        self.player
    }

    /// What is known of entities.
    pub(super) fn plan(&self) -> &Plan {
        &self.known.plan
    }

    /// The tick in which conditions are tested.
    pub(super) fn now(&self) -> Tick {
        self.known.context.now
    }

    /// How many ticks a span takes as things stand.
    pub(super) fn ticks(&self, span: Span) -> u64 {
        let context = &self.known.context;
        span_ticks(span, context.clock.as_ref(), context.length)
    }

    /// The seed of all chance.
    pub(super) fn seed(&self) -> u64 {
        self.known.context.seed
    }

    /// The player's holder of a scope.
    pub(super) fn holder(&self, scope: Scope) -> Option<Holder> {
        self.actor.holder_of(scope, self.known.context.realm)
    }

    /// What prompts read of rows.
    pub(super) fn rows(&self) -> &RowsRead {
        &self.known.rows
    }

    /// Whose fact of this name it is.
    pub(super) fn holder_of_fact(&self, fact: Sym) -> Option<Holder> {
        self.holder(self.known.context.facts.scope(fact)?)
    }

    /// What a fact is for a holder, or its default.
    pub(super) fn fact(&self, holder: Option<Holder>, fact: Sym) -> Option<&Value> {
        self.known.context.facts.get(holder, fact)
    }

    /// How the player stands with a quest, and how often it was done.
    pub(super) fn quest(&self, quest: Sym) -> Option<(QuestState, u32)> {
        let holder = Holder { scope: Scope::Player, id: self.player };
        self.known.context.stands.get(&(holder, self.known.plan.known_ix(quest)?)).copied()
    }

    /// The player's level.
    pub(super) fn level(&self) -> i64 {
        self.known.context.levels.get(&self.player).copied().unwrap_or(1)
    }

    /// The language in which the player reads; `None` when the world declares none.
    pub(super) fn locale(&self) -> Option<&str> {
        let text = self.known.text.as_ref()?;
        let fact = text.fact.as_deref().and_then(Sym::find);
        let said = fact.and_then(|fact| self.fact(self.holder_of_fact(fact), fact)).and_then(Value::as_str);
        let declared = said.filter(|said| text.locales.iter().any(|locale| locale == said));
        Some(declared.unwrap_or(&text.source))
    }

    /// Whether an event that happens here is of a pattern.
    pub(super) fn fits(&self, pattern: &Matcher, event: &Event) -> bool {
        let Known { plan, context, .. } = self.known;
        pattern.fits(event.kind, event.target, plan.tags_of(event.target))
            && pattern.accepts(event, plan, context, &self.actor)
    }

    /// Whether a condition holds here.
    pub(super) fn meets(&self, when: &Cond) -> bool {
        when.holds(&self.known.plan, &self.known.context, &self.actor)
    }
}
