//! How much may be asked of tiers: `spending:` in the world file, and the money of a tier.
//!
//! The types say what is allowed. Who has used it up is for the graph to say: see the views `spending` and `tier_states`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::one_or_many::OneOrMany;
use super::span::Span;
use super::world::Priority;

/// The entry of `players` that holds for whoever has none of their own.
pub const DEFAULT_PLAYER_TIER: &str = "default";

/// How much may be asked of tiers. Nothing is limited by what is absent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpendingDef {
    /// The fact that says which entry of `players` holds for a player, such as what they have subscribed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"subscription")]
    pub player_tier: Option<String>,
    /// What a player may ask for, by the value of `player_tier`; `default` is for everyone else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = players())]
    pub players: BTreeMap<String, PlayerLimitsDef>,
    /// What may be asked for with one NPC, by all players together: `npc: {tokens_per_day: 200000}`.
    #[serde(skip_serializing_if = "TokensDef::is_none")]
    #[schemars(example = TokensDef { tokens_per_day: Some(200_000) })]
    pub npc: TokensDef,
    /// What may be asked for in the whole realm: `realm: {tokens_per_day: 5000000}`.
    #[serde(skip_serializing_if = "TokensDef::is_none")]
    #[schemars(example = TokensDef { tokens_per_day: Some(5_000_000) })]
    pub realm: TokensDef,
}

impl SpendingDef {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == SpendingDef::default()
    }
}

fn players() -> BTreeMap<String, PlayerLimitsDef> {
    let limits = PlayerLimitsDef { tokens_per_day: Some(20_000), rates: rates() };
    BTreeMap::from([(DEFAULT_PLAYER_TIER.to_owned(), limits)])
}

fn rates() -> RatesDef {
    RatesDef { normal: Some(OneOrMany::One(per_minute())), ..RatesDef::default() }
}

fn per_minute() -> RateDef {
    RateDef { most: 20, per: Span { ms: 60_000, world: false } }
}

/// A number of tokens, of prompts and answers together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokensDef {
    /// The most tokens in a day (UTC); as many as one likes when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 200_000)]
    pub tokens_per_day: Option<u64>,
}

impl TokensDef {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.tokens_per_day.is_none()
    }
}

/// What a player may ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlayerLimitsDef {
    /// The most tokens in a day (UTC), of prompts and answers together; as many as one likes when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 20_000)]
    pub tokens_per_day: Option<u64>,
    /// How often, by the priority of the NPC that is asked.
    #[serde(skip_serializing_if = "RatesDef::is_none")]
    #[schemars(example = rates())]
    pub rates: RatesDef,
}

/// How often a player may ask, by the priority of the NPC. Each may be a list: then all of its rates hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RatesDef {
    /// NPCs of the priority `low`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = RateDef { most: 5, ..per_minute() })]
    pub low: Option<OneOrMany<RateDef>>,
    /// NPCs of the priority `normal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = per_minute())]
    pub normal: Option<OneOrMany<RateDef>>,
    /// NPCs of the priority `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = per_minute())]
    pub high: Option<OneOrMany<RateDef>>,
    /// NPCs of the priority `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = per_minute())]
    pub critical: Option<OneOrMany<RateDef>>,
}

impl RatesDef {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == RatesDef::default()
    }

    /// The rates of a priority.
    #[must_use]
    pub fn of(&self, priority: Priority) -> &[RateDef] {
        let rates = match priority {
            Priority::Low => &self.low,
            Priority::Normal => &self.normal,
            Priority::High => &self.high,
            Priority::Critical => &self.critical,
        };
        rates.as_ref().map_or(&[], OneOrMany::as_slice)
    }
}

/// So many in any stretch of time of this length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateDef {
    /// The most requests; 0 allows none.
    #[schemars(example = 20)]
    pub most: u32,
    /// In any stretch of this length, of real time.
    #[schemars(example = &"1m")]
    pub per: Span,
}

/// An amount of money, in the currency of prices.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MoneyDef {
    /// As much as a fact says.
    Fact(#[serde(deserialize_with = "super::only_map")] MoneyFactDef),
    /// This much.
    Is(Number),
}

/// A fact that is an amount of money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyFactDef {
    /// A fact of the realm that is a number.
    #[schemars(example = &"gold_money")]
    pub fact: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_a_number_or_a_fact() {
        let read = |json: &str| serde_json::from_str::<MoneyDef>(json);
        assert_eq!(read("2.5").expect("money"), MoneyDef::Is(Number::from_f64(2.5).expect("a number")));
        let fact = MoneyDef::Fact(MoneyFactDef { fact: "cap".to_owned() });
        assert_eq!(read(r#"{"fact": "cap"}"#).expect("money"), fact);
        for wrong in ["[\"cap\"]", "\"cap\"", r#"{"facts": "cap"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_found_by_their_priority() {
        let rates: RatesDef = serde_json::from_value(serde_json::json!({
            "low": {"most": 5, "per": "1m"},
            "critical": [{"most": 1, "per": "1s"}, {"most": 9, "per": "1d"}],
        }))
        .expect("rates");
        assert_eq!(Priority::ALL.map(|priority| rates.of(priority).len()), [1, 0, 0, 2]);
        assert_eq!(rates.of(Priority::Low), [RateDef { most: 5, per: Span { ms: 60_000, world: false } }]);
    }
}
