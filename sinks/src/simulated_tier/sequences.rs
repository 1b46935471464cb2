//! What waits and what runs at a simulated server, and the token that each running prompt gets next.
//!
//! Whenever a place is free the next prompt takes it, in the order (priority, arrival): batching is continuous. Time comes from
//! outside, as what has passed since a beginning: a server on loopback takes it from its clock, a simulation moves it by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SimulatedTierConfig;

/// A prompt that is to be answered.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// The lower the earlier.
    pub(crate) priority: i64,
    /// What will be said.
    pub(crate) tokens: Vec<String>,
    /// Whether that was cut.
    pub(crate) cut: bool,
    /// It takes so many times as long.
    pub(crate) slow: u32,
}

/// Where a prompt stands: its priority, and its number among all that came.
pub(crate) type Place = (i64, u64);

/// What has come of prompts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    /// One has begun to run, so long after it came; so many run now.
    Runs { running: usize, after: Duration },
    /// One has said its next token: the first so long after it came, another so long after the one before.
    Token { number: u64, token: String, is_first: bool, after: Duration },
    /// One has said all, so long after it came.
    End { number: u64, cut: bool, after: Duration },
}

/// A prompt that waits or runs.
#[derive(Debug)]
struct Sequence {
    tokens: std::vec::IntoIter<String>,
    cut: bool,
    slow: u32,
    came: Duration,
    last: Option<Duration>,
    next: Duration,
    /// Whether what was said last ends a sentence.
    at_stop: bool,
}

/// How fast prompts are answered.
#[derive(Clone, Copy, Debug)]
struct Pace {
    max_num_seqs: usize,
    first_token: Duration,
    per_token: Duration,
    first_beside: Duration,
    token_beside: Duration,
}

/// The prompts of a server.
#[derive(Debug)]
pub(crate) struct Sequences {
    pace: Pace,
    arrivals: u64,
    waiting: BTreeMap<Place, Sequence>,
    running: BTreeMap<u64, Sequence>,
}

impl Sequences {
    pub(crate) fn new(config: &SimulatedTierConfig) -> Sequences {
        let SimulatedTierConfig { first_token, per_token, first_beside, token_beside, .. } = *config;
        let max_num_seqs = config.max_num_seqs.max(1);
        Sequences {
            pace: Pace { max_num_seqs, first_token, per_token, first_beside, token_beside },
            arrivals: 0,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// How many run and wait.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// Takes a prompt. It waits until the next step.
    pub(crate) fn admit(&mut self, prompt: Prompt, now: Duration) -> Place {
        let Prompt { priority, tokens, cut, slow } = prompt;
        let place = (priority, self.arrivals);
        self.arrivals += 1;
        let tokens = tokens.into_iter();
        let sequence = Sequence { tokens, cut, slow, came: now, last: None, next: now, at_stop: false };
        self.waiting.insert(place, sequence);
        place
    }

    /// Takes a prompt out, if it has not said all.
    pub(crate) fn abort(&mut self, place: Place) -> bool {
        let waited = self.waiting.remove(&place).is_some();
        self.running.remove(&place.1).is_some() || waited
    }

    /// Gives the next token to who is due one, and fills free places.
    pub(crate) fn step(&mut self, now: Duration, mut tell: impl FnMut(Came)) {
        let due: Vec<u64> =
            self.running.iter().filter(|(_, sequence)| sequence.next <= now).map(|(n, _)| *n).collect();
        let Pace { max_num_seqs, first_token, first_beside, .. } = self.pace;
        let per_token =
            beside(self.pace.per_token, self.pace.token_beside, self.running.len().saturating_sub(1));
        for number in due {
            let Some(sequence) = self.running.get_mut(&number) else { continue };
            if !sequence.say(number, per_token, now, &mut tell) {
                self.running.remove(&number);
            }
        }
        while self.running.len() < max_num_seqs {
            let Some(((_, number), mut sequence)) = self.waiting.pop_first() else { break };
            let first = beside(first_token, first_beside, self.running.len());
            sequence.next = now + first.saturating_mul(sequence.slow);
            tell(Came::Runs { running: self.running.len() + 1, after: now - sequence.came });
            self.running.insert(number, sequence);
        }
    }

    /// When somebody is next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.running.values().map(|sequence| sequence.next).min()
    }

    /// No sentence is whole before this moment, and no answer. A sentence is once something follows it.
    pub(crate) fn next_sentence(&self) -> Option<Duration> {
        self.running.values().map(|sequence| sequence.next_sentence(self.pace.per_token)).min()
    }
}

/// How long it takes beside so many others.
fn beside(alone: Duration, more: Duration, others: usize) -> Duration {
    alone.saturating_add(more.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX)))
}

fn is_stop(token: &str) -> bool {
    token.ends_with('.')
}

impl Sequence {
    /// Says the next token. Whether more follows.
    fn say(&mut self, number: u64, per_token: Duration, now: Duration, tell: &mut impl FnMut(Came)) -> bool {
        if let Some(token) = self.tokens.next() {
            self.at_stop = is_stop(&token);
            let before = self.last.replace(now);
            let after = now - before.unwrap_or(self.came);
            tell(Came::Token { number, token, is_first: before.is_none(), after });
        }
        let more = !self.tokens.as_slice().is_empty();
        if more {
            self.next += per_token * self.slow;
        } else {
            tell(Came::End { number, cut: self.cut, after: now - self.came });
        }
        more
    }

    fn next_sentence(&self, per_token: Duration) -> Duration {
        let tokens = self.tokens.as_slice();
        let stop = tokens.iter().position(|token| is_stop(token)).map(|stop| stop + 1);
        let until = if self.at_stop { 0 } else { stop.unwrap_or(tokens.len()) };
        let until = until.min(tokens.len().saturating_sub(1));
        self.next + (per_token * self.slow).saturating_mul(u32::try_from(until).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sequences(places: usize) -> Sequences {
        Sequences::new(&SimulatedTierConfig {
            max_num_seqs: places,
            first_token: ms(20),
            per_token: ms(5),
            ..SimulatedTierConfig::default()
        })
    }

    fn prompt(priority: i64, said: &str) -> Prompt {
        let tokens = said.split_inclusive(' ').map(str::to_owned).collect();
        Prompt { priority, tokens, cut: false, slow: 1 }
    }

    /// Time passes, and what was said by when.
    fn pass(sequences: &mut Sequences, until: Duration) -> String {
        let mut said = Vec::new();
        while let Some(now) = sequences.next().filter(|next| *next <= until) {
            sequences.step(now, |came| match came {
                Came::Runs { .. } => {}
                Came::Token { number, token, .. } => {
                    said.push(format!("{} {number}:{}", now.as_millis(), token.trim()));
                }
                Came::End { number, after, .. } => {
                    said.push(format!("{number} took {}", after.as_millis()));
                }
            });
        }
        said.join(", ")
    }

    #[test]
    fn a_free_place_is_taken_by_priority_then_by_arrival() {
        let mut sequences = sequences(1);
        for (priority, said) in [(1, "a b"), (1, "c"), (0, "d")] {
            sequences.admit(prompt(priority, said), ms(0));
        }
        sequences.step(ms(0), |_| {});
        assert_eq!(sequences.sizes(), (1, 2), "the first by priority runs");
        let said = pass(&mut sequences, ms(100));
        assert_eq!(said, "20 2:d, 2 took 20, 40 0:a, 45 0:b, 0 took 45, 65 1:c, 1 took 65");
        assert_eq!((sequences.sizes(), sequences.next()), ((0, 0), None));
    }

    #[test]
    fn what_is_aborted_leaves_its_place_to_the_next() {
        let mut sequences = sequences(1);
        let first = sequences.admit(prompt(0, "a b c"), ms(0));
        let second = sequences.admit(prompt(0, "d"), ms(0));
        let third = sequences.admit(prompt(0, "e"), ms(0));
        sequences.step(ms(0), |_| {});
        assert_eq!(pass(&mut sequences, ms(22)), "20 0:a");
        assert!(sequences.abort(first) && sequences.abort(second));
        assert!(!sequences.abort(first), "it is gone");
        sequences.step(ms(22), |_| {});
        assert_eq!(pass(&mut sequences, ms(100)), "42 2:e, 2 took 42");
        assert!(!sequences.abort(third), "it has said all");
    }

    #[test]
    fn who_runs_beside_others_takes_longer() {
        let config = SimulatedTierConfig {
            max_num_seqs: 2,
            first_token: ms(20),
            per_token: ms(5),
            first_beside: ms(10),
            token_beside: ms(2),
            ..SimulatedTierConfig::default()
        };
        let mut sequences = Sequences::new(&config);
        sequences.admit(prompt(0, "a b"), ms(0));
        sequences.admit(Prompt { slow: 2, ..prompt(0, "c") }, ms(0));
        sequences.step(ms(0), |_| {});
        assert_eq!(pass(&mut sequences, ms(100)), "20 0:a, 27 0:b, 0 took 27, 60 1:c, 1 took 60");
    }

    #[test]
    fn it_is_known_when_the_next_sentence_can_be_whole() {
        let mut sequences = sequences(2);
        sequences.admit(prompt(0, "a b."), ms(0));
        sequences.step(ms(0), |_| {});
        assert_eq!(sequences.next_sentence(), Some(ms(25)), "with the last token");
        let mut tokens = sequences_of(&["a", " b.", " c", " d"]);
        assert_eq!(tokens.next_sentence(), Some(ms(30)), "with what follows the stop");
        pass(&mut tokens, ms(25));
        assert_eq!(tokens.next_sentence(), Some(ms(30)));
        pass(&mut tokens, ms(30));
        assert_eq!(tokens.next_sentence(), Some(ms(35)));
        pass(&mut tokens, ms(35));
        assert_eq!(tokens.next_sentence(), None);
    }

    fn sequences_of(tokens: &[&str]) -> Sequences {
        let mut sequences = sequences(1);
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        sequences.admit(Prompt { priority: 0, tokens, cut: false, slow: 1 }, ms(0));
        sequences.step(ms(0), |_| {});
        sequences
    }
}
