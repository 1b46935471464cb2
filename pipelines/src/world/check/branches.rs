//! Stages that are done in one of several ways, and what depends on it.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{After, Complete, QuestDef, StageDef};

use super::Checker;
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_branches(&mut self, quest: &QuestDef, name: &str, stage: &StageDef, spot: Spot<'_>) {
        if stage.times == 0 {
            self.error(spot.key("times"), "`times: 0` is done before it begins", "give at least 1");
        }
        self.check_after(quest, &stage.after, Some(name), spot.key("after"));
        let branches = branches_of(stage);
        if branches.is_empty() {
            return;
        }
        if stage.complete.is_sequence() {
            self.error(
                spot.key("complete"),
                "a sequence has no branches",
                "let a stage choose the branch, and give later stages `after: {<stage>: <branch>}`",
            );
        }
        for branch in branches {
            let of = |wanted: bool| {
                stage.objectives.iter().filter(move |(_, objective)| {
                    objective.branch.as_deref().is_none_or(|of| of == branch && wanted) && !objective.optional
                })
            };
            let first =
                stage.objectives.iter().find(|(_, objective)| objective.branch.as_deref() == Some(branch));
            let at = first.map_or(spot, |(id, _)| spot.key("objectives").name(id).key("branch"));
            self.check_id("branch", branch, at);
            let needed = of(true).count();
            if needed == of(false).count() {
                self.error(
                    at,
                    format!("every objective of the branch `{branch}` is optional"),
                    "a branch needs one that is not",
                );
            }
            if let Complete::AtLeast(least) = stage.complete
                && least as usize > needed
            {
                let message = format!("the branch `{branch}` asks for {least} objectives and has {needed}");
                self.error(
                    at,
                    message,
                    "objectives without a branch count for each; ask for fewer, or add some",
                );
            }
        }
    }

    /// Stages that must have been done by branches; `here` is the stage that asks, if it is one.
    pub(super) fn check_after(
        &mut self,
        quest: &QuestDef,
        after: &After,
        here: Option<&str>,
        spot: Spot<'_>,
    ) {
        for (name, branch) in after {
            let earlier = || quest.stages.iter().take_while(|(id, _)| Some(*id) != here);
            let Some((_, stage)) = earlier().find(|(id, _)| id == name) else {
                let branched =
                    earlier().filter(|(_, stage)| !branches_of(stage).is_empty()).map(|(id, _)| id);
                let known: Vec<&str> = branched.collect();
                let otherwise = if known.is_empty() {
                    "give objectives of an earlier stage a `branch`".to_owned()
                } else {
                    format!("earlier stages with branches are {}", known.join(", "))
                };
                let hint = hint(name, known.iter().copied(), &otherwise);
                self.error(spot.name(name), format!("`{name}` is no earlier stage"), hint);
                continue;
            };
            let branches = branches_of(stage);
            if !branches.contains(branch.as_str()) {
                let known: Vec<&str> = branches.into_iter().collect();
                let otherwise = if known.is_empty() {
                    format!("the stage `{name}` has no branches")
                } else {
                    format!("the stage `{name}` has {}", known.join(", "))
                };
                let hint = hint(branch, known.iter().copied(), &otherwise);
                self.error(spot.key(name), format!("unknown branch `{branch}`"), hint);
            }
        }
    }
}

fn branches_of(stage: &StageDef) -> BTreeSet<&str> {
    stage.objectives.iter().filter_map(|(_, objective)| objective.branch.as_deref()).collect()
}
