//! Rows of views in rules and conditions: what a view shows at the end of a tick acts at the next, whether it is built in or in SQL.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
regions: {moor: {}, village: {}}
kinds: {kill: {}, shout: {known_targets: false}}
facts:
  score: {scope: player, type: int, default: 0, changed_by: [{pattern: {event: kill}, add: 1}]}
  calls:
    scope: player
    type: int
    default: 0
    changed_by: [{pattern: {event: shout, when: 'view.hunters[player].kills >= 3'}, add: 1}]
  title: {scope: player, type: text, default: none}
  rank: {scope: player, type: int, default: 0}
  total: {scope: realm, type: int, default: 0}
  noise: {scope: realm, type: int, default: 0}
";

const ENTITIES: &str = "{wolf: {kind: npc}, bear: {kind: npc}}";

const VIEWS: &str = "
CREATE VIEW hunters AS
SELECT holder AS player, CAST(value AS INTEGER) AS kills FROM facts
WHERE scope = 'player' AND fact = 'score' AND CAST(value AS INTEGER) > 0;

CREATE VIEW hunting AS SELECT sum(kills) AS kills FROM hunters;

CREATE VIEW here AS SELECT player, 0 AS n FROM presence WHERE region = 'nowhere';

CREATE VIEW fresh AS SELECT player, region FROM presence WHERE now() <= since + INTERVAL '30 ms';
";

fn world(quests: &str, rules: &str, script: &str) -> Golden {
    let mut files = vec![("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("views/all.sql", VIEWS)];
    files.extend((!quests.is_empty()).then_some(("quests/all.yaml", quests)));
    files.extend((!rules.is_empty()).then_some(("rules/all.yaml", rules)));
    Golden::new(&files, script)
}

#[test]
fn rows_of_views_in_sql_trigger_rules() {
    let golden = world(
        "",
        "
good: {trigger: {appears: {view: hunters, where: {kills: {at_least: 2}}}}, do: [{set: {fact: title, to: good}}]}
each: {trigger: {appears_or_changes: {view: hunters}}, do: [{set: {fact: rank, to: {column: kills, times: 10}}}]}
sum: {trigger: {changes: {view: hunting}}, do: [{set: {fact: total, to: {column: kills}}}]}
gone: {trigger: {goes: {view: fresh}}, do: [{add: {fact: noise, by: 1}}]}
often: {trigger: {every: {span: 100ms, each: {view: hunters, where: {kills: {above: 1}}}}}, do: [{add: {fact: noise, by: 100}}]}
",
        "
        3 event kill player=ann target=wolf
        4 presence bob s1 moor -
        5 event kill player=ann target=wolf
        5 event kill player=bob target=wolf
        6 event kill player=ann target=wolf
        9 fact player ann score 0
        14 event kill player=bob target=wolf
        24 wait
        ",
    );
    expect![[r#"
        1: +1 hunting kills=
        4: +1 facts scope=player holder=ann fact=score value=1 version=1 expires=
        4: -1 hunting kills=
        4: +1 hunting kills=1
        5: +1 facts scope=player holder=ann fact=rank value=10 version=1 expires=
        5: +1 facts scope=realm holder=golden fact=total value=1 version=1 expires=
        6: -1 facts scope=player holder=ann fact=score value=1 version=1 expires=
        6: +1 facts scope=player holder=ann fact=score value=2 version=2 expires=
        6: +1 facts scope=player holder=bob fact=score value=1 version=1 expires=
        6: -1 hunting kills=1
        6: +1 hunting kills=3
        7: -1 facts scope=player holder=ann fact=rank value=10 version=1 expires=
        7: +1 facts scope=player holder=ann fact=rank value=20 version=2 expires=
        7: -1 facts scope=player holder=ann fact=score value=2 version=2 expires=
        7: +1 facts scope=player holder=ann fact=score value=3 version=3 expires=
        7: +1 facts scope=player holder=ann fact=title value=good version=1 expires=
        7: +1 facts scope=player holder=bob fact=rank value=10 version=1 expires=
        7: -1 facts scope=realm holder=golden fact=total value=1 version=1 expires=
        7: +1 facts scope=realm holder=golden fact=total value=3 version=2 expires=
        7: -1 hunting kills=3
        7: +1 hunting kills=4
        8: -1 facts scope=player holder=ann fact=rank value=20 version=2 expires=
        8: +1 facts scope=player holder=ann fact=rank value=30 version=3 expires=
        8: -1 facts scope=realm holder=golden fact=total value=3 version=2 expires=
        8: +1 facts scope=realm holder=golden fact=total value=4 version=3 expires=
        9: -1 facts scope=player holder=ann fact=score value=3 version=3 expires=
        9: +1 facts scope=realm holder=golden fact=noise value=1 version=1 expires=
        9: +1 hunting kills=1
        9: -1 hunting kills=4
        10: +1 facts scope=realm holder=golden fact=total value=1 version=4 expires=
        10: -1 facts scope=realm holder=golden fact=total value=4 version=3 expires=
        15: -1 facts scope=player holder=bob fact=score value=1 version=1 expires=
        15: +1 facts scope=player holder=bob fact=score value=2 version=2 expires=
        15: -1 hunting kills=1
        15: +1 hunting kills=2
        16: -1 facts scope=player holder=bob fact=rank value=10 version=1 expires=
        16: +1 facts scope=player holder=bob fact=rank value=20 version=2 expires=
        16: +1 facts scope=player holder=bob fact=title value=good version=1 expires=
        16: -1 facts scope=realm holder=golden fact=total value=1 version=4 expires=
        16: +1 facts scope=realm holder=golden fact=total value=2 version=5 expires=
        21: -1 facts scope=realm holder=golden fact=noise value=1 version=1 expires=
        21: +1 facts scope=realm holder=golden fact=noise value=101 version=2 expires=
    "#]]
    .assert_eq(&golden.changes(&["facts", "hunting"]));
    golden.check_laws();
}

#[test]
fn conditions_look_up_rows_of_views_by_their_whole_key() {
    let golden = world(
        "
licence: {title: Licence, accept: auto, requires: 'view.hunters[player].kills >= 2', stages: {s: {objectives: {shout: {event: shout}}}}}
peace: {title: Peace, accept: auto, scope: realm, stages: {s: {objectives: {calm: {holds: 'not view.hunters[ann] and view.hunting[].kills == 3'}}}}}
walk: {title: Walk, accept: auto, stages: {s: {objectives: {moor: {holds: 'view.presence[player].region == moor', for: 20ms, latched: true}}}}}
",
        "
loud:
  trigger: {appears_or_changes: {view: facts, where: {fact: calls}}}
  when: \"view.facts['player', player, score].value * 2 == view.hunters[player].kills + 3\"
  do: [{add: {fact: noise, by: 1}}]
",
        "
        2 presence bob s1 moor -
        3 event kill player=ann target=wolf amount=2
        3 event shout player=ann
        4 event kill player=ann target=wolf
        5 event shout player=ann
        6 event shout player=ann
        8 fact player ann score 0
        9 event shout player=ann
        10 event kill player=bob target=wolf amount=3
        16 wait
        ",
    );
    expect![[r#"
        1: +1 objective_progress scope=realm holder=golden quest=peace stage=s objective=calm instance=1 value=0 need=1 done=false hidden=false
        1: +1 quest_state scope=realm holder=golden quest=peace instance=1 state=active stage=s since=1 deadline= completions=0
        2: +1 objective_progress scope=player holder=bob quest=walk stage=s objective=moor instance=1 value=0 need=1 done=false hidden=false
        2: +1 quest_state scope=player holder=bob quest=walk instance=1 state=active stage=s since=2 deadline= completions=0
        3: +1 objective_progress scope=player holder=ann quest=walk stage=s objective=moor instance=1 value=0 need=1 done=false hidden=false
        3: +1 quest_state scope=player holder=ann quest=walk instance=1 state=active stage=s since=3 deadline= completions=0
        4: +1 facts scope=player holder=ann fact=score value=2 version=1 expires=
        5: -1 facts scope=player holder=ann fact=score value=2 version=1 expires=
        5: +1 facts scope=player holder=ann fact=score value=3 version=2 expires=
        5: -1 objective_progress scope=player holder=bob quest=walk stage=s objective=moor instance=1 value=0 need=1 done=false hidden=false
        5: +1 quest_state scope=player holder=ann quest=licence instance=1 state=done stage= since=5 deadline= completions=1
        5: -1 quest_state scope=player holder=bob quest=walk instance=1 state=active stage=s since=2 deadline= completions=0
        5: +1 quest_state scope=player holder=bob quest=walk instance=1 state=done stage= since=5 deadline= completions=1
        7: +1 facts scope=player holder=ann fact=calls value=1 version=1 expires=
        8: -1 facts scope=player holder=ann fact=score value=3 version=2 expires=
        8: +1 facts scope=realm holder=golden fact=noise value=1 version=1 expires=
        11: +1 facts scope=player holder=bob fact=score value=3 version=1 expires=
        12: +1 objective_progress scope=player holder=bob quest=licence stage=s objective=shout instance=1 value=0 need=1 done=false hidden=false
        12: -1 objective_progress scope=realm holder=golden quest=peace stage=s objective=calm instance=1 value=0 need=1 done=false hidden=false
        12: +1 quest_state scope=player holder=bob quest=licence instance=1 state=active stage=s since=12 deadline= completions=0
        12: -1 quest_state scope=realm holder=golden quest=peace instance=1 state=active stage=s since=1 deadline= completions=0
        12: +1 quest_state scope=realm holder=golden quest=peace instance=1 state=done stage= since=12 deadline= completions=1
    "#]].assert_eq(&golden.changes(&["facts", "quest_state", "objective_progress"]));
    golden.check_laws();
}

#[test]
fn a_view_that_is_edited_is_seen_as_it_is_from_the_next_tick() {
    let golden = world(
        "
gate: {title: Gate, requires: 'view.here[player].n > 0', stages: {s: {objectives: {o: {event: shout}}}}}
",
        "
here: {trigger: {appears_or_changes: {view: here}}, do: [{set: {fact: rank, to: {column: n}}}]}
away: {trigger: {goes: {view: here}}, do: [{add: {fact: noise, by: 1}}]}
",
        "
        2 presence ann s1 moor -
        2 presence bob s1 village -
        4 view here SELECT player, 1 AS n FROM presence WHERE region = 'moor'
        8 view here SELECT player, 2 AS n FROM presence
        12 view here SELECT player, 3 AS n, region FROM presence
        16 view here drop
        20 wait
        ",
    );
    expect![[r#"
        4: +1 here player=ann n=1
        5: +1 facts scope=player holder=ann fact=rank value=1 version=1 expires=
        5: +1 quest_state scope=player holder=ann quest=gate instance=0 state=available stage= since=5 deadline= completions=0
        8: -1 here player=ann n=1
        8: +1 here player=ann n=2
        8: +1 here player=bob n=2
        9: -1 facts scope=player holder=ann fact=rank value=1 version=1 expires=
        9: +1 facts scope=player holder=ann fact=rank value=2 version=2 expires=
        9: +1 facts scope=player holder=bob fact=rank value=2 version=1 expires=
        9: +1 quest_state scope=player holder=bob quest=gate instance=0 state=available stage= since=9 deadline= completions=0
        12: -1 here player=ann n=2
        12: +1 here player=ann n=3 region=moor
        12: -1 here player=bob n=2
        12: +1 here player=bob n=3 region=village
        13: -1 facts scope=player holder=ann fact=rank value=2 version=2 expires=
        13: +1 facts scope=player holder=ann fact=rank value=3 version=3 expires=
        13: -1 facts scope=player holder=bob fact=rank value=2 version=1 expires=
        13: +1 facts scope=player holder=bob fact=rank value=3 version=2 expires=
        13: +1 facts scope=realm holder=golden fact=noise value=2 version=2 expires=
        16: -1 here player=ann n=3 region=moor
        16: -1 here player=bob n=3 region=village
        17: -1 facts scope=realm holder=golden fact=noise value=2 version=2 expires=
        17: +1 facts scope=realm holder=golden fact=noise value=4 version=4 expires=
        17: -1 quest_state scope=player holder=ann quest=gate instance=0 state=available stage= since=5 deadline= completions=0
        17: -1 quest_state scope=player holder=bob quest=gate instance=0 state=available stage= since=9 deadline= completions=0
    "#]].assert_eq(&golden.changes(&["here", "facts", "quest_state"]));
    golden.check_laws();
}

#[test]
fn what_other_views_say_opens_quests() {
    let world =
        WORLD.replace("start: '1 19:59'", "start: '1 19:59', calendar: {weekdays: [workday, restday]}");
    let views = "
CREATE VIEW herbs AS
SELECT holder AS player, max(value) AS value FROM objective_progress
WHERE scope = 'player' AND quest = 'gathering' AND objective = 'herbs' GROUP BY holder;

CREATE VIEW hunters AS SELECT player, 0 AS kills FROM levels;

CREATE VIEW fairs AS
SELECT event, max(occurrence) AS occurrence FROM calendar_events
WHERE world_now() < world_ms + INTERVAL '10 minutes' GROUP BY event;
";
    let quests = "
gathering: {title: Gathering, accept: auto, stages: {s: {objectives: {herbs: {event: kill, target: wolf, count: 9}}}}}
helper: {title: Helper, requires: 'view.herbs[player].value >= 2', stages: {s: {objectives: {o: {event: shout}}}}}
stall: {title: Stall, scope: realm, requires: 'view.fairs[harvest]', stages: {s: {objectives: {o: {event: shout}}}}}
rest: {title: Rest, scope: realm, requires: 'view.clock[].weekday == restday', stages: {s: {objectives: {o: {event: shout}}}}}
";
    let files = [
        ("world.yaml", world.as_str()),
        ("entities.yaml", ENTITIES),
        ("views/all.sql", views),
        ("quests/all.yaml", quests),
        ("schedules.yaml", "harvest: {at: 1 20:00, kind: fair}"),
    ];
    let golden = Golden::new(
        &files,
        "
        3 event kill player=ann target=wolf
        5 event kill player=ann target=wolf
        150 clock set 90000000
        160 wait
        ",
    );
    // The fair opens at 20:00, tick 101, and is over when the clock jumps to the next day.
    expect![[r#"
        3: +1 quest_state scope=player holder=ann quest=gathering instance=1 state=active stage=s since=3 deadline= completions=0
        6: +1 quest_state scope=player holder=ann quest=helper instance=0 state=available stage= since=6 deadline= completions=0
        102: +1 quest_state scope=realm holder=golden quest=stall instance=0 state=available stage= since=102 deadline= completions=0
        151: +1 quest_state scope=realm holder=golden quest=rest instance=0 state=available stage= since=151 deadline= completions=0
        151: -1 quest_state scope=realm holder=golden quest=stall instance=0 state=available stage= since=102 deadline= completions=0
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws_at(&[2, 5, 6, 100, 101, 102, 149, 150, 151]);
}

#[test]
fn an_npc_asks_for_rows_too() {
    let npcs = "elder: {persona: An elder., addressed_by: shout, when: 'view.hunters[player].kills >= 2', barks: [Well hunted.]}";
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", "{wolf: {kind: npc}, bear: {kind: npc}, elder: {kind: npc}}"),
        ("views/all.sql", VIEWS),
        ("npcs.yaml", npcs),
    ];
    let golden = Golden::new(
        &files,
        "
        3 event shout player=ann target=elder
        3 event kill player=ann target=wolf amount=2
        4 event shout player=ann target=elder
        5 event shout player=ann target=elder
        5 event shout player=bob target=elder
        8 wait
        ",
    );
    expect![[r#"
        5: +1 npc_lines player=ann npc=elder line=1 text=Well hunted. provenance=authored why=no_tier tier= tick=5 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
    "#]]
    .assert_eq(&golden.changes(&["npc_lines"]));
    golden.check_laws();
}

#[test]
fn what_waits_is_shown_until_it_acts_or_is_taken_back() {
    let mut golden = world(
        "",
        "
soon: {trigger: {appears: {view: hunters}}, after: 50ms, do: [{add: {fact: noise, by: 1}}]}
later:
  trigger: {appears: {view: hunters}}
  after: 6s world
  do: [{set: {fact: rank, to: {column: kills}}}, {emit: {event: kill, target: wolf}}, {clamp: {fact: rank, at_most: 3}}]
gone: {trigger: {appears: {view: hunters}}, after: 1h, do: [{add: {fact: noise, by: 100}}]}
",
        "
        3 event kill player=ann target=wolf
        6 clock pause
        16 clock resume
        30 wait
        ",
    );
    golden.edit_rules(8, "{gone: null}");
    expect![[r#"
        4: +1 facts scope=player holder=ann fact=score value=1 version=1 expires=
        4: +1 pending_actions scope=player holder=ann rule=gone trigger=ann triggered=4 due=360004 due_world_ms= actions=[{"add":{"by":100,"fact":"noise","of":"realm:golden"}}]
        4: +1 pending_actions scope=player holder=ann rule=later trigger=ann triggered=4 due= due_world_ms=71947800 actions=[{"set":{"fact":"rank","of":"player:ann","to":1}},{"emit":{"amount":1,"event":"kill","player":"ann","region":"","target":"wolf","with":{}}},{"clamp":{"at_least":null,"at_most":3,"fact":"rank","of":"player:ann"}}]
        4: +1 pending_actions scope=player holder=ann rule=soon trigger=ann triggered=4 due=9 due_world_ms= actions=[{"add":{"by":1,"fact":"noise","of":"realm:golden"}}]
        8: -1 pending_actions scope=player holder=ann rule=gone trigger=ann triggered=4 due=360004 due_world_ms= actions=[{"add":{"by":100,"fact":"noise","of":"realm:golden"}}]
        9: -1 pending_actions scope=player holder=ann rule=soon trigger=ann triggered=4 due=9 due_world_ms= actions=[{"add":{"by":1,"fact":"noise","of":"realm:golden"}}]
        10: +1 facts scope=realm holder=golden fact=noise value=1 version=1 expires=
        24: -1 pending_actions scope=player holder=ann rule=later trigger=ann triggered=4 due= due_world_ms=71947800 actions=[{"set":{"fact":"rank","of":"player:ann","to":1}},{"emit":{"amount":1,"event":"kill","player":"ann","region":"","target":"wolf","with":{}}},{"clamp":{"at_least":null,"at_most":3,"fact":"rank","of":"player:ann"}}]
        25: +1 facts scope=player holder=ann fact=rank value=1 version=1 expires=
        26: -1 facts scope=player holder=ann fact=score value=1 version=1 expires=
        26: +1 facts scope=player holder=ann fact=score value=2 version=2 expires=
    "#]].assert_eq(&golden.changes(&["pending_actions", "facts"]));
    golden.check_laws();
}

#[test]
fn numbers_are_drawn_from_the_seed() {
    let golden = world(
        "",
        "
whole: {trigger: {every: {span: 10ms}}, do: [{set: {fact: noise, to: {between: [1, 6], whole: true}}}]}
",
        "
        3 event kill player=ann target=wolf
        600 wait
        ",
    );
    let ran = golden.changes(&["facts"]);
    let thrown =
        |n: u32| ran.matches(&format!("+1 facts scope=realm holder=golden fact=noise value={n} ")).count();
    let all: Vec<usize> = (0..=7).map(thrown).collect();
    assert!(all[1..=6].iter().all(|count| (40..160).contains(count)), "{all:?}");
    assert_eq!((all[0], all[7]), (0, 0));
    golden.check_laws_at(&[100, 333]);
}

#[test]
fn rules_that_feed_each_other_through_a_view_come_to_an_end() {
    let golden = world(
        "",
        "
echo: {trigger: {appears_or_changes: {view: hunters, where: {player: ann}}}, do: [{add: {fact: score, by: 1}}]}
",
        "
        3 event kill player=ann target=wolf
        30 wait
        ",
    );
    let changes = golden.changes(&["hunters"]);
    assert_eq!(changes.matches("+1 hunters").count(), 17, "{changes}");
    assert!(changes.contains("20: refused too_deep: the rule `echo` is deeper than 16"), "{changes}");
    golden.check_laws();
}
