//! How fast a server is with so many streams at a time.

use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Server, Streamed};

/// What a player waits for at most: so many tokens within so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) tier: &'static str,
    pub(super) tokens: usize,
    pub(super) within: Duration,
}

/// The deadlines of the classes of tiers. Eight tokens are a bark; of 32 the whole answer is meant, or of fewer if it is
/// shorter; `bronze` has as long as a request may take by default.
pub(super) const DEADLINES: [Deadline; 3] = [
    Deadline { tier: "gold", tokens: 8, within: Duration::from_millis(100) },
    Deadline { tier: "silver", tokens: 32, within: Duration::from_secs(1) },
    Deadline { tier: "bronze", tokens: usize::MAX, within: Duration::from_secs(10) },
];

/// What was measured with streams side by side.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// How many at a time.
    pub(super) size: usize,
    streams: Vec<Streamed>,
    /// How long all rounds took.
    took: Duration,
}

/// Sends so many streams at a time, so often. Prompts differ from the first word on, so that no cache answers.
pub(super) async fn measure(
    server: &Server,
    size: usize,
    rounds: u32,
    tokens: u32,
    salt: u64,
) -> anyhow::Result<Batch> {
    let (mut streams, mut took) = (Vec::new(), Duration::ZERO);
    for round in 0..rounds {
        let began = Instant::now();
        let mut asked = JoinSet::new();
        for place in 0..size {
            let said = format!(
                "{salt}.{round}.{place}: a traveller asks the smith what he knows of the wolves on the ridge."
            );
            let server = server.clone();
            asked.spawn(async move { server.stream(&said, tokens).await });
        }
        while let Some(stream) = asked.join_next().await {
            let stream = stream??;
            ensure!(stream.status == 200, "a request of a batch of {size} was answered {}", stream.status);
            ensure!(
                stream.pieces.len() > 1,
                "a stream of a batch of {size} has {} pieces",
                stream.pieces.len()
            );
            streams.push(stream);
        }
        took += began.elapsed();
    }
    Ok(Batch { size, streams, took })
}

/// The value that a part of a hundred of the sorted ones are at most.
fn quantile(mut values: Vec<Duration>, percent: usize) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values
        .get((values.len() * percent).div_ceil(100).saturating_sub(1).min(last))
        .copied()
        .unwrap_or_default()
}

impl Batch {
    /// Milliseconds to the first text, of half of the streams at most.
    pub(super) fn first_token(&self) -> Duration {
        self.first_tokens(50)
    }

    pub(super) fn first_tokens(&self, percent: usize) -> Duration {
        quantile(self.streams.iter().filter_map(|stream| stream.pieces.first().copied()).collect(), percent)
    }

    /// Tokens of all streams in a second.
    pub(super) fn tokens_per_s(&self) -> f64 {
        let tokens: u64 = self.streams.iter().map(Streamed::tokens).sum();
        #[expect(clippy::cast_precision_loss, reason = "statistics")]
        let tokens = tokens as f64;
        tokens / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How long a token takes after the first, of half of the streams at most.
    pub(super) fn per_token(&self) -> Duration {
        let each = |stream: &Streamed| {
            let (first, last) = (stream.pieces.first()?, stream.pieces.last()?);
            Some((*last - *first) / u32::try_from(stream.tokens().max(2) - 1).ok()?)
        };
        quantile(self.streams.iter().filter_map(each).collect(), 50)
    }

    /// The whole answer, of half of the streams and of 95 in a hundred at most.
    pub(super) fn whole(&self, percent: usize) -> Duration {
        quantile(self.streams.iter().filter_map(|stream| stream.pieces.last().copied()).collect(), percent)
    }

    /// How many of the streams were late, and how many there were.
    pub(super) fn late(&self, deadline: Deadline) -> (usize, usize) {
        let at = |stream: &Streamed| {
            let place = deadline.tokens.min(stream.pieces.len()).saturating_sub(1);
            stream.pieces.get(place).copied().unwrap_or(Duration::MAX)
        };
        let late = self.streams.iter().filter(|stream| at(stream) > deadline.within);
        (late.count(), self.streams.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(ms: &[u64]) -> Streamed {
        let pieces: Vec<Duration> = ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
        let usage = Some((9, pieces.len() as u64));
        Streamed { status: 200, pieces, usage, ..Streamed::default() }
    }

    #[test]
    fn a_batch_says_how_fast_it_was_and_who_was_late() {
        let streams = vec![stream(&[20, 30, 40]), stream(&[90, 150, 210]), stream(&[30, 40, 50])];
        let batch = Batch { size: 3, streams, took: Duration::from_millis(250) };
        let ms = Duration::from_millis;
        assert_eq!((batch.first_token(), batch.first_tokens(95)), (ms(30), ms(90)));
        assert_eq!((batch.per_token(), batch.whole(50), batch.whole(95)), (ms(10), ms(50), ms(210)));
        assert!((batch.tokens_per_s() - 36.0).abs() < 1e-9, "nine tokens in a quarter of a second");
        let [gold, silver, _] = DEADLINES;
        assert_eq!((batch.late(gold), batch.late(silver)), ((1, 3), (0, 3)));
    }
}
