//! The evaluator's own reading of conditions, patterns and comparisons.

use std::cmp::Ordering;

use worldflow_schemas::definitions::expression::{Arithmetic, Compare, Comparison, Term};
use worldflow_schemas::definitions::{
    Condition, OneOrMany, Pattern, QuestState, Test, TestRange, WeatherTest,
};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::clock::within_hours;
use super::{Oracle, Place};

/// For whom a condition is tested.
#[derive(Clone, Copy)]
pub struct Actor {
    /// The holder by itself, or the acting player.
    pub(super) itself: Option<Holder>,
    pub(super) place: Place,
    pub(super) region: Sym,
}

pub(super) fn one_of(list: &OneOrMany<String>, text: &str) -> bool {
    list.as_slice().iter().any(|item| item == text)
}

impl Oracle {
    /// Who acts in an event.
    pub fn actor_of(&self, event: &Event) -> Actor {
        let player = (!event.player.is_none()).then_some(event.player);
        let place = player.map(|player| self.place(player)).unwrap_or_default();
        let itself = player.map(|id| Holder { scope: Scope::Player, id });
        let region = if event.region.is_none() { place.region } else { event.region };
        Actor { itself, place, region }
    }

    /// A holder by itself.
    pub fn by_itself(&self, holder: Holder) -> Actor {
        let place = if holder.scope == Scope::Player { self.place(holder.id) } else { Place::default() };
        let region = if holder.scope == Scope::Region { holder.id } else { place.region };
        Actor { itself: Some(holder), place, region }
    }

    /// The actor's holder of a scope, if there is one.
    pub fn holder_of(&self, scope: Scope, actor: &Actor) -> Option<Holder> {
        if actor.itself.is_some_and(|holder| holder.scope == scope) {
            return actor.itself;
        }
        let id = match scope {
            Scope::Player => Sym::NONE,
            Scope::Party => actor.place.party,
            Scope::Guild => actor.place.guild,
            Scope::Account => actor.place.account,
            Scope::Region => actor.region,
            Scope::Instance => actor.place.instance,
            Scope::Realm => self.realm,
        };
        (!id.is_none()).then_some(Holder { scope, id })
    }

    /// For whom an event counts.
    pub fn holders_of(&self, event: &Event) -> Vec<Holder> {
        let actor = self.actor_of(event);
        Scope::ALL.into_iter().filter_map(|scope| self.holder_of(scope, &actor)).collect()
    }

    pub fn holder_for(&self, scope: Scope, event: &Event) -> Option<Holder> {
        self.holder_of(scope, &self.actor_of(event))
    }

    pub fn holds(&self, tick: Tick, condition: &Condition, actor: &Actor) -> bool {
        if *condition == Condition::default() {
            return true;
        }
        if !self.rows_are_known(condition) {
            return false;
        }
        let now = &self.now;
        if condition.phase.as_ref().is_some_and(|list| !one_of(list, &now.phase)) {
            return false;
        }
        if condition.season.as_ref().is_some_and(|list| !one_of(list, &now.season)) {
            return false;
        }
        if condition.hours.is_some_and(|hours| !within_hours(hours, now.minute)) {
            return false;
        }
        if !self.calendars_hold(tick, condition, actor) {
            return false;
        }
        for (moon, phases) in &condition.moon {
            let found = now.moons.iter().find(|(name, _)| name == moon);
            if !found.is_some_and(|(_, phase)| one_of(phases, phase)) {
                return false;
            }
        }
        if condition.region.as_ref().is_some_and(|list| !one_of(list, actor.region.as_str())) {
            return false;
        }
        if condition.weather.as_ref().is_some_and(|test| !self.weather_holds(tick, test, actor.region)) {
            return false;
        }
        for (fact, test) in &condition.facts {
            if !test_holds(test, self.fact_value(fact, actor).as_ref()) {
                return false;
            }
        }
        for (quest, states) in &condition.quests {
            if !self.quest_holds(quest, states, actor) {
                return false;
            }
        }
        if let Some(names) = &condition.near {
            let here = self.regions.iter().filter(|(_, region)| *region == actor.region.as_str());
            let near = |entity: &String| {
                let tags = self.tags.get(entity);
                one_of(names, entity) || tags.into_iter().flatten().any(|tag| one_of(names, tag))
            };
            if actor.region.is_none() || !here.map(|(entity, _)| entity).any(near) {
                return false;
            }
        }
        for (quest, objectives) in &condition.progress {
            let Some(player) = self.holder_of(Scope::Player, actor) else { return false };
            for (objective, test) in objectives {
                let value = Value::Int(self.value_seen(player, quest, objective));
                if !test_holds(test, Some(&value)) {
                    return false;
                }
            }
        }
        if let Some(test) = &condition.level {
            let player = self.holder_of(Scope::Player, actor);
            let level = player.and_then(|player| self.levels_seen.get(&player.id).copied()).unwrap_or(1);
            if !test_holds(test, Some(&Value::Int(level))) {
                return false;
            }
        }
        if condition.compare.as_ref().is_some_and(|comparison| !self.compares(tick, comparison, actor)) {
            return false;
        }
        condition.all.iter().all(|inner| self.holds(tick, inner, actor))
            && (condition.any.is_empty() || condition.any.iter().any(|inner| self.holds(tick, inner, actor)))
            && !condition.not.as_ref().is_some_and(|inner| self.holds(tick, inner, actor))
    }

    fn compares(&self, tick: Tick, comparison: &Comparison, actor: &Actor) -> bool {
        let (Some(a), Some(b)) =
            (self.term(tick, &comparison.left, actor), self.term(tick, &comparison.right, actor))
        else {
            return false;
        };
        match comparison.compare {
            Compare::Is => a.same(&b),
            Compare::IsNot => !a.same(&b),
            _ if a.as_millionths().is_none() || b.as_millionths().is_none() => false,
            Compare::Below => a.compare(&b) == Some(Ordering::Less),
            Compare::AtMost => a.compare(&b) != Some(Ordering::Greater),
            Compare::Above => a.compare(&b) == Some(Ordering::Greater),
            Compare::AtLeast => a.compare(&b) != Some(Ordering::Less),
        }
    }

    /// The value of a term; random worlds have small numbers.
    fn term(&self, tick: Tick, term: &Term, actor: &Actor) -> Option<Value> {
        Some(match term {
            Term::Number(millionths) => Value::Dec(*millionths),
            Term::Text(text) => Value::text(text),
            Term::Bool(is) => Value::Bool(*is),
            Term::Fact(fact) => self.fact_value(fact, actor)?,
            Term::Row(row) => self.row_value(row, actor)?,
            Term::Level => {
                let player = self.holder_of(Scope::Player, actor);
                Value::Int(player.and_then(|player| self.levels_seen.get(&player.id).copied()).unwrap_or(1))
            }
            Term::Intensity => {
                let zone = self.world.regions.get(actor.region.as_str())?.zone.as_ref()?;
                self.weather.iter().rfind(|row| row.tick <= tick && row.zone == *zone)?.intensity.clone()
            }
            Term::Arithmetic(a, sign, b) => {
                let a = self.term(tick, a, actor)?.as_millionths()?;
                let b = self.term(tick, b, actor)?.as_millionths()?;
                let number = match sign {
                    Arithmetic::Plus => a + b,
                    Arithmetic::Minus => a - b,
                    Arithmetic::Times => a * b / 1_000_000,
                    Arithmetic::Over if b == 0 => return None,
                    Arithmetic::Over => a * 1_000_000 / b,
                    Arithmetic::Modulo if b == 0 => return None,
                    Arithmetic::Modulo => a % b,
                };
                Value::Dec(i64::try_from(number).ok()?)
            }
        })
    }

    fn weather_holds(&self, tick: Tick, test: &WeatherTest, region: Sym) -> bool {
        let region = test.region.as_deref().unwrap_or(region.as_str());
        let zone = self.world.regions.get(region).and_then(|region| region.zone.as_ref());
        let Some(zone) = zone else { return false };
        let Some(row) = self.weather.iter().rfind(|row| row.tick <= tick && row.zone == *zone) else {
            return false;
        };
        let lasted = test.lasting.is_none_or(|span| {
            if span.world {
                let passed = self.clock.world_ms(tick) - self.clock.world_ms(row.since);
                passed >= i64::try_from(span.ms).expect("small")
            } else {
                tick - row.since >= self.clock.ticks(span)
            }
        });
        lasted
            && test.kind.as_ref().is_none_or(|list| one_of(list, &row.state))
            && test.intensity.as_ref().is_none_or(|test| test_holds(test, Some(&row.intensity)))
    }

    pub fn fact_value(&self, fact: &str, actor: &Actor) -> Option<Value> {
        let def = self.world.facts.get(fact)?;
        let held = self
            .holder_of(def.scope, actor)
            .and_then(|holder| self.facts.get(&(holder, fact.to_owned())).map(|held| held.value.clone()));
        held.or_else(|| Value::from_json(&def.default))
    }

    fn quest_holds(&self, quest: &str, states: &OneOrMany<QuestState>, actor: &Actor) -> bool {
        let Some(def) = self.quests.get(quest) else { return false };
        let Some(holder) = self.holder_of(def.scope, actor) else { return false };
        let (state, completions) = self.state_seen(holder, quest);
        states.as_slice().iter().any(|wanted| match wanted {
            QuestState::Done => completions >= 1,
            wanted => *wanted == state,
        })
    }

    /// Whether a pattern accepts an event; `opened` is when its stage opened.
    pub fn accepts(&self, tick: Tick, pattern: &Pattern, event: &Event, opened: Tick) -> bool {
        if pattern.event != event.kind.as_str() {
            return false;
        }
        if let Some(targets) = &pattern.target {
            let tags = self.tags.get(event.target.as_str());
            let hit = targets.as_slice().iter().any(|wanted| {
                !event.target.is_none()
                    && (wanted == event.target.as_str() || tags.is_some_and(|tags| tags.contains(wanted)))
            });
            if !hit {
                return false;
            }
        }
        let actor = self.actor_of(event);
        if pattern.region.as_ref().is_some_and(|list| !one_of(list, actor.region.as_str())) {
            return false;
        }
        for (name, test) in &pattern.attributes {
            if !test_holds(test, event.attribute(Sym::new(name))) {
                return false;
            }
        }
        if pattern.within.is_some_and(|span| tick - opened > self.clock.ticks(span)) {
            return false;
        }
        pattern.when.as_ref().is_none_or(|condition| self.holds(tick, condition, &actor))
    }
}

fn json(json: &serde_json::Value) -> Value {
    Value::from_json(json).expect("checked: a scalar")
}

/// Whether a value passes; one that is missing does not.
pub fn test_holds(test: &Test, value: Option<&Value>) -> bool {
    let Some(value) = value else { return false };
    let range = match test {
        Test::Is(wanted) => return value.same(&json(wanted)),
        Test::Range(range) => range,
    };
    let TestRange { at_least, at_most, above, below, is, is_not, one_of } = range;
    let bounds: [(_, fn(Ordering) -> bool); 4] = [
        (at_least, Ordering::is_ge),
        (at_most, Ordering::is_le),
        (above, Ordering::is_gt),
        (below, Ordering::is_lt),
    ];
    for (bound, wanted) in bounds {
        let Some(bound) = bound else { continue };
        let bound = json(&serde_json::Value::Number(bound.clone()));
        if value.as_millionths().is_none() || !value.compare(&bound).is_some_and(wanted) {
            return false;
        }
    }
    is.as_ref().is_none_or(|wanted| value.same(&json(wanted)))
        && is_not.as_ref().is_none_or(|unwanted| !value.same(&json(unwanted)))
        && one_of.as_ref().is_none_or(|list| list.iter().any(|wanted| value.same(&json(wanted))))
}
