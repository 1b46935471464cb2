//! Readers of the views: they hold rows as of a tick, keep them when the realm crashes, and go on from there.

use worldflow_engine::runtime::RunningRealm;
use worldflow_engine::testing::simulation::Chance;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::Tick;
use worldflow_schemas::catalog::LEVELS;

use crate::history::{History, Rows, apply, player_and_count};

/// A table whose rows and frontier are written in one transaction, which may fail; or a socket, when it never does.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// One transaction in so many fails.
    fails: u64,
    rows: Rows,
    tick: Option<Tick>,
    /// It has read since the realm was opened.
    connected: bool,
    pub(crate) resumed: u64,
}

impl Reader {
    pub(crate) fn new(fails: u64) -> Reader {
        Reader { fails, ..Reader::default() }
    }

    /// The realm was opened anew.
    pub(crate) fn disconnect(&mut self, running: &RunningRealm) -> Result<(), String> {
        self.connected = false;
        let tick = running.realm.progress.borrow().tick;
        match self.tick {
            Some(held) if held > tick => {
                Err(format!("a reader has seen tick {held}, and the realm goes on after {tick}"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn read(
        &mut self,
        running: &RunningRealm,
        history: &History,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let progress = running.realm.progress.borrow().tick;
        let view = running.realm.views.read(LEVELS);
        let at = progress.max(view.last_change());
        if at == 0 || (self.fails > 0 && chance.one_in(self.fails)) {
            return Ok(());
        }
        history.tell(at);
        let deltas = self.tick.and_then(|tick| match self.connected {
            true => view.since(tick),
            false => view.resumed_since(tick),
        });
        match deltas {
            Some(deltas) => {
                self.resumed += u64::from(!self.connected);
                let changes = deltas.iter().flat_map(|delta| &delta.changes).map(|(row, diff)| {
                    let (player, count) = player_and_count(row);
                    (player, count, *diff)
                });
                apply(&mut self.rows, changes.collect::<Vec<_>>().iter())
                    .map_err(|why| format!("a reader at tick {:?} was given {why}", self.tick))?;
            }
            None => self.rows = view.rows(&Filter::all()).map(player_and_count).collect(),
        }
        (self.tick, self.connected) = (Some(at), true);
        let expected = history.rows_at(at)?;
        if self.rows != expected {
            return Err(format!("a reader holds {:?} at tick {at}, where {expected:?} was shown", self.rows));
        }
        Ok(())
    }
}
