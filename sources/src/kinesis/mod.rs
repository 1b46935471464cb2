//! Kinesis: a stream of events, all of its shards, from where the journal says.
//!
//! `shards ─one task each→ records ─the stream's task: decode, check, lateness→ batches ─▶ admission`. What has
//! been handed over is remembered by the engine with the tick that holds it, so a restart reads on exactly
//! after that. Records that are bad are rows of `rejections`, and stop nothing. Admission blocks the
//! stream's task, which then takes no answers, and so the tasks of the shards: nothing else waits.

mod aggregate;
mod client;
mod lineage;
mod position;
mod record;
mod shard;
mod stream;
mod watermark;

use std::fmt;
use std::time::Duration;

use worldflow_schemas::Sym;

pub use lineage::Start;
pub use stream::read;

use crate::recording::Mapping;
use client::Client;
use position::Position;

/// A stream, and how it is read.
#[derive(Debug)]
pub struct KinesisConfig {
    /// The source's name in the world.
    pub name: Sym,
    /// The producer of its events. Together with its id it names an event, by whatever way it comes.
    pub producer: Sym,
    /// The stream's name.
    pub stream: String,
    /// The region that it is in.
    pub region: String,
    /// Where to call instead of the region's own address.
    pub endpoint: Option<String>,
    /// Where it is read from when it has never been read.
    pub start: Start,
    /// Events belong to the ticks of their own times, and may be so late; `None`: to those in which they come.
    pub lateness_ms: Option<u64>,
    /// What makes events of its records; `None`: they are worldflow's own.
    pub mapping: Option<Mapping>,
    /// Keys; `None` takes those of the environment, as all tools of AWS do.
    pub keys: Option<Keys>,
}

/// Keys of AWS. They are shown nowhere.
#[derive(Clone)]
pub struct Keys {
    /// The key's id.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
    /// Of keys that are lent.
    pub session_token: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// How long a stream is asked for its first records.
const FIRST: Duration = Duration::from_secs(5);

impl KinesisConfig {
    /// About when the first event of the stream can have happened: when its first record came, less the
    /// lateness. A fresh realm begins there. `None` for a stream that is read from now on, for one whose events
    /// have the time in which they come, and when the stream does not say within a few seconds.
    pub async fn begins_ms(&self) -> Option<i64> {
        let lateness_ms = i64::try_from(self.lateness_ms?).ok()?;
        let position = match self.start {
            Start::Latest => return None,
            Start::TrimHorizon => Position::Horizon,
            Start::At(ms) => Position::At(ms),
        };
        let client = Client::open(self).await;
        let shards = tokio::time::timeout(FIRST, client.shards()).await.ok()?.ok()?;
        let firsts = shards.iter().map(|shard| first_ms(&client, &shard.id, &position));
        let firsts = futures_util::future::join_all(firsts).await;
        firsts.into_iter().flatten().min().map(|ms| ms.saturating_sub(lateness_ms))
    }
}

async fn first_ms(client: &Client, shard: &str, position: &Position) -> Option<i64> {
    let first = async {
        let iterator = client.iterator(shard, position).await.ok()?;
        let fetched = client.records(&iterator).await.ok()?;
        fetched.records.first().map(|record| record.arrived_ms)
    };
    tokio::time::timeout(FIRST, first).await.ok().flatten()
}
