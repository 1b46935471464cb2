//! What is said of a past of which only a part is kept.

use worldflow::explain::Explanation;
use worldflow_engine::doctor::examine;
use worldflow_engine::snapshot::Retention;

use crate::played::{Played, player};

const QUESTS: &str = "
hunt:
  title: Many wolves
  accept: auto
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 100}
        ever: {event: kill, target: wolf, count: 100, since: ever, lifetime: slain}
";

/// Six stretches of ten ticks with a restart after each; in each tick a wolf is killed.
async fn played(retention: Retention) -> Played {
    let mut played = Played::of(QUESTS);
    for stretch in 0..6_u64 {
        let lines =
            (0..10).map(|place| format!("{} event kill player=ann target=wolf\n", 2 + stretch * 12 + place));
        played = played.play_keeping(&lines.collect::<String>(), retention).await;
    }
    played
}

fn first_of(told: &Explanation, objective: &str) -> (u32, Option<u64>, u64, i64) {
    let of = told.stages[0].objectives.iter().find(|of| of.objective == objective).expect("it is there");
    (of.value, of.before.as_ref().map(|before| before.value), of.counted.count, of.counted.sum)
}

#[tokio::test]
async fn with_everything_kept_every_event_is_found_again() {
    let played = played(Retention { keep_ms: 3_600_000, at_most_bytes: 1 << 30 }).await;
    let told = played.told(player("ann"), "hunt", None).await.expect("it is there");
    for objective in ["wolves", "ever"] {
        assert_eq!(first_of(&told, objective), (60, None, 60, 60), "{objective}");
    }
    assert_eq!(told.looked_from, None, "everything was looked at");
    // So it was at any tick before.
    let told = played.told(player("ann"), "hunt", Some(30)).await.expect("it is there");
    assert_eq!(first_of(&told, "wolves").0, 25);
}

#[tokio::test]
async fn with_old_segments_removed_what_was_before_is_the_counter_of_the_oldest_snapshot() {
    let played = played(Retention { keep_ms: 0, at_most_bytes: 1 << 30 }).await;
    let examined = examine(played.folder()).expect("readable");
    let oldest = examined.snapshots.iter().map(|snapshot| snapshot.tick).min().expect("some");
    let first = examined.segments.iter().filter_map(|segment| segment.first).min();
    assert!(first > Some(12), "nothing was removed: {examined:?}");
    let told = played.told(player("ann"), "hunt", None).await.expect("it is there");
    for objective in ["wolves", "ever"] {
        let (value, before, count, sum) = first_of(&told, objective);
        let before = before.expect("something was before");
        assert_eq!((value, sum.unsigned_abs() + before), (60, 60), "{objective}: {told:?}");
        assert!(before > 0 && count < 60 && count > 0, "{objective}: {before} before, {count} since");
        let of = told.stages[0].objectives.iter().find(|of| of.objective == objective).expect("there");
        assert!(of.before.as_ref().is_some_and(|of| of.at.tick == oldest), "{of:?}");
        let first = of.counted.last.first().expect("some");
        assert!(first.at.tick > oldest, "{first:?}");
    }
    assert_eq!(told.looked_from.as_ref().map(|at| at.tick), Some(oldest));
    // What is no longer kept is said to be so, not guessed.
    let gone = played.told(player("ann"), "hunt", Some(3)).await.expect_err("it is gone");
    assert!(gone.to_string().contains("hint"), "{gone}");
}
