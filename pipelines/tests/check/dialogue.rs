//! Yarn files that are wrong, and what is read of those that are right.

use expect_test::{Expect, expect};

use crate::{WORLD, problems};

const DIALOGUE: &str = "dialogue: {commands: [give]}\n";

fn world() -> String {
    let choose = "  choose: {from: player, attributes: {option: id}}\n  talk: {from: player}\n";
    format!("{}{DIALOGUE}", WORLD.replace("  talk: {from: player}\n", choose))
}

fn wrong(files: &[(&str, &str)], expected: Expect) {
    let world = world();
    let mut all = vec![("world.yaml", world.as_str())];
    all.extend(files);
    expected.assert_eq(&problems(&all));
}

const NPCS: &str = "elder: {dialogue: elder, barks: Hm.}\n";

#[test]
fn what_is_right_has_no_problem() {
    let yarn = "title: elder\n---\nElder: It's {$mood}, isn't it?\n-> Yes. <<if $mood > 2>> #line:yes\n    <<set $saved to true>>\n    <<give bread>>\n-> No. #line:no #free\n    <<if holds(\"mood > 3\") and not visited(\"elder\")>>\n        Oh!\n    <<endif>>\n    <<jump elder>>\n===\n";
    wrong(&[("npcs.yaml", NPCS), ("dialogue/elder.yarn", yarn)], expect![""]);
}

#[test]
fn names_that_there_are_not() {
    let yarn = "title: elder\n---\nElder: {$mod}.\n-> Yes.\n    <<set $savd to true>>\n    <<giv bread>>\n    <<jump eldr>>\n-> No.\n    <<if visited(\"nobody\") or round_places(1.5, 1) > 1>>\n        Oh!\n    <<endif>>\n    <<if holds(\"mod > 3\")>>\n        Oh!\n    <<endif>>\n    <<if holds(\"mood >\")>>\n        Oh!\n    <<endif>>\n===\n";
    wrong(
        &[("npcs.yaml", "elder: {dialogue: eldar, barks: Hm.}\n"), ("dialogue/elder.yarn", yarn)],
        expect![""],
    );
}

#[test]
fn yarn_that_is_no_yarn() {
    wrong(&[("dialogue/a.yarn", "title: elder\n---\n<<if $mood >>\nOh.\n===\n")], expect![""]);
    wrong(&[("dialogue/a.yarn", "title: elder\n---\nOh {$mood}.\n")], expect![""]);
    wrong(&[("dialogue/a.yarn", "just a text\n")], expect![""]);
    wrong(&[("dialogue/a.yarn", "title: elder\n---\n<<set $mood to \"sad\">>\n===\n")], expect![""]);
    wrong(
        &[("dialogue/a.yarn", "title: elder\n---\n<<declare $other = 3>>\n<<declare $mood = 3>>\n===\n")],
        expect![""],
    );
    wrong(
        &[
            ("dialogue/a.yarn", "title: elder\n---\nA #line:a\n===\n"),
            ("dialogue/b.yarn", "title: elder\n---\nB #line:a\n===\n"),
        ],
        expect![""],
    );
}

#[test]
fn what_goes_round_and_what_is_too_much() {
    wrong(
        &[(
            "dialogue/a.yarn",
            "title: a\n---\n<<set $mood += 1>>\n<<jump b>>\n===\ntitle: b\n---\n<<jump a>>\n===\n",
        )],
        expect![""],
    );
    let deep = format!("title: a\n---\n<<set $mood to {}1{}>>\n===\n", "(".repeat(25), ")".repeat(25));
    wrong(&[("dialogue/a.yarn", &deep)], expect![""]);
    let long = format!("title: a\n---\n{}\n===\n", "x".repeat(2_001));
    wrong(&[("dialogue/a.yarn", &long)], expect![""]);
    let ifs = format!("title: a\n---\n{}Oh\n{}===\n", "<<if $saved>>\n".repeat(25), "<<endif>>\n".repeat(25));
    wrong(&[("dialogue/a.yarn", &ifs)], expect![""]);
    wrong(&[("dialogue/a.yarn", "title: a\n---\n<<set $mood to (\n1)>>\n===\n")], expect![""]);
}

#[test]
fn files_lie_where_they_are_read() {
    wrong(&[("stories/a.yarn", "title: a\n---\nOh\n===\n"), ("dialogue/b.yaml", "a: 1\n")], expect![""]);
}

#[test]
fn nobody_could_choose() {
    let yarn = "title: elder\n---\nOh.\n===\n";
    expect![""].assert_eq(&problems(&[("npcs.yaml", NPCS), ("dialogue/elder.yarn", yarn)]));
    let world = format!("{}dialogue: {{commands: [set, 'a b', give]}}\n", world().replace(DIALOGUE, ""));
    expect![""].assert_eq(&problems(&[("world.yaml", &world)]));
}

/// Whatever a file is cut to, or has in it, what is said of it has a place, and nothing ends the process.
#[test]
fn wherever_a_file_is_cut() {
    const WHOLE: &str = "title: elder\n---\nElder: Oh {$mood}! #line:a\n<<if visited(\"elder\") and ($mood > 1)>>\n    <<set $mood -= 1>>\n<<endif>>\n-> Yes <<if $saved>>\n    <<jump elder>>\n-> No é\n    <<stop>>\n===\n";
    let world = world();
    let wrong = |yarn: &str| {
        let said = problems(&[("world.yaml", &world), ("dialogue/a.yarn", yarn)]);
        assert!(said.is_empty() || said.contains("dialogue/a.yarn"), "{yarn}\n\n{said}");
    };
    for end in (0..WHOLE.len()).filter(|end| WHOLE.is_char_boundary(*end)) {
        wrong(&WHOLE[..end]);
        let odd = ["\u{0}", "<<", ">>", "{", "}", "\"", "\t", "\\", "#", "===", "🎲", "$"][end % 12];
        wrong(&format!("{}{odd}{}", &WHOLE[..end], &WHOLE[end..]));
    }
}
