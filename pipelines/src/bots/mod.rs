//! Simulated players behind one simulated dedicated game server, over a real WebSocket.
//!
//! What the bots do comes from the world's own quests and a seed; what they know comes from the
//! socket alone, as it would for a real game server. Nothing here sees the inside of a realm.

mod crowd;
mod deeds;
mod dice;
mod patterns;
mod server;
mod socket;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::world::LoadedWorld;

pub(crate) use deeds::Deeds;
pub(crate) use dice::Dice;
pub(crate) use patterns::patterns;
pub use server::run;
pub use socket::BotsError;
pub use watcher::{WatchConfig, WatchReport, watch_realm};

/// How a crowd of bots plays.
#[derive(Clone, Debug)]
pub struct BotsConfig {
    /// The socket: `ws://127.0.0.1:7700`, with or without a path.
    pub url: String,
    /// A game server's token.
    pub token: String,
    /// The world they play; it says which quests, kinds, regions and entities there are.
    pub world: Arc<LoadedWorld>,
    /// How many players.
    pub players: u32,
    /// The seed of all their chance.
    pub seed: u64,
    /// Times the natural pace, which is one deed in five seconds for each player.
    pub speed: f64,
    /// They stop when this turns true, or when its sender is gone.
    pub stop: watch::Receiver<bool>,
    /// They stop after this long, too.
    pub duration: Option<Duration>,
}

/// What a crowd did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BotsReport {
    /// Events published.
    pub published: u64,
    /// Events and writes that the server accepted.
    pub accepted: u64,
    /// Those it had seen before.
    pub duplicates: u64,
    /// Those it refused.
    pub refused: u64,
    /// Quests accepted by bots, of all scopes.
    pub quests_begun: u64,
    /// Quests that were seen to be done.
    pub quests_done: u64,
    /// Grants answered as delivered.
    pub delivered: u64,
    /// Grants answered as refused.
    pub declined: u64,
    /// Deltas received.
    pub deltas: u64,
}

/// When something that begins now and lasts so long ends; without a length, in a hundred years.
fn end(duration: Option<Duration>) -> Instant {
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
    Instant::now() + duration.unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_is_too_long() {
        let soon = end(Some(Duration::from_secs(1)));
        assert!(soon < end(None) && end(Some(Duration::MAX)) > soon);
    }
}
