//! The turns of the edge: rows come and go, batches close, calls end, time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{NPC_REQUESTS, TIERS};
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::ask::{Ask, request_of};
use super::call::{Answer, Ended, Fault, Outcome};
use super::counts::Happened;
use super::guarded;
use super::reply::{self, Asked};
use super::request::{Request, Stage, why_none};
use super::route::{self, Offer};
use super::tier::Tier;
use crate::guard::Guard;

/// How often the view `tiers` is told.
const TELL: Duration = Duration::from_secs(1);
/// When servers of a tier have had no room for a request so often, the fallback is asked if it can answer.
const MOST_PUSHES: u32 = 3;
/// Without anything to wait for.
const IDLE: Duration = Duration::from_secs(3_600);

/// What a task of the edge has done.
#[derive(Debug)]
enum Done {
    Call(ArcStr, Ended),
    Submitted(ArcStr),
}

/// The edge.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) realm: Realm,
    pub(super) tiers: BTreeMap<Sym, Tier>,
    pub(super) requests: FxHashMap<ArcStr, Request>,
    /// Until when requests wait.
    waits: BTreeSet<(Instant, ArcStr)>,
    tasks: JoinSet<Done>,
    /// What judges answers.
    guard: Option<Arc<Guard>>,
    /// The tick up to which the view has been read.
    at: Option<Tick>,
}

impl Run {
    pub(super) fn new(realm: Realm, tiers: BTreeMap<Sym, Tier>, guard: Option<Arc<Guard>>) -> Run {
        let (requests, waits) = (FxHashMap::default(), BTreeSet::new());
        Run { realm, tiers, requests, waits, tasks: JoinSet::new(), guard, at: None }
    }

    pub(super) async fn run(mut self, mut closing: watch::Receiver<bool>) {
        let mut progress = self.realm.progress.clone();
        progress.mark_changed();
        let closing = async move {
            // An error means that the handle has gone.
            let _ = closing.wait_for(|closing| *closing).await;
        };
        tokio::pin!(closing);
        let mut tell = tokio::time::interval(TELL);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let alarm = self.alarm();
            tokio::select! {
                changed = progress.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let tick = progress.borrow_and_update().tick;
                    self.catch_up(tick);
                }
                Some(done) = self.tasks.join_next() => {
                    // A task that was cancelled has been counted where it was.
                    if let Ok(done) = done {
                        self.done(done);
                    }
                }
                () = tokio::time::sleep_until(alarm) => {}
                _ = tell.tick() => self.tell(),
                () = &mut closing => break,
            }
            self.turn(Instant::now());
        }
    }

    /// Reads what has changed. Rows that came and went unseen are never asked.
    fn catch_up(&mut self, tick: Tick) {
        let closed = self.look_at_gates();
        let views = self.realm.views.clone();
        let view = views.read(NPC_REQUESTS);
        match self.at.and_then(|at| view.since(at)) {
            Some(deltas) => {
                for delta in &deltas {
                    for (row, diff) in &delta.changes {
                        if *diff < 0 { self.cancel(&request_of(row)) } else { self.want(row, tick) }
                    }
                    self.at = Some(delta.tick);
                }
            }
            None => {
                let mut gone: Vec<ArcStr> = self.requests.keys().cloned().collect();
                gone.retain(|request| {
                    view.get(&[Value::id(self.realm.name), Value::Text(request.clone())]).is_none()
                });
                gone.iter().for_each(|request| self.cancel(request));
                view.rows(&Filter::all()).for_each(|row| self.want(row, tick));
                self.at = Some(tick);
            }
        }
        self.leave_all(&closed);
    }

    fn want(&mut self, row: &Row, tick: Tick) {
        let now = Instant::now();
        let name = request_of(row);
        if self.requests.contains_key(&name) {
            return;
        }
        let ask = Arc::new(Ask::of(row, tick, self.realm.world.tick_ms, now));
        self.requests.insert(name.clone(), Request::new(ask.clone()));
        let need = ask.need(now);
        let offers: Vec<Offer<'static>> = if ask.tier.is_none() {
            self.tiers.values_mut().map(|tier| tier.offer(now)).collect()
        } else {
            self.chain(ask.tier, &[]).iter().filter_map(|tier| self.offer(*tier, now)).collect()
        };
        let chosen = if ask.tier.is_none() {
            route::choose(&need, ask.budget_ms, &offers).map(|(at, tokens)| (offers[at].name, tokens))
        } else {
            route::first_that_fits(&need, offers.iter().copied())
        };
        match chosen {
            Some((tier, tokens)) => self.enqueue(&name, Sym::new(tier), tokens, now),
            None => {
                let (finish, reason) = why_none(&ask, &need, &offers);
                if let Some(tier) = offers.first().and_then(|offer| self.tiers.get_mut(&Sym::new(offer.name)))
                {
                    tier.counts.count(Happened::Shed);
                }
                self.end(&name, finish, &reason, Duration::ZERO);
            }
        }
    }

    fn offer(&mut self, tier: Sym, now: Instant) -> Option<Offer<'static>> {
        self.tiers.get_mut(&tier).map(|tier| tier.offer(now))
    }

    /// A tier and those that are asked instead, one after the other, without these.
    fn chain(&self, from: Sym, without: &[Sym]) -> Vec<Sym> {
        let (mut chain, mut seen, mut next) = (Vec::new(), Vec::new(), Some(from));
        while let Some(tier) = next.filter(|tier| !seen.contains(tier)) {
            seen.push(tier);
            if !without.contains(&tier) {
                chain.push(tier);
            }
            next = self.tiers.get(&tier).and_then(|tier| tier.fallback);
        }
        chain
    }

    fn enqueue(&mut self, name: &ArcStr, to: Sym, tokens: u64, now: Instant) {
        let Some(tier) = self.tiers.get_mut(&to) else { return };
        let Some(request) = self.requests.get_mut(name) else { return };
        (request.tier, request.tokens, request.avoid) = (to, tokens, None);
        request.tried.push(to);
        let first = request.ask.until.first;
        let until = tier.max_wait.map_or(first, |wait| first.min(now + wait));
        request.stage = Stage::Waiting(until);
        tier.queue.push(request.waiting(), now);
        self.waits.insert((until, name.clone()));
    }

    fn cancel(&mut self, name: &ArcStr) {
        let Some(request) = self.requests.remove(name) else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        match request.stage {
            Stage::Answered => {}
            Stage::Answering(task) => task.abort(),
            Stage::Waiting(until) => {
                tier.queue.remove(name);
                self.waits.remove(&(until, name.clone()));
                tier.counts.count(Happened::Cancelled);
            }
            Stage::InFlight { replica, call, .. } => {
                call.abort();
                tier.replicas[replica].over();
                tier.replicas[replica].breaker.unknown();
                tier.counts.count(Happened::Cancelled);
            }
        }
        tier.counts.gauge("worldflow_tier_in_flight", tier.in_flight());
    }

    /// Does what is due: what has waited too long goes, batches are closed, what has a place is sent.
    fn turn(&mut self, now: Instant) {
        while let Some((until, name)) = self.waits.first().cloned() {
            if until > now {
                break;
            }
            self.waited_too_long(&name, now);
        }
        let tiers: Vec<Sym> = self.tiers.keys().copied().collect();
        for tier in tiers {
            self.send_waiting(tier, now);
        }
    }

    fn waited_too_long(&mut self, name: &ArcStr, now: Instant) {
        let Some(request) = self.unqueue(name) else { return };
        let (over, tier) = (request.ask.until.first <= now, request.tier);
        if over {
            self.shed(tier);
            self.end(name, Finish::NoTime, "its time was over before it could be sent", Duration::ZERO);
        } else {
            self.fall_back(name, Finish::NoTime, "it has waited as long as it may", Duration::ZERO, now);
        }
    }

    /// Takes a request from the queue in which it waits.
    pub(super) fn unqueue(&mut self, name: &ArcStr) -> Option<&mut Request> {
        let request = self.requests.get_mut(name)?;
        let Stage::Waiting(until) = request.stage else { return None };
        self.waits.remove(&(until, name.clone()));
        self.tiers.get_mut(&request.tier)?.queue.remove(name);
        Some(request)
    }

    fn shed(&mut self, tier: Sym) {
        if let Some(tier) = self.tiers.get_mut(&tier) {
            tier.counts.count(Happened::Shed);
        }
    }

    fn send_waiting(&mut self, of: Sym, now: Instant) {
        let Some(tier) = self.tiers.get_mut(&of) else { return };
        tier.queue.close_due(now);
        if tier.queue.len() > 0 && !tier.is_up(now) {
            for name in tier.queue.requests() {
                if self.unqueue(&name).is_some() {
                    self.fall_back(&name, Finish::Failed, "no server of the tier is up", Duration::ZERO, now);
                }
            }
            return;
        }
        loop {
            let Some(tier) = self.tiers.get_mut(&of) else { return };
            let Some((name, prefix)) = tier.queue.first() else { return };
            let (name, avoid) = (name.clone(), self.requests.get(name).and_then(|request| request.avoid));
            let Some(replica) = super::replica::pick(&tier.replicas, prefix, avoid, now) else { return };
            let offer = tier.offer_now(now);
            let Some(request) = self.unqueue(&name) else { return };
            let need = request.need(now);
            match route::fit(&need, &offer) {
                Some(tokens) => {
                    request.tokens = tokens;
                    self.send(&name, replica, now);
                }
                None => {
                    self.shed(of);
                    self.fall_back(
                        &name,
                        Finish::NoTime,
                        "the tier cannot answer in time",
                        Duration::ZERO,
                        now,
                    );
                }
            }
        }
    }

    fn send(&mut self, name: &ArcStr, replica: usize, now: Instant) {
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        let (line, url) = (tier.line.clone(), tier.replicas[replica].url.clone());
        let (ask, tokens) = (request.ask.clone(), request.tokens);
        let asked = name.clone();
        let call = self.tasks.spawn(async move {
            // Sentences can be handed over here as they come; for now the whole answer is one reply.
            let ended = line.ask(url, &ask, tokens, ask.until, |_piece| {}).await;
            Done::Call(asked, ended)
        });
        request.stage = Stage::InFlight { replica, sent: now, call };
        tier.replicas[replica].sent();
        tier.counts.count(Happened::Sent);
        tier.counts.gauge("worldflow_tier_in_flight", tier.in_flight());
        if !request.retried {
            tier.retries.sent();
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Submitted(name) => {
                if let Some(request) = self.requests.get_mut(&name) {
                    request.stage = Stage::Answered;
                }
            }
            Done::Call(name, ended) => self.ended(&name, ended),
        }
    }

    fn ended(&mut self, name: &ArcStr, ended: Ended) {
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
                tier.counts.count(Happened::Answered);
                tier.learn(&answer, took, now);
                self.answer(name, replica, answer, took);
            }
            Outcome::PushedBack(after) => {
                server.pushed_back(sent, after, now);
                tier.counts.count(Happened::PushedBack);
                self.pushed_back(name, replica, now);
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
        let server = &mut tier.replicas[replica];
        if is_broken {
            server.breaker.bad(now);
            server.limit.overloaded(sent, now);
        } else if fault == Fault::Useless {
            server.breaker.good();
        } else {
            server.breaker.unknown();
        }
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
    fn end(&mut self, name: &ArcStr, finish: Finish, reason: &str, took: Duration) {
        let Some(request) = self.requests.get(name) else { return };
        let asked = self.asked(request, None, took);
        let reply = reply::failed(&request.ask, asked, finish, reason);
        self.submit(name, move |_| reply);
    }

    fn answer(&mut self, name: &ArcStr, replica: usize, answer: Answer, took: Duration) {
        let Some(request) = self.requests.get(name) else { return };
        let (ask, asked) = (request.ask.clone(), self.asked(request, Some(replica), took));
        let guard = self.guard.clone();
        self.submit(name, move |realm| match guarded::judged(guard.as_ref(), realm, &ask, &answer) {
            Ok(line) => reply::answered(realm, &ask, asked, &Answer { text: line, ..answer }),
            Err(rule) => {
                let reason = format!("the answer was not let through: {rule}");
                reply::refused(&ask, asked, &answer, &reason)
            }
        });
    }

    fn asked(&self, request: &Request, replica: Option<usize>, took: Duration) -> Asked {
        let tier = self.tiers.get(&request.tier);
        Asked {
            tier: tier.map_or(request.ask.tier, |tier| tier.name),
            replica: replica.map_or(0, |replica| u32::try_from(replica + 1).unwrap_or(u32::MAX)),
            model: tier.map(|tier| tier.line.model.clone()).unwrap_or_default(),
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        }
    }

    fn submit(&mut self, name: &ArcStr, reply: impl FnOnce(&Realm) -> Reply + Send + 'static) {
        let realm = self.realm.clone();
        let task = self.tasks.spawn(async move {
            let reply = reply(&realm);
            Done::Submitted(reply::submit(realm, reply).await)
        });
        if let Some(request) = self.requests.get_mut(name) {
            request.stage = Stage::Answering(task);
        }
    }

    /// When something is due.
    fn alarm(&self) -> Instant {
        let waits = self.waits.first().map(|(until, _)| *until);
        let waiting = self.tiers.values().filter(|tier| tier.queue.len() > 0);
        let due = waiting.flat_map(|tier| {
            let replicas = tier.replicas.iter();
            let better = replicas.flat_map(|replica| [replica.paused, replica.breaker.opens_until()]);
            better.flatten().chain(tier.queue.closes_at())
        });
        let now = Instant::now();
        // A pause or an opening that is over holds nothing up.
        due.filter(|at| *at > now).chain(waits).min().unwrap_or(now + IDLE)
    }

    fn tell(&mut self) {
        let now = Instant::now();
        for tier in self.tiers.values_mut() {
            self.realm.observed.upsert(TIERS, tier.row(self.realm.name, now));
        }
    }
}
