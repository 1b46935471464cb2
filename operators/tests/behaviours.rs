//! Behaviours: what NPCs do about what they sense, looked at only where something has changed, and the law of base state.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::{Script, changes, check_law, drive};
use worldflow_operators::behaviours::{BehavioursIn, BehavioursMachine, MOST_SENSED};
use worldflow_operators::machine::Machine;
use worldflow_operators::messages::EntityTags;
use worldflow_schemas::definitions::BehaviourDef;
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

fn machine() -> BehavioursMachine {
    BehavioursMachine::new(Sym::new("realm"), 100)
}

fn define(id: &str, who: &str, traits: Json) -> BehavioursIn {
    let def = json!({"who": who, "traits": traits, "lasts": "1s"});
    let def: BehaviourDef = serde_json::from_value(def).expect("a behaviour");
    BehavioursIn::Define(Sym::new(id), Some(Arc::new(def)))
}

fn tags(entity: &str, tags: &[&str]) -> BehavioursIn {
    let tags = tags.iter().map(|tag| Sym::new(tag)).collect();
    BehavioursIn::Entity(EntityTags { entity: Sym::new(entity), there: true, tags, region: Sym::NONE })
}

fn sense(id: u64, npc: &str, thing: &str, metres: i64, hostile: bool) -> BehavioursIn {
    let with = [
        ("thing", Value::Sym(Sym::new(thing))),
        ("distance", Value::Dec(metres * 1_000_000)),
        ("hostile", Value::Bool(hostile)),
    ];
    BehavioursIn::Event(Event {
        at_ms: 0,
        source: Sym::new("server"),
        id: EventId::Position(id),
        player: Sym::NONE,
        kind: Sym::new("sense"),
        target: Sym::new(npc),
        region: Sym::NONE,
        amount: 1,
        with: Some(with.map(|(name, value)| (Sym::new(name), value)).into_iter().collect()),
    })
}

const FIERCE: &str = "fierce";

fn fierce() -> BehavioursIn {
    define(FIERCE, "pack", json!({"aggression": 0.9}))
}

#[test]
fn the_most_urgent_is_done_until_nothing_counts() {
    let script = Script::from([
        (1, vec![fierce(), tags("wolf", &["pack"])]),
        (2, vec![sense(1, "wolf", "ann", 8, true)]),
        (4, vec![sense(2, "wolf", "bo", 3, true), sense(3, "wolf", "crow", 1, false)]),
        (6, vec![sense(4, "wolf", "bo", 9, true)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 100);
    assert_eq!(changes(&run, 2), ["+1 wolf approach ann 0.8 combat 2 1"]);
    assert_eq!(changes(&run, 4), ["-1 wolf approach ann 0.8 combat 2 1", "+1 wolf attack bo 0.9 combat 4 2"]);
    assert_eq!(
        changes(&run, 6),
        ["-1 wolf attack bo 0.9 combat 4 2", "+1 wolf approach ann 0.8 combat 6 3"],
        "she is nearer"
    );
    assert_eq!(
        changes(&run, 12),
        ["-1 wolf approach ann 0.8 combat 6 3", "+1 wolf approach bo 0.8 combat 12 4"]
    );
    assert_eq!(
        changes(&run, 14),
        ["-1 wolf approach bo 0.8 combat 12 4", "+1 wolf approach bo 0.8 combat 12 5"]
    );
    assert_eq!(changes(&run, 16), ["-1 wolf approach bo 0.8 combat 12 5"], "all of it is too long ago");
}

#[test]
fn an_edit_and_a_tag_change_what_is_done() {
    let shy = define(FIERCE, "pack", json!({"aggression": 0, "neuroticism": 0.9}));
    let script = Script::from([
        (1, vec![fierce(), tags("wolf", &["pack"])]),
        (2, vec![sense(1, "wolf", "ann", 8, true), sense(2, "sheep", "ann", 8, true)]),
        (3, vec![shy]),
        (4, vec![tags("wolf", &[])]),
    ]);
    let run = drive(&mut machine(), &script, 0, 5);
    assert_eq!(changes(&run, 2), ["+1 wolf approach ann 0.8 combat 2 1"], "of the sheep nothing is said");
    assert_eq!(changes(&run, 3), ["-1 wolf approach ann 0.8 combat 2 1", "+1 wolf flee ann 1 survival 3 2"]);
    assert_eq!(changes(&run, 4), ["-1 wolf flee ann 1 survival 3 2"]);
}

#[test]
fn of_ten_thousand_only_those_are_looked_at_whose_senses_change() {
    let mut first = vec![fierce()];
    let mut second = Vec::new();
    for n in 0..10_000_u64 {
        let wolf = format!("wolf{n}");
        first.push(tags(&wolf, &["pack"]));
        second.push(sense(n, &wolf, "ann", 8, true));
    }
    let third = [17, 4_000].map(|n| sense(20_000 + n, &format!("wolf{n}"), "ann", 2, true));
    let script = Script::from([(1, first), (2, second), (3, third.to_vec())]);
    let run = drive(&mut machine(), &script, 0, 4);
    let looked_at = |tick: Tick| {
        let rows = run[&tick].rows.iter().filter(|(_, diff)| **diff > 0);
        rows.count()
    };
    assert_eq!((looked_at(2), looked_at(3)), (10_000, 2));
    let twice = support::rows(&run).iter().filter(|(_, row)| row[7] == Value::Int(2)).count();
    assert_eq!(twice, 2, "`decisions` counts it");
}

#[test]
fn what_one_senses_is_bounded() {
    let many = (0..40).map(|n| sense(n, "wolf", &format!("p{n}"), 50, true)).collect();
    let script = Script::from([(1, vec![fierce(), tags("wolf", &["pack"])]), (2, many)]);
    let mut machine = machine();
    let run = drive(&mut machine, &script, 0, 2);
    let kept = run[&2].base.values().filter(|value| value.is_some()).count();
    assert_eq!(kept, MOST_SENSED + 1, "as many, and the NPC itself");
    assert!(machine.alarm().is_some());
}

/// What other operators re-emit in the tick of a load: the last of each kind.
fn known(inputs: &[BehavioursIn]) -> Vec<BehavioursIn> {
    let mut last = std::collections::BTreeMap::new();
    for input in inputs {
        let key = match input {
            BehavioursIn::Define(id, _) => format!("define {id}"),
            BehavioursIn::Entity(now) => format!("entity {}", now.entity),
            BehavioursIn::Clock(_) => "clock".to_owned(),
            BehavioursIn::Event(_) => continue,
        };
        last.insert(key, input.clone());
    }
    last.into_values().collect()
}

fn input() -> impl Strategy<Value = BehavioursIn> {
    let npc = || prop::sample::select(vec!["wolf", "hare"]);
    let traits = prop::sample::select(vec![
        json!({}),
        json!({"aggression": 0.9}),
        json!({"openness": 0.9, "curiosity": 0.9}),
        json!({"neuroticism": 0.9, "aggression": 0.0}),
    ]);
    prop_oneof![
        6 => (0_u64..999, npc(), prop::sample::select(vec!["ann", "bo", "cy"]), 0_i64..25, any::<bool>()).prop_map(|(id, npc, thing, m, h)| sense(id, npc, thing, m, h)),
        1 => (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["pack", "hare"]), traits).prop_map(|(id, who, traits)| define(id, who, traits)),
        1 => (npc(), prop::sample::select(vec![vec![], vec!["pack"]])).prop_map(|(npc, of)| tags(npc, &of)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        ticks in prop::collection::btree_map(2_u64..40, prop::collection::vec(input(), 1..5), 2..12)
    ) {
        let once_each = |inputs: Vec<BehavioursIn>| -> Vec<BehavioursIn> {
            let acted = inputs.iter().filter(|input| matches!(input, BehavioursIn::Event(_))).cloned();
            acted.chain(known(&inputs)).collect()
        };
        let mut script: Script<BehavioursIn> = ticks.into_iter().map(|(tick, inputs)| (tick, once_each(inputs))).collect();
        script.insert(1, vec![fierce(), tags("wolf", &["pack"])]);
        check_law(machine, &script, 60, known);
    }
}
