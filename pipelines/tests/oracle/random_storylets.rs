//! Random NPCs and storylets of random worlds, players who come, go and talk, and edits in the middle of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_schemas::definitions::{ClimateDef, NpcDef, QuestDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{DefinitionEdit, PresenceWrite, Revise, WriteOrder};
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Tick};

use super::compare::{Case, Speakers};
use super::random::{self, Draws, PLAYERS, START_MS, TICK_MS, condition};
use super::random_inputs::input;
use super::random_rules::rules;

const NPCS: [&str; 4] = ["wolf", "bear", "rat", "bandit"];
const TOLD: [&str; 7] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6"];
/// Those that follow others, and one that may be anything.
const FOLLOWING: [&str; 3] = ["f0", "f1", "s6"];

/// What must come about in random worlds, each often, or they prove nothing.
pub const MUST_MEET: [&str; 20] = [
    "addressed",
    "bark",
    "late bark",
    "holds",
    "follow_up",
    "follow_up not said",
    "silence",
    "taken back",
    "no answer",
    "by score",
    "by last",
    "by lot",
    "most",
    "cooldown",
    "effect",
    "kept lines",
    "happens",
    "closed",
    "granted",
    "refused",
];

/// A world in which NPCs have something to say.
pub fn case(seed: u64) -> Case {
    let mut draws = Draws { seed, at: 0 };
    let names: Vec<String> = ["q0", "q1"].map(str::to_owned).into();
    let mut quests = BTreeMap::new();
    for name in &names {
        let quest = random::quest(&mut draws, &names);
        quests.insert(name.clone(), Arc::new(read::<QuestDef>(quest)));
    }
    let rules = if draws.percent(40) { rules(&mut draws, &names) } else { BTreeMap::new() };
    let mut speakers = Speakers::default();
    speakers.climates.insert("mild".to_owned(), Arc::new(read::<ClimateDef>(climate())));
    for npc in NPCS {
        if draws.percent(75) {
            speakers.npcs.insert(npc.to_owned(), npc_def(&mut draws, &names));
        }
    }
    for id in TOLD.iter().chain(&FOLLOWING[..2]) {
        if draws.percent(70) {
            speakers.storylets.insert((*id).to_owned(), storylet(&mut draws, id, &names));
        }
    }
    let mut inputs: BTreeMap<Tick, Vec<Input>> = BTreeMap::new();
    let first = START_MS / TICK_MS;
    let (mut tick, mut number) = (first, 0);
    inputs.insert(
        first,
        PLAYERS.iter().enumerate().map(|(n, player)| arrives(&mut draws, n, player)).collect(),
    );
    for step in 0..50 + draws.below(50) {
        let given = inputs.entry(tick).or_default();
        // In the first tick the world's own definitions come, and two of one id have no order.
        if tick > first && draws.percent(9) {
            given.extend(edit(&mut draws, &names, step));
        }
        for _ in 0..1 + draws.below(6) {
            number += 1;
            let mut input = input(&mut draws, &names, tick, number);
            if draws.percent(30) {
                input = talk(&mut draws, input, tick, number);
            }
            given.push(input);
        }
        tick += match draws.below(10) {
            0..6 => 1,
            6..9 => 1 + draws.below(20),
            _ => 1 + draws.below(90),
        };
    }
    Case { world: world(), quests, rules, speakers, inputs, until: tick + 100 }
}

fn read<T: serde::de::DeserializeOwned>(json: Json) -> T {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The random world with weather over the moor, and a tier.
fn world() -> WorldDef {
    let mut world = serde_json::to_value(random::world()).expect("plain data");
    world["zones"] = json!({"sky": {"climate": "mild"}});
    world["regions"]["moor"] = json!({"zone": "sky"});
    world["tiers"] = json!({"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}});
    read(world)
}

/// Weather that is another every few seconds.
fn climate() -> Json {
    let state = |intensity: f64| json!({"intensity": intensity, "wind_kmh": 5, "humidity": 0.5, "visibility_m": 9000});
    let season =
        json!({"start": "clear", "temperature_c": [7, 16], "next": {"clear": 1, "rain": 1, "storm": 1}});
    json!({
        "states": {"clear": state(0.0), "rain": state(0.5), "storm": state(0.9)},
        "seasons": {"spring": season, "summer": season, "fall": season, "winter": season},
        "step": "1s", "change": 0.2
    })
}

fn arrives(draws: &mut Draws, n: usize, player: &str) -> Input {
    let region = draws.of(&["moor", "town", ""]);
    let number = n as u64;
    let order = WriteOrder {
        at_ms: i64::try_from(START_MS).expect("in range") - 1,
        source: "gate".into(),
        id: EventId::Position(number),
    };
    let region = if region.is_empty() { Sym::NONE } else { Sym::new(region) };
    let server = if draws.percent(70) { "server".into() } else { Sym::NONE };
    let region = if server.is_none() { Sym::NONE } else { region };
    let player = Sym::new(player);
    Input::Command(Command::Presence(PresenceWrite { order, player, server, region, instance: Sym::NONE }))
}

/// Somebody speaks to an NPC, in the place of what else would happen.
fn talk(draws: &mut Draws, instead: Input, tick: Tick, number: u64) -> Input {
    let at_ms = i64::try_from(tick * TICK_MS - draws.below(TICK_MS)).expect("in range");
    match instead {
        Input::Event(event) if event.kind.as_str() == "talk" => Input::Event(event),
        _ => Input::Event(Event {
            at_ms,
            source: Sym::new(draws.of(&["s1", "s2"])),
            id: EventId::Position(number * 7919 % 10_007),
            player: Sym::new(draws.of(&PLAYERS)),
            kind: "talk".into(),
            target: Sym::new(draws.of(&NPCS)),
            region: Sym::NONE,
            amount: 1,
            with: None,
        }),
    }
}

/// Something else is said, or by somebody else; a revision, or single definitions.
fn edit(draws: &mut Draws, names: &[String], number: u64) -> Vec<Input> {
    let mut edits = Vec::new();
    for _ in 0..1 + draws.below(3) {
        edits.push(if draws.percent(30) {
            let npc = draws.of(&NPCS);
            let def = (!draws.percent(25)).then(|| npc_def(draws, names));
            DefinitionEdit::Npc(Sym::new(npc), def)
        } else {
            let id = if draws.percent(25) { draws.of(&FOLLOWING) } else { draws.of(&TOLD) };
            let def = (!draws.percent(25)).then(|| storylet(draws, id, names));
            DefinitionEdit::Storylet(Sym::new(id), def)
        });
    }
    // Two edits of one definition have no order of their own.
    let id = |edit: &DefinitionEdit| match edit {
        DefinitionEdit::Npc(id, _) | DefinitionEdit::Storylet(id, _) => id.as_str().to_owned(),
        _ => unreachable!("only speakers are edited"),
    };
    edits.sort_by_key(id);
    edits.dedup_by_key(|edit| id(edit));
    if draws.percent(40) {
        return edits.into_iter().map(|edit| Input::Command(Command::Define(edit))).collect();
    }
    vec![Input::Command(Command::Revise(Revise {
        source: "editor".into(),
        id: EventId::Position(number),
        author: "ann".into(),
        source_revision: "".into(),
        if_revision: None,
        fixed: None,
        edits,
    }))]
}

/// What may be asked of a player who is spoken to.
fn asks(draws: &mut Draws, names: &[String]) -> Json {
    match draws.below(10) {
        0 => json!({"weather": {"kind": draws.of(&["clear", "rain", "storm"])}}),
        1 => {
            json!({"weather": {"intensity": {"at_least": 0.4}, "lasting": draws.of(&["500ms", "2s", "3h world"])}})
        }
        2 => json!({"compare": draws.of(&[
            "view.storylet_memory[player, s0].times > 1",
            "view.storylet_memory[player, s1] == true",
            "view.npc_lines[player, wolf, 3] == true",
            "view.storylet_reach[s2].players >= 2",
        ])}),
        3 => json!({"facts": {"fame": {"at_least": draws.below(4)}, "alarmed": false}}),
        4 => json!({"facts": {"alarmed": true}}),
        _ => condition(draws, names, 1),
    }
}

fn npc_def(draws: &mut Draws, names: &[String]) -> Arc<NpcDef> {
    let barks = ["Hm.", "Busy.", "Aye."];
    let some = 1 + usize::try_from(draws.below(3)).expect("small");
    let mut def = json!({"barks": barks[..some], "patience": draws.of(&["200ms", "1s", "6s", "2h world"])});
    if draws.percent(30) {
        def["when"] = asks(draws, names);
    }
    if draws.percent(55) {
        def["tier"] = json!(draws.of(&["gold", "gold", "silver"]));
    }
    if draws.percent(15) {
        def["addressed_by"] = json!("gather");
    }
    Arc::new(read(def))
}

fn storylet(draws: &mut Draws, id: &str, names: &[String]) -> Arc<StoryletDef> {
    let who = match draws.below(3) {
        0 => json!([draws.of(&NPCS), draws.of(&NPCS)]),
        1 => json!(draws.of(&["beast", "human", "big"])),
        _ => json!(["beast", draws.of(&["bandit", "human"])]),
    };
    let lines = [
        json!("Hail, {player}."),
        json!(["It is {phase}.", "Still {phase}, {player}?", "{season} in {region}"]),
        json!(["{weather} over {region}?", "So."]),
        json!("Hm, {whatever}."),
    ];
    let mut def = json!({"who": who, "lines": lines[usize::try_from(draws.below(4)).expect("small")]});
    def["trigger"] = match draws.below(10) {
        _ if id.starts_with('f') => json!({"follow_up": {}}),
        0..3 => json!("addressed"),
        3 | 4 => json!({"bark": {}}),
        5 | 6 => json!({"holds": {}}),
        7 | 8 => json!({"happens": happens(draws, names)}),
        _ => json!({"follow_up": {}}),
    };
    if draws.percent(50) {
        def["when"] = asks(draws, names);
    }
    for criterion in ["near", "wise"] {
        if draws.percent(30) {
            let weight = i64::try_from(draws.below(5)).expect("small") - 1;
            def["criteria"][criterion] = json!({"when": asks(draws, names), "weight": weight});
            if draws.percent(30) {
                def["criteria"][criterion]["required"] = json!(true);
            }
        }
    }
    if draws.percent(50) {
        def["salience"] = json!(draws.below(3));
    }
    limits(draws, &mut def);
    if draws.percent(50) {
        def["effects"] = match draws.below(5) {
            0 => json!([{"add": {"fact": "fame", "by": 1}}]),
            1 => json!([{"set": {"fact": "alarmed", "to": true}}]),
            2 => json!([{"set": {"fact": "fame", "to": draws.below(4)}}, {"add": {"fact": "mood", "by": 1}}]),
            3 => json!([{"set": {"fact": "mood", "to": draws.below(6)}}]),
            _ => json!([{"add": {"fact": "renown", "by": 1}}]),
        };
    }
    if draws.percent(45) {
        let after = draws.of(&["0ms", "100ms", "1s", "4s", "1h world"]);
        def["then"] = json!({"storylet": draws.of(&FOLLOWING), "after": after});
    }
    Arc::new(read(def))
}

/// What somebody may say something to.
fn happens(draws: &mut Draws, names: &[String]) -> Json {
    let mut pattern = json!({"event": draws.of(&random::KINDS)});
    if draws.percent(50) {
        pattern["target"] = json!(draws.of(&["wolf", "rat", "beast", "rock"]));
    }
    if draws.percent(20) {
        pattern["region"] = json!(draws.of(&["moor", "town"]));
    }
    if draws.percent(20) {
        pattern["where"] = json!({"damage": {"at_least": draws.below(8)}});
    }
    if draws.percent(20) {
        pattern["when"] = asks(draws, names);
    }
    pattern
}

fn limits(draws: &mut Draws, def: &mut Json) {
    for (of, percent) in [("npc", 12), ("realm", 12)] {
        if draws.percent(percent) {
            def["limits"][of]["most"] = json!(1 + draws.below(6));
        }
        if draws.percent(percent) {
            let span = draws.of(&["300ms", "1s", "6s", "2h world"]);
            def["limits"][of]["cooldown"] = json!(span);
        }
    }
    if draws.percent(20) {
        let lasts = draws.of(&["0ms", "200ms", "2s", "9s", "1h world"]);
        def["limits"]["at_once"] = json!({"most": 1 + draws.below(2), "lasts": lasts});
    }
    if draws.percent(20) {
        def["limits"]["once"] = json!(true);
    }
    if draws.percent(25) {
        def["limits"]["player"]["most"] = json!(1 + draws.below(3));
    }
    if draws.percent(35) {
        let span = draws.of(&["300ms", "2s", "9s", "5h world"]);
        def["limits"]["player"]["cooldown"] = json!(span);
    }
}
