//! Definitions gathered from all files of a world, each with its spot.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use worldflow_schemas::definitions::{
    ArcDef, BehaviourDef, ClimateDef, DialogueDef, EntityDef, LoreDef, NpcDef, PromptDef, QuestDef, RuleDef,
    ScheduleDef, StoryletDef, WorldDef,
};

use super::node::{Key, Node, NodeValue};
use super::problem::{Place, Problems, Severity, did_you_mean};
use super::spot::{Document, Spot};
use super::templates::Made;
use super::{reading, shape, yarn};

/// A definition and where it is written.
#[derive(Debug)]
pub(crate) struct Placed<'a, T> {
    pub(crate) definition: T,
    pub(crate) spot: Spot<'a>,
    /// Whether all of it could be read; what could not has been reported.
    pub(crate) whole: bool,
    /// What could not be read of it, by the places of keys and values.
    pub(crate) unread: Vec<Place>,
}

/// Whether all that is written at a spot could be read; `unread` is what could not, of the definition that it is in.
pub(crate) fn is_read(unread: &[Place], spot: Spot<'_>) -> bool {
    fn within(node: &Node, unread: &[Place]) -> bool {
        let is = |place: Place| unread.contains(&place);
        is(node.place)
            || match &node.value {
                NodeValue::Map(entries) => {
                    entries.iter().any(|(key, node)| is(key.place) || within(node, unread))
                }
                NodeValue::List(items) => items.iter().any(|node| within(node, unread)),
                _ => false,
            }
    }
    unread.is_empty() || !spot.node.is_some_and(|node| within(node, unread))
}

fn unread(misfits: &[shape::ShapeProblem]) -> Vec<Place> {
    misfits.iter().filter_map(|misfit| misfit.about).collect()
}

/// Definitions of one kind by id.
pub(crate) type Collected<'a, T> = BTreeMap<String, Placed<'a, T>>;

/// All definitions of a world.
#[derive(Debug, Default)]
pub(crate) struct Definitions<'a> {
    pub(crate) world: Option<Placed<'a, WorldDef>>,
    pub(crate) quests: Collected<'a, QuestDef>,
    pub(crate) climates: Collected<'a, ClimateDef>,
    pub(crate) schedules: Collected<'a, ScheduleDef>,
    pub(crate) npcs: Collected<'a, NpcDef>,
    pub(crate) prompts: Collected<'a, PromptDef>,
    pub(crate) rules: Collected<'a, RuleDef>,
    pub(crate) storylets: Collected<'a, StoryletDef>,
    pub(crate) behaviours: Collected<'a, BehaviourDef>,
    pub(crate) entities: Collected<'a, EntityDef>,
    pub(crate) lore: Collected<'a, LoreDef>,
    pub(crate) arcs: Collected<'a, ArcDef>,
    /// Nodes of Yarn files.
    pub(crate) dialogues: Collected<'a, DialogueDef>,
    /// What is said in them.
    pub(crate) spoken: Vec<yarn::Text<'a>>,
    /// The conditions that they ask for.
    pub(crate) dialogue_asks: Vec<yarn::Asked<'a>>,
    /// Whether they could not be compiled.
    pub(crate) dialogue_unread: bool,
    /// Ids of definitions of which too little could be read: known, so that naming them is no
    /// second problem.
    pub(crate) unreadable: Vec<String>,
    /// Keys of `world.yaml` of which something could not be read, or that are written otherwise.
    pub(crate) misread: BTreeSet<String>,
    /// Kinds of files of which one could not be parsed.
    pub(crate) unparsed: BTreeSet<String>,
}

impl<'a> Definitions<'a> {
    /// Reads every document into definitions; what does not fit is reported.
    pub(crate) fn collect(
        documents: &'a [Document],
        made: &'a Made,
        problems: &mut Problems,
    ) -> Definitions<'a> {
        let mut all = Definitions::default();
        for document in documents {
            let stem = document.file.trim_end_matches(".yaml").trim_end_matches(".yml");
            let kind = stem.split_once('/').map_or(stem, |(folder, _)| folder);
            let unreadable = &mut all.unreadable;
            match kind {
                "world" => all.world(document, problems),
                "quests" => collect_map(&mut all.quests, "quest", document, unreadable, problems),
                // A climate is long, so each has its own file, named by its id.
                "climates" if stem != kind => all.climate(document, problems),
                "climates" => collect_map(&mut all.climates, "climate", document, unreadable, problems),
                "schedules" => collect_map(&mut all.schedules, "schedule", document, unreadable, problems),
                "npcs" if is_of_prompts(stem) => {
                    collect_map(&mut all.prompts, "prompt", document, unreadable, problems);
                }
                "npcs" => collect_map(&mut all.npcs, "npc", document, unreadable, problems),
                "rules" => collect_map(&mut all.rules, "rule", document, unreadable, problems),
                "behaviours" => collect_map(&mut all.behaviours, "behaviour", document, unreadable, problems),
                "arcs" => collect_map(&mut all.arcs, "arc", document, unreadable, problems),
                "stories" => collect_map(&mut all.storylets, "storylet", document, unreadable, problems),
                "entities" => collect_map(&mut all.entities, "entity", document, unreadable, problems),
                // A template, a mapping of a recording, or another tool's file.
                _ => {}
            }
        }
        for document in &made.documents {
            collect_map(&mut all.quests, "quest", document, &mut all.unreadable, problems);
        }
        all
    }

    fn climate(&mut self, document: &'a Document, problems: &mut Problems) {
        let (climate, misfits) = reading::read::<ClimateDef>(None, &document.root);
        report(&document.file, &misfits, problems);
        let name = document.file.rsplit('/').next().unwrap_or_default();
        let id = name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
        match climate {
            Some(definition) => {
                let placed = Placed {
                    definition,
                    spot: Spot::top(document),
                    whole: misfits.is_empty(),
                    unread: unread(&misfits),
                };
                add(&mut self.climates, "climate", id, placed, problems);
            }
            None => self.unreadable.push(id),
        }
    }

    fn world(&mut self, document: &'a Document, problems: &mut Problems) {
        let (world, misfits) = reading::read_most::<WorldDef>(None, &document.root);
        let spot = Spot::top(document);
        self.misread = misread(document.root.entries(), &misfits);
        report(&document.file, &misfits, problems);
        let Some(mut definition) = world else { return };
        let entities = spot.key("entities");
        for (id, entity) in std::mem::take(&mut definition.entities) {
            let placed =
                Placed { definition: entity, spot: entities.name(&id), whole: true, unread: Vec::new() };
            add(&mut self.entities, "entity", id, placed, problems);
        }
        self.world = Some(Placed { definition, spot, whole: misfits.is_empty(), unread: unread(&misfits) });
    }
}

/// Whether a file of `npcs/` is one of prompts: `npcs/prompts.yaml`, or one of `npcs/prompts/`.
pub(crate) fn is_of_prompts(stem: &str) -> bool {
    stem.strip_prefix("npcs/prompts").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads a file that is a map by id; what does not fit is reported.
pub(crate) fn read_map<'a, T: DeserializeOwned>(
    document: &'a Document,
    kind: &str,
    problems: &mut Problems,
) -> Collected<'a, T> {
    let mut read = Collected::new();
    collect_map(&mut read, kind, document, &mut Vec::new(), problems);
    read
}

fn collect_map<'a, T: DeserializeOwned>(
    into: &mut Collected<'a, T>,
    kind: &str,
    document: &'a Document,
    unreadable: &mut Vec<String>,
    problems: &mut Problems,
) {
    let top = Spot::top(document);
    let entries = match &document.root.value {
        NodeValue::Map(entries) => entries,
        NodeValue::Null => return,
        _ => {
            let hint = format!("a file of this kind is a map: `id: {{...}}` for each {kind}");
            problems.0.push(top.problem(
                Severity::Error,
                "expected a map keyed by id".to_owned(),
                Some(hint),
            ));
            return;
        }
    };
    for (key, node) in entries {
        let (definition, misfits) = match kind {
            "quest" => reading::read_most::<T>(Some(key), node),
            _ => reading::read::<T>(Some(key), node),
        };
        report(&document.file, &misfits, problems);
        match definition {
            Some(definition) => {
                let whole = misfits.is_empty();
                let spot = spot_of(document, key, node);
                let placed = Placed { definition, spot, whole, unread: unread(&misfits) };
                add(into, kind, key.text.clone(), placed, problems);
            }
            None => unreadable.push(key.text.clone()),
        }
    }
}

/// The keys of a map in whose values something does not fit; of one that is not known, the one that is meant.
fn misread(entries: &[(Key, Node)], misfits: &[shape::ShapeProblem]) -> BTreeSet<String> {
    let before = |key: &Key, place: Place| (key.place.line, key.place.column) <= (place.line, place.column);
    let of = |misfit: &shape::ShapeProblem| {
        let (key, _) = entries.iter().rfind(|(key, _)| before(key, misfit.place))?;
        let known = SECTIONS.contains(&key.text.as_str());
        let meant = if known { None } else { did_you_mean(&key.text, SECTIONS) };
        Some(meant.unwrap_or(&key.text).to_owned())
    };
    misfits.iter().filter_map(of).collect()
}

/// The keys of `world.yaml` that declare names.
const SECTIONS: [&str; 10] =
    ["clock", "entities", "facts", "kinds", "lifetime", "occasions", "pools", "regions", "tiers", "zones"];

fn spot_of<'a>(document: &'a Document, key: &Key, node: &'a Node) -> Spot<'a> {
    Spot { file: &document.file, place: key.place, node: Some(node) }
}

pub(super) fn add<'a, T>(
    into: &mut Collected<'a, T>,
    kind: &str,
    id: String,
    placed: Placed<'a, T>,
    problems: &mut Problems,
) {
    if let Some(first) = into.get(&id) {
        let hint = format!(
            "it is given first in {}:{}; ids are unique in a world, so rename one",
            first.spot.file, first.spot.place.line
        );
        problems.0.push(placed.spot.problem(
            Severity::Error,
            format!("{kind} `{id}` is given twice"),
            Some(hint),
        ));
        return;
    }
    into.insert(id, placed);
}

pub(super) fn report(file: &str, misfits: &[shape::ShapeProblem], problems: &mut Problems) {
    for misfit in misfits {
        problems.0.push(super::problem::Problem {
            severity: Severity::Error,
            file: file.to_owned(),
            place: Some(misfit.place),
            message: misfit.message.clone(),
            hint: misfit.hint.clone(),
            snippet: None,
        });
    }
}
