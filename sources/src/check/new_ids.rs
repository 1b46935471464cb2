//! How many ids a player may make known.
//!
//! An id that is known stays so while the process runs. Game servers are trusted to name players and
//! things; a player's token is in the hands of a stranger, who must not fill the table.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use worldflow_engine::admission::Refusal;
use worldflow_schemas::Sym;

use super::{Sender, fields, refuse};
use crate::tokens::Role;

/// The most new ids of one player.
pub const MOST_NEW_IDS: u32 = 256;

/// The new ids of each player.
#[derive(Debug, Default)]
pub(super) struct NewIds {
    made: Mutex<FxHashMap<Sym, u32>>,
}

impl NewIds {
    /// The id of a text that somebody sent.
    pub(super) fn intern(&self, path: &str, text: &str, sender: &Sender) -> Result<Sym, Refusal> {
        if sender.role != Role::Player {
            return fields::intern(text);
        }
        if let Some(known) = Sym::find(text) {
            return Ok(known);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry(sender.source).or_insert(0);
        if *made >= MOST_NEW_IDS {
            return Err(refuse(
                "too_many_ids",
                path,
                format!("`{}` has named {MOST_NEW_IDS} ids that nobody had used before", sender.subject),
                "what a player writes belongs into a text attribute",
            ));
        }
        *made += 1;
        fields::intern(text)
    }
}
