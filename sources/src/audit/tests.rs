use std::io::{self, Write};
use std::sync::Mutex;

use super::file::{Opened, Output};
use super::*;
use crate::tokens::{Claims, Role};

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

fn ana() -> Bearer {
    Bearer::from(Claims { role: Role::Player, realm: "realm".into(), subject: "ana".into() })
}

fn address(port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

#[test]
fn what_strangers_do_is_apart_and_what_is_alike_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = Audit::open(folder.path(), AuditConfig::default()).expect("it can be written");
    for port in 0..1_000 {
        audit.write(Act::new("session_refused").from(address(port)).code("unauthenticated"));
    }
    audit.write(Act::new("session_opened").by(&ana()).from(address(1)).with("session", "s1"));
    audit.close();
    let known = lines(folder.path(), FILE);
    assert_eq!(known.len(), 1, "{known:?}");
    let opened = &known[0];
    assert_eq!(
        ["act", "realm", "role", "subject", "from", "session"].map(|name| opened[name].as_str()),
        ["session_opened", "realm", "player", "ana", "127.0.0.1:1", "s1"].map(Some)
    );
    let strangers = lines(folder.path(), STRANGERS);
    assert_eq!(strangers.len() as u64, same::FEW + 1);
    assert_eq!(strangers.last().map(|last| &last["times"]), Some(&(1_000 - same::FEW).into()));
}

#[test]
fn no_number_of_names_writes_more_than_so_many_lines() {
    let mut same = Same::default();
    let from = |number: u32| Act::new("x").from(Some(SocketAddr::from((number.to_be_bytes(), 1))));
    let written = (0..10_000).filter(|number| same.is_one_of_few(&from(*number))).count();
    assert_eq!(written, same::MOST_KINDS);
    let counted = same.counted();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].more["times"], 10_000 - same::MOST_KINDS);
    assert!(same.is_one_of_few(&from(1)), "another minute");
}

#[test]
fn a_full_file_is_put_aside_and_the_oldest_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = AuditConfig { file_bytes: 1_000, files: 3 };
    let mut log = Log::open(folder.path(), FILE, config, open_file).expect("a file");
    for number in 0..100 {
        log.append(&Act::new("x").with("number", number)).expect("there is room");
    }
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("ASCII"))
        .collect();
    names.sort();
    assert_eq!(names, ["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]);
    let numbers = ["audit.2.jsonl", "audit.1.jsonl", "audit.jsonl"]
        .map(|name| lines(folder.path(), name))
        .concat()
        .iter()
        .map(|line| line["number"].as_u64().expect("a number"))
        .collect::<Vec<_>>();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1) && numbers.last() == Some(&99), "{numbers:?}");
    for name in &names {
        let about = std::fs::metadata(folder.path().join(name)).expect("a file");
        assert!(about.len() <= 1_000);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777, 0o600);
    }
    // Another process adds to it, and puts nothing aside.
    for _ in 0..100 {
        note(folder.path(), &Act::new("backup")).expect("there is room");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3);
}

/// A disk with room for so many bytes.
static ROOM: Mutex<usize> = Mutex::new(0);
static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Full;

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = ROOM.lock().expect("whole");
        let fits = bytes.len().min(*room);
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *room -= fits;
        WRITTEN.lock().expect("whole").extend(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Full {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_of_when_there_is_room_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |_: &Path| -> io::Result<Opened> { Ok((Box::new(Full), 0)) };
    let mut log = Log::open(folder.path(), FILE, AuditConfig::default(), open).expect("it opens");
    *ROOM.lock().expect("whole") = 80;
    for number in 0..10 {
        log.write(&Act::new("x").with("number", number));
    }
    *ROOM.lock().expect("whole") = 10_000;
    log.write(&Act::new("x").with("number", 10));
    let text = String::from_utf8(WRITTEN.lock().expect("whole").clone()).expect("text");
    let read: Vec<Option<Value>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    // A line, one that the end of the room has cut, how many are missing, and on it goes.
    let [Some(first), None, Some(missed), Some(last)] = &read[..] else { panic!("{text}") };
    assert_eq!((&first["number"], &last["number"]), (&0.into(), &10.into()));
    assert_eq!((&missed["act"], &missed["times"]), (&"missed".into(), &9.into()));
}
