//! The wires of rules: rows in, and what they conclude for the next tick.

use std::collections::BTreeSet;
use std::sync::Arc;

use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::{Filter, Map};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::RuleDef;
use worldflow_schemas::definitions::expression::views_named;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::watched::watched;
use super::wires::{broadcast, by_player_or_all};
use super::{Concluded, Entered, Known, Shared, Stream};
use crate::definitions::Defined;
use crate::machine::{Produced, ViewRow};
use crate::messages::ViewNow;
use crate::npcs::views_of_prompt;
use crate::rules::{
    Acted, Fired, RowsIn, RowsMachine, RowsOut, RulesIn, RulesMachine, RulesOut, quests_named,
};
use crate::sql::live::{Returned, Told};

/// What the rules are told of the loop: what has taken effect.
fn acted(concluded: &Concluded) -> Option<Acted> {
    match concluded {
        // The tick is put in where it is known.
        Concluded::Rule(out) => out.acted(0),
        _ => None,
    }
}

/// All changes of a key are looked at by one worker.
fn by_key(view: ViewId, row: &Row) -> u64 {
    let hash = |hash: u128, value: &Value| hash.rotate_left(5) ^ value.text_hash128();
    let hash = row.key(view.def().key).iter().fold(0, hash);
    u64::try_from(hash >> 64).expect("half of it is left")
}

impl<'scope> Shared<'_, 'scope> {
    fn rule_edits(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Option<Arc<RuleDef>>)> {
        entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Rule(id, def) => Some((id, def)),
            _ => None,
        })
    }

    /// The views that are named by the conditions of each definition, and those of which prompts read rows.
    fn asks(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Vec<Sym>)> {
        entered.all_defined.clone().flat_map(|Defined { edit, from }| {
            let named = |def: Option<BTreeSet<String>>| -> Vec<Sym> {
                def.into_iter().flatten().map(|view| Sym::new(&view)).collect()
            };
            let (id, views) = match edit {
                DefinitionEdit::Quest(id, def) => {
                    (format!("quest:{id}"), named(def.as_deref().map(views_named)))
                }
                DefinitionEdit::Npc(id, def) => (format!("npc:{id}"), named(def.as_deref().map(views_named))),
                DefinitionEdit::Rule(id, def) => {
                    (format!("rule:{id}"), named(def.as_deref().map(views_named)))
                }
                DefinitionEdit::Arc(id, def) => (format!("arc:{id}"), named(def.as_deref().map(views_named))),
                DefinitionEdit::Dialogue(id, def) => {
                    (format!("dialogue:{id}"), named(def.as_deref().map(views_named)))
                }
                DefinitionEdit::Storylet(id, def) => {
                    (format!("storylet:{id}"), named(def.as_deref().map(views_named)))
                }
                DefinitionEdit::Prompt(id, def) => {
                    (format!("prompt:{id}"), def.as_deref().map(views_of_prompt).unwrap_or_default())
                }
                _ => return Vec::new(),
            };
            // A quest that has moved asks for nothing under its former name.
            let former = (!from.is_none()).then(|| (Sym::new(&format!("quest:{from}")), Vec::new()));
            former.into_iter().chain([(Sym::new(&id), views)]).collect()
        })
    }

    /// The views that conditions of the world itself name.
    pub(super) fn asked_by_world(&self) -> Vec<Sym> {
        views_named(&**self.world).iter().map(|view| Sym::new(view)).collect()
    }

    /// What the dataflows of views are told of who asks for their rows.
    pub(super) fn told_asks(&self, entered: &Entered<'scope>) -> Stream<'scope, (u64, Told)> {
        let by_conditions = self.asks(entered).map(|(_, views)| views);
        let by_rules = self.triggers(entered).map(|view| vec![Sym::new(&view)]);
        let asks = by_conditions.concat(by_rules).filter(|views| !views.is_empty());
        broadcast(asks, self.peers, Told::Asks)
    }

    /// The views whose rows trigger rules.
    fn triggers(&self, entered: &Entered<'scope>) -> Stream<'scope, String> {
        self.rule_edits(entered).flat_map(|(_, def)| Some(def.as_deref()?.trigger.rows()?.0.to_owned()))
    }

    /// The rows as they were, and those that may be looked at.
    pub(super) fn watched(
        &self,
        entered: &Entered<'scope>,
        rows: Stream<'scope, (ViewRow, Tick, Diff)>,
    ) -> (Stream<'scope, (ViewRow, Tick, Diff)>, Stream<'scope, RowsIn>) {
        let named = self.triggers(entered).filter(|view| catalog::view(view).is_some());
        watched(rows, broadcast(named, self.peers, |view| view))
    }

    /// What happens to rows that triggers rules, and what conditions see of them. `returned` are rows of views in SQL.
    pub(super) fn looked_at(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        rows: Stream<'scope, RowsIn>,
        returned: Stream<'scope, Returned>,
    ) -> (Stream<'scope, Fired>, Stream<'scope, ViewNow>) {
        let (peers, here) = (self.peers, self.index as u64);
        let inputs = vec![
            rows.map(move |row| (here, row)),
            returned.map(|(view, row, diff)| (by_key(view, &row), RowsIn::Row(view, row, diff))),
            broadcast(self.rule_edits(entered), peers, |(id, def)| RowsIn::Define(id, def)),
            broadcast(self.asks(entered), peers, |(by, views)| RowsIn::Asks(by, views)),
            broadcast(known.clock.clone(), peers, RowsIn::Clock),
        ];
        let by_world = self.asked_by_world();
        let machine = RowsMachine::new(self.realm, self.world.tick_ms, by_world, (self.index, peers));
        let out = self.loads.operate(inputs, machine).out;
        let fired = out.clone().flat_map(|out| match out {
            RowsOut::Fired(fired) => Some(fired),
            RowsOut::Seen(_) => None,
        });
        let seen = out.flat_map(|out| match out {
            RowsOut::Seen(now) => Some(now),
            RowsOut::Fired(_) => None,
        });
        (fired, seen)
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
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, RulesIn::Seen(now.clone()))).collect()
            }
            Concluded::Effect(_) | Concluded::Spread(_) | Concluded::Limits(_) => Vec::new(),
            Concluded::Rule(_) => match acted(&concluded) {
                Some(acted) => (0..peers as u64).map(|worker| (worker, RulesIn::Acted(acted))).collect(),
                None => Vec::new(),
            },
        });
        let views = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::View(view, def) => Some((view, def)),
            _ => None,
        });
        let arcs = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Arc(arc, def) => Some((arc, def)),
            _ => None,
        });
        let npcs = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(npc, def) => Some((npc, def)),
            _ => None,
        });
        let storylets = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Storylet(storylet, def) => Some((storylet, def)),
            _ => None,
        });
        let nodes = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Dialogue(node, def) => Some((node, def)),
            _ => None,
        });
        let inputs = vec![
            broadcast(self.rule_edits(entered), peers, |(id, def)| RulesIn::Define(id, def)),
            self.quest_edits(entered, RulesIn::DefineQuest),
            broadcast(views, peers, |(view, def)| RulesIn::DefineView(view, def)),
            broadcast(arcs, peers, |(arc, def)| RulesIn::DefineArc(arc, def)),
            broadcast(npcs, peers, |(npc, def)| RulesIn::DefineNpc(npc, def)),
            broadcast(storylets, peers, |(storylet, def)| RulesIn::DefineStorylet(storylet, def)),
            broadcast(nodes, peers, |(node, def)| RulesIn::DefineDialogue(node, def)),
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
