//! What NPCs and storylets make of what a rule did, tick by tick, as docs/semantics.md says of depth.

use std::collections::BTreeSet;

use worldflow_schemas::Tick;
use worldflow_schemas::definitions::{Condition, Effect, StoryTrigger};

use super::Oracle;

/// What is met and what is changed in a tick after something acted.
#[derive(Clone, Default)]
struct Then {
    met: BTreeSet<String>,
    changed: BTreeSet<String>,
    by_story: BTreeSet<String>,
    /// Storylets that were met, but not because they follow another.
    fresh: BTreeSet<String>,
}

fn waits_for(when: &Condition, facts: &BTreeSet<String>, views: bool) -> bool {
    let mut named = when.facts.keys().any(|fact| facts.contains(fact));
    if let Some(compare) = &when.compare {
        compare.facts(|fact| named |= facts.contains(fact));
        compare.rows(|_| named |= views);
    }
    let mut inner = when.all.iter().chain(&when.any).chain(when.not.as_deref());
    named || inner.any(|inner| waits_for(inner, facts, views))
}

impl Oracle {
    /// Whether stories lead from a fact, or from a kind of event, to a row of a fact or of what was said, so many ticks later.
    pub fn stories_lead(&self, from: Result<&str, &str>, age: Tick, view: &str, fact: Option<&str>) -> bool {
        // Where some are decided over all players all may come a tick later.
        let claims = self.spoken.storylets.values().any(|def| def.limits.are_shared());
        let mut all: Vec<Then> = Vec::new();
        let mut next = Then::default();
        if let Ok(fact) = from {
            next.changed.insert(fact.to_owned());
        }
        for tick in 0..=age {
            let mut now = std::mem::take(&mut next);
            let kind = from.err().filter(|_| tick == 0);
            let views =
                all.last().is_some_and(|then| tick == 1 || !then.met.is_empty() || !then.changed.is_empty());
            let addressed = self.spoken.npcs.values().any(|npc| Some(npc.addressed_by.as_str()) == kind);
            for (id, npc) in &self.spoken.npcs {
                if Some(npc.addressed_by.as_str()) == kind || waits_for(&npc.when, &now.changed, views) {
                    now.met.insert(format!("npc {id}"));
                }
            }
            for (id, def) in &self.spoken.storylets {
                let mut conditions =
                    def.criteria.values().map(|criterion| &criterion.when).chain([&def.when]);
                let follows = || {
                    all.iter().flat_map(|then| &then.met).any(|met| {
                        let before = self.spoken.storylets.get(met);
                        before
                            .and_then(|before| before.then.as_ref())
                            .is_some_and(|then| then.storylet == *id)
                    })
                };
                let met = match &def.trigger {
                    StoryTrigger::Addressed | StoryTrigger::Bark {} => addressed,
                    StoryTrigger::Holds {} => conditions.any(|when| waits_for(when, &now.changed, views)),
                    StoryTrigger::Happens(pattern) => Some(pattern.event.as_str()) == kind,
                    StoryTrigger::FollowUp {} => false,
                };
                if met {
                    now.fresh.insert(id.clone());
                }
                let late = claims && all.last().is_some_and(|then| then.fresh.contains(id));
                if met || late || follows() {
                    now.met.insert(id.clone());
                    next.by_story.extend(def.effects.iter().map(|effect| match effect {
                        Effect::Set { fact, .. } | Effect::Add { fact, .. } => fact.clone(),
                    }));
                }
            }
            next.changed = next.by_story.clone();
            if let Some(kind) = kind {
                let facts = self.world.facts.keys().filter(|fact| self.changes_fact(fact, kind));
                next.changed.extend(facts.cloned());
            }
            all.push(now);
        }
        let Some(then) = all.last() else { return false };
        match view {
            "facts" => fact.is_some_and(|fact| then.by_story.contains(fact)),
            "npc_requests" | "npc_lines" => !then.met.is_empty(),
            _ => false,
        }
    }
}
