//! The SQLite sink, against a file.

mod support;

use support::database::Database;
use support::{designed, old_grants, scenarios};

fn file(folder: &tempfile::TempDir) -> Database {
    Database::Sqlite(folder.path().join("sub").join("world.db"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_the_views_at_a_closed_tick_wherever_the_sink_is_killed() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().expect("a folder");
        println!("seed {seed}");
        scenarios::killed_at_random(&file(&folder), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_leave_are_kept_in_a_table_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    old_grants::are_kept(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_leave_are_kept_once_wherever_the_sink_is_killed() {
    for seed in 1..=6 {
        let folder = tempfile::tempdir().expect("a folder");
        println!("seed {seed}");
        old_grants::are_kept_wherever_it_is_killed(&file(&folder), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_realms_share_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::two_realms(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_writes_only_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::restarted(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_left_out_keeps_its_table_and_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::left_out(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_dropped_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::dropped(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_tables_are_brought_up_to_date_and_foreign_ones_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::older_tables(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awkward_values_do_not_stop_the_sink() {
    let folder = tempfile::tempdir().expect("a folder");
    scenarios::awkward_values(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_designers_views_follow_the_catalog() {
    let folder = tempfile::tempdir().expect("a folder");
    designed::follows_the_catalog(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_designers_view_may_be_named_before_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    designed::is_named_before_it_comes(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn realms_that_share_a_table_change_and_drop_it_together() {
    let folder = tempfile::tempdir().expect("a folder");
    designed::of_two_realms(&file(&folder)).await;
}
