//! Real matches: the graph and an independent naive evaluator agree on every change.

mod oracle;
#[path = "skirmish/storylets.rs"]
mod storylets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use oracle::Seen;
use oracle::compare::{Case, Speakers, differences, seen};
use worldflow::replay::{MOST_GAP_MS, Replay, Replayed, replay};
use worldflow::world::{LoadedWorld, condition_of_text, open_mapping};
use worldflow_engine::testing::{Plan, Ran, setting};
use worldflow_engine::view_store::Filter;
use worldflow_engine::workers::Cut;
use worldflow_schemas::chance::below;
use worldflow_schemas::definitions::{Condition, QuestDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Diff, Input, Sym, Tick, catalog};
use worldflow_sources::recording::{Block, Rules, read_ndjson};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's root").to_owned()
}

fn world() -> LoadedWorld {
    LoadedWorld::open(&project().join("pipelines/worlds/skirmish")).expect("the world has no problem")
}

const MAP: &str = "pipelines/worlds/skirmish/map.yaml";
const SCRIPT: &str = "pipelines/worlds/skirmish/script.ndjson";

/// The recording, which is not part of the project: `./test` says where it is looked for.
fn recording_path() -> PathBuf {
    let shared = std::env::var_os("WORLDFLOW_SHARED").unwrap_or_else(|| "../shared".into());
    let path = project().join(shared).join("data/skirmish_events.ndjson.gz");
    assert!(
        path.exists(),
        "{} is missing\nhint: set WORLDFLOW_SHARED to the folder that has data/skirmish_events.ndjson.gz",
        path.display()
    );
    path
}

fn recording() -> Block {
    let mapping = open_mapping(&project().join(MAP)).expect("a mapping");
    read_ndjson(&recording_path(), Some(&mapping)).expect("the recording can be read")
}

/// How long time goes on after the last event: ten minutes.
const GRACE_TICKS: Tick = 60_000;

struct Loaded {
    case: Case,
    world: LoadedWorld,
}

/// The recording and its script, admitted and sealed.
static SKIRMISH: LazyLock<Loaded> = LazyLock::new(|| {
    let world = world();
    let script = read_ndjson(&project().join(SCRIPT), None).expect("a script");
    let mut rules = Rules::new(Sym::new(&world.world.name), &world.world);
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
    let until = inputs.keys().next_back().expect("a recording is not empty") + GRACE_TICKS;
    let quests = world.quests.clone();
    Loaded {
        case: Case {
            world: (*world.world).clone(),
            quests,
            rules: BTreeMap::new(),
            speakers: Speakers::default(),
            inputs,
            until,
        },
        world,
    }
});

/// What the evaluator says about it.
static EVALUATED: LazyLock<Vec<Seen>> = LazyLock::new(|| SKIRMISH.case.evaluate(false, Vec::new()));

/// What the graph says with one worker.
static RAN: LazyLock<Ran> =
    LazyLock::new(|| SKIRMISH.case.run(&SKIRMISH.world.definitions(), &Plan::default()));

#[test]
fn every_line_counts() {
    let file = std::fs::File::open(recording_path()).unwrap();
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
    let different: BTreeSet<&str> = text.lines().collect();
    assert_eq!((text.lines().count(), text.lines().count() - different.len()), (42_849, 1_475));
    let block = recording();
    let kinds = |kind: &str| block.events.iter().filter(|event| event.kind.as_str() == kind).count();
    // 11,472 deaths: 7,283 with a killer, 9,581 with an owner.
    assert_eq!((kinds("kill"), kinds("loss")), (7_283, 9_581));
    assert_eq!(kinds("trained") + kinds("started") + kinds("built"), 18_327 + 2_746 + 2_636);
    assert_eq!(kinds("stats"), 6_303);
    assert_eq!(kinds("upgraded") as u64 + block.skipped, 1_292);
    assert_eq!((kinds("left"), kinds("traded")), (65, 8));
    let ids: BTreeSet<_> = block.events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), block.events.len(), "no two events share an id");
}

#[test]
fn graph_and_evaluator_agree_on_every_change_for_any_workers_and_cutting() {
    let Loaded { case, world } = &*SKIRMISH;
    let definitions = world.definitions();
    let expected = std::thread::spawn(|| EVALUATED.len());
    let mut found = vec![(1, Cut::default().items, seen(&RAN))];
    for (workers, items) in [(2, 4096), (4, 4096), (2, 1), (4, 7)] {
        let plan = Plan { workers, cut: Cut { items }, ..Plan::default() };
        let ran = case.run(&definitions, &plan);
        let same = RAN.state_hash();
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
    let keys: BTreeSet<(String, String)> = changes
        .iter()
        .filter(|(view, ..)| *view == "quest_state")
        .map(|(_, row, ..)| (row[1].as_str().unwrap().to_owned(), row[2].as_str().unwrap().to_owned()))
        .collect();
    for (scope, id) in &keys {
        let scope = Scope::ALL.into_iter().find(|s| s.name() == scope).unwrap();
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
    let ran = &*RAN;
    let hash = ran.state_hash();
    let mut altered = 0;
    for view in catalog::ids().filter(|view| view.def().deterministic) {
        let rows: Vec<_> = ran.views.read(view).rows(&Filter::all()).cloned().collect();
        for row in rows {
            let salt = worldflow_schemas::row::Salt::new(view.def().name);
            let without = hash.wrapping_sub(row.term(salt));
            assert_ne!(without, hash, "a missing row is seen");
            for column in 0..row.len() {
                let mut values = row.to_vec();
                values[column] = worldflow_schemas::Value::text(&format!("{}'", values[column]));
                let other = worldflow_schemas::Row::new(values);
                let with = without.wrapping_add(other.term(salt));
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
    let mut met: BTreeSet<(&str, String)> = BTreeSet::new();
    let worlds = std::env::var("WORLDFLOW_RANDOM_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    for seed in 0..worlds {
        // A few differences are enough to look into.
        if wrong.len() >= 6 {
            break;
        }
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
        met.extend(expected.iter().filter(|(_, _, _, diff)| *diff > 0).map(|(view, row, ..)| match *view {
            "quest_state" => (*view, format!("{} {}", row[1], row[5])),
            "grants" => (*view, format!("{} {}", row[3], row[10])),
            _ => (*view, row[1].to_string()),
        }));
    }
    let first: Vec<&str> = wrong.iter().take(6).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), first.join("\n\n"));
    // Those of few worlds are not like those of many.
    let least = if worlds < 300 { usize::try_from(worlds).unwrap() * 20 } else { 20_000 };
    assert!(changes > least, "{changes} changes of {worlds} worlds are too few to prove anything");
    for state in ["available", "active", "done"] {
        let what = format!("\"player\" \"{state}\"");
        assert!(worlds < 20 || met.contains(&("quest_state", what.clone())), "no {what} in any world");
    }
    if worlds < 300 {
        println!("{worlds} worlds: that every scope and state is met is asked of 300 and more");
        return;
    }
    for scope in Scope::ALL {
        for state in ["available", "active", "done", "failed", "abandoned"] {
            let what = format!("\"{}\" \"{state}\"", scope.name());
            assert!(met.contains(&("quest_state", what.clone())), "no {what} in any world");
        }
        let name = format!("\"{}\"", scope.name());
        assert!(
            scope == Scope::Player || met.contains(&("contributions", name)),
            "nobody credited: {scope:?}"
        );
        assert!(met.contains(&("grants", format!("\"{}\" \"pending\"", scope.name()))), "{scope:?}");
    }
    // What is rare need not come to holders of every scope.
    for state in ["offered", "ready", "expired"] {
        let ends = format!(" \"{state}\"");
        assert!(met.iter().any(|(view, what)| *view == "quest_state" && what.ends_with(&ends)), "no {state}");
    }
}

/// Both forms of a condition are one: the graph is given texts, the evaluator the maps from which they were printed.
#[test]
fn conditions_as_texts_say_what_the_maps_say() {
    fn reworded(def: &QuestDef, count: &mut u64) -> QuestDef {
        let mut def = def.clone();
        let mut reword = |condition: &mut Condition| {
            // Calendars have keys only.
            if !condition.is_empty() && !oracle::print::is_of_keys_only(condition) {
                let text = oracle::print::print(condition);
                let read = condition_of_text(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                *count += u64::from(read != *condition);
                *condition = read;
            }
        };
        reword(&mut def.requires);
        def.fail_when.as_mut().map(&mut reword);
        for (_, stage) in &mut def.stages.0 {
            for (_, objective) in &mut stage.objectives.0 {
                objective.when.as_mut().map(&mut reword);
            }
        }
        def
    }
    let mut other_words = 0;
    for seed in 0..80 {
        let mut case = oracle::random::case(5_000 + seed);
        let expected = case.evaluate(false, Vec::new());
        for quest in case.quests.values_mut() {
            *quest = Arc::new(reworded(quest, &mut other_words));
        }
        let found = seen(&case.run(&case.definitions(), &Plan::default()));
        if let Some(difference) = differences(&expected, &found) {
            panic!("seed {seed}: {difference}\n{}", case.around(&difference));
        }
    }
    assert!(other_words > 20, "only {other_words} conditions were put otherwise");
}

/// The law of base state through the whole graph, its routing and its loop: at random ticks of random worlds.
#[test]
fn a_load_at_any_tick_of_a_random_world_goes_on_as_if_nothing_had_happened() {
    for seed in 0..36 {
        let case = oracle::random::case(1_000 + seed);
        let first = *case.inputs.keys().next().expect("a case has inputs");
        let tick = |n| first + below(seed, "snapshots", "tick", n, case.until - first);
        let workers = [1, 2][usize::try_from(seed % 2).unwrap()];
        let plan = Plan { workers, cut: Cut { items: 3 }, ..Plan::default() };
        if let Err(broken) = case.law(&plan, (0..4).map(tick).collect()) {
            panic!("seed {seed}, {workers} workers: {broken}");
        }
    }
}

/// The law: quests that are added, removed, moved, changed in every part and undone, in the middle of everything.
#[test]
fn graph_and_evaluator_agree_on_random_edits_and_no_grant_is_written_twice() {
    let (mut changes, mut wrong) = (0, Vec::new());
    let cases = setting("WORLDFLOW_EDITED", 150);
    let from = setting("WORLDFLOW_EDITED_FROM", 0);
    for seed in from..from + cases {
        let case = oracle::random::edited_case(10_000 + seed);
        // Edits change what is worth looking at, so everything is looked at in every tick.
        let expected = case.evaluate(true, Vec::new());
        let workers = [1, 1, 2, 1, 1, 4][usize::try_from(seed % 6).unwrap()];
        let cut = Cut { items: 1 + usize::try_from(seed % 5).unwrap() };
        let found = seen(&case.run(&case.definitions(), &Plan { workers, cut, ..Plan::default() }));
        let twice = oracle::edits::granted_twice(&found);
        assert!(twice.is_empty(), "seed {seed}: written twice: {twice:?}");
        if let Some(difference) = differences(&expected, &found) {
            wrong.push(format!("seed {seed}, {workers} workers: {difference}\n{}", case.around(&difference)));
        }
        changes += expected.len();
    }
    let first: Vec<&str> = wrong.iter().take(4).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {cases} differ\n{}", wrong.len(), first.join("\n\n"));
    assert!(changes as u64 > cases * 60, "{changes} changes are too few to prove anything");
}

/// The law of base state for edits: what was moved, forgotten and begun again is in a snapshot as it is.
#[test]
fn a_load_at_any_tick_of_an_edited_world_goes_on_as_if_nothing_had_happened() {
    let from = setting("WORLDFLOW_EDITED_FROM", 0);
    for seed in from..from + setting("WORLDFLOW_EDITED", 48) {
        let case = oracle::random::edited_case(20_000 + seed);
        let first = *case.inputs.keys().next().expect("a case has inputs");
        let tick = |n| first + below(seed, "snapshots", "tick", n, case.until - first);
        let workers = [1, 2][usize::try_from(seed % 2).unwrap()];
        let plan = Plan { workers, cut: Cut { items: 3 }, ..Plan::default() };
        // Right behind edits, where most has just moved.
        let edits = case.inputs.iter().filter(|(_, given)| given.iter().any(is_edit)).map(|(tick, _)| *tick);
        let snapshots = edits.take(3).chain((0..2).map(tick)).collect();
        if let Err(broken) = case.law(&plan, snapshots) {
            panic!("seed {seed}, {workers} workers: {broken}");
        }
    }
}

fn is_edit(input: &Input) -> bool {
    use worldflow_schemas::Command;
    matches!(input, Input::Command(Command::Revise(_) | Command::Define(_)))
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

fn replayed(folder: &Path, workers: usize, until_ms: Option<i64>) -> Replayed {
    let Loaded { world, .. } = &*SKIRMISH;
    let plan = Replay {
        recordings: vec![(recording_path(), Some(project().join(MAP))), (project().join(SCRIPT), None)],
        dump: Some(folder.to_owned()),
        changes: until_ms.is_none(),
        workers,
        until_ms,
        grace_ms: GRACE_TICKS * u64::from(world.world.tick_ms),
        most_gap_ms: MOST_GAP_MS,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(replay(world, &plan, |_| {})).expect("the recording replays")
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("the replay wrote it");
    text.lines().map(|line| serde_json::from_str(line).expect("lines of JSON")).collect()
}

/// What `worldflow replay` writes: the same changes, the last rows sorted by key, the numbers.
#[test]
fn a_replay_writes_every_change_and_the_last_rows() {
    let folder = tempfile::tempdir().unwrap();
    let Replayed { summary, views } = replayed(folder.path(), 2, None);
    let Loaded { case, .. } = &*SKIRMISH;
    let inputs: usize = case.inputs.values().map(Vec::len).sum();
    assert_eq!((summary.events, summary.accepted), (inputs as u64, inputs as u64));
    assert_eq!((summary.rejected, summary.duplicates), (0, 0));
    assert_eq!((summary.first_tick, summary.last_tick), (*case.inputs.keys().next().unwrap(), case.until));
    let written: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("summary.json")).unwrap()).unwrap();
    for field in ["events", "accepted", "rejected", "duplicates", "ticks", "seconds", "events_per_s"] {
        assert!(written[field].is_number(), "{field}: {written}");
    }
    assert_eq!(written["state_hash"], format!("{:032x}", views.state_hash()));

    let mut found: Vec<Seen> = Vec::new();
    let mut rows: BTreeMap<String, Diff> = BTreeMap::new();
    for change in lines(&folder.path().join("changes.ndjson")) {
        let view = catalog::view(change["view"].as_str().unwrap()).unwrap().def();
        let diff: Diff = change["diff"].as_i64().unwrap().try_into().unwrap();
        *rows.entry(format!("{} {}", view.name, change["row"])).or_insert(0) += diff;
        if oracle::compare::COMPARED.contains(&view.name) {
            let row: Vec<_> = view.columns.iter().map(|column| change["row"][column.name].clone()).collect();
            found.push((view.name, row, change["tick"].as_u64().unwrap(), diff));
        }
    }
    assert_eq!(differences(&EVALUATED, &found), None);
    rows.retain(|_, count| *count != 0);

    for view in catalog::ids().map(|view| view.def()) {
        let dumped = lines(&folder.path().join(format!("{}.ndjson", view.name)));
        if !view.deterministic {
            continue;
        }
        for row in &dumped {
            let row = format!("{} {row}", view.name);
            assert_eq!(rows.remove(&row), Some(1), "{row} is what its changes come to");
        }
        let key = |row: &serde_json::Value| -> Vec<(i64, String)> {
            let columns = view.columns[..view.key].iter().map(|column| &row[column.name]);
            columns.map(|key| (key.as_i64().unwrap_or(0), key.as_str().unwrap_or("").to_owned())).collect()
        };
        assert!(dumped.is_sorted_by_key(key), "{} is sorted by key", view.name);
    }
    assert_eq!(rows, BTreeMap::new(), "every row is dumped");
}

#[test]
fn a_replay_ends_where_it_is_asked_to_with_the_same_state_for_any_workers() {
    let first = *SKIRMISH.case.inputs.keys().next().unwrap();
    let length = TickLength { tick_ms: SKIRMISH.world.world.tick_ms };
    let until = first + 3 * 360_000;
    let ended: Vec<_> = [1, 2]
        .map(|workers| {
            let folder = tempfile::tempdir().unwrap();
            let Replayed { summary, .. } = replayed(folder.path(), workers, Some(length.utc_ms(until)));
            assert!(!folder.path().join("changes.ndjson").exists(), "they are written when asked for");
            let states = lines(&folder.path().join("quest_state.ndjson"));
            assert!(states.len() > 100, "{}", states.len());
            assert!(states.iter().all(|row| row["since"].as_u64().unwrap() <= until));
            (summary.last_tick, summary.accepted, summary.state_hash)
        })
        .into();
    assert_eq!(ended[0], ended[1]);
    let given: usize = SKIRMISH.case.inputs.range(..=until).map(|(_, inputs)| inputs.len()).sum();
    assert_eq!((ended[0].0, ended[0].1), (until, given as u64));
}
