//! The wires of rules: rows in, and what they conclude for the next tick.

use std::sync::Arc;

use timely::dataflow::operators::vec::Map;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::RuleDef;
use worldflow_schemas::input::DefinitionEdit;

use super::watched::watched;
use super::wires::{broadcast, by_player_or_all};
use super::{Concluded, Entered, Known, Shared, Stream};
use crate::machine::{Produced, ViewRow};
use crate::rules::{Acted, Cause, Fired, RowsIn, RowsMachine, RulesIn, RulesMachine, RulesOut, quests_named};
use worldflow_schemas::{Diff, Tick};

/// What the rules are told of the loop: what has taken effect.
fn acted(concluded: &Concluded) -> Option<Acted> {
    match concluded {
        // The tick is put in where it is known.
        Concluded::Rule(out) => out.acted(0),
        _ => None,
    }
}

impl<'scope> Shared<'_, 'scope> {
    fn rule_edits(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Option<Arc<RuleDef>>)> {
        entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Rule(id, def) => Some((id, def)),
            _ => None,
        })
    }

    /// The rows as they were, and what happens to them that triggers rules.
    pub(super) fn fired(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        rows: Stream<'scope, (ViewRow, Tick, Diff)>,
    ) -> (Stream<'scope, (ViewRow, Tick, Diff)>, Stream<'scope, Fired>) {
        let (peers, here) = (self.peers, self.index as u64);
        let edits = self.rule_edits(entered);
        let named = edits.clone().flat_map(|(_, def)| Some(def.as_deref()?.trigger.rows()?.0.to_owned()));
        let (rows, seen) = watched(rows, broadcast(named, peers, |view| view));
        let inputs = vec![
            seen.map(move |row| (here, row)),
            broadcast(edits, peers, |(id, def)| RowsIn::Define(id, def)),
            broadcast(known.clock.clone(), peers, RowsIn::Clock),
        ];
        let machine = RowsMachine::new(self.realm, self.world.tick_ms, (self.index, peers));
        (rows, self.loads.operate(inputs, machine).out)
    }

    /// What comes of rules that are triggered.
    pub(super) fn rules(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        fired: Stream<'scope, Fired>,
    ) -> Produced<'scope, RulesOut> {
        let peers = self.peers;
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, RulesIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match &concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), RulesIn::Level(*now))],
            Concluded::Stands(now) => {
                by_player_or_all(now.holder.scope, now.holder.route(), peers, RulesIn::Stands(*now))
            }
            Concluded::Effect(_) | Concluded::Spread(_) => Vec::new(),
            Concluded::Rule(_) => match acted(&concluded) {
                Some(acted) => match acted.cause {
                    Cause::Fact(holder, _) => vec![(holder.route(), RulesIn::Acted(acted))],
                    Cause::Event { .. } => {
                        (0..peers as u64).map(|worker| (worker, RulesIn::Acted(acted))).collect()
                    }
                },
                None => Vec::new(),
            },
        });
        let inputs = vec![
            broadcast(self.rule_edits(entered), peers, |(id, def)| RulesIn::Define(id, def)),
            self.quest_edits(entered, RulesIn::DefineQuest),
            broadcast(known.clock.clone(), peers, RulesIn::Clock),
            broadcast(known.weather.clone(), peers, RulesIn::Weather),
            facts,
            known.players.clone().map(|now| (now.player.hash64(), RulesIn::Place(now.player, now.place))),
            concluded,
            fired.map(|fired| (fired.holder.route(), RulesIn::Fired(fired))),
        ];
        self.loads.operate(inputs, RulesMachine::new(Arc::clone(self.world), self.realm))
    }

    /// The quests that rules ask about, by a name that no NPC can have.
    pub(super) fn quests_of_rules(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Vec<Sym>)> {
        self.rule_edits(entered).map(|(id, def)| {
            let quests = def.as_deref().map(quests_named).unwrap_or_default();
            (Sym::new(&format!("rule:{id}")), quests)
        })
    }
}
