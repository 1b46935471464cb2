//! A stream as a source of a realm, read from a server of the real protocol.

mod faults;
mod server;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use worldflow_proto::v1;

use crate::client::{Client, Encoding, deed};
use crate::http::get;
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::recordings::{advance_to, until_waiting, until_waiting_at_least};
use crate::rows::{Table, view};
use crate::worlds;
use server::Kinesis;

const VIEWS: [&str; 4] = ["quest_state", "objective_progress", "grants", "levels"];

const STREAM: &str = "events";

/// A quest that is done and paid before the stream ends.
const SHORT_HUNT: &str = "\
short_hunt:
  title: Ten wolves
  accept: auto
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 10}
  rewards:
    experience: 7
    slots: {pay: {item: gold, amount: 3}}
";

/// A tick of the small world.
const TICK_MS: u64 = 20;

/// The small world with a stream that is read with these options.
fn world_with(folder: &Path, port: u16, options: &str) {
    let (before, _) = worlds::WORLD.split_once("sinks:").expect("the small world has sinks");
    let source = format!(
        "sources:\n  game:\n    kinesis: {{stream: {STREAM}, region: local, \
         endpoint: \"http://127.0.0.1:{port}\", {options}}}\n"
    );
    let world = folder.join("world");
    worlds::write(&world, &[("world.yaml", &format!("{before}{source}"))]);
    let said = worldflow(["check", path(&world)]);
    assert!(said.status.success() && said.stdout.contains("no problems"), "{said:?}");
}

/// A time that no clock of a test reaches.
fn later_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("it is before the year 584,556,019") / TICK_MS * TICK_MS + 3_600_000
}

fn kill(id: &str, player: &str, at_ms: Option<u64>) -> Value {
    let mut event = json!({"id": id, "player": player, "kind": "kill", "target": "wolf"});
    if let Some(at_ms) = at_ms {
        event["at"] = at_ms.into();
    }
    event
}

async fn tables(server: &Server) -> Vec<Table> {
    let mut tables = Vec::new();
    for name in VIEWS {
        tables.push(view(server, server.token("dashboard"), name).await.1);
    }
    tables
}

/// When an event happens, from the first: twenty in two seconds, and then nothing for ten minutes, in which a
/// test may stop.
fn after_ms(number: u64) -> u64 {
    number / 20 * 600_000 + number % 20 * 100
}

/// Puts the events of these numbers, of ten players.
async fn put_kills(kinesis: &Kinesis, base_ms: u64, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let player = format!("p{}", number % 10);
        // Every other event has an id of its own.
        let mut event = kill(&format!("e-{number}"), &player, Some(base_ms + after_ms(number)));
        if number % 2 == 0 {
            event.as_object_mut().expect("an object").remove("id");
        }
        kinesis.put(STREAM, &player, event.to_string().as_bytes()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_split_and_merged_is_followed_however_often_its_reader_is_killed() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 2).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    world_with(folder.path(), kinesis.port, "time: {event: {lateness: 2h}}");
    worlds::write(&world, &[("quests/short.yaml", SHORT_HUNT)]);
    let manual = ["--manual-clock", "--development"];
    let base_ms = later_ms();
    let after = |number: u64| (base_ms + after_ms(number)) / TICK_MS + 1;

    // A part is sealed, a part has been read, and a part comes, when the reader is killed.
    put_kills(&kinesis, base_ms, 0..20).await;
    let server = Server::run(&world, &data, &manual);
    until_waiting(&server, 20).await;
    advance_to(&server, after(19)).await;
    let killed = async {
        until_waiting_at_least(&server, 3).await;
        server.crash();
    };
    tokio::join!(put_kills(&kinesis, base_ms, 20..40), killed);
    // Half of what has been read is sealed when it is killed again.
    let server = Server::run(&world, &data, &manual);
    until_waiting(&server, 20).await;
    kinesis.split(STREAM, "shardId-000000000000").await;
    put_kills(&kinesis, base_ms, 40..80).await;
    until_waiting(&server, 60).await;
    server.crash();

    // Nobody reads while two shards become one.
    kinesis.merge(STREAM, "shardId-000000000003", "shardId-000000000001").await;
    put_kills(&kinesis, base_ms, 80..120).await;
    let server = Server::run(&world, &data, &manual);
    until_waiting(&server, 100).await;
    advance_to(&server, after(99)).await;
    server.crash();

    let server = Server::run(&world, &data, &manual);
    until_waiting(&server, 20).await;
    advance_to(&server, after(119)).await;
    let killed = tables(&server).await;
    server.stop();
    // All is sealed: nothing is read again, and what comes now is.
    put_kills(&kinesis, base_ms, 120..121).await;
    let server = Server::run(&world, &data, &manual);
    until_waiting(&server, 1).await;
    assert_eq!(tables(&server).await, killed);
    server.stop();

    // The same stream, but for its last record, without a stop.
    let server = Server::run(&world, &folder.path().join("fresh"), &manual);
    until_waiting(&server, 121).await;
    advance_to(&server, after(119)).await;
    let uninterrupted = tables(&server).await;
    server.stop();
    assert!(uninterrupted.iter().all(|table| !table.is_empty()), "{uninterrupted:?}");
    assert_eq!(killed, uninterrupted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_read_from_now_on_also_when_its_reader_is_killed_before_anything_comes() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 1).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    world_with(folder.path(), kinesis.port, "start: latest");
    kinesis.put(STREAM, "ana", kill("e-0", "ana", None).to_string().as_bytes()).await;
    let server = Server::run(&world, &data, &[]);
    // Where it begins is journaled once ticks have passed since it is read.
    until_metric(&server, "worldflow_kinesis_shards", 1.0).await;
    let (began, _) = view(&server, server.token("dashboard"), "clock").await;
    while view(&server, server.token("dashboard"), "clock").await.0 < began + 5 {
        sleep(Duration::from_millis(20)).await;
    }
    server.crash();
    kinesis.put(STREAM, "ana", kill("e-1", "ana", None).to_string().as_bytes()).await;
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["objective_progress"]).await;
    until_counted(&mut client, "ana", 1).await;
    kinesis.put(STREAM, "ana", kill("e-2", "ana", None).to_string().as_bytes()).await;
    until_counted(&mut client, "ana", 2).await;
    // What came before is not of it, and nothing was read twice.
    assert_eq!(counted_with_one_more(&server, &mut client).await, 3);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_read_from_a_moment_on() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 1).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    kinesis.put(STREAM, "ana", kill("e-1", "ana", None).to_string().as_bytes()).await;
    // The service knows moments no better than this.
    sleep(Duration::from_millis(1_100)).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = jiff::Timestamp::from_second(i64::try_from(now).expect("soon")).expect("a time");
    kinesis.put(STREAM, "ana", kill("e-2", "ana", None).to_string().as_bytes()).await;
    kinesis.put(STREAM, "ana", kill("e-3", "ana", None).to_string().as_bytes()).await;
    world_with(folder.path(), kinesis.port, &format!("start: {{at: \"{now}\"}}"));
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["objective_progress"]).await;
    until_counted(&mut client, "ana", 2).await;
    assert_eq!(counted_with_one_more(&server, &mut client).await, 3);
    server.stop();
}

/// What counts of ana once another kill of hers has been acked.
async fn counted_with_one_more(server: &Server, client: &mut Client) -> u64 {
    let ack = client.publish(&[deed("by-socket", "ana", "kill", "wolf")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    let progress = view(server, server.token("dashboard"), "objective_progress").await.1;
    let row = progress.values().find(|row| row["holder"] == "ana" && row["quest"] == "long_hunt");
    row.expect("she hunts")["value"].as_u64().expect("a count")
}

/// Asks until so many kills of a player count.
async fn until_counted(client: &mut Client, player: &str, count: u64) {
    let row = json!({"holder": player, "quest": "long_hunt", "value": count});
    client.until_row("objective_progress", row).await;
}

/// Asks until these are the positions and codes of all rejections of the producer, in any order.
async fn until_rejected(server: &Server, source: &str, wanted: &[(&str, &str)]) {
    let end = Instant::now() + DEADLINE;
    let mut wanted: Vec<_> = wanted.iter().map(|(at, code)| ((*at).to_owned(), (*code).to_owned())).collect();
    wanted.sort();
    loop {
        let answer = get(server, "/v1/views/rejections", Some(server.token("dashboard"))).await;
        let listing = answer.json();
        let rows = listing["rows"].as_array().expect("rows are a list").iter();
        let rows: Vec<&Value> = rows.filter(|row| row["source"] == source).collect();
        let mut found: Vec<(String, String)> = (rows.iter())
            .map(|row| {
                let position = row["position"].as_str().unwrap_or_default();
                // Sequence numbers are the server's.
                let parts: Vec<&str> = position.split(':').collect();
                let position = match parts[..] {
                    [shard, _] => format!("{shard}:*"),
                    [shard, _, packed] => format!("{shard}:*:{packed}"),
                    _ => position.to_owned(),
                };
                assert!(row["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{row}");
                (position, row["code"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        found.sort();
        if found == wanted {
            return;
        }
        assert!(Instant::now() < end, "{rows:#?}\nare not {wanted:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Packs records as the Kinesis Producer Library does.
fn packed(records: &[(&str, String)]) -> Vec<u8> {
    use prost::encoding::encode_varint;
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        encode_varint(bytes.len() as u64, &mut field);
        [field, bytes.to_vec()].concat()
    }
    let mut message: Vec<u8> = records.iter().flat_map(|(key, _)| field(1, key.as_bytes())).collect();
    for (index, (_, data)) in records.iter().enumerate() {
        let head = vec![1 << 3, u8::try_from(index).expect("few")];
        message.extend(field(3, &[head, field(3, data.as_bytes())].concat()));
    }
    let checksum = md5(&message);
    [&[0xf3, 0x89, 0x9a, 0xc2][..], &message, &checksum].concat()
}

/// What `aws-kinesis-agg` 1.2.3 has packed.
fn blob() -> Vec<u8> {
    let digits = include_str!("../../../../sources/src/kinesis/packed.hex").trim();
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("digits");
    (0..digits.len() / 2).map(byte).collect()
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(bytes).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_every_form_count_once_by_whatever_way_they_come() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 1).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    world_with(folder.path(), kinesis.port, "producer: game-server");
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    assert_eq!(client.welcome["subject"], "game-server");
    client.subscribe(&["objective_progress"]).await;

    // JSON and protobuf, and the first of them by the socket too, before and after.
    let ack = client.publish(&[deed("e-1", "ana", "kill", "wolf")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    kinesis.put(STREAM, "ana", kill("e-1", "ana", None).to_string().as_bytes()).await;
    let event = v1::Event {
        id: Some("e-2".to_owned()),
        player: Some("ana".to_owned()),
        kind: "kill".to_owned(),
        target: Some("wolf".to_owned()),
        ..v1::Event::default()
    };
    kinesis.put(STREAM, "ana", &event.encode_to_vec()).await;
    until_counted(&mut client, "ana", 2).await;
    let ack = client.publish(&[deed("e-2", "ana", "kill", "wolf")]).await;
    assert_eq!((&ack["accepted"], &ack["duplicates"]), (&json!(0), &json!(1)), "{ack}");

    // Packed ones, of which one is there twice and one is bad; and records that are nothing at all.
    let nameless = json!({"player": "bo", "kind": "kill", "target": "wolf"}).to_string();
    let unknown = json!({"player": "bo", "kind": "kil", "target": "wolf"}).to_string();
    let twice = kill("e-3", "bo", None).to_string();
    let records = [("bo", nameless.clone()), ("bo", unknown), ("bo", twice.clone()), ("bo", twice)];
    kinesis.put(STREAM, "bo", &packed(&records)).await;
    // Another library has packed kills by two, and says a hash that no other has.
    kinesis.put(STREAM, "cy", &blob()).await;
    kinesis.put(STREAM, "bo", &[0xff, 0, 1]).await;
    kinesis.put(STREAM, "bo", &[0xf3, 0x89, 0x9a, 0xc2, 1]).await;
    kinesis.put(STREAM, "bo", b"{\"player\": \"bo\"").await;
    kinesis.put(STREAM, "bo", nameless.as_bytes()).await;
    until_counted(&mut client, "bo", 3).await;
    until_counted(&mut client, "cy", 2).await;
    until_counted(&mut client, "dee", 1).await;
    let shard = "shardId-000000000000:*";
    let rejected = [
        ("shardId-000000000000:*:000001", "unknown_kind"),
        (shard, "bad_aggregate"),
        (shard, "malformed"),
        (shard, "malformed"),
    ];
    until_rejected(&server, "game-server", &rejected).await;
    server.stop();
}

const MAPPING: &str = "\
source: quest-manager
id: '{event_id}'
envelope: {payload: hex}
time: {field: timestamp}
events:
  - {if: {event_type: creature.killed}, kind: kill, player: '{payload.player_id}', target: '{payload.creature}'}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_the_previous_system_go_through_a_mapping() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 1).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    worlds::write(&world, &[("events.map.yaml", MAPPING)]);
    world_with(folder.path(), kinesis.port, "map: events.map.yaml");
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["objective_progress"]).await;
    let event = |id: &str, kind: &str, creature: &str| {
        let payload = json!({"player_id": "ana", "creature": creature}).to_string();
        let payload: String = payload.bytes().map(|byte| format!("{byte:02x}")).collect();
        json!({"event_id": id, "event_type": kind, "source": "quests", "timestamp": 1_700_000_000_000_u64,
            "payload": payload, "metadata": {}})
        .to_string()
    };
    for (id, kind, creature) in [
        ("g-1", "creature.killed", "wolf"),
        ("g-1", "creature.killed", "wolf"),
        ("g-2", "creature.killed", "wolv"),
        ("g-3", "creature.born", "wolf"),
        ("g-4", "creature.killed", "wolf"),
    ] {
        kinesis.put(STREAM, "ana", event(id, kind, creature).as_bytes()).await;
    }
    until_counted(&mut client, "ana", 2).await;
    let shard = "shardId-000000000000:*";
    until_rejected(&server, "quest-manager", &[(shard, "unknown_target"), (shard, "no_rule")]).await;
    server.stop();
}

/// A counter or gauge of the stream.
async fn metric(server: &Server, name: &str) -> f64 {
    let metrics = get(server, "/metrics", Some(server.token("dashboard"))).await;
    let start = format!("{name}{{realm=\"small\",source=\"game\"}} ");
    let found = metrics.body.lines().find_map(|line| line.strip_prefix(start.as_str())?.parse().ok());
    found.unwrap_or_else(|| panic!("no {name} in:\n{}", metrics.body))
}

/// Asks until a counter or gauge of the stream has this value.
async fn until_metric(server: &Server, name: &str, value: f64) {
    let end = Instant::now() + DEADLINE;
    let start = format!("{name}{{realm=\"small\",source=\"game\"}} ");
    loop {
        let metrics = get(server, "/metrics", Some(server.token("dashboard"))).await;
        let found: Option<f64> =
            metrics.body.lines().find_map(|line| line.strip_prefix(start.as_str())?.parse().ok());
        if found == Some(value) {
            return;
        }
        assert!(Instant::now() < end, "{name} is {found:?}, and not {value}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_throttles_and_fails_loses_nothing() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 2).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let (proxy, behind_ms) = faults::faulty(kinesis.port).await;
    let keys = "{access_key: \"${AWS_ACCESS_KEY_ID}\", secret_key: \"${AWS_SECRET_ACCESS_KEY}\"}";
    world_with(folder.path(), proxy, &format!("credentials: {keys}"));
    let server = Server::run_with(&world, &data, &[], &[("RUST_LOG", "trace")]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["objective_progress"]).await;
    // As long as the service says that there is more, it is told how far behind that is.
    behind_ms.store(90_000, Ordering::Relaxed);
    until_metric(&server, "worldflow_kinesis_behind_ms", 90_000.0).await;
    behind_ms.store(0, Ordering::Relaxed);
    let mut counts = [0; 4];
    for round in 1..=4 {
        for number in 0..20 {
            let player = format!("p{}", number % 4);
            let event = json!({"player": player, "kind": "kill", "target": "wolf"}).to_string();
            kinesis.put(STREAM, &player, event.as_bytes()).await;
            counts[number % 4] = round * 5;
        }
        for (player, count) in counts.iter().enumerate() {
            until_counted(&mut client, &format!("p{player}"), *count).await;
        }
    }
    for name in ["throttled", "expired_iterators", "failures"] {
        assert!(metric(&server, &format!("worldflow_kinesis_{name}_total")).await > 0.0, "{name}");
    }
    assert_eq!(metric(&server, "worldflow_kinesis_shards").await, 2.0);
    until_metric(&server, "worldflow_kinesis_behind_ms", 0.0).await;
    let said = server.interrupt();
    assert!(said.stderr.contains("TRACE"), "everything is logged");
    assert!(said.stderr.contains("the stream is ahead of what has been read of it"), "and so is the lag");
    assert!(!said.stderr.contains("hunter2") && !said.stdout.contains("hunter2"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_later_than_the_lateness_is_refused() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 1).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    world_with(folder.path(), kinesis.port, "time: {event: {lateness: 10s}}");
    let server = Server::run(&world, &data, &["--manual-clock", "--development"]);
    let base_ms = later_ms();
    let put = async |id: &str, after_ms: u64| {
        kinesis.put(STREAM, "ana", kill(id, "ana", Some(base_ms + after_ms)).to_string().as_bytes()).await;
    };
    put("e-1", 30_000).await;
    until_waiting(&server, 1).await;
    put("e-2", 19_999).await;
    put("e-3", 20_000).await;
    until_waiting(&server, 2).await;
    advance_to(&server, (base_ms + 40_000) / TICK_MS).await;
    until_rejected(&server, "game", &[("e-2", "late")]).await;
    let progress = view(&server, server.token("dashboard"), "objective_progress").await.1;
    let row = progress.values().find(|row| row["quest"] == "long_hunt").expect("ana hunts");
    assert_eq!(row["value"], 2, "{row}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_realm_begins_with_what_is_there() {
    let kinesis = Kinesis::start();
    kinesis.create(STREAM, 2).await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    world_with(folder.path(), kinesis.port, "time: {event: {lateness: 10s}}");
    let at_ms = later_ms() - 3_600_000;
    kinesis.put(STREAM, "ana", kill("e-1", "ana", Some(at_ms)).to_string().as_bytes()).await;
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    client.subscribe(&["quest_state"]).await;
    let row = client.until_row("quest_state", json!({"holder": "ana", "quest": "long_hunt"})).await;
    assert_eq!(row["since"], at_ms / TICK_MS, "{row}");
    server.stop();
}
