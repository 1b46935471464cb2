//! A file of lines that is put aside when it is full.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Act;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct AuditConfig {
    /// A file that is longer is put aside.
    pub file_bytes: u64,
    /// Files of each kind, the one that is written among them. 0: whoever else writes the file puts it aside.
    pub files: usize,
}

impl Default for AuditConfig {
    fn default() -> AuditConfig {
        AuditConfig { file_bytes: 16 << 20, files: 8 }
    }
}

/// A file that is open, and its length.
pub(super) type Opened = (Box<dyn Output>, u64);

/// What a log is written to.
pub(super) trait Output: Write + Send {
    /// Has it all on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Output for std::fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens a file to be appended to, for its owner only.
pub(super) fn open_file(path: &Path) -> io::Result<Opened> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok((Box::new(file), length))
}

/// One log of several files.
pub(super) struct Log {
    folder: PathBuf,
    name: &'static str,
    config: AuditConfig,
    open: fn(&Path) -> io::Result<Opened>,
    output: Box<dyn Output>,
    length: u64,
    /// The last line may be half there.
    torn: bool,
    /// Lines that could not be written.
    pub(super) missed: u64,
    /// It is known that nothing can be written.
    failing: bool,
}

impl Log {
    pub(super) fn open(
        folder: &Path,
        name: &'static str,
        config: AuditConfig,
        open: fn(&Path) -> io::Result<Opened>,
    ) -> io::Result<Log> {
        let (output, length) = open(&folder.join(name))?;
        // A process that was killed leaves no half lines; a machine that was, may.
        let torn = length > 0 && std::fs::read(folder.join(name)).is_ok_and(|text| !text.ends_with(b"\n"));
        Ok(Log {
            folder: folder.to_owned(),
            name,
            config,
            open,
            output,
            length,
            torn,
            missed: 0,
            failing: false,
        })
    }

    /// Writes a line; what cannot be written is counted, said in the log, and told of in the file once it can be.
    pub(super) fn write(&mut self, act: &Act) {
        if let Err(error) = self.told_of_missed().and_then(|()| self.append(act)) {
            self.missed += 1;
            metrics::counter!("worldflow_audit_missed_total").increment(1);
            if !std::mem::replace(&mut self.failing, true) {
                let file = self.folder.join(self.name);
                tracing::error!(file = %file.display(), %error, "the audit log cannot be written: what happens is missing in it");
            }
        }
    }

    fn told_of_missed(&mut self) -> io::Result<()> {
        if self.missed > 0 {
            self.append(&Act::new("missed").with("times", self.missed))?;
            (self.missed, self.failing) = (0, false);
        }
        Ok(())
    }

    /// Writes a line.
    pub(super) fn append(&mut self, act: &Act) -> io::Result<()> {
        let mut line = if self.torn { b"\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut line, act)?;
        line.push(b'\n');
        self.make_room(line.len() as u64)?;
        let written = self.output.write(&line)?;
        self.length += written as u64;
        // The rest of a line is not tried again: who reads it sees that it was cut.
        self.torn = written < line.len();
        if self.torn { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn aside(&self, number: usize) -> PathBuf {
        match number {
            0 => self.folder.join(self.name),
            number => self.folder.join(self.name.replacen(".jsonl", &format!(".{number}.jsonl"), 1)),
        }
    }

    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        if self.config.files == 0 || self.length == 0 || self.length + bytes <= self.config.file_bytes {
            return Ok(());
        }
        self.output.sync()?;
        // The last takes the place of the one that is too old.
        for number in (1..self.config.files).rev() {
            let from = self.aside(number - 1);
            if from.exists() {
                std::fs::rename(from, self.aside(number))?;
            }
        }
        if self.config.files == 1 {
            std::fs::remove_file(self.aside(0))?;
        }
        (self.output, self.length) = (self.open)(&self.aside(0))?;
        self.torn = false;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.output.sync()
    }

    /// Has it all on the disk, or says later that it is not.
    pub(super) fn settle(&mut self) {
        if let Err(error) = self.told_of_missed().and_then(|()| self.sync()) {
            tracing::warn!(file = self.name, %error, "the audit log may not be on the disk");
        }
    }
}
