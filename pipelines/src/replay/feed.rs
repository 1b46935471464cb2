//! Hands recordings to a realm in virtual time, merged by time, so that none runs ahead of another.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::realm::Realm;
use worldflow_schemas::{EventId, Input, Sym};
use worldflow_sources::recording::{Recording, RecordingError, Rules};

use crate::world::LoadedWorld;

/// The most items handed over at once.
const BATCH_ITEMS: usize = 4096;

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

/// One recording and its next items.
struct Lane {
    recording: Recording,
    source: Sym,
    items: Box<dyn Iterator<Item = (i64, Item)> + Send>,
    next: Option<(i64, Item)>,
}

/// Everything that is to be handed over.
pub(super) struct Feed {
    lanes: Vec<Lane>,
    rules: Rules,
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
    ) -> Feed {
        let definitions = (1..).zip(world.definitions());
        let definitions = definitions.map(|(place, command)| Item {
            id: EventId::Position(place),
            input: Input::Command(command),
            most_per_s: None,
        });
        let expected = recordings.iter().map(Recording::expected_events).sum();
        let lanes = recordings.into_iter().map(|recording| Lane {
            source: recording.source(),
            recording,
            items: Box::new(std::iter::empty()),
            next: None,
        });
        Feed {
            lanes: lanes.collect(),
            rules: Rules::new(&world.world),
            realm: realm.clone(),
            until_ms: until_ms.unwrap_or(i64::MAX),
            answers: VecDeque::new(),
            fed: Fed::default(),
            definitions: definitions.collect(),
            expected,
        }
    }

    /// Hands everything over. Blocks.
    pub(super) fn run(mut self, told: impl Fn(u64, Option<u64>)) -> Result<Pending, RecordingError> {
        let definitions = std::mem::take(&mut self.definitions);
        self.submit(Batch { source: WORLD.into(), items: definitions, watermark_ms: None, reply: None });
        for place in 0..self.lanes.len() {
            self.advance(place)?;
        }
        while let Some(place) = self.earliest() {
            self.run_of(place)?;
            told(self.fed.submitted, self.expected);
        }
        for place in 0..self.lanes.len() {
            self.watermark(place, i64::MAX);
        }
        Ok(Pending { answers: self.answers, fed: self.fed })
    }

    /// The lane whose next item is the earliest, until the end.
    fn earliest(&self) -> Option<usize> {
        let next =
            self.lanes.iter().enumerate().filter_map(|(place, lane)| Some((lane.next.as_ref()?.0, place)));
        next.min().filter(|(at_ms, _)| *at_ms <= self.until_ms).map(|(_, place)| place)
    }

    /// Hands over a run of one lane's items, up to where another lane goes on.
    fn run_of(&mut self, place: usize) -> Result<(), RecordingError> {
        let others = self.lanes.iter().enumerate().filter(|(other, _)| *other != place);
        let limit = others.filter_map(|(_, lane)| Some(lane.next.as_ref()?.0)).min().unwrap_or(i64::MAX);
        let limit = limit.min(self.until_ms);
        let source = self.lanes[place].source;
        let mut items = Vec::with_capacity(BATCH_ITEMS);
        let mut last_ms = i64::MIN;
        while items.len() < BATCH_ITEMS {
            let Some((at_ms, item)) = self.lanes[place].next.take_if(|(at_ms, _)| *at_ms <= limit) else {
                break;
            };
            self.advance(place)?;
            self.fed.first_ms.get_or_insert(at_ms);
            let checked = match &item.input {
                Input::Event(event) => self.rules.event(event),
                Input::Command(command) => self.rules.command(command),
            };
            if let Err(refusal) = checked {
                self.fed.rejected += 1;
                self.realm.observed.reject(source, Some(&item.id), &refusal, at_ms);
                continue;
            }
            // A command without a time of its own takes that of its batch.
            let alone = matches!(&item.input, Input::Command(command) if command.at_ms().is_none());
            if alone && !items.is_empty() {
                self.hand_over(source, std::mem::take(&mut items), last_ms);
            }
            last_ms = at_ms;
            items.push(item);
            if alone {
                break;
            }
        }
        if !items.is_empty() {
            self.hand_over(source, items, last_ms);
        }
        // Until the next item of any lane nothing will come.
        let next_ms = self.lanes.iter().filter_map(|lane| Some(lane.next.as_ref()?.0)).min();
        for other in 0..self.lanes.len() {
            self.watermark(other, next_ms.unwrap_or(last_ms));
        }
        Ok(())
    }

    fn hand_over(&mut self, source: Sym, items: Vec<Item>, watermark_ms: i64) {
        self.fed.submitted += items.len() as u64;
        let (reply, answer) = oneshot::channel();
        self.answers.push_back(answer);
        self.submit(Batch { source, items, watermark_ms: Some(watermark_ms), reply: Some(reply) });
        while let Some(answer) = self.answers.front_mut() {
            let Ok(outcomes) = answer.try_recv() else { break };
            self.answers.pop_front();
            self.fed.hear(&outcomes);
        }
    }

    fn watermark(&self, place: usize, watermark_ms: i64) {
        let source = self.lanes[place].source;
        self.submit(Batch { source, items: Vec::new(), watermark_ms: Some(watermark_ms), reply: None });
    }

    /// A realm that has failed says so when it is closed.
    fn submit(&self, batch: Batch) {
        let _failed = self.realm.admission.submit_blocking(batch);
    }

    fn advance(&mut self, place: usize) -> Result<(), RecordingError> {
        loop {
            let lane = &mut self.lanes[place];
            lane.next = lane.items.next();
            if lane.next.is_some() {
                return Ok(());
            }
            let Some(block) = lane.recording.next_block()? else { return Ok(()) };
            self.fed.skipped += block.skipped;
            for bad in &block.bad {
                self.fed.rejected += 1;
                self.realm.observed.reject(lane.source, None, &bad.refusal(), 0);
            }
            lane.items = Box::new(block.into_items());
        }
    }
}

impl Fed {
    fn hear(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted { .. } => {}
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
