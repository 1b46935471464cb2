//! A large world as a designer's folder: quests of many shapes in files of a hundred, with what they name.

use std::fmt::Write as _;

use worldflow::world::Folder;
use worldflow_schemas::chance::below;

/// Quests of one file.
const IN_A_FILE: usize = 100;
/// What quests name.
pub(super) const KINDS: usize = 16;
pub(super) const TARGETS: usize = 500;
const TAGS: usize = 40;
const REGIONS: usize = 60;
const FACTS: usize = 50;
/// Quests of one chain, each of which requires the one before.
const CHAIN: usize = 8;
const SEED: u64 = 10_000;

/// The folder of a world with so many quests.
#[must_use]
pub fn large_world(quests: usize) -> Folder {
    let mut files = vec![("world.yaml".to_owned(), world()), ("entities.yaml".to_owned(), entities())];
    for (number, first) in (0..quests).step_by(IN_A_FILE).enumerate() {
        let mut text = String::new();
        for quest in first..quests.min(first + IN_A_FILE) {
            write_quest(&mut text, quest);
        }
        files.push((format!("quests/part_{number:03}.yaml"), text));
    }
    Folder::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

pub(super) fn kind(number: usize) -> String {
    format!("kind_{:02}", number % KINDS)
}

pub(super) fn target(number: usize) -> String {
    format!("target_{:03}", number % TARGETS)
}

pub(super) fn quest(number: usize) -> String {
    format!("quest_{number:05}")
}

fn draw(stream: &str, number: usize, bound: usize) -> usize {
    let drawn = below(SEED, stream, "quests", number as u64, bound as u64);
    usize::try_from(drawn).unwrap_or(0)
}

/// The kind and target of an objective of a quest.
pub(super) fn counts(quest: usize, objective: usize) -> (String, String) {
    let place = quest * 4 + objective;
    (kind(draw("kind", place, KINDS)), target(draw("target", place, TARGETS)))
}

fn world() -> String {
    let mut text = String::from("name: large\nseed: 7\ntick_ms: 10\n");
    text.push_str("clock: {phases: {day: {from: '06:00'}, night: {from: '20:00'}}}\nregions:\n");
    (0..REGIONS).for_each(|n| text += &format!("  region_{n:02}: {{}}\n"));
    text.push_str("kinds:\n");
    (0..KINDS).for_each(|n| {
        text += &format!("  {}: {{max_per_second: 1000000, attributes: {{weight: number}}}}\n", kind(n))
    });
    text.push_str("facts:\n");
    (0..FACTS).for_each(|n| text += &format!("  fact_{n:02}: {{scope: player, type: int, default: 0}}\n"));
    text
}

fn entities() -> String {
    let of = |n: usize| format!("{}: {{kind: npc, tags: [tag_{:02}]}}\n", target(n), n % TAGS);
    (0..TARGETS).map(of).collect()
}

fn write_quest(text: &mut String, number: usize) {
    let _ = writeln!(text, "{}:\n  title: Quest number {number} of the large world", quest(number));
    match number % 20 {
        5..12 if !number.is_multiple_of(CHAIN) => {
            let _ = writeln!(text, "  requires: {{quests: {{{}: done}}}}", quest(number - 1));
        }
        12..14 => {
            let _ = writeln!(text, "  requires: {{level: {{at_least: {}}}}}", 2 + draw("level", number, 40));
        }
        14 => {
            let _ = writeln!(
                text,
                "  requires: {{facts: {{fact_{:02}: {{at_least: 3}}}}}}",
                draw("fact", number, FACTS)
            );
        }
        15 if number % 200 == 15 => {
            let _ = writeln!(text, "  requires: {{phase: night}}");
        }
        16 => {
            let _ = writeln!(
                text,
                "  deadline: 30m\n  repeat: {{cooldown: 10m}}\n  fail_on: [{{event: {}, target: {}}}]",
                kind(number),
                target(number)
            );
        }
        17 | 18 => {
            let _ = writeln!(text, "  exclusive_group: group_{:04}", number / 20);
        }
        _ => {}
    }
    text.push_str("  stages:\n    first:\n      objectives:\n");
    for objective in 0..2 {
        write_objective(text, number, objective);
    }
    text.push_str("    second:\n      title: And then\n      objectives:\n");
    write_objective(text, number, 2);
    let _ = writeln!(
        text,
        "  rewards:\n    experience: {}\n    slots: {{pay: {{item: gold, amount: {}}}}}",
        10 + draw("experience", number, 90),
        1 + draw("gold", number, 50)
    );
    if number % 20 == 3 {
        let _ =
            writeln!(text, "  effects: [{{add: {{fact: fact_{:02}, by: 1}}}}]", draw("fact", number, FACTS));
    }
}

fn write_objective(text: &mut String, number: usize, objective: usize) {
    let (kind, target) = counts(number, objective);
    let place = number * 4 + objective;
    let need = 1 + draw("need", place, 6);
    let _ = write!(
        text,
        "        part_{objective}: {{title: Part {objective}, event: {kind}, target: {target}, count: {need}"
    );
    if draw("region", place, 5) == 0 {
        let _ = write!(text, ", region: region_{:02}", draw("where", place, REGIONS));
    }
    if draw("weight", place, 10) == 0 {
        text.push_str(", where: {weight: {at_least: 2}}");
    }
    text.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use worldflow::world::{LoadedWorld, check};

    use super::*;

    #[test]
    fn a_large_world_is_right_and_has_the_quests_that_are_asked_for() {
        let folder = large_world(450);
        assert_eq!(check(&folder).to_string(), "");
        let world = LoadedWorld::load(&folder).expect("it is right");
        assert_eq!(world.quests.len(), 450);
        let gated = world.quests.values().filter(|quest| !quest.requires.is_empty()).count();
        assert!(gated > 150, "only {gated} have prerequisites");
    }
}
