//! From a row to the queue of a tier: as [`super::super::run`] has it.

use std::sync::Arc;
use std::time::Duration;

use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Row, Sym, Tick};

use super::super::ask::{Ask, request_of};
use super::super::post::Letter;
use super::super::prompt::context_of;
use super::super::request::{Request, Stage, why_none};
use super::super::route::{self, Offer};
use super::SimulatedTiers;

impl SimulatedTiers {
    /// A row has come.
    pub(super) fn want(&mut self, row: &Row, tick: Tick) {
        let name = request_of(row);
        if self.keys.contains_key(&name) {
            return;
        }
        let mut ask = Ask::of(row, tick, self.realm.world.tick_ms, self.now);
        let same = ask.key();
        if let Some(request) = self.requests.get_mut(&same)
            && request.may_be_shared_with(&ask)
        {
            self.keys.insert(name, same.clone());
            return self.share(&same, Arc::new(ask));
        }
        let key = if self.requests.contains_key(&same) { name.clone() } else { same };
        self.keys.insert(name, key.clone());
        let made = ask.render(&[], context_of(&self.realm.world, ask.tier.as_str()));
        let ask = Arc::new(ask);
        self.requests.insert(key.clone(), Request::new(key.clone(), ask.clone()));
        match made {
            Ok(()) => self.choose(&key, &ask),
            Err(reason) => self.end(&key, Finish::Failed, &reason, Duration::ZERO),
        }
    }

    /// Another row is the same question as one that is under way.
    fn share(&mut self, key: &ArcStr, ask: Arc<Ask>) {
        let Some(request) = self.requests.get_mut(key) else { return };
        let (tier, heard) = (request.tier, request.heard.clone());
        request.members.push(ask.clone());
        for heard in heard {
            self.tell(Letter::Sentence(ask.clone(), tier, heard));
        }
    }

    /// Chooses a tier for a request.
    fn choose(&mut self, key: &ArcStr, ask: &Ask) {
        let now = self.now;
        let need = ask.need(now);
        let (offers, chosen) = if ask.tier.is_none() {
            let offers: Vec<Offer<'static>> = self.tiers.values_mut().map(|tier| tier.offer(now)).collect();
            let chosen = route::choose(&need, ask.budget_ms, &offers);
            let chosen = chosen.map(|(at, tokens)| (offers[at].name, tokens));
            (offers, chosen)
        } else {
            let offers = self.offers(ask.tier, &[]);
            let chosen = route::first_that_fits(&need, offers.iter().copied());
            (offers, chosen)
        };
        match chosen {
            Some((tier, _)) if ask.unasked && self.has_enough_unasked(tier) => {
                self.end(key, Finish::NoTime, "the tier has enough that nobody asked for", Duration::ZERO);
            }
            Some((tier, tokens)) => self.enqueue(key, tier, tokens),
            None => {
                let (finish, reason) = why_none(ask, &need, &offers);
                self.end(key, finish, &reason, Duration::ZERO);
            }
        }
    }

    /// What is expected of a tier and of those that are asked instead, one after the other, without these.
    pub(super) fn offers(&mut self, from: Sym, without: &[Sym]) -> Vec<Offer<'static>> {
        let (mut offers, mut seen, mut next) = (Vec::new(), Vec::new(), Some(from));
        while let Some(name) = next.filter(|tier| !seen.contains(tier)) {
            seen.push(name);
            let Some(tier) = self.tiers.get_mut(name.as_str()) else { break };
            next = tier.fallback;
            if !without.contains(&name) {
                offers.push(tier.offer(self.now));
            }
        }
        offers
    }

    fn has_enough_unasked(&self, tier: &str) -> bool {
        let goes_on = |request: &&Request| {
            request.ask.unasked && request.tier.as_str() == tier && !matches!(request.stage, Stage::Answered)
        };
        let most = self.tiers.get(tier).map_or(0, |tier| tier.most_unasked);
        self.requests.values().filter(goes_on).count() >= most
    }

    pub(super) fn enqueue(&mut self, name: &ArcStr, to: &'static str, tokens: u64) {
        let Some(tier) = self.tiers.get_mut(to) else { return };
        let Some(request) = self.requests.get_mut(name) else { return };
        (request.tier, request.tokens, request.avoid) = (tier.name, tokens, None);
        request.tried.push(tier.name);
        let until = tier
            .max_wait
            .map_or(request.ask.until.first, |wait| request.ask.until.first.min(self.now + wait));
        request.stage = Stage::Waiting(until);
        tier.queue.push(request.waiting(), self.now);
        self.waits.insert((until, name.clone()));
    }
}
