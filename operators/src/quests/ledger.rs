//! The ledger of grants: what was earned, once, and how it was answered.
//!
//! `completions ─→ grants (pending) ─answers→ grants (delivered | refused) ─after a while→ past_grants`
//!
//! A grant never changes but for its status. Once it has been answered, and has then stood for long enough that everyone
//! who follows it has seen how, it is added up with others of its kind and goes: instances of a holder's quest are counted
//! on, so it is never written again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::{OnRevoke, WorldDef};
use worldflow_schemas::input::{Answers, GrantAnswer, Holder, WriteOrder};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::core::Core;
use super::messages::grant_id;
use super::quest_plan::QuestPlan;
use super::saved::PieceKey;
use crate::piece;

/// Every grant of a shard.
#[derive(Debug)]
pub(super) struct Ledger {
    /// By id.
    grants: BTreeMap<ArcStr, Grant>,
    /// Those that have been answered, by when they go.
    leaving: BTreeSet<(Tick, ArcStr)>,
    past: FxHashMap<PastKey, Past>,
    /// How long one stays that has been answered, from then on.
    keep: Tick,
}

/// Grants that are added up together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct PastKey {
    quest: Sym,
    pub(super) holder: Holder,
    player: Sym,
    item: Sym,
}

/// What has been granted.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Past {
    grants: u64,
    amount: u64,
    /// The highest instance among them.
    instance: u32,
}

/// A grant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) quest: Sym,
    pub(super) holder: Holder,
    pub(super) instance: u32,
    pub(super) slot: Sym,
    pub(super) player: Sym,
    pub(super) item: Sym,
    pub(super) amount: u32,
    pub(super) status: Status,
    pub(super) tick: Tick,
    /// The tick of its last answer or revocation: a piece of its own.
    #[serde(skip)]
    pub(super) changed: Option<Tick>,
}

/// How a grant was answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Status {
    Pending,
    Delivered,
    Refused(ArcStr),
    /// It is taken back before it has been delivered.
    Revoked,
    /// It had been delivered when its completion was taken back.
    Flagged,
    /// It has been delivered and is to be taken back.
    Clawback,
    /// It has been taken back.
    Taken,
    /// It could not be taken back.
    Left(ArcStr),
}

impl Status {
    /// Whether an answer is waited for.
    fn is_open(&self) -> bool {
        matches!(self, Status::Pending | Status::Clawback)
    }

    /// Whether this is what is waited for.
    fn waits_for(&self, answers: Option<Answers>) -> bool {
        match answers {
            None => self.is_open(),
            Some(Answers::Delivery) => *self == Status::Pending,
            Some(Answers::Clawback) => *self == Status::Clawback,
        }
    }

    /// Whether nothing has been given in the end.
    fn is_void(&self) -> bool {
        matches!(self, Status::Revoked | Status::Taken)
    }

    /// What it becomes by an answer.
    fn answered(&self, delivered: bool, reason: ArcStr) -> Status {
        match (self, delivered) {
            (Status::Clawback, true) => Status::Taken,
            (Status::Clawback, false) => Status::Left(reason),
            (_, true) => Status::Delivered,
            (_, false) => Status::Refused(reason),
        }
    }

    /// What it becomes when its completion is taken back.
    fn revoked(&self, policy: OnRevoke) -> Option<Status> {
        match (self, policy) {
            (_, OnRevoke::Keep) => None,
            (Status::Pending, _) => Some(Status::Revoked),
            (Status::Delivered, OnRevoke::Flag) => Some(Status::Flagged),
            (Status::Delivered, OnRevoke::Clawback) => Some(Status::Clawback),
            _ => None,
        }
    }
}

impl Ledger {
    pub(super) fn new(world: &WorldDef) -> Ledger {
        Ledger {
            grants: BTreeMap::new(),
            leaving: BTreeSet::new(),
            past: FxHashMap::default(),
            keep: TickLength { tick_ms: world.tick_ms }.ticks(world.grants.keep.ms),
        }
    }

    /// When the next grant goes.
    pub(super) fn alarm(&self) -> Option<Tick> {
        self.leaving.first().map(|(tick, _)| *tick)
    }

    /// When a grant's time is over. Of one that an earlier version answered it is only known when it was earned.
    fn due(&self, grant: &Grant) -> Tick {
        grant.changed.unwrap_or(grant.tick).saturating_add(self.keep)
    }

    /// Notes when a grant goes that was answered in `now` or before.
    fn leaves(&mut self, id: &ArcStr, grant: &Grant, now: Tick) {
        self.leaving.insert((self.due(grant).max(now + 1), id.clone()));
    }

    /// Whether a grant goes now: it may have been changed since that was noted.
    fn is_over(&self, grant: &Grant, now: Tick) -> bool {
        !grant.status.is_open() && self.due(grant) <= now
    }
}

impl Core {
    /// Writes a grant, unless it is there.
    pub(super) fn grant(&mut self, id: ArcStr, grant: Grant) {
        if self.ledger.grants.contains_key(&id) {
            return;
        }
        self.out.insert(catalog::GRANTS, self.grant_row(&id, &grant));
        self.keep_grant(&id, &grant);
        self.ledger.grants.insert(id, grant);
    }

    fn keep_grant(&mut self, id: &ArcStr, grant: &Grant) {
        if self.out.keeps_base {
            self.out.base.push(piece::change(
                self.name,
                grant.holder.id,
                &PieceKey::Grant(id.clone()),
                Some(grant),
            ));
        }
    }

    /// Adds up the grants whose time is over, and lets them go.
    pub(super) fn let_go(&mut self) {
        while let Some(due) = self.ledger.leaving.first()
            && due.0 <= self.context.now
        {
            let Some((_, id)) = self.ledger.leaving.pop_first() else { return };
            let is_over = |grant: &Grant| self.ledger.is_over(grant, self.context.now);
            let goes = self.ledger.grants.get(&id).is_some_and(is_over);
            let Some(grant) = goes.then(|| self.ledger.grants.remove(&id)).flatten() else { continue };
            self.out.remove(catalog::GRANTS, self.grant_row(&id, &grant));
            if grant.status.is_void() {
                self.drop_grant(id, &grant);
                continue;
            }
            let Grant { quest, holder, player, item, .. } = grant;
            let key = PastKey { quest, holder, player, item };
            let before = self.ledger.past.get(&key).copied();
            let Past { grants, amount, instance } =
                before.unwrap_or(Past { grants: 0, amount: 0, instance: 0 });
            let now = Past {
                grants: grants + 1,
                amount: amount.saturating_add(grant.amount.into()),
                instance: instance.max(grant.instance),
            };
            let row = |past: Past| self.past_row(key, past);
            let (old, new) = (before.map(row), Some(row(now)));
            self.out.replace(catalog::PAST_GRANTS, old, new);
            if self.out.keeps_base {
                self.out.base.push(piece::change(self.name, holder.id, &PieceKey::Past(key), Some(&now)));
            }
            self.drop_grant(id, &grant);
            self.ledger.past.insert(key, now);
        }
    }

    fn drop_grant(&mut self, id: ArcStr, grant: &Grant) {
        if self.out.keeps_base {
            let changed = grant.changed.map(|_| PieceKey::Changed(id.clone()));
            for key in std::iter::once(PieceKey::Grant(id)).chain(changed) {
                self.out.base.push(piece::change::<_, ()>(self.name, grant.holder.id, &key, None));
            }
        }
    }

    /// Takes back the grants of an instance, as the quest says; experience is kept.
    pub(super) fn revoke_grants(&mut self, quest: &QuestPlan, holder: Holder, instance: u32) {
        let first = grant_id(quest.quest, holder, instance, Sym::NONE, Sym::NONE);
        // Ids of an instance begin alike: with all of the first but the empty slot and player.
        let prefix = first[..first.len() - 1].to_owned();
        let experience = Sym::new("experience");
        let of_instance =
            self.ledger.grants.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        let of_instance = of_instance.take_while(|(id, _)| id.starts_with(&prefix));
        let changed: Vec<(ArcStr, Grant, Status)> = of_instance
            .filter(|(_, grant)| grant.item != experience)
            .filter_map(|(id, grant)| {
                let status = grant.status.revoked(quest.on_revoke)?;
                Some((id.clone(), grant.clone(), status))
            })
            .collect();
        for (id, old, status) in changed {
            self.change_grant(id, &old, status);
        }
    }

    /// Gives a grant another status.
    fn change_grant(&mut self, id: ArcStr, old: &Grant, status: Status) {
        let now = self.context.now;
        let new = Grant { status, changed: Some(now), ..old.clone() };
        let (old_row, new_row) = (self.grant_row(&id, old), self.grant_row(&id, &new));
        self.out.replace(catalog::GRANTS, Some(old_row), Some(new_row));
        self.keep_grant(&id, &new);
        if self.out.keeps_base {
            let key = PieceKey::Changed(id.clone());
            self.out.base.push(piece::change(self.name, new.holder.id, &key, Some(&now)));
        }
        if !new.status.is_open() {
            self.ledger.leaves(&id, &new, now);
        }
        self.ledger.grants.insert(id, new);
    }

    /// Gives back a grant of an earlier run.
    pub(super) fn restore_grant(&mut self, id: ArcStr, grant: Grant) {
        self.out.insert(catalog::GRANTS, self.grant_row(&id, &grant));
        if !grant.status.is_open() {
            self.ledger.leaves(&id, &grant, self.context.now);
        }
        self.ledger.grants.insert(id, grant);
    }

    /// Gives back when a grant, which has been given back, was last changed.
    pub(super) fn restore_changed(&mut self, id: &ArcStr, tick: Tick) {
        let Some(grant) = self.ledger.grants.get_mut(id) else { return };
        grant.changed = Some(tick);
        let grant = grant.clone();
        if !grant.status.is_open() {
            self.ledger.leaves(id, &grant, self.context.now);
        }
    }

    /// Gives back what an earlier run has added up.
    pub(super) fn restore_past(&mut self, key: PastKey, past: Past) {
        self.out.insert(catalog::PAST_GRANTS, self.past_row(key, past));
        self.ledger.past.insert(key, past);
    }

    fn past_row(&self, key: PastKey, past: Past) -> Row {
        Row::from([
            self.names.realm.into(),
            Value::id(key.quest),
            self.names.scope(key.holder.scope),
            Value::id(key.holder.id),
            Value::id(key.player),
            Value::id(key.item),
            Value::count(past.grants),
            Value::count(past.amount),
            Value::Int(past.instance.into()),
        ])
    }

    /// Takes answers; of several to one grant a delivery comes first, then the least reason.
    pub(super) fn answer(&mut self, mut answers: Vec<GrantAnswer>) {
        answers.sort_by(|a, b| {
            (a.grant.cmp(&b.grant))
                .then_with(|| b.delivered.cmp(&a.delivered))
                .then_with(|| a.reason.cmp(&b.reason))
        });
        for answer in answers {
            let answers = answer.answers();
            let WriteOrder { source, id, .. } = answer.order;
            match self.ledger.grants.get(&answer.grant).cloned() {
                None => self.refused(
                    source,
                    id,
                    "unknown_grant",
                    format!("there is no grant `{}`", answer.grant),
                    "answer with the id of a row of `grants`",
                ),
                Some(old) if !old.status.waits_for(answers) => {
                    let (code, what, hint) = match answers {
                        Some(Answers::Clawback) => (
                            "no_clawback",
                            "is not to be taken back",
                            "answer with `clawback` while the status is `clawback`, once; only the first answer counts",
                        ),
                        _ => (
                            "already_answered",
                            "has been answered before",
                            "answer each grant once; only the first answer counts; one that is to be taken back is answered with `clawback`",
                        ),
                    };
                    self.refused(source, id, code, format!("grant `{}` {what}", answer.grant), hint);
                }
                Some(old) => {
                    let status = old.status.answered(answer.delivered, answer.reason);
                    self.change_grant(answer.grant, &old, status);
                }
            }
        }
    }

    pub(super) fn grant_row(&self, id: &ArcStr, grant: &Grant) -> Row {
        let (status, reason) = match &grant.status {
            Status::Pending => (self.names.pending, Value::Null),
            Status::Delivered => (self.names.delivered, Value::Null),
            Status::Refused(reason) => (self.names.refused, Value::Text(reason.clone())),
            Status::Revoked => (self.names.revoked, Value::Null),
            Status::Flagged => (self.names.flagged, Value::Null),
            Status::Clawback => (self.names.clawback, Value::Null),
            Status::Taken => (self.names.taken, Value::Null),
            Status::Left(reason) => (self.names.delivered, Value::Text(reason.clone())),
        };
        Row::from([
            self.names.realm.into(),
            Value::Text(id.clone()),
            Value::id(grant.quest),
            self.names.scope(grant.holder.scope),
            Value::id(grant.holder.id),
            Value::Int(grant.instance.into()),
            Value::id(grant.slot),
            Value::id(grant.player),
            Value::id(grant.item),
            Value::Int(grant.amount.into()),
            Value::id(status),
            reason,
            Value::count(grant.tick),
        ])
    }
}
