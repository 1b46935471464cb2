//! `worldflow backup`: a copy of a data folder, taken while its realms run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use worldflow_engine::backup;
use worldflow_engine::doctor::realm_folders;
use worldflow_sources::audit::{Act, note};

use crate::keys::Keys;

/// Copy a data folder, also while its realms run.
///
/// The copy holds, for each realm, the newest snapshot, the journal since, and the worlds, and has been
/// examined as `worldflow doctor` does. It appears under its name only when it is whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow backup .data backups/monday
  worldflow restore backups/monday .data       after the realms have stopped and .data was moved away")]
pub(super) struct BackupArgs {
    /// The data folder, or that of one realm in it.
    data: PathBuf,
    /// Where the copy goes: a folder that is not there yet.
    to: PathBuf,
    /// Also copies the keys that players' texts are sealed under. Who is forgotten later is not forgotten by whoever
    /// has the copy.
    #[arg(long)]
    with_keys: bool,
    /// The folder of the keys, as `worldflow run --keys` was given.
    #[arg(long, value_name = "FOLDER", requires = "with_keys")]
    keys: Option<PathBuf>,
}

/// The folder of a realm has its name.
pub(super) fn realm_name(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes into a data folder that a verb has used it. What cannot be written is said, and undoes nothing.
pub(super) fn noted(data: &Path, verb: &'static str, other: &Path) {
    // Of one realm the data folder is the one above.
    let one = realm_folders(data).iter().any(|realm| realm == data);
    let folder = if one { data.parent().unwrap_or(data) } else { data };
    let act =
        Act::new(verb).with("data", data.display().to_string()).with("other", other.display().to_string());
    let by = std::env::var("USER").map_or(act.clone(), |user| act.with("user", user));
    if let Err(error) = note(folder, &by) {
        tracing::warn!(folder = %folder.display(), %error, "the audit log cannot be written");
    }
}

pub(super) fn run(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let folders = realm_folders(&args.data);
    anyhow::ensure!(
        !folders.is_empty(),
        "{}: no realm keeps its data here\nhint: name the folder that `worldflow run --data` was given",
        args.data.display()
    );
    let mut text = String::new();
    for folder in folders {
        let to = if folder == args.data {
            args.to.clone()
        } else {
            args.to.join(folder.file_name().unwrap_or_default())
        };
        if let Some(above) = to.parent() {
            std::fs::create_dir_all(above)?;
        }
        let keys = Keys { folder: args.keys.clone(), master: None };
        let keys = args.with_keys.then(|| keys.of(&realm_name(&folder), &folder).folder);
        text.push_str(&super::doctor::text(&backup::backup(&folder, &to, keys.as_deref())?));
    }
    noted(&args.data, "backup", &args.to);
    super::show(&text)
}
