//! What stories make of what a rule does: from a fact or an event by arcs, NPCs, storylets and dialogue to the facts that they change.
//!
//! `fact, kind of event ─named by→ arc, NPC, storylet, node ─effects, a tick later→ fact`, with the numbers of ticks that a way may take
//!
//! It looks at definitions alone: more is taken for a consequence than is. What takes longer than [`WINDOW`] is a delay.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{
    ArcDef, Condition, DialogueDef, Effect, NpcDef, Pattern, StepDef, StoryTrigger, StoryletDef,
};

use crate::dialogues::CHOOSE;

/// In how many ticks, the one in which it acts included, what a rule does is known to lead to something.
pub(super) const WINDOW: u64 = 8;

/// Numbers of ticks, as bits: the lowest is none.
pub(super) type Ticks = u8;

/// Where a way begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Start {
    /// A fact changes.
    Fact(Sym),
    /// An event of a kind happens.
    Kind(Sym),
}

/// What a way leads to, and after how many ticks.
#[derive(Default, Debug)]
pub(super) struct Reached {
    pub(super) facts: FxHashMap<Sym, Ticks>,
    pub(super) arcs: FxHashMap<Sym, Ticks>,
    /// That an NPC or a storylet says something, or asks for it.
    pub(super) speech: Ticks,
}

/// An arc, an NPC, a storylet or a node of dialogue, as far as it leads from one thing to another.
#[derive(Default, Debug)]
struct Story {
    /// The kinds of events that it is about.
    kinds: FxHashSet<Sym>,
    /// It answers to whatever addresses any NPC.
    addressed: bool,
    /// The facts that it waits for.
    asks: FxHashSet<Sym>,
    /// It waits for rows of views, whatever they come from.
    sees: bool,
    /// The facts that it changes.
    changes: FxHashSet<Sym>,
    /// The storylet that follows it.
    then: Option<Sym>,
    /// It is decided over all players whether it comes, a tick later, and for some the choice is made anew then.
    claimed: bool,
}

/// A story by what it is and its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Of {
    Arc(Sym),
    Npc(Sym),
    Storylet(Sym),
    Dialogue(Sym),
}

/// The ways that the stories of a realm make.
#[derive(Default, Debug)]
pub(super) struct Paths {
    stories: FxHashMap<Of, Story>,
    /// What has been looked for since the last edit.
    found: FxHashMap<Start, Reached>,
}

impl Paths {
    pub(super) fn define_arc(&mut self, arc: Sym, def: Option<&ArcDef>) {
        self.define(Of::Arc(arc), def.map(story_of_arc));
    }

    pub(super) fn define_npc(&mut self, npc: Sym, def: Option<&NpcDef>) {
        let story = |def: &NpcDef| {
            let mut story = Story::default();
            story.kinds.insert(Sym::new(&def.addressed_by));
            story.asks(&def.when);
            story
        };
        self.define(Of::Npc(npc), def.map(story));
    }

    pub(super) fn define_storylet(&mut self, storylet: Sym, def: Option<&StoryletDef>) {
        self.define(Of::Storylet(storylet), def.map(story_of_storylet));
    }

    pub(super) fn define_dialogue(&mut self, node: Sym, def: Option<&DialogueDef>) {
        self.define(Of::Dialogue(node), def.map(story_of_dialogue));
    }

    fn define(&mut self, of: Of, story: Option<Story>) {
        self.found.clear();
        match story {
            Some(story) => drop(self.stories.insert(of, story)),
            None => drop(self.stories.remove(&of)),
        }
    }

    /// Other definitions than stories are others.
    pub(super) fn forget(&mut self) {
        self.found.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stories.is_empty()
    }

    /// What is reached from a start. `changed_by` says which facts an event of a kind changes without any story.
    pub(super) fn from(&mut self, start: Start, changed_by: impl FnOnce(Sym) -> FxHashSet<Sym>) -> &Reached {
        if !self.found.contains_key(&start) {
            let facts = match start {
                Start::Fact(_) => FxHashSet::default(),
                Start::Kind(kind) => changed_by(kind),
            };
            let reached = self.search(start, facts);
            self.found.insert(start, reached);
        }
        &self.found[&start]
    }

    /// `changed` are the facts that are changed a tick later without a story: what is reached is only what stories lead to.
    fn search(&self, start: Start, changed: FxHashSet<Sym>) -> Reached {
        let mut at: FxHashMap<Of, Ticks> = FxHashMap::default();
        let mut facts: FxHashMap<Sym, Ticks> = FxHashMap::default();
        let kind = match start {
            Start::Fact(fact) => {
                facts.insert(fact, 1);
                None
            }
            Start::Kind(kind) => {
                facts.extend(changed.into_iter().map(|fact| (fact, 2)));
                Some(kind)
            }
        };
        let addresses = kind.is_some_and(|kind| {
            let mut npcs = self.stories.iter().filter(|(of, _)| matches!(of, Of::Npc(_)));
            npcs.any(|(_, npc)| npc.kinds.contains(&kind))
        });
        let claims = self.stories.values().any(|story| story.claimed);
        let mut reached = Reached::default();
        loop {
            let mut grown = false;
            // Rows of views may be of anything that was reached, and are seen a tick later.
            let seen =
                at.values().chain(facts.values()).fold(Ticks::from(kind.is_some()), |all, of| all | *of);
            for (of, story) in &self.stories {
                let met =
                    kind.is_some_and(|kind| story.kinds.contains(&kind)) || story.addressed && addresses;
                let asked = story.asks.iter().filter_map(|fact| facts.get(fact));
                let mut ticks = asked.fold(Ticks::from(met), |all, of| all | *of);
                ticks |= if story.sees { seen << 1 } else { 0 };
                if claims && matches!(of, Of::Storylet(_)) {
                    ticks |= ticks << 1;
                }
                grown |= add(&mut at, *of, ticks);
                let ticks = at.get(of).copied().unwrap_or(0);
                for fact in &story.changes {
                    grown |= add(&mut facts, *fact, ticks << 1);
                    *reached.facts.entry(*fact).or_default() |= ticks << 1;
                }
                if let Some(then) =
                    story.then.map(Of::Storylet).filter(|then| self.stories.contains_key(then))
                {
                    grown |= add(&mut at, then, later(ticks));
                }
            }
            if !grown {
                break;
            }
        }
        for (of, ticks) in at {
            match of {
                Of::Arc(arc) => drop(reached.arcs.insert(arc, ticks)),
                Of::Npc(_) | Of::Storylet(_) => reached.speech |= ticks,
                // Any event may lead to rows of dialogue.
                Of::Dialogue(_) => {}
            }
        }
        reached
    }
}

/// Whether anything is added.
fn add<K: std::hash::Hash + Eq>(to: &mut FxHashMap<K, Ticks>, key: K, ticks: Ticks) -> bool {
    if ticks == 0 {
        return false;
    }
    let of = to.entry(key).or_default();
    let before = std::mem::replace(of, *of | ticks);
    *of != before
}

/// Any number of ticks later, but at least one.
fn later(ticks: Ticks) -> Ticks {
    (1..WINDOW).fold(0, |all, by| all | (ticks << by))
}

impl Story {
    fn asks(&mut self, def: &Condition) {
        self.asks.extend(def.facts.keys().map(|fact| Sym::new(fact)));
        if let Some(compare) = &def.compare {
            compare.facts(|fact| self.asks.extend([Sym::new(fact)]));
            compare.rows(|_| self.sees = true);
        }
        for inner in def.all.iter().chain(&def.any).chain(def.not.as_deref()) {
            self.asks(inner);
        }
    }

    fn is_about(&mut self, pattern: &Pattern) {
        self.kinds.insert(Sym::new(&pattern.event));
        pattern.when.iter().for_each(|when| self.asks(when));
    }

    fn changes(&mut self, effects: &[Effect]) {
        self.changes.extend(effects.iter().map(|effect| match effect {
            Effect::Set { fact, .. } | Effect::Add { fact, .. } => Sym::new(fact),
        }));
    }
}

fn story_of_arc(def: &ArcDef) -> Story {
    let mut story = Story::default();
    story.asks(&def.when);
    def.tension.events.values().for_each(|tense| story.is_about(&tense.pattern));
    for (_, beat) in def.beats.iter() {
        story.asks(&beat.when);
        story.changes(&beat.effects);
        for (_, branch) in beat.branches.iter() {
            story.asks(&branch.when);
            branch.criteria.values().for_each(|criterion| story.asks(&criterion.when));
            branch.chosen_by.iter().for_each(|pattern| story.is_about(pattern));
        }
    }
    story
}

fn story_of_storylet(def: &StoryletDef) -> Story {
    let mut story = Story { claimed: def.limits.are_shared(), ..Story::default() };
    match &def.trigger {
        StoryTrigger::Addressed | StoryTrigger::Bark {} => story.addressed = true,
        // Of what is said by itself it matters what it waits for.
        StoryTrigger::Holds {} => {
            story.asks(&def.when);
            def.criteria.values().for_each(|criterion| story.asks(&criterion.when));
        }
        StoryTrigger::Happens(pattern) => drop(story.kinds.insert(Sym::new(&pattern.event))),
        StoryTrigger::FollowUp {} => {}
    }
    story.changes(&def.effects);
    story.then = def.then.as_ref().map(|then| Sym::new(&then.storylet));
    story
}

/// A node may be come to whenever anybody is addressed, or a player chooses.
fn story_of_dialogue(def: &DialogueDef) -> Story {
    let mut story = Story { addressed: true, ..Story::default() };
    story.kinds.insert(Sym::new(CHOOSE));
    story.changes.extend(def.steps.iter().filter_map(|step| match step {
        StepDef::Set { fact, .. } | StepDef::Add { fact, .. } => Some(Sym::new(fact)),
        _ => None,
    }));
    story
}
