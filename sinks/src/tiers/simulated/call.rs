//! A call to a simulated server: what has come of its answer, and until when more is waited for.
//!
//! It is heard as [`super::super::call`] hears a real one, but for what cannot happen here: no connection is lost, and no frame is broken.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use worldflow_schemas::input::Finish;

use super::super::call::{Answer, Come, Ended, Fault, LATE, Line, Outcome, Until};
use super::super::hear::{Around, Heard, Hearing, Judgement};
use super::super::request::Request;
use super::super::spoken::clean;
use crate::guard::Guard;
use crate::simulated_tier::sequences::Place;

/// A call under way.
pub(super) struct Call {
    /// Which of the tier's servers has it, and where it stands there.
    pub(super) replica: usize,
    pub(super) place: Place,
    pub(super) sent: Instant,
    until: Until,
    timeout: Duration,
    stall: Duration,
    text: String,
    tokens: u32,
    first: Option<Instant>,
    last: Instant,
    is_shown: bool,
    hearing: Hearing,
    heard: UnboundedReceiver<Heard>,
}

/// What ends a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The server has said all, or as much as was asked for.
    Said { cut: bool },
    /// There is no use in hearing more.
    Enough,
    /// The time for what comes next is over.
    Silence,
}

impl Call {
    pub(super) fn new(
        request: &Request,
        (replica, place): (usize, Place),
        line: &Line,
        (around, guard): (Around, Option<&Arc<Guard>>),
        sent: Instant,
    ) -> Call {
        let (tell, heard) = unbounded_channel();
        let until = request.ask.until;
        // The words are English, whatever the world speaks.
        let mut ask = (*request.ask).clone();
        ask.locale = "".into();
        Call {
            replica,
            place,
            sent,
            until: Until {
                first: until.first.min(sent + line.timeout),
                whole: until.whole.min(sent + line.timeout),
            },
            timeout: line.timeout,
            stall: line.stall,
            text: String::new(),
            tokens: 0,
            first: None,
            last: sent,
            is_shown: false,
            hearing: Hearing::new(around, guard, request.key.clone(), (&ask, !request.retried), tell),
            heard,
        }
    }

    /// Until when what comes next is waited for.
    pub(super) fn waits_until(&self) -> Instant {
        let goes_on = (self.last + self.stall).min(self.until.whole);
        match self.first {
            None => self.until.first,
            Some(_) if !self.is_shown => self.until.first.min(goes_on),
            Some(_) => goes_on,
        }
    }

    /// The next token. What may be said since, and whether there is no use in hearing more.
    pub(super) fn hear(&mut self, token: &str, now: Instant) -> (Vec<Heard>, bool) {
        self.first.get_or_insert(now);
        (self.last, self.tokens) = (now, self.tokens + 1);
        self.text.push_str(token);
        let come = self.hearing.hear(token);
        self.is_shown |= come == Come::Shown;
        (taken(&mut self.heard), come == Come::Over)
    }

    /// It is over: what came of it, what may be said of that, and the last sentences.
    pub(super) fn end(mut self, end: End, now: Instant) -> (Ended, Judgement, Vec<Heard>) {
        let took = now - self.sent;
        let outcome = self.outcome(end, now);
        let mut judged = Judgement::default();
        let mut last = Vec::new();
        if let Outcome::Answered(answer) = &outcome {
            judged = self.hearing.finish(answer.finish);
            last = taken(&mut self.heard);
        }
        (Ended { outcome, took }, judged, last)
    }

    fn outcome(&self, end: End, now: Instant) -> Outcome {
        let text = clean(&self.text);
        match end {
            End::Said { .. } if text.is_empty() => {
                Outcome::Failed(Fault::Useless, "the answer is empty".to_owned())
            }
            End::Said { cut } => {
                let finish = if cut { Finish::Length } else { Finish::Stop };
                Outcome::Answered(self.answer(text, finish, self.tokens, now))
            }
            // A server that is left says nothing of its tokens: they are guessed.
            End::Enough => Outcome::Answered(self.answer(text, Finish::Stop, 0, now)),
            End::Silence if !text.is_empty() => {
                let answer = self.answer(text, Finish::Truncated, self.tokens, now);
                let is_late = !self.is_shown && now >= self.until.first && now < self.sent + self.timeout;
                if is_late { Outcome::Late(answer) } else { Outcome::Answered(answer) }
            }
            End::Silence if now - self.sent >= self.timeout => {
                let reason = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Failed(Fault::Broken, reason)
            }
            End::Silence => Outcome::Failed(Fault::Late, LATE.to_owned()),
        }
    }

    fn answer(&self, text: String, finish: Finish, tokens: u32, now: Instant) -> Answer {
        let first = self.first.unwrap_or(now) - self.sent;
        Answer { text, finish, first, prompt_tokens: 0, tokens }
    }
}

/// What has been heard since.
fn taken(heard: &mut UnboundedReceiver<Heard>) -> Vec<Heard> {
    let mut sentences = Vec::new();
    while let Ok(sentence) = heard.try_recv() {
        sentences.push(sentence);
    }
    sentences
}
