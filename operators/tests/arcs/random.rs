//! Random arcs, events and edits; the machines agree with the naive evaluator at every tick.

use serde_json::{Value as Json, json};
use worldflow_operators::arcs::ArcsIn;
use worldflow_schemas::Value;
use worldflow_schemas::input::Scope;

use super::both::{Both, define, event, fact, holder, mood, place, remove};
use super::naive::Naive;
use crate::support::{Script, drive, shown};

/// Draws from a seed.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678)
    }

    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::try_from(self.below(among.len() as u64)).expect("a few")]
    }
}

const PLAYERS: [&str; 3] = ["ann", "bo", "cy"];
const BEATS: [&str; 4] = ["b0", "b1", "b2", "b3"];

fn condition(draw: &mut Draw) -> Json {
    match draw.below(5) {
        0 => json!({"facts": {"mood": {"at_least": draw.below(3)}}}),
        1 => json!({"facts": {"war": true}}),
        2 => json!({"facts": {"held": draw.one_in(2)}}),
        _ => json!({}),
    }
}

fn branch(draw: &mut Draw, beats: usize) -> Json {
    let mut all = json!({"when": condition(draw)});
    if !draw.one_in(4) {
        all["to"] = json!(BEATS[usize::try_from(draw.below(beats as u64)).expect("few")]);
    }
    if draw.one_in(2) {
        all["chosen_by"] = json!({"event": "choose", "target": draw.of(&["elder", "wolf"])});
    }
    if draw.one_in(3) {
        all["after"] = json!(format!("{}ms", 100 * draw.below(6)));
    }
    if draw.one_in(3) {
        all["weight"] = json!(draw.below(40));
    }
    for name in ["x", "y"] {
        if draw.one_in(3) {
            let criterion = json!({"when": {"facts": {"mood": draw.below(3)}}, "weight": 1 + draw.below(3), "required": draw.one_in(4)});
            all["criteria"][name] = criterion;
        }
    }
    all
}

fn arc(draw: &mut Draw) -> Json {
    let count = 1 + usize::try_from(draw.below(4)).expect("few");
    let mut beats = Vec::new();
    let mut ids: Vec<&str> = BEATS[..count].to_vec();
    if draw.one_in(3) {
        ids.reverse();
    }
    for id in ids {
        let wanted = draw.below(60);
        let target = match draw.below(3) {
            0 => json!({"build_up": wanted}),
            1 => json!({"peak": wanted + 1}),
            _ => json!({"relax": wanted}),
        };
        let mut beat = json!({"tension": target, "when": condition(draw)});
        if draw.one_in(3) {
            beat["after"] = json!(format!("{}ms", 100 * draw.below(8)));
        }
        if draw.one_in(3) {
            beat["effects"] = json!([{"add": {"fact": draw.of(&["mood", "war", "held"]), "by": 1}}]);
        }
        for name in ["p", "q", "r"] {
            if draw.one_in(2) {
                beat["branches"][name] = branch(draw, count);
            }
        }
        if draw.one_in(6) {
            beat["ends"] = json!(true);
        }
        if draw.one_in(6) {
            beat["moved_from"] = json!(draw.of(&BEATS));
        }
        beats.push(json!([id, beat]));
    }
    let mut all = json!({
        "scope": draw.of(&["player", "party", "region", "realm"]),
        "when": condition(draw),
        "tension": {
            "half_life": format!("{}ms", 100 * (1 + draw.below(12))),
            "most": draw.of(&[40_u64, 60, 100]),
            "events": {
                "kills": {"pattern": {"event": "kill", "target": "beast"}, "add": 5 + draw.below(20)},
                "rests": {"pattern": {"event": "rest"}, "add": -7},
                "brave": {"pattern": {"event": "kill", "when": {"facts": {"mood": {"at_least": 1}}}}, "add": 3},
            },
        },
        "beats": beats,
    });
    if draw.one_in(4) {
        all["moved_from"] = json!(draw.of(&["a", "b"]));
    }
    all
}

fn input(draw: &mut Draw, id: u64) -> ArcsIn {
    let player = draw.of(&PLAYERS);
    match draw.below(14) {
        0 => place(player, draw.of(&["", "moor", "gate"]), draw.of(&["", "red", "blue"])),
        1 => mood(player, i64::try_from(draw.below(3)).expect("few")),
        2 => fact(holder(Scope::Realm, "realm"), "war", Value::Bool(draw.one_in(2))),
        3 => fact(holder(Scope::Region, draw.of(&["moor", "gate"])), "held", Value::Bool(draw.one_in(2))),
        4 => event(id, player, "rest", "elder", 1),
        5..=7 => event(id, player, "choose", draw.of(&["elder", "wolf"]), 1),
        8 => event(id, "", "kill", "wolf", 1),
        _ => event(
            id,
            player,
            "kill",
            draw.of(&["wolf", "elder"]),
            i64::try_from(1 + draw.below(3)).expect("few"),
        ),
    }
}

/// What is told of one thing once in a tick: the last of it.
fn key(input: &ArcsIn) -> String {
    match input {
        ArcsIn::Define(id, _) => format!("define {id}"),
        ArcsIn::Fact(now) => format!("fact {:?} {}", now.holder, now.fact),
        ArcsIn::Player(now) => format!("player {}", now.player),
        ArcsIn::Event(event) => format!("event {:?}", event.id),
        other => format!("{other:?}"),
    }
}

/// Arcs, then events, facts, places and edits.
pub(crate) fn script(draw: &mut Draw, until: u64) -> Script<ArcsIn> {
    let mut script = Script::new();
    let mut id = 0;
    let first = [define("a", arc(draw)), define("b", arc(draw)), place("ann", "moor", "red")];
    script.insert(1, first.to_vec());
    for tick in 2..until {
        if draw.one_in(3) {
            continue;
        }
        let mut all = std::collections::BTreeMap::new();
        for _ in 0..1 + draw.below(4) {
            id += 1;
            let input = input(draw, id);
            all.insert(key(&input), input);
        }
        if draw.one_in(12) {
            let arc_id = draw.of(&["a", "b", "c"]);
            let edit = if draw.one_in(4) { remove(arc_id) } else { define(arc_id, arc(draw)) };
            all.insert(key(&edit), edit);
            if draw.one_in(3) {
                let gone = remove(draw.of(&["a", "b"]));
                all.insert(key(&gone), gone);
            }
        }
        if draw.one_in(30) {
            let group = ArcsIn::Close(holder(Scope::Party, draw.of(&["red", "blue"])));
            all.insert(key(&group), group);
        }
        script.insert(tick, all.into_values().collect());
    }
    script
}

#[test]
fn the_machines_agree_with_the_naive_evaluator() {
    let seeds = std::env::var("WORLDFLOW_ARCS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let (mut begun, mut chosen, mut effects) = (0, 0, 0);
    for seed in 0..seeds {
        let script = script(&mut Draw::new(seed), 50);
        let run = drive(&mut Both::new(1), &script, 0, 70);
        let mut naive = Naive::default();
        let mut rows = std::collections::BTreeMap::new();
        for tick in 1..=70 {
            naive.step(tick, script.get(&tick).map_or(&[], Vec::as_slice));
            if let Some(changed) = run.get(&tick) {
                for ((view, row), diff) in &changed.rows {
                    *rows.entry(format!("{} {}", view.def().name, shown(row))).or_insert(0) += diff;
                }
                rows.retain(|_, diff| *diff != 0);
            }
            let found: Vec<String> = rows.keys().cloned().collect();
            assert_eq!(found, naive.rows(), "seed {seed}, tick {tick}");
            let out = run.get(&tick).map_or(0, |changed| changed.out.len());
            assert_eq!(out, naive.effects, "effects: seed {seed}, tick {tick}");
            effects += out;
        }
        begun += rows.keys().filter(|row| row.starts_with("arc_state")).count();
        chosen += rows.keys().filter(|row| row.starts_with("arc_branches")).count();
    }
    assert!(
        begun > 500 && chosen > 200 && effects > 200,
        "{begun} begun, {chosen} branches, {effects} effects"
    );
}
