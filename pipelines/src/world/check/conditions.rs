//! Conditions and the comparisons in them.

use worldflow_schemas::definitions::{Condition, FactKind, OneOrMany, Test, TestRange, WeatherTest};

use super::{Checker, Sort};
use crate::world::expression;
use crate::world::node::NodeValue;
use crate::world::problem::hint;
use crate::world::spot::Spot;
use worldflow_schemas::input::Scope;

/// What a comparison compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operand {
    Number,
    Text,
    Bool,
}

impl Operand {
    pub(super) fn of_fact(kind: FactKind) -> Operand {
        match kind {
            FactKind::Bool => Operand::Bool,
            FactKind::Int | FactKind::Dec => Operand::Number,
            FactKind::Text => Operand::Text,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Operand::Number => "a number",
            Operand::Text => "text",
            Operand::Bool => "`true` or `false`",
        }
    }

    fn fits(self, value: &serde_json::Value) -> bool {
        match self {
            Operand::Number => value.is_number(),
            Operand::Text => value.is_string(),
            Operand::Bool => value.is_boolean(),
        }
    }
}

const COMPARISONS: [&str; 7] = ["at_least", "at_most", "above", "below", "is", "is_not", "one_of"];

impl Checker<'_> {
    /// A condition as a map, or as one text: then the map that says the same is checked, at places within the text.
    pub(super) fn check_condition(&mut self, condition: &Condition, spot: Spot<'_>) {
        let Some((node, NodeValue::Text(text))) = spot.node.map(|node| (node, &node.value)) else {
            return self.check_keys(condition, spot);
        };
        // What cannot be read has been reported.
        if let Ok(parsed) = expression::read(text, node) {
            self.check_scopes(&parsed.expr, text, spot);
            let before = std::mem::replace(&mut self.in_text, true);
            self.check_keys(condition, Spot { node: Some(&parsed.tree), ..spot });
            self.in_text = before;
        }
    }

    fn check_keys(&mut self, condition: &Condition, spot: Spot<'_>) {
        self.check_choice(Sort::Phase, condition.phase.as_ref(), spot.key("phase"));
        self.check_choice(Sort::Season, condition.season.as_ref(), spot.key("season"));
        self.check_choice(Sort::Region, condition.region.as_ref(), spot.key("region"));
        self.check_calendars(condition, spot);
        self.check_choice(Sort::Target, condition.near.as_ref(), spot.key("near"));
        for (moon, phases) in &condition.moon {
            let spot = spot.key("moon");
            if self.known(Sort::Moon, moon, spot.name(moon)) {
                self.check_moon(moon, phases, spot.key(moon));
            }
        }
        if let Some(weather) = &condition.weather {
            self.check_weather(weather, spot.key("weather"));
        }
        for (fact, test) in &condition.facts {
            let spot = spot.key("facts");
            if self.known(Sort::Fact, fact, spot.name(fact)) {
                let declared =
                    self.definitions.world.as_ref().and_then(|world| world.definition.facts.get(fact));
                if let Some(declared) = declared
                    && !self.is_personal_fact(fact, spot.name(fact))
                {
                    let operand = Operand::of_fact(declared.kind);
                    self.check_test(&format!("the fact `{fact}`"), operand, test, spot.key(fact));
                }
            }
        }
        for (quest, states) in &condition.quests {
            let spot = spot.key("quests");
            self.known(Sort::Quest, quest, spot.name(quest));
            self.check_not_empty(states, spot.key(quest));
        }
        self.check_progress(condition, spot.key("progress"));
        if let Some(level) = &condition.level {
            self.check_test("the level", Operand::Number, level, spot.key("level"));
        }
        if let Some(comparison) = &condition.compare {
            self.check_comparison(comparison, spot.key("compare"));
        }
        for (key, conditions) in [("all", &condition.all), ("any", &condition.any)] {
            let given = spot.node.and_then(|node| node.get(key));
            if given
                .is_some_and(|(_, node)| matches!(&node.value, NodeValue::List(items) if items.is_empty()))
            {
                let hint = format!("write the conditions, or remove `{key}`");
                self.error(spot.name(key), format!("`{key}: []` asks nothing, so it always holds"), hint);
            }
            for (index, inner) in conditions.iter().enumerate() {
                let spot = spot.key(key).item(index);
                if inner.is_empty() {
                    self.warn(spot, "an empty condition always holds", "say what must hold, or remove it");
                }
                self.check_condition(inner, spot);
            }
        }
        if let Some(inner) = &condition.not {
            let given = spot.node.and_then(|node| node.get("not"));
            if given.is_some_and(|(_, node)| matches!(&node.value, NodeValue::Map(keys) if keys.is_empty())) {
                let hint = "say what must not hold, or remove `not`";
                self.error(spot.name("not"), "`not: {}` never holds: an empty condition always does", hint);
            }
            self.check_condition(inner, spot.key("not"));
        }
    }

    /// Objectives of quests of players.
    fn check_progress(&mut self, condition: &Condition, spot: Spot<'_>) {
        for (quest, objectives) in &condition.progress {
            if !self.known(Sort::Quest, quest, spot.name(quest)) {
                continue;
            }
            let definitions = self.definitions;
            let Some(def) = definitions.quests.get(quest).map(|placed| &placed.definition) else { continue };
            if def.scope != Scope::Player {
                let message = format!("`{quest}` is a quest of a {}", def.scope.name());
                let hint = "only progress of the player's own quests can be asked for; an effect of the other may set a fact";
                self.error(spot.name(quest), message, hint);
            }
            let stages = || def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
            let names: Vec<&str> = stages().map(|(name, _)| name).collect();
            let spot = spot.key(quest);
            for (name, test) in objectives {
                if !names.contains(&name.as_str()) {
                    let otherwise = format!("`{quest}` has {}", names.join(", "));
                    let hint = hint(name, names.iter().copied(), &otherwise);
                    self.error(spot.name(name), format!("unknown objective `{name}`"), hint);
                }
                self.check_test(&format!("the objective `{name}`"), Operand::Number, test, spot.key(name));
            }
        }
    }

    /// A condition that is tested where neither quests nor entities are kept.
    pub(super) fn check_condition_elsewhere(&mut self, condition: &Condition, spot: Spot<'_>) {
        self.check_condition(condition, spot);
        self.check_asks_elsewhere(condition, spot);
        self.check_can_hold(condition, None, spot);
    }

    /// What is not kept there is not asked for.
    pub(super) fn check_asks_elsewhere(&mut self, condition: &Condition, spot: Spot<'_>) {
        fn asks(condition: &Condition) -> bool {
            let mut inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
            !condition.progress.is_empty() || condition.near.is_some() || inner.any(asks)
        }
        if asks(condition) {
            let hint =
                "conditions of quests can; here ask for `quests`, `region`, or a fact that an effect sets";
            self.error(spot, "`progress` and `near` cannot be asked for here", hint);
        }
    }

    fn check_not_empty<T>(&mut self, choice: &OneOrMany<T>, spot: Spot<'_>) {
        if choice.as_slice().is_empty() {
            self.error(spot, "an empty list never holds", "name at least one, or remove the key");
        }
    }

    pub(super) fn check_choice(&mut self, sort: Sort, choice: Option<&OneOrMany<String>>, spot: Spot<'_>) {
        let Some(choice) = choice else { return };
        self.check_not_empty(choice, spot);
        for (index, name) in choice.as_slice().iter().enumerate() {
            self.known(sort, name, spot.item(index));
        }
    }

    fn check_moon(&mut self, moon: &str, phases: &OneOrMany<String>, spot: Spot<'_>) {
        self.check_not_empty(phases, spot);
        let Some(world) = &self.definitions.world else { return };
        let Some(declared) = world.definition.clock.calendar.moons.get(moon) else { return };
        for (index, phase) in phases.as_slice().iter().enumerate() {
            if !declared.phases.contains(phase) {
                let known = declared.phases.iter().map(String::as_str);
                let otherwise = format!("`{moon}` has the phases {}", declared.phases.join(", "));
                self.error(
                    spot.item(index),
                    format!("unknown phase of the moon `{phase}`"),
                    hint(phase, known, &otherwise),
                );
            }
        }
    }

    fn check_weather(&mut self, weather: &WeatherTest, spot: Spot<'_>) {
        if let Some(region) = &weather.region {
            self.known(Sort::Region, region, spot.key("region"));
        }
        if *weather == (WeatherTest { region: weather.region.clone(), ..WeatherTest::default() }) {
            self.error(spot, "this asks nothing of the weather", "give `kind`, `intensity` or `lasting`");
        }
        self.check_choice(Sort::State, weather.kind.as_ref(), spot.key("kind"));
        if let Some(test) = &weather.intensity {
            let spot = spot.key("intensity");
            self.check_test("the intensity", Operand::Number, test, spot);
            if let Test::Range(range) = test {
                for (name, bound) in bounds(range) {
                    if bound.as_f64().is_some_and(|bound| !(0.0..=1.0).contains(&bound)) {
                        self.error(
                            spot.key(name),
                            format!("an intensity of {bound}"),
                            "it lies between 0 and 1",
                        );
                    }
                }
            }
        }
    }

    /// A comparison with something of a known type.
    pub(super) fn check_test(&mut self, what: &str, operand: Operand, test: &Test, spot: Spot<'_>) {
        match test {
            Test::Is(serde_json::Value::Object(map)) => self.check_comparison_names(map, spot),
            Test::Is(serde_json::Value::Array(_)) => {
                self.error(spot, format!("{what} is compared with a list"), "write `{one_of: [...]}`");
            }
            Test::Is(value) => self.check_operand(what, operand, value, spot),
            Test::Range(range) => self.check_range(what, operand, range, spot),
        }
    }

    /// A map that is no comparison: one of its keys or values is wrong.
    fn check_comparison_names(&mut self, map: &serde_json::Map<String, serde_json::Value>, spot: Spot<'_>) {
        for (name, value) in map {
            let Some(comparison) = COMPARISONS.into_iter().find(|known| known == name) else {
                let otherwise = format!("comparisons are {}", COMPARISONS.join(", "));
                self.error(
                    spot.name(name),
                    format!("unknown comparison `{name}`"),
                    hint(name, COMPARISONS, &otherwise),
                );
                continue;
            };
            if name == "one_of" && !value.is_array() {
                self.error(spot.key(name), "`one_of` needs a list", "write `{one_of: [a, b]}`");
            } else if !matches!(name.as_str(), "is" | "is_not" | "one_of") && !value.is_number() {
                let hint = match value.as_str().map(str::parse::<f64>) {
                    Some(Ok(_)) => "remove the quotes".to_owned(),
                    _ => format!("compare text with {}", self.equalities()),
                };
                self.error(spot.key(name), format!("`{}` needs a number", self.written(comparison)), hint);
            }
        }
    }

    /// A comparison as its author wrote it: in a text it is a sign.
    fn written(&self, comparison: &'static str) -> &'static str {
        match comparison {
            "at_least" if self.in_text => ">=",
            "at_most" if self.in_text => "<=",
            "above" if self.in_text => ">",
            "below" if self.in_text => "<",
            other => other,
        }
    }

    /// The comparisons that any value has, as they are written.
    fn equalities(&self) -> &'static str {
        if self.in_text { "`==`, `!=` or `in [...]`" } else { "`is`, `is_not` or `one_of`" }
    }

    fn check_range(&mut self, what: &str, operand: Operand, range: &TestRange, spot: Spot<'_>) {
        if *range == TestRange::default() {
            self.error(
                spot,
                "this comparison compares nothing",
                format!("give one of {}", COMPARISONS.join(", ")),
            );
        }
        for (name, _) in bounds(range) {
            if operand != Operand::Number {
                let name_there = self.written(name);
                let message = format!("{what} is {}, which `{name_there}` cannot compare", operand.label());
                self.error(spot.key(name), message, format!("use {}", self.equalities()));
            }
        }
        let lowest = range.at_least.as_ref().or(range.above.as_ref()).and_then(serde_json::Number::as_f64);
        let highest = range.at_most.as_ref().or(range.below.as_ref()).and_then(serde_json::Number::as_f64);
        if let (Some(lowest), Some(highest)) = (lowest, highest)
            && lowest > highest
        {
            self.error(
                spot,
                "no number lies between these bounds",
                "the lower bound is above the upper one; swap them",
            );
        }
        for (name, value) in [("is", &range.is), ("is_not", &range.is_not)] {
            if let Some(value) = value {
                self.check_operand(what, operand, value, spot.key(name));
            }
        }
        for (index, value) in range.one_of.iter().flatten().enumerate() {
            self.check_operand(what, operand, value, spot.key("one_of").item(index));
        }
        if range.one_of.as_ref().is_some_and(Vec::is_empty) {
            self.error(spot.key("one_of"), "an empty list never holds", "name at least one value");
        }
    }

    /// A value that must be of the operand's type.
    pub(super) fn check_operand(
        &mut self,
        what: &str,
        operand: Operand,
        value: &serde_json::Value,
        spot: Spot<'_>,
    ) {
        self.check_value(what, operand, value, "compare it with a value of its own type", spot);
    }

    /// A value that must be of the operand's type; `otherwise` is what to do.
    pub(super) fn check_value(
        &mut self,
        what: &str,
        operand: Operand,
        value: &serde_json::Value,
        otherwise: &str,
        spot: Spot<'_>,
    ) {
        if !operand.fits(value) {
            let hint = match value {
                serde_json::Value::String(text)
                    if operand == Operand::Bool || text.parse::<f64>().is_ok() =>
                {
                    "remove the quotes"
                }
                _ if operand == Operand::Text => "put it in quotes",
                _ => otherwise,
            };
            self.error(spot, format!("{what} is {}, not `{}`", operand.label(), plain(value)), hint);
        }
    }
}

fn bounds(range: &TestRange) -> impl Iterator<Item = (&'static str, &serde_json::Number)> {
    [
        ("at_least", &range.at_least),
        ("at_most", &range.at_most),
        ("above", &range.above),
        ("below", &range.below),
    ]
    .into_iter()
    .filter_map(|(name, bound)| bound.as_ref().map(|bound| (name, bound)))
}

/// A value as a designer writes it.
pub(super) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
