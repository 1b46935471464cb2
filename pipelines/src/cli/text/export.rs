//! `worldflow text export`: texts as a file of a translation tool or an engine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::is_dash;
use crate::text::string_table;

/// Write the texts of a language as a PO file, or as a string table of Unreal Engine 5
///
/// The key is `msgctxt`, the source text `msgid`, the translation `msgstr`; stale ones are `fuzzy`. A string table is
/// complete: where a translation is missing the source text stands in, and the comment says so.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form").required(true).multiple(true))]
pub(super) struct ExportArgs {
    /// The world folder.
    world: PathBuf,
    /// The language; the source language gives a PO file without translations, to begin one with.
    #[arg(long)]
    locale: String,
    /// The PO file; `-` is the standard output.
    #[arg(long, value_name = "FILE", group = "form")]
    po: Option<PathBuf>,
    /// The CSV file, with the columns Key, SourceString and Comment; `-` is the standard output.
    #[arg(long, value_name = "FILE", group = "form")]
    ue5: Option<PathBuf>,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let (folder, texts) = super::open(&args.world)?;
    let locale = super::locale(&texts, &args.locale)?;
    let dashes = [&args.po, &args.ue5].into_iter().flatten().filter(|path| is_dash(path)).count();
    anyhow::ensure!(dashes < 2, "both are to go to the standard output\nhint: name a file for one");
    let mut said = String::new();
    let mut write = |path: &Path, text: String, count: usize| -> anyhow::Result<()> {
        if is_dash(path) {
            return super::super::show_file(&text).map(drop);
        }
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
        said.push_str(&format!("{}: {} in `{locale}`\n", path.display(), super::counted(count, "text")));
        Ok(())
    };
    if let Some(path) = &args.po {
        let name = folder.path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
        let po = texts.po(&name.unwrap_or_default(), locale);
        write(path, po.write(), po.entries.iter().filter(|entry| !entry.obsolete).count())?;
    }
    if let Some(path) = &args.ue5 {
        let rows = texts.rows(locale);
        write(path, string_table::write(&rows), rows.len())?;
    }
    // What goes to the standard output is a file, and nothing else.
    if dashes == 0 { super::super::show(&said) } else { Ok(ExitCode::SUCCESS) }
}
