//! The rows of a table, the same from either database.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row, Type};
use worldflow_schemas::catalog::{Column, ColumnType, ViewDef};

use super::cell::{Cell, Cells};
use super::table::Dialect;

/// What a column holds, as every database of ours decodes it.
pub(super) trait Held<DB: Database>: for<'r> Decode<'r, DB> + Type<DB> {}

impl<DB: Database, T: for<'r> Decode<'r, DB> + Type<DB>> Held<DB> for T {}

/// Calls `each` with every row of a realm.
pub(super) async fn read<'c, DB: Database>(
    connection: impl Executor<'c, Database = DB>,
    dialect: Dialect,
    view: &ViewDef,
    realm: &str,
    each: &mut (dyn FnMut(Cells) + Send),
) -> Result<(), sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
    usize: ColumnIndex<DB::Row>,
    String: for<'q> Encode<'q, DB> + Held<DB>,
    bool: Held<DB>,
    i64: Held<DB>,
    f64: Held<DB>,
{
    let sql = AssertSqlSafe(dialect.select(view));
    let mut rows = sqlx::query(sql).bind(realm.to_owned()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let cells: Result<Cells, sqlx::Error> =
            view.columns.iter().enumerate().map(|(place, column)| cell(&row, place, column)).collect();
        each(cells?);
    }
    Ok(())
}

fn cell<R: Row>(row: &R, place: usize, column: &Column) -> Result<Cell, sqlx::Error>
where
    usize: ColumnIndex<R>,
    String: Held<R::Database>,
    bool: Held<R::Database>,
    i64: Held<R::Database>,
    f64: Held<R::Database>,
{
    Ok(match column.kind {
        ColumnType::Bool => row.try_get::<Option<bool>, _>(place)?.map(Cell::Bool),
        ColumnType::Int | ColumnType::Tick | ColumnType::Time => {
            row.try_get::<Option<i64>, _>(place)?.map(Cell::Int)
        }
        ColumnType::Dec => row.try_get::<Option<f64>, _>(place)?.map(Cell::float),
        ColumnType::Text | ColumnType::Any | ColumnType::Json => {
            row.try_get::<Option<String>, _>(place)?.map(|text| Cell::Text(text.into()))
        }
    }
    .unwrap_or(Cell::Null))
}
