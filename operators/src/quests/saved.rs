//! Base state of quests as pieces: what is kept of each holder, quest, share, set and grant.
//!
//! Ids are kept as text and objectives by the hash of their pattern, so that a piece means the same
//! in every process. Rows are not kept: they follow.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{ArcStr, Sym, Tick};

use super::branches::{Mark, Said};
use super::core::{At, Core};
use super::holder::{Counter, Extra, Instance, Record, ShareKey};
use super::ledger::{Grant, Past, PastKey};
use super::lifecycle::ripen;
use super::messages::Conclusion;
use super::plan::{Ix, LifetimePlan};
use super::quest_plan::StagePlan;
use super::running::Kept;
use super::sharing::Spread;
use crate::messages::{FactEffect, QuestNow};
use crate::piece;

/// Which piece.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum PieceKey {
    /// The holder is known: `()`.
    Known(Holder),
    /// Where a holder stands with a quest: [`SavedQuest`].
    Quest(Holder, Sym),
    /// A credit of the open instance, by stage, objective and player: `i64`.
    Share(Holder, Sym, ShareKey),
    /// A value that a distinct objective of the open stage, by its place there, has seen: `()`.
    Seen(Holder, Sym, u16, u128),
    /// A lifetime counter, by its name and what it counts: `u64`.
    Lifetime(Holder, Sym, u64),
    /// A lifetime counter at a quest's last reset, by the quest and as above: `u64`.
    Baseline(Holder, Sym, Sym, u64),
    /// A grant: [`Grant`].
    Grant(ArcStr),
    /// The highest instance of any quest of a group that has been closed: `u32`.
    Closed(Holder),
    /// Changes of facts that events of the last tick have caused: `(Tick, Vec<FactEffect>)`.
    Updates(Holder),
    /// Grants that are over: [`Past`].
    Past(PastKey),
    /// What the present or last instance of a quest has settled: [`Said`].
    Mark(Holder, Sym, Mark),
    /// What events of a party in the last tick count for others: `(Tick, Vec<Spread>)`.
    Spread(Holder),
    /// What is kept of an objective of the open stage, by its place there: [`Kept`].
    Running(Holder, Sym, u16),
    /// What a credit was when its stage opened again, where that matters: `i64`.
    Before(Holder, Sym, ShareKey),
    /// When a grant was last answered or revoked: `Tick`.
    Changed(ArcStr),
}

/// A record and its open instance.
#[derive(Debug, Serialize, Deserialize)]
struct SavedQuest {
    state: QuestState,
    instance: u32,
    completions: u32,
    since: Tick,
    wake: Option<Tick>,
    open: Option<SavedInstance>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedInstance {
    stage: u64,
    stage_done: bool,
    stage_opened: Tick,
    counters: SmallVec<[SavedCounter; 3]>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SavedCounter {
    count: u32,
    done: bool,
    hidden: bool,
}

/// Holders of what was on its way to the next tick.
#[derive(Debug, Default)]
pub(super) struct OnTheirWay {
    /// Changes of facts.
    pub(super) updated: Vec<Holder>,
    /// What counts for others.
    pub(super) spread: Vec<Holder>,
}

impl Core {
    /// Says what has changed of a holder's quest.
    pub(super) fn keep(&mut self, at: At, ix: Ix) {
        if !self.out.keeps_base {
            return self.keep_nothing(at, ix);
        }
        let quest = self.plan.name(ix);
        let plan = self.plan.get(ix).cloned();
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let open = holder.instance(ix).zip(plan.as_ref()).map(|(open, plan)| SavedInstance {
            stage: plan.stages[usize::from(open.stage)].key,
            stage_done: open.stage_done,
            stage_opened: open.stage_opened,
            counters: (open.counters.iter())
                .map(|&Counter { count, done, hidden, .. }| SavedCounter { count, done, hidden })
                .collect(),
        });
        let Some(record) = holder.records.get_mut(&ix) else { return };
        record.touched = false;
        let key = record.key.get_or_insert_with(|| {
            piece::change(self.name, id.id, &PieceKey::Quest(id, quest), Some(&())).key
        });
        let key = key.clone();
        let value = (!record.is_nothing()).then(|| SavedQuest {
            state: record.state,
            instance: record.instance,
            completions: record.completions,
            since: record.since,
            wake: record.wake,
            open,
        });
        let value = value.map(|value| {
            postcard::to_stdvec(&value).expect("plain data in memory can always be written").into()
        });
        let change = BaseChange { operator: self.name, route: id.id, key, value };
        self.out.base.push(change);
        self.keep_extra(at, ix);
    }

    /// Says what hits have changed of an open instance; its record has not.
    pub(super) fn keep_progress(&mut self, at: At, ix: Ix) {
        if self.out.keeps_base {
            return self.keep(at, ix);
        }
        self.forget_new(at, ix);
    }

    /// What has changed is known to nobody else.
    fn keep_nothing(&mut self, at: At, ix: Ix) {
        if let Some(record) = self.holders[at as usize].records.get_mut(&ix) {
            record.touched = false;
        }
        self.forget_new(at, ix);
    }

    fn forget_new(&mut self, at: At, ix: Ix) {
        let open = self.holders[at as usize].instance_mut(ix);
        if let Some(extra) = open.and_then(|open| open.extra.as_mut()) {
            extra.new_shares.clear();
            extra.new_seen.clear();
        }
    }

    fn keep_extra(&mut self, at: At, ix: Ix) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(open) = holder.instance_mut(ix) else { return };
        let Some(extra) = &mut open.extra else { return };
        extra.new_shares.sort_unstable();
        extra.new_shares.dedup();
        for key in extra.new_shares.drain(..) {
            let amount = extra.shares.get(&key).map(|share| share.amount);
            let key = PieceKey::Share(id, quest, key);
            self.out.base.push(piece::change(self.name, id.id, &key, amount.as_ref()));
        }
        for (number, item) in extra.new_seen.drain(..) {
            let key = PieceKey::Seen(id, quest, number, item);
            self.out.base.push(piece::change(self.name, id.id, &key, Some(&())));
        }
    }

    /// Forgets the distinct values of the open stage.
    pub(super) fn drop_seen(&mut self, at: At, ix: Ix) {
        self.move_seen(at, ix, &[]);
    }

    /// Forgets the distinct values of one objective of the open stage.
    pub(super) fn drop_seen_of(&mut self, at: At, ix: Ix, objective: usize) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        let of = |(number, _): &(u16, u128)| usize::from(*number) == objective;
        extra.new_seen.retain(|seen| !of(seen));
        for (number, item) in extra.seen.extract_if(of) {
            let key = PieceKey::Seen(id, quest, number, item);
            self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
        }
    }

    /// Carries distinct values over to new places of their objectives; the others are forgotten.
    pub(super) fn move_seen(&mut self, at: At, ix: Ix, kept: &[Option<usize>]) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        extra.new_seen.clear();
        for (number, item) in std::mem::take(&mut extra.seen) {
            let key = PieceKey::Seen(id, quest, number, item);
            self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
            let place = kept.iter().position(|was| *was == Some(usize::from(number)));
            if let Some(place) = place.and_then(|place| u16::try_from(place).ok()) {
                extra.seen.insert((place, item));
                extra.new_seen.push((place, item));
            }
        }
    }

    /// Forgets credits that `gone` names.
    pub(super) fn drop_shares(&mut self, at: At, ix: Ix, gone: impl Fn(&ShareKey) -> bool) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        let keys: Vec<ShareKey> = extra.shares.keys().filter(|key| gone(key)).copied().collect();
        for key in keys {
            let before = extra.shares.remove(&key).map_or(0, |share| share.before);
            if before > 0 {
                let key = PieceKey::Before(id, quest, key);
                self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
            }
            let key = PieceKey::Share(id, quest, key);
            self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
        }
    }

    /// A stage opens, maybe again: where players are counted, what they have done before counts no more.
    pub(super) fn begin_shares(&mut self, at: At, ix: Ix, stage: &StagePlan) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        for objective in stage.objectives.iter().filter(|objective| objective.each.is_some()) {
            let of = |key: &ShareKey| key.0 == stage.name && key.1 == objective.name;
            for (key, share) in extra.shares.iter_mut().filter(|(key, _)| of(key)) {
                share.before = share.amount;
                let key = PieceKey::Before(id, quest, *key);
                self.out.base.push(piece::change(self.name, id.id, &key, Some(&share.before)));
            }
        }
    }

    /// Forgets what lifetime counters were at a quest's last reset.
    pub(super) fn drop_baselines(&mut self, at: At, ix: Ix) {
        let baselines = self.holders[at as usize].baselines.keys();
        let gone: Vec<u16> = baselines.filter(|(of, _)| *of == ix).map(|(_, lifetime)| *lifetime).collect();
        self.drop_some_baselines(at, ix, &gone);
    }

    /// Forgets from where these lifetime counters are read.
    pub(super) fn drop_some_baselines(&mut self, at: At, ix: Ix, lifetimes: &[u16]) {
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        for lifetime in lifetimes.iter().copied() {
            if holder.baselines.remove(&(ix, lifetime)).is_none() {
                continue;
            }
            let counter = &self.plan.lifetimes[usize::from(lifetime)];
            let key = PieceKey::Baseline(id, quest, counter.name, counter.identity);
            self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
        }
    }

    /// Builds the state from its pieces, and emits what it implies at the end of `tick`. Returns
    /// whose pieces of updates, or of what is shared, the next tick must remove.
    pub(super) fn restore(&mut self, tick: Tick, pieces: Vec<BaseRow>) -> OnTheirWay {
        let mut way = OnTheirWay::default();
        self.context.now = tick;
        self.begin(tick);
        self.out.base.clear();
        let mut extras: Vec<(PieceKey, BaseRow)> = Vec::new();
        for row in pieces {
            let key = read_key(&row);
            match key {
                PieceKey::Known(holder) => drop(self.restored(holder)),
                PieceKey::Quest(holder, quest) => {
                    let at = self.restored(holder);
                    let (_, saved): (PieceKey, SavedQuest) = piece::read(&row);
                    let ix = self.plan.ix(quest);
                    self.restore_quest(at, ix, saved);
                }
                PieceKey::Lifetime(holder, lifetime, identity) => {
                    let at = self.restored(holder);
                    let (_, count): (PieceKey, u64) = piece::read(&row);
                    match self.lifetime_of(lifetime, identity) {
                        Some(place) => drop(self.holders[at as usize].lifetimes.insert(place, count)),
                        None => self.stale.push(key),
                    }
                }
                PieceKey::Baseline(holder, quest, lifetime, identity) => {
                    let at = self.restored(holder);
                    let (_, count): (PieceKey, u64) = piece::read(&row);
                    let ix = self.plan.ix(quest);
                    match self.lifetime_of(lifetime, identity) {
                        Some(place) => drop(self.holders[at as usize].baselines.insert((ix, place), count)),
                        None => self.stale.push(key),
                    }
                }
                PieceKey::Grant(id) => {
                    let (_, grant): (PieceKey, Grant) = piece::read(&row);
                    self.restore_grant(id, grant);
                }
                PieceKey::Past(key) => {
                    let (_, past): (PieceKey, Past) = piece::read(&row);
                    self.restore_past(key, past);
                }
                PieceKey::Closed(holder) => {
                    let (_, highest): (PieceKey, u32) = piece::read(&row);
                    self.instances.insert(holder, highest);
                }
                PieceKey::Updates(holder) => {
                    way.updated.push(holder);
                    let (_, (_, effects)): (PieceKey, (Tick, Vec<FactEffect>)) = piece::read(&row);
                    self.out.out.extend(effects.into_iter().map(Conclusion::Effect));
                }
                PieceKey::Spread(party) => {
                    way.spread.push(party);
                    let (_, (_, spread)): (PieceKey, (Tick, Vec<Spread>)) = piece::read(&row);
                    self.out.out.extend(spread.into_iter().map(Conclusion::Spread));
                }
                PieceKey::Share(..)
                | PieceKey::Seen(..)
                | PieceKey::Mark(..)
                | PieceKey::Running(..)
                | PieceKey::Before(..)
                | PieceKey::Changed(..) => extras.push((key, row)),
            }
        }
        for (key, row) in extras {
            self.restore_extra(key, &row);
        }
        self.imply(tick);
        way
    }

    fn lifetime_of(&self, name: Sym, identity: u64) -> Option<u16> {
        let same = |counter: &LifetimePlan| counter.name == name && counter.identity == identity;
        u16::try_from(self.plan.lifetimes.iter().position(same)?).ok()
    }

    /// After the load of a world that was edited: forgets counters that it no longer has, and has who
    /// read them look at what there is instead.
    pub(super) fn drop_stale(&mut self) {
        for key in std::mem::take(&mut self.stale) {
            let (PieceKey::Lifetime(holder, ..) | PieceKey::Baseline(holder, ..)) = key else { continue };
            self.out.base.push(piece::change::<_, ()>(self.name, holder.id, &key, None));
            let Some(at) = self.at(holder) else { continue };
            for ix in self.holders[at as usize].open_ix.clone() {
                self.count_on(at, ix);
            }
        }
    }

    /// The place of a holder that was known before.
    fn restored(&mut self, holder: Holder) -> At {
        self.at(holder).unwrap_or_else(|| self.add(holder))
    }

    fn restore_quest(&mut self, at: At, ix: Ix, saved: SavedQuest) {
        let SavedQuest { state, instance, completions, since, wake, open } = saved;
        let record = Record { state, instance, completions, since, wake, ..Record::new() };
        if let Some(tick) = wake {
            self.timers.insert((tick, at, ix));
        }
        let stage = open.as_ref().zip(self.plan.get(ix)).and_then(|(open, quest)| quest.stage_of(open.stage));
        let holder = &mut self.holders[at as usize];
        holder.records.insert(ix, record);
        if let (Some(open), Some(stage)) = (open, stage) {
            let SavedInstance { stage_done, stage_opened, counters, .. } = open;
            let counters = (counters.iter())
                .map(|&SavedCounter { count, done, hidden }| Counter {
                    count,
                    done,
                    hidden,
                    ..Counter::default()
                })
                .collect();
            let active = state == QuestState::Active;
            let instance =
                Instance { stage, active, stage_done, stage_opened, counters, ..Instance::new(instance) };
            holder.open_ix.push(ix);
            holder.open.push(instance);
        }
    }

    fn restore_extra(&mut self, key: PieceKey, row: &BaseRow) {
        let (holder, quest) = match key {
            PieceKey::Mark(holder, quest, mark) => {
                let (_, said): (PieceKey, Said) = piece::read(row);
                let at = self.restored(holder);
                let ix = self.plan.ix(quest);
                return self.restore_mark(at, ix, mark, said);
            }
            PieceKey::Changed(id) => {
                let (_, tick): (PieceKey, Tick) = piece::read(row);
                return self.restore_changed(&id, tick);
            }
            PieceKey::Share(holder, quest, _)
            | PieceKey::Before(holder, quest, _)
            | PieceKey::Seen(holder, quest, ..)
            | PieceKey::Running(holder, quest, _) => (holder, quest),
            _ => return,
        };
        let ix = self.plan.ix(quest);
        let Some(at) = self.at(holder) else { return };
        let Some(open) = self.holders[at as usize].instance_mut(ix) else { return };
        match key {
            PieceKey::Running(_, _, place) => {
                let (_, kept): (PieceKey, Kept) = piece::read(row);
                if let Some(counter) = open.counters.get_mut(usize::from(place)) {
                    counter.kept = Some(Box::new(kept.restored()));
                }
            }
            PieceKey::Share(_, _, key) => {
                let (_, amount): (PieceKey, i64) = piece::read(row);
                let extra: &mut Extra = open.extra.get_or_insert_with(Box::default);
                extra.shares.entry(key).or_default().amount = amount;
                extra.new_shares.push(key);
            }
            PieceKey::Before(_, _, key) => {
                let (_, before): (PieceKey, i64) = piece::read(row);
                open.extra.get_or_insert_with(Box::default).shares.entry(key).or_default().before = before;
            }
            PieceKey::Seen(_, _, number, item) => {
                open.extra.get_or_insert_with(Box::default).seen.insert((number, item));
            }
            _ => {}
        }
    }

    /// Rows, conclusions of `tick` for the next one, and the work of the next one.
    fn imply(&mut self, tick: Tick) {
        for at in 0..At::try_from(self.holders.len()).expect("holders are counted in this type") {
            let quests: Vec<Ix> = self.holders[at as usize].records.keys().copied().collect();
            for ix in quests {
                self.show(at, ix);
                self.remember_progress(at, ix);
                self.keep_time(at, ix);
                self.imply_next(at, ix);
                let holder = &self.holders[at as usize];
                let record = &holder.records[&ix];
                if record.state == QuestState::Done && record.since == tick {
                    self.give_effects(at, ix);
                }
                let holder = &self.holders[at as usize];
                let told = holder.holder.scope != Scope::Player || self.plan.followed.contains(&ix);
                let stands = holder.records[&ix].stands().filter(|_| told);
                let Some((state, completions)) = stands else { continue };
                let stands =
                    QuestNow { holder: holder.holder, quest: self.plan.name(ix), state, completions };
                self.out.out.push(Conclusion::Stands(stands));
            }
        }
        // What was due in this tick has been done in it.
        self.resets.clear();
        for ix in self.plan.all() {
            if let Some(quest) = self.plan.get(ix).cloned() {
                self.plan_reset(ix, &quest, tick);
            }
        }
        self.out.base.clear();
        self.test_all();
    }

    /// What the next tick opens and reveals.
    fn imply_next(&mut self, at: At, ix: Ix) {
        let plan = self.plan.get(ix).cloned();
        let open = self.holders[at as usize].instance_mut(ix);
        let (Some(quest), Some(open)) = (plan, open) else { return };
        if let Some(extra) = &mut open.extra {
            extra.new_shares.clear();
        }
        let stage = &quest.stages[usize::from(open.stage)];
        if open.stage_done || (open.active && ripen(stage, open)) {
            self.soon.push((at, ix));
        }
    }
}

fn read_key(row: &BaseRow) -> PieceKey {
    piece::key(row)
}
