//! Whom events count for, as of their tick: tension and choices of arcs, for the holder of the arc's scope.
//!
//! `events (kind, target, player, region) ─pattern→ Felt by (holder, arc)` and `players' places ─→ who belongs to which group`
//!
//! It keeps no base state. What adds to one arc of one holder in a tick is added up here.

use rustc_hash::FxHashMap;
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::{Pattern, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick};

use super::known::{Known, Told};
use super::traced::{Came, Watch};
use super::{ArcsIn, Felt, quests_named};
use crate::machine::{Machine, Output};
use crate::messages::PlayerPlace;
use crate::quests::{Actor, Matcher};

/// The most that one event adds or takes, in whole units.
const MOST_ADDED: i64 = 1_000_000_000_000;

/// Matches the events of one shard.
#[derive(Debug)]
pub struct MatchesMachine {
    known: Known,
    arcs: FxHashMap<Sym, Patterns>,
    /// The arcs that name a kind of event.
    by_kind: FxHashMap<Sym, Vec<Sym>>,
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Patterns {
    scope: Scope,
    all: Vec<(Sym, Matcher, Means)>,
    quests: Vec<Sym>,
}

/// What an event that fits a pattern means.
#[derive(Clone, Copy, Debug)]
enum Means {
    /// By an entry of that id so much.
    Tension(Sym, i64),
    Choice(Sym, Sym),
}

impl MatchesMachine {
    /// No arc, and nothing known.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef) -> MatchesMachine {
        MatchesMachine {
            known: Known::new(realm, world),
            arcs: FxHashMap::default(),
            by_kind: FxHashMap::default(),
            watch: None,
        }
    }

    /// The same, of which one arc of one holder is traced.
    #[must_use]
    pub fn watching(self, watch: Option<Watch>) -> MatchesMachine {
        MatchesMachine { watch, ..self }
    }

    fn define(&mut self, told: &Told) {
        if told.arcs.is_empty() && !told.quests {
            return;
        }
        for (arc, def) in &told.arcs {
            let Some(def) = def else {
                self.arcs.remove(arc);
                continue;
            };
            let mut all = Vec::new();
            let mut add = |pattern: &Pattern, means| {
                all.push((Sym::new(&pattern.event), Matcher::new(pattern, &mut self.known.plan), means));
            };
            for (id, tense) in &def.tension.events {
                add(&tense.pattern, Means::Tension(Sym::new(id), tense.add.into()));
            }
            for (beat, beat_def) in def.beats.iter() {
                for (branch, branch_def) in beat_def.branches.iter() {
                    if let Some(pattern) = &branch_def.chosen_by {
                        add(pattern, Means::Choice(Sym::new(beat), Sym::new(branch)));
                    }
                }
            }
            self.arcs.insert(*arc, Patterns { scope: def.scope, all, quests: quests_named(def) });
        }
        self.by_kind.clear();
        for (arc, patterns) in &self.arcs {
            for (kind, ..) in &patterns.all {
                let arcs = self.by_kind.entry(*kind).or_default();
                if arcs.last() != Some(arc) {
                    arcs.push(*arc);
                }
            }
        }
        let named: Vec<Sym> =
            self.arcs.values().flat_map(|patterns| patterns.quests.iter().copied()).collect();
        self.known.follow(named);
    }

    fn feel(&self, event: &Event, sums: &mut FxHashMap<(Holder, Sym), i64>, output: &mut Output<Felt>) {
        let Some(arcs) = self.by_kind.get(&event.kind) else { return };
        let Known { plan, context, players } = &self.known;
        let place = players.get(&event.player).map(|now| now.place).unwrap_or_default();
        let region = if event.region.is_none() { place.region } else { event.region };
        let actor = Actor::elsewhere(event.player, place, region);
        let tags = plan.tags_of(event.target);
        for arc in arcs {
            let Some(patterns) = self.arcs.get(arc) else { continue };
            let Some(holder) = actor.holder_of(patterns.scope, context.realm) else { continue };
            for (kind, matcher, means) in &patterns.all {
                let fits = *kind == event.kind
                    && matcher.fits(event.kind, event.target, tags)
                    && matcher.accepts(event, plan, context, &actor);
                if !fits {
                    continue;
                }
                match *means {
                    Means::Tension(what, add) => {
                        let by = add.saturating_mul(event.amount).clamp(-MOST_ADDED, MOST_ADDED);
                        let sum = sums.entry((holder, *arc)).or_default();
                        *sum = sum.saturating_add(by);
                        if self.watch.is_some_and(|watch| (watch.holder, watch.arc) == (holder, *arc)) {
                            let came = Came { tick: context.now, event: event.clone(), region, what, by };
                            output.out.push(Felt::Traced(holder, Box::new(came)));
                        }
                    }
                    Means::Choice(beat, branch) => {
                        let order = (event.at_ms, event.source, event.id.clone());
                        output.out.push(Felt::Choice { holder, arc: *arc, beat, branch, order });
                    }
                }
            }
        }
    }

    /// Says who has joined which groups, and left.
    fn belong(told: &Told, output: &mut Output<Felt>) {
        for (now, was) in &told.moved {
            for (old, new) in groups(was).into_iter().zip(groups(&now.place)) {
                if old == new {
                    continue;
                }
                for (group, joins) in [(old, false), (new, true)] {
                    if !group.id.is_none() {
                        output.out.push(Felt::Belongs { group, joins });
                    }
                }
            }
        }
    }
}

/// The groups of a place, in a fixed order.
fn groups(place: &PlayerPlace) -> [Holder; 4] {
    let PlayerPlace { instance, party, guild, account, .. } = *place;
    [(Scope::Party, party), (Scope::Guild, guild), (Scope::Account, account), (Scope::Instance, instance)]
        .map(|(scope, id)| Holder { scope, id })
}

impl Machine for MatchesMachine {
    type In = ArcsIn;
    type Out = Felt;
    const NAME: BaseName = "arc_matches";

    fn load(&mut self, _: BaseRow) {}

    fn loaded(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<Felt>) {
        self.known.context.now = tick;
        let told = self.known.take_in(inputs);
        self.define(&told);
        MatchesMachine::belong(&told, output);
    }

    fn step(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<Felt>) {
        self.known.context.now = tick;
        let told = self.known.take_in(inputs);
        self.define(&told);
        MatchesMachine::belong(&told, output);
        let mut sums = FxHashMap::default();
        for event in &told.events {
            self.feel(event, &mut sums, output);
        }
        output.out.extend(sums.into_iter().map(|((holder, arc), by)| Felt::Tension { holder, arc, by }));
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}
