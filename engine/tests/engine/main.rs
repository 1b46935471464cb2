//! The runtime around a small graph: time, duplicates, journal, restarts, shutdown.

mod catalog;
mod disks;
mod former;
mod graph_runs;
mod journal_faults;
mod past;
mod positions;
mod privacy;
mod realms;
mod restarts;
mod time;
mod tiny;
mod worlds;
