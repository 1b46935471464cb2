//! Rows of views in conditions and rules, those in SQL too; numbers that are drawn; the source that is taken.

use expect_test::{Expect, expect};

use crate::problems;

const VIEWS: &str = "CREATE VIEW hunters AS SELECT player, level AS kills, 'x' AS name FROM levels;\n";

fn requires(condition: &str, expected: Expect) {
    let quest = format!(
        "wolves:\n  title: W\n  stages: {{s: {{objectives: {{o: {{event: kill}}}}}}}}\n  requires: {condition}\n"
    );
    expected.assert_eq(&problems(&[("views/all.sql", VIEWS), ("quests/wolves.yaml", &quest)]));
}

fn rule(yaml: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("views/all.sql", VIEWS), ("rules/all.yaml", yaml)]));
}

#[test]
fn what_is_right_has_no_problem() {
    for condition in [
        "view.hunters[player].kills >= 10 and not view.hunters[ann]",
        "view.facts['realm', small, mood].value - view.hunters[player].kills > 2",
        "view.hunters[player].name in [x, y]",
        "view.clock[].phase == night",
        "view.quest_state['region', region, wolves].state != done",
    ] {
        requires(condition, expect![[""]]);
    }
    rule(
        "
a: {trigger: {appears: {view: hunters, where: {kills: {above: 3}}}}, do: [{add: {fact: mood, by: {column: kills}}}]}
b: {trigger: {every: {span: 1h, each: {view: hunters}}}, do: [{set: {fact: mood, to: {between: [1, 6], whole: true}}}]}
",
        expect![[""]],
    );
}

#[test]
fn only_rows_that_are_there_to_be_seen_are_found_and_by_their_whole_key() {
    for condition in [
        "view.hunter[player].kills >= 10",
        "view.hunters.kills >= 10",
        "view.hunters[].kills >= 10",
        "view.facts['realm', mood].value >= 10",
        "view.sessions[player].since > 3",
        "view.objective_progress['player', player, wolves, s, o].value > 3",
        "view.hunters[player].kill >= 10",
        "view.hunters[3].kills >= 10",
        "view.hunters[player].name > 3",
        "view.hunters[player].kills == true",
        "view.hunters[player.mood].kills > 1",
        "view.quest_state[player, player, wolf].state == done",
        "view.hunters[player.level].kills > 1",
        "1 < view.hunters[player] + 1",
    ] {
        requires(condition, expect![[""]]);
    }
}

#[test]
fn columns_of_views_in_sql_are_looked_at() {
    rule(
        "a: {trigger: {appears: {view: hunters, where: {kill: 3, name: {above: 3}}}}, do: [{set: {fact: saved, to: {column: kills}}}]}\n",
        expect![[""]],
    );
    // What a view that is wrong has is not known.
    let problems = problems(&[
        ("views/all.sql", "CREATE VIEW hunters AS SELECT nobody FROM levels;\n"),
        (
            "rules/all.yaml",
            "a: {trigger: {appears: {view: hunters, where: {kills: 3}}}, do: [{add: {fact: mood, by: {column: kills}}}]}\n",
        ),
    ]);
    expect![[""]].assert_eq(&problems);
}

#[test]
fn numbers_are_drawn_between_bounds_and_are_what_a_fact_holds() {
    rule(
        "
a: {trigger: {every: {span: 1h}}, do: [{add: {fact: mood, by: {between: [-1, 1]}}}]}
b: {trigger: {every: {span: 1h}}, do: [{add: {fact: mood, by: {between: [3, 1], whole: true}}}]}
c: {trigger: {every: {span: 1h}}, do: [{set: {fact: mood, to: {between: [0.5, 3], whole: true}}}]}
d: {trigger: {every: {span: 1h}}, do: [{set: {fact: saved, to: {between: [0, 1], whole: true}}}]}
e: {trigger: {every: {span: 1h}}, do: [{emit: {event: kill, target: {between: [0, 1]}, with: {damage: {between: [0, 1], times: kills}, weapon: {between: [0, 1]}}}}]}
f: {trigger: {appears: {view: hunters}}, do: [{emit: {event: kill, target: wolf, with: {damage: {between: [0, 1], times: name}}}}]}
",
        expect![[""]],
    );
}

#[test]
fn rules_that_feed_each_other_through_a_view_in_sql_are_told() {
    let problems = problems(&[
        (
            "views/all.sql",
            "CREATE VIEW moods AS SELECT CAST(value AS INTEGER) AS mood FROM facts WHERE fact = 'mood' AND CAST(value AS INTEGER) IS NOT NULL;\n",
        ),
        (
            "rules/all.yaml",
            "a: {trigger: {appears_or_changes: {view: moods}}, do: [{add: {fact: mood, by: 1}}]}\n",
        ),
    ]);
    expect![[""]].assert_eq(&problems);
}

#[test]
fn no_source_has_the_name_of_rules() {
    let world = "\
name: small
seed: 7
kinds: {kill: {}}
sources:
  rules: {recording: {path: matches.ndjson}}
  stream: {kinesis: {stream: s, region: eu-central-1, producer: rules}}
";
    expect![[""]].assert_eq(&problems(&[
        ("world.yaml", world),
        ("climates/mild.yaml", ""),
        ("matches.ndjson", ""),
    ]));
}
