//! The requests of a past that is replayed: each as it was when it was asked, with the lore that it was given and its reply.
//!
//! `changes of npc_requests, lore, entities ─tick by tick→ requests that were answered, or whose time ran out`

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::Serialize;
use worldflow_engine::privacy::Privacy;
use worldflow_schemas::catalog::{ENTITIES, LORE, NPC_REQUESTS, ViewId};
use worldflow_schemas::input::Reply;
use worldflow_schemas::{ArcStr, Diff, Row, Sym, Tick, Value, sealed};
use worldflow_sinks::lore::{Asker, Index, LoreChunk};
use worldflow_sinks::tiers::Question;
use worldflow_sinks::tiers::prompt::wants_lore;

use super::journal::Journaled;
use crate::columns::Columns;

const REQUESTS: Columns = Columns(NPC_REQUESTS);

/// A request that can be asked again.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) request: ArcStr,
    pub(super) npc: &'static str,
    pub(super) asked: Tick,
    pub(super) budget_ms: Option<u64>,
    pub(super) question: Question,
    /// What was answered; `None` when its time ran out before.
    pub(super) reply: Option<Reply>,
}

/// Requests of the past that are not asked again, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct NotAsked {
    /// What stood in them is of a player who has been forgotten.
    pub forgotten: u64,
    /// What stands in them is sealed, and no keys are given.
    pub sealed: u64,
    /// They had the answer of another request that is the same.
    pub shared: u64,
    /// They were taken back before there was an answer.
    pub taken_back: u64,
    /// They still wait at the end.
    pub open: u64,
    /// They are of before the last ones that were asked for.
    pub earlier: u64,
}

/// A request that waits.
#[derive(Debug)]
struct Open {
    recorded: Recorded,
    deadline: Tick,
    is: Readable,
}

/// What can be read of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Readable {
    All,
    Sealed,
    Forgotten,
}

/// Collects requests of a replay.
#[derive(Debug)]
pub(super) struct Collected {
    privacy: Privacy,
    journaled: Journaled,
    since: Tick,
    most: usize,
    lore: Index,
    /// The tags of NPCs, as JSON: some lore is for those who have one.
    tags: FxHashMap<Sym, ArcStr>,
    open: FxHashMap<ArcStr, Open>,
    pub(super) kept: VecDeque<Recorded>,
    pub(super) not_asked: NotAsked,
}

impl Collected {
    /// Collects the last `most` requests of those asked from a tick on.
    pub(super) fn new(privacy: Privacy, journaled: Journaled, since: Tick, most: usize) -> Collected {
        Collected {
            privacy,
            journaled,
            since,
            most,
            lore: Index::default(),
            tags: FxHashMap::default(),
            open: FxHashMap::default(),
            kept: VecDeque::new(),
            not_asked: NotAsked::default(),
        }
    }

    /// The changes of a tick. Of each view, what goes comes before what is new.
    pub(super) fn take(&mut self, tick: Tick, changes: &[(ViewId, Row, Diff)]) {
        let of = |wanted: ViewId| changes.iter().filter(move |(view, ..)| *view == wanted);
        for (_, row, diff) in of(LORE) {
            let chunk = LoreChunk::of(row);
            if *diff < 0 {
                self.lore.remove(&chunk.document, &chunk.chunk);
            } else {
                self.lore.insert(chunk);
            }
        }
        for (_, row, diff) in of(ENTITIES) {
            self.meet(row, *diff > 0);
        }
        let now: Vec<(ArcStr, &Row)> =
            of(NPC_REQUESTS).filter(|(.., diff)| *diff > 0).map(|(_, row, _)| (request(row), row)).collect();
        for (_, row, _) in of(NPC_REQUESTS).filter(|(.., diff)| *diff < 0) {
            let gone = request(row);
            // One whose row is another now goes on.
            if now.iter().all(|(request, _)| *request != gone) {
                self.close(&gone, tick);
            }
        }
        for (request, row) in now {
            if !self.open.contains_key(&request) {
                self.begin(request, row);
            }
        }
    }

    fn meet(&mut self, row: &Row, is_there: bool) {
        let columns = Columns(ENTITIES);
        let Value::Sym(entity) = columns.value(row, "entity") else { return };
        match (columns.id(row, "kind"), columns.value(row, "tags").as_str()) {
            (Some("npc"), Some(tags)) if is_there => drop(self.tags.insert(*entity, tags.into())),
            _ => drop(self.tags.remove(entity)),
        }
    }

    /// A request is asked.
    fn begin(&mut self, request: ArcStr, row: &Row) {
        let asked = REQUESTS.tick(row, "asked");
        if asked < self.since {
            return;
        }
        let npc = REQUESTS.id(row, "npc").unwrap_or_default();
        let budget_ms = match REQUESTS.value(row, "budget_ms") {
            Value::Int(ms) => u64::try_from(*ms).ok(),
            _ => None,
        };
        let (row, is) = self.opened(row);
        let lore = if is == Readable::All { self.pieces(npc, &row) } else { Vec::new() };
        let deadline = REQUESTS.tick(&row, "deadline");
        let question = Question { row, lore };
        let recorded = Recorded { request: request.clone(), npc, asked, budget_ms, question, reply: None };
        self.open.insert(request, Open { recorded, deadline, is });
    }

    /// A row with what is sealed in it opened.
    fn opened(&self, row: &Row) -> (Row, Readable) {
        let mut is = Readable::All;
        let values: Vec<Value> = row
            .iter()
            .map(|value| {
                let Some(text) = value.as_str().filter(|text| sealed::is_in(text)) else {
                    return value.clone();
                };
                // What is sealed stands within the JSON of messages and parameters.
                let Some(opened) = self.privacy.open_text(text, true) else {
                    is = Readable::Sealed;
                    return value.clone();
                };
                let lost = |text: &str| text.matches(sealed::FORGOTTEN).count();
                if lost(&opened) > lost(text) {
                    is = Readable::Forgotten;
                }
                Value::Text(opened.into())
            })
            .collect();
        (Row::new(values), is)
    }

    /// The pieces of lore that the prompt of a row wants, by words.
    fn pieces(&self, npc: &str, row: &Row) -> Vec<String> {
        let messages = REQUESTS.value(row, "messages").as_str().unwrap_or_default();
        let Some((text, k)) = wants_lore(messages) else { return Vec::new() };
        let tags = Sym::find(npc).and_then(|npc| self.tags.get(&npc));
        let tags = tags.and_then(|tags| serde_json::from_str(tags).ok()).unwrap_or_default();
        let asker = Asker::Npc { id: npc.to_owned(), tags };
        self.lore.by_words(&text, &asker, k).iter().map(|hit| hit.chunk.whole()).collect()
    }

    /// A request waits no longer.
    fn close(&mut self, request: &ArcStr, tick: Tick) {
        let Some(Open { mut recorded, deadline, is }) = self.open.remove(request) else { return };
        if recorded.asked < self.journaled.from {
            self.not_asked.earlier += 1;
            return;
        }
        recorded.reply = self.journaled.replies.remove(request);
        let count = match &recorded.reply {
            Some(reply) if reply.shared => Some(&mut self.not_asked.shared),
            None if tick < deadline => Some(&mut self.not_asked.taken_back),
            _ => match is {
                Readable::Forgotten => Some(&mut self.not_asked.forgotten),
                Readable::Sealed => Some(&mut self.not_asked.sealed),
                Readable::All => None,
            },
        };
        if let Some(count) = count {
            *count += 1;
            return;
        }
        self.kept.push_back(recorded);
        if self.kept.len() > self.most {
            self.kept.pop_front();
            self.not_asked.earlier += 1;
        }
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        self.not_asked.open = self.open.len() as u64;
    }

    /// What a reply says, opened; `None` when nothing was said, or it cannot be read.
    pub(super) fn line_of(privacy: &Privacy, reply: &Reply) -> Option<String> {
        let text = reply.outcome.as_ref().ok()?;
        let line = privacy.open_text(text, false).unwrap_or_else(|| text.as_str().to_owned());
        Some(line).filter(|line| !sealed::is_in(line) && !line.contains(sealed::FORGOTTEN))
    }
}

fn request(row: &Row) -> ArcStr {
    REQUESTS.value(row, "request").as_str().unwrap_or_default().into()
}
