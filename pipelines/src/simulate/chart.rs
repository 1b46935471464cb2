//! A report as an SVG: how many had finished each quest by when, and under it what became of those who could, and stage by stage.
//!
//! What is drawn is in `chart/`: the curves, and the rows of quests.

mod curves;
mod rows;

use std::fmt::Write as _;

use super::report::{QuestReport, Report};
use crate::spans::rounded_span;
use crate::xml::escaped;

const WIDTH: f64 = 1200.0;
const CURVES_TOP: f64 = 104.0;
const CURVES_HIGH: f64 = 300.0;
const ROWS_TOP: f64 = CURVES_TOP + CURVES_HIGH + 96.0;

/// The colours of what is written.
const INK: &str = "#26323d";
const FAINT: &str = "#66727e";
const GRID: &str = "#dde2e8";

/// The chart of a report.
#[must_use]
pub fn chart(report: &Report) -> String {
    let mut quests: Vec<&QuestReport> = report.quests.iter().filter(|quest| quest.seen > 0).collect();
    quests.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.id.cmp(&b.id)));
    let height = ROWS_TOP + rows::height(quests.len()) + 24.0;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
    );
    let real = rounded_span(report.day_ms.saturating_mul(u64::from(report.days)));
    let title = format!("{}: {} players, {} days of the world", report.world, report.players, report.days);
    let under = format!("{real} in real time, seed {}, {}", report.seed, report.mix);
    text(&mut svg, (rows::LEFT - 170.0, 30.0), "font-size=\"18\" font-weight=\"600\"", &title);
    text(&mut svg, (rows::LEFT - 170.0, 50.0), &format!("font-size=\"12\" fill=\"{FAINT}\""), &under);
    curves::curves(&mut svg, report, &quests);
    rows::rows(&mut svg, report, &quests, ROWS_TOP);
    svg.push_str("</svg>\n");
    svg
}

/// Of those who could, how many finished.
fn share(quest: &QuestReport) -> f64 {
    if quest.seen == 0 { 0.0 } else { number(quest.finished) / number(quest.seen) }
}

#[expect(clippy::cast_precision_loss, reason = "a count of what is drawn")]
fn number(n: u64) -> f64 {
    n as f64
}

fn count(n: usize) -> f64 {
    number(n as u64)
}

fn text(svg: &mut String, (x, y): (f64, f64), how: &str, said: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {how}>{}</text>", escaped(said));
}

fn rect(svg: &mut String, (x, y): (f64, f64), (wide, high): (f64, f64), fill: &str, title: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\" fill=\"{fill}\"><title>{}</title></rect>",
        escaped(title)
    );
}

/// A text of at most so many characters.
fn short(said: &str, most: usize) -> String {
    if said.chars().count() <= most {
        return said.to_owned();
    }
    let kept: String = said.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
