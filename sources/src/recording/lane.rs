//! A recording on its way into a realm: checked, and cut into batches.
//!
//! `recording ─next up to a time─▶ check ─▶ batch`. Whoever plays a recording, as fast as it goes or at a
//! pace, alone or beside others, does it through this, so that the same file does the same. It hands
//! nothing over itself.

use worldflow_engine::admission::{Batch, Item, Refusal};
use worldflow_engine::observed::Observed;
use worldflow_schemas::{Input, Sym};

use super::{Recording, RecordingError};

/// The most items of one batch.
const BATCH_ITEMS: usize = 512;

/// A recording and its next input.
pub struct Lane {
    recording: Recording,
    items: Box<dyn Iterator<Item = (i64, Item)> + Send>,
    next: Option<(i64, Item)>,
    observed: Observed,
    taken: u64,
    skipped: u64,
    rejected: u64,
}

impl Lane {
    /// Reads up to the first input. What is wrong, now and later, is a row of `rejections`.
    ///
    /// # Errors
    /// When the recording is damaged.
    pub fn open(recording: Recording, observed: &Observed) -> Result<Lane, RecordingError> {
        let mut lane = Lane {
            recording,
            items: Box::new(std::iter::empty()),
            next: None,
            observed: observed.clone(),
            taken: 0,
            skipped: 0,
            rejected: 0,
        };
        lane.advance()?;
        Ok(lane)
    }

    /// Passes over the first so many inputs of it.
    ///
    /// # Errors
    /// When the recording is damaged.
    pub fn pass(&mut self, inputs: u64) -> Result<(), RecordingError> {
        while self.taken < inputs && self.next.is_some() {
            self.taken += 1;
            self.advance()?;
        }
        Ok(())
    }

    /// How many inputs have been passed over, handed over or refused.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The producer.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.recording.source()
    }

    /// The time of the next input; `None` at the end.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        self.next.as_ref().map(|(at_ms, _)| *at_ms)
    }

    /// Lines that a mapping leaves out, so far.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Lines that could not be read, and inputs that were refused, so far.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The next inputs, up to a time, as a batch whose watermark is the time of the last that is taken. It is
    /// empty when all of them are refused. `check` is told each input, its time, and the time of the one after it, and may change it.
    ///
    /// # Errors
    /// When the recording is damaged.
    pub fn batch(
        &mut self,
        until_ms: i64,
        check: &mut dyn FnMut(&mut Input, i64, Option<i64>) -> Result<(), Refusal>,
    ) -> Result<Batch, RecordingError> {
        let mut items: Vec<Item> = Vec::with_capacity(BATCH_ITEMS);
        let mut watermark_ms = None;
        for _ in 0..BATCH_ITEMS {
            let Some((at_ms, mut item)) = self.next.take_if(|(at_ms, _)| *at_ms <= until_ms) else { break };
            self.taken += 1;
            self.advance()?;
            if let Err(refusal) = check(&mut item.input, at_ms, self.next_ms()) {
                self.rejected += 1;
                self.observed.reject(self.source(), Some(&item.id), &refusal, at_ms);
                continue;
            }
            watermark_ms = Some(at_ms);
            items.push(item);
        }
        Ok(Batch { source: self.source(), items, watermark_ms, reply: None, reached: None })
    }

    fn advance(&mut self) -> Result<(), RecordingError> {
        loop {
            self.next = self.items.next();
            if self.next.is_some() {
                return Ok(());
            }
            let Some(block) = self.recording.next_block()? else { return Ok(()) };
            self.skipped += block.skipped;
            for bad in &block.bad {
                self.rejected += 1;
                self.observed.reject(self.recording.source(), None, &bad.refusal(), 0);
            }
            self.items = Box::new(block.into_items());
        }
    }
}
