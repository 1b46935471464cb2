//! Which tiers of a world are simulated, and how fast their servers are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use worldflow_schemas::definitions::{EmbedderDef, GOLD, SILVER, TierDef};
use worldflow_sinks::simulated_tier::SimulatedTierConfig;

use crate::world::{GivenTier, LoadedWorld, usual_tier};

/// The model of simulated servers.
pub(crate) const SIMULATED: &str = "simulated";

/// The tiers to simulate: those that a world declares, or gold and silver where it declares none. What embeds lore is none: it
/// is asked for vectors.
pub(crate) fn to_simulate(world: &LoadedWorld) -> BTreeMap<String, TierDef> {
    let declared = world.declared_tiers().into_iter().map(|(name, tier)| (name.to_owned(), tier.clone()));
    let mut tiers: BTreeMap<String, TierDef> = declared.collect();
    if tiers.is_empty() {
        tiers.extend([GOLD, SILVER].map(|name| (name.to_owned(), usual_tier())));
    }
    if let EmbedderDef::Tier(embedder) = &world.world.lore.embedder {
        tiers.remove(embedder);
    }
    tiers
}

/// A server of a tier that is as fast as it is declared, with a place for every request that may be under way to it.
pub(crate) fn simulated_server(name: &str, tier: &TierDef) -> SimulatedTierConfig {
    SimulatedTierConfig {
        model: SIMULATED.to_owned(),
        max_num_seqs: usize::try_from(tier.max_in_flight).unwrap_or(usize::MAX).max(1),
        first_token: Duration::from_millis(tier.first_token_ms(name)),
        per_token: Duration::from_micros(tier.us_per_token(name)),
        priority_scheduling: true,
        ..SimulatedTierConfig::default()
    }
}

/// The world with a server for every tier, as many as it declares, of which none is asked over a network.
pub(super) fn served(world: &LoadedWorld) -> LoadedWorld {
    let nowhere = |(name, tier): (String, TierDef)| {
        let urls = vec![format!("http://{SIMULATED}"); tier.url.as_slice().len().max(1)];
        (name, GivenTier { urls, models: vec![tier.model], key: None, simulated: true })
    };
    let mut served = world.clone();
    served.serve_tiers(Arc::new(to_simulate(world).into_iter().map(nowhere).collect()));
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Folder;

    fn world(tiers: &str) -> LoadedWorld {
        let text = format!("name: w\nseed: 1\n{tiers}\n");
        LoadedWorld::load(&Folder::of([("world.yaml", text.as_str())]))
            .unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    #[test]
    fn every_tier_of_a_world_is_served_and_keeps_what_it_declares() {
        let world = served(&world(
            "tiers: {own: {model: m, max_in_flight: 3, class: gold}, far: {url: [\"http://a\", \"http://b\"], model: n, key: \"${KEY}\"}}",
        ));
        let tiers = &world.world.tiers;
        assert_eq!(tiers.keys().collect::<Vec<_>>(), ["far", "own"]);
        assert_eq!((tiers["far"].url.as_slice().len(), &tiers["far"].key), (2, &None));
        assert_eq!((tiers["own"].url.as_slice().len(), tiers["own"].model.as_str()), (1, "m"));
        let server = simulated_server("own", &tiers["own"]);
        assert_eq!((server.max_num_seqs, server.first_token), (3, Duration::from_millis(25)));
        assert_eq!((server.per_token, server.max_num_queued_reqs), (Duration::from_millis(9), None));
    }

    #[test]
    fn a_world_without_tiers_gets_gold_and_silver() {
        assert_eq!(served(&world("")).world.tiers.keys().collect::<Vec<_>>(), [GOLD, SILVER]);
    }
}
