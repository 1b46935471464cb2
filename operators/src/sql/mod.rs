//! Views that designers write in SQL: from text to typed plans, and plans to dataflows.
//!
//! `text ─parse→ statements ─query, select, from, resolve→ plan ─run→ collections`. A plan's names and types are
//! settled, and every problem has a place and says what to write instead. `docs/sql.md` is the contract. Reading
//! files, and what a view is elsewhere, is not known here.

mod bounds;
mod calls;
mod conditions;
mod constants;
mod error;
mod events;
mod explain;
mod expr;
mod from;
mod functions;
mod growth;
mod kind;
mod like;
mod literals;
pub mod live;
mod origin;
mod packed;
mod parse;
mod plan;
mod query;
mod resolve;
pub mod run;
mod scope;
mod select;
mod sizes;
mod subquery;
mod typed;
mod view;

pub use error::SqlError;
pub(crate) use events::{Attribute, Kept, Readable, attributes, kind_of};
pub use events::{EVENTS, world_relations};
pub use explain::{KeptFor, explain, explain_kept};
pub use functions::names as function_names;
pub use kind::{Column, Kind, Relation};
pub(crate) use live::planned;
pub use origin::{Compared, Origin};
pub use packed::Packed;
pub use parse::MAX_TEXT;
pub use plan::{Node, Op};
pub(crate) use sizes::{Gauge, Stage};
pub use sizes::{Gauges, Size, Sizes};
pub use view::{MAX_VIEWS, Relations, View, catalog_relations, plan, plan_query, plan_query_over, relation};
