//! Rows of quests: a bar of what became of those who could, how long it took, and a funnel of its stages.

use super::{FAINT, WIDTH, count, number, rect, short, text};
use crate::simulate::report::{QuestReport, Report};
use crate::spans::rounded_span;

pub(super) const LEFT: f64 = 190.0;
const BAR: f64 = 470.0;
const TOOK: f64 = LEFT + BAR + 60.0;
const FUNNEL: f64 = TOOK + 100.0;

const ROW: f64 = 30.0;
const HIGH: f64 = 20.0;

/// So many rows are drawn; of a larger world those that the most and those that the fewest finish.
const MOST: usize = 80;

/// What becomes of those who could: name and colour.
const OUTCOMES: [(&str, &str); 4] = [
    ("finished", "#4f9d7d"),
    ("at it", "#f6c945"),
    ("gave up or failed", "#e2683c"),
    ("never began", "#e3e8ed"),
];

pub(super) fn height(quests: usize) -> f64 {
    count(quests.min(MOST)) * ROW
}

pub(super) fn rows(svg: &mut String, report: &Report, quests: &[&QuestReport], top: f64) {
    legend(svg, top - 24.0);
    let bold = "font-weight=\"600\"";
    text(svg, (20.0, top - 48.0), bold, "What became of those who could");
    text(svg, (TOOK, top - 48.0), bold, "Took");
    text(svg, (FUNNEL, top - 48.0), bold, "Stage by stage");
    let faint = format!("font-size=\"11\" fill=\"{FAINT}\"");
    text(svg, (TOOK, top - 16.0), &faint, "median");
    text(svg, (FUNNEL, top - 16.0), &faint, "instances that came to each stage, and that were done");
    let (first, last) = (quests.len().min(MOST / 2), quests.len().saturating_sub(MOST / 2));
    let shown = quests.iter().enumerate().filter(|(place, _)| *place < first || *place >= last);
    for (row, (_, quest)) in shown.enumerate() {
        let y = top + count(row) * ROW;
        text(svg, (LEFT - 10.0, y + 14.0), "text-anchor=\"end\"", &short(&quest.id, 24));
        outcomes(svg, quest, y);
        let took =
            quest.took_ms.map_or_else(|| "-".to_owned(), |(median, _)| rounded_span(report.world_ms(median)));
        text(svg, (TOOK, y + 14.0), "font-size=\"12\"", &took);
        funnel(svg, quest, y);
    }
}

fn legend(svg: &mut String, y: f64) {
    let mut at = LEFT;
    for (name, colour) in OUTCOMES {
        rect(svg, (at, y - 2.0), (12.0, 12.0), colour, name);
        text(svg, (at + 17.0, y + 8.0), "font-size=\"12\"", name);
        at += 34.0 + 7.0 * count(name.chars().count());
    }
}

fn outcomes(svg: &mut String, quest: &QuestReport, y: f64) {
    let lost = quest.began.saturating_sub(quest.finished + quest.at_it);
    let parts = [quest.finished, quest.at_it, lost, quest.seen.saturating_sub(quest.began)];
    let all = number(quest.seen.max(1));
    let mut at = LEFT;
    for ((name, colour), part) in OUTCOMES.into_iter().zip(parts) {
        let wide = number(part) / all * BAR;
        if part > 0 {
            rect(svg, (at, y), (wide, HIGH), colour, &format!("{}: {part} {name}", quest.id));
        }
        if wide > 26.0 {
            let ink = if matches!(colour, "#4f9d7d" | "#e2683c") { "#ffffff" } else { "#26323d" };
            let how = format!("text-anchor=\"middle\" font-size=\"11\" fill=\"{ink}\"");
            text(svg, (at + wide / 2.0, y + 14.0), &how, &part.to_string());
        }
        at += wide;
    }
    let share = format!("{:.0} %", super::share(quest) * 100.0);
    text(svg, (LEFT + BAR + 8.0, y + 14.0), "font-size=\"12\"", &share);
}

/// Bars of what came to each stage, and of what was done, side by side; what was lost from one to the next is pale.
fn funnel(svg: &mut String, quest: &QuestReport, y: f64) {
    let mut steps: Vec<(&str, u64)> =
        quest.steps.iter().map(|step| (step.stage.as_str(), step.reached)).collect();
    steps.push(("done", quest.completed));
    let most = number(quest.accepted.max(1));
    let wide = ((WIDTH - 20.0 - FUNNEL) / count(steps.len())).min(90.0);
    for (place, (stage, reached)) in steps.iter().enumerate() {
        let x = FUNNEL + count(place) * wide;
        let full = (number(*reached) / most).min(1.0) * (wide - 4.0);
        let colour = if place + 1 == steps.len() { "#4f9d7d" } else { "#8fb3d9" };
        let said = format!("{}, {stage}: {reached} of {}", quest.id, quest.accepted);
        rect(svg, (x, y), (wide - 4.0, HIGH), "#eef1f4", &said);
        if *reached > 0 {
            rect(svg, (x, y), (full.max(1.0), HIGH), colour, &said);
        }
        let how = "font-size=\"11\"";
        if wide >= 60.0 {
            text(svg, (x + 5.0, y + 14.0), how, &format!("{} {reached}", short(stage, 7)));
        } else if wide >= 24.0 {
            text(svg, (x + 4.0, y + 14.0), how, &reached.to_string());
        }
    }
}
