//! Sealing and opening, the files of keys, and rows whose key goes.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::tempdir;
use worldflow_schemas::row::Salt;
use worldflow_schemas::{Diff, Row, catalog};

use super::*;
use crate::disk::Folder;
use crate::testing::simulation::{Chance, SimulatedDisk};
use crate::view_changes::ViewChanges;

const SAID: &str = "the vault opens at \"dusk\"";

fn config(folder: &Path) -> KeysConfig {
    KeysConfig { folder: folder.join("keys"), master: None }
}

fn opened(folder: &Path) -> Privacy {
    Privacy::open("r".into(), config(folder), SharedDisk::default()).expect("opens")
}

fn wrapped(folder: &Path, digit: &str) -> Result<Privacy, KeysError> {
    let master = MasterKey::parse(&digit.repeat(64));
    assert!(master.is_some());
    Privacy::open("r".into(), KeysConfig { master, ..config(folder) }, SharedDisk::default())
}

fn seal(privacy: &Privacy, player: &str, text: &str) -> String {
    privacy.seal(player.into(), text).expect("randomness").as_str().to_owned()
}

fn read(privacy: &Privacy, text: &str) -> String {
    privacy.open_text(text, false).expect("there is something sealed in it")
}

fn files_of(folder: &Path) -> Vec<Vec<u8>> {
    let files = files(&Folder::from(&folder.join("keys"))).expect("a folder");
    files.iter().map(|(_, path)| fs::read(path).expect("readable")).collect()
}

#[test]
fn what_is_sealed_is_opened_with_its_own_key_only() {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let (one, other) = (seal(&privacy, "ana", SAID), seal(&privacy, "ana", SAID));
    let bo = seal(&privacy, "bo", SAID);
    assert!(sealed::is_sealed(&one) && !one.contains("vault"));
    assert_ne!(one, other, "equal texts do not look equal");
    assert_eq!(read(&privacy, &one), SAID);
    assert_eq!(read(&privacy, &format!("{one}, {bo}!")), format!("{SAID}, {SAID}!"));
    let json = privacy.open_text(&format!("[\"{one}\"]"), true).expect("sealed");
    assert_eq!(serde_json::from_str::<Vec<String>>(&json).expect("still JSON"), [SAID]);
    assert_eq!(privacy.open_text(SAID, false), None);

    // Of another's key, changed, cut, or of no key at all.
    let of_one = one.strip_prefix(sealed::BEGIN).expect("sealed");
    let bytes = |text: &str| {
        let body = text.strip_prefix(sealed::BEGIN).and_then(|rest| rest.strip_suffix(sealed::END));
        URL_SAFE_NO_PAD.decode(body.expect("sealed")).expect("base64")
    };
    let swapped = [&bytes(&bo)[..16], &bytes(&one)[16..]].concat();
    let planted = sealed::of_body(&URL_SAFE_NO_PAD.encode(swapped));
    let flipped = if of_one.as_bytes()[40] == b'A' { "B" } else { "A" };
    let changed = format!("{}{}{flipped}{}", sealed::BEGIN, &of_one[..40], &of_one[41..]);
    let cut = format!("{}{}{}", sealed::BEGIN, &of_one[..of_one.len() - 5], sealed::END);
    for wrong in [planted, changed, cut, sealed::of_body("AAAA"), sealed::of_body("A")] {
        assert_eq!(read(&privacy, &wrong), sealed::FORGOTTEN, "{wrong}");
    }
    // The same keys are of no use to another realm.
    privacy.save().expect("writable");
    let other = Privacy::look("s".into(), &config(folder.path())).expect("readable");
    assert_eq!(read(&other, &one), sealed::FORGOTTEN);
    let same = Privacy::look("r".into(), &config(folder.path())).expect("readable");
    assert_eq!(read(&same, &one), SAID);
    assert_eq!(seal(&same, "ana", SAID), SAID, "who only looks seals nothing");
}

#[test]
fn keys_last_until_they_are_destroyed_and_a_new_one_opens_nothing_old() {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let (ana, bo) = (seal(&privacy, "ana", SAID), seal(&privacy, "bo", SAID));
    assert!(!folder.path().join("keys").exists(), "nothing is written before it is saved");
    privacy.save().expect("writable");
    assert!(matches!(
        Privacy::open("r".into(), config(folder.path()), SharedDisk::default()),
        Err(KeysError::InUse(_))
    ));
    drop(privacy);
    let privacy = opened(folder.path());
    assert_eq!((read(&privacy, &ana), read(&privacy, &bo)), (SAID.to_owned(), SAID.to_owned()));
    let key = privacy.key_of("ana".into()).expect("she has one");
    assert_eq!(KeyId::parse(&key.to_string()), Some(key));
    for _ in 0..2 {
        privacy.erase(&[key]).expect("writable");
    }
    assert_eq!(read(&privacy, &ana), SAID, "it is known for the last time");
    privacy.drop_keys(&[key]);
    assert_eq!(read(&privacy, &ana), sealed::FORGOTTEN);
    let again = seal(&privacy, "ana", "I am back");
    privacy.save().expect("writable");
    drop(privacy);
    let privacy = opened(folder.path());
    let seen = [&ana, &bo, &again].map(|text| read(&privacy, text));
    assert_eq!(seen, [sealed::FORGOTTEN, SAID, "I am back"]);
    assert_ne!(privacy.key_of("ana".into()), Some(key));
}

#[test]
fn a_master_key_wraps_what_is_there_and_no_other_will_do() {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let said = seal(&privacy, "ana", SAID);
    privacy.save().expect("writable");
    drop(privacy);
    let plain = files_of(folder.path());
    let privacy = wrapped(folder.path(), "a").expect("they are wrapped now");
    assert_eq!(read(&privacy, &said), SAID);
    drop(privacy);
    let now = files_of(folder.path());
    assert_eq!((plain.len(), now.len()), (1, 1), "the old file is gone");
    assert_ne!(plain, now);
    assert!(matches!(wrapped(folder.path(), "b"), Err(KeysError::OtherMaster(_))));
    let none = Privacy::open("r".into(), config(folder.path()), SharedDisk::default());
    assert!(matches!(none, Err(KeysError::NoMaster(_))));
    assert_eq!(read(&wrapped(folder.path(), "a").expect("the right one"), &said), SAID);
    assert!(MasterKey::parse("ab").is_none() && MasterKey::parse(&"g".repeat(64)).is_none());
}

#[test]
fn a_file_that_was_cut_off_anywhere_gives_the_keys_before() {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let said: Vec<String> = ["ana", "bo"].map(|player| seal(&privacy, player, SAID)).into();
    privacy.save().expect("writable");
    drop(privacy);
    let whole = files_of(folder.path()).remove(0);
    let mut readable = Vec::new();
    for end in 0..=whole.len() {
        let copy = tempdir().expect("a folder");
        fs::create_dir(copy.path().join("keys")).expect("writable");
        fs::write(copy.path().join("keys/players-000001.keys"), &whole[..end]).expect("writable");
        let privacy = opened(copy.path());
        let count = said.iter().filter(|text| read(&privacy, text) == SAID).count();
        readable.push(count);
        // It goes on in another file.
        let more = seal(&privacy, "cy", SAID);
        privacy.save().expect("writable");
        drop(privacy);
        assert_eq!(read(&opened(copy.path()), &more), SAID);
    }
    assert!(readable.is_sorted());
    assert_eq!((readable[0], readable[whole.len() - 1], readable[whole.len()]), (0, 1, 2));
}

const PLAYERS: [&str; 4] = ["player-ana", "player-bo", "player-cy", "player-dee"];

/// A file of three batches, with what was said by each, and where their keys lie.
fn three_batches() -> (Vec<u8>, Vec<String>, Vec<std::ops::Range<usize>>) {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let mut said = Vec::new();
    for batch in [&PLAYERS[..1], &PLAYERS[1..3], &PLAYERS[3..]] {
        said.extend(batch.iter().map(|player| seal(&privacy, player, SAID)));
        privacy.save().expect("writable");
    }
    drop(privacy);
    let whole = files_of(folder.path()).remove(0);
    let key = |player: &&str| {
        let at = whole.windows(player.len()).position(|part| part == player.as_bytes()).expect("its record");
        at + player.len()..at + player.len() + cipher::WRAPPED_BYTES
    };
    let keys = PLAYERS.iter().map(key).collect();
    (whole, said, keys)
}

fn holding(file: &[u8]) -> tempfile::TempDir {
    let folder = tempdir().expect("a folder");
    fs::create_dir(folder.path().join("keys")).expect("writable");
    fs::write(folder.path().join("keys/players-000001.keys"), file).expect("writable");
    folder
}

fn is_in(folder: &Path, part: &[u8]) -> bool {
    files_of(folder).iter().any(|file| file.windows(part.len()).any(|there| there == part))
}

#[test]
fn a_damaged_file_loses_no_key_but_the_damaged_one_and_no_byte_of_it() {
    let (whole, said, keys) = three_batches();
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        let copy = holding(&damaged);
        let problems = survey(&Folder::from(&copy.path().join("keys"))).1;
        match Privacy::open("r".into(), config(copy.path()), SharedDisk::default()) {
            Ok(privacy) => {
                assert_eq!(problems, Vec::<String>::new(), "byte {at}");
                for (place, (player, text)) in PLAYERS.iter().zip(&said).enumerate() {
                    if read(&privacy, text) == SAID {
                        continue;
                    }
                    // Of the last batch it cannot be told from an end that a crash has left.
                    assert!(keys[place].contains(&at) || place == 3, "byte {at}: the key of {player}");
                    let id = privacy.key_of((*player).into()).expect("whatever it is");
                    privacy.erase(&[id]).expect("writable");
                    let left = &damaged[keys[place].clone()];
                    assert!(!is_in(copy.path(), left), "byte {at}: the key of {player} is still there");
                }
            }
            Err(error) => {
                refused += 1;
                assert_eq!(files_of(copy.path()), [damaged.as_slice()], "byte {at}: {error}");
                let told =
                    problems.iter().any(|problem| problem.contains("keys cannot be read from here on"));
                assert_eq!(told, matches!(error, KeysError::Damaged { .. }), "byte {at}: {error}");
            }
        }
        // To write the keys anew destroys nothing that has not been read.
        let copy = holding(&damaged);
        let Ok(privacy) = wrapped(copy.path(), "a") else {
            assert_eq!(files_of(copy.path()), [damaged.as_slice()], "byte {at}");
            continue;
        };
        for (place, text) in said.iter().enumerate() {
            let there = is_in(copy.path(), &damaged[keys[place].clone()]);
            assert_eq!(there, read(&privacy, text) != SAID, "byte {at}: the key of {}", PLAYERS[place]);
        }
        drop(privacy);
        let again = wrapped(copy.path(), "a").expect("opens again");
        assert!(said[..3].iter().filter(|text| read(&again, text) == SAID).count() >= 2, "byte {at}");
    }
    assert!(refused > 100, "{refused} were refused");
}

#[test]
fn a_file_without_marks_is_read_and_refused_where_a_key_follows_what_is_damaged() {
    let (whole, said, keys) = three_batches();
    let mark = keys_file::mark();
    let mut former = whole.clone();
    former[9] = 0;
    while let Some(at) = former.windows(mark.len()).position(|part| part == mark) {
        former.drain(at..at + mark.len());
    }
    assert_eq!(former.len(), whole.len() - 3 * mark.len());
    let privacy = opened(holding(&former).path());
    assert!(said.iter().all(|text| read(&privacy, text) == SAID));
    // The player's name of each record but the last.
    for key in &keys[..3] {
        let marks = whole[..key.start].windows(mark.len()).filter(|part| *part == mark).count();
        let mut damaged = former.clone();
        damaged[key.start - 1 - marks * mark.len()] ^= 1;
        let refused = Privacy::open("r".into(), config(holding(&damaged).path()), SharedDisk::default());
        assert!(matches!(refused, Err(KeysError::Damaged { .. })), "{refused:?}");
    }
}

#[test]
fn a_saved_key_outlives_a_crash_and_a_destroyed_one_does_not_come_back() {
    for seed in 0..50 {
        let mut disk = SimulatedDisk::new(Chance::new(seed));
        let config = || KeysConfig { folder: "/data/r/keys".into(), master: None };
        let mut said: Vec<(String, String)> = Vec::new();
        // So many starts that the files become one.
        for start in 0..40 {
            let keys = Privacy::open("r".into(), config(), disk.shared()).expect("opens");
            for (text, player) in &said {
                assert_eq!(read(&keys, text), SAID, "seed {seed}, start {start}: {player}");
            }
            let player = format!("p{start}");
            said.push((seal(&keys, &player, SAID), player));
            keys.save().expect("there is room");
            let gone = (start % 3 == 0).then(|| said.remove(start % said.len()));
            if let Some((text, player)) = &gone {
                let id = keys.key_of(player.as_str().into()).expect("a key");
                keys.erase(&[id]).expect("the disk is good");
                keys.drop_keys(&[id]);
                assert_ne!(read(&keys, text), SAID);
            }
            drop(keys);
            disk = disk.crash();
            let keys = Privacy::open("r".into(), config(), disk.shared()).expect("opens");
            assert!(gone.is_none_or(|(text, _)| read(&keys, &text) != SAID), "seed {seed}, start {start}");
        }
    }
}

fn line(text: &str, number: i64) -> Row {
    let id = |text: &str| Value::Sym(text.into());
    let (why, tick) = (Value::Null, Value::Int(1));
    Row::from([
        id("r"),
        id("ana"),
        id("maren"),
        Value::Int(number),
        Value::text(text),
        id("model"),
        why,
        id("gold"),
        tick,
    ])
}

fn changes(rows: Vec<(Row, Diff)>) -> Vec<ViewChanges> {
    vec![ViewChanges::new(catalog::NPC_LINES, rows)]
}

/// The number, text and diff of each row.
fn texts(changes: &[ViewChanges]) -> Vec<(String, String, Diff)> {
    let rows = changes.iter().flat_map(ViewChanges::rows);
    let mut texts: Vec<_> =
        rows.map(|(_, row, diff)| (row[3].to_string(), row[4].to_string(), diff)).collect();
    texts.sort();
    texts
}

fn told<const ROWS: usize>(rows: [(i64, &str, Diff); ROWS]) -> Vec<(String, String, Diff)> {
    let mut rows = rows.map(|(number, text, diff)| (number.to_string(), text.to_owned(), diff));
    rows.sort();
    rows.into()
}

#[test]
fn rows_are_opened_and_shut_again_and_their_sum_stays_that_of_the_sealed() {
    let folder = tempdir().expect("a folder");
    let privacy = opened(folder.path());
    let mut opener = Opener::new(privacy.clone());
    let (first, second) = (seal(&privacy, "ana", "one"), seal(&privacy, "ana", "two"));
    let (third, bo) = (seal(&privacy, "ana", "three"), seal(&privacy, "bo", "bo's"));
    let term = |text: &str, number| line(text, number).term(Salt::new("npc_lines"));

    let come = vec![(line(&first, 1), 1), (line(&second, 2), 1), (line(&bo, 3), 1), (line("a bark", 4), 1)];
    let sum = changes(come.clone())[0].hash;
    let seen = opener.open(changes(come), &[]);
    assert_eq!(texts(&seen), told([(1, "one", 1), (2, "two", 1), (3, "bo's", 1), (4, "a bark", 1)]));
    assert_eq!(seen[0].hash, sum);

    // One goes and one comes in the tick in which she is forgotten; one just stays.
    let key = privacy.key_of("ana".into()).expect("she has one");
    let seen = opener.open(changes(vec![(line(&first, 1), -1), (line(&third, 5), 1)]), &[key]);
    let gone = sealed::FORGOTTEN;
    assert_eq!(texts(&seen), told([(1, "one", -1), (2, "two", -1), (2, gone, 1), (5, gone, 1)]));
    assert_eq!(seen[0].hash, term(&third, 5).wrapping_sub(term(&first, 1)));

    // Later what goes is what is there; what looks the same counts all the same.
    let seen = opener.open(changes(vec![(line(&second, 2), -1), (line(&third, 2), 1)]), &[]);
    assert!(texts(&seen).is_empty());
    let sums = seen.iter().fold(0, |sum: u128, changes| sum.wrapping_add(changes.hash));
    assert_eq!(sums, term(&third, 2).wrapping_sub(term(&second, 2)));
    let seen = opener.open(changes(vec![(line(&bo, 3), -1), (line(&third, 5), -1)]), &[]);
    assert_eq!(texts(&seen), told([(3, "bo's", -1), (5, gone, -1)]));
    assert_eq!(opener.by_key.len(), 1);
}
