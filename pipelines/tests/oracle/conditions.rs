//! The evaluator's own reading of conditions, patterns and comparisons.

use std::cmp::Ordering;

use worldflow_schemas::definitions::{
    Condition, OneOrMany, Pattern, QuestState, Test, TestRange, WeatherTest,
};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::Oracle;
use super::clock::within_hours;

/// For whom a condition is asked.
#[derive(Clone, Copy)]
pub struct Asked {
    pub holder: Holder,
    /// Who acts: the player of an event, or the holder itself when it is a player.
    pub player: Sym,
    /// Where: the event's region, or the holder's.
    pub region: Sym,
}

fn one_of(list: &OneOrMany<String>, text: &str) -> bool {
    list.as_slice().iter().any(|item| item == text)
}

impl Oracle {
    /// The holder itself, outside any event.
    pub fn asked_by_holder(&self, holder: Holder) -> Asked {
        match holder.scope {
            Scope::Player => Asked { holder, player: holder.id, region: self.place(holder.id).region },
            Scope::Region => Asked { holder, player: Sym::NONE, region: holder.id },
            _ => Asked { holder, player: Sym::NONE, region: Sym::NONE },
        }
    }

    /// The holder of a scope that an asker means, if there is one.
    fn holder_of(&self, scope: Scope, asked: Asked) -> Option<Holder> {
        if scope == Scope::Realm {
            return Some(Holder { scope, id: self.realm });
        }
        if asked.player.is_none() {
            return (asked.holder.scope == scope).then_some(asked.holder);
        }
        let place = self.place(asked.player);
        let id = match scope {
            Scope::Player => asked.player,
            Scope::Party => place.party,
            Scope::Guild => place.guild,
            Scope::Account => place.account,
            Scope::Region => asked.region,
            Scope::Instance => place.instance,
            Scope::Realm => self.realm,
        };
        (!id.is_none()).then_some(Holder { scope, id })
    }

    pub fn holds(&self, tick: Tick, condition: &Condition, asked: Asked) -> bool {
        if *condition == Condition::default() {
            return true;
        }
        let now = self.clock.now(tick);
        if condition.phase.as_ref().is_some_and(|list| !one_of(list, &now.phase)) {
            return false;
        }
        if condition.season.as_ref().is_some_and(|list| !one_of(list, &now.season)) {
            return false;
        }
        if condition.hours.is_some_and(|hours| !within_hours(hours, now.minute)) {
            return false;
        }
        for (moon, phases) in &condition.moon {
            let found = now.moons.iter().find(|(name, _)| name == moon);
            if !found.is_some_and(|(_, phase)| one_of(phases, phase)) {
                return false;
            }
        }
        if condition.region.as_ref().is_some_and(|list| !one_of(list, asked.region.as_str())) {
            return false;
        }
        if condition.weather.as_ref().is_some_and(|test| !self.weather_holds(tick, test, asked.region)) {
            return false;
        }
        for (fact, test) in &condition.facts {
            if !test_holds(test, &self.fact_value(fact, asked)) {
                return false;
            }
        }
        for (quest, states) in &condition.quests {
            if !self.quest_holds(quest, states, asked) {
                return false;
            }
        }
        if let Some(test) = &condition.level {
            let player = if asked.holder.scope == Scope::Player { asked.holder.id } else { asked.player };
            let level = self.levels_seen.get(player.as_str()).copied().unwrap_or(1);
            if !test_holds(test, &Value::Int(level)) {
                return false;
            }
        }
        condition.all.iter().all(|inner| self.holds(tick, inner, asked))
            && (condition.any.is_empty() || condition.any.iter().any(|inner| self.holds(tick, inner, asked)))
            && !condition.not.as_ref().is_some_and(|inner| self.holds(tick, inner, asked))
    }

    fn weather_holds(&self, tick: Tick, test: &WeatherTest, region: Sym) -> bool {
        let zone = self.world.regions.get(region.as_str()).and_then(|region| region.zone.as_ref());
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
            && test.intensity.as_ref().is_none_or(|test| test_holds(test, &row.intensity))
    }

    fn fact_value(&self, fact: &str, asked: Asked) -> Value {
        let def = &self.world.facts[fact];
        let default = Value::from_json(&def.default).expect("a scalar");
        let Some(holder) = self.holder_of(def.scope, asked) else { return default };
        self.facts.get(&(holder, fact.to_owned())).map_or(default, |held| held.value.clone())
    }

    fn quest_holds(&self, quest: &str, states: &OneOrMany<QuestState>, asked: Asked) -> bool {
        let Some(def) = self.quests.get(quest) else { return false };
        let Some(holder) = self.holder_of(def.scope, asked) else { return false };
        let (state, completions) = self.state_seen(holder, quest);
        states.as_slice().iter().any(|wanted| match wanted {
            QuestState::Done => completions >= 1,
            wanted => *wanted == state,
        })
    }

    /// Whether a pattern accepts an event for a holder; `opened` is when its stage opened.
    pub fn accepts(
        &self,
        tick: Tick,
        pattern: &Pattern,
        event: &Event,
        holder: Holder,
        opened: Tick,
    ) -> bool {
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
        let region = self.region_of(event);
        if pattern.region.as_ref().is_some_and(|list| !one_of(list, region.as_str())) {
            return false;
        }
        for (name, test) in &pattern.attributes {
            let value = event.attribute(Sym::new(name)).cloned().unwrap_or_default();
            if !test_holds(test, &value) {
                return false;
            }
        }
        if pattern.within.is_some_and(|span| tick - opened > self.clock.ticks(span)) {
            return false;
        }
        let asked = Asked { holder, player: event.player, region };
        pattern.when.as_ref().is_none_or(|condition| self.holds(tick, condition, asked))
    }
}

fn json(json: &serde_json::Value) -> Value {
    Value::from_json(json).expect("checked: a scalar")
}

pub fn test_holds(test: &Test, value: &Value) -> bool {
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
