//! The PostgreSQL sink, against a real server.

mod support;

use support::database::Database;
use support::postgres::Postgres;
use support::{Chance, Fake, random_write, scenarios};
use worldflow_sinks::sql::SqlSink;

fn database(server: &Postgres) -> Database {
    Database::Postgres(server.url())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_the_views_at_a_closed_tick_wherever_the_sink_is_killed() {
    for seed in 1..=3 {
        let server = Postgres::start();
        println!("seed {seed}");
        scenarios::killed_at_random(&database(&server), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_realms_share_a_database() {
    let server = Postgres::start();
    scenarios::two_realms(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_tables_are_brought_up_to_date_and_foreign_ones_left_alone() {
    let server = Postgres::start();
    scenarios::older_tables(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awkward_values_do_not_stop_the_sink() {
    let server = Postgres::start();
    scenarios::awkward_values(&database(&server)).await;
}

/// The server crashes while the sink writes, and comes back: the sink says that it is behind, the
/// realm never waits for it, and the tables catch up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_is_caught_up_with() {
    let mut server = Postgres::start();
    let database = database(&server);
    let mut fake = Fake::new("greenvale", 1);
    let mut chance = Chance::new(11);
    let sink = SqlSink::open(scenarios::config(&database), fake.realm.clone());
    let mut tick = 0;
    for _ in 0..3 {
        for crash_after in [false, true] {
            for _ in 0..50 {
                tick += 1;
                let (view, key, row) = random_write(&mut chance, fake.realm.name, tick);
                fake.apply(tick, vec![(view, key, row)]);
                tokio::task::yield_now().await;
            }
            if crash_after {
                server.crash();
                let mut status = sink.status();
                tick += 1;
                fake.apply(tick, Vec::new());
                let told =
                    status.wait_for(|status| status.error.is_some()).await.expect("the sink runs").clone();
                assert!(!told.error.expect("waited for").contains("not-a-secret"));
                server.start_again();
            }
            scenarios::until(sink.status(), tick).await;
            scenarios::assert_closed_tick(&database, &fake, tick).await;
        }
    }
    assert_eq!(sink.close().await.map(|at| at.tick), Some(tick));
}
