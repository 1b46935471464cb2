//! How deep a chain of rules is: what a rule does may be the cause of what triggers the next.
//!
//! `what rules did in this tick and the one before ─may have led to the row→ its depth, and one more`
//!
//! Of a fact it is known exactly what rules did to it. What an event led to is judged by the kinds that quests and facts name, and what
//! arcs, NPCs and storylets make of either by [`super::paths`]: more is taken for its consequence than is, never less within a tick.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::{ArcDef, DialogueDef, NpcDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Row, Sym, Tick, Value};

use super::paths::{Paths, Reached, Start, Ticks, WINDOW};
use super::reads::{Reads, SqlViews};
use super::rows::Fired;
use crate::sql::EVENTS;

/// The longest chain of rules.
pub const MOST_DEPTH: u32 = 16;

/// Something that a rule did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Acted {
    /// When it took effect; 0 for the tick in which it is told.
    pub at: Tick,
    /// How deep in its chain.
    pub depth: u32,
    /// What.
    pub cause: Cause,
}

/// What may have led to a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cause {
    /// A fact changed.
    Fact(Holder, Sym),
    /// An event of a kind happened, of a player, if it had one.
    Event {
        /// The kind.
        kind: Sym,
        /// The player.
        player: Sym,
    },
}

impl Cause {
    /// The player whom it is about, if any.
    fn player(self) -> Option<Sym> {
        match self {
            Cause::Fact(holder, _) => (holder.scope == Scope::Player).then_some(holder.id),
            Cause::Event { player, .. } => (!player.is_none()).then_some(player),
        }
    }
}

/// What rules did, and what leads to what.
#[derive(Debug, Default)]
pub(super) struct Depths {
    /// By the player whom it is about, if it is about one.
    acted: FxHashMap<Option<Sym>, Vec<Acted>>,
    paths: Paths,
    /// The kinds of events that count for a quest, and the facts that it changes.
    quests: FxHashMap<Sym, Names>,
    /// The kinds of events that change a fact.
    facts: FxHashMap<Sym, FxHashSet<Sym>>,
    /// The kinds that lifetime counters count.
    counters: FxHashMap<String, Sym>,
    pub(super) sql: SqlViews,
}

#[derive(Debug, Default)]
struct Names {
    kinds: FxHashSet<Sym>,
    facts: FxHashSet<Sym>,
}

/// Views to whose rows an event may lead.
const BY_EVENTS: [ViewId; 19] = [
    catalog::QUEST_STATE,
    catalog::OBJECTIVE_PROGRESS,
    catalog::COMMUNITY_PROGRESS,
    catalog::CONTRIBUTIONS,
    catalog::GRANTS,
    catalog::PAST_GRANTS,
    catalog::LEVELS,
    catalog::NPC_REQUESTS,
    catalog::NPC_LINES,
    catalog::NPC_SENTENCES,
    catalog::NPC_VERDICTS,
    catalog::FACTS,
    catalog::ARC_STATE,
    catalog::ARC_TENSION,
    catalog::ARC_BRANCHES,
    catalog::DIALOGUES,
    catalog::DIALOGUE_LINES,
    catalog::DIALOGUE_OPTIONS,
    catalog::NPC_DIRECTIVES,
];

/// Views to whose rows it leads that an NPC has something to say.
const BY_SPEECH: [ViewId; 7] = [
    catalog::NPC_REQUESTS,
    catalog::NPC_LINES,
    catalog::NPC_SENTENCES,
    catalog::NPC_VERDICTS,
    catalog::STORYLET_MEMORY,
    catalog::STORYLET_REACH,
    catalog::STORYLET_LIMITS,
];

/// Views of arcs.
const OF_ARCS: [ViewId; 3] = [catalog::ARC_STATE, catalog::ARC_TENSION, catalog::ARC_BRANCHES];

impl Reached {
    /// Whether it leads to a row so many ticks later.
    fn leads_to(&self, view: ViewId, row: &Row, age: Ticks) -> bool {
        let ticks = |all: &FxHashMap<Sym, Ticks>, column: &str| match view
            .def()
            .column(column)
            .and_then(|column| row.get(column))
        {
            Some(Value::Sym(id)) => all.get(id).copied().unwrap_or(0),
            _ => 0,
        };
        let ticks = match view {
            catalog::FACTS => ticks(&self.facts, "fact"),
            catalog::TIER_STATES => self.facts.values().fold(0, |all, ticks| all | ticks),
            view if OF_ARCS.contains(&view) => ticks(&self.arcs, "arc"),
            view if BY_SPEECH.contains(&view) => self.speech,
            _ => 0,
        };
        ticks & age != 0
    }

    /// Whether it leads to a row of a view in SQL.
    fn leads_to_sql(&self, reads: &Reads, age: Ticks) -> bool {
        let any = |views: &[ViewId]| views.iter().any(|view| reads.names(view.def().name));
        let fact = |(fact, ticks): (&Sym, &Ticks)| ticks & age != 0 && reads.quotes(fact.as_str());
        self.facts.iter().any(fact) && any(&[catalog::FACTS])
            || self.facts.values().any(|ticks| ticks & age != 0) && any(&[catalog::TIER_STATES])
            || self.arcs.values().any(|ticks| ticks & age != 0) && any(&OF_ARCS)
            || self.speech & age != 0 && any(&BY_SPEECH)
    }
}

impl Depths {
    pub(super) fn new(world: &WorldDef) -> Depths {
        let mut depths = Depths::default();
        for (name, fact) in &world.facts {
            let kinds = fact.changed_by.iter().map(|update| Sym::new(&update.pattern.event)).collect();
            depths.facts.insert(Sym::new(name), kinds);
        }
        for (name, counter) in &world.lifetime {
            depths.counters.insert(name.clone(), Sym::new(&counter.pattern.event));
        }
        depths
    }

    /// An arc is another.
    pub(super) fn define_arc(&mut self, arc: Sym, def: Option<&ArcDef>) {
        self.paths.define_arc(arc, def);
        self.define(Sym::new(&format!("arc:{arc}")), def);
    }

    /// An NPC is another.
    pub(super) fn define_npc(&mut self, npc: Sym, def: Option<&NpcDef>) {
        self.paths.define_npc(npc, def);
    }

    /// A storylet is another.
    pub(super) fn define_storylet(&mut self, storylet: Sym, def: Option<&StoryletDef>) {
        self.paths.define_storylet(storylet, def);
    }

    /// A node of dialogue is another.
    pub(super) fn define_dialogue(&mut self, node: Sym, def: Option<&DialogueDef>) {
        self.paths.define_dialogue(node, def);
    }

    /// A quest is another, or an arc by a name that no quest can have.
    pub(super) fn define(&mut self, quest: Sym, def: Option<&impl Serialize>) {
        self.paths.forget();
        let Some(def) = def else { return drop(self.quests.remove(&quest)) };
        let mut names = Names::default();
        // Wherever in it events and facts stand: the language grows.
        let json = serde_json::to_value(def).unwrap_or_default();
        self.names(&json, &mut names);
        self.quests.insert(quest, names);
    }

    fn names(&self, json: &serde_json::Value, names: &mut Names) {
        match json {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    match (key.as_str(), value.as_str()) {
                        ("event", Some(kind)) => drop(names.kinds.insert(Sym::new(kind))),
                        ("lifetime", Some(counter)) => names.kinds.extend(self.counters.get(counter)),
                        ("fact", Some(fact)) => drop(names.facts.insert(Sym::new(fact))),
                        _ => self.names(value, names),
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.names(item, names)),
            _ => {}
        }
    }

    /// A rule did something.
    pub(super) fn tell(&mut self, acted: Acted) {
        self.acted.entry(acted.cause.player()).or_default().push(acted);
    }

    /// Forgets what leads to nothing any more in a tick.
    pub(super) fn forget(&mut self, tick: Tick) {
        self.acted.retain(|_, all| {
            all.retain(|acted| acted.at + WINDOW > tick);
            !all.is_empty()
        });
    }

    /// The depth of what is triggered in a tick: 1 when no rule may have caused it.
    pub(super) fn of(&mut self, fired: &Fired, tick: Tick) -> u32 {
        let Some((view, row)) = fired.row.as_ref().filter(|_| !fired.by_time && !fired.existing) else {
            return 1;
        };
        // What is about another player leads to nothing of a player's.
        let of_none = self.acted.get(&None).into_iter().flatten();
        let acted: Vec<Acted> = match fired.holder.scope {
            Scope::Player => {
                let own = self.acted.get(&Some(fired.holder.id)).into_iter().flatten();
                own.chain(of_none).copied().collect()
            }
            _ => self.acted.values().flatten().copied().collect(),
        };
        let mut depth = 0;
        for acted in acted {
            // Only what is deeper matters.
            if acted.depth > depth && self.leads(&acted, *view, row, fired.holder, tick) {
                depth = acted.depth;
            }
        }
        1 + depth
    }

    fn leads(&mut self, acted: &Acted, view: ViewId, row: &Row, holder: Holder, tick: Tick) -> bool {
        let at_once = match self.sql.get(view.def().name).filter(|_| !view.is_built_in()) {
            Some(reads) => self.may_lead_to_sql(acted, reads, holder, tick),
            None => self.may_lead(acted, view, row, holder, tick),
        };
        if at_once || self.paths.is_empty() || acted.at > tick {
            return at_once;
        }
        let start = match acted.cause {
            Cause::Fact(_, fact) => Start::Fact(fact),
            Cause::Event { kind, .. } => Start::Kind(kind),
        };
        let mut paths = std::mem::take(&mut self.paths);
        let changed_by =
            |kind| self.facts.keys().copied().filter(|fact| self.changes_fact(kind, *fact)).collect();
        let reached = paths.from(start, changed_by);
        let age: Ticks = 1_u8.checked_shl(u32::try_from(tick - acted.at).unwrap_or(u32::MAX)).unwrap_or(0);
        let leads = match self.sql.get(view.def().name).filter(|_| !view.is_built_in()) {
            Some(reads) => reached.leads_to_sql(reads, age),
            None => reached.leads_to(view, row, age),
        };
        self.paths = paths;
        leads
    }

    /// Of a view in SQL it is known what it may read, and which facts it names.
    fn may_lead_to_sql(&self, acted: &Acted, reads: &Reads, holder: Holder, tick: Tick) -> bool {
        let facts = reads.names(catalog::FACTS.def().name);
        match acted.cause {
            Cause::Fact(of, changed) => {
                let apart = of.scope == Scope::Player && holder.scope == Scope::Player && of != holder;
                let by_tiers = of.scope == Scope::Realm && reads.names(catalog::TIER_STATES.def().name);
                acted.at == tick && (by_tiers || facts && !apart && reads.quotes(changed.as_str()))
            }
            Cause::Event { .. } if acted.at + 1 < tick => false,
            Cause::Event { kind, player } => {
                let theirs = holder.scope != Scope::Player || holder.id == player;
                let others = BY_EVENTS.iter().filter(|view| **view != catalog::FACTS);
                let of_events = reads.names(EVENTS);
                let read = || of_events || others.clone().any(|view| reads.names(view.def().name));
                let named = || {
                    let known = self.facts.keys().filter(|fact| reads.quotes(fact.as_str()));
                    known.copied().any(|fact| self.changes_fact(kind, fact))
                };
                let by_tiers = reads.names(catalog::TIER_STATES.def().name) && self.changes_facts(kind);
                by_tiers || theirs && (read() || facts && named())
            }
        }
    }

    /// Whether an event of a kind may change a fact: by itself, or by a quest for which it counts.
    fn changes_fact(&self, kind: Sym, fact: Sym) -> bool {
        let asks = kind.as_str().starts_with("quest.");
        let by_quest = |names: &Names| names.facts.contains(&fact) && (asks || names.kinds.contains(&kind));
        self.facts.get(&fact).is_some_and(|kinds| kinds.contains(&kind)) || self.quests.values().any(by_quest)
    }

    /// Whether an event of a kind may change any fact.
    fn changes_facts(&self, kind: Sym) -> bool {
        self.facts.keys().any(|fact| self.changes_fact(kind, *fact))
    }

    fn may_lead(&self, acted: &Acted, view: ViewId, row: &Row, holder: Holder, tick: Tick) -> bool {
        let sym = |name: &str| match view.def().column(name).and_then(|column| row.get(column)) {
            Some(Value::Sym(sym)) => Some(*sym),
            _ => None,
        };
        let fact = || sym("fact").filter(|_| view == catalog::FACTS);
        match acted.cause {
            Cause::Fact(of, changed) => {
                // Whether a tier may be asked hangs on facts of the realm.
                let of_tiers = view == catalog::TIER_STATES && of.scope == Scope::Realm;
                acted.at == tick && (of_tiers || of == holder && fact() == Some(changed))
            }
            Cause::Event { .. } if acted.at + 1 < tick => false,
            Cause::Event { kind, player } => {
                let theirs = holder.scope != Scope::Player || holder.id == player;
                if view == catalog::TIER_STATES {
                    return self.changes_facts(kind);
                }
                if !theirs || !BY_EVENTS.contains(&view) {
                    return false;
                }
                let asks = kind.as_str().starts_with("quest.");
                let counts = |names: &Names| asks || names.kinds.contains(&kind);
                if let Some(fact) = fact() {
                    return self.changes_fact(kind, fact);
                }
                match sym("quest") {
                    Some(quest) => self.quests.get(&quest).is_some_and(counts),
                    None => true,
                }
            }
        }
    }
}
