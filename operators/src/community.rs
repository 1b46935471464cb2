//! Community progress: the one counter of each objective held together, and how many share in it.
//!
//! `objective_progress (scope ≠ player), contributions ─count players, join→ community_progress`

use differential_dataflow::VecCollection;
use differential_dataflow::operators::CountTotal;
use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog::{COMMUNITY_PROGRESS, CONTRIBUTIONS, OBJECTIVE_PROGRESS, ViewId};
use worldflow_schemas::{Diff, Row, Tick, Value};

use crate::machine::ViewRow;

/// What is known of one objective.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
enum Part {
    Progress { value: Value, need: Value },
    Contributors(Diff),
}

/// The columns that name an objective of an instance: the key of `community_progress`, then the
/// instance.
fn objective(view: ViewId, row: &Row) -> Row {
    let instance = view.def().column("instance").expect("the catalog has it");
    let key = row.key(COMMUNITY_PROGRESS.def().key);
    Row::new(key.iter().chain([&row[instance]]).cloned().collect::<Vec<_>>())
}

/// Joins the rows of `objective_progress` and `contributions`; other rows are passed over.
#[must_use]
pub fn community_progress<'scope>(
    rows: VecCollection<'scope, Tick, ViewRow, Diff>,
) -> VecCollection<'scope, Tick, ViewRow, Diff> {
    let column = |name| OBJECTIVE_PROGRESS.def().column(name).expect("the catalog has it");
    let (scope, value, need) = (column("scope"), column("value"), column("need"));
    let player = CONTRIBUTIONS.def().column("player").expect("the catalog has it");
    let alone = Value::Sym("player".into());
    let progress = rows.clone().flat_map(move |(view, row)| {
        (view == OBJECTIVE_PROGRESS && row[scope] != alone).then(|| {
            let part = Part::Progress { value: row[value].clone(), need: row[need].clone() };
            (objective(view, &row), part)
        })
    });
    let contributors = rows
        .flat_map(move |(view, row)| {
            (view == CONTRIBUTIONS && row[player] != Value::Null).then(|| objective(view, &row))
        })
        .count_total()
        .map(|(objective, count)| (objective, Part::Contributors(count)));
    progress
        .concat(contributors)
        .reduce(|objective, parts, output| {
            let mut contributors = 0;
            let mut row = None;
            for (part, _) in parts {
                match part {
                    Part::Progress { value, need } => row = Some((value, need)),
                    Part::Contributors(count) => contributors = *count,
                }
            }
            if let Some((value, need)) = row {
                let counts = [value.clone(), need.clone(), Value::Int(contributors as i64)];
                output.push((Row::new(objective.iter().cloned().chain(counts).collect::<Vec<_>>()), 1));
            }
        })
        .map(|(_, row)| (COMMUNITY_PROGRESS, row))
}
