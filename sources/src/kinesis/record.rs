//! Records of a stream: what they hold becomes inputs, and what is wrong with them refusals.
//!
//! `record ─unpack→ events as they are written ─mapping, if any→ proposed events ─check→ items`. An event has
//! the rules of the socket, but that rates are free and its time may be any: a backlog comes faster than it
//! happened, and late. One without a time happened when its record came. One without an id is named by its
//! shard, the record's sequence number, and its place in the record.

use std::borrow::Cow;

use prost::Message;
use worldflow_engine::admission::{Item, Refusal};
use worldflow_engine::realm::Realm;
use worldflow_proto::v1;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Event, EventId, Input, Sym, Value};

use super::aggregate::{Packed, Unpacked, unpack};
use crate::check::{Checker, Field, Hints, Proposed, Sender, clip, refuse};
use crate::recording::{Block, Mapping, Pass, Rules};

/// The longest record that is looked at: the most that Kinesis takes.
const MOST_BYTES: usize = 10 << 20;

/// A record as it came.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) sequence: String,
    /// About when it came, in UTC milliseconds.
    pub(super) arrived_ms: i64,
    pub(super) data: Vec<u8>,
}

/// What records have become.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) items: Vec<(i64, Item)>,
    /// With the position of each, and its time as far as that is known.
    pub(super) refused: Vec<(EventId, Refusal)>,
    pub(super) skipped: u64,
}

/// Makes inputs of the records of one stream.
pub(super) struct Decoder {
    sender: Sender,
    checker: Checker,
    rules: Rules,
    mapping: Option<Mapping>,
    pass: Pass,
    hints: Hints,
}

/// Where an event stands.
#[derive(Clone, Copy)]
struct Place<'r> {
    shard: &'r str,
    record: &'r Record,
    /// Its place among those packed into the record, if it is packed.
    packed: Option<usize>,
}

impl Place<'_> {
    fn id(&self) -> EventId {
        let Place { shard, record, packed } = self;
        let name = match packed {
            None => format!("{shard}:{}", record.sequence),
            // Of one moment, events take effect in the order of their ids by text.
            Some(packed) => format!("{shard}:{}:{packed:06}", record.sequence),
        };
        EventId::Named(name.into())
    }
}

impl Decoder {
    pub(super) fn new(realm: &Realm, producer: Sym, mapping: Option<Mapping>) -> Decoder {
        Decoder::with(Checker::of(realm), (realm.name, &realm.world), producer, mapping)
    }

    fn with(checker: Checker, world: (Sym, &WorldDef), producer: Sym, mapping: Option<Mapping>) -> Decoder {
        Decoder {
            sender: Sender::trusted(producer),
            checker,
            rules: Rules::new(world.0, world.1),
            mapping,
            pass: Pass::default(),
            hints: Hints::default(),
        }
    }

    /// Decodes a record of a shard whose keys have these hashes.
    pub(super) fn decode(
        &mut self,
        shard: &str,
        hashes: Option<(u128, u128)>,
        record: &Record,
        into: &mut Decoded,
    ) {
        let place = Place { shard, record, packed: None };
        if record.data.len() > MOST_BYTES {
            let reason = format!("the record has more than {MOST_BYTES} bytes");
            let refusal = refuse("frame_too_large", "", reason, "Kinesis takes no longer ones");
            return into.refused.push((place.id(), refusal));
        }
        match unpack(&record.data) {
            Unpacked::Plain => self.one(place, &record.data, into),
            Unpacked::Several(packed) => {
                for (index, Packed { data, hash }) in packed.into_iter().enumerate() {
                    let place = Place { packed: Some(index), ..place };
                    let outside = |(first, last)| hash.is_some_and(|hash| hash < first || hash > last);
                    match hashes.is_some_and(outside) {
                        false => self.one(place, data, into),
                        true => into.refused.push((place.id(), of_another_shard())),
                    }
                }
            }
            Unpacked::Damaged(reason) => {
                let reason = format!("the record says that it is aggregated, and {reason}");
                let hint = "send it again as the Kinesis Producer Library packs it";
                into.refused.push((place.id(), refuse("bad_aggregate", "", reason, hint)));
            }
        }
    }

    fn one(&mut self, place: Place<'_>, bytes: &[u8], into: &mut Decoded) {
        let decoded = match &self.mapping {
            None => self.own(place, bytes).map(|item| into.items.push(item)),
            Some(_) => self.mapped(place, bytes, into),
        };
        if let Err(refusal) = decoded {
            into.refused.push((place.id(), refusal));
        }
    }

    /// An event of worldflow's own, in JSON or protobuf.
    fn own(&self, place: Place<'_>, bytes: &[u8]) -> Result<(i64, Item), Refusal> {
        // No protobuf message begins like an object.
        if bytes.starts_with(b"{") {
            let proposed = serde_json::from_slice(bytes);
            return self.check(place, proposed.map_err(|error| malformed(&error.to_string()))?);
        }
        let event = v1::Event::decode(bytes).map_err(|error| malformed(&error.to_string()))?;
        self.check(place, Proposed::from_proto(&event))
    }

    fn check(&self, place: Place<'_>, mut proposed: Proposed<'_>) -> Result<(i64, Item), Refusal> {
        if proposed.at == Field::Absent {
            proposed.at = Field::Int(place.record.arrived_ms);
        }
        let position = EventId::UNNUMBERED;
        let mut item = self.checker.event(&proposed, &self.sender, position, None, &self.hints)?;
        if item.id.is_unnumbered() {
            item.id = place.id();
        }
        Ok(named(item))
    }

    /// What the mapping makes of a record: all of it, or nothing.
    fn mapped(&mut self, place: Place<'_>, bytes: &[u8], into: &mut Decoded) -> Result<(), Refusal> {
        let Some(mapping) = &self.mapping else { return Ok(()) };
        let mut block = Block::default();
        mapping.read(0, bytes, &mut self.pass, &mut block);
        into.skipped += block.skipped;
        if let Some(bad) = block.bad.into_iter().next() {
            return Err(refuse(bad.code, bad.path, bad.reason, bad.hint));
        }
        let begun = into.items.len();
        let made = self.taken(place, block.commands, block.events, into);
        if made.is_err() {
            into.items.truncate(begun);
        }
        made
    }

    fn taken(
        &mut self,
        place: Place<'_>,
        commands: Vec<crate::recording::Dated>,
        events: Vec<Event>,
        into: &mut Decoded,
    ) -> Result<(), Refusal> {
        for dated in commands {
            self.rules.command(&dated.command)?;
            let mut command = dated.command;
            self.checker.seal_command(&mut command)?;
            let item = Item { id: dated.id, input: Input::Command(command), most_per_s: None };
            let (_, item) = named(within(place, item));
            into.items.push((dated.at_ms, item));
        }
        for event in events {
            let proposed = proposed(&event);
            let position = EventId::UNNUMBERED;
            let mut item = self.checker.event(&proposed, &self.sender, position, None, &self.hints)?;
            item.id = event.id.clone();
            into.items.push(named(within(place, item)));
        }
        Ok(())
    }
}

/// What a mapping numbers is named by the record.
fn within(place: Place<'_>, mut item: Item) -> Item {
    if let EventId::Position(number) = item.id
        && let EventId::Named(name) = place.id()
    {
        item.id = EventId::Named(format!("{name}/{number}").into());
    }
    item
}

/// Tells an input its id; with the time of an event.
fn named(mut item: Item) -> (i64, Item) {
    let id = item.id.clone();
    let at_ms = match &mut item.input {
        Input::Event(event) => {
            event.id = id;
            event.at_ms
        }
        Input::Command(command) => {
            command.set_id(&id);
            0
        }
    };
    (at_ms, item)
}

fn malformed(why: &str) -> Refusal {
    let hint = "a record is an event in JSON or protobuf; other layouts need a mapping, `map:`";
    refuse("malformed", "", clip(why), hint)
}

fn of_another_shard() -> Refusal {
    let reason = "its key belongs to another shard since a split or merge";
    refuse("other_shard", "", reason, "the Kinesis Producer Library sends it again to that one")
}

/// An event that is made already, as it would come over a wire.
fn proposed(event: &Event) -> Proposed<'_> {
    let id = |id: Sym| match id.is_none() {
        true => Field::Absent,
        false => Field::Text(Cow::Borrowed(id.as_str())),
    };
    let with = event.with.iter().flat_map(|with| with.iter());
    Proposed {
        id: Field::Absent,
        at: Field::Int(event.at_ms),
        player: id(event.player),
        kind: id(event.kind),
        target: id(event.target),
        amount: Field::Int(event.amount),
        region: id(event.region),
        with: with.map(|(name, value)| (Cow::Borrowed(name.as_str()), field(value))).collect(),
        odd: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "it has been a number of JSON, of which this is one")]
fn field(value: &Value) -> Field<'_> {
    match value {
        Value::Null => Field::Absent,
        Value::Bool(value) => Field::Bool(*value),
        Value::Int(value) => Field::Int(*value),
        Value::Dec(millionths) => Field::Dec(*millionths as f64 / 1e6),
        Value::Sym(sym) => Field::Text(Cow::Borrowed(sym.as_str())),
        Value::Text(text) => Field::Text(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests;
