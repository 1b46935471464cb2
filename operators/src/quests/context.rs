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
use super::seen::SeenViews;
use crate::clock::{Calendar, Moment};
use crate::facts::{KnownFacts, span_ticks};
use crate::messages::{ClockNow, PlayerPlace, QuestNow, ZoneWeather};

/// What conditions are tested against.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Tick,
    pub(crate) length: TickLength,
    pub(crate) realm: Sym,
    /// The seed of all chance.
    pub(crate) seed: u64,
    calendar: Option<Calendar>,
    pub(crate) clock: Option<ClockNow>,
    pub(crate) weather: FxHashMap<Sym, ZoneWeather>,
    pub(crate) facts: KnownFacts,
    pub(crate) levels: FxHashMap<Sym, i64>,
    /// Where holders that are not kept here stand, as of the end of the tick before.
    pub(crate) stands: FxHashMap<(Holder, Ix), (QuestState, u32)>,
    /// What is told of views, as of the end of the tick before.
    pub(crate) views: SeenViews,
}

impl Context {
    pub(crate) fn new(world: &WorldDef, realm: Sym) -> Context {
        Context {
            now: 0,
            length: TickLength { tick_ms: world.tick_ms.max(1) },
            realm,
            seed: world.seed,
            calendar: Calendar::compile(&world.clock).ok(),
            clock: None,
            weather: FxHashMap::default(),
            facts: KnownFacts::new(world),
            levels: FxHashMap::default(),
            stands: FxHashMap::default(),
            views: SeenViews::default(),
        }
    }

    /// Where a holder stands with a quest from now on. What is hidden and was never done has no record,
    /// as after a load.
    pub(crate) fn tell_stands(&mut self, quest: Ix, stands: QuestNow) {
        if stands.state == QuestState::Hidden && stands.completions == 0 {
            self.stands.remove(&(stands.holder, quest));
        } else {
            self.stands.insert((stands.holder, quest), (stands.state, stands.completions));
        }
    }

    /// The level of an actor's player; 1 without one.
    pub(super) fn level_of(&self, actor: &Actor<'_>) -> i64 {
        let player = actor.holder_of(Scope::Player, self.realm);
        player.and_then(|player| self.levels.get(&player.id)).copied().unwrap_or(1)
    }

    /// A quest goes on under another id: from this tick on it is seen as if it had always been called so.
    pub(crate) fn move_stands(&mut self, quest: Ix, from: Ix) {
        let of_former = self.stands.keys().filter(|(_, of)| *of == from).map(|(holder, _)| *holder);
        for holder in of_former.collect::<Vec<_>>() {
            let Some((state, completions)) = self.stands.remove(&(holder, from)) else { continue };
            let before = self.stands.get(&(holder, quest)).map_or(0, |(_, completions)| *completions);
            self.stands.insert((holder, quest), (state, completions.saturating_add(before)));
        }
    }

    /// How many ticks a span takes as things stand, rounded up.
    pub(super) fn ticks(&self, span: Span) -> u64 {
        span_ticks(span, self.clock.as_ref(), self.length)
    }

    /// What the present moment of the world is called.
    pub(super) fn moment(&self) -> Option<Moment> {
        let world_ms = self.clock.as_ref()?.world_ms_at(self.now, self.length.tick_ms);
        Some(self.calendar.as_ref()?.moment(world_ms))
    }

    /// Whether a state of the weather has lasted at least a span.
    pub(super) fn lasted(&self, weather: &ZoneWeather, span: Span) -> bool {
        if !span.world {
            return self.now.saturating_sub(weather.since) >= self.length.ticks(span.ms);
        }
        self.clock.as_ref().is_some_and(|clock| {
            let now_ms = clock.world_ms_at(self.now, self.length.tick_ms);
            i128::from(now_ms) - i128::from(weather.since_world_ms) >= i128::from(span.ms)
        })
    }

    /// The next tick at which hours or a span of weather in some prerequisite or failure condition
    /// may come or cease to be true, if time runs on as it does.
    pub(super) fn next_edge(&self, plan: &Plan) -> Option<Tick> {
        const DAY_MS: i64 = 86_400_000;
        let clock = self.clock.as_ref()?;
        let tick_ms = self.length.tick_ms;
        let world_ms = clock.world_ms_at(self.now, tick_ms);
        let midnight = world_ms.saturating_sub(world_ms.rem_euclid(DAY_MS));
        let hours = plan.minutes.iter().filter_map(|minute| {
            let today = midnight.saturating_add(i64::from(*minute) * 60_000);
            let next = if today <= world_ms { today.saturating_add(DAY_MS) } else { today };
            clock.tick_of(next, tick_ms)
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
pub(crate) struct Actor<'a> {
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

    /// A player who acts in a region, and whose quests are kept elsewhere.
    pub(crate) fn elsewhere(player: Sym, place: PlayerPlace, region: Sym) -> Actor<'a> {
        let holder = (!player.is_none()).then_some(Holder { scope: Scope::Player, id: player });
        Actor { holder, place, region, own: None }
    }

    /// A holder by itself, whose quests are kept elsewhere.
    pub(crate) fn by_itself(holder: Holder, place: PlayerPlace) -> Actor<'a> {
        let region = if holder.scope == Scope::Region { holder.id } else { place.region };
        Actor { holder: Some(holder), place, region, own: None }
    }

    /// The holder of a scope for this actor.
    pub(crate) fn holder_of(&self, scope: Scope, realm: Sym) -> Option<Holder> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_an_edge_or_none_but_never_too_far() {
        let world: WorldDef =
            serde_json::from_value(serde_json::json!({"name": "late", "seed": 1})).expect("a world");
        let mut plan = Plan::new(&world);
        plan.minutes.extend([0, 1_439]);
        let mut context = Context::new(&world, Sym::new("realm"));
        for world_ms in [i64::MIN, i64::MAX - 1, i64::MAX] {
            context.clock = Some(ClockNow {
                world_ms,
                fraction: (0, 1),
                since: 1,
                scale_world: u32::MAX,
                scale_real: 1,
                paused: false,
                phase: Sym::NONE,
                season: Sym::NONE,
                moons: Vec::new(),
            });
            for now in [1, 1_000, u64::MAX / 2] {
                context.now = now;
                assert!(context.next_edge(&plan).is_none_or(|edge| edge > now), "{world_ms} at {now}");
            }
        }
    }
}
