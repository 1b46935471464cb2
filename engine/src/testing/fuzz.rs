//! What fuzzers of the engine's files call, and how good inputs are changed for them.
//!
//! A target takes any bytes. It may refuse them; it must not panic, loop, or take more memory than they are worth.
//! What stands under a checksum would never be reached by chance, so of each form there is a target that puts the right
//! checksum to whatever it is given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use worldflow_schemas::base::BaseRow;
use worldflow_schemas::{Event, EventId, Sym, Tick};

use super::setting;
use super::simulation::{Chance, SimulatedDisk};
use crate::disk::{Disk, Folder};
use crate::doctor::examine;
use crate::journal::{Inputs, JournalReader, Numbered, framed, group};
use crate::snapshot::{Snapshot, newest, publish};

/// A fuzz target: its name, what it does, and good inputs.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// The targets of the engine.
pub const TARGETS: [Target; 5] = [
    ("segment", segment, segments),
    ("segment_payload", payload, payloads),
    ("snapshot_run", run, || files("run")),
    ("snapshot_manifest", manifest, || files("manifest")),
    ("snapshot_ids", ids, || files("ids")),
];

fn disk(files: &[(&str, &[u8])]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(Chance::new(1));
    for folder in ["/d", "/d/journal", "/d/snapshots"] {
        disk.make_folder(Path::new(folder)).expect("it is not there");
    }
    let of_any_world: &[u8] =
        br#"{"version": 1, "eras": [{"after": null, "world": {"name": "tiny", "seed": 1, "tick_ms": 10}}]}"#;
    for (path, bytes) in files.iter().chain(&[("/d/worlds.json", of_any_world)]) {
        let mut file = disk.create(Path::new(path)).expect("it is not there");
        file.append(bytes).expect("there is room");
    }
    disk
}

fn folder(disk: &SimulatedDisk) -> Folder {
    Folder { disk: disk.shared(), path: "/d".into() }
}

/// Reads a journal of one segment, as a start would, and again what that has left: it must be the same.
fn segment(bytes: &[u8]) {
    let disk = disk(&[("/d/journal/000000000001.journal", bytes)]);
    let read = || {
        let mut ticks = Vec::new();
        let mut reader = JournalReader::open(folder(&disk).join("journal"), None).ok()?;
        while reader.next_segment(&mut |tick| ticks.push(tick)).ok()? {}
        Some((ticks, reader.recovered().last))
    };
    let examined = examine(folder(&disk)).expect("it can be read");
    let first = read();
    assert_eq!(examined.is_sound(), first.is_some(), "{:?}", examined.problems);
    assert_eq!(first, read(), "it is the same when it is read again");
    for tick in first.into_iter().flat_map(|(ticks, _)| ticks) {
        // What was read can be written, and read.
        let sealed = &tick.sealed;
        if sealed.commands.is_empty() {
            let (tick_of, floors) = (sealed.tick, &tick.floors);
            let again = Inputs::encode(tick_of, &sealed.events, &[], floors, tick.numbered, &tick.reached);
            assert!(again.is_ok());
        }
    }
}

fn payload(bytes: &[u8]) {
    segment(&framed(bytes));
}

fn good_disk() -> SimulatedDisk {
    let disk = disk(&[]);
    let rows = (0..50).map(|number: u32| BaseRow {
        operator: if number < 20 { "counts" } else { "quests" }.into(),
        route: Sym::new(&format!("p{}", number % 5)),
        key: number.to_be_bytes().as_slice().into(),
        value: vec![7; number as usize].into(),
    });
    let mut dedupe = crate::dedupe::Dedupe::default();
    let event = |id: &EventId| (Sym::new("test"), id.clone());
    let named = [EventId::Named("a".into()), EventId::Named("b".into()), EventId::Position(4)];
    let ids: Vec<_> = named.iter().map(event).collect();
    let ids = ids.iter().map(|(source, id)| (*source, id));
    let none: [(Sym, &EventId); 0] = [];
    let sealed = crate::dedupe::SealedIds::new(ids, none.into_iter(), Numbered::default());
    dedupe.sealed(3, &sealed, &[("test".into(), 4)]);
    let snapshot = Snapshot { tick: 7, rows: rows.collect(), dedupe, ..Snapshot::default() };
    publish(folder(&disk).join("snapshots"), &snapshot).expect("it can be written");
    disk
}

fn files(extension: &str) -> Vec<Vec<u8>> {
    static GOOD: OnceLock<SimulatedDisk> = OnceLock::new();
    let disk = GOOD.get_or_init(good_disk);
    let listed = disk.list(Path::new("/d/snapshots")).expect("it is there");
    let wanted = listed.iter().filter(|path| path.extension().is_some_and(|it| it == extension));
    wanted.map(|path| disk.read(path).expect("it is there")).collect()
}

/// Reads the snapshot whose files these are, whatever is wrong with them.
fn read(run: &[u8], ids: &[u8], manifest: &[u8]) {
    let disk = disk(&[
        ("/d/snapshots/000000000001.run", run),
        ("/d/snapshots/000000000002.ids", ids),
        ("/d/snapshots/00000000000000000007.manifest", manifest),
    ]);
    let found = newest(folder(&disk).join("snapshots"));
    let _problems = examine(folder(&disk)).expect("it can be read");
    let Some(found) = found else { return };
    // What was read can be written, and read.
    publish(folder(&disk).join("snapshots"), &Snapshot { tick: Tick::MAX, ..found.clone() })
        .expect("there is room");
    let again = newest(folder(&disk).join("snapshots")).expect("it has just been written");
    assert_eq!(sorted(&again), sorted(&found), "what was written is what is read");
}

fn sorted(snapshot: &Snapshot) -> Vec<(&str, &str, &[u8], &[u8])> {
    let mut rows: Vec<(&str, &str, &[u8], &[u8])> = (snapshot.rows.iter())
        .map(|row| (&*row.operator, row.route.as_str(), &*row.key, &*row.value))
        .collect();
    rows.sort_unstable();
    rows
}

/// A manifest that says the truth of these files.
fn true_manifest(run: &[u8], ids: &[u8]) -> Vec<u8> {
    let said = format!(
        "{{\"version\":4,\"tick\":7,\"epoch\":\"0\",\"state_hash\":null,\"runs\":[{{\"number\":1,\"pieces\":50,\"bytes\":{},\"crc32\":{}}}],\"ids\":{{\"number\":2,\"bytes\":{},\"crc32\":{}}}}}",
        run.len(),
        crc32fast::hash(run),
        ids.len(),
        crc32fast::hash(ids)
    );
    format!("{{\"manifest\":{said},\"crc32\":{}}}", crc32fast::hash(said.as_bytes())).into_bytes()
}

fn run(bytes: &[u8]) {
    let ids = files("ids").remove(0);
    read(bytes, &ids, &true_manifest(bytes, &ids));
}

fn ids(bytes: &[u8]) {
    let run = files("run").remove(0);
    read(&run, bytes, &true_manifest(&run, bytes));
}

fn manifest(bytes: &[u8]) {
    read(&files("run").remove(0), &files("ids").remove(0), bytes);
}

fn good_inputs() -> Vec<Inputs> {
    let event = |number: u64| Event {
        at_ms: 1_700_000_000_000,
        source: "test".into(),
        id: if number.is_multiple_of(2) { EventId::Position(number) } else { EventId::Named("id".into()) },
        player: "ada".into(),
        kind: "kill".into(),
        target: "wolf".into(),
        region: Sym::NONE,
        amount: 3,
        with: None,
    };
    let numbered = Numbered { events: 1, commands: 0 };
    let reached = [crate::positions::Reached {
        source: "stream".into(),
        part: "shard".into(),
        position: Some("49".into()),
    }];
    (1..4)
        .map(|tick| {
            let events: Vec<_> = (0..tick).map(event).collect();
            let floors = [("test".into(), 2)];
            Inputs::encode(tick * 3, &events, &[], &floors, numbered, &reached).expect("plain events")
        })
        .collect()
}

fn payloads() -> Vec<Vec<u8>> {
    vec![group(good_inputs(), None, &[]), group(Vec::new(), Some(9), &[(1, 40)])]
}

fn segments() -> Vec<Vec<u8>> {
    vec![payloads().iter().flat_map(|payload| framed(payload)).collect()]
}

/// Gives a target changes of what is good: so many, or as many as `WORLDFLOW_FUZZ` says, from the seed that
/// `WORLDFLOW_FUZZ_SEED` says. `chance` goes on to what a case draws besides.
///
/// # Panics
/// When the target does, or takes long; the message says how to have that case again.
pub fn fuzz(name: &str, cases: u64, good: &[Vec<u8>], target: &mut dyn FnMut(&[u8], &mut Chance)) {
    let first = setting("WORLDFLOW_FUZZ_SEED", 1);
    let count = setting("WORLDFLOW_FUZZ", cases);
    for seed in first..first + count {
        let mut chance = Chance::new(seed);
        let (one, other) = (chance.place(good.len()), chance.place(good.len()));
        let bytes = mutate(&mut chance, &good[one], &good[other]);
        let again =
            || format!("{name}: again: this test alone, with WORLDFLOW_FUZZ_SEED={seed} WORLDFLOW_FUZZ=1");
        let began = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(|| target(&bytes, &mut chance)));
        assert!(passed.is_ok(), "{}", again());
        assert!(began.elapsed() <= MOST_TIME, "it took {:?}; {}", began.elapsed(), again());
    }
}

/// No case takes longer, on however busy a machine.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Changes good bytes in a few places, by some of other good ones.
#[must_use]
pub fn mutate(chance: &mut Chance, good: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=chance.place(4) {
        let at = chance.place(bytes.len());
        let end = at + chance.place(9).min(bytes.len() - at);
        match chance.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            1 if !bytes.is_empty() => bytes[at] = chance.below(256) as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, chance.one_of(b"{}[]\",:09eE-+.\n \\\xff\0\x7f\x80")),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let from = chance.place(other.len());
                let to = from + chance.place((other.len() - from).min(64) + 1);
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            // What a length could be.
            6 => drop(bytes.splice(at..end, chance.one_of(&LENGTHS).to_le_bytes())),
            7 => drop(bytes.splice(at..end, [0xff; 9].into_iter().take(1 + chance.place(9)))),
            _ => drop(bytes.splice(at..at, b"99999999999999999999".iter().copied())),
        }
    }
    bytes
}

/// Numbers that are the largest of something.
const LENGTHS: [u64; 6] = [0x7f, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX >> 1, u64::MAX];
