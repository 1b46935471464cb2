//! The turns of the edge: rows come and go, batches close, calls end, time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{NPC_REQUESTS, NPC_SENTENCES, TIERS};
use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::ask::{Ask, request_of};
use super::call::{Ended, Outcome};
use super::counts::Happened;
use super::ends::share;
use super::hear::{self, Around, Heard, Hearing, Judgement};
use super::post::{self, Post};
use super::prompt::context_of;
use super::request::{Request, Stage, why_none};
use super::route::{self, Offer};
use super::tier::Tier;
use crate::guard::Guard;
use crate::lore::{Question, Searcher};

/// How often the view `tiers` is told.
const TELL: Duration = Duration::from_secs(1);
/// Without anything to wait for.
const IDLE: Duration = Duration::from_secs(3_600);

/// What a task of the edge has done.
#[derive(Debug)]
enum Done {
    /// A call is over, and this is what may be said of its answer.
    Call(ArcStr, Ended, Judgement),
    /// The prompt of a request is whole, or cannot be made.
    Prepared(ArcStr, Box<Ask>, Result<(), String>),
}

/// The edge.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) realm: Realm,
    pub(super) tiers: BTreeMap<Sym, Tier>,
    /// By what the question is: see [`Ask::key`].
    pub(super) requests: FxHashMap<ArcStr, Request>,
    /// Under which of them a row's request is.
    keys: FxHashMap<ArcStr, ArcStr>,
    /// Until when requests wait.
    pub(super) waits: BTreeSet<(Instant, ArcStr)>,
    tasks: JoinSet<Done>,
    /// What judges answers, and of which revision of the NPCs it is.
    guard: (u64, Option<Arc<Guard>>),
    /// What searches the lore for prompts.
    lore: Option<Searcher>,
    /// The way back.
    pub(super) post: Post,
    /// Sentences of answers that still come.
    heard: (UnboundedSender<Heard>, UnboundedReceiver<Heard>),
    /// What an earlier process has heard of answers that it did not hear to their end, by NPC and player.
    begun: FxHashMap<(Sym, Sym), Vec<String>>,
    /// The tick up to which the view has been read.
    at: Option<Tick>,
}

impl Run {
    pub(super) fn new(realm: Realm, tiers: BTreeMap<Sym, Tier>, lore: Option<Searcher>) -> Run {
        let post = post::open(realm.clone());
        let mut run = Run {
            realm,
            tiers,
            requests: FxHashMap::default(),
            keys: FxHashMap::default(),
            waits: BTreeSet::new(),
            tasks: JoinSet::new(),
            guard: (u64::MAX, None),
            lore,
            post,
            heard: unbounded_channel(),
            begun: FxHashMap::default(),
            at: None,
        };
        run.renew_guard();
        run
    }

    /// Compiles the guard anew when NPCs have been edited. Without one nothing that a model says is said.
    fn renew_guard(&mut self) {
        let revision = self.realm.defined.npcs_revision();
        if self.guard.0 == revision {
            return;
        }
        let npcs = self.realm.defined.npcs();
        self.guard = (npcs.revision, hear::guard_of(self.realm.name, &self.realm.world, &npcs));
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
                Some(heard) = self.heard.1.recv() => self.hear(heard),
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
        // What is asked in one tick is asked at one instant, but in its order.
        let mut asked = Instant::now();
        let mut next = || {
            asked += Duration::from_nanos(1);
            asked
        };
        let views = self.realm.views.clone();
        // The view is not held while requests are made: who waits for it then is the graph's collector.
        match self.at.and_then(|at| views.read(NPC_REQUESTS).since(at)) {
            Some(deltas) => {
                for delta in &deltas {
                    for (row, diff) in &delta.changes {
                        if *diff < 0 { self.cancel(&request_of(row)) } else { self.want(row, tick, next()) }
                    }
                    self.at = Some(delta.tick);
                }
            }
            None => {
                let view = views.read(NPC_REQUESTS);
                self.begun = self.begun_before();
                let mut gone: Vec<ArcStr> = self.keys.keys().cloned().collect();
                gone.retain(|request| {
                    view.get(&[Value::id(self.realm.name), Value::Text(request.clone())]).is_none()
                });
                gone.iter().for_each(|request| self.cancel(request));
                view.rows(&Filter::all()).for_each(|row| self.want(row, tick, next()));
                self.at = Some(tick);
                self.begun.clear();
            }
        }
        self.leave_all(&closed);
    }

    /// What has been heard of answers whose requests still wait: nobody hears more of them.
    fn begun_before(&self) -> FxHashMap<(Sym, Sym), Vec<String>> {
        let column = |name| NPC_SENTENCES.def().column(name).expect("the catalog has the column");
        let (player, npc, text, last) = (column("player"), column("npc"), column("text"), column("last"));
        let place = column("sentence");
        let views = self.realm.views.clone();
        let mut begun: FxHashMap<(Sym, Sym), BTreeMap<i64, String>> = FxHashMap::default();
        for row in views.read(NPC_SENTENCES).rows(&Filter::all()) {
            if let (Value::Sym(player), Value::Sym(npc), Value::Int(place), Value::Bool(false)) =
                (&row[player], &row[npc], &row[place], &row[last])
            {
                let said = row[text].as_str().unwrap_or_default().to_owned();
                begun.entry((*npc, *player)).or_default().insert(*place, said);
            }
        }
        begun.into_iter().map(|(pair, said)| (pair, said.into_values().collect())).collect()
    }

    fn want(&mut self, row: &Row, tick: Tick, now: Instant) {
        let name = request_of(row);
        if self.keys.contains_key(&name) {
            return;
        }
        let ask = Arc::new(Ask::of(row, tick, self.realm.world.tick_ms, now));
        let npc = Sym::find(ask.npc()).unwrap_or(Sym::NONE);
        if let Some(said) = self.begun.remove(&(npc, ask.player)) {
            self.keys.insert(name.clone(), name.clone());
            self.requests.insert(name.clone(), Request::new(name.clone(), ask));
            return self.end_begun(&name, &said);
        }
        let same = ask.key();
        if let Some(request) = self.requests.get_mut(&same)
            && request.may_be_shared_with(&ask)
        {
            self.keys.insert(name, same);
            return share(request, ask, &self.post, &mut self.tiers);
        }
        let key = if self.requests.contains_key(&same) { name.clone() } else { same };
        self.keys.insert(name, key.clone());
        self.requests.insert(key.clone(), Request::new(key.clone(), ask.clone()));
        self.prepare(key, &ask);
    }

    /// Makes the prompt whole: at once, or when its lore has been found.
    fn prepare(&mut self, key: ArcStr, ask: &Ask) {
        let mut ask = Box::new(ask.clone());
        let context = context_of(&self.realm.world, ask.tier.as_str());
        match (ask.wants_lore(), self.lore.clone()) {
            (Some((text, k)), Some(lore)) => {
                self.tasks.spawn(async move {
                    let npc = Some(ask.npc().to_owned());
                    let found = lore.search(&Question { npc, text, k }).await;
                    let pieces: Vec<String> = found.hits.iter().map(|hit| hit.chunk.whole()).collect();
                    let made = ask.render(&pieces, context);
                    Done::Prepared(key, ask, made)
                });
            }
            _ => {
                let made = ask.render(&[], context);
                self.prepared(&key, *ask, made);
            }
        }
    }

    fn prepared(&mut self, key: &ArcStr, ask: Ask, made: Result<(), String>) {
        // What was taken back and is asked again while its lore was looked for is prepared once.
        let is_waited_for = |request: &&mut Request| matches!(request.stage, Stage::Preparing);
        let Some(request) = self.requests.get_mut(key).filter(is_waited_for) else { return };
        let ask = Arc::new(ask);
        request.ask = ask.clone();
        if let Err(reason) = made {
            return self.end(key, Finish::Failed, &reason, Duration::ZERO);
        }
        self.choose(key, &ask, Instant::now());
    }

    /// Chooses a tier for a request.
    fn choose(&mut self, key: &ArcStr, ask: &Ask, now: Instant) {
        let need = ask.need(now);
        let offers: Vec<Offer<'static>> = if ask.tier.is_none() {
            let speak = self.tiers.values_mut().filter(|tier| !tier.embeds);
            speak.map(|tier| tier.offer(now)).collect()
        } else {
            self.chain(ask.tier, &[]).iter().filter_map(|tier| self.offer(*tier, now)).collect()
        };
        let chosen = if ask.tier.is_none() {
            route::choose(&need, ask.budget_ms, &offers).map(|(at, tokens)| (offers[at].name, tokens))
        } else {
            route::first_that_fits(&need, offers.iter().copied())
        };
        match chosen {
            Some((tier, _)) if ask.unasked && self.has_enough_unasked(Sym::new(tier)) => {
                self.shed(Sym::new(tier));
                self.end(key, Finish::NoTime, "the tier has enough that nobody asked for", Duration::ZERO);
            }
            Some((tier, tokens)) => self.enqueue(key, Sym::new(tier), tokens, now),
            None => {
                let (finish, reason) = why_none(ask, &need, &offers);
                if let Some(offer) = offers.first() {
                    self.shed(Sym::new(offer.name));
                }
                self.end(key, finish, &reason, Duration::ZERO);
            }
        }
    }

    fn has_enough_unasked(&self, tier: Sym) -> bool {
        let goes_on = |request: &&Request| {
            request.ask.unasked && request.tier == tier && !matches!(request.stage, Stage::Answered)
        };
        let most = self.tiers.get(&tier).map_or(0, |tier| tier.most_unasked);
        self.requests.values().filter(goes_on).count() >= most
    }

    pub(super) fn offer(&mut self, tier: Sym, now: Instant) -> Option<Offer<'static>> {
        self.tiers.get_mut(&tier).map(|tier| tier.offer(now))
    }

    /// A tier and those that are asked instead, one after the other, without these.
    pub(super) fn chain(&self, from: Sym, without: &[Sym]) -> Vec<Sym> {
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

    pub(super) fn enqueue(&mut self, name: &ArcStr, to: Sym, tokens: u64, now: Instant) {
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
        let Some(key) = self.keys.remove(name) else { return };
        let Some(request) = self.requests.get_mut(&key) else { return };
        request.members.retain(|member| member.request != *name);
        // Others still wait for the same answer.
        if !request.members.is_empty() {
            return;
        }
        let Some(request) = self.requests.remove(&key) else { return };
        let name = &key;
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        match request.stage {
            Stage::Answered | Stage::Preparing => {}
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

    pub(super) fn shed(&mut self, tier: Sym) {
        if let Some(tier) = self.tiers.get_mut(&tier) {
            tier.counts.count(Happened::Shed);
        }
    }

    fn send_waiting(&mut self, of: Sym, now: Instant) {
        let Some(tier) = self.tiers.get_mut(&of) else { return };
        tier.close_batch(now);
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
        self.renew_guard();
        let Some(request) = self.requests.get_mut(name) else { return };
        let Some(tier) = self.tiers.get_mut(&request.tier) else { return };
        let (line, url) = (tier.line.clone(), tier.replicas[replica].url.clone());
        let (ask, tokens) = (request.ask.clone(), request.tokens);
        let asked = name.clone();
        let (guard, heard, around) = (self.guard.1.clone(), self.heard.0.clone(), Around::of(&self.realm));
        let retried = request.retried;
        let call = self.tasks.spawn(async move {
            let may_retry = (&*ask, !retried);
            let mut hearing = Hearing::new(around, guard.as_ref(), asked.clone(), may_retry, heard);
            let hear = |piece: &str| hearing.hear(piece);
            let by = (guard.as_deref(), u32::from(retried));
            let ended = line.ask(url, &ask, tokens, ask.until, by, hear).await;
            let finish =
                if let Outcome::Answered(answer) = &ended.outcome { answer.finish } else { Finish::Failed };
            let judged = match ended.outcome {
                Outcome::Answered(_) => hearing.finish(finish),
                _ => Judgement::default(),
            };
            Done::Call(asked, ended, judged)
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
            Done::Prepared(key, ask, made) => self.prepared(&key, *ask, made),
            Done::Call(key, ended, judged) => {
                // What was heard before the end comes before it.
                while let Ok(heard) = self.heard.1.try_recv() {
                    self.hear(heard);
                }
                self.ended(&key, ended, judged);
            }
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
