//! What a session does about each frame: events and writes to admission, subscriptions to the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use worldflow_engine::admission::{Batch, Item, Outcome, Refusal};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::catalog::{Column, ViewId};
use worldflow_schemas::{ArcStr, Command, EventId, Input};

use super::{End, Open, Out, Session, epoch_text};
use crate::allowance::later;
use crate::check::{NOT_JUDGED, Proposed, quote, refuse};
use crate::game_socket::access::{self, Wanted};
use crate::game_socket::hub::{Afresh, From, RESUMED};
use crate::game_socket::inbox::Sub;
use crate::game_socket::lists::within;
use crate::game_socket::writer::{Unacked, located};
use crate::tokens::Role;

impl Session {
    pub(super) async fn act(&mut self, frame: ClientFrame, out: &Out) -> Result<Option<End>, Refusal> {
        if matches!(frame, ClientFrame::Subscribe(_) | ClientFrame::Change(_) | ClientFrame::Follow(_)) {
            // Numbers are free whose views are gone; whoever ends such a one is told as ever.
            self.views.retain(|id, _| self.inbox.stands(*id));
        }
        let about = match &frame {
            ClientFrame::Subscribe(frame) => Some(frame.id),
            ClientFrame::Change(frame) => Some(frame.id),
            ClientFrame::Follow(frame) => Some(frame.id),
            ClientFrame::Unsubscribe(frame) => Some(frame.id),
            _ => None,
        };
        let done = match frame {
            ClientFrame::Hello(_) => Err(refuse("already_open", "hello", "hello was said before", "")),
            ClientFrame::Write(write) => return self.write(&write, out).await,
            ClientFrame::Clock(clock) => return self.clock(&clock, out).await,
            ClientFrame::GrantAnswers(answers) => return self.grant_answers(&answers, out).await,
            ClientFrame::Subscribe(subscribe) => self.subscribe(&subscribe, out).await,
            ClientFrame::Change(change) => self.change(&change, out).await,
            ClientFrame::Follow(follow) => self.follow(&follow, out).await,
            ClientFrame::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe.id, out).await,
            ClientFrame::Stats(_) => {
                let sessions = self.room.sessions.load(Ordering::Relaxed);
                let stats = v1::StatsReply { sessions, subscriber_counts: self.room.hub.counts() };
                out.frame(ServerFrame::Stats(stats)).await;
                Ok(())
            }
            ClientFrame::Ping(ping) => {
                let progress = *self.room.realm.progress.borrow();
                let pong = v1::Pong { nonce: ping.nonce, tick: progress.tick, utc_ms: progress.utc_ms };
                out.frame(ServerFrame::Pong(pong)).await;
                Ok(())
            }
            ClientFrame::Goodbye(_) => return Ok(Some(End::because("bye", "goodbye", true))),
            ClientFrame::Publish(_) => Err(refuse("malformed", "publish", "is not read here", "")),
        };
        if let Err(refusal) = done {
            self.reject(None, &refusal);
            out.error(&refusal, about.map(u64::from)).await;
        }
        Ok(None)
    }

    pub(super) async fn publish(
        &mut self,
        seq: u64,
        events: &[Proposed<'_>],
        out: &Out,
    ) -> Result<Option<End>, Refusal> {
        self.count("publish.events", events.len())?;
        let now_ms = self.realms.now_ms(&self.room.realm);
        let (checker, sender, unnumbered) = (&self.room.checker, &self.sender, EventId::UNNUMBERED);
        let named = |(event, checked): (&Proposed<'_>, Result<Item, Refusal>)| {
            checked.map_err(|refusal| (event.id_text().map(ArcStr::from), refusal))
        };
        let checked: Vec<_> = if checker.asks() {
            // What comes after waits behind it, so that order stays.
            let unsealed = |event| checker.unsealed(event, sender, unnumbered, Some(now_ms), &self.hints);
            let settled = checker.settle(events.iter().map(unsealed).collect()).await;
            events.iter().zip(settled).map(named).collect()
        } else {
            let check = |event| (event, checker.event(event, sender, unnumbered, Some(now_ms), &self.hints));
            events.iter().map(check).map(named).collect()
        };
        let (items, unacked, reply) = sort(seq, "events", checked);
        self.published += i64::try_from(items.len()).unwrap_or(i64::MAX);
        if now_ms > self.told_published_ms + 1_000 {
            self.told_published_ms = now_ms;
            self.show();
        }
        self.submit(items, unacked, reply, out).await
    }

    async fn write(&mut self, write: &v1::Write, out: &Out) -> Result<Option<End>, Refusal> {
        self.count("write.items", write.items.len())?;
        let now_ms = self.realms.now_ms(&self.room.realm);
        let checked = write.items.iter().map(|item| {
            let (sender, unnumbered) = (&self.sender, EventId::UNNUMBERED);
            let checked = self.room.checker.write(item, sender, unnumbered, now_ms, &self.hints);
            command(checked, item.id.as_deref())
        });
        let (items, unacked, reply) = sort(write.seq, "items", checked.collect());
        self.submit(items, unacked, reply, out).await
    }

    async fn clock(&mut self, clock: &v1::Clock, out: &Out) -> Result<Option<End>, Refusal> {
        self.count("clock", 1)?;
        let now_ms = self.realms.now_ms(&self.room.realm);
        let checked = self.room.checker.clock(clock, &self.sender, EventId::UNNUMBERED, now_ms);
        let (items, unacked, reply) = sort(clock.seq, "clock", vec![command(checked, clock.id.as_deref())]);
        self.submit(items, unacked, reply, out).await
    }

    async fn grant_answers(&mut self, answers: &v1::GrantAnswers, out: &Out) -> Result<Option<End>, Refusal> {
        self.count("grant_answers.answers", answers.answers.len())?;
        let now_ms = self.realms.now_ms(&self.room.realm);
        let checked = answers
            .answers
            .iter()
            .map(|answer| command(self.room.checker.grant_answer(answer, &self.sender, now_ms), None));
        let (items, unacked, reply) = sort(answers.seq, "answers", checked.collect());
        self.submit(items, unacked, reply, out).await
    }

    /// Counts the items of a frame against what one may hold, and against what the token may send.
    fn count(&self, path: &str, items: usize) -> Result<(), Refusal> {
        within(path, items, self.realms.limits().items)?;
        self.realms.pay(&self.claims, items)
    }

    /// Counts refused items. Whoever sends little else has the frame counted as a refused one.
    fn count_refused(&mut self, items: usize) -> Result<(), Refusal> {
        if items == 0 || self.refused.admit(short(items), Instant::now()) {
            return Ok(());
        }
        let reason = format!("more than {} items were refused in one second", self.refused.most);
        let refusal = refuse("rate_limited", "", reason, "see in the ack what is wrong with them");
        Err(later(refusal, self.refused.wait(Instant::now())))
    }

    /// Hands items to admission, which may make the client wait, and leaves the ack to the writer.
    async fn submit(
        &mut self,
        items: Vec<Item>,
        mut unacked: Unacked,
        reply: oneshot::Sender<Vec<Outcome>>,
        out: &Out,
    ) -> Result<Option<End>, Refusal> {
        for (_, id, refusal) in &unacked.refused {
            self.reject(id.as_ref().map(|id| EventId::Named(id.clone())).as_ref(), refusal);
        }
        // First a place for the ack: a session may end at any wait, and what has been accepted is acked.
        let Ok(place) = out.acks.reserve().await else { return Ok(Some(End::Gone)) };
        let waits = unacked.sent.len() + 10 * unacked.refused.len();
        let waits = short(waits.min(super::MOST_UNACKED));
        unacked.room = Arc::clone(&self.unacked).acquire_many_owned(waits).await.ok();
        if items.is_empty() {
            unacked.reply = None;
        } else {
            let source = self.sender.source;
            let batch = Batch { source, items, watermark_ms: None, reply: Some(reply), reached: None };
            if self.room.realm.admission.submit(batch).await.is_err() {
                // The realm is ending, and the client is told its last tick first.
                let mut gone = self.room.hub.gone();
                let _ended = gone.wait_for(|gone| *gone).await;
                return Ok(Some(End::shutting_down()));
            }
        }
        // That nobody could judge what was said is not the client's fault.
        let refused = unacked.refused.iter().filter(|(_, _, refusal)| refusal.code != NOT_JUDGED).count();
        place.send(unacked);
        self.count_refused(refused)?;
        Ok(None)
    }

    async fn subscribe(&mut self, frame: &v1::Subscribe, out: &Out) -> Result<(), Refusal> {
        let view = access::view(&self.claims, &self.room.realm.views.catalog(), &frame.view)?;
        let wanted = Wanted::new(&self.claims, view, &frame.r#where)?;
        let period = period(frame.max_hz)?;
        self.may_open(frame.id)?;
        access::within_values(&wanted, self.values(None))?;
        self.views.insert(frame.id, Open { view, values: wanted.len() });
        let (id, answers) = ((self.id, frame.id), self.claims.role == Role::GameServer);
        let sub = Sub { id: frame.id, view, hash: frame.hash };
        self.inbox.open(sub, period);
        let count = self.room.hub.subscribe(id, view, wanted, answers, &self.inbox);
        let resume = frame.resume.as_ref().map(|from| {
            let from = From {
                same_epoch: from.epoch == epoch_text(self.room.realm.epoch),
                tick: from.tick,
                hash: from.hash.as_ref().map(|hash| u64::from_str_radix(hash, 16).ok()),
            };
            self.room.hub.resume(id, sub, &from)
        });
        if resume.is_none() {
            self.inbox.owe(frame.id);
        }
        let resume = resume.map(|resumed| resumed.map_or_else(Afresh::name, |()| RESUMED).to_owned());
        let (subscriber_count, schema) = (short(count), (!view.is_built_in()).then(|| schema(view)));
        let subscribed = v1::Subscribed { id: frame.id, subscriber_count, resume, schema };
        out.frame(ServerFrame::Subscribed(subscribed)).await;
        // Only now may anything come of it, so that Subscribed comes first.
        self.inbox.release(frame.id);
        self.show();
        Ok(())
    }

    async fn change(&mut self, frame: &v1::ChangeSubscription, _out: &Out) -> Result<(), Refusal> {
        let known = self.views.get(&frame.id).map(|open| open.view);
        let known = known.and_then(|view| Some((view, self.room.hub.wanted((self.id, frame.id), view)?)));
        let Some((view, wanted)) = known else { return Err(not_open(frame.id)) };
        let wanted = wanted.changed(&self.claims, view, frame)?;
        access::within_values(&wanted, self.values(Some(frame.id)))?;
        if frame.max_hz.is_some() {
            self.inbox.pace(frame.id, period(frame.max_hz)?);
        }
        self.views.insert(frame.id, Open { view, values: wanted.len() });
        self.room.hub.change((self.id, frame.id), view, wanted);
        Ok(())
    }

    async fn follow(&mut self, frame: &v1::Follow, out: &Out) -> Result<(), Refusal> {
        const MOST_PATTERNS: usize = 64;
        if frame.kinds.is_empty() || frame.kinds.len() > MOST_PATTERNS {
            let reason = format!("{} patterns where 1 to {MOST_PATTERNS} may be", frame.kinds.len());
            return Err(refuse("bad_patterns", "kinds", reason, "`*` stands for every kind"));
        }
        for pattern in &frame.kinds {
            self.room.checker.kind_pattern(pattern)?;
        }
        self.may_open(frame.id)?;
        self.follows.insert(frame.id);
        self.inbox.follow(frame.id);
        let player = (self.claims.role == Role::Player).then_some(self.claims.subject);
        let count = self.room.hub.follow((self.id, frame.id), frame.kinds.clone(), player, &self.inbox);
        let (id, subscriber_count) = (frame.id, short(count));
        let subscribed = v1::Subscribed { id, subscriber_count, resume: None, schema: None };
        out.frame(ServerFrame::Subscribed(subscribed)).await;
        self.show();
        Ok(())
    }

    async fn unsubscribe(&mut self, id: u32, out: &Out) -> Result<(), Refusal> {
        let left = if let Some(open) = self.views.remove(&id) {
            self.room.hub.unsubscribe((self.id, id), open.view)
        } else if self.follows.remove(&id) {
            self.room.hub.unfollow((self.id, id))
        } else {
            return Err(not_open(id));
        };
        self.inbox.close(id);
        out.frame(ServerFrame::Unsubscribed(v1::Unsubscribed { id, subscriber_count: short(left) })).await;
        self.show();
        Ok(())
    }

    /// How many values the subscriptions list, all but one.
    fn values(&self, but: Option<u32>) -> usize {
        self.views.iter().filter(|(id, _)| Some(**id) != but).map(|(_, open)| open.values).sum()
    }

    fn may_open(&self, id: u32) -> Result<(), Refusal> {
        if self.views.contains_key(&id) || self.follows.contains(&id) {
            let reason = format!("subscription {id} is open already");
            return Err(refuse("duplicate_subscription", "id", reason, "use another number, or change it"));
        }
        let most = self.realms.limits().subscriptions;
        if self.views.len() + self.follows.len() >= most as usize {
            let reason = format!("{most} subscriptions are open, and no more may be");
            return Err(refuse("too_many_subscriptions", "id", reason, "subscribe once with more values"));
        }
        Ok(())
    }
}

/// An item that passed, or the id and the reason of one that did not.
type Checked = Result<Item, (Option<ArcStr>, Refusal)>;

fn command(checked: Result<(EventId, Command), Refusal>, id: Option<&str>) -> Checked {
    match checked {
        Ok((id, command)) => Ok(Item { id, input: Input::Command(command), most_per_s: None }),
        Err(refusal) => Err((id.map(|id| crate::check::shorten(id).into()), refusal)),
    }
}

/// Parts what is handed to admission from what is refused, whose paths become those of the frame.
fn sort(
    seq: u64,
    list: &'static str,
    checked: Vec<Checked>,
) -> (Vec<Item>, Unacked, oneshot::Sender<Vec<Outcome>>) {
    let (reply, outcomes) = oneshot::channel();
    let mut unacked =
        Unacked { seq, list, sent: Vec::new(), refused: Vec::new(), reply: Some(outcomes), room: None };
    let mut items = Vec::with_capacity(checked.len());
    for (index, checked) in (0..).zip(checked) {
        match checked {
            Ok(item) => {
                let named = match &item.id {
                    EventId::Named(name) => Some(name.clone()),
                    EventId::Position(_) => None,
                };
                unacked.sent.push((index, named));
                items.push(item);
            }
            Err((id, refusal)) => unacked.refused.push((index, id, located(list, index, refusal))),
        }
    }
    (items, unacked, reply)
}

/// What the rows of a view are.
fn schema(view: ViewId) -> v1::ViewSchema {
    let def = view.def();
    let column = |column: &Column| v1::ColumnSchema {
        name: column.name.to_owned(),
        kind: column.kind.name().to_owned(),
    };
    v1::ViewSchema { key: short(def.key), columns: def.columns.iter().map(column).collect() }
}

fn short(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn not_open(id: u32) -> Refusal {
    refuse("unknown_subscription", "id", format!("there is no subscription {id}"), "subscribe first")
}

/// The least time between deltas.
fn period(max_hz: Option<f64>) -> Result<Option<Duration>, Refusal> {
    match max_hz {
        None => Ok(None),
        Some(hz) if (0.001..=1_000.0).contains(&hz) => Ok(Some(Duration::from_secs_f64(1.0 / hz))),
        Some(hz) => {
            let reason = format!("{} deltas a second", quote(&hz.to_string()));
            Err(refuse("out_of_range", "max_hz", reason, "it is between 0.001 and 1000"))
        }
    }
}
