//! Languages: what CLDR says of them.
//!
//! Which categories numbers have, how they are written, and which language stands in for which. Data and rules are
//! those of ICU4X's crates, compiled in; nothing here reads a file.

use std::fmt;

use fixed_decimal::Decimal;
use icu_decimal::DecimalFormatter;
use icu_locale_core::{LanguageIdentifier, Locale as Tag};
use icu_locale_fallback::LocaleFallbacker;
use icu_plurals::{PluralCategory, PluralRules};

use super::message::{Category, Plural, When};

/// The longest name of a language that is read.
const MAX_BYTES: usize = 35;

/// The most languages that stand in for each other.
const MAX_CHAIN: usize = 16;

/// Whole numbers up to this one say which categories a text needs.
const COUNTED: u64 = 200;

/// A language, perhaps with a script or a country: `de`, `de-AT`, `zh-Hant`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locale {
    id: LanguageIdentifier,
    name: String,
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Locale {
    /// Reads a name such as `de-AT`, in whatever case; `None` when it is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Locale> {
        if name.len() > MAX_BYTES {
            return None;
        }
        let id = LanguageIdentifier::try_from_str(name).ok()?;
        if id.language.is_unknown() {
            return None;
        }
        Some(Locale { name: id.to_string(), id })
    }

    /// Its name, as CLDR writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Itself, and the languages that stand in for it, the nearest first: `de-AT`, `de`.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.name.clone()];
        let fallbacker = LocaleFallbacker::new().for_config(Default::default());
        let mut next = fallbacker.fallback_for((&self.id).into());
        while !next.get().is_unknown() && chain.len() < MAX_CHAIN {
            let name = next.get().to_string();
            if !chain.contains(&name) {
                chain.push(name);
            }
            next.step();
        }
        chain
    }

    /// Whether CLDR takes the two for one: `zh-Hans` is `zh`.
    #[must_use]
    pub fn is_like(&self, other: &Locale) -> bool {
        let fallbacker = LocaleFallbacker::new().for_config(Default::default());
        let plain = |locale: &Locale| *fallbacker.fallback_for((&locale.id).into()).get();
        plain(self) == plain(other)
    }

    fn rules(&self, ordinal: bool) -> PluralRules {
        let tag = Tag::from(self.id.clone());
        let rules = if ordinal {
            PluralRules::try_new_ordinal((&tag).into())
        } else {
            PluralRules::try_new_cardinal((&tag).into())
        };
        rules.expect("the data is compiled in, and has an answer for every language")
    }

    /// The category of a number.
    #[must_use]
    pub fn category(&self, number: &Decimal, ordinal: bool) -> Category {
        category(self.rules(ordinal).category_for(number))
    }

    /// The categories that numbers of this language may be of.
    #[must_use]
    pub fn categories(&self, ordinal: bool) -> Vec<Category> {
        let rules = self.rules(ordinal);
        let mut all: Vec<Category> = rules.categories().map(category).collect();
        all.sort();
        all
    }

    /// The categories that a text needs and does not have: those of the whole numbers up to 200 that it does not name.
    #[must_use]
    pub fn lacking(&self, plural: &Plural) -> Vec<Category> {
        let rules = self.rules(plural.ordinal);
        let has = |when: When| plural.cases.iter().any(|case| case.when == when);
        let mut lacking = Vec::new();
        for number in (0..=COUNTED).filter(|number| !has(When::Exactly(*number))) {
            let Some(counted) = number.checked_sub(u64::from(plural.offset)) else { continue };
            let category = category(rules.category_for(counted));
            if !has(When::Category(category)) && !lacking.contains(&category) {
                lacking.push(category);
            }
        }
        lacking.sort();
        lacking
    }

    /// A number as it is written.
    #[must_use]
    pub fn number(&self, number: &Decimal) -> String {
        let tag = Tag::from(self.id.clone());
        let formatter = DecimalFormatter::try_new(
            (&tag).into(),
            icu_decimal::options::DecimalFormatterOptions::default(),
        );
        let formatter = formatter.expect("the data is compiled in, and has an answer for every language");
        formatter.format(number).to_string()
    }
}

fn category(category: PluralCategory) -> Category {
    match category {
        PluralCategory::Zero => Category::Zero,
        PluralCategory::One => Category::One,
        PluralCategory::Two => Category::Two,
        PluralCategory::Few => Category::Few,
        PluralCategory::Many => Category::Many,
        PluralCategory::Other => Category::Other,
    }
}
