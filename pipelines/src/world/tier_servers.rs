//! Servers of tiers that are not in `world.yaml`: they are given at the start, or simulated.
//!
//! A tier that is declared without a server is kept aside: the realm has none of that name until a server is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use worldflow_schemas::definitions::{OneOrMany, TierDef, WorldDef};

use super::LoadedWorld;

/// Servers for a tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenTier {
    /// Where they are.
    pub urls: Vec<String>,
    /// The models that they have, as far as they say; the one that the world names is asked for if they have it, else
    /// the first.
    pub models: Vec<String>,
    /// The key, by reference, where the world names none.
    pub key: Option<String>,
    /// Whether they are simulated, and ask for no key.
    pub simulated: bool,
}

/// Servers for tiers, by name.
pub type GivenTiers = BTreeMap<String, GivenTier>;

/// What a world says of tiers besides those that have servers.
#[derive(Clone, Debug, Default)]
pub struct TierServers {
    /// Tiers that are declared without a server.
    unserved: BTreeMap<String, TierDef>,
    given: Arc<GivenTiers>,
}

impl TierServers {
    /// Takes the tiers without a server out of a world.
    pub(super) fn taken_from(world: &mut WorldDef) -> TierServers {
        let (unserved, served) = std::mem::take(&mut world.tiers)
            .into_iter()
            .partition(|(_, tier)| tier.url.as_slice().is_empty());
        world.tiers = served;
        TierServers { unserved, given: Arc::default() }
    }

    /// What has been given.
    #[must_use]
    pub fn given(&self) -> &GivenTiers {
        &self.given
    }
}

impl LoadedWorld {
    /// Every tier that the world declares, with a server or without.
    #[must_use]
    pub fn declared_tiers(&self) -> BTreeMap<&str, &TierDef> {
        let all = self.tier_servers.unserved.iter().chain(&self.world.tiers);
        all.map(|(name, tier)| (name.as_str(), tier)).collect()
    }

    /// Whether it declares tiers of which none has a server: what its NPCs say is what is written for them.
    #[must_use]
    pub fn lacks_servers(&self) -> bool {
        self.world.tiers.is_empty() && !self.tier_servers.unserved.is_empty()
    }

    /// Gives servers to tiers: to those that it declares, else to new ones of these names.
    pub fn serve_tiers(&mut self, given: Arc<GivenTiers>) {
        let mut world = WorldDef::clone(&self.world);
        for (name, server) in given.iter() {
            let declared = world.tiers.remove(name).or_else(|| self.tier_servers.unserved.get(name).cloned());
            world.tiers.insert(name.clone(), served(declared, server));
        }
        self.world = Arc::new(world);
        self.tier_servers.given = given;
    }

    /// The same with the servers that another has been given.
    #[must_use]
    pub fn served_as(mut self, other: &LoadedWorld) -> LoadedWorld {
        self.serve_tiers(Arc::clone(&other.tier_servers.given));
        self
    }
}

/// A tier of which nothing is said.
pub(crate) fn usual_tier() -> TierDef {
    serde_json::from_value(json!({"model": "default"})).expect("a tier needs no more")
}

/// A tier as it is once a server is given to it.
pub(crate) fn served(declared: Option<TierDef>, server: &GivenTier) -> TierDef {
    let mut tier = declared.unwrap_or_else(usual_tier);
    tier.url = OneOrMany::Many(server.urls.clone());
    if !server.models.contains(&tier.model)
        && let Some(first) = server.models.first()
    {
        tier.model.clone_from(first);
    }
    tier.key = if server.simulated { None } else { tier.key.or_else(|| server.key.clone()) };
    tier
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::world::Folder;

    fn world(tiers: &str) -> LoadedWorld {
        let text = format!("name: w\nseed: 1\ntiers: {tiers}\n");
        let files = BTreeMap::from([("world.yaml".to_owned(), text.into_bytes())]);
        LoadedWorld::load(&Folder { files, path: None, unread: BTreeSet::new() }).expect("a world")
    }

    fn given(name: &str, models: &[&str], simulated: bool) -> Arc<GivenTiers> {
        let models = models.iter().map(|model| (*model).to_owned()).collect();
        let (urls, key) = (vec!["http://h:1".to_owned()], Some("${GOLD_KEY}".to_owned()));
        Arc::new(BTreeMap::from([(name.to_owned(), GivenTier { urls, models, key, simulated })]))
    }

    #[test]
    fn a_tier_without_a_server_is_there_once_one_is_given() {
        let mut world = world("{gold: {model: m, max_in_flight: 3}, silver: {url: 'http://s', model: m}}");
        let names = |world: &LoadedWorld| world.world.tiers.keys().cloned().collect::<Vec<_>>();
        assert_eq!((names(&world), world.lacks_servers()), (vec!["silver".to_owned()], false));
        assert_eq!(world.declared_tiers().len(), 2);
        world.serve_tiers(given("gold", &["other", "m"], false));
        let gold = &world.world.tiers["gold"];
        assert_eq!((gold.url.as_slice(), gold.max_in_flight), (["http://h:1".to_owned()].as_slice(), 3));
        assert_eq!((gold.model.as_str(), gold.key.as_deref()), ("m", Some("${GOLD_KEY}")));
    }

    #[test]
    fn what_is_given_replaces_what_is_written_and_names_of_its_own_are_new() {
        let mut world = world("{gold: {url: 'http://g', model: m, key: '${K}'}}");
        world.serve_tiers(given("gold", &["other"], false));
        let gold = &world.world.tiers["gold"];
        assert_eq!((gold.url.as_slice()[0].as_str(), gold.model.as_str()), ("http://h:1", "other"));
        assert_eq!(gold.key.as_deref(), Some("${K}"), "the world's own");
        world.serve_tiers(given("gold", &[], true));
        assert_eq!(world.world.tiers["gold"].key, None, "a simulated server asks for none");
        world.serve_tiers(given("bronze", &[], false));
        assert_eq!(world.world.tiers["bronze"].model, "default", "the server did not say");
    }

    #[test]
    fn an_edit_of_the_world_keeps_the_servers() {
        let mut running = world("{gold: {model: m}}");
        assert!(running.lacks_servers());
        running.serve_tiers(given("gold", &["x"], false));
        let edited = world("{gold: {model: m}}").served_as(&running);
        assert_eq!(edited.world, running.world);
        assert_eq!(edited.tier_servers.given(), running.tier_servers.given());
    }
}
