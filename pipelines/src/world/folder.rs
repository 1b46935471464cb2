//! A world folder as bytes: from a disk, from the binary itself, or from a test.
//!
//! Reading bytes is all that happens here; what they mean is the loader's business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::greenvale;
use super::texts::TEXT;

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 4 << 20;

/// The most files of a world folder.
pub const MAX_FILES: usize = 4096;

/// The folders whose YAML files are read besides the YAML files at the top.
pub(super) const FOLDERS: [&str; 8] =
    ["climates", "entities", "npcs", "quests", "rules", "schedules", "templates", TEXT];

/// The folder whose SQL files are read.
pub(super) const VIEWS: &str = "views";

/// The files of a world.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Where it lies; `None` when it is part of the binary. Paths in definitions are relative to it.
    pub path: Option<PathBuf>,
    /// The files by path relative to the folder, with `/` between the parts.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A world folder that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or a file in it cannot be read.
    #[error("{path}: {cause}", path = path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// There is no `world.yaml`.
    #[error("{path} is not a world folder: it has no world.yaml", path = path.display())]
    NoWorld {
        /// The folder.
        path: PathBuf,
    },
    /// A file or the folder is larger than any world's.
    #[error("{path}: too large for a world folder (at most {MAX_FILES} files of {MAX_FILE_BYTES} bytes)", path = path.display())]
    TooLarge {
        /// What is too large.
        path: PathBuf,
    },
}

const YAML: [&str; 2] = ["yaml", "yml"];

impl Folder {
    /// The demo world, which is part of the binary, without its scenarios.
    #[must_use]
    pub fn greenvale() -> Folder {
        Folder::of(greenvale::FILES.iter().copied().filter(|(path, _)| !path.starts_with("tests/")))
    }

    /// The scenarios of the demo world.
    #[must_use]
    pub fn greenvale_tests() -> Folder {
        Folder::of(greenvale::FILES.iter().copied().filter(|(path, _)| path.starts_with("tests/")))
    }

    /// A folder of these files, for tests.
    #[must_use]
    pub fn of<'a, T: AsRef<[u8]> + ?Sized + 'a>(files: impl IntoIterator<Item = (&'a str, &'a T)>) -> Folder {
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_ref().to_vec()));
        Folder { path: None, files: files.collect() }
    }

    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// When it cannot be read, has no `world.yaml`, or is unreasonably large.
    pub fn read(path: &Path) -> Result<Folder, FolderError> {
        let mut folder = Folder { path: Some(path.to_owned()), files: BTreeMap::new() };
        folder.read_files(path, "", &YAML)?;
        if !folder.files.contains_key("world.yaml") {
            return Err(FolderError::NoWorld { path: path.to_owned() });
        }
        for name in FOLDERS {
            let inner = path.join(name);
            if inner.is_dir() {
                folder.read_files(&inner, &format!("{name}/"), &YAML)?;
            }
        }
        let views = path.join(VIEWS);
        if views.is_dir() {
            folder.read_files(&views, &format!("{VIEWS}/"), &["sql"])?;
        }
        Ok(folder)
    }

    /// Whether a file of this path is read.
    #[must_use]
    pub fn has_place_for(path: &str) -> bool {
        let (folder, name) = path.split_once('/').map_or((None, path), |(folder, name)| (Some(folder), name));
        let plain = !name.contains(['/', '\\']) && !name.starts_with('.');
        let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        plain
            && match folder {
                Some(VIEWS) => name.ends_with(".sql"),
                folder => yaml && folder.is_none_or(|folder| FOLDERS.contains(&folder)),
            }
    }

    /// Reads the YAML files of one folder of a world, which may be absent.
    ///
    /// # Errors
    /// When it cannot be read, or is unreasonably large.
    pub fn read_part(path: &Path, name: &str) -> Result<Folder, FolderError> {
        let mut folder = Folder { path: Some(path.to_owned()), files: BTreeMap::new() };
        let inner = path.join(name);
        if inner.is_dir() {
            folder.read_files(&inner, &format!("{name}/"), &YAML)?;
        }
        Ok(folder)
    }

    fn read_files(&mut self, path: &Path, prefix: &str, extensions: &[&str]) -> Result<(), FolderError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |cause| FolderError::Unreadable { path, cause }
        };
        for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
            let file = entry.map_err(unreadable(path))?.path();
            let is_wanted =
                file.extension().is_some_and(|ext| extensions.iter().any(|wanted| ext == *wanted));
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
            if !is_wanted || !file.is_file() {
                continue;
            }
            let bytes = std::fs::metadata(&file).map_err(unreadable(&file))?.len();
            if bytes > MAX_FILE_BYTES || self.files.len() >= MAX_FILES {
                return Err(FolderError::TooLarge { path: file });
            }
            self.files.insert(format!("{prefix}{name}"), std::fs::read(&file).map_err(unreadable(&file))?);
        }
        Ok(())
    }
}
