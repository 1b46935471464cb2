//! NPCs: requests, replies, barks, premises, and the law of base state.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use support::npcs::{answer, clock_at, fact_of, talk_to};
use support::{Script, changes_of, check_law, drive, world};
use worldflow_operators::machine::ViewRow;
use worldflow_operators::messages::{LevelNow, QuestEdit, QuestNow, ZoneWeather};
use worldflow_operators::npcs::{KEPT_LINES, NpcsIn, NpcsMachine, reply_route};
use worldflow_operators::quests::{PlayersIn, PlayersMachine};
use worldflow_schemas::catalog::{NPC_LINES, NPC_REQUESTS};
use worldflow_schemas::definitions::{NpcDef, QuestDef, QuestState, WorldDef};
use worldflow_schemas::input::{Finish, Holder, MOST_LINE_BYTES, Reply, Scope, Sentence};
use worldflow_schemas::{Event, Sym, Tick, Value};

/// What a tick changes of requests and lines, without what else is known of them.
fn changes(run: &support::Run, tick: Tick) -> Vec<String> {
    changes_of(run, tick, &[(NPC_REQUESTS, 11), (NPC_LINES, 10)])
}

fn village() -> WorldDef {
    world(json!({
        "name": "npcs", "seed": 1, "tick_ms": 10,
        "zones": {"valley": {"climate": "mild"}},
        "regions": {"village": {"zone": "valley"}, "moor": {}},
        "facts": {"mood": {"type": "int", "default": 5}},
        "tiers": {"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}},
    }))
}

fn quest_edit(quest: &str, def: Option<Arc<QuestDef>>) -> QuestEdit {
    QuestEdit { quest: Sym::new(quest), def, from: Sym::NONE }
}

fn machine() -> NpcsMachine {
    NpcsMachine::new(Sym::new("realm"), &village())
}

fn define(npc: &str, when: serde_json::Value, tier: Option<&str>) -> NpcsIn {
    let def: NpcDef = serde_json::from_value(json!({
        "persona": "You are the smith at {phase} in {region}, in {weather}.",
        "prompt": "{player}: {said}",
        "patience": "50ms",
        "barks": ["Hm.", "Busy."],
        "tier": tier,
        "when": when,
    }))
    .expect("an npc");
    NpcsIn::Define(Sym::new(npc), Some(Arc::new(def)))
}

fn talk(id: u64, player: &str, said: &str) -> NpcsIn {
    talk_to("smith", id, player, Some(said))
}

fn reply(request: &str, outcome: Result<&str, &str>) -> NpcsIn {
    let finish = if outcome == Err("no time") { Finish::NoTime } else { Finish::Unknown };
    NpcsIn::Reply(Reply { took_ms: 7, finish, ..answer(request, "gold", outcome) })
}

fn sentence(request: &str, index: u32) -> NpcsIn {
    NpcsIn::Sentence(Sentence {
        request: request.into(),
        tier: Sym::new("gold"),
        index,
        text: format!("Sentence {index}.").into(),
        emotion: Sym::new("calm"),
        action: Sym::NONE,
    })
}

fn clock(phase: &str, world_ms: i64, since: Tick) -> NpcsIn {
    clock_at(phase, world_ms, since, 60)
}

fn player(region: &str, present: bool) -> NpcsIn {
    support::npcs::player("ada", region, present)
}

fn mood(value: Option<i64>) -> NpcsIn {
    NpcsIn::Fact(fact_of(Scope::Player, "ada", "mood", value.map(Value::Int)))
}

/// Talks to a smith with this `when` at tick 2, tells this at tick 4, and says whether the request
/// is still there then.
fn survives(when: serde_json::Value, before: Vec<NpcsIn>, then: Vec<NpcsIn>) -> bool {
    // Of quests that an NPC begins to ask about it is told a tick later.
    let (mut second, before): (Vec<NpcsIn>, Vec<NpcsIn>) =
        before.into_iter().partition(|input| matches!(input, NpcsIn::Quest(_)));
    second.push(talk(1, "ada", "hi"));
    let first = [define("smith", when, Some("gold"))].into_iter().chain(before).collect();
    let script = Script::from([(1, first), (2, second), (4, then)]);
    let run = drive(&mut machine(), &script, 0, 4);
    assert_eq!(changes(&run, 2).len(), 1, "the talk makes a request");
    let rows = support::rows(&run);
    assert!(rows.iter().all(|(view, _)| *view == NPC_REQUESTS), "nothing is said when a premise goes");
    !rows.is_empty()
}

#[test]
fn a_talk_becomes_a_request_and_its_reply_a_line() {
    let weather = ZoneWeather {
        zone: Sym::new("valley"),
        state: Sym::new("rain"),
        intensity: 500_000,
        since: 1,
        since_world_ms: 0,
    };
    let script = Script::from([
        (
            1,
            vec![
                define("smith", json!({}), Some("gold")),
                clock("dusk", 0, 1),
                player("village", true),
                NpcsIn::Weather(weather),
            ],
        ),
        (2, vec![talk(1, "ada", "a {phase} \"sword\"")]),
        (4, vec![reply("smith/ada/1", Ok(" Aye.\u{1b} "))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 20);
    assert_eq!(
        changes(&run, 2),
        [concat!(
            "+1 smith/ada/1 smith ada gold ",
            r#"[{"content":"You are the smith at dusk in village, in rain.","role":"system","section":"persona"},"#,
            r#"{"content":"ada: {said}","role":"user","said":"a {phase} \"sword\"","section":"prompt"}] 64 2 7 50 normal"#
        )]
    );
    assert_eq!(changes(&run, 4)[1], "+1 ada smith 1 Aye. model - gold 4 -");
    assert_eq!(run.keys().copied().collect::<Vec<_>>(), [1, 2, 4], "and no deadline follows");
}

#[test]
fn without_a_tier_the_barks_are_said_by_turns() {
    for tier in [None, Some("silver")] {
        let script = Script::from([
            (1, vec![define("smith", json!({}), tier)]),
            (2, vec![talk(1, "ada", "hi"), talk(2, "ada", "hi?"), talk(3, "bo", "hi")]),
            (3, vec![talk(4, "ada", "hello?")]),
        ]);
        let run = drive(&mut machine(), &script, 0, 20);
        assert_eq!(
            changes(&run, 2),
            [
                "+1 ada smith 1 Hm. authored no_tier - 2 -",
                "+1 ada smith 2 Busy. authored no_tier - 2 -",
                "+1 bo smith 1 Hm. authored no_tier - 2 -",
            ]
        );
        assert_eq!(changes(&run, 3), ["+1 ada smith 3 Hm. authored no_tier - 3 -"]);
    }
}

#[test]
fn a_budget_goes_with_the_request_and_one_of_nothing_asks_nobody() {
    let define = |budget: &str, tier: Option<&str>| {
        let def =
            json!({"barks": "Hm.", "budget": budget, "tier": tier, "priority": "high", "prompt": "{said}"});
        NpcsIn::Define(Sym::new("smith"), Some(Arc::new(serde_json::from_value(def).expect("an npc"))))
    };
    let script = Script::from([
        (1, vec![define("80ms", None)]),
        (2, vec![talk(1, "ada", "hi")]),
        (3, vec![reply("smith/ada/1", Err("no time"))]),
        (4, vec![define("async", Some("gold")), talk(2, "ada", "ho")]),
        (5, vec![define("0s", Some("gold")), talk(3, "ada", "ha")]),
        (6, vec![define("300ms", Some("silver")), talk(4, "ada", "hu")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 20);
    let asked = r#"[{"content":"{said}","role":"user","said":"hi","section":"prompt"}] 64 2 202 80 high"#;
    assert_eq!(
        changes(&run, 2),
        [format!("+1 smith/ada/1 smith ada - {asked}")],
        "the edge chooses the tier"
    );
    assert_eq!(changes(&run, 3)[1], "+1 ada smith 1 Hm. authored no_time - 3 -");
    assert_eq!(
        changes(&run, 4),
        [concat!(
            r#"+1 smith/ada/2 smith ada gold [{"content":"{said}","role":"user","said":"ho","section":"prompt"}] "#,
            "64 4 204 - high"
        )]
    );
    assert_eq!(
        changes(&run, 5)[1],
        "+1 ada smith 2 Hm. authored no_time - 5 -",
        "and the request is taken back"
    );
    assert_eq!(
        changes(&run, 6),
        ["+1 ada smith 3 Hm. authored no_tier - 6 -"],
        "a tier that is not declared"
    );
}

#[test]
fn a_late_and_a_failed_reply_give_the_bark_marked_as_such() {
    let script = Script::from([
        (1, vec![define("smith", json!({}), Some("gold"))]),
        (2, vec![talk(1, "ada", "hi")]),
        (8, vec![reply("smith/ada/1", Ok("Too late."))]),
        (9, vec![talk(2, "ada", "hi"), talk(1, "bo", "hi")]),
        (10, vec![reply("smith/ada/2", Err("the server answered 500")), reply("smith/bo/1", Ok(" \u{7} "))]),
        (20, vec![talk(3, "ada", "hi")]),
        (25, vec![reply("smith/ada/3", Ok("Just in time."))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 40);
    assert_eq!(changes(&run, 7)[1], "+1 ada smith 1 Hm. authored late - 7 -");
    assert!(run[&8].rows.is_empty() && run[&8].out[0].contains("late_reply"), "{:?}", run[&8]);
    assert_eq!(
        changes(&run, 10)[2..],
        ["+1 ada smith 2 Busy. authored failed - 10 -", "+1 bo smith 1 Hm. authored failed - 10 -"]
    );
    assert_eq!(changes(&run, 25)[1], "+1 ada smith 3 Just in time. model - gold 25 -");
}

#[test]
fn talking_again_supersedes_the_request() {
    let script = Script::from([
        (1, vec![define("smith", json!({}), Some("gold"))]),
        (2, vec![talk(1, "ada", "one"), talk(2, "ada", "two")]),
        (4, vec![talk(3, "ada", "three")]),
        (5, vec![reply("smith/ada/2", Ok("To two.")), reply("smith/ada/3", Ok("To three."))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 20);
    assert!(changes(&run, 2)[0].starts_with("+1 smith/ada/2 ") && run[&2].rows.len() == 1);
    assert!(changes(&run, 4)[0].starts_with("-1 smith/ada/2 ") && run[&4].rows.len() == 2);
    assert_eq!(changes(&run, 5)[1], "+1 ada smith 1 To three. model - gold 5 -");
    assert!(run[&5].out.len() == 1 && run[&5].out[0].contains("smith/ada/2"));
}

#[test]
fn a_premise_that_goes_takes_the_request_with_it() {
    let here = || vec![player("village", true), clock("dusk", 0, 1)];
    assert!(survives(json!({}), here(), vec![]));
    assert!(!survives(json!({}), here(), vec![player("", false)]), "the player leaves");
    assert!(survives(json!({"region": "village"}), here(), vec![player("village", true)]));
    assert!(!survives(json!({"region": "village"}), here(), vec![player("moor", true)]));
    assert!(!survives(json!({"phase": ["dusk"]}), here(), vec![clock("night", 0, 4)]));
    assert!(!survives(json!({"facts": {"mood": {"at_least": 3}}}), vec![], vec![mood(Some(2))]));
    assert!(survives(json!({"facts": {"mood": {"at_least": 3}}}), vec![], vec![mood(Some(3))]));
    assert!(!survives(json!({"facts": {"mood": 7}}), vec![mood(Some(7))], vec![mood(None)]));
    let level = |level| NpcsIn::Level(LevelNow { player: Sym::new("ada"), level });
    assert!(!survives(json!({"level": {"below": 3}}), vec![], vec![level(3)]));
    let quest = |scope, holder: &str, state| {
        let holder = Holder { scope, id: Sym::new(holder) };
        NpcsIn::Quest(QuestNow { holder, quest: Sym::new("wolves"), state, completions: 0 })
    };
    let wolves = |scope: &str| {
        let def = json!({"title": "Wolves", "scope": scope,
                         "stages": {"one": {"objectives": {"kill": {"event": "kill"}}}}});
        let def = serde_json::from_value(def).expect("a quest");
        NpcsIn::DefineQuest(quest_edit("wolves", Some(Arc::new(def))))
    };
    let active = || vec![wolves("realm"), quest(Scope::Realm, "realm", QuestState::Active)];
    let when = || json!({"quests": {"wolves": "active"}});
    assert!(!survives(when(), active(), vec![quest(Scope::Realm, "realm", QuestState::Failed)]));
    assert!(survives(when(), active(), vec![quest(Scope::Region, "village", QuestState::Failed)]));
    let mine = || vec![wolves("player"), quest(Scope::Player, "ada", QuestState::Active)];
    assert!(!survives(when(), mine(), vec![quest(Scope::Player, "ada", QuestState::Done)]));
    assert!(survives(when(), mine(), vec![quest(Scope::Player, "bo", QuestState::Failed)]));
    assert!(!survives(when(), mine(), vec![NpcsIn::DefineQuest(quest_edit("wolves", None))]));
    assert!(survives(json!({"quests": {"wolves": "available"}}), vec![wolves("player")], vec![]));
    let rain = |state: &str, since_world_ms| {
        let (zone, state) = (Sym::new("valley"), Sym::new(state));
        NpcsIn::Weather(ZoneWeather { zone, state, intensity: 500_000, since: 1, since_world_ms })
    };
    let wet = || vec![player("village", true), clock("dusk", 0, 1), rain("rain", 0)];
    assert!(!survives(json!({"weather": {"kind": "rain"}}), wet(), vec![rain("clear", 0)]));
    assert!(survives(json!({"weather": {"kind": "rain", "intensity": {"at_least": 0.5}}}), wet(), vec![]));
    assert!(!survives(json!({}), vec![], vec![NpcsIn::Define(Sym::new("smith"), None)]));
}

#[test]
fn time_alone_ends_a_premise_at_its_tick() {
    // A tick of 10 ms is 600 ms of world time: the minute 01:00 begins 100 ticks after 00:59.
    let script = Script::from([
        (
            1,
            vec![
                define("smith", json!({"hours": "00:00-01:00"}), Some("gold")),
                clock("night", 3_540_000, 1),
            ],
        ),
        (99, vec![talk(1, "ada", "hi")]),
        (200, vec![talk(2, "ada", "hi")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 300);
    let last = run.iter().rev().find(|(_, changed)| !changed.rows.is_empty()).map(|(tick, _)| *tick);
    assert_eq!(last, Some(101));
    assert_eq!(changes(&run, 101).len(), 1, "taken back, and nothing said; later talk finds no answer");
}

#[test]
fn the_last_lines_are_kept_and_numbers_go_on() {
    let mut script = Script::from([(1, vec![define("smith", json!({}), None)])]);
    for tick in 2..30 {
        script.insert(tick, vec![talk(tick, "ada", "hi")]);
    }
    let run = drive(&mut machine(), &script, 0, 40);
    let rows: Vec<ViewRow> = support::rows(&run).into_iter().filter(|(view, _)| *view == NPC_LINES).collect();
    let numbers: Vec<&Value> = rows.iter().map(|(_, row)| &row[3]).collect();
    let wanted: Vec<Value> = (9..=28).map(Value::Int).collect();
    assert_eq!(numbers, wanted.iter().collect::<Vec<_>>());
    assert_eq!(rows.len() as u64, KEPT_LINES);
}

#[test]
fn a_long_answer_is_cut_and_a_reply_finds_the_worker_of_its_player() {
    let script = Script::from([
        (1, vec![define("smith", json!({}), Some("gold"))]),
        (2, vec![talk(1, "guild/ada", "hi")]),
        (3, vec![reply("smith/guild/ada/1", Ok(&"ha".repeat(MOST_LINE_BYTES)))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 9);
    let said = support::rows(&run).into_iter().find(|(view, _)| *view == NPC_LINES).expect("a line");
    assert_eq!(said.1[4].as_str().map(str::len), Some(MOST_LINE_BYTES));
    let ada = Sym::new("guild/ada");
    assert_eq!(reply_route("smith/guild/ada/1"), ada.hash64());
    for junk in ["", "/", "smith", "smith/1"] {
        let _ = reply_route(junk);
    }
}

#[test]
fn where_players_stand_is_told_while_an_npc_asks() {
    let quest: QuestDef = serde_json::from_value(json!({
        "title": "Wolves", "repeat": {"always": {}},
        "stages": {"one": {"objectives": {"kill": {"event": "kill", "count": 9}}}},
    }))
    .expect("a quest");
    let ask = |id, kind: &str, player: &str| {
        let NpcsIn::Event(event) = talk(id, player, "") else { panic!("a talk is an event") };
        PlayersIn::Events(vec![Event { kind: Sym::new(kind), target: Sym::new("wolves"), ..event }])
    };
    let npc_asks = |quests: &[&str]| {
        PlayersIn::NpcAsks(Sym::new("smith"), quests.iter().map(|quest| Sym::new(quest)).collect())
    };
    let script = Script::from([
        (1, vec![PlayersIn::Define(quest_edit("wolves", Some(Arc::new(quest))))]),
        (2, vec![ask(1, "quest.accept", "ada")]),
        (4, vec![npc_asks(&["wolves", "no such quest"])]),
        (6, vec![ask(2, "quest.accept", "bo")]),
        (8, vec![npc_asks(&[])]),
        (10, vec![ask(3, "quest.abandon", "ada")]),
    ]);
    let mut machine = PlayersMachine::new(Arc::new(village()), Sym::new("realm"));
    let run = drive(&mut machine, &script, 0, 12);
    let stands: Vec<(Tick, bool)> = (run.iter())
        .flat_map(|(tick, changed)| changed.out.iter().map(|out| (*tick, out)))
        .filter(|(_, out)| out.contains("Stands"))
        .map(|(tick, out)| (tick, out.contains(r#"id: "ada""#)))
        .collect();
    assert_eq!(stands, [(4, true), (6, false)], "ada from when the NPC asks, bo as he accepts");
}

/// What other operators re-emit in the tick of a load: the last of each kind.
fn told(inputs: &[NpcsIn]) -> Vec<NpcsIn> {
    let mut last = std::collections::BTreeMap::new();
    for input in inputs {
        let key = match input {
            NpcsIn::Define(npc, _) => format!("define {npc}"),
            NpcsIn::DefineQuest(edit) => format!("define quest {}", edit.quest),
            NpcsIn::DefineStorylet(id, _) => format!("define storylet {id}"),
            NpcsIn::DefinePrompt(id, _) => format!("define prompt {id}"),
            NpcsIn::Entity(now) => format!("entity {}", now.entity),
            NpcsIn::Clock(_) => "clock".to_owned(),
            NpcsIn::Weather(weather) => format!("weather {}", weather.zone),
            NpcsIn::Seen(now) => format!("seen {now:?}"),
            NpcsIn::Fact(fact) => format!("fact {:?} {}", fact.holder, fact.fact),
            NpcsIn::Player(now) => format!("player {}", now.player),
            NpcsIn::Level(level) => format!("level {}", level.player),
            NpcsIn::Quest(quest) => format!("quest {:?} {}", quest.holder, quest.quest),
            NpcsIn::Event(_) | NpcsIn::Reply(_) | NpcsIn::Sentence(_) => continue,
            NpcsIn::Forget(_) | NpcsIn::Spending(_) | NpcsIn::Happened(_) | NpcsIn::Limits(_) => continue,
        };
        last.insert(key, input.clone());
    }
    last.into_values().collect()
}

fn input() -> impl Strategy<Value = NpcsIn> {
    let who = || prop::sample::select(vec!["ada", "bo"]);
    let outcome = prop::sample::select(vec![Ok("Aye."), Err("down"), Err("no time")]);
    let when = prop::sample::select(vec![
        json!({}),
        json!({"region": "village"}),
        json!({"facts": {"mood": {"at_least": 3}}}),
        json!({"hours": "00:00-00:02"}),
        json!({"phase": "dusk", "not": {"region": "moor"}}),
    ]);
    let tier = prop::sample::select(vec![Some("gold"), Some("gold"), None]);
    prop_oneof![
        6 => (0_u64..99, who(), "[a-z]{0,3}").prop_map(|(id, who, said)| talk(id, who, &said)),
        3 => (who(), 1_u64..4, 0_u32..3).prop_map(|(who, n, index)| sentence(&format!("smith/{who}/{n}"), index)),
        4 => (who(), 1_u64..4, outcome).prop_map(|(who, n, outcome)| reply(&format!("smith/{who}/{n}"), outcome)),
        2 => (when, tier).prop_map(|(when, tier)| define("smith", when, tier)),
        1 => (prop::sample::select(vec!["dusk", "night"]), 0_i64..2).prop_map(|(p, h)| clock(p, h * 60_000, 0)),
        2 => (prop::sample::select(vec!["village", "moor", ""]), any::<bool>()).prop_map(|(r, p)| player(r, p)),
        1 => prop::option::of(0_i64..6).prop_map(mood),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        ticks in prop::collection::btree_map(2_u64..30, prop::collection::vec(input(), 1..4), 1..12)
    ) {
        let mut script: Script<NpcsIn> = ticks.into_iter().map(|(tick, inputs)| (tick, one_of_each(inputs))).collect();
        script.insert(1, vec![define("smith", json!({}), Some("gold")), clock("dusk", 0, 1)]);
        let run = check_law(machine, &script, 45, told);
        let open = support::rows(&run).into_iter().filter(|(view, _)| *view == NPC_REQUESTS).count();
        prop_assert_eq!(open, 0, "every request ends by its deadline");
    }
}

/// Other operators say each thing once a tick.
fn one_of_each(inputs: Vec<NpcsIn>) -> Vec<NpcsIn> {
    let acted = inputs
        .iter()
        .filter(|input| matches!(input, NpcsIn::Event(_) | NpcsIn::Reply(_) | NpcsIn::Sentence(_)))
        .cloned();
    acted.chain(told(&inputs)).collect()
}
