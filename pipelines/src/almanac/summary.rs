//! A year of weather as text: for each zone the share of every state, how often it came and how long it stayed.

use std::fmt::Write as _;

use super::{Zone, states};

/// The widest bar, in characters.
const BAR: f64 = 30.0;

/// A table for each zone.
#[must_use]
pub fn summary(zones: &[Zone]) -> String {
    let mut text = String::new();
    for (number, zone) in zones.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        table(&mut text, zone);
    }
    text
}

fn table(text: &mut String, zone: &Zone) {
    let Zone { name, climate, runs } = zone;
    let total: f64 = runs.iter().map(|run| run.hours).sum();
    let _ =
        writeln!(text, "{name} ({climate}): {:.0} hours, {} changes", total, runs.len().saturating_sub(1));
    let all = states(std::slice::from_ref(zone));
    let width = all.iter().map(|(state, _)| state.chars().count()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        text,
        "  {:width$}  {:>6}  {:>5}  {:>7}  {:>7}  {:>7}  {:>7}",
        "state", "share", "runs", "mean", "median", "p90", "longest"
    );
    for (state, hours) in &all {
        let mut lengths: Vec<f64> =
            runs.iter().filter(|run| run.state == *state).map(|run| run.hours).collect();
        lengths.sort_by(f64::total_cmp);
        let share = if total > 0.0 { hours / total } else { 0.0 };
        let _ = writeln!(
            text,
            "  {state:width$}  {:>5.1} %  {:>5}  {:>5.1} h  {:>5.1} h  {:>5.1} h  {:>5.1} h  {}",
            share * 100.0,
            lengths.len(),
            mean(&lengths),
            quantile(&lengths, 50),
            quantile(&lengths, 90),
            lengths.last().copied().unwrap_or(0.0),
            bar(share)
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of runs")]
fn mean(lengths: &[f64]) -> f64 {
    if lengths.is_empty() { 0.0 } else { lengths.iter().sum::<f64>() / lengths.len() as f64 }
}

/// The least length that at least so many per cent do not exceed.
fn quantile(sorted: &[f64], per_cent: usize) -> f64 {
    let place = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a bar")]
fn bar(share: f64) -> String {
    "█".repeat((share * BAR).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::super::Run;
    use super::*;

    #[test]
    fn shares_and_lengths_are_of_world_hours() {
        let run = |state: &str, from_h, hours, ended| Run {
            state: state.to_owned(),
            season: "spring".to_owned(),
            from_h,
            hours,
            ended,
        };
        let runs =
            vec![run("clear", 0.0, 6.0, true), run("rain", 6.0, 2.0, true), run("clear", 8.0, 2.0, false)];
        let zone = Zone { name: "moor".to_owned(), climate: "mild".to_owned(), runs };
        let text = summary(&[zone]);
        let expected = "\
moor (mild): 10 hours, 2 changes
  state   share   runs     mean   median      p90  longest
  clear   80.0 %      2    4.0 h    2.0 h    6.0 h    6.0 h  ████████████████████████
  rain    20.0 %      1    2.0 h    2.0 h    2.0 h    2.0 h  ██████
";
        assert_eq!(text, expected);
    }
}
