//! World files, mappings and recordings, changed at random: whatever stands in them is read or refused, and never a
//! panic.
//!
//! `WORLDFLOW_FUZZ` says how many cases each target gets, `WORLDFLOW_FUZZ_SEED` where they begin, as for the
//! engine's files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use worldflow::world::{Folder, check, open_mapping};
use worldflow_engine::testing::fuzz::fuzz;
use worldflow_sources::recording::{Mapping, Recording, convert};

const LINES: &str = r#"{"at": 1700000000000, "player": "ann", "kind": "kill", "target": "wolf", "amount": 2, "with": {"weapon": "bow", "damage": 2.5}}
{"at": "2024-01-01T00:00:01Z", "id": "x1", "player": "bo", "kind": "quest.accept", "target": "wolf_hunt", "region": "moor"}
{"at": 1700000002000, "clock": {"set_scale": {"world": 60, "real": 1}}}
{"at": 1700000003000, "grant": {"grant": "g/player:ann/1/pelt/ann", "delivered": false, "reason": "full"}}
{"at": 1700000004000, "entity": {"entity": "smith", "upsert": {"kind": "npc", "tags": ["trader"], "properties": {"hp": 10, "open": true}}}}
"#;
/// Lines of another layout, which the mapping of skirmish reads.
const MAPPED: &str = r#"{"match": "m1", "type": "UnitDiedEvent", "frame": 160, "killer": 1, "victim_owner": 2, "unit": "Zergling", "x": 10, "y": 20}
{"match": "m1", "type": "UpgradeCompleteEvent", "frame": 320, "pid": 1, "upgrade": "Stimpack"}
{"match": "m2", "type": "PlayerStatsEvent", "frame": 16, "pid": 2, "minerals": 50, "vespene": 0, "killed": 3}
{"match": "m2", "type": "PlayerLeaveEvent", "frame": 900, "pid": 2}
"#;

fn greenvale() -> Vec<(String, Vec<u8>)> {
    fn read(root: &Path, folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                read(root, &path, into);
            } else {
                let name = path.strip_prefix(root).expect("within").to_str().expect("a name").to_owned();
                into.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/greenvale");
    let mut files = Vec::new();
    read(&root, &root, &mut files);
    files.sort();
    files
}

#[test]
fn whatever_stands_in_a_world_is_checked() {
    let files = greenvale();
    let good: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
    fuzz("world", 300, &good, &mut |bytes, chance| {
        let changed = chance.place(files.len());
        let named = files.iter().enumerate().map(|(place, (name, good))| {
            (name.as_str(), if place == changed { bytes } else { good.as_slice() })
        });
        // What is wrong can be shown.
        let _shown = check(&Folder::of(named)).to_string();
    });
}

fn in_file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn skirmish_map() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/skirmish/map.yaml")
}

#[test]
fn whatever_stands_in_a_mapping_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = std::fs::read(skirmish_map()).expect("a file");
    let lines = in_file(folder.path(), "lines.ndjson", MAPPED.as_bytes());
    fuzz("mapping", 1_000, &[good], &mut |bytes, _| {
        if let Ok(mapping) = open_mapping(&in_file(folder.path(), "map.yaml", bytes)) {
            drain(&lines, Some(&mapping));
        }
    });
}

/// Reads a recording to its end, or to where it is damaged.
fn drain(path: &Path, mapping: Option<&Mapping>) {
    let Ok(mut recording) = Recording::open(path, mapping) else { return };
    while let Ok(Some(block)) = recording.next_block() {
        block.into_items().for_each(drop);
    }
}

#[test]
fn whatever_stands_in_a_recording_is_read_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = in_file(folder.path(), "good.ndjson", LINES.as_bytes());
    let binary = folder.path().join("good.wfr");
    let (events, others, bad) =
        convert(&mut Recording::open(&plain, None).expect("good"), &binary).expect("good");
    assert_eq!((events, others, bad.len()), (2, 3, 0));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(LINES.as_bytes()).expect("in memory");
    let forms = [LINES.into(), gzip.finish().expect("in memory"), std::fs::read(&binary).expect("a file")];
    fuzz("recording", 3_000, &forms, &mut |bytes, _| drain(&in_file(folder.path(), "bytes", bytes), None));
    let mapping = open_mapping(&skirmish_map()).expect("good");
    fuzz("mapped recording", 3_000, &[MAPPED.into()], &mut |bytes, _| {
        drain(&in_file(folder.path(), "lines", bytes), Some(&mapping));
    });
}
