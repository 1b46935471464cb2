//! What the realm has shown, tick by tick: what it shows again after a crash must be the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use worldflow_engine::collector::Recorder;
use worldflow_engine::runtime::RunningRealm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{LEVELS, ViewId};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

/// The counts of players.
pub(crate) type Rows = BTreeMap<String, i64>;

/// A player, a count, and whether it came or went.
type Change = (String, i64, Diff);

/// Shared with the recorder of the realm.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    changes: BTreeMap<Tick, Vec<Change>>,
    /// Readers have been told that it has come to this tick.
    told: Tick,
    /// The tick of the snapshot that the realm was opened from.
    loaded: Option<Tick>,
    /// Nothing has been recorded since.
    fresh: bool,
    /// There may be ticks that nobody was shown: they were taken back under a former world.
    unseen: bool,
    wrong: Option<String>,
}

pub(crate) fn player_and_count(row: &Row) -> (String, i64) {
    match (&row[1], &row[2]) {
        (player, Value::Int(count)) => (player.to_string(), *count),
        other => panic!("not a row of levels: {other:?}"),
    }
}

pub(crate) fn rows_of(running: &RunningRealm) -> Rows {
    let view = running.realm.views.read(LEVELS);
    view.rows(&Filter::all()).map(player_and_count).collect()
}

/// Applies changes to rows; says what does not fit.
pub(crate) fn apply<'a>(rows: &mut Rows, changes: impl Iterator<Item = &'a Change>) -> Result<(), String> {
    for (player, count, diff) in changes {
        let fits = match diff {
            -1 => rows.remove(player) == Some(*count),
            1 => rows.insert(player.clone(), *count).is_none(),
            _ => false,
        };
        if !fits {
            return Err(format!("a change that does not fit: {diff:+} {player} {count}"));
        }
    }
    Ok(())
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorder(&self) -> Recorder {
        let shown = self.clone();
        Box::new(move |tick, rows: &[(ViewId, Row, Diff)]| {
            let levels = rows.iter().filter(|(view, _, _)| *view == LEVELS);
            let changes = levels.map(|(_, row, diff)| {
                let (player, count) = player_and_count(row);
                (player, count, *diff)
            });
            shown.lock().record(tick, changes.collect());
        })
    }

    /// The realm is opened from a snapshot of that tick, or from nothing.
    pub(crate) fn open(&self, loaded: Option<Tick>) {
        let mut shown = self.lock();
        (shown.loaded, shown.fresh) = (loaded, true);
    }

    /// The realm is opened with another world.
    pub(crate) fn edited(&self) {
        self.lock().unseen = true;
    }

    pub(crate) fn tell(&self, tick: Tick) {
        let mut shown = self.lock();
        shown.told = shown.told.max(tick);
    }

    pub(crate) fn told(&self) -> Tick {
        self.lock().told
    }

    pub(crate) fn wrong(&self) -> Result<(), String> {
        self.lock().wrong.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn rows_at(&self, tick: Tick) -> Result<Rows, String> {
        self.lock().rows_at(tick)
    }
}

impl Shown {
    fn rows_at(&self, tick: Tick) -> Result<Rows, String> {
        let mut rows = Rows::new();
        apply(&mut rows, self.changes.range(..=tick).flat_map(|(_, changes)| changes))?;
        Ok(rows)
    }

    fn record(&mut self, tick: Tick, mut changes: Vec<Change>) {
        changes.sort_by(|a, b| (a.2, &a.0, a.1).cmp(&(b.2, &b.0, b.1)));
        // When the world was edited, the snapshot is one that was published while the realm was opened.
        let all_come = changes.iter().all(|(_, _, diff)| *diff == 1);
        let published =
            std::mem::take(&mut self.fresh) && self.unseen && all_come && !self.changes.is_empty();
        let known = self.changes.get(&tick) == Some(&changes);
        let said = match self.loaded == Some(tick) || (published && !known) {
            true => self.load(tick, changes),
            false => self.go_on(tick, changes),
        };
        if let Err(why) = said {
            self.wrong.get_or_insert(why);
        }
    }

    fn go_on(&mut self, tick: Tick, changes: Vec<Change>) -> Result<(), String> {
        match self.changes.get(&tick) {
            Some(known) if *known == changes => Ok(()),
            Some(known) => Err(format!("tick {tick} was {known:?}, and is {changes:?} now")),
            None if changes.is_empty() => Ok(()),
            None if tick <= self.told => Err(format!("tick {tick} was shown without {changes:?}")),
            None => {
                self.changes.insert(tick, changes);
                Ok(())
            }
        }
    }

    /// A snapshot must hold what was shown at its tick.
    fn load(&mut self, tick: Tick, changes: Vec<Change>) -> Result<(), String> {
        let (mut rows, known) = (Rows::new(), self.rows_at(tick)?);
        apply(&mut rows, changes.iter())?;
        if rows == known {
            return Ok(());
        }
        if !self.unseen || tick <= self.told {
            return Err(format!("the snapshot of tick {tick} holds {rows:?}, and {known:?} was shown"));
        }
        let gone = known.iter().filter(|(player, count)| rows.get(*player) != Some(count));
        let come = rows.iter().filter(|(player, count)| known.get(*player) != Some(count));
        let gone = gone.map(|(player, count)| (player.clone(), *count, -1));
        let all: Vec<Change> = gone.chain(come.map(|(player, count)| (player.clone(), *count, 1))).collect();
        self.changes.entry(tick).or_default().extend(all);
        Ok(())
    }
}

/// For messages.
pub(crate) fn text(player: Sym) -> String {
    player.as_str().to_owned()
}
