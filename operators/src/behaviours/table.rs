//! The table of behaviours: from traits to a goal, from the goal to a strategy, from what is sensed to an action.
//!
//! Fractions are millionths. It keeps nothing.

use worldflow_schemas::Value;
use worldflow_schemas::definitions::TraitsDef;

const ONE: i64 = 1_000_000;
/// A goal is taken up above this.
const DRIVEN: i64 = 600_000;

/// What an NPC is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goal {
    Combat,
    Company,
    Discovery,
    Survival,
}

/// How it goes about that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strategy {
    Aggressive,
    Defensive,
    Retreat,
    Curious,
    Social,
}

/// What it is like, in millionths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    aggression: i64,
    neuroticism: i64,
    extraversion: i64,
    sociability: i64,
    openness: i64,
    curiosity: i64,
}

impl Traits {
    pub(super) fn new(def: &TraitsDef) -> Traits {
        let of = |number: &serde_json::Number| {
            let value = Value::from_json(&number.clone().into()).and_then(|value| value.as_millionths());
            i64::try_from(value.unwrap_or_default().clamp(0, i128::from(ONE))).unwrap_or(0)
        };
        Traits {
            aggression: of(&def.aggression),
            neuroticism: of(&def.neuroticism),
            extraversion: of(&def.extraversion),
            sociability: of(&def.sociability),
            openness: of(&def.openness),
            curiosity: of(&def.curiosity),
        }
    }

    /// The strongest goal above 0.6, the first of equals; without one it is survival.
    pub(super) fn goal(&self) -> Goal {
        let mixed = |first: i64, second: i64| (6 * first + 4 * second) / 10;
        let goals = [
            (Goal::Combat, mixed(self.aggression, self.neuroticism)),
            (Goal::Company, mixed(self.extraversion, self.sociability)),
            (Goal::Discovery, mixed(self.openness, self.curiosity)),
        ];
        let strongest = goals.into_iter().filter(|(_, score)| *score > DRIVEN);
        // Of equals the last would win.
        strongest.rev().max_by_key(|(_, score)| *score).map_or(Goal::Survival, |(goal, _)| goal)
    }

    pub(super) fn strategy(&self) -> Strategy {
        match self.goal() {
            Goal::Combat => Strategy::Aggressive,
            Goal::Company => Strategy::Social,
            Goal::Discovery => Strategy::Curious,
            Goal::Survival if self.neuroticism > DRIVEN => Strategy::Retreat,
            Goal::Survival => Strategy::Defensive,
        }
    }
}

impl Goal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Goal::Combat => "combat",
            Goal::Company => "company",
            Goal::Discovery => "discovery",
            Goal::Survival => "survival",
        }
    }
}

/// What is sensed of a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sight {
    /// In millionths of a metre.
    pub(super) distance: i64,
    pub(super) hostile: bool,
    pub(super) attacks: bool,
}

/// What to do about one thing, and how urgent that is in millionths.
pub(super) fn action(strategy: Strategy, sight: Sight) -> Option<(&'static str, i64)> {
    let Sight { distance, hostile, attacks } = sight;
    let within = |metres: i64| distance < metres * ONE;
    Some(match strategy {
        _ if attacks && within(2) => ("dodge", ONE),
        Strategy::Retreat if hostile && within(20) => ("flee", ONE),
        Strategy::Aggressive if hostile && within(5) => ("attack", 900_000),
        Strategy::Aggressive if hostile => ("approach", 800_000),
        Strategy::Defensive if hostile && within(3) => ("defend", 900_000),
        Strategy::Defensive if hostile && within(10) => ("withdraw", 700_000),
        Strategy::Curious if !hostile && within(2) => ("interact", 600_000),
        Strategy::Social if !hostile => ("socialise", 500_000),
        _ => return None,
    })
}

/// What is done when there is nothing to do.
pub(super) const IDLE: (&str, i64) = ("idle", 100_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(json: serde_json::Value) -> Traits {
        Traits::new(&serde_json::from_value(json).expect("traits"))
    }

    #[test]
    fn goals_follow_from_traits() {
        let goal = |json| traits(json).goal();
        assert_eq!(goal(serde_json::json!({})), Goal::Survival);
        assert_eq!(goal(serde_json::json!({"aggression": 0.8})), Goal::Combat);
        // 0.6 * 0.6 + 0.4 * 0.6 is not above 0.6.
        assert_eq!(goal(serde_json::json!({"aggression": 0.6, "neuroticism": 0.6})), Goal::Survival);
        assert_eq!(goal(serde_json::json!({"aggression": 0.8, "extraversion": 0.9})), Goal::Company);
        assert_eq!(
            goal(serde_json::json!({"openness": 1, "curiosity": 0.6, "aggression": 0.9})),
            Goal::Discovery
        );
        assert_eq!(
            goal(serde_json::json!({"aggression": 0.9, "openness": 0.9})),
            Goal::Combat,
            "the first of equals"
        );
        assert_eq!(
            traits(serde_json::json!({"neuroticism": 0.7, "aggression": 0})).strategy(),
            Strategy::Retreat
        );
    }

    #[test]
    fn every_line_of_the_table() {
        use Strategy::{Aggressive, Curious, Defensive, Retreat, Social};
        let metres = |tenths: i64, hostile| Sight { distance: tenths * ONE / 10, hostile, attacks: false };
        for (strategy, tenths, hostile, expected) in [
            (Aggressive, 49, true, Some(("attack", 900_000))),
            (Aggressive, 50, true, Some(("approach", 800_000))),
            (Aggressive, 10, false, None),
            (Defensive, 29, true, Some(("defend", 900_000))),
            (Defensive, 30, true, Some(("withdraw", 700_000))),
            (Defensive, 100, true, None),
            (Retreat, 199, true, Some(("flee", ONE))),
            (Retreat, 200, true, None),
            (Curious, 19, false, Some(("interact", 600_000))),
            (Curious, 20, false, None),
            (Curious, 10, true, None),
            (Social, 900, false, Some(("socialise", 500_000))),
            (Social, 10, true, None),
        ] {
            assert_eq!(action(strategy, metres(tenths, hostile)), expected, "{strategy:?} at {tenths}");
        }
        for strategy in [Aggressive, Defensive, Retreat, Curious, Social] {
            let close = Sight { distance: ONE, hostile: true, attacks: true };
            assert_eq!(action(strategy, close), Some(("dodge", ONE)), "{strategy:?}");
        }
    }
}
