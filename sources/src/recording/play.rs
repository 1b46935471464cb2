//! Plays a recording into a running realm, as fast as it takes it or at a given speed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use worldflow_engine::admission::{Admission, Batch, Item, Refusal};
use worldflow_engine::observed::Observed;
use worldflow_schemas::Input;

use super::{Mapping, Recording, RecordingError};

/// The most items handed over at once.
const BATCH_ITEMS: usize = 4096;
/// How long it sleeps at most before it looks whether to stop.
const NAP: Duration = Duration::from_millis(100);

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Play {
    /// Times the recorded speed; as fast as possible when absent.
    pub speed: Option<u32>,
    /// Whether events keep their recorded times and the source promises that none earlier follows.
    pub event_time: bool,
}

/// Plays a recording until its end, until the realm closes or until `stop` is set. Blocks; give it a
/// thread of its own. `check` says what is wrong with an input in this world, if anything.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn play(
    path: &Path,
    mapping: Option<&Mapping>,
    play: Play,
    to: (&Admission, &Observed),
    check: &mut dyn FnMut(&Input) -> Result<(), Refusal>,
    stop: &AtomicBool,
) -> Result<(), RecordingError> {
    let (admission, observed) = to;
    let mut recording = Recording::open(path, mapping)?;
    let began = Instant::now();
    let mut first_ms = None;
    let source = recording.source();
    while let Some(block) = recording.next_block()? {
        for bad in &block.bad {
            observed.reject(source, None, &bad.refusal(), 0);
        }
        let mut items = block.into_items().peekable();
        while let Some((at_ms, _)) = items.peek() {
            let (at_ms, start_ms) = (*at_ms, *first_ms.get_or_insert(*at_ms));
            if !wait(began, at_ms - start_ms, play.speed, stop) {
                return Ok(());
            }
            let mut batch = Batch { source, items: Vec::new(), watermark_ms: None, reply: None };
            while batch.items.len() < BATCH_ITEMS {
                let due = |(item_ms, _): &(i64, Item)| play.speed.is_none() || *item_ms <= at_ms;
                let Some((item_ms, item)) = items.next_if(due) else { break };
                if play.event_time {
                    batch.watermark_ms = Some(item_ms);
                }
                match check(&item.input) {
                    Ok(()) => batch.items.push(item),
                    Err(refusal) => observed.reject(source, Some(&item.id), &refusal, item_ms),
                }
            }
            if admission.submit_blocking(batch).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits until `offset_ms` of recorded time are due; false when it is time to stop.
#[expect(
    clippy::disallowed_methods,
    reason = "a recording is played at the pace of a clock, on its own thread"
)]
fn wait(began: Instant, offset_ms: i64, speed: Option<u32>, stop: &AtomicBool) -> bool {
    let Some(speed) = speed else { return !stop.load(Ordering::Relaxed) };
    let offset = Duration::from_millis(u64::try_from(offset_ms).unwrap_or(0)) / speed.max(1);
    while !stop.load(Ordering::Relaxed) {
        let left = offset.saturating_sub(began.elapsed());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(NAP));
    }
    false
}
