//! NPCs that speak: a talk event becomes a request, and a reply or an authored bark becomes a line.
//!
//! `talk events, premises ─→ npc_requests` and `replies, deadlines ─→ npc_lines`
//!
//! A request is a row while it waits. It goes when it is answered, when its time is up, when the
//! player talks again, leaves, is forgotten, or when what the NPC's `when` asks no longer holds. Within a tick:
//! definitions, what is known of the world, premises, who is forgotten, replies, talk, deadlines. It calls nobody:
//! an edge reads the rows, and its replies come back as inputs.
//!
//! What storylets have to say comes before that: see [`storylets`] and [`speaking`].

mod known;
mod limits;
mod prompt;
mod reach;
mod speaking;
mod storylets;
mod talk;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::{Budget, Condition, NpcDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, Event, EventId, Sym, Tick};

use crate::facts::span_ticks;
use crate::machine::{Machine, Output};
use crate::messages::{
    ClockNow, EntityTags, FactEffect, FactNow, LevelNow, QuestEdit, QuestNow, Refused, ViewNow, ZoneWeather,
};
use crate::presence::PlayerNow;
use crate::quests::{Cond, Plan};
use crate::spending::SpendingOut;
use crate::timers::Timers;

pub use reach::reach;

use known::Known;
use limits::Limits;
use speaking::{Concerned, Spoken};
use storylets::{DONE, Storylets};
use talk::{Pair, Pending, Piece, Talk, Why};

/// The lines of each (player, npc) that are kept.
pub const KEPT_LINES: u64 = 20;

/// What the operator of NPCs is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NpcsIn {
    /// An NPC is defined, or no longer. Broadcast, also in the tick of a load.
    Define(Sym, Option<Arc<NpcDef>>),
    /// A quest is defined, or no longer. Broadcast, also in the tick of a load.
    DefineQuest(QuestEdit),
    /// A storylet is defined, or no longer. Broadcast, also in the tick of a load.
    DefineStorylet(Sym, Option<Arc<StoryletDef>>),
    /// An entity. Broadcast.
    Entity(EntityTags),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// The weather of a zone. Broadcast.
    Weather(ZoneWeather),
    /// A fact. A player's is routed by the player, others are broadcast.
    Fact(FactNow),
    /// A player's whereabouts. Routed by the player.
    Player(PlayerNow),
    /// A player's level. Routed by the player.
    Level(LevelNow),
    /// Where a holder stands with a quest, from the tick before: a player's, for quests that some NPC asks
    /// about, by the player; others broadcast.
    Quest(QuestNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
    /// An event that may address an NPC. Routed by the player.
    Event(Event),
    /// A tier's answer. Routed by [`reply_route`].
    Reply(Reply),
    /// A player is forgotten. Routed by the player.
    Forget(Sym),
    /// What has been spent, and which tiers are closed. What is told of a player is routed by the player, the rest broadcast.
    Spending(SpendingOut),
}

/// What the operator of NPCs tells.
#[derive(Clone, Debug)]
pub enum NpcsOut {
    /// A refused input.
    Refused(Refused),
    /// What a storylet does to a fact, in the next tick.
    Effect(FactEffect),
}

/// The quests that an NPC's condition names: where players stand with them must be told.
pub(crate) fn quests_named(def: &NpcDef) -> Vec<Sym> {
    quests_of([&def.when])
}

/// The quests that a storylet's conditions name.
pub(crate) fn quests_of_storylet(def: &StoryletDef) -> Vec<Sym> {
    quests_of(std::iter::once(&def.when).chain(def.criteria.values().map(|criterion| &criterion.when)))
}

fn quests_of<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Vec<Sym> {
    fn visit(when: &Condition, quests: &mut Vec<Sym>) {
        quests.extend(when.quests.keys().map(|quest| Sym::new(quest)));
        for inner in when.all.iter().chain(&when.any).chain(when.not.as_deref()) {
            visit(inner, quests);
        }
    }
    let mut quests = Vec::new();
    conditions.into_iter().for_each(|when| visit(when, &mut quests));
    quests
}

/// Routes a reply to the worker that has the request: the id is `npc/player/number`.
#[must_use]
pub fn reply_route(request: &str) -> u64 {
    let player = request.split_once('/').and_then(|(_, rest)| rest.rsplit_once('/'));
    player.and_then(|(player, _)| Sym::find(player)).map_or(0, Sym::hash64)
}

/// The conversations of the players of one shard.
#[derive(Debug)]
pub struct NpcsMachine {
    realm: Sym,
    length: TickLength,
    tiers: FxHashSet<Sym>,
    npcs: FxHashMap<Sym, Npc>,
    /// Whether some NPC can come to answer by time alone.
    timed: bool,
    storylets: Storylets,
    /// The storylets of this shard whose rows are there.
    shown: FxHashSet<Sym>,
    /// When to look again whether there is something to say to a player.
    silent: Timers<Sym>,
    /// Whether everyone is to be looked at.
    look_at_all: bool,
    /// Which shard it is, of how many.
    shard: (usize, usize),
    known: Known,
    talks: FxHashMap<Pair, Talk>,
    open: FxHashMap<ArcStr, Pair>,
    deadlines: Timers<Pair>,
    limits: Limits,
}

#[derive(Debug)]
struct Npc {
    def: Arc<NpcDef>,
    addressed_by: Sym,
    tier: Sym,
    when: Cond,
    /// Whether its premise can change by time alone.
    timed: bool,
}

impl Npc {
    fn new(def: Arc<NpcDef>, plan: &mut Plan) -> Npc {
        let tier = def.tier.as_deref().map_or(Sym::NONE, Sym::new);
        let (addressed_by, when) = (Sym::new(&def.addressed_by), Cond::new(&def.when, plan));
        Npc { def, addressed_by, tier, timed: when.is_timed(), when }
    }

    /// Why no tier is asked, of those that the world declares.
    fn asks_nobody(&self, tiers: &FxHashSet<Sym>) -> Option<Why> {
        match self.def.budget {
            Some(Budget::Within(budget)) if budget.ms == 0 => Some(Why::NoTime),
            Some(_) if self.tier.is_none() => tiers.is_empty().then_some(Why::NoTier),
            _ => (!tiers.contains(&self.tier)).then_some(Why::NoTier),
        }
    }

    /// Within which the first words must come, if there is a hurry. A budget is real time, like the tiers' own.
    fn budget_ms(&self) -> Option<u64> {
        match self.def.budget {
            Some(Budget::Within(budget)) => Some(budget.ms),
            Some(Budget::Async) => None,
            None => (!self.def.patience.world).then_some(self.def.patience.ms),
        }
    }
}

/// The inputs of a tick that are acted on, and whether a premise may have changed.
#[derive(Default)]
struct Told {
    left: Vec<Sym>,
    forgotten: Vec<Sym>,
    events: Vec<Event>,
    replies: Vec<Reply>,
    storylets: Vec<Sym>,
    concerned: Concerned,
    changed: bool,
}

/// What a step has produced so far.
struct Step<'a> {
    tick: Tick,
    output: &'a mut Output<NpcsOut>,
    touched: FxHashSet<Pair>,
    /// Where storylets that do something to facts were said, by player and storylet.
    done: FxHashMap<(Sym, Sym), Vec<Sym>>,
}

impl NpcsMachine {
    /// Nobody has spoken, and no NPC is defined yet.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> NpcsMachine {
        let length = TickLength { tick_ms: world.tick_ms };
        NpcsMachine {
            realm,
            length,
            tiers: world.tiers.keys().map(|tier| Sym::new(tier)).collect(),
            npcs: FxHashMap::default(),
            timed: false,
            storylets: Storylets::default(),
            shown: FxHashSet::default(),
            silent: Timers::default(),
            look_at_all: false,
            shard: (0, 1),
            known: Known::new(realm, world),
            talks: FxHashMap::default(),
            open: FxHashMap::default(),
            deadlines: Timers::default(),
            limits: Limits::new(world, length),
        }
    }

    /// One of several shards.
    #[must_use]
    pub fn on(self, index: usize, peers: usize) -> NpcsMachine {
        NpcsMachine { shard: (index, peers.max(1)), ..self }
    }

    fn take_in(&mut self, inputs: Vec<NpcsIn>) -> Told {
        let mut told = Told::default();
        let (mut definitions, mut quests, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seen, mut storylets) = (Vec::new(), Vec::new());
        for input in inputs {
            told.concerned.add(&input);
            let known = &mut self.known.context;
            match input {
                NpcsIn::Event(event) => {
                    told.events.push(event);
                    continue;
                }
                NpcsIn::Reply(reply) => {
                    told.replies.push(reply);
                    continue;
                }
                NpcsIn::Forget(player) => {
                    told.forgotten.push(player);
                    continue;
                }
                NpcsIn::Spending(now) => {
                    self.limits.tell(now);
                    continue;
                }
                NpcsIn::Define(npc, def) => definitions.push((npc, def)),
                NpcsIn::DefineQuest(QuestEdit { quest, def, from }) => {
                    if !from.is_none() {
                        quests.push((from, None));
                        moves.push((quest, from));
                    }
                    quests.push((quest, def));
                }
                NpcsIn::DefineStorylet(id, def) => storylets.push((id, def)),
                NpcsIn::Entity(now) => self.known.plan.tell_entity(now),
                NpcsIn::Clock(clock) => known.clock = Some(clock),
                NpcsIn::Weather(weather) => drop(known.weather.insert(weather.zone, weather)),
                NpcsIn::Fact(fact) => known.facts.tell(fact),
                NpcsIn::Level(level) => drop(known.levels.insert(level.player, level.level)),
                NpcsIn::Quest(stands) => self.known.tell_stands(stands),
                NpcsIn::Seen(now) => seen.push(now),
                NpcsIn::Player(now) => {
                    let was = self.known.tell_player(now);
                    if was.is_some_and(|was| was.present) && !now.present {
                        told.left.push(now.player);
                    }
                }
            }
            told.changed = true;
        }
        self.known.context.views.tell(seen);
        // Edits of one NPC in one tick have no order of their own: the text decides.
        definitions.sort_by_cached_key(|(npc, def)| {
            (npc.as_str(), def.as_ref().and_then(|def| serde_json::to_string(def).ok()))
        });
        let edited = !(definitions.is_empty() && quests.is_empty() && storylets.is_empty());
        told.storylets = storylets.iter().map(|(id, _)| *id).collect();
        self.known.plan.define_all(&quests);
        moves.into_iter().for_each(|(quest, from)| self.known.move_quest(quest, from));
        for (npc, def) in definitions {
            match def {
                Some(def) => drop(self.npcs.insert(npc, Npc::new(def, &mut self.known.plan))),
                None => drop(self.npcs.remove(&npc)),
            }
        }
        self.storylets.define(storylets, &mut self.known.plan);
        if edited {
            self.timed = self.npcs.values().any(|npc| npc.timed);
            let of_npcs = self.npcs.values().flat_map(|npc| quests_named(&npc.def));
            self.known.follow(of_npcs.chain(quests_of(self.storylets.conditions())));
        }
        told
    }

    /// Takes back the requests whose premise no longer holds.
    fn test_premises(&mut self, told: &Told, step: &mut Step<'_>) {
        let (npcs, known) = (&self.npcs, &self.known);
        let mut over = Vec::new();
        for &pair in self.open.values() {
            let Some(talk) = self.talks.get_mut(&pair) else { continue };
            let Some(pending) = &mut talk.pending else { continue };
            if pending.follow(known.place(pair.player).region) {
                step.touched.insert(pair);
            }
            let around = known.around(pair.player, pending.region);
            let holds = npcs.get(&pair.npc).is_some_and(|npc| around.meets(&npc.when));
            if !holds || told.left.contains(&pair.player) {
                over.push(pair);
            }
        }
        for pair in over {
            self.close(pair, step);
        }
    }

    /// Takes the open request of a pair back, if there is one.
    fn close(&mut self, pair: Pair, step: &mut Step<'_>) -> Option<Pending> {
        let pending = self.talks.get_mut(&pair)?.pending.take()?;
        let request = pair.request(pending.number);
        self.open.remove(&request);
        self.deadlines.cancel(&pair);
        step.output.remove(catalog::NPC_REQUESTS, pending.row(self.realm, pair));
        step.touched.insert(pair);
        Some(pending)
    }

    /// Takes back the requests that hold what a player said who is forgotten.
    fn forget(&mut self, players: &[Sym], step: &mut Step<'_>) {
        let asked = self.open.values().filter(|pair| players.contains(&pair.player));
        for pair in asked.copied().collect::<Vec<_>>() {
            self.close(pair, step);
        }
    }

    fn answer(&mut self, reply: Reply, step: &mut Step<'_>) {
        let Some(&pair) = self.open.get(&reply.request) else {
            step.output.out.push(NpcsOut::Refused(late_reply(&reply)));
            return;
        };
        let region = self.close(pair, step).map_or(Sym::NONE, |pending| pending.region);
        match reply.outcome.as_deref().map(prompt::line) {
            Ok(Some(text)) => self.say(pair, Spoken { text, tier: reply.tier, ..Spoken::default() }, step),
            Err(_) if reply.finish == Finish::NoTime => self.bark(pair, Why::NoTime, region, step),
            Ok(None) | Err(_) => self.bark(pair, Why::Failed, region, step),
        }
    }

    fn talk(&mut self, event: &Event, step: &mut Step<'_>) {
        let Some(npc) = self.npcs.get(&event.target) else { return };
        if event.kind != npc.addressed_by || event.player.is_none() {
            return;
        }
        let pair = Pair { player: event.player, npc: event.target };
        let place = self.known.place(event.player);
        let region = if event.region.is_none() { place.region } else { event.region };
        let around = self.known.around(event.player, region);
        if !around.meets(&npc.when) {
            return;
        }
        if self.say_addressed(pair, region, step) {
            return;
        }
        let Some(npc) = self.npcs.get(&pair.npc) else { return };
        let (asked, why) = ((npc.tier, npc.def.priority), npc.asks_nobody(&self.tiers));
        if let Some(why) = why.or_else(|| self.limited(pair, asked, region, step)) {
            self.close(pair, step);
            self.bark(pair, why, region, step);
            return;
        }
        let Some(npc) = self.npcs.get(&pair.npc) else { return };
        let around = self.known.around(pair.player, region);
        let patience = span_ticks(npc.def.patience, self.known.context.clock.as_ref(), self.length).max(1);
        let mut pending = Pending {
            number: 0,
            tier: npc.tier,
            messages: prompt::messages(&npc.def, event, &around).into(),
            max_tokens: npc.def.max_tokens,
            asked: step.tick,
            deadline: step.tick.saturating_add(patience),
            region,
            seen_region: place.region,
            budget_ms: npc.budget_ms(),
            priority: npc.def.priority,
        };
        self.close(pair, step);
        let talk = self.talks.entry(pair).or_default();
        talk.requests += 1;
        pending.number = talk.requests;
        self.open.insert(pair.request(pending.number), pair);
        self.deadlines.set(pair, pending.deadline);
        step.output.insert(catalog::NPC_REQUESTS, pending.row(self.realm, pair));
        talk.pending = Some(pending);
        step.touched.insert(pair);
    }

    fn bark(&mut self, pair: Pair, why: Why, region: Sym, step: &mut Step<'_>) {
        if self.say_bark(pair, why, region, step) {
            return;
        }
        let Some(npc) = self.npcs.get(&pair.npc) else { return };
        let barks = npc.def.barks.as_slice();
        let talk = self.talks.entry(pair).or_default();
        let turn = usize::try_from(talk.barks).unwrap_or(0).checked_rem(barks.len());
        let Some(text) = turn.and_then(|turn| prompt::line(&barks[turn])) else { return };
        talk.barks += 1;
        self.say(pair, Spoken { text, why: Some(why), ..Spoken::default() }, step);
    }

    fn say(&mut self, pair: Pair, spoken: Spoken, step: &mut Step<'_>) {
        let Spoken { text, tier, why, storylet } = spoken;
        let talk = self.talks.entry(pair).or_default();
        talk.lines += 1;
        let number = talk.lines;
        let line = talk::Line { text: text.into(), tier, why, tick: step.tick, storylet };
        step.output.insert(catalog::NPC_LINES, line.row(self.realm, pair, number));
        step.output.base.push(pair.piece(number, Some(&line.piece())));
        talk.said.push_back((number, line));
        while talk.said.len() as u64 > KEPT_LINES {
            if let Some((number, line)) = talk.said.pop_front() {
                step.output.remove(catalog::NPC_LINES, line.row(self.realm, pair, number));
                step.output.base.push(pair.piece(number, None));
            }
        }
        step.touched.insert(pair);
    }

    fn has_timed_request(&self) -> bool {
        self.open.values().any(|pair| self.npcs.get(&pair.npc).is_some_and(|npc| npc.timed))
    }
}

fn late_reply(reply: &Reply) -> Refused {
    Refused {
        source: Sym::try_new(&format!("tier:{}", reply.tier)).unwrap_or(reply.tier),
        id: EventId::Named(reply.request.clone()),
        code: Sym::new("late_reply"),
        reason: format!("request `{}` is not open", reply.request),
        hint: "it was answered, cancelled, or its time was up".to_owned(),
        current: None,
    }
}

impl Machine for NpcsMachine {
    type In = NpcsIn;
    type Out = NpcsOut;
    const NAME: BaseName = "npcs";

    fn load(&mut self, row: BaseRow) {
        let (pair, piece) = talk::read(&row);
        if self.load_of_limits(pair, &piece) || self.load_of_storylets(pair, &piece) {
            return;
        }
        let talk = self.talks.entry(pair).or_default();
        match piece {
            (0, Piece::Talk(kept)) => {
                talk.take_back(kept);
                if let Some(pending) = &talk.pending {
                    self.open.insert(pair.request(pending.number), pair);
                    self.deadlines.set(pair, pending.deadline);
                }
            }
            (number, piece) => {
                let line = piece.into_line().expect("a conversation is piece 0, and others are lines");
                let place = talk.said.partition_point(|(other, _)| *other < number);
                talk.said.insert(place, (number, line));
            }
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<NpcsIn>, output: &mut Output<NpcsOut>) {
        self.known.context.now = tick;
        let told = self.take_in(inputs);
        self.limits_loaded();
        self.show_storylets(&told.storylets, output);
        self.show_memory(output);
        for (player, storylet, regions) in std::mem::take(&mut self.storylets.done) {
            // What was done in this tick acts in the next.
            for region in regions.iter().filter(|_| storylet.1 == tick) {
                self.act(player, storylet.0, *region, output);
            }
        }
        for (&pair, talk) in &self.talks {
            for (number, line) in &talk.said {
                output.insert(catalog::NPC_LINES, line.row(self.realm, pair, *number));
            }
            if let Some(pending) = &talk.pending {
                output.insert(catalog::NPC_REQUESTS, pending.row(self.realm, pair));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<NpcsIn>, output: &mut Output<NpcsOut>) {
        self.known.context.now = tick;
        let mut told = self.take_in(inputs);
        self.show_storylets(&told.storylets, output);
        let mut step = Step { tick, output, touched: FxHashSet::default(), done: FxHashMap::default() };
        if told.changed || self.has_timed_request() {
            self.test_premises(&told, &mut step);
        }
        if !told.forgotten.is_empty() {
            self.forget(&told.forgotten, &mut step);
        }
        told.replies.sort_by(|a, b| {
            (a.request.cmp(&b.request))
                .then_with(|| a.tier.cmp_text(b.tier))
                .then_with(|| a.outcome.cmp(&b.outcome))
        });
        for reply in told.replies {
            self.answer(reply, &mut step);
        }
        self.take_back_limited(&mut step);
        told.events.sort_by(Event::cmp_order);
        for event in &told.events {
            self.talk(event, &mut step);
        }
        self.give_up(&mut step);
        self.follow_up(&mut step);
        self.speak_unasked(std::mem::take(&mut told.concerned), &mut step);
        for ((player, storylet), regions) in std::mem::take(&mut step.done) {
            let piece = Piece::Done(tick, regions);
            step.output.base.push(Pair { player, npc: storylet }.piece(DONE, Some(&piece)));
        }
        for pair in step.touched {
            let kept = self.talks.get(&pair).map(|talk| Piece::Talk(talk.kept()));
            step.output.base.push(pair.piece(0, kept.as_ref()));
        }
    }

    fn alarm(&self) -> Option<Tick> {
        if self.has_timed_request() || self.unasked_is_timed() {
            return Some(self.known.now() + 1);
        }
        [self.deadlines.first(), self.storylets.follows.first(), self.speaks_again()]
            .into_iter()
            .flatten()
            .min()
    }
}
