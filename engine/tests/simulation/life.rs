//! One run: a realm that lives several times on one disk, each time until it crashes, is killed, fails or is closed, with
//! what must hold after each start; at the end everything goes well, and what the journal holds is folded anew.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use worldflow_engine::disk::Folder;
use worldflow_engine::doctor::examine;
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::journal::{JournalConfig, JournalReader};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, Stopped, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::snapshot::{Retention, SnapshotConfig, newest};
use worldflow_engine::testing::simulation::{Faults, Halted, Lie, SimulatedDisk, Simulator};
use worldflow_engine::view_store::ViewStore;
use worldflow_engine::worlds::Graphs;
use worldflow_schemas::Tick;
use worldflow_schemas::input::{ClockCommand, Command};
use worldflow_schemas::tick::TickLength;

use crate::history::{History, Rows, rows_of};
use crate::producers::{IDLE_MS, Kind, LATENESS_MS, Producer};
use crate::readers::Reader;
use crate::sayer::Sayer;
use crate::tiny::{graph, world};

/// What has happened in runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lived {
    turns: u64,
    traces: u64,
    opened: u64,
    acked: u64,
    duplicates: u64,
    /// Ends of lives: the disk crashed, the process was killed, or it was closed.
    crashed: u64,
    killed: u64,
    closed: u64,
    /// It could not be opened, or closed, because the disk failed.
    failed: u64,
    edited: u64,
    from_snapshots: u64,
    resumed: u64,
    folded: u64,
    said: u64,
}

impl Lived {
    pub(crate) fn add(&mut self, other: &Lived) {
        self.traces = self.traces.wrapping_add(other.traces);
        for (all, one) in [
            (&mut self.turns, other.turns),
            (&mut self.opened, other.opened),
            (&mut self.acked, other.acked),
            (&mut self.duplicates, other.duplicates),
            (&mut self.crashed, other.crashed),
            (&mut self.killed, other.killed),
            (&mut self.closed, other.closed),
            (&mut self.failed, other.failed),
            (&mut self.edited, other.edited),
            (&mut self.from_snapshots, other.from_snapshots),
            (&mut self.resumed, other.resumed),
            (&mut self.folded, other.folded),
            (&mut self.said, other.said),
        ] {
            *all += one;
        }
    }

    /// Whether everything has happened often.
    pub(crate) fn is_rich(&self) -> bool {
        let all = [
            self.acked,
            self.duplicates,
            self.crashed,
            self.killed,
            self.closed,
            self.failed,
            self.edited,
            self.from_snapshots,
            self.resumed,
            self.folded,
            self.said,
        ];
        all.iter().all(|count| *count >= 20)
    }
}

type Advance = Pin<Box<dyn Future<Output = Result<Tick, Stopped>>>>;

struct Run {
    sim: Simulator,
    disk: SimulatedDisk,
    manual: bool,
    lie: Option<Lie>,
    segment_bytes: usize,
    every: Duration,
    at_close: bool,
    retention: Retention,
    reserve_ms: u64,
    held_changes: usize,
    seed_of_world: u64,
    producers: Vec<Producer>,
    sayers: Vec<Sayer>,
    readers: Vec<Reader>,
    advances: Vec<Advance>,
    history: History,
    epoch: Option<u64>,
    lived: Lived,
}

const FOLDER: &str = "/data/tiny";

/// Runs the seed; says what is wrong.
pub(crate) fn run(seed: u64, lie: Option<Lie>) -> Result<Lived, String> {
    let mut run = Run::new(seed, lie);
    for _ in 0..run.sim.chance.below(4) {
        run.live(false)?;
    }
    run.live(true)?;
    run.fold()?;
    for producer in &run.producers {
        run.lived.acked += producer.acked();
        run.lived.duplicates += producer.duplicates;
    }
    run.lived.said = run.sayers.iter().map(Sayer::acked).sum();
    run.lived.resumed = run.readers.iter().map(|reader| reader.resumed).sum();
    (run.lived.turns, run.lived.traces) = (run.sim.turns(), run.sim.trace());
    Ok(run.lived)
}

/// How a life ends.
enum End {
    Crashed,
    Killed,
    Closed,
}

/// UTC when everything begins.
const BEGAN_MS: i64 = 1_700_000_000_000;

impl Run {
    fn new(seed: u64, lie: Option<Lie>) -> Run {
        let mut sim = Simulator::new(seed, BEGAN_MS);
        let wall_ms = sim.wall_ms();
        let chance = &mut sim.chance;
        let manual = chance.one_in(3);
        let mut kinds = vec![Kind::Named, Kind::Numbered, Kind::Stream];
        if !manual && chance.one_in(2) {
            kinds.push(Kind::EventTime);
        }
        kinds.push(Kind::Named);
        let producers = (0..).zip(kinds).map(|(number, kind)| {
            let count = 1 + chance.place(24);
            Producer::new(kind, number, count, wall_ms, !manual, chance)
        });
        let producers = producers.collect();
        let keeps = chance.one_in(2);
        Run {
            disk: SimulatedDisk::new(chance.part()),
            manual,
            lie,
            segment_bytes: chance.one_of(&[0, 300, 2_000, 1 << 20]),
            every: Duration::from_millis(chance.one_of(&[20, 200, 60_000])),
            at_close: chance.one_in(2),
            retention: if keeps {
                Retention { keep_ms: 1 << 40, at_most_bytes: 1 << 40 }
            } else {
                Retention::default()
            },
            reserve_ms: chance.one_of(&[100, 2_000]),
            held_changes: chance.one_of(&[4, ViewStore::MOST_CHANGES]),
            seed_of_world: 1,
            producers,
            sayers: vec![Sayer::new(0), Sayer::new(1)],
            readers: vec![Reader::new(0), Reader::new(3)],
            advances: Vec::new(),
            history: History::default(),
            epoch: None,
            lived: Lived::default(),
            sim,
        }
    }

    fn config(&self) -> RealmConfig {
        let mut world = (*world()).clone();
        world.seed = self.seed_of_world;
        let mode = match self.manual {
            true => Mode::Manual { start: TickLength { tick_ms: world.tick_ms }.tick_at(BEGAN_MS) },
            false => Mode::RealTime { wall: self.sim.wall() },
        };
        let event_time = self.producers.iter().filter(|producer| producer.is_event_time());
        RealmConfig {
            folder: Some(FOLDER.into()),
            mode,
            event_time: (event_time)
                .map(|producer| EventTimeSource {
                    source: producer.name(),
                    lateness_ms: LATENESS_MS,
                    idle_ms: IDLE_MS,
                    begins_ms: None,
                })
                .collect(),
            journal: JournalConfig { segment_bytes: self.segment_bytes, sync: true },
            snapshots: SnapshotConfig {
                every: self.every,
                at_close: self.at_close,
                retention: self.retention,
                ..SnapshotConfig::default()
            },
            disk: self.disk.shared(),
            host: worldflow_engine::host::Host::Simulated,
            reserve_ms: self.reserve_ms,
            held_changes: self.held_changes,
            recorder: Some(self.history.recorder()),
            ..RealmConfig::in_memory("tiny".into(), Arc::new(world))
        }
    }

    fn folder(disk: &SimulatedDisk) -> Folder {
        Folder { disk: disk.shared(), path: FOLDER.into() }
    }

    /// One life of the realm; in the last one everything goes well.
    fn live(&mut self, last: bool) -> Result<(), String> {
        let chance = &mut self.sim.chance;
        let mut faults = Faults { lie: self.lie, ..Faults::default() };
        if !last {
            faults.one_in = chance.one_of(&[0, 0, 10, 60]);
            let calls = chance.one_of(&[30, 100, 300]);
            faults.crash_at = (!chance.one_in(3)).then(|| self.disk.calls() + 1 + chance.below(calls));
        }
        if self.lived.opened > 0 && chance.one_in(4) {
            self.seed_of_world += 1;
            self.lived.edited += 1;
            self.history.edited();
        }
        self.disk.set_faults(faults);
        let loaded = newest(Run::folder(&self.disk).join("snapshots")).map(|snapshot| snapshot.tick);
        self.history.open(loaded);
        let running = match self.sim.until(&self.disk, open(self.config(), Graphs::from(graph()))) {
            Ok(Ok(running)) => running,
            Err(Halted::Crashed) => return self.end(End::Crashed),
            Ok(Err(error)) if faults.one_in == 0 && !self.disk.has_crashed() => {
                return Err(format!("it is not opened: {error}"));
            }
            Ok(Err(_)) => {
                self.lived.failed += 1;
                let end = if self.disk.has_crashed() { End::Crashed } else { End::Killed };
                return self.end(end);
            }
            Err(Halted::Stuck) => return Err("it is never opened".to_owned()),
        };
        self.lived.opened += 1;
        self.lived.from_snapshots += u64::from(loaded.is_some());
        self.check_opened(&running)?;
        let end = if last { self.finish(&running)? } else { self.work(&running, faults)? };
        self.observe(&running)?;
        let end = match end {
            End::Closed => match self.sim.until(&self.disk, running.close()) {
                Ok(Ok(())) => End::Closed,
                Ok(Err(error)) if faults.one_in == 0 && !self.disk.has_crashed() => {
                    return Err(format!("it is not closed: {error}"));
                }
                Ok(Err(_)) => {
                    self.lived.failed += 1;
                    if self.disk.has_crashed() { End::Crashed } else { End::Killed }
                }
                Err(Halted::Crashed) => End::Crashed,
                Err(Halted::Stuck) => return Err("it is never closed".to_owned()),
            },
            end => end,
        };
        self.end(end)
    }

    fn end(&mut self, end: End) -> Result<(), String> {
        self.history.wrong()?;
        self.advances.clear();
        self.sim.crash();
        let calls = self.disk.calls();
        self.sim.note(calls);
        match end {
            End::Crashed => {
                self.lived.crashed += 1;
                self.disk = self.disk.crash();
            }
            End::Killed => self.lived.killed += 1,
            End::Closed => self.lived.closed += 1,
        }
        // Some time passes until it is started again.
        let downtime = self.sim.chance.below(9_000);
        self.sim.pass(Duration::from_millis(downtime));
        if self.lived.opened == 0 {
            return Ok(());
        }
        self.disk.set_faults(Faults { lie: self.lie, ..Faults::default() });
        let examined = examine(Run::folder(&self.disk)).map_err(|error| error.to_string())?;
        if examined.is_sound() { Ok(()) } else { Err(format!("the doctor says {:?}", examined.problems)) }
    }

    /// What must hold when a realm has just been opened.
    fn check_opened(&mut self, running: &RunningRealm) -> Result<(), String> {
        self.history.wrong()?;
        let (tick, told) = (running.realm.progress.borrow().tick, self.history.told());
        if tick < told {
            return Err(format!("tick {told} was shown, and the realm goes on after {tick}"));
        }
        if self
            .epoch
            .replace(running.realm.epoch)
            .is_some_and(|epoch| epoch != running.realm.epoch && told > 0)
        {
            return Err("its lineage has another name".to_owned());
        }
        let differ = running.realm.observed.compared().differ;
        if !differ.is_empty() {
            return Err(format!("at {differ:?} the state is not what was written down"));
        }
        let (rows, expected) = (rows_of(running), self.history.rows_at(Tick::MAX)?);
        if rows != expected {
            return Err(format!("it has {rows:?}, where {expected:?} was shown"));
        }
        for producer in &mut self.producers {
            producer.check(&rows, tick, false)?;
            producer.reconnect(running.positions(), tick)?;
        }
        self.sayers.iter_mut().try_for_each(|sayer| sayer.check(running))?;
        self.readers.iter_mut().try_for_each(|reader| reader.disconnect(running))
    }

    /// Everybody does something, until something happens.
    fn work(&mut self, running: &RunningRealm, mut faults: Faults) -> Result<End, String> {
        let turns = 30 + self.sim.chance.below(1_500);
        let fails = faults.one_in;
        for _ in 0..turns {
            if self.disk.has_crashed() {
                return Ok(End::Crashed);
            }
            if self.sim.chance.one_in(100) && fails > 0 {
                faults.one_in = if faults.one_in == 0 { fails } else { 0 };
                self.disk.set_faults(faults);
            }
            self.act(running)?;
        }
        Ok(match self.sim.chance.below(4) {
            0 => End::Closed,
            1 => End::Killed,
            _ => End::Crashed,
        })
    }

    /// Goes on until all is acknowledged, and every bell has rung.
    fn finish(&mut self, running: &RunningRealm) -> Result<End, String> {
        for _ in 0..MOST_TURNS {
            if self.producers.iter().all(Producer::is_done) {
                self.last_ticks(running)?;
                let (rows, tick) = (rows_of(running), running.realm.progress.borrow().tick);
                self.producers.iter().try_for_each(|producer| producer.check(&rows, tick, true))?;
                return Ok(End::Closed);
            }
            self.act(running)?;
        }
        Err("not everything is ever acknowledged".to_owned())
    }

    fn last_ticks(&mut self, running: &RunningRealm) -> Result<(), String> {
        let until = running.realm.progress.borrow().tick + 100;
        for _ in 0..MOST_TURNS {
            if running.realm.progress.borrow().tick >= until {
                return Ok(());
            }
            self.act(running)?;
        }
        Err("time does not go on".to_owned())
    }

    fn act(&mut self, running: &RunningRealm) -> Result<(), String> {
        match self.sim.chance.below(40) {
            0..=2 => {
                let place = self.sim.chance.place(self.producers.len());
                self.producers[place].send(running, &mut self.sim.chance)?;
            }
            3 => self.observe(running)?,
            4 => {
                let place = self.sim.chance.place(self.readers.len());
                self.readers[place].read(running, &self.history, &mut self.sim.chance)?;
            }
            5 if self.manual && self.advances.len() < 8 => {
                let (driver, ticks) = (running.driver(), 1 + self.sim.chance.below(5));
                self.advances.push(Box::pin(async move { driver.advance(ticks).await }));
            }
            6 => {
                let (place, now_ms) = (self.sim.chance.place(self.sayers.len()), self.sim.wall_ms());
                self.sayers[place].say(running, now_ms)?;
            }
            _ => self.sim.turn(),
        }
        Ok(())
    }

    /// Hears what was acknowledged and how far the realm says that it has come.
    fn observe(&mut self, running: &RunningRealm) -> Result<(), String> {
        let mut context = Context::from_waker(Waker::noop());
        let history = &self.history;
        history.tell(running.realm.progress.borrow().tick);
        self.advances.retain_mut(|advance| match advance.as_mut().poll(&mut context) {
            std::task::Poll::Ready(Ok(tick)) => {
                history.tell(tick);
                false
            }
            std::task::Poll::Ready(Err(Stopped)) => false,
            std::task::Poll::Pending => true,
        });
        self.producers.iter_mut().try_for_each(Producer::hear)?;
        self.sayers.iter_mut().try_for_each(Sayer::hear)?;
        self.history.wrong()
    }

    /// The same comes of the journal alone: by the graph, from the beginning, and by a plain count.
    fn fold(&mut self) -> Result<(), String> {
        let journal = Run::folder(&self.disk).join("journal");
        let Ok(mut reader) = JournalReader::look(journal, None, Tick::MAX) else { return Ok(()) };
        let (mut rows, mut bells, mut ids) = (Rows::new(), Vec::new(), BTreeSet::new());
        let mut twice = None;
        while reader
            .next_segment(&mut |tick| {
                for event in tick.sealed.events {
                    if !ids.insert((event.source.as_str().to_owned(), format!("{:?}", event.id))) {
                        twice = Some(event.clone());
                    }
                    if event.kind == "ring".into() {
                        bells.push((
                            event.player.as_str().to_owned(),
                            tick.sealed.tick + event.amount.unsigned_abs(),
                        ));
                    } else if event.kind != "say".into() {
                        *rows.entry(event.player.as_str().to_owned()).or_insert(0) += event.amount;
                    }
                }
                for command in tick.sealed.commands {
                    if let Command::Clock(clock) = command
                        && let ClockCommand::Downtime { from, to } = clock.command
                    {
                        *rows.entry("downtime".to_owned()).or_insert(0) += (to - from) as i64;
                    }
                }
            })
            .map_err(|error| error.to_string())?
        {}
        let last = reader.recovered().last.unwrap_or(0);
        let rung: BTreeMap<String, i64> =
            bells.into_iter().filter(|(_, at)| *at <= last).map(|(player, _)| (player, 100)).collect();
        rows.extend(rung);
        if let Some(event) = twice {
            return Err(format!("it is in the journal twice: {event:?}"));
        }
        // Again, by the graph: from the newest snapshot, and from nothing.
        self.manual = true;
        let snapshots = Folder::from(FOLDER).join("snapshots").path;
        let all = self.disk.copy(|_| true);
        let cold = self.disk.copy(|path| !path.starts_with(&snapshots));
        let mut hashes = Vec::new();
        for disk in [all, cold] {
            self.disk = disk;
            self.history = History::default();
            self.history.edited();
            self.history
                .open(newest(Run::folder(&self.disk).join("snapshots")).map(|snapshot| snapshot.tick));
            let opened = self.sim.until(&self.disk, open(self.config(), Graphs::from(graph())));
            let running = opened.map_err(|halted| halted.to_string())?.map_err(|error| error.to_string())?;
            let found = rows_of(&running);
            if found != rows {
                return Err(format!("by the journal it is {rows:?}, and it has {found:?}"));
            }
            hashes.push(running.realm.views.state_hash());
            let closed = self.sim.until(&self.disk, running.close());
            closed.map_err(|halted| halted.to_string())?.map_err(|error| error.to_string())?;
        }
        self.lived.folded += 1;
        if hashes[0] == hashes[1] { Ok(()) } else { Err("a cold replay has another state hash".to_owned()) }
    }
}

const MOST_TURNS: u64 = 300_000;
