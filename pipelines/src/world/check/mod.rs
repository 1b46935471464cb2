//! What `check` looks for beyond shape: every `check_*` runs and adds to one list.
//!
//! Checks walk a definition and its spot in the file side by side. They never stop at the first
//! problem and never change a definition.

mod arcs;
mod behaviours;
mod branches;
mod climates;
mod clock;
mod columns;
mod comparisons;
mod conditions;
mod contradictions;
mod dates;
mod day;
mod dialogue;
mod facts;
mod files;
mod growth;
mod guard;
mod hopeless;
mod led;
mod lore;
mod moves;
mod names;
mod never;
mod npcs;
mod objectives;
mod patterns;
mod personal;
mod places;
mod prompt_rows;
mod prompts;
mod quests;
mod reach;
mod reserved;
mod rewards;
mod roles;
mod rule_cycles;
mod rules;
mod sources;
mod spans;
mod spending;
mod storylets;
mod tiers;
mod unused;
mod views;
mod whose;
mod world;

use std::collections::BTreeSet;

use super::collected::Definitions;
use super::folder::Folder;
use super::problem::{Problems, Severity, did_you_mean, hint};
use super::spot::Spot;
use names::{Names, QUEST_KINDS, Sort};
use views::Views;
use worldflow_operators::sql::View;

/// Runs every check. `sql` are the views in SQL that can run; `incomplete` says whether others have problems.
pub(crate) fn check(
    definitions: &Definitions<'_>,
    folder: &Folder,
    (sql, incomplete): (&[View], bool),
    problems: &mut Problems,
) {
    let views = Views::new(sql, incomplete);
    let names = Names::of(definitions, &views);
    let roles = Vec::new();
    let mut checker =
        Checker { definitions, folder, names: &names, views: &views, roles, in_text: false, problems };
    checker.check_files();
    checker.check_world();
    checker.check_clock();
    checker.check_places();
    checker.check_kinds();
    checker.check_entities();
    checker.check_facts();
    checker.check_personal();
    checker.check_lifetime();
    checker.check_pools();
    checker.check_occasions();
    checker.check_tiers();
    checker.check_spending();
    checker.check_guard();
    checker.check_sources();
    checker.check_sinks();
    checker.check_climates();
    checker.check_schedules();
    checker.check_npcs();
    checker.check_prompts();
    checker.check_storylets();
    checker.check_behaviours();
    checker.check_arcs();
    checker.check_lore();
    checker.check_dialogue();
    checker.check_quests();
    checker.check_quest_cycles();
    checker.check_quest_moves();
    checker.check_rules();
    checker.check_rule_cycles();
    checker.check_compared(sql);
    checker.check_unused();
}

/// The longest id.
const MAX_ID: usize = 64;

/// One run of all checks.
struct Checker<'c> {
    definitions: &'c Definitions<'c>,
    folder: &'c Folder,
    names: &'c Names<'c>,
    views: &'c Views,
    /// The roles of the quest that is being checked.
    roles: Vec<String>,
    /// Whether the condition that is being checked is one text: what is said of it has the words of a text.
    in_text: bool,
    problems: &'c mut Problems,
}

impl Checker<'_> {
    fn error(&mut self, spot: Spot<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.0.push(spot.problem(Severity::Error, message.into(), Some(hint.into())));
    }

    fn warn(&mut self, spot: Spot<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.0.push(spot.problem(Severity::Warning, message.into(), Some(hint.into())));
    }

    /// Whether a name is declared; if not, that is reported.
    fn known(&mut self, sort: Sort, name: &str, spot: Spot<'_>) -> bool {
        match self.unknown(sort, name) {
            Some((message, hint)) => {
                self.error(spot, message, hint);
                false
            }
            None => true,
        }
    }

    /// That a name is not declared, and what to write, if it is not.
    fn unknown(&self, sort: Sort, name: &str) -> Option<(String, String)> {
        let known = self.names.of_sort(sort);
        // A whole file or world that could not be read makes everything look unknown.
        if known.contains(name) || self.names.incomplete(sort) {
            return None;
        }
        let otherwise = match listed(known, sort) {
            // Whoever is near a name needs no list.
            Some(names) if did_you_mean(name, known.iter().copied()).is_none() => {
                format!("{}: {names}", sort.declared_in())
            }
            _ => sort.declared_in().to_owned(),
        };
        let hint = hint(name, known.iter().copied(), &otherwise);
        Some((format!("unknown {} `{name}`", sort.label()), hint))
    }

    /// An id: lower case, digits, `_`, `.` and `-`.
    fn check_id(&mut self, what: &str, id: &str, spot: Spot<'_>) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
        self.check_name(what, id, spot, fits, "use lower-case letters, digits, `_`, `.` and `-`");
        self.check_not_taken(what, id, spot);
    }

    /// An id that games choose: letters of both cases, too.
    fn check_game_id(&mut self, what: &str, id: &str, spot: Spot<'_>) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        self.check_name(what, id, spot, fits, "use letters, digits, `_`, `.` and `-`");
    }

    fn check_name(&mut self, what: &str, id: &str, spot: Spot<'_>, fits: fn(char) -> bool, rule: &str) {
        if id.is_empty() {
            self.error(spot, format!("a {what} has an empty id"), "give it a name");
        } else if id.len() > MAX_ID {
            self.error(spot, format!("the id of this {what} is longer than {MAX_ID} bytes"), "shorten it");
        } else if let Some(wrong) = id.chars().find(|c| !fits(*c)) {
            self.error(spot, format!("the {what} id `{id}` has a `{}` in it", wrong.escape_default()), rule);
        }
    }

    /// A fraction from 0 to 1.
    fn check_fraction(&mut self, what: &str, value: f64, spot: Spot<'_>) {
        if !(0.0..=1.0).contains(&value) {
            self.error(spot, format!("`{what}` is {value}"), "it lies between 0 and 1");
        }
    }
}

/// So many names are said where none of them is near.
const FEW_NAMES: usize = 12;

/// The names of a sort, where they are few.
fn listed(known: &BTreeSet<&str>, sort: Sort) -> Option<String> {
    let own: Vec<String> = known
        .iter()
        .filter(|name| sort != Sort::Kind || !QUEST_KINDS.contains(name))
        .map(|name| format!("`{name}`"))
        .collect();
    (sort != Sort::View && (1..=FEW_NAMES).contains(&own.len())).then(|| own.join(", "))
}

/// Minutes since midnight of `HH:MM`.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| {
        (matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Day and minutes of `day HH:MM`.
fn moment(text: &str) -> Option<(u32, u32)> {
    let (day, time) = text.trim().split_once(' ')?;
    let day: u32 = day.parse().ok()?;
    (day >= 1).then_some((day, minutes(time.trim())?))
}
