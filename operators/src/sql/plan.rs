//! The plan of a view: what its dataflow is made of, with names and types settled.
//!
//! Plans are compared by value: two views that need the same thing of the same relation share it. A node knows
//! the kinds of its columns, and which sets of them no two of its rows share.

use super::expr::{Comparison, Expr};
use super::kind::{Kind, Relation};

/// An operator, and the rows that come out of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What its columns hold.
    pub kinds: Vec<Kind>,
    /// Sets of columns that no two rows share; none if a row may be there twice.
    pub keys: Vec<Vec<usize>>,
}

/// An expression and what it holds.
pub(crate) type Cell = (Expr, Kind);

/// What an operator does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Op {
    /// The rows of a relation.
    Scan(String),
    /// These rows.
    Values(Vec<Vec<Expr>>),
    /// Rows for which all of these hold.
    Filter(Box<Node>, Vec<Expr>),
    /// Each row made anew.
    Map(Box<Node>, Vec<Cell>),
    /// Pairs of rows whose keys are equal.
    Join(Box<Join>),
    /// One row a group.
    Reduce(Box<Node>, Vec<Cell>, Vec<Aggregate>),
    /// All rows of all.
    Union(Vec<Node>),
    /// Rows of two, compared as wholes.
    Set(SetOp, Box<Node>, Box<Node>),
    /// Each row once.
    Distinct(Box<Node>),
    /// The first rows of each group.
    Top(Box<Node>, Top),
    /// Rows while a comparison of the present with a moment of theirs holds.
    While(Box<Node>, While),
    /// Each row once for every window that a moment of it is in, with the window's beginning.
    Hop(Box<Node>, Hop),
}

/// A join. Its rows are those of the left with those of the right behind; of semi- and antijoins the left's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Join {
    /// Which rows come out.
    pub how: How,
    /// The left side.
    pub left: Node,
    /// The right side.
    pub right: Node,
    /// The key of the left, and that of the right beside it.
    pub keys: Vec<(Expr, Expr, Kind)>,
}

/// Which rows come out of a join.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// Those that have a partner.
    Inner,
    /// Those of the left without a partner, too, with NULL for one.
    Left,
    /// Those of the left that have a partner, as often as they are there.
    Semi,
    /// Those of the left that have none.
    Anti,
}

/// An aggregate of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Aggregate {
    /// Which.
    pub call: Call,
    /// Of what.
    pub of: Expr,
    /// What that holds.
    pub kind: Kind,
    /// Whether equal values count once.
    pub distinct: bool,
    /// Which rows count.
    pub filter: Option<Expr>,
}

/// Aggregate functions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call {
    /// How many rows.
    CountRows,
    /// How many values.
    Count,
    /// The sum of values; NULL without one.
    Sum,
    /// Their mean, to the nearest millionth.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl Aggregate {
    /// What it holds.
    #[must_use]
    pub fn result(&self) -> Kind {
        match self.call {
            Call::CountRows | Call::Count => Kind::Int,
            Call::Avg => Kind::Dec,
            Call::Sum | Call::Min | Call::Max => self.kind,
        }
    }
}

/// Operations on sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SetOp {
    /// In either, once.
    Union,
    /// In the first and not in the second, once.
    Except,
    /// As often more in the first than in the second.
    ExceptAll,
    /// In both, once.
    Intersect,
    /// As often as in both.
    IntersectAll,
}

/// The first rows of each group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Top {
    /// What a group has in common.
    pub by: Vec<Cell>,
    /// Their order; rows that are equal in it are in the order of their columns.
    pub order: Vec<Order>,
    /// How many; `None` while no bound has been found.
    pub limit: Option<u64>,
    /// Whether a last column says which of its group a row is, from 1.
    pub numbered: bool,
}

/// A part of an order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Order {
    /// By what.
    pub of: Expr,
    /// What that holds.
    pub kind: Kind,
    /// The greatest first.
    pub descending: bool,
    /// NULL before everything else.
    pub nulls_first: bool,
}

/// A bound in time: `now() <comparison> moment`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct While {
    /// Whether the present is that of the world's clock.
    pub world: bool,
    /// How the present stands to the moment.
    pub comparison: Comparison,
    /// The moment, in milliseconds.
    pub moment: Expr,
}

/// Windows that overlap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hop {
    /// The moment, in milliseconds.
    pub moment: Expr,
    /// What kind of moment.
    pub kind: Kind,
    /// A window begins at every multiple of so many milliseconds.
    pub slide_ms: i64,
    /// How long a window is: a multiple of the slide.
    pub size_ms: i64,
}

impl Node {
    /// The rows of a relation.
    #[must_use]
    pub fn scan(relation: &Relation) -> Node {
        Node {
            op: Op::Scan(relation.name.clone()),
            kinds: relation.columns.iter().map(|column| column.kind).collect(),
            keys: vec![(0..relation.key).collect()],
        }
    }

    /// These rows, of which no two are alike in the columns of any of `keys`.
    pub(super) fn values(rows: Vec<Vec<Expr>>, kinds: Vec<Kind>, keys: Vec<Vec<usize>>) -> Node {
        Node { op: Op::Values(rows), kinds, keys }
    }

    /// Rows for which all of `predicates` hold.
    pub(super) fn filter(self, predicates: Vec<Expr>) -> Node {
        if predicates.is_empty() {
            return self;
        }
        let (kinds, mut keys) = (self.kinds.clone(), self.keys.clone());
        // A column that is the same everywhere tells no rows apart.
        let fixed = |column: &usize| {
            predicates.iter().any(|predicate| match predicate {
                Expr::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
                    (Expr::Column(one, _), Expr::Literal(_)) | (Expr::Literal(_), Expr::Column(one, _)) => {
                        one == column
                    }
                    _ => false,
                },
                _ => false,
            })
        };
        keys.iter_mut().for_each(|key| key.retain(|column| !fixed(column)));
        Node { op: Op::Filter(Box::new(self), predicates), kinds, keys }
    }

    /// Each row made anew.
    pub(super) fn map(self, cells: Vec<Cell>) -> Node {
        let unchanged = cells.len() == self.kinds.len()
            && cells
                .iter()
                .enumerate()
                .all(|(at, (expr, kind))| *expr == Expr::Column(at, *kind) && *kind == self.kinds[at]);
        if unchanged {
            return self;
        }
        let place = |column: usize| {
            cells.iter().position(|(expr, _)| matches!(expr, Expr::Column(c, _) if *c == column))
        };
        let keys = self
            .keys
            .iter()
            .filter_map(|key| key.iter().map(|column| place(*column)).collect::<Option<Vec<_>>>());
        let (keys, kinds) = (keys.collect(), cells.iter().map(|(_, kind)| *kind).collect());
        Node { op: Op::Map(Box::new(self), cells), kinds, keys }
    }

    /// Pairs of rows whose keys are equal.
    pub(super) fn join(how: How, left: Node, right: Node, keys: Vec<(Expr, Expr, Kind)>) -> Node {
        let mut kinds = left.kinds.clone();
        let mut unique = left.keys.clone();
        if matches!(how, How::Inner | How::Left) {
            kinds.extend(&right.kinds);
            let partners = |key: &Vec<usize>| {
                key.iter().all(|column| {
                    keys.iter().any(|(_, of, _)| matches!(of, Expr::Column(c, _) if c == column))
                })
            };
            if !right.keys.iter().any(partners) {
                let wide = left.kinds.len();
                unique = left
                    .keys
                    .iter()
                    .flat_map(|left| {
                        right.keys.iter().map(move |right| {
                            left.iter().copied().chain(right.iter().map(|column| column + wide)).collect()
                        })
                    })
                    .collect();
            }
        }
        Node { op: Op::Join(Box::new(Join { how, left, right, keys })), kinds, keys: unique }
    }

    /// One row a group.
    pub(super) fn reduce(self, by: Vec<Cell>, aggregates: Vec<Aggregate>) -> Node {
        let kinds =
            by.iter().map(|(_, kind)| *kind).chain(aggregates.iter().map(Aggregate::result)).collect();
        let keys = vec![(0..by.len()).collect()];
        Node { op: Op::Reduce(Box::new(self), by, aggregates), kinds, keys }
    }

    /// All rows of all, which are of the same kinds.
    pub(super) fn union(inputs: Vec<Node>) -> Node {
        let kinds = inputs[0].kinds.clone();
        Node { op: Op::Union(inputs), kinds, keys: Vec::new() }
    }

    /// Rows of two, which are of the same kinds.
    pub(super) fn set(op: SetOp, left: Node, right: Node) -> Node {
        let kinds = left.kinds.clone();
        let mut keys = if matches!(op, SetOp::Union) { Vec::new() } else { left.keys.clone() };
        if !matches!(op, SetOp::ExceptAll | SetOp::IntersectAll) {
            keys.push((0..kinds.len()).collect());
        }
        Node { op: Op::Set(op, Box::new(left), Box::new(right)), kinds, keys }
    }

    /// Each row once.
    pub(super) fn distinct(self) -> Node {
        if !self.keys.is_empty() {
            return self;
        }
        let (kinds, keys) = (self.kinds.clone(), vec![(0..self.kinds.len()).collect()]);
        Node { op: Op::Distinct(Box::new(self)), kinds, keys }
    }

    /// The first rows of each group.
    pub(super) fn top(self, top: Top) -> Node {
        let (mut kinds, mut keys) = (self.kinds.clone(), self.keys.clone());
        if top.numbered {
            let column =
                |(expr, _): &Cell| if let Expr::Column(column, _) = expr { Some(*column) } else { None };
            let by = top.by.iter().map(column).chain([Some(kinds.len())]);
            keys.extend(by.collect::<Option<Vec<_>>>());
            kinds.push(Kind::Int);
        }
        Node { op: Op::Top(Box::new(self), top), kinds, keys }
    }

    /// Rows while a bound holds.
    pub(super) fn bounded(self, bound: While) -> Node {
        let (kinds, keys) = (self.kinds.clone(), self.keys.clone());
        Node { op: Op::While(Box::new(self), bound), kinds, keys }
    }

    /// Each row for every window it is in.
    pub(super) fn hop(self, hop: Hop) -> Node {
        let (mut kinds, mut keys) = (self.kinds.clone(), self.keys.clone());
        keys.iter_mut().for_each(|key| key.push(kinds.len()));
        kinds.push(hop.kind);
        Node { op: Op::Hop(Box::new(self), hop), kinds, keys }
    }

    /// What it reads from.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Node> {
        match &self.op {
            Op::Scan(_) | Op::Values(_) => Vec::new(),
            Op::Filter(input, _)
            | Op::Map(input, _)
            | Op::Reduce(input, ..)
            | Op::Distinct(input)
            | Op::Top(input, _)
            | Op::While(input, _)
            | Op::Hop(input, _) => vec![input],
            Op::Join(join) => vec![&join.left, &join.right],
            Op::Set(_, left, right) => vec![left, right],
            Op::Union(inputs) => inputs.iter().collect(),
        }
    }

    /// How many operators it has.
    #[must_use]
    pub fn size(&self) -> usize {
        1 + self.inputs().into_iter().map(Node::size).sum::<usize>()
    }

    /// The relations it reads.
    #[must_use]
    pub fn relations(&self) -> Vec<&str> {
        let mut relations: Vec<&str> = match &self.op {
            Op::Scan(relation) => vec![relation],
            _ => self.inputs().into_iter().flat_map(Node::relations).collect(),
        };
        relations.sort_unstable();
        relations.dedup();
        relations
    }
}
