//! Files that cannot be read, and folders that are no world.

use expect_test::expect;
use worldflow::world::{Folder, LoadedWorld, WorldError, check};

use crate::{CLIMATE, WORLD, problems};

#[test]
fn what_is_not_yaml_is_one_error_with_its_place() {
    expect![[r#"
        error: quests/a.yaml:2:10: not YAML: unclosed quote
          |
        2 | title: "open
          |        ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/b.yaml:2:11: not YAML: mapping values are not allowed in this context
          |
        2 | title: a: b
          |         ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/c.yaml:1:1: expected a map keyed by id
          |
        1 | - a
          | ^
        hint: a file of this kind is a map: `id: {...}` for each quest

        error: quests/d.yaml:1:4: not YAML: alias references unknown anchor
          |
        1 | a: *nowhere
          |    ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/e.yaml:1:1: expected a map keyed by id
          |
        1 | 5
          | ^
        hint: a file of this kind is a map: `id: {...}` for each quest

    "#]]
    .assert_eq(&problems(&[
        ("quests/a.yaml", "wolves:\n  title: \"open\n  stages: 5\n"),
        ("quests/b.yaml", "wolves:\n  title: a: b\n"),
        ("quests/c.yaml", "- a\n- b\n"),
        ("quests/d.yaml", "a: *nowhere\n"),
        ("quests/e.yaml", "5\n"),
    ]));
}

#[test]
fn hostile_files_are_errors_and_neither_hang_nor_panic() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let previous = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
    }
    let deep = "[".repeat(200_000);
    let number = format!("w: {{title: {}, deadline: {}}}", "9".repeat(50_000), "9".repeat(50_000));
    let wide = format!("w: {{stages: [{}]}}", "{a: 1},".repeat(20_000));
    for text in [&bomb, &deep, &number, &wide] {
        let problems = check(&Folder::of([
            ("world.yaml", WORLD),
            ("climates/mild.yaml", CLIMATE),
            ("quests/x.yaml", text),
        ]));
        assert!(problems.has_errors());
        assert!(problems.to_string().len() < 100_000, "what is said stays short");
    }
    let mut folder = Folder::of([("world.yaml", WORLD)]);
    folder.files.insert("quests/x.yaml".to_owned(), b"w:\n  title: \xff\n".to_vec());
    expect![[r#"
        error: quests/x.yaml:2:10: this is not UTF-8 text
          |
        2 | title: �
          |        ^
        hint: save the file as UTF-8
    "#]]
    .assert_eq(&check(&folder).0[0].to_string());
}

#[test]
fn a_folder_that_is_no_world_is_one_clear_error() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let error = LoadedWorld::open(empty.path()).expect_err("there is no world.yaml");
    assert!(matches!(error, WorldError::Folder(_)));
    assert!(error.to_string().contains("is not a world folder: it has no world.yaml\nhint: "), "{error}");
}
