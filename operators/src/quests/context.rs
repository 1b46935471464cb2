//! What is known as of a tick: clock, weather, facts, levels, and where groups stand with quests.
//!
//! Told by messages and kept as last told. It holds no base state: after a load it is told again.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{QuestState, Span, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use super::holder::HolderState;
use super::plan::{Ix, Plan};
use crate::facts::{KnownFacts, span_ticks};
use crate::messages::{ClockNow, PlayerPlace, ZoneWeather};

/// What conditions are tested against.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) now: Tick,
    pub(super) length: TickLength,
    pub(super) realm: Sym,
    pub(super) clock: Option<ClockNow>,
    pub(super) weather: FxHashMap<Sym, ZoneWeather>,
    pub(super) facts: KnownFacts,
    pub(super) levels: FxHashMap<Sym, i64>,
    /// Where holders of other shards stand, as of the end of the tick before.
    pub(super) stands: FxHashMap<(Holder, Ix), (QuestState, u32)>,
}

impl Context {
    pub(super) fn new(world: &WorldDef, realm: Sym) -> Context {
        Context {
            now: 0,
            length: TickLength { tick_ms: world.tick_ms.max(1) },
            realm,
            clock: None,
            weather: FxHashMap::default(),
            facts: KnownFacts::new(world),
            levels: FxHashMap::default(),
            stands: FxHashMap::default(),
        }
    }

    /// How many ticks a span takes as things stand, rounded up.
    pub(super) fn ticks(&self, span: Span) -> u64 {
        span_ticks(span, self.clock.as_ref(), self.length)
    }

    /// Whether a state of the weather has lasted at least a span.
    pub(super) fn lasted(&self, weather: &ZoneWeather, span: Span) -> bool {
        if !span.world {
            return self.now.saturating_sub(weather.since) >= self.length.ticks(span.ms);
        }
        self.clock.as_ref().is_some_and(|clock| {
            let passed = clock.world_ms_at(self.now, self.length.tick_ms) - weather.since_world_ms;
            i128::from(passed) >= i128::from(span.ms)
        })
    }

    /// The next tick at which hours or a span of weather in some prerequisite or failure condition
    /// may come or cease to be true, if time runs on as it does.
    pub(super) fn next_edge(&self, plan: &Plan) -> Option<Tick> {
        const DAY_MS: i64 = 86_400_000;
        let clock = self.clock.as_ref()?;
        let tick_ms = self.length.tick_ms;
        let world_ms = clock.world_ms_at(self.now, tick_ms);
        let midnight = world_ms - world_ms.rem_euclid(DAY_MS);
        let hours = plan.minutes.iter().filter_map(|minute| {
            let today = midnight + i64::from(*minute) * 60_000;
            clock.tick_of(if today <= world_ms { today + DAY_MS } else { today }, tick_ms)
        });
        let spans = self.weather.values().flat_map(|weather| {
            plan.spans.iter().filter_map(move |span| {
                if span.world {
                    let until = i128::from(weather.since_world_ms) + i128::from(span.ms);
                    clock.tick_of(i64::try_from(until).ok()?, tick_ms)
                } else {
                    weather.since.checked_add(self.length.ticks(span.ms))
                }
            })
        });
        hours.chain(spans).filter(|tick| *tick > self.now).min()
    }
}

/// For whom a condition is tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor<'a> {
    /// The holder whose condition it is, or the acting player's.
    pub(super) holder: Option<Holder>,
    /// Where the acting player is; all absent without one.
    pub(super) place: PlayerPlace,
    /// The event's region, or else the player's.
    pub(super) region: Sym,
    /// The holder's own state, if it is kept here.
    pub(super) own: Option<&'a HolderState>,
}

impl<'a> Actor<'a> {
    /// A holder by itself: for a player, with the player's place.
    pub(super) fn of(own: &'a HolderState) -> Actor<'a> {
        let region = if own.holder.scope == Scope::Region { own.holder.id } else { own.place.region };
        Actor { holder: Some(own.holder), place: own.place, region, own: Some(own) }
    }

    /// The holder of a scope for this actor.
    pub(super) fn holder_of(&self, scope: Scope, realm: Sym) -> Option<Holder> {
        if let Some(holder) = self.holder
            && holder.scope == scope
        {
            return Some(holder);
        }
        let id = match scope {
            Scope::Player => Sym::NONE,
            Scope::Party => self.place.party,
            Scope::Guild => self.place.guild,
            Scope::Account => self.place.account,
            Scope::Instance => self.place.instance,
            Scope::Region => self.region,
            Scope::Realm => realm,
        };
        (!id.is_none()).then_some(Holder { scope, id })
    }

    /// Where a holder stood with a quest at the end of the tick before.
    pub(super) fn seen(&self, holder: Holder, quest: Ix, context: &Context) -> Option<(QuestState, u32)> {
        match self.own {
            Some(own) if own.holder == holder => own.seen(quest, context.now),
            _ => context.stands.get(&(holder, quest)).copied(),
        }
    }
}
