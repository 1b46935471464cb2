//! What an entity is made of, kept within bounds and in one order.

use serde_json::Value as Json;
use worldflow_schemas::definitions::EntityDef;
use worldflow_schemas::input::{Current, EntityBody, WriteOrder};
use worldflow_schemas::{Sym, Value};

use crate::facts::CONFLICT_HINT;
use crate::messages::Refused;

/// The most tags of one entity.
pub const MOST_TAGS: usize = 64;

/// The most properties of one entity.
pub const MOST_PROPERTIES: usize = 128;

const KINDS: [&str; 4] = ["npc", "object", "place", "player"];

/// A write that cannot be done.
pub(super) enum Wrong {
    UnknownEntity,
    UnknownKind(Sym),
    TooManyTags(usize),
    TooManyProperties(usize),
    Version { expected: u64, current: Current },
}

impl Wrong {
    /// The refusal of a write.
    pub(super) fn refused(self, order: WriteOrder, entity: Sym) -> Refused {
        let mut found = None;
        let (code, reason, hint) = match self {
            Wrong::UnknownEntity => (
                "unknown_entity",
                format!("there is no entity `{entity}`"),
                "send `upsert` to make it".to_owned(),
            ),
            Wrong::UnknownKind(kind) => (
                "unknown_entity_kind",
                format!("entity `{entity}` cannot be of kind `{kind}`"),
                format!("use one of {}", KINDS.join(", ")),
            ),
            Wrong::TooManyTags(count) => (
                "too_many_tags",
                format!("entity `{entity}` would have {count} tags"),
                format!("an entity has at most {MOST_TAGS}"),
            ),
            Wrong::TooManyProperties(count) => (
                "too_many_properties",
                format!("entity `{entity}` would have {count} properties"),
                format!("an entity has at most {MOST_PROPERTIES}"),
            ),
            Wrong::Version { expected, current } => {
                let reason = format!("entity `{entity}` is at version {}, not {expected}", current.version);
                found = Some(Box::new(current));
                ("version_conflict", reason, CONFLICT_HINT.to_owned())
            }
        };
        let WriteOrder { source, id, .. } = order;
        Refused { source, id, code: Sym::new(code), reason, hint, current: found }
    }
}

/// The body of an entity that the world declares. Properties that are not scalars are left out
/// (`worldflow check` refuses them).
#[must_use]
pub fn declared(def: &EntityDef) -> EntityBody {
    let tags = def.tags.iter().map(|tag| Sym::new(tag)).collect();
    let properties = (def.properties.iter())
        .filter_map(|(name, value)| Some((Sym::new(name), Value::from_json(value)?)))
        .collect();
    in_order(EntityBody { kind: Sym::new(&def.kind), tags, properties })
}

/// The body of an upsert.
pub(super) fn upserted(body: EntityBody) -> Result<EntityBody, Wrong> {
    if !KINDS.contains(&body.kind.as_str()) {
        return Err(Wrong::UnknownKind(body.kind));
    }
    bounded(in_order(body))
}

/// The present body with a merge: properties set or removed, then tags removed, then tags added.
pub(super) fn merged(
    present: &EntityBody,
    properties: Vec<(Sym, Value)>,
    add_tags: Vec<Sym>,
    remove_tags: &[Sym],
) -> Result<EntityBody, Wrong> {
    let mut body = present.clone();
    body.properties.extend(properties);
    body.tags.retain(|tag| !remove_tags.contains(tag));
    body.tags.extend(add_tags);
    bounded(in_order(body))
}

/// Tags sorted, without repeats; properties sorted, of a name the last, without nulls.
fn in_order(mut body: EntityBody) -> EntityBody {
    body.tags.retain(|tag| !tag.is_none());
    body.tags.sort_by(|a, b| a.cmp_text(*b));
    body.tags.dedup();
    body.properties.sort_by(|a, b| a.0.cmp_text(b.0));
    body.properties.reverse();
    // The sort is stable, so after the reversal the last of a name comes first.
    body.properties.dedup_by_key(|(name, _)| *name);
    body.properties.reverse();
    body.properties.retain(|(_, value)| *value != Value::Null);
    body
}

fn bounded(body: EntityBody) -> Result<EntityBody, Wrong> {
    if body.tags.len() > MOST_TAGS {
        return Err(Wrong::TooManyTags(body.tags.len()));
    }
    if body.properties.len() > MOST_PROPERTIES {
        return Err(Wrong::TooManyProperties(body.properties.len()));
    }
    Ok(body)
}

/// Tags as a JSON list.
pub(super) fn tags_json(tags: &[Sym]) -> Value {
    let list: Vec<Json> = tags.iter().map(|tag| tag.as_str().into()).collect();
    Value::text(&Json::Array(list).to_string())
}

/// Properties as a JSON map, in the order of their names.
pub(super) fn properties_json(properties: &[(Sym, Value)]) -> Value {
    let map: serde_json::Map<String, Json> =
        properties.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_json())).collect();
    Value::text(&Json::Object(map).to_string())
}
