//! A plan as text: its operators from the result down to the relations, and what they keep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use worldflow_schemas::Value;

use super::events::Read;
use super::expr::{Cast, Expr};
use super::kind::Relation;
use super::plan::{Aggregate, Call, Cell, How, Node, Op, SetOp};
use super::sizes::{Size, Sizes, Stage};
use super::view::{Relations, View};

/// Something that is kept for a view.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptFor {
    /// What.
    pub what: String,
    /// How many parts of the plan need it; it is kept once.
    pub needed_by: usize,
    /// How much of it there is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// What a view is made of. Columns are numbered from the left: `#0` is the first.
#[must_use]
pub fn explain(view: &View, relations: &Relations) -> String {
    explain_kept(view, relations, &[]).0
}

/// The same, and what is kept for it on all of these workers.
#[must_use]
pub fn explain_kept(view: &View, relations: &Relations, workers: &[Sizes]) -> (String, Vec<KeptFor>) {
    let mut text = format!("view {}\n", view.name);
    for (place, column) in view.columns.iter().enumerate() {
        let key = if place < view.key { ", key" } else { "" };
        let null = if column.nullable { ", may be NULL" } else { "" };
        let _ = writeln!(text, "  #{place} {} {}{key}{null}", column.name, column.kind.name());
    }
    text.push_str("plan\n");
    tree(&view.plan, relations, 1, &mut text);
    let mut stages = BTreeMap::new();
    for read in Read::all(&view.plan) {
        *stages.entry((events(&read), Stage::Events)).or_default() += 1;
    }
    keeps(&view.plan, &mut stages);
    let kept = stages.into_iter().map(|((what, stage), needed_by)| KeptFor {
        what,
        needed_by,
        size: Sizes::of(workers, &view.name, &stage),
    });
    let kept: Vec<KeptFor> = kept.collect();
    text.push_str(if kept.is_empty() { "keeps nothing\n" } else { "keeps\n" });
    for KeptFor { what, needed_by, size } in &kept {
        let shared = if *needed_by > 1 { format!(" (once, for {needed_by})") } else { String::new() };
        let size = size.map_or(String::new(), |size| format!(": {}", sized(size)));
        let _ = writeln!(text, "  {what}{shared}{size}");
    }
    (text, kept)
}

/// `1203 rows, 12 keys, about 94 KiB`.
fn sized(Size { rows, keys, bytes }: Size) -> String {
    let bytes = match bytes {
        0..1_024 => many(bytes, "byte"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    };
    format!("{}, {}, about {bytes}", many(rows, "row"), many(keys, "key"))
}

/// `1 row`, `2 rows`.
fn many(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Which events are kept, and for how long.
fn events(Read { kinds, for_ms }: &Read) -> String {
    let of = match kinds {
        None => "of all kinds".to_owned(),
        Some(kinds) if kinds.is_empty() => "of no kind".to_owned(),
        Some(kinds) => {
            let mut kinds: Vec<&str> = kinds.iter().copied().collect();
            kinds.sort_unstable();
            format!("of {}", kinds.join(", "))
        }
    };
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    let for_ms = for_ms.unsigned_abs();
    let unit = units.iter().find(|(unit_ms, _)| for_ms > 0 && for_ms % unit_ms == 0);
    let span = match unit {
        Some((unit_ms, name)) => many(for_ms / unit_ms, name),
        None => format!("{for_ms} ms"),
    };
    format!("events {of}, for {span}; with those that other views need")
}

fn tree(node: &Node, relations: &Relations, depth: usize, text: &mut String) {
    let _ = writeln!(text, "{}{}", "  ".repeat(depth), line(node, relations));
    for input in node.inputs() {
        tree(input, relations, depth + 1, text);
    }
}

fn line(node: &Node, relations: &Relations) -> String {
    match &node.op {
        Op::Scan(relation) => format!("read {relation}{}", columns_of(relations.get(relation))),
        Op::Values(rows) => format!("rows written out: {}", rows.len()),
        Op::Filter(_, predicates) => format!("where {}", list(predicates.iter().map(shown), " and ")),
        Op::Map(_, cells) => format!("make {}", list(cells.iter().map(|(expr, _)| shown(expr)), ", ")),
        Op::Join(join) => {
            let how = match join.how {
                How::Inner => "join",
                How::Left => "left join",
                How::Semi => "semijoin",
                How::Anti => "antijoin",
            };
            let key = |(left, right, _): &(Expr, Expr, _)| format!("{} = {}", shown(left), shown(right));
            format!("{how} on {}", list(join.keys.iter().map(key), " and "))
        }
        Op::Reduce(_, by, aggregates) => {
            format!("group{}: {}", by_list(by), list(aggregates.iter().map(aggregate), ", "))
        }
        Op::Union(_) => "all of".to_owned(),
        Op::Set(op, ..) => set(*op).to_owned(),
        Op::Distinct(_) => "distinct".to_owned(),
        Op::Top(_, top) => {
            let order = top.order.iter().map(|part| {
                let down = if part.descending { " desc" } else { "" };
                let nulls = if part.nulls_first == part.descending {
                    ""
                } else if part.nulls_first {
                    " nulls first"
                } else {
                    " nulls last"
                };
                format!("{}{down}{nulls}", shown(&part.of))
            });
            let numbered = if top.numbered { ", numbered" } else { "" };
            format!(
                "first {}{} ordered by {}{numbered}",
                top.limit.unwrap_or(0),
                by_list(&top.by),
                list(order, ", ")
            )
        }
        Op::While(_, bound) => {
            let clock = if bound.world { "world_now()" } else { "now()" };
            format!("while {clock} {} {}", bound.comparison.sign(), shown(&bound.moment))
        }
        Op::Hop(_, hop) => {
            format!("windows of {} ms every {} ms of {}", hop.size_ms, hop.slide_ms, shown(&hop.moment))
        }
    }
}

fn set(op: SetOp) -> &'static str {
    match op {
        SetOp::Union => "union",
        SetOp::Except => "except",
        SetOp::ExceptAll => "except all",
        SetOp::Intersect => "intersect",
        SetOp::IntersectAll => "intersect all",
    }
}

fn by_list(by: &[Cell]) -> String {
    if by.is_empty() {
        " of everything".to_owned()
    } else {
        format!(" by {}", list(by.iter().map(|(expr, _)| shown(expr)), ", "))
    }
}

fn columns_of(relation: Option<&Relation>) -> String {
    let Some(relation) = relation else { return String::new() };
    let columns = relation.columns.iter().enumerate();
    format!(" ({})", list(columns.map(|(place, column)| format!("#{place} {}", column.name)), ", "))
}

fn aggregate(aggregate: &Aggregate) -> String {
    let name = match aggregate.call {
        Call::CountRows => return format!("count(*){}", filter(aggregate)),
        Call::Count => "count",
        Call::Sum => "sum",
        Call::Avg => "avg",
        Call::Min => "min",
        Call::Max => "max",
    };
    let distinct = if aggregate.distinct { "distinct " } else { "" };
    format!("{name}({distinct}{}){}", shown(&aggregate.of), filter(aggregate))
}

fn filter(aggregate: &Aggregate) -> String {
    aggregate.filter.as_ref().map_or(String::new(), |filter| format!(" where {}", shown(filter)))
}

/// What operators keep, and how many need it.
fn keeps(node: &Node, kept: &mut BTreeMap<(String, Stage), usize>) {
    let mut keep = |what: String, stage: Stage| *kept.entry((what, stage)).or_default() += 1;
    let groups = || Stage::Groups(node.clone());
    match &node.op {
        Op::Join(join) => {
            let side = |left: bool| -> Vec<Cell> {
                let cells = join.keys.iter();
                cells.map(|(one, other, kind)| (if left { one } else { other }.clone(), *kind)).collect()
            };
            let key = |left: bool| list(side(left).iter().map(|(expr, _)| shown(expr)), ", ");
            let rows = |of: &Node, left: bool| {
                (format!("rows of {} by {}", short(of), key(left)), Stage::Rows(of.clone(), side(left)))
            };
            let (what, stage) = rows(&join.left, true);
            keep(what, stage);
            if matches!(join.how, How::Inner | How::Left) {
                let (what, stage) = rows(&join.right, false);
                keep(what, stage);
            }
            if join.how != How::Inner {
                let stage = Stage::Keys(join.right.clone(), side(false));
                keep(format!("keys {} of {}", key(false), short(&join.right)), stage);
            }
        }
        Op::Reduce(input, by, aggregates) => {
            let values =
                aggregates.iter().any(|one| one.distinct || matches!(one.call, Call::Min | Call::Max));
            let values = if values { ", with their values in order" } else { "" };
            keep(format!("groups of {}{}{values}", short(input), by_list(by)), groups());
        }
        Op::Set(op, ..) => keep(format!("rows of both sides of {}", set(*op)), groups()),
        Op::Distinct(input) => keep(format!("rows of {}", short(input)), groups()),
        Op::Top(input, top) => {
            keep(format!("rows of {} in order{}", short(input), by_list(&top.by)), groups())
        }
        Op::While(input, _) => {
            keep(format!("rows of {} until their time has come", short(input)), Stage::Bound(node.clone()));
        }
        Op::Scan(_) | Op::Values(_) | Op::Filter(..) | Op::Map(..) | Op::Union(_) | Op::Hop(..) => {}
    }
    for input in node.inputs() {
        keeps(input, kept);
    }
}

/// A plan in a few words.
fn short(node: &Node) -> String {
    let what = match &node.op {
        Op::Scan(relation) => return relation.clone(),
        Op::Values(_) => return "rows written out".to_owned(),
        Op::Filter(input, _) => return format!("chosen {}", short(input)),
        Op::Map(input, _) | Op::While(input, _) | Op::Hop(input, _) => return short(input),
        Op::Join(_) => "joined",
        Op::Reduce(..) => "grouped",
        Op::Union(_) | Op::Set(..) => "combined",
        Op::Distinct(_) => "distinct",
        Op::Top(..) => "first",
    };
    format!("{what} {}", node.relations().join(" and "))
}

fn list(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

fn shown(expr: &Expr) -> String {
    let pair = |left: &Expr, sign: &str, right: &Expr| format!("({} {sign} {})", shown(left), shown(right));
    match expr {
        Expr::Column(column, _) => format!("#{column}"),
        Expr::Literal(Value::Null) => "NULL".to_owned(),
        Expr::Literal(value) => match value.as_str() {
            Some(text) => format!("'{text}'"),
            None => value.to_string(),
        },
        Expr::Not(inner) => format!("not {}", shown(inner)),
        Expr::And(left, right) => pair(left, "and", right),
        Expr::Or(left, right) => pair(left, "or", right),
        Expr::IsNull(inner) => format!("{} is NULL", shown(inner)),
        Expr::Is(inner, truth) => format!("{} is {truth}", shown(inner)),
        Expr::Compare(comparison, left, right) => pair(left, comparison.sign(), right),
        Expr::Same(left, right) => pair(left, "is", right),
        Expr::Arithmetic(arithmetic, left, right) => pair(left, arithmetic.sign(), right),
        Expr::Case(whens, otherwise) => {
            let whens = whens.iter().map(|(when, then)| format!("when {} then {}", shown(when), shown(then)));
            format!("case {} else {} end", list(whens, " "), shown(otherwise))
        }
        Expr::In(inner, values) => {
            let values = values.iter().map(|value| shown(&Expr::Literal(value.clone())));
            format!("{} in ({})", shown(inner), list(values, ", "))
        }
        Expr::Like(text, pattern, _) => pair(text, "like", pattern),
        Expr::Call(function, arguments) => {
            format!("{}({})", function.name(), list(arguments.iter().map(shown), ", "))
        }
        Expr::Cast(inner, Cast::TickToTime(tick_ms)) => format!("({} * {tick_ms} ms)", shown(inner)),
        Expr::Cast(inner, Cast::IntToDec | Cast::ToText | Cast::AnyToText) => shown(inner),
        Expr::Cast(inner, cast) => format!("{cast:?}({})", shown(inner)),
    }
}
