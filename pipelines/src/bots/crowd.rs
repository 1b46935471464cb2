//! The players: where they are, which quests they follow, and what they do next.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use worldflow_schemas::definitions::{Accept, Condition, QuestDef, TurnIn};
use worldflow_schemas::input::Scope;

use super::deeds::Deeds;
use super::dice::Dice;
use crate::world::LoadedWorld;

/// Players in a party.
const PARTY: usize = 4;

/// The guilds, to which players belong by turns.
const GUILDS: [&str; 2] = ["lanterns", "ravens"];

/// The quests that a player follows at a time, accepted ones of a party included.
const MOST_FOLLOWED: usize = 4;

/// What the crowd wants the server to be told.
#[derive(Debug)]
pub(super) enum Deed {
    /// An event.
    Event(Map<String, Value>),
    /// A write.
    Write(Value),
}

/// Where a quest stands for a holder, as the socket said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: String,
    pub(super) stage: String,
}

#[derive(Debug)]
struct Player {
    name: String,
    party: String,
    guild: &'static str,
    region: String,
}

/// All the players of one game server.
#[derive(Debug)]
pub(super) struct Crowd<'w> {
    world: &'w LoadedWorld,
    deeds: Deeds<'w>,
    dice: Dice,
    players: Vec<Player>,
    /// By scope, holder and quest.
    quests: BTreeMap<(String, String, String), Standing>,
    /// Quests that players or their parties accept by hand.
    manual: Vec<(&'w str, &'w QuestDef)>,
    next: usize,
}

impl<'w> Crowd<'w> {
    pub(super) fn new(world: &'w LoadedWorld, players: u32, seed: u64) -> Crowd<'w> {
        let mut dice = Dice::new(seed);
        let deeds = Deeds::new(world);
        let player = |number: usize, dice: &mut Dice| Player {
            name: format!("bot-{number:03}"),
            party: format!("party-{:02}", number / PARTY),
            guild: GUILDS[number % GUILDS.len()],
            region: deeds.region(dice).unwrap_or_default().to_owned(),
        };
        let players = (0..players as usize).map(|number| player(number, &mut dice)).collect();
        let quests = world.quests.iter().filter(|(_, quest)| quest.accept == Accept::Manual);
        let manual = quests.map(|(id, quest)| (id.as_str(), &**quest)).collect();
        Crowd { world, deeds, dice, players, quests: BTreeMap::new(), manual, next: 0 }
    }

    /// Everyone's arrival.
    pub(super) fn arrivals(&self) -> Vec<Value> {
        let mut writes = Vec::new();
        for player in &self.players {
            writes.push(presence(player));
            writes.push(membership(&player.name, "party", &player.party));
            writes.push(membership(&player.name, "guild", player.guild));
        }
        writes
    }

    /// Everyone's leaving.
    pub(super) fn departures(&self) -> Vec<Value> {
        let players = self.players.iter();
        players.map(|player| json!({"presence": {"player": player.name, "away": true}})).collect()
    }

    /// Takes note of a quest of any holder; `None` when its row is gone. Says whether it is done now.
    pub(super) fn learn(
        &mut self,
        scope: &str,
        holder: &str,
        quest: &str,
        standing: Option<Standing>,
    ) -> bool {
        let key = (scope.to_owned(), holder.to_owned(), quest.to_owned());
        match standing {
            Some(standing) => {
                let done = standing.state == "done";
                let before = self.quests.insert(key, standing);
                done && before.is_none_or(|before| before.state != "done")
            }
            None => {
                self.quests.remove(&key);
                false
            }
        }
    }

    /// What the next player does: a few deeds that belong together.
    pub(super) fn act(&mut self) -> Vec<Deed> {
        if self.players.is_empty() {
            return Vec::new();
        }
        // A player is drawn around a turn, so that nobody waits forever and nobody acts by the clock.
        self.next = (self.next + 1 + self.dice.below(7)) % self.players.len();
        let number = self.next;
        if let Some(quest) = self.ready(number) {
            return vec![self.event(number, self.turn_in(&quest))];
        }
        match self.dice.below(100) {
            0..8 => self.wander(number),
            8..16 => self.converse(number),
            16..20 => self.stray(number),
            20 => self.stumble(number),
            _ => {
                let begun = self.begin(number);
                if begun.is_empty() { self.strive(number) } else { begun }
            }
        }
    }

    /// Walks to another region.
    fn wander(&mut self, number: usize) -> Vec<Deed> {
        match self.deeds.region(&mut self.dice) {
            Some(region) => self.go(number, region).into_iter().collect(),
            None => self.stray(number),
        }
    }

    fn go(&mut self, number: usize, region: &str) -> Option<Deed> {
        let player = &mut self.players[number];
        if player.region == region {
            return None;
        }
        region.clone_into(&mut player.region);
        Some(Deed::Write(presence(player)))
    }

    fn converse(&mut self, number: usize) -> Vec<Deed> {
        let talk = self.deeds.talk(&mut self.dice);
        talk.map(|event| self.event(number, event)).into_iter().collect()
    }

    /// Does something for no quest in particular.
    fn stray(&mut self, number: usize) -> Vec<Deed> {
        let deed = self.deeds.any(&mut self.dice);
        deed.map(|event| self.event(number, event)).into_iter().collect()
    }

    /// Does what fails a quest.
    fn stumble(&mut self, number: usize) -> Vec<Deed> {
        let open = self.open(number);
        let failing = open.iter().find_map(|(quest, _)| quest.fail_on.first());
        match failing {
            Some(pattern) => {
                let event = self.deeds.matching(pattern, &mut self.dice);
                vec![self.event(number, event)]
            }
            None => self.stray(number),
        }
    }

    /// Accepts a quest, if there is room for one.
    fn begin(&mut self, number: usize) -> Vec<Deed> {
        let open = self.open(number);
        let followed = open.iter().filter(|(quest, _)| quest.accept == Accept::Manual).count();
        if followed >= MOST_FOLLOWED || !self.dice.percent(25) {
            return Vec::new();
        }
        let Some(&(id, quest)) = self.dice.pick(&self.manual) else { return Vec::new() };
        match self.holder(number, quest.scope) {
            Some(holder) if self.may_accept(&holder, id, quest) => {
                vec![self.event(number, quest_event("quest.accept", id))]
            }
            _ => Vec::new(),
        }
    }

    /// A quest is turned in, to the first of those whom it names.
    fn turn_in(&self, quest: &str) -> Map<String, Value> {
        let mut event = quest_event("quest.turn_in", quest);
        if let Some(TurnIn::Npc(names)) = self.world.quests.get(quest).map(|def| &def.turn_in) {
            let entities = self.world.world.entities.iter();
            let mut named = entities.filter(|(id, entity)| {
                names.as_slice().iter().any(|name| name == *id || entity.tags.contains(name))
            });
            if let Some((npc, _)) = named.next() {
                event.insert("with".to_owned(), json!({"npc": npc}));
            }
        }
        event
    }

    /// Whether a quest seems to be available, from what the socket has said.
    fn may_accept(&self, holder: &str, id: &str, quest: &QuestDef) -> bool {
        let key = (quest.scope.name().to_owned(), holder.to_owned(), id.to_owned());
        let grouped = quest.exclusive_group.as_ref().is_some_and(|group| {
            let others =
                self.world.quests.iter().filter(|(_, other)| other.exclusive_group.as_ref() == Some(group));
            let mut keys = others.map(|(other, _)| (key.0.clone(), key.1.clone(), other.clone()));
            keys.any(|key| self.quests.get(&key).is_some_and(|standing| is_open_or_done(&standing.state)))
        });
        let free = quest.requires == Condition::default();
        match self.quests.get(&key) {
            _ if grouped => false,
            None => free,
            Some(standing) => match standing.state.as_str() {
                "available" => true,
                "failed" | "expired" | "abandoned" => free,
                _ => false,
            },
        }
    }

    /// Does something for a quest it follows.
    fn strive(&mut self, number: usize) -> Vec<Deed> {
        let open = self.open(number);
        let Some((quest, standing)) = self.dice.pick(&open).cloned() else { return self.stray(number) };
        let Some(stage) = quest.stages.get(&standing.stage) else { return self.stray(number) };
        let Some((_, objective)) = self.dice.pick(&stage.objectives.0) else { return Vec::new() };
        if objective.holds.is_some() {
            return self.stray(number);
        }
        let event = self.deeds.towards(objective, &mut self.dice);
        let region = event.get("region").and_then(Value::as_str).map(str::to_owned);
        let walk = region.and_then(|region| self.go(number, &region));
        walk.into_iter().chain([self.event(number, event)]).collect()
    }

    /// A quest that can be turned in.
    fn ready(&self, number: usize) -> Option<String> {
        Scope::ALL.into_iter().find_map(|scope| {
            let holder = self.holder(number, scope)?;
            let ready = self.of_holder(scope, &holder).find(|(_, standing)| standing.state == "ready");
            ready.map(|(quest, _)| quest.to_owned())
        })
    }

    /// The active quests of a player and the groups it belongs to.
    fn open(&self, number: usize) -> Vec<(&'w QuestDef, Standing)> {
        let mut open = Vec::new();
        for scope in Scope::ALL {
            let Some(holder) = self.holder(number, scope) else { continue };
            for (id, standing) in self.of_holder(scope, &holder).filter(|(_, it)| it.state == "active") {
                if let Some(quest) = self.world.quests.get(id) {
                    open.push((&**quest, standing.clone()));
                }
            }
        }
        open
    }

    fn of_holder(&self, scope: Scope, holder: &str) -> impl Iterator<Item = (&str, &Standing)> {
        let first = (scope.name().to_owned(), holder.to_owned(), String::new());
        let (scope, holder) = (scope.name(), holder.to_owned());
        let rows = self.quests.range(first..);
        rows.take_while(move |((s, h, _), _)| s == scope && *h == holder)
            .map(|((_, _, quest), it)| (quest.as_str(), it))
    }

    /// Who holds quests of a scope for a player. The realm's holder is the realm's name.
    fn holder(&self, number: usize, scope: Scope) -> Option<String> {
        let player = &self.players[number];
        match scope {
            Scope::Player => Some(player.name.clone()),
            Scope::Party => Some(player.party.clone()),
            Scope::Guild => Some(player.guild.to_owned()),
            Scope::Region => Some(player.region.clone()),
            Scope::Realm => {
                self.quests.keys().find(|(scope, _, _)| scope == "realm").map(|key| key.1.clone())
            }
            Scope::Account | Scope::Instance => None,
        }
    }

    fn event(&self, number: usize, mut event: Map<String, Value>) -> Deed {
        event.insert("player".to_owned(), json!(self.players[number].name));
        Deed::Event(event)
    }

    /// Whether a grant fits into the player's bag; one in fifty does not.
    pub(super) fn takes(&mut self) -> bool {
        !self.dice.percent(2)
    }
}

fn is_open_or_done(state: &str) -> bool {
    matches!(state, "active" | "ready" | "done")
}

fn quest_event(kind: &str, quest: &str) -> Map<String, Value> {
    Map::from_iter([("kind".to_owned(), json!(kind)), ("target".to_owned(), json!(quest))])
}

fn presence(player: &Player) -> Value {
    if player.region.is_empty() {
        return json!({"presence": {"player": player.name}});
    }
    json!({"presence": {"player": player.name, "region": player.region}})
}

fn membership(player: &str, scope: &str, group: &str) -> Value {
    json!({"membership": {"player": player, "scope": scope, "group": group}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(seed: u64) -> Vec<String> {
        let world = LoadedWorld::greenvale().expect("Greenvale is right");
        let mut crowd = Crowd::new(&world, 20, seed);
        (0..300).flat_map(|_| crowd.act()).map(|deed| format!("{deed:?}")).collect()
    }

    #[test]
    fn the_same_seed_plays_the_same_game() {
        assert_eq!(deeds(1), deeds(1));
        assert_ne!(deeds(1), deeds(2));
    }

    #[test]
    fn players_follow_their_quests_and_turn_them_in() {
        let world = LoadedWorld::greenvale().expect("Greenvale is right");
        let mut crowd = Crowd::new(&world, 1, 7);
        let standing = |state: &str| Standing { state: state.to_owned(), stage: "hunt".to_owned() };
        crowd.learn("player", "bot-000", "wolves_at_the_gate", Some(standing("active")));
        let deeds: Vec<String> = (0..100).flat_map(|_| crowd.act()).map(|deed| format!("{deed:?}")).collect();
        assert!(deeds.iter().filter(|deed| deed.contains("\"wolf\"")).count() > 10);
        assert!(!crowd.learn("player", "bot-000", "wolves_at_the_gate", Some(standing("ready"))));
        assert!(format!("{:?}", crowd.act()).contains("quest.turn_in"));
        assert!(crowd.learn("player", "bot-000", "wolves_at_the_gate", Some(standing("done"))));
        assert!(!crowd.learn("player", "bot-000", "wolves_at_the_gate", Some(standing("done"))));
    }
}
