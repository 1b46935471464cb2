//! Rewards: what is given, how much of it, and to whom.
//!
//! The three are apart: `item`, `choice` or `table` say what; `amount`, `plus` and `divided` how much; `to` who.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quest::After;

/// What a completed instance earns.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rewards {
    /// Experience for each player rewarded; the slot is named `experience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience: Option<u32>,
    /// Reward slots by stable id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Slot>,
    /// Who is rewarded when the quest is held together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<RewardTo>,
    /// What becomes of the grants of a completion that an event `quest.revoke` takes back.
    #[serde(skip_serializing_if = "OnRevoke::is_keep")]
    pub on_revoke: OnRevoke,
}

impl Rewards {
    /// Whether nothing is earned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Rewards::default()
    }
}

/// What becomes of the grants of a completion that is taken back; experience is always kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRevoke {
    /// Nothing: what was earned is earned.
    #[default]
    Keep,
    /// One that has not been delivered is `revoked` and never will be; one that has is `flagged`.
    Flag,
    /// One that has not been delivered is `revoked`; one that has becomes `clawback`: the game takes it
    /// back and answers as for a grant, and it is `taken`, or `delivered` again with the reason why not.
    Clawback,
}

impl OnRevoke {
    fn is_keep(&self) -> bool {
        *self == OnRevoke::Keep
    }
}

/// A reward slot. It gives one of `item`, `choice` and `table`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slot {
    /// What is given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// How much.
    #[serde(default = "one")]
    pub amount: u32,
    /// One of these, by the id that the attribute `choose` of `quest.turn_in` names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub choice: BTreeMap<String, Prize>,
    /// One of these by chance, drawn for each player from the world's seed and the grant's id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub table: BTreeMap<String, Entry>,
    /// What is added to the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plus: Option<Plus>,
    /// The amount is for all together: divided among those who are rewarded in proportion to their credit,
    /// to the last unit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub divided: bool,
    /// Who is rewarded by this slot, if not whom `rewards: to` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<RewardTo>,
    /// Only if these stages were done by these branches.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub after: After,
    /// The id that this slot had before: it keeps what was granted under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

fn one() -> u32 {
    1
}

/// Something that may be chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prize {
    /// What is given.
    pub item: String,
    /// How much.
    #[serde(default = "one")]
    pub amount: u32,
}

/// Something that may be drawn.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is given; nothing without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// How much.
    #[serde(default = "one")]
    pub amount: u32,
    /// It is drawn so many times in the sum of all weights.
    #[serde(default = "one")]
    pub weight: u32,
}

/// What is added to an amount, for the player who is rewarded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plus {
    /// So much for each of the player's levels.
    #[serde(skip_serializing_if = "is_zero")]
    pub level: u32,
    /// So much for each unit of the player's credit.
    #[serde(skip_serializing_if = "is_zero")]
    pub credit: u32,
    /// So much for each unit of the value of these objectives of the last stage.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, u32>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Who is rewarded for a quest held together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardTo {
    /// Everyone credited with at least this much over all its objectives (default: 1).
    Contributors {
        /// The least credit.
        #[serde(default = "one")]
        at_least: u32,
        /// The least share of the credit of all players, in percent.
        #[serde(default, skip_serializing_if = "is_zero")]
        percent: u32,
    },
    /// The player who turned it in, or whose event completed it.
    Finisher {},
    /// Those with the most credit. A player's rank is one more than the number of those who have more, so
    /// players with the same credit share a rank.
    Top {
        /// The first rank that is rewarded.
        #[serde(default = "one")]
        from: u32,
        /// The last; this or `percent` is given.
        #[serde(default, skip_serializing_if = "is_zero")]
        through: u32,
        /// The last is so many hundredths of the number of players with credit, rounded up.
        #[serde(default, skip_serializing_if = "is_zero")]
        percent: u32,
    },
    /// The player whose event was the first to add to it.
    Tapper {},
}
