//! What happens to rows: which came, changed and went in a tick, and which are there when a period is over.
//!
//! `(view, row, diff) ─by key→ (before, after) ─rules in force→ Fired`
//! `                             └─conditions that ask→ ViewNow`
//!
//! All changes of a key are looked at in one place: rows of built-in views by the worker that makes them, rows of views in SQL by
//! their key. Edits of rules and conditions count from the next tick on. Nothing here is base state: after a load all rows are told
//! again, and none of them has come.

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
use crate::kept_rows::KeptRows;
use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, ViewNow};

/// What is told of rows and rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RowsIn {
    /// A change of a row of a view.
    Row(ViewId, Row, Diff),
    /// A rule is added, replaced or removed.
    Define(Sym, Option<Arc<RuleDef>>),
    /// The views that the conditions of a definition name, none when it is gone.
    Asks(Sym, Vec<Sym>),
    /// The clock.
    Clock(ClockNow),
}

/// What comes of rows.
#[derive(Clone, PartialEq, Debug)]
pub enum RowsOut {
    /// A rule is triggered.
    Fired(Fired),
    /// Conditions of the next tick see this.
    Seen(ViewNow),
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
    /// The row and its view.
    pub row: Option<(ViewId, Row)>,
    /// It was there when the rule began, and counts in the next tick.
    pub existing: bool,
    /// A period is over: it has no cause among rows.
    pub by_time: bool,
}

/// The rows that one worker looks at, and the rules in force.
#[derive(Debug)]
pub struct RowsMachine {
    realm: Sym,
    tick_ms: u32,
    /// Whether this worker triggers what has no row, and says which views are asked for.
    is_first: bool,
    now: Tick,
    clock: Option<ClockNow>,
    rules: BTreeMap<&'static str, TriggerPlan>,
    kept: KeptRows,
    /// The views that conditions name, by the definition, and whether that is news.
    asks: FxHashMap<Sym, Vec<Sym>>,
    asks_anew: bool,
    /// The views whose rows are told.
    asked: BTreeSet<&'static str>,
}

/// The row of each key before and after the tick.
type ByKey = FxHashMap<Vec<Value>, (Option<Row>, Option<Row>)>;

fn by_key(view: ViewId, changed: FxHashMap<Row, Diff>) -> ByKey {
    let mut by_key = ByKey::default();
    for (row, diff) in changed.into_iter().filter(|(_, diff)| *diff != 0) {
        let (before, after) = by_key.entry(row.key(view.def().key).to_vec()).or_default();
        *(if diff < 0 { before } else { after }) = Some(row);
    }
    by_key
}

fn fired(realm: Sym, rule: &str, view: ViewId, row: &Row) -> Fired {
    Fired {
        rule: Sym::new(rule),
        holder: holder_of(view, row, realm),
        key: key_text(view, row),
        row: Some((view, row.clone())),
        existing: false,
        by_time: false,
    }
}

impl RowsMachine {
    /// Worker `index` of `peers`, without rows and rules. What the world itself asks for is asked from its first tick on.
    #[must_use]
    pub fn new(
        realm: Sym,
        tick_ms: u32,
        asked_by_world: Vec<Sym>,
        (index, peers): (usize, usize),
    ) -> RowsMachine {
        RowsMachine {
            realm,
            tick_ms: tick_ms.max(1),
            is_first: realm.hash64() % peers as u64 == index as u64,
            now: 0,
            clock: None,
            rules: BTreeMap::new(),
            kept: KeptRows::default(),
            asks_anew: !asked_by_world.is_empty(),
            asks: FxHashMap::from_iter([(Sym::NONE, asked_by_world)]),
            asked: BTreeSet::new(),
        }
    }

    /// Whether anybody looks at how the rows of a view change.
    fn is_watched(&self, view: ViewId) -> bool {
        let by_rule =
            |trigger: &TriggerPlan| matches!(trigger, TriggerPlan::Rows { rows, .. } if rows.is_of(view));
        self.asked.contains(view.def().name) || self.rules.values().any(by_rule)
    }

    fn test_rows(&self, view: ViewId, by_key: &ByKey, output: &mut Output<RowsOut>) {
        for (rule, trigger) in &self.rules {
            let TriggerPlan::Rows { rows, .. } = trigger else { continue };
            if !rows.is_of(view) {
                continue;
            }
            let passes = rows.filter(view);
            for (before, after) in by_key.values() {
                if let Some(row) = trigger.triggered(&passes, before.as_ref(), after.as_ref()) {
                    output.out.push(RowsOut::Fired(fired(self.realm, rule, view, row)));
                }
            }
        }
    }

    /// Tells what has changed of a view that conditions ask for.
    fn tell_rows(&self, view: ViewId, by_key: ByKey, output: &mut Output<RowsOut>) {
        if !self.asked.contains(view.def().name) {
            return;
        }
        for (before, after) in by_key.into_values() {
            let gone = before.map(|row| ViewNow::Row { view, row, there: false });
            let came = after.map(|row| ViewNow::Row { view, row, there: true });
            output.out.extend(gone.into_iter().chain(came).map(RowsOut::Seen));
        }
    }

    fn note_asks(&mut self, by: Sym, views: Vec<Sym>) {
        self.asks_anew = true;
        if views.is_empty() {
            self.asks.remove(&by);
        } else {
            self.asks.insert(by, views);
        }
    }

    /// Takes in what conditions ask for: from the next tick on they see what they have not seen before.
    fn ask(&mut self, output: &mut Output<RowsOut>) {
        if !std::mem::take(&mut self.asks_anew) {
            return;
        }
        let wanted: BTreeSet<&'static str> = self.asks.values().flatten().map(|view| view.as_str()).collect();
        let before = std::mem::replace(&mut self.asked, wanted);
        let new = || self.asked.difference(&before);
        if self.is_first {
            let told = new().map(|view| (*view, true));
            let told = told.chain(before.difference(&self.asked).map(|view| (*view, false)));
            let told = told.map(|(view, asked)| ViewNow::Asked { view: Sym::new(view), asked });
            output.out.extend(told.map(RowsOut::Seen));
        }
        if new().next().is_none() {
            return;
        }
        for view in self.kept.views() {
            if self.asked.contains(view.def().name) && !before.contains(view.def().name) {
                let row = |row: &Row| ViewNow::Row { view, row: row.clone(), there: true };
                output.out.extend(self.kept.of(view).map(|(kept, _)| RowsOut::Seen(row(kept))));
            }
        }
    }

    /// World time in the tick before, by the clock as it was then.
    fn world_before(&self, tick: Tick) -> Option<i64> {
        let clock = self.clock.as_ref().filter(|clock| clock.since < tick)?;
        Some(clock.world_ms_at(tick - 1, self.tick_ms))
    }

    fn test_periods(&mut self, tick: Tick, world_before: Option<i64>, output: &mut Output<RowsOut>) {
        for (rule, trigger) in &self.rules {
            let TriggerPlan::Every { span, each } = trigger else { continue };
            if !self.is_over(*span, tick, world_before) {
                continue;
            }
            if let Some(rows) = each {
                for view in self.kept.views().into_iter().filter(|view| rows.is_of(*view)) {
                    let passes = rows.filter(view);
                    let passing = self.kept.of(view).map(|(row, _)| row).filter(|row| passes(row));
                    let fired = passing
                        .map(|row| Fired { by_time: true, ..fired(self.realm, rule, view, row) })
                        .map(RowsOut::Fired);
                    output.out.extend(fired);
                }
            } else if self.is_first {
                output.out.push(RowsOut::Fired(Fired {
                    rule: Sym::new(rule),
                    holder: Holder { scope: Scope::Realm, id: self.realm },
                    key: self.realm.as_str().into(),
                    row: None,
                    existing: false,
                    by_time: true,
                }));
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
    fn define(&mut self, edits: Vec<(Sym, Option<Arc<RuleDef>>)>, output: &mut Output<RowsOut>) {
        for (rule, def) in edits {
            let Some(def) = def else {
                self.rules.remove(rule.as_str());
                continue;
            };
            let trigger = TriggerPlan::new(&def);
            if let TriggerPlan::Rows { rows, existing: true, .. } = &trigger
                && !self.rules.contains_key(rule.as_str())
            {
                for view in self.kept.views().into_iter().filter(|view| rows.is_of(*view)) {
                    let passes = rows.filter(view);
                    for row in self.kept.of(view).map(|(row, _)| row).filter(|row| passes(row)) {
                        let fired = Fired { existing: true, ..fired(self.realm, rule.as_str(), view, row) };
                        output.out.push(RowsOut::Fired(fired));
                    }
                }
            }
            self.rules.insert(rule.as_str(), trigger);
        }
    }
}

impl Machine for RowsMachine {
    type In = RowsIn;
    type Out = RowsOut;
    const NAME: BaseName = "rows_of_rules";

    fn load(&mut self, _: BaseRow) {
        unreachable!("it keeps no base state")
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<RowsIn>, output: &mut Output<RowsOut>) {
        self.now = tick;
        let (mut edits, mut rows) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                RowsIn::Row(view, row, diff) if is_kept(view) => rows.push((view, row, diff)),
                RowsIn::Row(..) => {}
                RowsIn::Define(rule, def) => edits.push((rule, def)),
                RowsIn::Asks(by, views) => self.note_asks(by, views),
                RowsIn::Clock(clock) => self.clock = Some(clock),
            }
        }
        self.kept.add(rows);
        self.ask(output);
        // No row has come for a rule that was there before.
        let kept = std::mem::take(&mut self.kept);
        self.define(edits, &mut Output::default());
        self.kept = kept;
    }

    fn step(&mut self, tick: Tick, inputs: Vec<RowsIn>, output: &mut Output<RowsOut>) {
        self.now = tick;
        let world_before = self.world_before(tick);
        let mut changed: BTreeMap<ViewId, FxHashMap<Row, Diff>> = BTreeMap::new();
        let mut watched: FxHashMap<ViewId, bool> = FxHashMap::default();
        let (mut edits, mut rows) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                RowsIn::Row(view, row, diff) => {
                    if *watched.entry(view).or_insert_with(|| self.is_watched(view)) {
                        *changed.entry(view).or_default().entry(row.clone()).or_insert(0) += diff;
                    }
                    if is_kept(view) {
                        rows.push((view, row, diff));
                    }
                }
                RowsIn::Define(rule, def) => edits.push((rule, def)),
                RowsIn::Asks(by, views) => self.note_asks(by, views),
                RowsIn::Clock(clock) => self.clock = Some(clock),
            }
        }
        self.kept.add(rows);
        for (view, changed) in changed {
            let by_key = by_key(view, changed);
            self.test_rows(view, &by_key, output);
            self.tell_rows(view, by_key, output);
        }
        self.test_periods(tick, world_before, output);
        self.ask(output);
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
