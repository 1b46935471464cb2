//! Each rule with what it lets through and what it does not, in several scripts and languages.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn guard_of(guard: serde_json::Value) -> Arc<Guard> {
    let world = json!({
        "name": "test", "seed": 1, "guard": guard,
        "entities": {
            "old_mira": {"kind": "npc", "properties": {"name": "Old Mira"}},
            "grimm": {"kind": "npc"},
            "mill": {"kind": "place"}
        }
    });
    let world: WorldDef = serde_json::from_value(world).expect("a world");
    let npc = |guard: serde_json::Value| -> NpcDef {
        serde_json::from_value(json!({"barks": "Hm.", "guard": guard})).expect("an NPC")
    };
    let terse =
        json!({"most": {"graphemes": 40, "sentences": 1}, "emotions": ["stern"], "actions": ["salute"]});
    let npcs = [("grimm", npc(json!({}))), ("sergeant", npc(terse))];
    Arc::new(Guard::new(&world, npcs.iter().map(|(id, def)| (*id, def))).expect("it can be compiled"))
}

fn guard() -> Arc<Guard> {
    guard_of(json!({
        "banned": {
            "en": ["dragonspit", "son of a goblin"], "de": ["Schuft"], "ru": ["негодяй"], "zh": ["去死"], "*": ["acme"]
        },
        "actions": ["wave", "point"],
        "leaks": {"phrases": ["as your helper"]}
    }))
}

fn saying(locale: &str) -> Saying {
    Saying {
        npc: "grimm".to_owned(),
        others: vec!["ana".to_owned()],
        locale: locale.to_owned(),
        form: Form::Line,
        bark: false,
        system:
            "You are Grimm, keeper of the old mill. Never say where the silver key of the mill is hidden."
                .to_owned(),
        last_lines: vec!["The wolves come down from the ridge at night.".to_owned()],
        may_retry: true,
    }
}

fn reference(id: &str) -> Reference {
    match id {
        "wolf" | "mill" => Reference::Known,
        "secret_cave" => Reference::UnknownToNpc,
        _ => Reference::Missing,
    }
}

/// Everything that is told of an answer, a line each.
fn told(guard: Option<&Arc<Guard>>, saying: Saying, pieces: &[&str]) -> String {
    let mut judge = judge(guard, saying);
    let mut told: Vec<Told> =
        pieces.iter().flat_map(|piece| judge.read(piece.as_bytes(), &reference)).collect();
    told.extend(judge.finish(true, &reference));
    assert!(judge.is_over());
    assert!(judge.read(b"More.", &reference).is_empty() && judge.finish(true, &reference).is_empty());
    let ends = told.iter().filter(|told| matches!(told, Told::End(_))).count();
    assert!(ends == 1 && matches!(told.last(), Some(Told::End(_))), "{told:?}");
    let lines = told.iter().map(|told| match told {
        Told::Head(Head { emotion, action, refs }) => format!("{emotion} {action:?} {refs:?}\n"),
        Told::Sentence { index, text } => format!("{index} {text}\n"),
        Told::End(Outcome { verdict, truncated, sentences, changes }) => {
            let code = verdict.code().map_or(String::new(), |code| format!(" {}", code.name()));
            let changes: String = changes.iter().map(|code| format!(" {}", code.name())).collect();
            let cut = if *truncated { " truncated" } else { "" };
            format!("{}{code}, {sentences} said{cut};{changes}\n", verdict.name())
        }
    });
    lines.collect()
}

/// The verdict on a line, and by which rule; what was said when it was taken.
fn of_line(locale: &str, line: &str) -> String {
    let told = told(Some(&guard()), saying(locale), &[line]);
    told.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

fn check(saying: Saying, answer: &str, expected: Expect) {
    expected.assert_eq(&told(Some(&guard()), saying, &[answer]));
}

#[test]
fn a_good_answer_is_said_as_it_came() {
    let object = Saying { form: Form::Object, ..saying("en") };
    let answer = r#"{"emotion":"happy","action":"wave","refs":["wolf","mill","wolf"],"line":"Hail, friend. Beware of wolves!"}"#;
    check(
        object,
        answer,
        expect![[r#"
        happy Some("wave") ["wolf", "mill"]
        0 Hail, friend.
        1 Beware of wolves!
        accept, 2 said;
    "#]],
    );
    for (locale, line) in [
        ("de-AT", "Grüß dich, Freund. Schöner Tag!"),
        ("ru", "Привет, друг. Берегись волков!"),
        ("ja", "こんにちは、旅の人。狼に気をつけて！"),
        ("zh-Hant", "你好，朋友。小心狼！"),
        ("ar", "مرحبا يا صديقي. هل رأيت الذئب؟"),
        ("hi", "नमस्ते दोस्त। भेड़ियों से बचो!"),
        ("fa", "می\u{200c}خواهم بروم."),
        ("en", "Well... the 3 wolves, that is: beasts! I think so."),
    ] {
        assert!(of_line(locale, line).starts_with("accept"), "{locale}: {line}: {}", of_line(locale, line));
    }
}

#[test]
fn the_head_is_of_the_lists_of_the_definition() {
    let object = |npc: &str| Saying { npc: npc.to_owned(), form: Form::Object, ..saying("en") };
    let answer = r#"{"emotion":"bored","action":"attack","refs":[],"line":"Hail."}"#;
    check(
        object("grimm"),
        answer,
        expect![[r#"
        neutral None []
        0 Hail.
        repair, 1 said; unknown_emotion unknown_action
    "#]],
    );
    check(
        object("sergeant"),
        r#"{"emotion":"stern","action":"salute","refs":null,"line":"Hail. Go."}"#,
        expect![[r#"
        stern Some("salute") []
        0 Hail.
        repair, 1 said truncated; too_many_sentences
    "#]],
    );
    for (refs, expected) in [
        (r#"["unicorn"]"#, "retry unknown_ref"),
        (r#"["wolf", "secret_cave"]"#, "retry unknown_to_npc"),
        (r#"["a","b","c","d","e","f","g","h","i"]"#, "retry too_many_refs"),
    ] {
        let answer = format!(r#"{{"emotion":null,"action":null,"refs":{refs},"line":"Hail."}}"#);
        let told = told(Some(&guard()), object("grimm"), &[&answer]);
        assert_eq!(told, format!("{expected}, 0 said;\n"), "nothing leaves before the head is judged");
    }
}

#[test]
fn nothing_of_a_line_leaves_before_its_head_is_judged() {
    let object = |may_retry| Saying { form: Form::Object, may_retry, ..saying("en") };
    for answer in [
        r#"{"line":"Good day","emotion":"plotting","action":"give_all_gold","refs":["admin"]}"#,
        r#"{"line":"Good day. Take this.","emotion":"plotting","action":"give_all_gold","refs":["admin"]}"#,
        r#"{"emotion":"happy","line":"Good day. Take this.","action":"give_all_gold","refs":["admin"]}"#,
        r#"{"emotion":"happy","action":"wave","line":"Good day. Take this.","refs":["admin"]}"#,
        r#"{"line":"Good day. Take this."}"#,
    ] {
        let told = |may_retry| told(Some(&guard()), object(may_retry), &[answer]);
        assert_eq!(told(true), "retry bad_form, 0 said;\n", "{answer}");
        assert_eq!(told(false), "fall_back bad_form, 0 said;\n", "{answer}");
    }
}

#[test]
fn every_rule_has_its_code() {
    for (locale, line, expected) in [
        // Bad answers.
        ("en", "", "retry empty, 0 said"),
        ("en", "...", "retry empty, 0 said"),
        ("en", "{\"line\": 1}", "retry bad_form, 0 said"),
        // Another one's turn.
        ("en", "Old Mira: Come in.", "retry other_speaker, 0 said"),
        ("en", "ana: I am here.", "retry other_speaker, 0 said"),
        ("en", "User: hello", "retry other_speaker, 0 said"),
        ("en", "Hail. Old_Mira: Come in.", "cut other_speaker, 1 said truncated"),
        // A model.
        ("en", "As an A.I. I cannot say.", "retry role_leak, 0 said"),
        ("en", "AS AN AI, I have no eyes.", "retry role_leak, 0 said"),
        ("en", "I may say, as your helper, hail.", "retry role_leak, 0 said"),
        ("en", "My system prompt forbids it.", "retry role_leak, 0 said"),
        ("de", "Als Sprachmodell weiß ich das nicht.", "retry role_leak, 0 said"),
        ("fr", "En tant qu’IA, je ne sais pas.", "retry role_leak, 0 said"),
        ("ru", "Я, как языковая модель, не знаю.", "retry role_leak, 0 said"),
        ("zh", "作为一个人工智能，我不知道。", "retry role_leak, 0 said"),
        ("en", "Hail, {player}.", "retry role_leak, 0 said"),
        ("en", "Hail.<|im_end|>", "retry role_leak, 0 said"),
        ("en", "He was paid again.", "accept, 1 said"),
        // The prompt.
        ("en", "I never say where the silver key of the mill is.", "retry prompt_echo, 0 said"),
        ("en", "The silver key of the mill is lost.", "accept, 1 said"),
        // Banned terms.
        ("en", "Begone, dragonspit!", "retry banned, 0 said"),
        ("en", "Begone, dr4gonspit!", "retry banned, 0 said"),
        ("en", "Ein Schuft, as they say.", "accept, 1 said"),
        ("de", "So ein Schuft!", "retry banned, 0 said"),
        ("de-CH", "So ein SCHUFT!", "retry banned, 0 said"),
        ("de", "So ein Schuftchen!", "accept, 1 said"),
        ("ru", "Ты негодяй!", "retry banned, 0 said"),
        ("zh", "你快去死吧。", "retry banned, 0 said"),
        ("fr", "Achetez chez ACME.", "retry banned, 0 said"),
        // Scripts.
        ("en", "Привет, друг.", "retry wrong_script, 0 said"),
        ("ja", "안녕하세요 친구.", "retry wrong_script, 0 said"),
        ("ru", "Hail, friend.", "retry wrong_script, 0 said"),
        ("en", "Hail. Привет, друг.", "cut wrong_script, 1 said truncated"),
        // Repetition.
        ("en", "The wolves come down from the ridge at dusk.", "retry repetition, 0 said"),
        ("en", "I see. I see. I see.", "cut repetition, 1 said truncated"),
        ("en", "Wolves? At night?", "accept, 2 said"),
    ] {
        assert_eq!(of_line(locale, line), expected, "{locale}: {line}");
    }
}

#[test]
fn what_can_be_repaired_is() {
    check(
        saying("en"),
        "Grimm: <b>Hail</b>,\u{200b} ｆriend. *waves* (He nods.) **Go**!",
        expect![[r#"
        neutral None []
        0 Hail, friend.
        1 Go!
        repair, 2 said; normal_form invisible markup own_name
    "#]],
    );
}

#[test]
fn lines_are_as_long_as_they_may_be() {
    let line = "One, two, three. Four, five. Six, seven. Eight, nine. Ten.";
    check(
        saying("en"),
        line,
        expect![[r#"
        neutral None []
        0 One, two, three.
        1 Four, five.
        2 Six, seven.
        3 Eight, nine.
        repair, 4 said truncated; too_many_sentences
    "#]],
    );
    let bark = |locale: &str| Saying { bark: true, ..saying(locale) };
    check(
        bark("en"),
        line,
        expect![[r#"
        neutral None []
        0 One, two, three.
        1 Four, five.
        repair, 2 said truncated; too_many_sentences
    "#]],
    );
    let long = format!("So {}on", "very far along the road, ".repeat(8));
    check(
        bark("en"),
        &long,
        expect![[r#"
        neutral None []
        0 So very far along the road, very far along the road, very far along the road, very far along the road, very far along…
        repair, 1 said truncated; too_long
    "#]],
    );
    check(
        bark("en"),
        &format!("Hail. {long}"),
        expect![[r#"
        neutral None []
        0 Hail.
        repair, 1 said truncated; too_long
    "#]],
    );
    // Graphemes, not bytes, and without space to cut at.
    let told = told(Some(&guard()), bark("ja"), &[&"狼".repeat(200)]);
    assert!(told.contains(&format!("0 {}…\n", "狼".repeat(119))), "{told}");
}

#[test]
fn a_rule_looks_across_the_ends_of_sentences_and_of_pieces() {
    let (guard, en) = (guard(), saying("en"));
    // However a term is cut into pieces.
    let line = "Begone, dragonspit! I never say where the silver key of the mill is.";
    for at in (0..line.len()).filter(|at| line.is_char_boundary(*at)) {
        let (one, two) = line.split_at(at);
        assert_eq!(told(Some(&guard), en.clone(), &[one, two]), "retry banned, 0 said;\n", "{one}|{two}");
    }
    for (line, expected) in [
        ("You son. Of a Goblin!", "cut banned, 1 said truncated;\n"),
        ("Speak! As an. AI speaks.", "cut role_leak, 2 said truncated;\n"),
        ("So never say where! The silver key of. The mill.", "cut prompt_echo, 2 said truncated;\n"),
    ] {
        let told = told(Some(&guard), en.clone(), &[line]);
        assert!(told.ends_with(expected), "{line}: {told}");
    }
    // Nor do letters of no width, fences of JSON or escapes hide it.
    let object = Saying { form: Form::Object, ..en };
    for line in [
        "drag\\u200bonspit",
        "drag\\u006fnspit",
        "drag\\u00adonspit",
        "d r a g o n s p i t",
        "<b>dragon</b>spit",
    ] {
        let answer = format!(r#"{{"emotion":null,"action":null,"refs":[],"line":"Begone, {line}!"}}"#);
        let told = told(Some(&guard), object.clone(), &[&answer]);
        assert!(told.starts_with("retry banned, 0 said;"), "{line}: {told}");
    }
}

#[test]
fn it_fails_closed() {
    let once = Saying { may_retry: false, ..saying("en") };
    assert_eq!(told(None, saying("en"), &["Hail."]), "fall_back unguarded, 0 said;\n");
    assert_eq!(told(None, saying("en"), &[]), "fall_back unguarded, 0 said;\n");
    assert_eq!(told(Some(&guard()), once, &["So, dragonspit!"]), "fall_back banned, 0 said;\n");
    let world = |guard: serde_json::Value| -> WorldDef {
        serde_json::from_value(json!({"name": "test", "seed": 1, "guard": guard})).expect("a world")
    };
    let error = |guard| Guard::new(&world(guard), []).map(drop);
    assert!(matches!(error(json!({"banned": {"en": ["!"]}})), Err(GuardError::Banned(_))));
    assert!(matches!(error(json!({"leaks": {"phrases": ["x".repeat(500)]}})), Err(GuardError::Leaks(_))));
    assert_eq!(error(json!({"emotions": []})), Err(GuardError::NoEmotion));
}

#[test]
fn what_broke_off_ends_with_its_last_whole_sentence() {
    let (guard, mut all) = (guard(), Vec::new());
    let mut judge = judge(Some(&guard), saying("en"));
    all.extend(judge.read(b"Hail. Who go", &reference));
    all.extend(judge.finish(false, &reference));
    let Some(Told::End(outcome)) = all.last() else { panic!("{all:?}") };
    assert_eq!((outcome.verdict, outcome.truncated, outcome.sentences), (Verdict::Repair, true, 1));
    assert_eq!(outcome.changes, [Code::Truncated]);
}

#[test]
fn rules_may_be_left_out_and_an_npc_may_have_its_own() {
    let free =
        guard_of(json!({"script_percent": 0, "leaks": {"echo_words": 0}, "repetition": {"percent": 0}}));
    for line in [
        "Привет, друг.",
        "I never say where the silver key of the mill is.",
        "The wolves come down from the ridge at night.",
    ] {
        assert!(told(Some(&free), saying("en"), &[line]).ends_with("accept, 1 said;\n"), "{line}");
    }
    let format = free.response_format("sergeant", &["wolf"]);
    assert!(format.contains(r#""emotion":{"enum":["stern"]},"action":{"enum":["salute",null]}"#), "{format}");
    assert!(free.response_format("nobody", &[]).contains(r#""action":{"type":"null"}"#));
}

#[test]
fn codes_are_told_apart_and_documented() {
    let page = include_str!("../../../docs/guard.md");
    let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for name in &names {
        assert!(page.contains(&format!("`{name}`")), "docs/guard.md does not list `{name}`");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}
