//! What the journal writes: groups of records in checked frames.
//!
//! A frame is `length, crc of the payload, crc of these eight bytes, payload`, little-endian. One
//! group commit is one frame, so only the last frame of a segment can be torn. Commands are
//! JSON, so that a definition written by an older version can still be read; events are postcard.

use prost::Message;
use worldflow_schemas::input::Command;
use worldflow_schemas::{Event, EventId, Sym, Tick};

use crate::dedupe::SealedIds;
use crate::positions::Reached;
use crate::workers::SealedTick;

/// The version of the records. A reader refuses a newer one. What version 2 wrote has no `reached`, and is
/// read as it is.
pub(crate) const VERSION: u32 = 3;

/// The oldest version that is read.
pub(crate) const OLDEST: u32 = 2;

/// The bytes before a frame's payload.
pub(crate) const HEADER_BYTES: usize = 12;

/// Records that became durable together.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Group {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) records: Vec<Record>,
    /// In the first group of a segment: no inputs before it are of a later tick than this.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) after: Option<Tick>,
    /// In the first group of a segment: where segments before it end that could not be written on. What
    /// stands after that is written again here. Since version 3.
    #[prost(message, repeated, tag = "4")]
    pub(crate) ended: Vec<Ended>,
}

/// How much of a segment is good that could not be written on.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ended {
    #[prost(uint64, tag = "1")]
    pub(crate) segment: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) bytes: u64,
}

/// One record.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Record {
    #[prost(oneof = "Body", tags = "1, 2, 3")]
    pub(crate) body: Option<Body>,
}

/// What a record says.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Body {
    /// The inputs of a tick.
    #[prost(message, tag = "1")]
    Inputs(Inputs),
    /// Ticks up to this one may be published without a record of their own.
    #[prost(uint64, tag = "2")]
    Reserved(Tick),
    /// A clean end: nothing after this tick was published, whatever was reserved.
    #[prost(uint64, tag = "3")]
    Closed(Tick),
}

/// The inputs of a tick, as they are written.
#[derive(Clone, PartialEq, Message)]
pub struct Inputs {
    #[prost(uint64, tag = "1")]
    pub(crate) tick: Tick,
    /// Postcard of the events.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) events: Vec<u8>,
    /// JSON of each command.
    #[prost(string, repeated, tag = "3")]
    pub(crate) commands: Vec<String>,
    /// Postcard of the commands' sources and ids.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) command_ids: Vec<u8>,
    /// Postcard of sources and the first of their positions that are taken and not sealed.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) floors: Vec<u8>,
    /// So many of the last events have positions that the engine gave them.
    #[prost(uint64, tag = "6")]
    pub(crate) numbered_events: u64,
    /// As `numbered_events`, of the commands.
    #[prost(uint64, tag = "7")]
    pub(crate) numbered_commands: u64,
    /// Postcard of how far sources have been read with it; empty when none has.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) reached: Vec<u8>,
    /// What a tick before it came to, which had been published when it was sealed. Programs that do not know it pass over it.
    #[prost(message, optional, tag = "9")]
    pub(crate) state: Option<State>,
}

/// The state hash at the end of a tick.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct State {
    #[prost(uint64, tag = "1")]
    pub(crate) tick: Tick,
    #[prost(fixed64, tag = "2")]
    pub(crate) high: u64,
    #[prost(fixed64, tag = "3")]
    pub(crate) low: u64,
}

/// How many of the last events and commands of a tick had no ids, and got positions from the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    /// The last so many events.
    pub events: usize,
    /// The last so many commands.
    pub commands: usize,
}

/// A tick as the journal holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct JournaledTick {
    /// Its inputs.
    pub sealed: SealedTick,
    /// The sources and ids of its commands; events carry their own.
    pub command_ids: Vec<(Sym, EventId)>,
    /// Sources and the first of their positions that was taken and not sealed at that time.
    pub floors: Vec<(Sym, u64)>,
    /// Which of them the engine has numbered.
    pub numbered: Numbered,
    /// How far sources have been read with it.
    pub reached: Vec<Reached>,
    /// A tick before it that had been published, and the state hash at its end.
    pub state: Option<(Tick, u128)>,
}

impl JournaledTick {
    /// Sources and ids of everything in it.
    #[must_use]
    pub fn ids(&self) -> SealedIds {
        let events = self.sealed.events.iter().map(|event| (event.source, &event.id));
        let commands = self.command_ids.iter().map(|(source, id)| (*source, id));
        SealedIds::new(events, commands, self.numbered)
    }
}

/// A command with its identity.
pub type Identified = (Sym, EventId, Command);

impl Inputs {
    /// Encodes the inputs of a tick.
    ///
    /// # Errors
    /// When there is no form for one of them.
    pub fn encode(
        tick: Tick,
        events: &[Event],
        commands: &[Identified],
        floors: &[(Sym, u64)],
        numbered: Numbered,
        reached: &[Reached],
    ) -> Result<Inputs, String> {
        let ids: Vec<(Sym, &EventId)> = commands.iter().map(|(source, id, _)| (*source, id)).collect();
        Ok(Inputs {
            tick,
            events: postcard::to_stdvec(events).map_err(|error| error.to_string())?,
            commands: (commands.iter())
                .map(|(_, _, command)| serde_json::to_string(command).map_err(|error| error.to_string()))
                .collect::<Result<_, _>>()?,
            command_ids: postcard::to_stdvec(&ids).map_err(|error| error.to_string())?,
            floors: postcard::to_stdvec(floors).map_err(|error| error.to_string())?,
            numbered_events: numbered.events as u64,
            numbered_commands: numbered.commands as u64,
            reached: match reached {
                [] => Vec::new(),
                reached => postcard::to_stdvec(reached).map_err(|error| error.to_string())?,
            },
            state: None,
        })
    }

    /// With the state hash of a tick that was published before.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "its halves")]
    pub fn after(mut self, state: Option<(Tick, u128)>) -> Inputs {
        self.state = state.map(|(tick, hash)| State { tick, high: (hash >> 64) as u64, low: hash as u64 });
        self
    }

    /// Decodes them.
    pub(crate) fn decode(&self) -> Result<JournaledTick, String> {
        let events = postcard::from_bytes(&self.events).map_err(|error| format!("events: {error}"))?;
        let commands = (self.commands.iter())
            .map(|command| serde_json::from_str(command).map_err(|error| format!("command: {error}")))
            .collect::<Result<_, _>>()?;
        let command_ids = postcard::from_bytes(&self.command_ids).map_err(|error| format!("ids: {error}"))?;
        let floors = postcard::from_bytes(&self.floors).map_err(|error| format!("floors: {error}"))?;
        let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let numbered =
            Numbered { events: count(self.numbered_events), commands: count(self.numbered_commands) };
        let reached = match self.reached.as_slice() {
            [] => Vec::new(),
            reached => postcard::from_bytes(reached).map_err(|error| format!("positions: {error}"))?,
        };
        let sealed = SealedTick { tick: self.tick, events, commands };
        let hash = |state: &State| (state.tick, u128::from(state.high) << 64 | u128::from(state.low));
        let state = self.state.as_ref().map(hash).filter(|(tick, _)| *tick < self.tick);
        Ok(JournaledTick { sealed, command_ids, floors, numbered, reached, state })
    }
}

/// A group as a frame.
pub(crate) fn frame(group: &Group) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    group.encode(&mut bytes).expect("a vector grows as needed");
    sealed(bytes)
}

/// Any bytes as the payload of a good frame, for fuzzing.
pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    sealed([&[0; HEADER_BYTES], payload].concat())
}

/// The payload of a group, for fuzzing.
pub(crate) fn group(inputs: Vec<Inputs>, after: Option<Tick>, ended: &[(u64, u64)]) -> Vec<u8> {
    let inputs = inputs.into_iter().map(Body::Inputs);
    let records = inputs.chain([Body::Reserved(60), Body::Closed(50)]);
    let records = records.map(|body| Record { body: Some(body) }).collect();
    let ended = ended.iter().map(|(segment, bytes)| Ended { segment: *segment, bytes: *bytes }).collect();
    Group { version: VERSION, records, after, ended }.encode_to_vec()
}

/// Fills in the header of a frame.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let payload = &bytes[HEADER_BYTES..];
    let length = u32::try_from(payload.len()).expect("the writer closes a group long before 4 GiB");
    let crc = crc32fast::hash(payload);
    bytes[0..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    let header_crc = crc32fast::hash(&bytes[0..8]);
    bytes[8..12].copy_from_slice(&header_crc.to_le_bytes());
    bytes
}

/// How many bytes of payload follow a frame's header, if it is one.
pub(crate) fn payload_bytes(header: &[u8]) -> Option<u32> {
    let word = |place: usize| header.get(place..place + 4)?.try_into().ok().map(u32::from_le_bytes);
    (crc32fast::hash(header.get(0..8)?) == word(8)?).then(|| word(0))?
}

/// What stands at some place of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Framed {
    /// A good frame, and where the next begins.
    Group(Group, usize),
    /// The end.
    End,
    /// A frame whose writing was cut short, or what a failed write has left: no good frame follows, so everything
    /// from here on was never durable.
    Torn,
    /// Damage: good data may follow.
    Corrupt(&'static str),
}

/// Reads the frame that begins at `at`.
pub(crate) fn read_frame(segment: &[u8], at: usize) -> Framed {
    let rest = &segment[at..];
    if rest.is_empty() {
        return Framed::End;
    }
    // A file may have been lengthened before its data arrived: zeros to the end.
    let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if rest.len() < HEADER_BYTES || zeros(rest) {
        return Framed::Torn;
    }
    let word =
        |place: usize| u32::from_le_bytes([rest[place], rest[place + 1], rest[place + 2], rest[place + 3]]);
    if crc32fast::hash(&rest[0..8]) != word(8) {
        return match frame_follows(rest) {
            false => Framed::Torn,
            true => Framed::Corrupt("the header of a frame does not match its checksum"),
        };
    }
    let end = HEADER_BYTES + word(0) as usize;
    let Some(payload) = rest.get(HEADER_BYTES..end) else { return Framed::Torn };
    if crc32fast::hash(payload) != word(4) {
        return match frame_follows(rest) {
            false => Framed::Torn,
            true => Framed::Corrupt("a frame does not match its checksum, and others follow it"),
        };
    }
    match Group::decode(payload) {
        Ok(group) => Framed::Group(group, at + end),
        Err(_) => Framed::Corrupt("a frame with a good checksum does not decode"),
    }
}

/// Whether a good frame begins anywhere after the first byte. A write that was cut short, or failed, leaves whatever the
/// disk had: zeros, what came of later pages, or something else. But a frame is only written once those before it are
/// durable, so none follows it.
fn frame_follows(rest: &[u8]) -> bool {
    (1..rest.len()).any(|at| {
        let Some(length) = payload_bytes(&rest[at..]) else { return false };
        let payload = rest[at + HEADER_BYTES..].get(..length as usize);
        let said = &rest[at + 4..at + 8];
        payload.is_some_and(|payload| crc32fast::hash(payload).to_le_bytes() == *said)
    })
}
