//! What a rule leads to at once, by itself and through stories: facts, NPCs that speak, arcs.
//!
//! What is limited, or takes its time, leads to nothing here: a storylet with `limits`, a line of dialogue, one that is said by itself (once in some
//! seconds), and a beat that does not come again.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{
    Action, ArcDef, Condition, Effect, Given, RuleDef, StoryTrigger, StoryletDef, Test, Trigger,
};

use super::Checker;

/// What follows a rule without a delay.
#[derive(Default)]
pub(super) struct Led<'w> {
    pub(super) facts: BTreeSet<&'w str>,
    /// Events that it makes happen, with their targets where these are known.
    events: BTreeSet<(&'w str, Option<&'w str>)>,
    /// NPCs that have something to say.
    npcs: BTreeSet<&'w str>,
    /// Arcs that go round.
    arcs: BTreeSet<&'w str>,
}

impl<'w> Checker<'w> {
    /// What a rule leads to.
    pub(super) fn led_by(&self, rule: &'w RuleDef) -> Led<'w> {
        let mut led = Led::default();
        for action in &rule.actions {
            match action {
                Action::Set { fact, .. } | Action::Add { fact, .. } | Action::Clamp { fact, .. } => {
                    led.facts.insert(fact);
                }
                Action::Emit(emitted) => {
                    let target = match &emitted.target {
                        Some(Given::Is(target)) => target.as_str(),
                        _ => None,
                    };
                    led.events.insert((&emitted.event, target));
                    let facts =
                        self.definitions.world.as_ref().into_iter().flat_map(|world| &world.definition.facts);
                    let updated = facts.filter(|(_, def)| {
                        def.changed_by.iter().any(|update| update.pattern.event == emitted.event)
                    });
                    led.facts.extend(updated.map(|(name, _)| name.as_str()));
                }
            }
        }
        self.speak(&mut led);
        // A fact that an arc changes may lead on in another.
        while self.go_round(&mut led) {}
        led
    }

    fn speak(&self, led: &mut Led<'w>) {
        let definitions = self.definitions;
        for (id, npc) in &definitions.npcs {
            let is_asked = |(event, target): &(&str, Option<&str>)| {
                *event == npc.definition.addressed_by && target.is_none_or(|target| target == id)
            };
            if led.events.iter().any(is_asked) {
                led.npcs.insert(id);
            }
        }
        let is_said = |def: &StoryletDef| {
            let carries = |npc: &str, name: &str| {
                let entity = definitions.entities.get(npc);
                npc == name
                    || entity.is_some_and(|entity| entity.definition.tags.iter().any(|tag| tag == name))
            };
            let mut names = def.who.as_slice().iter();
            def.trigger == StoryTrigger::Addressed
                && def.limits.is_none()
                && names.any(|name| led.npcs.iter().any(|npc| carries(npc, name)))
        };
        let said = definitions.storylets.values().map(|placed| &placed.definition).filter(|def| is_said(def));
        let said: Vec<&StoryletDef> = said.collect();
        led.facts.extend(said.into_iter().flat_map(|def| def.effects.iter().map(fact_of)));
    }

    /// Takes in the arcs that follow. Returns whether there was another.
    fn go_round(&self, led: &mut Led<'w>) -> bool {
        let before = led.arcs.len();
        for (id, placed) in &self.definitions.arcs {
            let def = &placed.definition;
            let round: Vec<usize> = (0..def.beats.len()).filter(|place| comes_again(def, *place)).collect();
            if led.arcs.contains(id.as_str()) || round.is_empty() || !led.moves(def) {
                continue;
            }
            led.arcs.insert(id);
            let beats = round.into_iter().filter_map(|place| def.beats.iter().nth(place));
            led.facts.extend(beats.flat_map(|(_, beat)| beat.effects.iter().map(fact_of)));
        }
        led.arcs.len() > before
    }
}

impl Led<'_> {
    /// Whether an arc is about an event or a fact of these.
    fn moves(&self, def: &ArcDef) -> bool {
        let branches =
            || def.beats.iter().flat_map(|(_, beat)| beat.branches.iter().map(|(_, branch)| branch));
        let chosen = branches().filter_map(|branch| branch.chosen_by.as_ref());
        let patterns = def.tension.events.values().map(|tense| &tense.pattern).chain(chosen);
        let kinds: Vec<&str> = patterns.map(|pattern| pattern.event.as_str()).collect();
        let beats = def.beats.iter().map(|(_, beat)| &beat.when);
        let mut conditions = beats.chain(branches().map(|branch| &branch.when));
        self.events.iter().any(|(event, _)| kinds.contains(event))
            || conditions.any(|when| self.is_named_in(when))
    }

    fn is_named_in(&self, when: &Condition) -> bool {
        let mut named = when.facts.keys().any(|fact| self.facts.contains(fact.as_str()));
        if let Some(compare) = &when.compare {
            compare.facts(|fact| named |= self.facts.contains(fact));
        }
        let mut inner = when.all.iter().chain(&when.any).chain(when.not.as_deref());
        named || inner.any(|inner| self.is_named_in(inner))
    }

    /// Whether the rows of what is said, or of an arc, trigger a rule.
    pub(super) fn triggers(&self, rule: &RuleDef) -> bool {
        let Some((view, filter)) = rule.trigger.rows() else { return false };
        let is = |column: &str, ids: &std::collections::BTreeSet<&str>| match filter.get(column) {
            Some(Test::Is(serde_json::Value::String(id))) => ids.contains(id.as_str()),
            _ => !ids.is_empty(),
        };
        match view {
            _ if matches!(rule.trigger, Trigger::Every(_)) => false,
            "npc_lines" | "npc_requests" | "npc_sentences" => is("npc", &self.npcs),
            "arc_state" | "arc_tension" | "arc_branches" => is("arc", &self.arcs),
            _ => false,
        }
    }
}

fn fact_of(effect: &Effect) -> &str {
    match effect {
        Effect::Set { fact, .. } | Effect::Add { fact, .. } => fact,
    }
}

/// Whether a beat leads back to itself.
fn comes_again(def: &ArcDef, from: usize) -> bool {
    let place = |id: &str| def.beats.iter().position(|(other, _)| other == id);
    let next = |at: usize| -> Vec<usize> {
        let Some((_, beat)) = def.beats.iter().nth(at) else { return Vec::new() };
        if beat.branches.is_empty() {
            return (!beat.ends && at + 1 < def.beats.len()).then_some(at + 1).into_iter().collect();
        }
        beat.branches.iter().filter_map(|(_, branch)| place(branch.to.as_deref()?)).collect()
    };
    let mut seen = BTreeSet::new();
    let mut open = next(from);
    while let Some(at) = open.pop() {
        if seen.insert(at) {
            open.extend(next(at));
        }
    }
    seen.contains(&from)
}
