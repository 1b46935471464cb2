//! The game server: sends what players say when it is due, waits for nobody, and lets some leave before they are answered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::realm::Realm;
use worldflow_schemas::chance::below;
use worldflow_schemas::input::{PresenceWrite, WriteOrder};
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Value};

use super::SpeakArgs;
use super::players::Players;
use crate::open_loop::wait_until;

/// When each player speaks: all at the same interval, each from an instant of their own.
struct Plan {
    start: Instant,
    every: Duration,
    rounds: u64,
    counted_from: Duration,
    /// Players in the order in which they speak, and when in a round.
    order: Vec<(Duration, usize)>,
    seed: u64,
    leave_per_1000: u64,
    leave_within_ms: u64,
}

impl Plan {
    fn new(args: &SpeakArgs) -> Plan {
        let every_us = args.every_ms.max(1).saturating_mul(1_000);
        let mut order: Vec<(Duration, usize)> = (0..args.players)
            .map(|n| below(args.seed, "phase", &n.to_string(), 0, every_us))
            .zip(0..)
            .map(|(us, player)| (Duration::from_micros(us), player))
            .collect();
        order.sort_unstable();
        let lasts_ms = args.seconds.saturating_add(args.warm_up).saturating_mul(1_000);
        Plan {
            start: Instant::now() + Duration::from_millis(100),
            every: Duration::from_micros(every_us),
            rounds: lasts_ms.div_ceil(args.every_ms.max(1)).max(1),
            counted_from: Duration::from_secs(args.warm_up),
            order,
            seed: args.seed,
            leave_per_1000: args.leave_per_1000,
            leave_within_ms: args.leave_within_ms.max(1),
        }
    }

    /// After how long a player leaves who speaks in a round.
    fn leaves(&self, player: usize, round: u64) -> Option<Duration> {
        let draw = |stream, bound| below(self.seed, stream, &player.to_string(), round, bound);
        let leaves = draw("leave", 1_000) < self.leave_per_1000;
        leaves.then(|| Duration::from_millis(1 + draw("after", self.leave_within_ms)))
    }
}

/// Hands over what players do.
pub(super) struct Sender {
    realm: Realm,
    players: Arc<Players>,
    tasks: Handle,
    next: u64,
    items: Vec<Item>,
    /// Who has spoken in the batch that is being filled, and when that was due.
    spoken: Vec<(usize, Instant)>,
}

/// Who is to leave, and when.
type Leaving = BinaryHeap<Reverse<(Instant, usize)>>;

impl Sender {
    pub(super) fn new(realm: Realm, players: Arc<Players>, tasks: Handle) -> Sender {
        Sender { realm, players, tasks, next: 0, items: Vec::new(), spoken: Vec::new() }
    }

    /// Everyone comes, before anyone speaks.
    fn arrive(&mut self) {
        for player in 0..self.players.len() {
            self.moves(player, true);
            if player % 1_000 == 999 {
                self.flush();
            }
        }
        self.flush();
    }

    /// Has everyone come, and plays the plan; how late what was due was handed over at most. For a thread of its own.
    pub(super) fn play(mut self, args: &SpeakArgs) -> Duration {
        self.arrive();
        let plan = Plan::new(args);
        let (mut latest, mut leaving) = (Duration::ZERO, Leaving::new());
        for round in 0..plan.rounds {
            let begins = plan.start + plan.every * u32::try_from(round).unwrap_or(u32::MAX);
            let mut next = 0;
            while let Some((after, _)) = plan.order.get(next) {
                let due = begins + *after;
                self.let_leave(&mut leaving, due);
                wait_until(due);
                // What has come due meanwhile goes with it.
                let until = Instant::now();
                while let Some((after, player)) = plan.order.get(next).filter(|(at, _)| begins + *at <= until)
                {
                    let due = begins + *after;
                    self.speaks(*player, due, begins - plan.start + *after >= plan.counted_from, round);
                    if let Some(after) = plan.leaves(*player, round) {
                        leaving.push(Reverse((due + after, *player)));
                    }
                    next += 1;
                }
                self.flush();
                latest = latest.max(Instant::now().saturating_duration_since(due));
            }
        }
        self.let_leave(&mut leaving, Instant::now() + Duration::from_millis(plan.leave_within_ms));
        latest
    }

    /// Lets those leave who do so before an instant, each at its time.
    fn let_leave(&mut self, leaving: &mut Leaving, before: Instant) {
        while let Some(Reverse((at, player))) =
            leaving.peek().copied().filter(|Reverse((at, _))| *at < before)
        {
            wait_until(at);
            leaving.pop();
            self.players.leave(player);
            self.moves(player, false);
            self.flush();
        }
    }

    fn speaks(&mut self, player: usize, due: Instant, counts: bool, round: u64) {
        let (npc, is_away) = self.players.address(player, due, counts);
        if is_away {
            self.moves(player, true);
        }
        let name = self.players.name(player);
        let said = format!("{name} greets you for the {round}th time, and asks what you know of the wolves.");
        self.spoken.push((player, due));
        let event = Event {
            at_ms: 0,
            source: source(),
            id: EventId::Position(self.next + 1),
            player: name,
            kind: Sym::new("talk"),
            target: npc,
            region: Sym::new("market"),
            amount: 1,
            with: Some(Arc::from([(Sym::new("said"), Value::text(&said))])),
        };
        self.push(|_| Input::Event(event));
    }

    /// A player comes, or leaves.
    fn moves(&mut self, player: usize, here: bool) {
        let player = self.players.name(player);
        let of = |id: &str| if here { Sym::new(id) } else { Sym::NONE };
        let (server, region) = (of("server"), of("market"));
        self.push(|order| {
            let write = PresenceWrite { order, player, server, region, instance: Sym::NONE };
            Input::Command(Command::Presence(write))
        });
    }

    fn push(&mut self, input: impl FnOnce(WriteOrder) -> Input) {
        self.next += 1;
        let id = EventId::Position(self.next);
        let input = input(WriteOrder { at_ms: 0, source: source(), id: id.clone() });
        self.items.push(Item { id, input, most_per_s: None });
    }

    /// Hands over what has been gathered. It waits while admission is full, and what is late then counts as late.
    fn flush(&mut self) {
        if self.items.is_empty() {
            return;
        }
        let (reply, outcomes) = oneshot::channel();
        let (items, spoken) = (std::mem::take(&mut self.items), std::mem::take(&mut self.spoken));
        let batch = Batch { source: source(), items, watermark_ms: None, reply: Some(reply), reached: None };
        if self.realm.admission.submit_blocking(batch).is_err() {
            return;
        }
        let players = Arc::clone(&self.players);
        self.tasks.spawn(async move {
            let Ok(outcomes) = outcomes.await else { return };
            if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })) {
                players.accepted(&spoken, Instant::now());
            }
        });
    }
}

/// The producer of all that players do.
fn source() -> Sym {
    Sym::new("players")
}
