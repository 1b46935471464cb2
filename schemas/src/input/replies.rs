//! What comes back of what NPCs ask tiers: an answer as a whole, and its sentences while it comes.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::sym::Sym;

/// The longest line that an NPC says; what a tier says beyond it is cut off.
pub const MOST_LINE_BYTES: usize = 4_000;

/// A tier's answer to a request, or the news that there will be none. What was written before a field was there
/// says nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The request's id, as in the `npc_requests` view.
    pub request: ArcStr,
    /// The tier that answered, or that was asked last; [`Sym::NONE`] when none was.
    pub tier: Sym,
    /// What it said, or why it failed.
    pub outcome: Result<ArcStr, ArcStr>,
    /// Milliseconds from sending to the last byte.
    pub took_ms: u32,
    /// Tokens of the answer, 0 when unknown.
    pub tokens: u32,
    /// How it ended.
    #[serde(default)]
    pub finish: Finish,
    /// Which of the tier's servers answered, from 1 in the order of its definition; 0 when none did.
    #[serde(default)]
    pub replica: u32,
    /// Milliseconds from sending to the first text, 0 when unknown.
    #[serde(default)]
    pub first_ms: u32,
    /// Tokens of the prompt, 0 when unknown.
    #[serde(default)]
    pub prompt_tokens: u32,
    /// The model that was asked.
    #[serde(default)]
    pub model: ArcStr,
    /// The seed that it was given.
    #[serde(default)]
    pub seed: u32,
    /// Of what it is the answer: everything of the request that the model could tell apart.
    #[serde(default)]
    pub digest: ArcStr,
    /// The revision of the prompt.
    #[serde(default)]
    pub revision: ArcStr,
    /// Whether the answer was asked for by another request that is the same, which counts its tokens.
    #[serde(default)]
    pub shared: bool,
    /// What became of the answer where it was judged: `accept`, `repair`, `cut`, `fall_back`; empty when there was none.
    #[serde(default)]
    pub verdict: ArcStr,
    /// The rule that decided so, or those by which it was repaired; empty when none did.
    #[serde(default)]
    pub rule: ArcStr,
    /// What the answer refers to.
    #[serde(default)]
    pub refs: Vec<Sym>,
    /// The rule that a first answer broke, so that it was asked for once more; empty when it was not.
    #[serde(default)]
    pub retried: ArcStr,
}

/// A sentence of an answer that has passed the rules, while the rest of it still comes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sentence {
    /// The request's id.
    pub request: ArcStr,
    /// The tier that answers.
    pub tier: Sym,
    /// Its place in the answer, from 0.
    pub index: u32,
    /// What is said, sealed.
    pub text: ArcStr,
    /// The emotion, which all sentences of an answer share; [`Sym::NONE`] when the model names none.
    pub emotion: Sym,
    /// What is done along with it; [`Sym::NONE`] when nothing is.
    pub action: Sym,
}

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Nobody said.
    #[default]
    Unknown,
    /// The model had said all.
    Stop,
    /// It reached the longest answer asked for.
    Length,
    /// It stopped in the middle: the stream stalled, broke off or grew too long.
    Truncated,
    /// There is none: no tier could have answered in time.
    NoTime,
    /// There is none: what was asked failed.
    Failed,
}

impl Finish {
    /// Its name in rows; empty when nobody said.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Finish::Unknown => "",
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::Truncated => "truncated",
            Finish::NoTime => "no_time",
            Finish::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Command;

    #[test]
    fn a_reply_of_before_is_still_read() {
        let before = r#"{"Reply":{"request":"smith/ada/1","tier":"gold","outcome":{"Ok":"Aye."},"took_ms":7,"tokens":3}}"#;
        let Command::Reply(reply) = serde_json::from_str(before).expect("a reply") else { panic!("a reply") };
        assert_eq!((reply.tokens, reply.finish, reply.model.as_str()), (3, Finish::Unknown, ""));
    }
}
