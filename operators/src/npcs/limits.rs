//! Who may be asked: tiers that are closed, tokens that are used up, and how often players ask.
//!
//! `SpendingOut, talks ─→ a request, or a bark that says why not`
//!
//! What was spent is told by the operator of [`crate::spending`]; how often a player asked is kept here, so that of several talks
//! in a tick the first by order comes first.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{
    DEFAULT_PLAYER_TIER, PlayerLimitsDef, Priority, SpendingDef, WorldDef, fallback,
};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use super::asking;
use super::talk::{Pair, Piece, Why};
use super::{NpcsMachine, Step};
use crate::spending::{Asked, Closed, Day, Rate, SpendingOut, day_of};

/// The number of the first of the pieces that say when a player has asked; one for each priority.
const ASKED: u64 = u64::MAX - 16;

const fn number(class: Priority) -> u64 {
    ASKED - class as u64
}

/// What a player may ask for.
#[derive(Debug, Default)]
struct PlayerLimits {
    tokens: Option<u64>,
    rates: [Vec<Rate>; Priority::ALL.len()],
}

impl PlayerLimits {
    fn new(def: &PlayerLimitsDef, length: TickLength) -> PlayerLimits {
        let rates = |class| def.rates.of(class).iter().map(|rate| Rate::of(rate, length)).collect();
        PlayerLimits { tokens: def.tokens_per_day, rates: Priority::ALL.map(rates) }
    }
}

/// What is allowed, and what has been used of it.
#[derive(Debug, Default)]
pub(super) struct Limits {
    player_tier: Option<Sym>,
    players: BTreeMap<String, PlayerLimits>,
    others: PlayerLimits,
    /// How many requests of a player are kept, by priority.
    kept: [usize; Priority::ALL.len()],
    /// The tiers that may answer what is asked of each, and of none.
    chains: FxHashMap<Sym, Vec<Sym>>,
    closed: FxHashMap<Sym, Closed>,
    /// The day of which the following are.
    day: Day,
    players_used: FxHashMap<Sym, u64>,
    npcs_used_up: Vec<Sym>,
    realm_used_up: bool,
    asked: FxHashMap<(Sym, Priority), Asked>,
    /// What was told in this tick.
    news: Vec<SpendingOut>,
}

impl Limits {
    pub(super) fn new(world: &WorldDef, length: TickLength) -> Limits {
        let SpendingDef { player_tier, players, .. } = &world.spending;
        let mut kept = [0; Priority::ALL.len()];
        for rate in players.values().flat_map(|def| Priority::ALL.map(|class| (class, def.rates.of(class)))) {
            let (class, rates) = rate;
            let most = rates.iter().map(|rate| Rate::of(rate, length).most).max().unwrap_or(0);
            kept[class as usize] = most.max(kept[class as usize]);
        }
        let others = players.get(DEFAULT_PLAYER_TIER);
        let players = players.iter().map(|(name, def)| (name.clone(), PlayerLimits::new(def, length)));
        let all = world.tiers.keys().map(|tier| Sym::new(tier)).collect();
        let chains = world.tiers.keys().map(|tier| (Sym::new(tier), chain(tier, world)));
        Limits {
            player_tier: player_tier.as_deref().map(Sym::new),
            players: players.collect(),
            others: others.map(|def| PlayerLimits::new(def, length)).unwrap_or_default(),
            kept,
            chains: chains.chain([(Sym::NONE, all)]).collect(),
            ..Limits::default()
        }
    }

    /// Takes in what was spent.
    pub(super) fn tell(&mut self, now: SpendingOut) {
        match now {
            SpendingOut::Tier(tier, Some(closed)) => drop(self.closed.insert(tier, closed)),
            SpendingOut::Tier(tier, None) => drop(self.closed.remove(&tier)),
            SpendingOut::Player(player, day, tokens) => {
                self.begin(day);
                self.players_used.insert(player, tokens);
            }
            SpendingOut::Npc(npc, day) => {
                self.begin(day);
                self.npcs_used_up.push(npc);
            }
            SpendingOut::Realm(day) => {
                self.begin(day);
                self.realm_used_up = true;
            }
        }
        self.news.push(now);
    }

    /// What was used on another day is of no matter any more.
    fn begin(&mut self, day: Day) {
        if day != self.day {
            self.day = day;
            self.players_used.clear();
            self.npcs_used_up.clear();
            self.realm_used_up = false;
        }
    }

    /// Why none of the tiers may be asked that may answer what is asked of one, or of none in particular.
    fn closed(&self, tier: Sym) -> Option<Why> {
        let chain = self.chains.get(&tier)?;
        let mut why = None;
        for tier in chain {
            match self.closed.get(tier)? {
                Closed::Money => why = Some(Why::OverBudget),
                Closed::Off => why = why.or(Some(Why::TierOff)),
            }
        }
        why
    }

    fn is_used_up(&self, pair: Pair, of_player: &PlayerLimits, today: Day) -> bool {
        let used = || self.players_used.get(&pair.player).copied().unwrap_or(0);
        today == self.day
            && (self.realm_used_up
                || self.npcs_used_up.contains(&pair.npc)
                || of_player.tokens.is_some_and(|limit| limit <= used()))
            || of_player.tokens == Some(0)
    }
}

/// A tier and those that are asked instead, one after the other.
fn chain(tier: &str, world: &WorldDef) -> Vec<Sym> {
    let (mut chain, mut next) = (Vec::new(), Some(tier));
    while let Some(tier) = next.map(Sym::new).filter(|tier| !chain.contains(tier)) {
        chain.push(tier);
        next = fallback(tier.as_str(), &world.tiers);
    }
    chain
}

impl NpcsMachine {
    fn limits_of(&self, player: Sym, region: Sym) -> &PlayerLimits {
        let limits = &self.limits;
        let around = self.known.around(player, region);
        let value = limits.player_tier.and_then(|fact| {
            self.known.context.facts.get(around.holder_of_fact(fact), fact).map(ToString::to_string)
        });
        value.and_then(|value| limits.players.get(&value)).unwrap_or(&limits.others)
    }

    /// Why a talk may not ask, as far as limits go. When it may, and the player has spoken, it counts as having asked.
    pub(super) fn limited(
        &mut self,
        pair: Pair,
        (tier, class): (Sym, Priority),
        (region, unasked): (Sym, bool),
        step: &mut Step<'_>,
    ) -> Option<Why> {
        let of_player = self.limits_of(pair.player, region);
        let today = day_of(self.length, step.tick);
        if let Some(why) = self.limits.closed(tier) {
            return Some(why);
        }
        if self.limits.is_used_up(pair, of_player, today) {
            return Some(Why::OverBudget);
        }
        if unasked {
            return None;
        }
        let kept = self.limits.kept[class as usize];
        let rates = &of_player.rates[class as usize];
        let key = (pair.player, class);
        if !self.limits.asked.get(&key).is_none_or(|asked| asked.allows(rates, step.tick))
            || rates.iter().any(|rate| rate.most == 0)
        {
            return Some(Why::RateLimited);
        }
        if kept > 0 {
            let asked = self.limits.asked.entry(key).or_default();
            asked.ask(step.tick, kept);
            let piece = Piece::Asked(asked.ticks());
            let key = Pair { player: pair.player, npc: Sym::NONE };
            step.output.base.push(key.piece(number(class), Some(&piece)));
        }
        None
    }

    /// Takes back what may not be asked any more since this tick, and says the bark.
    pub(super) fn take_back_limited(&mut self, step: &mut Step<'_>) {
        let news = std::mem::take(&mut self.limits.news);
        if !news.iter().any(|now| self.takes_something_back(now, step.tick)) {
            return;
        }
        let mut over: Vec<(Pair, Why)> = Vec::new();
        for pair in self.open.values() {
            let Some(pending) = self.talks.get(pair).and_then(|talk| talk.pending.as_ref()) else { continue };
            let bars = |now: &SpendingOut| match now {
                SpendingOut::Tier(_, closed) => closed.and_then(|_| self.limits.closed(pending.tier)),
                SpendingOut::Player(player, ..) => (*player == pair.player
                    && self.takes_something_back(now, step.tick))
                .then_some(Why::OverBudget),
                SpendingOut::Npc(npc, _) => (*npc == pair.npc).then_some(Why::OverBudget),
                SpendingOut::Realm(_) => Some(Why::OverBudget),
            };
            // Which of several reasons is said must not hang on the order in which they were told.
            let mut whys: Vec<Why> = news.iter().filter_map(bars).collect();
            whys.sort_by_key(|why| *why as u8);
            over.extend(whys.first().map(|why| (*pair, *why)));
        }
        over.sort_by(|(a, _), (b, _)| a.player.cmp_text(b.player).then_with(|| a.npc.cmp_text(b.npc)));
        for (pair, why) in over {
            // What has been heard of an answer was said.
            if self.talks.get(&pair).is_some_and(|talk| talk.asked.line != 0) {
                self.interrupt(pair, step);
                continue;
            }
            let Some(asking::Closed { pending, asked }) = self.close(pair, step) else { continue };
            if !asked.barked {
                self.without_tier(pair, why, pending.region, &asked, None, step);
            }
        }
    }

    /// Whether what is told may take a request back.
    fn takes_something_back(&self, now: &SpendingOut, tick: Tick) -> bool {
        match now {
            SpendingOut::Tier(_, closed) => closed.is_some(),
            SpendingOut::Player(player, day, tokens) => {
                let limits = self.limits_of(*player, self.known.place(*player).region);
                *day == day_of(self.length, tick) && limits.tokens.is_some_and(|limit| limit <= *tokens)
            }
            SpendingOut::Npc(..) | SpendingOut::Realm(_) => true,
        }
    }

    /// Forgets what was told in the tick of a load: it was acted on then.
    pub(super) fn limits_loaded(&mut self) {
        self.limits.news.clear();
    }

    /// Takes back what is kept of how often a player has asked; whether it was that.
    pub(super) fn load_of_limits(&mut self, pair: Pair, (of, piece): &(u64, Piece)) -> bool {
        let Piece::Asked(ticks) = piece else { return false };
        if let Some(class) = Priority::ALL.into_iter().find(|class| number(*class) == *of) {
            self.limits.asked.insert((pair.player, class), Asked::of(ticks.clone()));
        }
        true
    }
}
