//! Which world ruled which ticks: what of `world.yaml` the graph is built from, kept in the data folder.
//!
//! A journaled input means what the world of its time made of it: a tag, a counter or a tick's length
//! that is edited afterwards must not change what was decided. So the file `worlds.json` says after
//! which tick each world began; it is written before the first tick under a new one, and what the
//! journal holds is replayed under its own. Quests, climates, NPCs and schedules are not here: they
//! are inputs.

use std::io::ErrorKind;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::Tick;
use worldflow_schemas::definitions::{JournalDef, WorldDef};
use worldflow_schemas::tick::TickLength;

use crate::disk::Folder;
use crate::folder::{FolderError, has_begun, write_durably};
use crate::graph::BuildGraph;

/// Makes the graph of a world. Cheap to clone.
#[derive(Clone)]
pub struct Graphs(Arc<dyn Fn(&Arc<WorldDef>) -> Arc<dyn BuildGraph> + Send + Sync>);

impl Graphs {
    /// A graph for each world.
    pub fn by_world(graph: impl Fn(&Arc<WorldDef>) -> Arc<dyn BuildGraph> + Send + Sync + 'static) -> Graphs {
        Graphs(Arc::new(graph))
    }

    /// The graph of that world.
    #[must_use]
    pub fn of(&self, world: &Arc<WorldDef>) -> Arc<dyn BuildGraph> {
        (self.0)(world)
    }
}

impl From<Arc<dyn BuildGraph>> for Graphs {
    /// One graph, whatever the world.
    fn from(graph: Arc<dyn BuildGraph>) -> Graphs {
        Graphs::by_world(move |_| Arc::clone(&graph))
    }
}

const VERSION: u32 = 1;
const FILE: &str = "worlds.json";

#[derive(Serialize, Deserialize)]
struct WorldsFile {
    version: u32,
    eras: Vec<Era>,
}

/// The time under one world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Era {
    /// It rules the ticks after this one, up to the next era's; `None`: from the first.
    pub(crate) after: Option<Tick>,
    pub(crate) world: Arc<WorldDef>,
}

/// The worlds of a data folder, oldest first.
#[derive(Debug)]
pub(crate) struct Worlds {
    folder: Folder,
    eras: Vec<Era>,
}

impl Worlds {
    /// Reads what the folder says; one in which nothing has begun has no era.
    pub(crate) fn read(folder: impl Into<Folder>) -> Result<Worlds, FolderError> {
        let folder = folder.into();
        let path = folder.file(FILE);
        let is_missing = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
        let mut read = folder.disk.read(&path);
        let begun = read.as_ref().is_err_and(is_missing) && has_begun(folder.clone());
        if begun {
            // It is written before anything else is; a realm may have been opened just now.
            read = folder.disk.read(&path);
        }
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) if is_missing(&error) && begun => return Err(FolderError::NoWorlds(folder.path)),
            Err(error) if is_missing(&error) => return Ok(Worlds { folder, eras: Vec::new() }),
            Err(error) => return Err(FolderError::Io { path, error }),
        };
        let wrong = |why: String| FolderError::Worlds { path: path.clone(), why };
        let file: WorldsFile = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if file.version > VERSION {
            return Err(wrong(format!("version {} is newer than this program knows", file.version)));
        }
        if file.eras.is_empty() {
            return Err(wrong("it names no world".to_owned()));
        }
        Ok(Worlds { folder, eras: file.eras })
    }

    /// Whether `world` has the tick's length of those before.
    pub(crate) fn check_tick_length(&self, world: &WorldDef) -> Result<(), FolderError> {
        match self.eras.last().map(|era| era.world.tick_ms).filter(|written| *written != world.tick_ms) {
            None => Ok(()),
            Some(written) => {
                Err(FolderError::TickLength { path: self.folder.path.clone(), written, now: world.tick_ms })
            }
        }
    }

    /// The length of the folder's ticks, once something has been written.
    pub(crate) fn tick_length(&self) -> Option<TickLength> {
        self.eras.last().map(|era| TickLength { tick_ms: era.world.tick_ms.max(1) })
    }

    /// The eras: the tick after which each world rules, and its name.
    pub(crate) fn eras(&self) -> impl Iterator<Item = (Option<Tick>, &str)> {
        self.eras.iter().map(|era| (era.after, era.world.name.as_str()))
    }

    /// The world that ruled the tick after `tick`, and the last tick it ruled when another followed.
    pub(crate) fn after(&self, tick: Option<Tick>) -> Option<(&Arc<WorldDef>, Option<Tick>)> {
        let place = self.eras.iter().rposition(|era| era.after <= tick).unwrap_or(0);
        let era = self.eras.get(place)?;
        Some((&era.world, self.eras.get(place + 1).and_then(|next| next.after)))
    }

    /// Whether the world that rules after a tick has ruled that tick as well.
    pub(crate) fn rules_on(&self, tick: Option<Tick>) -> bool {
        let then = tick.and_then(|tick| tick.checked_sub(1));
        match (self.after(then), self.after(tick)) {
            (Some((then, _)), Some((now, _))) => Arc::ptr_eq(then, now),
            _ => true,
        }
    }

    /// The last tick before the world that rules now; `None` when none ruled before it.
    pub(crate) fn began(&self) -> Option<Tick> {
        self.eras.last().and_then(|era| era.after)
    }

    /// From the tick after `after` on another world rules. Eras that ended by `needed`, the tick of the
    /// oldest snapshot that may be loaded, are dropped.
    pub(crate) fn begin(
        &mut self,
        after: Option<Tick>,
        world: &WorldDef,
        needed: Option<Tick>,
    ) -> Result<(), FolderError> {
        // What ruled no tick is not worth remembering.
        self.eras.retain(|era| era.after < after);
        self.eras.push(Era { after, world: Arc::new(ruling(world)) });
        if needed.is_some()
            && let Some(first) = self.eras.iter().rposition(|era| era.after <= needed)
        {
            self.eras.drain(..first);
        }
        let file = WorldsFile { version: VERSION, eras: self.eras.clone() };
        let bytes = serde_json::to_vec_pretty(&file).expect("a world is plain data with text keys");
        write_durably(&self.folder, FILE, &bytes)
    }
}

/// What of a world the graph is built from, as it comes back from the file.
#[must_use]
pub fn ruling(world: &WorldDef) -> WorldDef {
    let mut ruling = world.clone();
    ruling.workers = 0;
    ruling.journal = JournalDef::default();
    (ruling.guard, ruling.moderation) = Default::default();
    ruling.sources.clear();
    ruling.sinks.clear();
    // Which servers answer is the edge's: the graph knows the names of tiers.
    for tier in ruling.tiers.values_mut() {
        (tier.url, tier.model) = Default::default();
    }
    let text = serde_json::to_string(&ruling).expect("a world is plain data with text keys");
    // A number may be read as its neighbour; what has been read once stays.
    serde_json::from_str(&text).unwrap_or(ruling)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(seed: u64) -> WorldDef {
        let world = serde_json::json!({"name": "tiny", "seed": seed, "tick_ms": 10});
        serde_json::from_value(world).expect("a world needs no more")
    }

    fn seed_after(worlds: &Worlds, tick: Option<Tick>) -> Option<(u64, Option<Tick>)> {
        worlds.after(tick).map(|(world, last)| (world.seed, last))
    }

    #[test]
    fn the_world_of_a_tick_is_the_last_that_began_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut worlds = Worlds::read(folder.path()).expect("readable");
        assert_eq!(seed_after(&worlds, None), None);
        for (after, seed) in [(None, 1), (Some(10), 2), (Some(20), 3), (Some(20), 4)] {
            worlds.begin(after, &world(seed), None).expect("writable");
        }
        let again = Worlds::read(folder.path()).expect("readable");
        assert_eq!(again.eras, worlds.eras);
        let expected = [(None, (1, Some(10))), (Some(9), (1, Some(10))), (Some(10), (2, Some(20)))];
        for (tick, expected) in expected {
            assert_eq!(seed_after(&again, tick), Some(expected));
        }
        assert_eq!(seed_after(&again, Some(20)), Some((4, None)));
        // The oldest snapshot is that of tick 15: nothing before it is replayed.
        worlds.begin(Some(30), &world(5), Some(15)).expect("writable");
        assert_eq!(worlds.eras.iter().map(|era| era.world.seed).collect::<Vec<_>>(), [2, 4, 5]);
        // Of a fresh folder nothing has been replayed under the first world.
        worlds.begin(None, &world(6), None).expect("writable");
        assert_eq!(worlds.eras.len(), 1);
    }

    #[test]
    fn a_file_that_names_no_world_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), r#"{"version": 1, "eras": []}"#).expect("writable");
        let refused = Worlds::read(folder.path()).expect_err("nobody writes that").to_string();
        assert!(refused.contains("worlds.json: it names no world"), "{refused}");
    }

    #[test]
    fn what_the_graph_reads_rules_and_where_the_world_runs_does_not() {
        let text = serde_json::json!({"source": "en", "locales": ["de"], "fact": "language"});
        let both = serde_json::json!({"name": "tiny", "seed": 1, "tick_ms": 10, "workers": 3, "text": text});
        let ruled = ruling(&serde_json::from_value(both).expect("a world"));
        assert_eq!(serde_json::to_value(&ruled).expect("a world")["text"], text);
        assert_eq!(ruled.workers, 0);
    }
}
