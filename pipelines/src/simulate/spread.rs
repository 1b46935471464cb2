//! What players send in a step, handed over bit by bit, one step later: what NPCs may ask something for at the tick of its own moment,
//! and with it what comes before it.
//!
//! Without tiers all of a step is handed over at once. With them all who talk in a step would then talk in one tick, and who answers
//! would see a crowd that there is not.

use rustc_hash::FxHashSet;
use tokio::sync::oneshot;
use worldflow_engine::admission::{Item, Outcome};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Input, Sym, Tick};

use super::mail::Batched;
use super::running::SimulateError;

/// An input that waits.
struct Waiting {
    due: Tick,
    /// Its place in the batch.
    place: usize,
    /// Whether NPCs may ask something for it.
    asks: bool,
    item: Item,
}

/// What waits to be handed over, and what became of what was.
#[derive(Default)]
pub(super) struct Spread {
    /// By tick.
    waiting: Vec<Waiting>,
    new: usize,
    /// Places of what was handed over together, and where it is told what became of it.
    sent: Vec<(Vec<usize>, oneshot::Receiver<Vec<Outcome>>)>,
}

impl Spread {
    /// Spreads a batch over the ticks of the next step. NPCs may ask something for events of these kinds.
    pub(super) fn of(batched: Batched, kinds: &FxHashSet<Sym>, length: TickLength, step_ms: u64) -> Spread {
        let later_ms = i64::try_from(step_ms).unwrap_or(i64::MAX);
        let waits = |(place, item): (usize, Item)| {
            let (at_ms, asks) = match &item.input {
                Input::Event(event) => (Some(event.at_ms), kinds.contains(&event.kind)),
                Input::Command(command) => (command.at_ms(), false),
            };
            let due = at_ms.map_or(0, |at_ms| length.tick_at(at_ms.saturating_add(later_ms)));
            Waiting { due, place, asks, item }
        };
        let Batched { items, new } = batched;
        let mut waiting: Vec<Waiting> = items.into_iter().enumerate().map(waits).collect();
        waiting.sort_by_key(|of| (of.due, of.place));
        Spread { waiting, new, sent: Vec::new() }
    }

    /// Hands all over at once.
    pub(super) fn at_once(batched: Batched) -> Spread {
        let Batched { items, new } = batched;
        let waits = |(place, item): (usize, Item)| Waiting { due: 0, place, asks: false, item };
        Spread { waiting: items.into_iter().enumerate().map(waits).collect(), new, sent: Vec::new() }
    }

    /// When something is due next: anything, or what NPCs may ask something for.
    pub(super) fn next(&self, anything: bool) -> Option<Tick> {
        self.waiting.iter().find(|of| of.asks || anything).map(|of| of.due)
    }

    /// What is due by a tick, with its places; and whether NPCs may ask something for it.
    pub(super) fn due(&mut self, tick: Tick) -> (Vec<usize>, Vec<Item>, bool) {
        let end = self.waiting.partition_point(|of| of.due <= tick);
        let asks = self.waiting[..end].iter().any(|of| of.asks);
        let (places, items) = self.waiting.drain(..end).map(|of| (of.place, of.item)).unzip();
        (places, items, asks)
    }

    /// What these places become will be told there.
    pub(super) fn sent(&mut self, places: Vec<usize>, outcomes: oneshot::Receiver<Vec<Outcome>>) {
        self.sent.push((places, outcomes));
    }

    /// What became of all, in the order of the batch, and how many first items of it were new; nothing when nothing was sent.
    pub(super) async fn outcomes(&mut self) -> Result<Option<(usize, Vec<Outcome>)>, SimulateError> {
        let Spread { new, sent, .. } = std::mem::take(self);
        let mut all = Vec::new();
        for (places, outcomes) in sent {
            let outcomes = outcomes.await.map_err(|_| SimulateError::Stopped)?;
            all.extend(places.into_iter().zip(outcomes));
        }
        all.sort_by_key(|(place, _)| *place);
        let outcomes: Vec<Outcome> = all.into_iter().map(|(_, outcome)| outcome).collect();
        Ok((!outcomes.is_empty()).then_some((new, outcomes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use worldflow_schemas::{Event, EventId};

    fn item(kind: &str, at_ms: i64) -> Item {
        let id = EventId::Named(at_ms.to_string().into());
        let event = Event {
            at_ms,
            source: Sym::new("players"),
            id: id.clone(),
            player: Sym::new("ada"),
            kind: Sym::new(kind),
            target: Sym::NONE,
            region: Sym::NONE,
            amount: 1,
            with: None,
        };
        Item { id, input: Input::Event(event), most_per_s: None }
    }

    #[tokio::test]
    async fn who_talks_is_due_at_its_own_tick_and_outcomes_are_in_the_order_of_the_batch() {
        let items = vec![item("talk", 450), item("talk", 120), item("harvest", 30), item("harvest", 900)];
        let kinds = FxHashSet::from_iter([Sym::new("talk")]);
        let mut spread = Spread::of(Batched { items, new: 3 }, &kinds, TickLength { tick_ms: 100 }, 1_000);
        assert_eq!((spread.next(true), spread.next(false)), (Some(11), Some(12)));
        let mut ticks = Vec::new();
        for tick in [12, 15, Tick::MAX] {
            let (places, items, asks) = spread.due(tick);
            ticks.push((places.clone(), asks, spread.next(false)));
            let (tell, told) = oneshot::channel();
            tell.send(vec![Outcome::Accepted { tick }; items.len()]).expect("it is heard");
            spread.sent(places, told);
        }
        let with_what_was_before = (vec![2, 1], true, Some(15));
        assert_eq!(ticks, [with_what_was_before, (vec![0], true, None), (vec![3], false, None)]);
        let (new, outcomes) = spread.outcomes().await.expect("all are told").expect("there are some");
        assert_eq!(new, 3);
        assert_eq!(outcomes, [15, 12, 12, Tick::MAX].map(|tick| Outcome::Accepted { tick }));
        assert_eq!(spread.outcomes().await.expect("nothing is left"), None);
    }
}
