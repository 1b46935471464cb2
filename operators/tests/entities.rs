//! Entities: the exact delta of a subscription, full recompute = incremental, bounds, and the law
//! of base state.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use support::{Run, Script, changes, check_law, drive, order, world};
use worldflow_operators::entities::{EntitiesIn, EntitiesMachine, EntitiesOut, MOST_PROPERTIES, MOST_TAGS};
use worldflow_operators::machine::{Machine, Output};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{EntityBody, EntityChange, EntityWrite};
use worldflow_schemas::{Row, Sym, Tick, Value};

fn entities() -> WorldDef {
    world(json!({
        "name": "entities", "seed": 1,
        "entities": {
            "wolf": {"kind": "npc", "tags": ["pack", "beast"], "properties": {"hp": 30, "alpha": false}},
            "gate": {"kind": "object"},
        }
    }))
}

fn machine() -> EntitiesMachine {
    EntitiesMachine::new(Sym::new("realm"), &entities(), 0, 1)
}

fn write(id: u64, entity: &str, change: EntityChange) -> EntitiesIn {
    EntitiesIn::Write(EntityWrite { order: order(0, id), entity: Sym::new(entity), change })
}

fn upsert(kind: &str, tags: &[&str], properties: &[(&str, i64)]) -> EntityChange {
    EntityChange::Upsert(EntityBody {
        kind: Sym::new(kind),
        tags: tags.iter().map(|tag| Sym::new(tag)).collect(),
        properties: properties.iter().map(|(name, n)| (Sym::new(name), Value::Int(*n))).collect(),
    })
}

fn merge(properties: &[(&str, Value)], add: &[&str], remove: &[&str]) -> EntityChange {
    EntityChange::Merge {
        properties: properties.iter().map(|(name, value)| (Sym::new(name), value.clone())).collect(),
        add_tags: add.iter().map(|tag| Sym::new(tag)).collect(),
        remove_tags: remove.iter().map(|tag| Sym::new(tag)).collect(),
    }
}

#[test]
fn declared_entities_appear_in_the_first_step_and_writes_act_in_order() {
    let script = Script::from([
        (1, vec![EntitiesIn::Begin]),
        (
            2,
            vec![
                write(
                    2,
                    "wolf",
                    merge(&[("hp", Value::Int(12)), ("alpha", Value::Null)], &["hurt"], &["pack"]),
                ),
                write(1, "wolf", merge(&[("hp", Value::Int(20)), ("fur", Value::Dec(500_000))], &[], &[])),
            ],
        ),
        (3, vec![write(3, "wolf", upsert("npc", &["beast"], &[]))]),
        (
            4,
            vec![
                write(4, "wolf", EntityChange::Delete),
                write(5, "cart", upsert("object", &["b", "a", "b"], &[])),
            ],
        ),
        (5, vec![write(6, "wolf", upsert("npc", &[], &[])), write(7, "cart", EntityChange::Delete)]),
        (6, vec![write(8, "cart", upsert("object", &[], &[]))]),
    ]);
    let run = drive(&mut machine(), &script, 0, 10);
    assert_eq!(
        changes(&run, 1),
        ["+1 gate object [] {} 1", r#"+1 wolf npc ["beast","pack"] {"alpha":false,"hp":30} 1"#]
    );
    assert!(run[&1].base.is_empty(), "what the world declares is no base state");
    assert_eq!(
        changes(&run, 2),
        [
            r#"-1 wolf npc ["beast","pack"] {"alpha":false,"hp":30} 1"#,
            r#"+1 wolf npc ["beast","hurt"] {"fur":0.5,"hp":12} 3"#
        ]
    );
    assert_eq!(changes(&run, 3)[1], r#"+1 wolf npc ["beast"] {} 4"#);
    assert_eq!(
        run[&3].out,
        [r#"Tags(EntityTags { entity: "wolf", there: true, tags: ["beast"], region: "" })"#]
    );
    assert_eq!(changes(&run, 4), [r#"-1 wolf npc ["beast"] {} 4"#, r#"+1 cart object ["a","b"] {} 1"#]);
    assert_eq!(run[&4].out[1], r#"Tags(EntityTags { entity: "wolf", there: false, tags: [], region: "" })"#);
    // What is made anew is at a version that never was.
    assert_eq!(changes(&run, 5), [r#"-1 cart object ["a","b"] {} 1"#, "+1 wolf npc [] {} 6"]);
    assert_eq!(changes(&run, 6), ["+1 cart object [] {} 3"]);
}

#[test]
fn a_load_tells_that_declared_tags_are_gone() {
    let told = |change: EntityChange| {
        let script = Script::from([(1, vec![EntitiesIn::Begin]), (2, vec![write(1, "wolf", change)])]);
        let run = drive(&mut machine(), &script, 0, 10);
        let mut again = machine();
        support::load(&mut again, &run);
        let mut output = Output::default();
        again.loaded(2, Vec::new(), &mut output);
        // The gate is told of, too: it is there.
        let mut out = support::Changed::of(output).out;
        out.retain(|told| told.contains(r#"entity: "wolf""#));
        out
    };
    assert_eq!(
        told(EntityChange::Delete),
        [r#"Tags(EntityTags { entity: "wolf", there: false, tags: [], region: "" })"#]
    );
    assert_eq!(
        told(upsert("npc", &[], &[])),
        [r#"Tags(EntityTags { entity: "wolf", there: true, tags: [], region: "" })"#]
    );
    assert_eq!(
        told(merge(&[], &[], &["pack"])),
        [r#"Tags(EntityTags { entity: "wolf", there: true, tags: ["beast"], region: "" })"#]
    );
}

#[test]
fn each_declared_entity_belongs_to_one_shard() {
    let mut rows = Vec::new();
    for index in 0..3 {
        let mut shard = EntitiesMachine::new(Sym::new("realm"), &entities(), index, 3);
        rows.extend(changes(&drive(&mut shard, &Script::from([(1, vec![EntitiesIn::Begin])]), 0, 5), 1));
    }
    rows.sort();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].contains("gate") && rows[1].contains("wolf"));
}

#[test]
fn bounds_hold_and_what_cannot_be_done_is_refused() {
    let names: Vec<String> = (0..=MOST_PROPERTIES).map(|n| format!("p{n}")).collect();
    let many: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let tags: Vec<&str> = names[..=MOST_TAGS].iter().map(String::as_str).collect();
    for (entity, change, code) in [
        ("cart", EntityChange::Delete, "unknown_entity"),
        ("cart", merge(&[], &["a"], &[]), "unknown_entity"),
        ("cart", upsert("dragon", &[], &[]), "unknown_entity_kind"),
        ("cart", upsert("object", &tags, &[]), "too_many_tags"),
        ("wolf", merge(&[], &tags, &[]), "too_many_tags"),
        ("cart", upsert("object", &[], &many), "too_many_properties"),
    ] {
        let mut output = Output::default();
        machine().step(1, vec![write(1, entity, change)], &mut output);
        let refused = output.out.iter().find_map(|out| match out {
            EntitiesOut::Refused(refused) => Some(refused.code.as_str()),
            EntitiesOut::Tags(_) => None,
        });
        assert_eq!(refused, Some(code));
        assert!(output.base.is_empty() && output.rows.len() == 2, "a refused write changes nothing");
    }
    let run = drive(
        &mut machine(),
        &Script::from([(1, vec![write(1, "cart", upsert("object", &tags[1..], &many[1..]))])]),
        0,
        5,
    );
    assert_eq!(changes(&run, 1).len(), 3, "as many as the bounds allow are taken");
}

/// The naive form: all writes ever, folded from the start.
fn recompute(
    script: &Script<EntitiesIn>,
    until: Tick,
) -> BTreeMap<String, (String, Vec<String>, BTreeMap<String, String>)> {
    let mut all = BTreeMap::new();
    for (name, def) in &entities().entities {
        let properties: BTreeMap<String, String> =
            def.properties.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let mut tags = def.tags.clone();
        tags.sort();
        all.insert(name.clone(), (def.kind.clone(), tags, properties));
    }
    let mut changes: BTreeMap<String, u64> = all.keys().map(|name| (name.clone(), 1)).collect();
    for (_, inputs) in script.range(..=until) {
        let mut writes: Vec<(&EntityWrite, Option<u64>)> = (inputs.iter())
            .filter_map(|input| match input {
                EntitiesIn::Write(write) => Some((write, None)),
                EntitiesIn::WriteIf(version, write) => Some((write, Some(*version))),
                EntitiesIn::Begin => None,
            })
            .collect();
        writes.sort_by(|(a, _), (b, _)| a.order.cmp_order(&b.order));
        for (write, if_version) in writes {
            let name = write.entity.to_string();
            let before = all.get(&name).cloned();
            let shown = if before.is_some() { changes[&name] } else { 0 };
            if if_version.is_some_and(|version| version != shown) {
                continue;
            }
            match &write.change {
                EntityChange::Delete => drop(all.remove(&name)),
                EntityChange::Upsert(body) => {
                    let mut tags: Vec<String> = body.tags.iter().map(ToString::to_string).collect();
                    tags.sort();
                    tags.dedup();
                    let properties: BTreeMap<String, String> =
                        body.properties.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
                    all.insert(name.clone(), (body.kind.to_string(), tags, properties));
                }
                EntityChange::Merge { properties, add_tags, remove_tags } => {
                    let Some((_, tags, had)) = all.get_mut(&write.entity.to_string()) else { continue };
                    tags.retain(|tag| remove_tags.iter().all(|gone| gone.as_str() != tag));
                    tags.extend(add_tags.iter().map(ToString::to_string));
                    tags.sort();
                    tags.dedup();
                    for (name, value) in properties {
                        if *value == Value::Null {
                            had.remove(name.as_str());
                        } else {
                            had.insert(name.to_string(), value.to_string());
                        }
                    }
                }
            }
            *changes.entry(name.clone()).or_default() += u64::from(all.get(&name) != before.as_ref());
        }
    }
    all
}

/// A subscription by kind or tag, in the terms of a view's filter.
type Passes = fn(&Row) -> bool;

fn is_npc(row: &Row) -> bool {
    row[2].as_str() == Some("npc")
}

fn is_beast(row: &Row) -> bool {
    let tags: Vec<String> =
        serde_json::from_str(row[3].as_str().expect("tags are text")).expect("tags are JSON");
    tags.iter().any(|tag| tag == "beast")
}

fn everything(_: &Row) -> bool {
    true
}

fn readable(row: &Row) -> (String, (String, Vec<String>, BTreeMap<String, String>)) {
    let text = |column: usize| row[column].as_str().unwrap_or_default().to_owned();
    let properties: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text(4)).expect("a map");
    let tags = serde_json::from_str(&text(3)).expect("a list");
    (
        text(1),
        (text(2), tags, properties.into_iter().map(|(name, value)| (name, value.to_string())).collect()),
    )
}

/// Each tick's filtered delta, replayed, is the filtered recompute; and a delta never says what the
/// subscriber knows already.
fn check_subscription(run: &Run, script: &Script<EntitiesIn>, passes: Passes) {
    let mut seen = std::collections::BTreeSet::new();
    for (tick, changed) in run {
        let mut delta: Vec<_> = changed.rows.iter().filter(|((_, row), _)| passes(row)).collect();
        delta.sort_by_key(|(_, diff)| **diff);
        for ((_, row), diff) in delta {
            let fresh = if *diff > 0 { seen.insert(row.clone()) } else { seen.remove(row) };
            assert!(fresh, "a delta that changes nothing");
        }
        let replayed: BTreeMap<_, _> = seen.iter().map(readable).collect();
        let wanted: BTreeMap<_, _> = recompute(script, *tick)
            .into_iter()
            .filter(|(_, (kind, tags, _))| match passes {
                p if std::ptr::fn_addr_eq(p, is_npc as Passes) => kind == "npc",
                p if std::ptr::fn_addr_eq(p, is_beast as Passes) => tags.iter().any(|tag| tag == "beast"),
                _ => true,
            })
            .collect();
        assert_eq!(replayed, wanted, "at {tick}");
    }
}

fn input() -> impl Strategy<Value = EntityChange> {
    let tags = || prop::collection::vec(prop::sample::select(vec!["beast", "pack", "hurt"]), 0..3);
    let properties = || {
        let value = prop_oneof![
            (-3_i64..3).prop_map(Value::Int),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool)
        ];
        prop::collection::vec((prop::sample::select(vec!["hp", "alpha", "age"]), value), 0..3)
    };
    let body = (
        prop::sample::select(vec!["npc", "object"]),
        tags(),
        prop::collection::btree_map(prop::sample::select(vec!["hp", "age"]), -3_i64..3, 0..3),
    );
    prop_oneof![
        body.prop_map(|(kind, tags, properties)| upsert(
            kind,
            &tags,
            &properties.into_iter().collect::<Vec<_>>()
        )),
        (properties(), tags(), tags()).prop_map(|(properties, add, remove)| merge(
            &properties,
            &add,
            &remove
        )),
        Just(EntityChange::Delete),
    ]
}

fn script() -> impl Strategy<Value = Script<EntitiesIn>> {
    let version = prop::option::weighted(0.4, 0_u64..4);
    let change = (prop::sample::select(vec!["wolf", "gate", "cart", "bear"]), input(), version);
    prop::collection::btree_map(2_u64..20, prop::collection::vec(change, 1..5), 1..10).prop_map(|ticks| {
        let mut script: Script<EntitiesIn> = (ticks.into_iter())
            .map(|(tick, writes)| {
                let mut writes: Vec<EntitiesIn> = (writes.into_iter().zip(0..))
                    .map(|((entity, change, version), id)| match (write(id, entity, change), version) {
                        (EntitiesIn::Write(write), Some(version)) => EntitiesIn::WriteIf(version, write),
                        (input, _) => input,
                    })
                    .collect();
                writes.reverse();
                (tick, writes)
            })
            .collect();
        script.insert(1, vec![EntitiesIn::Begin]);
        script
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn full_recompute_equals_incremental_and_a_subscription_gets_exactly_the_delta(script in script()) {
        let run = drive(&mut machine(), &script, 0, 30);
        for passes in [everything as Passes, is_npc, is_beast] {
            check_subscription(&run, &script, passes);
        }
    }

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(script in script()) {
        check_law(machine, &script, 22, |_| Vec::new());
    }
}
