//! Conditions in words: each test as it could be written, what there is now, and when that will be otherwise.
//!
//! Whether a test holds has been asked of the graph's own conditions; nothing is decided here.

use worldflow_operators::clock::{Calendar, DAY_MS, Moment};
use worldflow_operators::messages::{ClockNow, ZoneWeather};
use worldflow_operators::quests::traced::{Leaf, Node, Now};
use worldflow_schemas::definitions::{Condition, Hours, OneOrMany, Test, TestRange, WeatherTest};
use worldflow_schemas::{Sym, Tick, Value};

use super::compared;
use super::moments::Moments;
use super::told::{Joined, Tested};

/// How many changes of the calendar are looked through for the next that matters: more than a year of them.
const MOST_EDGES: usize = 4_000;

/// What conditions are said with.
pub(super) struct Words {
    time: Option<Time>,
}

/// World time, and how it goes on.
struct Time {
    clock: ClockNow,
    calendar: Calendar,
    moments: Moments,
    tick: Tick,
}

impl Words {
    /// Says what there is now, and nothing of when that changes.
    pub(super) fn bare() -> Words {
        Words { time: None }
    }

    /// Says also when it changes, if time goes on as it does at the end of this tick.
    pub(super) fn at(
        tick: Tick,
        clock: Option<&ClockNow>,
        calendar: Option<Calendar>,
        moments: Moments,
    ) -> Words {
        let time = clock.cloned().zip(calendar);
        Words { time: time.map(|(clock, calendar)| Time { clock, calendar, moments, tick }) }
    }

    /// World time, as `day 3, 14:05 (day, summer)`.
    pub(super) fn world_time(&self) -> String {
        let Some(time) = &self.time else { return String::new() };
        let world_ms = time.world_ms();
        let moment = time.calendar.moment(world_ms);
        let minute = u32::try_from(world_ms.rem_euclid(DAY_MS) / 60_000).unwrap_or(0);
        let names = [moment.phase, moment.season].into_iter().filter(|name| !name.is_none());
        let names: Vec<String> = names.map(|name| name.to_string()).collect();
        let stands = if time.clock.paused { ", stands still" } else { "" };
        format!("day {}, {} ({}){stands}", moment.day, time_of_day(minute), names.join(", "))
    }

    /// A condition with what there is now.
    pub(super) fn tested(&self, node: &Node) -> Tested {
        let joined = |is, of: &[Node]| Tested {
            is,
            test: String::new(),
            holds: node.holds(),
            now: String::new(),
            of: of.iter().map(|node| self.tested(node)).collect(),
        };
        match node {
            Node::All(of) => joined(Joined::All, of),
            Node::Any(of) => joined(Joined::Any, of),
            Node::Not(of) => joined(Joined::Not, std::slice::from_ref(of)),
            Node::Leaf(leaf) => Tested {
                is: Joined::Test,
                test: condition(&leaf.test),
                holds: leaf.holds,
                now: self.now(leaf),
                of: Vec::new(),
            },
        }
    }

    /// The tests that keep a condition from holding, each with what there is now.
    pub(super) fn unmet(&self, node: &Node) -> Vec<String> {
        match node {
            _ if node.holds() => Vec::new(),
            Node::All(of) => of.iter().flat_map(|node| self.unmet(node)).collect(),
            Node::Any(of) => {
                let ways: Vec<String> = of.iter().map(|node| self.unmet(node).join(" and ")).collect();
                vec![ways.join("; or ")]
            }
            Node::Not(of) => vec![format!("not {}", in_parentheses(&self.holding(of)))],
            Node::Leaf(leaf) => vec![with_now(condition(&leaf.test), self.now(leaf))],
        }
    }

    /// A condition that holds, in one text with what there is now.
    fn holding(&self, node: &Node) -> String {
        match node {
            Node::All(of) => of.iter().map(|node| self.holding(node)).collect::<Vec<_>>().join(" and "),
            Node::Any(of) => {
                let holding = of.iter().filter(|node| node.holds());
                holding.map(|node| self.holding(node)).collect::<Vec<_>>().join(" or ")
            }
            Node::Not(of) => format!("not {}", in_parentheses(&self.unmet(of).join(" and "))),
            Node::Leaf(leaf) => with_now(condition(&leaf.test), self.now(leaf)),
        }
    }

    /// What a test looks at.
    fn now(&self, leaf: &Leaf) -> String {
        let Leaf { test, holds, now } = leaf;
        match now {
            Now::Nothing => nothing(test).to_owned(),
            Now::Id(id) => match self.time.as_ref().and_then(|time| time.next(test, *holds)) {
                Some(next) => format!("now {id}{next}"),
                None => format!("now {id}"),
            },
            Now::Minute(minute) => {
                let next = self.time.as_ref().zip(test.hours).map(|(time, hours)| time.hours(hours, *holds));
                format!("now {}{}", time_of_day(*minute), next.unwrap_or_default())
            }
            Now::Weather(weather) => self.weather(weather, test),
            Now::Fact(None, _) => "nobody has it here".to_owned(),
            Now::Fact(Some(_), None) => "now nothing".to_owned(),
            Now::Fact(Some(_), Some(value)) => {
                format!("now {value}{}", compared::short_of(test.facts.values().next(), value))
            }
            Now::Quest(_, state, 0) => format!("now {}", state.name()),
            Now::Quest(_, state, completions) => {
                format!("now {}, completed {}", state.name(), times(*completions))
            }
            Now::Number(number) => {
                let of = test.level.as_ref().or_else(|| test.progress.values().next()?.values().next());
                format!("now {number}{}", compared::short_of(of, &Value::Int(*number)))
            }
            Now::Utc(ms) => format!("now {}", local(*ms, test)),
            Now::Sides(left, right) => match &test.compare {
                Some(of) => compared::sides(of, left.as_ref(), right.as_ref()),
                None => String::new(),
            },
        }
    }

    fn weather(&self, weather: &ZoneWeather, test: &Condition) -> String {
        let ZoneWeather { state, intensity, since, .. } = weather;
        if test.weather.as_ref().is_some_and(|weather| weather.intensity.is_some()) {
            return format!("now {}", Value::Dec(*intensity));
        }
        match &self.time {
            Some(time) if time.tick <= *since => format!("now {state}, which has just begun"),
            Some(time) => format!("now {state} for {}", time.moments.between(*since, time.tick)),
            None => format!("now {state}"),
        }
    }
}

impl Time {
    /// World time as conditions of the next tick see it.
    fn world_ms(&self) -> i64 {
        self.clock.world_ms_at(self.tick.saturating_add(1), self.moments.length.tick_ms)
    }

    /// When a test of the calendar is decided otherwise.
    fn next(&self, test: &Condition, holds: bool) -> Option<String> {
        let names =
            |names: &OneOrMany<String>, id: Sym| names.as_slice().iter().any(|name| id.as_str() == name);
        let holds_then = |moment: &Moment| {
            test.phase.as_ref().is_none_or(|of| names(of, moment.phase))
                && test.season.as_ref().is_none_or(|of| names(of, moment.season))
                && test.moon.iter().all(|(moon, of)| {
                    let found = moment.moons.iter().find(|(name, _)| name.as_str() == moon);
                    found.is_some_and(|(_, phase)| names(of, *phase))
                })
        };
        if test.phase.is_none() && test.season.is_none() && test.moon.is_empty() {
            return None;
        }
        let mut at = self.world_ms();
        for _ in 0..MOST_EDGES {
            at = self.calendar.next_edge(at);
            if holds_then(&self.calendar.moment(at)) != holds {
                return Some(self.then(at, holds));
            }
        }
        None
    }

    /// When hours begin or end.
    fn hours(&self, hours: Hours, holds: bool) -> String {
        let now = self.world_ms();
        let minute = i64::from(if holds { hours.to_min } else { hours.from_min });
        let today = now - now.rem_euclid(DAY_MS) + minute * 60_000;
        self.then(if today > now { today } else { today + DAY_MS }, holds)
    }

    /// `, from 20:00 on (in 12 min)`.
    fn then(&self, world_ms: i64, holds: bool) -> String {
        let day = |ms: i64| ms.div_euclid(DAY_MS);
        let minute = u32::try_from(world_ms.rem_euclid(DAY_MS) / 60_000).unwrap_or(0);
        let days = match day(world_ms) - day(self.world_ms()) {
            0 => String::new(),
            1 => " tomorrow".to_owned(),
            days => format!(" in {days} days"),
        };
        let word = if holds { "until" } else { "from" };
        let real = if self.clock.paused {
            " (world time stands still)".to_owned()
        } else {
            let tick = self.clock.tick_of(world_ms, self.moments.length.tick_ms);
            tick.map(|tick| format!(" (in {})", self.moments.between(self.tick, tick))).unwrap_or_default()
        };
        format!(", {word} {}{days}{real}", time_of_day(minute))
    }
}

/// A moment, in the zone of what is asked.
fn local(ms: i64, test: &Condition) -> String {
    let zone = test.dates.as_ref().and_then(|dates| jiff::tz::TimeZone::get(&dates.zone).ok());
    let zoned =
        jiff::Timestamp::from_millisecond(ms).map(|at| at.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC)));
    zoned.map_or_else(|_| ms.to_string(), |at| at.strftime("%A, %Y-%m-%d %H:%M %Z").to_string())
}

fn nothing(test: &Condition) -> &'static str {
    if test.chance.is_some() {
        "as it was drawn for this day or week"
    } else if test.weather.is_some() {
        "no weather is known there"
    } else if test.region.is_some() || test.near.is_some() {
        "nobody knows where"
    } else if !test.quests.is_empty() {
        "nobody could hold it here"
    } else {
        "nothing is known of it"
    }
}

fn with_now(test: String, now: String) -> String {
    if now.is_empty() { test } else { format!("{test} ({now})") }
}

fn in_parentheses(text: &str) -> String {
    if text.contains(' ') { format!("({text})") } else { text.to_owned() }
}

/// `1 time`, `3 times`.
pub(super) fn times(count: u32) -> String {
    if count == 1 { "1 time".to_owned() } else { format!("{count} times") }
}

/// `20:05`.
pub(super) fn time_of_day(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// A condition as text, as a world could have it.
pub(super) fn condition(def: &Condition) -> String {
    let mut parts = tests(def);
    parts.extend(def.all.iter().map(|inner| together(inner, condition(inner))));
    if let [only] = def.any.as_slice() {
        parts.push(condition(only));
    } else if !def.any.is_empty() {
        let ways: Vec<String> = def.any.iter().map(|inner| together(inner, condition(inner))).collect();
        let text = ways.join(" or ");
        let alone = parts.is_empty() && def.not.is_none();
        parts.push(if alone { text } else { format!("({text})") });
    }
    if let Some(inner) = &def.not {
        parts.push(format!("not {}", in_parentheses(&condition(inner))));
    }
    if parts.is_empty() { "true".to_owned() } else { parts.join(" and ") }
}

/// In parentheses where what is beside it would take its parts apart.
fn together(def: &Condition, text: String) -> String {
    let parts = tests(def).len() + def.all.len() + def.any.len() + usize::from(def.not.is_some());
    if parts > 1 { format!("({text})") } else { text }
}

fn tests(def: &Condition) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(def.phase.as_ref().map(|names| one_of("clock.phase", names.as_slice())));
    parts.extend(def.hours.map(|hours| {
        let end = |minute| time_of_day(minute);
        format!("clock.time between {} and {}", end(hours.from_min), end(hours.to_min))
    }));
    parts.extend(def.season.as_ref().map(|names| one_of("clock.season", names.as_slice())));
    parts
        .extend(def.moon.iter().map(|(moon, names)| one_of(&format!("moon.{}", id(moon)), names.as_slice())));
    parts.extend(tests_of_calendars(def));
    if let Some(WeatherTest { region, kind, intensity, lasting }) = &def.weather {
        let there = region.as_ref().map_or_else(String::new, |region| format!(" in {}", id(region)));
        parts.extend(kind.as_ref().map(|names| one_of("weather.state", names.as_slice()) + &there));
        parts.extend(intensity.as_ref().map(|of| test("weather.intensity", of) + &there));
        parts.extend(lasting.map(|span| format!("weather.lasting >= {span}{there}")));
    }
    parts.extend(def.region.as_ref().map(|names| one_of("region", names.as_slice())));
    parts.extend(def.near.as_ref().map(|names| one_of("near", names.as_slice())));
    parts.extend(def.facts.iter().map(|(fact, of)| test(&id(fact), of)));
    parts.extend(def.quests.iter().map(|(quest, states)| {
        let states: Vec<String> = states.as_slice().iter().map(|state| state.name().to_owned()).collect();
        one_of(&format!("quest.{}", id(quest)), &states)
    }));
    parts.extend(def.progress.iter().flat_map(|(quest, objectives)| {
        objectives
            .iter()
            .map(|(objective, of)| test(&format!("progress.{}.{}", id(quest), id(objective)), of))
    }));
    parts.extend(def.level.as_ref().map(|of| test("player.level", of)));
    parts.extend(def.compare.as_ref().map(compared::comparison));
    parts
}

fn tests_of_calendars(def: &Condition) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(def.weekday.as_ref().map(|names| one_of("clock.weekday", names.as_slice())));
    parts.extend(def.month.as_ref().map(|names| one_of("clock.month", names.as_slice())));
    parts.extend(def.day.as_ref().map(|of| test("clock.day", of)));
    parts.extend(def.dates.as_ref().map(|dates| format!("dates {}", plainly(dates))));
    parts.extend(def.occasion.as_ref().map(|names| one_of("occasion", names.as_slice())));
    parts.extend(def.chance.as_ref().map(|chance| {
        format!("chance of {}: {} % in each {}", id(&chance.of), chance.percent, plainly(&chance.every))
    }));
    parts
}

/// What has no short form, as YAML in one line.
fn plainly(def: &impl serde::Serialize) -> String {
    fn shown(json: &serde_json::Value) -> String {
        match json {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            serde_json::Value::Object(map) => {
                let parts = map.iter().map(|(key, value)| format!("{key}: {}", shown(value)));
                format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
    shown(&serde_json::to_value(def).unwrap_or_default())
}

fn one_of(name: &str, values: &[String]) -> String {
    match values {
        [only] => format!("{name} == {}", id(only)),
        many => format!("{name} in [{}]", many.iter().map(|one| id(one)).collect::<Vec<_>>().join(", ")),
    }
}

/// A comparison as text: `renown >= 3`.
pub(super) fn test(name: &str, test: &Test) -> String {
    let TestRange { at_least, at_most, above, below, is, is_not, one_of } = match test {
        Test::Is(value) => return format!("{name} == {}", json(value)),
        Test::Range(range) => range,
    };
    let mut parts = Vec::new();
    let numbers = [(at_least, ">="), (at_most, "<="), (above, ">"), (below, "<")];
    parts.extend(
        numbers
            .iter()
            .filter_map(|(bound, sign)| bound.as_ref().map(|bound| format!("{name} {sign} {bound}"))),
    );
    parts.extend(is.as_ref().map(|value| format!("{name} == {}", json(value))));
    parts.extend(is_not.as_ref().map(|value| format!("{name} != {}", json(value))));
    parts.extend(
        one_of
            .as_ref()
            .map(|values| format!("{name} in [{}]", values.iter().map(json).collect::<Vec<_>>().join(", "))),
    );
    parts.join(" and ")
}

/// A comparison without what is compared: `>= 3`.
#[must_use]
pub fn test_words(of: &Test) -> String {
    test("", of).trim_start().replace(" and  ", " and ")
}

fn json(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), id)
}

/// An id as conditions write it: in quotes where it could be taken for something else.
pub(super) fn id(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain { text.to_owned() } else { format!("'{text}'") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::condition_of_text;

    #[test]
    fn what_is_said_of_a_condition_reads_as_the_condition() {
        for text in [
            "clock.phase == night",
            "clock.phase in [dusk, night] and clock.season == winter",
            "clock.time between 20:00 and 06:00",
            "moon.silver == full",
            "weather.state in [rain, storm] and weather.intensity > 0.5 and weather.lasting >= 10m",
            "region == harbour and village_mood >= 3 and quest.lost_flock == done",
            "player.level >= 5 and quest.'lost-flock' in [failed, expired]",
            "(path == iron or path == stone) and not region == harbour",
            "path == iron or (path == stone and player.level > 3)",
            "view.hunters[player].kills + 1 >= 10 and not view.'red-1'['realm', player.path, fact.mood]",
        ] {
            let read = condition_of_text(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            let said = condition(&read);
            let again = condition_of_text(&said).unwrap_or_else(|error| panic!("{said}: {error:?}"));
            assert_eq!(condition(&again), said, "{text}");
            assert_eq!(again, read, "{text} is said as {said}");
        }
    }
}
