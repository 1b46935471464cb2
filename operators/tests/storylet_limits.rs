//! Limits of storylets over all players: who gets what there is room for, what counts, and the law of base state.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::{Script, check_law, shown, world};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::messages::PlayerPlace;
use worldflow_operators::npcs::{
    NpcsIn, NpcsMachine, NpcsOut, StoryletLimitsIn, StoryletLimitsMachine, StoryletLimitsOut,
};
use worldflow_operators::presence::PlayerNow;
use worldflow_schemas::catalog::{NPC_LINES, STORYLET_LIMITS};
use worldflow_schemas::definitions::{NpcDef, StoryletDef, WorldDef};
use worldflow_schemas::input::Reply;
use worldflow_schemas::{Event, EventId, Sym, Tick};

/// Ten ticks a second.
fn village() -> WorldDef {
    world(json!({
        "name": "stories", "seed": 1, "tick_ms": 100,
        "regions": {"village": {}},
        "tiers": {"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}},
    }))
}

fn define(id: &str, def: &Json) -> (Sym, Option<Arc<StoryletDef>>) {
    let mut all = json!({"who": ["smith", "baker"], "lines": id});
    all.as_object_mut().expect("a map").extend(def.as_object().expect("a map").clone());
    let def: StoryletDef = serde_json::from_value(all).expect("a storylet");
    (Sym::new(id), Some(Arc::new(def)))
}

fn npc(id: &str, tier: Option<&str>) -> NpcsIn {
    let def = json!({"barks": "Hm.", "tier": tier, "patience": "500ms"});
    let def: NpcDef = serde_json::from_value(def).expect("an npc");
    NpcsIn::Define(Sym::new(id), Some(Arc::new(def)))
}

fn event(kind: &str, id: u64, player: &str, target: &str) -> Event {
    Event {
        at_ms: 0,
        source: Sym::new("server"),
        id: EventId::Position(id),
        player: Sym::new(player),
        kind: Sym::new(kind),
        target: Sym::new(target),
        region: Sym::NONE,
        amount: 1,
        with: None,
    }
}

fn talk(id: u64, player: &str, npc: &str) -> NpcsIn {
    NpcsIn::Event(event("talk", id, player, npc))
}

fn present(player: &str) -> NpcsIn {
    NpcsIn::Player(PlayerNow { player: Sym::new(player), place: PlayerPlace::default(), present: true })
}

/// Both operators, one after the other, and the loop to the next tick.
struct Both {
    npcs: NpcsMachine,
    limits: StoryletLimitsMachine,
    next: Vec<NpcsIn>,
    said: Vec<(Tick, String)>,
    shown: BTreeMap<String, i64>,
}

impl Both {
    fn new(storylets: &[(&str, Json)], npcs: Vec<NpcsIn>) -> Both {
        let realm = Sym::new("realm");
        let mut both = Both {
            npcs: NpcsMachine::new(realm, &village()),
            limits: StoryletLimitsMachine::new(realm, &village()),
            next: Vec::new(),
            said: Vec::new(),
            shown: BTreeMap::new(),
        };
        both.step(1, npcs, storylets);
        both
    }

    fn step(&mut self, tick: Tick, inputs: Vec<NpcsIn>, edits: &[(&str, Json)]) {
        let edits: Vec<_> = edits.iter().map(|(id, def)| define(id, def)).collect();
        let mut all = std::mem::take(&mut self.next);
        all.extend(inputs);
        all.extend(edits.iter().map(|(id, def)| NpcsIn::DefineStorylet(*id, def.clone())));
        let mut output = Output::default();
        self.npcs.step(tick, all, &mut output);
        for ((view, row), diff) in &output.rows {
            if *view == NPC_LINES && *diff > 0 {
                self.said.push((tick, format!("{} {} {}", row[1], row[2], row[4]).replace('"', "")));
            }
        }
        let told = edits.into_iter().map(|(id, def)| StoryletLimitsIn::Define(id, def));
        let sayings = output.out.into_iter().filter_map(|out| match out {
            NpcsOut::Saying(saying) => Some(StoryletLimitsIn::Saying(saying)),
            _ => None,
        });
        let mut output = Output::default();
        self.limits.step(tick, told.chain(sayings).collect(), &mut output);
        for ((view, row), diff) in output.rows {
            assert_eq!(view, STORYLET_LIMITS);
            *self.shown.entry(shown(&row)).or_default() += diff as i64;
        }
        self.next = output.out.into_iter().map(NpcsIn::Limits).collect();
    }

    /// Every tick up to this one, with what comes in some of them.
    fn run(&mut self, ticks: std::ops::RangeInclusive<Tick>, mut script: BTreeMap<Tick, Vec<NpcsIn>>) {
        for tick in ticks {
            self.step(tick, script.remove(&tick).unwrap_or_default(), &[]);
        }
    }

    fn rows(&self) -> Vec<&str> {
        self.shown.iter().filter(|(_, n)| **n == 1).map(|(row, _)| row.as_str()).collect()
    }

    /// Who was told what, whoever said it, without ticks.
    fn told(&self, text: &str) -> usize {
        self.said.iter().filter(|(_, said)| said.ends_with(text)).count()
    }
}

fn three_at_once(tick: Tick, npcs: [&str; 3]) -> BTreeMap<Tick, Vec<NpcsIn>> {
    let talks = ["ann", "bo", "cy"].iter().zip(npcs).zip(1..);
    BTreeMap::from([(tick, talks.map(|((player, npc), id)| talk(id, player, npc)).collect())])
}

#[test]
fn of_three_in_one_tick_as_many_get_it_as_there_is_room_for() {
    let realm = json!({"limits": {"realm": {"most": 2}}});
    let mut both = Both::new(&[("rare", realm)], vec![npc("smith", None), npc("baker", None)]);
    both.run(2..=6, three_at_once(2, ["smith", "smith", "baker"]));
    assert_eq!((both.told("rare"), both.told("Hm.")), (2, 1), "{:?}", both.said);
    assert!(both.said.iter().all(|(tick, _)| *tick == 3), "a tick later: {:?}", both.said);
    assert_eq!(both.rows(), ["rare realm realm 2 3 - true"]);
    // It is known by then that there is nothing left.
    both.run(7..=7, three_at_once(7, ["smith", "smith", "baker"]));
    assert_eq!(both.told("Hm."), 4, "{:?}", both.said);
}

#[test]
fn each_npc_has_a_limit_of_its_own() {
    let each = json!({"limits": {"npc": {"most": 1, "cooldown": "1s"}}});
    let mut both = Both::new(&[("news", each)], vec![npc("smith", None), npc("baker", None)]);
    both.run(2..=6, three_at_once(2, ["smith", "smith", "baker"]));
    assert_eq!((both.told("smith news"), both.told("baker news")), (1, 1), "{:?}", both.said);
    assert_eq!(
        both.rows(),
        ["news npc baker 1 3 - true", "news npc smith 1 3 - true", "news realm realm 2 3 - false"]
    );
}

#[test]
fn a_cooldown_is_over_for_all_at_the_same_time() {
    let rests = json!({"limits": {"realm": {"cooldown": "1s"}}});
    let mut both = Both::new(&[("hear", rests)], vec![npc("smith", None), npc("baker", None)]);
    let mut script = BTreeMap::new();
    for tick in 2..=30 {
        script.extend(three_at_once(tick, ["smith", "baker", "smith"]));
    }
    both.run(2..=30, script);
    let ticks: Vec<Tick> =
        both.said.iter().filter(|(_, said)| said.ends_with("hear")).map(|(tick, _)| *tick).collect();
    // Said at 3; at the end of 13 a second has passed, so it is claimed at 14 and said at 15.
    assert_eq!(ticks, [3, 15, 27]);
}

#[test]
fn no_more_say_it_at_once_than_may() {
    let two = json!({"limits": {"at_once": {"most": 2, "lasts": "1s"}}});
    let mut both = Both::new(&[("whisper", two)], vec![npc("smith", None), npc("baker", None)]);
    let mut script = BTreeMap::new();
    for tick in 2..=16 {
        script.extend(three_at_once(tick, ["smith", "baker", "smith"]));
    }
    both.run(2..=16, script);
    let said: Vec<Tick> =
        both.said.iter().filter(|(_, said)| said.ends_with("whisper")).map(|(tick, _)| *tick).collect();
    assert_eq!(said, [3, 3, 15, 15]);
    assert_eq!(both.rows(), ["whisper realm realm 4 15 2 true"]);
    both.run(17..=30, BTreeMap::new());
    assert_eq!(both.rows(), ["whisper realm realm 4 15 0 false"]);
}

#[test]
fn what_a_tier_is_asked_for_is_being_said_until_the_answer_and_a_while_longer() {
    let asks = json!({"ask": {"prompt": "gossip"}, "limits": {"at_once": {"most": 1, "lasts": "1s"}}});
    let npcs = vec![npc("smith", Some("gold")), npc("baker", Some("gold"))];
    let mut both = Both::new(&[("gossip", asks)], npcs);
    let reply = json!({
        "request": "smith/ann/1", "tier": "gold", "outcome": {"Ok": "So they say."}, "took_ms": 20, "tokens": 4,
    });
    let reply: Reply = serde_json::from_value(reply).expect("a reply");
    let script = BTreeMap::from([(2, vec![talk(1, "ann", "smith")]), (6, vec![NpcsIn::Reply(reply)])]);
    both.run(2..=5, script.clone());
    assert_eq!(both.rows(), ["gossip realm realm 1 3 1 true"], "it is asked for");
    both.run(6..=15, script);
    assert_eq!(both.rows(), ["gossip realm realm 1 3 1 true"], "{:?}", both.said);
    both.run(16..=16, BTreeMap::new());
    assert_eq!(both.rows(), ["gossip realm realm 1 3 0 false"]);
}

#[test]
fn what_was_said_before_a_limit_counts() {
    let mut both = Both::new(&[("tale", json!({}))], vec![npc("smith", None), npc("baker", None)]);
    both.run(2..=2, three_at_once(2, ["smith", "baker", "smith"]));
    both.step(3, Vec::new(), &[("tale", json!({"limits": {"realm": {"most": 4}}}))]);
    assert_eq!(both.rows(), ["tale realm realm 3 2 - false"]);
    both.run(4..=8, three_at_once(4, ["smith", "baker", "smith"]));
    assert_eq!((both.told("tale"), both.told("Hm.")), (4, 2), "{:?}", both.said);
}

#[test]
fn what_holds_is_said_once_in_the_realm_though_it_holds_for_all() {
    let once = json!({"trigger": {"holds": {}}, "limits": {"realm": {"most": 1}}});
    let npcs = vec![npc("smith", None), present("ann"), present("bo"), present("cy")];
    let mut both = Both::new(&[("lo", once)], npcs);
    both.run(2..=9, BTreeMap::new());
    assert_eq!((both.told("lo"), both.said[0].0), (1, 2));
}

#[test]
fn an_event_makes_somebody_speak() {
    let greets = json!({"trigger": {"happens": {"event": "enter", "target": "tavern"}}, "limits": {"npc": {"most": 1}}});
    let mut both = Both::new(&[("door", greets)], vec![npc("smith", None), npc("baker", None)]);
    let enters = |id, player: &str| NpcsIn::Happened(event("enter", id, player, "tavern"));
    let elsewhere = NpcsIn::Happened(event("enter", 9, "dan", "mine"));
    let script = BTreeMap::from([(2, vec![enters(1, "ann"), enters(2, "bo"), enters(3, "cy"), elsewhere])]);
    both.run(2..=9, script);
    assert_eq!((both.told("smith door"), both.told("baker door")), (1, 1), "{:?}", both.said);
}

#[test]
fn a_player_claims_the_same_storylet_once_in_a_tick() {
    let realm = json!({"limits": {"once": true, "realm": {"most": 9}}});
    let mut both = Both::new(&[("rare", realm)], vec![npc("smith", None), npc("baker", None)]);
    let talks = vec![talk(1, "ann", "smith"), talk(2, "ann", "smith"), talk(3, "ann", "baker")];
    both.run(2..=6, BTreeMap::from([(2, talks)]));
    assert_eq!((both.told("rare"), both.told("Hm.")), (1, 2), "{:?}", both.said);
}

#[derive(Clone, Debug)]
enum Step {
    Edit(&'static str, Json),
    Npcs(Vec<(&'static str, &'static str)>),
}

fn step() -> impl Strategy<Value = Step> {
    let limits = prop::sample::select(vec![
        json!({}),
        json!({"realm": {"most": 3}}),
        json!({"npc": {"most": 2, "cooldown": "300ms"}}),
        json!({"realm": {"cooldown": "700ms"}, "at_once": {"most": 2, "lasts": "1s"}}),
        json!({"at_once": {"most": 1, "lasts": "400ms"}}),
    ]);
    let id = prop::sample::select(vec!["a", "b"]);
    let talk = (prop::sample::select(vec!["ann", "bo", "cy"]), prop::sample::select(vec!["smith", "baker"]));
    prop_oneof![
        1 => (id, limits).prop_map(|(id, limits)| Step::Edit(id, json!({"limits": limits}))),
        4 => prop::collection::vec(talk, 1..5).prop_map(Step::Npcs),
    ]
}

/// What the operator of limits is told by one of NPCs that is told these.
fn script_of(steps: &BTreeMap<Tick, Step>, until: Tick) -> Script<StoryletLimitsIn> {
    let mut script = Script::new();
    let (mut npcs, mut limits) = {
        let realm = Sym::new("realm");
        (NpcsMachine::new(realm, &village()), StoryletLimitsMachine::new(realm, &village()))
    };
    let mut next = vec![npc("smith", None), npc("baker", None)];
    for tick in 1..=until {
        let mut inputs = std::mem::take(&mut next);
        let mut told = Vec::new();
        match steps.get(&tick) {
            Some(Step::Edit(id, def)) => {
                let (id, def) = define(id, def);
                inputs.push(NpcsIn::DefineStorylet(id, def.clone()));
                told.push(StoryletLimitsIn::Define(id, def));
            }
            Some(Step::Npcs(talks)) => {
                inputs.extend(talks.iter().zip(1..).map(|((player, npc), id)| talk(id, player, npc)));
            }
            None => {}
        }
        let mut output = Output::default();
        npcs.step(tick, inputs, &mut output);
        told.extend(output.out.into_iter().filter_map(|out| match out {
            NpcsOut::Saying(saying) => Some(StoryletLimitsIn::Saying(saying)),
            _ => None,
        }));
        let mut output = Output::default();
        limits.step(tick, told.clone(), &mut output);
        next = output.out.into_iter().map(NpcsIn::Limits).collect();
        if !told.is_empty() {
            script.insert(tick, told);
        }
    }
    script
}

/// What other operators re-emit in the tick of a load: the last definitions.
fn known(inputs: &[StoryletLimitsIn]) -> Vec<StoryletLimitsIn> {
    let mut last = BTreeMap::new();
    for input in inputs {
        if let StoryletLimitsIn::Define(id, _) = input {
            last.insert(id.as_str(), input.clone());
        }
    }
    last.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        mut steps in prop::collection::btree_map(3_u64..50, step(), 4..14)
    ) {
        steps.insert(2, Step::Edit("a", json!({"limits": {"realm": {"most": 5}, "npc": {"cooldown": "200ms"}}})));
        let script = script_of(&steps, 70);
        let machine = || StoryletLimitsMachine::new(Sym::new("realm"), &village());
        check_law(machine, &script, 75, known);
    }
}

#[test]
fn an_answer_goes_to_the_player_who_claimed() {
    let (id, def) = define("rare", &json!({"limits": {"realm": {"most": 1}}}));
    let mut npcs = NpcsMachine::new(Sym::new("realm"), &village());
    let mut output = Output::default();
    let inputs = vec![npc("smith", None), NpcsIn::DefineStorylet(id, def.clone()), talk(1, "ann", "smith")];
    npcs.step(1, inputs, &mut output);
    let mut limits = StoryletLimitsMachine::new(Sym::new("realm"), &village());
    let sayings = output.out.into_iter().filter_map(|out| match out {
        NpcsOut::Saying(saying) => Some(StoryletLimitsIn::Saying(saying)),
        _ => None,
    });
    let mut output = Output::default();
    limits.step(1, sayings.chain([StoryletLimitsIn::Define(id, def)]).collect(), &mut output);
    let answers: Vec<(Sym, bool)> = output
        .out
        .iter()
        .filter_map(|out| match out {
            StoryletLimitsOut::Answer(claim, granted) => Some((claim.player(), *granted)),
            StoryletLimitsOut::Closed { .. } => None,
        })
        .collect();
    assert_eq!(answers, [(Sym::new("ann"), true)]);
    assert_eq!(limits.alarm(), Some(2), "what was granted is looked at again");
}
