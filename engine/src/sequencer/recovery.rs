//! Giving back what an earlier run left: the snapshot, then the journal after it, in groups that flow as
//! released ticks do.

use std::time::Instant;

use tokio::sync::oneshot;
use tracing::info;
use worldflow_schemas::Tick;

use super::{Gone, Sequencer};
use crate::amount::{Amount, GROUP};
use crate::collector::{Released, ToCollector};
use crate::journal::{JournalError, JournalReader, JournaledTick};
use crate::positions::Positions;
use crate::snapshot::Snapshot;
use crate::workers::SealedTick;

/// What an earlier run left, and how much of it is wanted.
pub(crate) struct Before {
    pub(crate) snapshot: Option<Snapshot>,
    /// Nothing more than this is done: what the journal says is taken back, up to that tick if any.
    pub(crate) only: Option<Option<Tick>>,
}

/// What was taken back: the last tick that may have been published, and how far sources had been read.
pub(crate) type TakenBack = (Option<Tick>, Positions);

impl Sequencer {
    pub(super) async fn recover(
        &mut self,
        snapshot: Option<Snapshot>,
        journal: Option<JournalReader>,
        until: Option<Tick>,
    ) -> Result<Result<Option<Tick>, JournalError>, Gone> {
        let mut last = None;
        if let Some(Snapshot { tick, rows, dedupe, positions }) = snapshot {
            self.positions = positions;
            self.intake.dedupe = dedupe;
            self.workers.load(tick, rows);
            self.intake.set_open(tick + 1);
            last = Some(tick);
        }
        if let Some(mut journal) = journal {
            let mut ticks = Vec::new();
            loop {
                let read = journal.next_segment(&mut |tick| {
                    if until.is_none_or(|until| tick.sealed.tick <= until) {
                        ticks.push(tick);
                    }
                });
                match read {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return Ok(Err(error)),
                }
                self.replay(std::mem::take(&mut ticks)).await?;
            }
            last = last.max(until.or(journal.recovered().last));
        }
        match last {
            None => self.start_fresh(),
            Some(last) => {
                let (waiter, published) = oneshot::channel();
                self.tell(ToCollector::Recovered(last))?;
                self.tell(ToCollector::Wait(last, waiter))?;
                self.intake.set_open(last + 1);
                self.workers.feed([], last + 1);
                published.await.map_err(|_| Gone)?;
                self.started = true;
                self.reserved = last;
                info!(tick = last, "the realm goes on where it was");
            }
        }
        Ok(Ok(last))
    }

    async fn replay(&mut self, ticks: Vec<JournaledTick>) -> Result<(), Gone> {
        let mut group = Vec::new();
        let mut amount = Amount::default();
        for journaled in ticks {
            let tick = journaled.sealed.tick;
            let ids = journaled.ids();
            self.intake.dedupe.sealed(tick, &ids, &journaled.floors);
            self.positions.apply(&journaled.reached);
            self.intake.set_open(tick + 1);
            amount.add(journaled.sealed.len() as u64);
            let released = Released {
                tick,
                items: journaled.sealed.len() as u64,
                journaled: false,
                at: Instant::now(),
                events: None,
                ids,
                floors: journaled.floors,
                reached: journaled.reached,
            };
            group.push((journaled.sealed, released));
            if amount.exceeds(GROUP) {
                amount = Amount::default();
                self.release_again(std::mem::take(&mut group)).await?;
            }
        }
        self.release_again(group).await
    }

    /// Releases ticks that were published before. The collector must know that they were, or it would
    /// publish none of them, and more than fit on the way would wait for one another.
    async fn release_again(&mut self, group: Vec<(SealedTick, Released)>) -> Result<(), Gone> {
        if let Some((last, _)) = group.last() {
            self.tell(ToCollector::Recovered(last.tick))?;
        }
        let next = self.intake.open();
        self.release(group, next).await
    }
}
