//! Storylets: what each event costs where thousands of them wait for a hundred thousand players, and how soon one is said.
//!
//! It drives the operator of NPCs as its graph does, tick by tick on one worker, so that an answer is measured without the time
//! that a tick waits. What it says of work, storylets looked at, is the same on every machine.

mod world;

use std::time::{Duration, Instant};

use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::npcs::{NpcsIn, NpcsMachine, NpcsOut, StoryletLimitsIn, StoryletLimitsMachine};
use worldflow_schemas::catalog::NPC_LINES;
use worldflow_schemas::chance::below;
use worldflow_schemas::{Sym, Tick, Value};

use world::World;

/// How large the world is, and how much happens.
#[derive(Clone, Debug, clap::Args)]
pub struct StoryletsArgs {
    /// Storylets that are defined.
    #[arg(long, default_value_t = 5_000)]
    pub(crate) storylets: u64,
    /// Players who are present.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) players: u64,
    /// NPCs that may say them; a fifth of what is written is for tags that several carry.
    #[arg(long, default_value_t = 200)]
    pub(crate) npcs: u64,
    /// Events measured of each kind, a hundred a tick.
    #[arg(long, default_value_t = 20_000)]
    events: u64,
    /// Talks measured, one a tick.
    #[arg(long, default_value_t = 20_000)]
    talks: u64,
}

/// Builds the world, lets things happen, and prints what they cost.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub fn run(args: &StoryletsArgs) {
    let world = World::of(args);
    let mut realm = Realm::new(&world);
    let before = crate::peak_memory_mib();
    let (took, ()) = timed(|| realm.step(world.definitions()));
    let (defined, with) = (args.storylets, crate::peak_memory_mib());
    println!("defined        {defined} storylets, {} NPCs in {:.0} ms", args.npcs, millis(took));
    println!("memory         {} MiB for them", with.saturating_sub(before));
    let arrive = realm.measure(args.players, 1_000, |n| world.arrives(n));
    let with_players = crate::peak_memory_mib();
    println!("players        {} in {:.1} s", args.players, arrive.took.as_secs_f64());
    println!(
        "memory         {} MiB for them, {:.0} bytes each",
        with_players.saturating_sub(with),
        share((with_players.saturating_sub(with)) * 1024 * 1024, args.players)
    );
    println!("event                     time each   looked at     said");
    realm.settle();
    let events = args.events.max(100);
    realm.measure(events, 100, |n| vec![world.changes_fact(n)]).show("a fact changes");
    realm.measure(events, 100, |n| vec![world.moves(n)]).show("a player moves");
    realm.measure(events, 100, |n| vec![world.happens(n)]).show("something happens");
    realm.measure(3, 1, |n| vec![world.phase(n + 1)]).show("phase of the day");
    realm.settle();
    realm.measure(3, 1, |n| vec![world.realm_fact(n)]).show("fact of the realm");
    realm.settle();
    let mut talks = Vec::new();
    for n in 0..args.talks.max(1) {
        talks.push(realm.measure(1, 1, |_| vec![world.talk(n)]));
    }
    answers(&talks);
    println!("peak memory    {} MiB", crate::peak_memory_mib());
}

/// How soon somebody who is addressed has said something: the row is among what the tick has produced.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
fn answers(talks: &[Measured]) {
    let mut times: Vec<Duration> = talks.iter().map(|talk| talk.took).collect();
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1_000].as_secs_f64() * 1e6;
    println!("which line now p50 {:.1} us   p99 {:.1} us   p99.9 {:.1} us", at(500), at(990), at(999));
    let sum = |of: fn(&Measured) -> u64| talks.iter().map(of).sum::<u64>();
    let all = talks.len() as u64;
    println!(
        "               {:.1} storylets looked at, {:.1} % answered by one",
        share(sum(|talk| talk.looked_at), all),
        100.0 * share(sum(|talk| talk.said), all)
    );
}

/// What some events have cost.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    events: u64,
    took: Duration,
    looked_at: u64,
    said: u64,
}

impl Measured {
    #[expect(clippy::print_stdout, reason = "the numbers are the result")]
    fn show(&self, what: &str) {
        println!(
            "{what:22} {:9.1} us {:11.2} {:8.4}",
            self.took.as_secs_f64() * 1e6 / to_f64(self.events.max(1)),
            share(self.looked_at, self.events),
            share(self.said, self.events)
        );
    }
}

/// The operator of NPCs and that of limits over all players, and the loop between them.
struct Realm {
    npcs: NpcsMachine,
    limits: StoryletLimitsMachine,
    tick: Tick,
    next: Vec<NpcsIn>,
    said: u64,
}

impl Realm {
    fn new(world: &World) -> Realm {
        let realm = Sym::new("bench");
        Realm {
            npcs: NpcsMachine::new(realm, &world.def),
            limits: StoryletLimitsMachine::new(realm, &world.def),
            tick: 0,
            next: Vec::new(),
            said: 0,
        }
    }

    /// One tick with these inputs.
    fn step(&mut self, mut inputs: Vec<NpcsIn>) {
        self.tick += 1;
        let defined = inputs.iter().filter_map(|input| match input {
            NpcsIn::DefineStorylet(id, def) => Some(StoryletLimitsIn::Define(*id, def.clone())),
            _ => None,
        });
        let mut told: Vec<StoryletLimitsIn> = defined.collect();
        inputs.append(&mut self.next);
        let mut output = Output::default();
        self.npcs.step(self.tick, inputs, &mut output);
        // A line of a storylet names it; others are barks.
        let column = NPC_LINES.def().column("storylet").expect("the catalog has it");
        for ((view, row), diff) in &output.rows {
            if *view == NPC_LINES && *diff > 0 && row[column] != Value::Null {
                self.said += 1;
            }
        }
        told.extend(output.out.into_iter().filter_map(|out| match out {
            NpcsOut::Saying(saying) => Some(StoryletLimitsIn::Saying(saying)),
            _ => None,
        }));
        if !told.is_empty() || self.limits.alarm().is_some_and(|alarm| alarm <= self.tick) {
            let mut output = Output::default();
            self.limits.step(self.tick, told, &mut output);
            self.next = output.out.into_iter().map(NpcsIn::Limits).collect();
        }
    }

    /// Lets ticks pass until what was set off has come to rest: nobody speaks to anybody unasked for a while after somebody did.
    fn settle(&mut self) {
        let until = self.tick + world::SETTLES;
        loop {
            let told = (!self.next.is_empty()).then_some(self.tick + 1);
            let next = told.into_iter().chain(self.npcs.alarm()).chain(self.limits.alarm()).min();
            let Some(tick) = next.filter(|tick| *tick <= until) else { break };
            self.tick = tick.max(self.tick + 1) - 1;
            self.step(Vec::new());
        }
        self.tick = until;
    }

    /// So many events, some a tick.
    fn measure(&mut self, events: u64, a_tick: u64, make: impl Fn(u64) -> Vec<NpcsIn>) -> Measured {
        let (looked_at, said) = (self.npcs.looked_at(), self.said);
        let mut took = Duration::ZERO;
        for first in (0..events).step_by(usize::try_from(a_tick).unwrap_or(usize::MAX)) {
            let inputs = (first..events.min(first + a_tick)).flat_map(&make).collect();
            took += timed(|| self.step(inputs)).0;
        }
        let (looked_at, said) = (self.npcs.looked_at() - looked_at, self.said - said);
        Measured { events, took, looked_at, said }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed(), done)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn share(of: u64, all: u64) -> f64 {
    to_f64(of) / to_f64(all.max(1))
}

fn to_f64(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::INFINITY, f64::from)
}

/// A draw from the bench's own seed.
fn draw(of: &str, n: u64, bound: u64) -> u64 {
    below(1, "storylets", of, n, bound)
}
