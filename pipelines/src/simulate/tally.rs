//! What has become of quests: counted from the changes of their rows, and by the personalities of players.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Outcome;
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Tick};
use xxhash_rust::xxh3::xxh3_128;

use super::arcs::ArcTally;
use super::board::{Standing, Who};
use super::personality::PERSONALITIES;

/// Completions of one holder, from which on a rate is one.
const LOOP_COMPLETIONS: u64 = 20;

/// No player plays a quest faster than this, time after time: milliseconds. Of groups, whose members all act in one step, it is
/// half a step.
const LOOP_MS: u64 = 2_000;

/// What has become of one quest.
#[derive(Clone, Debug, Default)]
pub(super) struct OfQuest {
    /// Holders to whom it was available, offered or given, as far as rows say.
    pub(super) seen: FxHashSet<Sym>,
    /// Holders who have ever accepted it, and when first.
    pub(super) holders: FxHashMap<Sym, Tick>,
    /// Instances accepted.
    pub(super) accepted: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) expired: u64,
    pub(super) abandoned: u64,
    /// How many ticks each completed instance took.
    pub(super) took: Vec<u64>,
    /// When each holder completed it first.
    pub(super) finishers: FxHashMap<Sym, Tick>,
    /// How many instances came to each stage.
    pub(super) reached: BTreeMap<&'static str, u64>,
    /// How many were closed without being done while at a stage.
    pub(super) closed_at: BTreeMap<&'static str, u64>,
    /// By stage and branch, how many instances took it.
    pub(super) taken: BTreeMap<(&'static str, &'static str), Taken>,
    /// Who completes it time after time.
    repeated: FxHashMap<Sym, Repeated>,
    /// Grants paid: how many, and how much, by item.
    pub(super) paid: BTreeMap<&'static str, (u64, i64)>,
}

/// Instances that took a branch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) instances: u64,
    pub(super) completed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Repeated {
    scope: Scope,
    times: u64,
    first: Tick,
    last: Tick,
}

/// Somebody who completes a quest time after time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looping {
    pub(super) holder: Sym,
    pub(super) times: u64,
    /// From one completion to the next, on average.
    pub(super) every_ms: u64,
}

/// What players of a personality did.
#[derive(Clone, Debug, Default)]
pub(super) struct OfPersonality {
    pub(super) players: u64,
    pub(super) sessions: u64,
    pub(super) deeds: u64,
    pub(super) accepted: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) abandoned: u64,
    pub(super) grants: u64,
    pub(super) left: u64,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) quests: Vec<OfQuest>,
    pub(super) arcs: ArcTally,
    pub(super) personalities: Vec<OfPersonality>,
    /// The personality of each player.
    of_player: FxHashMap<Sym, usize>,
    /// When the instance that is open was accepted.
    begun: FxHashMap<(Who, usize), Tick>,
    /// By which branches an instance went so far.
    ways: FxHashMap<(Who, usize), Vec<(&'static str, &'static str)>>,
    /// Grants paid, by item.
    pub(super) items: BTreeMap<&'static str, (u64, i64)>,
    /// Every grant that was ever there, by a hash of its id.
    grants: FxHashSet<u128>,
    /// Those that wait for an answer.
    pub(super) pending: Vec<String>,
    /// Grants that came a second time: none, if all is well.
    pub(super) paid_twice: u64,
    /// What was sent again, and of that what counted again: none, if all is well.
    pub(super) resent: u64,
    pub(super) counted_twice: u64,
    /// Inputs sent, and those of them that were refused at the door.
    pub(super) sent: u64,
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// Quests that go round by themselves, and have not been seen to before.
    pub(super) looping: Vec<usize>,
    /// Objectives for which something has counted.
    counts: FxHashSet<(usize, &'static str, &'static str)>,
    /// What was last done for a holder's quest: stage and objective.
    tried: FxHashMap<(Who, usize), (&'static str, &'static str)>,
    tick_ms: u64,
    step_ms: u64,
}

impl Tally {
    pub(super) fn new(quests: usize, players: &[(Sym, usize)], (tick_ms, step_ms): (u32, u64)) -> Tally {
        let mut personalities = vec![OfPersonality::default(); PERSONALITIES.len()];
        for (_, personality) in players {
            personalities[*personality].players += 1;
        }
        Tally {
            quests: vec![OfQuest::default(); quests],
            personalities,
            of_player: players.iter().copied().collect(),
            tick_ms: u64::from(tick_ms),
            step_ms,
            ..Tally::default()
        }
    }

    /// What a player's personality did.
    pub(super) fn of(&mut self, player: Sym) -> Option<&mut OfPersonality> {
        let place = self.of_player.get(&player)?;
        self.personalities.get_mut(*place)
    }

    fn of_holder(&mut self, (scope, holder): Who) -> Option<&mut OfPersonality> {
        if scope == Scope::Player { self.of(holder) } else { None }
    }

    /// A holder stands otherwise with a quest than before.
    pub(super) fn moved(
        &mut self,
        tick: Tick,
        who: Who,
        quest: usize,
        before: Option<&Standing>,
        now: Option<&Standing>,
    ) {
        let Some(now) = now else { return };
        let of = &mut self.quests[quest];
        if now.state != QuestState::Hidden {
            of.seen.insert(who.1);
        }
        let instance = before.map_or(0, |before| before.instance);
        let began = now.instance > instance;
        if began {
            of.accepted += 1;
            of.holders.entry(who.1).or_insert(tick);
            self.ways.remove(&(who, quest));
            self.begun.insert((who, quest), tick);
        }
        let stage_before =
            before.filter(|before| !began && before.state.is_open()).map(|before| before.stage);
        if !now.stage.is_empty() && stage_before != Some(now.stage) {
            *of.reached.entry(now.stage).or_default() += 1;
        }
        let completed = now.completions > before.map_or(0, |before| before.completions);
        if completed || (now.state.is_open() && stage_before.is_some_and(|stage| stage != now.stage)) {
            self.last_counts(who, quest);
        }
        if completed {
            self.completes(tick, who, quest);
        }
        let closed = now.state != before.map_or(QuestState::Hidden, |before| before.state) || began;
        let of = &mut self.quests[quest];
        let counter = match now.state {
            QuestState::Failed if closed => Some(&mut of.failed),
            QuestState::Expired if closed => Some(&mut of.expired),
            QuestState::Abandoned if closed => Some(&mut of.abandoned),
            _ => None,
        };
        if let Some(counter) = counter {
            *counter += 1;
            *of.closed_at.entry(stage_before.unwrap_or_default()).or_default() += 1;
        }
        if let Some(personality) = self.of_holder(who) {
            personality.accepted += u64::from(began);
            personality.completed += u64::from(completed);
            personality.failed +=
                u64::from(closed && matches!(now.state, QuestState::Failed | QuestState::Expired));
            personality.abandoned += u64::from(closed && now.state == QuestState::Abandoned);
        }
    }

    fn completes(&mut self, tick: Tick, who: Who, quest: usize) {
        let of = &mut self.quests[quest];
        of.completed += 1;
        of.finishers.entry(who.1).or_insert(tick);
        let began = self.begun.remove(&(who, quest)).unwrap_or(tick);
        of.took.push(tick.saturating_sub(began));
        for way in self.ways.get(&(who, quest)).into_iter().flatten() {
            of.taken.entry(*way).or_default().completed += 1;
        }
        let repeated =
            of.repeated.entry(who.1).or_insert(Repeated { scope: who.0, times: 0, first: tick, last: tick });
        repeated.times += 1;
        repeated.last = tick;
        if repeated.is_loop(self.tick_ms, self.step_ms) && !self.looping.contains(&quest) {
            self.looping.push(quest);
        }
    }

    /// The holder who completed a quest the most often.
    pub(super) fn most_repeated(&self, quest: usize) -> Option<Looping> {
        let all = self.quests[quest].repeated.iter();
        let most = all.max_by(|(a, x), (b, y)| x.times.cmp(&y.times).then_with(|| b.cmp_text(**a)));
        most.map(|(holder, of)| Looping {
            holder: *holder,
            times: of.times,
            every_ms: of.every_ms(self.tick_ms),
        })
    }

    /// Something has counted for an objective.
    pub(super) fn counts(&mut self, quest: usize, stage: &'static str, objective: &'static str) {
        self.counts.insert((quest, stage, objective));
    }

    /// A deed is done for an objective of a holder's quest.
    pub(super) fn tries(&mut self, who: Who, quest: usize, stage: &'static str, objective: &'static str) {
        self.tried.insert((who, quest), (stage, objective));
    }

    /// What was done last has counted: of a stage that is done no row tells.
    fn last_counts(&mut self, who: Who, quest: usize) {
        if let Some((stage, objective)) = self.tried.remove(&(who, quest)) {
            self.counts(quest, stage, objective);
        }
    }

    /// Whether anything has ever counted for an objective.
    pub(super) fn has_counted(&self, quest: usize, stage: &str, objective: &str) -> bool {
        Sym::find(stage).zip(Sym::find(objective)).is_some_and(|(stage, objective)| {
            self.counts.contains(&(quest, stage.as_str(), objective.as_str()))
        })
    }

    /// A stage was done by a branch.
    pub(super) fn settled(&mut self, who: Who, quest: usize, way: (&'static str, &'static str)) {
        let ways = self.ways.entry((who, quest)).or_default();
        if !ways.contains(&way) {
            ways.push(way);
            self.quests[quest].taken.entry(way).or_default().instances += 1;
        }
    }

    /// What became of a batch, of which so many first items were new.
    pub(super) fn heard(&mut self, new: usize, outcomes: &[Outcome]) {
        let (of_new, of_again) = outcomes.split_at(new.min(outcomes.len()));
        self.sent += of_new.len() as u64;
        for outcome in of_new {
            if let Outcome::Refused(refusal) = outcome {
                *self.refused.entry(refusal.code).or_default() += 1;
            }
        }
        self.resent += of_again.len() as u64;
        let counted = |outcome: &&Outcome| matches!(outcome, Outcome::Accepted { .. });
        self.counted_twice += of_again.iter().filter(counted).count() as u64;
    }

    /// What did not even get as far as being sent.
    pub(super) fn refused_at_the_door(&mut self, refused: &BTreeMap<&'static str, u64>) {
        for (code, count) in refused {
            *self.refused.entry(code).or_default() += count;
        }
    }

    /// A grant is there: for which quest, for whom, what and how much; its id and status.
    pub(super) fn granted(
        &mut self,
        quest: Option<usize>,
        player: Sym,
        item: &'static str,
        amount: i64,
        (grant, status): (&str, &str),
    ) {
        if status != "pending" {
            return;
        }
        if !self.grants.insert(xxh3_128(grant.as_bytes())) {
            self.paid_twice += 1;
            return;
        }
        self.pending.push(grant.to_owned());
        let add = |(count, sum): &mut (u64, i64)| (*count, *sum) = (*count + 1, sum.saturating_add(amount));
        add(self.items.entry(item).or_default());
        if let Some(of) = quest.and_then(|quest| self.quests.get_mut(quest)) {
            add(of.paid.entry(item).or_default());
        }
        if let Some(personality) = self.of(player) {
            personality.grants += 1;
        }
    }
}

impl Repeated {
    fn every_ms(&self, tick_ms: u64) -> u64 {
        (self.last - self.first) * tick_ms / self.times.saturating_sub(1).max(1)
    }

    fn is_loop(&self, tick_ms: u64, step_ms: u64) -> bool {
        let least_ms = if self.scope == Scope::Player { LOOP_MS } else { step_ms / 2 };
        self.times >= LOOP_COMPLETIONS && self.every_ms(tick_ms) < least_ms
    }
}
