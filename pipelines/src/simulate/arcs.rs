//! What has become of arcs: how often each beat began, which ways were taken, and who stands where at the end.
//!
//! `rows of arc_state and arc_branches ─ArcTally→ ArcReport`. Nobody who plays knows an arc; they see which ways are open, and
//! sometimes do what takes one.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::definitions::ArcDef;
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Row, Sym, Value};

use super::board::{Board, Who};
use super::crowd::{Crowd, Player};
use super::findings::{Finding, Trouble};
use super::mail::Mail;
use super::report::Ended;

/// So many choices at a beat, or arcs begun, are enough to say what nobody came to.
const ENOUGH: u64 = 3;

/// What became of an arc.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArcReport {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub scope: Scope,
    /// For how many holders it began.
    pub began: u64,
    /// For how many it is over.
    pub ended: u64,
    /// Its beats, in their order.
    pub beats: Vec<BeatReport>,
    /// The ways on from them, in their order.
    pub ways: Vec<WayReport>,
}

/// A beat of an arc.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BeatReport {
    /// Its id.
    pub beat: String,
    /// How many holders came to it.
    pub reached: u64,
    /// How often it began, for all of them.
    pub times: u64,
    /// Who is in it at the end.
    pub open: u64,
}

/// A way on from a beat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WayReport {
    /// From which beat.
    pub beat: String,
    /// The branch.
    pub branch: String,
    /// How often it was chosen ...
    pub chosen: u64,
    /// ... of so many choices at that beat.
    pub of: u64,
}

/// What is counted of arcs while players play.
#[derive(Debug, Default)]
pub(super) struct ArcTally {
    /// Where each holder stands: beat, how many beats have begun, whether it is over.
    stands: FxHashMap<(Sym, Who), (Sym, i64, bool)>,
    /// By arc and beat: how often it began, and for whom.
    beats: FxHashMap<(Sym, Sym), (u64, FxHashSet<Who>)>,
    /// By arc, beat and branch.
    chosen: FxHashMap<(Sym, Sym, Sym), u64>,
}

impl ArcTally {
    /// A row of `arc_state`.
    pub(super) fn stands(&mut self, who: Who, row: &Row) {
        let (arc, beat) = (sym(&row[3]), sym(&row[4]));
        let beats = match row[9] {
            Value::Int(beats) => beats,
            _ => 0,
        };
        let is_over = row[5].as_str() == Some("ended");
        let before = self.stands.insert((arc, who), (beat, beats, is_over));
        if before.is_none_or(|(_, before, _)| before < beats) {
            let of = self.beats.entry((arc, beat)).or_default();
            of.0 += 1;
            of.1.insert(who);
        }
    }

    /// A branch was chosen.
    pub(super) fn chooses(&mut self, row: &Row) {
        *self.chosen.entry((sym(&row[3]), sym(&row[4]), sym(&row[5]))).or_default() += 1;
    }

    /// What became of every arc, by id.
    pub(super) fn reports<'w>(&self, arcs: impl Iterator<Item = (&'w String, &'w ArcDef)>) -> Vec<ArcReport> {
        arcs.map(|(id, def)| self.report(id, def)).collect()
    }

    fn report(&self, id: &str, def: &ArcDef) -> ArcReport {
        let arc = Sym::new(id);
        let here = || self.stands.iter().filter(|((of, _), _)| *of == arc).map(|(_, stands)| *stands);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let beats = def.beats.iter().map(|(beat, _)| {
            let of = self.beats.get(&(arc, Sym::new(beat)));
            let open = here().filter(|(at, _, is_over)| !is_over && at.as_str() == beat).count();
            BeatReport {
                beat: beat.to_owned(),
                reached: of.map_or(0, |(_, holders)| count(holders.len())),
                times: of.map_or(0, |(times, _)| *times),
                open: count(open),
            }
        });
        let ways = def.beats.iter().flat_map(|(beat, beat_def)| {
            let chosen = |branch: &str| {
                self.chosen.get(&(arc, Sym::new(beat), Sym::new(branch))).copied().unwrap_or(0)
            };
            let of: u64 = beat_def.branches.iter().map(|(branch, _)| chosen(branch)).sum();
            let ways = beat_def.branches.iter();
            let way = |branch: &str| WayReport {
                beat: beat.to_owned(),
                branch: branch.to_owned(),
                chosen: chosen(branch),
                of,
            };
            ways.map(|(branch, _)| way(branch)).collect::<Vec<_>>()
        });
        ArcReport {
            id: id.to_owned(),
            scope: def.scope,
            began: count(here().count()),
            ended: count(here().filter(|(_, _, is_over)| *is_over).count()),
            beats: beats.collect(),
            ways: ways.collect(),
        }
    }
}

/// The ways that are open for holders: arc, beat and branch.
#[derive(Debug, Default)]
pub(super) struct OpenWays(FxHashMap<Who, BTreeSet<[&'static str; 3]>>);

impl OpenWays {
    /// A row of `arc_branches` comes, or goes.
    pub(super) fn set(&mut self, who: Who, row: &Row, is_open: bool) {
        let way = [3, 4, 5].map(|column| sym(&row[column]).as_str());
        if is_open {
            self.0.entry(who).or_default().insert(way);
        } else if let Some(ways) = self.0.get_mut(&who) {
            ways.remove(&way);
        }
    }
}

impl Crowd<'_> {
    /// Does what takes a way on that is open for a player or one of its groups.
    pub(super) fn take_a_way(&self, player: &mut Player, board: &Board, mail: &mut Mail) -> bool {
        let whose = Scope::ALL.into_iter().filter_map(|scope| player.place.who(scope));
        let open = whose.filter_map(|who| board.ways.0.get(&who)).flatten();
        let patterns: Vec<_> = open
            .filter_map(|[arc, beat, branch]| {
                let branches = &self.world.arcs.get(*arc)?.beats.get(beat)?.branches;
                branches.get(branch)?.chosen_by.as_ref()
            })
            .collect();
        let Some(pattern) = player.dice.pick(&patterns) else { return false };
        let event = self.deeds.matching(pattern, &mut player.dice);
        mail.event(event);
        true
    }
}

/// What nobody came to.
pub(super) fn findings_of_arcs(ended: &Ended<'_>, arcs: &[ArcReport]) -> Vec<Finding> {
    let mut all = Vec::new();
    for arc in arcs {
        let mut found = |trouble, text: String, hint: &str| {
            let place = ended.world.places_of_arcs.get(&arc.id).cloned().unwrap_or_default();
            let (quest, hint) = (arc.id.clone(), hint.to_owned());
            all.push(Finding { trouble, quest, place, text, hint });
        };
        if arc.began == 0 {
            let hint = "look at its `when`, or simulate more players or days";
            found(Trouble::ArcNeverBegun, format!("it began for no {}", arc.scope.name()), hint);
            continue;
        }
        let reached: BTreeMap<&str, u64> =
            arc.beats.iter().map(|beat| (beat.beat.as_str(), beat.reached)).collect();
        let never: Vec<String> = reached_none(arc).map(|beat| format!("`{beat}`")).collect();
        if !never.is_empty() && arc.began >= ENOUGH {
            let text = format!("of {} for whom it began nobody came to {}", arc.began, never.join(", "));
            let hint = "look at the tension that the beats before want, and at what raises it; or simulate more days";
            found(Trouble::BeatNotReached, text, hint);
        }
        for way in arc.ways.iter().filter(|way| way.chosen == 0) {
            if way.of < ENOUGH || reached.get(way.beat.as_str()) == Some(&0) {
                continue;
            }
            let text = format!("of {} choices at `{}` none was `{}`", way.of, way.beat, way.branch);
            let hint = "look whether its `when` can hold there, or whether another way is always taken first";
            found(Trouble::WayNotTaken, text, hint);
        }
    }
    all
}

fn reached_none(arc: &ArcReport) -> impl Iterator<Item = &str> {
    arc.beats.iter().filter(|beat| beat.reached == 0).map(|beat| beat.beat.as_str())
}

fn sym(value: &Value) -> Sym {
    match value {
        Value::Sym(sym) => *sym,
        _ => Sym::NONE,
    }
}
