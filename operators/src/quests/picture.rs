//! Conditions with what there is now, and everything of a traced quest at the end of a tick.
//!
//! Each test is compiled and asked as it is for the graph itself, so a picture cannot disagree with it.

use worldflow_schemas::definitions::{Condition, QuestDef, QuestState, WeatherTest};
use worldflow_schemas::input::Scope;

use super::branches::{Mark, Said};
use super::condition::{Cond, stands};
use super::context::{Actor, Context};
use super::core::{At, Core};
use super::holder::{HolderState, Instance};
use super::objective::ObjectivePlan;
use super::plan::{Ix, Plan};
use super::traced::{Leaf, Node, Now, ObjectiveNow, Picture, StageNow};

/// A condition as it is for an actor.
pub(crate) fn node(def: &Condition, plan: &mut Plan, context: &Context, actor: &Actor<'_>) -> Node {
    let mut all: Vec<Node> = Vec::new();
    for test in tests(def) {
        let cond = Cond::new(&test, plan);
        let holds = cond.holds(plan, context, actor);
        let now = now(&cond, plan, context, actor);
        all.push(Node::Leaf(Box::new(Leaf { test, holds, now })));
    }
    all.extend(def.all.iter().map(|inner| node(inner, plan, context, actor)));
    if !def.any.is_empty() {
        all.push(Node::Any(def.any.iter().map(|inner| node(inner, plan, context, actor)).collect()));
    }
    if let Some(inner) = &def.not {
        all.push(Node::Not(Box::new(node(inner, plan, context, actor))));
    }
    match <[Node; 1]>::try_from(all) {
        Ok([only]) => only,
        Err(all) => Node::All(all),
    }
}

/// The tests of a condition, each as a condition with one key.
fn tests(def: &Condition) -> Vec<Condition> {
    let none = Condition::default;
    let mut tests = Vec::new();
    tests.extend(def.phase.clone().map(|phase| Condition { phase: Some(phase), ..none() }));
    tests.extend(def.hours.map(|hours| Condition { hours: Some(hours), ..none() }));
    tests.extend(def.season.clone().map(|season| Condition { season: Some(season), ..none() }));
    tests.extend(
        (def.moon.clone().into_iter()).map(|moon| Condition { moon: [moon].into_iter().collect(), ..none() }),
    );
    tests.extend(tests_of_calendars(def));
    if let Some(WeatherTest { region, kind, intensity, lasting }) = def.weather.clone() {
        let weather = |weather| Condition { weather: Some(weather), ..none() };
        let one = || WeatherTest { region: region.clone(), ..WeatherTest::default() };
        tests.extend(kind.map(|kind| weather(WeatherTest { kind: Some(kind), ..one() })));
        tests.extend(intensity.map(|of| weather(WeatherTest { intensity: Some(of), ..one() })));
        tests.extend(lasting.map(|span| weather(WeatherTest { lasting: Some(span), ..one() })));
    }
    tests.extend(def.region.clone().map(|region| Condition { region: Some(region), ..none() }));
    tests.extend(def.near.clone().map(|near| Condition { near: Some(near), ..none() }));
    tests.extend(
        (def.facts.clone().into_iter())
            .map(|fact| Condition { facts: [fact].into_iter().collect(), ..none() }),
    );
    tests.extend(
        (def.quests.clone().into_iter())
            .map(|quest| Condition { quests: [quest].into_iter().collect(), ..none() }),
    );
    for (quest, objectives) in def.progress.clone() {
        tests.extend(objectives.into_iter().map(|of| {
            let progress = [(quest.clone(), [of].into_iter().collect())].into_iter().collect();
            Condition { progress, ..none() }
        }));
    }
    tests.extend(def.level.clone().map(|level| Condition { level: Some(level), ..none() }));
    tests.extend(def.compare.clone().map(|compare| Condition { compare: Some(compare), ..none() }));
    tests
}

/// Those of calendars.
fn tests_of_calendars(def: &Condition) -> Vec<Condition> {
    let none = Condition::default;
    let mut tests = Vec::new();
    tests.extend(def.weekday.clone().map(|of| Condition { weekday: Some(of), ..none() }));
    tests.extend(def.month.clone().map(|of| Condition { month: Some(of), ..none() }));
    tests.extend(def.day.clone().map(|of| Condition { day: Some(of), ..none() }));
    tests.extend(def.dates.clone().map(|of| Condition { dates: Some(of), ..none() }));
    tests.extend(def.occasion.clone().map(|of| Condition { occasion: Some(of), ..none() }));
    tests.extend(def.chance.clone().map(|of| Condition { chance: Some(of), ..none() }));
    tests
}

/// What a test of one key looks at.
fn now(cond: &Cond, plan: &Plan, context: &Context, actor: &Actor<'_>) -> Now {
    let clock = context.clock.as_ref();
    let found = match cond {
        // That its rows are told comes before the test itself.
        Cond::All(of) => return of.last().map_or(Now::Nothing, |cond| now(cond, plan, context, actor)),
        Cond::Phase(_) => clock.map(|clock| Now::Id(clock.phase)),
        Cond::Season(_) => clock.map(|clock| Now::Id(clock.season)),
        Cond::Moon(moon, _) => clock
            .and_then(|clock| clock.moons.iter().find(|(name, _)| name == moon))
            .map(|(_, phase)| Now::Id(*phase)),
        Cond::Hours(_) => {
            clock.map(|clock| Now::Minute(clock.minute_of_day(context.now, context.length.tick_ms)))
        }
        Cond::Weather { region, .. } => {
            let weather =
                plan.zone(region.unwrap_or(actor.region)).and_then(|zone| context.weather.get(&zone));
            weather.cloned().map(Now::Weather)
        }
        Cond::Region(_) | Cond::Near(_) => (!actor.region.is_none()).then_some(Now::Id(actor.region)),
        Cond::Fact(fact, _) => {
            let scope = context.facts.scope(*fact);
            let holder = scope.and_then(|scope| actor.holder_of(scope, context.realm));
            scope.map(|_| Now::Fact(holder, context.facts.get(holder, *fact).cloned()))
        }
        Cond::Quest(quest, _) => stands(*quest, plan, context, actor)
            .map(|(holder, state, completions)| Now::Quest(holder, state, completions)),
        Cond::Progress(quest, objective, _) => actor.own.and_then(|own| {
            let value = own.progress.get(&(*quest, *objective)).copied().unwrap_or(0);
            (own.holder.scope == Scope::Player).then_some(Now::Number(value.into()))
        }),
        Cond::Dated(dated) => dated.now(context),
        Cond::Level(_) => Some(Now::Number(context.level_of(actor))),
        Cond::Compare(compare) => {
            let (left, right) = compare.sides(plan, context, actor);
            Some(Now::Sides(left, right))
        }
        Cond::Told(_) | Cond::Roles(_) | Cond::Any(_) | Cond::Not(_) => None,
    };
    found.unwrap_or(Now::Nothing)
}

impl Core {
    /// Everything of a quest of a holder, who may be unknown, as conditions of the next tick see it.
    pub(super) fn picture(&mut self, at: Option<At>, ix: Ix, def: Option<&QuestDef>) -> Picture {
        let tick = self.context.now;
        let mut picture =
            Picture { tick, known: at.is_some(), clock: self.context.clock.clone(), ..Picture::default() };
        let Some(at) = at else { return picture };
        picture.place = self.holders[at as usize].place;
        let Some((def, quest)) = def.zip(self.plan.get(ix).cloned()) else { return picture };
        picture.is_dated = self.is_dated(at, ix, &quest);
        // From here on it is the next tick: what this one has concluded counts.
        self.context.now = tick.saturating_add(1);
        let Core { plan, context, holders, .. } = self;
        let holder = &holders[at as usize];
        let actor = Actor::of(holder);
        picture.state = stands(ix, plan, context, &actor).map(|(_, state, _)| state);
        let mut record = None;
        if let Some(of) = holder.records.get(&ix).filter(|of| !of.is_nothing()) {
            (picture.instance, picture.completions) = (of.instance, of.completions);
            (picture.since, picture.wake) = (of.since, of.wake);
            picture.state = Some(of.state);
            record = Some(of);
        }
        let taken = |other: &&Ix| {
            **other != ix
                && (holder.records.get(other))
                    .is_some_and(|record| record.state.is_open() || record.completions > 0)
        };
        picture.taken_by =
            plan.rivals(quest.exclusive).iter().filter(taken).map(|ix| plan.name(*ix)).collect();
        let region = actor.region;
        let unfilled = quest.roles.iter().filter(|role| !role.is_open(plan, region));
        picture.unfilled = unfilled.map(|role| role.name).collect();
        picture.requires = (!def.requires.is_empty()).then(|| node(&def.requires, plan, context, &actor));
        picture.fail_when = def.fail_when.as_ref().map(|cond| node(cond, plan, context, &actor));
        if let Some(open) = holder.instance(ix) {
            let stage = &quest.stages[usize::from(open.stage)];
            let round = match record.and_then(|record| record.said(Mark::Round)) {
                Some(Said::Number(round)) => round,
                _ => 1,
            };
            let objectives = stage.objectives.iter().enumerate().map(|(place, objective)| {
                objective_now(def, (open, place, objective), ix, holder, plan, context)
            });
            let objectives = objectives.collect();
            let opened = open.stage_opened;
            picture.open = Some(StageNow { stage: stage.name, opened, round, objectives });
        }
        self.context.now = tick;
        picture
    }

    /// The state of a quest for a holder by itself.
    pub(super) fn state_of(&self, at: At, ix: Ix) -> QuestState {
        let actor = Actor::of(&self.holders[at as usize]);
        let own = self.holders[at as usize].state(ix);
        own.or_else(|| stands(ix, &self.plan, &self.context, &actor).map(|(_, state, _)| state))
            .unwrap_or(QuestState::Hidden)
    }
}

fn objective_now(
    def: &QuestDef,
    (open, place, objective): (&Instance, usize, &ObjectivePlan),
    ix: Ix,
    holder: &HolderState,
    plan: &mut Plan,
    context: &Context,
) -> ObjectiveNow {
    let actor = Actor::of(holder);
    let stage = def.stages.iter().nth(usize::from(open.stage));
    let written = stage.and_then(|(_, stage)| stage.objectives.iter().nth(place)).map(|(_, def)| def);
    let cond = |cond: &Option<Condition>, plan: &mut Plan| {
        let cond = cond.as_ref().filter(|cond| !cond.is_empty());
        cond.map(|cond| node(cond, plan, context, &actor))
    };
    let counter = &open.counters[place];
    let lifetime = objective.lifetime.map(|lifetime| {
        let all = holder.lifetimes.get(&lifetime).copied().unwrap_or(0);
        (all, holder.baselines.get(&(ix, lifetime)).copied().unwrap_or(0))
    });
    ObjectiveNow {
        objective: objective.name,
        value: objective.value(counter.count, plan, holder.holder),
        need: objective.need_in(plan, holder.holder),
        done: counter.done,
        hidden: counter.hidden,
        times: counter.times(objective, &open.counters, context),
        when: written.and_then(|def| cond(&def.when, plan)),
        holds: written.and_then(|def| cond(&def.holds, plan)),
        lifetime,
    }
}
