//! A plan: what differs from a running realm, what would come of it, and all that is needed to apply it.
//!
//! A file of JSON between `worldflow plan` and `worldflow apply`. It holds no token.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Consequences, Difference, Files};

const VERSION: u32 = 1;

/// The longest plan that is read.
const MOST_BYTES: u64 = 128 << 20;

/// A plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    /// The address of the server that it was made for; `None` when it was made from a data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The realm.
    pub realm: String,
    /// The realm's revision at the time.
    pub revision: u64,
    /// What the author's own archive calls the folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_revision: String,
    /// What differs.
    pub difference: Difference,
    /// What would come of it, where that can be foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequences: Option<Consequences>,
    /// Why it cannot be foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unforeseen: Option<String>,
    /// The files of the new world.
    #[serde(default, skip_serializing_if = "none")]
    pub files: Files,
}

fn none(files: &Files) -> bool {
    files.0.is_empty()
}

/// A plan that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It cannot be read.
    #[error("{0}: {1}\nhint: name the file that `worldflow plan --out` has written")]
    Unreadable(String, std::io::Error),
    /// It is none, or is damaged.
    #[error("{0}: not a plan: {1}\nhint: name the file that `worldflow plan --out` has written")]
    Wrong(String, String),
}

impl Plan {
    /// A plan for a realm at a revision.
    #[must_use]
    pub fn new(
        realm: &str,
        revision: u64,
        difference: Difference,
        consequences: Result<Consequences, String>,
    ) -> Plan {
        let (consequences, unforeseen) = match consequences {
            Ok(consequences) => (Some(consequences), None),
            Err(why) => (None, Some(why)),
        };
        Plan {
            version: VERSION,
            to: None,
            realm: realm.to_owned(),
            revision,
            source_revision: String::new(),
            difference,
            consequences,
            unforeseen,
            files: Files::default(),
        }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path) -> Result<Plan, PlanError> {
        let name = || path.display().to_string();
        let unreadable = |error| PlanError::Unreadable(name(), error);
        if std::fs::metadata(path).map_err(unreadable)?.len() > MOST_BYTES {
            return Err(PlanError::Wrong(name(), "it is longer than any plan".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let plan: Plan =
            serde_json::from_slice(&bytes).map_err(|error| PlanError::Wrong(name(), error.to_string()))?;
        if plan.version > VERSION {
            return Err(PlanError::Wrong(name(), "it was made by a newer worldflow".to_owned()));
        }
        Ok(plan)
    }
}
