//! Lines of any layout become events.

use super::super::MapDef;
use super::*;

fn mapping() -> Mapping {
    let def = serde_json::json!({
        "source": "matches",
        "streams": {"by": "{match}", "start": "2024-01-01T00:00:00Z", "spacing": "30m"},
        "time": {"field": "frame", "per_second": 16},
        "skip_if": [{"type": "Noise"}],
        "presence": {"server": "recording", "instance": "{match}"},
        "events": [
            {"if": {"type": "Died"}, "needs": ["killer"], "kind": "kill",
             "player": "{match}:{killer}", "target": "{unit}",
             "region": {"grid": {"x": "x", "y": "y", "columns": [80], "rows": [80],
                                 "names": [["sw", "se"], ["nw", "ne"]]}}},
            {"if": {"type": "Died"}, "kind": "loss", "player": "{match}:{owner}", "target": "{unit}"},
            {"if": {"type": {"one_of": ["Stats"]}}, "kind": {"from": "type", "map": {"Stats": "stats"}},
             "player": "{match}:{pid}", "with": {"minerals": "{minerals}"}},
            {"if": {"type": "Leave"}, "kind": "leave", "player": "{match}:{pid}", "leaves": true}
        ]
    });
    let def: MapDef = serde_json::from_value(def).unwrap();
    Mapping::check(&def).unwrap()
}

fn run(lines: &[serde_json::Value]) -> Block {
    let (mapping, mut pass, mut block) = (mapping(), Pass::default(), Block::default());
    for (number, line) in (1..).zip(lines) {
        mapping.map(number, line.as_object().unwrap(), &mut pass, &mut block);
    }
    block
}

#[test]
fn a_death_is_a_kill_and_a_loss_and_each_player_is_placed_once() {
    let died = serde_json::json!({"type": "Died", "unit": "Zergling", "killer": 1, "owner": 2,
                                  "x": 80, "y": 12, "match": "m", "frame": 24});
    let block = run(&[died.clone(), died]);
    let seen: Vec<_> = block
        .events
        .iter()
        .map(|e| (e.kind.as_str(), e.player.as_str(), e.region.as_str(), e.id.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("kill", "m:1", "se", EventId::Position(9)),
            ("loss", "m:2", "", EventId::Position(11)),
            ("kill", "m:1", "se", EventId::Position(17)),
            ("loss", "m:2", "", EventId::Position(19)),
        ]
    );
    assert_eq!(block.commands.len(), 2, "one presence for each player");
    let start = "2024-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(block.events[0].at_ms, start + 1500);
}

#[test]
fn streams_begin_apart_and_a_missing_player_is_nobody() {
    let block = run(&[
        serde_json::json!({"type": "Died", "unit": "Rock", "match": "a", "frame": 0}),
        serde_json::json!({"type": "Stats", "pid": 1, "minerals": 50, "match": "b", "frame": 0}),
    ]);
    assert!(block.events[0].player.is_none());
    assert_eq!(block.events[1].at_ms - block.events[0].at_ms, 30 * 60 * 1000);
    assert_eq!(block.events[1].attribute("minerals".into()), Some(&Value::Int(50)));
}

#[test]
fn wrong_lines_are_reported_and_noise_is_left_out() {
    let long = "x".repeat(65);
    let block = run(&[
        serde_json::json!({"type": "Noise"}),
        serde_json::json!({"type": "Unheard", "match": "a", "frame": 0}),
        serde_json::json!({"type": "Stats", "match": "a", "frame": "soon"}),
        serde_json::json!({"type": "Died", "unit": long, "match": "a", "frame": 0, "killer": 1}),
        serde_json::json!({"type": "Stats", "match": "a", "frame": 9, "minerals": [1]}),
    ]);
    let codes: Vec<_> = block.bad.iter().map(|bad| (bad.line, bad.code)).collect();
    assert_eq!(codes, [(2, "no_rule"), (3, "bad_time"), (4, "id_too_long"), (5, "wrong_type")]);
    assert_eq!((block.events.len(), block.skipped), (0, 1));
}

#[test]
fn a_player_who_leaves_stays_away() {
    let leave = serde_json::json!({"type": "Leave", "pid": 1, "match": "m", "frame": 0});
    let stats = serde_json::json!({"type": "Stats", "pid": 1, "match": "m", "frame": 5});
    let block = run(&[leave, stats]);
    let servers: Vec<_> = block
        .commands
        .iter()
        .map(|dated| match &dated.command {
            Command::Presence(write) => write.server.as_str(),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(servers, ["recording", ""]);
}
