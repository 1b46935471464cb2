//! The JSON of values: plain scalars, and lists in which one value may stand for a list of one.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::v1::scalar::Kind;
use crate::v1::{Scalar, Scalars};

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            None => serializer.serialize_unit(),
            Some(Kind::Bool(value)) => serializer.serialize_bool(*value),
            Some(Kind::Int(value)) => serializer.serialize_i64(*value),
            Some(Kind::Dec(value)) => serializer.serialize_f64(*value),
            Some(Kind::Text(value)) => serializer.serialize_str(value),
        }
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, true, false, a number or text")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
        Ok(Scalar { kind: None })
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar { kind: Some(Kind::Bool(value)) })
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar { kind: Some(Kind::Int(value)) })
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("number is too large"))?;
        self.visit_i64(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar { kind: Some(Kind::Dec(value)) })
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar { kind: Some(Kind::Text(value.to_owned())) })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl Serialize for Scalars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(serializer)
    }
}

struct ScalarsVisitor;

impl<'de> Visitor<'de> for ScalarsVisitor {
    type Value = Scalars;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalars, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Scalars { values })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalars, E> {
        ScalarVisitor.visit_unit().map(one)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalars, E> {
        ScalarVisitor.visit_bool(value).map(one)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalars, E> {
        ScalarVisitor.visit_i64(value).map(one)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalars, E> {
        ScalarVisitor.visit_u64(value).map(one)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalars, E> {
        ScalarVisitor.visit_f64(value).map(one)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalars, E> {
        ScalarVisitor.visit_str(value).map(one)
    }
}

fn one(value: Scalar) -> Scalars {
    Scalars { values: vec![value] }
}

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalars, D::Error> {
        deserializer.deserialize_any(ScalarsVisitor)
    }
}
