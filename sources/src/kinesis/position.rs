//! Where the reading of a shard goes on, as the journal keeps it.

use std::fmt;

use worldflow_schemas::ArcStr;

/// Where the reading of a shard goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// At the oldest record that is kept.
    Horizon,
    /// At what comes from now on; after a restart, at what came since then, in UTC milliseconds.
    Latest(i64),
    /// At the first record that came at this UTC millisecond or later.
    At(i64),
    /// After the record with this sequence number.
    After(ArcStr),
    /// Nowhere: the shard is closed, and read to its end.
    End,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Horizon => f.write_str("horizon"),
            Position::Latest(ms) => write!(f, "latest:{ms}"),
            Position::At(ms) => write!(f, "at:{ms}"),
            Position::After(sequence) => write!(f, "after:{sequence}"),
            Position::End => f.write_str("end"),
        }
    }
}

impl Position {
    /// Reads what an earlier run wrote. What was the latest then is a moment now.
    pub(super) fn parse(text: &str) -> Option<Position> {
        Some(match text.split_once(':') {
            None if text == "horizon" => Position::Horizon,
            None if text == "end" => Position::End,
            Some(("latest" | "at", ms)) => Position::At(ms.parse().ok()?),
            Some(("after", sequence)) => Position::After(sequence.into()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for position in [Position::Horizon, Position::At(7), Position::After("4957".into()), Position::End] {
            assert_eq!(Position::parse(&position.to_string()), Some(position));
        }
        assert_eq!(Position::parse(&Position::Latest(7).to_string()), Some(Position::At(7)));
        for odd in ["", "begin", "at:soon", "behind:7"] {
            assert_eq!(Position::parse(odd), None, "{odd}");
        }
    }
}
