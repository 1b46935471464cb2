//! The names of a world, for what is written beside it: scenarios.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::catalog::Catalog;
use worldflow_sources::check::QUEST_KINDS;

use super::collected::Definitions;
use super::folder::Folder;
use super::problem::{Problems, hint};
use super::{spot, sql_views, templates};

/// What a name of an input or a row names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    Kind,
    Quest,
    Entity,
    Region,
    Zone,
    Fact,
}

impl Naming {
    fn label(self) -> &'static str {
        match self {
            Naming::Kind => "kind of event",
            Naming::Quest => "quest",
            Naming::Entity => "entity",
            Naming::Region => "region",
            Naming::Zone => "zone",
            Naming::Fact => "fact",
        }
    }
}

/// The names of a world.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Its views: what is built in, and its designers' that have no problem.
    pub catalog: Catalog,
    /// Whether there are others, which have.
    pub(crate) lacks_views: bool,
    /// `None` when the world has problems, so that something may be missing.
    names: Option<Names>,
}

#[derive(Clone, Debug)]
struct Names {
    /// Each kind, and whether its targets are entities.
    kinds: BTreeMap<String, bool>,
    quests: BTreeSet<String>,
    entities: BTreeSet<String>,
    regions: BTreeSet<String>,
    zones: BTreeSet<String>,
    facts: BTreeSet<String>,
}

impl Vocabulary {
    /// The names of the world in a folder.
    #[must_use]
    pub fn of(folder: &Folder) -> Vocabulary {
        let mut problems = Problems::default();
        let documents = spot::parse_all(folder, &mut problems);
        let made = templates::expand(&documents, &mut problems);
        let definitions = Definitions::collect(&documents, &made, &mut problems);
        let names = definitions.world.as_ref().filter(|_| !problems.has_errors()).map(|placed| {
            let world = &placed.definition;
            let kinds = world.kinds.iter().map(|(kind, def)| (kind.clone(), def.known_targets));
            Names {
                kinds: kinds.chain(QUEST_KINDS.map(|kind| (kind.to_owned(), false))).collect(),
                quests: definitions.quests.keys().cloned().collect(),
                entities: definitions.entities.keys().cloned().collect(),
                regions: world.regions.keys().cloned().collect(),
                zones: world.zones.keys().cloned().collect(),
                facts: world.facts.keys().cloned().collect(),
            }
        });
        let before = problems.0.len();
        let views = sql_views::planned(folder, &definitions, &mut problems);
        let lacks_views = problems.0.len() > before;
        let views = views.into_iter().filter_map(|view| view.designed().id().ok());
        let catalog = views.fold(Catalog::built_in(), |catalog, view| catalog.with(view).unwrap_or(catalog));
        Vocabulary { catalog, lacks_views, names }
    }

    /// What the target of an event names, if it has to be declared.
    pub(crate) fn target_of(&self, kind: &str) -> Option<Naming> {
        if QUEST_KINDS.contains(&kind) {
            return Some(Naming::Quest);
        }
        let known = self.names.as_ref()?.kinds.get(kind).copied();
        known.filter(|known| *known).map(|_| Naming::Entity)
    }

    /// What is wrong with a name, and what to do; `None` when nothing is, or when that cannot be known.
    pub(crate) fn unknown(&self, naming: Naming, name: &str) -> Option<(String, String)> {
        let names = self.names.as_ref()?;
        let known: Vec<&str> = match naming {
            Naming::Kind => names.kinds.keys().map(String::as_str).collect(),
            Naming::Quest => names.quests.iter().map(String::as_str).collect(),
            Naming::Entity => names.entities.iter().map(String::as_str).collect(),
            Naming::Region => names.regions.iter().map(String::as_str).collect(),
            Naming::Zone => names.zones.iter().map(String::as_str).collect(),
            Naming::Fact => names.facts.iter().map(String::as_str).collect(),
        };
        (!known.contains(&name)).then(|| {
            let label = naming.label();
            let otherwise =
                "the world declares none of this name; what is to be refused is sent with `refused:`";
            (format!("unknown {label} `{name}`"), hint(name, known, otherwise))
        })
    }
}
