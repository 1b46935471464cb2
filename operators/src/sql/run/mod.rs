//! Plans become dataflows: operators that are made of a plan once and interpret it for every row.
//!
//! What is planned alike is made once in a dataflow, and a relation is arranged by a key once, whatever joins
//! need it. Joins are differential's, over shared arrangements; what is kept a group (aggregates, first rows,
//! sets) is an operator of our own ([`keyed`]), whose cost for a change does not grow with the group. All state
//! here is derived: it is built anew from the rows of the relations.

mod bounded;
mod groups;
mod keyed;
mod measured;
mod order;

use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use rustc_hash::FxHashMap;
use timely::dataflow::StreamVec;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

pub use self::bounded::Alarms;
use self::groups::{Reduce, Set, TopRows};
use self::keyed::{Rule, keyed};
use self::measured::measured;
use super::expr::Expr;
use super::kind::Kind;
use super::packed::Packed;
use super::plan::{Cell, Hop, How, Join, Node, Op, SetOp};
use super::sizes::{Gauge, Gauges, Stage};
use crate::messages::ClockNow;

/// Changes of rows.
pub type Rows<'scope> = VecCollection<'scope, Tick, Packed, Diff>;

type ByKey<'scope> = Arranged<'scope, TraceAgent<ValSpine<Packed, Packed, Tick, Diff>>>;

/// What plans read.
pub struct Sources<'scope> {
    /// The rows of relations, by name.
    pub relations: BTreeMap<String, Rows<'scope>>,
    /// One thing from the first tick on: groups of everything are there although there is nothing.
    pub begun: VecCollection<'scope, Tick, (), Diff>,
    /// The world clock, told to every worker, for bounds in world time.
    pub clock: StreamVec<'scope, Tick, ClockNow>,
    /// Milliseconds of a tick.
    pub tick_ms: u32,
    /// Where bounds in time say when they act next.
    pub alarms: Alarms,
    /// Where operators say what they keep.
    pub gauges: Gauges,
}

/// The dataflows of plans over the same sources.
pub struct Dataflows<'scope> {
    sources: Sources<'scope>,
    made: FxHashMap<Node, Rows<'scope>>,
    arranged: FxHashMap<(Node, Vec<Cell>), ByKey<'scope>>,
    keys: FxHashMap<(Node, Vec<Cell>), ByKey<'scope>>,
}

/// The columns of a row of a view of the catalog, after its realm.
#[must_use]
pub fn packed(row: &Row, kinds: &[Kind]) -> Packed {
    Packed::new(row[1..].iter().cloned().zip(kinds.iter().copied()))
}

/// A row of a view, after its realm.
#[must_use]
pub fn unpacked(realm: Sym, row: &Packed, kinds: &[Kind]) -> Row {
    let values = kinds.iter().enumerate().map(|(column, kind)| row.get(column, *kind));
    let values: Vec<Value> = [Value::id(realm)].into_iter().chain(values).collect();
    Row::new(values)
}

impl<'scope> Dataflows<'scope> {
    /// None yet.
    #[must_use]
    pub fn new(sources: Sources<'scope>) -> Dataflows<'scope> {
        let (made, arranged, keys) = Default::default();
        Dataflows { sources, made, arranged, keys }
    }

    /// The rows of a plan. Relations that are not there have none.
    pub fn rows(&mut self, node: &Node) -> Rows<'scope> {
        if let Some(made) = self.made.get(node) {
            return made.clone();
        }
        let rows = self.make(node);
        self.made.insert(node.clone(), rows.clone());
        rows
    }

    fn make(&mut self, node: &Node) -> Rows<'scope> {
        match &node.op {
            Op::Scan(relation) => match self.sources.relations.get(relation) {
                Some(rows) => rows.clone(),
                None => self.sources.begun.clone().flat_map(|()| None),
            },
            Op::Values(rows) => {
                let row = |row: &Vec<Expr>| {
                    let cells = row.iter().cloned().zip(node.kinds.iter().copied());
                    of_cells(&cells.collect::<Vec<_>>(), &Packed::empty())
                };
                let rows: Vec<Packed> = rows.iter().map(row).collect();
                self.sources.begun.clone().flat_map(move |()| rows.clone())
            }
            Op::Filter(input, predicates) => {
                let predicates = predicates.clone();
                self.rows(input).filter(move |row| predicates.iter().all(|predicate| predicate.holds(row)))
            }
            Op::Map(input, cells) => {
                let cells = cells.clone();
                self.rows(input).map(move |row| of_cells(&cells, &row))
            }
            Op::Join(join) => self.join(join),
            Op::Reduce(input, by, aggregates) => {
                let rule = Rule::Reduce(Rc::new(Reduce {
                    by: by.iter().map(|(_, kind)| *kind).collect(),
                    aggregates: aggregates.clone(),
                }));
                let (everything, by) = (by.is_empty(), by.clone());
                let mut rows = self.rows(input).map(move |row| (of_cells(&by, &row), (0, row)));
                if everything {
                    rows = rows
                        .concat(self.sources.begun.clone().map(|()| (Packed::empty(), (1, Packed::empty()))));
                }
                keyed("reduce", rows, rule, self.groups(node))
            }
            Op::Union(inputs) => {
                let inputs: Vec<_> = inputs.iter().map(|input| self.rows(input)).collect();
                differential_dataflow::collection::concatenate(self.sources.clock.scope(), inputs)
            }
            Op::Set(op, left, right) => {
                let left = self.rows(left).map(|row| (row, (0, Packed::empty())));
                let right = self.rows(right).map(|row| (row, (1, Packed::empty())));
                keyed("set", left.concat(right), Rule::Set(Set(*op)), self.groups(node))
            }
            Op::Distinct(input) => distinct(self.rows(input), self.groups(node)),
            Op::Top(input, top) => {
                let by = top.by.clone();
                let rows = self.rows(input).map(move |row| (of_cells(&by, &row), (0, row)));
                keyed(
                    "top",
                    rows,
                    Rule::Top(Rc::new(TopRows { top: top.clone(), kinds: input.kinds.clone() })),
                    self.groups(node),
                )
            }
            Op::While(input, bound) => {
                let rows = self.rows(input);
                let Sources { clock, tick_ms, alarms, gauges, .. } = &self.sources;
                let gauge = gauges.gauge(Stage::Bound(node.clone()));
                bounded::bounded(rows, bound.clone(), clock.clone(), *tick_ms, (alarms, gauge))
            }
            Op::Hop(input, hop) => {
                let (hop, kinds) = (hop.clone(), input.kinds.clone());
                self.rows(input).flat_map(move |row| windows(&hop, &kinds, &row))
            }
        }
    }

    fn groups(&self, node: &Node) -> Gauge {
        self.sources.gauges.gauge(Stage::Groups(node.clone()))
    }

    fn join(&mut self, join: &Join) -> Rows<'scope> {
        let side = |left: bool| -> Vec<Cell> {
            let cell =
                |(one, other, kind): &(Expr, Expr, Kind)| (if left { one } else { other }.clone(), *kind);
            join.keys.iter().map(cell).collect()
        };
        let left = self.by_key(&join.left, side(true));
        let beside = join.right.kinds.iter().enumerate().filter(|(_, kind)| kind.is_beside());
        let beside: Vec<usize> = beside.map(|(column, _)| column).collect();
        let pairs = |right: ByKey<'scope>| {
            left.clone().join_core(right, move |key, left, right| {
                // NULL is equal to nothing.
                (!key.has_null()).then(|| left.joined(right, &beside))
            })
        };
        if join.how == How::Inner {
            return pairs(self.by_key(&join.right, side(false)));
        }
        let keys = self.keys(&join.right, side(false));
        let partnered = left.clone().join_core(keys, |_, left: &Packed, _| Some(left.clone()));
        let all = self.rows(&join.left);
        match join.how {
            How::Semi => partnered,
            How::Anti => all.concat(partnered.negate()),
            How::Inner | How::Left => {
                let wide = join.right.kinds.len();
                let alone = all.concat(partnered.negate()).map(move |row| row.padded(wide));
                pairs(self.by_key(&join.right, side(false))).concat(alone)
            }
        }
    }

    /// The rows of a plan, arranged by a key.
    fn by_key(&mut self, node: &Node, key: Vec<Cell>) -> ByKey<'scope> {
        let rows = self.rows(node);
        let of = key.clone();
        let gauges = &self.sources.gauges;
        let made = self.arranged.entry((node.clone(), key.clone()));
        made.or_insert_with(|| {
            let rows = rows.map(move |row| (of_cells(&of, &row), row)).arrange_by_key_named("rows by key");
            measured(rows, gauges.gauge(Stage::Rows(node.clone(), key)))
        })
        .clone()
    }

    /// The keys that rows of a plan have, none of them NULL.
    fn keys(&mut self, node: &Node, key: Vec<Cell>) -> ByKey<'scope> {
        let rows = self.rows(node);
        let of = key.clone();
        let gauges = &self.sources.gauges;
        let made = self.keys.entry((node.clone(), key.clone()));
        made.or_insert_with(|| {
            let keys = rows.map(move |row| of_cells(&of, &row)).filter(|key| !key.has_null());
            // As large as the arrangement of them, which tells.
            let keys = distinct(keys, Gauge::default());
            let keys = keys.map(|key| (key, Packed::empty())).arrange_by_key_named("keys");
            measured(keys, gauges.gauge(Stage::Keys(node.clone(), key)))
        })
        .clone()
    }
}

fn distinct<'scope>(rows: Rows<'scope>, gauge: Gauge) -> Rows<'scope> {
    keyed("distinct", rows.map(|row| (row, (0, Packed::empty()))), Rule::Set(Set(SetOp::Union)), gauge)
}

fn of_cells(cells: &[Cell], row: &Packed) -> Packed {
    Packed::new(cells.iter().map(|(expr, kind)| (expr.of(row), *kind)))
}

/// The row for every window that its moment is in.
fn windows(hop: &Hop, kinds: &[Kind], row: &Packed) -> Vec<Packed> {
    let Value::Int(moment) = hop.moment.of(row) else { return Vec::new() };
    let last = moment.div_euclid(hop.slide_ms) * hop.slide_ms;
    let begins = (0..hop.size_ms / hop.slide_ms).map(|window| last - window * hop.slide_ms);
    let with = |begin: i64| {
        let values: Vec<(Value, Kind)> = kinds
            .iter()
            .enumerate()
            .map(|(column, kind)| (row.get(column, *kind), *kind))
            .chain([(Value::Int(begin), hop.kind)])
            .collect();
        Packed::new(values.into_iter())
    };
    begins.map(with).collect()
}
