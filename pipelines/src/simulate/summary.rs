//! A report as text for a terminal: quests, personalities, what was paid, and what is wrong.

use std::fmt::Write as _;

use super::arcs::ArcReport;
use super::findings::Finding;
use super::report::{QuestReport, Report};
use super::talk::{TalkReport, TierReport, WHYS, money};
use crate::spans::rounded_span;

/// The widest bar, in characters.
const BAR: u64 = 12;

/// So many quests are shown of a large world: the worst, which are those that the fewest finish.
const SHOWN: usize = 60;

/// The whole report.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = heading(report);
    text.push('\n');
    quests(&mut text, report);
    text.push('\n');
    if !report.arcs.is_empty() {
        arcs(&mut text, report);
        text.push('\n');
    }
    personalities(&mut text, report);
    text.push('\n');
    items(&mut text, report);
    text.push('\n');
    if let Some(of) = &report.talk {
        talk(&mut text, of);
        text.push('\n');
    }
    findings(&mut text, report);
    text
}

fn heading(report: &Report) -> String {
    let real = rounded_span(report.day_ms.saturating_mul(u64::from(report.days)));
    format!(
        "{}: {} players, {} days of the world ({real}), seed {}\n{}\n",
        report.world, report.players, report.days, report.seed, report.mix
    )
}

/// Columns of one width each: the first to the left, the others to the right unless they are named so.
pub(crate) fn table(text: &mut String, rows: &[Vec<String>], left: &[usize]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if left.contains(&column) {
                write!(line, " {cell:width$} ")
            } else {
                write!(line, " {cell:>width$} ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn quests(text: &mut String, report: &Report) {
    let names = [
        "quest",
        "held by",
        "of",
        "could",
        "began",
        "finished",
        "",
        "done",
        "failed",
        "left",
        "open",
        "median",
        "p90",
        "real",
        "p90",
        "stands at",
    ];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    let mut shown: Vec<&QuestReport> = report.quests.iter().collect();
    if shown.len() > SHOWN {
        shown.sort_by_key(|quest| (share(quest.finished, quest.seen, 1_000), &quest.id));
        shown.truncate(SHOWN);
    }
    rows.extend(shown.iter().map(|quest| row(report, quest)));
    table(text, &rows, &[0, 1, 6, 15]);
    if report.quests.len() > shown.len() {
        let _ = writeln!(
            text,
            "  and {} more quests, of which more finished: all are in the CSV",
            report.quests.len() - shown.len()
        );
    }
}

fn row(report: &Report, quest: &QuestReport) -> Vec<String> {
    let took = |pick: fn((u64, u64)) -> u64, world: bool| {
        let ms = quest.took_ms.map(pick);
        ms.map_or_else(|| "-".to_owned(), |ms| rounded_span(if world { report.world_ms(ms) } else { ms }))
    };
    let stands = quest.stands.as_ref().map(|at| match &at.objective {
        Some(objective) => format!("{}.{objective} {}/{} ({})", at.stage, at.value, at.need, at.holders),
        None => format!("{}, to be turned in ({})", at.stage, at.holders),
    });
    vec![
        quest.id.clone(),
        quest.scope.name().to_owned(),
        quest.holders.to_string(),
        quest.seen.to_string(),
        quest.began.to_string(),
        format!("{} %", share(quest.finished, quest.seen, 100)),
        bar(quest.finished, quest.seen),
        quest.completed.to_string(),
        (quest.failed + quest.expired).to_string(),
        quest.abandoned.to_string(),
        quest.open.to_string(),
        took(|of| of.0, true),
        took(|of| of.1, true),
        took(|of| of.0, false),
        took(|of| of.1, false),
        stands.unwrap_or_default(),
    ]
}

/// Each arc, its beats, and below each the ways on from it.
fn arcs(text: &mut String, report: &Report) {
    let names = ["arc", "held by", "began", "ended", "reached", "times", "chosen", "", "open"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for ArcReport { id, scope, began, ended, beats, ways } in &report.arcs {
        let counts = [began, ended].map(|count| count.to_string());
        rows.push([id.clone(), scope.name().to_owned()].into_iter().chain(counts).collect());
        let none = || vec![String::new(); 3];
        for beat in beats {
            let mut row = [vec![format!("  {}", beat.beat)], none()].concat();
            row.extend([beat.reached, beat.times].map(|count| count.to_string()));
            row.extend([String::new(), bar(beat.reached, *began), beat.open.to_string()]);
            rows.push(row);
            for way in ways.iter().filter(|way| way.beat == beat.beat) {
                let mut row = [vec![format!("    {}", way.branch)], none()].concat();
                let share = share(way.chosen, way.of, 100);
                row.extend([
                    String::new(),
                    way.chosen.to_string(),
                    format!("{share} %"),
                    bar(way.chosen, way.of),
                ]);
                rows.push(row);
            }
        }
    }
    table(text, &rows, &[0, 1, 7]);
}

fn share(part: u64, of: u64, whole: u64) -> u64 {
    (part * whole + of / 2).checked_div(of).unwrap_or(0)
}

fn bar(part: u64, of: u64) -> String {
    let full = usize::try_from(share(part, of, BAR)).unwrap_or(0);
    "█".repeat(full)
}

fn personalities(text: &mut String, report: &Report) {
    let names =
        ["players", "", "sessions", "deeds", "began", "done", "failed", "left", "grants", "gone for good"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for of in &report.personalities {
        let mut row = vec![of.name.to_owned(), of.players.to_string()];
        let counts =
            [of.sessions, of.deeds, of.accepted, of.completed, of.failed, of.abandoned, of.grants, of.left];
        row.extend(counts.map(|count| count.to_string()));
        rows.push(row);
    }
    table(text, &rows, &[0]);
}

fn items(text: &mut String, report: &Report) {
    let mut rows = vec![["granted", "grants", "in all"].map(str::to_owned).to_vec()];
    let items = report.items.iter();
    rows.extend(items.map(|paid| vec![paid.item.clone(), paid.grants.to_string(), paid.amount.to_string()]));
    table(text, &rows, &[0]);
    let refused: Vec<String> = report.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let refused = if refused.is_empty() {
        "none refused".to_owned()
    } else {
        format!("refused {}", refused.join(", "))
    };
    let twice = |count: u64| if count == 0 { "none".to_owned() } else { count.to_string() };
    let _ = writeln!(
        text,
        "\n  {} inputs, {refused}; {} sent again, {} counted twice; {} paid twice",
        report.sent,
        report.resent,
        twice(report.counted_twice),
        twice(report.paid_twice)
    );
}

/// Each tier, and all together.
fn talk(text: &mut String, of: &TalkReport) {
    let before = ["tier", "asked", "answered", "shared"];
    let after = ["taken back", "open", "at once", "tokens in", "out", "money"];
    let took = ["first ms", "p95", "p99", "whole ms", "p95", "p99"];
    let names = before.into_iter().chain(WHYS).chain(after).chain(took);
    let mut rows = vec![names.map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(
        of.tiers.iter().map(|tier| tier_row(if tier.tier.is_empty() { "none" } else { &tier.tier }, tier)),
    );
    rows.push(tier_row("all", &of.all));
    table(text, &rows, &[0]);
    let unasked: Vec<String> = of.unasked.iter().map(|(why, count)| format!("{count} {why}")).collect();
    if !unasked.is_empty() {
        let _ = writeln!(text, "\n  not asked: {}", unasked.join(", "));
    }
}

fn tier_row(name: &str, of: &TierReport) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend([of.requests, of.answered, of.shared].map(|count| count.to_string()));
    row.extend(of.unanswered.map(|count| count.to_string()));
    row.extend(
        [of.cancelled, of.open, of.at_once, of.prompt_tokens, of.tokens].map(|count| count.to_string()),
    );
    let nothing = || "-".to_owned();
    row.push(of.money_e12.map_or_else(nothing, money));
    for took in [of.first_ms, of.whole_ms] {
        row.extend((0..3).map(|at| took.map_or_else(nothing, |took| took[at].to_string())));
    }
    row
}

fn findings(text: &mut String, report: &Report) {
    let wrong = report.findings.iter().filter(|finding| finding.trouble.is_wrong()).count();
    if report.findings.is_empty() {
        text.push_str("every quest can be begun and finished\n");
        return;
    }
    for Finding { trouble, quest, place, text: found, hint } in &report.findings {
        let severity = if trouble.is_wrong() { "wrong" } else { "note" };
        let at = if place.is_empty() { String::new() } else { format!("{place}: ") };
        let _ = writeln!(text, "{severity}: {at}`{quest}` ({}): {found}\nhint: {hint}\n", trouble.name());
    }
    let notes = report.findings.len() - wrong;
    let _ = writeln!(text, "{wrong} wrong, {notes} note{}", if notes == 1 { "" } else { "s" });
}
