//! Where a recording goes on: after what the journal holds of it.
//!
//! A recording is read from its beginning at every start, and what was sealed of it is passed over. It is known
//! by its name in the world and by its size: another file begins at its beginning, and what it has in common with
//! the former counts once by its ids.

use std::path::Path;

use worldflow_engine::positions::{Positions, Reached};
use worldflow_schemas::Sym;

use super::RecordingError;

/// The one part of a recording.
const PART: &str = "inputs";

/// How much of a recording is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    source: Sym,
    bytes: u64,
    /// How many of its inputs come before it, refused ones among them.
    pub(super) inputs: u64,
}

impl Bookmark {
    /// Finds it for the recording that the world calls `source`.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn find(source: Sym, path: &Path, positions: &Positions) -> Result<Bookmark, RecordingError> {
        let bytes = std::fs::metadata(path).map_err(|error| RecordingError::io(path, error))?.len();
        let parts = positions.of(source);
        let before = parts.get(PART).and_then(|position| {
            let (inputs, of) = position.split_once('/')?;
            let same = of.parse::<u64>().ok()? == bytes;
            same.then(|| inputs.parse().ok())?
        });
        Ok(Bookmark { source, bytes, inputs: before.unwrap_or(0) })
    }

    /// What the journal is told once so many inputs are in it.
    pub(super) fn after(&self, inputs: u64) -> Reached {
        let position = format!("{inputs}/{}", self.bytes);
        Reached { source: self.source, part: PART.into(), position: Some(position.as_str().into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn it_is_that_of_the_same_file_only() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"12345").unwrap();
        let mut positions = Positions::default();
        let find = |positions: &Positions| Bookmark::find("old".into(), file.path(), positions).unwrap();
        let first = find(&positions);
        assert_eq!(first.inputs, 0);
        positions.apply(&[first.after(7)]);
        assert_eq!(find(&positions).inputs, 7);
        assert_eq!(Bookmark::find("other".into(), file.path(), &positions).unwrap().inputs, 0);
        for wrong in ["7/6", "7", "-1/5", "x/5", ""] {
            let position = Some(wrong.into());
            positions.apply(&[Reached { position, ..first.after(0) }]);
            assert_eq!(find(&positions).inputs, 0, "{wrong}");
        }
        assert!(Bookmark::find("old".into(), Path::new("/nowhere"), &positions).is_err());
    }
}
