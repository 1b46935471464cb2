//! Whose a thing is: what a holder does not have, and facts of others that it cannot change.
//!
//! A player has all; a region is its own place; a group and the realm have no player and no place (docs/semantics.md, Conditions).

use std::collections::BTreeMap;

use serde_json::Value;
use worldflow_schemas::catalog::ViewDef;
use worldflow_schemas::definitions::{
    Action, Condition, Effect, FactDef, Given, QuestDef, RuleDef, Test, Trigger,
};
use worldflow_schemas::input::Scope;

use super::contradictions::passes;
use super::never::Parts;
use super::{Checker, Sort};
use crate::world::spot::Spot;

/// Whether a holder of one scope finds its holder of another.
fn finds(own: Scope, other: Scope) -> bool {
    own == other || own == Scope::Player || other == Scope::Realm
}

fn has_place(scope: Scope) -> bool {
    matches!(scope, Scope::Player | Scope::Region)
}

fn a(scope: Scope) -> String {
    let name = scope.name();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    if scope == Scope::Realm { "the realm".to_owned() } else { format!("{article} {name}") }
}

impl Checker<'_> {
    /// What a quest asks of its holder, and does to facts, that the holder does not have.
    pub(super) fn check_whose(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        self.check_holder_can(&quest.requires, quest.scope, spot.key("requires"));
        if let Some(condition) = &quest.fail_when {
            self.check_holder_can(condition, quest.scope, spot.key("fail_when"));
        }
        for (name, stage) in quest.stages.iter() {
            for (id, objective) in stage.objectives.iter() {
                if let Some(holds) = &objective.holds {
                    let spot = spot.key("stages").key(name).key("objectives").key(id);
                    self.check_holder_can(holds, quest.scope, spot.key("holds"));
                }
            }
        }
        for (index, effect) in quest.effects.iter().enumerate() {
            let (verb, fact) = match effect {
                Effect::Set { fact, .. } => ("set", fact),
                Effect::Add { fact, .. } => ("add", fact),
            };
            let Some(declared) = self.fact(fact).map(|declared| declared.scope) else { continue };
            if !finds(quest.scope, declared) {
                let message = format!(
                    "the fact `{fact}` is kept for {}, which {} does not have: nothing would happen",
                    a(declared),
                    a(quest.scope)
                );
                let hint = "give the quest or the fact another scope; what is for everyone who took part is a reward";
                self.error(spot.key("effects").item(index).key(verb).key("fact"), message, hint);
            }
        }
    }

    fn fact(&self, name: &str) -> Option<&FactDef> {
        self.definitions.world.as_ref()?.definition.facts.get(name)
    }

    fn check_holder_can(&mut self, condition: &Condition, holder: Scope, spot: Spot<'_>) {
        if let Some((message, hint)) = self.holder_lacks(condition, holder) {
            self.error(spot, format!("this never holds: {message}"), hint);
        }
    }

    /// What a condition asks that a holder by itself never has, and what to do.
    pub(super) fn holder_lacks(&self, condition: &Condition, holder: Scope) -> Option<(String, String)> {
        if holder == Scope::Player {
            return None;
        }
        for part in Parts::of(condition).0 {
            let place = [
                ("region", part.region.is_some()),
                ("weather", part.weather.as_ref().is_some_and(|weather| weather.region.is_none())),
            ];
            if let Some((what, _)) = place.into_iter().find(|(_, asked)| *asked && !has_place(holder)) {
                let message = format!("{} has no place, and so no `{what}`", a(holder));
                let hint = "ask for it in an objective's `when`, where the event's region counts; or give the quest the scope player or region";
                return Some((message, hint.to_owned()));
            }
            if part.level.as_ref().is_some_and(|level| !passes(level, &Value::from(1))) {
                let message = format!("{} has no level, which counts as 1", a(holder));
                return Some((message, "ask for the level in an objective's `when`".to_owned()));
            }
            let lacked = self.lacked_quest(part, holder).or_else(|| self.lacked_fact(part, holder));
            if lacked.is_some() {
                return lacked;
            }
            let mut ways = part.any.iter().map(|inner| self.holder_lacks(inner, holder));
            if let Some(first) = ways.next().flatten()
                && ways.all(|way| way.is_some())
            {
                return Some(first);
            }
        }
        None
    }

    fn lacked_quest(&self, part: &Condition, holder: Scope) -> Option<(String, String)> {
        part.quests.keys().find_map(|id| {
            let scope = self.definitions.quests.get(id)?.definition.scope;
            (!finds(holder, scope)).then(|| {
                let message =
                    format!("the quest `{id}` is held by {}, which {} does not have", a(scope), a(holder));
                (
                    message,
                    "keep what is asked in a fact of the realm, or give the two the same scope".to_owned(),
                )
            })
        })
    }

    fn lacked_fact(&self, part: &Condition, holder: Scope) -> Option<(String, String)> {
        part.facts.iter().find_map(|(name, test)| {
            let declared = self.fact(name).filter(|declared| !declared.personal)?;
            (!finds(holder, declared.scope) && !passes(test, &declared.default)).then(|| {
                let message = format!(
                    "the fact `{name}` is kept for {}, which {} does not have, and its default is another",
                    a(declared.scope),
                    a(holder)
                );
                (message, "ask for a fact of the realm, or give the two the same scope".to_owned())
            })
        })
    }

    /// What a rule asks of the holder of its rows, and does to facts that the holder does not have.
    pub(super) fn check_rule_whose(&mut self, rule: &RuleDef, spot: Spot<'_>) {
        let Some(holders) = self.holders_of(&rule.trigger) else { return };
        let lacks: Option<Vec<_>> =
            holders.iter().map(|holder| self.holder_lacks(&rule.when, *holder)).collect();
        if let Some((message, _)) = lacks.and_then(|lacks| lacks.into_iter().next()) {
            let hint = "let the rule go through rows of those who have it, with `each`";
            self.error(spot.key("when"), format!("this never holds: {message}"), hint);
        }
        for (index, action) in rule.actions.iter().enumerate() {
            let (verb, fact, of) = match action {
                Action::Set { fact, of, .. } => ("set", fact, of),
                Action::Add { fact, of, .. } => ("add", fact, of),
                Action::Clamp { fact, of, .. } => ("clamp", fact, of),
                Action::Emit(_) => continue,
            };
            let Some(scope) = self.fact(fact).map(|declared| declared.scope) else { continue };
            let spot = spot.key("do").item(index).key(verb);
            match of {
                None if holders.iter().all(|holder| !finds(*holder, scope)) => {
                    let message = format!(
                        "the fact `{fact}` is kept for {}, and this rule acts for {}: nothing would happen",
                        a(scope),
                        a(holders[0])
                    );
                    let hint = "say whose with `of`, or let the rule go through rows of those who have it, with `each`";
                    self.error(spot.key("fact"), message, hint);
                }
                Some(of) => self.check_named_holder(fact, scope, of, spot.key("of")),
                None => {}
            }
        }
    }

    /// A holder that is named: of a fact of the realm there is one only, and regions are declared.
    fn check_named_holder(&mut self, fact: &str, scope: Scope, of: &Given, spot: Spot<'_>) {
        let name = match of {
            Given::Is(Value::String(name)) => name.as_str(),
            Given::Column(column) if scope == Scope::Realm && column.column != "realm" => &column.column,
            _ => return,
        };
        if scope == Scope::Region {
            self.known(Sort::Region, name, spot);
        }
        let world = self.definitions.world.as_ref().map(|world| world.definition.name.as_str());
        if scope == Scope::Realm && world != Some(name) {
            let message =
                format!("the fact `{fact}` is the realm's, and this names another: it would be refused");
            self.error(spot, message, "remove `of`, or give the fact the scope of those whose it is");
        }
    }

    /// The scope of the fact or quest that rows are of.
    fn scope_named(&self, filter: &BTreeMap<String, Test>) -> Option<Scope> {
        let name = |column: &str| match filter.get(column) {
            Some(Test::Is(Value::String(name))) => Some(name.as_str()),
            _ => None,
        };
        let quest = || Some(self.definitions.quests.get(name("quest")?)?.definition.scope);
        name("fact").and_then(|fact| self.fact(fact)).map(|fact| fact.scope).or_else(quest)
    }

    /// The scopes of the holders that a rule may act for; `None` when it may be any.
    fn holders_of(&self, trigger: &Trigger) -> Option<Vec<Scope>> {
        let Some((view, filter)) = trigger.rows() else { return Some(vec![Scope::Realm]) };
        let def: &ViewDef = self.views.get(view)?;
        let has = |name: &str| def.columns.iter().any(|column| column.name == name);
        if has("scope") && has("holder") {
            return scopes(filter).or_else(|| self.scope_named(filter).map(|scope| vec![scope]));
        }
        Some(vec![if has("player") { Scope::Player } else { Scope::Realm }])
    }
}

/// The scopes that rows of these say they are of.
fn scopes(filter: &BTreeMap<String, Test>) -> Option<Vec<Scope>> {
    let test = filter.get("scope")?;
    let scopes = Scope::ALL.into_iter().filter(|scope| passes(test, &Value::from(scope.name())));
    Some(scopes.collect()).filter(|scopes: &Vec<Scope>| !scopes.is_empty())
}
