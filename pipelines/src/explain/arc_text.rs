//! Where an arc stands as a tree of text, as that of a quest.

use super::arc_told::{ArcExplanation, TensionTold, WayTold};
use super::text::{Tree, condition, deed, signed};

/// The explanation as text; ends with a line's end.
#[must_use]
pub fn arc_text(told: &ArcExplanation) -> String {
    let mut tree = Tree::default();
    head(&mut tree, told);
    if let Some(begins) = &told.begins {
        tree.line(0, "\nto begin");
        condition(&mut tree, 1, begins, "");
    }
    if let Some(of) = &told.tension {
        tension(&mut tree, of);
    }
    if !told.waits_for.is_empty() {
        tree.line(0, &format!("\nfor `{}` to be over", told.beat));
        told.waits_for.iter().for_each(|of| condition(&mut tree, 1, of, ""));
    }
    if !told.ways.is_empty() {
        tree.line(0, "\nthen");
        told.ways.iter().for_each(|of| way(&mut tree, of));
    }
    if !told.chosen.is_empty() {
        tree.line(0, "\nchosen");
        for of in &told.chosen {
            let to = if of.to.is_empty() { "the end" } else { &of.to };
            tree.line(1, &format!("{}  {}: {} → {to} (score {})", of.at.at, of.beat, of.branch, of.score));
        }
    }
    if !told.beats.is_empty() {
        tree.line(0, "\nbeats");
        for of in &told.beats {
            let here = told.state == "in a beat" && of.beat == told.beat;
            let mark = if here {
                '▸'
            } else if of.times > 0 {
                '✓'
            } else {
                '·'
            };
            let times = if of.times > 1 { format!(", {} times", of.times) } else { String::new() };
            tree.line(1, &format!("{mark} {}: {}{times}", of.beat, of.wants));
        }
    }
    if !told.history.is_empty() {
        tree.line(0, "\nhow it came there");
        for of in &told.history {
            let ended = if of.ended { ", ended" } else { "" };
            tree.line(1, &format!("{}  {}{ended}", of.at.at, of.beat));
        }
    }
    if let Some(from) = &told.looked_from {
        tree.line(0, &format!("\nlooked at events from {} on (the snapshot of tick {})", from.at, from.tick));
    }
    tree.0
}

fn head(tree: &mut Tree, told: &ArcExplanation) {
    let who = match (told.scope.as_str(), told.holder.as_str()) {
        (_, "") => String::new(),
        (scope, holder) => format!(" of {scope} {holder}"),
    };
    let is = match told.state.as_str() {
        "in a beat" => format!("{} ({})", told.beat, told.phase),
        state => state.to_owned(),
    };
    tree.line(0, &format!("arc {}{who}: {is}", told.arc));
    tree.line(1, &told.why);
    let world = if told.world.is_empty() { String::new() } else { format!("; world time {}", told.world) };
    tree.line(1, &format!("at {} (tick {}){world}", told.now.at, told.now.tick));
    tree.asked(1, told.asked.as_ref());
    let begun = told.begun.as_ref().map(|begun| format!("begun {}", begun.at));
    let since = told.since.as_ref().map(|since| format!("so since {}", since.at));
    let said: Vec<String> = begun.into_iter().chain(since).collect();
    if !said.is_empty() {
        tree.line(1, &said.join(", "));
    }
}

fn tension(tree: &mut Tree, of: &TensionTold) {
    tree.line(0, &format!("\ntension {} of {}, half of it goes in {}", of.now, of.most, of.half_life));
    if let Some((value, at)) = &of.before {
        tree.line(1, &format!("{value} at {}, of events that are no longer looked at", at.at));
    }
    for tense in &of.events {
        let counted = match tense.count {
            0 => "none".to_owned(),
            1 => format!("1 event, {}", signed(tense.sum)),
            count => format!("{count} events, {} in all", signed(tense.sum)),
        };
        tree.line(
            1,
            &format!("{}: {} each of {}: {counted}", tense.id, signed(tense.add.into()), tense.events),
        );
        tense.last.iter().for_each(|of| tree.line(3, &deed(of)));
    }
}

fn way(tree: &mut Tree, of: &WayTold) {
    let to = if of.to.is_empty() { "the end" } else { &of.to };
    if of.branch.is_empty() {
        return tree.line(1, &format!("· {to}"));
    }
    let holds = of.asks.iter().all(|asks| asks.holds)
        && of.criteria.iter().all(|criterion| !criterion.required || criterion.asks.holds);
    let mark = match (of.open, holds) {
        (true, _) => '✓',
        (_, true) => '·',
        (_, false) => '✗',
    };
    let by = if of.chosen_by.is_empty() { "by itself".to_owned() } else { format!("on {}", of.chosen_by) };
    let open = if of.open { ", can be chosen now" } else { "" };
    let score = of.score.map(|score| format!(" (score {score})")).unwrap_or_default();
    tree.line(1, &format!("{mark} {} → {to}, {by}{open}{score}", of.branch));
    of.asks.iter().for_each(|asks| condition(tree, 3, asks, ""));
    for criterion in &of.criteria {
        let what = if criterion.required { "required" } else { "counts" };
        let before = format!("{} ({what} {}): ", criterion.id, criterion.weight);
        condition(tree, 3, &criterion.asks, &before);
    }
}
