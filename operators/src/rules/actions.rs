//! What rules do: with the values of a row, a list of changes of facts and of events.
//!
//! Values and holders are those of the tick in which the rule was triggered, however late it acts.

use serde::{Deserialize, Serialize};
use serde_json::json;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::{Action, Amount, ColumnDef, DrawnDef, EmitDef, Given, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{ArcStr, Row, Sym, Value, chance, sealed};

use super::MOST_ID;
use super::rows::Fired;
use crate::messages::RULES;
use crate::quests::{Actor, Context};

/// What is to be done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Deed {
    /// A fact changes.
    Fact { holder: Holder, fact: Sym, change: FactChange },
    /// An event happens.
    Event(Happens),
}

impl Deed {
    /// As it is shown.
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Deed::Fact { holder, fact, change } => {
                let of = format!("{}:{}", holder.scope.name(), holder.id);
                match change {
                    FactChange::Set(to) => {
                        json!({"set": {"fact": fact.as_str(), "of": of, "to": to.to_json()}})
                    }
                    FactChange::Add(by) => {
                        json!({"add": {"fact": fact.as_str(), "of": of, "by": by.to_json()}})
                    }
                    FactChange::Clamp(least, most) => {
                        let (least, most) = (least.to_json(), most.to_json());
                        json!({"clamp": {"fact": fact.as_str(), "of": of, "at_least": least, "at_most": most}})
                    }
                    FactChange::Clear => json!({"clear": {"fact": fact.as_str(), "of": of}}),
                }
            }
            Deed::Event(happens) => {
                let Happens { player, kind, target, region, amount, with } = happens;
                let with: serde_json::Map<String, serde_json::Value> =
                    with.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_json())).collect();
                json!({"emit": {
                    "event": kind.as_str(), "player": player.as_str(), "target": target.as_str(),
                    "region": region.as_str(), "amount": amount, "with": with,
                }})
            }
        }
    }
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
        (0..).zip(actions).filter_map(|(place, action)| Some((place, self.deed(place, action)?))).collect()
    }

    fn deed(&self, place: u32, action: &Action) -> Option<Deed> {
        let (fact, of, change) = match action {
            Action::Set { fact, of, to } => (fact, of, FactChange::Set(self.given(to, place, "to"))),
            Action::Add { fact, of, by } => (fact, of, FactChange::Add(self.amount(by, place, "by"))),
            Action::Clamp { fact, of, at_least, at_most } => {
                let bound = |bound: &Option<serde_json::Number>| {
                    let bound = bound.as_ref().and_then(|bound| Value::from_json(&bound.clone().into()));
                    bound.unwrap_or(Value::Null)
                };
                (fact, of, FactChange::Clamp(bound(at_least), bound(at_most)))
            }
            Action::Emit(def) => return Some(Deed::Event(self.event(def, place))),
        };
        let fact = Sym::new(fact);
        // A fact that is not declared is refused where facts are kept, under the realm's name.
        let scope = self.context.facts.scope(fact).unwrap_or(Scope::Realm);
        let holder = match of {
            None => self.actor.holder_of(scope, self.context.realm)?,
            Some(of) => {
                let id = id(&self.given(of, place, "of"));
                (!id.is_none()).then_some(Holder { scope, id })?
            }
        };
        Some(Deed::Fact { holder, fact, change })
    }

    fn event(&self, def: &EmitDef, place: u32) -> Happens {
        let holder = self.fired.holder;
        let given = |given: &Option<Given>, name: &str, otherwise: Scope| match given {
            Some(given) => id(&self.given(given, place, name)),
            None if holder.scope == otherwise => holder.id,
            None => Sym::NONE,
        };
        let most = self.world.kinds.get(&def.event).map_or(1, |kind| i64::from(kind.max_amount));
        let amount = def.amount.as_ref().map_or(Value::Int(1), |amount| self.amount(amount, place, "amount"));
        let whole = amount.as_millionths().unwrap_or(0) / i128::from(DEC_ONE);
        let mut with: Vec<(Sym, Value)> = def
            .with
            .iter()
            .filter_map(|(name, given)| match self.given(given, place, name) {
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
            player: given(&def.player, "player", Scope::Player),
            kind: Sym::new(&def.event),
            target: def.target.as_ref().map_or(Sym::NONE, |target| id(&self.given(target, place, "target"))),
            region: given(&def.region, "region", Scope::Region),
            amount: i64::try_from(whole.clamp(0, most.into())).unwrap_or(0),
            with,
        }
    }

    fn given(&self, given: &Given, place: u32, name: &str) -> Value {
        match given {
            Given::Drawn(def) => self.drawn(def, place, name),
            Given::Is(json) => Value::from_json(json).unwrap_or(Value::Null),
            Given::Column(def) => self.column(def),
        }
    }

    fn amount(&self, amount: &Amount, place: u32, name: &str) -> Value {
        match amount {
            Amount::Drawn(def) => self.drawn(def, place, name),
            Amount::Is(number) => Value::from_json(&number.clone().into()).unwrap_or(Value::Null),
            Amount::Column(def) => self.column(def),
        }
    }

    /// A number for what has this name in the action at this place.
    fn drawn(&self, def: &DrawnDef, place: u32, name: &str) -> Value {
        let bound = |number: &serde_json::Number| Value::from_json(&number.clone().into())?.as_millionths();
        let [Some(least), Some(most)] = def.between.each_ref().map(bound) else { return Value::Null };
        let step = if def.whole { i128::from(DEC_ONE) } else { 1 };
        let count = u64::try_from((most - least) / step + 1).unwrap_or(1);
        let key = format!("{}/{place:03}/{name}", chance_key(self.fired.rule, &self.fired.key));
        let drawn = chance::below(self.world.seed, RULES, &key, self.context.now, count);
        let millionths = least + i128::from(drawn) * step;
        match &def.times {
            None if def.whole => whole(millionths / i128::from(DEC_ONE)),
            None => dec(millionths),
            Some(column) => {
                let column = self.column(&ColumnDef { column: column.clone(), times: None });
                column.as_millionths().map_or(Value::Null, |of| product(of, millionths))
            }
        }
    }

    fn column(&self, def: &ColumnDef) -> Value {
        let Some((view, row)) = &self.fired.row else { return Value::Null };
        column(*view, row, def)
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
            product(n, times)
        }
    }
}

/// Of millionths, cut to millionths.
fn product(a: i128, b: i128) -> Value {
    dec(a.saturating_mul(b) / i128::from(DEC_ONE))
}

fn dec(millionths: i128) -> Value {
    Value::Dec(saturated(millionths))
}

fn whole(number: i128) -> Value {
    Value::Int(saturated(number))
}

fn saturated(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
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
