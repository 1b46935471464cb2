//! The event stream as a relation: its columns, and what of it views read and for how long.
//!
//! An event is a row from its tick on, for as long as some view may still need it: a view says so by a bound in time, and is
//! refused where it says nothing. Free texts of events are personal, and no columns. What is to be kept is said here; keeping
//! it is the business of [`crate::events`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqlparser::tokenizer::Span;
use worldflow_schemas::Sym;
use worldflow_schemas::catalog::{self, ColumnType, DesignedColumn, DesignedView, ViewId};
use worldflow_schemas::definitions::{AttributeKind, KindDef};

use super::error::{Result, SqlError};
use super::expr::{Arithmetic, Comparison, Expr};
use super::kind::{Column, Kind, Relation};
use super::plan::{Node, Op, While};
use super::view::{Relations, catalog_relations};

/// The name of the relation.
pub const EVENTS: &str = "events";

/// The longest that an event may be kept for views.
const MOST_RETENTION_MS: i64 = 30 * 86_400_000;

/// The most attributes that are columns.
const MOST_ATTRIBUTES: usize = 40;

/// The columns of every event, and whether they may be NULL; the first [`KEY`] tell events apart.
const OWN: [(&str, Kind, bool); 9] = [
    ("tick", Kind::Tick, false),
    ("source", Kind::Id, false),
    ("id", Kind::Text, false),
    ("at", Kind::Time, false),
    ("kind", Kind::Id, false),
    ("player", Kind::Id, true),
    ("target", Kind::Id, true),
    ("region", Kind::Id, true),
    ("amount", Kind::Int, false),
];
const KEY: usize = 3;
const TICK: usize = 0;
const AT: usize = 3;
const KIND: usize = 4;

/// An attribute that is a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attribute {
    /// As events have it.
    pub(crate) name: String,
    /// What the column holds: ANY where kinds of events do not agree.
    pub(crate) kind: Kind,
    column: String,
}

/// The attributes that kinds of events declare, but for free texts, in the order of their names.
pub(crate) fn attributes(kinds: &BTreeMap<String, KindDef>) -> Vec<Attribute> {
    let mut all: BTreeMap<&str, Kind> = BTreeMap::new();
    for (name, holds) in kinds.values().flat_map(|kind| &kind.attributes) {
        let Some(kind) = kind_of(*holds).filter(|_| is_plain(name)) else { continue };
        let known = all.entry(name).or_insert(kind);
        if *known != kind {
            *known = Kind::Any;
        }
    }
    let taken = |name: &str| OWN.iter().any(|(own, ..)| *own == name);
    let attribute = |(name, kind): (&str, Kind)| {
        let column = if taken(name) { format!("with_{name}") } else { name.to_owned() };
        Attribute { name: name.to_owned(), kind, column }
    };
    let mut attributes: Vec<Attribute> = Vec::new();
    for attribute in all.into_iter().map(attribute) {
        if attributes.iter().all(|known| known.column != attribute.column) {
            attributes.push(attribute);
        }
    }
    attributes.truncate(MOST_ATTRIBUTES);
    attributes
}

/// What a column of an attribute holds; nothing of a free text.
pub(crate) fn kind_of(holds: AttributeKind) -> Option<Kind> {
    match holds {
        AttributeKind::Number => Some(Kind::Dec),
        AttributeKind::Id => Some(Kind::Id),
        AttributeKind::Bool => Some(Kind::Bool),
        AttributeKind::Text => None,
    }
}

fn is_plain(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= 50 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(rest)
}

/// The events of a world with these kinds, as a relation.
fn relation(kinds: &BTreeMap<String, KindDef>) -> Relation {
    let own = OWN.iter().map(|(name, kind, nullable)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        nullable: *nullable,
    });
    let attributes = attributes(kinds).into_iter().map(|attribute| Column {
        name: attribute.column,
        kind: attribute.kind,
        nullable: true,
    });
    Relation { name: EVENTS.to_owned(), columns: own.chain(attributes).collect(), key: KEY }
}

/// Everything that views of a world with these kinds of events can read, besides each other.
#[must_use]
pub fn world_relations(kinds: &BTreeMap<String, KindDef>) -> Relations {
    let mut relations = catalog_relations();
    relations.insert(EVENTS.to_owned(), relation(kinds));
    relations
}

/// What views can read, and how the rows of it are named on their way.
#[derive(Clone, Debug)]
pub(crate) struct Readable {
    pub(crate) relations: Relations,
    /// Events as rows: of a view that is in no catalog.
    pub(crate) events: ViewId,
}

impl Readable {
    /// Of a world with these kinds of events.
    pub(crate) fn of(kinds: &BTreeMap<String, KindDef>) -> Readable {
        let relations = world_relations(kinds);
        let column = |column: &Column| DesignedColumn::new(&column.name, column.kind.column_type(), "");
        let realm = DesignedColumn::new("realm", ColumnType::Text, "");
        let columns = [realm].into_iter().chain(relations[EVENTS].columns.iter().map(column)).collect();
        let view = DesignedView {
            // A designer's view has no doc, and so is another.
            doc: "Events that views in SQL read.".to_owned(),
            name: "kept_events".to_owned(),
            key: KEY + 1,
            columns,
            filters: Vec::new(),
        };
        Readable { relations, events: view.id().expect("its columns are plain, and few") }
    }

    /// What a plan reads: the name, the view of the rows, and what their columns after the realm hold.
    pub(crate) fn read_by(&self, plan: &Node) -> Vec<(String, ViewId, Vec<Kind>)> {
        let of = |name: &str| {
            let view = if name == EVENTS { self.events } else { catalog::view(name)? };
            let kinds = self.relations.get(name)?.columns.iter().map(|column| column.kind);
            Some((name.to_owned(), view, kinds.collect()))
        };
        plan.relations().into_iter().filter_map(of).collect()
    }
}

/// What a plan reads of the events.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Read {
    /// Of which kinds; of all, where none are named.
    pub(super) kinds: Option<BTreeSet<&'static str>>,
    /// For how long after an event.
    pub(super) for_ms: i64,
}

impl Read {
    /// What conditions over the events, and nothing else, leave of them.
    fn of(node: &Node) -> Option<Read> {
        let (mut kinds, mut for_ms, mut node) = (None, None, node);
        loop {
            match &node.op {
                Op::Filter(input, conditions) => {
                    for of in conditions.iter().filter_map(kinds_of) {
                        kinds = Some(both(kinds, of));
                    }
                    node = input;
                }
                Op::While(input, bound) => {
                    for_ms = for_ms.into_iter().chain(retention_ms(bound)).min();
                    node = input;
                }
                Op::Scan(name) if name == EVENTS => return Some(Read { kinds, for_ms: for_ms? }),
                _ => return None,
            }
        }
    }

    /// Everything that a plan reads of them.
    pub(super) fn all(node: &Node) -> BTreeSet<Read> {
        match Read::of(node) {
            Some(read) => BTreeSet::from([read]),
            None => node.inputs().into_iter().flat_map(Read::all).collect(),
        }
    }
}

fn both(known: Option<BTreeSet<&'static str>>, more: BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    known.map_or(more.clone(), |known| known.intersection(&more).copied().collect())
}

/// The kinds of events for which a condition can hold, as far as it says.
fn kinds_of(condition: &Expr) -> Option<BTreeSet<&'static str>> {
    let is_kind = |expr: &Expr| matches!(expr, Expr::Column(KIND, _));
    let named = |value: &worldflow_schemas::Value| Some(Sym::try_new(value.as_str()?)?.as_str());
    match condition {
        Expr::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
            (kind, Expr::Literal(value)) | (Expr::Literal(value), kind) if is_kind(kind) => {
                Some(named(value).into_iter().collect())
            }
            _ => None,
        },
        Expr::In(kind, values) if is_kind(kind) => Some(values.iter().filter_map(named).collect()),
        Expr::And(left, right) => match (kinds_of(left), kinds_of(right)) {
            (Some(left), right) => Some(right.map_or(left.clone(), |right| both(Some(left), right))),
            (None, right) => right,
        },
        Expr::Or(left, right) => Some(kinds_of(left)?.union(&kinds_of(right)?).copied().collect()),
        _ => None,
    }
}

/// How long after its event a row is there, if a bound says so.
fn retention_ms(bound: &While) -> Option<i64> {
    let upper = matches!(bound.comparison, Comparison::AtMost | Comparison::Less) && !bound.world;
    upper.then(|| after_event_ms(&bound.moment)).flatten().map(|ms| ms.max(0))
}

/// How long after its event a moment is.
fn after_event_ms(moment: &Expr) -> Option<i64> {
    let ms = |expr: &Expr| match expr {
        Expr::Literal(worldflow_schemas::Value::Int(ms)) => Some(*ms),
        _ => None,
    };
    match moment {
        Expr::Column(TICK | AT, _) => Some(0),
        Expr::Cast(inner, _) => after_event_ms(inner),
        Expr::Arithmetic(Arithmetic::Add, left, right) => match (ms(left), ms(right)) {
            (Some(left), _) => left.checked_add(after_event_ms(right)?),
            (_, Some(right)) => after_event_ms(left)?.checked_add(right),
            _ => None,
        },
        Expr::Arithmetic(Arithmetic::Subtract, left, right) => after_event_ms(left)?.checked_sub(ms(right)?),
        _ => None,
    }
}

/// That a table of FROM that is the events is bounded in time by its conditions.
pub(super) fn check_bounded(table: &Node, left_join: bool, span: Span) -> Result<()> {
    const BOUND: &str = "now() <= at + INTERVAL '10 minutes'";
    let hint = || {
        if left_join {
            format!("write LEFT JOIN (SELECT ... FROM events WHERE {BOUND}) AS e ON ...")
        } else {
            format!("say how long they count, joined by AND in the WHERE of this query: {BOUND}")
        }
    };
    match Read::of(table) {
        None => {
            Err(SqlError::at(span, "`events` without a bound in time: they would pile up for good", hint()))
        }
        Some(read) if read.for_ms > MOST_RETENTION_MS => {
            let days = MOST_RETENTION_MS / 86_400_000;
            Err(SqlError::at(
                span,
                format!("events of more than {days} days"),
                format!(
                    "keep them for at most {days} days; what counts longer is a lifetime counter or a fact"
                ),
            ))
        }
        Some(_) => Ok(()),
    }
}

/// Whether a table of FROM is the events as they are.
pub(super) fn is_all(table: &Node) -> bool {
    matches!(&table.op, Op::Scan(name) if name == EVENTS)
}

/// Which events are to be kept, and how long after they have happened.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    every_ms: Option<i64>,
    by_kind_ms: BTreeMap<Sym, i64>,
}

impl Kept {
    /// What these plans need.
    pub(crate) fn by<'a>(plans: impl IntoIterator<Item = &'a Node>) -> Kept {
        let mut kept = Kept::default();
        for Read { kinds, for_ms } in plans.into_iter().flat_map(Read::all) {
            match kinds {
                None => kept.every_ms = kept.every_ms.max(Some(for_ms)),
                Some(kinds) => {
                    kinds.into_iter().for_each(|kind| kept.widen_kind(Sym::new(kind), for_ms));
                }
            }
        }
        kept
    }

    fn widen_kind(&mut self, kind: Sym, for_ms: i64) {
        let known = self.by_kind_ms.entry(kind).or_default();
        *known = for_ms.max(*known);
    }

    /// Adds what another needs.
    pub(crate) fn widen(&mut self, other: &Kept) {
        self.every_ms = self.every_ms.max(other.every_ms);
        other.by_kind_ms.iter().for_each(|(kind, for_ms)| self.widen_kind(*kind, *for_ms));
    }

    /// Whether none are.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Kept::default()
    }

    /// How long events of a kind are kept, if they are.
    pub(crate) fn for_ms(&self, kind: Sym) -> Option<i64> {
        self.every_ms.max(self.by_kind_ms.get(&kind).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::view::plan;

    fn kept(sql: &str) -> Kept {
        let sql = format!("CREATE VIEW v AS {sql}");
        let (views, problems) = plan([("v", sql.as_str())], world_relations(&BTreeMap::new()), 10);
        assert_eq!(problems, [], "{sql}");
        Kept::by(views.iter().map(|view| &view.plan))
    }

    fn said(kept: &Kept) -> String {
        let mut kinds: Vec<String> =
            kept.by_kind_ms.iter().map(|(kind, ms)| format!("{kind} {ms}")).collect();
        kinds.sort();
        kinds.extend(kept.every_ms.map(|ms| format!("all {ms}")));
        kinds.join(", ")
    }

    #[test]
    fn a_plan_says_which_events_it_needs_and_how_long() {
        let minute = "now() <= at + INTERVAL '1 minute'";
        for (sql, expected) in [
            (format!("SELECT count(*) AS n FROM events WHERE {minute}"), "all 60000"),
            (format!("SELECT count(*) AS n FROM events WHERE {minute} AND kind = 'kill'"), "kill 60000"),
            (
                format!(
                    "SELECT count(*) AS n FROM events WHERE {minute} AND kind IN ('kill', 'loot') AND amount > 1"
                ),
                "kill 60000, loot 60000",
            ),
            (
                format!("SELECT count(*) AS n FROM events WHERE {minute} AND (kind = 'a' OR 'b' = kind)"),
                "a 60000, b 60000",
            ),
            (
                format!("SELECT count(*) AS n FROM events WHERE {minute} AND (kind = 'a' OR amount = 2)"),
                "all 60000",
            ),
            (
                "SELECT count(*) AS n FROM events WHERE now() - INTERVAL '2 seconds' < tick AND kind = 'a'"
                    .to_owned(),
                "a 2000",
            ),
            (
                format!(
                    "WITH e AS (SELECT tick, source, id, player FROM events WHERE {minute} AND kind = 'a')
                    SELECT count(*) AS n FROM e JOIN events AS f ON f.player = e.player
                    WHERE f.kind = 'b' AND now() <= f.tick + INTERVAL '1 second'"
                ),
                "a 60000, b 1000",
            ),
            (
                format!(
                    "SELECT player FROM presence AS p WHERE NOT EXISTS
                    (SELECT * FROM events AS e WHERE e.player = p.player AND {minute} AND e.kind = 'login')"
                ),
                "login 60000",
            ),
            ("SELECT player FROM presence".to_owned(), ""),
        ] {
            assert_eq!(said(&kept(&sql)), expected, "{sql}");
        }
    }

    #[test]
    fn attributes_are_columns_but_for_free_texts() {
        let kind = |attributes: &[(&str, AttributeKind)]| KindDef {
            attributes: attributes.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            ..KindDef::default()
        };
        let kinds = BTreeMap::from([
            (
                "kill".to_owned(),
                kind(&[
                    ("weapon", AttributeKind::Id),
                    ("player", AttributeKind::Id),
                    ("odd-name", AttributeKind::Id),
                ]),
            ),
            (
                "say".to_owned(),
                kind(&[
                    ("words", AttributeKind::Text),
                    ("weapon", AttributeKind::Number),
                    ("loud", AttributeKind::Bool),
                ]),
            ),
        ]);
        let relation = relation(&kinds);
        let names: Vec<_> =
            relation.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        assert_eq!(
            names[OWN.len()..],
            [("loud", Kind::Bool), ("with_player", Kind::Id), ("weapon", Kind::Any)]
        );
        assert_eq!(names[AT], ("at", Kind::Time));
        assert_eq!((names[TICK].0, names[KIND].0), ("tick", "kind"));
    }
}
