//! What an edit does to holders of arcs: rows of two copies of a realm, one with the edit and one without, compared.
//!
//! A beat that has another id is the same beat, as it is for the graph.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::catalog::{ARC_BRANCHES, ARC_STATE};
use worldflow_schemas::definitions::ArcDef;
use worldflow_schemas::{Row, Sym, Value};

use super::difference::was;
use super::{Change, Difference};
use crate::columns::Columns;
use crate::world::LoadedWorld;

/// What would come of an edit for the holders of an arc: how many.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OfArc {
    /// It would be over for them.
    pub end: u64,
    /// They would be in a later beat.
    pub advance: u64,
    /// They would be in an earlier beat.
    pub regress: u64,
    /// They would be in the same beat, and its tension would have to be reached anew.
    pub anew: u64,
    /// It would have begun for them.
    pub gain: u64,
    /// They would have no row of it. What they had is kept, but for the tension.
    pub lose: u64,
    /// Choices that would be forgotten, since their beat begins anew.
    pub choices_gone: u64,
    /// Of an arc that is edited: they have begun it, and what they have reached stays ...
    pub kept: u64,
    /// ... with so many choices.
    pub choices: u64,
}

/// Scope, holder, arc.
type Key = [Value; 3];
/// Beat and branch.
type Choice = [Value; 2];

/// A row of `arc_state`.
struct Stands {
    beat: &'static str,
    ended: bool,
    reached: bool,
}

fn stands(views: &ViewStore) -> BTreeMap<Key, Stands> {
    let view = Columns(ARC_STATE);
    let of = |row: &Row| Stands {
        beat: view.id(row, "beat").unwrap_or_default(),
        ended: view.id(row, "phase") == Some("ended"),
        reached: view.is_true(row, "reached"),
    };
    let rows = views.read(ARC_STATE);
    rows.rows(&Filter::all()).map(|row| ([1, 2, 3].map(|column| row[column].clone()), of(row))).collect()
}

/// What was chosen.
fn choices(views: &ViewStore) -> BTreeMap<Key, BTreeSet<Choice>> {
    let view = Columns(ARC_BRANCHES);
    let rows = views.read(ARC_BRANCHES);
    let mut all: BTreeMap<Key, BTreeSet<Choice>> = BTreeMap::new();
    for row in rows.rows(&Filter::all()).filter(|row| view.value(row, "chosen") != &Value::Null) {
        let of = all.entry([1, 2, 3].map(|column| row[column].clone())).or_default();
        of.insert([4, 5].map(|column| row[column].clone()));
    }
    all
}

/// An arc as it was and is, and whether the edit is about it.
#[derive(Clone, Copy)]
struct Arcs<'w> {
    old: Option<&'w ArcDef>,
    new: Option<&'w ArcDef>,
    edited: bool,
}

/// What would come of an edit for arcs, by their ids after it.
pub(super) fn arcs(
    edited: &ViewStore,
    without: &ViewStore,
    old: &LoadedWorld,
    new: &LoadedWorld,
    difference: &Difference,
) -> BTreeMap<String, OfArc> {
    let renamed = difference.renamed("arc");
    let is_edited = |id: &str| {
        let mut arcs = difference.definitions.iter().filter(|changed| changed.kind == "arc");
        arcs.any(|changed| changed.id == id && changed.change != Change::Added)
    };
    let (before, mut after) = (stands(without), stands(edited));
    let (were, are) = (choices(without), choices(edited));
    let mut all: BTreeMap<String, OfArc> = BTreeMap::new();
    for (key, was) in &before {
        let former = key[2].as_str().unwrap_or_default();
        let id = renamed.get(former).copied().unwrap_or(former);
        let of = all.entry(id.to_owned()).or_default();
        let arcs = Arcs {
            old: old.arcs.get(former).map(|def| &**def),
            new: new.arcs.get(id).map(|def| &**def),
            edited: is_edited(id),
        };
        let now_key = [key[0].clone(), key[1].clone(), Value::Sym(Sym::new(id))];
        let Some(now) = after.remove(&now_key) else {
            of.lose += 1;
            continue;
        };
        arcs.compare(was, &now, of);
        let known = are.get(&now_key);
        let mine = were.get(key).into_iter().flatten().map(|choice| arcs.now_called(choice));
        let (stay, go): (Vec<Choice>, Vec<Choice>) =
            mine.partition(|choice| known.is_some_and(|known| known.contains(choice)));
        of.choices_gone += go.len() as u64;
        of.choices += if arcs.edited { stay.len() as u64 } else { 0 };
    }
    for key in after.keys() {
        all.entry(key[2].as_str().unwrap_or_default().to_owned()).or_default().gain += 1;
    }
    all.retain(|_, of| *of != OfArc::default());
    all
}

impl Arcs<'_> {
    /// What a beat of the arc as it is was called before.
    fn was_called(&self, beat: &str) -> Option<&str> {
        was(&self.old?.beats, &self.new?.beats, beat, |beat| beat.moved_from.as_deref()).map(|(id, _)| id)
    }

    fn compare(&self, was: &Stands, now: &Stands, of: &mut OfArc) {
        of.kept += u64::from(self.edited);
        if now.ended != was.ended {
            *(if now.ended { &mut of.end } else { &mut of.regress }) += 1;
            return;
        }
        if self.was_called(now.beat) == Some(was.beat) {
            of.anew += u64::from(was.reached && !now.reached);
            return;
        }
        if now.ended || (self.old.is_none() && was.beat == now.beat) {
            return;
        }
        let place = |is: &dyn Fn(&str) -> bool| self.new?.beats.iter().position(|(id, _)| is(id));
        let before = place(&|id| self.was_called(id) == Some(was.beat));
        let after = place(&|id| id == now.beat);
        // A beat that is gone leads to one that came after it.
        *(if before > after { &mut of.regress } else { &mut of.advance }) += 1;
    }

    /// What the beat and the branch of a choice are called now. A choice outlives both.
    fn now_called(&self, choice: &Choice) -> Choice {
        let called = || {
            let (old, new) = (self.old?, self.new?);
            let [beat, branch] = choice.each_ref().map(|id| id.as_str().unwrap_or_default());
            let (now, def) = new.beats.iter().find(|(id, _)| self.was_called(id) == Some(beat))?;
            let before = old.beats.get(beat)?;
            let is_called = |id: &&str| {
                let was = was(&before.branches, &def.branches, id, |branch| branch.moved_from.as_deref());
                was.is_some_and(|(id, _)| id == branch)
            };
            let branch = def.branches.iter().map(|(id, _)| id).find(is_called).unwrap_or(branch);
            Some([now, branch].map(|id| Value::Sym(Sym::new(id))))
        };
        called().unwrap_or_else(|| choice.clone())
    }
}
