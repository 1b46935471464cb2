//! The files of a world as text, to be sent: what a server checks again before anything changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::world::{Folder, MAX_FILE_BYTES, MAX_FILES};

/// Files by path relative to the folder.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(pub BTreeMap<String, String>);

/// Files that are no world folder's.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// It cannot be sent.
    #[error("{0}: not text\nhint: save it as UTF-8")]
    NotText(String),
    /// It is not read in a folder either.
    #[error(
        "{0}: not the path of a file of a world\nhint: files are `world.yaml` and so on, and `quests/….yaml` and so on"
    )]
    Path(String),
    /// They are more than a folder may have.
    #[error("more than {MAX_FILES} files, or one of more than {MAX_FILE_BYTES} bytes\nhint: split it")]
    TooLarge,
}

impl Files {
    /// The files of a folder.
    ///
    /// # Errors
    /// When one is not text.
    pub fn of(folder: &Folder) -> Result<Files, FilesError> {
        let file = |(path, bytes): (&String, &Vec<u8>)| match String::from_utf8(bytes.clone()) {
            Ok(text) => Ok((path.clone(), text)),
            Err(_) => Err(FilesError::NotText(path.clone())),
        };
        folder.files.iter().map(file).collect::<Result<_, _>>().map(Files)
    }

    /// The folder again, as if it lay at `path`.
    ///
    /// # Errors
    /// When a folder could not have these files.
    pub fn folder(&self, path: Option<std::path::PathBuf>) -> Result<Folder, FilesError> {
        let too_large = |text: &String| text.len() as u64 > MAX_FILE_BYTES;
        if self.0.len() > MAX_FILES || self.0.values().any(too_large) {
            return Err(FilesError::TooLarge);
        }
        if let Some(wrong) = self.0.keys().find(|path| !Folder::has_place_for(path)) {
            return Err(FilesError::Path(wrong.chars().take(200).collect()));
        }
        let files = self.0.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        Ok(Folder { path, files: files.collect(), ..Folder::default() })
    }
}
