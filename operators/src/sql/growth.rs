//! Views whose rows would pile up for good: over relations that grow for as long as a world runs, without a bound in time,
//! the first rows of a group, or a group that is of players, quests and other things of which there are so many.

use std::collections::BTreeSet;

use worldflow_schemas::Value;
use worldflow_schemas::catalog::{GRANTS, PAST_GRANTS};

use super::expr::{Comparison, Expr};
use super::plan::{Cell, How, Node, Op, SetOp};
use super::view::{Relations, View};

/// A relation that grows.
struct Growing {
    name: &'static str,
    /// The columns that go on to have new values. Groups by others are of things of which there are so many.
    by: &'static [&'static str],
    /// A column of which only these values grow no further.
    but: (&'static str, &'static [&'static str]),
}

fn growing() -> [Growing; 2] {
    [
        Growing {
            name: GRANTS.def().name,
            by: &["grant", "instance", "tick"],
            // A game server answers what is pending.
            but: ("status", &["pending", "clawback"]),
        },
        Growing {
            name: PAST_GRANTS.def().name,
            by: &["holder"],
            // Parties and instances come and go, each under an id of its own.
            but: ("scope", &["player", "account", "region", "realm"]),
        },
    ]
}

/// Rows that pile up: of which relation, and in which columns they go on to have new values.
type Endless = (&'static str, BTreeSet<usize>);

impl View {
    /// The relation whose rows pile up in this view, or in what it keeps.
    #[must_use]
    pub fn grows_with(&self, relations: &Relations) -> Option<&'static str> {
        endless(&self.plan, relations).map(|(relation, _)| relation)
    }
}

fn endless(node: &Node, relations: &Relations) -> Option<Endless> {
    match &node.op {
        Op::Scan(name) => scanned(name, relations),
        Op::Values(_) => None,
        Op::Filter(input, predicates) => {
            endless(input, relations).filter(|_| !is_chosen(input, predicates, relations))
        }
        Op::Map(input, cells) => endless(input, relations).map(|from| through(&from, cells)),
        Op::Join(join) => {
            let left = endless(&join.left, relations);
            if matches!(join.how, How::Semi | How::Anti) {
                return left;
            }
            let wide = join.left.kinds.len();
            let right = endless(&join.right, relations)
                .map(|(relation, by)| (relation, by.into_iter().map(|column| column + wide).collect()));
            either(left, right)
        }
        Op::Reduce(input, by, _) => {
            let grouped = endless(input, relations).map(|from| through(&from, by));
            grouped.filter(|(_, by)| !by.is_empty())
        }
        Op::Union(inputs) => inputs.iter().map(|input| endless(input, relations)).fold(None, either),
        Op::Set(op, left, right) => {
            let (left, right) = (endless(left, relations), endless(right, relations));
            match op {
                SetOp::Union => either(left, right),
                SetOp::Except | SetOp::ExceptAll => left,
                SetOp::Intersect | SetOp::IntersectAll => left.filter(|_| right.is_some()),
            }
        }
        Op::Distinct(input) => endless(input, relations).filter(|(_, by)| !by.is_empty()),
        Op::Top(input, top) => {
            let grouped = endless(input, relations).map(|from| through(&from, &top.by));
            grouped.filter(|(_, by)| top.limit.is_none() || !by.is_empty())
        }
        // Rows go when the present has passed their moment; those that come then stay.
        Op::While(input, bound) => match bound.comparison {
            Comparison::Less | Comparison::AtMost => None,
            _ => endless(input, relations),
        },
        Op::Hop(input, _) => endless(input, relations),
    }
}

fn scanned(name: &str, relations: &Relations) -> Option<Endless> {
    let growing = growing().into_iter().find(|growing| growing.name == name)?;
    let columns = &relations.get(name)?.columns;
    let by = growing.by.iter().filter_map(|by| columns.iter().position(|column| column.name == *by));
    Some((growing.name, by.collect()))
}

/// Whether only rows are chosen that do not pile up, right where they are read.
fn is_chosen(input: &Node, predicates: &[Expr], relations: &Relations) -> bool {
    let Op::Scan(name) = &input.op else { return false };
    let Some(growing) = growing().into_iter().find(|growing| growing.name == name) else { return false };
    let (column, values) = growing.but;
    let Some(place) = relations
        .get(name)
        .and_then(|relation| relation.columns.iter().position(|known| known.name == column))
    else {
        return false;
    };
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(at, _) if *at == place);
    let among = |value: &Value| value.as_str().is_some_and(|text| values.contains(&text));
    predicates.iter().any(|predicate| match predicate {
        Expr::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
            (column, Expr::Literal(value)) | (Expr::Literal(value), column) => {
                is_column(column) && among(value)
            }
            _ => false,
        },
        Expr::In(column, chosen) => is_column(column) && chosen.iter().all(among),
        _ => false,
    })
}

/// The same rows, made anew: which of these cells have new values.
fn through((relation, by): &Endless, cells: &[Cell]) -> Endless {
    let new = |(expr, _): &Cell| expr.columns().iter().any(|column| by.contains(column));
    let places = cells.iter().enumerate().filter(|(_, cell)| new(cell)).map(|(place, _)| place);
    (relation, places.collect())
}

fn either(left: Option<Endless>, right: Option<Endless>) -> Option<Endless> {
    match (left, right) {
        (Some((relation, mut by)), Some((_, more))) => {
            by.extend(more);
            Some((relation, by))
        }
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::{catalog_relations, plan};

    #[test]
    fn what_piles_up_is_of_grants_without_a_bound() {
        let relations = catalog_relations();
        for (sql, expected) in [
            ("SELECT * FROM grants", Some("grants")),
            ("SELECT grant, player FROM grants WHERE amount > 10", Some("grants")),
            (
                "SELECT g.grant, l.player FROM levels AS l JOIN grants AS g ON g.player = l.player",
                Some("grants"),
            ),
            ("SELECT tick, count(*) AS n FROM grants GROUP BY tick", Some("grants")),
            (
                "SELECT tumble(tick, INTERVAL '1 hour') AS hour, count(*) AS n FROM grants GROUP BY 1",
                Some("grants"),
            ),
            ("SELECT grant FROM grants UNION SELECT player FROM levels", Some("grants")),
            ("SELECT grant FROM grants WHERE now() >= tick + INTERVAL '1 hour'", Some("grants")),
            ("SELECT quest, count(*) AS n FROM past_grants GROUP BY quest", None),
            ("SELECT * FROM past_grants", Some("past_grants")),
            ("SELECT * FROM past_grants WHERE scope = 'player'", None),
            ("SELECT grant FROM grants WHERE now() <= tick + INTERVAL '1 hour'", None),
            ("SELECT grant FROM grants WHERE status = 'pending'", None),
            ("SELECT grant FROM grants WHERE status IN ('pending', 'clawback')", None),
            ("SELECT grant FROM grants WHERE status IN ('pending', 'delivered')", Some("grants")),
            ("SELECT quest, count(*) AS n FROM grants WHERE quest IS NOT NULL GROUP BY quest", None),
            ("SELECT count(*) AS n FROM grants", None),
            ("SELECT grant, tick FROM grants ORDER BY tick DESC LIMIT 10", None),
            (
                "SELECT l.player FROM levels AS l WHERE EXISTS (SELECT * FROM grants AS g WHERE g.player = l.player)",
                None,
            ),
            ("SELECT player, level FROM levels", None),
        ] {
            let text = format!("CREATE VIEW v AS {sql}");
            let (views, problems) = plan([("v", text.as_str())], relations.clone(), 10);
            assert_eq!(problems, [], "{sql}");
            assert_eq!(views[0].grows_with(&relations), expected, "{sql}");
        }
    }
}
