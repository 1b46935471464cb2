//! The 665 achievements: quests that everyone has from the beginning, and that say themselves when they are done.

use super::data::Object;
use super::quests::at_least;
use super::rewards;
use super::tally::{Judged, Tally, Verdict};
use super::world::World;
use super::yaml::{Yaml, map};

const ASKED: &str = "Conditions of achievements";
const IN_CODE: &str =
    "the data has no condition, the game's own code was the rule: its conclusion comes as an event";

/// Puts an achievement into worldflow's words.
pub(crate) fn convert(world: &mut World, tally: &mut Tally, badge: &Object<'_>) {
    let id = badge.id("id");
    let text = world.entity("object", "badge.", id);
    let mut judged = Judged::new(tally, &format!("badge_{id}"), "achievements");
    let mut def = map([("title", badge.text("name").unwrap_or(id).into()), ("accept", "auto".into())]);
    for name in ["desc", "category"] {
        if let Some(value) = badge.text(name) {
            world.property(&text, name, value);
        }
    }
    world.property(&text, "secret", badge.flag("secret"));
    let mut objectives = Vec::new();
    for (_, condition) in badge.objects("conditions") {
        let name = format!("c{}", condition.number("id").expect("a condition has an id"));
        objectives.push((name, objective(world, &mut judged, &condition)));
    }
    if objectives.is_empty() {
        let conclude = map([("event", "conclude".into()), ("target", text.into())]);
        objectives.push(("code".to_owned(), conclude));
        judged.row(
            ASKED,
            "none: the rule was code",
            "`{event: conclude, target: badge.hi_flyer}`",
            Verdict::Nearly(IN_CODE),
        );
    }
    def.put("stages", map([("all", map([("objectives", Yaml::Map(objectives))]))]));
    if let Some(given) = badge.object("rewards") {
        let given = rewards::of(&given, &mut judged);
        if !given.is_empty() {
            def.put("rewards", given);
        }
    }
    judged.finish();
    world.badges.push((format!("badge_{id}"), def));
}

fn objective(world: &mut World, judged: &mut Judged<'_>, condition: &Object<'_>) -> Yaml {
    let value = condition.number("value").expect("a condition has a value");
    let kind = condition.id("type");
    if kind == "has_currants" {
        judged.row(
            ASKED,
            "`has_currants`",
            "`{holds: {facts: {currants: {at_least: 5011}}}}`",
            Verdict::Exact,
        );
        return map([("holds", at_least(world.currants(), value))]);
    }
    let group = condition.id("group");
    if (kind, group) == ("counter", "in_inventory") {
        let written = "`{holds: {facts: {held_apple: {at_least: 1}}}}`: all of them at once";
        judged.row(ASKED, "`counter` of what is held (`in_inventory`)", written, Verdict::Exact);
        return map([("holds", at_least(world.held(condition.id("label")), value))]);
    }
    let target = world.entity("object", "stat_", group);
    let mut pattern = map([("event", "stat".into()), ("target", target.as_str().into())]);
    match kind {
        "counter" => {
            let label = condition.id("label");
            pattern.put("where", map([("label", label.into())]));
            let written = "`{event: stat, target: stat_animals_grown, where: {label: piglet}, count: 23, since: ever, lifetime: …}`";
            judged.row(ASKED, "`counter`", written, Verdict::Exact);
            let counter = world.id("", &format!("{target}.{label}"));
            counted(world, pattern, counter, value)
        }
        "group_sum" => {
            let written = "`{event: stat, target: stat_meals_eaten, count: 101, since: ever, lifetime: …}`";
            judged.row(ASKED, "`group_sum`", written, Verdict::Exact);
            counted(world, pattern, target, value)
        }
        "group_count" => {
            let written = "`{event: stat, target: stat_talked_to, distinct: 11, of: label}`; everyone has it from their first event on";
            judged.row(ASKED, "`group_count`", written, Verdict::Exact);
            pattern.with("distinct", value).with("of", "label")
        }
        other => panic!("a condition of the unknown type {other}"),
    }
}

/// What a counter has that goes on from the first event.
fn counted(world: &mut World, pattern: Yaml, counter: String, value: i64) -> Yaml {
    let counter = world.ever(counter, pattern.clone());
    pattern.with("count", value).with("since", "ever").with("lifetime", counter)
}
