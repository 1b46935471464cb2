//! The ledger of grants: what was earned, once, and how it was answered.
//!
//! `completions ─→ grants (pending) ─answers→ grants (delivered | refused) ─after a while→ past_grants`
//!
//! A grant never changes but for its status. Once it has been answered and is old, it is added up with others of its
//! kind and goes: instances of a holder's quest are counted on, so it is never written again.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{GrantAnswer, Holder, WriteOrder};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::core::Core;
use super::saved::PieceKey;
use crate::piece;

/// Every grant of a shard.
#[derive(Debug)]
pub(super) struct Ledger {
    /// By id.
    grants: FxHashMap<ArcStr, Grant>,
    /// Those that have been answered, by when they go.
    leaving: BTreeSet<(Tick, ArcStr)>,
    past: FxHashMap<PastKey, Past>,
    /// How long one stays that has been answered, from when it was earned.
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
}

/// How a grant was answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Status {
    Pending,
    Delivered,
    Refused(ArcStr),
}

impl Ledger {
    pub(super) fn new(world: &WorldDef) -> Ledger {
        Ledger {
            grants: FxHashMap::default(),
            leaving: BTreeSet::new(),
            past: FxHashMap::default(),
            keep: TickLength { tick_ms: world.tick_ms }.ticks(world.grants.keep.ms),
        }
    }

    /// When the next grant goes.
    pub(super) fn alarm(&self) -> Option<Tick> {
        self.leaving.first().map(|(tick, _)| *tick)
    }

    /// Notes when a grant goes that was answered in `now` or before.
    fn leaves(&mut self, id: &ArcStr, earned: Tick, now: Tick) {
        self.leaving.insert((earned.saturating_add(self.keep).max(now + 1), id.clone()));
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
            let Some(grant) = self.ledger.grants.remove(&id) else { continue };
            self.out.remove(catalog::GRANTS, self.grant_row(&id, &grant));
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
                self.out.base.push(piece::change::<_, ()>(self.name, holder.id, &PieceKey::Grant(id), None));
            }
            self.ledger.past.insert(key, now);
        }
    }

    /// Gives back a grant of an earlier run.
    pub(super) fn restore_grant(&mut self, id: ArcStr, grant: Grant) {
        self.out.insert(catalog::GRANTS, self.grant_row(&id, &grant));
        if grant.status != Status::Pending {
            self.ledger.leaves(&id, grant.tick, self.context.now);
        }
        self.ledger.grants.insert(id, grant);
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
            let WriteOrder { source, id, .. } = answer.order;
            match self.ledger.grants.get(&answer.grant).cloned() {
                None => self.refused(
                    source,
                    id,
                    "unknown_grant",
                    format!("there is no grant `{}`", answer.grant),
                    "answer with the id of a row of `grants`",
                ),
                Some(old) if old.status != Status::Pending => self.refused(
                    source,
                    id,
                    "already_answered",
                    format!("grant `{}` has been answered before", answer.grant),
                    "answer each grant once; only the first answer counts",
                ),
                Some(old) => {
                    let mut new = old.clone();
                    new.status =
                        if answer.delivered { Status::Delivered } else { Status::Refused(answer.reason) };
                    let (old_row, new_row) =
                        (self.grant_row(&answer.grant, &old), self.grant_row(&answer.grant, &new));
                    self.out.replace(catalog::GRANTS, Some(old_row), Some(new_row));
                    self.keep_grant(&answer.grant, &new);
                    self.ledger.leaves(&answer.grant, new.tick, self.context.now);
                    self.ledger.grants.insert(answer.grant, new);
                }
            }
        }
    }

    pub(super) fn grant_row(&self, id: &ArcStr, grant: &Grant) -> Row {
        let (status, reason) = match &grant.status {
            Status::Pending => (self.names.pending, Value::Null),
            Status::Delivered => (self.names.delivered, Value::Null),
            Status::Refused(reason) => (self.names.refused, Value::Text(reason.clone())),
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
