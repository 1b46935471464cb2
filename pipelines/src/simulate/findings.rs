//! What is wrong with a world, as a simulation shows it: quests that nobody can begin or finish, branches that lead nowhere, rewards
//! that pay without end.
//!
//! A finding says what was seen, in numbers, and where to look. What was too rare to say anything of is no finding.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::QuestDef;

use super::gates::said;
use super::report::{Ended, QuestReport};
use super::tally::Looping;
use crate::spans::rounded_span;

/// So many deeds for an objective that never counted are enough to say that it cannot.
const ENOUGH_DEEDS: u64 = 40;

/// So many instances on a branch are enough to say where it leads.
const ENOUGH_INSTANCES: u64 = 3;

/// Completions by one player, and the time from one to the next, from which on it is done for the pay: milliseconds.
const FARMED_TIMES: u64 = 50;
const FARMED_MS: u64 = 60_000;

/// What kind of trouble it is, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trouble {
    /// Something counted or paid twice.
    Twice,
    /// A quest completes again and again without anybody doing anything.
    GoesRound,
    /// A quest was available to nobody.
    NeverAvailable,
    /// A quest was begun, and cannot be finished as it seems: nothing counts for it, or everybody lost it.
    NeverFinished,
    /// A branch was taken, and nobody who took it finished.
    BranchEnds,
    /// Much was done for an objective, and nothing of it counted.
    NeverCounts,
    /// A quest is done over and over for what it pays.
    Farmed,
    /// A branch was taken by nobody.
    BranchUntaken,
    /// A quest was begun, and the time was too short for anybody to finish it.
    Unfinished,
    /// A quest was available, and begun by nobody.
    NeverBegun,
    /// An arc began for nobody.
    ArcNeverBegun,
    /// Nobody came to a beat of an arc.
    BeatNotReached,
    /// A way on from a beat was chosen by nobody.
    WayNotTaken,
}

impl Trouble {
    /// Its name, as it stands in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Twice => "counts twice",
            Trouble::GoesRound => "goes round",
            Trouble::NeverAvailable => "never available",
            Trouble::NeverFinished => "never finished",
            Trouble::BranchEnds => "dead end",
            Trouble::NeverCounts => "never counts",
            Trouble::Farmed => "farmed",
            Trouble::BranchUntaken => "branch not taken",
            Trouble::Unfinished => "not finished yet",
            Trouble::NeverBegun => "never begun",
            Trouble::ArcNeverBegun => "arc never begun",
            Trouble::BeatNotReached => "beat never reached",
            Trouble::WayNotTaken => "way never taken",
        }
    }

    /// Whether the world is wrong, rather than the players few or the time short.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        self < Trouble::Farmed
    }
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// The quest, or the arc; empty when it is none's.
    pub quest: String,
    /// Where it stands, `quests/daily.yaml:12:1`; empty when that is not known.
    pub place: String,
    /// What was seen.
    pub text: String,
    /// Where to look.
    pub hint: String,
}

/// Everything that is wrong, the worst first, and by quest.
pub(super) fn findings(ended: &Ended<'_>, quests: &[QuestReport]) -> Vec<Finding> {
    let mut all = Vec::new();
    let (counted, paid) = (ended.tally.counted_twice, ended.tally.paid_twice);
    if counted + paid > 0 {
        let text =
            format!("{counted} inputs that were sent again counted again, {paid} grants were there twice");
        let hint = "this is a fault of worldflow: report it with the world and the seed".to_owned();
        let (quest, place) = (String::new(), String::new());
        all.push(Finding { trouble: Trouble::Twice, quest, place, text, hint });
    }
    for (place, report) in quests.iter().enumerate() {
        let finder = Finder { ended, place, report, def: ended.crowd.quests[place].1 };
        all.extend(finder.of_quest());
        all.extend(finder.of_branches());
        all.extend(finder.of_objectives());
    }
    all.sort_by(|a, b| a.trouble.cmp(&b.trouble).then_with(|| a.quest.cmp(&b.quest)));
    all
}

struct Finder<'a> {
    ended: &'a Ended<'a>,
    place: usize,
    report: &'a QuestReport,
    def: &'a QuestDef,
}

impl Finder<'_> {
    fn found(&self, trouble: Trouble, text: String, hint: String) -> Finding {
        let place = self.ended.world.places.get(&self.report.id).cloned().unwrap_or_default();
        Finding { trouble, quest: self.report.id.clone(), place, text, hint }
    }

    /// The quest as a whole: at most one thing.
    fn of_quest(&self) -> Option<Finding> {
        let report = self.report;
        if let Some(out) = self.ended.taken_out.iter().find(|out| out.quest == self.place) {
            return Some(self.goes_round(out.looping, out.at_ms));
        }
        if report.seen == 0 {
            return Some(self.never_available());
        }
        if report.began == 0 {
            let text =
                format!("it was available to {}, and nobody began it", counted(report.seen, self.holder()));
            let hint = "simulate more players or days, or a mix that likes it".to_owned();
            return Some(self.found(Trouble::NeverBegun, text, hint));
        }
        if report.finished == 0 {
            return Some(self.never_finished());
        }
        let most = self.ended.tally.most_repeated(self.place)?;
        let farmed = most.times >= FARMED_TIMES && most.every_ms < FARMED_MS && !report.paid.is_empty();
        farmed.then(|| {
            let text = format!(
                "`{}` finished it {} times, once in {}: {}",
                most.holder.as_str(),
                most.times,
                rounded_span(most.every_ms),
                self.pays()
            );
            let hint = "give it `repeat: {cooldown: ...}` or a daily time, or let it pay less".to_owned();
            self.found(Trouble::Farmed, text, hint)
        })
    }

    fn holder(&self) -> &'static str {
        self.def.scope.name()
    }

    /// What it paid in all.
    fn pays(&self) -> String {
        let items = self.report.paid.iter().map(|paid| format!("{} {}", paid.amount, paid.item));
        let items: Vec<String> = items.collect();
        if items.is_empty() {
            "it pays nothing".to_owned()
        } else {
            format!("it paid {} in all", items.join(", "))
        }
    }

    fn goes_round(&self, of: Looping, at_ms: u64) -> Finding {
        let text = format!(
            "it goes round by itself: {} `{}` finished it {} times, once in {}, and {}",
            self.holder(),
            of.holder.as_str(),
            of.times,
            rounded_span(of.every_ms),
            self.pays()
        );
        let hint = format!(
            "give it an objective that takes a deed, or `repeat: {{cooldown: ...}}`; it was taken out after {} so that the others could go on",
            rounded_span(at_ms)
        );
        self.found(Trouble::GoesRound, text, hint)
    }

    fn never_available(&self) -> Finding {
        let (text, hint) = match self.ended.unmet.never(self.place) {
            _ if self.report.holders == 0 => (
                format!("there was no {} to hold it", self.holder()),
                format!(
                    "players belong to no {} unless something else of the world is kept for one",
                    self.holder()
                ),
            ),
            None if self.def.pool.is_some() => (
                "its pool never offered it".to_owned(),
                "simulate more days; a pool offers a few at a time".to_owned(),
            ),
            None => (
                "its window was never open".to_owned(),
                "begin within the window with `--at`, or simulate more days".to_owned(),
            ),
            Some(parts) if parts.is_empty() => (
                "every part of `requires` held at some time, but never all of them at once".to_owned(),
                "look which parts exclude each other".to_owned(),
            ),
            Some(parts) => {
                let never: Vec<String> = parts.iter().map(|part| format!("`{}`", said(part))).collect();
                let waits = parts.iter().flat_map(|part| part.quests.keys()).next();
                let hint = match waits {
                    Some(quest) => format!("look first at what keeps `{quest}` from it"),
                    None => "look what brings it about, or simulate more days".to_owned(),
                };
                (format!("{} never held for anybody", never.join(" and ")), hint)
            }
        };
        self.found(Trouble::NeverAvailable, text, hint)
    }

    fn never_finished(&self) -> Finding {
        let report = self.report;
        let lost = report.at_it == 0 && report.accepted >= ENOUGH_INSTANCES;
        let mut trouble = if lost { Trouble::NeverFinished } else { Trouble::Unfinished };
        let mut text = format!("{} began it, and nobody finished it", counted(report.began, self.holder()));
        let mut hint = "simulate more days, or ask less".to_owned();
        let closed =
            [(report.failed, "failed"), (report.expired, "expired"), (report.abandoned, "were abandoned")];
        let closed: Vec<String> =
            closed.iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{n} {how}")).collect();
        if !closed.is_empty() {
            text += &format!("; {}", closed.join(", "));
        }
        if let Some((stage, objective, tries)) = self.hopeless() {
            trouble = Trouble::NeverFinished;
            text += &format!("; {tries} deeds for `{stage}.{objective}`, and none counted");
            "look at its pattern: what it asks for together may be nowhere at any time".clone_into(&mut hint);
        } else if let Some(stands) = &report.stands {
            text += &match &stands.objective {
                Some(objective) => format!(
                    "; {} at `{}.{objective}` with {} of {}",
                    stand(stands.holders),
                    stands.stage,
                    stands.value,
                    stands.need
                ),
                None => format!("; {} at the end of `{}`", stand(stands.holders), stands.stage),
            };
        }
        self.found(trouble, text, hint)
    }

    /// An objective that stands in the way, for which much was done and nothing counted.
    fn hopeless(&self) -> Option<(&str, &str, u64)> {
        self.uncounted().into_iter().find(|(stage, objective, _)| {
            let objective = self.def.stages.get(stage).and_then(|stage| stage.objectives.get(objective));
            objective.is_some_and(|objective| !objective.optional)
        })
    }

    /// Every objective for which much was done and nothing ever counted.
    fn uncounted(&self) -> Vec<(&str, &str, u64)> {
        let stages = self.def.stages.iter();
        let objectives =
            stages.flat_map(|(stage, def)| def.objectives.iter().map(move |(id, _)| (stage, id)));
        let tried = objectives.filter_map(|(stage, id)| {
            let tries = self.ended.crowd.tries(self.place, stage, id);
            (tries >= ENOUGH_DEEDS && !self.ended.tally.has_counted(self.place, stage, id))
                .then_some((stage, id, tries))
        });
        tried.collect()
    }

    fn of_objectives(&self) -> Vec<Finding> {
        if self.report.finished == 0 {
            return Vec::new();
        }
        let found = self.uncounted().into_iter().map(|(stage, id, tries)| {
            let text = format!("{tries} deeds for `{stage}.{id}`, and none counted");
            let hint = "look at its pattern: what it asks for together may be nowhere at any time".to_owned();
            self.found(Trouble::NeverCounts, text, hint)
        });
        found.collect()
    }

    fn of_branches(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let taken = &self.ended.tally.quests[self.place].taken;
        for (stage, def) in self.def.stages.iter() {
            let branches = def.objectives.iter().filter_map(|(_, objective)| objective.branch.as_deref());
            let branches: BTreeSet<&str> = branches.collect();
            let of = |branch: &str| {
                taken.iter().find(|((at, by), _)| (*at, *by) == (stage, branch)).map(|(_, of)| *of)
            };
            let all: u64 = branches.iter().filter_map(|branch| of(branch)).map(|of| of.instances).sum();
            let others_finish = |branch: &str| {
                branches.iter().any(|other| *other != branch && of(other).is_some_and(|of| of.completed > 0))
            };
            for branch in &branches {
                match of(branch) {
                    None if all >= ENOUGH_INSTANCES => {
                        let text =
                            format!("of {all} who came past `{stage}` nobody took its branch `{branch}`");
                        let hint =
                            "look whether what it asks for can be done, or takes longer than the others"
                                .to_owned();
                        found.push(self.found(Trouble::BranchUntaken, text, hint));
                    }
                    Some(of)
                        if of.completed == 0 && of.instances >= ENOUGH_INSTANCES && others_finish(branch) =>
                    {
                        let mut text = format!(
                            "{} took branch `{branch}` of `{stage}`, and none of them finished",
                            counted(of.instances, self.holder())
                        );
                        if let Some(stands) = &self.report.stands {
                            let objective = stands.objective.as_deref();
                            let at = objective.map_or_else(
                                || stands.stage.clone(),
                                |objective| format!("{}.{objective}", stands.stage),
                            );
                            text += &format!("; {} at `{at}`", stand(stands.holders));
                        }
                        let hint =
                            "look at the stages behind it: what they ask for may be nowhere".to_owned();
                        found.push(self.found(Trouble::BranchEnds, text, hint));
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

fn stand(holders: u64) -> String {
    if holders == 1 { "1 stands".to_owned() } else { format!("{holders} stand") }
}

fn counted(number: u64, what: &str) -> String {
    match (number, what) {
        (1, what) => format!("1 {what}"),
        (_, "party") => format!("{number} parties"),
        (_, what) => format!("{number} {what}s"),
    }
}
