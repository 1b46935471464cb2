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
        expect![[r#""#]],
    );
    quest(
        "wolves:
  title: Wolves
  turn_in: {npc: []}
  stages: {hunt: {objectives: {a: {event: kill, worth: 2}, b: {holds: {region: moor}, worth: 2}}}}
",
        expect![[r#""#]],
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
