//! Texts that go to translators and come back: nothing is lost, whatever stands in them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use worldflow::text::po::{Po, PoEntry};
use worldflow::text::string_table::{self, Row};
use worldflow::text::{Locale, Source, State, Texts, Translation, hash, of_po, of_rows};
use worldflow_engine::testing::fuzz::fuzz;

/// Texts with all that quoting is about.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\t".to_owned()),
        Just("\\n".to_owned()),
        Just(",".to_owned()),
        Just("'".to_owned()),
        Just("{n, plural, other {#}}".to_owned()),
        Just("#~ msgid".to_owned()),
        Just("; ".to_owned()),
        Just(" ".to_owned()),
        Just("狼\u{2028}\u{85}\u{7}".to_owned()),
        "[a-zA-ZäöüłΩ]{1,6}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// What a comment of a PO file can say: it has lines, and their ends are for readers.
fn any_comment() -> impl Strategy<Value = String> {
    let line = "[a-z\"\\\\äö][a-z \"\\\\äö]{0,8}[a-z\"\\\\äö]";
    proptest::collection::vec(line, 0..3).prop_map(|lines| lines.join("\n"))
}

fn any_entry() -> impl Strategy<Value = PoEntry> {
    let key = "[a-z][a-z_]{0,5}(\\.[a-z0-9\"\\\\ ]{1,6}){0,2}";
    (key, any_text(), any_text(), any_comment(), any_comment(), any::<bool>(), any::<bool>()).prop_map(
        |(key, source, text, note, comment, fuzzy, obsolete)| PoEntry {
            made_of: fuzzy.then(|| hash(&text)),
            key,
            source,
            text,
            note,
            comment,
            fuzzy,
            obsolete,
            ..PoEntry::default()
        },
    )
}

proptest! {
    #[test]
    fn a_po_file_is_read_as_it_was_written(entries in proptest::collection::vec(any_entry(), 0..6)) {
        let header = vec![("Language".to_owned(), "de".to_owned()), ("X-Generator".to_owned(), "worldflow".to_owned())];
        let po = Po { header, entries };
        let mut read = Po::read(&po.write()).map_err(|error| TestCaseError::fail(format!("{error}\n{}", po.write())))?;
        read.entries.iter_mut().for_each(|entry| entry.line = 0);
        prop_assert_eq!(read, po);
    }

    #[test]
    fn a_string_table_is_read_as_it_was_written(rows in proptest::collection::vec((any_text(), any_text(), any_text()), 0..6)) {
        let rows: Vec<Row> = rows.into_iter().map(|(key, text, comment)| Row { key, text, comment, line: 0 }).collect();
        let written = string_table::write(&rows);
        let mut read = string_table::read(&written).map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
        read.iter_mut().for_each(|row| row.line = 0);
        prop_assert_eq!(read, rows);
    }

    /// Out and back without a translator: nothing is new, nothing changes, nothing is wrong.
    #[test]
    fn what_comes_back_as_it_went_changes_nothing(texts in any_texts()) {
        let locale = texts.locales[0].clone();
        let po = Po::read(&texts.po("vale", &locale).write()).expect("it was written here");
        let taken = texts.taken(&locale, of_po(po));
        prop_assert_eq!(&taken.wrong, &Vec::new());
        prop_assert_eq!(&taken.unknown, &Vec::new());
        // What did not say of which text it was made does now.
        let own = &texts.translations["de"];
        for (key, entry) in &taken.entries {
            prop_assert_eq!(&own[key].of, &None);
            prop_assert_eq!(entry, &Translation { of: Some(hash(&texts.sources[key].text)), ..own[key].clone() });
        }
        let rows = string_table::read(&string_table::write(&texts.rows(&locale))).expect("it was written here");
        let taken = texts.taken(&locale, of_rows(rows, &texts, &locale));
        prop_assert_eq!(taken.entries, BTreeMap::new());
        prop_assert_eq!(&taken.wrong, &Vec::new());
    }
}

/// Worlds whose texts are plain words, some translated, some of a former source text.
fn any_texts() -> impl Strategy<Value = Texts> {
    let words = "[a-zA-Zäöü\"\\\\,\n]{1,12}";
    let made = prop_oneof![Just(0_u8), Just(1), Just(2), Just(3)];
    let entry = (words, words, made, any_comment());
    proptest::collection::btree_map("[a-z]{1,4}\\.[a-z]{1,4}", entry, 0..8).prop_map(|all| {
        let mut texts = Texts {
            source: locale("en"),
            locales: vec![locale("de")],
            sources: BTreeMap::new(),
            translations: BTreeMap::from([("de".to_owned(), BTreeMap::new())]),
        };
        for (key, (source, text, made, note)) in all {
            let of = match made {
                0 => None,
                1 => Some(hash(&source)),
                _ => Some(hash("what it said before")),
            };
            texts.sources.insert(key.clone(), Source { text: source, ..Source::default() });
            if made != 3 && !text.trim().is_empty() {
                let own = texts.translations.get_mut("de").expect("it is there");
                own.insert(key, Translation { text, of, note });
            }
        }
        texts
    })
}

fn locale(name: &str) -> Locale {
    Locale::parse(name).expect("a language")
}

#[test]
fn a_po_file_is_what_translation_tools_expect() {
    let mut texts = Texts {
        source: locale("en"),
        locales: vec![locale("de")],
        sources: BTreeMap::new(),
        translations: BTreeMap::new(),
    };
    let source = |text: &str, note: &str| Source {
        text: text.to_owned(),
        place: "quests/hunt.yaml:2".to_owned(),
        note: note.to_owned(),
    };
    texts.sources.insert("a.new".into(), source("Say \"hello\"\nto {name}", "on a button"));
    texts.sources.insert("b.stale".into(), source("Four wolves", ""));
    texts.sources.insert("c.done".into(), source("Home", ""));
    let entry =
        |text: &str, of: &str| Translation { text: text.to_owned(), of: Some(hash(of)), note: String::new() };
    let own = BTreeMap::from([
        ("b.stale".to_owned(), entry("Drei Wölfe", "Three wolves")),
        ("c.done".to_owned(), Translation { note: "lieber Heim?".to_owned(), ..entry("Zuhause", "Home") }),
        ("d.gone".to_owned(), entry("Weg", "Gone")),
    ]);
    texts.translations.insert("de".to_owned(), own);
    expect_test::expect![[r#"
        msgid ""
        msgstr ""
        "Project-Id-Version: vale\n"
        "Language: de\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=UTF-8\n"
        "Content-Transfer-Encoding: 8bit\n"
        "X-Source-Language: en\n"
        "X-Generator: worldflow\n"

        #. on a button
        #: quests/hunt.yaml:2
        msgctxt "a.new"
        msgid ""
        "Say \"hello\"\n"
        "to {name}"
        msgstr ""

        #. made of 46004738
        #: quests/hunt.yaml:2
        #, fuzzy
        msgctxt "b.stale"
        msgid "Four wolves"
        msgstr "Drei Wölfe"

        # lieber Heim?
        #: quests/hunt.yaml:2
        msgctxt "c.done"
        msgid "Home"
        msgstr "Zuhause"

        #~ msgctxt "d.gone"
        #~ msgid ""
        #~ msgstr "Weg"
    "#]]
    .assert_eq(&texts.po("vale", &locale("de")).write());
    expect_test::expect![[r#"
        Key,SourceString,Comment
        "a.new","Say ""hello""\nto {name}","missing; source 36610006; quests/hunt.yaml:2; on a button"
        "b.stale","Drei Wölfe","stale; source e809f108; quests/hunt.yaml:2"
        "c.done","Zuhause","translated; source a8983d3f; quests/hunt.yaml:2"
    "#]]
    .assert_eq(&string_table::write(&texts.rows(&locale("de"))).replace("\r\n", "\n"));
}

/// A tool that wraps lines, writes flags, former sources and plural headers of its own.
const OF_A_TOOL: &str = r#"
# Translators of the vale
msgid ""
msgstr ""
"Language: de\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: a.yaml:3 b.yaml:4
#, c-format, fuzzy
#| msgid "Two wolves"
msgctxt "a"
msgid "Three "
"wolves"
msgstr "Zwei "
"Wölfe"
# the next one has no comments
msgctxt "b"
msgid "Home"
msgstr "Heim\303\237"
#~| msgid "old"
#~ msgctxt "c"
#~ msgid "x"
#~ msgstr "y"
"#;

#[test]
fn files_of_translation_tools_are_read() {
    let po = Po::read(&OF_A_TOOL.replace("\\303\\237", "")).expect("it is PO");
    assert_eq!(po.header("language"), Some("de"));
    let entries: Vec<(&str, &str, &str, bool, bool, usize)> = po
        .entries
        .iter()
        .map(|entry| (&*entry.key, &*entry.source, &*entry.text, entry.fuzzy, entry.obsolete, entry.line))
        .collect();
    assert_eq!(
        entries,
        [
            ("a", "Three wolves", "Zwei Wölfe", true, false, 12),
            ("b", "Home", "Heim", false, false, 18),
            ("c", "x", "y", false, true, 22),
        ]
    );
}

#[test]
fn a_note_may_begin_as_what_is_said_of_a_stale_text() {
    let note = "made of old stories, so keep it simple";
    let entry = |fuzzy: bool, note: &str, made_of: Option<&str>| PoEntry {
        key: "a".to_owned(),
        source: "b".to_owned(),
        text: "c".to_owned(),
        note: note.to_owned(),
        made_of: made_of.map(str::to_owned),
        fuzzy,
        ..PoEntry::default()
    };
    for entry in [
        entry(false, note, None),
        entry(true, note, Some("0123abcd")),
        entry(false, "made of 0123abcd", None),
        entry(true, "made of 0123abcd\nand more", Some("-")),
    ] {
        let po = Po { header: Vec::new(), entries: vec![entry.clone()] };
        let mut read = Po::read(&po.write()).expect("it is PO").entries;
        read[0].line = 0;
        assert_eq!(read, [entry]);
    }
}

#[test]
fn of_nothing_there_is_nothing_to_translate() {
    let source = |text: &str| Source { text: text.to_owned(), ..Source::default() };
    let texts = Texts {
        source: locale("en"),
        locales: vec![locale("de")],
        sources: [("empty".to_owned(), source(" ")), ("full".to_owned(), source("full"))].into(),
        translations: BTreeMap::new(),
    };
    let counts = texts.counts(&locale("de"));
    assert_eq!((counts.translated, counts.missing), (1, 1));
    assert_eq!(texts.keys_in(&locale("de"), State::Missing).into_iter().collect::<Vec<_>>(), ["full"]);
}

#[test]
fn what_is_no_po_file_is_pointed_at() {
    for (text, line, message) in [
        ("hello", 1, "this is no line of a PO file"),
        ("\"x\"", 1, "a text that belongs to nothing"),
        ("msgid \"a\"\nmsgstr \"b\"\n", 1, "a text without a key"),
        ("msgctxt \"a\"\nmsgid \"b\"\n", 2, "the file ends within an entry"),
        ("msgctxt \"a\"\nmsgstr \"b\"\n", 2, "this line is not expected here"),
        ("msgctxt \"a\"\nmsgid \"b\"\nmsgid_plural \"c\"\n", 3, "a plural of gettext"),
        ("msgctxt \"a\nmsgid \"b\"\n", 1, "this text is not closed, or has a wrong `\\`"),
        ("msgctxt \"\\q\"\n", 1, "this text is not closed, or has a wrong `\\`"),
        ("msgfoo \"a\"\n", 1, "unknown keyword `msgfoo`"),
    ] {
        let error = Po::read(text).err().unwrap_or_else(|| panic!("{text} is read"));
        assert_eq!((error.line, error.message.as_str()), (line, message), "{text}");
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn what_is_no_string_table_is_pointed_at() {
    for (text, line, message) in [
        ("", 1, "this is no string table"),
        ("Name,Text\na,b\n", 1, "this is no string table"),
        ("Key,SourceString\na\n", 2, "a column is missing in this row"),
        ("Key,SourceString\na,\"b\nc\"\nd,\"e \"\"f\ng", 4, "a text that begins here is not closed"),
        ("Key,SourceString\n\"a", 2, "a text that begins here is not closed"),
    ] {
        let error = string_table::read(text).err().unwrap_or_else(|| panic!("{text} is read"));
        assert_eq!((error.line, error.message.as_str()), (line, message), "{text}");
    }
    let rows = string_table::read("\u{feff}Comment,sourcestring,key,More\r\nx,\"a, \"\"b\"\"\\nc\",k,y\r\n");
    let rows = rows.expect("columns in any order, and others beside them");
    assert_eq!((&*rows[0].key, &*rows[0].text, &*rows[0].comment), ("k", "a, \"b\"\nc", "x"));
}

#[test]
fn whatever_comes_back_is_read_or_refused() {
    let good = vec![OF_A_TOOL.as_bytes().to_vec()];
    fuzz("po", 5_000, &good, &mut |bytes, _| {
        if let Ok(po) = Po::read(&String::from_utf8_lossy(bytes)) {
            // What was read is written so that it is read alike.
            let again = Po::read(&po.write()).unwrap_or_else(|error| panic!("{error}\n{}", po.write()));
            assert_eq!(again.entries.len(), po.entries.len());
        }
    });
    let good = vec![
        b"Key,SourceString,Comment\r\n\"a.b\",\"x, \"\"y\"\"\\n\",\"missing; source 0011\"\r\n".to_vec(),
    ];
    fuzz("string_table", 5_000, &good, &mut |bytes, _| {
        let _rows = string_table::read(&String::from_utf8_lossy(bytes));
    });
}

/// What a translator does with each kind of entry, and what becomes of it.
#[test]
fn what_translators_do_is_taken_over() {
    let source = |text: &str| Source { text: text.to_owned(), ..Source::default() };
    let entry =
        |text: &str, of: &str| Translation { text: text.to_owned(), of: Some(hash(of)), note: String::new() };
    let texts = Texts {
        source: locale("en"),
        locales: vec![locale("de")],
        sources: ["new", "looked_at", "left_stale", "redone", "untouched"]
            .map(|key| (key.to_owned(), source(key)))
            .into(),
        translations: BTreeMap::from([(
            "de".to_owned(),
            BTreeMap::from([
                ("looked_at".to_owned(), entry("angesehen", "before")),
                ("left_stale".to_owned(), entry("gelassen", "before")),
                ("redone".to_owned(), entry("alt", "before")),
                ("untouched".to_owned(), entry("gleich", "untouched")),
            ]),
        )]),
    };
    let de = locale("de");
    let mut po = texts.po("vale", &de);
    for entry in &mut po.entries {
        match entry.key.as_str() {
            "new" => entry.text = "neu".to_owned(),
            // The text is right after all: the flag is taken off.
            "looked_at" => entry.fuzzy = false,
            "redone" => (entry.text, entry.fuzzy) = ("erneuert".to_owned(), false),
            _ => {}
        }
    }
    let mut late = po.clone();
    let taken = texts.taken(&de, of_po(po));
    let told: Vec<(&str, &str, String)> = taken
        .entries
        .iter()
        .map(|(key, entry)| (key.as_str(), entry.text.as_str(), entry.of.clone().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            ("looked_at", "angesehen", hash("looked_at")),
            ("new", "neu", hash("new")),
            ("redone", "erneuert", hash("redone")),
        ]
    );
    assert_eq!((taken.new, taken.left, taken.wrong.len()), (1, 2, 0));

    // Somebody doubts a text that was right until now.
    let mut doubted = texts.po("vale", &de);
    doubted.entries.iter_mut().filter(|entry| entry.key == "untouched").for_each(|entry| entry.fuzzy = true);
    let taken = texts.taken(&de, of_po(doubted));
    assert_eq!((taken.entries.len(), taken.left), (1, 4), "{:?}", taken.entries);
    assert!(texts.is_stale("untouched", &taken.entries["untouched"]));

    // The source text has changed while the file was away: what comes back is stale at once.
    late.entries
        .iter_mut()
        .filter(|entry| entry.key == "new")
        .for_each(|entry| entry.source = "ne".to_owned());
    let taken = texts.taken(&de, of_po(late));
    assert_eq!(taken.entries["new"].of, Some(hash("ne")));
    assert!(texts.is_stale("new", &taken.entries["new"]));
}
