//! Rules that feed each other without a delay, tick after tick, until their depth stops them: a warning.
//!
//! What leads from a rule to a fact, a story and what comes of it ([`super::led`]), and from there to a rule, is looked at.

use std::collections::BTreeMap;

use worldflow_schemas::definitions::{RuleDef, Test, Trigger};

use super::Checker;
use super::quests::{chain, cycles};

impl Checker<'_> {
    pub(super) fn check_rule_cycles(&mut self) {
        let definitions = self.definitions;
        let at_once: BTreeMap<&str, &RuleDef> = definitions
            .rules
            .iter()
            .map(|(id, placed)| (id.as_str(), &placed.definition))
            .filter(|(_, rule)| rule.after.is_none())
            .collect();
        let mut feeds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, rule) in &at_once {
            let led = self.led_by(rule);
            let fed = at_once.iter().filter(|(other, fed)| {
                // A fact that is there does not appear again when it is set; another line does.
                let again = id != *other || !matches!(fed.trigger, Trigger::Appears(_) | Trigger::Goes(_));
                again && led.facts.iter().any(|fact| self.follows(fed, fact)) || led.triggers(fed)
            });
            feeds.insert(id, fed.map(|(other, _)| *other).collect());
        }
        for cycle in cycles(&feeds) {
            let Some(placed) = definitions.rules.get(cycle[0]) else { continue };
            let message = if cycle.len() == 1 {
                format!("the rule `{}` feeds itself", cycle[0])
            } else {
                format!("these rules feed each other: {}", chain(&cycle))
            };
            let hint = "they go on at every tick until a chain of 16 is refused; give one of them a delay with \
                        `after`, or a condition that ends it";
            self.warn(placed.spot.key("trigger"), message, hint);
        }
    }

    /// Whether a rule is triggered by a fact: by its rows, or by those of a view in SQL that names it.
    fn follows(&self, rule: &RuleDef, fact: &str) -> bool {
        match rule.trigger.rows() {
            _ if matches!(rule.trigger, Trigger::Every(_)) => false,
            Some(("facts", filter)) => passes(filter, fact),
            Some((view, _)) => self.views.sql.follows(view, fact),
            None => false,
        }
    }
}

/// Whether rows of a fact pass.
fn passes(filter: &BTreeMap<String, Test>, fact: &str) -> bool {
    match filter.get("fact") {
        Some(Test::Is(name)) => name == fact,
        Some(Test::Range(range)) => {
            range.one_of.as_ref().is_none_or(|names| names.iter().any(|name| name == fact))
                && range.is.as_ref().is_none_or(|name| name == fact)
        }
        None => true,
    }
}
