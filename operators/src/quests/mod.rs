//! Quests: from events to progress, completion and grants, for players and for groups.
//!
//! `events ─PlayersMachine→ player progress, grants ┬─ contributions ─GroupsMachine→ group progress, grants`
//! `                                                └─ updates of facts`
//!
//! Two machines share one state machine of a holder (`core` and its neighbours): the players' half
//! matches every event as of its tick, the groups' half counts what was matched. Both take base
//! state back with `load`; what they are told (clock, facts, places ...) they keep as last told.

mod asked;
mod availability;
mod branches;
mod calendars;
mod closing;
mod comparison;
mod condition;
mod context;
mod core;
mod counting;
mod decay;
mod edited;
mod edits;
mod groups;
mod hits;
mod holder;
mod ledger;
mod lifecycle;
mod matcher;
mod messages;
mod moves;
mod objective;
mod offers;
mod picture;
mod plan;
mod players;
mod prerequisites;
mod quest_plan;
mod rewards;
mod roles;
mod rows;
mod running;
mod saved;
mod seen;
mod sharing;
mod states;
mod trace;
pub mod traced;
mod waiting;

pub(crate) use condition::{Cond, Test, depends};
pub(crate) use context::{Actor, Context};
pub(crate) use decay::left;
pub use groups::{GroupsIn, GroupsMachine};
pub(crate) use matcher::Matcher;
pub use messages::{Asked, Conclusion, Contribution, Gain, Hit, HitOn, Verb, grant_holder, grant_id};
pub(crate) use picture::node;
pub(crate) use plan::Plan;
pub use players::{PlayersIn, PlayersMachine, PlayersOut};
pub(crate) use seen::{SeenViews, hashed};
pub use sharing::{Member, SharedHit, Spread, Together};
