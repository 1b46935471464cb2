//! The rules of a world for inputs that are already interned: what a recording holds.
//!
//! The same rules as for what comes over a wire, but by number instead of by text, so that millions
//! of events a second can be checked. Times and rates of a recording are free.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Refusal;
use worldflow_schemas::definitions::{AttributeKind, KindDef, WorldDef};
use worldflow_schemas::input::{EntityChange, Scope};
use worldflow_schemas::{Command, Event, Sym, Value};

use crate::check::{QUEST_KINDS, quote, refuse, suggest};

/// The rules of one world.
#[derive(Debug)]
pub struct Rules {
    kinds: FxHashMap<Sym, Kind>,
    entities: FxHashSet<Sym>,
    regions: FxHashSet<Sym>,
    facts: FxHashSet<Sym>,
}

#[derive(Debug)]
struct Kind {
    most: i64,
    known_targets: bool,
    needs_target: bool,
    attributes: FxHashMap<Sym, AttributeKind>,
}

impl Rules {
    /// Compiles the rules.
    #[must_use]
    pub fn new(world: &WorldDef) -> Rules {
        let kind = |def: &KindDef| Kind {
            most: i64::from(def.max_amount),
            known_targets: def.known_targets,
            needs_target: false,
            attributes: def.attributes.iter().map(|(name, kind)| (Sym::new(name), *kind)).collect(),
        };
        let mut kinds: FxHashMap<Sym, Kind> =
            world.kinds.iter().map(|(name, def)| (Sym::new(name), kind(def))).collect();
        for name in QUEST_KINDS {
            kinds.entry(Sym::new(name)).or_insert_with(|| Kind {
                most: 1,
                known_targets: false,
                needs_target: true,
                attributes: FxHashMap::default(),
            });
        }
        Rules {
            kinds,
            entities: world.entities.keys().map(|name| Sym::new(name)).collect(),
            regions: world.regions.keys().map(|name| Sym::new(name)).collect(),
            facts: world.facts.keys().map(|name| Sym::new(name)).collect(),
        }
    }

    /// Whether an event is one of this world.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn event(&self, event: &Event) -> Result<(), Refusal> {
        let Some(kind) = self.kinds.get(&event.kind) else {
            return Err(unknown("kind", event.kind, self.kinds.keys(), "kinds are declared in world.yaml"));
        };
        if event.amount < 1 {
            let hint = "what is taken back is an event of another kind";
            return Err(refuse("not_positive", "amount", format!("{} is not positive", event.amount), hint));
        }
        if event.amount > kind.most {
            let reason = format!("{} is more than {}", event.amount, kind.most);
            return Err(refuse("amount_too_large", "amount", reason, "raise max_amount of the kind"));
        }
        if event.target.is_none() {
            if kind.needs_target {
                let reason = format!("an event of kind `{}` needs a target", event.kind);
                return Err(refuse("missing_target", "target", reason, "the target is the quest's id"));
            }
        } else if kind.known_targets && !self.entities.contains(&event.target) {
            return Err(unknown(
                "target",
                event.target,
                self.entities.iter(),
                "targets are declared in entities.yaml",
            ));
        }
        if !event.region.is_none() && !self.regions.contains(&event.region) {
            return Err(unknown(
                "region",
                event.region,
                self.regions.iter(),
                "regions are declared in world.yaml",
            ));
        }
        match &event.with {
            Some(with) => attributes(kind, event.kind, with),
            None => Ok(()),
        }
    }

    /// Whether another input is one of this world. What an entity write adds is known from then on.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Entity(write) if write.change != EntityChange::Delete => {
                self.entities.insert(write.entity);
                Ok(())
            }
            Command::Presence(write) if !write.region.is_none() && !self.regions.contains(&write.region) => {
                Err(unknown(
                    "region",
                    write.region,
                    self.regions.iter(),
                    "regions are declared in world.yaml",
                ))
            }
            Command::Presence(write) if write.player.is_none() => Err(nobody()),
            Command::Membership(write) if write.player.is_none() => Err(nobody()),
            Command::Membership(write)
                if !matches!(write.scope, Scope::Party | Scope::Guild | Scope::Account) =>
            {
                let reason = format!("a {} has no members", write.scope.name());
                Err(refuse("wrong_scope", "scope", reason, "it is party, guild or account"))
            }
            Command::Fact(write) if !self.facts.contains(&write.fact) => {
                Err(unknown("fact", write.fact, self.facts.iter(), "facts are declared in world.yaml"))
            }
            _ => Ok(()),
        }
    }
}

fn nobody() -> Refusal {
    refuse("missing_player", "player", "nobody is named", "give the player's id")
}

fn unknown<'a>(what: &'static str, name: Sym, known: impl Iterator<Item = &'a Sym>, about: &str) -> Refusal {
    let code = match what {
        "kind" => "unknown_kind",
        "target" => "unknown_target",
        "region" => "unknown_region",
        _ => "unknown_fact",
    };
    let hint = suggest(name.as_str(), known.map(|known| known.as_str()), about);
    refuse(code, what, format!("unknown {what} {}", quote(name.as_str())), hint)
}

fn attributes(kind: &Kind, name: Sym, with: &[(Sym, Value)]) -> Result<(), Refusal> {
    for (attribute, value) in with {
        let path = || format!("with.{attribute}");
        let Some(holds) = kind.attributes.get(attribute) else {
            let about = format!("attributes of `{name}` are declared in world.yaml");
            let hint =
                suggest(attribute.as_str(), kind.attributes.keys().map(|known| known.as_str()), &about);
            let reason = format!("unknown attribute {}", quote(attribute.as_str()));
            return Err(refuse("unknown_attribute", path(), reason, hint));
        };
        let fits = match holds {
            AttributeKind::Number => value.as_millionths().is_some(),
            AttributeKind::Id | AttributeKind::Text => value.as_str().is_some(),
            AttributeKind::Bool => matches!(value, Value::Bool(_)),
        };
        if !fits {
            return Err(refuse(
                "wrong_type",
                path(),
                format!("`{value}` does not fit"),
                format!("it must be {holds:?}"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::EventId;

    use super::*;

    fn rules() -> Rules {
        let world = serde_json::json!({
            "name": "w", "seed": 1, "regions": {"moor": {}}, "entities": {"wolf": {"kind": "npc"}},
            "kinds": {"kill": {"max_amount": 5, "attributes": {"damage": "number"}}}
        });
        Rules::new(&serde_json::from_value(world).unwrap())
    }

    fn event(kind: &str, target: &str, amount: i64) -> Event {
        Event {
            at_ms: 0,
            source: "s".into(),
            id: EventId::Position(1),
            player: "p".into(),
            kind: kind.into(),
            target: target.into(),
            region: Sym::NONE,
            amount,
            with: None,
        }
    }

    #[test]
    fn every_rule_has_its_code() {
        let rules = rules();
        let with = |value: Value| Some(vec![(Sym::new("damage"), value)].into());
        let cases = [
            (event("kill", "wolf", 5), "ok"),
            (event("kill", "", 1), "ok"),
            (event("kil", "wolf", 1), "unknown_kind"),
            (event("kill", "wulf", 1), "unknown_target"),
            (event("kill", "wolf", 0), "not_positive"),
            (event("kill", "wolf", 6), "amount_too_large"),
            (event("quest.accept", "", 1), "missing_target"),
            (event("quest.accept", "any", 1), "ok"),
            (Event { region: "more".into(), ..event("kill", "wolf", 1) }, "unknown_region"),
            (Event { with: with(Value::Int(3)), ..event("kill", "wolf", 1) }, "ok"),
            (Event { with: with(Value::Bool(true)), ..event("kill", "wolf", 1) }, "wrong_type"),
        ];
        for (event, code) in cases {
            let found = rules.event(&event).err().map_or("ok", |refusal| refusal.code);
            assert_eq!(found, code, "{event:?}");
        }
        let refusal = rules.event(&event("kil", "wolf", 1)).unwrap_err();
        assert!(refusal.hint.contains("`kill`"), "{}", refusal.hint);
    }
}
