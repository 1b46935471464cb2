//! The options for the keys of players.

use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_engine::privacy::{MasterKey, Privacy};
use worldflow_schemas::Sym;

use crate::keys::Keys;
use crate::secrets::resolve;

/// Where the keys of players lie.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct KeysArgs {
    /// The folder of the keys that players' texts are sealed under, with one for each realm in it; `keys` in the
    /// realm's own folder without it.
    #[arg(long, value_name = "FOLDER")]
    pub(super) keys: Option<PathBuf>,
    /// The variable that holds the key which those keys are wrapped in: 64 hexadecimal digits, for example of
    /// `openssl rand -hex 32`. Without it they lie there as they are.
    #[arg(long, value_name = "VARIABLE")]
    pub(super) master_key: Option<String>,
}

impl KeysArgs {
    /// Resolves the reference.
    pub(super) fn keys(&self) -> anyhow::Result<Keys> {
        let master = |variable: &String| {
            let value = resolve(&format!("${{{variable}}}"), "--master-key")?;
            MasterKey::parse(&value).ok_or_else(|| {
                anyhow::anyhow!(
                    "--master-key: the value of {variable} is not 64 hexadecimal digits\nhint: for example `openssl rand -hex 32`"
                )
            })
        };
        let master = self.master_key.as_ref().map(master).transpose()?;
        Ok(Keys { folder: self.keys.clone(), master })
    }

    /// What opens the sealed text of a realm that keeps its data in `data` and may be running; nothing does unless it is
    /// wanted.
    pub(super) fn look(&self, wanted: bool, realm: Sym, data: &Path) -> anyhow::Result<Privacy> {
        if !wanted {
            return Ok(Privacy::none());
        }
        let config = self.keys()?.of(realm.as_str(), data);
        // Beside its journal there are none while nobody has written anything.
        if self.keys.is_none() && !config.folder.exists() {
            let folder = config.folder.display();
            warn!(%folder, "no keys lie here: if a text is sealed, it stays so; name their folder with --keys");
            return Ok(Privacy::none());
        }
        Ok(Privacy::look(realm, &config)?)
    }
}
