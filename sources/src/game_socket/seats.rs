//! Who may be connected at the same time.
//!
//! A session takes a seat. One subject has only so many, so that one token cannot take all; some are
//! kept for game servers, without which nothing happens; and whoever has not said yet who it is waits in
//! a smaller room of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use worldflow_engine::admission::Refusal;
use worldflow_schemas::Sym;

use super::Limits;
use crate::check::refuse;
use crate::tokens::{Claims, Role};

/// Whom a token names: realm, role and subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Subject(Sym, Role, Sym);

impl From<Claims> for Subject {
    fn from(claims: Claims) -> Subject {
        Subject(claims.realm, claims.role, claims.subject)
    }
}

#[derive(Debug, Default)]
struct Taken {
    /// Seats of all subjects.
    seats: u32,
    /// Those of game servers.
    servers: u32,
    /// Sockets of nobody yet.
    nobody: u32,
    /// Seats of each subject.
    by_subject: FxHashMap<Subject, u32>,
}

/// The seats of all realms together.
#[derive(Debug)]
pub(super) struct Seats {
    limits: Limits,
    taken: Mutex<Taken>,
}

impl Seats {
    pub(super) fn new(limits: Limits) -> Seats {
        Seats { limits, taken: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are connected.
    pub(super) fn len(&self) -> u32 {
        let taken = self.lock();
        taken.seats + taken.nobody
    }

    /// A seat for the bearer of a token; without one, a place to wait.
    pub(super) fn take(self: &Arc<Seats>, claims: Option<&Claims>) -> Result<Seat, Refusal> {
        let (mut taken, limits) = (self.lock(), &self.limits);
        let Some(claims) = claims else {
            if taken.nobody >= limits.unnamed {
                let reason =
                    format!("{} connections have not said hello, and no more are taken", limits.unnamed);
                let hint = "send the token with the request, or try again later";
                return Err(refuse("too_many_sessions", "", reason, hint));
            }
            taken.nobody += 1;
            return Ok(Seat { seats: Arc::clone(self), subject: None });
        };
        let server = claims.role == Role::GameServer;
        let most = if claims.role == Role::Player { limits.player_sessions } else { limits.subject_sessions };
        let subject = Subject::from(*claims);
        let own = taken.by_subject.get(&subject).copied().unwrap_or(0);
        if own >= most {
            let reason = format!("`{}` has {most} sessions, and no more may be", claims.subject);
            return Err(refuse("too_many_sessions", "", reason, "end another session of this token"));
        }
        let kept = if server { 0 } else { limits.kept_for_servers.saturating_sub(taken.servers) };
        if taken.seats >= limits.sessions.saturating_sub(kept) {
            let reason = format!("{} sessions are connected, and no more are taken", taken.seats);
            return Err(refuse("too_many_sessions", "", reason, "try again later"));
        }
        taken.seats += 1;
        taken.servers += u32::from(server);
        *taken.by_subject.entry(subject).or_default() += 1;
        drop(taken);
        Ok(Seat { seats: Arc::clone(self), subject: Some(subject) })
    }
}

/// One of the seats: given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    subject: Option<Subject>,
}

impl Seat {
    /// Becomes the seat of somebody who has now said who it is.
    pub(super) fn name(&mut self, claims: &Claims) -> Result<(), Refusal> {
        if self.subject.is_none() {
            *self = self.seats.take(Some(claims))?;
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        let Some(subject) = self.subject else {
            taken.nobody -= 1;
            return;
        };
        taken.seats -= 1;
        taken.servers -= u32::from(subject.1 == Role::GameServer);
        if let Some(own) = taken.by_subject.get_mut(&subject) {
            *own -= 1;
            if *own == 0 {
                taken.by_subject.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(role: Role, subject: &str) -> Claims {
        Claims { role, realm: "realm".into(), subject: subject.into() }
    }

    fn seats() -> Arc<Seats> {
        Arc::new(Seats::new(Limits {
            sessions: 10,
            kept_for_servers: 3,
            player_sessions: 2,
            subject_sessions: 4,
            unnamed: 2,
            ..Limits::default()
        }))
    }

    /// Takes as many as are given.
    fn fill(seats: &Arc<Seats>, role: Role, subject: &str) -> Vec<Seat> {
        let claims = claims(role, subject);
        std::iter::from_fn(|| seats.take(Some(&claims)).ok()).take(100).collect()
    }

    #[test]
    fn one_subject_has_only_so_many() {
        let seats = seats();
        let mut ana = fill(&seats, Role::Player, "ana");
        assert_eq!(ana.len(), 2);
        assert_eq!(fill(&seats, Role::Dashboard, "board").len(), 4);
        // The name alone is not the subject.
        assert_eq!(fill(&seats, Role::Dashboard, "ana").len(), 4);
        ana.pop();
        assert_eq!(fill(&seats, Role::Player, "ana").len(), 1);
        drop(ana);
        assert_eq!((seats.len(), seats.lock().by_subject.len()), (0, 0));
    }

    #[test]
    fn some_are_kept_for_game_servers() {
        let seats = seats();
        let players: Vec<Vec<Seat>> =
            ["a", "b", "c", "d", "e"].map(|player| fill(&seats, Role::Player, player)).into();
        assert_eq!(players.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1, 0]);
        let server = fill(&seats, Role::GameServer, "server-1");
        assert_eq!(server.len(), 3);
        drop(players);
        // As many as are kept are there already: the rest is for anybody.
        let boards = [fill(&seats, Role::Dashboard, "board-1"), fill(&seats, Role::Dashboard, "board-2")];
        assert_eq!(boards.each_ref().map(Vec::len), [4, 3]);
        assert_eq!(fill(&seats, Role::GameServer, "server-2").len(), 0);
    }

    #[test]
    fn who_has_not_said_hello_takes_nobodys_seat() {
        let seats = seats();
        let mut both: Vec<Seat> = std::iter::from_fn(|| seats.take(None).ok()).take(100).collect();
        assert_eq!(both.len(), 2);
        for seat in &mut both {
            seat.name(&claims(Role::Player, "ana")).expect("there is a seat");
        }
        // The places are free again, and the token has had its share.
        let mut third = seats.take(None).expect("there is a place");
        let refused = third.name(&claims(Role::Player, "ana")).expect_err("ana has its share");
        assert_eq!((refused.code, seats.len()), ("too_many_sessions", 3));
        drop((third, both));
        assert_eq!(seats.len(), 0);
    }
}
