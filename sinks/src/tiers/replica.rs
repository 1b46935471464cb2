//! The servers of a tier, and which of them gets a request.
//!
//! Requests that begin alike go to the same server, which has what they share in its cache (rendezvous hashing of the
//! prefix), but to no server that has more than its share: what is under way there is at most a quarter over the average.

use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::call::Fault;
use super::limit::Limit;

/// The longest pause after a server had no room, whatever it says itself.
pub(super) const MOST_PAUSE: Duration = Duration::from_secs(1);
/// The first pause; it doubles with each that follows without a good answer.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// A server of a tier.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) url: Url,
    pub(super) limit: Limit,
    pub(super) breaker: Breaker,
    pub(super) in_flight: u32,
    pauses: u32,
    pub(super) paused: Option<Instant>,
}

impl Replica {
    pub(super) fn new(url: Url, max_in_flight: u32) -> Replica {
        Replica {
            url,
            limit: Limit::new(max_in_flight),
            breaker: Breaker::new(),
            in_flight: 0,
            pauses: 0,
            paused: None,
        }
    }

    /// Whether it has a free place.
    fn has_room(&self, now: Instant) -> bool {
        let paused = self.paused.is_some_and(|until| now < until);
        !paused && self.breaker.allows(now) && self.in_flight < self.limit.now()
    }

    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
        self.breaker.sent();
    }

    /// What it was asked is over, whatever came of it.
    pub(super) fn over(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn answered(&mut self) {
        self.breaker.good();
        self.limit.good();
        (self.pauses, self.paused) = (0, None);
    }

    /// It gave no answer: the breaker learns what that says of it.
    pub(super) fn failed(&mut self, fault: Fault, is_broken: bool, sent: Instant, now: Instant) {
        if is_broken {
            self.breaker.bad(now);
            self.limit.overloaded(sent, now);
        } else if fault == Fault::Useless {
            self.breaker.good();
        } else {
            self.breaker.unknown();
        }
    }

    /// It had no room: it is asked less, and not at once.
    pub(super) fn pushed_back(&mut self, sent: Instant, after: Option<Duration>, now: Instant) {
        self.breaker.good();
        self.limit.overloaded(sent, now);
        let usual = PAUSE.saturating_mul(1 << self.pauses.min(7));
        self.pauses += 1;
        self.paused = Some(now + after.unwrap_or(usual).min(MOST_PAUSE));
    }
}

/// The server that gets a request with this prefix: not `avoid`, if there is another.
pub(super) fn pick(replicas: &[Replica], prefix: u64, avoid: Option<usize>, now: Instant) -> Option<usize> {
    let up = replicas.iter().filter(|replica| replica.breaker.allows(now)).count().max(1);
    let in_flight: u64 = replicas.iter().map(|replica| u64::from(replica.in_flight)).sum();
    // ⌈5/4 · (what is under way, with this one) / servers⌉
    let share = (5 * (in_flight + 1)).div_ceil(4 * up as u64);
    let room = || (0..replicas.len()).filter(|&at| replicas[at].has_room(now));
    let best =
        |candidates: &mut dyn Iterator<Item = usize>| candidates.max_by_key(|&at| (weight(prefix, at), at));
    let within = |at: &usize| u64::from(replicas[*at].in_flight) < share;
    best(&mut room().filter(within).filter(|&at| Some(at) != avoid))
        .or_else(|| room().filter(|&at| Some(at) != avoid).min_by_key(|&at| (replicas[at].in_flight, at)))
        .or_else(|| room().next())
}

/// The weight of a server for a prefix.
fn weight(prefix: u64, at: usize) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&prefix.to_le_bytes());
    bytes[8..].copy_from_slice(&(at as u64).to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(count: usize, max_in_flight: u32) -> Vec<Replica> {
        let url = || Url::parse("http://127.0.0.1:1").expect("a url");
        (0..count).map(|_| Replica::new(url(), max_in_flight)).collect()
    }

    #[test]
    fn one_prefix_goes_to_one_server_and_only_its_own_move_when_one_is_lost() {
        let now = Instant::now();
        let mut servers = replicas(4, 8);
        let before: Vec<_> = (0..200).map(|prefix| pick(&servers, prefix, None, now)).collect();
        for at in 0..4 {
            let of = before.iter().filter(|picked| **picked == Some(at)).count();
            assert!((30..70).contains(&of), "server {at} has {of} of 200");
        }
        (0..super::super::breaker::FAILURES).for_each(|_| servers[2].breaker.bad(now));
        for (prefix, was) in before.iter().enumerate() {
            let is = pick(&servers, prefix as u64, None, now);
            assert!(is != Some(2) && (is == *was || *was == Some(2)), "{prefix}");
        }
    }

    #[test]
    fn no_server_has_more_than_its_share() {
        let now = Instant::now();
        let mut servers = replicas(4, 100);
        for _ in 0..100 {
            let at = pick(&servers, 7, None, now).expect("there is room");
            servers[at].sent();
        }
        let most = servers.iter().map(|server| server.in_flight).max();
        assert!(most.is_some_and(|most| most <= 32), "{most:?}");
    }

    #[test]
    fn a_server_without_room_or_in_a_pause_gets_nothing() {
        let now = Instant::now();
        let mut servers = replicas(2, 1);
        let first = pick(&servers, 7, None, now).expect("there is room");
        assert_eq!(pick(&servers, 7, Some(first), now), Some(1 - first), "another, if there is one");
        servers[first].sent();
        assert_eq!(pick(&servers, 7, None, now), Some(1 - first));
        servers[1 - first].pushed_back(now, None, now);
        assert_eq!(pick(&servers, 7, None, now), None);
        assert_eq!(pick(&servers, 7, Some(1 - first), now + PAUSE), Some(1 - first), "better than none");
        servers[1 - first].pushed_back(now, None, now);
        assert_eq!(pick(&servers, 7, None, now + PAUSE), None, "each pause is longer");
        servers[1 - first].pushed_back(now, Some(Duration::from_secs(3_600)), now);
        assert!(pick(&servers, 7, None, now + MOST_PAUSE).is_some(), "but none is long");
    }
}
