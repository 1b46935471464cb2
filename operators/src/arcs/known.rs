//! What is known of the world as of a tick, for both machines of arcs and for dialogue.
//!
//! Kept as last told; it holds no base state.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{ArcDef, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym};

use super::plan::Asks;
use super::{ArcsIn, Felt};
use crate::messages::{PlayerPlace, QuestEdit, QuestNow};
use crate::presence::PlayerNow;
use crate::quests::{Actor, Context, Plan, depends};

/// The last of everything that was told.
#[derive(Debug)]
pub(crate) struct Known {
    /// The quests that conditions may name.
    pub(crate) plan: Plan,
    pub(crate) context: Context,
    pub(crate) players: FxHashMap<Sym, PlayerNow>,
}

/// What is told in a tick and acted on, and whom the rest of it concerns.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) arcs: Vec<(Sym, Option<Arc<ArcDef>>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) felt: Vec<Felt>,
    pub(crate) closed: Vec<Holder>,
    /// Players of whom something is told.
    pub(crate) players: Vec<Sym>,
    /// Where players were until now.
    pub(crate) moved: Vec<(PlayerNow, PlayerPlace)>,
    /// What is other for everyone, as bits of what conditions depend on; facts apart.
    pub(crate) changed: u16,
    /// Facts that are other, but for those of players.
    pub(crate) facts: Vec<(Holder, Sym)>,
    /// Whether quests were edited.
    pub(crate) quests: bool,
}

impl Known {
    /// Nothing but the world's definitions.
    pub(crate) fn new(realm: Sym, world: &WorldDef) -> Known {
        let (plan, context) = (Plan::new(world), Context::new(world, realm));
        Known { plan, context, players: FxHashMap::default() }
    }

    /// Takes in what a tick tells.
    pub(crate) fn take_in(&mut self, inputs: Vec<ArcsIn>) -> Told {
        let mut told = Told::default();
        let (mut quests, mut moves, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for input in inputs {
            let context = &mut self.context;
            match input {
                ArcsIn::Define(arc, def) => told.arcs.push((arc, def)),
                ArcsIn::Event(event) => told.events.push(event),
                ArcsIn::Felt(felt) => told.felt.push(felt),
                ArcsIn::Close(group) => told.closed.push(group),
                ArcsIn::DefineQuest(QuestEdit { quest, def, from }) => {
                    if !from.is_none() {
                        quests.push((from, None));
                        moves.push((quest, from));
                    }
                    quests.push((quest, def));
                }
                ArcsIn::Clock(clock) => {
                    context.clock = Some(clock);
                    told.changed = depends::ALL;
                }
                ArcsIn::Weather(weather) => {
                    context.weather.insert(weather.zone, weather);
                    told.changed |= depends::WEATHER;
                }
                ArcsIn::Entity(now) => self.plan.tell_entity(now),
                ArcsIn::Fact(fact) => {
                    match fact.holder.scope {
                        Scope::Player => told.players.push(fact.holder.id),
                        _ => told.facts.push((fact.holder, fact.fact)),
                    }
                    context.facts.tell(fact);
                }
                ArcsIn::Level(level) => {
                    context.levels.insert(level.player, level.level);
                    told.players.push(level.player);
                }
                ArcsIn::Stands(stands) => {
                    match stands.holder.scope {
                        Scope::Player => told.players.push(stands.holder.id),
                        _ => told.changed |= depends::QUESTS,
                    }
                    self.tell_stands(stands);
                }
                ArcsIn::Seen(now) => seen.push(now),
                ArcsIn::Player(now) => {
                    let was = self.players.insert(now.player, now).map(|was| was.place);
                    told.players.push(now.player);
                    told.moved.push((now, was.unwrap_or_default()));
                    if !is_there(&now) {
                        self.players.remove(&now.player);
                    }
                }
            }
        }
        told.changed |= if seen.is_empty() { 0 } else { depends::VIEWS };
        self.context.views.tell(seen);
        if !quests.is_empty() {
            told.changed |= depends::QUESTS;
            told.quests = true;
            self.plan.define_all(&quests);
            for (quest, from) in moves {
                let (quest, from) = (self.plan.ix(quest), self.plan.ix(from));
                self.context.move_stands(quest, from);
            }
        }
        told
    }

    fn tell_stands(&mut self, stands: QuestNow) {
        let quest = self.plan.ix(stands.quest);
        // What only others ask about is not kept up to date here.
        if stands.holder.scope != Scope::Player || self.plan.followed.contains(&quest) {
            self.context.tell_stands(quest, stands);
        }
    }

    /// These are the quests that arcs ask about.
    pub(crate) fn follow(&mut self, named: impl IntoIterator<Item = Sym>) {
        self.plan.follow(named);
        let followed = &self.plan.followed;
        self.context.stands.retain(|(of, quest), _| of.scope != Scope::Player || followed.contains(quest));
    }

    /// Whether one of these facts is one that a holder's conditions see.
    pub(super) fn have_changed(&self, facts: &[(Holder, Sym)], holder: Holder, asks: &Asks) -> bool {
        let actor = self.actor(holder);
        let sees = |of: Holder| actor.holder_of(of.scope, self.context.realm) == Some(of);
        facts.iter().any(|(of, fact)| asks.names(*fact) && sees(*of))
    }

    /// A holder by itself.
    pub(crate) fn actor(&self, holder: Holder) -> Actor<'static> {
        let place = match holder.scope {
            Scope::Player => self.players.get(&holder.id).map(|now| now.place).unwrap_or_default(),
            _ => PlayerPlace::default(),
        };
        Actor::by_itself(holder, place)
    }
}

/// Whether a player has a row of presence.
pub(super) fn is_there(now: &PlayerNow) -> bool {
    now.present || now.place != PlayerPlace::default()
}
