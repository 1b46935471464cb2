//! Hands recordings to a realm in virtual time, merged by time, so that none runs ahead of another.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::realm::Realm;
use worldflow_schemas::{EventId, Input};
use worldflow_sources::recording::{Lane, Recording, RecordingError, Rules};

use super::gaps::Gaps;
use crate::world::LoadedWorld;

/// The producer of a world's definitions.
const WORLD: &str = "world";

/// What has been handed over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fed {
    pub(super) submitted: u64,
    pub(super) rejected: u64,
    pub(super) duplicates: u64,
    pub(super) refused: u64,
    pub(super) skipped: u64,
    pub(super) first_ms: Option<i64>,
}

/// Everything that is to be handed over.
pub(super) struct Feed {
    lanes: Vec<Lane>,
    rules: Rules,
    gaps: Gaps,
    realm: Realm,
    until_ms: i64,
    answers: VecDeque<oneshot::Receiver<Vec<Outcome>>>,
    fed: Fed,
    definitions: Vec<Item>,
    expected: Option<u64>,
}

/// What is left to be heard of what has been handed over.
pub(super) struct Pending {
    answers: VecDeque<oneshot::Receiver<Vec<Outcome>>>,
    fed: Fed,
}

impl Feed {
    pub(super) fn new(
        world: &LoadedWorld,
        recordings: Vec<Recording>,
        realm: &Realm,
        until_ms: Option<i64>,
        most_gap_ms: u64,
    ) -> Result<Feed, RecordingError> {
        let definitions = (1..).zip(world.definitions());
        let definitions = definitions.map(|(place, command)| Item {
            id: EventId::Position(place),
            input: Input::Command(command),
            most_per_s: None,
        });
        let expected = recordings.iter().map(Recording::expected_events).sum();
        let lanes = recordings.into_iter().map(|recording| Lane::open(recording, &realm.observed));
        Ok(Feed {
            lanes: lanes.collect::<Result<_, _>>()?,
            rules: Rules::new(realm.name, &world.world),
            gaps: Gaps::new(most_gap_ms),
            realm: realm.clone(),
            until_ms: until_ms.unwrap_or(i64::MAX),
            answers: VecDeque::new(),
            fed: Fed::default(),
            definitions: definitions.collect(),
            expected,
        })
    }

    /// Hands everything over. Blocks.
    pub(super) fn run(mut self, told: impl Fn(u64, Option<u64>)) -> Result<Pending, RecordingError> {
        let definitions = std::mem::take(&mut self.definitions);
        self.submit(Batch {
            source: WORLD.into(),
            items: definitions,
            watermark_ms: None,
            reply: None,
            reached: None,
        });
        while let Some(place) = self.earliest() {
            self.run_of(place)?;
            told(self.fed.submitted, self.expected);
        }
        for place in 0..self.lanes.len() {
            self.watermark(place, i64::MAX);
        }
        self.fed.rejected = self.lanes.iter().map(Lane::rejected).sum();
        self.fed.skipped = self.lanes.iter().map(Lane::skipped).sum();
        Ok(Pending { answers: self.answers, fed: self.fed })
    }

    /// The lane whose next item is the earliest, until the end.
    fn earliest(&self) -> Option<usize> {
        let next = self.lanes.iter().enumerate().filter_map(|(place, lane)| Some((lane.next_ms()?, place)));
        next.min().filter(|(at_ms, _)| *at_ms <= self.until_ms).map(|(_, place)| place)
    }

    /// Hands over a run of one lane's items, up to where another lane goes on.
    fn run_of(&mut self, place: usize) -> Result<(), RecordingError> {
        let others = self.lanes.iter().enumerate().filter(|(other, _)| *other != place);
        let other_ms = others.filter_map(|(_, lane)| lane.next_ms()).min();
        let limit_ms = other_ms.map_or(self.until_ms, |other_ms| other_ms.min(self.until_ms));
        let Feed { lanes, rules, gaps, fed, .. } = self;
        let mut check = |input: &mut Input, at_ms: i64, next_ms: Option<i64>| {
            match input {
                Input::Event(event) => rules.event(event),
                Input::Command(command) => rules.command(command),
            }?;
            gaps.check(at_ms, next_ms.into_iter().chain(other_ms).min())?;
            fed.first_ms.get_or_insert(at_ms);
            Ok(())
        };
        let mut batch = lanes[place].batch(limit_ms, &mut check)?;
        if !batch.items.is_empty() {
            self.fed.submitted += batch.items.len() as u64;
            let (reply, answer) = oneshot::channel();
            self.answers.push_back(answer);
            batch.reply = Some(reply);
            self.submit(batch);
            self.hear();
        }
        // Until the next item of any lane nothing will come; one that will be refused is not waited for.
        let next_ms = self.lanes.iter().filter_map(Lane::next_ms).min();
        if let Some(next_ms) = next_ms.filter(|next_ms| self.gaps.allows(*next_ms)) {
            for other in 0..self.lanes.len() {
                self.watermark(other, next_ms.min(self.until_ms));
            }
        }
        Ok(())
    }

    fn hear(&mut self) {
        while let Some(answer) = self.answers.front_mut() {
            let Ok(outcomes) = answer.try_recv() else { break };
            self.answers.pop_front();
            self.fed.hear(&outcomes);
        }
    }

    fn watermark(&self, place: usize, watermark_ms: i64) {
        let source = self.lanes[place].source();
        self.submit(Batch {
            source,
            items: Vec::new(),
            watermark_ms: Some(watermark_ms),
            reply: None,
            reached: None,
        });
    }

    /// A realm that has failed says so when it is closed.
    fn submit(&self, batch: Batch) {
        let _failed = self.realm.admission.submit_blocking(batch);
    }
}

impl Fed {
    fn hear(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                // What the graph makes of an input is in its rows.
                Outcome::Accepted { .. } | Outcome::Denied(_) => {}
                Outcome::Duplicate { .. } => self.duplicates += 1,
                Outcome::Refused(_) => self.refused += 1,
            }
        }
    }
}

impl Pending {
    /// What became of everything; call it once the last tick is published.
    pub(super) async fn heard(mut self) -> Fed {
        for answer in self.answers {
            if let Ok(outcomes) = answer.await {
                self.fed.hear(&outcomes);
            }
        }
        self.fed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{broadcast, watch};
    use worldflow_engine::admission::Admission;
    use worldflow_engine::observed::Observed;
    use worldflow_engine::realm::Progress;
    use worldflow_engine::view_store::ViewStore;

    use super::*;
    use crate::world::Folder;

    const START_MS: i64 = 1_704_110_400_000;
    const YEAR_MS: i64 = 366 * 86_400_000;

    /// What is promised while these recordings, each the times of its events, are fed: how far time may go.
    fn promised(recordings: &[&[i64]], until_ms: Option<i64>) -> Vec<i64> {
        let world = "name: small\nseed: 7\nkinds: {kill: {}}\n";
        let world = LoadedWorld::load(&Folder::of([("world.yaml", world)])).expect("a world");
        let (admission, mut batches) = Admission::open();
        let name = "small".into();
        let realm = Realm {
            name,
            epoch: 1,
            world: Arc::clone(&world.world),
            views: Arc::new(ViewStore::new(10)),
            admission,
            progress: watch::channel(Progress::default()).1,
            events: broadcast::channel(1).0,
            observed: Observed::new(name),
            defined: Default::default(),
            privacy: worldflow_engine::privacy::Privacy::none(),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let opened = recordings.iter().enumerate().map(|(number, times)| {
            let line = |at_ms: &i64| format!("{{\"at\": {at_ms}, \"kind\": \"kill\"}}\n");
            let path = folder.path().join(format!("{number}.ndjson"));
            std::fs::write(&path, times.iter().map(line).collect::<String>()).expect("a file");
            Recording::open(&path, None).expect("a recording")
        });
        let feed = Feed::new(&world, opened.collect(), &realm, until_ms, YEAR_MS.unsigned_abs());
        feed.and_then(|feed| feed.run(|_, _| {})).expect("it can be read");
        let watermarks =
            std::iter::from_fn(|| batches.try_recv().ok()).filter_map(|batch| batch.watermark_ms);
        let mut watermarks: Vec<i64> = watermarks.map(|ms| ms.saturating_sub(START_MS)).collect();
        watermarks.dedup();
        watermarks
    }

    const ENDED: i64 = i64::MAX - START_MS;

    #[test]
    fn time_goes_no_further_than_what_is_taken() {
        let far = START_MS + 2 * YEAR_MS;
        assert_eq!(promised(&[&[START_MS, far], &[START_MS + 1]], None), [0, 1, ENDED]);
        // Nothing is promised before something is known to be right.
        assert_eq!(promised(&[&[5, START_MS], &[START_MS + 1]], None), [0, 1, ENDED]);
    }

    #[test]
    fn time_goes_no_further_than_it_is_to_go() {
        let next = START_MS + 60_000;
        assert_eq!(promised(&[&[START_MS, next]], None), [60_000, ENDED]);
        assert_eq!(promised(&[&[START_MS, next]], Some(START_MS + 5_000)), [0, 5_000, ENDED]);
    }
}
