//! The runtime: sequencer, journal, snapshots, workers, collector, view store and shutdown.
//!
//! The engine knows inputs, ticks, views and base state; it does not know what any of them mean.
//! The graph is given to it by a closure.

pub mod admission;
pub mod observed;
pub mod realm;
pub mod view_store;
