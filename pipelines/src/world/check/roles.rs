//! Roles of quests: who may have one, and who names it.

use worldflow_schemas::definitions::{ObjectiveDef, QuestDef, Since};
use worldflow_schemas::input::Scope;

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_roles(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        self.roles = quest.roles.iter().map(|(name, _)| name.to_owned()).collect();
        let spot = spot.key("roles");
        for (name, role) in quest.roles.iter() {
            self.check_id("role", name, spot.name(name));
            let spot = spot.key(name);
            self.check_choice(Sort::Target, Some(&role.one_of), spot.key("one_of"));
            self.check_choice(Sort::Region, role.region.as_ref(), spot.key("region"));
            if role.here && !matches!(quest.scope, Scope::Player | Scope::Region) {
                let message = format!("a {} is in no region", quest.scope.name());
                let hint = "say in which one with `region`, or give the quest the scope player or region";
                self.error(spot.name("here"), message, hint);
            }
        }
    }

    /// Whether the quest has a role that one of its patterns names.
    pub(super) fn check_role(&mut self, role: &str, spot: Spot<'_>) {
        if self.roles.iter().any(|name| name == role) {
            return;
        }
        let names = self.roles.clone();
        let otherwise = "roles are declared in the quest, `roles: {prey: {one_of: beast}}`, and named by its own patterns only";
        let hint = hint(role, names.iter().map(String::as_str), otherwise);
        self.error(spot, format!("unknown role `{role}`"), hint);
    }

    /// Everyone who does their part, and who has a role, as objectives.
    pub(super) fn check_everyone(&mut self, quest: &QuestDef, objective: &ObjectiveDef, spot: Spot<'_>) {
        if objective.everyone {
            if !matches!(quest.scope, Scope::Party | Scope::Guild | Scope::Account | Scope::Instance) {
                let message = format!("nobody belongs to a {}", quest.scope.name());
                let hint = "give the quest the scope party, guild, account or instance, or remove `everyone`";
                self.error(spot.name("everyone"), message, hint);
            }
            if objective.aggregate().1 == 0 {
                let hint = "let each do something: `count: 1`";
                self.error(spot.name("everyone"), "nobody has to do anything", hint);
            }
        }
        if objective.role.is_some() && (objective.distinct.is_some() || objective.percent.is_some()) {
            let hint = "there is one target only; use `count`, or name a `target`";
            self.error(spot.name("role"), "different targets are asked for, and one has the role", hint);
        }
        if objective.role.is_some() && objective.since != Since::Accept {
            let hint = "remove `since`, or name a `target`";
            self.error(spot.name("role"), "before acceptance nobody has the role", hint);
        }
    }
}
