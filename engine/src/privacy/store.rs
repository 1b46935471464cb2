//! Where the keys of players lie: files of records that are appended to, and zeros where a key was destroyed.
//!
//! Each start that draws a key begins a file of its own, as does a write that failed; when they have become many, or lie
//! there under another master key than they should, they are written into one. Of a file in which something cannot be
//! read only those keys go that have been written elsewhere: nobody knows what else is in it. `keys_file.rs` has the form.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_schemas::Sym;

use super::cipher::{Bound, Key, KeyId, NoRandomness, WRAPPED_BYTES};
use super::keys_file::{self, Found, KeysSeen, header, wrapping};
use crate::disk::{DiskFile, Folder, Lock, SharedDisk};

/// The key that all others are wrapped in.
#[derive(Clone, Debug)]
pub struct MasterKey(pub(super) Key);

impl MasterKey {
    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<MasterKey> {
        super::cipher::hex(text.trim()).map(|bytes| MasterKey(Key::from(bytes)))
    }
}

/// Where keys lie, and how.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// Their folder, of one realm.
    pub folder: PathBuf,
    /// What they are wrapped in; without one they lie there as they are.
    pub master: Option<MasterKey>,
}

/// Keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The operating system says no.
    #[error("{path}: {error}\nhint: check the disk and the permissions of the folder of keys")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process has them.
    #[error(
        "{0}: another process is using these keys\nhint: stop it first, or name another folder with --keys"
    )]
    InUse(PathBuf),
    /// They are wrapped, and it is not said in what.
    #[error(
        "{0}: these keys are wrapped in a master key\nhint: name the variable that holds it with --master-key"
    )]
    NoMaster(PathBuf),
    /// They are wrapped in another.
    #[error(
        "{0}: these keys are wrapped in another master key\nhint: give the one that they were written with"
    )]
    OtherMaster(PathBuf),
    /// Damage before keys that are whole.
    #[error(
        "{path}: byte {offset}: keys cannot be read from here on, and others follow\nhint: the file is damaged here, not merely cut off at its end; restore it from a copy, or, to give up every text that was sealed under a key in it, move it away"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
    /// No key can be drawn.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl KeysError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> KeysError {
        let path = path.to_owned();
        move |error| KeysError::Io { path, error }
    }
}

/// A key with what it is bound to.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) id: KeyId,
    pub(super) player: Sym,
    pub(super) key: Key,
}

/// What is in a folder of keys.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Each key once.
    pub(super) kept: Vec<Kept>,
    /// Keys that are there and cannot be opened.
    pub(super) lost: Vec<(Sym, KeyId)>,
    /// Whether something could not be read at all.
    pub(super) unread: bool,
}

/// Where a wrapped key lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    at: u64,
}

/// More files than this are made one.
const MOST_FILES: usize = 16;
const SUFFIX: &str = "keys";
/// Of a file whose keys are all in another, and which is to be destroyed.
const GONE: &str = "gone";

/// Files of keys, of one realm.
pub(super) struct Store {
    realm: Sym,
    folder: Folder,
    master: Option<MasterKey>,
    /// Every copy of each key.
    places: BTreeMap<KeyId, Vec<Place>>,
    /// What could not be read.
    unread: Vec<(PathBuf, Range<u64>)>,
    writing: Option<(PathBuf, Box<dyn DiskFile>, u64)>,
    next_number: u64,
    lock: Option<Lock>,
}

impl Store {
    /// Opens a folder to write in, and returns what is in it. Nothing is made before there is a key.
    pub(super) fn open(
        realm: Sym,
        config: KeysConfig,
        disk: SharedDisk,
    ) -> Result<(Store, Contents), KeysError> {
        let KeysConfig { folder: path, master } = config;
        let folder = Folder { disk, path };
        let (places, unread, writing, next_number, lock) = (BTreeMap::new(), Vec::new(), None, 1, None);
        let mut store = Store { realm, folder, master, places, unread, writing, next_number, lock };
        match store.folder.disk.list(&store.folder.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((store, Contents::default())),
            listed => drop(listed.map_err(KeysError::io(&store.folder.path))?),
        }
        store.take_lock()?;
        store.destroy_gone()?;
        let mut read = Vec::new();
        for (number, path) in files(&store.folder)? {
            store.next_number = number + 1;
            let found = read_file(realm, &store.folder.disk, &path, store.master.as_ref())?;
            read.push((path, found));
        }
        let contents = store.note(&read);
        let is_one = |found: &Found| found.is_whole() || !found.keys.is_empty();
        let otherwise = |found: &Found| found.wrapped != store.master.is_some() && !found.keys.is_empty();
        let count = read.iter().filter(|(_, found)| is_one(found)).count();
        if count > MOST_FILES || read.iter().any(|(_, found)| otherwise(found)) {
            store.rewrite(&contents.kept, &read)?;
        }
        Ok((store, contents))
    }

    /// Remembers where everything lies.
    fn note(&mut self, read: &[(PathBuf, Found)]) -> Contents {
        let mut contents = Contents::default();
        for (path, found) in read {
            for (key, at) in &found.keys {
                self.places.entry(key.id).or_default().push(Place { path: path.clone(), at: *at });
                contents.kept.push(key.clone());
            }
            for (id, player, at) in &found.lost {
                self.places.entry(*id).or_default().push(Place { path: path.clone(), at: *at });
                contents.lost.push((*player, *id));
            }
            self.unread.extend(found.unread.iter().map(|part| (path.clone(), part.clone())));
        }
        contents.kept.sort_by_key(|key| key.id);
        contents.kept.dedup_by_key(|key| key.id);
        contents.unread = !self.unread.is_empty();
        contents
    }

    /// Reads a folder that may be in use.
    pub(super) fn look(realm: Sym, config: &KeysConfig) -> Result<Contents, KeysError> {
        let (mut contents, folder) = (Contents::default(), Folder::from(&config.folder));
        for (_, path) in files(&folder)? {
            let found = read_file(realm, &folder.disk, &path, config.master.as_ref())?;
            contents.kept.extend(found.keys.into_iter().map(|(key, _)| key));
        }
        Ok(contents)
    }

    /// Appends keys and makes them durable. After an error they are in no file that counts, and may be given again.
    pub(super) fn append(&mut self, keys: &[Kept]) -> Result<(), KeysError> {
        self.take_lock()?;
        let (path, mut file, begun) = match self.writing.take() {
            Some(writing) => writing,
            None => {
                let path = self.folder.file(format!("players-{:06}.{SUFFIX}", self.next_number));
                self.next_number += 1;
                let file = self.folder.disk.create(&path).map_err(KeysError::io(&path))?;
                self.folder.disk.owner_only(&path).map_err(KeysError::io(&path))?;
                self.folder.sync().map_err(KeysError::io(&path))?;
                (path, file, 0)
            }
        };
        let mut bytes = if begun == 0 { header(self.master.as_ref())? } else { Vec::new() };
        bytes.extend(keys_file::mark());
        let mut places = Vec::new();
        for key in keys {
            let wrapped = wrapping(self.master.as_ref()).wrap(&key.key, &self.bound(key))?;
            bytes.extend(keys_file::record(key));
            places.push((key.id, Place { path: path.clone(), at: begun + bytes.len() as u64 }));
            bytes.extend(wrapped);
        }
        let written = file.append(&bytes).and_then(|()| file.sync());
        // After a failure nobody knows what the disk has, so there is a copy to destroy all the same.
        for (id, place) in places {
            self.places.entry(id).or_default().push(place);
        }
        if let Err(error) = written {
            let _left = file.cut(begun);
            return Err(KeysError::Io { path, error });
        }
        self.writing = Some((path, file, begun + bytes.len() as u64));
        Ok(())
    }

    /// Overwrites every copy of a key with zeros, durably. One that is not known may lie in what could not be read, which
    /// is overwritten then. Doing it again does no harm.
    pub(super) fn erase(&mut self, id: KeyId) -> Result<(), KeysError> {
        let disk = &self.folder.disk;
        let Some(places) = self.places.get(&id) else {
            for (path, part) in &self.unread {
                let zeros = vec![0; usize::try_from(part.end - part.start).unwrap_or(0)];
                disk.overwrite(path, part.start, &zeros).map_err(KeysError::io(path))?;
            }
            self.unread.clear();
            return Ok(());
        };
        for Place { path, at } in places {
            disk.overwrite(path, *at, &[0; WRAPPED_BYTES]).map_err(KeysError::io(path))?;
        }
        self.places.remove(&id);
        Ok(())
    }

    /// Writes all keys into one new file and destroys what is of them in the others.
    fn rewrite(&mut self, kept: &[Kept], files: &[(PathBuf, Found)]) -> Result<(), KeysError> {
        let former: Vec<Place> =
            kept.iter().filter_map(|key| self.places.remove(&key.id)).flatten().collect();
        self.append(kept)?;
        let disk = &self.folder.disk;
        let mut gone = Vec::new();
        for (path, _) in files.iter().filter(|(_, found)| found.is_whole()) {
            // First another name: a file that was overwritten in part would look like a damaged one.
            let to = path.with_extension(GONE);
            disk.rename(path, &to).map_err(KeysError::io(path))?;
            gone.push(path);
        }
        self.folder.sync().map_err(KeysError::io(&self.folder.path))?;
        for Place { path, at } in former.iter().filter(|place| !gone.contains(&&place.path)) {
            disk.overwrite(path, *at, &[0; WRAPPED_BYTES]).map_err(KeysError::io(path))?;
        }
        self.destroy_gone()
    }

    /// Destroys the files whose keys are all in another.
    fn destroy_gone(&self) -> Result<(), KeysError> {
        let Folder { disk, path: folder } = &self.folder;
        let mut any = false;
        for path in disk.list(folder).map_err(KeysError::io(folder))? {
            if path.extension().is_some_and(|suffix| suffix == GONE) {
                let zeros = vec![0; disk.read(&path).map_err(KeysError::io(&path))?.len()];
                disk.overwrite(&path, 0, &zeros).map_err(KeysError::io(&path))?;
                disk.remove(&path).map_err(KeysError::io(&path))?;
                any = true;
            }
        }
        if any { self.folder.sync().map_err(KeysError::io(folder)) } else { Ok(()) }
    }

    fn take_lock(&mut self) -> Result<(), KeysError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let Folder { disk, path } = &self.folder;
        self.folder.make().and_then(|()| disk.owner_only(path)).map_err(KeysError::io(path))?;
        let file = self.folder.file("lock");
        let lock = disk.lock(&file).map_err(KeysError::io(&file))?;
        self.lock = Some(lock.ok_or_else(|| KeysError::InUse(path.clone()))?);
        Ok(())
    }

    fn bound(&self, key: &Kept) -> Vec<u8> {
        Bound { realm: self.realm, player: key.player, id: key.id }.bytes()
    }
}

/// The files of a folder by their numbers.
pub(crate) fn files(folder: &Folder) -> Result<Vec<(u64, PathBuf)>, KeysError> {
    let mut files = Vec::new();
    for path in folder.disk.list(&folder.path).map_err(KeysError::io(&folder.path))? {
        let number = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix("players-")?.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|suffix| suffix == SUFFIX)) {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read_file(
    realm: Sym,
    disk: &SharedDisk,
    path: &Path,
    master: Option<&MasterKey>,
) -> Result<Found, KeysError> {
    let bytes = disk.read(path).map_err(KeysError::io(path))?;
    let found = keys_file::read(realm, path, &bytes, master)?;
    if !found.is_whole() {
        let unread: u64 = found.unread.iter().map(|part| part.end - part.start).sum();
        let (path, lost) = (path.display(), found.lost.len());
        warn!(%path, lost, unread, "keys or bytes in this file cannot be read; what was sealed under them is lost");
    }
    Ok(found)
}

/// Looks at a folder of keys without any key, also while it is in use; and what is wrong with it.
pub(crate) fn survey(folder: &Folder) -> (KeysSeen, Vec<String>) {
    let (mut seen, mut problems) = (KeysSeen::default(), Vec::new());
    if folder.files().is_ok_and(|files| files.is_empty()) {
        return (seen, problems);
    }
    let files = files(folder).unwrap_or_else(|error| {
        problems.push(error.to_string());
        Vec::new()
    });
    for (_, path) in files {
        let damaged = folder.disk.read(&path).map(|bytes| seen.add(&bytes));
        match damaged.map_err(KeysError::io(&path)) {
            Ok(None) => {}
            Ok(Some(offset)) => problems.push(KeysError::Damaged { path, offset }.to_string()),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (seen, problems)
}
