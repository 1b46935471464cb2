//! Writes that the graph has refused: whoever sends one again, since the first answer was lost, is told the same again, and
//! not merely that it has been here.
//!
//! Kept in snapshots with the ids that are remembered, and found out again from the journal after them. Only what
//! cannot be known otherwise is here, so there is a bound: of more than that the oldest are forgotten, and it is said that nobody
//! knows.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::input::Current;
use worldflow_schemas::{EventId, Sym, Tick};

use crate::admission::Refusal;
use crate::graph::Refused;

/// The most that are remembered.
const MOST: usize = 1 << 14;

/// A write that was refused, as of its tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RefusedWrite {
    tick: Tick,
    source: Sym,
    id: EventId,
    code: Sym,
    reason: String,
    hint: String,
    /// What was there then; personal text in it is sealed.
    current: Option<Current>,
}

impl RefusedWrite {
    pub(crate) fn new(tick: Tick, refused: &Refused) -> RefusedWrite {
        let Refused { source, id, code, reason, hint, current } = refused.clone();
        RefusedWrite { tick, source, id, code, reason, hint, current: current.map(|current| *current) }
    }

    /// As it is told.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            code: self.code.as_str(),
            path: String::new(),
            reason: self.reason.clone(),
            hint: self.hint.clone(),
            retry_after_ms: None,
        }
    }

    pub(crate) fn current(&self) -> Option<Current> {
        self.current.clone()
    }
}

/// A command that has been here before.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    /// Its place among the outcomes.
    pub(crate) place: usize,
    pub(crate) id: EventId,
    /// Whether its sender must know if it was refused.
    pub(crate) asks: bool,
}

/// What is told of a write of which it is not known any more whether it was refused in its tick.
pub(crate) fn unknown(tick: Tick) -> Refusal {
    Refusal {
        code: "outcome_unknown",
        path: String::new(),
        reason: format!("it is part of tick {tick}, and whether it was refused then is no longer known"),
        hint: "read the row: its version and value, or status, say what came of it".to_owned(),
        retry_after_ms: None,
    }
}

/// The last writes that were refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusedWrites {
    by_id: FxHashMap<(Sym, EventId), RefusedWrite>,
    order: VecDeque<(Tick, (Sym, EventId))>,
}

impl RefusedWrites {
    pub(crate) fn insert(&mut self, refused: RefusedWrite) {
        let id = (refused.source, refused.id.clone());
        self.order.push_back((refused.tick, id.clone()));
        self.by_id.insert(id, refused);
        if self.order.len() > MOST
            && let Some((tick, oldest)) = self.order.pop_front()
            && self.by_id.get(&oldest).is_some_and(|kept| kept.tick == tick)
        {
            self.by_id.remove(&oldest);
        }
    }

    /// The write of that id, if it was refused in that tick.
    pub(crate) fn get(&self, source: Sym, id: &EventId, tick: Tick) -> Option<&RefusedWrite> {
        self.by_id.get(&(source, id.clone())).filter(|refused| refused.tick == tick)
    }

    /// Whether one that was refused in that tick may be forgotten.
    pub(crate) fn may_have_forgotten(&self, tick: Tick) -> bool {
        self.order.len() >= MOST && self.order.front().is_some_and(|(oldest, _)| tick <= *oldest)
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<&RefusedWrite> {
        let last =
            |(tick, id): &(Tick, (Sym, EventId))| self.by_id.get(id).filter(|refused| refused.tick == *tick);
        self.order.iter().filter_map(last).collect()
    }
}

impl FromIterator<RefusedWrite> for RefusedWrites {
    fn from_iter<I: IntoIterator<Item = RefusedWrite>>(refused: I) -> RefusedWrites {
        let mut all = RefusedWrites::default();
        refused.into_iter().for_each(|refused| all.insert(refused));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tick: Tick, id: &str) -> RefusedWrite {
        let refused = Refused {
            source: "server-1".into(),
            id: EventId::Named(id.into()),
            code: "version_conflict".into(),
            reason: "it is another".to_owned(),
            hint: String::new(),
            current: None,
        };
        RefusedWrite::new(tick, &refused)
    }

    #[test]
    fn the_last_are_remembered_each_as_of_its_tick() {
        let mut all = RefusedWrites::default();
        for tick in 0..MOST as Tick + 10 {
            all.insert(refused(tick, &format!("w-{tick}")));
        }
        let found = |all: &RefusedWrites, tick: Tick, of: Tick| {
            all.get("server-1".into(), &EventId::Named(format!("w-{tick}").into()), of).is_some()
        };
        assert!(all.may_have_forgotten(9) && all.may_have_forgotten(10) && !all.may_have_forgotten(11));
        assert!(!found(&all, 9, 9) && found(&all, 10, 10) && !found(&all, 10, 11));
        // An id that came again much later is another write, and goes in its turn.
        all.insert(refused(90_000, "w-20"));
        assert!(found(&all, 20, 90_000) && !found(&all, 20, 20) && !found(&all, 10, 10));
        for tick in 0..20 {
            all.insert(refused(91_000 + tick, &format!("x-{tick}")));
        }
        assert!(found(&all, 20, 90_000));
        assert_eq!((all.order.len(), all.list().len()), (MOST, all.by_id.len()));
        let again: RefusedWrites = all.list().into_iter().cloned().collect();
        assert_eq!(again.by_id, all.by_id);
    }
}
