//! Bounds in time: rows that come and go as the present passes a moment of theirs.
//!
//! `rows, clock ─[wait until the tick is complete]→ rows for which now() <comparison> moment holds`
//!
//! A row is there while the present is in a span [from, to) of it. The ends of spans that are to come are kept in
//! the order of time, and the operator is woken at the first of them: nothing is an update with a future tick. By
//! real time what is past is forgotten. World time can be set back, so by world time the ends stay.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use differential_dataflow::collection::AsCollection;
use rustc_hash::FxHashMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::{Diff, Tick, Value};

use super::Rows;
use super::keyed::route;
use crate::messages::ClockNow;
use crate::sql::expr::Comparison;
use crate::sql::packed::Packed;
use crate::sql::plan::While;
use crate::sql::{Gauge, Size};

type Updates = Vec<(Packed, Tick, Diff)>;

/// What enters in a tick.
type Waiting = BTreeMap<Tick, (Updates, Option<ClockNow>, Capability<Tick>)>;

/// When the bounds of one worker's dataflows will next have rows come or go by themselves.
#[derive(Clone, Debug, Default)]
pub struct Alarms(Rc<RefCell<Vec<Weak<Cell<Option<Tick>>>>>>);

impl Alarms {
    fn of_one(&self) -> Rc<Cell<Option<Tick>>> {
        let alarm = Rc::default();
        self.0.borrow_mut().push(Rc::downgrade(&alarm));
        alarm
    }

    /// The first tick at which anything comes or goes, as things stand. Bounds that are no more are forgotten.
    #[must_use]
    pub fn first(&self) -> Option<Tick> {
        let mut first = None;
        self.0.borrow_mut().retain(|alarm| {
            let alarm = alarm.upgrade();
            first = first.into_iter().chain(alarm.as_ref().and_then(|alarm| alarm.get())).min();
            alarm.is_some()
        });
        first
    }
}

/// The rows for which a bound holds, as time passes.
pub(super) fn bounded<'scope>(
    rows: Rows<'scope>,
    bound: While,
    clock: StreamVec<'scope, Tick, ClockNow>,
    tick_ms: u32,
    (alarms, gauge): (&Alarms, Gauge),
) -> Rows<'scope> {
    let told = alarms.of_one();
    let stream = rows.inner;
    let mut builder = OperatorBuilder::new("while".to_owned(), stream.scope());
    let by_row = Exchange::new(|(row, _, _): &(Packed, Tick, Diff)| route(row));
    let mut input = builder.new_input(stream, by_row);
    let mut clock = builder.new_input(clock, Pipeline);
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (output, made) = builder.new_output();
    let mut output = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(Packed, Tick, Diff)>>>::from(output);
    builder.build(move |initial| {
        drop(initial);
        let mut waiting: Waiting = BTreeMap::new();
        let mut spans = Spans::new(bound, tick_ms);
        let mut alarm: Option<Capability<Tick>> = None;
        move |frontiers| {
            input.for_each(|capability, data| {
                for update in data.drain(..) {
                    let tick = update.1;
                    let at = waiting
                        .entry(tick)
                        .or_insert_with(|| (Vec::new(), None, capability.delayed(&tick, 0)));
                    at.0.push(update);
                }
            });
            clock.for_each(|capability, data| {
                if spans.bound.world
                    && let Some(now) = data.drain(..).next_back()
                {
                    let tick = *capability.least().expect("a message has a time");
                    let at = waiting
                        .entry(tick)
                        .or_insert_with(|| (Vec::new(), None, capability.delayed(&tick, 0)));
                    at.1 = Some(now);
                }
            });
            loop {
                let next_alarm = alarm.as_ref().map(|capability| *capability.time());
                let Some(tick) = waiting.keys().next().copied().into_iter().chain(next_alarm).min() else {
                    break;
                };
                if frontiers.iter().any(|frontier| frontier.less_equal(&tick)) {
                    break;
                }
                let (updates, now, capability) = match waiting.remove(&tick) {
                    Some(ready) => ready,
                    None => (Vec::new(), None, alarm.clone().expect("the tick is an input's or the alarm's")),
                };
                let changes = spans.step(tick, updates, now);
                gauge.set(spans.size());
                alarm = spans.next_tick(tick).map(|next| capability.delayed(&next));
                told.set(alarm.as_ref().map(|capability| *capability.time()));
                if !changes.is_empty() {
                    let changes = changes.into_iter().map(|(row, diff)| (row, tick, diff));
                    output.activate().session(&capability).give_iterator(changes);
                }
            }
        }
    });
    made.as_collection()
}

/// The spans of rows.
struct Spans {
    bound: While,
    tick_ms: u32,
    /// By world time: what the clock said last.
    clock: Option<ClockNow>,
    /// The present; none before the clock has said it.
    now: Option<i64>,
    /// What comes (or goes) when the present reaches a moment.
    ends: BTreeMap<i64, FxHashMap<Packed, Diff>>,
    /// How many rows there are in it, and about how large one is.
    kept: usize,
    row_bytes: usize,
}

impl Spans {
    fn new(bound: While, tick_ms: u32) -> Spans {
        Spans { bound, tick_ms, clock: None, now: None, ends: BTreeMap::new(), kept: 0, row_bytes: 0 }
    }

    fn step(&mut self, tick: Tick, updates: Updates, clock: Option<ClockNow>) -> Vec<(Packed, Diff)> {
        let mut changes = Vec::new();
        if clock.is_some() {
            self.clock = clock;
        }
        let now = self.present(tick);
        self.pass(now, &mut changes);
        self.now = now;
        for (row, _, diff) in updates {
            self.change(row, diff, &mut changes);
        }
        differential_dataflow::consolidation::consolidate(&mut changes);
        changes
    }

    fn present(&self, tick: Tick) -> Option<i64> {
        if self.bound.world {
            return self.clock.as_ref().map(|clock| clock.world_ms_at(tick, self.tick_ms));
        }
        Some(i64::try_from(tick).unwrap_or(i64::MAX).saturating_mul(i64::from(self.tick_ms)))
    }

    /// The present goes on, or by world time back, to `now`.
    fn pass(&mut self, now: Option<i64>, changes: &mut Vec<(Packed, Diff)>) {
        let Some(now) = now else { return };
        let (from, to, sign) = match self.now {
            Some(before) if before > now => (Some(now), before, -1),
            before => (before, now, 1),
        };
        let after = from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        for rows in self.ends.range((after, std::ops::Bound::Included(to))).map(|(_, rows)| rows) {
            changes.extend(rows.iter().map(|(row, diff)| (row.clone(), diff * sign)));
        }
        if !self.bound.world {
            let later = self.ends.split_off(&now.saturating_add(1));
            let past = std::mem::replace(&mut self.ends, later);
            self.kept -= past.values().map(FxHashMap::len).sum::<usize>();
        }
    }

    fn size(&self) -> Size {
        /// What maps need for one more.
        const PLACE: usize = 24;
        Size::of(self.kept, self.row_bytes + PLACE, self.ends.len(), size_of::<FxHashMap<Packed, Diff>>())
    }

    fn change(&mut self, row: Packed, diff: Diff, changes: &mut Vec<(Packed, Diff)>) {
        let Value::Int(moment) = self.bound.moment.of(&row) else { return };
        let after = moment.saturating_add(1);
        let (from, to) = match self.bound.comparison {
            Comparison::AtMost => (None, Some(after)),
            Comparison::Less => (None, Some(moment)),
            Comparison::AtLeast => (Some(moment), None),
            _ => (Some(after), None),
        };
        let now = self.now;
        let passed = |end: Option<i64>| end.is_some_and(|end| now.is_some_and(|now| end <= now));
        let begun = now.is_some() && (from.is_none() || passed(from));
        if begun && !passed(to) {
            changes.push((row.clone(), diff));
        }
        let begin = if from.is_none() && now.is_none() { Some(i64::MIN) } else { from };
        for (end, diff) in [(begin, diff), (to, -diff)] {
            let Some(end) = end else { continue };
            if self.bound.world || !passed(Some(end)) {
                self.keep(end, &row, diff);
            }
        }
    }

    fn keep(&mut self, end: i64, row: &Packed, diff: Diff) {
        let rows = self.ends.entry(end).or_default();
        let before = rows.len();
        let times = rows.entry(row.clone()).or_default();
        *times += diff;
        let over = *times == 0;
        self.row_bytes = row.bytes();
        self.kept += rows.len() - before;
        if over {
            rows.remove(row);
            self.kept -= 1;
            if rows.is_empty() {
                self.ends.remove(&end);
            }
        }
    }

    /// The first tick after this at which anything comes or goes.
    fn next_tick(&self, tick: Tick) -> Option<Tick> {
        let now = self.now?;
        let (next, _) =
            self.ends.range((std::ops::Bound::Excluded(now), std::ops::Bound::Unbounded)).next()?;
        let at = if self.bound.world {
            self.clock.as_ref()?.tick_of(*next, self.tick_ms)?
        } else {
            let tick_ms = i64::from(self.tick_ms.max(1));
            Tick::try_from((*next).div_euclid(tick_ms) + i64::from(next.rem_euclid(tick_ms) > 0)).ok()?
        };
        (at != Tick::MAX).then_some(at.max(tick + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::expr::Expr;
    use crate::sql::kind::Kind;

    fn spans(comparison: Comparison) -> Spans {
        let moment = Expr::Column(0, Kind::Time);
        Spans::new(While { world: false, comparison, moment }, 10)
    }

    fn row(moment: i64) -> Packed {
        Packed::new([(Value::Int(moment), Kind::Time)].into_iter())
    }

    #[test]
    fn a_row_goes_in_the_first_tick_in_which_its_bound_does_not_hold() {
        for (comparison, moment, last) in [
            (Comparison::AtMost, 50, 5),
            (Comparison::AtMost, 59, 5),
            (Comparison::Less, 50, 4),
            (Comparison::Less, 51, 5),
        ] {
            let mut spans = spans(comparison);
            assert_eq!(spans.step(1, vec![(row(moment), 1, 1)], None), vec![(row(moment), 1)]);
            assert_eq!(spans.next_tick(1), Some(last + 1), "{comparison:?} {moment}");
            assert_eq!(spans.step(last, Vec::new(), None), Vec::new());
            assert_eq!(spans.step(last + 1, Vec::new(), None), vec![(row(moment), -1)]);
            assert!(spans.ends.is_empty());
            assert_eq!((spans.size().rows, spans.size().keys), (0, 0));
        }
    }

    #[test]
    fn a_row_comes_in_the_first_tick_in_which_its_bound_holds() {
        for (comparison, moment, first) in
            [(Comparison::AtLeast, 50, 5), (Comparison::AtLeast, 51, 6), (Comparison::Greater, 50, 6)]
        {
            let mut spans = spans(comparison);
            assert_eq!(spans.step(1, vec![(row(moment), 1, 1)], None), Vec::new());
            assert_eq!((spans.size().rows, spans.size().keys), (1, 1));
            assert_eq!(spans.next_tick(1), Some(first), "{comparison:?} {moment}");
            assert_eq!(spans.step(first, Vec::new(), None), vec![(row(moment), 1)]);
        }
    }

    #[test]
    fn what_is_past_leaves_nothing_behind() {
        let mut spans = spans(Comparison::AtMost);
        assert_eq!(spans.step(100, vec![(row(50), 100, 1)], None), Vec::new());
        assert_eq!(spans.step(101, vec![(row(50), 101, -1)], None), Vec::new());
        assert!(spans.ends.is_empty());
    }
}
