//! Lore: documents in chunks that can be found by themselves.
//!
//! `documents ─chunk→ lore (document, chunk, heading, text, digest)`
//!
//! A function of the definitions alone, so it keeps no base state. An edit changes the rows of the chunks that differ,
//! in its own tick. It searches nothing and embeds nothing: an edge follows the rows.

mod chunk;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::LORE;
use worldflow_schemas::definitions::LoreDef;
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::machine::{Machine, Output};

pub use chunk::{Chunk, MOST_WORD, OVERLAP, TARGET, chunks};

/// A document is defined, or no longer. Routed by the document, also in the tick of a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoreIn {
    /// Which.
    pub document: Sym,
    /// What it says; `None` when it goes.
    pub def: Option<Arc<LoreDef>>,
}

/// The documents of one shard.
#[derive(Debug)]
pub struct LoreMachine {
    realm: Sym,
    rows: FxHashMap<Sym, BTreeMap<String, Row>>,
}

impl LoreMachine {
    /// There are none.
    #[must_use]
    pub fn new(realm: Sym) -> LoreMachine {
        LoreMachine { realm, rows: FxHashMap::default() }
    }

    fn take(&mut self, inputs: Vec<LoreIn>, output: &mut Output<()>) {
        for LoreIn { document, def } in inputs {
            let new = def.map(|def| rows(self.realm, document, &def)).unwrap_or_default();
            let mut old = self.rows.remove(&document).unwrap_or_default();
            for (chunk, row) in &new {
                output.replace(LORE, old.remove(chunk), Some(row.clone()));
            }
            old.into_values().for_each(|row| output.remove(LORE, row));
            if !new.is_empty() {
                self.rows.insert(document, new);
            }
        }
    }
}

/// The rows of a document, by chunk.
#[must_use]
pub fn rows(realm: Sym, document: Sym, def: &LoreDef) -> BTreeMap<String, Row> {
    let list = |list: &[String]| Value::text(&serde_json::json!(list).to_string());
    let known_by = def.known_by.as_deref().map_or(Value::Null, list);
    let topics = list(&def.topics);
    let locale = def.locale.as_deref().map_or(Value::Null, Value::text);
    let row = |chunk: Chunk| {
        let row = Row::from([
            Value::id(realm),
            Value::id(document),
            Value::text(&chunk.id),
            Value::text(&chunk.heading),
            Value::text(&chunk.text),
            Value::text(&chunk.digest()),
            topics.clone(),
            known_by.clone(),
            locale.clone(),
        ]);
        (chunk.id, row)
    };
    chunks(&def.text).into_iter().map(row).collect()
}

impl Machine for LoreMachine {
    type In = LoreIn;
    type Out = ();
    const NAME: BaseName = "lore";

    /// It has no base state.
    fn load(&mut self, _: BaseRow) {}

    fn loaded(&mut self, _: Tick, inputs: Vec<LoreIn>, output: &mut Output<()>) {
        self.take(inputs, output);
    }

    fn step(&mut self, _: Tick, inputs: Vec<LoreIn>, output: &mut Output<()>) {
        self.take(inputs, output);
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}
