//! Arcs as cards: each beat with what it waits for, and the ways that lead on from it.

use worldflow_schemas::definitions::{ArcDef, BeatDef, BranchDef, Effect, TargetDef};

use super::collect::{Collected, Key, key};
use super::labels::{plain, signed};
use super::{Kind, Leads};
use crate::explain::pattern_words;

impl Collected<'_> {
    /// An arc, its beats, and whatever they wait for, change and lead to.
    pub(super) fn arc(&mut self, id: &str, def: &ArcDef) {
        let me = key(Kind::Arc, id);
        let tense = def.tension.events.values();
        let mut lines: Vec<String> = tense
            .map(|tense| format!("{} {}", signed(&tense.add.to_string()), pattern_words(&tense.pattern)))
            .collect();
        lines.push(format!("half of it goes in {}", def.tension.half_life));
        lines.extend(def.moved_from.as_ref().map(|from| format!("was {from}")));
        self.named(&def.when, &me, Leads::Requires, "");
        let title = format!("of each {}", def.scope.name()).replace("of each realm", "of the realm");
        self.node(Kind::Arc, id, &title, lines);
        if let Some((first, _)) = def.beats.iter().next() {
            self.edge(me, beat_key(id, first), Leads::LeadsOn, "begins".to_owned());
        }
        let follow = def.beats.iter().map(|(id, _)| Some(id)).skip(1).chain([None]);
        for ((beat, beat_def), next) in def.beats.iter().zip(follow) {
            self.beat(id, (beat, beat_def), next.filter(|_| !beat_def.ends));
        }
    }

    fn beat(&mut self, arc: &str, (id, def): (&str, &BeatDef), next: Option<&str>) {
        let me = beat_key(arc, id);
        let mut lines = vec![match def.tension {
            TargetDef::BuildUp(tension) => format!("tension up to {tension}"),
            TargetDef::Peak(tension) => format!("tension over {tension}, and below it again"),
            TargetDef::Relax(tension) => format!("tension down to {tension}"),
        }];
        lines.extend(def.after.map(|after| format!("at least {after}")));
        lines.extend(def.moved_from.as_ref().map(|from| format!("was {from}")));
        self.named(&def.when, &me, Leads::Gates, "");
        for effect in &def.effects {
            let (fact, label) = match effect {
                Effect::Set { fact, to, .. } => (fact, format!("= {}", plain(to))),
                Effect::Add { fact, by, .. } => (fact, signed(&by.to_string())),
            };
            self.edge(me.clone(), key(Kind::Fact, fact), Leads::Changes, label);
        }
        for (branch, branch_def) in def.branches.iter() {
            lines.extend(self.branch(arc, (id, &me), (branch, branch_def)));
        }
        match next {
            _ if !def.branches.is_empty() => {}
            Some(next) => self.edge(me.clone(), beat_key(arc, next), Leads::LeadsOn, String::new()),
            None => lines.push("then it ends".to_owned()),
        }
        self.node(Kind::Beat, &me.1, &def.doc, lines);
    }

    /// A line for the beat where the way is no arrow between two cards.
    fn branch(
        &mut self,
        arc: &str,
        (beat, me): (&str, &Key),
        (id, def): (&str, &BranchDef),
    ) -> Option<String> {
        let chosen = def.chosen_by.as_ref().map(|pattern| format!("on {}", pattern_words(pattern)));
        let after = def.after.map(|after| format!("after {after}"));
        let how: Vec<String> = chosen.into_iter().chain(after).collect();
        let said = if how.is_empty() { id.to_owned() } else { format!("{id}: {}", how.join(", ")) };
        self.named(&def.when, me, Leads::Gates, &format!("{id}:"));
        for criterion in def.criteria.values().filter(|criterion| criterion.required) {
            self.named(&criterion.when, me, Leads::Gates, &format!("{id}:"));
        }
        match def.to.as_deref() {
            None => Some(format!("{said} → it ends")),
            Some(to) if to == beat => Some(format!("{said} → again")),
            Some(to) => {
                self.edge(me.clone(), beat_key(arc, to), Leads::LeadsOn, said);
                None
            }
        }
    }

    /// The arcs that an event of a kind, and of a target where that is known, adds to, or of which it chooses a branch.
    pub(super) fn felt_by(&self, event: &str, target: Option<&str>) -> Vec<Key> {
        let mut found = Vec::new();
        for (id, def) in self.arcs {
            if def.tension.events.values().any(|tense| self.may_take(&tense.pattern, event, target)) {
                found.push(key(Kind::Arc, id));
            }
            let beats = def.beats.iter().filter(|(_, beat)| {
                let mut chosen = beat.branches.iter().filter_map(|(_, branch)| branch.chosen_by.as_ref());
                chosen.any(|pattern| self.may_take(pattern, event, target))
            });
            found.extend(beats.map(|(beat, _)| beat_key(id, beat)));
        }
        found
    }
}

/// Ids of beats are of their arc.
pub(super) fn beat_key(arc: &str, beat: &str) -> Key {
    key(Kind::Beat, &format!("{arc}.{beat}"))
}
