//! Storylets: which of them may be said, and which is the best.
//!
//! `who is addressed, and when a bark, a follow-up or silence is due ─best of those that may be said→ Choice`
//!
//! Storylets stand in lists by trigger and by whom they name, so a choice looks at those of one NPC only. It keeps what was said to
//! whom, and says nothing itself.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::BaseChange;
use worldflow_schemas::definitions::{Condition, Effect, Pattern, Span, StoryTrigger, StoryletDef};
use worldflow_schemas::input::FactChange;
use worldflow_schemas::{ArcStr, Event, Row, Sym, Tick, Value, chance};

use crate::quests::{Cond, Matcher, Plan};
use crate::timers::Timers;

use super::known::Around;
use super::talk::{Pair, Piece};

/// What makes somebody speak, without what comes with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Cue {
    Addressed,
    Bark,
    FollowUp,
    Holds,
    Happens,
}

/// A storylet, compiled.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) def: Arc<StoryletDef>,
    cue: Cue,
    who: Vec<Sym>,
    when: Cond,
    /// Its score before its criteria are looked at.
    base: i64,
    criteria: Vec<Criterion>,
    most: u64,
    cooldown: Option<Span>,
    /// Whether it has limits over all players.
    pub(super) shared: bool,
    /// The events at which it may be said.
    happens: Option<Matcher>,
    pub(super) effects: Vec<(Sym, FactChange)>,
    pub(super) then: Option<(Sym, Span)>,
    /// The prompt by which a tier is asked, and how soon that is done again unasked.
    ask: Option<(Sym, Span)>,
}

#[derive(Debug)]
struct Criterion {
    when: Cond,
    weight: i64,
    required: bool,
}

impl Story {
    fn new(def: Arc<StoryletDef>, plan: &mut Plan) -> Story {
        let when = Cond::new(&def.when, plan);
        let tests = i64::try_from(when.tests()).unwrap_or(i64::MAX);
        let criteria = def.criteria.values().map(|criterion| Criterion {
            when: Cond::new(&criterion.when, plan),
            weight: criterion.weight.into(),
            required: criterion.required,
        });
        let criteria = criteria.collect();
        let player = def.limits.player.clone().unwrap_or_default();
        let most = player.most.map_or(u64::MAX, u64::from);
        Story {
            cue: match def.trigger {
                StoryTrigger::Addressed => Cue::Addressed,
                StoryTrigger::Bark {} => Cue::Bark,
                StoryTrigger::FollowUp {} => Cue::FollowUp,
                StoryTrigger::Holds {} => Cue::Holds,
                StoryTrigger::Happens(_) => Cue::Happens,
            },
            who: def.who.as_slice().iter().map(|name| Sym::new(name)).collect(),
            when,
            base: def.salience.map_or(tests, i64::from),
            criteria,
            most: if def.limits.once { 1 } else { most },
            cooldown: player.cooldown,
            shared: def.limits.are_shared(),
            happens: pattern_of(&def).map(|pattern| Matcher::new(pattern, plan)),
            effects: def.effects.iter().filter_map(effect).collect(),
            then: def.then.as_ref().map(|then| (Sym::new(&then.storylet), then.after)),
            ask: def.ask.as_ref().map(|ask| (Sym::new(&ask.prompt), ask.every)),
            def,
        }
    }

    /// The prompt by which a tier is asked, if one is.
    pub(super) fn prompt(&self) -> Option<Sym> {
        self.ask.map(|(prompt, _)| prompt)
    }

    /// Whether nobody has to address anyone for it to be said.
    pub(super) fn is_unasked(&self) -> bool {
        self.cue == Cue::Holds
    }

    /// Its score, if what it asks for holds.
    fn score(&self, around: &Around<'_>) -> Option<i64> {
        if !around.meets(&self.when) {
            return None;
        }
        self.criteria.iter().try_fold(self.base, |score, criterion| {
            match (around.meets(&criterion.when), criterion.required) {
                (true, _) => Some(score.saturating_add(criterion.weight)),
                (false, false) => Some(score),
                (false, true) => None,
            }
        })
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        conditions_of(&self.def)
    }

    fn is_timed(&self) -> bool {
        self.when.is_timed() || self.criteria.iter().any(|criterion| criterion.when.is_timed())
    }
}

/// What decides between two that fit as well and were said as long ago: a draw, and then their ids.
fn lot(choice: &Choice, times: u64, around: &Around<'_>) -> (u64, &'static str, &'static str) {
    let (player, storylet, npc) = (around.player(), choice.storylet.as_str(), choice.npc.as_str());
    let key = format!("{player}/{npc}/{storylet}");
    (chance::draw(around.seed(), "storylet", &key, times), storylet, npc)
}

/// The conditions of a storylet.
pub(super) fn conditions_of(def: &StoryletDef) -> impl Iterator<Item = &Condition> {
    let criteria = def.criteria.values().map(|criterion| &criterion.when);
    let happens = pattern_of(def).and_then(|pattern| pattern.when.as_ref());
    std::iter::once(&def.when).chain(criteria).chain(happens)
}

/// The events at which a storylet may be said.
pub(super) fn pattern_of(def: &StoryletDef) -> Option<&Pattern> {
    match &def.trigger {
        StoryTrigger::Happens(pattern) => Some(pattern),
        _ => None,
    }
}

fn effect(def: &Effect) -> Option<(Sym, FactChange)> {
    Some(match def {
        Effect::Set { fact, to, .. } => (Sym::new(fact), FactChange::Set(Value::from_json(to)?)),
        Effect::Add { fact, by, .. } => {
            (Sym::new(fact), FactChange::Add(Value::from_json(&by.clone().into())?))
        }
    })
}

/// What is known of a storylet and a player.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) times: u64,
    pub(super) last: Option<Tick>,
}

/// The number of a piece of base state that holds a [`Memory`], of a storylet in the NPC's place.
pub(super) const MEMORY: u64 = u64::MAX;
/// That of a storylet that is to follow.
pub(super) const FOLLOWS: u64 = u64::MAX - 1;
/// That of when a player was last spoken to unasked; the storylet is [`Sym::NONE`].
pub(super) const QUIET: u64 = u64::MAX - 2;

/// That of what a storylet has done in a tick.
pub(super) const DONE: u64 = u64::MAX - 3;

/// What storylets would ask, of those that ask and may.
pub(super) type Asks = FxHashMap<Choice, ArcStr>;

/// What is said, by whom.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Choice {
    pub(super) storylet: Sym,
    pub(super) npc: Sym,
}

/// The storylets, and what was said of them to the players of a shard.
#[derive(Debug, Default)]
pub(super) struct Storylets {
    stories: FxHashMap<Sym, Story>,
    /// By what makes them be said and by a name in `who`, in the order of ids.
    lists: FxHashMap<(Cue, Sym), Vec<Sym>>,
    /// Those that may be said at an event, by its kind.
    at_events: FxHashMap<Sym, Vec<Sym>>,
    memory: FxHashMap<Sym, FxHashMap<Sym, Memory>>,
    /// Those whose limits over all players leave no room, as of the tick before: for an NPC, or for all by [`Sym::NONE`].
    pub(super) closed: FxHashSet<(Sym, Sym)>,
    /// What players claim in this tick: player and storylet.
    pub(super) claimed: FxHashSet<(Sym, Sym)>,
    /// When a player was last spoken to unasked.
    pub(super) spoken: FxHashMap<Sym, Tick>,
    /// What is to follow, by player and storylet.
    pub(super) follows: Timers<(Sym, Sym)>,
    /// What was done to facts, as it was given back: player, storylet and tick, regions.
    pub(super) done: Vec<(Sym, (Sym, Tick), Vec<Sym>)>,
    /// When a storylet has last asked what for a player, unasked.
    pub(super) wondered: FxHashMap<(Sym, Sym), (Tick, ArcStr)>,
    /// Whether one that is said unasked can become so by time alone.
    timed: bool,
    /// How many were looked at, of all choices.
    pub(super) looked_at: u64,
}

impl Storylets {
    /// These are other from this tick on.
    pub(super) fn define(&mut self, edits: Vec<(Sym, Option<Arc<StoryletDef>>)>, plan: &mut Plan) {
        if edits.is_empty() {
            return;
        }
        for (id, def) in edits {
            match def {
                Some(def) => drop(self.stories.insert(id, Story::new(def, plan))),
                None => drop(self.stories.remove(&id)),
            }
        }
        self.lists.clear();
        for (id, story) in &self.stories {
            for name in &story.who {
                self.lists.entry((story.cue, *name)).or_default().push(*id);
            }
        }
        self.lists.values_mut().for_each(|list| list.sort_by(|a, b| a.cmp_text(*b)));
        self.at_events.clear();
        for (id, story) in &self.stories {
            if let Some(pattern) = pattern_of(&story.def) {
                self.at_events.entry(Sym::new(&pattern.event)).or_default().push(*id);
            }
        }
        self.timed = self.stories.values().any(|story| story.cue == Cue::Holds && story.is_timed());
    }

    /// Whether there is room. Returns whether somebody may say it unasked now who could not before.
    pub(super) fn note_closed(&mut self, storylet: Sym, npc: Sym, closed: bool) -> bool {
        if closed {
            self.closed.insert((storylet, npc));
        } else {
            self.closed.remove(&(storylet, npc));
        }
        !closed && self.stories.get(&storylet).is_some_and(Story::is_unasked)
    }

    pub(super) fn get(&self, id: Sym) -> Option<&Story> {
        self.stories.get(&id)
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.stories.values().flat_map(Story::conditions)
    }

    /// Those that are said unasked, with their conditions.
    pub(super) fn unasked(&self) -> impl Iterator<Item = (Sym, Vec<&Condition>)> {
        let unasked = self.stories.iter().filter(|(_, story)| story.is_unasked());
        unasked.map(|(id, story)| (*id, story.conditions().collect()))
    }

    /// Whether any is said unasked.
    pub(super) fn speaks_unasked(&self) -> bool {
        self.lists.keys().any(|(cue, _)| *cue == Cue::Holds)
    }

    /// Whether what is said unasked can be another by time alone.
    pub(super) fn is_timed(&self) -> bool {
        self.timed
    }

    /// The storylets of an NPC, by itself and by its tags, some twice.
    fn of_npc<'a>(&'a self, cue: Cue, npc: Sym, plan: &'a Plan) -> impl Iterator<Item = Sym> + 'a {
        let names = std::iter::once(npc).chain(plan.tags_of(npc).iter().copied());
        names.filter_map(move |name| self.lists.get(&(cue, name))).flatten().copied()
    }

    /// Those that are said unasked and ask a tier, of these NPCs: with prompt, and how soon again.
    pub(super) fn that_ask(&self, npcs: &[Sym], plan: &Plan) -> Vec<(Choice, Sym, Span)> {
        let of = |npc: &Sym| {
            let npc = *npc;
            let ids = self.of_npc(Cue::Holds, npc, plan);
            ids.filter_map(move |storylet| {
                let (prompt, every) = self.stories.get(&storylet)?.ask?;
                Some((Choice { storylet, npc }, prompt, every))
            })
            .collect::<Vec<_>>()
        };
        npcs.iter().flat_map(of).collect()
    }

    /// From which tick on a storylet may ask this unasked; never what it has asked last.
    pub(super) fn wonders_from(&self, player: Sym, storylet: Sym, digest: &str, every: u64) -> Option<Tick> {
        let Some((at, before)) = self.wondered.get(&(player, storylet)) else { return Some(0) };
        (before != digest).then(|| at.saturating_add(every))
    }

    /// The best that these NPCs may say to a player unasked. One that asks a tier must be among `asks`.
    pub(super) fn best_unasked(
        &mut self,
        npcs: &[Sym],
        around: &Around<'_>,
        asks: &Asks,
        noted: &mut Vec<(Sym, Memory)>,
    ) -> Option<Choice> {
        let mut among = self.among(Cue::Holds, npcs, around);
        among.retain(|choice| {
            let asks_a_tier = self.stories.get(&choice.storylet).is_some_and(|story| story.ask.is_some());
            !asks_a_tier || asks.contains_key(choice)
        });
        self.choose(&among, around, noted)
    }

    fn among(&self, cue: Cue, npcs: &[Sym], around: &Around<'_>) -> Vec<Choice> {
        let of = |npc: &Sym| {
            let npc = *npc;
            let ids = self.of_npc(cue, npc, around.plan());
            ids.map(move |storylet| Choice { storylet, npc }).collect::<Vec<_>>()
        };
        npcs.iter().flat_map(of).collect()
    }

    /// The best that these NPCs may say to a player. Every NPC's own condition has been tested.
    pub(super) fn best(
        &mut self,
        cue: Cue,
        npcs: &[Sym],
        around: &Around<'_>,
        noted: &mut Vec<(Sym, Memory)>,
    ) -> Option<Choice> {
        let among = self.among(cue, npcs, around);
        self.choose(&among, around, noted)
    }

    /// Those that may be said at an event.
    pub(super) fn at_event(&self, event: &Event, around: &Around<'_>) -> Vec<Sym> {
        let fits = |id: &&Sym| {
            let happens = self.stories.get(*id).and_then(|story| story.happens.as_ref());
            happens.is_some_and(|happens| around.fits(happens, event))
        };
        self.at_events.get(&event.kind).into_iter().flatten().filter(fits).copied().collect()
    }

    /// The best of these storylets, and the best of these NPCs to say it to a player.
    pub(super) fn best_of(
        &mut self,
        (cue, storylets): (Cue, &[Sym]),
        npcs: &[Sym],
        around: &Around<'_>,
        noted: &mut Vec<(Sym, Memory)>,
    ) -> Option<Choice> {
        let mut among = Vec::new();
        for id in storylets {
            let Some(story) = self.stories.get(id).filter(|story| story.cue == cue) else { continue };
            let who = npcs.iter().filter(|npc| around.plan().is_one_of(**npc, &story.who));
            among.extend(who.map(|npc| Choice { storylet: *id, npc: *npc }));
        }
        self.choose(&among, around, noted)
    }

    /// The best of these that may be said. What might be said for the first time is noted.
    fn choose(
        &mut self,
        among: &[Choice],
        around: &Around<'_>,
        noted: &mut Vec<(Sym, Memory)>,
    ) -> Option<Choice> {
        let player = around.player();
        let memory = self.memory.entry(player).or_default();
        self.looked_at += among.len() as u64;
        let mut best: Option<((Reverse<i64>, Option<Tick>), u64, Choice)> = None;
        for choice in among {
            let Some(story) = self.stories.get(&choice.storylet) else { continue };
            let known = memory.get(&choice.storylet).copied();
            let now = known.unwrap_or_default();
            let rested = now
                .last
                .zip(story.cooldown)
                .is_none_or(|(last, cooldown)| around.now().saturating_sub(last) >= around.ticks(cooldown));
            if now.times >= story.most || !rested {
                continue;
            }
            let closed = |npc| self.closed.contains(&(choice.storylet, npc));
            let claimed = || self.claimed.contains(&(player, choice.storylet));
            if story.shared && (closed(Sym::NONE) || closed(choice.npc) || claimed()) {
                continue;
            }
            let Some(score) = story.score(around) else { continue };
            if known.is_none() {
                memory.insert(choice.storylet, now);
                noted.push((choice.storylet, now));
            }
            let rank = (Reverse(score), now.last);
            let ahead = best.as_ref().is_none_or(|(other, times, before)| match rank.cmp(other) {
                Ordering::Equal => lot(choice, now.times, around) < lot(before, *times, around),
                order => order == Ordering::Less,
            });
            if ahead {
                best = Some((rank, now.times, *choice));
            }
        }
        best.map(|(.., choice)| choice)
    }

    /// When the first of these that rest may be said again.
    pub(super) fn rests_until(&self, cue: Cue, npcs: &[Sym], around: &Around<'_>) -> Option<Tick> {
        let memory = self.memory.get(&around.player())?;
        let ids = npcs.iter().flat_map(|npc| self.of_npc(cue, *npc, around.plan()));
        let ends = ids.filter_map(|id| {
            let cooldown = self.stories.get(&id)?.cooldown?;
            Some(memory.get(&id)?.last?.saturating_add(around.ticks(cooldown)))
        });
        ends.filter(|end| *end > around.now()).min()
    }

    /// What is known of a storylet and a player.
    pub(super) fn known(&self, player: Sym, storylet: Sym) -> Memory {
        self.memory.get(&player).and_then(|of| of.get(&storylet)).copied().unwrap_or_default()
    }

    /// It is said to a player in this tick. Returns what is known now.
    pub(super) fn note_said(&mut self, player: Sym, storylet: Sym, tick: Tick) -> Memory {
        let memory = self.memory.entry(player).or_default().entry(storylet).or_default();
        memory.times += 1;
        memory.last = Some(tick);
        *memory
    }

    /// What is known is given back.
    pub(super) fn remember(&mut self, player: Sym, storylet: Sym, memory: Memory) {
        self.memory.entry(player).or_default().insert(storylet, memory);
    }

    /// All that is known: player, storylet.
    pub(super) fn all_memory(&self) -> impl Iterator<Item = (Sym, Sym, Memory)> + '_ {
        self.memory
            .iter()
            .flat_map(|(player, of)| of.iter().map(|(story, memory)| (*player, *story, *memory)))
    }
}

impl Memory {
    /// Its row.
    pub(super) fn row(self, realm: Sym, player: Sym, storylet: Sym) -> Row {
        Row::from([
            Value::id(realm),
            Value::Sym(player),
            Value::Sym(storylet),
            Value::count(self.times),
            self.last.map_or(Value::Null, Value::count),
        ])
    }

    /// Its piece of base state.
    pub(super) fn piece(self, player: Sym, storylet: Sym) -> BaseChange {
        Pair { player, npc: storylet }.piece(MEMORY, Some(&Piece::Memory(self)))
    }
}
