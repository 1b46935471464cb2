//! What is said of a quest that had another id, or whose stages and objectives had: the same as if it had always been called so.

use worldflow::explain::Explanation;

use crate::played::{Played, player};

const HUNT: &str = "
hunt:
  title: Hunt
  stages:
    field:
      objectives:
        beasts: {event: kill, target: beast, count: 5}
        herbs: {event: gather, count: 5}
";
const CHASE: &str = "
chase:
  moved_from: hunt
  title: Hunt
  stages:
    wood:
      moved_from: field
      objectives:
        brutes: {moved_from: beasts, event: kill, target: beast, count: 5}
        herbs: {event: gather, count: 5}
";
/// Its objectives have other ids once more.
const RENAMED: &str = "
chase:
  title: Hunt
  stages:
    wood:
      objectives:
        monsters: {moved_from: brutes, event: kill, target: beast, count: 5}
        greens: {moved_from: herbs, event: gather, count: 5}
";

async fn played() -> Played {
    Played::of(HUNT)
        .play(
            "2 event quest.accept player=ann target=hunt
             2 event quest.accept player=bob target=hunt
             3 event kill player=ann target=wolf
             4 event gather player=ann
             5 event kill player=ann target=bear
             6 event gather player=bob",
        )
        .await
}

/// What an objective has, and of which ticks the events are that counted.
fn counted(told: &Explanation, objective: &str) -> (u32, Vec<u64>) {
    let objectives = told.stages.iter().flat_map(|stage| &stage.objectives);
    let of = objectives.into_iter().find(|of| of.objective == objective);
    let of = of.unwrap_or_else(|| panic!("no {objective}: {told:#?}"));
    assert!(of.counted.last.iter().all(|deed| deed.event.is_some()), "{:#?}", of.counted);
    assert_eq!(of.counted.sum, i64::from(of.value), "{of:#?}");
    (of.value, of.counted.last.iter().map(|deed| deed.at.tick).collect())
}

async fn told(played: &Played, quest: &str, at: Option<u64>) -> Explanation {
    played.told(player("ann"), quest, at).await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn what_counted_under_former_ids_is_told_under_the_new_ones() {
    let played = played().await.edit(CHASE).await.play("40 event kill player=ann target=wolf").await;
    let now = told(&played, "chase", None).await;
    assert_eq!(counted(&now, "brutes"), (3, vec![3, 5, 40]));
    assert_eq!(counted(&now, "herbs"), (1, vec![4]));
    let steps: Vec<(u64, &str)> =
        now.history.iter().map(|step| (step.at.tick, step.stage.as_str())).collect();
    assert_eq!(steps, [(2, "field"), (7, "wood")]);
    // Before it was moved it is told by the id that it had.
    let then = told(&played, "hunt", Some(6)).await;
    assert_eq!(counted(&then, "beasts"), (2, vec![3, 5]));

    let played = played.edit(RENAMED).await.play("80 event gather player=ann").await;
    let now = told(&played, "chase", None).await;
    assert_eq!(counted(&now, "monsters"), (3, vec![3, 5, 40]));
    assert_eq!(counted(&now, "greens"), (2, vec![4, 80]));

    // There and back.
    let back = HUNT.replace("  title", "  moved_from: chase\n  title");
    let back = back.replace("    field:\n", "    field:\n      moved_from: wood\n");
    let back = back
        .replace("beasts: {", "beasts: {moved_from: monsters, ")
        .replace("herbs: {e", "herbs: {moved_from: greens, e");
    let played = played.edit(&back).await;
    let now = told(&played, "hunt", None).await;
    assert_eq!(counted(&now, "beasts"), (3, vec![3, 5, 40]));
    assert_eq!(counted(&now, "herbs"), (2, vec![4, 80]));
}

#[tokio::test]
async fn nobody_gets_further_by_another_id() {
    let played = played().await.edit(CHASE).await;
    let played = played.play("40 event kill player=ann target=wolf\n100 wait").await;
    let played = played.edit(RENAMED).await.play("200 wait").await;
    let told = played.stuck("chase", None).await;
    let now = told.now.tick;
    let idle = |name: &str| {
        let holders = told.stages.iter().flat_map(|stage| &stage.missing).flat_map(|on| &on.first);
        let of = holders.into_iter().find(|of| of.holder == name);
        now - of.unwrap_or_else(|| panic!("no {name}: {told:#?}")).idle_ms / 1_000
    };
    assert_eq!((idle("ann"), idle("bob")), (40, 6), "{told:#?}");
}
