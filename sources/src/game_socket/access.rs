//! Who may see which rows, and a subscriber's wish turned into columns and values.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use worldflow_engine::admission::Refusal;
use worldflow_engine::view_store::Filter;
use worldflow_proto::v1;
use worldflow_proto::v1::scalar::Kind;
use worldflow_schemas::catalog::{self, CATALOG, ColumnType, ViewDef, ViewId};
use worldflow_schemas::{Sym, Value};

use crate::check::{id_text, intern, quote, refuse, suggest};
use crate::tokens::{Claims, Role};

/// The most values one column of a subscription may list.
const MOST_VALUES: usize = 10_000;

/// Views of which a player may see every row.
const PUBLIC: [ViewId; 7] = [
    catalog::CLOCK,
    catalog::CALENDAR_EVENTS,
    catalog::WEATHER,
    catalog::SEVERE_WEATHER,
    catalog::FORECAST,
    catalog::ENTITIES,
    catalog::COMMUNITY_PROGRESS,
];

/// Views of which a player may see its own rows: those whose `player` it is, or whose holder.
const OWN: [ViewId; 8] = [
    catalog::QUEST_STATE,
    catalog::OBJECTIVE_PROGRESS,
    catalog::CONTRIBUTIONS,
    catalog::GRANTS,
    catalog::LEVELS,
    catalog::FACTS,
    catalog::PRESENCE,
    catalog::NPC_LINES,
];

/// Whether the bearer may subscribe to a view at all.
pub(super) fn may_subscribe(claims: &Claims, view: ViewId) -> bool {
    claims.role != Role::Player || PUBLIC.contains(&view) || OWN.contains(&view)
}

/// The names of the views that the bearer may subscribe to.
pub(super) fn views_of(claims: &Claims) -> Vec<String> {
    catalog::ids()
        .filter(|view| may_subscribe(claims, *view))
        .map(|view| view.def().name.to_owned())
        .collect()
}

/// The view of that name, if the bearer may subscribe to it.
pub(super) fn view(claims: &Claims, name: &str) -> Result<ViewId, Refusal> {
    let Some(view) = catalog::view(name) else {
        let hint = suggest(name, CATALOG.iter().map(|view| view.name), "GET /v1/views lists them");
        return Err(refuse("unknown_view", "view", format!("unknown view {}", quote(name)), hint));
    };
    if !may_subscribe(claims, view) {
        let reason = format!("a player's token may not see `{name}`");
        return Err(refuse("not_allowed", "view", reason, "welcome.views lists those it may"));
    }
    Ok(view)
}

/// For each restricted column, the values wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    columns: BTreeMap<usize, FxHashSet<Value>>,
}

/// What a subscriber says about columns, by name.
pub(super) type Columns = BTreeMap<String, v1::Scalars>;

impl Wanted {
    /// What the bearer asks for when it subscribes.
    pub(super) fn new(claims: &Claims, view: ViewId, wanted: &Columns) -> Result<Wanted, Refusal> {
        let mut all = Wanted::default();
        all.set(view.def(), wanted)?;
        all.restrict(claims, view)?;
        Ok(all)
    }

    /// What it wants after a change.
    pub(super) fn changed(
        &self,
        claims: &Claims,
        view: ViewId,
        change: &v1::ChangeSubscription,
    ) -> Result<Wanted, Refusal> {
        let mut next = self.clone();
        let def = view.def();
        next.set(def, &change.r#where)?;
        for (name, values) in &change.add {
            let (column, values) = column_values(def, "add", name, values)?;
            let all = next.columns.entry(column).or_default();
            all.extend(values);
            if all.len() > 2 * MOST_VALUES {
                return Err(too_many("add", name));
            }
        }
        for (name, values) in &change.remove {
            let (column, values) = column_values(def, "remove", name, values)?;
            if let Some(all) = next.columns.get_mut(&column) {
                all.retain(|value| !values.contains(value));
            }
        }
        next.restrict(claims, view)?;
        Ok(next)
    }

    /// As a filter of the view store.
    pub(super) fn filter(&self) -> Filter {
        self.columns
            .iter()
            .fold(Filter::all(), |filter, (column, values)| filter.and(*column, values.iter().cloned()))
    }

    /// The column whose values select the fewest rows, and its values: what the hub looks up.
    pub(super) fn selective(&self, view: ViewId) -> Option<(usize, &FxHashSet<Value>)> {
        const COARSE: [&str; 8] = ["realm", "scope", "status", "state", "kind", "role", "hidden", "fact"];
        let columns = view.def().columns;
        self.columns
            .iter()
            .map(|(column, values)| (*column, values))
            .filter(|(column, _)| columns[*column].kind != ColumnType::Json)
            .min_by_key(|(column, values)| (COARSE.contains(&columns[*column].name), values.len()))
    }

    fn set(&mut self, def: &ViewDef, wanted: &Columns) -> Result<(), Refusal> {
        for (name, values) in wanted {
            let (column, values) = column_values(def, "where", name, values)?;
            if values.is_empty() {
                self.columns.remove(&column);
            } else {
                self.columns.insert(column, values);
            }
        }
        Ok(())
    }

    /// Narrows to what a player may see; asking for anybody else's rows is an error, not an empty set.
    fn restrict(&mut self, claims: &Claims, view: ViewId) -> Result<(), Refusal> {
        if claims.role != Role::Player || PUBLIC.contains(&view) {
            return Ok(());
        }
        let def = view.def();
        let own = Value::id(claims.subject);
        match (def.column("player"), def.column("scope"), def.column("holder")) {
            (Some(player), _, _) => self.only(def, player, own)?,
            (None, Some(scope), Some(holder)) => {
                self.only(def, scope, Value::Sym(Sym::new("player")))?;
                self.only(def, holder, own)?;
            }
            _ => return Err(refuse("not_allowed", "view", "has no rows of one player", "")),
        }
        if let Some(hidden) = def.column("hidden") {
            self.columns.insert(hidden, FxHashSet::from_iter([Value::Bool(false)]));
        }
        Ok(())
    }

    fn only(&mut self, def: &ViewDef, column: usize, own: Value) -> Result<(), Refusal> {
        let name = def.columns[column].name;
        let others =
            self.columns.get(&column).is_some_and(|values| values.iter().any(|value| !value.same(&own)));
        if others {
            return Err(refuse(
                "not_allowed",
                format!("where.{name}"),
                format!("a player's token may only see rows whose {name} is `{own}`"),
                "leave the column out",
            ));
        }
        self.columns.insert(column, both(own));
        Ok(())
    }
}

fn too_many(part: &str, name: &str) -> Refusal {
    refuse(
        "too_many_values",
        format!("{part}.{name}"),
        format!("more than {MOST_VALUES} values"),
        "subscribe to the whole view, or split the subscription",
    )
}

fn column_values(
    def: &ViewDef,
    part: &str,
    name: &str,
    values: &v1::Scalars,
) -> Result<(usize, FxHashSet<Value>), Refusal> {
    let may_filter = |column: usize| column < def.key || def.filters.contains(&def.columns[column].name);
    let Some(column) = def.column(name).filter(|column| may_filter(*column)) else {
        let names = (0..def.columns.len())
            .filter(|column| may_filter(*column))
            .map(|column| def.columns[column].name);
        let about =
            format!("`{}` can be narrowed by {}", def.name, names.clone().collect::<Vec<_>>().join(", "));
        let hint = suggest(name, names, &about);
        let path = format!("{part}.{}", crate::check::shorten(name));
        return Err(refuse("unknown_column", path, format!("cannot be narrowed by {}", quote(name)), hint));
    };
    if values.values.len() > MOST_VALUES {
        return Err(too_many(part, name));
    }
    let path = format!("{part}.{name}");
    let mut wanted = FxHashSet::default();
    for value in &values.values {
        wanted.extend(column_value(&path, def.columns[column].kind, value)?);
    }
    Ok((column, wanted))
}

fn column_value(path: &str, kind: ColumnType, value: &v1::Scalar) -> Result<FxHashSet<Value>, Refusal> {
    let value = match (kind, &value.kind) {
        (_, None) => Value::Null,
        (ColumnType::Text | ColumnType::Json | ColumnType::Any, Some(Kind::Text(text))) => {
            if text.len() > 512 {
                id_text(path, text)?;
            }
            return Ok(both(Value::id(intern(text)?)));
        }
        (ColumnType::Bool | ColumnType::Any, Some(Kind::Bool(value))) => Value::Bool(*value),
        (ColumnType::Int | ColumnType::Tick | ColumnType::Time | ColumnType::Any, Some(Kind::Int(value))) => {
            Value::Int(*value)
        }
        (kind, Some(_)) => {
            let reason = "is of another type than the column";
            return Err(refuse("wrong_type", path, reason, format!("the column holds {kind:?}")));
        }
    };
    Ok(FxHashSet::from_iter([value]))
}

/// The value, and for an id the free text that reads the same: a column may hold either.
fn both(value: Value) -> FxHashSet<Value> {
    let text = value.as_str().map(Value::text);
    [value].into_iter().chain(text).collect()
}
