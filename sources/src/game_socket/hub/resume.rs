//! A client that was here before goes on with the rows that it has, if what it missed is known.

use std::sync::Arc;

use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Row, Tick};

use super::super::access::Wanted;
use super::super::inbox::{Change, Sub, fold};
use super::super::shown::{Shown, Work};
use super::{EntryId, Hub, rows_at};

/// What the client is told when it goes on.
pub(crate) const RESUMED: &str = "resumed";

/// Why it gets a snapshot instead, as it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Afresh {
    /// Its rows are of another journal.
    OtherEpoch,
    /// More has changed since than is held.
    TooOld,
    /// The realm has not come so far.
    InFuture,
    /// Its running hash is not that of the rows that it should have.
    RowsDiffer,
}

impl Afresh {
    #[cfg(test)]
    pub(crate) const ALL: [Afresh; 4] =
        [Afresh::OtherEpoch, Afresh::TooOld, Afresh::InFuture, Afresh::RowsDiffer];

    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Afresh::OtherEpoch => "other_epoch",
            Afresh::TooOld => "too_old",
            Afresh::InFuture => "in_future",
            Afresh::RowsDiffer => "rows_differ",
        }
    }
}

/// Where a client says that it was.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// Of the frames that its rows came from.
    pub(crate) same_epoch: bool,
    /// The last of them.
    pub(crate) tick: Tick,
    /// The running hash that it had then; `Some(None)` when it cannot be read.
    pub(crate) hash: Option<Option<u64>>,
}

impl Hub {
    /// Lets a subscription that has just been made, and is held, go on from there; otherwise it is owed
    /// a snapshot.
    pub(crate) fn resume(&self, id: EntryId, sub: Sub, from: &From) -> Result<(), Afresh> {
        let resumed = self.missed(id, sub, from).and_then(|(inbox, hash, missed)| {
            let fits = inbox.resume(sub.id, from.tick, hash, missed);
            if fits { Ok(()) } else { Err(Afresh::TooOld) }
        });
        if resumed.is_err() {
            self.not_live(id, sub.view);
        }
        resumed
    }

    fn missed(
        &self,
        id: EntryId,
        sub: Sub,
        from: &From,
    ) -> Result<(Arc<super::Inbox>, u64, Vec<Change>), Afresh> {
        if !from.same_epoch {
            return Err(Afresh::OtherEpoch);
        }
        // From this tick on changes are for it; those before are looked for while others go on.
        let (inbox, now, wanted) = {
            let mut state = self.lock();
            let now = state.tick;
            let entry = state.entry(id, sub.view).ok_or(Afresh::TooOld)?;
            if from.tick > now {
                return Err(Afresh::InFuture);
            }
            entry.live = true;
            (Arc::clone(&entry.inbox), now, Arc::clone(&entry.wanted))
        };
        let held = self.realm.views.get(sub.view).and_then(|stored| stored.resumed_since(from.tick));
        let held = held.ok_or(Afresh::TooOld)?;
        let mut missed = Vec::new();
        for delta in held.iter().filter(|delta| delta.tick <= now) {
            let wanted = delta.changes.iter().filter(|(row, _)| wanted.passes(row));
            missed.extend(wanted.map(|(row, diff)| Change {
                tick: delta.tick,
                shown: Shown::new(sub.view, row.clone()),
                diff: *diff,
            }));
        }
        fold(&mut missed);
        let hash = match sub.hash || from.hash.is_some() {
            true => self.hash_before(sub.view, &wanted, now, &missed)?,
            false => 0,
        };
        match from.hash {
            Some(said) if said != Some(hash) => Err(Afresh::RowsDiffer),
            _ => Ok((inbox, hash, missed)),
        }
    }

    /// The running hash before these changes, which led to the rows of `now`.
    fn hash_before(
        &self,
        view: ViewId,
        wanted: &Wanted,
        now: Tick,
        missed: &[Change],
    ) -> Result<u64, Afresh> {
        let rows = rows_at(&self.realm, view, wanted, now).ok_or(Afresh::TooOld)?;
        let hash = sum(view, &rows, &self.work);
        Ok(missed.iter().fold(hash, |hash, change| hash.wrapping_sub(term(change, &self.work))))
    }

    fn not_live(&self, id: EntryId, view: ViewId) {
        if let Some(entry) = self.lock().entry(id, view) {
            entry.live = false;
            entry.inbox.owe(id.1);
        }
    }
}

/// The running hash of rows.
pub(crate) fn sum(view: ViewId, rows: &[Row], work: &Work) -> u64 {
    Work::count(&work.hashed, rows.len());
    rows.iter().fold(0, |sum, row| sum.wrapping_add(worldflow_schemas::wire_hash::row_hash(view, row)))
}

/// What a change adds to a running hash.
#[expect(clippy::cast_sign_loss, reason = "a negative factor wraps around as it should")]
pub(crate) fn term(change: &Change, work: &Work) -> u64 {
    change.shown.hash(work).wrapping_mul(change.diff as u64)
}
