//! The recordings that a world names under `sources:`, played into its realm.
//!
//! A recording goes on where the journal says that it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::positions::Positions;
use worldflow_engine::realm::Realm;
use worldflow_schemas::definitions::{SourceDef, SourceTime};
use worldflow_schemas::{Input, Sym};
use worldflow_sources::check::Personal;
use worldflow_sources::recording::{Bookmark, Recording, Rules, play};

use crate::world::{LoadedWorld, open_mapping};

/// A recording of a world, checked and ready to be played.
pub struct RecordingSource {
    name: String,
    path: PathBuf,
    recording: Recording,
    speed: Option<u32>,
    time: SourceTime,
    /// When its first event happened.
    begins_ms: Option<i64>,
}

/// Opens every recording that a world names.
///
/// # Errors
/// When a file cannot be read, a mapping is wrong, or two recordings have the same producer.
pub fn recordings_of(world: &LoadedWorld) -> anyhow::Result<Vec<RecordingSource>> {
    let mut recordings: Vec<RecordingSource> = Vec::new();
    for (name, def) in &world.world.sources {
        let SourceDef::Recording { path, map, speed, time } = def else { continue };
        let Some(folder) = &world.path else {
            anyhow::bail!("sources.{name}: the demo world has no folder to read `{path}` from");
        };
        let path = folder.join(path);
        let mapping = map.as_ref().map(|map| open_mapping(&folder.join(map))).transpose()?;
        let mut recording = Recording::open(&path, mapping.as_ref())?;
        let source = recording.source();
        let begins_ms = match time {
            SourceTime::Arrival => None,
            SourceTime::Event { .. } => recording.first_ms()?,
        };
        if let Some(other) = recordings.iter().find(|other| other.source() == source) {
            anyhow::bail!(
                "sources.{name} and sources.{} have the same producer `{source}`\n\
                 hint: their events would count as one another's; give each mapping its own `source`",
                other.name
            );
        }
        let (name, speed, time) = (name.clone(), *speed, *time);
        recordings.push(RecordingSource { name, path, recording, speed, time, begins_ms });
    }
    Ok(recordings)
}

impl RecordingSource {
    /// The producer of its inputs.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.recording.source()
    }

    /// Its place among the sources whose events belong to the ticks of their own times.
    #[must_use]
    pub fn event_time(&self) -> Option<EventTimeSource> {
        match self.time {
            SourceTime::Arrival => None,
            SourceTime::Event { lateness, idle } => {
                let (source, begins_ms) = (self.source(), self.begins_ms);
                let (lateness_ms, idle_ms) = (lateness.ms, idle.ms);
                Some(EventTimeSource { source, lateness_ms, idle_ms, begins_ms })
            }
        }
    }

    /// Plays it from where it was on a thread of its own, which ends with the recording, with the realm, or when told.
    #[must_use]
    pub fn play(self, realm: Realm, positions: &Positions) -> Playing {
        let bookmark = Bookmark::find(Sym::new(&self.name), &self.path, positions);
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || {
            let RecordingSource { name, recording, speed, .. } = self;
            let mut rules = Rules::new(realm.name, &realm.world);
            let (world, views) = (&realm.world, Arc::clone(&realm.views));
            let personal = Personal::new(realm.name, world, realm.privacy.clone(), views);
            let mut check = |input: &mut Input| {
                match input {
                    Input::Event(event) => rules.event(event),
                    Input::Command(command) => rules.command(command),
                }?;
                personal.seal(input)
            };
            let to = (&realm.admission, &realm.observed);
            match bookmark.and_then(|from| play(recording, &from, speed, to, &mut check, &stopping)) {
                Ok(()) => tracing::info!(source = name, "the recording has been played"),
                Err(error) => tracing::error!(source = name, %error, "the recording cannot be played on"),
            }
        });
        Playing { stop }
    }
}

/// A recording that is being played.
pub struct Playing {
    stop: Arc<AtomicBool>,
}

impl Playing {
    /// Tells it to stop; it does within a tenth of a second.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
