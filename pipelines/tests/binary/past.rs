//! A running server's data folder is examined, copied, put back, and replayed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use worldflow_engine::snapshot::{newest, publish as publish_snapshot};

use crate::client::{Client, Deed, Encoding, deed};
use crate::process::{Said, Server, path, worldflow};
use crate::rows::view;
use crate::worlds;

fn doctor(folder: &Path) -> (Said, Value) {
    let said = worldflow(["doctor", path(folder), "--json"]);
    let examined = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said, examined)
}

/// Rebuilds a moment from a folder; the summary.
pub(crate) fn replayed(folder: &Path, dump: &Path, more: &[&str]) -> Value {
    let fixed = ["replay", "--journal", path(folder), "--dump", path(dump)];
    let said = worldflow(fixed.into_iter().chain(more.iter().copied()));
    assert!(said.status.success(), "{said:?}");
    let summary = std::fs::read_to_string(dump.join("summary.json")).expect("it is written");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert!(said.stdout.contains(summary["state_hash"].as_str().expect("a hash")), "{said:?}");
    summary
}

/// Bob kills wolves until he is told to stop; how many were acked.
async fn hunt(mut client: Client, stop: Arc<AtomicBool>, acked: Arc<AtomicU64>) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let deeds: Vec<Deed> =
            (0..20).map(|place| deed(&format!("h-{number}-{place}"), "bob", "kill", "wolf")).collect();
        let ack = client.publish(&deeds).await;
        assert_eq!(ack["accepted"], 20, "{ack}");
        number += 1;
        acked.fetch_add(20, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_put_back_and_is_what_the_journal_says() {
    let folder = worlds::small();
    let at = |name: &str| folder.path().join(name);
    let (world, data) = (at("world"), at("data"));
    let fast = worlds::WORLD.replace("kill: {}", "kill: {max_per_second: 1000000}");
    let long = worlds::QUESTS.replace("count: 1000}", "count: 100000000}");
    worlds::write(&world, &[("world.yaml", &fast), ("quests/hunt.yaml", &long)]);
    // A first run ends with a snapshot, so that the copy is of both a snapshot and a journal.
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let first = client.publish(&[deed("a-1", "ana", "quest.accept", "wolf_hunt")]).await;
    server.stop();

    let server = Server::run(&world, &data, &[]);
    let client = Client::open(&server, server.token("game_server"), Encoding::Protobuf).await;
    let (stop, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let hunting = tokio::spawn(hunt(client, Arc::clone(&stop), Arc::clone(&acked)));
    while acked.load(Ordering::Relaxed) < 200 {
        tokio::task::yield_now().await;
    }
    let before = acked.load(Ordering::Relaxed);
    let (from, saved) = (data.clone(), at("saved"));
    let copied = tokio::task::spawn_blocking(move || worldflow(["backup", path(&from), path(&saved)]));
    let copied = copied.await.expect("no panic");
    assert!(copied.status.success(), "{copied:?}");
    let (said, examined) = doctor(&data);
    assert!(said.status.success() && examined[0]["in_use"] == true, "{said:?}");
    stop.store(true, Ordering::Relaxed);
    hunting.await.expect("every batch is acked");
    // The past is rebuilt while the realm goes on.
    let (_, examined) = doctor(&at("saved"));
    let segments = examined[0]["segments"].as_array().expect("a list");
    // Ticks are reserved beyond it, in which the realm took more.
    let last = segments.iter().filter_map(|segment| segment["last"].as_u64()).max().expect("inputs");
    assert_eq!((&examined[0]["epoch"], &examined[0]["in_use"]), (&Value::Null, &json!(false)));
    let until = (last * 20).to_string();
    let until = ["--until", until.as_str()];
    let live = replayed(&data, &at("live"), &until);
    server.stop();
    let copy = replayed(&at("saved"), &at("copy"), &until);
    assert_eq!((&copy["last_tick"], &copy["state_hash"]), (&json!(last), &live["state_hash"]));
    // Nobody has written anything, so there are no keys.
    let later = replayed(&data, &at("later"), &[&until[..], &["--with-keys"]].concat());
    assert_eq!(later["state_hash"], live["state_hash"]);
    assert!(later["compared"].as_u64() > Some(1), "records of the journal say what ticks came to: {later}");
    let dump = at("of");
    let of = |until| worldflow(["replay", "--journal", path(&data), "--dump", path(&dump), "--until", until]);
    let (early, beyond) = (of("2001-01-01T00:00:00Z"), of("2100-01-01T00:00:00Z"));
    assert!(!early.status.success(), "{early:?}");
    assert!(early.stderr.contains("small: nothing had happened by then: the first tick is "), "{early:?}");
    assert!(beyond.status.success() && beyond.stdout.contains("; nothing later is kept\n"), "{beyond:?}");
    let counted = std::fs::read_to_string(at("copy/objective_progress.ndjson")).expect("it is written");
    let bob = counted.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let bob =
        bob.into_iter().find(|row| row["holder"] == "bob" && row["quest"] == "long_hunt").expect("he hunts");
    assert!(bob["value"].as_u64() >= Some(before), "what was acked before is in it: {bob} {before}");

    // Put back, it goes on with an epoch of its own.
    let said = worldflow(["restore", path(&at("saved")), path(&at("again"))]);
    assert!(said.status.success(), "{said:?}");
    let refused = worldflow(["restore", path(&at("saved")), path(&at("again"))]);
    assert!(
        !refused.status.success() && refused.stderr.contains("hint: name a folder that is empty"),
        "{refused:?}"
    );
    let server = Server::run(&world, &at("again"), &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let again = client.publish(&[deed("a-1", "ana", "quest.accept", "wolf_hunt")]).await;
    assert_eq!(again["outcomes"][0]["tick"], first["tick"], "{again} {first}");
    let (_, progress) = view(&server, server.token("dashboard"), "objective_progress").await;
    let found = progress.values().find(|row| row["holder"] == "bob" && row["quest"] == "long_hunt");
    assert_eq!(found.expect("he hunts")["value"], bob["value"]);
    server.stop();
    let epoch = |folder: &Path| std::fs::read_to_string(folder.join("small/epoch")).expect("it is written");
    assert_ne!(epoch(&data), epoch(&at("again")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_folder_is_told_from_one_that_was_cut_off() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    // What is acked became durable after the definitions, in a frame of its own.
    client.publish(&[deed("a-1", "ana", "kill", "wolf")]).await;
    server.crash();
    let (said, examined) = doctor(&data);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(examined[0]["problems"], json!([]));
    let segment = data.join("small/journal/000000000001.journal");
    let whole = std::fs::read(&segment).expect("readable");
    std::fs::write(&segment, &whole[..whole.len() - 1]).expect("writable");
    let (said, examined) = doctor(&data.join("small"));
    assert!(said.status.success(), "{said:?}");
    assert_eq!(examined[0]["recovery"]["cuts"], true, "{examined}");
    let mut damaged = whole.clone();
    damaged[20] ^= 1;
    std::fs::write(&segment, &damaged).expect("writable");
    let (said, examined) = doctor(&data);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let problem = examined[0]["problems"][0].as_str().expect("a problem");
    assert!(
        problem.contains("000000000001.journal: byte 0: a frame does not match its checksum"),
        "{problem}"
    );
    let text = worldflow(["doctor", path(&data)]);
    assert!(text.stdout.contains("opening it is refused"), "{text:?}");
    // And so it is.
    let refused = worldflow(["run", path(&world), "--data", path(&data), "--port", "0"]);
    assert!(refused.stderr.contains("000000000001.journal: byte 0:"), "{refused:?}");
    assert_eq!(std::fs::read(&segment).expect("readable"), damaged);
    let nothing = worldflow(["doctor", path(&folder.path().join("nowhere"))]);
    assert!(nothing.stderr.contains("no realm keeps its data here"), "{nothing:?}");
}

/// As another version may have written it: its sums are right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn base_state_of_another_form_is_refused_and_not_called_a_bug() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let ack = client.publish(&[deed("a-1", "ana", "kill", "wolf")]).await;
    server.stop();
    let snapshots = data.join("small/snapshots");
    let whole = newest(&snapshots).expect("a clean end writes one");
    let operators: std::collections::BTreeSet<_> =
        whole.rows.iter().map(|row| row.operator.clone()).collect();
    assert!(operators.len() > 2, "{operators:?}");
    for operator in operators {
        let mut other = whole.clone();
        let row = other.rows.iter_mut().find(|row| row.operator == operator).expect("it is one of them");
        row.key = Vec::new().into();
        publish_snapshot(&snapshots, &other).expect("writable");
        let refused = worldflow(["run", path(&world), "--data", path(&data), "--port", "0"]);
        let said = &refused.stderr;
        assert!(!refused.status.success(), "{operator}: {refused:?}");
        assert!(said.contains(&format!("a piece of `{operator}`")), "{said}");
        assert!(
            said.contains("written by another version") && said.contains("hint: run that version"),
            "{said}"
        );
        assert!(!said.contains("this is a bug"), "{said}");
    }
    // What it says helps: the journal is there from its beginning.
    std::fs::rename(&snapshots, data.join("aside")).expect("writable");
    let server = Server::run(&world, &data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let again = client.publish(&[deed("a-1", "ana", "kill", "wolf")]).await;
    assert_eq!(again["outcomes"][0]["tick"], ack["tick"], "{again}");
    server.stop();
}

#[test]
fn a_folder_that_cannot_be_written_is_said_so() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    // Not even the system's administrator makes a folder there.
    let said = worldflow(["run", path(&world), "--data", "/proc/worldflow", "--port", "0"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stderr.contains("hint: check that the data folder can be written"), "{said:?}");
}
