//! Where things are: targets that are in another region than the one asked for, and quests that fail whoever is where they send them.
//!
//! A game server may move entities, so these are warnings.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{Condition, OneOrMany, Pattern, QuestDef};

use super::Checker;
use super::never::listed;
use crate::world::spot::Spot;

impl Checker<'_> {
    /// A pattern whose targets all have a place, and none of them where it asks.
    pub(super) fn check_target_there(&mut self, pattern: &Pattern, spot: Spot<'_>) {
        let (Some(target), Some(regions)) = (&pattern.target, &pattern.region) else { return };
        let definitions = self.definitions;
        let regions: BTreeSet<&str> = regions.as_slice().iter().map(String::as_str).collect();
        let mut there: BTreeSet<&str> = BTreeSet::new();
        for name in self.names.carriers(target.as_slice()) {
            let entity = definitions.entities.get(name).map(|placed| &placed.definition);
            match entity.and_then(|entity| entity.properties.get("region")?.as_str()) {
                Some(region) => there.insert(region),
                // It may be anywhere.
                None => return,
            };
        }
        if there.is_empty() || regions.is_empty() || !there.is_disjoint(&regions) {
            return;
        }
        let targets: BTreeSet<&str> = target.as_slice().iter().map(String::as_str).collect();
        let message =
            format!("{} is in {}, and this asks for {}", listed(&targets), listed(&there), listed(&regions));
        let hint = format!(
            "write `region: {}`, or leave `region` out; a game server may move entities, too",
            there.first().unwrap_or(&"")
        );
        self.warn(spot.key("region"), message, hint);
    }

    /// A quest that fails whoever is in the regions where one of its objectives is done.
    pub(super) fn check_fails_where_it_sends(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        let Some(fails) = &quest.fail_when else { return };
        for (_, stage) in quest.stages.iter() {
            for (id, objective) in stage.objectives.iter().filter(|(_, objective)| !objective.optional) {
                let regions = objective.region.as_ref().map_or(&[][..], OneOrMany::as_slice);
                let in_all = regions.iter().all(|region| holds_in(fails, region) == Some(true));
                if !regions.is_empty() && in_all {
                    let names: BTreeSet<&str> = regions.iter().map(String::as_str).collect();
                    let message =
                        format!("whoever is in {}, where `{id}` is done, fails the quest", listed(&names));
                    let hint = "let `fail_when` leave that region out, or ask for another region";
                    return self.warn(spot.key("fail_when"), message, hint);
                }
            }
        }
    }
}

/// Whether a condition that asks for nothing but regions holds in one; `None` for others.
fn holds_in(condition: &Condition, region: &str) -> Option<bool> {
    let Condition { region: asked, all, any, not, .. } = condition;
    let places_alone = Condition {
        region: asked.clone(),
        all: all.clone(),
        any: any.clone(),
        not: not.clone(),
        ..Condition::default()
    };
    if *condition != places_alone {
        return None;
    }
    let here = asked.as_ref().is_none_or(|asked| asked.as_slice().iter().any(|name| name == region));
    let each = |inner: &[Condition]| -> Option<Vec<bool>> {
        inner.iter().map(|inner| holds_in(inner, region)).collect()
    };
    let (all, any) = (each(all)?, each(any)?);
    let not = match not {
        Some(not) => !holds_in(not, region)?,
        None => true,
    };
    Some(here && not && all.into_iter().all(|holds| holds) && (any.is_empty() || any.contains(&true)))
}
