//! Phases 5 and 8: what was asked of quests by events of the kinds `quest.*`, in order.
//!
//! Whether the quest exists and who holds it has been looked at where the event came in. What cannot be done
//! is refused, with a reason.

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Accept, QuestState};

use super::core::{At, Core};
use super::messages::{Asked, Verb};
use super::plan::Ix;
use super::quest_plan::QuestPlan;

/// Why something is refused: code, reason, hint.
pub(super) type Refusal = (&'static str, String, &'static str);

impl Core {
    /// Does what was asked by these verbs, in order.
    pub(super) fn asked(&mut self, asked: &[Asked], verbs: &[Verb]) {
        for asked in asked.iter().filter(|asked| verbs.contains(&asked.verb)) {
            let known = self.plan.find(asked.quest).and_then(|ix| Some((ix, self.plan.get(ix)?.clone())));
            let done = match known {
                None => Err((
                    "unknown_quest",
                    format!("there is no quest `{}`", asked.quest),
                    "name a quest of the world as the target",
                )),
                Some((ix, quest)) => {
                    let at = self.know(asked.holder);
                    self.do_asked(at, ix, &quest, asked)
                }
            };
            if let Err((code, reason, hint)) = done {
                self.refuse(asked, code, reason, hint);
            }
        }
    }

    fn do_asked(&mut self, at: At, ix: Ix, quest: &QuestPlan, asked: &Asked) -> Result<(), Refusal> {
        let state = self.holders[at as usize].state(ix);
        let name = asked.quest;
        match asked.verb {
            Verb::Offer => self.offer(at, ix, quest, state),
            Verb::Accept => self.accept_asked(at, ix, quest, state),
            Verb::Decline if state == Some(QuestState::Offered) => {
                self.fall_back(at, ix, quest);
                Ok(())
            }
            Verb::Decline => Err((
                "not_offered",
                format!("quest `{name}` has not been offered"),
                "only a quest in the state `offered` can be declined",
            )),
            Verb::TurnIn if state == Some(QuestState::Ready) => self.turn_in(at, ix, quest, asked),
            Verb::TurnIn => Err((
                "not_ready",
                format!("quest `{name}` is not ready to be turned in"),
                "turn it in when its state is `ready`",
            )),
            Verb::Abandon if state.is_some_and(QuestState::is_open) => {
                self.close(at, ix, QuestState::Abandoned);
                Ok(())
            }
            Verb::Abandon => Err((
                "not_active",
                format!("quest `{name}` is not active"),
                "only an active or ready quest can be abandoned",
            )),
            Verb::Share => self.share(at, quest, state, asked),
            // What is concluded from a completion in its tick comes in any case.
            Verb::Revoke
                if state == Some(QuestState::Done) && self.record(at, ix).since < self.context.now =>
            {
                self.revoke(at, ix, quest);
                Ok(())
            }
            Verb::Revoke => Err((
                "not_done",
                format!("quest `{name}` is not done"),
                "only the completion of a quest in the state `done` can be taken back",
            )),
        }
    }

    fn offer(&mut self, at: At, ix: Ix, quest: &QuestPlan, state: Option<QuestState>) -> Result<(), Refusal> {
        let name = quest.quest;
        if quest.accept != Accept::Offered {
            let hint = "say `accept: offered` in the quest, or send `quest.accept`";
            return Err(("not_offered", format!("quest `{name}` is not one that is offered"), hint));
        }
        if state == Some(QuestState::Offered) || !self.is_reachable(at, ix, quest, state) {
            return Err(not_available(name));
        }
        self.enter(at, ix, QuestState::Offered);
        Ok(())
    }

    fn accept_asked(
        &mut self,
        at: At,
        ix: Ix,
        quest: &QuestPlan,
        state: Option<QuestState>,
    ) -> Result<(), Refusal> {
        if !self.is_reachable(at, ix, quest, state) {
            return Err(not_available(quest.quest));
        }
        if quest.accept == Accept::Offered && state != Some(QuestState::Offered) {
            let reason = format!("quest `{}` has not been offered", quest.quest);
            return Err(("not_offered", reason, "a game server offers it by `quest.offer`"));
        }
        self.accept(at, ix, quest);
        Ok(())
    }

    pub(super) fn is_reachable(&self, at: At, ix: Ix, quest: &QuestPlan, state: Option<QuestState>) -> bool {
        !state.is_some_and(|state| state.is_open() || state == QuestState::Done)
            && self.is_open_to(at, ix, quest)
    }

    fn turn_in(&mut self, at: At, ix: Ix, quest: &QuestPlan, asked: &Asked) -> Result<(), Refusal> {
        if !quest.npcs.is_empty() && !self.plan.is_one_of(asked.npc, &quest.npcs) {
            let names: Vec<&str> = quest.npcs.iter().map(|npc| npc.as_str()).collect();
            let reason = format!("quest `{}` is turned in to {}", quest.quest, names.join(" or "));
            return Err(("wrong_npc", reason, "say in the attribute `npc` to whom the player turns it in"));
        }
        let choices = self.choices(at, ix, quest);
        if choices.is_empty() || choices.contains(&asked.choose) {
            self.finish(at, ix, asked.player, asked.choose);
            return Ok(());
        }
        let ids: Vec<&str> = choices.iter().map(|id| id.as_str()).collect();
        let reason = format!("quest `{}` gives one of {}", quest.quest, ids.join(", "));
        Err(("no_choice", reason, "name one of them in the attribute `choose`"))
    }

    /// What was offered is so no more.
    fn fall_back(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        let plain = self.record(at, ix).instance == 0 && !quest.is_gated();
        let available = !plain && self.is_open_to(at, ix, quest);
        self.enter(at, ix, if available { QuestState::Available } else { QuestState::Hidden });
        self.again.push(at);
    }

    /// Takes back the completion of the last instance.
    fn revoke(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        let holder = self.holders[at as usize].holder;
        let record = self.record(at, ix);
        let instance = record.instance;
        // The state is entered first: what conditions see of this tick is as it was before.
        let available = self.is_open_to(at, ix, quest);
        self.enter(at, ix, if available { QuestState::Available } else { QuestState::Hidden });
        self.record(at, ix).completions -= 1;
        self.unmark(at, ix, |_| true);
        self.revoke_grants(quest, holder, instance);
        self.again.push(at);
    }
}

fn not_available(quest: Sym) -> Refusal {
    ("not_available", format!("quest `{quest}` is not available"), "see its state in `quest_state`")
}
