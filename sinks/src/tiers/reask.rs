//! Requests that were asked before, asked again of one tier and outside any realm: what it answers now.
//!
//! `rows of npc_requests, opened ─→ prompts ─→ the tier's servers ─guard→ replies, as a graph would be told them`
//!
//! What is sent, heard and judged is what the edge of a realm sends, hears and judges. But nobody waits for an answer: only
//! the tier's own `timeout` and `stall` end one, so that it is known how long each takes. Nothing is written anywhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::Instant;
use worldflow_engine::defined::Defined;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{Row, Sym};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ask::Ask;
use super::call::{Answer, Ended, Fault, Outcome, Until};
use super::error::TiersError;
use super::hear::{Around, Hearing, Judgement, guard_of};
use super::replica;
use super::reply::{self, Asked};
use super::route::{self, Need};
use super::tier::Tier;
use crate::guard::Guard;

/// Nobody waits for an answer, so that it may take as long as the tier lets it.
const NEVER: Duration = Duration::from_secs(86_400);
/// When servers of the tier have had no room for a request so often, it has no answer.
const MOST_PUSHES: u32 = 20;
/// A tier that has answered, and then is down for so long, is asked no more.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Who is asked, and by what is judged what it says.
#[derive(Debug)]
pub struct ReaskConfig<'a> {
    /// The realm whose requests they are.
    pub realm: Sym,
    /// The tier: one of the world's.
    pub tier: &'a str,
    /// The world, with its tiers and its guard.
    pub world: &'a WorldDef,
    /// Rows of the realm: what an answer refers to is looked for among its entities ...
    pub views: Arc<ViewStore>,
    /// ... and its quests; NPCs may have rules of their own.
    pub defined: Defined,
    /// Draws other chances for the model; without it each request has those that it had.
    pub seed: Option<u64>,
}

/// What is asked again.
#[derive(Clone, Debug)]
pub struct Question {
    /// A row of `npc_requests`, opened.
    pub row: Row,
    /// The pieces of lore that its prompt is given.
    pub lore: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Again {
    /// As a graph would be told.
    pub reply: Reply,
    /// Milliseconds from sending to the first sentence that may be said; `None` when there is none.
    pub first_sentence_ms: Option<u32>,
    /// Whether it was asked twice.
    pub twice: bool,
}

/// A tier that is asked again.
#[derive(Debug)]
pub struct Reask {
    tier: Tier,
    guard: Option<Arc<Guard>>,
    around: Around,
    tick_ms: u32,
    seed: Option<u64>,
    waiting: VecDeque<Asking>,
    calls: JoinSet<Done>,
    answers: Vec<Option<Again>>,
    /// When a server of it has said anything last.
    heard: Option<Instant>,
}

/// A request that has no answer yet.
#[derive(Debug)]
struct Asking {
    ask: Arc<Ask>,
    /// Which question it is.
    place: usize,
    tokens: u64,
    retried: bool,
    avoid: Option<usize>,
    pushed_back: u32,
    /// Which server failed, and why, if one has.
    failed: Option<(usize, String)>,
}

/// A call that has ended.
#[derive(Debug)]
struct Done {
    asking: Asking,
    replica: usize,
    sent: Instant,
    ended: Ended,
    judged: Judgement,
    first_sentence: Option<Duration>,
}

impl Reask {
    /// Makes ready to ask. `variable` looks up an environment variable, for keys and urls by reference.
    ///
    /// # Errors
    /// When the tier's url cannot be read, its key is not a reference or names a variable that is not set, or no HTTP
    /// client can be made.
    pub fn open(
        config: ReaskConfig<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Reask, TiersError> {
        let ReaskConfig { realm, tier, world, views, defined, seed } = config;
        Ok(Reask {
            tier: Tier::open(realm, tier, world, &variable)?,
            guard: guard_of(realm, world, &defined.npcs()),
            around: Around { realm, views, defined },
            tick_ms: world.tick_ms,
            seed,
            waiting: VecDeque::new(),
            calls: JoinSet::new(),
            answers: Vec::new(),
            heard: None,
        })
    }

    /// Asks all of them, at most as many at a time as the tier says, and tells what came of each, in their order. When no
    /// server can be reached, what is left is not sent.
    pub async fn ask(mut self, questions: Vec<Question>) -> Vec<Again> {
        let asks: Vec<Arc<Ask>> = questions.into_iter().map(|question| self.take(question)).collect();
        loop {
            let now = Instant::now();
            self.send(now);
            if self.calls.is_empty() && self.is_down(now) {
                self.give_up();
            }
            if self.calls.is_empty() && self.waiting.is_empty() {
                break;
            }
            let alarm = self.alarm(now);
            tokio::select! {
                Some(done) = self.calls.join_next() => {
                    // What has no answer because its task panicked is told below.
                    if let Ok(done) = done {
                        self.ended(done);
                    }
                }
                () = tokio::time::sleep_until(alarm) => {}
            }
        }
        let lost = |ask: &Ask| Again {
            reply: reply::failed(ask, Asked::default(), Finish::Failed, "it was not heard to its end"),
            first_sentence_ms: None,
            twice: false,
        };
        let answers = self.answers.into_iter().zip(&asks);
        answers.map(|(again, ask)| again.unwrap_or_else(|| lost(ask))).collect()
    }

    /// Makes its prompt, and has it wait for a server.
    fn take(&mut self, question: Question) -> Arc<Ask> {
        let now = Instant::now();
        let mut ask = Ask::of(&question.row, 0, self.tick_ms, now);
        ask.until = Until { first: now + NEVER, whole: now + NEVER };
        if let Some(seed) = self.seed {
            let drawn = xxh3_64_with_seed(ask.request.as_bytes(), seed) >> 32;
            ask.seed = u32::try_from(drawn).expect("the upper half of 64 bits");
        }
        let made = ask.render(&question.lore, self.tier.context);
        let ask = Arc::new(ask);
        let place = self.answers.len();
        self.answers.push(None);
        let no_hurry = u64::MAX;
        let (max_tokens, prompt_tokens) = (ask.max_tokens, ask.prompt_tokens);
        let need = Need { first_ms: no_hurry, whole_ms: no_hurry, max_tokens, prompt_tokens };
        let tokens = route::fit(&need, &self.tier.offer_now(now));
        let asking = Asking {
            ask: Arc::clone(&ask),
            place,
            tokens: tokens.unwrap_or(0),
            retried: false,
            avoid: None,
            pushed_back: 0,
            failed: None,
        };
        match (made, tokens) {
            (Ok(()), Some(_)) => self.waiting.push_back(asking),
            (Ok(()), None) => {
                self.fail(&asking, None, Duration::ZERO, "the prompt is longer than the context");
            }
            (Err(reason), _) => self.fail(&asking, None, Duration::ZERO, &reason),
        }
        ask
    }

    /// Sends what waits, as far as there is room.
    fn send(&mut self, now: Instant) {
        while let Some(asking) = self.waiting.front() {
            let (prefix, avoid) = (asking.ask.prefix, asking.avoid);
            let Some(replica) = replica::pick(&self.tier.replicas, prefix, avoid, now) else { return };
            let Some(asking) = self.waiting.pop_front() else { return };
            let server = &mut self.tier.replicas[replica];
            server.sent();
            if !asking.retried {
                self.tier.retries.sent();
            }
            let (line, url) = (Arc::clone(&self.tier.line), server.url.clone());
            let (guard, around) = (self.guard.clone(), self.around.clone());
            self.calls.spawn(async move {
                let (heard, mut sentences) = unbounded_channel();
                let may_retry = (&*asking.ask, !asking.retried);
                let key = asking.ask.request.clone();
                let mut hearing = Hearing::new(around, guard.as_ref(), key, may_retry, heard);
                let sent = Instant::now();
                let mut first_sentence = None;
                let hear = |piece: &str| {
                    let come = hearing.hear(piece);
                    if first_sentence.is_none() && sentences.try_recv().is_ok() {
                        first_sentence = Some(sent.elapsed());
                    }
                    come
                };
                let by = (guard.as_deref(), u32::from(asking.retried));
                let ended = line.ask(url, &asking.ask, asking.tokens, asking.ask.until, by, hear).await;
                let judged = match &ended.outcome {
                    Outcome::Answered(Answer { finish, .. }) => hearing.finish(*finish),
                    _ => Judgement::default(),
                };
                // A sentence that nothing followed is whole when the answer is.
                let first_sentence =
                    if judged.line.is_empty() { None } else { Some(first_sentence.unwrap_or(ended.took)) };
                Done { asking, replica, sent, ended, judged, first_sentence }
            });
        }
    }

    fn ended(&mut self, done: Done) {
        let now = Instant::now();
        let Done { mut asking, replica, sent, ended, judged, first_sentence } = done;
        let Ended { outcome, took } = ended;
        let server = &mut self.tier.replicas[replica];
        server.over();
        match outcome {
            // It is given all the time that there is, so it is never late.
            Outcome::Answered(answer) | Outcome::Late(answer) => {
                server.answered();
                self.heard = Some(now);
                let answer = reply::estimated(&asking.ask, answer);
                let once_more = judged.retry && !asking.retried && answer.finish != Finish::Truncated;
                if once_more && self.tier.retries.take() {
                    return self.ask_once_more(asking, replica);
                }
                let asked = self.asked(&asking, Some(replica), took);
                let reply = reply::answered(&asking.ask, asked, &answer, &judged);
                self.answer(&asking, reply, first_sentence);
            }
            Outcome::PushedBack(after) => {
                server.pushed_back(sent, after, now);
                self.heard = Some(now);
                asking.pushed_back += 1;
                if asking.pushed_back >= MOST_PUSHES {
                    return self.fail(&asking, Some(replica), took, "the servers had no room");
                }
                asking.avoid = Some(replica);
                self.waiting.push_front(asking);
            }
            Outcome::Failed(fault, reason) => {
                let is_broken = fault == Fault::Broken;
                server.failed(fault, is_broken, sent, now);
                if !is_broken {
                    self.heard = Some(now);
                }
                // Whatever is tried again here takes nobody's place.
                if is_broken && !asking.retried {
                    asking.failed = Some((replica, reason));
                    return self.ask_once_more(asking, replica);
                }
                self.fail(&asking, Some(replica), took, &reason);
            }
        }
    }

    /// Nobody is there to ask.
    fn give_up(&mut self) {
        while let Some(mut asking) = self.waiting.pop_front() {
            let (replica, why) = asking.failed.take().unzip();
            let why = why.unwrap_or_else(|| "no server of the tier is up".to_owned());
            self.fail(&asking, replica, Duration::ZERO, &why);
        }
    }

    fn ask_once_more(&mut self, asking: Asking, not: usize) {
        self.waiting.push_front(Asking { retried: true, avoid: Some(not), ..asking });
    }

    fn fail(&mut self, asking: &Asking, replica: Option<usize>, took: Duration, reason: &str) {
        let asked = self.asked(asking, replica, took);
        let reply = reply::failed(&asking.ask, asked, Finish::Failed, reason);
        self.answer(asking, reply, None);
    }

    fn answer(&mut self, asking: &Asking, reply: Reply, first_sentence: Option<Duration>) {
        let ms = |span: Duration| u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
        let first_sentence_ms = first_sentence.map(ms);
        self.answers[asking.place] = Some(Again { reply, first_sentence_ms, twice: asking.retried });
    }

    fn asked(&self, asking: &Asking, replica: Option<usize>, took: Duration) -> Asked {
        Asked {
            tier: self.tier.name,
            replica: replica.map_or(0, |replica| u32::try_from(replica + 1).unwrap_or(u32::MAX)),
            model: self.tier.line.model.clone(),
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            seed: asking.ask.seed.wrapping_add(asking.retried.into()),
        }
    }

    /// Whether no server of it can be asked, and there is no hope.
    fn is_down(&self, now: Instant) -> bool {
        !self.tier.is_up(now) && self.heard.is_none_or(|heard| now - heard > GIVE_UP)
    }

    /// When a server may be asked that may not be now.
    fn alarm(&self, now: Instant) -> Instant {
        let replicas = self.tier.replicas.iter();
        let better = replicas.flat_map(|replica| [replica.paused, replica.breaker.opens_until()]);
        better.flatten().filter(|at| *at > now).min().unwrap_or(now + NEVER)
    }
}
