//! The task of a stream: it follows the shards, and hands over what they hold.
//!
//! It alone decodes, knows what is late, and talks to admission, so what a batch says of the watermark and
//! of its shard's position holds for everything handed over before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};
use worldflow_engine::admission::{Batch, Closed, Item, Refusal};
use worldflow_engine::positions::{Positions, Reached};
use worldflow_engine::realm::Realm;
use worldflow_schemas::{ArcStr, Sym};

use super::KinesisConfig;
use super::client::{Client, Failure};
use super::lineage::{Lineage, News};
use super::position::Position;
use super::record::{Decoded, Decoder, Record};
use super::shard::{self, Said, ShardNews};
use super::watermark::Watermark;
use crate::check::refuse;
use crate::game_socket::wall_ms;

/// The most items of one batch, but for the last record's.
const BATCH_ITEMS: usize = 4096;

/// The most answers of shards that are in memory at once; one has at most 10 MiB.
const MOST_ANSWERS: usize = 8;

/// The most items a second, so that in two minutes fewer ids come than are remembered.
const MOST_PER_S: usize = 60_000;

/// How often the shards are listed; the end of one lists them at once.
const LIST_EVERY: Duration = Duration::from_secs(60);

/// How soon they are listed again when that failed.
const LIST_AGAIN: Duration = Duration::from_secs(2);

/// How often the log says that something is still so.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// From this on the log says how far behind the stream is.
const WORTH_SAYING_MS: i64 = 60_000;

/// Reads a stream from where `positions` say, until told to stop or until the realm ends.
pub async fn read(
    config: KinesisConfig,
    realm: Realm,
    positions: &Positions,
    mut stopping: watch::Receiver<bool>,
) {
    let mut stream = Stream::open(config, realm, positions).await;
    info!(source = %stream.name, stream = stream.stream, "reading the stream");
    tokio::select! {
        () = stopped(&mut stopping) => {}
        // It never ends otherwise: the realm takes nothing more.
        Err(Closed) = stream.run() => {}
    }
    stream.readers.abort_all();
}

/// Returns when told to stop; a sender that is gone stops it too.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _gone = stopping.wait_for(|stop| *stop).await;
}

struct Stream {
    name: Sym,
    producer: Sym,
    stream: String,
    realm: Realm,
    client: Arc<Client>,
    decoder: Decoder,
    lineage: Lineage,
    /// Of events that belong to the ticks of their own times.
    watermark: Option<Watermark>,
    readers: JoinSet<()>,
    room: Arc<Semaphore>,
    tell: mpsc::Sender<Said>,
    told: mpsc::Receiver<Said>,
    list_at: Instant,
    /// Shards that have been read to their ends since the last listing. Until it is known what came of
    /// them, they hold the watermark.
    ended: Vec<ArcStr>,
    /// Shards that wait for others, which are far behind them.
    waiting: Vec<(ArcStr, oneshot::Sender<()>)>,
    /// The present second and how much of it has been handed over.
    second: (Instant, usize),
    /// How far behind each shard is that is being read.
    behind_ms: BTreeMap<ArcStr, i64>,
    lag_said: Option<Instant>,
    failure_said: Option<Instant>,
}

impl Stream {
    async fn open(config: KinesisConfig, realm: Realm, positions: &Positions) -> Stream {
        let client = Arc::new(Client::open(&config).await);
        let KinesisConfig { name, producer, stream, start, lateness_ms, mapping, .. } = config;
        let known = positions.of(name).into_iter().filter_map(|(part, position)| {
            let shard = part.strip_prefix(stream.as_str())?.strip_prefix('/')?;
            Some((ArcStr::from(shard), Position::parse(&position)?))
        });
        let known: BTreeMap<ArcStr, Position> = known.collect();
        let (tell, told) = mpsc::channel(1);
        Stream {
            decoder: Decoder::new(&realm, producer, mapping),
            lineage: Lineage::new(start, wall_ms(), known),
            watermark: lateness_ms.map(|ms| Watermark::new(i64::try_from(ms).unwrap_or(i64::MAX))),
            readers: JoinSet::new(),
            room: Arc::new(Semaphore::new(MOST_ANSWERS)),
            list_at: Instant::now(),
            ended: Vec::new(),
            waiting: Vec::new(),
            second: (Instant::now(), 0),
            behind_ms: BTreeMap::new(),
            lag_said: None,
            failure_said: None,
            name,
            producer,
            stream,
            realm,
            client,
            tell,
            told,
        }
    }

    async fn run(&mut self) -> Result<(), Closed> {
        loop {
            tokio::select! {
                said = self.told.recv() => match said {
                    Some(Said { shard, news }) => self.hear(&shard, news).await?,
                    // The stream itself holds a sender.
                    None => return Err(Closed),
                },
                () = sleep_until(self.list_at) => self.list().await?,
            }
        }
    }

    /// Lists the shards, and begins to read those that are ready.
    async fn list(&mut self) -> Result<(), Closed> {
        let listed = match self.client.shards().await {
            Ok(listed) => listed,
            Err(failure) => {
                self.list_at = Instant::now() + LIST_AGAIN;
                match failure {
                    Failure::Throttled | Failure::Expired => {
                        self.count("worldflow_kinesis_throttled_total", 1)
                    }
                    Failure::Lost(why) => self.failed("", &why, true),
                    Failure::Missing(why) | Failure::Refused(why) => self.failed("", &why, false),
                }
                return Ok(());
            }
        };
        self.list_at = Instant::now() + LIST_EVERY;
        for news in self.lineage.list(listed) {
            let (shard, position) = match news {
                News::Begins(shard, position) => (shard, Some(position)),
                News::Gone(shard) => (shard, None),
                News::Lost(shard) => {
                    let hint = "raise the stream's retention, or read it sooner";
                    error!(source = %self.name, %shard, hint, "a shard is no longer kept that was not read to its end: what it held is lost");
                    self.count("worldflow_kinesis_lost_shards_total", 1);
                    (shard, None)
                }
            };
            let reached = self.reached(&shard, position);
            self.submit(Vec::new(), Some(reached)).await?;
        }
        self.begin();
        for shard in std::mem::take(&mut self.ended) {
            if let Some(watermark) = &mut self.watermark {
                watermark.close(&shard);
                watermark.reached_ms();
            }
        }
        self.go_on();
        Ok(())
    }

    /// Begins to read the shards that are ready.
    fn begin(&mut self) {
        for (shard, position) in self.lineage.ready() {
            info!(source = %self.name, shard = %shard.id, %position, "reading a shard");
            if let Some(watermark) = &mut self.watermark {
                watermark.open(shard.id.clone());
            }
            let (client, room, tell) = (Arc::clone(&self.client), Arc::clone(&self.room), self.tell.clone());
            self.readers.spawn(shard::read(client, shard.id, position, room, tell));
        }
        // Those that have ended have said so.
        while self.readers.try_join_next().is_some() {}
        self.gauge("worldflow_kinesis_shards", i64::try_from(self.lineage.reading()).unwrap_or(i64::MAX));
    }

    async fn hear(&mut self, shard: &ArcStr, news: ShardNews) -> Result<(), Closed> {
        match news {
            ShardNews::Read { records, behind_ms, end, permit, go_on } => {
                self.take(shard, &records, behind_ms, end).await?;
                drop((records, permit));
                self.measure(shard, behind_ms, end);
                self.waiting.push((shard.clone(), go_on));
                self.go_on();
                Ok(())
            }
            ShardNews::Throttled => {
                self.count("worldflow_kinesis_throttled_total", 1);
                // Ticks still wait for what is there.
                self.keep_waiting().await
            }
            ShardNews::Expired => {
                self.count("worldflow_kinesis_expired_iterators_total", 1);
                self.keep_waiting().await
            }
            ShardNews::Failed { why, passes } => {
                self.failed(shard, &why, passes);
                Ok(())
            }
        }
    }

    /// Lets all shards go on that are not far ahead of others.
    fn go_on(&mut self) {
        for (shard, go_on) in std::mem::take(&mut self.waiting) {
            if self.watermark.as_mut().is_some_and(|watermark| watermark.is_ahead(&shard)) {
                self.waiting.push((shard, go_on));
            } else {
                // One that has ended does not listen.
                let _ended = go_on.send(());
            }
        }
    }

    /// Hands over the records of an answer, and where their shard goes on.
    async fn take(
        &mut self,
        shard: &ArcStr,
        records: &[Record],
        behind_ms: i64,
        end: bool,
    ) -> Result<(), Closed> {
        let hashes = self.lineage.hashes(shard);
        let mut decoded = Decoded::default();
        for (index, record) in records.iter().enumerate() {
            self.decoder.decode(shard, hashes, record, &mut decoded);
            let last = index + 1 == records.len();
            if decoded.items.len() < BATCH_ITEMS && !last {
                continue;
            }
            let behind = behind_ms > 0 || !last || end;
            let items = self.sift(shard, std::mem::take(&mut decoded), behind);
            if last && end {
                self.end(shard);
                let reached = self.reached(shard, Some(Position::End));
                return self.submit(items, Some(reached)).await;
            }
            let position = Position::After(record.sequence.as_str().into());
            let reached = self.reached(shard, Some(position));
            self.submit(items, Some(reached)).await?;
        }
        if records.is_empty() && end {
            self.end(shard);
            let reached = self.reached(shard, Some(Position::End));
            return self.submit(Vec::new(), Some(reached)).await;
        }
        if records.is_empty()
            && let Some(watermark) = &mut self.watermark
        {
            // What it has held until now may go on.
            let before = watermark.reached_ms();
            watermark.hear(shard, None, behind_ms > 0);
            if behind_ms > 0 || watermark.reached_ms() != before {
                self.keep_waiting().await?;
            }
        }
        Ok(())
    }

    /// What of it may be handed over; the rest are rows of `rejections`.
    fn sift(&mut self, shard: &str, decoded: Decoded, behind: bool) -> Vec<Item> {
        let Decoded { items, refused, skipped } = decoded;
        let now_ms = wall_ms();
        for (id, refusal) in &refused {
            self.realm.observed.reject(self.producer, Some(id), refusal, now_ms);
        }
        self.count("worldflow_kinesis_skipped_total", skipped);
        let mut latest_ms = None;
        let mut taken = Vec::with_capacity(items.len());
        for (at_ms, item) in items {
            latest_ms = latest_ms.max(Some(at_ms));
            if self.watermark.as_ref().is_some_and(|watermark| watermark.is_late(at_ms)) {
                self.realm.observed.reject(self.producer, Some(&item.id), &late(), now_ms);
            } else {
                taken.push(item);
            }
        }
        if let Some(watermark) = &mut self.watermark {
            watermark.hear(shard, latest_ms, behind);
        }
        taken
    }

    /// A shard has been read to its end: its children go on, once they are listed.
    fn end(&mut self, shard: &ArcStr) {
        info!(source = %self.name, %shard, "a shard has been read to its end");
        self.lineage.end(shard);
        self.ended.push(shard.clone());
        self.list_at = Instant::now();
    }

    fn reached(&self, shard: &str, position: Option<Position>) -> Reached {
        let position = position.map(|position| position.to_string().into());
        Reached { source: self.name, part: format!("{}/{shard}", self.stream).into(), position }
    }

    /// Says again up to when everything has come, so that the realm does not take the stream for silent.
    async fn keep_waiting(&mut self) -> Result<(), Closed> {
        if self.watermark.is_some() { self.submit(Vec::new(), None).await } else { Ok(()) }
    }

    async fn submit(&mut self, items: Vec<Item>, reached: Option<Reached>) -> Result<(), Closed> {
        self.keep_pace(items.len()).await;
        let watermark_ms = self.watermark.as_mut().and_then(Watermark::reached_ms);
        let batch = Batch { source: self.producer, items, watermark_ms, reply: None, reached };
        self.realm.admission.submit(batch).await
    }

    async fn keep_pace(&mut self, items: usize) {
        let (began, before) = self.second;
        if began.elapsed() >= Duration::from_secs(1) {
            self.second = (Instant::now(), items);
        } else if before > 0 && before + items > MOST_PER_S {
            sleep_until(began + Duration::from_secs(1)).await;
            self.second = (Instant::now(), items);
        } else {
            self.second.1 += items;
        }
    }

    fn measure(&mut self, shard: &ArcStr, behind_ms: i64, end: bool) {
        if end {
            self.behind_ms.remove(shard);
        } else {
            self.behind_ms.insert(shard.clone(), behind_ms);
        }
        let most_ms = self.behind_ms.values().copied().max().unwrap_or(0);
        self.gauge("worldflow_kinesis_behind_ms", most_ms);
        let due = self.lag_said.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        if most_ms >= WORTH_SAYING_MS && due {
            self.lag_said = Some(Instant::now());
            warn!(source = %self.name, behind_ms = most_ms, "the stream is ahead of what has been read of it");
        } else if most_ms == 0 && self.lag_said.take().is_some() {
            info!(source = %self.name, "the stream has been read up to the present");
        }
    }

    fn failed(&mut self, shard: &str, why: &str, passes: bool) {
        self.count("worldflow_kinesis_failures_total", 1);
        if self.failure_said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        self.failure_said = Some(Instant::now());
        if passes {
            warn!(source = %self.name, shard, why, "the stream does not answer; it is asked again");
        } else {
            let hint = "check the stream's name, the region and the permissions; it is asked again";
            error!(source = %self.name, shard, why, hint, "the stream cannot be read");
        }
    }

    fn count(&self, name: &'static str, by: u64) {
        let labels = [("realm", self.realm.name.as_str()), ("source", self.name.as_str())];
        metrics::counter!(name, &labels).increment(by);
    }

    #[expect(clippy::cast_precision_loss, reason = "statistics")]
    fn gauge(&self, name: &'static str, value: i64) {
        let labels = [("realm", self.realm.name.as_str()), ("source", self.name.as_str())];
        metrics::gauge!(name, &labels).set(value as f64);
    }
}

fn late() -> Refusal {
    let reason = "it happened before what has come already, less the source's lateness";
    refuse("late", "at", reason, "raise `lateness` of the source, or send events sooner")
}
