//! What can never be done, though every name in it is right.

use expect_test::expect;

use crate::{problems, quest};

#[test]
fn a_condition_whose_parts_exclude_each_other() {
    quest(
        "\
sun:
  title: The sun at night
  stages:
    look:
      objectives:
        both: {event: kill, target: wolf, when: {all: [{phase: day}, {phase: [dusk, night]}]}}
        late: {event: kill, target: wolf, when: {phase: day, hours: '22:00-04:00'}}
        hours: {event: kill, target: wolf, when: {all: [{hours: '06:00-08:00'}, {hours: '09:00-10:00'}]}}
        level: {event: kill, target: wolf, when: {all: [{level: {at_least: 10}}, {level: {below: 5}}]}}
        mood: {event: kill, target: wolf, when: 'player.mood > 3 and player.mood < 2'}
        fine: {event: kill, target: wolf, when: {any: [{phase: day}, {phase: night}], hours: '23:00-07:00'}}
",
        expect![[r#"
            error: quests/wolves.yaml:6:43: this never holds: the phase cannot be `day` and `dusk` or `night` at once
              |
            6 | both: {event: kill, target: wolf, when: {all: [{phase: day}, {phase: [dusk, night]}]}}
              |                                   ^^^^
            hint: put them into `any`, or name both in one list

            error: quests/wolves.yaml:7:43: this never holds: `day` is never between 22:00 and 04:00
              |
            7 | late: {event: kill, target: wolf, when: {phase: day, hours: '22:00-04:00'}}
              |                                   ^^^^
            hint: `day` begins at 07:00; keep one of the two

            error: quests/wolves.yaml:8:44: this never holds: no hour lies in all of these ranges
              |
            8 | hours: {event: kill, target: wolf, when: {all: [{hours: '06:00-08:00'}, {hours: '09:00-10:00'}]}}
              |                                    ^^^^
            hint: put them into `any`, or make one range of them

            error: quests/wolves.yaml:9:44: this never holds: the level cannot be all of this at once
              |
            9 | level: {event: kill, target: wolf, when: {all: [{level: {at_least: 10}}, {level: {below: 5}}]}}
              |                                    ^^^^
            hint: put the parts into `any`, or remove one

            error: quests/wolves.yaml:10:49: this never holds: the fact `mood` cannot be all of this at once
               |
            10 | mood: {event: kill, target: wolf, when: 'player.mood > 3 and player.mood < 2'}
               |                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: put the parts into `any`, or remove one

        "#]],
    );
}

#[test]
fn a_place_that_is_another_or_has_no_such_weather() {
    quest(
        "\
rain:
  title: Rain
  requires: {all: [{region: meadow}, {region: forest}]}
  stages:
    look:
      objectives:
        elsewhere: {event: kill, target: wolf, region: meadow, when: {region: forest}}
        fine: {event: kill, target: wolf, region: meadow, when: {weather: {kind: rain}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:3: this never holds: the region cannot be `meadow` and `forest` at once
              |
            3 | requires: {all: [{region: meadow}, {region: forest}]}
              | ^^^^^^^^
            hint: put them into `any`, or name both in one list

            error: quests/wolves.yaml:7:64: this never holds: it asks for `forest` in `meadow`
              |
            7 | elsewhere: {event: kill, target: wolf, region: meadow, when: {region: forest}}
              |                                                        ^^^^
            hint: let both name the same region, or remove one

        "#]],
    );
}

#[test]
fn a_quest_that_waits_for_what_never_comes() {
    quest(
        "\
alone: {title: A, requires: {quests: {alone: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
one: {title: B, requires: {quests: {two: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
two: {title: C, requires: {quests: {one: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
three: {title: D, requires: {quests: {two: active}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
four: {title: E, requires: {all: [{quests: {three: done}}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
fails: {title: F, requires: {quests: {four: failed}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
left: {title: G, exclusive_group: ways, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
right: {title: H, exclusive_group: ways, requires: {quests: {left: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:1:39: `alone` requires itself, so it is never available
              |
            1 | alone: {title: A, requires: {quests: {alone: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                                       ^^^^^
            hint: remove the requirement, or name the quest that is meant

            error: quests/wolves.yaml:3:28: these quests require each other, so none is ever available: `two` → `one` → `two`
              |
            3 | two: {title: C, requires: {quests: {one: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                            ^^^^^^
            hint: remove one of the requirements

            warning: quests/wolves.yaml:4:39: `three` waits for `two`, which is never available, and so neither is this
              |
            4 | three: {title: D, requires: {quests: {two: active}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                                       ^^^
            hint: mend `two` first, or let this wait for another quest

            warning: quests/wolves.yaml:5:18: `four` waits for `three`, which is never available, and so neither is this
              |
            5 | four: {title: E, requires: {all: [{quests: {three: done}}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                  ^^^^^^^^
            hint: mend `three` first, or let this wait for another quest

            warning: quests/wolves.yaml:6:39: `fails` waits for `four`, which is never available, and so neither is this
              |
            6 | fails: {title: F, requires: {quests: {four: failed}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                                       ^^^^
            hint: mend `four` first, or let this wait for another quest

            error: quests/wolves.yaml:6:45: `four` is never failed: it has neither `fail_on` nor `fail_when`
              |
            6 | fails: {title: F, requires: {quests: {four: failed}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                                             ^^^^^^
            hint: ask for another state, or give `four` what makes it so

            error: quests/wolves.yaml:8:62: `right` waits for `left`, and both are in the group `ways`, of which only one can be begun
              |
            8 | right: {title: H, exclusive_group: ways, requires: {quests: {left: done}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
              |                                                              ^^^^
            hint: take one of them out of the group, or remove the requirement

        "#]],
    );
}

#[test]
fn a_quest_that_goes_round_fails_itself_or_asks_for_more_than_there_is() {
    quest(
        "\
round:
  title: Round
  accept: auto
  repeat: {always: {}}
  stages: {s: {objectives: {o: {holds: {phase: day}}}}}
  rewards: {slots: {pay: {item: gold, amount: 1}}}
fails:
  title: Fails
  fail_on: [{event: kill, target: [wolf, bear]}]
  stages: {s: {objectives: {o: {event: kill, target: wolf, count: 3}}}}
more:
  title: More
  stages:
    s:
      objectives:
        kinds: {event: kill, target: beast, distinct: 3}
        heavy: {event: kill, target: wolf, max: 5000}
",
        expect![[r#"
            error: quests/wolves.yaml:4:3: `round` goes round by itself: it is taken up, done and paid again in every tick, without a deed
              |
            4 | repeat: {always: {}}
              | ^^^^^^
            hint: give it `repeat: {cooldown: 10m}` or a daily time, or an objective that counts events

            warning: quests/wolves.yaml:9:13: everything that counts for `o` fails the quest
              |
            9 | fail_on: [{event: kill, target: [wolf, bear]}]
              |           ^
            hint: narrow this with `target`, `where` or `when`, or remove it

            warning: quests/wolves.yaml:16:55: 3 different targets are asked for, and there are 2 entities to choose from
               |
            16 | kinds: {event: kill, target: beast, distinct: 3}
               |                                               ^
            hint: add entities or tags in entities.yaml, or ask for less; what a game server adds later is not known here

            error: quests/wolves.yaml:17:49: no `kill` has an amount of 5000
               |
            17 | heavy: {event: kill, target: wolf, max: 5000}
               |                                         ^^^^
            hint: its `max_amount` is 1000; raise it in world.yaml under `kinds`, or ask for less

        "#]],
    );
}

#[test]
fn targets_that_are_elsewhere_and_conditions_of_nothing() {
    let entities = "\
rat: {kind: npc, tags: [vermin], properties: {region: forest}}
mouse: {kind: npc, tags: [vermin], properties: {region: forest}}
crow: {kind: npc}
";
    let rats = "\
rats:
  title: Rats
  fail_when: {not: {region: meadow}}
  requires: {any: []}
  stages:
    s:
      objectives:
        there: {event: kill, target: vermin, region: meadow}
        here: {event: kill, target: vermin, region: [forest, meadow]}
        crow: {event: kill, target: [rat, crow], region: meadow}
        woods: {event: kill, target: rat, region: forest}
        never: {event: kill, target: rat, when: {not: {}}}
";
    expect![[r#"
        warning: quests/wolves.yaml:3:3: whoever is in `forest`, where `woods` is done, fails the quest
          |
        3 | fail_when: {not: {region: meadow}}
          | ^^^^^^^^^
        hint: let `fail_when` leave that region out, or ask for another region

        error: quests/wolves.yaml:4:14: `any: []` asks nothing, so it always holds
          |
        4 | requires: {any: []}
          |            ^^^
        hint: write the conditions, or remove `any`

        warning: quests/wolves.yaml:8:54: `vermin` is in `forest`, and this asks for `meadow`
          |
        8 | there: {event: kill, target: vermin, region: meadow}
          |                                              ^^^^^^
        hint: write `region: forest`, or leave `region` out; a game server may move entities, too

        error: quests/wolves.yaml:12:50: `not: {}` never holds: an empty condition always does
           |
        12 | never: {event: kill, target: rat, when: {not: {}}}
           |                                          ^^^
        hint: say what must not hold, or remove `not`

    "#]]
    .assert_eq(&problems(&[("entities.yaml", entities), ("quests/wolves.yaml", rats)]));
}

#[test]
fn requests_about_quests_and_what_decays_and_keys_that_are_nothing() {
    quest(
        "\
odd:
  title: Odd
  stages:
    a:
      objectives:
        asked: {event: quest.accept, target: odd}
        cools: {event: kill, count: 3, half_life: 2h, latched: false}
  fail_on: [{event: quest.abandon}]
",
        expect![[r#"
            error: quests/wolves.yaml:6:24: `quest.accept` is a request, which matches no pattern
              |
            6 | asked: {event: quest.accept, target: odd}
              |                ^^^^^^^^^^^^
            hint: ask how a quest stands: `quests: {first_hunt: done}` in `when`, `requires` or `holds`

            error: quests/wolves.yaml:7:55: what decays stays done once it was enough
              |
            7 | cools: {event: kill, count: 3, half_life: 2h, latched: false}
              |                                               ^^^^^^^
            hint: remove it; what is to fall again is counted in a `window`

            error: quests/wolves.yaml:8:21: `quest.abandon` is a request, which matches no pattern
              |
            8 | fail_on: [{event: quest.abandon}]
              |                   ^^^^^^^^^^^^^
            hint: ask how a quest stands: `quests: {first_hunt: done}` in `when`, `requires` or `holds`

        "#]],
    );
    quest(
        "odd: {title: Odd, window: {from: 2026-12-20 04:00, until: 2026-12-20 04:00, zone: UTC}, stages: {a: {objectives: {b: {event: kill}}}}}\n",
        expect![[r#"
            error: quests/wolves.yaml:1:59: this window never opens
              |
            1 | odd: {title: Odd, window: {from: 2026-12-20 04:00, until: 2026-12-20 04:00, zone: UTC}, stages: {a: {objectives: {b: {event: kill}}}}}
              |                                                           ^^^^^^^^^^^^^^^^
            hint: it ends before or as it begins: let `until` be later; a moment that a change of the clock skips is the next one that there is

        "#]],
    );
    quest(
        "odd: {title: Odd, requires: {quests: {odd: hidden}}, stages: {a: {objectives: {b: {event: kill}}}}}\neven: {title: Even, requires: {all: [{quests: {even: available}}]}, stages: {a: {objectives: {b: {event: kill}}}}}\n",
        expect![[r#"
            error: quests/wolves.yaml:1:39: `odd` is hidden as long as it is not available, so it would come and go
              |
            1 | odd: {title: Odd, requires: {quests: {odd: hidden}}, stages: {a: {objectives: {b: {event: kill}}}}}
              |                                       ^^^
            hint: ask for the state of other quests, or for a fact

            error: quests/wolves.yaml:2:21: `even` waits for itself in every way, so nobody can ever begin it
              |
            2 | even: {title: Even, requires: {all: [{quests: {even: available}}]}, stages: {a: {objectives: {b: {event: kill}}}}}
              |                     ^^^^^^^^
            hint: give one of them a way to begin that needs none of the others

        "#]],
    );
    quest(
        "odd: {title: Odd, ~: 3, stages: {a: {objectives: {b: {event: kill}}}}}\n",
        expect![[r#"
        error: quests/wolves.yaml:1:19: a key is nothing
          |
        1 | odd: {title: Odd, ~: 3, stages: {a: {objectives: {b: {event: kill}}}}}
          |                   ^
        hint: `null`, `~` and an empty key are no names; write quotes around it if it is one

    "#]],
    );
}

#[test]
fn also_where_it_is_no_quest_that_asks() {
    let hours = "{phase: day, hours: '22:00-04:00'}";
    let world = format!(
        "{}tiers:\n  gold: {{url: 'http://h', model: m, when: {{hours: '06:00-08:00', phase: night, all: [{{hours: '09:00-10:00'}}]}}}}\n",
        crate::WORLD
    );
    let npcs = format!("elder: {{tier: gold, when: {hours}, barks: Hm., dialogue: elder}}\n");
    let rules = format!(
        "a: {{trigger: {{appears: {{view: levels}}}}, when: {hours}, do: [{{set: {{fact: saved, of: {{column: player}}, to: true}}}}]}}\n"
    );
    let stories = format!(
        "a: {{who: elder, when: 'player.mood > 3 and player.mood < 2', lines: Hm.}}\nb: {{who: elder, criteria: {{late: {{when: {hours}}}}}, lines: Hm.}}\nc: {{who: elder, trigger: {{happens: {{event: kill, region: meadow, when: {{region: forest}}}}}}, lines: Hm.}}\n"
    );
    let yarn = "title: elder\n---\n<<if holds(\"mood > 3 and mood < 2\")>>\n    Elder: Hm.\n<<endif>>\n===\n";
    let said = problems(&[
        ("world.yaml", &world),
        ("npcs.yaml", &npcs),
        ("rules/all.yaml", &rules),
        ("stories/all.yaml", &stories),
        ("dialogue/a.yarn", yarn),
    ]);
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("this never holds")).collect();
    expect![[r#"
        error: dialogue/a.yarn:3:6: this never holds: the fact `mood` cannot be all of this at once
        error: npcs.yaml:1:21: this never holds: `day` is never between 22:00 and 04:00
        error: rules/all.yaml:1:41: this never holds: `day` is never between 22:00 and 04:00
        error: stories/all.yaml:1:23: this never holds: the fact `mood` cannot be all of this at once
        error: stories/all.yaml:2:35: this never holds: `day` is never between 22:00 and 04:00
        error: stories/all.yaml:3:66: this never holds: it asks for `forest` in `meadow`
        error: world.yaml:19:37: this never holds: no hour lies in all of these ranges"#]]
    .assert_eq(&lines.join("\n"));
}
