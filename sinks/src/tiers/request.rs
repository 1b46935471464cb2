//! A request on its way: where it stands, and why one is not sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Sym};

use super::ask::Ask;
use super::hear::Heard;
use super::post::Letter;
use super::queue::Waiting;
use super::reply::{self, Asked};
use super::route::{LEAST_TOKENS, Need, Offer};
use super::tier::Tier;

/// Where a request stands whose row is there.
#[derive(Debug)]
pub(super) enum Stage {
    /// In the queue of its tier, until this instant.
    Waiting(Instant),
    /// Sent to this server.
    InFlight { replica: usize, sent: Instant, call: AbortHandle },
    /// Its prompt is being made.
    Preparing,
    /// Its reply has been handed over.
    Answered,
}

/// A request whose row is there.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ask: Arc<Ask>,
    /// Whose rows are the same question, the first among them.
    pub(super) members: Vec<Arc<Ask>>,
    /// What has been heard of the answer.
    pub(super) heard: Vec<Heard>,
    /// The tier that it waits for, or that has it.
    pub(super) tier: Sym,
    /// How many tokens it is asked for.
    pub(super) tokens: u64,
    pub(super) stage: Stage,
    /// The tiers that it has been with.
    pub(super) tried: Vec<Sym>,
    /// Whether it has been sent a second time.
    pub(super) retried: bool,
    /// The rule that the first answer broke, if it was asked for once more for that.
    pub(super) refused: String,
    /// What an answer that was not let through has cost: tokens of the prompt and of the answer.
    pub(super) wasted: (u32, u32),
    /// The server that could not answer it.
    pub(super) avoid: Option<usize>,
    /// How often servers had no room for it.
    pub(super) pushed_back: u32,
    /// By what the edge knows it.
    pub(super) key: ArcStr,
}

impl Request {
    pub(super) fn new(key: ArcStr, ask: Arc<Ask>) -> Request {
        Request {
            tier: Sym::NONE,
            tokens: ask.max_tokens,
            stage: Stage::Preparing,
            members: vec![ask.clone()],
            heard: Vec::new(),
            tried: Vec::new(),
            retried: false,
            refused: String::new(),
            wasted: (0, 0),
            avoid: None,
            pushed_back: 0,
            key,
            ask,
        }
    }

    /// Whether another one that is the same may have its answer.
    pub(super) fn may_be_shared_with(&self, ask: &Ask) -> bool {
        let (mine, theirs) = (&self.ask.until, &ask.until);
        !matches!(self.stage, Stage::Answered)
            && (self.ask.digest == ask.digest && self.ask.unasked == ask.unasked)
            && (theirs.first >= mine.first && theirs.whole >= mine.whole)
    }

    /// What it needs from now on of the tier that has it.
    pub(super) fn need(&self, now: Instant) -> Need {
        Need { max_tokens: self.tokens, ..self.ask.need(now) }
    }

    /// How it was asked of a tier, and by which of its servers it was answered.
    pub(super) fn asked(&self, tier: Option<&Tier>, replica: Option<usize>, took: Duration) -> Asked {
        Asked {
            tier: tier.map_or(self.ask.tier, |tier| tier.name),
            replica: replica.map_or(0, |replica| u32::try_from(replica + 1).unwrap_or(u32::MAX)),
            model: tier.map(|tier| tier.line.model.clone()).unwrap_or_default(),
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            seed: self.ask.seed.wrapping_add(self.retried.into()),
        }
    }

    /// It is answered: the reply of everyone who waits for it, the first of whom pays.
    pub(super) fn replies(&mut self, mut reply: Reply) -> Vec<Letter> {
        self.stage = Stage::Answered;
        let (of_prompt, of_answer) = self.wasted;
        reply.prompt_tokens = reply.prompt_tokens.saturating_add(of_prompt);
        reply.tokens = reply.tokens.saturating_add(of_answer);
        reply.retried = self.refused.as_str().into();
        let of_member = |(index, member): (usize, &Arc<Ask>)| {
            let of_member = if index == 0 {
                Reply { request: member.request.clone(), ..reply.clone() }
            } else {
                reply::shared(&reply, member)
            };
            Letter::Reply(member.clone(), Box::new(of_member))
        };
        self.members.iter().enumerate().map(of_member).collect()
    }

    /// As it waits in a queue.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting {
            request: self.key.clone(),
            rank: self.ask.rank,
            deadline: self.ask.until.first,
            prefix: self.ask.prefix,
            tokens: self.ask.prompt_tokens.saturating_add(self.tokens),
        }
    }
}

/// Why no tier can be asked.
pub(super) fn why_none(ask: &Ask, need: &Need, offers: &[Offer<'_>]) -> (Finish, String) {
    if offers.is_empty() {
        let reason = match ask.tier.as_str() {
            "" => "no tier is declared".to_owned(),
            tier => format!("tier `{tier}` is not declared"),
        };
        return (Finish::Failed, reason);
    }
    if offers.iter().all(|offer| !offer.up) {
        return (Finish::Failed, "no server of the tier is up".to_owned());
    }
    let too_long =
        |offer: &Offer<'_>| offer.context.is_some_and(|context| context < need.prompt_tokens + LEAST_TOKENS);
    if offers.iter().filter(|offer| offer.up).all(too_long) {
        return (Finish::Failed, "the prompt is longer than the context".to_owned());
    }
    (Finish::NoTime, "no tier can answer in time".to_owned())
}
