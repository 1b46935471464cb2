//! What the journal and the store of keys need of a disk, so that tests can give it one that fails.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::Path;
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

/// A disk.
pub trait Disk: Send + Sync + 'static {
    /// Makes a file that is not there yet, and its name durable.
    ///
    /// # Errors
    /// When the disk is full, broken or read-only.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Overwrites bytes of a file, durably.
    ///
    /// # Errors
    /// When the disk is broken or read-only.
    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A disk that is shared. Cheap to clone.
#[derive(Clone)]
pub struct SharedDisk(pub Arc<dyn Disk>);

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

struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        if let Err(error) = path.parent().map_or(Ok(()), sync_folder) {
            // Nobody knows whether it is there, so it is of no use.
            let _left = fs::remove_file(path);
            return Err(error);
        }
        Ok(Box::new(SystemFile(file)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_all()
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

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
