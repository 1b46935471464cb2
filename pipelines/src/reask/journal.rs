//! What a journal says of requests: what was answered, and which NPCs and quests were defined when it ended.

use std::collections::VecDeque;
use std::path::Path;

use rustc_hash::FxHashMap;
use worldflow_engine::defined::Defined;
use worldflow_engine::journal::{JournalError, JournalReader, JournaledTick};
use worldflow_engine::runtime::OpenError;
use worldflow_schemas::input::Reply;
use worldflow_schemas::{ArcStr, Command, Tick};

/// The most replies that are held; those of before are passed over.
const MOST_REPLIES: usize = 50_000;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Journaled {
    /// By request.
    pub(super) replies: FxHashMap<ArcStr, Reply>,
    /// What is defined at the end, as far as the journal still says it.
    pub(super) defined: Defined,
    /// The tick of the first reply that is held.
    pub(super) from: Tick,
    order: VecDeque<(Tick, ArcStr)>,
}

/// Reads the journal of a realm's folder, changing nothing, up to a tick.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(super) fn read(folder: &Path, since: Tick, until: Tick) -> Result<Journaled, OpenError> {
    let journal = folder.join("journal");
    let mut reader = match JournalReader::look(&journal, None, until) {
        // What was removed is held by a snapshot, and its requests can be asked no more.
        Err(JournalError::Removed { after, .. }) => JournalReader::look(&journal, Some(after), until)?,
        opened => opened?,
    };
    let mut journaled = Journaled::default();
    let mut take = |tick: JournaledTick| {
        if tick.sealed.tick <= until {
            journaled.take(tick, since);
        }
    };
    while reader.next_segment(&mut take)? {}
    Ok(journaled)
}

impl Journaled {
    fn take(&mut self, tick: JournaledTick, since: Tick) {
        let at = tick.sealed.tick;
        for command in tick.sealed.commands {
            match command {
                Command::Define(edit) => self.defined.note(&edit),
                Command::Revise(revise) => self.defined.note_all(&revise.edits),
                Command::Reply(reply) if at >= since => self.hold(at, reply),
                _ => {}
            }
        }
    }

    /// Of two replies to one request the first counts.
    fn hold(&mut self, at: Tick, reply: Reply) {
        if self.replies.contains_key(&reply.request) {
            return;
        }
        self.order.push_back((at, reply.request.clone()));
        self.replies.insert(reply.request.clone(), reply);
        while self.order.len() > MOST_REPLIES
            && let Some((at, request)) = self.order.pop_front()
        {
            self.replies.remove(&request);
            self.from = at + 1;
        }
    }
}
