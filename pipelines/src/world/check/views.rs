//! Views by name, those in SQL too, and the rows of them that conditions look up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow_operators::rules::{SqlViews, is_kept};
use worldflow_operators::sql::{Origin, View};
use worldflow_schemas::Sym;
use worldflow_schemas::catalog::{self, CATALOG, Column, ViewDef};
use worldflow_schemas::definitions::SqlViewDef;
use worldflow_schemas::definitions::expression::{Expr, ExprKind, RowExpr, Subject};
use worldflow_schemas::input::Scope;

use super::columns::Holds;
use super::comparisons::within;
use super::conditions::Operand;
use super::rules::operand;
use super::{Checker, Sort};
use crate::world::spot::Spot;

/// The views of a world.
#[derive(Debug)]
pub(super) struct Views {
    by_name: BTreeMap<&'static str, &'static ViewDef>,
    /// What those in SQL are made from.
    pub(super) sql: SqlViews,
    /// A view in SQL has problems, and is left out.
    pub(super) incomplete: bool,
    /// Where columns of those in SQL come from, by view and column.
    origins: BTreeMap<(String, String), Origin>,
}

impl Views {
    /// The catalog's, and these.
    pub(super) fn new(sql: &[View], incomplete: bool) -> Views {
        let mut by_name: BTreeMap<_, _> = CATALOG.iter().map(|view| (view.name, view)).collect();
        let designed = sql.iter().filter_map(|view| view.designed().id().ok()).map(|id| id.def());
        by_name.extend(designed.map(|view| (view.name, view)));
        let text = |view: &View| (Sym::new(&view.name), Some(Arc::new(SqlViewDef { sql: view.sql.clone() })));
        let mut reads = SqlViews::default();
        reads.define(sql.iter().map(text).collect());
        let mut origins = BTreeMap::new();
        for view in sql {
            for (column, origin) in view.columns.iter().zip(&view.origins) {
                if let Some(origin) = origin {
                    origins.insert((view.name.clone(), column.name.clone()), origin.clone());
                }
            }
        }
        Views { by_name, sql: reads, incomplete, origins }
    }

    /// The names of all.
    pub(super) fn names(&self) -> BTreeSet<&'static str> {
        self.by_name.keys().copied().collect()
    }

    /// The column that one of a view in SQL is, if it is one unchanged.
    pub(super) fn origin(&self, view: &str, column: &str) -> Option<&Origin> {
        self.origins.get(&(view.to_owned(), column.to_owned()))
    }

    /// A view.
    pub(super) fn get(&self, name: &str) -> Option<&'static ViewDef> {
        self.by_name.get(name).copied()
    }
}

/// Whether it is a view that only rules fill, when they have seen all others.
pub(super) fn is_of_rules(view: &ViewDef) -> bool {
    view.name == catalog::PENDING_ACTIONS.def().name
}

impl Checker<'_> {
    /// The type of a column of a row, or of whether there is such a row.
    pub(super) fn row_term(&mut self, row: &RowExpr, text: &str, spot: Spot<'_>) -> Option<Operand> {
        let RowExpr { view, key, column } = row;
        let at = within(spot, text, view.from, view.to);
        if !self.known(Sort::View, &view.text, at) {
            return None;
        }
        let def = self.views.get(&view.text)?;
        if !def.deterministic || is_of_rules(def) {
            let message =
                format!("`{}` is what the engine observes, so no condition can ask for it", def.name);
            self.error(at, message, "conditions ask for views that are a function of what happened");
            return None;
        }
        if catalog::view(def.name).is_some_and(|view| !is_kept(view)) {
            let message =
                format!("rows of `{}` change with nearly every event, so no condition sees them", def.name);
            self.error(at, message, "name a view of states, such as `quest_state`, or write a view in SQL");
            return None;
        }
        let columns = &def.columns[1..def.key];
        if key.len() != columns.len() {
            let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
            let (n, names) = (columns.len(), names.join(", "));
            let message = format!(
                "a row of `{}` is found by its whole key, {n} columns, and this gives {}",
                def.name,
                key.len()
            );
            self.error(at, message, format!("write `view.{}[{names}]` with a value for each", def.name));
            return None;
        }
        let quest = quest_of(def, row);
        for (part, column) in key.iter().zip(columns) {
            self.check_key_part(part, column, text, spot);
            self.check_key_name(part, (def, column), quest, within(spot, text, part.from, part.to));
        }
        let Some(column) = column else { return Some(Operand::Bool) };
        let at = within(spot, text, column.from, column.to);
        operand(self.check_column(def, &column.text, at)?).flatten()
    }

    fn check_key_part(&mut self, part: &Expr, column: &Column, text: &str, spot: Spot<'_>) {
        let is = match &part.kind {
            ExprKind::Number(_) => Some(Operand::Number),
            ExprKind::Bool(_) => Some(Operand::Bool),
            ExprKind::Text(_) => Some(Operand::Text),
            ExprKind::Name(parts) if parts.len() == 1 => Some(Operand::Text),
            ExprKind::Name(parts) => match Subject::of(parts) {
                Ok(Subject::Fact(_, fact)) => {
                    let at = within(spot, text, fact.from, fact.to);
                    if !self.known(Sort::Fact, &fact.text, at) || self.is_personal_fact(&fact.text, at) {
                        return;
                    }
                    let world = self.definitions.world.as_ref();
                    let declared = world.and_then(|world| world.definition.facts.get(&fact.text));
                    declared.map(|declared| Operand::of_fact(declared.kind))
                }
                _ => None,
            },
            _ => None,
        };
        let at = within(spot, text, part.from, part.to);
        if let (Some(is), Some(wanted)) = (is, operand(column.kind).flatten())
            && is != wanted
        {
            let message =
                format!("the column `{}` is {}, and this is {}", column.name, wanted.label(), is.label());
            self.error(at, message, "give a value of the column's own type");
        }
    }

    /// A word is an id of what the column holds, or stands for the holder's own.
    fn check_key_name(
        &mut self,
        part: &Expr,
        (view, column): (&ViewDef, &Column),
        quest: Option<&str>,
        at: Spot<'_>,
    ) {
        let (word, quoted) = match &part.kind {
            ExprKind::Text(text) => (text, true),
            ExprKind::Name(parts) => match parts.as_slice() {
                [word] => (&word.text, false),
                _ => return,
            },
            _ => return,
        };
        if !quoted && Scope::ALL.iter().any(|scope| scope.name() == word) {
            if column.name == "scope" {
                let message = format!("`{word}` stands for an id here, not for the word");
                self.error(at, message, format!("put it in quotes: `'{word}'`"));
            }
            return;
        }
        if let Some(held) = self.held(view.name, column.name).or_else(|| by_name(column.name)) {
            self.check_held(held, word, quest, at);
        }
    }

    /// A name that a column of a row is compared with.
    pub(super) fn check_row_compared(&mut self, row: &Expr, with: &Expr, text: &str, spot: Spot<'_>) {
        let ExprKind::Row(row @ RowExpr { view, column: Some(column), .. }) = &row.kind else { return };
        let word = match &with.kind {
            ExprKind::Text(text) => text,
            ExprKind::Name(parts) if parts.len() == 1 => &parts[0].text,
            _ => return,
        };
        let Some(def) = self.views.get(&view.text) else { return };
        if let Some(held) = self.held(def.name, &column.text) {
            let at = within(spot, text, with.from, with.to);
            self.check_held(held, word, quest_of(def, row), at);
        }
    }
}

/// What a column of a view in SQL is for its name alone.
pub(super) fn by_name(column: &str) -> Option<Holds> {
    let sort = match column {
        "fact" => Sort::Fact,
        "quest" => Sort::Quest,
        "region" => Sort::Region,
        "zone" => Sort::Zone,
        _ => return None,
    };
    Some(Holds::Sort(sort))
}

/// The quest that a row is of, where its key says so.
fn quest_of<'r>(view: &ViewDef, row: &'r RowExpr) -> Option<&'r str> {
    let place = view.columns[1..view.key].iter().position(|column| column.name == "quest")?;
    match &row.key.get(place)?.kind {
        ExprKind::Text(text) => Some(text),
        ExprKind::Name(parts) => match parts.as_slice() {
            [word] => Some(&word.text),
            _ => None,
        },
        _ => None,
    }
}
