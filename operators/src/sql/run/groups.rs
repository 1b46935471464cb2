//! Groups: aggregates, first rows and sets, each changed by a row in logarithmic time.

use std::collections::BTreeMap;
use std::rc::Rc;

use worldflow_schemas::{Diff, Value};

use super::order::{Ordered, ordered, row_ordered};
use crate::sql::expr::nearest;
use crate::sql::kind::Kind;
use crate::sql::packed::Packed;
use crate::sql::plan::{Aggregate, Call, SetOp, Top};

/// Groups of which each shows one row: what they have in common, and aggregates.
pub(super) struct Reduce {
    pub(super) by: Vec<Kind>,
    pub(super) aggregates: Vec<Aggregate>,
}

/// Groups that show their first rows.
pub(super) struct TopRows {
    pub(super) top: Top,
    /// The kinds of the rows.
    pub(super) kinds: Vec<Kind>,
}

/// Groups of equal rows of two sides.
#[derive(Clone, Copy)]
pub(super) struct Set(pub(super) SetOp);

/// What is kept of a group.
pub(super) enum Group {
    Reduce { rule: Rc<Reduce>, rows: Diff, begun: Diff, kept: Vec<Kept> },
    Top { rule: Rc<TopRows>, rows: BTreeMap<Ordered, (Packed, Diff)> },
    Set { rule: Set, left: Diff, right: Diff },
}

/// What is kept for an aggregate.
#[derive(Default)]
pub(super) struct Kept {
    /// How many values count.
    count: i64,
    /// Their sum: of millionths where they are fractions.
    sum: i128,
    /// The values and how often each is there, where that matters.
    values: BTreeMap<Ordered, (Value, Diff)>,
}

impl Group {
    pub(super) fn reduce(rule: &Rc<Reduce>) -> Group {
        let kept = rule.aggregates.iter().map(|_| Kept::default()).collect();
        Group::Reduce { rule: Rc::clone(rule), rows: 0, begun: 0, kept }
    }

    pub(super) fn top(rule: &Rc<TopRows>) -> Group {
        Group::Top { rule: Rc::clone(rule), rows: BTreeMap::new() }
    }

    pub(super) fn set(rule: Set) -> Group {
        Group::Set { rule, left: 0, right: 0 }
    }

    /// A row of a side comes or goes.
    pub(super) fn change(&mut self, side: u8, row: &Packed, diff: Diff) {
        match self {
            Group::Reduce { begun, .. } if side == 1 => *begun += diff,
            Group::Reduce { rule, rows, kept, .. } => {
                *rows += diff;
                for (aggregate, kept) in rule.aggregates.iter().zip(kept) {
                    if aggregate.filter.as_ref().is_none_or(|filter| filter.holds(row)) {
                        kept.change(aggregate, row, diff);
                    }
                }
            }
            Group::Top { rule, rows } => {
                let place = row_ordered(&rule.top.order, &rule.kinds, row);
                let entry = rows.entry(place).or_insert_with(|| (row.clone(), 0));
                entry.1 += diff;
                if entry.1 == 0 {
                    rows.remove(&row_ordered(&rule.top.order, &rule.kinds, row));
                }
            }
            Group::Set { left, right, .. } => *if side == 0 { left } else { right } += diff,
        }
    }

    /// How many rows or values it keeps, at least one.
    pub(super) fn kept(&self) -> usize {
        match self {
            Group::Reduce { kept, .. } => 1 + kept.iter().map(|kept| kept.values.len()).sum::<usize>(),
            Group::Top { rows, .. } => rows.len().max(1),
            Group::Set { .. } => 1,
        }
    }

    /// Whether it is as if it had never been.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Group::Reduce { rows, begun, kept, .. } => {
                *rows == 0 && *begun == 0 && kept.iter().all(|kept| kept.count == 0 && kept.values.is_empty())
            }
            Group::Top { rows, .. } => rows.is_empty(),
            Group::Set { left, right, .. } => *left == 0 && *right == 0,
        }
    }

    /// Adds the rows that it shows.
    pub(super) fn shows(&self, key: &Packed, out: &mut Vec<(Packed, Diff)>) {
        match self {
            Group::Reduce { rule, rows, begun, kept } => {
                if *rows > 0 || *begun > 0 {
                    let own = rule.by.iter().enumerate().map(|(place, kind)| (key.get(place, *kind), *kind));
                    let all = rule.aggregates.iter().zip(kept);
                    let all = all.map(|(aggregate, kept)| (kept.value(aggregate), aggregate.result()));
                    let values: Vec<(Value, Kind)> = own.chain(all).collect();
                    out.push((Packed::new(values.into_iter()), 1));
                }
            }
            Group::Top { rule, rows } => first(rule, rows, out),
            Group::Set { rule, left, right } => {
                let (left, right) = ((*left).max(0), (*right).max(0));
                let times = match rule.0 {
                    SetOp::Union => Diff::from(left + right > 0),
                    SetOp::Except => Diff::from(left > 0 && right == 0),
                    SetOp::ExceptAll => (left - right).max(0),
                    SetOp::Intersect => Diff::from(left > 0 && right > 0),
                    SetOp::IntersectAll => left.min(right),
                };
                if times > 0 {
                    out.push((key.clone(), times));
                }
            }
        }
    }
}

fn first(rule: &TopRows, rows: &BTreeMap<Ordered, (Packed, Diff)>, out: &mut Vec<(Packed, Diff)>) {
    let mut left = Diff::try_from(rule.top.limit.unwrap_or(0)).unwrap_or(Diff::MAX);
    let mut number = 0;
    for (row, times) in rows.values() {
        let times = (*times).min(left);
        if times <= 0 {
            continue;
        }
        left -= times;
        if rule.top.numbered {
            for _ in 0..times {
                number += 1;
                let last = Packed::new([(Value::Int(number), Kind::Int)].into_iter());
                out.push((row.joined(&last, &[]), 1));
            }
        } else {
            out.push((row.clone(), times));
        }
        if left == 0 {
            break;
        }
    }
}

impl Kept {
    fn change(&mut self, aggregate: &Aggregate, row: &Packed, diff: Diff) {
        let value = aggregate.of.of(row);
        if value == Value::Null {
            return;
        }
        let mut counts = diff;
        if aggregate.distinct || matches!(aggregate.call, Call::Min | Call::Max) {
            let place = ordered(&value);
            let entry = self.values.entry(place).or_insert_with(|| (value.clone(), 0));
            let before = entry.1;
            entry.1 += diff;
            if entry.1 == 0 {
                self.values.remove(&ordered(&value));
            }
            if aggregate.distinct {
                counts = Diff::from(before + diff > 0) - Diff::from(before > 0);
            }
        }
        self.count += counts as i64;
        if let Value::Int(n) | Value::Dec(n) = value {
            self.sum += i128::from(n) * counts as i128;
        }
    }

    fn value(&self, aggregate: &Aggregate) -> Value {
        let there = |(value, times): &&(Value, Diff)| (*times > 0).then(|| value.clone());
        let sum_of = |sum: i128| {
            let sum = i64::try_from(sum).ok()?;
            Some(if aggregate.result() == Kind::Dec { Value::Dec(sum) } else { Value::Int(sum) })
        };
        match aggregate.call {
            Call::CountRows | Call::Count => Value::Int(self.count),
            Call::Min => self.values.values().find_map(|value| there(&value)).unwrap_or_default(),
            Call::Max => self.values.values().rev().find_map(|value| there(&value)).unwrap_or_default(),
            Call::Sum | Call::Avg if self.count <= 0 => Value::Null,
            Call::Sum => sum_of(self.sum).unwrap_or_default(),
            Call::Avg => {
                let scale = if aggregate.kind == Kind::Dec {
                    1
                } else {
                    i128::from(worldflow_schemas::value::DEC_ONE)
                };
                sum_of(nearest(self.sum.saturating_mul(scale), i128::from(self.count))).unwrap_or_default()
            }
        }
    }
}
