//! What was spent: who spends, what an answer costs, and the sum of a day.

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::PriceDef;
use worldflow_schemas::input::Reply;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Row, Sym, Tick, Value};

const DAY_MS: u64 = 86_400_000;

/// Days since 1970, in UTC.
pub(crate) type Day = u32;

/// The day of a tick.
pub(crate) fn day_of(length: TickLength, tick: Tick) -> Day {
    Day::try_from(tick.saturating_mul(length.tick_ms.into()) / DAY_MS).unwrap_or(Day::MAX)
}

/// The first tick of the day after, or `None` at the end of time.
pub(super) fn tomorrow(length: TickLength, tick: Tick) -> Option<Tick> {
    let begins_ms = (u64::from(day_of(length, tick)) + 1).checked_mul(DAY_MS)?;
    Some(length.ticks(begins_ms)).filter(|first| *first > tick)
}

/// What something is spent for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SpendingScope {
    /// A tier.
    Tier,
    /// A player.
    Player,
    /// An NPC.
    Npc,
    /// The whole realm.
    Realm,
}

impl SpendingScope {
    fn name(self) -> &'static str {
        match self {
            SpendingScope::Tier => "tier",
            SpendingScope::Player => "player",
            SpendingScope::Npc => "npc",
            SpendingScope::Realm => "realm",
        }
    }
}

/// For whom something is spent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Spender {
    /// What kind.
    pub scope: SpendingScope,
    /// Which.
    pub id: Sym,
}

/// What one reply costs one spender. Routed by the spender's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// Who is charged.
    pub spender: Spender,
    /// Whose prices count.
    pub tier: Sym,
    /// Whether there was an answer.
    pub answered: bool,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub tokens: u32,
    /// How long the server was busy.
    pub ms: u32,
}

/// Whom a reply is charged to: its tier, the player and the NPC that the request's id names, and the realm. Where no tier was
/// asked nothing was spent.
#[must_use]
pub fn charges(reply: &Reply, realm: Sym) -> Vec<Charge> {
    if reply.tier.is_none() {
        return Vec::new();
    }
    let named = reply.request.split_once('/').and_then(|(npc, rest)| {
        let (player, _) = rest.rsplit_once('/')?;
        Some((Sym::try_new(npc)?, Sym::try_new(player)?))
    });
    let (npc, player) = named.unzip();
    let spenders = [
        (SpendingScope::Tier, Some(reply.tier)),
        (SpendingScope::Player, player),
        (SpendingScope::Npc, npc),
        (SpendingScope::Realm, Some(realm)),
    ];
    let charge = |(scope, id): (SpendingScope, Option<Sym>)| {
        let spender = Spender { scope, id: id.filter(|id| !id.is_none())? };
        Some(Charge {
            spender,
            tier: reply.tier,
            answered: reply.outcome.is_ok(),
            prompt_tokens: reply.prompt_tokens,
            tokens: reply.tokens,
            ms: reply.took_ms,
        })
    };
    spenders.into_iter().filter_map(charge).collect()
}

/// What tokens cost: as many millionths of millionths of the currency each as a million of them cost millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Price {
    input: u64,
    output: u64,
}

impl Price {
    /// A price that is no number, which the check of a world refuses, is nothing.
    #[must_use]
    pub fn of(def: &PriceDef) -> Price {
        let of = |number: &serde_json::Number| {
            let millionths = Value::from_json(&number.clone().into()).and_then(|value| value.as_millionths());
            millionths.and_then(|millionths| u64::try_from(millionths).ok()).unwrap_or(0)
        };
        Price { input: of(&def.input), output: of(&def.output) }
    }

    /// What a prompt and its answer cost, in millionths of millionths of the currency.
    #[must_use]
    pub fn money_e12(self, prompt_tokens: u64, tokens: u64) -> u128 {
        u128::from(prompt_tokens) * u128::from(self.input) + u128::from(tokens) * u128::from(self.output)
    }
}

/// What was spent in a day. Sums stop at the largest number that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Spent {
    requests: u64,
    answered: u64,
    prompt_tokens: u64,
    tokens: u64,
    ms: u64,
    /// In millionths of millionths, so that nothing is lost when it is added up.
    pub(super) money_e12: u128,
}

impl Spent {
    pub(super) fn add(&mut self, charge: &Charge, price: Price) {
        let (prompt_tokens, tokens) = (u64::from(charge.prompt_tokens), u64::from(charge.tokens));
        let add = |to: &mut u64, n: u64| *to = to.saturating_add(n);
        add(&mut self.requests, 1);
        add(&mut self.answered, charge.answered.into());
        add(&mut self.prompt_tokens, prompt_tokens);
        add(&mut self.tokens, tokens);
        add(&mut self.ms, charge.ms.into());
        self.money_e12 = self.money_e12.saturating_add(price.money_e12(prompt_tokens, tokens));
    }

    /// Tokens of prompts and answers together.
    pub(super) fn all_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.tokens)
    }

    /// Its row.
    pub(super) fn row(&self, realm: Sym, spender: Spender, day: Day) -> Row {
        let begins_ms = i64::from(day) * 86_400_000;
        Row::from([
            Value::id(realm),
            Value::Sym(Sym::new(spender.scope.name())),
            Value::Sym(spender.id),
            Value::Int(begins_ms),
            Value::count(self.requests),
            Value::count(self.answered),
            Value::count(self.prompt_tokens),
            Value::count(self.tokens),
            Value::count(self.ms),
            Value::Dec(i64::try_from(self.money_e12 / 1_000_000).unwrap_or(i64::MAX)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let length = TickLength { tick_ms: 7 };
        let first = tomorrow(length, 0).expect("a day has an end");
        assert_eq!((day_of(length, first - 1), day_of(length, first)), (0, 1));
        assert!(tomorrow(length, Tick::MAX).is_none_or(|first| first == Tick::MAX));
    }

    #[test]
    fn money_is_exact() {
        let price = |input: &str, output: &str| {
            let json = format!(r#"{{"input": {input}, "output": {output}}}"#);
            Price::of(&serde_json::from_str(&json).expect("a price"))
        };
        assert_eq!(price("0.3", "1.2"), Price { input: 300_000, output: 1_200_000 });
        assert_eq!(price("-1", "0"), Price::default());
        let spender = Spender { scope: SpendingScope::Realm, id: Sym::new("r") };
        let charge = Charge { spender, tier: Sym::NONE, answered: true, prompt_tokens: 1, tokens: 1, ms: 0 };
        let mut spent = Spent::default();
        for _ in 0..10 {
            spent.add(&charge, price("0.3", "0.05"));
        }
        assert_eq!(spent.money_e12, 3_500_000);
        assert_eq!(spent.row(Sym::new("r"), spender, 1)[9], Value::Dec(3), "the rest is kept");
    }
}
