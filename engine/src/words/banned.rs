//! Banned terms, all found at once: an Aho-Corasick automaton over folded words.
//!
//! A term stands between borders of words; one in a script without space between words stands anywhere. `*` at an end
//! of a term stands for any letters there.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::fold::{Folded, fold, is_unspaced};

/// The most terms of a world.
pub const MOST_TERMS: usize = 20_000;

/// The longest term.
pub const MOST_TERM_BYTES: usize = 128;

/// The language of terms that are banned in every one.
pub const ANY: &str = "*";

/// Why terms cannot be looked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BannedError {
    /// Nothing is left of a term when it is folded.
    #[error("nothing is left of `{term}` when case, accents and signs are put aside")]
    Empty {
        /// The term.
        term: String,
    },
    /// It is too long.
    #[error("`{term}` is longer than {MOST_TERM_BYTES} bytes")]
    TooLong {
        /// Its beginning.
        term: String,
    },
    /// There are too many.
    #[error("more than {MOST_TERMS} terms")]
    TooMany,
    /// The automaton cannot be built.
    #[error("the terms make too large an automaton")]
    TooLarge,
}

/// Which languages' terms are looked for, besides those of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'l> {
    /// Those of a language and of what it is a kind of: for `de-AT` also those of `de`.
    Locale(&'l str),
    /// Those of every language.
    Every,
}

/// The banned terms of a world.
#[derive(Clone, Debug, Default)]
pub struct Banned {
    spaced: Option<Terms>,
    unspaced: Option<Terms>,
    /// The most words that a term has.
    most_words: usize,
}

#[derive(Clone, Debug)]
struct Terms {
    automaton: AhoCorasick,
    /// The language of each.
    locales: Vec<Box<str>>,
}

/// Where a term ends, and whether letters may come beyond.
struct Term {
    folded: Folded,
    open: (bool, bool),
}

impl Term {
    /// # Errors
    /// When it cannot be looked for.
    fn read(term: &str) -> Result<Term, BannedError> {
        if term.len() > MOST_TERM_BYTES {
            let term = term.chars().take(32).collect();
            return Err(BannedError::TooLong { term });
        }
        let rest = term.strip_prefix('*');
        let (before, rest) = (rest.is_some(), rest.unwrap_or(term));
        let inner = rest.strip_suffix('*');
        let (after, inner) = (inner.is_some(), inner.unwrap_or(rest));
        let folded = fold(inner);
        if folded.is_empty() {
            return Err(BannedError::Empty { term: term.to_owned() });
        }
        Ok(Term { folded, open: (before, after) })
    }
}

impl Banned {
    /// Compiles the terms of each language.
    ///
    /// # Errors
    /// When one cannot be looked for, or there are too many.
    pub fn new(terms: &BTreeMap<String, Vec<String>>) -> Result<Banned, BannedError> {
        if terms.values().map(Vec::len).sum::<usize>() > MOST_TERMS {
            return Err(BannedError::TooMany);
        }
        let (mut spaced, mut unspaced) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let mut most_words = 0;
        for (locale, terms) in terms {
            for term in terms {
                let Term { folded, open } = Term::read(term)?;
                most_words = most_words.max(folded.len());
                // Of a term that may be read in several ways, each is one.
                for form in folded.forms() {
                    if form.chars().any(is_unspaced) {
                        unspaced.0.push(form.split_whitespace().collect::<String>());
                        unspaced.1.push(locale.as_str().into());
                        continue;
                    }
                    let from = usize::from(open.0);
                    let to = form.len() - usize::from(open.1);
                    spaced.0.push(form[from..to].to_owned());
                    spaced.1.push(locale.as_str().into());
                }
            }
        }
        Ok(Banned { spaced: Terms::new(spaced)?, unspaced: Terms::new(unspaced)?, most_words })
    }

    /// Whether a term can be looked for.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(term: &str) -> Result<(), BannedError> {
        Term::read(term).map(drop)
    }

    /// Whether nothing is banned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spaced.is_none() && self.unspaced.is_none()
    }

    /// How many words before a text a term may begin that ends in it.
    #[must_use]
    pub fn reach(&self) -> usize {
        // A word that is written apart is one of the term's.
        self.most_words.saturating_mul(4).max(MOST_APART)
    }

    /// Whether a banned term is in a text.
    #[must_use]
    pub fn is_in(&self, folded: &Folded, wanted: Wanted<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        folded.forms().iter().any(|form| {
            let closed = || form.split_whitespace().collect::<String>();
            self.spaced.as_ref().is_some_and(|terms| terms.are_in(form, wanted))
                || self.unspaced.as_ref().is_some_and(|terms| terms.are_in(&closed(), wanted))
        })
    }
}

/// So many letters before a text may be the beginning of a word that is written apart.
const MOST_APART: usize = 16;

impl Terms {
    fn new((patterns, locales): (Vec<String>, Vec<Box<str>>)) -> Result<Option<Terms>, BannedError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::new(&patterns).map_err(|_| BannedError::TooLarge)?;
        Ok(Some(Terms { automaton, locales }))
    }

    fn are_in(&self, text: &str, wanted: Wanted<'_>) -> bool {
        let mut found = self.automaton.find_overlapping_iter(text);
        found.any(|found| {
            let of = &*self.locales[found.pattern().as_usize()];
            match wanted {
                Wanted::Every => true,
                Wanted::Locale(locale) => of == ANY || is_kind_of(locale, of),
            }
        })
    }
}

/// Whether a language is this one or a kind of it: `de-AT` of `de`.
fn is_kind_of(locale: &str, of: &str) -> bool {
    let head = locale.get(..of.len()).is_some_and(|head| head.eq_ignore_ascii_case(of));
    head && locale[of.len()..].chars().next().is_none_or(|next| matches!(next, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banned() -> Banned {
        let terms = [
            ("en", vec!["dragonspit", "curs*", "son of a goblin", "*bane"]),
            ("de", vec!["Drachenrotz", "Schuft"]),
            ("ru", vec!["негодяй"]),
            ("zh", vec!["去死"]),
            ("ja", vec!["バカ"]),
            ("th", vec!["ไอ้บ้า"]),
            ("ar", vec!["حمار"]),
            ("*", vec!["acme"]),
        ];
        let terms =
            terms.map(|(locale, terms)| (locale.to_owned(), terms.into_iter().map(str::to_owned).collect()));
        Banned::new(&terms.into_iter().collect()).expect("they can be looked for")
    }

    #[test]
    fn terms_are_found_between_borders_of_words_in_their_languages() {
        let banned = banned();
        for (locale, text, is_in) in [
            ("en", "You DRAGONSPIT!", true),
            ("en", "dragonspitting is fine", false),
            ("en", "a cursed blade", true),
            ("en", "an excursion", false),
            ("en", "wolfsbane grows here", true),
            ("en", "a banes b", false),
            ("en", "You son of\n a... Goblin", true),
            ("en", "son of the goblin", false),
            ("en", "ACME sells it", true),
            ("de", "ACME verkauft das", true),
            ("de", "So ein SCHUFT.", true),
            ("de-AT", "So ein Schuft.", true),
            ("den", "So ein Schuft.", false),
            ("en", "So ein Schuft.", false),
            ("ru", "Ах ты, НЕГОДЯЙ!", true),
            ("ru", "негодяйка", false),
            ("zh-Hant", "你快去死吧。", true),
            ("zh", "去 死", true),
            ("zh", "去年死了", false),
            ("ja", "このﾊﾞｶめ", true),
            ("th", "เขาคือไอ้บ้าจริง", true),
            ("ar", "أنت حمار", true),
            ("ar", "حماران", false),
        ] {
            assert_eq!(banned.is_in(&fold(text), Wanted::Locale(locale)), is_in, "{locale}: {text}");
        }
        assert!(banned.is_in(&fold("ein Schuft"), Wanted::Every));
        assert!(!banned.is_in(&fold("ein guter Mann"), Wanted::Every));
    }

    #[test]
    fn disguises_hide_no_term() {
        let banned = banned();
        for text in [
            "dragon\u{200b}spit",
            "dr4gonsp1t",
            "d.r.a.g.o.n.s.p.i.t",
            "d r a g o n s p i t",
            "draaaagonspiiiit",
            "ｄｒａｇｏｎｓｐｉｔ",
            "drаgоnspіt",
            "drágönspît",
            "dragonsp!t",
            "DRAGΟΝSPΙΤ",
            "dragon\u{ad}spit",
            "dragon’spit",
        ] {
            assert!(banned.is_in(&fold(text), Wanted::Locale("en")), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_an_error() {
        assert!(matches!(Banned::check(" *!* "), Err(BannedError::Empty { .. })));
        assert!(matches!(Banned::check(&"x".repeat(200)), Err(BannedError::TooLong { .. })));
        let many = BTreeMap::from([("en".to_owned(), vec!["x".to_owned(); MOST_TERMS + 1])]);
        assert_eq!(Banned::new(&many).map(drop), Err(BannedError::TooMany));
        assert!(!Banned::new(&BTreeMap::new()).expect("none").is_in(&fold("anything"), Wanted::Every));
    }
}
