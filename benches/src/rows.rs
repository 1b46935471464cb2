//! A row as shared values beside a row as packed bytes: what each costs to make and to use.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHasher;
use worldflow_schemas::{Row, Sym, Value};

const ROWS: usize = 100_000;

/// Builds, clones, hashes and compares rows of `objective_progress` in both forms.
pub fn run() {
    let syms: Vec<Sym> = (0..ROWS).map(|n| Sym::new(&format!("player{n:06}"))).collect();
    let names: [Sym; 5] = ["realm", "player", "quest", "all", "objective"].map(Sym::new);
    let values = |n: usize| -> [Value; 11] {
        [
            Value::Sym(names[0]),
            Value::Sym(names[1]),
            Value::Sym(syms[n]),
            Value::Sym(names[2]),
            Value::Sym(names[3]),
            Value::Sym(names[4]),
            Value::Int(1),
            Value::Int(i64::try_from(n % 30).unwrap_or(0)),
            Value::Int(30),
            Value::Bool(false),
            Value::Bool(false),
        ]
    };
    measure("Arc<[Value]>", |n| Row::from(values(n)));
    measure("packed bytes", |n| packed(&values(n)));
}

/// One byte of kind, then the value: an id by its number, which means something in this process only.
fn packed(values: &[Value]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(96);
    for value in values {
        match value {
            Value::Null => bytes.push(0),
            Value::Bool(is) => bytes.extend([1, u8::from(*is)]),
            Value::Int(n) | Value::Dec(n) => {
                bytes.push(2);
                bytes.extend(n.to_le_bytes());
            }
            Value::Sym(sym) => {
                bytes.push(3);
                bytes.extend(u32::try_from(sym.index()).unwrap_or(0).to_le_bytes());
            }
            Value::Text(text) => {
                bytes.push(4);
                bytes.extend(text.as_bytes());
            }
        }
    }
    bytes.into()
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
fn measure<R: Clone + Ord + Hash>(what: &str, build: impl Fn(usize) -> R) {
    let (built, rows) = timed(|| (0..ROWS).map(&build).collect::<Vec<R>>());
    let (cloned, copies) = timed(|| rows.clone());
    let (hashed, _) = timed(|| {
        rows.iter().fold(0_u64, |sum, row| {
            let mut hasher = FxHasher::default();
            row.hash(&mut hasher);
            sum.wrapping_add(hasher.finish())
        })
    });
    let (compared, _) = timed(|| rows.iter().zip(&copies[1..]).filter(|(a, b)| a < b).count());
    drop(copies);
    let (dropped, ()) = timed(|| drop(rows));
    println!(
        "{what}  build {built:5.1}  clone {cloned:5.1}  hash {hashed:5.1}  compare {compared:5.1}  drop {dropped:5.1}  ns a row"
    );
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let result = std::hint::black_box(work());
    (began.elapsed().as_secs_f64() * 1e9 / ROWS as f64, result)
}
