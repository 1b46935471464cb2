//! Nothing is dropped: what was converted is counted against the data itself, read without the converter.

use std::collections::BTreeMap;

use serde_json::Value;

use super::GLITCH;

/// How many rows of these kinds there are in a section of the page.
fn rows(section: &str, kinds: &[&str]) -> u64 {
    let (_, all) = GLITCH.tally.sections.iter().find(|(name, _)| *name == section).expect("a section");
    let of = |name: &&str| all.iter().find(|(known, _)| known == name).map_or(0, |(_, kind)| kind.rows());
    kinds.iter().map(of).sum()
}

fn of_kind(kind: &str) -> impl Iterator<Item = &'static Value> {
    GLITCH.quests.iter().filter(move |quest| quest["kind"] == kind)
}

/// How many requirements of a type there are.
fn requirements(kind: &str, types: &[&str]) -> u64 {
    let all = of_kind(kind).flat_map(|quest| quest["requirements"].as_array().expect("a list"));
    all.filter(|one| types.iter().any(|of| one["type"] == *of)).count() as u64
}

#[test]
fn every_quest_and_every_achievement_is_a_definition() {
    assert_eq!((GLITCH.quests.len(), GLITCH.badges.len()), (447, 665));
    let definitions = &GLITCH.tally.definitions;
    assert_eq!(definitions.len(), 447 + 665);
    let loaded = &GLITCH.loaded.quests;
    assert_eq!(loaded.keys().collect::<Vec<_>>(), definitions.keys().collect::<Vec<_>>());
    assert_eq!(rows("Definitions", &["player quests", "projects"]), 447);
    assert_eq!(rows("Definitions", &["achievements"]), 665);
    let count = |kind| of_kind(kind).count() as u64;
    assert_eq!(rows("Definitions", &["player quests"]), count("player_quest"));
    assert_eq!(rows("Definitions", &["projects"]), count("group_project"));
}

#[test]
fn every_field_is_read() {
    assert!(GLITCH.unread.is_empty(), "nobody reads {:?}", GLITCH.unread);
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &GLITCH.quests {
        for (key, _) in row.as_object().expect("a quest is an object") {
            *found.entry(key).or_insert(0) += 1;
        }
    }
    for (key, count) in found {
        assert_eq!(GLITCH.fields.get(&format!("quest.{key}")), Some(&count), "quest.{key}");
    }
}

#[test]
fn every_requirement_is_an_objective() {
    let player = "Requirements of players' quests";
    let asked: [(&[&str], &[&str]); 4] = [
        (&["flag"], &["flag", "flag `acquired_…`"]),
        (&["counter"], &["counter"]),
        (&["make"], &["make"]),
        (&["item"], &["item"]),
    ];
    for (types, kinds) in asked {
        assert_eq!(rows(player, kinds), requirements("player_quest", types), "{types:?}");
    }
    let project = "Requirements of projects";
    let asked: [(&[&str], &[&str]); 3] = [
        (&["item"], &["item"]),
        (&["currants"], &["currants"]),
        (&["work"], &["work", "work that needs a skill"]),
    ];
    for (types, kinds) in asked {
        assert_eq!(rows(project, kinds), requirements("group_project", types), "{types:?}");
    }
    let all: u64 =
        GLITCH.quests.iter().map(|quest| quest["requirements"].as_array().map_or(0, Vec::len) as u64).sum();
    let types = ["flag", "counter", "make", "item", "currants", "work"];
    assert_eq!(all, requirements("player_quest", &types) + requirements("group_project", &types));
    assert_eq!(all, 2_167);
    let objectives = |id: &Value| {
        let quest = &GLITCH.loaded.quests[id.as_str().expect("an id")];
        quest.stages.iter().map(|(_, stage)| stage.objectives.iter().count()).sum::<usize>()
    };
    for quest in &GLITCH.quests {
        let least = quest["requirements"].as_array().map_or(0, Vec::len);
        assert!(
            objectives(&quest["id"]) >= least.max(1),
            "{}: fewer objectives than requirements",
            quest["id"]
        );
    }
}

#[test]
fn every_condition_and_every_reward_is_there() {
    let conditions = |rows: &[Value], key: &str| -> u64 {
        rows.iter().map(|row| row[key].as_array().map_or(0, Vec::len) as u64).sum()
    };
    let asked = [
        "`counter`",
        "`counter` of what is held (`in_inventory`)",
        "`group_sum`",
        "`group_count`",
        "`has_currants`",
    ];
    assert_eq!(rows("Conditions of achievements", &asked), conditions(&GLITCH.badges, "conditions"));
    let needed = [
        "`over_level`",
        "`over_favor`",
        "`has_skill`",
        "`has_achievement`",
        "`completed_quest`",
        "`custom_code`",
    ];
    assert_eq!(rows("Conditions", &needed), conditions(&GLITCH.quests, "prerequisites"));
    let before = rows("Conditions", &["a quest is done (`prereq_quests`)"]);
    assert_eq!(before, conditions(&GLITCH.quests, "prereq_quests"));
    let given = |name: &str| {
        let all = GLITCH.quests.iter().chain(&GLITCH.badges);
        let all = all.flat_map(|row| [&row["rewards"], &row["performance_rewards"]]);
        all.map(move |rewards| entries(&rewards[name])).sum::<u64>()
    };
    let all: [(&[&str], &[&str]); 6] = [
        (&["xp", "xp of the best"], &["xp"]),
        (&["currants, mood, energy"], &["currants", "mood", "energy"]),
        (&["favor"], &["favor"]),
        (&["items"], &["items"]),
        (&["recipes"], &["recipes"]),
        (&["drop tables"], &["drop_table"]),
    ];
    for (kinds, names) in all {
        let there: u64 = names.iter().map(|name| given(name)).sum();
        assert_eq!(rows("Rewards", kinds), there, "{names:?}");
    }
}

/// A number is one reward; a map of maps as many as it holds, one of plain values is one.
fn entries(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Object(map) if map.values().all(Value::is_object) => map.len() as u64,
        _ => 1,
    }
}
