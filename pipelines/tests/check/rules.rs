//! Rules: views, columns, types, holders, and rules that feed each other.

use expect_test::{Expect, expect};

use crate::problems;

fn rule(yaml: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("rules/all.yaml", yaml)]));
}

#[test]
fn a_rule_that_is_right_has_no_problem() {
    rule(
        "
cheer:
  doc: A hero cheers people up.
  trigger: {appears_or_changes: {view: levels, where: {level: {at_least: 3}, player: {is_not: ''}}, existing: true}}
  when: \"mood < 10 and phase == day\"
  chance: 0.5
  after: 2h world
  do:
    - add: {fact: mood, of: {column: player}, by: {column: level, times: 2}}
    - clamp: {fact: mood, at_most: 10}
    - set: {fact: saved, to: true}
    - emit: {event: kill, target: wolf, player: {column: player}, region: meadow, amount: 2, with: {weapon: bow}}
",
        expect![[""]],
    );
}

#[test]
fn views_and_columns_are_known() {
    rule(
        "a: {trigger: {appears: {view: fact}}, do: [{add: {fact: mood, by: 1}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:31: unknown view `fact`
              |
            1 | a: {trigger: {appears: {view: fact}}, do: [{add: {fact: mood, by: 1}}]}
              |                               ^^^^
            hint: did you mean `facts`? `worldflow views` lists them

        "#]],
    );
    rule(
        "a: {trigger: {appears: {view: sessions}}, do: [{add: {fact: mood, by: 1}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:31: `sessions` is what the engine observes, so no rule can follow it
              |
            1 | a: {trigger: {appears: {view: sessions}}, do: [{add: {fact: mood, by: 1}}]}
              |                               ^^^^^^^^
            hint: rules follow views that are a function of what happened

            error: rules/all.yaml:1:61: the fact `mood` is kept for a player, and this rule acts for the realm: nothing would happen
              |
            1 | a: {trigger: {appears: {view: sessions}}, do: [{add: {fact: mood, by: 1}}]}
              |                                                             ^^^^
            hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

        "#]],
    );
    rule(
        "a: {trigger: {goes: {view: quest_state, where: {sate: done, completions: many, quest: wolfs}}}, do: [{add: {fact: mood, by: {column: amount}}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:49: unknown column `sate`
              |
            1 | a: {trigger: {goes: {view: quest_state, where: {sate: done, completions: many, quest: wolfs}}}, do: [{add: {fact: mood, by: {column: amount}}}]}
              |                                                 ^^^^
            hint: did you mean `state`? `quest_state` has realm, scope, holder, quest, instance, state, stage, since, deadline, completions

            error: rules/all.yaml:1:74: the column `completions` is a number, not `many`
              |
            1 | a: {trigger: {goes: {view: quest_state, where: {sate: done, completions: many, quest: wolfs}}}, do: [{add: {fact: mood, by: {column: amount}}}]}
              |                                                                          ^^^^
            hint: compare it with a value of its own type

            error: rules/all.yaml:1:87: unknown quest `wolfs`
              |
            1 | a: {trigger: {goes: {view: quest_state, where: {sate: done, completions: many, quest: wolfs}}}, do: [{add: {fact: mood, by: {column: amount}}}]}
              |                                                                                       ^^^^^
            hint: quests are declared in quests/

            error: rules/all.yaml:1:134: unknown column `amount`
              |
            1 | a: {trigger: {goes: {view: quest_state, where: {sate: done, completions: many, quest: wolfs}}}, do: [{add: {fact: mood, by: {column: amount}}}]}
              |                                                                                                                                      ^^^^^^
            hint: `quest_state` has realm, scope, holder, quest, instance, state, stage, since, deadline, completions

        "#]],
    );
    rule(
        "a: {trigger: {goes: {view: facts, where: {fact: mood, value: high}, existing: true}}, do: [{add: {fact: mood, by: 1}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:62: the column `value` is a number, not `high`
              |
            1 | a: {trigger: {goes: {view: facts, where: {fact: mood, value: high}, existing: true}}, do: [{add: {fact: mood, by: 1}}]}
              |                                                              ^^^^
            hint: compare it with a value of its own type

            error: rules/all.yaml:1:79: rows that are there already have not gone or changed
              |
            1 | a: {trigger: {goes: {view: facts, where: {fact: mood, value: high}, existing: true}}, do: [{add: {fact: mood, by: 1}}]}
              |                                                                               ^^^^
            hint: use it with `appears` or `appears_or_changes`, or remove it

        "#]],
    );
    rule(
        "a: {trigger: {every: {span: 0s, each: {view: contributions, where: {amount: 3}}}}, do: [{add: {fact: mood, by: 1}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:29: `span` is no time at all
              |
            1 | a: {trigger: {every: {span: 0s, each: {view: contributions, where: {amount: 3}}}}, do: [{add: {fact: mood, by: 1}}]}
              |                             ^^
            hint: give a span such as `10m` or `6h world`

            error: rules/all.yaml:1:46: rows of `contributions` change with nearly every event, so nobody goes through them
              |
            1 | a: {trigger: {every: {span: 0s, each: {view: contributions, where: {amount: 3}}}}, do: [{add: {fact: mood, by: 1}}]}
              |                                              ^^^^^^^^^^^^^
            hint: name a view of states, such as `quest_state` or `facts`

        "#]],
    );
    rule(
        "a: {trigger: {changes: {view: entities, where: {tags: big}}}, do: [{add: {fact: mood, by: 1}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:49: the column `tags` holds a list or a map
              |
            1 | a: {trigger: {changes: {view: entities, where: {tags: big}}}, do: [{add: {fact: mood, by: 1}}]}
              |                                                 ^^^^
            hint: compare and take plain values only

            error: rules/all.yaml:1:81: the fact `mood` is kept for a player, and this rule acts for the realm: nothing would happen
              |
            1 | a: {trigger: {changes: {view: entities, where: {tags: big}}}, do: [{add: {fact: mood, by: 1}}]}
              |                                                                                 ^^^^
            hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

        "#]],
    );
}

#[test]
fn what_a_rule_does_is_possible() {
    rule(
        "
a:
  trigger: {appears: {view: levels}}
  chance: 1.5
  after: 0s
  do:
    - set: {fact: mod, to: 3}
    - set: {fact: saved, to: {column: level}}
    - add: {fact: saved, by: 1}
    - clamp: {fact: mood}
    - clamp: {fact: mood, at_least: 5, at_most: 1}
    - emit: {event: kil, target: wolf}
    - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
    - emit: {event: quest.accept, target: nothing}
",
        expect![[r#"
            error: rules/all.yaml:4:11: `chance` is 1.5
              |
            4 | chance: 1.5
              |         ^^^
            hint: it lies between 0 and 1

            error: rules/all.yaml:5:10: `after` is no time at all
              |
            5 | after: 0s
              |        ^^
            hint: give a span such as `30s`, or remove it: then it acts at the next tick

            error: rules/all.yaml:7:19: unknown fact `mod`
              |
            7 | - set: {fact: mod, to: 3}
              |               ^^^
            hint: did you mean `mood`? facts are declared in world.yaml under `facts`

            error: rules/all.yaml:8:39: the column `level` is a number, and `true` or `false` is needed
              |
            8 | - set: {fact: saved, to: {column: level}}
              |                                   ^^^^^
            hint: take another column, or change another fact

            error: rules/all.yaml:9:30: nothing can be added to the fact `saved`, which is no number
              |
            9 | - add: {fact: saved, by: 1}
              |                          ^
            hint: use `set`

            error: rules/all.yaml:10:7: `clamp` without bounds
               |
            10 | - clamp: {fact: mood}
               |   ^^^^^
            hint: give `at_least`, `at_most` or both

            error: rules/all.yaml:11:7: no number lies between these bounds
               |
            11 | - clamp: {fact: mood, at_least: 5, at_most: 1}
               |   ^^^^^
            hint: the lower bound is above the upper one; swap them

            error: rules/all.yaml:12:21: unknown kind of event `kil`
               |
            12 | - emit: {event: kil, target: wolf}
               |                 ^^^
            hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

            error: rules/all.yaml:13:35: unknown target `wlof`
               |
            13 | - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
               |                               ^^^^
            hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

            error: rules/all.yaml:13:49: `region` is an id, not `7`
               |
            13 | - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
               |                                             ^
            hint: put it in quotes

            error: rules/all.yaml:13:67: the attribute `weapon` is text, not `3`
               |
            13 | - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
               |                                                               ^
            hint: put it in quotes

            error: rules/all.yaml:13:70: unknown attribute `wepon`
               |
            13 | - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
               |                                                                  ^^^^^
            hint: did you mean `weapon`? `kill` has damage, weapon; more are declared in world.yaml under `kinds`

            error: rules/all.yaml:13:99: the column `player` is text, and a number is needed
               |
            13 | - emit: {event: kill, target: wlof, region: 7, with: {weapon: 3, wepon: bow, damage: {column: player}}}
               |                                                                                               ^^^^^^
            hint: take another column, or change another fact

            error: rules/all.yaml:14:43: unknown quest `nothing`
               |
            14 | - emit: {event: quest.accept, target: nothing}
               |                                       ^^^^^^^
            hint: quests are declared in quests/

        "#]],
    );
    rule(
        "a: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, by: {column: level}}}]}\n",
        expect![[r#"
            error: rules/all.yaml:1:53: the fact `mood` is kept for a player, and this rule acts for the realm: nothing would happen
              |
            1 | a: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, by: {column: level}}}]}
              |                                                     ^^^^
            hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

            error: rules/all.yaml:1:72: this rule has no row to take a column from
              |
            1 | a: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, by: {column: level}}}]}
              |                                                                        ^^^^^
            hint: give the value itself, or let the rule go through rows with `each`

        "#]],
    );
    rule(
        "a: {trigger: {every: {span: 1m}}, do: []}\n",
        expect![[r#"
        error: rules/all.yaml:1:35: this rule does nothing
          |
        1 | a: {trigger: {every: {span: 1m}}, do: []}
          |                                   ^^
        hint: give `set`, `add`, `clamp` or `emit`

    "#]],
    );
    rule(
        "a: {trigger: {every: {span: 1m}, goes: {view: levels}}, do: [{set: {fact: saved}}]}\n",
        expect![[r#"
        error: rules/all.yaml:1:14: expected exactly one key here
          |
        1 | a: {trigger: {every: {span: 1m}, goes: {view: levels}}, do: [{set: {fact: saved}}]}
          |              ^
        hint: it may be `appears`, `changes`, `appears_or_changes`, `goes` or `every`

        error: rules/all.yaml:1:63: `to` is missing
          |
        1 | a: {trigger: {every: {span: 1m}, goes: {view: levels}}, do: [{set: {fact: saved}}]}
          |                                                               ^^^
        hint: add `to:` here

    "#]],
    );
}

#[test]
fn rules_that_feed_each_other_at_once_are_warned_of() {
    rule(
        "
up: {trigger: {changes: {view: facts, where: {fact: mood}}}, do: [{add: {fact: mood, by: 1}}]}
slow: {trigger: {changes: {view: facts, where: {fact: mood}}}, after: 1s, do: [{add: {fact: mood, by: 1}}]}
one: {trigger: {changes: {view: facts, where: {fact: saved}}}, do: [{set: {fact: mood, to: 1}}]}
two: {trigger: {appears: {view: facts, where: {fact: mood}}}, do: [{set: {fact: saved, to: false}}]}
",
        expect![[r#"
            warning: rules/all.yaml:2:6: the rule `up` feeds itself
              |
            2 | up: {trigger: {changes: {view: facts, where: {fact: mood}}}, do: [{add: {fact: mood, by: 1}}]}
              |      ^^^^^^^
            hint: they go on at every tick until a chain of 16 is refused; give one of them a delay with `after`, or a condition that ends it

            warning: rules/all.yaml:4:7: these rules feed each other: `one` → `two` → `one`
              |
            4 | one: {trigger: {changes: {view: facts, where: {fact: saved}}}, do: [{set: {fact: mood, to: 1}}]}
              |       ^^^^^^^
            hint: they go on at every tick until a chain of 16 is refused; give one of them a delay with `after`, or a condition that ends it

        "#]],
    );
}

/// What comes back to a rule by what somebody says, and by an arc that goes round, is told; what is limited is not.
#[test]
fn rules_that_feed_each_other_through_stories_are_warned_of() {
    let said = |stories: &str, rules: &str, arcs: &str| {
        problems(&[
            ("npcs.yaml", "elder: {barks: Hm.}\n"),
            ("stories.yaml", stories),
            ("rules.yaml", rules),
            ("arcs.yaml", arcs),
        ])
    };
    let asks = "asks: {trigger: {changes: {view: facts, where: {fact: mood}}}, do: [{emit: {event: talk, player: ann, target: elder}}]}\n";
    let tells = "tells: {who: elder, lines: Hail., effects: [{add: {fact: mood, by: 1}}]}\n";
    let other = "other: {tension: {half_life: 1h, events: {x: {pattern: {event: kill}, add: 1}}}, beats: {only: {tension: {build_up: 10}}}}\n";
    let circle = said(tells, asks, other);
    assert!(circle.contains("the rule `asks` feeds itself"), "{circle}");
    let once = tells.replace("lines:", "limits: {once: true}, lines:");
    assert!(!said(&once, asks, other).contains("feeds itself"), "what is said once ends it");
    let heard = asks.replace(
        "changes: {view: facts, where: {fact: mood}}",
        "appears: {view: npc_lines, where: {npc: elder}}",
    );
    assert!(
        said(tells, &heard, other).contains("the rule `asks` feeds itself"),
        "a line lets somebody talk again"
    );
    let of_another = heard.replace("{npc: elder}", "{npc: wolf}");
    assert!(!said(tells, &of_another, other).contains("feeds itself"));
    let round = "
round:
  endless: true
  tension: {half_life: 1h, events: {talks: {pattern: {event: talk}, add: 1}}}
  beats:
    a: {tension: {relax: 100}, effects: [{add: {fact: mood, by: 1}}], branches: {on: {chosen_by: {event: talk}, to: b}}}
    b: {tension: {relax: 100}, branches: {on: {chosen_by: {event: talk}, to: a}}}
";
    let nothing = "tells: {who: elder, lines: Hail.}\n";
    assert!(said(nothing, asks, round).contains("the rule `asks` feeds itself"));
    let through = round.replace("to: a}", "}");
    assert!(!said(nothing, asks, &through).contains("feeds itself"), "an arc that ends is no circle");
}

#[test]
fn a_value_that_is_given_is_compared_with_nothing() {
    let said = crate::problems(&[(
        "rules/all.yaml",
        "r: {trigger: {every: {span: 1h}}, do: [{set: {fact: mood, to: yes}}]}\n",
    )]);
    assert!(said.contains("hint: give it a value of its own type") && !said.contains("compare"), "{said}");
}
