//! Workloads, criterion benches and the comparison with peers.

pub mod quest_2m;
