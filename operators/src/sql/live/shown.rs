//! The rows of the views of a dataflow, until a view is gone: then its rows are taken back.
//!
//! `(place, row), gone (place) ─[wait until the tick is complete]→ (view, row)`

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use rustc_hash::FxHashMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Tick};

use crate::machine::ViewRow;

type Waiting = BTreeMap<Tick, (Vec<(usize, Row, Diff)>, Vec<usize>, Capability<Tick>)>;

/// What is shown of each view.
struct Views {
    ids: Vec<ViewId>,
    /// `None` from the tick on in which it is gone.
    rows: Vec<Option<FxHashMap<Row, Diff>>>,
}

/// Rows by the places of their views become rows of the views.
pub(super) fn shown<'scope>(
    rows: VecCollection<'scope, Tick, (usize, Row), Diff>,
    gone: StreamVec<'scope, Tick, usize>,
    ids: Vec<ViewId>,
) -> VecCollection<'scope, Tick, ViewRow, Diff> {
    let mut builder = OperatorBuilder::new("shown".to_owned(), rows.inner.scope());
    let mut input = builder.new_input(rows.inner, Pipeline);
    let mut gone = builder.new_input(gone, Pipeline);
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (output, made) = builder.new_output();
    let mut output =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(ViewRow, Tick, Diff)>>>::from(output);
    builder.build(move |initial| {
        drop(initial);
        let mut views = Views { rows: ids.iter().map(|_| Some(FxHashMap::default())).collect(), ids };
        let mut waiting: Waiting = BTreeMap::new();
        move |frontiers| {
            input.for_each(|capability, data| {
                for ((place, row), tick, diff) in data.drain(..) {
                    let new = || (Vec::new(), Vec::new(), capability.delayed(&tick, 0));
                    waiting.entry(tick).or_insert_with(new).0.push((place, row, diff));
                }
            });
            gone.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let new = || (Vec::new(), Vec::new(), capability.delayed(&tick, 0));
                waiting.entry(tick).or_insert_with(new).1.append(data);
            });
            while let Some(entry) = waiting.first_entry() {
                let tick = *entry.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&tick)) {
                    break;
                }
                let (rows, gone, capability) = entry.remove();
                let changes = views.step(rows, gone);
                let changes = changes.into_iter().map(|(row, diff)| (row, tick, diff));
                output.activate().session(&capability).give_iterator(changes);
            }
        }
    });
    made.as_collection()
}

impl Views {
    fn step(&mut self, rows: Vec<(usize, Row, Diff)>, gone: Vec<usize>) -> Vec<(ViewRow, Diff)> {
        let mut changes = Vec::new();
        for place in gone {
            let rows = self.rows[place].take().unwrap_or_default();
            changes.extend(rows.into_iter().map(|(row, diff)| ((self.ids[place], row), -diff)));
        }
        for (place, row, diff) in rows {
            let Some(shown) = &mut self.rows[place] else { continue };
            let times = shown.entry(row.clone()).or_default();
            *times += diff;
            if *times == 0 {
                shown.remove(&row);
            }
            changes.push(((self.ids[place], row), diff));
        }
        changes
    }
}
