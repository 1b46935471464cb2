//! What goes out to translators, and what comes back.
//!
//! `texts ─po, rows→ file of a tool`, and `file ─arrivals→ what came ─taken→ entries of text/<locale>.yaml`.
//! What comes back is checked as `worldflow check` checks it; files are read and written elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::agree::{disagreements, faults};
use super::locale::Locale;
use super::parser::parse;
use super::po::{Po, PoEntry};
use super::string_table::Row;
use super::texts::{OF_NOTHING, State, Texts, Translation, hash};
use crate::world::did_you_mean;

/// A text that came from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arrival {
    /// Its key.
    pub key: String,
    /// The text; empty when there is none.
    pub text: String,
    /// The hash of the source text that the translator saw, if that is known.
    pub of: Option<String>,
    /// Whether the tool says that it is stale.
    pub fuzzy: bool,
    /// The translator's own words; `None` where the form has no place for them.
    pub note: Option<String>,
    /// Its line.
    pub line: usize,
}

/// What becomes of what came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// What differs from what is there, by key.
    pub entries: BTreeMap<String, Translation>,
    /// How many of these were not there.
    pub new: usize,
    /// How many are as they were, or have no text.
    pub left: usize,
    /// Keys that no source text has, with their lines: they are not taken.
    pub unknown: Vec<(usize, String)>,
    /// What is wrong, with lines; then nothing should be written.
    pub wrong: Vec<(usize, String)>,
}

impl Texts {
    /// The texts of a language as a PO file; for the source language, one to begin a translation with.
    #[must_use]
    pub fn po(&self, world: &str, locale: &Locale) -> Po {
        let header = [
            ("Project-Id-Version", world),
            ("Language", locale.name()),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("X-Source-Language", self.source.name()),
            ("X-Generator", "worldflow"),
        ];
        let header = header.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let own = self.translations.get(locale.name());
        let mut entries: Vec<PoEntry> = Vec::new();
        for (key, source) in &self.sources {
            let translation = own.and_then(|own| own.get(key)).cloned().unwrap_or_default();
            let fuzzy = !translation.text.trim().is_empty() && self.is_stale(key, &translation);
            entries.push(PoEntry {
                key: key.clone(),
                source: source.text.clone(),
                fuzzy,
                made_of: translation.of.clone().filter(|_| fuzzy),
                text: translation.text,
                note: source.note.clone(),
                comment: translation.note,
                place: source.place.clone(),
                ..PoEntry::default()
            });
        }
        // A translation whose source is gone is kept, as gettext does.
        for (key, translation) in
            own.into_iter().flatten().filter(|(key, _)| !self.sources.contains_key(*key))
        {
            entries.push(PoEntry {
                key: key.clone(),
                text: translation.text.clone(),
                comment: translation.note.clone(),
                obsolete: true,
                ..PoEntry::default()
            });
        }
        Po { header, entries }
    }

    /// The texts of a language as a string table, complete: where a translation is missing, the source text stands in.
    #[must_use]
    pub fn rows(&self, locale: &Locale) -> Vec<Row> {
        let own = self.translations.get(locale.name());
        let row = |(key, source): (&String, &super::texts::Source)| {
            let translation = own.and_then(|own| own.get(key)).filter(|own| !own.text.trim().is_empty());
            let (state, text) = match translation {
                Some(translation) if self.is_stale(key, translation) => {
                    (State::Stale.name(), &translation.text)
                }
                Some(translation) => (State::Translated.name(), &translation.text),
                None if *locale == self.source => ("source", &source.text),
                None if source.text.trim().is_empty() => (State::Translated.name(), &source.text),
                None => (State::Missing.name(), &source.text),
            };
            let mut comment = format!("{state}; source {}; {}", hash(&source.text), source.place);
            if !source.note.is_empty() {
                comment.push_str(&format!("; {}", source.note));
            }
            Row { key: key.clone(), text: text.clone(), comment, line: 0 }
        };
        self.sources.iter().map(row).collect()
    }

    /// What of these texts is to be written for a language.
    #[must_use]
    pub fn taken(&self, locale: &Locale, arrivals: Vec<Arrival>) -> Taken {
        let mut taken = Taken::default();
        let mut seen = BTreeSet::new();
        let own = self.translations.get(locale.name());
        for arrival in arrivals {
            let Some(source) = self.sources.get(&arrival.key) else {
                let near = did_you_mean(&arrival.key, self.sources.keys().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                taken.unknown.push((arrival.line, format!("`{}`{near}", arrival.key)));
                continue;
            };
            if !seen.insert(arrival.key.clone()) {
                taken.wrong.push((arrival.line, format!("`{}` is given twice", arrival.key)));
                continue;
            }
            if arrival.text.trim().is_empty() {
                taken.left += 1;
                continue;
            }
            taken.wrong.extend(wrong(&source.text, &self.source, &arrival, locale));
            let there = own.and_then(|own| own.get(&arrival.key));
            let entry = renewed(there, &arrival, &hash(&source.text));
            if there == Some(&entry) {
                taken.left += 1;
            } else {
                taken.new += usize::from(there.is_none_or(|there| there.text.trim().is_empty()));
                taken.entries.insert(arrival.key, entry);
            }
        }
        taken
    }
}

/// The entry that a text which came makes of the one that is there; `now` is the hash of the source text.
fn renewed(there: Option<&Translation>, arrival: &Arrival, now: &str) -> Translation {
    let same = there.filter(|there| there.text == arrival.text);
    let known = there.and_then(|there| there.of.clone());
    let of = if arrival.fuzzy {
        // It was stale when it went out, and nobody has looked at it; or somebody has, and it is not right any more.
        let was = same.and_then(|same| same.of.clone()).into_iter().chain(arrival.of.clone());
        Some(was.into_iter().find(|of| of != now).unwrap_or_else(|| OF_NOTHING.to_owned()))
    } else {
        arrival.of.clone().or(known)
    };
    let note =
        arrival.note.clone().unwrap_or_else(|| there.map(|there| there.note.clone()).unwrap_or_default());
    Translation { text: arrival.text.clone(), of, note }
}

/// What is wrong with a text that came.
fn wrong(source: &str, source_locale: &Locale, arrival: &Arrival, locale: &Locale) -> Vec<(usize, String)> {
    let say = |message: &str, hint: &str| (arrival.line, format!("{}: {message}\nhint: {hint}", arrival.key));
    let message = match parse(&arrival.text) {
        Ok(message) => message,
        Err(error) => return vec![say(&error.message, &error.hint)],
    };
    let mut all = if locale == source_locale { Vec::new() } else { faults(&message, locale) };
    if let Ok(source) = parse(source) {
        all.extend(disagreements(&source, &message));
    }
    all.iter().filter(|found| !found.harmless).map(|found| say(&found.message, &found.hint)).collect()
}

/// What a PO file brings.
#[must_use]
pub fn of_po(po: Po) -> Vec<Arrival> {
    let entries = po.entries.into_iter().filter(|entry| !entry.obsolete);
    let arrival = |entry: PoEntry| Arrival {
        // The translator of a text that is not stale saw the source that stands beside it.
        of: if entry.fuzzy { entry.made_of } else { Some(hash(&entry.source)) },
        key: entry.key,
        text: entry.text,
        fuzzy: entry.fuzzy,
        note: Some(entry.comment),
        line: entry.line,
    };
    entries.map(arrival).collect()
}

/// What a string table brings; a row that stood in for what was missing, and still does, brings nothing.
#[must_use]
pub fn of_rows(rows: Vec<Row>, texts: &Texts, locale: &Locale) -> Vec<Arrival> {
    let own = texts.translations.get(locale.name());
    let arrival = |row: Row| {
        let mut parts = row.comment.split("; ");
        let state = parts.next().unwrap_or_default();
        let of = parts.next().and_then(|part| part.strip_prefix("source ")).map(str::to_owned);
        let stands_in = state == State::Missing.name() && of.as_deref() == Some(hash(&row.text).as_str());
        // The form does not say that a text was looked at: one that is as it was is as stale as it was.
        let there = own.and_then(|own| own.get(&row.key)).filter(|there| there.text == row.text);
        Arrival {
            of: there.map_or(of, |there| there.of.clone()),
            text: if stands_in { String::new() } else { row.text },
            key: row.key,
            fuzzy: false,
            note: None,
            line: usize::try_from(row.line).unwrap_or(usize::MAX),
        }
    };
    rows.into_iter().map(arrival).collect()
}
