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
            hint: targets are declared in entities.yaml, as ids or tags: `bear`, `beast`, `elder`, `wolf`

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
            hint: regions are declared in world.yaml under `regions`: `forest`, `meadow`

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
    {scope: party, type: int, default: 0, members: true, expires: 5m, changed_by: [{pattern: {event: kill}, add: 1}]}
  saved:";
    let quest = "wolves:
  title: Wolves
  scope: party
  stages: {hunt: {objectives: {a: {event: kill}}}}
  effects: [{add: {fact: party_size, by: 1}}]
";
    let world = WORLD.replace("  saved:", facts);
    expect![[r#"
        error: quests/wolves.yaml:5:26: `party_size` counts members and cannot be changed
          |
        5 | effects: [{add: {fact: party_size, by: 1}}]
          |                        ^^^^^^^^^^
        hint: it follows from memberships and presence alone

        error: world.yaml:13:60: `friends` counts members, from 0 on
           |
        13 | friends: {scope: player, type: int, default: 1, members: true}
           |                                                          ^^^^
        hint: write `type: int, default: 0`

        error: world.yaml:13:60: nobody belongs to a player
           |
        13 | friends: {scope: player, type: int, default: 1, members: true}
           |                                                          ^^^^
        hint: give it the scope `party`, `guild`, `account` or `instance`

        error: world.yaml:15:58: `expires` with `members`
           |
        15 | {scope: party, type: int, default: 0, members: true, expires: 5m, changed_by: [{pattern: {event: kill}, add: 1}]}
           |                                                      ^^^^^^^
        hint: it follows from memberships and presence alone

        error: world.yaml:15:71: `changed_by` with `members`
           |
        15 | {scope: party, type: int, default: 0, members: true, expires: 5m, changed_by: [{pattern: {event: kill}, add: 1}]}
           |                                                                   ^^^^^^^^^^
        hint: it follows from memberships and presence alone

    "#]].assert_eq(&problems(&[("world.yaml", &world), ("quests/wolves.yaml", quest)]));
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
        expect![[r#"
            error: quests/wolves.yaml:3:25: unknown quest `wolfs`
              |
            3 | requires: {progress: {wolfs: {a: 1}, bears: {a: 1}, wolves: {b: {at_least: much}}}}
              |                       ^^^^^
            hint: did you mean `wolves`? quests are declared in quests/

            error: quests/wolves.yaml:3:40: `bears` is a quest of a guild
              |
            3 | requires: {progress: {wolfs: {a: 1}, bears: {a: 1}, wolves: {b: {at_least: much}}}}
              |                                      ^^^^^
            hint: only progress of the player's own quests can be asked for; an effect of the other may set a fact

            error: quests/wolves.yaml:3:64: unknown objective `b`
              |
            3 | requires: {progress: {wolfs: {a: 1}, bears: {a: 1}, wolves: {b: {at_least: much}}}}
              |                                                              ^
            hint: did you mean `a`? `wolves` has a

            error: quests/wolves.yaml:3:78: `at_least` needs a number
              |
            3 | requires: {progress: {wolfs: {a: 1}, bears: {a: 1}, wolves: {b: {at_least: much}}}}
              |                                                                            ^^^^
            hint: compare text with `is`, `is_not` or `one_of`

        "#]],
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
        expect![[r#"
            error: quests/wolves.yaml:4:28: unknown target `wulf`
              |
            4 | prey: {one_of: [beast, wulf], region: [meadow, more], lost: rebind}
              |                        ^^^^
            hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

            error: quests/wolves.yaml:4:52: unknown region `more`
              |
            4 | prey: {one_of: [beast, wulf], region: [meadow, more], lost: rebind}
              |                                                ^^^^
            hint: regions are declared in world.yaml under `regions`: `forest`, `meadow`

            error: quests/wolves.yaml:5:5: the role id `Friend` has a `F` in it
              |
            5 | Friend: {one_of: wolf, here: true}
              | ^^^^^^
            hint: use lower-case letters, digits, `_`, `.` and `-`

            error: quests/wolves.yaml:8:38: unknown role `foe`
              |
            8 | reset_on: [{event: kill, role: foe}]
              |                                ^^^
            hint: roles are declared in the quest, `roles: {prey: {one_of: beast}}`, and named by its own patterns only

            error: quests/wolves.yaml:10:32: unknown role `pray`
               |
            10 | a: {event: kill, role: pray}
               |                        ^^^^
            hint: did you mean `prey`? roles are declared in the quest, `roles: {prey: {one_of: beast}}`, and named by its own patterns only

            error: quests/wolves.yaml:11:26: different targets are asked for, and one has the role
               |
            11 | b: {event: kill, role: prey, distinct: 2}
               |                  ^^^^
            hint: there is one target only; use `count`, or name a `target`

            error: quests/wolves.yaml:12:26: nobody belongs to a player
               |
            12 | c: {event: kill, everyone: true}
               |                  ^^^^^^^^
            hint: give the quest the scope party, guild, account or instance, or remove `everyone`

            error: quests/wolves.yaml:17:33: a guild is in no region
               |
            17 | roles: {guide: {one_of: wolf, here: true}}
               |                               ^^^^
            hint: say in which one with `region`, or give the quest the scope player or region

            error: quests/wolves.yaml:21:26: both `players` and `everyone` are given
               |
            21 | a: {event: kill, everyone: true, players: 2}
               |                  ^^^^^^^^
            hint: what was counted is kept in one way; make two objectives, or keep one of the two

            error: quests/wolves.yaml:22:26: `everyone` goes with `count` and `sum` only
               |
            22 | b: {event: kill, everyone: true, max: 3}
               |                  ^^^^^^^^
            hint: use one of them, or remove `everyone`

            error: quests/wolves.yaml:23:26: nobody has to do anything
               |
            23 | c: {event: kill, everyone: true, count: 0}
               |                  ^^^^^^^^
            hint: let each do something: `count: 1`

            error: quests/wolves.yaml:23:49: `count: 0` is done before it begins
               |
            23 | c: {event: kill, everyone: true, count: 0}
               |                                         ^
            hint: give at least 1

            error: quests/wolves.yaml:24:32: unknown role `prey`
               |
            24 | d: {event: kill, role: prey}
               |                        ^^^^
            hint: roles are declared in the quest, `roles: {prey: {one_of: beast}}`, and named by its own patterns only

        "#]],
    );
}
