//! Sources: one file each, one list.

mod allowance;
pub mod audit;
pub mod check;
pub mod game_socket;
mod http_events;
mod http_forget;
pub mod http_guard;
pub mod kinesis;
pub mod lingering;
pub mod moderator;
pub mod recording;
pub mod tokens;
mod wire;
