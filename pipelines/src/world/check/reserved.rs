//! Ids that a text would read as something else.

use worldflow_schemas::input::Scope;

use super::Checker;
use crate::world::spot::Spot;

/// What reads as a value wherever it stands.
const VALUES: [&str; 3] = ["false", "null", "true"];

/// The words of conditions that are texts.
const WORDS: [&str; 5] = ["and", "between", "in", "not", "or"];

/// What conditions that are texts can name, besides facts.
const NAMED: [&str; 7] = ["moon", "phase", "phase of a moon", "quest", "region", "season", "state"];

/// Names that begin others: `clock.phase`.
const BEGINNINGS: [&str; 6] = ["clock", "fact", "moon", "quest", "view", "weather"];

impl Checker<'_> {
    /// An id of some sort that could not be told from something else.
    pub(super) fn check_not_taken(&mut self, what: &str, id: &str, spot: Spot<'_>) {
        let taken = if VALUES.contains(&id) {
            Some("it reads as a value".to_owned())
        } else if (what == "fact" || NAMED.contains(&what)) && WORDS.contains(&id) {
            Some("it is a word of conditions".to_owned())
        } else if what == "fact" {
            taken_from_facts(id)
        } else {
            None
        };
        if let Some(why) = taken {
            self.error(spot, format!("no {what} can be called `{id}`: {why}"), "give it another name");
        }
    }
}

/// What the name of a fact would mean in a condition, if it is something else.
fn taken_from_facts(id: &str) -> Option<String> {
    let means = match id {
        "level" => "the player's level",
        "phase" => "the phase of the day",
        "season" => "the season",
        "region" => "the region",
        _ if Scope::ALL.iter().any(|scope| scope.name() == id) => "whose a fact is, or the holder's own id",
        _ if BEGINNINGS.contains(&id) => "the beginning of another name",
        _ => return None,
    };
    Some(format!("in a condition that is {means}"))
}
