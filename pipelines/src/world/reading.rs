//! Trees to definitions, with every problem of shape and not only the first.
//!
//! What serde refuses is noted with its place, cut out of the tree, and the rest is read again, until it fits or nothing more can be
//! cut. Where a key that is needed is missing something may stand in for it, so that what is around it is not lost with it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::node::{Key, Node, NodeValue};
use super::shape::{At, ShapeProblem};

/// The most problems of shape that are looked for in one definition.
const MAX_PROBLEMS: usize = 50;

/// What stands for a text that is missing: nobody can write it, so what is said of it is said of nothing.
pub(super) const STAND_IN: &str = "\u{0}";

/// Reads `node` as a `T`. The definition is `None` when too little of it fits; what does not fit is
/// in the list either way.
pub(crate) fn read<T: DeserializeOwned>(key: Option<&Key>, node: &Node) -> (Option<T>, Vec<ShapeProblem>) {
    read_with(key, node, false)
}

/// The same, but something stands in for what is needed and missing, or could not be read: what is left can be checked.
pub(crate) fn read_most<T: DeserializeOwned>(
    key: Option<&Key>,
    node: &Node,
) -> (Option<T>, Vec<ShapeProblem>) {
    read_with(key, node, true)
}

fn read_with<T: DeserializeOwned>(
    key: Option<&Key>,
    node: &Node,
    stands_in: bool,
) -> (Option<T>, Vec<ShapeProblem>) {
    let notes = RefCell::new(BTreeSet::new());
    let mut tree = node.clone();
    let (mut cut_at, mut stood) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..MAX_PROBLEMS {
        let key_place = key.map(|key| key.place);
        let at = At { node: &tree, key: key_place, name: key.map_or("", |key| &key.text), notes: &notes };
        let mut error = match T::deserialize(at) {
            Ok(definition) => return (Some(definition), notes.into_inner().into_iter().collect()),
            Err(error) => error,
        };
        error.path.reverse();
        let within = stood.iter().any(|path: &Vec<String>| error.path.starts_with(path));
        // What is wrong because something was cut out of it is not another problem.
        if !within && !cut_at.contains(&error.path) {
            let place = error.place.or(key_place).unwrap_or(node.place);
            let about = node_at(&mut tree, &error.path).map_or(place, |node| node.place);
            notes.borrow_mut().insert(ShapeProblem {
                place,
                about: (!error.missing || !error.path.is_empty()).then_some(about),
                message: error.message,
                hint: error.hint,
            });
        }
        let goes_on = match error.field.filter(|_| stands_in) {
            Some(field) => {
                let stands = stand_in(&mut tree, &error.path, field);
                error.path.push(field.to_owned());
                stood.insert(error.path);
                stands
            }
            None => !within && cut(&mut tree, &error.path, &mut cut_at),
        };
        if !goes_on {
            break;
        }
    }
    (None, notes.into_inner().into_iter().collect())
}

/// Puts something into the map at the path for a key that is missing; false where there is no map.
fn stand_in(tree: &mut Node, path: &[String], field: &str) -> bool {
    let Some(node) = node_at(tree, path) else { return false };
    let place = node.place;
    let entry = (
        Key { text: field.to_owned(), place },
        Node { value: NodeValue::Tag(STAND_IN.to_owned()), place, jumps: None },
    );
    match &mut node.value {
        NodeValue::Map(entries) => entries.push(entry),
        NodeValue::Null => node.value = NodeValue::Map(vec![entry]),
        NodeValue::Tag(tag) if tag == STAND_IN => node.value = NodeValue::Map(vec![entry]),
        _ => return false,
    }
    true
}

/// The node at a path.
fn node_at<'t>(tree: &'t mut Node, path: &[String]) -> Option<&'t mut Node> {
    let mut node = tree;
    for step in path {
        node = match &mut node.value {
            NodeValue::Map(entries) => {
                entries.iter_mut().find(|(key, _)| key.text == *step).map(|(_, node)| node)?
            }
            NodeValue::List(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(node)
}

/// Removes the node at the path; false for the root.
fn cut(tree: &mut Node, path: &[String], cut_at: &mut BTreeSet<Vec<String>>) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let Some(node) = node_at(tree, parents) else { return false };
    cut_at.insert(parents.to_vec());
    match &mut node.value {
        NodeValue::Map(entries) => entries.retain(|(key, _)| key.text != *last),
        NodeValue::List(items) => {
            let Ok(index) = last.parse::<usize>() else { return false };
            if index >= items.len() {
                return false;
            }
            items.remove(index);
        }
        _ => return false,
    }
    true
}
