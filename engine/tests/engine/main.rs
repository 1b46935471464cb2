//! The runtime around a small graph: time, duplicates, journal, restarts, shutdown.

mod graph_runs;
mod journal_faults;
mod positions;
mod realms;
mod restarts;
mod time;
mod tiny;
mod worlds;
