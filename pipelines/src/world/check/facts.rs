//! Facts and lifetime counters.

use worldflow_schemas::definitions::{FactDef, FactKind};
use worldflow_schemas::input::Scope;

use super::Checker;
use super::conditions::{Operand, plain};
use crate::world::spot::Spot;

/// Why nobody changes a fact that counts members.
const KEPT: &str = "it follows from memberships and presence alone";

impl Checker<'_> {
    pub(super) fn check_facts(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, fact) in &world.definition.facts {
            let spot = world.spot.key("facts").name(name);
            self.check_id("fact", name, spot);
            self.check_fact_value(name, fact.kind, &fact.default, spot.key("default"));
            if fact.expires.is_some_and(|expires| expires.ms == 0) {
                self.error(
                    spot.key("expires"),
                    format!("`{name}` expires at once"),
                    "give a span such as `10m`, or remove `expires`",
                );
            }
            if fact.members {
                self.check_members(name, fact, spot);
            }
            for (index, update) in fact.changed_by.iter().enumerate() {
                let spot = spot.key("changed_by").item(index);
                self.check_pattern(&update.pattern, spot.key("pattern"));
                match (&update.set, &update.add) {
                    (Some(value), None) => self.check_fact_value(name, fact.kind, value, spot.key("set")),
                    (None, Some(step)) => self.check_fact_step(name, fact.kind, step, spot.key("add")),
                    (None, None) => self.error(
                        spot,
                        format!("this event does nothing to `{name}`"),
                        "give `set` or `add`",
                    ),
                    (Some(_), Some(_)) => {
                        self.error(spot.name("add"), "both `set` and `add` are given", "keep one of the two")
                    }
                }
            }
        }
    }

    /// A fact that counts the members of a group.
    fn check_members(&mut self, name: &str, fact: &FactDef, spot: Spot<'_>) {
        if !matches!(fact.scope, Scope::Party | Scope::Guild | Scope::Account | Scope::Instance) {
            let message = format!("nobody belongs to a {}", fact.scope.name());
            self.error(
                spot.key("members"),
                message,
                "give it the scope `party`, `guild`, `account` or `instance`",
            );
        }
        if fact.kind != FactKind::Int || fact.default != serde_json::json!(0) {
            let hint = "write `type: int, default: 0`";
            self.error(spot.key("members"), format!("`{name}` counts members, from 0 on"), hint);
        }
        let others = [
            ("changed_by", !fact.changed_by.is_empty()),
            ("expires", fact.expires.is_some()),
            ("personal", fact.personal),
        ];
        for (key, _) in others.into_iter().filter(|(_, given)| *given) {
            self.error(spot.name(key), format!("`{key}` with `members`"), KEPT);
        }
    }

    /// Whether nobody may change a fact, which is then reported.
    pub(super) fn is_kept_fact(&mut self, fact: &str, spot: Spot<'_>) -> bool {
        let world = self.definitions.world.as_ref();
        let kept = world.and_then(|world| world.definition.facts.get(fact)).is_some_and(|fact| fact.members);
        if kept {
            self.error(spot, format!("`{fact}` counts members and cannot be changed"), KEPT);
        }
        kept
    }

    /// A value that a fact is to have.
    pub(super) fn check_fact_value(
        &mut self,
        name: &str,
        kind: FactKind,
        value: &serde_json::Value,
        spot: Spot<'_>,
    ) {
        if kind == FactKind::Int && value.is_f64() {
            let message = format!("the fact `{name}` is a whole number, not `{}`", plain(value));
            self.error(spot, message, "round it, or declare the fact with `type: dec`");
        } else {
            let what = format!("the fact `{name}`");
            self.check_value(&what, Operand::of_fact(kind), value, "give it a value of its own type", spot);
        }
    }

    /// What is added to a fact.
    pub(super) fn check_fact_step(
        &mut self,
        name: &str,
        kind: FactKind,
        step: &serde_json::Number,
        spot: Spot<'_>,
    ) {
        if Operand::of_fact(kind) != Operand::Number {
            self.error(
                spot,
                format!("nothing can be added to the fact `{name}`, which is no number"),
                "use `set`",
            );
        } else if kind == FactKind::Int && step.is_f64() {
            let message = format!("the fact `{name}` is a whole number, and `{step}` is added");
            self.error(spot, message, "round it, or declare the fact with `type: dec`");
        }
    }

    pub(super) fn check_lifetime(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, counter) in &world.definition.lifetime {
            let spot = world.spot.key("lifetime").name(name);
            self.check_id("lifetime counter", name, spot);
            self.check_pattern(&counter.pattern, spot.key("pattern"));
            if counter.pattern.within.is_some() {
                let spot = spot.key("pattern").name("within");
                self.error(
                    spot,
                    "`within` counts from the opening of a stage, which a lifetime counter has not",
                    "remove it",
                );
            }
        }
    }
}
