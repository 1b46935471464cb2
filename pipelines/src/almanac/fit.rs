//! A climate that is like what was observed at a site.
//!
//! The step is an hour of world time, and the chance of leaving a state does not fall with time: runs have the lengths of a
//! geometric distribution with the observed mean, by season and state. The weights of the next state are those of
//! quasi-independence (each state is entered in proportion to its weight, but never from itself), found by iterative
//! proportional fitting. What wind, humidity and visibility are in a state, and how much warmer it is, are means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::observed::{Observations, Observed, ObservedState, Quantity};
use super::{Run, Zone};

/// Weights of one season add up to about this.
const WEIGHTS: f64 = 10_000.0;

/// How often weights are fitted: far more than they need to settle.
const ROUNDS: usize = 200;

/// A climate for a zone of observations, as the text of its file. `None` when the zone was not observed.
#[must_use]
pub fn fit(observations: &Observations, zone: &str) -> Option<String> {
    let observed = observations.zones.get(zone)?;
    let runs = observations.runs().into_iter().find(|of: &Zone| of.name == zone)?.runs;
    let change = hazard(runs.iter());
    let mut text = format!(
        "# Fitted by `worldflow weather --observed ... --fit {zone}` to {} hours, {} to {}.\n\
         step: 1h world\nchange: {:.4}\n\
         # The chance of leaving a state does not fall with time.\nfloor: 1\n\nstates:\n",
        observed.len(),
        observed.first()?.at,
        observed.last()?.at,
        change
    );
    for (place, (name, state)) in observations.states.iter().enumerate() {
        let of_state: Vec<&Observed> = observed.iter().filter(|observed| observed.state == place).collect();
        if !of_state.is_empty() {
            let _ = writeln!(text, "  {name}: {{{}}}", state_text(state, &of_state, observed));
        }
    }
    text.push_str("\nseasons:\n");
    for season in &observations.seasons {
        if let Some(chain) = season_text(season, observations, observed, &runs, change) {
            let _ = writeln!(text, "  {season}: {{{chain}}}");
        }
    }
    Some(text)
}

/// The chance of leaving in an hour, of runs whose ends were seen.
#[expect(clippy::cast_precision_loss, reason = "a count of runs")]
fn hazard<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> f64 {
    let hours: f64 = runs.clone().map(|run| run.hours).sum();
    let ends = runs.filter(|run| run.ended).count() as f64;
    if hours > 0.0 { (ends / hours).clamp(0.0001, 1.0) } else { 0.5 }
}

fn mean(observed: &[&Observed], quantity: Quantity) -> Option<f64> {
    let values: Vec<f64> =
        observed.iter().filter_map(|observed| observed.measured.get(&quantity).copied()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a count of hours")]
    let count = values.len() as f64;
    (count > 0.0).then(|| values.iter().sum::<f64>() / count)
}

fn state_text(state: &ObservedState, of_state: &[&Observed], all: &[Observed]) -> String {
    let wind = mean(of_state, Quantity::WindKmh).unwrap_or(5.0);
    let humidity = mean(of_state, Quantity::Humidity).unwrap_or(0.5).clamp(0.0, 1.0);
    let visibility = mean(of_state, Quantity::VisibilityM).unwrap_or(15_000.0);
    let mut text = format!(
        "intensity: {}, wind_kmh: {wind:.1}, humidity: {humidity:.2}, visibility_m: {visibility:.0}",
        state.intensity
    );
    let offset = warmer(of_state, all);
    if offset.abs() >= 0.05 {
        let _ = write!(text, ", temperature_offset_c: {offset:.1}");
    }
    if state.severe {
        text.push_str(", severe: true");
    }
    for (name, value) in
        [("wetness_per_hour", state.wetness_per_hour), ("snow_cm_per_hour", state.snow_cm_per_hour)]
    {
        if let Some(value) = value {
            let _ = write!(text, ", {name}: {value}");
        }
    }
    text
}

/// By how much hours of a state are warmer than their season.
#[expect(clippy::cast_precision_loss, reason = "a count of hours")]
fn warmer(of_state: &[&Observed], all: &[Observed]) -> f64 {
    let mut seasons: BTreeMap<&str, Vec<&Observed>> = BTreeMap::new();
    all.iter().for_each(|observed| seasons.entry(&observed.season).or_default().push(observed));
    let means: BTreeMap<&str, f64> = seasons
        .into_iter()
        .filter_map(|(season, observed)| Some((season, mean(&observed, Quantity::TemperatureC)?)))
        .collect();
    let beyond: Vec<f64> = of_state
        .iter()
        .filter_map(|observed| {
            Some(observed.measured.get(&Quantity::TemperatureC)? - means.get(observed.season.as_str())?)
        })
        .collect();
    if beyond.is_empty() { 0.0 } else { beyond.iter().sum::<f64>() / beyond.len() as f64 }
}

fn season_text(
    season: &str,
    observations: &Observations,
    observed: &[Observed],
    runs: &[Run],
    change: f64,
) -> Option<String> {
    let hours: Vec<&Observed> = observed.iter().filter(|observed| observed.season == season).collect();
    let of_season: Vec<&Run> = runs.iter().filter(|run| run.season == season).collect();
    let mut counts = vec![0_usize; observations.states.len()];
    hours.iter().for_each(|observed| counts[observed.state] += 1);
    let (start, _) =
        counts.iter().enumerate().max_by_key(|(_, count)| **count).filter(|(_, count)| **count > 0)?;
    let names: Vec<&str> = observations.states.iter().map(|(name, _)| name.as_str()).collect();
    let (low, high) = temperatures(&hours);
    let mut next = Vec::new();
    for (name, weight) in names.iter().zip(weights(&names, runs, season)) {
        if weight >= 1.0 {
            next.push(format!("{name}: {weight:.0}"));
        }
    }
    if next.len() < 2 {
        // A chain needs somewhere to go: what was seen at all follows what is there.
        next = names
            .iter()
            .zip(&counts)
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| format!("{name}: {count}"))
            .collect();
    }
    let leave = names.iter().filter_map(|name| {
        let runs = of_season.iter().copied().filter(|run| run.state == **name);
        runs.clone().next()?;
        Some(format!("{name}: {:.3}", hazard(runs) / change))
    });
    Some(format!(
        "start: {}, temperature_c: [{low:.1}, {high:.1}], next: {{{}}}, leave: {{{}}}",
        names[start],
        next.join(", "),
        leave.collect::<Vec<_>>().join(", ")
    ))
}

/// The tenth and the ninetieth of a hundred parts of a season's temperatures.
fn temperatures(hours: &[&Observed]) -> (f64, f64) {
    let measured =
        hours.iter().filter_map(|observed| observed.measured.get(&Quantity::TemperatureC).copied());
    let mut sorted: Vec<f64> = measured.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |per_cent: usize| sorted.get(sorted.len() * per_cent / 100).copied();
    at(10).zip(at(90)).unwrap_or((10.0, 20.0))
}

/// The weights of what follows, so that every state is entered as often as it was.
fn weights(names: &[&str], runs: &[Run], season: &str) -> Vec<f64> {
    let place = |state: &str| names.iter().position(|name| *name == state);
    let (mut left, mut entered) = (vec![0.0; names.len()], vec![0.0; names.len()]);
    for pair in runs.windows(2).filter(|pair| pair[0].ended && pair[1].season == season) {
        if let (Some(from), Some(to)) = (place(&pair[0].state), place(&pair[1].state)) {
            left[from] += 1.0;
            entered[to] += 1.0;
        }
    }
    let mut weights: Vec<f64> = entered.clone();
    for _ in 0..ROUNDS {
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            break;
        }
        let next: Vec<f64> = (0..names.len())
            .map(|to| {
                // How often it would be entered, for each unit of its weight.
                let rate: f64 = (0..names.len())
                    .filter(|from| *from != to && left[*from] > 0.0)
                    .map(|from| left[from] / (total - weights[from]).max(1e-9))
                    .sum();
                if rate > 0.0 { entered[to] / rate } else { 0.0 }
            })
            .collect();
        let sum: f64 = next.iter().sum::<f64>().max(1e-9);
        weights = next.into_iter().map(|weight| weight / sum * WEIGHTS).collect();
    }
    weights
}
