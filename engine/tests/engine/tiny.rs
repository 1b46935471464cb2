//! A small graph: counts events by player, and rings timers.
//!
//! An event of kind `ring` sets a timer `amount` ticks ahead; the player's count then jumps by 100.
//! An event of kind `say` makes its attribute `text` the player's fact `said`. Everything is base state. An event of
//! kind `refuse` is refused, one of kind `panic` panics. One of kind `define` makes its target a view of the counts (or of
//! what is said), whose shape is its amount: [`shape`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use differential_dataflow::AsCollection;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Capability, Concatenate};
use timely::worker::Worker;
use worldflow_engine::graph::{BuildGraph, GraphIo, Refused, WorkerOutputs};
use worldflow_engine::worlds::Graphs;
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::catalog::{
    CatalogEdit, ColumnType, DesignedColumn, DesignedView, FACTS, LEVELS, ViewId,
};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{ClockCommand, ClockWrite, Command};
use worldflow_schemas::{Diff, Event, EventId, Row, Sym, Tick, Value};

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
enum Told {
    Event(Event),
    Command(Command),
    Load(BaseRow),
    /// A view is defined; told to every worker by its number.
    Define(u64, Sym, i64),
    /// The same, from base state.
    LoadView(u64, Sym, i64),
}

/// The shape by which a view is gone.
pub(crate) const GONE: i64 = 3;

/// A view of one of the shapes: 1 is of counts, 2 of counts with their doubles, 4 of what is said.
pub(crate) fn shape(name: &str, shape: i64) -> Option<ViewId> {
    let more = match shape {
        1 => vec![DesignedColumn::new("n", ColumnType::Int, "The count.")],
        2 => vec![
            DesignedColumn::new("n", ColumnType::Dec, "The count."),
            DesignedColumn::new("doubled", ColumnType::Int, "Twice the count."),
        ],
        4 => vec![DesignedColumn::new("said", ColumnType::Text, "What was said.")],
        _ => return None,
    };
    let key = ["realm", "player"].map(|name| DesignedColumn::new(name, ColumnType::Text, ""));
    let view = DesignedView {
        name: name.to_owned(),
        key: 2,
        columns: key.into_iter().chain(more).collect(),
        filters: Vec::new(),
        doc: "Of the tiny graph.".to_owned(),
    };
    Some(view.id().expect("a view"))
}

/// A row of a view that is defined, of a player.
pub(crate) fn own_row(shape: i64, player: Sym, count: i64) -> Row {
    let key = [Value::Sym("tiny".into()), player.into()];
    match shape {
        1 => key.into_iter().chain([count.into()]).collect(),
        _ => key.into_iter().chain([Value::Dec(count * 1_000_000), (2 * count).into()]).collect(),
    }
}

pub(crate) fn graph() -> Arc<dyn BuildGraph> {
    graph_worth(1)
}

/// The graph of a world where every event counts as many as the seed says.
pub(crate) fn graphs() -> Graphs {
    Graphs::by_world(|world| graph_worth(i64::try_from(world.seed).expect("small")))
}

pub(crate) fn graph_worth(worth: i64) -> Arc<dyn BuildGraph> {
    Arc::new(move |worker: &mut Worker, outputs| build(worker, outputs, worth))
}

pub(crate) fn world() -> Arc<WorldDef> {
    let world = serde_json::json!({"name": "tiny", "seed": 1, "tick_ms": 10});
    Arc::new(serde_json::from_value(world).expect("a world needs no more"))
}

pub(crate) fn event(player: &str, kind: &str, at_ms: i64, id: EventId) -> Event {
    Event {
        at_ms,
        source: "test".into(),
        id,
        player: player.into(),
        kind: kind.into(),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    }
}

pub(crate) fn level_row(player: Sym, count: i64) -> Row {
    let zero = Value::Int(0);
    Row::from([Value::Sym("tiny".into()), player.into(), count.into(), zero.clone(), zero.clone(), zero])
}

pub(crate) fn said_row(player: Sym, text: &str) -> Row {
    let id = |text: &str| Value::Sym(text.into());
    let (text, version, expires) = (Value::text(text), Value::Int(1), Value::Null);
    Row::from([id("tiny"), id("player"), player.into(), id("said"), text, version, expires])
}

/// Counts of players, and pending rings.
#[derive(Default)]
struct Counts {
    /// What an event counts, times its amount.
    worth: i64,
    counts: BTreeMap<Sym, i64>,
    rings: BTreeSet<(Tick, Sym)>,
    said: BTreeMap<Sym, String>,
    views: BTreeMap<Sym, i64>,
    /// Writes base state that is of no player.
    first: bool,
}

#[derive(Default)]
struct Out {
    rows: Vec<((ViewId, Row), Diff)>,
    base: Vec<BaseChange>,
    refused: Vec<Refused>,
    catalog: Vec<CatalogEdit>,
}

impl Counts {
    /// The rows of views that are defined, of a player.
    fn own_rows(&self, player: Sym, diff: Diff, out: &mut Out) {
        for (name, of) in &self.views {
            let Some(view) = shape(name.as_str(), *of) else { continue };
            let row = match of {
                4 => self
                    .said
                    .get(&player)
                    .map(|said| Row::from([Value::Sym("tiny".into()), player.into(), Value::text(said)])),
                _ => self.counts.get(&player).map(|count| own_row(*of, player, *count)),
            };
            out.rows.extend(row.map(|row| ((view, row), diff)));
        }
    }

    /// What a view is made of comes with it; what was there before is the engine's to take back.
    fn define(&mut self, name: Sym, of: i64, out: &mut Out) {
        if self.views.insert(name, of) == Some(of) {
            return;
        }
        out.catalog.push(CatalogEdit { name, view: shape(name.as_str(), of) });
        if self.first {
            out.base.push(piece(name, b"view", Some(of)));
        }
        let others: BTreeMap<Sym, i64> = std::mem::replace(&mut self.views, BTreeMap::from([(name, of)]));
        let players: BTreeSet<Sym> = self.counts.keys().chain(self.said.keys()).copied().collect();
        players.into_iter().for_each(|player| self.own_rows(player, 1, out));
        self.views.extend(others);
    }

    fn add(&mut self, player: Sym, amount: i64, out: &mut Out) {
        self.own_rows(player, -1, out);
        let count = self.counts.entry(player).or_insert(0);
        if *count > 0 {
            out.rows.push(((LEVELS, level_row(player, *count)), -1));
        }
        *count += amount;
        out.rows.push(((LEVELS, level_row(player, *count)), 1));
        out.base.push(piece(player, b"count", Some(*count)));
        self.own_rows(player, 1, out);
    }

    fn say(&mut self, player: Sym, text: &str, out: &mut Out) {
        self.own_rows(player, -1, out);
        if let Some(old) = self.said.insert(player, text.to_owned()) {
            out.rows.push(((FACTS, said_row(player, &old)), -1));
        }
        out.rows.push(((FACTS, said_row(player, text)), 1));
        self.own_rows(player, 1, out);
        let value = Some(Arc::from(text.as_bytes()));
        out.base.push(BaseChange { operator: "counts", route: player, key: b"said"[..].into(), value });
    }

    fn step(&mut self, tick: Tick, mut told: Vec<Told>, out: &mut Out) {
        let mut load = false;
        told.sort_by_key(|told| !matches!(told, Told::Define(..)));
        for told in told {
            match told {
                Told::Define(_, name, of) => self.define(name, of, out),
                Told::Event(event) if event.kind == "refuse".into() => out.refused.push(Refused {
                    source: event.source,
                    id: event.id,
                    code: "refused".into(),
                    reason: "asked to".to_owned(),
                    hint: String::new(),
                    current: None,
                }),
                Told::Event(event) if event.kind == "ring".into() => {
                    let at = tick + event.amount.unsigned_abs();
                    self.rings.insert((at, event.player));
                    out.base.push(piece(event.player, &at.to_le_bytes(), Some(0)));
                }
                Told::Event(event) if event.kind == "say".into() => {
                    let text = event.attribute("text".into()).expect("what is said").to_string();
                    self.say(event.player, &text, out);
                }
                Told::Event(event) => {
                    assert!(event.kind != "panic".into(), "asked to");
                    self.add(event.player, event.amount * self.worth, out);
                }
                // Downtime shows as a count, so that tests see when it comes.
                Told::Command(Command::Clock(ClockWrite {
                    command: ClockCommand::Downtime { from, to },
                    ..
                })) => {
                    let gap = i64::try_from(to - from).expect("small");
                    self.add("downtime".into(), gap, out);
                }
                Told::Command(_) => self.add("commands".into(), 1, out),
                Told::Load(row) if row.key.as_ref() == b"count" => {
                    let count = i64::from_le_bytes(row.value.as_ref().try_into().expect("eight bytes"));
                    self.counts.insert(row.route, count);
                    load = true;
                }
                Told::Load(row) if row.key.as_ref() == b"said" => {
                    let text = String::from_utf8(row.value.to_vec()).expect("text");
                    self.said.insert(row.route, text);
                    load = true;
                }
                Told::LoadView(_, name, of) => {
                    self.views.insert(name, of);
                    load = true;
                }
                Told::Load(row) => {
                    let at = Tick::from_le_bytes(row.key.as_ref().try_into().expect("eight bytes"));
                    self.rings.insert((at, row.route));
                    load = true;
                }
            }
        }
        if load {
            let rows = self.counts.iter().map(|(player, count)| ((LEVELS, level_row(*player, *count)), 1));
            out.rows.extend(rows);
            let rows = self.said.iter().map(|(player, text)| ((FACTS, said_row(*player, text)), 1));
            out.rows.extend(rows);
            let edit =
                |(name, of): (&Sym, &i64)| CatalogEdit { name: *name, view: shape(name.as_str(), *of) };
            out.catalog.extend(self.views.iter().map(edit));
            let players: BTreeSet<Sym> = self.counts.keys().chain(self.said.keys()).copied().collect();
            players.into_iter().for_each(|player| self.own_rows(player, 1, out));
            return;
        }
        while let Some((at, player)) = self.rings.first().copied().filter(|(at, _)| *at <= tick) {
            self.rings.pop_first();
            out.base.push(piece(player, &at.to_le_bytes(), None));
            self.add(player, 100, out);
        }
    }
}

fn piece(route: Sym, key: &[u8], value: Option<i64>) -> BaseChange {
    let value = value.map(|value| Arc::from(value.to_le_bytes().as_slice()));
    BaseChange { operator: "counts", route, key: key.into(), value }
}

fn route(told: &Told) -> u64 {
    match told {
        Told::Event(event) => event.player.hash64(),
        Told::Command(Command::Clock(ClockWrite { command: ClockCommand::Downtime { .. }, .. })) => {
            Sym::new("downtime").hash64()
        }
        Told::Command(_) => Sym::new("commands").hash64(),
        Told::Load(row) => row.route.hash64(),
        Told::Define(worker, ..) | Told::LoadView(worker, ..) => *worker,
    }
}

type Vecs<D> = CapacityContainerBuilder<Vec<D>>;

fn build(worker: &mut Worker, outputs: WorkerOutputs, worth: i64) -> GraphIo {
    let mut io = GraphIo {
        events: InputHandle::new(),
        commands: InputHandle::new(),
        loads: InputHandle::new(),
        between_steps: None,
    };
    worker.dataflow::<Tick, _, _>(|scope| {
        let (index, peers) = (scope.index(), scope.peers() as u64);
        let events = io.events.to_stream(scope).flat_map(move |event| match event.kind.as_str() {
            "define" => (0..peers).map(|to| Told::Define(to, event.target, event.amount)).collect(),
            _ => vec![Told::Event(event)],
        });
        let commands = io.commands.to_stream(scope).map(Told::Command);
        let loads = io.loads.to_stream(scope).flat_map(move |row| match row.key.as_ref() {
            b"view" => {
                let of = i64::from_le_bytes(row.value.as_ref().try_into().expect("eight bytes"));
                (0..peers).map(|to| Told::LoadView(to, row.route, of)).collect()
            }
            _ => vec![Told::Load(row)],
        });
        let told = scope.concatenate([events, commands, loads]);

        let mut builder = OperatorBuilder::new("counts".to_owned(), scope);
        let mut input = builder.new_input(told, Exchange::new(route));
        let (rows_out, rows) = builder.new_output();
        let (base_out, base) = builder.new_output();
        let (refused_out, refused) = builder.new_output();
        let (catalog_out, catalog) = builder.new_output();
        let mut rows_out = OutputBuilder::<Tick, Vecs<((ViewId, Row), Tick, Diff)>>::from(rows_out);
        let mut base_out = OutputBuilder::<Tick, Vecs<(BaseChange, Tick)>>::from(base_out);
        let mut refused_out = OutputBuilder::<Tick, Vecs<(Refused, Tick)>>::from(refused_out);
        let mut catalog_out = OutputBuilder::<Tick, Vecs<(CatalogEdit, Tick)>>::from(catalog_out);
        builder.build(move |_| {
            let mut waiting: BTreeMap<Tick, (Vec<Told>, [Capability<Tick>; 4])> = BTreeMap::new();
            let mut counts = Counts { worth, first: index == 0, ..Counts::default() };
            move |frontiers| {
                input.for_each(|capability, data| {
                    let tick = *capability.least().expect("a message has a time");
                    let (told, _) = waiting.entry(tick).or_insert_with(|| {
                        (Vec::new(), [0, 1, 2, 3].map(|port| capability.delayed(&tick, port)))
                    });
                    told.append(data);
                });
                while let Some(entry) = waiting.first_entry() {
                    let tick = *entry.key();
                    if frontiers[0].less_equal(&tick) {
                        break;
                    }
                    let (told, capabilities) = entry.remove();
                    let mut out = Out::default();
                    counts.step(tick, told, &mut out);
                    if let Some((ring, _)) = counts.rings.first() {
                        waiting.entry(*ring).or_insert_with(|| {
                            (Vec::new(), [0, 1, 2, 3].map(|port| capabilities[port].delayed(ring)))
                        });
                    }
                    let rows = out.rows.into_iter().map(|(row, diff)| (row, tick, diff));
                    rows_out.activate().session(&capabilities[0]).give_iterator(rows);
                    let base = out.base.into_iter().map(|change| (change, tick));
                    base_out.activate().session(&capabilities[1]).give_iterator(base);
                    let refused = out.refused.into_iter().map(|refused| (refused, tick));
                    refused_out.activate().session(&capabilities[2]).give_iterator(refused);
                    let catalog = out.catalog.into_iter().map(|edit| (edit, tick));
                    catalog_out.activate().session(&capabilities[3]).give_iterator(catalog);
                }
            }
        });
        outputs.rows(rows.as_collection());
        outputs.base(base);
        outputs.refusals(refused);
        outputs.catalog(catalog);
    });
    io
}
