//! What comes of calls: answers and what may be said of them, faults, and where a request goes from there.
//!
//! `a call that ended ─→ once more, the fallback, or a reply for everyone who waits`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Sym};

use super::ask::Ask;
use super::call::{Answer, Ended, Fault, LATE, Outcome};
use super::counts::Happened;
use super::hear::{Heard, Judgement};
use super::post::{Letter, Post};
use super::reply::{self, Asked};
use super::request::{Request, Stage};
use super::route::{self, Offer};
use super::run::Run;
use super::tier::Tier;

/// When servers of a tier have had no room for a request so often, the fallback is asked if it can answer.
const MOST_PUSHES: u32 = 3;

impl Run {
    pub(super) fn ended(&mut self, name: &ArcStr, ended: Ended, judged: Judgement) {
        let now = Instant::now();
        // A call may end in the moment in which it is cancelled; its place is free then already.
        let Some(request) = self.requests.get(name) else { return };
        let Stage::InFlight { replica, sent, .. } = request.stage else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        let Ended { outcome, took } = ended;
        let server = &mut tier.replicas[replica];
        server.over();
        match outcome {
            Outcome::Answered(answer) => {
                server.answered();
                let answer = reply::estimated(&request.ask, answer);
                tier.counts.count(Happened::Answered);
                tier.learn(&answer, took, now);
                self.judged(name, (replica, took), &answer, &judged, now);
            }
            Outcome::PushedBack(after) => {
                server.pushed_back(sent, after, now);
                tier.counts.count(Happened::PushedBack);
                self.pushed_back(name, replica, now);
            }
            Outcome::Late(answer) => {
                let Answer { prompt_tokens, tokens, .. } = reply::estimated(&request.ask, answer);
                tier.counts.count(Happened::Failed);
                if let Some(request) = self.requests.get_mut(name) {
                    let (of_prompt, of_answer) = request.wasted;
                    request.wasted = (of_prompt + prompt_tokens, of_answer + tokens);
                }
                self.failed(name, (Fault::Late, LATE), took, now);
            }
            Outcome::Failed(fault, reason) => {
                tier.counts.count(Happened::Failed);
                tracing::debug!(
                    realm = self.realm.name.as_str(),
                    tier = tier.name.as_str(),
                    reason,
                    "a tier failed"
                );
                self.failed(name, (fault, &reason), took, now);
            }
        }
        if let Some(tier) = self.requests.get(name).and_then(|request| self.tiers.get(&request.tier)) {
            tier.counts.gauge("worldflow_tier_in_flight", tier.in_flight());
        }
    }

    fn failed(&mut self, name: &ArcStr, (fault, reason): (Fault, &str), took: Duration, now: Instant) {
        let Some(request) = self.requests.get_mut(name) else { return };
        let Stage::InFlight { replica, sent, .. } = request.stage else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        let is_broken = match fault {
            Fault::Broken => true,
            Fault::Late => tier.learn_late(took, now),
            Fault::Useless => false,
        };
        tier.replicas[replica].failed(fault, is_broken, sent, now);
        let need = request.need(now);
        let once_more =
            fault == Fault::Broken && !request.retried && route::fit(&need, &tier.offer(now)).is_some();
        if once_more && tier.retries.take() {
            request.retried = true;
            tier.counts.count(Happened::Retried);
            self.put_back(name, replica, now);
            return;
        }
        let finish = if fault == Fault::Late { Finish::NoTime } else { Finish::Failed };
        self.fall_back(name, finish, reason, took, now);
    }

    /// It waits again, unless that has been often and another tier can answer it.
    fn pushed_back(&mut self, name: &ArcStr, replica: usize, now: Instant) {
        let Some(request) = self.requests.get_mut(name) else { return };
        request.pushed_back += 1;
        if request.pushed_back < MOST_PUSHES || !self.go_on(name, now) {
            self.put_back(name, replica, now);
        }
    }

    /// Back into the queue of its tier, for another server if there is one.
    fn put_back(&mut self, name: &ArcStr, not: usize, now: Instant) {
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        request.avoid = Some(not);
        let first = request.ask.until.first;
        let until = tier.max_wait.map_or(first, |wait| first.min(now + wait));
        request.stage = Stage::Waiting(until);
        tier.queue.put_back(request.waiting());
        self.waits.insert((until, name.clone()));
    }

    /// To the next tier of the chain that can answer; else it ends so.
    pub(super) fn fall_back(
        &mut self,
        name: &ArcStr,
        finish: Finish,
        reason: &str,
        took: Duration,
        now: Instant,
    ) {
        if !self.go_on(name, now) {
            self.end(name, finish, reason, took);
        }
    }

    /// To the next tier of the chain that can answer, if there is one.
    fn go_on(&mut self, name: &ArcStr, now: Instant) -> bool {
        let Some(request) = self.requests.get(name) else { return false };
        let (from, need) = (request.tier, request.ask.need(now));
        let chain = self.chain(from, &request.tried);
        let offers: Vec<Offer<'static>> = chain.iter().filter_map(|tier| self.offer(*tier, now)).collect();
        let Some((to, tokens)) = route::first_that_fits(&need, offers) else { return false };
        if let Some(tier) = self.tiers.get_mut(&from) {
            tier.counts.count(Happened::Fallback);
        }
        self.enqueue(name, Sym::new(to), tokens, now);
        true
    }

    /// There will be no answer.
    pub(super) fn end(&mut self, name: &ArcStr, finish: Finish, reason: &str, took: Duration) {
        let Some(request) = self.requests.get(name) else { return };
        let asked = self.asked(request, None, took);
        let reply = reply::failed(&request.ask, asked, finish, reason);
        self.submit(name, reply);
    }

    /// An earlier process had begun to hear the answer: it is what was heard.
    pub(super) fn end_begun(&mut self, name: &ArcStr, said: &[String]) {
        let Some(request) = self.requests.get(name) else { return };
        let asked = self.asked(request, None, Duration::ZERO);
        let reply = reply::failed(&request.ask, asked, Finish::Truncated, "");
        self.submit(name, Reply { outcome: Ok(said.join(" ").into()), ..reply });
    }

    /// An answer has ended, and this is what may be said of it. One of which nothing may is asked for once more.
    fn judged(
        &mut self,
        name: &ArcStr,
        (replica, took): (usize, Duration),
        answer: &Answer,
        judged: &Judgement,
        now: Instant,
    ) {
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        let once_more = judged.retry
            && !request.retried
            && answer.finish != Finish::Truncated
            && route::fit(&request.need(now), &tier.offer(now)).is_some();
        if once_more && tier.retries.take() {
            request.retried = true;
            request.wasted = (answer.prompt_tokens, answer.tokens);
            request.refused.clone_from(&judged.rule);
            tier.counts.count(Happened::Retried);
            return self.put_back(name, replica, now);
        }
        let asked = self.asked_of(name, Some(replica), took);
        let Some(request) = self.requests.get(name) else { return };
        let reply = reply::answered(&request.ask, asked, answer, judged);
        self.submit(name, reply);
    }

    fn asked_of(&self, name: &ArcStr, replica: Option<usize>, took: Duration) -> Asked {
        self.requests.get(name).map(|request| self.asked(request, replica, took)).unwrap_or_default()
    }

    fn asked(&self, request: &Request, replica: Option<usize>, took: Duration) -> Asked {
        request.asked(self.tiers.get(&request.tier), replica, took)
    }

    /// Hands the reply over to everyone who waits for it.
    fn submit(&mut self, name: &ArcStr, reply: Reply) {
        let Some(request) = self.requests.get_mut(name) else { return };
        for letter in request.replies(reply) {
            // Nobody carries it when the realm is closing; the row stays, and is asked again.
            let _ = self.post.send(letter);
        }
    }

    /// A sentence of an answer that still comes.
    pub(super) fn hear(&mut self, heard: Heard) {
        let Some(request) = self.requests.get_mut(&heard.key) else { return };
        if !matches!(request.stage, Stage::InFlight { .. }) {
            return;
        }
        for member in &request.members {
            let _ = self.post.send(Letter::Sentence(member.clone(), request.tier, heard.clone()));
        }
        request.heard.push(heard);
    }
}

/// Another row is the same question as one that is under way.
pub(super) fn share(request: &mut Request, ask: Arc<Ask>, post: &Post, tiers: &mut BTreeMap<Sym, Tier>) {
    for heard in &request.heard {
        let _ = post.send(Letter::Sentence(ask.clone(), request.tier, heard.clone()));
    }
    request.members.push(ask);
    if let Some(tier) = tiers.get_mut(&request.tier) {
        tier.counts.count(Happened::Shared);
    }
}
