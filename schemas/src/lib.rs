//! The vocabulary of worldflow: ids, ticks, values, rows, events, inputs, the view catalog, and the
//! definitions that designers write.
//!
//! Everything here is plain data. No room below this one in the dependency order knows how the data
//! is computed, stored or sent.

pub mod base;
pub mod catalog;
pub mod chance;
pub mod change;
pub mod definitions;
pub mod event;
pub mod input;
pub mod proto_rows;
pub mod row;
pub mod sealed;
pub mod sym;
pub mod tick;
pub mod value;
pub mod wire_hash;

pub use arcstr::ArcStr;
pub use change::{Change, Diff, ViewChange};
pub use event::{Event, EventId};
pub use input::{Command, Input};
pub use row::Row;
pub use sym::Sym;
pub use tick::Tick;
pub use value::Value;
