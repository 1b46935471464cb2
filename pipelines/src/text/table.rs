//! The texts of a world as one language shows them, for games.
//!
//! `texts, de-AT ─de-AT, else de, else the source→ key, text, whose it is, how far it is`

use std::collections::BTreeMap;

use serde::Serialize;

use super::locale::Locale;
use super::texts::Texts;

/// What is said of a text that is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// It is of the nearest language that the world has, and of the source text as it is.
    Translated,
    /// It is of a language that stands in, since the nearest has none.
    Fallback,
    /// It is a translation, and its source text has changed since.
    Stale,
}

/// A text that is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry<'t> {
    /// The text, in ICU MessageFormat.
    pub text: &'t str,
    /// The language that it is in.
    pub locale: &'t str,
    /// How far it is.
    pub status: Shown,
}

/// The texts of a world in a language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table<'t> {
    /// The language that was asked for.
    pub locale: String,
    /// Where a text was looked for, the nearest first.
    pub chain: Vec<String>,
    /// The texts by key.
    pub texts: BTreeMap<&'t str, Entry<'t>>,
}

impl Texts {
    /// The texts as a language shows them.
    #[must_use]
    pub fn table(&self, wanted: &Locale) -> Table<'_> {
        let chain = self.chain(wanted);
        let is_own = self.is_of_source(wanted);
        let texts = self.sources.iter().map(|(key, source)| {
            let translations = chain.iter().take(chain.len() - 1).enumerate();
            let mut found = translations.filter_map(|(place, name)| {
                let (name, own) = self.translations.get_key_value(name)?;
                let translation = own.get(key).filter(|translation| !translation.text.trim().is_empty())?;
                let status = match place {
                    _ if self.is_stale(key, translation) => Shown::Stale,
                    0 => Shown::Translated,
                    _ => Shown::Fallback,
                };
                Some(Entry { text: &translation.text, locale: name, status })
            });
            let entry = found.next().unwrap_or(Entry {
                text: &source.text,
                locale: self.source.name(),
                status: if is_own && chain.len() == 1 { Shown::Translated } else { Shown::Fallback },
            });
            (key.as_str(), entry)
        });
        Table { locale: wanted.name().to_owned(), texts: texts.collect(), chain: chain.clone() }
    }

    /// Whether the source is a language's own.
    fn is_of_source(&self, wanted: &Locale) -> bool {
        wanted.chain().iter().any(|name| name == self.source.name())
    }

    /// The language of a request: the first of `Accept-Language` that the world has or something that stands in for
    /// it; the source when there is none.
    #[must_use]
    pub fn accepted(&self, header: &str) -> Locale {
        let mut wanted: Vec<(u32, Locale)> = Vec::new();
        for part in header.split(',').take(MAX_ACCEPTED) {
            let (name, quality) = part.split_once(';').unwrap_or((part, ""));
            let quality = quality.trim().strip_prefix("q=").map_or(Some(1_000), thousandths);
            if let (Some(locale), Some(quality @ 1..)) = (Locale::parse(name.trim()), quality) {
                wanted.push((quality, locale));
            }
        }
        // The order of the header decides between equals.
        wanted.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        let has = |locale: &Locale| self.chain(locale).len() > 1 || self.is_of_source(locale);
        wanted.into_iter().map(|(_, locale)| locale).find(has).unwrap_or_else(|| self.source.clone())
    }
}

/// The most languages of a header that are looked at.
const MAX_ACCEPTED: usize = 32;

/// A quality such as `0.8`.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, digits): (u32, u32) = (whole.parse().ok()?, digits.parse().ok()?);
    (whole <= 1).then_some(whole * 1_000 + digits)
}
