//! worldflow's own lines: one input as one JSON object, with its time in `at`.
//!
//! A line is an event as the socket takes it, `{"at", "id"?, "player"?, "kind", "target"?, "amount"?,
//! "region"?, "with"?}`, or has instead of a `kind` exactly one of `presence`, `membership`, `fact`,
//! `entity`, `weather`, `clock` and `grant`, each as in a frame of the socket. What can be checked without
//! a world is checked here, by the functions that check a frame; [`super::Rules`] checks the rest.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use worldflow_engine::admission::Refusal;
use worldflow_proto::v1;
use worldflow_schemas::input::{
    ClockCommand, ClockWrite, EntityBody, EntityChange, EntityWrite, FactChange, FactWrite, GrantAnswer,
    Holder, MembershipWrite, PresenceWrite, Scope, Versioned, WeatherCommand, WriteOrder,
};
use worldflow_schemas::{Command, Event, EventId, Sym, Value};

use super::{BadLine, Block, Dated};
use crate::check::{
    ENTITY_KINDS, Field, Hints, MOST_GRANT_BYTES, MOST_ID_BYTES, Odd, Personal, Proposed, amount, at_ms,
    clip, close, holder_text, id_text, intern, long_text, optional_id, properties, quote, refuse, refuse_odd,
    required, scope, shorten, suggest, tags, under,
};

/// What a line may be besides an event.
const COMMANDS: [&str; 8] =
    ["presence", "membership", "close", "fact", "entity", "weather", "clock", "grant"];

/// A line that is not an event, as it is written.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    at: Field<'a>,
    #[serde(borrow)]
    id: Field<'a>,
    presence: Option<v1::PresenceWrite>,
    membership: Option<v1::MembershipWrite>,
    close: Option<v1::CloseWrite>,
    fact: Option<v1::FactWrite>,
    entity: Option<v1::EntityWrite>,
    weather: Option<v1::WeatherWrite>,
    clock: Option<v1::Clock>,
    grant: Option<v1::GrantAnswer>,
}

/// Reads one line into `block`; what is wrong becomes a [`BadLine`].
pub(super) fn read(source: Sym, number: u64, text: &str, block: &mut Block) {
    let read = match serde_json::from_str::<Proposed<'_>>(text) {
        Err(error) => Err(malformed(&error)),
        Ok(proposed) => match &proposed.odd {
            Some(Odd::UnknownField(name)) if COMMANDS.contains(&name.as_ref()) => {
                command(source, number, text, &proposed).map(|dated| block.commands.push(dated))
            }
            _ => event(source, number, &proposed).map(|event| block.events.push(event)),
        },
    };
    if let Err(refusal) = read {
        block.bad.push(BadLine::new(number, refusal));
    }
}

fn malformed(error: &serde_json::Error) -> Refusal {
    let hint = "a line is one JSON object with `at` and `kind`; other layouts need a mapping";
    refuse("malformed", "", clip(&error.to_string()), hint)
}

fn event(source: Sym, number: u64, proposed: &Proposed<'_>) -> Result<Event, Refusal> {
    if let Some(odd) = &proposed.odd {
        return Err(refuse_odd(odd, &Hints::default()));
    }
    let Some(kind) = optional_id("kind", &proposed.kind)? else {
        let hint = format!("give a `kind`, or one of {}", COMMANDS.join(", "));
        return Err(refuse("missing_kind", "kind", "a line needs a kind", hint));
    };
    let id = identity(number, &proposed.id)?;
    let at_ms = at_ms(&proposed.at, None)?;
    let player = optional_id("player", &proposed.player)?.unwrap_or_default();
    let player = holder_text("player", player)?;
    let target = optional_id("target", &proposed.target)?.unwrap_or_default();
    // How large an amount may be is known where the kind is.
    let amount = amount(Sym::NONE, u32::MAX, &proposed.amount)?;
    let region = optional_id("region", &proposed.region)?.unwrap_or_default();
    let with = attributes(&proposed.with)?;
    Ok(Event {
        at_ms,
        source,
        id,
        player: intern(player)?,
        kind: intern(kind)?,
        target: intern(target)?,
        region: intern(region)?,
        amount,
        with,
    })
}

fn identity(number: u64, id: &Field<'_>) -> Result<EventId, Refusal> {
    let id = optional_id("id", id)?;
    Ok(id.map_or(EventId::Position(number), |id| EventId::Named(id.into())))
}

type With = Option<Arc<[(Sym, Value)]>>;

fn attributes(with: &[(Cow<'_, str>, Field<'_>)]) -> Result<With, Refusal> {
    let mut attributes: Vec<(Sym, Value)> = Vec::with_capacity(with.len());
    for (name, field) in with {
        let path = || format!("with.{}", shorten(name));
        if name.len() > MOST_ID_BYTES {
            let reason = format!("unknown attribute {}", quote(name));
            return Err(refuse("unknown_attribute", path(), reason, "the names of attributes are short"));
        }
        let name = intern(name)?;
        if attributes.iter().any(|(other, _)| *other == name) {
            return Err(refuse("duplicate_field", path(), "is given twice", "give each attribute once"));
        }
        if let Some(value) = value(&path(), field)? {
            attributes.push((name, value));
        }
    }
    attributes.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
    Ok((!attributes.is_empty()).then(|| attributes.into()))
}

/// A value of which it is not known yet what it is to be: what may be an id is one, all else is text.
pub(super) fn value(path: &str, field: &Field<'_>) -> Result<Option<Value>, Refusal> {
    Ok(Some(match field {
        Field::Absent => return Ok(None),
        Field::Bool(value) => Value::Bool(*value),
        Field::Int(value) => Value::Int(*value),
        Field::Dec(value) => Value::from_f64(*value)
            .ok_or_else(|| refuse("out_of_range", path, "the number is too large", "stay within 9e12"))?,
        Field::Text(text) if !text.is_empty() && id_text(path, text).is_ok() => Value::id(intern(text)?),
        Field::Text(text) => Value::text(text),
        Field::Nested => {
            let hint = "it must be a number, text, or true or false";
            return Err(refuse("wrong_type", path, format!("is {}", field.kind()), hint));
        }
    }))
}

fn command(source: Sym, number: u64, text: &str, proposed: &Proposed<'_>) -> Result<Dated, Refusal> {
    let not_one = || {
        let hint = format!("give one of kind, {}", COMMANDS.join(", "));
        refuse("not_one", "", "a line is exactly one input", hint)
    };
    if proposed.kind != Field::Absent {
        return Err(not_one());
    }
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let id = identity(number, &line.id)?;
    let at_ms = at_ms(&line.at, None)?;
    let order = WriteOrder { at_ms, source, id: id.clone() };
    let mut found = [
        line.presence.map(|write| ("presence", presence(&write, order.clone()).map(Command::Presence))),
        line.membership
            .map(|write| ("membership", membership(&write, order.clone()).map(Command::Membership))),
        line.close
            .map(|write| ("close", close(&write, order.clone(), &Hints::default()).map(Command::Close))),
        line.fact.map(|write| {
            let found = fact(&write, order.clone());
            ("fact", found.map(|found| Versioned::Fact(found).expecting(write.if_version)))
        }),
        line.entity.map(|write| {
            let found = entity(&write, order.clone());
            ("entity", found.map(|found| Versioned::Entity(found).expecting(write.if_version)))
        }),
        line.weather.map(|write| ("weather", weather(&write, order.clone()).map(Command::Weather))),
        line.clock.map(|change| ("clock", clock(&change, order.clone()).map(Command::Clock))),
        line.grant.map(|answer| ("grant", grant(&answer, order.clone()).map(Command::GrantAnswer))),
    ]
    .into_iter()
    .flatten();
    let (Some((part, command)), None) = (found.next(), found.next()) else { return Err(not_one()) };
    let command = command.map_err(|refusal| under(part, refusal))?;
    Ok(Dated { at_ms, source, id, command })
}

/// As in a frame, but that an absent `server` means that the player is away: a file is no game server.
fn presence(write: &v1::PresenceWrite, order: WriteOrder) -> Result<PresenceWrite, Refusal> {
    let player = holder_text("player", required("player", &write.player)?)?;
    let part = |text: &Option<String>| text.clone().filter(|_| !write.away).unwrap_or_default();
    let (server, region, instance) = (part(&write.server), part(&write.region), part(&write.instance));
    id_text("server", &server)?;
    id_text("region", &region)?;
    holder_text("instance", &instance)?;
    Ok(PresenceWrite {
        order,
        player: intern(player)?,
        server: intern(&server)?,
        region: intern(&region)?,
        instance: intern(&instance)?,
    })
}

fn membership(write: &v1::MembershipWrite, order: WriteOrder) -> Result<MembershipWrite, Refusal> {
    let player = holder_text("player", required("player", &write.player)?)?;
    let scope = scope(&write.scope, &Hints::default())?;
    let group = holder_text("group", write.group.as_deref().unwrap_or_default())?;
    Ok(MembershipWrite { order, player: intern(player)?, scope, group: intern(group)? })
}

fn fact(write: &v1::FactWrite, order: WriteOrder) -> Result<FactWrite, Refusal> {
    let fact = known("fact", &write.fact)?;
    let scope = if write.scope.is_empty() { Scope::Player } else { scope(&write.scope, &Hints::default())? };
    let holder = holder_text("holder", write.holder.as_deref().unwrap_or_default())?;
    let scalar = |path: &str, scalar: &v1::Scalar| {
        let found = value(path, &Field::from(scalar))?;
        found.ok_or_else(|| refuse("wrong_type", path, "is nothing", "`clear` brings the default back"))
    };
    let change = match (&write.set, &write.add, write.clear) {
        (Some(value), None, false) => FactChange::Set(scalar("set", value)?),
        (None, Some(value), false) => FactChange::Add(scalar("add", value)?),
        (None, None, true) => FactChange::Clear,
        _ => {
            let reason = "a write of a fact is exactly one of set, add and clear";
            return Err(refuse("not_one", "", reason, "write several lines for several writes"));
        }
    };
    let holder = Holder { scope, id: intern(holder)? };
    Ok(FactWrite { order, holder, fact: intern(fact)?, change })
}

/// A name that the world declares: one that cannot be declared is not.
fn known<'t>(what: &'static str, name: &'t str) -> Result<&'t str, Refusal> {
    let code = if what == "fact" { "unknown_fact" } else { "unknown_zone" };
    id_text(what, name).map_err(|refusal| Refusal { code, ..refusal })
}

fn entity(write: &v1::EntityWrite, order: WriteOrder) -> Result<EntityWrite, Refusal> {
    let entity = required("entity", &write.entity)?;
    let change = match (&write.upsert, &write.merge, write.delete) {
        (Some(body), None, false) => EntityChange::Upsert(EntityBody {
            kind: entity_kind(&body.kind)?,
            tags: tags("upsert.tags", &body.tags)?,
            properties: properties("upsert.properties", &body.properties, &Personal::default())?,
        }),
        (None, Some(merge), false) => EntityChange::Merge {
            properties: properties("merge.properties", &merge.properties, &Personal::default())?,
            add_tags: tags("merge.add_tags", &merge.add_tags)?,
            remove_tags: tags("merge.remove_tags", &merge.remove_tags)?,
        },
        (None, None, true) => EntityChange::Delete,
        _ => {
            let reason = "a write of an entity is exactly one of upsert, merge and delete";
            return Err(refuse("not_one", "", reason, "write several lines for several writes"));
        }
    };
    Ok(EntityWrite { order, entity: intern(entity)?, change })
}

pub(super) fn entity_kind(kind: &str) -> Result<Sym, Refusal> {
    if ENTITY_KINDS.contains(&kind) {
        return intern(kind);
    }
    let hint = suggest(kind, ENTITY_KINDS, "an entity is an npc, object, place or player");
    let reason = format!("unknown kind of entity {}", quote(kind));
    Err(refuse("unknown_entity_kind", "upsert.kind", reason, hint))
}

fn weather(write: &v1::WeatherWrite, order: WriteOrder) -> Result<WeatherCommand, Refusal> {
    let (zone, state) = (known("zone", &write.zone)?, required("state", &write.state)?);
    Ok(WeatherCommand { order, zone: intern(zone)?, state: intern(state)? })
}

fn clock(change: &v1::Clock, order: WriteOrder) -> Result<ClockWrite, Refusal> {
    let command = match (&change.set_scale, change.pause, change.resume, change.set_time) {
        (Some(scale), false, false, None) => ClockCommand::SetScale { world: scale.world, real: scale.real },
        (None, true, false, None) => ClockCommand::Pause,
        (None, false, true, None) => ClockCommand::Resume,
        (None, false, false, Some(world_ms)) => ClockCommand::SetTime { world_ms },
        _ => {
            let reason = "a change of the clock is exactly one of set_scale, pause, resume and set_time";
            return Err(refuse("not_one", "", reason, "write several lines for several changes"));
        }
    };
    Ok(ClockWrite { order, command })
}

fn grant(answer: &v1::GrantAnswer, order: WriteOrder) -> Result<GrantAnswer, Refusal> {
    if answer.grant.is_empty() || answer.grant.len() > MOST_GRANT_BYTES {
        let reason = format!("there is no grant {}", quote(&answer.grant));
        return Err(refuse("unknown_grant", "grant", reason, "answer with the id of the row of `grants`"));
    }
    let reason = long_text("reason", answer.reason.as_deref().unwrap_or_default())?;
    let grant = answer.grant.as_str().into();
    Ok(GrantAnswer { order, grant, delivered: answer.delivered, reason: reason.into() })
}
