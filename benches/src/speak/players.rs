//! What every player is waiting for, and what has come of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustc_hash::FxHashMap;
use worldflow_schemas::Sym;
use worldflow_schemas::chance::below;

use super::SpeakArgs;
use super::world::{crier_name, is_silver, npc_name};
use crate::open_loop::Times;

/// A player, and the character whom they address each time.
#[derive(Debug)]
struct Player {
    npc: Sym,
    silver: bool,
    waits: Option<Waits>,
    /// The number of the last line that was heard.
    line: i64,
    /// Whether they left while they waited.
    away: bool,
}

/// An address that has no first text yet.
#[derive(Clone, Copy, Debug)]
struct Waits {
    due: Instant,
    /// When it was known to be durable.
    accepted: Option<Instant>,
    counts: bool,
}

/// Where the first text of an address is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Model,
    /// Says why, as in `npc_lines`.
    Bark(Sym),
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) addressed: u64,
    /// Addresses that were taken back by their player's leaving before a word was said.
    pub(super) left: u64,
    pub(super) models: u64,
    /// Barks, by why.
    pub(super) barks: FxHashMap<Sym, u64>,
    /// Addresses that had no word when the player addressed again, or at the end.
    pub(super) silent: u64,
    /// First texts that nobody waited for.
    pub(super) unexpected: u64,
    /// From when an address was due, of all, of gold's and of silver's.
    pub(super) due: [Times; 3],
    /// From when it was accepted.
    pub(super) accepted: [Times; 3],
}

/// All players.
#[derive(Debug)]
pub(super) struct Players {
    by_name: FxHashMap<Sym, usize>,
    names: Vec<Sym>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    players: Vec<Player>,
    heard: Heard,
}

impl Players {
    /// Who addresses whom: a part of them criers, in the same proportion of gold and silver.
    pub(super) fn new(args: &SpeakArgs) -> Players {
        let names: Vec<Sym> = (0..args.players).map(|n| Sym::new(&format!("player{n:05}"))).collect();
        let cast = args.cast();
        let player = |n: u64| {
            let crowded = below(args.seed, "crowd", &n.to_string(), 0, 100) < args.crowd_percent;
            let (at, npc) = if crowded {
                let at = n % cast.criers;
                (at, crier_name(at))
            } else {
                let at = n % cast.npcs;
                (at, npc_name(at))
            };
            Player { npc: Sym::new(&npc), silver: is_silver(at), waits: None, line: 0, away: false }
        };
        let heard = Heard {
            addressed: 0,
            left: 0,
            models: 0,
            barks: FxHashMap::default(),
            silent: 0,
            unexpected: 0,
            due: std::array::from_fn(|_| Times::new()),
            accepted: std::array::from_fn(|_| Times::new()),
        };
        let state = Mutex::new(State { players: (0..args.players).map(player).collect(), heard });
        let by_name = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        Players { by_name, names, state }
    }

    pub(super) fn name(&self, player: usize) -> Sym {
        self.names[player]
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// A player addresses their character: whom, and whether they have to come back first.
    pub(super) fn address(&self, player: usize, due: Instant, counts: bool) -> (Sym, bool) {
        let State { players, heard } = &mut *self.lock();
        let player = &mut players[player];
        heard.addressed += 1;
        heard.silent += u64::from(player.waits.replace(Waits { due, accepted: None, counts }).is_some());
        (player.npc, std::mem::take(&mut player.away))
    }

    /// It is durable that these players, each since an instant, have addressed their characters.
    pub(super) fn accepted(&self, players: &[(usize, Instant)], now: Instant) {
        let mut state = self.lock();
        for (player, due) in players {
            let waits = state.players[*player].waits.as_mut();
            if let Some(waits) = waits.filter(|waits| waits.due == *due) {
                waits.accepted = Some(now);
            }
        }
    }

    /// A player leaves, whatever they wait for.
    pub(super) fn leave(&self, player: usize) {
        let State { players, heard } = &mut *self.lock();
        let player = &mut players[player];
        player.away = true;
        heard.left += u64::from(player.waits.take().is_some());
    }

    /// The first sentence of a line is there.
    pub(super) fn hear(&self, player: Sym, line: i64, by: By, now: Instant) {
        let Some(at) = self.by_name.get(&player) else { return };
        let State { players, heard } = &mut *self.lock();
        let player = &mut players[*at];
        if line <= player.line {
            return;
        }
        player.line = line;
        let Some(waits) = player.waits.take() else {
            // What was said before the graph knew that the player has left.
            heard.unexpected += u64::from(!player.away);
            return;
        };
        match by {
            By::Model => heard.models += 1,
            By::Bark(why) => *heard.barks.entry(why).or_default() += 1,
        }
        if !waits.counts {
            return;
        }
        let of = [0, 1 + usize::from(player.silver)];
        // A first text that is there before the sender knows that it was accepted took no time from then.
        let accepted = waits.accepted.map_or(now, |accepted| accepted.min(now));
        for of in of {
            heard.due[of].record(now.saturating_duration_since(waits.due));
            heard.accepted[of].record(now.saturating_duration_since(accepted));
        }
    }

    /// How many still wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().players.iter().filter(|player| player.waits.is_some()).count()
    }

    /// What was measured; who waits still has heard nothing.
    pub(super) fn close(self) -> Heard {
        let State { players, mut heard } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        heard.silent += players.iter().filter(|player| player.waits.is_some()).count() as u64;
        heard
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
