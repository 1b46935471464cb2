//! Everyone who does their part, and who has a part in a quest.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
regions: {moor: {}, village: {}}
kinds:
  kill: {}
  gain: {}
  talk: {}
";

const ENTITIES: &str = "
herb: {kind: object}
wolf: {kind: npc, tags: [beast], properties: {region: moor}}
bear: {kind: npc, tags: [beast], properties: {region: moor}}
rat: {kind: npc, tags: [beast], properties: {region: village}}
elder: {kind: npc, tags: [villager], properties: {region: village}}
smith: {kind: npc, tags: [villager], properties: {region: village}}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

#[test]
fn everyone_of_a_party_must_do_their_part() {
    let golden = world(
        "
herbs:
  title: Herbs
  scope: party
  accept: auto
  repeat: {always: {}}
  stages: {pick: {objectives: {herbs: {event: gain, target: herb, count: 2, everyone: true}}}}
",
        "
        10 member ann party red
        10 member bob party red
        11 event gain player=ann target=herb amount=5
        12 event gain player=bob target=herb
        13 member cid party red
        14 event gain player=bob target=herb
        15 event gain player=dan target=herb amount=2
        16 member ann party -
        18 member cid party -
        20 event gain player=bob target=herb amount=2
        22 member bob party -
        23 wait
        ",
    );
    expect![[r#"
        10: red herbs 0/2
        10: red quest herbs active stage=pick
        11: red herbs 1/2
        11: red herbs credits ann with 2
        12: red herbs credits bob with 1
        13: red herbs 1/3
        14: red herbs 2/3
        14: red herbs credits bob with 2
        16: red herbs 1/2
        18: red quest herbs done
        19: red herbs 0/1
        19: red quest herbs active stage=pick
        20: red quest herbs done
        21: red herbs 0/1
        21: red quest herbs active stage=pick
    "#]]
    .assert_eq(&golden.story(&[]));
}

#[test]
fn what_everyone_has_done_is_undone_by_who_joins() {
    let golden = world(
        "
watch:
  title: Watch
  scope: guild
  accept: auto
  turn_in: manual
  stages:
    stand:
      objectives:
        bells: {event: gain, count: 1, everyone: true, latched: false}
        word: {event: talk, target: elder}
",
        "
        10 member ann guild oak
        11 event gain player=ann
        12 member bob guild oak
        13 event talk player=ann target=elder
        14 event gain player=bob
        15 event quest.turn_in player=bob target=watch
        16 wait
        ",
    );
    expect![[r#"
        10: oak bells 0/1
        10: oak quest watch active stage=stand
        10: oak word 0/1
        11: oak bells 1/1 done
        11: oak bells credits ann with 1
        12: oak bells 1/2
        13: oak word 1/1 done
        13: oak word credits ann with 1
        14: oak bells 2/2 done
        14: oak bells credits bob with 1
        14: oak quest watch ready stage=stand
        15: oak quest watch done
    "#]]
    .assert_eq(&golden.story(&[]));
}

#[test]
fn roles_are_bound_at_acceptance_and_counted_for_who_has_them() {
    let golden = world(
        "
bounty:
  title: Bounty
  roles:
    prey: {one_of: beast, region: moor}
    giver: {one_of: villager}
    witness: {one_of: villager}
  repeat: {always: {}}
  stages:
    hunt: {objectives: {kill: {event: kill, role: prey}}}
    tell: {objectives: {talk: {event: talk, role: giver}}}
",
        "
        10 event quest.accept player=ann target=bounty
        11 event kill player=ann target=rat
        12 event kill player=ann target=wolf
        13 event kill player=ann target=bear
        14 event talk player=ann target=elder
        15 event talk player=ann target=smith
        18 entity bear delete
        18 entity wolf delete
        19 event quest.accept player=ann target=bounty
        20 entity wolf upsert npc beast
        21 entity wolf merge region=moor
        22 event quest.accept player=ann target=bounty
        23 wait
        ",
    );
    expect![[r#"
        10: +1 objective_progress scope=player holder=ann quest=bounty stage=hunt objective=kill instance=1 value=0 need=1 done=false hidden=false
        10: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=giver instance=1 value=elder
        10: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=prey instance=1 value=wolf
        10: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=witness instance=1 value=smith
        10: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=active stage=hunt since=10 deadline= completions=0
        12: -1 objective_progress scope=player holder=ann quest=bounty stage=hunt objective=kill instance=1 value=0 need=1 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=bounty stage=hunt objective=kill instance=1 value=1 need=1 done=true hidden=false
        13: -1 objective_progress scope=player holder=ann quest=bounty stage=hunt objective=kill instance=1 value=1 need=1 done=true hidden=false
        13: +1 objective_progress scope=player holder=ann quest=bounty stage=tell objective=talk instance=1 value=0 need=1 done=false hidden=false
        13: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=active stage=hunt since=10 deadline= completions=0
        13: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=active stage=tell since=10 deadline= completions=0
        14: -1 objective_progress scope=player holder=ann quest=bounty stage=tell objective=talk instance=1 value=0 need=1 done=false hidden=false
        14: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=active stage=tell since=10 deadline= completions=0
        14: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=done stage= since=14 deadline= completions=1
        15: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=available stage= since=15 deadline= completions=1
        15: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=done stage= since=14 deadline= completions=1
        18: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=available stage= since=15 deadline= completions=1
        18: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=hidden stage= since=18 deadline= completions=1
        21: +1 quest_state scope=player holder=ann quest=bounty instance=1 state=available stage= since=21 deadline= completions=1
        21: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=hidden stage= since=18 deadline= completions=1
        22: +1 objective_progress scope=player holder=ann quest=bounty stage=hunt objective=kill instance=2 value=0 need=1 done=false hidden=false
        22: -1 quest_bindings scope=player holder=ann quest=bounty kind=role name=giver instance=1 value=elder
        22: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=giver instance=2 value=elder
        22: -1 quest_bindings scope=player holder=ann quest=bounty kind=role name=prey instance=1 value=wolf
        22: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=prey instance=2 value=wolf
        22: -1 quest_bindings scope=player holder=ann quest=bounty kind=role name=witness instance=1 value=smith
        22: +1 quest_bindings scope=player holder=ann quest=bounty kind=role name=witness instance=2 value=smith
        22: -1 quest_state scope=player holder=ann quest=bounty instance=1 state=available stage= since=21 deadline= completions=1
        22: +1 quest_state scope=player holder=ann quest=bounty instance=2 state=active stage=hunt since=22 deadline= completions=1
        19: refused not_available: quest `bounty` is not available
    "#]]
    .assert_eq(&golden.changes(&["quest_state", "objective_progress", "quest_bindings"]));
    golden.check_laws();
}

#[test]
fn a_role_whose_entity_is_no_more_is_kept_bound_anew_or_fails_the_quest() {
    let golden = world(
        "
hunt:
  title: Hunt
  accept: auto
  roles: {prey: {one_of: beast, lost: rebind}}
  stages: {kill: {objectives: {prey: {event: kill, role: prey, count: 9}}}}
guard:
  title: Guard
  accept: auto
  roles: {ward: {one_of: smith, lost: fail}}
  fail_on: [{event: kill, role: ward}]
  stages: {talk: {objectives: {talk: {event: talk, role: ward, count: 9}}}}
memory:
  title: Memory
  accept: auto
  roles: {lost: {one_of: smith}}
  stages: {talk: {objectives: {talk: {event: talk, role: lost, count: 9}}}}
neighbour:
  title: Neighbour
  roles: {friend: {one_of: villager, here: true}}
  stages: {talk: {objectives: {talk: {event: talk, role: friend, count: 9}}}}
",
        "
        9 presence ann gs1 moor -
        10 event talk player=ann target=smith
        11 event kill player=ann target=rat
        11 event kill player=ann target=wolf
        11 event kill player=ann target=bear
        12 entity wolf delete
        12 entity rat delete
        13 event kill player=ann target=bear
        14 entity bear delete
        16 entity rat upsert npc beast
        17 event kill player=ann target=rat
        18 presence ann gs1 village -
        19 event quest.accept player=ann target=neighbour
        20 entity smith delete
        21 event talk player=ann target=smith
        22 wait
        ",
    );
    expect![[r#"
        9: +1 objective_progress scope=player holder=ann quest=guard stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        9: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=0 need=9 done=false hidden=false
        9: +1 objective_progress scope=player holder=ann quest=memory stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        9: +1 quest_bindings scope=player holder=ann quest=guard kind=role name=ward instance=1 value=smith
        9: +1 quest_bindings scope=player holder=ann quest=hunt kind=role name=prey instance=1 value=wolf
        9: +1 quest_bindings scope=player holder=ann quest=memory kind=role name=lost instance=1 value=smith
        9: +1 quest_state scope=player holder=ann quest=guard instance=1 state=active stage=talk since=9 deadline= completions=0
        9: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=kill since=9 deadline= completions=0
        9: +1 quest_state scope=player holder=ann quest=memory instance=1 state=active stage=talk since=9 deadline= completions=0
        10: -1 objective_progress scope=player holder=ann quest=guard stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=guard stage=talk objective=talk instance=1 value=1 need=9 done=false hidden=false
        10: -1 objective_progress scope=player holder=ann quest=memory stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=memory stage=talk objective=talk instance=1 value=1 need=9 done=false hidden=false
        11: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=0 need=9 done=false hidden=false
        11: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=1 need=9 done=false hidden=false
        12: +1 quest_bindings scope=player holder=ann quest=hunt kind=role name=prey instance=1 value=bear
        12: -1 quest_bindings scope=player holder=ann quest=hunt kind=role name=prey instance=1 value=wolf
        13: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=1 need=9 done=false hidden=false
        13: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=2 need=9 done=false hidden=false
        16: -1 quest_bindings scope=player holder=ann quest=hunt kind=role name=prey instance=1 value=bear
        16: +1 quest_bindings scope=player holder=ann quest=hunt kind=role name=prey instance=1 value=rat
        17: -1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=2 need=9 done=false hidden=false
        17: +1 objective_progress scope=player holder=ann quest=hunt stage=kill objective=prey instance=1 value=3 need=9 done=false hidden=false
        18: +1 quest_state scope=player holder=ann quest=neighbour instance=0 state=available stage= since=18 deadline= completions=0
        19: +1 objective_progress scope=player holder=ann quest=neighbour stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        19: +1 quest_bindings scope=player holder=ann quest=neighbour kind=role name=friend instance=1 value=smith
        19: -1 quest_state scope=player holder=ann quest=neighbour instance=0 state=available stage= since=18 deadline= completions=0
        19: +1 quest_state scope=player holder=ann quest=neighbour instance=1 state=active stage=talk since=19 deadline= completions=0
        20: -1 objective_progress scope=player holder=ann quest=guard stage=talk objective=talk instance=1 value=1 need=9 done=false hidden=false
        20: -1 quest_state scope=player holder=ann quest=guard instance=1 state=active stage=talk since=9 deadline= completions=0
        20: +1 quest_state scope=player holder=ann quest=guard instance=1 state=failed stage= since=20 deadline= completions=0
        21: -1 objective_progress scope=player holder=ann quest=memory stage=talk objective=talk instance=1 value=1 need=9 done=false hidden=false
        21: +1 objective_progress scope=player holder=ann quest=memory stage=talk objective=talk instance=1 value=2 need=9 done=false hidden=false
        21: -1 objective_progress scope=player holder=ann quest=neighbour stage=talk objective=talk instance=1 value=0 need=9 done=false hidden=false
        21: +1 objective_progress scope=player holder=ann quest=neighbour stage=talk objective=talk instance=1 value=1 need=9 done=false hidden=false
    "#]]
    .assert_eq(&golden.changes(&["quest_state", "objective_progress", "quest_bindings"]));
    golden.check_laws();
}
