//! Asks a tier again what was asked before, and compares what it answers now with what was answered then.
//!
//! `journal ─cold replay→ requests as they were asked, replies ─one tier→ replies of now ─→ Compared`
//!
//! The past is replayed as `worldflow replay` does it, calling nothing, from a folder that is not written; then the tier is
//! asked outside any realm by the code that asks for one (`worldflow_sinks::tiers`). Nothing is kept of what it says.

mod compare;
mod journal;
mod recorded;
mod text;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use worldflow_engine::defined::Defined;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, Rebuilt, retrace};
use worldflow_engine::runtime::OpenError;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::WorldDef;
use worldflow_sinks::tiers::{Again, Reask as Asking, ReaskConfig, TiersError};

use crate::explain::{When, fix};
use crate::graph::graphs;
use crate::world::{GivenTier, LoadedWorld, did_you_mean, served, usual_tier};

pub use compare::{Answered, Compared, Numbers, Pair, Quantiles, VERDICTS};
pub use recorded::NotAsked;
pub use text::{csv, text};

use recorded::{Collected, Recorded};

/// The most requests that are asked again at a time.
pub const MOST_REQUESTS: usize = 10_000;

/// What is asked again, and whom.
#[derive(Debug)]
pub struct Reask {
    /// The folder of the realm.
    pub folder: PathBuf,
    /// The realm.
    pub realm: Sym,
    /// What opens what players said and were told; what it does not open is not asked.
    pub privacy: Privacy,
    /// Requests that were asked from here on; all of them without it.
    pub since: Option<When>,
    /// The past ends here; with what is known last without it.
    pub until: Option<When>,
    /// What is later than this moment, UTC milliseconds, is not known yet: the realm runs.
    pub known_ms: Option<i64>,
    /// At most so many, the last ones; no more than [`MOST_REQUESTS`].
    pub limit: usize,
    /// The tier.
    pub tier: String,
    /// The world that has the tier, the guard and the NPCs. The folder keeps of them the names and prices of tiers, and the
    /// NPCs as far as its journal goes back.
    pub world: Option<LoadedWorld>,
    /// A server in place of the tier's own; without a world there must be one.
    pub server: Option<GivenTier>,
    /// A model in place of the tier's own.
    pub model: Option<String>,
    /// Draws other chances for the model; without it each request has those that it had.
    pub seed: Option<u64>,
}

/// What keeps requests from being asked again.
#[derive(Debug, thiserror::Error)]
pub enum ReaskError {
    /// The past cannot be replayed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tier cannot be asked.
    #[error(transparent)]
    Tier(#[from] TiersError),
    /// There is no such tier.
    #[error("no tier is called `{tier}`\nhint: {hint}")]
    UnknownTier {
        /// The tier that was named.
        tier: String,
        /// What helps.
        hint: String,
    },
    /// Nobody says where it is, or what it is asked for.
    #[error("tier `{tier}`: it is not known {what}\nhint: {hint}")]
    NoServer {
        /// The tier.
        tier: String,
        /// What is not known.
        what: &'static str,
        /// What helps.
        hint: &'static str,
    },
    /// The tier has answered none of them.
    #[error("tier `{tier}` has answered none of {asked} requests: {why}\nhint: {hint}")]
    NoAnswer {
        /// The tier.
        tier: String,
        /// How many were asked.
        asked: usize,
        /// Why not.
        why: String,
        /// What helps.
        hint: &'static str,
    },
}

/// Asks again.
///
/// # Errors
/// When the folder cannot be read, there is no such tier, or it answers nothing at all.
pub async fn reask(of: &Reask) -> Result<Compared, ReaskError> {
    check_tier(of)?;
    let (rebuilt, defined, mut collected) = past(of).await?;
    let world = world(of, &rebuilt)?;
    let kept: Vec<Recorded> = collected.kept.drain(..).collect();
    let defined = of.world.as_ref().map_or(defined, |world| {
        let of_folder = Defined::default();
        of_folder.note_all(&world.edits());
        of_folder
    });
    let config = ReaskConfig {
        realm: of.realm,
        tier: &of.tier,
        world: &world,
        views: Arc::clone(&rebuilt.views),
        defined,
        seed: of.seed,
    };
    let asking = Asking::open(config, |name| std::env::var(name).ok())?;
    let answers = asking.ask(kept.iter().map(|recorded| recorded.question.clone()).collect()).await;
    check_answered(&of.tier, &answers)?;
    let pairs = kept.into_iter().zip(answers);
    let mut compared = Compared {
        realm: of.realm.as_str().to_owned(),
        tier: of.tier.clone(),
        model: world.tiers[&of.tier].model.clone(),
        own_guard: of.world.is_some(),
        not_asked: collected.not_asked,
        requests: pairs.map(|(recorded, again)| pair(&of.privacy, recorded, &again)).collect(),
        ..Compared::default()
    };
    let kept_world = &rebuilt.world;
    compared.count(&|tier| world.tiers.get(tier).or_else(|| kept_world.tiers.get(tier)).cloned());
    Ok(compared)
}

/// Replays the past, and collects what was asked in it.
async fn past(of: &Reask) -> Result<(Rebuilt, Defined, Collected), ReaskError> {
    let mut config = RebuildConfig {
        folder: of.folder.clone(),
        name: of.realm,
        workers: 1,
        until_ms: None,
        // Rows are opened where they are collected: the replay itself needs no key.
        privacy: Privacy::none(),
    };
    let (until, length, _) = fix(&mut config, of.until, of.known_ms)?;
    let since_ms = of.since.map(|since| since.utc_ms(length));
    let since = since_ms.map_or(0, |ms| length.tick_at(ms));
    let journaled = journal::read(&of.folder, since, until)?;
    let defined = journaled.defined.clone();
    let most = of.limit.min(MOST_REQUESTS);
    let collected = Collected::new(of.privacy.clone(), journaled, since, most);
    let collected = Arc::new(Mutex::new(collected));
    let told = Arc::clone(&collected);
    let recorder = move |tick, changes: &[_]| {
        told.lock().unwrap_or_else(PoisonError::into_inner).take(tick, changes);
    };
    let since_ms = since_ms.unwrap_or(i64::MIN);
    let rebuilt = retrace(&config, since_ms, graphs(of.realm), Some(Box::new(recorder))).await?;
    // Nobody else holds it any more once the realm has ended.
    let none = Collected::new(Privacy::none(), journal::Journaled::default(), 0, 0);
    let mut collected =
        std::mem::replace(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner), none);
    collected.end();
    Ok((rebuilt, defined, collected))
}

/// Whether it is said where the tier is: before the past is replayed, which may take long.
fn check_tier(of: &Reask) -> Result<(), ReaskError> {
    if of.server.is_some() {
        return Ok(());
    }
    let no_server = |what, hint| ReaskError::NoServer { tier: of.tier.clone(), what, hint };
    let Some(world) = &of.world else {
        let hint =
            "a data folder keeps no addresses: name the world folder with --world, or a server with --url";
        return Err(no_server("where its servers are", hint));
    };
    let tiers = world.declared_tiers();
    match tiers.get(of.tier.as_str()) {
        Some(tier) if tier.url.as_slice().is_empty() => Err(no_server(
            "where its servers are",
            "the world declares it without one: name a server with --url",
        )),
        Some(_) => Ok(()),
        None => {
            let hint = did_you_mean(&of.tier, tiers.keys().copied()).map_or_else(
                || "name a tier that the world declares, or a server with --url".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(ReaskError::UnknownTier { tier: of.tier.clone(), hint })
        }
    }
}

/// The world that counts, with the tier as it is asked.
fn world(of: &Reask, rebuilt: &Rebuilt) -> Result<WorldDef, ReaskError> {
    let (base, declared) = match &of.world {
        Some(world) => (&world.world, world.declared_tiers().get(of.tier.as_str()).copied()),
        None => (&rebuilt.world, rebuilt.world.tiers.get(&of.tier)),
    };
    let declared = declared.cloned();
    let mut tier = match &of.server {
        Some(server) => served(declared, server),
        None => declared.unwrap_or_else(usual_tier),
    };
    if let Some(model) = &of.model {
        tier.model.clone_from(model);
    }
    if tier.model.is_empty() {
        let (what, hint) = (
            "which model it is asked for",
            "its server lists none, or cannot be reached: name one with --model",
        );
        return Err(ReaskError::NoServer { tier: of.tier.clone(), what, hint });
    }
    let mut world = WorldDef::clone(base);
    world.tiers.insert(of.tier.clone(), tier);
    Ok(world)
}

/// Whether the tier has said anything.
fn check_answered(tier: &str, answers: &[Again]) -> Result<(), ReaskError> {
    let said = |again: &Again| !again.reply.verdict.is_empty();
    let Some(last) = answers.last().filter(|_| !answers.iter().any(said)) else { return Ok(()) };
    // What all the others were not sent for says less than why one that was sent failed.
    let sent = answers.iter().rfind(|again| again.reply.replica > 0).unwrap_or(last);
    Err(ReaskError::NoAnswer {
        tier: tier.to_owned(),
        asked: answers.len(),
        why: sent.reply.outcome.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        hint: "see that its server runs and that its key is right; another one is named with --url",
    })
}

fn pair(privacy: &Privacy, recorded: Recorded, again: &Again) -> Pair {
    let line = |reply| Collected::line_of(privacy, reply);
    let then = recorded.reply.as_ref();
    let then = Answered::of(then, then.and_then(line), None);
    // What is said now is sealed nowhere.
    let said = again.reply.outcome.as_ref().ok().map(ToString::to_string);
    let now = Answered::of(Some(&again.reply), said, again.first_sentence_ms);
    Pair {
        request: recorded.request.to_string(),
        npc: recorded.npc.to_owned(),
        asked: recorded.asked,
        budget_ms: recorded.budget_ms,
        differs: Pair::differs(&then, &now),
        recorded: then,
        now,
    }
}
