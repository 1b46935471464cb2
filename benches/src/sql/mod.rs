//! A view written into tables by its sink, and the same rows written by hand.
//!
//! Both databases are thrown away afterwards. The sink is timed from the moment the realm shows the rows until it says that the
//! tables are there, which takes a plan, an encoding and the frontier; by hand from `BEGIN` to the end of `COMMIT`.

mod by_hand;
#[path = "../../../sinks/tests/support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the sinks")]
mod postgres;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::sync::{broadcast, watch};
use worldflow_engine::admission::Admission;
use worldflow_engine::observed::Observed;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::{OBJECTIVE_PROGRESS, ViewId};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};
use worldflow_sinks::sql::{PostgresAddress, SinkViews, SqlSink, SqlSinkConfig, Target};

use self::by_hand::Way;

/// What is written.
const VIEW: ViewId = OBJECTIVE_PROGRESS;

/// How the writing of tables is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct SqlArgs {
    /// Rows of the view.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Rows that change at once.
    #[arg(long, default_value_t = 20_000)]
    change: u64,
    /// Runs; the best counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Where SQLite's file is made; the disk is part of what is measured.
    #[arg(long, default_value = "target/workloads")]
    folder: PathBuf,
}

/// Writes the rows in every way and prints rows per second.
///
/// # Errors
/// When a database cannot be written.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &SqlArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.folder)?;
    let profile = if cfg!(debug_assertions) { "dev profile" } else { "release" };
    let (rows, change) = (args.rows, args.change.min(args.rows));
    println!(
        "{profile}; {rows} rows of `{}`, then {change} of them changed; the best of {}",
        VIEW.def().name,
        args.runs
    );
    println!("database    way                                first rows/s   changed rows/s");
    let mut best: Vec<(&str, &str, Rates)> = Vec::new();
    for _ in 0..args.runs {
        for (database, way, rates) in measured(args, rows, change).await? {
            match best.iter_mut().find(|(name, other, _)| (*name, *other) == (database, way)) {
                Some((_, _, known)) => *known = known.best(rates),
                None => best.push((database, way, rates)),
            }
        }
    }
    for (database, way, Rates { first, changed }) in best {
        println!("{database:<11} {way:<34} {first:>12.0}   {changed:>14.0}");
    }
    Ok(())
}

/// Rows a second.
#[derive(Clone, Copy)]
struct Rates {
    first: f64,
    changed: f64,
}

impl Rates {
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    fn new(rows: u64, first: Duration, change: u64, changed: Duration) -> Rates {
        Rates { first: rows as f64 / first.as_secs_f64(), changed: change as f64 / changed.as_secs_f64() }
    }

    fn best(self, other: Rates) -> Rates {
        Rates { first: self.first.max(other.first), changed: self.changed.max(other.changed) }
    }
}

async fn measured(
    args: &SqlArgs,
    rows: u64,
    change: u64,
) -> anyhow::Result<Vec<(&'static str, &'static str, Rates)>> {
    let mut all = Vec::new();
    let server = postgres::Postgres::start_durable();
    let folder = tempfile::tempdir_in(&args.folder)?;
    let file = folder.path().join("bench.sqlite");
    let target = Target::Postgres(PostgresAddress::parse("bench", &server.url())?);
    all.push(("PostgreSQL", "the sink", by_sink(target, rows, change).await?));
    all.push(("SQLite", "the sink", by_sink(Target::Sqlite(file.clone()), rows, change).await?));

    let (first, changed) = (made(0..rows, 1), made(0..change, 2));
    let mut postgres = PgConnection::connect(&server.url()).await?;
    for way in [Way::Copy, Way::Unnest] {
        way.prepare(&mut postgres).await?;
        let began = Instant::now();
        way.write(&mut postgres, &first, false).await?;
        let took = began.elapsed();
        let began = Instant::now();
        way.write(&mut postgres, &changed, true).await?;
        all.push(("PostgreSQL", way.name(), Rates::new(rows, took, change, began.elapsed())));
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut sqlite = SqliteConnection::connect_with(&options).await?;
    by_hand::prepare_sqlite(&mut sqlite).await?;
    let began = Instant::now();
    by_hand::write_sqlite(&mut sqlite, &first).await?;
    let took = began.elapsed();
    let began = Instant::now();
    by_hand::write_sqlite(&mut sqlite, &changed).await?;
    let rates = Rates::new(rows, took, change, began.elapsed());
    all.push(("SQLite", "a prepared statement a row", rates));
    Ok(all)
}

/// The rows of these numbers, as they are when they have been counted so often.
fn made(numbers: std::ops::Range<u64>, count: i64) -> Vec<Row> {
    let id = |name: &str, number: u64| Value::id(Sym::new(&format!("{name}-{number}")));
    let row = |number: u64| {
        Row::from([
            Value::id("bench".into()),
            Value::id("player".into()),
            id("player", number / 20),
            id("quest", number / 2 % 10),
            Value::id("hunt".into()),
            id("objective", number % 2),
            Value::Int(1),
            Value::Int(count),
            Value::Int(10),
            Value::Bool(false),
            Value::Bool(false),
        ])
    };
    numbers.map(row).collect()
}

async fn by_sink(target: Target, rows: u64, change: u64) -> anyhow::Result<Rates> {
    let (told, progress) = watch::channel(Progress::default());
    let name = Sym::new("bench");
    let views = Arc::new(ViewStore::new(ViewStore::MOST_CHANGES));
    let realm = Realm {
        name,
        epoch: 1,
        world: Arc::new(serde_json::from_value(serde_json::json!({"name": "bench", "seed": 1}))?),
        views: Arc::clone(&views),
        admission: Admission::open().0,
        progress,
        events: broadcast::channel(1).0,
        observed: Observed::new(name),
        defined: Default::default(),
        privacy: worldflow_engine::privacy::Privacy::none(),
    };
    let config = SqlSinkConfig {
        name: "bench".to_owned(),
        target,
        views: SinkViews::Named(vec![VIEW.def().name.to_owned()]),
        every: Duration::from_millis(1),
    };
    let show = |tick: Tick, changes: Vec<(ViewId, Row, Diff)>| {
        views.apply(tick, changes);
        told.send_replace(Progress { tick, utc_ms: 0 });
        Instant::now()
    };
    // The connection and the empty table are there before the rows are.
    show(1, Vec::new());
    let sink = SqlSink::open(config, realm);
    let mut status = sink.status();
    let mut reached = async |tick: Tick| {
        let there =
            status.wait_for(|status| status.error.is_some() || status.at.is_some_and(|at| at.tick >= tick));
        let there = there.await.context("the sink has ended")?;
        anyhow::ensure!(there.error.is_none(), "the sink says: {:?}", there.error);
        anyhow::Ok(Instant::now())
    };
    reached(1).await?;
    let began = show(2, made(0..rows, 1).into_iter().map(|row| (VIEW, row, 1)).collect());
    let first = reached(2).await? - began;
    let gone = made(0..change, 1).into_iter().map(|row| (VIEW, row, -1));
    let here = made(0..change, 2).into_iter().map(|row| (VIEW, row, 1));
    let began = show(3, gone.chain(here).collect());
    let changed = reached(3).await? - began;
    sink.close().await;
    Ok(Rates::new(rows, first, change, changed))
}
