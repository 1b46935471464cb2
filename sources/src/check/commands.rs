//! The rules for writes of the world's state, the clock and answers to grants: game servers only.

use std::collections::BTreeMap;

use worldflow_engine::admission::Refusal;
use worldflow_proto::v1;
use worldflow_proto::v1::scalar::Kind;
use worldflow_schemas::definitions::FactKind;
use worldflow_schemas::input::{
    Answers, ClockCommand, ClockWrite, CloseWrite, EntityBody, EntityChange, EntityWrite, FactChange,
    FactWrite, ForgetWrite, GrantAnswer, Holder, MembershipWrite, PresenceWrite, Scope, Versioned,
    WeatherCommand, WriteOrder,
};
use worldflow_schemas::{Command, EventId, Row, Sym, Value};

use super::{
    Checker, Field, Hints, Personal, Sender, at_ms, holder_text, id_text, intern, kept, long_text, quote,
    refuse, texts, written,
};
use crate::tokens::Role;

/// The most tags, and the most properties, of an entity.
pub(crate) const MOST_PARTS: usize = 64;

/// The longest id of a grant: it is made of four ids, of which each `%` and `/` is written with three bytes.
pub(crate) const MOST_GRANT_BYTES: usize = 1024;

pub(crate) const ENTITY_KINDS: [&str; 4] = ["npc", "object", "place", "player"];

impl Checker {
    /// Turns a proposed write into a command and its identity.
    ///
    /// # Errors
    /// The first rule it breaks; the refusal's path is relative to the item.
    pub fn write(
        &self,
        item: &v1::WriteItem,
        sender: &Sender,
        position: u64,
        now_ms: i64,
        hints: &Hints,
    ) -> Result<(EventId, Command), Refusal> {
        game_server(sender)?;
        let id = event_id(item.id.as_deref(), position)?;
        let at_ms = at_ms(&item.at.as_ref().map_or(Field::Absent, Field::from), Some(now_ms))?;
        let order = WriteOrder { at_ms, source: sender.source, id: id.clone() };
        let v1::WriteItem { id: _, at: _, fact, entity, presence, membership, close, weather } = item;
        let given = [
            fact.is_some(),
            entity.is_some(),
            presence.is_some(),
            membership.is_some(),
            close.is_some(),
            weather.is_some(),
        ];
        let one = given.into_iter().filter(|given| *given).count() == 1;
        let (part, command) = if !one {
            let reason = "a write is exactly one of fact, entity, presence, membership, close and weather";
            return Err(refuse("not_one", "", reason, "send several items for several writes"));
        } else if let Some(fact) = fact {
            let write = self.fact(fact, order, hints);
            ("fact", write.map(|write| Versioned::Fact(write).expecting(fact.if_version)))
        } else if let Some(entity) = entity {
            let write = self.entity(entity, order, hints);
            ("entity", write.map(|write| Versioned::Entity(write).expecting(entity.if_version)))
        } else if let Some(presence) = presence {
            ("presence", self.presence(presence, sender, order, hints).map(Command::Presence))
        } else if let Some(membership) = membership {
            ("membership", self::membership(membership, order, hints).map(Command::Membership))
        } else if let Some(group) = close {
            ("close", self::close(group, order, hints).map(Command::Close))
        } else {
            (
                "weather",
                self.weather(weather.as_ref().expect("one is given"), order, hints).map(Command::Weather),
            )
        };
        let mut command = command.map_err(|refusal| under(part, refusal))?;
        self.personal.seal_command(&mut command)?;
        Ok((id, command))
    }

    /// Turns a proposed change of the clock into a command and its identity.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn clock(
        &self,
        clock: &v1::Clock,
        sender: &Sender,
        position: u64,
        now_ms: i64,
    ) -> Result<(EventId, Command), Refusal> {
        game_server(sender)?;
        let id = event_id(clock.id.as_deref(), position)?;
        let command = match (&clock.set_scale, clock.pause, clock.resume, clock.set_time) {
            (Some(scale), false, false, None) if scale.world == 0 || scale.real == 0 => {
                return Err(refuse(
                    "not_positive",
                    "set_scale",
                    "both parts of the scale are at least 1",
                    "use pause to stop world time",
                ));
            }
            (Some(scale), false, false, None) => {
                ClockCommand::SetScale { world: scale.world, real: scale.real }
            }
            (None, true, false, None) => ClockCommand::Pause,
            (None, false, true, None) => ClockCommand::Resume,
            (None, false, false, Some(world_ms)) if world_ms < 0 => {
                return Err(refuse(
                    "not_positive",
                    "set_time",
                    "world time begins at 0",
                    "it counts world milliseconds since the calendar's first instant",
                ));
            }
            (None, false, false, Some(world_ms)) if world_ms > ClockCommand::MOST_WORLD_MS => {
                let reason = format!("world time ends at {}", ClockCommand::MOST_WORLD_MS);
                return Err(refuse(
                    "out_of_range",
                    "set_time",
                    reason,
                    "it counts world milliseconds since the calendar's first instant",
                ));
            }
            (None, false, false, Some(world_ms)) => ClockCommand::SetTime { world_ms },
            _ => {
                return Err(refuse(
                    "not_one",
                    "",
                    "a change of the clock is exactly one of set_scale, pause, resume and set_time",
                    "send several frames for several changes",
                ));
            }
        };
        let order = WriteOrder { at_ms: now_ms, source: sender.source, id: id.clone() };
        Ok((id, Command::Clock(ClockWrite { order, command })))
    }

    /// Turns an answer to a grant into a command. Its identity is the grant's and of what is asked: an answer counts once.
    ///
    /// # Errors
    /// The first rule it breaks; the refusal's path is relative to the answer.
    pub fn grant_answer(
        &self,
        answer: &v1::GrantAnswer,
        sender: &Sender,
        now_ms: i64,
    ) -> Result<(EventId, Command), Refusal> {
        game_server(sender)?;
        let key = [Value::id(self.realm), Value::text(&answer.grant)];
        let view = worldflow_schemas::catalog::GRANTS;
        let row = self.views.read(view).get(&key).cloned();
        let Some(row) = row.filter(|_| answer.grant.len() <= MOST_GRANT_BYTES) else {
            let reason = format!("there is no grant {}", quote(&answer.grant));
            return Err(refuse(
                "unknown_grant",
                "grant",
                reason,
                "answer with the id of the row of `grants`",
            ));
        };
        // Who answers too early may still answer when it is asked.
        if answer.clawback && !was_asked_back(&row) {
            let reason = format!("grant {} is not to be taken back", quote(&answer.grant));
            let hint = "answer with `clawback` while the status is `clawback`";
            return Err(refuse("no_clawback", "clawback", reason, hint));
        }
        let reason = match &answer.reason {
            Some(reason) => long_text("reason", reason)?,
            None => "",
        };
        let answers = if answer.clawback { Answers::Clawback } else { Answers::Delivery };
        let id = answers.id(&answer.grant);
        let order = WriteOrder { at_ms: now_ms, source: sender.source, id: id.clone() };
        let grant = answer.grant.as_str().into();
        let command = GrantAnswer { order, grant, delivered: answer.delivered, reason: reason.into() };
        Ok((id, Command::GrantAnswer(command)))
    }

    /// Asks for a player to be forgotten: a command that names the key they have now, and its identity.
    ///
    /// # Errors
    /// When the sender may not, or nobody is known by that name.
    pub fn forget(&self, player: &str, sender: &Sender, now_ms: i64) -> Result<(EventId, Command), Refusal> {
        game_server(sender)?;
        holder_text("player", required("player", player)?)?;
        let Some(player) = Sym::find(player) else {
            let reason = format!("nobody is known as {}", quote(player));
            return Err(refuse(
                "unknown_player",
                "player",
                reason,
                "give the player's id, as events name it",
            ));
        };
        let id = EventId::Position(EventId::UNNUMBERED);
        let order = WriteOrder { at_ms: now_ms, source: sender.source, id: id.clone() };
        let key = self.personal.privacy().key_of(player).map(|key| key.to_string()).unwrap_or_default();
        Ok((id, Command::Forget(ForgetWrite { order, player, key: key.into() })))
    }

    fn fact(&self, write: &v1::FactWrite, order: WriteOrder, hints: &Hints) -> Result<FactWrite, Refusal> {
        let declared = Sym::find(&write.fact).and_then(|fact| self.facts.get(&fact).map(|def| (fact, def)));
        let Some((fact, def)) = declared else {
            let hint =
                hints.suggest(&write.fact, texts(self.facts.keys()), "facts are declared in world.yaml");
            return Err(refuse("unknown_fact", "fact", format!("unknown fact {}", quote(&write.fact)), hint));
        };
        if def.members {
            return Err(kept(fact));
        }
        let scope = scope(&write.scope, hints)?;
        if scope != def.scope {
            let reason = format!("`{fact}` belongs to a {}, not to a {}", def.scope.name(), scope.name());
            return Err(refuse("wrong_scope", "scope", reason, "use the scope that world.yaml declares"));
        }
        let id = match (scope, write.holder.as_deref()) {
            (Scope::Realm, None) => self.realm,
            (Scope::Realm, Some(name)) if name == self.realm.as_str() => self.realm,
            (Scope::Realm, Some(_)) => {
                return Err(refuse("unknown_holder", "holder", "is another realm", "leave it out"));
            }
            (Scope::Region, Some(name)) => self.region("holder", name, hints)?,
            (_, Some(name)) if !name.is_empty() => intern(holder_text("holder", name)?)?,
            _ => {
                let hint = format!("say which {}", scope.name());
                return Err(refuse("missing_holder", "holder", "a fact needs a holder", hint));
            }
        };
        let change = match (&write.set, &write.add, write.clear) {
            (Some(v1::Scalar { kind: Some(Kind::Text(text)) }), None, false)
                if self.personal.has_fact(fact) =>
            {
                FactChange::Set(Value::text(written("set", text)?))
            }
            (Some(value), None, false) => FactChange::Set(fact_value("set", def.kind, value)?),
            (None, Some(value), false) if matches!(def.kind, FactKind::Int | FactKind::Dec) => {
                FactChange::Add(fact_value("add", def.kind, value)?)
            }
            (None, Some(_), false) => {
                let reason = format!("`{fact}` is not a number");
                return Err(refuse("wrong_type", "add", reason, "use `set`"));
            }
            (None, None, true) => FactChange::Clear,
            _ => {
                return Err(refuse(
                    "not_one",
                    "",
                    "a write of a fact is exactly one of set, add and clear",
                    "send several items for several writes",
                ));
            }
        };
        Ok(FactWrite { order, holder: Holder { scope, id }, fact, change })
    }

    fn entity(
        &self,
        write: &v1::EntityWrite,
        order: WriteOrder,
        hints: &Hints,
    ) -> Result<EntityWrite, Refusal> {
        let entity = required("entity", &write.entity)?;
        let change = match (&write.upsert, &write.merge, write.delete) {
            (Some(body), None, false) => {
                if !ENTITY_KINDS.contains(&body.kind.as_str()) {
                    let about = "an entity is an npc, object, place or player";
                    let hint = hints.suggest(&body.kind, ENTITY_KINDS, about);
                    let reason = format!("unknown kind of entity {}", quote(&body.kind));
                    return Err(refuse("unknown_entity_kind", "upsert.kind", reason, hint));
                }
                EntityChange::Upsert(EntityBody {
                    kind: intern(&body.kind)?,
                    tags: tags("upsert.tags", &body.tags)?,
                    properties: properties("upsert.properties", &body.properties, &self.personal)?,
                })
            }
            (None, Some(merge), false) => EntityChange::Merge {
                properties: properties("merge.properties", &merge.properties, &self.personal)?,
                add_tags: tags("merge.add_tags", &merge.add_tags)?,
                remove_tags: tags("merge.remove_tags", &merge.remove_tags)?,
            },
            (None, None, true) => EntityChange::Delete,
            _ => {
                return Err(refuse(
                    "not_one",
                    "",
                    "a write of an entity is exactly one of upsert, merge and delete",
                    "send several items for several writes",
                ));
            }
        };
        let entity = intern(entity)?;
        match &change {
            EntityChange::Upsert(_) => self.recent.add(entity),
            EntityChange::Delete => self.recent.remove(entity),
            EntityChange::Merge { .. } => {}
        }
        Ok(EntityWrite { order, entity, change })
    }

    fn presence(
        &self,
        write: &v1::PresenceWrite,
        sender: &Sender,
        order: WriteOrder,
        hints: &Hints,
    ) -> Result<PresenceWrite, Refusal> {
        let player = required("player", &write.player)?;
        holder_text("player", player)?;
        if write.away {
            let player = intern(player)?;
            return Ok(PresenceWrite {
                order,
                player,
                server: Sym::NONE,
                region: Sym::NONE,
                instance: Sym::NONE,
            });
        }
        let server = match write.server.as_deref().filter(|server| !server.is_empty()) {
            Some(server) => intern(id_text("server", server)?)?,
            None => sender.subject,
        };
        let region = match write.region.as_deref().filter(|region| !region.is_empty()) {
            Some(region) => self.region("region", region, hints)?,
            None => Sym::NONE,
        };
        let instance = intern(holder_text("instance", write.instance.as_deref().unwrap_or_default())?)?;
        Ok(PresenceWrite { order, player: intern(player)?, server, region, instance })
    }

    /// Whether the zone's climate has such a state is not known here: climates are definitions, which may
    /// change while the world runs.
    fn weather(
        &self,
        write: &v1::WeatherWrite,
        order: WriteOrder,
        hints: &Hints,
    ) -> Result<WeatherCommand, Refusal> {
        let Some(zone) = Sym::find(&write.zone).filter(|zone| self.zones.contains(zone)) else {
            let hint = hints.suggest(&write.zone, texts(&self.zones), "zones are declared in world.yaml");
            return Err(refuse("unknown_zone", "zone", format!("unknown zone {}", quote(&write.zone)), hint));
        };
        Ok(WeatherCommand { order, zone, state: intern(required("state", &write.state)?)? })
    }
}

fn game_server(sender: &Sender) -> Result<(), Refusal> {
    if sender.role == Role::GameServer {
        return Ok(());
    }
    Err(refuse(
        "not_allowed",
        "",
        format!("a {}'s token may not do this", sender.role.name()),
        "use a game server's token",
    ))
}

pub(crate) fn under(part: &str, mut refusal: Refusal) -> Refusal {
    refusal.path = if refusal.path.is_empty() { part.to_owned() } else { format!("{part}.{}", refusal.path) };
    refusal
}

fn event_id(id: Option<&str>, position: u64) -> Result<EventId, Refusal> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(EventId::Named(id_text("id", id)?.into())),
        None => Ok(EventId::Position(position)),
    }
}

pub(crate) fn required<'t>(path: &str, text: &'t str) -> Result<&'t str, Refusal> {
    if text.is_empty() {
        return Err(refuse("missing_id", path, "is missing", "say which"));
    }
    id_text(path, text)
}

pub(crate) fn scope(name: &str, hints: &Hints) -> Result<Scope, Refusal> {
    Scope::ALL.into_iter().find(|scope| scope.name() == name).ok_or_else(|| {
        let names = Scope::ALL.into_iter().map(Scope::name);
        let hint = hints.suggest(name, names, "player, party, guild, account, region, instance or realm");
        refuse("unknown_scope", "scope", format!("unknown scope {}", quote(name)), hint)
    })
}

fn membership(
    write: &v1::MembershipWrite,
    order: WriteOrder,
    hints: &Hints,
) -> Result<MembershipWrite, Refusal> {
    let player = required("player", &write.player)?;
    holder_text("player", player)?;
    let scope = scope(&write.scope, hints)?;
    if !matches!(scope, Scope::Party | Scope::Guild | Scope::Account) {
        let reason = format!("nobody is a member of a {}", scope.name());
        return Err(refuse("wrong_scope", "scope", reason, "party, guild or account"));
    }
    let group = intern(holder_text("group", write.group.as_deref().unwrap_or_default())?)?;
    Ok(MembershipWrite { order, player: intern(player)?, scope, group })
}

pub(crate) fn close(write: &v1::CloseWrite, order: WriteOrder, hints: &Hints) -> Result<CloseWrite, Refusal> {
    let scope = scope(&write.scope, hints)?;
    can_close(scope)?;
    let group = holder_text("group", required("group", &write.group)?)?;
    Ok(CloseWrite { order, group: Holder { scope, id: intern(group)? } })
}

pub(crate) fn can_close(scope: Scope) -> Result<(), Refusal> {
    if scope.can_close() {
        return Ok(());
    }
    let reason = format!("a {} does not end", scope.name());
    Err(refuse("wrong_scope", "scope", reason, "party, guild, account or instance"))
}

fn fact_value(path: &str, holds: FactKind, value: &v1::Scalar) -> Result<Value, Refusal> {
    let wanted = match (holds, &value.kind) {
        (FactKind::Bool, Some(Kind::Bool(value))) => return Ok(Value::Bool(*value)),
        (FactKind::Bool, _) => "true or false",
        (FactKind::Int, Some(Kind::Int(value))) => return Ok(Value::Int(*value)),
        (FactKind::Int, _) => "a whole number",
        (FactKind::Dec, Some(Kind::Int(value))) => match value.checked_mul(worldflow_schemas::value::DEC_ONE)
        {
            Some(millionths) => return Ok(Value::Dec(millionths)),
            None => "a number within 9e12",
        },
        (FactKind::Dec, Some(Kind::Dec(value))) => match Value::from_f64(*value) {
            Some(value) => return Ok(value),
            None => "a number within 9e12",
        },
        (FactKind::Dec, _) => "a number",
        (FactKind::Text, Some(Kind::Text(text))) => return Ok(Value::id(intern(id_text(path, text)?)?)),
        (FactKind::Text, _) => "an id",
    };
    Err(refuse("wrong_type", path, "is of another type than the fact", format!("it must be {wanted}")))
}

pub(crate) fn tags(path: &str, tags: &[String]) -> Result<Vec<Sym>, Refusal> {
    if tags.len() > MOST_PARTS {
        return Err(refuse("too_many_tags", path, format!("more than {MOST_PARTS} tags"), "use a property"));
    }
    let mut known = tags.iter().map(|tag| intern(required(path, tag)?)).collect::<Result<Vec<_>, _>>()?;
    known.sort_by(|a, b| a.cmp_text(*b));
    known.dedup();
    Ok(known)
}

pub(crate) fn properties(
    path: &str,
    properties: &BTreeMap<String, v1::Scalar>,
    personal: &Personal,
) -> Result<Vec<(Sym, Value)>, Refusal> {
    if properties.len() > MOST_PARTS {
        let reason = format!("more than {MOST_PARTS} properties");
        return Err(refuse("too_many_properties", path, reason, "keep what quests and conditions use"));
    }
    let property = |(name, value): (&String, &v1::Scalar)| {
        let path = format!("{path}.{}", super::shorten(name));
        let value = match &value.kind {
            None => Value::Null,
            Some(Kind::Bool(value)) => Value::Bool(*value),
            Some(Kind::Int(value)) => Value::Int(*value),
            Some(Kind::Dec(value)) => Value::from_f64(*value).ok_or_else(|| {
                refuse("out_of_range", &path, "the number is too large", "stay within 9e12")
            })?,
            // What is personal is in no table of ids.
            Some(Kind::Text(text)) if personal.has_property(name) => Value::text(written(&path, text)?),
            Some(Kind::Text(text)) if text.len() <= super::MOST_ID_BYTES => {
                Value::id(intern(id_text(&path, text)?)?)
            }
            Some(Kind::Text(text)) => Value::text(long_text(&path, text)?),
        };
        Ok((intern(required(&path, name)?)?, value))
    };
    // A map is sorted by name already.
    properties.iter().map(property).collect()
}

/// Whether a grant is to be taken back, or was: taken, or left for a reason.
fn was_asked_back(grant: &Row) -> bool {
    let def = worldflow_schemas::catalog::GRANTS.def();
    let column = |name| def.column(name).and_then(|place| grant.get(place));
    match column("status").and_then(Value::as_str) {
        Some("clawback" | "taken") => true,
        Some("delivered") => column("reason").is_some_and(|reason| *reason != Value::Null),
        _ => false,
    }
}
