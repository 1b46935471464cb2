//! Glitch's 447 quests and 665 achievements, put into worldflow's words: no row is dropped, bots play all of them in small
//! realms, and the graph and an independent naive evaluator agree on every change.
//!
//! The data is read where it lies and is no part of the project; `docs/glitch.md` says what became of it.

#[path = "../oracle/mod.rs"]
mod oracle;

mod badges;
mod bots;
mod data;
mod page;
mod parties;
mod play;
mod projects;
mod quests;
mod realms;
mod rewards;
mod sums;
mod tally;
mod world;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use worldflow::world::LoadedWorld;

use data::{Account, Object};
use tally::Tally;

/// The data, converted and read back by the loader that reads every world.
struct Glitch {
    quests: Vec<serde_json::Value>,
    badges: Vec<serde_json::Value>,
    /// How often each field was there, and which of them nobody has read.
    fields: BTreeMap<String, u64>,
    unread: BTreeSet<String>,
    tally: Tally,
    loaded: LoadedWorld,
}

static GLITCH: LazyLock<Glitch> = LazyLock::new(|| {
    let (quests, badges) = (data::rows("glitch_quests.json"), data::rows("glitch_achievements.json"));
    let (account, mut tally, mut world) = (Account::default(), Tally::default(), world::World::default());
    for row in &quests {
        let quest = Object::new("quest", row, &account);
        match quest.id("kind") {
            "player_quest" => quests::convert(&mut world, &mut tally, &quest),
            "group_project" => projects::convert(&mut world, &mut tally, &quest),
            other => panic!("a quest of the unknown kind {other}"),
        }
    }
    for row in &badges {
        badges::convert(&mut world, &mut tally, &Object::new("achievement", row, &account));
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::create_dir(folder.path().join("quests")).expect("a folder can be made");
    for (name, text) in world.files() {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    let loaded = LoadedWorld::open(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    let (fields, unread) = (account.fields.into_inner(), account.unread.into_inner());
    Glitch { quests, badges, fields, unread, tally, loaded }
});
