//! Storylets: who says them, what for, and what comes of it.

use expect_test::{Expect, expect};

use crate::problems;

const NPCS: &str = "elder: {barks: Hm.}\nwolf: {barks: Grr.}\n";

fn stories(yaml: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("npcs.yaml", NPCS), ("stories/all.yaml", yaml)]));
}

#[test]
fn storylets_that_are_right_have_no_problem() {
    stories(
        "
warns:
  doc: The elder warns of rain.
  who: [elder, beast]
  when: {weather: {kind: rain}}
  criteria:
    friend: {when: 'saved == true', weight: 3}
    here: {when: {region: meadow}, required: true}
  limits: {player: {most: 3, cooldown: 20m}}
  lines: ['Rain, {player}.', 'Still {weather} in {region}.']
  effects:
    - add: {fact: mood, by: -1}
    - set: {fact: saved, to: true}
  then: {storylet: answers, after: 2s}
answers: {who: beast, trigger: {follow_up: {}}, lines: Grr?}
calls: {who: elder, trigger: {holds: {}}, limits: {once: true}, salience: 3, lines: You there!}
grumbles: {who: elder, trigger: {bark: {}}, lines: [Hm., Hmm.]}
",
        expect![[""]],
    );
}

#[test]
fn who_says_it_and_what_is_said() {
    stories(
        "a: {who: eldre, lines: Hm.}\nb: {who: bear, lines: []}\nc: {who: [], lines: ['', 'To {playr}.']}\n",
        expect![[""]],
    );
}

#[test]
fn conditions_weights_and_limits() {
    stories(
        "
a: {who: elder, lines: Hm., when: {facts: {moood: 1}}, criteria: {c: {when: {}, weight: 2000}}}
b: {who: elder, lines: Hm., trigger: {holds: {}}}
c: {who: elder, lines: Hm., limits: {once: true, player: {most: 0, cooldown: 0s}}}
d: {who: elder, lines: Hm., salience: -5000, when: {near: wolf}}
",
        expect![[""]],
    );
}

#[test]
fn what_comes_of_it() {
    stories(
        "
a: {who: elder, lines: Hm., then: {storylet: follow, after: 1s}}
b: {who: elder, lines: Hm., then: {storylet: a, after: 1s}}
follows: {who: elder, lines: Hm., trigger: {follow_up: {}}}
c: {who: elder, lines: Hm., effects: [{set: {fact: saved, to: 3}}, {add: {fact: saved, by: 1}}, {set: {fact: mood, to: 1, after: {s: left}}}]}
",
        expect![[""]],
    );
}
