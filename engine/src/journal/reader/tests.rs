//! Journals that are whole, cut, damaged, shortened, and of the versions before.

use std::fs;
use std::sync::mpsc::channel;

use super::super::record::{Group, Record, frame};
use super::super::writer::{Durable, Entry, JournalConfig, JournalWriter, Place};
use super::super::{Inputs, Numbered};
use super::*;

/// Writes ticks 1 to 5, of which the second cannot be decoded when `bad`, after a reservation up to 50.
fn written(folder: &Path, segment_bytes: usize, bad: bool) {
    let (told, durable) = channel();
    let config = JournalConfig { segment_bytes, sync: false };
    let place = Place { folder: folder.into(), ..Place::default() };
    let journal = JournalWriter::open(place, config, None, move |durable| {
        told.send(durable).expect("the test listens");
    })
    .expect("opens");
    journal.append(Entry::Reserve(50));
    assert!(matches!(durable.recv(), Ok(Durable::Reserved(50))));
    for tick in 1..=5 {
        let mut inputs = Inputs::encode(tick, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
        if bad && tick == 2 {
            inputs.events = vec![0xff; 20];
        }
        journal.append(Entry::Inputs(inputs));
        assert!(matches!(durable.recv(), Ok(Durable::Inputs(told)) if told == tick));
    }
}

type Read = (Vec<Tick>, Option<Tick>);

fn drained(mut reader: JournalReader) -> Result<Read, JournalError> {
    let mut ticks = Vec::new();
    while reader.next_segment(&mut |tick| ticks.push(tick.sealed.tick))? {}
    Ok((ticks, reader.recovered().last))
}

fn read(folder: &Path, loaded: Option<Tick>) -> Result<Read, JournalError> {
    drained(JournalReader::open(folder, loaded)?)
}

#[test]
fn what_version_2_wrote_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let inputs = Inputs::encode(7, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
    assert!(inputs.reached.is_empty(), "as it was then");
    let records = vec![Record { body: Some(Body::Inputs(inputs)) }];
    let frame = frame(&Group { version: 2, records, after: None, ended: Vec::new() });
    fs::write(folder.path().join(format!("000000000001.{SEGMENT}")), frame).expect("writable");
    assert_eq!(read(folder.path(), None).expect("readable"), (vec![7], Some(7)));
}

#[test]
fn what_is_of_another_version_is_refused_by_its_number() {
    for version in [0, 1, super::super::record::VERSION + 1] {
        let folder = tempfile::tempdir().expect("a folder");
        let records = vec![Record { body: Some(Body::Reserved(3)) }];
        let frame = frame(&Group { version, records, after: None, ended: Vec::new() });
        fs::write(folder.path().join(format!("000000000001.{SEGMENT}")), frame).expect("writable");
        let refused = read(folder.path(), None).expect_err("it is not known").to_string();
        assert!(refused.contains(&format!("written in version {version} of the journal")), "{refused}");
    }
}

#[test]
fn what_a_snapshot_holds_is_not_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 1 << 20, true);
    assert_eq!(segments(&folder.path().into()).expect("readable").len(), 1);
    assert_eq!(read(folder.path(), Some(2)).expect("readable"), (vec![3, 4, 5], Some(50)));
    assert!(matches!(read(folder.path(), Some(1)), Err(JournalError::Corrupt { .. })));
}

#[test]
fn segments_that_a_snapshot_holds_are_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 0, true);
    let all = segments(&folder.path().into()).expect("readable");
    assert_eq!(all.len(), 6);
    fs::write(&all[1], [7; 100]).expect("writable");
    assert_eq!(read(folder.path(), Some(3)).expect("readable"), (vec![4, 5], Some(50)));
    assert!(matches!(read(folder.path(), None), Err(JournalError::Corrupt { .. })));
}

#[test]
fn removed_segments_are_those_before_the_tick_and_a_gap_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 0, true);
    let all = segments(&folder.path().into()).expect("readable");
    assert!(begins_at_the_beginning(&folder.path().into()));
    assert!(remove_through(&folder.path().into(), 3).expect("removable"));
    assert!(!begins_at_the_beginning(&folder.path().into()));
    assert!(!remove_through(&folder.path().into(), 3).expect("removable"));
    // The first holds the reservation, the next three the ticks.
    assert_eq!(segments(&folder.path().into()).expect("readable"), all[4..]);
    assert_eq!(read(folder.path(), Some(3)).expect("readable"), (vec![4, 5], Some(50)));
    for loaded in [None, Some(2)] {
        assert!(matches!(read(folder.path(), loaded), Err(JournalError::Removed { after: 3, .. })));
    }
    remove_through(&folder.path().into(), 100).expect("removable");
    assert_eq!(segments(&folder.path().into()).expect("readable"), all[5..]);
}

#[test]
fn looking_reads_no_more_than_is_wanted_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 0, false);
    let all = segments(&folder.path().into()).expect("readable");
    let torn = fs::read(&all[0]).expect("readable");
    fs::write(&all[5], &torn[..torn.len() - 1]).expect("writable");
    let look = |until| drained(JournalReader::look(folder.path(), Some(1), until)?);
    assert_eq!(look(3).expect("readable").0, [2, 3]);
    assert_eq!(look(Tick::MAX).expect("readable").0, [2, 3, 4]);
    assert_eq!(fs::read(&all[5]).expect("readable").len(), torn.len() - 1);
    assert_eq!(last_known(&folder.path().into()).expect("readable"), Some(50));
}

#[test]
fn a_gap_before_what_is_not_read_is_refused_if_it_may_hold_what_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 0, false);
    let all = segments(&folder.path().into()).expect("readable");
    let look = |until| drained(JournalReader::look(folder.path(), None, until)?);
    assert_eq!(look(3).expect("whole").0, [1, 2, 3]);
    assert!(follow_each_other(&folder.path().into()).is_ok());
    // That of tick 3.
    fs::remove_file(&all[3]).expect("removable");
    assert!(matches!(look(3), Err(JournalError::Missing { after: 3, found: Some(2), .. })));
    assert_eq!(look(2).expect("all that is wanted is there").0, [1, 2]);
    let order = follow_each_other(&folder.path().into());
    assert!(matches!(order, Err(JournalError::Missing { after: 3, .. })), "{order:?}");
    // A snapshot holds it.
    assert_eq!(read(folder.path(), Some(4)).expect("readable").0, [5]);
}

#[test]
fn a_segment_that_was_copied_behind_the_others_is_refused_and_nothing_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 0, false);
    let all = segments(&folder.path().into()).expect("readable");
    let copied = segment_path(&folder.path().into(), 99);
    fs::copy(&all[2], &copied).expect("writable");
    let is_it =
        |error: JournalError| matches!(error, JournalError::OutOfOrder { path, .. } if path == copied);
    for loaded in [None, Some(3)] {
        assert!(is_it(read(folder.path(), loaded).expect_err("it is out of order")));
        assert!(is_it(needed_after(&folder.path().into(), loaded).expect_err("it is out of order")));
    }
    assert!(is_it(remove_through(&folder.path().into(), 4).expect_err("it is out of order")));
    assert!(is_it(follow_each_other(&folder.path().into()).expect_err("it is out of order")));
    assert_eq!(segments(&folder.path().into()).expect("readable").len(), 7);
}

#[test]
fn what_a_failed_write_has_left_is_cut_and_rubbish_before_a_good_frame_is_refused() {
    for rubbish in [&[0xa5; 40][..], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7], &[1; 5000]] {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), 1 << 20, false);
        let all = segments(&folder.path().into()).expect("readable");
        let whole = fs::read(&all[0]).expect("readable");
        fs::write(&all[0], [&whole, rubbish].concat()).expect("writable");
        // Nothing at all became durable in the next.
        fs::write(segment_path(&folder.path().into(), 2), rubbish).expect("writable");
        assert_eq!(read(folder.path(), None).expect("readable"), (vec![1, 2, 3, 4, 5], Some(50)));
        assert_eq!(fs::read(&all[0]).expect("readable"), whole);
        assert_eq!(segments(&folder.path().into()).expect("readable").len(), 1);
        fs::write(&all[0], [rubbish, &whole].concat()).expect("writable");
        assert!(matches!(read(folder.path(), None), Err(JournalError::Corrupt { offset: 0, .. })));
    }
}

#[test]
fn a_crash_amid_the_removal_of_segments_leaves_the_last_ones() {
    use crate::disk::Disk;
    use crate::testing::simulation::{Chance, Faults, SimulatedDisk};
    let whole = tempfile::tempdir().expect("a folder");
    written(whole.path(), 0, false);
    let all = segments(&whole.path().into()).expect("readable");
    for seed in 0..60 {
        let disk = SimulatedDisk::new(Chance::new(seed));
        let folder = Folder { disk: disk.shared(), path: "/journal".into() };
        folder.make().expect("makes");
        for path in &all {
            let mut file = disk.create(&folder.file(path.file_name().expect("a name"))).expect("makes");
            file.append(&fs::read(path).expect("readable")).and_then(|()| file.sync()).expect("writes");
        }
        folder.sync().expect("syncs");
        let crash_at = Some(disk.calls() + 2 + seed % 9);
        disk.set_faults(Faults { crash_at, ..Faults::default() });
        let _crashed = remove_through(&folder, 4);
        let left = Folder { disk: disk.crash().shared(), ..folder };
        let numbers: Vec<_> =
            segments(&left).expect("readable").iter().filter_map(|path| number(path)).collect();
        let first = numbers.first().copied().expect("some are needed");
        assert_eq!(numbers, (first..=6).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn what_is_read_after_a_kill_is_there_after_a_crash_and_what_was_cut_is_not() {
    use crate::disk::Disk;
    use crate::testing::simulation::{Chance, SimulatedDisk};
    let whole = tempfile::tempdir().expect("a folder");
    written(whole.path(), 1 << 20, false);
    let bytes = fs::read(&segments(&whole.path().into()).expect("readable")[0]).expect("readable");
    for (seed, cut) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = SimulatedDisk::new(Chance::new(seed));
        let folder = Folder { disk: disk.shared(), path: "/journal".into() };
        folder.make().expect("makes");
        let mut file = disk.create(&segment_path(&folder, 1)).expect("makes");
        folder.sync().expect("syncs");
        file.append(&bytes).expect("there is room");
        if cut {
            file.append(&[0xa5; 20]).and_then(|()| file.sync()).expect("there is room");
            file.cut(bytes.len() as u64).expect("it can be cut");
        }
        let read = drained(JournalReader::open(folder.clone(), None).expect("readable")).expect("readable");
        let left = Folder { disk: disk.crash().shared(), ..folder };
        assert_eq!(left.disk.read(&segment_path(&left, 1)).expect("it is there"), bytes, "seed {seed}");
        assert_eq!(read, (vec![1, 2, 3, 4, 5], Some(50)));
    }
}

/// Every single wrong byte, and every length, of a journal of one segment or of one for each tick.
#[test]
fn whatever_byte_is_wrong_what_is_read_is_a_prefix_or_an_error() {
    for segment_bytes in [1 << 20, 0] {
        let whole = tempfile::tempdir().expect("a folder");
        written(whole.path(), segment_bytes, false);
        let all = segments(&whole.path().into()).expect("readable");
        let (mut prefixes, mut errors) = (0, 0);
        let mut check = |place: usize, bytes: &[u8], what: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            for (other, path) in all.iter().enumerate() {
                let to = folder.path().join(path.file_name().expect("a name"));
                let copied = if other == place { bytes.to_vec() } else { fs::read(path).expect("readable") };
                fs::write(to, copied).expect("writable");
            }
            let looked = JournalReader::look(folder.path(), None, Tick::MAX).and_then(drained);
            match read(folder.path(), None) {
                Ok((ticks, last)) => {
                    prefixes += 1;
                    assert!([1, 2, 3, 4, 5].starts_with(&ticks), "{what}: {ticks:?}");
                    assert!(last == Some(50) || (ticks.is_empty() && last.is_none()), "{what}: {last:?}");
                    assert_eq!(looked.expect("as well").0, ticks, "{what}");
                    // It is mended: the same is read again, and no end is torn.
                    assert_eq!(read(folder.path(), None).expect("mended").0, ticks, "{what}");
                }
                Err(error @ (JournalError::Corrupt { .. } | JournalError::Missing { .. })) => {
                    errors += 1;
                    assert_eq!(looked.expect_err("as well").to_string(), error.to_string(), "{what}");
                }
                Err(other) => panic!("{what}: {other}"),
            }
        };
        for (place, path) in all.iter().enumerate() {
            let bytes = fs::read(path).expect("readable");
            for at in 0..bytes.len() {
                check(place, &bytes[..at], &format!("segment {place} cut at {at}"));
                for bit in [1, 0x80] {
                    let mut wrong = bytes.clone();
                    wrong[at] ^= bit;
                    check(place, &wrong, &format!("segment {place} wrong at {at}"));
                }
            }
        }
        assert!(prefixes > 50 && errors > 100, "{prefixes} prefixes, {errors} errors");
    }
}

#[test]
fn a_journal_of_the_version_before_is_read() {
    use super::super::record::{Record, frame};
    let folder = tempfile::tempdir().expect("a folder");
    let inputs = Inputs::encode(7, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
    let records = vec![Record { body: Some(Body::Inputs(inputs)) }];
    let group = Group { version: 2, records, after: None, ended: Vec::new() };
    fs::write(segment_path(&folder.path().into(), 1), frame(&group)).expect("writable");
    assert_eq!(read(folder.path(), None).expect("readable"), (vec![7], Some(7)));
    let newer = Group { version: VERSION + 1, ..group };
    fs::write(segment_path(&folder.path().into(), 1), frame(&newer)).expect("writable");
    assert!(matches!(read(folder.path(), None), Err(JournalError::Newer { .. })));
}
