//! Branches and rounds where what is done can be undone, or begins anew.

use expect_test::expect;

use crate::script::Golden;

/// A tick is a second, and the first is one second after the beginning of 1970.
const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
kinds: {kill: {}, gather: {}, talk: {}}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("quests/all.yaml", quests)], script)
}

#[test]
fn branch_that_is_undone_in_its_tick_does_not_win() {
    let golden = world(
        "
fork:
  title: Fork
  accept: auto
  stages:
    choose:
      objectives:
        herb: {event: gather, minus: [{event: kill}], latched: false, branch: peace}
        word: {event: talk, branch: war}
",
        "
        10 event kill player=ann
        11 event gather player=ann
        11 event kill player=ann
        11 event talk player=ann
        11 event gather player=ann
        12 wait
        ",
    );
    expect![[r#"
        11: +1 quest_bindings scope=player holder=ann quest=fork kind=branch name=choose instance=1 value=war
    "#]]
    .assert_eq(&golden.changes(&["quest_bindings"]));
    golden.check_laws();
}

#[test]
fn players_do_their_part_in_each_round_and_are_credited_for_all() {
    let golden = world(
        "
duty:
  title: Duty
  scope: realm
  accept: auto
  stages: {watch: {times: 2, objectives: {each: {event: gather, count: 2, players: 2}}}}
  rewards: {slots: {pay: {item: gold, amount: 0, plus: {credit: 1}}}}
",
        "
        10 event gather player=ann amount=2
        11 event gather player=bob amount=2
        12 event gather player=ann amount=1
        13 event gather player=bob amount=2
        14 event gather player=ann amount=1
        16 wait
        ",
    );
    expect![[r#"
        1: +1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=0 need=2 done=false hidden=false
        1: +1 quest_bindings scope=realm holder=golden quest=duty kind=round name=round instance=1 value=1
        10: +1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=ann instance=1 amount=2
        10: -1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=0 need=2 done=false hidden=false
        10: +1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=1 need=2 done=false hidden=false
        11: +1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=bob instance=1 amount=2
        11: -1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=1 need=2 done=false hidden=false
        11: +1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=2 need=2 done=true hidden=false
        12: -1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=ann instance=1 amount=2
        12: +1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=ann instance=1 amount=3
        12: +1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=0 need=2 done=false hidden=false
        12: -1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=2 need=2 done=true hidden=false
        12: -1 quest_bindings scope=realm holder=golden quest=duty kind=round name=round instance=1 value=1
        12: +1 quest_bindings scope=realm holder=golden quest=duty kind=round name=round instance=1 value=2
        13: -1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=bob instance=1 amount=2
        13: +1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=bob instance=1 amount=4
        13: -1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=0 need=2 done=false hidden=false
        13: +1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=1 need=2 done=false hidden=false
        14: -1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=ann instance=1 amount=3
        14: -1 contributions scope=realm holder=golden quest=duty stage=watch objective=each player=bob instance=1 amount=4
        14: +1 grants grant=duty/realm:golden/1/pay/ann quest=duty scope=realm holder=golden instance=1 slot=pay player=ann item=gold amount=4 status=pending reason= tick=14
        14: +1 grants grant=duty/realm:golden/1/pay/bob quest=duty scope=realm holder=golden instance=1 slot=pay player=bob item=gold amount=4 status=pending reason= tick=14
        14: -1 objective_progress scope=realm holder=golden quest=duty stage=watch objective=each instance=1 value=1 need=2 done=false hidden=false
    "#]].assert_eq(&golden.changes(&["contributions", "grants", "objective_progress", "quest_bindings"]));
    golden.check_laws();
}
