//! What came of a simulation: plain numbers, in the order of ids, from which table, CSV and chart are written.
//!
//! `tally, board, crowd ─▶ Report`. Times are real milliseconds; `world_ms` makes them the world's.

use std::collections::BTreeMap;

use worldflow_operators::clock::parse_moment;
use worldflow_schemas::Tick;
use worldflow_schemas::definitions::{Accept, QuestDef};
use worldflow_schemas::input::Scope;

use super::arcs::{ArcReport, findings_of_arcs};
use super::board::Board;
use super::crowd::Crowd;
use super::findings::{Finding, findings};
use super::personality::{Mix, PERSONALITIES};
use super::running::{SimulateConfig, TakenOut};
use super::talk::TalkReport;
use super::tally::{OfQuest, Tally};
use super::unmet::Unmet;
use crate::world::LoadedWorld;

/// A curve has so many points, from the beginning to the end.
const POINTS: u64 = 96;

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world.
    pub world: String,
    /// How many players there were, and of which personalities.
    pub players: usize,
    /// Their mix.
    pub mix: Mix,
    /// The seed.
    pub seed: u64,
    /// Days of the world that passed.
    pub days: u32,
    /// World time at the beginning, in milliseconds.
    pub start_ms: i64,
    /// Real milliseconds of a day of the world.
    pub day_ms: u64,
    /// Every quest, by id.
    pub quests: Vec<QuestReport>,
    /// Every arc, by id.
    pub arcs: Vec<ArcReport>,
    /// Every personality that played.
    pub personalities: Vec<ByPersonality>,
    /// What was granted.
    pub items: Vec<Paid>,
    /// Inputs sent, and those that were refused, by code.
    pub sent: u64,
    /// Refusals by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// Inputs that were sent a second time; of these, what counted a second time; grants that were there twice.
    pub resent: u64,
    /// What counted twice.
    pub counted_twice: u64,
    /// What was paid twice.
    pub paid_twice: u64,
    /// What NPCs asked of simulated tiers, where there were any.
    pub talk: Option<TalkReport>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// What became of a quest.
#[derive(Clone, Debug)]
pub struct QuestReport {
    /// Its id.
    pub id: String,
    /// Who holds it.
    pub scope: Scope,
    /// Whether it is accepted by itself.
    pub by_itself: bool,
    /// Holders of its scope that there were; those to whom it was available; those who began it; those who finished it.
    pub holders: u64,
    /// To how many it was available.
    pub seen: u64,
    /// How many began it.
    pub began: u64,
    /// How many finished it at least once.
    pub finished: u64,
    /// How many hold it open and have never finished it.
    pub at_it: u64,
    /// Instances accepted, done, failed, expired, abandoned, and still open.
    pub accepted: u64,
    /// Done.
    pub completed: u64,
    /// Failed by an event or a condition.
    pub failed: u64,
    /// Expired.
    pub expired: u64,
    /// Abandoned.
    pub abandoned: u64,
    /// Still open at the end.
    pub open: u64,
    /// How long a completed instance took: the median, and what nine of ten did not exceed.
    pub took_ms: Option<(u64, u64)>,
    /// Over the time, at even distances: how many had begun it, and how many had finished it.
    pub curve: Vec<(u64, u64)>,
    /// Its stages, in their order.
    pub steps: Vec<Step>,
    /// What keeps those from going on who hold it open: the objective that most of them lack.
    pub stands: Option<Stands>,
    /// What it paid.
    pub paid: Vec<Paid>,
}

/// A stage of a quest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its id.
    pub stage: String,
    /// Instances that came to it.
    pub reached: u64,
    /// Those that were closed there without being done.
    pub left: u64,
    /// Those that are open there.
    pub open: u64,
}

/// Where open instances stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stands {
    /// The stage.
    pub stage: String,
    /// An objective of it that is not done; none when all are, and it waits to be turned in.
    pub objective: Option<String>,
    /// What is counted for it, on average, and what it needs.
    pub value: i64,
    /// What it needs.
    pub need: i64,
    /// Holders who stand there.
    pub holders: u64,
}

/// What was granted of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paid {
    /// The item.
    pub item: String,
    /// How many grants.
    pub grants: u64,
    /// How much in all.
    pub amount: i64,
}

/// What players of a personality did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ByPersonality {
    pub name: &'static str,
    pub players: u64,
    pub sessions: u64,
    pub deeds: u64,
    pub accepted: u64,
    pub completed: u64,
    pub failed: u64,
    pub abandoned: u64,
    pub grants: u64,
    pub left: u64,
}

/// What a report is made of.
pub(super) struct Ended<'a> {
    pub(super) world: &'a LoadedWorld,
    pub(super) crowd: &'a Crowd<'a>,
    pub(super) board: &'a Board,
    pub(super) tally: &'a Tally,
    pub(super) unmet: &'a Unmet,
    pub(super) taken_out: &'a [TakenOut],
    pub(super) talk: Option<&'a TalkReport>,
    pub(super) began: Tick,
    pub(super) lasted_ms: u64,
    pub(super) day_ms: u64,
}

impl Report {
    pub(super) fn new(config: &SimulateConfig, ended: &Ended<'_>) -> Report {
        let Ended { world, crowd, tally, .. } = *ended;
        let standings = standings(ended);
        let quests = crowd.quests.iter().enumerate();
        let quests: Vec<QuestReport> =
            quests.map(|(place, quest)| quest_report(ended, place, *quest, &standings)).collect();
        let personalities = PERSONALITIES.iter().zip(&tally.personalities).filter(|(_, of)| of.players > 0);
        let personalities = personalities.map(|(personality, of)| ByPersonality {
            name: personality.name,
            players: of.players,
            sessions: of.sessions,
            deeds: of.deeds,
            accepted: of.accepted,
            completed: of.completed,
            failed: of.failed,
            abandoned: of.abandoned,
            grants: of.grants,
            left: of.left,
        });
        let arcs = tally.arcs.reports(world.arcs.iter().map(|(id, def)| (id, &**def)));
        let mut findings = findings(ended, &quests);
        findings.extend(findings_of_arcs(ended, &arcs));
        Report {
            world: world.world.name.clone(),
            players: config.players,
            mix: config.mix.clone(),
            seed: config.seed,
            days: config.days,
            start_ms: parse_moment(&world.world.clock.start).unwrap_or(0),
            day_ms: ended.day_ms,
            personalities: personalities.collect(),
            items: paid(&tally.items),
            sent: tally.sent,
            refused: tally.refused.clone(),
            resent: tally.resent,
            counted_twice: tally.counted_twice,
            paid_twice: tally.paid_twice,
            quests,
            arcs,
            talk: ended.talk.cloned(),
            findings,
        }
    }

    /// World milliseconds of real ones.
    #[must_use]
    pub fn world_ms(&self, real_ms: u64) -> u64 {
        let world = u128::from(real_ms) * 86_400_000 / u128::from(self.day_ms.max(1));
        u64::try_from(world).unwrap_or(u64::MAX)
    }
}

/// Where open instances are.
#[derive(Default)]
struct Standings {
    /// How many, by quest and stage.
    at: BTreeMap<(usize, &'static str), u64>,
    /// How many hold a quest open and have never finished it.
    at_it: BTreeMap<usize, u64>,
    /// By quest, stage and objective that is not done (nothing when all are).
    lacking: BTreeMap<(usize, &'static str, Option<&'static str>), Lacking>,
    /// The holders that there are of each scope.
    holders: BTreeMap<Scope, u64>,
}

/// How many lack something, what they have of it together, and what it needs.
#[derive(Clone, Copy, Default)]
struct Lacking {
    holders: u64,
    value: i64,
    need: i64,
}

fn standings(ended: &Ended<'_>) -> Standings {
    let mut all = Standings::default();
    for (who, quest, standing) in ended.board.all().filter(|(_, _, standing)| standing.state.is_open()) {
        *all.at.entry((quest, standing.stage)).or_default() += 1;
        if standing.completions == 0 {
            *all.at_it.entry(quest).or_default() += 1;
        }
        let mut undone = ended.board.objectives(who, quest).filter(|(_, open)| !open.done).peekable();
        if undone.peek().is_none() {
            all.lacking.entry((quest, standing.stage, None)).or_default().holders += 1;
        }
        for (objective, open) in undone {
            let lacking = all.lacking.entry((quest, standing.stage, Some(objective))).or_default();
            lacking.holders += 1;
            lacking.value = lacking.value.saturating_add(open.value);
            lacking.need = lacking.need.max(open.need);
        }
    }
    all.holders = Scope::ALL.into_iter().map(|scope| (scope, ended.crowd.holders(scope) as u64)).collect();
    all
}

fn quest_report(
    ended: &Ended<'_>,
    place: usize,
    (id, def): (&str, &QuestDef),
    standings: &Standings,
) -> QuestReport {
    let of = &ended.tally.quests[place];
    let holders = standings.holders.get(&def.scope).copied().unwrap_or(0);
    let began = of.holders.len() as u64;
    let gated = def.is_gated();
    let seen = (of.seen.len() as u64).max(if gated { 0 } else { holders });
    let steps = def.stages.iter().map(|(stage, _)| Step {
        stage: stage.to_owned(),
        reached: of.reached.get(stage).copied().unwrap_or(0),
        left: of.closed_at.get(stage).copied().unwrap_or(0),
        open: standings
            .at
            .range((place, "")..(place + 1, ""))
            .find(|((_, at), _)| *at == stage)
            .map_or(0, |(_, open)| *open),
    });
    let closed = of.completed + of.failed + of.expired + of.abandoned;
    QuestReport {
        id: id.to_owned(),
        scope: def.scope,
        by_itself: def.accept == Accept::Auto,
        holders,
        seen: seen.max(began),
        began,
        finished: of.finishers.len() as u64,
        at_it: standings.at_it.get(&place).copied().unwrap_or(0),
        accepted: of.accepted,
        completed: of.completed,
        failed: of.failed,
        expired: of.expired,
        abandoned: of.abandoned,
        open: of.accepted.saturating_sub(closed),
        took_ms: took_ms(of, ended.world.world.tick_ms),
        curve: curve(ended, of),
        steps: steps.collect(),
        stands: stands(standings, place, def),
        paid: paid(&of.paid),
    }
}

/// Of what is not done and counts, what most lack; of several, what is the least far.
fn stands(standings: &Standings, place: usize, def: &QuestDef) -> Option<Stands> {
    let optional = |stage: &str, objective: &str| {
        let stage = def.stages.get(stage);
        stage.and_then(|stage| stage.objectives.get(objective)).is_some_and(|objective| objective.optional)
    };
    let here = standings.lacking.range((place, "", None)..(place + 1, "", None));
    let needed = here.filter(|((_, stage, objective), _)| !objective.is_some_and(|of| optional(stage, of)));
    let mean = |of: &Lacking| of.value / i64::try_from(of.holders).unwrap_or(i64::MAX).max(1);
    let far = |of: &Lacking| mean(of).saturating_mul(1_000) / of.need.max(1);
    let most = needed.max_by_key(|(_, of)| (of.holders, std::cmp::Reverse(far(of))));
    most.map(|((_, stage, objective), of)| Stands {
        stage: (*stage).to_owned(),
        objective: objective.map(str::to_owned),
        value: mean(of),
        need: of.need,
        holders: of.holders,
    })
}

fn took_ms(of: &OfQuest, tick_ms: u32) -> Option<(u64, u64)> {
    let mut took = of.took.clone();
    took.sort_unstable();
    let at = |per_cent: usize| {
        let place = (took.len() * per_cent).div_ceil(100).saturating_sub(1);
        took.get(place).map(|ticks| ticks * u64::from(tick_ms))
    };
    Some((at(50)?, at(90)?))
}

fn curve(ended: &Ended<'_>, of: &OfQuest) -> Vec<(u64, u64)> {
    let tick_ms = u64::from(ended.world.world.tick_ms.max(1));
    let sorted = |ticks: Vec<Tick>| {
        let mut ticks = ticks;
        ticks.sort_unstable();
        ticks
    };
    let (began, finished) =
        (sorted(of.holders.values().copied().collect()), sorted(of.finishers.values().copied().collect()));
    let by = |ticks: &[Tick], tick: Tick| ticks.partition_point(|at| *at <= tick) as u64;
    let at = |point: u64| ended.began + ended.lasted_ms * point / POINTS / tick_ms;
    (0..=POINTS).map(|point| (by(&began, at(point)), by(&finished, at(point)))).collect()
}

fn paid(items: &BTreeMap<&'static str, (u64, i64)>) -> Vec<Paid> {
    let paid = |(item, (grants, amount)): (&&str, &(u64, i64))| Paid {
        item: (*item).to_owned(),
        grants: *grants,
        amount: *amount,
    };
    items.iter().map(paid).collect()
}
