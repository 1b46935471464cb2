//! Texts with values put in, in languages that count and write numbers differently.

use worldflow::text::{FormatError, Locale, Values, format, parse};

fn values(given: &[(&str, &str)]) -> Values {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn made(locale: &str, text: &str, given: &[(&str, &str)]) -> Result<String, FormatError> {
    let message = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    format(&message, &Locale::parse(locale).expect("a language"), &values(given))
}

/// What a text becomes for each number.
fn counted(locale: &str, text: &str, expected: &[(&str, &str)]) {
    for (n, wanted) in expected {
        assert_eq!(made(locale, text, &[("n", n)]).as_deref(), Ok(*wanted), "{locale} {n}");
    }
}

#[test]
fn english_has_one_and_other() {
    let text = "{n, plural, =0 {no wolves} one {# wolf} other {# wolves}}";
    counted(
        "en",
        text,
        &[("0", "no wolves"), ("1", "1 wolf"), ("2", "2 wolves"), ("1234567", "1,234,567 wolves")],
    );
    counted("en", text, &[("1.5", "1.5 wolves"), ("-3", "-3 wolves")]);
}

#[test]
fn german_writes_numbers_with_points() {
    let text = "{n, plural, one {# Wolf} other {# Wölfe}}";
    counted(
        "de",
        text,
        &[("0", "0 Wölfe"), ("1", "1 Wolf"), ("12345", "12.345 Wölfe"), ("2.5", "2,5 Wölfe")],
    );
}

/// 1; 2 to 4 but 12 to 14; the rest; fractions.
#[test]
fn polish_has_four_categories() {
    let text = "{n, plural, one {# wilk} few {# wilki} many {# wilków} other {# wilka}}";
    counted(
        "pl",
        text,
        &[
            ("0", "0 wilków"),
            ("1", "1 wilk"),
            ("2", "2 wilki"),
            ("4", "4 wilki"),
            ("5", "5 wilków"),
            ("12", "12 wilków"),
            ("22", "22 wilki"),
            ("25", "25 wilków"),
            ("1.5", "1,5 wilka"),
        ],
    );
}

#[test]
fn arabic_has_six_categories() {
    let text = "{n, plural, zero {z} one {o} two {t} few {f} many {m} other {x}}";
    counted(
        "ar",
        text,
        &[
            ("0", "z"),
            ("1", "o"),
            ("2", "t"),
            ("3", "f"),
            ("10", "f"),
            ("11", "m"),
            ("99", "m"),
            ("100", "x"),
        ],
    );
    counted("ar", text, &[("102", "x"), ("103", "f"), ("111", "m")]);
}

#[test]
fn japanese_does_not_count() {
    counted("ja", "狼{n, plural, other {#匹}}", &[("0", "狼0匹"), ("1", "狼1匹"), ("12000", "狼12,000匹")]);
}

#[test]
fn ranks_are_of_their_own() {
    let text = "{n, selectordinal, one {#st} two {#nd} few {#rd} other {#th}}";
    counted(
        "en",
        text,
        &[("1", "1st"), ("2", "2nd"), ("3", "3rd"), ("4", "4th"), ("11", "11th"), ("21", "21st")],
    );
    counted("de", "{n, selectordinal, other {#.}}", &[("1", "1."), ("22", "22.")]);
}

/// A case by its number is chosen before the offset is taken off, one by its category after.
#[test]
fn an_offset_is_taken_off_before_the_category() {
    let text = "{n, plural, offset:1 =0 {nobody} =1 {you} one {you and # other} other {you and # others}}";
    counted(
        "en",
        text,
        &[
            ("0", "nobody"),
            ("1", "you"),
            ("2", "you and 1 other"),
            ("3", "you and 2 others"),
            ("2.5", "you and 1.5 others"),
            ("0.5", "you and -0.5 others"),
            ("99999999999999999999", "you and 99,999,999,999,999,999,998 others"),
        ],
    );
}

#[test]
fn choices_numbers_and_quotes() {
    for (locale, text, given, wanted) in [
        ("en", "{who, select, she {her} he {his} other {their}}", &[("who", "she")][..], "her"),
        ("en", "{who, select, she {her} he {his} other {their}}", &[("who", "nobody knows")], "their"),
        ("fr", "l''{name} de {name}", &[("name", "ours")], "l'ours de ours"),
        ("de", "{n, number} '{'{n, number, integer}'}'", &[("n", "1234.5")], "1.234,5 {1.234}"),
        ("en", "{n, number, percent}", &[("n", "0.25")], "25%"),
        ("en", "{n}", &[("n", "12000")], "12,000"),
        ("en", "{at, date, short}", &[("at", "day 3")], "day 3"),
        (
            "de",
            "{who, select, she {Sie hat {n, plural, one {# Wolf} other {# Wölfe}}} other {Es hat #}}",
            &[("who", "she"), ("n", "3")],
            "Sie hat 3 Wölfe",
        ),
    ] {
        assert_eq!(made(locale, text, given).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn a_value_that_is_missing_or_no_number_is_said() {
    assert_eq!(made("en", "{a}", &[]), Err(FormatError::Missing("a".to_owned())));
    for value in ["many", "", "1e999999999", "1e9", &"9".repeat(41)] {
        let error = made("en", "{n, plural, other {#}}", &[("n", value)]).err();
        assert!(matches!(error, Some(FormatError::NoNumber { .. })), "{value}: {error:?}");
    }
    let long = "x".repeat(1 << 20);
    assert_eq!(made("en", "{a}{a}", &[("a", &long)]), Err(FormatError::TooLong));
}
