//! Where the columns of a plan come from, and the texts that they are compared with.
//!
//! A column that is handed on as it is, through joins, groups and other views, still holds what the column of the relation holds that it
//! is read from. What names that may be is not known here: whoever knows the world looks at what was compared.

use std::cell::RefCell;

use sqlparser::tokenizer::Span;

use super::error::SqlError;
use super::expr::Expr;
use super::plan::{Cell, How, Node, Op, SetOp};
use super::resolve::{OUTER, Resolver};
use super::typed::Typed;
use super::view::Relations;

/// A column of a relation that is no view in SQL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The relation: a view of the catalog, or the events.
    pub relation: String,
    /// Its column.
    pub column: String,
}

/// A text that a column was compared with, and where it stands. Lines and columns count from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// The column.
    pub with: Origin,
    /// The text.
    pub text: String,
    /// The line of the text.
    pub line: u32,
    /// Its place in the line.
    pub column: u32,
    /// How many characters it has, its quotes included.
    pub length: u32,
}

impl Compared {
    pub(super) fn at(span: Span, with: Origin, text: &str) -> Compared {
        let SqlError { line, column, length, .. } = SqlError::at(span, "", "");
        Compared { with, text: text.to_owned(), line, column, length }
    }
}

/// What is noted of a view while it is planned.
#[derive(Default)]
pub(super) struct Noted {
    /// Names that are not known. What is found after the first is found as if that were NULL.
    pub(super) missed: RefCell<Vec<SqlError>>,
    /// The texts that columns are compared with.
    pub(super) compared: RefCell<Vec<Compared>>,
}

impl Resolver<'_> {
    /// Notes a text that a column is the same as, or not.
    pub(super) fn note_compared(&self, one: &Typed, other: &Typed) {
        // Of groups, places are those of what they are grouped by: it has been looked at as it is in rows.
        let Some(noted) = self.noted.filter(|_| self.grouped.is_none() || self.within_aggregate) else {
            return;
        };
        for (column, text) in [(one, other), (other, one)] {
            let (Expr::Column(place, _), Expr::Literal(value)) = (&column.expr, &text.expr) else { continue };
            let named = match place.checked_sub(OUTER) {
                Some(place) => self.outer.and_then(|outer| outer.columns.get(place)),
                None => self.scope.columns.get(*place),
            };
            let origin = named.and_then(|named| named.origin.clone());
            if let (Some(origin), Some(value)) = (origin, value.as_str()) {
                let compared = Compared::at(text.span, origin, value);
                let mut all = noted.compared.borrow_mut();
                // An expression may be looked at twice.
                if !all.contains(&compared) {
                    all.push(compared);
                }
            }
        }
    }
}

/// A relation and the place of its column.
type Place<'n> = Option<(&'n str, usize)>;

/// Where each column of a plan comes from; nothing for what is made on the way.
pub(super) fn origins(node: &Node, relations: &Relations) -> Vec<Option<Origin>> {
    let named = |(relation, place): (&str, usize)| {
        let column = relations.get(relation)?.columns.get(place)?.name.clone();
        Some(Origin { relation: relation.to_owned(), column })
    };
    places(node).into_iter().map(|place| place.and_then(named)).collect()
}

fn places(node: &Node) -> Vec<Place<'_>> {
    let mut all = match &node.op {
        Op::Scan(name) => (0..node.kinds.len()).map(|place| Some((name.as_str(), place))).collect(),
        Op::Values(_) => Vec::new(),
        Op::Map(input, cells) | Op::Reduce(input, cells, _) => through(&places(input), cells),
        Op::Join(join) => {
            let mut left = places(&join.left);
            if matches!(join.how, How::Inner | How::Left) {
                left.extend(places(&join.right));
            }
            left
        }
        Op::Union(inputs) => inputs.iter().map(places).reduce(|a, b| alike(&a, &b)).unwrap_or_default(),
        Op::Set(SetOp::Union, left, right) => alike(&places(left), &places(right)),
        Op::Filter(input, _)
        | Op::Set(_, input, _)
        | Op::Distinct(input)
        | Op::Top(input, _)
        | Op::While(input, _)
        | Op::Hop(input, _) => places(input),
    };
    // What a node adds behind, as counts and numbers of rows, is its own.
    all.resize(node.kinds.len(), None);
    all
}

fn through<'n>(from: &[Place<'n>], cells: &[Cell]) -> Vec<Place<'n>> {
    let of = |(expr, _): &Cell| match expr {
        Expr::Column(place, _) => from.get(*place).copied().flatten(),
        _ => None,
    };
    cells.iter().map(of).collect()
}

/// What both have of one column.
fn alike<'n>(one: &[Place<'n>], other: &[Place<'n>]) -> Vec<Place<'n>> {
    one.iter().zip(other).map(|(one, other)| (*one).filter(|_| one == other)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::view::{catalog_relations, plan};

    /// What the last view of a text compares: column, text, place.
    fn compared(sql: &str) -> Vec<String> {
        let (views, problems) = plan([("v", sql)], catalog_relations(), 10);
        assert_eq!(problems, [], "{sql}");
        let view = views.last().expect("a view");
        let one = |of: &super::Compared| {
            format!("{}.{} {} {}:{}", of.with.relation, of.with.column, of.text, of.line, of.column)
        };
        view.compared.iter().map(one).collect()
    }

    #[test]
    fn texts_are_of_the_columns_that_are_compared_with_them() {
        for (sql, expected) in [
            ("CREATE VIEW v AS SELECT holder FROM facts WHERE fact = 'mood'", vec!["facts.fact mood 1:56"]),
            ("CREATE VIEW v AS SELECT holder FROM facts WHERE 'a' <> fact", vec!["facts.fact a 1:49"]),
            (
                "CREATE VIEW v AS SELECT quest, state FROM quest_state AS q WHERE q.state IN ('done', 'dne')",
                vec!["quest_state.state done 1:78", "quest_state.state dne 1:86"],
            ),
            (
                "CREATE VIEW v AS SELECT quest, count(*) AS n FROM quest_state GROUP BY quest HAVING quest = 'a'",
                vec!["quest_state.quest a 1:93"],
            ),
            (
                "CREATE VIEW v AS SELECT CASE state WHEN 'a' THEN 1 ELSE 2 END AS n FROM weather",
                vec!["weather.state a 1:41"],
            ),
            (
                "CREATE VIEW v AS SELECT a.fact AS x, count(*) AS n FROM facts AS a GROUP BY a.fact;
CREATE VIEW w AS SELECT t.n FROM (SELECT * FROM v) AS t WHERE t.x = 'a'",
                vec!["facts.fact a 2:69"],
            ),
            (
                "CREATE VIEW v AS SELECT l.player FROM levels AS l WHERE EXISTS
(SELECT * FROM presence AS p WHERE p.player = l.player AND p.region = 'a')",
                vec!["presence.region a 2:71"],
            ),
            ("CREATE VIEW v AS SELECT sum(level) FILTER (WHERE player = 'a') AS n FROM levels", vec!["levels.player a 1:59"]),
            ("CREATE VIEW v AS SELECT player FROM levels WHERE player < 'a' AND level = 3", vec![]),
            ("CREATE VIEW v AS SELECT player FROM levels WHERE lower(player) = 'a'", vec![]),
            (
                "CREATE VIEW v AS SELECT t.x FROM
(SELECT quest AS x FROM grants WHERE quest IS NOT NULL AND status = 'pending' UNION SELECT fact AS x FROM facts) AS t WHERE t.x = 'a'",
                vec!["grants.status pending 2:69"],
            ),
        ] {
            assert_eq!(compared(sql), expected, "{sql}");
        }
    }
}
