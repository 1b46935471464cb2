//! Ten mistakes of somebody who writes a first quest, and the whole of what they are told.

use expect_test::expect;

use crate::quest;

#[test]
fn a_name_with_a_letter_too_many() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolfs, count: 5}
",
        expect![[""]],
    );
}

#[test]
fn a_key_that_is_spelt_otherwise() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  reward: {experience: 10}
  stages:
    hunt:
      objective:
        wolves: {event: kill, target: wolf}
",
        expect![[""]],
    );
}

#[test]
fn objectives_and_rewards_as_a_list() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        - {event: kill, target: wolf, count: 5}
  rewards:
    slots:
      - {item: gold, amount: 5}
",
        expect![[""]],
    );
}

#[test]
fn a_number_in_words_and_a_count_as_text() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  deadline: half an hour
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 'five'}
        bears: {event: kill, target: bear, count: -1}
",
        expect![[""]],
    );
}

#[test]
fn a_line_that_is_indented_otherwise() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf}
       bears: {event: kill, target: bear}
",
        expect![[""]],
    );
}

#[test]
fn a_quest_that_is_copied_and_not_renamed() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf}}}}
wolves:
  title: Bears at the gate
  stages: {hunt: {objectives: {bears: {event: kill, target: bear}}}}
",
        expect![[""]],
    );
}

#[test]
fn more_objectives_than_there_are() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      complete: {at_least: 3}
      objectives:
        wolves: {event: kill, target: wolf}
        bears: {event: kill, target: bear}
        spare: {event: talk, target: elder, optional: true}
",
        expect![[""]],
    );
}

#[test]
fn two_quests_that_wait_for_each_other_and_a_third_for_them() {
    quest(
        "\
hen: {title: The hen, requires: {quests: {egg: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
egg: {title: The egg, requires: {quests: {hen: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
omelette: {title: The omelette, requires: {quests: {egg: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
",
        expect![[""]],
    );
}

#[test]
fn a_window_that_closes_before_it_opens() {
    quest(
        "\
fair:
  title: The fair
  window: {from: 2026-12-20 04:00, until: 2026-12-19 04:00, zone: Europe/Berlin}
  stages: {s: {objectives: {o: {event: talk, target: elder}}}}
ball:
  title: The ball
  window: {from: tomorrow, zone: Europe/Berlinn}
  stages: {s: {objectives: {o: {event: talk, target: elder}}}}
",
        expect![[""]],
    );
}

#[test]
fn an_hour_that_is_not_in_the_phase() {
    quest(
        "\
owls:
  title: Owls
  stages:
    watch:
      objectives:
        owls: {event: talk, target: elder, when: {phase: day, hours: '22:00-04:00'}}
",
        expect![[""]],
    );
}
