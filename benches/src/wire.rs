//! One event on the wire: JSON beside protobuf, written and read.

use std::time::Instant;

use anyhow::ensure;
use prost::Message as _;
use worldflow_proto::v1;
use worldflow_sources::check::Proposed;

const FRAME: usize = 100;

/// Writes and reads frames of a hundred events in both encodings, and prints bytes and times.
///
/// # Errors
/// When what was written cannot be read.
pub fn run() -> anyhow::Result<()> {
    let events: Vec<v1::Event> = (0..FRAME).map(event).collect();
    let publish = v1::Publish { seq: 1, events };
    let json = serde_json::to_vec(&publish)?;
    let proto = publish.encode_to_vec();
    report(
        "json",
        json.len(),
        || serde_json::to_vec(&publish).map(|bytes| bytes.len()).unwrap_or(0),
        || {
            let read: PublishJson<'_> = serde_json::from_slice(&json).unwrap_or_default();
            read.events.len()
        },
    );
    report(
        "protobuf",
        proto.len(),
        || publish.encode_to_vec().len(),
        || {
            let read = v1::Publish::decode(proto.as_slice()).unwrap_or_default();
            read.events.iter().map(Proposed::from_proto).filter(|event| event.odd.is_none()).count()
        },
    );
    let read: PublishJson<'_> = serde_json::from_slice(&json)?;
    ensure!(read.events.len() == FRAME, "every event is read back");
    Ok(())
}

#[derive(Default, serde::Deserialize)]
struct PublishJson<'a> {
    #[serde(borrow)]
    events: Vec<Proposed<'a>>,
}

fn event(n: usize) -> v1::Event {
    v1::Event {
        id: Some(format!("server-3/{n:08}")),
        at: Some(v1::Scalar { kind: Some(v1::scalar::Kind::Int(1_767_225_600_000)) }),
        player: Some(format!("player{n:05}")),
        kind: "kill".to_owned(),
        target: Some("dire_wolf".to_owned()),
        amount: None,
        region: Some("silverwood".to_owned()),
        with: std::iter::once(("weapon".to_owned(), text("longbow"))).collect(),
    }
}

fn text(text: &str) -> v1::Scalar {
    v1::Scalar { kind: Some(v1::scalar::Kind::Text(text.to_owned())) }
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn report(what: &str, bytes: usize, write: impl Fn() -> usize, read: impl Fn() -> usize) {
    let per_event = |work: &dyn Fn() -> usize| {
        const ROUNDS: usize = 20_000;
        let began = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(work());
        }
        began.elapsed().as_secs_f64() * 1e9 / (ROUNDS * FRAME) as f64
    };
    println!(
        "{what:9} {:6.1} bytes  written in {:6.1} ns  read in {:6.1} ns   an event, in frames of {FRAME}",
        bytes as f64 / FRAME as f64,
        per_event(&write),
        per_event(&read)
    );
}
