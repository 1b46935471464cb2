//! A world that is played by hand into a data folder, from tick 1 on; a tick is a second.

use std::path::Path;
use std::sync::Arc;

use worldflow::edits::Difference;
use worldflow::explain::{
    ArcExplanation, EVENTS, Explain, ExplainError, Explanation, StuckTold, When, Who, arc_text, explain,
    explain_arc, stuck, text,
};
use worldflow::graph::graphs;
use worldflow::open::definition_items;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::journal::JournalConfig;
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::snapshot::{Retention, SnapshotConfig};
use worldflow_schemas::input::{Command, Holder, Revise, Scope};
use worldflow_schemas::{EventId, Input, Sym, Tick};

use crate::script;

/// What all worlds of these tests have.
pub(crate) const WORLD: &str = "
name: told
seed: 7
tick_ms: 1000
workers: 1
clock: {real_seconds_per_hour: 60, start: '1 12:00'}
zones: {heights: {climate: mild}}
regions: {moor: {zone: heights}, village: {}}
kinds:
  kill: {}
  gather: {attributes: {quality: number}}
  talk: {}
  fall: {}
  donate: {max_amount: 1000}
  lap: {attributes: {seconds: number}}
facts:
  mood: {scope: realm, type: int, default: 0}
  renown: {scope: player, type: int, default: 0}
lifetime:
  slain: {scope: player, pattern: {event: kill, target: beast}}
";

pub(crate) const ENTITIES: &str = "
wolf: {kind: npc, tags: [beast]}
bear: {kind: npc, tags: [beast]}
boar: {kind: npc, tags: [beast]}
herb: {kind: object}
elder: {kind: npc}
";

/// The weather stays as it is forced.
pub(crate) const CLIMATE: &str = "
change: 0
states:
  clear: {intensity: 0.2, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
  rain: {intensity: 0.6, wind_kmh: 15, humidity: 0.9, visibility_m: 6000}
seasons:
  spring: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
  summer: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
  fall: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
  winter: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
";

pub(crate) struct Played {
    folder: tempfile::TempDir,
    world: LoadedWorld,
    numbered: usize,
    now: Tick,
}

pub(crate) fn player(name: &str) -> Who {
    Who::Player(Sym::new(name))
}

pub(crate) fn holder(scope: Scope, id: &str) -> Who {
    Who::Holder(Holder { scope, id: Sym::new(id) })
}

impl Played {
    /// A realm that nothing has happened in.
    pub(crate) fn of(quests: &str) -> Played {
        Played::with(&[("quests/all.yaml", quests)])
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Played {
        Played { folder: tempfile::tempdir().expect("a folder"), world: loaded(files), numbered: 0, now: 0 }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self, retention: Retention) -> RealmConfig {
        RealmConfig {
            folder: Some(self.folder.path().to_owned()),
            snapshots: SnapshotConfig { retention, ..SnapshotConfig::default() },
            journal: JournalConfig { segment_bytes: 400, sync: false },
            ..RealmConfig::in_memory(Sym::new("told"), Arc::clone(&self.world.world))
        }
    }

    /// Opens the realm, plays a script, and closes it.
    pub(crate) async fn play(self, script: &str) -> Played {
        self.play_keeping(script, Retention { keep_ms: 3_600_000, at_most_bytes: 1 << 30 }).await
    }

    pub(crate) async fn play_keeping(mut self, script: &str, retention: Retention) -> Played {
        let running = open(self.config(retention), graphs(Sym::new("told"))).await.expect("opens");
        if self.now == 0 {
            submit(&running, "world", definition_items(&self.world, 0)).await;
        }
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let tick: Tick = words[0].parse().unwrap_or_else(|_| panic!("{line}: the first word is a tick"));
            let now = running.realm.progress.borrow().tick;
            if tick > now + 1 {
                running.advance(tick - 1 - now).await.expect("it runs");
            }
            self.numbered += 1;
            let Some(input) = script::input(tick, self.numbered, &words[1..], line) else {
                running.advance(1).await.expect("it runs");
                continue;
            };
            submit(&running, "script", vec![item(input, tick)]).await;
        }
        running.advance(1).await.expect("it runs");
        self.now = running.realm.progress.borrow().tick;
        running.close().await.expect("closes");
        self
    }

    /// Opens the realm, edits it so that it has these quests, and closes it.
    pub(crate) async fn edit(mut self, quests: &str) -> Played {
        let world = loaded(&[("quests/all.yaml", quests)]);
        let retention = Retention { keep_ms: 3_600_000, at_most_bytes: 1 << 30 };
        let running = open(self.config(retention), graphs(Sym::new("told"))).await.expect("opens");
        self.numbered += 1;
        let id = EventId::Named(format!("edit{}", self.numbered).as_str().into());
        let revise = Revise {
            source: Sym::new("edits"),
            id: id.clone(),
            author: "ann".into(),
            source_revision: "".into(),
            if_revision: None,
            fixed: None,
            edits: Difference::of(&self.world, &world).edits(&world),
        };
        let input = Input::Command(Command::Revise(revise));
        submit(&running, "edits", vec![Item { id, input, most_per_s: None }]).await;
        running.advance(2).await.expect("it runs");
        self.now = running.realm.progress.borrow().tick;
        running.close().await.expect("closes");
        Played { world, ..self }
    }

    fn asked(&self, who: Who, quest: &str, at: Option<Tick>) -> Explain {
        Explain {
            realm: Sym::new("told"),
            folder: self.folder.path().to_owned(),
            who,
            quest: Sym::new(quest),
            at: at.map(When::Tick),
            known_ms: None,
            events: EVENTS,
        }
    }

    pub(crate) async fn told(
        &self,
        who: Who,
        quest: &str,
        at: Option<Tick>,
    ) -> Result<Explanation, ExplainError> {
        explain(&self.asked(who, quest, at)).await
    }

    /// What is said at a tick, as text.
    pub(crate) async fn said(&self, who: Who, quest: &str, at: Option<Tick>) -> String {
        text(&self.told(who, quest, at).await.unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) async fn told_of_arc(
        &self,
        who: Who,
        arc: &str,
        at: Option<Tick>,
    ) -> Result<ArcExplanation, ExplainError> {
        explain_arc(&self.asked(who, arc, at)).await
    }

    /// What is said of an arc at a tick, as text.
    pub(crate) async fn said_of_arc(&self, who: Who, arc: &str, at: Option<Tick>) -> String {
        arc_text(&self.told_of_arc(who, arc, at).await.unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) async fn stuck(&self, quest: &str, at: Option<Tick>) -> StuckTold {
        self.stuck_at(quest, at).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn stuck_at(&self, quest: &str, at: Option<Tick>) -> Result<StuckTold, ExplainError> {
        stuck(&self.asked(holder(Scope::Realm, "told"), quest, at)).await
    }
}

fn loaded(files: &[(&str, &str)]) -> LoadedWorld {
    let given = [("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("climates/mild.yaml", CLIMATE)];
    let folder = Folder::of(given.into_iter().chain(files.iter().copied()));
    LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}"))
}

/// Inputs of scripts are of the time of their tick; a tick of these worlds is a second.
fn item(mut input: Input, tick: Tick) -> Item {
    let at_ms = i64::try_from(tick * 1_000).expect("small");
    let id = match &mut input {
        Input::Event(event) => {
            event.at_ms = at_ms;
            event.id.clone()
        }
        Input::Command(command) => {
            let order = match command {
                Command::Fact(write) => &mut write.order,
                Command::Presence(write) => &mut write.order,
                Command::Membership(write) => &mut write.order,
                Command::Weather(write) => &mut write.order,
                Command::Clock(write) => &mut write.order,
                Command::Entity(write) => &mut write.order,
                other => panic!("{other:?} is not played here"),
            };
            order.at_ms = at_ms;
            order.id.clone()
        }
    };
    Item { id, input, most_per_s: None }
}

async fn submit(running: &RunningRealm, source: &str, items: Vec<Item>) {
    let batch = Batch { source: Sym::new(source), items, watermark_ms: None, reply: None, reached: None };
    running.realm.admission.submit(batch).await.expect("it runs");
}
