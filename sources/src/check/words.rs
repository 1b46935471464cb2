//! What players say is moderated here, before it is sealed: whatever keeps or reads it later gets nothing else.
//!
//! The banned terms of the world are looked for at once, by every way in. Where a service is asked too, an event waits
//! for it as [`Unsealed`]; a way in that cannot wait refuses what has words. An event whose words are refused is refused as a
//! whole, as if nothing had been said.

use worldflow_engine::admission::{Item, Refusal};
use worldflow_engine::words::{Banned, Wanted, fold};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Event, Input, Sym, Value};

use super::{Checker, Hints, Proposed, Sender, refuse};
use crate::moderator::{Moderator, Unavailable};

/// What may be said in a world.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// `None` when the terms cannot be looked for: then nothing may.
    banned: Option<Banned>,
    /// A service is asked too.
    asks: bool,
}

/// An event that has passed every rule, and whose words wait for the verdict of others.
#[derive(Debug)]
pub(crate) struct Unsealed(Item);

impl Words {
    pub(super) fn new(world: &WorldDef) -> Words {
        let banned = Banned::new(&world.guard.banned);
        if let Err(error) = &banned {
            let hint = "`worldflow check` says where; until then nothing that players say is taken";
            tracing::error!(%error, hint, "the banned terms cannot be looked for");
        }
        Words { banned: banned.ok(), asks: !world.moderation.is_local() }
    }

    /// Looks for banned terms in words: of every language, since nobody knows in which one they are.
    pub(super) fn look(&self, name: Sym, words: &str) -> Result<(), Refusal> {
        match &self.banned {
            None => Err(unavailable(name, None)),
            Some(banned) if banned.is_empty() => Ok(()),
            Some(banned) if banned.is_in(&fold(words), Wanted::Every) => Err(refused(name)),
            Some(_) => Ok(()),
        }
    }

    /// Whether others must have judged words that are sealed.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }
}

impl Checker {
    /// Whether words wait for a service: then events go through [`Checker::unsealed`] and [`Checker::settle`].
    pub(crate) fn asks(&self) -> bool {
        self.personal.words.asks()
    }

    /// Has a moderator judge what players say from now on. The first one counts.
    pub(crate) fn moderate_with(&self, moderator: Moderator) {
        let _is_set = self.moderator.set(moderator);
    }

    /// As [`Checker::event`], where its words may wait for the verdict of others. To be given to [`Checker::settle`].
    pub(crate) fn unsealed(
        &self,
        event: &Proposed<'_>,
        sender: &Sender,
        position: u64,
        now_ms: Option<i64>,
        hints: &Hints,
    ) -> Result<Unsealed, Refusal> {
        let item = self.passed(event, sender, position, now_ms, hints)?;
        if let Input::Event(event) = &item.input {
            self.personal.look(event)?;
        }
        Ok(Unsealed(item))
    }

    /// Has the words of events judged, all at once, and seals what may be said. The events keep their places. It takes no longer
    /// than the moderator's timeout.
    pub(crate) async fn settle(&self, events: Vec<Result<Unsealed, Refusal>>) -> Vec<Result<Item, Refusal>> {
        let mut verdicts = self.verdicts(&events).await.into_iter();
        let settled = events.into_iter().map(|event| {
            let Unsealed(mut item) = event?;
            let Input::Event(event) = &mut item.input else { return Ok(item) };
            for (name, _) in self.personal.words_of(event) {
                match verdicts.next().unwrap_or(Err(Unavailable { retry_after_ms: 1 })) {
                    Ok(false) => {}
                    Ok(true) => return Err(refused(name)),
                    Err(Unavailable { retry_after_ms }) => {
                        return Err(unavailable(name, Some(retry_after_ms)));
                    }
                }
            }
            self.personal.seal_judged(event)?;
            Ok(item)
        });
        settled.collect()
    }

    /// A verdict for each text of events that have passed, in order.
    async fn verdicts(&self, events: &[Result<Unsealed, Refusal>]) -> Vec<Result<bool, Unavailable>> {
        let passed = events.iter().flatten().filter_map(|Unsealed(item)| match &item.input {
            Input::Event(event) => Some(event),
            Input::Command(_) => None,
        });
        let texts: Vec<&str> =
            passed.flat_map(|event| self.personal.words_of(event)).map(|(_, text)| text).collect();
        if !self.asks() {
            return vec![Ok(false); texts.len()];
        }
        let judged = match self.moderator.get() {
            Some(moderator) => moderator.flagged(&texts).await,
            None => Err(Unavailable { retry_after_ms: 1_000 }),
        };
        match judged {
            Ok(flagged) => flagged.into_iter().map(Ok).collect(),
            Err(unavailable) => vec![Err(unavailable); texts.len()],
        }
    }
}

impl super::Personal {
    /// The texts of an event that a player wrote, by the attribute that holds each.
    pub(super) fn words_of<'e>(&self, event: &'e Event) -> impl Iterator<Item = (Sym, &'e str)> + use<'e> {
        let texts = self.kinds.get(&event.kind).cloned().unwrap_or_default();
        let with = event.with.iter().flat_map(|with| with.iter());
        with.filter_map(move |(name, value)| match value {
            Value::Text(text) if texts.contains(name) => Some((*name, text.as_str())),
            Value::Sym(text) if texts.contains(name) => Some((*name, text.as_str())),
            _ => None,
        })
    }

    /// Looks for banned terms in what a player wrote.
    pub(super) fn look(&self, event: &Event) -> Result<(), Refusal> {
        if event.with.is_none() {
            return Ok(());
        }
        self.words_of(event).try_for_each(|(name, text)| self.words.look(name, text))
    }
}

/// The words are not to be said. Which rule they break is nobody's business who might try the next.
fn refused(name: Sym) -> Refusal {
    let reason = "what was said is not allowed here, so it was not said";
    refuse("words_refused", format!("with.{name}"), reason, "say it otherwise")
}

/// The code of words that nobody could judge.
pub(crate) const NOT_JUDGED: &str = "words_not_judged";

/// Nobody can judge the words.
pub(super) fn unavailable(name: Sym, retry_after_ms: Option<u32>) -> Refusal {
    let reason = "what was said could not be judged, so it was not said";
    let refusal = refuse("words_not_judged", format!("with.{name}"), reason, "say it again later");
    Refusal { retry_after_ms, ..refusal }
}
