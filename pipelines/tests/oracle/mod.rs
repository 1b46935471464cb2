//! A naive evaluator of quests and storylets, written from `docs/semantics.md` alone: it keeps every input, folds
//! tick by tick with maps and plain loops, and says every change of `quest_state`,
//! `objective_progress`, `contributions` and `grants`, of facts, and of what NPCs say.
//!
//! It shares nothing with the graph but the types of definitions and inputs. World time runs at a
//! constant scale, and the weather is given.

#![allow(missing_docs, unreachable_pub, dead_code)]

mod aggregates;
mod calendars;
mod clock;
pub mod compare;
mod conditions;
mod counting;
pub mod edits;
mod facts;
mod fold;
mod offers;
mod passing;
pub mod print;
pub mod random;
mod random_edits;
mod random_inputs;
mod random_rules;
pub mod random_storylets;
mod rewards;
mod roles;
mod rows;
mod rows_seen;
mod rules;
mod sharing;
mod spoken_rows;
mod stories;
mod storylet_limits;
mod storylets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use offers::{gated, reset_after};

use clock::{Clock, ClockNow};
use worldflow_schemas::definitions::{Condition, QuestDef, QuestState, Repeat, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Diff, Input, Sym, Tick, Value};

/// A change of a row: view, columns as JSON, tick, diff.
pub type Seen = (&'static str, Vec<serde_json::Value>, Tick, Diff);

/// The weather of a zone from a tick on, as the graph's `weather` view has it.
#[derive(Clone, Debug)]
pub struct WeatherRow {
    pub tick: Tick,
    pub zone: String,
    pub state: String,
    pub intensity: Value,
    pub since: Tick,
}

#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Place {
    pub server: Sym,
    pub region: Sym,
    pub instance: Sym,
    pub party: Sym,
    pub guild: Sym,
    pub account: Sym,
}

impl Place {
    pub fn is_in(&self, group: Holder) -> bool {
        let of = match group.scope {
            Scope::Party => self.party,
            Scope::Guild => self.guild,
            Scope::Account => self.account,
            Scope::Instance => self.instance,
            _ => return false,
        };
        of == group.id
    }
}

#[derive(Clone, Debug)]
pub struct HeldFact {
    pub value: Value,
    pub expires: Option<Tick>,
}

#[derive(Clone, Debug)]
pub struct Effect {
    pub holder: Holder,
    pub fact: String,
    pub change: FactChange,
}

#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub value: u32,
    pub done: bool,
    pub hidden: bool,
    /// Revealed in the next tick.
    pub ripe: bool,
    pub distinct: BTreeSet<String>,
    /// Every event that has added to it since it was last 0.
    pub events: Vec<Added>,
    /// What each player has, where players are counted.
    pub of_player: BTreeMap<Sym, u32>,
    /// Since when its condition holds.
    pub holds_since: Option<Tick>,
    /// When it was last done, while something comes after it for a time.
    pub done_at: Option<Tick>,
}

/// What an event has added.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    pub at: Tick,
    pub n: u32,
    /// What was needed then.
    pub need: u32,
}

/// What is kept of a holder and a quest.
#[derive(Clone, Debug)]
pub struct Held {
    pub instance: i64,
    pub state: QuestState,
    pub since: Tick,
    pub deadline: Option<Tick>,
    pub completions: i64,
    pub stage: usize,
    pub stage_opened: Tick,
    pub objectives: Vec<Progress>,
    /// Credits by (stage, objective, player).
    pub credits: BTreeMap<(String, String, Sym), i64>,
    /// The branches by which the open stage is done in this tick, the first to be so first, each with the player of
    /// the event; the empty branch if it has none.
    pub won: Vec<(String, Sym)>,
    /// The branches by which stages were done.
    pub branches: BTreeMap<String, String>,
    /// How many times the open stage has been opened, once it says `times`.
    pub rounds: Option<u32>,
    /// The player whose event was the first to be credited.
    pub tapper: Option<Sym>,
    /// Who has each role.
    pub roles: BTreeMap<String, String>,
    /// The next stage opens at the next tick.
    pub goes_on: bool,
    pub failing: bool,
    /// A done quest reopens at this tick.
    pub reopens: Option<Tick>,
}

#[derive(Clone, Debug)]
pub struct Grant {
    pub row: Vec<serde_json::Value>,
}

impl Grant {
    /// Whether an answer is waited for.
    pub fn is_open(&self) -> bool {
        self.row[10] == "pending" || self.row[10] == "clawback"
    }
}

pub struct Oracle {
    pub world: Arc<WorldDef>,
    pub quests: BTreeMap<Arc<str>, Arc<QuestDef>>,
    pub realm: Sym,
    pub clock: Clock,
    /// The clock as of the tick.
    pub now: ClockNow,
    pub length: TickLength,
    pub weather: Vec<WeatherRow>,
    /// Look at every holder at every tick, not only where something may have changed.
    pub exhaustive: bool,
    pub tags: BTreeMap<String, Vec<String>>,
    /// Which entities there are.
    pub there: BTreeSet<String>,
    /// Where entities are.
    pub regions: BTreeMap<String, String>,
    pub places: BTreeMap<Sym, Place>,
    pub known: BTreeSet<Holder>,
    pub facts: BTreeMap<(Holder, String), HeldFact>,
    /// How often a fact has changed.
    pub versions: BTreeMap<(Holder, String), u64>,
    pub rules: rules::Rules,
    /// What NPCs say.
    pub spoken: storylets::Spoken,
    /// What conditions see of views.
    pub rows_seen: rows_seen::RowsSeen,
    /// How many chains of rules were too deep.
    pub too_deep: u64,
    /// Updates by events, in their order, and effects of quests: for the next tick.
    pub updates: Vec<Effect>,
    /// The members of each group, by the fact that counts them.
    pub sizes: BTreeMap<String, BTreeMap<Holder, i64>>,
    pub effects: BTreeMap<(String, Scope, &'static str, usize), Effect>,
    pub held: BTreeMap<Holder, BTreeMap<Arc<str>, Held>>,
    /// The times at which each pool draws, from the last before the first tick on.
    pub periods: BTreeMap<String, Vec<i64>>,
    /// The windows of quests in UTC milliseconds.
    pub windows: BTreeMap<Arc<str>, (Option<i64>, Option<i64>)>,
    /// What events of this tick count for others in the next one.
    pub shared: Vec<sharing::Shared>,
    /// Quests that are handed on to players in the next tick.
    pub handed: Vec<(Sym, String)>,
    /// Every event that a lifetime counter has counted: (tick, amount).
    pub lifetime: BTreeMap<(Holder, String), Vec<(Tick, i64)>>,
    pub experience: BTreeMap<Sym, i64>,
    /// Who earned experience in this tick.
    pub earned: Vec<Sym>,
    /// Levels as of the end of the tick before.
    pub levels_seen: BTreeMap<Sym, i64>,
    /// Records as of the end of the tick before.
    pub seen: BTreeMap<Holder, BTreeMap<Arc<str>, (QuestState, i64)>>,
    pub grants: BTreeMap<String, Grant>,
    /// Ids of answered grants, by when they go.
    pub leaving: BTreeSet<(Tick, String)>,
    /// Every grant that has gone, as it was, by what it is added up by.
    pub gone: BTreeMap<String, Vec<Vec<serde_json::Value>>>,
    /// The highest instance of groups that have ended.
    pub highest: BTreeMap<Holder, i64>,
    /// Whom to look at, and when.
    pub look: BTreeMap<Tick, BTreeSet<Holder>>,
    /// When to look at everyone.
    pub sweeps: BTreeSet<Tick>,
    /// Facts and quests that prerequisites and failure conditions name.
    pub facts_named: BTreeSet<String>,
    pub quests_named: BTreeSet<String>,
    pub rows: BTreeMap<Holder, Vec<(&'static str, Vec<serde_json::Value>)>>,
    pub changes: Vec<Seen>,
    pub refused: u64,
    /// Resets of quests, for objectives that count since the last.
    pub resets: BTreeMap<Arc<str>, edits::Resets>,
    /// Before which tick's events quests became available, by the lifetime counter that they read since then.
    pub available: BTreeMap<(Holder, Arc<str>), BTreeMap<String, Tick>>,
    /// The quests that go on under other ids from this tick on: new and former.
    pub moved: Vec<(Arc<str>, Arc<str>)>,
    /// The last tick that is folded.
    pub until: Tick,
    /// The tick that is folded.
    pub tick: Tick,
}

impl Oracle {
    /// An evaluator of a world whose clock begins at `origin`.
    pub fn new(
        world: &WorldDef,
        quests: &BTreeMap<String, Arc<QuestDef>>,
        realm: Sym,
        origin: Tick,
    ) -> Oracle {
        let tags = world.entities.iter().map(|(id, entity)| (id.clone(), entity.tags.clone())).collect();
        let clock = Clock::new(&world.clock, origin, world.tick_ms);
        let mut oracle = Oracle {
            now: clock.now(origin),
            clock,
            length: TickLength { tick_ms: world.tick_ms },
            world: Arc::new(world.clone()),
            quests: quests.iter().map(|(id, def)| (Arc::from(id.as_str()), Arc::clone(def))).collect(),
            realm,
            weather: Vec::new(),
            exhaustive: false,
            tags,
            there: world.entities.keys().cloned().collect(),
            regions: (world.entities.iter())
                .filter_map(|(id, entity)| {
                    Some((id.clone(), entity.properties.get("region")?.as_str()?.to_owned()))
                })
                .collect(),
            places: BTreeMap::new(),
            known: BTreeSet::new(),
            facts: BTreeMap::new(),
            versions: BTreeMap::new(),
            rules: rules::Rules::default(),
            spoken: storylets::Spoken::default(),
            rows_seen: rows_seen::RowsSeen::default(),
            too_deep: 0,
            updates: Vec::new(),
            sizes: BTreeMap::new(),
            effects: BTreeMap::new(),
            held: BTreeMap::new(),
            periods: BTreeMap::new(),
            windows: BTreeMap::new(),
            shared: Vec::new(),
            handed: Vec::new(),
            lifetime: BTreeMap::new(),
            experience: BTreeMap::new(),
            earned: Vec::new(),
            levels_seen: BTreeMap::new(),
            seen: BTreeMap::new(),
            grants: BTreeMap::new(),
            leaving: BTreeSet::new(),
            gone: BTreeMap::new(),
            highest: BTreeMap::new(),
            look: BTreeMap::new(),
            sweeps: BTreeSet::new(),
            facts_named: BTreeSet::new(),
            quests_named: BTreeSet::new(),
            rows: BTreeMap::new(),
            changes: Vec::new(),
            refused: 0,
            resets: BTreeMap::new(),
            available: BTreeMap::new(),
            moved: Vec::new(),
            until: Tick::MAX,
            tick: 0,
        };
        oracle.known.insert(Holder { scope: Scope::Realm, id: realm });
        for region in world.regions.keys() {
            oracle.known.insert(Holder { scope: Scope::Region, id: Sym::new(region) });
        }
        oracle.note_names();
        oracle
    }

    /// Folds all ticks up to `until` and returns every change, sorted.
    pub fn run(&mut self, inputs: &BTreeMap<Tick, Vec<Input>>, until: Tick) -> Vec<Seen> {
        let Some(&first) = inputs.keys().next() else { return Vec::new() };
        self.until = until;
        self.plan_resets(first);
        let conditions = self.conditions();
        let edges = self.clock.edges(first, until, &conditions.iter().collect::<Vec<_>>());
        self.sweeps.extend(edges);
        self.sweeps.extend(self.weather_ticks());
        let dates = self.dates(first, until);
        self.sweeps.extend(dates);
        let minutes = self.calendar_ticks(first, until);
        self.sweeps.extend(minutes);
        self.sweeps.insert(first);
        let none = Vec::new();
        let mut next = Some(first);
        while let Some(tick) = next.filter(|tick| *tick <= until) {
            let due = self.look.remove(&tick).unwrap_or_default();
            self.fold(tick, inputs.get(&tick).unwrap_or(&none), due);
            let given = inputs.range(tick + 1..).next().map(|(tick, _)| *tick);
            let look = self.look.range(tick + 1..).next().map(|(tick, _)| *tick);
            let sweep = self.sweeps.range(tick + 1..).next().copied();
            let every = self.exhaustive.then_some(tick + 1);
            let leaving = self.leaving.first().map(|(tick, _)| *tick);
            next = [given, look, sweep, every, leaving].into_iter().flatten().min();
        }
        self.changes.sort_by_cached_key(|change| format!("{:020} {change:?}", change.2));
        std::mem::take(&mut self.changes)
    }

    /// Has a tick look at a holder.
    pub fn look_at(&mut self, tick: Tick, holder: Holder) {
        self.look.entry(tick).or_default().insert(holder);
    }

    fn note_names(&mut self) {
        fn note(condition: &Condition, facts: &mut BTreeSet<String>, quests: &mut BTreeSet<String>) {
            facts.extend(condition.facts.keys().cloned());
            if let Some(comparison) = &condition.compare {
                comparison.facts(|fact| {
                    facts.insert(fact.to_owned());
                });
            }
            quests.extend(condition.quests.keys().cloned());
            for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
                note(inner, facts, quests);
            }
        }
        let (mut facts, mut quests) = (BTreeSet::new(), BTreeSet::new());
        for condition in &self.conditions() {
            note(condition, &mut facts, &mut quests);
        }
        (self.facts_named, self.quests_named) = (facts, quests);
    }

    pub fn conditions(&self) -> Vec<Condition> {
        let quests = self.quests.values();
        let of_quest = |quest: &Arc<QuestDef>| {
            let objectives = quest.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
            let holds = objectives.filter_map(|(_, objective)| objective.holds.clone());
            let own = [Some(quest.requires.clone()), quest.fail_when.clone()];
            own.into_iter().flatten().chain(holds).collect::<Vec<_>>()
        };
        quests.flat_map(of_quest).collect()
    }

    fn weather_ticks(&self) -> Vec<Tick> {
        fn spans(condition: &Condition, into: &mut Vec<worldflow_schemas::definitions::Span>) {
            into.extend(condition.weather.as_ref().and_then(|test| test.lasting));
            for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
                spans(inner, into);
            }
        }
        let mut lasting = Vec::new();
        for condition in &self.conditions() {
            spans(condition, &mut lasting);
        }
        let mut ticks = Vec::new();
        for row in &self.weather {
            ticks.push(row.tick);
            for span in &lasting {
                // World time is rounded: the tick itself or the one after.
                let ticks_of = self.clock.ticks(*span);
                ticks.extend([row.since + ticks_of, row.since + ticks_of + 1]);
            }
        }
        ticks
    }

    pub fn place(&self, player: Sym) -> Place {
        self.places.get(&player).copied().unwrap_or_default()
    }

    /// A quest's state and completions for a holder at the end of the tick before.
    pub fn state_seen(&self, holder: Holder, quest: &str) -> (QuestState, i64) {
        let records = self.seen.get(&holder);
        if let Some(record) = records.and_then(|records| records.get(quest)) {
            return *record;
        }
        let Some(def) = self.quests.get(quest) else { return (QuestState::Hidden, 0) };
        let taken = records.into_iter().flatten().any(|(other, (state, completions))| {
            let group = self.quests.get(other).and_then(|def| def.exclusive_group.as_ref());
            group.is_some() && group == def.exclusive_group.as_ref() && (state.is_open() || *completions > 0)
        });
        let hidden = taken || gated(def);
        (if hidden { QuestState::Hidden } else { QuestState::Available }, 0)
    }

    /// When a quest done at `tick` can be accepted again.
    pub fn reopens(&self, quest: &QuestDef, tick: Tick) -> Option<Tick> {
        match quest.repeat.as_ref()? {
            Repeat::Always {} => Some(tick + 1),
            Repeat::Cooldown(span) => Some(tick + self.clock.ticks(*span).max(1)),
            repeat => {
                let reset = reset_after(repeat, self.length.utc_ms(tick))?;
                Some(self.length.tick_at(reset).max(tick + 1))
            }
        }
    }
}
