//! The streams that a world names under `sources:`, read into its realm.
//!
//! A stream goes on where the realm has had it: the engine says with a restart how far that was.

use tokio::sync::watch;
use tokio::task::JoinHandle;
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::positions::Positions;
use worldflow_engine::realm::Realm;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{CredentialsDef, SourceDef, SourceTime, StreamStart};
use worldflow_sources::kinesis::{self, Keys, KinesisConfig, Start};
use worldflow_sources::recording::Mapping;

use crate::secrets::{is_reference, resolve};
use crate::world::{LoadedWorld, open_mapping};

/// A stream of a world, ready to be read.
pub struct StreamSource {
    config: KinesisConfig,
    idle_ms: u64,
    begins_ms: Option<i64>,
}

/// Makes ready every stream that a world names.
///
/// # Errors
/// When a mapping is wrong, a reference leads nowhere, or two streams have the same producer.
pub fn streams_of(world: &LoadedWorld) -> anyhow::Result<Vec<StreamSource>> {
    let mut streams: Vec<StreamSource> = Vec::new();
    for (name, def) in &world.world.sources {
        let SourceDef::Kinesis { time, .. } = def else { continue };
        let idle_ms = if let SourceTime::Event { idle, .. } = time { idle.ms } else { 0 };
        let config = config(name, def, world)?;
        if let Some(other) = streams.iter().find(|other| other.config.producer == config.producer) {
            anyhow::bail!(
                "sources.{name} and sources.{} have the same producer `{}`\n\
                 hint: their events would count as one another's; give each a `producer`",
                other.config.name,
                config.producer
            );
        }
        streams.push(StreamSource { config, idle_ms, begins_ms: None });
    }
    Ok(streams)
}

fn config(name: &str, def: &SourceDef, world: &LoadedWorld) -> anyhow::Result<KinesisConfig> {
    let SourceDef::Kinesis { stream, region, endpoint, producer, start, time, map, credentials } = def else {
        anyhow::bail!("sources.{name} is no stream");
    };
    let at = |key: &str| format!("sources.{name}.kinesis.{key}");
    let mapping = match (map, &world.path) {
        (None, _) => None,
        (Some(map), Some(folder)) => Some(open_mapping(&folder.join(map))?),
        (Some(map), None) => {
            anyhow::bail!("{}: the demo world has no folder to read `{map}` from", at("map"))
        }
    };
    if mapping.as_ref().is_some_and(Mapping::has_streams) {
        anyhow::bail!(
            "{}: only a recording has times that begin anew\n\
             hint: a stream is read from anywhere; leave `streams` out of its mapping",
            at("map")
        );
    }
    let of_mapping = mapping.as_ref().map(Mapping::source);
    let producer = producer.as_deref().map(Sym::new).or(of_mapping).unwrap_or_else(|| Sym::new(name));
    let endpoint = match endpoint {
        Some(reference) if is_reference(reference) => Some(resolve(reference, &at("endpoint"))?),
        plain => plain.clone(),
    };
    let start = match start {
        StreamStart::TrimHorizon => Start::TrimHorizon,
        StreamStart::Latest => Start::Latest,
        StreamStart::At(time) => {
            let time: jiff::Timestamp =
                time.parse().map_err(|error| anyhow::anyhow!("{}: {error}", at("start.at")))?;
            Start::At(time.as_millisecond())
        }
    };
    let lateness_ms = match time {
        SourceTime::Arrival => None,
        SourceTime::Event { lateness, .. } => Some(lateness.ms),
    };
    let keys = credentials.as_ref().map(|def| keys(def, &at("credentials"))).transpose()?;
    Ok(KinesisConfig {
        name: Sym::new(name),
        producer,
        stream: stream.clone(),
        region: region.clone(),
        endpoint,
        start,
        lateness_ms,
        mapping,
        keys,
    })
}

fn keys(def: &CredentialsDef, at: &str) -> anyhow::Result<Keys> {
    let CredentialsDef { access_key, secret_key, session_token } = def;
    let session_token = session_token.as_ref();
    Ok(Keys {
        access_key: resolve(access_key, &format!("{at}.access_key"))?,
        secret_key: resolve(secret_key, &format!("{at}.secret_key"))?,
        session_token: session_token
            .map(|token| resolve(token, &format!("{at}.session_token")))
            .transpose()?,
    })
}

impl StreamSource {
    /// The producer of its events.
    #[must_use]
    pub fn producer(&self) -> Sym {
        self.config.producer
    }

    /// Asks the stream when it begins: a fresh realm begins there.
    pub async fn look(&mut self) {
        self.begins_ms = self.config.begins_ms().await;
    }

    /// Its place among the sources whose events belong to the ticks of their own times. It says itself up to
    /// when everything has come: of several shards, the latest event says little.
    #[must_use]
    pub fn event_time(&self) -> Option<EventTimeSource> {
        self.config.lateness_ms?;
        let StreamSource { config, idle_ms, begins_ms } = self;
        let (source, idle_ms, begins_ms) = (config.producer, *idle_ms, *begins_ms);
        Some(EventTimeSource { source, lateness_ms: u64::MAX, idle_ms, begins_ms })
    }

    /// Reads it from where it was, until told to close.
    #[must_use]
    pub fn read(self, realm: Realm, positions: &Positions) -> Reading {
        let (stop, stopping) = watch::channel(false);
        let positions = positions.clone();
        let task = tokio::spawn(async move { kinesis::read(self.config, realm, &positions, stopping).await });
        Reading { stop, task }
    }
}

/// A stream that is being read.
pub struct Reading {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Reading {
    /// Stops it: what has been handed over counts, and the rest is read after the next start.
    pub async fn close(self) {
        let _ended = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the reading of a stream has broken off");
        }
    }
}
