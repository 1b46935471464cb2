//! Every pattern of events that something in a world counts: what there is to do in it.

use worldflow_schemas::definitions::Pattern;

use crate::world::LoadedWorld;

/// Those of objectives, facts and lifetime counters, in the order of their ids and of the files.
pub(crate) fn patterns(world: &LoadedWorld) -> Vec<Pattern> {
    let stages = world.quests.values().flat_map(|quest| quest.stages.iter().map(|(_, stage)| stage));
    let objectives = stages.flat_map(|stage| stage.objectives.iter().map(|(_, objective)| objective));
    // What a condition must hold for is no deed.
    let objectives = objectives.filter(|of| of.holds.is_none()).map(|of| of.pattern());
    let facts = world
        .world
        .facts
        .values()
        .flat_map(|fact| fact.changed_by.iter().map(|update| update.pattern.clone()));
    let counters = world.world.lifetime.values().map(|counter| counter.pattern.clone());
    objectives.chain(facts).chain(counters).collect()
}
