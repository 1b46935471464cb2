//! What a PostgreSQL server can do to a sink: each time it says what is wrong, tries again, and loses nothing.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use support::database::Database;
use support::postgres::Postgres;
use support::{Chance, Fake, random_write, scenarios};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use worldflow_schemas::Tick;
use worldflow_sinks::sql::{SinkStatus, SqlSink};

/// A realm that goes on, and its sink.
struct Going {
    fake: Fake,
    chance: Chance,
    sink: SqlSink,
}

impl Going {
    fn start(database: &Database, seed: u64) -> Going {
        let mut fake = Fake::new("greenvale", 1);
        fake.apply(1, Vec::new());
        let sink = SqlSink::open(scenarios::config(database), fake.realm.clone());
        Going { fake, chance: Chance::new(seed), sink }
    }

    /// So many ticks with a change each.
    fn go_on(&mut self, ticks: u64) -> Tick {
        for _ in 0..ticks {
            let tick = self.fake.tick() + 1;
            let (view, key, row) = random_write(&mut self.chance, self.fake.realm.name, tick);
            self.fake.apply(tick, vec![(view, key, row)]);
        }
        self.fake.tick()
    }

    async fn caught_up(&mut self, database: &Database) {
        let tick = self.fake.tick();
        scenarios::until(self.sink.status(), tick).await;
        scenarios::assert_closed_tick(database, &self.fake, tick).await;
    }

    /// Goes on until the sink says that something is wrong of which this is part.
    async fn fails(&mut self, with: &str) -> SinkStatus {
        let mut status = self.sink.status();
        let told = async {
            loop {
                self.go_on(1);
                let _ = tokio::time::timeout(Duration::from_millis(20), status.changed()).await;
                let now = status.borrow().clone();
                if now.error.as_ref().is_some_and(|error| error.contains(with)) {
                    return now;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), told)
            .await
            .unwrap_or_else(|_| panic!("never `{with}`: {:?}", self.sink.status().borrow()))
    }
}

/// Ends every session of a sink.
async fn terminate(database: &Database) {
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'worldflow' AND pid <> pg_backend_pid()",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_ended_in_the_middle_of_a_transaction_lose_nothing() {
    let server = Postgres::start();
    let database = Database::Postgres(server.url());
    let mut going = Going::start(&database, 3);
    going.go_on(20);
    going.caught_up(&database).await;
    // A row takes its time, so that the session is always in the middle.
    database
        .execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$",
        )
        .await;
    for table in support::VIEWS.map(|view| view.def().name) {
        let sql = format!(
            "CREATE TRIGGER slowly BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION slowly()"
        );
        database.execute(&sql).await;
    }
    for _ in 0..5 {
        going.go_on(30);
        let busy = async {
            let asked = "SELECT count(*)::text FROM pg_stat_activity \
                         WHERE application_name = 'worldflow' AND xact_start IS NOT NULL AND query LIKE 'INSERT%'";
            while database.texts(vec![asked.to_owned()]).await[0][0] == "0" {}
        };
        tokio::time::timeout(Duration::from_secs(30), busy).await.expect("the sink writes");
        terminate(&database).await;
        going.caught_up(&database).await;
    }
    assert!(going.sink.close().await.is_some());
}

/// A lock that somebody else holds for longer than is waited for; a limit on statements; a transaction that could not be
/// serialized.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_limits_and_conflicts_are_waited_out() {
    let server = Postgres::start();
    let database = Database::Postgres(server.url());
    let mut going = Going::start(&database, 4);
    going.go_on(50);
    going.caught_up(&database).await;

    // One that holds tables, in the middle of something.
    use sqlx::{Connection as _, Executor as _};
    let mut other = sqlx::PgConnection::connect(&server.url()).await.expect("a server");
    let tables = support::VIEWS.map(|view| view.def().name).join(", ");
    let sql = format!("BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE");
    other.execute(sqlx::AssertSqlSafe(sql)).await.expect("a lock");
    let status = going.fails("lock timeout").await;
    assert!(status.hint.is_some_and(|hint| hint.contains("pg_locks")), "{status:?}");
    other.execute("COMMIT").await.expect("the lock is given back");
    going.caught_up(&database).await;

    // The limit of a role that is meant for people; a statement of the sink takes longer.
    database
        .execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$; \
             CREATE TRIGGER slowly AFTER UPDATE ON worldflow_frontier EXECUTE FUNCTION slowly(); \
             ALTER ROLE worldflow SET statement_timeout = '50ms'",
        )
        .await;
    terminate(&database).await;
    let tick = going.go_on(200);
    scenarios::until(going.sink.status(), tick).await;
    database
        .execute(
            "SET statement_timeout = 0; DROP TRIGGER slowly ON worldflow_frontier; \
             ALTER ROLE worldflow RESET statement_timeout",
        )
        .await;
    going.caught_up(&database).await;

    database.execute("CREATE TABLE trouble (n int)").await;
    database
        .execute(
            "CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF EXISTS (SELECT FROM trouble) THEN \
             RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END IF; \
             RETURN NULL; END $$",
        )
        .await;
    database
        .execute("CREATE TRIGGER conflict AFTER INSERT OR UPDATE ON worldflow_frontier EXECUTE FUNCTION conflict()")
        .await;
    database.execute("INSERT INTO trouble VALUES (1)").await;
    going.fails("could not serialize access").await;
    database.execute("DELETE FROM trouble").await;
    going.caught_up(&database).await;
    assert!(going.sink.close().await.is_some());
}

/// The tables can be read and not written: a primary that has been fenced off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let server = Postgres::start();
    let database = Database::Postgres(server.url());
    let mut going = Going::start(&database, 5);
    going.go_on(50);
    going.caught_up(&database).await;
    database.execute("ALTER ROLE worldflow SET default_transaction_read_only = on").await;
    terminate(&database).await;
    let status = going.fails("read-only transaction").await;
    assert!(status.hint.is_some_and(|hint| hint.contains("standby")), "{status:?}");
    // While it tries again it says how far behind it is, not how far it was.
    let mut seen = going.sink.status();
    let behind = async {
        loop {
            let tick = going.go_on(100);
            if seen.borrow().lag_ms > 10_000 {
                return tick;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), seen.changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), behind).await.expect("the lag grows");
    let reset =
        "BEGIN; SET TRANSACTION READ WRITE; ALTER ROLE worldflow RESET default_transaction_read_only; COMMIT";
    database.execute(reset).await;
    going.caught_up(&database).await;
    assert!(seen.borrow_and_update().lag_ms < 10_000);
    assert!(going.sink.close().await.is_some());
}

/// A door that leads to one server or another: what an address of a cluster is.
struct Door {
    address: SocketAddr,
    leads_to: watch::Sender<SocketAddr>,
}

impl Door {
    async fn open(to: SocketAddr) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (leads_to, seen) = watch::channel(to);
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut inner, _)) = listener.accept().await {
                let mut to = seen.clone();
                let address = *to.borrow_and_update();
                connections.spawn(async move {
                    let Ok(mut outer) = TcpStream::connect(address).await else { return };
                    // Those that are open end when it leads elsewhere.
                    tokio::select! {
                        _ = copy_bidirectional(&mut inner, &mut outer) => {}
                        _ = to.changed() => {}
                    }
                });
            }
        });
        Door { address, leads_to }
    }
}

/// The database fails over to a copy that lacks the last transactions, and later back to the first, which lacks those of the
/// copy: the tables themselves say where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_lacks_the_last_transactions_takes_over() {
    let mut first = Postgres::start();
    let door = Door::open(first.address()).await;
    let database = Database::Postgres(first.url_at(door.address));
    let mut going = Going::start(&database, 6);
    going.go_on(50);
    going.caught_up(&database).await;
    first.crash();
    let mut copy = first.copy();
    first.start_again();
    going.go_on(50);
    going.caught_up(&database).await;
    copy.start_again();
    for (server, more) in [(&copy, 40), (&first, 300)] {
        going.go_on(10);
        door.leads_to.send_replace(server.address());
        going.go_on(more);
        going.caught_up(&database).await;
        let direct = Database::Postgres(server.url());
        scenarios::assert_closed_tick(&direct, &going.fake, going.fake.tick()).await;
    }
    assert!(going.sink.close().await.is_some());
}
