//! The table of a view: its statements in each dialect, and what a change of the catalog means for it.

use worldflow_schemas::catalog::{self, Column, ColumnType, ViewDef};

use super::old_grants;

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

    /// Which of the tables that are noted as made are not there.
    pub(crate) fn unmade(self) -> &'static str {
        match self {
            Dialect::Postgres => "to_regclass(quote_ident(view)) IS NULL",
            Dialect::Sqlite => "view NOT IN (SELECT name FROM sqlite_master)",
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

    /// The statements that bring a table of shape `old`, or none, to the view's present shape. Rows stay: what is wrong in
    /// them afterwards is put right by comparing them with the view. Only SQLite, which cannot change a primary key,
    /// copies them into another table.
    pub(crate) fn migrate(self, old: Option<&str>, view: &ViewDef) -> Vec<String> {
        let Some(old) = old else { return vec![self.create(view)] };
        let old: Vec<Was<'_>> = old.lines().map(Was::read).collect();
        let new = shape(view);
        let new: Vec<Was<'_>> = new.lines().map(Was::read).collect();
        if old == new {
            return Vec::new();
        }
        let key = |columns: &[Was<'_>]| -> Vec<String> {
            columns
                .iter()
                .filter(|column| column.key)
                .map(|column| format!("{} {}", column.name, column.kind))
                .collect()
        };
        let same_key = key(&old) == key(&new);
        if self == Dialect::Sqlite && !same_key {
            return self.copied(&old, &new, view);
        }
        let table = quoted(view.name);
        let mut statements = Vec::new();
        if !same_key {
            statements.push(drop_key(view));
        }
        // A column of another type is another column.
        let gone = old.iter().filter(|was| !new.iter().any(|is| was.is_same_column(is)));
        statements.extend(gone.map(|was| format!("ALTER TABLE {table} DROP COLUMN {}", quoted(was.name))));
        for (column, _) in
            view.columns.iter().zip(&new).filter(|(_, is)| !old.iter().any(|was| was.is_same_column(is)))
        {
            let kind = self.type_of(column.kind);
            statements.push(format!("ALTER TABLE {table} ADD COLUMN {} {kind}", quoted(column.name)));
        }
        if !same_key {
            statements.extend(new_key(view, &old));
        }
        statements
    }

    /// Another table with the rows of the old one, as far as they have different keys in it.
    fn copied(self, old: &[Was<'_>], new: &[Was<'_>], view: &ViewDef) -> Vec<String> {
        let (table, kept) = (quoted(view.name), quoted(&format!("kept_{}", view.name)));
        let value = |(column, is): (&Column, &Was<'_>)| {
            let name = quoted(column.name);
            match (old.iter().any(|was| was.is_same_column(is)), is.key) {
                (true, true) => format!("coalesce({name}, {})", empty(column.kind)),
                (true, false) => name,
                (false, true) => empty(column.kind).to_owned(),
                (false, false) => "NULL".to_owned(),
            }
        };
        let values: Vec<String> = view.columns.iter().zip(new).map(value).collect();
        vec![
            format!("DROP TABLE IF EXISTS temp.{kept}"),
            format!("CREATE TEMP TABLE {kept} AS SELECT * FROM {table}"),
            format!("DROP TABLE {table}"),
            self.create(view),
            format!(
                "INSERT OR IGNORE INTO {table} ({}) SELECT {} FROM temp.{kept}",
                list(view.columns),
                values.join(", ")
            ),
            format!("DROP TABLE temp.{kept}"),
        ]
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

/// A column as a table had it when it was made: a line of [`shape`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Was<'a> {
    name: &'a str,
    kind: &'a str,
    key: bool,
}

impl<'a> Was<'a> {
    fn read(line: &'a str) -> Was<'a> {
        let mut words = line.split(' ');
        let (name, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Was { name, kind, key: words.next() == Some("key") }
    }

    fn is_same_column(&self, other: &Was<'_>) -> bool {
        (self.name, self.kind) == (other.name, other.kind)
    }
}

/// What stands in a key column for a value that is absent.
fn empty(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Bool => "false",
        ColumnType::Int | ColumnType::Tick | ColumnType::Time | ColumnType::Dec => "0",
        ColumnType::Text | ColumnType::Any => "''",
        ColumnType::Json => "'null'",
    }
}

/// Takes a table of PostgreSQL its primary key, whatever that is called.
fn drop_key(view: &ViewDef) -> String {
    let table = quoted(view.name).replace('\'', "''");
    format!(
        "DO $$ DECLARE name text; BEGIN SELECT conname INTO name FROM pg_constraint \
         WHERE conrelid = '{table}'::regclass AND contype = 'p'; \
         IF name IS NOT NULL THEN EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name); END IF; END $$"
    )
}

/// Gives a table of PostgreSQL another primary key. Of rows that are alike in it one stays.
fn new_key(view: &ViewDef, old: &[Was<'_>]) -> Vec<String> {
    let (table, key) = (quoted(view.name), &view.columns[..view.key]);
    let mut statements = Vec::new();
    for column in key {
        let (name, empty) = (quoted(column.name), empty(column.kind));
        statements.push(format!("UPDATE {table} SET {name} = {empty} WHERE {name} IS NULL"));
        statements.push(format!("ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL"));
    }
    // What is no longer part of the key may be absent again.
    for column in view.columns[view.key..]
        .iter()
        .filter(|column| old.iter().any(|was| was.key && was.name == column.name))
    {
        statements.push(format!("ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL", quoted(column.name)));
    }
    let same: Vec<String> = key.iter().map(|column| format!("a.{0} = b.{0}", quoted(column.name))).collect();
    statements.push(format!(
        "DELETE FROM {table} a USING {table} b WHERE a.ctid < b.ctid AND {}",
        same.join(" AND ")
    ));
    statements.push(format!("ALTER TABLE {table} ADD PRIMARY KEY ({})", list(key)));
    statements
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

/// Whether a table was made for a designer's view, by its shape.
pub(crate) fn is_designed(shape: &str) -> bool {
    shape.lines().next().is_some_and(|line| line.ends_with(DESIGNED))
}

/// Stands at the end of the first line of the shape of a designer's view. [`Was::read`] passes over it.
const DESIGNED: &str = " designed";

/// What a table looks like, one line a column. Compared with what was written when it was made.
pub(crate) fn shape(view: &ViewDef) -> String {
    let lines: Vec<String> = view
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let key = if place < view.key { " key" } else { "" };
            let theirs = catalog::view(view.name).is_none() && view.name != old_grants::TABLE;
            let designed = if place == 0 && theirs { DESIGNED } else { "" };
            format!("{} {:?}{key}{designed}", column.name, column.kind)
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
    fn a_table_is_changed_and_its_rows_stay() {
        let migrate = |dialect: Dialect, old: &ViewDef, new: &ViewDef| {
            dialect.migrate(Some(&shape(old)), new).iter().map(|sql| format!("{sql};\n")).collect::<String>()
        };
        let (one, two) = (view(1, TWO), view(2, TWO));
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            assert_eq!(migrate(dialect, &one, &one), "");
            assert_eq!(
                migrate(dialect, &view(1, THREE), &one),
                "ALTER TABLE \"v\" DROP COLUMN \"b\";\n",
                "{dialect:?}"
            );
        }
        expect![[r#"
            ALTER TABLE "v" ADD COLUMN "b" JSONB;
        "#]]
        .assert_eq(&migrate(Dialect::Postgres, &one, &view(1, THREE)));
        expect![[r#"
            ALTER TABLE "v" DROP COLUMN "a";
            ALTER TABLE "v" ADD COLUMN "a" TEXT;
        "#]]
        .assert_eq(&migrate(Dialect::Sqlite, &one, &view(1, RETYPED)));
        expect![[r#"
            DO $$ DECLARE name text; BEGIN SELECT conname INTO name FROM pg_constraint WHERE conrelid = '"v"'::regclass AND contype = 'p'; IF name IS NOT NULL THEN EXECUTE format('ALTER TABLE "v" DROP CONSTRAINT %I', name); END IF; END $$;
            UPDATE "v" SET "realm" = '' WHERE "realm" IS NULL;
            ALTER TABLE "v" ALTER COLUMN "realm" SET NOT NULL;
            UPDATE "v" SET "a" = 0 WHERE "a" IS NULL;
            ALTER TABLE "v" ALTER COLUMN "a" SET NOT NULL;
            DELETE FROM "v" a USING "v" b WHERE a.ctid < b.ctid AND a."realm" = b."realm" AND a."a" = b."a";
            ALTER TABLE "v" ADD PRIMARY KEY ("realm", "a");
        "#]].assert_eq(&migrate(Dialect::Postgres, &one, &two));
        expect![[r#"
            DO $$ DECLARE name text; BEGIN SELECT conname INTO name FROM pg_constraint WHERE conrelid = '"v"'::regclass AND contype = 'p'; IF name IS NOT NULL THEN EXECUTE format('ALTER TABLE "v" DROP CONSTRAINT %I', name); END IF; END $$;
            UPDATE "v" SET "realm" = '' WHERE "realm" IS NULL;
            ALTER TABLE "v" ALTER COLUMN "realm" SET NOT NULL;
            ALTER TABLE "v" ALTER COLUMN "a" DROP NOT NULL;
            DELETE FROM "v" a USING "v" b WHERE a.ctid < b.ctid AND a."realm" = b."realm";
            ALTER TABLE "v" ADD PRIMARY KEY ("realm");
        "#]].assert_eq(&migrate(Dialect::Postgres, &two, &one));
        expect![[r#"
            DROP TABLE IF EXISTS temp."kept_v";
            CREATE TEMP TABLE "kept_v" AS SELECT * FROM "v";
            DROP TABLE "v";
            CREATE TABLE "v" ("realm" TEXT NOT NULL, "a" INTEGER NOT NULL, "b" TEXT NOT NULL, PRIMARY KEY ("realm", "a", "b")) WITHOUT ROWID;
            INSERT OR IGNORE INTO "v" ("realm", "a", "b") SELECT coalesce("realm", ''), coalesce("a", 0), 'null' FROM temp."kept_v";
            DROP TABLE temp."kept_v";
        "#]].assert_eq(&migrate(Dialect::Sqlite, &two, &view(3, THREE)));
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
