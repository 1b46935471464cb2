//! A world folder with its scenarios: what a designer saves. No realm runs the scenarios, so whoever only serves a world reads
//! the rest alone.

use std::path::Path;

use super::file::{FOLDER, check_scenarios};
use crate::world::{Folder, FolderError, LoadedWorld, Problems, Vocabulary, WorldError, check};

/// The files of a world, and those of its scenarios.
#[derive(Clone, Debug)]
pub struct WholeFolder {
    /// What a realm runs.
    pub world: Folder,
    /// What is tried of it.
    pub scenarios: Folder,
}

impl WholeFolder {
    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<WholeFolder, FolderError> {
        Ok(WholeFolder { world: Folder::read(path)?, scenarios: Folder::read_part(path, FOLDER)? })
    }

    /// The demo world.
    #[must_use]
    pub fn greenvale() -> WholeFolder {
        WholeFolder { world: Folder::greenvale(), scenarios: Folder::greenvale_tests() }
    }

    /// Every problem, errors and warnings.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = check(&self.world);
        check_scenarios(&self.scenarios, &Vocabulary::of(&self.world), &mut problems);
        problems
    }

    /// The world, if neither it nor a scenario has an error.
    ///
    /// # Errors
    /// With every problem.
    pub fn load(&self) -> Result<LoadedWorld, WorldError> {
        let mut world = LoadedWorld::load(&self.world)?;
        let vocabulary = Vocabulary::of(&self.world);
        check_scenarios(&self.scenarios, &vocabulary, &mut world.warnings);
        if world.warnings.has_errors() { Err(WorldError::Wrong(world.warnings)) } else { Ok(world) }
    }

    /// Every file by its path.
    pub fn files(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.world.files.iter().chain(&self.scenarios.files)
    }
}
