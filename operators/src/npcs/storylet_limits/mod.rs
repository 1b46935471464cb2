//! Limits of storylets over all players: who may say what, decided in one place.
//!
//! `what was said and has ended, claims ─limits→ storylet_limits` and `→ at the next tick: answers, and what is closed`
//!
//! Where a storylet with such a limit is the best, on the worker of the player, it is not said but claimed. One shard grants as
//! many of the claims of a tick as there is room for, in an order that is drawn, and the player's worker is told at the next
//! tick. That worker also knows what is closed, so that nobody claims in vain for long. Whether a storylet fits is not its business.

mod counted;

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::STORYLET_LIMITS;
use worldflow_schemas::definitions::{StoryLimits, StoryletDef, WorldDef};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, Event, Row, Sym, Tick, chance};

use super::talk::{Details, Why};
use crate::machine::{Machine, Output};
use crate::messages::ClockNow;
use crate::piece;
use crate::timers::Timers;

use counted::{Counted, Rules, Times};

/// What the operator is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StoryletLimitsIn {
    /// A storylet is defined, or no longer. Also in the tick of a load.
    Define(Sym, Option<Arc<StoryletDef>>),
    /// The clock.
    Clock(ClockNow),
    /// What NPCs say and would say, of this tick.
    Saying(Saying),
}

/// What the operator of NPCs tells of storylets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Saying {
    /// Somebody would say one that has limits over all players.
    Claim(Claim),
    /// One was said, or asks a tier for what is said.
    Said {
        /// The storylet.
        storylet: Sym,
        /// By whom.
        npc: Sym,
        /// If a tier is asked: for whom, and which request of the two it is.
        asks: Option<(Sym, u64)>,
    },
    /// The tier has answered, or there will be no answer.
    Ended {
        /// The storylet.
        storylet: Sym,
        /// By whom.
        npc: Sym,
        /// To whom, and which request of the two it was.
        of: (Sym, u64),
    },
}

/// What the operator tells the one of NPCs, for the next tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StoryletLimitsOut {
    /// Whether a claim of the tick is granted. Routed by the player.
    Answer(Claim, bool),
    /// Whether there is room. Broadcast.
    Closed {
        /// The storylet.
        storylet: Sym,
        /// The NPC for whom there is none, or [`Sym::NONE`] for all of them.
        npc: Sym,
        /// Whether there is none.
        closed: bool,
    },
}

/// A storylet that an NPC would say to a player.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    pub(super) player: Sym,
    pub(super) npc: Sym,
    pub(super) storylet: Sym,
    pub(super) region: Sym,
    pub(super) occasion: Occasion,
}

/// What a choice was made for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Occasion {
    /// A talk, in which the player has said this.
    Addressed(ArcStr),
    /// A bark is due.
    Bark(Why, Box<Details>),
    /// It follows another.
    FollowUp,
    /// It holds.
    Holds,
    /// An event has happened.
    Happens(Box<Event>),
}

impl Claim {
    /// Whom the answer goes to.
    #[must_use]
    pub fn player(&self) -> Sym {
        self.player
    }

    /// Compares by value: player, NPC, storylet.
    pub(super) fn cmp_text(&self, other: &Claim) -> Ordering {
        (self.player.cmp_text(other.player))
            .then_with(|| self.npc.cmp_text(other.npc))
            .then_with(|| self.storylet.cmp_text(other.storylet))
    }
}

#[derive(Serialize, Deserialize)]
enum Key {
    /// How often an NPC has said a storylet.
    Times(Sym, Sym),
    /// A tier is being asked for a storylet, by an NPC for a player, with a request of that number.
    Asks(Sym, Sym, (Sym, u64)),
    /// When the sayings of a storylet end.
    Ends(Sym),
    /// The answers of the last tick that had claims.
    Answers,
}

#[derive(Serialize, Deserialize)]
enum Piece {
    Times(Times),
    Asks,
    Ends(Vec<Tick>),
    Answers(Tick, Vec<(Claim, bool)>),
}

/// What is shown of a storylet, and told.
#[derive(Default, Debug)]
struct Shown {
    rows: Vec<Row>,
    /// For whom it is closed.
    closed: FxHashSet<Sym>,
}

/// The limits of a realm; one shard has all of them.
#[derive(Debug)]
pub struct StoryletLimitsMachine {
    realm: Sym,
    seed: u64,
    length: TickLength,
    now: Tick,
    clock: Option<ClockNow>,
    /// Of the storylets that are limited over all players.
    limits: FxHashMap<Sym, StoryLimits>,
    counted: FxHashMap<Sym, Counted>,
    /// The answers of the last tick that had claims.
    answers: (Tick, Vec<(Claim, bool)>),
    /// When a storylet may be open again, or shows less.
    wakes: Timers<Sym>,
    shown: FxHashMap<Sym, Shown>,
}

impl StoryletLimitsMachine {
    /// Nothing is limited, and nothing was said.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> StoryletLimitsMachine {
        StoryletLimitsMachine {
            realm,
            seed: world.seed,
            length: TickLength { tick_ms: world.tick_ms },
            now: 0,
            clock: None,
            limits: FxHashMap::default(),
            counted: FxHashMap::default(),
            answers: (0, Vec::new()),
            wakes: Timers::default(),
            shown: FxHashMap::default(),
        }
    }

    fn push(&self, key: &Key, piece: Option<&Piece>, output: &mut Output<StoryletLimitsOut>) {
        output.base.push(piece::change(Self::NAME, self.realm, key, piece));
    }

    /// Takes in what is known; returns what was said and would be, and the storylets that are to be looked at.
    fn take_in(&mut self, inputs: Vec<StoryletLimitsIn>) -> (Vec<Saying>, FxHashSet<Sym>) {
        let (mut sayings, mut look) = (Vec::new(), FxHashSet::default());
        for input in inputs {
            match input {
                StoryletLimitsIn::Define(storylet, def) => {
                    look.insert(storylet);
                    match def.filter(|def| def.limits.are_shared()) {
                        Some(def) => drop(self.limits.insert(storylet, def.limits.clone())),
                        None => drop(self.limits.remove(&storylet)),
                    }
                }
                StoryletLimitsIn::Clock(clock) => {
                    self.clock = Some(clock);
                    look.extend(self.limits.keys());
                }
                StoryletLimitsIn::Saying(saying) => sayings.push(saying),
            }
        }
        (sayings, look)
    }

    fn rules(&self) -> Rules<'_> {
        Rules { now: self.now, clock: self.clock.as_ref(), length: self.length }
    }

    /// Counts what was said and has ended, and returns the claims.
    fn count(
        &mut self,
        sayings: Vec<Saying>,
        look: &mut FxHashSet<Sym>,
        output: &mut Output<StoryletLimitsOut>,
    ) -> Vec<Claim> {
        let (mut claims, mut ended, mut keys) = (Vec::new(), Vec::new(), FxHashSet::default());
        for saying in sayings {
            match saying {
                Saying::Claim(claim) => claims.push(claim),
                Saying::Said { storylet, npc, asks } => {
                    let at_once = self.limits.get(&storylet).and_then(|limits| limits.at_once.as_ref());
                    let until = at_once.map(|at_once| self.rules().ends(at_once));
                    self.counted.entry(storylet).or_default().say(npc, asks, until, self.now);
                    keys.insert((storylet, npc, asks.filter(|_| until.is_some())));
                }
                Saying::Ended { storylet, npc, of } => ended.push((storylet, npc, of)),
            }
        }
        for (storylet, npc, of) in ended {
            let at_once = self.limits.get(&storylet).and_then(|limits| limits.at_once.as_ref());
            let until = at_once.map(|at_once| self.rules().ends(at_once));
            let Some(counted) = self.counted.get_mut(&storylet) else { continue };
            if counted.end(npc, of, until) {
                keys.insert((storylet, npc, Some(of)));
            }
        }
        for (storylet, npc, asks) in keys {
            look.insert(storylet);
            self.keep(storylet, npc, asks, output);
        }
        claims
    }

    /// Keeps what is known of a storylet and an NPC, and of a request.
    fn keep(
        &self,
        storylet: Sym,
        npc: Sym,
        asks: Option<(Sym, u64)>,
        output: &mut Output<StoryletLimitsOut>,
    ) {
        let Some(counted) = self.counted.get(&storylet) else { return };
        self.push(&Key::Times(storylet, npc), Some(&Piece::Times(counted.times_of(npc))), output);
        if let Some(of) = asks {
            let asks = counted.asks(npc, of).then_some(Piece::Asks);
            self.push(&Key::Asks(storylet, npc, of), asks.as_ref(), output);
        }
        if !counted.ends().is_empty() {
            self.push(&Key::Ends(storylet), Some(&Piece::Ends(counted.ends().to_vec())), output);
        }
    }

    /// Grants as many claims as there is room for, and answers all of them.
    fn decide(&mut self, claims: Vec<Claim>, output: &mut Output<StoryletLimitsOut>) {
        let lot = |claim: &Claim| {
            let Claim { player, npc, storylet, .. } = claim;
            chance::draw(self.seed, "claim", &format!("{player}/{npc}/{storylet}"), self.now)
        };
        let mut claims: Vec<(u64, Claim)> = claims.into_iter().map(|claim| (lot(&claim), claim)).collect();
        claims.sort_by(|(lot, a), (other, b)| lot.cmp(other).then_with(|| a.cmp_text(b)));
        let none = Counted::default();
        for (_, claim) in claims {
            let rules = self.rules();
            let granted = self.limits.get(&claim.storylet).is_none_or(|limits| {
                let counted = self.counted.get(&claim.storylet).unwrap_or(&none);
                [Sym::NONE, claim.npc].iter().all(|npc| !rules.closed(limits, counted, *npc))
            });
            if granted {
                self.counted.entry(claim.storylet).or_default().grant(claim.npc);
            }
            output.out.push(StoryletLimitsOut::Answer(claim.clone(), granted));
            self.answers.1.push((claim, granted));
        }
        if !self.answers.1.is_empty() {
            let piece = Piece::Answers(self.now, self.answers.1.clone());
            self.push(&Key::Answers, Some(&piece), output);
        }
    }

    /// The answers of the tick before have been acted on.
    fn forget_answers(&mut self, look: &mut FxHashSet<Sym>, output: &mut Output<StoryletLimitsOut>) {
        let before = std::mem::replace(&mut self.answers, (self.now, Vec::new())).1;
        if before.is_empty() {
            return;
        }
        self.push(&Key::Answers, None, output);
        for (claim, _) in before {
            if let Some(counted) = self.counted.get_mut(&claim.storylet) {
                counted.forget_granted();
            }
            look.insert(claim.storylet);
        }
    }

    /// Shows what is other of a storylet, tells for whom it is closed, and says when it is looked at again.
    fn look_at(&mut self, storylet: Sym, output: &mut Output<StoryletLimitsOut>) {
        let mut now = Shown::default();
        let mut wakes = None;
        if let Some(limits) = self.limits.get(&storylet) {
            let none = Counted::default();
            let counted = self.counted.get(&storylet).unwrap_or(&none);
            let rules = self.rules();
            wakes = rules.next_change(limits, counted);
            let npcs: Vec<Sym> = if limits.npc.is_some() { counted.npcs().collect() } else { Vec::new() };
            for npc in npcs.into_iter().chain([Sym::NONE]) {
                let closed = rules.closed(limits, counted, npc);
                if closed {
                    now.closed.insert(npc);
                }
                if npc.is_none() || counted.times_of(npc).times > 0 {
                    now.rows.push(rules.row(self.realm, storylet, npc, (limits, counted), closed));
                }
            }
        }
        match wakes {
            Some(tick) => self.wakes.set(storylet, tick),
            None => {
                self.wakes.cancel(&storylet);
            }
        }
        let was = self.shown.remove(&storylet).unwrap_or_default();
        was.rows.iter().for_each(|row| output.remove(STORYLET_LIMITS, row.clone()));
        now.rows.iter().for_each(|row| output.insert(STORYLET_LIMITS, row.clone()));
        let mut tell = |npc: &Sym, closed| {
            output.out.push(StoryletLimitsOut::Closed { storylet, npc: *npc, closed });
        };
        was.closed.difference(&now.closed).for_each(|npc| tell(npc, false));
        now.closed.difference(&was.closed).for_each(|npc| tell(npc, true));
        if !now.rows.is_empty() || !now.closed.is_empty() {
            self.shown.insert(storylet, now);
        }
    }
}

impl Machine for StoryletLimitsMachine {
    type In = StoryletLimitsIn;
    type Out = StoryletLimitsOut;
    const NAME: BaseName = "storylet_limits";

    fn load(&mut self, row: BaseRow) {
        match piece::read(&row) {
            (Key::Times(storylet, npc), Piece::Times(times)) => {
                self.counted.entry(storylet).or_default().take_back_times(npc, times);
            }
            (Key::Asks(storylet, npc, of), Piece::Asks) => {
                self.counted.entry(storylet).or_default().take_back_asks(npc, of);
            }
            (Key::Ends(storylet), Piece::Ends(ends)) => {
                self.counted.entry(storylet).or_default().take_back_ends(ends);
            }
            (Key::Answers, Piece::Answers(tick, answers)) => self.answers = (tick, answers),
            (Key::Times(..) | Key::Asks(..) | Key::Ends(_) | Key::Answers, _) => {}
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<StoryletLimitsIn>, output: &mut Output<StoryletLimitsOut>) {
        self.now = tick;
        self.take_in(inputs);
        if self.answers.0 == tick {
            // What was decided in this tick acts in the next.
            for (claim, granted) in &self.answers.1 {
                if *granted {
                    self.counted.entry(claim.storylet).or_default().grant(claim.npc);
                }
                output.out.push(StoryletLimitsOut::Answer(claim.clone(), *granted));
            }
        }
        let all: Vec<Sym> = self.limits.keys().copied().collect();
        all.into_iter().for_each(|storylet| self.look_at(storylet, output));
    }

    fn step(&mut self, tick: Tick, inputs: Vec<StoryletLimitsIn>, output: &mut Output<StoryletLimitsOut>) {
        self.now = tick;
        let (sayings, mut look) = self.take_in(inputs);
        self.forget_answers(&mut look, output);
        while let Some((_, storylet)) = self.wakes.pop_due(tick) {
            look.insert(storylet);
        }
        let claims = self.count(sayings, &mut look, output);
        for storylet in &look {
            let pruned = self.counted.get_mut(storylet).is_some_and(|counted| counted.prune(tick));
            if let Some(counted) = self.counted.get(storylet).filter(|_| pruned) {
                let ends = Some(counted.ends().to_vec()).filter(|ends| !ends.is_empty()).map(Piece::Ends);
                self.push(&Key::Ends(*storylet), ends.as_ref(), output);
            }
        }
        look.extend(claims.iter().map(|claim| claim.storylet));
        self.decide(claims, output);
        look.into_iter().for_each(|storylet| self.look_at(storylet, output));
    }

    fn alarm(&self) -> Option<Tick> {
        let answered = (!self.answers.1.is_empty()).then_some(self.now + 1);
        answered.into_iter().chain(self.wakes.first()).min()
    }
}
