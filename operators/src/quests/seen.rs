//! What conditions see of views: the rows of those that some condition names, as of the end of the tick before.
//!
//! `ViewNow ─kept by key→ look-ups by the whole key`
//!
//! Values of keys are the same if they compare as the same, whether they are ids or texts, whole numbers or fractions.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::expression::{KeyPart, RowOf};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Row, Sym, Value, sealed};

use super::comparison::Found;
use super::condition::depends;
use super::context::{Actor, Context};
use crate::messages::ViewNow;

/// The values of a key as hashes.
type Key = SmallVec<[u128; 4]>;

/// A value of a key: the same for all that compare as the same.
pub(crate) fn hashed(value: &Value) -> u128 {
    let number = value.as_millionths().and_then(|number| i64::try_from(number).ok());
    number.map_or_else(|| value.text_hash128(), |number| Value::Dec(number).text_hash128())
}

/// The rows of views that are told.
#[derive(Debug, Default)]
pub(crate) struct SeenViews {
    views: FxHashMap<Sym, FxHashMap<Key, (ViewId, Row)>>,
}

impl SeenViews {
    /// Takes in what is told in a tick. What goes comes before what takes its place, and a view that nobody asks for any more
    /// goes last.
    pub(crate) fn tell(&mut self, mut told: Vec<ViewNow>) {
        told.sort_by_key(|told| match told {
            ViewNow::Row { there: false, .. } => 0,
            ViewNow::Row { .. } | ViewNow::Asked { asked: true, .. } => 1,
            ViewNow::Asked { asked: false, .. } => 2,
        });
        for now in told {
            match now {
                ViewNow::Asked { view, asked: true } => drop(self.views.entry(view).or_default()),
                ViewNow::Asked { view, asked: false } => drop(self.views.remove(&view)),
                ViewNow::Row { view, row, there } => {
                    let rows = self.views.entry(Sym::new(view.def().name)).or_default();
                    let key = row.key(view.def().key).iter().skip(1).map(hashed).collect::<Key>();
                    if there {
                        rows.insert(key, (view, row));
                    } else if rows.get(&key).is_some_and(|(of, _)| *of == view) {
                        rows.remove(&key);
                    }
                }
            }
        }
    }

    /// The rows of a view.
    pub(crate) fn rows_of(&self, view: Sym) -> impl Iterator<Item = (ViewId, &Row)> {
        self.views.get(&view).into_iter().flat_map(FxHashMap::values).map(|(id, row)| (*id, row))
    }

    /// Whether all of these are told.
    pub(crate) fn has(&self, views: &[Sym]) -> bool {
        views.iter().all(|view| self.views.contains_key(view))
    }
}

/// A row that a condition looks up.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    pub(super) view: Sym,
    key: Vec<Part>,
    column: Option<String>,
}

#[derive(Clone, Debug)]
enum Part {
    Holder(Scope),
    Fact(Sym),
    Is(u128),
}

impl RowPlan {
    pub(super) fn new(row: &RowOf) -> RowPlan {
        let part = |part: &KeyPart| match part {
            KeyPart::Holder(scope) => Part::Holder(*scope),
            KeyPart::Fact(fact) => Part::Fact(Sym::new(fact)),
            KeyPart::Text(text) => Part::Is(hashed(&Value::Sym(Sym::new(text)))),
            KeyPart::Number(millionths) => Part::Is(hashed(&Value::Dec(*millionths))),
            KeyPart::Bool(is) => Part::Is(hashed(&Value::Bool(*is))),
        };
        RowPlan {
            view: Sym::new(&row.view),
            key: row.key.iter().map(part).collect(),
            column: row.column.clone(),
        }
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = Sym> + '_ {
        self.key.iter().filter_map(|part| if let Part::Fact(fact) = part { Some(*fact) } else { None })
    }

    /// Which column of the key, from 0, is the acting player, if one is.
    pub(super) fn by_player(&self) -> Option<usize> {
        self.key.iter().position(|part| matches!(part, Part::Holder(Scope::Player)))
    }

    /// Whether which row it is may hang on where a player is, or to whom the player belongs.
    pub(super) fn is_by_place(&self) -> bool {
        let by_place = |part: &Part| matches!(part, Part::Holder(scope) if !matches!(scope, Scope::Player | Scope::Realm));
        self.key.iter().any(by_place)
    }

    pub(super) fn depends(&self) -> u16 {
        let of_part = |part: &Part| match part {
            Part::Holder(_) => depends::PLACE,
            Part::Fact(_) => depends::FACTS | depends::PLACE,
            Part::Is(_) => 0,
        };
        self.key.iter().map(of_part).fold(depends::VIEWS, |all, bits| all | bits)
    }

    fn key(&self, context: &Context, actor: &Actor<'_>) -> Option<Key> {
        let value = |part: &Part| match part {
            Part::Is(hash) => Some(*hash),
            Part::Holder(scope) => {
                actor.holder_of(*scope, context.realm).map(|holder| hashed(&Value::Sym(holder.id)))
            }
            Part::Fact(fact) => {
                let scope = context.facts.scope(*fact)?;
                context.facts.get(actor.holder_of(scope, context.realm), *fact).map(hashed)
            }
        };
        self.key.iter().map(value).collect()
    }

    /// The column's value; without one, whether there is such a row. What is personal has no value.
    pub(super) fn find<'a>(&self, context: &'a Context, actor: &Actor<'_>) -> Option<Found<'a>> {
        let rows = context.views.views.get(&self.view)?;
        let found = self.key(context, actor).and_then(|key| rows.get(&key));
        let Some(column) = &self.column else { return Some(Found::Bool(found.is_some())) };
        let (view, row) = found?;
        let value = row.get(view.def().column(column)?)?;
        let is_plain = value.as_str().is_none_or(|text| !sealed::is_sealed(text));
        (is_plain && *value != Value::Null).then_some(Found::Value(value))
    }
}

/// Whose conditions may change with the rows of each view: if every condition that looks one up does so by the acting player at
/// the same place of the key, that player's only.
#[derive(Debug, Default)]
pub(super) struct Named(FxHashMap<Sym, Option<usize>>);

impl Named {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn add(&mut self, row: &RowPlan) {
        let by_player = row.by_player();
        let of = self.0.entry(row.view).or_insert(by_player);
        if *of != by_player {
            *of = None;
        }
    }

    /// Whose conditions may change with this.
    pub(super) fn whose(&self, told: &ViewNow) -> Whose {
        let (name, row) = match told {
            ViewNow::Asked { view, .. } => (*view, None),
            ViewNow::Row { view, row, .. } => (Sym::new(view.def().name), Some(row)),
        };
        match (self.0.get(&name), row) {
            (None, _) => Whose::Nobodys,
            // After the realm.
            (Some(Some(place)), Some(row)) => match row.get(place + 1).and_then(Value::as_str) {
                Some(player) => Sym::find(player).map_or(Whose::Nobodys, Whose::Players),
                None => Whose::Nobodys,
            },
            (Some(_), _) => Whose::Everyones,
        }
    }
}

/// Whose conditions may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    Nobodys,
    Players(Sym),
    Everyones,
}

/// The views that some rows are of, each once.
pub(super) fn views_of(rows: &[RowPlan]) -> Vec<Sym> {
    let mut seen = FxHashSet::default();
    rows.iter().map(|row| row.view).filter(|view| seen.insert(*view)).collect()
}
