//! Where a journal could be kept: our segments beside two stores made by others, and the form of snapshots:
//! a run beside one protobuf file.
//!
//! Every store is given the same ticks by a thread that commits what has gathered at once and durably.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fjall::PersistMode;
use hdrhistogram::Histogram;
use prost::Message;
use redb::TableDefinition;
use worldflow_engine::journal::{Durable, Entry, Inputs, JournalConfig, JournalWriter, Numbered, Place};
use worldflow_engine::snapshot::{Snapshot, newest, publish};
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::chance::below;
use worldflow_schemas::{Event, EventId, Sym};

/// How the stores are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct StoresArgs {
    /// Ticks.
    #[arg(long, default_value_t = 3_000)]
    ticks: u64,
    /// Events of a tick, of about 60 bytes each.
    #[arg(long, default_value_t = 200)]
    a_tick: u64,
    /// Pieces of a snapshot.
    #[arg(long, default_value_t = 1_000_000)]
    pieces: u64,
    /// Where files are made; the disk is part of what is measured.
    #[arg(long, default_value = "target/workloads")]
    folder: PathBuf,
}

/// A tick on its way.
struct Handed {
    inputs: Inputs,
    at: Instant,
}

/// What was measured of a store.
struct Measured {
    seconds: f64,
    cpu_seconds: f64,
    latency_us: Histogram<u64>,
    bytes: u64,
}

/// Commits ticks durably.
type Commit<'a> = dyn FnMut(Vec<Inputs>) -> anyhow::Result<()> + 'a;

/// Measures every store paced and as fast as it goes, then both forms of a snapshot.
///
/// # Errors
/// When a file cannot be written or read.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub fn run(args: &StoresArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.folder)?;
    let ticks: Vec<Inputs> =
        (0..args.ticks).map(|tick| inputs(tick, args.a_tick)).collect::<Result<_, _>>()?;
    let bytes: usize = ticks.iter().map(Message::encoded_len).sum();
    println!("{} ticks of {} events, {:.1} MB", args.ticks, args.a_tick, megabytes(bytes as u64));
    println!("store      pace     seconds    MB/s  cpu s   p50 us   p99 us   max us  on disk MB");
    for pace in [Duration::from_millis(10), Duration::ZERO] {
        for store in ["segments", "redb", "fjall"] {
            let folder = tempfile::tempdir_in(&args.folder)?;
            let measured = match store {
                "segments" => segments(folder.path(), &ticks, pace)?,
                "redb" => in_redb(folder.path(), &ticks, pace)?,
                _ => in_fjall(folder.path(), &ticks, pace)?,
            };
            let Measured { seconds, cpu_seconds, latency_us, bytes: on_disk } = measured;
            let at = |quantile| latency_us.value_at_quantile(quantile);
            println!(
                "{store:9}  {:5}  {seconds:9.2}  {:6.1}  {cpu_seconds:5.2}  {:7}  {:7}  {:7}  {:10.1}",
                if pace.is_zero() { "none" } else { "10 ms" },
                megabytes(bytes as u64) / seconds,
                at(0.5),
                at(0.99),
                latency_us.max(),
                megabytes(on_disk)
            );
        }
    }
    snapshots(args)
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn inputs(tick: u64, count: u64) -> anyhow::Result<Inputs> {
    let event = |number: u64| Event {
        at_ms: 1_700_000_000_000 + i64::try_from(tick * 10).unwrap_or(0),
        source: Sym::new("server-eu-1"),
        id: EventId::Position(number),
        player: Sym::new(&format!("player{:05}", below(1, "player", "stores", number, 50_000))),
        kind: Sym::new("combat.kill"),
        target: Sym::new(&format!("target{:02}", below(1, "target", "stores", number, 64))),
        region: Sym::new("northern-meadow"),
        amount: 1,
        with: None,
    };
    let events: Vec<Event> = (tick * count..(tick + 1) * count).map(event).collect();
    Inputs::encode(tick, &events, &[], &[], Numbered::default(), &[]).map_err(anyhow::Error::msg)
}

/// Hands ticks over at their pace.
fn hand_over(ticks: &[Inputs], pace: Duration, mut each: impl FnMut(Handed)) {
    let began = Instant::now();
    for (place, inputs) in (0..).zip(ticks) {
        let due = pace * place;
        while began.elapsed() < due {
            std::thread::park_timeout(due.saturating_sub(began.elapsed()));
        }
        each(Handed { inputs: inputs.clone(), at: Instant::now() });
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are possible")
}

fn note(latency_us: &mut Histogram<u64>, at: Instant) {
    let waited_us = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
    latency_us.record(waited_us).expect("it grows as needed");
}

fn length(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => length(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    lengths.sum()
}

/// Our own journal.
fn segments(folder: &Path, ticks: &[Inputs], pace: Duration) -> anyhow::Result<Measured> {
    let (told, durable) = channel();
    let place = Place { folder: folder.into(), ..Place::default() };
    let journal = JournalWriter::open(place, JournalConfig::default(), None, move |durable| {
        let _nobody_waits = told.send(durable);
    })?;
    let (began, cpu) = (Instant::now(), crate::cpu_seconds());
    let (started, starts) = channel::<(u64, Instant)>();
    let last = ticks.len() as u64 - 1;
    let waiting = std::thread::spawn(move || -> anyhow::Result<Histogram<u64>> {
        let mut latency_us = histogram();
        let mut next = starts.recv()?;
        loop {
            match durable.recv()? {
                Durable::Inputs(tick) => {
                    while next.0 <= tick {
                        note(&mut latency_us, next.1);
                        if next.0 == last {
                            return Ok(latency_us);
                        }
                        next = starts.recv()?;
                    }
                }
                Durable::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
    });
    let mut number = 0;
    hand_over(ticks, pace, |Handed { inputs, at }| {
        let _ended = started.send((number, at));
        number += 1;
        journal.append(Entry::Inputs(inputs));
    });
    let latency_us = waiting.join().map_err(|_| anyhow::anyhow!("the waiting thread panicked"))??;
    let seconds = began.elapsed().as_secs_f64();
    drop(journal);
    Ok(Measured { seconds, cpu_seconds: crate::cpu_seconds() - cpu, latency_us, bytes: length(folder) })
}

/// Any other store: a thread commits what has gathered.
fn gathered(
    ticks: &[Inputs],
    pace: Duration,
    commit: &mut Commit<'_>,
) -> anyhow::Result<(f64, f64, Histogram<u64>)> {
    let (hand, handed): (Sender<Handed>, Receiver<Handed>) = channel();
    let (began, cpu) = (Instant::now(), crate::cpu_seconds());
    let latency_us = std::thread::scope(|scope| {
        scope.spawn(move || hand_over(ticks, pace, |tick| drop(hand.send(tick))));
        let mut latency_us = histogram();
        while let Ok(first) = handed.recv() {
            let mut bytes = 0;
            let (mut group, mut starts) = (Vec::new(), Vec::new());
            for Handed { inputs, at } in std::iter::once(first).chain(handed.try_iter()) {
                bytes += inputs.encoded_len();
                group.push(inputs);
                starts.push(at);
                if bytes > 8 << 20 {
                    break;
                }
            }
            commit(group)?;
            starts.into_iter().for_each(|at| note(&mut latency_us, at));
        }
        anyhow::Ok(latency_us)
    })?;
    Ok((began.elapsed().as_secs_f64(), crate::cpu_seconds() - cpu, latency_us))
}

fn in_redb(folder: &Path, ticks: &[Inputs], pace: Duration) -> anyhow::Result<Measured> {
    const TICKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ticks");
    let store = redb::Database::create(folder.join("journal.redb"))?;
    let mut next = 0;
    let (seconds, cpu_seconds, latency_us) = gathered(ticks, pace, &mut |group| {
        let transaction = store.begin_write()?;
        {
            let mut table = transaction.open_table(TICKS)?;
            for inputs in group {
                table.insert(next, inputs.encode_to_vec().as_slice())?;
                next += 1;
            }
        }
        Ok(transaction.commit()?)
    })?;
    drop(store);
    Ok(Measured { seconds, cpu_seconds, latency_us, bytes: length(folder) })
}

fn in_fjall(folder: &Path, ticks: &[Inputs], pace: Duration) -> anyhow::Result<Measured> {
    let store = fjall::Database::builder(folder).open()?;
    let table = store.keyspace("ticks", fjall::KeyspaceCreateOptions::default)?;
    let mut next = 0_u64;
    let (seconds, cpu_seconds, latency_us) = gathered(ticks, pace, &mut |group| {
        let mut batch = store.batch();
        for inputs in group {
            batch.insert(&table, next.to_be_bytes(), inputs.encode_to_vec());
            next += 1;
        }
        batch.commit()?;
        Ok(store.persist(PersistMode::SyncData)?)
    })?;
    drop((table, store));
    Ok(Measured { seconds, cpu_seconds, latency_us, bytes: length(folder) })
}

/// The former form of a snapshot.
#[derive(Clone, PartialEq, Message)]
struct OneFile {
    #[prost(message, repeated, tag = "3")]
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, tag = "1")]
    operator: String,
    #[prost(string, tag = "2")]
    route: String,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    value: Vec<u8>,
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
fn snapshots(args: &StoresArgs) -> anyhow::Result<()> {
    let operator: Arc<str> = "players".into();
    let row = |number: u64| BaseRow {
        operator: Arc::clone(&operator),
        route: Sym::new(&format!("player{:06}", number / 10)),
        key: format!("quest{:03}/{number}", number % 200).as_bytes().into(),
        value: number.to_le_bytes().repeat(5).into(),
    };
    let rows: Vec<BaseRow> = (0..args.pieces).map(row).collect();
    let folder = tempfile::tempdir_in(&args.folder)?;
    println!("{} pieces   written s   read s   MB", args.pieces);
    let file = folder.path().join("one.snapshot");
    let began = Instant::now();
    let piece = |row: &BaseRow| Piece {
        operator: row.operator.to_string(),
        route: row.route.as_str().to_owned(),
        key: row.key.to_vec(),
        value: row.value.to_vec(),
    };
    let bytes = OneFile { pieces: rows.iter().map(piece).collect() }.encode_to_vec();
    std::fs::write(&file, &bytes)?;
    std::fs::File::open(&file)?.sync_all()?;
    let written = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let read = OneFile::decode(&*std::fs::read(&file)?)?;
    let back = read.pieces.into_iter().map(|piece| BaseRow {
        operator: piece.operator.into(),
        route: Sym::new(&piece.route),
        key: piece.key.into(),
        value: piece.value.into(),
    });
    anyhow::ensure!(back.collect::<Vec<_>>() == rows, "the file gives back other pieces");
    let took = began.elapsed().as_secs_f64();
    println!("protobuf    {written:9.2}  {took:7.2}  {:5.1}", megabytes(bytes.len() as u64));
    let runs = folder.path().join("runs");
    let snapshot = Snapshot { tick: 1, rows, ..Snapshot::default() };
    let began = Instant::now();
    publish(&runs, &snapshot)?;
    let written = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let back = newest(&runs).context("the snapshot is there")?;
    let took = began.elapsed().as_secs_f64();
    anyhow::ensure!(back.rows.len() as u64 == args.pieces, "the run gives back other pieces");
    println!("run         {written:9.2}  {took:7.2}  {:5.1}", megabytes(length(&runs)));
    Ok(())
}
