//! The simulated game server: one connection that speaks for the whole crowd.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::crowd::{Crowd, Deed, Standing};
use super::socket::{BotsError, Socket};
use super::{BotsConfig, BotsReport, end};

/// How often deeds are sent.
const BEAT: Duration = Duration::from_millis(50);

/// Deeds a second of one player at the natural pace.
const NATURAL_PER_SECOND: f64 = 0.2;

/// The most items of one frame; the server's own limit is larger.
const MOST_ITEMS: usize = 100;

const QUESTS: u64 = 1;
const GRANTS: u64 = 2;

/// Plays until it is told to stop, or the time is over.
///
/// # Errors
/// When the server cannot be reached, refuses the token, or ends the session.
pub async fn run(config: BotsConfig) -> Result<BotsReport, BotsError> {
    let BotsConfig { url, token, world, players, seed, speed, mut stop, duration } = config;
    let socket = Socket::open(&url, &token, "worldflow bots").await?;
    let crowd = Crowd::new(&world, players, seed);
    let mut server =
        Server { socket, crowd, report: BotsReport::default(), run: run_name(), sent: 0, seq: 0 };
    server.arrive().await?;
    let end = end(duration);
    let mut beat = interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let per_beat = f64::from(players) * NATURAL_PER_SECOND * speed.clamp(0.0, 10_000.0) * BEAT.as_secs_f64();
    let mut due = 0.0_f64;
    loop {
        tokio::select! {
            _ = beat.tick() => {
                due += per_beat;
                server.act(&mut due).await?;
            }
            frame = server.socket.receive() => server.hear(&frame?).await?,
            () = sleep_until(end) => break,
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    break;
                }
            }
        }
    }
    server.leave().await
}

/// A name that no earlier run had: event ids must differ between runs, or they would be duplicates.
fn run_name() -> String {
    format!("{:x}", jiff::Timestamp::now().as_millisecond())
}

struct Server<'w> {
    socket: Socket,
    crowd: Crowd<'w>,
    report: BotsReport,
    run: String,
    sent: u64,
    seq: u64,
}

impl Server<'_> {
    async fn arrive(&mut self) -> Result<(), BotsError> {
        let writes = self.crowd.arrivals();
        self.write(writes).await?;
        self.socket.send(&json!({"subscribe": {"id": QUESTS, "view": "quest_state"}})).await?;
        let pending = json!({"id": GRANTS, "view": "grants", "where": {"status": "pending"}});
        self.socket.send(&json!({"subscribe": pending})).await
    }

    async fn leave(mut self) -> Result<BotsReport, BotsError> {
        let writes = self.crowd.departures();
        let last = self.write(writes).await?;
        // The last words count only when they are acknowledged; a silent server is not waited for long.
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            tokio::select! {
                frame = self.socket.receive() => {
                    let frame = frame?;
                    self.hear(&frame).await?;
                    if frame.pointer("/ack/seq").and_then(Value::as_u64) == Some(last) {
                        break;
                    }
                }
                () = sleep_until(patience) => break,
            }
        }
        self.socket.close().await;
        Ok(self.report)
    }

    /// Sends the deeds that are due.
    async fn act(&mut self, due: &mut f64) -> Result<(), BotsError> {
        let (mut events, mut writes) = (Vec::new(), Vec::new());
        while *due >= 1.0 {
            *due -= 1.0;
            for deed in self.crowd.act() {
                match deed {
                    Deed::Event(event) => events.push(event),
                    Deed::Write(write) => writes.push(write),
                }
            }
        }
        self.write(writes).await?;
        for chunk in events.chunks(MOST_ITEMS) {
            self.publish(chunk).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, events: &[Map<String, Value>]) -> Result<(), BotsError> {
        let events: Vec<Value> = events.iter().map(|event| self.named(event.clone())).collect();
        let begun = events.iter().filter(|event| event["kind"] == "quest.accept").count();
        self.report.quests_begun += begun as u64;
        self.report.published += events.len() as u64;
        self.seq += 1;
        self.socket.send(&json!({"publish": {"seq": self.seq, "events": events}})).await
    }

    async fn write(&mut self, writes: Vec<Value>) -> Result<u64, BotsError> {
        for chunk in writes.chunks(MOST_ITEMS) {
            let items: Vec<Value> =
                chunk.iter().filter_map(Value::as_object).map(|write| self.named(write.clone())).collect();
            self.seq += 1;
            self.socket.send(&json!({"write": {"seq": self.seq, "items": items}})).await?;
        }
        Ok(self.seq)
    }

    fn named(&mut self, mut item: Map<String, Value>) -> Value {
        self.sent += 1;
        item.insert("id".to_owned(), json!(format!("{}-{}", self.run, self.sent)));
        Value::Object(item)
    }

    async fn hear(&mut self, frame: &Value) -> Result<(), BotsError> {
        if let Some(ack) = frame.get("ack") {
            let count = |name: &str| ack.get(name).and_then(Value::as_u64).unwrap_or(0);
            self.report.accepted += count("accepted");
            self.report.duplicates += count("duplicates");
            self.report.refused += count("refused");
            if count("refused") > 0 {
                tracing::debug!(outcomes = %ack["outcomes"], "refused");
            }
        } else if let Some(error) = frame.get("error") {
            tracing::warn!(%error, "the server reported an error");
        } else if let Some(snapshot) = frame.get("snapshot") {
            self.rows(snapshot).await?;
        } else if let Some(delta) = frame.get("delta") {
            self.report.deltas += 1;
            for change in delta.get("changes").and_then(Value::as_array).into_iter().flatten() {
                self.rows(change).await?;
            }
        }
        Ok(())
    }

    async fn rows(&mut self, part: &Value) -> Result<(), BotsError> {
        let rows = |name: &str| part.get(name).and_then(Value::as_array).into_iter().flatten();
        match part.get("id").and_then(Value::as_u64) {
            Some(QUESTS) => {
                for row in rows("removed") {
                    self.crowd.learn(text(row, "scope"), text(row, "holder"), text(row, "quest"), None);
                }
                for row in rows("rows") {
                    let standing =
                        Standing { state: text(row, "state").into(), stage: text(row, "stage").into() };
                    let (scope, holder) = (text(row, "scope"), text(row, "holder"));
                    let done = self.crowd.learn(scope, holder, text(row, "quest"), Some(standing));
                    self.report.quests_done += u64::from(done);
                }
                Ok(())
            }
            Some(GRANTS) => {
                let grants: Vec<&str> = rows("rows").map(|row| text(row, "grant")).collect();
                self.answer(&grants).await
            }
            _ => Ok(()),
        }
    }

    /// Hands grants out to the players, or says why not.
    async fn answer(&mut self, grants: &[&str]) -> Result<(), BotsError> {
        for chunk in grants.chunks(MOST_ITEMS) {
            let mut answers = Vec::new();
            for grant in chunk {
                if self.crowd.takes() {
                    self.report.delivered += 1;
                    answers.push(json!({"grant": grant, "delivered": true}));
                } else {
                    self.report.declined += 1;
                    answers.push(json!({"grant": grant, "delivered": false, "reason": "the bag is full"}));
                }
            }
            self.seq += 1;
            self.socket.send(&json!({"grant_answers": {"seq": self.seq, "answers": answers}})).await?;
        }
        Ok(())
    }
}

fn text<'r>(row: &'r Value, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}
