//! What grows without end, or far too much, by the definitions alone: warnings.

use worldflow_operators::rules::MOST_WAITING;
use worldflow_schemas::definitions::{ObjectiveDef, RuleDef, Trigger};

use super::Checker;
use crate::world::spot::Spot;

/// So many different values of one objective are kept for each holder without a word.
const MANY_VALUES: u32 = 10_000;

impl Checker<'_> {
    /// Different values are kept until there are enough of them.
    pub(super) fn check_values_kept(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        let Some(need) = objective.distinct.filter(|need| *need > MANY_VALUES) else { return };
        let message = format!("up to {need} different values are kept for each holder");
        let hint = format!("ask for at most {MANY_VALUES}, or count with `count`");
        self.warn(spot.key("distinct"), message, hint);
    }

    /// A rule that is triggered more often than it acts.
    pub(super) fn check_waiting(&mut self, rule: &RuleDef, spot: Spot<'_>) {
        let (Trigger::Every(every), Some(after)) = (&rule.trigger, rule.after) else { return };
        let most = u64::try_from(MOST_WAITING).unwrap_or(u64::MAX);
        let chance = rule.chance.as_ref().and_then(serde_json::Number::as_f64).unwrap_or(1.0);
        if every.span.world != after.world || every.span.ms == 0 || chance < 1.0 {
            return;
        }
        let waiting = after.ms / every.span.ms;
        if waiting > most {
            let message = format!(
                "{waiting} would wait at once, and of one rule and holder {most} may: the others are refused"
            );
            self.warn(spot.key("after"), message, "let it be triggered less often, or act sooner");
        }
    }
}
