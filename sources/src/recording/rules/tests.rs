//! What one refuses all refuse: the checker of the wire and the reader of recordings side by side.

use std::sync::Arc;

use serde_json::json;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::input::{ClockWrite, Reply, Sentence, WriteOrder};

use super::*;
use crate::check::{Checker, Hints, Proposed, Sender};
use crate::recording::read_ndjson_from;

const REALM: &str = "realm";

fn world() -> WorldDef {
    let world = json!({
        "name": REALM, "seed": 1,
        "regions": {"moor": {}},
        "zones": {"fen": {"climate": "mild"}},
        "entities": {"wolf": {"kind": "npc"}},
        "kinds": {
            "kill": {"max_amount": 5, "attributes": {"damage": "number", "weapon": "id", "crit": "bool"}},
            "say": {"known_targets": false, "attributes": {"words": "text"}}
        },
        "facts": {
            "mood": {"scope": "realm", "type": "int", "default": 0},
            "home": {"scope": "player", "type": "text", "default": "inn"},
            "calm": {"scope": "region", "type": "bool", "default": true}
        }
    });
    serde_json::from_value(world).expect("a world")
}

/// Code and path of the first thing that a recording of this line is refused for.
fn recorded(line: &str) -> Option<(&'static str, String)> {
    let block = read_ndjson_from(line.as_bytes(), "file".into(), None).expect("bytes can be read");
    if let Some(bad) = block.bad.first() {
        return Some((bad.code, bad.path.clone()));
    }
    let mut rules = Rules::new(REALM.into(), &world());
    let events = block.events.iter().map(|event| rules.event(event)).collect::<Result<Vec<_>, _>>();
    let refused = events.err().or_else(|| {
        let mut commands = block.commands.iter();
        commands.find_map(|dated| rules.command(&dated.command).err())
    });
    refused.map(|refusal| (refusal.code, refusal.path))
}

fn checker() -> (Checker, Sender) {
    let checker = Checker::new(REALM.into(), &world(), Arc::new(ViewStore::new(10)));
    (checker, Sender::trusted("file".into()))
}

/// The same for an event over a wire.
fn sent(line: &str) -> Option<(&'static str, String)> {
    let (checker, sender) = checker();
    let event: Proposed<'_> = serde_json::from_str(line).expect("JSON");
    checker
        .event(&event, &sender, 1, None, &Hints::default())
        .err()
        .map(|refusal| (refusal.code, refusal.path))
}

#[test]
fn an_event_that_the_wire_refuses_a_recording_refuses_for_the_same_reason() {
    let long = "x".repeat(65);
    let text = "x".repeat(501);
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("a{n}"), json!(n))).collect();
    let wrong = [
        json!([]),
        json!(3),
        json!({}),
        json!({"kind": "kil"}),
        json!({"kind": 7}),
        json!({"kind": long}),
        json!({"kind": "k\u{7}"}),
        json!({"kind": "kill", "id": long}),
        json!({"kind": "kill", "id": "a\nb"}),
        json!({"kind": "kill", "id": 5}),
        json!({"kind": "kill", "at": null}),
        json!({"kind": "kill", "at": "yesterday"}),
        json!({"kind": "kill", "at": 1_704_067_200_000_000_i64}),
        json!({"kind": "kill", "at": i64::MAX}),
        json!({"kind": "kill", "at": i64::MIN}),
        json!({"kind": "kill", "at": 1.5}),
        json!({"kind": "kill", "player": long}),
        json!({"kind": "kill", "player": "a/b"}),
        json!({"kind": "kill", "player": "a\u{0}b"}),
        json!({"kind": "kill", "player": " a"}),
        json!({"kind": "kill", "player": [1]}),
        json!({"kind": "kill", "target": "wolfs"}),
        json!({"kind": "say", "target": long}),
        json!({"kind": "say", "target": "a\tb"}),
        json!({"kind": "kill", "amount": 0}),
        json!({"kind": "kill", "amount": -3}),
        json!({"kind": "kill", "amount": 6}),
        json!({"kind": "kill", "amount": 1e300}),
        json!({"kind": "kill", "amount": 1.5}),
        json!({"kind": "kill", "amount": "three"}),
        json!({"kind": "kill", "region": "more"}),
        json!({"kind": "kill", "region": long}),
        json!({"kind": "kill", "with": {"wepon": "bow"}}),
        json!({"kind": "kill", "with": {long.as_str(): "bow"}}),
        json!({"kind": "kill", "with": {"weapon": 3}}),
        json!({"kind": "kill", "with": {"weapon": long}}),
        json!({"kind": "kill", "with": {"weapon": "b\u{1b}w"}}),
        json!({"kind": "kill", "with": {"weapon": text}}),
        json!({"kind": "kill", "with": {"damage": "much"}}),
        json!({"kind": "kill", "with": {"damage": 1e100}}),
        json!({"kind": "kill", "with": {"crit": {"deep": [1]}}}),
        json!({"kind": "kill", "with": {"crit": 1}}),
        json!({"kind": "say", "with": {"words": text}}),
        json!({"kind": "say", "with": {"words": "\u{7}"}}),
        json!({"kind": "say", "with": {"words": 3}}),
        json!({"kind": "say", "with": {"words": "of nobody"}}),
        json!({"kind": "kill", "with": 3}),
        json!({"kind": "kill", "with": many}),
        json!({"kind": "kill", "amout": 3}),
        json!({"kind": "quest.accept", "player": "ann"}),
        json!({"kind": "quest.accept", "target": "q", "amount": 2}),
    ];
    // The wire knows a quest by its name's being known.
    let _quest = Sym::new("q");
    for mut event in wrong {
        if let Some(event) = event.as_object_mut() {
            event.entry("at").or_insert_with(|| 1_704_067_200_000_i64.into());
        }
        let line = event.to_string();
        let expected = sent(&line);
        assert!(expected.is_some(), "the wire takes {line}");
        assert_eq!(recorded(&line), expected, "{line}");
    }
    for line in [
        r#"{"at": 1, "kind": "kill", "kind": "say"}"#,
        r#"{"at": 1, "kind": "kill", "with": {"crit": true, "crit": false}}"#,
    ] {
        assert_eq!((sent(line).map(|(code, _)| code), recorded(line)), (Some("duplicate_field"), sent(line)));
    }
}

#[test]
fn an_event_that_the_wire_takes_a_recording_takes() {
    let _quest = Sym::new("any");
    for line in [
        json!({"at": "2024-01-01T00:00:00Z", "kind": "kill", "target": "wolf", "amount": 5, "region": "moor"}),
        json!({"at": 1, "id": "e-1", "kind": "kill", "player": "ann", "target": null}),
        json!({"at": 1, "kind": "kill", "with": {"damage": 2.5, "weapon": "bow", "crit": true}}),
        json!({"at": 1, "kind": "kill", "with": {"damage": 2, "weapon": "", "crit": null}}),
        json!({"at": 1, "kind": "say", "player": "ana", "target": "anybody", "with": {"words": "line\nline"}}),
        json!({"at": 1, "kind": "say", "player": "ana", "with": {"words": "x".repeat(500)}}),
        json!({"at": 1, "kind": "quest.accept", "player": "ann", "target": "any"}),
    ] {
        let line = line.to_string();
        assert_eq!((sent(&line), recorded(&line)), (None, None), "{line}");
    }
}

#[test]
fn a_write_that_the_wire_refuses_a_recording_refuses_for_the_same_reason() {
    let long = "x".repeat(65);
    let tags: Vec<String> = (0..65).map(|n| format!("t{n}")).collect();
    let properties: serde_json::Map<_, _> = (0..65).map(|n| (format!("p{n}"), json!(n))).collect();
    let (checker, sender) = checker();
    for (write, refused) in [
        (json!({"presence": {"player": "ann", "server": "s", "region": "moor", "instance": "i"}}), false),
        (json!({"presence": {"player": "ann", "away": true}}), false),
        (json!({"presence": {"server": "s"}}), true),
        (json!({"presence": {"player": "a/b"}}), true),
        (json!({"presence": {"player": long}}), true),
        (json!({"presence": {"player": "ann", "server": "s\u{0}"}}), true),
        (json!({"presence": {"player": "ann", "region": "more"}}), true),
        (json!({"presence": {"player": "ann", "instance": "a/b"}}), true),
        (json!({"membership": {"player": "ann", "scope": "party", "group": "red"}}), false),
        (json!({"membership": {"player": "ann", "scope": "party"}}), false),
        (json!({"close": {"scope": "instance", "group": "i1"}}), false),
        (json!({"close": {"scope": "party"}}), true),
        (json!({"close": {"scope": "region", "group": "moor"}}), true),
        (json!({"close": {"scope": "guild", "group": "a/b"}}), true),
        (json!({"membership": {"scope": "party"}}), true),
        (json!({"membership": {"player": "ann", "scope": "region", "group": "red"}}), true),
        (json!({"membership": {"player": "ann", "scope": "gang", "group": "red"}}), true),
        (json!({"membership": {"player": "ann", "scope": "party", "group": "a/b"}}), true),
        (json!({"membership": {"player": "ann", "scope": "party", "group": long}}), true),
        (json!({"fact": {"scope": "realm", "holder": REALM, "fact": "mood", "set": 3}}), false),
        (json!({"fact": {"scope": "player", "holder": "ann", "fact": "home", "clear": true}}), false),
        (json!({"fact": {"scope": "player", "holder": "ann", "fact": "mod", "set": 3}}), true),
        (json!({"fact": {"scope": "player", "holder": "ann", "fact": "mood", "set": 3}}), true),
        (json!({"fact": {"scope": "realm", "holder": "other", "fact": "mood", "set": 3}}), true),
        (json!({"fact": {"scope": "realm", "holder": REALM, "fact": "mood", "set": "high"}}), true),
        (json!({"fact": {"scope": "realm", "holder": REALM, "fact": "mood", "set": 1.5}}), true),
        (json!({"fact": {"scope": "realm", "holder": REALM, "fact": "mood"}}), true),
        (json!({"fact": {"scope": "realm", "holder": REALM, "fact": "mood", "set": 1, "add": 1}}), true),
        (json!({"fact": {"scope": "player", "fact": "home", "set": "inn"}}), true),
        (json!({"fact": {"scope": "player", "holder": "a/b", "fact": "home", "set": "inn"}}), true),
        (json!({"fact": {"scope": "player", "holder": "ann", "fact": "home", "add": 1}}), true),
        (json!({"fact": {"scope": "player", "holder": "ann", "fact": "home", "set": long}}), true),
        (json!({"fact": {"scope": "region", "holder": "more", "fact": "calm", "set": true}}), true),
        (
            json!({"entity": {"entity": "w9", "upsert": {"kind": "npc", "tags": ["b"], "properties": {"hp": 3}}}}),
            false,
        ),
        (
            json!({"entity": {"entity": "w9", "merge": {"add_tags": ["b"], "properties": {"hp": null}}}}),
            false,
        ),
        (json!({"entity": {"entity": "w9", "delete": true}}), false),
        (json!({"entity": {"upsert": {"kind": "npc"}}}), true),
        (json!({"entity": {"entity": long, "delete": true}}), true),
        (json!({"entity": {"entity": "w9", "upsert": {"kind": "beast"}}}), true),
        (json!({"entity": {"entity": "w9", "upsert": {"kind": "npc"}, "delete": true}}), true),
        (json!({"entity": {"entity": "w9"}}), true),
        (json!({"entity": {"entity": "w9", "upsert": {"kind": "npc", "tags": tags}}}), true),
        (json!({"entity": {"entity": "w9", "upsert": {"kind": "npc", "tags": [""]}}}), true),
        (json!({"entity": {"entity": "w9", "merge": {"properties": properties}}}), true),
        (json!({"entity": {"entity": "w9", "merge": {"properties": {"hp": 1e100}}}}), true),
        (json!({"entity": {"entity": "w9", "merge": {"properties": {"said": "x".repeat(501)}}}}), true),
        (json!({"weather": {"zone": "fen", "state": "rain"}}), false),
        (json!({"weather": {"zone": "fens", "state": "rain"}}), true),
        (json!({"weather": {"zone": "fen"}}), true),
    ] {
        let item = serde_json::from_value(write.clone()).expect("a write");
        let sent = checker.write(&item, &sender, 1, 1_704_067_200_000, &Hints::default()).err();
        let sent = sent.map(|refusal| (refusal.code, refusal.path));
        assert_eq!(sent.is_some(), refused, "the wire: {write} {sent:?}");
        let mut line = write;
        line["at"] = 1_704_067_200_000_i64.into();
        assert_eq!(recorded(&line.to_string()), sent, "{line}");
    }
}

#[test]
fn the_clock_and_answers_to_grants_have_the_rules_of_the_wire() {
    for (line, code) in [
        (json!({"clock": {"pause": true}}), None),
        (json!({"clock": {"set_scale": {"world": 60, "real": 1}}}), None),
        (json!({"clock": {"set_time": 0}}), None),
        (json!({"clock": {"set_scale": {"world": 0, "real": 1}}}), Some("not_positive")),
        (json!({"clock": {"set_time": -1}}), Some("not_positive")),
        (json!({"clock": {"pause": true, "resume": true}}), Some("not_one")),
        (json!({"clock": "Pause"}), Some("malformed")),
        (json!({"grant": {"grant": "g", "delivered": true}}), None),
        (json!({"grant": {"grant": "x".repeat(1025), "delivered": true}}), Some("unknown_grant")),
        (json!({"grant": {"grant": "g", "reason": "x".repeat(501)}}), Some("text_too_long")),
        (json!({"clock": {"pause": true}, "kind": "kill"}), Some("not_one")),
        (json!({"clock": {"pause": true}, "grant": {"grant": "g"}}), Some("not_one")),
        (json!({"clock": {"pause": true}, "player": "ann"}), Some("malformed")),
    ] {
        let mut dated = line;
        dated["at"] = 1.into();
        assert_eq!(recorded(&dated.to_string()).map(|(code, _)| code), code, "{dated}");
    }
    assert_eq!(recorded(r#"{"clock": {"pause": true}}"#), Some(("missing_time", "at".to_owned())));
}

fn event(kind: &str, target: &str) -> Event {
    Event {
        at_ms: 0,
        source: "s".into(),
        id: EventId::Position(1),
        player: "p".into(),
        kind: kind.into(),
        target: target.into(),
        region: Sym::NONE,
        amount: 1,
        with: None,
    }
}

/// A binary recording holds whatever its writer wrote.
#[test]
fn what_comes_in_binary_is_checked_as_what_comes_in_text() {
    let mut rules = Rules::new(REALM.into(), &world());
    let long = "y".repeat(65);
    for (wrong, code) in [
        (Event { kind: Sym::NONE, ..event("kill", "wolf") }, "missing_kind"),
        (Event { player: "p/q".into(), ..event("kill", "wolf") }, "invalid_characters"),
        (Event { player: long.as_str().into(), ..event("kill", "wolf") }, "id_too_long"),
        (event("say", "a\u{1}b"), "invalid_characters"),
        (Event { id: EventId::Named(long.as_str().into()), ..event("kill", "wolf") }, "id_too_long"),
        (Event { at_ms: 1_704_067_200_000_000, ..event("kill", "wolf") }, "bad_time"),
        (
            Event {
                with: Some(vec![(Sym::new("weapon"), Value::Sym(long.as_str().into()))].into()),
                ..event("kill", "wolf")
            },
            "id_too_long",
        ),
        (
            Event { with: Some(vec![(Sym::new("crit"), Value::Bool(true)); 65].into()), ..event("kill", "") },
            "too_many_attributes",
        ),
    ] {
        // The second time it is known to be wrong, too.
        for _ in 0..2 {
            assert_eq!(rules.event(&wrong).map_err(|refusal| refusal.code), Err(code), "{wrong:?}");
        }
    }
    assert_eq!(rules.event(&event("kill", "wolf")), Ok(()));
    let order = WriteOrder { at_ms: i64::MAX, source: "s".into(), id: EventId::Position(1) };
    let holder = worldflow_schemas::input::Holder { scope: Scope::Player, id: "p".into() };
    let downtime = ClockWrite {
        order: WriteOrder { at_ms: 1, ..order.clone() },
        command: ClockCommand::Downtime { from: 1, to: 2 },
    };
    let clear = FactWrite { order, holder, fact: "home".into(), change: FactChange::Clear };
    for (command, code) in [(Command::Clock(downtime), "not_allowed"), (Command::Fact(clear), "bad_time")] {
        assert_eq!(rules.command(&command).map_err(|refusal| refusal.code), Err(code), "{command:?}");
    }
}

/// What an NPC says reaches the graph from the edge that has judged it, and no other way.
#[test]
fn nobody_hands_in_what_an_npc_says() {
    let mut rules = Rules::new(REALM.into(), &world());
    let tier = Sym::new("gold");
    let reply = serde_json::json!({"request": "maren/p/1", "tier": "gold", "outcome": {"Ok": "Give me your gold."}, "took_ms": 1, "tokens": 1});
    let reply: Reply = serde_json::from_value(reply).expect("a reply");
    let sentence = Sentence {
        request: "maren/p/1".into(),
        tier,
        index: 0,
        text: "Give me your gold.".into(),
        emotion: Sym::NONE,
        action: Sym::NONE,
    };
    for command in [Command::Reply(reply), Command::Sentence(sentence)] {
        assert_eq!(
            rules.command(&command).map_err(|refusal| refusal.code),
            Err("not_allowed"),
            "{command:?}"
        );
    }
    for line in ["reply", "sentence"] {
        let line =
            format!(r#"{{"at": 1, "{line}": {{"request": "maren/p/1", "text": "Give me your gold."}}}}"#);
        let block = read_ndjson_from(line.as_bytes(), "file".into(), None).expect("bytes can be read");
        assert_eq!((block.events.len(), block.commands.len(), block.bad.len()), (0, 0, 1), "{block:?}");
    }
}

#[test]
fn an_entity_is_known_from_its_write_to_its_deletion() {
    let lines = r#"{"at": 1, "entity": {"entity": "boar-9", "upsert": {"kind": "npc"}}}
{"at": 2, "entity": {"entity": "boar-9", "delete": true}}
"#;
    let block = read_ndjson_from(lines.as_bytes(), "file".into(), None).expect("bytes can be read");
    assert_eq!(block.bad, []);
    let mut rules = Rules::new(REALM.into(), &world());
    let mut seen = vec![rules.event(&event("kill", "boar-9")).is_ok()];
    for dated in &block.commands {
        assert_eq!(rules.command(&dated.command), Ok(()));
        seen.push(rules.event(&event("kill", "boar-9")).is_ok());
    }
    assert_eq!(seen, [false, true, false]);
}

/// Where a stranger chooses the text, a full table of ids is a refusal and not a panic.
#[test]
fn what_reads_a_recording_interns_nothing_without_asking_whether_there_is_room() {
    for (file, text) in [
        ("line.rs", include_str!("../line.rs")),
        ("mapping.rs", include_str!("../mapping.rs")),
        ("map_check.rs", include_str!("../map_check.rs")),
        ("map_expr.rs", include_str!("../map_expr.rs")),
        ("ndjson.rs", include_str!("../ndjson.rs")),
    ] {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(!code.contains("Sym::new(") && !code.contains("Sym::from("), "{file}");
    }
}
