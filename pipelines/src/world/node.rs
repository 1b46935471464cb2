//! YAML as a tree in which every key and value knows its place.
//!
//! `YAML text ─parse→ Node ─shape→ definitions ─check→ problems`: the tree is what lets every later
//! step say where. Budgets keep hostile files (alias bombs, deep nesting) from costing more than an
//! error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned, Tagged};

use super::problem::Place;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) place: Place,
    /// Where parts of a text stand that does not stand in one piece: bytes of the text, in order.
    pub(crate) jumps: Option<Box<[(usize, Place)]>>,
}

/// A key and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeValue {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// Something with a YAML tag, which nothing here has: the tag.
    Tag(String),
}

impl Node {
    /// Whether nothing at all stands here, not even `null`.
    pub(crate) fn is_blank(&self) -> bool {
        self.value == NodeValue::Null && self.place.length == 0
    }

    /// The entry of a map.
    pub(crate) fn get(&self, name: &str) -> Option<(&Key, &Node)> {
        match &self.value {
            NodeValue::Map(entries) => {
                entries.iter().find(|(key, _)| key.text == name).map(|(key, node)| (key, node))
            }
            _ => None,
        }
    }

    /// The item of a list.
    pub(crate) fn item(&self, index: usize) -> Option<&Node> {
        match &self.value {
            NodeValue::List(items) => items.get(index),
            _ => None,
        }
    }

    /// The place of some bytes of the node's text; of the whole where that is not known.
    pub(crate) fn place_within(&self, text: &str, from: usize, to: usize) -> Place {
        let count = |from: usize, to: usize| {
            let chars = text.get(from..to).map_or(0, |part| part.chars().count());
            u32::try_from(chars).unwrap_or(u32::MAX)
        };
        let length = count(from, to).max(1);
        if let Some(jumps) = &self.jumps {
            let jump =
                jumps.partition_point(|(at, _)| *at <= from).checked_sub(1).and_then(|at| jumps.get(at));
            return jump.map_or(self.place, |(at, place)| Place {
                column: place.column + count(*at, from),
                length,
                ..*place
            });
        }
        let quote = match self.place.length.checked_sub(count(0, text.len())) {
            Some(0) => 0,
            Some(2) => 1,
            _ => return self.place,
        };
        Place { column: self.place.column + quote + count(0, from), length, ..self.place }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// A file that is not YAML, or costs too much.
#[derive(Debug)]
pub(crate) struct NotYaml {
    pub(crate) place: Option<Place>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// The deepest nesting of a definition file.
const MAX_DEPTH: usize = 32;

/// The most values of one file, aliases counted as often as they are used.
const MAX_NODES: usize = 200_000;

/// What the aliases of a file may stand for, besides a value for each of its bytes: a short file that grows by them into a large
/// one is no world's, and is refused before it costs what a large one does.
const FREE_ALIASED: usize = 1_000;

/// Parses a file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, NotYaml> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    match serde_saphyr::from_str_with_options::<Spanned<Tagged<Raw>>>(text, options(bytes.len())) {
        Ok(raw) => {
            let mut root = node(raw);
            let mut lines = None;
            find_pieces(&mut root, text, &mut lines);
            Ok(root)
        }
        Err(error) => Err(not_yaml(&error, bytes.len())),
    }
}

/// Finds where the words of texts stand that are folded or have escapes, and where tags stand.
fn find_pieces<'t>(node: &mut Node, source: &'t str, lines: &mut Option<Vec<&'t str>>) {
    match &mut node.value {
        NodeValue::Text(text) => {
            let extra =
                i64::from(node.place.length) - i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            if extra != 0 && extra != 2 && text.contains(' ') {
                let lines = lines.get_or_insert_with(|| source.lines().collect());
                node.jumps = pieces(text, node.place, lines);
            }
        }
        NodeValue::Tag(tag) => {
            let lines = lines.get_or_insert_with(|| source.lines().collect());
            node.place = before(tag, node.place, lines);
        }
        NodeValue::List(items) => items.iter_mut().for_each(|item| find_pieces(item, source, lines)),
        NodeValue::Map(entries) => {
            entries.iter_mut().for_each(|(_, value)| find_pieces(value, source, lines));
        }
        _ => {}
    }
}

/// Where a tag stands: before its value, in the same line.
fn before(tag: &str, place: Place, lines: &[&str]) -> Place {
    let cut = |n: u32| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(line) = lines.get(cut(place.line)) else { return place };
    let until: String = line.chars().take(cut(place.column)).collect();
    // `!!str` is known by its full name only, and is looked for as it begins.
    let Some((head, _)) = until.rsplit_once(if tag.starts_with("!!") { "!!" } else { "!" }) else {
        return place;
    };
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Place { column: count(head) + 1, length: count(tag), ..place }
}

/// Where the pieces of a text stand, if its characters follow each other from its place on but for blanks.
fn pieces(text: &str, place: Place, lines: &[&str]) -> Option<Box<[(usize, Place)]>> {
    let first = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let mut source = lines.iter().enumerate().skip(first).flat_map(|(number, line)| {
        let skip = if number == first { place.column.saturating_sub(1) } else { 0 };
        let skip = usize::try_from(skip).unwrap_or(0);
        line.chars().enumerate().skip(skip).map(move |(column, c)| (c, number + 1, column + 1))
    });
    let mut jumps: Vec<(usize, Place)> = Vec::new();
    let mut before: Option<(usize, usize, usize)> = None;
    let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut header = None;
    for (at, wanted) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let (line, column) = loop {
            let (found, line, column) = source.next()?;
            // `>-` and `|` say how the lines below are read.
            if before.is_none() && header.is_none() && matches!(found, '>' | '|') {
                header = Some(line);
            }
            if header == Some(line) || found.is_whitespace() {
                continue;
            }
            if found == wanted {
                break (line, column);
            }
            let opens = before.is_none() && matches!(found, '"' | '\'');
            if !opens {
                return None;
            }
        };
        let follows = before.is_some_and(|(end, l, c)| {
            l == line && text.get(end..at).is_some_and(|blank| c + blank.chars().count() == column)
        });
        if !follows {
            jumps.push((at, Place { line: cut(line), column: cut(column), length: 1 }));
        }
        before = Some((at + wanted.len_utf8(), line, column + 1));
    }
    Some(jumps.into())
}

fn options(bytes: usize) -> Options {
    let mut options = Options::default();
    if let Some(budget) = &mut options.budget {
        budget.max_depth = MAX_DEPTH;
        budget.max_nodes = MAX_NODES;
        // What aliases stand for is bounded below; that one anchor is named often is what anchors are for.
        budget.enforce_alias_anchor_ratio = false;
    }
    options.alias_limits.max_total_replayed_events = most_aliased(bytes);
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.strict_booleans = true;
    // `017` is no seventeen for all who read it.
    options.leading_zero_numbers_as_strings = true;
    options.with_snippet = false;
    options
}

/// The most values that the aliases of a file of so many bytes may stand for.
fn most_aliased(bytes: usize) -> usize {
    bytes.saturating_add(FREE_ALIASED).min(MAX_NODES)
}

fn not_utf8(bytes: &[u8], valid: usize) -> NotYaml {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    NotYaml {
        place: Some(Place { line: cut(line), column: cut(column), length: 1 }),
        message: "this is not UTF-8 text".to_owned(),
        hint: Some("save the file as UTF-8".to_owned()),
    }
}

fn not_yaml(error: &serde_saphyr::Error, bytes: usize) -> NotYaml {
    use serde_saphyr::Error;
    let error = error.without_snippet();
    let place = error.location().filter(|location| *location != Location::UNKNOWN).map(|l| place(&l));
    let mut error = error;
    while let Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    let (message, hint) = match error {
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            (format!("this file is nested more than {MAX_DEPTH} deep"), "write it flatter".to_owned())
        }
        Error::Budget { .. } => {
            (format!("this file holds more than {MAX_NODES} values"), "split it in two".to_owned())
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            format!("the aliases of this file stand for more than {} values", most_aliased(bytes)),
            "an alias (`*name`) repeats all that its anchor (`&name`) holds, with the aliases in there: name fewer of them, or make \
             quests of a template"
                .to_owned(),
        ),
        Error::MultipleDocuments { .. } => (
            "this file holds more than one YAML document".to_owned(),
            "remove the line `---`, or split the file in two".to_owned(),
        ),
        other if other.to_string().contains("null into string") => (
            "a key is nothing".to_owned(),
            "`null`, `~` and an empty key are no names; write quotes around it if it is one".to_owned(),
        ),
        other => (
            plain(&other.to_string()),
            "check the indentation and the quotes around here; text with `: ` or ` #` needs quotes"
                .to_owned(),
        ),
    };
    NotYaml { place, message: shorten(&message), hint: Some(hint) }
}

/// The parser's message without the place, which is shown in front.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or("not YAML");
    let cut = [" at line ", " at byte ", " (line "].iter().filter_map(|mark| first.find(mark)).min();
    let text = first[..cut.unwrap_or(first.len())].trim_end_matches(['.', ':', ' ']);
    let text = text.strip_prefix("error: ").unwrap_or(text);
    format!("not YAML: {text}")
}

fn shorten(message: &str) -> String {
    let mut short: String = message.chars().take(300).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

fn place(location: &Location) -> Place {
    let cut = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: cut(location.line()), column: cut(location.column()), length: cut(location.span().len()) }
}

struct Raw(NodeValue);

fn node(raw: Spanned<Tagged<Raw>>) -> Node {
    let Tagged(Raw(value), tag) = raw.value;
    let value = tag.map_or(value, |tag| NodeValue::Tag(written(&tag)));
    Node { place: place(&raw.referenced), value, jumps: None }
}

/// A tag as it is written.
fn written(tag: &str) -> String {
    tag.strip_prefix("tag:yaml.org,2002:").map_or_else(|| tag.to_owned(), |name| format!("!!{name}"))
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Raw)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = NodeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_none<E>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<NodeValue, E> {
        Ok(NodeValue::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<NodeValue, E> {
        Ok(NodeValue::Int(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<NodeValue, E> {
        Ok(NodeValue::Int(n.into()))
    }

    fn visit_i128<E>(self, n: i128) -> Result<NodeValue, E> {
        Ok(NodeValue::Int(n))
    }

    fn visit_u128<E: serde::de::Error>(self, n: u128) -> Result<NodeValue, E> {
        i128::try_from(n).map(NodeValue::Int).map_err(|_| E::custom("this number is too large"))
    }

    fn visit_f64<E>(self, n: f64) -> Result<NodeValue, E> {
        Ok(NodeValue::Float(n))
    }

    fn visit_str<E>(self, text: &str) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NodeValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Tagged<Raw>>>()? {
            items.push(node(item));
        }
        Ok(NodeValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Tagged<String>>>()? {
            if entries.len() >= MAX_NODES {
                return Err(A::Error::custom("this map is too large"));
            }
            let Tagged(text, tag) = key.value;
            let key = Key { place: place(&key.referenced), text };
            let value = node(map.next_value::<Spanned<Tagged<Raw>>>()?);
            let value = match tag {
                Some(tag) => Node { value: NodeValue::Tag(written(&tag)), place: key.place, jumps: None },
                None => value,
            };
            entries.push((key, value));
        }
        Ok(NodeValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let root = parse(b"a:\n  b: [x, \"yy\"]\n  c: 5\n").expect("it is YAML");
        let (key, a) = root.get("a").expect("there is an `a`");
        assert_eq!(key.place, Place { line: 1, column: 1, length: 1 });
        let (_, b) = a.get("b").expect("there is a `b`");
        let item = b.item(1).expect("two items");
        assert_eq!(item.value, NodeValue::Text("yy".to_owned()));
        assert_eq!((item.place.line, item.place.column), (2, 10));
        assert_eq!(a.get("c").expect("there is a `c`").1.value, NodeValue::Int(5));
    }

    #[test]
    fn merged_keys_are_overridden_and_repeated_ones_kept_for_the_check() {
        let root = parse(b"base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nc: 1\nc: 2\n").expect("YAML");
        let merged = root.get("use").expect("there is a `use`").1;
        let keys: Vec<&str> = merged.entries().iter().map(|(key, _)| key.text.as_str()).collect();
        assert_eq!(keys.iter().filter(|key| **key == "b").count(), 1, "{keys:?}");
        assert_eq!(root.entries().len(), 4);
    }

    #[test]
    fn nothing_null_and_tags_are_told_apart() {
        let root = parse(b"a:\nb: ~\nc: !night\nd: [!!str 5, '']\n!e f: 017\n").expect("YAML");
        let value = |name: &str| root.get(name).map(|(_, node)| node).expect("it is there");
        assert!(value("a").is_blank() && !value("b").is_blank() && value("b").value == NodeValue::Null);
        let tag = |name: &str| NodeValue::Tag(name.to_owned());
        assert_eq!((&value("c").value, value("c").place.column), (&tag("!night"), 4));
        let item = value("d").item(0).expect("two items");
        assert_eq!((&item.value, item.place.column), (&tag("!!str"), 5));
        assert!(!value("d").item(1).expect("two items").is_blank());
        assert_eq!(value("f").value, tag("!e"));
        assert_eq!(parse(b"017").expect("YAML").value, NodeValue::Text("017".to_owned()));
    }

    #[test]
    fn hostile_files_are_errors() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let previous = format!("*a{}, ", n - 1).repeat(9);
            bomb.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
        }
        for (what, text) in [
            ("alias bomb", bomb),
            ("deep flow", "[".repeat(100_000)),
            ("deep block", (0..5_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
            ("self reference", "a: &a [*a]\n".to_owned()),
            ("unknown anchor", "a: *nowhere\n".to_owned()),
            ("huge number", format!("a: [{}]\nb: {{", "9".repeat(100_000))),
            ("tab", "a:\n\t- b\n".to_owned()),
            ("two documents", "a: 1\n---\nb: 2\n".to_owned()),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{what}");
        }
        assert!(parse(b"a: \xff\xfe").is_err());
        assert!(parse(b"").is_ok_and(|node| node.value == NodeValue::Null));
    }
}
