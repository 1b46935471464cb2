//! What a realm keeps of its past: `journal:` and `grants:` in the world file.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::span::Span;

/// What journal and snapshots keep beyond what a restart needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalDef {
    /// Any tick of this much of the past can be rebuilt; real time.
    pub keep: Span,
    /// As far as journal and snapshots together then take no more than this.
    pub at_most: Size,
    /// A snapshot is published at most this long after a change; real time.
    pub snapshot_every: Span,
    /// A segment of the journal is closed when it is larger than this.
    pub segment: Size,
}

impl Default for JournalDef {
    fn default() -> JournalDef {
        JournalDef {
            keep: Span { ms: 7 * 86_400_000, world: false },
            at_most: Size { bytes: 2_000_000_000 },
            snapshot_every: Span { ms: 60_000, world: false },
            segment: Size { bytes: 64_000_000 },
        }
    }
}

/// What is kept of grants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrantsDef {
    /// A grant that has been answered stays in `grants` for so long from then on, and is then added up in `past_grants`;
    /// real time.
    pub keep: Span,
}

impl Default for GrantsDef {
    fn default() -> GrantsDef {
        GrantsDef { keep: Span { ms: 90 * 86_400_000, world: false } }
    }
}

/// An amount of bytes: `500 MB`, `2 GB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Size {
    /// Bytes.
    pub bytes: u64,
}

const UNITS: [(&str, u64); 5] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let wrong = || format!("`{text}` is not an amount of bytes; write for example `500 MB` or `2 GB`");
        let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.trim().split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        Ok(Size { bytes: number.checked_mul(*factor).ok_or_else(wrong)? })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, factor) =
            UNITS.iter().find(|(_, factor)| self.bytes.is_multiple_of(*factor)).unwrap_or(&("B", 1));
        write!(f, "{} {name}", self.bytes / factor)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An amount of bytes: `500 MB`, `2 GB`; a kB is 1000 bytes.",
            "pattern": r"^\s*\d+\s*(TB|GB|MB|kB|B)\s*$",
            "examples": ["500 MB", "2 GB"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print() {
        for (text, bytes) in
            [("2 GB", 2_000_000_000), ("500MB", 500_000_000), ("1 TB", 1_000_000_000_000), ("7 B", 7)]
        {
            let size: Size = text.parse().expect("a size");
            assert_eq!(size.bytes, bytes, "{text}");
            assert_eq!(size.to_string().parse(), Ok(size), "{text}");
        }
        for wrong in ["", "GB", "5", "5 GiB", "-1 MB", "99999999999999 TB"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
