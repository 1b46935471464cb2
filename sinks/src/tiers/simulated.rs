//! The tiers of a realm whose time is moved by hand: asked as the edge asks them, of simulated servers without a clock.
//!
//! `npc_requests, tier_states of a tick ─→ choice ─→ queue ─→ Sequences ─→ sentences and replies, each at its moment`
//!
//! What decides is the edge's own: the choice of a tier, what is expected of it, its queue, sharing, limits, the guard, replies. Servers
//! do nothing wrong: they are slow, or full, and that is all. How a tier is chosen is in `choice`, what a call comes to in `call`, what
//! comes of that in `ends`.

mod call;
mod choice;
mod ends;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;
use worldflow_engine::admission::Item;
use worldflow_engine::realm::Realm;
use worldflow_schemas::catalog::{NPC_REQUESTS, TIER_STATES, ViewId};
use worldflow_schemas::definitions::{EmbedderDef, TierDef};
use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Diff, Row, Sym, Tick, Value};

use super::ask::request_of;
use super::error::TiersError;
use super::hear::{self, Around};
use super::post::{self, Letter};
use super::request::{Request, Stage};
use super::route;
use super::tier::Tier;
use crate::guard::Guard;
use crate::simulated_tier::SimulatedTierConfig;
use crate::simulated_tier::sequences::{Came, Place, Prompt, Sequences};
use crate::simulated_tier::words;

use call::{Call, End};

/// The address of servers that are nowhere.
const NOWHERE: &str = "http://simulated";
/// Longer than anything is remembered: nothing was measured before the beginning.
const BEFORE: Duration = Duration::from_secs(3_600);

/// What is told to the graph.
#[derive(Debug)]
pub struct Told {
    /// When, since the beginning.
    pub at: Duration,
    /// By whom.
    pub source: Sym,
    /// A sentence, or a reply.
    pub item: Item,
}

/// A simulated server of a tier.
#[derive(Debug)]
struct Server {
    sequences: Sequences,
    seed: u64,
    /// Whose the prompts are, by their numbers.
    asked: FxHashMap<u64, ArcStr>,
}

/// The tiers of a realm, simulated.
pub struct SimulatedTiers {
    realm: Realm,
    began: Instant,
    now: Instant,
    /// By name.
    tiers: BTreeMap<&'static str, Tier>,
    servers: BTreeMap<(&'static str, usize), Server>,
    /// By what the question is: see [`super::ask::Ask::key`].
    requests: FxHashMap<ArcStr, Request>,
    /// Under which of them a row's request is.
    keys: FxHashMap<ArcStr, ArcStr>,
    /// Until when requests wait.
    waits: BTreeSet<(Instant, ArcStr)>,
    /// What is under way. The stage of its request is that of one that is being prepared: there is no task to drop.
    calls: BTreeMap<ArcStr, Call>,
    /// The most calls that were under way at a time to each tier, and to all.
    most: (BTreeMap<&'static str, u64>, u64),
    /// What judges answers, and of which revision of the NPCs it is.
    guard: (u64, Option<Arc<Guard>>),
    told: Vec<Told>,
}

impl SimulatedTiers {
    /// Opens the tiers of a realm's world; `server` says how fast a tier's servers are.
    ///
    /// # Errors
    /// When a tier cannot be opened.
    pub fn open(
        realm: Realm,
        server: impl Fn(&str, &TierDef) -> SimulatedTierConfig,
    ) -> Result<SimulatedTiers, TiersError> {
        let (mut tiers, mut servers) = (BTreeMap::new(), BTreeMap::new());
        for (name, def) in &realm.world.tiers {
            if realm.world.lore.embedder == EmbedderDef::Tier(name.clone()) {
                continue;
            }
            let tier = Tier::open(realm.name, name, &realm.world, &|_: &str| Some(NOWHERE.to_owned()))?;
            let config = server(name, def);
            for replica in 0..tier.replicas.len() {
                let (sequences, asked) = (Sequences::new(&config), FxHashMap::default());
                servers.insert((tier.name.as_str(), replica), Server { sequences, seed: config.seed, asked });
            }
            tiers.insert(tier.name.as_str(), tier);
        }
        let began = Instant::now() + BEFORE;
        Ok(SimulatedTiers {
            realm,
            began,
            now: began,
            tiers,
            servers,
            requests: FxHashMap::default(),
            keys: FxHashMap::default(),
            waits: BTreeSet::new(),
            calls: BTreeMap::new(),
            most: (BTreeMap::new(), 0),
            guard: (u64::MAX, None),
            told: Vec::new(),
        })
    }

    /// What a tick has changed is seen at a moment since the beginning: rows that came are asked, those that went are dropped.
    pub fn see(&mut self, tick: Tick, at: Duration, changes: &[(ViewId, Row, Diff)]) {
        self.pass(at);
        let closed = self.look_at_gates(changes);
        let of_requests = changes.iter().filter(|(view, ..)| *view == NPC_REQUESTS);
        let mut rows: Vec<(bool, ArcStr, &Row)> =
            of_requests.map(|(_, row, diff)| (*diff > 0, request_of(row), row)).collect();
        // What goes makes room for what comes.
        rows.sort_by(|(came, a, _), (other, b, _)| (came, a).cmp(&(other, b)));
        for (came, request, row) in rows {
            if came {
                // What is asked in one tick is asked at one instant, but in its order.
                self.now += Duration::from_nanos(1);
                self.want(row, tick);
            } else {
                self.take_back(&request);
            }
        }
        closed.iter().for_each(|tier| self.leave(*tier));
        self.turn();
    }

    /// Time passes up to a moment since the beginning.
    pub fn pass(&mut self, until: Duration) {
        let until = self.began + until;
        while let Some(due) = self.due(Sequences::next).filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.hear_servers();
            self.hear_silence();
            self.turn();
        }
        self.now = self.now.max(until);
    }

    /// Nothing is told before this moment unless something is asked or taken back; `None` when nothing will be.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let next = self.due(Sequences::next_sentence);
        next.map(|next| next.max(self.now).saturating_duration_since(self.began))
    }

    /// Takes what has been told since, in its order.
    pub fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// The tier that a request waits for, or that has it; [`Sym::NONE`] when none does.
    #[must_use]
    pub fn tier_of(&self, request: &str) -> Sym {
        let request = self.keys.get(request).and_then(|key| self.requests.get(key));
        request.map_or(Sym::NONE, |request| request.tier)
    }

    /// The most requests that were under way at a time: to a tier, or to all together.
    #[must_use]
    pub fn most_at_once(&self, tier: Option<&str>) -> u64 {
        let (of_each, of_all) = &self.most;
        tier.map_or(*of_all, |tier| of_each.get(tier).copied().unwrap_or(0))
    }

    /// When something is due, as far as servers are asked so.
    fn due(&self, server: impl Fn(&Sequences) -> Option<Duration>) -> Option<Instant> {
        let servers = self.servers.values().filter_map(|of| Some(self.began + server(&of.sequences)?));
        let calls = self.calls.values().map(Call::waits_until);
        let waits = self.waits.first().map(|(until, _)| *until);
        let waiting = self.tiers.values().filter(|tier| tier.queue.len() > 0);
        let better = waiting.flat_map(|tier| {
            let open = tier.replicas.iter().filter_map(|replica| replica.breaker.opens_until());
            open.chain(tier.queue.closes_at())
        });
        // An opening that is over holds nothing up.
        servers.chain(calls).chain(waits).chain(better.filter(|at| *at > self.now)).min()
    }

    /// Which tiers may be asked; gives those that have been closed.
    fn look_at_gates(&mut self, changes: &[(ViewId, Row, Diff)]) -> Vec<Sym> {
        let column = |name| TIER_STATES.def().column(name).expect("the catalog has the column");
        let (name, open) = (column("tier"), column("open"));
        let mut closed = Vec::new();
        for (_, row, _) in changes.iter().filter(|(view, _, diff)| *view == TIER_STATES && *diff > 0) {
            let Value::Sym(name) = &row[name] else { continue };
            let Some(tier) = self.tiers.get_mut(name.as_str()) else { continue };
            let is_open = row[open] != Value::Bool(false);
            closed.extend((tier.open && !is_open).then_some(*name));
            tier.open = is_open;
        }
        closed.sort_by(|a, b| a.cmp_text(*b));
        closed
    }

    /// A row has gone.
    fn take_back(&mut self, name: &ArcStr) {
        let Some(key) = self.keys.remove(name) else { return };
        let Some(request) = self.requests.get_mut(&key) else { return };
        request.members.retain(|member| member.request != *name);
        // Others still wait for the same answer.
        if !request.members.is_empty() {
            return;
        }
        self.take_from_tier(&key);
        self.requests.remove(&key);
    }

    /// Takes a request from the queue, or its prompt from the server; whether it was at either.
    fn take_from_tier(&mut self, name: &ArcStr) -> bool {
        if self.unqueue(name).is_some() {
            return true;
        }
        let Some(call) = self.calls.remove(name) else { return false };
        let Some(request) = self.requests.get(name) else { return false };
        let Some(tier) = self.tiers.get_mut(request.tier.as_str()) else { return false };
        let replica = &mut tier.replicas[call.replica];
        replica.over();
        replica.breaker.unknown();
        let server = (tier.name.as_str(), call.replica);
        self.abort(server, call.place);
        true
    }

    /// A server leaves off, if it has not said all.
    fn abort(&mut self, server: (&'static str, usize), place: Place) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.sequences.abort(place);
            server.asked.remove(&place.1);
        }
    }

    /// Takes a request from the queue in which it waits.
    fn unqueue(&mut self, name: &ArcStr) -> Option<&mut Request> {
        let request = self.requests.get_mut(name)?;
        let Stage::Waiting(until) = request.stage else { return None };
        self.waits.remove(&(until, name.clone()));
        self.tiers.get_mut(request.tier.as_str())?.queue.remove(name);
        Some(request)
    }

    /// What waits for a tier that has been closed, or is under way to it, goes on to another.
    fn leave(&mut self, tier: Sym) {
        let here = self.requests.iter().filter(|(_, request)| request.tier == tier);
        let mut here: Vec<ArcStr> = here.map(|(name, _)| name.clone()).collect();
        here.sort();
        for name in here {
            if self.take_from_tier(&name) {
                self.go_on_or_end_begun(&name);
            }
        }
    }

    /// Does what is due: what has waited too long goes, batches are closed, what has a place is sent.
    fn turn(&mut self) {
        while let Some((until, name)) = self.waits.first().cloned() {
            if until > self.now {
                break;
            }
            self.waited_too_long(&name);
        }
        let tiers: Vec<&'static str> = self.tiers.keys().copied().collect();
        tiers.into_iter().for_each(|tier| self.send_waiting(tier));
    }

    fn waited_too_long(&mut self, name: &ArcStr) {
        let now = self.now;
        let Some(request) = self.unqueue(name) else { return };
        if request.ask.until.first <= now {
            self.end(name, Finish::NoTime, "its time was over before it could be sent", Duration::ZERO);
        } else {
            self.fall_back(name, Finish::NoTime, "it has waited as long as it may", Duration::ZERO);
        }
    }

    fn send_waiting(&mut self, of: &'static str) {
        let now = self.now;
        let Some(tier) = self.tiers.get_mut(of) else { return };
        tier.close_batch(now);
        if tier.queue.len() > 0 && !tier.is_up(now) {
            for name in tier.queue.requests() {
                if self.unqueue(&name).is_some() {
                    self.fall_back(&name, Finish::Failed, "no server of the tier is up", Duration::ZERO);
                }
            }
            return;
        }
        loop {
            let Some(tier) = self.tiers.get_mut(of) else { return };
            let Some((name, prefix)) = tier.queue.first() else { return };
            let (name, avoid) = (name.clone(), self.requests.get(name).and_then(|request| request.avoid));
            let Some(replica) = super::replica::pick(&tier.replicas, prefix, avoid, now) else { return };
            let offer = tier.offer_now(now);
            let Some(request) = self.unqueue(&name) else { return };
            match route::fit(&request.need(now), &offer) {
                Some(tokens) => {
                    request.tokens = tokens;
                    self.send(&name, of, replica);
                }
                None => {
                    self.fall_back(&name, Finish::NoTime, "the tier cannot answer in time", Duration::ZERO);
                }
            }
        }
    }

    fn send(&mut self, name: &ArcStr, to: &'static str, replica: usize) {
        self.renew_guard();
        let (now, guard) = (self.now, self.guard.1.as_ref());
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(to) else { return };
        let Some(server) = self.servers.get_mut(&(to, replica)) else { return };
        let prompt = prompt(request, tier, guard.map(|guard| &**guard), server.seed);
        let at = now.saturating_duration_since(self.began);
        let place = server.sequences.admit(prompt, at);
        server.asked.insert(place.1, name.clone());
        server.sequences.step(at, |_| {});
        let around = (Around::of(&self.realm), guard);
        self.calls.insert(name.clone(), Call::new(request, (replica, place), &tier.line, around, now));
        request.stage = Stage::Preparing;
        tier.replicas[replica].sent();
        if !request.retried {
            tier.retries.sent();
        }
        let (of_each, of_all) = &mut self.most;
        let of_tier = of_each.entry(to).or_default();
        *of_tier = u64::from(tier.in_flight()).max(*of_tier);
        *of_all = (self.calls.len() as u64).max(*of_all);
    }

    /// Compiles the guard anew when NPCs have been edited.
    fn renew_guard(&mut self) {
        if self.guard.0 != self.realm.defined.npcs_revision() {
            let npcs = self.realm.defined.npcs();
            self.guard = (npcs.revision, hear::guard_of(self.realm.name, &self.realm.world, &npcs));
        }
    }

    /// What servers say by now.
    fn hear_servers(&mut self) {
        let at = self.now.saturating_duration_since(self.began);
        let mut came = Vec::new();
        for server in
            self.servers.values_mut().filter(|of| of.sequences.next().is_some_and(|next| next <= at))
        {
            let Server { sequences, asked, .. } = server;
            sequences.step(at, |happened| match happened {
                Came::Runs { .. } => {}
                Came::Token { number, token, .. } => {
                    came.extend(asked.get(&number).map(|name| (name.clone(), Ok(token))));
                }
                Came::End { number, cut, .. } => {
                    came.extend(asked.remove(&number).map(|name| (name, Err(End::Said { cut }))));
                }
            });
        }
        for (name, came) in came {
            match came {
                Ok(token) => self.hear(&name, &token),
                Err(end) => self.call_ends(&name, end),
            }
        }
    }

    fn hear(&mut self, name: &ArcStr, token: &str) {
        let Some(call) = self.calls.get_mut(name) else { return };
        let (sentences, is_over) = call.hear(token, self.now);
        self.say(name, sentences);
        if is_over {
            self.call_ends(name, End::Enough);
        }
    }

    /// Calls for whose next words the time is over.
    fn hear_silence(&mut self) {
        let silent = self.calls.iter().filter(|(_, call)| call.waits_until() <= self.now);
        let silent: Vec<ArcStr> = silent.map(|(name, _)| name.clone()).collect();
        silent.iter().for_each(|name| self.call_ends(name, End::Silence));
    }

    /// Writes a letter to the graph.
    fn tell(&mut self, letter: Letter) {
        if let Some((source, item)) = post::written(&self.realm, letter) {
            self.told.push(Told { at: self.now.saturating_duration_since(self.began), source, item });
        }
    }
}

/// What a server is asked for a request, with what it will say.
fn prompt(request: &Request, tier: &Tier, guard: Option<&Guard>, seed: u64) -> Prompt {
    let ask = &request.ask;
    let messages: serde_json::Value = serde_json::from_str(&ask.messages).unwrap_or_default();
    let last = messages.as_array().and_then(|messages| messages.last()?["content"].as_str());
    let format = guard.filter(|_| ask.is_object).map(|guard| guard.response_format(ask.npc(), &[]));
    let format = format.and_then(|format| serde_json::from_str(&format).ok());
    let head = format.as_ref().and_then(words::head_of);
    let seed = seed ^ u64::from(ask.seed.wrapping_add(request.retried.into()));
    let most = usize::try_from(request.tokens).unwrap_or(usize::MAX);
    let said = (last.unwrap_or_default(), 0);
    let (tokens, cut) = words::answer(seed, said, most, true, head.as_deref());
    let priority = if tier.line.priority { i64::from(ask.rank) } else { 0 };
    Prompt { priority, tokens, cut, slow: 1 }
}
