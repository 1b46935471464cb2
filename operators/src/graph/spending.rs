//! The wires of what models cost: replies in, and who may be asked, in the same tick.

use timely::dataflow::operators::vec::{Filter, Map};
use worldflow_schemas::Command;
use worldflow_schemas::input::Scope;

use super::wires::broadcast;
use super::{Concluded, Entered, Known, Shared, Stream};
use crate::machine::Produced;
use crate::npcs::NpcsIn;
use crate::spending::{SpendingIn, SpendingMachine, SpendingOut, charges};

impl<'scope> Shared<'_, 'scope> {
    /// What models cost, and which tiers may be asked.
    pub(super) fn spending(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        begins: Stream<'scope, ()>,
    ) -> Produced<'scope, SpendingOut> {
        let (peers, realm) = (self.peers, self.realm);
        let charged = entered.commands.clone().flat_map(move |command| match command {
            Command::Reply(reply) => charges(&reply, realm),
            _ => Vec::new(),
        });
        let seen = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Seen(now) => Some(now),
            _ => None,
        });
        let facts = known.facts.clone().filter(|now| now.holder.scope == Scope::Realm);
        let inputs = vec![
            broadcast(begins, peers, |()| SpendingIn::Begin),
            charged.map(|charge| (charge.spender.id.hash64(), SpendingIn::Charge(charge))),
            broadcast(known.clock.clone(), peers, SpendingIn::Clock),
            broadcast(facts, peers, SpendingIn::Fact),
            broadcast(seen, peers, SpendingIn::Seen),
        ];
        let machine = SpendingMachine::new(realm, self.world, (self.index, peers));
        self.loads.operate(inputs, machine)
    }
}

/// What NPCs are told of it: of a player on the player's worker, else on every one.
pub(super) fn told<'scope>(
    spending: &Stream<'scope, SpendingOut>,
    peers: usize,
) -> Stream<'scope, (u64, NpcsIn)> {
    spending.clone().flat_map(move |now| match now {
        SpendingOut::Player(player, ..) => vec![(player.hash64(), NpcsIn::Spending(now))],
        _ => (0..peers as u64).map(|worker| (worker, NpcsIn::Spending(now.clone()))).collect(),
    })
}
