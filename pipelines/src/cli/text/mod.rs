//! `worldflow text`: what players read, to translators and back, one file a command.
//!
//! What a text means is `crate::text`'s business; here are files, arguments and what is printed.

mod export;
mod import;
mod mark;
mod show;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use crate::text::{Locale, Texts, Translation, file_with};
use crate::world::{Folder, MAX_FILE_BYTES, did_you_mean, texts};

/// Texts that players read: how far translations are, out to translators and back
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow text status my_world                               how far each language is
  worldflow text export my_world --locale de --po de.po        for a translation tool
  worldflow text import my_world --locale de --po de.po        and back
  worldflow text export my_world --locale de --ue5 de.csv      a string table for Unreal Engine 5
  worldflow text mark my_world --locale de --key npcs.elder.barks.1
  worldflow text show my_world --locale pl --key signs.wolves --with count=3")]
pub(super) struct TextArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Status(status::StatusArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Mark(mark::MarkArgs),
    Show(show::ShowArgs),
}

pub(super) fn run(args: &TextArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Status(args) => status::run(args),
        What::Export(args) => export::run(args),
        What::Import(args) => import::run(args),
        What::Mark(args) => mark::run(args),
        What::Show(args) => show::run(args),
    }
}

/// The texts of a folder, however much else is wrong with it.
fn open(world: &Path) -> anyhow::Result<(Folder, Texts)> {
    let folder = Folder::read(world)?;
    let texts = texts(&folder).0.with_context(|| {
        format!(
            "{} declares no languages\nhint: write into world.yaml: `text: {{source: en, locales: [de]}}`, and look at it with `worldflow check`",
            world.join("world.yaml").display()
        )
    })?;
    Ok((folder, texts))
}

/// A declared language.
fn locale<'t>(texts: &'t Texts, name: &str) -> anyhow::Result<&'t Locale> {
    texts.locale(name).with_context(|| {
        let known: Vec<&str> = [&texts.source].into_iter().chain(&texts.locales).map(Locale::name).collect();
        let near = did_you_mean(name, known.iter().copied());
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("the world has no language `{name}`\nhint: {near}world.yaml declares {}", known.join(", "))
    })
}

/// A declared language other than the source.
fn translated<'t>(texts: &'t Texts, name: &str) -> anyhow::Result<&'t Locale> {
    let locale = locale(texts, name)?;
    anyhow::ensure!(
        *locale != texts.source,
        "`{locale}` is the language that the world is written in\nhint: edit its texts where they stand; `worldflow text export` says where"
    );
    Ok(locale)
}

/// The text of a key, or that there is none.
fn check_key(texts: &Texts, key: &str) -> anyhow::Result<()> {
    if texts.sources.contains_key(key) {
        return Ok(());
    }
    let near = did_you_mean(key, texts.sources.keys().map(String::as_str));
    let near = near.map_or_else(
        || "`worldflow text export` lists them".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    anyhow::bail!("no text has the key `{key}`\nhint: {near}")
}

/// A language's texts and the entries to be written into its file.
struct Writing<'t> {
    folder: &'t Folder,
    world: &'t Path,
    texts: &'t Texts,
    locale: &'t Locale,
}

impl Writing<'_> {
    /// Writes entries into the language's file, and leaves the rest of it as it is.
    fn write(&self, entries: &[(&str, &Translation)]) -> anyhow::Result<PathBuf> {
        let locale = self.locale.name();
        let names = ["yaml", "yml"].map(|ending| format!("text/{locale}.{ending}"));
        let name = names.iter().find(|name| self.folder.files.contains_key(*name)).unwrap_or(&names[0]);
        let old = self.folder.files.get(name).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let new = file_with(&old, locale, &entries.iter().copied().collect());
        let path = self.world.join(name);
        self.check(name, &new, entries).with_context(|| {
            format!("{}: its entries cannot be changed one by one\nhint: write each key at the beginning of a line, as in `quests.wolf_hunt.title: \"...\"`", path.display())
        })?;
        std::fs::create_dir_all(self.world.join("text")).with_context(|| path.display().to_string())?;
        // What is cut off by a crash is the new file, not the old one.
        let beside = path.with_extension("yaml.new");
        std::fs::write(&beside, new).with_context(|| beside.display().to_string())?;
        std::fs::rename(&beside, &path).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// That the new file says what the old one said, and the entries.
    fn check(&self, name: &str, new: &str, entries: &[(&str, &Translation)]) -> anyhow::Result<()> {
        let largest = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
        anyhow::ensure!(new.len() <= largest, "the file would be larger than {MAX_FILE_BYTES} bytes");
        let mut folder = self.folder.clone();
        folder.files.insert(name.to_owned(), new.as_bytes().to_vec());
        let read = texts(&folder).0.context("the world cannot be read any more")?;
        let mut wanted = self.texts.translations.get(self.locale.name()).cloned().unwrap_or_default();
        wanted.extend(entries.iter().map(|(key, entry)| ((*key).to_owned(), (*entry).clone())));
        let found = read.translations.get(self.locale.name());
        anyhow::ensure!(found == Some(&wanted), "the file would say something else than it is to say");
        Ok(())
    }
}

/// Whether a path stands for the standard input or output.
fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
