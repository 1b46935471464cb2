//! Grants that are over: what leaves the view `grants` goes on in a table that nobody empties.
//!
//! A row leaves the view when it has been answered and has stood as it is for `grants.keep`. The transaction that takes it
//! out of the table `grants` writes it here, as it was, with the lineage of the journal that it was granted in: another
//! lineage may write the same ids. The sink never reads the table, nor changes or removes what it has written.

use std::sync::LazyLock;

use worldflow_schemas::catalog::{Column, ColumnType, GRANTS, ViewDef};

use super::cell::{Cell, Cells};

/// The table. No designer's view can be called that.
pub(super) const TABLE: &str = "worldflow_old_grants";

/// Where the lineage stands among the columns: behind the key of `grants`, as the last of its own.
static LINEAGE: LazyLock<usize> = LazyLock::new(|| GRANTS.def().key);

/// The table as if it were a view's: the columns of `grants`, and the lineage.
pub(super) static DEF: LazyLock<ViewDef> = LazyLock::new(|| {
    let grants = GRANTS.def();
    let mut columns = grants.columns.to_vec();
    let doc = "The lineage of the journal in which it was granted, as in `worldflow_frontier`.";
    columns.insert(*LINEAGE, Column { name: "epoch", kind: ColumnType::Int, doc });
    ViewDef {
        name: TABLE,
        key: grants.key + 1,
        columns: columns.leak(),
        filters: &[],
        deterministic: true,
        doc: "Answered grants that have left `grants`, as they were.",
    }
});

/// A row of `grants` as a row of the table.
pub(super) fn row(mut grant: Cells, epoch: u64) -> Cells {
    grant.insert(*LINEAGE, Cell::Int(epoch.cast_signed()));
    grant
}

/// Whether an answer to the grant was waited for when it was last seen.
pub(super) fn is_open(grant: &[Cell]) -> bool {
    let status = GRANTS.def().column("status").and_then(|column| grant.get(column));
    matches!(status, Some(Cell::Text(status)) if matches!(&**status, "pending" | "clawback"))
}
