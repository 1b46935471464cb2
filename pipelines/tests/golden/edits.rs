//! A world that is edited between two runs: what the next run makes of the base state of the last.

use std::fs;
use std::path::Path;

use expect_test::expect;
use worldflow::open::{OpenConfig, open_realm};
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::runtime::RunningRealm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::input::{Command, GrantAnswer, WriteOrder};
use worldflow_schemas::{Event, EventId, Input, Sym, catalog};

use crate::script::Golden;

const QUESTS: &str = "
hunt:
  title: Hunt
  accept: auto
  stages:
    kill: {objectives: {beasts: {event: kill, target: beast}}}
  rewards: {slots: {cloak: {item: cloak}}}
veteran:
  title: Veteran
  accept: auto
  stages:
    all: {objectives: {felled: {event: kill, count: 3, since: ever, lifetime: felled}}}
";

/// A world with these facts, the tags of its wolf, what its counter counts, and its clock.
struct Edit<'a> {
    facts: &'a str,
    wolf: &'a str,
    felled: &'a str,
    seconds: u32,
}

const FIRST: Edit<'static> = Edit {
    facts: "
  mood: {scope: realm, type: int, default: 0}
  siege: {scope: realm, type: int, default: 0}
  calm: {scope: realm, type: bool, default: false}
  name: {scope: player, type: text, default: none}
  luck: {scope: player, type: int, default: 1, expires: 1h}",
    wolf: "[beast]",
    felled: "wolf",
    seconds: 60,
};

impl Edit<'_> {
    fn files(&self) -> Vec<(&'static str, String)> {
        let Edit { facts, wolf, felled, seconds } = self;
        let world = format!(
            "name: golden\nseed: 7\ntick_ms: 10\nclock: {{real_seconds_per_hour: {seconds}}}\n\
             kinds: {{kill: {{}}}}\nfacts:{facts}\n\
             lifetime:\n  felled: {{scope: player, pattern: {{event: kill, target: {felled}}}}}\n"
        );
        let entities = format!("wolf: {{kind: npc, tags: {wolf}}}\nbear: {{kind: npc, tags: [beast]}}\n");
        vec![("world.yaml", world), ("entities.yaml", entities), ("quests/all.yaml", QUESTS.to_owned())]
    }

    fn golden(&self, script: &str) -> Golden {
        let files = self.files();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        Golden::new(&files, script)
    }

    fn load(&self) -> LoadedWorld {
        let files = self.files();
        let folder = Folder::of(files.iter().map(|(path, text)| (*path, text.as_str())));
        LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}"))
    }
}

#[test]
fn facts_follow_their_declarations() {
    let first = FIRST.golden(
        "
        10 fact realm golden mood 5
        10 fact realm golden siege 3
        10 fact realm golden calm true
        10 fact player ann name bear
        10 fact player ann luck 7
        ",
    );
    let left = first.run().snapshot_at(10);
    // What mood has become is the new default, siege is gone, calm and name have other types, and
    // luck goes by player still.
    let facts = "
  mood: {scope: realm, type: int, default: 5}
  calm: {scope: realm, type: int, default: 4}
  name: {scope: realm, type: text, default: none}
  luck: {scope: player, type: int, default: 2}";
    let second = Edit { facts, ..FIRST };
    let script = "
        12 fact realm golden mood 0
        12 fact realm golden calm 9
        12 fact player bob luck 1
        13 wait
        ";
    let ran = second.golden(script).run_from((10, left));
    expect![[r#"
        10: +1 facts scope=player holder=ann fact=luck value=7 version=1 expires=360010
        12: +1 facts scope=player holder=bob fact=luck value=1 version=1 expires=
        12: +1 facts scope=realm holder=golden fact=calm value=9 version=1 expires=
        12: +1 facts scope=realm holder=golden fact=mood value=0 version=2 expires=
    "#]]
    .assert_eq(&Golden::show(&ran, &["facts"]));
    // What the second world did not have does not come back with the third.
    let third = FIRST.golden("15 fact player ann luck 8\n16 wait").run_from((13, ran.snapshot_at(13)));
    expect![[r#"
        13: +1 facts scope=player holder=ann fact=luck value=7 version=1 expires=360010
        15: -1 facts scope=player holder=ann fact=luck value=7 version=1 expires=360010
        15: +1 facts scope=player holder=ann fact=luck value=8 version=2 expires=360015
    "#]]
    .assert_eq(&Golden::show(&third, &["facts"]));
}

#[test]
fn an_edit_of_what_a_lifetime_counter_counts_begins_another() {
    let first = FIRST.golden(
        "
        10 event kill player=ann target=wolf
        11 event kill player=ann target=wolf
        ",
    );
    let second = Edit { felled: "bear", ..FIRST }.golden(
        "
        14 event kill player=ann target=bear
        15 wait
        ",
    );
    let ran = second.run_from((11, first.run().snapshot_at(11)));
    expect![[r#"
        11: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=2 need=3 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=0 need=3 done=false hidden=false
        12: -1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=2 need=3 done=false hidden=false
        14: -1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=0 need=3 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=1 need=3 done=false hidden=false
    "#]].assert_eq(&Golden::show(&ran, &["objective_progress"]));
    // To go back is a third counter.
    let third = FIRST.golden("17 event kill player=ann target=wolf\n18 wait");
    let ran = third.run_from((15, ran.snapshot_at(15)));
    expect![[r#"
        15: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=1 need=3 done=false hidden=false
        16: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=0 need=3 done=false hidden=false
        16: -1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=1 need=3 done=false hidden=false
        17: -1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=0 need=3 done=false hidden=false
        17: +1 objective_progress scope=player holder=ann quest=veteran stage=all objective=felled instance=1 value=1 need=3 done=false hidden=false
    "#]].assert_eq(&Golden::show(&ran, &["objective_progress"]));
}

#[test]
fn an_edit_of_the_clocks_scale_acts_from_the_next_tick_on() {
    let first = FIRST.golden("10 wait");
    let second = Edit { seconds: 30, ..FIRST }.golden("20 clock scale 7 1\n30 wait");
    let ran = second.run_from((10, first.run().snapshot_at(10)));
    expect![[r#"
        10: +1 clock world_ms=25200000 since=1 scale_world=60 scale_real=1 paused=false phase=day day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=66001
        11: -1 clock world_ms=25200000 since=1 scale_world=60 scale_real=1 paused=false phase=day day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=66001
        11: +1 clock world_ms=25206000 since=11 scale_world=120 scale_real=1 paused=false phase=day day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=33006
        20: -1 clock world_ms=25206000 since=11 scale_world=120 scale_real=1 paused=false phase=day day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=33006
        20: +1 clock world_ms=25216800 since=20 scale_world=7 scale_real=1 paused=false phase=day day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=565495
    "#]].assert_eq(&Golden::show(&ran, &["clock"]));
}

async fn opened(edit: &Edit<'_>, folder: &Path) -> RunningRealm {
    let config = OpenConfig {
        realm: Sym::new("golden"),
        world: edit.load(),
        folder: Some(folder.to_owned()),
        workers: Some(1),
        manual: true,
        event_time: Vec::new(),
        keys: Default::default(),
    };
    open_realm(config).await.expect("opens")
}

async fn publish(running: &RunningRealm, id: &str, input: Input) {
    let admission = running.realm.admission.clone();
    let items = vec![Item { id: EventId::Named(id.into()), input, most_per_s: None }];
    let published = tokio::spawn(async move { admission.publish("game".into(), items).await });
    tokio::task::yield_now().await;
    running.advance(1).await.expect("runs");
    let outcomes = published.await.expect("no panic").expect("runs");
    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]), "{outcomes:?}");
}

async fn kill(running: &RunningRealm, id: &str, player: &str, target: &str) {
    let event = Event {
        at_ms: running.realm.progress.borrow().utc_ms,
        source: "game".into(),
        id: EventId::Named(id.into()),
        player: player.into(),
        kind: "kill".into(),
        target: target.into(),
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    publish(running, id, Input::Event(event)).await;
}

/// Grants and their states, in order.
fn grants(running: &RunningRealm) -> Vec<String> {
    let view = running.realm.views.read(catalog::GRANTS);
    let def = catalog::GRANTS.def();
    let status = def.column("status").expect("the catalog has it");
    let mut rows: Vec<String> =
        view.rows(&Filter::all()).map(|row| format!("{} {}", row[1], row[status])).collect();
    rows.sort();
    rows
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("writable")),
        }
    }
}

#[tokio::test]
async fn a_crash_and_an_edit_undo_nothing_that_was_decided() {
    let (folder, crashed) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let running = opened(&FIRST, folder.path()).await;
    kill(&running, "1", "ann", "wolf").await;
    let grant = "hunt/player:ann/1/cloak/ann";
    let order = WriteOrder { at_ms: 0, source: "test".into(), id: EventId::Named("2".into()) };
    let answer = GrantAnswer { order, grant: grant.into(), delivered: true, reason: "".into() };
    publish(&running, "2", Input::Command(Command::GrantAnswer(answer))).await;
    let expected = vec![format!("{grant} delivered")];
    assert_eq!(grants(&running), expected);
    copy(folder.path(), crashed.path());
    running.close().await.expect("closes");

    // The wolf is no beast any more: under this world nobody would have been granted anything.
    let edited = Edit { wolf: "[]", ..FIRST };
    let again = opened(&edited, crashed.path()).await;
    assert_eq!(grants(&again), expected);
    kill(&again, "3", "bob", "wolf").await;
    again.advance(2).await.expect("runs");
    assert_eq!(grants(&again), expected);
    kill(&again, "4", "bob", "bear").await;
    assert_eq!(grants(&again).len(), 2);
    again.close().await.expect("closes");
}
