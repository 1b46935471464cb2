//! `--gold URL`, `--silver URL`, `--bronze URL` and `--simulated-tiers`: who answers when NPCs are talked to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};
use worldflow_schemas::definitions::{BRONZE, GOLD, SILVER, TierDef};
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};

use crate::serve::RealmChoice;
use crate::simulate::served::{self, SIMULATED};
use crate::world::{GivenTier, GivenTiers, LoadedWorld};

/// How long a server may take to say which models it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a simulated server of class gold does, again and again, so that one sees what comes of it: how long it is well, how
/// long it has no room (503), how long it is well, how long it is down (500).
const TROUBLE: [(Option<Fault>, u64); 4] =
    [(None, 15), (Some(Fault::Full), 5), (None, 15), (Some(Fault::Error500), 5)];

/// Servers of tiers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who answers when NPCs are talked to")]
pub(super) struct TierArgs {
    /// An OpenAI-compatible server for the tier gold, for example http://127.0.0.1:8000, instead of what the world says;
    /// several are replicas. Its key is the value of GOLD_KEY, if there is one.
    #[arg(long, value_name = "URL")]
    gold: Vec<String>,
    /// The same for the tier silver.
    #[arg(long, value_name = "URL")]
    silver: Vec<String>,
    /// The same for the tier bronze.
    #[arg(long, value_name = "URL")]
    bronze: Vec<String>,
    /// Simulates every tier that no server is given for here; gold has no room, and is down, now and then.
    #[arg(long)]
    simulated_tiers: bool,
}

/// Servers that have been given to the tiers of realms. The simulated ones end with it.
pub(super) struct Served {
    /// Who answers, in words, by realm; nothing for one that declares no tier.
    words: BTreeMap<String, String>,
    _simulated: Vec<Arc<SimulatedTier>>,
    trouble: Vec<AbortHandle>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.trouble.iter().for_each(AbortHandle::abort);
    }
}

impl Served {
    /// Who answers in a realm: a line for each tier, each with its end.
    pub(super) fn words(&self, realm: &str) -> &str {
        self.words.get(realm).map_or("", String::as_str)
    }
}

impl TierArgs {
    /// Gives servers to the tiers of these realms, and starts those that are simulated.
    pub(super) async fn serve(&self, realms: &mut [RealmChoice]) -> anyhow::Result<Served> {
        let mut given = self.given().await?;
        let (mut simulated, mut trouble) = (Vec::new(), Vec::new());
        if self.simulated_tiers {
            for (name, tier) in to_simulate(realms, &given) {
                let server = Arc::new(simulated_server(&name, &tier)?);
                if tier.class_or(&name) == GOLD {
                    trouble.push(tokio::spawn(get_into_trouble(Arc::clone(&server))).abort_handle());
                }
                let (urls, models) = (vec![server.url()], vec![SIMULATED.to_owned()]);
                given.insert(name, GivenTier { urls, models, key: None, simulated: true });
                simulated.push(server);
            }
        }
        let given = Arc::new(given);
        let mut words = BTreeMap::new();
        for realm in realms {
            if !given.is_empty() {
                realm.world.serve_tiers(Arc::clone(&given));
            }
            words.insert(realm.name.clone(), who_answers(&realm.world));
        }
        Ok(Served { words, _simulated: simulated, trouble })
    }

    /// What is given in the options, and what these servers say that they have.
    async fn given(&self) -> anyhow::Result<GivenTiers> {
        let mut asking = JoinSet::new();
        let mut given = GivenTiers::new();
        for (name, urls) in [(GOLD, &self.gold), (SILVER, &self.silver), (BRONZE, &self.bronze)] {
            let urls: Vec<String> = urls.iter().map(|url| address(name, url)).collect::<Result<_, _>>()?;
            let Some(first) = urls.first() else { continue };
            let (key, secret) = key_of(name);
            let first = first.clone();
            asking.spawn(async move { (name, models(&first, secret).await) });
            given.insert(name.to_owned(), GivenTier { urls, models: Vec::new(), key, simulated: false });
        }
        while let Some(asked) = asking.join_next().await {
            let (name, models) = asked?;
            if let Some(tier) = given.get_mut(name) {
                tier.models = models;
            }
        }
        Ok(given)
    }
}

/// The key of a tier's servers where the world names none: the reference to it, and the key.
fn key_of(tier: &str) -> (Option<String>, Option<String>) {
    let variable = format!("{}_KEY", tier.to_uppercase());
    let secret = std::env::var(&variable).ok().filter(|secret| !secret.is_empty());
    (secret.is_some().then(|| format!("${{{variable}}}")), secret)
}

/// A server that is given to a tier by its address, and asked which models it has unless one is named.
pub(super) async fn given_server(tier: &str, url: &str, model: Option<&str>) -> anyhow::Result<GivenTier> {
    let url = address(tier, url)?;
    let (key, secret) = key_of(tier);
    let models = match model {
        Some(model) => vec![model.to_owned()],
        None => models(&url, secret).await,
    };
    Ok(GivenTier { urls: vec![url], models, key, simulated: false })
}

/// The address of a server without what is added to it: a path that ends in `/v1` is what clients of other makes are given.
fn address(tier: &str, given: &str) -> anyhow::Result<String> {
    let url = Url::parse(given).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // What is given is shown in what is said at the start, so nothing secret may be in it.
    let has_more =
        |url: &Url| !url.username().is_empty() || url.password().is_some() || given.contains(['?', '#']);
    let Some(url) = url else {
        let shown = if given.contains(['@', '?', '#']) { "what is given" } else { given };
        anyhow::bail!(
            "{shown}: no address of a server for the tier `{tier}`\nhint: for example http://127.0.0.1:8000"
        );
    };
    anyhow::ensure!(
        !has_more(&url),
        "the address of a server for the tier `{tier}` has a user, a password, a query or a fragment, which would be shown\n\
         hint: give scheme, host and path alone, and the key in the environment variable {}_KEY",
        tier.to_uppercase()
    );
    let plain = given.trim_end_matches('/');
    Ok(plain.strip_suffix("/v1").unwrap_or(plain).to_owned())
}

/// The models that a server says it has; none when it does not answer.
async fn models(url: &str, key: Option<String>) -> Vec<String> {
    let asked = async {
        // Someone else in the process may have installed one: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // A server on plain http needs no certificates, and there may be none on the machine.
        let client = if url.starts_with("https") { client } else { client.tls_certs_only([]) };
        let mut request = client.build().ok()?.get(format!("{url}/v1/models"));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer: Value = request.send().await.ok()?.error_for_status().ok()?.json().await.ok()?;
        let listed = answer["data"].as_array()?.iter();
        Some(listed.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default()
}

/// The tiers to simulate in these realms, of which no server is given.
fn to_simulate(realms: &[RealmChoice], given: &GivenTiers) -> BTreeMap<String, TierDef> {
    let mut tiers = BTreeMap::new();
    for (name, tier) in realms.iter().flat_map(|realm| served::to_simulate(&realm.world)) {
        tiers.entry(name).or_insert(tier);
    }
    tiers.retain(|name, _| !given.contains_key(name));
    tiers
}

fn simulated_server(name: &str, tier: &TierDef) -> std::io::Result<SimulatedTier> {
    let server = served::simulated_server(name, tier);
    let places = server.max_num_seqs;
    SimulatedTier::open(SimulatedTierConfig {
        // Fewer than are sent at most, so that one sees requests wait, and the limit adapt.
        max_num_seqs: places.div_ceil(2),
        max_num_queued_reqs: Some(places.saturating_mul(3).div_ceil(4)),
        ..server
    })
}

/// Never ends by itself.
async fn get_into_trouble(server: Arc<SimulatedTier>) {
    for (fault, seconds) in TROUBLE.into_iter().cycle() {
        server.set_fault(fault);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Who answers in a realm of this world, where something was given or could be.
fn who_answers(world: &LoadedWorld) -> String {
    if world.lacks_servers() {
        return line(
            "NPCs",
            "say authored lines: no tier has a server (--gold URL, --silver URL or --simulated-tiers)",
        );
    }
    let tiers = &world.world.tiers;
    let given =
        world.tier_servers.given().iter().filter_map(|(name, given)| Some((name, tiers.get(name)?, given)));
    let words = |(name, tier, given): (&String, &TierDef, &GivenTier)| {
        let first = Duration::from_millis(tier.first_token_ms(name));
        let per_token = Duration::from_micros(tier.us_per_token(name));
        let (model, urls) = (&tier.model, given.urls.join(", "));
        let trouble =
            if tier.class_or(name) == GOLD { "; now and then it has no room, or is down" } else { "" };
        let who = if given.simulated {
            format!("simulated: the first token after {first:?}, another every {per_token:?}{trouble}")
        } else if given.models.is_empty() {
            format!("asked for `{model}` at {urls}, which does not say what it has; is it up?")
        } else {
            format!("{model} at {urls}")
        };
        line(&format!("tier {name}"), &who)
    };
    given.map(words).collect()
}

fn line(what: &str, who: &str) -> String {
    format!("  {what:<12} {who}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(simulated_tiers: bool, silver: &[&str]) -> TierArgs {
        let silver = silver.iter().map(|url| (*url).to_owned()).collect();
        TierArgs { gold: Vec::new(), silver, bronze: Vec::new(), simulated_tiers }
    }

    fn greenvale() -> [RealmChoice; 1] {
        [RealmChoice {
            name: "greenvale".to_owned(),
            world: LoadedWorld::greenvale().expect("it is checked"),
        }]
    }

    #[test]
    fn an_address_may_end_as_other_clients_want_it() {
        for given in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            assert_eq!(address(GOLD, given).expect("an address"), "http://h:1");
        }
        for wrong in ["h:1", "ftp://h", ""] {
            let error = address(GOLD, wrong).expect_err("no address").to_string();
            assert!(error.contains("no address of a server") && error.contains("hint:"), "{error}");
        }
    }

    #[test]
    fn an_address_with_a_secret_is_refused_and_not_shown() {
        for given in [
            "http://user:PASSWORD@127.0.0.1:9/v1?key=SECRET",
            "http://user:PASSWORD@127.0.0.1:9",
            "http://SECRET@127.0.0.1:9",
            "http://127.0.0.1:9/v1?key=SECRET",
            "http://127.0.0.1:9/v1#SECRET",
            "user:PASSWORD@127.0.0.1:9",
            "ftp://user:PASSWORD@h",
            "127.0.0.1/v1?key=SECRET",
        ] {
            let error = address(GOLD, given).expect_err("it says too much").to_string();
            let shows = ["PASSWORD", "SECRET", "user:"].iter().any(|secret| error.contains(secret));
            assert!(error.contains("hint:") && !shows, "{given}: {error}");
        }
        let error = address(GOLD, "http://h:1?key=SECRET").expect_err("it says too much").to_string();
        assert!(error.contains("environment variable GOLD_KEY"), "{error}");
    }

    #[tokio::test]
    async fn greenvale_says_that_its_lines_are_authored() {
        let mut realms = greenvale();
        let served = args(false, &[]).serve(&mut realms).await.expect("nothing to start");
        assert!(served.words("greenvale").starts_with("  NPCs         say authored lines"));
        assert!(realms[0].world.world.tiers.is_empty());
    }

    #[tokio::test]
    async fn what_is_not_given_is_simulated() {
        let real =
            SimulatedTier::open(SimulatedTierConfig { model: "real".to_owned(), ..Default::default() });
        let real = real.expect("a free port");
        let mut realms = greenvale();
        let served = args(true, &[&real.url()]).serve(&mut realms).await.expect("servers");
        let tiers = &realms[0].world.world.tiers;
        assert_eq!(tiers.keys().collect::<Vec<_>>(), [GOLD, SILVER]);
        assert_eq!((tiers[GOLD].model.as_str(), tiers[SILVER].model.as_str()), (SIMULATED, "real"));
        let words = served.words("greenvale");
        assert!(
            words.contains("  tier gold    simulated: the first token after 25ms, another every 9ms"),
            "{words}"
        );
        assert!(words.contains(&format!("  tier silver  real at {}\n", real.url())), "{words}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_up_is_asked_all_the_same() {
        let mut realms = greenvale();
        // Nobody listens on port 1.
        let served = args(false, &["http://127.0.0.1:1"]).serve(&mut realms).await.expect("it may come");
        assert!(served.words("greenvale").contains("is it up?"), "{}", served.words("greenvale"));
        assert_eq!(realms[0].world.world.tiers.keys().collect::<Vec<_>>(), [SILVER]);
    }
}
