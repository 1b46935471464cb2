//! A data folder that an earlier version wrote is gone on with.
//!
//! `fixtures/snapshot-3-journal-2` was written by worldflow before snapshots were runs: two runs of the program that
//! ended with a snapshot in one file each, and one that was killed. In each, ada killed two and bob rang twice.

use std::path::Path;

use worldflow_engine::admission::Outcome;
use worldflow_engine::doctor::examine;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, rebuild};
use worldflow_engine::runtime::open;
use worldflow_engine::snapshot::newest;

use crate::realms::{config_in, count, named, publish};
use crate::restarts::crash_copy;
use crate::tiny::graph;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/snapshot-3-journal-2");
const STATE_HASH: u128 = 0x7eeb_b6eb_797c_73d3_c080_a06b_c9dc_d11f;
const EPOCH: u64 = 0x7758_cdac_3a41_75ba;

#[tokio::test]
async fn snapshots_of_version_3_and_journals_of_version_2_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    crash_copy(Path::new(FIXTURE), folder.path());
    let examined = examine(folder.path()).expect("readable");
    assert!(examined.is_sound(), "{examined:#?}");
    assert_eq!(
        examined.snapshots.iter().map(|it| (it.tick, it.version)).collect::<Vec<_>>(),
        [(4, Some(3)), (2, Some(3))]
    );

    let config = RebuildConfig {
        folder: folder.path().to_owned(),
        name: "tiny".into(),
        workers: 1,
        until_ms: None,
        privacy: Privacy::none(),
    };
    let rebuilt = rebuild(&config, graph()).await.expect("rebuilt");
    assert_eq!((rebuilt.tick, rebuilt.views.state_hash()), (6, STATE_HASH));

    let running = open(config_in(folder.path()), graph()).await.expect("opens");
    assert_eq!((running.realm.epoch, running.realm.views.state_hash()), (EPOCH, STATE_HASH));
    let again = publish(&running, vec![named("ada", "kill", "0.1"), named("ada", "kill", "2.1")]).await;
    assert_eq!(again, [Outcome::Duplicate { tick: 2 }, Outcome::Duplicate { tick: 6 }]);
    publish(&running, vec![named("ada", "kill", "new")]).await;
    running.close().await.expect("closes");

    // The next snapshot is of runs, with every piece; the former ones go when they are no longer needed.
    let snapshot = newest(&folder.path().join("snapshots")).expect("published");
    assert_eq!((snapshot.tick, snapshot.runs.map(|runs| runs.len())), (8, Some(1)));
    for (id, expected) in [("more", 8), ("and more", 9)] {
        let running = open(config_in(folder.path()), graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", id)]).await;
        assert_eq!(count(&running, "ada"), Some(expected));
        running.close().await.expect("closes");
    }
    let examined = examine(folder.path()).expect("readable");
    assert_eq!(examined.snapshots.iter().map(|it| it.version).collect::<Vec<_>>(), [Some(4); 2]);
    let left = std::fs::read_dir(folder.path().join("snapshots")).expect("a folder");
    let former = left.filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "snapshot"))
    });
    assert_eq!(former.count(), 0);
}
