//! Guardrails: what a model answers is judged, piece by piece, before a word of it leaves.
//!
//! `bytes ─reader→ head, sentences ─rules→ what may be said, and a verdict`. Pure functions at the edge, before anything is
//! sealed: the graph never sees words. A [`Guard`] is compiled once for a world and its NPCs; a [`Judge`] judges one answer.
//! It fails closed: without a guard, and whenever a rule cannot be applied, the verdict is to fall back. Nothing here
//! calls anybody, keeps a text beyond its answer, or puts one into a log.

mod form;
mod judge;
mod leaks;
mod markup;
mod reader;
mod repetition;
mod schema;
mod script;
mod sentences;
mod speaker;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::words::{ANY, Banned, BannedError};
use worldflow_schemas::definitions::{GuardDef, MostSaid, NpcDef, RepetitionDef, WorldDef};

pub use judge::{Judge, Reference, Told};
pub use reader::{Form, MOST_ANSWER_BYTES, Part, Reader};
pub use verdict::{Code, Outcome, Verdict};

/// What a reply says before its line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The emotion; empty when the model names none.
    pub emotion: String,
    /// The action, if there is one.
    pub action: Option<String>,
    /// The ids of what the line is about.
    pub refs: Vec<String>,
}

/// Why an answer is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// It says nothing.
    Empty,
    /// It is not of the form that was asked for.
    Form,
    /// Its head is longer than is read, or a part of it is.
    HeadTooLong,
    /// It broke off before the first sentence was whole.
    BrokenOff,
}

/// A world that cannot be guarded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GuardError {
    /// Its banned terms cannot be looked for.
    #[error("`guard.banned` cannot be used: {0}\nhint: `worldflow check` says where")]
    Banned(BannedError),
    /// Its phrases cannot.
    #[error("`guard.leaks.phrases` cannot be used: {0}\nhint: `worldflow check` says where")]
    Leaks(BannedError),
    /// It has no emotion.
    #[error("`guard.emotions` is empty\nhint: give at least one; the first stands for any other")]
    NoEmotion,
}

/// The rules of a world, compiled.
#[derive(Debug)]
pub struct Guard {
    rules: GuardDef,
    banned: Banned,
    leaks: Banned,
    /// What is otherwise for some.
    npcs: FxHashMap<String, Otherwise>,
    /// Names of whoever else may speak, folded.
    speakers: FxHashSet<String>,
}

/// The rules that an NPC may have of its own.
#[derive(Clone, Debug)]
struct Otherwise {
    most: MostSaid,
    emotions: Vec<String>,
    actions: Vec<String>,
    repetition: RepetitionDef,
}

impl Guard {
    /// Compiles the rules of a world for its NPCs. Compile them anew when either is edited.
    ///
    /// # Errors
    /// When a rule cannot be compiled: then nothing a model says may be said.
    pub fn new<'n>(
        world: &WorldDef,
        npcs: impl IntoIterator<Item = (&'n str, &'n NpcDef)>,
    ) -> Result<Guard, GuardError> {
        let rules = world.guard.clone();
        let banned = Banned::new(&rules.banned).map_err(GuardError::Banned)?;
        let phrases =
            leaks::PHRASES.iter().copied().map(str::to_owned).chain(rules.leaks.phrases.iter().cloned());
        let phrases = BTreeMap::from([(ANY.to_owned(), phrases.collect())]);
        let leaks = Banned::new(&phrases).map_err(GuardError::Leaks)?;
        let mut speakers: FxHashSet<String> = world.entities.iter().flat_map(speaker::names_of).collect();
        let mut of_npcs = FxHashMap::default();
        for (npc, def) in npcs {
            speakers.extend(speaker::folded(npc));
            let own = &def.guard;
            let otherwise = Otherwise {
                most: own.most.unwrap_or(rules.most),
                emotions: own.emotions.clone().unwrap_or_else(|| rules.emotions.clone()),
                actions: own.actions.clone().unwrap_or_else(|| rules.actions.clone()),
                repetition: own.repetition.unwrap_or(rules.repetition),
            };
            if otherwise.emotions.is_empty() {
                return Err(GuardError::NoEmotion);
            }
            of_npcs.insert(npc.to_owned(), otherwise);
        }
        if rules.emotions.is_empty() {
            return Err(GuardError::NoEmotion);
        }
        Ok(Guard { rules, banned, leaks, npcs: of_npcs, speakers })
    }

    /// The JSON text of `response_format` that has a model answer in the form, for servers that can.
    ///
    /// Its fields come in the order in which they are read, so it is text: a map of JSON has no order. `refs` are the ids
    /// that the prompt speaks of; without any, a model may write what it likes, and is judged by it.
    #[must_use]
    pub fn response_format(&self, npc: &str, refs: &[&str]) -> String {
        let of = self.of(npc);
        schema::response_format(&of.emotions, &of.actions, refs, self.rules.refs)
    }

    /// The rules for an NPC; the world's for one that is defined nowhere, such as a speaker of a scene.
    fn of(&self, npc: &str) -> Otherwise {
        self.npcs.get(npc).cloned().unwrap_or_else(|| Otherwise {
            most: self.rules.most,
            emotions: self.rules.emotions.clone(),
            actions: self.rules.actions.clone(),
            repetition: self.rules.repetition,
        })
    }
}

/// What is about to be said: who is asked, and what the rules need to know of it.
#[derive(Clone, Debug)]
pub struct Saying {
    /// The NPC.
    pub npc: String,
    /// Names under which whoever it speaks to may be called, and others who are there.
    pub others: Vec<String>,
    /// The language of the session: `de-AT`.
    pub locale: String,
    /// In which form the model was asked to answer.
    pub form: Form,
    /// It is said in passing, so it is to be short.
    pub bark: bool,
    /// The system message, which is not to be echoed.
    pub system: String,
    /// What the NPC has said last to whoever it speaks to, the oldest first.
    pub last_lines: Vec<String>,
    /// Whether it may be asked once more.
    pub may_retry: bool,
}

/// Begins to judge an answer. Without a guard nothing is said.
#[must_use]
pub fn judge(guard: Option<&Arc<Guard>>, saying: Saying) -> Judge {
    Judge::new(guard.cloned(), saying)
}

#[cfg(test)]
mod tests;
