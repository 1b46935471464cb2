//! The running hash of the rows that a client holds, worked out by a client of our own from the page.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Row, Value};
use worldflow_sources::game_socket::Limits;

use crate::peer::{BOTH, Encoding, Peer, bytes, fnv};
use crate::realm::{Server, level, start, start_with};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n.max(1)
    }

    /// An entity with something of everything that a row may hold.
    fn entity(&mut self) -> Row {
        let id = self.below(40);
        let tags = ["[]", r#"["beast"]"#, r#"["beast","wolf"]"#, r#"["wolf","beast"]"#][self.below(4)];
        let properties = [
            json!({"hp": self.below(3)}),
            json!({"hp": 12.5, "name": "Ana \u{e4}\u{1f43a} \"x\"", "open": self.below(2) == 0}),
            json!({"at": {"x": -0.000_001, "y": [1, null, "a", false]}, "none": null}),
            json!({"big": 9_007_199_254_740_991_i64, "small": -1_234.567_891}),
        ];
        let properties = match self.below(5) {
            4 => Value::Null,
            n => Value::text(&properties[n].to_string()),
        };
        Row::from([
            Value::Sym("greenvale".into()),
            Value::Sym(format!("e{id}").as_str().into()),
            Value::Sym(["npc", "object"][self.below(2)].into()),
            Value::text(tags),
            properties,
            Value::count(self.below(100) as u64),
        ])
    }
}

/// Changes that set rows, and take some away.
fn step(server: &Server, random: &mut Random) -> u64 {
    let mut changes = Vec::new();
    {
        let mut state = server.state.lock().expect("no panic");
        for _ in 0..=random.below(4) {
            let row = random.entity();
            changes.extend(state.set(catalog::ENTITIES, row));
        }
        for _ in 0..random.below(4) {
            let key = format!("e{}", random.below(40));
            changes.extend(state.remove(catalog::ENTITIES, &["greenvale", &key]));
        }
    }
    server.tick(changes)
}

const VIEW: ViewId = catalog::ENTITIES;

/// What the view holds now of what is wanted: entities, and the hashes of their rows.
fn truth(server: &Server, wanted: impl Fn(&Row) -> bool) -> BTreeMap<String, u64> {
    let view = server.realm.views.read(VIEW);
    let all = worldflow_engine::view_store::Filter::all();
    let rows = view.rows(&all).filter(|row| wanted(row));
    rows.map(|row| (row[1].to_string(), worldflow_schemas::wire_hash::row_hash(VIEW, row))).collect()
}

/// What a client holds, hashed as the page says.
fn held(peer: &Peer) -> BTreeMap<String, u64> {
    peer.held.rows.iter().map(|(entity, row)| (entity.clone(), fnv(&bytes(row)))).collect()
}

#[tokio::test]
async fn it_is_that_of_the_rows_held_whatever_comes_and_goes() {
    for (n, encoding) in BOTH.into_iter().enumerate() {
        let server = start(Limits::default()).await;
        let mut random = Random(n as u64);
        for _ in 0..20 {
            step(&server, &mut random);
        }
        let mut all = Peer::open(&server, encoding).await;
        all.subscribe(json!({"id": 1, "view": "entities", "hash": true}), None).await;
        let mut beasts = Peer::open(&server, encoding).await;
        let subscribe =
            json!({"id": 1, "view": "entities", "hash": true, "where": {"tags": "beast"}, "max_hz": 500});
        beasts.subscribe(subscribe, None).await;
        for n in 0..300 {
            let tick = step(&server, &mut random);
            match n % 50 {
                7 => beasts.send("change", json!({"id": 1, "where": {"kind": ["npc"], "tags": []}})).await,
                21 => beasts.send("change", json!({"id": 1, "add": {"kind": "object"}})).await,
                35 => beasts.send("change", json!({"id": 1, "where": {"tags": "wolf", "kind": []}})).await,
                _ => {}
            }
            if n % 5 == 0 {
                all.settle().await;
                beasts.settle().await;
            }
            assert!(all.held.tick <= tick);
        }
        // Its rows are checked with every frame; here that there were any.
        let last = server.set(catalog::ENTITIES, [Random(9).entity(), Random(10).entity()]);
        all.until(last).await;
        assert_eq!(held(&all), truth(&server, |_| true));
        // The last of the changes asked for those with this tag, of any kind.
        let wolves = truth(&server, |row| row[3].to_string().contains("wolf"));
        for _ in 0..1_000 {
            beasts.settle().await;
            if held(&beasts) == wolves {
                break;
            }
        }
        assert_eq!(held(&beasts), wolves);
        assert!(!wolves.is_empty());
        assert!(all.held.hash.is_some() && beasts.held.hash.is_some());
        assert!(all.deltas > 100 && beasts.deltas > 30, "{} {}", all.deltas, beasts.deltas);
    }
}

/// Snapshots of one who is far behind begin the hash anew.
#[tokio::test]
async fn it_begins_anew_with_a_snapshot_and_comes_with_the_last_part() {
    for encoding in BOTH {
        let limits = Limits { waiting_bytes: 20_000, ..Limits::default() };
        let server = start_with(limits, 1 << 12).await;
        let mut peer = Peer::open(&server, encoding).await;
        peer.subscribe(json!({"id": 1, "view": "levels", "hash": true}), None).await;
        for n in 0..20 {
            let last = server.set(catalog::LEVELS, (0..5_000).map(|p| level(&format!("p{}", p + n * 50), n)));
            if n % 3 == 0 {
                peer.until(last).await;
            }
        }
        let last = server.set(catalog::LEVELS, [level("p1", 99)]);
        peer.until(last).await;
        assert!(peer.snapshots > 3, "{} snapshots", peer.snapshots);
        assert_eq!(peer.held.rows.len(), 5_950);
    }
}

/// One who does not ask for it has nothing hashed for it.
#[tokio::test]
async fn nothing_is_hashed_for_those_who_do_not_ask() {
    let server = start(Limits::default()).await;
    let mut peer = Peer::open(&server, Encoding::Json).await;
    peer.subscribe(json!({"id": 1, "view": "levels"}), None).await;
    let last = server.set(catalog::LEVELS, [level("ana", 1)]);
    peer.until(last).await;
    assert_eq!((peer.held.hash.clone(), server.realms.work().hashed), (None, 0));
    // And for several who do, each row once.
    let mut peers = Vec::new();
    for encoding in [Encoding::Json, Encoding::Protobuf, Encoding::Json] {
        let mut peer = Peer::open(&server, encoding).await;
        peer.subscribe(json!({"id": 1, "view": "levels", "hash": true}), None).await;
        peer.hear().await;
        peers.push(peer);
    }
    let before = server.realms.work().hashed;
    let last = server.set(catalog::LEVELS, [level("ana", 2), level("bo", 1)]);
    for peer in &mut peers {
        peer.until(last).await;
    }
    // One row went and two came.
    assert_eq!(server.realms.work().hashed - before, 3);
}

/// The page gives examples for those who write a client.
#[test]
fn the_examples_of_the_page_are_right() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire.md")).expect("docs");
    let (_, section) = page.split_once("## The running hash").expect("the section");
    let section = section.split("\n## ").next().expect("it begins somewhere");
    let mut examples = 0;
    for line in section.lines().filter_map(|line| line.strip_prefix("| `")) {
        let Some((value, hash)) = line.split_once("` | `") else { continue };
        let value: Json = serde_json::from_str(value).unwrap_or_else(|error| panic!("{error}: {line}"));
        let hash = hash.split('`').next().expect("a hash");
        assert_eq!(hash, format!("{:016x}", fnv(&bytes(&value))), "{value}");
        examples += 1;
    }
    assert!(examples >= 8, "{examples} examples");
    // One of them is a row of a view, which the server hashes to the same.
    let row = level("ana", 5);
    let shown = json!({"realm": "greenvale", "player": "ana", "level": 1, "experience": 5, "into_level": 5, "to_next": 95});
    let hash = format!("{:016x}", worldflow_schemas::wire_hash::row_hash(catalog::LEVELS, &row));
    assert_eq!(hash, format!("{:016x}", fnv(&bytes(&shown))));
    assert!(section.contains(&format!("`{hash}`")), "{hash} of {shown} is not on the page");
}
