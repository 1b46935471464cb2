//! Why a value does not fit its type, in the words of whoever writes worlds.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::problem::{Place, hint};
use crate::secrets::masked;

/// Why a node does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) place: Option<Place>,
    /// A key is missing that should be here.
    pub(super) missing: bool,
    /// From the node outwards.
    pub(super) path: Vec<String>,
}

impl Misfit {
    pub(super) fn new(message: String, hint: Option<String>) -> Misfit {
        Misfit { message, hint, place: None, missing: false, path: Vec::new() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Misfit {
        Misfit::new(message.to_string(), None)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Misfit {
        let (found, expected) = (found_text(unexpected), expected_text(&expected.to_string()));
        let quotes = expected == "text" && (found.starts_with("the number") || found.starts_with("`"));
        let hint = match unexpected {
            Unexpected::Str(text) if expected.contains("number") => number(text),
            _ => quotes.then(|| "put it in quotes".to_owned()),
        };
        Misfit::new(format!("expected {expected}, found {found}"), hint)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Misfit {
        serde::de::Error::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Misfit {
        Misfit::new(format!("expected {expected}, found {length}"), None)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Misfit {
        let names = expected.iter().copied();
        let message = format!("unknown choice `{}`", masked(variant));
        Misfit::new(message, Some(hint(variant, names, &one_of(expected))))
    }

    fn missing_field(field: &'static str) -> Misfit {
        Misfit {
            missing: true,
            ..Misfit::new(format!("`{field}` is missing"), Some(format!("add `{field}:` here")))
        }
    }
}

pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing may be given here".to_owned(),
        _ => format!("it may be {}", listed(names)),
    }
}

pub(super) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        all => all.concat(),
    }
}

fn found_text(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(b) => format!("`{b}`"),
        Unexpected::Unsigned(n) => format!("the number {n}"),
        Unexpected::Signed(n) => format!("the number {n}"),
        Unexpected::Float(n) => format!("the number {n:?}"),
        Unexpected::Str(text) => {
            format!("the text `{}`", masked(text).chars().take(60).collect::<String>())
        }
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// How a text is written that is to be a number.
pub(super) fn number(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let zeros = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if zeros {
        let plain = digits.trim_start_matches('0');
        let plain = if plain.is_empty() { "0" } else { plain };
        return Some(format!("a number has no zeros in front: write `{sign}{plain}`"));
    }
    text.parse::<f64>().is_ok().then(|| "remove the quotes".to_owned())
}

pub(super) fn expected_text(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i64" | "i32" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a JSON number" => "a number".to_owned(),
        "a string" | "string" => "text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        other if other.starts_with("struct ") || other.contains("variant") => "a map".to_owned(),
        other => other.to_owned(),
    }
}
