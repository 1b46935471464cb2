//! Spans of time: `30m`, `1h30m`, `2d`, `500ms`; real time unless `world` follows.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time. Real time unless it says `world`: `6h world`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// Milliseconds.
    pub ms: u64,
    /// Of world time instead of real time.
    pub world: bool,
}

/// What is expected where a span is to stand.
pub const SPAN: &str = "a span of time";

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || match text.trim() {
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                format!(
                    "`{digits}` is a span without a unit; write for example `{digits}s`, `{digits}m` or `{digits}h`"
                )
            }
            _ => {
                format!(
                    "`{text}` is not a span of time; write for example `90s`, `1h30m`, `2d` or `6h world`"
                )
            }
        };
        let (mut rest, world) = match text.trim().strip_suffix("world") {
            Some(rest) => (rest.trim(), true),
            None => (text.trim(), false),
        };
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut ms: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(wrong)?;
            rest = rest[letters..].trim_start();
            ms = number.checked_mul(*unit_ms).and_then(|n| ms.checked_add(n)).ok_or_else(wrong)?;
        }
        Ok(Span { ms, world })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.ms;
        if rest == 0 {
            f.write_str("0s")?;
        }
        for (name, unit_ms) in UNITS {
            if rest >= unit_ms {
                write!(f, "{}{name}", rest / unit_ms)?;
                rest %= unit_ms;
            }
        }
        if self.world { f.write_str(" world") } else { Ok(()) }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Written;
        impl serde::de::Visitor<'_> for Written {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SPAN)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_string(Written)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A span of time: `90s`, `1h30m`, `2d`; real time unless it ends in `world`.",
            "pattern": r"^\s*(\d+(w|d|h|m|s|ms)\s*)+(world)?\s*$",
            "examples": ["90s", "1h30m", "6h world"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print() {
        for (text, ms, world) in [
            ("90s", 90_000, false),
            ("1h30m", 5_400_000, false),
            ("6h world", 21_600_000, true),
            ("250ms", 250, false),
        ] {
            assert_eq!(text.parse(), Ok(Span { ms, world }), "{text}");
        }
        assert_eq!("90s".parse::<Span>().map(|span| span.to_string()), Ok("1m30s".to_owned()));
        for wrong in ["", "world", "5", "h", "3 parsecs", "99999999999999999999d", "1h-3m"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
