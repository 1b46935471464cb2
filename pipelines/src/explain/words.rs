//! Patterns, objectives and stages in words: what counts, how much of it, and what completes a stage.

use worldflow_schemas::definitions::{
    Aggregate, Complete, Every, ObjectiveDef, OneOrMany, Pattern, Since, StageDef,
};

use super::conditions::{condition, test};

/// `wolf`, `wolf or bear`, `wolf, bear or boar`.
pub(super) fn either(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn any_of(names: Option<&OneOrMany<String>>, word: &str) -> String {
    names.map(|names| format!(" {word}{}", either(names.as_slice()))).unwrap_or_default()
}

/// A pattern: `kill wolf in moor with weapon == bow, when clock.phase == night`.
#[must_use]
pub fn pattern(def: &Pattern) -> String {
    let Pattern { event, target, role, region, attributes, when, within } = def;
    let role = role.as_ref().map_or(String::new(), |role| format!(" of who is `{role}`"));
    let (target, region) = (any_of(target.as_ref(), ""), any_of(region.as_ref(), "in "));
    let mut text = format!("{event}{target}{role}{region}");
    if !attributes.is_empty() {
        let tests: Vec<String> = attributes.iter().map(|(name, of)| test(name, of)).collect();
        text.push_str(&format!(" with {}", tests.join(" and ")));
    }
    if let Some(when) = when.as_ref().filter(|when| !when.is_empty()) {
        text.push_str(&format!(", when {}", condition(when)));
    }
    if let Some(span) = within {
        text.push_str(&format!(", within {span} of the opening of the stage"));
    }
    text
}

/// The pattern of an objective, without what `after` says otherwise of `within`.
fn pattern_of(def: &ObjectiveDef) -> String {
    let within = def.within.filter(|_| def.after.is_none());
    pattern(&Pattern { within, ..def.pattern() })
}

/// What an objective counts and how much of it is needed.
pub(super) fn objective(def: &ObjectiveDef) -> String {
    let mut text = counted(def);
    if let (Some(each), Some(players)) = (def.players.map(|_| def.aggregate().1), def.players) {
        text = format!("{} with {each} each of {}", many(players, "player"), pattern_of(def));
    }
    if def.everyone {
        text = format!("everyone with {} each of {}", def.aggregate().1, pattern_of(def));
    }
    if let Some(after) = &def.after {
        let within = def.within.map(|span| format!(", at most {span} after it")).unwrap_or_default();
        text.push_str(&format!(", once `{after}` is done{within}"));
    }
    if let Some(span) = def.window {
        text.push_str(&format!(", within {span} at most"));
    }
    if let Some(span) = def.half_life {
        text.push_str(&format!(", half of it lost every {span}"));
    }
    text.push_str(match (def.since, def.lifetime.is_some()) {
        (Since::Ever, true) => ", ever",
        (Since::Reset, true) => ", since the last reset",
        (Since::Available, true) => ", since the quest became available",
        _ => "",
    });
    for minus in &def.minus {
        text.push_str(&format!("; less {}", pattern(minus)));
    }
    for reset in &def.reset_on {
        text.push_str(&format!("; set back by {}", pattern(reset)));
    }
    text
}

fn counted(def: &ObjectiveDef) -> String {
    let (aggregate, need) = def.aggregate();
    let of = def.of.as_deref();
    let what = pattern_of(def);
    match aggregate {
        Aggregate::Holds => holds(def),
        Aggregate::Count if need == 1 => what,
        Aggregate::Count => format!("{need} of {what}"),
        Aggregate::Sum => match of {
            Some(of) => format!("{need} {of} in all by {what}"),
            None => format!("{need} in all by {what}"),
        },
        Aggregate::Distinct => format!("{need} different {} by {what}", values(of, need)),
        Aggregate::Max => format!("one {what} with {} of at least {need}", of.unwrap_or("an amount")),
        Aggregate::Min => format!("one {what} with {} of at most {need}", of.unwrap_or("an amount")),
        Aggregate::Last => format!("a last {what} with {} of at least {need}", of.unwrap_or("an amount")),
        Aggregate::Percent => format!("{need} % of everything that is a target of {what}"),
        Aggregate::Streak => {
            format!("{need} {} in a row with {what}", def.every.as_ref().map_or("periods", periods))
        }
    }
}

fn holds(def: &ObjectiveDef) -> String {
    let always = || "true".to_owned();
    let what = def.holds.as_ref().filter(|holds| !holds.is_empty()).map_or_else(always, condition);
    match def.lasting {
        Some(span) if what == "true" => format!("{span} gone by"),
        Some(span) => format!("{what} for {span}"),
        None => what,
    }
}

fn periods(every: &Every) -> &'static str {
    match every {
        Every::Day { .. } => "days",
        Every::Week { .. } => "weeks",
        Every::WorldDay {} => "world days",
    }
}

/// What is missing of an objective, where something is.
pub(super) fn missing(def: &ObjectiveDef, value: u32, need: u32) -> String {
    let more = need.saturating_sub(value);
    if def.players.is_some() || def.everyone {
        return more_of(more, "player");
    }
    match def.aggregate().0 {
        Aggregate::Holds => "it does not hold".to_owned(),
        Aggregate::Count | Aggregate::Sum => format!("{more} more"),
        Aggregate::Distinct | Aggregate::Percent => format!("{more} more, different from those"),
        Aggregate::Max => format!("one of at least {need}; the best was {value}"),
        Aggregate::Last => format!("one of at least {need}; the last was {value}"),
        Aggregate::Min if value == 0 => format!("one of at most {need}; there was none"),
        Aggregate::Min => format!("one of at most {need}; the best was {value}"),
        Aggregate::Streak => {
            format!("{more} more {} in a row", def.every.as_ref().map_or("periods", periods))
        }
    }
}

/// What would finish an objective.
pub(super) fn deed(def: &ObjectiveDef, value: u32, need: u32) -> String {
    let more = need.saturating_sub(value);
    let of = def.of.as_deref();
    let what = pattern_of(def);
    if def.players.is_some() || def.everyone {
        let each = def.aggregate().1;
        return format!("{} with {each} each of {what}", more_of(more, "player"));
    }
    match def.aggregate().0 {
        Aggregate::Holds => holds(def),
        Aggregate::Count if need == 1 => what,
        Aggregate::Count => format!("{more} more of {what}"),
        Aggregate::Sum => match of {
            Some(of) => format!("{more} more {of} by {what}"),
            None => format!("{more} more by {what}"),
        },
        Aggregate::Distinct => format!("{more} more different {} by {what}", values(of, more)),
        Aggregate::Percent => format!("{more} more different {} of {what}", values(None, more)),
        Aggregate::Streak => {
            format!("{more} more {} in a row with {what}", def.every.as_ref().map_or("periods", periods))
        }
        Aggregate::Max | Aggregate::Min | Aggregate::Last => counted(def),
    }
}

/// What differs: the attribute, or targets.
fn values(of: Option<&str>, count: u32) -> &str {
    match (of, count) {
        (Some(of), _) => of,
        (None, 1) => "target",
        (None, _) => "targets",
    }
}

/// `1 player`, `3 players`.
pub(super) fn many(count: u32, word: &str) -> String {
    let s = if count == 1 || word.ends_with('s') { "" } else { "s" };
    format!("{count} {word}{s}")
}

/// So many more: `1 more player`, `3 more players`.
fn more_of(count: u32, word: &str) -> String {
    let s = if count == 1 || word.ends_with('s') { "" } else { "s" };
    format!("{count} more {word}{s}")
}

/// Which objectives complete a stage.
pub(super) fn complete(def: &StageDef) -> String {
    let branches = def.objectives.iter().any(|(_, objective)| objective.branch.is_some());
    let mut text = match def.complete {
        Complete::All => "all of".to_owned(),
        Complete::Any => "one of".to_owned(),
        Complete::AtLeast(least) => format!("at least {least} of"),
        Complete::Sequence => "one after the other".to_owned(),
        Complete::StrictSequence => "one after the other, without anything between them".to_owned(),
    };
    if branches {
        text.push_str(", by one branch");
    }
    for reset in &def.reset_on {
        text.push_str(&format!("; set back by {}", pattern(reset)));
    }
    text
}
