//! Where holders stand with arcs.
//!
//! `Felt, conditions, time ─per (holder, arc)→ State ─→ rows, effects on facts`
//!
//! In a tick: definitions, what is known of the world, who is there; then each holder's arc that anything of this concerns, by
//! itself: whether it begins, tension, whether its beat is over, choice. Holders do not see each other.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Tick};

use super::known::{Known, Told, is_there};
use super::plan::{ArcPlan, Asks};
use super::state::{State, change};
use super::trace::Trace;
use super::traced::{Traced, Watch};
use super::turn::{Brought, Turn};
use super::{ArcsIn, Felt, edits, quests_named};
use crate::machine::{Machine, Output, ViewRow};
use crate::messages::FactEffect;
use crate::piece;
use crate::quests::depends;
use crate::timers::Timers;

/// What arcs conclude for the next tick.
#[derive(Clone, PartialEq, Debug)]
pub enum ArcsOut {
    /// The beginning of a beat changes a fact.
    Effect(FactEffect),
    /// What is told of an arc that is traced.
    Traced(Box<Traced>),
}

/// The arcs of the holders of one shard.
#[derive(Debug)]
pub struct ArcsMachine {
    realm: Sym,
    pub(super) known: Known,
    pub(super) arcs: FxHashMap<Sym, ArcPlan>,
    pub(super) holders: FxHashMap<Holder, Here>,
    timers: Timers<(Holder, Sym)>,
    /// Whether everything is to be looked at, after a load.
    all: bool,
    /// Whether somebody is there for whom an arc has not begun that may begin by time alone.
    may_begin: bool,
    pub(super) trace: Option<Trace>,
}

/// A holder, and how far it has come.
#[derive(Default, Debug)]
pub(super) struct Here {
    /// How many there are who make it be there: the members of a group; one for what is always there.
    pub(super) members: usize,
    pub(super) states: FxHashMap<Sym, State>,
    shown: FxHashMap<Sym, Vec<ViewRow>>,
}

/// Which arcs of which holders are looked at in a tick.
type Look = FxHashSet<(Holder, Sym)>;

impl ArcsMachine {
    /// No arc. Regions and the realm are there on the shard that owns them.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, (index, peers): (usize, usize)) -> ArcsMachine {
        let regions = world.regions.keys().map(|id| Holder { scope: Scope::Region, id: Sym::new(id) });
        let always = regions.chain([Holder { scope: Scope::Realm, id: realm }]);
        let own = always.filter(|holder| holder.route() % peers.max(1) as u64 == index as u64);
        ArcsMachine {
            realm,
            known: Known::new(realm, world),
            arcs: FxHashMap::default(),
            holders: own.map(|holder| (holder, Here { members: 1, ..Here::default() })).collect(),
            timers: Timers::default(),
            all: false,
            may_begin: false,
            trace: None,
        }
    }

    /// The same, of which one arc of one holder is traced.
    #[must_use]
    pub fn watching(self, watch: Option<Watch>) -> ArcsMachine {
        ArcsMachine { trace: watch.map(Trace::new), ..self }
    }

    /// Takes in who is there.
    fn count(&mut self, told: &Told) {
        for (now, _) in &told.moved {
            let holder = Holder { scope: Scope::Player, id: now.player };
            if is_there(now) {
                self.holders.entry(holder).or_default().members = 1;
            } else if let Some(here) = self.holders.get_mut(&holder) {
                here.members = 0;
            }
        }
        for felt in &told.felt {
            let Felt::Belongs { group, joins } = felt else { continue };
            let here = self.holders.entry(*group).or_default();
            here.members = if *joins { here.members + 1 } else { here.members.saturating_sub(1) };
        }
    }

    /// Groups that are no more leave nothing.
    fn close(&mut self, groups: &[Holder], output: &mut Output<ArcsOut>) {
        for group in groups {
            let Some(here) = self.holders.get_mut(group) else { continue };
            for (arc, _) in here.states.drain() {
                self.timers.cancel(&(*group, arc));
                output.base.push(change(*group, arc, None));
            }
            for row in here.shown.drain().flat_map(|(_, rows)| rows) {
                output.rows.push((row, -1));
            }
        }
    }

    /// Arcs are other from this tick on. What is kept of holders follows.
    fn edit(&mut self, told: &Told, look: &mut Look, output: &mut Output<ArcsOut>) {
        let tick = self.known.context.now;
        let mut old: FxHashMap<Sym, Option<ArcPlan>> = FxHashMap::default();
        for (arc, def) in &told.arcs {
            let plan =
                def.clone().map(|def| ArcPlan::new(def, self.known.context.length, &mut self.known.plan));
            let former = match plan {
                Some(plan) => self.arcs.insert(*arc, plan),
                None => self.arcs.remove(arc),
            };
            old.entry(*arc).or_insert(former);
        }
        let came = old.iter().filter(|(_, former)| former.is_none()).filter_map(|(arc, _)| {
            let said = self.arcs.get(arc)?.def.moved_from.as_deref().and_then(Sym::find);
            // Or one that goes had been moved from it: then that is undone.
            let moved = |former: &Option<ArcPlan>| {
                former.as_ref().is_some_and(|former| former.def.moved_from.as_deref() == Some(arc.as_str()))
            };
            let undone = || {
                let gone = old.iter().filter(|(_, former)| moved(former)).map(|(from, _)| *from);
                gone.min_by(|a, b| a.cmp_text(*b))
            };
            let from = said.or_else(undone)?;
            (!self.arcs.contains_key(&from)).then_some((*arc, from))
        });
        let mut moves: Vec<(Sym, Sym)> = came.collect();
        moves.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
        let mut gone = Vec::new();
        for (holder, here) in &mut self.holders {
            let mut taken: FxHashMap<Sym, Sym> = FxHashMap::default();
            for (arc, from) in &moves {
                if here.states.contains_key(arc) {
                    continue;
                }
                if let Some(state) = here.states.remove(from) {
                    here.states.insert(*arc, state);
                    taken.insert(*arc, *from);
                    output.base.push(change(*holder, *from, None));
                    gone.push((*holder, *from));
                }
            }
            for (arc, state) in &mut here.states {
                let from = taken.get(arc).and_then(|from| old.get(from));
                let Some(former) = from.or_else(|| old.get(arc)) else {
                    continue;
                };
                match self.arcs.get(arc).filter(|plan| plan.scope == holder.scope) {
                    Some(plan) => {
                        let turn = Turn { plan, known: &self.known, actor: self.known.actor(*holder) };
                        edits::follow(state, former.as_ref(), &turn);
                        look.insert((*holder, *arc));
                    }
                    None => {
                        edits::leave(state, tick);
                        gone.push((*holder, *arc));
                    }
                }
                output.base.push(change(*holder, *arc, Some(state)));
            }
        }
        for (holder, arc) in gone {
            self.timers.cancel(&(holder, arc));
            let rows = self.holders.get_mut(&holder).and_then(|here| here.shown.remove(&arc));
            output.rows.extend(rows.into_iter().flatten().map(|row| (row, -1)));
        }
    }

    fn follow_quests(&mut self) {
        let named: Vec<Sym> = self.arcs.values().flat_map(|plan| quests_named(&plan.def)).collect();
        self.known.follow(named);
    }

    /// The arcs that what is told may matter to.
    fn concerned(&mut self, told: &Told, look: &mut Look) {
        let tick = self.known.context.now;
        while let Some((_, key)) = self.timers.pop_due(tick) {
            look.insert(key);
        }
        let all = std::mem::take(&mut self.all);
        self.may_begin = false;
        if self.arcs.is_empty() {
            return;
        }
        let own = told.players.iter().map(|player| Holder { scope: Scope::Player, id: *player });
        let groups = told.felt.iter().filter_map(|felt| match felt {
            Felt::Belongs { group, .. } => Some(*group),
            _ => None,
        });
        for holder in own.chain(groups).chain(told.closed.iter().copied()) {
            look.extend(self.arcs.keys().map(|arc| (holder, *arc)));
        }
        let everything = all || !told.arcs.is_empty() || told.changed == depends::ALL;
        let named = |fact: Sym| {
            let mut asks = self.arcs.values().flat_map(ArcPlan::all_asks);
            asks.any(|asks| asks.names(fact))
        };
        let facts: Vec<(Holder, Sym)> = told.facts.iter().copied().filter(|(_, fact)| named(*fact)).collect();
        if everything || told.changed != 0 || !facts.is_empty() {
            for (holder, here) in &self.holders {
                for (arc, plan) in self.arcs.iter().filter(|(_, plan)| plan.scope == holder.scope) {
                    let asks = Turn::asks(plan, here.states.get(arc));
                    let changed = |asks: &Asks| {
                        asks.bits & told.changed != 0 || self.known.have_changed(&facts, *holder, asks)
                    };
                    if everything || asks.is_some_and(changed) {
                        look.insert((*holder, *arc));
                    }
                }
            }
        }
        // What may begin by time alone is looked at in every tick.
        if self.arcs.values().any(|plan| plan.asks.timed) {
            for (holder, here) in self.holders.iter().filter(|(_, here)| here.members > 0) {
                let timed =
                    self.arcs.iter().filter(|(_, plan)| plan.asks.timed && plan.scope == holder.scope);
                for (arc, _) in timed.filter(|(arc, _)| !here.states.contains_key(arc)) {
                    look.insert((*holder, *arc));
                    self.may_begin = true;
                }
            }
        }
    }

    /// `edited`: whether arcs are other in this tick.
    fn look_at(
        &mut self,
        (holder, arc): (Holder, Sym),
        mut brought: Brought,
        edited: bool,
        output: &mut Output<ArcsOut>,
    ) {
        let Some(plan) = self.arcs.get(&arc).filter(|plan| plan.scope == holder.scope) else { return };
        let tick = self.known.context.now;
        let turn = Turn { plan, known: &self.known, actor: self.known.actor(holder) };
        let former = self.holders.get(&holder).and_then(|here| here.states.get(&arc));
        let is_there = self.holders.get(&holder).is_some_and(|here| here.members > 0);
        let felt = brought.tension.is_some() || !brought.choices.is_empty();
        let mut state = match former {
            Some(state) => state.clone(),
            None if is_there || (felt && holder.scope == Scope::Player) => match turn.begin() {
                Some(state) => state,
                None => return,
            },
            None => return,
        };
        turn.go_on(&mut state, &mut brought);
        if state.entered == tick && state.ended.is_none() {
            output.out.extend(turn.effects(&state, holder, arc).into_iter().map(ArcsOut::Effect));
        }
        match turn.wakes(&state) {
            Some(tick) => self.timers.set((holder, arc), tick),
            None => {
                self.timers.cancel(&(holder, arc));
            }
        }
        let here = self.holders.entry(holder).or_default();
        let former = here.states.get(&arc);
        let same = former == Some(&state);
        let shows_as = !edited && (same || former.is_some_and(|former| former.shows_as(&state)));
        if !same && output.keeps_base {
            output.base.push(change(holder, arc, Some(&state)));
        }
        let rows = (!shows_as).then(|| state.rows(self.realm, holder, arc, plan));
        if !same {
            here.states.insert(arc, state);
        }
        let Some(rows) = rows else { return };
        let shown = here.shown.entry(arc).or_default();
        if *shown != rows {
            output.rows.extend(shown.drain(..).map(|row| (row, -1)));
            output.rows.extend(rows.iter().cloned().map(|row| (row, 1)));
            *shown = rows;
        }
    }

    /// Who is not there any more and has come nowhere is forgotten.
    fn forget(&mut self, told: &Told) {
        let players = told.moved.iter().map(|(now, _)| Holder { scope: Scope::Player, id: now.player });
        let groups = told.felt.iter().map(Felt::holder).filter(|holder| holder.scope.can_close());
        for holder in players.chain(groups).chain(told.closed.iter().copied()) {
            if self.holders.get(&holder).is_some_and(|here| here.members == 0 && here.states.is_empty()) {
                self.holders.remove(&holder);
            }
        }
    }
}

/// What is felt in a tick, by holder and arc.
fn brought(told: &Told) -> FxHashMap<(Holder, Sym), Brought> {
    let mut all: FxHashMap<(Holder, Sym), Brought> = FxHashMap::default();
    for felt in &told.felt {
        match felt {
            Felt::Tension { holder, arc, by } => {
                let of = all.entry((*holder, *arc)).or_default();
                of.tension = Some(of.tension.unwrap_or(0).saturating_add(*by));
            }
            Felt::Choice { holder, arc, beat, branch, order } => {
                let choices = &mut all.entry((*holder, *arc)).or_default().choices;
                choices.push((order.clone(), *beat, *branch));
            }
            Felt::Belongs { .. } | Felt::Traced(..) => {}
        }
    }
    all
}

impl Machine for ArcsMachine {
    type In = ArcsIn;
    type Out = ArcsOut;
    const NAME: BaseName = "arcs";

    fn load(&mut self, row: BaseRow) {
        let ((holder, arc), state): ((Holder, Sym), State) = piece::read(&row);
        self.holders.entry(holder).or_default().states.insert(arc, state);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<ArcsOut>) {
        self.known.context.now = tick;
        let told = self.known.take_in(inputs);
        self.count(&told);
        for (arc, def) in told.arcs {
            let length = self.known.context.length;
            if let Some(def) = def {
                self.arcs.insert(arc, ArcPlan::new(def, length, &mut self.known.plan));
            }
        }
        self.follow_quests();
        for (holder, here) in &mut self.holders {
            for (arc, state) in &here.states {
                let Some(plan) = self.arcs.get(arc).filter(|plan| plan.scope == holder.scope) else {
                    continue;
                };
                let turn = Turn { plan, known: &self.known, actor: self.known.actor(*holder) };
                // What began in this tick acts in the next.
                if state.entered == tick && state.ended.is_none() {
                    output.out.extend(turn.effects(state, *holder, *arc).into_iter().map(ArcsOut::Effect));
                }
                let rows = state.rows(self.realm, *holder, *arc, plan);
                output.rows.extend(rows.iter().cloned().map(|row| (row, 1)));
                here.shown.insert(*arc, rows);
            }
        }
        self.all = true;
        self.trace_end(true, output);
    }

    fn step(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<ArcsOut>) {
        self.known.context.now = tick;
        let told = self.known.take_in(inputs);
        self.count(&told);
        self.close(&told.closed, output);
        let (mut look, edited) = (Look::default(), !told.arcs.is_empty());
        if edited {
            self.edit(&told, &mut look, output);
        }
        if edited || told.quests {
            self.follow_quests();
        }
        self.concerned(&told, &mut look);
        let mut brought = brought(&told);
        look.extend(brought.keys().copied());
        for key in look {
            let brought = brought.remove(&key).unwrap_or_default();
            self.look_at(key, brought, edited, output);
        }
        self.forget(&told);
        if self.trace.is_some() {
            for felt in told.felt {
                if let Felt::Traced(_, came) = felt {
                    output.out.push(ArcsOut::Traced(Box::new(Traced::Came(*came))));
                }
            }
            self.trace_end(false, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        let next = self.known.context.now + 1;
        let at_once = (self.all || self.may_begin).then_some(next);
        let pictured = self.trace.as_ref().and_then(|trace| trace.alarm(self.known.context.now));
        at_once.into_iter().chain(self.timers.first()).chain(pictured).min()
    }
}
