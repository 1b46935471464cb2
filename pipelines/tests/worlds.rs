//! The worlds of this folder: right, complete, and part of the binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use worldflow::world::{Folder, LoadedWorld, check};
use worldflow_schemas::definitions::{Complete, Repeat, Since};
use worldflow_schemas::input::Scope;

fn worlds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds")
}

#[test]
fn every_world_is_right() {
    let mut seen = 0;
    for entry in std::fs::read_dir(worlds()).expect("the worlds are there") {
        let path = entry.expect("the folder can be listed").path();
        let problems = check(&Folder::read(&path).expect("a world folder"));
        assert_eq!(problems.to_string(), "", "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 1);
}

#[test]
fn the_binary_holds_every_file_of_greenvale() {
    let on_disk = Folder::read(&worlds().join("greenvale")).expect("Greenvale is there").files;
    let inside = Folder::greenvale().files;
    assert_eq!(on_disk.keys().collect::<Vec<_>>(), inside.keys().collect::<Vec<_>>());
    assert!(on_disk == inside, "a file differs; build again");
}

/// Keys that some quest has to have, at whatever place.
const KEYS: [&str; 24] = [
    "weather",
    "phase",
    "hours",
    "season",
    "moon",
    "facts",
    "quests",
    "level",
    "any",
    "not",
    "deadline",
    "fail_on",
    "fail_when",
    "exclusive_group",
    "hidden_until",
    "optional",
    "within",
    "where",
    "sum",
    "distinct",
    "max",
    "finisher",
    "contributors",
    "effects",
];

#[test]
fn greenvale_shows_much_of_the_quest_language() {
    let world = LoadedWorld::greenvale().expect("Greenvale is right");
    assert!(world.world.zones.len() >= 6 && world.world.regions.len() >= 10);
    assert!(world.world.entities.len() >= 40 && world.world.kinds.len() >= 12);
    assert!(world.quests.len() >= 15 && world.npcs.len() >= 3 && world.rules.len() >= 2);
    assert_eq!(
        world.definitions().len(),
        // One more says that there are no others.
        world.quests.len()
            + world.npcs.len()
            + world.climates.len()
            + world.schedules.len()
            + world.rules.len()
            + world.lore.len()
            + world.storylets.len()
            + world.behaviours.len()
            + world.prompts.len()
            + world.arcs.len()
            + world.views.len()
            + 1
    );

    let mut used: BTreeSet<String> = BTreeSet::new();
    for quest in world.quests.values() {
        used.insert(format!("scope {}", quest.scope.name()));
        let text = serde_json::to_string(quest).expect("a quest is plain data");
        for key in KEYS {
            if text.contains(&format!("\"{key}\":")) {
                used.insert(key.to_owned());
            }
        }
        match &quest.repeat {
            Some(Repeat::Always {}) => used.insert("always".to_owned()),
            Some(Repeat::Cooldown(_)) => used.insert("cooldown".to_owned()),
            Some(Repeat::Daily { .. }) => used.insert("daily".to_owned()),
            Some(Repeat::Weekly { .. }) => used.insert("weekly".to_owned()),
            Some(Repeat::Monthly { .. }) => used.insert("monthly".to_owned()),
            Some(Repeat::Calendar(_)) => used.insert("calendar".to_owned()),
            None => false,
        };
        for (_, stage) in quest.stages.iter() {
            used.insert(format!("{:?}", stage.complete).split('(').next().unwrap_or_default().to_owned());
            for (_, objective) in
                stage.objectives.iter().filter(|(_, objective)| objective.since != Since::Accept)
            {
                used.insert(format!("since {:?}", objective.since));
            }
        }
    }
    let others = ["always", "cooldown", "daily", "weekly", "since Ever", "since Reset"];
    let completes = [Complete::All, Complete::Any, Complete::AtLeast(1), Complete::Sequence]
        .map(|complete| format!("{complete:?}").split('(').next().unwrap_or_default().to_owned());
    let scopes = [Scope::Player, Scope::Party, Scope::Guild, Scope::Region, Scope::Realm]
        .map(|scope| format!("scope {}", scope.name()));
    for wanted in KEYS.into_iter().chain(others).map(str::to_owned).chain(completes).chain(scopes) {
        assert!(used.contains(&wanted), "no quest uses {wanted}");
    }
}

/// The page for designers: its first block is a world, the others are files of rules for it.
#[test]
fn every_example_of_the_page_on_rules_is_right() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let (world, rules) = blocks.split_first().expect("a world");
    assert!(rules.len() >= 5, "{} examples", rules.len());
    let names: Vec<String> = (0..rules.len()).map(|n| format!("rules/{n}.yaml")).collect();
    let files = names.iter().map(String::as_str).zip(rules.iter().copied());
    let problems = check(&Folder::of(files.chain([("world.yaml", *world)])));
    assert_eq!(problems.to_string(), "");
}
