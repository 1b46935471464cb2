//! Choices in trees: a name alone, or a key with what belongs to it.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::misfit::Misfit;
use super::node::{Key, Node};
use super::shape::{At, ITEM};

/// A choice by name, with what belongs to it.
pub(super) struct Variant<'a> {
    pub(super) at: At<'a>,
    pub(super) name: &'a str,
    pub(super) content: Option<(&'a Key, &'a Node)>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Misfit;
    type Variant = Variant<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Misfit> {
        let name: StrDeserializer<'_, Misfit> = StrDeserializer::new(self.name);
        seed.deserialize(name).map(|variant| (variant, self))
    }
}

impl<'a> Variant<'a> {
    fn content(self) -> Result<At<'a>, Misfit> {
        match self.content {
            Some((key, node)) => Ok(self.at.child(node, Some(key))),
            None => Err(Misfit::new(
                format!("`{}` needs more", self.name),
                Some(format!("write it as a key with its settings: `{{{}: ...}}`", self.name)),
            )),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Misfit::new(
                format!("`{}` stands alone", self.name),
                Some(match self.at.name {
                    ITEM => format!("write `- {}`", self.name),
                    name => format!("write `{name}: {}`", self.name),
                }),
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        let name = self.name.to_owned();
        self.content().and_then(|at| in_variant(name, seed.deserialize(at)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        let name = self.name.to_owned();
        self.content().and_then(|at| in_variant(name, at.deserialize_any(visitor)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let name = self.name.to_owned();
        self.content().and_then(|at| in_variant(name, at.deserialize_struct("", fields, visitor)))
    }
}

fn in_variant<T>(name: String, result: Result<T, Misfit>) -> Result<T, Misfit> {
    result.map_err(|mut error| {
        error.path.push(name);
        error
    })
}
