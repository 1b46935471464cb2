//! A realm's catalog changes at a tick: views come, get another shape and go, with their rows, also over a restart.

use worldflow_engine::admission::Item;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, rebuild};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::snapshot::SnapshotConfig;
use worldflow_engine::testing::{Plan, law, run};
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_engine::workers::{Cut, SealedTick};
use worldflow_schemas::catalog::{CATALOG, LEVELS};
use worldflow_schemas::{Event, EventId, Input, Row, Sym, Tick};

use crate::realms::{config_in, item, publish};
use crate::restarts::crash_copy;
use crate::tiny::{GONE, event, graph, own_row, shape};

fn defining(view: &str, shape: i64) -> Event {
    let mut event = event("", "define", 0, EventId::Position(EventId::UNNUMBERED));
    (event.target, event.amount) = (view.into(), shape);
    event
}

pub(crate) fn defines(view: &str, shape: i64) -> Vec<Item> {
    let id = EventId::Position(EventId::UNNUMBERED);
    vec![Item { id, input: Input::Event(defining(view, shape)), most_per_s: None }]
}

fn kills(player: &str) -> Vec<Item> {
    vec![item(player, "kill", 0, EventId::Position(EventId::UNNUMBERED))]
}

/// The rows of the view of that name, or `None` when there is no such view.
fn rows(views: &ViewStore, name: &str) -> Option<Vec<Row>> {
    let view = views.catalog().view(name)?;
    let mut rows: Vec<Row> = views.get(view)?.rows(&Filter::all()).cloned().collect();
    rows.sort_by_key(|row| row[1].to_string());
    Some(rows)
}

fn counts(of: i64, counts: &[(&str, i64)]) -> Option<Vec<Row>> {
    Some(counts.iter().map(|(player, count)| own_row(of, Sym::new(player), *count)).collect())
}

fn now(running: &RunningRealm) -> Tick {
    running.realm.progress.borrow().tick
}

#[tokio::test]
async fn a_view_comes_changes_its_shape_and_goes_at_its_tick() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(config_in(folder.path()), graph()).await.expect("opens");
    let views = &running.realm.views;
    publish(&running, kills("ada")).await;
    assert_eq!((views.catalog().ids().count(), rows(views, "kills")), (CATALOG.len(), None));
    let before = views.state_hash();
    publish(&running, defines("kills", 1)).await;
    assert_eq!(rows(views, "kills"), counts(1, &[("ada", 1)]));
    let first = shape("kills", 1).expect("a view");
    // Whoever reads from the tick of its coming on misses nothing.
    let came = now(&running);
    assert_eq!(views.get(first).expect("there").last_change(), came);
    assert!(views.get(first).expect("there").since(came - 1).is_none());
    publish(&running, kills("bob")).await;
    assert_eq!(rows(views, "kills"), counts(1, &[("ada", 1), ("bob", 1)]));
    assert_eq!(views.get(first).expect("there").since(came).map(|deltas| deltas.len()), Some(1));
    assert!(views.get(first).expect("there").resumed_since(came - 1).is_none());

    publish(&running, defines("kills", 2)).await;
    assert!(views.get(first).is_none(), "of the former shape nothing is left");
    assert_eq!(rows(views, "kills"), counts(2, &[("ada", 1), ("bob", 1)]));
    publish(&running, kills("ada")).await;
    assert_eq!(rows(views, "kills"), counts(2, &[("ada", 2), ("bob", 1)]));

    publish(&running, defines("kills", GONE)).await;
    assert_eq!((views.catalog().ids().count(), rows(views, "kills")), (CATALOG.len(), None));
    assert!(views.get(shape("kills", 2).expect("a view")).is_none());
    assert_eq!(views.read(LEVELS).len(), 2);
    // The hash is of what is there: of the levels alone.
    assert_ne!(views.state_hash(), before);
    let other = open(RealmConfig { folder: None, ..config_in(folder.path()) }, graph()).await.expect("opens");
    for player in ["ada", "bob", "ada"] {
        publish(&other, kills(player)).await;
    }
    assert_eq!(views.state_hash(), other.realm.views.state_hash());
    other.close().await.expect("closes");
    running.close().await.expect("closes");
}

#[tokio::test]
async fn the_views_of_a_realm_are_there_again_after_a_restart_and_in_the_past() {
    for at_close in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = SnapshotConfig { at_close, ..SnapshotConfig::default() };
        let config = |folder| RealmConfig { snapshots, ..config_in(folder) };
        let running = open(config(folder.path()), graph()).await.expect("opens");
        publish(&running, kills("ada")).await;
        publish(&running, defines("a_kills", 1)).await;
        publish(&running, defines("kills", 1)).await;
        let one = (now(&running), running.realm.views.state_hash());
        let both = defines("kills", 2).into_iter().chain(kills("bob"));
        publish(&running, both.collect()).await;
        publish(&running, defines("a_kills", GONE)).await;
        let two = (now(&running), running.realm.views.state_hash());
        let crashed = tempfile::tempdir().expect("a folder");
        crash_copy(folder.path(), crashed.path());
        running.close().await.expect("closes");
        for folder in [folder.path(), crashed.path()] {
            let again = open(config(folder), graph()).await.expect("opens");
            let views = &again.realm.views;
            assert_eq!(rows(views, "kills"), counts(2, &[("ada", 1), ("bob", 1)]));
            assert_eq!((rows(views, "a_kills"), views.state_hash()), (None, two.1));
            publish(&again, kills("ada")).await;
            assert_eq!(rows(views, "kills"), counts(2, &[("ada", 2), ("bob", 1)]));
            again.close().await.expect("closes");
        }
        // A tick of the past has the catalog of that tick, when the journal still says how it came about.
        for (tick, hash) in [one, two] {
            let until_ms = Some(i64::try_from(tick * 10).expect("small"));
            let (folder, privacy) = (crashed.path().to_owned(), Privacy::none());
            let config = RebuildConfig { folder, name: "tiny".into(), workers: 1, until_ms, privacy };
            let rebuilt = rebuild(&config, graph()).await.expect("rebuilt");
            assert_eq!((rebuilt.tick, rebuilt.views.state_hash()), (tick, hash));
            assert_eq!(rows(&rebuilt.views, "a_kills").is_some(), tick == one.0);
        }
    }
}

#[tokio::test]
async fn two_realms_of_a_process_have_their_own_catalogs() {
    let (north, south) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let north = open(config_in(north.path()), graph()).await.expect("opens");
    let south = open(config_in(south.path()), graph()).await.expect("opens");
    for (realm, of) in [(&north, 1), (&south, 2)] {
        publish(realm, kills("ada")).await;
        publish(realm, defines("kills", of)).await;
    }
    publish(&south, defines("others", 1)).await;
    assert_eq!(rows(&north.realm.views, "kills"), counts(1, &[("ada", 1)]));
    assert_eq!(rows(&south.realm.views, "kills"), counts(2, &[("ada", 1)]));
    assert_eq!(rows(&north.realm.views, "others"), None);
    assert_eq!(rows(&south.realm.views, "others"), counts(1, &[("ada", 1)]));
    north.close().await.expect("closes");
    south.close().await.expect("closes");
}

fn ticks() -> Vec<SealedTick> {
    let mut position = 0;
    let mut event = |kind: &str, player: &str| {
        position += 1;
        event(player, kind, 0, EventId::Position(position))
    };
    let tick = |tick, events| SealedTick { tick, events, ..SealedTick::default() };
    vec![
        tick(1, vec![event("kill", "ada"), event("kill", "bob"), event("kill", "cy")]),
        tick(2, vec![defining("kills", 1), event("kill", "dee")]),
        tick(3, vec![event("ring", "ada"), event("kill", "bob"), defining("more", 2)]),
        tick(5, vec![event("kill", "cy"), defining("kills", 2)]),
        tick(6, vec![event("kill", "cy"), defining("more", GONE)]),
        tick(7, vec![event("kill", "dee")]),
        tick(8, vec![defining("more", 2), event("kill", "ada")]),
    ]
}

#[test]
fn workers_cuts_and_snapshots_change_nothing_where_the_catalog_changes() {
    let plan = Plan { until: 10, ..Plan::default() };
    let one = run(&graph(), &ticks(), &plan);
    assert_eq!(one.catalog.iter().map(|(tick, _)| *tick).collect::<Vec<_>>(), [2, 3, 5, 6, 8]);
    for (workers, items) in [(1, 1), (2, 100), (4, 2)] {
        let plan = Plan { workers, cut: Cut { items }, ..plan.clone() };
        let other = run(&graph(), &ticks(), &plan);
        assert_eq!(
            (&one.changes, one.state_hash()),
            (&other.changes, other.state_hash()),
            "{workers} workers"
        );
        assert_eq!(one.catalog, other.catalog);
        law(&graph(), &ticks(), &plan, 1..=8).unwrap_or_else(|broken| panic!("{broken}"));
    }
}
