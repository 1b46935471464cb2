//! Quests explained: small worlds that are played into a data folder, and what is said of them at some tick; random worlds in
//! which what counted must come to what the views show.

mod arcs;
mod gates;
mod groups;
mod kept;
mod moved;
mod objectives;
#[path = "../oracle/mod.rs"]
mod oracle;
mod pictures;
mod played;
mod random;
#[allow(dead_code, reason = "shared with the golden worlds")]
#[path = "../golden/script.rs"]
mod script;
mod stuck;
mod ways;
