//! Manifests: which runs and which file of ids together are a snapshot, and of which tick.
//!
//! `<tick>.manifest` is JSON with a checksum of its own. It is written last and appears at once, under its
//! name, so whatever it names is whole unless the disk has damaged it; reading checks every sum.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;
use worldflow_schemas::Tick;

use super::run::{self, RUN, RunFile};
use super::{Snapshot, SnapshotError, former};
use crate::dedupe::Dedupe;
use crate::disk::{Folder, SharedDisk};
use crate::positions::Positions;
use crate::refused::{RefusedWrite, RefusedWrites};

/// The version of snapshots that is written.
const VERSION: u32 = 4;

/// The extensions of manifests and of the files of ids.
pub(super) const MANIFEST: &str = "manifest";
pub(super) const IDS: &str = "ids";

/// A file that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IdsFile {
    pub(super) number: u64,
    bytes: u64,
    crc32: u32,
}

/// What a snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) tick: Tick,
    /// The journal's lineage, in hexadecimal, for people.
    epoch: String,
    /// Of the views at the end of the tick, in hexadecimal.
    state_hash: Option<String>,
    /// Oldest first.
    pub(super) runs: Vec<RunFile>,
    pub(super) ids: IdsFile,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    manifest: Manifest,
    /// Of the manifest, as JSON without white space.
    crc32: u32,
}

/// A snapshot in the folder that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its tick, from its name.
    pub(crate) tick: Tick,
    pub(crate) path: PathBuf,
}

/// What is known of a snapshot without its pieces.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) version: u64,
    pub(crate) state_hash: Option<u128>,
    /// Of all its files.
    pub(crate) bytes: u64,
    pub(crate) pieces: Option<u64>,
    pub(crate) runs: usize,
    /// Everything that it names.
    pub(crate) files: Vec<PathBuf>,
}

/// The snapshots of a folder, newest first.
pub(crate) fn list(folder: &Folder) -> Vec<Listed> {
    let mut listed: Vec<Listed> = files(folder)
        .filter(|path| path.extension().is_some_and(|extension| extension == MANIFEST))
        .filter_map(|path| Some(Listed { tick: path.file_stem()?.to_str()?.parse().ok()?, path }))
        .collect();
    listed.sort_by_key(|listed| Reverse(listed.tick));
    listed
}

pub(super) fn files(folder: &Folder) -> impl Iterator<Item = PathBuf> + use<> {
    folder.files().unwrap_or_default().into_iter()
}

/// The number of a run or a file of ids.
pub(super) fn number(path: &Path) -> Option<u64> {
    let numbered = path.extension().is_some_and(|extension| extension == RUN || extension == IDS);
    numbered.then(|| path.file_stem()?.to_str()?.parse().ok())?
}

fn ids_path(folder: &Folder, number: u64) -> PathBuf {
    folder.file(format!("{number:012}.{IDS}"))
}

/// Writes the file of ids, and behind them how far sources have been read and which writes were refused; the folder is still to be
/// synced. Versions that know nothing of what is last read what is before it.
pub(super) fn write_ids(
    folder: &Folder,
    number: u64,
    dedupe: &Dedupe,
    positions: &Positions,
    refused: &RefusedWrites,
) -> Result<IdsFile, SnapshotError> {
    let bytes =
        postcard::to_stdvec(&(dedupe, positions, refused.list())).expect("plain data of known lengths");
    write_whole(folder, &ids_path(folder, number), &bytes)?;
    Ok(IdsFile { number, bytes: bytes.len() as u64, crc32: crc32fast::hash(&bytes) })
}

fn write_whole(folder: &Folder, path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    folder.write_whole(path, bytes).map_err(SnapshotError::at(path))
}

impl Manifest {
    pub(super) fn new(
        tick: Tick,
        epoch: u64,
        state_hash: Option<u128>,
        runs: Vec<RunFile>,
        ids: IdsFile,
    ) -> Manifest {
        let state_hash = state_hash.map(|hash| format!("{hash:032x}"));
        Manifest { version: VERSION, tick, epoch: format!("{epoch:016x}"), state_hash, runs, ids }
    }

    /// Publishes the snapshot: everything that it names is durable before it, and it is when this returns.
    pub(super) fn publish(self, folder: &Folder) -> Result<(), SnapshotError> {
        folder.sync().map_err(SnapshotError::at(&folder.path))?;
        let path = folder.file(format!("{:020}.{MANIFEST}", self.tick));
        let crc32 = crc32fast::hash(&serde_json::to_vec(&self).expect("plain data"));
        let bytes = serde_json::to_vec_pretty(&Signed { manifest: self, crc32 }).expect("plain data");
        write_whole(folder, &path, &bytes)?;
        folder.sync().map_err(SnapshotError::at(&folder.path))
    }

    fn state_hash(&self) -> Option<u128> {
        u128::from_str_radix(self.state_hash.as_deref()?, 16).ok()
    }
}

/// A manifest, of either form.
enum Parsed {
    Now(Manifest),
    Former(serde_json::Value),
}

fn parse(disk: &SharedDisk, listed: &Listed) -> Result<Parsed, String> {
    let bytes = disk.read(&listed.path).map_err(|error| error.to_string())?;
    let said: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let version = said.get("manifest").unwrap_or(&said).get("version").and_then(serde_json::Value::as_u64);
    let version = version.ok_or("it does not say its version")?;
    if version == former::VERSION {
        return Ok(Parsed::Former(said));
    }
    if version != u64::from(VERSION) {
        return Err(format!(
            "it is of version {version}, and this program reads {} and {VERSION}",
            former::VERSION
        ));
    }
    let Signed { manifest, crc32 } = serde_json::from_value(said).map_err(|error| error.to_string())?;
    if crc32fast::hash(&serde_json::to_vec(&manifest).expect("plain data")) != crc32 {
        return Err("its checksum does not match".to_owned());
    }
    if manifest.tick != listed.tick {
        return Err(format!("it is of tick {}, and its name says {}", manifest.tick, listed.tick));
    }
    Ok(Parsed::Now(manifest))
}

/// Reads a snapshot.
pub(crate) fn read(folder: &Folder, listed: &Listed) -> Result<Snapshot, String> {
    let manifest = match parse(&folder.disk, listed)? {
        Parsed::Now(manifest) => manifest,
        Parsed::Former(said) => return former::read(&folder.disk, &listed.path, said),
    };
    let path = ids_path(folder, manifest.ids.number);
    let bytes = folder.disk.read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() as u64 != manifest.ids.bytes || crc32fast::hash(&bytes) != manifest.ids.crc32 {
        return Err(format!("{}: its length or checksum is not what the manifest says", path.display()));
    }
    let damaged = |error: postcard::Error| format!("{}: {error}", path.display());
    let ((dedupe, positions), rest) = postcard::take_from_bytes(&bytes).map_err(damaged)?;
    let refused: Vec<RefusedWrite> = match rest {
        [] => Vec::new(),
        rest => postcard::from_bytes(rest).map_err(damaged)?,
    };
    let refused = refused.into_iter().collect();
    let rows = run::load(folder, &manifest.runs)?;
    let (tick, state_hash) = (manifest.tick, manifest.state_hash());
    Ok(Snapshot { tick, rows, dedupe, positions, refused, runs: Some(manifest.runs), state_hash })
}

/// Checks every sum of a snapshot without holding its pieces.
pub(crate) fn check(folder: &Folder, listed: &Listed) -> Result<Looked, String> {
    let looked = look(folder, listed)?;
    match parse(&folder.disk, listed)? {
        Parsed::Now(manifest) => {
            run::check(
                &folder.disk,
                &ids_path(folder, manifest.ids.number),
                manifest.ids.bytes,
                manifest.ids.crc32,
            )?;
            for file in &manifest.runs {
                run::check(&folder.disk, &run::path(folder, file.number), file.bytes, file.crc32)?;
            }
        }
        Parsed::Former(said) => drop(former::read(&folder.disk, &listed.path, said)?),
    }
    Ok(looked)
}

/// What a manifest says.
pub(crate) fn look(folder: &Folder, listed: &Listed) -> Result<Looked, String> {
    let manifest = match parse(&folder.disk, listed)? {
        Parsed::Now(manifest) => manifest,
        Parsed::Former(said) => {
            let bytes = said.get("bytes").and_then(serde_json::Value::as_u64).unwrap_or(0);
            let files = vec![listed.path.with_extension(former::SNAPSHOT)];
            let (state_hash, pieces) = (None, None);
            return Ok(Looked { version: former::VERSION, state_hash, bytes, pieces, runs: 0, files });
        }
    };
    let paths = manifest.runs.iter().map(|file| run::path(folder, file.number));
    Ok(Looked {
        version: VERSION.into(),
        state_hash: manifest.state_hash(),
        bytes: manifest.ids.bytes + manifest.runs.iter().map(|file| file.bytes).sum::<u64>(),
        pieces: Some(manifest.runs.iter().map(|file| file.pieces).sum()),
        runs: manifest.runs.len(),
        files: paths.chain([ids_path(folder, manifest.ids.number)]).collect(),
    })
}

/// Removes snapshots, and then every run and file of ids that no manifest names, nor `kept`. While there is
/// a manifest that cannot be read, nobody knows what it names, and no such file is removed.
pub(super) fn remove(folder: &Folder, gone: &[Listed], kept: impl Fn(u64) -> bool) {
    let unlink = |path: &Path| match folder.disk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!(path = %path.display(), %error, "an old snapshot cannot be removed");
        }
        _ => {}
    };
    for listed in gone {
        unlink(&listed.path);
        unlink(&listed.path.with_extension(former::SNAPSHOT));
    }
    let mut named = Vec::new();
    for listed in list(folder) {
        match look(folder, &listed) {
            Ok(looked) => named.extend(looked.files),
            Err(_) => return,
        }
    }
    let of_nobody =
        |path: &PathBuf| number(path).is_some_and(|number| !kept(number)) && !named.contains(path);
    let of_nobody: Vec<PathBuf> = files(folder).filter(of_nobody).collect();
    // Manifests that are gone, also those that an earlier run removed, may come back after a crash as long as the
    // folder is not synced, and must then find what they name.
    if !of_nobody.is_empty() && folder.sync().is_ok() {
        of_nobody.iter().for_each(|path| unlink(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::snapshot::publish;
    use crate::testing::simulation::{Chance, SimulatedDisk};

    #[test]
    fn a_manifest_that_comes_back_after_a_crash_finds_what_it_names() {
        for seed in 0..40 {
            let disk = SimulatedDisk::new(Chance::new(seed));
            let folder = Folder { disk: disk.shared(), path: "/snapshots".into() };
            for tick in 1..=2 {
                publish(folder.clone(), &Snapshot { tick, ..Snapshot::default() }).expect("writable");
            }
            // An earlier run has removed it, and was killed before it had synced the folder.
            let oldest = list(&folder).pop().expect("two");
            disk.remove(&oldest.path).expect("it is there");
            remove(&folder, &[], |_| false);
            let left = Folder { disk: disk.crash().shared(), ..folder };
            for listed in list(&left) {
                assert!(check(&left, &listed).is_ok(), "seed {seed}: {listed:?}");
            }
        }
    }
}
