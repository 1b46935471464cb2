//! Bots who work on projects together: on those of a street all who pass by, on those of a guild its members.

use worldflow_schemas::definitions::{QuestDef, StageDef};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Tick};

use super::bots::{Bots, CARELESS, Deed, PLAYERS, STREETS, deed, depth};

/// How many projects go on side by side.
const AT_ONCE: usize = 50;

impl Bots<'_> {
    /// All projects, some at a time; at last some are begun that nobody ends.
    pub(crate) fn play_projects(&mut self) {
        let world = self.world;
        let projects: Vec<_> = world.quests.iter().filter(|(_, def)| def.scope != Scope::Player).collect();
        for some in projects.chunks(AT_ONCE) {
            let begin = self.tick;
            let mut end = begin;
            for (place, (id, def)) in some.iter().enumerate() {
                end = end.max(self.play_project(id, def, STREETS[place % 2], begin));
            }
            self.tick = end + 1;
        }
        for (id, def) in projects.into_iter().filter(|(_, def)| def.deadline.is_some()).take(6) {
            self.ask(self.tick, PLAYERS[2], "quest.accept", id);
            let first = &def.stages.0[0].1;
            for (_, objective) in first.objectives.iter() {
                let (_, deeds) = self.doing(objective);
                for deed in deeds.into_iter().take(1) {
                    self.send(self.tick + 1, PLAYERS[3], deed);
                }
            }
        }
        self.tick += 2;
    }

    /// Plays a project and returns the tick after it.
    fn play_project(&mut self, id: &str, def: &QuestDef, street: &str, begin: Tick) -> Tick {
        let (members, region) = match def.scope {
            Scope::Guild => (&PLAYERS[..2], Sym::NONE),
            _ => (&PLAYERS[..], Sym::new(street)),
        };
        let ask = |verb: &str| Deed { region, ..deed(verb, id, 1) };
        self.send(begin, members[0], ask("quest.accept"));
        self.send(begin, members[1], ask("quest.accept"));
        let mut tick = begin + 1;
        if self.once_in(8) {
            // Begun twice: what was given to the first is gone.
            tick = self.work_on(members, &def.stages.0[0].1, region, tick, true);
            self.send(tick, members[1], ask("quest.abandon"));
            self.send(tick + 1, members[1], ask("quest.accept"));
            tick += 2;
        }
        for (_, stage) in def.stages.iter() {
            tick = self.work_on(members, stage, region, tick, false) + 1;
        }
        tick
    }

    /// Does what a stage asks for, or half of the first of it; returns the tick after the last event.
    fn work_on(&mut self, members: &[&str], stage: &StageDef, region: Sym, begin: Tick, half: bool) -> Tick {
        let mut last = begin;
        for (name, objective) in stage.objectives.iter() {
            let at = begin + 2 * depth(stage, name);
            if half && at > begin {
                continue;
            }
            last = last.max(at + 1);
            let (before, deeds) = self.doing(objective);
            let whole = deeds.iter().map(|deed| deed.amount).sum::<i64>();
            let first = usize::try_from(self.below(members.len() as u64)).expect("small");
            for (n, deed) in deeds.into_iter().enumerate() {
                let player = members[(first + n * 2 + n) % members.len()];
                for deed in &before {
                    self.send(at, player, deed.clone());
                }
                let deed = Deed { region, ..deed };
                if self.once_in(4) {
                    // The wrong thing, somebody who lacks the skill, another project.
                    let wrong = self.wrong(&deed);
                    self.send(at + 1, player, wrong);
                    self.send(at + 1, CARELESS, Deed { amount: 1, ..deed.clone() });
                }
                if half && (whole < 2 || n > 0) {
                    continue;
                }
                self.send(at + 1, player, deed);
            }
        }
        last + 1
    }
}
