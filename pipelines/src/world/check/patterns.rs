//! Patterns of events.

use worldflow_schemas::definitions::{AttributeKind, KindDef, OneOrMany, Pattern};

use super::conditions::Operand;
use super::names::QUEST_KINDS;
use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn kind(&self, name: &str) -> Option<&KindDef> {
        self.definitions.world.as_ref()?.definition.kinds.get(name)
    }

    pub(super) fn check_pattern(&mut self, pattern: &Pattern, spot: Spot<'_>) {
        if QUEST_KINDS.contains(&pattern.event.as_str()) {
            let message = format!("`{}` is a request, which matches no pattern", pattern.event);
            let hint =
                "ask how a quest stands: `quests: {first_hunt: done}` in `when`, `requires` or `holds`";
            self.error(spot.key("event"), message, hint);
            return;
        }
        self.known(Sort::Kind, &pattern.event, spot.key("event"));
        self.check_targets(&pattern.event, pattern.target.as_ref(), spot.key("target"));
        if let Some(role) = &pattern.role {
            self.check_role(role, spot.key("role"));
        }
        self.check_choice(Sort::Region, pattern.region.as_ref(), spot.key("region"));
        self.check_target_there(pattern, spot);
        for (name, test) in &pattern.attributes {
            let spot = spot.key("where");
            if let Some(operand) = self.check_attribute(&pattern.event, name, spot.name(name)) {
                self.check_test(&format!("the attribute `{name}`"), operand, test, spot.key(name));
            }
        }
        if let Some(when) = &pattern.when {
            self.check_condition(when, spot.key("when"));
            self.check_can_hold(when, pattern.region.as_ref(), spot.key("when"));
        }
        if pattern.within.is_some_and(|within| within.ms == 0) {
            self.error(
                spot.key("within"),
                "`within` is no time at all",
                "give a span such as `30s`, or remove it",
            );
        }
    }

    fn check_targets(&mut self, event: &str, target: Option<&OneOrMany<String>>, spot: Spot<'_>) {
        // A kind whose targets need not be declared may name anything.
        if self.kind(event).is_none_or(|kind| kind.known_targets) {
            self.check_choice(Sort::Target, target, spot);
        }
    }

    /// What an attribute of a kind holds; an unknown one is reported.
    pub(super) fn check_attribute(&mut self, event: &str, name: &str, spot: Spot<'_>) -> Option<Operand> {
        let kind = self.kind(event)?;
        if let Some(attribute) = kind.attributes.get(name) {
            return Some(match attribute {
                AttributeKind::Number => Operand::Number,
                AttributeKind::Bool => Operand::Bool,
                AttributeKind::Id => Operand::Text,
                AttributeKind::Text => {
                    self.personal_attribute(name, spot);
                    return None;
                }
            });
        }
        let known: Vec<String> = kind.attributes.keys().cloned().collect();
        let otherwise = if known.is_empty() {
            format!(
                "`{event}` has no attributes; declare them in world.yaml under `kinds: {event}: attributes`"
            )
        } else {
            format!("`{event}` has {}; more are declared in world.yaml under `kinds`", known.join(", "))
        };
        let hint = hint(name, known.iter().map(String::as_str), &otherwise);
        self.error(spot, format!("unknown attribute `{name}`"), hint);
        None
    }
}
