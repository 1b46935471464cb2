//! Which language stands in for which, and the tables that games are given.

use std::collections::BTreeMap;

use worldflow::text::{Locale, Shown, Source, Texts, Translation, hash};

fn locale(name: &str) -> Locale {
    Locale::parse(name).unwrap_or_else(|| panic!("{name} is a language"))
}

/// A world in English, of three texts.
fn texts(translations: &[(&str, &[(&str, &str, Option<&str>)])]) -> Texts {
    let source = |text: &str| Source { text: text.to_owned(), ..Source::default() };
    let of = |made: Option<&str>| made.map(hash);
    let entries = |all: &[(&str, &str, Option<&str>)]| -> BTreeMap<String, Translation> {
        let entry = |(key, text, made): &(&str, &str, Option<&str>)| {
            ((*key).to_owned(), Translation { text: (*text).to_owned(), of: of(*made), note: String::new() })
        };
        all.iter().map(entry).collect()
    };
    Texts {
        source: locale("en"),
        locales: translations.iter().map(|(name, _)| locale(name)).collect(),
        sources: [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")]
            .map(|(key, text)| (key.to_owned(), source(text)))
            .into(),
        translations: translations.iter().map(|(name, all)| ((*name).to_owned(), entries(all))).collect(),
    }
}

#[test]
fn names_of_languages_are_read_as_people_write_them() {
    for (given, name) in [("de", "de"), ("DE-at", "de-AT"), ("zh-hant-TW", "zh-Hant-TW"), ("pt-BR", "pt-BR")]
    {
        assert_eq!(locale(given).name(), name);
    }
    for wrong in ["", "d", "german!", "und", "*", "de_AT_x_y_z_1_2_3_4_5_6_7_8_9_0_1_2_3", "../de"] {
        assert_eq!(Locale::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn nearer_languages_stand_in_first_and_the_source_last() {
    let texts = texts(&[("de", &[]), ("es-419", &[]), ("zh-Hans", &[]), ("zh-Hant", &[])]);
    for (wanted, chain) in [
        ("de", &["de", "en"][..]),
        ("de-AT", &["de", "en"]),
        ("es-MX", &["es-419", "en"]),
        ("es", &["en"]),
        ("en-GB", &["en"]),
        ("fr", &["en"]),
        ("zh-TW", &["zh-Hant", "en"]),
        ("zh-CN", &["zh-Hans", "en"]),
        ("zh", &["zh-Hans", "en"]),
    ] {
        assert_eq!(texts.chain(&locale(wanted)), chain, "{wanted}");
    }
}

#[test]
fn a_table_says_of_each_text_whose_it_is_and_how_far() {
    let texts = texts(&[
        ("de", &[("a", "Alfa", Some("Alpha")), ("b", "Alt", Some("Bet"))]),
        ("de-AT", &[("a", "Oida", None), ("c", " ", None)]),
    ]);
    let shown = |wanted: &str| {
        let table = texts.table(&locale(wanted));
        let entry = |key: &str| {
            let entry = &table.texts[key];
            (entry.text.to_owned(), entry.locale.to_owned(), entry.status)
        };
        ["a", "b", "c"].map(entry)
    };
    let entry = |text: &str, locale: &str, status| (text.to_owned(), locale.to_owned(), status);
    let austrian = [
        entry("Oida", "de-AT", Shown::Translated),
        entry("Alt", "de", Shown::Stale),
        entry("Gamma", "en", Shown::Fallback),
    ];
    assert_eq!(shown("de-AT"), austrian);
    let german = [
        entry("Alfa", "de", Shown::Translated),
        entry("Alt", "de", Shown::Stale),
        entry("Gamma", "en", Shown::Fallback),
    ];
    assert_eq!(shown("de"), german);
    assert_eq!(shown("de-CH"), german, "it has nothing nearer");
    assert!(shown("en-US").iter().all(|(_, of, status)| (of.as_str(), *status) == ("en", Shown::Translated)));
    assert!(shown("fr").iter().all(|(_, of, status)| (of.as_str(), *status) == ("en", Shown::Fallback)));
}

#[test]
fn a_request_gets_the_language_that_it_likes_best_of_those_there_are() {
    let texts = texts(&[("de", &[]), ("pl", &[])]);
    for (header, wanted) in [
        ("de", "de"),
        ("de-AT, en;q=0.5", "de-AT"),
        ("fr, pl;q=0.9, de;q=0.8", "pl"),
        ("pl;q=0.1, de;q=0.2", "de"),
        ("pl, de", "pl"),
        ("de;q=0, pl;q=0.1", "pl"),
        ("en-GB, de;q=0.9", "en-GB"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=nonsense, pl", "pl"),
        (&format!("{}de", "x, ".repeat(40)), "en"),
    ] {
        assert_eq!(texts.accepted(header).name(), wanted, "{header}");
    }
}

#[test]
fn what_is_translated_stale_missing_and_unknown_is_counted() {
    let texts = texts(&[
        ("de", &[("a", "Alfa", Some("Alpha")), ("b", "Alt", Some("Bet")), ("gone", "Weg", None)]),
        ("de-AT", &[("c", "Oida", None)]),
        ("ja", &[]),
    ]);
    let counts = |name: &str| {
        let counts = texts.counts(&locale(name));
        [counts.translated, counts.stale, counts.missing, counts.unknown, counts.unmarked]
    };
    assert_eq!(counts("de"), [1, 1, 1, 1, 1]);
    assert_eq!(counts("de-AT"), [2, 1, 0, 0, 1], "German stands in");
    assert_eq!(counts("ja"), [0, 0, 3, 0, 0]);
}
