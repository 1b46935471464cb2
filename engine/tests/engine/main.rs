//! The runtime around a small graph: time, duplicates, journal, restarts, shutdown.

mod graph_runs;
mod tiny;
