//! Bots: players who read what definitions ask for and do it, and now and then something else.
//!
//! They know nothing of Glitch: what they do follows from the definitions, the facts that events change, and a seed.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::chance;
use worldflow_schemas::definitions::{
    Accept, Aggregate, Condition, ObjectiveDef, Pattern, QuestDef, StageDef, Test, TurnIn,
};
use worldflow_schemas::input::{MembershipWrite, PresenceWrite, Scope, WriteOrder};
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Tick, Value};

use super::realms::{Realm, named};

/// Who plays: four who finish what they begin, and one who does not.
pub(crate) const PLAYERS: [&str; 4] = ["ada", "bob", "cyd", "dan"];
pub(crate) const CARELESS: &str = "eve";
pub(crate) const STREETS: [&str; 2] = ["groddle_meadow", "ix_street"];

/// How many quests, and how many achievements, a bot has at hand at once.
const AT_ONCE: (usize, usize) = (12, 60);

/// What a bot does: an event but for its player and its time.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) kind: String,
    pub(crate) target: Sym,
    pub(crate) amount: i64,
    /// In the order of their names.
    pub(crate) with: Vec<(&'static str, Value)>,
    pub(crate) region: Sym,
}

pub(crate) struct Bots<'w> {
    pub(crate) world: &'w Realm,
    seed: u64,
    drawn: u64,
    number: u64,
    /// Where the next round begins.
    pub(crate) tick: Tick,
    inputs: BTreeMap<Tick, Vec<Input>>,
}

impl<'w> Bots<'w> {
    pub(crate) fn new(world: &'w Realm, seed: u64) -> Bots<'w> {
        let tick = 1_700_000_000_000 / u64::from(world.world.tick_ms);
        Bots { world, seed, drawn: 0, number: 0, tick, inputs: BTreeMap::new() }
    }

    /// One time in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        chance::below(self.seed, "glitch", "bots", self.drawn, bound)
    }

    pub(crate) fn send(&mut self, tick: Tick, player: &str, deed: Deed) {
        self.number += 1;
        let with: Vec<(Sym, Value)> =
            deed.with.into_iter().map(|(name, value)| (Sym::new(name), value)).collect();
        let event = Event {
            at_ms: self.at_ms(tick),
            source: Sym::new("bots"),
            id: EventId::Position(self.number),
            player: Sym::new(player),
            kind: Sym::new(&deed.kind),
            target: deed.target,
            region: deed.region,
            amount: deed.amount,
            with: (!with.is_empty()).then(|| with.into()),
        };
        self.inputs.entry(tick).or_default().push(Input::Event(event));
    }

    /// A request about a quest.
    pub(crate) fn ask(&mut self, tick: Tick, player: &str, verb: &str, quest: &str) {
        self.send(tick, player, deed(verb, quest, 1));
    }

    fn at_ms(&self, tick: Tick) -> i64 {
        i64::try_from(tick * u64::from(self.world.world.tick_ms)).expect("not that late")
    }

    fn command(&mut self, make: impl FnOnce(WriteOrder) -> Command) {
        self.number += 1;
        let (at_ms, id) = (self.at_ms(self.tick), EventId::Position(self.number));
        let command = make(WriteOrder { at_ms, source: Sym::new("bots"), id });
        self.inputs.entry(self.tick).or_default().push(Input::Command(command));
    }

    /// Everyone comes, each to a street; two belong to each guild.
    pub(crate) fn arrive(&mut self) {
        for (place, player) in PLAYERS.iter().chain([&CARELESS]).enumerate() {
            let (player, region) = (Sym::new(player), Sym::new(STREETS[place % 2]));
            self.command(|order| {
                let (server, instance) = (Sym::new("gs1"), Sym::NONE);
                Command::Presence(PresenceWrite { order, player, server, region, instance })
            });
            if place < 4 {
                let group = Sym::new(GUILDS[place / 2]);
                let scope = Scope::Guild;
                self.command(|order| Command::Membership(MembershipWrite { order, player, scope, group }));
            }
        }
        self.tick += 1;
    }

    /// All that was done, and until when it is looked at: until what waits for days has expired.
    pub(crate) fn end(self) -> (BTreeMap<Tick, Vec<Input>>, Tick) {
        let deadlines = self.world.quests.values().filter_map(|quest| quest.deadline);
        let longest = deadlines.map(|span| span.ms / u64::from(self.world.world.tick_ms)).max();
        (self.inputs, self.tick + longest.unwrap_or(0) + 10)
    }
}

const GUILDS: [&str; 2] = ["oak", "elm"];

pub(crate) fn deed(kind: &str, target: &str, amount: i64) -> Deed {
    Deed { kind: kind.to_owned(), target: Sym::new(target), amount, with: Vec::new(), region: Sym::NONE }
}

/// What an event of a pattern is.
pub(crate) fn of_pattern(pattern: &Pattern, amount: i64) -> Deed {
    let target = pattern.target.as_ref().and_then(|targets| targets.as_slice().first());
    let with = pattern.attributes.iter().map(|(name, test)| {
        let Test::Is(serde_json::Value::String(text)) = test else { panic!("{test:?}: attributes are ids") };
        (Sym::new(name).as_str(), Value::Sym(Sym::new(text)))
    });
    Deed { with: with.collect(), ..deed(&pattern.event, target.map_or("", |target| target), amount) }
}

/// How deep an objective of a stage is hidden: how often something has to be done before it counts.
pub(crate) fn depth(stage: &StageDef, name: &str) -> u64 {
    let def = stage.objectives.iter().find(|(known, _)| *known == name).expect("it is there").1;
    def.hidden_until.iter().map(|other| 1 + depth(stage, other)).max().unwrap_or(0)
}

impl Bots<'_> {
    /// What makes a condition hold, but for quests that have to be done.
    pub(crate) fn preparing(&self, condition: &Condition) -> Vec<Deed> {
        let mut deeds = Vec::new();
        for (fact, test) in &condition.facts {
            let updates = &self.world.world.facts[fact].changed_by;
            let update = match test {
                Test::Is(_) => updates.iter().find(|update| update.set.is_some()).map(|update| (update, 1)),
                Test::Range(range) => {
                    let least =
                        range.at_least.as_ref().and_then(serde_json::Number::as_i64).expect("a bound");
                    let adds = |by: &serde_json::Number| by.as_i64() == Some(1);
                    updates
                        .iter()
                        .find(|update| update.add.as_ref().is_some_and(adds))
                        .map(|update| (update, least))
                }
            };
            let (update, amount) = update.unwrap_or_else(|| panic!("no event changes {fact} so"));
            if amount > 0 {
                deeds.push(of_pattern(&update.pattern, amount));
            }
        }
        deeds.extend(condition.all.iter().flat_map(|inner| self.preparing(inner)));
        deeds.extend(condition.any.first().into_iter().flat_map(|inner| self.preparing(inner)));
        deeds
    }

    /// What gets an objective done: what prepares it, and the events that count, in some parts.
    pub(crate) fn doing(&mut self, objective: &ObjectiveDef) -> (Vec<Deed>, Vec<Deed>) {
        if let Some(holds) = &objective.holds {
            return (self.preparing(holds), Vec::new());
        }
        let before = objective.when.as_ref().map(|when| self.preparing(when)).unwrap_or_default();
        let pattern = objective.pattern();
        let (aggregate, need) = objective.aggregate();
        let mut deeds = Vec::new();
        if aggregate == Aggregate::Distinct {
            let of = Sym::new(objective.of.as_ref().expect("different labels are counted")).as_str();
            for n in 0..=need {
                // One comes twice, and counts once.
                let label = Value::Sym(Sym::new(&format!("label_{}", n.min(need - 1))));
                deeds.push(Deed { with: vec![(of, label)], ..of_pattern(&pattern, 1) });
            }
        } else {
            let need = i64::from(need);
            let first = 1 + i64::try_from(self.below(need.unsigned_abs().max(1))).expect("small");
            deeds.push(of_pattern(&pattern, first));
            if first < need || self.once_in(4) {
                deeds.push(of_pattern(&pattern, (need - first).max(1)));
            }
        }
        (before, deeds)
    }

    /// Something like it that does not count.
    pub(crate) fn wrong(&mut self, deed: &Deed) -> Deed {
        let kinds = ["flag", "counter", "make", "give", "work", "stat"];
        let mut wrong = deed.clone();
        if self.once_in(3) {
            kinds[usize::try_from(self.below(6)).expect("small")].clone_into(&mut wrong.kind);
            wrong.with.clear();
            if wrong.target.is_none() {
                wrong.target = Sym::new("familiar");
            }
        } else if !wrong.target.is_none() {
            let all = &self.world.world.entities;
            let place = usize::try_from(self.below(all.len() as u64)).expect("small");
            wrong.target = Sym::new(all.keys().nth(place).expect("it is one of them"));
        } else {
            wrong = Deed { kind: "report".to_owned(), target: Sym::new("familiar"), ..wrong };
            wrong.with.clear();
        }
        wrong
    }

    /// Every bot plays its share of the players' quests and achievements, with all that has to be done before.
    pub(crate) fn play_quests(&mut self) {
        let depths = depths(self.world);
        let begin = self.tick;
        let mut end = begin;
        for (bot, player) in PLAYERS.iter().enumerate() {
            self.tick = begin;
            let mut levels: BTreeMap<u64, [Vec<&str>; 2]> = BTreeMap::new();
            for id in share(self.world, bot) {
                let auto = self.world.quests[id].accept == Accept::Auto;
                levels.entry(depths[id]).or_default()[usize::from(auto)].push(id);
            }
            for [quests, badges] in levels.into_values() {
                let rounds = quests.len().div_ceil(AT_ONCE.0).max(badges.len().div_ceil(AT_ONCE.1));
                for round in 0..rounds {
                    for id in quests.iter().skip(round * AT_ONCE.0).take(AT_ONCE.0) {
                        self.play_quest(player, id);
                    }
                    for (n, id) in badges.iter().skip(round * AT_ONCE.1).take(AT_ONCE.1).enumerate() {
                        self.play_badge(player, id, n as u64 % 8);
                    }
                    self.tick += ROUND;
                }
            }
            end = end.max(self.tick);
        }
        self.tick = end;
        self.be_careless(begin);
    }

    /// Does what an achievement counts.
    fn play_badge(&mut self, player: &str, id: &str, late: u64) {
        let def = self.world.quests[id].clone();
        for (_, objective) in def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter()) {
            let (before, deeds) = self.doing(objective);
            for (n, deed) in before.into_iter().chain(deeds).enumerate() {
                if self.once_in(5) {
                    let wrong = self.wrong(&deed);
                    self.send(self.tick + late, player, wrong);
                }
                self.send(self.tick + late + n as u64 % 2, player, deed);
            }
        }
    }

    /// Plays a quest from the offer to the turn-in; one in five times gives up first.
    fn play_quest(&mut self, player: &str, id: &str) {
        let (def, tick) = (self.world.quests[id].clone(), self.tick);
        if self.once_in(3) {
            self.ask(tick, player, "quest.accept", id);
        }
        for deed in self.preparing(&def.requires) {
            self.send(tick, player, deed);
        }
        self.ask(tick + 1, player, "quest.offer", id);
        if self.once_in(6) {
            self.ask(tick + 2, player, "quest.decline", id);
            self.ask(tick + 2, player, "quest.offer", id);
        }
        self.ask(tick + 2, player, "quest.accept", id);
        let gives_up = self.once_in(5);
        if gives_up {
            self.do_some(player, &def, tick + 3);
            self.ask(tick + 4, player, "quest.abandon", id);
            self.ask(tick + 5, player, "quest.offer", id);
            self.ask(tick + 5, player, "quest.accept", id);
        }
        if self.once_in(4) {
            self.turn_in(player, id, &def, tick + 5);
        }
        self.do_all(player, &def, tick + 5);
        if let TurnIn::Npc(_) = def.turn_in {
            self.ask(tick + 9, player, "quest.turn_in", id);
            let npc = vec![("npc", Value::Sym(Sym::new("giant_pot")))];
            self.send(tick + 9, player, Deed { with: npc, ..deed("quest.turn_in", id, 1) });
        }
        self.turn_in(player, id, &def, tick + 10);
        if def.repeat.is_some() {
            self.ask(tick + 12, player, "quest.offer", id);
            self.ask(tick + 12, player, "quest.accept", id);
            self.do_all(player, &def, tick + 12);
            self.turn_in(player, id, &def, tick + 16);
        }
    }

    fn turn_in(&mut self, player: &str, id: &str, def: &QuestDef, tick: Tick) {
        let with = match &def.turn_in {
            TurnIn::Npc(names) => {
                let place = usize::try_from(self.below(names.as_slice().len() as u64)).expect("small");
                vec![("npc", Value::Sym(Sym::new(&names.as_slice()[place])))]
            }
            TurnIn::Manual => Vec::new(),
            TurnIn::Auto => return,
        };
        self.send(tick, player, Deed { with, ..deed("quest.turn_in", id, 1) });
    }

    /// Some of what a quest asks for, and things like it.
    fn do_some(&mut self, player: &str, def: &QuestDef, tick: Tick) {
        for (_, objective) in def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter()) {
            for deed in self.doing(objective).1.into_iter().take(1) {
                let wrong = self.wrong(&deed);
                self.send(tick, player, wrong);
                if self.once_in(2) {
                    self.send(tick, player, deed);
                }
            }
        }
    }

    /// All of what the one stage of a quest asks for; preparations from `tick` on, what counts a tick later each.
    fn do_all(&mut self, player: &str, def: &QuestDef, tick: Tick) {
        for (_, stage) in def.stages.iter() {
            for (name, objective) in stage.objectives.iter() {
                let at = tick + 2 * depth(stage, name);
                let (before, deeds) = self.doing(objective);
                for deed in before {
                    self.send(at, player, deed);
                }
                for deed in deeds {
                    if self.once_in(4) {
                        let wrong = self.wrong(&deed);
                        self.send(at + 1, player, wrong);
                    }
                    self.send(at + 1, player, deed);
                }
            }
        }
    }

    /// One who asks for anything at any time, and finishes nothing on purpose.
    fn be_careless(&mut self, begin: Tick) {
        let verbs = [
            "quest.offer",
            "quest.accept",
            "quest.accept",
            "quest.turn_in",
            "quest.abandon",
            "quest.decline",
        ];
        let ids: Vec<&String> = self.world.quests.keys().collect();
        for _ in 0..ids.len() * 2 / 3 {
            let tick = begin + self.below((self.tick - begin) / 3) * 3;
            let id = ids[usize::try_from(self.below(ids.len() as u64)).expect("small")];
            let verb = verbs[usize::try_from(self.below(6)).expect("small")];
            self.ask(tick, CARELESS, "quest.offer", id);
            self.ask(tick, CARELESS, verb, id);
            let def = self.world.quests[id].clone();
            self.do_some(CARELESS, &def, tick);
        }
    }
}

/// How long a bot has for the quests at hand.
const ROUND: Tick = 18;

/// What a bot plays: every fourth quest of players and every fourth achievement, and what has to be done before.
fn share(world: &Realm, bot: usize) -> BTreeSet<&str> {
    let of_players = world.quests.iter().filter(|(_, def)| def.scope == Scope::Player);
    let own = of_players.enumerate().filter(|(n, _)| n % PLAYERS.len() == bot);
    let mut open: Vec<&str> = own.map(|(_, (id, _))| id.as_str()).collect();
    let mut all = BTreeSet::new();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            let named = named(&world.quests[id].requires, true);
            open.extend(named.into_iter().filter(|(_, wanted)| *wanted).map(|(id, _)| id));
        }
    }
    all
}

/// In which round each quest can be played: after those that it asks for, and before those that shut it out.
fn depths(world: &Realm) -> BTreeMap<&str, u64> {
    let mut after: Vec<(&str, &str)> = Vec::new();
    for (id, def) in &world.quests {
        for (other, wanted) in named(&def.requires, true) {
            after.push(if wanted { (other, id) } else { (id, other) });
        }
    }
    let mut depths: BTreeMap<&str, u64> = world.quests.keys().map(|id| (id.as_str(), 0)).collect();
    for _ in 0..=world.quests.len() {
        let mut settled = true;
        for (first, then) in &after {
            let least = depths[first] + 1;
            if depths[then] < least {
                depths.insert(then, least);
                settled = false;
            }
        }
        if settled {
            return depths;
        }
    }
    panic!("quests ask for each other in a circle");
}
