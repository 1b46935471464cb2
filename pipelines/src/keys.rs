//! Where the keys of players lie, as an operator says it.

use std::path::{Path, PathBuf};

use worldflow_engine::privacy::{KeysConfig, MasterKey, Privacy};

/// Where the keys of players lie, and what they are wrapped in; for every realm of a process.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// A folder with one for each realm in it; beside each realm's journal without it.
    pub folder: Option<PathBuf>,
    /// What they are wrapped in.
    pub master: Option<MasterKey>,
}

impl Keys {
    /// Those of a realm that keeps its data in `data`.
    #[must_use]
    pub fn of(&self, realm: &str, data: &Path) -> KeysConfig {
        let beside = Privacy::beside(data);
        let folder = self.folder.as_ref().map_or(beside.folder, |folder| folder.join(realm));
        KeysConfig { folder, master: self.master.clone() }
    }
}
