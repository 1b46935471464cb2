//! What is personal is sealed here, at the edge, under the key of the player whose it is: after all other rules have
//! passed, so that nothing is drawn or encrypted for what is refused.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Refusal;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::definitions::{AttributeKind, FactKind, WorldDef};
use worldflow_schemas::input::{
    EntityChange, EntityWrite, FactChange, FactWrite, IfVersion, Scope, Versioned,
};
use worldflow_schemas::{Command, Event, Input, Sym, Value, catalog};

use super::words::{Words, unavailable};
use super::{refuse, under};

/// What of a world is personal, and what seals it.
#[derive(Debug, Default)]
pub struct Personal {
    realm: Sym,
    privacy: Privacy,
    views: Option<Arc<ViewStore>>,
    /// Kinds that have attributes that are personal, and which.
    pub(super) kinds: FxHashMap<Sym, Arc<[Sym]>>,
    facts: FxHashSet<Sym>,
    properties: FxHashSet<Sym>,
    /// What may be said.
    pub(super) words: Words,
}

impl Personal {
    /// As the world declares. `views` tells which entities are players.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, privacy: Privacy, views: Arc<ViewStore>) -> Personal {
        let texts = |(name, def): (&String, &worldflow_schemas::definitions::KindDef)| {
            let texts = def.attributes.iter().filter(|(_, holds)| **holds == AttributeKind::Text);
            let texts: Arc<[Sym]> = texts.map(|(name, _)| Sym::new(name)).collect();
            (!texts.is_empty()).then(|| (Sym::new(name), texts))
        };
        let facts = world.facts.iter().filter(|(_, def)| def.personal && def.kind == FactKind::Text);
        Personal {
            realm,
            privacy,
            views: Some(views),
            kinds: world.kinds.iter().filter_map(texts).collect(),
            facts: facts.map(|(name, _)| Sym::new(name)).collect(),
            properties: world.personal_properties.iter().map(|name| Sym::new(name)).collect(),
            words: Words::new(world),
        }
    }

    /// The keys.
    #[must_use]
    pub fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    /// Whether a fact is personal.
    #[must_use]
    pub fn has_fact(&self, fact: Sym) -> bool {
        self.facts.contains(&fact)
    }

    /// Whether a property of players is.
    #[must_use]
    pub fn has_property(&self, name: &str) -> bool {
        !self.properties.is_empty() && Sym::find(name).is_some_and(|name| self.properties.contains(&name))
    }

    /// Seals what is personal in an input.
    ///
    /// # Errors
    /// When it belongs to no player, or is no text.
    pub fn seal(&self, input: &mut Input) -> Result<(), Refusal> {
        match input {
            Input::Event(event) => self.seal_event(event),
            Input::Command(command) => self.seal_command(command),
        }
    }

    /// As [`Personal::seal`], when the words of the event may be said.
    ///
    /// # Errors
    /// When a personal attribute belongs to no player, or a player says what is not allowed, or what somebody else would have
    /// to judge.
    pub fn seal_event(&self, event: &mut Event) -> Result<(), Refusal> {
        self.look(event)?;
        if self.words.asks()
            && let Some((name, _)) = self.words_of(event).next()
        {
            return Err(unavailable(name, None));
        }
        self.seal_judged(event)
    }

    /// Seals the words of an event that have been judged.
    pub(super) fn seal_judged(&self, event: &mut Event) -> Result<(), Refusal> {
        let Some(with) = &event.with else { return Ok(()) };
        let Some(texts) = self.kinds.get(&event.kind) else { return Ok(()) };
        if !with.iter().any(|(name, _)| texts.contains(name)) {
            return Ok(());
        }
        let sealed = with.iter().map(|(name, value)| {
            let value = if texts.contains(name) {
                self.text(event.player, value).map_err(|refusal| under(&format!("with.{name}"), refusal))?
            } else {
                value.clone()
            };
            Ok((*name, value))
        });
        event.with = Some(sealed.collect::<Result<Arc<[_]>, Refusal>>()?);
        Ok(())
    }

    /// As [`Personal::seal`], of what is no event.
    ///
    /// # Errors
    /// When a personal property is not one of a player, or no text.
    pub fn seal_command(&self, command: &mut Command) -> Result<(), Refusal> {
        match command {
            Command::Fact(write) | Command::IfVersion(IfVersion { write: Versioned::Fact(write), .. }) => {
                self.seal_fact(write)
            }
            Command::Entity(write)
            | Command::IfVersion(IfVersion { write: Versioned::Entity(write), .. }) => {
                self.seal_entity(write)
            }
            _ => Ok(()),
        }
    }

    fn seal_fact(&self, write: &mut FactWrite) -> Result<(), Refusal> {
        if let FactChange::Set(value) = &mut write.change
            && self.facts.contains(&write.fact)
        {
            let player = if write.holder.scope == Scope::Player { write.holder.id } else { Sym::NONE };
            *value = self.text(player, value).map_err(|refusal| under("fact.set", refusal))?;
        }
        Ok(())
    }

    fn seal_entity(&self, write: &mut EntityWrite) -> Result<(), Refusal> {
        let (part, is_player, properties) = match &mut write.change {
            EntityChange::Upsert(body) => ("upsert", body.kind.as_str() == PLAYER, &mut body.properties),
            EntityChange::Merge { properties, .. } => ("merge", self.may_be_player(write.entity), properties),
            EntityChange::Delete => return Ok(()),
        };
        for (name, value) in properties.iter_mut().filter(|(name, _)| self.properties.contains(name)) {
            let player = if is_player { write.entity } else { Sym::NONE };
            let sealed = self.text(player, value);
            *value = sealed.map_err(|refusal| under(&format!("entity.{part}.properties.{name}"), refusal))?;
        }
        Ok(())
    }

    /// Whether nothing says that it is none.
    fn may_be_player(&self, entity: Sym) -> bool {
        let Some(views) = &self.views else { return true };
        let view = views.read(catalog::ENTITIES);
        let kind = catalog::ENTITIES.def().column("kind").expect("the catalog has it");
        let row = view.get(&[Value::id(self.realm), Value::id(entity)]);
        row.is_none_or(|row| row[kind].as_str() == Some(PLAYER))
    }

    fn text(&self, player: Sym, value: &Value) -> Result<Value, Refusal> {
        let text = match value {
            Value::Null => return Ok(Value::Null),
            Value::Text(text) => text.as_str(),
            Value::Sym(id) => id.as_str(),
            _ => return Err(refuse("wrong_type", "", "is personal, and no text", "write it as text")),
        };
        if player.is_none() {
            return Err(of_nobody(""));
        }
        self.privacy.seal(player, text).map(Value::Text).map_err(|error| {
            refuse("not_sealed", "", error.to_string(), "try again; the operator's log says more")
        })
    }
}

const PLAYER: &str = "player";

/// What is personal, and of no player.
pub(crate) fn of_nobody(path: &str) -> Refusal {
    refuse(
        "personal_of_nobody",
        path,
        "is personal, and belongs to no player under whose key it could be sealed",
        "name the player; or declare an attribute as `id`, if it is of nobody",
    )
}
