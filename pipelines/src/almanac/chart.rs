//! A year of weather as an SVG: a strip for each zone, coloured by its states, and under it their shares by season.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Zone, states};
use crate::day_marks::day_marks;
use crate::xml::escaped;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 20.0;
const STRIP: f64 = 34.0;
const GAP: f64 = 16.0;
const TOP: f64 = 84.0;
const LINE: f64 = 22.0;

/// Colours of states that are known by name; others are given one in turn.
const NAMED: [(&str, &str); 15] = [
    ("clear", "#f6c945"),
    ("partly_cloudy", "#dcd7a6"),
    ("cloudy", "#b4bcc6"),
    ("overcast", "#98a1ad"),
    ("rain", "#5b9bd5"),
    ("heavy_rain", "#2f6db0"),
    ("storm", "#5a3f91"),
    ("fog", "#cfd8d7"),
    ("mist", "#dde6e6"),
    ("snow", "#a9d6ef"),
    ("heavy_snow", "#79b8e0"),
    ("blizzard", "#4d8fc4"),
    ("windy", "#8fc1a9"),
    ("extreme_heat", "#e2683c"),
    ("extreme_cold", "#6f86c9"),
];
const OTHERS: [&str; 6] = ["#c98bb9", "#a3b86c", "#d9a066", "#7aa6a1", "#b58463", "#9a8fbf"];

/// The chart of some zones, whose first hour begins at this moment of world time. `title` stands above it.
#[must_use]
pub fn chart(title: &str, zones: &[Zone], start_ms: i64) -> String {
    let all = states(zones);
    let colours = colours(&all);
    let hours =
        zones.iter().flat_map(|zone| &zone.runs).map(|run| run.from_h + run.hours).fold(1.0, f64::max);
    let seasons = seasons(zones);
    let (rows, shares) = (count(zones.len()), count(seasons.len()));
    let strips_end = TOP + rows * (STRIP + GAP);
    let height = strips_end + 52.0 + rows * 0.0 + shares * (LINE + 6.0) + 24.0;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#26323d\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"18\" font-weight=\"600\">{}</text>",
        escaped(title)
    );
    legend(&mut svg, &all, &colours);
    let x = |at_h: f64| LEFT + at_h / hours * (WIDTH - LEFT - RIGHT);
    for (number, zone) in zones.iter().enumerate() {
        let y = TOP + count(number) * (STRIP + GAP);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            y + STRIP / 2.0 + 4.0,
            escaped(&zone.name)
        );
        for run in &zone.runs {
            let (from, to) = (x(run.from_h), x(run.from_h + run.hours));
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.2}\" y=\"{y:.0}\" width=\"{:.2}\" height=\"{STRIP:.0}\" fill=\"{}\"><title>{} from hour {:.1}, {:.1} h</title></rect>",
                to - from,
                colours[run.state.as_str()],
                escaped(&run.state),
                run.from_h,
                run.hours
            );
        }
    }
    days(&mut svg, (start_ms, hours), strips_end, x);
    by_season(&mut svg, zones, &all, (&seasons, &colours), strips_end + 52.0);
    svg.push_str("</svg>\n");
    svg
}

fn colours(all: &[(String, f64)]) -> BTreeMap<&str, &'static str> {
    let mut others = OTHERS.iter().cycle();
    let named = |state: &str| NAMED.iter().find(|(name, _)| *name == state).map(|(_, colour)| *colour);
    let colour = |state: &str| named(state).or_else(|| others.next().copied()).unwrap_or(OTHERS[0]);
    let mut colour = colour;
    all.iter().map(|(state, _)| (state.as_str(), colour(state))).collect()
}

/// The seasons, in the order in which they come.
fn seasons(zones: &[Zone]) -> Vec<&str> {
    let mut seasons = Vec::new();
    for run in zones.iter().flat_map(|zone| &zone.runs) {
        if !run.season.is_empty() && !seasons.contains(&run.season.as_str()) {
            seasons.push(&run.season);
        }
    }
    seasons
}

fn legend(svg: &mut String, all: &[(String, f64)], colours: &BTreeMap<&str, &'static str>) {
    let mut at = LEFT;
    for (state, _) in all {
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.0}\" y=\"44\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{}\"/><text x=\"{:.0}\" y=\"55\" font-size=\"12\">{}</text>",
            colours[state.as_str()],
            at + 17.0,
            escaped(state)
        );
        at += 30.0 + 7.0 * count(state.chars().count());
    }
}

/// A mark at midnight of every so many days.
fn days(svg: &mut String, (start_ms, hours): (i64, f64), y: f64, x: impl Fn(f64) -> f64) {
    for (day, said) in day_marks(start_ms, hours / 24.0) {
        let at = x(day * 24.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.0}\" y2=\"{:.0}\" stroke=\"#c3cad2\"/><text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#66727e\">{said}</text>",
            TOP - 4.0,
            y - GAP + 6.0,
            y + 6.0,
        );
    }
}

fn by_season(
    svg: &mut String,
    zones: &[Zone],
    all: &[(String, f64)],
    (seasons, colours): (&[&str], &BTreeMap<&str, &'static str>),
    top: f64,
) {
    let wide = WIDTH - LEFT - RIGHT;
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.0}\" font-weight=\"600\">Shares by season, all zones</text>",
        top - 12.0
    );
    for (number, season) in seasons.iter().enumerate() {
        let y = top + count(number) * (LINE + 6.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            y + LINE / 2.0 + 4.0,
            escaped(season)
        );
        let of_season = |zone: &Zone| Zone {
            runs: zone.runs.iter().filter(|run| run.season == *season).cloned().collect(),
            ..zone.clone()
        };
        let mut shares = states(&zones.iter().map(of_season).collect::<Vec<_>>());
        // As in the legend, so that seasons can be compared.
        shares.sort_by_key(|(state, _)| all.iter().position(|(other, _)| other == state));
        let total: f64 = shares.iter().map(|(_, hours)| hours).sum::<f64>().max(f64::MIN_POSITIVE);
        let mut at = LEFT;
        for (state, hours) in &shares {
            let share = hours / total;
            let _ = writeln!(
                svg,
                "<rect x=\"{at:.2}\" y=\"{y:.0}\" width=\"{:.2}\" height=\"{LINE:.0}\" fill=\"{}\"><title>{}: {:.1} %</title></rect>",
                share * wide,
                colours[state.as_str()],
                escaped(state),
                share * 100.0
            );
            if share > 0.04 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{}\">{:.0} %</text>",
                    at + share * wide / 2.0,
                    y + LINE / 2.0 + 4.0,
                    ink(colours[state.as_str()]),
                    share * 100.0
                );
            }
            at += share * wide;
        }
    }
}

/// The colour of what is written on another.
fn ink(ground: &str) -> &'static str {
    let part =
        |at: usize| ground.get(at..at + 2).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(255);
    // How bright it is to the eye, of 255.
    let bright = (299 * part(1) + 587 * part(3) + 114 * part(5)) / 1000;
    if bright < 130 { "#ffffff" } else { "#26323d" }
}

#[expect(clippy::cast_precision_loss, reason = "a count of what is drawn")]
fn count(n: usize) -> f64 {
    n as f64
}
