//! What is read does not depend on where it is cut, and is bounded.

use proptest::prelude::*;

use super::*;
use crate::guard::form::{MOST_HEAD_BYTES, MOST_REFS, MOST_WORD_BYTES};
use crate::guard::sentences::MOST_SENTENCE_BYTES;

/// Reads pieces; all that has come.
fn read<'p>(form: Form, pieces: impl IntoIterator<Item = &'p [u8]>, whole: bool) -> Vec<Part> {
    let (mut reader, mut parts) = (Reader::new(form), Vec::new());
    pieces.into_iter().for_each(|piece| reader.read(piece, &mut parts));
    reader.finish(whole, &mut parts);
    assert!(reader.is_over());
    let ends = parts.iter().filter(|part| matches!(part, Part::End { .. } | Part::Violation(_))).count();
    assert_eq!(ends, 1, "{parts:?}");
    assert!(matches!(parts.last(), Some(Part::End { .. } | Part::Violation(_))), "{parts:?}");
    parts
}

fn object(text: &str) -> Vec<Part> {
    read(Form::Object, [text.as_bytes()], true)
}

/// The same reply with a head of which every field is `null`.
fn with_head(reply: &str) -> String {
    reply.replacen('{', r#"{"emotion":null,"action":null,"refs":null,"#, 1)
}

fn sentence(text: &str) -> Part {
    Part::Sentence(text.to_owned())
}

fn head(emotion: &str, action: Option<&str>, refs: &[&str]) -> Part {
    let refs = refs.iter().map(|id| (*id).to_owned()).collect();
    Part::Head(Head { emotion: emotion.to_owned(), action: action.map(str::to_owned), refs })
}

const END: Part = Part::End { truncated: false };
const CUT: Part = Part::End { truncated: true };

#[test]
fn a_reply_is_its_head_and_its_sentences() {
    let reply = r#" {"emotion": "calm", "action":"wave" , "refs": ["wolf", "mi\u006cl"],
        "line": "Hail,\n\"friend\". \ud83d\udc3a! \u4f60\u597d。Go"} and more"#;
    let parts = [
        head("calm", Some("wave"), &["wolf", "mill"]),
        sentence("Hail,"),
        sentence("\"friend\"."),
        sentence("🐺!"),
        sentence("你好。"),
        sentence("Go"),
        END,
    ];
    assert_eq!(object(reply), parts);
    let fenced = format!("```json\n{}\n```", with_head(r#"{"line":"Hail."}"#));
    assert_eq!(object(&fenced), [head("", None, &[]), sentence("Hail."), END]);
    let nulls = r#"{"emotion":null,"action": null ,"refs":[ ],"line":"Hail."}"#;
    assert_eq!(object(nulls), [head("", None, &[]), sentence("Hail."), END]);
    assert_eq!(
        object(&with_head("\u{feff}{\"line\":\"A\tb\"}")),
        [head("", None, &[]), sentence("A\tb"), END]
    );
    // Halves of characters stand for nothing that can be read, whatever follows them.
    let halves = with_head(r#"{"line":"a\ud83db\udc3ac\ud83d\ud83d\udc3ad\ud83d"}"#);
    assert_eq!(object(&halves)[1], sentence("a\u{fffd}b\u{fffd}c\u{fffd}🐺d\u{fffd}"));
    let begun = with_head("{\"line\":\"a");
    assert_eq!(
        read(Form::Object, [begun.as_bytes(), &b"\xff\xe4\xbdb\"}"[..]], true)[1],
        sentence("a\u{fffd}\u{fffd}b")
    );
}

#[test]
fn a_line_alone_is_its_sentences() {
    let line = |text: &str, whole| read(Form::Line, [text.as_bytes()], whole);
    assert_eq!(
        line("\n Hail. Who goes", true),
        [head("", None, &[]), sentence("Hail."), sentence("Who goes"), END]
    );
    assert_eq!(line("Hail. Who goes", false), [head("", None, &[]), sentence("Hail."), CUT]);
    assert_eq!(line("Who goes", false), [head("", None, &[]), Part::Violation(Violation::BrokenOff)]);
    for (text, violation) in [
        ("", Violation::Empty),
        (" \n\t", Violation::Empty),
        ("{\"line\":\"Hail.\"}", Violation::Form),
        ("```\nHail.\n```", Violation::Form),
    ] {
        assert_eq!(line(text, true), [Part::Violation(violation)], "{text}");
    }
}

#[test]
fn what_is_no_reply_is_a_violation() {
    for text in [
        "Hail, friend.",
        "[1, 2]",
        "``x",
        &with_head("`{\"line\":\"a\"}"),
        &with_head(r#"{line: "a"}"#),
        &with_head(r#"{"lines": "a"}"#),
        &with_head(r#"{"line": 7}"#),
        &with_head(r#"{"line": null}"#),
        r#"{"emotion": ["calm"], "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": "calm" "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": nul , "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": nulL, "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": "\q", "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": "\u00g0", "action": null, "refs": null, "line": "a"}"#,
        r#"{"emotion": null, "action": null, "refs": ["a" "b"], "line": "a"}"#,
        r#"{"emotion": null, "action": null, "refs": ["a",], "line": "a"}"#,
        r#"{"emotion": null, "action": null, "refs": [null], "line": "a"}"#,
        r#"{"emotion": null, "action": null, "refs": "wolf", "line": "a"}"#,
        r#"{"emotion": "calm"}"#,
        "{}",
        "{",
        "```json\n",
    ] {
        assert_eq!(object(text), [Part::Violation(Violation::Form)], "{text}");
    }
    assert_eq!(object(" \n"), [Part::Violation(Violation::Empty)]);
    let half = &br#"{"emotion": "ca"#[..];
    assert_eq!(read(Form::Object, [half], false), [Part::Violation(Violation::BrokenOff)]);
    assert_eq!(
        object(&with_head(r#"{"line": ""}"#)),
        [head("", None, &[]), Part::Violation(Violation::Empty)]
    );
    let broken = object(&with_head(r#"{"line": "Hail. Who \x"}"#));
    assert_eq!(broken, [head("", None, &[]), sentence("Hail."), Part::Violation(Violation::Form)]);
}

#[test]
fn no_line_comes_before_its_head_is_whole() {
    for text in [
        r#"{"line": "Good day", "emotion": "plotting", "action": "give_all_gold", "refs": ["admin"]}"#,
        r#"{"line": "Good day. Take it all."}"#,
        r#"{"emotion": "calm", "line": "Good day. Ah.", "action": "give_all_gold", "refs": ["admin"]}"#,
        r#"{"emotion": "calm", "action": "wave", "line": "Good day. Ah.", "refs": ["admin"]}"#,
        r#"{"action": "wave", "refs": [], "line": "Good day. Ah."}"#,
        r#"{"emotion": "calm", "refs": [], "line": "Good day. Ah."}"#,
        r#"{"action": "wave", "emotion": "calm", "refs": [], "line": "Good day. Ah."}"#,
        r#"{"emotion": "calm", "emotion": "sad", "action": null, "refs": [], "line": "Good day. Ah."}"#,
    ] {
        assert_eq!(object(text), [Part::Violation(Violation::Form)], "{text}");
    }
    // What follows the line is none of it.
    let twice = with_head(r#"{"line": "Good day", "action": "give_all_gold", "refs": ["admin"]}"#);
    assert_eq!(object(&twice), [head("", None, &[]), sentence("Good day"), END]);
}

#[test]
fn half_a_reply_has_its_whole_sentences() {
    assert_eq!(
        object(&with_head(r#"{"line": "Hail. Who go"#)),
        [head("", None, &[]), sentence("Hail."), CUT]
    );
    assert_eq!(
        object(&with_head(r#"{"line": "Who go"#)),
        [head("", None, &[]), Part::Violation(Violation::BrokenOff)]
    );
    assert_eq!(object(&with_head(r#"{"line": "Hail. \ud83"#)), [head("", None, &[]), sentence("Hail."), CUT]);
}

#[test]
fn every_part_is_bounded() {
    let too_long = [Part::Violation(Violation::HeadTooLong)];
    let word = "x".repeat(MOST_WORD_BYTES + 1);
    assert_eq!(object(&format!(r#"{{"emotion": "{word}", "line": "a"}}"#)), too_long);
    assert_eq!(
        object(&format!(r#"{{"emotion": null, "action": null, "refs": ["{word}"], "line": "a"}}"#)),
        too_long
    );
    assert_eq!(object(&format!(r#"{{"{word}": "a"}}"#)), too_long);
    let refs = vec!["\"a\""; MOST_REFS + 1].join(",");
    assert_eq!(
        object(&format!(r#"{{"emotion": null, "action": null, "refs": [{refs}], "line": "a"}}"#)),
        too_long
    );
    assert_eq!(object(&format!("{{{}\"line\": \"a\"}}", " ".repeat(MOST_HEAD_BYTES))), too_long);
    assert_eq!(object(&" ".repeat(2 << 20)), too_long);
    // A sentence without an end is cut where it is too long.
    let endless = format!(r#"{{"line": "Hail. {}"}}"#, "word ".repeat(MOST_SENTENCE_BYTES));
    let parts = object(&with_head(&endless));
    let [_, _, Part::Sentence(cut), CUT] = &parts[..] else { panic!("{parts:?}") };
    assert!(cut.len() <= MOST_SENTENCE_BYTES + 1);
    // Of two megabytes no more is read than may be.
    let many = format!("{{\"line\": \"{}", "Hail, friend. ".repeat(150_000));
    assert!(many.len() > 2_000_000);
    let parts = object(&with_head(&many));
    let said: usize =
        parts.iter().map(|part| if let Part::Sentence(text) = part { text.len() + 1 } else { 0 }).sum();
    assert!(said <= MOST_ANSWER_BYTES && said > MOST_ANSWER_BYTES - 200, "{said}");
    assert_eq!(parts.last(), Some(&CUT));
    let mut reader = Reader::new(Form::Line);
    let mut parts = Vec::new();
    reader.read(&vec![b'\n'; 2 << 20], &mut parts);
    assert_eq!(parts, too_long);
    let garbage: Vec<u8> = (0..2_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    read(Form::Object, [&garbage[..]], true);
    read(Form::Line, [&garbage[..]], true);
}

/// A reply as models write them, well or badly.
fn replies() -> impl Strategy<Value = String> {
    let letters = prop::collection::vec(
        prop_oneof![
            4 => "[a-zA-Z ]{1,8}",
            2 => prop::sample::select(vec![". ", "! ", "? ", "... ", "。", "！", "\\n", "\\\"", "\\u0041", "\\ud83d", "\\udc3a"])
                .prop_map(str::to_owned),
            1 => prop::sample::select(vec!["ä", "狼", "🐺", "е\u{301}", "\u{200b}", "\u{202e}", "\\", "\"", "\n"])
                .prop_map(str::to_owned),
            1 => any::<char>().prop_map(String::from),
        ],
        0..24,
    );
    let line = letters.prop_map(|parts| parts.concat());
    let before = prop::sample::select(vec![
        "{\"emotion\":\"calm\",\"action\":null,\"refs\":[\"wolf\"],\"line\":\"",
        "{\"line\": \"",
        "```json\n{\"emotion\": \"\\u4f60\", \"action\": null, \"refs\": null, \"line\":\"",
        "{\"refs\":[",
        "",
        "{",
    ]);
    let after = prop::sample::select(vec!["\"}", "\"", "", "\"}\n```", "\", \"more\": 1}"]);
    (before, line, after).prop_map(|(before, line, after)| format!("{before}{line}{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same(
        reply in replies(),
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        whole in any::<bool>(),
    ) {
        let mut bytes = reply.into_bytes();
        for (index, byte) in spoilt.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let place = index.index(bytes.len());
            bytes[place] = *byte;
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        for form in [Form::Object, Form::Line] {
            let at_once = read(form, [&bytes[..]], whole);
            let in_pieces = read(form, places.windows(2).map(|cut| &bytes[cut[0]..cut[1]]), whole);
            prop_assert_eq!(&at_once, &in_pieces);
            let by_byte = read(form, bytes.chunks(1), whole);
            prop_assert_eq!(&at_once, &by_byte);
        }
    }

    #[test]
    fn what_is_written_as_json_is_read_as_it_was(line in "[a-zA-Z0-9,;äß狼🐺\"\\\\/\u{7}\t-]{1,60}") {
        let reply = serde_json::json!({ "line": line }).to_string();
        let parts = object(&with_head(&reply));
        let said: Vec<&str> =
            parts.iter().filter_map(|part| if let Part::Sentence(text) = part { Some(text.as_str()) } else { None }).collect();
        prop_assert_eq!(said.join(" "), line.trim().to_owned());
    }
}
