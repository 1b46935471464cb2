//! A server of a tier, asked as the edge asks it, but without choice, queue, batch or limit: what these add is measured
//! against it. The prompt is made, the stream is read and the guard judges as for everyone else; nothing goes back to the graph.

use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use worldflow_engine::realm::Realm;
use worldflow_schemas::{Row, Tick};

use super::ask::Ask;
use super::call::{LATE, Outcome};
use super::error::TiersError;
use super::hear::{Around, Hearing, guard_of};
use super::tier::Tier;
use crate::guard::Guard;

/// A tier whose servers are asked directly.
#[derive(Debug)]
pub struct Direct {
    realm: Realm,
    tier: Tier,
    guard: Option<Arc<Guard>>,
}

impl Direct {
    /// Opens a tier of a realm's world; `variable` looks up an environment variable, for keys and urls by reference.
    ///
    /// # Errors
    /// When the world has no such tier, or it cannot be opened.
    pub fn open(
        realm: Realm,
        tier: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Direct, TiersError> {
        if !realm.world.tiers.contains_key(tier) {
            return Err(TiersError::NoUrl { tier: tier.to_owned() });
        }
        let guard = guard_of(realm.name, &realm.world, &realm.defined.npcs());
        let tier = Tier::open(realm.name, tier, &realm.world, &variable)?;
        Ok(Direct { realm, tier, guard })
    }

    /// Asks one of its servers, by its place, what a row of `npc_requests` asks at a tick. `first` is called once, when
    /// the first sentence may be said; what may be said of the whole answer is returned.
    ///
    /// # Errors
    /// Why there is nothing that may be said.
    pub async fn ask(
        &self,
        row: &Row,
        tick: Tick,
        server: usize,
        first: impl FnOnce(),
    ) -> Result<String, String> {
        let mut ask = Ask::of(row, tick, self.realm.world.tick_ms, Instant::now());
        ask.render(&[], self.tier.context)?;
        let (heard, mut sentences) = unbounded_channel();
        let guard = self.guard.as_ref();
        let mut hearing =
            Hearing::new(Around::of(&self.realm), guard, ask.request.clone(), (&ask, false), heard);
        let mut first = Some(first);
        let mut look = |sentences: &mut tokio::sync::mpsc::UnboundedReceiver<_>| {
            while sentences.try_recv().is_ok() {
                if let Some(first) = first.take() {
                    first();
                }
            }
        };
        let url = self.tier.replicas[server % self.tier.replicas.len()].url.clone();
        let by = (guard.map(|guard| &**guard), 0);
        let hear = |piece: &str| {
            let come = hearing.hear(piece);
            look(&mut sentences);
            come
        };
        let ended = self.tier.line.ask(url, &ask, ask.max_tokens, ask.until, by, hear).await;
        let answer = match ended.outcome {
            Outcome::Answered(answer) => answer,
            Outcome::PushedBack(_) => return Err("the server had no room".to_owned()),
            Outcome::Late(_) => return Err(LATE.to_owned()),
            Outcome::Failed(_, reason) => return Err(reason),
        };
        let judged = hearing.finish(answer.finish);
        look(&mut sentences);
        if judged.line.is_empty() {
            return Err(format!("the answer was not let through: {}", judged.rule));
        }
        Ok(judged.line)
    }
}
