//! Files: those that are read wherever they lie, and those that nobody reads.

use std::fs;

use expect_test::expect;
use worldflow::world::{Folder, LoadedWorld, check};

use crate::{CLIMATE, WORLD};

fn quest(id: &str) -> String {
    format!("{id}: {{title: T, stages: {{s: {{objectives: {{o: {{event: kill}}}}}}}}}}\n")
}

#[test]
fn what_lies_in_a_world_is_read_or_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("world.yaml", WORLD);
    write("climates/cold/mild.yaml", CLIMATE);
    write("quests/act_1/night/wolves.yaml", &quest("wolves"));
    write("views/maps/kills.sql", "CREATE VIEW seen AS SELECT player FROM presence;\n");
    write("tests/act_1/a.yaml", "a: {steps: [{after: 1s}]}\n");
    assert_eq!(check(&Folder::read(folder.path()).expect("a world")).to_string(), "");
    let world = LoadedWorld::open(folder.path()).expect("a right world");
    assert!(world.quests.contains_key("wolves") && world.climates.contains_key("mild"));
    assert!(world.views.contains_key("seen"));
    assert!(
        Folder::read_part(folder.path(), "tests")
            .is_ok_and(|part| part.files.contains_key("tests/act_1/a.yaml"))
    );

    for path in ["quest/a.yaml", "quest/b.yaml", "rule/a.yaml", "view/a.sql", "test/a.yaml", "notes/plan.yml"]
    {
        write(path, &quest("lost"));
    }
    for path in [
        "views/x.SQL",
        "views/y.yaml",
        "quests/z.YAML",
        "quests/w.json",
        "rules/v.sql",
        "top.sql",
        "quets.yaml",
    ] {
        write(path, &quest("lost"));
    }
    for path in [
        "README.md",
        "quests/README.md",
        "package.json",
        ".github/a.yaml",
        "quests/.a.yaml",
        "map.yaml",
        "text/de.po",
    ] {
        write(path, "nothing of a world: [");
    }
    expect![[r#"
        error: map.yaml:1:21: not YAML: unclosed bracket '['
          |
        1 | nothing of a world: [
          |                     ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        warning: notes/plan.yml: nothing reads the folder `notes/`: notes/plan.yml
        hint: a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views

        warning: quest/a.yaml: nothing reads the folder `quest/`: quest/a.yaml and 1 more
        hint: did you mean `quests`? a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views

        warning: quests/w.json: nothing reads this file
        hint: files of a world are YAML, of which JSON is a part: call it `w.yaml`

        warning: quests/z.YAML: nothing reads this file
        hint: call it `z.yaml`: the ending is written small

        warning: quets.yaml: nothing reads this file
        hint: did you mean `quests`? a world is world.yaml with arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, text and views beside it

        warning: rule/a.yaml: nothing reads the folder `rule/`: rule/a.yaml
        hint: did you mean `rules`? a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views

        warning: rules/v.sql: nothing reads this file
        hint: views in SQL are read in `views/`: move it to `views/v.sql`

        warning: test/a.yaml: nothing reads the folder `test/`: test/a.yaml
        hint: did you mean `tests`? a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views

        warning: top.sql: nothing reads this file
        hint: views in SQL are read in `views/`: move it to `views/top.sql`

        warning: view/a.sql: nothing reads the folder `view/`: view/a.sql
        hint: did you mean `views`? a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views

        warning: views/x.SQL: nothing reads this file
        hint: call it `x.sql`: the ending is written small

        warning: views/y.yaml: nothing reads this file
        hint: views are written in SQL: `views/*.sql`

    "#]].assert_eq(&check(&Folder::read(folder.path()).expect("a world")).to_string());
}

#[test]
fn edits_may_lie_as_deep_as_files_do() {
    let places = ["quests/a.yaml", "quests/a/b/c.yml", "world.yaml"].map(Folder::has_place_for);
    assert_eq!(places, [true; 3]);
    let deep = format!("quests/{}x.yaml", "a/".repeat(8));
    let none = [
        "quest/a.yaml",
        "quests/../a.yaml",
        "quests//a.yaml",
        "quests/.a/b.yaml",
        "/a.yaml",
        "quests/a.sql",
        &deep,
    ];
    assert_eq!(none.map(Folder::has_place_for), [false; 7]);
}
