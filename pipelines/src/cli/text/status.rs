//! `worldflow text status`: how far each language is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::text::{Locale, State, Texts};

/// How far each language is: how many texts are translated, stale and missing, and how many keys no text has
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// The world folder.
    world: PathBuf,
    /// Name the stale and the missing texts of this language.
    #[arg(long)]
    locale: Option<String>,
    /// Exit with 1 unless every text is translated in every language, for continuous integration.
    #[arg(long)]
    complete: bool,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let (_, texts) = super::open(&args.world)?;
    let mut said = table(&texts);
    if let Some(name) = &args.locale {
        said.push_str(&listed(&texts, super::translated(&texts, name)?));
    }
    super::super::show(&said)?;
    let complete = texts.locales.iter().all(|locale| {
        let counts = texts.counts(locale);
        (counts.stale, counts.missing, counts.unknown) == (0, 0, 0)
    });
    Ok(if args.complete && !complete { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(texts: &Texts) -> String {
    let head = ["locale", "translated", "stale", "missing", "unknown"].map(str::to_owned);
    let mut rows = vec![head];
    let all = texts.sources.len();
    rows.push([
        texts.source.name().to_owned(),
        format!("{all} (source)"),
        "-".into(),
        "-".into(),
        "-".into(),
    ]);
    for locale in &texts.locales {
        let counts = texts.counts(locale);
        let numbers =
            [counts.translated, counts.stale, counts.missing, counts.unknown].map(|n| n.to_string());
        let [translated, stale, missing, unknown] = numbers;
        rows.push([locale.name().to_owned(), translated, stale, missing, unknown]);
    }
    let widths: [usize; 5] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut said = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(said, "{}", cells.join("  ").trim_end());
    }
    for locale in &texts.locales {
        let unmarked = texts.counts(locale).unmarked;
        if unmarked > 0 {
            let what = super::counted(unmarked, "text");
            let _ = writeln!(
                said,
                "{locale}: {what} of which nobody knows when they become stale; `worldflow text mark` writes it down"
            );
        }
    }
    said
}

/// The texts of a language that are to be done, with where their sources stand.
fn listed(texts: &Texts, locale: &Locale) -> String {
    let mut said = String::new();
    for state in [State::Stale, State::Missing] {
        for key in texts.keys_in(locale, state) {
            let place = texts.sources.get(key).map_or("", |source| &source.place);
            let _ = writeln!(said, "{}  {key}  {place}", state.name());
        }
    }
    let own = texts.translations.get(locale.name()).into_iter().flatten();
    for (key, _) in own.filter(|(key, _)| !texts.sources.contains_key(*key)) {
        let _ = writeln!(said, "unknown  {key}");
    }
    said
}
