//! Views in SQL over the event stream: events count for as long as a bound in time says, over restarts and edits too.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
regions: {moor: {}, village: {}}
kinds:
  kill: {attributes: {weapon: id, damage: number}}
  say: {attributes: {words: text}}
facts:
  alarm: {scope: realm, type: int, default: 0}
";

const ENTITIES: &str = "{wolf: {kind: npc}, bear: {kind: npc}}";

fn golden(views: &str, rules: &str, script: &str) -> Golden {
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", ENTITIES),
        ("views/all.sql", views),
        ("rules/all.yaml", rules),
    ];
    Golden::new(&files, script)
}

#[test]
fn events_count_until_their_bound_has_passed() {
    let views = "
        CREATE VIEW kills_lately AS
        SELECT player, count(*) AS kills, sum(amount) AS amount
        FROM events
        WHERE kind = 'kill' AND player IS NOT NULL AND now() <= at + INTERVAL '40 ms'
        GROUP BY player;

        CREATE VIEW weapons AS
        SELECT coalesce(weapon, 'none') AS weapon, sum(damage) AS damage
        FROM events WHERE kind = 'kill' AND now() < tick + INTERVAL '30 ms' GROUP BY 1;

        CREATE VIEW quiet AS
        SELECT player, region FROM presence AS p
        WHERE NOT EXISTS (SELECT * FROM events AS e WHERE e.player = p.player AND now() <= e.at + INTERVAL '20 ms');";
    let golden = golden(
        views,
        "{}",
        "
        10 presence ann s1 moor -
        10 presence bob s1 moor -
        11 event kill player=ann target=wolf weapon=bow damage=2
        12 event kill player=ann target=wolf amount=3 weapon=bow damage=1.5
        12 event say player=bob words=hello
        13 event kill player=bob target=bear
        15 event kill target=bear
        25 wait
        ",
    );
    expect![[r#"
        10: +1 quiet player=ann region=moor
        10: +1 quiet player=bob region=moor
        11: +1 kills_lately player=ann kills=1 amount=1
        11: -1 quiet player=ann region=moor
        11: +1 weapons weapon=bow damage=2
        12: -1 kills_lately player=ann kills=1 amount=1
        12: +1 kills_lately player=ann kills=2 amount=4
        12: -1 quiet player=bob region=moor
        12: -1 weapons weapon=bow damage=2
        12: +1 weapons weapon=bow damage=3.5
        13: +1 kills_lately player=bob kills=1 amount=1
        13: +1 weapons weapon=none damage=
        14: +1 weapons weapon=bow damage=1.5
        14: -1 weapons weapon=bow damage=3.5
        15: +1 quiet player=ann region=moor
        15: -1 weapons weapon=bow damage=1.5
        16: +1 kills_lately player=ann kills=1 amount=3
        16: -1 kills_lately player=ann kills=2 amount=4
        16: +1 quiet player=bob region=moor
        17: -1 kills_lately player=ann kills=1 amount=3
        18: -1 kills_lately player=bob kills=1 amount=1
        18: -1 weapons weapon=none damage=
    "#]]
    .assert_eq(&golden.changes(&["kills_lately", "weapons", "quiet"]));
    golden.check_laws();
}

#[test]
fn a_view_that_comes_while_the_world_runs_counts_from_then_on_and_what_others_still_need() {
    let golden = golden(
        "",
        "{}",
        "
        10 event kill player=ann target=wolf
        11 view short SELECT player, count(*) AS n FROM events WHERE kind = 'kill' AND player IS NOT NULL AND now() <= at + INTERVAL '30 ms' GROUP BY player
        11 event kill player=ann target=wolf
        13 event kill player=bob target=wolf
        14 view long SELECT count(*) AS n FROM events WHERE now() <= at + INTERVAL '60 ms'
        14 event say player=bob words=hello
        16 view short drop
        17 event kill player=ann target=bear
        18 view long SELECT count(*) AS n FROM events WHERE now() <= at + INTERVAL '20 ms'
        19 view long drop
        20 view long SELECT count(*) AS n FROM events WHERE now() <= at + INTERVAL '60 ms'
        21 event kill player=ann target=bear
        30 wait
        ",
    );
    expect![[r#"
        11: +1 short player=ann n=1
        13: +1 short player=bob n=1
        14: +1 long n=3
        15: -1 short player=ann n=1
        16: -1 short player=bob n=1
        17: -1 long n=3
        17: +1 long n=4
        18: +1 long n=1
        18: -1 long n=4
        19: -1 long n=1
        20: +1 long n=0
        21: -1 long n=0
        21: +1 long n=1
        28: +1 long n=0
        28: -1 long n=1
    "#]]
    .assert_eq(&golden.changes(&["short", "long"]));
    golden.check_laws();
}

#[test]
fn rules_follow_views_over_events_and_their_own_events_come_to_an_end() {
    let views = "CREATE VIEW hunters AS SELECT player, count(*) AS kills FROM events
        WHERE kind = 'kill' AND player IS NOT NULL AND now() <= at + INTERVAL '1 second' GROUP BY player;";
    // Each kill leads to another, until that is too deep.
    let rules = "
again:
  trigger: {appears_or_changes: {view: hunters}}
  do: [{emit: {event: kill, target: wolf}}]
";
    let golden = golden(views, rules, "10 event kill player=ann target=wolf\n60 wait");
    let changes = golden.changes(&["hunters"]);
    let last = changes.lines().rfind(|line| line.contains("+1 hunters"));
    assert!(
        last.is_some_and(|line| line.ends_with("player=ann kills=17")),
        "one, and one of each depth: {changes}"
    );
    assert!(changes.contains("refused too_deep: the rule `again` is deeper than 16"), "{changes}");
    golden.check_laws();
}
