//! A reader who follows the view store, as the sessions of sockets do: what it has, a socket would write next.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use worldflow_engine::realm::Realm;
use worldflow_schemas::catalog::{NPC_LINES, NPC_SENTENCES, TIERS, ViewId};
use worldflow_schemas::{Row, Sym, Tick, Value};

use super::players::{By, Players};

/// The lines that were said, whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lines {
    /// Of models, those that a call was made for.
    pub(super) asked: u64,
    /// Of models, those that had the answer to another's call.
    pub(super) shared: u64,
    pub(super) authored: u64,
    /// Lines of models that ended before the model did; of these it may not be known how many tokens they took.
    pub(super) truncated: u64,
}

/// What the edge has counted of a tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct TierCounts {
    pub(super) sent: u64,
    pub(super) shed: u64,
    pub(super) cancelled: u64,
    pub(super) fallback: u64,
    pub(super) pushed_back: u64,
    pub(super) prompt_tokens: u64,
    pub(super) tokens: u64,
    pub(super) shared: u64,
}

/// The place of a column.
fn column(view: ViewId, name: &str) -> usize {
    view.def().column(name).expect("the catalog has the column")
}

/// Follows sentences and lines until it is told to stop.
///
/// # Errors
/// When the realm stops, or the reader falls so far behind that it has missed rows.
pub(super) async fn follow(
    realm: Realm,
    players: Arc<Players>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<Lines> {
    let mut progress = realm.progress.clone();
    let mut at = progress.borrow_and_update().tick;
    let mut lines = Lines::default();
    loop {
        tokio::select! {
            changed = progress.changed() => changed.context("the realm has stopped")?,
            _ = stop.wait_for(|stop| *stop) => return Ok(lines),
        }
        let tick = progress.borrow_and_update().tick;
        each(&realm, NPC_SENTENCES, at, |row| sentence(&players, row, Instant::now()))?;
        each(&realm, NPC_LINES, at, |row| lines.take(row))?;
        at = tick;
    }
}

/// Every row of a view that has come after a tick.
fn each(realm: &Realm, view: ViewId, after: Tick, mut with: impl FnMut(&Row)) -> anyhow::Result<()> {
    let Some(deltas) = realm.views.read(view).since(after) else {
        bail!("the reader has missed rows of {}\nhint: ask for less a second", view.def().name);
    };
    let changes = deltas.iter().flat_map(|delta| &delta.changes);
    changes.filter(|(_, diff)| *diff > 0).for_each(|(row, _)| with(row));
    Ok(())
}

fn sentence(players: &Players, row: &Row, now: Instant) {
    let at = |name| &row[column(NPC_SENTENCES, name)];
    let (Value::Sym(player), Value::Int(line), Value::Int(0)) = (at("player"), at("line"), at("sentence"))
    else {
        return;
    };
    let by = match at("why") {
        Value::Sym(why) => By::Bark(*why),
        _ => By::Model,
    };
    players.hear(*player, *line, by, now);
}

impl Lines {
    fn take(&mut self, row: &Row) {
        let at = |name| &row[column(NPC_LINES, name)];
        if !matches!(at("why"), Value::Null) {
            self.authored += 1;
        } else if *at("finish") == Value::Sym(Sym::new("truncated")) {
            self.truncated += 1;
        } else if *at("tokens") == Value::Int(0) {
            self.shared += 1;
        } else {
            self.asked += 1;
        }
    }
}

/// What the view `tiers` says of a tier.
pub(super) fn tier(realm: &Realm, tier: &str) -> TierCounts {
    let view = realm.views.read(TIERS);
    let Some(row) = view.get(&[Value::id(realm.name), Value::Sym(Sym::new(tier))]) else {
        return TierCounts::default();
    };
    let of = |name| match &row[column(TIERS, name)] {
        Value::Int(count) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    };
    TierCounts {
        sent: of("sent"),
        shed: of("shed"),
        cancelled: of("cancelled"),
        fallback: of("fallback"),
        pushed_back: of("pushed_back"),
        prompt_tokens: of("prompt_tokens"),
        tokens: of("tokens"),
        shared: of("shared"),
    }
}
