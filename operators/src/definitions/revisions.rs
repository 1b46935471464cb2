//! Revisions: the edits that changed something, each a row; the last hundred stay.
//!
//! Deterministic and base state, like what they are revisions of. They say that something differs, not how.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Row, Sym, Tick, Value, catalog};

use super::{Before, Kind, Present};
use crate::machine::{Machine as _, Output};
use crate::piece;

/// How many stay.
const KEPT: usize = 100;

/// The most ids of one kind that a difference lists of those that were added, changed or removed.
const LISTED: usize = 50;

const NAME: BaseName = super::DefinitionsMachine::NAME;

/// Who edits.
pub(super) struct By<'a> {
    pub(super) author: &'a str,
    pub(super) source_revision: &'a str,
    /// The fingerprint of what is fixed while a realm runs, where it is said.
    pub(super) fixed: Option<u64>,
}

impl By<'_> {
    pub(super) fn nobody() -> By<'static> {
        By { author: "", source_revision: "", fixed: None }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Revision {
    number: u64,
    author: String,
    source_revision: String,
    tick: Tick,
    edits: u64,
    difference: String,
}

/// How many there have been, and the last fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    number: u64,
    fixed: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Revisions {
    realm: Sym,
    length: TickLength,
    count: Count,
    kept: VecDeque<Revision>,
}

impl Revisions {
    pub(super) fn new(realm: Sym, tick_ms: u32) -> Revisions {
        let length = TickLength { tick_ms: tick_ms.max(1) };
        Revisions { realm, length, count: Count::default(), kept: VecDeque::new() }
    }

    /// The number of the last.
    pub(super) fn number(&self) -> u64 {
        self.count.number
    }

    /// Makes a revision of what differs now, if anything does.
    pub(super) fn note<O>(
        &mut self,
        tick: Tick,
        by: &By<'_>,
        before: &Before,
        moves: &[(Sym, Sym)],
        present: &Present,
        output: &mut Output<O>,
    ) {
        let was = self.count;
        let fixed = by.fixed.is_some_and(|fixed| was.fixed.is_some_and(|was| was != fixed));
        self.count.fixed = by.fixed.or(was.fixed);
        if fixed || !before.is_empty() {
            self.count.number += 1;
            let revision = Revision {
                number: self.count.number,
                author: by.author.to_owned(),
                source_revision: by.source_revision.to_owned(),
                tick,
                edits: before.len() as u64 - moves.len() as u64,
                difference: difference(before, moves, present, fixed).to_string(),
            };
            output.insert(catalog::REVISIONS, self.row(&revision));
            let key = (Kind::Revision, number_key(revision.number));
            output.base.push(piece::change(NAME, Sym::NONE, &key, Some(&revision)));
            self.kept.push_back(revision);
            if self.kept.len() > KEPT
                && let Some(oldest) = self.kept.pop_front()
            {
                output.remove(catalog::REVISIONS, self.row(&oldest));
                let key = (Kind::Revision, number_key(oldest.number));
                output.base.push(piece::change::<_, ()>(NAME, Sym::NONE, &key, None));
            }
        }
        if self.count != was {
            let key = (Kind::Count, Sym::NONE);
            output.base.push(piece::change(NAME, Sym::NONE, &key, Some(&self.count)));
        }
    }

    pub(super) fn load(&mut self, kind: Kind, row: &BaseRow) {
        if kind == Kind::Count {
            self.count = piece::read::<(Kind, Sym), _>(row).1;
            return;
        }
        let revision: Revision = piece::read::<(Kind, Sym), _>(row).1;
        let place = self.kept.partition_point(|other| other.number < revision.number);
        self.kept.insert(place, revision);
    }

    /// The rows of a state that has been given back.
    pub(super) fn show<O>(&self, output: &mut Output<O>) {
        for revision in &self.kept {
            output.insert(catalog::REVISIONS, self.row(revision));
        }
    }

    fn row(&self, revision: &Revision) -> Row {
        let said = |text: &str| if text.is_empty() { Value::Null } else { Value::text(text) };
        Row::from([
            Value::id(self.realm),
            Value::count(revision.number),
            said(&revision.author),
            said(&revision.source_revision),
            Value::count(revision.tick),
            Value::Int(self.length.utc_ms(revision.tick)),
            Value::count(revision.edits),
            Value::text(&revision.difference),
        ])
    }
}

/// Numbers as text of one length.
fn number_key(number: u64) -> Sym {
    Sym::new(&format!("{number:020}"))
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Climate => "climates",
        Kind::Schedule => "schedules",
        Kind::Npc => "npcs",
        Kind::Quest => "quests",
        Kind::View => "views",
        Kind::Rule => "rules",
        Kind::Storylet => "storylets",
        Kind::Behaviour => "behaviours",
        Kind::Lore => "lore",
        Kind::Prompt => "prompts",
        Kind::Arc => "arcs",
        Kind::Dialogue => "dialogues",
        Kind::Revision | Kind::Count => "revisions",
    }
}

/// `{"quests": {"added": ["a"], "changed": ["b"], "removed": ["c"], "renamed": {"e": "d"}}}`; of more than a few
/// `{"added": [...], "more_added": 17}`.
fn difference(before: &Before, moves: &[(Sym, Sym)], present: &Present, fixed: bool) -> Json {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    let mut renamed: BTreeMap<&str, &str> = BTreeMap::new();
    for ((kind, id), was) in before {
        if *kind == Kind::Quest && moves.iter().any(|(to, from)| to == id || from == id) {
            continue;
        }
        let what = match (was, present.get(&(*kind, *id))) {
            (None, _) => "added",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        };
        kinds.entry(name(*kind)).or_default().entry(what).or_default().push(id.as_str());
    }
    renamed.extend(moves.iter().map(|(to, from)| (to.as_str(), from.as_str())));
    let mut all = serde_json::Map::new();
    for (kind, whats) in kinds {
        let mut said = serde_json::Map::new();
        for (what, mut ids) in whats {
            ids.sort_unstable();
            if let Some(more) = ids.len().checked_sub(LISTED).filter(|more| *more > 0) {
                said.insert(format!("more_{what}"), json!(more));
            }
            ids.truncate(LISTED);
            said.insert(what.to_owned(), json!(ids));
        }
        all.insert(kind.to_owned(), Json::Object(said));
    }
    if !renamed.is_empty() {
        let more = renamed.len().saturating_sub(LISTED);
        let quests = all.entry("quests").or_insert_with(|| json!({}));
        quests["renamed"] = renamed.into_iter().take(LISTED).collect();
        if more > 0 {
            quests["more_renamed"] = json!(more);
        }
    }
    if fixed {
        all.insert("world".to_owned(), json!("changed"));
    }
    Json::Object(all)
}
