//! World folder to checked plan to running graph, and the command line.

pub mod advance;
pub mod almanac;
pub mod bots;
pub mod cli;
mod columns;
pub mod connections;
mod day_marks;
pub mod edits;
pub mod explain;
pub mod graph;
pub mod impatient;
pub mod keys;
pub mod open;
pub mod recordings;
pub mod relations;
pub mod replay;
pub mod scenario;
pub mod secrets;
pub mod serve;
pub mod simulate;
mod spans;
pub mod streams;
mod terminal;
pub mod text;
pub mod tls;
pub mod world;
mod xml;
