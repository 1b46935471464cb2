//! Words that players and models write, as rules look at them: pure functions, the same for every edge.
//!
//! `text ─plain→ what may be shown` and `text ─fold→ words without their disguises ─find→ a banned term`. Nothing here
//! decides what becomes of a text, and nothing keeps one.

mod banned;
mod fold;
mod named;
mod plain;

pub use banned::{ANY, Banned, BannedError, MOST_TERM_BYTES, MOST_TERMS, Wanted};
pub use fold::{Folded, fold};
pub use named::is_named;
pub use plain::{Plain, plain};
