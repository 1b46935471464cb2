//! Templates: quests written once with parameters, and a table of the quests made of them.
//!
//! `templates/*.yaml ─a row of the table put into the quest→ documents of quests`
//!
//! A template is gone once a world is loaded: what is checked, sealed and run are the quests. A problem in one
//! points into the template, or at the value in the table that was put there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::collected::report;
use super::node::{Key, Node, NodeValue};
use super::problem::{Problems, Severity, hint};
use super::reading::{self, STAND_IN};
use super::spot::{Document, Spot};

/// The most values that all templates of a world may expand to.
const MOST_NODES: usize = 2_000_000;

/// A quest with parameters, and the quests made of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateDef {
    /// What differs, by name.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, ParameterDef>,
    /// The quest. `${name}` in a value or a key stands for a parameter: `count: ${count}`,
    /// `title: Hunt the ${beast}`.
    pub(crate) quest: serde_json::Value,
    /// The quests made of it, by id, each with its values: `hunt_wolves: {beast: wolf, count: 5}`.
    pub(crate) quests: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// A parameter.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ParameterDef {
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) doc: String,
    /// Its value where none is given; without it each quest must give one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<serde_json::Value>,
}

/// Whether a file holds templates.
pub(crate) fn is_template(file: &str) -> bool {
    let stem = file.trim_end_matches(".yaml").trim_end_matches(".yml");
    stem.split_once('/').map_or(stem, |(folder, _)| folder) == "templates"
}

/// What is made of templates.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The quests, as if they stood in the templates' files.
    pub(crate) documents: Vec<Document>,
}

/// The quests made of all templates.
pub(crate) fn expand(documents: &[Document], problems: &mut Problems) -> Made {
    let mut left = MOST_NODES;
    let mut made = Made::default();
    for document in documents.iter().filter(|document| is_template(&document.file)) {
        let top = Spot::top(document);
        let NodeValue::Map(templates) = &document.root.value else {
            if document.root.value != NodeValue::Null {
                let text = "expected a map keyed by id".to_owned();
                let hint = "a file of this kind is a map: `id: {parameters: ..., quest: ..., quests: ...}`";
                problems.0.push(top.problem(Severity::Error, text, Some(hint.to_owned())));
            }
            continue;
        };
        for (key, node) in templates {
            let (template, misfits) = reading::read::<TemplateDef>(Some(key), node);
            report(&document.file, &misfits, problems);
            if template.is_none() || !misfits.is_empty() {
                continue;
            }
            let spot = Spot { file: &document.file, place: key.place, node: Some(node) };
            let document = quests(spot, &document.file, &mut left, problems);
            made.documents.extend(document);
        }
    }
    made
}

/// The quests of one template.
fn quests(spot: Spot<'_>, file: &str, left: &mut usize, problems: &mut Problems) -> Option<Document> {
    let node = spot.node?;
    let (_, quest) = node.get("quest")?;
    let parameters = node.get("parameters").map_or(&[][..], |(_, parameters)| parameters.entries());
    let mut entries = Vec::new();
    for (id, values) in node.get("quests")?.1.entries() {
        let at = Spot { file, place: id.place, node: Some(values) };
        let mut expansion = Expansion {
            file,
            parameters,
            given: BTreeMap::new(),
            left: &mut *left,
            problems: &mut *problems,
        };
        expansion.give(values, at);
        match expansion.put(quest) {
            Some(made) => entries.push((id.clone(), made)),
            None => {
                let text = format!("the templates of this world grow to more than {MOST_NODES} values");
                let hint = "make fewer quests of them".to_owned();
                problems.0.push(at.problem(Severity::Error, text, Some(hint)));
                return None;
            }
        }
    }
    Some(Document {
        file: file.to_owned(),
        root: Node { value: NodeValue::Map(entries), place: node.place, jumps: None },
    })
}

/// A row of the table put into a quest.
struct Expansion<'a, 'p> {
    file: &'a str,
    parameters: &'a [(Key, Node)],
    given: BTreeMap<&'a str, &'a Node>,
    left: &'p mut usize,
    problems: &'p mut Problems,
}

impl<'a> Expansion<'a, '_> {
    /// Takes the values of a row; what is unknown or missing is reported.
    fn give(&mut self, values: &'a Node, at: Spot<'_>) {
        let parameters = self.parameters;
        let names = || parameters.iter().map(|(key, _)| key.text.as_str());
        for (key, value) in values.entries() {
            if names().any(|name| name == key.text) {
                self.given.insert(&key.text, value);
            } else {
                let hint = hint(&key.text, names(), &format!("it has {}", listed(names())));
                let spot = Spot { place: key.place, ..at };
                self.report(spot, format!("the template has no parameter `{}`", key.text), hint);
            }
        }
        for (key, parameter) in parameters {
            if self.given.contains_key(key.text.as_str()) {
                continue;
            }
            match parameter.get("default") {
                Some((_, default)) => drop(self.given.insert(&key.text, default)),
                None => {
                    let hint = "give it here, or give the parameter a `default`".to_owned();
                    self.report(at, format!("the parameter `{}` is missing", key.text), hint);
                }
            }
        }
    }

    fn report(&mut self, spot: Spot<'_>, message: String, hint: String) {
        self.problems.0.push(spot.problem(Severity::Error, message, Some(hint)));
    }

    /// A node with values in the places of parameters; `None` when it grows too large.
    fn put(&mut self, node: &Node) -> Option<Node> {
        *self.left = self.left.checked_sub(1)?;
        let value = match &node.value {
            NodeValue::Text(text) => match whole(text).and_then(|name| self.given.get(name)) {
                Some(given) => {
                    *self.left = self.left.checked_sub(size(given))?;
                    return Some((*given).clone());
                }
                None => NodeValue::Text(self.text(text, node)),
            },
            NodeValue::List(items) => {
                NodeValue::List(items.iter().map(|item| self.put(item)).collect::<Option<_>>()?)
            }
            NodeValue::Map(entries) => {
                let mut put = Vec::new();
                for (key, value) in entries {
                    let text =
                        self.text(&key.text, &Node { value: NodeValue::Null, place: key.place, jumps: None });
                    put.push((Key { text, place: key.place }, self.put(value)?));
                }
                NodeValue::Map(put)
            }
            other => other.clone(),
        };
        // A text that something was put into no longer stands where its parts stood.
        let jumps = node.jumps.clone().filter(|_| value == node.value);
        Some(Node { value, place: node.place, jumps })
    }

    /// A text with values in the places of parameters.
    fn text(&mut self, text: &str, node: &Node) -> String {
        let mut made = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            made.push_str(before);
            match self.given.get(name).map(|given| plain(given)) {
                Some(Some(value)) => made.push_str(&value),
                Some(None) => {
                    let message = format!("`{name}` is put into a text and is no text or number");
                    let spot = Spot { file: self.file, place: node.place, node: None };
                    self.report(spot, message, "let it be all of the value: `key: ${name}`".to_owned());
                }
                // That it is not given has been said.
                None if self.parameters.iter().any(|(key, _)| key.text == name) => made.push_str(STAND_IN),
                None => {
                    made.push_str(STAND_IN);
                    let names = || self.parameters.iter().map(|(key, _)| key.text.as_str());
                    let message = format!("the template has no parameter `{name}`");
                    let hint = hint(name, names(), &format!("it has {}", listed(names())));
                    self.report(Spot { file: self.file, place: node.place, node: None }, message, hint);
                }
            }
            rest = after;
        }
        made.push_str(rest);
        made
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none; declare it under `parameters`".to_owned() } else { names.join(", ") }
}

/// The parameter that a text is all of.
fn whole(text: &str) -> Option<&str> {
    next(text).filter(|(before, _, after)| before.is_empty() && after.is_empty()).map(|(_, name, _)| name)
}

/// The first parameter in a text, with what is before and after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn plain(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::Text(text) => Some(text.clone()),
        NodeValue::Int(n) => Some(n.to_string()),
        NodeValue::Float(n) => Some(n.to_string()),
        NodeValue::Bool(b) => Some(b.to_string()),
        NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) | NodeValue::Tag(_) => None,
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        NodeValue::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        NodeValue::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
        _ => 1,
    }
}
