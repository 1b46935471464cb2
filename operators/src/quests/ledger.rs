//! The ledger of grants: what was earned, once, and how it was answered.
//!
//! `completions ─→ grants (pending) ─answers→ grants (delivered | refused)`
//!
//! A grant is never removed, and never changes but for its status.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog;
use worldflow_schemas::input::{GrantAnswer, Holder, WriteOrder};
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::core::Core;
use super::saved::PieceKey;
use crate::piece;

/// Every grant of a shard, by id.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) grants: FxHashMap<ArcStr, Grant>,
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

impl Core {
    /// Writes a grant, unless it is there already.
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
