//! One world for each word that says to whom, by whom and for whom.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
regions: {moor: {}, village: {}}
kinds:
  kill: {}
  gather: {}
lifetime:
  kills: {pattern: {event: kill, target: wolf}}
facts:
  fame: {type: int, default: 0}
  party_size: {scope: party, type: int, default: 0, members: true}
  role: {type: text, default: none}
";

const ENTITIES: &str = "
wolf: {kind: npc}
herb: {kind: object}
elder: {kind: npc}
smith: {kind: npc, tags: [villager]}
baker: {kind: npc, tags: [villager]}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

#[test]
fn an_npc_is_who_a_quest_is_turned_in_to() {
    let golden = world(
        "
pelts:
  title: Pelts
  accept: auto
  turn_in: {npc: [elder, villager]}
  repeat: {always: {}}
  stages: {kill: {objectives: {wolf: {event: kill, target: wolf}}}}
",
        "
        10 event quest.turn_in player=ann target=pelts npc=elder
        11 event kill player=ann target=wolf
        12 event quest.turn_in player=ann target=pelts
        13 event quest.turn_in player=ann target=pelts npc=wolf
        14 event quest.turn_in player=ann target=pelts npc=villager
        15 event quest.turn_in player=ann target=pelts npc=elder
        17 event kill player=ann target=wolf
        17 event quest.turn_in player=ann target=pelts npc=baker
        19 entity smith upsert npc
        20 event kill player=ann target=wolf
        21 event quest.turn_in player=ann target=pelts npc=smith
        22 wait
        ",
    );
    expect![[r#"
        10: +1 quest_state scope=player holder=ann quest=pelts instance=1 state=active stage=kill since=10 deadline= completions=0
        11: -1 quest_state scope=player holder=ann quest=pelts instance=1 state=active stage=kill since=10 deadline= completions=0
        11: +1 quest_state scope=player holder=ann quest=pelts instance=1 state=ready stage=kill since=11 deadline= completions=0
        14: +1 quest_state scope=player holder=ann quest=pelts instance=1 state=done stage= since=14 deadline= completions=1
        14: -1 quest_state scope=player holder=ann quest=pelts instance=1 state=ready stage=kill since=11 deadline= completions=0
        15: -1 quest_state scope=player holder=ann quest=pelts instance=1 state=done stage= since=14 deadline= completions=1
        15: +1 quest_state scope=player holder=ann quest=pelts instance=2 state=active stage=kill since=15 deadline= completions=1
        17: -1 quest_state scope=player holder=ann quest=pelts instance=2 state=active stage=kill since=15 deadline= completions=1
        17: +1 quest_state scope=player holder=ann quest=pelts instance=2 state=done stage= since=17 deadline= completions=2
        18: -1 quest_state scope=player holder=ann quest=pelts instance=2 state=done stage= since=17 deadline= completions=2
        18: +1 quest_state scope=player holder=ann quest=pelts instance=3 state=active stage=kill since=18 deadline= completions=2
        20: -1 quest_state scope=player holder=ann quest=pelts instance=3 state=active stage=kill since=18 deadline= completions=2
        20: +1 quest_state scope=player holder=ann quest=pelts instance=3 state=ready stage=kill since=20 deadline= completions=2
        10: refused not_ready: quest `pelts` is not ready to be turned in
        12: refused wrong_npc: quest `pelts` is turned in to elder or villager
        13: refused wrong_npc: quest `pelts` is turned in to elder or villager
        15: refused not_ready: quest `pelts` is not ready to be turned in
        21: refused wrong_npc: quest `pelts` is turned in to elder or villager
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn a_share_of_the_players_are_the_best() {
    let golden = world(
        "
feast:
  title: Feast
  scope: realm
  accept: auto
  stages: {gather: {objectives: {herbs: {event: gather, count: 20}}}}
  rewards: {slots: {crown: {item: crown, to: {top: {percent: 30}}}, ribbon: {item: ribbon, to: {top: {from: 2, percent: 100}}}}}
",
        "
        10 event gather player=ann amount=2
        11 event gather player=bob amount=7
        12 event gather player=cid amount=3
        13 event gather player=dan amount=6
        14 event gather player=eve amount=2
        15 wait
        ",
    );
    expect![[r#"
        14: +1 grants grant=feast/realm:golden/1/crown/bob quest=feast scope=realm holder=golden instance=1 slot=crown player=bob item=crown amount=1 status=pending reason= tick=14
        14: +1 grants grant=feast/realm:golden/1/crown/dan quest=feast scope=realm holder=golden instance=1 slot=crown player=dan item=crown amount=1 status=pending reason= tick=14
        14: +1 grants grant=feast/realm:golden/1/ribbon/ann quest=feast scope=realm holder=golden instance=1 slot=ribbon player=ann item=ribbon amount=1 status=pending reason= tick=14
        14: +1 grants grant=feast/realm:golden/1/ribbon/cid quest=feast scope=realm holder=golden instance=1 slot=ribbon player=cid item=ribbon amount=1 status=pending reason= tick=14
        14: +1 grants grant=feast/realm:golden/1/ribbon/dan quest=feast scope=realm holder=golden instance=1 slot=ribbon player=dan item=ribbon amount=1 status=pending reason= tick=14
        14: +1 grants grant=feast/realm:golden/1/ribbon/eve quest=feast scope=realm holder=golden instance=1 slot=ribbon player=eve item=ribbon amount=1 status=pending reason= tick=14
    "#]]
    .assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}

#[test]
fn a_unit_is_worth_so_much_as_credit() {
    let golden = world(
        "
feast:
  title: Feast
  scope: realm
  accept: auto
  stages:
    pay: {objectives: {claim: {event: kill, count: 3, worth: 0}}}
    gather:
      objectives:
        herbs: {event: gather, target: herb, count: 5, worth: 3}
        wolves: {event: kill, target: wolf, count: 6}
  rewards: {slots: {gold: {item: gold, amount: 100, divided: true}, crown: {item: crown, to: {top: {through: 1}}}}}
",
        "
        10 event kill player=cid target=wolf amount=3
        12 event gather player=ann target=herb amount=5
        13 event kill player=bob target=wolf amount=6
        14 wait
        ",
    );
    expect![[r#"
        10: +1 contributions scope=realm holder=golden quest=feast stage=pay objective=claim player=cid instance=1 amount=3
        12: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=5
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=5
        13: -1 contributions scope=realm holder=golden quest=feast stage=pay objective=claim player=cid instance=1 amount=3
        13: +1 grants grant=feast/realm:golden/1/crown/ann quest=feast scope=realm holder=golden instance=1 slot=crown player=ann item=crown amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/ann quest=feast scope=realm holder=golden instance=1 slot=gold player=ann item=gold amount=71 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/bob quest=feast scope=realm holder=golden instance=1 slot=gold player=bob item=gold amount=29 status=pending reason= tick=13
    "#]]
    .assert_eq(&golden.changes(&["contributions", "grants"]));
    golden.check_laws();
}

#[test]
fn credit_counts_since_a_quest_is_available() {
    let golden = world(
        "
hunt:
  title: Hunt
  requires: {facts: {fame: {at_least: 1}}}
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, count: 5, since: available, lifetime: kills}}}}
",
        "
        10 event kill player=ann target=wolf amount=3
        12 fact player ann fame 1
        13 event kill player=ann target=wolf amount=2
        14 event quest.accept player=ann target=hunt
        16 event kill player=ann target=wolf amount=3
        17 wait
        ",
    );
    expect![[r#"
        12: quest hunt available
        14: quest hunt active stage=kill
        14: wolves 2/5
        16: quest hunt done
    "#]]
    .assert_eq(&golden.story(&[]));
}

#[test]
fn a_shared_quest_is_each_members_own() {
    let golden = world(
        "
patrol:
  title: Patrol
  accept: offered
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}}
veterans:
  title: Veterans
  accept: offered
  requires: {facts: {fame: {at_least: 1}}}
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf}}}}
hunt:
  title: Hunt
  accept: auto
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, count: 9}}}}
feast:
  title: Feast
  scope: party
  accept: offered
  stages: {gather: {objectives: {herbs: {event: gather, count: 5}}}}
",
        "
        9 member bob party red
        9 member cid party red
        9 member dan party blue
        10 event quest.share player=ann target=patrol
        11 event quest.offer player=ann target=patrol
        11 event quest.accept player=ann target=patrol
        12 event quest.share player=ann target=patrol
        13 member ann party red
        14 event quest.share player=ann target=patrol
        14 event quest.share player=ann target=hunt
        14 event quest.share player=ann target=feast
        15 event quest.accept player=bob target=patrol
        15 event kill player=bob target=wolf
        16 event kill player=ann target=wolf amount=2
        17 event kill player=bob target=wolf
        18 event quest.decline player=cid target=patrol
        20 fact player ann fame 1
        20 fact player bob fame 1
        21 event quest.offer player=ann target=veterans
        21 event quest.accept player=ann target=veterans
        21 event quest.share player=ann target=veterans
        23 wait
        ",
    );
    expect![[r#"
        9: +1 quest_state scope=player holder=bob quest=hunt instance=1 state=active stage=kill since=9 deadline= completions=0
        9: +1 quest_state scope=player holder=cid quest=hunt instance=1 state=active stage=kill since=9 deadline= completions=0
        9: +1 quest_state scope=player holder=dan quest=hunt instance=1 state=active stage=kill since=9 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=kill since=10 deadline= completions=0
        11: +1 quest_state scope=player holder=ann quest=patrol instance=1 state=active stage=kill since=11 deadline= completions=0
        15: +1 quest_state scope=player holder=bob quest=patrol instance=1 state=active stage=kill since=15 deadline= completions=0
        15: +1 quest_state scope=player holder=cid quest=patrol instance=0 state=offered stage= since=15 deadline= completions=0
        16: -1 quest_state scope=player holder=ann quest=patrol instance=1 state=active stage=kill since=11 deadline= completions=0
        16: +1 quest_state scope=player holder=ann quest=patrol instance=1 state=done stage= since=16 deadline= completions=1
        17: -1 quest_state scope=player holder=bob quest=patrol instance=1 state=active stage=kill since=15 deadline= completions=0
        17: +1 quest_state scope=player holder=bob quest=patrol instance=1 state=done stage= since=17 deadline= completions=1
        18: -1 quest_state scope=player holder=cid quest=patrol instance=0 state=offered stage= since=15 deadline= completions=0
        20: +1 quest_state scope=player holder=ann quest=veterans instance=0 state=available stage= since=20 deadline= completions=0
        20: +1 quest_state scope=player holder=bob quest=veterans instance=0 state=available stage= since=20 deadline= completions=0
        21: -1 quest_state scope=player holder=ann quest=veterans instance=0 state=available stage= since=20 deadline= completions=0
        21: +1 quest_state scope=player holder=ann quest=veterans instance=1 state=active stage=kill since=21 deadline= completions=0
        22: -1 quest_state scope=player holder=bob quest=veterans instance=0 state=available stage= since=20 deadline= completions=0
        22: +1 quest_state scope=player holder=bob quest=veterans instance=0 state=offered stage= since=22 deadline= completions=0
        10: refused not_active: quest `patrol` is not active
        12: refused no_party: `ann` is in no party to share `patrol` with
        14: refused not_shared: quest `feast` is held by a party already
        14: refused not_offered: quest `hunt` is not one that is offered
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn a_party_of_a_size_and_a_role_in_it() {
    let golden = world(
        "
vigil:
  title: Vigil
  requires: {facts: {party_size: {at_least: 2}, role: healer}}
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, when: {facts: {party_size: 3}}}}}}
",
        "
        10 member ann party red
        10 fact player ann role healer
        11 member bob party red
        13 event quest.accept player=ann target=vigil
        14 event kill player=ann target=wolf
        15 member cid party red
        15 event kill player=ann target=wolf
        16 event kill player=ann target=wolf
        17 member ann party -
        18 member bob party -
        18 member bob party blue
        19 member cid party -
        21 wait
        ",
    );
    expect![[r#"
        10: +1 facts scope=player holder=ann fact=role value=healer version=1 expires=
        11: +1 facts scope=party holder=red fact=party_size value=1 version=1 expires=
        12: -1 facts scope=party holder=red fact=party_size value=1 version=1 expires=
        12: +1 facts scope=party holder=red fact=party_size value=2 version=2 expires=
        12: +1 quest_state scope=player holder=ann quest=vigil instance=0 state=available stage= since=12 deadline= completions=0
        13: -1 quest_state scope=player holder=ann quest=vigil instance=0 state=available stage= since=12 deadline= completions=0
        13: +1 quest_state scope=player holder=ann quest=vigil instance=1 state=active stage=kill since=13 deadline= completions=0
        16: -1 facts scope=party holder=red fact=party_size value=2 version=2 expires=
        16: +1 facts scope=party holder=red fact=party_size value=3 version=3 expires=
        16: -1 quest_state scope=player holder=ann quest=vigil instance=1 state=active stage=kill since=13 deadline= completions=0
        16: +1 quest_state scope=player holder=ann quest=vigil instance=1 state=done stage= since=16 deadline= completions=1
        18: +1 facts scope=party holder=red fact=party_size value=2 version=4 expires=
        18: -1 facts scope=party holder=red fact=party_size value=3 version=3 expires=
        19: +1 facts scope=party holder=blue fact=party_size value=1 version=1 expires=
        19: +1 facts scope=party holder=red fact=party_size value=1 version=5 expires=
        19: -1 facts scope=party holder=red fact=party_size value=2 version=4 expires=
        20: -1 facts scope=party holder=red fact=party_size value=1 version=5 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts", "quest_state"]));
    golden.check_laws();
}

#[test]
fn progress_of_another_quest_opens_one_and_counts_in_a_pattern() {
    let golden = world(
        "
hunt:
  title: Hunt
  accept: auto
  repeat: {always: {}}
  stages:
    kill: {objectives: {wolves: {event: kill, target: wolf, count: 3}}}
    bring: {objectives: {herbs: {event: gather, target: herb}}}
tracker:
  title: Tracker
  accept: auto
  requires: {progress: {hunt: {wolves: {at_least: 2}}}}
  stages:
    look: {objectives: {last: {event: kill, target: wolf, count: 9, when: {progress: {hunt: {wolves: 2}}}}}}
",
        "
        10 event kill player=ann target=wolf
        11 event kill player=ann target=wolf
        11 event kill player=bob target=wolf
        13 event kill player=ann target=wolf
        14 event kill player=ann target=wolf
        15 event gather player=ann target=herb
        16 event kill player=ann target=wolf
        18 wait
        ",
    );
    expect![[r#"
        10: quest hunt active stage=kill
        10: wolves 1/3
        11: bob quest hunt active stage=kill
        11: bob wolves 1/3
        11: wolves 2/3
        12: last 0/9
        12: quest tracker active stage=look
        13: last 1/9
        13: wolves 3/3 done
        14: herbs 0/1
        14: quest hunt active stage=bring
        15: quest hunt done
        16: quest hunt active stage=kill
        16: wolves 1/3
    "#]]
    .assert_eq(&golden.story(&[]));
}

#[test]
fn near_an_entity_that_moves() {
    let golden = world(
        "
tales:
  title: Tales
  requires: {near: smith}
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, count: 4, when: {near: [elder, villager]}}}}}
",
        "
        9 presence ann gs1 moor -
        10 event kill player=ann target=wolf
        11 entity smith merge region=moor
        12 event quest.accept player=ann target=tales
        12 event kill player=ann target=wolf
        13 event kill player=ann target=wolf region=village
        14 entity smith merge region=village
        14 event kill player=ann target=wolf
        14 event kill player=ann target=wolf region=village
        15 presence bob gs1 village -
        16 entity smith delete
        16 event kill player=ann target=wolf region=village
        17 wait
        ",
    );
    expect![[r#"
        11: +1 quest_state scope=player holder=ann quest=tales instance=0 state=available stage= since=11 deadline= completions=0
        12: +1 objective_progress scope=player holder=ann quest=tales stage=kill objective=wolves instance=1 value=1 need=4 done=false hidden=false
        12: -1 quest_state scope=player holder=ann quest=tales instance=0 state=available stage= since=11 deadline= completions=0
        12: +1 quest_state scope=player holder=ann quest=tales instance=1 state=active stage=kill since=12 deadline= completions=0
        14: -1 objective_progress scope=player holder=ann quest=tales stage=kill objective=wolves instance=1 value=1 need=4 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=tales stage=kill objective=wolves instance=1 value=2 need=4 done=false hidden=false
        15: +1 quest_state scope=player holder=bob quest=tales instance=0 state=available stage= since=15 deadline= completions=0
        16: -1 quest_state scope=player holder=bob quest=tales instance=0 state=available stage= since=15 deadline= completions=0
    "#]]
    .assert_eq(&golden.changes(&["quest_state", "objective_progress"]));
    golden.check_laws();
}
