//! The gate of each tier: what the graph says may not be asked is asked nothing, from the tick on in which it says so.
//!
//! `tier_states ─→ Tier::open`, and what waits at a tier that has been closed, or is under way to it, goes to its fallback.

use std::time::Duration;

use tokio::time::Instant;
use worldflow_schemas::catalog::TIER_STATES;
use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Sym, Value};

use super::counts::Happened;
use super::request::Stage;
use super::run::Run;

const REASON: &str = "the tier may not be asked now";

impl Run {
    /// Reads which tiers may be asked, before anything is asked of them, and gives those that have been closed.
    pub(super) fn look_at_gates(&mut self) -> Vec<Sym> {
        let views = self.realm.views.clone();
        let view = views.read(TIER_STATES);
        let open = TIER_STATES.def().column("open").expect("the catalog has the column");
        let realm = self.realm.name;
        let mut closed = Vec::new();
        for (name, tier) in &mut self.tiers {
            // One of which nothing is said yet is open.
            let row = view.get(&[Value::id(realm), Value::Sym(*name)]);
            let is_open = row.is_none_or(|row| row[open] != Value::Bool(false));
            if is_open != tier.open {
                tracing::warn!(
                    realm = realm.as_str(),
                    tier = name.as_str(),
                    is_open,
                    "who may be asked has changed"
                );
                tier.open = is_open;
                closed.extend((!is_open).then_some(*name));
            }
        }
        closed
    }

    /// What is still at tiers that have been closed goes on to others, once what the graph has taken back is gone.
    pub(super) fn leave_all(&mut self, closed: &[Sym]) {
        let now = Instant::now();
        closed.iter().for_each(|tier| self.leave(*tier, now));
    }

    /// What waits for a tier, or is under way to it, goes on to another.
    fn leave(&mut self, tier: Sym, now: Instant) {
        let here = self.requests.iter().filter(|(_, request)| request.tier == tier);
        let mut here: Vec<ArcStr> = here.map(|(name, _)| name.clone()).collect();
        here.sort();
        for name in here {
            let heard = self.requests.get(&name).map(|request| request.heard.as_slice()).unwrap_or_default();
            let heard: Vec<String> = heard.iter().map(|heard| heard.text.clone()).collect();
            if !self.take_from_tier(&name) {
                continue;
            }
            // Nobody else is asked for the rest of what has begun.
            if heard.is_empty() {
                self.fall_back(&name, Finish::Failed, REASON, Duration::ZERO, now);
            } else {
                self.end_begun(&name, &heard);
            }
        }
    }

    /// Takes a request from the queue or drops its connection; whether it was at either.
    fn take_from_tier(&mut self, name: &ArcStr) -> bool {
        if self.unqueue(name).is_some() {
            return true;
        }
        let Some(request) = self.requests.get(name) else { return false };
        let Stage::InFlight { replica, call, .. } = &request.stage else { return false };
        call.abort();
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return false };
        tier.replicas[*replica].over();
        tier.replicas[*replica].breaker.unknown();
        tier.counts.count(Happened::Cancelled);
        tier.counts.gauge("worldflow_tier_in_flight", tier.in_flight());
        true
    }
}
