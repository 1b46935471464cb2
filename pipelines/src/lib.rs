//! World folder to checked plan to running graph, and the command line.

pub mod advance;
pub mod almanac;
pub mod bots;
pub mod cli;
pub mod connections;
pub mod edits;
pub mod explain;
pub mod explain_view;
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
pub mod streams;
pub mod text;
pub mod tls;
pub mod world;
mod xml;
