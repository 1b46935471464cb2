//! Conditions that never hold: parts that exclude each other, hours outside a phase, weather where there is none.
//!
//! Only what the definitions alone decide is said. What a condition asks of facts that a game server may write can come true.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{
    ClimateDef, Condition, Hours, OneOrMany, QuestDef, QuestState, Test, TestRange, WorldDef,
};

use super::Checker;
use super::contradictions::{exclude, no_number, no_time, opposites};
use super::day::{DAY_MIN, phase_at, phases as begins_of, within};
use crate::world::spot::Spot;

/// A condition's parts that must all hold, those of its `all` included.
pub(super) struct Parts<'c>(pub(super) Vec<&'c Condition>);

impl<'c> Parts<'c> {
    pub(super) fn of(condition: &'c Condition) -> Parts<'c> {
        let mut parts = vec![condition];
        let mut next = 0;
        while let Some(part) = parts.get(next).copied() {
            parts.extend(&part.all);
            next += 1;
        }
        Parts(parts)
    }

    /// The names that all parts allow; nothing when none asks.
    fn names(
        &self,
        of: impl Fn(&'c Condition) -> Option<&'c OneOrMany<String>>,
    ) -> Option<BTreeSet<&'c str>> {
        let lists = self.0.iter().copied().filter_map(of);
        let sets = lists.map(|list| list.as_slice().iter().map(String::as_str).collect::<BTreeSet<_>>());
        sets.reduce(|a, b| &a & &b)
    }
}

impl Checker<'_> {
    /// Whether a condition can hold; `regions` are those where it is looked at, if that is said elsewhere. That it cannot is reported.
    pub(super) fn check_can_hold(
        &mut self,
        condition: &Condition,
        regions: Option<&OneOrMany<String>>,
        spot: Spot<'_>,
    ) {
        if let Some((message, hint)) = self.why_never(condition, regions) {
            self.error(spot, format!("this never holds: {message}"), hint);
            return;
        }
        for (index, inner) in condition.any.iter().enumerate() {
            self.check_can_hold(inner, regions, spot.key("any").item(index));
        }
    }

    /// Why a condition never holds, if that is known, and what to do.
    pub(super) fn why_never(
        &self,
        condition: &Condition,
        regions: Option<&OneOrMany<String>>,
    ) -> Option<(String, String)> {
        let world = self.definitions.world.as_ref().filter(|world| world.whole)?;
        let parts = Parts::of(condition);
        exclusive_names(&parts)
            .or_else(|| never_this_hour(&parts, &world.definition))
            .or_else(|| no_number(&parts))
            .or_else(|| opposites(&parts))
            .or_else(|| no_time(&parts, condition, &world.definition))
            .or_else(|| no_day(&parts, &world.definition))
            .or_else(|| self.never_so_far(&parts))
            .or_else(|| self.never_here(&parts, regions, &world.definition))
    }

    /// Regions that exclude each other, or none of which has the weather that is asked for.
    fn never_here(
        &self,
        parts: &Parts<'_>,
        regions: Option<&OneOrMany<String>>,
        world: &WorldDef,
    ) -> Option<(String, String)> {
        let asked = parts.names(|part| part.region.as_ref());
        let elsewhere =
            regions.map(|regions| regions.as_slice().iter().map(String::as_str).collect::<BTreeSet<_>>());
        let both = match (asked, elsewhere) {
            (Some(a), Some(b)) => {
                let both = &a & &b;
                if both.is_empty() && !a.is_empty() && !b.is_empty() {
                    let message = format!("it asks for {} in {}", listed(&a), listed(&b));
                    return Some((message, "let both name the same region, or remove one".to_owned()));
                }
                Some(both)
            }
            (a, b) => a.or(b),
        };
        if !parts.0.iter().any(|part| part.weather.is_some()) {
            return None;
        }
        // Of several, each may be of another region: only that of one is looked at.
        let elsewhere = parts.0.iter().filter_map(|part| part.weather.as_ref()?.region.as_deref());
        let elsewhere: BTreeSet<&str> = elsewhere.collect();
        if !elsewhere.is_empty() && parts.0.iter().filter(|part| part.weather.is_some()).count() > 1 {
            return None;
        }
        let both = if elsewhere.is_empty() { both } else { Some(elsewhere) };
        let names: BTreeSet<&str> =
            both.unwrap_or_else(|| world.regions.keys().map(String::as_str).collect());
        let known: Vec<_> = names.iter().filter_map(|name| world.regions.get(*name)).collect();
        if known.len() < names.len() || known.is_empty() {
            return None;
        }
        let zones = known.iter().filter_map(|region| world.zones.get(region.zone.as_ref()?));
        let climates: BTreeSet<&str> = zones.map(|zone| zone.climate.as_str()).collect();
        if climates.is_empty() && known.iter().all(|region| region.zone.is_none()) {
            let message = format!("there is no weather in {}", listed(&names));
            return Some((message, "give the region a `zone` in world.yaml, or remove `weather`".to_owned()));
        }
        let kinds = parts.names(|part| part.weather.as_ref().and_then(|weather| weather.kind.as_ref()));
        let climates: Option<Vec<_>> =
            climates.iter().map(|climate| self.definitions.climates.get(*climate)).collect();
        let climates: Vec<&ClimateDef> = climates?.into_iter().map(|placed| &placed.definition).collect();
        if let Some(kinds) = &kinds {
            let states = climates.iter().flat_map(|climate| climate.states.keys().map(String::as_str));
            let states: BTreeSet<&str> = states.collect();
            let declared = kinds.iter().all(|kind| self.names.of_sort(super::Sort::State).contains(*kind));
            if declared && !kinds.is_empty() && states.is_disjoint(kinds) {
                let message = format!("in {} the weather is never {}", listed(&names), listed(kinds));
                return Some((message, format!("there it can be {}", listed(&states))));
            }
        }
        never_this_strong(parts, kinds.as_ref(), &climates)
    }

    /// Objectives that never count as far as is asked: a value goes up to what is needed, and no further.
    fn never_so_far(&self, parts: &Parts<'_>) -> Option<(String, String)> {
        for (quest, objectives) in parts.0.iter().flat_map(|part| &part.progress) {
            let Some(placed) = self.definitions.quests.get(quest) else { continue };
            for (name, test) in objectives {
                let stages = placed.definition.stages.iter();
                let mut of = stages.flat_map(|(_, stage)| stage.objectives.get(name));
                let (Some(objective), None) = (of.next(), of.next()) else { continue };
                // Of these what is needed is known while it runs, or what is counted goes on.
                if objective.min.is_some() || objective.percent.is_some() || objective.everyone {
                    continue;
                }
                let need = objective.need();
                if objective.holds.is_none() && exclude(&[test, &between(0.0, need.into())]) {
                    let message = format!("`{name}` of `{quest}` counts from 0 to {need}");
                    return Some((
                        message,
                        format!("ask for at most {need}, or have the objective need more"),
                    ));
                }
            }
        }
        None
    }

    /// What a quest requires of others of its own exclusive group, of which at most one is ever begun.
    pub(super) fn check_own_group(&mut self, id: &str, quest: &QuestDef, spot: Spot<'_>) {
        let Some(group) = &quest.exclusive_group else { return };
        let definitions = self.definitions;
        let begun = |state: &QuestState| state.is_open() || *state == QuestState::Done;
        for (other, states) in Parts::of(&quest.requires).0.into_iter().flat_map(|part| &part.quests) {
            let of = definitions.quests.get(other).filter(|_| other != id);
            let same = of.is_some_and(|of| of.definition.exclusive_group.as_ref() == Some(group));
            if same && !states.as_slice().is_empty() && states.as_slice().iter().all(begun) {
                let message = format!(
                    "`{id}` waits for `{other}`, and both are in the group `{group}`, of which only one can be begun"
                );
                let hint = "take one of them out of the group, or remove the requirement";
                self.error(spot.key("requires").key("quests").name(other), message, hint);
            }
        }
    }
}

/// Phases, seasons and states that no moment has together.
fn exclusive_names(parts: &Parts<'_>) -> Option<(String, String)> {
    type Of = for<'c> fn(&'c Condition) -> Option<&'c OneOrMany<String>>;
    let sorts: [(&str, Of); 3] = [
        ("phase", |part| part.phase.as_ref()),
        ("season", |part| part.season.as_ref()),
        ("region", |part| part.region.as_ref()),
    ];
    for (what, of) in sorts {
        let lists: Vec<&OneOrMany<String>> = parts.0.iter().copied().filter_map(of).collect();
        if lists.len() > 1
            && lists.iter().all(|list| !list.as_slice().is_empty())
            && parts.names(of).is_some_and(|left| left.is_empty())
        {
            let asked: Vec<String> = lists
                .iter()
                .map(|list| listed(&list.as_slice().iter().map(String::as_str).collect()))
                .collect();
            let message = format!("the {what} cannot be {} at once", asked.join(" and "));
            return Some((message, "put them into `any`, or name both in one list".to_owned()));
        }
    }
    None
}

/// The weather is never so strong, or so weak: what a state's intensity is by its definition is all but for a tenth.
fn never_this_strong(
    parts: &Parts<'_>,
    kinds: Option<&BTreeSet<&str>>,
    climates: &[&ClimateDef],
) -> Option<(String, String)> {
    let tests: Vec<&Test> =
        parts.0.iter().filter_map(|part| part.weather.as_ref()?.intensity.as_ref()).collect();
    if tests.is_empty() {
        return None;
    }
    let states = climates.iter().flat_map(|climate| &climate.states);
    let states = states.filter(|(name, _)| kinds.is_none_or(|kinds| kinds.contains(name.as_str())));
    let bounds: Vec<(f64, f64)> = states
        .map(|(_, state)| ((state.intensity - AROUND).max(0.0), (state.intensity + AROUND).min(1.0)))
        .collect();
    let never = |(least, most): &(f64, f64)| {
        let bound = between(least - f64::EPSILON, most + f64::EPSILON);
        exclude(&tests.iter().copied().chain([&bound]).collect::<Vec<_>>())
    };
    if bounds.is_empty() || !bounds.iter().all(never) {
        return None;
    }
    let least = bounds.iter().map(|(least, _)| *least).fold(f64::INFINITY, f64::min);
    let most = bounds.iter().map(|(_, most)| *most).fold(f64::NEG_INFINITY, f64::max);
    let of = kinds.map_or_else(|| "the weather".to_owned(), listed);
    let message = format!("the intensity of {of} is {} to {}", plain(least), plain(most));
    let hint = "ask for what there is, or give a state another `intensity` in climates/; the weather differs from it by a tenth at most";
    Some((message, hint.to_owned()))
}

/// How far the intensity of the weather is from that of its state, at most.
const AROUND: f64 = 0.1;

/// A fraction without the dust of reckoning.
fn plain(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A test that a number lies between two, both included.
fn between(least: f64, most: f64) -> Test {
    let number = serde_json::Number::from_f64;
    Test::Range(TestRange { at_least: number(least), at_most: number(most), ..TestRange::default() })
}

/// Days that no month has of those that are asked for.
fn no_day(parts: &Parts<'_>, world: &WorldDef) -> Option<(String, String)> {
    let tests: Vec<&Test> = parts.0.iter().filter_map(|part| part.day.as_ref()).collect();
    let asked = parts.names(|part| part.month.as_ref());
    let months = world.clock.calendar.months.iter();
    let months =
        months.filter(|month| asked.as_ref().is_none_or(|asked| asked.contains(month.name.as_str())));
    let most = months.map(|month| month.days).max()?;
    let bound = between(1.0, most.into());
    let tests: Vec<&Test> = tests.into_iter().chain([&bound]).collect();
    // A bound alone excludes nothing.
    exclude(&tests).then(|| {
        let whose = asked.as_ref().map_or_else(|| "a month".to_owned(), listed);
        let message = format!("the days of {whose} are 1 to {most}");
        (message, "ask for a day that there is, or give months more `days` in world.yaml".to_owned())
    })
}

/// Hours that lie in no phase that is asked for, or exclude each other.
fn never_this_hour(parts: &Parts<'_>, world: &WorldDef) -> Option<(String, String)> {
    let hours: Vec<Hours> = parts.0.iter().filter_map(|part| part.hours).collect();
    let first = hours.first()?;
    let in_all = |minute: u32| hours.iter().all(|hours| within(*hours, minute));
    if !(0..DAY_MIN).any(in_all) {
        let message = "no hour lies in all of these ranges".to_owned();
        return Some((message, "put them into `any`, or make one range of them".to_owned()));
    }
    let phases = parts.names(|part| part.phase.as_ref()).filter(|phases| !phases.is_empty())?;
    let begins = begins_of(world)?;
    if !phases.iter().all(|phase| begins.iter().any(|(_, name)| name == phase)) {
        return None;
    }
    let both = (0..DAY_MIN)
        .any(|minute| in_all(minute) && phase_at(&begins, minute).is_some_and(|name| phases.contains(name)));
    (!both).then(|| {
        let message = format!(
            "{} is never between {} and {}",
            listed(&phases),
            clock(first.from_min),
            clock(first.to_min)
        );
        let spans = begins.iter().filter(|(_, name)| phases.contains(name));
        let spans: Vec<String> =
            spans.map(|(from, name)| format!("`{name}` begins at {}", clock(*from))).collect();
        (message, format!("{}; keep one of the two", spans.join(", ")))
    })
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(super) fn listed(names: &BTreeSet<&str>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        all => all.concat(),
    }
}
