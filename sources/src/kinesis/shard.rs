//! The reading of one shard, on a task of its own: from a position to the shard's end.
//!
//! `position ─▶ iterator ─▶ records ─▶ the stream's task`, again and again. An iterator that has expired is
//! made anew after the last record that was handed on. What is throttled or lost is asked for again after a
//! pause that grows. It decodes nothing and counts nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use worldflow_schemas::ArcStr;

use super::client::{Client, Failure};
use super::position::Position;
use super::record::Record;

/// Kinesis answers five calls a second for each shard, and others may read it too.
const BETWEEN_CALLS: Duration = Duration::from_millis(250);

/// The pause after a first failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What the task of a shard says.
pub(super) struct Said {
    pub(super) shard: ArcStr,
    pub(super) news: ShardNews,
}

pub(super) enum ShardNews {
    /// Records, and where the shard goes on after them.
    Read {
        records: Vec<Record>,
        behind_ms: i64,
        /// There is nothing after them, and never will be.
        end: bool,
        /// A place among the answers that are in memory at once.
        permit: OwnedSemaphorePermit,
        /// Tells it to go on.
        go_on: oneshot::Sender<()>,
    },
    /// It has been throttled, and goes on later.
    Throttled,
    /// Its iterator had expired.
    Expired,
    /// Something else keeps it from going on: what, and whether it may pass by itself.
    Failed { why: String, passes: bool },
}

/// Pauses between attempts: each is twice the one before, less a part that is another for each shard.
struct Pause {
    next: Duration,
    share: u32,
}

impl Pause {
    fn of(shard: &str) -> Pause {
        Pause { next: FIRST_PAUSE, share: crc32fast::hash(shard.as_bytes()) % 256 }
    }

    fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST_PAUSE);
        whole - whole * self.share / 1024
    }
}

/// Reads a shard until its end, or until nobody listens.
pub(super) async fn read(
    client: Arc<Client>,
    shard: ArcStr,
    mut position: Position,
    room: Arc<Semaphore>,
    told: mpsc::Sender<Said>,
) {
    let tell = |news| {
        let said = Said { shard: shard.clone(), news };
        async { told.send(said).await.is_ok() }
    };
    let mut pause = Pause::of(&shard);
    let mut iterator: Option<String> = None;
    loop {
        let next_call = Instant::now() + BETWEEN_CALLS;
        // The answer is kept until it is taken; how many are at once is limited.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let fetched = match &iterator {
            Some(iterator) => client.records(iterator).await,
            None => match client.iterator(&shard, &position).await {
                Ok(made) => {
                    iterator = Some(made);
                    continue;
                }
                Err(failure) => Err(failure),
            },
        };
        let failure = match fetched {
            Ok(fetched) => {
                pause.reset();
                if let Some(last) = fetched.records.last() {
                    position = Position::After(last.sequence.as_str().into());
                }
                let end = fetched.next.is_none();
                iterator = fetched.next;
                let (records, behind_ms) = (fetched.records, fetched.behind_ms);
                let (go_on, told_to) = oneshot::channel();
                let read = ShardNews::Read { records, behind_ms, end, permit, go_on };
                if !tell(read).await || end || told_to.await.is_err() {
                    return;
                }
                sleep_until(next_call).await;
                continue;
            }
            Err(failure) => failure,
        };
        drop(permit);
        let news = match failure {
            Failure::Throttled => ShardNews::Throttled,
            Failure::Expired => {
                iterator = None;
                ShardNews::Expired
            }
            Failure::Lost(why) => ShardNews::Failed { why, passes: true },
            Failure::Missing(why) | Failure::Refused(why) => {
                iterator = None;
                ShardNews::Failed { why, passes: false }
            }
        };
        if !tell(news).await {
            return;
        }
        sleep(pause.next()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ_between_shards() {
        let mut pause = Pause::of("shardId-000000000000");
        let pauses: Vec<Duration> = (0..8).map(|_| pause.next()).collect();
        assert!(pauses.is_sorted() && pauses[0] < pauses[5]);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE && *pause * 4 >= FIRST_PAUSE * 3));
        assert_ne!(Pause::of("shardId-000000000001").next(), pauses[0]);
        pause.reset();
        assert_eq!(pause.next(), pauses[0]);
    }
}
