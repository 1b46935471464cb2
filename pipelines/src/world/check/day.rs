//! The times of the day at which a condition may hold, by the world's phases and by hours.
//!
//! What else a condition asks may always be so. Whatever depends on it is left as it is.

use worldflow_schemas::definitions::{Condition, Hours, WorldDef};

use super::minutes;

/// The minutes of a day.
pub(super) const DAY_MIN: u32 = 1440;

/// The minutes of the day at which a condition may hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Times(Vec<bool>);

/// The phases of a day, in the order in which they begin, each with its first minute.
pub(super) type Phases<'w> = Vec<(u32, &'w str)>;

/// A world's phases; `None` when one of them cannot be read.
pub(super) fn phases(world: &WorldDef) -> Option<Phases<'_>> {
    let phases = world.clock.phases.iter().map(|(name, phase)| Some((minutes(&phase.from)?, name)));
    let mut phases: Phases<'_> = phases.collect::<Option<_>>()?;
    phases.sort_unstable();
    Some(phases)
}

/// The phase of a minute. Before the first phase of a day it is still the last one.
pub(super) fn phase_at<'w>(phases: &Phases<'w>, minute: u32) -> Option<&'w str> {
    let before = phases.iter().rev().find(|(from, _)| *from <= minute);
    before.or(phases.last()).map(|(_, name)| *name)
}

/// Whether a minute is within hours.
pub(super) fn within(Hours { from_min, to_min }: Hours, minute: u32) -> bool {
    if from_min < to_min {
        from_min <= minute && minute < to_min
    } else {
        minute >= from_min || minute < to_min
    }
}

impl Times {
    /// Those of a condition.
    pub(super) fn of(condition: &Condition, phases: &Phases<'_>) -> Times {
        let named = condition.phase.as_ref().map(|names| names.as_slice());
        let known = |name: &String| phases.iter().any(|(_, phase)| phase == name);
        let named = named.filter(|names| names.iter().all(known));
        let at = |minute: u32| {
            named.is_none_or(|names| {
                phase_at(phases, minute).is_none_or(|phase| names.iter().any(|name| name == phase))
            }) && condition.hours.is_none_or(|hours| within(hours, minute))
        };
        let mut times = Times((0..DAY_MIN).map(at).collect());
        for inner in &condition.all {
            times.meet(&Times::of(inner, phases));
        }
        let ways = condition.any.iter().map(|inner| Times::of(inner, phases));
        if let Some(any) = ways.reduce(|mut a, b| {
            a.join(&b);
            a
        }) {
            times.meet(&any);
        }
        if let Some(inner) = condition.not.as_deref().filter(|inner| is_of_the_day(inner)) {
            let Times(inner) = Times::of(inner, phases);
            times.meet(&Times(inner.into_iter().map(|holds| !holds).collect()));
        }
        times
    }

    fn meet(&mut self, other: &Times) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }

    fn join(&mut self, other: &Times) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    /// Whether there are none.
    pub(super) fn is_never(&self) -> bool {
        !self.0.contains(&true)
    }

    /// The longest time without a break, over midnight too; `None` when there is no break.
    pub(super) fn longest_min(&self) -> Option<u32> {
        let first_break = self.0.iter().position(|holds| !holds)?;
        let (mut longest, mut run) = (0, 0);
        for holds in self.0[first_break..].iter().chain(&self.0[..first_break]) {
            run = if *holds { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        Some(longest)
    }
}

/// Whether a condition asks anything of the time of the day.
pub(super) fn asks(condition: &Condition) -> bool {
    let mut inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
    condition.phase.is_some() || condition.hours.is_some() || inner.any(asks)
}

/// Whether a condition asks for nothing but phases and hours.
fn is_of_the_day(condition: &Condition) -> bool {
    let rest = Condition {
        phase: None,
        hours: None,
        all: Vec::new(),
        any: Vec::new(),
        not: None,
        ..condition.clone()
    };
    let inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
    rest.is_empty() && !condition.is_empty() && inner.into_iter().all(is_of_the_day)
}
