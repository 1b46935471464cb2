//! The wires of limits over all players: what NPCs say and would say, to one shard, in the same tick.

use timely::dataflow::operators::vec::Map;
use worldflow_schemas::input::DefinitionEdit;

use super::{Entered, Known, Shared, Stream};
use crate::machine::Produced;
use crate::npcs::{NpcsIn, NpcsOut, StoryletLimitsIn, StoryletLimitsMachine, StoryletLimitsOut};

impl<'scope> Shared<'_, 'scope> {
    /// What storylets leave room for.
    pub(super) fn storylet_limits(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        npcs: &Stream<'scope, NpcsOut>,
    ) -> Produced<'scope, StoryletLimitsOut> {
        // All of them are kept where the base state of the realm goes back to.
        let route = self.realm.hash64();
        let inputs = vec![
            entered.defined.clone().flat_map(move |edit| match edit {
                DefinitionEdit::Storylet(id, def) => Some((route, StoryletLimitsIn::Define(id, def))),
                _ => None,
            }),
            known.clock.clone().map(move |clock| (route, StoryletLimitsIn::Clock(clock))),
            npcs.clone().flat_map(move |out| match out {
                NpcsOut::Saying(saying) => Some((route, StoryletLimitsIn::Saying(saying))),
                _ => None,
            }),
        ];
        self.loads.operate(inputs, StoryletLimitsMachine::new(self.realm, self.world))
    }
}

/// What NPCs are told of it: an answer on the player's worker, else on every one.
pub(super) fn told(now: StoryletLimitsOut, peers: usize) -> Vec<(u64, NpcsIn)> {
    match now {
        StoryletLimitsOut::Answer(claim, granted) => {
            let route = claim.player().hash64();
            vec![(route, NpcsIn::Limits(StoryletLimitsOut::Answer(claim, granted)))]
        }
        now => (0..peers as u64).map(|worker| (worker, NpcsIn::Limits(now.clone()))).collect(),
    }
}
