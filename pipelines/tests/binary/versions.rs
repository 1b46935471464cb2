//! Writes that expect a version: concurrent ones are linearizable, and a conflict says what is there.
//!
//! Clients write and read one fact at once, and note when each began and when it was answered. A checker
//! that knows nothing of ticks then looks for an order of all of them, each between its beginning and its
//! answer, that one register alone could have given.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{Client, Encoding};
use crate::process::Server;
use crate::rows::view;
use crate::worlds;

const DEFAULT: i64 = 0;

/// What is shown of a fact: no version at its default.
type Shown = (u64, i64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Done,
    Conflict(Shown),
    Found(Shown),
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    operation: Operation,
    answer: Answer,
    began: u128,
    answered: u128,
}

/// The register: how many times the value has changed, and the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Register {
    changes: u64,
    value: i64,
}

impl Register {
    fn shown(self) -> Shown {
        (if self.value == DEFAULT { 0 } else { self.changes }, self.value)
    }

    fn set(self, value: i64) -> Register {
        Register { changes: self.changes + u64::from(value != self.value), value }
    }

    /// What it is after an operation; `None` when it could not have given this answer.
    fn after(self, operation: Operation, answer: Answer) -> Option<Register> {
        match (operation, answer) {
            (Operation::Set { value, if_version }, Answer::Done) => {
                if_version.is_none_or(|version| version == self.shown().0).then(|| self.set(value))
            }
            (Operation::Set { if_version: Some(version), .. }, Answer::Conflict(found)) => {
                (found == self.shown() && version != found.0).then_some(self)
            }
            (Operation::Add { value }, Answer::Done) => Some(self.set(self.value + value)),
            (Operation::Clear, Answer::Done) => Some(self.set(DEFAULT)),
            (Operation::Read, Answer::Found(found)) => (found == self.shown()).then_some(self),
            _ => None,
        }
    }
}

/// Whether some order of what all clients noted is one that a register gives.
fn linearizable(clients: &[Vec<Noted>]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(vec![0; clients.len()], Register { changes: 0, value: DEFAULT })];
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

fn chosen(seed: &mut u64, known: Shown) -> Operation {
    let value = i64::try_from(draw(seed, 4)).expect("small");
    match draw(seed, 10) {
        0..=4 => Operation::Set { value, if_version: Some(known.0) },
        5 => Operation::Set { value, if_version: Some(0) },
        6 => Operation::Set { value, if_version: None },
        7 => Operation::Add { value: 1 },
        8 => Operation::Clear,
        _ => Operation::Read,
    }
}

fn write(operation: Operation) -> Value {
    let mut fact = json!({"scope": "realm", "fact": "gold"});
    match operation {
        Operation::Set { value, if_version } => {
            fact["set"] = json!(value);
            if let Some(version) = if_version {
                fact["if_version"] = json!(version);
            }
        }
        Operation::Add { value } => fact["add"] = json!(value),
        Operation::Clear => fact["clear"] = json!(true),
        Operation::Read => {}
    }
    json!([{"fact": fact}])
}

async fn read(server: &Server) -> Shown {
    let (_, rows) = view(server, server.token("dashboard"), "facts").await;
    let row = rows.into_values().find(|row| row["fact"] == "gold");
    let shown = |row: Value| Some((row["version"].as_u64()?, row["value"].as_i64()?));
    row.map_or((0, DEFAULT), |row| shown(row).expect("numbers"))
}

async fn play(server: &Server, encoding: Encoding, mut seed: u64, began: Instant) -> Vec<Noted> {
    let mut client = Client::open(server, server.token("game_server"), encoding).await;
    let (mut noted, mut known) = (Vec::new(), (0, DEFAULT));
    for _ in 0..40 {
        let operation = chosen(&mut seed, known);
        let from = began.elapsed().as_nanos();
        let answer = if operation == Operation::Read {
            Answer::Found(read(server).await)
        } else {
            let ack = client.write(&write(operation)).await;
            let outcome = &ack["outcomes"][0];
            match &outcome["error"] {
                Value::Null => Answer::Done,
                error => {
                    assert!(error == "version_conflict" || error["code"] == "version_conflict", "{ack}");
                    let current = &outcome["current"];
                    let version = current["version"].as_u64().expect("a version");
                    Answer::Conflict((version, current["value"].as_i64().expect("a value")))
                }
            }
        };
        if let Answer::Conflict(shown) | Answer::Found(shown) = answer {
            known = shown;
        }
        noted.push(Noted { operation, answer, began: from, answered: began.elapsed().as_nanos() });
    }
    noted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_of_a_fact_are_linearizable() {
    let folder = worlds::small();
    let facts = "facts:\n  gold: {scope: realm, type: int, default: 0}\n";
    let world = folder.path().join("world");
    worlds::write(&world, &[("world.yaml", &format!("{}{facts}", worlds::WORLD))]);
    let server = Server::run(&world, &folder.path().join("data"), &["--development"]);
    let began = Instant::now();
    let clients = tokio::join!(
        play(&server, Encoding::Json, 1, began),
        play(&server, Encoding::Protobuf, 2, began),
        play(&server, Encoding::Json, 3, began),
        play(&server, Encoding::Protobuf, 4, began),
    );
    let clients = [clients.0, clients.1, clients.2, clients.3];
    let of = |is: fn(&Noted) -> bool| clients.iter().flatten().filter(|noted| is(noted)).count();
    let conflicts = of(|noted| matches!(noted.answer, Answer::Conflict(_)));
    let compared = of(|noted| matches!(noted.operation, Operation::Set { if_version: Some(_), .. }));
    assert!(conflicts > 10 && compared > conflicts + 10, "{conflicts} of {compared}");
    assert!(linearizable(&clients), "{clients:#?}");
    server.stop();
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

#[test]
fn the_checker_sees_a_lost_update_and_a_stale_read() {
    let noted = |operation, answer, began, answered| Noted { operation, answer, began, answered };
    let set = |value, version| Operation::Set { value, if_version: Some(version) };
    let one = vec![noted(set(1, 0), Answer::Done, 0, 10)];
    // The second begins after the first was answered, and yet finds nothing there.
    assert!(!linearizable(&[one.clone(), vec![noted(set(2, 0), Answer::Done, 20, 30)]]));
    assert!(!linearizable(&[one.clone(), vec![noted(Operation::Read, Answer::Found((0, 0)), 20, 30)]]));
    // At the same time only one of them can be the first.
    assert!(!linearizable(&[one.clone(), vec![noted(set(2, 0), Answer::Done, 5, 30)]]));
    let conflict = Answer::Conflict((1, 1));
    assert!(linearizable(&[one.clone(), vec![noted(set(2, 0), conflict, 5, 30)]]));
    assert!(linearizable(&[one, vec![noted(Operation::Read, Answer::Found((0, 0)), 5, 30)]]));
}
