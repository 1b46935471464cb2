//! A file that says how far it has been read: what a progress bar follows, whatever is done with the bytes.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Hears how many more bytes have been read.
pub type Told = Arc<dyn Fn(u64) + Send + Sync>;

/// An open file.
pub(super) struct Counted {
    file: File,
    told: Option<Told>,
}

impl Counted {
    pub(super) fn open(path: &Path, told: Option<Told>) -> std::io::Result<Counted> {
        Ok(Counted { file: File::open(path)?, told })
    }
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(bytes)?;
        if let Some(told) = &self.told {
            told(read as u64);
        }
        Ok(read)
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("file", &self.file).finish_non_exhaustive()
    }
}
