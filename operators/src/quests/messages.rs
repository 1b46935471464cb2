//! What the two halves of quests tell each other, and what they conclude.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use worldflow_schemas::input::{Holder, Scope, WriteOrder};
use worldflow_schemas::{ArcStr, Event, Sym};

use super::sharing::Spread;
use super::traced::Traced;
use crate::messages::{FactEffect, QuestNow, Refused};

/// An event that counts for a group: matched as of its tick by the player's shard.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Contribution {
    /// For whom it counts.
    pub holder: Holder,
    /// Its place among the events of the tick.
    pub order: WriteOrder,
    /// Who did it, or [`Sym::NONE`].
    pub player: Sym,
    /// What it counts for.
    pub hits: SmallVec<[Hit; 2]>,
}

/// One pattern that accepted an event.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hit {
    /// Of which quest, by its place among the quest's patterns; or which lifetime counter.
    pub on: HitOn,
    /// What it adds.
    pub gain: Gain,
}

/// What accepted an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HitOn {
    /// A pattern of a quest.
    Quest {
        /// The quest.
        quest: Sym,
        /// The pattern's place among the quest's patterns.
        pattern: u16,
        /// Its `within` in ticks, as of the event's tick.
        within: Option<u64>,
    },
    /// A lifetime counter, by its place in the world's list.
    Lifetime(u16),
}

/// What an event adds to an objective.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Gain {
    /// How much, or the largest value; never negative.
    pub amount: i64,
    /// The hash of the value, where different ones are counted.
    pub item: u128,
}

/// What is asked by an event of a kind `quest.*`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// For whom.
    pub holder: Holder,
    /// Which quest.
    pub quest: Sym,
    /// What.
    pub verb: Verb,
    /// By whom, or [`Sym::NONE`].
    pub player: Sym,
    /// What is chosen as a reward, or [`Sym::NONE`].
    pub choose: Sym,
    /// To whom it is turned in, or [`Sym::NONE`].
    pub npc: Sym,
    /// Its place among the events of the tick.
    pub order: WriteOrder,
}

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verb {
    /// `quest.accept`
    Accept,
    /// `quest.turn_in`
    TurnIn,
    /// `quest.abandon`
    Abandon,
    /// `quest.offer`
    Offer,
    /// `quest.decline`
    Decline,
    /// `quest.revoke`
    Revoke,
    /// `quest.share`
    Share,
}

/// What is asked of quests before the events of a tick count: phase 5.
pub(super) const BEFORE_EVENTS: [Verb; 4] = [Verb::Offer, Verb::Accept, Verb::Decline, Verb::Share];

/// What either half concludes for others.
#[derive(Clone, PartialEq, Debug)]
pub enum Conclusion {
    /// A fact changes in the next tick. Through the loop, to the fact's worker.
    Effect(FactEffect),
    /// Where a group stands, or a player with a quest that NPCs ask about; for conditions from the next
    /// tick on. Through the loop.
    Stands(QuestNow),
    /// What counts for another player of a party in the next tick. Through the loop.
    Spread(Spread),
    /// An input was refused.
    Refused(Refused),
    /// What is traced.
    Traced(Box<Traced>),
}

/// The order of an event of the game.
pub(super) fn order_of(event: &Event) -> WriteOrder {
    WriteOrder { at_ms: event.at_ms, source: event.source, id: event.id.clone() }
}

/// The stable id of a grant: `quest/scope:holder/instance/slot/player`, with `%` and `/` of its
/// parts written `%25` and `%2F`.
#[must_use]
pub fn grant_id(quest: Sym, holder: Holder, instance: u32, slot: Sym, player: Sym) -> ArcStr {
    let [quest, id, slot, player] =
        [quest, holder.id, slot, player].map(|part| part.as_str().replace('%', "%25").replace('/', "%2F"));
    format!("{quest}/{}:{id}/{instance}/{slot}/{player}", holder.scope.name()).into()
}

/// The holder named in a grant's id, by which an answer finds the grant's worker; `None` when the
/// text is no grant's id.
#[must_use]
pub fn grant_holder(grant: &str) -> Option<Holder> {
    let mut parts = grant.split('/');
    let (_quest, holder) = (parts.next()?, parts.next()?);
    let (scope, id) = holder.split_once(':')?;
    let scope = Scope::ALL.into_iter().find(|known| known.name() == scope)?;
    let id = id.replace("%2F", "/").replace("%25", "%");
    (parts.count() == 3).then(|| Sym::find(&id)).flatten().map(|id| Holder { scope, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_back_from_a_grants_id() {
        for id in ["ann", "a/b%2Fc", "100%", "%25"] {
            let holder = Holder { scope: Scope::Guild, id: Sym::new(id) };
            let grant = grant_id(Sym::new("q"), holder, 3, Sym::new("gold"), Sym::new("x/y"));
            assert_eq!(grant_holder(&grant), Some(holder), "{grant}");
        }
        for wrong in
            ["", "q", "q/ann/1/gold/ann", "q/guild:g/1/gold", "q/horde:g/1/gold/a", "q/guild:g/1/a/b/c"]
        {
            assert_eq!(grant_holder(wrong), None, "{wrong}");
        }
    }
}
