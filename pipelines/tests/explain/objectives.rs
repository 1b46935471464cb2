//! Every kind of objective, with the events that counted and those that did not.

use expect_test::expect;

use crate::played::{Played, holder, player};
use worldflow_schemas::input::Scope;

#[tokio::test]
async fn every_way_to_add_up_is_told() {
    let quests = "
all_kinds:
  title: Everything
  accept: auto
  stages:
    s:
      objectives:
        count: {event: kill, target: beast, count: 4}
        sum: {event: gather, sum: 50, of: quality}
        distinct: {event: kill, target: beast, distinct: 3}
        max: {event: gather, max: 80, of: quality}
        min: {event: lap, min: 60, of: seconds}
        last: {event: gather, last: 40, of: quality}
        percent: {event: kill, target: beast, percent: 60}
        ever: {event: kill, target: beast, count: 10, since: ever, lifetime: slain}
        spree: {event: kill, count: 5, window: 10s}
        heat: {event: kill, target: beast, count: 20, half_life: 1m}
        stock: {event: gather, count: 9, minus: [{event: donate}], reset_on: [{event: fall}]}
        pure: {event: gather, count: 3, where: {quality: {at_least: 70}}}
        there: {holds: {region: moor}, for: 1m}
        rich: {holds: {facts: {renown: {at_least: 2}}}, latched: true}
        daily: {event: talk, streak: 3, every: {world_day: {}}}
        secret: {event: talk, target: elder, hidden_until: [count]}
        race: {event: lap, after: daily, within: 5m}
";
    let script = "
        2 event kill player=ann target=wolf
        3 event kill player=ann target=wolf amount=2
        4 event gather player=ann target=herb quality=30
        5 event gather player=ann target=herb quality=75
        5 event gather player=ann target=herb
        6 event lap player=ann seconds=75
        6 event kill player=ann target=bear
        6 event kill player=ann target=wolf
        7 event donate player=ann
        8 event fall player=ann
        9 event gather player=ann target=herb amount=2 quality=10
        10 presence ann s1 moor -
        11 event talk player=ann target=elder
        12 event lap player=ann seconds=50
        14 wait
    ";
    let played = Played::of(quests).play(script).await;
    expect![[""]].assert_eq(&played.said(player("ann"), "all_kinds", None).await);
}

#[tokio::test]
async fn several_events_of_one_tick_count_in_their_order() {
    let quests = "
four:
  title: Four wolves
  scope: party
  accept: auto
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf, count: 4, reset_on: [{event: fall}]}}}}
";
    let script = "
        2 member ann party p1
        2 member bob party p1
        5 event kill player=ann target=wolf amount=2
        5 event kill player=bob target=wolf
        5 event fall player=ann
        5 event kill player=bob target=wolf amount=3
        5 event kill player=ann target=wolf amount=7
        6 event kill player=ann target=wolf
        7 wait
    ";
    let played = Played::of(quests).play(script).await;
    let p1 = holder(Scope::Party, "p1");
    let told = played.told(p1, "four", Some(5)).await.expect("it is there");
    let counted = &told.stages[0].objectives[0].counted;
    let deeds: Vec<(i64, Option<u64>, &str)> =
        counted.last.iter().map(|deed| (deed.change, deed.value, deed.why.as_str())).collect();
    assert_eq!(
        deeds,
        [
            (2, Some(2), ""),
            (1, Some(3), ""),
            (-3, Some(0), "set it back"),
            (3, Some(3), ""),
            (1, Some(4), ""),
        ]
    );
    expect![[""]].assert_eq(&played.said(p1, "four", None).await);
}
