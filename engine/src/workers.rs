//! The timely worker threads: they take sealed ticks, step the graph, and report what it produced.
//!
//! Nothing here waits for a reader: reports go into an unbounded channel, and the sequencer releases
//! no more ticks than the collector has room for. An idle span is one message however long it is.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread as ThreadAllocator;
use timely::worker::Worker;
use timely::{CommunicationConfig, WorkerConfig};
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::input::Command;
use worldflow_schemas::{Event, Tick};

use crate::graph::{BuildGraph, GraphIo, Produced, WorkerOutputs};
use crate::host::{Host, Task, Turns};

/// How the inputs of a tick are cut into messages. Any cutting gives the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The most items of a tick in one message; messages go to the workers in turn.
    pub items: usize,
}

impl Default for Cut {
    fn default() -> Cut {
        Cut { items: 4096 }
    }
}

/// The complete inputs of one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SealedTick {
    /// The tick.
    pub tick: Tick,
    /// Its events, in any order.
    pub events: Vec<Event>,
    /// Its other inputs, in any order.
    pub commands: Vec<Command>,
}

impl SealedTick {
    /// How many inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len() + self.commands.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A worker's share of some ticks.
#[derive(Debug, Default)]
struct Share {
    load: Option<(Tick, Vec<BaseRow>)>,
    events: Vec<(Tick, Vec<Event>)>,
    commands: Vec<(Tick, Vec<Command>)>,
    /// All ticks before this one are complete.
    next: Tick,
}

enum ToWorker {
    Feed(Share),
    Stop,
}

/// What a worker tells the collector.
#[derive(Debug)]
pub enum FromWorker {
    /// What its graph has produced, and how far it has come.
    Report {
        /// Which worker.
        worker: usize,
        /// Nothing more will come from it at ticks before this one.
        frontier: Tick,
        /// What it produced.
        produced: Produced,
    },
    /// It panicked.
    Failed {
        /// Which worker.
        worker: usize,
        /// What it said, when it was given base state that it cannot read.
        unreadable: Option<String>,
    },
}

/// How a graph begins to say why it gives up, when base state has another form than it reads.
const UNREADABLE: &str = "base state cannot be read: ";

/// What a panic says of base state, if that is what it is about.
fn unreadable(panic: &(dyn Any + Send)) -> Option<String> {
    let said =
        panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied())?;
    said.strip_prefix(UNREADABLE).map(str::to_owned)
}

/// Running workers.
pub struct Workers {
    feeds: Vec<(Sender<ToWorker>, Option<Thread>)>,
    running: Running,
    cut: Cut,
    turn: usize,
}

enum Running {
    Threads(timely::communication::WorkerGuards<()>),
    Simulated(Task<()>),
}

/// A worker thread has panicked; its message is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker of the graph has panicked")]
pub struct WorkerPanicked;

/// The longest a worker sleeps when nobody wakes it.
const PARK: Duration = Duration::from_millis(100);

impl Workers {
    /// Starts `count` workers (at least one), each with its copy of the graph; `keeps_base` says
    /// whether changes of base state are wanted. `report` is called on the workers' threads.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn start<R>(
        count: usize,
        cut: Cut,
        keeps_base: bool,
        graph: Arc<dyn BuildGraph>,
        report: R,
    ) -> Result<Workers, String>
    where
        R: Fn(FromWorker) + Clone + Send + Sync + 'static,
    {
        let count = count.max(1);
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        let receivers: Mutex<Vec<Option<Receiver<ToWorker>>>> =
            Mutex::new(receivers.into_iter().map(Some).collect());
        let config = timely::Config {
            communication: match count {
                1 => CommunicationConfig::Thread,
                _ => CommunicationConfig::Process(count),
            },
            worker: WorkerConfig::default(),
        };
        let guards = timely::execute(config, move |worker| {
            let index = worker.index();
            let feed = receivers.lock().unwrap_or_else(PoisonError::into_inner)[index]
                .take()
                .expect("timely starts each worker once");
            let ran = catch_unwind(AssertUnwindSafe(|| {
                let outputs = WorkerOutputs::new(keeps_base);
                let mut working = Working::new(worker, &*graph, outputs, feed, &report);
                while working.turn(worker, true).is_continue() {}
            }));
            if let Err(panic) = ran {
                report(FromWorker::Failed { worker: index, unreadable: unreadable(&*panic) });
                resume_unwind(panic);
            }
            end(worker);
        })?;
        let threads = guards.guards().iter().map(|guard| Some(guard.thread().clone()));
        let feeds = senders.into_iter().zip(threads).collect();
        Ok(Workers { feeds, running: Running::Threads(guards), cut, turn: 0 })
    }

    /// As [`Workers::start`], one worker in a simulation.
    pub(crate) fn simulate(
        cut: Cut,
        keeps_base: bool,
        graph: Arc<dyn BuildGraph>,
        report: impl Fn(FromWorker) + Send + 'static,
    ) -> Result<Workers, String> {
        let (feed, fed) = channel();
        let made = move || {
            let allocator = Allocator::Thread(ThreadAllocator::default());
            let mut worker = Worker::new(WorkerConfig::default(), allocator, None);
            let outputs = WorkerOutputs::new(keeps_base);
            let working = Working::new(&mut worker, &*graph, outputs, fed, report);
            Simulated { worker, working }
        };
        let task = Host::Simulated.spawn("worker", made).map_err(|error| error.to_string())?;
        Ok(Workers { feeds: vec![(feed, None)], running: Running::Simulated(task), cut, turn: 0 })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.feeds.len()
    }

    /// Gives base state back, as of the end of `tick`. Comes before every tick.
    pub fn load(&mut self, tick: Tick, rows: Vec<BaseRow>) {
        let shares = self.shares(tick + 1);
        self.send(shares, |shares| shares[0].load = Some((tick, rows)));
    }

    /// Releases sealed ticks, in order; every tick before `next` is then complete.
    pub fn feed(&mut self, ticks: impl IntoIterator<Item = SealedTick>, next: Tick) {
        let workers = self.feeds.len();
        let most = self.cut.items.max(1);
        let mut turn = self.turn;
        let shares = self.shares(next);
        self.send(shares, |shares| {
            for SealedTick { tick, events, commands } in ticks {
                for_chunks(events, most, |chunk| {
                    turn = (turn + 1) % workers;
                    shares[turn].events.push((tick, chunk));
                });
                for_chunks(commands, most, |chunk| {
                    turn = (turn + 1) % workers;
                    shares[turn].commands.push((tick, chunk));
                });
            }
        });
        self.turn = turn;
    }

    fn shares(&self, next: Tick) -> Vec<Share> {
        self.feeds.iter().map(|_| Share { next, ..Share::default() }).collect()
    }

    fn send(&self, mut shares: Vec<Share>, fill: impl FnOnce(&mut [Share])) {
        fill(&mut shares);
        for ((feed, thread), share) in self.feeds.iter().zip(shares) {
            // A worker that is gone has reported why.
            let _gone = feed.send(ToWorker::Feed(share));
            thread.iter().for_each(Thread::unpark);
        }
    }

    /// Stops the workers where they are and waits for their threads. Whoever wants what they were
    /// given to be finished waits for their reports first.
    ///
    /// # Errors
    /// When a worker panicked.
    pub fn stop(self) -> Result<(), WorkerPanicked> {
        self.tell_stop();
        match self.running {
            Running::Threads(guards) => joined(guards),
            Running::Simulated(_) => Ok(()),
        }
    }

    /// As [`Workers::stop`], waiting with nothing of a runtime's thread.
    pub(crate) async fn stopped(self) -> Result<(), WorkerPanicked> {
        self.tell_stop();
        match self.running {
            Running::Threads(guards) => {
                tokio::task::spawn_blocking(move || joined(guards)).await.unwrap_or(Err(WorkerPanicked))
            }
            Running::Simulated(task) => task.ended().await.map_err(|_| WorkerPanicked),
        }
    }

    fn tell_stop(&self) {
        for (feed, thread) in &self.feeds {
            let _gone = feed.send(ToWorker::Stop);
            thread.iter().for_each(Thread::unpark);
        }
    }
}

fn joined(guards: timely::communication::WorkerGuards<()>) -> Result<(), WorkerPanicked> {
    let ended = guards.join();
    if ended.iter().all(Result::is_ok) { Ok(()) } else { Err(WorkerPanicked) }
}

/// Left to itself, a dataflow with pending timers would run on to the end of time. What other workers still send
/// to this one is discarded.
fn end(worker: &mut Worker) {
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
}

fn for_chunks<D>(mut items: Vec<D>, most: usize, mut each: impl FnMut(Vec<D>)) {
    while items.len() > most {
        let rest = items.split_off(most);
        each(std::mem::replace(&mut items, rest));
    }
    if !items.is_empty() {
        each(items);
    }
}

/// What is done on a worker.
struct Working<R: Fn(FromWorker)> {
    io: GraphIo,
    outputs: WorkerOutputs,
    feed: Receiver<ToWorker>,
    report: R,
    reported: Tick,
}

impl<R: Fn(FromWorker)> Working<R> {
    fn new(
        worker: &mut Worker,
        graph: &dyn BuildGraph,
        outputs: WorkerOutputs,
        feed: Receiver<ToWorker>,
        report: R,
    ) -> Working<R> {
        Working { io: graph.build(worker, outputs.clone()), outputs, feed, report, reported: 0 }
    }

    fn turn(&mut self, worker: &mut Worker, waits: bool) -> ControlFlow<()> {
        match self.feed.try_recv() {
            Ok(ToWorker::Feed(share)) => {
                give(&mut self.io, share);
                worker.step();
            }
            Err(TryRecvError::Empty) if waits => {
                worker.step_or_park(Some(PARK));
            }
            Err(TryRecvError::Empty) => {
                worker.step();
            }
            Ok(ToWorker::Stop) | Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
        }
        if let Some(between_steps) = &mut self.io.between_steps {
            between_steps(worker);
        }
        let frontier = self.outputs.frontier();
        if frontier > self.reported {
            self.reported = frontier;
            let produced = self.outputs.take(frontier);
            (self.report)(FromWorker::Report { worker: worker.index(), frontier, produced });
        }
        ControlFlow::Continue(())
    }
}

/// The only worker of a simulation.
struct Simulated<R: Fn(FromWorker)> {
    worker: Worker,
    working: Working<R>,
}

impl<R: Fn(FromWorker)> Turns for Simulated<R> {
    type Done = ();

    fn turn(&mut self, waits: bool) -> ControlFlow<()> {
        self.working.turn(&mut self.worker, waits)
    }
}

impl<R: Fn(FromWorker)> Drop for Simulated<R> {
    fn drop(&mut self) {
        end(&mut self.worker);
    }
}

fn give(io: &mut GraphIo, share: Share) {
    if let Some((tick, mut rows)) = share.load {
        io.loads.advance_to(tick);
        io.loads.send_batch(&mut rows);
    }
    for (tick, mut events) in share.events {
        io.events.advance_to(tick);
        io.events.send_batch(&mut events);
    }
    for (tick, mut commands) in share.commands {
        io.commands.advance_to(tick);
        io.commands.send_batch(&mut commands);
    }
    io.loads.advance_to(share.next);
    io.events.advance_to(share.next);
    io.commands.advance_to(share.next);
}
