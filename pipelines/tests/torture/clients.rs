//! Clients that outlive the server: they send what is not acked until it is, and hand grants out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::hunts::is_hunt;
use crate::life::{DEADLINE, Life, draw};

const PLAYERS: u64 = 8;
/// Hunts of each player: number n is done with the `n * step`th kill.
pub(crate) const QUESTS: u64 = 60;

/// How many events a frame has.
const FRAME: usize = 10;

/// What the clients know, whatever becomes of the server.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// How many kills a hunt takes: so many that there is something to do up to the server's last death.
    pub(crate) step: u64,
    /// What happens beside the kills: kinds, targets and regions.
    beside: &'static [(&'static str, &'static str, &'static str)],
    known: Mutex<Known>,
    answering: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Known {
    /// How many kills of each player have been thought of.
    kills: BTreeMap<u64, u64>,
    /// Sent, perhaps, and not acked.
    unacked: BTreeSet<(u64, u64)>,
    /// The tick of each kill that was acked, and those that were acked as new.
    acked: BTreeMap<(u64, u64), u64>,
    new: BTreeSet<(u64, u64)>,
    duplicates: u64,
    /// Grants that were handed out, and those of them whose answer is not acked.
    applied: BTreeSet<String>,
    unanswered: BTreeSet<String>,
}

impl Ledger {
    pub(crate) fn new(deaths: u64, beside: &'static [(&'static str, &'static str, &'static str)]) -> Ledger {
        let (known, answering) = (Mutex::default(), Arc::default());
        Ledger { step: (deaths * 2 / 5).max(7), beside, known, answering }
    }

    /// Kills of one player: a little more than all hunts need.
    fn most_kills(&self) -> u64 {
        QUESTS * self.step + 3
    }

    /// How many hunts are done.
    fn earned(&self) -> u64 {
        self.lock().kills.values().map(|kills| (kills / self.step).min(QUESTS)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told whenever an answer to a grant is being sent.
    pub(crate) fn answering(&self) -> Arc<Notify> {
        Arc::clone(&self.answering)
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.lock().unanswered.len()
    }

    pub(crate) fn applied(&self) -> BTreeSet<String> {
        self.lock().applied.clone()
    }

    pub(crate) fn kills(&self) -> BTreeMap<String, u64> {
        self.lock().kills.iter().map(|(player, kills)| (format!("p{player}"), *kills)).collect()
    }

    pub(crate) fn summary(&self) -> String {
        let known = self.lock();
        let (acked, grants) = (known.acked.len(), known.applied.len());
        format!("{acked} events acked, {} duplicates, {grants} grants handed out", known.duplicates)
    }

    /// Some kills that are not acked, and new ones while there are any.
    fn next(&self, seed: &mut u64, new: bool) -> Vec<(u64, u64)> {
        let mut known = self.lock();
        let mut frame: Vec<(u64, u64)> = known.unacked.iter().copied().take(FRAME / 2).collect();
        while new && frame.len() < FRAME {
            let player = draw(seed, PLAYERS);
            let kills = known.kills.entry(player).or_default();
            if *kills >= self.most_kills() {
                break;
            }
            *kills += 1;
            let kill = (player, *kills);
            known.unacked.insert(kill);
            frame.push(kill);
        }
        frame
    }

    /// What happens beside a kill, after those of a frame.
    fn beside(&self, (player, kill): (u64, u64)) -> Option<Value> {
        let place = usize::try_from(player + kill).ok()?.checked_rem(self.beside.len())?;
        let (kind, target, region) = self.beside[place];
        Some(json!({
            "id": format!("beside-{player}-{kill}"), "player": format!("p{player}"), "kind": kind, "target": target,
            "region": region,
        }))
    }

    /// Takes an ack in: all that say something of a kill name the same tick, and one says that it is new.
    fn acked(&self, frame: &[(u64, u64)], ack: &Value) {
        let mut known = self.lock();
        let outcomes = || ack["outcomes"].as_array().into_iter().flatten();
        assert!(outcomes().all(|outcome| outcome["error"].is_null()), "{ack}");
        for (place, kill) in frame.iter().enumerate() {
            let outcome = outcomes().find(|outcome| outcome["index"].as_u64().unwrap_or(0) == place as u64);
            let duplicate = outcome.is_some_and(|outcome| outcome["duplicate"] == true);
            let tick = outcome.and_then(|outcome| outcome["tick"].as_u64()).or(ack["tick"].as_u64());
            let tick = tick.unwrap_or_else(|| panic!("no tick: {ack}"));
            let before = known.acked.insert(*kill, tick);
            assert!(before.is_none_or(|before| before == tick), "{kill:?} of {before:?}: {ack}");
            assert!(duplicate || known.new.insert(*kill), "{kill:?} is new twice: {ack}");
            known.unacked.remove(kill);
            known.duplicates += u64::from(duplicate);
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A session; `None` when the server is gone.
async fn open(address: &str, token: &str) -> Option<Socket> {
    let mut request = format!("ws://{address}/v1/socket").into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", "worldflow.v1.json".parse().expect("ASCII"));
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("ASCII"));
    let (mut socket, _) = connect_async(request).await.ok()?;
    send(&mut socket, json!({"hello": {"version": 1}})).await?;
    until(&mut socket, "welcome", |_| true).await?;
    Some(socket)
}

async fn send(socket: &mut Socket, frame: Value) -> Option<()> {
    socket.send(Message::text(frame.to_string())).await.ok()
}

/// The next frame; `None` when the server is gone.
async fn receive(socket: &mut Socket) -> Option<Value> {
    loop {
        let received = timeout(DEADLINE, socket.next()).await.expect("a server that lives says something");
        match received?.ok()? {
            Message::Text(text) => return Some(serde_json::from_str(&text).expect("a frame is JSON")),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

async fn until(socket: &mut Socket, name: &str, is: impl Fn(&Value) -> bool) -> Option<Value> {
    loop {
        let frame = receive(socket).await?;
        assert!(frame.get("error").is_none(), "{frame}");
        if let Some(body) = frame.get(name).filter(|body| is(body)) {
            return Some(body.clone());
        }
    }
}

/// Sends each frame three times in three orders, the last over a new connection.
async fn publish(
    address: String,
    token: String,
    ledger: Arc<Ledger>,
    mut seed: u64,
    new: bool,
) -> Option<()> {
    let mut socket = open(&address, &token).await?;
    for seq in (1_u64..).step_by(3) {
        let mut frame = ledger.next(&mut seed, new);
        if frame.is_empty() {
            if !new {
                return Some(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        for again in 0..3 {
            for place in (1..frame.len()).rev() {
                frame.swap(place, usize::try_from(draw(&mut seed, place as u64 + 1)).expect("small"));
            }
            let event = |(player, kill): &(u64, u64)| json!({"id": format!("{player}-{kill}"), "player": format!("p{player}"), "kind": "kill", "target": "wolf"});
            if again == 2 {
                socket = open(&address, &token).await?;
            }
            let beside = frame.iter().filter_map(|kill| ledger.beside(*kill));
            let (seq, events) = (seq + again, frame.iter().map(event).chain(beside).collect::<Vec<_>>());
            send(&mut socket, json!({"publish": {"seq": seq, "events": events}})).await?;
            let ack = until(&mut socket, "ack", |ack| ack["seq"] == seq).await?;
            ledger.acked(&frame, &ack);
        }
    }
    Some(())
}

/// Hands out what is pending, connection after connection, until the server is gone.
async fn deliver_all(address: String, token: String, ledger: Arc<Ledger>) {
    while deliver(&address, &token, &ledger).await.is_some() {}
}

/// Hands out each grant that is pending, by its id, and sees its answer acked.
async fn deliver(address: &str, token: &str, ledger: &Ledger) -> Option<()> {
    let mut socket = open(address, token).await?;
    let pending = json!({"subscribe": {"id": 1, "view": "grants", "where": {"status": ["pending"]}}});
    send(&mut socket, pending).await?;
    loop {
        let frame = receive(&mut socket).await?;
        let parts = match (&frame["snapshot"], &frame["delta"]["changes"]) {
            (Value::Null, Value::Null) => continue,
            (Value::Null, changes) => changes.as_array().cloned().unwrap_or_default(),
            (snapshot, _) => vec![snapshot.clone()],
        };
        let rows = parts.iter().filter_map(|part| part["rows"].as_array()).flatten();
        let ids: Vec<String> = rows.map(|row| row["grant"].as_str().expect("an id").to_owned()).collect();
        if !ids.is_empty() {
            {
                let mut known = ledger.lock();
                known.applied.extend(ids.iter().cloned());
                known.unanswered.extend(ids.iter().cloned());
            }
            let answers: Vec<Value> = ids.iter().map(|id| json!({"grant": id, "delivered": true})).collect();
            send(&mut socket, json!({"grant_answers": {"seq": 1, "answers": answers}})).await?;
            ledger.answering.notify_waiters();
            // What comes in between is pending at the next connection too.
            until(&mut socket, "ack", |_| true).await?;
            ledger.lock().unanswered.retain(|id| !ids.contains(id));
            return Some(());
        }
    }
}

/// Has clients work until the server is gone.
pub(crate) fn work(life: &Life, ledger: &Arc<Ledger>, seed: u64) -> Vec<JoinHandle<()>> {
    // What was not answered in the life before is handed out again, and counts for this one only then.
    ledger.lock().unanswered.clear();
    let (address, token) = (&life.address, &life.game_server);
    let mut working = Vec::new();
    for client in 0..3 {
        let publishing = publish(address.clone(), token.clone(), Arc::clone(ledger), seed + client, true);
        working.push(tokio::spawn(async {
            let _gone = publishing.await;
        }));
    }
    let (address, token, ledger) = (address.clone(), token.clone(), Arc::clone(ledger));
    working.push(tokio::spawn(deliver_all(address, token, ledger)));
    working
}

/// Has everything acked and handed out.
pub(crate) async fn finish(life: &Life, ledger: &Arc<Ledger>) {
    let (address, token) = (&life.address, &life.game_server);
    let done = publish(address.clone(), token.clone(), Arc::clone(ledger), 1, false).await;
    assert!(done.is_some() && ledger.lock().unacked.is_empty(), "it ended by itself");
    let delivering = tokio::spawn(deliver_all(address.clone(), token.clone(), Arc::clone(ledger)));
    let end = Instant::now() + DEADLINE;
    loop {
        let grants = life.get("/v1/views/grants").await;
        let rows = grants["rows"].as_array().expect("rows are a list");
        let earned = ledger.earned();
        let delivered = rows.iter().filter(|row| row["status"] == "delivered").count();
        if rows.iter().filter(is_hunt).count() as u64 >= earned && delivered == rows.len() {
            break;
        }
        assert!(Instant::now() < end, "{delivered} of {} grants are delivered, {earned} earned", rows.len());
        sleep(Duration::from_millis(20)).await;
    }
    delivering.abort();
}
