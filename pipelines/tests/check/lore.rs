//! Lore: documents that are wrong, and what is read of those that are right.

use std::fs;

use expect_test::{Expect, expect};
use worldflow::world::{Folder, LoadedWorld, check};

use crate::{CLIMATE, WORLD, problems};

const TIERED: &str = "tiers: {vectors: {url: 'http://127.0.0.1:1', model: m}}\n";

fn wrong(files: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&problems(files));
}

#[test]
fn documents_have_heads_that_fit() {
    wrong(
        &[
            ("lore/a.md", "---\nknown_by: [elder, beats, wolf]\ntopic: x\n---\nText.\n"),
            ("lore/b.md", "---\ntopics: [x]\nText without end.\n"),
            ("lore/c.md", "---\nknown_by: [\n---\nText.\n"),
            ("lore/Dark.md", "Text.\n"),
            ("lore/e.md", "# Nothing under it\n"),
            ("lore/f.md", "---\nlocale: 'e n'\ntopics: ['']\n---\nText.\n"),
            ("lore/ok/deep/file.md", "---\n---\n# H\nText --- and\n---\nmore.\n"),
        ],
        expect![[r#""#]],
    );
}

#[test]
fn an_embedder_is_a_tier_and_shared_folders_are_there() {
    wrong(
        &[(
            "world.yaml",
            &format!(
                "{WORLD}{TIERED}lore: {{embedder: {{tier: vectrs}}, shared: [../kingdom, /kingdom, ..]}}\n"
            ),
        )],
        expect![[r#""#]],
    );
    wrong(
        &[
            (
                "world.yaml",
                &format!("{WORLD}{TIERED}lore: {{embedder: {{tier: vectors}}, shared: [../kingdom]}}\n"),
            ),
            ("shared/kingdom/crown.md", "It is lost.\n"),
        ],
        expect![[r#""#]],
    );
}

#[test]
fn a_document_of_10_mb_is_refused_at_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("world.yaml", WORLD);
    write("climates/mild.yaml", CLIMATE);
    write("lore/long.md", &"A line of forty bytes, the newline with it\n".repeat(240_000));
    write("lore/just.md", &format!("---\n---\n{}", "a ".repeat(499_996)));
    let folder = Folder::read(folder.path()).expect("a folder that can be read");
    let longest = folder.files.values().map(Vec::len).max();
    assert_eq!(longest, Some(1_000_001), "no more is read than says where it is too long");
    expect![[r#""#]].assert_eq(&check(&folder).to_string());
}

#[test]
fn all_documents_together_have_a_bound_too() {
    let text = "word ".repeat(199_999);
    let names: Vec<String> = (0..33).map(|n| format!("lore/d{n:02}.md")).collect();
    let mut files = vec![("world.yaml", WORLD), ("climates/mild.yaml", CLIMATE)];
    files.extend(names.iter().map(|name| (name.as_str(), text.as_str())));
    expect![[r#""#]].assert_eq(&check(&Folder::of(files)).to_string());
}

#[test]
fn shared_folders_are_read_from_the_disk_and_belong_to_each_world_that_names_them() {
    let top = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = top.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    for world in ["one", "two"] {
        write(&format!("{world}/world.yaml"), &format!("{WORLD}lore: {{shared: [../kingdom]}}\n"));
        write(&format!("{world}/climates/mild.yaml"), CLIMATE);
        write(&format!("{world}/lore/own.md"), world);
    }
    write("three/world.yaml", WORLD);
    write("three/climates/mild.yaml", CLIMATE);
    write("kingdom/kings/first.md", "---\nknown_by: elder\n---\nHe is dead.\n");
    write("kingdom/notes.txt", "nobody reads this");
    let open = |world: &str| LoadedWorld::open(&top.path().join(world)).expect("a right world");
    for world in ["one", "two"] {
        let lore = open(world).lore;
        assert_eq!(lore.keys().collect::<Vec<_>>(), ["kingdom/kings/first", "own"]);
        assert_eq!(lore["kingdom/kings/first"].text, "He is dead.\n");
        assert_eq!(lore["own"].text, world);
    }
    assert!(open("three").lore.is_empty());
    // Which folders are shared is no part of what is fixed while a world runs.
    assert_eq!(open("one").world.lore, open("three").world.lore);
}

#[test]
fn a_file_in_lore_that_is_no_markdown_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("world.yaml", WORLD);
    write("climates/mild.yaml", CLIMATE);
    write("lore/lake.MD", "Text.\n");
    write("lore/mill.yaml", "a: b\n");
    write("lore/notes.txt", "Text.\n");
    expect![[r#""#]].assert_eq(&check(&Folder::read(folder.path()).expect("a folder")).to_string());
}
