//! Live edits: what differs between two worlds, what would come of it, and how a running realm takes it.
//!
//! `folder ─difference→ plan ─consequences, on a copy→ what would come of it`, and `plan ─apply→ one tick`.
//! What an edit means is the graph's business; here it is only found, foreseen and handed over.

mod arcs;
mod consequences;
mod difference;
mod editing;
mod files;
mod plan;
mod routes;
mod standing;
mod text;
mod watch;

pub use arcs::OfArc;
pub use consequences::{
    Consequences, Counted, FORESEEN_TICKS, FactNow, Foresee, Grants, OfQuest, Restart, foresee,
};
pub use difference::{Change, Changed, Difference};
pub use editing::{Applied, ApplyError, Editing, start_revision};
pub use files::{Files, FilesError};
pub use plan::{Plan, PlanError};
pub use routes::{Editable, edit_router};
pub(crate) use routes::{MOST_FOLDER_BYTES, size};
pub use text::text;
pub use watch::{Watching, watch};
