//! What a player wrote is in no file, goes with its key, and changes no hash.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::privacy::{KeysConfig, Privacy};
use worldflow_engine::rebuild::{RebuildConfig, rebuild};
use worldflow_engine::runtime::{RunningRealm, open};
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::FACTS;
use worldflow_schemas::input::{ForgetWrite, WriteOrder};
use worldflow_schemas::{Command, EventId, Input, Sym, Tick, Value, sealed};

use crate::catalog::defines;
use crate::disks::{Faults, config};
use crate::realms::{config_in, item, publish};
use crate::restarts::crash_copy;
use crate::tiny::{GONE, graphs, shape};

const SAID: &str = "my sister hides in the mill";

fn says(running: &RunningRealm, player: &str, text: &str) -> Vec<Item> {
    let mut item = item(player, "say", 0, EventId::Position(EventId::UNNUMBERED));
    let text = running.realm.privacy.seal(player.into(), text).expect("randomness");
    if let Input::Event(event) = &mut item.input {
        event.with = Some(Arc::from([("text".into(), Value::Text(text))]));
    }
    vec![item]
}

fn forgets(running: &RunningRealm, player: &str) -> Vec<Item> {
    let player: Sym = player.into();
    let id = EventId::Position(EventId::UNNUMBERED);
    let order = WriteOrder { at_ms: 0, source: "test".into(), id: id.clone() };
    let key = running.realm.privacy.key_of(player).map(|key| key.to_string()).unwrap_or_default();
    let command = Command::Forget(ForgetWrite { order, player, key: key.into() });
    vec![Item { id, input: Input::Command(command), most_per_s: None }]
}

fn shown(running: &RunningRealm, player: &str) -> String {
    let id = |text: &str| Value::Sym(text.into());
    let view = running.realm.views.read(FACTS);
    view.get(&[id("tiny"), id("player"), id(player), id("said")]).expect("it was said")[4].to_string()
}

/// The files under a folder that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if fs::read(&path).expect("readable").windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn tick(outcomes: &[Outcome]) -> Tick {
    match outcomes {
        [Outcome::Accepted { tick }] => *tick,
        other => panic!("{other:?}"),
    }
}

fn copied(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(from, copy.path());
    copy
}

fn keys_in(folder: &Path) -> KeysConfig {
    KeysConfig { folder: folder.join("keys"), master: None }
}

/// What is rebuilt of the last tick, without keys: the hash, and how ada's text looks.
async fn without_keys(folder: &Path, at: Option<Tick>) -> (u128, String) {
    let until_ms = at.map(|tick| i64::try_from(tick * 10).expect("small"));
    let (folder, privacy) = (folder.to_owned(), Privacy::none());
    let config = RebuildConfig { folder, name: "tiny".into(), workers: 1, until_ms, privacy };
    let rebuilt = rebuild(&config, graphs()).await.expect("rebuilt");
    let view = rebuilt.views.read(FACTS);
    let all = Filter::all();
    let text = view.rows(&all).find(|row| row[2] == Value::Sym("ada".into()));
    (rebuilt.views.state_hash(), text.expect("it was said")[4].to_string())
}

#[tokio::test]
async fn forgetting_makes_a_text_unreadable_and_changes_no_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(config_in(folder.path()), graphs()).await.expect("opens");
    let mut hashes = BTreeMap::new();
    for (player, text) in [("ada", SAID), ("bob", "I know")] {
        let tick = tick(&publish(&running, says(&running, player, text)).await);
        hashes.insert(tick, running.realm.views.state_hash());
        assert_eq!(shown(&running, player), text);
    }
    assert_eq!(holding(folder.path(), SAID), Vec::<String>::new());
    let sealed_by = running.realm.privacy.key_of("ada".into()).expect("she has a key");
    let before = copied(folder.path());

    let forgotten = tick(&publish(&running, forgets(&running, "ada")).await);
    hashes.insert(forgotten, running.realm.views.state_hash());
    assert_eq!((shown(&running, "ada"), shown(&running, "bob")), (sealed::FORGOTTEN.into(), "I know".into()));
    let delta = |resumed: bool| {
        let view = running.realm.views.read(FACTS);
        let deltas = if resumed { view.resumed_since(forgotten - 1) } else { view.since(forgotten - 1) };
        let changes = deltas?.iter().flat_map(|delta| delta.changes.clone()).collect::<Vec<_>>();
        Some(changes.into_iter().map(|(row, diff)| (row[4].to_string(), diff)).collect::<Vec<_>>())
    };
    // Who follows gets an ordinary delta, who resumes a snapshot; and soon nobody can ask for the delta.
    assert_eq!(delta(false), Some(vec![(SAID.to_owned(), -1), (sealed::FORGOTTEN.to_owned(), 1)]));
    assert_eq!(delta(true), None);
    while delta(false).is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // She comes back under another key.
    let back = tick(&publish(&running, says(&running, "ada", "hello again")).await);
    hashes.insert(back, running.realm.views.state_hash());
    assert_eq!(shown(&running, "ada"), "hello again");
    assert_ne!(running.realm.privacy.key_of("ada".into()), Some(sealed_by));
    publish(&running, says(&running, "ada", SAID)).await;
    let last = publish(&running, forgets(&running, "ada")).await;
    hashes.insert(tick(&last), running.realm.views.state_hash());
    assert_eq!(shown(&running, "ada"), sealed::FORGOTTEN);

    // A crash after it; one after the journal and before the key was destroyed; one before it.
    let after = copied(folder.path());
    let between = copied(folder.path());
    fs::remove_dir_all(between.path().join("keys")).expect("writable");
    fs::create_dir(between.path().join("keys")).expect("writable");
    crash_copy(&before.path().join("keys"), &between.path().join("keys"));
    running.close().await.expect("closes");
    let hash = *hashes.values().last().expect("some");
    for (copy, what) in [(&after, "after"), (&between, "between"), (&folder, "closed")] {
        let again = open(config_in(copy.path()), graphs()).await.expect("opens");
        assert_eq!(shown(&again, "ada"), sealed::FORGOTTEN, "{what}");
        assert_eq!(again.realm.views.state_hash(), hash, "{what}");
        assert_eq!(shown(&again, "bob"), "I know", "{what}");
        assert_eq!(holding(copy.path(), SAID), Vec::<String>::new());
        let held = again.realm.views.read(FACTS).resumed_since(tick(&last) - 1);
        assert!(held.is_none(), "nobody goes on from before it without a snapshot");
        again.close().await.expect("closes");
        let found = Privacy::look("tiny".into(), &keys_in(copy.path())).expect("readable");
        assert_eq!(found.key_of("ada".into()), None, "{what}: the key is gone from the disk");
    }
    let again = open(config_in(before.path()), graphs()).await.expect("opens");
    assert_eq!((shown(&again, "ada"), shown(&again, "bob")), (SAID.to_owned(), "I know".to_owned()));
    again.close().await.expect("closes");

    for (tick, hash) in &hashes {
        let (rebuilt, text) = without_keys(folder.path(), Some(*tick)).await;
        assert_eq!(rebuilt, *hash, "tick {tick}");
        assert!(sealed::is_sealed(&text), "{text}");
    }
}

#[tokio::test]
async fn a_key_is_durable_before_what_is_sealed_and_gone_before_it_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = Arc::new(Faults::default());
    let running = open(config(folder.path(), &faults), graphs()).await.expect("opens");
    // The disk fails while the key is written: it goes into another file, and nothing is lost.
    faults.failing_syncs.store(1, Ordering::Relaxed);
    publish(&running, says(&running, "ada", SAID)).await;
    let copy = copied(folder.path());
    let again = open(config_in(copy.path()), graphs()).await.expect("opens");
    assert_eq!(shown(&again, "ada"), SAID);
    again.close().await.expect("closes");

    faults.read_only.store(true, Ordering::Relaxed);
    let admission = running.realm.admission.clone();
    let items = forgets(&running, "ada");
    let asked = tokio::spawn(async move { admission.publish("test".into(), items).await });
    // It is submitted before the advance.
    tokio::task::yield_now().await;
    let mut advanced = Box::pin(running.advance(1));
    while running.realm.observed.trouble().is_none() {
        let waited = tokio::time::timeout(Duration::from_millis(20), advanced.as_mut()).await;
        assert!(waited.is_err() && !asked.is_finished(), "the key is still there");
    }
    assert_eq!(shown(&running, "ada"), SAID);
    faults.read_only.store(false, Ordering::Relaxed);
    advanced.await.expect("runs");
    assert!(matches!(asked.await.expect("no panic").expect("runs")[..], [Outcome::Accepted { .. }]));
    assert_eq!(shown(&running, "ada"), sealed::FORGOTTEN);
    assert_eq!(running.realm.observed.trouble(), None);
    // Neither copy of the key is left.
    let found = Privacy::look("tiny".into(), &keys_in(folder.path())).expect("readable");
    assert_eq!(found.key_of("ada".into()), None);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn what_a_designers_view_shows_is_opened_and_forgotten_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(config_in(folder.path()), graphs()).await.expect("opens");
    let view = shape("whispers", 4).expect("a view");
    let shown = |running: &RunningRealm, player: &str| {
        let stored = running.realm.views.get(view)?;
        Some(stored.get(&[Value::Sym("tiny".into()), Value::Sym(player.into())])?[2].to_string())
    };
    publish(&running, says(&running, "ada", SAID)).await;
    publish(&running, defines("whispers", 4)).await;
    publish(&running, says(&running, "bob", "I know")).await;
    assert_eq!(shown(&running, "ada").as_deref(), Some(SAID));
    assert_eq!(shown(&running, "bob").as_deref(), Some("I know"));
    let forgotten = tick(&publish(&running, forgets(&running, "ada")).await);
    assert_eq!(shown(&running, "ada").as_deref(), Some(sealed::FORGOTTEN));
    // The hash is that of the sealed rows, whoever has had the keys.
    let (rebuilt, _) = without_keys(folder.path(), Some(forgotten)).await;
    assert_eq!(running.realm.views.state_hash(), rebuilt);
    let resumed = running.realm.views.get(view).expect("there").resumed_since(forgotten - 1);
    assert!(resumed.is_none(), "nobody is told by a delta what was forgotten");
    // Of a view that is gone nothing comes back when somebody is forgotten who was in it.
    publish(&running, defines("whispers", GONE)).await;
    publish(&running, forgets(&running, "bob")).await;
    assert_eq!(shown(&running, "bob"), None);
    publish(&running, defines("whispers", 4)).await;
    assert_eq!(shown(&running, "bob").as_deref(), Some(sealed::FORGOTTEN));
    let (rebuilt, _) = without_keys(folder.path(), None).await;
    assert_eq!(running.realm.views.state_hash(), rebuilt);
    running.close().await.expect("closes");
}
