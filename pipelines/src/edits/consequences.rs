//! What would come of an edit: two copies of a realm, one with the edit and one without, run until nothing more is
//! concluded, and compared.
//!
//! Nothing is estimated, and nothing of it touches the realm: the copies are rebuilt from its data folder, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, fork};
use worldflow_engine::runtime::{CloseError, OpenError};
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::definitions::{Effect, ObjectiveDef, QuestDef};
use worldflow_schemas::input::{DefinitionEdit, Revise, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Command, EventId, Input, Sym, Tick, Value, catalog};

use super::arcs::{OfArc, arcs};
use super::standing::{Key, Moved, Progress, Stands, moved, progress, stands, was_objective, was_stage};
use super::{Change, Difference};
use crate::columns::Columns;
use crate::graph::graphs;
use crate::world::LoadedWorld;

/// The most ticks in which what is concluded may lead to something more.
pub const FORESEEN_TICKS: u64 = 64;

/// What would come of an edit.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Consequences {
    /// The tick of the realm that it was foreseen from.
    pub tick: Tick,
    /// The revision that the realm was at then.
    #[serde(default)]
    pub revision: u64,
    /// How many ticks it would take until nothing more is concluded; [`FORESEEN_TICKS`] when there was still something.
    pub ticks: u64,
    /// Each quest for which something would come of it.
    pub quests: BTreeMap<String, OfQuest>,
    /// Each arc for which something would come of it, or that is edited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arcs: BTreeMap<String, OfArc>,
    /// Counters that would begin again.
    pub restarts: Vec<Restart>,
    /// Grants.
    pub grants: Grants,
}

/// What would come of it for the holders of a quest: how many.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OfQuest {
    /// They would complete it.
    pub complete: u64,
    /// They would be further: a later stage, ready, or with more objectives done.
    pub advance: u64,
    /// They would be less far: an earlier stage, fewer objectives done, or a counter that begins again.
    pub regress: u64,
    /// They would have it, as available or open.
    pub gain: u64,
    /// They would have it no longer, as available or open.
    pub lose: u64,
    /// They have completed it, and whatever is edited or undone, that stays.
    pub completed: u64,
    /// The facts that its effects name, before the edit or after it, as they are: what was done to them stays too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FactNow>,
}

/// A fact that is not at its default.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FactNow {
    /// Which.
    pub fact: String,
    /// Whose: a scope.
    pub scope: String,
    /// Of how many holders.
    pub holders: u64,
    /// Its value, if it is the realm's: what is a player's is nobody else's business.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<serde_json::Value>,
}

/// A counter that would begin again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Restart {
    /// Of which quest, by its former id.
    pub quest: String,
    /// Of which stage.
    pub stage: String,
    /// Of which objective.
    pub objective: String,
    /// Why.
    pub why: String,
    /// How many holders have counted something.
    pub holders: u64,
}

/// Grants: how many, by quest and item.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Grants {
    /// They would be written, and offered to game servers.
    pub paid: Vec<Counted>,
    /// They would be gone. A grant is never taken back, so there are none.
    pub revoked: Vec<Counted>,
    /// They are there, of the quests that are edited, and stay.
    pub kept: Vec<Counted>,
}

/// Some grants of one item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// For which quest.
    pub quest: String,
    /// What.
    pub item: String,
    /// How many grants.
    pub grants: u64,
    /// How much in all.
    pub amount: u64,
}

/// A realm's past, for what is foreseen.
#[derive(Clone, Debug)]
pub struct Foresee {
    /// The realm.
    pub realm: Sym,
    /// Its data folder. It may be in use, and is not touched.
    pub folder: PathBuf,
    /// Timely workers.
    pub workers: usize,
    /// The last moment that is certainly in the folder, UTC milliseconds, where a realm is running on it.
    pub until_ms: Option<i64>,
}

/// Foresees what would come of `new`, where `old` is what the realm is defined by.
///
/// # Errors
/// When the folder cannot be read.
pub async fn foresee(
    of: &Foresee,
    old: &LoadedWorld,
    new: &LoadedWorld,
    difference: &Difference,
) -> Result<Consequences, OpenError> {
    let edited = run(of, new.edits(), None).await?;
    // The same past, also where a realm is writing on.
    let length = TickLength { tick_ms: old.world.tick_ms.max(1) };
    let of = Foresee { until_ms: Some(length.utc_ms(edited.tick)), ..of.clone() };
    let without = run(&of, old.edits(), Some(edited.ticks)).await?;
    Ok(compare(&edited, &without, old, new, difference))
}

/// A copy of a realm after some ticks.
struct Ran {
    tick: Tick,
    revision: u64,
    ticks: u64,
    views: Arc<ViewStore>,
}

/// Rebuilds the realm, gives it definitions, and goes on until nothing is concluded any more, or for as many ticks
/// as another did.
async fn run(of: &Foresee, edits: Vec<DefinitionEdit>, like: Option<u64>) -> Result<Ran, OpenError> {
    let config = RebuildConfig {
        folder: of.folder.clone(),
        name: of.realm,
        workers: of.workers,
        until_ms: of.until_ms,
        privacy: Privacy::none(),
    };
    let (running, rebuilt) = fork(&config, graphs(of.realm)).await?;
    let revision = revision(&rebuilt.views);
    let stopped = |_| OpenError::from(CloseError::Panicked("collector"));
    let revise = Revise {
        source: Sym::new("foreseen"),
        id: EventId::Position(EventId::UNNUMBERED),
        author: "".into(),
        source_revision: "".into(),
        if_revision: None,
        fixed: None,
        edits,
    };
    let input = Input::Command(Command::Revise(revise));
    let items = vec![Item { id: EventId::Position(EventId::UNNUMBERED), input, most_per_s: None }];
    let published = running.realm.admission.publish(Sym::new("foreseen"), items);
    let (outcomes, advanced) = tokio::join!(published, running.advance(1));
    let taken = matches!(outcomes.as_deref(), Ok([Outcome::Accepted { .. }]));
    if advanced.is_err() || !taken {
        running.close().await?;
        return Err(stopped(()));
    }
    let mut ticks = 1;
    let mut hash = rebuilt.views.state_hash();
    while like.map_or(ticks < FORESEEN_TICKS, |wanted| ticks < wanted) {
        running.advance(1).await.map_err(|_| stopped(()))?;
        ticks += 1;
        let now = rebuilt.views.state_hash();
        if like.is_none() && now == hash {
            break;
        }
        hash = now;
    }
    running.close().await?;
    Ok(Ran { tick: rebuilt.tick, revision, ticks, views: rebuilt.views })
}

fn revision(views: &ViewStore) -> u64 {
    let view = Columns(catalog::REVISIONS);
    let revisions = views.read(catalog::REVISIONS);
    revisions.rows(&Filter::all()).map(|row| view.count(row, "revision")).max().unwrap_or(0)
}

fn compare(
    edited: &Ran,
    without: &Ran,
    old: &LoadedWorld,
    new: &LoadedWorld,
    difference: &Difference,
) -> Consequences {
    let renamed = difference.renamed("quest");
    let edited_at = edited.tick + 1;
    let (before, after) = (stands(&without.views), stands(&edited.views));
    let (was_at, now_at) = (progress(&without.views), progress(&edited.views));
    let mut quests: BTreeMap<String, OfQuest> = BTreeMap::new();
    let none: &[Progress] = &[];
    let at = |all: &BTreeMap<Key, Vec<Progress>>, key: &Key| -> Vec<Progress> {
        all.get(key).map_or(none, Vec::as_slice).to_vec()
    };
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut count = |quest: &str, moved: Option<Moved>| {
        let Some(moved) = moved else { return };
        let of = quests.entry(quest.to_owned()).or_default();
        *match moved {
            Moved::Completes => &mut of.complete,
            Moved::Advances => &mut of.advance,
            Moved::Regresses => &mut of.regress,
            Moved::Gains => &mut of.gain,
            Moved::Loses => &mut of.lose,
        } += 1;
    };
    for (key, was) in &before {
        let former = key[2].as_str().unwrap_or_default();
        let id = renamed.get(former).copied().unwrap_or(former);
        let now_key = [key[0].clone(), key[1].clone(), Value::Sym(Sym::new(id))];
        let defs = (old.quests.get(former).map(|def| &**def), new.quests.get(id).map(|def| &**def));
        let (was, now) = ((Some(was), at(&was_at, key)), (after.get(&now_key), at(&now_at, &now_key)));
        let moved = moved(edited_at, (was.0, &was.1), (now.0, &now.1), defs);
        count(id, moved);
        seen.insert(now_key);
    }
    for (key, now) in after.iter().filter(|(key, _)| !seen.contains(*key)) {
        let id = key[2].as_str().unwrap_or_default();
        let former = renamed.iter().find(|(_, now)| **now == id).map_or(id, |(former, _)| *former);
        let defs = (old.quests.get(former).map(|def| &**def), new.quests.get(id).map(|def| &**def));
        count(id, moved(edited_at, (None, none), (Some(now), &at(&now_at, key)), defs));
    }
    stays(&mut quests, (&before, &without.views), (old, new), difference);
    Consequences {
        tick: without.tick,
        revision: edited.revision,
        ticks: edited.ticks,
        quests,
        arcs: arcs(&edited.views, &without.views, old, new, difference),
        restarts: restarts(&was_at, old, new, difference),
        grants: grants(&edited.views, &without.views, (old, new), difference),
    }
}

/// The former ids of quests that are changed, renamed or removed, with what becomes of each.
fn edited(difference: &Difference) -> impl Iterator<Item = (&str, &str)> {
    let quests = difference.definitions.iter();
    let quests = quests.filter(|changed| changed.kind == "quest" && changed.change != Change::Added);
    quests.map(|changed| (changed.from.as_deref().unwrap_or(&changed.id), changed.id.as_str()))
}

/// What has been completed and done of the quests that are edited.
fn stays(
    quests: &mut BTreeMap<String, OfQuest>,
    (before, views): (&BTreeMap<Key, Stands>, &ViewStore),
    (old, new): (&LoadedWorld, &LoadedWorld),
    difference: &Difference,
) {
    let mut completed: BTreeMap<&str, u64> = BTreeMap::new();
    for stands in before.values().filter(|stands| stands.completions > 0) {
        *completed.entry(stands.key[2].as_str().unwrap_or_default()).or_default() += 1;
    }
    for (former, id) in edited(difference) {
        let Some(holders) = completed.get(former).copied() else { continue };
        let of = quests.entry(id.to_owned()).or_default();
        of.completed = holders;
        let defs = [old.quests.get(former), new.quests.get(id)].into_iter().flatten();
        let facts: BTreeSet<&str> = defs.flat_map(|def| &def.effects).map(fact_of).collect();
        of.facts = facts.into_iter().flat_map(|fact| facts_now(views, fact)).collect();
    }
}

fn fact_of(effect: &Effect) -> &str {
    match effect {
        Effect::Set { fact, .. } | Effect::Add { fact, .. } => fact,
    }
}

/// A fact as it is, by scope; nothing where it is at its default for everyone.
fn facts_now(views: &ViewStore, fact: &str) -> Vec<FactNow> {
    let view = Columns(catalog::FACTS);
    let column = catalog::FACTS.def().column("fact").expect("the catalog has it");
    let filter = Filter::all().and(column, [Value::id(Sym::new(fact))]);
    let mut facts: BTreeMap<String, FactNow> = BTreeMap::new();
    for row in views.read(catalog::FACTS).rows(&filter) {
        let scope = view.value(row, "scope").to_string();
        let value = (scope == Scope::Realm.name()).then(|| view.value(row, "value").to_json());
        let now = FactNow { fact: fact.to_owned(), scope: scope.clone(), holders: 0, value };
        facts.entry(scope).or_insert(now).holders += 1;
    }
    facts.into_values().collect()
}

/// The counters of edited quests that are not kept, and on which somebody has counted.
fn restarts(
    was_at: &BTreeMap<Key, Vec<Progress>>,
    old: &LoadedWorld,
    new: &LoadedWorld,
    difference: &Difference,
) -> Vec<Restart> {
    let mut restarts: BTreeMap<(String, &str, &str), (String, u64)> = BTreeMap::new();
    let edited: BTreeMap<&str, &str> = edited(difference).collect();
    for (key, progress) in was_at {
        let former = key[2].as_str().unwrap_or_default();
        let Some((was, now)) =
            edited.get(former).and_then(|id| Some((old.quests.get(former)?, new.quests.get(*id)?)))
        else {
            continue;
        };
        for at in progress.iter().filter(|at| at.value > 0) {
            if let Some(why) = why_again(was, now, at) {
                let entry = restarts.entry((former.to_owned(), at.stage, at.objective));
                entry.or_insert((why, 0)).1 += 1;
            }
        }
    }
    let restart = |((quest, stage, objective), (why, holders)): ((String, &str, &str), (String, u64))| {
        Restart { quest, stage: stage.to_owned(), objective: objective.to_owned(), why, holders }
    };
    restarts.into_iter().map(restart).collect()
}

/// Why a counter is not kept; `None` when it is.
fn why_again(old: &QuestDef, new: &QuestDef, at: &Progress) -> Option<String> {
    let now = new.stages.iter().find(|(id, _)| was_stage(old, new, id) == Some(at.stage));
    let Some((_, stage)) = now else { return Some(format!("the stage `{}` is gone", at.stage)) };
    let was_in = old.stages.get(at.stage)?;
    let was = was_in.objectives.get(at.objective)?;
    let now = stage
        .objectives
        .iter()
        .find(|(id, _)| was_objective(was_in, stage, id).is_some_and(|(former, _)| former == at.objective));
    let Some((_, now)) = now else { return Some("it is gone".to_owned()) };
    (was.identity() != now.identity()).then(|| differs(was, now))
}

/// What of a counter's identity differs.
fn differs(was: &ObjectiveDef, now: &ObjectiveDef) -> String {
    let json = |def: &ObjectiveDef| serde_json::to_value(def).unwrap_or_default();
    let (was_json, now_json) = (json(was), json(now));
    let keys = ["event", "target", "region", "where", "when", "within", "of", "since", "lifetime"];
    let mut said: Vec<String> = keys
        .into_iter()
        .filter(|key| was_json.get(key) != now_json.get(key))
        .map(|key| {
            let of = |def: &serde_json::Value| def.get(key).map_or("nothing".to_owned(), ToString::to_string);
            format!("{key}: {} → {}", of(&was_json), of(&now_json))
        })
        .collect();
    let (before, after) = (was.aggregate().0, now.aggregate().0);
    if before != after {
        said.push(format!("{before:?} → {after:?}").to_lowercase());
    }
    said.join("; ")
}

/// The ids that quests had before, as far as revisions and definitions say so.
fn former_ids(views: &ViewStore, worlds: [&LoadedWorld; 2]) -> Vec<(String, String)> {
    let mut former: Vec<(String, String)> = Vec::new();
    for (id, def) in worlds.into_iter().flat_map(|world| world.quests.iter()) {
        former.extend(def.moved_from.iter().map(|from| (id.to_string(), from.to_string())));
    }
    let view = Columns(catalog::REVISIONS);
    for row in views.read(catalog::REVISIONS).rows(&Filter::all()) {
        let difference = view.value(row, "difference").as_str().map(serde_json::from_str);
        let Some(Ok(serde_json::Value::Object(kinds))) = difference else { continue };
        let renamed = kinds.get("quests").and_then(|of| of.get("renamed")?.as_object());
        let renamed = renamed.into_iter().flatten();
        former.extend(renamed.filter_map(|(id, from)| Some((id.clone(), from.as_str()?.to_owned()))));
    }
    former
}

fn grants(
    edited_views: &ViewStore,
    without: &ViewStore,
    (old, new): (&LoadedWorld, &LoadedWorld),
    difference: &Difference,
) -> Grants {
    let view = Columns(catalog::GRANTS);
    // Grants keep the ids under which they were written.
    let former = former_ids(without, [old, new]);
    let mut ids: BTreeSet<&str> = edited(difference).flat_map(|(former, id)| [former, id]).collect();
    loop {
        let more = former.iter().filter(|(id, _)| ids.contains(id.as_str())).map(|(_, from)| from.as_str());
        let more: Vec<&str> = more.filter(|from| !ids.contains(from)).collect();
        if more.is_empty() {
            break;
        }
        ids.extend(more);
    }
    let lacks = |views: &ViewStore, key: &[Value]| views.read(catalog::GRANTS).get(key).is_none();
    let mut grants = Grants::default();
    let add = |to: &mut Vec<Counted>, row: &worldflow_schemas::Row| {
        let (quest, item) =
            (view.id(row, "quest").unwrap_or_default(), view.id(row, "item").unwrap_or_default());
        let amount = u64::try_from(view.int(row, "amount")).unwrap_or(0);
        match to.iter_mut().find(|of| of.quest == quest && of.item == item) {
            Some(of) => (of.grants, of.amount) = (of.grants + 1, of.amount.saturating_add(amount)),
            None => to.push(Counted { quest: quest.to_owned(), item: item.to_owned(), grants: 1, amount }),
        }
    };
    let key = |row: &worldflow_schemas::Row| [row[0].clone(), row[1].clone()];
    for row in edited_views.read(catalog::GRANTS).rows(&Filter::all()) {
        if lacks(without, &key(row)) {
            add(&mut grants.paid, row);
        } else if ids.contains(view.id(row, "quest").unwrap_or_default()) {
            add(&mut grants.kept, row);
        }
    }
    for row in without.read(catalog::GRANTS).rows(&Filter::all()) {
        if lacks(edited_views, &key(row)) {
            add(&mut grants.revoked, row);
        }
    }
    for list in [&mut grants.paid, &mut grants.revoked, &mut grants.kept] {
        list.sort();
    }
    grants
}
