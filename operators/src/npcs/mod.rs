//! NPCs that speak: a talk event becomes a request, and a reply or an authored bark becomes a line.
//!
//! `talk events, premises ─→ npc_requests` and `replies, deadlines ─→ npc_lines`
//!
//! A request is a row while it waits. It goes when it is answered, when its time is up, when the
//! player talks again, leaves, is forgotten, or when what the NPC's `when` asks no longer holds. Within a tick:
//! definitions, what is known of the world, premises, who is forgotten, replies, talk, deadlines. It calls nobody:
//! an edge reads the rows, and its replies come back as inputs.
//!
//! What storylets have to say comes before that: see [`storylets`] and [`speaking`]; what over all players limits how often,
//! [`storylet_limits`].

mod asking;
mod claiming;
mod depending;
mod known;
mod limits;
mod naming;
mod npc;
mod prompt;
mod prompts;
mod reach;
mod rows;
mod saying;
mod speaking;
mod storylet_limits;
mod storylets;
mod talk;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::{NpcDef, PromptDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{Reply, Sentence};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, Event, Sym, Tick};

use crate::machine::{Machine, Output};
use crate::messages::{
    ClockNow, EntityTags, FactEffect, FactNow, LevelNow, QuestEdit, QuestNow, Refused, ViewNow, ZoneWeather,
};
use crate::presence::PlayerNow;
use crate::spending::SpendingOut;
use crate::timers::Timers;

pub(crate) use naming::{kind_of_storylet, quests_named, quests_of_prompt, quests_of_storylet};
pub use reach::reach;
pub(crate) use rows::views_of_prompt;
pub use storylet_limits::{Claim, Saying, StoryletLimitsIn, StoryletLimitsMachine, StoryletLimitsOut};

use depending::Depending;
use known::Known;
use limits::Limits;
use naming::{facts_of_prompt, quests_of};
use npc::Npc;
use prompts::Prompt;
use speaking::{Concerned, Speakers};
use storylets::{DONE, Storylets};
use talk::{Pair, Piece, Talk};

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
    /// A prompt is defined, or no longer. Broadcast, also in the tick of a load.
    DefinePrompt(Sym, Option<Arc<PromptDef>>),
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
    /// A sentence of an answer that still comes. Routed by [`reply_route`].
    Sentence(Sentence),
    /// A player is forgotten. Routed by the player.
    Forget(Sym),
    /// What has been spent, and which tiers are closed. What is told of a player is routed by the player, the rest broadcast.
    Spending(SpendingOut),
    /// An event of a player at which a storylet may be said. Routed by the player.
    Happened(Event),
    /// What limits over all players leave room for, from the tick before. An answer is routed by the player, the rest broadcast.
    Limits(StoryletLimitsOut),
}

/// What the operator of NPCs tells.
#[derive(Clone, Debug)]
pub enum NpcsOut {
    /// A refused input.
    Refused(Refused),
    /// What a storylet does to a fact, in the next tick.
    Effect(FactEffect),
    /// What is said of storylets, and what would be.
    Saying(Saying),
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
    prompts: FxHashMap<Sym, Prompt>,
    /// Whether some NPC can come to answer by time alone.
    timed: bool,
    storylets: Storylets,
    /// The storylets of this shard whose rows are there.
    shown: FxHashSet<Sym>,
    /// The NPCs by the region that they are in, until one is edited or moves.
    speakers: Option<Speakers>,
    /// When to look again whether there is something to say to a player.
    silent: Timers<Sym>,
    /// Whether everyone is to be looked at.
    look_at_all: bool,
    /// What may be said unasked when a fact is another.
    depending: Depending,
    /// The players to whom nobody had anything to say unasked when that was last looked at, as far as facts of theirs go.
    settled: FxHashSet<Sym>,
    /// Which shard it is, of how many.
    shard: (usize, usize),
    known: Known,
    talks: FxHashMap<Pair, Talk>,
    open: FxHashMap<ArcStr, Pair>,
    deadlines: Timers<Pair>,
    limits: Limits,
}

/// The inputs of a tick that are acted on, and whether a premise may have changed.
#[derive(Default)]
struct Told {
    left: Vec<Sym>,
    forgotten: Vec<Sym>,
    events: Vec<Event>,
    happened: Vec<Event>,
    answers: Vec<(Claim, bool)>,
    replies: Vec<Reply>,
    sentences: Vec<Sentence>,
    gone: Vec<Sym>,
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
    /// What is to follow in this tick because it could not in the one before: player and storylet.
    follows: Vec<(Sym, Sym)>,
    /// Players of whom a request has come to its end: what may not be asked beside another may be now.
    closed: Vec<Sym>,
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
            prompts: FxHashMap::default(),
            timed: false,
            storylets: Storylets::default(),
            shown: FxHashSet::default(),
            speakers: None,
            silent: Timers::default(),
            look_at_all: false,
            depending: Depending::default(),
            settled: FxHashSet::default(),
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

    /// How many storylets were looked at, of all choices that were made here.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        self.storylets.looked_at
    }

    fn take_in(&mut self, inputs: Vec<NpcsIn>) -> Told {
        let mut told = Told::default();
        let (mut definitions, mut quests, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seen, mut storylets, mut prompts) = (Vec::new(), Vec::new(), Vec::new());
        for input in inputs {
            told.concerned.add(&input);
            let known = &mut self.known.context;
            match input {
                NpcsIn::Event(event) => {
                    told.events.push(event);
                    continue;
                }
                NpcsIn::Happened(event) => {
                    told.happened.push(event);
                    continue;
                }
                NpcsIn::Limits(StoryletLimitsOut::Answer(claim, granted)) => {
                    told.answers.push((claim, granted));
                    continue;
                }
                NpcsIn::Limits(StoryletLimitsOut::Closed { storylet, npc, closed }) => {
                    let reopens = self.storylets.note_closed(storylet, npc, closed);
                    told.concerned.reopened.extend(reopens.then_some(storylet));
                    continue;
                }
                NpcsIn::Reply(reply) => {
                    told.replies.push(reply);
                    continue;
                }
                NpcsIn::Sentence(sentence) => {
                    told.sentences.push(sentence);
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
                    if def.is_none() {
                        told.gone.push(quest);
                    }
                    if !from.is_none() {
                        told.gone.push(from);
                        quests.push((from, None));
                        moves.push((quest, from));
                    }
                    quests.push((quest, def));
                }
                NpcsIn::DefineStorylet(id, def) => storylets.push((id, def)),
                NpcsIn::DefinePrompt(id, def) => prompts.push((id, def)),
                NpcsIn::Entity(now) => {
                    if !now.there {
                        told.gone.push(now.entity);
                    }
                    self.speakers = None;
                    self.known.plan.tell_entity(now);
                }
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
        self.known.tell_views(seen);
        // Edits of one NPC in one tick have no order of their own: the text decides.
        definitions.sort_by_cached_key(|(npc, def)| {
            (npc.as_str(), def.as_ref().and_then(|def| serde_json::to_string(def).ok()))
        });
        let edited =
            !(definitions.is_empty() && quests.is_empty() && storylets.is_empty() && prompts.is_empty());
        told.storylets = storylets.iter().map(|(id, _)| *id).collect();
        self.known.plan.define_all(&quests);
        moves.into_iter().for_each(|(quest, from)| self.known.move_quest(quest, from));
        if !definitions.is_empty() {
            self.speakers = None;
        }
        for (npc, def) in definitions {
            match def {
                Some(def) => drop(self.npcs.insert(npc, Npc::new(def, &mut self.known.plan))),
                None => drop(self.npcs.remove(&npc)),
            }
        }
        for (id, def) in prompts {
            match def {
                Some(def) => drop(self.prompts.insert(id, Prompt::new(def))),
                None => drop(self.prompts.remove(&id)),
            }
        }
        self.storylets.define(storylets, &mut self.known.plan);
        if edited {
            self.timed = self.npcs.values().any(|npc| npc.timed);
            let whens = self.npcs.values().map(|npc| &npc.def.when);
            let facts = self.prompts.values().flat_map(|prompt| facts_of_prompt(&prompt.def));
            let read = self.prompts.values().flat_map(|prompt| views_of_prompt(&prompt.def));
            self.known.read(read);
            self.depending = Depending::of(self.storylets.unasked(), whens, facts);
            let of_npcs = self.npcs.values().flat_map(|npc| quests_named(&npc.def));
            let of_prompts = self.prompts.values().flat_map(|prompt| quests_of_prompt(&prompt.def));
            self.known.follow(of_npcs.chain(of_prompts).chain(quests_of(self.storylets.conditions())));
        }
        told
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
            // It may come before the conversation, or after it.
            (talk::MORE, Piece::More(more)) => {
                talk.take_back_more(more);
                if let Some(due) = talk.due() {
                    self.deadlines.set(pair, due);
                }
            }
            (0, Piece::Talk(kept)) => {
                talk.take_back(kept);
                if let (Some(pending), Some(due)) = (&talk.pending, talk.due()) {
                    self.open.insert(pair.request(pending.number), pair);
                    self.deadlines.set(pair, due);
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
                if let Some(row) = line.verdict(self.realm, pair) {
                    output.insert(catalog::NPC_VERDICTS, row);
                }
            }
            for (index, part) in talk.spoken.iter().enumerate() {
                output.insert(catalog::NPC_SENTENCES, part.row(self.realm, pair, talk.at, index));
            }
            if let Some(pending) = &talk.pending {
                output.insert(catalog::NPC_REQUESTS, pending.row(self.realm, pair, &talk.asked));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<NpcsIn>, output: &mut Output<NpcsOut>) {
        self.known.context.now = tick;
        let mut told = self.take_in(inputs);
        self.show_storylets(&told.storylets, output);
        let mut step = Step {
            tick,
            output,
            touched: FxHashSet::default(),
            done: FxHashMap::default(),
            follows: Vec::new(),
            closed: Vec::new(),
        };
        self.storylets.claimed.clear();
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
        self.hear_answers(&mut told, &mut step);
        self.unsay_verdicts(&told.gone, &mut step);
        told.sentences.sort_by(|a, b| (&a.request, a.index).cmp(&(&b.request, b.index)));
        for sentence in std::mem::take(&mut told.sentences) {
            self.hear(sentence, &mut step);
        }
        for reply in std::mem::take(&mut told.replies) {
            self.answer(reply, &mut step);
        }
        self.take_back_limited(&mut step);
        told.events.sort_by(Event::cmp_order);
        for event in &told.events {
            self.talk(event, &mut step);
        }
        told.happened.sort_by(Event::cmp_order);
        for event in &told.happened {
            self.happen(event, &mut step);
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
            let more = self.talks.get(&pair).map(|talk| Piece::More(talk.more()));
            step.output.base.push(pair.piece(talk::MORE, more.as_ref()));
        }
    }

    fn alarm(&self) -> Option<Tick> {
        let somebody = || self.known.present().next().is_some();
        if self.has_timed_request() || (self.unasked_is_timed() && somebody()) {
            return Some(self.known.now() + 1);
        }
        [self.deadlines.first(), self.storylets.follows.first(), self.speaks_again()]
            .into_iter()
            .flatten()
            .min()
    }
}
