//! Runs written, merged, damaged, and not what they say.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::testing::fuzz::mutate;
use crate::testing::simulation::Chance;

type State = BTreeMap<(String, String, Vec<u8>), Vec<u8>>;

fn write(folder: &Folder, number: u64, pieces: &[(&str, &str, &[u8], Option<&[u8]>)]) -> RunFile {
    let mut run = RunWriter::create(folder, number).expect("writable");
    for (operator, route, key, value) in pieces {
        run.push((operator, route, key), *value).expect("writable");
    }
    run.finish().expect("writable")
}

fn state(rows: Vec<BaseRow>) -> State {
    let piece = |row: BaseRow| {
        ((row.operator.to_string(), row.route.as_str().to_owned(), row.key.to_vec()), row.value.to_vec())
    };
    rows.into_iter().map(piece).collect()
}

#[test]
fn the_newest_run_says_what_a_piece_is_and_merging_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = &folder.path().into();
    let runs = [
        write(
            folder,
            1,
            &[("a", "x", b"1", Some(b"old")), ("a", "y", b"1", Some(b"y")), ("b", "", b"", Some(b""))],
        ),
        write(folder, 2, &[("a", "x", b"1", Some(b"new")), ("b", "", b"", None)]),
        write(folder, 3, &[("a", "x", b"0", Some(b"0")), ("a", "y", b"1", None), ("c", "z", b"k", None)]),
    ];
    let expected: State = BTreeMap::from([
        (("a".to_owned(), "x".to_owned(), b"0".to_vec()), b"0".to_vec()),
        (("a".to_owned(), "x".to_owned(), b"1".to_vec()), b"new".to_vec()),
    ]);
    let stop = AtomicBool::new(false);
    assert_eq!(state(load(folder, &runs).expect("readable")), expected);
    let all = merge(folder, &runs, 4, true, &stop).ok().expect("merged");
    assert_eq!((all.pieces, state(load(folder, &[all]).expect("readable"))), (2, expected.clone()));
    let newer = merge(folder, &runs[1..], 5, false, &stop).ok().expect("merged");
    assert_eq!(newer.pieces, 5, "what is gone is still said");
    assert_eq!(state(load(folder, &[runs[0].clone(), newer]).expect("readable")), expected);
    stop.store(true, Load::Relaxed);
    assert!(merge(folder, &runs, 6, true, &stop).is_ok(), "a small one is done before anybody asks");
}

#[test]
fn a_byte_that_differs_is_found_before_anything_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = write(&folder.path().into(), 1, &[("a", "x", b"1", Some(b"v"))]);
    let path = path(&folder.path().into(), 1);
    let whole = fs::read(&path).expect("readable");
    assert!(check(&SharedDisk::default(), &path, run.bytes, run.crc32).is_ok());
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).expect("writable");
        assert!(load(&folder.path().into(), std::slice::from_ref(&run)).is_err(), "byte {place}");
        assert!(check(&SharedDisk::default(), &path, run.bytes, run.crc32).is_err(), "byte {place}");
    }
}

#[test]
fn a_run_that_is_not_what_it_says_is_an_error_wherever_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Folder::from(folder.path());
    let good = write(&folder, 1, &[("a", "r", b"1", Some(b"x")), ("a", "r", b"2", Some(b"y"))]);
    let file = path(&folder, 1);
    let bytes = std::fs::read(&file).expect("written");
    for seed in 0..400 {
        let changed = mutate(&mut Chance::new(seed), &bytes, &bytes);
        std::fs::write(&file, &changed).expect("writable");
        let run = RunFile { bytes: changed.len() as u64, crc32: crc32fast::hash(&changed), ..good.clone() };
        let loaded = load(&folder, std::slice::from_ref(&run));
        let merged = merge(&folder, &[run], 2, true, &AtomicBool::new(false));
        assert_eq!(loaded.is_ok(), merged.is_ok(), "seed {seed}");
    }
}

#[test]
fn runs_stay_few_and_a_piece_is_rewritten_seldom() {
    let run = |bytes| RunFile { number: 0, pieces: 0, bytes, crc32: 0 };
    let mut runs: Vec<RunFile> = Vec::new();
    let (mut written, mut most) = (0, 0);
    for _ in 0..1000 {
        runs.push(run(10));
        while let Some(first) = first_to_merge(&runs) {
            let bytes = runs[first..].iter().map(|run| run.bytes).sum();
            written += bytes;
            runs.truncate(first);
            runs.push(run(bytes));
        }
        most = most.max(runs.len());
    }
    assert!(most <= 10, "{most} runs");
    assert!(written <= 10 * 10_000, "{written} bytes for 10,000");
    // A small state under a large one leaves the large one alone.
    assert_eq!(first_to_merge(&[run(1000), run(10), run(10)]), Some(1));
    assert_eq!(first_to_merge(&[run(1000), run(10)]), None);
}
