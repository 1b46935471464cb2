//! What came of a request, on its way back into the graph.

use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::realm::Realm;
use worldflow_schemas::input::{Finish, MOST_LINE_BYTES, Reply};
use worldflow_schemas::{ArcStr, Command, EventId, Input, Sym};

use super::ask::{Ask, BYTES_PER_TOKEN};
use super::call::Answer;

/// Who was asked, and how long it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) tier: Sym,
    pub(super) replica: u32,
    pub(super) model: ArcStr,
    pub(super) took_ms: u32,
}

/// An answer as a reply. What a model says to a player is the player's, and may hold what the player has said: it is sealed.
pub(super) fn answered(realm: &Realm, ask: &Ask, asked: Asked, answer: &Answer) -> Reply {
    let sealed = realm.privacy.seal(ask.player, clipped(&answer.text));
    let outcome = sealed.map(|text| ArcStr::from(text.as_str())).map_err(|error| error.to_string().into());
    let finish = if outcome.is_ok() { answer.finish } else { Finish::Failed };
    Reply { outcome, finish, ..used(ask, asked, answer) }
}

/// The news of an answer that is not let through: it was paid for all the same.
pub(super) fn refused(ask: &Ask, asked: Asked, answer: &Answer, reason: &str) -> Reply {
    Reply { outcome: Err(reason.into()), finish: Finish::Failed, ..used(ask, asked, answer) }
}

/// What an answer has used. What the server does not say is taken to be as much as it looks, so that it is charged.
fn used(ask: &Ask, asked: Asked, answer: &Answer) -> Reply {
    let looks = |bytes: u64| u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
    let or = |said: u32, guess: u32| if said == 0 { guess } else { said };
    let prompt_tokens = u32::try_from(ask.prompt_tokens).unwrap_or(u32::MAX);
    Reply {
        tokens: or(answer.tokens, looks(answer.text.len() as u64)),
        prompt_tokens: or(answer.prompt_tokens, prompt_tokens),
        first_ms: u32::try_from(answer.first.as_millis()).unwrap_or(u32::MAX),
        ..none(ask, asked)
    }
}

/// The news that there will be no answer.
pub(super) fn failed(ask: &Ask, asked: Asked, finish: Finish, reason: &str) -> Reply {
    Reply { outcome: Err(reason.into()), finish, ..none(ask, asked) }
}

fn none(ask: &Ask, asked: Asked) -> Reply {
    Reply {
        request: ask.request.clone(),
        tier: asked.tier,
        outcome: Err(ArcStr::new()),
        took_ms: asked.took_ms,
        tokens: 0,
        finish: Finish::Failed,
        replica: asked.replica,
        first_ms: 0,
        prompt_tokens: 0,
        model: asked.model,
        seed: ask.seed,
    }
}

/// As much of a line as may be said: the graph cannot cut what is sealed.
fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(MOST_LINE_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].trim_end()
}

/// Hands the reply to the sequencer. The request's id is the input's, so it counts once.
pub(super) async fn submit(realm: Realm, reply: Reply) -> ArcStr {
    let request = reply.request.clone();
    let source = if reply.tier.is_none() { "tiers".to_owned() } else { format!("tier:{}", reply.tier) };
    let id = EventId::Named(request.clone());
    let item = Item { id, input: Input::Command(Command::Reply(reply)), most_per_s: None };
    let source = Sym::new(&source);
    let batch = Batch { source, items: vec![item], watermark_ms: None, reply: None, reached: None };
    // When the realm is closing the row stays, and is asked again at the next start.
    let _ = realm.admission.submit(batch).await;
    request
}
