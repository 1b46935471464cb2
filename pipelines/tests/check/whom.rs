//! To whom, by whom and for whom: what cannot be.

use expect_test::expect;

use crate::{WORLD, problems, quest};

#[test]
fn to_whom_it_is_turned_in_and_who_are_the_best_must_be_possible() {
    quest(
        "wolves:
  title: Wolves
  scope: guild
  turn_in: {npc: [nobody, wolf]}
  stages: {hunt: {objectives: {a: {event: kill}}}}
  rewards:
    to: {top: {}}
    slots:
      one: {item: gold, to: {top: {through: 2, percent: 5}}}
      two: {item: gold, to: {top: {percent: 101}}}
      three: {item: gold, to: {top: {from: 0, percent: 50}}}
",
        expect![[r#"
            error: quests/wolves.yaml:4:19: unknown target `nobody`
              |
            4 | turn_in: {npc: [nobody, wolf]}
              |                 ^^^^^^
            hint: targets are declared in entities.yaml, as ids or tags

            error: quests/wolves.yaml:7:10: nobody is told how far `top` goes
              |
            7 | to: {top: {}}
              |      ^^^
            hint: give `through: 3` for the first three, or `percent: 5` for five in a hundred

            error: quests/wolves.yaml:9:48: both `through` and `percent` are given
              |
            9 | one: {item: gold, to: {top: {through: 2, percent: 5}}}
              |                                          ^^^^^^^
            hint: keep one of the two, or make two slots

            error: quests/wolves.yaml:10:45: there are no 101 in a hundred
               |
            10 | two: {item: gold, to: {top: {percent: 101}}}
               |                                       ^^^
            hint: give 1 to 100

            error: quests/wolves.yaml:11:32: no rank lies between 0 and 0
               |
            11 | three: {item: gold, to: {top: {from: 0, percent: 50}}}
               |                          ^^^
            hint: ranks count from 1: `top: {through: 3}` is the first three

        "#]],
    );
    quest(
        "wolves:
  title: Wolves
  turn_in: {npc: []}
  stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:13: an empty list never holds
              |
            3 | turn_in: {npc: []}
              |           ^^^
            hint: name at least one, or remove the key

            warning: quests/wolves.yaml:4:49: a quest of one player has no credit
              |
            4 | stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
              |                                               ^^^^^
            hint: remove `worth`, or give the quest another scope

            error: quests/wolves.yaml:4:80: unknown region `moor`
              |
            4 | stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
              |                                                                              ^^^^
            hint: regions are declared in world.yaml under `regions`

            error: quests/wolves.yaml:4:87: `worth` has no meaning with `holds`
              |
            4 | stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
              |                                                                                     ^^^^^
            hint: an objective counts events or holds while a condition does; make two of them

            warning: quests/wolves.yaml:4:87: a quest of one player has no credit
              |
            4 | stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
              |                                                                                     ^^^^^
            hint: remove `worth`, or give the quest another scope

        "#]],
    );
}

#[test]
fn a_fact_that_counts_members_is_changed_by_nobody() {
    let facts = "  friends: {scope: player, type: int, default: 1, members: true}
  party_size:
    {scope: party, type: int, default: 0, members: true, expires: 5m, on: [{pattern: {event: kill}, add: 1}]}
  saved:";
    let quest = "wolves:
  title: Wolves
  scope: party
  stages: {hunt: {objectives: {a: {event: kill}}}}
  effects: [{add: {fact: party_size, by: 1}}]
";
    let world = WORLD.replace("  saved:", facts);
    expect![[r#""#]].assert_eq(&problems(&[("world.yaml", &world), ("quests/wolves.yaml", quest)]));
}

#[test]
fn progress_is_of_objectives_that_are_there() {
    quest(
        "wolves:
  title: Wolves
  requires: {progress: {wolfs: {a: 1}, bears: {a: 1}, wolves: {b: {at_least: much}}}}
  stages: {hunt: {objectives: {a: {event: kill}}}}
bears:
  title: Bears
  scope: guild
  stages: {hunt: {objectives: {a: {event: kill}}}}
",
        expect![[r#""#]],
    );
}

#[test]
fn everyone_and_roles_must_be_possible() {
    quest(
        "wolves:
  title: Wolves
  roles:
    prey: {one_of: [beast, wulf], region: [meadow, more], lost: rebind}
    Friend: {one_of: wolf, here: true}
  stages:
    hunt:
      reset_on: [{event: kill, role: foe}]
      objectives:
        a: {event: kill, role: pray}
        b: {event: kill, role: prey, distinct: 2}
        c: {event: kill, everyone: true}
        d: {event: kill, role: prey, count: 2, minus: [{event: kill, role: prey}]}
bears:
  title: Bears
  scope: guild
  roles: {guide: {one_of: wolf, here: true}}
  stages:
    hunt:
      objectives:
        a: {event: kill, everyone: true, players: 2}
        b: {event: kill, everyone: true, max: 3}
        c: {event: kill, everyone: true, count: 0}
        d: {event: kill, role: prey}
",
        expect![[r#""#]],
    );
}
