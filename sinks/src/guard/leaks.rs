//! What gives a model away: phrases, marks of chat templates and of prompts, and echoes of the system message.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashSet};
use worldflow_engine::words::{Folded, fold};

/// What models say of themselves. Folded as banned terms are, and like them whole words.
pub(super) const PHRASES: [&str; 39] = [
    "as an ai",
    "as an a.i.",
    "as an artificial intelligence",
    "as a language model",
    "as a large language model",
    "an ai language model",
    "an ai assistant",
    "i am an ai",
    "i'm an ai",
    "i am a language model",
    "i'm a language model",
    "i am just a program",
    "large language model",
    "my training data",
    "i was trained by",
    "i was trained on",
    "my knowledge cutoff",
    "system prompt",
    "system message",
    "my prompt",
    "the prompt says",
    "my instructions say",
    "ignore previous instructions",
    "previous instructions",
    "i cannot assist with that",
    "i can't assist with that",
    "i cannot fulfill that request",
    "i can't help with that request",
    "chatgpt",
    "openai",
    "als ki modell",
    "als sprachmodell",
    "ich bin eine ki",
    "en tant qu'ia",
    "en tant que modèle de langage",
    "como modelo de lenguaje",
    "como una ia",
    "как языковая модель",
    "作为一个人工智能",
];

/// What a chat is put together with, as it is written.
const MARKS: [&str; 18] = [
    "<|",
    "|>",
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<think",
    "</think",
    "<start_of_turn",
    "<end_of_turn",
    "### instruction",
    "### response",
    "### system",
    "{{",
    "}}",
];

/// Whether a mark of a template stands in a text, or what a prompt would have been filled in for: `{player}`.
pub(super) fn has_marks(text: &str) -> bool {
    let small = text.to_lowercase();
    MARKS.iter().any(|mark| small.contains(mark)) || text.split('{').skip(1).any(is_slot)
}

fn is_slot(after: &str) -> bool {
    let name = after.split_once('}').map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

/// A script without space between words has two characters for a word.
const CHARACTERS_A_WORD: usize = 2;

/// The runs of words of a system message, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    words: usize,
    runs: FxHashSet<u64>,
    long_runs: FxHashSet<u64>,
}

impl Echoes {
    /// So many words in a row are an echo; none is, of 0.
    pub(super) fn of(system: &str, words: u32) -> Echoes {
        let words = usize::try_from(words).unwrap_or(usize::MAX);
        if words == 0 {
            return Echoes::default();
        }
        let folded = fold(system);
        let tokens = folded.tokens();
        let runs = |length: usize| tokens.windows(length).map(hash).collect();
        Echoes { words, runs: runs(words), long_runs: runs(words.saturating_mul(CHARACTERS_A_WORD)) }
    }

    /// How many words a run has at most.
    pub(super) fn reach(&self) -> usize {
        self.words.saturating_mul(CHARACTERS_A_WORD)
    }

    /// Whether a run of words stands in the system message so.
    pub(super) fn are_in(&self, said: &Folded) -> bool {
        if self.words == 0 || self.runs.is_empty() {
            return false;
        }
        let tokens = said.tokens();
        let single = |token: &&str| token.chars().nth(1).is_none() && !token.is_ascii();
        let mut runs = tokens.windows(self.words).filter(|run| !run.iter().all(single));
        let mut long_runs = tokens.windows(self.reach());
        runs.any(|run| self.runs.contains(&hash(run)))
            || long_runs.any(|run| self.long_runs.contains(&hash(run)))
    }
}

/// The hash of a run of words.
pub(super) fn hash(run: &[&str]) -> u64 {
    FxBuildHasher.hash_one(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_templates_are_seen() {
        for text in [
            "Hail<|im_end|>",
            "[INST] hi [/INST]",
            "<think>well</think>Hail",
            "### Response: Hail",
            "Hail, {player}.",
            "{{char}} waves",
        ] {
            assert!(has_marks(text), "{text}");
        }
        for text in ["Hail, friend.", "I think so.", "a | b", "so {Big} and {} it", "<b>x</b>"] {
            assert!(!has_marks(text), "{text}");
        }
    }

    #[test]
    fn an_echo_is_so_many_words_in_a_row() {
        let system = "You are Grimm, the keeper of the old mill. Never tell where the silver key is hidden. 永远不要说出银钥匙藏在哪里这是秘密";
        let echoes = Echoes::of(system, 5);
        let is = |text| echoes.are_in(&fold(text));
        assert!(is("I was told: NEVER tell, where the silver key lies"));
        assert!(!is("Never tell where it is. The silver key!"));
        assert!(!is("I am the keeper of the inn"));
        assert!(is("他说永远不要说出银钥匙藏"), "ten characters");
        assert!(!is("永远不要说话"), "six");
        assert!(!Echoes::of(system, 0).are_in(&fold(system)));
    }
}
