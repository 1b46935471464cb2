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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
    world(
        "pools:\n  jobs: {pick: 0, every: {cooldown: 5m}}\n  more: {pick: 1, every: {daily: {at: '25:00', zone: UTC}}}\n",
        expect![[r#""#]],
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
    expect![[r#""#]].assert_eq(&problems(&[("templates/hunts.yaml", templates)]));
}
