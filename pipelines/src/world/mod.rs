//! World folders: files to checked definitions.
//!
//! `folder ─parse→ trees ─shape→ definitions ─check→ LoadedWorld | every problem with its place`.
//! Nothing here runs a world or touches a network.

mod check;
mod choice;
mod collected;
pub(crate) mod examples;
mod expression;
mod folder;
mod greenvale;
mod json_schemas;
mod lore;
mod mapping;
mod misfit;
mod node;
mod problem;
mod reading;
mod shape;
mod spot;
mod sql_views;
mod templates;
mod texts;
mod tier_servers;
mod vocabulary;
pub mod yarn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use worldflow_operators::sql::View;
use worldflow_schemas::definitions::{
    ArcDef, BehaviourDef, ClimateDef, DialogueDef, LoreDef, NpcDef, PromptDef, QuestDef, RuleDef,
    ScheduleDef, SqlViewDef, StoryletDef, WorldDef,
};
use worldflow_schemas::input::{DefinitionEdit, Only};
use worldflow_schemas::{Command, Sym};

use crate::text::Texts;

pub(crate) use collected::read_map;
use collected::{Collected, Definitions};
pub use expression::condition as condition_of_text;
pub(crate) use folder::TESTS;
pub use folder::{Folder, FolderError, MAX_FILE_BYTES, MAX_FILES};
pub use json_schemas::json_schemas;
pub use mapping::{MappingError, open_mapping, read_definition};
pub use problem::{Place, Problem, Problems, Severity, did_you_mean};
pub(crate) use spot::{Document, Spot, fill_snippets, parse as parse_document};
pub use tier_servers::{GivenTier, GivenTiers, TierServers};
pub(crate) use tier_servers::{served, usual_tier};
pub(crate) use vocabulary::Naming;
pub use vocabulary::Vocabulary;

/// A world that has been read and checked: what a realm is started from.
#[derive(Clone, Debug)]
pub struct LoadedWorld {
    /// What is fixed while a realm runs.
    pub world: Arc<WorldDef>,
    /// Quests by id.
    pub quests: BTreeMap<String, Arc<QuestDef>>,
    /// Climates by id.
    pub climates: BTreeMap<String, Arc<ClimateDef>>,
    /// Scheduled world events by id.
    pub schedules: BTreeMap<String, Arc<ScheduleDef>>,
    /// NPCs that speak, by id.
    pub npcs: BTreeMap<String, Arc<NpcDef>>,
    /// Prompts by id.
    pub prompts: BTreeMap<String, Arc<PromptDef>>,
    /// Views in SQL, by name.
    pub views: BTreeMap<String, Arc<SqlViewDef>>,
    /// Rules by id.
    pub rules: BTreeMap<String, Arc<RuleDef>>,
    /// Storylets by id.
    pub storylets: BTreeMap<String, Arc<StoryletDef>>,
    /// Behaviours by id.
    pub behaviours: BTreeMap<String, Arc<BehaviourDef>>,
    /// Documents of lore by id: those of the world, and those that it shares with others.
    pub lore: BTreeMap<String, Arc<LoreDef>>,
    /// Arcs by id.
    pub arcs: BTreeMap<String, Arc<ArcDef>>,
    /// Nodes of dialogue by title.
    pub dialogues: BTreeMap<String, Arc<DialogueDef>>,
    /// The texts that players see, in every language; `None` when the world declares none.
    pub texts: Option<Arc<Texts>>,
    /// Where quests stand, by id: `quests/daily.yaml:12:1`.
    pub places: BTreeMap<String, String>,
    /// Where each arc stands.
    pub places_of_arcs: BTreeMap<String, String>,
    /// Where the folder lies; `None` for the demo world inside the binary.
    pub path: Option<PathBuf>,
    /// Tiers without a server, and servers that are not in `world.yaml`.
    pub tier_servers: TierServers,
    /// What does not stop the world but should be known.
    pub warnings: Problems,
    /// What the folder's own archive calls it, such as a git commit; empty when that is not said.
    pub source_revision: String,
}

/// A world that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The definitions are wrong; every problem is listed.
    #[error("{0}")]
    Wrong(Problems),
}

impl LoadedWorld {
    /// Reads and checks the folder at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or with every problem in it.
    pub fn open(path: &Path) -> Result<LoadedWorld, WorldError> {
        LoadedWorld::load(&Folder::read(path)?)
    }

    /// The demo world, which is part of the binary.
    ///
    /// # Errors
    /// With every problem in it; a test makes sure that there is none.
    pub fn greenvale() -> Result<LoadedWorld, WorldError> {
        LoadedWorld::load(&Folder::greenvale())
    }

    /// Parses and checks the files of a world.
    ///
    /// # Errors
    /// With every problem in them.
    pub fn load(folder: &Folder) -> Result<LoadedWorld, WorldError> {
        let (world, problems) = load(folder);
        match world {
            Some(mut world) if !problems.has_errors() => {
                world.warnings = problems;
                Ok(world)
            }
            _ => Err(WorldError::Wrong(problems)),
        }
    }

    /// Every definition as the command that adds it, by kind and id, and that there are no others:
    /// what a realm is fed at every start. It also begins a fresh realm.
    #[must_use]
    pub fn definitions(&self) -> Vec<Command> {
        self.edits().into_iter().map(Command::Define).collect()
    }

    /// Its views in SQL, planned.
    #[must_use]
    pub fn planned_views(&self) -> Vec<View> {
        sql_views::planned_again(self)
    }

    /// Every definition as the edit that adds it, by kind and id, and that there are no others.
    #[must_use]
    pub fn edits(&self) -> Vec<DefinitionEdit> {
        let ids = |names: Vec<&String>| names.into_iter().map(|id| Sym::new(id)).collect();
        let only = DefinitionEdit::Only(Box::new(Only {
            quests: ids(self.quests.keys().collect()),
            climates: ids(self.climates.keys().collect()),
            schedules: ids(self.schedules.keys().collect()),
            npcs: ids(self.npcs.keys().collect()),
            views: ids(self.views.keys().collect()),
            rules: ids(self.rules.keys().collect()),
            storylets: ids(self.storylets.keys().collect()),
            behaviours: ids(self.behaviours.keys().collect()),
            lore: ids(self.lore.keys().collect()),
            prompts: ids(self.prompts.keys().collect()),
            arcs: ids(self.arcs.keys().collect()),
            dialogues: ids(self.dialogues.keys().collect()),
        }));
        let climates = self.climates.iter();
        let climates = climates.map(|(id, def)| DefinitionEdit::Climate(Sym::new(id), Some(def.clone())));
        let schedules = self.schedules.iter();
        let schedules = schedules.map(|(id, def)| DefinitionEdit::Schedule(Sym::new(id), Some(def.clone())));
        let quests = self.quests.iter();
        let quests = quests.map(|(id, def)| DefinitionEdit::Quest(Sym::new(id), Some(def.clone())));
        let npcs = self.npcs.iter();
        let npcs = npcs.map(|(id, def)| DefinitionEdit::Npc(Sym::new(id), Some(def.clone())));
        let views = self.views.iter();
        let views = views.map(|(id, def)| DefinitionEdit::View(Sym::new(id), Some(def.clone())));
        let rules = self.rules.iter();
        let rules = rules.map(|(id, def)| DefinitionEdit::Rule(Sym::new(id), Some(def.clone())));
        let storylets = self.storylets.iter();
        let storylets = storylets.map(|(id, def)| DefinitionEdit::Storylet(Sym::new(id), Some(def.clone())));
        let all = climates.chain(schedules).chain(quests).chain(npcs).chain(views).chain(rules);
        let behaviours = self.behaviours.iter();
        let behaviours =
            behaviours.map(|(id, def)| DefinitionEdit::Behaviour(Sym::new(id), Some(def.clone())));
        let lore = self.lore.iter();
        let lore = lore.map(|(id, def)| DefinitionEdit::Lore(Sym::new(id), Some(def.clone())));
        let prompts = self.prompts.iter();
        let prompts = prompts.map(|(id, def)| DefinitionEdit::Prompt(Sym::new(id), Some(def.clone())));
        let arcs = self.arcs.iter();
        let arcs = arcs.map(|(id, def)| DefinitionEdit::Arc(Sym::new(id), Some(def.clone())));
        let dialogues = self.dialogues.iter();
        let dialogues = dialogues.map(|(id, def)| DefinitionEdit::Dialogue(Sym::new(id), Some(def.clone())));
        let all = all.chain(storylets).chain(behaviours).chain(lore).chain(prompts).chain(arcs);
        all.chain(dialogues).chain([only]).collect()
    }
}

/// Every problem of a world folder, errors and warnings, by file and place.
#[must_use]
pub fn check(folder: &Folder) -> Problems {
    load(folder).1
}

/// The views in SQL of a world folder, planned; those with problems are left out.
#[must_use]
pub fn sql_views(folder: &Folder) -> Vec<View> {
    let mut problems = Problems::default();
    let documents = spot::parse_all(folder, &mut problems);
    let none = templates::Made::default();
    let definitions = Definitions::collect(&documents, &none, &mut problems);
    sql_views::planned(folder, &definitions, &mut problems)
}

/// The texts of a world folder, and every problem of the folder; `None` when it declares no languages.
#[must_use]
pub fn texts(folder: &Folder) -> (Option<Texts>, Problems) {
    let mut problems = Problems::default();
    let documents = spot::parse_all(folder, &mut problems);
    let made = templates::expand(&documents, &mut problems);
    let mut definitions = Definitions::collect(&documents, &made, &mut problems);
    yarn::read(folder, &mut definitions, &mut problems);
    (texts::read(&definitions, &documents, &mut problems), problems)
}

/// The length of ticks of a world that does not say it.
const DEFAULT_TICK_MS: u32 = 10;

fn load(folder: &Folder) -> (Option<LoadedWorld>, Problems) {
    let mut problems = Problems::default();
    let documents = spot::parse_all(folder, &mut problems);
    let made = templates::expand(&documents, &mut problems);
    let lore = lore::read(folder, &mut problems);
    let mut definitions = Definitions::collect(&documents, &made, &mut problems);
    definitions.lore = lore::collect(&lore, &mut problems);
    definitions.unparsed = spot::unparsed(folder, &documents);
    yarn::read(folder, &mut definitions, &mut problems);
    let before = problems.0.len();
    let views = sql_views::planned(folder, &definitions, &mut problems);
    let incomplete = problems.0.len() > before;
    check::check(&definitions, folder, (&views, incomplete), &mut problems);
    let texts = texts::read(&definitions, &documents, &mut problems);
    problems.0.retain(|problem| !problem.message.contains(reading::STAND_IN));
    spot::fill_all_snippets(folder, &mut problems);
    problems.sort();
    // A mistake in a template is one, however many quests are made of it.
    problems.0.dedup_by(|a, b| (&a.file, a.place, &a.message) == (&b.file, b.place, &b.message));
    let places =
        definitions.quests.iter().map(|(id, placed)| (id.clone(), placed.spot.to_string())).collect();
    let places_of_arcs =
        definitions.arcs.iter().map(|(id, placed)| (id.clone(), placed.spot.to_string())).collect();
    let world = definitions.world.take().map(|placed| {
        let mut world = placed.definition;
        world.entities = defined(definitions.entities);
        // Their documents are definitions like any others, and may be others while the world runs.
        world.lore.shared.clear();
        let tier_servers = TierServers::taken_from(&mut world);
        LoadedWorld {
            world: Arc::new(world),
            quests: shared(definitions.quests),
            climates: shared(definitions.climates),
            schedules: shared(definitions.schedules),
            npcs: shared(definitions.npcs),
            views: sql_views::definitions(views),
            rules: shared(definitions.rules),
            storylets: shared(definitions.storylets),
            behaviours: shared(definitions.behaviours),
            prompts: shared(definitions.prompts),
            lore: shared(definitions.lore),
            arcs: shared(definitions.arcs),
            dialogues: shared(definitions.dialogues),
            texts: texts.map(Arc::new),
            places,
            places_of_arcs,
            path: folder.path.clone(),
            tier_servers,
            warnings: Problems::default(),
            source_revision: String::new(),
        }
    });
    (world, problems)
}

fn defined<T>(collected: Collected<'_, T>) -> BTreeMap<String, T> {
    collected.into_iter().map(|(id, placed)| (id, placed.definition)).collect()
}

fn shared<T>(collected: Collected<'_, T>) -> BTreeMap<String, Arc<T>> {
    collected.into_iter().map(|(id, placed)| (id, Arc::new(placed.definition))).collect()
}
