//! Storylets: what may be said, which of it is the best, what comes of it, and the law of base state.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::npcs::{fact_of, player, talk_to};
use support::{Run, Script, check_law, drive, world};
use worldflow_operators::messages::EntityTags;
use worldflow_operators::npcs::{NpcsIn, NpcsMachine};
use worldflow_schemas::catalog::{NPC_LINES, NPC_REQUESTS, STORYLET_MEMORY};
use worldflow_schemas::definitions::{NpcDef, StoryletDef, WorldDef};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Event, Sym, Tick, Value};

/// Ten ticks a second.
fn village() -> WorldDef {
    world(json!({
        "name": "stories", "seed": 1, "tick_ms": 100,
        "regions": {"village": {}, "moor": {}},
        "facts": {
            "mood": {"type": "int", "default": 0},
            "met": {"type": "bool", "default": false},
            "told": {"type": "bool", "default": false, "scope": "realm"},
        },
        "tiers": {"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}},
    }))
}

fn machine() -> NpcsMachine {
    NpcsMachine::new(Sym::new("realm"), &village())
}

fn npc(id: &str, tier: Option<&str>) -> NpcsIn {
    let def = json!({"barks": ["Hm."], "tier": tier, "patience": "500ms"});
    let def: NpcDef = serde_json::from_value(def).expect("an npc");
    NpcsIn::Define(Sym::new(id), Some(Arc::new(def)))
}

fn entity(id: &str, tags: &[&str], region: &str) -> NpcsIn {
    let tags = tags.iter().map(|tag| Sym::new(tag)).collect();
    NpcsIn::Entity(EntityTags { entity: Sym::new(id), there: true, tags, region: Sym::new(region) })
}

fn storylet(id: &str, def: Json) -> NpcsIn {
    let mut all = json!({"who": "smith", "lines": id});
    all.as_object_mut().expect("a map").extend(def.as_object().expect("a map").clone());
    let def: StoryletDef = serde_json::from_value(all).expect("a storylet");
    NpcsIn::DefineStorylet(Sym::new(id), Some(Arc::new(def)))
}

fn talk(id: u64, player: &str, npc: &str) -> NpcsIn {
    talk_to(npc, id, player, None)
}

fn enters(id: u64, player: &str) -> NpcsIn {
    match talk(id, player, "tavern") {
        NpcsIn::Event(event) => NpcsIn::Happened(Event { kind: Sym::new("enter"), ..event }),
        other => other,
    }
}

fn mood(player: &str, value: i64) -> NpcsIn {
    NpcsIn::Fact(fact_of(Scope::Player, player, "mood", Some(Value::Int(value))))
}

/// What was said: tick, player, npc, text.
fn said(run: &Run) -> Vec<(Tick, String)> {
    let mut all = Vec::new();
    for (tick, changed) in run {
        for ((view, row), diff) in &changed.rows {
            if *view == NPC_LINES && *diff > 0 {
                all.push((*tick, format!("{} {}: {}", row[1], row[2], row[4])));
            }
        }
    }
    let plain = |text: String| text.replace('"', "");
    all.into_iter().map(|(tick, text)| (tick, plain(text))).collect()
}

/// What the smith says to Ann, who talks to him at these ticks.
fn told(first: Vec<NpcsIn>, talks: &[Tick]) -> Vec<(Tick, String)> {
    let mut script = Script::from([(1, first)]);
    for (n, tick) in talks.iter().enumerate() {
        script.entry(*tick).or_default().push(talk(n as u64, "ann", "smith"));
    }
    let lines = said(&drive(&mut machine(), &script, 0, 1_000));
    lines.into_iter().map(|(tick, text)| (tick, text.replace("ann smith: ", ""))).collect()
}

fn texts(lines: &[(Tick, String)]) -> Vec<&str> {
    lines.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn the_one_that_fits_best_is_said() {
    let base = || vec![npc("smith", None), storylet("plain", json!({}))];
    let with = |def: Json| {
        let mut all = base();
        all.push(storylet("other", def));
        all.push(mood("ann", 5));
        texts(&told(all, &[2])).join(" ")
    };
    assert_eq!(with(json!({"when": {"facts": {"mood": {"at_least": 3}}}})), "other", "it asks for more");
    assert_eq!(with(json!({"when": {"facts": {"mood": {"at_least": 9}}}})), "plain", "it does not hold");
    let low = json!({"when": {"facts": {"mood": {"at_least": 3}}}, "salience": -1});
    assert_eq!(with(low), "plain", "salience takes the place of the number of tests");
    let weighs = |weight: i64, required: bool, least: i64| json!({"criteria": {"c": {"when": {"facts": {"mood": {"at_least": least}}}, "weight": weight, "required": required}}});
    assert_eq!(with(weighs(1, false, 3)), "other");
    assert_eq!(with(weighs(-1, false, 3)), "plain");
    assert_eq!(with(weighs(-1, false, 9)).len(), 5, "a criterion that does not hold counts nothing");
    let required = json!({"salience": 50, "criteria": {"c": {"when": {"facts": {"mood": {"at_least": 9}}}, "required": true}}});
    assert_eq!(with(required), "plain", "a required criterion that does not hold");
}

#[test]
fn of_two_that_fit_as_well_the_one_said_the_longest_ago_comes() {
    let first = vec![npc("smith", None), storylet("a", json!({})), storylet("b", json!({}))];
    let lines = told(first, &[2, 3, 4, 5, 6, 7]);
    let texts = texts(&lines);
    assert!(texts[0] != texts[1], "{texts:?}");
    assert_eq!([texts[0], texts[1], texts[0], texts[1]], texts[2..], "by turns");
}

#[test]
fn limits_hold_for_each_player() {
    let once = vec![npc("smith", None), storylet("once", json!({"limits": {"once": true}}))];
    assert_eq!(texts(&told(once, &[2, 3])), ["once", "Hm."]);
    let twice = json!({"limits": {"player": {"most": 2, "cooldown": "1s"}}, "lines": ["one", "two"]});
    let first = vec![npc("smith", None), storylet("twice", twice.clone())];
    assert_eq!(texts(&told(first, &[2, 11, 12, 30])), ["one", "Hm.", "two", "Hm."]);
    let first = vec![npc("smith", None), storylet("twice", twice)];
    let script = Script::from([(1, first), (2, vec![talk(1, "ann", "smith"), talk(2, "bo", "smith")])]);
    assert_eq!(
        said(&drive(&mut machine(), &script, 0, 10)),
        [(2, "ann smith: one".to_owned()), (2, "bo smith: one".to_owned())]
    );
}

#[test]
fn a_storylet_comes_before_a_tier_and_takes_a_request_back() {
    let first = vec![
        npc("smith", Some("gold")),
        storylet("angry", json!({"when": {"facts": {"mood": {"at_most": -1}}}, "limits": {"once": true}})),
        storylet("mutters", json!({"trigger": {"bark": {}}, "when": {"facts": {"mood": {"at_most": -1}}}})),
    ];
    let script = Script::from([
        (1, first),
        (2, vec![talk(1, "ann", "smith")]),
        (3, vec![mood("ann", -1), talk(2, "ann", "smith")]),
        (4, vec![talk(3, "ann", "smith")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 100);
    let requests = |tick: Tick| {
        let rows = run[&tick].rows.iter().filter(|((view, _), _)| *view == NPC_REQUESTS);
        rows.map(|(_, diff)| *diff).collect::<Vec<_>>()
    };
    assert_eq!((requests(2), requests(3), requests(4)), (vec![1], vec![-1], vec![1]));
    assert_eq!(
        said(&run),
        [(3, "ann smith: angry".to_owned()), (9, "ann smith: mutters".to_owned())],
        "the bark comes when patience is over"
    );
    let why: Vec<String> = run
        .values()
        .flat_map(|changed| changed.rows.keys())
        .filter(|(view, _)| *view == NPC_LINES)
        .map(|(_, row)| format!("{} {} {}", row[5], row[6], row[9]))
        .collect();
    assert_eq!(why, ["authored  angry", "authored late mutters"]);
}

#[test]
fn another_answers_after_a_while() {
    let first = vec![
        npc("smith", None),
        npc("baker", None),
        entity("baker", &["crafter"], ""),
        player("ann", "village", true),
        storylet(
            "asks",
            json!({"then": {"storylet": "answers", "after": "2s"}, "effects": [{"set": {"fact": "told", "to": true}}, {"add": {"fact": "mood", "by": 2}}]}),
        ),
        storylet(
            "answers",
            json!({"who": "crafter", "trigger": {"follow_up": {}}, "when": {"facts": {"mood": {"at_least": 1}}}}),
        ),
    ];
    let talk_at = |tick: Tick| (tick, vec![talk(tick, "ann", "smith")]);
    let script = Script::from([
        (1, first),
        talk_at(2),
        talk_at(50),
        (60, vec![mood("ann", 1)]),
        talk_at(80),
        (90, vec![player("ann", "village", false)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 300);
    let expected = [
        (2, "ann smith: asks"),
        (50, "ann smith: asks"),
        (70, "ann baker: answers"),
        (80, "ann smith: asks"),
    ];
    assert_eq!(said(&run), expected.map(|(tick, text)| (tick, text.to_owned())));
    let effects: Vec<&String> = run[&2].out.iter().filter(|out| out.starts_with("Effect")).collect();
    assert_eq!(effects.len(), 2, "{effects:?}");
    assert!(
        effects.iter().any(|out| out.contains("scope: Realm"))
            && effects.iter().any(|out| out.contains(r#"id: "ann""#))
    );
}

#[test]
fn what_another_has_just_put_off_is_not_said() {
    let follow = |id: &str, then: Json| storylet(id, json!({"trigger": {"follow_up": {}}, "then": then}));
    let once = json!({"once": true});
    let first = vec![
        npc("smith", None),
        player("ann", "village", true),
        storylet("x", json!({"salience": 9, "limits": once, "then": {"storylet": "a", "after": "1s"}})),
        storylet("y", json!({"limits": once, "then": {"storylet": "b", "after": "1s"}})),
        follow("a", json!({"storylet": "b", "after": "2s"})),
        follow("b", Json::Null),
    ];
    let script = Script::from([(1, first), (2, vec![talk(1, "ann", "smith"), talk(2, "ann", "smith")])]);
    let run = drive(&mut machine(), &script, 0, 100);
    let said: Vec<(Tick, String)> = said(&run);
    assert_eq!(said[2..], [(12, "ann smith: a".to_owned()), (32, "ann smith: b".to_owned())]);
}

#[test]
fn what_holds_is_said_unasked_where_the_player_is_and_not_at_once_again() {
    let once = json!({"once": true});
    let first = vec![
        npc("smith", None),
        entity("smith", &[], "village"),
        npc("crier", None),
        storylet("one", json!({"trigger": {"holds": {}}, "limits": once, "salience": 5})),
        storylet("two", json!({"trigger": {"holds": {}}, "limits": once, "who": "crier"})),
        storylet(
            "rare",
            json!({"trigger": {"holds": {}}, "limits": {"player": {"cooldown": "20s"}}, "when": {"facts": {"mood": {"at_least": 1}}}}),
        ),
    ];
    let script = Script::from([
        (1, first),
        (5, vec![player("ann", "moor", true), player("bo", "village", false)]),
        (20, vec![player("ann", "village", true)]),
        (200, vec![mood("ann", 1)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 650);
    let expected = [
        (5, "ann crier: two"),
        // Five seconds after the first.
        (55, "ann smith: one"),
        (200, "ann smith: rare"),
        (400, "ann smith: rare"),
        (600, "ann smith: rare"),
    ];
    assert_eq!(said(&run), expected.map(|(tick, text)| (tick, text.to_owned())));
}

#[test]
fn at_an_event_those_speak_who_are_where_it_happens() {
    let greets = |more: Json| {
        let mut def = json!({"trigger": {"happens": {"event": "enter", "target": "tavern"}}});
        def.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        def
    };
    let first = vec![
        npc("smith", None),
        npc("baker", None),
        entity("smith", &[], "village"),
        entity("baker", &[], "moor"),
        player("ann", "village", true),
        player("bo", "moor", true),
        storylet("hail", greets(json!({"who": ["smith", "baker"]}))),
        storylet(
            "mine",
            greets(json!({"who": "smith", "salience": 9, "when": {"facts": {"mood": {"at_least": 1}}}})),
        ),
    ];
    let script = Script::from([
        (1, first),
        (2, vec![enters(1, "ann"), enters(2, "bo"), enters(3, "cy")]),
        (3, vec![mood("ann", 1), mood("bo", 1)]),
        (4, vec![enters(4, "ann"), enters(5, "bo"), talk(6, "ann", "smith")]),
    ]);
    let expected = [
        (2, "ann smith: hail"),
        (2, "bo baker: hail"),
        (4, "ann smith: Hm."),
        (4, "ann smith: mine"),
        (4, "bo baker: hail"),
    ];
    let mut said = said(&drive(&mut machine(), &script, 0, 50));
    said.sort();
    assert_eq!(said, expected.map(|(tick, text)| (tick, text.to_owned())));
}

#[test]
fn what_a_fact_changes_is_said_though_little_else_is_looked_at() {
    let holds = |more: Json| {
        let mut def = json!({"trigger": {"holds": {}}, "limits": {"once": true}});
        def.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        def
    };
    let mut first = vec![npc("smith", None), player("ann", "village", true)];
    for n in 0..50 {
        first.push(storylet(&format!("other{n}"), holds(json!({"when": {"facts": {"met": true}}}))));
    }
    first.push(storylet("glad", holds(json!({"when": {"facts": {"mood": {"at_least": 3}}}}))));
    let script = Script::from([(1, first), (2, vec![mood("ann", 1)]), (3, vec![mood("ann", 3)])]);
    let mut machine = machine();
    assert_eq!(said(&drive(&mut machine, &script, 0, 20)), [(3, "ann smith: glad".to_owned())]);
    assert_eq!(machine.looked_at(), 51 + 1 + 1, "all of them once, and then what names the fact");
}

#[test]
fn what_could_be_said_is_remembered_though_it_was_not() {
    let first = vec![
        npc("smith", None),
        storylet("best", json!({"salience": 9})),
        storylet("never", json!({})),
        storylet("shut", json!({"when": {"facts": {"mood": {"at_least": 9}}}})),
    ];
    let script = Script::from([(1, first), (2, vec![talk(1, "ann", "smith")])]);
    let run = drive(&mut machine(), &script, 0, 10);
    let memory: Vec<String> = support::rows(&run)
        .iter()
        .filter(|(view, _)| *view == STORYLET_MEMORY)
        .map(|(_, row)| support::shown(row))
        .collect();
    assert_eq!(memory, ["ann best 1 2", "ann never 0 -"]);
}

/// What other operators re-emit in the tick of a load: the last of each kind.
fn known(inputs: &[NpcsIn]) -> Vec<NpcsIn> {
    let mut last = std::collections::BTreeMap::new();
    for input in inputs {
        let key = match input {
            NpcsIn::Define(npc, _) => format!("define {npc}"),
            NpcsIn::DefineStorylet(id, _) => format!("storylet {id}"),
            NpcsIn::Entity(now) => format!("entity {}", now.entity),
            NpcsIn::Fact(fact) => format!("fact {:?} {}", fact.holder, fact.fact),
            NpcsIn::Player(now) => format!("player {}", now.player),
            _ => continue,
        };
        last.insert(key, input.clone());
    }
    last.into_values().collect()
}

fn input() -> impl Strategy<Value = NpcsIn> {
    let who = || prop::sample::select(vec!["ann", "bo"]);
    let trigger = prop::sample::select(vec![
        json!("addressed"),
        json!({"bark": {}}),
        json!({"holds": {}}),
        json!({"follow_up": {}}),
        json!({"happens": {"event": "enter", "region": "village"}}),
    ]);
    let limits = prop::sample::select(vec![
        json!({}),
        json!({"once": true}),
        json!({"player": {"cooldown": "700ms"}}),
        json!({"player": {"most": 2, "cooldown": "6s"}}),
    ]);
    let when = prop::sample::select(vec![
        json!({}),
        json!({"region": "village"}),
        json!({"facts": {"mood": {"at_least": 3}}}),
    ]);
    let id = || prop::sample::select(vec!["a", "b", "c", "d"]);
    let npcs = || prop::sample::select(vec!["smith", "crafter", "baker"]);
    let story = (id(), trigger, limits, when, npcs(), prop::option::of((id(), 100_u64..3_000)));
    let story = story.prop_map(|(id, trigger, limits, when, who, then)| {
        let mut def = json!({"trigger": trigger, "limits": limits, "when": when, "who": who});
        def["effects"] = json!([{"add": {"fact": "mood", "by": 1}}]);
        if let Some((then, after)) = then {
            def["then"] = json!({"storylet": then, "after": format!("{after}ms")});
        }
        storylet(id, def)
    });
    prop_oneof![
        5 => (0_u64..99, who(), prop::sample::select(vec!["smith", "baker"])).prop_map(|(id, who, to)| talk(id, who, to)),
        2 => (0_u64..99, who()).prop_map(|(id, who)| enters(id, who)),
        4 => story,
        1 => prop::sample::select(vec![None, Some("gold")]).prop_map(|tier| npc("smith", tier)),
        1 => prop::sample::select(vec!["village", ""]).prop_map(|region| entity("baker", &["crafter"], region)),
        3 => (who(), prop::sample::select(vec!["village", "moor", ""]), prop::bool::weighted(0.8)).prop_map(|(who, r, p)| player(who, r, p)),
        2 => (who(), 0_i64..6).prop_map(|(who, value)| mood(who, value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        ticks in prop::collection::btree_map(2_u64..150, prop::collection::vec(input(), 1..5), 3..14)
    ) {
        let once_each = |inputs: Vec<NpcsIn>| -> Vec<NpcsIn> {
            let acted = |input: &&NpcsIn| matches!(input, NpcsIn::Event(_) | NpcsIn::Happened(_));
            let acted = inputs.iter().filter(acted).cloned();
            acted.chain(known(&inputs)).collect()
        };
        let mut script: Script<NpcsIn> = ticks.into_iter().map(|(tick, inputs)| (tick, once_each(inputs))).collect();
        let first = ["a", "b", "c", "d"].map(|id| storylet(id, json!({"trigger": {"holds": {}}, "limits": {"once": true}, "salience": 3})));
        script.insert(1, first.into_iter().chain([npc("smith", None), npc("baker", Some("gold")), entity("baker", &["crafter"], "")]).collect());
        check_law(machine, &script, 220, known);
    }
}
