//! Every refusal of an event, and what is let through.

use expect_test::{Expect, expect};
use serde_json::json;
use worldflow_proto::v1;
use worldflow_schemas::input::ClockCommand;
use worldflow_schemas::{Command, Row, sealed};

use super::*;

const NOW_MS: i64 = 1_800_000_000_000;

fn checker() -> Checker {
    let world = serde_json::json!({
        "name": "test", "seed": 1,
        "regions": {"moor": {}, "woods": {}},
        "zones": {"fen": {"climate": "mild"}},
        "kinds": {
            "kill": {"max_amount": 10, "max_per_second": 3, "attributes": {"weapon": "id", "damage": "number", "crit": "bool"}},
            "say": {"from": "player", "known_targets": false, "attributes": {"words": "text"}},
            "emote": {"from": "player", "known_targets": false, "attributes": {"style": "id"}}
        },
        "entities": {"wolf": {"tags": ["beast"]}, "bear": {}}
    });
    let world: WorldDef = serde_json::from_value(world).expect("a world");
    // A world's quests are ids that are known.
    let _wolves = Sym::new("wolves");
    let views = Arc::new(ViewStore::new(100));
    let added = Row::from([
        Value::Sym("realm".into()),
        Value::Sym("dragon".into()),
        Value::Sym("npc".into()),
        Value::text("[]"),
        Value::text("{}"),
        Value::Int(1),
    ]);
    views.apply(1, [(catalog::ENTITIES, added, 1)]);
    Checker::new("realm".into(), &world, views)
}

fn sender(role: Role, subject: &str) -> Sender {
    Sender::bearer(&Claims { role, realm: "realm".into(), subject: subject.into() })
}

fn outcome(checker: &Checker, sender: &Sender, json: &str) -> String {
    let event: Proposed<'_> = serde_json::from_str(json).expect("any JSON is a proposed event");
    match checker.event(&event, sender, 7, Some(NOW_MS), &Hints::default()) {
        Ok(Item { input: Input::Event(event), .. }) => format!(
            "ok {:?} at +{} {:?} {:?} {} x{} in {:?} with {:?}",
            event.id,
            event.at_ms - NOW_MS,
            event.player,
            event.kind,
            event.target,
            event.amount,
            event.region,
            event.with
        ),
        Ok(other) => format!("not an event: {other:?}"),
        Err(refusal) => format!("{} {}: {} ({})", refusal.code, refusal.path, refusal.reason, refusal.hint),
    }
}

fn table(role: Role, cases: &[&str], expected: &Expect) {
    let checker = checker();
    let sender = sender(role, if role == Role::Player { "ana" } else { "server-1" });
    let lines: Vec<String> = cases.iter().map(|case| outcome(&checker, &sender, case)).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_game_server_speaks_for_players() {
    table(
        Role::GameServer,
        &[
            r#"{"id": "e1", "player": "ana", "kind": "kill", "target": "wolf", "amount": 2, "region": "moor", "with": {"weapon": "bow", "damage": 2.5, "crit": true}}"#,
            r#"{"kind": "kill", "target": "dragon", "at": 1800000000500}"#,
            r#"{"kind": "kill", "target": null, "at": "2027-01-15T08:00:00.250Z"}"#,
            r#"{"kind": "quest.accept", "player": "ana", "target": "wolves"}"#,
        ],
        &expect![[r#"
            ok Named("e1") at +0 "ana" "kill" wolf x2 in "moor" with Some([("crit", Bool(true)), ("damage", Dec(2500000)), ("weapon", Sym("bow"))])
            ok Position(7) at +500 "" "kill" dragon x1 in "" with None
            ok Position(7) at +250 "" "kill"  x1 in "" with None
            ok Position(7) at +0 "ana" "quest.accept" wolves x1 in "" with None"#]],
    );
}

#[test]
fn each_wrong_event_has_its_answer() {
    table(
        Role::GameServer,
        &[
            "[]",
            "3",
            "{}",
            r#"{"kind": "kil", "target": "wolf"}"#,
            r#"{"kind": 7}"#,
            r#"{"kind": "kill", "target": "wolfs"}"#,
            r#"{"kind": "kill", "region": "moors"}"#,
            r#"{"kind": "kill", "amount": 0}"#,
            r#"{"kind": "kill", "amount": -3}"#,
            r#"{"kind": "kill", "amount": 11}"#,
            r#"{"kind": "kill", "amount": 1e300}"#,
            r#"{"kind": "kill", "amount": 99999999999999999999}"#,
            r#"{"kind": "kill", "amount": 1.5}"#,
            r#"{"kind": "kill", "amount": "three"}"#,
            r#"{"kind": "kill", "at": "yesterday"}"#,
            r#"{"kind": "kill", "at": 5}"#,
            r#"{"kind": "kill", "at": 1900000000000}"#,
            r#"{"kind": "kill", "at": 9223372036854775807}"#,
            r#"{"kind": "kill", "at": [1]}"#,
            r#"{"kind": "kill", "player": "a\u0000b"}"#,
            r#"{"kind": "kill", "player": "a/b"}"#,
            r#"{"kind": "kill", "player": " a"}"#,
            r#"{"kind": "kill", "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
            r#"{"kind": "kill", "with": {"wepon": "bow"}}"#,
            r#"{"kind": "kill", "with": {"weapon": 3}}"#,
            r#"{"kind": "kill", "with": {"damage": "much"}}"#,
            r#"{"kind": "kill", "with": {"damage": 1e100}}"#,
            r#"{"kind": "kill", "with": {"crit": {"deep": [1]}}}"#,
            r#"{"kind": "kill", "with": {"crit": true, "crit": false}}"#,
            r#"{"kind": "kill", "with": 3}"#,
            r#"{"kind": "kill", "amout": 3}"#,
            r#"{"kind": "kill", "kind": "say"}"#,
            r#"{"kind": "quest.accept", "player": "ana"}"#,
            r#"{"kind": "quest.accept", "player": "ana", "target": "a-quest-that-nobody-wrote"}"#,
        ],
        &expect![[r#"
            wrong_type : an event is an object (an event is {id?, at?, player?, kind, target?, amount?, region?, with?})
            wrong_type : an event is an object (an event is {id?, at?, player?, kind, target?, amount?, region?, with?})
            missing_kind kind: an event needs a kind (kinds are declared in world.yaml)
            unknown_kind kind: unknown kind `kil` (did you mean `kill`? kinds are declared in world.yaml)
            wrong_type kind: is a number (it must be text)
            unknown_target target: unknown target `wolfs` (did you mean `wolf`? targets are entities: declared in world.yaml, or written by a game server)
            unknown_region region: unknown region `moors` (did you mean `moor`? regions are declared in world.yaml)
            not_positive amount: an amount is at least 1 (what is taken back is an event of another kind)
            not_positive amount: an amount is at least 1 (what is taken back is an event of another kind)
            amount_too_large amount: an event of kind `kill` may have an amount of at most 10 (raise max_amount of the kind in world.yaml, or send several events)
            amount_too_large amount: an event of kind `kill` may have an amount of at most 10 (raise max_amount of the kind in world.yaml, or send several events)
            amount_too_large amount: an event of kind `kill` may have an amount of at most 10 (raise max_amount of the kind in world.yaml, or send several events)
            wrong_type amount: is a fraction (it must be a whole number, at least 1)
            wrong_type amount: text (it must be a whole number, at least 1)
            bad_time at: `yesterday` is not a time (write RFC 3339, "2026-03-01T12:00:00Z", or UTC milliseconds as a whole number)
            too_old at: happened 1799999999 s ago, and at most 86400 s may be (replay older events from a recording)
            too_far_ahead at: is 100000000 s in the future, and at most 60 s may be (check the sender's clock, or leave `at` out)
            bad_time at: 9223372036854775807 ms is beyond the calendar (write RFC 3339, "2026-03-01T12:00:00Z", or UTC milliseconds as a whole number)
            bad_time at: is a list or a map (write RFC 3339, "2026-03-01T12:00:00Z", or UTC milliseconds as a whole number)
            invalid_characters player: `a\0b` has control characters, or space around it (letters, digits and `- _ . :` are always fine)
            invalid_characters player: `a/b` has a `/`, which separates the parts of a grant's id (letters, digits and `- _ . :` are always fine)
            invalid_characters player: ` a` has control characters, or space around it (letters, digits and `- _ . :` are always fine)
            id_too_long id: 65 bytes where at most 64 may be (use a short stable id, not a text)
            unknown_attribute with.wepon: unknown attribute `wepon` (did you mean `weapon`? attributes of `kill` are declared in world.yaml)
            wrong_type with.weapon: is a number (it must be an id)
            wrong_type with.damage: is text (it must be a number)
            out_of_range with.damage: the number is too large (stay within 9e12)
            wrong_type with.crit: is a list or a map (it must be true or false)
            duplicate_field with.crit: is given twice (give each attribute once)
            wrong_type with: attributes are an object (write {"with": {"weapon": "bow"}})
            unknown_field amout: events have no field `amout` (did you mean `amount`? attributes go into `with`)
            duplicate_field kind: is given twice (give each field once)
            missing_target target: an event of kind `quest.accept` needs a target (the target is the quest's id)
            unknown_quest target: unknown quest `a-quest-that-nobody-wrote` (the view `quest_state` lists a player's; the world's quests lie in quests/)"#]],
    );
}

#[test]
fn a_player_speaks_for_itself_in_kinds_that_allow_it() {
    table(
        Role::Player,
        &[
            r#"{"kind": "say", "with": {"words": "hail"}}"#,
            r#"{"kind": "say", "player": "ana"}"#,
            r#"{"kind": "say", "player": "bo"}"#,
            r#"{"kind": "kill", "target": "wolf"}"#,
            r#"{"kind": "quest.turn_in", "target": "wolves"}"#,
            r#"{"kind": "say", "with": {"words": "\u0007"}}"#,
        ],
        &expect![[r#"
            ok Position(7) at +0 "ana" "say"  x1 in "" with Some([("words", Text("hail"))])
            ok Position(7) at +0 "ana" "say"  x1 in "" with None
            not_allowed player: this token speaks for `ana`, not for `bo` (leave `player` out)
            not_allowed kind: a player's token may not send `kill` (a game server sends it, unless world.yaml says `from: player` for the kind)
            ok Position(7) at +0 "ana" "quest.turn_in" wolves x1 in "" with None
            invalid_characters with.words: has control characters (strip them before it is sent)"#]],
    );
    table(
        Role::Dashboard,
        &[r#"{"kind": "say"}"#],
        &expect![
            "not_allowed : a dashboard's token sends nothing (use a game server's token, or a player's)"
        ],
    );
}

#[test]
fn a_text_is_at_most_500_bytes() {
    let (checker, ana) = (checker(), sender(Role::Player, "ana"));
    let say = |bytes: usize| format!(r#"{{"kind": "say", "with": {{"words": "{}"}}}}"#, "x".repeat(bytes));
    assert!(outcome(&checker, &ana, &say(500)).starts_with("ok"));
    assert!(outcome(&checker, &ana, &say(501)).starts_with("text_too_long with.words"));
}

#[test]
fn an_entity_is_known_as_soon_as_its_write_has_passed() {
    let (checker, server) = (checker(), sender(Role::GameServer, "server-1"));
    let kill = || outcome(&checker, &server, r#"{"kind": "kill", "target": "boar-9"}"#);
    let write = |json: serde_json::Value| {
        let item = serde_json::from_value(json!({"entity": json})).expect("a write");
        checker
            .write(&item, &server, 1, NOW_MS, &Hints::default())
            .map(|_| ())
            .map_err(|refusal| refusal.code)
    };
    assert!(kill().starts_with("unknown_target"));
    let unknown = json!({"entity": "boar-9", "upsert": {"kind": "beast"}});
    assert_eq!(write(unknown), Err("unknown_entity_kind"));
    assert!(kill().starts_with("unknown_target"), "a refused write makes nothing");
    assert_eq!(write(json!({"entity": "boar-9", "upsert": {"kind": "npc"}})), Ok(()));
    assert!(kill().starts_with("ok"));
    assert_eq!(write(json!({"entity": "boar-9", "delete": true})), Ok(()));
    assert!(kill().starts_with("unknown_target"));
}

#[test]
fn weather_is_of_a_zone_of_this_world() {
    let (checker, server) = (checker(), sender(Role::GameServer, "server-1"));
    let write = |zone: &str| {
        let item = serde_json::from_value(json!({"weather": {"zone": zone, "state": "rain"}}));
        let refused =
            checker.write(&item.expect("a write"), &server, 1, NOW_MS, &Hints::default()).map(|_| ());
        refused.map_err(|refusal| (refusal.code, refusal.path))
    };
    assert_eq!(write("fen"), Ok(()));
    assert_eq!(write("fens"), Err(("unknown_zone", "weather.zone".to_owned())));
}

#[test]
fn the_edge_lets_through_what_may_be_sent_again_and_no_more() {
    let (checker, server) = (checker(), sender(Role::GameServer, "server-1"));
    let kill: Proposed<'_> = serde_json::from_str(r#"{"kind": "kill", "player": "ana"}"#).expect("JSON");
    let at = |now_ms| {
        let checked = checker.event(&kill, &server, 1, Some(now_ms), &Hints::default());
        checked.map(|item| item.most_per_s).map_err(|refusal| refusal.code)
    };
    for _ in 0..3 * RESENDS {
        assert_eq!(at(NOW_MS), Ok(Some(3)));
    }
    assert_eq!(at(NOW_MS + 999), Err("rate_limited"));
    assert_eq!(at(NOW_MS + 1_000), Ok(Some(3)));
}

#[test]
fn a_player_makes_only_so_many_ids_known() {
    let checker = checker();
    let (ana, bo) = (sender(Role::Player, "ana"), sender(Role::Player, "bo"));
    let emote = |sender: &Sender, target: &str| {
        outcome(&checker, sender, &format!(r#"{{"kind": "emote", "target": "{target}"}}"#))
    };
    for n in 0..MOST_NEW_IDS {
        assert!(emote(&ana, &format!("ana-made-this-up-{n}")).starts_with("ok"));
    }
    assert!(emote(&ana, "ana-wants-more").starts_with("too_many_ids target: `ana` has named 256 ids"));
    let styled = r#"{"kind": "emote", "with": {"style": "ana-has-style"}}"#;
    assert!(outcome(&checker, &ana, styled).starts_with("too_many_ids with.style"));
    assert_eq!((Sym::find("ana-wants-more"), Sym::find("ana-has-style")), (None, None));
    // What is known already may be named, and others have ids of their own.
    assert!(emote(&ana, "ana-made-this-up-3").starts_with("ok"));
    assert!(emote(&ana, "wolf").starts_with("ok"));
    assert!(emote(&bo, "ana-wants-more").starts_with("ok"));
    assert!(emote(&ana, "ana-wants-more").starts_with("ok"));
    // A quest's name makes nothing known either.
    let accept =
        |sender: &Sender| outcome(&checker, sender, r#"{"kind": "quest.accept", "target": "not-a-quest"}"#);
    assert!(accept(&bo).starts_with("unknown_quest target"));
    assert!(accept(&sender(Role::GameServer, "server-1")).starts_with("unknown_quest target"));
    assert_eq!(Sym::find("not-a-quest"), None);
}

#[test]
fn world_time_can_be_set_within_the_calendar_only() {
    let (checker, server) = (checker(), sender(Role::GameServer, "server-1"));
    let set = |world_ms: i64| {
        let clock = v1::Clock { set_time: Some(world_ms), ..v1::Clock::default() };
        let checked = checker.clock(&clock, &server, 1, 7).map(|(_, command)| match command {
            Command::Clock(write) => (write.order.at_ms, write.command),
            other => panic!("{other:?}"),
        });
        checked.map_err(|refusal| format!("{} {}: {}", refusal.code, refusal.path, refusal.reason))
    };
    let most = ClockCommand::MOST_WORLD_MS;
    for world_ms in [0, most] {
        assert_eq!(set(world_ms), Ok((7, ClockCommand::SetTime { world_ms })));
    }
    for world_ms in [most + 1, i64::MAX] {
        assert_eq!(set(world_ms), Err(format!("out_of_range set_time: world time ends at {most}")));
    }
    assert_eq!(set(-1), Err("not_positive set_time: world time begins at 0".to_owned()));
}

fn at_ms(item: &Item) -> i64 {
    match &item.input {
        Input::Event(event) => event.at_ms,
        Input::Command(command) => panic!("not an event: {command:?}"),
    }
}

#[test]
fn a_recording_needs_times_and_may_have_any() {
    let (checker, file) = (checker(), Sender::trusted("file".into()));
    let check = |json: &str| {
        let event: Proposed<'_> = serde_json::from_str(json).expect("JSON");
        let item = checker.event(&event, &file, 1, None, &Hints::default());
        item.map(|item| (at_ms(&item), item.most_per_s)).map_err(|refusal| refusal.code)
    };
    assert_eq!(check(r#"{"kind": "kill", "at": 5}"#), Ok((5, None)));
    assert_eq!(check(r#"{"kind": "kill"}"#), Err("missing_time"));
}

#[test]
fn patterns_of_kinds() {
    for (pattern, kind, expected) in [
        ("*", "kill", true),
        ("kill", "kill", true),
        ("kill", "killed", false),
        ("quest.*", "quest.accept", true),
        ("quest.*", "quest", false),
        ("*.accept", "quest.accept", true),
        ("q*t.*pt", "quest.accept", true),
        ("q*x*", "quest.accept", false),
        ("a*a", "a", false),
        ("", "", true),
    ] {
        assert_eq!(matches(pattern, kind), expected, "{pattern} {kind}");
    }
    assert_eq!(checker().kind_pattern("quest.*"), Ok(()));
    assert_eq!(checker().kind_pattern("kil").map_err(|refusal| refusal.hint.contains("`kill`")), Err(true));
}

#[test]
fn an_id_that_is_no_quest_is_none_however_well_it_is_known() {
    let defined = Defined::default();
    let quest = json!({"title": "t", "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
    let quest: Arc<_> =
        serde_json::from_value::<worldflow_schemas::definitions::QuestDef>(quest).expect("a quest").into();
    let edit =
        |quest| defined.note(&worldflow_schemas::input::DefinitionEdit::Quest(Sym::new("wolf_hunt"), quest));
    edit(Some(quest));
    let checker = checker().knowing(defined.clone());
    let server = sender(Role::GameServer, "server-1");
    let about = |verb: &str, target: &str| {
        outcome(
            &checker,
            &server,
            &format!(r#"{{"kind": "quest.{verb}", "player": "ana", "target": "{target}"}}"#),
        )
    };
    // An entity, and a word of the world that was a quest's in the tests above.
    for verb in ["accept", "turn_in", "abandon"] {
        for target in ["wolf", "wolves"] {
            assert!(
                about(verb, target).starts_with(&format!("unknown_quest target: unknown quest `{target}`"))
            );
        }
        assert!(about(verb, "wolf_hunt").starts_with("ok"));
    }
    assert!(about("accept", "wolf_hnt").contains("did you mean `wolf_hunt`?"));
    edit(None);
    assert!(about("accept", "wolf_hunt").starts_with("unknown_quest"), "it has been removed");
}

/// A realm in which there are keys, with a fact and a property that are personal.
fn sealing(folder: &std::path::Path) -> (Checker, Privacy) {
    let world = json!({
        "name": "test", "seed": 1,
        "kinds": {"say": {"from": "player", "known_targets": false, "attributes": {"words": "text", "style": "id"}}},
        "facts": {
            "real_name": {"type": "text", "default": "none", "personal": true},
            "path": {"type": "text", "default": "none"}
        },
        "personal_properties": ["email"]
    });
    let world: WorldDef = serde_json::from_value(world).expect("a world");
    let realm = Sym::new("realm");
    let keys = Privacy::open(realm, Privacy::beside(folder), Default::default()).expect("opens");
    let views = Arc::new(ViewStore::new(100));
    let personal = Personal::new(realm, &world, keys.clone(), Arc::clone(&views));
    (Checker { personal, ..Checker::new(realm, &world, views) }, keys)
}

#[test]
fn what_is_personal_is_sealed_and_belongs_to_a_player() {
    let folder = tempfile::tempdir().expect("a folder");
    let (checker, keys) = sealing(folder.path());
    let (ana, server) = (sender(Role::Player, "ana"), sender(Role::GameServer, "server-1"));
    let say = |sender: &Sender, json: &str| {
        let event: Proposed<'_> = serde_json::from_str(json).expect("JSON");
        match checker.event(&event, sender, 7, Some(NOW_MS), &Hints::default()) {
            Ok(Item { input: Input::Event(event), .. }) => Ok(event),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err((refusal.code, refusal.path)),
        }
    };
    // What looks sealed is text like any other where it is sealed itself.
    let words = "<sealed:1:AAAA> and so on";
    let said = say(&ana, &json!({"kind": "say", "with": {"words": words, "style": "loud"}}).to_string());
    let said = said.expect("good");
    let [(_, style), (_, sealed)] = said.with.as_deref().expect("both") else { panic!("{said:?}") };
    assert_eq!(style, &Value::Sym("loud".into()));
    assert!(sealed::is_sealed(sealed.as_str().expect("text")) && !format!("{said:?}").contains("so on"));
    assert_eq!(keys.open_event(&said).expect("opened").attribute("words".into()), Some(&Value::text(words)));
    let nobody = say(&server, r#"{"kind": "say", "with": {"words": "hark"}}"#);
    assert_eq!(nobody, Err(("personal_of_nobody", "with.words".to_owned())));
    assert!(say(&server, r#"{"kind": "say", "with": {"style": "loud"}}"#).is_ok(), "nothing personal in it");

    let write = |json: serde_json::Value| {
        let item: v1::WriteItem = serde_json::from_value(json).expect("a write");
        let written = checker.write(&item, &server, 1, NOW_MS, &Hints::default());
        written.map(|(_, command)| command).map_err(|refusal| (refusal.code, refusal.path))
    };
    let name = "Ana Maria, as nobody else is called";
    let fact = |fact: &str, set: &str| json!({"fact": {"scope": "player", "holder": "ana", "fact": fact, "set": set}});
    match write(fact("real_name", name)) {
        Ok(Command::Fact(write)) => match write.change {
            worldflow_schemas::input::FactChange::Set(Value::Text(text)) => {
                assert_eq!(keys.open_text(&text, false).as_deref(), Some(name));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert_eq!(Sym::find(name), None, "it is in no table of ids");
    let player = |kind: &str, email: serde_json::Value| json!({"entity": {"entity": "ana", "upsert": {"kind": kind, "properties": {"email": email, "note": "n"}}}});
    match write(player("player", name.into())) {
        Ok(Command::Entity(write)) => match write.change {
            worldflow_schemas::input::EntityChange::Upsert(body) => {
                let [(_, email), (_, note)] = &body.properties[..] else { panic!("{body:?}") };
                assert!(sealed::is_sealed(email.as_str().expect("text")), "{body:?}");
                assert_eq!(note, &Value::Sym("n".into()));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    let path = "entity.upsert.properties.email".to_owned();
    assert_eq!(write(player("npc", name.into())), Err(("personal_of_nobody", path.clone())));
    assert_eq!(write(player("player", 7.into())), Err(("wrong_type", path)));
    // Nothing that looks sealed gets in where it is kept as it is.
    let planted = format!("{} <sealed:1:{}>", "x".repeat(64), "A".repeat(80));
    let note =
        json!({"entity": {"entity": "ana", "upsert": {"kind": "player", "properties": {"note": planted}}}});
    assert_eq!(write(note).map_err(|(code, _)| code).err(), Some("reserved_text"));
}
