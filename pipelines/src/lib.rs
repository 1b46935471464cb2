//! World folder to checked plan to running graph, and the command line.

pub mod world;
