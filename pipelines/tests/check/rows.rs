//! Rows of views in conditions and rules, those in SQL too; numbers that are drawn; the source that is taken.

use crate::problems;

const VIEWS: &str = "CREATE VIEW hunters AS SELECT player, level AS kills, 'x' AS name FROM levels;\n";

fn requires(condition: &str) -> String {
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    let quest = format!("wolves:\n  title: W\n  {stages}\n  requires: {condition}\n");
    problems(&[("views/all.sql", VIEWS), ("quests/wolves.yaml", &quest)])
}

fn rules(yaml: &str) -> String {
    problems(&[("views/all.sql", VIEWS), ("rules/all.yaml", yaml)])
}

/// That all of these are said.
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not said:\n{said}");
    }
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
        assert_eq!(requires(condition), "", "{condition}");
    }
    let right = "
a: {trigger: {appears: {view: hunters, where: {kills: {above: 3}}}}, do: [{add: {fact: mood, by: {column: kills}}}]}
b: {trigger: {every: {span: 1h, each: {view: hunters}}}, do: [{set: {fact: mood, to: {between: [1, 6], whole: true}}}]}
";
    assert_eq!(rules(right), "");
}

#[test]
fn only_rows_that_are_there_to_be_seen_are_found_and_by_their_whole_key() {
    for (condition, parts) in [
        ("view.hunter[player].kills >= 10", ["unknown view `hunter`", "did you mean `hunters`?"]),
        ("view.hunters.kills >= 10", ["nothing is called `view.hunters.kills`", "found by its whole key"]),
        (
            "view.hunters[].kills >= 10",
            ["found by its whole key, 1 columns, and this gives 0", "write `view.hunters[player]`"],
        ),
        ("view.facts['realm', mood].value >= 10", ["3 columns, and this gives 2", "[scope, holder, fact]"]),
        (
            "view.sessions[player].since > 3",
            ["`sessions` is what the engine observes", "a function of what happened"],
        ),
        (
            "view.objective_progress['player', player, wolves, s, o].value > 3",
            ["rows of `objective_progress` change with nearly every event", "write a view in SQL"],
        ),
        ("view.hunters[player].kill >= 10", ["unknown column `kill`", "did you mean `kills`?"]),
        ("view.hunters[3].kills >= 10", ["the column `player` is text, and this is a number", "4:26"]),
        ("view.hunters[player].name > 3", ["this is text, which `>` cannot compare", "use `==` or `!=`"]),
        (
            "view.hunters[player].kills == true",
            ["a number is compared with `true` or `false`, and they are never the same", "4:13"],
        ),
        (
            "view.hunters[player.mood].kills > 1",
            ["the column `player` is text, and this is a number", "4:26"],
        ),
        (
            "view.quest_state[player, player, wolf].state == done",
            ["`player` stands for an id here, not for the word", "put it in quotes: `'player'`"],
        ),
        (
            "view.quest_state['player', player, wolf].state == done",
            ["unknown quest `wolf`", "quests are declared in quests/"],
        ),
        ("view.hunters[player.level].kills > 1", ["no row is found by this", "facts with their scope"]),
        ("1 < view.hunters[player] + 1", ["this is `true` or `false`, and `+` needs a number", "4:17"]),
    ] {
        says(&requires(condition), &parts);
    }
}

#[test]
fn columns_of_views_in_sql_are_looked_at() {
    let said = rules(
        "a: {trigger: {appears: {view: hunters, where: {kill: 3, name: {above: 3}}}}, do: [{set: {fact: saved, to: {column: kills}}}]}\n",
    );
    says(
        &said,
        &[
            "unknown column `kill`",
            "the column `name` is text, which `above` cannot compare",
            "the column `kills` is a number, and `true` or `false` is needed",
        ],
    );
    // What a view that is wrong has is not known.
    let rule = "a: {trigger: {appears: {view: hunters, where: {kills: 3}}}, do: [{add: {fact: mood, by: {column: kills}}}]}\n";
    let said = problems(&[
        ("views/all.sql", "CREATE VIEW hunters AS SELECT nobody FROM levels;\n"),
        ("rules/all.yaml", rule),
    ]);
    says(&said, &["there is no column `nobody`"]);
    assert!(!said.contains("rules/all.yaml"), "{said}");
}

#[test]
fn numbers_are_drawn_between_bounds_and_are_what_a_fact_holds() {
    let said = rules(
        "
a: {trigger: {every: {span: 1h}}, do: [{add: {fact: mood, by: {between: [-1, 1]}}}]}
b: {trigger: {every: {span: 1h}}, do: [{add: {fact: mood, by: {between: [3, 1], whole: true}}}]}
c: {trigger: {every: {span: 1h}}, do: [{set: {fact: mood, to: {between: [0.5, 3], whole: true}}}]}
d: {trigger: {every: {span: 1h}}, do: [{set: {fact: saved, to: {between: [0, 1], whole: true}}}]}
e: {trigger: {every: {span: 1h}}, do: [{emit: {event: kill, target: {between: [0, 1]}, with: {damage: {between: [0, 1], times: kills}}}}]}
f: {trigger: {appears: {view: hunters}}, do: [{emit: {event: kill, target: wolf, with: {damage: {between: [0, 1], times: name}}}}]}
",
    );
    says(
        &said,
        &[
            "the fact `mood` is a whole number, and this is a fraction",
            "no number lies between these bounds",
            "whole numbers between bounds that are none",
            "rules/all.yaml:5:",
            "`target` is an id, and only numbers are drawn",
            "this rule has no row to take a column from",
            "the column `name` is text, and a number is needed",
        ],
    );
}

#[test]
fn rules_that_feed_each_other_through_a_view_in_sql_are_told() {
    let views = "CREATE VIEW moods AS SELECT holder AS player, CAST(value AS INTEGER) AS mood FROM facts WHERE scope = 'player' AND holder IS NOT NULL AND fact = 'mood';\n";
    let rule = |name: &str| {
        let trigger = format!("{{{name}: {{view: moods}}}}");
        let rule = format!("a: {{trigger: {trigger}, do: [{{add: {{fact: mood, by: 1}}}}]}}\n");
        problems(&[("views/all.sql", views), ("rules/all.yaml", &rule)])
    };
    says(&rule("changes"), &["the rule `a` feeds itself"]);
    // A row that is there does not appear again.
    assert_eq!(rule("appears"), "");
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
    let said = problems(&[("world.yaml", world), ("matches.ndjson", "")]);
    assert_eq!(said.matches("no source can be called `rules`").count(), 2, "{said}");
}
