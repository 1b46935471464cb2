//! The way back into the graph: sentences and replies, in the order in which they were handed over.
//!
//! What a model says to a player is the player's, and may hold what the player has said: it is sealed here.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::realm::Realm;
use worldflow_schemas::input::{Finish, MOST_LINE_BYTES, Reply, Sentence};
use worldflow_schemas::{ArcStr, Command, EventId, Input, Sym};

use super::ask::Ask;
use super::hear::Heard;

/// The most inputs that are handed over together.
const MOST_TOGETHER: usize = 256;

/// What goes back.
#[derive(Debug)]
pub(super) enum Letter {
    /// A sentence for who asked.
    Sentence(Arc<Ask>, Sym, Heard),
    /// The end of a request.
    Reply(Arc<Ask>, Box<Reply>),
}

/// Where letters are handed over.
pub(super) type Post = UnboundedSender<Letter>;

/// Opens the way, and carries until nobody writes any more.
pub(super) fn open(realm: Realm) -> Post {
    let (post, letters) = unbounded_channel();
    tokio::spawn(carry(realm, letters));
    post
}

async fn carry(realm: Realm, mut letters: UnboundedReceiver<Letter>) {
    let mut waiting = Vec::with_capacity(MOST_TOGETHER);
    while letters.recv_many(&mut waiting, MOST_TOGETHER).await > 0 {
        let mut batch: Option<(Sym, Vec<Item>)> = None;
        for letter in waiting.drain(..) {
            let Some((source, item)) = written(&realm, letter) else { continue };
            match &mut batch {
                Some((of, items)) if *of == source => items.push(item),
                _ => {
                    if let Some(full) = batch.replace((source, vec![item])) {
                        submit(&realm, full).await;
                    }
                }
            }
        }
        if let Some(rest) = batch {
            submit(&realm, rest).await;
        }
    }
}

async fn submit(realm: &Realm, (source, items): (Sym, Vec<Item>)) {
    let batch = Batch { source, items, watermark_ms: None, reply: None, reached: None };
    // When the realm is closing the row stays, and is asked again at the next start.
    let _ = realm.admission.submit(batch).await;
}

/// A letter as an input. Its id is the request's, with the sentence's place, so it counts once.
pub(super) fn written(realm: &Realm, letter: Letter) -> Option<(Sym, Item)> {
    let (tier, id, command) = match letter {
        Letter::Sentence(ask, tier, heard) => {
            let Heard { index, text, emotion, action, .. } = heard;
            // Without randomness nothing can be sealed: then the whole answer fails, too.
            let text = realm.privacy.seal(ask.player, clipped(&text)).ok()?;
            let request = ask.request.clone();
            let id = EventId::Named(format!("{request}#{index}").into());
            (tier, id, Command::Sentence(Sentence { request, tier, index, text, emotion, action }))
        }
        Letter::Reply(ask, mut reply) => {
            if let Ok(text) = &reply.outcome {
                let sealed = realm.privacy.seal(ask.player, clipped(text));
                reply.outcome = sealed.map_err(|error| ArcStr::from(error.to_string()));
                if reply.outcome.is_err() {
                    reply.finish = Finish::Failed;
                }
            }
            (reply.tier, EventId::Named(reply.request.clone()), Command::Reply(*reply))
        }
    };
    let source = if tier.is_none() { "tiers".to_owned() } else { format!("tier:{tier}") };
    Some((Sym::new(&source), Item { id, input: Input::Command(command), most_per_s: None }))
}

/// As much of a line as may be said: the graph cannot cut what is sealed.
fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(MOST_LINE_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].trim_end()
}
