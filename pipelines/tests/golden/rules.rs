//! Rules: what triggers them, what they do and when, edits in the middle.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
regions: {moor: {}, village: {}}
kinds:
  kill: {attributes: {wave: number}}
  rumour: {known_targets: false, max_amount: 5}
facts:
  mood: {scope: realm, type: int, default: 0}
  price: {scope: realm, type: dec, default: 100}
  alarm: {scope: region, type: bool, default: false, expires: 40ms, changed_by: [{pattern: {event: kill, target: bear}, set: true}]}
  fame: {scope: player, type: int, default: 0, changed_by: [{pattern: {event: rumour}, add: 1}]}
  echo: {scope: player, type: int, default: 0}
";

const ENTITIES: &str = "
wolf: {kind: npc}
bear: {kind: npc}
";

fn world(quests: &str, rules: &str, script: &str) -> Golden {
    let mut files = vec![("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("rules/all.yaml", rules)];
    files.extend((!quests.is_empty()).then_some(("quests/all.yaml", quests)));
    Golden::new(&files, script)
}

#[test]
fn rows_that_come_change_and_go_change_facts_a_tick_later() {
    let golden = world(
        "",
        "
dear: {trigger: {appears: {view: facts, where: {fact: price, value: {above: 150}}}}, do: [{add: {fact: mood, by: -5}}]}
cheap: {trigger: {goes: {view: facts, where: {fact: price, value: {above: 150}}}}, do: [{add: {fact: mood, by: 5}}]}
moves: {trigger: {changes: {view: facts, where: {fact: price}}}, do: [{add: {fact: mood, by: 1}}]}
bounds:
  trigger: {appears_or_changes: {view: facts, where: {fact: fame}}}
  do: [{set: {fact: echo, to: {column: value, times: 2.5}}}, {clamp: {fact: echo, at_least: 4, at_most: 9}}]
calm: {trigger: {goes: {view: facts, where: {fact: alarm}}}, do: [{set: {fact: mood, to: 0}}]}
",
        "
        10 fact realm golden price 120
        12 fact realm golden price 160
        14 fact realm golden price 170
        16 fact realm golden price 100
        20 fact player ann fame 2
        22 fact player ann fame 4
        24 event kill player=ann target=bear region=moor
        34 wait
        ",
    );
    expect![[r#"
        10: +1 facts scope=realm holder=golden fact=price value=120 version=1 expires=
        12: -1 facts scope=realm holder=golden fact=price value=120 version=1 expires=
        12: +1 facts scope=realm holder=golden fact=price value=160 version=2 expires=
        13: +1 facts scope=realm holder=golden fact=mood value=-4 version=2 expires=
        14: -1 facts scope=realm holder=golden fact=price value=160 version=2 expires=
        14: +1 facts scope=realm holder=golden fact=price value=170 version=3 expires=
        15: +1 facts scope=realm holder=golden fact=mood value=-3 version=3 expires=
        15: -1 facts scope=realm holder=golden fact=mood value=-4 version=2 expires=
        16: -1 facts scope=realm holder=golden fact=price value=170 version=3 expires=
        17: -1 facts scope=realm holder=golden fact=mood value=-3 version=3 expires=
        17: +1 facts scope=realm holder=golden fact=mood value=2 version=4 expires=
        20: +1 facts scope=player holder=ann fact=fame value=2 version=1 expires=
        21: +1 facts scope=player holder=ann fact=echo value=5 version=1 expires=
        22: -1 facts scope=player holder=ann fact=fame value=2 version=1 expires=
        22: +1 facts scope=player holder=ann fact=fame value=4 version=2 expires=
        23: -1 facts scope=player holder=ann fact=echo value=5 version=1 expires=
        23: +1 facts scope=player holder=ann fact=echo value=9 version=3 expires=
        25: +1 facts scope=region holder=moor fact=alarm value=true version=1 expires=29
        29: -1 facts scope=region holder=moor fact=alarm value=true version=1 expires=29
        30: -1 facts scope=realm holder=golden fact=mood value=2 version=4 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}

#[test]
fn an_event_of_a_rule_is_one_like_any_other() {
    let golden = world(
        "
hunt:
  title: Hunt
  stages: {all: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}}
  rewards: {slots: {hat: {item: hat, amount: 3}}}
  repeat: {always: {}}
tales: {title: Tales, accept: auto, scope: region, stages: {all: {objectives: {told: {event: rumour, count: 9}}}}}
",
        "
offer:
  trigger: {appears: {view: presence, where: {server: {is_not: ''}}}}
  when: 'region == moor'
  do: [{emit: {event: quest.accept, target: hunt}}]
told:
  trigger: {appears: {view: grants, where: {quest: hunt}}}
  do:
    - emit: {event: rumour, player: {column: player}, target: {column: item}, region: village, amount: {column: amount, times: 2}}
    - emit: {event: kill, target: bear, region: moor}
",
        "
        10 presence ann s1 moor -
        10 presence bob s1 village -
        12 event kill player=ann target=wolf amount=2
        20 wait
        ",
    );
    expect![[r#"
        1: +1 objective_progress scope=region holder=moor quest=tales stage=all objective=told instance=1 value=0 need=9 done=false hidden=false
        1: +1 objective_progress scope=region holder=village quest=tales stage=all objective=told instance=1 value=0 need=9 done=false hidden=false
        1: +1 quest_state scope=region holder=moor quest=tales instance=1 state=active stage=all since=1 deadline= completions=0
        1: +1 quest_state scope=region holder=village quest=tales instance=1 state=active stage=all since=1 deadline= completions=0
        11: +1 objective_progress scope=player holder=ann quest=hunt stage=all objective=wolves instance=1 value=0 need=2 done=false hidden=false
        11: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=all since=11 deadline= completions=0
        12: +1 grants grant=hunt/player:ann/1/hat/ann quest=hunt scope=player holder=ann instance=1 slot=hat player=ann item=hat amount=3 status=pending reason= tick=12
        12: -1 objective_progress scope=player holder=ann quest=hunt stage=all objective=wolves instance=1 value=0 need=2 done=false hidden=false
        12: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=active stage=all since=11 deadline= completions=0
        12: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=12 deadline= completions=1
        13: -1 objective_progress scope=region holder=village quest=tales stage=all objective=told instance=1 value=0 need=9 done=false hidden=false
        13: +1 objective_progress scope=region holder=village quest=tales stage=all objective=told instance=1 value=5 need=9 done=false hidden=false
        13: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=available stage= since=13 deadline= completions=1
        13: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=12 deadline= completions=1
        14: +1 facts scope=player holder=ann fact=fame value=5 version=1 expires=
        14: +1 facts scope=region holder=moor fact=alarm value=true version=1 expires=18
        18: -1 facts scope=region holder=moor fact=alarm value=true version=1 expires=18
    "#]].assert_eq(&golden.changes(&["facts", "quest_state", "objective_progress", "grants"]));
    golden.check_laws();
}

#[test]
fn a_delay_follows_its_clock_and_an_edit_leaves_what_waits() {
    let mut golden = world(
        "",
        "
soon: {trigger: {appears: {view: facts, where: {fact: fame}}}, after: 50ms, do: [{add: {fact: echo, by: 1}}]}
later: {trigger: {appears: {view: facts, where: {fact: fame}}}, after: 6s world, do: [{add: {fact: echo, by: 10}}]}
gone: {trigger: {appears: {view: facts, where: {fact: fame}}}, after: 80ms, do: [{add: {fact: echo, by: 100}}]}
",
        "
        10 fact player ann fame 3
        12 clock pause
        20 clock resume
        30 wait
        ",
    );
    // One world hour takes 60 s, so 6 s of world time are ten ticks.
    golden.edit_rules(
        13,
        "
soon: {trigger: {every: {span: 1h}}, do: [{add: {fact: mood, by: 1}}]}
gone: null
",
    );
    expect![[r#"
        10: +1 facts scope=player holder=ann fact=fame value=3 version=1 expires=
        16: +1 facts scope=player holder=ann fact=echo value=1 version=1 expires=
        29: -1 facts scope=player holder=ann fact=echo value=1 version=1 expires=
        29: +1 facts scope=player holder=ann fact=echo value=11 version=2 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}

#[test]
fn periods_are_those_of_the_real_and_of_the_world_clock() {
    let golden = world(
        "",
        "
beat: {trigger: {every: {span: 100ms}}, do: [{add: {fact: price, by: 1.5}}]}
minute: {trigger: {every: {span: 1m world}}, do: [{add: {fact: mood, by: 1}}]}
fade:
  trigger: {every: {span: 70ms, each: {view: facts, where: {fact: fame, value: {above: 0}}}}}
  do: [{add: {fact: fame, by: -1}}]
",
        "
        5 fact player ann fame 2
        5 fact player bob fame 1
        6 clock scale 6000 10
        25 clock set 72180000
        27 clock set 72000000
        40 wait
        ",
    );
    expect![[r#"
        5: +1 facts scope=player holder=ann fact=fame value=2 version=1 expires=
        5: +1 facts scope=player holder=bob fact=fame value=1 version=1 expires=
        8: +1 facts scope=player holder=ann fact=fame value=1 version=2 expires=
        8: -1 facts scope=player holder=ann fact=fame value=2 version=1 expires=
        8: -1 facts scope=player holder=bob fact=fame value=1 version=1 expires=
        11: +1 facts scope=realm holder=golden fact=price value=101.5 version=1 expires=
        15: -1 facts scope=player holder=ann fact=fame value=1 version=2 expires=
        17: +1 facts scope=realm holder=golden fact=mood value=1 version=1 expires=
        21: -1 facts scope=realm holder=golden fact=price value=101.5 version=1 expires=
        21: +1 facts scope=realm holder=golden fact=price value=103 version=2 expires=
        26: -1 facts scope=realm holder=golden fact=mood value=1 version=1 expires=
        26: +1 facts scope=realm holder=golden fact=mood value=2 version=2 expires=
        31: -1 facts scope=realm holder=golden fact=price value=103 version=2 expires=
        31: +1 facts scope=realm holder=golden fact=price value=104.5 version=3 expires=
        38: -1 facts scope=realm holder=golden fact=mood value=2 version=2 expires=
        38: +1 facts scope=realm holder=golden fact=mood value=3 version=3 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}

#[test]
fn what_is_there_counts_for_a_new_rule_only_if_it_says_so() {
    let mut golden = world(
        "",
        "old: {trigger: {appears: {view: facts, where: {fact: fame}}}, do: [{add: {fact: echo, by: 1}}]}",
        "
        5 fact player ann fame 2
        8 fact player bob fame 1
        9 fact player cid fame 1
        16 wait
        ",
    );
    let rule = |by: u32, existing: bool| {
        format!(
            "{{trigger: {{appears: {{view: facts, where: {{fact: fame}}, existing: {existing}}}}}, do: [{{add: {{fact: echo, by: {by}}}}}]}}"
        )
    };
    golden.edit_rules(8, &format!("all: {}\nnew: {}\n", rule(10, true), rule(100, false)));
    golden.edit_rules(12, &format!("all: {}\nold: null\n", rule(1000, true)));
    expect![[r#"
        5: +1 facts scope=player holder=ann fact=fame value=2 version=1 expires=
        6: +1 facts scope=player holder=ann fact=echo value=1 version=1 expires=
        8: +1 facts scope=player holder=bob fact=fame value=1 version=1 expires=
        9: +1 facts scope=player holder=bob fact=echo value=1 version=1 expires=
        9: +1 facts scope=player holder=cid fact=fame value=1 version=1 expires=
        10: -1 facts scope=player holder=ann fact=echo value=1 version=1 expires=
        10: +1 facts scope=player holder=ann fact=echo value=11 version=2 expires=
        10: -1 facts scope=player holder=bob fact=echo value=1 version=1 expires=
        10: +1 facts scope=player holder=bob fact=echo value=11 version=2 expires=
        10: +1 facts scope=player holder=cid fact=echo value=111 version=3 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}

#[test]
fn a_chain_of_rules_comes_to_an_end() {
    let mut golden = world(
        "",
        "",
        "
        5 fact realm golden mood 1
        40 wait
        ",
    );
    golden.edit_rules(
        2,
        "
there: {trigger: {appears_or_changes: {view: facts, where: {fact: mood}}}, do: [{add: {fact: price, by: 1}}]}
back: {trigger: {appears_or_changes: {view: facts, where: {fact: price}}}, do: [{emit: {event: rumour, player: ann}}]}
on: {trigger: {appears_or_changes: {view: facts, where: {fact: fame}}}, do: [{add: {fact: mood, by: 1}}]}
",
    );
    expect![[r#"
        5: +1 facts scope=realm holder=golden fact=mood value=1 version=1 expires=
        6: +1 facts scope=realm holder=golden fact=price value=101 version=1 expires=
        8: +1 facts scope=player holder=ann fact=fame value=1 version=1 expires=
        9: -1 facts scope=realm holder=golden fact=mood value=1 version=1 expires=
        9: +1 facts scope=realm holder=golden fact=mood value=2 version=2 expires=
        10: -1 facts scope=realm holder=golden fact=price value=101 version=1 expires=
        10: +1 facts scope=realm holder=golden fact=price value=102 version=2 expires=
        12: -1 facts scope=player holder=ann fact=fame value=1 version=1 expires=
        12: +1 facts scope=player holder=ann fact=fame value=2 version=2 expires=
        13: -1 facts scope=realm holder=golden fact=mood value=2 version=2 expires=
        13: +1 facts scope=realm holder=golden fact=mood value=3 version=3 expires=
        14: -1 facts scope=realm holder=golden fact=price value=102 version=2 expires=
        14: +1 facts scope=realm holder=golden fact=price value=103 version=3 expires=
        16: -1 facts scope=player holder=ann fact=fame value=2 version=2 expires=
        16: +1 facts scope=player holder=ann fact=fame value=3 version=3 expires=
        17: -1 facts scope=realm holder=golden fact=mood value=3 version=3 expires=
        17: +1 facts scope=realm holder=golden fact=mood value=4 version=4 expires=
        18: -1 facts scope=realm holder=golden fact=price value=103 version=3 expires=
        18: +1 facts scope=realm holder=golden fact=price value=104 version=4 expires=
        20: -1 facts scope=player holder=ann fact=fame value=3 version=3 expires=
        20: +1 facts scope=player holder=ann fact=fame value=4 version=4 expires=
        21: -1 facts scope=realm holder=golden fact=mood value=4 version=4 expires=
        21: +1 facts scope=realm holder=golden fact=mood value=5 version=5 expires=
        22: -1 facts scope=realm holder=golden fact=price value=104 version=4 expires=
        22: +1 facts scope=realm holder=golden fact=price value=105 version=5 expires=
        24: -1 facts scope=player holder=ann fact=fame value=4 version=4 expires=
        24: +1 facts scope=player holder=ann fact=fame value=5 version=5 expires=
        25: -1 facts scope=realm holder=golden fact=mood value=5 version=5 expires=
        25: +1 facts scope=realm holder=golden fact=mood value=6 version=6 expires=
        26: -1 facts scope=realm holder=golden fact=price value=105 version=5 expires=
        26: +1 facts scope=realm holder=golden fact=price value=106 version=6 expires=
        26: refused too_deep: the rule `back` is deeper than 16 in a chain of rules
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}

/// The world and the chains of the page on rules.
#[test]
fn the_causal_chains_of_the_previous_system_are_rules() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let chains = blocks.iter().find(|block| block.contains("killing_is_avenged")).expect("the chains");
    // A world day in ten ticks.
    let golden = Golden::new(
        &[("world.yaml", blocks[0]), ("rules.yaml", chains)],
        "
        2 clock scale 86400000 100
        5 event kill player=ann target=smith region=harbour
        7 event steal player=ann target=smith region=harbour
        8 event betray player=ann target=smith
        9 event conquer player=ann target=castle
        11 event ally player=ann target=dwarves
        12 event kill player=bob target=smith region=old_town
        13 fact realm golden medicine 301
        14 fact realm golden stock 5
        50 wait
        ",
    );
    expect![[r#"
        6: +1 facts scope=region holder=harbour fact=deaths value=1 version=1 expires=
        8: +1 facts scope=region holder=harbour fact=thefts value=1 version=1 expires=
        9: +1 facts scope=player holder=ann fact=betrayals value=1 version=1 expires=
        10: +1 facts scope=player holder=ann fact=trust value=-0.3 version=1 expires=
        10: +1 facts scope=realm holder=golden fact=conquests value=1 version=1 expires=
        12: +1 facts scope=realm holder=golden fact=alliances value=1 version=1 expires=
        12: +1 facts scope=region holder=harbour fact=fear value=1 version=1 expires=
        13: +1 facts scope=realm holder=golden fact=medicine value=301 version=1 expires=
        13: +1 facts scope=region holder=old_town fact=deaths value=1 version=1 expires=
        14: +1 facts scope=realm holder=golden fact=stock value=5 version=1 expires=
        14: +1 facts scope=region holder=harbour fact=witnesses_hostile value=true version=1 expires=34
        19: +1 facts scope=region holder=old_town fact=fear value=1 version=1 expires=
        21: +1 facts scope=realm holder=golden fact=defences value=1 version=1 expires=
        21: +1 facts scope=realm holder=golden fact=loyalty value=0.9 version=1 expires=
        33: +1 facts scope=realm holder=golden fact=counter_alliances value=1 version=1 expires=
        34: -1 facts scope=region holder=harbour fact=witnesses_hostile value=true version=1 expires=34
        35: +1 facts scope=realm holder=golden fact=resource_war value=true version=1 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts"]));
    golden.check_laws();
}
