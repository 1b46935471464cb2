//! Arrangements that say how much they keep, as often as they change.

use std::rc::Rc;

use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::TraceReader as _;
use differential_dataflow::trace::implementations::BatchContainer as _;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator as _;
use timely::progress::frontier::AntichainRef;

use super::ByKey;
use crate::sql::packed::Packed;
use crate::sql::{Gauge, Size};

/// The same, and what it keeps is told.
pub(super) fn measured<'scope>(rows: ByKey<'scope>, gauge: Gauge) -> ByKey<'scope> {
    let Arranged { stream, trace } = rows;
    let mut looked_at = trace.clone();
    // It must not keep anything from being merged: only what there happens to be is looked at.
    looked_at.set_logical_compaction(AntichainRef::new(&[]));
    looked_at.set_physical_compaction(AntichainRef::new(&[]));
    let stream =
        stream.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "measured", move |_, _| {
            move |input, output| {
                input.for_each(|capability, data| {
                    output.session(&capability).give_container(data);
                    let (mut updates, mut keys, mut bytes) = (0, 0, 0);
                    looked_at.map_spans(|span| {
                        let Some(batch) = span.inner.as_ref().map(Rc::as_ref) else { return };
                        let (of_keys, of_values) = (&batch.storage.keys, &batch.storage.vals.vals);
                        let one = |row: Option<&Packed>| row.map_or(0, Packed::bytes);
                        updates += batch.updates;
                        keys += of_keys.len();
                        bytes +=
                            of_keys.len() * one(of_keys.get(0)) + of_values.len() * one(of_values.get(0));
                    });
                    /// The tick and the count of an update.
                    const TIMES: usize = 16;
                    let size = Size::of(updates, TIMES, keys, 0);
                    gauge.set(Size { bytes: size.bytes + u64::try_from(bytes).unwrap_or(u64::MAX), ..size });
                });
            }
        });
    Arranged { stream, trace }
}
