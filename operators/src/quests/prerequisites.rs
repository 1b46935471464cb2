//! Which quests' availability must be tested when something changes, so that a change costs what hangs on it and not what there is.
//!
//! `(scope, what has changed) ─▶ places of quests in the order of their names`. What nobody can have who lacks something is in
//! `waiting`.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::Sym;
use worldflow_schemas::input::Scope;

use super::condition::{Cond, depends};
use super::context::Context;
use super::holder::HolderState;
use super::plan::{Ix, Plan};
use super::quest_plan::QuestPlan;
use super::seen::RowPlan;
use super::waiting::Waiting;

/// A place in the list of quests that are tested, which is in the order of their names.
pub(super) type Place = u32;

/// Something of which prerequisites speak by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Named {
    /// A fact has another value.
    Fact(Sym),
    /// A quest is in another state.
    Quest(Ix),
}

/// What is told by bits alone.
const BITS: [u16; 7] = [
    depends::CLOCK,
    depends::TIME,
    depends::WEATHER,
    depends::PLACE,
    depends::LEVEL,
    depends::DATES,
    depends::VIEWS,
];

/// The index of a plan.
#[derive(Debug, Default)]
pub(super) struct Prerequisites {
    scopes: FxHashMap<Scope, OfScope>,
}

/// Of the quests of one scope.
#[derive(Debug, Default)]
struct OfScope {
    by_bit: [Vec<Place>; BITS.len()],
    by_name: FxHashMap<Named, Vec<Place>>,
    waiting: Waiting,
}

impl Prerequisites {
    /// Of the quests that are tested, in the order of their names.
    pub(super) fn new(plan: &Plan) -> Prerequisites {
        let mut all = Prerequisites::default();
        for (place, ix) in (0..).zip(&plan.tested) {
            let Some(quest) = plan.get(*ix) else { continue };
            all.scopes.entry(quest.scope).or_default().add(place, *ix, quest, plan);
        }
        all.scopes.values_mut().for_each(|of| of.waiting.sort());
        all
    }

    /// The place of a quest that is tested.
    pub(super) fn place_of(&self, ix: Ix) -> Option<Place> {
        self.scopes.values().find_map(|of| of.waiting.place_of(ix))
    }

    /// Some of the quests, by their scopes and by what they wait for.
    pub(super) fn of_some(&self, quests: &FxHashSet<Ix>, plan: &Plan) -> FxHashMap<Scope, Waiting> {
        let mut some: FxHashMap<Scope, Waiting> = FxHashMap::default();
        for ix in quests {
            if let (Some(quest), Some(place)) = (plan.get(*ix), self.place_of(*ix)) {
                some.entry(quest.scope).or_default().add(place, *ix, quest, plan);
            }
        }
        some.values_mut().for_each(Waiting::sort);
        some
    }

    /// The quests of a scope that must be tested for every holder, in order.
    pub(super) fn of_all(&self, scope: Scope, bits: u16, named: &[Named]) -> Vec<Place> {
        let mut places = Vec::new();
        if let Some(of) = self.scopes.get(&scope) {
            of.told(bits, named, &mut places);
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Adds the quests that must be tested for a holder, which may be there already.
    pub(super) fn of_holder(&self, holder: &HolderState, places: &mut Vec<Place>) {
        let Some(of) = self.scopes.get(&holder.holder.scope) else { return };
        of.told(holder.dirty, &holder.named, places);
    }

    /// All quests that can be available to a holder, and those of which it has a record.
    pub(super) fn everything(&self, holder: &HolderState, context: &Context, places: &mut Vec<Place>) {
        if let Some(of) = self.scopes.get(&holder.holder.scope) {
            of.waiting.of_holder(holder, context, places);
        }
    }
}

impl OfScope {
    fn add(&mut self, place: Place, ix: Ix, quest: &QuestPlan, plan: &Plan) {
        let mut bits = if quest.pool.is_none() && quest.window.is_none() { 0 } else { depends::DATES };
        let mut names: Vec<Named> = vec![Named::Quest(ix)];
        names.extend(plan.rivals(quest.exclusive).iter().map(|rival| Named::Quest(*rival)));
        if let Some(requires) = &quest.requires {
            requires.visit(&mut |cond| bits |= told_by_bit(cond, quest.scope, plan, &mut names));
        }
        for (bit, list) in BITS.into_iter().zip(&mut self.by_bit) {
            if bits & bit != 0 {
                list.push(place);
            }
        }
        for name in names {
            let list = self.by_name.entry(name).or_default();
            if list.last() != Some(&place) {
                list.push(place);
            }
        }
        self.waiting.add(place, ix, quest, plan);
    }

    fn told(&self, bits: u16, named: &[Named], places: &mut Vec<Place>) {
        for (bit, list) in BITS.into_iter().zip(&self.by_bit) {
            if bits & bit != 0 {
                places.extend(list);
            }
        }
        for name in named {
            places.extend(self.by_name.get(name).into_iter().flatten());
        }
    }
}

/// What a condition depends on besides what it names, which is added to `names`.
fn told_by_bit(cond: &Cond, scope: Scope, plan: &Plan, names: &mut Vec<Named>) -> u16 {
    // Whose fact or quest it is may hang on where the player is and to whom it belongs; a player's own does not.
    let place = |of: Option<Scope>| if of == Some(scope) { 0 } else { depends::PLACE };
    match cond {
        Cond::Fact(fact, _) => {
            names.push(Named::Fact(*fact));
            place(plan.fact_scope(*fact))
        }
        Cond::Quest(quest, _) => {
            names.push(Named::Quest(*quest));
            let named = plan.get(*quest);
            let group = named.map_or(Sym::NONE, |named| named.exclusive);
            // Whether it is hidden or available may hang on the others of its group.
            names.extend(plan.rivals(group).iter().map(|rival| Named::Quest(*rival)));
            place(named.map(|named| named.scope))
        }
        Cond::Compare(compare) => {
            let facts = compare.facts();
            let away = facts.iter().fold(0, |bits, fact| bits | place(plan.fact_scope(*fact)));
            names.extend(facts.into_iter().map(Named::Fact));
            let bits = compare.depends() & !depends::FACTS;
            // The weather is that of where the player is, and rows may be of that, too.
            let by_place = bits & depends::WEATHER != 0 || compare.rows().iter().any(RowPlan::is_by_place);
            if by_place { bits } else { (bits & !depends::PLACE) | away }
        }
        // Their parts are visited by themselves.
        Cond::All(_) | Cond::Any(_) | Cond::Not(_) => 0,
        other => other.depends(),
    }
}
