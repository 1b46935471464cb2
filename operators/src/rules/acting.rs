//! What comes of rules that are triggered.
//!
//! `Fired ─depth, condition, chance→ deeds ─[wait]→ effects and events of the next tick`
//!
//! In a tick: what is known, then what was there when a rule was added in the tick before, what is triggered and what is due, in the
//! order (rule, key of the row, when it was triggered); then edits of rules and of quests, which count from the next tick on: where
//! everybody stands with a quest is told a tick later, and so goes with its definition of then.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::{
    ArcDef, Condition, DialogueDef, NpcDef, QuestDef, RuleDef, SqlViewDef, StoryletDef, WorldDef,
};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Event, EventId, Sym, Tick, Value, chance};

use super::MOST_WAITING;
use super::actions::{Deed, Happens, Source, chance_key};
use super::depth::{Acted, Cause, Depths, MOST_DEPTH};
use super::paths::WINDOW;
use super::rows::Fired;
use super::saved::{Due, Piece, PieceKey, Triggered, Waiting, change, row};
use super::waiting::WaitingRoom;
use crate::machine::{Machine, Output};
use crate::messages::{
    ClockNow, EffectOrder, FactEffect, FactNow, LevelNow, PlayerPlace, QuestEdit, QuestNow, RULES, Refused,
    RuleOrder, ViewNow, ZoneWeather,
};
use crate::piece;
use crate::quests::{Actor, Cond, Context, Plan};

/// What the operator of rules is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RulesIn {
    /// A rule is added, replaced or removed. Broadcast.
    Define(Sym, Option<Arc<RuleDef>>),
    /// A quest is added, replaced or removed. Broadcast.
    DefineQuest(QuestEdit),
    /// A view in SQL is added, replaced or removed. Broadcast.
    DefineView(Sym, Option<Arc<SqlViewDef>>),
    /// An arc is added, replaced or removed. Broadcast.
    DefineArc(Sym, Option<Arc<ArcDef>>),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// The weather of a zone. Broadcast.
    Weather(ZoneWeather),
    /// A fact: a player's by the player, others broadcast.
    Fact(FactNow),
    /// Where a player is. By the player.
    Place(Sym, PlayerPlace),
    /// A player's level, from the tick before. By the player.
    Level(LevelNow),
    /// Where a holder stands with a quest, from the tick before: a player's by the player, others broadcast.
    Stands(QuestNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
    /// A rule is triggered. By the holder.
    Fired(Fired),
    /// A rule did something that takes effect in this tick, or took effect in one of the last. Broadcast.
    Acted(Acted),
    /// An NPC is added, replaced or removed. Broadcast.
    DefineNpc(Sym, Option<Arc<NpcDef>>),
    /// A storylet is added, replaced or removed. Broadcast.
    DefineStorylet(Sym, Option<Arc<StoryletDef>>),
    /// A node of dialogue is added, replaced or removed. Broadcast.
    DefineDialogue(Sym, Option<Arc<DialogueDef>>),
}

/// What rules conclude for the next tick, with the depth of their chains.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum RulesOut {
    /// A fact changes.
    Effect(FactEffect, u32),
    /// An event happens.
    Event(Event, u32),
    /// What took effect in the tick of a load, for those that have been loaded.
    Acted(Acted),
    /// It could not be done.
    Refused(Refused),
}

impl RulesOut {
    /// What it may be the cause of, once it has taken effect.
    #[must_use]
    pub fn acted(&self, at: Tick) -> Option<Acted> {
        match self {
            RulesOut::Effect(effect, depth) => {
                Some(Acted { at, depth: *depth, cause: Cause::Fact(effect.holder, effect.fact) })
            }
            RulesOut::Event(event, depth) => {
                let cause = Cause::Event { kind: event.kind, player: event.player };
                Some(Acted { at, depth: *depth, cause })
            }
            RulesOut::Acted(acted) => Some(*acted),
            RulesOut::Refused(_) => None,
        }
    }
}

/// The quests that a rule's condition names: where players stand with them must be told.
#[must_use]
pub fn quests_named(def: &RuleDef) -> Vec<Sym> {
    fn visit(when: &Condition, quests: &mut Vec<Sym>) {
        quests.extend(when.quests.keys().map(|quest| Sym::new(quest)));
        for inner in when.all.iter().chain(&when.any).chain(when.not.as_deref()) {
            visit(inner, quests);
        }
    }
    let mut quests = Vec::new();
    visit(&def.when, &mut quests);
    quests
}

/// The rules of the holders of one shard.
#[derive(Debug)]
pub struct RulesMachine {
    world: Arc<WorldDef>,
    plan: Plan,
    context: Context,
    places: FxHashMap<Sym, PlayerPlace>,
    depths: Depths,
    rules: FxHashMap<Sym, Rule>,
    waiting: WaitingRoom,
    /// Of rules that were added in the tick before.
    begins: Vec<(Triggered, Fired)>,
    /// Where pieces of what was concluded lie.
    concluded: BTreeMap<Tick, Vec<Holder>>,
    /// What was loaded of it, until it has been told.
    loaded: Vec<(Tick, Vec<RulesOut>)>,
}

#[derive(Debug)]
struct Rule {
    def: Arc<RuleDef>,
    when: Cond,
    /// Millionths.
    chance: Option<u64>,
}

impl Rule {
    fn new(def: Arc<RuleDef>, plan: &mut Plan) -> Rule {
        let millionths = def.chance.as_ref().and_then(|chance| Value::from_json(&chance.clone().into()));
        let millionths = millionths.and_then(|chance| chance.as_millionths());
        let chance = millionths.map(|chance| u64::try_from(chance.max(0)).unwrap_or(u64::MAX));
        Rule { when: Cond::new(&def.when, plan), chance, def }
    }
}

/// Edits of a tick.
#[derive(Default)]
struct Edits {
    rules: Vec<(Sym, Option<Arc<RuleDef>>)>,
    quests: Vec<(Sym, Option<Arc<QuestDef>>)>,
    /// Quests that go on under other ids: new and former.
    moves: Vec<(Sym, Sym)>,
}

/// What a step concludes, by the holder under whom it is kept.
type Concluding = BTreeMap<Holder, Vec<RulesOut>>;

impl RulesMachine {
    /// No rule, and nothing known.
    #[must_use]
    pub fn new(world: Arc<WorldDef>, realm: Sym) -> RulesMachine {
        RulesMachine {
            plan: Plan::new(&world),
            context: Context::new(&world, realm),
            depths: Depths::new(&world),
            world,
            places: FxHashMap::default(),
            rules: FxHashMap::default(),
            waiting: WaitingRoom::default(),
            begins: Vec::new(),
            concluded: BTreeMap::new(),
            loaded: Vec::new(),
        }
    }

    /// Takes in what is to be known. Returns what is triggered, and edits.
    fn tell(&mut self, inputs: Vec<RulesIn>) -> (Vec<Fired>, Edits) {
        let (mut fired, mut edits) = (Vec::new(), Edits::default());
        let (mut seen, mut views) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                RulesIn::Define(rule, def) => edits.rules.push((rule, def)),
                RulesIn::DefineQuest(QuestEdit { quest, def, from }) => {
                    if !from.is_none() {
                        edits.quests.push((from, None));
                        edits.moves.push((quest, from));
                    }
                    edits.quests.push((quest, def));
                }
                RulesIn::DefineView(view, def) => views.push((view, def)),
                RulesIn::DefineArc(arc, def) => self.depths.define_arc(arc, def.as_deref()),
                RulesIn::DefineNpc(npc, def) => self.depths.define_npc(npc, def.as_deref()),
                RulesIn::DefineStorylet(storylet, def) => {
                    self.depths.define_storylet(storylet, def.as_deref());
                }
                RulesIn::DefineDialogue(node, def) => self.depths.define_dialogue(node, def.as_deref()),
                RulesIn::Clock(clock) => self.context.clock = Some(clock),
                RulesIn::Weather(weather) => drop(self.context.weather.insert(weather.zone, weather)),
                RulesIn::Fact(fact) => self.context.facts.tell(fact),
                RulesIn::Place(player, place) => drop(self.places.insert(player, place)),
                RulesIn::Level(level) => drop(self.context.levels.insert(level.player, level.level)),
                RulesIn::Stands(stands) => {
                    let quest = self.plan.ix(stands.quest);
                    self.context.tell_stands(quest, stands);
                }
                RulesIn::Seen(now) => seen.push(now),
                RulesIn::Fired(of) => fired.push(of),
                RulesIn::Acted(acted) => {
                    let at = if acted.at == 0 { self.context.now } else { acted.at };
                    self.depths.tell(Acted { at, ..acted });
                }
            }
        }
        self.context.views.tell(seen);
        self.depths.sql.define(views);
        for (quest, def) in &edits.quests {
            self.depths.define(*quest, def.as_deref());
        }
        (fired, edits)
    }

    /// What conditions see of quests from the next tick on.
    fn define_quests(&mut self, edits: &Edits) {
        if edits.quests.is_empty() {
            return;
        }
        for (quest, from) in &edits.moves {
            let (quest, from) = (self.plan.ix(*quest), self.plan.ix(*from));
            self.context.move_stands(quest, from);
        }
        self.plan.define_all(&edits.quests);
        self.follow();
    }

    fn follow(&mut self) {
        let named = self.rules.values().flat_map(|rule| quests_named(&rule.def)).collect::<Vec<_>>();
        self.plan.follow(named);
        let followed = &self.plan.followed;
        self.context.stands.retain(|(of, quest), _| of.scope != Scope::Player || followed.contains(quest));
    }

    fn define(&mut self, edits: Vec<(Sym, Option<Arc<RuleDef>>)>, output: &mut Output<RulesOut>) {
        if edits.is_empty() {
            return;
        }
        for (rule, def) in edits {
            match def {
                Some(def) => drop(self.rules.insert(rule, Rule::new(def, &mut self.plan))),
                None => {
                    self.rules.remove(&rule);
                    self.take_back(rule, output);
                }
            }
        }
        self.follow();
    }

    /// What waits of a rule that is no more is not done.
    fn take_back(&mut self, rule: Sym, output: &mut Output<RulesOut>) {
        for (of, waiting) in self.waiting.remove_rule(rule) {
            output.remove(catalog::PENDING_ACTIONS, row(self.context.realm, &of, &waiting));
            output.base.push(change(Self::NAME, &PieceKey::Waiting(of), None));
        }
    }

    fn actor(&self, holder: Holder) -> Actor<'static> {
        let place = match holder.scope {
            Scope::Player => self.places.get(&holder.id).copied().unwrap_or_default(),
            _ => PlayerPlace::default(),
        };
        Actor::by_itself(holder, place)
    }

    /// What a rule that is triggered does, at once or later.
    fn act(
        &mut self,
        of: Triggered,
        fired: &Fired,
        concluding: &mut Concluding,
        output: &mut Output<RulesOut>,
    ) {
        let tick = self.context.now;
        let Some(rule) = self.rules.get(&of.rule) else { return };
        let actor = self.actor(of.holder);
        if !rule.when.holds(&self.plan, &self.context, &actor) {
            return;
        }
        let drawn = || chance::below(self.world.seed, RULES, &chance_key(of.rule, &of.key), of.tick, ONE);
        if rule.chance.is_some_and(|chance| drawn() >= chance) {
            return;
        }
        let depth = self.depths.of(fired, tick);
        if depth > MOST_DEPTH {
            let reason = format!("the rule `{}` is deeper than {MOST_DEPTH} in a chain of rules", of.rule);
            let hint =
                "rules that feed each other must come to an end: give one of them a condition, or a delay";
            return output.out.push(refused(&of, "too_deep", reason, hint));
        }
        let source = Source { world: &self.world, context: &self.context, actor, fired };
        let deeds = source.deeds(&rule.def.actions);
        let due = rule.def.after.filter(|after| after.ms > 0).map(|after| match &self.context.clock {
            Some(clock) if after.world => {
                let now = clock.world_ms_at(tick, self.context.length.tick_ms);
                Due::World(now.saturating_add(i64::try_from(after.ms).unwrap_or(i64::MAX)))
            }
            _ => Due::Real(tick.saturating_add(self.context.length.ticks(after.ms))),
        });
        match due {
            None => self.conclude(&of, depth, deeds, concluding),
            Some(due) => self.wait(of, Waiting { due, depth, deeds }, output),
        }
    }

    fn wait(&mut self, of: Triggered, waiting: Waiting, output: &mut Output<RulesOut>) {
        if self.waiting.count(of.rule, of.holder) >= MOST_WAITING {
            let reason = format!("the rule `{}` has {MOST_WAITING} waiting for this holder", of.rule);
            let hint = "give it a condition or a chance, so that it is triggered less often than it acts";
            return output.out.push(refused(&of, "too_many_waiting", reason, hint));
        }
        output.insert(catalog::PENDING_ACTIONS, row(self.context.realm, &of, &waiting));
        let piece = Piece::Waiting(waiting.clone());
        output.base.push(change(Self::NAME, &PieceKey::Waiting(of.clone()), Some(&piece)));
        self.waiting.insert(of, waiting);
    }

    /// Takes out what is due.
    fn take_due(&mut self, output: &mut Output<RulesOut>) -> Vec<(Triggered, Waiting)> {
        let (tick, tick_ms) = (self.context.now, self.context.length.tick_ms);
        let world_ms = self.context.clock.as_ref().map(|clock| clock.world_ms_at(tick, tick_ms));
        let due = self.waiting.take_due(tick, world_ms);
        for (of, waiting) in &due {
            output.remove(catalog::PENDING_ACTIONS, row(self.context.realm, of, waiting));
            output.base.push(change(Self::NAME, &PieceKey::Waiting(of.clone()), None));
        }
        due
    }

    fn conclude(&self, of: &Triggered, depth: u32, deeds: Vec<(u32, Deed)>, concluding: &mut Concluding) {
        let all = concluding.entry(of.holder).or_default();
        for (place, deed) in deeds {
            let order = RuleOrder { rule: of.rule, key: of.key.clone(), tick: of.tick, place };
            all.push(match deed {
                Deed::Fact { holder, fact, change } => {
                    let order = EffectOrder::Rule(order);
                    RulesOut::Effect(FactEffect { order, holder, fact, change }, depth)
                }
                Deed::Event(happens) => RulesOut::Event(self.event(happens, &order), depth),
            });
        }
    }

    /// An event of the next tick.
    fn event(&self, happens: Happens, order: &RuleOrder) -> Event {
        let Happens { player, kind, target, region, amount, with } = happens;
        Event {
            at_ms: self.context.length.utc_ms(self.context.now + 1),
            source: Sym::new(RULES),
            id: order.id(),
            player,
            kind,
            target,
            region,
            amount,
            with: (!with.is_empty()).then(|| with.into()),
        }
    }

    /// Lets go what leads to nothing any more, and keeps what has been concluded now.
    fn keep_concluded(&mut self, concluding: Concluding, output: &mut Output<RulesOut>) {
        let tick = self.context.now;
        let later = self.concluded.split_off(&(tick + 1).saturating_sub(WINDOW));
        for (at, holders) in std::mem::replace(&mut self.concluded, later) {
            for holder in holders {
                output.base.push(change(Self::NAME, &PieceKey::Concluded(holder, at), None));
            }
        }
        for (holder, all) in concluding.into_iter().filter(|(_, all)| !all.is_empty()) {
            let key = PieceKey::Concluded(holder, tick);
            if output.keeps_base {
                output.base.push(change(Self::NAME, &key, Some(&Piece::Concluded(all.clone()))));
            }
            self.concluded.entry(tick).or_default().push(holder);
            output.out.extend(all);
        }
    }
}

const ONE: u64 = DEC_ONE.unsigned_abs();

fn refused(of: &Triggered, code: &str, reason: String, hint: &str) -> RulesOut {
    RulesOut::Refused(Refused {
        source: Sym::new(RULES),
        id: EventId::Named(format!("{}/{}/{:015}", of.rule, of.key, of.tick).into()),
        code: Sym::new(code),
        reason,
        hint: hint.to_owned(),
        current: None,
    })
}

impl Machine for RulesMachine {
    type In = RulesIn;
    type Out = RulesOut;
    const NAME: BaseName = "rules";

    fn load(&mut self, row: BaseRow) {
        let (key, piece): (PieceKey, Piece) = piece::read(&row);
        match (key, piece) {
            (PieceKey::Waiting(of), Piece::Waiting(waiting)) => {
                self.waiting.insert(of, waiting);
            }
            (PieceKey::Concluded(holder, tick), Piece::Concluded(all)) => {
                self.concluded.entry(tick).or_default().push(holder);
                self.loaded.push((tick, all));
            }
            (PieceKey::Begins(of), Piece::Begins(fired)) => self.begins.push((of, fired)),
            (key, _) => unreachable!("a piece lies under a key of its kind: {key:?}"),
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<RulesIn>, output: &mut Output<RulesOut>) {
        self.context.now = tick;
        let (_, edits) = self.tell(inputs);
        self.define_quests(&edits);
        for (rule, def) in edits.rules {
            if let Some(def) = def {
                self.rules.insert(rule, Rule::new(def, &mut self.plan));
            }
        }
        self.follow();
        for (of, waiting) in self.waiting.all() {
            output.insert(catalog::PENDING_ACTIONS, row(self.context.realm, of, waiting));
        }
        for (at, all) in std::mem::take(&mut self.loaded) {
            if at == tick {
                output.out.extend(all);
            } else {
                // It took effect in the tick of the load or before, and may lead to rows of the next.
                output.out.extend(all.iter().filter_map(|out| out.acted(at + 1)).map(RulesOut::Acted));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<RulesIn>, output: &mut Output<RulesOut>) {
        self.context.now = tick;
        let (fired, edits) = self.tell(inputs);
        self.depths.forget(tick);
        let triggered = |fired: &Fired| Triggered {
            holder: fired.holder,
            rule: fired.rule,
            key: fired.key.clone(),
            tick,
        };
        let (begin, fired): (Vec<Fired>, Vec<Fired>) = fired.into_iter().partition(|fired| fired.existing);
        let mut now: BTreeMap<Triggered, Fired> = BTreeMap::new();
        for (of, fired) in std::mem::take(&mut self.begins) {
            output.base.push(change(Self::NAME, &PieceKey::Begins(of), None));
            now.insert(triggered(&fired), fired);
        }
        // What appears in the tick in which a rule begins is there twice; it counts as it is now.
        now.extend(fired.into_iter().map(|fired| (triggered(&fired), fired)));
        let mut concluding = Concluding::new();
        for (of, Waiting { depth, deeds, .. }) in self.take_due(output) {
            self.conclude(&of, depth, deeds, &mut concluding);
        }
        for (of, fired) in now {
            self.act(of, &fired, &mut concluding, output);
        }
        for fired in begin {
            let of = triggered(&fired);
            let piece = Piece::Begins(fired.clone());
            output.base.push(change(Self::NAME, &PieceKey::Begins(of.clone()), Some(&piece)));
            self.begins.push((of, fired));
        }
        self.keep_concluded(concluding, output);
        self.define_quests(&edits);
        self.define(edits.rules, output);
    }

    fn alarm(&self) -> Option<Tick> {
        let next = self.context.now + 1;
        let begins = (!self.begins.is_empty()).then_some(next);
        let concluded = self.concluded.keys().next().map(|tick| tick + WINDOW);
        let due = self.waiting.first(self.context.clock.as_ref(), self.context.length.tick_ms);
        begins.into_iter().chain(concluded).chain(due).min().map(|tick| tick.max(next))
    }
}
