//! Curves: the share of those who could that had finished a quest, by day. The quests that most began have a colour and a name.

use std::fmt::Write as _;

use super::{CURVES_HIGH, CURVES_TOP, FAINT, GRID, WIDTH, count, number, short, text};
use crate::day_marks::day_marks;
use crate::simulate::report::{QuestReport, Report};

const LEFT: f64 = 70.0;
const RIGHT: f64 = 250.0;

/// From one name to the next, at least.
const APART: f64 = 17.0;

/// As many curves have a name.
const COLOURS: [&str; 16] = [
    "#2f6db0", "#e2683c", "#4f9d7d", "#5a3f91", "#d9a021", "#c0578f", "#3d8b9b", "#8a6d3b", "#6f86c9",
    "#a3b86c", "#b5413a", "#7f5fa8", "#5b9bd5", "#b58463", "#56723c", "#98a1ad",
];

/// So many more are drawn without one.
const FAINT_CURVES: usize = 200;

pub(super) fn curves(svg: &mut String, report: &Report, quests: &[&QuestReport]) {
    text(svg, (LEFT - 50.0, CURVES_TOP - 20.0), "font-weight=\"600\"", "Finished, of those who could");
    grid(svg, report);
    let mut named: Vec<&QuestReport> = quests.to_vec();
    named.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| a.id.cmp(&b.id)));
    let others = named.split_off(named.len().min(COLOURS.len()));
    for quest in others.iter().take(FAINT_CURVES) {
        curve(svg, quest, GRID, 1.0);
    }
    // The names stand where their curves end, in that order.
    named.sort_by(|a, b| super::share(b).total_cmp(&super::share(a)).then_with(|| a.id.cmp(&b.id)));
    for (quest, colour) in named.iter().zip(COLOURS) {
        curve(svg, quest, colour, 2.0);
    }
    let ends: Vec<f64> = named.iter().map(|quest| y(super::share(quest))).collect();
    for ((quest, colour), (end, at)) in named.iter().zip(COLOURS).zip(ends.iter().zip(apart(&ends))) {
        let from = WIDTH - RIGHT;
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {end:.1} L{:.1} {at:.1}\" stroke=\"{colour}\" fill=\"none\" opacity=\"0.5\"/>",
            from + 2.0,
            from + 20.0
        );
        let said = format!("{} {:.0} %", short(&quest.id, 24), super::share(quest) * 100.0);
        text(svg, (from + 25.0, at + 4.0), &format!("font-size=\"12\" fill=\"{colour}\""), &said);
    }
}

fn y(share: f64) -> f64 {
    CURVES_TOP + (1.0 - share) * CURVES_HIGH
}

fn grid(svg: &mut String, report: &Report) {
    let (right, days) = (WIDTH - RIGHT, f64::from(report.days));
    for quarter in 0..=4_u32 {
        let share = f64::from(quarter) / 4.0;
        let at = y(share);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{GRID}\"/>"
        );
        let how = format!("text-anchor=\"end\" font-size=\"11\" fill=\"{FAINT}\"");
        text(svg, (LEFT - 8.0, at + 4.0), &how, &format!("{:.0} %", share * 100.0));
    }
    for (day, said) in day_marks(report.start_ms, days) {
        let at = LEFT + day / days.max(f64::MIN_POSITIVE) * (right - LEFT);
        let bottom = CURVES_TOP + CURVES_HIGH;
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom:.0}\" y2=\"{:.0}\" stroke=\"#c3cad2\"/>",
            bottom + 5.0
        );
        let how = format!("text-anchor=\"middle\" font-size=\"11\" fill=\"{FAINT}\"");
        text(svg, (at, bottom + 19.0), &how, &said);
    }
}

fn curve(svg: &mut String, quest: &QuestReport, colour: &str, wide: f64) {
    let last = quest.curve.len().saturating_sub(1).max(1);
    let at = |point: usize| LEFT + count(point) / count(last) * (WIDTH - RIGHT - LEFT);
    let points = quest.curve.iter().enumerate().map(|(point, (_, finished))| {
        let share = number(*finished) / number(quest.seen.max(1));
        format!("{:.1},{:.1}", at(point), y(share))
    });
    let points: Vec<String> = points.collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{wide}\" stroke-linejoin=\"round\"><title>{}</title></polyline>",
        points.join(" "),
        crate::xml::escaped(&quest.id)
    );
}

/// Where names stand so that none covers another: as near as can be to where they want to, which is in order.
fn apart(wanted: &[f64]) -> Vec<f64> {
    let mut at: Vec<f64> = wanted.to_vec();
    for place in 1..at.len() {
        at[place] = at[place].max(at[place - 1] + APART);
    }
    let bottom = CURVES_TOP + CURVES_HIGH + 12.0;
    for place in (0..at.len()).rev() {
        let most = at.get(place + 1).map_or(bottom, |next| next - APART);
        at[place] = at[place].min(most);
    }
    at
}
