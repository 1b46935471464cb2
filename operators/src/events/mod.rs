//! The events that views in SQL read, kept as long as their bounds in time say.
//!
//! `events ─gate→ those of the kinds that views name ─keep→ rows of the relation ("events"), until their time has passed`
//!
//! What has been kept is base state: the journal may no longer have it. Where no view reads events nothing is copied and nothing is
//! kept. There is one shard, so that which are the oldest, once there are too many, is the same for any number of workers.

mod gate;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Event, EventId, Row, Sym, Tick, Value};

pub(crate) use self::gate::gate;
use crate::machine::{Machine, Output};
use crate::messages::Refused;
use crate::piece;
use crate::sql::{Attribute, Gauge, Kept, Kind, Size, attributes, kind_of};

/// The most events that are kept for views.
pub(crate) const MOST_KEPT: usize = 500_000;

/// The most events of one piece of base state.
const PART: usize = 1_000;

/// The columns of every event with the realm; and what a row takes beside its values: its header, and its id's text.
const WIDE: usize = 10;
const ROW_BYTES: usize = 64;

/// Of what is passed over it is told once in so long.
const TOLD_EVERY_MS: u64 = 60_000;

/// What it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum EventsIn {
    /// What views need from this tick on.
    Needed(Kept),
    /// Events of kinds that views need, or needed until now.
    Events(Vec<Event>),
}

/// Some events of one kind and tick: the tick, the kind by its text, and a number.
type Place = (Tick, &'static str, u32);

#[derive(Debug)]
struct Part {
    rows: Vec<Row>,
    /// When the last of them happened.
    latest_ms: i64,
    /// From this tick on nobody needs them.
    end: Tick,
}

/// Keeps events for views.
#[derive(Debug)]
pub(crate) struct EventsMachine {
    realm: Sym,
    view: ViewId,
    length: TickLength,
    /// The columns behind those of every event.
    attributes: Vec<(Sym, Kind)>,
    /// The attributes of each kind that are columns.
    of_kinds: FxHashMap<Sym, Vec<Sym>>,
    most: usize,
    needed: Kept,
    parts: BTreeMap<Place, Part>,
    ends: BTreeSet<(Tick, Place)>,
    rows: usize,
    /// How many have been passed over since it was last told of, and when that was.
    passed_over: usize,
    told: Option<Tick>,
    gauge: Gauge,
}

impl EventsMachine {
    /// Nothing is kept. The rows are those of `view`.
    pub(crate) fn new(realm: Sym, world: &WorldDef, view: ViewId, gauge: Gauge) -> EventsMachine {
        let column = |Attribute { name, kind, .. }: &Attribute| (Sym::new(name), *kind);
        let attributes: Vec<_> = attributes(&world.kinds).iter().map(column).collect();
        let of_kind = |(kind, def): (&String, &worldflow_schemas::definitions::KindDef)| {
            let plain = def.attributes.iter().filter(|(_, holds)| kind_of(**holds).is_some());
            let named = plain
                .map(|(name, _)| Sym::new(name))
                .filter(|name| attributes.iter().any(|(n, _)| n == name));
            (Sym::new(kind), named.collect())
        };
        let of_kinds = world.kinds.iter().map(of_kind).collect();
        EventsMachine {
            realm,
            view,
            length: TickLength { tick_ms: world.tick_ms.max(1) },
            attributes,
            of_kinds,
            most: MOST_KEPT,
            needed: Kept::default(),
            parts: BTreeMap::new(),
            ends: BTreeSet::new(),
            rows: 0,
            passed_over: 0,
            told: None,
            gauge,
        }
    }

    /// The event without what a player wrote, and what else is no column.
    fn plain(&self, mut event: Event) -> Event {
        let Some(with) = event.with.take() else { return event };
        let columns = self.of_kinds.get(&event.kind);
        let is_column = |(name, _): &&(Sym, Value)| columns.is_some_and(|columns| columns.contains(name));
        let plain: Vec<(Sym, Value)> = with.iter().filter(is_column).cloned().collect();
        event.with = (!plain.is_empty()).then(|| Arc::from(plain));
        event
    }

    fn row(&self, tick: Tick, event: &Event) -> Row {
        let own = [
            Value::id(self.realm),
            Value::count(tick),
            Value::id(event.source),
            Value::text(&id_text(&event.id)),
            Value::Int(event.at_ms),
            Value::id(event.kind),
            Value::id(event.player),
            Value::id(event.target),
            Value::id(event.region),
            Value::Int(event.amount),
        ];
        let columns = self.of_kinds.get(&event.kind);
        let attribute = |(name, kind): &(Sym, Kind)| {
            let declared = columns.is_some_and(|columns| columns.contains(name));
            match (event.attribute(*name).filter(|_| declared), kind) {
                (Some(Value::Int(n)), Kind::Dec) => n.checked_mul(DEC_ONE).map_or(Value::Null, Value::Dec),
                (value, _) => value.cloned().unwrap_or_default(),
            }
        };
        let values: Vec<Value> = own.into_iter().chain(self.attributes.iter().map(attribute)).collect();
        Row::new(values)
    }

    /// From which tick on nobody needs events of a kind and tick any more, of which the last happened then.
    fn end(&self, (tick, kind, _): Place, latest_ms: i64) -> Option<Tick> {
        let for_ms = self.needed.for_ms(Sym::new(kind))?;
        let last_ms = latest_ms.max(self.length.utc_ms(tick)).saturating_add(for_ms);
        Some(Tick::try_from(last_ms.div_euclid(i64::from(self.length.tick_ms))).unwrap_or(0) + 1)
    }

    fn insert(&mut self, place: Place, events: &[Event], end: Tick) {
        let rows: Vec<Row> = events.iter().map(|event| self.row(place.0, event)).collect();
        self.rows += rows.len();
        self.ends.insert((end, place));
        let latest_ms = events.iter().map(|event| event.at_ms).max().unwrap_or_default();
        self.parts.insert(place, Part { rows, latest_ms, end });
    }

    fn remove(&mut self, place: Place, output: &mut Output<Refused>) -> usize {
        let Some(part) = self.parts.remove(&place) else { return 0 };
        self.ends.remove(&(part.end, place));
        let count = part.rows.len();
        self.rows -= count;
        part.rows.into_iter().for_each(|row| output.remove(self.view, row));
        output.base.push(piece::change::<_, ()>(Self::NAME, self.realm, &key(place), None));
        count
    }

    /// What nobody needs any more goes.
    fn pass(&mut self, tick: Tick, output: &mut Output<Refused>) {
        while let Some((_, place)) = self.ends.first().copied().filter(|(end, _)| *end <= tick) {
            self.remove(place, output);
        }
    }

    /// Views need others from now on, or for longer or shorter.
    fn need(&mut self, needed: Kept, tick: Tick) {
        self.needed = needed;
        self.ends.clear();
        let places: Vec<(Place, i64)> =
            self.parts.iter().map(|(place, part)| (*place, part.latest_ms)).collect();
        for (place, latest_ms) in places {
            let end = self.end(place, latest_ms).unwrap_or(tick).max(tick);
            self.ends.insert((end, place));
            if let Some(part) = self.parts.get_mut(&place) {
                part.end = end;
            }
        }
    }

    fn keep(&mut self, tick: Tick, mut events: Vec<Event>, output: &mut Output<Refused>) {
        events.retain(|event| self.needed.for_ms(event.kind).is_some());
        events.sort_by(Event::cmp_order);
        let mut ids = BTreeSet::new();
        events.retain(|event| ids.insert((event.source, id_text(&event.id))));
        let mut by_kind: BTreeMap<&'static str, Vec<Event>> = BTreeMap::new();
        for event in events {
            by_kind.entry(event.kind.as_str()).or_default().push(self.plain(event));
        }
        for (kind, events) in by_kind {
            for (number, events) in (0..).zip(events.chunks(PART)) {
                let place = (tick, kind, number);
                let latest_ms = events.iter().map(|event| event.at_ms).max().unwrap_or_default();
                let Some(end) = self.end(place, latest_ms) else { continue };
                self.insert(place, events, end);
                output.base.push(piece::change(Self::NAME, self.realm, &key(place), Some(&events)));
                self.parts[&place].rows.iter().for_each(|row| output.insert(self.view, row.clone()));
            }
        }
    }

    fn measure(&self) {
        let row_bytes = (WIDE + self.attributes.len()) * size_of::<Value>() + ROW_BYTES;
        self.gauge.set(Size::of(
            self.rows,
            row_bytes,
            self.parts.len(),
            size_of::<Part>() + size_of::<Place>(),
        ));
    }

    /// Of too many the oldest go before their time, and somebody is told.
    fn limit(&mut self, tick: Tick, output: &mut Output<Refused>) {
        while self.rows > self.most {
            let Some((place, _)) = self.parts.first_key_value() else { break };
            self.passed_over += self.remove(*place, output);
        }
        let pause = TOLD_EVERY_MS / u64::from(self.length.tick_ms);
        if self.passed_over == 0 || self.told.is_some_and(|told| tick < told.saturating_add(pause)) {
            return;
        }
        let (most, passed_over) = (self.most, std::mem::take(&mut self.passed_over));
        self.told = Some(tick);
        output.out.push(Refused {
            source: Sym::new("views"),
            id: EventId::Position(tick),
            code: Sym::new("too_many_events"),
            reason: format!("views read more than {most} events: {passed_over} of the oldest no longer count, before their time"),
            hint: "shorten the bounds in time of views that read `events`, and name the kinds that they count: WHERE kind = 'kill'"
                .to_owned(),
            current: None,
        });
    }
}

/// The id of an event as text.
fn id_text(id: &EventId) -> String {
    match id {
        EventId::Position(position) => position.to_string(),
        EventId::Named(name) => name.to_string(),
    }
}

/// The key of a piece of base state.
fn key((tick, kind, number): Place) -> (Tick, Sym, u32) {
    (tick, Sym::new(kind), number)
}

impl Machine for EventsMachine {
    type In = EventsIn;
    type Out = Refused;
    const NAME: BaseName = "events";

    fn load(&mut self, row: BaseRow) {
        let ((tick, kind, number), events): ((Tick, Sym, u32), Vec<Event>) = piece::read(&row);
        // What is needed, and so until when, is known when everything is loaded.
        self.insert((tick, kind.as_str(), number), &events, Tick::MAX);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<EventsIn>, output: &mut Output<Refused>) {
        let needed = inputs.into_iter().filter_map(|input| match input {
            EventsIn::Needed(needed) => Some(needed),
            EventsIn::Events(_) => None,
        });
        // Whoever says nothing needs nothing any more.
        self.need(needed.last().unwrap_or_default(), tick + 1);
        let rows = self.parts.values().flat_map(|part| &part.rows);
        rows.for_each(|row| output.insert(self.view, row.clone()));
        self.measure();
    }

    fn step(&mut self, tick: Tick, inputs: Vec<EventsIn>, output: &mut Output<Refused>) {
        let mut entered = Vec::new();
        for input in inputs {
            match input {
                EventsIn::Needed(needed) => self.need(needed, tick),
                EventsIn::Events(events) => entered.extend(events),
            }
        }
        self.pass(tick, output);
        self.keep(tick, entered, output);
        self.limit(tick, output);
        self.measure();
    }

    fn alarm(&self) -> Option<Tick> {
        // By the time it is asked everything up to the present has passed.
        let later = (Bound::Unbounded, Bound::Excluded((Tick::MAX, (0, "", 0))));
        self.ends.range(later).next().map(|(end, _)| *end)
    }
}
