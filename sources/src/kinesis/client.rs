//! The calls that a stream is read by, and what can go wrong with each.
//!
//! It calls once and says what came of it; whoever asks knows whether and when to ask again.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{Credentials, Region};
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::lineage::Listed;
use super::position::Position;
use super::record::Record;
use super::{Keys, KinesisConfig};
use crate::check::clip;

/// How long a connection may take, and a call.
const CONNECT: Duration = Duration::from_secs(3);
const CALL: Duration = Duration::from_secs(15);

/// The most records of one call.
const MOST_RECORDS: i32 = 10_000;

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Too many have been made.
    Throttled,
    /// The iterator is too old.
    Expired,
    /// There is no such thing.
    Missing(String),
    /// No answer came, or one that says that it is not the caller's fault.
    Lost(String),
    /// It is the caller's fault, and will be so until something is changed.
    Refused(String),
}

/// What a call brought.
pub(super) struct Fetched {
    pub(super) records: Vec<Record>,
    /// Where the shard goes on; `None` at the end of a closed one.
    pub(super) next: Option<String>,
    /// How long ago the last record came that could have been read.
    pub(super) behind_ms: i64,
}

/// Calls for one stream.
pub(super) struct Client {
    kinesis: aws_sdk_kinesis::Client,
    stream: String,
}

impl Client {
    pub(super) async fn open(config: &KinesisConfig) -> Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(config.region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = &config.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(Keys { access_key, secret_key, session_token }) = config.keys.clone() {
            let keys = Credentials::new(access_key, secret_key, session_token, None, "world");
            loader = loader.credentials_provider(keys);
        }
        let kinesis = aws_sdk_kinesis::Client::new(&loader.load().await);
        Client { kinesis, stream: config.stream.clone() }
    }

    /// All shards of the stream that are kept.
    pub(super) async fn shards(&self) -> Result<Vec<Listed>, Failure> {
        let (mut listed, mut next) = (Vec::new(), None::<String>);
        loop {
            let call = self.kinesis.list_shards();
            let call = match next.take() {
                Some(token) => call.next_token(token),
                None => call.stream_name(&self.stream),
            };
            let page = call.send().await.map_err(|error| failure(&error))?;
            listed.extend(page.shards.unwrap_or_default().into_iter().map(of_listing));
            next = page.next_token;
            if next.is_none() {
                return Ok(listed);
            }
        }
    }

    /// An iterator that begins at a position.
    pub(super) async fn iterator(&self, shard: &str, position: &Position) -> Result<String, Failure> {
        let call = self.kinesis.get_shard_iterator().stream_name(&self.stream).shard_id(shard);
        let call = match position {
            Position::Horizon | Position::End => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Position::Latest(_) => call.shard_iterator_type(ShardIteratorType::Latest),
            Position::At(ms) => {
                call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*ms))
            }
            Position::After(sequence) => call
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(sequence.as_str()),
        };
        let made = call.send().await.map_err(|error| failure(&error))?;
        made.shard_iterator.ok_or_else(|| Failure::Lost("an answer without an iterator".to_owned()))
    }

    /// The next records of an iterator.
    pub(super) async fn records(&self, iterator: &str) -> Result<Fetched, Failure> {
        let call = self.kinesis.get_records().shard_iterator(iterator).limit(MOST_RECORDS);
        let fetched = call.send().await.map_err(|error| failure(&error))?;
        let record = |record: aws_sdk_kinesis::types::Record| Record {
            sequence: record.sequence_number,
            arrived_ms: (record.approximate_arrival_timestamp)
                .and_then(|at| at.to_millis().ok())
                .unwrap_or_default(),
            data: record.data.into_inner(),
        };
        Ok(Fetched {
            records: fetched.records.into_iter().map(record).collect(),
            next: fetched.next_shard_iterator,
            behind_ms: fetched.millis_behind_latest.unwrap_or(0),
        })
    }
}

fn of_listing(shard: Shard) -> Listed {
    let hash = |text: &str, otherwise| text.parse().unwrap_or(otherwise);
    let hashes = shard.hash_key_range.as_ref().map_or((0, u128::MAX), |range| {
        (hash(&range.starting_hash_key, 0), hash(&range.ending_hash_key, u128::MAX))
    });
    let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
    Listed {
        id: shard.shard_id.into(),
        parents: parents.into_iter().flatten().map(Into::into).collect(),
        hashes,
    }
}

fn failure<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let text = || clip(&DisplayErrorContext(error).to_string());
    let Some(service) = error.as_service_error() else { return Failure::Lost(text()) };
    let said = || {
        let (code, message) = (service.code().unwrap_or_default(), service.message().unwrap_or_default());
        clip(&format!("{code}: {message}"))
    };
    match service.code().unwrap_or_default() {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "KMSThrottlingException" => Failure::Throttled,
        "ExpiredIteratorException" | "ExpiredNextTokenException" => Failure::Expired,
        "ResourceNotFoundException" => Failure::Missing(said()),
        code if code.starts_with("Internal") || code.starts_with("Service") || code.is_empty() => {
            Failure::Lost(said())
        }
        _ => Failure::Refused(said()),
    }
}
