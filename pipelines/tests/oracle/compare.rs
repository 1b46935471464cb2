//! Runs the graph and the evaluator on the same sealed ticks and says where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow::graph::WorldGraph;
use worldflow_engine::graph::BuildGraph;
use worldflow_engine::testing::{LawBroken, Plan, Ran, law, run};
use worldflow_engine::workers::SealedTick;
use worldflow_schemas::definitions::{ClimateDef, NpcDef, QuestDef, RuleDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{DefinitionEdit, Only};
use worldflow_schemas::{Command, Input, Sym, Tick, Value};

use super::{Oracle, Seen, WeatherRow};

pub const COMPARED: [&str; 12] = [
    "quest_state",
    "objective_progress",
    "objective_times",
    "contributions",
    "grants",
    "past_grants",
    "quest_bindings",
    "facts",
    "npc_lines",
    "storylet_memory",
    "storylet_reach",
    "storylet_limits",
];

/// Who speaks in a world, and of what weather.
#[derive(Default)]
pub struct Speakers {
    pub npcs: BTreeMap<String, Arc<NpcDef>>,
    pub storylets: BTreeMap<String, Arc<StoryletDef>>,
    pub climates: BTreeMap<String, Arc<ClimateDef>>,
}

/// A world and what happens in it.
pub struct Case {
    pub world: WorldDef,
    pub quests: BTreeMap<String, Arc<QuestDef>>,
    pub rules: BTreeMap<String, Arc<RuleDef>>,
    pub speakers: Speakers,
    /// What happens in each tick.
    pub inputs: BTreeMap<Tick, Vec<Input>>,
    pub until: Tick,
}

impl Case {
    /// The ticks as the graph is given them: the definitions come with the first.
    pub fn sealed(&self, definitions: &[Command]) -> Vec<SealedTick> {
        let mut ticks = Vec::new();
        for (place, (tick, inputs)) in self.inputs.iter().enumerate() {
            let mut sealed = SealedTick { tick: *tick, ..SealedTick::default() };
            if place == 0 {
                sealed.commands.extend_from_slice(definitions);
            }
            for input in inputs {
                match input {
                    Input::Event(event) => sealed.events.push(event.clone()),
                    Input::Command(command) => sealed.commands.push(command.clone()),
                }
            }
            ticks.push(sealed);
        }
        ticks
    }

    /// The quests as commands, as a realm begins.
    pub fn definitions(&self) -> Vec<Command> {
        let speakers = &self.speakers;
        let only = DefinitionEdit::Only(Box::new(Only {
            quests: ids(&self.quests),
            climates: ids(&speakers.climates),
            npcs: ids(&speakers.npcs),
            rules: ids(&self.rules),
            storylets: ids(&speakers.storylets),
            ..Only::default()
        }));
        let quests = self.quests.iter();
        let quests = quests.map(|(id, def)| DefinitionEdit::Quest(Sym::new(id), Some(def.clone())));
        let rules = self.rules.iter();
        let rules = rules.map(|(id, def)| DefinitionEdit::Rule(Sym::new(id), Some(def.clone())));
        let climates = speakers.climates.iter();
        let climates = climates.map(|(id, def)| DefinitionEdit::Climate(Sym::new(id), Some(def.clone())));
        let npcs = speakers.npcs.iter();
        let npcs = npcs.map(|(id, def)| DefinitionEdit::Npc(Sym::new(id), Some(def.clone())));
        let storylets = speakers.storylets.iter();
        let storylets = storylets.map(|(id, def)| DefinitionEdit::Storylet(Sym::new(id), Some(def.clone())));
        let all = quests.chain(rules).chain(climates).chain(npcs).chain(storylets);
        all.chain([only]).map(Command::Define).collect()
    }

    pub fn graph(&self) -> Arc<dyn BuildGraph> {
        Arc::new(WorldGraph { realm: Sym::new(&self.world.name), world: Arc::new(self.world.clone()) })
    }

    /// Checks the law of base state for snapshots at these ticks.
    pub fn law(&self, plan: &Plan, snapshots: Vec<Tick>) -> Result<(), LawBroken> {
        let plan = Plan { until: self.until, ..plan.clone() };
        law(&self.graph(), &self.sealed(&self.definitions()), &plan, snapshots)
    }

    pub fn run(&self, definitions: &[Command], plan: &Plan) -> Ran {
        run(&self.graph(), &self.sealed(definitions), &Plan { until: self.until, ..plan.clone() })
    }

    /// The quests that a difference names, and the inputs around its tick.
    pub fn around(&self, difference: &str) -> String {
        let mut text = String::new();
        for (name, rule) in &self.rules {
            text.push_str(&format!("  {name}: {}\n", serde_json::json!(rule)));
        }
        for (name, npc) in &self.speakers.npcs {
            text.push_str(&format!("  {name}: {}\n", serde_json::json!(npc)));
        }
        for (name, storylet) in &self.speakers.storylets {
            text.push_str(&format!("  {name}: {}\n", serde_json::json!(storylet)));
        }
        for (name, quest) in &self.quests {
            if difference.contains(&format!("\"{name}\"")) {
                text.push_str(&format!("  {name}: {}\n", serde_json::json!(quest)));
            }
        }
        let digits = difference.split("tick ").nth(1).unwrap_or_default();
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        let tick: Tick = digits.parse().unwrap_or(0);
        for (tick, inputs) in self.inputs.range(tick.saturating_sub(12)..=tick) {
            for input in inputs {
                text.push_str(&format!("  {tick} {input:?}\n"));
            }
        }
        text
    }

    /// What the evaluator says.
    pub fn evaluate(&self, exhaustive: bool, weather: Vec<WeatherRow>) -> Vec<Seen> {
        self.evaluate_all(exhaustive, weather).0
    }

    /// What the evaluator says, and what came about when NPCs spoke.
    pub fn evaluate_all(
        &self,
        exhaustive: bool,
        weather: Vec<WeatherRow>,
    ) -> (Vec<Seen>, BTreeMap<&'static str, u64>) {
        let origin = *self.inputs.keys().next().expect("something happens");
        let mut oracle = Oracle::new(&self.world, &self.quests, Sym::new(&self.world.name), origin);
        oracle.exhaustive = exhaustive;
        oracle.weather = weather;
        oracle.rules.defs = self.rules.iter().map(|(id, def)| (id.clone(), (**def).clone())).collect();
        oracle.spoken.npcs.clone_from(&self.speakers.npcs);
        oracle.spoken.storylets.clone_from(&self.speakers.storylets);
        let changes = oracle.run(&self.inputs, self.until);
        (changes, oracle.spoken.met)
    }
}

/// The changes of the compared views, as the evaluator writes them.
pub fn seen(ran: &Ran) -> Vec<Seen> {
    let mut all = Vec::new();
    for (tick, changes) in &ran.changes {
        for (view, row, diff) in changes {
            if COMPARED.contains(&view.def().name) {
                all.push((view.def().name, row.iter().map(Value::to_json).collect(), *tick, *diff));
            }
        }
    }
    all.sort_by_cached_key(|change: &Seen| format!("{:020} {change:?}", change.2));
    all
}

/// The weather as the graph had it.
pub fn weather(ran: &Ran) -> Vec<WeatherRow> {
    let mut rows = Vec::new();
    for (tick, changes) in &ran.changes {
        for (view, row, diff) in changes {
            let column = |name: &str| row[view.def().column(name).expect("a column")].clone();
            if view.def().name == "weather" && *diff > 0 {
                let Value::Int(since) = column("since") else { panic!("a tick") };
                rows.push(WeatherRow {
                    tick: *tick,
                    zone: column("zone").to_string(),
                    state: column("state").to_string(),
                    intensity: column("intensity"),
                    since: u64::try_from(since).expect("not negative"),
                });
            }
        }
    }
    rows
}

fn ids<T>(defs: &BTreeMap<String, T>) -> Vec<Sym> {
    defs.keys().map(|id| Sym::new(id)).collect()
}

/// What is wrong, if anything: the first tick at which the two differ.
pub fn differences(expected: &[Seen], found: &[Seen]) -> Option<String> {
    let by_tick = |changes: &[Seen]| {
        let mut ticks: BTreeMap<Tick, BTreeMap<String, i64>> = BTreeMap::new();
        for change in changes {
            let text = format!("{:+} {} {}", change.3, change.0, serde_json::json!(change.1));
            *ticks.entry(change.2).or_default().entry(text).or_insert(0) += 1;
        }
        ticks
    };
    let (expected, found) = (by_tick(expected), by_tick(found));
    let ticks: BTreeSet<Tick> = expected.keys().chain(found.keys()).copied().collect();
    let none = BTreeMap::new();
    for tick in ticks {
        let (wanted, got) = (expected.get(&tick).unwrap_or(&none), found.get(&tick).unwrap_or(&none));
        if wanted == got {
            continue;
        }
        let mut text = format!("first different at tick {tick}");
        let missing = wanted.iter().filter(|(change, n)| got.get(*change) != Some(n));
        for (change, n) in missing.take(10) {
            text.push_str(&format!("\n  the evaluator says {n} x {change}"));
        }
        let extra = got.iter().filter(|(change, n)| wanted.get(*change) != Some(n));
        for (change, n) in extra.take(10) {
            text.push_str(&format!("\n  the graph says     {n} x {change}"));
        }
        return Some(text);
    }
    None
}
