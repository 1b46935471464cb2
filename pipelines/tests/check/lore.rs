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
        expect![[r#"
            error: lore/Dark.md:1:1: the document id `Dark` has a `D` in it
              |
            1 | Text.
              | ^
            hint: call files by lower-case letters, digits, `_`, `.` and `-`

            error: lore/a.md:2:19: unknown target `beats`
              |
            2 | known_by: [elder, beats, wolf]
              |                   ^^^^^
            hint: did you mean `beast`? targets are declared in entities.yaml, as ids or tags

            error: lore/a.md:3:1: unknown key `topic`
              |
            3 | topic: x
              | ^^^^^
            hint: did you mean `topics`? it may be `topics`, `known_by` or `locale`

            error: lore/b.md:1:1: the head of this document has no end
              |
            1 | ---
              | ^
            hint: close it with another line `---`; or begin the text with something else

            error: lore/c.md:2:11: not YAML: unclosed bracket '['
              |
            2 | known_by: [
              |           ^
            hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

            warning: lore/e.md:1:1: this document says nothing
              |
            1 | # Nothing under it
              | ^
            hint: write something under its headings, or remove it

            error: lore/f.md:2:9: `e n` names no language
              |
            2 | locale: 'e n'
              |         ^^^^^
            hint: write for example `en` or `pt-BR`

            error: lore/f.md:3:10: `topics` lists what is no name
              |
            3 | topics: ['']
              |          ^^
            hint: a name has 1 to 64 bytes

        "#]],
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
        expect![[r#"
            warning: world.yaml:18:9: no npc asks the tier `vectors`
               |
            18 | tiers: {vectors: {url: 'http://127.0.0.1:1', model: m}}
               |         ^^^^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:19:25: unknown tier `vectrs`
               |
            19 | lore: {embedder: {tier: vectrs}, shared: [../kingdom, /kingdom, ..]}
               |                         ^^^^^^
            hint: did you mean `vectors`? tiers are declared in world.yaml under `tiers`

            error: world.yaml:19:43: there are no documents in `../kingdom`
               |
            19 | lore: {embedder: {tier: vectrs}, shared: [../kingdom, /kingdom, ..]}
               |                                           ^^^^^^^^^^
            hint: a path is relative to the world's folder; documents end in `.md`

            error: world.yaml:19:55: `/kingdom` is no folder beside the world
               |
            19 | lore: {embedder: {tier: vectrs}, shared: [../kingdom, /kingdom, ..]}
               |                                                       ^^^^^^^^
            hint: write where it lies from here, such as `../lore/old_kingdom`

            error: world.yaml:19:65: `..` is no folder beside the world
               |
            19 | lore: {embedder: {tier: vectrs}, shared: [../kingdom, /kingdom, ..]}
               |                                                                 ^^
            hint: write where it lies from here, such as `../lore/old_kingdom`

        "#]],
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
fn a_model_has_paths_and_numbers_that_can_be() {
    let onnx = |keys: &str| format!("{WORLD}lore: {{embedder: {{onnx: {{{keys}}}}}}}\n");
    wrong(
        &[("world.yaml", &onnx("model: '', tokenizer: t.json, most_tokens: 9000, threads: 0"))],
        expect![[r#"
            error: world.yaml:18:33: `model` is no path
               |
            18 | lore: {embedder: {onnx: {model: '', tokenizer: t.json, most_tokens: 9000, threads: 0}}}
               |                                 ^^
            hint: a path is relative to the world's folder

            error: world.yaml:18:69: a text cannot have 9000 tokens
               |
            18 | lore: {embedder: {onnx: {model: '', tokenizer: t.json, most_tokens: 9000, threads: 0}}}
               |                                                                     ^^^^
            hint: it may be 16 to 8192

            error: world.yaml:18:84: a model cannot be run on 0 threads
               |
            18 | lore: {embedder: {onnx: {model: '', tokenizer: t.json, most_tokens: 9000, threads: 0}}}
               |                                                                                    ^
            hint: it may be 1 to 64

        "#]],
    );
    wrong(
        &[("world.yaml", &onnx("model: m.onnx, tokeniser: t.json, pooling: max"))],
        expect![[r#"
            error: world.yaml:18:41: unknown key `tokeniser`
               |
            18 | lore: {embedder: {onnx: {model: m.onnx, tokeniser: t.json, pooling: max}}}
               |                                         ^^^^^^^^^
            hint: did you mean `tokenizer`? it may be `model`, `tokenizer`, `library`, `most_tokens`, `pooling` or `threads`

            error: world.yaml:18:69: unknown choice `max`
               |
            18 | lore: {embedder: {onnx: {model: m.onnx, tokeniser: t.json, pooling: max}}}
               |                                                                     ^^^
            hint: it may be `mean` or `cls`

        "#]],
    );
    // Of a folder on the disk it can be said what is not there.
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in [
        ("world.yaml", onnx("model: lore/m.onnx, tokenizer: lore/t.json, library: '${LIBRARY}'").as_str()),
        ("climates/mild.yaml", CLIMATE),
        ("lore/t.json", "{}"),
        ("lore/other.json", "{}"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    let folder = Folder::read(folder.path()).expect("a folder that can be read");
    expect![[r#"
        warning: lore/other.json: nothing reads this file
        hint: lore is written in Markdown: `lore/*.md`

        warning: world.yaml:18:33: there is no file `lore/m.onnx`
           |
        18 | lore: {embedder: {onnx: {model: lore/m.onnx, tokenizer: lore/t.json, library: '${LIBRARY}'}}}
           |                                 ^^^^^^^^^^^
        hint: a path is relative to the world's folder; until the file is there, lore is searched by words

    "#]]
    .assert_eq(&check(&folder).to_string());
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
    expect![[r#"
        error: lore/long.md:23256:36: a document of more than 1000000 bytes, which it has here
              |
        23256 | A line of forty bytes, the newline w
              |                                    ^
        hint: split it: each file is a document of its own

    "#]]
    .assert_eq(&check(&folder).to_string());
}

#[test]
fn all_documents_together_have_a_bound_too() {
    let text = "word ".repeat(199_999);
    let names: Vec<String> = (0..33).map(|n| format!("lore/d{n:02}.md")).collect();
    let mut files = vec![("world.yaml", WORLD), ("climates/mild.yaml", CLIMATE)];
    files.extend(names.iter().map(|name| (name.as_str(), text.as_str())));
    expect![[r#"
        error: lore/d32.md: the world has more than 32000000 bytes of lore with this document
        hint: leave out what no NPC speaks of

    "#]]
    .assert_eq(&check(&Folder::of(files)).to_string());
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
    expect![[r#"
        warning: lore/lake.MD: nothing reads this file
        hint: call it `lake.md`: the ending is written small

        warning: lore/mill.yaml: nothing reads this file
        hint: lore is written in Markdown: `lore/*.md`

    "#]]
    .assert_eq(&check(&Folder::read(folder.path()).expect("a folder")).to_string());
}
