//! A disk that is full or fails: nothing is acknowledged that is not durable, nothing is lost that was,
//! and the realm goes on when it can.

use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;
use worldflow_engine::admission::Outcome;
use worldflow_engine::disk::{Disk, DiskFile, Lock, Readable, SharedDisk};
use worldflow_engine::doctor::examine;
use worldflow_engine::runtime::{CloseError, RealmConfig, RunningRealm, open};
use worldflow_engine::snapshot::SnapshotConfig;

use crate::realms::{config_in, count, named, publish};
use crate::restarts::crash_copy;
use crate::tiny::graph;

/// What goes wrong with a disk, and when.
#[derive(Default)]
pub(crate) struct Faults {
    /// How much fits, once it is known.
    room: Mutex<Option<usize>>,
    /// How many syncs fail; what they were to make durable is lost.
    pub(crate) failing_syncs: AtomicU64,
    /// Files can be neither cut nor removed.
    stuck: AtomicBool,
    /// Nothing that is there can be overwritten.
    pub(crate) read_only: AtomicBool,
    /// Nothing at all can be written, as when somebody has mounted it so.
    no_writes: AtomicBool,
}

impl Faults {
    fn give(&self, room: Option<usize>) {
        *self.room.lock().expect("no panic") = room;
    }

    fn writable(&self) -> io::Result<()> {
        if self.no_writes.load(Ordering::Relaxed) {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }
}

struct Faulty(Arc<Faults>, SharedDisk);

struct FaultyFile {
    faults: Arc<Faults>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    synced: usize,
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.writable()?;
        if *self.0.room.lock().expect("no panic") == Some(0) {
            return Err(ErrorKind::StorageFull.into());
        }
        let (faults, path_of, file) = (Arc::clone(&self.0), path.to_owned(), self.1.create(path)?);
        Ok(Box::new(FaultyFile { faults, path: path_of, file, synced: 0 }))
    }

    fn owner_only(&self, path: &Path) -> io::Result<()> {
        self.1.owner_only(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.writable()?;
        if self.0.stuck.load(Ordering::Relaxed) {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        self.1.remove(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.1.open(path)
    }

    fn reader(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        self.1.reader(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.1.read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.1.list(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.writable()?;
        self.1.rename(from, to)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if !path.exists() {
            self.0.writable()?;
        }
        self.1.make_folder(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.writable()?;
        self.1.sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.0.writable()?;
        self.1.lock(path)
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.1.is_locked(path)
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.0.read_only.load(Ordering::Relaxed) {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        self.1.0.overwrite(path, at, bytes)
    }
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.faults.writable()?;
        let mut room = self.faults.room.lock().expect("no panic");
        let Some(left) = *room else { return self.file.append(bytes) };
        let fits = left.min(bytes.len());
        *room = Some(left - fits);
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut bytes = std::fs::read(&self.path)?;
        let fail = |left: u64| left.checked_sub(1);
        if self.faults.failing_syncs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fail).is_ok() {
            // The system forgets what it could not write: other data stands there.
            bytes[self.synced..].fill(0xa5);
            std::fs::write(&self.path, bytes)?;
            return Err(Error::other("the disk is broken"));
        }
        self.synced = bytes.len();
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.faults.writable()?;
        if self.faults.stuck.load(Ordering::Relaxed) {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        self.file.cut(bytes)
    }
}

pub(crate) fn config(folder: &Path, faults: &Arc<Faults>) -> RealmConfig {
    let disk = SharedDisk(Arc::new(Faulty(Arc::clone(faults), SharedDisk::default())));
    let snapshots = SnapshotConfig { at_close: false, ..SnapshotConfig::default() };
    RealmConfig { disk, snapshots, ..config_in(folder) }
}

/// Sends one event and lets a tick pass, without waiting for either.
fn begin(running: &RunningRealm, id: &'static str) -> JoinHandle<Vec<Outcome>> {
    let (admission, driver) = (running.realm.admission.clone(), running.driver());
    let publishing =
        tokio::spawn(async move { admission.publish("test".into(), vec![named("ada", "kill", id)]).await });
    tokio::spawn(async move {
        tokio::task::yield_now().await;
        // A realm that ends meanwhile has published nothing.
        let _ended = driver.advance(1).await;
        publishing.await.expect("no panic").unwrap_or_default()
    })
}

async fn until_trouble(running: &RunningRealm) -> String {
    loop {
        if let Some(why) = running.realm.observed.trouble() {
            return why;
        }
        tokio::task::yield_now().await;
    }
}

/// The folder as a crash would leave it now holds the events of ada up to `expected`.
async fn assert_survives(folder: &Path, expected: i64) {
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(folder, copy.path());
    let examined = examine(copy.path()).expect("readable");
    assert!(examined.is_sound(), "{examined:#?}");
    for _ in 0..2 {
        let again = open(config_in(copy.path()), graph()).await.expect("opens");
        assert_eq!(count(&again, "ada"), Some(expected));
        again.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_full_disk_is_waited_for_and_nothing_is_acknowledged_meanwhile() {
    for room in [0, 1, 12, 40] {
        let folder = tempfile::tempdir().expect("a folder");
        let faults = Arc::new(Faults::default());
        let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", "1")]).await;
        faults.give(Some(room));
        let waiting = begin(&running, "2");
        let why = until_trouble(&running).await;
        assert!(why.contains("no storage space") && why.contains("hint: check the disk"), "{why}");
        assert!(!waiting.is_finished(), "nothing is durable");
        assert_eq!(count(&running, "ada"), Some(1), "and nothing is shown");
        assert_survives(folder.path(), 1).await;
        faults.give(None);
        assert!(matches!(waiting.await.expect("no panic")[..], [Outcome::Accepted { tick: 2 }]));
        assert_eq!((count(&running, "ada"), running.realm.observed.trouble()), (Some(2), None));
        publish(&running, vec![named("ada", "kill", "3")]).await;
        assert_survives(folder.path(), 3).await;
        running.close().await.expect("closes");
    }
}

#[tokio::test]
async fn what_a_failed_sync_lost_is_written_again_elsewhere() {
    for (failing, stuck) in [(1, false), (3, false), (1, true), (3, true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let faults = Arc::new(Faults::default());
        let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", "1")]).await;
        publish(&running, vec![named("ada", "kill", "2")]).await;
        faults.stuck.store(stuck, Ordering::Relaxed);
        faults.failing_syncs.store(failing, Ordering::Relaxed);
        let acked = publish(&running, vec![named("ada", "kill", "3")]).await;
        assert!(matches!(acked[..], [Outcome::Accepted { tick: 3 }]));
        assert_eq!(faults.failing_syncs.load(Ordering::Relaxed), 0);
        assert_survives(folder.path(), 3).await;
        // Again, with the segments that failed before still there.
        faults.failing_syncs.store(failing, Ordering::Relaxed);
        publish(&running, vec![named("ada", "kill", "4")]).await;
        publish(&running, vec![named("ada", "kill", "5")]).await;
        assert_survives(folder.path(), 5).await;
        let given_up = examine(folder.path()).expect("readable").segments;
        assert_eq!(given_up.iter().any(|segment| segment.given_up_at.is_some()), stuck);
        running.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_crash_after_a_failed_sync_and_before_a_good_one_is_survived() {
    for acked in [0, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let faults = Arc::new(Faults::default());
        let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
        for id in 0..acked {
            publish(&running, vec![named("ada", "kill", &id.to_string())]).await;
        }
        // What the disk has left of the frame cannot be cut off, and no other segment can say that it is rubbish.
        faults.stuck.store(true, Ordering::Relaxed);
        faults.failing_syncs.store(u64::MAX, Ordering::Relaxed);
        let waiting = begin(&running, "lost");
        until_trouble(&running).await;
        let copy = tempfile::tempdir().expect("a folder");
        crash_copy(folder.path(), copy.path());
        let examined = examine(copy.path()).expect("readable");
        assert!(examined.is_sound(), "{examined:#?}");
        let again = open(config_in(copy.path()), graph()).await.expect("opens");
        assert_eq!(count(&again, "ada").unwrap_or(0), acked);
        again.close().await.expect("closes");
        assert!(running.close().await.is_err(), "it cannot be written to the end");
        assert_eq!(waiting.await.expect("no panic"), []);
    }
}

#[tokio::test]
async fn a_realm_on_a_full_disk_can_be_stopped_and_says_what_was_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = Arc::new(Faults::default());
    let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
    publish(&running, vec![named("ada", "kill", "1")]).await;
    faults.give(Some(0));
    let waiting = begin(&running, "2");
    until_trouble(&running).await;
    match running.close().await {
        Err(CloseError::Failed(why)) => assert!(why.to_string().contains("no storage space"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(waiting.await.expect("no panic"), [], "nobody was told that it was taken");
    assert_survives(folder.path(), 1).await;
}

/// Every file under a folder.
fn files_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(files_of(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).expect("readable"));
        }
    }
    files
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_as_it_is_and_waited_for_once_it_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = Arc::new(Faults::default());
    let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
    publish(&running, vec![named("ada", "kill", "1")]).await;
    running.close().await.expect("closes");
    let before = files_of(folder.path());
    faults.no_writes.store(true, Ordering::Relaxed);
    let refused = open(config(folder.path(), &faults), graph()).await.err().expect("refused").to_string();
    assert!(refused.contains("read-only") && refused.contains("hint: "), "{refused}");
    assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
    assert_eq!(files_of(folder.path()), before);

    faults.no_writes.store(false, Ordering::Relaxed);
    let running = open(config(folder.path(), &faults), graph()).await.expect("opens");
    publish(&running, vec![named("ada", "kill", "2")]).await;
    faults.no_writes.store(true, Ordering::Relaxed);
    let waiting = begin(&running, "3");
    let why = until_trouble(&running).await;
    assert!(why.contains("read-only"), "{why}");
    assert!(!waiting.is_finished(), "nothing is durable");
    assert_survives(folder.path(), 2).await;
    faults.no_writes.store(false, Ordering::Relaxed);
    assert!(matches!(waiting.await.expect("no panic")[..], [Outcome::Accepted { .. }]));
    assert_survives(folder.path(), 3).await;
    running.close().await.expect("closes");
}
