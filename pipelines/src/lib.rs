//! World folder to checked plan to running graph, and the command line.

pub mod graph;
pub mod open;
pub mod world;
