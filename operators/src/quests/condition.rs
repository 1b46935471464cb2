//! Conditions, compiled: names are resolved once per edit of a definition, not once per test.
//!
//! A condition is tested for an [`Actor`] against what is known as of a tick. It changes nothing,
//! and nothing it lacks is an error: a missing operand is a default or does not hold.

use worldflow_schemas::definitions::{self, QuestState, Span, TestRange};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Value};

use super::calendars::Dated;
use super::comparison::Comparison;
use super::context::{Actor, Context};
use super::plan::{Ix, Plan};
use super::roles::RolePlan;
use super::seen::{RowPlan, views_of};

/// What a condition depends on, as bits: what must change before it can change.
pub(crate) mod depends {
    /// Phase, season, moon.
    pub(crate) const CLOCK: u16 = 1;
    /// Hours and spans of weather, which come true between edges.
    pub(crate) const TIME: u16 = 2;
    /// Weather.
    pub(crate) const WEATHER: u16 = 4;
    /// Where the player is and what they belong to.
    pub(crate) const PLACE: u16 = 8;
    /// Facts.
    pub(crate) const FACTS: u16 = 16;
    /// Where holders stand with quests.
    pub(crate) const QUESTS: u16 = 32;
    /// The level.
    pub(crate) const LEVEL: u16 = 64;
    /// Pools and windows of the real calendar.
    pub(crate) const DATES: u16 = 128;
    /// Rows of views.
    pub(crate) const VIEWS: u16 = 256;
    /// Everything.
    pub(crate) const ALL: u16 = u16::MAX;
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) enum Cond {
    Phase(Vec<Sym>),
    Hours(definitions::Hours),
    Season(Vec<Sym>),
    Moon(Sym, Vec<Sym>),
    Weather {
        /// Where, if not where the actor is.
        region: Option<Sym>,
        kinds: Option<Vec<Sym>>,
        intensity: Option<Test>,
        lasting: Option<Span>,
    },
    Region(Vec<Sym>),
    Near(Vec<Sym>),
    Fact(Sym, Test),
    Quest(Ix, Vec<QuestState>),
    Progress(Ix, Sym, Test),
    Level(Test),
    Compare(Comparison),
    /// Rows of all of these views are told.
    Told(Vec<Sym>),
    Dated(Dated),
    /// Somebody may have each of these roles.
    Roles(Vec<RolePlan>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
}

fn syms(names: &definitions::OneOrMany<String>) -> Vec<Sym> {
    names.as_slice().iter().map(|name| Sym::new(name)).collect()
}

impl Cond {
    /// Compiles; quests get their place in the plan, defined or not. The whole does not hold before the rows of every view that it
    /// names are told.
    pub(crate) fn new(def: &definitions::Condition, plan: &mut Plan) -> Cond {
        let cond = Cond::part(def, plan);
        let views = views_of(&cond.rows());
        if views.is_empty() { cond } else { Cond::All(vec![Cond::Told(views), cond]) }
    }

    fn part(def: &definitions::Condition, plan: &mut Plan) -> Cond {
        let mut all = Vec::new();
        all.extend(def.phase.as_ref().map(|names| Cond::Phase(syms(names))));
        all.extend(def.hours.map(Cond::Hours));
        all.extend(def.season.as_ref().map(|names| Cond::Season(syms(names))));
        all.extend(def.moon.iter().map(|(moon, phases)| Cond::Moon(Sym::new(moon), syms(phases))));
        all.extend(def.weather.as_ref().map(|test| Cond::Weather {
            region: test.region.as_deref().map(Sym::new),
            kinds: test.kind.as_ref().map(syms),
            intensity: test.intensity.as_ref().map(Test::new),
            lasting: test.lasting,
        }));
        all.extend(def.region.as_ref().map(|names| Cond::Region(syms(names))));
        all.extend(def.near.as_ref().map(|names| Cond::Near(syms(names))));
        all.extend(def.facts.iter().map(|(fact, test)| Cond::Fact(Sym::new(fact), Test::new(test))));
        for (quest, states) in &def.quests {
            all.push(Cond::Quest(plan.ix(Sym::new(quest)), states.as_slice().to_vec()));
        }
        for (quest, objectives) in &def.progress {
            let quest = plan.ix(Sym::new(quest));
            plan.progress_named.insert(quest);
            let tests = objectives.iter();
            all.extend(tests.map(|(name, test)| Cond::Progress(quest, Sym::new(name), Test::new(test))));
        }
        all.extend(def.level.as_ref().map(|test| Cond::Level(Test::new(test))));
        all.extend(def.compare.as_ref().map(|compare| Cond::Compare(Comparison::new(compare))));
        all.extend(Cond::dated(def, plan).into_iter().map(Cond::Dated));
        all.extend(def.all.iter().map(|inner| Cond::part(inner, plan)));
        if !def.any.is_empty() {
            all.push(Cond::Any(def.any.iter().map(|inner| Cond::part(inner, plan)).collect()));
        }
        all.extend(def.not.as_ref().map(|inner| Cond::Not(Box::new(Cond::part(inner, plan)))));
        Cond::All(all)
    }

    /// What it asks of calendars.
    fn dated(def: &definitions::Condition, plan: &Plan) -> Vec<Dated> {
        let mut all = Vec::new();
        all.extend(def.weekday.as_ref().map(|names| Dated::Weekday(syms(names))));
        all.extend(def.month.as_ref().map(|names| Dated::Month(syms(names))));
        all.extend(def.day.as_ref().map(|test| Dated::Day(Test::new(test))));
        all.extend(def.dates.as_ref().map(Dated::dates));
        all.extend(def.occasion.as_ref().map(|names| Dated::occasions(names, plan)));
        all.extend(def.chance.as_ref().and_then(Dated::chance));
        all
    }

    /// What it depends on.
    pub(crate) fn depends(&self) -> u16 {
        match self {
            Cond::Phase(_) | Cond::Season(_) | Cond::Moon(..) => depends::CLOCK,
            Cond::Hours(_) => depends::TIME | depends::CLOCK,
            Cond::Weather { .. } => depends::WEATHER | depends::PLACE | depends::TIME | depends::CLOCK,
            Cond::Region(_) | Cond::Near(_) | Cond::Roles(_) => depends::PLACE,
            Cond::Fact(..) => depends::FACTS | depends::PLACE,
            Cond::Quest(..) => depends::QUESTS | depends::PLACE,
            Cond::Progress(..) => depends::QUESTS,
            Cond::Level(_) => depends::LEVEL,
            Cond::Compare(compare) => compare.depends(),
            Cond::Told(_) => depends::VIEWS,
            Cond::Dated(dated) => dated.depends(),
            Cond::All(of) | Cond::Any(of) => of.iter().fold(0, |bits, cond| bits | cond.depends()),
            Cond::Not(of) => of.depends(),
        }
    }

    /// Calls `visit` for every condition within, this one included.
    pub(super) fn visit(&self, visit: &mut impl FnMut(&Cond)) {
        visit(self);
        match self {
            Cond::All(of) | Cond::Any(of) => of.iter().for_each(|cond| cond.visit(visit)),
            Cond::Not(of) => of.visit(visit),
            _ => {}
        }
    }

    /// The rows that it looks up.
    pub(super) fn rows(&self) -> Vec<RowPlan> {
        let mut rows = Vec::new();
        self.visit(&mut |cond| {
            if let Cond::Compare(compare) = cond {
                rows.extend(compare.rows());
            }
        });
        rows
    }

    /// How many tests there are in it.
    pub(crate) fn tests(&self) -> usize {
        let mut tests = 0;
        self.visit(&mut |cond| {
            let is_test = !matches!(cond, Cond::All(_) | Cond::Any(_) | Cond::Not(_) | Cond::Told(_));
            tests += usize::from(is_test);
        });
        tests
    }

    /// Whether it can come to hold, or cease to, by time alone.
    pub(crate) fn is_timed(&self) -> bool {
        let mut timed = false;
        self.visit(&mut |cond| {
            timed |= matches!(cond, Cond::Hours(_) | Cond::Dated(_) | Cond::Weather { lasting: Some(_), .. });
        });
        timed
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, plan: &Plan, context: &Context, actor: &Actor<'_>) -> bool {
        let clock = context.clock.as_ref();
        match self {
            Cond::Phase(names) => clock.is_some_and(|clock| names.contains(&clock.phase)),
            Cond::Season(names) => clock.is_some_and(|clock| names.contains(&clock.season)),
            Cond::Moon(moon, names) => clock
                .and_then(|clock| clock.moons.iter().find(|(name, _)| name == moon))
                .is_some_and(|(_, phase)| names.contains(phase)),
            Cond::Hours(hours) => clock
                .is_some_and(|clock| hours.hold(clock.minute_of_day(context.now, context.length.tick_ms))),
            Cond::Weather { region, kinds, intensity, lasting } => {
                let zone = plan.zone(region.unwrap_or(actor.region));
                let Some(weather) = zone.and_then(|zone| context.weather.get(&zone)) else {
                    return false;
                };
                kinds.as_ref().is_none_or(|kinds| kinds.contains(&weather.state))
                    && intensity.as_ref().is_none_or(|test| test.holds(Some(&Value::Dec(weather.intensity))))
                    && lasting.is_none_or(|span| context.lasted(weather, span))
            }
            Cond::Near(names) => plan.is_near(actor.region, names),
            Cond::Region(names) => !actor.region.is_none() && names.contains(&actor.region),
            Cond::Fact(fact, test) => {
                let holder =
                    context.facts.scope(*fact).and_then(|scope| actor.holder_of(scope, context.realm));
                test.holds(context.facts.get(holder, *fact))
            }
            Cond::Quest(quest, states) => holds_quest(*quest, states, plan, context, actor),
            Cond::Progress(quest, objective, test) => actor.own.is_some_and(|own| {
                let value = own.progress.get(&(*quest, *objective)).copied().unwrap_or(0);
                own.holder.scope == Scope::Player && test.holds(Some(&Value::Int(value.into())))
            }),
            Cond::Level(test) => test.holds(Some(&Value::Int(context.level_of(actor)))),
            Cond::Compare(compare) => compare.holds(plan, context, actor),
            Cond::Told(views) => context.views.has(views),
            Cond::Dated(dated) => dated.holds(context, actor),
            Cond::Roles(roles) => roles.iter().all(|role| role.is_open(plan, actor.region)),
            Cond::All(of) => of.iter().all(|cond| cond.holds(plan, context, actor)),
            Cond::Any(of) => of.iter().any(|cond| cond.holds(plan, context, actor)),
            Cond::Not(of) => !of.holds(plan, context, actor),
        }
    }
}

fn holds_quest(ix: Ix, states: &[QuestState], plan: &Plan, context: &Context, actor: &Actor<'_>) -> bool {
    let Some((_, state, completions)) = stands(ix, plan, context, actor) else { return false };
    states.iter().any(|wanted| match wanted {
        QuestState::Done => completions > 0,
        other => *other == state,
    })
}

/// Who of an actor's holders would hold a quest, and where they stand with it.
pub(super) fn stands(
    ix: Ix,
    plan: &Plan,
    context: &Context,
    actor: &Actor<'_>,
) -> Option<(Holder, QuestState, u32)> {
    let quest = plan.get(ix)?;
    let holder = actor.holder_of(quest.scope, context.realm)?;
    let seen = |ix: Ix| actor.seen(holder, ix, context);
    let (state, completions) = seen(ix).unwrap_or_else(|| {
        let taken = |other: &Ix| {
            *other != ix
                && seen(*other).is_some_and(|(state, completions)| state.is_open() || completions > 0)
        };
        let hidden = quest.is_gated() || plan.rivals(quest.exclusive).iter().any(taken);
        (if hidden { QuestState::Hidden } else { QuestState::Available }, 0)
    });
    Some((holder, state, completions))
}

/// A compiled comparison: all must hold.
#[derive(Clone, Debug)]
pub(crate) struct Test(Vec<Compare>);

#[derive(Clone, Debug)]
enum Compare {
    AtLeast(i128),
    AtMost(i128),
    Above(i128),
    Below(i128),
    Is(Value),
    IsNot(Value),
    OneOf(Vec<Value>),
    Never,
}

impl Test {
    pub(crate) fn new(def: &definitions::Test) -> Test {
        let is = |json, make: fn(Value) -> Compare| Value::from_json(json).map_or(Compare::Never, make);
        let range = match def {
            definitions::Test::Is(json) => return Test(vec![is(json, Compare::Is)]),
            definitions::Test::Range(range) => range,
        };
        let TestRange { at_least, at_most, above, below, is: equal, is_not, one_of } = range;
        let mut all = Vec::new();
        for (bound, make) in [
            (at_least, Compare::AtLeast as fn(i128) -> Compare),
            (at_most, Compare::AtMost),
            (above, Compare::Above),
            (below, Compare::Below),
        ] {
            let Some(bound) = bound else { continue };
            let value = Value::from_json(&bound.clone().into());
            all.push(value.and_then(|value| value.as_millionths()).map_or(Compare::Never, make));
        }
        all.extend(equal.as_ref().map(|json| is(json, Compare::Is)));
        all.extend(is_not.as_ref().map(|json| is(json, Compare::IsNot)));
        all.extend(
            one_of.as_ref().map(|list| Compare::OneOf(list.iter().filter_map(Value::from_json).collect())),
        );
        Test(all)
    }

    /// What a number must be at least to pass, in millionths, if that is said.
    pub(super) fn least(&self) -> Option<i128> {
        let least = |compare: &Compare| match compare {
            Compare::AtLeast(bound) | Compare::Above(bound) => Some(*bound),
            Compare::Is(value) => value.as_millionths(),
            _ => None,
        };
        self.0.iter().filter_map(least).max()
    }

    /// Whether a value passes; an absent one does not.
    pub(crate) fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return false };
        let number = || value.as_millionths();
        self.0.iter().all(|compare| match compare {
            Compare::AtLeast(bound) => number().is_some_and(|n| n >= *bound),
            Compare::AtMost(bound) => number().is_some_and(|n| n <= *bound),
            Compare::Above(bound) => number().is_some_and(|n| n > *bound),
            Compare::Below(bound) => number().is_some_and(|n| n < *bound),
            Compare::Is(other) => same(value, other),
            Compare::IsNot(other) => !same(value, other),
            Compare::OneOf(others) => others.iter().any(|other| same(value, other)),
            Compare::Never => false,
        })
    }
}

/// As [`Value::same`], without looking up the text of two ids.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Sym(a), Value::Sym(b)) => a == b,
        _ => a.same(b),
    }
}
