//! A disk in memory that keeps at a crash what was synced, and of the rest whatever it likes.
//!
//! The bytes of a file are durable once the file is synced, and names once their folder is, as POSIX has it. At a
//! crash each file keeps some of the bytes that came since, zeros or rubbish in between; each folder keeps some of the
//! names that were made, renamed or removed since, in no order. It fails where its chance says so: full, in the middle of an
//! append, at a sync (after which what was to be durable never is), at a rename.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Chance;
use crate::disk::{Disk, DiskFile, Lock, Readable, SharedDisk};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// One call in so many fails; none when 0.
    pub one_in: u64,
    /// It crashes before this call, counted from the beginning.
    pub crash_at: Option<u64>,
    /// What it only pretends to do.
    pub lie: Option<Lie>,
}

/// What a disk pretends to do: to see that somebody would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// To make a file's bytes durable, of files of that extension.
    Sync(&'static str),
    /// To make the names in a folder durable, of folders of that name.
    SyncFolder(&'static str),
}

/// A disk in memory. Cheap to clone: it is the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chance: Chance,
    faults: Faults,
    calls: u64,
    crashed: bool,
    files: Vec<Node>,
    /// Names as they are, and as far as they are durable.
    names: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    /// What has changed of names since their folder was synced, in order.
    changes: Vec<Change>,
    locks: BTreeMap<PathBuf, Weak<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Made(PathBuf, Entry),
    Renamed(PathBuf, PathBuf, Entry),
    Removed(PathBuf),
}

impl Change {
    fn folder(&self) -> &Path {
        let (Change::Made(path, _) | Change::Renamed(_, path, _) | Change::Removed(path)) = self;
        path.parent().unwrap_or(Path::new(""))
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Change::Made(path, entry) => drop(names.insert(path, entry)),
            Change::Renamed(from, to, entry) => {
                names.remove(&from);
                names.insert(to, entry);
            }
            Change::Removed(path) => drop(names.remove(&path)),
        }
    }
}

/// A file, whatever its name.
#[derive(Clone, Debug, Default)]
struct Node {
    bytes: Vec<u8>,
    /// As far as it is durable.
    durable: Vec<u8>,
    /// From here to there a sync has failed: those bytes never become durable.
    lost: Vec<(usize, usize)>,
}

impl Node {
    /// What the disk has when all is written that can be.
    fn written(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (from, to) in &self.lost {
            let (from, to) = ((*from).min(bytes.len()), (*to).min(bytes.len()));
            bytes[from..to].fill(LOST);
        }
        bytes
    }
}

/// What stands where bytes were lost.
const LOST: u8 = 0xa5;

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(chance: Chance) -> SimulatedDisk {
        SimulatedDisk::holding(chance, Vec::new(), BTreeMap::new())
    }

    fn holding(chance: Chance, files: Vec<Node>, names: BTreeMap<PathBuf, Entry>) -> SimulatedDisk {
        let (changes, locks, durable) = (Vec::new(), BTreeMap::new(), names.clone());
        let (faults, calls, crashed) = (Faults::default(), 0, false);
        SimulatedDisk(Arc::new(Mutex::new(State {
            chance,
            faults,
            calls,
            crashed,
            files,
            names,
            durable,
            changes,
            locks,
        })))
    }

    /// The disk for an engine.
    #[must_use]
    pub fn shared(&self) -> SharedDisk {
        SharedDisk(Arc::new(self.clone()))
    }

    /// Says what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How many calls have changed something, or failed to.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether it has come to its crash.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// What is left after a crash now. Whoever still holds this disk can do nothing more with it.
    #[must_use]
    pub fn crash(&self) -> SimulatedDisk {
        let mut state = self.state();
        state.crashed = true;
        let State { chance, files, durable, changes, .. } = &mut *state;
        let mut chance = chance.part();
        let mut names = durable.clone();
        // Of each folder a beginning of what has changed, or any of it.
        let in_order = chance.one_in(2);
        let mut ended = BTreeSet::new();
        for change in std::mem::take(changes) {
            let folder = change.folder().to_owned();
            if ended.contains(&folder) {
                continue;
            }
            if chance.one_in(2) {
                change.apply(&mut names);
            } else if in_order {
                ended.insert(folder);
            }
        }
        let files = files.iter().map(|file| torn(file, &mut chance));
        let files = files.map(|bytes| Node { durable: bytes.clone(), bytes, lost: Vec::new() }).collect();
        let whole = reachable(&names);
        SimulatedDisk::holding(chance, files, whole)
    }

    /// A copy of what is there now, without the files and folders whose paths do not pass.
    #[must_use]
    pub fn copy(&self, passes: impl Fn(&Path) -> bool) -> SimulatedDisk {
        let state = self.state();
        let names = state.names.iter().filter(|(path, _)| passes(path));
        let names = names.map(|(path, entry)| (path.clone(), *entry)).collect();
        SimulatedDisk::holding(state.chance.clone(), state.files.clone(), names)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more call; whether it fails. After a crash all do.
    fn call(&self) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        state.calls += 1;
        if state.faults.crash_at.is_some_and(|crash_at| state.calls >= crash_at) {
            state.crashed = true;
        }
        if state.crashed {
            return Err(Error::other("the machine has crashed"));
        }
        let one_in = state.faults.one_in;
        let fails = one_in > 0 && state.chance.one_in(one_in);
        Ok((state, fails))
    }

    fn change(&self, make: impl FnOnce(&State) -> io::Result<Change>) -> io::Result<()> {
        let (mut state, fails) = self.call()?;
        // A call that fails may have done what it was to do.
        if fails && state.chance.one_in(2) {
            return Err(full());
        }
        let change = make(&state)?;
        change.clone().apply(&mut state.names);
        state.changes.push(change);
        if fails { Err(full()) } else { Ok(()) }
    }
}

fn full() -> Error {
    ErrorKind::StorageFull.into()
}

/// The names of which all folders above are there.
fn reachable(names: &BTreeMap<PathBuf, Entry>) -> BTreeMap<PathBuf, Entry> {
    let is_there = |path: &Path| {
        let mut above = path.ancestors().skip(1).filter(|above| above.parent().is_some());
        above.all(|above| names.get(above) == Some(&Entry::Folder))
    };
    names.iter().filter(|(path, _)| is_there(path)).map(|(path, entry)| (path.clone(), *entry)).collect()
}

/// A file as a crash leaves it.
fn torn(file: &Node, chance: &mut Chance) -> Vec<u8> {
    let written = file.written();
    let synced = file.durable.len();
    if !written.starts_with(&file.durable) {
        // It was cut: that is durable, or it is not.
        return if chance.one_in(2) { file.durable.clone() } else { written };
    }
    let mut left = written;
    left.truncate(synced + chance.place(left.len() - synced + 1));
    // The length may have come before the bytes, and later bytes before earlier ones.
    let since = left.len() - synced;
    if since > 0 && chance.one_in(2) {
        let from = synced + chance.place(since);
        let to = if chance.one_in(2) { left.len() } else { from + chance.place(left.len() - from + 1) };
        left[from..to].fill(0);
    }
    left
}

struct OpenFile {
    disk: SimulatedDisk,
    file: usize,
    path: PathBuf,
}

impl DiskFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fails) = self.disk.call()?;
        let fits = if fails { state.chance.place(bytes.len() + 1) } else { bytes.len() };
        state.files[self.file].bytes.extend_from_slice(&bytes[..fits]);
        if fails { Err(full()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let (mut state, fails) = self.disk.call()?;
        if let Some(Lie::Sync(extension)) = state.faults.lie
            && self.path.extension().is_some_and(|of_this| of_this == extension)
        {
            return Ok(());
        }
        let State { files, chance, .. } = &mut *state;
        let node = &mut files[self.file];
        if !fails {
            node.durable = node.written();
            return Ok(());
        }
        let (synced, end) = (node.durable.len().min(node.bytes.len()), node.bytes.len());
        let kept = synced + chance.place(end - synced + 1);
        if node.bytes.starts_with(&node.durable) {
            node.durable.extend_from_slice(&node.bytes[synced..kept]);
            node.lost.push((kept, end));
        }
        if chance.one_in(2) {
            // The system forgets what it could not write, and whoever reads sees that.
            node.bytes[kept..].fill(LOST);
        }
        Err(Error::other("the disk is broken"))
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let (mut state, fails) = self.disk.call()?;
        if fails {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        let (node, end) = (&mut state.files[self.file], usize::try_from(bytes).unwrap_or(usize::MAX));
        node.bytes.truncate(end);
        node.lost.retain_mut(|(from, to)| {
            *to = (*to).min(end);
            *from < *to
        });
        Ok(())
    }
}

fn not_found() -> Error {
    ErrorKind::NotFound.into()
}

impl State {
    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Entry::File(file)) => Ok(*file),
            Some(Entry::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(not_found()),
        }
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        let is_root = path.parent().is_none() || path.as_os_str().is_empty();
        if is_root || self.names.get(path) == Some(&Entry::Folder) { Ok(()) } else { Err(not_found()) }
    }

    /// Something new may have that path.
    fn free(&self, path: &Path) -> io::Result<()> {
        self.folder(path.parent().unwrap_or(Path::new("")))?;
        if self.names.contains_key(path) { Err(ErrorKind::AlreadyExists.into()) } else { Ok(()) }
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state().files.len();
        self.state().files.push(Node::default());
        self.change(|state| {
            state.free(path)?;
            Ok(Change::Made(path.to_owned(), Entry::File(file)))
        })?;
        Ok(Box::new(OpenFile { disk: self.clone(), file, path: path.to_owned() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state().file(path)?;
        Ok(Box::new(OpenFile { disk: self.clone(), file, path: path.to_owned() }))
    }

    fn reader(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        Ok(Box::new(Cursor::new(self.read(path)?)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.files[state.file(path)?].bytes.clone())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.state();
        state.folder(folder)?;
        Ok(state.names.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let file = state.file(from)?;
            state.folder(to.parent().unwrap_or(Path::new("")))?;
            Ok(Change::Renamed(from.to_owned(), to.to_owned(), Entry::File(file)))
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.file(path)?;
            Ok(Change::Removed(path.to_owned()))
        })
    }

    fn owner_only(&self, path: &Path) -> io::Result<()> {
        if self.state().names.contains_key(path) { Ok(()) } else { Err(not_found()) }
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fails) = self.call()?;
        if fails {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        let file = state.file(path)?;
        let node = &mut state.files[file];
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        for held in [&mut node.bytes, &mut node.durable] {
            let from = at.min(held.len());
            let count = bytes.len().min(held.len() - from);
            held[from..from + count].copy_from_slice(&bytes[..count]);
        }
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.free(path)?;
            Ok(Change::Made(path.to_owned(), Entry::Folder))
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let (mut state, fails) = self.call()?;
        state.folder(folder)?;
        if let Some(Lie::SyncFolder(name)) = state.faults.lie
            && folder.file_name().is_some_and(|of_this| of_this == name)
        {
            return Ok(());
        }
        if fails {
            return Err(Error::other("the disk is broken"));
        }
        for change in std::mem::take(&mut state.changes) {
            if change.folder() == folder {
                change.apply(&mut state.durable);
            } else {
                state.changes.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut state = self.state();
        if state.crashed {
            return Err(Error::other("the machine has crashed"));
        }
        if state.locks.get(path).is_some_and(|held| held.strong_count() > 0) {
            return Ok(None);
        }
        let held = Arc::new(());
        state.locks.insert(path.to_owned(), Arc::downgrade(&held));
        let held: Box<dyn Any + Send + Sync> = Box::new(held);
        Ok(Some(held))
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.state().locks.get(path).is_some_and(|held| held.strong_count() > 0)
    }
}
