//! Views in SQL in golden worlds: of the world's folder, and installed, replaced and dropped while it runs.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
regions: {moor: {}, village: {}}
kinds: {kill: {}}
facts:
  brave: {scope: player, type: bool, default: false, changed_by: [{pattern: {event: kill, target: bear}, set: true}]}
  score: {scope: player, type: int, default: 0, changed_by: [{pattern: {event: kill}, add: 1}]}
";

const ENTITIES: &str = "{wolf: {kind: npc}, bear: {kind: npc}}";

const VIEWS: &str = "
-- One view reads another, whatever stands first.
CREATE VIEW brave_regions AS
SELECT region, count(*) AS n, sum(score) AS score FROM brave_players WHERE region IS NOT NULL GROUP BY region;

CREATE VIEW brave_players AS
SELECT f.holder AS player, p.region, coalesce(CAST(s.value AS INTEGER), 0) AS score
FROM facts AS f
LEFT JOIN presence AS p ON p.player = f.holder
LEFT JOIN facts AS s ON s.holder = f.holder AND s.scope = 'player' AND s.fact = 'score'
WHERE f.scope = 'player' AND f.fact = 'brave' AND CAST(f.value AS BOOLEAN);

CREATE VIEW how_many AS SELECT count(*) AS players FROM presence;

CREATE VIEW arrivals AS SELECT player, region FROM presence WHERE now() <= since + INTERVAL '40 ms';
";

fn golden(views: &str, script: &str) -> Golden {
    let files = [("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("views/all.sql", views)];
    Golden::new(&files, script)
}

#[test]
fn views_of_a_folder_follow_the_world() {
    let golden = golden(
        VIEWS,
        "
        10 presence ann s1 moor -
        11 event kill player=ann target=bear
        12 event kill player=ann target=wolf
        13 presence bob s1 moor -
        13 event kill player=bob target=bear
        15 presence ann s1 village -
        25 wait
        ",
    );
    let views = ["brave_players", "brave_regions", "how_many", "arrivals"];
    expect![[r#"
        1: +1 how_many players=0
        10: +1 arrivals player=ann region=moor
        10: -1 how_many players=0
        10: +1 how_many players=1
        12: +1 brave_players player=ann region=moor score=1
        12: +1 brave_regions region=moor n=1 score=1
        13: +1 arrivals player=bob region=moor
        13: -1 brave_players player=ann region=moor score=1
        13: +1 brave_players player=ann region=moor score=2
        13: -1 brave_regions region=moor n=1 score=1
        13: +1 brave_regions region=moor n=1 score=2
        13: -1 how_many players=1
        13: +1 how_many players=2
        14: +1 brave_players player=bob region=moor score=1
        14: -1 brave_regions region=moor n=1 score=2
        14: +1 brave_regions region=moor n=2 score=3
        15: -1 arrivals player=ann region=moor
        15: +1 arrivals player=ann region=village
        15: -1 brave_players player=ann region=moor score=2
        15: +1 brave_players player=ann region=village score=2
        15: +1 brave_regions region=moor n=1 score=1
        15: -1 brave_regions region=moor n=2 score=3
        15: +1 brave_regions region=village n=1 score=2
        18: -1 arrivals player=bob region=moor
        20: -1 arrivals player=ann region=village
    "#]]
    .assert_eq(&golden.changes(&views));
    golden.check_laws();
}

#[test]
fn views_are_installed_replaced_and_dropped_while_the_world_runs() {
    let golden = golden(
        VIEWS,
        "
        10 presence ann s1 moor -
        10 presence bob s1 village -
        11 event kill player=ann target=bear
        12 view here SELECT player, region FROM presence WHERE region = 'moor'
        13 presence cy s1 moor -
        14 view here SELECT player, region FROM presence WHERE region IN ('moor', 'village')
        14 presence bob s1 moor -
        15 presence dee s1 village -
        16 view here SELECT player, upper(region) AS region, since FROM presence
        17 view regions SELECT region, count(*) AS n FROM here WHERE region IS NOT NULL GROUP BY region
        18 presence dee s1 moor -
        19 view brave_players drop
        20 view here drop
        21 presence ann s1 village -
        24 wait
        ",
    );
    expect![[r#"
        12: +1 brave_players player=ann region=moor score=1
        12: +1 brave_regions region=moor n=1 score=1
        12: +1 here player=ann region=moor
        13: +1 here player=cy region=moor
        14: +1 here player=bob region=moor
        15: +1 here player=dee region=village
        16: +1 here player=ann region=MOOR since=10
        16: -1 here player=ann region=moor
        16: +1 here player=bob region=MOOR since=14
        16: -1 here player=bob region=moor
        16: +1 here player=cy region=MOOR since=13
        16: -1 here player=cy region=moor
        16: +1 here player=dee region=VILLAGE since=15
        16: -1 here player=dee region=village
        17: +1 regions region=MOOR n=3
        17: +1 regions region=VILLAGE n=1
        18: +1 here player=dee region=MOOR since=18
        18: -1 here player=dee region=VILLAGE since=15
        18: -1 regions region=MOOR n=3
        18: +1 regions region=MOOR n=4
        18: -1 regions region=VILLAGE n=1
        19: -1 brave_players player=ann region=moor score=1
        19: -1 brave_regions region=moor n=1 score=1
        20: -1 here player=ann region=MOOR since=10
        20: -1 here player=bob region=MOOR since=14
        20: -1 here player=cy region=MOOR since=13
        20: -1 here player=dee region=MOOR since=18
        20: -1 regions region=MOOR n=4
        19: refused wrong_view: the view `brave_regions`, 2:56: there is no view `brave_players`
        20: refused wrong_view: the view `regions`, 1:58: there is no view `here`
    "#]]
    .assert_eq(&golden.changes(&["here", "regions", "brave_players", "brave_regions"]));
    golden.check_laws();
}

#[test]
fn a_bound_in_world_time_follows_the_world_clock() {
    let views = "CREATE VIEW young AS SELECT phase, world_ms FROM clock WHERE world_now() <= world_ms + INTERVAL '6 seconds';
        CREATE VIEW old AS SELECT phase, world_ms FROM clock WHERE world_now() > world_ms + INTERVAL '6 seconds';";
    let golden = golden(
        views,
        "
        12 wait
        14 clock pause
        40 clock resume
        43 clock scale 120 1
        60 wait
        ",
    );
    expect![[r#"
        1: +1 young phase=dusk world_ms=71940000
        12: +1 old phase=dusk world_ms=71940000
        12: -1 young phase=dusk world_ms=71940000
        14: -1 old phase=dusk world_ms=71940000
        14: +1 young phase=dusk world_ms=71947800
        43: -1 young phase=dusk world_ms=71947800
        43: +1 young phase=dusk world_ms=71949600
        49: +1 old phase=dusk world_ms=71949600
        49: -1 young phase=dusk world_ms=71949600
    "#]]
    .assert_eq(&golden.changes(&["young", "old"]));
    golden.check_laws();
}
