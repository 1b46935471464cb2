//! The world of the workload: 8 kinds, 64 targets with tags, 200 quests of 3 objectives.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow::world::LoadedWorld;
use worldflow_schemas::chance::below;
use worldflow_schemas::definitions::{
    EntityDef, KindDef, ObjectiveDef, OneOrMany, Ordered, QuestDef, StageDef, WorldDef,
};

/// Kinds of events.
pub(super) const KINDS: usize = 8;
/// Targets of events.
pub(super) const TARGETS: usize = 64;
/// Quests.
pub(super) const QUESTS: usize = 200;
/// Objectives of a quest.
pub(super) const OBJECTIVES: usize = 3;
const SEED: u64 = 2_000_000;

/// What an objective of the workload counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) kind: usize,
    /// One target, or all whose number leaves this remainder when divided by 4.
    pub(super) target: Result<usize, usize>,
    pub(super) need: u32,
}

impl Counts {
    pub(super) fn accepts(&self, kind: usize, target: usize) -> bool {
        self.kind == kind && self.target.map_or_else(|tag| target % 4 == tag, |one| target == one)
    }
}

pub(super) fn kind_name(kind: usize) -> String {
    format!("kind{kind}")
}

pub(super) fn target_name(target: usize) -> String {
    format!("target{target:02}")
}

pub(super) fn quest_name(quest: usize) -> String {
    format!("quest{quest:03}")
}

/// Whole numbers `0..n`, low ones more often: the place of a uniform draw in a Zipf distribution.
pub(super) fn zipf(weights: &[f64], draw: u64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a sample, the same everywhere")]
    let point = (draw >> 11) as f64 / (1_u64 << 53) as f64;
    weights.partition_point(|weight| *weight <= point).min(weights.len() - 1)
}

/// Cumulative weights of a Zipf distribution.
#[expect(clippy::cast_precision_loss, reason = "ranks are small")]
pub(super) fn zipf_weights(n: usize, exponent: f64) -> Vec<f64> {
    let mut weights: Vec<f64> = (1..=n).map(|rank| (rank as f64).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    for weight in &mut weights {
        sum += *weight / total;
        *weight = sum;
    }
    weights
}

/// What each objective of each quest counts. A function of the seed.
pub(super) fn objectives() -> Vec<[Counts; OBJECTIVES]> {
    let (kinds, targets) = (zipf_weights(KINDS, 1.0), zipf_weights(TARGETS, 1.0));
    let place = |quest: usize, objective: usize| (quest * OBJECTIVES + objective) as u64;
    let draw = |stream, at| worldflow_schemas::chance::draw(SEED, stream, "quests", at);
    let objective = |quest, objective| {
        let at = place(quest, objective);
        let kind = zipf(&kinds, draw("kind", at));
        let target = zipf(&targets, draw("target", at));
        let by_tag = below(SEED, "by tag", "quests", at, 2) == 0;
        let need = u32::try_from(12 + below(SEED, "need", "quests", at, 49)).expect("small");
        Counts { kind, target: if by_tag { Err(target % 4) } else { Ok(target) }, need }
    };
    (0..QUESTS).map(|quest| std::array::from_fn(|n| objective(quest, n))).collect()
}

/// The world and its quests, without a folder.
#[must_use]
pub fn quest_world() -> LoadedWorld {
    let mut world: WorldDef = serde_json::from_value(serde_json::json!({"name": "quest-2m", "seed": SEED}))
        .expect("only a name and a seed are needed");
    for kind in 0..KINDS {
        world.kinds.insert(kind_name(kind), KindDef { max_per_second: u32::MAX, ..KindDef::default() });
    }
    for target in 0..TARGETS {
        let tags = vec![format!("tag{}", target % 4)];
        // Whoever is an NPC may be talked to, and so its events go to the NPCs' operator too.
        let kind = if target % 4 == 3 { "npc" } else { "object" }.to_owned();
        world.entities.insert(target_name(target), EntityDef { kind, tags, ..EntityDef::default() });
    }
    let mut quests = BTreeMap::new();
    for (quest, counted) in objectives().into_iter().enumerate() {
        quests.insert(quest_name(quest), Arc::new(quest_def(counted)));
    }
    LoadedWorld {
        world: Arc::new(world),
        quests,
        climates: BTreeMap::new(),
        schedules: BTreeMap::new(),
        npcs: BTreeMap::new(),
        views: BTreeMap::new(),
        rules: BTreeMap::new(),
        storylets: BTreeMap::new(),
        behaviours: BTreeMap::new(),
        prompts: BTreeMap::new(),
        lore: BTreeMap::new(),
        arcs: BTreeMap::new(),
        dialogues: BTreeMap::new(),
        texts: None,
        places: BTreeMap::new(),
        places_of_arcs: BTreeMap::new(),
        path: None,
        tier_servers: worldflow::world::TierServers::default(),
        warnings: worldflow::world::Problems::default(),
        source_revision: String::new(),
    }
}

/// A world with one quest, taken up by itself, that counts every `hit` of its player and never ends.
#[must_use]
pub fn one_quest_world(tick_ms: u32) -> LoadedWorld {
    let world = serde_json::json!({"name": "bench", "seed": SEED, "tick_ms": tick_ms});
    let mut world: WorldDef = serde_json::from_value(world).expect("only a name and a seed are needed");
    world.kinds.insert("hit".into(), KindDef { max_per_second: u32::MAX, ..KindDef::default() });
    let objective =
        serde_json::from_value(serde_json::json!({"event": "hit"})).expect("only the kind is needed");
    let objective = ObjectiveDef { count: Some(1_000_000_000), ..objective };
    let mut def: QuestDef = serde_json::from_value(serde_json::json!({
        "title": "hits", "accept": "auto", "stages": {}
    }))
    .expect("the shape of a quest");
    let objectives = Ordered(vec![("hits".to_owned(), objective)]);
    def.stages = Ordered(vec![("all".to_owned(), stage(objectives))]);
    LoadedWorld {
        world: Arc::new(world),
        quests: BTreeMap::from([("hits".to_owned(), Arc::new(def))]),
        climates: BTreeMap::new(),
        schedules: BTreeMap::new(),
        npcs: BTreeMap::new(),
        views: BTreeMap::new(),
        rules: BTreeMap::new(),
        storylets: BTreeMap::new(),
        behaviours: BTreeMap::new(),
        prompts: BTreeMap::new(),
        lore: BTreeMap::new(),
        arcs: BTreeMap::new(),
        dialogues: BTreeMap::new(),
        texts: None,
        places: BTreeMap::new(),
        places_of_arcs: BTreeMap::new(),
        path: None,
        tier_servers: worldflow::world::TierServers::default(),
        warnings: worldflow::world::Problems::default(),
        source_revision: String::new(),
    }
}

fn quest_def(counted: [Counts; OBJECTIVES]) -> QuestDef {
    let objective = |counts: Counts| -> ObjectiveDef {
        let target = counts.target.map_or_else(|tag| format!("tag{tag}"), target_name);
        let mut def: ObjectiveDef =
            serde_json::from_value(serde_json::json!({"event": kind_name(counts.kind)}))
                .expect("only the kind is needed");
        def.target = Some(OneOrMany::One(target));
        def.count = Some(counts.need);
        def
    };
    let objectives = counted.into_iter().enumerate();
    let objectives =
        Ordered(objectives.map(|(n, counts)| (format!("objective{n}"), objective(counts))).collect());
    let mut def: QuestDef = serde_json::from_value(serde_json::json!({
        "title": "a quest", "stages": {}, "rewards": {"slots": {"coin": {"item": "coin", "amount": 5}}}
    }))
    .expect("the shape of a quest");
    def.stages = Ordered(vec![("all".to_owned(), stage(objectives))]);
    def
}

/// A stage that all of these objectives complete.
fn stage(objectives: Ordered<ObjectiveDef>) -> StageDef {
    let stage = serde_json::from_value(serde_json::json!({"objectives": {}}));
    StageDef { objectives, ..stage.expect("only objectives are needed") }
}
