//! Levels: what players have earned, and where that puts them.
//!
//! `grants, past_grants ─experience→ (player, Σ amount) ─→ levels, and LevelNow for the next tick`
//!
//! Derived from the ledger alone. A change of a grant's status adds nothing.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::CountTotal;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::Map;
use worldflow_schemas::catalog::{GRANTS, LEVELS, PAST_GRANTS, ViewId};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use crate::machine::ViewRow;
use crate::messages::LevelNow;

/// The collections of [`levels`].
pub struct Levels<'scope> {
    /// Rows of `levels`.
    pub rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    /// Each level as it is reached.
    pub now: StreamVec<'scope, Tick, LevelNow>,
}

/// What leaving level `n` costs, per level.
const COST: i64 = 100;

/// The level that this much experience reaches: leaving level n costs 100 × n.
#[must_use]
pub fn level_of(experience: i64) -> i64 {
    // The largest L with 50 L (L - 1) <= experience; the root is a first guess, mended exactly.
    let mut level = 1 + (experience.max(0) / (COST / 2)).isqrt();
    while level > 1 && needed(level) > experience {
        level -= 1;
    }
    level
}

/// The experience at which a level begins.
#[must_use]
pub fn needed(level: i64) -> i64 {
    (COST / 2).saturating_mul(level).saturating_mul(level - 1)
}

/// Adds up the experience in the rows of `grants` and `past_grants`; other views' rows are passed over.
#[must_use]
pub fn levels<'scope>(realm: Sym, rows: VecCollection<'scope, Tick, ViewRow, Diff>) -> Levels<'scope> {
    let columns = |view: ViewId| {
        let column = |name| view.def().column(name).expect("the catalog has it");
        (view, [column("item"), column("player"), column("amount")])
    };
    let granted = [columns(GRANTS), columns(PAST_GRANTS)];
    let is_experience = Value::Sym(Sym::new("experience"));
    let earned = rows.flat_map(move |(view, row)| {
        let (_, [item, player, amount]) = granted.iter().find(|(granted, _)| *granted == view)?;
        match (row[*item] == is_experience, &row[*player], &row[*amount]) {
            (true, Value::Sym(player), Value::Int(amount)) => Some((*player, *amount)),
            _ => None,
        }
    });
    let earned =
        earned.explode(|(player, amount)| Diff::try_from(amount).ok().map(|amount| (player, amount)));
    let totals = earned.count_total();
    let now = totals.clone().map(|(player, experience)| (player, level_of(experience as i64))).consolidate();
    Levels {
        rows: totals.map(move |(player, experience)| (LEVELS, level_row(realm, player, experience as i64))),
        now: now
            .inner
            .flat_map(|((player, level), _, diff)| (diff > 0).then_some(LevelNow { player, level })),
    }
}

fn level_row(realm: Sym, player: Sym, experience: i64) -> Row {
    let level = level_of(experience);
    let (begins, ends) = (needed(level), needed(level + 1));
    Row::from([
        Value::id(realm),
        Value::id(player),
        Value::Int(level),
        Value::Int(experience),
        Value::Int(experience - begins),
        Value::Int(ends - experience),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_a_hundred_times_the_level() {
        for (experience, level) in
            [(0, 1), (99, 1), (100, 2), (299, 2), (300, 3), (599, 3), (600, 4), (5_500, 11)]
        {
            assert_eq!(level_of(experience), level, "{experience}");
        }
        let mut by_loop = (1, 0);
        for experience in 0..200_000 {
            if experience - by_loop.1 >= 100 * by_loop.0 {
                by_loop = (by_loop.0 + 1, experience);
            }
            assert_eq!(level_of(experience), by_loop.0, "{experience}");
        }
        assert!(level_of(i64::MAX) > 1_000_000);
    }
}
