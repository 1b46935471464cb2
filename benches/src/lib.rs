//! Workloads, criterion benches and the comparison with peers.
