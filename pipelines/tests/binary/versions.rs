//! Writes that expect a version: concurrent ones are linearizable, and a conflict says what is there.
//!
//! Clients write and read one fact, or one entity, at once, and note when each began and when it was answered. Some lose the
//! connection before the answer, or the server is killed; they send again under the same id, and it is the answer to that which
//! is noted. A checker that knows nothing of ticks then looks for an order of all of them, each between its beginning and its
//! answer, that one copy alone could have given.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use serde_json::{Value, json};
use worldflow_engine::testing::setting;

use crate::client::{Client, Encoding};
use crate::process::Server;
use crate::rows::view;
use crate::worlds;

const DEFAULT: i64 = 0;

/// What is shown of a fact or an entity: no version where it is at its default, or not there.
type Shown = (u64, i64);

/// One copy of what is written, and what is done to it.
trait Model: Copy + Eq + Hash + Debug {
    type Operation: Copy + PartialEq + Debug;
    const FIRST: Self;
    const VIEW: &'static str;
    /// Names the row.
    const NAME: (&'static str, &'static str);

    /// What it is after an operation; `None` when it could not have given this answer.
    fn after(self, operation: Self::Operation, answer: Answer) -> Option<Self>;
    fn chosen(seed: &mut u64, known: Shown, number: i64) -> Self::Operation;
    /// Of a read there is none.
    fn write(operation: Self::Operation) -> Option<Value>;
    /// Of a row, or of what an ack says is there.
    fn value(of: &Value) -> Option<i64>;
    /// Of nothing.
    const NOTHING: i64;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Done,
    Conflict(Shown),
    Found(Shown),
}

#[derive(Clone, Copy, Debug)]
struct Noted<O> {
    operation: O,
    answer: Answer,
    began: u128,
    answered: u128,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OfFact {
    /// Sets a value, if the shown version is this.
    Set {
        value: i64,
        if_version: Option<u64>,
    },
    Add {
        value: i64,
    },
    Clear,
    Read,
}

/// A fact: how many times the value has changed, and the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Fact {
    changes: u64,
    value: i64,
}

impl Fact {
    fn shown(self) -> Shown {
        (if self.value == DEFAULT { 0 } else { self.changes }, self.value)
    }

    fn set(self, value: i64) -> Fact {
        Fact { changes: self.changes + u64::from(value != self.value), value }
    }
}

impl Model for Fact {
    type Operation = OfFact;
    const FIRST: Fact = Fact { changes: 0, value: DEFAULT };
    const VIEW: &'static str = "facts";
    const NAME: (&'static str, &'static str) = ("fact", "gold");
    const NOTHING: i64 = DEFAULT;

    fn after(self, operation: OfFact, answer: Answer) -> Option<Fact> {
        match (operation, answer) {
            (OfFact::Set { value, if_version }, Answer::Done) => {
                if_version.is_none_or(|version| version == self.shown().0).then(|| self.set(value))
            }
            (OfFact::Set { if_version: Some(version), .. }, Answer::Conflict(found)) => {
                (found == self.shown() && version != found.0).then_some(self)
            }
            (OfFact::Add { value }, Answer::Done) => Some(self.set(self.value + value)),
            (OfFact::Clear, Answer::Done) => Some(self.set(DEFAULT)),
            (OfFact::Read, Answer::Found(found)) => (found == self.shown()).then_some(self),
            _ => None,
        }
    }

    fn chosen(seed: &mut u64, known: Shown, _: i64) -> OfFact {
        let value = i64::try_from(draw(seed, 4)).expect("small");
        match draw(seed, 10) {
            0..=4 => OfFact::Set { value, if_version: Some(known.0) },
            5 => OfFact::Set { value, if_version: Some(0) },
            6 => OfFact::Set { value, if_version: None },
            7 => OfFact::Add { value: 1 },
            8 => OfFact::Clear,
            _ => OfFact::Read,
        }
    }

    fn write(operation: OfFact) -> Option<Value> {
        let mut fact = json!({"scope": "realm", "fact": "gold"});
        match operation {
            OfFact::Set { value, if_version } => {
                fact["set"] = json!(value);
                if let Some(version) = if_version {
                    fact["if_version"] = json!(version);
                }
            }
            OfFact::Add { value } => fact["add"] = json!(value),
            OfFact::Clear => fact["clear"] = json!(true),
            OfFact::Read => return None,
        }
        Some(json!({"fact": fact}))
    }

    fn value(of: &Value) -> Option<i64> {
        of["value"].as_i64()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OfEntity {
    /// Makes it, if it is not there.
    Make {
        load: i64,
    },
    Merge {
        load: i64,
        if_version: u64,
    },
    Delete {
        if_version: u64,
    },
    Read,
}

/// An entity: how often it has changed, and its load while it is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Cart {
    changes: u64,
    load: Option<i64>,
}

impl Cart {
    fn shown(self) -> Shown {
        self.load.map_or((0, Cart::NOTHING), |load| (self.changes, load))
    }

    fn changed(self, load: Option<i64>) -> Cart {
        Cart { changes: self.changes + 1, load }
    }
}

impl Model for Cart {
    type Operation = OfEntity;
    const FIRST: Cart = Cart { changes: 0, load: None };
    const VIEW: &'static str = "entities";
    const NAME: (&'static str, &'static str) = ("entity", "cart");
    const NOTHING: i64 = -1;

    fn after(self, operation: OfEntity, answer: Answer) -> Option<Cart> {
        let (version, next) = match operation {
            OfEntity::Make { load } => (0, Some(load)),
            OfEntity::Merge { load, if_version } => (if_version, Some(load)),
            OfEntity::Delete { if_version } => (if_version, None),
            OfEntity::Read => {
                return (answer == Answer::Found(self.shown())).then_some(self);
            }
        };
        match answer {
            Answer::Done => (version == self.shown().0).then(|| self.changed(next)),
            Answer::Conflict(found) => (found == self.shown() && version != found.0).then_some(self),
            Answer::Found(_) => None,
        }
    }

    /// Each load is another, so that every merge is a change.
    fn chosen(seed: &mut u64, known: Shown, number: i64) -> OfEntity {
        match (draw(seed, 10), known.0) {
            (0, _) | (1..=7, 0) => OfEntity::Make { load: number },
            (1..=5, if_version) => OfEntity::Merge { load: number, if_version },
            (6..=7, if_version) => OfEntity::Delete { if_version },
            _ => OfEntity::Read,
        }
    }

    fn write(operation: OfEntity) -> Option<Value> {
        let change = match operation {
            OfEntity::Make { load } => json!({"entity": "cart", "if_version": 0,
                "upsert": {"kind": "object", "properties": {"load": load}}}),
            OfEntity::Merge { load, if_version } => json!({"entity": "cart", "if_version": if_version,
                "merge": {"properties": {"load": load}}}),
            OfEntity::Delete { if_version } => {
                json!({"entity": "cart", "if_version": if_version, "delete": true})
            }
            OfEntity::Read => return None,
        };
        Some(json!({"entity": change}))
    }

    fn value(of: &Value) -> Option<i64> {
        let there = of.get("properties").or_else(|| of["entity"].get("properties"))?;
        there["load"].as_i64()
    }
}

/// Whether some order of what all clients noted is one that a single copy gives.
fn linearizable<M: Model>(clients: &[Vec<Noted<M::Operation>>]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(vec![0; clients.len()], M::FIRST)];
    while let Some((done, register)) = open.pop() {
        if done.iter().zip(clients).all(|(done, noted)| *done == noted.len()) {
            return true;
        }
        if !seen.insert((done.clone(), register)) {
            continue;
        }
        let next = || done.iter().zip(clients).map(|(done, noted)| noted.get(*done));
        let first_answer = next().flatten().map(|noted| noted.answered).min().expect("one is not done");
        for (client, noted) in next().enumerate() {
            let Some(noted) = noted.filter(|noted| noted.began <= first_answer) else { continue };
            if let Some(after) = register.after(noted.operation, noted.answer) {
                let mut done = done.clone();
                done[client] += 1;
                open.push((done, after));
            }
        }
    }
    false
}

fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// A client, whatever becomes of its connections.
struct Player<M: Model> {
    encoding: Encoding,
    name: u64,
    seed: u64,
    known: Shown,
    sent: u64,
    noted: Vec<Noted<M::Operation>>,
    /// Sent, and not answered.
    lost: Option<(M::Operation, Value, u128)>,
    /// How often it was answered what had been sent before.
    answered_late: u64,
    conflicts_late: u64,
}

impl<M: Model> Player<M> {
    fn new(name: u64, seed: u64) -> Player<M> {
        let encoding = if name.is_multiple_of(2) { Encoding::Protobuf } else { Encoding::Json };
        let (known, noted, lost) = ((0, M::NOTHING), Vec::new(), None);
        Player { encoding, name, seed, known, sent: 0, noted, lost, answered_late: 0, conflicts_late: 0 }
    }

    fn choose(&mut self) -> (M::Operation, Option<Value>) {
        self.sent += 1;
        let number = i64::try_from(self.name * 10_000 + self.sent).expect("small");
        let operation = M::chosen(&mut self.seed, self.known, number);
        let item = M::write(operation).map(|mut item| {
            item["id"] = format!("{}-{}", self.name, self.sent).into();
            json!([item])
        });
        (operation, item)
    }

    fn note(&mut self, operation: M::Operation, answer: Answer, from: u128, began: Instant) {
        if let Answer::Conflict(shown) | Answer::Found(shown) = answer {
            self.known = shown;
        }
        self.noted.push(Noted { operation, answer, began: from, answered: began.elapsed().as_nanos() });
    }

    /// Works; every few writes it loses the connection before the answer.
    async fn play(&mut self, server: &Server, began: Instant) {
        let token = server.token("game_server");
        let mut client = Client::open(server, token, self.encoding).await;
        self.take_up(&mut client, began).await;
        for _ in 0..14 {
            let (operation, item) = self.choose();
            let from = began.elapsed().as_nanos();
            let Some(item) = item else {
                let found = read::<M>(server).await;
                self.note(operation, Answer::Found(found), from, began);
                continue;
            };
            if draw(&mut self.seed, 4) == 0 {
                client.write_and_leave(&item).await;
                client = Client::open(server, token, self.encoding).await;
                self.lost = Some((operation, item, from));
                self.take_up(&mut client, began).await;
            } else {
                let answer = answer::<M>(&client.write(&item).await);
                self.note(operation, answer, from, began);
            }
        }
    }

    /// Sends a write, and does not wait for what is answered.
    async fn leave(&mut self, server: &Server, began: Instant) {
        let (operation, item) = loop {
            if let (operation, Some(item)) = self.choose() {
                break (operation, item);
            }
        };
        let client = Client::open(server, server.token("game_server"), self.encoding).await;
        let from = began.elapsed().as_nanos();
        client.write_and_leave(&item).await;
        self.lost = Some((operation, item, from));
    }

    /// Sends again what was not answered.
    async fn take_up(&mut self, client: &mut Client, began: Instant) {
        let Some((operation, item, from)) = self.lost.take() else { return };
        let ack = client.write(&item).await;
        let answer = answer::<M>(&ack);
        self.answered_late += u64::from(ack["outcomes"][0]["duplicate"] == true || ack["duplicates"] == 1);
        self.conflicts_late += u64::from(matches!(answer, Answer::Conflict(_)));
        self.note(operation, answer, from, began);
    }
}

async fn read<M: Model>(server: &Server) -> Shown {
    let answer =
        crate::http::get(server, &format!("/v1/views/{}", M::VIEW), Some(server.token("dashboard"))).await;
    let listing = answer.json();
    let mut rows = listing["rows"].as_array().expect("rows are a list").iter();
    let shown = |row: &Value| Some((row["version"].as_u64()?, M::value(row)?));
    let row = rows.find(|row| row[M::NAME.0] == M::NAME.1);
    row.map_or((0, M::NOTHING), |row| shown(row).expect("numbers"))
}

fn answer<M: Model>(ack: &Value) -> Answer {
    let outcome = &ack["outcomes"][0];
    match &outcome["error"] {
        Value::Null => Answer::Done,
        error => {
            assert!(error == "version_conflict" || error["code"] == "version_conflict", "{ack}");
            let current = &outcome["current"];
            let version = current["version"].as_u64().unwrap_or_default();
            Answer::Conflict((version, M::value(current).unwrap_or(M::NOTHING)))
        }
    }
}

/// Four clients at once, and the server killed between their rounds.
#[expect(clippy::print_stdout, reason = "a figure that is told with --nocapture")]
async fn written_at_once<M: Model>(facts: &str, seed: u64) {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    worlds::write(&world, &[("world.yaml", &format!("{}{facts}", worlds::WORLD))]);
    let mut server = Server::run(&world, &data, &["--development"]);
    let began = Instant::now();
    let mut players = [1, 2, 3, 4].map(|name| Player::<M>::new(name, seed * 4 + name));
    for round in 0..3 {
        let [a, b, c, d] = &mut players;
        tokio::join!(
            a.play(&server, began),
            b.play(&server, began),
            c.play(&server, began),
            d.play(&server, began)
        );
        tokio::join!(
            a.leave(&server, began),
            b.leave(&server, began),
            c.leave(&server, began),
            d.leave(&server, began)
        );
        if round == 1 {
            // What has been refused is in the snapshot that this writes.
            server.stop();
        } else {
            server.crash();
        }
        server = Server::run(&world, &data, &["--development"]);
    }
    for player in &mut players {
        let mut client = Client::open(&server, server.token("game_server"), player.encoding).await;
        player.take_up(&mut client, began).await;
    }
    server.stop();
    let clients = players.each_ref().map(|player| player.noted.clone());
    let conflicts =
        clients.iter().flatten().filter(|noted| matches!(noted.answer, Answer::Conflict(_))).count();
    let late: u64 = players.iter().map(|player| player.answered_late).sum();
    let conflicts_late: u64 = players.iter().map(|player| player.conflicts_late).sum();
    println!(
        "seed {seed}: {conflicts} conflicts, {late} were duplicates, {conflicts_late} conflicts told late"
    );
    assert!(conflicts > 10 && late > 3 && conflicts_late > 0, "{conflicts}, {late}, {conflicts_late}");
    assert!(linearizable::<M>(&clients), "seed {seed}: {clients:#?}");
}

/// `WORLDFLOW_VERSIONS_SEED` gives other histories.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_of_a_fact_are_linearizable_also_over_lost_answers_and_kills() {
    let facts = "facts:\n  gold: {scope: realm, type: int, default: 0}\n";
    written_at_once::<Fact>(facts, setting("WORLDFLOW_VERSIONS_SEED", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_of_an_entity_are_linearizable_also_over_lost_answers_and_kills() {
    written_at_once::<Cart>("", setting("WORLDFLOW_VERSIONS_SEED", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_is_made_once_and_changed_at_its_version() {
    let folder = worlds::small();
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &["--development"]);
    for (encoding, name) in [(Encoding::Json, "cart"), (Encoding::Protobuf, "boat")] {
        let mut client = Client::open(&server, server.token("game_server"), encoding).await;
        let make = json!([{"entity": {"entity": name, "if_version": 0,
            "upsert": {"kind": "object", "tags": ["wood"], "properties": {"load": 1, "owner": "ana"}}}}]);
        assert_eq!(client.write(&make).await["accepted"], 1);
        let ack = client.write(&make).await;
        assert_eq!((&ack["accepted"], &ack["refused"]), (&json!(0), &json!(1)), "{ack}");
        let there = json!({"kind": "object", "tags": ["wood"], "properties": {"load": 1, "owner": "ana"}});
        assert_eq!(ack["outcomes"][0]["current"], json!({"version": 1, "entity": there}), "{ack}");
        // One field is changed at its version; the others stay, and the old version is no longer good.
        let merge = json!([{"entity": {"entity": name, "if_version": 1,
            "merge": {"properties": {"load": 2}}}}]);
        assert_eq!(client.write(&merge).await["accepted"], 1);
        let ack = client.write(&merge).await;
        let current = &ack["outcomes"][0]["current"];
        assert_eq!(
            (&current["version"], &current["entity"]["properties"]["owner"]),
            (&json!(2), &json!("ana"))
        );
        // What is made anew after a deletion is at a version that never was.
        let delete = json!([{"entity": {"entity": name, "if_version": 2, "delete": true}}]);
        assert_eq!(client.write(&delete).await["accepted"], 1);
        assert_eq!(client.write(&make).await["accepted"], 1);
        let ack = client.write(&merge).await;
        assert_eq!(ack["outcomes"][0]["current"]["version"], 4, "{ack}");
    }
    server.stop();
}

/// Whoever is told the tick of an ack waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_asked_for_as_of_a_tick_that_is_to_come() {
    let folder = worlds::small();
    let manual = ["--manual-clock", "--development"];
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &manual);
    let (now, _) = view(&server, server.token("dashboard"), "clock").await;
    let path = format!("/v1/views/clock?at_least={}", now + 3);
    let asked = async {
        let answer = crate::http::get(&server, &path, Some(server.token("dashboard"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["tick"].as_u64().expect("a tick")
    };
    let moved = async {
        for _ in 0..3 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            crate::recordings::advance_to(
                &server,
                view(&server, server.token("dashboard"), "clock").await.0 + 1,
            )
            .await;
        }
    };
    let (tick, ()) = tokio::join!(asked, moved);
    assert_eq!(tick, now + 3);
    let wrong =
        crate::http::get(&server, "/v1/views/clock?at_least=soon", Some(server.token("dashboard"))).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (400, &json!("bad_value")));
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_is_forgotten_is_not_told_as_done() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let facts = "facts:\n  gold: {scope: realm, type: int, default: 0}\n";
    worlds::write(&world, &[("world.yaml", &format!("{}{facts}", worlds::WORLD))]);
    let mut server = Server::run(&world, &data, &[]);
    let write = |id: &str, version: u64| json!({"id": id, "fact": {"scope": "realm", "fact": "gold", "set": 1, "if_version": version}});
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Protobuf).await;
    let code = |ack: &Value| {
        let error = &ack["outcomes"][0]["error"];
        error.as_str().or_else(|| error["code"].as_str()).unwrap_or_default().to_owned()
    };
    let (first, done) = (json!([write("first", 9)]), json!([write("done", 0)]));
    assert_eq!(client.write(&done).await["accepted"], 1);
    assert_eq!(code(&client.write(&first).await), "version_conflict");
    assert_eq!(code(&client.write(&first).await), "version_conflict");
    for n in 0..6 {
        let many: Vec<Value> = (0..3_000).map(|m| write(&format!("w-{n}-{m}"), 9)).collect();
        assert_eq!(client.write(&json!(many)).await["refused"], 3_000);
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    assert_eq!(code(&client.write(&json!([write("w-5-2999", 9)])).await), "version_conflict");
    // Of neither it is known what came of it, and neither is said to be done.
    for restarted in [false, true] {
        if restarted {
            server.crash();
            server = Server::run(&world, &data, &[]);
            client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
        }
        for item in [&first, &done] {
            let ack = client.write(item).await;
            assert_eq!(code(&ack), "outcome_unknown", "{ack}");
        }
    }
    server.stop();
}

#[test]
fn the_checker_sees_a_lost_update_and_a_stale_read() {
    let noted = |operation, answer, began, answered| Noted { operation, answer, began, answered };
    let set = |value, version| OfFact::Set { value, if_version: Some(version) };
    let one = vec![noted(set(1, 0), Answer::Done, 0, 10)];
    // The second begins after the first was answered, and yet finds nothing there.
    assert!(!linearizable::<Fact>(&[one.clone(), vec![noted(set(2, 0), Answer::Done, 20, 30)]]));
    assert!(!linearizable::<Fact>(&[one.clone(), vec![noted(OfFact::Read, Answer::Found((0, 0)), 20, 30)]]));
    // At the same time only one of them can be the first.
    assert!(!linearizable::<Fact>(&[one.clone(), vec![noted(set(2, 0), Answer::Done, 5, 30)]]));
    let conflict = Answer::Conflict((1, 1));
    assert!(linearizable::<Fact>(&[one.clone(), vec![noted(set(2, 0), conflict, 5, 30)]]));
    assert!(linearizable::<Fact>(&[one, vec![noted(OfFact::Read, Answer::Found((0, 0)), 5, 30)]]));
}
