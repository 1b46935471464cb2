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
    expect![[""]].assert_eq(&problems(&[("world.yaml", &with_scopes()), ("quests/q.yaml", &yaml)]));
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
    expect![[""]].assert_eq(&problems(&[("world.yaml", &with_scopes()), ("rules.yaml", &yaml)]));
}

#[test]
fn ids_that_would_mean_something_else() {
    let facts = ["level", "player", "clock", "not", "true", "phase", "levels", "not_yet"];
    let facts: String = facts.iter().map(|name| format!("  '{name}': {{type: int, default: 0}}\n")).collect();
    let other = WORLD.replace("facts:\n", &format!("facts:\n{facts}")).replace("meadow: ", "or: ");
    let wolves = "'null': {title: T, stages: {between: {objectives: {in: {event: kill}}}}}\n";
    expect![[""]].assert_eq(&problems(&[("world.yaml", &other), ("quests/a.yaml", wolves)]));
    world("lifetime:\n  level: {pattern: {event: kill}}\n", expect![[""]]);
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
    expect![[""]].assert_eq(&problems(&[("rules.yaml", rules), ("quests/many.yaml", quests)]));
}
