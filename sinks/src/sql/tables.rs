//! The tables of a realm's views in a database: made, changed and dropped as the catalog says.
//!
//! Several realms may lie in one table. That of a built-in view is the same for all of them; a designer's view may have
//! another shape in each, and goes from one realm before it goes from another. So a designer's table is changed only
//! when no other realm has rows in it, and dropped by the last.

use rustc_hash::FxHashMap;
use worldflow_schemas::catalog::{Catalog, GRANTS, ViewDef, ViewId};

use super::connection::Connection;
use super::error::SqlError;
use super::old_grants;
use super::table::{OWN_TABLES, is_designed, quoted, shape};

impl Connection {
    /// Brings tables to the present shape of the views, makes those that are missing, and drops those of designers'
    /// views that the realm no longer has. Returns the views that must wait, as another realm has their tables.
    pub(super) async fn migrate(
        &mut self,
        realm: &str,
        views: &[ViewId],
        catalog: &Catalog,
    ) -> Result<Vec<ViewId>, SqlError> {
        self.begin("tables").await?;
        for own in OWN_TABLES {
            self.execute(own.to_owned()).await?;
        }
        // Whoever dropped a table gets it again.
        let unmade = self.dialect().unmade();
        let gone = format!("SELECT view FROM worldflow_tables WHERE {unmade}");
        self.execute(format!("DELETE FROM worldflow_frontier WHERE view IN ({gone})")).await?;
        self.execute(format!("DELETE FROM worldflow_tables WHERE {unmade}")).await?;
        let shapes = self.shapes().await?;
        let gone = shapes.iter().filter(|(name, shape)| is_designed(shape) && catalog.view(name).is_none());
        for (name, _) in gone {
            if self.others_use(realm, name).await? {
                self.leave(realm, name).await?;
            } else {
                tracing::info!(realm, view = name, "dropping the table of a view that is no more");
                self.execute(format!("DROP TABLE {}", quoted(name))).await?;
                self.write("DELETE FROM worldflow_frontier WHERE view = $1", &[name], &[]).await?;
                self.write("DELETE FROM worldflow_tables WHERE view = $1", &[name], &[]).await?;
            }
        }
        let mut waiting = Vec::new();
        for view in views {
            let (def, old) = (view.def(), shapes.get(view.def().name).map(String::as_str));
            if old == Some(&shape(def)) {
                continue;
            }
            if old.is_some_and(is_designed) && self.others_use(realm, def.name).await? {
                // What is there of this realm has the former columns, and would hold up the others.
                self.leave(realm, def.name).await?;
                waiting.push(*view);
                continue;
            }
            self.reshape(old, def).await?;
        }
        if views.contains(&GRANTS) {
            let old = shapes.get(old_grants::TABLE).map(String::as_str);
            if old != Some(&shape(&old_grants::DEF)) {
                self.reshape(old, &old_grants::DEF).await?;
            }
        }
        self.commit().await?;
        Ok(waiting)
    }

    async fn reshape(&mut self, old: Option<&str>, view: &ViewDef) -> Result<(), SqlError> {
        for statement in self.dialect().migrate(old, view) {
            tracing::debug!(view = view.name, statement, "changing a table");
            self.execute(statement).await.map_err(|error| SqlError::table(view.name, error))?;
        }
        // Whoever writes this table next must compare it with the view, row by row.
        self.write("DELETE FROM worldflow_frontier WHERE view = $1", &[view.name], &[]).await?;
        let made = "INSERT INTO worldflow_tables (view, shape) VALUES ($1, $2) \
                    ON CONFLICT (view) DO UPDATE SET shape = excluded.shape";
        self.write(made, &[view.name, &shape(view)], &[]).await
    }

    /// Takes a realm's rows out of a designer's table. A table of which nobody has said where it is has none of them.
    async fn leave(&mut self, realm: &str, view: &str) -> Result<(), SqlError> {
        if self.frontiers(realm).await?.contains_key(view) {
            self.delete_realm(realm, view).await?;
            let forget = "DELETE FROM worldflow_frontier WHERE realm = $1 AND view = $2";
            self.write(forget, &[realm, view], &[]).await?;
        }
        Ok(())
    }

    /// Whether another realm has rows in a table, or may have.
    async fn others_use(&mut self, realm: &str, view: &str) -> Result<bool, SqlError> {
        let sql = "SELECT count(*) FROM worldflow_frontier WHERE view = $1 AND realm <> $2";
        let (view, realm) = (view.to_owned(), realm.to_owned());
        let others: i64 = match self {
            Connection::Postgres(c) => {
                sqlx::query_scalar(sql).bind(view).bind(realm).fetch_one(&mut **c).await
            }
            Connection::Sqlite(c) => sqlx::query_scalar(sql).bind(view).bind(realm).fetch_one(&mut **c).await,
        }?;
        Ok(others > 0)
    }

    async fn shapes(&mut self) -> Result<FxHashMap<String, String>, SqlError> {
        let sql = "SELECT view, shape FROM worldflow_tables";
        Ok(match self {
            Connection::Postgres(c) => sqlx::query_as(sql).fetch_all(&mut **c).await,
            Connection::Sqlite(c) => sqlx::query_as(sql).fetch_all(&mut **c).await,
        }?
        .into_iter()
        .collect())
    }
}
