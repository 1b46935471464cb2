//! The middle: pure operators from collections to collections.
//!
//! Nothing here reads a wall clock, draws unseeded chance or does I/O: the graph is a function from
//! sealed input ticks to changes.

pub mod arcs;
pub mod behaviours;
pub mod clock;
pub mod community;
pub mod definitions;
pub mod dialogues;
pub mod entities;
mod events;
pub mod facts;
pub mod graph;
mod kept_rows;
pub mod levels;
pub mod lore;
pub mod machine;
pub mod messages;
pub mod npcs;
mod piece;
pub mod presence;
pub mod quests;
pub mod rules;
pub mod spending;
pub mod sql;
pub mod timers;
pub mod weather;
