//! `worldflow text import`: what translators send back, into `text/<locale>.yaml`.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::is_dash;
use crate::text::po::{self, Po};
use crate::text::{Arrival, Locale, Taken, Texts, Translation, of_po, of_rows, string_table};

/// Take over what translators have written, from a PO file or a string table
///
/// All of it is checked before anything is written: with one text that is wrong nothing is. What has no text in the file
/// stays as it is, so a file may hold some of the texts only.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form").required(true))]
pub(super) struct ImportArgs {
    /// The world folder.
    world: PathBuf,
    /// The language.
    #[arg(long)]
    locale: String,
    /// The PO file; `-` is the standard input.
    #[arg(long, value_name = "FILE", group = "form")]
    po: Option<PathBuf>,
    /// The CSV file, with the columns Key and SourceString; `-` is the standard input.
    #[arg(long, value_name = "FILE", group = "form")]
    ue5: Option<PathBuf>,
}

pub(super) fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let (folder, texts) = super::open(&args.world)?;
    let locale = super::translated(&texts, &args.locale)?;
    let (path, arrivals) = match (&args.po, &args.ue5) {
        (Some(path), _) => (path, from_po(path, locale)?),
        (None, Some(path)) => (path, from_table(path, &texts, locale)?),
        (None, None) => anyhow::bail!("no file is given\nhint: give --po or --ue5"),
    };
    let shown = path.display().to_string();
    let taken = texts.taken(locale, arrivals);
    refuse(&shown, &taken)?;
    let mut said = String::new();
    for (line, key) in &taken.unknown {
        let _ = writeln!(said, "warning: {shown}:{line}: left out, since no text has the key {key}");
    }
    if !taken.entries.is_empty() {
        let entries: Vec<(&str, &Translation)> =
            taken.entries.iter().map(|(key, entry)| (key.as_str(), entry)).collect();
        let writing = super::Writing { folder: &folder, world: &args.world, texts: &texts, locale };
        let _ = writeln!(said, "{}", writing.write(&entries)?.display());
    }
    let (new, all) = (taken.new, taken.entries.len());
    let _ = writeln!(said, "`{locale}`: {new} new, {} changed, {} as they were", all - new, taken.left);
    super::super::show(&said)
}

/// Says everything that is wrong.
fn refuse(shown: &str, taken: &Taken) -> anyhow::Result<()> {
    let mut wrong = taken.wrong.iter().map(|(line, what)| format!("{shown}:{line}: {what}")).peekable();
    let Some(first) = wrong.next() else { return Ok(()) };
    let more: Vec<String> = wrong.map(|what| format!("error: {what}")).collect();
    let more = if more.is_empty() { String::new() } else { format!("\n{}", more.join("\n")) };
    anyhow::bail!("{first}{more}\nnothing is written")
}

fn read(path: &Path, most: usize) -> anyhow::Result<String> {
    let shown = path.display();
    let file: Box<dyn Read> = match path {
        path if is_dash(path) => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).with_context(|| shown.to_string())?),
    };
    let (mut bytes, more) = (Vec::new(), u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1));
    file.take(more).read_to_end(&mut bytes).with_context(|| shown.to_string())?;
    anyhow::ensure!(bytes.len() <= most, "{shown}: this file is too large\nhint: at most {most} bytes");
    decoded(bytes).with_context(|| format!("{shown}: this is not text\nhint: save the file as UTF-8"))
}

/// UTF-8, or UTF-16 with a mark at its beginning, as the engine's editor writes it.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => wide(u16::from_le_bytes),
        Some([0xfe, 0xff]) => wide(u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }
}

fn from_po(path: &Path, locale: &Locale) -> anyhow::Result<Vec<Arrival>> {
    let shown = path.display();
    let po = Po::read(&read(path, po::MAX_BYTES)?).map_err(|error| anyhow::anyhow!("{shown}:{error}"))?;
    let said = po.header("Language").filter(|said| !said.is_empty());
    // Tools write `de_AT`.
    if let Some(other) = said.filter(|said| Locale::parse(&said.replace('_', "-")).as_ref() != Some(locale)) {
        anyhow::bail!(
            "{shown}: this file is in `{other}`, and not in `{locale}`\nhint: give --locale {other}, or mend `Language:` in its header"
        );
    }
    Ok(of_po(po))
}

fn from_table(path: &Path, texts: &Texts, locale: &Locale) -> anyhow::Result<Vec<Arrival>> {
    let shown = path.display();
    let text = read(path, string_table::MAX_BYTES)?;
    let rows = string_table::read(&text).map_err(|error| anyhow::anyhow!("{shown}:{error}"))?;
    Ok(of_rows(rows, texts, locale))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn files_of_engines_are_read_in_their_own_encoding() {
        let wide = |mark: [u8; 2], of: fn(u16) -> [u8; 2]| {
            mark.into_iter().chain("Wölfe, 狼".encode_utf16().flat_map(of)).collect::<Vec<u8>>()
        };
        for bytes in [
            "Wölfe, 狼".as_bytes().to_vec(),
            wide([0xff, 0xfe], u16::to_le_bytes),
            wide([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(decoded(bytes).as_deref(), Some("Wölfe, 狼"));
        }
        assert_eq!(decoded(vec![0xe4, b'a']), None);
    }
}
