//! Roles: entities that have a part in an instance of a quest, chosen when it is accepted.
//!
//! `entities ─one_of, region→ candidates ─hash(seed, quest, role, holder, instance)→ one ─→ marks`
//!
//! That patterns name a role is looked at where an event is counted, for it hangs on the instance.

use worldflow_schemas::definitions::{Lost, RoleDef};
use worldflow_schemas::{Sym, chance};

use super::branches::{Mark, Said};
use super::context::Actor;
use super::core::{At, Core};
use super::messages::Gain;
use super::plan::{Ix, Plan};
use super::quest_plan::QuestPlan;

/// A role.
#[derive(Clone, Debug)]
pub(crate) struct RolePlan {
    pub(super) name: Sym,
    one_of: Vec<Sym>,
    regions: Option<Vec<Sym>>,
    here: bool,
    lost: Lost,
}

impl RolePlan {
    pub(super) fn new(name: &str, def: &RoleDef) -> RolePlan {
        let syms = |names: &[String]| names.iter().map(|name| Sym::new(name)).collect();
        RolePlan {
            name: Sym::new(name),
            one_of: syms(def.one_of.as_slice()),
            regions: def.region.as_ref().map(|regions| syms(regions.as_slice())),
            here: def.here,
            lost: def.lost,
        }
    }

    /// Who may have it, for a holder who is in a region.
    fn candidates<'a>(&'a self, plan: &'a Plan, region: Sym) -> impl Iterator<Item = Sym> + 'a {
        plan.entities(&self.one_of).filter(move |entity| {
            let is_in = plan.region_of(*entity);
            self.regions.as_ref().is_none_or(|regions| regions.contains(&is_in))
                && (!self.here || (!region.is_none() && region == is_in))
        })
    }

    /// Whether there is anybody to choose.
    pub(super) fn is_open(&self, plan: &Plan, region: Sym) -> bool {
        self.candidates(plan, region).next().is_some()
    }
}

impl Core {
    /// Chooses who has which part in an instance that begins.
    pub(super) fn bind_roles(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        for role in &quest.roles {
            self.bind_role(at, ix, quest, role);
        }
    }

    fn bind_role(&mut self, at: At, ix: Ix, quest: &QuestPlan, role: &RolePlan) {
        let holder = &self.holders[at as usize];
        let Some(record) = holder.records.get(&ix) else { return };
        let mut all: Vec<Sym> = role.candidates(&self.plan, Actor::of(holder).region).collect();
        all.sort_by(|a, b| a.cmp_text(*b));
        all.dedup();
        let others = quest.roles.iter().filter(|other| other.name != role.name);
        let taken: Vec<Said> = others.filter_map(|other| record.said(Mark::Role(other.name))).collect();
        let free: Vec<Sym> =
            all.iter().copied().filter(|entity| !taken.contains(&Said::Id(*entity))).collect();
        let from = if free.is_empty() { all } else { free };
        let key =
            format!("{}/{}/{}:{}", quest.quest, role.name, holder.holder.scope.name(), holder.holder.id);
        let drawn = chance::below(self.seed, "role", &key, record.instance.into(), from.len() as u64);
        if let Some(entity) = usize::try_from(drawn).ok().and_then(|drawn| from.get(drawn)).copied() {
            self.mark_as(at, ix, Mark::Role(role.name), Some(Said::Id(entity)));
        }
    }

    /// Phase 4: roles of open instances whose entity is no more, and those that an edit has added.
    pub(super) fn role_phase(&mut self) {
        if !self.plan.has_roles {
            return;
        }
        for (at, ix) in self.told_open(|quest| quest.roles_depend) {
            let Some(quest) = self.plan.get(ix).cloned() else { continue };
            for role in &quest.roles {
                let said = self.record(at, ix).said(Mark::Role(role.name));
                let is_there = |said: Said| matches!(said, Said::Id(entity) if self.plan.is_there(entity));
                match (said, role.lost) {
                    (Some(said), _) if is_there(said) => {}
                    (None, _) | (Some(_), Lost::Rebind) => self.bind_role(at, ix, &quest, role),
                    (Some(_), Lost::Keep) => {}
                    (Some(_), Lost::Fail) => {
                        if let Some(open) = self.holders[at as usize].instance_mut(ix) {
                            open.failed = true;
                        }
                        self.count_on(at, ix);
                    }
                }
            }
        }
    }

    /// Whether the target of an event has the role that its pattern names.
    pub(super) fn hits_role(&self, at: At, ix: Ix, role: Sym, gain: Gain) -> bool {
        let said = || self.holders[at as usize].records.get(&ix)?.said(Mark::Role(role));
        role.is_none() || matches!(said(), Some(Said::Id(entity)) if entity.hash128() == gain.item)
    }
}
