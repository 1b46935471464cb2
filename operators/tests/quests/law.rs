//! The law of base state, and independence of shards, on random scripts: a process that is started
//! again from its base state at any tick goes on as if nothing had been.

use worldflow_schemas::chance::below;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Value};

use worldflow_operators::messages::EntityTags;

use crate::WORLD;
use crate::harness::{Given, World, at, clock, realm, weather};

const PLAYERS: [&str; 4] = ["ann", "bob", "cid", "dan"];

/// Quests that between them use every rule.
fn quests() -> Vec<(&'static str, String)> {
    let one = |id: &'static str, json: &str| (id, json.to_owned());
    vec![
        one(
            "plain",
            r#"{"title": "1", "accept": "auto", "repeat": {"always": {}}, "rewards": {"experience": 5}, "stages": {
            "a": {"objectives": {"k": {"event": "kill", "target": "beast", "count": 3}, "h": {"event": "craft", "hidden_until": ["k"]}}},
            "b": {"complete": "any", "objectives": {"g": {"event": "gather", "distinct": 2}, "m": {"event": "craft", "max": 3}}}},
            "effects": [{"add": {"fact": "fame", "by": 1}}, {"add": {"fact": "mood", "by": 1}}]}"#,
        ),
        one(
            "steps",
            r#"{"title": "2", "turn_in": "manual", "deadline": "80ms", "repeat": {"cooldown": "40ms"}, "rewards": {"slots": {"s": {"item": "i"}}},
            "stages": {"s": {"complete": "sequence", "objectives": {"a": {"event": "kill"}, "b": {"event": "gather", "count": 2}, "c": {"event": "kill"}}}}}"#,
        ),
        one(
            "night",
            r#"{"title": "3", "accept": "auto", "requires": {"phase": "night", "facts": {"fame": {"at_least": 1}}}, "fail_when": {"phase": "day"},
            "fail_on": [{"event": "craft", "when": {"weather": {"kind": "rain"}}}], "stages": {"s": {"objectives": {"k": {"event": "kill", "count": 2, "within": "50ms"}}}}}"#,
        ),
        one(
            "red",
            r#"{"title": "4", "exclusive_group": "side", "requires": {"quests": {"plain": "done"}}, "stages": {"s": {"objectives": {"k": {"event": "kill"}}}}}"#,
        ),
        one(
            "blue",
            r#"{"title": "5", "exclusive_group": "side", "requires": {"hours": "10:00-11:00"}, "stages": {"s": {"objectives": {"k": {"event": "gather"}}}}}"#,
        ),
        one(
            "hunt",
            r#"{"title": "6", "scope": "guild", "accept": "auto", "repeat": {"always": {}}, "rewards": {"experience": 3, "to": {"contributors": {"at_least": 2}}},
            "stages": {"s": {"objectives": {"k": {"event": "kill", "count": 7}}}, "t": {"objectives": {"d": {"event": "gather", "distinct": 2}}}}}"#,
        ),
        one(
            "realm",
            r#"{"title": "7", "scope": "realm", "accept": "auto", "repeat": {"cooldown": "100ms"}, "rewards": {"slots": {"x": {"item": "y"}}, "to": {"finisher": {}}},
            "stages": {"s": {"objectives": {"k": {"event": "craft", "count": 5}}}}, "effects": [{"add": {"fact": "mood", "by": -1}}]}"#,
        ),
        one(
            "moor",
            r#"{"title": "8", "scope": "region", "requires": {"quests": {"realm": "done"}}, "fail_when": {"facts": {"mood": {"at_least": 4}}},
            "stages": {"s": {"objectives": {"k": {"event": "gather", "count": 3}}}}}"#,
        ),
        one(
            "feast",
            r#"{"title": "9", "accept": "auto", "requires": {"any": [{"quests": {"hunt": "done"}}, {"weather": {"kind": "rain", "lasting": "30ms"}}]},
            "stages": {"s": {"objectives": {"k": {"event": "kill", "when": {"facts": {"mood": {"at_least": 1}}}}}}}}"#,
        ),
        one(
            "veteran",
            r#"{"title": "10", "accept": "auto", "repeat": {"daily": {"at": "04:00", "zone": "UTC"}}, "stages": {"s": {"objectives": {
            "e": {"event": "kill", "count": 9, "since": "ever", "lifetime": "kills"}, "r": {"event": "kill", "count": 4, "since": "reset", "lifetime": "kills"}}}}}"#,
        ),
        one(
            "ways",
            r#"{"title": "12", "accept": "auto", "turn_in": "manual", "repeat": {"always": {}}, "stages": {
            "a": {"times": 2, "objectives": {"l": {"event": "kill", "branch": "left"}, "r": {"event": "gather", "branch": "right", "count": 2}}},
            "b": {"after": {"a": "left"}, "objectives": {"k": {"event": "craft"}}},
            "c": {"objectives": {"k": {"event": "kill", "count": 2}}}},
            "rewards": {"on_revoke": "clawback", "slots": {"one": {"choice": {"bow": {"item": "bow"}, "axe": {"item": "axe"}}}, "two": {"item": "i", "after": {"a": "right"}}}},
            "effects": [{"add": {"fact": "fame", "by": 1, "after": {"a": "left"}}}]}"#,
        ),
        one(
            "shared",
            r#"{"title": "14", "accept": "auto", "credit": "party_here", "repeat": {"always": {}}, "stages": {
            "s": {"complete": "sequence", "objectives": {"a": {"event": "kill", "count": 2}, "b": {"event": "gather", "within": "200ms"}}}}}"#,
        ),
        one(
            "asked",
            r#"{"title": "13", "scope": "guild", "accept": "offered", "requires": {"not": {"weather": {"kind": "rain"}}}, "repeat": {"cooldown": "50ms"},
            "stages": {"s": {"objectives": {"k": {"event": "kill", "count": 5}}}},
            "rewards": {"on_revoke": "flag", "slots": {"first": {"item": "f", "to": {"tapper": {}}}, "all": {"item": "g", "amount": 7, "divided": true}, "most": {"item": "m", "plus": {"credit": 1}, "to": {"top": {"through": 1}}}}}}"#,
        ),
        one(
            "clan",
            r#"{"title": "11", "scope": "guild", "accept": "auto", "stages": {"s": {"objectives": {"e": {"event": "kill", "count": 12, "since": "ever", "lifetime": "guild_kills"}}}}}"#,
        ),
        one(
            "rate",
            r#"{"title": "12", "accept": "auto", "repeat": {"always": {}}, "stages": {"s": {"objectives": {
            "w": {"event": "kill", "count": 3, "window": "60ms"}, "d": {"event": "gather", "count": 3, "half_life": "70ms"},
            "n": {"event": "kill", "last": 2, "latched": false}, "l": {"event": "craft", "min": 1, "optional": true}}}}}"#,
        ),
        one(
            "stay",
            r#"{"title": "13", "accept": "auto", "repeat": {"always": {}}, "rewards": {"experience": 1}, "stages": {"s": {"times": 2,
            "objectives": {"m": {"holds": {"region": "moor"}, "for": "50ms"}, "f": {"holds": {"facts": {"fame": {"at_least": 1}}}, "latched": true}}},
            "t": {"reset_on": [{"event": "craft"}], "objectives": {"k": {"event": "kill", "count": 3}, "p": {"holds": {}, "for": "90ms"}}}}}"#,
        ),
        one(
            "combo",
            r#"{"title": "14", "accept": "auto", "repeat": {"always": {}}, "rewards": {"experience": 1}, "stages": {"s": {"complete": "strict_sequence",
            "objectives": {"a": {"event": "kill"}, "b": {"event": "gather", "count": 2}, "c": {"event": "kill"}}}}}"#,
        ),
        one(
            "basket",
            r#"{"title": "15", "turn_in": "manual", "repeat": {"always": {}}, "stages": {"s": {"objectives": {
            "g": {"event": "gather", "count": 3, "minus": [{"event": "craft"}], "latched": false},
            "a": {"event": "kill", "count": 2}, "b": {"event": "gather", "after": "a", "within": "80ms", "count": 2}}}}}"#,
        ),
        one(
            "daily",
            r#"{"title": "16", "accept": "auto", "stages": {"s": {"complete": {"at_least": 3}, "objectives": {
            "r": {"event": "kill", "streak": 3, "every": {"day": {"at": "04:00", "zone": "UTC"}}},
            "w": {"event": "gather", "streak": 4, "every": {"world_day": {}}},
            "p": {"event": "kill", "target": ["beast", "big"], "percent": 70}}}}}"#,
        ),
        one(
            "raid",
            r#"{"title": "17", "scope": "guild", "accept": "auto", "repeat": {"always": {}}, "rewards": {"experience": 3, "to": {"finisher": {}}},
            "stages": {"s": {"objectives": {"p": {"event": "kill", "count": 3, "players": 2, "reset_on": [{"event": "craft"}]},
            "w": {"event": "gather", "count": 3, "window": "80ms"}, "d": {"event": "gather", "target": "herb", "sum": 2, "half_life": "50ms"}}},
            "t": {"complete": "strict_sequence", "objectives": {"a": {"event": "kill"}, "b": {"event": "craft"}}},
            "u": {"objectives": {"q": {"event": "kill", "target": "beast", "percent": 60}, "h": {"holds": {"facts": {"mood": {"at_least": 2}}}}}}}}"#,
        ),
    ]
}

fn pick<T: Copy>(draw: &mut impl FnMut(u64) -> u64, of: &[T]) -> T {
    of[usize::try_from(draw(of.len() as u64)).unwrap()]
}

/// The inputs of one tick.
fn inputs(seed: u64, tick: u64) -> Vec<Given> {
    let mut counter = 0;
    let mut draw = |bound: u64| {
        counter += 1;
        below(seed, "script", &tick.to_string(), counter, bound)
    };
    let mut given = Vec::new();
    let quests = quests();
    let ids: Vec<usize> = (0..quests.len()).collect();
    for _ in 0..draw(6) {
        let player = pick(&mut draw, &["ann", "bob", "cid", "dan", "-"]);
        let kind = pick(&mut draw, &["kill", "kill", "gather", "craft", "quest"]);
        if kind == "quest" {
            let verb = pick(
                &mut draw,
                &[
                    "accept", "accept", "accept", "turn_in", "turn_in", "abandon", "offer", "decline",
                    "revoke",
                ],
            );
            let quest = quests[pick(&mut draw, &ids)].0;
            let region = pick(&mut draw, &["", " @moor", " choose=bow"]);
            given.push(Given::Event(format!("{player} quest.{verb} {quest}{region}")));
        } else {
            let target = pick(&mut draw, &["wolf", "bear", "herb", "-"]);
            let region = pick(&mut draw, &["", " @moor", " @fen"]);
            given.push(Given::Event(format!("{player} {kind} {target} x{}{region}", draw(3))));
        }
    }
    match draw(15) {
        14 => {
            given.push(Given::Close(Holder { scope: Scope::Guild, id: pick(&mut draw, &["g", "h"]).into() }))
        }
        0 => given.push(clock(tick, draw(24).cast_signed(), pick(&mut draw, &["day", "night"]))),
        1 => given.push(weather(tick, "coast", pick(&mut draw, &["rain", "clear"]), 500_000)),
        2 | 3 => {
            let place = pick(
                &mut draw,
                &[
                    "region=moor guild=g party=p",
                    "guild=h party=p",
                    "region=moor party=p",
                    "",
                    "region=fen guild=g",
                ],
            );
            given.push(Given::Place(pick(&mut draw, &PLAYERS), at(place)));
        }
        4 => {
            let holder = Holder { scope: Scope::Realm, id: realm() };
            given.push(Given::Fact(holder, "mood", Value::Int(draw(6).cast_signed())));
        }
        5 => {
            let holder = Holder { scope: Scope::Player, id: Sym::new(pick(&mut draw, &PLAYERS)) };
            given.push(Given::Fact(holder, "fame", Value::Int(draw(3).cast_signed())));
        }
        6 => {
            let (id, def) = &quests[pick(&mut draw, &ids)];
            let changed = match draw(3) {
                0 => None,
                1 => {
                    let lower =
                        [("count\": 3", "count\": 2"), ("count\": 7", "count\": 4"), ("50ms", "30ms")];
                    Some(lower.iter().fold(def.clone(), |def, (old, new)| def.replace(old, new)))
                }
                _ => Some(def.replace("\"event\": \"kill\"", "\"event\": \"craft\"")),
            };
            given.push(Given::Define(id, changed));
        }
        7 => given.extend(quests.iter().map(|(id, def)| Given::Define(id, Some(def.clone())))),
        9 | 10 => {
            let entity = Sym::new(pick(&mut draw, &["wolf", "bear", "herb", "rat"]));
            let tags = pick(&mut draw, &[&["beast"][..], &["big"], &["beast", "big"], &[]]);
            let tags = tags.iter().map(|tag| Sym::new(tag)).collect();
            given.push(Given::Tags(EntityTags { entity, there: true, tags, region: Sym::NONE }));
        }
        8 => {
            let slot =
                pick(&mut draw, &["plain/player:ann/1/experience/ann", "hunt/guild:g/1/experience/ann"]);
            given.push(Given::Answer(slot.to_owned(), draw(2) == 0));
        }
        _ => {}
    }
    given
}

/// A world where a daily reset comes in the middle of the script.
const START: u64 = 176_801_760_000 - 60;

fn begin(shards: usize) -> World {
    let mut world = World::sharded(WORLD, shards);
    let mut given: Vec<Given> = quests().into_iter().map(|(id, def)| Given::Define(id, Some(def))).collect();
    given.push(clock(START, 9, "night"));
    world.step(START, given);
    world
}

#[test]
fn a_restart_at_any_tick_changes_nothing() {
    for seed in 0..12 {
        let mut straight = begin(1);
        let mut restarted = begin(1);
        for tick in START + 1..START + 130 {
            // Idle stretches leave ticks to alarms alone.
            let given = if tick % 16 < 4 { Vec::new() } else { inputs(seed, tick) };
            let expected = straight.step(tick, given.clone());
            restarted = restarted.restarted(if tick % 2 == 0 { 1 } else { 3 });
            assert_eq!(restarted.rows_at(), straight.rows_before(), "seed {seed}, loaded before {tick}");
            let got = restarted.step(tick, given);
            assert_eq!(got, expected, "seed {seed}, tick {tick}");
        }
        assert!(straight.rows.len() > 20, "seed {seed} is dull");
    }
}

#[test]
fn any_number_of_shards_makes_the_same_changes() {
    for seed in 100..112 {
        let mut worlds = [1, 2, 4].map(begin);
        for tick in START + 1..START + 130 {
            let given = if tick % 16 < 4 { Vec::new() } else { inputs(seed, tick) };
            let [one, two, four] = worlds.each_mut().map(|world| world.step(tick, given.clone()));
            assert_eq!(one, two, "seed {seed}, tick {tick}");
            assert_eq!(one, four, "seed {seed}, tick {tick}");
        }
    }
}
