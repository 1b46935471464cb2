//! Simulations: an engine whose loops take turns in one thread, on a disk in memory, in an order and with faults that a
//! seed decides.
//!
//! Nothing in a simulated realm depends on the machine: there are no threads, the clock goes on by a number that is
//! drawn, and the disk forgets at a crash what it need not keep. So one seed is one run, to the last turn;
//! [`Simulator::trace`] says so in a number. What is not simulated: timely's exchange between workers (there is one), tokio's
//! runtime, and the operating system.

mod chance;
mod disk;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

pub use chance::Chance;
pub use disk::{Faults, Lie, SimulatedDisk};

use crate::host::{Simulated, set_now, take_started};
use crate::tick_clock::WallClock;

/// Who has the next turn, and what time it is.
pub struct Simulator {
    /// What decides.
    pub chance: Chance,
    loops: Vec<(Simulated, u64)>,
    now: Instant,
    wall_ms: Arc<AtomicI64>,
    /// Microseconds of the clock that are no whole millisecond of the wall.
    rest_us: u64,
    /// So many turns have been taken.
    turns: u64,
    trace: u64,
}

/// The realm did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halted {
    /// The disk is gone: it crashed.
    #[error("the machine crashed")]
    Crashed,
    /// Very many turns have led nowhere.
    #[error("it does not go on, however often everybody has a turn")]
    Stuck,
}

impl Simulator {
    /// A simulation that begins at this moment of UTC.
    #[must_use]
    pub fn new(seed: u64, wall_ms: i64) -> Simulator {
        drop(take_started());
        let now = Instant::now();
        set_now(Some(now));
        Simulator {
            chance: Chance::new(seed),
            loops: Vec::new(),
            now,
            wall_ms: Arc::new(AtomicI64::new(wall_ms)),
            rest_us: 0,
            turns: 0,
            trace: 0,
        }
    }

    /// The simulated clock on the wall.
    #[must_use]
    pub fn wall(&self) -> WallClock {
        let wall = Arc::clone(&self.wall_ms);
        Arc::new(move || wall.load(Ordering::Relaxed))
    }

    /// UTC as the wall says.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }

    /// Everything that was decided so far, as a number.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// How many turns have been taken.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Adds to [`Simulator::trace`].
    pub fn note(&mut self, what: u64) {
        self.trace = (self.trace.rotate_left(5) ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        set_now(Some(self.now));
        let us = self.rest_us + u64::try_from(time.as_micros()).unwrap_or(0);
        self.rest_us = us % 1000;
        self.wall_ms.fetch_add(i64::try_from(us / 1000).unwrap_or(0), Ordering::Relaxed);
    }

    /// Gives one loop a turn.
    pub fn turn(&mut self) {
        // Some are always faster than others.
        let started = take_started().into_iter().map(|started| (started, 1 << self.chance.below(5)));
        self.loops.extend(started.collect::<Vec<_>>());
        self.turns += 1;
        let all: u64 = self.loops.iter().map(|(_, weight)| weight).sum();
        if all > 0 {
            let mut drawn = self.chance.below(all);
            let place = self.loops.iter().position(|(_, weight)| {
                let here = drawn < *weight;
                drawn = drawn.saturating_sub(*weight);
                here
            });
            let place = place.unwrap_or(0);
            let (simulated, _) = &mut self.loops[place];
            let name = simulated
                .name
                .bytes()
                .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            if (simulated.turn)() {
                drop(self.loops.remove(place));
            }
            self.note(name);
        }
        if self.chance.one_in(8) {
            let us = if self.chance.one_in(40) { 500_000 } else { 8_000 };
            let us = self.chance.below(us);
            self.pass(Duration::from_micros(us));
        }
    }

    /// Gives turns until a future is done.
    ///
    /// # Errors
    /// When the disk crashes before, or it is never done.
    pub fn until<F: Future>(&mut self, disk: &SimulatedDisk, future: F) -> Result<F::Output, Halted> {
        let mut future = pin!(future);
        for _ in 0..MOST_TURNS {
            if disk.has_crashed() {
                return Err(Halted::Crashed);
            }
            if self.chance.one_in(3)
                && let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return Ok(done);
            }
            self.turn();
        }
        Err(Halted::Stuck)
    }

    /// What ran is gone, in the middle of whatever it was.
    pub fn crash(&mut self) {
        self.loops.clear();
        drop(take_started());
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.crash();
        set_now(None);
    }
}

/// More turns than anything takes.
const MOST_TURNS: u64 = 300_000;
