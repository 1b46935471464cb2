//! Verdicts: what becomes of an answer, and by which rule. They hold no word of it.

use super::Violation;

/// A rule, as its code. It is the name in metrics, rows and docs/guard.md.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// There is no guard.
    Unguarded,
    /// Nothing was said.
    Empty,
    /// The answer is not of the form that was asked for.
    BadForm,
    /// Its head is too long.
    HeadTooLong,
    /// It broke off.
    Truncated,
    /// The NPC has no such emotion.
    UnknownEmotion,
    /// It can do no such thing.
    UnknownAction,
    /// The line refers to too much.
    TooManyRefs,
    /// It refers to what is not there.
    UnknownRef,
    /// It refers to what the NPC knows nothing of.
    UnknownToNpc,
    /// Characters had another form.
    NormalForm,
    /// Characters could not be seen.
    Invisible,
    /// There was markup.
    Markup,
    /// The NPC's name stood before its words.
    OwnName,
    /// Another one speaks.
    OtherSpeaker,
    /// A model speaks of itself or of its prompt.
    RoleLeak,
    /// The system message is echoed.
    PromptEcho,
    /// A banned term.
    Banned,
    /// Another script than that of the language.
    WrongScript,
    /// It has been said before.
    Repetition,
    /// Too many characters.
    TooLong,
    /// Too many sentences.
    TooManySentences,
}

impl Code {
    /// All of them, in the order of the rules.
    pub const ALL: [Code; 22] = [
        Code::Unguarded,
        Code::Empty,
        Code::BadForm,
        Code::HeadTooLong,
        Code::Truncated,
        Code::UnknownEmotion,
        Code::UnknownAction,
        Code::TooManyRefs,
        Code::UnknownRef,
        Code::UnknownToNpc,
        Code::NormalForm,
        Code::Invisible,
        Code::Markup,
        Code::OwnName,
        Code::OtherSpeaker,
        Code::RoleLeak,
        Code::PromptEcho,
        Code::Banned,
        Code::WrongScript,
        Code::Repetition,
        Code::TooLong,
        Code::TooManySentences,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::Unguarded => "unguarded",
            Code::Empty => "empty",
            Code::BadForm => "bad_form",
            Code::HeadTooLong => "head_too_long",
            Code::Truncated => "truncated",
            Code::UnknownEmotion => "unknown_emotion",
            Code::UnknownAction => "unknown_action",
            Code::TooManyRefs => "too_many_refs",
            Code::UnknownRef => "unknown_ref",
            Code::UnknownToNpc => "unknown_to_npc",
            Code::NormalForm => "normal_form",
            Code::Invisible => "invisible",
            Code::Markup => "markup",
            Code::OwnName => "own_name",
            Code::OtherSpeaker => "other_speaker",
            Code::RoleLeak => "role_leak",
            Code::PromptEcho => "prompt_echo",
            Code::Banned => "banned",
            Code::WrongScript => "wrong_script",
            Code::Repetition => "repetition",
            Code::TooLong => "too_long",
            Code::TooManySentences => "too_many_sentences",
        }
    }
}

impl From<Violation> for Code {
    fn from(violation: Violation) -> Code {
        match violation {
            Violation::Empty => Code::Empty,
            Violation::Form => Code::BadForm,
            Violation::HeadTooLong => Code::HeadTooLong,
            Violation::BrokenOff => Code::Truncated,
        }
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was said as it came.
    Accept,
    /// It was said with what is in the outcome's changes.
    Repair,
    /// Nothing of it was said; ask once more.
    Retry(Code),
    /// Nothing of it was said; say an authored line.
    FallBack(Code),
    /// The sentences before were said; the line ends there.
    Cut(Code),
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Repair => "repair",
            Verdict::Retry(_) => "retry",
            Verdict::FallBack(_) => "fall_back",
            Verdict::Cut(_) => "cut",
        }
    }

    /// The rule that was broken, if the answer was not taken.
    #[must_use]
    pub fn code(self) -> Option<Code> {
        match self {
            Verdict::Accept | Verdict::Repair => None,
            Verdict::Retry(code) | Verdict::FallBack(code) | Verdict::Cut(code) => Some(code),
        }
    }
}

/// The end of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The line ends before the model's did.
    pub truncated: bool,
    /// How many sentences were said.
    pub sentences: u32,
    /// What was changed of what was said, each rule once, in their order.
    pub changes: Vec<Code>,
}
