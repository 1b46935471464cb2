//! The holders of one shard and the work of a tick, shared by both halves of quests.
//!
//! Keeps lists of what a tick must look at (touched, soon, timers, marks), so that an idle holder
//! costs nothing. What is done with them is in `lifecycle`, `counting`, `edits` and `rows`.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::base::BaseName;
use worldflow_schemas::definitions::{QuestState, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{EventId, Sym, Tick};

use super::condition::depends;
use super::context::Context;
use super::holder::{HolderState, Record};
use super::ledger::Ledger;
use super::messages::{Asked, Conclusion};
use super::plan::{Ix, Plan};
use super::prerequisites::{Named, Place};
use super::rows::Names;
use super::saved::PieceKey;
use super::seen::Whose;
use super::sharing::Together;
use super::trace::Trace;
use crate::machine::Output;
use crate::messages::{
    ClockNow, EntityTags, FactNow, LevelNow, PlayerPlace, QuestNow, Refused, ViewNow, ZoneWeather,
};
use crate::piece;

/// A holder's place in the list.
pub(super) type At = u32;

/// Both halves of quests are this with different inputs.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) name: BaseName,
    pub(super) plan: Plan,
    pub(super) context: Context,
    pub(super) names: Names,
    pub(super) holders: Vec<HolderState>,
    pub(super) by_holder: FxHashMap<Holder, At>,
    /// Places of holders that are gone, and of those that went in this tick.
    free: Vec<At>,
    pub(super) freed: Vec<At>,
    /// The highest instance of any quest of each group that has been closed.
    pub(super) instances: FxHashMap<Holder, u32>,
    pub(super) timers: BTreeSet<(Tick, At, Ix)>,
    /// Quests whose `since: reset` counters begin anew, with the next time.
    pub(super) resets: BTreeSet<(Tick, Ix)>,
    /// What this tick must look at because of the tick before: stages to open, objectives to reveal.
    pub(super) soon: Vec<(At, Ix)>,
    /// Holders of which a quest changed its state in this tick.
    pub(super) moved: Vec<At>,
    /// Holders with marks of what to test in this tick.
    pub(super) marked: Vec<At>,
    /// What to test for every holder in this tick.
    pub(super) global: u16,
    /// Facts and quests whose change has something tested for every holder in this tick.
    pub(super) named: Vec<Named>,
    /// Quests that the edits of this tick have looked at again, for everyone who may be concerned.
    pub(super) edited: FxHashSet<Ix>,
    /// Everything is looked at for everyone in every tick.
    #[cfg(test)]
    pub(super) exhaustive: bool,
    /// Room for the places of what is tested, used again.
    pub(super) to_test: Vec<Place>,
    /// What this tick has changed.
    pub(super) touched: Vec<(At, Ix)>,
    /// Open instances of which this tick has changed counters.
    pub(super) progressed: Vec<(At, Ix)>,
    /// What phase 7 must look at.
    pub(super) counted: Vec<(At, Ix)>,
    pub(super) expiring: Vec<(At, Ix)>,
    /// Open instances for which something passes, by when.
    pub(super) running: BTreeSet<(Tick, At, Ix)>,
    /// The clock was told in this tick.
    pub(super) clock_told: bool,
    /// Tags of entities were told in this tick.
    pub(super) tags_told: bool,
    /// Lifetime counters that this tick has changed.
    pub(super) lived: Vec<(At, u16)>,
    /// Pieces that a load has given back and the world no longer knows: the next tick drops them.
    pub(super) stale: Vec<PieceKey>,
    /// What players hand on to others of their parties in this tick.
    pub(super) handed: Vec<Together>,
    edge: Option<Tick>,
    /// When the real calendar next changes what is offered.
    pub(super) dates: Option<Tick>,
    /// The seed of all chance.
    pub(super) seed: u64,
    /// Holders of whom everything is tested in the next tick.
    pub(super) again: Vec<At>,
    pub(super) ledger: Ledger,
    /// One quest of one holder is traced, in a copy of a realm.
    pub(super) trace: Option<Box<Trace>>,
    pub(super) out: Output<Conclusion>,
    /// Which holders are known without being named: regions and the realm, where they belong here.
    standing: Vec<Holder>,
}

impl Core {
    pub(super) fn new(name: BaseName, world: &WorldDef, realm: Sym, standing: Vec<Holder>) -> Core {
        Core {
            name,
            plan: Plan::new(world),
            context: Context::new(world, realm),
            names: Names::new(realm),
            holders: Vec::new(),
            by_holder: FxHashMap::default(),
            free: Vec::new(),
            freed: Vec::new(),
            instances: FxHashMap::default(),
            timers: BTreeSet::new(),
            resets: BTreeSet::new(),
            soon: Vec::new(),
            moved: Vec::new(),
            marked: Vec::new(),
            global: 0,
            named: Vec::new(),
            edited: FxHashSet::default(),
            #[cfg(test)]
            exhaustive: false,
            to_test: Vec::new(),
            touched: Vec::new(),
            progressed: Vec::new(),
            counted: Vec::new(),
            expiring: Vec::new(),
            running: BTreeSet::new(),
            clock_told: false,
            tags_told: false,
            lived: Vec::new(),
            stale: Vec::new(),
            handed: Vec::new(),
            edge: None,
            dates: None,
            seed: world.seed,
            again: Vec::new(),
            ledger: Ledger::new(world),
            trace: None,
            out: Output::default(),
            standing,
        }
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self, tick: Tick) {
        self.context.now = tick;
        for holder in std::mem::take(&mut self.standing) {
            self.know(holder);
        }
        for at in std::mem::take(&mut self.moved) {
            let holder = &mut self.holders[at as usize];
            for ix in std::mem::take(&mut holder.moved) {
                holder.named.push(Named::Quest(ix));
            }
            holder.records.retain(|_, record| !record.is_nothing());
            self.mark(at, depends::QUESTS);
        }
        for at in std::mem::take(&mut self.again) {
            self.mark(at, depends::ALL);
        }
        if self.edge.is_some_and(|edge| edge <= tick) {
            self.global |= depends::TIME;
        }
        if self.dates.is_some_and(|dates| dates <= tick) {
            self.global |= depends::DATES;
        }
        self.drop_stale();
    }

    /// After a load nothing is known of what the tick before would have had tested.
    pub(super) fn test_all(&mut self) {
        self.global = depends::ALL;
    }

    /// The place of a known holder.
    #[inline]
    pub(super) fn at(&self, holder: Holder) -> Option<At> {
        self.by_holder.get(&holder).copied()
    }

    /// The place of a holder, which is known from now on.
    #[inline]
    pub(super) fn know(&mut self, holder: Holder) -> At {
        match self.at(holder) {
            Some(at) => at,
            None => {
                let at = self.add(holder);
                if self.out.keeps_base {
                    let key = PieceKey::Known(holder);
                    self.out.base.push(piece::change(self.name, holder.id, &key, Some(&())));
                }
                self.mark(at, depends::ALL);
                at
            }
        }
    }

    /// Adds a holder without saying so.
    pub(super) fn add(&mut self, holder: Holder) -> At {
        let at = match self.free.pop() {
            Some(at) => {
                self.holders[at as usize] = HolderState::new(holder);
                at
            }
            None => {
                let at = self.holders.len();
                self.holders.push(HolderState::new(holder));
                At::try_from(at).expect("a shard has fewer holders than there are ids")
            }
        };
        self.by_holder.insert(holder, at);
        at
    }

    pub(super) fn mark(&mut self, at: At, bits: u16) {
        let holder = &mut self.holders[at as usize];
        if holder.dirty == 0 {
            self.marked.push(at);
        }
        holder.dirty |= bits;
    }

    fn name_for_all(&mut self, named: Named) {
        if !self.named.contains(&named) {
            self.named.push(named);
        }
    }

    pub(super) fn tell_clock(&mut self, clock: ClockNow) {
        self.global |= depends::CLOCK | depends::TIME;
        self.context.clock = Some(clock);
        self.clock_told = true;
    }

    pub(super) fn tell_tags(&mut self, tags: EntityTags) {
        self.tags_told = true;
        // Who is near whom is asked as where a player is.
        self.global |= if self.plan.asks_near { depends::PLACE } else { 0 };
        self.plan.tell_entity(tags);
    }

    pub(super) fn tell_weather(&mut self, weather: ZoneWeather) {
        self.global |= depends::WEATHER;
        self.context.weather.insert(weather.zone, weather);
    }

    pub(super) fn tell_fact(&mut self, fact: FactNow) {
        if !self.plan.facts_named.contains(&fact.fact) {
            // No prerequisite and no failure condition asks.
        } else if fact.holder.scope != Scope::Player {
            self.global |= depends::FACTS;
            self.name_for_all(Named::Fact(fact.fact));
        } else if let Some(at) = self.at(fact.holder) {
            self.holders[at as usize].named.push(Named::Fact(fact.fact));
            self.mark(at, depends::FACTS);
        }
        self.context.facts.tell(fact);
    }

    pub(super) fn tell_level(&mut self, level: LevelNow) {
        self.context.levels.insert(level.player, level.level);
        if let Some(at) = self.at(Holder { scope: Scope::Player, id: level.player }) {
            self.mark(at, depends::LEVEL);
        }
    }

    pub(super) fn tell_stands(&mut self, stands: QuestNow) {
        let ix = self.plan.ix(stands.quest);
        if self.plan.quests_named.contains(&ix) {
            self.global |= depends::QUESTS;
            self.name_for_all(Named::Quest(ix));
        }
        self.context.tell_stands(ix, stands);
    }

    pub(super) fn tell_views(&mut self, told: Vec<ViewNow>) {
        for now in &told {
            match self.plan.views_named.whose(now) {
                Whose::Nobodys => {}
                Whose::Everyones => self.global |= depends::VIEWS,
                Whose::Players(id) => {
                    if let Some(at) = self.at(Holder { scope: Scope::Player, id }) {
                        self.mark(at, depends::VIEWS);
                    }
                }
            }
        }
        self.context.views.tell(told);
    }

    pub(super) fn tell_place(&mut self, player: Sym, place: PlayerPlace) -> At {
        let at = self.know(Holder { scope: Scope::Player, id: player });
        self.holders[at as usize].place = place;
        self.mark(at, depends::PLACE);
        at
    }

    /// The record of a quest, made if there is none.
    pub(super) fn record(&mut self, at: At, ix: Ix) -> &mut Record {
        self.holders[at as usize].records.entry(ix).or_insert_with(Record::new)
    }

    /// Says that a quest of a holder has changed, so that rows and base state follow.
    pub(super) fn touch(&mut self, at: At, ix: Ix) {
        let record = self.record(at, ix);
        if !record.touched {
            record.touched = true;
            self.touched.push((at, ix));
        }
    }

    /// Enters a state. What it was before this tick is what conditions of this tick see.
    pub(super) fn enter(&mut self, at: At, ix: Ix, state: QuestState) {
        let now = self.context.now;
        self.cancel(at, ix);
        let available = |state| matches!(state, QuestState::Available | QuestState::Offered);
        if (available(state) || state == QuestState::Active) && !available(self.record(at, ix).state) {
            self.becomes_available(at, ix);
        }
        let record = self.record(at, ix);
        if record.changed != now {
            record.before = record.stands();
            record.changed = now;
        }
        record.state = state;
        record.since = now;
        self.touch(at, ix);
        let holder = &mut self.holders[at as usize];
        if holder.moved.is_empty() {
            self.moved.push(at);
        }
        if !holder.moved.contains(&ix) {
            holder.moved.push(ix);
        }
    }

    /// Wakes a quest at a tick after this one.
    pub(super) fn wake(&mut self, at: At, ix: Ix, tick: Tick) {
        self.cancel(at, ix);
        self.record(at, ix).wake = Some(tick);
        self.timers.insert((tick, at, ix));
    }

    pub(super) fn cancel(&mut self, at: At, ix: Ix) {
        if let Some(tick) = self.record(at, ix).wake.take() {
            self.timers.remove(&(tick, at, ix));
        }
    }

    /// Refuses what was asked.
    pub(super) fn refuse(&mut self, asked: &Asked, code: &str, reason: String, hint: &str) {
        let (source, id) = (asked.order.source, asked.order.id.clone());
        self.refused(source, id, code, reason, hint);
    }

    pub(super) fn refused(&mut self, source: Sym, id: EventId, code: &str, reason: String, hint: &str) {
        self.out.out.push(Conclusion::Refused(Refused {
            source,
            id,
            code: Sym::new(code),
            reason,
            hint: hint.to_owned(),
            current: None,
        }));
    }

    /// Ends a tick: when conditions must be tested again without being told.
    pub(super) fn end(&mut self) {
        for at in std::mem::take(&mut self.marked) {
            let holder = &mut self.holders[at as usize];
            holder.dirty = 0;
            holder.named.clear();
        }
        self.named.clear();
        self.free.append(&mut self.freed);
        let tested = std::mem::take(&mut self.global);
        let edited = !std::mem::take(&mut self.edited).is_empty();
        if tested != 0 || edited {
            self.edge = self.context.next_edge(&self.plan);
        }
        if tested & depends::DATES != 0 || edited {
            self.plan_dates();
        }
    }

    /// The next tick with work that is not told.
    pub(super) fn alarm(&self) -> Option<Tick> {
        let next = !(self.soon.is_empty()
            && self.moved.is_empty()
            && self.stale.is_empty()
            && self.again.is_empty())
            || self.global != 0;
        let timer = self.timers.first().map(|(tick, ..)| *tick);
        let running = self.running.first().map(|(tick, ..)| *tick);
        let reset = self.resets.first().map(|(tick, _)| *tick);
        (next.then(|| self.context.now + 1).into_iter())
            .chain(timer)
            .chain(running)
            .chain(reset)
            .chain(self.edge)
            .chain(self.dates)
            .chain(self.ledger.alarm())
            .chain(self.trace.as_ref().and_then(|trace| trace.alarm(self.context.now)))
            .min()
    }
}
