//! Somebody who says things, one after the other, each again until it is acknowledged: they are sealed, and what was
//! acknowledged is shown as it was said, whatever has become of the files of keys.

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::runtime::RunningRealm;
use worldflow_schemas::catalog::FACTS;
use worldflow_schemas::{EventId, Input, Sym, Value};

use crate::tiny::event;

/// The most that one says.
const MOST: usize = 12;

#[derive(Debug, Default)]
pub(crate) struct Sayer {
    number: u64,
    /// How many texts were sent, and acknowledged.
    sent: usize,
    acked: usize,
    flight: Option<oneshot::Receiver<Vec<Outcome>>>,
}

impl Sayer {
    pub(crate) fn new(number: u64) -> Sayer {
        Sayer { number, ..Sayer::default() }
    }

    fn player(&self) -> Sym {
        Sym::new(&format!("sayer-{}", self.number))
    }

    fn text(&self, number: usize) -> String {
        format!("the {number}th thing that sayer-{} has said", self.number)
    }

    /// How many texts have been acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked as u64
    }

    pub(crate) fn say(&mut self, running: &RunningRealm, now_ms: i64) -> Result<(), String> {
        if self.flight.is_some() || self.acked == MOST {
            return Ok(());
        }
        let number = self.acked + 1;
        let text =
            running.realm.privacy.seal(self.player(), &self.text(number)).map_err(|e| e.to_string())?;
        let id = EventId::Named(format!("{number}").as_str().into());
        let mut event = event(self.player().as_str(), "say", now_ms, id.clone());
        event.source = self.player();
        event.with = Some([("text".into(), Value::Text(text))].into());
        let (reply, outcomes) = oneshot::channel();
        let items = vec![Item { id, input: Input::Event(event), most_per_s: None }];
        let batch =
            Batch { source: self.player(), items, watermark_ms: None, reply: Some(reply), reached: None };
        let mut submitted = Box::pin(running.realm.admission.submit(batch));
        let polled = submitted.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        if polled.is_ready() {
            self.sent = self.sent.max(number);
            self.flight = Some(outcomes);
        }
        Ok(())
    }

    pub(crate) fn hear(&mut self) -> Result<(), String> {
        let Some(flight) = &mut self.flight else { return Ok(()) };
        match flight.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => return Ok(()),
            Err(oneshot::error::TryRecvError::Closed) => {}
            Ok(outcomes) => match outcomes[..] {
                [Outcome::Accepted { .. } | Outcome::Duplicate { .. }] => self.acked += 1,
                ref other => return Err(format!("what was said is {other:?}")),
            },
        }
        self.flight = None;
        Ok(())
    }

    /// The realm was opened anew: what is shown is what was acknowledged last, or what was on its way.
    pub(crate) fn check(&mut self, running: &RunningRealm) -> Result<(), String> {
        self.flight = None;
        let key = [Value::Sym("tiny".into()), Value::Sym("player".into()), self.player().into()];
        let key = key.into_iter().chain([Value::Sym("said".into())]).collect::<Vec<_>>();
        let view = running.realm.views.read(FACTS);
        let shown = view.get(&key).map(|row| row[4].to_string());
        let may_be = (self.acked..=self.sent).map(|number| (number > 0).then(|| self.text(number)));
        if may_be.clone().any(|text| text == shown) {
            return Ok(());
        }
        Err(format!("{} of {} texts were acknowledged, and {shown:?} is shown", self.acked, self.sent))
    }
}
