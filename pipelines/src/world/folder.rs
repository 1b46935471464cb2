//! A world folder as bytes: from a disk, from the binary itself, or from a test.
//!
//! Reading bytes is all that happens here; what they mean is the loader's business. A world may be split freely: its folders are
//! read with all folders in them. What looks like a part of a world and is not read is kept by name, so that it can be said.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::greenvale;
use super::lore::{MOST_DOCUMENT_BYTES, SHARED, shared_folders};
use super::texts::TEXT;
use super::yarn::{DIALOGUE, YARN};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 4 << 20;

/// The most files of a world folder.
pub const MAX_FILES: usize = 4096;

/// The folders whose YAML files are read besides the YAML files at the top.
pub(super) const FOLDERS: [&str; 11] = [
    "arcs",
    "behaviours",
    "climates",
    "entities",
    "npcs",
    "quests",
    "rules",
    "schedules",
    "stories",
    "templates",
    TEXT,
];

/// The folder whose SQL files are read.
pub(super) const VIEWS: &str = "views";

/// The folder whose documents in Markdown are read.
pub(crate) const LORE: &str = "lore";

/// The folder of scenarios, which are read by whoever runs them.
pub(crate) const TESTS: &str = "tests";

/// How deep folders may lie in one another.
const MAX_DEPTH: usize = 8;

/// How many entries of a world and its folders are looked at, to say what nobody reads.
const MOST_STRAYS: usize = 10_000;

/// How deep files of a folder may lie. A language is one file.
fn depth_of(folder: &str) -> usize {
    if folder == TEXT { 1 } else { MAX_DEPTH }
}

/// The files of a world.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Where it lies; `None` when it is part of the binary. Paths in definitions are relative to it.
    pub path: Option<PathBuf>,
    /// The files by path relative to the folder, with `/` between the parts.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What looks like a part of a world and lies where nothing reads it.
    pub unread: BTreeSet<String>,
}

/// A world folder that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or a file in it cannot be read.
    #[error("{path}: {cause}\nhint: {hint}", path = path.display(), hint = unreadable(cause))]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// There is no `world.yaml`.
    #[error("{path} is not a world folder: it has no world.yaml\nhint: name the folder that world.yaml is in; `worldflow new` makes one", path = path.display())]
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

const SQL: [&str; 1] = ["sql"];

const MARKDOWN: [&str; 1] = ["md"];

/// The extensions of what may be meant as a part of a world, however they are written.
const MEANT: [&str; 5] = ["yaml", "yml", "sql", "json", "yarn"];

/// What to do about a folder or a file that cannot be read.
fn unreadable(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        std::io::ErrorKind::NotFound => "is it spelled as it is on the disk? `worldflow new` makes a new one",
        std::io::ErrorKind::NotADirectory => "a world is a folder with world.yaml in it",
        _ => "whoever runs this must be able to read it",
    }
}

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
        Folder { files: files.collect(), ..Folder::default() }
    }

    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// When it cannot be read, has no `world.yaml`, or is unreasonably large.
    pub fn read(path: &Path) -> Result<Folder, FolderError> {
        let mut folder = Folder { path: Some(path.to_owned()), ..Folder::default() };
        folder.read_files(path, "", &YAML, 1)?;
        if !folder.files.contains_key("world.yaml") {
            return Err(FolderError::NoWorld { path: path.to_owned() });
        }
        let others = [(VIEWS, &SQL[..]), (LORE, &MARKDOWN[..]), (DIALOGUE, &YARN[..])];
        for (name, extensions) in FOLDERS.into_iter().map(|name| (name, &YAML[..])).chain(others) {
            let inner = path.join(name);
            if inner.is_dir() {
                folder.read_files(&inner, &format!("{name}/"), extensions, depth_of(name))?;
            }
        }
        folder.look_for_strays(path, "", &mut 0);
        for (place, name) in shared_folders(&folder) {
            let shared = path.join(place);
            // One that is not there is said where the world is checked.
            if shared.is_dir() {
                folder.read_files(&shared, &format!("{SHARED}/{name}/"), &MARKDOWN, MAX_DEPTH)?;
            }
        }
        Ok(folder)
    }

    /// Whether a file of this path is read.
    #[must_use]
    pub fn has_place_for(path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
        let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
        parts.iter().all(plain)
            && match parts[0] {
                _ if parts.len() == 1 => yaml,
                VIEWS => path.ends_with(".sql") && parts.len() <= depth_of(VIEWS) + 1,
                DIALOGUE => path.ends_with(".yarn") && parts.len() <= MAX_DEPTH + 1,
                LORE => path.ends_with(".md") && parts.len() <= MAX_DEPTH + 1,
                SHARED => path.ends_with(".md") && (3..=MAX_DEPTH + 2).contains(&parts.len()),
                folder => yaml && FOLDERS.contains(&folder) && parts.len() <= depth_of(folder) + 1,
            }
    }

    /// Reads the YAML files of one folder of a world, which may be absent.
    ///
    /// # Errors
    /// When it cannot be read, or is unreasonably large.
    pub fn read_part(path: &Path, name: &str) -> Result<Folder, FolderError> {
        let mut folder = Folder { path: Some(path.to_owned()), ..Folder::default() };
        let inner = path.join(name);
        if inner.is_dir() {
            folder.read_files(&inner, &format!("{name}/"), &YAML, MAX_DEPTH)?;
        }
        Ok(folder)
    }

    /// `depth`: of how many folders in one another files are read, this one included.
    fn read_files(
        &mut self,
        path: &Path,
        prefix: &str,
        extensions: &[&str],
        depth: usize,
    ) -> Result<(), FolderError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |cause| FolderError::Unreadable { path, cause }
        };
        for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
            let file = entry.map_err(unreadable(path))?.path();
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
            if !prefix.is_empty() && name.starts_with('.') {
                continue;
            }
            if file.is_dir() {
                if depth > 1 {
                    self.read_files(&file, &format!("{prefix}{name}/"), extensions, depth - 1)?;
                }
                continue;
            }
            let is_wanted =
                file.extension().is_some_and(|ext| extensions.iter().any(|wanted| ext == *wanted));
            if !is_wanted || !file.is_file() {
                continue;
            }
            let is_lore = extensions == MARKDOWN;
            let bytes = std::fs::metadata(&file).map_err(unreadable(&file))?.len();
            if (bytes > MAX_FILE_BYTES && !is_lore) || self.files.len() >= MAX_FILES {
                return Err(FolderError::TooLarge { path: file });
            }
            // Of a document that is too long so much is read that the check can say where it is.
            let most = if is_lore { MOST_DOCUMENT_BYTES as u64 + 1 } else { MAX_FILE_BYTES };
            let mut read = Vec::new();
            let opened = std::fs::File::open(&file).map_err(unreadable(&file))?;
            opened.take(most).read_to_end(&mut read).map_err(unreadable(&file))?;
            self.files.insert(format!("{prefix}{name}"), read);
        }
        Ok(())
    }

    /// Keeps by name what is not read and may be meant to be. What cannot be looked at is passed over.
    fn look_for_strays(&mut self, path: &Path, prefix: &str, seen: &mut usize) {
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            *seen += 1;
            if *seen > MOST_STRAYS {
                return;
            }
            let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let at = format!("{prefix}{name}");
            if kind.is_dir() && at.matches('/').count() < MAX_DEPTH {
                self.look_for_strays(&entry.path(), &format!("{at}/"), seen);
            } else if kind.is_file() && self.may_be_meant(&at) {
                self.unread.insert(at);
            }
        }
    }

    /// Whether a file that is not read looks like a part of a world.
    fn may_be_meant(&self, file: &str) -> bool {
        let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
        let lower = extension.to_ascii_lowercase();
        let folder = file.split_once('/').map(|(folder, _)| folder);
        let known = folder.is_some_and(|folder| {
            FOLDERS.contains(&folder) || [VIEWS, TESTS, LORE, DIALOGUE].contains(&folder)
        });
        let is_read = self.files.contains_key(file) || (folder == Some(TESTS) && YAML.contains(&extension));
        let meant = MEANT.contains(&lower.as_str()) || (folder == Some(LORE) && lower == MARKDOWN[0]);
        // Other tools have files in JSON beside a world.
        meant && !is_read && (known || lower != "json")
    }
}
