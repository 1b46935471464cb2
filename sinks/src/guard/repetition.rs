//! Repetition: how much of a sentence has been said lately, by runs of three words.

use rustc_hash::FxHashSet;
use worldflow_engine::words::{Folded, fold};
use worldflow_schemas::definitions::RepetitionDef;

use super::leaks::hash;

const RUN: usize = 3;

/// A shorter sentence may be said again: greetings are.
const LEAST_WORDS: usize = 5;

/// What has been said lately.
#[derive(Debug, Default)]
pub(super) struct Said {
    percent: u64,
    runs: FxHashSet<u64>,
    /// The sentences of the line itself.
    sentences: FxHashSet<u64>,
}

impl Said {
    pub(super) fn of(lines: &[String], rule: RepetitionDef) -> Said {
        let mut said = Said { percent: rule.percent.into(), ..Said::default() };
        if rule.percent > 0 {
            let most = usize::try_from(rule.lines).unwrap_or(usize::MAX);
            for line in &lines[lines.len().saturating_sub(most)..] {
                said.runs.extend(fold(line).tokens().windows(RUN).map(hash));
            }
        }
        said
    }

    /// Whether so much of a sentence has been said; in a line, no sentence is said twice.
    pub(super) fn is_repeated(&self, sentence: &Folded) -> bool {
        if self.percent == 0 {
            return false;
        }
        let tokens = sentence.tokens();
        if !tokens.is_empty() && self.sentences.contains(&hash(&tokens)) {
            return true;
        }
        if tokens.len() < LEAST_WORDS {
            return false;
        }
        let (mut all, mut again) = (0_u64, 0_u64);
        for run in tokens.windows(RUN) {
            all += 1;
            again += u64::from(self.runs.contains(&hash(run)));
        }
        again * 100 >= all * self.percent
    }

    /// A sentence has been said.
    pub(super) fn note(&mut self, sentence: &Folded) {
        if self.percent > 0 {
            self.sentences.insert(hash(&sentence.tokens()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_lately_is_not_said_again() {
        let lines = ["Old news.", "The wolves come down from the ridge at night.", "狼群夜里从山脊上下来"];
        let lines = lines.map(str::to_owned);
        let rule = RepetitionDef { percent: 60, lines: 2 };
        let mut said = Said::of(&lines, rule);
        for (text, is) in [
            ("The WOLVES come down from the ridge at night!", true),
            ("Wolves come down from the ridge at dawn.", true),
            ("The ridge is where the wolves come from, I think.", false),
            ("Old news.", false),
            ("狼群夜里从山脊上下来了", true),
            ("狼群今天没有来", false),
            ("", false),
        ] {
            assert_eq!(said.is_repeated(&fold(text)), is, "{text}");
        }
        assert!(!said.is_repeated(&fold("I see.")));
        said.note(&fold("I see."));
        assert!(said.is_repeated(&fold("I SEE")));
        let lenient = Said::of(&lines, RepetitionDef { percent: 0, lines: 8 });
        assert!(!lenient.is_repeated(&fold(&lines[1])));
    }
}
