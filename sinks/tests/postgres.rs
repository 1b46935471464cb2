//! The PostgreSQL sink, against a real server.

mod support;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use support::database::Database;
use support::postgres::Postgres;
use support::{Chance, Fake, designed, old_grants, random_write, scenarios};
use worldflow_sinks::sql::{SinkStatus, SqlSink};

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
async fn a_restart_writes_only_what_differs() {
    let server = Postgres::start();
    scenarios::restarted(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_left_out_keeps_its_table_and_may_come_back() {
    let server = Postgres::start();
    scenarios::left_out(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_dropped_is_made_again() {
    let server = Postgres::start();
    scenarios::dropped(&database(&server)).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_designers_views_follow_the_catalog() {
    let server = Postgres::start();
    designed::follows_the_catalog(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_designers_view_may_be_named_before_it_comes() {
    let server = Postgres::start();
    designed::is_named_before_it_comes(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn realms_that_share_a_table_change_and_drop_it_together() {
    let server = Postgres::start();
    designed::of_two_realms(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_leave_are_kept_in_a_table_of_their_own() {
    let server = Postgres::start();
    old_grants::are_kept(&database(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_leave_are_kept_once_wherever_the_sink_is_killed() {
    for seed in 1..=3 {
        let server = Postgres::start();
        println!("seed {seed}");
        old_grants::are_kept_wherever_it_is_killed(&database(&server), seed).await;
    }
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

/// An authority of our own, and a server with a certificate of it for `127.0.0.1`.
fn server_with_tls(folder: &tempfile::TempDir) -> (Postgres, String) {
    let key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "the tests' authority");
    let root = folder.path().join("ca.pem");
    std::fs::write(&root, authority.self_signed(&key).expect("a certificate").pem()).expect("a file");
    let issuer = Issuer::new(authority, key);

    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = names.signed_by(&key, &issuer).expect("a certificate");
    let server = Postgres::start_with_tls(&certificate.pem(), &key.serialize_pem());
    (server, root.to_str().expect("temporary paths are UTF-8").to_owned())
}

/// A realm with one tick.
fn one_tick() -> Fake {
    let mut fake = Fake::new("greenvale", 1);
    let (view, key, row) = random_write(&mut Chance::new(5), fake.realm.name, 1);
    fake.apply(1, vec![(view, key, row)]);
    fake
}

async fn failed(url: String) -> SinkStatus {
    let fake = one_tick();
    let sink = SqlSink::open(scenarios::config(&Database::Postgres(url)), fake.realm.clone());
    let status =
        sink.status().wait_for(|status| status.error.is_some()).await.expect("the sink runs").clone();
    sink.abort().await;
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, root) = server_with_tls(&folder);
    let fake = one_tick();
    for mode in [
        "prefer",
        "require",
        &format!("verify-ca&sslrootcert={root}"),
        &format!("verify-full&sslrootcert={root}"),
    ] {
        let database = Database::Postgres(format!("{}?sslmode={mode}", server.url()));
        let sink = SqlSink::open(scenarios::config(&database), fake.realm.clone());
        assert_eq!(sink.close().await.map(|at| at.tick), Some(1), "{mode}");
        scenarios::assert_closed_tick(&database, &fake, 1).await;
    }
}

/// What is wrong with TLS is said so: waiting for the database would not help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tls_lacks_is_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, root) = server_with_tls(&folder);
    let plain = Postgres::start();
    let elsewhere = server.url().replace("127.0.0.1", "localhost");
    for (url, error, hint) in [
        (format!("{}?sslmode=require", plain.url()), "server does not support TLS", "ssl = on"),
        (format!("{}?sslmode=verify-full", server.url()), "UnknownIssuer", "?sslrootcert="),
        (
            format!("{elsewhere}?sslmode=verify-full&sslrootcert={root}"),
            "not valid for name",
            "the host in the address",
        ),
        (
            format!("{}?sslmode=verify-full&sslrootcert={root}.gone", server.url()),
            "No such file",
            "is not there",
        ),
        (format!("{}?sslmode=disable", server.url()), "no pg_hba.conf entry", "is the database up"),
    ] {
        let status = failed(url.clone()).await;
        let (said, advice) = (status.error.expect("waited for"), status.hint.expect("with every error"));
        assert!(said.contains(error) && !said.contains("not-a-secret"), "{url}: {said}");
        assert!(advice.contains(hint), "{url}: {advice}");
    }
}
