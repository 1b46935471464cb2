//! Tiers: their servers, keys, numbers and fallbacks.

use worldflow_schemas::definitions::{EmbedderDef, OneOrMany, Span, TierDef, WorldDef, fallback};

use super::{Checker, Sort};
use crate::secrets::is_reference;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_tiers(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, tier) in &world.definition.tiers {
            let spot = world.spot.key("tiers").name(name);
            self.check_id("tier", name, spot);
            let embeds = matches!(&world.definition.lore.embedder, EmbedderDef::Tier(other) if other == name);
            self.check_servers(tier, embeds, spot);
            if tier.key.as_ref().is_some_and(|key| !is_reference(key)) {
                self.error(
                    spot.key("key"),
                    "a secret stands here in the clear",
                    "give it by reference, `key: ${TIER_KEY}`, and put it in the environment",
                );
            }
            if tier.model.trim().is_empty() {
                self.error(
                    spot.key("model"),
                    "the model has no name",
                    "the server lists its models at /v1/models",
                );
            }
            self.check_numbers(tier, spot);
            self.check_tier_limits(tier, spot);
            if let Some(other) = &tier.fallback
                && self.known(Sort::Tier, other, spot.key("fallback"))
                && comes_back(name, &world.definition)
            {
                self.error(
                    spot.key("fallback"),
                    format!("the fallbacks of `{name}` lead back to it"),
                    "let the last one have none: then the bark is said",
                );
            }
        }
    }

    /// A tier may be without servers until it is given some, but not as an empty list, nor one that is asked at the start.
    fn check_servers(&mut self, tier: &TierDef, embeds: bool, spot: Spot<'_>) {
        let hint = "give the key by reference: `key: ${TIER_KEY}`";
        let spot = spot.key("url");
        match &tier.url {
            OneOrMany::One(url) => self.check_base_address(url, spot, "TIER_URL", hint),
            OneOrMany::Many(urls) if urls.is_empty() && !spot.is_there() && !embeds => {}
            OneOrMany::Many(urls) if urls.is_empty() => {
                self.error(spot, "there is no server", "name at least one, such as `http://127.0.0.1:8000`");
            }
            OneOrMany::Many(urls) => {
                for (index, url) in urls.iter().enumerate() {
                    self.check_base_address(url, spot.item(index), "TIER_URL", hint);
                }
            }
        }
    }

    fn check_numbers(&mut self, tier: &TierDef, spot: Spot<'_>) {
        let (batch, in_batch) = (&tier.batch, spot.key("batch"));
        for (key, value, spot) in [
            ("max_in_flight", Some(tier.max_in_flight), spot),
            ("context", tier.context, spot),
            ("size", Some(batch.size), in_batch),
            ("tokens", Some(batch.tokens), in_batch),
        ] {
            if value == Some(0) {
                self.error(spot.key(key), format!("`{key}: 0` asks nothing"), "give at least 1");
            }
        }
        for (key, span, spot, least_ms) in [
            ("timeout", Some(tier.timeout), spot, 1),
            ("stall", Some(tier.stall), spot, 1),
            ("max_wait", tier.max_wait, spot, 0),
            ("first_token", tier.first_token, spot, 0),
            ("wait", Some(batch.wait), in_batch, 0),
        ] {
            let Some(Span { ms, world }) = span else { continue };
            if world {
                self.error(
                    spot.key(key),
                    format!("`{key}` is in world time"),
                    "it is real time: leave out `world`",
                );
            } else if ms < least_ms {
                self.error(spot.key(key), format!("`{key}` is no time at all"), "give a span such as `10s`");
            }
        }
        let price = tier.price.as_ref().map(|price| (&price.input, &price.output));
        let price_spot = spot.key("price");
        for (key, number, spot) in [
            ("ms_per_token", tier.ms_per_token.as_ref(), spot),
            ("input", price.map(|(input, _)| input), price_spot),
            ("output", price.map(|(_, output)| output), price_spot),
        ] {
            if number.and_then(serde_json::Number::as_f64).is_some_and(|number| number < 0.0) {
                self.error(spot.key(key), format!("`{key}` is negative"), "give 0 or more");
            }
        }
    }
}

/// Whether who is asked instead of a tier, and instead of that, is in the end the tier itself.
fn comes_back(name: &str, world: &WorldDef) -> bool {
    let mut at = fallback(name, &world.tiers);
    for _ in 0..world.tiers.len() {
        match at {
            Some(other) if other == name => return true,
            Some(other) => at = fallback(other, &world.tiers),
            None => return false,
        }
    }
    false
}
