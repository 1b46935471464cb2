use worldflow_schemas::{Value, catalog};

use super::*;

const LEVELS: Sub = Sub { id: 1, view: catalog::LEVELS, hash: false };

fn inbox(session: usize, all: usize) -> Inbox {
    let inbox = Inbox::new(Bounds { session, all, held: Arc::default(), lagging: Duration::ZERO });
    inbox.open(LEVELS, None);
    inbox.release(1);
    inbox
}

fn row(n: i64) -> Row {
    Row::from([Value::Int(n)])
}

fn change(tick: Tick, n: i64, diff: Diff) -> Change {
    Change { tick, shown: Shown::new(catalog::LEVELS, row(n)), diff }
}

fn held(inbox: &Inbox) -> usize {
    inbox.bounds.held.load(Ordering::Relaxed)
}

#[test]
fn a_session_far_behind_is_folded_and_then_owed_a_snapshot() {
    let inbox = inbox(usize::MAX, usize::MAX);
    inbox.owe(1);
    assert_eq!(inbox.take(Instant::now(), Tick::MAX).snapshots, [LEVELS]);
    inbox.written();
    // One row that flips: folding leaves next to nothing.
    for tick in 0..100_000_u64 {
        let diff = if tick % 2 == 0 { 1 } else { -1 };
        assert_eq!(inbox.push(1, change(tick, 7, diff)), Pushed::Wake);
    }
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert!(taken.snapshots.is_empty());
    let waiting: usize = taken.changes.iter().map(|(_, changes)| changes.len()).sum();
    assert!(waiting <= MOST_CHANGES);
    // Different rows: nothing can be folded.
    let behind = (0..100_000).position(|n| inbox.push(1, change(1, n, 1)) == Pushed::Behind);
    assert_eq!(behind, Some(MOST_CHANGES));
    // What was taken before has not been written, so it is the client that is slow.
    inbox.written();
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert_eq!((taken.snapshots, taken.behind), (vec![LEVELS], 1));
    inbox.written();
    assert!((0..100_000).any(|n| inbox.push(1, change(2, n, 1)) == Pushed::Behind));
    assert_eq!(inbox.take(Instant::now(), Tick::MAX).behind, 1, "more in a tick than may wait");
}

#[test]
fn nothing_is_folded_for_a_client_that_reads_nothing() {
    let flips = |inbox: &Inbox| {
        let flip = |tick: u64| change(tick, 7, if tick.is_multiple_of(2) { 1 } else { -1 });
        (0..100_000).position(|tick| inbox.push(1, flip(tick)) == Pushed::Behind)
    };
    let inbox = inbox(usize::MAX, usize::MAX);
    assert_eq!(flips(&inbox), None, "its writer is about to take them");
    inbox.take(Instant::now(), Tick::MAX);
    assert_eq!(flips(&inbox), Some(MOST_CHANGES));
    inbox.written();
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert_eq!((taken.snapshots, taken.behind), (vec![LEVELS], 1));
}

#[test]
fn bytes_are_bounded_as_changes_are_and_counted_until_they_are_written() {
    let each = Shown::new(catalog::LEVELS, row(1)).bytes();
    let inbox = inbox(100 * each, usize::MAX);
    for tick in 0..1_000 {
        assert_eq!(inbox.push(1, change(tick, 7, if tick % 2 == 0 { 1 } else { -1 })), Pushed::Wake);
        assert!(held(&inbox) <= 100 * each);
    }
    let waiting = held(&inbox);
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert_eq!((taken.changes[0].1.len() * each, held(&inbox)), (waiting, waiting));
    inbox.written();
    assert_eq!(held(&inbox), 0);
    inbox.owe(1);
    assert_eq!(inbox.take(Instant::now(), Tick::MAX).snapshots, [LEVELS]);
    let behind = (0..1_000).position(|n| inbox.push(1, change(1, n, 1)) == Pushed::Behind);
    assert_eq!((behind, held(&inbox)), (Some(100), 0));
    inbox.written();
    // It is remembered for a while.
    assert_eq!(inbox.take(Instant::now(), Tick::MAX).behind, 1);
    assert_eq!(inbox.take(Instant::now() + REMEMBERED, Tick::MAX).behind, 0);
    inbox.push(1, change(4, 2, 1));
    let all = Arc::clone(&inbox.bounds.held);
    assert!(all.load(Ordering::Relaxed) > 0);
    drop(inbox);
    assert_eq!(all.load(Ordering::Relaxed), 0);
}

#[test]
fn while_all_together_hold_too_much_each_that_lags_may_hold_little() {
    let inbox = inbox(1 << 20, 2 << 20);
    inbox.bounds.held.fetch_add(3 << 20, Ordering::Relaxed);
    let each = Shown::new(catalog::LEVELS, row(1)).bytes();
    let behind = |tick| (0..100_000).position(|n| inbox.push(1, change(tick, n, 1)) == Pushed::Behind);
    // One that reads in time is not to suffer for those that do not.
    assert_eq!(behind(1), Some(MOST_CHANGES.min((1 << 20) / each)));
    assert_eq!(inbox.take(Instant::now(), Tick::MAX).snapshots, [LEVELS]);
    assert_eq!(behind(2), Some(SQUEEZED_BYTES / each));
    inbox.bounds.held.fetch_sub(3 << 20, Ordering::Relaxed);
}

#[test]
fn what_was_missed_comes_before_what_waits_and_nothing_before_the_answer() {
    let (session, all, held) = (1 << 20, 1 << 20, Arc::default());
    let inbox = Inbox::new(Bounds { session, all, held, lagging: Duration::ZERO });
    inbox.open(LEVELS, None);
    assert_eq!(inbox.push(1, change(9, 2, 1)), Pushed::Quiet);
    assert!(inbox.resume(1, 5, 77, vec![change(8, 1, 1)]));
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert!(taken.changes.is_empty() && taken.resumed.is_empty());
    inbox.release(1);
    let taken = inbox.take(Instant::now(), Tick::MAX);
    assert_eq!(taken.resumed, [(1, 5, 77)]);
    let ticks: Vec<Tick> = taken.changes[0].1.iter().map(|change| change.tick).collect();
    assert_eq!(ticks, [8, 9]);
}

#[test]
fn of_a_tick_that_is_being_handed_out_nothing_is_taken() {
    let inbox = inbox(usize::MAX, usize::MAX);
    let now = Instant::now();
    for (tick, n) in [(1, 1), (2, 2), (2, 3)] {
        inbox.push(1, change(tick, n, 1));
    }
    let taken = inbox.take(now, 1);
    assert_eq!((taken.changes[0].1.len(), taken.due), (1, Some(now + NEXT_LOOK)));
    inbox.push(1, change(2, 4, 1));
    assert!(inbox.take(now, 1).changes.is_empty());
    let taken = inbox.take(now, 2);
    assert_eq!((taken.changes[0].1.len(), taken.due), (3, None));
}

#[test]
fn a_paced_subscription_waits_for_its_time_and_is_woken_for_it_once() {
    let inbox = inbox(usize::MAX, usize::MAX);
    inbox.pace(1, Some(Duration::from_millis(100)));
    let start = Instant::now();
    assert_eq!(inbox.push(1, change(1, 1, 1)), Pushed::Wake);
    assert_eq!(inbox.take(start, Tick::MAX).changes.len(), 1);
    assert_eq!(inbox.push(1, change(2, 1, -1)), Pushed::Wake);
    inbox.push(1, change(2, 2, 1));
    let taken = inbox.take(start + Duration::from_millis(50), Tick::MAX);
    assert!(taken.changes.is_empty());
    assert_eq!(taken.due, Some(start + Duration::from_millis(100)));
    // It has a timer now.
    assert_eq!(inbox.push(1, change(3, 2, -1)), Pushed::Quiet);
    assert_eq!(inbox.push(1, change(3, 3, 1)), Pushed::Quiet);
    let taken = inbox.take(start + Duration::from_millis(100), Tick::MAX);
    let changes: Vec<_> = taken.changes[0]
        .1
        .iter()
        .map(|change| (change.tick, change.shown.row().clone(), change.diff))
        .collect();
    assert_eq!((taken.changes[0].0, changes), (LEVELS, vec![(3, row(1), -1), (3, row(3), 1)]));
}
