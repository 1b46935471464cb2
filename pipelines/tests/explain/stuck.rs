//! Who is stuck on a quest, and where.

use expect_test::expect;
use worldflow::explain::stuck_text;

use crate::played::Played;

#[tokio::test]
async fn holders_are_told_by_stage_and_by_what_is_missing() {
    let quests = "
hunt:
  title: Wolves, then the elder
  turn_in: manual
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 3}
        herbs: {event: gather, count: 2}
    report: {objectives: {tell: {event: talk, target: elder}}}
";
    let mut script = String::new();
    for (place, name) in ["ann", "bob", "cid", "dan", "eve", "fay", "gus"].iter().enumerate() {
        script.push_str(&format!("2 event quest.accept player={name} target=hunt\n"));
        if place > 0 {
            script.push_str(&format!("2 event kill player={name} target=wolf amount={}\n", place.min(3)));
        }
    }
    script.push_str(
        "60 event gather player=bob
         120 event gather player=eve amount=2
         180 event gather player=fay amount=2
         240 event talk player=fay target=elder
         1000 wait",
    );
    let played = Played::of(quests).play(&script).await;
    expect![[""]].assert_eq(&stuck_text(&played.stuck("hunt", None).await));
    expect![[""]].assert_eq(&stuck_text(&played.stuck("hunt", Some(100)).await));
    let nobody = played.stuck("elsewhere", None).await;
    assert_eq!((nobody.holders, nobody.stages.len()), (0, 0));
}
