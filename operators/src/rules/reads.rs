//! What a view in SQL is made from, as far as its text says: the words and the quoted texts in it, and in those of the views whose
//! names are among these words.
//!
//! It is no more than a superset of what a view reads: comments aside, every word counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use worldflow_schemas::Sym;
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::SqlViewDef;

/// The words of a text, and what stands in quotes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Reads {
    words: BTreeSet<String>,
    quoted: BTreeSet<String>,
}

impl Reads {
    fn of(text: &str) -> Reads {
        let mut reads = Reads::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if let Some(quote) = rest.strip_prefix('\'') {
                let (quoted, after) = quote.split_once('\'').unwrap_or((quote, ""));
                reads.quoted.insert(quoted.to_owned());
                rest = after;
            } else {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                if end > 0 {
                    reads.words.insert(rest[..end].to_ascii_lowercase());
                }
                rest = &rest[end.max(first.len_utf8())..];
            }
        }
        reads
    }

    /// Whether it may read a view.
    pub(super) fn names(&self, view: &str) -> bool {
        self.words.contains(view)
    }

    /// Whether a name begins with a text that stands in quotes, or with what of one stands before a `%`.
    pub(super) fn quotes(&self, name: &str) -> bool {
        let begins = |quoted: &String| {
            quoted.split('%').next().is_some_and(|text| !text.is_empty() && name.starts_with(text))
        };
        self.quoted.iter().any(begins)
    }
}

/// The views in SQL of a realm.
#[derive(Debug, Default)]
pub struct SqlViews {
    own: FxHashMap<String, Reads>,
    /// With what they read through each other.
    all: FxHashMap<String, Reads>,
}

impl SqlViews {
    /// Takes in the edits of a tick.
    pub fn define(&mut self, edits: Vec<(Sym, Option<Arc<SqlViewDef>>)>) {
        if edits.is_empty() {
            return;
        }
        for (view, def) in edits {
            match def {
                Some(def) => self.own.insert(view.as_str().to_owned(), Reads::of(&def.sql)),
                None => self.own.remove(view.as_str()),
            };
        }
        self.all = self.own.keys().map(|view| (view.clone(), self.closed(view))).collect();
    }

    fn closed(&self, view: &str) -> Reads {
        let (mut all, mut left) = (Reads::default(), vec![view]);
        let mut met = BTreeSet::from([view]);
        while let Some(reads) = left.pop().and_then(|view| self.own.get(view)) {
            let views = reads.words.iter().filter(|word| self.own.contains_key(*word));
            left.extend(views.map(String::as_str).filter(|view| met.insert(view)));
            all.words.extend(reads.words.iter().cloned());
            all.quoted.extend(reads.quoted.iter().cloned());
        }
        all
    }

    /// Whether a view reads facts and names this one.
    #[must_use]
    pub fn follows(&self, view: &str, fact: &str) -> bool {
        self.get(view).is_some_and(|reads| reads.names(catalog::FACTS.def().name) && reads.quotes(fact))
    }

    /// What a view may be made from.
    pub(super) fn get(&self, view: &str) -> Option<&Reads> {
        self.all.get(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quoted_texts_count_through_the_views_that_are_named() {
        let mut views = SqlViews::default();
        let def = |sql: &str| Some(Arc::new(SqlViewDef { sql: sql.to_owned() }));
        let inner =
            "CREATE VIEW inner_one AS SELECT value FROM Facts WHERE fact = 'price' -- the player's own 'x'\n";
        let outer = "CREATE VIEW outer_one AS SELECT i.value /* levels */ FROM inner_one AS i, outer_one";
        views.define(vec![(Sym::new("inner_one"), def(inner)), (Sym::new("outer_one"), def(outer))]);
        let outer = views.get("outer_one").expect("it is defined");
        assert!(outer.names("facts") && outer.quotes("price") && outer.quotes("price_of_food"));
        assert!(!outer.names("levels") && !outer.quotes("x"), "{outer:?}");
        views.define(vec![(Sym::new("inner_one"), None)]);
        assert!(!views.get("outer_one").expect("it is still defined").names("facts"));
    }
}
