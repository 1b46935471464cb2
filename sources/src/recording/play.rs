//! Plays a recording into a running realm, as fast as it takes it or at a given speed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use worldflow_engine::admission::{Admission, Batch, Refusal};
use worldflow_engine::observed::Observed;
use worldflow_schemas::Input;

use super::{Bookmark, Lane, Recording, RecordingError};

/// How long it sleeps at most before it looks whether to stop.
const NAP: Duration = Duration::from_millis(100);

/// Plays a recording from a bookmark on until its end, until the realm closes or until `stop` is set: at this
/// many times the recorded speed, or as fast as possible. Blocks; give it a thread of its own. `check` says what is wrong
/// with an input in this world, if anything, and seals what is personal.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn play(
    recording: Recording,
    bookmark: &Bookmark,
    speed: Option<u32>,
    to: (&Admission, &Observed),
    check: &mut dyn FnMut(&mut Input) -> Result<(), Refusal>,
    stop: &AtomicBool,
) -> Result<(), RecordingError> {
    let (admission, observed) = to;
    let mut lane = Lane::open(recording, observed)?;
    lane.pass(bookmark.inputs)?;
    let began = Instant::now();
    let first_ms = lane.next_ms().unwrap_or(0);
    while let Some(at_ms) = lane.next_ms() {
        if !wait(began, at_ms.saturating_sub(first_ms), speed, stop) {
            return Ok(());
        }
        let until_ms = if speed.is_some() { at_ms } else { i64::MAX };
        let mut batch = lane.batch(until_ms, &mut |input, _, _| check(input))?;
        batch.reached = Some(bookmark.after(lane.taken()));
        if admission.submit_blocking(batch).is_err() {
            return Ok(());
        }
    }
    // It has ended, and no tick waits for it any longer.
    let end = Batch {
        source: lane.source(),
        items: Vec::new(),
        watermark_ms: Some(i64::MAX),
        reply: None,
        reached: None,
    };
    let _closed = admission.submit_blocking(end);
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use worldflow_engine::positions::Positions;
    use worldflow_schemas::Command;

    use super::*;

    const LINES: &str = r#"{"at": 1000, "player": "ann", "kind": "kill"}
{"at": 2000, "player": "ann", "kind": "kill"}
{"at": 2000, "clock": {"pause": true}}
{"at": 3000, "grant": {"grant": "g", "delivered": true}}
{"at": 61000, "player": "ann", "kind": "kill"}
{"at": 61000, "player": "bo", "kind": "kill"}
{"at": 61000, "player": "bo", "kind": "kil"}
"#;

    fn played(speed: Option<u32>) -> Vec<Batch> {
        played_from(&Positions::default(), speed)
    }

    fn played_from(positions: &Positions, speed: Option<u32>) -> Vec<Batch> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(LINES.as_bytes()).unwrap();
        let recording = Recording::open(file.path(), None).unwrap();
        let (admission, mut batches) = Admission::open();
        let mut check = |input: &mut Input| match input {
            Input::Event(event) if event.kind.as_str() == "kil" => {
                Err(crate::check::refuse("unknown_kind", "kind", "", ""))
            }
            _ => Ok(()),
        };
        let observed = Observed::new("test".into());
        let bookmark = Bookmark::find("old".into(), file.path(), positions).unwrap();
        let (to, stop) = ((&admission, &observed), AtomicBool::new(false));
        play(recording, &bookmark, speed, to, &mut check, &stop).unwrap();
        drop(admission);
        std::iter::from_fn(|| batches.try_recv().ok()).collect()
    }

    /// The times of each batch's inputs, with a name for those that are no events, and its watermark.
    fn shown(batches: &[Batch]) -> Vec<(Vec<String>, Option<i64>)> {
        let show = |input: &Input| match input {
            Input::Event(event) => event.at_ms.to_string(),
            Input::Command(Command::Clock(write)) => format!("clock {}", write.order.at_ms),
            Input::Command(other) => format!("grant {}", other.at_ms().unwrap_or(0)),
        };
        let batches = batches.iter();
        batches.map(|b| (b.items.iter().map(|item| show(&item.input)).collect(), b.watermark_ms)).collect()
    }

    fn expected(batches: &[(&[&str], i64)]) -> Vec<(Vec<String>, Option<i64>)> {
        let batches = batches.iter();
        batches.map(|(items, ms)| (items.iter().map(|&item| item.to_owned()).collect(), Some(*ms))).collect()
    }

    #[test]
    fn every_input_has_the_time_of_its_line() {
        assert_eq!(
            shown(&played(None)),
            expected(&[
                (&["1000", "clock 2000", "2000", "grant 3000", "61000", "61000"], 61000),
                (&[], i64::MAX),
            ])
        );
    }

    #[test]
    fn a_recording_knows_when_it_begins() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(LINES.as_bytes()).unwrap();
        let binary = tempfile::NamedTempFile::new().unwrap();
        crate::recording::convert(&mut Recording::open(file.path(), None).unwrap(), binary.path()).unwrap();
        for path in [file.path(), binary.path()] {
            let mut recording = Recording::open(path, None).unwrap();
            let first = [recording.first_ms().unwrap(), recording.first_ms().unwrap()];
            assert_eq!(first, [Some(1000); 2]);
            let all = recording.next_block().unwrap().unwrap().into_items().count();
            assert_eq!(all, 7, "nothing is lost by looking");
        }
    }

    #[test]
    fn it_goes_on_after_what_the_journal_holds_of_it() {
        let whole = played(Some(600));
        for (read, batch) in whole.iter().enumerate().filter(|(_, batch)| batch.reached.is_some()) {
            let mut positions = Positions::default();
            positions.apply(batch.reached.as_slice());
            let rest = played_from(&positions, Some(600));
            assert_eq!(shown(&rest), shown(&whole)[read + 1..]);
        }
    }

    #[test]
    fn at_a_speed_nothing_is_handed_over_before_it_is_due() {
        let began = Instant::now();
        let batches = played(Some(600));
        assert!(began.elapsed() >= Duration::from_millis(100), "a minute at 600 times the speed");
        assert_eq!(
            shown(&batches),
            expected(&[
                (&["1000"], 1000),
                (&["clock 2000", "2000"], 2000),
                (&["grant 3000"], 3000),
                (&["61000", "61000"], 61000),
                (&[], i64::MAX),
            ])
        );
        assert!(began.elapsed() < Duration::from_secs(50), "and not at the recorded one");
    }
}
