//! Where the keys of players lie: files of records that are appended to, and zeros where a key was destroyed.
//!
//! `players-000001.keys`: a header, then for each key `crc32 | length | name of the key | player | wrapped key`. The
//! checksum is of what stays when a key goes. Each start that draws a key begins a file of its own, as does
//! a write that failed; when they have become many, or lie there under another master key than they should, they are
//! written into one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_schemas::Sym;

use super::cipher::{Bound, Key, KeyId, NoRandomness, WRAPPED_BYTES};
use crate::disk::{DiskFile, Folder, Lock, SharedDisk};

/// The key that all others are wrapped in.
#[derive(Clone, Debug)]
pub struct MasterKey(Key);

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

/// Where a wrapped key lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    at: u64,
}

const MAGIC: [u8; 8] = *b"wfkeys01";
/// The magic, whether there is a master key, and what says whether it is this one.
const HEADER_BYTES: usize = 8 + 8 + WRAPPED_BYTES;
/// Before the player: a checksum, the player's length, the key's name.
const RECORD_BYTES: usize = 4 + 2 + 16;
/// More files than this are made one.
const MOST_FILES: usize = 16;
const SUFFIX: &str = "keys";

/// Files of keys, of one realm.
pub(super) struct Store {
    realm: Sym,
    folder: Folder,
    master: Option<MasterKey>,
    /// Every copy of each key.
    places: BTreeMap<KeyId, Vec<Place>>,
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
    ) -> Result<(Store, Vec<Kept>), KeysError> {
        let KeysConfig { folder: path, master } = config;
        let folder = Folder { disk, path };
        let (places, writing, next_number, lock) = (BTreeMap::new(), None, 1, None);
        let mut store = Store { realm, folder, master, places, writing, next_number, lock };
        match store.folder.disk.list(&store.folder.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((store, Vec::new())),
            listed => drop(listed.map_err(KeysError::io(&store.folder.path))?),
        }
        store.take_lock()?;
        let files = files(&store.folder)?;
        store.next_number = files.last().map_or(1, |(number, _)| number + 1);
        let (mut kept, mut otherwise) = (Vec::new(), false);
        for (_, path) in &files {
            let read = read(realm, &store.folder.disk, path, store.master.as_ref())?;
            otherwise |= read.wrapped != store.master.is_some();
            for (key, at) in read.keys {
                store.places.entry(key.id).or_default().push(Place { path: path.clone(), at });
                kept.push(key);
            }
        }
        kept.sort_by_key(|key| key.id);
        kept.dedup_by_key(|key| key.id);
        if files.len() > MOST_FILES || (otherwise && !kept.is_empty()) {
            store.rewrite(&kept, &files)?;
        }
        Ok((store, kept))
    }

    /// Reads a folder that may be in use.
    pub(super) fn look(realm: Sym, config: &KeysConfig) -> Result<Vec<Kept>, KeysError> {
        let (mut kept, folder) = (Vec::new(), Folder::from(&config.folder));
        for (_, path) in files(&folder)? {
            kept.extend(
                read(realm, &folder.disk, &path, config.master.as_ref())?
                    .keys
                    .into_iter()
                    .map(|(key, _)| key),
            );
        }
        Ok(kept)
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
        let mut bytes = Vec::new();
        if begun == 0 {
            bytes.extend(self.header()?);
        }
        let mut places = Vec::new();
        for key in keys {
            let wrapped = self.wrapping().wrap(&key.key, &self.bound(key))?;
            bytes.extend(record(key));
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

    /// Overwrites every copy of a key with zeros, durably. Doing it again does no harm.
    pub(super) fn erase(&mut self, id: KeyId) -> Result<(), KeysError> {
        let Some(places) = self.places.get(&id) else { return Ok(()) };
        for Place { path, at } in places {
            self.folder.disk.overwrite(path, *at, &[0; WRAPPED_BYTES]).map_err(KeysError::io(path))?;
        }
        self.places.remove(&id);
        Ok(())
    }

    /// Writes all keys into one new file and destroys the others.
    fn rewrite(&mut self, kept: &[Kept], files: &[(u64, PathBuf)]) -> Result<(), KeysError> {
        self.places.clear();
        self.append(kept)?;
        for (_, path) in files {
            let disk = &self.folder.disk;
            let zeros = vec![0; disk.read(path).map_err(KeysError::io(path))?.len()];
            disk.overwrite(path, 0, &zeros).map_err(KeysError::io(path))?;
            disk.remove(path).map_err(KeysError::io(path))?;
        }
        self.folder.sync().map_err(KeysError::io(&self.folder.path))
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

    fn wrapping(&self) -> Key {
        wrapping(self.master.as_ref())
    }

    fn bound(&self, key: &Kept) -> Vec<u8> {
        Bound { realm: self.realm, player: key.player, id: key.id }.bytes()
    }

    fn header(&self) -> Result<Vec<u8>, NoRandomness> {
        let mut header = MAGIC.to_vec();
        header.extend([u8::from(self.master.is_some()), 0, 0, 0, 0, 0, 0, 0]);
        header.extend(self.wrapping().wrap(&Key::from([0; super::cipher::KEY_BYTES]), &MAGIC)?);
        Ok(header)
    }
}

/// Without a master key they are wrapped in one that everybody knows.
fn wrapping(master: Option<&MasterKey>) -> Key {
    master.map_or_else(|| Key::from([0; super::cipher::KEY_BYTES]), |master| master.0.clone())
}

/// The part of a record that stays.
fn record(key: &Kept) -> Vec<u8> {
    let player = key.player.as_str().as_bytes();
    let length = u16::try_from(player.len()).expect("an id is short");
    let mut rest = length.to_le_bytes().to_vec();
    rest.extend(key.id.0);
    rest.extend(player);
    let mut record = crc32fast::hash(&rest).to_le_bytes().to_vec();
    record.extend(rest);
    record
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

struct Read {
    /// Whether there was a master key.
    wrapped: bool,
    keys: Vec<(Kept, u64)>,
}

fn read(realm: Sym, disk: &SharedDisk, path: &Path, master: Option<&MasterKey>) -> Result<Read, KeysError> {
    let bytes = disk.read(path).map_err(KeysError::io(path))?;
    let mut read = Read { wrapped: master.is_some(), keys: Vec::new() };
    let Some((header, mut rest)) = bytes.split_at_checked(HEADER_BYTES).filter(|_| bytes.starts_with(&MAGIC))
    else {
        if !bytes.is_empty() {
            warn!(path = %path.display(), "this file of keys was never finished; it is passed over");
        }
        return Ok(read);
    };
    read.wrapped = header[MAGIC.len()] != 0;
    let key = match (read.wrapped, master) {
        (true, None) => return Err(KeysError::NoMaster(path.to_owned())),
        (true, master) => wrapping(master),
        (false, _) => wrapping(None),
    };
    let proof = header[MAGIC.len() + 8..].try_into().ok();
    if proof.and_then(|proof| key.unwrap(proof, &MAGIC)).is_none() {
        return Err(KeysError::OtherMaster(path.to_owned()));
    }
    let mut unreadable = 0;
    while let Some((id, player, wrapped, after)) = next(rest) {
        let at = (bytes.len() - after.len() - WRAPPED_BYTES) as u64;
        rest = after;
        if wrapped.iter().all(|byte| *byte == 0) {
            continue;
        }
        let player = Sym::new(player);
        match key.unwrap(wrapped, &Bound { realm, player, id }.bytes()) {
            Some(key) => read.keys.push((Kept { id, player, key }, at)),
            // Its destruction was cut short, or the disk has damaged it.
            None => unreadable += 1,
        }
    }
    if unreadable > 0 || !rest.is_empty() {
        let (path, bytes) = (path.display(), rest.len());
        warn!(%path, unreadable, bytes, "keys in this file cannot be read; what was sealed under them is lost");
    }
    Ok(read)
}

type Record<'a> = (KeyId, &'a str, &'a [u8; WRAPPED_BYTES], &'a [u8]);

/// The next record that is whole.
fn next(bytes: &[u8]) -> Option<Record<'_>> {
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
    let (stays, after) = rest.split_at_checked(RECORD_BYTES - 4 + length)?;
    if crc32fast::hash(stays) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (id, player) = stays[2..].split_first_chunk::<16>()?;
    let (wrapped, after) = after.split_first_chunk::<WRAPPED_BYTES>()?;
    Some((KeyId(*id), std::str::from_utf8(player).ok()?, wrapped, after))
}
