//! Rules: views and columns, conditions, and what they do.

use std::collections::BTreeMap;

use worldflow_operators::rules::is_kept;
use worldflow_schemas::catalog::{self, ColumnType, ViewDef};
use worldflow_schemas::definitions::{
    Action, Amount, ColumnDef, DrawnDef, EmitDef, FactDef, FactKind, Given, RuleDef, Test, Trigger,
};

use super::columns::texts;
use super::conditions::{Operand, plain};
use super::names::QUEST_KINDS;
use super::views::{by_name, is_of_rules};
use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// Whether a column can be compared and taken, and as what; `Some(None)` for any.
pub(super) fn operand(kind: ColumnType) -> Option<Option<Operand>> {
    match kind {
        ColumnType::Bool => Some(Some(Operand::Bool)),
        ColumnType::Int | ColumnType::Dec | ColumnType::Tick | ColumnType::Time => {
            Some(Some(Operand::Number))
        }
        ColumnType::Text => Some(Some(Operand::Text)),
        ColumnType::Any => Some(None),
        ColumnType::Json => None,
    }
}

impl Checker<'_> {
    pub(super) fn check_rules(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.rules {
            let (rule, spot) = (&placed.definition, placed.spot);
            self.check_id("rule", id, spot);
            let view = self.check_trigger(&rule.trigger, spot.key("trigger"));
            self.check_condition_elsewhere(&rule.when, spot.key("when"));
            if let Some(chance) = rule.chance.as_ref().and_then(serde_json::Number::as_f64) {
                self.check_fraction("chance", chance, spot.key("chance"));
                if chance == 0.0 {
                    self.error(spot.key("chance"), "a rule with this chance never acts", "give more than 0");
                }
            }
            if rule.after.is_some_and(|after| after.ms == 0) {
                let hint = "give a span such as `30s`, or remove it: then it acts at the next tick";
                self.error(spot.key("after"), "`after` is no time at all", hint);
            }
            self.check_actions(rule, view, spot.key("do"), placed.whole);
            self.check_rule_whose(rule, spot);
            self.check_waiting(rule, spot);
        }
    }

    /// Returns the view whose rows trigger it.
    fn check_trigger(&mut self, trigger: &Trigger, spot: Spot<'_>) -> Option<&'static ViewDef> {
        let (name, existing) = match trigger {
            Trigger::Appears(rows) => ("appears", rows.existing),
            Trigger::AppearsOrChanges(rows) => ("appears_or_changes", rows.existing),
            Trigger::Changes(rows) | Trigger::Goes(rows) => {
                let name = if matches!(trigger, Trigger::Goes(_)) { "goes" } else { "changes" };
                if rows.existing {
                    let hint = "use it with `appears` or `appears_or_changes`, or remove it";
                    let spot = spot.key(name).key("existing");
                    self.error(spot, "rows that are there already have not gone or changed", hint);
                }
                (name, false)
            }
            Trigger::Every(every) => {
                if every.span.ms == 0 {
                    let spot = spot.key("every").key("span");
                    self.error(spot, "`span` is no time at all", "give a span such as `10m` or `6h world`");
                }
                ("every", false)
            }
        };
        let (view, filter) = trigger.rows()?;
        let mut spot = spot.key(name);
        let goes_through = name == "every";
        if goes_through {
            spot = spot.key("each");
        }
        if !self.known(Sort::View, view, spot.key("view")) {
            return None;
        }
        let def = self.views.get(view)?;
        if !def.deterministic || is_of_rules(def) {
            let message = format!("`{view}` is what the engine observes, so no rule can follow it");
            self.error(spot.key("view"), message, "rules follow views that are a function of what happened");
            return None;
        }
        if (goes_through || existing) && catalog::view(view).is_some_and(|view| !is_kept(view)) {
            let message =
                format!("rows of `{view}` change with nearly every event, so nobody goes through them");
            self.error(spot.key("view"), message, "name a view of states, such as `quest_state` or `facts`");
        }
        self.check_filter(def, filter, spot.key("where"));
        Some(def)
    }

    fn check_filter(&mut self, view: &'static ViewDef, filter: &BTreeMap<String, Test>, spot: Spot<'_>) {
        let is = |column: &str| match filter.get(column) {
            Some(Test::Is(serde_json::Value::String(text))) => Some(text.as_str()),
            _ => None,
        };
        let (fact, quest) = (is("fact"), is("quest"));
        for (name, test) in filter {
            let Some(column) = self.check_column(view, name, spot.name(name)) else { continue };
            let what = format!("the column `{name}`");
            let of_fact = fact.filter(|_| name == "value" && view.name == "facts");
            let world = self.definitions.world.as_ref();
            let declared = of_fact.and_then(|fact| world?.definition.facts.get(fact));
            match (operand(column).flatten(), declared) {
                _ if is_null(test) => {}
                (_, Some(declared)) => {
                    self.check_test(&what, Operand::of_fact(declared.kind), test, spot.key(name));
                }
                (Some(operand), None) => self.check_test(&what, operand, test, spot.key(name)),
                (None, None) => {}
            }
            if let Some(held) = self.held(view.name, name).or_else(|| by_name(name)) {
                for (text, spot) in texts(test, spot.key(name)) {
                    self.check_held(held, text, quest, spot);
                }
            }
        }
        if let Some(fact) = fact {
            self.is_personal_fact(fact, spot.key("fact"));
        }
    }

    pub(super) fn check_column(
        &mut self,
        view: &'static ViewDef,
        name: &str,
        spot: Spot<'_>,
    ) -> Option<ColumnType> {
        let Some(column) = view.columns.iter().find(|column| column.name == name) else {
            let known: Vec<&str> = view.columns.iter().map(|column| column.name).collect();
            let otherwise = format!("`{}` has {}", view.name, known.join(", "));
            let hint = hint(name, known.iter().copied(), &otherwise);
            self.error(spot, format!("unknown column `{name}`"), hint);
            return None;
        };
        if operand(column.kind).is_none() {
            let message = format!("the column `{name}` holds a list or a map");
            self.error(spot, message, "compare and take plain values only");
            return None;
        }
        Some(column.kind)
    }

    fn check_actions(&mut self, rule: &RuleDef, view: Option<&'static ViewDef>, spot: Spot<'_>, whole: bool) {
        if rule.actions.is_empty() && whole {
            self.error(spot, "this rule does nothing", "give `set`, `add`, `clamp` or `emit`");
        }
        let has_rows = rule.trigger.rows().is_some();
        for (index, action) in rule.actions.iter().enumerate() {
            let spot = spot.item(index);
            let rows = Rows { view, has_rows };
            match action {
                Action::Set { fact, of, to } => {
                    let spot = spot.key("set");
                    let Some(declared) = self.check_fact_of(fact, of.as_ref(), rows, spot) else { continue };
                    match to {
                        Given::Is(value) => self.check_fact_value(fact, declared.kind, value, spot.key("to")),
                        Given::Drawn(def) => {
                            self.check_drawn_fact(fact, declared.kind, def, rows, spot, "to");
                        }
                        Given::Column(def) => {
                            self.check_taken(
                                def,
                                Some(Operand::of_fact(declared.kind)),
                                rows,
                                spot.key("to"),
                            );
                        }
                    }
                }
                Action::Add { fact, of, by } => {
                    let spot = spot.key("add");
                    let Some(declared) = self.check_fact_of(fact, of.as_ref(), rows, spot) else { continue };
                    match by {
                        Amount::Is(step) => self.check_fact_step(fact, declared.kind, step, spot.key("by")),
                        Amount::Drawn(def) => {
                            self.check_drawn_fact(fact, declared.kind, def, rows, spot, "by");
                        }
                        Amount::Column(def) => {
                            let step = serde_json::Number::from(1);
                            self.check_fact_step(fact, declared.kind, &step, spot.key("fact"));
                            self.check_taken(def, Some(Operand::Number), rows, spot.key("by"));
                        }
                    }
                }
                Action::Clamp { fact, of, at_least, at_most } => {
                    let spot = spot.key("clamp");
                    let Some(declared) = self.check_fact_of(fact, of.as_ref(), rows, spot) else { continue };
                    let bounds = [("at_least", at_least), ("at_most", at_most)];
                    self.check_bounds(fact, declared.kind, bounds, spot);
                }
                Action::Emit(def) => self.check_emitted(def, rows, spot.key("emit")),
            }
        }
    }

    /// The fact that an action changes, and whose.
    fn check_fact_of(
        &mut self,
        fact: &str,
        of: Option<&Given>,
        rows: Rows,
        spot: Spot<'_>,
    ) -> Option<FactDef> {
        match of {
            Some(Given::Column(def)) => self.check_taken(def, Some(Operand::Text), rows, spot.key("of")),
            Some(Given::Drawn(_)) => self.no_id("of", spot.key("of")),
            Some(Given::Is(_)) | None => {}
        }
        let spot = spot.key("fact");
        if !self.known(Sort::Fact, fact, spot)
            || self.is_personal_fact(fact, spot)
            || self.is_kept_fact(fact, spot)
        {
            return None;
        }
        self.definitions.world.as_ref()?.definition.facts.get(fact).cloned()
    }

    fn check_bounds(
        &mut self,
        fact: &str,
        kind: FactKind,
        bounds: [(&str, &Option<serde_json::Number>); 2],
        spot: Spot<'_>,
    ) {
        for (name, bound) in &bounds {
            if let Some(bound) = bound {
                self.check_fact_step(fact, kind, bound, spot.key(name));
            }
        }
        match bounds.map(|(_, bound)| bound.as_ref().and_then(serde_json::Number::as_f64)) {
            [None, None] => self.error(spot, "`clamp` without bounds", "give `at_least`, `at_most` or both"),
            [Some(least), Some(most)] if least > most => {
                let hint = "the lower bound is above the upper one; swap them";
                self.error(spot, "no number lies between these bounds", hint);
            }
            _ => {}
        }
    }

    /// A column whose value is taken as something.
    fn check_taken(&mut self, def: &ColumnDef, wanted: Option<Operand>, rows: Rows, spot: Spot<'_>) {
        if !rows.has_rows {
            let hint = "give the value itself, or let the rule go through rows with `each`";
            return self.error(spot.key("column"), "this rule has no row to take a column from", hint);
        }
        let Some(view) = rows.view else { return };
        let Some(column) = self.check_column(view, &def.column, spot.key("column")) else { return };
        if let (Some(wanted), Some(Some(is))) = (wanted, operand(column))
            && wanted != is
        {
            let (column, is, wanted) = (&def.column, is.label(), wanted.label());
            let message = format!("the column `{column}` is {is}, and {wanted} is needed");
            self.error(spot.key("column"), message, "take another column, or change another fact");
        }
    }

    fn no_id(&mut self, name: &str, spot: Spot<'_>) {
        self.error(spot, format!("`{name}` is an id, and only numbers are drawn"), "give an id or a column");
    }

    /// A number that is drawn.
    fn check_drawn(&mut self, def: &DrawnDef, rows: Rows, spot: Spot<'_>) {
        let bounds = def.between.each_ref().map(serde_json::Number::as_f64);
        if let [Some(least), Some(most)] = bounds
            && least > most
        {
            let hint = "the least comes first; swap them";
            self.error(spot.key("between"), "no number lies between these bounds", hint);
        }
        if def.whole && def.between.iter().any(|bound| !(bound.is_i64() || bound.is_u64())) {
            let hint = "give whole numbers, or leave `whole` out";
            self.error(spot.key("between"), "whole numbers between bounds that are none", hint);
        }
        if let Some(column) = &def.times {
            let column = ColumnDef { column: column.clone(), times: None };
            let at = spot.key("times");
            if rows.has_rows {
                self.check_taken(&column, Some(Operand::Number), rows, at);
            } else {
                let hint = "leave `times` out, or let the rule go through rows with `each`";
                self.error(at, "this rule has no row to take a column from", hint);
            }
        }
    }

    fn check_drawn_fact(
        &mut self,
        fact: &str,
        kind: FactKind,
        def: &DrawnDef,
        rows: Rows,
        spot: Spot<'_>,
        key: &str,
    ) {
        self.check_drawn(def, rows, spot.key(key));
        if kind == FactKind::Int && (!def.whole || def.times.is_some()) {
            let message = format!("the fact `{fact}` is a whole number, and this is a fraction");
            self.error(spot.key(key), message, "write `{between: [1, 6], whole: true}`, or have it a `dec`");
        } else if kind != FactKind::Int {
            let one = serde_json::Number::from(1);
            self.check_fact_step(fact, kind, &one, spot.key("fact"));
        }
    }

    fn check_emitted(&mut self, def: &EmitDef, rows: Rows, spot: Spot<'_>) {
        let asks = QUEST_KINDS.contains(&def.event.as_str());
        self.known(Sort::Kind, &def.event, spot.key("event"));
        let names_targets = asks || self.kind(&def.event).is_some_and(|kind| kind.known_targets);
        let target = if asks { Sort::Quest } else { Sort::Target };
        for (name, given, sort) in [
            ("player", &def.player, None),
            ("target", &def.target, names_targets.then_some(target)),
            ("region", &def.region, Some(Sort::Region)),
        ] {
            match given {
                Some(Given::Column(def)) => self.check_taken(def, Some(Operand::Text), rows, spot.key(name)),
                Some(Given::Drawn(_)) => self.no_id(name, spot.key(name)),
                Some(Given::Is(serde_json::Value::String(text))) => {
                    if let Some(sort) = sort {
                        self.known(sort, text, spot.key(name));
                    }
                }
                Some(Given::Is(other)) => {
                    let message = format!("`{name}` is an id, not `{}`", plain(other));
                    self.error(spot.key(name), message, "put it in quotes");
                }
                None => {}
            }
        }
        match &def.amount {
            Some(Amount::Column(def)) => {
                self.check_taken(def, Some(Operand::Number), rows, spot.key("amount"));
            }
            Some(Amount::Drawn(def)) => self.check_drawn(def, rows, spot.key("amount")),
            Some(Amount::Is(_)) | None => {}
        }
        for (name, given) in &def.with {
            let spot = spot.key("with");
            let Some(wanted) = self.check_attribute(&def.event, name, spot.name(name)) else { continue };
            match given {
                Given::Column(def) => self.check_taken(def, Some(wanted), rows, spot.key(name)),
                Given::Drawn(def) => {
                    self.check_drawn(def, rows, spot.key(name));
                    let number = serde_json::Value::from(1);
                    self.check_operand(&format!("the attribute `{name}`"), wanted, &number, spot.key(name));
                }
                Given::Is(value) => {
                    let what = format!("the attribute `{name}`");
                    self.check_value(&what, wanted, value, "give it a value of its own type", spot.key(name));
                }
            }
        }
    }
}

/// The rows that trigger a rule.
#[derive(Clone, Copy)]
struct Rows {
    /// Their view, if it is known.
    view: Option<&'static ViewDef>,
    has_rows: bool,
}

/// Whether a column is to be empty.
fn is_null(test: &Test) -> bool {
    matches!(test, Test::Is(serde_json::Value::Null))
}
