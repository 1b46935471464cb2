//! Names that a column of a view never holds, in rules, conditions and SQL; and what no number, day or weather ever is.

use crate::problems;

const QUEST: &str = "\
first_hunt:
  title: F
  stages:
    hunt: {objectives: {beasts: {event: kill, target: beast, count: 3}}}
    report: {objectives: {tell: {event: talk, target: elder}, least: {event: kill, min: 2}}}
";

const VIEWS: &str = "\
CREATE VIEW standing AS SELECT quest, state AS now, count(*) AS holders FROM quest_state WHERE state IS NOT NULL GROUP BY quest, state;
";

fn said(files: &[(&str, &str)]) -> String {
    let mut all = vec![("quests/first_hunt.yaml", QUEST), ("views/standing.sql", VIEWS)];
    all.extend(files);
    problems(&all)
}

fn rule(view: &str, filter: &str) -> String {
    let rules = format!(
        "r: {{trigger: {{appears: {{view: {view}, where: {{{filter}}}}}}}, do: [{{add: {{fact: mood, by: 1}}}}]}}\n"
    );
    said(&[("rules/all.yaml", &rules)])
}

fn sql(query: &str) -> String {
    said(&[("views/all.sql", &format!("CREATE VIEW v AS {query};\n"))])
}

fn requires(condition: &str) -> String {
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    let quest = format!("w:\n  title: W\n  {stages}\n  requires: {condition}\n");
    said(&[("quests/w.yaml", &quest)])
}

/// That all of these are said.
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not said:\n{said}");
    }
}

#[test]
fn rules_compare_columns_with_names_that_they_hold() {
    for (view, filter, parts) in [
        ("quest_state", "state: dne", &["1:59: unknown state of a quest `dne`", "did you mean `done`?"][..]),
        ("quest_state", "state: {one_of: [done, actve]}", &["unknown state of a quest `actve`"]),
        ("quest_state", "state: {is_not: offred}", &["unknown state of a quest `offred`"]),
        ("quest_state", "scope: plaier", &["unknown scope `plaier`", "did you mean `player`?"]),
        (
            "quest_state",
            "stage: hnt, quest: first_hunt",
            &["unknown stage `hnt`", "`first_hunt` has hunt, report"],
        ),
        ("quest_state", "stage: hnt", &["unknown stage `hnt`", "did you mean `hunt`?"]),
        ("quest_state", "quest: {one_of: [first_hnt]}", &["unknown quest `first_hnt`"]),
        (
            "objective_progress",
            "objective: beests",
            &["unknown objective `beests`", "did you mean `beasts`?"],
        ),
        ("weather", "state: hail", &["unknown weather `hail`", "`clear`, `rain`"]),
        ("clock", "phase: nigt", &["unknown phase of the day `nigt`", "did you mean `night`?"]),
        ("clock", "season: sumer", &["unknown season `sumer`"]),
        ("facts", "fact: {is_not: mod}", &["unknown fact `mod`", "did you mean `mood`?"]),
        ("presence", "region: medow", &["unknown region `medow`"]),
        ("entities", "kind: npcs", &["error: rules", "unknown kind of entity `npcs`"]),
        (
            "entities",
            "entity: wolfe",
            &["warning: rules", "unknown entity `wolfe`", "what a game server adds"],
        ),
        ("standing", "now: dne", &["unknown state of a quest `dne`"]),
    ] {
        says(&rule(view, filter), parts);
    }
    for (view, filter) in [
        ("quest_state", "state: {one_of: [done, failed]}, scope: player, stage: hunt, quest: first_hunt"),
        ("quest_state", "stage: null"),
        ("weather", "state: rain, zone: vale"),
        ("clock", "phase: night, season: spring"),
        ("entities", "kind: npc, entity: wolf"),
        ("standing", "now: done"),
    ] {
        let said = rule(view, filter);
        assert!(!said.contains("unknown"), "{view}: {filter}: {said}");
    }
}

#[test]
fn sql_compares_columns_with_names_that_they_hold() {
    for (query, parts) in [
        (
            "SELECT count(*) AS n FROM events WHERE kind = 'kil' AND now() <= at + INTERVAL '1 minute'",
            &["warning: views/all.sql:1:64: unknown kind of event `kil`", "did you mean `kill`?"][..],
        ),
        (
            "SELECT holder FROM facts AS f WHERE 'mod' = f.fact",
            &["unknown fact `mod`", "did you mean `mood`?"],
        ),
        (
            "SELECT holder, quest, state FROM quest_state WHERE quest = 'first_hnt' AND state IN ('done', 'dne')",
            &["unknown quest `first_hnt`", "unknown state of a quest `dne`"],
        ),
        ("SELECT zone FROM weather WHERE state <> 'hail'", &["unknown weather `hail`"]),
        ("SELECT s.quest FROM standing AS s WHERE s.now = 'dne'", &["1:66: unknown state of a quest `dne`"]),
        ("SELECT fact, count(*) AS n FROM facts GROUP BY fact HAVING fact = 'mod'", &["unknown fact `mod`"]),
    ] {
        let said = sql(query);
        says(&said, parts);
        assert!(!said.contains("error: "), "{query}: {said}");
    }
    for query in [
        "SELECT count(*) AS n FROM events WHERE kind IN ('kill', 'quest.accept') AND now() <= at + INTERVAL '1 minute'",
        "SELECT holder FROM facts WHERE fact = 'mood' AND scope = 'player' AND holder = 'ana'",
        "SELECT holder FROM quest_state WHERE quest = 'first_hunt' AND state = 'done' AND stage <> 'report'",
        "SELECT entity FROM entities WHERE kind = 'npc' AND entity <> 'wolf'",
        "SELECT zone FROM weather WHERE lower(state) = 'hail'",
    ] {
        assert_eq!(sql(query), "", "{query}");
    }
}

#[test]
fn conditions_find_rows_by_names_that_there_are() {
    for (condition, part) in [
        ("view.standing[first_hunt, dne].holders > 3", "4:39: unknown state of a quest `dne`"),
        ("view.standing[first_hunt, 'dne'].holders > 3", "4:39: unknown state of a quest `dne`"),
        (
            "view.quest_state['player', player, first_hunt].state == dne",
            "4:69: unknown state of a quest `dne`",
        ),
        ("view.quest_state['player', player, first_hunt].stage == hnt", "`first_hunt` has hunt, report"),
        ("view.quest_state['plaier', player, first_hunt].stage == hunt", "unknown scope `plaier`"),
        ("view.weather[vale].state == hail", "unknown weather `hail`"),
    ] {
        says(&requires(condition), &[part]);
    }
    for condition in [
        "view.standing[first_hunt, done].holders > 3",
        "view.quest_state['player', player, first_hunt].stage == hunt",
        "view.weather[vale].state == rain",
    ] {
        assert_eq!(requires(condition), "", "{condition}");
    }
}

/// `clear` is 0 and `rain` 0.5, and the weather is within a tenth of it.
#[test]
fn weather_is_only_as_strong_as_its_states() {
    for (condition, part) in [
        ("weather.intensity > 0.9", "this never holds: the intensity of the weather is 0 to 0.6"),
        ("{weather: {intensity: {at_least: 0.61}}}", "the intensity of the weather is 0 to 0.6"),
        ("weather.state == rain and weather.intensity < 0.1", "the intensity of `rain` is 0.4 to 0.6"),
        ("{weather: {kind: clear, intensity: 0.3}}", "the intensity of `clear` is 0 to 0.1"),
    ] {
        says(&requires(condition), &["error: quests/w.yaml:4:", part]);
    }
    for condition in [
        "weather.intensity >= 0.6",
        "weather.state == rain and weather.intensity < 0.45",
        "{weather: {kind: [clear, rain], intensity: {above: 0.5}}}",
        "not weather.intensity > 0.9",
        "weather.intensity > 0.9 or mood > 1",
    ] {
        let said = requires(condition);
        let fits = condition.contains(" or ") == said.contains("this never holds");
        assert!(fits, "{condition}: {said}");
    }
}

#[test]
fn progress_and_days_go_no_further_than_they_do() {
    for (condition, part) in [
        ("{progress: {first_hunt: {beasts: {at_least: 9}}}}", "`beasts` of `first_hunt` counts from 0 to 3"),
        ("{progress: {first_hunt: {beasts: 4}}}", "`beasts` of `first_hunt` counts from 0 to 3"),
        ("{day: {at_least: 400}}", "the days of a month are 1 to 28"),
        ("{day: 0}", "the days of a month are 1 to 28"),
    ] {
        says(&requires(condition), &["error: quests/w.yaml:4:", part]);
    }
    for condition in [
        "{progress: {first_hunt: {beasts: {at_least: 3}}}}",
        "{progress: {first_hunt: {least: {at_least: 90}}}}",
        "{day: {at_least: 28}}",
    ] {
        assert_eq!(requires(condition), "", "{condition}");
    }
}
