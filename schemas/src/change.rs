//! Changes: what flows out of the graph.

use crate::catalog::ViewId;
use crate::row::Row;
use crate::tick::Tick;

/// How many times a row is added (positive) or removed (negative).
pub type Diff = isize;

/// A row, the tick of the change, and its diff.
pub type Change<R = Row> = (R, Tick, Diff);

/// A change of a row of a view of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewChange {
    /// Which view.
    pub view: ViewId,
    /// The row.
    pub row: Row,
    /// The tick of the change.
    pub tick: Tick,
    /// Added or removed.
    pub diff: Diff,
}
