//! Sinks: one file each, one list.

pub mod answers;
pub mod arrow;
pub mod guard;
pub mod health;
pub mod http_views;
pub mod live_page;
pub mod lore;
pub mod simulated_tier;
pub mod sql;
pub mod tiers;
pub mod view_at;
mod window;
