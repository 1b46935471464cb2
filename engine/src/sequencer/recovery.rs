//! Giving back what an earlier run left: the snapshot, then the journal after it, in groups that flow as
//! released ticks do.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, trace};
use worldflow_schemas::Tick;

use super::{Gone, Sequencer};
use crate::PHASE;
use crate::amount::{Amount, GROUP};
use crate::collector::{Released, ToCollector};
use crate::journal::{JournalError, JournalReader, JournaledTick, Recovered};
use crate::positions::Positions;
use crate::privacy::forgotten;
use crate::snapshot::Snapshot;
use crate::workers::SealedTick;

/// What an earlier run left, and how much of it is wanted.
pub(crate) struct Before {
    pub(crate) snapshot: Option<Snapshot>,
    /// The state hashes that were written down, in the order of their ticks.
    pub(crate) recorded: VecDeque<(Tick, u128)>,
    /// What the journal says is taken back up to this tick; all of it when absent.
    pub(crate) until: Option<Tick>,
    /// Nothing more than that is done.
    pub(crate) only: bool,
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
        trace!(target: PHASE, "recovery begins");
        let mut last = None;
        if let Some(Snapshot { tick, rows, dedupe, positions, .. }) = snapshot {
            self.positions = positions;
            self.intake.dedupe = dedupe;
            self.workers.load(tick, rows);
            self.intake.set_open(tick + 1);
            last = Some(tick);
        }
        if let Some(journal) = journal {
            let read = match self.replay_all(journal, until).await? {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            self.journaled.fetch_add(read.bytes, Ordering::Relaxed);
            last = last.max(until.or(read.last));
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
                self.intake.defined.settle();
                self.started = true;
                self.reserved = last;
                info!(tick = last, "the realm goes on where it was");
            }
        }
        trace!(target: PHASE, "recovery ends");
        Ok(Ok(last))
    }

    /// Replays the journal while a thread reads on in it.
    async fn replay_all(
        &mut self,
        journal: JournalReader,
        until: Option<Tick>,
    ) -> Result<Result<Recovered, JournalError>, Gone> {
        let (read, mut portions) = mpsc::channel(READ_AHEAD);
        let reading = move || read_ahead(journal, until, &read);
        let reader = match self.host.spawn_job("journal reader", reading) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(JournalError::Thread(error))),
        };
        while let Some(Portion { ticks, states }) = portions.recv().await {
            self.tell(ToCollector::Recorded(states))?;
            self.replay(ticks).await?;
        }
        Ok(reader.ended().await.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    async fn replay(&mut self, ticks: Vec<JournaledTick>) -> Result<(), Gone> {
        let mut group = Vec::new();
        let mut amount = Amount::default();
        for journaled in ticks {
            let tick = journaled.sealed.tick;
            let ids = journaled.ids();
            self.intake.dedupe.sealed(tick, &ids, &journaled.floors);
            self.positions.apply(&journaled.reached);
            self.intake.defined.replayed(&journaled.sealed.commands);
            self.intake.set_open(tick + 1);
            amount.add(journaled.sealed.len() as u64);
            let released = Released {
                tick,
                items: journaled.sealed.len() as u64,
                journaled: false,
                at: self.host.now(),
                events: None,
                ids,
                floors: journaled.floors,
                reached: journaled.reached,
                forgotten: forgotten(&journaled.sealed.commands),
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

/// How many portions of ticks are decoded ahead.
const READ_AHEAD: usize = 4;

/// Inputs of a portion.
const PORTION: usize = 1 << 14;

/// Ticks of a journal, and the state hashes that it says of ticks.
#[derive(Default)]
struct Portion {
    ticks: Vec<JournaledTick>,
    states: Vec<(Tick, u128)>,
}

/// Reads a journal to its end, in portions of ticks up to `until`.
fn read_ahead(
    mut journal: JournalReader,
    until: Option<Tick>,
    read: &mpsc::Sender<Portion>,
) -> Result<Recovered, JournalError> {
    let (mut portion, mut inputs) = (Portion::default(), 0);
    let send = |portion: &mut Portion| {
        // Whoever no longer listens has failed and says why.
        let _gone = read.blocking_send(std::mem::take(portion));
    };
    let is_wanted = |tick: Tick| until.is_none_or(|until| tick <= until);
    while journal.next_segment(&mut |tick| {
        // A tick that is not wanted may say what one before it came to.
        portion.states.extend(tick.state.filter(|(tick, _)| is_wanted(*tick)));
        if is_wanted(tick.sealed.tick) {
            inputs += tick.sealed.len();
            portion.ticks.push(tick);
        }
        if inputs >= PORTION {
            inputs = 0;
            send(&mut portion);
        }
    })? {}
    send(&mut portion);
    Ok(journal.recovered())
}
