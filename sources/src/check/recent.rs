//! Entities that have been written, but may not be in the views yet.
//!
//! Events and writes are admitted in order, so an event about an entity is good as soon as the write that
//! makes it is on its way; whoever sends both need not wait for the ack in between.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashSet;
use worldflow_schemas::Sym;

/// The most that are remembered: far more than are written between a write and its tick.
const MOST: usize = 1 << 16;

/// The entities written last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    known: FxHashSet<Sym>,
    oldest_first: VecDeque<Sym>,
}

impl Recent {
    pub(super) fn add(&self, entity: Sym) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.known.insert(entity) {
            return;
        }
        written.oldest_first.push_back(entity);
        if written.oldest_first.len() > MOST
            && let Some(oldest) = written.oldest_first.pop_front()
        {
            written.known.remove(&oldest);
        }
    }

    pub(super) fn remove(&self, entity: Sym) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).known.remove(&entity);
    }

    pub(super) fn contains(&self, entity: Sym) -> bool {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).known.contains(&entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let recent = Recent::default();
        let entity = |n: usize| Sym::new(&format!("entity-{n}"));
        (0..=MOST).for_each(|n| recent.add(entity(n)));
        assert!(!recent.contains(entity(0)) && recent.contains(entity(1)) && recent.contains(entity(MOST)));
        recent.remove(entity(1));
        assert!(!recent.contains(entity(1)));
    }
}
