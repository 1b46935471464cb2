//! What rules do: with the values of a row, a list of changes of facts and of events.
//!
//! Values and holders are those of the tick in which the rule was triggered, however late it acts.

use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::{Action, Amount, ColumnDef, EmitDef, Given, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{ArcStr, Row, Sym, Value, sealed};

use super::MOST_ID;
use super::rows::Fired;
use crate::quests::{Actor, Context};

/// What is to be done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Deed {
    /// A fact changes.
    Fact { holder: Holder, fact: Sym, change: FactChange },
    /// An event happens.
    Event(Happens),
}

/// An event that is to happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Happens {
    pub(super) player: Sym,
    pub(super) kind: Sym,
    pub(super) target: Sym,
    pub(super) region: Sym,
    pub(super) amount: i64,
    pub(super) with: Vec<(Sym, Value)>,
}

/// Where a rule finds what it names.
pub(super) struct Source<'a> {
    pub(super) world: &'a WorldDef,
    pub(super) context: &'a Context,
    pub(super) actor: Actor<'a>,
    pub(super) fired: &'a Fired,
}

impl Source<'_> {
    /// What an action comes to, with its place in the list; nothing where there is no holder.
    pub(super) fn deeds(&self, actions: &[Action]) -> Vec<(u32, Deed)> {
        (0..).zip(actions).filter_map(|(place, action)| Some((place, self.deed(action)?))).collect()
    }

    fn deed(&self, action: &Action) -> Option<Deed> {
        let (fact, of, change) = match action {
            Action::Set { fact, of, to } => (fact, of, FactChange::Set(self.given(to))),
            Action::Add { fact, of, by } => (fact, of, FactChange::Add(self.amount(by))),
            Action::Clamp { fact, of, at_least, at_most } => {
                let bound = |bound: &Option<serde_json::Number>| {
                    let bound = bound.as_ref().and_then(|bound| Value::from_json(&bound.clone().into()));
                    bound.unwrap_or(Value::Null)
                };
                (fact, of, FactChange::Clamp(bound(at_least), bound(at_most)))
            }
            Action::Emit(def) => return Some(Deed::Event(self.event(def))),
        };
        let fact = Sym::new(fact);
        // A fact that is not declared is refused where facts are kept, under the realm's name.
        let scope = self.context.facts.scope(fact).unwrap_or(Scope::Realm);
        let holder = match of {
            None => self.actor.holder_of(scope, self.context.realm)?,
            Some(of) => {
                let id = id(&self.given(of));
                (!id.is_none()).then_some(Holder { scope, id })?
            }
        };
        Some(Deed::Fact { holder, fact, change })
    }

    fn event(&self, def: &EmitDef) -> Happens {
        let holder = self.fired.holder;
        let given = |given: &Option<Given>, otherwise: Scope| match given {
            Some(given) => id(&self.given(given)),
            None if holder.scope == otherwise => holder.id,
            None => Sym::NONE,
        };
        let most = self.world.kinds.get(&def.event).map_or(1, |kind| i64::from(kind.max_amount));
        let amount = def.amount.as_ref().map_or(Value::Int(1), |amount| self.amount(amount));
        let whole = amount.as_millionths().unwrap_or(0) / i128::from(DEC_ONE);
        let mut with: Vec<(Sym, Value)> = def
            .with
            .iter()
            .filter_map(|(name, given)| match self.given(given) {
                Value::Null => None,
                value @ (Value::Sym(_) | Value::Text(_)) => {
                    let id = id(&value);
                    (!id.is_none()).then_some((Sym::new(name), Value::Sym(id)))
                }
                value => Some((Sym::new(name), value)),
            })
            .collect();
        with.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
        Happens {
            player: given(&def.player, Scope::Player),
            kind: Sym::new(&def.event),
            target: def.target.as_ref().map_or(Sym::NONE, |target| id(&self.given(target))),
            region: given(&def.region, Scope::Region),
            amount: i64::try_from(whole.clamp(0, most.into())).unwrap_or(0),
            with,
        }
    }

    fn given(&self, given: &Given) -> Value {
        match given {
            Given::Is(json) => Value::from_json(json).unwrap_or(Value::Null),
            Given::Column(def) => self.column(def),
        }
    }

    fn amount(&self, amount: &Amount) -> Value {
        match amount {
            Amount::Is(number) => Value::from_json(&number.clone().into()).unwrap_or(Value::Null),
            Amount::Column(def) => self.column(def),
        }
    }

    fn column(&self, def: &ColumnDef) -> Value {
        let Some((view, row)) = &self.fired.row else { return Value::Null };
        ViewId::built_in(*view).map_or(Value::Null, |view| column(view, row, def))
    }
}

fn column(view: ViewId, row: &Row, def: &ColumnDef) -> Value {
    let value = view.def().column(&def.column).and_then(|column| row.get(column)).cloned();
    // What is personal stays where it is.
    let value = value.filter(|value| value.as_str().is_none_or(|text| !sealed::is_sealed(text)));
    let value = value.unwrap_or(Value::Null);
    let times = def.times.as_ref().and_then(|times| Value::from_json(&times.clone().into()));
    match (&value, times) {
        (_, None) => value,
        (Value::Int(n), Some(Value::Int(times))) => Value::Int(n.saturating_mul(times)),
        (_, Some(times)) => {
            let (Some(n), Some(times)) = (value.as_millionths(), times.as_millionths()) else {
                return Value::Null;
            };
            let product = n.saturating_mul(times) / i128::from(DEC_ONE);
            Value::Dec(i64::try_from(product).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX }))
        }
    }
}

/// A value as an id; none when it is no id.
fn id(value: &Value) -> Sym {
    match value {
        Value::Sym(sym) => *sym,
        Value::Text(text) if text.len() <= MOST_ID && !sealed::is_sealed(text) => {
            Sym::try_new(text).unwrap_or(Sym::NONE)
        }
        Value::Int(_) | Value::Bool(_) => Sym::try_new(&value.to_string()).unwrap_or(Sym::NONE),
        Value::Null | Value::Dec(_) | Value::Text(_) => Sym::NONE,
    }
}

/// What chance is drawn by, besides the tick.
pub(super) fn chance_key(rule: Sym, key: &ArcStr) -> String {
    format!("{rule}/{key}")
}
