//! A realm without a graph: the tests write its views, and keep what they were at every tick.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod database;
pub mod designed;
pub mod http;
pub mod old_grants;
pub mod postgres;
pub mod scenarios;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use worldflow_engine::admission::Admission;
use worldflow_engine::observed::Observed;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_changes::ViewChanges;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::{self, CatalogEdit, ViewId};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

/// The rows of every view, by key.
pub type State = BTreeMap<(ViewId, Vec<Value>), Row>;

/// The views that the tests write: between them they have every kind of column.
pub const VIEWS: [ViewId; 6] = [
    catalog::CLOCK,
    catalog::WEATHER,
    catalog::QUEST_STATE,
    catalog::CONTRIBUTIONS,
    catalog::FACTS,
    catalog::ENTITIES,
];

pub struct Fake {
    pub realm: Realm,
    pub progress: watch::Sender<Progress>,
    pub state: State,
    pub history: BTreeMap<Tick, State>,
}

impl Fake {
    pub fn new(name: &str, epoch: u64) -> Fake {
        let world: WorldDef =
            serde_json::from_value(serde_json::json!({ "name": name, "seed": 1 })).expect("a world");
        let (progress, seen) = watch::channel(Progress::default());
        let name = Sym::new(name);
        let realm = Realm {
            name,
            epoch,
            world: Arc::new(world),
            views: Arc::new(ViewStore::new(200)),
            admission: Admission::open().0,
            progress: seen,
            events: broadcast::channel(16).0,
            observed: Observed::new(name),
            defined: Default::default(),
            privacy: worldflow_engine::privacy::Privacy::none(),
        };
        Fake { realm, progress, state: State::new(), history: BTreeMap::new() }
    }

    pub fn tick(&self) -> Tick {
        self.progress.borrow().tick
    }

    /// Applies a tick: each row replaces the one of its key; `None` removes it.
    pub fn apply(&mut self, tick: Tick, writes: Vec<(ViewId, Vec<Value>, Option<Row>)>) {
        self.edit(tick, &[], writes);
    }

    /// The same, of a tick that changes the catalog too.
    pub fn edit(
        &mut self,
        tick: Tick,
        edits: &[CatalogEdit],
        writes: Vec<(ViewId, Vec<Value>, Option<Row>)>,
    ) {
        // What a name stood for goes with its rows.
        let named = |view: &ViewId| edits.iter().any(|edit| edit.name.as_str() == view.def().name);
        self.state.retain(|(view, _), _| !named(view));
        let mut changes: Vec<(ViewId, Row, Diff)> = Vec::new();
        for (view, key, row) in writes {
            let old = match row {
                Some(row) => {
                    changes.push((view, row.clone(), 1));
                    self.state.insert((view, key), row)
                }
                None => self.state.remove(&(view, key)),
            };
            changes.extend(old.map(|old| (view, old, -1)));
        }
        self.realm.views.apply_edits(tick, edits, ViewChanges::by_view(changes));
        self.history.insert(tick, self.state.clone());
        self.progress.send_replace(Progress { tick, utc_ms: tick.cast_signed() * 10 });
    }

    /// Applies one write.
    pub fn put(&mut self, tick: Tick, view: ViewId, row: Row) {
        self.apply(tick, vec![(view, row.key(view.def().key).to_vec(), Some(row))]);
    }

    /// The same realm in a new process: the view store is filled by one tick, and knows nothing older.
    pub fn restarted(&self, tick: Tick, epoch: u64) -> Fake {
        let mut fake = Fake::new(self.realm.name.as_str(), epoch);
        let writes = self.state.iter().map(|((view, key), row)| (*view, key.clone(), Some(row.clone())));
        fake.apply(tick, writes.collect());
        fake.history = self.history.clone();
        fake.history.insert(tick, self.state.clone());
        fake
    }
}

/// A small generator of chance, the same in every run of a seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("a short list")]
    }
}

pub fn sym(text: &str) -> Value {
    Value::id(text.into())
}

pub fn int(n: u64) -> Value {
    Value::count(n)
}

/// A row of any kind for a key, and sometimes its removal.
pub fn random_write(chance: &mut Chance, realm: Sym, tick: Tick) -> (ViewId, Vec<Value>, Option<Row>) {
    let view = *chance.pick(&VIEWS);
    let row = random_row(chance, view, realm, tick);
    let key = row.key(view.def().key).to_vec();
    (view, key, (chance.below(4) > 0).then_some(row))
}

fn random_row(chance: &mut Chance, view: ViewId, realm: Sym, tick: Tick) -> Row {
    use worldflow_schemas::catalog::ColumnType as Kind;
    let def = view.def();
    let value = |(place, column): (usize, &catalog::Column)| {
        let key = place < def.key;
        if place == 0 {
            return Value::id(realm);
        }
        if !key && chance.below(6) == 0 {
            return Value::Null;
        }
        match column.kind {
            Kind::Bool => Value::Bool(chance.below(2) == 0),
            Kind::Tick if !key => int(tick),
            Kind::Int | Kind::Tick | Kind::Time => int(chance.below(if key { 4 } else { 1 << 62 })),
            Kind::Dec => Value::Dec(chance.below(1 << 40).cast_signed() - (1 << 39)),
            Kind::Text if key && column.name == "player" && chance.below(5) == 0 => Value::Null,
            Kind::Text if key => sym(&format!("{}-{}", column.name, chance.below(5))),
            Kind::Text => {
                Value::text(chance.pick::<&str>(&["rain", "o'clock \"now\"", "", "Gewölk ☁️", "-- \\ ; $1"]))
            }
            Kind::Any => [Value::Bool(true), Value::Int(-7), Value::Dec(1_250_000), sym("blue")]
                [usize::try_from(chance.below(4)).expect("small")]
            .clone(),
            Kind::Json => Value::text(&format!(r#"{{"n":{},"of":["é","\"",null,1.5]}}"#, chance.below(9))),
        }
    };
    Row::new(def.columns.iter().enumerate().map(value).collect::<Vec<_>>())
}
