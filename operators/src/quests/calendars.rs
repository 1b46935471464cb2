//! What calendars say, as conditions: days of the world, dates of the real calendar, occasions of the game, and chance by day.
//!
//! All of it is a function of the tick, so nothing is kept. When one of them may next change is an edge like that of hours,
//! or one like those of windows and pools.

use worldflow_schemas::definitions::{ChanceTest, Dates, DatesTest, OneOrMany};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Value, chance};

use super::condition::{Test, depends};
use super::context::{Actor, Context};
use super::objective::EveryPlan;
use super::plan::Plan;
use super::traced::Now;
use crate::clock::Moment;

/// A condition of a calendar.
#[derive(Clone, Debug)]
pub(crate) enum Dated {
    /// Weekdays of the world.
    Weekday(Vec<Sym>),
    /// Months of the world.
    Month(Vec<Sym>),
    /// The day of the world's month.
    Day(Test),
    /// One of these holds: the real calendar.
    Dates(Vec<Dates>),
    /// A chance for each period.
    Chance { of: Sym, percent: u64, every: EveryPlan },
}

impl Dated {
    pub(super) fn dates(def: &DatesTest) -> Dated {
        Dated::Dates(Dates::new(def).into_iter().collect())
    }

    /// One of these occasions is active; one that the world does not declare never is.
    pub(super) fn occasions(names: &OneOrMany<String>, plan: &Plan) -> Dated {
        let known = names.as_slice().iter().filter_map(|name| plan.occasions.get(&Sym::new(name)));
        Dated::Dates(known.cloned().collect())
    }

    pub(super) fn chance(def: &ChanceTest) -> Option<Dated> {
        let (of, percent) = (Sym::new(&def.of), u64::from(def.percent));
        Some(Dated::Chance { of, percent, every: EveryPlan::new(&def.every)? })
    }

    /// What it depends on.
    pub(super) fn depends(&self) -> u16 {
        match self {
            Dated::Dates(_) | Dated::Chance { every: EveryPlan::Real(_), .. } => depends::DATES,
            _ => depends::TIME | depends::CLOCK,
        }
    }

    /// The next moment after `now_ms`, both in UTC milliseconds, at which the real calendar may have it change.
    pub(super) fn next_after(&self, now_ms: i64) -> Option<i64> {
        match self {
            Dated::Dates(all) => all.iter().filter_map(|dates| dates.next_after(now_ms)).min(),
            Dated::Chance { every: EveryPlan::Real(reset), .. } => reset.next_after(now_ms),
            _ => None,
        }
    }

    /// What it looks at.
    pub(super) fn now(&self, context: &Context) -> Option<Now> {
        match self {
            Dated::Weekday(_) => context.moment().map(|now| Now::Id(now.weekday)),
            Dated::Month(_) => context.moment().map(|now| Now::Id(now.month)),
            Dated::Day(_) => context.moment().map(|now| Now::Number(now.day_of_month)),
            Dated::Dates(_) => Some(Now::Utc(context.length.utc_ms(context.now))),
            Dated::Chance { .. } => None,
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, context: &Context, actor: &Actor<'_>) -> bool {
        let today = |is: &dyn Fn(Moment) -> bool| context.moment().is_some_and(is);
        match self {
            Dated::Weekday(names) => today(&|now| names.contains(&now.weekday)),
            Dated::Month(names) => today(&|now| names.contains(&now.month)),
            Dated::Day(test) => today(&|now| test.holds(Some(&Value::Int(now.day_of_month)))),
            Dated::Dates(all) => {
                let now_ms = context.length.utc_ms(context.now);
                all.iter().any(|dates| dates.holds(now_ms))
            }
            Dated::Chance { of, percent, every } => {
                let period = match every {
                    EveryPlan::Real(reset) => reset.last_at(context.length.utc_ms(context.now)),
                    EveryPlan::WorldDay => context.world_day(),
                };
                let whose = actor.holder_of(Scope::Player, context.realm).or(actor.holder);
                let Some((period, Holder { scope, id })) = period.zip(whose) else { return false };
                let key = format!("{of}/{}:{id}", scope.name());
                chance::below(context.seed, "chance", &key, period.cast_unsigned(), 100) < *percent
            }
        }
    }
}
