//! Who is stuck on a quest, and where.

use expect_test::expect;
use worldflow::explain::stuck_text;

use crate::played::{Played, player};

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
          without wolves and herbs: 3 holders, p50 16 min 39 s, p90 16 min 39 s
            player ann wolves 0/3, herbs 0/2, 16 min 39 s
            player cid wolves 2/3, herbs 0/2, 16 min 39 s
            player bob wolves 1/3, herbs 1/2, 15 min 41 s
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
          without wolves and herbs: 3 holders, p50 1 min 38 s, p90 1 min 38 s
            player ann wolves 0/3, herbs 0/2, 1 min 38 s
            player cid wolves 2/3, herbs 0/2, 1 min 38 s
            player bob wolves 1/3, herbs 1/2, 40 s
    "#]]
    .assert_eq(&stuck_text(&played.stuck("hunt", Some(100)).await));
}

/// The lines of those who are named, and of what they lack.
async fn lines(played: &Played, quest: &str) -> Vec<String> {
    let text = stuck_text(&played.stuck(quest, None).await);
    text.lines().filter(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

#[tokio::test]
async fn what_passes_or_is_set_back_is_no_progress() {
    let quests = "
windowed: {title: W, accept: auto, stages: {s: {objectives: {k: {event: kill, count: 3, window: 10s}}}}}
reset: {title: R, accept: auto, stages: {s: {objectives: {k: {event: kill, count: 3, reset_on: [{event: fall}]}}}}}
quick: {title: Q, accept: auto, stages: {s: {objectives: {l: {event: lap, of: seconds, min: 20}}}}}
";
    let played = Played::of(quests).play(
        "5 event kill player=ann
         8 event lap player=ann seconds=90
         20 event lap player=ann seconds=50
         30 event lap player=ann seconds=70
         40 event fall player=ann
         105 wait",
    );
    let played = played.await;
    // What counted at tick 5 left the window at 15, and was set back at 40; of laps the least counts.
    assert_eq!(lines(&played, "windowed").await[1], "player ann k 0/3, 1 min 41 s");
    assert_eq!(lines(&played, "reset").await[1], "player ann k 0/3, 1 min 41 s");
    assert_eq!(lines(&played, "quick").await[1], "player ann l 50/20, 1 min 26 s");
}

#[tokio::test]
async fn only_what_is_needed_is_lacking() {
    let quests = "
extra:
  title: T
  accept: auto
  stages:
    s: {objectives: {k: {event: kill, count: 2}, more: {event: gather, optional: true}}}
some:
  title: T
  accept: auto
  stages:
    s:
      complete: {at_least: 2}
      objectives: {k: {event: kill}, g: {event: gather}, t: {event: talk}, f: {event: fall}}
ways:
  title: T
  accept: auto
  stages:
    s:
      objectives:
        k: {event: kill, count: 2, branch: steel}
        d: {event: donate, count: 2, branch: gold}
        t: {event: talk, branch: gold}
";
    let played =
        Played::of(quests).play("5 event kill player=ann\n 6 event kill player=bob amount=2\n 9 wait").await;
    let extra = lines(&played, "extra").await;
    assert!(extra[0].starts_with("without k: 1 holder, "), "of bob nothing is open: {extra:?}");
    let some = lines(&played, "some").await;
    assert!(some[0].starts_with("without 1 of g, t and f: 2 holders"), "{some:?}");
    let ways = lines(&played, "ways").await;
    assert!(ways[0].starts_with("without k (branch steel), or d and t (branch gold): 1 holder"), "{ways:?}");
    assert!(ways[1].starts_with("player ann k 1/2, d 0/2, t 0/1, "), "{ways:?}");
    let told = played.stuck("ways", None).await;
    assert_eq!(told.stages[0].missing[0].objectives, ["k", "d", "t"]);
}

#[tokio::test]
async fn a_quest_that_there_is_not_is_no_quest_that_nobody_has() {
    let played =
        Played::of("herd: {title: H, stages: {s: {objectives: {k: {event: kill}}}}}").play("2 wait").await;
    let nobody = played.stuck("herd", None).await;
    assert_eq!((nobody.holders, nobody.stages.len()), (0, 0));
    let wrong = played.stuck_at("hered", None).await.expect_err("there is none").to_string();
    assert!(
        wrong.starts_with("there is no quest `hered` at ") && wrong.ends_with("did you mean `herd`?"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_moment_that_is_not_there_is_said_to_be_none() {
    let played =
        Played::of("herd: {title: \"a\\e[31mb\\nc\", stages: {s: {objectives: {k: {event: kill}}}}}");
    let played = played.play("5 event kill player=ann\n 20 wait").await;
    let early = "0 is before what is kept\nhint: the earliest moment is 1970-01-01T00:00:01Z (tick 1)";
    assert_eq!(played.stuck_at("herd", Some(0)).await.expect_err("too early").to_string(), early);
    let wrong = played.told(player("ann"), "herd", Some(0)).await.expect_err("too early");
    assert_eq!(wrong.to_string(), early);
    let later = "what was asked for, 1970-01-01T00:16:40Z, is later: this is the last that is known";
    let said = played.said(player("ann"), "herd", Some(1_000)).await;
    assert!(said.contains(later) && said.contains("at 1970-01-01T00:00:2"), "{said}");
    assert!(stuck_text(&played.stuck("herd", Some(1_000)).await).contains(later));
    // What a title has in it does not steer the terminal, nor begin a line.
    assert!(said.starts_with("herd “a\\u{1b}[31mb\\nc” of player ann: available\n"), "{said}");
}
