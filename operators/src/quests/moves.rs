//! What quests, stages and objectives that have other ids were before, and what goes with them.
//!
//! An id that is new and says what it was moved from is that, if that is no longer there; and if what is gone
//! says that it was moved from the new one, the move is undone. Everything else goes by ids.

use std::rc::Rc;

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::QuestState;

use super::branches::Mark;
use super::core::{At, Core};
use super::edits::Keepers;
use super::holder::{Record, Share, ShareKey};
use super::plan::Ix;
use super::quest_plan::{QuestPlan, StagePlan};
use super::saved::PieceKey;
use crate::piece;

/// Where the stages of a definition, and their objectives, were in the one before.
pub(super) struct Was {
    pub(super) stages: Vec<Option<usize>>,
    /// By stage; empty for one that was not there.
    pub(super) objectives: Vec<Vec<Option<usize>>>,
}

impl Was {
    pub(super) fn of(old: &QuestPlan, new: &QuestPlan) -> Was {
        let names = |quest: &QuestPlan| -> Vec<(Sym, Sym)> {
            quest.stages.iter().map(|stage| (stage.name, stage.moved_from)).collect()
        };
        let stages = places(&names(old), &names(new));
        let objectives = stages.iter().zip(&new.stages).map(|(was, stage)| {
            let names = |stage: &StagePlan| -> Vec<(Sym, Sym)> {
                stage.objectives.iter().map(|objective| (objective.name, objective.moved_from)).collect()
            };
            was.map_or_else(Vec::new, |was| places(&names(&old.stages[was]), &names(stage)))
        });
        let objectives = objectives.collect();
        Was { stages, objectives }
    }

    /// What becomes of a credit: `None` when it goes. In the open stage only what is kept of its objectives stays.
    pub(super) fn share(
        &self,
        old: &QuestPlan,
        new: &QuestPlan,
        (open, kept): (usize, &[Option<usize>]),
        (stage, objective, player): ShareKey,
    ) -> Option<ShareKey> {
        let was = old.stages.iter().position(|was| was.name == stage);
        let now = was.and_then(|was| self.stages.iter().position(|stage| *stage == Some(was)));
        let Some((was, now)) = was.zip(now) else {
            // A stage that is gone; should the open one have its id now, nothing of it is meant.
            return (new.stages[open].name != stage).then_some((stage, objective, player));
        };
        let (was, name) = (&old.stages[was], new.stages[now].name);
        let place = was.objectives.iter().position(|was| was.name == objective);
        let of = if now == open { kept } else { &self.objectives[now] };
        let stays = place.and_then(|place| of.iter().position(|of| *of == Some(place)));
        match stays {
            Some(place) => Some((name, new.stages[now].objectives[place].name, player)),
            None if now == open => None,
            None => Some((name, objective, player)),
        }
    }
}

/// Where each of `new` was in `old`: both are ids, and what they say they were moved from.
fn places(old: &[(Sym, Sym)], new: &[(Sym, Sym)]) -> Vec<Option<usize>> {
    let by_id = |id: Sym| old.iter().position(|(other, _)| *other == id);
    let stays = |id: Sym| new.iter().any(|(other, _)| *other == id);
    let mut places: Vec<Option<usize>> = new.iter().map(|(id, _)| by_id(*id)).collect();
    for said in [true, false] {
        for (at, (id, moved_from)) in new.iter().enumerate() {
            if places[at].is_some() {
                continue;
            }
            let was = if said {
                by_id(*moved_from)
            } else {
                old.iter().position(|(other, from)| from == id && !stays(*other))
            };
            let free = |place: &usize| !stays(old[*place].0) && !places.contains(&Some(*place));
            places[at] = was.filter(free);
        }
    }
    places
}

impl Core {
    /// Everything of a quest goes on as another's, which is not defined. Returns what the quest was.
    pub(super) fn move_quest(&mut self, ix: Ix, from: Ix, keepers: &mut Keepers) -> Option<Rc<QuestPlan>> {
        let old = self.plan.get(from).cloned();
        let of_former = keepers.get(&from).cloned().unwrap_or_default();
        let of_both = keepers.entry(ix).or_default();
        of_both.extend(&of_former);
        of_both.sort_unstable();
        of_both.dedup();
        for at in of_former {
            let record = self.holders[at as usize].records.get(&from);
            if record.is_some_and(|record| !record.is_nothing()) {
                self.move_record(at, ix, from);
            }
            self.move_baselines(at, ix, from);
            let progress = &mut self.holders[at as usize].progress;
            let moved = progress.extract_if(|(of, _), _| *of == from).collect::<Vec<_>>();
            progress.extend(moved.into_iter().map(|((_, name), value)| ((ix, name), value)));
        }
        let renamed = |(_, of): &mut (At, Ix)| {
            if *of == from {
                *of = ix;
            }
        };
        self.soon.iter_mut().for_each(renamed);
        self.counted.iter_mut().for_each(renamed);
        self.context.move_stands(ix, from);
        let name = self.plan.name(from);
        self.plan.define(name, None);
        self.plan.edited.note_moved(ix, from);
        self.resets.retain(|(_, of)| *of != from);
        old
    }

    /// Branches by what the stages are called now. Those of a stage that is gone stay, unless another has its id.
    pub(super) fn rename_branches(
        &mut self,
        at: At,
        ix: Ix,
        (old, new): (&QuestPlan, &QuestPlan),
        was: &Was,
    ) {
        let Some(record) = self.holders[at as usize].records.get(&ix) else { return };
        let named = |stage: Sym| match old.stages.iter().position(|of| of.name == stage) {
            Some(place) => {
                let now = was.stages.iter().position(|was| *was == Some(place));
                Some(now.map_or(stage, |now| new.stages[now].name))
            }
            None => new.stages.iter().all(|of| of.name != stage).then_some(stage),
        };
        let mut renamed = Vec::new();
        for (mark, said) in &record.marks {
            if let Mark::Branch(stage) = *mark
                && named(stage) != Some(stage)
            {
                renamed.push((stage, named(stage), *said));
            }
        }
        for (stage, ..) in &renamed {
            self.mark_as(at, ix, Mark::Branch(*stage), None);
        }
        for (_, now, said) in renamed {
            if let Some(now) = now {
                self.mark_as(at, ix, Mark::Branch(now), Some(said));
            }
        }
    }

    fn move_record(&mut self, at: At, ix: Ix, from: Ix) {
        self.hide_objectives(at, from);
        self.hide_shares(at, from, |_| true);
        self.hide_state(at, from);
        self.drop_extra_pieces(at, from);
        let marks = self.record(at, from).marks.clone();
        self.unmark(at, from, |_| true);
        self.unmark(at, ix, |_| true);
        let wake = self.record(at, from).wake;
        self.cancel(at, from);
        self.cancel(at, ix);
        let holder = &mut self.holders[at as usize];
        let kept = holder.records.remove(&ix);
        let Some(moved) = holder.records.remove(&from) else { return };
        let (before, instances) = kept.as_ref().map_or((0, 0), |kept| (kept.completions, kept.instance));
        let mut record = Record { key: None, touched: false, shown: None, ..moved };
        let was = record.instance;
        record.completions = record.completions.saturating_add(before);
        if instances >= record.instance && instances > 0 {
            // No id of a grant may come twice: an open instance is one that the id has not had.
            record.instance = instances + u32::from(record.state.is_open());
        }
        let number = record.instance;
        holder.records.insert(ix, record);
        let mut befores = Vec::new();
        if let Some(place) = holder.place_of(from) {
            holder.open_ix[place] = ix;
            let open = &mut holder.open[place];
            open.number = number;
            if let Some(extra) = &mut open.extra {
                extra.new_shares = extra.shares.keys().copied().collect();
                let before = extra.shares.iter().filter(|(_, share)| share.before > 0);
                befores.extend(before.map(|(key, share)| (*key, share.before)));
                extra.new_seen = extra.seen.iter().copied().collect();
            }
        }
        let (id, quest) = (self.holders[at as usize].holder, self.plan.name(ix));
        for (key, before) in befores {
            let key = PieceKey::Before(id, quest, key);
            self.out.base.push(piece::change(self.name, id.id, &key, Some(&before)));
        }
        for (mark, said) in marks {
            self.mark_as(at, ix, mark, Some(said));
        }
        if let Some(tick) = wake {
            self.wake(at, ix, tick);
        }
        self.touch(at, ix);
        if was > 0 {
            // Should the former id be defined again, its instances go on.
            let since = self.context.now;
            let left = Record { state: QuestState::Hidden, instance: was, since, ..Record::new() };
            self.holders[at as usize].records.insert(from, left);
            self.touch(at, from);
        } else {
            let holder = self.holders[at as usize].holder;
            let key = PieceKey::Quest(holder, self.plan.name(from));
            self.out.base.push(piece::change::<_, ()>(self.name, holder.id, &key, None));
        }
    }

    /// Takes the pieces of an open instance's credits and values away, which come again under another id.
    fn drop_extra_pieces(&mut self, at: At, from: Ix) {
        let quest = self.plan.name(from);
        let holder = &self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance(from).and_then(|open| open.extra.as_ref()) else { return };
        let shares = extra.shares.keys().map(|key| PieceKey::Share(id, quest, *key));
        let seen = extra.seen.iter().map(|(place, item)| PieceKey::Seen(id, quest, *place, *item));
        let before = extra.shares.iter().filter(|(_, share)| share.before > 0);
        let before = before.map(|(key, _)| PieceKey::Before(id, quest, *key));
        for key in shares.chain(seen).chain(before) {
            self.out.base.push(piece::change::<_, ()>(self.name, id.id, &key, None));
        }
    }

    fn move_baselines(&mut self, at: At, ix: Ix, from: Ix) {
        let counts: Vec<(u16, u64)> = (self.holders[at as usize].baselines.iter())
            .filter(|((of, _), _)| *of == from)
            .map(|((_, lifetime), count)| (*lifetime, *count))
            .collect();
        if counts.is_empty() {
            return;
        }
        self.drop_baselines(at, from);
        let quest = self.plan.name(ix);
        for (lifetime, count) in counts {
            let holder = &mut self.holders[at as usize];
            holder.baselines.insert((ix, lifetime), count);
            let counter = &self.plan.lifetimes[usize::from(lifetime)];
            let key = PieceKey::Baseline(holder.holder, quest, counter.name, counter.identity);
            self.out.base.push(piece::change(self.name, holder.holder.id, &key, Some(&count)));
        }
    }

    /// Gives credits other names; those that get none go.
    pub(super) fn rename_shares(&mut self, at: At, ix: Ix, name: impl Fn(ShareKey) -> Option<ShareKey>) {
        self.hide_shares(at, ix, |key| name(*key) != Some(*key));
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let id = holder.holder;
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        let keys: Vec<ShareKey> =
            extra.shares.keys().filter(|key| name(**key) != Some(**key)).copied().collect();
        let mut taken = Vec::new();
        for key in keys {
            let share = extra.shares.remove(&key);
            let pieces = [PieceKey::Share(id, quest, key), PieceKey::Before(id, quest, key)];
            for piece in pieces {
                self.out.base.push(piece::change::<_, ()>(self.name, id.id, &piece, None));
            }
            taken.extend(name(key).zip(share));
        }
        for (key, share) in taken {
            let there =
                extra.shares.entry(key).or_insert_with(|| Share { amount: 0, before: 0, shown: None });
            there.amount = there.amount.saturating_add(share.amount);
            there.before = there.before.saturating_add(share.before);
            if there.before > 0 {
                let piece = PieceKey::Before(id, quest, key);
                self.out.base.push(piece::change(self.name, id.id, &piece, Some(&there.before)));
            }
            extra.new_shares.push(key);
        }
    }
}
