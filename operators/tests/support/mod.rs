//! Drives a machine tick by tick, and checks the law of base state at every tick: what is loaded
//! from the base changes so far shows the same rows, and goes on as if nothing had happened.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod npcs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use worldflow_operators::machine::{Machine, Output, ViewRow};
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::input::WriteOrder;
use worldflow_schemas::{Diff, EventId, Row, Sym, Tick, Value};

/// Inputs by tick.
pub(crate) type Script<I> = BTreeMap<Tick, Vec<I>>;

/// What a tick has changed: rows by net diff, base by key, outputs in a fixed order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) rows: BTreeMap<ViewRow, Diff>,
    pub(crate) base: BTreeMap<(Sym, Arc<[u8]>), Option<Arc<[u8]>>>,
    pub(crate) out: Vec<String>,
}

impl Changed {
    pub(crate) fn of<O: Debug>(output: Output<O>) -> Changed {
        let mut changed = Changed::default();
        for (row, diff) in output.rows {
            *changed.rows.entry(row).or_default() += diff;
        }
        changed.rows.retain(|_, diff| *diff != 0);
        for change in output.base {
            changed.base.insert((change.route, change.key), change.value);
        }
        changed.out = output.out.iter().map(|out| format!("{out:?}")).collect();
        changed.out.sort();
        changed
    }
}

/// A run, tick by tick.
pub(crate) type Run = BTreeMap<Tick, Changed>;

/// Steps a machine through a script and its alarms, up to `until`.
pub(crate) fn drive<M: Machine<Out: Debug>>(
    machine: &mut M,
    script: &Script<M::In>,
    from: Tick,
    until: Tick,
) -> Run {
    let mut run = Run::new();
    let mut after = from;
    loop {
        let input = script.range(after + 1..).next().map(|(tick, _)| *tick);
        let alarm = machine.alarm();
        assert!(alarm.is_none_or(|at| at > after), "an alarm at {alarm:?} is not after {after}");
        let Some(tick) = input.into_iter().chain(alarm).min().filter(|tick| *tick <= until) else { break };
        let mut output = Output::default();
        machine.step(tick, script.get(&tick).cloned().unwrap_or_default(), &mut output);
        run.insert(tick, Changed::of(output));
        after = tick;
    }
    run
}

/// The rows after the whole run.
pub(crate) fn rows(run: &Run) -> BTreeSet<ViewRow> {
    let mut rows: BTreeMap<ViewRow, Diff> = BTreeMap::new();
    for changed in run.values() {
        for (row, diff) in &changed.rows {
            *rows.entry(row.clone()).or_default() += diff;
        }
    }
    rows.retain(|_, diff| *diff != 0);
    assert!(rows.values().all(|diff| *diff == 1), "a row was taken away that was not there, or came twice");
    rows.into_keys().collect()
}

/// Loads a machine from the base changes of a run.
pub(crate) fn load<M: Machine>(machine: &mut M, run: &Run) {
    let mut base = BTreeMap::new();
    for changed in run.values() {
        base.extend(changed.base.iter());
    }
    for ((route, key), value) in base {
        if let Some(value) = value {
            let operator = M::NAME.into();
            machine.load(BaseRow { operator, route: *route, key: key.clone(), value: value.clone() });
        }
    }
}

/// Checks the law at every tick of a script. `told` are the inputs so far that other operators
/// re-emit when they are loaded, the last of each kind.
pub(crate) fn check_law<M: Machine<Out: Debug>>(
    make: impl Fn() -> M,
    script: &Script<M::In>,
    until: Tick,
    told: impl Fn(&[M::In]) -> Vec<M::In>,
) -> Run {
    let whole = drive(&mut make(), script, 0, until);
    let first = *whole.keys().next().expect("a script has inputs");
    for cut in first..until {
        let so_far: Run = whole.range(..=cut).map(|(tick, changed)| (*tick, changed.clone())).collect();
        let inputs: Vec<M::In> = script.range(..=cut).flat_map(|(_, inputs)| inputs.clone()).collect();
        let mut machine = make();
        load(&mut machine, &so_far);
        let mut output = Output::default();
        machine.loaded(cut, told(&inputs), &mut output);
        assert!(output.base.is_empty(), "a load changes no base state");
        let loaded = Run::from([(cut, Changed::of(output))]);
        assert_eq!(rows(&loaded), rows(&so_far), "rows after a load at {cut}");
        let rest: Run = whole.range(cut + 1..).map(|(tick, changed)| (*tick, changed.clone())).collect();
        let went_on = drive(&mut machine, script, cut, until);
        // A tick in which nothing happens may be stepped or not.
        let busy = |run: &Run| -> Run {
            run.iter().filter(|(_, c)| **c != Changed::default()).map(|(t, c)| (*t, c.clone())).collect()
        };
        assert_eq!(busy(&went_on), busy(&rest), "after a load at {cut}");
    }
    whole
}

/// A row, readable: columns after the realm, separated by spaces.
pub(crate) fn shown(row: &Row) -> String {
    row.iter()
        .skip(1)
        .map(|value| if *value == Value::Null { "-".to_owned() } else { value.to_string() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The changes of a tick, removals first.
pub(crate) fn changes(run: &Run, tick: Tick) -> Vec<String> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let mut lines: Vec<(Diff, String)> =
        changed.rows.iter().map(|((_, row), diff)| (*diff, shown(row))).collect();
    lines.sort();
    lines.into_iter().map(|(diff, row)| format!("{diff:+} {row}")).collect()
}

/// What a tick changes of these views, of each row so many columns.
pub(crate) fn changes_of(run: &Run, tick: Tick, views: &[(ViewId, usize)]) -> Vec<String> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let of = |((view, row), diff): (&ViewRow, &Diff)| {
        let (_, columns) = views.iter().find(|(other, _)| other == view)?;
        Some((*diff, shown(&row.iter().take(*columns).cloned().collect())))
    };
    let mut lines: Vec<(Diff, String)> = changed.rows.iter().filter_map(of).collect();
    lines.sort();
    lines.into_iter().map(|(diff, row)| format!("{diff:+} {row}")).collect()
}

/// The order of a write.
pub(crate) fn order(at_ms: i64, id: u64) -> WriteOrder {
    WriteOrder { at_ms, source: Sym::new("server"), id: EventId::Position(id) }
}

/// A world of that YAML-like JSON.
pub(crate) fn world(json: serde_json::Value) -> worldflow_schemas::definitions::WorldDef {
    serde_json::from_value(json).expect("the test's world is well formed")
}
