//! One flush: a transaction that takes the tables of a realm from one closed tick to a later one.
//!
//! The frontier is read from the database at the start of each flush, under the lock that keeps
//! other flushes out. So it does not matter whether the flush before was committed, lost or cut off
//! half-way, or by which process: the tables say themselves where they are.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tracing::trace;
use worldflow_engine::PHASE;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::{Delta, Filter};
use worldflow_schemas::catalog::{Catalog, GRANTS, ViewDef, ViewId};
use worldflow_schemas::{Row, Tick};

use super::cell::{Cell, Cells, cells};
use super::config::SinkViews;
use super::connection::{Connection, Frontier};
use super::error::SqlError;
use super::old_grants;
use crate::view_at::{deltas_between, rows_at};

/// Rows that are turned into cells at once.
const CHUNK_ROWS: usize = 2000;
/// How long the first statement of a flush may take. It waits for locks, but does no work.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long everything else in it may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(600);

/// What a flush did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flushed {
    /// Where all tables are now.
    pub(super) to: Progress,
    /// Rows written or removed.
    pub(super) rows: u64,
}

/// Keeps the tables of one realm. Remembers nothing that the database does not say better, but for
/// the ticks from which on this process's view store knows every change.
pub(super) struct Flush {
    pub(super) realm: Realm,
    pub(super) wanted: SinkViews,
    pub(super) target: String,
    /// What the tables have been brought to on this connection.
    shaped: Option<Shaped>,
    /// By view, the tick at which its table was first compared with the view in this process. The
    /// view store was filled by then, so from there on its deltas are complete.
    joined: FxHashMap<ViewId, Tick>,
    /// The last tick in which somebody was forgotten, that has left nothing in the database, if any; `None` before it was looked after.
    cleansed: Option<Tick>,
}

/// The catalog that the tables follow.
struct Shaped {
    catalog: Arc<Catalog>,
    /// The views that have tables of their shapes.
    views: Vec<ViewId>,
    /// Those whose tables another realm has in another shape.
    waiting: Vec<ViewId>,
}

/// What is to be done to one table.
enum Plan {
    /// The table is at a tick from which the changes are known: the last row of each key, and whether it is there.
    Change(FxHashMap<Cells, (Row, bool)>),
    /// It is anywhere: these are the rows it shall have.
    Reconcile(FxHashMap<Cells, Row>),
}

impl Flush {
    pub(super) fn new(realm: Realm, wanted: SinkViews, target: String) -> Flush {
        Flush { realm, wanted, target, shaped: None, joined: FxHashMap::default(), cleansed: None }
    }

    /// The connection is another one: whose tables it sees, and what others have made of them, is not known.
    pub(super) fn connected(&mut self) {
        self.shaped = None;
    }

    /// Has the tables follow the catalog, when it has changed or somebody else's table is waited for.
    async fn shape(&mut self, connection: &mut Connection) -> Result<(), SqlError> {
        let catalog = self.realm.views.catalog();
        if self.shaped.as_ref().is_some_and(|to| to.waiting.is_empty() && Arc::ptr_eq(&to.catalog, &catalog))
        {
            return Ok(());
        }
        let before = self.shaped.take().map(|shaped| shaped.waiting).unwrap_or_default();
        let (name, mut views) = (self.realm.name.as_str(), self.wanted.of(&catalog));
        let waiting = within(BEGIN_TIMEOUT, &self.target, connection.migrate(name, &views, &catalog)).await?;
        for view in waiting.iter().filter(|view| !before.contains(view)) {
            let hint = "give one of the views another name, or each realm a database";
            tracing::warn!(
                realm = name,
                view = view.def().name,
                hint,
                "a view is not written: another realm's view of that name has other columns"
            );
        }
        views.retain(|view| !waiting.contains(view));
        self.joined.retain(|view, _| views.contains(view));
        self.shaped = Some(Shaped { catalog, views, waiting });
        Ok(())
    }

    /// Brings the tables to the realm's present tick. After an error the connection is of no use.
    pub(super) async fn run(&mut self, connection: &mut Connection) -> Result<Flushed, SqlError> {
        let (to, plans, frontiers) = loop {
            self.shape(connection).await?;
            let begun = async {
                connection.begin(self.realm.name.as_str()).await?;
                connection.frontiers(self.realm.name.as_str()).await
            };
            let frontiers = within(BEGIN_TIMEOUT, &self.target, begun).await?;
            if let Some((to, plans)) = self.plan(&frontiers).await? {
                break (to, plans, frontiers);
            }
            // Nothing has been written.
            connection.commit().await?;
        };
        let name = self.realm.name.as_str();
        trace!(target: PHASE, database = ?connection.dialect(), "flush begins");
        let written: Vec<ViewId> = plans.iter().map(|(view, _)| *view).collect();
        let writing = async {
            let mut rows = 0;
            for (view, plan) in plans {
                // What is there was written in the lineage of its frontier; of a new shape of the table that is not known.
                let epoch =
                    frontiers.get(view.def().name).map_or(self.realm.epoch, |frontier| frontier.epoch);
                let written = match plan {
                    Plan::Change(changes) => changed(view.def(), changes),
                    Plan::Reconcile(wanted) => compared(connection, view.def(), name, wanted).await?,
                };
                if view == GRANTS {
                    rows += archive(connection, name, &written.gone, epoch).await?;
                }
                rows += write(connection, view.def(), &written).await?;
                connection.advance(name, view.def(), self.realm.epoch, to).await?;
            }
            connection.commit().await?;
            Ok(rows)
        };
        let rows = within(WRITE_TIMEOUT, &self.target, writing).await?;
        trace!(target: PHASE, database = ?connection.dialect(), "flush ends");
        for view in written {
            self.joined.entry(view).or_insert(to.tick);
        }
        self.cleanse(connection, to.tick).await?;
        Ok(Flushed { to, rows })
    }

    /// Once the tables are without somebody who was forgotten, sees to it that nothing is left behind them. Tried
    /// again with the next flush while somebody reads.
    async fn cleanse(&mut self, connection: &mut Connection, tick: Tick) -> Result<(), SqlError> {
        let forgotten = self.realm.privacy.last_forgotten().unwrap_or(0);
        if forgotten <= tick && self.cleansed.is_none_or(|cleansed| cleansed < forgotten) {
            // At a start there may be a log of a run that was cut off.
            let done = connection.cleanse(forgotten > 0);
            if within(WRITE_TIMEOUT, &self.target, done).await? {
                self.cleansed = Some(forgotten);
            }
        }
        Ok(())
    }

    /// Decides for each view what is to be done, all of them at one tick. Off the runtime's threads:
    /// a reconciliation looks at every row. `None` when the catalog has changed since the tables were shaped: at the
    /// tick that would be written there are other views.
    async fn plan(
        &self,
        frontiers: &FxHashMap<String, Frontier>,
    ) -> Result<Option<(Progress, Vec<(ViewId, Plan)>)>, SqlError> {
        let mut progress = self.realm.progress.clone();
        let views = self.shaped.as_ref().map_or(&[][..], |shaped| &shaped.views);
        let from: Vec<(ViewId, Option<Tick>)> = views
            .iter()
            .map(|view| {
                let frontier = frontiers.get(view.def().name).filter(|f| f.epoch == self.realm.epoch);
                let joined = self.joined.get(view).copied().unwrap_or(Tick::MAX);
                (*view, frontier.map(|f| f.tick).filter(|tick| *tick >= joined))
            })
            .collect();
        let ours = frontiers.values().filter(|frontier| frontier.epoch == self.realm.epoch);
        let stored = ours.map(|frontier| frontier.tick).max().unwrap_or(0);
        loop {
            let to = *progress.borrow_and_update();
            // A tick's catalog is there before the tick is.
            let catalog = self.realm.views.catalog();
            if !self.shaped.as_ref().is_some_and(|shaped| Arc::ptr_eq(&shaped.catalog, &catalog)) {
                return Ok(None);
            }
            if to.tick < stored {
                return Err(SqlError::Behind { stored, tick: to.tick });
            }
            let (store, from) = (Arc::clone(&self.realm.views), from.clone());
            let planned = tokio::task::spawn_blocking(move || {
                let plan = |(view, from): (ViewId, Option<Tick>)| {
                    let deltas = from.and_then(|from| deltas_between(&store, view, from, to.tick));
                    let plan = match deltas {
                        Some(deltas) => Plan::Change(last_values(view.def(), &deltas)),
                        None => {
                            let rows = rows_at(&store, view, &Filter::all(), to.tick)?;
                            Plan::Reconcile(by_key(view.def(), rows))
                        }
                    };
                    Some((view, plan))
                };
                // What has just gone is left as it is, until the tables follow the catalog again.
                let there = from.into_iter().filter(|(view, _)| store.get(*view).is_some());
                there.map(plan).collect::<Option<Vec<_>>>()
            });
            match planned.await.expect("planning neither panics nor is cancelled") {
                Some(plans) => return Ok(Some((to, plans))),
                // The store has moved on too far; so has the realm, or it is about to.
                None if progress.changed().await.is_err() => {
                    return Err(SqlError::Behind { stored, tick: to.tick });
                }
                None => {}
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    target: &str,
    work: impl Future<Output = Result<T, SqlError>>,
) -> Result<T, SqlError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(SqlError::Silent { target: target.to_owned(), seconds: limit.as_secs() }),
    }
}

/// What is to be written into one table.
#[derive(Default)]
struct Written {
    /// Rows that go, as they were last.
    gone: Vec<Cells>,
    /// Rows that come, or replace those of their keys.
    here: Vec<Row>,
}

fn last_values(view: &ViewDef, deltas: &[Arc<Delta>]) -> FxHashMap<Cells, (Row, bool)> {
    let mut last = FxHashMap::default();
    for (row, diff) in deltas.iter().flat_map(|delta| &delta.changes) {
        last.insert(cells(view, row.key(view.key)), (row.clone(), *diff > 0));
    }
    last
}

fn by_key(view: &ViewDef, rows: Vec<Row>) -> FxHashMap<Cells, Row> {
    rows.into_iter().map(|row| (cells(view, row.key(view.key)), row)).collect()
}

fn changed(view: &ViewDef, changes: FxHashMap<Cells, (Row, bool)>) -> Written {
    let mut written = Written::default();
    for (row, is_there) in changes.into_values() {
        if is_there {
            written.here.push(row);
        } else {
            written.gone.push(cells(view, &row));
        }
    }
    written
}

/// What makes a table that is anywhere equal to these rows.
async fn compared(
    connection: &mut Connection,
    view: &ViewDef,
    realm: &str,
    mut wanted: FxHashMap<Cells, Row>,
) -> Result<Written, SqlError> {
    let mut gone = Vec::new();
    let mut compare = |stored: Cells| {
        let same = |row: &Row| {
            let columns = view.columns.iter().zip(cells(view, row)).zip(&stored);
            columns.into_iter().all(|((column, wanted), stored)| Cell::same(column.kind, &wanted, stored))
        };
        match wanted.entry(stored[..view.key].to_vec()) {
            Entry::Occupied(row) if same(row.get()) => drop(row.remove()),
            Entry::Occupied(_) => {}
            Entry::Vacant(_) => gone.push(stored),
        }
    };
    connection.read(view, realm, &mut compare).await?;
    Ok(Written { gone, here: wanted.into_values().collect() })
}

/// Has grants that are over go on in their own table.
async fn archive(
    connection: &mut Connection,
    realm: &str,
    gone: &[Cells],
    epoch: u64,
) -> Result<u64, SqlError> {
    let open = gone.iter().filter(|grant| old_grants::is_open(grant)).count();
    if open > 0 {
        let hint = "they left while the tables were away; how they were answered is not known here";
        tracing::warn!(realm, grants = open, hint, "grants are kept as the tables knew them, unanswered");
    }
    for rows in gone.chunks(CHUNK_ROWS) {
        let rows: Vec<Cells> = rows.iter().map(|row| old_grants::row(row.clone(), epoch)).collect();
        connection.upsert(&old_grants::DEF, &rows).await?;
    }
    Ok(gone.len() as u64)
}

async fn write(connection: &mut Connection, view: &ViewDef, written: &Written) -> Result<u64, SqlError> {
    let Written { gone, here } = written;
    let keys: Vec<Cells> = gone.iter().map(|row| row[..view.key].to_vec()).collect();
    connection.delete(view, &keys).await?;
    for rows in here.chunks(CHUNK_ROWS) {
        let rows: Vec<Cells> = rows.iter().map(|row| cells(view, row)).collect();
        connection.upsert(view, &rows).await?;
    }
    Ok((gone.len() + here.len()) as u64)
}
