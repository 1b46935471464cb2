//! Sources: one file each, one list.

pub mod check;
pub mod recording;
pub mod tokens;
