//! `worldflow text` as a designer and a translator use it, with the built binary.

use std::path::Path;
use std::process::{Command, Output};

use crate::check::QUESTS;

const WORLD: &str = "\
name: vale
seed: 7
kinds:
  kill: {}
entities:
  wolf: {kind: npc}
text: {source: en, locales: [de, pl]}
";

const ENGLISH: &str = "\
signs.wolves:
  text: \"{count, plural, one {# wolf} other {# wolves}}\"
  note: over the gate
";

struct Vale {
    folder: tempfile::TempDir,
}

impl Vale {
    fn new() -> Vale {
        let vale = Vale { folder: tempfile::tempdir().expect("a folder") };
        for (file, text) in [("world.yaml", WORLD), ("quests/hunt.yaml", QUESTS), ("text/en.yaml", ENGLISH)] {
            vale.write(file, text);
        }
        vale
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.path().join("vale").join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    /// What a command says, run beside the world's folder.
    fn run(&self, command: &str) -> Output {
        run(self.folder.path(), command)
    }

    /// What a command says that goes well.
    fn said(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What a command says that does not.
    fn refused(&self, command: &str) -> String {
        let output = self.run(command);
        assert_eq!(output.status.code(), Some(1), "{command}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }
}

fn run(folder: &Path, command: &str) -> Output {
    let words = command.split_whitespace().skip(1);
    let mut worldflow = Command::new(env!("CARGO_BIN_EXE_worldflow"));
    worldflow.args(words).current_dir(folder).env_remove("RUST_LOG").output().expect("the binary starts")
}

#[test]
fn from_nothing_to_a_translated_world_and_on_when_a_text_changes() {
    let vale = Vale::new();
    assert_eq!(
        vale.said("worldflow text status vale"),
        "locale  translated  stale  missing  unknown\n\
         en      3 (source)  -      -        -\n\
         de      0           0      3        0\n\
         pl      0           0      3        0\n"
    );
    // Out.
    let said = vale.said("worldflow text export vale --locale de --po de.po --ue5 de.csv");
    assert_eq!(said, "de.po: 3 texts in `de`\nde.csv: 3 texts in `de`\n");
    let po = vale.read("de.po");
    assert!(po.contains("#. over the gate\n#: text/en.yaml:2\nmsgctxt \"signs.wolves\"\n"), "{po}");
    // A translator fills it in, and it comes back.
    let translated = po
        .replace(
            "msgid \"Wolves at the gate\"\nmsgstr \"\"",
            "msgid \"Wolves at the gate\"\nmsgstr \"Wölfe vor dem Tor\"",
        )
        .replace(
            "other {# wolves}}\"\nmsgstr \"\"",
            "other {# wolves}}\"\nmsgstr \"{count, plural, one {# Wolf} other {# Wölfe}}\"",
        );
    std::fs::write(vale.folder.path().join("de.po"), translated).expect("a file");
    let said = vale.said("worldflow text import vale --locale de --po de.po");
    assert_eq!(said, "vale/text/de.yaml\n`de`: 2 new, 0 changed, 1 as they were\n");
    let again = vale.said("worldflow text import vale --locale de --po de.po");
    assert_eq!(again, "`de`: 0 new, 0 changed, 3 as they were\n");
    let shown = vale.said("worldflow text show vale --locale de-AT --key signs.wolves --with count=1234");
    assert_eq!(shown, "1.234 Wölfe\n");
    let shown = vale.said("worldflow text show vale --locale pl --key signs.wolves --with count=1");
    assert_eq!(shown, "1 wolf\n", "the source stands in");

    // The source text changes.
    vale.write("quests/hunt.yaml", &QUESTS.replace("at the gate", "within the walls"));
    let status = vale.said("worldflow text status vale --locale de");
    assert!(status.contains("\nde      1           1      1        0\n"), "{status}");
    assert!(
        status.ends_with(
            "stale  quests.wolf_hunt.title  quests/hunt.yaml:2\n\
         missing  quests.wolf_hunt.stages.hunt.objectives.wolves.title  quests/hunt.yaml:6\n"
        ),
        "{status}"
    );
    let checked = vale.run("worldflow check vale");
    assert_eq!(checked.status.code(), Some(0), "stale and missing are warnings: {checked:?}");
    let checked = String::from_utf8(checked.stdout).expect("text");
    assert!(
        checked.contains("this translation is stale: quests/hunt.yaml:2 says now `Wolves within the walls`"),
        "{checked}"
    );
    assert_eq!(vale.run("worldflow text status vale --complete").status.code(), Some(1));
    vale.said("worldflow text export vale --locale de --po de.po");
    assert!(
        vale.read("de.po").contains("#, fuzzy\nmsgctxt \"quests.wolf_hunt.title\"\n"),
        "{}",
        vale.read("de.po")
    );
    // What is still right is said to be.
    let marked = vale.said("worldflow text mark vale --locale de --key quests.wolf_hunt.title");
    assert_eq!(marked, "vale/text/de.yaml\n`de`: 1 text marked\n");
    let status = vale.said("worldflow text status vale");
    assert!(status.contains("\nde      2           0      1        0\n"), "{status}");
}

#[test]
fn a_string_table_comes_back_too() {
    let vale = Vale::new();
    vale.said("worldflow text export vale --locale pl --ue5 pl.csv");
    let table = vale.read("pl.csv");
    assert!(table.starts_with("Key,SourceString,Comment\r\n"), "{table}");
    let same = vale.said("worldflow text import vale --locale pl --ue5 pl.csv");
    assert_eq!(same, "`pl`: 0 new, 0 changed, 3 as they were\n", "what stood in is no translation");
    std::fs::write(vale.folder.path().join("pl.csv"), table.replace("Slay wolves", "Zabij wilki"))
        .expect("a file");
    let said = vale.said("worldflow text import vale --locale pl --ue5 pl.csv");
    assert_eq!(said, "vale/text/pl.yaml\n`pl`: 1 new, 0 changed, 2 as they were\n");
    assert_eq!(vale.read("vale/text/pl.yaml").lines().count(), 2, "{}", vale.read("vale/text/pl.yaml"));
}

/// One text that is wrong, and nothing is written.
#[test]
fn what_is_wrong_is_not_imported() {
    let vale = Vale::new();
    vale.said("worldflow text export vale --locale pl --po pl.po");
    let po = vale.read("pl.po");
    let wrong = po
        .replace(
            "other {# wolves}}\"\nmsgstr \"\"",
            "other {# wolves}}\"\nmsgstr \"{count, plural, one {# wilk} other {# wilka}}\"",
        )
        .replace("msgid \"Slay wolves\"\nmsgstr \"\"", "msgid \"Slay wolves\"\nmsgstr \"Zabij {ile}\"");
    std::fs::write(vale.folder.path().join("pl.po"), &wrong).expect("a file");
    let line = |key: &str| {
        let context =
            wrong.lines().position(|line| line == format!("msgctxt \"{key}\"")).expect("it is there");
        context + 2
    };
    let (slay, wolves) = ("quests.wolf_hunt.stages.hunt.objectives.wolves.title", "signs.wolves");
    assert_eq!(
        vale.refused("worldflow text import vale --locale pl --po pl.po"),
        format!(
            "error: pl.po:{}: {slay}: the source has no argument `ile`\nhint: take it out, or put it into the source text as well\n\
             error: pl.po:{}: {wolves}: the cases `few` and `many` of `count` are missing in `pl`\nhint: add `few {{...}} many {{...}}`: numbers of this language need it\n\
             nothing is written\n",
            line(slay),
            line(wolves)
        )
    );
    assert!(!vale.folder.path().join("vale/text/pl.yaml").exists());
    // A file of another language, one with unknown keys, and one that is none.
    let other = vale.refused("worldflow text import vale --locale de --po pl.po");
    assert!(other.starts_with("error: pl.po: this file is in `pl`, and not in `de`\nhint: "), "{other}");
    std::fs::write(vale.folder.path().join("de.po"), "msgctxt \"signs.wolfs\"\nmsgid \"x\"\nmsgstr \"y\"\n")
        .expect("a file");
    assert_eq!(
        vale.said("worldflow text import vale --locale de --po de.po"),
        "warning: de.po:2: left out, since no text has the key `signs.wolfs`; did you mean `signs.wolves`?\n\
         `de`: 0 new, 0 changed, 0 as they were\n"
    );
    std::fs::write(vale.folder.path().join("de.po"), "nonsense\n").expect("a file");
    let none = vale.refused("worldflow text import vale --locale de --po de.po");
    assert!(none.starts_with("error: de.po:1: this is no line of a PO file\nhint: "), "{none}");
}

#[test]
fn a_dash_is_no_file() {
    let vale = Vale::new();
    let po = vale.said("worldflow text export vale --locale de --po -");
    assert_eq!(po, {
        vale.said("worldflow text export vale --locale de --po de.po");
        vale.read("de.po")
    });
    let table = vale.said("worldflow text export vale --locale de --ue5 -");
    assert!(table.starts_with("Key,SourceString,Comment\r\n") && !table.contains("in `de`"), "{table}");
    assert!(!vale.folder.path().join("-").exists());
    let both = vale.refused("worldflow text export vale --locale de --ue5 - --po -");
    assert!(both.contains("hint: name a file for one"), "{both}");
}

#[test]
fn what_cannot_be_done_is_said_with_a_way() {
    let vale = Vale::new();
    for (command, says) in [
        (
            "worldflow text export vale --locale pt --po x.po",
            "the world has no language `pt`\nhint: did you mean `pl`? world.yaml declares en, de, pl",
        ),
        (
            "worldflow text import vale --locale en --po x.po",
            "`en` is the language that the world is written in\nhint: ",
        ),
        ("worldflow text import vale --locale de --po x.po", "x.po: "),
        (
            "worldflow text mark vale --locale de --key signs.wolfs",
            "no text has the key `signs.wolfs`\nhint: did you mean `signs.wolves`?",
        ),
        (
            "worldflow text mark vale --locale de --key signs.wolves",
            "`signs.wolves` has no text in `de`\nhint: ",
        ),
        (
            "worldflow text show vale --locale de --key signs.wolves",
            "the argument `count` has no value\nhint: this text takes --with count=...",
        ),
        (
            "worldflow text show vale --locale de --key signs.wolves --with count=many",
            "the argument `count` is a number, and not `many`",
        ),
        ("worldflow text status .", "is not a world folder"),
    ] {
        let said = vale.refused(command);
        assert!(said.contains(says), "{command}\n{said}");
    }
    vale.write("world.yaml", &WORLD.replace("text: {source: en, locales: [de, pl]}\n", ""));
    let said = vale.refused("worldflow text status vale");
    assert!(said.contains("declares no languages\nhint: "), "{said}");
    // A file that is not written in lines is left alone.
    vale.write("world.yaml", WORLD);
    let file = "{signs.wolves: '{count, plural, one {#} other {#}}'}\n";
    vale.write("text/de.yaml", file);
    let said = vale.refused("worldflow text mark vale --locale de");
    assert!(said.contains("cannot be changed one by one"), "{said}");
    assert_eq!(vale.read("vale/text/de.yaml"), file);
}
