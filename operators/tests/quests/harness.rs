//! Steps both halves of quests, and facts, tick by tick as the graph would, and prints changes.
//!
//! Events are written `ann kill wolf x3 @moor weapon=bow`; `-` stands for no player or target. The
//! inputs of a tick are given to the machines in a shuffled order, since order may come from values
//! only.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow_operators::facts::{FactsIn, FactsMachine, FactsOut};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::messages::{
    ClockNow, EntityTags, FactEffect, LevelNow, PlayerPlace, QuestEdit, QuestNow, Refused, ZoneWeather,
};
use worldflow_operators::quests::{
    Conclusion, GroupsIn, GroupsMachine, PlayersIn, PlayersMachine, PlayersOut, Spread, grant_holder,
};
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::{QuestDef, WorldDef};
use worldflow_schemas::input::{CloseWrite, FactChange, FactWrite, GrantAnswer, Holder, Scope, WriteOrder};
use worldflow_schemas::{Diff, Event, EventId, Row, Sym, Tick, Value, chance};

/// One input of a tick.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Define(&'static str, Option<String>),
    /// A quest that was called something else until now.
    Move(&'static str, String, &'static str),
    Clock(ClockNow),
    Weather(ZoneWeather),
    Place(&'static str, PlayerPlace),
    Tags(EntityTags),
    Level(&'static str, i64),
    Fact(Holder, &'static str, Value),
    Answer(String, bool),
    Close(Holder),
    Event(String),
}

/// Through the loop: concluded in one tick, told in the next.
#[derive(Clone, Debug)]
enum Looped {
    Effect(FactEffect),
    Stands(QuestNow),
    Spread(Spread),
}

pub(crate) struct World {
    def: Arc<WorldDef>,
    shards: usize,
    tick: Tick,
    order: i64,
    players: Vec<PlayersMachine>,
    groups: Vec<GroupsMachine>,
    facts: FactsMachine,
    quests: BTreeMap<&'static str, Arc<QuestDef>>,
    clock: Option<ClockNow>,
    weather: BTreeMap<Sym, ZoneWeather>,
    places: BTreeMap<&'static str, PlayerPlace>,
    tags: Vec<EntityTags>,
    levels: BTreeMap<&'static str, i64>,
    looped: Vec<Looped>,
    base: BTreeMap<(&'static str, Arc<[u8]>), BaseChange>,
    pub(crate) rows: BTreeMap<(ViewId, Row), Diff>,
    before: Vec<(ViewId, Row)>,
    changes: Vec<((ViewId, Row), Diff)>,
    refused: Vec<Refused>,
}

pub(crate) fn realm() -> Sym {
    Sym::new("r")
}

pub(crate) fn quest(json: &str) -> QuestDef {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

pub(crate) fn at(text: &str) -> PlayerPlace {
    let mut place = PlayerPlace::default();
    for part in text.split_whitespace() {
        let (key, value) = part.split_once('=').unwrap();
        let value = Sym::new(value);
        match key {
            "region" => place.region = value,
            "instance" => place.instance = value,
            "party" => place.party = value,
            "guild" => place.guild = value,
            "account" => place.account = value,
            _ => panic!("{part}"),
        }
    }
    place
}

/// A clock on which one world hour takes 100 ticks of 10 ms.
pub(crate) fn clock(tick: Tick, hour: i64, phase: &str) -> Given {
    Given::Clock(ClockNow {
        world_ms: hour * 3_600_000,
        fraction: (0, 1),
        since: tick,
        scale_world: 3_600,
        scale_real: 1,
        paused: false,
        phase: phase.into(),
        season: "spring".into(),
        moons: vec![("moon".into(), "full".into())],
    })
}

pub(crate) fn weather(tick: Tick, zone: &str, state: &str, intensity: i64) -> Given {
    Given::Weather(ZoneWeather {
        zone: zone.into(),
        state: state.into(),
        intensity,
        since: tick,
        since_world_ms: 0,
    })
}

pub(crate) fn events<const N: usize>(texts: [&str; N]) -> Vec<Given> {
    texts.iter().map(|text| Given::Event((*text).to_owned())).collect()
}

fn sym(text: &str) -> Sym {
    if text == "-" { Sym::NONE } else { Sym::new(text) }
}

fn event(text: &str, order: i64) -> Event {
    let mut words = text.split_whitespace();
    let [player, kind, target] = [(); 3].map(|()| sym(words.next().unwrap_or("-")));
    let mut event = Event {
        at_ms: order,
        source: "test".into(),
        id: EventId::Position(u64::try_from(order).unwrap()),
        player,
        kind,
        target,
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    let mut with = Vec::new();
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            with.push((Sym::new(name), Value::from_json(&value).unwrap()));
        } else if let Some(region) = word.strip_prefix('@') {
            event.region = Sym::new(region);
        } else {
            event.amount = word.strip_prefix('x').unwrap().parse().unwrap();
        }
    }
    with.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
    event.with = (!with.is_empty()).then(|| with.into());
    event
}

impl World {
    pub(crate) fn new(json: &str) -> World {
        World::sharded(json, 1)
    }

    pub(crate) fn sharded(json: &str, shards: usize) -> World {
        let def: Arc<WorldDef> =
            Arc::new(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")));
        World {
            shards,
            tick: 0,
            order: 0,
            players: (0..shards).map(|_| PlayersMachine::new(def.clone(), realm())).collect(),
            groups: (0..shards)
                .map(|index| GroupsMachine::new(def.clone(), realm(), index, shards))
                .collect(),
            facts: FactsMachine::new(realm(), &def),
            def,
            quests: BTreeMap::new(),
            clock: None,
            weather: BTreeMap::new(),
            places: BTreeMap::new(),
            tags: Vec::new(),
            levels: BTreeMap::new(),
            looped: Vec::new(),
            base: BTreeMap::new(),
            rows: BTreeMap::new(),
            before: Vec::new(),
            changes: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn shard(&self, route: u64) -> usize {
        usize::try_from(route % u64::try_from(self.shards).unwrap()).unwrap()
    }

    /// Defines quests in the tick to come, given as `id: json`.
    pub(crate) fn with(json: &str, quests: &[(&'static str, &str)]) -> World {
        let mut world = World::new(json);
        let given = quests.iter().map(|(id, def)| Given::Define(id, Some((*def).to_owned()))).collect();
        world.step(1, given);
        world
    }

    /// The next tick with work that nothing tells of.
    fn due(&self) -> Option<Tick> {
        let alarms = self.players.iter().map(Machine::alarm).chain(self.groups.iter().map(Machine::alarm));
        let looped = (!self.looped.is_empty()).then_some(self.tick + 1);
        alarms.flatten().chain(looped).chain(self.facts.alarm()).min()
    }

    /// Steps to `tick`, which has these inputs, through all ticks with work on the way; the changes
    /// as text.
    pub(crate) fn step(&mut self, tick: Tick, given: Vec<Given>) -> String {
        self.before = self.rows_at();
        let mut text = String::new();
        while let Some(due) = self.due().filter(|due| *due < tick) {
            assert!(due > self.tick, "an alarm in the past");
            self.one(due, Vec::new());
            text.push_str(&self.report());
        }
        self.one(tick, given);
        text.push_str(&self.report());
        text
    }

    fn one(&mut self, tick: Tick, given: Vec<Given>) {
        self.tick = tick;
        let mut players: Vec<Vec<PlayersIn>> = vec![Vec::new(); self.shards];
        let mut groups: Vec<Vec<GroupsIn>> = vec![Vec::new(); self.shards];
        let mut facts: Vec<FactsIn> = Vec::new();
        for looped in std::mem::take(&mut self.looped) {
            match looped {
                Looped::Effect(effect) => facts.push(FactsIn::Effect(effect)),
                Looped::Spread(spread) => {
                    let shard = self.shard(spread.player.hash64());
                    players[shard].push(PlayersIn::Spread(spread));
                }
                Looped::Stands(stands) => {
                    players.iter_mut().for_each(|inputs| inputs.push(PlayersIn::Stands(stands)));
                    groups.iter_mut().for_each(|inputs| inputs.push(GroupsIn::Stands(stands)));
                }
            }
        }
        for given in given {
            self.route(given, &mut players, &mut groups, &mut facts);
        }
        if !facts.is_empty() || self.facts.alarm() == Some(tick) {
            let mut output = Output::default();
            self.facts.step(tick, facts, &mut output);
            let told = self.take(output);
            self.tell_facts(told, &mut players, &mut groups);
        }
        for (shard, mut inputs) in players.into_iter().enumerate() {
            if inputs.is_empty() && self.players[shard].alarm() != Some(tick) {
                continue;
            }
            shuffle(&mut inputs, tick);
            let mut output = Output::default();
            self.players[shard].step(tick, inputs, &mut output);
            let told = self.take(output);
            self.tell_groups(told, &mut groups);
        }
        for (shard, mut inputs) in groups.into_iter().enumerate() {
            if inputs.is_empty() && self.groups[shard].alarm() != Some(tick) {
                continue;
            }
            shuffle(&mut inputs, tick);
            let mut output = Output::default();
            self.groups[shard].step(tick, inputs, &mut output);
            let told = self.take(output);
            told.into_iter().for_each(|conclusion| self.conclude(conclusion));
        }
    }

    fn route(
        &mut self,
        given: Given,
        players: &mut [Vec<PlayersIn>],
        groups: &mut [Vec<GroupsIn>],
        facts: &mut Vec<FactsIn>,
    ) {
        self.order += 1;
        let (p, g) = match given {
            Given::Define(id, def) => {
                let def = def.map(|def| Arc::new(quest(&def)));
                match &def {
                    Some(def) => drop(self.quests.insert(id, def.clone())),
                    None => drop(self.quests.remove(id)),
                }
                let edit = QuestEdit { quest: id.into(), def, from: Sym::NONE };
                (PlayersIn::Define(edit.clone()), GroupsIn::Define(edit))
            }
            Given::Move(id, def, from) => {
                let def = Arc::new(quest(&def));
                self.quests.remove(from);
                self.quests.insert(id, def.clone());
                let edit = QuestEdit { quest: id.into(), def: Some(def), from: from.into() };
                (PlayersIn::Define(edit.clone()), GroupsIn::Define(edit))
            }
            Given::Clock(clock) => {
                self.clock = Some(clock.clone());
                facts.push(FactsIn::Clock(clock.clone()));
                (PlayersIn::Clock(clock.clone()), GroupsIn::Clock(clock))
            }
            Given::Weather(weather) => {
                self.weather.insert(weather.zone, weather.clone());
                (PlayersIn::Weather(weather.clone()), GroupsIn::Weather(weather))
            }
            Given::Tags(tags) => {
                // At a load it is told what an entity's tags are, not what they have been.
                self.tags.retain(|other| other.entity != tags.entity);
                self.tags.push(tags.clone());
                players.iter_mut().for_each(|inputs| inputs.push(PlayersIn::Tags(tags.clone())));
                groups.iter_mut().for_each(|inputs| inputs.push(GroupsIn::Tags(tags.clone())));
                return;
            }
            Given::Place(player, place) => {
                self.places.insert(player, place);
                let player = Sym::new(player);
                players[self.shard(player.hash64())].push(PlayersIn::Place(player, place));
                return;
            }
            Given::Level(player, level) => {
                self.levels.insert(player, level);
                let player = Sym::new(player);
                let level = LevelNow { player, level };
                players[self.shard(player.hash64())].push(PlayersIn::Level(level));
                groups.iter_mut().for_each(|inputs| inputs.push(GroupsIn::Level(level)));
                return;
            }
            Given::Fact(holder, fact, value) => {
                let id = EventId::Position(u64::try_from(self.order).unwrap());
                let order = WriteOrder { at_ms: self.order, source: "test".into(), id };
                let change = FactChange::Set(value);
                facts.push(FactsIn::Write(FactWrite { order, holder, fact: fact.into(), change }));
                return;
            }
            Given::Answer(grant, delivered) => {
                let id = EventId::Position(u64::try_from(self.order).unwrap());
                let order = WriteOrder { at_ms: self.order, source: "test".into(), id };
                let answer =
                    GrantAnswer { order, grant: grant.as_str().into(), delivered, reason: "full".into() };
                match grant_holder(&answer.grant) {
                    Some(holder) if holder.scope != Scope::Player => {
                        groups[self.shard(holder.route())].push(GroupsIn::Answer(answer));
                    }
                    holder => {
                        let route = holder.map_or(0, Holder::route);
                        players[self.shard(route)].push(PlayersIn::Answer(answer));
                    }
                }
                return;
            }
            Given::Close(group) => {
                for (player, place) in &mut self.places {
                    let of = match group.scope {
                        Scope::Party => &mut place.party,
                        Scope::Guild => &mut place.guild,
                        Scope::Account => &mut place.account,
                        _ => &mut place.instance,
                    };
                    if *of == group.id {
                        *of = Sym::NONE;
                        let (player, place) = (Sym::new(player), *place);
                        let shard = usize::try_from(player.hash64() % players.len() as u64).unwrap();
                        players[shard].push(PlayersIn::Place(player, place));
                    }
                }
                let id = EventId::Position(u64::try_from(self.order).unwrap());
                let order = WriteOrder { at_ms: self.order, source: "test".into(), id };
                facts.push(FactsIn::Close(CloseWrite { order, group }));
                players.iter_mut().for_each(|inputs| inputs.push(PlayersIn::Close(group)));
                groups[self.shard(group.route())].push(GroupsIn::Close(group));
                return;
            }
            Given::Event(text) => {
                let event = event(&text, self.order);
                let by = [event.player, event.region, realm()].into_iter().find(|id| !id.is_none());
                players[self.shard(by.unwrap().hash64())].push(PlayersIn::Events(vec![event]));
                return;
            }
        };
        players.iter_mut().for_each(|inputs| inputs.push(p.clone()));
        groups.iter_mut().for_each(|inputs| inputs.push(g.clone()));
    }

    fn tell_facts(&self, told: Vec<FactsOut>, players: &mut [Vec<PlayersIn>], groups: &mut [Vec<GroupsIn>]) {
        for told in told {
            let FactsOut::Now(now) = told else { panic!("a test writes facts well: {told:?}") };
            if now.holder.scope == Scope::Player {
                players[self.shard(now.holder.route())].push(PlayersIn::Fact(now));
            } else {
                players.iter_mut().for_each(|inputs| inputs.push(PlayersIn::Fact(now.clone())));
                groups.iter_mut().for_each(|inputs| inputs.push(GroupsIn::Fact(now.clone())));
            }
        }
    }

    fn tell_groups(&mut self, told: Vec<PlayersOut>, groups: &mut [Vec<GroupsIn>]) {
        for told in told {
            let (holder, input) = match told {
                PlayersOut::Contribution(told) => (told.holder, GroupsIn::Contribution(told)),
                PlayersOut::Asked(told) => (told.holder, GroupsIn::Asked(told)),
                PlayersOut::Known(holder) => (holder, GroupsIn::Known(holder)),
                PlayersOut::Member(told) => (told.group, GroupsIn::Member(told)),
                PlayersOut::Together(told) => (told.party, GroupsIn::Together(told)),
                PlayersOut::Conclusion(conclusion) => {
                    self.conclude(conclusion);
                    continue;
                }
            };
            groups[self.shard(holder.route())].push(input);
        }
    }

    fn conclude(&mut self, conclusion: Conclusion) {
        match conclusion {
            Conclusion::Effect(effect) => self.looped.push(Looped::Effect(effect)),
            Conclusion::Stands(stands) => self.looped.push(Looped::Stands(stands)),
            Conclusion::Spread(spread) => self.looped.push(Looped::Spread(spread)),
            Conclusion::Refused(refused) => self.refused.push(refused),
            // Nobody asks for it here.
            Conclusion::Traced(traced) => panic!("not asked for: {traced:?}"),
        }
    }

    fn take<O>(&mut self, output: Output<O>) -> Vec<O> {
        for (row, diff) in output.rows {
            *self.rows.entry(row.clone()).or_default() += diff;
            self.changes.push((row, diff));
        }
        self.rows.retain(|row, diff| {
            assert!((0..=1).contains(diff), "a row {diff} times: {row:?}");
            *diff != 0
        });
        for change in output.base {
            let key = (change.operator, change.key.clone());
            match change.value {
                Some(_) => drop(self.base.insert(key, change)),
                None => drop(self.base.remove(&key)),
            }
        }
        output.out
    }

    fn report(&mut self) -> String {
        let mut net: BTreeMap<String, Diff> = BTreeMap::new();
        for ((view, row), diff) in self.changes.drain(..) {
            let values: Vec<String> = row[1..]
                .iter()
                .map(|value| if *value == Value::Null { "-".to_owned() } else { value.to_string() })
                .collect();
            *net.entry(format!("{} {}", view.def().name, values.join(" "))).or_default() += diff;
        }
        let mut text = String::new();
        for wanted in [-1, 1] {
            for (row, _) in net.iter().filter(|(_, diff)| **diff == wanted) {
                text.push_str(&format!("{} {} {row}\n", self.tick, if wanted > 0 { "+" } else { "-" }));
            }
        }
        assert!(net.values().all(|diff| (-1..=1).contains(diff)), "{net:?}");
        self.refused.sort_by(|a, b| (&a.id, a.code.as_str()).cmp(&(&b.id, b.code.as_str())));
        for refused in self.refused.drain(..) {
            text.push_str(&format!("{} refused {}: {}\n", self.tick, refused.code, refused.reason));
        }
        text
    }

    /// A new process with this one's base state, as of the last tick.
    pub(crate) fn restarted(&self, shards: usize) -> World {
        let mut new = World::sharded("{\"name\": \"t\", \"seed\": 1}", shards);
        new.def = self.def.clone();
        new.players = (0..shards).map(|_| PlayersMachine::new(self.def.clone(), realm())).collect();
        new.groups =
            (0..shards).map(|index| GroupsMachine::new(self.def.clone(), realm(), index, shards)).collect();
        new.facts = FactsMachine::new(realm(), &self.def);
        (new.tick, new.order) = (self.tick, self.order);
        (new.quests, new.clock, new.weather) =
            (self.quests.clone(), self.clock.clone(), self.weather.clone());
        (new.places, new.tags, new.levels) = (self.places.clone(), self.tags.clone(), self.levels.clone());
        new.base = self.base.clone();
        for ((operator, key), change) in &self.base {
            let value = change.value.clone().unwrap();
            let row = BaseRow { operator: (*operator).into(), route: change.route, key: key.clone(), value };
            let shard = new.shard(change.route.hash64());
            match *operator {
                PlayersMachine::NAME => new.players[shard].load(row),
                GroupsMachine::NAME => new.groups[shard].load(row),
                FactsMachine::NAME => new.facts.load(row),
                other => panic!("whose is a piece of {other}"),
            }
        }
        new.load_all();
        new
    }

    fn load_all(&mut self) {
        let mut players: Vec<Vec<PlayersIn>> = vec![Vec::new(); self.shards];
        let mut groups: Vec<Vec<GroupsIn>> = vec![Vec::new(); self.shards];
        let again: Vec<Given> = (self.quests.iter())
            .map(|(id, def)| Given::Define(id, Some(serde_json::to_string(&**def).unwrap())))
            .chain(self.clock.clone().map(Given::Clock))
            .chain(self.weather.values().cloned().map(Given::Weather))
            .chain(self.places.iter().map(|(player, place)| Given::Place(player, *place)))
            .chain(self.tags.iter().cloned().map(Given::Tags))
            .chain(self.levels.iter().map(|(player, level)| Given::Level(player, *level)))
            .collect();
        let (order, mut facts) = (self.order, Vec::new());
        for given in again {
            self.route(given, &mut players, &mut groups, &mut facts);
        }
        self.order = order;
        let mut output = Output::default();
        self.facts.loaded(self.tick, facts, &mut output);
        let told = self.take(output);
        self.tell_facts(told, &mut players, &mut groups);
        for (shard, mut inputs) in players.into_iter().enumerate() {
            shuffle(&mut inputs, 7);
            let mut output = Output::default();
            self.players[shard].loaded(self.tick, inputs, &mut output);
            assert!(output.base.is_empty(), "a load changes no base state");
            let told = self.take(output);
            self.tell_groups(told, &mut groups);
        }
        for (shard, mut inputs) in groups.into_iter().enumerate() {
            shuffle(&mut inputs, 7);
            let mut output = Output::default();
            self.groups[shard].loaded(self.tick, inputs, &mut output);
            assert!(output.base.is_empty(), "a load changes no base state");
            let told = self.take(output);
            told.into_iter().for_each(|conclusion| self.conclude(conclusion));
        }
        self.changes.clear();
        assert!(self.refused.is_empty());
    }

    /// The rows as of the last tick.
    pub(crate) fn rows_at(&self) -> Vec<(ViewId, Row)> {
        self.rows.keys().cloned().collect()
    }

    /// The rows as of the tick before the last.
    pub(crate) fn rows_before(&self) -> Vec<(ViewId, Row)> {
        self.before.clone()
    }

    pub(crate) fn pieces(&self) -> usize {
        self.base.len()
    }
}

fn shuffle<T>(inputs: &mut [T], seed: u64) {
    for n in (1..inputs.len()).rev() {
        let other =
            chance::below(seed, "shuffle", "", u64::try_from(n).unwrap(), u64::try_from(n).unwrap() + 1);
        inputs.swap(n, usize::try_from(other).unwrap());
    }
}
