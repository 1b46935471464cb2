//! Real matches: the graph and an independent naive evaluator agree on every change.

mod oracle;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use oracle::Seen;
use oracle::compare::{Case, differences, seen};
use worldflow::replay::open_mapping;
use worldflow::world::LoadedWorld;
use worldflow_engine::testing::Plan;
use worldflow_engine::view_store::Filter;
use worldflow_engine::workers::Cut;
use worldflow_schemas::input::Holder;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Input, Sym, Tick, catalog};
use worldflow_sources::recording::{Block, Rules, read_ndjson};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's root").to_owned()
}

fn world() -> LoadedWorld {
    LoadedWorld::open(&project().join("pipelines/worlds/skirmish")).expect("the world has no problem")
}

fn recording() -> Block {
    let mapping = open_mapping(&project().join("pipelines/worlds/skirmish/map.yaml")).expect("a mapping");
    let events = project().join("../shared/data/skirmish_events.ndjson.gz");
    read_ndjson(&events, Some(&mapping)).expect("the recording lies beside the project")
}

struct Loaded {
    case: Case,
    world: LoadedWorld,
}

/// The recording and its script, admitted and sealed.
static SKIRMISH: LazyLock<Loaded> = LazyLock::new(|| {
    let world = world();
    let script =
        read_ndjson(&project().join("pipelines/worlds/skirmish/script.ndjson"), None).expect("a script");
    let mut rules = Rules::new(&world.world);
    let length = TickLength { tick_ms: world.world.tick_ms };
    let mut inputs: BTreeMap<Tick, Vec<Input>> = BTreeMap::new();
    for block in [recording(), script] {
        assert_eq!(block.bad, [], "every line can be read");
        for dated in block.commands {
            rules.command(&dated.command).expect("every command is of this world");
            inputs.entry(length.tick_at(dated.at_ms)).or_default().push(Input::Command(dated.command));
        }
        for event in block.events {
            rules.event(&event).expect("every event is of this world");
            inputs.entry(length.tick_at(event.at_ms)).or_default().push(Input::Event(event));
        }
    }
    let until = inputs.keys().next_back().expect("a recording is not empty") + 60_000;
    let quests = world.quests.clone();
    Loaded { case: Case { world: (*world.world).clone(), quests, inputs, until }, world }
});

/// What the evaluator says about it.
static EVALUATED: LazyLock<Vec<Seen>> = LazyLock::new(|| SKIRMISH.case.evaluate(false, Vec::new()));

#[test]
fn every_line_counts() {
    let block = recording();
    let kinds = |kind: &str| block.events.iter().filter(|event| event.kind.as_str() == kind).count();
    // 11,472 deaths: 7,283 with a killer, 9,581 with an owner.
    assert_eq!((kinds("kill"), kinds("loss")), (7_283, 9_581));
    assert_eq!(kinds("trained") + kinds("started") + kinds("built"), 18_327 + 2_746 + 2_636);
    assert_eq!(kinds("stats"), 6_303);
    assert_eq!(kinds("upgraded") as u64 + block.skipped, 1_292);
    assert_eq!((kinds("left"), kinds("traded")), (65, 8));
    let ids: std::collections::BTreeSet<_> = block.events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), block.events.len(), "no two events share an id");
}

#[test]
fn graph_and_evaluator_agree_on_every_change_for_any_workers_and_cutting() {
    let Loaded { case, world } = &*SKIRMISH;
    let definitions = world.definitions();
    let plans = [(1, 4096), (2, 4096), (4, 4096), (2, 1), (4, 7)];
    let expected = std::thread::spawn(|| EVALUATED.len());
    let mut hash = None;
    let mut found = Vec::new();
    for (workers, items) in plans {
        let plan = Plan { workers, cut: Cut { items }, ..Plan::default() };
        let ran = case.run(&definitions, &plan);
        let same = *hash.get_or_insert(ran.state_hash());
        assert_eq!(ran.state_hash(), same, "the hash is the same for {workers} workers, cut at {items}");
        found.push((workers, items, seen(&ran)));
    }
    expected.join().expect("the evaluator does not panic");
    let expected = &*EVALUATED;
    assert!(expected.len() > 10_000, "{} changes are too few to prove anything", expected.len());
    for (workers, items, found) in found {
        if let Some(difference) = differences(expected, &found) {
            panic!("{workers} workers, cut at {items}: {difference}");
        }
    }
}

#[test]
fn every_quest_of_the_world_is_completed_by_somebody() {
    let changes = &*EVALUATED;
    for quest in SKIRMISH.case.quests.keys() {
        let done = changes.iter().any(|(view, row, _, diff)| {
            *view == "quest_state" && *diff > 0 && row[3] == *quest && row[5] == "done"
        });
        assert!(done, "nobody completes {quest}: it proves nothing");
    }
    for state in ["failed", "expired", "abandoned", "ready", "available"] {
        assert!(
            changes.iter().any(|(view, row, _, _)| *view == "quest_state" && row[5] == state),
            "no quest is ever {state}"
        );
    }
}

#[test]
fn each_of_four_workers_owns_a_fair_share_of_the_keys() {
    let changes = &*EVALUATED;
    let mut owned = [0_usize; 4];
    let keys: std::collections::BTreeSet<(String, String)> = changes
        .iter()
        .filter(|(view, ..)| *view == "quest_state")
        .map(|(_, row, ..)| (row[1].as_str().unwrap().to_owned(), row[2].as_str().unwrap().to_owned()))
        .collect();
    for (scope, id) in &keys {
        let scope = worldflow_schemas::input::Scope::ALL.into_iter().find(|s| s.name() == scope).unwrap();
        let worker = Holder { scope, id: Sym::new(id) }.route() % 4;
        owned[usize::try_from(worker).unwrap()] += 1;
    }
    let least = *owned.iter().min().unwrap();
    assert!(
        least * 8 >= keys.len(),
        "{owned:?} of {}: the least share is below half of a fair one",
        keys.len()
    );
}

#[test]
fn altering_any_one_row_changes_the_hash() {
    let Loaded { case, world } = &*SKIRMISH;
    let ran = case.run(&world.definitions(), &Plan::default());
    let hash = ran.state_hash();
    let mut altered = 0;
    for view in catalog::ids().filter(|view| view.def().deterministic) {
        let rows: Vec<_> = ran.views.read(view).rows(&Filter::all()).cloned().collect();
        for row in rows {
            let without = hash.wrapping_sub(row.hash128(view.def().name));
            assert_ne!(without, hash, "a missing row is seen");
            for column in 0..row.len() {
                let mut values = row.to_vec();
                values[column] = worldflow_schemas::Value::text(&format!("{}'", values[column]));
                let other = worldflow_schemas::Row::new(values);
                let with = without.wrapping_add(other.hash128(view.def().name));
                assert_ne!(with, hash, "{}: column {column} of {row:?} matters", view.def().name);
                altered += 1;
            }
        }
    }
    assert!(altered > 1_000, "{altered}");
}

/// Random small worlds: every scope, gate and aggregate, groups that are joined and left in mid-quest.
#[test]
fn graph_and_evaluator_agree_on_random_worlds() {
    let (mut changes, mut wrong) = (0, Vec::new());
    for seed in 0..300 {
        let case = oracle::random::case(seed);
        let expected = case.evaluate(false, Vec::new());
        let workers = [1, 2, 4][usize::try_from(seed % 3).unwrap()];
        let plan =
            Plan { workers, cut: Cut { items: 1 + usize::try_from(seed % 5).unwrap() }, ..Plan::default() };
        let found = seen(&case.run(&case.definitions(), &plan));
        if let Some(difference) = differences(&expected, &found) {
            wrong.push(format!("seed {seed}, {workers} workers: {difference}\n{}", case.around(&difference)));
        }
        changes += expected.len();
    }
    let first: Vec<&str> = wrong.iter().take(6).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of 300 differ\n{}", wrong.len(), first.join("\n\n"));
    assert!(changes > 20_000, "{changes} changes are too few to prove anything");
}

/// The evaluator's shortcut for large inputs leaves nothing out.
#[test]
fn looking_only_where_something_may_have_changed_changes_nothing() {
    for seed in 0..40 {
        let case = oracle::random::case(seed);
        let (all, some) = (case.evaluate(true, Vec::new()), case.evaluate(false, Vec::new()));
        if let Some(difference) = differences(&all, &some) {
            panic!("seed {seed}: {difference}");
        }
    }
}
