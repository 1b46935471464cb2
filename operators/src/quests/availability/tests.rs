//! Looking only where something may be another is the same as looking at everything for everyone in every tick: random quests that
//! wait for each other and for all sorts of things, among random deeds and edits.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_schemas::definitions::{QuestDef, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Diff, Event, EventId, Row, Sym, Tick, Value, chance};

use super::*;
use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, FactNow, LevelNow, PlayerPlace, QuestEdit};
use crate::quests::{PlayersIn, PlayersMachine};

impl Core {
    /// What [`Core::test_phase`] must come to.
    pub(super) fn test_everything(&mut self) {
        for at in 0..At::try_from(self.holders.len()).expect("few") {
            for ix in self.plan.tested.clone() {
                self.test(at, ix);
            }
        }
    }
}

struct Draws {
    seed: u64,
    counter: u64,
}

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.counter += 1;
        chance::below(self.seed, "tests", "availability", self.counter, bound)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).expect("small")]
    }
}

const QUESTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const PLAYERS: [&str; 3] = ["ann", "bob", "cy"];

fn condition(draws: &mut Draws, depth: u64) -> Json {
    let quest = draws.of(&QUESTS);
    let states = ["available", "active", "done", "hidden", "failed"];
    match draws.below(if depth == 0 { 7 } else { 10 }) {
        0 => json!({"level": {"at_least": draws.below(4)}}),
        1 => json!({"facts": {"fame": {"at_least": draws.below(3)}}}),
        2 => json!({"facts": {"open": draws.below(2) == 0}}),
        3 => json!({"region": draws.of(&["moor", "town"])}),
        4 => json!({"phase": draws.of(&["day", "night"])}),
        5 | 6 => json!({"quests": {quest: draws.of(&states)}}),
        7 => json!({"all": [condition(draws, depth - 1), condition(draws, depth - 1)]}),
        8 => json!({"any": [condition(draws, depth - 1), condition(draws, depth - 1)]}),
        _ => json!({"not": condition(draws, depth - 1)}),
    }
}

fn quest(draws: &mut Draws) -> QuestDef {
    let mut quest = json!({"title": "Q", "stages": {"s": {"objectives": {
        "o": {"event": draws.of(&["kill", "look"]), "count": 1 + draws.below(3)}}}}});
    if draws.below(3) > 0 {
        quest["requires"] = condition(draws, 2);
    }
    if draws.below(3) == 0 {
        quest["accept"] = json!("auto");
    }
    if draws.below(3) == 0 {
        quest["exclusive_group"] = json!(draws.of(&["one", "two"]));
    }
    if draws.below(4) == 0 {
        quest["fail_when"] = condition(draws, 1);
    }
    if draws.below(4) == 0 {
        quest["stages"]["s"]["objectives"]["holds"] = json!({"holds": condition(draws, 1)});
    }
    if draws.below(4) == 0 {
        quest["pool"] = json!(draws.of(&["each", "all"]));
    }
    if draws.below(4) == 0 {
        quest["repeat"] = json!({"always": {}});
    }
    serde_json::from_value(quest).expect("a quest")
}

fn world() -> Arc<WorldDef> {
    let daily = json!({"daily": {"at": "04:00", "zone": "UTC"}});
    let world = json!({"name": "w", "seed": 3, "regions": {"moor": {}, "town": {}},
        "clock": {"phases": {"day": {"from": "06:00"}, "night": {"from": "20:00"}}},
        "pools": {"each": {"pick": 1, "every": daily, "per": "holder"}, "all": {"pick": 1, "every": daily}},
        "facts": {"fame": {"scope": "player", "type": "int", "default": 0},
                  "open": {"scope": "realm", "type": "bool", "default": false}}});
    Arc::new(serde_json::from_value(world).expect("a world"))
}

/// What is told in a tick.
fn inputs(draws: &mut Draws, tick: Tick, numbers: &mut u64) -> Vec<PlayersIn> {
    let mut inputs = Vec::new();
    let player = Sym::new(draws.of(&PLAYERS));
    let edits = if tick == 1 { QUESTS.len() as u64 } else { draws.below(8) / 5 };
    for number in 0..edits {
        let place = if tick == 1 { number } else { draws.below(QUESTS.len() as u64) };
        let name = QUESTS[usize::try_from(place).expect("small")];
        let def = (tick == 1 || draws.below(4) > 0).then(|| Arc::new(quest(draws)));
        let edit = QuestEdit { quest: Sym::new(name), def, from: Sym::NONE };
        let twice =
            |input: &PlayersIn| matches!(input, PlayersIn::Define(other) if other.quest == edit.quest);
        if !inputs.iter().any(twice) {
            inputs.push(PlayersIn::Define(edit));
        }
    }
    match draws.below(6) {
        0 => inputs.push(PlayersIn::Level(LevelNow {
            player,
            level: 1 + i64::try_from(draws.below(3)).expect("small"),
        })),
        1 => {
            let holder = Holder { scope: Scope::Player, id: player };
            let value = Some(draws.below(3)).filter(|fame| *fame > 0).map(Value::count);
            inputs.push(PlayersIn::Fact(FactNow { holder, fact: "fame".into(), value }));
        }
        2 => {
            let holder = Holder { scope: Scope::Realm, id: "realm".into() };
            let value = (draws.below(2) == 0).then_some(Value::Bool(true));
            inputs.push(PlayersIn::Fact(FactNow { holder, fact: "open".into(), value }));
        }
        3 => {
            let region = Sym::new(draws.of(&["moor", "town"]));
            inputs.push(PlayersIn::Place(player, PlayerPlace { region, ..PlayerPlace::default() }));
        }
        4 => inputs.push(PlayersIn::Clock(ClockNow {
            world_ms: 0,
            fraction: (0, 1),
            since: tick,
            scale_world: 1,
            scale_real: 1,
            paused: true,
            phase: Sym::new(draws.of(&["day", "night"])),
            season: Sym::NONE,
            moons: Vec::new(),
        })),
        _ => {}
    }
    let mut events = Vec::new();
    for _ in 0..draws.below(3) {
        *numbers += 1;
        let kind = Sym::new(draws.of(&["kill", "look", "quest.accept", "quest.accept", "quest.abandon"]));
        events.push(Event {
            at_ms: i64::try_from(tick).expect("small"),
            source: "test".into(),
            id: EventId::Position(*numbers),
            player: Sym::new(draws.of(&PLAYERS)),
            kind,
            target: if kind.as_str().starts_with("quest") { Sym::new(draws.of(&QUESTS)) } else { Sym::NONE },
            region: Sym::NONE,
            amount: 1,
            with: None,
        });
    }
    inputs.push(PlayersIn::Events(events));
    inputs
}

type Rows = BTreeMap<(String, Row), Diff>;

/// What a machine says in a tick.
fn step(machine: &mut PlayersMachine, tick: Tick, inputs: Vec<PlayersIn>) -> Rows {
    let mut output = Output::default();
    machine.step(tick, inputs, &mut output);
    let mut rows = Rows::new();
    for ((view, row), diff) in output.rows {
        *rows.entry((view.def().name.to_owned(), row)).or_default() += diff;
    }
    rows.retain(|_, diff| *diff != 0);
    rows
}

#[test]
fn to_look_only_where_something_may_be_another_is_to_look_everywhere() {
    let (mut states, mut available) = (0, 0);
    for seed in 0..300 {
        let mut draws = Draws { seed, counter: 0 };
        let mut numbers = 0;
        let mut local = PlayersMachine::new(world(), "realm".into());
        let mut exhaustive = PlayersMachine::new(world(), "realm".into());
        exhaustive.look_everywhere();
        for tick in 1..60 {
            let inputs = inputs(&mut draws, tick, &mut numbers);
            let found = step(&mut local, tick, inputs.clone());
            let expected = step(&mut exhaustive, tick, inputs.clone());
            assert_eq!(found, expected, "seed {seed}, tick {tick}: {inputs:?}");
            let shown = found.iter().filter(|((view, _), diff)| view == "quest_state" && **diff > 0);
            for ((_, row), _) in shown {
                states += 1;
                available += u32::from(row[5].as_str() == Some("available"));
            }
        }
    }
    assert!(states > 5_000 && available > 500, "{states} rows, {available} of them available, prove little");
}
