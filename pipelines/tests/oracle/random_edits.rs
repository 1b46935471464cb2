//! Random edits of random worlds: quests are added, removed, moved and changed in every part, and undone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use worldflow_schemas::definitions::QuestDef;
use worldflow_schemas::input::{DefinitionEdit, Revise};
use worldflow_schemas::{Command, EventId, Input, Sym};

use super::random::{self, Draws};

/// The quests of a world as they are edited.
pub struct Edited {
    now: BTreeMap<String, Json>,
    /// What they were before each edit: an undo goes back to one of them.
    before: Vec<BTreeMap<String, Json>>,
    moved: u64,
    revisions: u64,
}

impl Edited {
    pub fn new(quests: BTreeMap<String, Json>) -> Edited {
        Edited { now: quests, before: Vec::new(), moved: 0, revisions: 0 }
    }

    /// The ids that there are.
    pub fn names(&self) -> Vec<String> {
        self.now.keys().cloned().collect()
    }

    /// Draws an edit; a revision, or single definitions.
    pub fn edit(&mut self, draws: &mut Draws) -> Vec<Input> {
        let old = self.now.clone();
        for _ in 0..1 + draws.below(3) {
            self.change(draws);
        }
        let mut edits: Vec<DefinitionEdit> = Vec::new();
        for (id, def) in &self.now {
            if old.get(id) != Some(def) {
                let def: QuestDef =
                    serde_json::from_value(def.clone()).unwrap_or_else(|error| panic!("{error}: {def}"));
                edits.push(DefinitionEdit::Quest(Sym::new(id), Some(Arc::new(def))));
            }
        }
        for id in old.keys().filter(|id| !self.now.contains_key(*id)) {
            edits.push(DefinitionEdit::Quest(Sym::new(id), None));
        }
        self.before.push(old);
        if draws.percent(30) {
            return edits.into_iter().map(|edit| Input::Command(Command::Define(edit))).collect();
        }
        self.revisions += 1;
        let revise = Revise {
            source: "editor".into(),
            id: EventId::Position(self.revisions),
            author: "ann".into(),
            source_revision: "".into(),
            if_revision: None,
            fixed: None,
            edits,
        };
        vec![Input::Command(Command::Revise(revise))]
    }

    fn change(&mut self, draws: &mut Draws) {
        let names = self.names();
        if names.is_empty() || draws.percent(10) {
            let name = format!("q{}", draws.below(8));
            let def = random::quest(draws, &names_or(&names));
            self.now.entry(name).or_insert(def);
            return;
        }
        let name = names[usize::try_from(draws.below(names.len() as u64)).expect("small")].clone();
        match draws.below(10) {
            0 => drop(self.now.remove(&name)),
            1 if !self.before.is_empty() => {
                let place = draws.below(self.before.len() as u64);
                self.now = self.before[usize::try_from(place).expect("small")].clone();
            }
            2 => {
                // Another quest of the same id.
                let def = random::quest(draws, &names);
                self.now.insert(name, def);
            }
            3 | 4 => self.rename(&name, draws),
            _ => {
                let def = self.now.get_mut(&name).expect("it is there");
                part(def, &names, draws);
                mend(def);
            }
        }
    }

    /// Moves a quest, which may be changed at once.
    fn rename(&mut self, name: &str, draws: &mut Draws) {
        let Some(mut def) = self.now.remove(name) else { return };
        self.moved += 1;
        // Sometimes an id that there was before.
        let to = if draws.percent(30) { format!("q{}", draws.below(8)) } else { format!("m{}", self.moved) };
        def["moved_from"] = json!(name);
        if draws.percent(40) {
            let names = self.names();
            part(&mut def, &names_or(&names), draws);
            mend(&mut def);
        }
        if self.now.contains_key(&to) || to == name {
            self.now.insert(name.to_owned(), def);
            self.now
                .get_mut(name)
                .expect("just put there")
                .as_object_mut()
                .expect("a map")
                .remove("moved_from");
            return;
        }
        self.now.insert(to, def);
    }
}

fn names_or(names: &[String]) -> Vec<String> {
    if names.is_empty() { vec!["q0".to_owned()] } else { names.to_vec() }
}

/// Changes one part of a quest.
fn part(def: &mut Json, names: &[String], draws: &mut Draws) {
    let scope = def["scope"].as_str().expect("it has one").to_owned();
    let other = random::quest_of(draws, names, &scope);
    match draws.below(20) {
        0 => put(def, &other, "requires"),
        1 => put(def, &other, "exclusive_group"),
        2 => put(def, &other, "deadline"),
        3 => put(def, &other, "fail_on"),
        4 => put(def, &other, "fail_when"),
        5 => {
            put(def, &other, "rewards");
            put(def, &other, "effects");
        }
        6 => {
            put(def, &other, "turn_in");
            put(def, &other, "accept");
        }
        7 => put(def, &other, "repeat"),
        8 => put(def, &other, ["pool", "window"][usize::from(draws.percent(50))]),
        9 => put(def, &other, "credit"),
        10 => roles(def, &other, draws),
        11 | 12 => threshold(def, draws),
        13 | 14 => rename_part(def, draws),
        15 => another_stage(def, &other, draws),
        16 => of_stage(def, &other, draws),
        17 => of_objective(def, draws),
        _ => another_objective(def, names, draws),
    }
}

fn put(def: &mut Json, other: &Json, key: &str) {
    match other.get(key) {
        Some(value) => def[key] = value.clone(),
        None => drop(def.as_object_mut().expect("a map").remove(key)),
    }
}

fn map(json: &mut Json) -> &mut Map<String, Json> {
    json.as_object_mut().expect("a map")
}

fn any_of<'a>(entries: &'a mut Map<String, Json>, draws: &mut Draws) -> (&'a String, &'a mut Json) {
    let place = usize::try_from(draws.below(entries.len() as u64)).expect("small");
    entries.iter_mut().nth(place).expect("there is one")
}

fn any_stage<'a>(def: &'a mut Json, draws: &mut Draws) -> &'a mut Json {
    any_of(map(&mut def["stages"]), draws).1
}

fn any_objective<'a>(def: &'a mut Json, draws: &mut Draws) -> &'a mut Json {
    any_of(map(&mut any_stage(def, draws)["objectives"]), draws).1
}

/// Other roles, or one less, or one that is chosen or lost otherwise.
fn roles(def: &mut Json, other: &Json, draws: &mut Draws) {
    let Some(roles) = def.get_mut("roles").filter(|_| draws.percent(60)) else {
        return put(def, other, "roles");
    };
    let (name, role) = any_of(map(roles), draws);
    match draws.below(3) {
        0 => role["lost"] = json!(draws.of(&["keep", "rebind", "fail"])),
        1 => role["one_of"] = json!(draws.of(&["beast", "human", "big"])),
        _ => {
            let name = name.clone();
            map(roles).remove(&name);
            if map(roles).is_empty() {
                map(def).remove("roles");
            }
        }
    }
}

/// A stage of another quest comes, by itself or in the place of one.
fn another_stage(def: &mut Json, other: &Json, draws: &mut Draws) {
    let mut from = other["stages"].clone();
    let stage = any_of(map(&mut from), draws).1.clone();
    let stages = map(&mut def["stages"]);
    let name =
        if draws.percent(50) { any_of(stages, draws).0.clone() } else { format!("s{}", draws.below(4)) };
    stages.insert(name, stage);
}

/// What a stage says of itself.
fn of_stage(def: &mut Json, other: &Json, draws: &mut Draws) {
    let mut from = other["stages"].clone();
    let like = any_of(map(&mut from), draws).1.clone();
    let earlier = any_of(map(&mut def["stages"]), draws).0.clone();
    let stage = any_stage(def, draws);
    match draws.below(5) {
        0 => put(stage, &like, "reset_on"),
        1 => put(stage, &like, "complete"),
        2 => stage["after"] = json!({earlier: draws.of(&["left", "right"])}),
        3 => drop(map(stage).remove("after")),
        _ => stage["times"] = json!(1 + draws.below(3)),
    }
}

/// What an objective says of its place among the others.
fn of_objective(def: &mut Json, draws: &mut Draws) {
    let stage = any_stage(def, draws);
    let other = any_of(map(&mut stage["objectives"]), draws).0.clone();
    let objective = any_of(map(&mut stage["objectives"]), draws).1;
    let key = draws.of(&["optional", "hidden_until", "branch", "worth", "latched", "after"]);
    if map(objective).remove(key).is_some() && draws.percent(50) {
        return;
    }
    match key {
        "optional" => objective[key] = json!(true),
        "hidden_until" => objective[key] = json!([other]),
        "branch" => objective[key] = json!(draws.of(&["left", "right"])),
        "worth" => objective[key] = json!(draws.below(4)),
        "after" => {
            objective[key] = json!(other);
            objective["within"] = json!(draws.of(&["500ms", "5s"]));
        }
        _ => objective[key] = json!(draws.percent(50)),
    }
}

fn threshold(def: &mut Json, draws: &mut Draws) {
    let (need, percent) = (1 + draws.below(7), 10 * (1 + draws.below(10)));
    let objective = any_objective(def, draws);
    for key in ["count", "sum", "distinct", "max", "min", "last", "streak", "players"] {
        if objective.get(key).is_some() && draws.percent(80) {
            objective[key] = json!(need);
        }
    }
    if objective.get("percent").is_some() {
        objective["percent"] = json!(percent);
    }
    if objective.get("for").is_some() {
        objective["for"] = json!(draws.of(&["100ms", "1s", "5s", "2h world"]));
    } else if objective.get("holds").is_some() && draws.percent(50) {
        objective["for"] = json!("1s");
    }
}

fn another_objective(def: &mut Json, names: &[String], draws: &mut Draws) {
    let dated = def["repeat"]
        .as_object()
        .is_some_and(|of| !of.contains_key("always") && !of.contains_key("cooldown"));
    let scope = def["scope"].as_str().expect("it has one").to_owned();
    let since = if dated && draws.percent(50) { "reset" } else { draws.of(&["ever", "available"]) };
    let mut new = random::objective(draws, names, &scope, since);
    let stage = any_stage(def, draws);
    let name = format!("o{}", draws.below(4));
    if let Some(old) = stage["objectives"].get(&name) {
        for kept in ["optional", "hidden_until", "branch", "after"] {
            if let Some(value) = old.get(kept) {
                new[kept] = value.clone();
            }
        }
    }
    stage["objectives"][&name] = new;
}

/// Gives a stage or an objective another id, and takes a stage or an objective away now and then.
fn rename_part(def: &mut Json, draws: &mut Draws) {
    let number = draws.below(1_000);
    let stages = map(&mut def["stages"]);
    let (several, name) = (stages.len() > 1, any_of(stages, draws).0.clone());
    match draws.below(6) {
        0 if several => drop(stages.remove(&name)),
        1 | 2 => {
            let mut stage = stages.remove(&name).expect("it is there");
            stage["moved_from"] = json!(name);
            let to = format!("s{number}");
            stages.insert(to.clone(), stage);
            for stage in stages.values_mut() {
                follow(stage, "after", &name, &to);
            }
            let slots = def["rewards"]["slots"].as_object_mut();
            slots.into_iter().flat_map(Map::values_mut).for_each(|slot| follow(slot, "after", &name, &to));
        }
        3 => {
            let objectives = map(&mut stages[&name]["objectives"]);
            let name = any_of(objectives, draws).0.clone();
            if objectives.len() > 1 {
                objectives.remove(&name);
            }
        }
        _ => {
            let objectives = map(&mut stages[&name]["objectives"]);
            let former = any_of(objectives, draws).0.clone();
            let mut moved = objectives.remove(&former).expect("it is there");
            moved["moved_from"] = json!(former);
            let to = format!("o{number}");
            objectives.insert(to.clone(), moved);
            for objective in objectives.values_mut() {
                let named =
                    objective.get_mut("hidden_until").and_then(Json::as_array_mut).into_iter().flatten();
                named.filter(|name| **name == *former).for_each(|name| *name = json!(to));
                if objective.get("after").is_some_and(|after| *after == *former) {
                    objective["after"] = json!(to);
                }
            }
            let slots = def["rewards"]["slots"].as_object_mut();
            for slot in slots.into_iter().flat_map(Map::values_mut) {
                if let Some(plus) = slot.get_mut("plus") {
                    follow(plus, "objectives", &former, &to);
                }
            }
        }
    }
}

/// What names another by its former id names it by its new one.
fn follow(of: &mut Json, key: &str, former: &str, to: &str) {
    let Some(named) = of.get_mut(key).and_then(Json::as_object_mut) else { return };
    if let Some(value) = named.remove(former) {
        named.insert(to.to_owned(), value);
    }
}

/// Takes out of a quest that has been put together what a check would refuse.
fn mend(def: &mut Json) {
    if def["turn_in"] == "auto"
        && let Some(slots) = def["rewards"]["slots"].as_object_mut()
    {
        slots.retain(|_, slot| slot.get("choice").is_none());
    }
    let text = def.to_string();
    let since_reset = text.contains("\"since\":\"reset\"");
    let dated = ["daily", "monthly", "calendar"].iter().any(|key| def["repeat"].get(key).is_some());
    if since_reset && !dated {
        def["repeat"] = json!({"daily": {"at": "04:00", "zone": "UTC"}});
    }
    let stages = map(&mut def["stages"]);
    let names: Vec<String> = stages.keys().cloned().collect();
    for stage in stages.values_mut() {
        if let Some(after) = stage.get_mut("after").and_then(Json::as_object_mut) {
            after.retain(|name, _| names.contains(name));
        }
        let in_order = stage["complete"].as_str().is_some_and(|complete| complete.ends_with("sequence"));
        let objectives = map(&mut stage["objectives"]);
        let counting: Vec<String> = objectives
            .iter()
            .filter(|(_, of)| of.get("since").is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let named: Vec<String> = objectives.keys().cloned().collect();
        for (name, objective) in objectives.iter_mut() {
            let of = map(objective);
            // A counter is read in one way.
            if since_reset && of.get("since").is_some_and(|since| since == "available") {
                of.insert("since".to_owned(), json!("reset"));
            }
            if in_order {
                ["optional", "hidden_until", "after", "branch", "latched"]
                    .iter()
                    .for_each(|key| drop(of.remove(*key)));
            }
            if let Some(until) = of.get_mut("hidden_until").and_then(Json::as_array_mut) {
                until.retain(|other| *other != **name && named.iter().any(|name| *other == **name));
            }
            let after = of.get("after").and_then(Json::as_str);
            if after.is_some_and(|after| after == name || !counting.iter().any(|of| of == after))
                || of.contains_key("since")
            {
                of.remove("after");
            }
            let loose =
                ["window", "last", "minus", "everyone", "holds"].iter().any(|key| of.contains_key(*key));
            if !loose {
                of.remove("latched");
            }
        }
    }
}
