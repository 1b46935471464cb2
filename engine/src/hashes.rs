//! State hashes that an earlier run wrote down, beside those of the ticks that come again.
//!
//! A snapshot says the hash of its tick, and the record of a tick that of one which had been published before it was sealed:
//! so it may be read when that one has already come again.

use std::collections::VecDeque;

use worldflow_schemas::Tick;

/// Of so many ticks that came again it is remembered what they came to.
const REMEMBERED: usize = 1 << 16;

/// The hashes of both, oldest first.
#[derive(Debug)]
pub(crate) struct Hashes {
    written: VecDeque<(Tick, u128)>,
    again: VecDeque<(Tick, u128)>,
}

impl Hashes {
    /// What snapshots wrote down, in the order of their ticks; one of `loaded` is where it goes on.
    pub(crate) fn new(written: VecDeque<(Tick, u128)>, loaded: Option<Tick>) -> Hashes {
        // Before anything comes the views are empty; of ticks before a snapshot it is not known what they came to.
        Hashes { written, again: [(loaded.unwrap_or(0), 0)].into() }
    }

    /// An earlier run wrote this down.
    pub(crate) fn written(&mut self, tick: Tick, hash: u128) {
        let place = self.written.partition_point(|(before, _)| *before <= tick);
        self.written.insert(place, (tick, hash));
    }

    /// A tick has come again, and is the last that did.
    pub(crate) fn came(&mut self, tick: Tick, hash: u128) {
        if self.again.len() == REMEMBERED {
            self.again.pop_front();
        }
        self.again.push_back((tick, hash));
    }

    /// The next that was written down of a tick before `end`, all of which have come again: the tick, and whether it came to
    /// the same.
    pub(crate) fn next_before(&mut self, end: Tick) -> Option<(Tick, bool)> {
        while let Some((tick, hash)) = self.written.front().copied().filter(|(tick, _)| *tick < end) {
            self.written.pop_front();
            let through = self.again.partition_point(|(again, _)| *again <= tick);
            if let Some(last) = through.checked_sub(1) {
                self.again.drain(..last);
                return Some((tick, self.again[0].1 == hash));
            }
        }
        None
    }

    /// Nothing more comes again.
    pub(crate) fn end(&mut self) {
        (self.written, self.again) = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hashes: &mut Hashes, end: Tick) -> Vec<(Tick, bool)> {
        std::iter::from_fn(|| hashes.next_before(end)).collect()
    }

    #[test]
    fn what_was_written_down_is_compared_whether_it_is_read_before_its_tick_or_after() {
        let mut hashes = Hashes::new([(3, 30), (8, 80)].into(), None);
        hashes.written(2, 0);
        hashes.came(3, 30);
        hashes.written(5, 30);
        assert_eq!(told(&mut hashes, 4), [(2, true), (3, true)]);
        hashes.came(6, 61);
        hashes.written(6, 60);
        hashes.came(8, 80);
        hashes.written(7, 61);
        assert_eq!(told(&mut hashes, 8), [(5, true), (6, false), (7, true)]);
        assert_eq!(told(&mut hashes, 9), [(8, true)]);
        hashes.written(10, 1);
        hashes.end();
        assert_eq!(told(&mut hashes, 20), []);
    }

    #[test]
    fn of_ticks_that_are_remembered_no_more_nothing_is_said() {
        let mut hashes = Hashes::new([(4, 1)].into(), Some(5));
        assert_eq!(told(&mut hashes, 5), [], "it is before the snapshot");
        hashes.written(5, 50);
        assert_eq!(told(&mut hashes, 6), [(5, false)], "nothing came of the snapshot");
        let last = REMEMBERED as Tick + 1;
        (1..=last).for_each(|tick| hashes.came(tick, 7));
        for (tick, hash) in [(1, 8), (2, 7), (last, 8)] {
            hashes.written(tick, hash);
        }
        assert_eq!(told(&mut hashes, Tick::MAX), [(2, true), (last, false)]);
    }
}
