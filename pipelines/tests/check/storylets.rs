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
cheers: {who: elder, trigger: {happens: {event: kill, target: wolf}}, limits: {npc: {most: 9, cooldown: 1m}, at_once: {most: 1}}, lines: Well struck!}
grumbles: {who: elder, trigger: {bark: {}}, lines: [Hm., Hmm.]}
",
        expect![[""]],
    );
}

#[test]
fn who_says_it_and_what_is_said() {
    stories(
        "a: {who: eldre, lines: Hm.}\nb: {who: bear, lines: []}\nc: {who: [], lines: ['', 'To {playr}.']}\n",
        expect![[r#"
            error: stories/all.yaml:1:10: no npc is `eldre` or carries it as a tag
              |
            1 | a: {who: eldre, lines: Hm.}
              |          ^^^^^
            hint: did you mean `elder`? an npc is one of npcs/, and a tag one that its entity carries

            error: stories/all.yaml:2:10: no npc is `bear` or carries it as a tag
              |
            2 | b: {who: bear, lines: []}
              |          ^^^^
            hint: an npc is one of npcs/, and a tag one that its entity carries

            error: stories/all.yaml:2:16: there is nothing to say
              |
            2 | b: {who: bear, lines: []}
              |                ^^^^^
            hint: write at least one line

            error: stories/all.yaml:3:5: nobody says this
              |
            3 | c: {who: [], lines: ['', 'To {playr}.']}
              |     ^^^
            hint: name an npc of npcs/, or a tag that one carries

            error: stories/all.yaml:3:22: an empty line
              |
            3 | c: {who: [], lines: ['', 'To {playr}.']}
              |                      ^^
            hint: write what is said, or remove it

            error: stories/all.yaml:3:26: nothing replaces `{playr}`
              |
            3 | c: {who: [], lines: ['', 'To {playr}.']}
              |                          ^^^^^^^^^^^^^
            hint: did you mean `player`? {player}, {phase}, {season}, {weather}, {region} are replaced

        "#]],
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
        expect![[r#"
            error: stories/all.yaml:2:44: unknown fact `moood`
              |
            2 | a: {who: elder, lines: Hm., when: {facts: {moood: 1}}, criteria: {c: {when: {}, weight: 2000}}}
              |                                            ^^^^^
            hint: did you mean `mood`? facts are declared in world.yaml under `facts`

            error: stories/all.yaml:2:67: this criterion tests nothing
              |
            2 | a: {who: elder, lines: Hm., when: {facts: {moood: 1}}, criteria: {c: {when: {}, weight: 2000}}}
              |                                                                   ^
            hint: give it a condition in `when`

            error: stories/all.yaml:2:89: a weight of 2000
              |
            2 | a: {who: elder, lines: Hm., when: {facts: {moood: 1}}, criteria: {c: {when: {}, weight: 2000}}}
              |                                                                                         ^^^^
            hint: -1000 to 1000

            error: stories/all.yaml:3:1: it would be said every few seconds for as long as it holds
              |
            3 | b: {who: elder, lines: Hm., trigger: {holds: {}}}
              | ^
            hint: give `limits: {once: true}`, or a cooldown: `limits: {player: {cooldown: 10m}}`

            error: stories/all.yaml:4:29: `once` leaves nothing for `player` to limit
              |
            4 | c: {who: elder, lines: Hm., limits: {once: true, player: {most: 0, cooldown: 0s}}}
              |                             ^^^^^^
            hint: `once` is the same as `player: {most: 1}`: keep one of the two

            error: stories/all.yaml:4:65: it may never be said
              |
            4 | c: {who: elder, lines: Hm., limits: {once: true, player: {most: 0, cooldown: 0s}}}
              |                                                                 ^
            hint: give at least 1, or remove the storylet

            error: stories/all.yaml:4:78: `cooldown` is no time at all
              |
            4 | c: {who: elder, lines: Hm., limits: {once: true, player: {most: 0, cooldown: 0s}}}
              |                                                                              ^^
            hint: give a span such as `20m`, or remove it

            error: stories/all.yaml:5:39: a salience of -5000
              |
            5 | d: {who: elder, lines: Hm., salience: -5000, when: {near: wolf}}
              |                                       ^^^^^
            hint: -1000 to 1000

            error: stories/all.yaml:5:46: `progress` and `near` cannot be asked for here
              |
            5 | d: {who: elder, lines: Hm., salience: -5000, when: {near: wolf}}
              |                                              ^^^^
            hint: conditions of quests can; here ask for `quests`, `region`, or a fact that an effect sets

        "#]],
    );
}

#[test]
fn limits_over_all_players_and_what_happens() {
    stories(
        "
a: {who: elder, lines: Hm., limits: {npc: {most: 0}, realm: {cooldown: 0s}, at_once: {most: 0, lasts: 0s}}}
b: {who: elder, lines: Hm., trigger: {holds: {}}, limits: {at_once: {most: 1}}}
c: {who: elder, lines: Hm., trigger: {holds: {}}, limits: {realm: {cooldown: 1m}}}
d: {who: elder, lines: Hm., trigger: {happens: {event: kil, target: wolf, within: 3s}}}
e: {who: elder, lines: Hm., trigger: {happens: {event: kill, target: wolf, when: {near: wolf}}}, limits: {realm: {most: 2000000}}}
",
        expect![[r#"
            error: stories/all.yaml:2:50: it may never be said
              |
            2 | a: {who: elder, lines: Hm., limits: {npc: {most: 0}, realm: {cooldown: 0s}, at_once: {most: 0, lasts: 0s}}}
              |                                                  ^
            hint: give at least 1, or remove the storylet

            error: stories/all.yaml:2:72: `cooldown` is no time at all
              |
            2 | a: {who: elder, lines: Hm., limits: {npc: {most: 0}, realm: {cooldown: 0s}, at_once: {most: 0, lasts: 0s}}}
              |                                                                        ^^
            hint: give a span such as `20m`, or remove it

            error: stories/all.yaml:2:93: it may never be said
              |
            2 | a: {who: elder, lines: Hm., limits: {npc: {most: 0}, realm: {cooldown: 0s}, at_once: {most: 0, lasts: 0s}}}
              |                                                                                             ^
            hint: give at least 1, or remove the storylet

            error: stories/all.yaml:2:103: `lasts` is no time at all
              |
            2 | a: {who: elder, lines: Hm., limits: {npc: {most: 0}, realm: {cooldown: 0s}, at_once: {most: 0, lasts: 0s}}}
              |                                                                                                       ^^
            hint: give a span such as `8s`, or remove it

            error: stories/all.yaml:3:51: it would be said every few seconds for as long as it holds
              |
            3 | b: {who: elder, lines: Hm., trigger: {holds: {}}, limits: {at_once: {most: 1}}}
              |                                                   ^^^^^^
            hint: give `limits: {once: true}`, or a cooldown: `limits: {player: {cooldown: 10m}}`

            error: stories/all.yaml:5:56: unknown kind of event `kil`
              |
            5 | d: {who: elder, lines: Hm., trigger: {happens: {event: kil, target: wolf, within: 3s}}}
              |                                                        ^^^
            hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

            error: stories/all.yaml:5:83: `within` is for objectives of quests
              |
            5 | d: {who: elder, lines: Hm., trigger: {happens: {event: kil, target: wolf, within: 3s}}}
              |                                                                                   ^^
            hint: remove it

            error: stories/all.yaml:6:76: `progress` and `near` cannot be asked for here
              |
            6 | e: {who: elder, lines: Hm., trigger: {happens: {event: kill, target: wolf, when: {near: wolf}}}, limits: {realm: {most: 2000000}}}
              |                                                                            ^^^^
            hint: conditions of quests can; here ask for `quests`, `region`, or a fact that an effect sets

            error: stories/all.yaml:6:121: 2000000 is too many
              |
            6 | e: {who: elder, lines: Hm., trigger: {happens: {event: kill, target: wolf, when: {near: wolf}}}, limits: {realm: {most: 2000000}}}
              |                                                                                                                         ^^^^^^^
            hint: at most 1000000

        "#]],
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
        expect![[r#"
            error: stories/all.yaml:2:46: unknown storylet `follow`
              |
            2 | a: {who: elder, lines: Hm., then: {storylet: follow, after: 1s}}
              |                                              ^^^^^^
            hint: did you mean `follows`? storylets are defined in stories/

            error: stories/all.yaml:3:46: `a` does not wait for another storylet
              |
            3 | b: {who: elder, lines: Hm., then: {storylet: a, after: 1s}}
              |                                              ^
            hint: give it `trigger: {follow_up: {}}`

            warning: stories/all.yaml:4:35: nothing leads to `follows`
              |
            4 | follows: {who: elder, lines: Hm., trigger: {follow_up: {}}}
              |                                   ^^^^^^^
            hint: name it in another storylet: `then: {storylet: follows, after: 2s}`

            error: stories/all.yaml:5:63: the fact `saved` is `true` or `false`, not `3`
              |
            5 | c: {who: elder, lines: Hm., effects: [{set: {fact: saved, to: 3}}, {add: {fact: saved, by: 1}}, {set: {fact: mood, to: 1, after: {s: left}}}]}
              |                                                               ^
            hint: give it a value of its own type

            error: stories/all.yaml:5:92: nothing can be added to the fact `saved`, which is no number
              |
            5 | c: {who: elder, lines: Hm., effects: [{set: {fact: saved, to: 3}}, {add: {fact: saved, by: 1}}, {set: {fact: mood, to: 1, after: {s: left}}}]}
              |                                                                                            ^
            hint: use `set`

            error: stories/all.yaml:5:123: `after` names stages of a quest
              |
            5 | c: {who: elder, lines: Hm., effects: [{set: {fact: saved, to: 3}}, {add: {fact: saved, by: 1}}, {set: {fact: mood, to: 1, after: {s: left}}}]}
              |                                                                                                                           ^^^^^
            hint: remove `after`: a storylet has no stages

        "#]],
    );
}

#[test]
fn behaviours_have_somebody_and_something_to_sense() {
    let world = "\
name: small
seed: 7
zones:
  vale: {climate: mild}
regions: {meadow: {zone: vale}}
kinds:
  sense: {attributes: {thing: id, distance: number, hostile: bool}}
  kill: {}
entities:
  wolf: {kind: npc, tags: [beast]}
  rock: {kind: object}
";
    let said = problems(&[
        ("world.yaml", world),
        (
            "behaviours.yaml",
            "
right: {who: [wolf, beast], traits: {aggression: 0.9}, lasts: 5s}
nobody: {who: rock}
wild: {who: beast, traits: {curiosity: 2}, lasts: 0s}
deaf: {who: beast, sensed_by: kill}
blind: {who: beast, sensed_by: smell}
",
        ),
    ]);
    expect![[r#"
        error: behaviours.yaml:3:15: no npc is `rock` or carries it as a tag
          |
        3 | nobody: {who: rock}
          |               ^^^^
        hint: entities of the kind `npc` and their tags are in entities.yaml

        error: behaviours.yaml:4:40: `curiosity` is 2
          |
        4 | wild: {who: beast, traits: {curiosity: 2}, lasts: 0s}
          |                                        ^
        hint: it lies between 0 and 1

        error: behaviours.yaml:4:51: `lasts` is no time at all
          |
        4 | wild: {who: beast, traits: {curiosity: 2}, lasts: 0s}
          |                                                   ^^
        hint: give a span such as `10s`

        error: behaviours.yaml:5:31: `kill` has no attribute `thing` of the right kind
          |
        5 | deaf: {who: beast, sensed_by: kill}
          |                               ^^^^
        hint: declare it: `attributes: {thing: id, distance: number, hostile: bool, attacks: bool}`

        error: behaviours.yaml:6:32: unknown kind of event `smell`
          |
        6 | blind: {who: beast, sensed_by: smell}
          |                                ^^^^^
        hint: kinds are declared in world.yaml under `kinds`: `kill`, `sense`

    "#]]
    .assert_eq(&said);
}

#[test]
fn an_intensity_is_a_percentage() {
    stories(
        "a: {who: elder, lines: Hm., intensity: 100}\nb: {who: elder, lines: Hm., intensity: 500}\n",
        expect![[r#"
            error: stories/all.yaml:2:40: an intensity of 500
              |
            2 | b: {who: elder, lines: Hm., intensity: 500}
              |                                        ^^^
            hint: 0 to 100; without it 50

        "#]],
    );
}

#[test]
fn what_follows_itself_has_an_end() {
    stories(
        "
begins: {who: elder, lines: Hm., then: {storylet: a, after: 0s}}
a: {who: elder, lines: Ah., trigger: {follow_up: {}}, then: {storylet: b, after: 0s}}
b: {who: wolf, lines: Grr., trigger: {follow_up: {}}, when: {facts: {saved: true}}, then: {storylet: a, after: 0s}}
c: {who: elder, lines: Oh., trigger: {follow_up: {}}, then: {storylet: c, after: 1h}}
leads: {who: elder, lines: Hm., then: {storylet: c, after: 1s}}
",
        expect![[r#"
            error: stories/all.yaml:3:55: these storylets follow each other without end: `a` → `b` → `a`
              |
            3 | a: {who: elder, lines: Ah., trigger: {follow_up: {}}, then: {storylet: b, after: 0s}}
              |                                                       ^^^^
            hint: give one of them `limits: {player: {most: 3}}`, or a cooldown that is longer than once round

            error: stories/all.yaml:5:55: the storylet `c` follows itself without end
              |
            5 | c: {who: elder, lines: Oh., trigger: {follow_up: {}}, then: {storylet: c, after: 1h}}
              |                                                       ^^^^
            hint: give one of them `limits: {player: {most: 3}}`, or a cooldown that is longer than once round

        "#]],
    );
}

/// Whether a circle of two, of which one has these limits, is found.
fn is_endless(limits: &str, after: &str) -> bool {
    let stories = format!(
        "a: {{who: elder, lines: Ah., trigger: {{follow_up: {{}}}}, limits: {limits}, then: {{storylet: b, after: {after}}}}}\n\
         b: {{who: wolf, lines: Grr., trigger: {{follow_up: {{}}}}, then: {{storylet: a, after: 0s}}}}\n"
    );
    let said = problems(&[("npcs.yaml", NPCS), ("stories/all.yaml", &stories)]);
    let endless = said.contains("without end");
    assert!(endless || said.is_empty(), "{said}");
    endless
}

#[test]
fn a_limit_ends_a_circle_if_it_is_closed_when_the_circle_comes_back() {
    for limits in [
        "{once: true}",
        "{player: {most: 3}}",
        "{npc: {most: 9}}",
        "{realm: {most: 9}}",
        "{player: {cooldown: 3s}}",
        "{realm: {cooldown: 3s}}",
        "{at_once: {most: 1, lasts: 3s}}",
    ] {
        assert!(!is_endless(limits, "2s"), "{limits}");
    }
    for limits in
        ["{}", "{player: {cooldown: 1s}}", "{at_once: {most: 1, lasts: 2s}}", "{at_once: {most: 3}}"]
    {
        assert!(is_endless(limits, "2s"), "{limits}");
    }
    // Each step takes a tick at least.
    assert!(is_endless("{player: {cooldown: 1ms}}", "0s") && !is_endless("{player: {cooldown: 10s}}", "0s"));
    // How long a span of world time is nobody says here.
    assert!(!is_endless("{player: {cooldown: 1s}}", "1h world"));
}
