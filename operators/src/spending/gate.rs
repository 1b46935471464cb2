//! Whether a tier may be asked: its switch and its money.

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::{MoneyDef, TierDef};
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::quests::{Cond, Plan};

/// Why a tier may not be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Closed {
    /// What it asks of the realm does not hold.
    Off,
    /// Its money of the day is used up.
    Money,
}

impl Closed {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Closed::Off => "tier_off",
            Closed::Money => "over_budget",
        }
    }
}

/// What a day may cost.
#[derive(Debug)]
pub(super) enum Cap {
    /// This, in millionths of millionths.
    Is(u128),
    /// As much as this fact says.
    Fact(Sym),
}

impl Cap {
    /// What is no number, which the check of a world refuses, is nothing.
    fn of(def: &MoneyDef) -> Cap {
        match def {
            MoneyDef::Is(number) => Cap::Is(money_e12(
                Value::from_json(&number.clone().into()).unwrap_or(Value::Null).as_millionths(),
            )),
            MoneyDef::Fact(of) => Cap::Fact(Sym::new(&of.fact)),
        }
    }
}

/// Money in millionths of millionths; nothing when it is negative or not said.
pub(super) fn money_e12(millionths: Option<i128>) -> u128 {
    millionths.and_then(|millionths| u128::try_from(millionths).ok()).unwrap_or(0).saturating_mul(1_000_000)
}

/// A tier and whether it may be asked.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) when: Cond,
    /// Whether that can change by time alone.
    pub(super) timed: bool,
    pub(super) cap: Option<Cap>,
    /// As it was last looked at.
    pub(super) state: Option<State>,
}

impl Gate {
    pub(super) fn new(def: &TierDef, plan: &mut Plan) -> Gate {
        let when = Cond::new(&def.when, plan);
        Gate { timed: when.is_timed(), when, cap: def.money_per_day.as_ref().map(Cap::of), state: None }
    }
}

/// How a tier stands, and since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) closed: Option<Closed>,
    pub(super) since: Tick,
}

impl State {
    /// Its row.
    pub(super) fn row(self, realm: Sym, tier: Sym) -> Row {
        Row::from([
            Value::id(realm),
            Value::Sym(tier),
            Value::Bool(self.closed.is_none()),
            self.closed.map_or(Value::Null, |closed| Value::Sym(Sym::new(closed.name()))),
            Value::count(self.since),
        ])
    }
}
