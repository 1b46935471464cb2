//! Spans of time that do not fit each other: what takes longer than there is time for.

use worldflow_schemas::definitions::{Complete, Condition, Every, ObjectiveDef, QuestDef, Span, StageDef};

use super::Checker;
use super::day::{Times, asks, phases};
use crate::world::spot::Spot;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How a span stands to another one.
enum Stands {
    Fits,
    /// It is longer.
    Longer,
    /// It is longer as long as the clock runs as world.yaml says; one of them is world time.
    LongerByTheClock,
}

impl Checker<'_> {
    /// What a quest takes, and the time there is for it.
    pub(super) fn check_spans(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        let mut total: Option<Span> = None;
        let mut told = false;
        for (name, stage) in quest.stages.iter() {
            let spot = spot.key("stages").key(name).key("objectives");
            for (id, objective) in stage.objectives.iter() {
                let spot = spot.key(id);
                if let (Some(holds), Some(lasting)) = (&objective.holds, objective.lasting) {
                    self.check_lasts(holds, lasting, spot.key("for"));
                }
                if let Some(deadline) = quest.deadline {
                    told |= self.check_in_time(objective, deadline, spot);
                }
            }
            total = match (total, self.least(stage).filter(|_| stage.after.is_empty())) {
                (Some(a), Some(b)) if a.world == b.world => Some(Span { ms: a.ms.saturating_add(b.ms), ..a }),
                (a, b) => a.or(b),
            };
        }
        if let (Some(total), Some(deadline), false) = (total, quest.deadline, told) {
            let message = format!("what has to hold takes {total}, and the deadline is {deadline}");
            self.report_longer(self.stands(total, deadline), message, spot.key("deadline"));
        }
    }

    /// An objective against the deadline of its quest; whether something was said.
    fn check_in_time(&mut self, objective: &ObjectiveDef, deadline: Span, spot: Spot<'_>) -> bool {
        let (key, takes, message) = if let Some(lasting) = objective.lasting {
            ("for", lasting, format!("this has to hold for {lasting}, and the deadline is {deadline}"))
        } else if let (Some(need), Some(every)) = (objective.streak, &objective.every) {
            let period = match every {
                Every::Day { .. } => Span { ms: DAY_MS, world: false },
                Every::Week { .. } => Span { ms: 7 * DAY_MS, world: false },
                Every::WorldDay {} => Span { ms: DAY_MS, world: true },
            };
            // From the end of the first period to the beginning of the last; one hour less when clocks are set forward.
            let whole = u64::from(need).saturating_sub(2).saturating_mul(period.ms);
            let slack = if period.world { 0 } else { HOUR_MS };
            let takes = Span { ms: whole.saturating_sub(slack), ..period };
            ("streak", takes, format!("{need} periods in a row take longer than the deadline, {deadline}"))
        } else {
            return false;
        };
        self.report_longer(self.stands(takes, deadline), message, spot.key(key))
    }

    fn report_longer(&mut self, stands: Stands, message: String, spot: Spot<'_>) -> bool {
        let hint = "give it more time, or ask for less";
        match stands {
            Stands::Fits => return false,
            Stands::Longer => self.error(spot, message, hint),
            Stands::LongerByTheClock => self.warn(
                spot,
                message,
                format!("{hint}; world time is taken as `clock: real_seconds_per_hour` in world.yaml has it"),
            ),
        }
        true
    }

    /// How long a stage takes at least, for conditions that have to hold.
    fn least(&self, stage: &StageDef) -> Option<Span> {
        let needed = || stage.objectives.iter().map(|(_, objective)| objective).filter(|of| !of.optional);
        let spans: Vec<Span> = needed().filter_map(|objective| objective.lasting).collect();
        let world = spans.first()?.world;
        let all = matches!(stage.complete, Complete::All | Complete::Sequence | Complete::StrictSequence);
        if !all || needed().any(|of| of.branch.is_some()) || spans.iter().any(|span| span.world != world) {
            return None;
        }
        let lengths = spans.iter().map(|span| span.ms);
        let once = if stage.complete.is_sequence() {
            lengths.fold(0, u64::saturating_add)
        } else {
            lengths.max()?
        };
        Some(Span { ms: once.saturating_mul(stage.times.into()), world })
    }

    /// A condition that depends on the time of the day, and how long it has to hold without a break.
    fn check_lasts(&mut self, holds: &Condition, lasting: Span, spot: Spot<'_>) {
        let Some(world) = self.definitions.world.as_ref().filter(|_| asks(holds)) else { return };
        let times = phases(&world.definition).map(|phases| Times::of(holds, &phases));
        let Some(longest) = times.filter(|times| !times.is_never()).and_then(|times| times.longest_min())
        else {
            return;
        };
        let longest = Span { ms: u64::from(longest) * MINUTE_MS, world: true };
        let message = format!(
            "this has to hold for {lasting}, and by the time of the day it does for {longest} at most"
        );
        self.report_longer(self.stands(lasting, longest), message, spot);
    }

    fn stands(&self, span: Span, other: Span) -> Stands {
        if span.world == other.world {
            return if span.ms > other.ms { Stands::Longer } else { Stands::Fits };
        }
        let seconds =
            self.definitions.world.as_ref().map(|world| world.definition.clock.real_seconds_per_hour);
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else { return Stands::Fits };
        let real = |span: Span| {
            let ms = u128::from(span.ms);
            if span.world { ms * u128::from(seconds) * 1_000 / u128::from(HOUR_MS) } else { ms }
        };
        if real(span) > real(other) { Stands::LongerByTheClock } else { Stands::Fits }
    }
}
