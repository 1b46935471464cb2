//! Yarn files that are wrong, and what is read of those that are right.

use crate::{WORLD, problems};

const DIALOGUE: &str = "dialogue: {commands: [give]}\n";

fn world() -> String {
    let choose = "  choose: {from: player, attributes: {option: id}}\n  talk: {from: player}\n";
    format!("{}{DIALOGUE}", WORLD.replace("  talk: {from: player}\n", choose))
}

fn said(files: &[(&str, &str)]) -> String {
    let world = world();
    let mut all = vec![("world.yaml", world.as_str())];
    all.extend(files);
    problems(&all)
}

/// Exactly so many problems are found, and these among them.
fn wrong(yarn: &str, count: usize, expected: &[&str]) {
    let said = said(&[("dialogue/a.yarn", yarn)]);
    for line in expected {
        assert!(said.contains(line), "{line}\n\nis not in\n\n{said}");
    }
    assert_eq!(said.matches("dialogue/a.yarn:").count(), count, "{said}");
}

const NPCS: &str = "elder: {dialogue: elder, barks: Hm.}\n";

#[test]
fn what_is_right_has_no_problem() {
    let yarn = "title: elder\n---\nElder: It's {$mood}, isn't it?\n-> Yes. <<if $mood > 2>> #line:yes\n    <<set $saved to true>>\n    <<give bread>>\n-> No. #line:no #free\n    <<if holds(\"mood > 3\") and not visited(\"elder\")>>\n        Oh!\n    <<endif>>\n    <<jump elder>>\n===\n";
    assert_eq!(said(&[("npcs.yaml", NPCS), ("dialogue/elder.yarn", yarn)]), "");
}

#[test]
fn names_that_there_are_not() {
    wrong(
        "title: elder\n---\nElder: {$mood}.\n-> Yes.\n    <<set $savd to true>>\n    <<giv bread>>\n    <<jump eldr>>\n-> No.\n    <<if visited(\"nobody\") or round_places(1.5, 1) > 1>>\n        Oh!\n    <<endif>>\n    <<if holds(\"mod > 3\")>>\n        Oh!\n    <<endif>>\n    <<if holds(\"mood >\")>>\n        Oh!\n    <<endif>>\n===\n",
        7,
        &[
            "error: dialogue/a.yarn:5:11: unknown fact `savd`\n  |\n5 | <<set $savd to true>>\n  |       ^^^^^\nhint: did you mean `saved`?",
            "error: dialogue/a.yarn:6:7: unknown command `giv`",
            "hint: did you mean `give`?",
            "error: dialogue/a.yarn:7:12: unknown node `eldr`",
            "hint: did you mean `elder`?",
            "error: dialogue/a.yarn:9:10: unknown node `nobody`",
            "error: dialogue/a.yarn:9:31: unknown function `round_places`",
            "unknown fact `mod`",
        ],
    );
    wrong(
        "title: elder\n---\nElder: {$mod}.\n===\n",
        1,
        &["error: dialogue/a.yarn:3:9: unknown fact `mod`", "hint: did you mean `mood`?"],
    );
    let npcs = said(&[
        ("npcs.yaml", "elder: {dialogue: eldr, barks: Hm.}\n"),
        ("dialogue/a.yarn", "title: elder\n---\nOh.\n===\n"),
    ]);
    assert!(npcs.contains("error: npcs.yaml:1:19: unknown node `eldr`"), "{npcs}");
}

#[test]
fn yarn_that_is_no_yarn() {
    wrong(
        "title: elder\n---\n<<if $mood >>\nOh.\n===\n",
        3,
        &[
            "error: dialogue/a.yarn:5:1: expected an <<endif>> to match the <<if>> statement on line 3",
            "error: dialogue/a.yarn:3:1: terms of 'if statement' must be Bool, not Number",
        ],
    );
    wrong("title: elder\n---\nOh {$mood}.\n", 1, &["dialogue/a.yarn:4:1: missing '===' at '<EOF>'"]);
    wrong("just a text\n", 4, &["error: dialogue/a.yarn:1:6: "]);
    wrong(
        "title: elder\n---\n<<set $mood to \"sad\">>\n===\n",
        1,
        &["error: dialogue/a.yarn:3:1: $mood (Number) cannot be assigned a String"],
    );
    wrong(
        "title: elder\n---\n<<declare $mood = 3>>\n===\n",
        1,
        &["error: dialogue/a.yarn:3:1: $mood has already been declared in world.yaml"],
    );
    wrong("title: elder\n---\nOh.\n<<declare $other = 3>>\n===\n", 1, &["`$other` is declared here"]);
    let twice = said(&[
        ("dialogue/a.yarn", "title: elder\n---\nA #line:a\n===\n"),
        ("dialogue/b.yarn", "title: elder\n---\nB #line:a\n===\n"),
    ]);
    assert!(twice.contains("error: dialogue/b.yarn:3:") && twice.contains("line ID line:a"), "{twice}");
    assert!(twice.contains("more than one node is named elder"), "{twice}");
}

#[test]
fn what_goes_round_and_what_is_too_much() {
    wrong(
        "title: a\n---\n<<set $mood += 1>>\n<<jump b>>\n===\ntitle: b\n---\n<<jump a>>\n===\n",
        2,
        &["error: dialogue/a.yarn:3:7: `a` goes round without end, and says nothing"],
    );
    let deep = format!("title: a\n---\n<<set $mood to {}1{}>>\n===\n", "(".repeat(25), ")".repeat(25));
    wrong(&deep, 1, &["dialogue/a.yarn:3:1: more than 24 parentheses within one another"]);
    let long = format!("title: a\n---\n{}\n===\n", "x".repeat(2_001));
    wrong(&long, 1, &["dialogue/a.yarn:3:1: a line of more than 2000 bytes"]);
    let ifs = format!("title: a\n---\n{}Oh\n{}===\n", "<<if $saved>>\n".repeat(25), "<<endif>>\n".repeat(25));
    wrong(&ifs, 1, &["dialogue/a.yarn:27:1: more than 24 options or `<<if>>` within one another"]);
    wrong(
        "title: a\n---\n<<set $mood to (\n1)>>\n===\n",
        1,
        &["dialogue/a.yarn:3:1: `<<` is not closed in its line"],
    );
}

#[test]
fn files_lie_where_they_are_read() {
    let said = said(&[("stories/a.yarn", "title: a\n---\nOh\n===\n"), ("dialogue/b.yaml", "a: 1\n")]);
    assert!(said.contains("move it to `dialogue/a.yarn`"), "{said}");
    assert!(said.contains("dialogue is written in Yarn: `dialogue/*.yarn`"), "{said}");
}

#[test]
fn somebody_must_be_able_to_choose() {
    let yarn = "title: elder\n---\nOh.\n===\n";
    let said = problems(&[("npcs.yaml", NPCS), ("dialogue/elder.yarn", yarn)]);
    let wanted = "npcs.yaml:1:19: nobody can choose: there is no kind `choose` with an attribute `option`";
    assert!(said.contains(wanted), "{said}");
    let world = format!("{}dialogue: {{commands: [set, 'a b', give]}}\n", world().replace(DIALOGUE, ""));
    let said = problems(&[("world.yaml", &world)]);
    assert!(said.contains("`set` is a word of Yarn"), "{said}");
    assert!(said.contains("`a b` is no command"), "{said}");
}

/// Whatever a file is cut to, or has in it, what is said of it has a place, and nothing ends the process.
#[test]
fn wherever_a_file_is_cut() {
    const WHOLE: &str = "title: elder\n---\nElder: Oh {$mood}! #line:a\n<<if visited(\"elder\") and ($mood > 1)>>\n    <<set $mood -= 1>>\n<<endif>>\n-> Yes <<if $saved>>\n    <<jump elder>>\n-> No é\n    <<stop>>\n===\n";
    let wrong = |yarn: &str| {
        let said = said(&[("dialogue/a.yarn", yarn)]);
        assert!(said.is_empty() || said.contains("dialogue/a.yarn"), "{yarn}\n\n{said}");
    };
    for end in (0..WHOLE.len()).filter(|end| WHOLE.is_char_boundary(*end)) {
        wrong(&WHOLE[..end]);
        let odd = ["\u{0}", "<<", ">>", "{", "}", "\"", "\t", "\\", "#", "===", "🎲", "$"][end % 12];
        wrong(&format!("{}{odd}{}", &WHOLE[..end], &WHOLE[end..]));
    }
}
