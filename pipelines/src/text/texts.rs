//! The texts of a world: what is written in its own language, and the translations.
//!
//! Every text that a world's files give to players has a key, by where it stands: `quests.wolf_hunt.title`. More may stand
//! in `text/<source>.yaml`. A translation remembers by a short hash of which source text it was made; when that is another
//! now, it is stale.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::locale::Locale;

/// What is said of a translation whose source text nobody knows: it is stale.
pub const OF_NOTHING: &str = "-";

/// A text in the world's own language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// The text.
    pub text: String,
    /// Where it stands: `quests/hunt.yaml:2:10`.
    pub place: String,
    /// For whoever translates.
    pub note: String,
}

/// A text in another language.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Translation {
    /// The text; empty as long as there is none.
    pub text: String,
    /// The hash of the source text that it was made of, if that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The translator's own words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Translation {
    /// A text of which nothing else is known.
    #[must_use]
    pub fn of_text(text: &str) -> Translation {
        Translation { text: text.to_owned(), ..Translation::default() }
    }
}

/// How far a translation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is there, and of the source text as it is.
    Translated,
    /// It is there, and the source text has changed since.
    Stale,
    /// It is not there.
    Missing,
}

impl State {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Translated => "translated",
            State::Stale => "stale",
            State::Missing => "missing",
        }
    }
}

/// How many texts of a language are how far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// There, and of the source text as it is.
    pub translated: usize,
    /// There, and of another source text.
    pub stale: usize,
    /// Not there.
    pub missing: usize,
    /// Of a key that no source text has.
    pub unknown: usize,
    /// Among the translated: those that do not say of which source text they were made.
    pub unmarked: usize,
}

/// The texts of a world.
#[derive(Clone, PartialEq, Debug)]
pub struct Texts {
    /// The world's own language.
    pub source: Locale,
    /// The languages that it is translated to, as world.yaml lists them.
    pub locales: Vec<Locale>,
    /// The source texts by key.
    pub sources: BTreeMap<String, Source>,
    /// The translations by language and key.
    pub translations: BTreeMap<String, BTreeMap<String, Translation>>,
}

/// Eight digits that are others when the text is another.
#[must_use]
pub fn hash(text: &str) -> String {
    format!("{:08x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) & 0xffff_ffff)
}

impl Texts {
    /// The declared language of this name.
    #[must_use]
    pub fn locale(&self, name: &str) -> Option<&Locale> {
        let named = Locale::parse(name)?;
        [&self.source].into_iter().chain(&self.locales).find(|locale| **locale == named)
    }

    /// The translation of a language itself, unless it is empty.
    #[must_use]
    pub fn translation(&self, locale: &str, key: &str) -> Option<&Translation> {
        let found = self.translations.get(locale)?.get(key)?;
        (!found.text.trim().is_empty()).then_some(found)
    }

    /// The declared languages in which a text is looked for, the nearest first, and the source at last.
    #[must_use]
    pub fn chain(&self, wanted: &Locale) -> Vec<String> {
        let mut chain = Vec::new();
        for name in wanted.chain() {
            // `zh-Hans` is what is meant by `zh`.
            let meant = Locale::parse(&name);
            let declared = self.locales.iter().find(|locale| locale.name() == name);
            let declared = declared.or_else(|| {
                self.locales.iter().find(|locale| meant.as_ref().is_some_and(|meant| locale.is_like(meant)))
            });
            if name == self.source.name() {
                break;
            }
            if let Some(declared) = declared.map(|locale| locale.name().to_owned())
                && !chain.contains(&declared)
            {
                chain.push(declared);
            }
        }
        chain.push(self.source.name().to_owned());
        chain
    }

    /// Whether a translation is of the source text as it is.
    #[must_use]
    pub fn is_stale(&self, key: &str, translation: &Translation) -> bool {
        let of = translation.of.as_deref();
        self.sources.get(key).is_some_and(|source| of.is_some_and(|of| of != hash(&source.text)))
    }

    /// How far a text is, of the first language of a chain that has it; the source at its end has everything.
    fn state(&self, chain: &[String], key: &str) -> State {
        let translations = chain.iter().take(chain.len() - 1);
        match translations.filter_map(|name| self.translation(name, key)).next() {
            Some(translation) if self.is_stale(key, translation) => State::Stale,
            Some(_) => State::Translated,
            // Of nothing there is nothing to translate.
            None if self.sources.get(key).is_some_and(|source| source.text.trim().is_empty()) => {
                State::Translated
            }
            None => State::Missing,
        }
    }

    /// How far a language is.
    #[must_use]
    pub fn counts(&self, locale: &Locale) -> Counts {
        let mut counts = Counts::default();
        let chain = self.chain(locale);
        for key in self.sources.keys() {
            match self.state(&chain, key) {
                State::Translated => counts.translated += 1,
                State::Stale => counts.stale += 1,
                State::Missing => counts.missing += 1,
            }
        }
        let own = self.translations.get(locale.name()).into_iter().flatten();
        for (key, translation) in own {
            counts.unknown += usize::from(!self.sources.contains_key(key));
            counts.unmarked += usize::from(translation.of.is_none() && !translation.text.trim().is_empty());
        }
        counts
    }

    /// The keys whose text is in this state in a language.
    #[must_use]
    pub fn keys_in(&self, locale: &Locale, state: State) -> BTreeSet<&str> {
        let (chain, keys) = (self.chain(locale), self.sources.keys().map(String::as_str));
        keys.filter(|key| self.state(&chain, key) == state).collect()
    }
}
