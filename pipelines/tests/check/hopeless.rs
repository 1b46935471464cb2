//! What can never be done, though every name in it is right.

use expect_test::expect;

use crate::quest;

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
        mood: {event: kill, target: wolf, when: 'realm.mood > 3 and realm.mood < 2'}
        fine: {event: kill, target: wolf, when: {any: [{phase: day}, {phase: night}], hours: '23:00-07:00'}}
",
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
    );
}
