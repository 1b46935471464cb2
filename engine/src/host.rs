//! What the engine needs of the computer besides a disk: loops that run beside each other, and a clock for
//! how long things take.
//!
//! Every loop of the engine is written as turns. Usually each has a thread of its own, on which a turn waits for
//! something to do. In a simulation ([`crate::testing::simulation`]) all of them belong to one thread, and who has the
//! next turn is up to its seed; a turn with nothing to do then ends at once.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What runs the loops of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// A thread each, and the clock of the operating system.
    #[default]
    System,
    /// Whoever simulates in this thread.
    Simulated,
}

/// A loop.
pub(crate) trait Turns {
    /// What it leaves.
    type Done: Send + 'static;

    /// Does what there is to do; when there is nothing, first waits for something if it may wait.
    fn turn(&mut self, waits: bool) -> ControlFlow<Self::Done>;
}

impl Host {
    /// Starts a loop, which is made where it runs.
    pub(crate) fn spawn<L: Turns + 'static>(
        self,
        name: &'static str,
        make: impl FnOnce() -> L + Send + 'static,
    ) -> io::Result<Task<L::Done>> {
        match self {
            Host::System => thread(name, move || {
                let mut turns = make();
                loop {
                    if let ControlFlow::Break(done) = turns.turn(true) {
                        return done;
                    }
                }
            }),
            Host::Simulated => Ok(simulated(name, make())),
        }
    }

    /// Starts something that is done at once.
    pub(crate) fn spawn_job<T: Send + 'static>(
        self,
        name: &'static str,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Task<T>> {
        match self {
            Host::System => thread(name, job),
            Host::Simulated => Ok(simulated(name, Job(Some(job)))),
        }
    }

    /// Starts a future, which is made where it runs.
    pub(crate) fn spawn_future<F: Future + 'static>(
        self,
        name: &'static str,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Task<F::Output>>
    where
        F::Output: Send + 'static,
    {
        match self {
            Host::System => thread(name, move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .expect("a runtime without I/O needs nothing from the system");
                runtime.block_on(make())
            }),
            Host::Simulated => Ok(simulated(name, Polled(Box::pin(make())))),
        }
    }

    /// The time, for how long things take.
    pub(crate) fn now(self) -> Instant {
        match self {
            Host::System => Instant::now(),
            Host::Simulated => NOW.get().unwrap_or_else(Instant::now),
        }
    }

    /// Waits; within what [`Host::spawn_future`] has started.
    pub(crate) async fn sleep(self, time: Duration) {
        match self {
            Host::System => tokio::time::sleep(time).await,
            Host::Simulated => {
                let due = self.now().checked_add(time);
                poll_fn(|_| match due {
                    Some(due) if self.now() >= due => Poll::Ready(()),
                    _ => Poll::Pending,
                })
                .await;
            }
        }
    }
}

fn thread<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Task<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(Task::Thread)
}

/// What a loop left, or what it panicked with.
type Ended<T> = Result<T, Box<dyn Any + Send>>;

/// A loop that was started.
#[derive(Debug)]
pub(crate) enum Task<T> {
    Thread(JoinHandle<T>),
    Simulated(Arc<Mutex<Option<T>>>),
}

impl<T: Send + 'static> Task<T> {
    /// Whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Task::Thread(thread) => thread.is_finished(),
            Task::Simulated(done) => lock(done).is_some(),
        }
    }

    /// Waits for its end, and nothing of a runtime's thread meanwhile.
    pub(crate) async fn ended(self) -> Ended<T> {
        match self {
            Task::Thread(thread) => match tokio::task::spawn_blocking(move || thread.join()).await {
                Ok(ended) => ended,
                Err(error) => Err(error.into_panic()),
            },
            Task::Simulated(done) => Ok(poll_fn(|_| match lock(&done).take() {
                Some(done) => Poll::Ready(done),
                None => Poll::Pending,
            })
            .await),
        }
    }

    /// Waits for its end. A simulated one cannot be waited for here: it ends by itself.
    pub(crate) fn join(self) -> Option<Ended<T>> {
        match self {
            Task::Thread(thread) => Some(thread.join()),
            Task::Simulated(done) => lock(&done).take().map(Ok),
        }
    }
}

fn lock<T>(done: &Mutex<Option<T>>) -> std::sync::MutexGuard<'_, Option<T>> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Job<F>(Option<F>);

impl<T: Send + 'static, F: FnOnce() -> T> Turns for Job<F> {
    type Done = T;

    fn turn(&mut self, _: bool) -> ControlFlow<T> {
        match self.0.take() {
            Some(job) => ControlFlow::Break(job()),
            None => ControlFlow::Continue(()),
        }
    }
}

struct Polled<F>(Pin<Box<F>>);

impl<F: Future> Turns for Polled<F>
where
    F::Output: Send + 'static,
{
    type Done = F::Output;

    fn turn(&mut self, _: bool) -> ControlFlow<F::Output> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => ControlFlow::Break(done),
            Poll::Pending => ControlFlow::Continue(()),
        }
    }
}

/// A loop of a simulation: a turn returns whether it was the last.
pub(crate) struct Simulated {
    pub(crate) name: &'static str,
    pub(crate) turn: Box<dyn FnMut() -> bool>,
}

thread_local! {
    /// What was started since the simulation last asked.
    static STARTED: RefCell<Vec<Simulated>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn simulated<L: Turns + 'static>(name: &'static str, mut turns: L) -> Task<L::Done> {
    let done = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&done);
    let turn = Box::new(move || match turns.turn(false) {
        ControlFlow::Continue(()) => false,
        ControlFlow::Break(done) => {
            *lock(&tell) = Some(done);
            true
        }
    });
    STARTED.with_borrow_mut(|started| started.push(Simulated { name, turn }));
    Task::Simulated(done)
}

/// The loops that were started in this thread since the last call.
pub(crate) fn take_started() -> Vec<Simulated> {
    STARTED.take()
}

/// Sets the clock of simulations in this thread.
pub(crate) fn set_now(now: Option<Instant>) {
    NOW.set(now);
}
