//! A plan over changing rows, on some workers, its inputs cut as chance will have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::Input as _;
use worldflow_operators::sql::run::{Alarms, Dataflows, Sources};
use worldflow_operators::sql::{Gauges, Kind, Node, Packed};

use crate::dice::Dice;
use crate::rows::{At, Cell, TABLES, TICK_MS};

pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Node,
    pub(crate) history: &'a [At],
    pub(crate) workers: usize,
    pub(crate) seed: u64,
}

type Changes = Arc<Mutex<Vec<(Vec<Cell>, u64, isize)>>>;

/// A change of a table, as the graph takes it.
type Update = (usize, Packed, u64, isize);

impl Run<'_> {
    /// The rows at each tick of the history.
    pub(crate) fn rows(&self) -> Vec<BTreeMap<Vec<Cell>, i64>> {
        let changes: Changes = Changes::default();
        let (told, plan) = (Arc::clone(&changes), self.plan.clone());
        let (workers, seed) = (self.workers, self.seed);
        let mut dice = Dice::new(seed ^ 0xc07);
        // Every change goes in at some worker.
        let mut updates: Vec<Vec<Update>> = vec![Vec::new(); workers];
        for at in self.history {
            for (table, row, diff) in &at.changes {
                let kinds = TABLES[*table].2.iter().map(|(_, kind)| *kind);
                let packed = Packed::new(row.iter().cloned().zip(kinds));
                updates[dice.below(workers)].push((*table, packed, at.tick, *diff));
            }
        }
        let clocks: Vec<_> =
            self.history.iter().filter_map(|at| Some((at.tick, at.clock.clone()?))).collect();
        let last = self.history.last().map_or(0, |at| at.tick);
        let ticks: Vec<u64> = self.history.iter().map(|at| at.tick).collect();
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let mut dice = Dice::new(seed ^ worker.index() as u64);
            let probe = ProbeHandle::new();
            let mut tables = TABLES.map(|_| InputSession::<u64, Packed, isize>::new());
            let mut begun = InputSession::<u64, (), isize>::new();
            let (told, kinds) = (Arc::clone(&told), plan.kinds.clone());
            let mut clock = worker.dataflow(|scope| {
                let (clock, clock_stream) = scope.new_input::<Vec<_>>();
                let relations = tables
                    .iter_mut()
                    .zip(TABLES)
                    .map(|(input, (name, ..))| (name.to_owned(), input.to_collection(scope)));
                let sources = Sources {
                    relations: relations.collect(),
                    begun: begun.to_collection(scope),
                    clock: clock_stream,
                    tick_ms: TICK_MS,
                    alarms: Alarms::default(),
                    gauges: Gauges::default(),
                };
                let rows = Dataflows::new(sources).rows(&plan);
                rows.inspect(move |(row, tick, diff)| {
                    told.lock().expect("no panic").push((cells(row, &kinds), *tick, *diff));
                })
                .probe_with(&probe);
                clock
            });
            let mine = &updates[worker.index()];
            let mut next = 0;
            for (place, tick) in ticks.iter().enumerate() {
                if place == 0 && worker.index() == 0 {
                    begun.update_at((), *tick, 1);
                }
                clock.advance_to(*tick);
                for (_, now) in clocks.iter().filter(|(at, _)| at == tick) {
                    clock.send(now.clone());
                }
                while next < mine.len() && mine[next].2 == *tick {
                    let (table, row, tick, diff) = mine[next].clone();
                    tables[table].update_at(row, tick, diff);
                    next += 1;
                    if dice.percent(20) {
                        tables[table].flush();
                        worker.step();
                    }
                }
                // Sometimes several ticks are sealed together.
                if dice.percent(60) {
                    let upto = tick + 1;
                    tables.iter_mut().for_each(|table| {
                        table.advance_to(upto);
                        table.flush();
                    });
                    begun.advance_to(upto);
                    begun.flush();
                    clock.advance_to(upto);
                    worker.step();
                }
            }
            tables.iter_mut().for_each(|table| {
                table.advance_to(last + 1);
                table.flush();
            });
            begun.advance_to(last + 1);
            begun.flush();
            clock.advance_to(last + 1);
            worker.step_while(|| probe.less_than(&(last + 1)));
        });
        drop(guards.expect("workers start"));
        let changes = std::mem::take(&mut *changes.lock().expect("no panic"));
        self.history.iter().map(|at| accumulated(&changes, at.tick)).collect()
    }
}

fn cells(row: &Packed, kinds: &[Kind]) -> Vec<Cell> {
    kinds.iter().enumerate().map(|(column, kind)| Cell::of(&row.get(column, *kind))).collect()
}

fn accumulated(changes: &[(Vec<Cell>, u64, isize)], tick: u64) -> BTreeMap<Vec<Cell>, i64> {
    let mut bag: BTreeMap<Vec<Cell>, i64> = BTreeMap::new();
    for (row, _, diff) in changes.iter().filter(|(_, at, _)| *at <= tick) {
        *bag.entry(row.clone()).or_default() += *diff as i64;
    }
    bag.retain(|_, times| *times != 0);
    bag
}
