//! State a key: rows come in with their keys, and what a group shows changes with them.
//!
//! `((key, (side, row)), tick, diff) ─exchange by key→ [wait until the tick is complete] ─groups→ rows`
//!
//! Ticks are totally ordered, so each is applied once, in order, and a group holds no history. What a group shows
//! is compared before and after a tick. State is derived: it is not in snapshots.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use rustc_hash::{FxHashMap, FxHasher};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::{Diff, Tick};

use super::Rows;
use super::groups::{Group, Reduce, Set, TopRows};
use crate::sql::packed::Packed;
use crate::sql::{Gauge, Size};

/// What is kept of groups, and what they show.
pub(super) enum Rule {
    Reduce(Rc<Reduce>),
    Top(Rc<TopRows>),
    Set(Set),
}

impl Rule {
    fn fresh(&self) -> Group {
        match self {
            Rule::Reduce(reduce) => Group::reduce(reduce),
            Rule::Top(top) => Group::top(top),
            Rule::Set(set) => Group::set(*set),
        }
    }
}

/// A row of a side, with its key.
pub(super) type Told = (Packed, (u8, Packed));

type Updates = Vec<(Told, Tick, Diff)>;

/// The rows that groups show.
pub(super) fn keyed<'scope>(
    name: &str,
    rows: VecCollection<'scope, Tick, Told, Diff>,
    rule: Rule,
    gauge: Gauge,
) -> Rows<'scope> {
    let stream = rows.inner;
    let mut builder = OperatorBuilder::new(name.to_owned(), stream.scope());
    let by_key = Exchange::new(|((key, _), _, _): &(Told, Tick, Diff)| route(key));
    let mut input = builder.new_input(stream, by_key);
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    let (output, made) = builder.new_output();
    let mut output = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(Packed, Tick, Diff)>>>::from(output);
    builder.build(move |initial| {
        drop(initial);
        let mut waiting: BTreeMap<Tick, (Updates, Capability<Tick>)> = BTreeMap::new();
        let mut groups = Groups::default();
        move |frontiers| {
            input.for_each(|capability, data| {
                for update in data.drain(..) {
                    let tick = update.1;
                    let at =
                        waiting.entry(tick).or_insert_with(|| (Vec::new(), capability.delayed(&tick, 0)));
                    at.0.push(update);
                }
            });
            while let Some(entry) = waiting.first_entry() {
                let tick = *entry.key();
                if frontiers[0].less_equal(&tick) {
                    break;
                }
                let (updates, capability) = entry.remove();
                let changes = groups.apply(&rule, updates);
                gauge.set(groups.size());
                if !changes.is_empty() {
                    let changes = changes.into_iter().map(|(row, diff)| (row, tick, diff));
                    output.activate().session(&capability).give_iterator(changes);
                }
            }
        }
    });
    made.as_collection()
}

/// Where a row is kept.
pub(super) fn route(row: &Packed) -> u64 {
    let mut hasher = FxHasher::default();
    row.hash(&mut hasher);
    hasher.finish()
}

/// The groups of one worker.
#[derive(Default)]
struct Groups {
    by_key: FxHashMap<Packed, Group>,
    /// How much is kept in them, and about how large one of it and one key are.
    rows: usize,
    row_bytes: usize,
    key_bytes: usize,
}

impl Groups {
    fn apply(&mut self, rule: &Rule, updates: Updates) -> Vec<(Packed, Diff)> {
        let mut changes = Vec::new();
        let mut by_key: FxHashMap<Packed, Vec<(u8, Packed, Diff)>> = FxHashMap::default();
        for ((key, (side, row)), _, diff) in updates {
            self.row_bytes = row.bytes();
            by_key.entry(key).or_default().push((side, row, diff));
        }
        for (key, updates) in by_key {
            self.key_bytes = key.bytes();
            let (group, before) = match self.by_key.entry(key.clone()) {
                Entry::Occupied(entry) => {
                    let before = entry.get().kept();
                    (entry.into_mut(), before)
                }
                Entry::Vacant(entry) => (entry.insert(rule.fresh()), 0),
            };
            let from = changes.len();
            group.shows(&key, &mut changes);
            changes[from..].iter_mut().for_each(|(_, diff)| *diff = -*diff);
            for (side, row, diff) in updates {
                group.change(side, &row, diff);
            }
            group.shows(&key, &mut changes);
            let mut after = group.kept();
            if group.is_empty() {
                self.by_key.remove(&key);
                after = 0;
            }
            self.rows = (self.rows + after).saturating_sub(before);
        }
        differential_dataflow::consolidation::consolidate(&mut changes);
        changes
    }

    fn size(&self) -> Size {
        /// What a map needs for one more.
        const PLACE: usize = 48;
        Size::of(self.rows, self.row_bytes + PLACE, self.by_key.len(), self.key_bytes + size_of::<Group>())
    }
}
