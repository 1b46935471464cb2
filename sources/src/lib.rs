//! Sources: one file each, one list.

pub mod check;
pub mod game_socket;
mod http_events;
mod http_forget;
pub mod kinesis;
pub mod lingering;
pub mod recording;
pub mod tokens;
mod wire;
