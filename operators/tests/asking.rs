//! Prompts: what they read and what of it makes another question, who shares one, and answers sentence by sentence.

mod support;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use support::npcs::{answer, clock_at, fact_of, player, talk_to};
use support::{Run, Script, changes_of, check_law, drive, world};
use worldflow_operators::messages::{QuestEdit, QuestNow};
use worldflow_operators::npcs::{NpcsIn, NpcsMachine};
use worldflow_schemas::catalog::{NPC_LINES, NPC_REQUESTS, NPC_SENTENCES, NPC_VERDICTS};
use worldflow_schemas::definitions::{QuestState, WorldDef};
use worldflow_schemas::input::{Finish, Holder, Reply, Scope, Sentence};
use worldflow_schemas::{Event, Sym, Tick, Value};

fn tavern() -> WorldDef {
    world(json!({
        "name": "tavern", "seed": 1, "tick_ms": 10,
        "regions": {"inn": {}, "moor": {}},
        "text": {"source": "en", "locales": ["de"], "fact": "language"},
        "facts": {
            "trust": {"scope": "player", "type": "int", "default": 0},
            "secret": {"scope": "player", "type": "text", "default": "none"},
            "language": {"scope": "player", "type": "text", "default": "en"},
            "unrest": {"scope": "realm", "type": "int", "default": 1},
        },
        "tiers": {"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}},
    }))
}

fn machine() -> NpcsMachine {
    NpcsMachine::new(Sym::new("realm"), &tavern())
}

fn npc(more: Json) -> NpcsIn {
    let mut def =
        json!({"persona": "You are Maren.", "patience": "100ms", "barks": ["Hm.", "Busy."], "tier": "gold"});
    def.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    NpcsIn::Define(Sym::new("maren"), Some(Arc::new(serde_json::from_value(def).expect("an npc"))))
}

fn prompt(id: &str, def: &str) -> NpcsIn {
    NpcsIn::DefinePrompt(Sym::new(id), Some(Arc::new(serde_json::from_str(def).expect("a prompt"))))
}

const TALK: &str = r#"{"context": ["player", "said", "phase", "fact.trust", "quest.wolves", "locale", "lines"],
    "bands": {"fact.trust": {"stranger": 0, "friend": 20}},
    "sections": {"persona": {}, "place": {"text": "It is {phase}. {player} is a {fact.trust}, wolves {quest.wolves}, speaks {locale}."},
                 "past": {"text": "{lines}", "cut": "start", "gives_way": 1}, "ask": {"role": "user", "text": "{said}"}},
    "most": 300, "answers": "object", "sampling": {"temperature": 0.7}, "max_tokens": 40}"#;

fn storylet(id: &str, def: Json) -> NpcsIn {
    NpcsIn::DefineStorylet(Sym::new(id), Some(Arc::new(serde_json::from_value(def).expect("a storylet"))))
}

fn talk(id: u64, player: &str, said: &str) -> NpcsIn {
    talk_to("maren", id, player, Some(said).filter(|said| !said.is_empty()))
}

fn fact(scope: Scope, holder: &str, name: &str, value: Value) -> NpcsIn {
    NpcsIn::Fact(fact_of(scope, holder, name, Some(value)))
}

fn clock(phase: &str, since: Tick) -> NpcsIn {
    clock_at(phase, 0, since, 1)
}

fn sentence(request: &str, index: u32, text: &str) -> NpcsIn {
    let (tier, emotion, action) = (Sym::new("gold"), Sym::new("wary"), Sym::new("nod"));
    NpcsIn::Sentence(Sentence { request: request.into(), tier, index, text: text.into(), emotion, action })
}

fn reply(request: &str, outcome: Result<&str, &str>, refs: &[&str]) -> NpcsIn {
    let answer = answer(request, "gold", outcome);
    let refs = refs.iter().map(|id| Sym::new(id)).collect();
    NpcsIn::Reply(match outcome {
        Ok(_) => Reply { tokens: 9, first_ms: 20, refs, ..answer },
        Err(_) => {
            let (verdict, rule) = ("fall_back".into(), "banned".into());
            Reply { tokens: 9, first_ms: 20, finish: Finish::Failed, verdict, rule, refs, ..answer }
        }
    })
}

/// The columns of the requests that a tick opens.
fn opened(run: &Run, tick: Tick) -> Vec<Vec<Value>> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let of_requests = changed.rows.iter().filter(|((view, _), diff)| *view == NPC_REQUESTS && **diff > 0);
    of_requests.map(|((_, row), _)| row.iter().cloned().collect()).collect()
}

fn column(row: &[Value], name: &str) -> String {
    let at = NPC_REQUESTS.def().column(name).expect("a column");
    row[at].as_str().unwrap_or_default().to_owned()
}

fn said(run: &Run, tick: Tick) -> Vec<String> {
    changes_of(run, tick, &[(NPC_LINES, 10)])
}

fn sentences(run: &Run, tick: Tick) -> Vec<String> {
    changes_of(run, tick, &[(NPC_SENTENCES, 17)])
}

#[test]
fn a_prompt_says_what_it_reads_and_how_it_is_asked() {
    let script = Script::from([
        (
            1,
            vec![
                npc(json!({"template": "talk"})),
                prompt("talk", TALK),
                clock("night", 1),
                player("ann", "inn", true),
            ],
        ),
        (
            2,
            vec![
                fact(Scope::Player, "ann", "trust", Value::Int(21)),
                fact(Scope::Player, "ann", "language", Value::text("de")),
            ],
        ),
        (3, vec![talk(1, "ann", "{phase} hi")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 3);
    let [row] = &opened(&run, 3)[..] else { panic!("one request") };
    let messages: Json = serde_json::from_str(&column(row, "messages")).expect("JSON");
    assert_eq!(
        messages,
        json!([
            {"section": "persona", "role": "system", "content": "You are Maren."},
            {"section": "place", "role": "system",
             "content": "It is night. ann is a friend, wolves hidden, speaks de."},
            {"section": "past", "role": "system", "content": "", "cut": "start", "gives_way": 1},
            {"section": "ask", "role": "user", "content": "{said}", "said": "{phase} hi"},
        ])
    );
    let parameters: Json = serde_json::from_str(&column(row, "parameters")).expect("JSON");
    assert_eq!(parameters, json!({"form": "object", "most": 300, "sampling": {"temperature": 0.7}}));
    assert_eq!((column(row, "prompt").as_str(), column(row, "locale").as_str()), ("talk", "de"));
    assert_eq!(row[NPC_REQUESTS.def().column("max_tokens").expect("a column")], Value::Int(40));
    assert_eq!(column(row, "digest").len(), 32);
}

/// The digest of what Maren is asked at tick 4 when this is told at tick 3.
fn digest(then: Vec<NpcsIn>) -> String {
    let wolves = json!({"title": "Wolves", "stages": {"one": {"objectives": {"kill": {"event": "kill"}}}}});
    let wolves = serde_json::from_value(wolves).expect("a quest");
    let wolves = QuestEdit { quest: Sym::new("wolves"), def: Some(Arc::new(wolves)), from: Sym::NONE };
    let first = vec![
        npc(json!({"template": "talk"})),
        prompt("talk", TALK),
        clock("night", 1),
        player("ann", "inn", true),
        NpcsIn::DefineQuest(wolves),
    ];
    let script = Script::from([(1, first), (3, then), (4, vec![talk(1, "ann", "hi")])]);
    column(&opened(&drive(&mut machine(), &script, 0, 4), 4)[0], "digest")
}

#[test]
fn the_digest_is_another_when_what_the_prompt_reads_is_and_only_then() {
    let first = digest(vec![]);
    let trust = |n| fact(Scope::Player, "ann", "trust", Value::Int(n));
    for (what, same) in [
        ("a number within its band", trust(19)),
        ("a fact that is not read", fact(Scope::Player, "ann", "secret", Value::text("x"))),
        ("a fact of the realm that is not read", fact(Scope::Realm, "realm", "unrest", Value::Int(9))),
        ("another player's", fact(Scope::Player, "bo", "trust", Value::Int(20))),
        ("where the player is, which is not read", player("ann", "moor", true)),
    ] {
        assert_eq!(digest(vec![same]), first, "{what}");
    }
    let stands = QuestNow {
        holder: Holder { scope: Scope::Player, id: Sym::new("ann") },
        quest: Sym::new("wolves"),
        state: QuestState::Active,
        completions: 0,
    };
    for (what, other) in [
        ("another band", trust(20)),
        ("another phase", clock("day", 3)),
        ("another language", fact(Scope::Player, "ann", "language", Value::text("de"))),
        ("where the player stands", NpcsIn::Quest(stands)),
        ("another prompt", prompt("talk", &TALK.replace("0.7", "0.8"))),
        ("another NPC", npc(json!({"template": "talk", "persona": "You are Bram."}))),
    ] {
        assert_ne!(digest(vec![other]), first, "{what}");
    }
    let unknown = fact(Scope::Player, "ann", "language", Value::text("xx"));
    assert_eq!(digest(vec![unknown]), first, "a language that the world has no texts in");
}

const GOSSIP: &str = r#"{"audience": "place", "context": ["phase", "region", "fact.unrest", "fact.secret", "player", "said", "level"],
    "sections": {"place": {"text": "{phase} {region} {fact.unrest} [{fact.secret}{player}{said}{level}]"}}}"#;

#[test]
fn nothing_of_a_player_reaches_what_a_place_hears_and_all_there_share_it() {
    let script = Script::from([
        (
            1,
            vec![
                npc(json!({"template": "gossip"})),
                prompt("gossip", GOSSIP),
                clock("night", 1),
                player("ann", "inn", true),
                player("bo", "inn", true),
                player("cy", "moor", true),
            ],
        ),
        (2, vec![fact(Scope::Player, "ann", "secret", Value::text("ann-hides-gold"))]),
        (3, vec![talk(1, "ann", "my secret"), talk(2, "bo", ""), talk(3, "cy", "")]),
    ]);
    let rows = opened(&drive(&mut machine(), &script, 0, 3), 3);
    let digests: Vec<String> = rows.iter().map(|row| column(row, "digest")).collect();
    assert_eq!(digests.len(), 3);
    assert!(digests[0] == digests[1] && digests[1] != digests[2], "{digests:?}");
    for row in &rows {
        let messages = column(row, "messages");
        assert!(messages.contains("night inn 1 []") || messages.contains("night moor 1 []"), "{messages}");
        for private in ["ann-hides-gold", "my secret", r#""said""#] {
            assert!(!messages.contains(private), "{messages}");
        }
        assert!(!column(row, "parameters").contains("last"));
    }
}

#[test]
fn sentences_are_said_as_they_come_and_the_last_ends_the_line() {
    let script = Script::from([
        (1, vec![npc(json!({"voice": "old_1"}))]),
        (2, vec![talk(1, "ann", "hi")]),
        (4, vec![sentence("maren/ann/1", 0, "Sit.")]),
        (5, vec![sentence("maren/ann/1", 1, "Eat.")]),
        (6, vec![reply("maren/ann/1", Ok("Sit. Eat."), &["wolf"])]),
        (8, vec![talk(2, "ann", "more")]),
        (9, vec![reply("maren/ann/2", Ok("No."), &[])]),
    ]);
    let run = drive(&mut machine(), &script, 0, 20);
    let rest = "old_1 wary 50 nod en model - gold -";
    assert_eq!(sentences(&run, 4), [format!("+1 ann maren 1 0 Sit. {rest} false 4")]);
    assert!(said(&run, 4).is_empty(), "the line is not whole");
    assert_eq!(sentences(&run, 5), [format!("+1 ann maren 1 1 Eat. {rest} false 5")]);
    assert_eq!(
        sentences(&run, 6),
        [format!("-1 ann maren 1 1 Eat. {rest} false 5"), format!("+1 ann maren 1 1 Eat. {rest} true 5")]
    );
    assert_eq!(
        changes_of(&run, 6, &[(NPC_LINES, 16)]),
        ["+1 ann maren 1 Sit. Eat. model - gold 6 - maren/ann/1 stop 40 9 20 70"]
    );
    assert_eq!(
        changes_of(&run, 6, &[(NPC_VERDICTS, 8)]),
        [r#"+1 maren/ann/1 ann maren gold accept - ["wolf"]"#]
    );
    assert_eq!(sentences(&run, 9).len(), 3, "those of the line before go when the next begins");
    assert!(sentences(&run, 9)[2].starts_with("+1 ann maren 2 0 No. old_1 - 50 - en model"));
}

#[test]
fn a_verdict_goes_with_what_the_answer_refers_to() {
    let entity = |there| {
        NpcsIn::Entity(worldflow_operators::messages::EntityTags {
            entity: Sym::new("wolf"),
            there,
            tags: Vec::new(),
            region: Sym::NONE,
        })
    };
    let script = Script::from([
        (1, vec![npc(json!({})), entity(true)]),
        (2, vec![talk(1, "ann", "hi")]),
        (3, vec![reply("maren/ann/1", Ok("A wolf."), &["wolf"])]),
        (4, vec![talk(2, "ann", "hi")]),
        (5, vec![reply("maren/ann/2", Err("the answer was not let through: banned"), &["mill"])]),
        (7, vec![entity(false)]),
    ]);
    let run = check_law(machine, &script, 30, told);
    let verdicts = |tick| changes_of(&run, tick, &[(NPC_VERDICTS, 8)]);
    assert_eq!(
        verdicts(5),
        [r#"+1 maren/ann/2 ann maren gold fall_back banned ["mill"]"#],
        "of what was not said, too"
    );
    assert_eq!(verdicts(7), [r#"-1 maren/ann/1 ann maren gold accept - ["wolf"]"#]);
    assert!(said(&run, 7).is_empty(), "the line stays");
}

#[test]
fn a_verdict_goes_with_a_quest_and_tells_of_a_first_answer_that_was_refused() {
    let hunt = |there: bool| {
        let def = there.then(|| {
            let stages = json!({"hunt": {"objectives": {"wolves": {"event": "kill", "count": 1}}}});
            Arc::new(serde_json::from_value(json!({"title": "Hunt", "stages": stages})).expect("a quest"))
        });
        NpcsIn::DefineQuest(QuestEdit { quest: Sym::new("hunt"), def, from: Sym::NONE })
    };
    let retried = |request, outcome, verdict: &str| {
        let refs = vec![Sym::new("hunt")];
        let (verdict, retried) = (verdict.into(), "script".into());
        NpcsIn::Reply(Reply { verdict, retried, refs, ..answer(request, "gold", outcome) })
    };
    let script = Script::from([
        (1, vec![npc(json!({})), hunt(true)]),
        (2, vec![talk(1, "ann", "hi")]),
        (3, vec![retried("maren/ann/1", Ok("The hunt."), "accept")]),
        (4, vec![talk(2, "ann", "hi")]),
        (5, vec![retried("maren/ann/2", Err("down"), "")]),
        (7, vec![hunt(false)]),
    ]);
    let run = check_law(machine, &script, 30, told);
    // The revision is a hash, and none of this test's business.
    let without_revision = |row: String| {
        let mut words: Vec<&str> = row.split(' ').collect();
        words.remove(9);
        words.join(" ")
    };
    let verdicts = |tick| {
        let changes = changes_of(&run, tick, &[(NPC_VERDICTS, 12)]);
        changes.into_iter().map(without_revision).collect::<Vec<_>>()
    };
    let accepted = r#"maren/ann/1 ann maren gold accept - ["hunt"] - 3 script"#;
    let refused = r#"maren/ann/2 ann maren gold retry - ["hunt"] - 5 script"#;
    assert_eq!(verdicts(3), [format!("+1 {accepted}")]);
    assert_eq!(verdicts(5), [format!("+1 {refused}")]);
    assert_eq!(verdicts(7), [format!("-1 {accepted}"), format!("-1 {refused}")]);
}

#[test]
fn a_line_is_taken_back_with_its_premise_and_ends_at_its_deadline() {
    let begun = |then: Vec<NpcsIn>| {
        let script = Script::from([
            (1, vec![npc(json!({"when": {"region": "inn"}})), player("ann", "inn", true)]),
            (2, vec![talk(1, "ann", "hi")]),
            (4, vec![sentence("maren/ann/1", 0, "Sit.")]),
            (6, then),
        ]);
        drive(&mut machine(), &script, 0, 40)
    };
    let left = begun(vec![player("ann", "moor", true)]);
    assert!(sentences(&left, 6)[0].starts_with("-1 ann maren 1 0 Sit."), "taken back");
    assert!(left.keys().all(|tick| said(&left, *tick).is_empty()), "and nothing is said in its place");
    let again = begun(vec![talk(2, "ann", "wait")]);
    assert!(sentences(&again, 6)[0].starts_with("-1 ann maren 1 0 Sit."), "the player talks over it");
    let late = begun(vec![]);
    assert_eq!(said(&late, 12), ["+1 ann maren 1 Sit. model - gold 12 -"], "what was heard is the answer");
    assert_eq!(changes_of(&late, 12, &[(NPC_LINES, 12)])[0].rsplit(' ').next(), Some("truncated"));
    let failed = begun(vec![reply("maren/ann/1", Err("down"), &[])]);
    assert_eq!(said(&failed, 6), ["+1 ann maren 1 Sit. model - gold 6 -"]);
    let wrong =
        begun(vec![sentence("maren/ann/1", 5, "Out of order."), sentence("maren/ann/9", 0, "Whose?")]);
    assert!(sentences(&wrong, 6).is_empty());
    assert!(wrong[&6].out[0].contains("late_reply"), "{:?}", wrong[&6].out);
    let first = Script::from([
        (1, vec![npc(json!({}))]),
        (2, vec![talk(1, "ann", "hi")]),
        (4, vec![sentence("maren/ann/1", 1, "Not the first.")]),
        (5, vec![sentence("maren/ann/1", 0, "The first.")]),
    ]);
    let first = drive(&mut machine(), &first, 0, 6);
    assert!(
        sentences(&first, 4).is_empty() && sentences(&first, 5)[0].starts_with("+1 ann maren 1 0 The first.")
    );
}

#[test]
fn an_answer_may_follow_the_bark_while_it_is_wanted() {
    let run = |then: (Tick, Vec<NpcsIn>)| {
        let first =
            vec![npc(json!({"late": "follow_up", "when": {"region": "inn"}})), player("ann", "inn", true)];
        let script = Script::from([(1, first), (2, vec![talk(1, "ann", "hi")]), then]);
        drive(&mut machine(), &script, 0, 200)
    };
    let follows = run((20, vec![reply("maren/ann/1", Ok("Well."), &[])]));
    assert_eq!(said(&follows, 12), ["+1 ann maren 1 Hm. authored late - 12 -"]);
    assert!(changes_of(&follows, 12, &[(NPC_REQUESTS, 2)]).is_empty(), "who asks the tier goes on as before");
    assert_eq!(said(&follows, 20), ["+1 ann maren 2 Well. model - gold 20 -"]);
    assert!(
        opened(&follows, 2)[0].iter().any(|value| value.as_str() == Some(r#"{"form":"line","late":true}"#))
    );
    let failed = run((20, vec![reply("maren/ann/1", Err("down"), &[])]));
    assert!(said(&failed, 20).is_empty(), "one bark is enough");
    let gone = run((20, vec![player("ann", "moor", true)]));
    assert_eq!(changes_of(&gone, 20, &[(NPC_REQUESTS, 2)]), ["-1 maren/ann/1"]);
    let never = run((199, vec![]));
    assert_eq!(
        changes_of(&never, 52, &[(NPC_REQUESTS, 2)]),
        ["-1 maren/ann/1"],
        "ten ticks of patience, and four times as many"
    );
    assert!(said(&never, 52).is_empty());
}

#[test]
fn a_bark_that_an_answer_may_follow_is_heard_within_the_budget() {
    // Ticks of 10 ms; the patience is ten of them.
    for (budget, bark) in [("80ms", 8), ("20ms", 3), ("1s", 12), ("async", 12)] {
        let maren = npc(json!({"late": "follow_up", "budget": budget}));
        let script = Script::from([(1, vec![maren]), (2, vec![talk(1, "ann", "hi")])]);
        let ran = drive(&mut machine(), &script, 0, 30);
        assert_eq!(said(&ran, bark), [format!("+1 ann maren 1 Hm. authored late - {bark} -")], "{budget}");
    }
}

fn asks(trigger: Json) -> NpcsIn {
    asks_every("200ms", trigger)
}

fn asks_every(every: &str, trigger: Json) -> NpcsIn {
    storylet(
        "rumour",
        json!({"who": "maren", "trigger": trigger, "when": {"region": "inn"}, "ask": {"prompt": "gossip", "every": every},
               "emotion": "wary", "intensity": 80, "lines": ["They say little.", "They say less."]}),
    )
}

#[test]
fn a_storylet_asks_and_its_lines_are_said_when_nobody_answers() {
    let script = Script::from([
        (
            1,
            vec![
                npc(json!({})),
                prompt("gossip", GOSSIP),
                asks(json!("addressed")),
                player("ann", "inn", true),
            ],
        ),
        (2, vec![talk(1, "ann", "hi")]),
        (3, vec![reply("maren/ann/1", Ok("Wolves!"), &[])]),
        (4, vec![talk(2, "ann", "hi")]),
        (5, vec![reply("maren/ann/2", Err("down"), &[])]),
        (6, vec![npc(json!({"tier": "nowhere"})), talk(3, "ann", "hi")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 20);
    assert_eq!(column(&opened(&run, 2)[0], "prompt"), "gossip");
    assert_eq!(said(&run, 3), ["+1 ann maren 1 Wolves! model - gold 3 rumour"]);
    assert_eq!(said(&run, 5), ["+1 ann maren 2 They say less. authored failed - 5 rumour"]);
    assert_eq!(said(&run, 6), ["+1 ann maren 3 They say little. authored no_tier - 6 rumour"]);
    assert!(sentences(&run, 6).last().expect("a row").contains(" wary 80 - en authored no_tier"));
}

#[test]
fn a_storylet_that_follows_does_not_take_back_what_the_player_waits_for() {
    let greet = storylet(
        "greet",
        json!({"who": "bram", "lines": "Hm.", "then": {"storylet": "rumour", "after": "20ms"}}),
    );
    let bram = json!({"barks": "Hm.", "when": {}});
    let bram =
        NpcsIn::Define(Sym::new("bram"), Some(Arc::new(serde_json::from_value(bram).expect("an npc"))));
    let to_bram = |id| {
        let NpcsIn::Event(event) = talk(id, "ann", "") else { panic!("a talk is an event") };
        NpcsIn::Event(Event { target: Sym::new("bram"), ..event })
    };
    let run = |talks: Vec<NpcsIn>| {
        let first = vec![
            npc(json!({})),
            bram.clone(),
            prompt("gossip", GOSSIP),
            asks(json!({"follow_up": {}})),
            greet.clone(),
            player("ann", "inn", true),
        ];
        drive(&mut machine(), &Script::from([(1, first), (2, talks)]), 0, 6)
    };
    let free = run(vec![to_bram(1)]);
    assert_eq!(column(&opened(&free, 4)[0], "prompt"), "gossip");
    let waiting = run(vec![to_bram(1), talk(2, "ann", "hi")]);
    assert_eq!(said(&waiting, 4), ["+1 ann maren 1 They say little. authored - - 4 rumour"]);
    assert!(changes_of(&waiting, 4, &[(NPC_REQUESTS, 2)]).is_empty(), "the answer still comes");
}

#[test]
fn lore_is_looked_for_by_what_the_prompt_may_hear() {
    let said = |context: &str| {
        let def = format!(
            r#"{{"context": [{context}], "sections": {{"who": {{"text": "You."}}, "knows": {{"lore": 2}}}}}}"#
        );
        let first = vec![npc(json!({"template": "talk"})), prompt("talk", &def)];
        let script = Script::from([(1, first), (2, vec![talk(1, "ann", "wolves")])]);
        column(&opened(&drive(&mut machine(), &script, 0, 2), 2)[0], "messages")
    };
    assert!(said(r#""said""#).contains(r#""said":"wolves""#));
    assert!(!said("").contains("wolves"), "what the digest does not cover is not in the question");
}

#[test]
fn what_nobody_asked_for_is_asked_when_it_is_another_question_and_not_too_soon() {
    let unrest = |n| fact(Scope::Realm, "realm", "unrest", Value::Int(n));
    let day: Tick = 360_000;
    let script = Script::from([
        (
            1,
            vec![
                npc(json!({})),
                prompt("gossip", GOSSIP),
                asks(json!({"holds": {}})),
                player("ann", "inn", true),
            ],
        ),
        (2, vec![clock("night", 2)]),
        (5, vec![reply("maren/ann/1", Ok("Wolves!"), &[])]),
        // An hour passes in which nothing changes.
        (day, vec![unrest(2)]),
        (day + 1, vec![unrest(3)]),
        (day + 600, vec![unrest(3), reply("maren/ann/2", Ok("Unrest."), &[])]),
        (day + 1_200, vec![player("ann", "moor", true)]),
        (day + 1_800, vec![player("ann", "inn", false), unrest(9)]),
    ]);
    let run = drive(&mut machine(), &script, 0, day + 5_000);
    let asked: Vec<Tick> = run.keys().copied().filter(|tick| !opened(&run, *tick).is_empty()).collect();
    // The first before the clock was told is another question than the first after it; five seconds lie between what is
    // said unasked.
    assert_eq!(
        asked.iter().filter(|tick| **tick > 1_000 && **tick < day).count(),
        0,
        "an hour without a request"
    );
    assert!(asked.contains(&day) && !asked.contains(&(day + 1)), "{asked:?}");
    assert_eq!(asked.iter().filter(|tick| **tick > day + 1_200).count(), 0, "nobody is there to hear it");
    let row = opened(&run, day).remove(0);
    assert!(column(&row, "parameters").contains(r#""unasked":true"#));
}

#[test]
fn insert_and_retract_within_a_tick_make_no_request() {
    let script = Script::from([
        (1, vec![npc(json!({"when": {"region": "inn"}})), player("ann", "inn", true)]),
        (2, vec![talk(1, "ann", "a"), talk(2, "ann", "b"), talk(3, "ann", "c")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 2);
    assert_eq!(changes_of(&run, 2, &[(NPC_REQUESTS, 2)]), ["+1 maren/ann/3"]);
}

#[test]
fn what_is_kept_of_answers_in_progress_is_all_there_is() {
    let script = Script::from([
        (
            1,
            vec![
                npc(json!({"late": "follow_up", "voice": "v"})),
                prompt("gossip", GOSSIP),
                asks(json!({"holds": {}})),
                player("ann", "inn", true),
                player("bo", "inn", true),
            ],
        ),
        (3, vec![sentence("maren/ann/1", 0, "One.")]),
        (4, vec![talk(1, "bo", "hi")]),
        (6, vec![sentence("maren/ann/1", 1, "Two.")]),
        (8, vec![reply("maren/ann/1", Ok("One. Two."), &["wolf"]), sentence("maren/bo/2", 0, "Hey.")]),
        (30, vec![talk(2, "bo", "again"), talk(3, "ann", "hello")]),
        (33, vec![sentence("maren/bo/3", 0, "You.")]),
        (60, vec![clock("day", 60), reply("maren/bo/3", Ok("You."), &[])]),
    ]);
    check_law(machine, &script, 900, told);
}

/// What other operators tell again in the tick of a load.
fn told(inputs: &[NpcsIn]) -> Vec<NpcsIn> {
    let acts = |input: &&NpcsIn| matches!(input, NpcsIn::Event(_) | NpcsIn::Reply(_) | NpcsIn::Sentence(_));
    inputs.iter().filter(|input| !acts(input)).cloned().collect()
}

#[test]
fn what_may_not_be_asked_yet_is_asked_when_its_time_has_come() {
    let unrest = |n| fact(Scope::Realm, "realm", "unrest", Value::Int(n));
    let first = |every, patience| {
        let npc = npc(json!({"patience": patience}));
        let story = asks_every(every, json!({"holds": {}}));
        vec![npc, prompt("gossip", GOSSIP), story, player("ann", "inn", true), clock("night", 1)]
    };
    let asked = |script: &Script<NpcsIn>, until: Tick| -> Vec<Tick> {
        let run = drive(&mut machine(), script, 0, until);
        run.keys().copied().filter(|tick| !opened(&run, *tick).is_empty()).collect()
    };
    let soon = Script::from([
        (1, first("10s", "100ms")),
        (5, vec![reply("maren/ann/1", Ok("Wolves!"), &[])]),
        // Five seconds of silence are over, the ten are not.
        (700, vec![unrest(2)]),
        (1_005, vec![reply("maren/ann/2", Ok("Unrest."), &[])]),
    ]);
    assert_eq!(asked(&soon, 20_000), [1, 1_001], "ten seconds after the first");
    check_law(machine, &soon, 1_200, told);
    let busy = Script::from([
        (1, first("200ms", "20s")),
        (5, vec![reply("maren/ann/1", Ok("Wolves!"), &[])]),
        (1_000, vec![talk(1, "ann", "hi")]),
        (1_500, vec![unrest(2)]),
        (2_000, vec![reply("maren/ann/2", Ok("Well."), &[])]),
        (2_600, vec![reply("maren/ann/3", Ok("Unrest."), &[])]),
    ]);
    assert_eq!(asked(&busy, 20_000), [1, 1_000, 2_000], "when the answer has come");
}

#[test]
fn where_nobody_is_time_wakes_no_npc() {
    let by_day = storylet(
        "s",
        json!({"who": "maren", "trigger": {"holds": {}}, "when": {"hours": "08:00-18:00"}, "lines": "Hm."}),
    );
    let script = Script::from([
        (1, vec![npc(json!({})), by_day, player("ann", "inn", true)]),
        (50, vec![player("ann", "inn", false)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 1_000);
    assert!((50..60).contains(&run.len()), "stepped {} times", run.len());
}
