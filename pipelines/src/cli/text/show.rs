//! `worldflow text show`: a text as players see it, with values put in.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::text::{Locale, Values, format, parse};

/// Show a text as players of a language see it, with values put in
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The world folder.
    world: PathBuf,
    /// The language, declared or not: what stands in for it is shown.
    #[arg(long)]
    locale: String,
    /// The text's key.
    #[arg(long)]
    key: String,
    /// The value of an argument, as `name=value`; may be given several times.
    #[arg(long = "with", value_name = "NAME=VALUE")]
    values: Vec<String>,
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let (_, texts) = super::open(&args.world)?;
    super::check_key(&texts, &args.key)?;
    let wanted = Locale::parse(&args.locale).with_context(|| {
        format!("`{}` is no language\nhint: name it as in `de`, `de-AT` or `zh-Hant`", args.locale)
    })?;
    let table = texts.table(&wanted);
    let entry = &table.texts[args.key.as_str()];
    let locale = Locale::parse(entry.locale).expect("texts are of languages that have been read");
    let message = parse(entry.text).map_err(|error| {
        let key = &args.key;
        anyhow::anyhow!("`{key}` cannot be read: {}\nhint: {}", error.message, error.hint)
    })?;
    let mut values = Values::new();
    for given in &args.values {
        let (name, value) = given
            .split_once('=')
            .with_context(|| format!("`{given}` is no value\nhint: write `--with count=3`"))?;
        values.insert(name.to_owned(), value.to_owned());
    }
    let shown = format(&message, &locale, &values).map_err(|error| {
        let mut names: Vec<&str> =
            message.arguments().iter().map(|argument| argument.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let wanted: Vec<String> = names.iter().map(|name| format!("--with {name}=...")).collect();
        anyhow::anyhow!("{error}\nhint: this text takes {}", wanted.join(" "))
    })?;
    super::super::show(&format!("{shown}\n"))
}
