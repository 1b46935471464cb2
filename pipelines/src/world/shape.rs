//! Trees to definitions, with every problem of shape and not only the first.
//!
//! A definition's serde type is read from its tree. Unknown keys and repeated keys are noted without stopping; what is done about
//! the rest is [`super::reading`]'s.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Visitor};

use worldflow_schemas::definitions::expression::ExpressionError;

use super::choice::Variant;
use super::expression;
use super::misfit::{Misfit, expected_text, listed, number, one_of};
use super::node::{Key, Node, NodeValue};
use super::problem::{Place, hint};
use super::reading::STAND_IN;
use crate::secrets::{is_secret_key, masked};

/// A key that is none, since YAML elsewhere reads it as `true`, and what each map says instead.
const ON: &str = "on";
const INSTEAD_OF_ON: [&str; 2] = ["trigger", "changed_by"];

/// The states of quests.
pub(super) const STATES: [&str; 9] =
    ["hidden", "available", "offered", "active", "ready", "done", "failed", "expired", "abandoned"];

/// What an item of a list is called, which has no key.
pub(super) const ITEM: &str = "-";

/// Something that does not fit the type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShapeProblem {
    pub(crate) place: Place,
    /// The node or key that it is about; nothing for a key that is missing in the definition itself, where nothing is lost with it.
    pub(crate) about: Option<Place>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// A node to be read.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    /// The place of its key, if it is in a map: where missing keys are reported.
    pub(super) key: Option<Place>,
    pub(super) name: &'a str,
    pub(super) notes: &'a RefCell<BTreeSet<ShapeProblem>>,
}

impl<'a> At<'a> {
    fn note(&self, place: Place, message: String, hint: String) {
        let problem = ShapeProblem { place, about: Some(place), message, hint: Some(hint) };
        self.notes.borrow_mut().insert(problem);
    }

    /// Gives an error that arose here its place, and serde's own words better ones.
    fn placed<T>(self, result: Result<T, Misfit>) -> Result<T, Misfit> {
        result.map_err(|mut error| {
            if error.place.is_none() {
                error.place =
                    Some(if error.missing { self.key.unwrap_or(self.node.place) } else { self.node.place });
                if error.message.contains("untagged enum") {
                    self.reword(&mut error);
                }
            }
            error
        })
    }

    fn reword(self, error: &mut Misfit) {
        if error.message.contains("enum Amount") {
            let (found, hint) = match &self.node.value {
                NodeValue::Text(text) => (format!(", found the text `{text}`"), number(text)),
                _ => (String::new(), None),
            };
            error.message = format!("expected a number, a column or bounds{found}");
            let otherwise = "write `3`, `{column: amount}` or `{between: [1, 6]}`";
            error.hint = Some(hint.unwrap_or_else(|| otherwise.to_owned()));
            return;
        }
        if error.message.contains("enum MoneyDef") {
            error.message = "expected an amount of money".to_owned();
            let number = if let NodeValue::Text(text) = &self.node.value { number(text) } else { None };
            let otherwise = "write `20`, or `{fact: gold_money}` of a number fact of the realm";
            error.hint = Some(number.unwrap_or_else(|| otherwise.to_owned()));
            return;
        }
        let texts = match &self.node.value {
            NodeValue::List(items) => items.iter().collect(),
            _ => vec![self.node],
        };
        error.message = "expected a name or a list of names".to_owned();
        error.hint =
            Some("write `wolf` or `[wolf, bear]`; a name that looks like a number needs quotes".to_owned());
        for node in texts {
            if let NodeValue::Text(text) = &node.value
                && !STATES.contains(&text.as_str())
            {
                // Lists of plain names take any text, so this one is a list of states of quests.
                error.place = Some(node.place);
                error.message = format!("unknown state of a quest `{text}`");
                error.hint = Some(hint(text, STATES, &one_of(&STATES)));
                return;
            }
        }
    }

    pub(super) fn child(self, node: &'a Node, key: Option<&'a Key>) -> At<'a> {
        At { node, key: key.map(|key| key.place), name: key.map_or(ITEM, |key| &key.text), notes: self.notes }
    }

    /// What is here, unless it is a tag, or nothing: then `wanted` says what to write.
    fn there(self, wanted: impl FnOnce() -> String) -> Result<(), Misfit> {
        if self.stands_in() {
            return Ok(());
        }
        let (message, hint) = match &self.node.value {
            NodeValue::Tag(tag) => {
                let message = format!("`{tag}` is a tag of YAML, and says nothing here");
                let hint = match tag.trim_matches(['!', ':']) {
                    name if tag.starts_with("!!") || name.is_empty() => {
                        "remove it; what stands in quotes is text".to_owned()
                    }
                    name => format!(
                        "a condition says `not {name}`; a text that begins with `!` needs quotes: `'!{name}'`"
                    ),
                };
                (message, hint)
            }
            NodeValue::Null if self.node.is_blank() && self.name == ITEM => {
                ("an item of this list is empty".to_owned(), "write it, or remove its `-`".to_owned())
            }
            NodeValue::Null if self.node.is_blank() && self.key.is_some() => {
                let message = format!("`{}` has nothing behind it", self.name);
                (message, format!("write {}, or delete the line", wanted()))
            }
            _ => return Ok(()),
        };
        let place = if self.node.is_blank() { self.key } else { None };
        Err(Misfit { place: Some(place.unwrap_or(self.node.place)), ..Misfit::new(message, Some(hint)) })
    }

    /// Whether it stands for something that is missing.
    fn stands_in(self) -> bool {
        matches!(&self.node.value, NodeValue::Tag(tag) if tag == STAND_IN)
    }

    /// The entries without repeats, which are noted, and, where the keys are known, without others.
    fn entries(self, fields: Option<&'static [&'static str]>) -> Vec<&'a (Key, Node)> {
        let mut kept: Vec<&(Key, Node)> = Vec::new();
        let mut seen: std::collections::HashMap<&str, u32> = std::collections::HashMap::new();
        for entry in self.node.entries() {
            let key = &entry.0;
            if let Some(first) = seen.get(key.text.as_str()) {
                let hint = format!("it is given first in line {first}; keep one of the two");
                self.note(key.place, format!("`{}` is given twice", key.text), hint);
                continue;
            }
            seen.insert(&key.text, key.place.line);
            match fields {
                Some(fields) if instead(&key.text, fields).is_some() => {
                    let name = instead(&key.text, fields).unwrap_or_default();
                    let why = format!("write `{name}:`; what YAML reads as true or false is no key");
                    self.note(key.place, format!("`{ON}:` is now `{name}:`"), why);
                    if self.node.get(name).is_none() {
                        kept.push(entry);
                    }
                }
                Some(fields) if !fields.contains(&key.text.as_str()) => {
                    let fields: Vec<&str> = fields.iter().copied().filter(|field| *field != ON).collect();
                    let hint = hint(&key.text, fields.iter().copied(), &one_of(&fields));
                    self.note(key.place, format!("unknown key `{}`", masked(&key.text)), hint);
                }
                _ => kept.push(entry),
            }
        }
        kept
    }

    fn map<'de, V: Visitor<'de>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let entries = self.entries(fields).into_iter();
        self.placed(visitor.visit_map(Entries { at: self, fields, entries, value: None }))
    }
}

impl At<'_> {
    /// A condition that is one text is read as the map that says the same.
    fn expression<'de, V: Visitor<'de>>(
        self,
        text: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match expression::read(text, self.node) {
            Ok(parsed) => {
                parsed.wrong.into_iter().for_each(|error| self.note_within(text, error));
                let at = At { node: &parsed.tree, key: self.key, name: self.name, notes: self.notes };
                // What is wrong within is wrong with the text as a whole: that is what can be cut out.
                at.map(Some(fields), visitor).map_err(|error| Misfit {
                    path: Vec::new(),
                    field: None,
                    ..error
                })
            }
            Err(wrong) => {
                let mut wrong = wrong.into_iter();
                let first = wrong.next();
                wrong.for_each(|error| self.note_within(text, error));
                let misfit = first.map(|error| Misfit {
                    place: Some(self.node.place_within(text, error.from, error.to)),
                    ..Misfit::new(error.message, Some(error.hint))
                });
                Err(misfit.unwrap_or_else(|| Misfit::new("this is no condition".to_owned(), None)))
            }
        }
    }

    /// Notes what is wrong with a part of a text.
    fn note_within(self, text: &str, error: ExpressionError) {
        let place = self.node.place_within(text, error.from, error.to);
        let (message, hint) = (error.message, Some(error.hint));
        let about = Some(self.node.place);
        self.notes.borrow_mut().insert(ShapeProblem { place, about, message, hint });
    }
}

/// What is to be written instead of `on`, in a map with these keys.
fn instead(key: &str, fields: &[&'static str]) -> Option<&'static str> {
    let known = |name: &&str| fields.contains(name);
    if key == ON { INSTEAD_OF_ON.into_iter().find(known) } else { None }
}

struct Entries<'a, I> {
    at: At<'a>,
    fields: Option<&'static [&'static str]>,
    entries: I,
    value: Option<&'a (Key, Node)>,
}

impl<'de, 'a, I: Iterator<Item = &'a (Key, Node)>> MapAccess<'de> for Entries<'a, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let instead = self.fields.and_then(|fields| instead(&key.text, fields));
        let key_text: StrDeserializer<'_, Misfit> = StrDeserializer::new(instead.unwrap_or(&key.text));
        seed.deserialize(key_text).map(Some).map_err(|mut error| {
            error.place.get_or_insert(key.place);
            error.path.push(key.text.clone());
            error
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (key, node) = self.value.take().expect("serde asks for a value after its key");
        let at = self.at.child(node, Some(key));
        at.placed(seed.deserialize(at)).map_err(|mut error| {
            if is_secret_key(&key.text)
                && let Some((expected, _)) = error.message.split_once(", found ")
            {
                error.message = expected.to_owned();
            }
            error.path.push(key.text.clone());
            error
        })
    }
}

struct Items<'a> {
    at: At<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let at = self.at.child(node, None);
        at.placed(seed.deserialize(at)).map(Some).map_err(|mut error| {
            error.path.push(index.to_string());
            error
        })
    }
}

/// A number that is missing is 1: of 0 too many things are none.
macro_rules! numbers {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            if self.stands_in() { visitor.visit_u64(1) } else { self.deserialize_any(visitor) }
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.there(|| match expected_text(&(&visitor as &dyn Expected).to_string()) {
            any if any.starts_with("any ") => "its value".to_owned(),
            expected => expected,
        })?;
        let result = match &self.node.value {
            NodeValue::Null | NodeValue::Tag(_) => visitor.visit_unit(),
            NodeValue::Bool(b) => visitor.visit_bool(*b),
            NodeValue::Int(n) => match (i64::try_from(*n), u64::try_from(*n)) {
                (Ok(n), _) => visitor.visit_i64(n),
                (_, Ok(n)) => visitor.visit_u64(n),
                _ => Err(Misfit::new(format!("the number {n} is too large"), None)),
            },
            NodeValue::Float(n) => visitor.visit_f64(*n),
            NodeValue::Text(text) => visitor.visit_str(text),
            NodeValue::List(items) => visitor.visit_seq(Items { at: self, items: items.iter().enumerate() }),
            NodeValue::Map(_) => return self.map(None, visitor),
        };
        self.placed(result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.value {
            _ if self.stands_in() => visitor.visit_none(),
            NodeValue::Null if !self.node.is_blank() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.there(|| match name {
            "Condition" => format!("what must hold, as in `{}: {{phase: night}}`", self.name),
            _ => format!("what belongs to it below it, `{}: {{}}` if nothing does", self.name),
        })?;
        match &self.node.value {
            NodeValue::Text(text) if name == "Condition" => self.expression(text, fields, visitor),
            NodeValue::Map(_) => self.map(Some(fields), visitor),
            // `null` is an empty map.
            NodeValue::Null => self.map(Some(fields), visitor),
            _ if self.stands_in() => self.map(Some(fields), visitor),
            // Serde would take the items for the fields, one after the other.
            NodeValue::List(_) => {
                let hint =
                    format!("write it as a map with keys such as `{}:`", fields.first().unwrap_or(&""));
                self.placed(Err(Misfit::new("expected a map, found a list".to_owned(), Some(hint))))
            }
            NodeValue::Text(text) => {
                let secret = if masked(text) == *text {
                    ""
                } else {
                    ", and give what is secret by reference: `${NAME}`"
                };
                let key = fields.first().unwrap_or(&"");
                self.deserialize_any(visitor).map_err(|error| Misfit {
                    hint: Some(format!("write it as a map with keys such as `{key}:`{secret}")),
                    ..error
                })
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.there(|| "`key: ...` below it for each".to_owned())?;
        match &self.node.value {
            NodeValue::Map(_) | NodeValue::Null => self.map(None, visitor),
            _ if self.stands_in() => self.map(None, visitor),
            NodeValue::List(_) => {
                let hint =
                    "write `key: {...}` for each instead of `- {...}`: the key names it for good".to_owned();
                self.placed(Err(Misfit::new("expected a map by key, found a list".to_owned(), Some(hint))))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.there(|| listed(variants))?;
        let result = match &self.node.value {
            NodeValue::Text(name) => visitor.visit_enum(Variant { at: self, name, content: None }),
            _ if self.stands_in() => {
                let name = variants.first().unwrap_or(&"");
                visitor.visit_enum(Variant { at: self, name, content: None })
            }
            NodeValue::Map(entries) => match entries.as_slice() {
                [(key, content)] => {
                    let place = key.place;
                    let choice = Variant { at: self, name: &key.text, content: Some((key, content)) };
                    visitor.visit_enum(choice).map_err(|mut error| {
                        error.place.get_or_insert(place);
                        error
                    })
                }
                _ => Err(Misfit::new("expected exactly one key here".to_owned(), Some(one_of(variants)))),
            },
            _ => Err(Misfit::new("expected a choice".to_owned(), Some(one_of(variants)))),
        };
        self.placed(result)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.stands_in() { visitor.visit_bool(false) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.stands_in() { visitor.visit_str(STAND_IN) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.stands_in() {
            visitor.visit_seq(Items { at: self, items: [].iter().enumerate() })
        } else {
            self.deserialize_any(visitor)
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
