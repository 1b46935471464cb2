//! Files of views become views: planned in the order in which they need each other, each with its key.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;
use worldflow_schemas::catalog::{CATALOG, ColumnType, DesignedColumn, DesignedView, PENDING_ACTIONS};

use super::error::{Result, SqlError};
use super::kind::{Column, Kind, Relation};
use super::origin::{Compared, Noted, Origin, origins};
use super::parse::{CreateStatement, folded, statements};
use super::plan::Node;
use super::query::{Planned, Planner};

/// The most SQL views of a world.
pub const MAX_VIEWS: usize = 256;

/// The most operators of a plan, with those of the views that it reads.
const MAX_NODES: usize = 500;

/// A view that has been planned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The file it is written in.
    pub file: String,
    /// Its statement, without the `;`.
    pub sql: String,
    /// Its columns, without the realm.
    pub columns: Vec<Column>,
    /// How many leading columns no two of its rows share.
    pub key: usize,
    /// Its plan.
    pub plan: Node,
    /// Where each of its columns comes from, if it is handed on as it is.
    pub origins: Vec<Option<Origin>>,
    /// The texts that columns of relations are compared with in it.
    pub compared: Vec<Compared>,
}

impl View {
    /// As the catalog has it: after the realm, filtered by its ids.
    #[must_use]
    pub fn designed(&self) -> DesignedView {
        let column = |column: &Column| DesignedColumn::new(&column.name, column.kind.column_type(), "");
        let realm = DesignedColumn::new("realm", ColumnType::Text, "The realm.");
        let filters = self.columns.iter().skip(self.key).filter(|column| column.kind == Kind::Id);
        DesignedView {
            name: self.name.clone(),
            key: self.key + 1,
            columns: [realm].into_iter().chain(self.columns.iter().map(column)).collect(),
            filters: filters.map(|column| column.name.clone()).collect(),
            doc: String::new(),
        }
    }
}

/// The relations by their names.
pub type Relations = BTreeMap<String, Relation>;

/// Columns that are never NULL in any view, besides those of keys.
const NEVER_NULL: [&str; 2] = ["since", "tick"];

/// The views of the catalog that SQL can read: those that are a function of the world, but for what rules have waiting, which they
/// only know when all other rows are there.
#[must_use]
pub fn catalog_relations() -> Relations {
    let views = CATALOG.iter().filter(|view| view.deterministic && view.name != PENDING_ACTIONS.def().name);
    let relations = views.map(|view| {
        let columns = view.columns.iter().enumerate().skip(1).map(|(place, column)| Column {
            name: column.name.to_owned(),
            kind: Kind::of_column(view.name, column.name, column.kind),
            nullable: place >= view.key && !NEVER_NULL.contains(&column.name),
        });
        Relation { name: view.name.to_owned(), columns: columns.collect(), key: view.key - 1 }
    });
    relations.map(|relation| (relation.name.clone(), relation)).collect()
}

/// Plans every view of these files: name and text. Returns those that are well in an order in which each comes
/// after those that it reads, and every problem with its file.
#[must_use]
pub fn plan<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
    mut relations: Relations,
    tick_ms: u32,
) -> (Vec<View>, Vec<(String, SqlError)>) {
    let mut problems: Vec<(String, SqlError)> = Vec::new();
    let mut waiting: Vec<(String, CreateStatement)> = Vec::new();
    let mut names = BTreeSet::new();
    for (file, text) in files {
        for statement in statements(text) {
            let named = statement.and_then(|statement| {
                check_name(&statement, &relations, &names)?;
                Ok(statement)
            });
            match named {
                Ok(statement) => {
                    names.insert(folded(&statement.name));
                    waiting.push((file.to_owned(), statement));
                }
                Err(error) => problems.push((file.to_owned(), error)),
            }
        }
    }
    let mut views: Vec<View> = Vec::new();
    let mut plans = BTreeMap::new();
    let blocked = Cell::new(false);
    // Those that are not planned yet, or have a problem: what reads them waits.
    let mut pending = names;
    while !waiting.is_empty() {
        let mut still = Vec::new();
        let before = waiting.len();
        for (file, statement) in waiting {
            blocked.set(false);
            let noted = Noted::default();
            let name = folded(&statement.name);
            let planner = Planner {
                relations: &relations,
                plans: &plans,
                tick_ms,
                with: Vec::new(),
                pending: &pending,
                blocked: &blocked,
                noted: &noted,
                words: &statement.words,
            };
            let planned = planner.view(&file, &statement);
            let missed = noted.missed.into_inner();
            match planned {
                // What else is wrong may follow from names that are not known.
                _ if !blocked.get() && !missed.is_empty() => {
                    problems.extend(missed.into_iter().map(|error| (file.clone(), error)));
                }
                Ok(mut view) => {
                    view.compared = noted.compared.into_inner();
                    pending.remove(&name);
                    relations.insert(name.clone(), relation(&view));
                    plans.insert(name, view.plan.clone());
                    views.push(view);
                }
                Err(_) if blocked.get() => still.push((file, statement)),
                Err(error) => problems.push((file, error)),
            }
        }
        if still.len() == before {
            problems.extend(circles(still, problems.is_empty()));
            break;
        }
        waiting = still;
    }
    (views, problems)
}

/// Views that wait for themselves are a problem of their own; those that wait for a wrong view are not. `all`: no view is
/// wrong.
fn circles(waiting: Vec<(String, CreateStatement)>, all: bool) -> Vec<(String, SqlError)> {
    let hint = "views that read each other have no beginning: put what they share into a view that both read";
    let reads: BTreeMap<String, BTreeSet<String>> =
        waiting.iter().map(|(_, statement)| (folded(&statement.name), statement.reads())).collect();
    let in_circle = |name: &str| {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = vec![name];
        while let Some(at) = next.pop() {
            let read = reads.get(at).into_iter().flatten().map(String::as_str);
            next.extend(read.filter(|read| reads.contains_key(*read) && reached.insert(read)));
        }
        reached.contains(name)
    };
    let in_circles = waiting.iter().filter(|(_, statement)| all || in_circle(&folded(&statement.name)));
    let problem = |(file, statement): &(String, CreateStatement)| {
        let message = format!("`{}` needs itself, or a view that does", statement.name);
        (file.clone(), SqlError::at(statement.name.span, message, hint))
    };
    in_circles.map(problem).collect()
}

fn check_name(statement: &CreateStatement, relations: &Relations, names: &BTreeSet<String>) -> Result<()> {
    let (name, span) = (folded(&statement.name), statement.name.span);
    let is_plain = name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
        && name.starts_with(|char: char| char.is_ascii_lowercase())
        && name.len() <= 60;
    if !is_plain {
        return Err(SqlError::at(
            span,
            format!("`{name}` is no name of a view"),
            "use small letters, digits and `_`, a letter first, at most 60",
        ));
    }
    if relations.contains_key(&name) || CATALOG.iter().any(|view| view.name == name) {
        return Err(SqlError::at(
            span,
            format!("there is a view `{name}` already"),
            "docs/catalog.md lists the views of every world: take another name",
        ));
    }
    if names.contains(&name) {
        return Err(SqlError::at(
            span,
            format!("the view `{name}` is defined twice"),
            "take another name for one of them",
        ));
    }
    if names.len() >= MAX_VIEWS {
        return Err(SqlError::at(span, format!("more than {MAX_VIEWS} views"), "put several into one"));
    }
    Ok(())
}

/// A view as a relation.
#[must_use]
pub fn relation(view: &View) -> Relation {
    Relation { name: view.name.clone(), columns: view.columns.clone(), key: view.key }
}

/// Plans a query that is no view: its rows may be there more than once.
///
/// # Errors
/// With its first problem.
pub fn plan_query(text: &str, relations: &Relations, tick_ms: u32) -> Result<(Node, Vec<Column>)> {
    plan_query_over(text, &[], relations, tick_ms)
}

/// Plans a query that is no view, which may read these views.
///
/// # Errors
/// With its first problem.
pub fn plan_query_over(
    text: &str,
    views: &[View],
    relations: &Relations,
    tick_ms: u32,
) -> Result<(Node, Vec<Column>)> {
    let statement = match statements(&format!("CREATE VIEW q AS {text}")).pop() {
        Some(statement) => statement?,
        None => {
            return Err(SqlError::at(Span::empty(), "there is no query", "write SELECT ..."));
        }
    };
    let mut relations = relations.clone();
    relations.extend(views.iter().map(|view| (view.name.clone(), relation(view))));
    let plans = views.iter().map(|view| (view.name.clone(), view.plan.clone())).collect();
    let (pending, blocked) = (BTreeSet::new(), Cell::new(false));
    let noted = Noted::default();
    let planner = Planner {
        relations: &relations,
        plans: &plans,
        tick_ms,
        with: Vec::new(),
        pending: &pending,
        blocked: &blocked,
        noted: &noted,
        words: &statement.words,
    };
    let planned = planner.whole(&statement.query);
    match noted.missed.into_inner().into_iter().next() {
        Some(error) => Err(error),
        None => planned.map(|planned| (planned.node, planned.columns)),
    }
}

impl Planner<'_> {
    fn view(&self, file: &str, statement: &CreateStatement) -> Result<View> {
        let place = |error: SqlError| error.or_at(statement.name.span);
        let Planned { node, mut columns, .. } = self.whole(&statement.query).map_err(place)?;
        if !statement.columns.is_empty() {
            if statement.columns.len() != columns.len() {
                let message = format!("{} names for {} columns", statement.columns.len(), columns.len());
                return Err(SqlError::at(statement.name.span, message, "name all columns, or none"));
            }
            for (column, name) in columns.iter_mut().zip(&statement.columns) {
                column.name = folded(name);
            }
        }
        for column in &columns {
            let span = selected_at(&statement.query, &column.name).unwrap_or(statement.name.span);
            check_column(column, span)?;
        }
        let plan = node.distinct();
        let size = plan.size();
        if size > MAX_NODES {
            let message = format!("a plan of {size} operators, with those of the views that it reads");
            return Err(SqlError::at(
                statement.name.span,
                message,
                format!("at most {MAX_NODES}: join fewer views with themselves"),
            ));
        }
        let key = plan.keys.iter().map(|key| key.iter().max().map_or(0, |last| last + 1)).min();
        let key = key.unwrap_or(columns.len());
        if let Some(column) = columns[..key].iter().find(|column| column.nullable) {
            return Err(SqlError::at(
                selected_at(&statement.query, &column.name).unwrap_or(statement.query.span()),
                format!("`{}` may be NULL, and is in the key of the view", column.name),
                key_hint(&statement.query, &columns, &plan, column),
            ));
        }
        let view = View {
            name: folded(&statement.name),
            file: file.to_owned(),
            sql: statement.sql.clone(),
            columns,
            key,
            origins: origins(&plan, self.relations),
            compared: Vec::new(),
            plan,
        };
        view.designed()
            .check()
            .map_err(|problem| SqlError::at(statement.name.span, problem.to_string(), problem.hint()))?;
        Ok(view)
    }
}

/// The SELECT that names the columns of a query.
fn selected_from(query: &ast::Query) -> Option<&ast::Select> {
    let mut body = &*query.body;
    loop {
        match body {
            ast::SetExpr::Select(select) => return Some(select),
            ast::SetExpr::Query(query) => body = &query.body,
            ast::SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

/// Where a column of a query is selected.
fn selected_at(query: &ast::Query, name: &str) -> Option<Span> {
    let select = selected_from(query)?;
    select.projection.iter().find_map(|item| match item {
        ast::SelectItem::ExprWithAlias { alias, .. } => (folded(alias) == name).then(|| item.span()),
        ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(column)) => {
            (folded(column) == name).then_some(column.span)
        }
        ast::SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(names)) => {
            names.last().filter(|last| folded(last) == name).map(|_| item.span())
        }
        _ => None,
    })
}

fn check_column(column: &Column, span: Span) -> Result<()> {
    let name = &column.name;
    if name == "realm" {
        return Err(SqlError::at(
            span,
            "a column `realm`",
            "leave it out: the view's rows have it as their first column",
        ));
    }
    let is_plain = name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
        && name.starts_with(|char: char| char.is_ascii_lowercase());
    if !is_plain {
        return Err(SqlError::at(
            span,
            format!("`{name}` is no name of a column"),
            "use small letters, digits and `_`, a letter first",
        ));
    }
    if column.kind == Kind::Null {
        return Err(SqlError::at(
            span,
            format!("`{name}` is nothing but NULL"),
            "say of which kind: CAST(NULL AS INTEGER)",
        ));
    }
    Ok(())
}

fn key_hint(query: &ast::Query, columns: &[Column], plan: &Node, nullable: &Column) -> String {
    let sets = plan
        .keys
        .iter()
        .filter(|key| key.len() < columns.len() && key.iter().all(|column| !columns[*column].nullable));
    if let Some(key) = sets.min_by_key(|key| key.len()) {
        let names: Vec<&str> = key.iter().map(|column| columns[*column].name.as_str()).collect();
        return format!("select {} first, which tells the rows apart", names.join(", "));
    }
    let name = &nullable.name;
    let Some((of, clause)) = computed_of(query, name) else {
        return format!("write WHERE {name} IS NOT NULL in each part");
    };
    match nullable.kind {
        Kind::Int | Kind::Dec | Kind::Id | Kind::Text | Kind::Bool => {
            format!("write {clause} {of} IS NOT NULL, or coalesce({of}, ...) AS {name}")
        }
        _ => format!("write {clause} {of} IS NOT NULL"),
    }
}

/// What a column of a query is, as it is written, and the clause in which it can be compared.
fn computed_of(query: &ast::Query, name: &str) -> Option<(String, &'static str)> {
    let select = selected_from(query)?;
    let (place, expr) = (0..).zip(&select.projection).find_map(|(place, item)| match item {
        ast::SelectItem::ExprWithAlias { expr, alias } => (folded(alias) == name).then_some((place, expr)),
        ast::SelectItem::UnnamedExpr(expr) => match expr {
            ast::Expr::Identifier(column) => (folded(column) == name).then_some((place, expr)),
            ast::Expr::CompoundIdentifier(names) => {
                names.last().is_some_and(|last| folded(last) == name).then_some((place, expr))
            }
            _ => None,
        },
        _ => None,
    })?;
    let ast::GroupByExpr::Expressions(by, _) = &select.group_by else { return None };
    let number = (place + 1).to_string();
    let is_it = |by: &ast::Expr| match by {
        ast::Expr::Value(value) => {
            matches!(&value.value, ast::Value::Number(n, _) if *n == number)
        }
        ast::Expr::Identifier(column) if folded(column) == name => true,
        by => by == expr,
    };
    let of_rows = by.is_empty() || by.iter().any(is_it);
    Some((expr.to_string(), if of_rows { "WHERE" } else { "HAVING" }))
}
