//! ICU MessageFormat read into a tree, what is wrong with it and where, and texts changed at random.

use worldflow::text::{Kind, MAX_BYTES, MAX_DEPTH, Message, MessageError, Part, When, parse};
use worldflow_engine::testing::fuzz::fuzz;

/// A tree in a line: words in quotes, `#`, and arguments with what is made of them.
fn shown(message: &Message) -> String {
    let part = |part: &Part| match part {
        Part::Words(words) => format!("{words:?}"),
        Part::Number => "#".to_owned(),
        Part::Argument(argument) => {
            let kind = match &argument.kind {
                Kind::Plain => String::new(),
                Kind::Number(style) => format!(":number {style:?}"),
                Kind::Date(style) => format!(":date {style:?}"),
                Kind::Time(style) => format!(":time {style:?}"),
                Kind::Plural(plural) => {
                    let kind = if plural.ordinal { "ordinal" } else { "plural" };
                    let case = |when: &When| match when {
                        When::Exactly(number) => format!("={number}"),
                        When::Category(category) => category.name().to_owned(),
                    };
                    let cases = plural.cases.iter();
                    let cases: Vec<String> = cases
                        .map(|found| format!("{}[{}]", case(&found.when), shown(&found.message)))
                        .collect();
                    format!(":{kind}-{} {}", plural.offset, cases.join(" "))
                }
                Kind::Select(cases) => {
                    let cases = cases.iter();
                    let cases: Vec<String> =
                        cases.map(|found| format!("{}[{}]", found.when, shown(&found.message))).collect();
                    format!(":select {}", cases.join(" "))
                }
            };
            format!("<{}{kind}>", argument.name)
        }
    };
    message.parts.iter().map(part).collect::<Vec<String>>().join(" ")
}

#[test]
fn texts_are_read_into_trees() {
    for (text, tree) in [
        ("", ""),
        ("Three wolves", r#""Three wolves""#),
        ("Hello, {name}!", r#""Hello, " <name> "!""#),
        ("{ name }", "<name>"),
        ("{0} of {1}", r#"<0> " of " <1>"#),
        ("{größe}", "<größe>"),
        ("{n, number}", "<n:number Plain>"),
        ("{n,number,integer}", "<n:number Integer>"),
        ("{n, number, percent }", "<n:number Percent>"),
        ("{at, date}", "<at:date Medium>"),
        ("{at, date, short}", "<at:date Short>"),
        ("{at, time, full}", "<at:time Full>"),
        ("{n, plural, one {# wolf} other {# wolves}}", r#"<n:plural-0 one[# " wolf"] other[# " wolves"]>"#),
        ("{n,plural,=0{none}other{#}}", r#"<n:plural-0 =0["none"] other[#]>"#),
        ("{n, plural, offset:1 one{you} other{you and #}}", r#"<n:plural-1 one["you"] other["you and " #]>"#),
        ("{n, selectordinal, one {#st} other {#th}}", r#"<n:ordinal-0 one[# "st"] other[# "th"]>"#),
        ("{who, select, she {her} other {their}} own", r#"<who:select she["her"] other["their"]> " own""#),
        (
            "{who, select, other {{n, plural, other {# of {who}}}}}",
            r#"<who:select other[<n:plural-0 other[# " of " <who>]>]>"#,
        ),
        // A sharp sign is a number right within a plural only.
        ("# {a, select, other {#}}", r##""# " <a:select other["#"]>"##),
        ("{n, plural, other {{a, select, other {#}}}}", r##"<n:plural-0 other[<a:select other["#"]>]>"##),
        // Apostrophes.
        ("l'ours", r#""l'ours""#),
        ("l''ours", r#""l'ours""#),
        ("'{'literal'}'", r#""{literal}""#),
        ("'{name}' is {name}", r#""{name} is " <name>"#),
        ("'{it''s}'", r#""{it's}""#),
        ("a '# b", r##""a '# b""##),
        ("{n, plural, other {'#' #}}", r##"<n:plural-0 other["# " #]>"##),
        ("it's '{'", r#""it's {""#),
    ] {
        let read = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(shown(&read), tree, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_pointed_at() {
    for (text, at, message, hint) in [
        ("{", "{", "a `{` that is not closed", "close it"),
        ("a {name", "{", "a `{` that is not closed", "close it"),
        ("a } b", "}", "a `}` that closes nothing", "'}'"),
        ("{}", "}", "the name of an argument is expected here", "`{count}`"),
        ("{a b}", "b", "`}` or `,` is expected here, not `b`", "{a, plural, ...}"),
        ("{n, plurl, other {x}}", "plurl", "unknown kind of argument `plurl`", "did you mean `plural`?"),
        ("{n, plural}", "}", "`plural` needs its cases", "one {...}"),
        ("{n, plural, one {x}}", "{", "the case `other` is missing", "add `other {...}`"),
        ("{who, select, she {x}}", "{", "the case `other` is missing", "add `other {...}`"),
        ("{n, plural, oen {x} other {y}}", "oen", "unknown case `oen` of a plural", "did you mean `one`?"),
        ("{n, plural, eine {x} other {y}}", "eine", "unknown case `eine` of a plural", "are not translated"),
        ("{n, plural, =x {x} other {y}}", "=x", "`=x` is no number", "`=0`"),
        ("{n, plural, other x}", "x", "the text of the case `other` is expected here", "`other {...}`"),
        ("{n, plural, other {x} other {y}}", "other", "the case `other` is given twice", "keep one"),
        ("{n, plural, offset:x other {y}}", "x", "an offset is a whole number", "`offset:1`"),
        ("{n, plural, other {x}", "{", "a `{` that is not closed", "close it"),
        ("{n, plural, other {x", "{", "a `{` that is not closed", "close it"),
        ("{n, number, pecent}", "pecent", "unknown style `pecent` of a number", "did you mean `percent`?"),
        ("{n, date, lnog}", "lnog", "unknown style `lnog` of a date", "did you mean `long`?"),
        ("l'{name}", "'", "a quote that is not closed", "l''{name}"),
        ("'{", "'", "a quote that is not closed", "write two"),
    ] {
        let error = parse(text).err().unwrap_or_else(|| panic!("{text} is read"));
        assert_eq!((&text[error.at.clone()], error.message.as_str()), (at, message), "{text}");
        assert!(error.hint.contains(hint), "{text}: {}", error.hint);
    }
}

/// Of two places that read alike the right one is pointed at.
#[test]
fn the_innermost_brace_is_pointed_at() {
    for (text, at) in
        [("{n, plural, other {x", 18), ("{a} {b", 4), ("{a, select, other {{n, plural, one {x}}}}", 19)]
    {
        assert_eq!(parse(text).err().map(|error| error.at.start), Some(at), "{text}");
    }
}

fn nested(depth: usize) -> String {
    format!("{}x{}", "{a, select, other {".repeat(depth), "}}".repeat(depth))
}

#[test]
fn texts_are_bounded_in_length_depth_and_parts() {
    let refused = |text: &str| parse(text).err().map(|error: MessageError| error.message);
    assert_eq!(refused(&nested(MAX_DEPTH)), None);
    assert_eq!(refused(&nested(MAX_DEPTH + 1)).as_deref(), Some("cases nest too deeply"));
    assert_eq!(refused(&nested(MAX_BYTES / 22)).as_deref(), Some("cases nest too deeply"));
    assert_eq!(refused(&"x".repeat(MAX_BYTES)), None);
    assert_eq!(refused(&"x".repeat(MAX_BYTES + 1)), Some(format!("a text of {} bytes", MAX_BYTES + 1)));
    assert_eq!(refused(&"{a}".repeat(500)), None);
    assert_eq!(refused(&"{a}".repeat(501)).as_deref(), Some("too many arguments and cases"));
}

#[test]
fn whatever_stands_in_a_text_is_read_or_refused_with_a_place_in_it() {
    let good = [
        "{n, plural, offset:1 =0 {none} one {# wolf} other {{who, select, she {her #} other {their '#'}}}}",
        "l''ours '{'a'}' {n, number, percent} {at, date, short} {größe}",
        "{n, selectordinal, one {#st} two {#nd} few {#rd} other {#th}} – 狼",
    ];
    let good: Vec<Vec<u8>> = good.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut seen = [0, 0];
    fuzz("message", 20_000, &good, &mut |bytes, _| {
        let text = String::from_utf8_lossy(bytes);
        match parse(&text) {
            Ok(message) => {
                seen[0] += 1;
                for argument in message.arguments() {
                    assert_eq!(&text[argument.at.clone()], argument.name, "{text}");
                }
            }
            Err(error) => {
                seen[1] += 1;
                assert!(text.get(error.at.clone()).is_some(), "{text}: {error:?}");
                assert!(!error.message.is_empty() && !error.hint.is_empty());
            }
        }
    });
    assert!(seen.iter().all(|seen| *seen > 100), "both happen: {seen:?}");
}
