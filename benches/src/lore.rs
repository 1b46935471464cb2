//! Lore: exact search of ten thousand chunks, by words and by vectors.

use std::time::{Duration, Instant};

use worldflow_operators::lore::rows;
use worldflow_schemas::chance::below;
use worldflow_schemas::definitions::LoreDef;
use worldflow_schemas::{Row, Sym};
use worldflow_sinks::lore::{Asker, Index, LoreChunk};

/// How much lore is searched.
#[derive(Clone, Debug, clap::Args)]
pub struct LoreArgs {
    /// Chunks of about a thousand characters.
    #[arg(long, default_value_t = 10_000)]
    chunks: usize,
    /// Numbers of a vector; 384 are those of MiniLM.
    #[arg(long, default_value_t = 384)]
    dimensions: usize,
    /// Searches measured of each kind.
    #[arg(long, default_value_t = 2_000)]
    searches: usize,
}

/// Builds the lore, searches it, and prints what that takes.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub fn run(args: &LoreArgs) {
    let before = memory_mib();
    let (cut, chunks) = timed(|| documents(args.chunks));
    println!("chunks         {} of {} bytes on average", chunks.len(), mean_bytes(&chunks));
    println!("cut in         {:.0} ms", millis(cut));
    let with_chunks = memory_mib();
    let (filled, mut index) = timed(|| Index::of(&chunks));
    println!(
        "taken in       {:.0} ms, {} MiB beside the rows' {}",
        millis(filled),
        memory_mib().saturating_sub(with_chunks),
        with_chunks.saturating_sub(before)
    );
    let asker = Asker::Npc { id: "npc7".to_owned(), tags: vec!["wise".to_owned()] };
    let (question, anyone) = (|n: usize| text(n * 31 + 5, 12), Asker::Anyone);
    search("words, 12", args.searches, |n| index.by_words(&question(n), &anyone, 8).len());
    search("words, npc", args.searches, |n| index.by_words(&question(n), &asker, 8).len());
    let with_words = memory_mib();
    let (embedded, ()) = timed(|| {
        for row in &chunks {
            let digest = LoreChunk::of(row).digest;
            let vector = vector(&digest, args.dimensions);
            assert!(index.embed(&digest, &vector), "a vector with a direction");
        }
    });
    println!(
        "vectors in     {:.0} ms, {} MiB for {} numbers each",
        millis(embedded),
        memory_mib().saturating_sub(with_words),
        args.dimensions
    );
    let asked: Vec<Vec<f32>> = (0..64).map(|n| vector(&n.to_string(), args.dimensions)).collect();
    let by_vector =
        |n: usize, asker: &Asker| index.by_vector(&asked[n % 64], asker, 8).map_or(0, |hits| hits.len());
    search("vectors", args.searches, |n| by_vector(n, &anyone));
    search("vectors, npc", args.searches, |n| by_vector(n, &asker));
    let (edited, ()) = timed(|| {
        for n in 0..1_000 {
            index.insert(LoreChunk::of(&chunks[n * 7 % chunks.len()]));
        }
    });
    println!("an edit        {:.1} us a chunk", millis(edited));
    println!("peak memory    {} MiB", crate::peak_memory_mib());
}

/// Rows of documents of some ten chunks each, a third of them known to some only.
fn documents(wanted: usize) -> Vec<Row> {
    let mut all = Vec::with_capacity(wanted);
    for document in 0.. {
        let paragraphs: Vec<String> = (0..20).map(|n| text(document * 20 + n, 85)).collect();
        let known_by = (document % 3 == 0).then(|| vec![format!("npc{}", document % 17), "wise".to_owned()]);
        let def = LoreDef { text: paragraphs.join("\n\n"), known_by, ..LoreDef::default() };
        let rows = rows(Sym::new("bench"), Sym::new(&format!("document{document}")), &def);
        all.extend(rows.into_values().take(wanted - all.len()));
        if all.len() == wanted {
            break;
        }
    }
    all
}

/// Words by Zipf's law, of twenty thousand.
fn text(seed: usize, words: u64) -> String {
    let word = |n: u64| {
        let draw = |most: u64| below(1, "lore", &seed.to_string(), n, most);
        let rank = draw(1 << draw(15)).min(20_000);
        // Five letters and more for what is rare.
        format!("w{rank:x}{}", "abcdefgh".get(..usize::try_from(rank % 7).unwrap_or(0)).unwrap_or(""))
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

fn vector(key: &str, dimensions: usize) -> Vec<f32> {
    let draw = |n: usize| below(2, "vector", key, n as u64, 2_001);
    (0..dimensions).map(|n| f32::from(u16::try_from(draw(n)).unwrap_or(0)) / 1_000.0 - 1.0).collect()
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
fn search(what: &str, searches: usize, once: impl Fn(usize) -> usize) {
    let mut found = 0;
    let mut times: Vec<Duration> = (0..searches.max(1))
        .map(|n| {
            let (took, hits) = timed(|| once(n));
            found += hits;
            took
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!(
        "{what:14} p50 {:6.0} us   p99 {:6.0} us   {:.1} found",
        at(50),
        at(99),
        mean(found, times.len())
    );
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mean(sum: usize, n: usize) -> f64 {
    sum as f64 / n as f64
}

fn mean_bytes(rows: &[Row]) -> usize {
    rows.iter().map(|row| LoreChunk::of(row).text.len()).sum::<usize>() / rows.len().max(1)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = std::hint::black_box(work());
    (began.elapsed(), result)
}

/// The memory that this process holds, from the kernel.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
