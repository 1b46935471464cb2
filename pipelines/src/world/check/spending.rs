//! What models may cost: limits of players, NPCs and the realm, and the money and the switch of a tier.

use worldflow_schemas::definitions::{
    Condition, DEFAULT_PLAYER_TIER, FactKind, MoneyDef, PlayerLimitsDef, Priority, RateDef, SpendingDef,
    TierDef,
};
use worldflow_schemas::input::Scope;

use super::{Checker, Sort};
use crate::world::spot::Spot;

/// The most requests that a rate looks back at: each is kept, for every player.
const MOST_OF_A_RATE: u32 = 1_000;
/// The longest stretch of a rate.
const LONGEST_RATE_MS: u64 = 31 * 86_400_000;

impl Checker<'_> {
    pub(super) fn check_spending(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let (limits, spot) = (&world.definition.spending, world.spot.key("spending"));
        if limits.is_default() {
            return;
        }
        if world.definition.tiers.is_empty() {
            self.warn(spot, "there is no tier to ask", "declare one in world.yaml under `tiers`");
        }
        for (key, tokens) in [("npc", limits.npc), ("realm", limits.realm)] {
            if tokens.tokens_per_day == Some(0) {
                let spot = spot.key(key).key("tokens_per_day");
                self.error(spot, "without tokens nothing is ever asked", "give some, or remove the tiers");
            }
        }
        self.check_player_tiers(limits, spot);
        for (name, def) in &limits.players {
            self.check_rates(def, spot.key("players").key(name).key("rates"));
        }
    }

    fn check_player_tiers(&mut self, limits: &SpendingDef, spot: Spot<'_>) {
        let has_default = limits.players.contains_key(DEFAULT_PLAYER_TIER);
        let Some(fact) = &limits.player_tier else {
            if let Some(name) = limits.players.keys().find(|name| *name != DEFAULT_PLAYER_TIER) {
                let message = format!("nothing says which players are `{name}`");
                let hint = "name the fact that does in `player_tier`; limits of everyone are under `default`";
                self.error(spot.key("players").name(name), message, hint);
            }
            return;
        };
        let fact_spot = spot.key("player_tier");
        if self.known(Sort::Fact, fact, fact_spot) {
            self.is_personal_fact(fact, fact_spot);
        }
        if limits.players.is_empty() {
            let hint = "give limits by its values in `players`, or remove it";
            self.warn(fact_spot, "nothing hangs on which tier a player is of", hint);
        } else if !has_default {
            let message = "players whose tier is not named here would have no limit";
            self.error(
                spot.key("players"),
                message,
                "give their limits under `default`; `default: {}` has none",
            );
        }
    }

    fn check_rates(&mut self, def: &PlayerLimitsDef, spot: Spot<'_>) {
        for class in Priority::ALL {
            let (rates, spot) = (def.rates.of(class), spot.key(class.name()));
            let is_list = spot.node.is_some_and(|node| node.get("most").is_none());
            if is_list && rates.is_empty() {
                self.error(spot, "there is no rate", "write for example `{most: 20, per: 1m}`, or remove it");
            }
            for (index, rate) in rates.iter().enumerate() {
                self.check_rate(rate, if is_list { spot.item(index) } else { spot });
            }
        }
    }

    fn check_rate(&mut self, rate: &RateDef, spot: Spot<'_>) {
        if rate.most > MOST_OF_A_RATE {
            let message = format!("{} requests, each of which is kept for every player", rate.most);
            let hint = format!("at most {MOST_OF_A_RATE}; limit more by `tokens_per_day`");
            self.error(spot.key("most"), message, hint);
        }
        let (per, spot) = (rate.per, spot.key("per"));
        if per.world {
            self.error(spot, "`per` is in world time", "it is real time: leave out `world`");
        } else if !(1..=LONGEST_RATE_MS).contains(&per.ms) {
            self.error(spot, format!("a rate in {per}"), "give a span from `1ms` to `31d`");
        }
    }

    /// What a day of a tier may cost, and when it may be asked.
    pub(super) fn check_tier_limits(&mut self, tier: &TierDef, spot: Spot<'_>) {
        let money_spot = spot.key("money_per_day");
        if tier.money_per_day.is_some() && tier.price.is_none() {
            let hint = "say under `price` what a million tokens cost";
            self.error(money_spot, "without a `price` it costs nothing, so this is never reached", hint);
        }
        match &tier.money_per_day {
            Some(MoneyDef::Is(number)) if number.as_f64().is_none_or(|money| money <= 0.0) => {
                let hint = "give more than 0; `when` is for a tier that is switched off";
                self.error(money_spot, "a tier without money is never asked", hint);
            }
            Some(MoneyDef::Fact(of)) => {
                let spot = money_spot.key("fact");
                if self.known(Sort::Fact, &of.fact, spot) {
                    self.check_money_fact(&of.fact, spot);
                }
            }
            _ => {}
        }
        self.check_condition_elsewhere(&tier.when, spot.key("when"));
        if let Some(what) = self.not_of_the_realm(&tier.when) {
            let message = format!("a tier is asked by the whole realm, which has no {what}");
            self.error(spot.key("when"), message, "ask for facts of the realm, the clock or rows of views");
        }
    }

    fn check_money_fact(&mut self, fact: &str, spot: Spot<'_>) {
        let world = self.definitions.world.as_ref();
        let Some(def) = world.and_then(|world| world.definition.facts.get(fact)) else { return };
        if def.scope != Scope::Realm {
            let message = format!("the fact `{fact}` is kept for a {}, not for the realm", def.scope.name());
            self.error(spot, message, "name a fact with `scope: realm`");
        } else if !matches!(def.kind, FactKind::Int | FactKind::Dec) {
            self.error(spot, format!("the fact `{fact}` is no number"), "name one of type int or dec");
        }
    }

    /// What a condition asks that the realm by itself does not have.
    fn not_of_the_realm(&self, condition: &Condition) -> Option<String> {
        let asked = [
            ("region", condition.region.is_some()),
            ("weather", condition.weather.is_some()),
            ("neighbours", condition.near.is_some()),
            ("level", condition.level.is_some()),
            ("quests here", !condition.quests.is_empty()),
            ("progress", !condition.progress.is_empty()),
        ];
        if let Some((what, _)) = asked.into_iter().find(|(_, asked)| *asked) {
            return Some(what.to_owned());
        }
        let world = self.definitions.world.as_ref();
        let of_another = |fact: &str| {
            let scope = world?.definition.facts.get(fact)?.scope;
            (scope != Scope::Realm).then(|| format!("fact `{fact}`: it is kept for a {}", scope.name()))
        };
        let mut compared = Vec::new();
        if let Some(comparison) = &condition.compare {
            comparison.facts(|fact| compared.push(fact));
        }
        let facts = condition.facts.keys().map(String::as_str).chain(compared);
        let inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
        let mut facts = facts.filter_map(of_another);
        facts.next().or_else(|| inner.into_iter().find_map(|inner| self.not_of_the_realm(inner)))
    }
}
