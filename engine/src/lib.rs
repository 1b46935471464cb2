//! The runtime: sequencer, journal, snapshots, workers, collector, view store and shutdown.
//!
//! The engine knows inputs, ticks, views and base state; it does not know what any of them mean.
//! The graph is given to it by a closure.

pub mod admission;
mod alarm;
mod amount;
pub mod backup;
pub mod collector;
pub mod dedupe;
pub mod defined;
pub mod disk;
pub mod doctor;
pub mod folder;
pub mod graph;
mod hashes;
pub mod host;
pub mod intake;
pub mod journal;
mod merger;
pub mod observed;
pub mod positions;
pub mod privacy;
pub mod rate;
pub mod realm;
pub mod rebuild;
mod refused;
pub mod runtime;
pub mod sequencer;
pub mod snapshot;
mod stats;
pub mod testing;
pub mod tick_clock;
pub mod view_changes;
pub mod view_store;
pub mod words;
pub mod workers;
pub mod worlds;

/// What the beginning and the end of what must not be cut in half are logged under, at the level of traces:
/// recovery, the roll of a segment, a snapshot, a flush.
pub const PHASE: &str = "worldflow::phase";
