//! What a holder must have before a quest can be available at all, so that whoever lacks it is not tested.
//!
//! `quests ─by what they wait for─▶ for a holder: those that may be available, and those of which it has a record`
//!
//! A test of any other quest would change nothing: it is hidden, and stays so. It decides nothing else.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{Accept, QuestState};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Value};

use super::condition::Cond;
use super::context::{Actor, Context};
use super::holder::HolderState;
use super::plan::{Ix, Plan};
use super::prerequisites::Place;
use super::quest_plan::QuestPlan;

/// Quests of one scope by what they wait for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// For nothing that is known beforehand.
    free: Vec<Place>,
    /// For a quest that the holder must have begun, or been offered.
    begun: FxHashMap<Ix, Vec<Place>>,
    /// For a fact of the holder that must have another value than its default.
    facts: FxHashMap<Sym, Vec<Place>>,
    /// For a place.
    regions: FxHashMap<Sym, Vec<Place>>,
    /// For a level, in millionths; in its order.
    levels: Vec<(i128, Place)>,
    /// All of them.
    places: FxHashMap<Ix, Place>,
}

/// What a quest waits for. Of several the last of this list, of which the fewest holders have it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wait {
    Nothing,
    Level(i128),
    Region(Vec<Sym>),
    Fact(Sym),
    Begun(Ix),
    /// For a record of the quest itself: without one a test has nothing to say.
    Record,
}

impl Waiting {
    /// Adds a quest. [`Waiting::sort`] follows once for all of them.
    pub(super) fn add(&mut self, place: Place, ix: Ix, quest: &QuestPlan, plan: &Plan) {
        self.places.insert(ix, place);
        match Wait::of(quest, plan) {
            Wait::Nothing => self.free.push(place),
            Wait::Level(least) => self.levels.push((least, place)),
            Wait::Region(names) => {
                names.into_iter().for_each(|name| self.regions.entry(name).or_default().push(place));
            }
            Wait::Fact(fact) => self.facts.entry(fact).or_default().push(place),
            Wait::Begun(other) => self.begun.entry(other).or_default().push(place),
            Wait::Record => {}
        }
    }

    pub(super) fn sort(&mut self) {
        self.levels.sort_unstable();
    }

    pub(super) fn place_of(&self, ix: Ix) -> Option<Place> {
        self.places.get(&ix).copied()
    }

    /// Adds the quests that may be available to a holder, and those of which it has a record, in no order.
    pub(super) fn of_holder(&self, holder: &HolderState, context: &Context, places: &mut Vec<Place>) {
        places.extend(&self.free);
        for ix in holder.records.keys() {
            places.extend(self.begun.get(ix).into_iter().flatten());
            places.extend(self.place_of(*ix));
        }
        for (fact, waiting) in &self.facts {
            if context.facts.is_told(holder.holder, *fact) {
                places.extend(waiting);
            }
        }
        let actor = Actor::of(holder);
        places.extend(self.regions.get(&actor.region).into_iter().flatten());
        if !self.levels.is_empty()
            && let Some(level) = Value::Int(context.level_of(&actor)).as_millionths()
        {
            let reached = self.levels.partition_point(|(least, _)| *least <= level);
            places.extend(self.levels[..reached].iter().map(|(_, place)| place));
        }
    }
}

impl Wait {
    fn of(quest: &QuestPlan, plan: &Plan) -> Wait {
        if quest.accept != Accept::Auto && !quest.is_gated() {
            return Wait::Record;
        }
        quest
            .requires
            .as_ref()
            .map_or(Wait::Nothing, |requires| Wait::of_condition(requires, quest.scope, plan))
    }

    /// What a holder of a scope must have before a condition can hold.
    fn of_condition(cond: &Cond, scope: Scope, plan: &Plan) -> Wait {
        match cond {
            Cond::Quest(ix, states) if states.iter().all(is_recorded) => match plan.get(*ix) {
                Some(named) if named.scope != scope => Wait::Nothing,
                // Of a quest that is not defined nothing holds, whoever has begun it.
                _ => Wait::Begun(*ix),
            },
            Cond::Fact(fact, test) if plan.fact_scope(*fact) == Some(scope) => {
                match test.holds(plan.fact_default(*fact)) {
                    true => Wait::Nothing,
                    false => Wait::Fact(*fact),
                }
            }
            Cond::Region(names) => Wait::Region(names.clone()),
            Cond::Level(test) => test.least().map_or(Wait::Nothing, Wait::Level),
            Cond::All(of) => {
                let waits = of.iter().map(|cond| Wait::of_condition(cond, scope, plan));
                waits.max().unwrap_or(Wait::Nothing)
            }
            _ => Wait::Nothing,
        }
    }
}

/// Whether a holder in this state has a record that says so.
fn is_recorded(state: &QuestState) -> bool {
    !matches!(state, QuestState::Hidden | QuestState::Available)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use worldflow_schemas::input::Holder;

    use super::*;
    use crate::messages::FactNow;
    use crate::quests::holder::Record;

    const ANN: Holder = Holder { scope: Scope::Player, id: Sym::NONE };

    /// A world of which each quest waits for something else.
    fn plan() -> (Plan, Context) {
        let world = json!({"name": "w", "seed": 1, "facts": {
            "fame": {"scope": "player", "type": "int", "default": 0},
            "open": {"scope": "realm", "type": "bool", "default": false}}});
        let world = serde_json::from_value(world).expect("a world");
        let mut plan = Plan::new(&world);
        for (name, gate) in [
            ("after", json!({"requires": {"quests": {"first": "done"}}})),
            ("auto", json!({"accept": "auto"})),
            ("either", json!({"requires": {"any": [{"level": {"at_least": 5}}, {"phase": "night"}]}})),
            ("famous", json!({"requires": {"facts": {"fame": {"at_least": 3}}, "level": {"at_least": 1}}})),
            ("first", json!({})),
            ("fresh", json!({"requires": {"facts": {"fame": {"at_most": 3}}}})),
            ("group", json!({"exclusive_group": "g"})),
            ("here", json!({"requires": {"region": ["moor", "bog"]}})),
            ("open", json!({"requires": {"facts": {"open": true}}})),
            ("strong", json!({"requires": {"level": {"at_least": 5}}})),
            ("unless", json!({"requires": {"not": {"quests": {"first": "done"}}}})),
        ] {
            let mut quest = json!({"title": name, "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
            quest.as_object_mut().expect("a map").extend(gate.as_object().expect("a map").clone());
            let quest = serde_json::from_value(quest).expect("a quest");
            plan.define_all(&[(Sym::new(name), Some(Arc::new(quest)))]);
        }
        (plan, Context::new(&world, Sym::new("realm")))
    }

    fn tested(plan: &Plan, context: &Context, holder: &HolderState) -> String {
        let mut places = Vec::new();
        plan.prerequisites.everything(holder, context, &mut places);
        places.sort_unstable();
        places.dedup();
        let names = places.iter().map(|place| plan.name(plan.tested[*place as usize]).as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_lacks_what_a_quest_waits_for_is_not_tested() {
        let (plan, mut context) = plan();
        let mut holder = HolderState::new(ANN);
        let always = "auto either fresh open unless";
        assert_eq!(tested(&plan, &context, &holder), always);
        let find = |name| plan.find(Sym::new(name)).expect("it is defined");
        holder.place.region = "bog".into();
        assert_eq!(tested(&plan, &context, &holder), "auto either fresh here open unless");
        holder.place.region = "town".into();
        context.levels.insert(ANN.id, 4);
        assert_eq!(tested(&plan, &context, &holder), always);
        context.levels.insert(ANN.id, 5);
        assert_eq!(tested(&plan, &context, &holder), "auto either fresh open strong unless");
        context.levels.clear();
        let fame = FactNow { holder: ANN, fact: "fame".into(), value: Some(Value::Int(3)) };
        context.facts.tell(fame);
        assert_eq!(tested(&plan, &context, &holder), "auto either famous fresh open unless");
        holder.records.insert(find("first"), Record::new());
        holder.records.insert(find("group"), Record::new());
        assert_eq!(tested(&plan, &context, &holder), "after auto either famous fresh group open unless");
    }
}
