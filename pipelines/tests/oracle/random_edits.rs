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
            let def = quest(draws, &names_or(&names));
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
                let def = quest(draws, &names);
                self.now.insert(name, def);
            }
            3 | 4 => self.rename(&name, draws),
            _ => {
                let def = self.now.get_mut(&name).expect("it is there");
                part(def, &names, draws);
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

/// A quest in the words that edits are drawn for.
fn quest(draws: &mut Draws, names: &[String]) -> Json {
    plain(random::quest(draws, names))
}

/// Takes out what asks how far other quests are.
fn without_progress(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.remove("progress");
            fields.values_mut().for_each(without_progress);
        }
        Json::Array(items) => items.iter_mut().for_each(without_progress),
        _ => {}
    }
}

/// What of a quest is drawn in worlds that are edited: the words that came first. What edits do to the others is
/// shown by golden worlds.
pub fn plain(mut quest: Json) -> Json {
    without_progress(&mut quest);
    let fields = quest.as_object_mut().expect("a map");
    ["pool", "credit", "window", "roles"].iter().for_each(|key| drop(fields.remove(*key)));
    if let Some(patterns) = fields.get_mut("fail_on").and_then(Json::as_array_mut) {
        patterns.iter_mut().filter_map(Json::as_object_mut).for_each(|of| drop(of.remove("role")));
    }
    if fields["accept"] == "offered" {
        fields["accept"] = json!("manual");
    }
    let dated = fields
        .get("repeat")
        .is_some_and(|repeat| ["daily", "monthly", "calendar"].iter().any(|key| repeat.get(key).is_some()));
    if dated {
        fields["repeat"] = json!({"daily": {"at": "04:00", "zone": "UTC"}});
    }
    for stage in fields["stages"].as_object_mut().expect("a map").values_mut() {
        let stage = stage.as_object_mut().expect("a map");
        ["times", "after", "reset_on"].iter().for_each(|key| drop(stage.remove(*key)));
        if stage["complete"] == "strict_sequence" {
            stage["complete"] = json!("sequence");
        }
        for objective in stage["objectives"].as_object_mut().expect("a map").values_mut() {
            *objective = plain_objective(objective.take(), dated);
        }
    }
    let rewards = fields["rewards"].as_object_mut().expect("a map");
    rewards.remove("on_revoke");
    if let Some(to) = rewards.get_mut("to")
        && to.get("finisher").is_none()
        && to.get("contributors").and_then(|of| of.get("at_least")).is_none()
    {
        *to = json!({"finisher": {}});
    }
    for slot in rewards["slots"].as_object_mut().expect("a map").values_mut() {
        let words = slot.as_object().expect("a map");
        if slot["item"] == "experience" || !words.keys().all(|key| key == "item" || key == "amount") {
            *slot = json!({"item": "ore", "amount": 3});
        }
    }
    quest
}

fn plain_objective(mut objective: Json, resets: bool) -> Json {
    without_progress(&mut objective);
    const LATER: [&str; 13] = [
        "holds",
        "percent",
        "window",
        "half_life",
        "streak",
        "players",
        "everyone",
        "role",
        "minus",
        "last",
        "min",
        "reset_on",
        "latched",
    ];
    let since = objective.get("since").and_then(Json::as_str);
    let other = LATER.iter().any(|key| objective.get(key).is_some())
        || since == Some("available")
        || (since == Some("reset") && !resets);
    if other {
        let kept = ["optional", "hidden_until"].map(|key| (key, objective.get(key).cloned()));
        objective = json!({"event": "kill", "count": 2});
        kept.into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .for_each(|(key, value)| objective[key] = value);
    }
    let fields = objective.as_object_mut().expect("a map");
    fields.remove("branch");
    if fields.remove("after").is_some() {
        fields.remove("within");
    }
    objective
}

fn names_or(names: &[String]) -> Vec<String> {
    if names.is_empty() { vec!["q0".to_owned()] } else { names.to_vec() }
}

/// Changes one part of a quest.
fn part(def: &mut Json, names: &[String], draws: &mut Draws) {
    let other = quest(draws, names);
    match draws.below(12) {
        0 => put(def, &other, "requires"),
        1 => put(def, &other, "exclusive_group"),
        2 => put(def, &other, "deadline"),
        3 => put(def, &other, "fail_on"),
        4 => put(def, &other, "fail_when"),
        5 => {
            def["rewards"] = other["rewards"].clone();
            put(def, &other, "effects");
            if def["scope"] != "player" {
                def.as_object_mut().expect("a map").remove("effects");
            }
        }
        6 => {
            def["turn_in"] = other["turn_in"].clone();
            def["accept"] = other["accept"].clone();
        }
        7 => {
            // What counts since a reset needs one.
            if !def.to_string().contains("\"reset\"") {
                put(def, &other, "repeat");
            }
        }
        8 | 9 => threshold(def, draws),
        10 => rename_part(def, draws),
        _ => {
            let daily = def["repeat"].get("daily").is_some();
            let scope = def["scope"].as_str().expect("it has one").to_owned();
            let since = if daily { "reset" } else { "ever" };
            let new = plain_objective(random::objective(draws, names, &scope, since), true);
            let stage = any_stage(def, draws);
            let name = format!("o{}", draws.below(4));
            let mut new = new;
            if let Some(old) = stage["objectives"].get(&name) {
                for kept in ["optional", "hidden_until"] {
                    if let Some(value) = old.get(kept) {
                        new[kept] = value.clone();
                    }
                }
            }
            stage["objectives"][&name] = new;
        }
    }
}

fn put(def: &mut Json, other: &Json, key: &str) {
    match other.get(key) {
        Some(value) => def[key] = value.clone(),
        None => drop(def.as_object_mut().expect("a map").remove(key)),
    }
}

fn any_stage<'a>(def: &'a mut Json, draws: &mut Draws) -> &'a mut Json {
    let stages = def["stages"].as_object_mut().expect("a map");
    let place = usize::try_from(draws.below(stages.len() as u64)).expect("small");
    stages.iter_mut().nth(place).expect("there is one").1
}

fn threshold(def: &mut Json, draws: &mut Draws) {
    let need = 1 + draws.below(7);
    let stage = any_stage(def, draws);
    let objectives = stage["objectives"].as_object_mut().expect("a map");
    let place = usize::try_from(draws.below(objectives.len() as u64)).expect("small");
    let objective = objectives.iter_mut().nth(place).expect("there is one").1;
    for key in ["count", "sum", "distinct", "max"] {
        if objective.get(key).is_some() {
            objective[key] = json!(need);
        }
    }
}

/// Gives a stage or an objective another id, and takes a stage away or adds one now and then.
fn rename_part(def: &mut Json, draws: &mut Draws) {
    let number = draws.below(1_000);
    let stages = def["stages"].as_object_mut().expect("a map");
    let names: Vec<String> = stages.keys().cloned().collect();
    let name = names[usize::try_from(draws.below(names.len() as u64)).expect("small")].clone();
    match draws.below(4) {
        0 if names.len() > 1 => drop(stages.remove(&name)),
        1 => {
            let mut stage = stages.remove(&name).expect("it is there");
            stage["moved_from"] = json!(name);
            stages.insert(format!("s{number}"), stage);
        }
        _ => {
            let stage = stages.get_mut(&name).expect("it is there");
            let objectives = stage["objectives"].as_object_mut().expect("a map");
            let place = usize::try_from(draws.below(objectives.len() as u64)).expect("small");
            let former = objectives.keys().nth(place).expect("there is one").clone();
            let mut moved = objectives.remove(&former).expect("it is there");
            moved["moved_from"] = json!(former);
            let to = format!("o{number}");
            objectives.insert(to.clone(), moved);
            follow(objectives, &former, &to);
        }
    }
}

/// What is hidden until an objective is done names it by its new id.
fn follow(objectives: &mut Map<String, Json>, former: &str, to: &str) {
    for objective in objectives.values_mut() {
        let Some(until) = objective.get_mut("hidden_until").and_then(Json::as_array_mut) else { continue };
        for name in until.iter_mut().filter(|name| *name == former) {
            *name = json!(to);
        }
    }
}
