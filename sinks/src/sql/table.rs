//! The table of a view: its statements in each dialect, and what a change of the catalog means for it.

use worldflow_schemas::catalog::{Column, ColumnType, ViewDef};

/// Which database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// The tables of our own: how far each view's table is, and what each table looked like when made.
pub(crate) const OWN_TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS worldflow_frontier (realm TEXT NOT NULL, view TEXT NOT NULL, \
     epoch BIGINT NOT NULL, tick BIGINT NOT NULL, utc_ms BIGINT NOT NULL, PRIMARY KEY (realm, view))",
    "CREATE TABLE IF NOT EXISTS worldflow_tables (view TEXT PRIMARY KEY, shape TEXT NOT NULL)",
];

/// A name in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names in double quotes, with commas.
pub(crate) fn list(columns: &[Column]) -> String {
    columns.iter().map(|column| quoted(column.name)).collect::<Vec<_>>().join(", ")
}

impl Dialect {
    fn type_of(self, kind: ColumnType) -> &'static str {
        match (self, kind) {
            (Dialect::Postgres, ColumnType::Bool) => "BOOLEAN",
            (Dialect::Postgres, ColumnType::Int | ColumnType::Tick | ColumnType::Time) => "BIGINT",
            (Dialect::Postgres, ColumnType::Dec) => "DOUBLE PRECISION",
            (Dialect::Postgres, ColumnType::Json) => "JSONB",
            (Dialect::Sqlite, ColumnType::Dec) => "REAL",
            (Dialect::Sqlite, ColumnType::Bool | ColumnType::Int | ColumnType::Tick | ColumnType::Time) => {
                "INTEGER"
            }
            (_, ColumnType::Text | ColumnType::Any | ColumnType::Json) => "TEXT",
        }
    }

    /// Makes the table; fails when there is one of that name.
    pub(crate) fn create(self, view: &ViewDef) -> String {
        let columns: Vec<String> = view
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let null = if place < view.key { " NOT NULL" } else { "" };
                format!("{} {}{null}", quoted(column.name), self.type_of(column.kind))
            })
            .collect();
        let rowid = if self == Dialect::Sqlite { " WITHOUT ROWID" } else { "" };
        format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({})){rowid}",
            quoted(view.name),
            columns.join(", "),
            list(&view.columns[..view.key])
        )
    }

    fn add_column(self, view: &ViewDef, column: &Column) -> String {
        let kind = self.type_of(column.kind);
        format!("ALTER TABLE {} ADD COLUMN {} {kind}", quoted(view.name), quoted(column.name))
    }

    /// The statements that bring a table of shape `old`, or none, to the view's present shape.
    pub(crate) fn migrate(self, old: Option<&str>, view: &ViewDef) -> Vec<String> {
        let Some(old) = old else { return vec![self.create(view)] };
        let new = shape(view);
        if old == new {
            return Vec::new();
        }
        let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
        let kept = old.iter().all(|line| new.contains(line));
        let added = || view.columns.iter().enumerate().filter(|(place, _)| !old.contains(&new[*place]));
        if kept && added().all(|(place, _)| place >= view.key) {
            return added().map(|(_, column)| self.add_column(view, column)).collect();
        }
        vec![format!("DROP TABLE IF EXISTS {}", quoted(view.name)), self.create(view)]
    }

    /// The rows of a realm, JSON as text.
    pub(crate) fn select(self, view: &ViewDef) -> String {
        let columns: Vec<String> = view
            .columns
            .iter()
            .map(|column| match (self, column.kind) {
                (Dialect::Postgres, ColumnType::Json) => format!("{}::text", quoted(column.name)),
                _ => quoted(column.name),
            })
            .collect();
        let realm = if self == Dialect::Sqlite { "?" } else { "$1" };
        format!("SELECT {} FROM {} WHERE \"realm\" = {realm}", columns.join(", "), quoted(view.name))
    }
}

/// What happens to a row whose key is there already.
pub(crate) fn on_conflict(view: &ViewDef) -> String {
    let rest = &view.columns[view.key..];
    let key = list(&view.columns[..view.key]);
    if rest.is_empty() {
        return format!("ON CONFLICT ({key}) DO NOTHING");
    }
    let sets: Vec<String> =
        rest.iter().map(|column| format!("{0} = excluded.{0}", quoted(column.name))).collect();
    format!("ON CONFLICT ({key}) DO UPDATE SET {}", sets.join(", "))
}

/// What a table looks like, one line a column. Compared with what was written when it was made.
pub(crate) fn shape(view: &ViewDef) -> String {
    let lines: Vec<String> = view
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let key = if place < view.key { " key" } else { "" };
            format!("{} {:?}{key}", column.name, column.kind)
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    const fn col(name: &'static str, kind: ColumnType) -> Column {
        Column { name, kind, doc: "" }
    }

    fn view(key: usize, columns: &'static [Column]) -> ViewDef {
        ViewDef { name: "v", key, columns, filters: &[], deterministic: true, doc: "" }
    }

    const TWO: &[Column] = &[col("realm", ColumnType::Text), col("a", ColumnType::Int)];
    const THREE: &[Column] =
        &[col("realm", ColumnType::Text), col("a", ColumnType::Int), col("b", ColumnType::Json)];
    const RETYPED: &[Column] = &[col("realm", ColumnType::Text), col("a", ColumnType::Text)];

    #[test]
    fn a_new_column_is_added_and_any_other_change_rebuilds() {
        let migrate = |old: &ViewDef, new: &ViewDef| {
            Dialect::Postgres.migrate(Some(&shape(old)), new).join(";\n") + ";"
        };
        expect!["ALTER TABLE \"v\" ADD COLUMN \"b\" JSONB;"]
            .assert_eq(&migrate(&view(1, TWO), &view(1, THREE)));
        expect![";"].assert_eq(&migrate(&view(1, TWO), &view(1, TWO)));
        for (old, new) in [
            (view(1, THREE), view(1, TWO)),
            (view(1, TWO), view(1, RETYPED)),
            (view(1, TWO), view(2, TWO)),
            (view(2, TWO), view(3, THREE)),
        ] {
            assert!(migrate(&old, &new).starts_with("DROP TABLE"), "{old:?} {new:?}");
        }
    }

    #[test]
    fn statements_quote_every_name() {
        expect![[
            r#"CREATE TABLE "v" ("realm" TEXT NOT NULL, "a" BIGINT, "b" JSONB, PRIMARY KEY ("realm"))"#
        ]]
        .assert_eq(&Dialect::Postgres.create(&view(1, THREE)));
        expect![[
            r#"CREATE TABLE "v" ("realm" TEXT NOT NULL, "a" INTEGER NOT NULL, "b" TEXT, PRIMARY KEY ("realm", "a")) WITHOUT ROWID"#
        ]]
        .assert_eq(&Dialect::Sqlite.create(&view(2, THREE)));
        expect![[r#"SELECT "realm", "a", "b"::text FROM "v" WHERE "realm" = $1"#]]
            .assert_eq(&Dialect::Postgres.select(&view(1, THREE)));
    }
}
