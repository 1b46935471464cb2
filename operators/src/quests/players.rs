//! Quests of players, and the matching of every event.
//!
//! `events ─match as of the tick→ hits ─count→ progress of the player's quests`
//! `                              └──→ contributions to groups, updates of facts`
//!
//! Sharded by player; an event without one comes by its region, or by the realm. The hot path: one
//! look-up of the player, one of (kind, target), and a short scan of what the player has open.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{GrantAnswer, Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::core::{At, Core};
use super::counting::Counted;
use super::hits::{Of, contribute, match_player, update_facts};
use super::holder::Record;
use super::messages::{Asked, BEFORE_EVENTS, Conclusion, Contribution, Verb, order_of};
use super::plan::Ix;
use super::saved::PieceKey;
use super::sharing::{GROUPS, Member, Spread, Together, group_of, shared_hits};
use super::trace::{Comes, Trace};
use super::traced::{By, Watch};
use crate::machine::{Machine, Output};
use crate::messages::{
    ClockNow, EntityTags, FactEffect, FactNow, LevelNow, PlayerPlace, QuestEdit, QuestNow, ViewNow,
    ZoneWeather,
};
use crate::piece;

/// What the players' half is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PlayersIn {
    /// A quest is added, replaced or removed. Broadcast.
    Define(QuestEdit),
    /// The quests that an NPC's condition names, none when it is gone. Broadcast.
    NpcAsks(Sym, Vec<Sym>),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// The weather of a zone. Broadcast.
    Weather(ZoneWeather),
    /// A fact: a player's by the player, others broadcast.
    Fact(FactNow),
    /// Where a player is. By the player.
    Place(Sym, PlayerPlace),
    /// A group is no more. Broadcast.
    Close(Holder),
    /// The tags of an entity. Broadcast.
    Tags(EntityTags),
    /// A player's level, from the tick before. By the player.
    Level(LevelNow),
    /// Where a group stands, from the tick before. Broadcast.
    Stands(QuestNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
    /// An answer to a grant whose holder is a player, or to what is no grant's id. By the holder.
    Answer(GrantAnswer),
    /// What others of a player's party did in the tick before. By the player.
    Spread(Spread),
    /// Events, each by its player, else by its region, else by the realm.
    Events(Vec<Event>),
}

/// What the players' half tells others.
#[derive(Clone, PartialEq, Debug)]
pub enum PlayersOut {
    /// An event counts for a group. To the groups' half, by the holder.
    Contribution(Contribution),
    /// Something is asked of a group's quest. To the groups' half, by the holder.
    Asked(Asked),
    /// A group is named. To the groups' half, by the holder.
    Known(Holder),
    /// A player of a party has come, moved or left. To the groups' half, by the party.
    Member(Member),
    /// An event may count for others of a party. To the groups' half, by the party.
    Together(Together),
    /// What has been concluded.
    Conclusion(Conclusion),
}

/// The players of one shard.
#[derive(Debug)]
pub struct PlayersMachine {
    core: Core,
    kinds: Kinds,
    pieces: Vec<BaseRow>,
    /// Groups that the groups' half has been told of.
    named: FxHashSet<Holder>,
    /// Where pieces of updates were kept in the last tick.
    updated: Vec<Holder>,
    told: Vec<PlayersOut>,
    /// What others did in the tick before.
    spread: Vec<Spread>,
    /// Which quests each NPC asks about.
    npcs_ask: FxHashMap<Sym, Vec<Sym>>,
    /// Those that NPCs and storylets ask about, and their rivals.
    asked_by_npcs: FxHashSet<Ix>,
    /// Quests that no NPC asked about before this tick.
    asked_anew: Vec<Ix>,
    /// Reused between ticks.
    ordered: Vec<Counted>,
    loose: Vec<Counted>,
}

/// The kinds of events that ask something of a quest.
#[derive(Debug)]
struct Kinds {
    verbs: [(Sym, Verb); 7],
    choose: Sym,
    npc: Sym,
}

impl Kinds {
    fn new() -> Kinds {
        let verb = |kind, verb| (Sym::new(kind), verb);
        Kinds {
            verbs: [
                verb("quest.accept", Verb::Accept),
                verb("quest.turn_in", Verb::TurnIn),
                verb("quest.abandon", Verb::Abandon),
                verb("quest.offer", Verb::Offer),
                verb("quest.decline", Verb::Decline),
                verb("quest.revoke", Verb::Revoke),
                verb("quest.share", Verb::Share),
            ],
            choose: Sym::new("choose"),
            npc: Sym::new("npc"),
        }
    }

    fn verb(&self, kind: Sym) -> Option<Verb> {
        self.verbs.iter().find(|(other, _)| *other == kind).map(|(_, verb)| *verb)
    }
}

impl PlayersMachine {
    /// No one is known yet.
    #[must_use]
    pub fn new(world: Arc<WorldDef>, realm: Sym) -> PlayersMachine {
        PlayersMachine {
            core: Core::new(Self::NAME, &world, realm, Vec::new()),
            kinds: Kinds::new(),
            pieces: Vec::new(),
            named: FxHashSet::default(),
            updated: Vec::new(),
            told: Vec::new(),
            spread: Vec::new(),
            npcs_ask: FxHashMap::default(),
            asked_by_npcs: FxHashSet::default(),
            asked_anew: Vec::new(),
            ordered: Vec::new(),
            loose: Vec::new(),
        }
    }

    /// The same, tracing a quest of one holder.
    #[must_use]
    pub fn watching(mut self, watch: Option<Watch>) -> PlayersMachine {
        self.core.trace = watch.map(|watch| Box::new(Trace::new(watch, |scope| scope == Scope::Player)));
        self
    }

    /// Has it look at everything for everyone in every tick.
    #[cfg(test)]
    pub(super) fn look_everywhere(&mut self) {
        self.core.exhaustive = true;
    }

    /// Takes in what is to be known, and edits last: they are carried out with the clock of this
    /// tick. Returns events and answers.
    fn tell(&mut self, inputs: Vec<PlayersIn>) -> (Vec<Event>, Vec<GrantAnswer>) {
        let (mut events, mut answers, mut edits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut follow, mut seen) = (false, Vec::new());
        for input in &inputs {
            // It may be named anew in this very tick.
            if let PlayersIn::Close(group) = input {
                self.named.remove(group);
            }
        }
        for input in inputs {
            match input {
                PlayersIn::Events(more) if events.is_empty() => events = more,
                PlayersIn::Events(mut more) => events.append(&mut more),
                PlayersIn::Answer(answer) => answers.push(answer),
                PlayersIn::Spread(spread) => self.spread.push(spread),
                PlayersIn::Define(edit) => edits.push(edit),
                PlayersIn::Seen(now) => seen.push(now),
                PlayersIn::NpcAsks(npc, quests) => {
                    self.npcs_ask.insert(npc, quests);
                    follow = true;
                }
                other => self.tell_one(other),
            }
        }
        self.core.tell_views(seen);
        follow |= !edits.is_empty();
        self.core.define_all(&edits);
        if follow {
            let named = self.npcs_ask.values().flatten().copied();
            self.asked_anew = self.core.plan.follow(named);
            // NPCs forget what only rules go on asking about, and are told of it again.
            let of_npcs = self.npcs_ask.iter().filter(|(asks, _)| !asks.as_str().starts_with("rule:"));
            let of_npcs = of_npcs.flat_map(|(_, quests)| quests.iter().copied());
            let of_npcs = self.core.plan.with_rivals(of_npcs);
            let known: FxHashSet<Ix> = self.asked_anew.iter().copied().collect();
            let fresh = of_npcs.difference(&self.asked_by_npcs).filter(|ix| !known.contains(ix));
            self.asked_anew.extend(fresh.copied());
            self.asked_by_npcs = of_npcs;
        }
        (events, answers)
    }

    fn tell_one(&mut self, input: PlayersIn) {
        let core = &mut self.core;
        match input {
            PlayersIn::Events(_)
            | PlayersIn::Answer(_)
            | PlayersIn::Spread(_)
            | PlayersIn::Define(..)
            | PlayersIn::Seen(_)
            | PlayersIn::NpcAsks(..)
            | PlayersIn::Close(_) => {}
            PlayersIn::Clock(clock) => core.tell_clock(clock),
            PlayersIn::Weather(weather) => core.tell_weather(weather),
            PlayersIn::Fact(fact) => core.tell_fact(fact),
            PlayersIn::Place(player, place) => {
                let at = core.know(Holder { scope: Scope::Player, id: player });
                let before = core.holders[at as usize].place;
                core.tell_place(player, place);
                self.name_groups(place);
                self.tell_roster(player, before, place);
            }
            PlayersIn::Tags(tags) => core.tell_tags(tags),
            PlayersIn::Level(level) => core.tell_level(level),
            PlayersIn::Stands(stands) => core.tell_stands(stands),
        }
    }

    fn name_groups(&mut self, place: PlayerPlace) {
        for (scope, id) in [
            (Scope::Party, place.party),
            (Scope::Guild, place.guild),
            (Scope::Account, place.account),
            (Scope::Instance, place.instance),
        ] {
            let holder = Holder { scope, id };
            if !id.is_none() && self.named.insert(holder) {
                self.told.push(PlayersOut::Known(holder));
            }
        }
    }

    /// Has groups know who is in them, and where.
    fn tell_roster(&mut self, player: Sym, before: PlayerPlace, now: PlayerPlace) {
        for scope in GROUPS {
            let (was, is) = (group_of(before, scope), group_of(now, scope));
            // Where members are matters to parties alone.
            if was == is && scope != Scope::Party {
                continue;
            }
            let left = was.filter(|group| is != Some(*group));
            let left = left.map(|group| Member { group, player, region: None });
            let is = is.map(|group| Member { group, player, region: Some(now.region) });
            self.told.extend(left.into_iter().chain(is).map(PlayersOut::Member));
        }
    }

    /// Finds the players of events, who are known from now on, and what is asked.
    fn sort_out<'a>(&mut self, events: &'a [Event], asked: &mut Vec<Asked>) -> Vec<Of<'a>> {
        let mut all = Vec::with_capacity(events.len());
        for (number, event) in (0..).zip(events) {
            let at = (!event.player.is_none())
                .then(|| self.core.know(Holder { scope: Scope::Player, id: event.player }));
            let place = at.map_or_else(PlayerPlace::default, |at| self.core.holders[at as usize].place);
            let region = if event.region.is_none() { place.region } else { event.region };
            let of = Of { event, number, at, place, region };
            match self.kinds.verb(event.kind) {
                Some(verb) => self.ask(&of, verb, asked),
                None => all.push(of),
            }
        }
        asked.sort_by(|a, b| a.order.cmp_order(&b.order));
        all
    }

    fn ask(&mut self, of: &Of<'_>, verb: Verb, asked: &mut Vec<Asked>) {
        let event = of.event;
        let (quest, player, order) = (event.target, event.player, order_of(event));
        let plan = self.core.plan.find(quest).and_then(|ix| self.core.plan.get(ix));
        let scope = plan.map_or(Scope::Player, |plan| plan.scope);
        let whose = of.actor(&self.core).holder_of(scope, self.core.context.realm);
        let unknown = plan.is_none();
        let holder = whose.unwrap_or(Holder { scope, id: player });
        let named = |attribute| match event.attribute(attribute) {
            Some(Value::Sym(name)) => *name,
            _ => Sym::NONE,
        };
        let (choose, npc) = (named(self.kinds.choose), named(self.kinds.npc));
        let asked_for = Asked { holder, quest, verb, player, choose, npc, order };
        if unknown {
            let reason = format!("there is no quest `{quest}`");
            self.core.refuse(&asked_for, "unknown_quest", reason, "name a quest of the world as the target");
        } else if whose.is_none() {
            let reason = format!("quest `{quest}` is held by a {}, and there is none here", scope.name());
            let hint = "name a player who belongs to one, or send presence and membership first";
            self.core.refuse(&asked_for, "no_holder", reason, hint);
        } else if verb == Verb::Share && scope != Scope::Player {
            let reason = format!("quest `{quest}` is held by a {} already", scope.name());
            self.core.refuse(&asked_for, "not_shared", reason, "only quests of players can be shared");
        } else if scope == Scope::Player {
            asked.push(asked_for);
        } else {
            self.told.push(PlayersOut::Asked(asked_for));
        }
    }

    /// Phase 6.
    fn match_events(&mut self, events: &[Of<'_>]) {
        let mut ordered = std::mem::take(&mut self.ordered);
        let mut loose = std::mem::take(&mut self.loose);
        let mut updates: FxHashMap<Holder, Vec<FactEffect>> = FxHashMap::default();
        let mut lived: Vec<(At, u16, i64)> = Vec::new();
        if self.core.trace.is_some() {
            self.trace_events(events);
        }
        for of in events {
            let (kind, target) = (of.event.kind, of.event.target);
            self.core.plan.prepare(kind, target);
            let Some(candidates) = self.core.plan.candidates(kind, target) else { continue };
            if let Some(at) = of.at
                && !candidates.players.is_empty()
            {
                match_player(&self.core, of, at, &candidates.players, &mut loose, &mut ordered);
            }
            if !candidates.shared.is_empty() && of.at.is_some() {
                let actor = of.actor(&self.core);
                let together = shared_hits(&self.core, of.event, &actor, &candidates.shared);
                self.told.extend(together.map(PlayersOut::Together));
            }
            if !candidates.groups.is_empty() || !candidates.lifetimes.is_empty() {
                contribute(&self.core, of, candidates, &mut self.told, &mut lived);
            }
            if !candidates.updates.is_empty() {
                update_facts(&self.core, of, &candidates.updates, &mut updates);
            }
        }
        ordered.sort_by(|a, b| {
            let event = |hit: &Counted| events.binary_search_by_key(&hit.event, |of| of.number);
            let (Ok(a), Ok(b)) = (event(a), event(b)) else { return std::cmp::Ordering::Equal };
            events[a].event.cmp_order(events[b].event)
        });
        let spread = std::mem::take(&mut self.spread);
        self.core.count_spread(spread);
        if let Some(trace) = &mut self.core.trace {
            trace.number(events.iter().map(|of| (of.number, order_of(of.event))));
        }
        for hit in loose.drain(..) {
            self.core.count(hit);
        }
        let of_one = |a: &Counted, b: &Counted| (a.event, a.at, a.ix) == (b.event, b.at, b.ix);
        for hits in ordered.chunk_by(of_one) {
            self.core.count_event(hits);
        }
        ordered.clear();
        (self.ordered, self.loose) = (ordered, loose);
        for (at, lifetime, amount) in lived {
            self.core.count_lifetime(at, lifetime, amount);
        }
        self.core.lifetimes_phase();
        self.keep_updates(updates);
    }

    fn trace_events(&mut self, events: &[Of<'_>]) {
        for Of { event, at, place, region, .. } in events {
            self.core.trace_event(event, Comes { at: *at, place: *place, region: *region });
        }
    }

    /// Where everyone stands with the quests that NPCs begin to ask about.
    fn tell_asked_anew(&mut self) {
        let Core { plan, holders, out, .. } = &mut self.core;
        for ix in self.asked_anew.drain(..) {
            for of in holders.iter().filter(|of| of.holder.scope == Scope::Player) {
                let Some((state, completions)) = of.records.get(&ix).and_then(Record::stands) else {
                    continue;
                };
                let stands = QuestNow { holder: of.holder, quest: plan.name(ix), state, completions };
                out.out.push(Conclusion::Stands(stands));
            }
        }
    }

    /// Tells what events do to facts, and keeps it until it has been done in the next tick.
    fn keep_updates(&mut self, updates: FxHashMap<Holder, Vec<FactEffect>>) {
        let name = Self::NAME;
        for holder in std::mem::take(&mut self.updated) {
            if !updates.contains_key(&holder) {
                let key = PieceKey::Updates(holder);
                self.core.out.base.push(piece::change::<_, ()>(name, holder.id, &key, None));
            }
        }
        for (holder, effects) in updates {
            let value = (self.core.context.now, effects);
            let key = PieceKey::Updates(holder);
            self.core.out.base.push(piece::change(name, holder.id, &key, Some(&value)));
            self.updated.push(holder);
            self.core.out.out.extend(value.1.into_iter().map(Conclusion::Effect));
        }
    }
}

impl Machine for PlayersMachine {
    type In = PlayersIn;
    type Out = PlayersOut;
    const NAME: BaseName = "quests_of_players";

    fn load(&mut self, row: BaseRow) {
        self.pieces.push(row);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<PlayersIn>, output: &mut Output<PlayersOut>) {
        self.core.context.now = tick;
        drop(self.tell(inputs));
        // Parties must know who is in them; the rest has been told before.
        self.told.retain(|told| matches!(told, PlayersOut::Member(_)));
        self.asked_anew.clear();
        self.updated = self.core.restore(tick, std::mem::take(&mut self.pieces)).updated;
        self.core.trace(|| By::Kept);
        self.core.trace_end();
        output.out.append(&mut self.told);
        self.core.drain(output, PlayersOut::Conclusion);
    }

    fn step(&mut self, tick: Tick, inputs: Vec<PlayersIn>, output: &mut Output<PlayersOut>) {
        self.core.out.keeps_base = output.keeps_base;
        self.core.begin(tick);
        let (events, answers) = self.tell(inputs);
        let mut asked = Vec::new();
        self.core.trace(|| By::Edit);
        self.core.let_go();
        self.core.answer(answers);
        let events = self.sort_out(&events, &mut asked);
        self.core.open_phase();
        self.core.trace(|| By::Time);
        self.core.offer_shared(&mut self.spread);
        self.core.asked(&asked, &BEFORE_EVENTS);
        self.core.trace(|| By::Opened);
        self.told.extend(self.core.handed.drain(..).map(PlayersOut::Together));
        self.match_events(&events);
        self.core.complete_phase();
        self.core.asked(&asked, &[Verb::TurnIn]);
        self.core.fail_phase();
        self.core.asked(&asked, &[Verb::Abandon]);
        self.core.asked(&asked, &[Verb::Revoke]);
        self.core.close_tick();
        self.core.trace_end();
        self.tell_asked_anew();
        output.out.append(&mut self.told);
        self.core.drain(output, PlayersOut::Conclusion);
    }

    fn alarm(&self) -> Option<Tick> {
        if self.updated.is_empty() { self.core.alarm() } else { Some(self.core.context.now + 1) }
    }
}
