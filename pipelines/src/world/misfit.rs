//! Why a value does not fit its type, in the words of whoever writes worlds.

use std::fmt;

use serde::de::{Expected, Unexpected};

use worldflow_schemas::definitions::SPAN;

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
    /// Which.
    pub(super) field: Option<&'static str>,
    /// From the node outwards.
    pub(super) path: Vec<String>,
}

impl Misfit {
    pub(super) fn new(message: String, hint: Option<String>) -> Misfit {
        Misfit { message, hint, place: None, missing: false, field: None, path: Vec::new() }
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
        let message = message.to_string();
        // Types say with what is wrong what to write.
        match message.split_once("; write ") {
            Some((wrong, right)) => Misfit::new(wrong.to_owned(), Some(format!("write {right}"))),
            None => Misfit::new(message, None),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Misfit {
        let (found, expected) = (found_text(unexpected), expected_text(&expected.to_string()));
        let hint = instead(unexpected, &expected);
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
            field: Some(field),
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

/// What to write instead of what was found.
fn instead(found: Unexpected<'_>, expected: &str) -> Option<String> {
    let whole = expected.starts_with("a whole number");
    match (expected, found) {
        (SPAN, Unexpected::Unsigned(n)) => Some(format!("say of what: `{n}s`, `{n}m` or `{n}h`")),
        (SPAN, Unexpected::Signed(n)) if n >= 0 => Some(format!("say of what: `{n}s`, `{n}m` or `{n}h`")),
        (SPAN, _) => Some("write for example `90s`, `1h30m` or `6h world`".to_owned()),
        (
            "text",
            Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_),
        ) => Some("put it in quotes".to_owned()),
        ("a list", Unexpected::Map) => {
            Some("write it as a list: `[{...}]`, or with `- ` in front of each".to_owned())
        }
        ("a list", Unexpected::Str(text)) if is_name(text) => Some(format!("write it as a list: `[{text}]`")),
        ("a list", _) => Some("write it as a list: `[...]`, or with `- ` in front of each".to_owned()),
        ("`true` or `false`", _) => Some("write `true` or `false`".to_owned()),
        (_, Unexpected::Signed(n)) if whole && n < 0 => Some("write 0 or more".to_owned()),
        (_, Unexpected::Float(n)) if whole && n.fract() == 0.0 => Some(format!("write `{n}`")),
        (_, Unexpected::Float(_)) if whole => Some("write it without a fraction".to_owned()),
        (_, Unexpected::Str(text)) if expected.contains("number") => {
            number(text).or_else(|| Some("write it in digits, such as `3`".to_owned()))
        }
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 60 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
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
