//! What models cost, and who has used up what may be spent.
//!
//! `replies ─charges→ spending` and `spending, facts, clock, views ─gates→ tier_states ─→ SpendingOut`
//!
//! A reply is charged to its tier, player, NPC and the realm on the day (UTC) of its tick. A tier is closed while its switch does
//! not hold or its money of the day is used up. Within a tick: a new day, what is known of the realm, charges, gates. Who may ask
//! is decided by the operator of NPCs, which is told in the same tick.

mod gate;
mod rates;
mod spent;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::{SPENDING, TIER_STATES};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Tick};

use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, FactNow, PlayerPlace, ViewNow};
use crate::piece;
use crate::quests::{Actor, Context, Plan};

pub use gate::Closed;
pub(crate) use rates::{Asked, Rate};
pub use spent::{Charge, Price, Spender, SpendingScope, charges};
pub(crate) use spent::{Day, day_of};

use gate::{Cap, Gate, State, money_e12};
use spent::{Spent, tomorrow};

/// How many days before today are kept.
pub const KEPT_DAYS: u32 = 30;

/// What the operator is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SpendingIn {
    /// The realm is started: tiers are looked at. Broadcast.
    Begin,
    /// A reply costs this. Routed by the spender's id.
    Charge(Charge),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// A fact of the realm. Broadcast.
    Fact(FactNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
}

/// What the operator tells the one of NPCs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SpendingOut {
    /// A tier is closed, or open again. For everyone.
    Tier(Sym, Option<Closed>),
    /// A player has used so many tokens on a day. For the player's worker.
    Player(Sym, u32, u64),
    /// An NPC has used up the tokens of a day. For everyone.
    Npc(Sym, u32),
    /// The realm has. For everyone.
    Realm(u32),
}

#[derive(Serialize, Deserialize)]
enum Key {
    Spent(Spender, Day),
    Tier(Sym),
}

#[derive(Serialize, Deserialize)]
enum Piece {
    Spent(Spent),
    Tier(State),
}

/// The spenders of one shard.
#[derive(Debug)]
pub struct SpendingMachine {
    realm: Sym,
    context: Context,
    plan: Plan,
    prices: FxHashMap<Sym, Price>,
    /// Whether some player's tokens are limited.
    counts_players: bool,
    npc_tokens: Option<u64>,
    realm_tokens: Option<u64>,
    spent: FxHashMap<Spender, BTreeMap<Day, Spent>>,
    /// The tiers of this shard.
    gates: FxHashMap<Sym, Gate>,
    today: Day,
    /// Whether every tier is to be looked at, whatever has changed.
    look_at_all: bool,
    /// Kept of tiers that the world has no more.
    stale: Vec<Sym>,
}

impl SpendingMachine {
    /// Nothing is spent yet. One of several shards.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, (index, peers): (usize, usize)) -> SpendingMachine {
        let (mut plan, limits) = (Plan::new(world), &world.spending);
        let mine = |tier: Sym| tier.hash64() % peers.max(1) as u64 == index as u64;
        let tiers = || world.tiers.iter().map(|(name, def)| (Sym::new(name), def));
        let gates = tiers().filter(|(tier, _)| mine(*tier));
        SpendingMachine {
            realm,
            context: Context::new(world, realm),
            prices: tiers().filter_map(|(tier, def)| Some((tier, Price::of(def.price.as_ref()?)))).collect(),
            counts_players: limits.players.values().any(|limits| limits.tokens_per_day.is_some()),
            npc_tokens: limits.npc.tokens_per_day,
            realm_tokens: limits.realm.tokens_per_day,
            spent: FxHashMap::default(),
            gates: gates.map(|(tier, def)| (tier, Gate::new(def, &mut plan))).collect(),
            plan,
            today: 0,
            look_at_all: false,
            stale: Vec::new(),
        }
    }

    /// Takes in what is known, and gives the charges and whether something has changed that tiers ask for.
    fn take_in(&mut self, inputs: Vec<SpendingIn>) -> (Vec<Charge>, bool) {
        let (mut charges, mut seen, mut changed) = (Vec::new(), Vec::new(), false);
        for input in inputs {
            match input {
                SpendingIn::Charge(charge) => {
                    charges.push(charge);
                    continue;
                }
                SpendingIn::Begin => {}
                SpendingIn::Clock(clock) => self.context.clock = Some(clock),
                SpendingIn::Fact(fact) => self.context.facts.tell(fact),
                SpendingIn::Seen(now) => seen.push(now),
            }
            changed = true;
        }
        self.context.views.tell(seen);
        (charges, changed)
    }

    /// What is too old goes.
    fn forget_old(&mut self, output: &mut Output<SpendingOut>) {
        let first = self.today.saturating_sub(KEPT_DAYS);
        let realm = self.realm;
        self.spent.retain(|spender, days| {
            while let Some(oldest) = days.first_entry().filter(|oldest| *oldest.key() < first) {
                output.remove(SPENDING, oldest.get().row(realm, *spender, *oldest.key()));
                output.base.push(change(spender.id, &Key::Spent(*spender, *oldest.key()), None));
                oldest.remove();
            }
            !days.is_empty()
        });
    }

    fn charge(&mut self, charges: &[Charge], output: &mut Output<SpendingOut>) {
        let mut before: FxHashMap<Spender, Option<Spent>> = FxHashMap::default();
        for charge in charges {
            let days = self.spent.entry(charge.spender).or_default();
            before.entry(charge.spender).or_insert_with(|| days.get(&self.today).copied());
            let price = self.prices.get(&charge.tier).copied().unwrap_or_default();
            days.entry(self.today).or_default().add(charge, price);
        }
        for (spender, before) in before {
            let now = self.spent_today(spender);
            let row = |spent: &Spent| spent.row(self.realm, spender, self.today);
            output.replace(SPENDING, before.as_ref().map(row), Some(row(&now)));
            output.base.push(change(spender.id, &Key::Spent(spender, self.today), Some(&Piece::Spent(now))));
            self.tell(spender, before.map_or(0, |before| before.all_tokens()), now.all_tokens(), output);
        }
    }

    fn spent_today(&self, spender: Spender) -> Spent {
        self.spent.get(&spender).and_then(|days| days.get(&self.today)).copied().unwrap_or_default()
    }

    /// Tells how many tokens somebody has used, where that may matter.
    fn tell(&self, spender: Spender, before: u64, now: u64, output: &mut Output<SpendingOut>) {
        let used_up = |limit: Option<u64>| limit.is_some_and(|limit| before < limit && limit <= now);
        match spender.scope {
            SpendingScope::Player if self.counts_players => {
                output.out.push(SpendingOut::Player(spender.id, self.today, now));
            }
            SpendingScope::Npc if used_up(self.npc_tokens) => {
                output.out.push(SpendingOut::Npc(spender.id, self.today));
            }
            SpendingScope::Realm if used_up(self.realm_tokens) => {
                output.out.push(SpendingOut::Realm(self.today));
            }
            _ => {}
        }
    }

    /// Why a tier may not be asked as things stand.
    fn closed(&self, tier: Sym, gate: &Gate) -> Option<Closed> {
        let holder = Holder { scope: Scope::Realm, id: self.realm };
        let actor = Actor::by_itself(holder, PlayerPlace::default());
        if !gate.when.holds(&self.plan, &self.context, &actor) {
            return Some(Closed::Off);
        }
        let cap_e12 = match gate.cap.as_ref()? {
            Cap::Is(money) => *money,
            Cap::Fact(fact) => {
                let value = self.context.facts.get(Some(holder), *fact);
                money_e12(value.and_then(|value| value.as_millionths()))
            }
        };
        let spent = self.spent_today(Spender { scope: SpendingScope::Tier, id: tier });
        (spent.money_e12 >= cap_e12).then_some(Closed::Money)
    }

    fn look_at_tiers(&mut self, output: &mut Output<SpendingOut>) {
        let now = self.context.now;
        let closed: Vec<(Sym, Option<Closed>)> =
            self.gates.iter().map(|(tier, gate)| (*tier, self.closed(*tier, gate))).collect();
        for (tier, closed) in closed {
            let Some(gate) = self.gates.get_mut(&tier) else { continue };
            let before = gate.state;
            if before.is_some_and(|before| before.closed == closed) {
                continue;
            }
            let state = State { closed, since: now };
            gate.state = Some(state);
            let row = |state: State| state.row(self.realm, tier);
            output.replace(TIER_STATES, before.map(row), Some(row(state)));
            output.base.push(change(tier, &Key::Tier(tier), Some(&Piece::Tier(state))));
            // A tier of which nothing was ever said is open.
            if before.and_then(|before| before.closed) != closed {
                output.out.push(SpendingOut::Tier(tier, closed));
            }
        }
    }

    fn is_timed(&self) -> bool {
        self.gates.values().any(|gate| gate.timed)
    }
}

fn change(route: Sym, key: &Key, piece: Option<&Piece>) -> worldflow_schemas::base::BaseChange {
    piece::change(SpendingMachine::NAME, route, key, piece)
}

impl Machine for SpendingMachine {
    type In = SpendingIn;
    type Out = SpendingOut;
    const NAME: BaseName = "spending";

    fn load(&mut self, row: BaseRow) {
        match piece::read(&row) {
            (Key::Spent(spender, day), Piece::Spent(spent)) => {
                self.spent.entry(spender).or_default().insert(day, spent);
            }
            (Key::Tier(tier), Piece::Tier(state)) => match self.gates.get_mut(&tier) {
                Some(gate) => gate.state = Some(state),
                None => self.stale.push(tier),
            },
            (Key::Spent(..) | Key::Tier(_), _) => {}
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<SpendingIn>, output: &mut Output<SpendingOut>) {
        self.context.now = tick;
        self.today = day_of(self.context.length, tick);
        self.look_at_all = true;
        self.take_in(inputs);
        for (spender, days) in &self.spent {
            for (day, spent) in days {
                output.insert(SPENDING, spent.row(self.realm, *spender, *day));
            }
            if let Some(spent) = days.get(&self.today) {
                self.tell(*spender, 0, spent.all_tokens(), output);
            }
        }
        for (tier, gate) in &self.gates {
            let Some(state) = gate.state else { continue };
            output.insert(TIER_STATES, state.row(self.realm, *tier));
            if state.closed.is_some() {
                output.out.push(SpendingOut::Tier(*tier, state.closed));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<SpendingIn>, output: &mut Output<SpendingOut>) {
        self.context.now = tick;
        for tier in std::mem::take(&mut self.stale) {
            output.base.push(change(tier, &Key::Tier(tier), None));
        }
        let today = day_of(self.context.length, tick);
        let new_day = today != self.today;
        if new_day {
            self.today = today;
            self.forget_old(output);
        }
        let (charges, changed) = self.take_in(inputs);
        self.charge(&charges, output);
        let look = std::mem::take(&mut self.look_at_all) | changed | new_day | self.is_timed();
        if look || !charges.is_empty() {
            self.look_at_tiers(output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        let now = self.context.now;
        let next = (self.look_at_all || !self.stale.is_empty() || self.is_timed()).then_some(now + 1);
        let day = (!self.spent.is_empty()).then(|| tomorrow(self.context.length, now)).flatten();
        next.into_iter().chain(day).min()
    }
}
