//! A report as CSV: a table of quests, one of their stages, one of their curves, one of personalities, and where there are any one of
//! arcs and one of simulated tiers.

use worldflow_schemas::input::Scope;

use super::report::{Paid, QuestReport, Report};
use super::talk::{TalkReport, TierReport, WHYS, money};

/// The tables of a report: what is added to the name of the file, and the text. The first, of quests, adds nothing.
#[must_use]
pub fn csv(report: &Report) -> Vec<(&'static str, String)> {
    let mut tables = vec![
        ("", quests(report)),
        ("stages", stages(report)),
        ("curves", curves(report)),
        ("personalities", personalities(report)),
    ];
    if !report.arcs.is_empty() {
        tables.push(("arcs", arcs(report)));
    }
    if let Some(talk) = &report.talk {
        tables.push(("tiers", tiers(talk)));
    }
    tables
}

/// Rows under a line of names.
pub(crate) struct Table(csv::Writer<Vec<u8>>);

impl Table {
    pub(crate) fn of(names: &[&str]) -> Table {
        let mut table = Table(csv::WriterBuilder::new().from_writer(Vec::new()));
        table.row(names.iter().map(|name| (*name).to_owned()).collect());
        table
    }

    pub(crate) fn row(&mut self, fields: Vec<String>) {
        self.0.write_record(fields).expect("rows of one length are written into memory");
    }

    pub(crate) fn text(self) -> String {
        let bytes = self.0.into_inner().expect("memory takes everything");
        String::from_utf8(bytes).expect("only text was written")
    }
}

fn quests(report: &Report) -> String {
    let mut table = Table::of(&[
        "quest",
        "scope",
        "by_itself",
        "holders",
        "available_to",
        "began",
        "finished",
        "accepted",
        "completed",
        "failed",
        "expired",
        "abandoned",
        "open",
        "median_real_ms",
        "p90_real_ms",
        "median_world_ms",
        "p90_world_ms",
        "stands_at",
        "stands_value",
        "stands_need",
        "stands_holders",
        "paid",
        "findings",
    ]);
    for quest in &report.quests {
        let took = |pick: fn((u64, u64)) -> u64, world: bool| {
            let ms = quest.took_ms.map(pick);
            ms.map(|ms| if world { report.world_ms(ms) } else { ms })
                .map_or_else(String::new, |ms| ms.to_string())
        };
        let stands = |of: &dyn Fn(&super::report::Stands) -> String| {
            quest.stands.as_ref().map_or_else(String::new, of)
        };
        let found = report.findings.iter().filter(|finding| finding.quest == quest.id);
        let found: Vec<&str> = found.map(|finding| finding.trouble.name()).collect();
        let mut row = vec![quest.id.clone(), scope(quest.scope), quest.by_itself.to_string()];
        row.extend(counts(quest).map(|count| count.to_string()));
        row.extend([
            took(|of| of.0, false),
            took(|of| of.1, false),
            took(|of| of.0, true),
            took(|of| of.1, true),
        ]);
        row.push(stands(&|at| match &at.objective {
            Some(objective) => format!("{}.{objective}", at.stage),
            None => at.stage.clone(),
        }));
        row.push(stands(&|at| at.value.to_string()));
        row.push(stands(&|at| at.need.to_string()));
        row.push(stands(&|at| at.holders.to_string()));
        row.push(paid(&quest.paid));
        row.push(found.join("; "));
        table.row(row);
    }
    table.text()
}

fn counts(quest: &QuestReport) -> [u64; 10] {
    let QuestReport {
        holders,
        seen,
        began,
        finished,
        accepted,
        completed,
        failed,
        expired,
        abandoned,
        open,
        ..
    } = *quest;
    [holders, seen, began, finished, accepted, completed, failed, expired, abandoned, open]
}

fn scope(scope: Scope) -> String {
    scope.name().to_owned()
}

fn paid(items: &[Paid]) -> String {
    let items: Vec<String> = items.iter().map(|paid| format!("{}={}", paid.item, paid.amount)).collect();
    items.join("; ")
}

fn stages(report: &Report) -> String {
    let mut table = Table::of(&["quest", "place", "stage", "reached", "left", "open"]);
    for quest in &report.quests {
        for (place, step) in quest.steps.iter().enumerate() {
            let counts = [step.reached, step.left, step.open].map(|count| count.to_string());
            let mut row = vec![quest.id.clone(), (place + 1).to_string(), step.stage.clone()];
            row.extend(counts);
            table.row(row);
        }
    }
    table.text()
}

fn curves(report: &Report) -> String {
    let mut table = Table::of(&["quest", "real_ms", "world_ms", "began", "finished"]);
    let lasted_ms = report.day_ms.saturating_mul(u64::from(report.days));
    for quest in &report.quests {
        let points = quest.curve.len().saturating_sub(1).max(1) as u64;
        for (point, (began, finished)) in (0..).zip(&quest.curve) {
            let at_ms = lasted_ms * point / points;
            let fields = [at_ms, report.world_ms(at_ms), *began, *finished].map(|of| of.to_string());
            table.row([quest.id.clone()].into_iter().chain(fields).collect());
        }
    }
    table.text()
}

/// A row for each beat, with no branch, and for each way on from it.
fn arcs(report: &Report) -> String {
    let mut table = Table::of(&[
        "arc", "scope", "began", "ended", "beat", "branch", "reached", "times", "choices", "open",
    ]);
    for arc in &report.arcs {
        let counts = [arc.began, arc.ended].map(|count| count.to_string());
        let first: Vec<String> = [arc.id.clone(), scope(arc.scope)].into_iter().chain(counts).collect();
        for beat in &arc.beats {
            let [reached, times, open] = [beat.reached, beat.times, beat.open].map(|count| count.to_string());
            let rest = [beat.beat.clone(), String::new(), reached, times, String::new(), open];
            table.row([first.clone(), rest.to_vec()].concat());
        }
        for way in &arc.ways {
            let [chosen, of] = [way.chosen, way.of].map(|count| count.to_string());
            let rest = [way.beat.clone(), way.branch.clone(), String::new(), chosen, of, String::new()];
            table.row([first.clone(), rest.to_vec()].concat());
        }
    }
    table.text()
}

/// A row for each tier, the one without a name for what was asked of none; and for each reason for which nothing was asked a row that
/// counts no more than that.
fn tiers(talk: &TalkReport) -> String {
    let before = ["tier", "requests", "answered", "shared"];
    let after = ["cancelled", "open", "at_once", "prompt_tokens", "tokens", "money"];
    let took =
        ["first_p50_ms", "first_p95_ms", "first_p99_ms", "whole_p50_ms", "whole_p95_ms", "whole_p99_ms"];
    let names: Vec<&str> =
        before.into_iter().chain(WHYS).chain(after).chain(took).chain(["not_asked", "why"]).collect();
    let mut table = Table::of(&names);
    for tier in &talk.tiers {
        table.row([tier_fields(tier), vec![String::new(); 2]].concat());
    }
    for (why, count) in &talk.unasked {
        let mut row = vec![String::new(); names.len() - 2];
        row.extend([count.to_string(), why.clone()]);
        table.row(row);
    }
    table.text()
}

fn tier_fields(of: &TierReport) -> Vec<String> {
    let mut row = vec![of.tier.clone()];
    row.extend([of.requests, of.answered, of.shared].map(|count| count.to_string()));
    row.extend(of.unanswered.map(|count| count.to_string()));
    row.extend(
        [of.cancelled, of.open, of.at_once, of.prompt_tokens, of.tokens].map(|count| count.to_string()),
    );
    row.push(of.money_e12.map(money).unwrap_or_default());
    for took in [of.first_ms, of.whole_ms] {
        row.extend((0..3).map(|at| took.map(|took| took[at].to_string()).unwrap_or_default()));
    }
    row
}

fn personalities(report: &Report) -> String {
    let mut table = Table::of(&[
        "personality",
        "players",
        "sessions",
        "deeds",
        "accepted",
        "completed",
        "failed",
        "abandoned",
        "grants",
        "left",
    ]);
    for of in &report.personalities {
        let counts = [
            of.players,
            of.sessions,
            of.deeds,
            of.accepted,
            of.completed,
            of.failed,
            of.abandoned,
            of.grants,
            of.left,
        ];
        table.row([of.name.to_owned()].into_iter().chain(counts.map(|count| count.to_string())).collect());
    }
    table.text()
}
