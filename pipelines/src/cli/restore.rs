//! `worldflow restore`: puts back what `worldflow backup` copied.

use std::path::PathBuf;
use std::process::ExitCode;

use worldflow_engine::backup;
use worldflow_engine::doctor::realm_folders;

/// Put a backup back into a data folder.
///
/// A realm whose folder is there already is refused: nothing is overwritten. When it is run again, the realm
/// goes on from the backup with an epoch of its own, so game servers get snapshots anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow restore backups/monday .data")]
pub(super) struct RestoreArgs {
    /// The backup, or that of one realm in it.
    backup: PathBuf,
    /// The data folder; each realm gets its folder in it. For the backup of one realm, that realm's folder.
    data: PathBuf,
    /// Where the backup's keys of players go, if it has any: as `worldflow run --keys` will be given. Where there are
    /// keys already, those stay.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
}

pub(super) fn run(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let folders = realm_folders(&args.backup);
    anyhow::ensure!(
        !folders.is_empty(),
        "{}: there is no backup here\nhint: name the folder that `worldflow backup` was given",
        args.backup.display()
    );
    let mut text = String::new();
    for folder in folders {
        let one = folder == args.backup;
        let to = if one { args.data.clone() } else { args.data.join(folder.file_name().unwrap_or_default()) };
        if let Some(above) = to.parent() {
            std::fs::create_dir_all(above)?;
        }
        let name = to.file_name().unwrap_or_default();
        let keys = args.keys.as_ref().map(|keys| keys.join(name));
        text.push_str(&super::doctor::text(&backup::restore(&folder, &to, keys.as_deref())?));
    }
    super::backup::noted(&args.data, "restore", &args.backup);
    super::show(&text)
}
