//! `worldflow text mark`: writes down of which source text a translation was made.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::text::{Translation, hash};

/// Say that translations are of the source texts as they are now
///
/// Without --key: those that do not say of which source text they were made, as after they were written by hand.
#[derive(Debug, clap::Args)]
pub(super) struct MarkArgs {
    /// The world folder.
    world: PathBuf,
    /// The language.
    #[arg(long)]
    locale: String,
    /// A text that is right, though its source text has changed; may be given several times.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

pub(super) fn run(args: &MarkArgs) -> anyhow::Result<ExitCode> {
    let (folder, texts) = super::open(&args.world)?;
    let locale = super::translated(&texts, &args.locale)?;
    for key in &args.key {
        super::check_key(&texts, key)?;
        anyhow::ensure!(
            texts.translation(locale.name(), key).is_some(),
            "`{key}` has no text in `{locale}`\nhint: write one into text/{locale}.yaml first"
        );
    }
    let own = texts.translations.get(locale.name()).into_iter().flatten();
    let meant = own.filter(|(key, translation)| {
        let named = args.key.contains(key);
        !translation.text.trim().is_empty() && (named || (args.key.is_empty() && translation.of.is_none()))
    });
    let marked: Vec<(&str, Translation)> = meant
        .filter_map(|(key, translation)| {
            let of = Some(hash(&texts.sources.get(key)?.text));
            (translation.of != of).then(|| (key.as_str(), Translation { of, ..translation.clone() }))
        })
        .collect();
    let mut said = String::new();
    if !marked.is_empty() {
        let entries: Vec<(&str, &Translation)> = marked.iter().map(|(key, entry)| (*key, entry)).collect();
        let writing = super::Writing { folder: &folder, world: &args.world, texts: &texts, locale };
        said = format!("{}\n", writing.write(&entries)?.display());
    }
    said.push_str(&format!("`{locale}`: {} marked\n", super::counted(marked.len(), "text")));
    super::super::show(&said)
}
