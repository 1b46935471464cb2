//! The text of `text/<locale>.yaml`, with entries put in, so that everything else in it stays as it is.
//!
//! One entry is one key at the beginning of a line and whatever is indented below it; comments and empty lines belong to
//! what follows them. What the entries mean is not looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::texts::Translation;

/// What begins a file that was not there.
fn head(locale: &str) -> String {
    format!("# Texts in `{locale}`, by key, in ICU MessageFormat; `worldflow text` reads and writes them.\n")
}

/// The file with these entries instead of those of the same keys, and new ones at its end.
#[must_use]
pub fn with(file: &str, locale: &str, entries: &BTreeMap<&str, &Translation>) -> String {
    let mut made = if file.trim().is_empty() { head(locale) } else { String::new() };
    let mut left = entries.clone();
    // The lines of an entry that has been written anew are left out.
    let mut skips = false;
    let mut waiting = String::new();
    for line in file.lines() {
        let key = key_of(line);
        if key.is_some() {
            skips = false;
        } else if skips && (line.starts_with([' ', '\t'])) {
            // Comments and empty lines within it go with it.
            waiting.clear();
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            let _ = writeln!(waiting, "{line}");
            continue;
        }
        made.push_str(&std::mem::take(&mut waiting));
        match key.as_deref().and_then(|key| left.remove(key).map(|entry| (key.to_owned(), entry))) {
            Some((key, entry)) => {
                made.push_str(&written(&key, entry));
                skips = true;
            }
            None => {
                let _ = writeln!(made, "{line}");
            }
        }
    }
    made.push_str(&waiting);
    for (key, entry) in left {
        made.push_str(&written(key, entry));
    }
    made
}

/// The key that a line begins with.
fn key_of(line: &str) -> Option<String> {
    if line.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(line).into_iter::<String>();
        let key = strings.next()?.ok()?;
        return line[strings.byte_offset()..].trim_start().starts_with(':').then_some(key);
    }
    if let Some(quoted) = line.strip_prefix('\'') {
        let (key, rest) = quoted.split_once('\'')?;
        return rest.trim_start().starts_with(':').then(|| key.to_owned());
    }
    let (key, rest) = line.split_once(':')?;
    let plain = !key.is_empty() && !key.starts_with([' ', '\t', '#', '{', '[', '-', '?']);
    (plain && (rest.is_empty() || rest.starts_with([' ', '\t']))).then(|| key.trim_end().to_owned())
}

/// An entry as a line of the file.
fn written(key: &str, entry: &Translation) -> String {
    let key = if is_plain(key) { key.to_owned() } else { quoted(key) };
    let text = quoted(&entry.text);
    if entry.of.is_none() && entry.note.is_empty() {
        return format!("{key}: {text}\n");
    }
    let mut more = String::new();
    if let Some(of) = &entry.of {
        let _ = write!(more, ", of: {}", quoted(of));
    }
    if !entry.note.is_empty() {
        let _ = write!(more, ", note: {}", quoted(&entry.note));
    }
    format!("{key}: {{text: {text}{more}}}\n")
}

/// A key that YAML takes for nothing else.
fn is_plain(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.contains('.') && key.chars().all(fits)
}

/// A text in quotes as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut quoted = String::new();
    for c in json.chars() {
        match c {
            // What YAML takes for the end of a line, or does not take at all.
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted
}
