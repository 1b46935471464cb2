//! The world that the definitions live in: what they name is declared as it is first named.

use std::collections::BTreeMap;

use super::yaml::{Yaml, map};

/// A world folder in the making.
#[derive(Default)]
pub(crate) struct World {
    facts: BTreeMap<String, Yaml>,
    lifetime: BTreeMap<String, Yaml>,
    /// Entities by id: kind and properties.
    entities: BTreeMap<String, (&'static str, Yaml)>,
    /// What each id stands for, so that no two names become one id.
    names: BTreeMap<String, String>,
    pub(crate) quests: File,
    pub(crate) projects: File,
    pub(crate) badges: File,
}

/// The definitions of one file.
pub(crate) type File = Vec<(String, Yaml)>;

/// The most that one event may count.
const MOST: i64 = 1_000_000;

/// What an event that adds to a project says of it.
const STEP: &[(&str, &str)] = &[("project", "id"), ("step", "id")];

/// Kinds of events: name, what it is, whether its target is declared, attributes.
const KINDS: [(&str, &str, bool, &[(&str, &str)]); 17] = [
    ("flag", "a flag of the player's quests is set; the target names it", true, &[]),
    ("counter", "a counter of the player's quests goes up; the target names it", true, &[]),
    ("make", "something is made by the recipe that the target names", true, &[]),
    ("gain", "items come to the player", true, &[]),
    ("lose", "items leave the player", true, &[]),
    ("earn", "currants come to the player", false, &[]),
    ("spend", "currants leave the player", false, &[]),
    ("report", "the player tells an NPC that it is done", true, &[]),
    ("give", "items go into a step of a project", true, STEP),
    ("pay", "currants go into a project, or claim one", false, STEP),
    ("work", "a unit of work on a project, with the tool that the target names", true, STEP),
    ("stat", "a statistic of the player goes up: the target is its group", true, &[("label", "id")]),
    ("learn", "the player learns the skill that the target names", true, &[]),
    ("level_up", "the player reaches a level", false, &[]),
    ("favor", "a giant, the target, likes the player better", true, &[]),
    ("allow", "the game's own code says that the quest may be offered", true, &[]),
    ("conclude", "the game's own code says that it is done", true, &[]),
];

impl World {
    /// An id for a name: other characters become dots, and no two names one id.
    pub(crate) fn id(&mut self, of: &str, name: &str) -> String {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let lower = name.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|c| !fits(c)).filter(|word| !word.is_empty()).collect();
        let id = format!("{of}{}", words.join("."));
        let known = self.names.entry(id.clone()).or_insert_with(|| name.to_owned());
        assert_eq!(known, name, "both would be {id}");
        id
    }

    /// Declares an entity.
    pub(crate) fn entity(&mut self, kind: &'static str, of: &str, name: &str) -> String {
        let id = self.id(of, name);
        self.entities.entry(id.clone()).or_insert((kind, Yaml::new()));
        id
    }

    /// Notes a property of an entity: what is shown of it, and decides nothing.
    pub(crate) fn property(&mut self, entity: &str, name: &str, value: impl Into<Yaml>) {
        let (_, properties) = self.entities.get_mut(entity).expect("it has been declared");
        properties.put(name, value);
    }

    fn fact(&mut self, name: String, kind: &str, default: Yaml, changed_by: Vec<Yaml>) -> String {
        let fact =
            || map([("type", kind.into()), ("default", default), ("changed_by", Yaml::List(changed_by))]);
        self.facts.entry(name.clone()).or_insert_with(fact);
        name
    }

    /// How many of an item a player holds.
    pub(crate) fn held(&mut self, item: &str) -> String {
        let item = self.entity("object", "", item);
        let on = [("gain", 1), ("lose", -1)].map(|(event, by)| update(event, Some(&item), by.into()));
        self.fact(format!("held_{item}"), "int", 0.into(), on.to_vec())
    }

    /// How many currants a player holds.
    pub(crate) fn currants(&mut self) -> String {
        let on = [("earn", 1), ("spend", -1)].map(|(event, by)| update(event, None, by.into()));
        self.fact("currants".to_owned(), "int", 0.into(), on.to_vec())
    }

    pub(crate) fn level(&mut self) -> String {
        self.fact("game_level".to_owned(), "int", 1.into(), vec![update("level_up", None, 1.into())])
    }

    /// Whether a player has a skill.
    pub(crate) fn skill(&mut self, skill: &str) -> String {
        let skill = self.entity("object", "skill_", skill);
        let on = vec![update("learn", Some(&skill), true.into())];
        self.fact(skill, "bool", false.into(), on)
    }

    /// How much a giant likes a player.
    pub(crate) fn favor(&mut self, giant: &str) -> String {
        let giant = self.entity("npc", "giant_", giant);
        let on = vec![update("favor", Some(&giant), 1.into())];
        self.fact(format!("favor_{giant}"), "int", 0.into(), on)
    }

    /// Whether the game's own code lets something be.
    pub(crate) fn allowed(&mut self, what: &str) -> String {
        let on = vec![update("allow", Some(what), true.into())];
        self.fact(format!("allowed_{what}"), "bool", false.into(), on)
    }

    /// A counter that a player keeps from the first event on.
    pub(crate) fn ever(&mut self, name: String, pattern: Yaml) -> String {
        let counter = map([("pattern", pattern)]);
        let known = self.lifetime.entry(name.clone()).or_insert_with(|| counter.clone());
        assert_eq!(*known, counter, "two counters are called {name}");
        name
    }

    /// The files of the folder.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let all = |entries: &BTreeMap<String, Yaml>| {
            Yaml::Map(entries.iter().map(|(id, value)| (id.clone(), value.clone())).collect())
        };
        let kinds = KINDS.iter().map(|(name, doc, known, attributes)| {
            let attributes = attributes.iter().map(|(name, kind)| ((*name).to_owned(), Yaml::from(*kind)));
            let kind = map([
                ("doc", (*doc).into()),
                ("max_amount", MOST.into()),
                ("known_targets", (*known).into()),
                ("attributes", Yaml::Map(attributes.collect())),
            ]);
            ((*name).to_owned(), kind)
        });
        let streets = ["groddle_meadow", "ix_street"].map(|street| (street.to_owned(), Yaml::new()));
        let world = map([
            ("name", "glitch".into()),
            ("seed", 11.into()),
            ("regions", Yaml::Map(streets.to_vec())),
            ("kinds", Yaml::Map(kinds.collect())),
            ("facts", all(&self.facts)),
            ("lifetime", all(&self.lifetime)),
        ]);
        let entities = self.entities.iter().map(|(id, (kind, properties))| {
            let mut entity = map([("kind", (*kind).into())]);
            if !properties.is_empty() {
                entity.put("properties", properties.clone());
            }
            (id.clone(), entity)
        });
        let mut files = vec![
            ("world.yaml".to_owned(), world.file()),
            ("entities.yaml".to_owned(), Yaml::Map(entities.collect()).file()),
        ];
        for (name, quests) in
            [("quests", &self.quests), ("projects", &self.projects), ("badges", &self.badges)]
        {
            files.push((format!("quests/{name}.yaml"), Yaml::Map(quests.clone()).file()));
        }
        files
    }
}

/// An event that changes a fact.
fn update(event: &str, target: Option<&str>, to: Yaml) -> Yaml {
    let mut pattern = map([("event", event.into())]);
    if let Some(target) = target {
        pattern.put("target", target);
    }
    let verb = if matches!(to, Yaml::Flag(_)) { "set" } else { "add" };
    map([("pattern", pattern), (verb, to)])
}
