//! Who may see which rows, and a subscriber's wish turned into columns and values.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use worldflow_engine::admission::Refusal;
use worldflow_engine::view_store::Filter;
use worldflow_proto::v1;
use worldflow_proto::v1::scalar::Kind;
use worldflow_schemas::catalog::{self, Catalog, ColumnType, ViewDef, ViewId};
use worldflow_schemas::{ArcStr, Row, Sym, Value};

use crate::check::{id_text, quote, refuse, suggest};
use crate::tokens::{Claims, Role};

/// The most values that all columns of all subscriptions of a session may list together.
pub(super) const MOST_VALUES: usize = 10_000;

/// The longest value: the id of a grant.
const MOST_VALUE_BYTES: usize = 512;

/// Views of which a player may see every row, or of one that has a scope, what belongs to everyone.
const PUBLIC: [ViewId; 7] = [
    catalog::CLOCK,
    catalog::CALENDAR_EVENTS,
    catalog::WEATHER,
    catalog::SEVERE_WEATHER,
    catalog::FORECAST,
    catalog::ENTITIES,
    catalog::COMMUNITY_PROGRESS,
];

/// The kinds of entities that a player sees beside itself: what others are is theirs.
const PUBLIC_KINDS: [&str; 3] = ["npc", "object", "place"];

/// Scopes that belong to everyone. Who is in which party or guild is not for others to see.
const PUBLIC_SCOPES: [&str; 2] = ["realm", "region"];

/// Views of which a player may see its own rows: those whose `player` it is, or whose holder.
const OWN: [ViewId; 15] = [
    catalog::QUEST_STATE,
    catalog::OBJECTIVE_PROGRESS,
    catalog::CONTRIBUTIONS,
    catalog::GRANTS,
    catalog::LEVELS,
    catalog::FACTS,
    catalog::PRESENCE,
    catalog::NPC_LINES,
    catalog::NPC_SENTENCES,
    catalog::QUEST_BINDINGS,
    catalog::ARC_STATE,
    catalog::ARC_BRANCHES,
    catalog::DIALOGUES,
    catalog::DIALOGUE_LINES,
    catalog::DIALOGUE_OPTIONS,
];

/// Whether the bearer may subscribe to a view at all. What a designer's view shows of whom nobody has said, so
/// players do not see it.
pub(super) fn may_subscribe(claims: &Claims, view: ViewId) -> bool {
    claims.role != Role::Player || PUBLIC.contains(&view) || OWN.contains(&view)
}

/// The names of the views that the bearer may subscribe to.
pub(super) fn views_of(claims: &Claims, catalog: &Catalog) -> Vec<String> {
    catalog.ids().filter(|view| may_subscribe(claims, *view)).map(|view| view.def().name.to_owned()).collect()
}

/// The view of that name, if the bearer may subscribe to it.
pub(super) fn view(claims: &Claims, catalog: &Catalog, name: &str) -> Result<ViewId, Refusal> {
    let Some(view) = catalog.view(name) else {
        let hint = suggest(name, catalog.names(), "GET /v1/views lists them");
        return Err(refuse("unknown_view", "view", format!("unknown view {}", quote(name)), hint));
    };
    if !may_subscribe(claims, view) {
        let reason = format!("a player's token may not see `{name}`");
        return Err(refuse("not_allowed", "view", reason, "welcome.views lists those it may"));
    }
    Ok(view)
}

/// Values wanted of one column. Ids and texts are kept by how they read: nothing is interned for being
/// asked about, and an id that nobody has used yet matches as soon as somebody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    texts: FxHashSet<ArcStr>,
    others: FxHashSet<Value>,
}

impl Values {
    fn text(text: &str) -> Values {
        let mut values = Values::default();
        values.insert(&Value::text(text));
        values
    }

    fn insert(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.texts.insert(text.clone()),
            Value::Sym(id) => self.texts.insert(id.as_str().into()),
            value => self.others.insert(value.clone()),
        };
    }

    fn contains(&self, value: &Value) -> bool {
        match value.as_str() {
            Some(text) => self.texts.contains(text),
            None => self.others.contains(value),
        }
    }

    fn extend(&mut self, values: Values) {
        self.texts.extend(values.texts);
        self.others.extend(values.others);
    }

    fn remove(&mut self, values: &Values) {
        self.texts.retain(|text| !values.texts.contains(text));
        self.others.retain(|value| !values.others.contains(value));
    }

    fn len(&self) -> usize {
        self.texts.len() + self.others.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids and texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &ArcStr> {
        self.texts.iter()
    }

    /// The values that are neither.
    pub(super) fn others(&self) -> impl Iterator<Item = &Value> {
        self.others.iter()
    }

    /// As values of rows there may be at this moment: a text, and the id that reads the same if there is one.
    fn values(&self) -> impl Iterator<Item = Value> {
        let texts = self
            .texts
            .iter()
            .flat_map(|text| Sym::find(text).map(Value::id).into_iter().chain([Value::Text(text.clone())]));
        self.others.iter().cloned().chain(texts)
    }
}

/// For each restricted column, the values wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    columns: BTreeMap<usize, Values>,
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
            next.columns.entry(column).or_default().extend(values);
        }
        for (name, values) in &change.remove {
            let (column, values) = column_values(def, "remove", name, values)?;
            if let Some(all) = next.columns.get_mut(&column) {
                all.remove(&values);
            }
        }
        next.restrict(claims, view)?;
        Ok(next)
    }

    /// How many values it lists.
    pub(super) fn len(&self) -> usize {
        self.columns.values().map(Values::len).sum()
    }

    /// As a filter of the rows that are in the view store now. An id that comes up later is not in it.
    pub(super) fn filter(&self) -> Filter {
        self.columns
            .iter()
            .fold(Filter::all(), |filter, (column, values)| filter.and(*column, values.values()))
    }

    /// Whether a row is wanted. A column that holds a list passes when it contains a value.
    pub(super) fn passes(&self, row: &Row) -> bool {
        self.columns.iter().all(|(column, values)| match row.get(*column) {
            Some(Value::Text(text)) if text.starts_with('[') => {
                let items = serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
                items.iter().any(|item| values.texts.contains(item.as_str()))
            }
            Some(value) => values.contains(value),
            None => false,
        })
    }

    /// Not less than what this wants and `other` does not: where they differ in the values of one
    /// column, only those.
    pub(super) fn beyond(&self, other: &Wanted) -> Wanted {
        let mut beyond = self.clone();
        let differs = |column: &usize| self.columns.get(column) != other.columns.get(column);
        if other.columns.keys().any(|column| differs(column) && !self.columns.contains_key(column)) {
            return beyond;
        }
        let mut differing = self.columns.keys().filter(|column| differs(column));
        if let (Some(column), None) = (differing.next(), differing.next())
            && let (Some(values), Some(others)) = (beyond.columns.get_mut(column), other.columns.get(column))
        {
            values.remove(others);
        }
        beyond
    }

    /// The column whose values select the fewest rows, and its values: what the hub looks up.
    pub(super) fn selective(&self, view: ViewId) -> Option<(usize, &Values)> {
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
        if claims.role != Role::Player {
            return Ok(());
        }
        let def = view.def();
        if view == catalog::ENTITIES {
            return self.entities(def, claims.subject.as_str());
        }
        if PUBLIC.contains(&view) {
            return match def.column("scope") {
                Some(scope) => self.public(def, scope),
                None => Ok(()),
            };
        }
        let own = claims.subject.as_str();
        match (def.column("player"), def.column("scope"), def.column("holder")) {
            (Some(player), _, _) => self.only(def, player, own)?,
            (None, Some(scope), Some(holder)) => {
                self.only(def, scope, "player")?;
                self.only(def, holder, own)?;
            }
            _ => return Err(refuse("not_allowed", "view", "has no rows of one player", "")),
        }
        if let Some(hidden) = def.column("hidden") {
            let mut seen = Values::default();
            seen.insert(&Value::Bool(false));
            self.columns.insert(hidden, seen);
        }
        Ok(())
    }

    /// Either the player itself, or what is no player.
    fn entities(&mut self, def: &ViewDef, own: &str) -> Result<(), Refusal> {
        let (Some(entity), Some(kind)) = (def.column("entity"), def.column("kind")) else { return Ok(()) };
        let mut public = Values::default();
        PUBLIC_KINDS.iter().for_each(|kind| public.insert(&Value::text(kind)));
        let is_own = self.columns.get(&entity) == Some(&Values::text(own));
        let is_public = |kinds: &Values| kinds.others.is_empty() && kinds.texts.is_subset(&public.texts);
        match self.columns.get(&kind) {
            Some(kinds) if is_own && *kinds == public => drop(self.columns.remove(&kind)),
            None if !is_own => drop(self.columns.insert(kind, public)),
            Some(kinds) if !is_own && !is_public(kinds) => {
                let reason = "a player's token may see no player but its own".to_owned();
                let hint =
                    format!("ask for {}, or leave the column out", serde_json::json!({"entity": [own]}));
                return Err(refuse("not_allowed", "where.kind", reason, hint));
            }
            _ => {}
        }
        Ok(())
    }

    fn public(&mut self, def: &ViewDef, scope: usize) -> Result<(), Refusal> {
        let all = self.columns.entry(scope).or_insert_with(|| {
            let mut all = Values::default();
            PUBLIC_SCOPES.iter().for_each(|scope| all.insert(&Value::text(scope)));
            all
        });
        if all.others.is_empty() && all.texts.iter().all(|scope| PUBLIC_SCOPES.contains(&&**scope)) {
            return Ok(());
        }
        let reason = format!("a player's token may only see rows of `{}` that belong to everyone", def.name);
        Err(refuse("not_allowed", "where.scope", reason, "ask for realm and region, or leave the column out"))
    }

    fn only(&mut self, def: &ViewDef, column: usize, own: &str) -> Result<(), Refusal> {
        let name = def.columns[column].name;
        let mut others = self.columns.get(&column).cloned().unwrap_or_default();
        let own_values = Values::text(own);
        others.remove(&own_values);
        if !others.is_empty() {
            return Err(refuse(
                "not_allowed",
                format!("where.{name}"),
                format!("a player's token may only see rows whose {name} is `{own}`"),
                "leave the column out",
            ));
        }
        self.columns.insert(column, own_values);
        Ok(())
    }
}

/// Refuses more values than a session may list. `others` is what its other subscriptions do.
pub(super) fn within_values(wanted: &Wanted, others: usize) -> Result<(), Refusal> {
    let all = wanted.len().saturating_add(others);
    if all <= MOST_VALUES {
        return Ok(());
    }
    let reason =
        format!("the session's subscriptions would list {all} values, and at most {MOST_VALUES} may be");
    Err(refuse("too_many_values", "where", reason, "subscribe to the whole view, or with another session"))
}

fn column_values(
    def: &ViewDef,
    part: &str,
    name: &str,
    values: &v1::Scalars,
) -> Result<(usize, Values), Refusal> {
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
    let path = format!("{part}.{name}");
    if values.values.len() > MOST_VALUES {
        let reason = format!("more than {MOST_VALUES} values");
        return Err(refuse("too_many_values", path, reason, "subscribe to the whole view"));
    }
    let mut wanted = Values::default();
    for value in &values.values {
        wanted.insert(&column_value(&path, def.columns[column].kind, value)?);
    }
    Ok((column, wanted))
}

fn column_value(path: &str, kind: ColumnType, value: &v1::Scalar) -> Result<Value, Refusal> {
    match (kind, &value.kind) {
        (_, None) => Ok(Value::Null),
        (ColumnType::Text | ColumnType::Json | ColumnType::Any, Some(Kind::Text(text))) => {
            if text.len() > MOST_VALUE_BYTES {
                id_text(path, text)?;
            }
            Ok(if text.is_empty() { Value::Null } else { Value::text(text) })
        }
        (ColumnType::Bool | ColumnType::Any, Some(Kind::Bool(value))) => Ok(Value::Bool(*value)),
        (ColumnType::Int | ColumnType::Tick | ColumnType::Time | ColumnType::Any, Some(Kind::Int(value))) => {
            Ok(Value::Int(*value))
        }
        (kind, Some(_)) => {
            let reason = "is of another type than the column";
            Err(refuse("wrong_type", path, reason, format!("the column holds {kind:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(json: &serde_json::Value) -> Columns {
        serde_json::from_value(json.clone()).expect("columns")
    }

    fn level(player: Value) -> Row {
        Row::from([
            Value::id("realm".into()),
            player,
            Value::Int(1),
            Value::Int(0),
            Value::Int(0),
            Value::Int(0),
        ])
    }

    fn claims(role: Role) -> Claims {
        Claims { role, realm: "realm".into(), subject: "ana".into() }
    }

    #[test]
    fn asking_for_an_id_interns_nothing_and_matches_once_it_is_used() {
        let name = "nobody-has-been-called-this-before";
        let asked = columns(&serde_json::json!({"player": [name, "ana"]}));
        let wanted = Wanted::new(&claims(Role::GameServer), catalog::LEVELS, &asked).expect("good");
        assert!(!wanted.filter().passes(&level(Value::id("bo".into()))));
        assert_eq!(Sym::find(name), None);
        let row = level(Value::id(Sym::new(name)));
        assert!(wanted.passes(&row) && wanted.filter().passes(&row));
        assert!(wanted.passes(&level(Value::text(name))));
        assert!(!wanted.passes(&level(Value::id("bo".into()))));
    }

    #[test]
    fn a_player_sees_what_is_held_by_everyone_and_no_party() {
        let view = catalog::COMMUNITY_PROGRESS;
        let new = |asked| Wanted::new(&claims(Role::Player), view, &columns(&asked));
        let of = |scope: &str| Row::from([Value::id("realm".into()), Value::id(scope.into())]);
        let wanted = new(serde_json::json!({})).expect("public");
        let seen = ["realm", "region", "party", "guild", "account", "instance", "player"]
            .map(|scope| wanted.passes(&of(scope)));
        assert_eq!(seen, [true, true, false, false, false, false, false]);
        let regions = new(serde_json::json!({"scope": "region"})).expect("public");
        assert!(regions.passes(&of("region")) && !regions.passes(&of("realm")));
        let code = |wanted: Result<Wanted, Refusal>| wanted.err().map(|refusal| (refusal.code, refusal.path));
        let refused = Some(("not_allowed", "where.scope".to_owned()));
        assert_eq!(code(new(serde_json::json!({"scope": ["region", "party"]}))), refused);
        let change = |json| serde_json::from_value::<v1::ChangeSubscription>(json).expect("a change");
        let changed = |json| wanted.changed(&claims(Role::Player), view, &change(json));
        assert_eq!(code(changed(serde_json::json!({"id": 1, "add": {"scope": "guild"}}))), refused);
        let freed = changed(serde_json::json!({"id": 1, "where": {"scope": []}})).expect("stays public");
        assert!(freed.passes(&of("realm")) && !freed.passes(&of("party")));
    }

    #[test]
    fn what_a_change_adds_is_not_less_than_the_difference() {
        let server = claims(Role::GameServer);
        let new = |asked| Wanted::new(&server, catalog::LEVELS, &columns(&asked)).expect("good");
        let row = |player: &str| level(Value::id(player.into()));
        let (old, more) =
            (new(serde_json::json!({"player": ["a", "b"]})), new(serde_json::json!({"player": ["b", "c"]})));
        let beyond = more.beyond(&old);
        assert_eq!(["a", "b", "c"].map(|player| beyond.passes(&row(player))), [false, false, true]);
        let all = new(serde_json::json!({}));
        assert_eq!(all.beyond(&old), all);
        assert_eq!(old.beyond(&all), old);
    }

    #[test]
    fn the_values_of_a_session_are_counted_together() {
        let many: Vec<String> = (0..MOST_VALUES).map(|n| n.to_string()).collect();
        let wanted = Wanted::new(
            &claims(Role::GameServer),
            catalog::LEVELS,
            &columns(&serde_json::json!({"player": many})),
        );
        let wanted = wanted.expect("as many as may be");
        assert_eq!(within_values(&wanted, 0), Ok(()));
        assert_eq!(within_values(&wanted, 1).map_err(|refusal| refusal.code), Err("too_many_values"));
    }

    #[test]
    fn a_player_sees_no_other_player() {
        let (view, player) = (catalog::ENTITIES, claims(Role::Player));
        let new = |asked| Wanted::new(&player, view, &columns(&asked));
        let of = |entity: &str, kind: &str| {
            Row::from([Value::id("realm".into()), Value::id(entity.into()), Value::id(kind.into())])
        };
        let rows = [of("ana", "player"), of("bo", "player"), of("smith", "npc"), of("well", "place")];
        let seen = |wanted: &Wanted| rows.each_ref().map(|row| wanted.passes(row));
        let all = new(serde_json::json!({})).expect("what is public");
        assert_eq!(seen(&all), [false, false, true, true]);
        assert_eq!(
            seen(&new(serde_json::json!({"entity": ["bo", "ana", "smith"]})).expect("public")),
            [false, false, true, false]
        );
        assert_eq!(
            seen(&new(serde_json::json!({"entity": "ana"})).expect("own")),
            [true, false, false, false]
        );
        assert_eq!(
            seen(&new(serde_json::json!({"kind": "place"})).expect("public")),
            [false, false, false, true]
        );
        for asked in [
            serde_json::json!({"kind": "player"}),
            serde_json::json!({"kind": ["npc", "player"], "entity": "bo"}),
        ] {
            let code = new(asked).err().map(|refusal| (refusal.code, refusal.path));
            assert_eq!(code, Some(("not_allowed", "where.kind".to_owned())));
        }
        let change = |json| serde_json::from_value::<v1::ChangeSubscription>(json).expect("a change");
        let own = change(serde_json::json!({"id": 1, "where": {"entity": "ana"}}));
        let own = all.changed(&player, view, &own).expect("own");
        assert_eq!(seen(&own), [true, false, false, false]);
        let more = change(serde_json::json!({"id": 1, "add": {"entity": "bo"}}));
        assert_eq!(seen(&own.changed(&player, view, &more).expect("no more")), [false; 4]);
    }
}
