//! One world for each word of how quests come, branch, and end.

use expect_test::expect;

use crate::script::Golden;

/// A tick is a second, and the first is one second after the beginning of 1970.
const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
regions: {moor: {}, village: {}}
kinds:
  kill: {}
  gather: {}
  talk: {attributes: {option: id}}
  death: {}
facts:
  path: {scope: player, type: text, default: none}
  lantern: {scope: player, type: bool, default: true}
  merchant_lives: {scope: realm, type: bool, default: true, changed_by: [{pattern: {event: death, target: merchant}, set: false}]}
pools:
  jobs: {pick: 2, every: {calendar: {at: ['00:00', '00:01'], zone: UTC}}}
  own: {pick: 1, per: holder, closes: true, every: {calendar: {at: ['00:00', '00:01'], zone: UTC}}}
";

const ENTITIES: &str = "
wolf: {kind: npc}
herb: {kind: object}
elder: {kind: npc}
merchant: {kind: npc}
";

fn files(quests: &str) -> Vec<(&str, &str)> {
    vec![("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)]
}

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&files(quests), script)
}

/// Four quests that differ in nothing.
fn alike(keys: &str) -> String {
    let quest = |id: &str| {
        format!(
            "{id}: {{title: A job, {keys}, repeat: {{always: {{}}}}, stages: {{s: {{objectives: {{k: {{event: kill}}}}}}}}}}\n"
        )
    };
    ["a", "b", "c", "d"].map(quest).concat()
}

#[test]
fn pool_offers_k_of_n_to_all_and_draws_again() {
    let golden = world(
        &alike("pool: jobs"),
        "
        50 event quest.accept player=ann target=a
        50 event quest.accept player=ann target=b
        50 event quest.accept player=ann target=c
        50 event quest.accept player=ann target=d
        61 event gather player=bob
        62 event kill player=ann
        63 wait
        ",
    );
    expect![[r#"
        50: +1 quest_state scope=player holder=ann quest=c instance=1 state=active stage=s since=50 deadline= completions=0
        50: +1 quest_state scope=player holder=ann quest=d instance=1 state=active stage=s since=50 deadline= completions=0
        60: +1 quest_state scope=player holder=ann quest=b instance=0 state=available stage= since=60 deadline= completions=0
        61: +1 quest_state scope=player holder=bob quest=b instance=0 state=available stage= since=61 deadline= completions=0
        61: +1 quest_state scope=player holder=bob quest=d instance=0 state=available stage= since=61 deadline= completions=0
        62: -1 quest_state scope=player holder=ann quest=c instance=1 state=active stage=s since=50 deadline= completions=0
        62: +1 quest_state scope=player holder=ann quest=c instance=1 state=done stage= since=62 deadline= completions=1
        62: -1 quest_state scope=player holder=ann quest=d instance=1 state=active stage=s since=50 deadline= completions=0
        62: +1 quest_state scope=player holder=ann quest=d instance=1 state=done stage= since=62 deadline= completions=1
        63: -1 quest_state scope=player holder=ann quest=c instance=1 state=done stage= since=62 deadline= completions=1
        63: +1 quest_state scope=player holder=ann quest=c instance=1 state=hidden stage= since=63 deadline= completions=1
        63: +1 quest_state scope=player holder=ann quest=d instance=1 state=available stage= since=63 deadline= completions=1
        63: -1 quest_state scope=player holder=ann quest=d instance=1 state=done stage= since=62 deadline= completions=1
        50: refused not_available: quest `a` is not available
        50: refused not_available: quest `b` is not available
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn pool_per_holder_closes_what_it_no_longer_offers() {
    let golden = world(
        &alike("pool: own, accept: auto"),
        "
        50 event gather player=ann
        50 event gather player=bob
        51 event kill player=bob
        61 event gather player=cid
        62 wait
        ",
    );
    expect![[r#"
        50: +1 quest_state scope=player holder=ann quest=a instance=1 state=active stage=s since=50 deadline=60 completions=0
        50: +1 quest_state scope=player holder=bob quest=d instance=1 state=active stage=s since=50 deadline=60 completions=0
        51: -1 quest_state scope=player holder=bob quest=d instance=1 state=active stage=s since=50 deadline=60 completions=0
        51: +1 quest_state scope=player holder=bob quest=d instance=1 state=done stage= since=51 deadline= completions=1
        52: -1 quest_state scope=player holder=bob quest=d instance=1 state=done stage= since=51 deadline= completions=1
        52: +1 quest_state scope=player holder=bob quest=d instance=2 state=active stage=s since=52 deadline=60 completions=1
        60: -1 quest_state scope=player holder=ann quest=a instance=1 state=active stage=s since=50 deadline=60 completions=0
        60: +1 quest_state scope=player holder=ann quest=a instance=1 state=expired stage= since=60 deadline= completions=0
        60: +1 quest_state scope=player holder=bob quest=c instance=1 state=active stage=s since=60 deadline=86400 completions=0
        60: -1 quest_state scope=player holder=bob quest=d instance=2 state=active stage=s since=52 deadline=60 completions=1
        60: +1 quest_state scope=player holder=bob quest=d instance=2 state=expired stage= since=60 deadline= completions=1
        61: +1 quest_state scope=player holder=cid quest=d instance=1 state=active stage=s since=61 deadline=86400 completions=0
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn window_of_the_real_calendar() {
    let golden = world(
        "
fair:
  title: Fair
  accept: auto
  window: {from: 1970-01-01 01:00, until: 1970-01-01 01:01, zone: Europe/Berlin, closes: true}
  stages: {s: {objectives: {k: {event: kill, count: 2}}}}
late:
  title: Late
  window: {from: 1970-01-01 00:01, zone: UTC}
  stages: {s: {objectives: {k: {event: kill}}}}
",
        "
        50 event kill player=ann
        55 event quest.accept player=ann target=late
        60 event kill player=ann
        61 event kill player=bob
        61 event quest.accept player=bob target=late
        62 wait
        ",
    );
    expect![[r#"
        50: +1 quest_state scope=player holder=ann quest=fair instance=1 state=active stage=s since=50 deadline=60 completions=0
        60: -1 quest_state scope=player holder=ann quest=fair instance=1 state=active stage=s since=50 deadline=60 completions=0
        60: +1 quest_state scope=player holder=ann quest=fair instance=1 state=done stage= since=60 deadline= completions=1
        60: +1 quest_state scope=player holder=ann quest=late instance=0 state=available stage= since=60 deadline= completions=0
        61: +1 quest_state scope=player holder=bob quest=late instance=1 state=done stage= since=61 deadline= completions=1
        55: refused not_available: quest `late` is not available
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn repeat_monthly_and_by_a_calendar() {
    let golden = world(
        "
dues:
  title: Dues
  repeat: {monthly: {day: 1, at: '00:01', zone: UTC}}
  stages: {s: {objectives: {k: {event: kill}}}}
rounds:
  title: Rounds
  accept: auto
  repeat: {calendar: {at: ['00:01', '12:00'], weekdays: [thursday], months: [1, 7], zone: UTC}}
  stages: {s: {objectives: {k: {event: kill}}}}
",
        "
        50 event quest.accept player=ann target=dues
        50 event kill player=ann
        60 event quest.accept player=ann target=dues
        61 event kill player=ann
        62 wait
        ",
    );
    expect![[r#"
        50: +1 quest_state scope=player holder=ann quest=dues instance=1 state=done stage= since=50 deadline= completions=1
        50: +1 quest_state scope=player holder=ann quest=rounds instance=1 state=done stage= since=50 deadline= completions=1
        60: -1 quest_state scope=player holder=ann quest=dues instance=1 state=done stage= since=50 deadline= completions=1
        60: +1 quest_state scope=player holder=ann quest=dues instance=2 state=active stage=s since=60 deadline= completions=1
        60: -1 quest_state scope=player holder=ann quest=rounds instance=1 state=done stage= since=50 deadline= completions=1
        60: +1 quest_state scope=player holder=ann quest=rounds instance=2 state=active stage=s since=60 deadline= completions=1
        61: -1 quest_state scope=player holder=ann quest=dues instance=2 state=active stage=s since=60 deadline= completions=1
        61: +1 quest_state scope=player holder=ann quest=dues instance=2 state=done stage= since=61 deadline= completions=2
        61: -1 quest_state scope=player holder=ann quest=rounds instance=2 state=active stage=s since=60 deadline= completions=1
        61: +1 quest_state scope=player holder=ann quest=rounds instance=2 state=done stage= since=61 deadline= completions=2
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn branch_that_is_first_complete_wins_and_what_comes_after_it_follows() {
    let golden = world(
        "
feud:
  title: Feud
  stages:
    choose:
      objectives:
        word: {event: talk, target: elder, branch: peace}
        gift: {event: gather, target: herb, branch: peace}
        blood: {event: kill, count: 2, branch: war}
    truce: {after: {choose: peace}, objectives: {sign: {event: talk, target: elder}}}
    raid: {after: {choose: war}, objectives: {burn: {event: kill, count: 3}}}
    home: {objectives: {back: {event: talk, target: merchant}}}
  rewards: {slots: {dove: {item: dove, after: {choose: peace}}, sword: {item: sword, after: {choose: war}}}}
  effects:
    - set: {fact: path, to: warrior, after: {choose: war}}
    - set: {fact: path, to: healer, after: {choose: peace}}
",
        "
        10 event quest.accept player=ann target=feud
        10 event quest.accept player=bob target=feud
        11 event talk player=ann target=elder
        11 event kill player=ann target=wolf amount=2
        11 event gather player=ann target=herb
        12 event kill player=ann target=wolf amount=3
        13 event talk player=ann target=merchant
        14 event gather player=bob target=herb
        14 event talk player=bob target=elder
        15 event talk player=bob target=elder
        16 event talk player=bob target=merchant
        18 wait
        ",
    );
    expect![[r#"
        10: +1 quest_state scope=player holder=ann quest=feud instance=1 state=active stage=choose since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=bob quest=feud instance=1 state=active stage=choose since=10 deadline= completions=0
        11: +1 quest_bindings scope=player holder=ann quest=feud kind=branch name=choose instance=1 value=war
        12: -1 quest_state scope=player holder=ann quest=feud instance=1 state=active stage=choose since=10 deadline= completions=0
        12: +1 quest_state scope=player holder=ann quest=feud instance=1 state=active stage=raid since=10 deadline= completions=0
        13: +1 grants grant=feud/player:ann/1/sword/ann quest=feud scope=player holder=ann instance=1 slot=sword player=ann item=sword amount=1 status=pending reason= tick=13
        13: -1 quest_state scope=player holder=ann quest=feud instance=1 state=active stage=raid since=10 deadline= completions=0
        13: +1 quest_state scope=player holder=ann quest=feud instance=1 state=done stage= since=13 deadline= completions=1
        14: +1 facts scope=player holder=ann fact=path value=warrior version=1 expires=
        14: +1 quest_bindings scope=player holder=bob quest=feud kind=branch name=choose instance=1 value=peace
        15: -1 quest_state scope=player holder=bob quest=feud instance=1 state=active stage=choose since=10 deadline= completions=0
        15: +1 quest_state scope=player holder=bob quest=feud instance=1 state=active stage=truce since=10 deadline= completions=0
        16: +1 grants grant=feud/player:bob/1/dove/bob quest=feud scope=player holder=bob instance=1 slot=dove player=bob item=dove amount=1 status=pending reason= tick=16
        16: -1 quest_state scope=player holder=bob quest=feud instance=1 state=active stage=truce since=10 deadline= completions=0
        16: +1 quest_state scope=player holder=bob quest=feud instance=1 state=done stage= since=16 deadline= completions=1
        17: +1 facts scope=player holder=bob fact=path value=healer version=1 expires=
    "#]].assert_eq(&golden.changes(&["quest_state", "quest_bindings", "grants", "facts"]));
    golden.check_laws();
}

#[test]
fn repeat_n_times_a_stage() {
    let golden = world(
        "
rounds:
  title: Rounds
  stages:
    walk: {times: 3, complete: sequence, objectives: {gate: {event: talk, target: elder}, well: {event: talk, target: merchant}}}
    rest: {objectives: {eat: {event: gather, target: herb}}}
",
        "
        10 event quest.accept player=ann target=rounds
        11 event talk player=ann target=elder
        11 event talk player=ann target=merchant
        12 event talk player=ann target=merchant
        12 event talk player=ann target=elder
        13 event talk player=ann target=merchant
        14 event talk player=ann target=elder
        15 event talk player=ann target=merchant
        16 event gather player=ann target=herb
        18 wait
        ",
    );
    expect![[r#"
        10: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=gate instance=1 value=0 need=1 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        10: +1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=1
        10: +1 quest_state scope=player holder=ann quest=rounds instance=1 state=active stage=walk since=10 deadline= completions=0
        11: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=gate instance=1 value=0 need=1 done=false hidden=false
        11: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=gate instance=1 value=1 need=1 done=true hidden=false
        11: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        11: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        12: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        12: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        12: -1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=1
        12: +1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=2
        13: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        13: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        14: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        14: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        14: -1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=2
        14: +1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=3
        15: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=0 need=1 done=false hidden=false
        15: +1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        16: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=gate instance=1 value=1 need=1 done=true hidden=false
        16: -1 objective_progress scope=player holder=ann quest=rounds stage=walk objective=well instance=1 value=1 need=1 done=true hidden=false
        16: -1 quest_bindings scope=player holder=ann quest=rounds kind=round name=round instance=1 value=3
        16: -1 quest_state scope=player holder=ann quest=rounds instance=1 state=active stage=walk since=10 deadline= completions=0
        16: +1 quest_state scope=player holder=ann quest=rounds instance=1 state=done stage= since=16 deadline= completions=1
    "#]].assert_eq(&golden.changes(&["quest_state", "quest_bindings", "objective_progress"]));
    golden.check_laws();
}

#[test]
fn offered_is_accepted_or_declined() {
    let golden = world(
        "
favour:
  title: A favour
  accept: offered
  requires: {facts: {lantern: true}}
  repeat: {always: {}}
  stages: {s: {objectives: {k: {event: kill}}}}
plain:
  title: Plain
  stages: {s: {objectives: {k: {event: kill}}}}
",
        "
        10 event quest.accept player=ann target=favour
        11 event quest.offer player=ann target=favour
        11 event quest.offer player=ann target=plain
        12 event quest.offer player=ann target=favour
        13 event quest.decline player=ann target=favour
        14 event quest.decline player=ann target=favour
        15 event quest.offer player=ann target=favour
        15 event quest.accept player=ann target=favour
        15 event kill player=ann
        17 event quest.offer player=ann target=favour
        18 fact player ann lantern false
        20 wait
        ",
    );
    expect![[r#"
        10: +1 quest_state scope=player holder=ann quest=favour instance=0 state=available stage= since=10 deadline= completions=0
        11: -1 quest_state scope=player holder=ann quest=favour instance=0 state=available stage= since=10 deadline= completions=0
        11: +1 quest_state scope=player holder=ann quest=favour instance=0 state=offered stage= since=11 deadline= completions=0
        13: +1 quest_state scope=player holder=ann quest=favour instance=0 state=available stage= since=13 deadline= completions=0
        13: -1 quest_state scope=player holder=ann quest=favour instance=0 state=offered stage= since=11 deadline= completions=0
        15: -1 quest_state scope=player holder=ann quest=favour instance=0 state=available stage= since=13 deadline= completions=0
        15: +1 quest_state scope=player holder=ann quest=favour instance=1 state=done stage= since=15 deadline= completions=1
        16: +1 quest_state scope=player holder=ann quest=favour instance=1 state=available stage= since=16 deadline= completions=1
        16: -1 quest_state scope=player holder=ann quest=favour instance=1 state=done stage= since=15 deadline= completions=1
        17: -1 quest_state scope=player holder=ann quest=favour instance=1 state=available stage= since=16 deadline= completions=1
        17: +1 quest_state scope=player holder=ann quest=favour instance=1 state=offered stage= since=17 deadline= completions=1
        18: +1 quest_state scope=player holder=ann quest=favour instance=1 state=hidden stage= since=18 deadline= completions=1
        18: -1 quest_state scope=player holder=ann quest=favour instance=1 state=offered stage= since=17 deadline= completions=1
        10: refused not_offered: quest `favour` has not been offered
        11: refused not_offered: quest `plain` is not one that is offered
        12: refused not_available: quest `favour` is not available
        14: refused not_offered: quest `favour` has not been offered
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn credit_party_and_party_here() {
    let golden = world(
        "
all: {title: All, accept: auto, credit: party, stages: {s: {objectives: {k: {event: kill, target: wolf, count: 4}}}}}
here: {title: Here, accept: auto, credit: party_here, stages: {s: {objectives: {k: {event: kill, target: wolf, count: 4}}}}}
alone: {title: Alone, accept: auto, stages: {s: {objectives: {k: {event: kill, target: wolf, count: 4}}}}}
",
        "
        10 presence ann server moor -
        10 presence bob server moor -
        10 presence cid server village -
        10 presence dan server moor -
        11 member ann party red
        11 member bob party red
        11 member cid party red
        12 event kill player=ann target=wolf
        14 presence cid server moor -
        14 member bob party -
        14 event kill player=ann target=wolf
        15 event kill player=bob target=wolf
        17 wait
        ",
    );
    expect![[r#"
        10: +1 objective_progress scope=player holder=ann quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=bob quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=bob quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=bob quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=cid quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=cid quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=cid quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=dan quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=dan quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        10: +1 objective_progress scope=player holder=dan quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        12: -1 objective_progress scope=player holder=ann quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        12: -1 objective_progress scope=player holder=ann quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=alone stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        12: -1 objective_progress scope=player holder=ann quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=here stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        13: -1 objective_progress scope=player holder=bob quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        13: +1 objective_progress scope=player holder=bob quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        13: -1 objective_progress scope=player holder=bob quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        13: +1 objective_progress scope=player holder=bob quest=here stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        13: -1 objective_progress scope=player holder=cid quest=all stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        13: +1 objective_progress scope=player holder=cid quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        14: -1 objective_progress scope=player holder=ann quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=all stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        14: -1 objective_progress scope=player holder=ann quest=alone stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=alone stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        14: -1 objective_progress scope=player holder=ann quest=here stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=here stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        15: -1 objective_progress scope=player holder=bob quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        15: +1 objective_progress scope=player holder=bob quest=all stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        15: -1 objective_progress scope=player holder=bob quest=alone stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        15: +1 objective_progress scope=player holder=bob quest=alone stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        15: -1 objective_progress scope=player holder=bob quest=here stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        15: +1 objective_progress scope=player holder=bob quest=here stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        15: -1 objective_progress scope=player holder=cid quest=all stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
        15: +1 objective_progress scope=player holder=cid quest=all stage=s objective=k instance=1 value=2 need=4 done=false hidden=false
        15: -1 objective_progress scope=player holder=cid quest=here stage=s objective=k instance=1 value=0 need=4 done=false hidden=false
        15: +1 objective_progress scope=player holder=cid quest=here stage=s objective=k instance=1 value=1 need=4 done=false hidden=false
    "#]].assert_eq(&golden.changes(&["objective_progress"]));
    golden.check_laws();
}

#[test]
fn failure_by_leaving_an_area_by_death_by_a_broken_condition_and_by_a_choice() {
    let keys = "accept: auto, stages: {s: {objectives: {k: {event: kill}}}}";
    let golden = world(
        &format!(
            "
guard: {{title: Guard, requires: {{region: moor}}, fail_when: {{not: {{region: moor}}}}, {keys}}}
escort: {{title: Escort, fail_when: {{facts: {{merchant_lives: false}}}}, {keys}}}
dark: {{title: Dark, fail_when: {{facts: {{lantern: false}}}}, {keys}}}
oath: {{title: Oath, fail_on: [{{event: talk, target: elder, where: {{option: refuse}}}}], {keys}}}
own: {{title: Own, fail_on: [{{event: death, target: wolf}}], {keys}}}
"
        ),
        "
        10 presence ann server moor -
        12 presence ann server village -
        14 event death target=merchant
        16 fact player ann lantern false
        17 event talk player=ann target=elder option=agree
        18 event talk player=ann target=elder option=refuse
        19 event death player=ann target=wolf
        20 event kill player=ann
        22 wait
        ",
    );
    expect![[r#"
        10: +1 quest_state scope=player holder=ann quest=dark instance=1 state=active stage=s since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=escort instance=1 state=active stage=s since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=guard instance=1 state=active stage=s since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=oath instance=1 state=active stage=s since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=own instance=1 state=active stage=s since=10 deadline= completions=0
        12: -1 quest_state scope=player holder=ann quest=guard instance=1 state=active stage=s since=10 deadline= completions=0
        12: +1 quest_state scope=player holder=ann quest=guard instance=1 state=failed stage= since=12 deadline= completions=0
        15: -1 quest_state scope=player holder=ann quest=escort instance=1 state=active stage=s since=10 deadline= completions=0
        15: +1 quest_state scope=player holder=ann quest=escort instance=1 state=failed stage= since=15 deadline= completions=0
        16: -1 quest_state scope=player holder=ann quest=dark instance=1 state=active stage=s since=10 deadline= completions=0
        16: +1 quest_state scope=player holder=ann quest=dark instance=1 state=failed stage= since=16 deadline= completions=0
        18: -1 quest_state scope=player holder=ann quest=oath instance=1 state=active stage=s since=10 deadline= completions=0
        18: +1 quest_state scope=player holder=ann quest=oath instance=1 state=failed stage= since=18 deadline= completions=0
        19: -1 quest_state scope=player holder=ann quest=own instance=1 state=active stage=s since=10 deadline= completions=0
        19: +1 quest_state scope=player holder=ann quest=own instance=1 state=failed stage= since=19 deadline= completions=0
    "#]].assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn template_makes_quests_of_a_table() {
    let templates = "
errand:
  parameters: {who: {}, what: {default: kill}, count: {default: 1}, where: {default: [moor, village]}}
  quest:
    title: See ${who} ${count} times
    accept: auto
    stages: {s: {objectives: {'${what}_it': {event: '${what}', target: '${who}', count: '${count}', region: '${where}'}}}}
  quests:
    errand_wolf: {who: wolf, count: 2}
    errand_elder: {who: elder, what: talk, where: village}
";
    let mut files = files("plain: {title: Plain, stages: {s: {objectives: {k: {event: kill}}}}}");
    files.push(("templates/errands.yaml", templates));
    let golden = Golden::new(
        &files,
        "
        10 event kill player=ann target=wolf region=moor
        11 event talk player=ann target=elder region=moor
        12 event talk player=ann target=elder region=village
        14 wait
        ",
    );
    expect![[r#"
        10: +1 objective_progress scope=player holder=ann quest=errand_elder stage=s objective=talk_it instance=1 value=0 need=1 done=false hidden=false
        10: +1 objective_progress scope=player holder=ann quest=errand_wolf stage=s objective=kill_it instance=1 value=1 need=2 done=false hidden=false
        10: +1 quest_state scope=player holder=ann quest=errand_elder instance=1 state=active stage=s since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=ann quest=errand_wolf instance=1 state=active stage=s since=10 deadline= completions=0
        12: -1 objective_progress scope=player holder=ann quest=errand_elder stage=s objective=talk_it instance=1 value=0 need=1 done=false hidden=false
        12: -1 quest_state scope=player holder=ann quest=errand_elder instance=1 state=active stage=s since=10 deadline= completions=0
        12: +1 quest_state scope=player holder=ann quest=errand_elder instance=1 state=done stage= since=12 deadline= completions=1
    "#]].assert_eq(&golden.changes(&["quest_state", "objective_progress"]));
    golden.check_laws();
}
