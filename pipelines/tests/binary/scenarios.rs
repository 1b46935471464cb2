//! `worldflow test`, as a designer uses it.

use std::fs;
use std::path::Path;

use expect_test::expect;

use crate::process::{Said, worldflow};
use crate::worlds;

/// Runs the scenarios of a world, and says what was said but for how long it took.
fn test(world: &Path, args: &[&str]) -> (Said, String) {
    let said = worldflow(["test", world.to_str().expect("text")].into_iter().chain(args.iter().copied()));
    let mut shown = String::new();
    for line in said.stdout.lines() {
        let took = line.find("  (").zip(line.find(" ms)")).filter(|(from, to)| from < to);
        match took {
            Some((from, to)) => shown.push_str(&format!("{}{}\n", &line[..from], &line[to + " ms)".len()..])),
            None => shown.push_str(&format!("{line}\n")),
        }
    }
    (said, shown)
}

const HUNT: &str = r#"
hunting:
  title: Two wolves of five
  steps:
    - send: {player: ana, kind: kill, target: wolf}
    - after: 1s
      send: [{player: ana, kind: kill, target: wolf}, {player: bo, kind: kill, target: wolf}]
    - send_again: true
    - restart: crash
    - send_again: true
    - expect:
        view: objective_progress
        where: {quest: long_hunt}
        rows: |
          holder  value
          ana     1
          cy      1

# What is around the tables is kept.
refused:
  steps:
    - send: {player: ana, kind: kiss, target: wolf}
      refused: unknown_kind
    - restart: clean
    - send: {player: ana, kind: quest.accept, target: nothing}
      refused: unknown_quest
    - send: {player: ana, kind: kill, target: wolf}
      refused: unknown_target
"#;

#[test]
fn scenarios_pass_fail_and_are_updated() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    let file = world.join("tests/hunt.yaml");
    fs::create_dir_all(world.join("tests")).expect("a folder");
    fs::write(&file, HUNT).expect("written");

    let report = folder.path().join("report.xml");
    let (said, shown) = test(&world, &["--junit", report.to_str().expect("text")]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    expect![[r#"
        tests/hunt.yaml
          FAILED  hunting  Two wolves of five
          FAILED  refused

        error: tests/hunt.yaml:14:9: the rows of `objective_progress` are not the expected ones
          holder  value
        - ana     1
        + ana     2
        + bo      1
        - cy      1

        error: tests/hunt.yaml:27:7: `unknown_target` is expected, but 1 of 1 are taken

        0 passed, 2 failed
    "#]]
    .assert_eq(&shown);
    let report = fs::read_to_string(report).expect("a report");
    assert!(report.contains("tests=\"2\" failures=\"2\""), "{report}");
    assert!(report.contains("+ bo      1"), "{report}");

    let (said, shown) = test(&world, &["--update", "--filter", "hunting"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert!(shown.contains("tests/hunt.yaml: 1 table written"), "{shown}");
    let expected = HUNT.replace("ana     1\n          cy      1", "ana     2\n          bo      1");
    assert_eq!(fs::read_to_string(&file).expect("a file"), expected);
    let (said, shown) = test(&world, &["--filter", "hunting"]);
    assert_eq!((said.status.code(), shown.ends_with("1 passed, 0 failed\n")), (Some(0), true), "{shown}");

    // A table on the line of its key becomes one below it; where there is no place for that, nothing is said to be updated.
    let inline = "\
kept:
  steps:
    - send: {player: ana, kind: kill, target: wolf}
    - expect:
        view: levels
        rows: \"player\"
braces:
  steps:
    - send: {player: ana, kind: kill, target: wolf}
    - expect: {view: presence, rows: \"player\\nbo\"}
";
    fs::write(&file, inline.replace("view: levels", "view: entities").replace("\"player\"", "\"entity\""))
        .expect("written");
    let (said, shown) = test(&world, &["--update"]);
    assert_eq!(said.status.code(), Some(1), "{shown}");
    let refused = "tests/hunt.yaml:10:32: the rows of `presence` are not the expected ones";
    assert!(shown.contains(refused) && shown.contains("hint: it cannot be written here"), "{shown}");
    assert!(shown.contains("  updated kept") && shown.contains("1 table written"), "{shown}");
    let written = fs::read_to_string(&file).expect("a file");
    assert!(written.contains("        rows: |\n          entity\n          "), "{written}");
    assert!(written.ends_with("rows: \"player\\nbo\"}\n"), "{written}");
    assert_eq!(test(&world, &["--filter", "kept"]).0.status.code(), Some(0));
}

#[test]
fn a_list_in_where_is_one_of_these() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    fs::create_dir_all(world.join("tests")).expect("a folder");
    let scenario = "
three:
  steps:
    - send:
        - {player: ana, kind: kill, target: wolf}
        - {player: bo, kind: kill, target: wolf}
        - {player: cy, kind: kill, target: wolf}
    - expect:
        view: objective_progress
        where: {quest: [long_hunt, no_other], holder: [ana, cy], value: [1, 2], done: false}
        rows: |
          holder  value
          ana     1
          cy      1
";
    fs::write(world.join("tests/three.yaml"), scenario).expect("written");
    let (said, shown) = test(&world, &[]);
    assert_eq!(said.status.code(), Some(0), "{shown}");
    fs::write(world.join("tests/three.yaml"), scenario.replace("[ana, cy]", "[ana, dan]")).expect("written");
    let (said, shown) = test(&world, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(shown.contains("- cy      1"), "{shown}");
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_place() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    fs::create_dir_all(world.join("tests")).expect("a folder");
    let wrong = "
typo:
  steps:
    - sent: {player: ana, kind: kill}
    - expect: {view: levls, rows: player}
    - expect:
        view: levels
        where: {playr: ana}
        rows: |
          player  levle
          ana
    - expect: {view: levels, where: {player: [], level: [1, [2]]}, rows: player}
    - send: {player: ana, kind: kill, target: wolf}
      restart: clean
";
    fs::write(world.join("tests/wrong.yaml"), wrong).expect("written");
    // A build server is told of what could not be run; whoever asks for another scenario is not.
    let right = "right:\n  steps: [{expect: {view: levels, rows: player}}]\n";
    fs::write(world.join("tests/right.yaml"), right).expect("written");
    let report = folder.path().join("report.xml");
    let (said, _) = test(&world, &["--junit", report.to_str().expect("text")]);
    assert_eq!(said.status.code(), Some(1));
    let report = fs::read_to_string(report).expect("a report");
    assert!(report.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "{report}");
    assert!(report.contains("name=\"typo\"") && report.contains("<error message=\"unknown key"), "{report}");
    let (said, shown) = test(&world, &["--filter", "right"]);
    assert_eq!((said.status.code(), shown.contains("problems")), (Some(0), false), "{shown}");
    fs::remove_file(world.join("tests/right.yaml")).expect("removed");
    let (said, shown) = test(&world, &[]);
    assert_eq!(said.status.code(), Some(1));
    expect![[r#"
        error: tests/wrong.yaml:4:7: unknown key `sent`
          |
        4 | - sent: {player: ana, kind: kill}
          |   ^^^^
        hint: did you mean `send`? it may be `after`, `clock`, `send`, `refused`, `send_again`, `edit`, `restart` or `expect`

        error: tests/wrong.yaml:5:22: unknown view `levls`
          |
        5 | - expect: {view: levls, rows: player}
          |                  ^^^^^
        hint: did you mean `levels`?

        error: tests/wrong.yaml:8:17: `levels` has no column `playr`
          |
        8 | where: {playr: ana}
          |         ^^^^^
        hint: did you mean `player`?

        error: tests/wrong.yaml:10:11: line 2 of the table: 1 values for 2 columns
           |
        10 | player  levle
           | ^^^^^^^^^^^^^
        hint: columns stand two spaces or more apart, and the first line names them

        error: tests/wrong.yaml:12:38: no row has one of no values of `player`
           |
        12 | - expect: {view: levels, where: {player: [], level: [1, [2]]}, rows: player}
           |                                  ^^^^^^
        hint: give a value, or a list of those of which a row has one

        error: tests/wrong.yaml:12:50: `[2]` is not a value of a column
           |
        12 | - expect: {view: levels, where: {player: [], level: [1, [2]]}, rows: player}
           |                                              ^^^^^
        hint: give a value, or a list of those of which a row has one

        error: tests/wrong.yaml:13:7: a step that does send and restart
           |
        13 | - send: {player: ana, kind: kill, target: wolf}
           |   ^
        hint: make a step of each; only `edit` and `restart` may stand together

        0 passed, 0 failed, 7 problems in files of scenarios
    "#]].assert_eq(&shown);
    let checked = worldflow(["check", world.to_str().expect("text")]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(checked.stdout.contains("tests/wrong.yaml:5:22: unknown view `levls`"), "{}", checked.stdout);
}

#[test]
fn the_scenarios_of_the_demo_world_pass() {
    let said = worldflow(["test"]);
    assert_eq!(said.status.code(), Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("5 passed, 0 failed"), "{}", said.stdout);
    assert_eq!(said.stderr, "");
}

#[test]
fn a_world_is_edited_in_the_middle() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    fs::create_dir_all(world.join("tests")).expect("a folder");
    let world_yaml = worlds::WORLD.replace("tags: [beast]", "tags: [beast, grey]");
    let scenario = serde_json::json!({"edited": {"steps": [
        {"send": {"player": "ana", "kind": "kill", "target": "wolf"}},
        {"edit": {"world.yaml": world_yaml}},
    ]}});
    // JSON is YAML.
    fs::write(world.join("tests/edit.yaml"), scenario.to_string()).expect("written");
    let (said, shown) = test(&world, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(shown.contains("is fixed while a realm runs\nhint: put `restart: clean`"), "{shown}");
    let mut scenario = scenario;
    scenario["edited"]["steps"][1]["restart"] = "clean".into();
    fs::write(world.join("tests/edit.yaml"), scenario.to_string()).expect("written");
    let (said, shown) = test(&world, &[]);
    assert_eq!(said.status.code(), Some(0), "{shown}");
}

#[test]
fn the_scenarios_of_the_broker_and_the_chronicle_pass() {
    for (world, end) in [("broker", "45 passed, 0 failed\n"), ("chronicle", "27 passed, 0 failed\n")] {
        let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds").join(world);
        let (said, shown) = test(&world, &[]);
        assert_eq!(said.status.code(), Some(0), "{shown}{}", said.stderr);
        assert!(shown.ends_with(end), "{shown}");
    }
}
