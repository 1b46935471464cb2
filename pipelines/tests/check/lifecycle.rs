//! Rewards, branches, times of the calendar and templates: what cannot be.

use expect_test::expect;

use crate::{problems, quest, world};

#[test]
fn rewards_that_cannot_be_are_refused() {
    quest(
        "wolves:
  title: Wolves
  scope: guild
  stages: {hunt: {objectives: {a: {event: kill}}}}
  rewards:
    to: {top: {from: 3, through: 2}}
    slots:
      none: {amount: 2}
      both: {item: gold, table: {a: {item: gem}}}
      zero: {item: gold, amount: 0}
      never: {table: {a: {item: gem, weight: 0}}}
      pick: {choice: {a: {item: bow, amount: 0}}}
      more: {choice: {a: {item: bow}}, to: {contributors: {percent: 120}}}
      share: {table: {a: {item: gem}}, divided: true, plus: {level: 1, objectives: {b: 2}}}
",
        expect![[r#"
            error: quests/wolves.yaml:6:10: no rank lies between 3 and 2
              |
            6 | to: {top: {from: 3, through: 2}}
              |      ^^^
            hint: ranks count from 1: `top: {through: 3}` is the first three

            error: quests/wolves.yaml:8:7: the slot `none` gives nothing
              |
            8 | none: {amount: 2}
              | ^^^^
            hint: give `item`, or `choice` or `table` to choose or draw one

            error: quests/wolves.yaml:9:26: the slot `both` gives both `item` and `table`
              |
            9 | both: {item: gold, table: {a: {item: gem}}}
              |                    ^^^^^
            hint: make two slots, or keep one of the two

            error: quests/wolves.yaml:10:34: the slot `zero` gives 0
               |
            10 | zero: {item: gold, amount: 0}
               |                            ^
            hint: give at least 1, or remove the slot

            error: quests/wolves.yaml:11:46: `a` is never drawn
               |
            11 | never: {table: {a: {item: gem, weight: 0}}}
               |                                        ^
            hint: give a weight of at least 1

            error: quests/wolves.yaml:12:14: `more` and `pick` both let one choose
               |
            12 | pick: {choice: {a: {item: bow, amount: 0}}}
               |        ^^^^^^
            hint: a turn-in chooses one thing; make it one slot

            error: quests/wolves.yaml:12:14: a quest that turns itself in lets nobody choose
               |
            12 | pick: {choice: {a: {item: bow, amount: 0}}}
               |        ^^^^^^
            hint: add `turn_in: manual`: who turns it in chooses

            error: quests/wolves.yaml:12:46: the choice `a` gives 0
               |
            12 | pick: {choice: {a: {item: bow, amount: 0}}}
               |                                        ^
            hint: give at least 1

            error: quests/wolves.yaml:13:14: a quest that turns itself in lets nobody choose
               |
            13 | more: {choice: {a: {item: bow}}, to: {contributors: {percent: 120}}}
               |        ^^^^^^
            hint: add `turn_in: manual`: who turns it in chooses

            error: quests/wolves.yaml:13:69: nobody has 120 percent of the credit
               |
            13 | more: {choice: {a: {item: bow}}, to: {contributors: {percent: 120}}}
               |                                                               ^^^
            hint: give 1 to 100

            error: quests/wolves.yaml:14:49: only an `item` can be divided
               |
            14 | share: {table: {a: {item: gem}}, divided: true, plus: {level: 1, objectives: {b: 2}}}
               |                                           ^^^^
            hint: remove `divided`

            error: quests/wolves.yaml:14:55: what is divided is one amount for all
               |
            14 | share: {table: {a: {item: gem}}, divided: true, plus: {level: 1, objectives: {b: 2}}}
               |                                                 ^^^^
            hint: only `objectives` may add to it: level and credit are a player's own

            error: quests/wolves.yaml:14:85: unknown objective `b`
               |
            14 | share: {table: {a: {item: gem}}, divided: true, plus: {level: 1, objectives: {b: 2}}}
               |                                                                               ^
            hint: did you mean `a`? it names objectives of the last stage

        "#]],
    );
}

#[test]
fn branches_must_be_there() {
    quest(
        "wolves:
  title: Wolves
  stages:
    first: {after: {second: left}, objectives: {a: {event: kill}}}
    second:
      complete: sequence
      objectives:
        a: {event: kill, branch: left}
        b: {event: kill, branch: right, optional: true}
    third: {times: 0, after: {second: lefft}, objectives: {a: {event: kill}}}
    fourth:
      complete: {at_least: 2}
      objectives: {a: {event: kill, branch: x}, b: {event: kill, branch: y}, c: {event: kill, branch: y}}
  rewards: {slots: {a: {item: a, after: {first: left}}}}
  effects: [{set: {fact: saved, to: true, after: {thirst: left}}}]
",
        expect![[r#"
            error: quests/wolves.yaml:4:21: `second` is no earlier stage
              |
            4 | first: {after: {second: left}, objectives: {a: {event: kill}}}
              |                 ^^^^^^
            hint: give objectives of an earlier stage a `branch`

            error: quests/wolves.yaml:6:17: a sequence has no branches
              |
            6 | complete: sequence
              |           ^^^^^^^^
            hint: let a stage choose the branch, and give later stages `after: {<stage>: <branch>}`

            error: quests/wolves.yaml:9:34: every objective of the branch `right` is optional
              |
            9 | b: {event: kill, branch: right, optional: true}
              |                          ^^^^^
            hint: a branch needs one that is not

            error: quests/wolves.yaml:10:20: `times: 0` is done before it begins
               |
            10 | third: {times: 0, after: {second: lefft}, objectives: {a: {event: kill}}}
               |                ^
            hint: give at least 1

            error: quests/wolves.yaml:10:39: unknown branch `lefft`
               |
            10 | third: {times: 0, after: {second: lefft}, objectives: {a: {event: kill}}}
               |                                   ^^^^^
            hint: did you mean `left`? the stage `second` has left, right

            error: quests/wolves.yaml:13:45: the branch `x` asks for 2 objectives and has 1
               |
            13 | objectives: {a: {event: kill, branch: x}, b: {event: kill, branch: y}, c: {event: kill, branch: y}}
               |                                       ^
            hint: objectives without a branch count for each; ask for fewer, or add some

            error: quests/wolves.yaml:14:49: unknown branch `left`
               |
            14 | rewards: {slots: {a: {item: a, after: {first: left}}}}
               |                                               ^^^^
            hint: the stage `first` has no branches

            error: quests/wolves.yaml:15:51: `thirst` is no earlier stage
               |
            15 | effects: [{set: {fact: saved, to: true, after: {thirst: left}}}]
               |                                                 ^^^^^^
            hint: earlier stages with branches are second, fourth

        "#]],
    );
}

#[test]
fn times_of_the_calendar_must_be_there() {
    quest(
        "wolves:
  title: Wolves
  pool: jobs
  window: {from: 2027-01-07 04:00, until: 2026-12-20 04:00, zone: UTC}
  repeat: {monthly: {day: 32, at: '04:00', zone: UTC}}
  stages: {hunt: {objectives: {a: {event: kill}}}}
bears:
  title: Bears
  window: {zone: UTC}
  repeat: {calendar: {at: '04:00', days: [30], months: [2], zone: UTC}}
  stages: {hunt: {objectives: {a: {event: kill}}}}
rats:
  title: Rats
  window: {from: tomorrow, zone: UTC}
  stages: {hunt: {objectives: {a: {event: kill}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:9: unknown pool `jobs`
              |
            3 | pool: jobs
              |       ^^^^
            hint: pools are declared in world.yaml under `pools`

            error: quests/wolves.yaml:4:43: this window never opens
              |
            4 | window: {from: 2027-01-07 04:00, until: 2026-12-20 04:00, zone: UTC}
              |                                         ^^^^^^^^^^^^^^^^
            hint: it ends before or as it begins: let `until` be later; a moment that a change of the clock skips is the next one that there is

            error: quests/wolves.yaml:5:12: there is no day of a month 32; write 1 to 31
              |
            5 | repeat: {monthly: {day: 32, at: '04:00', zone: UTC}}
              |          ^^^^^^^
            hint: write for example `{day: 1, at: "04:00", zone: Europe/Berlin}`

            error: quests/wolves.yaml:9:3: this window is always open
              |
            9 | window: {zone: UTC}
              | ^^^^^^
            hint: give `from`, `until` or both

            error: quests/wolves.yaml:10:12: no day of the calendar is like that; 30 February, for example, is none
               |
            10 | repeat: {calendar: {at: '04:00', days: [30], months: [2], zone: UTC}}
               |          ^^^^^^^^
            hint: write for example `{day: 1, at: "04:00", zone: Europe/Berlin}`

            error: quests/wolves.yaml:14:18: `tomorrow` is no moment
               |
            14 | window: {from: tomorrow, zone: UTC}
               |                ^^^^^^^^
            hint: write for example `2026-12-20 04:00`

        "#]],
    );
    world(
        "pools:\n  jobs: {pick: 0, every: {cooldown: 5m}}\n  more: {pick: 1, every: {daily: {at: '25:00', zone: UTC}}}\n",
        expect![[r#"
            error: world.yaml:19:16: `pick: 0` offers nothing
               |
            19 | jobs: {pick: 0, every: {cooldown: 5m}}
               |              ^
            hint: give at least 1

            error: world.yaml:19:19: a pool draws at times of the real calendar
               |
            19 | jobs: {pick: 0, every: {cooldown: 5m}}
               |                 ^^^^^
            hint: draw `daily`, `weekly`, `monthly` or by a `calendar`

            warning: world.yaml:20:3: no quest is in the pool `more`
               |
            20 | more: {pick: 1, every: {daily: {at: '25:00', zone: UTC}}}
               | ^^^^
            hint: name it in quests: `pool: <name>`

            error: world.yaml:20:39: `25:00` is no time of day
               |
            20 | more: {pick: 1, every: {daily: {at: '25:00', zone: UTC}}}
               |                                     ^^^^^^^
            hint: write hours and minutes in quotes: `"07:30"`

        "#]],
    );
}

#[test]
fn a_mistake_in_a_template_is_shown_once_where_it_stands() {
    let templates = "hunt:
  parameters: {beast: {}, count: {default: 1}}
  quest:
    title: Hunt ${beast} ${cuont}
    stages: {s: {objectives: {k: {event: kil, target: '${beast}', count: '${count}'}}}}
  quests:
    hunt_wolf: {beast: wolf}
    hunt_bear: {beast: baer, count: many}
    hunt_rat: {baest: rat}
";
    expect![[r#"
        error: templates/hunts.yaml:4:12: the template has no parameter `cuont`
          |
        4 | title: Hunt ${beast} ${cuont}
          |        ^^^^^^^^^^^^^^^^^^^^^^
        hint: did you mean `count`? it has beast, count

        error: templates/hunts.yaml:5:42: unknown kind of event `kil`
          |
        5 | stages: {s: {objectives: {k: {event: kil, target: '${beast}', count: '${count}'}}}}
          |                                      ^^^
        hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

        error: templates/hunts.yaml:8:24: unknown target `baer`
          |
        8 | hunt_bear: {beast: baer, count: many}
          |                    ^^^^
        hint: did you mean `bear`? targets are declared in entities.yaml, as ids or tags

        error: templates/hunts.yaml:8:37: expected a whole number from 0 to 4294967295, found the text `many`
          |
        8 | hunt_bear: {beast: baer, count: many}
          |                                 ^^^^
        hint: write it in digits, such as `3`

        error: templates/hunts.yaml:9:5: the parameter `beast` is missing
          |
        9 | hunt_rat: {baest: rat}
          | ^^^^^^^^
        hint: give it here, or give the parameter a `default`

        error: templates/hunts.yaml:9:16: the template has no parameter `baest`
          |
        9 | hunt_rat: {baest: rat}
          |            ^^^^^
        hint: did you mean `beast`? it has beast, count

    "#]]
    .assert_eq(&problems(&[("templates/hunts.yaml", templates)]));
}
