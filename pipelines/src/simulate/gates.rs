//! Conditions as a player sees them: whether one holds now, and which part of it never did.
//!
//! This is a bot's judgement from the rows that it can read, and decides nothing in a realm: there the graph does.

use std::cmp::Ordering;

use worldflow_schemas::definitions::expression::{Arithmetic, Compare, Comparison, Term};
use worldflow_schemas::definitions::{
    Condition, Dates, DatesTest, Hours, OneOrMany, QuestState, Test, TestRange,
};
use worldflow_schemas::input::Scope;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick, Value};

use super::board::{Board, Clock, Who};
use crate::world::LoadedWorld;

/// For whom a condition is tested.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Actor {
    pub(super) player: Sym,
    pub(super) party: Sym,
    pub(super) guild: Sym,
    pub(super) account: Sym,
    pub(super) instance: Sym,
    pub(super) region: Sym,
    pub(super) realm: Sym,
}

impl Actor {
    /// A holder by itself, if it is no player.
    pub(super) fn of((scope, holder): Who, realm: Sym) -> Actor {
        let mut actor = Actor { realm, ..Actor::default() };
        match scope {
            Scope::Player => actor.player = holder,
            Scope::Party => actor.party = holder,
            Scope::Guild => actor.guild = holder,
            Scope::Account => actor.account = holder,
            Scope::Instance => actor.instance = holder,
            Scope::Region => actor.region = holder,
            Scope::Realm => {}
        }
        actor
    }

    /// Its holder of a scope.
    pub(super) fn who(&self, scope: Scope) -> Option<Who> {
        let holder = match scope {
            Scope::Player => self.player,
            Scope::Party => self.party,
            Scope::Guild => self.guild,
            Scope::Account => self.account,
            Scope::Instance => self.instance,
            Scope::Region => self.region,
            Scope::Realm => self.realm,
        };
        (!holder.is_none()).then_some((scope, holder))
    }
}

/// What conditions are tested against.
#[derive(Clone, Copy)]
pub(super) struct Gates<'a> {
    pub(super) world: &'a LoadedWorld,
    pub(super) board: &'a Board,
    pub(super) now: Tick,
}

impl Gates<'_> {
    /// Whether all of it holds.
    pub(super) fn holds(&self, condition: &Condition, actor: &Actor) -> bool {
        let clock = self.board.clock.as_ref();
        let names = |names: &Option<OneOrMany<String>>, is: Option<&str>| {
            names.as_ref().is_none_or(|names| is.is_some_and(|is| names.as_slice().iter().any(|n| n == is)))
        };
        names(&condition.phase, clock.map(|clock| clock.phase.as_str()))
            && names(&condition.season, clock.map(|clock| clock.season.as_str()))
            && names(&condition.region, Some(actor.region.as_str()))
            && condition.hours.is_none_or(|hours| self.hours(hours))
            && condition.moon.iter().all(|(moon, phases)| {
                let is = clock.and_then(|clock| clock.moons.get(moon));
                is.is_some_and(|is| phases.as_slice().contains(is))
            })
            && self.calendars(condition)
            && self.weather(condition, actor)
            && condition
                .facts
                .iter()
                .all(|(fact, test)| self.fact(fact, actor).is_some_and(|is| passes(test, &is)))
            && condition.quests.iter().all(|(quest, states)| self.quest(quest, states.as_slice(), actor))
            && condition.level.as_ref().is_none_or(|test| passes(test, &self.level(actor)))
            && condition.compare.as_ref().is_none_or(|compare| self.compares(compare, actor) == Some(true))
            && condition.all.iter().all(|inner| self.holds(inner, actor))
            && (condition.any.is_empty() || condition.any.iter().any(|inner| self.holds(inner, actor)))
            && condition.not.as_ref().is_none_or(|inner| !self.holds(inner, actor))
    }

    fn hours(&self, Hours { from_min, to_min }: Hours) -> bool {
        self.board.minute(self.now).is_some_and(|minute| {
            if from_min < to_min {
                from_min <= minute && minute < to_min
            } else {
                minute >= from_min || minute < to_min
            }
        })
    }

    /// What calendars say. Chance is not to be seen, nor who is near: what bots cannot judge they try.
    fn calendars(&self, condition: &Condition) -> bool {
        let clock = self.board.clock.as_ref();
        let names = |names: &Option<OneOrMany<String>>, is: fn(&Clock) -> &Value| {
            names.as_ref().is_none_or(|names| {
                let is = clock.and_then(|clock| is(clock).as_str());
                is.is_some_and(|is| names.as_slice().iter().any(|name| name == is))
            })
        };
        let now_ms = TickLength { tick_ms: self.world.world.tick_ms }.utc_ms(self.now);
        let dates = |def: &DatesTest| Dates::new(def).is_ok_and(|dates| dates.holds(now_ms));
        names(&condition.weekday, |clock| &clock.weekday)
            && names(&condition.month, |clock| &clock.month)
            && (condition.day.as_ref())
                .is_none_or(|test| clock.is_some_and(|clock| passes(test, &clock.day_of_month)))
            && condition.dates.as_ref().is_none_or(dates)
            && condition.occasion.as_ref().is_none_or(|names| {
                let defs = names.as_slice().iter().filter_map(|name| self.world.world.occasions.get(name));
                defs.into_iter().any(dates)
            })
    }

    fn weather(&self, condition: &Condition, actor: &Actor) -> bool {
        let Some(test) = &condition.weather else { return true };
        let region = test.region.as_deref().unwrap_or(actor.region.as_str());
        let region = self.world.world.regions.get(region);
        let zone = region.and_then(|region| region.zone.as_deref());
        let Some(weather) = zone.and_then(|zone| self.board.weather.get(&Sym::new(zone))) else {
            return false;
        };
        let state = weather.state.as_str();
        test.kind.as_ref().is_none_or(|kinds| kinds.as_slice().iter().any(|kind| kind == state))
            && test.intensity.as_ref().is_none_or(|test| passes(test, &weather.intensity))
            && test.lasting.is_none_or(|span| {
                let lasted = self.board.lasted_ms(weather.since, self.now, span.world);
                u64::try_from(lasted).unwrap_or(0) >= span.ms
            })
    }

    /// The value of a fact; nothing when it is not declared, or nobody has it.
    pub(super) fn fact(&self, fact: &str, actor: &Actor) -> Option<Value> {
        let def = self.world.world.facts.get(fact)?;
        let of = actor.who(def.scope);
        let known = of.and_then(|(scope, holder)| self.board.facts.get(&(scope, holder, Sym::new(fact))));
        known.cloned().or_else(|| Value::from_json(&def.default))
    }

    fn level(&self, actor: &Actor) -> Value {
        Value::Int(self.board.levels.get(&actor.player).copied().unwrap_or(1))
    }

    fn quest(&self, quest: &str, states: &[QuestState], actor: &Actor) -> bool {
        let Some((place, def)) = self.board.place(quest).zip(self.world.quests.get(quest)) else {
            return false;
        };
        let Some(who) = actor.who(def.scope) else { return false };
        match self.board.standing(who, place) {
            Some(standing) => states.iter().any(|state| match state {
                QuestState::Done => standing.completions > 0,
                state => *state == standing.state,
            }),
            None => {
                let gated = def.is_gated();
                let is = if gated { QuestState::Hidden } else { QuestState::Available };
                states.contains(&is)
            }
        }
    }

    fn compares(&self, Comparison { left, compare, right }: &Comparison, actor: &Actor) -> Option<bool> {
        if looks_up(left) || looks_up(right) {
            // Bots do not read rows of views: what they cannot judge they try.
            return Some(true);
        }
        let (left, right) = (self.term(left, actor)?, self.term(right, actor)?);
        let order = left.compare(&right)?;
        Some(match compare {
            Compare::Is => order == Ordering::Equal,
            Compare::IsNot => order != Ordering::Equal,
            Compare::Below => order == Ordering::Less,
            Compare::AtMost => order != Ordering::Greater,
            Compare::Above => order == Ordering::Greater,
            Compare::AtLeast => order != Ordering::Less,
        })
    }

    fn term(&self, term: &Term, actor: &Actor) -> Option<Value> {
        match term {
            Term::Number(millionths) => Some(Value::Dec(*millionths)),
            Term::Text(text) => Some(Value::text(text)),
            Term::Bool(is) => Some(Value::Bool(*is)),
            Term::Fact(fact) => self.fact(fact, actor),
            Term::Level => Some(self.level(actor)),
            Term::Intensity => {
                let region = self.world.world.regions.get(actor.region.as_str())?;
                Some(self.board.weather.get(&Sym::new(region.zone.as_deref()?))?.intensity.clone())
            }
            // Not judged here.
            Term::Row(_) => None,
            Term::Arithmetic(a, arithmetic, b) => {
                let (a, b) = (self.term(a, actor)?.as_millionths()?, self.term(b, actor)?.as_millionths()?);
                let value = match arithmetic {
                    Arithmetic::Plus => a.checked_add(b),
                    Arithmetic::Minus => a.checked_sub(b),
                    Arithmetic::Times => a.checked_mul(b).map(|product| product / 1_000_000),
                    Arithmetic::Over => a.checked_mul(1_000_000)?.checked_div(b),
                    Arithmetic::Modulo => a.checked_rem(b),
                };
                value.and_then(|value| i64::try_from(value).ok()).map(Value::Dec)
            }
        }
    }
}

/// Whether a term looks up a row of a view.
fn looks_up(term: &Term) -> bool {
    match term {
        Term::Row(_) => true,
        Term::Arithmetic(a, _, b) => looks_up(a) || looks_up(b),
        _ => false,
    }
}

/// Whether a value passes a comparison.
fn passes(test: &Test, is: &Value) -> bool {
    let same = |json: &serde_json::Value| Value::from_json(json).is_some_and(|other| is.same(&other));
    let Test::Range(range) = test else {
        let Test::Is(json) = test else { return false };
        return same(json);
    };
    let TestRange { at_least, at_most, above, below, is: equal, is_not, one_of } = range;
    let bound = |bound: &Option<serde_json::Number>, passes: fn(Ordering) -> bool| {
        bound.as_ref().is_none_or(|bound| {
            let bound = Value::from_json(&bound.clone().into());
            bound.and_then(|bound| is.compare(&bound)).is_some_and(passes)
        })
    };
    bound(at_least, Ordering::is_ge)
        && bound(at_most, Ordering::is_le)
        && bound(above, Ordering::is_gt)
        && bound(below, Ordering::is_lt)
        && equal.as_ref().is_none_or(same)
        && is_not.as_ref().is_none_or(|json| !same(json))
        && one_of.as_ref().is_none_or(|list| list.iter().any(same))
}

/// The parts of a condition that must all hold, each by itself.
pub(super) fn parts(condition: &Condition) -> Vec<Condition> {
    let Condition {
        phase,
        hours,
        season,
        weekday,
        month,
        day,
        dates,
        occasion,
        chance,
        moon,
        weather,
        region,
        near,
        facts,
        quests,
        progress,
        level,
        compare,
        all,
        any,
        not,
    } = condition.clone();
    let none = Condition::default;
    let mut parts = vec![
        Condition { phase, ..none() },
        Condition { hours, ..none() },
        Condition { season, ..none() },
        Condition { weekday, ..none() },
        Condition { month, ..none() },
        Condition { day, ..none() },
        Condition { dates, ..none() },
        Condition { occasion, ..none() },
        Condition { chance, ..none() },
        Condition { weather, ..none() },
        Condition { region, ..none() },
        Condition { near, ..none() },
        Condition { level, ..none() },
        Condition { compare, ..none() },
        Condition { any, ..none() },
        Condition { not, ..none() },
    ];
    parts.extend(moon.into_iter().map(|one| Condition { moon: [one].into(), ..none() }));
    parts.extend(facts.into_iter().map(|one| Condition { facts: [one].into(), ..none() }));
    parts.extend(quests.into_iter().map(|one| Condition { quests: [one].into(), ..none() }));
    parts.extend(progress.into_iter().map(|one| Condition { progress: [one].into(), ..none() }));
    parts.extend(all.iter().flat_map(self::parts));
    parts.retain(|part| !part.is_empty());
    parts
}

/// A condition in the words of the files: `level: {at_least: 30}`.
pub(super) fn said(condition: &Condition) -> String {
    let json = serde_json::to_value(condition).unwrap_or_default();
    let text = flow(&json);
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&text).to_owned()
}

fn flow(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        serde_json::Value::Array(list) => {
            format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
