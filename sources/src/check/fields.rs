//! The rules for single fields: ids, texts, times, amounts, attributes.

use worldflow_engine::admission::Refusal;
use worldflow_schemas::definitions::AttributeKind;
use worldflow_schemas::{Sym, Value, sealed};

use super::{Field, MOST_AHEAD_MS, MOST_ID_BYTES, MOST_PAST_MS, MOST_TEXT_BYTES, quote, refuse};

/// An id, checked; absent when empty.
pub(crate) fn optional_id<'f>(path: &str, field: &'f Field<'_>) -> Result<Option<&'f str>, Refusal> {
    match field {
        Field::Absent => Ok(None),
        Field::Text(text) if text.is_empty() => Ok(None),
        Field::Text(text) => id_text(path, text).map(Some),
        other => Err(refuse("wrong_type", path, format!("is {}", other.kind()), "it must be text")),
    }
}

/// Checks the length and the characters of an id.
pub(crate) fn id_text<'t>(path: &str, text: &'t str) -> Result<&'t str, Refusal> {
    if text.len() > MOST_ID_BYTES {
        let reason = format!("{} bytes where at most {MOST_ID_BYTES} may be", text.len());
        return Err(refuse("id_too_long", path, reason, "use a short stable id, not a text"));
    }
    let surrounded = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if surrounded || text.chars().any(char::is_control) {
        return Err(refuse(
            "invalid_characters",
            path,
            format!("{} has control characters, or space around it", quote(text)),
            "letters, digits and `- _ . :` are always fine",
        ));
    }
    Ok(text)
}

/// An id of a player or a group, which becomes part of the ids of grants.
pub(crate) fn holder_text<'t>(path: &str, text: &'t str) -> Result<&'t str, Refusal> {
    if text.contains('/') {
        return Err(refuse(
            "invalid_characters",
            path,
            format!("{} has a `/`, which separates the parts of a grant's id", quote(text)),
            "letters, digits and `- _ . :` are always fine",
        ));
    }
    id_text(path, text)
}

pub(crate) fn intern(text: &str) -> Result<Sym, Refusal> {
    Sym::try_new(text).ok_or_else(|| {
        refuse(
            "too_many_ids",
            "",
            format!("this process already holds {} different ids", worldflow_schemas::sym::MAX_SYMBOLS),
            "an id that is new with every event belongs into a text attribute",
        )
    })
}

/// When it happened: UTC milliseconds or RFC 3339; now, when absent, for a live source.
pub(crate) fn at_ms(field: &Field<'_>, now_ms: Option<i64>) -> Result<i64, Refusal> {
    let forms = "write RFC 3339, \"2026-03-01T12:00:00Z\", or UTC milliseconds as a whole number";
    let bad = |reason: String| refuse("bad_time", "at", reason, forms);
    let at_ms = match field {
        Field::Absent => {
            return now_ms
                .ok_or_else(|| refuse("missing_time", "at", "a recorded event needs a time", forms));
        }
        Field::Int(ms) => *ms,
        Field::Text(text) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => at.as_millisecond(),
            Err(_) => return Err(bad(format!("{} is not a time", quote(text)))),
        },
        other => return Err(bad(format!("is {}", other.kind()))),
    };
    if jiff::Timestamp::from_millisecond(at_ms).is_err() {
        return Err(bad(format!("{at_ms} ms is beyond the calendar")));
    }
    match now_ms {
        Some(now_ms) if at_ms < now_ms.saturating_sub(MOST_PAST_MS) => Err(refuse(
            "too_old",
            "at",
            format!(
                "happened {} s ago, and at most {} s may be",
                (now_ms - at_ms) / 1_000,
                MOST_PAST_MS / 1_000
            ),
            "replay older events from a recording",
        )),
        Some(now_ms) if at_ms > now_ms.saturating_add(MOST_AHEAD_MS) => Err(refuse(
            "too_far_ahead",
            "at",
            format!(
                "is {} s in the future, and at most {} s may be",
                (at_ms - now_ms) / 1_000,
                MOST_AHEAD_MS / 1_000
            ),
            "check the sender's clock, or leave `at` out",
        )),
        _ => Ok(at_ms),
    }
}

pub(crate) fn amount(kind_name: Sym, most: u32, field: &Field<'_>) -> Result<i64, Refusal> {
    let amount = match field {
        Field::Absent => 1,
        Field::Int(amount) => *amount,
        Field::Dec(amount) if *amount <= 0.0 => -1,
        Field::Dec(amount) if *amount >= f64::from(u32::MAX) => i64::MAX,
        other => {
            let reason = match other {
                Field::Dec(_) => "is a fraction",
                other => other.kind(),
            };
            return Err(refuse("wrong_type", "amount", reason, "it must be a whole number, at least 1"));
        }
    };
    if amount < 1 {
        let reason = "an amount is at least 1";
        return Err(refuse(
            "not_positive",
            "amount",
            reason,
            "what is taken back is an event of another kind",
        ));
    }
    if amount > i64::from(most) {
        return Err(refuse(
            "amount_too_large",
            "amount",
            format!("an event of kind `{kind_name}` may have an amount of at most {most}"),
            "raise max_amount of the kind in world.yaml, or send several events",
        ));
    }
    Ok(amount)
}

pub(crate) fn attribute(
    path: &str,
    holds: AttributeKind,
    field: &Field<'_>,
    intern: impl Fn(&str, &str) -> Result<Sym, Refusal>,
) -> Result<Option<Value>, Refusal> {
    let wrong = |wanted: &str| {
        Err(refuse("wrong_type", path, format!("is {}", field.kind()), format!("it must be {wanted}")))
    };
    Ok(Some(match (holds, field) {
        (_, Field::Absent) => return Ok(None),
        (AttributeKind::Number, Field::Int(number)) => Value::Int(*number),
        (AttributeKind::Number, Field::Dec(number)) => match Value::from_f64(*number) {
            Some(value) => value,
            None => return Err(refuse("out_of_range", path, "the number is too large", "stay within 9e12")),
        },
        (AttributeKind::Number, _) => return wrong("a number"),
        (AttributeKind::Bool, Field::Bool(value)) => Value::Bool(*value),
        (AttributeKind::Bool, _) => return wrong("true or false"),
        (AttributeKind::Id, Field::Text(text)) => Value::id(intern(path, id_text(path, text)?)?),
        (AttributeKind::Id, _) => return wrong("an id"),
        (AttributeKind::Text, Field::Text(text)) => Value::text(written(path, text)?),
        (AttributeKind::Text, _) => return wrong("text"),
    }))
}

/// As [`written`], of a text that is kept plain: what looks sealed would be opened on its way out. An id is shorter
/// than anything sealed.
pub(crate) fn long_text<'t>(path: &str, text: &'t str) -> Result<&'t str, Refusal> {
    if sealed::is_in(text) {
        let reason = format!("`{}` marks what is sealed, and nobody sends that", sealed::MARK);
        return Err(refuse("reserved_text", path, reason, "write it otherwise"));
    }
    written(path, text)
}

/// Checks the length and the characters of free text.
pub(crate) fn written<'t>(path: &str, text: &'t str) -> Result<&'t str, Refusal> {
    if text.len() > MOST_TEXT_BYTES {
        let reason = format!("{} bytes where at most {MOST_TEXT_BYTES} may be", text.len());
        return Err(refuse("text_too_long", path, reason, "cut it before it is sent"));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t') {
        return Err(refuse(
            "invalid_characters",
            path,
            "has control characters",
            "strip them before it is sent",
        ));
    }
    Ok(text)
}
