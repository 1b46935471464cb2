//! Who is where in which dialogue.
//!
//! `talk, choose ─per (player, npc)→ Talk ─→ rows, effects on facts` and `what was chosen and visited, per player`
//!
//! In a tick: definitions, what is known of the world; dialogues whose node is another; who has left; then events in their order. What
//! a dialogue has done to facts is seen by the same player's dialogues at once, and by everyone else in the next tick.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::{DialogueDef, OptionDef, StepDef, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::{ArcStr, Event, Sym, Tick, Value, chance};

use super::formula::Said;
use super::state::{Memory, Pair, Piece, Talk, change};
use super::turn::{Change, Nodes, Reads, Shut, Why, offer, take_turn};
use super::{CHOOSE, DialoguesIn, DialoguesOut, Door, OPTION, quests_of};
use crate::arcs::{Known, Told};
use crate::machine::{Machine, Output};
use crate::messages::{EffectOrder, FactEffect, Refused};
use crate::piece;
use crate::quests::{Actor, Cond};

/// The stream of chance of dialogue.
const CHANCE: &str = "dialogue";

/// The dialogues of the players of one shard.
#[derive(Debug)]
pub struct DialoguesMachine {
    realm: Sym,
    seed: u64,
    choose: Sym,
    option: Sym,
    known: Known,
    nodes: Nodes,
    /// The conditions of each node, by their places.
    conditions: FxHashMap<Sym, Vec<Cond>>,
    doors: FxHashMap<Sym, (Door, Cond)>,
    talks: FxHashMap<Pair, Talk>,
    memories: FxHashMap<Sym, Memory>,
}

/// What a step has produced so far.
struct Step<'a> {
    tick: Tick,
    output: &'a mut Output<DialoguesOut>,
    /// The dialogues that are others, as they were.
    before: FxHashMap<Pair, Option<Talk>>,
    /// Players of whom something else is to be kept.
    learnt: FxHashSet<Sym>,
    /// What facts are for a player after what was done to them in this tick.
    facts: FxHashMap<(Sym, ArcStr), Said>,
}

/// What a player's dialogue reads.
struct Reading<'a> {
    machine: &'a DialoguesMachine,
    actor: Actor<'static>,
    player: Sym,
    npc: Sym,
    facts: &'a FxHashMap<(Sym, ArcStr), Said>,
    draws: u64,
}

impl Reads for Reading<'_> {
    fn fact(&self, fact: &str) -> Said {
        if let Some(said) = self.facts.get(&(self.player, fact.into())) {
            return said.clone();
        }
        let context = &self.machine.known.context;
        let value = Sym::find(fact).and_then(|fact| {
            let holder = self.actor.holder_of(context.facts.scope(fact)?, self.machine.realm);
            context.facts.get(holder, fact)
        });
        Said::of(value.unwrap_or(&Value::Null))
    }

    fn holds(&self, node: Sym, place: u32) -> bool {
        let Known { plan, context, .. } = &self.machine.known;
        let conditions = self.machine.conditions.get(&node);
        let condition = conditions.and_then(|all| all.get(place as usize));
        condition.is_some_and(|condition| condition.holds(plan, context, &self.actor))
    }

    fn visits(&self, node: &str) -> u32 {
        self.machine.memories.get(&self.player).map_or(0, |memory| memory.visits_to(node))
    }

    fn chosen(&self, key: &str) -> bool {
        let memory = self.machine.memories.get(&self.player);
        memory.is_some_and(|memory| memory.chosen.iter().any(|chosen| chosen == key))
    }

    fn draw(&mut self, bound: u64) -> u64 {
        let key = format!("{}/{}", self.player, self.npc);
        self.draws = self.draws.wrapping_add(1);
        chance::below(self.machine.seed, CHANCE, &key, self.draws, bound)
    }
}

impl DialoguesMachine {
    /// Nobody speaks, and there is no node.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> DialoguesMachine {
        DialoguesMachine {
            realm,
            seed: world.seed,
            choose: Sym::new(CHOOSE),
            option: Sym::new(OPTION),
            known: Known::new(realm, world),
            nodes: Nodes::default(),
            conditions: FxHashMap::default(),
            doors: FxHashMap::default(),
            talks: FxHashMap::default(),
            memories: FxHashMap::default(),
        }
    }

    /// Takes in what a tick tells. Returns the nodes that are others, too.
    fn take_in(&mut self, inputs: Vec<DialoguesIn>) -> (Told, FxHashSet<Sym>) {
        let (mut world, mut nodes, mut doors) = (Vec::new(), Vec::new(), Vec::new());
        for input in inputs {
            match input {
                DialoguesIn::World(told) => world.push(told),
                DialoguesIn::Define(node, def) => nodes.push((node, def)),
                DialoguesIn::Door(npc, door) => doors.push((npc, door)),
            }
        }
        let told = self.known.take_in(world);
        let edited: FxHashSet<Sym> = nodes.iter().map(|(node, _)| *node).collect();
        for (node, def) in nodes {
            self.define(node, def);
        }
        let follows = !edited.is_empty() || !doors.is_empty() || told.quests;
        for (npc, door) in doors {
            let Some(door) = door else {
                self.doors.remove(&npc);
                continue;
            };
            let when = Cond::new(&door.when, &mut self.known.plan);
            self.doors.insert(npc, (*door, when));
        }
        if follows {
            let of_nodes = self.nodes.values().flat_map(|def| &def.conditions);
            let of_doors = self.doors.values().map(|(door, _)| &door.when);
            let named = quests_of(of_nodes.chain(of_doors));
            self.known.follow(named);
        }
        (told, edited)
    }

    fn define(&mut self, node: Sym, def: Option<Arc<DialogueDef>>) {
        let Some(def) = def else {
            self.nodes.remove(&node);
            self.conditions.remove(&node);
            return;
        };
        let conditions = def.conditions.iter().map(|when| Cond::new(when, &mut self.known.plan)).collect();
        self.conditions.insert(node, conditions);
        self.nodes.insert(node, def);
    }

    fn actor(&self, player: Sym) -> Actor<'static> {
        self.known.actor(Holder { scope: Scope::Player, id: player })
    }

    fn reading<'a>(&'a self, (player, npc): Pair, step: &'a Step<'_>) -> Reading<'a> {
        let draws = self.talks.get(&(player, npc)).map_or(0, |talk| talk.draws);
        Reading { machine: self, actor: self.actor(player), player, npc, facts: &step.facts, draws }
    }

    /// A dialogue is to be another.
    fn touch<'t>(
        talks: &'t mut FxHashMap<Pair, Talk>,
        pair: Pair,
        before: &mut FxHashMap<Pair, Option<Talk>>,
    ) -> &'t mut Talk {
        before.entry(pair).or_insert_with(|| talks.get(&pair).cloned());
        talks.entry(pair).or_default()
    }

    /// Whatever waits at a node that is another goes on where it was, if that is still there.
    fn follow_edits(&mut self, edited: &FxHashSet<Sym>, step: &mut Step<'_>) {
        let waiting = self.talks.iter().filter(|(_, talk)| talk.why.is_none() && edited.contains(&talk.node));
        for pair in waiting.map(|(pair, _)| *pair).collect::<Vec<_>>() {
            let talk = &self.talks[&pair];
            let def = self.nodes.get(&talk.node);
            let options =
                def.and_then(|def| talk.offers.iter().find_map(|offer| group(def, &offer.line.key)));
            let mut reading = self.reading(pair, step);
            let offers = options.map(|options| offer(talk.node, options, &mut reading));
            let draws = reading.draws;
            let talk = DialoguesMachine::touch(&mut self.talks, pair, &mut step.before);
            talk.draws = draws;
            match offers {
                Some(offers) if offers.iter().any(|offer| offer.shut.is_none()) => talk.offers = offers,
                Some(_) => end(talk, Why::NoChoice, step.tick),
                None => end(talk, Why::Edited, step.tick),
            }
        }
    }

    fn leave(&mut self, told: &Told, step: &mut Step<'_>) {
        let left: FxHashSet<Sym> =
            told.moved.iter().filter(|(now, _)| !now.present).map(|(now, _)| now.player).collect();
        if left.is_empty() {
            return;
        }
        let open =
            self.talks.iter().filter(|((player, _), talk)| talk.why.is_none() && left.contains(player));
        for pair in open.map(|(pair, _)| *pair).collect::<Vec<_>>() {
            end(DialoguesMachine::touch(&mut self.talks, pair, &mut step.before), Why::Left, step.tick);
        }
    }

    fn hear(&mut self, event: &Event, step: &mut Step<'_>) {
        let pair = (event.player, event.target);
        if event.player.is_none() {
            return;
        }
        if let Some((door, when)) = self.doors.get(&event.target)
            && door.addressed_by == event.kind
        {
            let region = self.actor_region(event);
            let place = self.known.players.get(&event.player).map(|now| now.place).unwrap_or_default();
            let actor = Actor::elsewhere(event.player, place, region);
            if when.holds(&self.known.plan, &self.known.context, &actor) {
                self.go_on(pair, (door.node, 0), None, step);
            }
            return;
        }
        let speaks = self.doors.contains_key(&event.target) || self.talks.contains_key(&pair);
        if event.kind == self.choose && speaks {
            self.choose(event, step);
        }
    }

    fn actor_region(&self, event: &Event) -> Sym {
        let own = || self.known.players.get(&event.player).map(|now| now.place.region).unwrap_or_default();
        if event.region.is_none() { own() } else { event.region }
    }

    fn choose(&mut self, event: &Event, step: &mut Step<'_>) {
        let pair = (event.player, event.target);
        let refused = |code: &str, reason: String, hint: &str| {
            DialoguesOut::Refused(Refused {
                source: event.source,
                id: event.id.clone(),
                code: Sym::new(code),
                reason,
                hint: hint.to_owned(),
                current: None,
            })
        };
        let Some(talk) = self.talks.get(&pair).filter(|talk| talk.why.is_none()) else {
            let reason = format!("nothing is to be chosen with `{}`", event.target);
            step.output.out.push(refused("no_choice", reason, "the dialogue is over, or has not begun"));
            return;
        };
        let said = event.attribute(self.option);
        let place = said.map(ToString::to_string).and_then(|place| place.parse::<usize>().ok());
        let key = said.and_then(Value::as_str);
        let named = (1..)
            .zip(&talk.offers)
            .find(|(number, offer)| place == Some(*number) || key.is_some_and(|key| offer.line.key == *key));
        let Some((_, offer)) = named else {
            let reason = format!("`{}` offers no such option", event.target);
            let hint =
                "name an option of dialogue_options by its key or its place, in the attribute `option`";
            step.output.out.push(refused("no_option", reason, hint));
            return;
        };
        if let Some(shut) = offer.shut {
            let (reason, hint) = match shut {
                Shut::Decided => ("the player has chosen otherwise before", "what is chosen stays chosen"),
                Shut::Condition => ("its condition does not hold", "dialogue_options says what is available"),
            };
            step.output.out.push(refused("not_available", reason.to_owned(), hint));
            return;
        }
        let (node, key) = (talk.node, offer.line.key.clone());
        // What is offered is in the definition: edits see to it.
        let to = self.nodes.get(&node).and_then(|def| {
            let options = group(def, &key)?;
            options.iter().find(|option| *key == *option.line.key).map(|option| option.to)
        });
        let Some(to) = to else { return };
        self.go_on(pair, (node, to), Some(&key), step);
    }

    /// Takes a turn, and keeps what comes of it.
    fn go_on(&mut self, pair: Pair, from: (Sym, u32), chosen: Option<&ArcStr>, step: &mut Step<'_>) {
        let player = pair.0;
        if let Some(key) = chosen {
            self.memories.entry(player).or_default().choose(key);
            step.learnt.insert(player);
        }
        let mut reading = self.reading(pair, step);
        let turn = take_turn(&self.nodes, from, &mut reading);
        let draws = reading.draws;
        if !turn.visits.is_empty() {
            step.learnt.insert(player);
            let memory = self.memories.entry(player).or_default();
            turn.visits.iter().for_each(|node| memory.visit(*node));
        }
        self.remember_facts(player, &turn.changes, step);
        let talk = DialoguesMachine::touch(&mut self.talks, pair, &mut step.before);
        let again = talk.since == step.tick && talk.turn > 0;
        // Two turns in one tick: what both said is to be read, and what both did acts in the next.
        if !again {
            talk.changes.clear();
        }
        talk.changes.extend(turn.changes);
        match chosen {
            Some(_) if again => talk.spoken.extend(turn.spoken),
            Some(_) => {
                talk.before = talk.before.saturating_add(talk.spoken.len() as u64);
                talk.spoken = turn.spoken;
            }
            None => (talk.before, talk.spoken) = (0, turn.spoken),
        }
        talk.turn = if chosen.is_some() { talk.turn.saturating_add(1) } else { 1 };
        (talk.node, talk.draws, talk.since) = (turn.node, draws, step.tick);
        match turn.next {
            Ok(offers) => (talk.why, talk.offers) = (None, offers),
            Err(why) => end(talk, why, step.tick),
        }
    }

    /// What the player's dialogues see of facts in the rest of the tick.
    fn remember_facts(&self, player: Sym, changes: &[(ArcStr, Change)], step: &mut Step<'_>) {
        for (fact, change) in changes {
            let key = (player, fact.clone());
            let now = match change {
                Change::Set(to) => to.clone(),
                Change::Add(by) => {
                    let was = Reading {
                        machine: self,
                        actor: self.actor(player),
                        player,
                        npc: Sym::NONE,
                        facts: &step.facts,
                        draws: 0,
                    }
                    .fact(fact);
                    was.plus(by)
                }
            };
            step.facts.insert(key, now);
        }
    }

    /// What a dialogue does to facts, in the next tick.
    fn effects(&self, (player, npc): Pair, talk: &Talk) -> Vec<DialoguesOut> {
        let actor = self.actor(player);
        let effect = |(place, (fact, change)): (u32, &(ArcStr, Change))| {
            let fact = Sym::find(fact)?;
            let holder = actor.holder_of(self.known.context.facts.scope(fact)?, self.realm)?;
            let change = match change {
                Change::Set(to) => FactChange::Set(to.value()),
                Change::Add(by) => FactChange::Add(by.value()),
            };
            let order = EffectOrder::Dialogue { player, npc, place };
            Some(DialoguesOut::Effect(FactEffect { order, holder, fact, change }))
        };
        (0..).zip(&talk.changes).filter_map(effect).collect()
    }

    /// Emits what is other than it was.
    fn close(&self, step: Step<'_>) {
        let Step { tick, output, before, learnt, .. } = step;
        for (pair, was) in before {
            let Some(talk) = self.talks.get(&pair) else { continue };
            if talk.since == tick {
                output.out.extend(self.effects(pair, talk));
            }
            output.base.push(change(pair, Some(&Piece::Talk(talk.clone()))));
            let gone = was.into_iter().flat_map(|was| was.rows(self.realm, pair));
            output.rows.extend(gone.map(|row| (row, -1)));
            output.rows.extend(talk.rows(self.realm, pair).into_iter().map(|row| (row, 1)));
        }
        for player in learnt {
            let memory = self.memories.get(&player).cloned().map(Piece::Memory);
            output.base.push(change((player, Sym::NONE), memory.as_ref()));
        }
    }
}

/// A dialogue is over: nothing is to be chosen any more.
fn end(talk: &mut Talk, why: Why, tick: Tick) {
    if talk.since != tick {
        talk.changes.clear();
        talk.since = tick;
    }
    talk.why = Some(why);
    talk.offers.clear();
}

/// The options among which one of this key is.
fn group<'d>(def: &'d DialogueDef, key: &str) -> Option<&'d [OptionDef]> {
    def.steps.iter().find_map(|step| match step {
        StepDef::Choose(options) if options.iter().any(|option| option.line.key == key) => {
            Some(options.as_slice())
        }
        _ => None,
    })
}

impl Machine for DialoguesMachine {
    type In = DialoguesIn;
    type Out = DialoguesOut;
    const NAME: BaseName = "dialogues";

    fn load(&mut self, row: BaseRow) {
        let (pair, piece): (Pair, Piece) = piece::read(&row);
        match piece {
            Piece::Talk(talk) => drop(self.talks.insert(pair, talk)),
            Piece::Memory(memory) => drop(self.memories.insert(pair.0, memory)),
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<DialoguesIn>, output: &mut Output<DialoguesOut>) {
        self.known.context.now = tick;
        self.take_in(inputs);
        for (&pair, talk) in &self.talks {
            output.rows.extend(talk.rows(self.realm, pair).into_iter().map(|row| (row, 1)));
            // What was done in this tick acts in the next.
            if talk.since == tick {
                output.out.extend(self.effects(pair, talk));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<DialoguesIn>, output: &mut Output<DialoguesOut>) {
        self.known.context.now = tick;
        let (mut told, edited) = self.take_in(inputs);
        let mut step = Step {
            tick,
            output,
            before: FxHashMap::default(),
            learnt: FxHashSet::default(),
            facts: FxHashMap::default(),
        };
        if !edited.is_empty() {
            self.follow_edits(&edited, &mut step);
        }
        self.leave(&told, &mut step);
        told.events.sort_by(Event::cmp_order);
        for event in &told.events {
            self.hear(event, &mut step);
        }
        self.close(step);
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}
