//! The form of a row inside a SQL view: a filter, a join and a sum over a million rows, then changes of them.
//!
//! A plan knows the types of its columns, so a row can be words without tags. Beside it: the shared row of the
//! views, bytes with tags, and what a compiler makes of the same query. One form a process, for its memory.

use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use differential_dataflow::input::InputSession;
use differential_dataflow::operators::CountTotal as _;
use differential_dataflow::{ExchangeData, VecCollection};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use timely::dataflow::ProbeHandle;
use worldflow_schemas::{Row, Value};
use xxhash_rust::xxh3::xxh3_64;

/// Which form.
#[derive(Debug, clap::Args)]
pub struct SqlRowsArgs {
    /// The form of rows.
    form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Tuples, compiled.
    Native,
    /// Words whose types the plan knows; up to four columns lie in place.
    Words,
    /// Bytes, with a tag before each value.
    Bytes,
    /// The row of the views.
    Shared,
}

const ROWS: usize = 1_000_000;
const QUESTS: u64 = 200;
const ZONES: u64 = 12;
const TICKS: u64 = 2_000;
/// Rows that a tick changes.
const CHANGES: usize = 200;
/// Rows between two steps of the worker while it loads.
const PORTION: usize = 8_192;

/// A row of whole numbers; `None` is null.
trait Columns: ExchangeData + Hash {
    fn make(columns: &[Option<i64>]) -> Self;
    fn get(&self, column: usize) -> Option<i64>;
}

impl Columns for Row {
    fn make(columns: &[Option<i64>]) -> Row {
        columns.iter().map(|column| column.map_or(Value::Null, Value::Int)).collect()
    }

    fn get(&self, column: usize) -> Option<i64> {
        if let Value::Int(value) = self[column] { Some(value) } else { None }
    }
}

/// A tag and eight bytes for each column that is not null; their order is that of the values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
struct Bytes(SmallVec<[u8; 56]>);

impl Columns for Bytes {
    fn make(columns: &[Option<i64>]) -> Bytes {
        let mut bytes = SmallVec::new();
        for column in columns {
            match column {
                None => bytes.push(0),
                Some(value) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&ordered(*value).to_be_bytes());
                }
            }
        }
        Bytes(bytes)
    }

    fn get(&self, column: usize) -> Option<i64> {
        let mut rest = &self.0[..];
        for _ in 0..column {
            rest = &rest[if rest[0] == 0 { 1 } else { 9 }..];
        }
        let word = rest[1..].first_chunk().filter(|_| rest[0] == 1)?;
        Some(value_of(u64::from_be_bytes(*word)))
    }
}

/// First a bit for each column that is null, then a word for each column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Words(SmallVec<[u64; 5]>);

impl Hash for Words {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = [0; 64];
        for (place, word) in bytes.chunks_exact_mut(8).zip(&self.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        state.write_u64(xxh3_64(&bytes[..8 * self.0.len().min(8)]));
    }
}

impl Columns for Words {
    fn make(columns: &[Option<i64>]) -> Words {
        let mut words = SmallVec::with_capacity(columns.len() + 1);
        words.push(0);
        for (place, column) in columns.iter().enumerate() {
            words[0] |= u64::from(column.is_none()) << place;
            words.push(column.map_or(0, ordered));
        }
        Words(words)
    }

    fn get(&self, column: usize) -> Option<i64> {
        (self.0[0] >> column & 1 == 0).then(|| value_of(self.0[column + 1]))
    }
}

/// Words are in the order of their values.
fn ordered(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

fn value_of(word: u64) -> i64 {
    (word ^ (1 << 63)).cast_signed()
}

fn mix(n: u64) -> u64 {
    let x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}

/// Realm, player, quest, state, value, tick.
fn columns(n: usize, version: u64) -> [i64; 6] {
    let n = n as u64;
    let small = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let of = |seed: u64, below: u64| small(mix(seed) % below);
    [
        1,
        small(n / 20),
        of(n, QUESTS),
        of(n + version, 8),
        of(n * 7 + version, 100),
        small(1_000_000 + n + version),
    ]
}

/// `SELECT zone, player, count(*), sum(value) FROM rows JOIN quests USING (quest) WHERE value >= 10 GROUP BY zone, player`
fn query<'scope, F: Columns>(
    rows: VecCollection<'scope, u64, F, isize>,
    quests: VecCollection<'scope, u64, F, isize>,
) -> VecCollection<'scope, u64, F, isize> {
    let rows = rows.filter(|row| row.get(4).is_some_and(|value| value >= 10));
    let rows =
        rows.map(|row: F| (F::make(&[row.get(2)]), F::make(&[row.get(1), row.get(4)]))).arrange_by_key();
    let quests = quests.map(|row: F| (F::make(&[row.get(0)]), F::make(&[row.get(1)]))).arrange_by_key();
    let joined =
        rows.join_core(quests, |_, row, quest| Some((F::make(&[quest.get(0), row.get(0)]), row.get(1))));
    let summed = joined.explode(|(key, value)| Some((key, (1_isize, value.unwrap_or(0) as isize))));
    summed
        .count_total()
        .map(|(key, (count, sum))| F::make(&[key.get(0), key.get(1), Some(count as i64), Some(sum as i64)]))
}

/// The same, compiled.
fn native<'scope>(
    rows: VecCollection<'scope, u64, [i64; 6], isize>,
    quests: VecCollection<'scope, u64, [i64; 6], isize>,
) -> VecCollection<'scope, u64, [i64; 6], isize> {
    let rows = rows.filter(|row| row[4] >= 10).map(|row| (row[2], (row[1], row[4]))).arrange_by_key();
    let quests = quests.map(|row| (row[0], row[1])).arrange_by_key();
    let joined = rows.join_core(quests, |_, (player, value), zone| Some(((*zone, *player), *value)));
    let summed = joined.explode(|(key, value)| Some((key, (1_isize, value as isize))));
    summed.count_total().map(|((zone, player), (count, sum))| [zone, player, count as i64, sum as i64, 0, 0])
}

/// What came out: how long loading took and the changes, and the sum of all sums.
struct Took {
    load: Duration,
    changes: Duration,
    sum: i64,
}

fn measure<R: ExchangeData>(
    make: impl Fn([i64; 6]) -> R + Send + Sync + 'static,
    build: impl for<'scope> Fn(
        VecCollection<'scope, u64, R, isize>,
        VecCollection<'scope, u64, R, isize>,
    ) -> VecCollection<'scope, u64, R, isize>
    + Send
    + Sync
    + 'static,
    sum_of: impl Fn(&R) -> i64 + Send + Sync + 'static,
) -> Took {
    timely::execute_directly(move |worker| {
        let (mut rows, mut quests) = (InputSession::new(), InputSession::new());
        let (probe, sum) = (ProbeHandle::new(), std::rc::Rc::new(std::cell::Cell::new(0)));
        let added = std::rc::Rc::clone(&sum);
        worker.dataflow(|scope| {
            let out = build(rows.to_collection(scope), quests.to_collection(scope));
            out.inspect(move |(row, _, diff)| added.set(added.get() + sum_of(row) * *diff as i64))
                .probe_with(&probe);
        });
        let quest = |n: u64| [n.cast_signed(), (n % ZONES).cast_signed(), 0, 0, 0, 0];
        (0..QUESTS).for_each(|n| quests.insert(make(quest(n))));
        let began = Instant::now();
        for n in 0..ROWS {
            rows.insert(make(columns(n, 0)));
            if n % PORTION == 0 {
                rows.flush();
                worker.step();
            }
        }
        let mut sealed = |rows: &mut InputSession<u64, R, isize>, tick: u64| {
            rows.advance_to(tick);
            quests.advance_to(tick);
            rows.flush();
            quests.flush();
            worker.step_while(|| probe.less_than(&tick));
        };
        sealed(&mut rows, 1);
        let (load, began) = (began.elapsed(), Instant::now());
        let mut versions = vec![0; ROWS];
        for tick in 1..=TICKS {
            for change in 0..CHANGES {
                let n = (usize::try_from(tick).unwrap_or(0) * CHANGES + change) * 4_999 % ROWS;
                rows.remove(make(columns(n, versions[n])));
                versions[n] = tick;
                rows.insert(make(columns(n, tick)));
            }
            sealed(&mut rows, tick + 1);
        }
        Took { load, changes: began.elapsed(), sum: sum.get() }
    })
}

fn formed<F: Columns>() -> Took {
    measure(|columns| F::make(&columns.map(Some)), query::<F>, |row: &F| row.get(3).unwrap_or(0))
}

/// Runs the query in one form and prints what it took.
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the numbers are the result")]
pub fn run(args: &SqlRowsArgs) {
    let Took { load, changes, sum } = match args.form {
        Form::Native => measure(|columns| columns, native, |row| row[3]),
        Form::Words => formed::<Words>(),
        Form::Bytes => formed::<Bytes>(),
        Form::Shared => formed::<Row>(),
    };
    let updates = TICKS as f64 * CHANGES as f64 * 2.0;
    println!("form           {:?}", args.form);
    println!(
        "load           {:.2} s, {:.0} ns a row",
        load.as_secs_f64(),
        load.as_nanos() as f64 / ROWS as f64
    );
    println!(
        "changes        {:.2} s, {:.0} ns an update",
        changes.as_secs_f64(),
        changes.as_nanos() as f64 / updates
    );
    println!("memory         {} MiB at most", crate::peak_memory_mib());
    println!("sum            {sum}, the same in every form");
}
