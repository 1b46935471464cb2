//! Worlds small enough to read here.

use std::path::Path;

pub(crate) const WORLD: &str = "\
name: small
seed: 7
tick_ms: 20
workers: 2
clock:
  real_seconds_per_hour: 60
  start: \"1 06:00\"
  phases:
    dawn: {from: \"05:00\"}
    day: {from: \"07:00\"}
    dusk: {from: \"18:00\"}
    night: {from: \"20:00\"}
regions:
  meadow: {}
kinds:
  kill: {}
  talk: {from: player, attributes: {said: text}}
entities:
  wolf: {kind: npc, tags: [beast]}
  maren: {kind: npc}
sinks:
  saved: {sqlite: {path: small.sqlite, every: 100ms}}
";

pub(crate) const QUESTS: &str = "\
wolf_hunt:
  title: Three wolves
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: beast, count: 3}
  rewards:
    experience: 40
    slots: {pay: {item: gold, amount: 25}}
long_hunt:
  title: A thousand wolves
  accept: auto
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 1000}
";

/// Writes a world folder of these files.
pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
}

/// A folder that is removed at the end, with the small world in `world` and room for data.
pub(crate) fn small() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    write(&folder.path().join("world"), &[("world.yaml", WORLD), ("quests/hunt.yaml", QUESTS)]);
    folder
}

/// The small world with somebody more, a tier, NPCs with prompts, and something to know of wolves.
pub(crate) fn speaking(more: &str, tier: &str, (npcs, prompts): (&str, &str)) -> tempfile::TempDir {
    let folder = small();
    let world = WORLD.replace("entities:\n", &format!("entities:\n  {more}: {{kind: npc}}\n"));
    let world = format!("{world}tiers:\n  gold: {tier}\n");
    let lore = "# Wolves\n\nThe wolves came down from the ridge in the hard winter.\n";
    let files = [
        ("world.yaml", world.as_str()),
        ("npcs.yaml", npcs),
        ("npcs/prompts.yaml", prompts),
        ("lore/wolves.md", lore),
    ];
    write(&folder.path().join("world"), &files);
    folder
}
