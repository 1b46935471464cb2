//! Pending deadlines, ordered by tick and cancelled by key: the timers inside a machine.
//!
//! A deadline is not an update with a future time in an arrangement, which would be rescanned at
//! every seal. All operations are O(log n). A key is held twice, so a timer costs about
//! `2 × (size_of::<K>() + 8)` bytes and a third more for free slots: some 60 bytes for a
//! 16-byte key, 60 MB for a million. It does not say what a deadline means.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use worldflow_schemas::Tick;

/// Deadlines of keys, at most one a key.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_tick: BTreeSet<(Tick, K)>,
    by_key: FxHashMap<K, Tick>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { by_tick: BTreeSet::new(), by_key: FxHashMap::default() }
    }
}

impl<K: Ord + Hash + Clone> Timers<K> {
    /// Sets the deadline of `key`, in place of the one it had.
    pub fn set(&mut self, key: K, tick: Tick) {
        match self.by_key.entry(key) {
            Entry::Occupied(mut entry) => {
                let old = entry.insert(tick);
                if old == tick {
                    return;
                }
                let mut at = (old, entry.key().clone());
                self.by_tick.remove(&at);
                at.0 = tick;
                self.by_tick.insert(at);
            }
            Entry::Vacant(entry) => {
                self.by_tick.insert((tick, entry.key().clone()));
                entry.insert(tick);
            }
        }
    }

    /// Takes the deadline of `key` away, and returns it.
    pub fn cancel(&mut self, key: &K) -> Option<Tick> {
        let (key, tick) = self.by_key.remove_entry(key)?;
        self.by_tick.remove(&(tick, key));
        Some(tick)
    }

    /// The deadline of `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Tick> {
        self.by_key.get(key).copied()
    }

    /// The earliest deadline.
    #[must_use]
    pub fn first(&self) -> Option<Tick> {
        self.by_tick.first().map(|(tick, _)| *tick)
    }

    /// Takes the earliest deadline that is at or before `tick`. Keys of one tick come in the order
    /// of `K`, which for interned ids is not an order by value: sort where it can be seen.
    pub fn pop_due(&mut self, tick: Tick) -> Option<(Tick, K)> {
        if self.first()? > tick {
            return None;
        }
        let (at, key) = self.by_tick.pop_first()?;
        self.by_key.remove(&key);
        Some((at, key))
    }

    /// How many are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}
