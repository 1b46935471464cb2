//! Small random worlds and what happens in them, each from a seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_schemas::chance;
use worldflow_schemas::definitions::{QuestDef, WorldDef};
use worldflow_schemas::{Input, Tick};

use super::compare::{Case, Speakers};
use super::random_edits::Edited;
use super::random_inputs::input;
use super::random_rules::rules;

pub(super) const REALM: &str = "realm";
pub(super) const TICK_MS: u64 = 100;
/// 2024-01-01T03:59:40Z: twenty seconds before the daily reset.
pub(super) const START_MS: u64 = 1_704_081_580_000;
pub(super) const PLAYERS: [&str; 5] = ["ada", "bob", "cyd", "dan", "eve"];
pub(super) const TARGETS: [&str; 5] = ["wolf", "bear", "rat", "bandit", "rock"];
pub(super) const KINDS: [&str; 3] = ["kill", "gather", "talk"];
const SCOPES: [&str; 7] = ["player", "party", "guild", "account", "region", "instance", "realm"];

/// Draws from a seed, one after the other.
pub struct Draws {
    pub(super) seed: u64,
    pub(super) at: u64,
}

impl Draws {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.at += 1;
        chance::below(self.seed, "random", "case", self.at, bound)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).expect("small")]
    }
}

/// A world with up to six quests and a few hundred inputs.
pub fn case(seed: u64) -> Case {
    case_of(seed, 0)
}

/// The same, edited now and then, or all the time.
pub fn edited_case(seed: u64) -> Case {
    case_of(seed, if seed.is_multiple_of(2) { 12 } else { 45 })
}

fn case_of(seed: u64, edited_percent: u64) -> Case {
    let mut draws = Draws { seed, at: 0 };
    let world = world();
    let count = 2 + draws.below(5);
    let names: Vec<String> = (0..count).map(|n| format!("q{n}")).collect();
    let (mut quests, mut edited) = (BTreeMap::new(), BTreeMap::new());
    for name in &names {
        let quest = quest(&mut draws, &names);
        edited.insert(name.clone(), quest.clone());
        let quest: QuestDef =
            serde_json::from_value(quest.clone()).unwrap_or_else(|error| panic!("{error}: {quest}"));
        quests.insert(name.clone(), Arc::new(quest));
    }
    let rules = rules(&mut draws, &names);
    let (mut edited, mut known) = (Edited::new(edited), names);
    let mut inputs: BTreeMap<Tick, Vec<Input>> = BTreeMap::new();
    let mut tick = START_MS / TICK_MS;
    let mut number = 0;
    for _ in 0..60 + draws.below(60) {
        let count = 1 + draws.below(6);
        let given = inputs.entry(tick).or_default();
        // In the first tick the world's own definitions come, and two of one id have no order.
        let first = tick == START_MS / TICK_MS;
        if edited_percent > 0 && !first && draws.percent(edited_percent) {
            given.extend(edited.edit(&mut draws));
            // What is gone is asked for now and then, too.
            if draws.percent(80) {
                known = edited.names();
            }
        }
        for _ in 0..count {
            number += 1;
            let input = input(&mut draws, &known, tick, number);
            given.push(input);
        }
        tick += match draws.below(10) {
            0..6 => 1,
            6..9 => 1 + draws.below(20),
            _ => 1 + draws.below(120),
        };
    }
    let until = tick + if edited_percent > 0 { 100 } else { 300 };
    Case { world, quests, rules, speakers: Speakers::default(), inputs, until }
}

pub(super) fn world() -> WorldDef {
    let world = json!({
        "name": REALM, "seed": 1, "tick_ms": TICK_MS,
        "clock": {"real_seconds_per_hour": 1, "start": "1 03:00"},
        "regions": {"moor": {}, "town": {}},
        "kinds": {"kill": {}, "gather": {}, "talk": {}},
        "entities": {
            "wolf": {"kind": "npc", "tags": ["beast"], "properties": {"region": "moor"}},
            "bear": {"kind": "npc", "tags": ["beast", "big"]},
            "rat": {"kind": "npc", "tags": ["vermin", "beast"]}, "bandit": {"kind": "npc", "tags": ["human"]},
            "rock": {"kind": "object", "properties": {"region": "town"}}
        },
        "facts": {
            "mood": {"scope": "realm", "type": "int", "default": 0,
                     "changed_by": [{"pattern": {"event": "kill", "target": "beast"}, "add": 1},
                            {"pattern": {"event": "talk", "where": {"damage": {"at_least": 8}}}, "set": 0}]},
            "alarmed": {"scope": "player", "type": "bool", "default": false, "expires": "3s",
                        "changed_by": [{"pattern": {"event": "talk", "target": "bandit"}, "set": true}]},
            "fame": {"scope": "player", "type": "int", "default": 0},
            "party_size": {"scope": "party", "type": "int", "default": 0, "members": true},
            "instance_size": {"scope": "instance", "type": "int", "default": 0, "members": true},
            "renown": {"scope": "party", "type": "int", "default": 0,
                       "changed_by": [{"pattern": {"event": "gather"}, "add": 2}]}
        },
        "occasions": {
            "fair": {"days": [1, 2], "hours": "03:59-04:01", "zone": "UTC"},
            "feast": {"from": "2024-01-01 04:00", "until": "2024-01-01 04:02", "zone": "UTC"}
        },
        "pools": {
            "jobs": {"pick": 2, "every": {"daily": {"at": "04:00", "zone": "UTC"}}},
            "own": {"pick": 1, "per": "holder", "closes": true,
                    "every": {"calendar": {"at": ["04:01", "04:00"], "weekdays": ["monday"], "zone": "UTC"}}}
        },
        // Some go while their quests go on, and some never.
        "grants": {"keep": "3s"},
        "lifetime": {
            "kills": {"scope": "player", "pattern": {"event": "kill"}},
            "guild_kills": {"scope": "guild", "pattern": {"event": "kill", "target": "beast"}}
        }
    });
    serde_json::from_value(world).expect("a world")
}

fn test(draws: &mut Draws) -> Json {
    let bound = draws.below(10);
    match draws.below(5) {
        0 => json!({"at_least": bound}),
        1 => json!({"at_most": bound}),
        2 => json!({"above": bound, "below": bound + 5}),
        3 => json!({"is_not": bound}),
        _ => json!({"one_of": [bound, bound + 1, 2.5]}),
    }
}

pub(super) fn condition(draws: &mut Draws, names: &[String], depth: u32) -> Json {
    let other = names[usize::try_from(draws.below(names.len() as u64)).expect("small")].clone();
    let bound = draws.below(6);
    if draws.percent(12) {
        return calendar(draws);
    }
    match draws.below(if depth > 0 { 14 } else { 11 }) {
        0 => json!({"phase": draws.of(&["dawn", "day", "dusk", "night"])}),
        1 => json!({"hours": draws.of(&["06:00-14:00", "20:00-04:30", "12:30-13:30"])}),
        2 => json!({"facts": {"mood": {"at_least": bound}}}),
        3 => json!({"facts": {"alarmed": draws.percent(50)}}),
        4 => json!({"facts": {"fame": {"at_most": bound}}}),
        5 => json!({"facts": {"renown": {"at_least": bound}}}),
        6 => json!({"quests": {other: draws.of(&["done", "active", "available", "failed", "hidden"])}}),
        7 => json!({"level": {"at_least": 1 + bound % 3}}),
        8 => json!({"region": draws.of(&["moor", "town"])}),
        9 => json!({"moon": {"moon": ["new", "waxing_crescent"]}, "season": "spring"}),
        10 => json!({"compare": draws.of(&[
            "player.fame * 2 > realm.mood + 1",
            "mood % 3 == 1",
            "player.fame - party.renown != 0",
            "10 / (realm.mood - 2) >= player.level",
            "player.alarmed == true",
            "view.facts['player', player, fame].value >= 2",
            "view.facts['party', party, renown] == true",
            "view.facts['realm', realm, mood].value + player.fame > 3",
            "view.quest_state['player', ada, q0].completions > 0",
            "view.quest_state['player', player, q1].state == active",
            "view.quest_state['region', region, q2].instance * 2 == view.facts['player', bob, fame].value",
            "view.grants['q0/player:ada/1/gold/ada'].amount > 1",
        ])}),
        11 => json!({"not": condition(draws, names, depth - 1)}),
        12 => json!({"any": [condition(draws, names, depth - 1), condition(draws, names, depth - 1)]}),
        _ => json!({"all": [condition(draws, names, depth - 1), condition(draws, names, depth - 1)]}),
    }
}

/// Of calendars around the minutes and the world days in which the inputs lie; and how many are in the party.
fn calendar(draws: &mut Draws) -> Json {
    match draws.below(7) {
        6 => json!({"facts": {"party_size": {"at_least": 1 + draws.below(3)}}}),
        0 => json!({"weekday": draws.of(&["day1", "day2", "day4", "day7"])}),
        1 => json!({"month": ["Firstmonth", "Thirdmonth"], "day": test(draws)}),
        2 => json!({"dates": {"hours": draws.of(&["04:00-04:02", "04:01-00:00"]), "zone": "UTC"}}),
        3 => json!({"dates": {"weekdays": ["monday"], "from": "2024-01-01 05:01", "zone": "Europe/Berlin"}}),
        4 => json!({"occasion": draws.of(&["fair", "feast"])}),
        _ => json!({"chance": {"of": draws.of(&["luck", "dice"]), "percent": 50, "every": draws.of(&[
            r#"{"world_day": {}}"#, r#"{"day": {"at": "04:00", "zone": "UTC"}}"#,
        ]).parse::<Json>().expect("JSON")}}),
    }
}

/// What an objective of some quest of the player shows, or who is near.
fn progress(draws: &mut Draws, names: &[String]) -> Json {
    let other = names[usize::try_from(draws.below(names.len() as u64)).expect("small")].clone();
    if draws.percent(40) {
        return json!({"near": draws.of(&["wolf", "beast", "human"])});
    }
    json!({"progress": {other: {draws.of(&["o0", "o1"]): {draws.of(&["at_least", "at_most"]): draws.below(4)}}}})
}

pub(super) fn pattern(draws: &mut Draws, names: &[String]) -> Json {
    let mut pattern = json!({"event": draws.of(&KINDS)});
    if draws.percent(50) {
        pattern["target"] = json!(draws.of(&["wolf", "rat", "beast", "human", "big"]));
    }
    if draws.percent(10) {
        pattern["region"] = json!(draws.of(&["moor", "town"]));
    }
    if draws.percent(15) {
        pattern["where"] = json!({"damage": test(draws)});
    }
    if draws.percent(15) {
        pattern["when"] = condition(draws, names, 1);
    } else if draws.percent(8) {
        pattern["when"] = progress(draws, names);
    }
    pattern
}

pub fn objective(draws: &mut Draws, names: &[String], scope: &str, since: &str) -> Json {
    let mut objective = pattern(draws, names);
    let need = 1 + draws.below(5);
    if draws.percent(10) {
        objective["within"] = json!(draws.of(&["2s", "20s", "4h world"]));
    }
    match draws.below(20) {
        0 | 1 => objective["sum"] = json!(need * 5),
        2 | 3 => objective["distinct"] = json!(1 + need % 3),
        4 | 5 => objective["max"] = json!(need + 4),
        6 => objective["min"] = json!(need),
        7 => objective["last"] = json!(need + 2),
        8 | 9 => return timed(draws, names),
        10 => {
            objective["target"] = if draws.percent(50) { json!("beast") } else { json!(["big", "human"]) };
            objective["percent"] = json!(draws.of(&[30, 60, 100]));
        }
        11 => {
            objective["count"] = json!(need + 1);
            objective["minus"] = json!([pattern(draws, names), pattern(draws, names)]);
        }
        12 if scope != "player" => {
            objective["count"] = json!(need);
            if ["party", "guild", "account", "instance"].contains(&scope) && draws.percent(60) {
                objective["everyone"] = json!(true);
            } else {
                objective["players"] = json!(1 + draws.below(3));
            }
        }
        13 | 14 => {
            let holds = if draws.percent(20) { json!({}) } else { condition(draws, names, 1) };
            objective = json!({"holds": holds});
            if draws.percent(60) {
                objective["for"] = json!(draws.of(&["100ms", "2s", "4h world"]));
            }
            if draws.percent(20) {
                objective["within"] = json!("6s");
            }
        }
        _ => objective["count"] = json!(need),
    }
    let by_attribute =
        ["sum", "distinct", "max", "min", "last"].iter().any(|key| objective.get(key).is_some());
    if by_attribute && draws.percent(60) {
        objective["of"] = json!(draws.of(&["damage", "weapon"]));
    }
    if draws.percent(10) {
        objective["reset_on"] = json!([pattern(draws, names)]);
    }
    let lifetime = match scope {
        "player" => Some("kills"),
        "guild" => Some("guild_kills"),
        _ => None,
    };
    if scope != "player" && objective.get("holds").is_none() && draws.percent(20) {
        objective["worth"] = json!(draws.below(4));
    }
    if let Some(lifetime) = lifetime.filter(|_| draws.percent(15)) {
        return json!({"event": "kill", "count": need * 3, "since": since, "lifetime": lifetime});
    }
    objective
}

/// What only the latest events count for, or what is left of them.
fn timed(draws: &mut Draws, names: &[String]) -> Json {
    let mut objective = pattern(draws, names);
    match draws.below(4) {
        0 => {
            objective["count"] = json!(2 + draws.below(4));
            objective["window"] = json!(draws.of(&["400ms", "3s", "5h world"]));
        }
        1 => {
            objective["sum"] = json!(8 + draws.below(20));
            objective["of"] = json!("damage");
            objective["half_life"] = json!(draws.of(&["700ms", "4s", "3h world"]));
        }
        2 => {
            objective["streak"] = json!(2 + draws.below(2));
            objective["every"] = json!({"world_day": {}});
        }
        _ => {
            objective["streak"] = json!(2);
            objective["every"] = json!({"day": {"at": "04:00", "zone": "UTC"}});
        }
    }
    objective
}

/// Gives a quest one or two roles, and has some of its patterns name them.
fn roles(draws: &mut Draws, scope: &str, quest: &mut Json) {
    fn name(draws: &mut Draws, json: &mut Json) {
        match json {
            Json::Object(fields) => {
                let many = ["distinct", "percent", "since"].iter().any(|key| fields.contains_key(*key));
                if fields.contains_key("event") && !many && draws.percent(40) {
                    fields.insert("role".to_owned(), json!(draws.of(&["prey", "prey", "friend"])));
                    if draws.percent(70) {
                        fields.remove("target");
                    }
                }
                fields.values_mut().for_each(|inner| name(draws, inner));
            }
            Json::Array(items) => items.iter_mut().for_each(|inner| name(draws, inner)),
            _ => {}
        }
    }
    for part in ["prey", "friend"] {
        let mut role = json!({"one_of": draws.of(&["beast", "human", "wolf", "big"])});
        if draws.percent(30) {
            role["region"] = json!(draws.of(&["moor", "town"]));
        }
        if ["player", "region"].contains(&scope) && draws.percent(20) {
            role["here"] = json!(true);
        }
        if draws.percent(70) {
            role["lost"] = json!(draws.of(&["keep", "rebind", "rebind", "fail"]));
        }
        quest["roles"][part] = role;
    }
    for key in ["stages", "fail_on"] {
        if let Some(part) = quest.get_mut(key) {
            name(draws, part);
        }
    }
}

pub fn quest(draws: &mut Draws, names: &[String]) -> Json {
    let scope = if draws.percent(40) { "player" } else { draws.of(&SCOPES) };
    quest_of(draws, names, scope)
}

/// A quest of holders of a scope.
pub fn quest_of(draws: &mut Draws, names: &[String], scope: &str) -> Json {
    let mut quest = json!({"title": "a quest", "scope": scope});
    quest["accept"] = json!(draws.of(&["auto", "auto", "manual", "manual", "offered"]));
    if draws.percent(20) {
        quest["pool"] = json!(draws.of(&["jobs", "own"]));
    }
    if scope == "player" && draws.percent(30) {
        quest["credit"] = json!(draws.of(&["party", "party_here"]));
    }
    if draws.percent(15) {
        quest["window"] = draws.of(&WINDOWS).parse().expect("JSON");
    }
    quest["turn_in"] = json!(draws.of(&["auto", "auto", "manual"]));
    if draws.percent(15) {
        quest["turn_in"] = json!({"npc": draws.of(&["wolf", "human", "beast"])});
    }
    if draws.percent(35) {
        quest["requires"] = condition(draws, names, 2);
        if draws.percent(25) {
            quest["requires"] = json!({"any": [progress(draws, names), quest["requires"].take()]});
        }
    }
    if draws.percent(25) {
        quest["exclusive_group"] = json!(draws.of(&["g", "h"]));
    }
    if draws.percent(30) {
        quest["deadline"] = json!(draws.of(&["1s", "7s", "30s", "12h world"]));
    }
    if draws.percent(20) {
        quest["fail_on"] = json!([pattern(draws, names)]);
    }
    if draws.percent(15) {
        quest["fail_when"] =
            if draws.percent(20) { progress(draws, names) } else { condition(draws, names, 1) };
    }
    let repeat = draws.below(5);
    match repeat {
        0 => quest["repeat"] = json!({"always": {}}),
        1 => quest["repeat"] = json!({"cooldown": draws.of(&["100ms", "5s", "6h world"])}),
        2 => {
            quest["repeat"] = match draws.below(3) {
                0 => json!({"daily": {"at": "04:00", "zone": "UTC"}}),
                1 => json!({"monthly": {"day": 1, "at": "04:00", "zone": "UTC"}}),
                _ => json!({"calendar": {"at": ["04:00", "04:01"], "months": [1], "zone": "UTC"}}),
            };
        }
        _ => {}
    }
    let mut stages = serde_json::Map::new();
    let since = match draws.below(2) {
        0 => "available",
        _ if repeat == 2 => "reset",
        _ => "ever",
    };
    let mut branched: Vec<String> = Vec::new();
    for stage in 0..1 + draws.below(3) {
        let mut objectives = serde_json::Map::new();
        let complete = draws.below(5);
        let branches = complete < 3 && draws.percent(25);
        let count = if branches { 2 + draws.below(3) } else { 1 + draws.below(3) };
        for n in 0..count {
            let mut objective = objective(draws, names, scope, since);
            if complete < 3 && n > 0 && draws.percent(15) {
                objective["optional"] = json!(true);
            }
            if complete < 3 && n > 0 && draws.percent(20) {
                objective["hidden_until"] = json!(["o0"]);
            }
            let first = objectives.get("o0").is_some_and(|first: &Json| first.get("since").is_none());
            if complete < 3 && n > 0 && draws.percent(20) && first && objective.get("since").is_none() {
                objective["after"] = json!("o0");
                if draws.percent(60) {
                    objective["within"] = json!(draws.of(&["500ms", "5s"]));
                } else {
                    objective.as_object_mut().expect("an object").remove("within");
                }
            }
            let loose =
                ["window", "last", "minus", "everyone"].iter().any(|key| objective.get(key).is_some());
            if complete < 3 && loose && draws.percent(60) {
                objective["latched"] = json!(false);
            }
            // Each of the first two begins a branch; the others belong to one of them or to both.
            let of = match n {
                0 => 0,
                1 => 1,
                _ => draws.below(3),
            };
            if branches && of < 2 {
                objective["branch"] = json!(["left", "right"][usize::try_from(of).expect("small")]);
                if n < 2 {
                    objective.as_object_mut().expect("an object").remove("optional");
                }
            }
            objectives.insert(format!("o{n}"), objective);
        }
        let complete = match complete {
            0 => json!("any"),
            1 => json!({"at_least": 1}),
            2 => json!("all"),
            3 => json!("sequence"),
            _ => json!("strict_sequence"),
        };
        let mut made = json!({"objectives": objectives, "complete": complete});
        if draws.percent(12) {
            made["reset_on"] = json!([pattern(draws, names)]);
        }
        if draws.percent(20) {
            made["times"] = json!(2 + draws.below(2));
        }
        if let Some(earlier) = branched.first().filter(|_| draws.percent(60)) {
            made["after"] = json!({earlier: draws.of(&["left", "right"])});
        }
        if branches {
            branched.push(format!("s{stage}"));
        }
        stages.insert(format!("s{stage}"), made);
    }
    quest["stages"] = Json::Object(stages);
    if draws.percent(25) {
        roles(draws, scope, &mut quest);
    }
    quest["rewards"] =
        json!({"experience": draws.of(&[0, 30, 120]), "slots": {"loot": {"item": "coin", "amount": 2}}});
    for slot in 0..draws.below(3) {
        let after = branched.first().filter(|_| draws.percent(50));
        quest["rewards"]["slots"][format!("r{slot}")] = reward(draws, scope, after);
    }
    if quest["turn_in"] != "auto" && draws.percent(30) {
        quest["rewards"]["slots"]["pick"] =
            json!({"choice": {"bow": {"item": "long_bow"}, "axe": {"item": "broad_axe", "amount": 2}}});
    }
    match draws.below(4) {
        0 => quest["rewards"]["on_revoke"] = json!("flag"),
        1 => quest["rewards"]["on_revoke"] = json!("clawback"),
        _ => {}
    }
    if quest["rewards"]["experience"] == 0 {
        quest["rewards"].as_object_mut().expect("an object").remove("experience");
    }
    if draws.percent(66) {
        quest["rewards"]["to"] = to(draws);
    }
    if draws.percent(30) {
        quest["effects"] = json!([{"add": {"fact": "mood", "by": 2}}]);
        if scope == "player" {
            quest["effects"] =
                json!([{"add": {"fact": "fame", "by": 1}}, {"set": {"fact": "mood", "to": 3}}]);
        }
    }
    if scope != "player" && draws.percent(40) {
        ease(&mut quest);
    }
    quest
}

/// Groups rarely do all that a quest asks of them at random: one that asks for little is done.
fn ease(quest: &mut Json) {
    let fields = quest.as_object_mut().expect("an object");
    for gate in ["requires", "window", "exclusive_group", "pool", "fail_on", "fail_when", "deadline"] {
        fields.remove(gate);
    }
    fields["accept"] = json!("auto");
    let stages = fields["stages"].as_object_mut().expect("an object");
    stages.values_mut().for_each(|stage| stage["complete"] = json!("any"));
}

/// Around the minutes in which the inputs lie.
const WINDOWS: [&str; 4] = [
    r#"{"from": "2024-01-01 04:00", "zone": "UTC"}"#,
    r#"{"until": "2024-01-01 04:00", "zone": "UTC", "closes": true}"#,
    r#"{"from": "2024-01-01 05:00", "until": "2024-01-01 05:01", "zone": "Europe/Berlin", "closes": true}"#,
    r#"{"from": "2023-12-31 23:00", "until": "2024-01-01 04:01", "zone": "UTC"}"#,
];

pub(super) fn to(draws: &mut Draws) -> Json {
    match draws.below(6) {
        5 => json!({"top": {"from": 1 + draws.below(2), "percent": draws.of(&[10, 40, 100])}}),
        0 => json!({"finisher": {}}),
        1 => json!({"tapper": {}}),
        2 => json!({"top": {"from": 1 + draws.below(2), "through": 2}}),
        3 => json!({"contributors": {"percent": draws.of(&[20, 34, 50])}}),
        _ => json!({"contributors": {"at_least": 1 + draws.below(3)}}),
    }
}

fn reward(draws: &mut Draws, scope: &str, after: Option<&String>) -> Json {
    let mut slot = match draws.below(4) {
        0 => {
            json!({"table": {"a": {"item": "gem"}, "b": {"weight": 2}, "c": {"item": "rag", "amount": 3, "weight": 3}}})
        }
        1 => json!({"item": "ore", "amount": 1 + draws.below(12), "divided": true}),
        2 => json!({"item": "experience", "amount": 0, "plus": {"level": 7, "objectives": {"o0": 1}}}),
        _ => json!({"item": "fur", "amount": draws.below(3), "plus": {"credit": 2, "level": 1}}),
    };
    if scope != "player" && draws.percent(40) {
        slot["to"] = to(draws);
    }
    if let Some(stage) = after {
        slot["after"] = json!({stage: draws.of(&["left", "right"])});
    }
    slot
}
