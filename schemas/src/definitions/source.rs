//! Sources of events that a world names: recordings and streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// A source of events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SourceDef {
    /// A recorded file.
    Recording {
        /// The file, relative to the world folder.
        path: String,
        /// The mapping of its fields, relative to the world folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        map: Option<String>,
        /// Times the recorded speed; as fast as possible when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speed: Option<u32>,
        /// Which time its events have.
        #[serde(default)]
        time: SourceTime,
    },
    /// A Kinesis stream.
    Kinesis {
        /// The stream's name.
        stream: String,
        /// The region that it is in.
        region: String,
        /// Where to call instead of the region's own address: a local server, or a reference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// The producer of its events, whose ids count once by whatever way they come. The name of the
        /// source when absent; with a mapping, that of the mapping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        producer: Option<String>,
        /// Where it is read from when it has never been read; afterwards it goes on where it was.
        #[serde(default)]
        start: StreamStart,
        /// Which time its events have.
        #[serde(default)]
        time: SourceTime,
        /// What makes events of its records, relative to the world folder; without it they are
        /// worldflow's own events in JSON or protobuf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        map: Option<String>,
        /// Keys, by reference. Without them those of the environment are taken, as all tools of AWS do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials: Option<CredentialsDef>,
    },
}

/// Where a stream is read from that has never been read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamStart {
    /// The oldest record that is kept.
    #[default]
    TrimHorizon,
    /// What comes from now on.
    Latest,
    /// What has come since this time, RFC 3339.
    At(String),
}

/// Keys of AWS, each by reference: `${AWS_SECRET}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsDef {
    /// The key's id.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
    /// Of keys that are lent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
}

fn idle() -> Span {
    Span { ms: 5_000, world: false }
}

/// Which tick an event belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceTime {
    /// The next open tick.
    #[default]
    Arrival,
    /// The tick of its own time, which the source's watermark releases.
    Event {
        /// How late an event may come.
        lateness: Span,
        /// How long it may be silent before ticks no longer wait for it.
        #[serde(default = "idle")]
        idle: Span,
    },
}
