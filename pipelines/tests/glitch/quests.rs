//! The 247 quests of players.
//!
//! A quest is offered by the game, accepted by the player, and turned in: to the familiar, or to one of the NPCs in
//! `end_npcs`. What it asks for is one stage whose requirements are open together.

use super::data::Object;
use super::rewards;
use super::tally::{Judged, Tally, Verdict};
use super::world::World;
use super::yaml::{Yaml, map};

const ASKED: &str = "Requirements of players' quests";
const NEEDED: &str = "Conditions";
const COURSE: &str = "Lifecycle";

const IN_CODE: &str =
    "the data has no requirement, the game's own code was the rule: its conclusion comes as an event";
const MAY_NOT_APPLY: &str =
    "whether the requirement applies to a player was decided by code: an event says that it does not";
const CONDITION_IN_CODE: &str = "the condition was code: the game says by an event that it holds";

/// Puts a quest into worldflow's words.
pub(crate) fn convert(world: &mut World, tally: &mut Tally, quest: &Object<'_>) {
    let id = quest.id("id");
    let text = world.entity("object", "quest.", id);
    let mut judged = Judged::new(tally, id, "player quests");
    // Two that were only tried out have no title.
    let mut def = map([("title", quest.text("title").unwrap_or(id).into())]);
    if let Some(desc) = quest.text("desc").filter(|desc| !desc.is_empty()) {
        world.property(&text, "desc", desc);
    }
    def.put("accept", "offered");
    let requires = requires(world, &mut judged, quest, &text);
    if !requires.is_empty() {
        def.put("requires", requires);
    }
    if quest.flag("repeatable") {
        def.put("repeat", map([("always", Yaml::new())]));
        judged.row(COURSE, "repeatable", "`repeat: {always: {}}`", Verdict::Exact);
    }
    if quest.flag("multiplayer") {
        let written =
            "`accept: offered`: the game offers it where others are, and each holds it for themselves";
        judged.row(COURSE, "multiplayer", written, Verdict::Exact);
    }
    let npcs: Vec<String> =
        quest.texts("end_npcs").into_iter().map(|npc| world.entity("npc", "", npc)).collect();
    assert!(!quest.flag("auto_complete"), "{id} completes by itself, which none did");
    let asked = objectives(world, &mut judged, quest, &text);
    let mut objectives = asked.objectives;
    if asked.held.is_empty() {
        if npcs.is_empty() {
            def.put("turn_in", "manual");
            judged.row(COURSE, "turned in to the familiar", "`turn_in: manual`", Verdict::Exact);
        } else {
            def.put("turn_in", map([("npc", npcs.into())]));
            judged.row(COURSE, "turned in to an NPC", "`turn_in: {npc: [street_spirit]}`", Verdict::Exact);
        }
    } else {
        objectives.push(("report".to_owned(), report(world, npcs, &objectives, &asked.held)));
        let written =
            "`report: {event: report, target: npc_taskmaster, when: {facts: {held_apple: {at_least: 5}}}}`";
        judged.row(COURSE, "turned in while the items are still held", written, Verdict::Exact);
    }
    def.put("stages", map([("all", map([("objectives", Yaml::Map(objectives))]))]));
    if let Some(given) = quest.object("rewards") {
        let given = rewards::of(&given, &mut judged);
        if !given.is_empty() {
            def.put("rewards", given);
        }
    }
    if !asked.taken.is_empty() {
        def.put("effects", Yaml::List(asked.taken));
    }
    judged.finish();
    world.quests.push((id.to_owned(), def));
}

fn requires(world: &mut World, judged: &mut Judged<'_>, quest: &Object<'_>, text: &str) -> Yaml {
    let mut all = Vec::new();
    for prerequisite in quest.texts("prereq_quests") {
        judged.row(
            NEEDED,
            "a quest is done (`prereq_quests`)",
            "`{quests: {snappy_explorer: done}}`",
            Verdict::Exact,
        );
        all.push(map([("quests", map([(prerequisite, "done".into())]))]));
    }
    for (_, condition) in quest.objects("prerequisites") {
        let not = condition.flag("not");
        let kind = condition.id("condition");
        let one = match kind {
            "over_level" => {
                judged.row(
                    NEEDED,
                    "`over_level`",
                    "`{facts: {game_level: {at_least: 6}}}`: the game has its own levels",
                    Verdict::Exact,
                );
                at_least(world.level(), condition.number("value").expect("a level"))
            }
            "over_favor" => {
                judged.row(
                    NEEDED,
                    "`over_favor`",
                    "`{facts: {favor_giant_humbaba: {at_least: 0}}}`",
                    Verdict::Exact,
                );
                let (giant, points) = condition.id("value").split_once('|').expect("giant and points");
                at_least(world.favor(giant), points.parse().expect("points"))
            }
            "has_skill" => {
                judged.row(NEEDED, "`has_skill`", "`{facts: {skill_mining_2: true}}`", Verdict::Exact);
                fact(world.skill(condition.id("value")), true.into())
            }
            "has_achievement" => {
                judged.row(NEEDED, "`has_achievement`", "`{quests: {badge_wanderer: done}}`", Verdict::Exact);
                map([("quests", map([(&format!("badge_{}", condition.id("value")), "done".into())]))])
            }
            "completed_quest" => {
                judged.row(
                    NEEDED,
                    "`completed_quest`",
                    "`{quests: {mental_block: done}}`, where `not` is 1 in `{not: …}`",
                    Verdict::Exact,
                );
                map([("quests", map([(condition.id("value"), "done".into())]))])
            }
            "custom_code" => {
                condition.id("value");
                judged.row(
                    NEEDED,
                    "`custom_code`",
                    "`{facts: {allowed_quest.le_miserable: true}}`",
                    Verdict::Nearly(CONDITION_IN_CODE),
                );
                fact(world.allowed(text), true.into())
            }
            other => panic!("{text}: the condition {other} is unknown"),
        };
        all.push(if not { map([("not", one)]) } else { one });
    }
    match all.len() {
        0 => Yaml::new(),
        1 => all.remove(0),
        _ => map([("all", Yaml::List(all))]),
    }
}

pub(crate) fn fact(name: String, is: Yaml) -> Yaml {
    map([("facts", map([(&name, is)]))])
}

pub(crate) fn at_least(name: String, least: i64) -> Yaml {
    fact(name, map([("at_least", least.into())]))
}

/// What a quest asks for.
struct Asked {
    objectives: Vec<(String, Yaml)>,
    /// Facts that have to hold as it is turned in, and by how much.
    held: Vec<(String, i64)>,
    /// Effects that take items away.
    taken: Vec<Yaml>,
}

fn objectives(world: &mut World, judged: &mut Judged<'_>, quest: &Object<'_>, text: &str) -> Asked {
    let mut asked = Asked { objectives: Vec::new(), held: Vec::new(), taken: Vec::new() };
    for (_, requirement) in quest.objects("requirements") {
        let id = requirement.id("id").to_owned();
        let mut objective = map([("title", requirement.id("desc").into())]);
        if let Some(icon) = requirement.text("class_id") {
            world.property(text, &format!("{id}.icon"), icon);
        }
        if requirement.flag("no_delay") {
            world.property(text, &format!("{id}.no_delay"), true);
        }
        let applies = requirement.flag("apply_test").then(|| format!("{text}.{id}"));
        let mut verdict = Verdict::Exact;
        if let Some(waiver) = &applies {
            world.entity("object", "", waiver);
            verdict = Verdict::Nearly(MAY_NOT_APPLY);
        }
        match requirement.id("type") {
            "flag" => one(world, judged, &mut objective, &requirement, applies.as_deref(), verdict),
            "counter" => {
                objective.put("event", "counter");
                objective.put("target", world.entity("object", "", requirement.id("name")));
                objective.put("count", requirement.number("num").expect("a counter has a number"));
                judged.row(ASKED, "counter", "`{event: counter, target: trees_watered, count: 5}`", verdict);
            }
            "make" => {
                objective.put("event", "make");
                let recipe = requirement.number("recipe_id").expect("what is made has a recipe");
                objective.put("target", world.entity("object", "recipe_", &recipe.to_string()));
                objective.put("count", requirement.number("num").expect("so many are made"));
                judged.row(ASKED, "make", "`{event: make, target: recipe_146, count: 1}`", verdict);
            }
            "item" => {
                let item = requirement.id("class_id");
                let held = world.held(item);
                let num = requirement.number("num").expect("so many are held");
                let holds = at_least(held.clone(), num);
                if let Some(waiver) = &applies {
                    let waived = fact(world.allowed(waiver), true.into());
                    objective.put("holds", map([("any", vec![holds, waived].into())]));
                } else {
                    objective.put("holds", holds);
                    asked.held.push((held.clone(), num));
                }
                judged.row(
                    ASKED,
                    "item",
                    "`{holds: {facts: {held_apple: {at_least: 5}}}}`; a fact knows what was held before, too",
                    verdict,
                );
                if requirement.flag("remove") {
                    let add = map([("fact", held.into()), ("by", (-num).into())]);
                    asked.taken.push(map([("add", add)]));
                    judged.row(
                        ASKED,
                        "item that is taken (`remove`)",
                        "`effects: [{add: {fact: held_apple, by: -5}}]`",
                        Verdict::Exact,
                    );
                }
            }
            other => panic!("{text}: a requirement of the unknown type {other}"),
        }
        asked.objectives.push((id, objective));
    }
    if asked.objectives.is_empty() {
        let conclude = map([("event", "conclude".into()), ("target", text.into())]);
        asked.objectives.push(("code".to_owned(), conclude));
        judged.row(
            ASKED,
            "none: the rule was code",
            "`{event: conclude, target: quest.say_cheese}`",
            Verdict::Nearly(IN_CODE),
        );
    }
    asked
}

/// A flag: an event, or an item that is held.
fn one(
    world: &mut World,
    judged: &mut Judged<'_>,
    objective: &mut Yaml,
    requirement: &Object<'_>,
    applies: Option<&str>,
    verdict: Verdict,
) {
    let name = requirement.id("name");
    if let Some(item) = name.strip_prefix("acquired_") {
        objective.put("holds", at_least(world.held(item), 1));
        objective.put("latched", true);
        let written = "`{holds: {facts: {held_purple_flower: {at_least: 1}}}, latched: true}`";
        judged.row(ASKED, "flag `acquired_…`", written, verdict);
        return;
    }
    let flag = world.entity("object", "", name);
    objective.put("event", "flag");
    match applies {
        Some(waiver) => objective.put("target", vec![flag, waiver.to_owned()]),
        None => objective.put("target", flag),
    }
    judged.row(ASKED, "flag", "`{event: flag, target: leave}`", verdict);
}

/// The report with which a quest is done that asks for items: once all else is done, and while they are held.
fn report(world: &mut World, npcs: Vec<String>, others: &[(String, Yaml)], held: &[(String, i64)]) -> Yaml {
    let to = if npcs.is_empty() { vec![world.entity("npc", "", "familiar")] } else { npcs };
    let facts = held.iter().map(|(fact, num)| (fact.clone(), map([("at_least", (*num).into())])));
    let others: Vec<String> = others.iter().map(|(id, _)| id.clone()).collect();
    map([
        ("title", "Tell that it is done".into()),
        ("event", "report".into()),
        ("target", to.into()),
        ("when", map([("facts", Yaml::Map(facts.collect()))])),
        ("hidden_until", others.into()),
    ])
}
