//! The evaluator's phase of writes: facts, entities, presence, membership.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::FactKind;
use worldflow_schemas::input::{EntityChange, FactChange, Holder, Scope, WriteOrder};
use worldflow_schemas::{Command, Input, Sym, Tick, Value};

use super::{Effect, HeldFact, Oracle};

impl Oracle {
    /// Phase 3: conclusions of the tick before, then the writes of this one. Whether a fact changed.
    pub fn writes(&mut self, tick: Tick, given: &[Input]) -> bool {
        let before: Vec<_> = self.facts.iter().map(|(key, held)| (key.clone(), held.value.clone())).collect();
        self.facts.retain(|_, held| held.expires.is_none_or(|at| at > tick));
        for Effect { holder, fact, change } in std::mem::take(&mut self.effects) {
            self.write_fact(tick, holder, &fact, &change);
        }
        let mut commands: Vec<(&WriteOrder, &Command)> = Vec::new();
        for input in given {
            let Input::Command(command) = input else { continue };
            let order = match command {
                Command::Fact(write) => &write.order,
                Command::Entity(write) => &write.order,
                Command::Presence(write) => &write.order,
                Command::Membership(write) => &write.order,
                _ => continue,
            };
            commands.push((order, command));
        }
        commands.sort_by(|(a, _), (b, _)| a.cmp_order(b));
        for (_, command) in commands {
            self.write(tick, command);
        }
        let after: Vec<_> = self.facts.iter().map(|(key, held)| (key.clone(), held.value.clone())).collect();
        before != after
    }

    fn write(&mut self, tick: Tick, command: &Command) {
        match command {
            Command::Fact(write) => self.write_fact(tick, write.holder, write.fact.as_str(), &write.change),
            Command::Presence(write) => {
                let place = self.places.entry(write.player.as_str()).or_default();
                let away = write.server.is_none();
                place.region = if away { Sym::NONE } else { write.region };
                place.instance = if away { Sym::NONE } else { write.instance };
            }
            Command::Membership(write) => {
                let place = self.places.entry(write.player.as_str()).or_default();
                match write.scope {
                    Scope::Party => place.party = write.group,
                    Scope::Guild => place.guild = write.group,
                    Scope::Account => place.account = write.group,
                    _ => {}
                }
            }
            Command::Entity(write) => {
                let texts = |syms: &[Sym]| -> BTreeSet<String> {
                    syms.iter().map(|sym| sym.as_str().to_owned()).collect()
                };
                let tags = self.tags.entry(write.entity.as_str().to_owned()).or_default();
                match &write.change {
                    EntityChange::Upsert(body) => *tags = texts(&body.tags).into_iter().collect(),
                    EntityChange::Delete => tags.clear(),
                    EntityChange::Merge { add_tags, remove_tags, .. } => {
                        let gone = texts(remove_tags);
                        let mut all: BTreeSet<String> = tags.iter().cloned().collect();
                        all.extend(texts(add_tags));
                        *tags = all.difference(&gone).cloned().collect();
                    }
                }
            }
            _ => {}
        }
    }

    fn write_fact(&mut self, tick: Tick, holder: Holder, fact: &str, change: &FactChange) {
        let Some(def) = self.world.facts.get(fact).cloned() else { return };
        let default = Value::from_json(&def.default).expect("a scalar");
        let key = (holder, fact.to_owned());
        let old = self.facts.get(&key).map_or(default.clone(), |held| held.value.clone());
        let new = match change {
            FactChange::Clear => default.clone(),
            FactChange::Set(value) => value.clone(),
            FactChange::Add(by) => {
                let sum = old.as_millionths().unwrap_or(0) + by.as_millionths().unwrap_or(0);
                let clamp =
                    |n: i128| i64::try_from(n.clamp(i64::MIN.into(), i64::MAX.into())).expect("clamped");
                if def.kind == FactKind::Int {
                    Value::Int(clamp(sum / 1_000_000))
                } else {
                    Value::Dec(clamp(sum))
                }
            }
        };
        if new.same(&old) {
            return;
        }
        if new.same(&default) {
            self.facts.remove(&key);
            return;
        }
        let expires = def.expires.map(|span| tick + self.clock.ticks(span));
        self.timers.extend(expires);
        self.facts.insert(key, HeldFact { value: new, expires });
    }
}
