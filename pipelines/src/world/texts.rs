//! The texts of a world folder: those that its definitions give to players, those of `text/`, and what is wrong with them.
//!
//! `definitions ─keys→ source texts ◀─checked against─ text/<locale>.yaml`. Nothing is looked at as long as world.yaml
//! declares no languages.

use std::collections::BTreeMap;

use worldflow_schemas::definitions::NotedText;

use super::collected::{Definitions, report};
use super::node::{Key, Node, NodeValue};
use super::problem::{Place, Problem, Problems, Severity, hint};
use super::reading;
use super::spot::{Document, Spot};
use crate::text::{
    Disagreement, Locale, MessageError, Source, State, Texts, Translation, disagreements, faults, parse,
};

/// The folder of texts.
pub(super) const TEXT: &str = "text";

/// The most missing texts that are named.
const MOST_NAMED: usize = 3;

/// Reads the texts of a world and says what is wrong with them; `None` when no languages are declared.
pub(super) fn read(
    definitions: &Definitions<'_>,
    documents: &[Document],
    problems: &mut Problems,
) -> Option<Texts> {
    let files: Vec<(&str, &Document)> =
        documents.iter().filter_map(|file| Some((locale_of(&file.file)?, file))).collect();
    let world = definitions.world.as_ref()?;
    let spot = world.spot.key("text");
    let Some(declared) = &world.definition.text else {
        for (_, file) in &files {
            let hint = "declare the languages in world.yaml: `text: {source: en, locales: [de]}`".to_owned();
            problems.0.push(whole(Severity::Warning, &file.file, "nothing reads this file".to_owned(), hint));
        }
        return None;
    };
    let source = locale(&declared.source, spot.key("source"), problems)?;
    let mut texts =
        Texts { source, locales: Vec::new(), sources: BTreeMap::new(), translations: BTreeMap::new() };
    for (index, name) in declared.locales.iter().enumerate() {
        let spot = spot.key("locales").item(index);
        let Some(locale) = locale(name, spot, problems) else { continue };
        if locale == texts.source || texts.locales.contains(&locale) {
            let message = format!("the language `{locale}` is given twice");
            problems.0.push(spot.problem(Severity::Error, message, Some("remove it here".to_owned())));
        } else {
            texts.locales.push(locale);
        }
    }
    let mut reading = Reading { texts, problems };
    reading.definitions(definitions);
    reading.spoken(definitions);
    let source = reading.texts.source.name().to_owned();
    files.iter().filter(|(name, _)| *name == source).for_each(|(_, file)| reading.sources(file));
    for (name, file) in files.iter().filter(|(name, _)| *name != source) {
        reading.file(name, file);
    }
    reading.missing(spot.key("locales"));
    Some(reading.texts)
}

/// The language that a file's name says.
fn locale_of(file: &str) -> Option<&str> {
    let name = file.strip_prefix(TEXT)?.strip_prefix('/')?;
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"))
}

fn locale(name: &str, spot: Spot<'_>, problems: &mut Problems) -> Option<Locale> {
    let (message, hint) = match Locale::parse(name) {
        Some(locale) if locale.name() == name => return Some(locale),
        Some(locale) => {
            (format!("`{name}` is not how this language is written"), format!("write `{locale}`"))
        }
        None => (format!("`{name}` is no language"), "name it as in `de`, `de-AT` or `zh-Hant`".to_owned()),
    };
    problems.0.push(spot.problem(Severity::Error, message, Some(hint)));
    None
}

fn whole(severity: Severity, file: &str, message: String, hint: String) -> Problem {
    Problem { severity, file: file.to_owned(), place: None, message, hint: Some(hint), snippet: None }
}

struct Reading<'p> {
    texts: Texts,
    problems: &'p mut Problems,
}

impl Reading<'_> {
    /// What the definitions give to players.
    fn definitions(&mut self, definitions: &Definitions<'_>) {
        for (id, placed) in &definitions.quests {
            let (quest, spot, key) = (&placed.definition, placed.spot, format!("quests.{id}"));
            self.source(format!("{key}.title"), &quest.title, spot.key("title"));
            for (stage_id, stage) in quest.stages.iter() {
                let spot = spot.key("stages").key(stage_id);
                let key = format!("{key}.stages.{stage_id}");
                self.source(format!("{key}.title"), &stage.title, spot.key("title"));
                for (id, objective) in stage.objectives.iter() {
                    let spot = spot.key("objectives").key(id).key("title");
                    self.source(format!("{key}.objectives.{id}.title"), &objective.title, spot);
                }
            }
        }
        for (id, placed) in &definitions.npcs {
            for (index, bark) in placed.definition.barks.as_slice().iter().enumerate() {
                let spot = placed.spot.key("barks").item(index);
                self.source(format!("npcs.{id}.barks.{}", index + 1), bark, spot);
            }
        }
        for (id, placed) in &definitions.storylets {
            for (index, line) in placed.definition.lines.as_slice().iter().enumerate() {
                let spot = placed.spot.key("lines").item(index);
                self.source(format!("stories.{id}.lines.{}", index + 1), line, spot);
            }
        }
    }

    fn spoken(&mut self, definitions: &Definitions<'_>) {
        for text in &definitions.spoken {
            self.source(text.key.clone(), &text.text, text.spot);
        }
    }

    fn source(&mut self, key: String, text: &str, spot: Spot<'_>) {
        if !text.trim().is_empty() {
            self.check_source(text, spot);
            let source = Source { text: text.to_owned(), place: place(spot), note: String::new() };
            self.texts.sources.insert(key, source);
        }
    }

    fn check_source(&mut self, text: &str, spot: Spot<'_>) {
        match parse(text) {
            Ok(message) => {
                for fault in faults(&message, &self.texts.source) {
                    self.fault(text, spot, fault);
                }
            }
            Err(error) => self.unreadable(text, spot, error),
        }
    }

    /// Texts that stand in no definition.
    fn sources(&mut self, document: &Document) {
        for (key, entry, spot) in entries(document, self.problems) {
            let Some((text, entry)) = self.entry(&key, entry, spot) else { continue };
            if let Some(first) = self.texts.sources.get(&key.text) {
                let message = format!("the text `{}` is given twice", key.text);
                let hint = format!("it stands in {}; keep one of the two", first.place);
                self.error(spot, message, hint);
                continue;
            }
            self.check_source(&entry.text, text);
            let source = Source { text: entry.text, place: place(text), note: entry.note };
            self.texts.sources.insert(key.text, source);
        }
    }

    fn file(&mut self, name: &str, document: &Document) {
        let Some(locale) = self.texts.locales.iter().find(|locale| locale.name() == name).cloned() else {
            let known = self.texts.locales.iter().map(Locale::name);
            let hint = hint(name, known, "declare it in world.yaml under `text.locales`, or remove the file");
            let message = format!("the world is not translated to `{name}`");
            self.problems.0.push(whole(Severity::Error, &document.file, message, hint));
            return;
        };
        for (key, entry, spot) in entries(document, self.problems) {
            let Some((text, entry)) = self.entry(&key, entry, spot) else { continue };
            let own = self.texts.translations.entry(name.to_owned()).or_default();
            let twice = own.contains_key(&key.text);
            if twice {
                let message = format!("the text `{}` is given twice", key.text);
                self.error(spot, message, "keep one of the two".to_owned());
                continue;
            }
            let translation = Translation { text: entry.text, of: entry.of, note: entry.note };
            own.insert(key.text.clone(), translation.clone());
            self.translation(&key.text, &translation, &locale, spot, text);
        }
    }

    fn translation(
        &mut self,
        key: &str,
        translation: &Translation,
        locale: &Locale,
        spot: Spot<'_>,
        text: Spot<'_>,
    ) {
        let Some(source) = self.texts.sources.get(key) else {
            let known = self.texts.sources.keys().map(String::as_str);
            let hint = hint(key, known, "remove it if its text is gone");
            self.error(spot, format!("no text has the key `{key}`"), hint);
            return;
        };
        if translation.text.trim().is_empty() {
            return;
        }
        let (source, stale) = (source.clone(), self.texts.is_stale(key, translation));
        match parse(&translation.text) {
            Ok(message) => {
                let mut all = faults(&message, locale);
                // A source that cannot be read has been reported.
                if let Ok(source) = parse(&source.text) {
                    all.extend(disagreements(&source, &message));
                }
                all.into_iter().for_each(|fault| self.fault(&translation.text, text, fault));
            }
            Err(error) => self.unreadable(&translation.text, text, error),
        }
        if stale {
            let said: String = source.text.chars().take(80).collect();
            let message = format!("this translation is stale: {} says now `{said}`", source.place);
            let hint = format!(
                "translate it anew, or say that it is right: `worldflow text mark --locale {locale} --key {key}`"
            );
            self.problems.0.push(spot.problem(Severity::Warning, message, Some(hint)));
        }
    }

    /// Says of each language how much of it is missing.
    fn missing(&mut self, spot: Spot<'_>) {
        for (index, locale) in self.texts.locales.iter().enumerate() {
            let keys = self.texts.keys_in(locale, State::Missing);
            if keys.is_empty() {
                continue;
            }
            let mut named: Vec<String> = keys.iter().take(MOST_NAMED).map(|key| format!("`{key}`")).collect();
            if keys.len() > MOST_NAMED {
                named.push(format!("{} more", keys.len() - MOST_NAMED));
            }
            let (all, count) = (self.texts.sources.len(), keys.len());
            let are = if count == 1 { "is" } else { "are" };
            let message = format!("{count} of {all} texts {are} missing in `{locale}`: {}", named.join(", "));
            let hint = format!(
                "write text/{locale}.yaml, or send translators `worldflow text export --locale {locale} --po {locale}.po`"
            );
            let spot = spot.item(index);
            self.problems.0.push(spot.problem(Severity::Warning, message, Some(hint)));
        }
    }

    /// An entry of a file: where its text stands, and what it says.
    fn entry<'a>(&mut self, key: &Key, node: &'a Node, spot: Spot<'a>) -> Option<(Spot<'a>, NotedText)> {
        match &node.value {
            NodeValue::Text(text) => {
                let at = Spot { place: node.place, node: Some(node), ..spot };
                Some((at, NotedText { text: text.clone(), ..NotedText::default() }))
            }
            NodeValue::Map(_) => {
                let (read, misfits) = reading::read::<NotedText>(Some(key), node);
                report(spot.file, &misfits, self.problems);
                let at = Spot { node: Some(node), ..spot };
                read.map(|entry| (at.key("text"), entry))
            }
            NodeValue::Null => {
                let at = Spot { node: Some(node), ..spot };
                Some((at, NotedText::default()))
            }
            _ => {
                let at = Spot { place: node.place, node: Some(node), ..spot };
                self.error(at, "a text is expected here".to_owned(), "put it in quotes".to_owned());
                None
            }
        }
    }

    fn error(&mut self, spot: Spot<'_>, message: String, hint: String) {
        self.problems.0.push(spot.problem(Severity::Error, message, Some(hint)));
    }

    fn unreadable(&mut self, text: &str, spot: Spot<'_>, error: MessageError) {
        let at = within(text, spot, error.at.start, error.at.end);
        self.error(at, error.message, error.hint);
    }

    fn fault(&mut self, text: &str, spot: Spot<'_>, fault: Disagreement) {
        let at = fault.at.map_or(spot, |at| within(text, spot, at.start, at.end));
        let severity = if fault.harmless { Severity::Warning } else { Severity::Error };
        self.problems.0.push(at.problem(severity, fault.message, Some(fault.hint)));
    }
}

/// The spot of some bytes of a text.
fn within<'a>(text: &str, spot: Spot<'a>, from: usize, to: usize) -> Spot<'a> {
    let place: Place = spot.node.map_or(spot.place, |node| match &node.value {
        NodeValue::Text(written) if written == text => node.place_within(text, from, to),
        _ => spot.place,
    });
    Spot { place, ..spot }
}

/// Where a text stands, for people.
fn place(spot: Spot<'_>) -> String {
    format!("{}:{}", spot.file, spot.place.line)
}

/// The entries of a file of texts.
fn entries<'a>(document: &'a Document, problems: &mut Problems) -> Vec<(Key, &'a Node, Spot<'a>)> {
    let top = Spot::top(document);
    match &document.root.value {
        NodeValue::Map(entries) => {
            let spot = |key: &Key| Spot { file: &document.file, place: key.place, node: None };
            entries.iter().map(|(key, node)| (key.clone(), node, spot(key))).collect()
        }
        NodeValue::Null => Vec::new(),
        _ => {
            let hint = "a file of texts is a map: `quests.wolf_hunt.title: \"Drei Wölfe\"`".to_owned();
            problems.0.push(top.problem(
                Severity::Error,
                "expected a map of texts by key".to_owned(),
                Some(hint),
            ));
            Vec::new()
        }
    }
}
