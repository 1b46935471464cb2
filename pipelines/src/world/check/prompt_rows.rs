//! Rows of views that prompts read: which views, whose rows, and how many.

use worldflow_schemas::catalog::{self, ViewDef};
use worldflow_schemas::definitions::{Audience, PromptDef, Reads};

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    /// A view of which a prompt reads rows.
    pub(super) fn check_rows_read(&mut self, view: &str, audience: Audience, spot: Spot<'_>) {
        if !self.known(Sort::View, view, spot) {
            return;
        }
        if catalog::view(view).is_some() {
            let message =
                format!("`{view}` is a view of every world, and a prompt reads those of its own world");
            let hint =
                format!("select what the NPC is to know of it in views/: `CREATE VIEW ... FROM {view}`");
            self.error(spot, message, hint);
            return;
        }
        // It has problems of its own otherwise.
        let Some(def) = self.views.get(view) else { return };
        match def.whose() {
            Err(column) => {
                let message = format!("whose the rows of `{view}` are is not said by their key");
                self.error(spot, message, whose_hint(def, column));
            }
            Ok(named) => {
                let says = |at: usize| named.iter().all(|(place, _)| *place != at);
                if !(1..def.columns.len()).any(says) {
                    let message = format!("rows of `{view}` say nothing but whose they are");
                    self.error(spot, message, "select what the NPC is to know, best as a column `text`");
                }
            }
        }
        if audience == Audience::Place
            && let Some(column) = def.somebody()
        {
            let message = format!("rows of `{view}` have a `{column}`, and a place hears the answer");
            let hint = "what everyone hears may read views without a column `player`, `party`, `guild`, `account`, `instance` or `holder`";
            self.error(spot, message, hint);
        }
    }

    /// How many rows of a view are read.
    pub(super) fn check_at_most(&mut self, prompt: &PromptDef, spot: Spot<'_>) {
        for (name, most) in &prompt.at_most {
            let spot = spot.name(name);
            let is_rows = |name: &&str| matches!(Reads::of(name), Some(Reads::Rows(_)));
            let read: Vec<&str> = prompt.context.iter().map(String::as_str).filter(is_rows).collect();
            if !read.contains(&name.as_str()) {
                let hint = hint(name, read, "name rows that `context` reads: `at_most: {rows.memories: 3}`");
                self.error(spot, format!("no rows are read of `{name}`"), hint);
            }
            if !(1..=PromptDef::MOST_ROWS).contains(most) {
                self.error(spot, format!("{most} rows"), format!("1 to {}", PromptDef::MOST_ROWS));
            }
        }
    }
}

/// What to do where a column says whose a row is, and nobody can follow it.
fn whose_hint(def: &ViewDef, column: &str) -> String {
    let is_of_key = def.columns.iter().take(def.key).any(|of_key| of_key.name == column);
    if is_of_key {
        return format!(
            "call `{column}` what it is: `SELECT {column} AS player ... WHERE scope = 'player'`; a key says it by `player`, `npc`, \
             `region`, `party`, `guild`, `account` or `instance`"
        );
    }
    format!(
        "select `{column}` first, so that it is of the key, or call it otherwise if the rows are everybody's"
    )
}
