//! Whose a thing is, and ids that mean something else.

use expect_test::expect;

use crate::{WORLD, problems, world};

/// The small world, with facts of three scopes.
fn with_scopes() -> String {
    let facts = "facts:\n  alarm: {scope: realm, type: bool, default: false}\n  fear: {scope: region, type: int, default: 0}\n";
    WORLD.replace("facts:\n", facts)
}

#[test]
fn what_a_holder_does_not_have_it_neither_asks_nor_changes() {
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    let quests = [
        ("realm", "requires: {region: meadow}"),
        ("guild", "requires: {all: [{any: [{weather: {kind: rain}}, {region: forest}]}]}"),
        ("party", "requires: {level: {at_least: 5}}"),
        ("account", "requires: {quests: {own: done}}"),
        ("instance", "requires: {facts: {mood: 3}}"),
        ("realm", "fail_when: {weather: {kind: rain}}"),
        ("realm", "effects: [{add: {fact: mood, by: 1}}, {set: {fact: alarm, to: true}}]"),
        ("guild", "effects: [{add: {fact: fear, by: 1}}]"),
        // These are theirs.
        ("region", "requires: {region: meadow, weather: {kind: rain}, facts: {fear: 3, alarm: true}}"),
        ("region", "effects: [{add: {fact: fear, by: 1}}]"),
        ("realm", "requires: {any: [{region: meadow}, {facts: {alarm: true}}], facts: {mood: 0}}"),
        ("guild", "requires: {level: 1, not: {region: meadow}}"),
        ("player", "requires: {region: meadow, facts: {fear: 3}}, effects: [{add: {fact: fear, by: 1}}]"),
    ];
    let mut yaml = format!("own: {{title: T, {stages}}}\n");
    for (n, (scope, more)) in quests.iter().enumerate() {
        yaml.push_str(&format!("q_{n:02}: {{title: T, scope: {scope}, {more}, {stages}}}\n"));
    }
    let stages = "{s: {objectives: {o: {holds: {region: meadow}, for: 5m}}}}";
    yaml.push_str(&format!("held: {{title: T, scope: realm, stages: {stages}}}\n"));
    expect![[r#"
        error: quests/q.yaml:2:32: this never holds: the realm has no place, and so no `region`
          |
        2 | q_00: {title: T, scope: realm, requires: {region: meadow}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                ^^^^^^^^
        hint: ask for it in an objective's `when`, where the event's region counts; or give the quest the scope player or region

        error: quests/q.yaml:3:32: this never holds: a guild has no place, and so no `weather`
          |
        3 | q_01: {title: T, scope: guild, requires: {all: [{any: [{weather: {kind: rain}}, {region: forest}]}]}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                ^^^^^^^^
        hint: ask for it in an objective's `when`, where the event's region counts; or give the quest the scope player or region

        warning: quests/q.yaml:4:32: nobody gets to this level: what can be earned before brings level 1 at most
          |
        4 | q_02: {title: T, scope: party, requires: {level: {at_least: 5}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                ^^^^^^^^
        hint: ask for less, or give more `experience` for other quests

        error: quests/q.yaml:4:32: this never holds: a party has no level, which counts as 1
          |
        4 | q_02: {title: T, scope: party, requires: {level: {at_least: 5}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                ^^^^^^^^
        hint: ask for the level in an objective's `when`

        error: quests/q.yaml:5:34: this never holds: the quest `own` is held by a player, which an account does not have
          |
        5 | q_03: {title: T, scope: account, requires: {quests: {own: done}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                  ^^^^^^^^
        hint: keep what is asked in a fact of the realm, or give the two the same scope

        error: quests/q.yaml:6:35: this never holds: the fact `mood` is kept for a player, which an instance does not have, and its default is another
          |
        6 | q_04: {title: T, scope: instance, requires: {facts: {mood: 3}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                   ^^^^^^^^
        hint: ask for a fact of the realm, or give the two the same scope

        error: quests/q.yaml:7:32: this never holds: the realm has no place, and so no `weather`
          |
        7 | q_05: {title: T, scope: realm, fail_when: {weather: {kind: rain}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                                ^^^^^^^^^
        hint: ask for it in an objective's `when`, where the event's region counts; or give the quest the scope player or region

        error: quests/q.yaml:8:55: the fact `mood` is kept for a player, which the realm does not have: nothing would happen
          |
        8 | q_06: {title: T, scope: realm, effects: [{add: {fact: mood, by: 1}}, {set: {fact: alarm, to: true}}], stages: {s: {objectives: {o: {event: kill}}}}}
          |                                                       ^^^^
        hint: give the quest or the fact another scope; what is for everyone who took part is a reward

        error: quests/q.yaml:9:55: the fact `fear` is kept for a region, which a guild does not have: nothing would happen
          |
        9 | q_07: {title: T, scope: guild, effects: [{add: {fact: fear, by: 1}}], stages: {s: {objectives: {o: {event: kill}}}}}
          |                                                       ^^^^
        hint: give the quest or the fact another scope; what is for everyone who took part is a reward

        error: quests/q.yaml:15:62: this never holds: the realm has no place, and so no `region`
           |
        15 | held: {title: T, scope: realm, stages: {s: {objectives: {o: {holds: {region: meadow}, for: 5m}}}}}
           |                                                              ^^^^^
        hint: ask for it in an objective's `when`, where the event's region counts; or give the quest the scope player or region

    "#]].assert_eq(&problems(&[("world.yaml", &with_scopes()), ("quests/q.yaml", &yaml)]));
}

#[test]
fn a_rule_acts_for_the_holder_of_its_row() {
    let every = "every: {span: 1m}";
    let players = "every: {span: 1m, each: {view: presence}}";
    let regions = "appears: {view: facts, where: {scope: region, fact: fear}}";
    let rules = [
        (every, "", "{add: {fact: mood, by: 1}}"),
        (every, "when: {region: meadow}, ", "{set: {fact: alarm, to: true}}"),
        (every, "", "{set: {fact: alarm, of: smithh, to: true}}"),
        (every, "", "{add: {fact: fear, of: medow, by: 1}}"),
        ("appears: {view: weather}", "", "{add: {fact: fear, by: 1}}"),
        (regions, "when: {level: 3}, ", "{add: {fact: mood, by: 1}}"),
        // These find whose it is.
        (
            every,
            "",
            "{add: {fact: mood, of: ana, by: 1}}, {add: {fact: fear, of: meadow, by: 1}}, {set: {fact: alarm, of: small, to: true}}",
        ),
        (players, "when: {region: meadow}, ", "{add: {fact: mood, by: 1}}, {add: {fact: fear, by: 1}}"),
        (regions, "", "{add: {fact: fear, by: 1}}, {set: {fact: alarm, to: true}}"),
        ("appears: {view: facts}", "", "{add: {fact: mood, by: 1}}"),
    ];
    let mut yaml = String::new();
    for (n, (trigger, when, actions)) in rules.iter().enumerate() {
        yaml.push_str(&format!("r_{n:02}: {{trigger: {{{trigger}}}, {when}after: 1m, do: [{actions}]}}\n"));
    }
    expect![[r#"
        error: rules.yaml:1:67: the fact `mood` is kept for a player, and this rule acts for the realm: nothing would happen
          |
        1 | r_00: {trigger: {every: {span: 1m}}, after: 1m, do: [{add: {fact: mood, by: 1}}]}
          |                                                                   ^^^^
        hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

        error: rules.yaml:2:38: this never holds: the realm has no place, and so no `region`
          |
        2 | r_01: {trigger: {every: {span: 1m}}, when: {region: meadow}, after: 1m, do: [{set: {fact: alarm, to: true}}]}
          |                                      ^^^^
        hint: let the rule go through rows of those who have it, with `each`

        error: rules.yaml:3:78: the fact `alarm` is the realm's, and this names another: it would be refused
          |
        3 | r_02: {trigger: {every: {span: 1m}}, after: 1m, do: [{set: {fact: alarm, of: smithh, to: true}}]}
          |                                                                              ^^^^^^
        hint: remove `of`, or give the fact the scope of those whose it is

        error: rules.yaml:4:77: unknown region `medow`
          |
        4 | r_03: {trigger: {every: {span: 1m}}, after: 1m, do: [{add: {fact: fear, of: medow, by: 1}}]}
          |                                                                             ^^^^^
        hint: did you mean `meadow`? regions are declared in world.yaml under `regions`

        error: rules.yaml:5:74: the fact `fear` is kept for a region, and this rule acts for the realm: nothing would happen
          |
        5 | r_04: {trigger: {appears: {view: weather}}, after: 1m, do: [{add: {fact: fear, by: 1}}]}
          |                                                                          ^^^^
        hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

        error: rules.yaml:6:79: this never holds: a region has no level, which counts as 1
          |
        6 | r_05: {trigger: {appears: {view: facts, where: {scope: region, fact: fear}}}, when: {level: 3}, after: 1m, do: [{add: {fact: mood, by: 1}}]}
          |                                                                               ^^^^
        hint: let the rule go through rows of those who have it, with `each`

        error: rules.yaml:6:126: the fact `mood` is kept for a player, and this rule acts for a region: nothing would happen
          |
        6 | r_05: {trigger: {appears: {view: facts, where: {scope: region, fact: fear}}}, when: {level: 3}, after: 1m, do: [{add: {fact: mood, by: 1}}]}
          |                                                                                                                              ^^^^
        hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

    "#]].assert_eq(&problems(&[("world.yaml", &with_scopes()), ("rules.yaml", &yaml)]));
}

#[test]
fn ids_that_would_mean_something_else() {
    let facts = ["level", "player", "clock", "not", "true", "phase", "levels", "not_yet"];
    let facts: String = facts.iter().map(|name| format!("  '{name}': {{type: int, default: 0}}\n")).collect();
    let other = WORLD.replace("facts:\n", &format!("facts:\n{facts}")).replace("meadow: ", "or: ");
    let wolves = "'null': {title: T, stages: {between: {objectives: {in: {event: kill}}}}}\n";
    expect![[r#"
        error: quests/a.yaml:1:1: no quest can be called `null`: it reads as a value
          |
        1 | 'null': {title: T, stages: {between: {objectives: {in: {event: kill}}}}}
          | ^^^^^^
        hint: give it another name

        error: world.yaml:6:3: no region can be called `or`: it is a word of conditions
          |
        6 | or: {zone: vale}
          | ^^
        hint: give it another name

        error: world.yaml:12:3: no fact can be called `level`: in a condition that is the player's level
           |
        12 | 'level': {type: int, default: 0}
           | ^^^^^^^
        hint: give it another name

        error: world.yaml:13:3: no fact can be called `player`: in a condition that is whose a fact is, or the holder's own id
           |
        13 | 'player': {type: int, default: 0}
           | ^^^^^^^^
        hint: give it another name

        error: world.yaml:14:3: no fact can be called `clock`: in a condition that is the beginning of another name
           |
        14 | 'clock': {type: int, default: 0}
           | ^^^^^^^
        hint: give it another name

        error: world.yaml:15:3: no fact can be called `not`: it is a word of conditions
           |
        15 | 'not': {type: int, default: 0}
           | ^^^^^
        hint: give it another name

        error: world.yaml:16:3: no fact can be called `true`: it reads as a value
           |
        16 | 'true': {type: int, default: 0}
           | ^^^^^^
        hint: give it another name

        error: world.yaml:17:3: no fact can be called `phase`: in a condition that is the phase of the day
           |
        17 | 'phase': {type: int, default: 0}
           | ^^^^^^^
        hint: give it another name

    "#]].assert_eq(&problems(&[("world.yaml", &other), ("quests/a.yaml", wolves)]));
    world(
        "lifetime:\n  level: {pattern: {event: kill}}\n",
        expect![[r#"
        warning: world.yaml:19:3: no objective reads the counter `level`
           |
        19 | level: {pattern: {event: kill}}
           | ^^^^^
        hint: a counter costs memory for every holder; use it with `since: ever`, or remove it

    "#]],
    );
}

#[test]
fn what_would_pile_up_is_said() {
    let rules = "\
much: {trigger: {every: {span: 1s}}, after: 2h, do: [{add: {fact: mood, of: ana, by: 1}}]}
less: {trigger: {every: {span: 10s}}, after: 2h, do: [{add: {fact: mood, of: ana, by: 1}}]}
rare: {trigger: {every: {span: 1s}}, after: 2h, chance: 0.01, do: [{add: {fact: mood, of: ana, by: 1}}]}
";
    let quests = "\
many: {title: T, stages: {s: {objectives: {a: {event: kill, distinct: 20000, of: weapon}, b: {event: kill, distinct: 100, of: weapon}}}}}
";
    expect![[r#"
        warning: quests/many.yaml:1:71: up to 20000 different values are kept for each holder
          |
        1 | many: {title: T, stages: {s: {objectives: {a: {event: kill, distinct: 20000, of: weapon}, b: {event: kill, distinct: 100, of: weapon}}}}}
          |                                                                       ^^^^^
        hint: ask for at most 10000, or count with `count`

        warning: rules.yaml:1:45: 7200 would wait at once, and of one rule and holder 1000 may: the others are refused
          |
        1 | much: {trigger: {every: {span: 1s}}, after: 2h, do: [{add: {fact: mood, of: ana, by: 1}}]}
          |                                             ^^
        hint: let it be triggered less often, or act sooner

    "#]].assert_eq(&problems(&[("rules.yaml", rules), ("quests/many.yaml", quests)]));
}
