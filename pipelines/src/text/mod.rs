//! Texts that players read, in every language of a world.
//!
//! `a world's files ─sources→ Texts ◀─translations─ text/<locale>.yaml`, and from them tables for games, files for
//! translators, and what `check` says. Texts are ICU MessageFormat; worldflow puts no values into them but for a preview,
//! and nothing of the graph depends on them.

mod agree;
mod exchange;
mod file;
mod format;
mod locale;
mod message;
mod parser;
pub mod po;
mod routes;
pub mod string_table;
mod table;
mod texts;

pub use agree::{Disagreement, disagreements, faults};
pub use exchange::{Arrival, Taken, of_po, of_rows};
pub use file::with as file_with;
pub use format::{FormatError, Values, format};
pub use locale::Locale;
pub use message::{Argument, Case, Category, DateStyle, Kind, Message, NumberStyle, Part, Plural, When};
pub use parser::{MAX_BYTES, MAX_DEPTH, MAX_PARTS, MessageError, parse};
pub use routes::text_router;
pub use table::{Entry, Shown, Table};
pub use texts::{Counts, OF_NOTHING, Source, State, Texts, Translation, hash};
