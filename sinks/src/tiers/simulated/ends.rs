//! What comes of calls to simulated servers, and where a request goes from there: as [`super::super::ends`] has it.

use std::time::Duration;

use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Sym};

use super::super::call::{Answer, Ended, Fault, LATE, Outcome};
use super::super::hear::{Heard, Judgement};
use super::super::post::Letter;
use super::super::reply::{self, Asked};
use super::super::request::{Request, Stage};
use super::super::route;
use super::SimulatedTiers;
use super::call::End;

/// Why a request is not answered where it was.
const CLOSED: &str = "the tier may not be asked now";

impl SimulatedTiers {
    /// A call is over.
    pub(super) fn call_ends(&mut self, name: &ArcStr, end: End) {
        let now = self.now;
        let Some(call) = self.calls.remove(name) else { return };
        let (replica, sent, place) = (call.replica, call.sent, call.place);
        let (ended, judged, last) = call.end(end, now);
        self.say(name, last);
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(request.tier.as_str()) else { return };
        let server = (tier.name.as_str(), replica);
        tier.replicas[replica].over();
        let Ended { outcome, took } = ended;
        match outcome {
            Outcome::Answered(answer) => {
                tier.replicas[replica].answered();
                let answer = reply::estimated(&request.ask, answer);
                tier.learn(&answer, took, now);
                self.abort(server, place);
                self.judged(name, (replica, took), &answer, &judged);
            }
            Outcome::Late(answer) => {
                let Answer { prompt_tokens, tokens, .. } = reply::estimated(&request.ask, answer);
                let (of_prompt, of_answer) = request.wasted;
                request.wasted = (of_prompt + prompt_tokens, of_answer + tokens);
                let is_broken = tier.learn_late(took, now);
                tier.replicas[replica].failed(Fault::Late, is_broken, sent, now);
                self.abort(server, place);
                self.fall_back(name, Finish::NoTime, LATE, took);
            }
            Outcome::Failed(fault, reason) => {
                let is_broken = match fault {
                    Fault::Broken => true,
                    Fault::Late => tier.learn_late(took, now),
                    Fault::Useless => false,
                };
                tier.replicas[replica].failed(fault, is_broken, sent, now);
                self.abort(server, place);
                self.failed(name, replica, (fault, &reason), took);
            }
            // A server has as many places as it is sent requests.
            Outcome::PushedBack(_) => {}
        }
    }

    fn failed(&mut self, name: &ArcStr, replica: usize, (fault, reason): (Fault, &str), took: Duration) {
        let now = self.now;
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(request.tier.as_str()) else { return };
        let once_more = fault == Fault::Broken
            && !request.retried
            && route::fit(&request.need(now), &tier.offer(now)).is_some();
        if once_more && tier.retries.take() {
            request.retried = true;
            return self.put_back(name, replica);
        }
        let finish = if fault == Fault::Late { Finish::NoTime } else { Finish::Failed };
        self.fall_back(name, finish, reason, took);
    }

    /// Back into the queue of its tier, for another server if there is one.
    fn put_back(&mut self, name: &ArcStr, not: usize) {
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(request.tier.as_str()) else { return };
        request.avoid = Some(not);
        let first = request.ask.until.first;
        let until = tier.max_wait.map_or(first, |wait| first.min(self.now + wait));
        request.stage = Stage::Waiting(until);
        tier.queue.put_back(request.waiting());
        self.waits.insert((until, name.clone()));
    }

    /// To the next tier of the chain that can answer; else it ends so.
    pub(super) fn fall_back(&mut self, name: &ArcStr, finish: Finish, reason: &str, took: Duration) {
        if !self.go_on(name) {
            self.end(name, finish, reason, took);
        }
    }

    /// To the next tier of the chain that can answer, if there is one.
    fn go_on(&mut self, name: &ArcStr) -> bool {
        let Some(request) = self.requests.get(name) else { return false };
        let (from, need, tried) = (request.tier, request.ask.need(self.now), request.tried.clone());
        let offers = self.offers(from, &tried);
        let Some((to, tokens)) = route::first_that_fits(&need, offers) else { return false };
        self.enqueue(name, to, tokens);
        true
    }

    /// The tier of a request has been closed. Nobody else is asked for the rest of what has begun.
    pub(super) fn go_on_or_end_begun(&mut self, name: &ArcStr) {
        let heard = self.requests.get(name).map(|request| request.heard.as_slice()).unwrap_or_default();
        let said: Vec<String> = heard.iter().map(|heard| heard.text.clone()).collect();
        if said.is_empty() {
            return self.fall_back(name, Finish::Failed, CLOSED, Duration::ZERO);
        }
        let Some(request) = self.requests.get(name) else { return };
        let reply =
            reply::failed(&request.ask, self.asked(request, None, Duration::ZERO), Finish::Truncated, "");
        self.submit(name, Reply { outcome: Ok(said.join(" ").into()), ..reply });
    }

    /// There will be no answer.
    pub(super) fn end(&mut self, name: &ArcStr, finish: Finish, reason: &str, took: Duration) {
        let Some(request) = self.requests.get(name) else { return };
        let reply = reply::failed(&request.ask, self.asked(request, None, took), finish, reason);
        self.submit(name, reply);
    }

    /// An answer has ended, and this is what may be said of it. One of which nothing may is asked for once more.
    fn judged(
        &mut self,
        name: &ArcStr,
        (replica, took): (usize, Duration),
        answer: &Answer,
        judged: &Judgement,
    ) {
        let now = self.now;
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(request.tier.as_str()) else { return };
        let once_more = judged.retry
            && !request.retried
            && answer.finish != Finish::Truncated
            && route::fit(&request.need(now), &tier.offer(now)).is_some();
        if once_more && tier.retries.take() {
            request.retried = true;
            request.wasted = (answer.prompt_tokens, answer.tokens);
            request.refused.clone_from(&judged.rule);
            return self.put_back(name, replica);
        }
        let Some(request) = self.requests.get(name) else { return };
        let reply = reply::answered(&request.ask, self.asked(request, Some(replica), took), answer, judged);
        self.submit(name, reply);
    }

    fn asked(&self, request: &Request, replica: Option<usize>, took: Duration) -> Asked {
        request.asked(self.tiers.get(request.tier.as_str()), replica, took)
    }

    /// Tells the reply to everyone who waits for it.
    fn submit(&mut self, name: &ArcStr, reply: Reply) {
        let Some(request) = self.requests.get_mut(name) else { return };
        request.replies(reply).into_iter().for_each(|letter| self.tell(letter));
    }

    /// Sentences of an answer.
    pub(super) fn say(&mut self, name: &ArcStr, sentences: Vec<Heard>) {
        for heard in sentences {
            let Some(request) = self.requests.get_mut(name) else { return };
            let (members, tier): (_, Sym) = (request.members.clone(), request.tier);
            request.heard.push(heard.clone());
            for member in members {
                self.tell(Letter::Sentence(member, tier, heard.clone()));
            }
        }
    }
}
