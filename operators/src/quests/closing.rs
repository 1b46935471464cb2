//! Phase 3: a group is no more. Its open quests are abandoned, what is kept of it goes, and it is no
//! longer known.
//!
//! Grants stay. So that no grant is ever written under an id that was given before, the highest
//! instance of its quests is kept: should the group be known again, instances begin above it.

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::Holder;

use super::core::{At, Core};
use super::holder::{HolderState, Record};
use super::messages::Conclusion;
use super::plan::Ix;
use super::saved::PieceKey;
use crate::messages::QuestNow;
use crate::piece;

impl Core {
    /// Closes a group, if it is known.
    pub(super) fn close_group(&mut self, group: Holder) {
        let Some(at) = self.at(group) else { return };
        let quests: Vec<Ix> = self.holders[at as usize].records.keys().copied().collect();
        for ix in quests {
            self.forget_quest(at, ix);
        }
        let name = self.name;
        for lifetime in std::mem::take(&mut self.holders[at as usize].lifetimes).into_keys() {
            let counter = &self.plan.lifetimes[usize::from(lifetime)];
            let key = PieceKey::Lifetime(group, counter.name, counter.identity);
            self.drop_piece(group, &key);
        }
        self.drop_piece(group, &PieceKey::Known(group));
        let highest = self.instances.get(&group).copied().filter(|highest| *highest > 0);
        if self.out.keeps_base
            && let Some(highest) = highest
        {
            self.out.base.push(piece::change(name, group.id, &PieceKey::Closed(group), Some(&highest)));
        }
        self.forget_holder(group, at);
    }

    fn forget_quest(&mut self, at: At, ix: Ix) {
        self.hide_objectives(at, ix);
        self.hide_shares(at, ix, |_| true);
        self.hide_state(at, ix);
        self.unmark(at, ix, |_| true);
        self.drop_seen(at, ix);
        self.drop_shares(at, ix, |_| true);
        self.drop_baselines(at, ix);
        self.cancel(at, ix);
        let quest = self.plan.name(ix);
        let holder = &mut self.holders[at as usize];
        let group = holder.holder;
        let Some(record) = holder.records.remove(&ix) else { return };
        let highest = self.instances.entry(group).or_default();
        *highest = record.instance.max(*highest);
        if record.stands().is_some() {
            let stands = QuestNow { holder: group, quest, state: QuestState::Hidden, completions: 0 };
            self.out.out.push(Conclusion::Stands(stands));
        }
        self.drop_piece(group, &PieceKey::Quest(group, quest));
    }

    fn drop_piece(&mut self, group: Holder, key: &PieceKey) {
        if self.out.keeps_base {
            self.out.base.push(piece::change::<_, ()>(self.name, group.id, key, None));
        }
    }

    /// Its place is used again only from the next tick on: lists of this one may still name it.
    fn forget_holder(&mut self, group: Holder, at: At) {
        self.by_holder.remove(&group);
        self.holders[at as usize] = HolderState::gone();
        self.soon.retain(|(of, _)| *of != at);
        self.again.retain(|of| *of != at);
        self.marked.retain(|of| *of != at);
        self.freed.push(at);
    }

    /// The number of the next instance after `record`'s.
    pub(super) fn next_instance(&self, holder: Holder, record: &Record) -> u32 {
        let closed = self.instances.get(&holder).copied().unwrap_or(0);
        record.instance.max(closed) + 1
    }
}

impl HolderState {
    /// In the place of one that is no longer known.
    fn gone() -> HolderState {
        let mut gone =
            HolderState::new(Holder { scope: worldflow_schemas::input::Scope::Player, id: Sym::NONE });
        gone.gone = true;
        gone
    }
}
