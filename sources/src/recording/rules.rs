//! The rules of a world for inputs that are already interned: what a recording holds, in any form.
//!
//! The same rules as for what comes over a wire, and where it can be the same functions, but by number
//! instead of by text, so that millions of events a second can be checked: a text that has passed is not
//! looked at again. Rates of a recording are free, and so are its times within the calendar.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Refusal;
use worldflow_schemas::definitions::{AttributeKind, FactKind, KindDef, WorldDef};
use worldflow_schemas::input::{
    ClockCommand, CloseWrite, EntityChange, EntityWrite, FactChange, FactWrite, GrantAnswer, IfVersion,
    MembershipWrite, PresenceWrite, Scope, Versioned, WeatherCommand,
};
use worldflow_schemas::{Command, Event, EventId, Sym, Value};

use super::line::entity_kind;
use crate::check::{
    Field, Hints, MOST_ATTRIBUTES, MOST_GRANT_BYTES, MOST_PARTS, Odd, QUEST_KINDS, amount, at_ms, attribute,
    can_close, holder_text, id_text, intern, kept, long_text, of_nobody, quest_attributes, quote, refuse,
    refuse_odd, required, suggest, under,
};

/// The rules of one world in one realm.
#[derive(Debug)]
pub struct Rules {
    realm: Sym,
    kinds: FxHashMap<Sym, Kind>,
    entities: FxHashSet<Sym>,
    /// Entities that the recordings have added.
    added: FxHashSet<Sym>,
    regions: FxHashSet<Sym>,
    zones: FxHashSet<Sym>,
    facts: FxHashMap<Sym, (Scope, FactKind)>,
    /// Facts that nobody writes.
    kept: FxHashSet<Sym>,
    ids: Passed,
    holders: Passed,
}

#[derive(Debug)]
struct Kind {
    most: u32,
    known_targets: bool,
    needs_target: bool,
    attributes: FxHashMap<Sym, AttributeKind>,
}

/// Which texts have passed a check, by their numbers.
#[derive(Debug, Default)]
struct Passed(Vec<u64>);

impl Passed {
    fn has(&self, sym: Sym) -> bool {
        self.0.get(sym.index() / 64).is_some_and(|bits| bits & (1 << (sym.index() % 64)) != 0)
    }

    fn check(
        &mut self,
        path: &str,
        sym: Sym,
        check: fn(&str, &'static str) -> Result<&'static str, Refusal>,
    ) -> Result<(), Refusal> {
        if self.has(sym) {
            return Ok(());
        }
        check(path, sym.as_str())?;
        let word = sym.index() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (sym.index() % 64);
        Ok(())
    }
}

impl Rules {
    /// Compiles the rules.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> Rules {
        let kind = |def: &KindDef| Kind {
            most: def.max_amount,
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
                attributes: quest_attributes(name),
            });
        }
        let names = |names: &mut dyn Iterator<Item = &String>| names.map(|name| Sym::new(name)).collect();
        Rules {
            realm,
            kinds,
            entities: names(&mut world.entities.keys()),
            added: FxHashSet::default(),
            regions: names(&mut world.regions.keys()),
            zones: names(&mut world.zones.keys()),
            facts: world.facts.iter().map(|(name, def)| (Sym::new(name), (def.scope, def.kind))).collect(),
            kept: world.facts.iter().filter(|(_, def)| def.members).map(|(name, _)| Sym::new(name)).collect(),
            ids: Passed::default(),
            holders: Passed::default(),
        }
    }

    /// Whether an event is one of this world.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn event(&mut self, event: &Event) -> Result<(), Refusal> {
        if event.kind.is_none() {
            let hint = "kinds are declared in world.yaml";
            return Err(refuse("missing_kind", "kind", "an event needs a kind", hint));
        }
        self.ids.check("kind", event.kind, id_text)?;
        let Some(kind) = self.kinds.get(&event.kind) else {
            return Err(unknown(
                "kind",
                "kind",
                event.kind,
                self.kinds.keys(),
                "kinds are declared in world.yaml",
            ));
        };
        named("id", &event.id)?;
        at_ms(&Field::Int(event.at_ms), None)?;
        self.holders.check("player", event.player, holder_text)?;
        self.ids.check("target", event.target, id_text)?;
        if event.target.is_none() && kind.needs_target {
            let reason = format!("an event of kind `{}` needs a target", event.kind);
            return Err(refuse("missing_target", "target", reason, "the target is the quest's id"));
        }
        let known = |target| self.entities.contains(&target) || self.added.contains(&target);
        if kind.known_targets && !event.target.is_none() && !known(event.target) {
            let about = "targets are entities: declared in world.yaml, or written before";
            return Err(unknown("target", "target", event.target, self.entities.iter(), about));
        }
        amount(event.kind, kind.most, &Field::Int(event.amount))?;
        if !event.region.is_none() {
            region(&self.regions, "region", event.region)?;
        }
        match &event.with {
            Some(with) => {
                attributes(kind, event.kind, with, &mut self.ids)?;
                let is_text = |name: &Sym| kind.attributes.get(name) == Some(&AttributeKind::Text);
                match with.iter().find(|(name, _)| event.player.is_none() && is_text(name)) {
                    Some((name, _)) => Err(of_nobody(&format!("with.{name}"))),
                    None => Ok(()),
                }
            }
            None => Ok(()),
        }
    }

    /// Whether another input is one of this world. What an entity write adds is known from then on.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        let (part, checked) = match command {
            Command::Presence(write) => ("presence", self.presence(write)),
            Command::Membership(write) => ("membership", self.membership(write)),
            Command::Close(write) => ("close", self.close(write)),
            Command::Fact(write) => ("fact", self.fact(write)),
            Command::Entity(write) => ("entity", self.entity(write)),
            Command::IfVersion(IfVersion { write: Versioned::Fact(write), .. }) => ("fact", self.fact(write)),
            Command::IfVersion(IfVersion { write: Versioned::Entity(write), .. }) => {
                ("entity", self.entity(write))
            }
            Command::Weather(write) => ("weather", self.weather(write)),
            Command::Clock(write) => ("clock", clock(&write.command)),
            Command::GrantAnswer(answer) => ("grant", grant(answer)),
            Command::Define(_)
            | Command::Revise(_)
            | Command::Reply(_)
            | Command::Sentence(_)
            | Command::Forget(_) => {
                let hint = "definitions come from the world folder, answers from its tiers, and who is to be forgotten from `worldflow forget`";
                ("", Err(refuse("not_allowed", "", "a recording holds none of these", hint)))
            }
        };
        if let Some(at_ms) = command.at_ms() {
            crate::check::at_ms(&Field::Int(at_ms), None)?;
        }
        checked.map_err(|refusal| under(part, refusal))
    }

    fn presence(&mut self, write: &PresenceWrite) -> Result<(), Refusal> {
        named("id", &write.order.id)?;
        required("player", write.player.as_str())?;
        self.holders.check("player", write.player, holder_text)?;
        self.ids.check("server", write.server, id_text)?;
        if !write.region.is_none() {
            region(&self.regions, "region", write.region)?;
        }
        self.holders.check("instance", write.instance, holder_text)
    }

    fn membership(&mut self, write: &MembershipWrite) -> Result<(), Refusal> {
        named("id", &write.order.id)?;
        required("player", write.player.as_str())?;
        self.holders.check("player", write.player, holder_text)?;
        if !matches!(write.scope, Scope::Party | Scope::Guild | Scope::Account) {
            let reason = format!("nobody is a member of a {}", write.scope.name());
            return Err(refuse("wrong_scope", "scope", reason, "party, guild or account"));
        }
        self.holders.check("group", write.group, holder_text)
    }

    fn close(&mut self, write: &CloseWrite) -> Result<(), Refusal> {
        named("id", &write.order.id)?;
        can_close(write.group.scope)?;
        required("group", write.group.id.as_str())?;
        self.holders.check("group", write.group.id, holder_text)
    }

    fn fact(&mut self, write: &FactWrite) -> Result<(), Refusal> {
        named("id", &write.order.id)?;
        let (fact, holder) = (write.fact, write.holder);
        let Some((scope, holds)) = self.facts.get(&fact) else {
            return Err(unknown("fact", "fact", fact, self.facts.keys(), "facts are declared in world.yaml"));
        };
        if self.kept.contains(&fact) {
            return Err(kept(fact));
        }
        if holder.scope != *scope {
            let reason = format!("`{fact}` belongs to a {}, not to a {}", scope.name(), holder.scope.name());
            return Err(refuse("wrong_scope", "scope", reason, "use the scope that world.yaml declares"));
        }
        match holder.scope {
            _ if holder.id.is_none() => {
                let hint = format!("say which {}", holder.scope.name());
                return Err(refuse("missing_holder", "holder", "a fact needs a holder", hint));
            }
            Scope::Realm if holder.id != self.realm => {
                let hint = format!("here it is `{}`", self.realm);
                return Err(refuse("unknown_holder", "holder", "is another realm", hint));
            }
            Scope::Region => region(&self.regions, "holder", holder.id)?,
            _ => self.holders.check("holder", holder.id, holder_text)?,
        }
        match &write.change {
            FactChange::Clear => Ok(()),
            FactChange::Set(value) => fact_value("set", *holds, value),
            FactChange::Add(value) if matches!(holds, FactKind::Int | FactKind::Dec) => {
                fact_value("add", *holds, value)
            }
            FactChange::Clamp(..) => {
                let reason = format!("`{fact}` is brought within bounds, which only rules do");
                Err(refuse("wrong_type", "clamp", reason, "use `set`"))
            }
            FactChange::Add(_) => {
                Err(refuse("wrong_type", "add", format!("`{fact}` is not a number"), "use `set`"))
            }
        }
    }

    fn entity(&mut self, write: &EntityWrite) -> Result<(), Refusal> {
        named("id", &write.order.id)?;
        required("entity", write.entity.as_str())?;
        match &write.change {
            EntityChange::Upsert(body) => {
                entity_kind(body.kind.as_str())?;
                parts("upsert.tags", &body.tags, &mut self.ids)?;
                values("upsert.properties", &body.properties, &mut self.ids)?;
                self.added.insert(write.entity);
            }
            EntityChange::Merge { properties, add_tags, remove_tags } => {
                values("merge.properties", properties, &mut self.ids)?;
                parts("merge.add_tags", add_tags, &mut self.ids)?;
                parts("merge.remove_tags", remove_tags, &mut self.ids)?;
            }
            EntityChange::Delete => {
                self.added.remove(&write.entity);
            }
        }
        Ok(())
    }

    fn weather(&mut self, write: &WeatherCommand) -> Result<(), Refusal> {
        if !self.zones.contains(&write.zone) {
            let about = "zones are declared in world.yaml";
            return Err(unknown("zone", "zone", write.zone, self.zones.iter(), about));
        }
        required("state", write.state.as_str()).map(drop)
    }
}

fn clock(change: &ClockCommand) -> Result<(), Refusal> {
    match change {
        ClockCommand::SetScale { world, real } if *world == 0 || *real == 0 => {
            let reason = "both parts of the scale are at least 1";
            Err(refuse("not_positive", "set_scale", reason, "use pause to stop world time"))
        }
        ClockCommand::SetTime { world_ms } if *world_ms < 0 => {
            let hint = "it counts world milliseconds since the calendar's first instant";
            Err(refuse("not_positive", "set_time", "world time begins at 0", hint))
        }
        ClockCommand::Downtime { .. } => {
            Err(refuse("not_allowed", "", "only the engine says so", "leave it out of recordings"))
        }
        _ => Ok(()),
    }
}

/// Whether there is such a grant is known when it is answered.
fn grant(answer: &GrantAnswer) -> Result<(), Refusal> {
    if answer.grant.is_empty() || answer.grant.as_str().len() > MOST_GRANT_BYTES {
        let reason = format!("there is no grant {}", quote(answer.grant.as_str()));
        return Err(refuse("unknown_grant", "grant", reason, "answer with the id of the row of `grants`"));
    }
    long_text("reason", &answer.reason).map(drop)
}

fn named(path: &str, id: &EventId) -> Result<(), Refusal> {
    match id {
        EventId::Position(_) => Ok(()),
        EventId::Named(name) => id_text(path, name).map(drop),
    }
}

fn region(regions: &FxHashSet<Sym>, path: &str, region: Sym) -> Result<(), Refusal> {
    if regions.contains(&region) {
        return Ok(());
    }
    id_text(path, region.as_str())?;
    Err(unknown("region", path, region, regions.iter(), "regions are declared in world.yaml"))
}

fn unknown<'a>(
    what: &'static str,
    path: &str,
    name: Sym,
    known: impl Iterator<Item = &'a Sym>,
    about: &str,
) -> Refusal {
    let code = match what {
        "kind" => "unknown_kind",
        "target" => "unknown_target",
        "region" => "unknown_region",
        "zone" => "unknown_zone",
        _ => "unknown_fact",
    };
    let hint = suggest(name.as_str(), known.map(|known| known.as_str()), about);
    refuse(code, path, format!("unknown {what} {}", quote(name.as_str())), hint)
}

/// The value as it would come over a wire.
fn field(value: &Value) -> Field<'_> {
    match value {
        Value::Null => Field::Absent,
        Value::Bool(value) => Field::Bool(*value),
        Value::Int(value) => Field::Int(*value),
        #[expect(clippy::cast_precision_loss, reason = "only whether it is a number matters")]
        Value::Dec(millionths) => Field::Dec(*millionths as f64 / 1e6),
        Value::Sym(sym) => Field::Text(Cow::Borrowed(sym.as_str())),
        Value::Text(text) => Field::Text(Cow::Borrowed(text)),
    }
}

fn attributes(kind: &Kind, name: Sym, with: &[(Sym, Value)], ids: &mut Passed) -> Result<(), Refusal> {
    if with.len() > MOST_ATTRIBUTES {
        return Err(refuse_odd(&Odd::TooManyAttributes, &Hints::default()));
    }
    for (attribute_name, value) in with {
        let path = || format!("with.{}", crate::check::shorten(attribute_name.as_str()));
        let Some(holds) = kind.attributes.get(attribute_name) else {
            let about = format!("attributes of `{name}` are declared in world.yaml");
            let known = kind.attributes.keys().map(|known| known.as_str());
            let hint = suggest(attribute_name.as_str(), known, &about);
            let reason = format!("unknown attribute {}", quote(attribute_name.as_str()));
            return Err(refuse("unknown_attribute", path(), reason, hint));
        };
        match (holds, value) {
            (AttributeKind::Number, Value::Int(_) | Value::Dec(_))
            | (AttributeKind::Bool, Value::Bool(_)) => {}
            (AttributeKind::Id, Value::Sym(id)) if ids.has(*id) => {}
            (AttributeKind::Id, Value::Sym(id)) => ids.check(&path(), *id, id_text)?,
            // Text is looked at as the socket does.
            _ => drop(attribute(&path(), *holds, &field(value), |_, text| intern(text))?),
        }
    }
    Ok(())
}

fn fact_value(path: &str, holds: FactKind, value: &Value) -> Result<(), Refusal> {
    let wanted = match (holds, value) {
        (FactKind::Bool, Value::Bool(_))
        | (FactKind::Int, Value::Int(_))
        | (FactKind::Dec, Value::Int(_) | Value::Dec(_)) => return Ok(()),
        (FactKind::Text, value) if value.as_str().is_some() => {
            return id_text(path, value.as_str().unwrap_or_default()).map(drop);
        }
        (FactKind::Bool, _) => "true or false",
        (FactKind::Int, _) => "a whole number",
        (FactKind::Dec, _) => "a number",
        (FactKind::Text, _) => "an id",
    };
    Err(refuse("wrong_type", path, "is of another type than the fact", format!("it must be {wanted}")))
}

fn parts(path: &str, tags: &[Sym], ids: &mut Passed) -> Result<(), Refusal> {
    if tags.len() > MOST_PARTS {
        return Err(refuse("too_many_tags", path, format!("more than {MOST_PARTS} tags"), "use a property"));
    }
    tags.iter().try_for_each(|tag| required_id(path, *tag, ids))
}

fn required_id(path: &str, id: Sym, ids: &mut Passed) -> Result<(), Refusal> {
    if id.is_none() { required(path, "").map(drop) } else { ids.check(path, id, id_text) }
}

fn values(path: &str, properties: &[(Sym, Value)], ids: &mut Passed) -> Result<(), Refusal> {
    if properties.len() > MOST_PARTS {
        let reason = format!("more than {MOST_PARTS} properties");
        return Err(refuse("too_many_properties", path, reason, "keep what quests and conditions use"));
    }
    properties.iter().try_for_each(|(name, value)| {
        let path = format!("{path}.{}", crate::check::shorten(name.as_str()));
        required_id(&path, *name, ids)?;
        match value {
            Value::Sym(id) => ids.check(&path, *id, id_text),
            Value::Text(text) => long_text(&path, text).map(drop),
            _ => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests;
