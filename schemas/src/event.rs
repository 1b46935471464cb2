//! Events: what happened in the game, as the graph sees it.

use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::sym::Sym;
use crate::value::Value;

/// The source of what rules do: of their events, and of what is refused of it. No other source has this name.
pub const RULES: &str = "rules";

/// The identity of an event within its source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EventId {
    /// No id was given: its position in the source (byte offset, line, sequence number).
    Position(u64),
    /// The id the producer gave.
    Named(ArcStr),
}

impl EventId {
    /// The position of an input that nobody has numbered: the sequencer gives it the next one of its
    /// source. Senders that share a source cannot number theirs in the order in which they are taken.
    pub const UNNUMBERED: u64 = u64::MAX;

    /// Whether the sequencer is to number it.
    #[must_use]
    pub fn is_unnumbered(&self) -> bool {
        *self == EventId::Position(EventId::UNNUMBERED)
    }
}

/// One admitted event. Kind, target, region and attributes have been checked against the world.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, UTC milliseconds.
    pub at_ms: i64,
    /// The producer, not the transport.
    pub source: Sym,
    /// Its id within the source.
    pub id: EventId,
    /// Who did it; [`Sym::NONE`] for an event without a player.
    pub player: Sym,
    /// What kind of event; declared in the world.
    pub kind: Sym,
    /// To what; [`Sym::NONE`] when absent.
    pub target: Sym,
    /// Where; [`Sym::NONE`] when absent (presence then says where the player is).
    pub region: Sym,
    /// How much; 1 unless said.
    pub amount: i64,
    /// Attributes, sorted by name text.
    pub with: Option<Arc<[(Sym, Value)]>>,
}

impl Event {
    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: Sym) -> Option<&Value> {
        self.with.as_ref()?.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The order in which events of one tick count where order matters: (at, source, id), by value.
    #[must_use]
    pub fn cmp_order(&self, other: &Event) -> std::cmp::Ordering {
        (self.at_ms.cmp(&other.at_ms))
            .then_with(|| self.source.cmp_text(other.source))
            .then_with(|| self.id.cmp(&other.id))
    }
}
