//! How far the events of a stream's own times have come, over all of its shards.
//!
//! A shard that is behind holds the others up: the watermark is the earliest of the latest events of
//! shards that are behind, less the lateness. A shard that has been read up to the present holds nothing;
//! what comes there is as late as its event says. One that is far ahead of the watermark is not read on, so that
//! what waits for its tick is bounded.

use std::collections::BTreeMap;

use worldflow_schemas::ArcStr;

/// How far ahead of the watermark a shard is read, besides the lateness.
const AHEAD_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Heard {
    latest_ms: Option<i64>,
    behind: bool,
}

/// The watermark of a stream.
#[derive(Debug)]
pub(super) struct Watermark {
    lateness_ms: i64,
    shards: BTreeMap<ArcStr, Heard>,
    latest_ms: Option<i64>,
    reached_ms: Option<i64>,
}

impl Watermark {
    pub(super) fn new(lateness_ms: i64) -> Watermark {
        Watermark { lateness_ms, shards: BTreeMap::new(), latest_ms: None, reached_ms: None }
    }

    /// A shard is read from now on; until it has answered, anything may come of it.
    pub(super) fn open(&mut self, shard: ArcStr) {
        self.shards.insert(shard, Heard { latest_ms: None, behind: true });
    }

    /// A shard has been read to its end.
    pub(super) fn close(&mut self, shard: &str) {
        self.shards.remove(shard);
    }

    /// A shard has answered: the latest of its events, and whether there is more to read.
    pub(super) fn hear(&mut self, shard: &str, latest_ms: Option<i64>, behind: bool) {
        self.latest_ms = self.latest_ms.max(latest_ms);
        if let Some(heard) = self.shards.get_mut(shard) {
            heard.latest_ms = heard.latest_ms.max(latest_ms);
            heard.behind = behind;
        }
    }

    /// Whether a shard is so far ahead of others that it must wait for them. It has more to read then, also if
    /// it has been up to the present.
    pub(super) fn is_ahead(&mut self, shard: &str) -> bool {
        let reached_ms = self.reached_ms;
        let most_ms = self.lateness_ms.saturating_add(AHEAD_MS);
        let Some(heard) = self.shards.get_mut(shard) else { return false };
        let ahead = heard.latest_ms.is_some_and(|latest_ms| {
            reached_ms.is_none_or(|reached_ms| latest_ms > reached_ms.saturating_add(most_ms))
        });
        heard.behind |= ahead;
        ahead
    }

    /// Whether an event of this time is later than may be.
    pub(super) fn is_late(&self, at_ms: i64) -> bool {
        self.reached_ms.is_some_and(|reached_ms| at_ms < reached_ms)
    }

    /// Up to when everything has come; it never goes back.
    pub(super) fn reached_ms(&mut self) -> Option<i64> {
        let mut least = self.latest_ms?;
        for heard in self.shards.values().filter(|heard| heard.behind) {
            match heard.latest_ms {
                Some(latest_ms) => least = least.min(latest_ms),
                None => return self.reached_ms,
            }
        }
        self.reached_ms = self.reached_ms.max(Some(least.saturating_sub(self.lateness_ms)));
        self.reached_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_is_behind_holds_the_watermark() {
        let mut watermark = Watermark::new(10);
        watermark.open("a".into());
        watermark.open("b".into());
        watermark.hear("a", Some(1000), false);
        assert_eq!(watermark.reached_ms(), None, "nothing has been heard of the other");
        watermark.hear("b", Some(500), true);
        assert_eq!(watermark.reached_ms(), Some(490));
        assert!(watermark.is_late(489) && !watermark.is_late(490));
        // Read up to the present it holds nothing, and an empty shard never does.
        watermark.hear("b", None, false);
        watermark.open("c".into());
        watermark.hear("c", None, false);
        assert_eq!(watermark.reached_ms(), Some(990));
        // One that falls behind does not take it back.
        watermark.hear("b", Some(700), true);
        assert_eq!(watermark.reached_ms(), Some(990));
        watermark.hear("a", Some(2000), true);
        assert_eq!(watermark.reached_ms(), Some(990));
        watermark.close("b");
        assert_eq!(watermark.reached_ms(), Some(1990));
    }

    #[test]
    fn a_shard_waits_for_those_that_are_far_behind_it() {
        let mut watermark = Watermark::new(10);
        watermark.open("a".into());
        watermark.open("b".into());
        watermark.hear("a", Some(100_000), false);
        assert!(watermark.is_ahead("a"), "nothing is known of the other");
        watermark.hear("b", Some(39_999), true);
        watermark.reached_ms();
        assert!(watermark.is_ahead("a") && !watermark.is_ahead("b"));
        // It has not been read for a while, and so it holds what has caught up with it.
        watermark.hear("b", Some(200_000), false);
        assert_eq!(watermark.reached_ms(), Some(99_990));
        assert!(!watermark.is_ahead("a") && watermark.is_ahead("b"));
        watermark.hear("a", Some(200_000), false);
        watermark.hear("b", None, false);
        assert_eq!(watermark.reached_ms(), Some(199_990));
    }
}
