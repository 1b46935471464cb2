//! A naive evaluator of quests, written from `docs/semantics.md` alone: it keeps every input, folds
//! tick by tick with maps and plain loops, and says every change of `quest_state`,
//! `objective_progress`, `contributions` and `grants`.
//!
//! It shares nothing with the graph but the types of definitions and inputs. World time runs at a
//! constant scale, definitions do not change, and the weather is given.

#![allow(missing_docs, unreachable_pub, dead_code)]

mod clock;
pub mod compare;
mod conditions;
mod facts;
mod fold;
pub mod random;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use clock::Clock;
use worldflow_schemas::definitions::{Condition, QuestDef, QuestState, Repeat, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Diff, Event, Input, Sym, Tick, Value};

/// A change of a row: view, columns as JSON, tick, diff.
pub type Seen = (&'static str, Vec<serde_json::Value>, Tick, Diff);

/// The weather of a zone from a tick on, as the graph's `weather` view has it.
#[derive(Clone, Debug)]
pub struct WeatherRow {
    pub tick: Tick,
    pub zone: String,
    pub state: String,
    pub intensity: Value,
    pub since: Tick,
}

#[derive(Clone, Copy, Default, Debug)]
pub struct Place {
    pub region: Sym,
    pub instance: Sym,
    pub party: Sym,
    pub guild: Sym,
    pub account: Sym,
}

#[derive(Clone, Debug)]
pub struct HeldFact {
    pub value: Value,
    pub expires: Option<Tick>,
}

#[derive(Clone, Debug)]
pub struct Effect {
    pub holder: Holder,
    pub fact: String,
    pub change: FactChange,
}

#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub value: u32,
    pub done: bool,
    pub hidden: bool,
    pub distinct: BTreeSet<String>,
}

/// What is kept of a holder and a quest.
#[derive(Clone, Debug)]
pub struct Held {
    pub instance: i64,
    pub state: QuestState,
    pub since: Tick,
    pub deadline: Option<Tick>,
    pub completions: i64,
    pub stage: usize,
    pub stage_opened: Tick,
    pub objectives: Vec<Progress>,
    /// Credits by (stage, objective, player).
    pub credits: BTreeMap<(String, String, Sym), i64>,
    pub finisher: Sym,
    pub stage_complete: bool,
    /// The next stage opens at the next tick.
    pub goes_on: bool,
    pub failing: bool,
    /// A done quest reopens at this tick.
    pub reopens: Option<Tick>,
}

#[derive(Clone, Debug)]
pub struct Grant {
    pub row: Vec<serde_json::Value>,
    pub answered: bool,
}

pub struct Oracle {
    pub world: Arc<WorldDef>,
    pub quests: BTreeMap<Arc<str>, Arc<QuestDef>>,
    pub realm: Sym,
    pub clock: Clock,
    pub length: TickLength,
    pub weather: Vec<WeatherRow>,
    /// Look at every holder at every tick, not only at those that something may have changed for.
    pub exhaustive: bool,
    pub tags: BTreeMap<String, Vec<String>>,
    pub places: BTreeMap<&'static str, Place>,
    pub known: BTreeSet<Holder>,
    pub facts: BTreeMap<(Holder, String), HeldFact>,
    pub effects: Vec<Effect>,
    /// Effects of quests by (quest, holder, place).
    pub quest_effects: BTreeMap<(String, Scope, &'static str, usize), Effect>,
    pub held: BTreeMap<Holder, BTreeMap<Arc<str>, Held>>,
    /// Every event that a lifetime counter has counted: (tick, amount).
    pub lifetime: BTreeMap<(Holder, String), Vec<(Tick, i64)>>,
    pub experience: BTreeMap<&'static str, i64>,
    pub levels_seen: BTreeMap<&'static str, i64>,
    pub seen: BTreeMap<Holder, BTreeMap<Arc<str>, (QuestState, i64)>>,
    pub grants: BTreeMap<String, Grant>,
    pub timers: BTreeSet<Tick>,
    pub rows: BTreeMap<Holder, Vec<(&'static str, Vec<serde_json::Value>)>>,
    pub changes: Vec<Seen>,
    pub refused: u64,
}

impl Oracle {
    /// An evaluator of a world whose clock begins at `origin`.
    pub fn new(
        world: &WorldDef,
        quests: &BTreeMap<String, Arc<QuestDef>>,
        realm: Sym,
        origin: Tick,
    ) -> Oracle {
        let tags = world.entities.iter().map(|(id, entity)| (id.clone(), entity.tags.clone())).collect();
        Oracle {
            clock: Clock::new(&world.clock, origin, world.tick_ms),
            length: TickLength { tick_ms: world.tick_ms },
            world: Arc::new(world.clone()),
            quests: quests.iter().map(|(id, def)| (Arc::from(id.as_str()), Arc::clone(def))).collect(),
            realm,
            weather: Vec::new(),
            exhaustive: false,
            tags,
            places: BTreeMap::new(),
            known: BTreeSet::new(),
            facts: BTreeMap::new(),
            effects: Vec::new(),
            quest_effects: BTreeMap::new(),
            held: BTreeMap::new(),
            lifetime: BTreeMap::new(),
            experience: BTreeMap::new(),
            levels_seen: BTreeMap::new(),
            seen: BTreeMap::new(),
            grants: BTreeMap::new(),
            timers: BTreeSet::new(),
            rows: BTreeMap::new(),
            changes: Vec::new(),
            refused: 0,
        }
    }

    /// Folds all ticks up to `until` and returns every change, sorted.
    pub fn run(mut self, inputs: &BTreeMap<Tick, Vec<Input>>, until: Tick) -> Vec<Seen> {
        let Some(&first) = inputs.keys().next() else { return Vec::new() };
        let mut sweeps: BTreeSet<Tick> =
            self.clock.edges(first, until, &self.conditions()).into_iter().collect();
        sweeps.extend(self.weather_ticks());
        let mut next = Some(first);
        let none = Vec::new();
        while let Some(tick) = next.filter(|tick| *tick <= until) {
            let timer = self.timers.remove(&tick);
            let sweep = self.exhaustive || timer || sweeps.contains(&tick);
            let before = self.changes.len();
            let given = inputs.get(&tick).unwrap_or(&none);
            let concluded = self.fold(tick, given, sweep);
            if concluded || self.changes.len() != before {
                self.timers.insert(tick + 1);
            }
            let after = |ticks: &BTreeSet<Tick>| ticks.range(tick + 1..).next().copied();
            let given = inputs.range(tick + 1..).next().map(|(tick, _)| *tick);
            next = [given, after(&self.timers), after(&sweeps)].into_iter().flatten().min();
        }
        self.changes.sort_by_cached_key(|change| format!("{:020} {change:?}", change.2));
        self.changes
    }

    fn conditions(&self) -> Vec<&Condition> {
        let quests = self.quests.values();
        quests.flat_map(|quest| [Some(&quest.requires), quest.fail_when.as_ref()]).flatten().collect()
    }

    fn weather_ticks(&self) -> Vec<Tick> {
        fn spans(condition: &Condition, into: &mut Vec<worldflow_schemas::definitions::Span>) {
            into.extend(condition.weather.as_ref().and_then(|test| test.lasting));
            for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
                spans(inner, into);
            }
        }
        let mut lasting = Vec::new();
        for condition in self.conditions() {
            spans(condition, &mut lasting);
        }
        let mut ticks = Vec::new();
        for row in &self.weather {
            ticks.push(row.tick);
            for span in &lasting {
                // World time is rounded: the tick itself or the one after.
                let ticks_of = self.clock.ticks(*span);
                ticks.extend([row.since + ticks_of, row.since + ticks_of + 1]);
            }
        }
        ticks
    }

    pub fn place(&self, player: Sym) -> Place {
        self.places.get(player.as_str()).copied().unwrap_or_default()
    }

    pub fn region_of(&self, event: &Event) -> Sym {
        if !event.region.is_none() {
            return event.region;
        }
        self.place(event.player).region
    }

    /// For whom an event counts.
    pub fn holders_of(&self, event: &Event) -> Vec<Holder> {
        let mut ids = vec![(Scope::Region, self.region_of(event)), (Scope::Realm, self.realm)];
        if !event.player.is_none() {
            let place = self.place(event.player);
            ids.extend([
                (Scope::Player, event.player),
                (Scope::Party, place.party),
                (Scope::Guild, place.guild),
                (Scope::Account, place.account),
                (Scope::Instance, place.instance),
            ]);
        }
        ids.into_iter().filter(|(_, id)| !id.is_none()).map(|(scope, id)| Holder { scope, id }).collect()
    }

    pub fn holder_for(&self, scope: Scope, event: &Event) -> Option<Holder> {
        self.holders_of(event).into_iter().find(|holder| holder.scope == scope)
    }

    /// A quest's state and completions for a holder at the end of the tick before.
    pub fn state_seen(&self, holder: Holder, quest: &str) -> (QuestState, i64) {
        let seen = self.seen.get(&holder).and_then(|quests| quests.get(quest)).copied();
        let def = &self.quests[quest];
        let untouched = if def.requires.is_empty() { QuestState::Available } else { QuestState::Hidden };
        seen.unwrap_or((untouched, 0))
    }

    /// When a quest done at `tick` can be accepted again.
    pub fn reopens(&self, quest: &QuestDef, tick: Tick) -> Option<Tick> {
        match quest.repeat.as_ref()? {
            Repeat::Always {} => Some(tick + 1),
            Repeat::Cooldown(span) => Some(tick + self.clock.ticks(*span)),
            Repeat::Daily { .. } | Repeat::Weekly { .. } => {
                Some(self.length.tick_at(self.reset_after(quest, self.length.utc_ms(tick))?))
            }
        }
    }

    /// The first daily or weekly reset strictly after a moment.
    pub fn reset_after(&self, quest: &QuestDef, after_ms: i64) -> Option<i64> {
        (-1..=9).filter_map(|days| reset_near(quest, after_ms, days)).filter(|ms| *ms > after_ms).min()
    }

    /// The last daily or weekly reset at or before a moment.
    pub fn reset_before(&self, quest: &QuestDef, at_ms: i64) -> Option<i64> {
        (-9..=1).filter_map(|days| reset_near(quest, at_ms, days)).filter(|ms| *ms <= at_ms).max()
    }
}

/// The reset on the day that is `days` after the local day of a moment, if that day has one.
fn reset_near(quest: &QuestDef, ms: i64, days: i64) -> Option<i64> {
    use worldflow_schemas::definitions::Weekday as W;
    let (weekday, at, zone) = match quest.repeat.as_ref()? {
        Repeat::Daily { at, zone } => (None, at, zone),
        Repeat::Weekly { day, at, zone } => (Some(*day), at, zone),
        _ => return None,
    };
    let zone = jiff::tz::TimeZone::get(zone).expect("checked");
    let moment = jiff::Timestamp::from_millisecond(ms).expect("in range");
    let date = moment.to_zoned(zone.clone()).date() + jiff::Span::new().days(days);
    let wanted = weekday.map(|day| match day {
        W::Monday => jiff::civil::Weekday::Monday,
        W::Tuesday => jiff::civil::Weekday::Tuesday,
        W::Wednesday => jiff::civil::Weekday::Wednesday,
        W::Thursday => jiff::civil::Weekday::Thursday,
        W::Friday => jiff::civil::Weekday::Friday,
        W::Saturday => jiff::civil::Weekday::Saturday,
        W::Sunday => jiff::civil::Weekday::Sunday,
    });
    if wanted.is_some_and(|wanted| wanted != date.weekday()) {
        return None;
    }
    let (hour, minute) = at.split_once(':').expect("HH:MM");
    let local = date.at(hour.parse().expect("hours"), minute.parse().expect("minutes"), 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let found = match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Gap { .. } => {
            let about = ambiguous.later().expect("in range");
            let day_before = about - jiff::SignedDuration::from_hours(24);
            zone.following(day_before).next().expect("a gap is a transition").timestamp()
        }
        _ => ambiguous.earlier().expect("in range"),
    };
    Some(found.as_millisecond())
}
