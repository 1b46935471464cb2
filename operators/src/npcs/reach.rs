//! Whom each storylet reaches: counted over what is known of players.
//!
//! `storylet_memory, a row of noughts for each storylet ─count→ storylet_reach`

use differential_dataflow::VecCollection;
use worldflow_schemas::catalog::{STORYLET_MEMORY, STORYLET_REACH};
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use crate::machine::ViewRow;

/// The rows as they are, but for those of `storylet_reach`: what is counted takes the place of noughts.
#[must_use]
pub fn reach<'scope>(
    rows: VecCollection<'scope, Tick, ViewRow, Diff>,
) -> VecCollection<'scope, Tick, ViewRow, Diff> {
    let column = |name| STORYLET_MEMORY.def().column(name).expect("the catalog has it");
    let (storylet, times) = (column("storylet"), column("times"));
    let others = rows.clone().filter(|(view, _)| *view != STORYLET_REACH);
    // Of each storylet: whether it is defined, or how often it was said to one player.
    let parts = rows.flat_map(move |(view, row)| match view {
        STORYLET_REACH => Some((row.key(2).to_vec(), None)),
        STORYLET_MEMORY => {
            let said = if let Value::Int(times) = row[times] { times } else { 0 };
            Some((vec![row[0].clone(), row[storylet].clone()], Some(said)))
        }
        _ => None,
    });
    let counted = parts.reduce(|_, parts, output| {
        let (mut defined, mut eligible, mut players, mut times) = (false, 0, 0, 0_i64);
        for (part, count) in parts {
            match part {
                None => defined = true,
                Some(said) => {
                    eligible += *count;
                    players += if *said > 0 { *count } else { 0 };
                    times = times.saturating_add(said.saturating_mul(*count as i64));
                }
            }
        }
        if defined {
            output.push(([eligible as i64, players as i64, times], 1));
        }
    });
    let counted = counted.map(|(key, numbers)| {
        let never = match numbers {
            [0, ..] => Value::Sym(Sym::new("eligible")),
            [_, 0, _] => Value::Sym(Sym::new("said")),
            _ => Value::Null,
        };
        let values = key.into_iter().chain(numbers.map(Value::Int)).chain([never]);
        (STORYLET_REACH, Row::new(values.collect::<Vec<_>>()))
    });
    others.concat(counted)
}
