//! Which storylets that are said unasked depend on which fact of a player: what is to be looked at when one has changed.
//!
//! `conditions ─facts named→ by_fact`. Of all else that may change, everything is looked at, but for rows of views that no condition
//! names.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::Condition;

/// What depends on facts.
#[derive(Debug, Default)]
pub(super) struct Depending {
    by_fact: FxHashMap<Sym, Vec<Sym>>,
    /// The facts on which it depends whether NPCs speak at all, or what a tier is asked.
    of_all: FxHashSet<Sym>,
    /// The views that conditions name.
    views: FxHashSet<Sym>,
}

impl Depending {
    /// The index of these: storylets with their conditions, the conditions of NPCs, and the facts that prompts read.
    pub(super) fn of<'a>(
        storylets: impl Iterator<Item = (Sym, Vec<&'a Condition>)>,
        npcs: impl Iterator<Item = &'a Condition>,
        prompts: impl Iterator<Item = Sym>,
    ) -> Depending {
        let mut all = Depending { of_all: prompts.collect(), ..Depending::default() };
        for (storylet, conditions) in storylets {
            let mut facts = FxHashSet::default();
            conditions.into_iter().for_each(|condition| named(condition, &mut facts, &mut all.views));
            for fact in facts {
                all.by_fact.entry(fact).or_default().push(storylet);
            }
        }
        npcs.for_each(|condition| named(condition, &mut all.of_all, &mut all.views));
        all
    }

    /// Whether any condition looks up rows of a view.
    pub(super) fn sees(&self, view: Sym) -> bool {
        self.views.contains(&view)
    }

    /// The storylets that one of these facts may have made fit; `None` if it may be any.
    pub(super) fn on(&self, facts: &[Sym]) -> Option<Vec<Sym>> {
        if facts.iter().any(|fact| self.of_all.contains(fact)) {
            return None;
        }
        let mut storylets: Vec<Sym> =
            facts.iter().filter_map(|fact| self.by_fact.get(fact)).flatten().copied().collect();
        storylets.sort_unstable();
        storylets.dedup();
        Some(storylets)
    }
}

/// The facts and views that a condition names, wherever in it.
fn named(condition: &Condition, facts: &mut FxHashSet<Sym>, views: &mut FxHashSet<Sym>) {
    facts.extend(condition.facts.keys().map(|fact| Sym::new(fact)));
    if let Some(compare) = &condition.compare {
        compare.facts(|fact| {
            facts.insert(Sym::new(fact));
        });
        compare.rows(|row| {
            views.insert(Sym::new(&row.view));
        });
    }
    for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
        named(inner, facts, views);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(json: &str) -> Condition {
        serde_json::from_str(json).expect("a condition")
    }

    #[test]
    fn facts_are_found_wherever_they_stand() {
        let a = condition(
            r#"{"any": [{"facts": {"met": true}}, {"not": {"facts": {"fame": {"at_least": 2}}}}]}"#,
        );
        let b =
            condition(r#"{"level": {"at_least": 2}, "compare": "fame - mood > view.hunters[player].kills"}"#);
        let of_npc = condition(r#"{"facts": {"banned": false}}"#);
        let (one, two) = (Sym::new("one"), Sym::new("two"));
        let storylets = [(one, vec![&a]), (two, vec![&b])];
        let all = Depending::of(
            storylets.into_iter(),
            std::iter::once(&of_npc),
            std::iter::once(Sym::new("unrest")),
        );
        let on = |fact| all.on(&[Sym::new(fact)]).map(|on| on.len());
        assert_eq!((on("met"), on("mood"), on("fame"), on("coin")), (Some(1), Some(1), Some(2), Some(0)));
        assert_eq!(on("banned"), None, "an NPC may speak now that did not");
        assert_eq!(on("unrest"), None, "what would be asked is another question");
        assert!(all.sees(Sym::new("hunters")) && !all.sees(Sym::new("memories")));
    }
}
