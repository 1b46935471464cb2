//! How the engine is doing, as rows of `engine_stats` and as metrics.

use std::time::{Duration, Instant};

use worldflow_schemas::Sym;

use crate::observed::Observed;

/// Measurements since the last time they were told.
#[derive(Debug)]
pub(crate) struct Stats {
    realm: Sym,
    latencies_us: Vec<u32>,
    items: u64,
    all_items: u64,
    told_at: Instant,
}

/// How often statistics are told.
const TELL: Duration = Duration::from_secs(1);

/// The most latencies kept between two tellings.
const KEPT: usize = 4096;

impl Stats {
    pub(crate) fn new(realm: Sym, told_at: Instant) -> Stats {
        Stats { realm, latencies_us: Vec::new(), items: 0, all_items: 0, told_at }
    }

    /// A tick with `items` inputs has been published so long after it was sealed.
    pub(crate) fn published(&mut self, items: u64, took: Duration) {
        self.items += items;
        self.all_items += items;
        metrics::histogram!("worldflow_tick_latency_seconds", "realm" => self.realm.as_str()).record(took);
        if self.latencies_us.len() < KEPT {
            self.latencies_us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "statistics")]
    pub(crate) fn tell(&mut self, observed: &Observed, waiting_ticks: usize, now: Instant) {
        let elapsed = now.saturating_duration_since(self.told_at);
        if elapsed < TELL {
            return;
        }
        self.told_at = now;
        let realm = self.realm.as_str();
        metrics::counter!("worldflow_inputs_total", "realm" => realm).increment(self.items);
        metrics::gauge!("worldflow_waiting_ticks", "realm" => realm).set(waiting_ticks as f64);
        observed.stat("inputs_per_s", self.items as f64 / elapsed.as_secs_f64());
        observed.stat("inputs", self.all_items as f64);
        observed.stat("waiting_ticks", waiting_ticks as f64);
        self.items = 0;
        self.latencies_us.sort_unstable();
        for (name, percent) in [("tick_latency_p50_ms", 50), ("tick_latency_p99_ms", 99)] {
            let place = self.latencies_us.len() * percent / 100;
            if let Some(latency) = self.latencies_us.get(place) {
                observed.stat(name, f64::from(*latency) / 1000.0);
            }
        }
        self.latencies_us.clear();
    }
}
