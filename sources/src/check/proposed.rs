//! An event as somebody proposes it, before anything about it is believed.
//!
//! JSON and protobuf both become this. Reading never fails on a field of the wrong kind: what is odd is
//! kept, so that the check can refuse that one event and say where.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use worldflow_proto::v1;
use worldflow_proto::v1::scalar::Kind;

/// A field as it came.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Field<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Dec(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list or a map, where only a value may stand.
    Nested,
}

impl Field<'_> {
    /// What kind of thing it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Field::Absent => "nothing",
            Field::Bool(_) => "true or false",
            Field::Int(_) | Field::Dec(_) => "a number",
            Field::Text(_) => "text",
            Field::Nested => "a list or a map",
        }
    }
}

/// What an event must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Odd<'a> {
    /// It is not an object.
    NotAnObject,
    /// It has a field that events do not have.
    UnknownField(Cow<'a, str>),
    /// It has a field twice.
    Twice(&'static str),
    /// Its `with` is not an object.
    WithNotAnObject,
    /// It has more attributes than any event may.
    TooManyAttributes,
}

/// A proposed event.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proposed<'a> {
    /// `id`
    pub id: Field<'a>,
    /// `at`
    pub at: Field<'a>,
    /// `player`
    pub player: Field<'a>,
    /// `kind`
    pub kind: Field<'a>,
    /// `target`
    pub target: Field<'a>,
    /// `amount`
    pub amount: Field<'a>,
    /// `region`
    pub region: Field<'a>,
    /// `with`
    pub with: Vec<(Cow<'a, str>, Field<'a>)>,
    /// The first thing about it that cannot be.
    pub odd: Option<Odd<'a>>,
}

/// The fields of an event, for hints.
pub const FIELDS: [&str; 8] = ["id", "at", "player", "kind", "target", "amount", "region", "with"];

/// The most attributes one event has.
pub(crate) const MOST_ATTRIBUTES: usize = 64;

impl<'a> Proposed<'a> {
    /// Reads the protobuf message.
    #[must_use]
    pub fn from_proto(event: &'a v1::Event) -> Proposed<'a> {
        let text = |text: &'a Option<String>| match text {
            Some(text) => Field::Text(Cow::Borrowed(text)),
            None => Field::Absent,
        };
        Proposed {
            id: text(&event.id),
            at: event.at.as_ref().map_or(Field::Absent, Field::from),
            player: text(&event.player),
            kind: Field::Text(Cow::Borrowed(&event.kind)),
            target: text(&event.target),
            amount: event.amount.map_or(Field::Absent, Field::Int),
            region: text(&event.region),
            with: event
                .with
                .iter()
                .take(MOST_ATTRIBUTES)
                .map(|(name, value)| (Cow::Borrowed(name.as_str()), Field::from(value)))
                .collect(),
            odd: (event.with.len() > MOST_ATTRIBUTES).then_some(Odd::TooManyAttributes),
        }
    }

    /// The id, when it is one, for reports.
    #[must_use]
    pub fn id_text(&self) -> Option<&str> {
        match &self.id {
            Field::Text(id) if id.len() <= super::MOST_ID_BYTES => Some(id),
            _ => None,
        }
    }

    fn field_mut(&mut self, name: &str) -> Option<(&'static str, &mut Field<'a>)> {
        Some(match name {
            "id" => ("id", &mut self.id),
            "at" => ("at", &mut self.at),
            "player" => ("player", &mut self.player),
            "kind" => ("kind", &mut self.kind),
            "target" => ("target", &mut self.target),
            "amount" => ("amount", &mut self.amount),
            "region" => ("region", &mut self.region),
            _ => return None,
        })
    }
}

impl<'a> From<&'a v1::Scalar> for Field<'a> {
    fn from(scalar: &'a v1::Scalar) -> Field<'a> {
        match &scalar.kind {
            None => Field::Absent,
            Some(Kind::Bool(value)) => Field::Bool(*value),
            Some(Kind::Int(value)) => Field::Int(*value),
            Some(Kind::Dec(value)) => Field::Dec(*value),
            Some(Kind::Text(value)) => Field::Text(Cow::Borrowed(value)),
        }
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Int(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers this large are refused by range alone")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Field::Dec(value as f64), Field::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Field::Dec(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Nested)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

/// The `with` of an event; `None` when it is not an object.
#[derive(Default)]
struct With<'a>(Option<Vec<(Cow<'a, str>, Field<'a>)>>);

struct WithVisitor;

impl<'de> Visitor<'de> for WithVisitor {
    type Value = With<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut with = Vec::new();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let value = map.next_value()?;
            if with.len() <= MOST_ATTRIBUTES {
                with.push((name, value));
            }
        }
        Ok(With(Some(with)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(With(Some(Vec::new())))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(With(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(With(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(With(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(With(None))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(With(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(With(None))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for With<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WithVisitor)
    }
}

/// Text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct ProposedVisitor;

impl<'de> Visitor<'de> for ProposedVisitor {
    type Value = Proposed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = Proposed::default();
        let mut with_seen = false;
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let odd = if name == "with" {
                let twice = std::mem::replace(&mut with_seen, true).then_some(Odd::Twice("with"));
                match map.next_value::<With<'de>>()?.0 {
                    Some(with) => event.with = with,
                    None => event.odd = event.odd.or(Some(Odd::WithNotAnObject)),
                }
                let many = (event.with.len() > MOST_ATTRIBUTES).then_some(Odd::TooManyAttributes);
                twice.or(many)
            } else if let Some((name, field)) = event.field_mut(&name) {
                let before = std::mem::replace(field, map.next_value()?);
                (before != Field::Absent).then_some(Odd::Twice(name))
            } else {
                map.next_value::<IgnoredAny>()?;
                Some(Odd::UnknownField(name))
            };
            event.odd = event.odd.or(odd);
        }
        Ok(event)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(not_an_object())
    }
}

fn not_an_object<'a>() -> Proposed<'a> {
    Proposed { odd: Some(Odd::NotAnObject), ..Proposed::default() }
}

impl<'de: 'a, 'a> Deserialize<'de> for Proposed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProposedVisitor)
    }
}
