//! Random worlds: what the events that counted come to is what the views show, at every tick.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use worldflow::graph::{Tracing, traced_graphs};
use worldflow_engine::testing::{Plan, Ran, run, setting};
use worldflow_operators::quests::traced::{By, Change, Part, Traced, Watch};
use worldflow_schemas::definitions::{Aggregate, ObjectiveDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Input, Row, Sym, Tick, Value, catalog};

use crate::oracle::compare::Case;
use crate::oracle::random::{case, edited_case};

/// How many holders of each world are traced.
const TRACED: usize = 5;

/// A row of `objective_progress`, as far as it is compared.
type Shown = BTreeMap<(String, String), (i64, i64, bool)>;

struct Traces {
    watch: Watch,
    told: Vec<(Tick, Traced)>,
}

fn traced(case: &Case, plain: &Ran, watch: Watch) -> Traces {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let tracing = Tracing {
        watch: watch.clone(),
        told: Arc::new(move |tick, traced: Vec<Traced>| {
            heard.lock().expect("nobody panics").extend(traced.into_iter().map(|traced| (tick, traced)));
        }),
    };
    let graph = traced_graphs(Sym::new(&case.world.name), tracing).of(&Arc::new(case.world.clone()));
    let plan = Plan { until: case.until, ..Plan::default() };
    let ran = run(&graph, &case.sealed(&case.definitions()), &plan);
    assert_eq!(ran.state_hash(), plain.state_hash(), "to look on changes nothing");
    Traces { watch, told: std::mem::take(&mut *told.lock().expect("nobody panics")) }
}

fn column<'r>(row: &'r Row, name: &str) -> &'r Value {
    &row[catalog::OBJECTIVE_PROGRESS.def().column(name).expect("the catalog has it")]
}

fn number(row: &Row, name: &str) -> i64 {
    match column(row, name) {
        Value::Int(number) => *number,
        other => panic!("{name} is {other}"),
    }
}

/// Who has got anywhere with anything, each with a quest.
fn holders(ran: &Ran) -> BTreeSet<(String, String, String)> {
    let changes = ran.changes.values().flatten();
    let rows = changes.filter(|(view, _, _)| *view == catalog::OBJECTIVE_PROGRESS).map(|(_, row, _)| row);
    rows.filter(|row| number(row, "value") > 0)
        .map(|row| {
            let text = |name: &str| column(row, name).to_string();
            (text("quest"), text("scope"), text("holder"))
        })
        .collect()
}

/// What is shown of the watched quest at the end of each tick that changes it.
fn shown(ran: &Ran, watch: &Watch) -> BTreeMap<Tick, Shown> {
    let (mut now, mut all) = (Shown::new(), BTreeMap::new());
    for (tick, changes) in &ran.changes {
        let mut touched = false;
        for (view, row, diff) in changes {
            let is = |name: &str, text: &str| column(row, name).to_string() == text;
            if *view != catalog::OBJECTIVE_PROGRESS
                || !is("quest", watch.quest.as_str())
                || !is("scope", watch.holder.scope.name())
                || !is("holder", watch.holder.id.as_str())
            {
                continue;
            }
            touched = true;
            let key = (column(row, "stage").to_string(), column(row, "objective").to_string());
            let value =
                (number(row, "value"), number(row, "need"), *column(row, "done") == Value::Bool(true));
            if *diff > 0 {
                now.insert(key, value);
            } else if now.get(&key) == Some(&value) {
                now.remove(&key);
            }
        }
        if touched {
            all.insert(*tick, now.clone());
        }
    }
    all
}

/// The counters by the trace at the end of each tick, and that each change begins where the one before has ended.
fn counters(traces: &Traces) -> Result<BTreeMap<Tick, BTreeMap<(String, String), i64>>, String> {
    let (mut instance, mut stage) = (0, Sym::NONE);
    let (mut now, mut all) = (BTreeMap::new(), BTreeMap::new());
    for (tick, traced) in &traces.told {
        let of = match traced {
            Traced::Changed(change) => (change.instance, change.stage),
            Traced::Stands(standing) => (standing.instance, standing.stage),
            _ => continue,
        };
        // What begins anew begins at 0.
        if of != (instance, stage) {
            (instance, stage) = of;
            now.clear();
            all.insert(*tick, now.clone());
        }
        let Traced::Changed(change) = traced else { continue };
        let key = (change.stage.to_string(), change.objective.to_string());
        let before: i64 = now.get(&key).copied().unwrap_or(0);
        if before != i64::from(change.from) {
            return Err(format!("{tick}: {change:?} begins at {}, and it was {before}", change.from));
        }
        now.insert(key, i64::from(change.to));
        all.insert(*tick, now.clone());
    }
    Ok(all)
}

/// What an event adds is what the counter grows by, where nothing is cut off, and the event was sent.
fn adds_up(case: &Case, change: &Change) -> Result<(), String> {
    let (By::Event(order, Part::Added), Some(added)) = (&change.by, change.added) else { return Ok(()) };
    let grown = i64::from(change.to) - i64::from(change.from);
    if grown > i64::from(added) {
        return Err(format!("{change:?} grows by more than it adds"));
    }
    // What a party shares counts one tick later.
    let sent = case.inputs.range(change.tick.saturating_sub(1)..=change.tick).flat_map(|(_, inputs)| inputs);
    let made_by_rules = order.source.as_str() == "rules";
    let known = sent.into_iter().any(|input| match input {
        Input::Event(event) => {
            event.at_ms == order.at_ms && event.source == order.source && event.id == order.id
        }
        Input::Command(_) => false,
    });
    if known || made_by_rules { Ok(()) } else { Err(format!("{change:?}: nobody has sent that event")) }
}

fn is_plain(def: &ObjectiveDef) -> bool {
    let counts = matches!(def.aggregate().0, Aggregate::Count | Aggregate::Sum | Aggregate::Distinct);
    counts && def.half_life.is_none() && def.lifetime.is_none()
}

fn check(case: &Case, plain: &Ran, traces: &Traces, counted: &mut u64) -> Result<(), String> {
    let counters = counters(traces)?;
    for (_, traced) in &traces.told {
        if let Traced::Changed(change) = traced {
            adds_up(case, change)?;
            *counted += u64::from(matches!(change.by, By::Event(_, Part::Added)));
        }
    }
    for (tick, rows) in shown(plain, &traces.watch) {
        let Some((_, now)) = counters.range(..=tick).next_back() else { continue };
        for ((stage, objective), (value, need, _)) in rows {
            let def = case.quests.get(traces.watch.quest.as_str());
            let def = def.and_then(|def| def.stages.get(&stage)?.objectives.get(&objective));
            let Some(def) = def.filter(|def| is_plain(def)) else { continue };
            let count = now.get(&(stage.clone(), objective.clone())).copied().unwrap_or(0);
            if count.min(need) != value {
                let watch = &traces.watch;
                return Err(format!(
                    "{tick}: {watch:?} {stage}.{objective} is {value}/{need}, traced {count}: {def:?}"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn what_counted_comes_to_what_is_shown() {
    let (mut wrong, mut counted, mut pictures) = (Vec::new(), 0, 0);
    for seed in 0..setting("WORLDFLOW_EXPLAINED_WORLDS", 40) {
        let case = case(seed);
        let plain = case.run(&case.definitions(), &Plan::default());
        // Others with each seed.
        let all: Vec<_> = holders(&plain).into_iter().collect();
        let skip = usize::try_from(seed).expect("small") % all.len().max(1);
        for (quest, scope, id) in all.iter().cycle().skip(skip).step_by(3).take(TRACED.min(all.len())) {
            let scope = Scope::ALL.into_iter().find(|of| of.name() == scope).expect("a scope");
            let holder = Holder { scope, id: Sym::new(id) };
            let watch = Watch { holder, quest: Sym::new(quest), ids: Arc::default(), until: case.until };
            let traces = traced(&case, &plain, watch);
            pictures += traces.told.iter().filter(|(_, traced)| matches!(traced, Traced::Picture(_))).count();
            if let Err(why) = check(&case, &plain, &traces, &mut counted) {
                wrong.push(format!("seed {seed}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(6)].join("\n"));
    assert!(counted > 250 && pictures > 100, "{counted} events and {pictures} pictures prove little");
}

#[test]
fn a_trace_over_edits_goes_on_where_it_was() {
    let mut counted = 0;
    for seed in 0..setting("WORLDFLOW_EXPLAINED_WORLDS", 40) / 4 {
        let case = edited_case(seed);
        let plain = case.run(&case.definitions(), &Plan::default());
        for (quest, scope, id) in holders(&plain).into_iter().take(TRACED) {
            let scope = Scope::ALL.into_iter().find(|of| of.name() == scope).expect("a scope");
            let watch = Watch {
                holder: Holder { scope, id: Sym::new(&id) },
                quest: Sym::new(&quest),
                ids: Arc::default(),
                until: case.until,
            };
            let traces = traced(&case, &plain, watch.clone());
            for (_, told) in &traces.told {
                if let Traced::Changed(change) = told {
                    adds_up(&case, change).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
                    counted += 1;
                }
            }
            let pictured = traces.told.iter().any(|(tick, told)| {
                matches!(told, Traced::Picture(picture) if picture.tick == *tick && *tick == case.until)
            });
            assert!(pictured, "seed {seed}: {watch:?} has no picture");
        }
    }
    assert!(counted > 50, "{counted} changes prove little");
}
