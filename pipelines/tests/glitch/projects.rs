//! The 200 projects that players work on together.
//!
//! `bucket_id` names columns that are open side by side; in each, what has the next `group_id` opens when all of the
//! one before is done. So the game's server did it (`getCurrentReqGroup` in its `quests/quest.js`).

use std::collections::BTreeSet;

use super::data::Object;
use super::quests::fact;
use super::rewards::{self, To};
use super::tally::{Judged, Tally, Verdict};
use super::world::World;
use super::yaml::{Yaml, map};

const ASKED: &str = "Requirements of projects";
const COURSE: &str = "Lifecycle";
const TIES: &str =
    "players with the same credit share a rank, where the game left out whom its sorting put last";

/// A requirement, and what has to be known of it beside the others.
struct Asked {
    id: String,
    objective: Yaml,
    bucket: String,
    group: i64,
}

/// Puts a project into worldflow's words.
pub(crate) fn convert(world: &mut World, tally: &mut Tally, project: &Object<'_>) {
    let id = project.id("id");
    let text = world.entity("object", "quest.", id);
    let mut judged = Judged::new(tally, id, "projects");
    let mut def = map([("title", project.id("title").into())]);
    world.property(&text, "desc", project.id("desc"));
    let mut stages = Vec::new();
    let days = project.number("duration_days").expect("a project says how long it may last");
    if project.flag("claimable") {
        def.put("scope", "guild");
        judged.row(
            COURSE,
            "claimed by a group",
            "`scope: guild`: accepted by the member who pays for it",
            Verdict::Exact,
        );
        if days > 0 {
            def.put("deadline", format!("{days}d"));
            let written = "`deadline: 180d`; the claim is accepted and paid in one tick";
            judged.row(COURSE, "so many days from the claim", written, Verdict::Exact);
        }
        stages.push(("claim".to_owned(), claim(world, &mut judged, project, &text)));
    } else {
        def.put("scope", "region");
        judged.row(
            COURSE,
            "a project of a street",
            "`scope: region`: accepted when the game begins it there",
            Verdict::Exact,
        );
        if days > 0 {
            let written = "no key: only a claim sets the time running, and it cannot be claimed";
            judged.row(COURSE, "so many days, but no claim", written, Verdict::Exact);
        }
    }
    assert!(!project.flag("repeatable") && !project.flag("multiplayer") && !project.flag("auto_complete"));
    assert!(project.texts("end_npcs").is_empty() && project.texts("prereq_quests").is_empty());
    assert!(project.objects("prerequisites").is_empty(), "{id} has prerequisites, which none had");
    let asked = project.objects("requirements").into_iter();
    let asked =
        asked.map(|(_, requirement)| requirement_of(world, &mut judged, &requirement, &text)).collect();
    stages.push(("work".to_owned(), map([("objectives", Yaml::Map(opened(asked, &mut judged)))])));
    def.put("stages", Yaml::Map(stages));
    let given = rewards_of(project, &mut judged);
    if !given.is_empty() {
        def.put("rewards", given);
    }
    judged.finish();
    world.projects.push((id.to_owned(), def));
}

/// What is paid to claim a project.
fn claim(world: &mut World, judged: &mut Judged<'_>, project: &Object<'_>, text: &str) -> Yaml {
    let required = project.objects("claim_reqs").into_iter().map(|(id, requirement)| {
        assert_eq!(requirement.id("type"), "currants", "{text}: a claim is paid in currants");
        assert_eq!(requirement.number("base_cost"), Some(0), "{text}: a claim is no contribution");
        world.property(text, &format!("{id}.place"), place(&requirement));
        judged.row(
            ASKED,
            "currants for a claim",
            "`{event: pay, where: {project: …, step: r1}, count: 10000, worth: 0}` in a stage before",
            Verdict::Exact,
        );
        let num = requirement.number("num").expect("a price");
        let title = requirement.id("desc").into();
        let whose = map([("project", text.into()), ("step", id.as_str().into())]);
        let pay = map([("title", title), ("event", "pay".into()), ("where", whose)]);
        let pay = pay.with("count", num).with("worth", 0);
        (id, pay)
    });
    let objectives: Vec<(String, Yaml)> = required.collect();
    map([("objectives", Yaml::Map(objectives))])
}

fn place(requirement: &Object<'_>) -> String {
    format!("{}.{}", requirement.id("bucket_id"), requirement.id("group_id"))
}

fn requirement_of(world: &mut World, judged: &mut Judged<'_>, requirement: &Object<'_>, text: &str) -> Asked {
    let id = requirement.id("id").to_owned();
    let kind = requirement.id("type").to_owned();
    let mut objective = map([("title", requirement.id("desc").into())]);
    let num = requirement.number("num").expect("a project needs so much");
    match kind.as_str() {
        "item" => {
            let item = world.entity("object", "", requirement.id("class_id"));
            objective.put("event", "give");
            objective.put("target", item.as_str());
            judged.row(
                ASKED,
                "item",
                "`{event: give, target: earth, where: {project: …, step: r1}, count: 150, worth: 3}`",
                Verdict::Exact,
            );
        }
        "currants" => {
            objective.put("event", "pay");
            judged.row(
                ASKED,
                "currants",
                "`{event: pay, where: {project: …, step: r1}, count: 2500}`",
                Verdict::Exact,
            );
        }
        "work" => work(world, judged, &mut objective, (requirement, &id), text),
        other => panic!("{text}: a requirement of the unknown type {other}"),
    }
    // Several may take the same thing: what is given says to which it goes.
    objective.put("where", map([("project", text.into()), ("step", id.as_str().into())]));
    objective.put("count", num);
    let cost = requirement.number("base_cost").expect("a contribution is worth something");
    if cost != 1 {
        objective.put("worth", cost);
    }
    let bucket = requirement.id("bucket_id").to_owned();
    let group = requirement.number("group_id").expect("a group");
    Asked { id, objective, bucket, group }
}

/// A unit of work: with one of some tools, by a player who has the skill.
fn work(
    world: &mut World,
    judged: &mut Judged<'_>,
    objective: &mut Yaml,
    (requirement, id): (&Object<'_>, &str),
    text: &str,
) {
    let tools = requirement.texts("class_ids");
    let tools: BTreeSet<String> = tools.into_iter().map(|tool| world.entity("object", "", tool)).collect();
    objective.put("event", "work");
    objective.put("target", tools.into_iter().collect::<Vec<_>>());
    let skill = requirement.id("skill");
    if skill.is_empty() {
        judged.row(
            ASKED,
            "work",
            "`{event: work, target: [hoe], where: {project: …, step: r1}, count: 148}`",
            Verdict::Exact,
        );
    } else {
        objective.put("when", fact(world.skill(skill), true.into()));
        let written = "`{event: work, target: [pick], where: {project: …, step: r1}, count: 98, when: {facts: {skill_mining_4: true}}}`";
        judged.row(ASKED, "work that needs a skill", written, Verdict::Exact);
    }
    for name in ["energy", "wear"] {
        world.property(
            text,
            &format!("{id}.{name}"),
            requirement.number(name).expect("work costs something"),
        );
    }
    for (name, value) in ["class_id", "verb_name", "verb_past"].map(|name| (name, requirement.text(name))) {
        if let Some(value) = value {
            world.property(text, &format!("{id}.{name}"), value);
        }
    }
}

/// The objectives of a project, hidden until the group before in the same bucket is done.
fn opened(asked: Vec<Asked>, judged: &mut Judged<'_>) -> Vec<(String, Yaml)> {
    let mut all = Vec::new();
    for one in &asked {
        let before = |other: &&Asked| other.bucket == one.bucket && other.group == one.group - 1;
        let until: Vec<&str> = asked.iter().filter(before).map(|other| other.id.as_str()).collect();
        if !until.is_empty() {
            let written = "`hidden_until: [r1021, r1022, r1023]`, open from the next tick on";
            judged.row(ASKED, "the next group of a bucket (`group_id`)", written, Verdict::Exact);
        }
        let mut objective = one.objective.clone();
        if !until.is_empty() {
            objective.put("hidden_until", until);
        }
        all.push((one.id.clone(), objective));
    }
    all
}

/// What everyone gets who contributed, and what the best get beside it.
fn rewards_of(project: &Object<'_>, judged: &mut Judged<'_>) -> Yaml {
    let given = project.object("rewards").expect("a project has rewards");
    let mut all = rewards::of(&given, judged);
    let percent = project.number("performance_percent").unwrap_or(0);
    let cutoff = project.number("performance_cutoff").unwrap_or(0);
    let best_of_none = percent == 0 && cutoff == 0;
    let best = project.object("performance_rewards").expect("a project says what the best get");
    let to = if percent > 0 {
        map([("top", map([("percent", percent.into())]))])
    } else {
        map([("top", map([("through", cutoff.into())]))])
    };
    let to = To {
        prefix: "best_",
        to: Some(to.clone()),
        verdict: if best_of_none { Verdict::Exact } else { Verdict::Nearly(TIES) },
    };
    let mut slots = rewards::slots(&best, &to, judged);
    if let Some(xp) = best.number("xp") {
        let slot = map([("item", "experience".into()), ("amount", xp.into())]);
        slots.push(("best_xp".to_owned(), slot.with("to", to.to.clone().expect("it is for the best"))));
        judged.row(
            "Rewards",
            "xp of the best",
            "`{item: experience, amount: 50, to: {top: {through: 5}}}`",
            to.verdict,
        );
    }
    if slots.is_empty() {
        return all;
    }
    if best_of_none {
        // Nobody is among the best none, so nothing was given.
        for _ in &slots {
            let written = "no slot: nobody is among the best 0";
            judged.row("Rewards", "of the best 0", written, Verdict::Exact);
        }
        return all;
    }
    let name = if percent > 0 { "the best so many in a hundred" } else { "the best so many" };
    let written = if percent > 0 { "`to: {top: {percent: 5}}`" } else { "`to: {top: {through: 5}}`" };
    judged.row("Rewards", name, written, to.verdict);
    let Yaml::Map(entries) = &mut all else { unreachable!("rewards are a map") };
    match entries.iter_mut().find(|(key, _)| key == "slots") {
        Some((_, Yaml::Map(known))) => known.extend(slots),
        _ => entries.push(("slots".to_owned(), Yaml::Map(slots))),
    }
    all
}
