//! The limit: one thread, hash maps, a plain loop over the file.

use std::path::Path;

use anyhow::ensure;
use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Event, Row, Sym, Tick, Value};
use worldflow_sources::recording::BinaryReader;

use super::world::{
    Counts, KINDS, OBJECTIVES, QUESTS, TARGETS, kind_name, objectives, quest_name, target_name,
};

/// One quest of one player.
#[derive(Clone, Debug)]
struct Held {
    quest: usize,
    values: [u32; OBJECTIVES],
    since: Tick,
    done: bool,
}

/// What the loop came to.
pub(super) struct Folded {
    players: FxHashMap<Sym, Vec<Held>>,
    counted: Vec<[Counts; OBJECTIVES]>,
}

/// Folds a file tick by tick.
pub(super) fn fold(path: &Path) -> anyhow::Result<Folded> {
    let length = TickLength { tick_ms: 10 };
    let numbers = |names: Vec<String>| -> FxHashMap<Sym, usize> {
        names.iter().enumerate().map(|(number, name)| (Sym::new(name), number)).collect()
    };
    let kinds = numbers((0..KINDS).map(kind_name).collect());
    let targets = numbers((0..TARGETS).map(target_name).collect());
    let quests = numbers((0..QUESTS).map(quest_name).collect());
    let accept = Sym::new("quest.accept");
    let mut folded = Folded { players: FxHashMap::default(), counted: objectives() };
    let mut reader = BinaryReader::open(path)?;
    let mut waiting: Vec<Event> = Vec::new();
    let end_tick = |folded: &mut Folded, events: &mut Vec<Event>, tick: Tick| {
        for event in events.iter().filter(|event| event.kind == accept) {
            let held = folded.players.entry(event.player).or_default();
            let quest = quests[&event.target];
            if !held.iter().any(|held| held.quest == quest) {
                held.push(Held { quest, values: [0; OBJECTIVES], since: tick, done: false });
            }
        }
        let mut touched: FxHashSet<Sym> = FxHashSet::default();
        for event in events.drain(..) {
            let Some(&kind) = kinds.get(&event.kind) else { continue };
            let target = targets[&event.target];
            let Some(held) = folded.players.get_mut(&event.player) else { continue };
            for held in held.iter_mut().filter(|held| !held.done) {
                for (value, counts) in held.values.iter_mut().zip(&folded.counted[held.quest]) {
                    if *value < counts.need && counts.accepts(kind, target) {
                        *value += 1;
                        if *value == counts.need {
                            touched.insert(event.player);
                        }
                    }
                }
            }
        }
        for player in touched {
            for held in folded.players.get_mut(&player).into_iter().flatten().filter(|held| !held.done) {
                let counted = &folded.counted[held.quest];
                if held.values.iter().zip(counted).all(|(value, counts)| *value >= counts.need) {
                    held.done = true;
                    held.since = tick;
                }
            }
        }
    };
    let mut tick = 0;
    while let Some(block) = reader.next_block()? {
        for event in block.events {
            let at = length.tick_at(event.at_ms);
            if at != tick {
                end_tick(&mut folded, &mut waiting, tick);
                tick = at;
            }
            waiting.push(event);
        }
    }
    end_tick(&mut folded, &mut waiting, tick);
    Ok(folded)
}

impl Folded {
    /// Compares the rows of a view with what the loop came to.
    pub(super) fn compare(&self, view: ViewId, found: Vec<Row>) -> anyhow::Result<()> {
        let expected = self.rows(view);
        let sum = |rows: &[Row]| rows.iter().fold(0_u128, |sum, row| sum.wrapping_add(row.hash128()));
        if expected.len() == found.len() && sum(&expected) == sum(&found) {
            return Ok(());
        }
        let name = view.def().name;
        let text = |rows: &[Row]| -> FxHashSet<String> {
            rows.iter().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect()
        };
        let (wanted, got) = (text(&expected), text(&found));
        let missing: Vec<_> = wanted.difference(&got).take(3).collect();
        let extra: Vec<_> = got.difference(&wanted).take(3).collect();
        ensure!(
            false,
            "{name}: {} rows instead of {}; missing {missing:#?}; not expected {extra:#?}",
            found.len(),
            expected.len()
        );
        Ok(())
    }

    fn rows(&self, view: ViewId) -> Vec<Row> {
        let names: Vec<Value> = (0..QUESTS).map(|quest| Value::Sym(Sym::new(&quest_name(quest)))).collect();
        let objectives: Vec<Value> =
            (0..OBJECTIVES).map(|n| Value::Sym(Sym::new(&format!("objective{n}")))).collect();
        let mut rows = Vec::new();
        for (player, held) in &self.players {
            for held in held {
                let lead = [
                    Value::Sym("quest-2m".into()),
                    Value::Sym("player".into()),
                    Value::id(*player),
                    names[held.quest].clone(),
                ];
                match view {
                    catalog::QUEST_STATE => rows.push(state_row(lead, held)),
                    catalog::OBJECTIVE_PROGRESS if !held.done => {
                        for ((value, counts), name) in
                            held.values.iter().zip(&self.counted[held.quest]).zip(&objectives)
                        {
                            rows.push(objective_row(lead.clone(), name.clone(), *value, counts.need));
                        }
                    }
                    catalog::GRANTS if held.done => rows.push(grant_row(lead, *player, held)),
                    _ => {}
                }
            }
        }
        rows
    }
}

fn state_row(lead: [Value; 4], held: &Held) -> Row {
    let [realm, scope, holder, quest] = lead;
    let state = if held.done { "done" } else { "active" };
    Row::from([
        realm,
        scope,
        holder,
        quest,
        Value::Int(1),
        Value::Sym(state.into()),
        if held.done { Value::Null } else { Value::Sym("all".into()) },
        Value::count(held.since),
        Value::Null,
        Value::Int(i64::from(held.done)),
    ])
}

fn objective_row(lead: [Value; 4], name: Value, value: u32, need: u32) -> Row {
    let [realm, scope, holder, quest] = lead;
    Row::from([
        realm,
        scope,
        holder,
        quest,
        Value::Sym("all".into()),
        name,
        Value::Int(1),
        Value::Int(value.into()),
        Value::Int(need.into()),
        Value::Bool(value >= need),
        Value::Bool(false),
    ])
}

fn grant_row(lead: [Value; 4], player: Sym, held: &Held) -> Row {
    let [realm, scope, holder, quest] = lead;
    let id = format!("{quest}/player:{player}/1/coin/{player}");
    Row::from([
        realm,
        Value::Sym(Sym::new(&id)),
        quest,
        scope,
        holder,
        Value::Int(1),
        Value::Sym("coin".into()),
        Value::id(player),
        Value::Sym("coin".into()),
        Value::Int(5),
        Value::Sym("pending".into()),
        Value::Null,
        Value::count(held.since),
    ])
}
