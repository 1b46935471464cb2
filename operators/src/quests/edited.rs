//! What an edit of some quests may have changed for the others, so that only that is looked at again.
//!
//! `definitions before and after ─▶ quests whose conditions may have another outcome, for whomever`
//!
//! What holders keep of the edited quests themselves is carried over in `edits`.

use rustc_hash::FxHashSet;
use worldflow_schemas::Sym;
use worldflow_schemas::input::Scope;

use super::condition::Cond;
use super::plan::{Ix, Plan};
use super::quest_plan::QuestPlan;

/// The edits since definitions were last arranged.
#[derive(Debug, Default)]
pub(super) struct Edited {
    quests: FxHashSet<Ix>,
    /// Those of them that stand otherwise, as others see them, with whoever has no record of them.
    seen_otherwise: FxHashSet<Ix>,
    /// Exclusive groups and pools that have other members.
    groups: FxHashSet<Sym>,
    pools: FxHashSet<Sym>,
}

/// What others see of a quest by its definition alone.
fn seen_as(quest: &QuestPlan) -> (Scope, bool, Sym) {
    (quest.scope, quest.is_gated(), quest.exclusive)
}

impl Edited {
    pub(super) fn is_nothing(&self) -> bool {
        self.quests.is_empty()
    }

    /// Takes note of a definition that was replaced.
    pub(super) fn note(&mut self, ix: Ix, old: Option<&QuestPlan>, new: Option<&QuestPlan>) {
        self.quests.insert(ix);
        let both = || old.into_iter().chain(new);
        if old.map(seen_as) != new.map(seen_as) {
            self.seen_otherwise.insert(ix);
            self.groups.extend(both().map(|quest| quest.exclusive).filter(|group| !group.is_none()));
        }
        if old.map(|quest| quest.pool) != new.map(|quest| quest.pool) {
            self.pools.extend(both().map(|quest| quest.pool).filter(|pool| !pool.is_none()));
        }
    }

    /// What holders keep of one quest goes on as another's.
    pub(super) fn note_moved(&mut self, ix: Ix, from: Ix) {
        self.quests.extend([ix, from]);
        self.seen_otherwise.extend([ix, from]);
    }

    /// The edited quests, those that share a group or a pool with them, and those whose conditions name one that
    /// may be seen otherwise, or ask how far one is.
    pub(super) fn concerned(self, plan: &Plan) -> FxHashSet<Ix> {
        let Edited { mut quests, mut seen_otherwise, groups, pools } = self;
        let edited = quests.clone();
        for group in groups {
            quests.extend(plan.rivals(group));
            seen_otherwise.extend(plan.rivals(group));
        }
        pools.into_iter().for_each(|pool| quests.extend(plan.pools.members(pool)));
        let progress_is_asked = edited.iter().any(|ix| plan.progress_named.contains(ix));
        if !seen_otherwise.is_empty() || progress_is_asked {
            for ix in plan.all() {
                let Some(quest) = plan.get(ix) else { continue };
                let mut names = false;
                for cond in quest.conditions() {
                    cond.visit(&mut |cond| {
                        names |= match cond {
                            Cond::Quest(named, _) => seen_otherwise.contains(named),
                            Cond::Progress(named, ..) => edited.contains(named),
                            _ => false,
                        };
                    });
                }
                if names {
                    quests.insert(ix);
                }
            }
        }
        quests
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn define(plan: &mut Plan, name: &str, with: &Json) {
        let mut quest =
            json!({"title": name, "stages": {"s": {"objectives": {"o": {"event": "kill", "count": 2}}}}});
        quest.as_object_mut().expect("a map").extend(with.as_object().expect("a map").clone());
        let quest = serde_json::from_value(quest).expect("a quest");
        plan.define(Sym::new(name), Some(&quest));
    }

    /// The quests that are looked at again after an edit of one.
    fn concerned(name: &str, with: Option<Json>) -> String {
        let world = json!({"name": "w", "seed": 1,
            "pools": {"p": {"pick": 1, "every": {"daily": {"at": "04:00", "zone": "UTC"}}}}});
        let mut plan = Plan::new(&serde_json::from_value(world).expect("a world"));
        for (name, with) in [
            ("hub", json!({})),
            ("after", json!({"requires": {"quests": {"hub": "done"}}})),
            (
                "deep",
                json!({"requires": {"any": [{"not": {"quests": {"hub": "available"}}}, {"phase": "night"}]}}),
            ),
            ("fails", json!({"fail_when": {"quests": {"rival": "active"}}})),
            ("rival", json!({"exclusive_group": "g"})),
            ("other", json!({"exclusive_group": "g"})),
            ("daily", json!({"pool": "p"})),
            ("weekly", json!({"pool": "p"})),
            ("alone", json!({"requires": {"phase": "night"}})),
            ("far", json!({"requires": {"progress": {"weekly": {"o": {"at_least": 1}}}}})),
        ] {
            define(&mut plan, name, &with);
        }
        plan.arrange().expect("quests have come");
        match with {
            Some(with) => define(&mut plan, name, &with),
            None => drop(plan.define(Sym::new(name), None)),
        }
        let concerned = plan.arrange().expect("a quest has been edited");
        let mut names: Vec<&str> = concerned.iter().map(|ix| plan.name(*ix).as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    }

    #[test]
    fn an_edit_concerns_who_may_see_something_else_and_nobody_more() {
        let stages =
            |count| json!({"stages": {"s": {"objectives": {"o": {"event": "kill", "count": count}}}}});
        assert_eq!(concerned("hub", Some(stages(5))), "hub");
        assert_eq!(concerned("hub", Some(json!({"requires": {"phase": "night"}}))), "after deep hub");
        assert_eq!(concerned("hub", None), "after deep hub");
        assert_eq!(concerned("hub", Some(json!({"pool": "p"}))), "after daily deep hub weekly");
        assert_eq!(concerned("daily", Some(json!({}))), "daily weekly");
        assert_eq!(concerned("weekly", Some(stages(5))), "daily far weekly");
        // That of a rival there may be another in the way is seen by whoever asks for it.
        assert_eq!(concerned("other", Some(json!({}))), "fails other rival");
        assert_eq!(concerned("new", Some(json!({"exclusive_group": "g"}))), "fails new other rival");
        assert_eq!(concerned("alone", Some(json!({"requires": {"phase": "day"}}))), "alone");
    }
}
