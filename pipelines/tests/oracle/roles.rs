//! The evaluator's own reading of roles: who may have one, who has it, and what becomes of it.

use worldflow_schemas::definitions::{Lost, Pattern, QuestDef, RoleDef};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Event, Sym, chance};

use super::Oracle;
use super::conditions::one_of;

impl Oracle {
    /// Who may have a role, by text.
    fn candidates(&self, holder: Holder, role: &RoleDef) -> Vec<String> {
        let here = self.region_of(holder);
        let fits = |entity: &&String| {
            let tags = self.tags.get(*entity);
            let is_in = self.regions.get(*entity).map_or("", String::as_str);
            (one_of(&role.one_of, entity) || tags.into_iter().flatten().any(|tag| one_of(&role.one_of, tag)))
                && role.region.as_ref().is_none_or(|regions| one_of(regions, is_in))
                && (!role.here || (!here.is_none() && here.as_str() == is_in))
        };
        self.there.iter().filter(fits).cloned().collect()
    }

    fn region_of(&self, holder: Holder) -> Sym {
        match holder.scope {
            worldflow_schemas::input::Scope::Player => self.place(holder.id).region,
            worldflow_schemas::input::Scope::Region => holder.id,
            _ => Sym::NONE,
        }
    }

    /// Whether every role has somebody.
    pub(super) fn roles_are_open(&self, holder: Holder, def: &QuestDef) -> bool {
        def.roles.iter().all(|(_, role)| !self.candidates(holder, role).is_empty())
    }

    /// Gives a role to somebody.
    fn bind(&mut self, (holder, quest): (Holder, &str), name: &str, role: &RoleDef) {
        let all = self.candidates(holder, role);
        let seed = self.world.seed;
        let held = self.held(holder, quest);
        let taken = |entity: &&String| held.roles.iter().any(|(other, has)| other != name && has == *entity);
        let free: Vec<String> = all.iter().filter(|entity| !taken(entity)).cloned().collect();
        let from = if free.is_empty() { all } else { free };
        if from.is_empty() {
            return;
        }
        let key = format!("{quest}/{name}/{}:{}", holder.scope.name(), holder.id);
        let instance = u64::try_from(held.instance).expect("from 1");
        let drawn = chance::below(seed, "role", &key, instance, from.len() as u64);
        held.roles.insert(name.to_owned(), from[drawn as usize].clone());
    }

    /// Phase 4 of an open instance; also as it is accepted.
    pub(super) fn look_at_roles(&mut self, holder: Holder, quest: &str, def: &QuestDef) {
        if !self.held(holder, quest).state.is_open() {
            return;
        }
        for (name, role) in def.roles.iter() {
            let has = self.held(holder, quest).roles.get(name).cloned();
            let lost = has.as_ref().is_some_and(|entity| !self.there.contains(entity));
            match (has.is_none(), lost, role.lost) {
                (true, _, _) | (_, true, Lost::Rebind) => self.bind((holder, quest), name, role),
                (_, true, Lost::Fail) => self.held(holder, quest).failing = true,
                _ => {}
            }
        }
    }

    /// Whether the target of an event has the role that a pattern names.
    pub(super) fn has_role(&self, (holder, quest): (Holder, &str), pattern: &Pattern, event: &Event) -> bool {
        let Some(role) = &pattern.role else { return true };
        let held = self.held.get(&holder).and_then(|quests| quests.get(quest));
        held.and_then(|held| held.roles.get(role)).is_some_and(|has| has == event.target.as_str())
    }

    /// Who belongs to a group.
    pub(super) fn members(&self, group: Holder) -> Vec<Sym> {
        self.places.iter().filter(|(_, place)| place.is_in(group)).map(|(player, _)| *player).collect()
    }
}
