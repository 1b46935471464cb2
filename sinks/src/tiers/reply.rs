//! What came of a request, as the graph is told it.

use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Sym};

use super::ask::Ask;
use super::call::Answer;
use super::hear::Judgement;
use super::prompt::BYTES_PER_TOKEN;

/// Who was asked, and how long it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) tier: Sym,
    pub(super) replica: u32,
    pub(super) model: ArcStr,
    pub(super) took_ms: u32,
    /// With which chances it was asked.
    pub(super) seed: u32,
}

/// What may be said of an answer; a rule may leave nothing of it.
pub(super) fn answered(ask: &Ask, asked: Asked, answer: &Answer, judged: &Judgement) -> Reply {
    let outcome = if judged.line.is_empty() {
        Err(format!("the answer was not let through: {}", judged.rule).into())
    } else {
        Ok(judged.line.as_str().into())
    };
    let finish = match (&outcome, judged.truncated) {
        (Err(_), _) => Finish::Failed,
        (Ok(_), true) if answer.finish == Finish::Stop => Finish::Truncated,
        (Ok(_), _) => answer.finish,
    };
    Reply {
        outcome,
        finish,
        tokens: answer.tokens,
        prompt_tokens: answer.prompt_tokens,
        first_ms: u32::try_from(answer.first.as_millis()).unwrap_or(u32::MAX),
        verdict: judged.verdict.into(),
        rule: judged.rule.as_str().into(),
        refs: judged.refs.clone(),
        ..none(ask, asked)
    }
}

/// The answer with what the server did not say of its tokens: that is taken to be as much as it looks, so that it is charged.
pub(super) fn estimated(ask: &Ask, answer: Answer) -> Answer {
    let looks = |bytes: u64| u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
    let or = |said: u32, guess: u32| if said == 0 { guess } else { said };
    let prompt_tokens = u32::try_from(ask.prompt_tokens).unwrap_or(u32::MAX);
    Answer {
        tokens: or(answer.tokens, looks(answer.text.len() as u64)),
        prompt_tokens: or(answer.prompt_tokens, prompt_tokens),
        ..answer
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
        seed: asked.seed,
        digest: ask.digest.clone(),
        revision: ask.revision.clone(),
        shared: false,
        verdict: ArcStr::new(),
        rule: ArcStr::new(),
        refs: Vec::new(),
        retried: ArcStr::new(),
    }
}

/// The same answer for another request that is the same: what it cost counts once.
pub(super) fn shared(reply: &Reply, with: &Ask) -> Reply {
    Reply { request: with.request.clone(), tokens: 0, prompt_tokens: 0, shared: true, ..reply.clone() }
}
