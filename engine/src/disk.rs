//! What a realm needs of the disk that its data folder lies on, so that tests can give it one that fails, and
//! one that forgets at a crash what was not synced.
//!
//! Whatever may be gone after a crash is said by a call of its own here: the bytes of a file until it is
//! synced, and the names in a folder until the folder is.

use std::any::Any;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is appended to.
pub trait DiskFile: Send {
    /// Appends all of `bytes`, or says that it may have appended some of them.
    ///
    /// # Errors
    /// When the disk is full or broken.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended durable. After an error nobody knows what is.
    ///
    /// # Errors
    /// When the disk is full or broken.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to its first `bytes`.
    ///
    /// # Errors
    /// When the disk is broken.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// A file that is read.
pub trait Readable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Readable for T {}

/// A disk.
pub trait Disk: Send + Sync + 'static {
    /// Makes a file that is not there yet. Its name is durable once its folder is synced.
    ///
    /// # Errors
    /// When the disk is full, broken or read-only.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, to cut or sync it.
    ///
    /// # Errors
    /// When it cannot be.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn reader(&self, path: &Path) -> io::Result<Box<dyn Readable>>;

    /// Reads all of a file.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What is in a folder, in no particular order.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Gives a file another name in its folder, and takes the place of what has that name.
    ///
    /// # Errors
    /// When it cannot be.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder in a folder that is there. Its name is durable once that is synced.
    ///
    /// # Errors
    /// When it is there already, or cannot be made.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable, and that others are gone.
    ///
    /// # Errors
    /// When the disk is broken. Nobody knows then which are.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Holds a file for as long as what is returned lives; `None` when another process does.
    ///
    /// # Errors
    /// When it can be neither found nor made.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;

    /// Whether another process holds that file.
    fn is_locked(&self, path: &Path) -> bool;

    /// Overwrites bytes of a file, durably.
    ///
    /// # Errors
    /// When the disk is broken or read-only.
    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file or a folder to its owner alone.
    ///
    /// # Errors
    /// When it is somebody else's.
    fn owner_only(&self, path: &Path) -> io::Result<()>;
}

/// Holds a file of a disk.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A disk that is shared. Cheap to clone.
#[derive(Clone)]
pub struct SharedDisk(pub Arc<dyn Disk>);

impl Deref for SharedDisk {
    type Target = dyn Disk;

    fn deref(&self) -> &(dyn Disk + 'static) {
        &*self.0
    }
}

impl Default for SharedDisk {
    /// That of the operating system.
    fn default() -> SharedDisk {
        SharedDisk(Arc::new(SystemDisk))
    }
}

impl fmt::Debug for SharedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedDisk")
    }
}

/// A folder on a disk. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// The disk.
    pub disk: SharedDisk,
    /// The folder's path.
    pub path: PathBuf,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Folder {
    /// On the disk of the operating system.
    fn from(path: &P) -> Folder {
        Folder { disk: SharedDisk::default(), path: path.as_ref().to_owned() }
    }
}

impl Folder {
    /// A folder in this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Folder {
        Folder { disk: self.disk.clone(), path: self.path.join(name) }
    }

    /// The path of something in the folder.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// What is in it; nothing when it is not there.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        match self.disk.list(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Makes the folder and those above it as far as they are not there, and their names durable.
    pub(crate) fn make(&self) -> io::Result<()> {
        make(&self.disk, &self.path)
    }

    /// Makes the names in it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.sync_folder(&self.path)
    }

    /// Writes a file of the folder whole or not at all: under another name first. Its own name is durable once the folder is
    /// synced.
    pub(crate) fn write_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let part = path.with_extension(PART);
        let written = self.create_part(&part).and_then(|mut file| {
            file.append(bytes)?;
            file.sync()?;
            self.disk.rename(&part, path)
        });
        if written.is_err() {
            // What is left of it is removed at the next start at the latest.
            let _left = self.disk.remove(&part);
        }
        written
    }

    /// Makes a file that is not yet what it is to be, in place of one that was left.
    pub(crate) fn create_part(&self, part: &Path) -> io::Result<Box<dyn DiskFile>> {
        match self.disk.create(part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(part)?;
                self.disk.create(part)
            }
            created => created,
        }
    }
}

/// The extension of a file that is being written.
pub(crate) const PART: &str = "part";

/// Makes a folder, and its name durable, and those above it: also when they are there already, since whoever
/// made them may have been killed before that.
fn make(disk: &SharedDisk, path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    if path.as_os_str() == "." {
        return Ok(());
    }
    match disk.make_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(disk, above)?;
            disk.make_folder(path)?;
            disk.sync_folder(above)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match disk.sync_folder(above) {
            // It belongs to somebody else, who made it.
            Err(error) if is_of_others(&error) => Ok(()),
            synced => synced.and_then(|()| make(disk, above)),
        },
        made => made.and_then(|()| disk.sync_folder(above)).and_then(|()| make(disk, above)),
    }
}

/// Whether a folder cannot be synced because of what it is, not because the disk is broken.
fn is_of_others(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | Unsupported | InvalidInput)
}

struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SystemFile(OpenOptions::new().create_new(true).append(true).open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SystemFile(OpenOptions::new().append(true).open(path)?)))
    }

    fn reader(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        Ok(Box::new(File::open(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Asking for a share of the lock disturbs nobody but one that is just being started.
    fn is_locked(&self, path: &Path) -> bool {
        let Ok(lock) = File::open(path) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    #[cfg(unix)]
    fn owner_only(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    #[cfg(not(unix))]
    fn owner_only(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

struct SystemFile(File);

impl DiskFile for SystemFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

/// Writes to a file of a disk.
pub(crate) struct Appending(pub(crate) Box<dyn DiskFile>);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simulation::{Chance, SimulatedDisk};

    #[test]
    fn a_folder_that_was_made_is_there_after_a_crash_with_those_above_it() {
        for seed in 0..20 {
            let disk = SimulatedDisk::new(Chance::new(seed));
            let folder = Folder { disk: disk.shared(), path: "/data/tiny/journal".into() };
            // Whoever was here before has made some of them, and was killed.
            for made in ["/data", "/data/tiny"].iter().take(seed as usize % 3) {
                disk.make_folder(Path::new(made)).expect("it is not there");
            }
            folder.make().expect("makes");
            folder.make().expect("it is there");
            assert!(disk.crash().list(&folder.path).is_ok(), "seed {seed}");
        }
    }
}
