//! Facts: typed, scoped values with defaults, which game servers write and the graph changes.
//!
//! `writes, effects of the tick before ─fold per (holder, fact)→ facts ─→ FactNow`
//!
//! Within a tick: facts that expire, then effects, then writes. Every change that is applied counts
//! as one for the expiry, also one that sets what is already there; the version counts those that
//! altered the value. It does not match events: what an event does to a fact arrives as an effect.

mod kind;

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::{FactKind, Span, WorldDef};
use worldflow_schemas::input::{
    CloseWrite, Current, CurrentValue, FactChange, FactWrite, Holder, Scope, WriteOrder,
};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{EventId, Row, Sym, Tick, Value};

use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, EffectOrder, FactEffect, FactNow, RULES, Refused};
use crate::piece;
use crate::timers::Timers;

pub use kind::{WrongType, default_of};

/// What the operator of facts is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FactsIn {
    /// The clock; for expiry in world time. Broadcast.
    Clock(ClockNow),
    /// Concluded in the tick before. Routed by the holder.
    Effect(FactEffect),
    /// Written in this tick. Routed by the holder.
    Write(FactWrite),
    /// As a write, if the fact is at this version. Routed by the holder.
    WriteIf(u64, FactWrite),
    /// A group is no more, and its facts go. Routed by the holder.
    Close(CloseWrite),
}

/// What the operator of facts tells others.
#[derive(Clone, PartialEq, Debug)]
pub enum FactsOut {
    /// A fact that has changed, as of the end of the tick's writes.
    Now(FactNow),
    /// A write that could not be done.
    Refused(Refused),
}

/// The facts of the holders of one shard.
#[derive(Debug)]
pub struct FactsMachine {
    realm: Sym,
    length: TickLength,
    defs: FxHashMap<Sym, Def>,
    facts: FxHashMap<(Holder, Sym), Fact>,
    expiring: Timers<(Holder, Sym)>,
    /// What a load has given back otherwise than the world now has it: the next tick says so.
    mended: Vec<(Holder, Sym)>,
    loaded: Tick,
    clock: Option<ClockNow>,
}

#[derive(Debug)]
struct Def {
    scope: Scope,
    kind: FactKind,
    default: Value,
    expires: Option<Span>,
}

/// What is kept of a fact that has ever changed. At its default only the version is left.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Fact {
    value: Option<Value>,
    version: u64,
    expires: Option<Tick>,
}

impl FactsMachine {
    /// The facts of `realm`, all at their defaults. A declared default of the wrong type is replaced
    /// by the type's own (`worldflow check` refuses it).
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> FactsMachine {
        let defs = world.facts.iter().map(|(name, def)| {
            let default = default_of(def);
            (Sym::new(name), Def { scope: def.scope, kind: def.kind, default, expires: def.expires })
        });
        FactsMachine {
            realm,
            length: TickLength { tick_ms: world.tick_ms },
            defs: defs.collect(),
            facts: FxHashMap::default(),
            expiring: Timers::default(),
            mended: Vec::new(),
            loaded: 0,
            clock: None,
        }
    }

    fn row(&self, holder: Holder, name: Sym, fact: &Fact) -> Option<Row> {
        Some(Row::from([
            Value::id(self.realm),
            Value::Sym(holder.scope.name().into()),
            Value::id(holder.id),
            Value::Sym(name),
            fact.value.clone()?,
            Value::count(fact.version),
            fact.expires.map_or(Value::Null, Value::count),
        ]))
    }

    /// A fact as the world has it, which may have been edited since: `None` when it has no such fact of
    /// that scope and type any more.
    fn mend(&self, holder: Holder, name: Sym, fact: &Fact) -> Option<Fact> {
        let def = self.defs.get(&name).filter(|def| def.scope == holder.scope)?;
        match &fact.value {
            Some(value) if kind::set(def.kind, value).as_ref() != Ok(value) => None,
            Some(value) if *value == def.default => Some(Fact { value: None, expires: None, ..fact.clone() }),
            _ => Some(fact.clone()),
        }
    }

    /// Brings base state in line with what the load has mended.
    fn keep_mended(&mut self, output: &mut Output<FactsOut>) {
        for (holder, name) in std::mem::take(&mut self.mended) {
            let fact = self.facts.get(&(holder, name));
            output.base.push(piece::change(Self::NAME, holder.id, &(holder, name), fact));
        }
    }

    fn expire(&mut self, tick: Tick, before: &mut Before) {
        while let Some((_, (holder, name))) = self.expiring.pop_due(tick) {
            if let Some(fact) = self.facts.get_mut(&(holder, name)) {
                before.keep(holder, name, fact);
                *fact = Fact { value: None, version: fact.version + 1, expires: None };
            }
        }
    }

    /// Forgets the facts of a group.
    fn close(&mut self, group: Holder, before: &mut Before) {
        let kept = self.defs.iter().filter(|(_, def)| def.scope == group.scope).map(|(name, _)| *name);
        for name in kept {
            if let Some(fact) = self.facts.remove(&(group, name)) {
                before.keep(group, name, &fact);
                self.expiring.cancel(&(group, name));
            }
        }
    }

    /// Whether a fact is at the version that a write expects.
    fn expect(&self, holder: Holder, name: Sym, version: u64) -> Result<(), Wrong> {
        let def = self.defs.get(&name).ok_or(Wrong::UnknownFact)?;
        let present = self.facts.get(&(holder, name));
        let shown = present.and_then(|fact| Some((fact.version, fact.value.clone()?)));
        let (found, value) = shown.unwrap_or_else(|| (0, def.default.clone()));
        match found == version {
            true => Ok(()),
            false => Err(Wrong::Version { expected: version, found, value }),
        }
    }

    fn apply(
        &mut self,
        tick: Tick,
        holder: Holder,
        name: Sym,
        change: &FactChange,
        before: &mut Before,
    ) -> Result<(), Wrong> {
        let def = self.defs.get(&name).ok_or(Wrong::UnknownFact)?;
        let misplaced = holder.scope == Scope::Realm && holder.id != self.realm;
        if holder.scope != def.scope || holder.id.is_none() || misplaced {
            return Err(Wrong::Scope { declared: def.scope.name() });
        }
        let present = self.facts.get(&(holder, name));
        let value = present.and_then(|fact| fact.value.as_ref()).unwrap_or(&def.default);
        let new = match change {
            FactChange::Set(to) => kind::set(def.kind, to).map_err(Wrong::Type)?,
            FactChange::Add(by) => kind::add(def.kind, value, by).map_err(Wrong::Type)?,
            FactChange::Clear => def.default.clone(),
            FactChange::Clamp(least, most) => {
                kind::clamp(def.kind, value, least, most).map_err(Wrong::Type)?
            }
        };
        let altered = new != *value;
        let expires = (new != def.default)
            .then_some(def.expires)
            .flatten()
            .map(|span| tick.saturating_add(span_ticks(span, self.clock.as_ref(), self.length).max(1)));
        if !altered && present.is_none_or(|fact| fact.expires == expires) {
            return Ok(());
        }
        let value = (new != def.default).then_some(new);
        let fact = self.facts.entry((holder, name)).or_default();
        before.keep(holder, name, fact);
        match expires {
            Some(due) => self.expiring.set((holder, name), due),
            None => drop(self.expiring.cancel(&(holder, name))),
        }
        *fact = Fact { value, version: fact.version + u64::from(altered), expires };
        Ok(())
    }
}

impl Machine for FactsMachine {
    type In = FactsIn;
    type Out = FactsOut;
    const NAME: BaseName = "facts";

    fn load(&mut self, row: BaseRow) {
        let ((holder, name), stored): ((Holder, Sym), Fact) = piece::read(&row);
        let fact = self.mend(holder, name, &stored);
        if fact.as_ref() != Some(&stored) {
            self.mended.push((holder, name));
        }
        let Some(fact) = fact else { return };
        if let Some(due) = fact.expires {
            self.expiring.set((holder, name), due);
        }
        self.facts.insert((holder, name), fact);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<FactsIn>, output: &mut Output<FactsOut>) {
        self.loaded = tick;
        for input in inputs {
            if let FactsIn::Clock(clock) = input {
                self.clock = Some(clock);
            }
        }
        for (&(holder, fact), stored) in &self.facts {
            if let Some(row) = self.row(holder, fact, stored) {
                output.insert(catalog::FACTS, row);
                output.out.push(FactsOut::Now(FactNow { holder, fact, value: stored.value.clone() }));
            }
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<FactsIn>, output: &mut Output<FactsOut>) {
        self.keep_mended(output);
        let (mut effects, mut writes) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                FactsIn::Clock(clock) => self.clock = Some(clock),
                FactsIn::Effect(effect) => effects.push(effect),
                FactsIn::Write(write) => writes.push(Write::of(write, None)),
                FactsIn::WriteIf(version, write) => writes.push(Write::of(write, Some(version))),
                FactsIn::Close(CloseWrite { order, group }) => {
                    writes.push(Write { order, holder: group, done: None, if_version: None });
                }
            }
        }
        effects.sort_by(|a, b| {
            // One event may change several facts, and one fact in several ways.
            (a.order.cmp_order(&b.order))
                .then_with(|| a.fact.cmp_text(b.fact))
                .then_with(|| a.holder.scope.cmp(&b.holder.scope))
                .then_with(|| a.holder.id.cmp_text(b.holder.id))
                .then_with(|| kind::cmp_change(&a.change, &b.change))
        });
        writes.sort_by(|a, b| a.order.cmp_order(&b.order));
        let mut before = Before::default();
        self.expire(tick, &mut before);
        for FactEffect { order, holder, fact, change } in effects {
            if let Err(wrong) = self.apply(tick, holder, fact, &change, &mut before) {
                let (source, id) = match order {
                    EffectOrder::Event { source, id, .. } => (source, id),
                    EffectOrder::Quest { quest, holder, .. } => {
                        (Sym::new("quests"), EventId::Named(format!("{quest}/{}", holder.id).into()))
                    }
                    EffectOrder::Storylet { storylet, player, .. } => {
                        (Sym::new("storylets"), EventId::Named(format!("{storylet}/{player}").into()))
                    }
                    EffectOrder::Arc { arc, holder, .. } => {
                        (Sym::new("arcs"), EventId::Named(format!("{arc}/{}", holder.id).into()))
                    }
                    EffectOrder::Dialogue { player, npc, .. } => {
                        (Sym::new("dialogues"), EventId::Named(format!("{npc}/{player}").into()))
                    }
                    EffectOrder::Rule(by) => (Sym::new(RULES), by.id()),
                };
                output.out.push(FactsOut::Refused(wrong.refused(source, id, fact)));
            }
        }
        for Write { order, holder, done, if_version } in writes {
            let Some((fact, change)) = done else {
                self.close(holder, &mut before);
                continue;
            };
            let expected = if_version.map_or(Ok(()), |version| self.expect(holder, fact, version));
            let applied = expected.and_then(|()| self.apply(tick, holder, fact, &change, &mut before));
            if let Err(wrong) = applied {
                output.out.push(FactsOut::Refused(wrong.refused(order.source, order.id, fact)));
            }
        }
        for ((holder, fact), old) in before.0 {
            let new = self.facts.get(&(holder, fact));
            if new == Some(&old) {
                continue;
            }
            let row = new.and_then(|new| self.row(holder, fact, new));
            output.replace(catalog::FACTS, self.row(holder, fact, &old), row);
            output.base.push(piece::change(Self::NAME, holder.id, &(holder, fact), new));
            let value = new.and_then(|new| new.value.clone());
            if value != old.value {
                output.out.push(FactsOut::Now(FactNow { holder, fact, value }));
            }
        }
    }

    fn alarm(&self) -> Option<Tick> {
        let mended = (!self.mended.is_empty()).then_some(self.loaded + 1);
        mended.into_iter().chain(self.expiring.first()).min()
    }
}

/// A write and its place in the tick: a change of a fact, or the end of a group.
struct Write {
    order: WriteOrder,
    holder: Holder,
    done: Option<(Sym, FactChange)>,
    if_version: Option<u64>,
}

impl Write {
    fn of(write: FactWrite, if_version: Option<u64>) -> Write {
        let FactWrite { order, holder, fact, change } = write;
        Write { order, holder, done: Some((fact, change)), if_version }
    }
}

/// What was there before the tick, of the facts it touched.
#[derive(Default)]
struct Before(FxHashMap<(Holder, Sym), Fact>);

impl Before {
    fn keep(&mut self, holder: Holder, name: Sym, fact: &Fact) {
        if let Entry::Vacant(vacant) = self.0.entry((holder, name)) {
            vacant.insert(fact.clone());
        }
    }
}

enum Wrong {
    UnknownFact,
    Scope { declared: &'static str },
    Type(WrongType),
    Version { expected: u64, found: u64, value: Value },
}

impl Wrong {
    fn refused(self, source: Sym, id: EventId, fact: Sym) -> Refused {
        let mut current = None;
        let (code, reason, hint) = match self {
            Wrong::UnknownFact => (
                "unknown_fact",
                format!("unknown fact `{fact}`"),
                "facts are declared under `facts` in world.yaml".to_owned(),
            ),
            Wrong::Scope { declared } => (
                "wrong_scope",
                format!("fact `{fact}` is not kept for such a holder"),
                format!("it is declared with scope `{declared}`"),
            ),
            Wrong::Type(WrongType { reason, hint }) => {
                ("wrong_type", format!("fact `{fact}` {reason}"), hint.to_owned())
            }
            Wrong::Version { expected, found, value } => {
                let reason = format!("fact `{fact}` is at version {found}, not {expected}");
                current = Some(Box::new(Current { version: found, value: CurrentValue::Fact(value) }));
                ("version_conflict", reason, CONFLICT_HINT.to_owned())
            }
        };
        Refused { source, id, code: Sym::new(code), reason, hint, current }
    }
}

/// What to do when something is at another version than expected.
pub(crate) const CONFLICT_HINT: &str = "look at what is there now, and write again with its version";

/// How many ticks a span takes, rounded up; a world span at the clock's present scale, paused or not.
pub(crate) fn span_ticks(span: Span, clock: Option<&ClockNow>, length: TickLength) -> u64 {
    let (scale_world, scale_real) = match clock {
        Some(clock) if span.world => (clock.scale_world.max(1), clock.scale_real),
        _ => (1, 1),
    };
    let real = u128::from(span.ms) * u128::from(scale_real);
    let per_tick = u128::from(scale_world) * u128::from(length.tick_ms.max(1));
    u64::try_from(real.div_ceil(per_tick)).unwrap_or(u64::MAX)
}

/// Facts as conditions see them: the value of a holder's fact, or its default.
#[derive(Debug, Default)]
pub struct KnownFacts {
    defaults: FxHashMap<Sym, (Scope, Value)>,
    values: FxHashMap<(Holder, Sym), Value>,
}

impl KnownFacts {
    /// All at their defaults.
    #[must_use]
    pub fn new(world: &WorldDef) -> KnownFacts {
        let defaults =
            world.facts.iter().map(|(name, def)| (Sym::new(name), (def.scope, default_of(def)))).collect();
        KnownFacts { defaults, values: FxHashMap::default() }
    }

    /// Takes in what the operator of facts says.
    pub fn tell(&mut self, now: FactNow) {
        match now.value {
            Some(value) => drop(self.values.insert((now.holder, now.fact), value)),
            None => drop(self.values.remove(&(now.holder, now.fact))),
        }
    }

    /// Whose fact it is, or `None` when there is no such fact.
    #[must_use]
    pub fn scope(&self, fact: Sym) -> Option<Scope> {
        self.defaults.get(&fact).map(|(scope, _)| *scope)
    }

    /// Whether something has been told of it for a holder, so that it may be another than its default.
    #[must_use]
    pub fn is_told(&self, holder: Holder, fact: Sym) -> bool {
        self.values.contains_key(&(holder, fact))
    }

    /// Its value for a holder, or its default; `None` when there is no such fact.
    #[must_use]
    pub fn get(&self, holder: Option<Holder>, fact: Sym) -> Option<&Value> {
        let (_, default) = self.defaults.get(&fact)?;
        Some(holder.and_then(|holder| self.values.get(&(holder, fact))).unwrap_or(default))
    }
}
