//! What differs between two worlds: as edits for the graph, and for people to read.
//!
//! Only what differs is an edit. What is fixed while a realm runs is named, and never an edit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use worldflow_operators::sql::View;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{ArcDef, Ordered, QuestDef};
use worldflow_schemas::input::DefinitionEdit;

use crate::text::Translation;
use crate::world::LoadedWorld;

/// What becomes of a definition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is another.
    Changed,
    /// It has another id, and may be another too.
    Renamed,
    /// It goes.
    Removed,
}

/// A definition that differs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// `quest`, `climate`, `schedule`, `npc`, `rule`, `lore`, `view` or `text`.
    pub kind: String,
    /// Its id; of a text, its language.
    pub id: String,
    /// What becomes of it.
    pub change: Change,
    /// Its former id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where in it, and what was and is there: `stages.hunt.objectives.wolves.count: 3 → 2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

/// What differs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Difference {
    /// Every definition that differs, by kind and id.
    pub definitions: Vec<Changed>,
    /// What is fixed while a realm runs and differs: keys of `world.yaml`, or `entities.yaml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
}

/// The most places of one definition that are said.
const MOST_PARTS: usize = 40;

/// The kind of a language's texts.
const TEXT: &str = "text";

impl Difference {
    /// What differs in `new`.
    #[must_use]
    pub fn of(old: &LoadedWorld, new: &LoadedWorld) -> Difference {
        let mut all = quests(&old.quests, &new.quests);
        all.extend(plain("climate", &old.climates, &new.climates));
        all.extend(plain("schedule", &old.schedules, &new.schedules));
        all.extend(plain("npc", &old.npcs, &new.npcs));
        all.extend(plain("rule", &old.rules, &new.rules));
        all.extend(plain("storylet", &old.storylets, &new.storylets));
        all.extend(plain("behaviour", &old.behaviours, &new.behaviours));
        all.extend(plain("prompt", &old.prompts, &new.prompts));
        all.extend(arcs(&old.arcs, &new.arcs));
        all.extend(plain("dialogue", &old.dialogues, &new.dialogues));
        all.extend(plain("lore", &old.lore, &new.lore));
        all.extend(plain("view", &shapes(old), &shapes(new)));
        all.extend(plain(TEXT, &texts(old), &texts(new)));
        Difference { definitions: all, fixed: fixed(old, new) }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty() && self.fixed.is_empty()
    }

    /// What the graph is told: one edit for each definition that differs, two for one that has another id.
    #[must_use]
    pub fn edits(&self, new: &LoadedWorld) -> Vec<DefinitionEdit> {
        let mut edits = Vec::new();
        for changed in &self.definitions {
            // Nothing of the graph depends on translations.
            if changed.kind == TEXT {
                continue;
            }
            let ids = changed.from.iter().chain([&changed.id]);
            edits.extend(ids.map(|id| edit(&changed.kind, id, new)));
        }
        edits
    }

    /// The ids of definitions of a kind that have others now, by the former.
    #[must_use]
    pub fn renamed(&self, kind: &str) -> BTreeMap<&str, &str> {
        let of_kind = self.definitions.iter().filter(|changed| changed.kind == kind);
        of_kind.filter_map(|changed| Some((changed.from.as_deref()?, changed.id.as_str()))).collect()
    }
}

fn edit(kind: &str, id: &str, new: &LoadedWorld) -> DefinitionEdit {
    let sym = Sym::new(id);
    match kind {
        "quest" => DefinitionEdit::Quest(sym, new.quests.get(id).cloned()),
        "climate" => DefinitionEdit::Climate(sym, new.climates.get(id).cloned()),
        "schedule" => DefinitionEdit::Schedule(sym, new.schedules.get(id).cloned()),
        "rule" => DefinitionEdit::Rule(sym, new.rules.get(id).cloned()),
        "behaviour" => DefinitionEdit::Behaviour(sym, new.behaviours.get(id).cloned()),
        "prompt" => DefinitionEdit::Prompt(sym, new.prompts.get(id).cloned()),
        "storylet" => DefinitionEdit::Storylet(sym, new.storylets.get(id).cloned()),
        "arc" => DefinitionEdit::Arc(sym, new.arcs.get(id).cloned()),
        "dialogue" => DefinitionEdit::Dialogue(sym, new.dialogues.get(id).cloned()),
        "lore" => DefinitionEdit::Lore(sym, new.lore.get(id).cloned()),
        "view" => DefinitionEdit::View(sym, new.views.get(id).cloned()),
        _ => DefinitionEdit::Npc(sym, new.npcs.get(id).cloned()),
    }
}

/// A view in SQL, as those who read its rows know it.
#[derive(PartialEq, Serialize)]
struct Shape {
    sql: String,
    key: Vec<String>,
    columns: BTreeMap<String, &'static str>,
}

/// The views in SQL with what their rows are; that may change although the statement does not, when a view that it reads is another.
fn shapes(world: &LoadedWorld) -> BTreeMap<String, Arc<Shape>> {
    let shape = |view: View| {
        let key = view.columns.iter().take(view.key).map(|column| column.name.clone()).collect();
        let columns = view
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.kind.column_type().name()))
            .collect();
        (view.name, Arc::new(Shape { sql: view.sql, key, columns }))
    };
    world.planned_views().into_iter().map(shape).collect()
}

/// The texts of each language by key; what definitions say in the world's own language is theirs.
fn texts(world: &LoadedWorld) -> BTreeMap<String, Arc<BTreeMap<String, Translation>>> {
    let Some(texts) = &world.texts else { return BTreeMap::new() };
    let own = texts.sources.iter().filter(|(_, source)| source.place.starts_with("text/"));
    let own = own.map(|(key, source)| (key.clone(), Translation::of_text(&source.text)));
    let mut all = texts.translations.clone();
    all.insert(texts.source.name().to_owned(), own.collect());
    all.into_iter().map(|(locale, texts)| (locale, Arc::new(texts))).collect()
}

fn plain<T: Serialize + PartialEq>(
    kind: &str,
    old: &BTreeMap<String, Arc<T>>,
    new: &BTreeMap<String, Arc<T>>,
) -> Vec<Changed> {
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = |id: &String| {
        let (was, now) = (old.get(id), new.get(id));
        let (change, parts) = match (was, now) {
            (None, _) => (Change::Added, Vec::new()),
            (Some(_), None) => (Change::Removed, Vec::new()),
            (Some(was), Some(now)) if was == now => return None,
            (Some(was), Some(now)) => (Change::Changed, parts(&**was, &**now)),
        };
        Some(Changed { kind: kind.to_owned(), id: id.clone(), change, from: None, parts })
    };
    ids.into_iter().filter_map(changed).collect()
}

type Defs<T> = BTreeMap<String, Arc<T>>;

fn quests(old: &Defs<QuestDef>, new: &Defs<QuestDef>) -> Vec<Changed> {
    let from = |def: &QuestDef| def.moved_from.clone();
    moved("quest", (old, new), from, |old, new| old.scope == new.scope, orders)
}

/// What holders have of an arc goes along also where others are to hold it then.
fn arcs(old: &Defs<ArcDef>, new: &Defs<ArcDef>) -> Vec<Changed> {
    moved("arc", (old, new), |def| def.moved_from.clone(), |_, _| true, orders_of_arc)
}

/// What differs of definitions that may have other ids, and in which the order of some entries means something.
fn moved<T: Serialize + PartialEq>(
    kind: &str,
    (old, new): (&Defs<T>, &Defs<T>),
    from: impl Fn(&T) -> Option<String>,
    may: impl Fn(&T, &T) -> bool,
    orders: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Changed> {
    let moves = moves(old, new, from, may);
    let mut all = plain(kind, old, new);
    all.retain(|changed| !moves.iter().any(|(to, from)| *to == changed.id || *from == changed.id));
    for changed in all.iter_mut().filter(|changed| changed.change == Change::Changed) {
        changed.parts.extend(orders(&old[&changed.id], &new[&changed.id]));
    }
    all.extend(moves.into_iter().map(|(to, from)| {
        let parts = parts(&*old[&from], &*new[&to]);
        Changed { kind: kind.to_owned(), id: to, change: Change::Renamed, from: Some(from), parts }
    }));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// The definitions that go on under other ids, as docs/semantics.md says: the new id and the former.
fn moves<T>(
    old: &Defs<T>,
    new: &Defs<T>,
    from: impl Fn(&T) -> Option<String>,
    may: impl Fn(&T, &T) -> bool,
) -> Vec<(String, String)> {
    let come: Vec<(&String, &Arc<T>)> = new.iter().filter(|(id, _)| !old.contains_key(*id)).collect();
    let gone: Vec<(&String, &Arc<T>)> = old.iter().filter(|(id, _)| !new.contains_key(*id)).collect();
    let mut moves: Vec<(String, String)> = Vec::new();
    for said in [true, false] {
        for (id, def) in &come {
            let moved_from = from(def);
            let mut gone = gone.iter();
            let was = if said {
                gone.find(|(was, _)| Some(*was) == moved_from.as_ref())
            } else {
                gone.find(|(_, was)| from(was).as_ref() == Some(id))
            };
            let free = |of: &&&(&String, &Arc<T>)| !moves.iter().any(|(to, was)| to == *id || was == of.0);
            if let Some((was, _)) = was.as_ref().filter(free).filter(|of| may(of.1, def)) {
                moves.push(((*id).clone(), (*was).clone()));
            }
        }
    }
    moves
}

/// Where each entry of `new` was in `old`, by id or by what is said of a move.
pub(super) fn was<'a, T>(
    old: &'a Ordered<T>,
    new: &Ordered<T>,
    id: &str,
    moved_from: impl Fn(&T) -> Option<&str>,
) -> Option<(&'a str, &'a T)> {
    if let Some((id, was)) = old.iter().find(|(other, _)| *other == id) {
        return Some((id, was));
    }
    let said = new.get(id).and_then(&moved_from);
    let gone = |other: &str| new.get(other).is_none();
    let by_said = old.iter().find(|(other, _)| Some(*other) == said && gone(other));
    by_said.or_else(|| old.iter().find(|(other, was)| moved_from(was) == Some(id) && gone(other)))
}

/// The places in which two definitions differ, with what is there.
fn parts<T: Serialize>(old: &T, new: &T) -> Vec<String> {
    let json = |def: &T| serde_json::to_value(def).unwrap_or_default();
    let mut parts = Vec::new();
    differ("", &json(old), &json(new), &mut parts);
    if let Some(more) = parts.len().checked_sub(MOST_PARTS).filter(|more| *more > 0) {
        parts.truncate(MOST_PARTS);
        parts.push(format!("{more} more places"));
    }
    parts
}

fn differ(path: &str, old: &Json, new: &Json, parts: &mut Vec<String>) {
    let (Json::Object(was), Json::Object(now)) = (old, new) else {
        if old != new {
            let (was, now) = (line(old), line(new));
            let from = differs_from(&was, &now);
            parts.push(format!("{path}: {} → {}", cut(&was, from), cut(&now, from)));
        }
        return;
    };
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let mut renamed: BTreeSet<&String> = BTreeSet::new();
    for (key, before) in was {
        let goes_on =
            || now.iter().find(|to| !renamed.contains(to.0) && is_renamed((key, before), *to, was, now));
        match now.get(key) {
            Some(now) => differ(&below(key), before, now, parts),
            None => match goes_on() {
                Some((to, now)) => {
                    renamed.insert(to);
                    parts.push(format!("{}: until now {key}", below(to)));
                    differ(&below(to), before, now, parts);
                }
                None => parts.push(format!("{}: {} → nothing", below(key), short(before))),
            },
        }
    }
    let came = now.iter().filter(|(key, _)| !was.contains_key(*key) && !renamed.contains(key));
    parts.extend(came.map(|(key, now)| format!("{}: nothing → {}", below(key), short(now))));
}

/// Whether an entry that is gone goes on as one that comes: that one was moved from it, or is what it had been moved from.
fn is_renamed(
    (from, before): (&String, &Json),
    (to, after): (&String, &Json),
    was: &serde_json::Map<String, Json>,
    now: &serde_json::Map<String, Json>,
) -> bool {
    let said = |def: &Json, id: &String| def.get("moved_from").and_then(Json::as_str) == Some(id.as_str());
    let others = || now.iter().any(|(id, def)| !was.contains_key(id) && said(def, from));
    !was.contains_key(to) && (said(after, from) || said(before, to) && !others())
}

/// Entries of two maps that have another order.
fn order<T>(old: &Ordered<T>, new: &Ordered<T>) -> Option<String> {
    let common = |of: &Ordered<T>, other: &Ordered<T>| -> Vec<String> {
        of.iter().map(|(id, _)| id.to_owned()).filter(|id| other.get(id).is_some()).collect()
    };
    let now = common(new, old);
    (common(old, new) != now).then(|| now.join(", "))
}

/// Beats and branches that have another order: it means something.
fn orders_of_arc(old: &ArcDef, new: &ArcDef) -> Vec<String> {
    let beats = order(&old.beats, &new.beats).map(|now| format!("beats: the order is {now}"));
    let branches = new.beats.iter().filter_map(|(id, beat)| {
        let now = order(&old.beats.get(id)?.branches, &beat.branches)?;
        Some(format!("beats.{id}.branches: the order is {now}"))
    });
    beats.into_iter().chain(branches).collect()
}

/// Stages and objectives that have another order: it means something.
fn orders(old: &QuestDef, new: &QuestDef) -> Vec<String> {
    let stages = order(&old.stages, &new.stages).map(|now| format!("stages: the order is {now}"));
    let objectives = new.stages.iter().filter_map(|(id, stage)| {
        let now = order(&old.stages.get(id)?.objectives, &stage.objectives)?;
        Some(format!("stages.{id}.objectives: the order is {now}"))
    });
    stages.into_iter().chain(objectives).collect()
}

/// So many characters of a text are shown.
const SHOWN: usize = 80;

/// And so many of them before what differs.
const BEFORE: usize = 20;

/// JSON in a line, cut off.
fn short(json: &Json) -> String {
    cut(&line(json), 0)
}

fn line(json: &Json) -> String {
    match json {
        Json::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// The character from which on two long texts are shown, so that the first in which they differ is.
fn differs_from(was: &str, now: &str) -> usize {
    let long = was.chars().count().max(now.chars().count()) > SHOWN;
    let same = was.chars().zip(now.chars()).take_while(|(was, now)| was == now).count();
    if long && same >= SHOWN - BEFORE { same - BEFORE } else { 0 }
}

fn cut(text: &str, from: usize) -> String {
    let mut chars = text.chars().skip(from);
    let shown: String = chars.by_ref().take(SHOWN).collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if chars.next().is_some() { "…" } else { "" });
    format!("{before}{shown}{after}")
}

/// What of a world is fixed while a realm runs, and differs.
fn fixed(old: &LoadedWorld, new: &LoadedWorld) -> Vec<String> {
    if old.world == new.world {
        return Vec::new();
    }
    let json = |world: &LoadedWorld| match serde_json::to_value(&*world.world) {
        Ok(Json::Object(world)) => world,
        _ => serde_json::Map::new(),
    };
    let (was, now) = (json(old), json(new));
    let keys: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
    let differ = keys.into_iter().filter(|key| was.get(*key) != now.get(*key));
    let said = differ.map(|key| match key.as_str() {
        "entities" => "entities.yaml".to_owned(),
        key => format!("world.yaml: {key}"),
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_a_long_text_is_shown() {
        let view = |bound: &str| {
            format!(
                "CREATE VIEW v AS\n  SELECT player, count(*) AS kills FROM events WHERE kind = 'kill' AND now() <= at + INTERVAL '{bound}' GROUP BY player"
            )
        };
        let mut parts = Vec::new();
        let json = |text: String| serde_json::json!({"sql": text});
        differ("", &json(view("1 hour")), &json(view("2 hours")), &mut parts);
        assert_eq!(
            parts,
            [
                "sql: …) <= at + INTERVAL '1 hour' GROUP BY player → …) <= at + INTERVAL '2 hours' GROUP BY player"
            ]
        );
        let mut parts = Vec::new();
        differ("a", &serde_json::json!("x".repeat(90)), &serde_json::json!("y\nz"), &mut parts);
        assert_eq!(parts, [format!("a: {}… → y z", "x".repeat(80))]);
    }
}
