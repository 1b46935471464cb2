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
    expect![[r#"
        hunt: 7 holders have it open at 1970-01-01T00:16:41Z

        stage hunt: 5 holders, without progress for p50 16 min 39 s, p90 16 min 39 s
          without herbs and wolves: 3 holders, p50 16 min 39 s, p90 16 min 39 s
            player ann herbs 0/2, wolves 0/3, 16 min 39 s
            player cid herbs 0/2, wolves 2/3, 16 min 39 s
            player bob herbs 1/2, wolves 1/3, 15 min 41 s
          without herbs: 2 holders, p50 16 min 39 s, p90 16 min 39 s
            player dan herbs 0/2, 16 min 39 s
            player gus herbs 0/2, 16 min 39 s

        stage report: 1 holder, without progress for p50 14 min 40 s, p90 14 min 40 s
          without tell: 1 holder, p50 14 min 40 s, p90 14 min 40 s
            player eve tell 0/1, 14 min 40 s

        stage report, waits to be turned in: 1 holder, without progress for p50 12 min 41 s, p90 12 min 41 s
          nothing is missing: 1 holder, p50 12 min 41 s, p90 12 min 41 s
            player fay, 12 min 41 s
    "#]]
    .assert_eq(&stuck_text(&played.stuck("hunt", None).await));
    expect![[r#"
        hunt: 7 holders have it open at 1970-01-01T00:01:40Z

        stage hunt: 7 holders, without progress for p50 1 min 38 s, p90 1 min 38 s
          without herbs: 4 holders, p50 1 min 38 s, p90 1 min 38 s
            player dan herbs 0/2, 1 min 38 s
            player eve herbs 0/2, 1 min 38 s
            player fay herbs 0/2, 1 min 38 s
            player gus herbs 0/2, 1 min 38 s
          without herbs and wolves: 3 holders, p50 1 min 38 s, p90 1 min 38 s
            player ann herbs 0/2, wolves 0/3, 1 min 38 s
            player cid herbs 0/2, wolves 2/3, 1 min 38 s
            player bob herbs 1/2, wolves 1/3, 40 s
    "#]]
    .assert_eq(&stuck_text(&played.stuck("hunt", Some(100)).await));
    let nobody = played.stuck("elsewhere", None).await;
    assert_eq!((nobody.holders, nobody.stages.len()), (0, 0));
}
