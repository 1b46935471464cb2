//! BM25: texts ranked by the words that they share with a question.
//!
//! `text ─words→ postings; question ─words→ Σ idf × saturated count`, with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza, 2009).
//! Words are runs of letters and digits in lower case; of scripts that set no blanks, pairs of characters. There is no
//! stemming: it would have to know the language.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The longest word that is kept, in characters; the rest of a longer one is passed over.
const MOST_WORD: usize = 64;

/// Postings: for each word the texts that have it, and how often.
#[derive(Debug, Default)]
pub(super) struct Bm25 {
    postings: FxHashMap<Box<str>, BTreeMap<usize, u32>>,
    /// The number of words of each text.
    lengths: FxHashMap<usize, u32>,
    total: u64,
}

impl Bm25 {
    /// Takes in a text under a number that is free.
    pub(super) fn insert(&mut self, number: usize, text: &str) {
        let words = words(text);
        let length = u32::try_from(words.len()).unwrap_or(u32::MAX);
        for word in words {
            *self.postings.entry(word.into()).or_default().entry(number).or_default() += 1;
        }
        self.lengths.insert(number, length);
        self.total += u64::from(length);
    }

    /// Takes out a text.
    pub(super) fn remove(&mut self, number: usize, text: &str) {
        for word in words(text) {
            if let Some(texts) = self.postings.get_mut(word.as_str()) {
                texts.remove(&number);
                if texts.is_empty() {
                    self.postings.remove(word.as_str());
                }
            }
        }
        let length = self.lengths.remove(&number).unwrap_or(0);
        self.total -= u64::from(length);
    }

    /// The scores of the texts that share a word with the question, in no order. The words are added up in the order of
    /// the alphabet, so that a score does not depend on what was taken in when.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn scores(&self, question: &str) -> FxHashMap<usize, f64> {
        let mut asked = words(question);
        asked.sort_unstable();
        asked.dedup();
        let texts = self.lengths.len() as f64;
        let average = self.total as f64 / texts.max(1.0);
        let mut scores: FxHashMap<usize, f64> = FxHashMap::default();
        for word in asked {
            let Some(having) = self.postings.get(word.as_str()) else { continue };
            let n = having.len() as f64;
            let idf = ((texts - n + 0.5) / (n + 0.5)).ln_1p();
            for (number, count) in having {
                let (count, length) = (f64::from(*count), f64::from(self.lengths[number]));
                let saturated = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / average));
                *scores.entry(*number).or_default() += idf * saturated;
            }
        }
        scores
    }
}

/// The words of a text.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let run = run.to_lowercase();
        let mut rest = run.as_str();
        while !rest.is_empty() {
            let dense = rest.chars().next().is_some_and(sets_no_blanks);
            let end = rest.find(|c| sets_no_blanks(c) != dense).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            rest = after;
            if dense {
                pairs(part, &mut words);
            } else {
                words.push(part.chars().take(MOST_WORD).collect());
            }
        }
    }
    words
}

fn pairs(text: &str, words: &mut Vec<String>) {
    let chars: Vec<char> = text.chars().collect();
    match chars.as_slice() {
        [one] => words.push(one.to_string()),
        more => words.extend(more.windows(2).map(|pair| pair.iter().collect::<String>())),
    }
}

/// Whether a character is of a script that sets no blanks between words: Chinese, Japanese, Thai, Lao.
fn sets_no_blanks(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' | '\u{0e00}'..='\u{0eff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_in_lower_case_and_pairs_where_none_are_set() {
        assert_eq!(
            words("The Bell-tower's 3 bells, Élan."),
            ["the", "bell", "tower", "s", "3", "bells", "élan"]
        );
        assert_eq!(words("湖の鐘 x鐘"), ["湖の", "の鐘", "x", "鐘"]);
        assert_eq!(words(" \t—…"), Vec::<String>::new());
    }

    /// The formula, word by word, over lists of words.
    fn naive(texts: &[&str], question: &str) -> Vec<f64> {
        let split = |text: &str| -> Vec<String> {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
        };
        let texts: Vec<Vec<String>> = texts.iter().map(|text| split(text)).collect();
        let n = texts.len() as f64;
        let average = texts.iter().map(Vec::len).sum::<usize>() as f64 / n;
        let mut asked = split(question);
        asked.sort();
        asked.dedup();
        let score = |text: &Vec<String>| {
            let mut score = 0.0;
            for word in &asked {
                let count = text.iter().filter(|other| *other == word).count() as f64;
                let having = texts.iter().filter(|text| text.contains(word)).count() as f64;
                let idf = (1.0 + (n - having + 0.5) / (having + 0.5)).ln();
                score += idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * text.len() as f64 / average));
            }
            score
        };
        texts.iter().map(score).collect()
    }

    #[test]
    fn scores_are_those_of_the_formula_whatever_came_and_went() {
        let texts = ["the old bell", "a bell and a bell", "wolves on the ridge at night", "old wolves", "x"];
        let mut index = Bm25::default();
        index.insert(9, "a bell that is gone");
        for (number, text) in texts.iter().enumerate().rev() {
            index.insert(number, text);
        }
        index.remove(9, "a bell that is gone");
        for question in ["old bell", "the wolves", "a", "nothing of it", "BELL bell"] {
            let expected = naive(&texts, question);
            let scores = index.scores(question);
            for (number, expected) in expected.iter().enumerate() {
                let score = scores.get(&number).copied().unwrap_or(0.0);
                assert!((score - expected).abs() < 1e-12, "{question}, {number}: {score} and {expected}");
            }
        }
        for (number, text) in texts.iter().enumerate() {
            index.remove(number, text);
        }
        assert!(index.postings.is_empty() && index.lengths.is_empty() && index.total == 0);
    }
}
