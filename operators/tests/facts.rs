//! Facts: order within a tick, types, expiry, versions, and the law of base state.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use support::{Script, changes, check_law, drive, order, world};
use worldflow_operators::facts::{FactsIn, FactsMachine, FactsOut};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::messages::{ClockNow, EffectOrder, FactEffect};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{CloseWrite, Current, CurrentValue, FactChange, FactWrite, Holder, Scope};
use worldflow_schemas::{EventId, Sym, Tick, Value};

fn facts() -> WorldDef {
    world(json!({
        "name": "facts", "seed": 1, "tick_ms": 10,
        "facts": {
            "mood": {"type": "int", "default": 5},
            "blessed": {"type": "bool", "default": false, "expires": "50ms"},
            "share": {"type": "dec", "default": 0.5},
            "title": {"type": "text", "default": "nobody"},
            "tension": {"scope": "realm", "type": "int", "default": 0, "expires": "1m world"},
        }
    }))
}

fn machine() -> FactsMachine {
    FactsMachine::new(Sym::new("realm"), &facts())
}

fn ada() -> Holder {
    Holder { scope: Scope::Player, id: Sym::new("ada") }
}

fn write(id: u64, fact: &str, change: FactChange) -> FactsIn {
    FactsIn::Write(FactWrite { order: order(0, id), holder: ada(), fact: Sym::new(fact), change })
}

fn write_if(id: u64, version: u64, fact: &str, change: FactChange) -> FactsIn {
    let write = FactWrite { order: order(0, id), holder: ada(), fact: Sym::new(fact), change };
    FactsIn::WriteIf(version, write)
}

fn effect(quest: &str, fact: &str, change: FactChange) -> FactsIn {
    let order = EffectOrder::Quest { quest: Sym::new(quest), holder: ada(), place: 0 };
    FactsIn::Effect(FactEffect { order, holder: ada(), fact: Sym::new(fact), change })
}

fn set(value: impl Into<Value>) -> FactChange {
    FactChange::Set(value.into())
}

fn add(value: impl Into<Value>) -> FactChange {
    FactChange::Add(value.into())
}

/// Refusals by code, in the order of the inputs.
fn codes(tick: Tick, inputs: Vec<FactsIn>) -> Vec<String> {
    let mut output = Output::default();
    machine().step(tick, inputs, &mut output);
    let codes = output.out.into_iter().filter_map(|out| match out {
        FactsOut::Refused(refused) => Some(refused.code.to_string()),
        FactsOut::Now(_) => None,
    });
    codes.collect()
}

#[test]
fn effects_come_before_writes_and_each_in_its_order() {
    let script = Script::from([(
        1,
        vec![
            write(2, "mood", add(1)),
            write(1, "mood", set(20)),
            effect("b", "mood", add(100)),
            effect("a", "mood", set(1)),
        ],
    )]);
    let run = drive(&mut machine(), &script, 0, 10);
    assert_eq!(changes(&run, 1), ["+1 player ada mood 21 4 -"]);
}

#[test]
fn a_fact_at_its_default_has_no_row_but_keeps_its_version() {
    let script = Script::from([
        (1, vec![write(1, "mood", set(6))]),
        (2, vec![write(2, "mood", add(-1))]),
        (3, vec![write(3, "mood", set(5))]),
        (4, vec![write(4, "mood", set(7))]),
        (5, vec![write(5, "mood", FactChange::Clear)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 10);
    assert_eq!(changes(&run, 1), ["+1 player ada mood 6 1 -"]);
    assert_eq!(changes(&run, 2), ["-1 player ada mood 6 1 -"]);
    assert!(run[&3].base.is_empty(), "setting what is there changes nothing");
    assert_eq!(changes(&run, 4), ["+1 player ada mood 7 3 -"]);
    assert_eq!(changes(&run, 5), ["-1 player ada mood 7 3 -"]);
}

#[test]
fn a_fact_expires_once_after_its_last_change_and_before_the_writes_of_that_tick() {
    let script = Script::from([
        (1, vec![write(1, "blessed", set(true))]),
        (3, vec![write(2, "blessed", set(true))]),
        (20, vec![write(3, "blessed", set(true))]),
        (25, vec![write(4, "blessed", set(true))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 100);
    assert_eq!(changes(&run, 3), ["-1 player ada blessed true 1 6", "+1 player ada blessed true 1 8"]);
    assert_eq!(changes(&run, 8), ["-1 player ada blessed true 1 8"]);
    assert_eq!(
        run[&8].out,
        [r#"Now(FactNow { holder: Holder { scope: Player, id: "ada" }, fact: "blessed", value: None })"#]
    );
    assert_eq!(changes(&run, 25), ["-1 player ada blessed true 3 25", "+1 player ada blessed true 5 30"]);
    assert!(run[&25].out.is_empty(), "at the end of the tick its value is what it was");
    assert_eq!(run.keys().copied().collect::<Vec<_>>(), [1, 3, 8, 20, 25, 30]);
}

#[test]
fn world_spans_are_taken_at_the_present_scale_of_the_clock() {
    let clock = ClockNow {
        world_ms: 0,
        fraction: (0, 1),
        since: 1,
        scale_world: 60,
        scale_real: 1,
        paused: false,
        phase: Sym::new("day"),
        season: Sym::new("spring"),
        moons: Vec::new(),
    };
    let realm = Holder { scope: Scope::Realm, id: Sym::new("realm") };
    let raise = FactWrite { order: order(0, 1), holder: realm, fact: Sym::new("tension"), change: add(3) };
    let script = Script::from([(1, vec![FactsIn::Write(raise), FactsIn::Clock(clock)])]);
    let run = drive(&mut machine(), &script, 0, 200);
    assert_eq!(changes(&run, 1), ["+1 realm realm tension 3 1 101"]);
    assert_eq!(changes(&run, 101), ["-1 realm realm tension 3 1 101"]);
}

#[test]
fn numbers_are_exact_and_saturate() {
    let script = Script::from([
        (1, vec![write(1, "share", add(Value::Dec(100_000))), write(2, "share", add(1))]),
        (2, vec![write(3, "mood", set(i64::MAX)), write(4, "mood", add(1))]),
        (3, vec![write(5, "mood", set(Value::Dec(3_000_000)))]),
        (4, vec![write(6, "title", set(Value::text("baron")))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 10);
    assert_eq!(changes(&run, 1), ["+1 player ada share 1.6 2 -"]);
    assert_eq!(changes(&run, 2), [format!("+1 player ada mood {} 1 -", i64::MAX)]);
    assert_eq!(changes(&run, 3)[1], "+1 player ada mood 3 2 -");
    assert_eq!(changes(&run, 4), ["+1 player ada title baron 1 -"]);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_code() {
    let guild = Holder { scope: Scope::Guild, id: Sym::new("ada") };
    let elsewhere = Holder { scope: Scope::Realm, id: Sym::new("other") };
    let to = |holder, fact: &str, change| {
        FactsIn::Write(FactWrite { order: order(0, 1), holder, fact: Sym::new(fact), change })
    };
    for (input, code) in [
        (write(1, "moood", set(1)), "unknown_fact"),
        (write(1, "mood", set(true)), "wrong_type"),
        (write(1, "mood", set(Value::Dec(1))), "wrong_type"),
        (write(1, "blessed", add(true)), "wrong_type"),
        (write(1, "title", add(1)), "wrong_type"),
        (write(1, "share", set(i64::MAX)), "wrong_type"),
        (to(guild, "mood", set(1)), "wrong_scope"),
        (to(elsewhere, "tension", set(1)), "wrong_scope"),
        (effect("q", "mood", set(Value::text("x"))), "wrong_type"),
    ] {
        assert_eq!(codes(1, vec![input.clone()]), [code], "{input:?}");
    }
}

fn change() -> impl Strategy<Value = FactChange> {
    prop_oneof![
        (-3_i64..9).prop_map(set),
        any::<bool>().prop_map(set),
        (-3_i64..4).prop_map(add),
        (-9_i64..9).prop_map(|n| add(Value::Dec(n * 250_000))),
        Just(FactChange::Clear),
    ]
}

fn input() -> impl Strategy<Value = FactsIn> {
    let fact = prop::sample::select(vec!["mood", "blessed", "share", "title", "tension"]);
    let holder =
        prop::sample::select(vec![(Scope::Player, "ada"), (Scope::Player, "bo"), (Scope::Realm, "realm")]);
    (0..9, 0_u64..50, holder, fact, change()).prop_map(|(which, id, (scope, holder), fact, change)| {
        let (holder, fact) = (Holder { scope, id: Sym::new(holder) }, Sym::new(fact));
        if which == 0 {
            FactsIn::Close(CloseWrite { order: order(0, id), group: holder })
        } else if which < 5 {
            let write = FactWrite { order: order(0, id), holder, fact, change };
            if which < 3 { FactsIn::Write(write) } else { FactsIn::WriteIf(id % 4, write) }
        } else {
            let order =
                EffectOrder::Quest { quest: Sym::new("q"), holder, place: u32::try_from(id).expect("small") };
            FactsIn::Effect(FactEffect { order, holder, fact, change })
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        script in prop::collection::btree_map(1_u64..40, prop::collection::vec(input(), 1..4), 1..12)
    ) {
        check_law(machine, &script, 60, |_| Vec::new());
    }

    #[test]
    fn any_split_over_shards_shows_the_same(
        script in prop::collection::btree_map(1_u64..40, prop::collection::vec(input(), 1..6), 1..12)
    ) {
        // An id is given once.
        let script: Script<FactsIn> = (script.into_iter())
            .map(|(tick, mut inputs)| {
                for (input, id) in inputs.iter_mut().zip(0..) {
                    match input {
                        FactsIn::Write(write) | FactsIn::WriteIf(_, write) => write.order = order(0, id),
                        FactsIn::Effect(effect) => {
                            let quest = Sym::new(&format!("q{id}"));
                            effect.order = EffectOrder::Quest { quest, holder: effect.holder, place: 0 };
                        }
                        FactsIn::Close(close) => close.order = order(0, id),
                        FactsIn::Clock(_) => {}
                    }
                }
                (tick, inputs)
            })
            .collect();
        let whole = support::rows(&drive(&mut machine(), &script, 0, 60));
        let mut split = std::collections::BTreeSet::new();
        for shard in 0..3 {
            let mine = |input: &FactsIn| match input {
                FactsIn::Write(write) | FactsIn::WriteIf(_, write) => write.holder.route() % 3 == shard,
                FactsIn::Effect(effect) => effect.holder.route() % 3 == shard,
                FactsIn::Close(close) => close.group.route() % 3 == shard,
                FactsIn::Clock(_) => true,
            };
            let script: BTreeMap<_, Vec<_>> = (script.iter())
                .map(|(tick, inputs)| (*tick, inputs.iter().filter(|i| mine(i)).rev().cloned().collect()))
                .collect();
            split.extend(support::rows(&drive(&mut machine(), &script, 0, 60)));
        }
        prop_assert_eq!(split, whole);
    }
}

#[test]
fn a_write_that_expects_a_version_is_done_at_it_or_told_what_is_there() {
    let mut machine = machine();
    let mut refused = |tick, inputs| {
        let mut output = Output::default();
        machine.step(tick, inputs, &mut output);
        let refused = output.out.into_iter().filter_map(|out| match out {
            FactsOut::Refused(refused) => Some(refused),
            FactsOut::Now(_) => None,
        });
        refused.map(|refused| (refused.id, refused.current.map(|found| *found))).collect::<Vec<_>>()
    };
    let there = |version, value: i64| Some(Current { version, value: CurrentValue::Fact(value.into()) });
    // At its default a fact has no row, and so no version; of two in a tick the first in order is done.
    let both = vec![write_if(2, 0, "mood", set(7)), write_if(1, 0, "mood", set(6))];
    assert_eq!(refused(1, both), [(EventId::Position(2), there(1, 6))]);
    assert_eq!(refused(2, vec![write_if(3, 1, "mood", add(1))]), []);
    assert_eq!(refused(3, vec![write_if(4, 1, "mood", add(1))]), [(EventId::Position(4), there(2, 7))]);
    // Back at the default there is no row, and the versions that were are no longer good.
    assert_eq!(refused(4, vec![write_if(5, 2, "mood", FactChange::Clear)]), []);
    assert_eq!(refused(5, vec![write_if(6, 2, "mood", set(1))]), [(EventId::Position(6), there(0, 5))]);
    assert_eq!(refused(6, vec![write_if(7, 0, "mood", set(1))]), []);
    assert_eq!(refused(7, vec![write_if(8, 1, "mood", set(2))]), [(EventId::Position(8), there(4, 1))]);
    let unknown = refused(8, vec![write_if(9, 0, "no such fact", set(2))]);
    assert_eq!(unknown, [(EventId::Position(9), None)]);
}
