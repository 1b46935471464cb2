//! What happens to rows: which came, changed and went in a tick, and which are there when a period is over.
//!
//! `(view, row, diff) ─by key→ (before, after) ─rules in force→ Fired`
//!
//! Each worker looks at the rows that it makes itself: all changes of a key are made in one place. Edits of rules count from the
//! next tick on. Nothing here is base state: after a load all rows are told again, and none of them has come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::{RuleDef, Span};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{ArcStr, Diff, Row, Sym, Tick, Value};

use super::plan::{TriggerPlan, holder_of, is_kept, key_text};
use crate::machine::{Machine, Output};
use crate::messages::ClockNow;

/// What is told of rows and rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RowsIn {
    /// A change of a row of the view of that number.
    Row(u16, Row, Diff),
    /// A rule is added, replaced or removed.
    Define(Sym, Option<Arc<RuleDef>>),
    /// The clock.
    Clock(ClockNow),
}

/// A rule is triggered. To the worker of the holder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fired {
    /// Which rule.
    pub rule: Sym,
    /// By whose row; the realm's without one.
    pub holder: Holder,
    /// The row's key as text; the realm's name without one.
    pub key: ArcStr,
    /// The row and the number of its view.
    pub row: Option<(u16, Row)>,
    /// It was there when the rule began, and counts in the next tick.
    pub existing: bool,
    /// A period is over: it has no cause among rows.
    pub by_time: bool,
}

/// The rows that one worker makes, and the rules in force.
#[derive(Debug)]
pub struct RowsMachine {
    realm: Sym,
    tick_ms: u32,
    /// Whether this worker triggers what has no row.
    triggers_realm: bool,
    now: Tick,
    clock: Option<ClockNow>,
    rules: BTreeMap<&'static str, TriggerPlan>,
    kept: FxHashMap<ViewId, FxHashMap<Row, Diff>>,
}

/// The row of each key before and after the tick.
type ByKey = FxHashMap<Vec<Value>, (Option<Row>, Option<Row>)>;

impl RowsMachine {
    /// Worker `index` of `peers`, without rows and rules.
    #[must_use]
    pub fn new(realm: Sym, tick_ms: u32, (index, peers): (usize, usize)) -> RowsMachine {
        RowsMachine {
            realm,
            tick_ms: tick_ms.max(1),
            triggers_realm: realm.hash64() % peers as u64 == index as u64,
            now: 0,
            clock: None,
            rules: BTreeMap::new(),
            kept: FxHashMap::default(),
        }
    }

    fn keep(&mut self, view: ViewId, row: &Row, diff: Diff) {
        if !is_kept(view) {
            return;
        }
        let rows = self.kept.entry(view).or_default();
        let count = rows.entry(row.clone()).or_insert(0);
        *count += diff;
        if *count == 0 {
            rows.remove(row);
        }
    }

    fn watches(&self) -> BTreeSet<ViewId> {
        let views = self.rules.values().filter_map(|trigger| match trigger {
            TriggerPlan::Rows { rows, .. } => Some(rows.view),
            TriggerPlan::Every { .. } | TriggerPlan::Never => None,
        });
        views.collect()
    }

    fn fired(&self, rule: &str, view: ViewId, row: &Row) -> Fired {
        Fired {
            rule: Sym::new(rule),
            holder: holder_of(view, row, self.realm),
            key: key_text(view, row),
            row: view.place().map(|place| (place, row.clone())),
            existing: false,
            by_time: false,
        }
    }

    fn test_rows(&self, view: ViewId, changed: FxHashMap<Row, Diff>, output: &mut Output<Fired>) {
        let mut by_key = ByKey::default();
        for (row, diff) in changed.into_iter().filter(|(_, diff)| *diff != 0) {
            let (before, after) = by_key.entry(row.key(view.def().key).to_vec()).or_default();
            *(if diff < 0 { before } else { after }) = Some(row);
        }
        for (rule, trigger) in &self.rules {
            if !matches!(trigger, TriggerPlan::Rows { rows, .. } if rows.view == view) {
                continue;
            }
            for (before, after) in by_key.values() {
                if let Some(row) = trigger.triggered(before.as_ref(), after.as_ref()) {
                    output.out.push(self.fired(rule, view, row));
                }
            }
        }
    }

    /// World time in the tick before, by the clock as it was then.
    fn world_before(&self, tick: Tick) -> Option<i64> {
        let clock = self.clock.as_ref().filter(|clock| clock.since < tick)?;
        Some(clock.world_ms_at(tick - 1, self.tick_ms))
    }

    fn test_periods(&self, tick: Tick, world_before: Option<i64>, output: &mut Output<Fired>) {
        for (rule, trigger) in &self.rules {
            let TriggerPlan::Every { span, each } = trigger else { continue };
            if !self.is_over(*span, tick, world_before) {
                continue;
            }
            if let Some(rows) = each {
                let there = self.kept.get(&rows.view).into_iter().flatten();
                for (row, _) in there.filter(|(row, _)| rows.passes(row)) {
                    output.out.push(Fired { by_time: true, ..self.fired(rule, rows.view, row) });
                }
            } else if self.triggers_realm {
                output.out.push(Fired {
                    rule: Sym::new(rule),
                    holder: Holder { scope: Scope::Realm, id: self.realm },
                    key: self.realm.as_str().into(),
                    row: None,
                    existing: false,
                    by_time: true,
                });
            }
        }
    }

    /// Whether a multiple of the period has been reached in this tick.
    fn is_over(&self, span: Span, tick: Tick, world_before: Option<i64>) -> bool {
        if span.world {
            let Some((before, clock)) = world_before.zip(self.clock.as_ref()) else { return false };
            let period = i64::try_from(span.ms).unwrap_or(i64::MAX).max(1);
            clock.world_ms_at(tick, self.tick_ms).div_euclid(period) > before.div_euclid(period)
        } else {
            let multiple =
                |tick: Tick| u128::from(tick) * u128::from(self.tick_ms) / u128::from(span.ms.max(1));
            tick > 0 && multiple(tick) > multiple(tick - 1)
        }
    }

    /// The next tick at which a period is over, if time runs on as it does.
    fn next_over(&self, span: Span) -> Option<Tick> {
        if span.world {
            let clock = self.clock.as_ref()?;
            let period = i64::try_from(span.ms).unwrap_or(i64::MAX).max(1);
            let now = clock.world_ms_at(self.now, self.tick_ms).div_euclid(period);
            clock.tick_of(now.checked_add(1)?.checked_mul(period)?, self.tick_ms)
        } else {
            let (period, tick_ms) = (u128::from(span.ms.max(1)), u128::from(self.tick_ms));
            let next = (u128::from(self.now) * tick_ms / period + 1) * period;
            Tick::try_from(next.div_ceil(tick_ms)).ok()
        }
    }

    /// Takes edits in. Rows that are there when a rule is added, and that it asks for, trigger it.
    fn define(&mut self, edits: Vec<(Sym, Option<Arc<RuleDef>>)>, output: &mut Output<Fired>) {
        for (rule, def) in edits {
            let Some(def) = def else {
                self.rules.remove(rule.as_str());
                continue;
            };
            let trigger = TriggerPlan::new(&def);
            if let TriggerPlan::Rows { rows, existing: true, .. } = &trigger
                && !self.rules.contains_key(rule.as_str())
            {
                let there = self.kept.get(&rows.view).into_iter().flatten();
                for (row, _) in there.filter(|(row, _)| rows.passes(row)) {
                    output.out.push(Fired { existing: true, ..self.fired(rule.as_str(), rows.view, row) });
                }
            }
            self.rules.insert(rule.as_str(), trigger);
        }
    }
}

impl Machine for RowsMachine {
    type In = RowsIn;
    type Out = Fired;
    const NAME: BaseName = "rows_of_rules";

    fn load(&mut self, _: BaseRow) {
        unreachable!("it keeps no base state")
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<RowsIn>, _: &mut Output<Fired>) {
        self.now = tick;
        let mut edits = Vec::new();
        for input in inputs {
            match input {
                RowsIn::Row(view, row, diff) => {
                    if let Some(view) = ViewId::built_in(view) {
                        self.keep(view, &row, diff);
                    }
                }
                RowsIn::Define(rule, def) => edits.push((rule, def)),
                RowsIn::Clock(clock) => self.clock = Some(clock),
            }
        }
        // No row has come for a rule that was there before.
        let kept = std::mem::take(&mut self.kept);
        self.define(edits, &mut Output::default());
        self.kept = kept;
    }

    fn step(&mut self, tick: Tick, inputs: Vec<RowsIn>, output: &mut Output<Fired>) {
        self.now = tick;
        let world_before = self.world_before(tick);
        let watched = self.watches();
        let mut changed: BTreeMap<ViewId, FxHashMap<Row, Diff>> = BTreeMap::new();
        let mut edits = Vec::new();
        for input in inputs {
            match input {
                RowsIn::Row(view, row, diff) => {
                    let Some(view) = ViewId::built_in(view) else { continue };
                    self.keep(view, &row, diff);
                    if watched.contains(&view) {
                        *changed.entry(view).or_default().entry(row).or_insert(0) += diff;
                    }
                }
                RowsIn::Define(rule, def) => edits.push((rule, def)),
                RowsIn::Clock(clock) => self.clock = Some(clock),
            }
        }
        for (view, changed) in changed {
            self.test_rows(view, changed, output);
        }
        self.test_periods(tick, world_before, output);
        self.define(edits, output);
    }

    fn alarm(&self) -> Option<Tick> {
        let periods = self.rules.values().filter_map(|trigger| match trigger {
            TriggerPlan::Every { span, .. } => self.next_over(*span),
            TriggerPlan::Rows { .. } | TriggerPlan::Never => None,
        });
        periods.filter(|tick| *tick > self.now).min()
    }
}
