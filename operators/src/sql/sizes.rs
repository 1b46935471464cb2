//! What is kept for views, as the operators that keep it say it: rows, keys and bytes.
//!
//! It is for whoever wants to know, outside of the graph; nothing in the graph reads it. Rows of arrangements are updates, of which some
//! may cancel out at the next merge, and their keys are those of each batch; bytes are reckoned from the forms of rows, without the texts
//! that lie beside them. So all of it is a good guess, never too small but for texts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use super::plan::{Cell, Node};

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Size {
    /// Rows, or groups and what is kept in them.
    pub rows: u64,
    /// Keys, groups or moments.
    pub keys: u64,
    /// Bytes, roughly.
    pub bytes: u64,
}

impl Size {
    /// Of `rows` alike in as many `keys`.
    pub(crate) fn of(rows: usize, row_bytes: usize, keys: usize, key_bytes: usize) -> Size {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let bytes = rows.saturating_mul(row_bytes).saturating_add(keys.saturating_mul(key_bytes));
        Size { rows: number(rows), keys: number(keys), bytes: number(bytes) }
    }

    fn add(&mut self, other: Size) {
        self.rows += other.rows;
        self.keys += other.keys;
        self.bytes += other.bytes;
    }
}

/// What is kept, and for which plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    /// The events that views need.
    Events,
    /// Rows by a key.
    Rows(Node, Vec<Cell>),
    /// The keys that rows have.
    Keys(Node, Vec<Cell>),
    /// The groups of a plan's last operator.
    Groups(Node),
    /// The rows whose time is still to come.
    Bound(Node),
}

/// Where an operator says how much it keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<[AtomicU64; 3]>);

impl Gauge {
    pub(crate) fn set(&self, size: Size) {
        for (held, value) in self.0.iter().zip([size.rows, size.keys, size.bytes]) {
            held.store(value, Ordering::Relaxed);
        }
    }
}

/// What the dataflows of views keep on one worker. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct Sizes(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    gauges: Vec<(Option<usize>, Stage, Weak<[AtomicU64; 3]>)>,
    /// The dataflow of each view.
    views: BTreeMap<String, usize>,
}

impl Sizes {
    /// Where an operator of a dataflow says what it keeps, or one that is of none.
    pub(crate) fn gauge(&self, dataflow: Option<usize>, stage: Stage) -> Gauge {
        let gauge = Gauge::default();
        let mut known = self.lock();
        known.gauges.retain(|(.., held)| held.strong_count() > 0);
        known.gauges.push((dataflow, stage, Arc::downgrade(&gauge.0)));
        gauge
    }

    /// A view is computed by a dataflow from now on.
    pub(super) fn runs(&self, view: &str, dataflow: usize) {
        self.lock().views.insert(view.to_owned(), dataflow);
    }

    /// Whether nobody says anything any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// How much a stage of a view keeps on all of these workers; `None` where it is not there.
    pub(super) fn of(workers: &[Sizes], view: &str, stage: &Stage) -> Option<Size> {
        let mut all: Option<Size> = None;
        for worker in workers {
            let known = worker.lock();
            let dataflow = known.views.get(view).copied();
            let mine = known
                .gauges
                .iter()
                .filter(|(of, other, _)| other == stage && (of.is_none() || *of == dataflow));
            for held in mine.filter_map(|(.., held)| held.upgrade()) {
                let [rows, keys, bytes] = [0, 1, 2].map(|place: usize| held[place].load(Ordering::Relaxed));
                all.get_or_insert_default().add(Size { rows, keys, bytes });
            }
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the operators of one dataflow say what they keep.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    pub(super) sizes: Sizes,
    pub(super) dataflow: usize,
}

impl Gauges {
    pub(super) fn gauge(&self, stage: Stage) -> Gauge {
        self.sizes.gauge(Some(self.dataflow), stage)
    }
}
