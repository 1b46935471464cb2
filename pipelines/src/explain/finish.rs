//! What keeps a quest from going on, and the least that would finish it.

use worldflow_operators::quests::traced::{Node, ObjectiveNow, StageNow};
use worldflow_schemas::definitions::{Accept, Complete, ObjectiveDef, QuestState, StageDef, TurnIn};

use super::assembled::Parts;
use super::conditions::times;
use super::words::{deed, either};

/// The most tests that are named in a line.
const MOST_UNMET: usize = 3;

/// What keeps it from going on, in a line.
pub(super) fn why(parts: &Parts<'_>) -> String {
    let picture = parts.picture;
    match parts.state() {
        QuestState::Done => match picture.wake {
            Some(wake) => format!("it is done, and can be done again from {} on", parts.moments.at(wake).at),
            None => "it is done".to_owned(),
        },
        QuestState::Ready => "everything is done; it waits to be turned in".to_owned(),
        QuestState::Offered => "it is offered, and waits to be accepted".to_owned(),
        QuestState::Available => match parts.def.accept {
            Accept::Offered => "it is available, and has not been offered".to_owned(),
            Accept::Manual => "it is available, and has not been accepted".to_owned(),
            Accept::Auto => "it is available, and is accepted as soon as the holder is known".to_owned(),
        },
        QuestState::Hidden => closed(parts).into_iter().map(|(why, _)| why).collect::<Vec<_>>().join("; "),
        QuestState::Failed => "it has failed".to_owned(),
        QuestState::Expired => "its time was over".to_owned(),
        QuestState::Abandoned => "it was given up".to_owned(),
        QuestState::Active => active(parts),
    }
}

/// What keeps it from being available, each with what would mend it.
fn closed(parts: &Parts<'_>) -> Vec<(String, Vec<String>)> {
    let picture = parts.picture;
    if !picture.known {
        let step = "the holder is heard of: by any event, or by being somewhere".to_owned();
        return vec![("nothing was ever heard of the holder".to_owned(), vec![step])];
    }
    let mut why: Vec<(String, Vec<String>)> = Vec::new();
    if let Some(requires) = picture.requires.as_ref().filter(|requires| !requires.holds()) {
        let mut unmet = parts.words.unmet(requires);
        let steps = unmet.iter().map(|test| format!("it must hold: {test}")).collect();
        let more = unmet.len().saturating_sub(MOST_UNMET);
        unmet.truncate(MOST_UNMET);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        why.push((format!("it requires {}{more}", unmet.join(" and ")), steps));
    }
    if !picture.unfilled.is_empty() {
        let names: Vec<String> = picture.unfilled.iter().map(|role| format!("`{role}`")).collect();
        let said = format!("nobody is there for the role {}", names.join(" and "));
        why.push((
            said.clone(),
            vec![format!("an entity must be there that fits the role {}", names.join(" and "))],
        ));
    }
    if !picture.taken_by.is_empty() {
        let names: Vec<String> = picture.taken_by.iter().map(ToString::to_string).collect();
        let (group, names) = (parts.def.exclusive_group.as_deref().unwrap_or_default(), names.join(" and "));
        let step = format!("not while {names} of the group `{group}` is open, and not once it is done");
        why.push((format!("of the group `{group}` there is {names} already"), vec![step]));
    }
    if !picture.is_dated {
        let said = match (&parts.def.pool, &parts.def.window) {
            (Some(pool), None) => format!("pool `{pool}` does not offer it now"),
            (Some(pool), Some(_)) => {
                format!("its window is not open, or pool `{pool}` does not offer it now")
            }
            _ => "its window of the calendar is not open".to_owned(),
        };
        why.push((said.clone(), vec![format!("wait: {said}")]));
    }
    if why.is_empty() {
        why.push(("it becomes available in the next tick".to_owned(), Vec::new()));
    }
    why
}

fn active(parts: &Parts<'_>) -> String {
    let Some(open) = &parts.picture.open else { return "it opens in the next tick".to_owned() };
    let Some(stage) = parts.def.stages.get(open.stage.as_str()) else { return String::new() };
    let needed: Vec<&str> =
        needed(stage, open).iter().flat_map(|way| &way.objectives).map(|(id, _)| *id).collect();
    let open_ones: Vec<String> = (open.objectives.iter())
        .filter(|now| needed.contains(&now.objective.as_str()))
        .map(|now| format!("`{}` {}/{}", now.objective, now.value, now.need))
        .collect();
    if open_ones.is_empty() {
        return format!("stage `{}` is done; the next opens in the next tick", open.stage);
    }
    format!("stage `{}` is open: {}", open.stage, open_ones.join(", "))
}

/// One way to complete a stage: so many of these objectives, none of which is done.
pub(super) struct Way<'a> {
    pub(super) branch: Option<&'a str>,
    /// How many; `None`: all.
    pub(super) of: Option<usize>,
    pub(super) objectives: Vec<(&'a str, &'a ObjectiveDef)>,
}

/// What is still needed of a stage, by each branch. `done` knows of objectives that are open whether they are done.
pub(super) fn ways(stage: &StageDef, done: impl Fn(&str) -> Option<bool>) -> Vec<Way<'_>> {
    let mut branches: Vec<Option<&str>> = Vec::new();
    for (_, objective) in stage.objectives.iter() {
        let branch = objective.branch.as_deref();
        if branch.is_some() && !branches.contains(&branch) {
            branches.push(branch);
        }
    }
    if branches.is_empty() {
        branches.push(None);
    }
    branches.into_iter().map(|branch| way(stage, &done, branch)).collect()
}

fn way<'a>(stage: &'a StageDef, done: &impl Fn(&str) -> Option<bool>, branch: Option<&'a str>) -> Way<'a> {
    let counts =
        |def: &ObjectiveDef| !def.optional && (def.branch.is_none() || def.branch.as_deref() == branch);
    let all = stage.objectives.iter().filter(|(_, def)| counts(def));
    let known = all.filter_map(|(id, def)| Some((id, def, done(id)?)));
    let (finished, open): (Vec<_>, Vec<_>) = known.partition(|(_, _, done)| *done);
    let objectives: Vec<(&str, &ObjectiveDef)> = open.into_iter().map(|(id, def, _)| (id, def)).collect();
    let least = match stage.complete {
        Complete::Any => Some(1),
        Complete::AtLeast(least) => usize::try_from(least).ok(),
        Complete::All | Complete::Sequence | Complete::StrictSequence => None,
    };
    let of = least.map(|least| least.saturating_sub(finished.len()));
    if of == Some(0) {
        return Way { branch, of, objectives: Vec::new() };
    }
    // Where nothing less would do, it is all of them.
    let of = of.filter(|of| *of < objectives.len());
    Way { branch, of, objectives }
}

fn needed<'a>(stage: &'a StageDef, open: &StageNow) -> Vec<Way<'a>> {
    ways(stage, |id| now_of(open, id).map(|now| now.done))
}

fn now_of<'a>(open: &'a StageNow, id: &str) -> Option<&'a ObjectiveNow> {
    open.objectives.iter().find(|now| now.objective.as_str() == id)
}

/// The least that would finish it, in its order.
pub(super) fn steps(parts: &Parts<'_>) -> Vec<String> {
    let accept = match parts.def.accept {
        Accept::Manual => vec!["accept it (`quest.accept`)".to_owned()],
        Accept::Offered => vec![
            "a game server offers it (`quest.offer`)".to_owned(),
            "accept it (`quest.accept`)".to_owned(),
        ],
        Accept::Auto => Vec::new(),
    };
    let mut steps = match parts.state() {
        QuestState::Done => return Vec::new(),
        QuestState::Hidden => {
            let mut steps: Vec<String> = closed(parts).into_iter().flat_map(|(_, steps)| steps).collect();
            steps.extend(accept);
            steps
        }
        QuestState::Available => accept,
        QuestState::Offered => vec!["accept it (`quest.accept`)".to_owned()],
        QuestState::Failed | QuestState::Expired | QuestState::Abandoned => match parts.def.accept {
            // It is not accepted again by itself.
            Accept::Auto => vec!["accept it again (`quest.accept`)".to_owned()],
            _ => accept,
        },
        QuestState::Active => parts.picture.open.as_ref().map(|open| now(parts, open)).unwrap_or_default(),
        QuestState::Ready => Vec::new(),
    };
    if parts.state() != QuestState::Ready {
        steps.extend(later(parts));
    }
    if parts.def.turn_in == TurnIn::Manual {
        steps.push("turn it in (`quest.turn_in`)".to_owned());
    }
    steps
}

/// What is left of the open stage.
fn now(parts: &Parts<'_>, open: &StageNow) -> Vec<String> {
    let Some(stage) = parts.def.stages.get(open.stage.as_str()) else { return Vec::new() };
    let ways = needed(stage, open);
    let mut steps = match ways.as_slice() {
        // One is done.
        _ if ways.iter().any(|way| way.objectives.is_empty()) => Vec::new(),
        [only] => of_way(parts, open, only),
        many => {
            let said = many.iter().map(|way| {
                let branch = way.branch.unwrap_or_default();
                format!("by branch `{branch}`: {}", of_way(parts, open, way).join("; then "))
            });
            vec![said.collect::<Vec<_>>().join("; or ")]
        }
    };
    let rounds = stage.times.saturating_sub(open.round);
    if rounds > 0 {
        steps.push(format!("stage `{}` {} more", open.stage, times(rounds)));
    }
    steps
}

fn of_way(parts: &Parts<'_>, open: &StageNow, way: &Way<'_>) -> Vec<String> {
    let objectives = way.objectives.iter();
    let nows = objectives.filter_map(|(id, def)| Some((*id, *def, now_of(open, id)?)));
    let said: Vec<String> = nows.map(|(id, def, now)| said(parts, id, def, now, &way.objectives)).collect();
    match way.of {
        Some(of) => vec![format!("any {of} of: {}", said.join("; "))],
        None => said,
    }
}

/// What one objective needs, and what keeps it from counting now.
fn said(
    parts: &Parts<'_>,
    id: &str,
    def: &ObjectiveDef,
    now: &ObjectiveNow,
    all: &[(&str, &ObjectiveDef)],
) -> String {
    let mut text = format!("`{id}`: {}", deed(def, now.value, now.need));
    let open = all.iter().map(|(id, _)| *id);
    let first: Vec<String> = if now.hidden {
        def.hidden_until.iter().map(|id| format!("`{id}`")).collect()
    } else {
        let after = def.after.iter().filter(|after| open.clone().any(|id| id == after.as_str()));
        after.map(|id| format!("`{id}`")).collect()
    };
    if !first.is_empty() {
        text.push_str(&format!(", after {}", first.join(" and ")));
    }
    let gate: Option<&Node> = now.when.as_ref().or(now.holds.as_ref()).filter(|node| !node.holds());
    if let Some(gate) = gate {
        text.push_str(&format!(" [not now: {}]", parts.words.unmet(gate).join(" and ")));
    }
    text
}

/// The stages after the open one.
fn later(parts: &Parts<'_>) -> Vec<String> {
    let open = parts.picture.open.as_ref().and_then(|open| parts.place_of(open));
    let first = open.map_or(0, |place| place + 1);
    parts.def.stages.iter().skip(first).map(|(id, stage)| whole(id, stage)).collect()
}

/// A stage of which nothing has been done.
fn whole(id: &str, stage: &StageDef) -> String {
    let objectives = stage.objectives.iter().filter(|(_, def)| !def.optional);
    let deeds: Vec<String> = objectives
        .map(|(_, def)| {
            let branch =
                def.branch.as_ref().map(|branch| format!(" (branch `{branch}`)")).unwrap_or_default();
            format!("{}{branch}", deed(def, 0, def.need()))
        })
        .collect();
    let least = match stage.complete {
        Complete::Any => "any 1 of: ".to_owned(),
        Complete::AtLeast(least) => format!("any {least} of: "),
        _ => String::new(),
    };
    let mut text = format!("then stage `{id}`: {least}{}", deeds.join("; "));
    if stage.times > 1 {
        text.push_str(&format!(", {}", times(stage.times)));
    }
    if !stage.after.is_empty() {
        let ways: Vec<String> = stage
            .after
            .iter()
            .map(|(stage, branch)| format!("stage `{stage}` by branch `{branch}`"))
            .collect();
        text.push_str(&format!(" (only after {})", either(&ways)));
    }
    text
}
