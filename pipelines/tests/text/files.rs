//! `text/<locale>.yaml`, with entries written into it: the rest of the file stays as it is.

use std::collections::BTreeMap;

use proptest::prelude::*;
use worldflow::text::{Translation, file_with};
use worldflow::world::{Folder, texts};

fn entry(text: &str) -> Translation {
    Translation::of_text(text)
}

fn with(file: &str, entries: &[(&str, Translation)]) -> String {
    file_with(file, "de", &entries.iter().map(|(key, entry)| (*key, entry)).collect())
}

#[test]
fn entries_take_their_own_place_and_the_rest_stays() {
    let file = "\
# Translated by Maren.

quests.hunt.title: Jagd   # a remark
# The elder
npcs.elder.barks.1:
  text: >-
    Guten
    Tag

  # within
  note: kurz

'quests.b.title': \"Be\"
signs.x: |
  eins
  zwei
";
    let made = with(
        file,
        &[
            (
                "npcs.elder.barks.1",
                Translation { of: Some("0011aabb".into()), note: "kurz".into(), ..entry("Tag: #1") },
            ),
            ("quests.b.title", entry("Be\"n\"")),
            ("quests.new.title", entry("Neu")),
        ],
    );
    expect_test::expect![[r##"
        # Translated by Maren.

        quests.hunt.title: Jagd   # a remark
        # The elder
        npcs.elder.barks.1: {text: "Tag: #1", of: "0011aabb", note: "kurz"}

        quests.b.title: "Be\"n\""
        signs.x: |
          eins
          zwei
        quests.new.title: "Neu"
    "##]]
    .assert_eq(&made);
}

#[test]
fn a_file_that_was_not_there_is_begun() {
    let made = with("", &[("a.b", entry("x"))]);
    assert!(made.starts_with("# Texts in `de`") && made.ends_with("\na.b: \"x\"\n"), "{made}");
}

proptest! {
    /// Whatever an entry says, the world reads it so.
    #[test]
    fn what_is_written_is_read(
        all in proptest::collection::btree_map("[a-z][a-z_.0-9\"' -]{0,12}[a-z]", (".{0,20}", "[ -~äß\n]{0,10}"), 1..6),
    ) {
        let entries: BTreeMap<&str, Translation> = all
            .iter()
            .map(|(key, (text, note))| {
                let of = (note.len() % 2 == 0).then(|| "0011aabb".to_owned());
                (key.as_str(), Translation { text: text.clone(), of, note: note.clone() })
            })
            .collect();
        let file = file_with("a-key: Da\n", "de", &entries.iter().map(|(key, entry)| (*key, entry)).collect());
        let world = "name: vale\nseed: 1\ntext: {source: en, locales: [de]}\n";
        let (read, problems) = texts(&Folder::of([("world.yaml", world), ("text/de.yaml", file.as_str())]));
        let read = read.ok_or_else(|| TestCaseError::fail(format!("{problems}\n{file}")))?;
        let mut own = read.translations["de"].clone();
        prop_assert_eq!(own.remove("a-key").map(|entry| entry.text), Some("Da".to_owned()));
        let own: BTreeMap<&str, Translation> = own.iter().map(|(key, entry)| (key.as_str(), entry.clone())).collect();
        prop_assert_eq!(own, entries, "{}", file);
    }
}
