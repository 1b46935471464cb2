//! The worlds.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
zones:
  moor_zone: {climate: mild}
regions:
  moor: {zone: moor_zone}
  village: {}
kinds:
  kill: {}
  gather: {}
  talk: {from: player, attributes: {said: text}}
facts:
  mood: {scope: realm, type: int, default: 0}
  brave: {scope: player, type: bool, default: false, changed_by: [{pattern: {event: kill, target: bear}, set: true}]}
";

const ENTITIES: &str = "
wolf: {kind: npc, tags: [beast]}
bear: {kind: npc, tags: [beast]}
herb: {kind: object}
elder: {kind: npc}
";

const CLIMATE: &str = "
states:
  clear: {intensity: 0, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
  rain: {intensity: 0.7, wind_kmh: 15, humidity: 0.9, visibility_m: 4000, wetness_per_hour: 0.5}
seasons:
  spring: {start: clear, temperature_c: [5, 20], next: {clear: 1, rain: 1}}
  summer: {start: clear, temperature_c: [15, 30], next: {clear: 1, rain: 1}}
  fall: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
  winter: {start: clear, temperature_c: [-10, 5], next: {clear: 1, rain: 1}}
";

fn world(quests: &str, script: &str) -> Golden {
    world_with("elder: {barks: ['Well met.', 'Mind the moor.']}", quests, script)
}

fn world_with(npcs: &str, quests: &str, script: &str) -> Golden {
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", ENTITIES),
        ("climates/mild.yaml", CLIMATE),
        ("npcs.yaml", npcs),
        ("quests/all.yaml", quests),
    ];
    Golden::new(&files, script)
}

#[test]
fn an_accept_and_a_kill_in_one_tick_count_together_and_stages_open_a_tick_later() {
    let golden = world(
        "
hunt:
  title: Hunt
  stages:
    kill: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}
    report: {objectives: {tell: {event: talk, target: elder}}}
  rewards: {experience: 150, slots: {cloak: {item: cloak}}}
  effects: [{add: {fact: mood, by: 2}}]
",
        "
        10 event kill player=ann target=wolf
        10 event quest.accept player=ann target=hunt
        12 event kill player=ann target=wolf
        12 event talk player=ann target=elder
        14 event talk player=ann target=elder
        16 answer hunt/player:ann/1/cloak/ann delivered
        17 answer hunt/player:ann/1/cloak/ann delivered
        18 event quest.accept player=ann target=hunt
        20 wait
        ",
    );
    expect![[r#"
        10: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=wolves instance=1 value=1 need=2 done=false hidden=false
        10: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=kill since=10 deadline= completions=0
        12: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=wolves instance=1 value=1 need=2 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=wolves instance=1 value=2 need=2 done=true hidden=false
        13: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=wolves instance=1 value=2 need=2 done=true hidden=false
        13: +1 objective_progress scope=player holder=ann quest=hunt stage=report objective=tell instance=1 value=0 need=1 done=false hidden=false
        13: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=kill since=10 deadline= completions=0
        13: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=report since=10 deadline= completions=0
        14: +1 grants grant=hunt/player:ann/1/cloak/ann quest=hunt scope=player holder=ann instance=1 slot=cloak player=ann item=cloak amount=1 status=pending reason= tick=14
        14: +1 grants grant=hunt/player:ann/1/experience/ann quest=hunt scope=player holder=ann instance=1 slot=experience player=ann item=experience amount=150 status=pending reason= tick=14
        14: +1 levels player=ann level=2 experience=150 into_level=50 to_next=150
        14: -1 objective_progress scope=player holder=ann quest=hunt stage=report objective=tell instance=1 value=0 need=1 done=false hidden=false
        14: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=report since=10 deadline= completions=0
        14: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=14 deadline= completions=1
        15: +1 facts scope=realm holder=golden fact=mood value=2 version=1 expires=
        16: +1 grants grant=hunt/player:ann/1/cloak/ann quest=hunt scope=player holder=ann instance=1 slot=cloak player=ann item=cloak amount=1 status=delivered reason= tick=14
        16: -1 grants grant=hunt/player:ann/1/cloak/ann quest=hunt scope=player holder=ann instance=1 slot=cloak player=ann item=cloak amount=1 status=pending reason= tick=14
        17: refused already_answered: grant `hunt/player:ann/1/cloak/ann` has been answered before
        18: refused not_available: quest `hunt` is not available
    "#]]
    .assert_eq(&golden.changes(&["quest_state", "objective_progress", "grants", "levels", "facts"]));
    golden.check_laws();
}

#[test]
fn a_community_quest_has_one_counter_and_exact_shares() {
    let golden = world(
        "
feast:
  title: Feast
  scope: realm
  accept: auto
  stages:
    gather: {objectives: {herbs: {event: gather, target: herb, count: 10}}}
  rewards: {slots: {feast: {item: cake}}}
",
        "
        10 event gather player=bob target=herb amount=4
        10 event gather player=ann target=herb amount=3
        11 event gather player=cid target=herb amount=9
        11 event gather player=dan target=herb amount=1
        14 wait
        ",
    );
    expect![[r#"
        1: +1 community_progress scope=realm holder=golden quest=feast stage=gather objective=herbs instance=1 value=0 need=10 contributors=0
        1: +1 quest_state scope=realm holder=golden quest=feast instance=1 state=active stage=gather since=1 deadline= completions=0
        10: -1 community_progress scope=realm holder=golden quest=feast stage=gather objective=herbs instance=1 value=0 need=10 contributors=0
        10: +1 community_progress scope=realm holder=golden quest=feast stage=gather objective=herbs instance=1 value=7 need=10 contributors=2
        10: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=3
        10: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=bob instance=1 amount=4
        11: -1 community_progress scope=realm holder=golden quest=feast stage=gather objective=herbs instance=1 value=7 need=10 contributors=2
        11: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=3
        11: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=bob instance=1 amount=4
        11: +1 grants grant=feast/realm:golden/1/feast/ann quest=feast scope=realm holder=golden instance=1 slot=feast player=ann item=cake amount=1 status=pending reason= tick=11
        11: +1 grants grant=feast/realm:golden/1/feast/bob quest=feast scope=realm holder=golden instance=1 slot=feast player=bob item=cake amount=1 status=pending reason= tick=11
        11: +1 grants grant=feast/realm:golden/1/feast/cid quest=feast scope=realm holder=golden instance=1 slot=feast player=cid item=cake amount=1 status=pending reason= tick=11
        11: -1 quest_state scope=realm holder=golden quest=feast instance=1 state=active stage=gather since=1 deadline= completions=0
        11: +1 quest_state scope=realm holder=golden quest=feast instance=1 state=done stage= since=11 deadline= completions=1
    "#]]
    .assert_eq(&golden.changes(&["quest_state", "contributions", "community_progress", "grants"]));
    golden.check_laws();
}

#[test]
fn night_gates_an_objective_and_the_edge_is_exact() {
    let golden = world(
        "
owls:
  title: Owls
  accept: auto
  stages:
    hunt: {objectives: {wolves: {event: kill, target: beast, count: 5, when: {phase: night}}}}
",
        "
        10 event kill player=ann target=wolf
        100 event kill player=ann target=wolf
        101 event kill player=ann target=bear
        102 event kill player=ann target=bear
        110 wait
        ",
    );
    expect![[r#"
        1: +1 clock world_ms=71940000 since=1 scale_world=60 scale_real=1 paused=false phase=dusk day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=101
        10: +1 objective_progress scope=player holder=ann quest=owls stage=hunt objective=wolves instance=1 value=0 need=5 done=false hidden=false
        101: -1 clock world_ms=71940000 since=1 scale_world=60 scale_real=1 paused=false phase=dusk day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=101
        101: +1 clock world_ms=72000000 since=101 scale_world=60 scale_real=1 paused=false phase=night day=1 year=1 month=Firstmonth day_of_month=1 weekday=day1 season=spring moons={"moon":"new"} next_edge=24101
        101: -1 objective_progress scope=player holder=ann quest=owls stage=hunt objective=wolves instance=1 value=0 need=5 done=false hidden=false
        101: +1 objective_progress scope=player holder=ann quest=owls stage=hunt objective=wolves instance=1 value=1 need=5 done=false hidden=false
        102: +1 facts scope=player holder=ann fact=brave value=true version=1 expires=
        102: -1 objective_progress scope=player holder=ann quest=owls stage=hunt objective=wolves instance=1 value=1 need=5 done=false hidden=false
        102: +1 objective_progress scope=player holder=ann quest=owls stage=hunt objective=wolves instance=1 value=2 need=5 done=false hidden=false
    "#]]
    .assert_eq(&golden.changes(&["clock", "objective_progress", "facts"]));
    golden.check_laws();
}

#[test]
fn parties_keep_what_was_contributed_when_members_leave() {
    let golden = world(
        "
pack:
  title: Pack
  scope: party
  stages:
    hunt: {objectives: {wolves: {event: kill, target: wolf, count: 4}}}
  rewards: {experience: 10}
",
        "
        10 event quest.accept player=ann target=pack
        11 member ann party red
        11 member bob party red
        12 event quest.accept player=ann target=pack
        13 event kill player=bob target=wolf
        14 member bob party -
        14 event kill player=bob target=wolf
        15 member cid party red
        15 event kill player=cid target=wolf amount=2
        16 event kill player=ann target=wolf amount=5
        18 wait
        ",
    );
    expect![[r#"
        11: +1 presence player=ann server= region= instance= party=red guild= account= since=11
        11: +1 presence player=bob server= region= instance= party=red guild= account= since=11
        12: +1 quest_state scope=party holder=red quest=pack instance=1 state=active stage=hunt since=12 deadline= completions=0
        13: +1 contributions scope=party holder=red quest=pack stage=hunt objective=wolves player=bob instance=1 amount=1
        14: -1 presence player=bob server= region= instance= party=red guild= account= since=11
        15: +1 contributions scope=party holder=red quest=pack stage=hunt objective=wolves player=cid instance=1 amount=2
        15: +1 presence player=cid server= region= instance= party=red guild= account= since=15
        16: -1 contributions scope=party holder=red quest=pack stage=hunt objective=wolves player=bob instance=1 amount=1
        16: -1 contributions scope=party holder=red quest=pack stage=hunt objective=wolves player=cid instance=1 amount=2
        16: +1 grants grant=pack/party:red/1/experience/ann quest=pack scope=party holder=red instance=1 slot=experience player=ann item=experience amount=10 status=pending reason= tick=16
        16: +1 grants grant=pack/party:red/1/experience/bob quest=pack scope=party holder=red instance=1 slot=experience player=bob item=experience amount=10 status=pending reason= tick=16
        16: +1 grants grant=pack/party:red/1/experience/cid quest=pack scope=party holder=red instance=1 slot=experience player=cid item=experience amount=10 status=pending reason= tick=16
        16: -1 quest_state scope=party holder=red quest=pack instance=1 state=active stage=hunt since=12 deadline= completions=0
        16: +1 quest_state scope=party holder=red quest=pack instance=1 state=done stage= since=16 deadline= completions=1
        10: refused no_holder: quest `pack` is held by a party, and there is none here
    "#]]
    .assert_eq(&golden.changes(&["presence", "quest_state", "contributions", "grants"]));
    golden.check_laws();
}

#[test]
fn an_npc_without_a_tier_says_its_barks_by_turns() {
    let golden = world(
        "
none: {title: None, stages: {only: {objectives: {never: {event: gather}}}}}
",
        "
        10 event talk player=ann target=elder
        12 event talk player=ann target=elder
        13 event talk player=ann target=elder
        14 wait
        ",
    );
    expect![[r#"
        10: +1 npc_lines player=ann npc=elder line=1 text=Well met. provenance=authored why=no_tier tier= tick=10 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        12: +1 npc_lines player=ann npc=elder line=2 text=Mind the moor. provenance=authored why=no_tier tier= tick=12 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        13: +1 npc_lines player=ann npc=elder line=3 text=Well met. provenance=authored why=no_tier tier= tick=13 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
    "#]]
    .assert_eq(&golden.changes(&["npc_lines", "npc_requests"]));
    golden.check_laws();
}

#[test]
fn what_a_declared_entity_no_longer_is_does_not_come_back_with_a_restart() {
    let golden = world(
        "
hunt:
  title: Hunt
  accept: auto
  stages:
    kill: {objectives: {beasts: {event: kill, target: beast, count: 9}}}
",
        "
        9 event kill player=ann target=wolf
        10 event kill player=ann target=wolf
        11 entity wolf delete
        12 event kill player=ann target=wolf
        13 entity bear upsert npc
        14 event kill player=ann target=bear
        15 entity wolf upsert npc grey,beast
        16 event kill player=ann target=wolf
        17 wait
        ",
    );
    expect![[r#"
        9: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=beasts instance=1 value=1 need=9 done=false hidden=false
        10: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=beasts instance=1 value=1 need=9 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=beasts instance=1 value=2 need=9 done=false hidden=false
        16: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=beasts instance=1 value=2 need=9 done=false hidden=false
        16: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=beasts instance=1 value=3 need=9 done=false hidden=false
    "#]]
    .assert_eq(&golden.changes(&["objective_progress"]));
    golden.check_laws();
}

#[test]
fn an_npc_asks_where_the_player_stands_with_the_players_own_quest() {
    let golden = world_with(
        "elder: {barks: ['Well done.'], when: {any: [{quests: {hunt: done}}, {quests: {feud: available}}]}}",
        "
hunt:
  title: Hunt
  repeat: {always: {}}
  stages:
    kill: {objectives: {wolves: {event: kill, target: wolf}}}
feud:
  title: Feud
  requires: {facts: {brave: true}}
  stages:
    kill: {objectives: {bears: {event: kill, target: bear}}}
",
        "
        10 event talk player=ann target=elder
        11 event quest.accept player=ann target=hunt
        12 event kill player=ann target=wolf
        12 event talk player=ann target=elder
        13 event talk player=ann target=elder
        13 event talk player=bob target=elder
        14 event quest.accept player=ann target=hunt
        15 event talk player=ann target=elder
        16 fact player bob brave true
        18 event talk player=bob target=elder
        20 wait
        ",
    );
    expect![[r#"
        13: +1 npc_lines player=ann npc=elder line=1 text=Well done. provenance=authored why=no_tier tier= tick=13 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        15: +1 npc_lines player=ann npc=elder line=2 text=Well done. provenance=authored why=no_tier tier= tick=15 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        18: +1 npc_lines player=bob npc=elder line=1 text=Well done. provenance=authored why=no_tier tier= tick=18 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
    "#]]
    .assert_eq(&golden.changes(&["npc_lines", "npc_requests"]));
    golden.check_laws();
}

#[test]
fn weather_that_the_climate_lacks_is_refused() {
    let golden = world(
        "
none: {title: None, stages: {only: {objectives: {never: {event: gather}}}}}
",
        "
        10 weather moor_zone lava
        11 weather moor_zone rain
        12 wait
        ",
    );
    let changes = golden.changes(&["weather"]);
    assert!(changes.contains("11: +1 weather zone=moor_zone state=rain"), "{changes}");
    let refused: Vec<&str> = changes.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!(refused, ["10: refused unknown_state: the climate of zone `moor_zone` has no state `lava`"]);
    golden.check_laws();
}

#[test]
fn a_realm_in_which_nothing_is_due_sleeps_after_a_restart() {
    let quest = "
hunt:
  title: Hunt
  accept: auto
  stages:
    all: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}
";
    let script = "
        10 event kill player=ann target=wolf
        10 event talk player=ann target=elder
        20000 wait
    ";
    // The hours of the world, a minute each, and the weather in them.
    let wakes = world(quest, script).wakes_after(20);
    assert!(wakes < 500, "woken {wakes} times in 20,000 ticks");
}
