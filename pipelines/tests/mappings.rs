//! A world's mappings are checked like its other files: every problem at once, each with its place.

use std::path::Path;

use expect_test::expect;
use worldflow::world::{Folder, LoadedWorld, check, open_mapping};

const WORLD: &str = "\
name: small
seed: 7
regions: {meadow: {}, forest: {}}
kinds:
  kill: {attributes: {damage: number}}
  talk: {known_targets: false}
entities:
  wolf: {kind: npc}
sources:
  first: {recording: {path: recordings/play.ndjson, map: recordings/map.yaml}}
  second: {recording: {path: recordings/play.ndjson, map: recordings/map.yaml, speed: 10}}
";

const MAPPING: &str = "\
source: matches
time: {field: at}
skip_if: [{type: Noise}]
presence: {server: recording}
events:
  - if: {type: Died, killer: {above: 0}}
    kind: kill
    player: '{killer}'
    target: wolf
    region: {grid: {x: col, 'y': row, columns: [8], rows: [], names: [[meadow, forest]]}}
    with: {damage: '{hurt}'}
  - {if: {type: Said}, kind: {from: type, map: {Said: talk}}, player: '{who}', target: '{whom}'}
";

fn folder(mapping: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    std::fs::create_dir(folder.path().join("recordings")).expect("a folder");
    write("world.yaml", WORLD);
    write("recordings/map.yaml", mapping);
    write("recordings/play.ndjson", "");
    folder
}

fn problems(folder: &Path) -> String {
    check(&Folder::read(folder).expect("a world folder")).to_string()
}

#[test]
fn a_right_mapping_has_no_problems() {
    let folder = folder(MAPPING);
    assert_eq!(problems(folder.path()), "");
    open_mapping(&folder.path().join("recordings/map.yaml")).expect("a mapping");
}

#[test]
fn every_problem_has_its_place_and_what_was_meant() {
    let wrong = "\
source: matches
time: {field: at, per_second: 0}
skip_iff: []
skip_if: [{type: {onne_of: [Noise]}}]
events:
  - if: {type: Died, killer: {abve: 0}}
    kind: kil
    player: '{killer'
  - kind: {from: type, map: {Died: kill, Said: tlak}}
    target: wulf
    region: {grid: {x: col, 'y': row, columns: [8, 2], rows: [], names: [[meadow, medow, forest]]}}
    with: {damge: '{hurt}'}
  - kind: kill
    tagret: wolf
    region: {grid: {x: col, 'y': row, colums: [8], rows: [], names: []}}
";
    let folder = folder(wrong);
    expect![[r#"
        error: recordings/map.yaml:2:31: must be at least 1
          |
        2 | time: {field: at, per_second: 0}
          |                               ^
        hint: leave it out for milliseconds

        error: recordings/map.yaml:3:1: unknown key `skip_iff`
          |
        3 | skip_iff: []
          | ^^^^^^^^
        hint: did you mean `skip_if`? it may be `source`, `id`, `envelope`, `streams`, `time`, `skip_if`, `presence` or `events`

        error: recordings/map.yaml:4:19: unknown key `onne_of`
          |
        4 | skip_if: [{type: {onne_of: [Noise]}}]
          |                   ^^^^^^^
        hint: did you mean `one_of`? compare as in `{above: 0}`, `{one_of: [a, b]}`, `{is_not: null}`, or with a plain value

        error: recordings/map.yaml:6:31: unknown key `abve`
          |
        6 | - if: {type: Died, killer: {abve: 0}}
          |                             ^^^^
        hint: did you mean `above`? compare as in `{above: 0}`, `{one_of: [a, b]}`, `{is_not: null}`, or with a plain value

        error: recordings/map.yaml:7:11: unknown kind of event `kil`
          |
        7 | kind: kil
          |       ^^^
        hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

        error: recordings/map.yaml:8:13: `{killer` has a `{` without a `}`
          |
        8 | player: '{killer'
          |         ^^^^^^^^^
        hint: close the brace

        error: recordings/map.yaml:9:48: unknown kind of event `tlak`
          |
        9 | - kind: {from: type, map: {Died: kill, Said: tlak}}
          |                                              ^^^^
        hint: did you mean `talk`? kinds are declared in world.yaml under `kinds`

        error: recordings/map.yaml:10:13: unknown target `wulf`
           |
        10 | target: wulf
           |         ^^^^
        hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

        error: recordings/map.yaml:11:39: the cuts are not ascending
           |
        11 | region: {grid: {x: col, 'y': row, columns: [8, 2], rows: [], names: [[meadow, medow, forest]]}}
           |                                   ^^^^^^^
        hint: sort them

        error: recordings/map.yaml:11:83: unknown region `medow`
           |
        11 | region: {grid: {x: col, 'y': row, columns: [8, 2], rows: [], names: [[meadow, medow, forest]]}}
           |                                                                               ^^^^^
        hint: did you mean `meadow`? regions are declared in world.yaml under `regions`

        error: recordings/map.yaml:12:12: unknown attribute `damge`
           |
        12 | with: {damge: '{hurt}'}
           |        ^^^^^
        hint: did you mean `damage`? `kill` has damage; more are declared in world.yaml under `kinds`

        error: recordings/map.yaml:14:5: unknown key `tagret`
           |
        14 | tagret: wolf
           | ^^^^^^
        hint: did you mean `target`? it may be `if`, `needs`, `kind`, `player`, `target`, `amount`, `region`, `with` or `leaves`

        error: recordings/map.yaml:15:39: unknown key `colums`
           |
        15 | region: {grid: {x: col, 'y': row, colums: [8], rows: [], names: []}}
           |                                   ^^^^^^
        hint: did you mean `columns`? a lookup is `{from: field, map: {a: b}}`, a grid `{grid: {x, y, columns, rows, names}}`

    "#]]
    .assert_eq(&problems(folder.path()));
}

#[test]
fn a_mapping_of_its_own_says_the_same() {
    let folder = folder("source: matches\ntime: {feld: at}\nevents: [{kind: '{'}]\n");
    let path = folder.path().join("recordings/map.yaml");
    let said = open_mapping(&path).expect_err("it is wrong").to_string();
    let said = said.replace(path.to_str().expect("UTF-8"), "map.yaml");
    expect![[r#"
        error: map.yaml:2:1: `field` is missing
          |
        2 | time: {feld: at}
          | ^^^^
        hint: add `field:` here

        error: map.yaml:2:8: unknown key `feld`
          |
        2 | time: {feld: at}
          |        ^^^^
        hint: did you mean `field`? it may be `field` or `per_second`

    "#]]
    .assert_eq(&said);
}

#[test]
fn a_mapping_that_is_missing_or_no_yaml_is_said_so() {
    let folder = folder("events: [");
    expect![[r#"
        error: recordings/map.yaml:1:9: not YAML: unclosed bracket '['
          |
        1 | events: [
          |         ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

    "#]]
    .assert_eq(&problems(folder.path()));
    std::fs::remove_file(folder.path().join("recordings/map.yaml")).expect("it was there");
    expect![[r#"
        error: world.yaml:10:58: there is no file `recordings/map.yaml`
           |
        10 | first: {recording: {path: recordings/play.ndjson, map: recordings/map.yaml}}
           |                                                        ^^^^^^^^^^^^^^^^^^^
        hint: the path is relative to the world folder

    "#]]
    .assert_eq(&problems(folder.path()));
}

#[test]
fn a_stream_has_no_times_that_begin_anew() {
    let anew = "\
source: matches
streams: {by: '{match}', start: '2024-01-01T00:00:00Z', spacing: 30m}
time: {field: at}
events:
  - {kind: talk, player: '{who}'}
";
    let folder = folder(anew);
    let (before, _) = WORLD.split_once("sources:").expect("it has sources");
    let source = "sources: {game: {kinesis: {stream: s, region: r, map: recordings/map.yaml}}}\n";
    std::fs::write(folder.path().join("world.yaml"), format!("{before}{source}")).expect("a file");
    expect![[r#"
        error: recordings/map.yaml:2:1: only a recording has times that begin anew
          |
        2 | streams: {by: '{match}', start: '2024-01-01T00:00:00Z', spacing: 30m}
          | ^^^^^^^
        hint: a stream is read from anywhere; its records have absolute times

    "#]]
    .assert_eq(&problems(folder.path()));
}

/// The mapping that ships is checked with its world, though the world names no source.
#[test]
fn the_mapping_of_skirmish_makes_what_skirmish_declares() {
    let skirmish = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/skirmish");
    let mut folder = Folder::read(&skirmish).expect("a world folder");
    let world = folder.files.get_mut("world.yaml").expect("a world");
    world.extend_from_slice(b"\nsources:\n  matches: {recording: {path: script.ndjson, map: map.yaml}}\n");
    assert_eq!(check(&folder).to_string(), "");
    LoadedWorld::load(&folder).expect("no problem");
}
