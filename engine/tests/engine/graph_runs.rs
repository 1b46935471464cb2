//! The graph gives the same changes for any number of workers, any cutting and any restart.

use worldflow_engine::testing::{Plan, law, run};
use worldflow_engine::workers::{Cut, SealedTick};
use worldflow_schemas::EventId;
use worldflow_schemas::catalog::LEVELS;

use crate::tiny::{event, graph, level_row};

fn ticks() -> Vec<SealedTick> {
    let mut ticks = Vec::new();
    let mut position = 0;
    for tick in [3_u64, 4, 5, 9, 1_000_000, 1_000_001] {
        let mut sealed = SealedTick { tick, ..SealedTick::default() };
        for player in 0..7 {
            position += 1;
            let kind = if (tick + player) % 5 == 0 { "ring" } else { "kill" };
            let mut event = event(&format!("player-{player}"), kind, 0, EventId::Position(position));
            event.amount = i64::try_from(player + 1).expect("small");
            sealed.events.push(event);
        }
        ticks.push(sealed);
    }
    ticks
}

#[test]
fn workers_and_cuts_change_nothing() {
    let plan = Plan { until: 1_000_100, ..Plan::default() };
    let one = run(&graph(), &ticks(), &plan);
    assert!(one.changes.len() > 8, "rings add ticks of their own: {:?}", one.changes.keys());
    for workers in [1, 2, 4] {
        for items in [1, 3, 100] {
            let other = run(&graph(), &ticks(), &Plan { workers, cut: Cut { items }, ..plan.clone() });
            assert_eq!(one.changes, other.changes, "{workers} workers, cut {items}");
            assert_eq!(one.state_hash(), other.state_hash());
        }
    }
}

#[test]
fn the_law_of_base_state_holds_at_every_tick() {
    for workers in [1, 2] {
        let plan = Plan { workers, until: 1_000_100, ..Plan::default() };
        let snapshots = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 500, 1_000_000, 1_000_001, 1_000_003, 1_000_100];
        law(&graph(), &ticks(), &plan, snapshots).unwrap_or_else(|broken| panic!("{broken}"));
    }
}

#[test]
fn a_pending_timer_rings_in_a_jump() {
    let mut ring = event("ada", "ring", 0, EventId::Position(1));
    ring.amount = 1_000_000_000;
    let ticks = [SealedTick { tick: 1, events: vec![ring], ..SealedTick::default() }];
    let before = run(&graph(), &ticks, &Plan { until: 1_000_000_000, ..Plan::default() });
    assert!(before.changes.is_empty());
    let after = run(&graph(), &ticks, &Plan { until: 2_000_000_000, ..Plan::default() });
    assert_eq!(after.rows(LEVELS), [level_row("ada".into(), 100)]);
    assert_eq!(after.changes.keys().copied().collect::<Vec<_>>(), [1_000_000_001]);
}
