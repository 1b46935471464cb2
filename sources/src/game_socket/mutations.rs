//! A million mutations of good frames, in both encodings: read or refused, never a panic.
//!
//! `WORLDFLOW_FUZZ` says how many of each encoding, `WORLDFLOW_FUZZ_SEED` which ones.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use worldflow_engine::testing::setting;
use worldflow_engine::view_store::ViewStore;
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_schemas::catalog::Catalog;

use super::access::Wanted;
use super::frames::{self, Incoming};
use crate::check::{Checker, Hints, Proposed, Sender};
use crate::tokens::{Claims, Role};

const GOOD: [&str; 9] = [
    r#"{"hello":{"version":1,"token":"00ff","client":"test 1.0"}}"#,
    r#"{"publish":{"seq":7,"events":[{"id":"e1","at":1800000000000,"player":"ana","kind":"kill","target":"wolf","amount":3,"region":"moor","with":{"weapon":"bow","damage":2.5,"crit":true}},{"kind":"quest.accept","at":"2027-01-15T08:00:00Z","target":"wolves"}]}}"#,
    r#"{"write":{"seq":1,"items":[{"id":"w","at":1800000000000,"fact":{"scope":"realm","fact":"mood","set":3}},{"entity":{"entity":"smith","upsert":{"kind":"npc","tags":["trader"],"properties":{"hp":10,"name":"Bo","open":true}}}},{"presence":{"player":"ana","region":"moor"}},{"membership":{"player":"ana","scope":"party","group":"p1"}},{"close":{"scope":"instance","group":"i1"}},{"weather":{"zone":"moor","state":"rain"}}]}}"#,
    r#"{"clock":{"seq":2,"set_scale":{"world":60,"real":1}}}"#,
    r#"{"grant_answers":{"seq":3,"answers":[{"grant":"g1","delivered":false,"reason":"full"}]}}"#,
    r#"{"subscribe":{"id":4,"view":"grants","where":{"status":["pending"],"player":"ana"},"max_hz":2.5,"hash":true,"resume":{"epoch":"00ff","tick":7,"hash":"30d5b030b70c96d8"}}}"#,
    r#"{"change":{"id":4,"add":{"player":["bo","cy"]},"remove":{"player":"ana"},"where":{"status":[]}}}"#,
    r#"{"follow":{"id":5,"kinds":["quest.*","*"]}}"#,
    r#"{"ping":{"nonce":18446744073709551615}}"#,
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n.max(1)
    }

    fn mutate(&mut self, good: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).expect("a byte"),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, b"{}[]\",:09eE-+.\\\xff\0"[self.below(17)]),
                4 if !bytes.is_empty() => drop(bytes.remove(at)),
                5 => {
                    let from = self.below(other.len());
                    let to = from + self.below(other.len() - from);
                    bytes.splice(at..at, other[from..to].iter().copied());
                }
                _ => bytes.splice(at..at, b"9999999999999999999999".iter().copied()).for_each(drop),
            }
        }
        bytes
    }
}

struct World {
    checker: Checker,
    sender: Sender,
    claims: Claims,
    accepted: usize,
    refused: usize,
}

impl World {
    fn open() -> World {
        let world = serde_json::json!({
            "name": "test", "seed": 1,
            "regions": {"moor": {}},
            "zones": {"moor": {"climate": "mild"}},
            "kinds": {"kill": {"attributes": {"weapon": "id", "damage": "number", "crit": "bool"}}},
            "entities": {"wolf": {}},
            "facts": {"mood": {"scope": "realm", "type": "int", "default": 0}}
        });
        let world = serde_json::from_value(world).expect("a world");
        let claims = Claims { role: Role::GameServer, realm: "realm".into(), subject: "server".into() };
        let checker = Checker::new("realm".into(), &world, Arc::new(ViewStore::new(10)));
        World { checker, sender: Sender::bearer(&claims), claims, accepted: 0, refused: 0 }
    }

    fn note<T, E>(&mut self, result: &Result<T, E>) {
        if result.is_ok() { self.accepted += 1 } else { self.refused += 1 }
    }

    fn publish(&mut self, events: &[Proposed<'_>]) {
        for event in events {
            self.note(&self.checker.event(
                event,
                &self.sender,
                1,
                Some(1_800_000_000_000),
                &Hints::default(),
            ));
        }
    }

    fn act(&mut self, frame: ClientFrame) {
        match frame {
            ClientFrame::Publish(publish) => {
                self.publish(&publish.events.iter().map(Proposed::from_proto).collect::<Vec<_>>());
            }
            ClientFrame::Write(write) => {
                for item in &write.items {
                    self.note(&self.checker.write(
                        item,
                        &self.sender,
                        1,
                        1_800_000_000_000,
                        &Hints::default(),
                    ));
                }
            }
            ClientFrame::Clock(clock) => {
                self.note(&self.checker.clock(&clock, &self.sender, 1, 1_800_000_000_000))
            }
            ClientFrame::GrantAnswers(answers) => {
                for answer in &answers.answers {
                    self.note(&self.checker.grant_answer(answer, &self.sender, 1_800_000_000_000));
                }
            }
            ClientFrame::Subscribe(subscribe) => {
                let view = super::access::view(&self.claims, &Catalog::built_in(), &subscribe.view);
                let wanted = view.and_then(|view| Wanted::new(&self.claims, view, &subscribe.r#where));
                self.note(&wanted);
            }
            ClientFrame::Follow(follow) => {
                for pattern in &follow.kinds {
                    self.note(&self.checker.kind_pattern(pattern));
                }
            }
            _ => self.accepted += 1,
        }
    }

    fn json(&mut self, bytes: &[u8]) {
        // Invalid UTF-8 never gets this far on a socket; over HTTP it is refused as malformed.
        let _ = serde_json::from_slice::<Proposed<'_>>(bytes);
        let Ok(text) = std::str::from_utf8(bytes) else { return self.refused += 1 };
        match frames::from_json(text) {
            Err(refusal) => {
                assert!(!refusal.reason.is_empty() && !refusal.hint.is_empty());
                self.refused += 1;
            }
            Ok(Incoming::Publish { events, .. }) => self.publish(&events),
            Ok(Incoming::Other(frame)) => self.act(frame),
        }
    }

    fn protobuf(&mut self, bytes: Vec<u8>) {
        match frames::from_protobuf(&Bytes::from(bytes)) {
            Err(refusal) => {
                assert!(!refusal.reason.is_empty() && !refusal.hint.is_empty());
                self.refused += 1;
            }
            Ok(frame) => self.act(frame),
        }
    }
}

fn as_protobuf(text: &str) -> Vec<u8> {
    let frame = match frames::from_json(text).expect("good") {
        Incoming::Other(frame) => frame,
        Incoming::Publish { seq, .. } => {
            let json: serde_json::Value = serde_json::from_str(text).expect("good");
            let events = serde_json::from_value(json["publish"]["events"].clone()).expect("good");
            ClientFrame::Publish(v1::Publish { seq, events })
        }
    };
    v1::ClientFrame { frame: Some(frame) }.encode_to_vec()
}

/// Cases of each encoding, if nothing else is said.
const CASES: u64 = 500_000;

#[test]
fn good_frames_mean_the_same_in_both_encodings() {
    for text in GOOD {
        let (mut json, mut protobuf) = (World::open(), World::open());
        json.json(text.as_bytes());
        protobuf.protobuf(as_protobuf(text));
        assert_eq!((json.accepted, json.refused), (protobuf.accepted, protobuf.refused), "{text}");
        assert!(json.accepted > 0 || text.contains("grant_answers"), "{text}");
    }
}

#[test]
fn a_million_mutations_are_read_or_refused() {
    let mut world = World::open();
    let (count, seed) = (setting("WORLDFLOW_FUZZ", CASES), setting("WORLDFLOW_FUZZ_SEED", 7));
    println!("WORLDFLOW_FUZZ_SEED={seed} WORLDFLOW_FUZZ={count}");
    let mut random = Random(seed);
    let binary: Vec<Vec<u8>> = GOOD.iter().map(|text| as_protobuf(text)).collect();
    for _ in 0..count {
        let (one, other) = (random.below(GOOD.len()), random.below(GOOD.len()));
        let bytes = random.mutate(GOOD[one].as_bytes(), GOOD[other].as_bytes());
        world.json(&bytes);
        let bytes = random.mutate(&binary[one], &binary[other]);
        world.protobuf(bytes);
    }
    let enough = world.accepted > 30_000 && world.refused > 100_000;
    assert!(count < CASES || enough, "{} {}", world.accepted, world.refused);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |open: &str, close: &str| {
        let n = 200_000;
        format!(
            r#"{{"publish":{{"events":[{{"kind":"kill","with":{{"crit":{}1{}}}}}]}}}}"#,
            open.repeat(n),
            close.repeat(n)
        )
    };
    // What an event has no use for is skipped without descending, and the event is refused.
    for text in [deep("[", "]"), deep("{\"a\":", "}")] {
        let mut world = World::open();
        world.json(text.as_bytes());
        assert_eq!((world.accepted, world.refused), (0, 1));
    }
    for text in ["[".repeat(500_000), "{\"a\":".repeat(100_000), r#"{"write":"#.repeat(100_000)] {
        assert_eq!(frames::from_json(&text).expect_err("it is no frame").code, "malformed");
    }
    // Nested messages of protobuf: Write within Write within ... as unknown groups and as known fields.
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        let mut outer = vec![0x1a];
        prost::encoding::encode_varint(nested.len() as u64, &mut outer);
        outer.extend_from_slice(&nested);
        nested = outer;
        if nested.len() > 60_000 {
            break;
        }
    }
    let _ = frames::from_protobuf(&Bytes::from(nested));
    let _ = frames::from_protobuf(&Bytes::from(vec![0x0b; 500_000])).expect_err("groups without end");
}
