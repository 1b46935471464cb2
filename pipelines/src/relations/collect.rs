//! Reads a world for what leads to what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use worldflow_schemas::definitions::{
    Action, ArcDef, Condition, Effect, EmitDef, FactDef, Given, NpcDef, Pattern, QuestDef, RuleDef, Test,
    Trigger, TurnIn, WorldDef,
};

use super::arcs::beat_key;
use super::labels::{about, added, given, plain, signed};
use super::named::Named;
use super::{Edge, Kind, Leads, Node, Relations};
use crate::explain::{pattern_words, test_words};
use crate::world::{Folder, LoadedWorld};

/// The relations of a world whose files these are.
#[must_use]
pub fn relations(world: &LoadedWorld, folder: &Folder) -> Relations {
    let mut collected = Collected {
        world: &world.world,
        nodes: BTreeMap::new(),
        edges: BTreeSet::new(),
        quests: &world.quests,
        arcs: &world.arcs,
    };
    let mut files: Vec<String> = Vec::new();
    let mut file_of: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for (kind, id, file) in written(folder) {
        let place = files.iter().position(|other| *other == file).unwrap_or_else(|| {
            files.push(file.clone());
            files.len() - 1
        });
        file_of.entry((kind, id)).or_insert(place);
    }
    for (id, quest) in &world.quests {
        collected.quest(id, quest);
    }
    for (id, rule) in &world.rules {
        collected.rule(id, rule);
    }
    for (id, fact) in &world.world.facts {
        collected.fact(id, fact);
    }
    for (id, npc) in &world.npcs {
        collected.npc(id, npc);
    }
    for (id, arc) in &world.arcs {
        collected.arc(id, arc);
    }
    collected.finished(world.world.name.clone(), files, &file_of)
}

/// The ids that files of quests, rules, arcs and NPCs have at their top, with their files.
fn written(folder: &Folder) -> Vec<(Kind, String, String)> {
    let mut written = Vec::new();
    for (path, bytes) in &folder.files {
        let kind = match path.split(['/', '.']).next() {
            Some("quests") => Kind::Quest,
            Some("rules") => Kind::Rule,
            Some("npcs") => Kind::Npc,
            Some("arcs") => Kind::Arc,
            _ => continue,
        };
        let text = String::from_utf8_lossy(bytes);
        // What cannot be read has been refused; what is made of a template stands in no file.
        let Ok(map) = serde_saphyr::from_str::<BTreeMap<String, Json>>(&text) else { continue };
        for (id, def) in map {
            let beats = def.get("beats").and_then(Json::as_object).filter(|_| kind == Kind::Arc);
            let beats = beats.into_iter().flat_map(|beats| beats.keys());
            written.extend(beats.map(|beat| (Kind::Beat, beat_key(&id, beat).1, path.clone())));
            written.push((kind, id, path.clone()));
        }
    }
    written
}

/// A node.
pub(super) type Key = (Kind, String);

/// What has been read so far.
pub(super) struct Collected<'w> {
    world: &'w WorldDef,
    quests: &'w BTreeMap<String, std::sync::Arc<QuestDef>>,
    pub(super) arcs: &'w BTreeMap<String, std::sync::Arc<ArcDef>>,
    nodes: BTreeMap<Key, Node>,
    edges: BTreeSet<(Key, Key, Leads, String)>,
}

pub(super) fn key(kind: Kind, id: &str) -> Key {
    (kind, id.to_owned())
}

impl Collected<'_> {
    pub(super) fn node(&mut self, kind: Kind, id: &str, title: &str, lines: Vec<String>) {
        let node = Node { kind, id: id.to_owned(), title: title.to_owned(), lines, file: None };
        self.nodes.insert(key(kind, id), node);
    }

    pub(super) fn edge(&mut self, from: Key, to: Key, leads: Leads, label: String) {
        if from != to {
            self.edges.insert((from, to, leads, label));
        }
    }

    /// Whatever a condition names leads to something.
    pub(super) fn named(&mut self, def: &Condition, to: &Key, leads: Leads, word: &str) {
        let mut named = Named::default();
        named.read(def, false);
        let label = |said: String| match (word, said.as_str()) {
            ("", _) => said,
            (_, "") => word.to_owned(),
            _ => format!("{word} {said}"),
        };
        for (quest, said) in named.quests {
            self.edge(key(Kind::Quest, &quest), to.clone(), leads, label(said));
        }
        for (fact, said) in named.facts {
            self.edge(key(Kind::Fact, &fact), to.clone(), leads, label(said));
        }
        for (view, said) in named.views {
            self.node(Kind::View, &view, "", Vec::new());
            self.edge(key(Kind::View, &view), to.clone(), leads, label(said));
        }
    }

    fn quest(&mut self, id: &str, def: &QuestDef) {
        let me = key(Kind::Quest, id);
        self.node(Kind::Quest, id, &def.title, about(def));
        self.named(&def.requires, &me, Leads::Requires, "");
        if let Some(fails) = &def.fail_when {
            self.named(fails, &me, Leads::Gates, "fails when");
        }
        for (_, stage) in def.stages.iter() {
            for (_, objective) in stage.objectives.iter() {
                for gate in objective.when.iter().chain(&objective.holds) {
                    self.named(gate, &me, Leads::Gates, "");
                }
            }
        }
        if let Some(group) = &def.exclusive_group {
            self.node(Kind::Choice, group, "", Vec::new());
            self.edge(key(Kind::Choice, group), me.clone(), Leads::Offers, String::new());
        }
        for effect in &def.effects {
            let (fact, label) = match effect {
                Effect::Set { fact, to, .. } => (fact, format!("= {}", plain(to))),
                Effect::Add { fact, by, .. } => (fact, signed(&by.to_string())),
            };
            self.edge(me.clone(), key(Kind::Fact, fact), Leads::Changes, label);
        }
    }

    /// An NPC, what it must be true for it to answer, and the quests that are about speaking with it.
    fn npc(&mut self, id: &str, def: &NpcDef) {
        let me = key(Kind::Npc, id);
        let lines = def.tier.iter().map(|tier| format!("asks {tier}")).collect();
        self.node(Kind::Npc, id, "", lines);
        self.named(&def.when, &me, Leads::Gates, "");
        let quests = self.quests;
        for (quest, of) in quests {
            let takes = |pattern: &Pattern| {
                pattern.target.is_some() && self.may_take(pattern, &def.addressed_by, Some(id))
            };
            if patterns(of).iter().any(takes) {
                self.edge(me.clone(), key(Kind::Quest, quest), Leads::Emits, def.addressed_by.clone());
            }
            if let TurnIn::Npc(names) = &of.turn_in
                && names.as_slice().iter().any(|name| self.is_called(id, name))
            {
                self.edge(key(Kind::Quest, quest), me.clone(), Leads::TurnsIn, String::new());
            }
        }
    }

    fn fact(&mut self, id: &str, def: &FactDef) {
        let lines =
            def.changed_by.iter().map(|update| format!("on {}", pattern_words(&update.pattern))).collect();
        let scope = def.scope.name();
        self.node(
            Kind::Fact,
            id,
            &format!("of each {scope}").replace("of each realm", "of the realm"),
            lines,
        );
    }

    fn rule(&mut self, id: &str, def: &RuleDef) {
        let me = key(Kind::Rule, id);
        let mut lines = Vec::new();
        if let Trigger::Every(every) = &def.trigger {
            lines.push(format!("every {}", every.span));
        }
        lines.extend(def.chance.as_ref().map(|chance| format!("chance {chance}")));
        lines.extend(def.after.as_ref().map(|after| format!("after {after}")));
        if let Some((view, filter)) = def.trigger.rows() {
            let word = match &def.trigger {
                Trigger::Appears(_) => "appears",
                Trigger::Changes(_) => "changes",
                Trigger::AppearsOrChanges(_) => "appears or changes",
                Trigger::Goes(_) => "goes",
                Trigger::Every(_) => "each",
            };
            let (from, label) = self.seen(view, filter, word);
            self.edge(from, me.clone(), Leads::Triggers, label);
        }
        self.named(&def.when, &me, Leads::Gates, "");
        for action in &def.actions {
            let (fact, label) = match action {
                Action::Set { fact, to, .. } => (fact, format!("= {}", given(to))),
                Action::Add { fact, by, .. } => (fact, added(by)),
                Action::Clamp { fact, .. } => (fact, "clamped".to_owned()),
                Action::Emit(emit) => {
                    lines.extend(self.emitted(&me, emit));
                    continue;
                }
            };
            self.edge(me.clone(), key(Kind::Fact, fact), Leads::Changes, label);
        }
        self.node(Kind::Rule, id, &def.doc, lines);
    }

    /// Whose rows a rule looks at: those of a fact, a quest, an arc or one of its beats, where it names one, or else of a view.
    fn seen(&mut self, view: &str, filter: &BTreeMap<String, Test>, word: &str) -> (Key, String) {
        let named = |column: &str| match filter.get(column) {
            Some(Test::Is(Json::String(id))) => Some(id.clone()),
            _ => None,
        };
        let rest = |but: &str| -> Vec<String> {
            let rest = filter.iter().filter(|(column, _)| column.as_str() != but);
            rest.map(|(column, test)| format!("{column} {}", test_words(test))).collect()
        };
        let label = |rest: Vec<String>| {
            let rest = rest.join(", ").replace("value ", "");
            if rest.is_empty() { word.to_owned() } else { format!("{word}: {rest}") }
        };
        if let Some(fact) =
            named("fact").filter(|fact| view == "facts" && self.world.facts.contains_key(fact))
        {
            return (key(Kind::Fact, &fact), label(rest("fact")));
        }
        if let Some(quest) = named("quest").filter(|quest| self.quests.contains_key(quest)) {
            return (key(Kind::Quest, &quest), label(rest("quest")));
        }
        if let Some(arc) = named("arc").filter(|arc| self.arcs.contains_key(arc)) {
            let beat = named("beat").filter(|beat| self.arcs[&arc].beats.get(beat).is_some());
            return match beat.map(|beat| beat_key(&arc, &beat)) {
                Some(beat) => {
                    (beat, label(rest("arc").into_iter().filter(|rest| !rest.starts_with("beat ")).collect()))
                }
                None => (key(Kind::Arc, &arc), label(rest("arc"))),
            };
        }
        self.node(Kind::View, view, "", Vec::new());
        (key(Kind::View, view), label(rest("")))
    }

    /// What counts an event that a rule makes happen; a line for the rule where nothing does.
    fn emitted(&mut self, me: &Key, emit: &EmitDef) -> Option<String> {
        let target = match &emit.target {
            Some(Given::Is(Json::String(target))) => Some(target.as_str()),
            _ => None,
        };
        let what = target.map_or(emit.event.clone(), |target| format!("{} {target}", emit.event));
        if emit.event.starts_with("quest.") {
            let quest = target.filter(|quest| self.quests.contains_key(*quest))?;
            self.edge(me.clone(), key(Kind::Quest, quest), Leads::Emits, emit.event.clone());
            return None;
        }
        let quests = self.quests;
        let counting: Vec<&String> = quests
            .iter()
            .filter(|(_, def)| {
                patterns(def).iter().any(|pattern| self.may_take(pattern, &emit.event, target))
            })
            .map(|(id, _)| id)
            .collect();
        let facts: Vec<&String> = self
            .world
            .facts
            .iter()
            .filter(|(_, def)| {
                def.changed_by.iter().any(|update| self.may_take(&update.pattern, &emit.event, target))
            })
            .map(|(id, _)| id)
            .collect();
        let arcs = self.felt_by(&emit.event, target);
        let nobody = counting.is_empty() && facts.is_empty() && arcs.is_empty();
        for arc in arcs {
            self.edge(me.clone(), arc, Leads::Emits, what.clone());
        }
        for quest in counting {
            self.edge(me.clone(), key(Kind::Quest, quest), Leads::Emits, what.clone());
        }
        for fact in facts {
            self.edge(me.clone(), key(Kind::Fact, fact), Leads::Emits, what.clone());
        }
        nobody.then(|| format!("makes {what} happen"))
    }

    /// Whether a pattern may take an event of a kind, and of a target where that is known.
    pub(super) fn may_take(&self, pattern: &Pattern, event: &str, target: Option<&str>) -> bool {
        pattern.event == event
            && match (&pattern.target, target) {
                (Some(names), Some(target)) => {
                    names.as_slice().iter().any(|name| self.is_called(target, name))
                }
                _ => true,
            }
    }

    /// Whether a name is an entity's id or one of its tags.
    fn is_called(&self, entity: &str, name: &str) -> bool {
        let tags = self.world.entities.get(entity).map(|entity| &entity.tags);
        name == entity || tags.is_some_and(|tags| tags.iter().any(|tag| tag == name))
    }

    fn finished(mut self, world: String, files: Vec<String>, file_of: &BTreeMap<Key, usize>) -> Relations {
        // A fact that nothing leads to or from, and an end that is not there, are left out.
        self.edges.retain(|(from, to, ..)| self.nodes.contains_key(from) && self.nodes.contains_key(to));
        let tied: BTreeSet<&Key> = self.edges.iter().flat_map(|(from, to, ..)| [from, to]).collect();
        let nodes: Vec<(Key, Node)> = self
            .nodes
            .iter()
            .filter(|(key, _)| {
                tied.contains(key) || matches!(key.0, Kind::Quest | Kind::Rule | Kind::Arc | Kind::Beat)
            })
            .map(|(key, node)| (key.clone(), Node { file: file_of.get(key).copied(), ..node.clone() }))
            .collect();
        let place: BTreeMap<&Key, usize> = nodes.iter().enumerate().map(|(at, (key, _))| (key, at)).collect();
        let mut edges: Vec<Edge> = Vec::new();
        for (from, to, leads, label) in &self.edges {
            let (from, to) = (place[from], place[to]);
            let alike = |edge: &&mut Edge| (edge.from, edge.to, edge.leads) == (from, to, *leads);
            match edges.last_mut().filter(alike) {
                // What is said several times over is one line.
                Some(edge) if edge.label.is_empty() => edge.label.clone_from(label),
                Some(edge) => edge.label = format!("{}, {label}", edge.label),
                None => edges.push(Edge { from, to, leads: *leads, label: label.clone() }),
            }
        }
        Relations { world, edges, files, nodes: nodes.into_iter().map(|(_, node)| node).collect() }
    }
}

/// The patterns of a quest's objectives.
fn patterns(def: &QuestDef) -> Vec<Pattern> {
    let objectives = def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
    objectives.filter(|(_, def)| def.holds.is_none()).map(|(_, def)| def.pattern()).collect()
}
