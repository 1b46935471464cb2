//! An explanation as a tree of text: ✓ holds or is done, ✗ does not, · is not looked at now.
//!
//! What definitions and players call things stays on its line: `Tree` shows what a terminal would obey.

use std::fmt::Write as _;

use super::told::{At, Deed, Deeds, EventTold, Explanation, Joined, ObjectiveTold, StageTold, Step, Tested};
use crate::terminal::in_line;

/// The explanation as text; ends with a line's end.
#[must_use]
pub fn text(told: &Explanation) -> String {
    let mut tree = Tree::default();
    head(&mut tree, told);
    if let Some(requires) = &told.requires {
        tree.line(0, "\nrequires");
        condition(&mut tree, 1, requires, "");
    }
    if let Some(fails) = &told.fails {
        tree.line(0, "\nfails when");
        condition(&mut tree, 1, fails, "");
    }
    for pattern in &told.fail_on {
        tree.line(0, &format!("\nfails on {pattern}"));
    }
    for of in &told.stages {
        tree.line(0, "");
        stage(&mut tree, of);
    }
    if !told.finish.is_empty() {
        tree.line(0, "\nto finish it");
        for (place, step) in told.finish.iter().enumerate() {
            tree.line(1, &format!("{}. {step}", place + 1));
        }
    }
    if !told.history.is_empty() {
        tree.line(0, "\nhow it came there");
        told.history.iter().for_each(|of| step(&mut tree, of));
    }
    if let Some(from) = &told.looked_from {
        tree.line(0, &format!("\nlooked at events from {} on (the snapshot of tick {})", from.at, from.tick));
    }
    tree.0
}

/// Lines, each so deep.
#[derive(Default)]
pub(super) struct Tree(pub(super) String);

impl Tree {
    /// A line; a line's end before it is an empty line.
    pub(super) fn line(&mut self, depth: usize, what: &str) {
        let (before, what) = what.strip_prefix('\n').map_or(("", what), |what| ("\n", what));
        let indent = if what.is_empty() { 0 } else { depth * 2 };
        let _infallible = writeln!(self.0, "{before}{:indent$}{}", "", in_line(what));
    }

    /// That the moment that was asked for is later than what is known.
    pub(super) fn asked(&mut self, depth: usize, asked: Option<&At>) {
        if let Some(asked) = asked {
            self.line(
                depth,
                &format!("what was asked for, {}, is later: this is the last that is known", asked.at),
            );
        }
    }
}

fn mark(holds: bool) -> char {
    if holds { '✓' } else { '✗' }
}

fn head(tree: &mut Tree, told: &Explanation) {
    let who = match (told.scope.as_str(), told.holder.as_str()) {
        (_, "") => String::new(),
        (scope, holder) => format!(" of {scope} {holder}"),
    };
    let title = if told.title.is_empty() { String::new() } else { format!(" “{}”", told.title) };
    tree.line(0, &format!("{}{title}{who}: {}", told.quest, told.state));
    tree.line(1, &told.why);
    let world = if told.world.is_empty() { String::new() } else { format!("; world time {}", told.world) };
    tree.line(1, &format!("at {} (tick {}){world}", told.now.at, told.now.tick));
    tree.asked(1, told.asked.as_ref());
    let mut facts = Vec::new();
    if told.instance > 0 {
        facts.push(format!("instance {}", told.instance));
    }
    if told.completions > 0 {
        facts.push(format!("completed {}", super::conditions::times(told.completions)));
    }
    facts.extend(told.since.as_ref().map(|since| format!("{} since {}", told.state, since.at)));
    facts.extend(told.until.as_ref().map(|until| {
        let word = if told.state == "active" { "expires at" } else { "again from" };
        format!("{word} {}", until.at)
    }));
    if !facts.is_empty() {
        tree.line(1, &facts.join(", "));
    }
}

/// A condition; `before` stands before its first line.
pub(super) fn condition(tree: &mut Tree, depth: usize, of: &Tested, before: &str) {
    let mark = mark(of.holds);
    match of.is {
        Joined::Test => {
            let now = if of.now.is_empty() { String::new() } else { format!("   {}", of.now) };
            tree.line(depth, &format!("{mark} {before}{}{now}", of.test));
            return;
        }
        Joined::All => tree.line(depth, &format!("{mark} {before}all of")),
        Joined::Any => tree.line(depth, &format!("{mark} {before}one of")),
        Joined::Not => tree.line(depth, &format!("{mark} {before}not")),
    }
    of.of.iter().for_each(|inner| condition(tree, depth + 1, inner, ""));
}

fn stage(tree: &mut Tree, of: &StageTold) {
    let mark = match of.is.as_str() {
        "done" => '✓',
        "open" => '▸',
        _ => '·',
    };
    let title = if of.title.is_empty() { String::new() } else { format!(" “{}”", of.title) };
    let is = if of.is.is_empty() { String::new() } else { format!(": {}", of.is) };
    let mut text = format!("{mark} stage {}{title}{is}", of.stage);
    if let Some(opened) = &of.opened {
        text.push_str(&format!(" since {}", opened.at));
    }
    if let Some((round, times)) = of.round {
        text.push_str(&format!(", the {round}. of {times} times"));
    }
    tree.line(0, &format!("{text}, {}", of.complete));
    of.objectives.iter().for_each(|told| objective(tree, told, &of.is));
}

fn objective(tree: &mut Tree, of: &ObjectiveTold, stage: &str) {
    let open = stage == "open";
    let mark = match (of.done, open) {
        (true, _) => '✓',
        (false, true) if !of.hidden => '✗',
        _ => '·',
    };
    let mut about = Vec::new();
    if of.hidden {
        about.push("hidden".to_owned());
    }
    if of.optional {
        about.push("optional".to_owned());
    }
    if !of.branch.is_empty() {
        about.push(format!("branch {}", of.branch));
    }
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    let missing = if of.missing.is_empty() { String::new() } else { format!(" — {}", of.missing) };
    let (value, need) = (of.value, of.need);
    tree.line(1, &format!("{mark} {} {value}/{need}{about}: {}{missing}", of.objective, of.counts));
    if !of.runs.is_empty() {
        tree.line(3, &of.runs);
    }
    if let Some(when) = &of.when {
        condition(tree, 3, when, "now: ");
    }
    if let Some(holds) = &of.holds {
        condition(tree, 3, holds, "now: ");
    }
    if let Some(before) = &of.before {
        tree.line(
            3,
            &format!("{} before {}, of events that are no longer looked at", before.value, before.at.at),
        );
    }
    deeds(tree, &of.counted, "counted");
    // What came while another stage was open is said in JSON only.
    if open || stage.is_empty() {
        deeds(tree, &of.missed, "did not count");
    }
}

fn deeds(tree: &mut Tree, of: &Deeds, what: &str) {
    if of.count == 0 && of.last.is_empty() {
        return;
    }
    let events = if of.count == 1 { "1 event".to_owned() } else { format!("{} events", of.count) };
    let sum = if of.sum == 0 { String::new() } else { format!(", {} in all", signed(of.sum)) };
    let shown = u64::try_from(of.last.iter().filter(|deed| deed.event.is_some()).count()).unwrap_or(0);
    let last = match shown {
        0 => "",
        shown if shown < of.count => &format!("; the last {shown}:"),
        _ => ":",
    };
    tree.line(3, &format!("{events} {what}{sum}{last}"));
    of.last.iter().for_each(|of| tree.line(4, &deed(of)));
}

pub(super) fn signed(change: i64) -> String {
    format!("{change:+}")
}

/// `2026-11-25T10:00:00Z  kill wolf in moor by ann, game-1 e7   +1 → 3`
pub(super) fn deed(of: &Deed) -> String {
    let mut text = of.at.at.clone();
    if let Some(event) = &of.event {
        let _infallible = write!(text, "  {}", self::event(event));
    }
    if of.change != 0 {
        let _infallible = write!(text, "  {}", signed(of.change));
    }
    if let Some(value) = of.value {
        let _infallible = write!(text, " → {value}");
    }
    if !of.why.is_empty() {
        let _infallible = write!(text, "  {}", of.why);
    }
    text
}

fn event(of: &EventTold) -> String {
    let mut text = of.kind.clone();
    for (word, part) in [("", &of.target), ("in ", &of.region), ("by ", &of.player)] {
        if !part.is_empty() {
            let _infallible = write!(text, " {word}{part}");
        }
    }
    if of.amount != 1 {
        let _infallible = write!(text, " ×{}", of.amount);
    }
    for (name, value) in &of.with {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _infallible = write!(text, " {name}={value}");
    }
    let _infallible = write!(text, " ({} {})", of.source, of.id);
    text
}

fn step(tree: &mut Tree, of: &Step) {
    let stage = if of.stage.is_empty() { String::new() } else { format!(", stage {}", of.stage) };
    let by = of.by.as_ref().and_then(|deed| deed.event.as_ref());
    let by = by.map(|by| format!(", by {}", event(by))).unwrap_or_default();
    let found = if of.found { " already" } else { "" };
    tree.line(1, &format!("{}  {}{stage}{found}{by}", of.at.at, of.state));
}
