//! Objectives: that their keys go together, and can come true.

use worldflow_schemas::definitions::{Every, ObjectiveDef, QuestDef, Span, StageDef};
use worldflow_schemas::input::Scope;

use super::Checker;
use super::conditions::Operand;
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// The most that a window may have to count: each event in it is kept until it leaves.
const MOST_IN_WINDOW: u32 = 1_000;

impl Checker<'_> {
    pub(super) fn check_objective(
        &mut self,
        (quest, stage): (&QuestDef, &StageDef),
        id: &str,
        objective: &ObjectiveDef,
        spot: Spot<'_>,
        whole: bool,
    ) {
        match (&objective.holds, objective.event.is_empty()) {
            // What did not fit its type has been said already.
            (None, true) if !whole => {}
            (None, true) => self.error(
                spot,
                format!("nothing counts for `{id}`"),
                "give it `event: <kind>`, or `holds: <condition>`",
            ),
            (None, false) => self.check_pattern(&objective.pattern(), spot),
            (Some(holds), _) => {
                self.check_condition(holds, spot.key("holds"));
                self.check_can_hold(holds, None, spot.key("holds"));
                self.check_holds(objective, spot);
            }
        }
        if objective.lasting.is_some() && objective.holds.is_none() {
            let hint = "it says how long `holds` must hold; for events there is `window`, or `within`";
            self.error(spot.name("for"), "`for` without `holds` has no effect", hint);
        }
        self.check_aggregate(objective, spot);
        self.check_modifiers(quest, objective, spot);
        self.check_everyone(quest, objective, spot);
        self.check_streak(objective, spot);
        self.check_percent(objective, spot);
        self.check_latched(stage, objective, spot);
        self.check_follows(stage, id, objective, spot);
        for (key, patterns) in [("minus", &objective.minus), ("reset_on", &objective.reset_on)] {
            for (index, pattern) in patterns.iter().enumerate() {
                self.check_pattern(pattern, spot.key(key).item(index));
            }
        }
    }

    /// What has no meaning where a condition holds, and conditions that are no objective.
    fn check_holds(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        let given = [
            ("event", !objective.event.is_empty()),
            ("target", objective.target.is_some()),
            ("role", objective.role.is_some()),
            ("region", objective.region.is_some()),
            ("where", !objective.attributes.is_empty()),
            ("when", objective.when.is_some()),
            ("of", objective.of.is_some()),
            ("since", !objective.since.is_accept()),
            ("worth", objective.worth.is_some()),
        ];
        let counts = [
            ("count", objective.count),
            ("sum", objective.sum),
            ("distinct", objective.distinct),
            ("max", objective.max),
            ("min", objective.min),
            ("last", objective.last),
            ("percent", objective.percent),
            ("streak", objective.streak),
        ];
        let counts = counts.map(|(key, need)| (key, need.is_some()));
        for (key, _) in given.into_iter().chain(counts).filter(|(_, given)| *given) {
            let hint = "an objective counts events or holds while a condition does; make two of them";
            self.error(spot.name(key), format!("`{key}` has no meaning with `holds`"), hint);
        }
        if objective.holds.as_ref().is_some_and(|holds| holds.is_empty()) && objective.lasting.is_none() {
            self.error(
                spot.key("holds"),
                "an empty condition always holds, so this is done at once",
                "say what must hold, or for how long with `for: 5m`",
            );
        }
        if objective.lasting.is_some_and(|span| span.ms == 0) {
            self.error(spot.key("for"), "`for` is no time at all", "give a span such as `5m`, or remove it");
        }
    }

    /// `window`, `half_life`, `players`, `everyone` and `minus`: one of them, with `count` or `sum`.
    fn check_modifiers(&mut self, quest: &QuestDef, objective: &ObjectiveDef, spot: Spot<'_>) {
        let given = [
            ("window", objective.window.is_some()),
            ("half_life", objective.half_life.is_some()),
            ("players", objective.players.is_some()),
            ("everyone", objective.everyone),
            ("minus", !objective.minus.is_empty()),
        ];
        let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
        if let [first, second, ..] = given.as_slice() {
            let hint = "what was counted is kept in one way; make two objectives, or keep one of the two";
            self.error(spot.name(second), format!("both `{first}` and `{second}` are given"), hint);
        }
        let other = [objective.distinct, objective.max, objective.min, objective.last, objective.percent];
        let counts =
            other.iter().all(Option::is_none) && objective.streak.is_none() && objective.holds.is_none();
        if !counts {
            for key in &given {
                self.error(
                    spot.name(key),
                    format!("`{key}` goes with `count` and `sum` only"),
                    format!("use one of them, or remove `{key}`"),
                );
            }
        }
        for (key, span) in [("window", objective.window), ("half_life", objective.half_life)] {
            if span.is_some_and(|span| span.ms == 0) {
                self.error(spot.key(key), format!("`{key}` is no time at all"), "give a span such as `30s`");
            }
        }
        let need = objective.need();
        if objective.window.is_some() && need > MOST_IN_WINDOW {
            self.error(
                spot.name("window"),
                format!("a window that has to count up to {need} keeps too much"),
                format!("count at most {MOST_IN_WINDOW} in a window, or use `half_life`"),
            );
        }
        if objective.players == Some(0) {
            self.error(spot.key("players"), "`players: 0` is done before it begins", "give at least 1");
        }
        if objective.worth.is_some() && quest.scope == Scope::Player {
            self.warn(
                spot.name("worth"),
                "a quest of one player has no credit",
                "remove `worth`, or give the quest another scope",
            );
        }
        if objective.players.is_some() && quest.scope == Scope::Player {
            let hint = "give the quest another scope, or remove it";
            self.error(spot.name("players"), "`players` in a quest of one player", hint);
        }
    }

    fn check_streak(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        match (&objective.every, objective.streak) {
            (Some(_), None) => {
                let hint = "write `streak: 7` for seven in a row, or remove it";
                self.error(spot.name("every"), "`every` without `streak` has no effect", hint);
            }
            (None, Some(_)) => {
                let hint = "give `every: {world_day: {}}` or `every: {day: {at: \"04:00\", zone: UTC}}`";
                self.error(spot.name("streak"), "a streak of what", hint);
            }
            _ => {}
        }
        match &objective.every {
            Some(Every::Day { at, zone }) => self.check_local_time(at, zone, spot.key("every").key("day")),
            Some(Every::Week { at, zone, .. }) => {
                self.check_local_time(at, zone, spot.key("every").key("week"));
            }
            _ => {}
        }
    }

    fn check_percent(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        let Some(percent) = objective.percent else { return };
        if percent > 100 {
            self.error(
                spot.key("percent"),
                format!("{percent} percent of a set cannot be done"),
                "give at most 100",
            );
        }
        let Some(target) = &objective.target else {
            let hint = "name the tag of the set: `target: landmark`";
            return self.error(spot.name("percent"), "a percentage of what", hint);
        };
        let definitions = self.definitions;
        let is_one = |name: &String| definitions.entities.contains_key(name) && !self.names.is_tag(name);
        let ones: Vec<&String> = target.as_slice().iter().filter(|name| is_one(name)).collect();
        for name in ones {
            self.error(
                spot.key("target"),
                format!("`{name}` is an entity, and `percent` is of all that carry a tag"),
                "give the entities of the set a tag in entities.yaml and name that, or use `distinct`",
            );
        }
    }

    fn check_latched(&mut self, stage: &StageDef, objective: &ObjectiveDef, spot: Spot<'_>) {
        if objective.latched != Some(false) {
            return;
        }
        if stage.complete.is_sequence() {
            let hint = "remove it; `reset_on` of the stage sets steps back";
            return self.error(spot.name("latched"), "a step of a sequence stays done", hint);
        }
        let falls = objective.holds.is_some()
            || objective.window.is_some()
            || objective.last.is_some()
            || objective.percent.is_some()
            || objective.everyone
            || !objective.minus.is_empty();
        if objective.half_life.is_some() {
            let hint = "remove it; what is to fall again is counted in a `window`";
            self.error(spot.name("latched"), "what decays stays done once it was enough", hint);
        } else if !falls {
            self.error(
                spot.name("latched"),
                "what is counted here never falls, so `latched: false` has no effect",
                "remove it; it goes with `holds`, `window`, `minus`, `last`, `percent` and `everyone`",
            );
        }
    }

    fn check_follows(&mut self, stage: &StageDef, id: &str, objective: &ObjectiveDef, spot: Spot<'_>) {
        let Some(other) = &objective.after else { return };
        if objective.within.is_some()
            && stage.objectives.get(other).is_some_and(|other| !other.since.is_accept())
        {
            let hint =
                "when a lifetime counter got it done is not kept; remove `within`, or name another objective";
            self.error(
                spot.name("within"),
                format!("`within` after `{other}`, which counts over a lifetime"),
                hint,
            );
        }
        let known = || stage.objectives.iter().map(|(name, _)| name).filter(|name| *name != id);
        if other == id {
            let hint = "name another objective of the stage";
            self.error(spot.key("after"), format!("`{id}` comes after itself"), hint);
        } else if stage.objectives.get(other).is_none() {
            let names: Vec<&str> = known().collect();
            let otherwise = format!("it names an objective of the same stage: {}", names.join(", "));
            self.error(
                spot.key("after"),
                format!("unknown objective `{other}`"),
                hint(other, known(), &otherwise),
            );
        }
        if stage.complete.is_sequence() {
            let hint = "a sequence has an order already; remove it, or use `complete: all`";
            self.error(spot.name("after"), "`after` in a sequence", hint);
        }
        if objective.within.is_some_and(|Span { world, .. }| world) {
            self.error(
                spot.key("within"),
                "the time after another objective is real time",
                "write it without `world`",
            );
        }
    }

    fn check_aggregate(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        let given: Vec<(&str, u32)> = [
            ("count", objective.count),
            ("sum", objective.sum),
            ("distinct", objective.distinct),
            ("max", objective.max),
            ("min", objective.min),
            ("last", objective.last),
            ("percent", objective.percent),
            ("streak", objective.streak),
        ]
        .into_iter()
        .filter_map(|(name, need)| need.map(|need| (name, need)))
        .collect();
        if let [(first, _), (second, _), ..] = given.as_slice() {
            let hint =
                "an objective adds up in one way; make two objectives, or keep one of the two".to_owned();
            self.error(spot.name(second), format!("both `{first}` and `{second}` are given"), hint);
        }
        for (name, need) in &given {
            if *need == 0 {
                self.error(
                    spot.key(name),
                    format!("`{name}: 0` is done before it begins"),
                    "give at least 1",
                );
            }
        }
        let Some(of) = &objective.of else { return };
        let (name, _) = given.first().copied().unwrap_or(("count", 1));
        if matches!(name, "count" | "percent" | "streak") {
            self.error(
                spot.key("of"),
                format!("`of` has no meaning for `{name}`"),
                "use `sum`, `distinct`, `max`, `min` or `last` with it, or remove it",
            );
            return;
        }
        let builtin = matches!((of.as_str(), objective.distinct), ("amount", None) | ("target", Some(_)));
        if builtin {
            return;
        }
        if let Some(operand) = self.check_attribute(&objective.event, of, spot.key("of"))
            && operand != Operand::Number
            && objective.distinct.is_none()
        {
            self.error(
                spot.key("of"),
                format!("the attribute `{of}` is not a number"),
                "`sum`, `max`, `min` and `last` need one; `distinct` takes any",
            );
        }
    }
}
