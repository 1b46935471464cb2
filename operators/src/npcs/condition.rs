//! Whether an NPC's `when` holds, and what must be known of the world to say so.
//!
//! Talk is rare beside other events, so the definition is read as it is written. Absent operands do
//! not hold or are defaults; nothing is an error.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use worldflow_schemas::definitions::{
    Condition, Hours, OneOrMany, QuestState, Test, TestRange, WeatherTest, WorldDef,
};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick, Value};

use crate::facts::KnownFacts;
use crate::messages::{ClockNow, PlayerPlace, QuestNow, ZoneWeather};
use crate::presence::PlayerNow;

/// What is known of the world: the last of everything that was told.
#[derive(Debug)]
pub(super) struct Known {
    realm: Sym,
    zones: FxHashMap<Sym, Sym>,
    pub(super) clock: Option<ClockNow>,
    pub(super) weather: FxHashMap<Sym, ZoneWeather>,
    pub(super) facts: KnownFacts,
    pub(super) players: FxHashMap<Sym, PlayerNow>,
    pub(super) levels: FxHashMap<Sym, i64>,
    pub(super) quests: FxHashMap<(Holder, Sym), QuestNow>,
}

impl Known {
    /// Nothing but the world's definitions.
    pub(super) fn new(realm: Sym, world: &WorldDef) -> Known {
        let zones = (world.regions.iter())
            .filter_map(|(region, def)| Some((Sym::new(region), Sym::new(def.zone.as_deref()?))));
        Known {
            realm,
            zones: zones.collect(),
            clock: None,
            weather: FxHashMap::default(),
            facts: KnownFacts::new(world),
            players: FxHashMap::default(),
            levels: FxHashMap::default(),
            quests: FxHashMap::default(),
        }
    }

    /// Where a player is.
    pub(super) fn place(&self, player: Sym) -> PlayerPlace {
        self.players.get(&player).map(|now| now.place).unwrap_or_default()
    }

    /// The world around a player who acts in a region.
    pub(super) fn around(&self, player: Sym, region: Sym, tick: Tick, length: TickLength) -> Around<'_> {
        Around { known: self, clock: self.clock.as_ref(), player, region, tick, length }
    }
}

/// The world around a player who acts in a region at a tick.
pub(super) struct Around<'a> {
    known: &'a Known,
    pub(super) clock: Option<&'a ClockNow>,
    player: Sym,
    pub(super) region: Sym,
    tick: Tick,
    length: TickLength,
}

impl Around<'_> {
    /// The weather of the region's zone.
    pub(super) fn weather(&self) -> Option<&ZoneWeather> {
        self.known.weather.get(self.known.zones.get(&self.region)?)
    }

    fn holder(&self, scope: Scope) -> Option<Holder> {
        let place = self.known.place(self.player);
        let id = match scope {
            Scope::Player => self.player,
            Scope::Party => place.party,
            Scope::Guild => place.guild,
            Scope::Account => place.account,
            Scope::Region => self.region,
            Scope::Instance => place.instance,
            Scope::Realm => self.known.realm,
        };
        (!id.is_none()).then_some(Holder { scope, id })
    }

    fn fact(&self, name: &str) -> Option<&Value> {
        let fact = Sym::find(name)?;
        self.known.facts.get(self.holder(self.known.facts.scope(fact)?), fact)
    }

    /// Whether the quest is in one of these states for its holder; a quest has one scope, so at most
    /// one of the player's holders has been heard of.
    fn quest(&self, name: &str, states: &[QuestState]) -> bool {
        let Some(quest) = Sym::find(name) else { return false };
        let mut heard =
            (Scope::ALL.into_iter()).filter_map(|scope| self.known.quests.get(&(self.holder(scope)?, quest)));
        heard.any(|now| {
            states.iter().any(|&state| match state {
                QuestState::Done => now.completions >= 1,
                state => now.state == state,
            })
        })
    }
}

/// Whether a condition can come to hold, or cease to, by time alone.
pub(super) fn is_timed(condition: &Condition) -> bool {
    condition.hours.is_some()
        || condition.weather.as_ref().is_some_and(|weather| weather.lasting.is_some())
        || (condition.all.iter()).chain(&condition.any).chain(condition.not.as_deref()).any(is_timed)
}

/// Whether a condition holds.
pub(super) fn holds(condition: &Condition, around: &Around<'_>) -> bool {
    let Condition { phase, hours, season, moon, weather, region, facts, quests, level, all, any, not } =
        condition;
    let clock = around.clock;
    phase.as_ref().is_none_or(|names| clock.is_some_and(|clock| one_of(names, clock.phase)))
        && hours.is_none_or(|hours| clock.is_some_and(|clock| within(hours, clock, around)))
        && season.as_ref().is_none_or(|names| clock.is_some_and(|clock| one_of(names, clock.season)))
        && moon.iter().all(|(moon, names)| {
            let moons = clock.map_or(&[][..], |clock| &clock.moons);
            moons.iter().any(|(name, phase)| name.as_str() == moon && one_of(names, *phase))
        })
        && weather.as_ref().is_none_or(|test| weather_holds(test, around))
        && region.as_ref().is_none_or(|names| one_of(names, around.region))
        && facts.iter().all(|(name, test)| around.fact(name).is_some_and(|fact| passes(test, fact)))
        && quests.iter().all(|(name, states)| around.quest(name, states.as_slice()))
        && level.as_ref().is_none_or(|test| {
            let level = around.known.levels.get(&around.player).copied().unwrap_or(1);
            passes(test, &Value::Int(level))
        })
        && all.iter().all(|condition| holds(condition, around))
        && (any.is_empty() || any.iter().any(|condition| holds(condition, around)))
        && not.as_ref().is_none_or(|condition| !holds(condition, around))
}

fn one_of(names: &OneOrMany<String>, name: Sym) -> bool {
    !name.is_none() && names.as_slice().iter().any(|one| one == name.as_str())
}

fn within(hours: Hours, clock: &ClockNow, around: &Around<'_>) -> bool {
    let minute = clock.minute_of_day(around.tick, around.length.tick_ms);
    let (from, to) = (hours.from_min, hours.to_min);
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

fn weather_holds(test: &WeatherTest, around: &Around<'_>) -> bool {
    let Some(weather) = around.weather() else { return false };
    let lasts = |span: worldflow_schemas::definitions::Span| {
        if !span.world {
            return around.tick.saturating_sub(weather.since) >= around.length.ticks(span.ms);
        }
        let passed = around
            .clock
            .map(|clock| clock.world_ms_at(around.tick, around.length.tick_ms) - weather.since_world_ms);
        passed.is_some_and(|passed| u64::try_from(passed).is_ok_and(|passed| passed >= span.ms))
    };
    test.kind.as_ref().is_none_or(|names| one_of(names, weather.state))
        && test.intensity.as_ref().is_none_or(|test| passes(test, &Value::Dec(weather.intensity)))
        && test.lasting.is_none_or(lasts)
}

/// Whether a value passes a test.
fn passes(test: &Test, value: &Value) -> bool {
    let range = match test {
        Test::Is(wanted) => return is(wanted, value),
        Test::Range(range) => range,
    };
    let TestRange { at_least, at_most, above, below, is: same, is_not, one_of } = range;
    let against = |bound: &Option<serde_json::Number>, wanted: fn(Ordering) -> bool| {
        bound.as_ref().is_none_or(|bound| {
            let bound = Value::from_json(&Json::Number(bound.clone())).and_then(|b| b.as_millionths());
            value.as_millionths().zip(bound).is_some_and(|(value, bound)| wanted(value.cmp(&bound)))
        })
    };
    against(at_least, Ordering::is_ge)
        && against(at_most, Ordering::is_le)
        && against(above, Ordering::is_gt)
        && against(below, Ordering::is_lt)
        && same.as_ref().is_none_or(|wanted| is(wanted, value))
        && is_not.as_ref().is_none_or(|wanted| !is(wanted, value))
        && one_of.as_ref().is_none_or(|list| list.iter().any(|wanted| is(wanted, value)))
}

fn is(wanted: &Json, value: &Value) -> bool {
    match wanted {
        Json::String(text) => value.as_str() == Some(text),
        wanted => Value::from_json(wanted).is_some_and(|wanted| wanted.same(value)),
    }
}
