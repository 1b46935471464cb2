//! What NPCs do about what they sense: one directive for each.
//!
//! `what was sensed, for as long as it counts ─table→ npc_directives`
//!
//! Only NPCs for which something has changed are looked at: what they sensed, what they sensed too long ago, what they are like.
//! Within a tick: definitions and tags, what is sensed in the order of its events, what no longer counts.

mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::NPC_DIRECTIVES;
use worldflow_schemas::definitions::{BehaviourDef, Span};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Event, Row, Sym, Tick, Value};

use crate::facts::span_ticks;
use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, EntityTags};
use crate::piece;
use crate::timers::Timers;

use table::{Goal, IDLE, Sight, Strategy, Traits, action};

/// The most things that one NPC senses; of more, those that were sensed the longest ago go.
pub const MOST_SENSED: usize = 32;

/// What the operator is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum BehavioursIn {
    /// A behaviour is defined, or no longer. Broadcast, also in the tick of a load.
    Define(Sym, Option<Arc<BehaviourDef>>),
    /// An entity. Routed by the entity.
    Entity(EntityTags),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// An event whose target is an NPC. Routed by the target.
    Event(Event),
}

/// The NPCs of one shard.
#[derive(Debug)]
pub struct BehavioursMachine {
    realm: Sym,
    length: TickLength,
    clock: Option<ClockNow>,
    /// In the order of ids.
    behaviours: BTreeMap<&'static str, Behaviour>,
    tags: FxHashMap<Sym, Vec<Sym>>,
    npcs: FxHashMap<Sym, Npc>,
    ends: Timers<(Sym, Sym)>,
}

#[derive(Debug)]
struct Behaviour {
    who: Vec<Sym>,
    sensed_by: Sym,
    lasts: Span,
    goal: Goal,
    strategy: Strategy,
}

/// What is known of an NPC that senses something.
#[derive(Debug, Default)]
struct Npc {
    sensed: FxHashMap<Sym, Sensed>,
    kept: Kept,
    shown: Option<Row>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Sensed {
    distance: i64,
    hostile: bool,
    attacks: bool,
    at: Tick,
    until: Tick,
}

/// What is kept of an NPC besides what it senses.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
struct Kept {
    /// How often it was looked at.
    decisions: u64,
    /// Since when it does what it does.
    since: Tick,
}

#[derive(Serialize, Deserialize)]
enum Piece {
    Sensed(Sensed),
    Npc(Kept),
}

impl Behaviour {
    fn new(def: &BehaviourDef) -> Behaviour {
        let traits = Traits::new(&def.traits);
        Behaviour {
            who: def.who.as_slice().iter().map(|name| Sym::new(name)).collect(),
            sensed_by: Sym::new(&def.sensed_by),
            lasts: def.lasts,
            goal: traits.goal(),
            strategy: traits.strategy(),
        }
    }
}

impl BehavioursMachine {
    /// Nobody behaves in any way yet.
    #[must_use]
    pub fn new(realm: Sym, tick_ms: u32) -> BehavioursMachine {
        BehavioursMachine {
            realm,
            length: TickLength { tick_ms },
            clock: None,
            behaviours: BTreeMap::new(),
            tags: FxHashMap::default(),
            npcs: FxHashMap::default(),
            ends: Timers::default(),
        }
    }

    fn behaviour_of(&self, npc: Sym) -> Option<&Behaviour> {
        let tags = self.tags.get(&npc).map_or(&[][..], Vec::as_slice);
        let fits = |name: &Sym| *name == npc || tags.contains(name);
        self.behaviours.values().find(|behaviour| behaviour.who.iter().any(fits))
    }

    /// Takes in what is known, and returns what was sensed. `changed` are the NPCs to look at.
    fn take_in(&mut self, inputs: Vec<BehavioursIn>, changed: &mut FxHashSet<Sym>) -> Vec<Event> {
        let (mut events, mut definitions) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                BehavioursIn::Clock(clock) => self.clock = Some(clock),
                BehavioursIn::Event(event) => events.push(event),
                BehavioursIn::Define(id, def) => definitions.push((id, def)),
                BehavioursIn::Entity(now) => {
                    self.tags.insert(now.entity, now.tags);
                    changed.insert(now.entity);
                }
            }
        }
        if !definitions.is_empty() {
            changed.extend(self.npcs.keys());
        }
        for (id, def) in definitions {
            match def {
                Some(def) => drop(self.behaviours.insert(id.as_str(), Behaviour::new(&def))),
                None => drop(self.behaviours.remove(id.as_str())),
            }
        }
        events.sort_by(Event::cmp_order);
        events
    }

    fn sense(&mut self, tick: Tick, event: &Event, output: &mut Output<()>) -> Option<Sym> {
        let npc = event.target;
        let behaviour = self.behaviour_of(npc).filter(|behaviour| behaviour.sensed_by == event.kind)?;
        let attribute = |name: &str| event.attribute(Sym::find(name)?);
        let thing = match attribute("thing") {
            Some(Value::Sym(thing)) => *thing,
            _ => event.player,
        };
        if thing.is_none() {
            return None;
        }
        let is = |name: &str| matches!(attribute(name), Some(Value::Bool(true)));
        let distance = attribute("distance").and_then(Value::as_millionths).unwrap_or(0);
        let lasts = span_ticks(behaviour.lasts, self.clock.as_ref(), self.length).max(1);
        let sensed = Sensed {
            distance: i64::try_from(distance.max(0)).unwrap_or(i64::MAX),
            hostile: is("hostile"),
            attacks: is("attacks"),
            at: tick,
            until: tick.saturating_add(lasts),
        };
        let all = &mut self.npcs.entry(npc).or_default().sensed;
        if all.len() >= MOST_SENSED && !all.contains_key(&thing) {
            let oldest = all.iter().min_by(|(a, x), (b, y)| x.at.cmp(&y.at).then_with(|| a.cmp_text(**b)));
            let oldest = oldest.map(|(thing, _)| *thing).unwrap_or_default();
            all.remove(&oldest);
            self.ends.cancel(&(npc, oldest));
            output.base.push(change(npc, oldest, None));
        }
        all.insert(thing, sensed);
        self.ends.set((npc, thing), sensed.until);
        output.base.push(change(npc, thing, Some(&Piece::Sensed(sensed))));
        Some(npc)
    }

    /// What an NPC does now: action, towards what, how urgently, after what.
    fn decide(&self, npc: Sym) -> Option<(&'static str, Sym, i64, Goal)> {
        let behaviour = self.behaviour_of(npc)?;
        let sensed = &self.npcs.get(&npc)?.sensed;
        if sensed.is_empty() {
            return None;
        }
        let candidates = sensed.iter().filter_map(|(thing, of)| {
            let sight = Sight { distance: of.distance, hostile: of.hostile, attacks: of.attacks };
            let (what, priority) = action(behaviour.strategy, sight)?;
            Some((what, *thing, priority, of.distance))
        });
        let best = candidates.min_by(|(_, a, priority, distance), (_, b, other, further)| {
            other.cmp(priority).then_with(|| distance.cmp(further)).then_with(|| a.cmp_text(*b))
        });
        let (what, thing, priority) =
            best.map_or((IDLE.0, Sym::NONE, IDLE.1), |(what, thing, priority, _)| (what, thing, priority));
        Some((what, thing, priority, behaviour.goal))
    }

    /// Looks at an NPC, and shows what it does.
    fn look_at(&mut self, tick: Tick, npc: Sym, output: &mut Output<()>) {
        let decided = self.decide(npc);
        let realm = self.realm;
        let Some(known) = self.npcs.get_mut(&npc) else { return };
        let Some((what, thing, priority, goal)) = decided else {
            output.replace(NPC_DIRECTIVES, known.shown.take(), None);
            if known.sensed.is_empty() {
                self.npcs.remove(&npc);
                output.base.push(change(npc, Sym::NONE, None));
            }
            return;
        };
        let does = |row: &Row| (row[2].clone(), row[3].clone());
        let same = known
            .shown
            .as_ref()
            .is_some_and(|row| does(row) == (Value::Sym(Sym::new(what)), Value::id(thing)));
        let since = if same { known.kept.since } else { tick };
        known.kept = Kept { decisions: known.kept.decisions + 1, since };
        let row = row(realm, npc, (what, thing, priority, goal), known.kept);
        output.replace(NPC_DIRECTIVES, known.shown.replace(row.clone()), Some(row));
        output.base.push(change(npc, Sym::NONE, Some(&Piece::Npc(known.kept))));
    }
}

fn row(realm: Sym, npc: Sym, does: (&str, Sym, i64, Goal), kept: Kept) -> Row {
    let (what, thing, priority, goal) = does;
    Row::from([
        Value::id(realm),
        Value::Sym(npc),
        Value::Sym(Sym::new(what)),
        Value::id(thing),
        Value::Dec(priority),
        Value::Sym(Sym::new(goal.name())),
        Value::count(kept.since),
        Value::count(kept.decisions),
    ])
}

fn change(npc: Sym, thing: Sym, piece: Option<&Piece>) -> worldflow_schemas::base::BaseChange {
    piece::change(BehavioursMachine::NAME, npc, &(npc, thing), piece)
}

impl Machine for BehavioursMachine {
    type In = BehavioursIn;
    type Out = ();
    const NAME: BaseName = "behaviours";

    fn load(&mut self, row: BaseRow) {
        let ((npc, thing), piece): ((Sym, Sym), Piece) = piece::read(&row);
        let known = self.npcs.entry(npc).or_default();
        match piece {
            Piece::Npc(kept) => known.kept = kept,
            Piece::Sensed(sensed) => {
                known.sensed.insert(thing, sensed);
                self.ends.set((npc, thing), sensed.until);
            }
        }
    }

    fn loaded(&mut self, _: Tick, inputs: Vec<BehavioursIn>, output: &mut Output<()>) {
        self.take_in(inputs, &mut FxHashSet::default());
        for npc in self.npcs.keys().copied().collect::<Vec<_>>() {
            let Some(does) = self.decide(npc) else { continue };
            let Some(known) = self.npcs.get_mut(&npc) else { continue };
            let row = row(self.realm, npc, does, known.kept);
            known.shown = Some(row.clone());
            output.insert(NPC_DIRECTIVES, row);
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<BehavioursIn>, output: &mut Output<()>) {
        let mut changed = FxHashSet::default();
        for event in self.take_in(inputs, &mut changed) {
            changed.extend(self.sense(tick, &event, output));
        }
        while let Some((_, (npc, thing))) = self.ends.pop_due(tick) {
            if let Some(known) = self.npcs.get_mut(&npc) {
                known.sensed.remove(&thing);
                output.base.push(change(npc, thing, None));
                changed.insert(npc);
            }
        }
        for npc in changed {
            self.look_at(tick, npc, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        self.ends.first()
    }
}
