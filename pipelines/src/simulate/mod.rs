//! Simulated players in a realm of their own, for days of its world as fast as can be: who takes up what, who finishes it,
//! who does not and why.
//!
//! `world, mix, seed ─crowd→ inputs ─realm in memory→ changes ─board, tally→ report ─▶ table, CSV, chart`. The realm is the real
//! one, on a disk that is not there and with time that is moved by hand; the same seed gives the same report to the byte. Who answers
//! when players talk to NPCs, if anybody does, is in `answering`.
//! Players over a socket, at the pace of a wall clock, are in `bots`.

mod answering;
mod arcs;
mod board;
mod chart;
mod crowd;
mod findings;
mod gates;
mod lines;
mod mail;
mod personality;
mod report;
mod running;
pub(crate) mod served;
mod spread;
mod striving;
mod summary;
mod talk;
mod tally;
mod tastes;
mod unmet;

pub use arcs::{ArcReport, BeatReport, WayReport};
pub use chart::chart;
pub use findings::{Finding, Trouble};
pub(crate) use lines::Table as CsvTable;
pub use lines::csv;
pub use personality::{Mix, PERSONALITIES, Personality};
pub use report::{ByPersonality, Paid, QuestReport, Report, Stands, Step};
pub use running::{SimulateConfig, SimulateError, simulate};
pub use summary::summary;
pub(crate) use summary::table;
pub use talk::{TalkReport, TierReport};
