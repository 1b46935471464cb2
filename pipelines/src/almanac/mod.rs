//! What weather a world has: a simulated year of it, and climates that are made from recorded observations.
//!
//! `world ─year→ Run of states by zone ─summary→ table, chart`; `observations ─read by a mapping→ Run ─fit→ climate`.
//! The operators of clock and weather are stepped as the graph steps them; nothing here has a formula of its own.

mod chart;
mod fit;
mod observed;
mod summary;
mod year;

pub use chart::chart;
pub use fit::fit;
pub use observed::{Observations, ObservedDef, ObservedError, read_observations};
pub use summary::summary;
pub use year::year;

/// How long a zone was in a state, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// The state.
    pub state: String,
    /// The season in which it began.
    pub season: String,
    /// When it began, in hours since the first.
    pub from_h: f64,
    /// How many hours it lasted.
    pub hours: f64,
    /// Whether its end was seen: the last run goes on.
    pub ended: bool,
}

/// The runs of a zone, one after the other.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// What its weather goes by.
    pub climate: String,
    /// The runs.
    pub runs: Vec<Run>,
}

/// Every state of some zones, the most frequent first, with the hours of each.
fn states(zones: &[Zone]) -> Vec<(String, f64)> {
    let mut hours = std::collections::BTreeMap::<&str, f64>::new();
    for run in zones.iter().flat_map(|zone| &zone.runs) {
        *hours.entry(&run.state).or_default() += run.hours;
    }
    let mut states: Vec<(String, f64)> =
        hours.into_iter().map(|(state, hours)| (state.to_owned(), hours)).collect();
    states.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    states
}
