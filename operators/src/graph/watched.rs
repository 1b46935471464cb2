//! The rows that rules and conditions may look at, beside all rows as they go out.
//!
//! Of most views all rows are handed on, as they are kept for what is to come; of those that change with nearly every event only
//! what some rule names. Rows wait, in copy, until it is known which rules there are in their tick.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Diff, Row, Tick};

use super::Stream;
use crate::machine::ViewRow;
use crate::rules::{RowsIn, is_kept};

type Change = (ViewRow, Tick, Diff);

/// All rows, and those that may be looked at, which come at their own ticks. `named` are the views that rules name, on every
/// worker.
pub(super) fn watched<'scope>(
    rows: Stream<'scope, Change>,
    named: Stream<'scope, (u64, String)>,
) -> (Stream<'scope, Change>, Stream<'scope, RowsIn>) {
    let mut builder = OperatorBuilder::new("rows that rules may look at".to_owned(), rows.scope());
    let mut rows = builder.new_input(rows, Pipeline);
    let mut named = builder.new_input(named, Exchange::new(|(worker, _): &(u64, String)| *worker));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (all_out, all) = builder.new_output();
    let (some_out, some) = builder.new_output();
    let mut all_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Change>>>::from(all_out);
    let mut some_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<RowsIn>>>::from(some_out);
    builder.build(move |_| {
        // It only grows: a rule that is no more may still be in force in a tick that waits.
        let mut views: FxHashSet<ViewId> = FxHashSet::default();
        let mut waiting: BTreeMap<Tick, (Capability<Tick>, Vec<(ViewId, Row, Diff)>)> = BTreeMap::new();
        move |frontiers| {
            named.for_each(|_, names| {
                views.extend(names.drain(..).filter_map(|(_, name)| catalog::view(&name)));
            });
            rows.for_each(|capability, data| {
                for ((view, row), tick, diff) in data.iter() {
                    if is_kept(*view) || views.contains(view) || frontiers[1].less_equal(tick) {
                        let (_, waiting) =
                            waiting.entry(*tick).or_insert_with(|| (capability.delayed(tick, 1), Vec::new()));
                        waiting.push((*view, row.clone(), *diff));
                    }
                }
                let least = *capability.least().expect("a message has a time");
                all_out.activate().session(&capability.delayed(&least, 0)).give_container(data);
            });
            while let Some(entry) = waiting.first_entry() {
                if frontiers[1].less_equal(entry.key()) {
                    break;
                }
                let (capability, changes) = entry.remove();
                let wanted = changes.into_iter().filter(|(view, ..)| is_kept(*view) || views.contains(view));
                some_out
                    .activate()
                    .session(&capability)
                    .give_iterator(wanted.map(|(view, row, diff)| RowsIn::Row(view, row, diff)));
            }
        }
    });
    (all, some)
}
