//! The players: when they play, where they are, what they follow, and what they do next.
//!
//! They know what the definitions offer and what the views say (`board`), each draws from a stream of its own, and what they want
//! sent goes out through `mail`. How an objective is worked on is in `striving`.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};
use worldflow_schemas::definitions::{Accept, QuestDef, QuestState};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, chance};

use super::board::{Board, Who};
use super::gates::{Actor, Gates};
use super::mail::Mail;
use super::personality::{Mix, PERSONALITIES, Personality, Picks};
use super::tally::Tally;
use super::tastes::Tastes;
use crate::bots::{Deeds, Dice, patterns};
use crate::world::LoadedWorld;

/// Players in a party, and of an account.
const PARTY: usize = 4;
const ACCOUNT: usize = 2;

/// Players in a guild.
const GUILD: usize = 25;

/// How many quests a player looks at when it chooses one.
const LOOKED_AT: usize = 48;

/// All players arrive within this part of the time, and within this long.
const ARRIVE_PART: u64 = 20;
const ARRIVE_MS: u64 = 1_800_000;

/// One player.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) traits: &'static Personality,
    pub(super) dice: Dice,
    /// Where it is, to whom it belongs; the region is where it was last.
    pub(super) place: Actor,
    online: bool,
    known: bool,
    gone: bool,
    session_ends_ms: u64,
    /// When it does something next, in milliseconds since the beginning.
    next_ms: u64,
    /// The quest that it is at.
    pub(super) focus: Option<(Who, usize)>,
    /// By quest, the deeds in a row that have come to nothing, and how far it was.
    pub(super) fruitless: BTreeMap<usize, (u32, i64)>,
    /// Quests that it will not take up again.
    pub(super) given_up: FxHashSet<usize>,
}

impl Player {
    /// Does nothing for so much longer.
    pub(super) fn later(&mut self, ms: u64) {
        self.next_ms += ms;
    }

    /// Whether it has left for good.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }
}

/// All players of a world.
pub(super) struct Crowd<'w> {
    pub(super) world: &'w LoadedWorld,
    pub(super) quests: Vec<(&'w str, &'w QuestDef)>,
    pub(super) deeds: Deeds<'w>,
    pub(super) tastes: Tastes<'w>,
    players: Vec<Player>,
    /// Which quests are taken up by hand.
    by_hand: Vec<usize>,
    /// By exclusive group, its quests.
    groups: BTreeMap<&'w str, Vec<usize>>,
    /// What has been asked for in this step; the answer comes with the next rows.
    asked: FxHashSet<(Who, usize)>,
    /// Deeds done for each objective.
    pub(super) tries: BTreeMap<(usize, &'static str, &'static str), u64>,
}

impl<'w> Crowd<'w> {
    pub(super) fn new(
        world: &'w LoadedWorld,
        (count, mix): (usize, &Mix),
        seed: u64,
        horizon_ms: u64,
    ) -> Crowd<'w> {
        let patterns = patterns(world);
        let (deeds, tastes) = (Deeds::new(world), Tastes::new(world, &patterns));
        let quests: Vec<_> = world.quests.iter().map(|(id, quest)| (id.as_str(), &**quest)).collect();
        let by_hand = (0..quests.len()).filter(|place| quests[*place].1.accept != Accept::Auto).collect();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, (_, quest)) in quests.iter().enumerate() {
            if let Some(group) = &quest.exclusive_group {
                groups.entry(group).or_default().push(place);
            }
        }
        let scopes = scopes(world);
        let mut numbers = [0_usize; PERSONALITIES.len()];
        let player = |(number, personality): (usize, usize)| {
            let traits = &PERSONALITIES[personality];
            numbers[personality] += 1;
            let name = format!("{}-{:03}", traits.name, numbers[personality]);
            let mut dice = Dice::new(chance::draw(seed, "players", &name, 0));
            let region = deeds.region(&mut dice).unwrap_or_default();
            let of = |scope: Scope, id: String| {
                if scopes.contains(&scope) { Sym::new(&id) } else { Sym::NONE }
            };
            let place = Actor {
                player: Sym::new(&name),
                party: Sym::new(&format!("party-{:03}", number / PARTY + 1)),
                guild: Sym::new(&format!("guild-{:02}", number % count.div_ceil(GUILD) + 1)),
                account: of(Scope::Account, format!("account-{:03}", number / ACCOUNT + 1)),
                instance: of(Scope::Instance, format!("instance-{:03}", number / PARTY + 1)),
                region: Sym::new(region),
                realm: Sym::new(&world.world.name),
            };
            let within = usize::try_from((horizon_ms / ARRIVE_PART).min(ARRIVE_MS)).unwrap_or(usize::MAX);
            let next_ms = dice.below(within) as u64;
            Player {
                traits,
                dice,
                place,
                online: false,
                known: false,
                gone: false,
                session_ends_ms: 0,
                next_ms,
                focus: None,
                fruitless: BTreeMap::new(),
                given_up: FxHashSet::default(),
            }
        };
        let players = mix.of(count).into_iter().enumerate().map(player).collect();
        Crowd {
            world,
            quests,
            deeds,
            tastes,
            players,
            by_hand,
            groups,
            asked: FxHashSet::default(),
            tries: BTreeMap::new(),
        }
    }

    /// Every player with the place of its personality.
    pub(super) fn names(&self) -> Vec<(Sym, usize)> {
        let place = |traits: &Personality| PERSONALITIES.iter().position(|of| of.name == traits.name);
        self.players.iter().map(|of| (of.place.player, place(of.traits).unwrap_or(0))).collect()
    }

    /// Everyone who has ever come, by itself.
    pub(super) fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.players.iter().filter(|player| player.known).map(|player| &player.place)
    }

    /// The holders that there are of a scope: those that known players belong to.
    pub(super) fn holders(&self, scope: Scope) -> usize {
        let of: FxHashSet<Who> = match scope {
            Scope::Region => {
                let regions = self.world.world.regions.keys();
                regions.map(|region| (Scope::Region, Sym::new(region))).collect()
            }
            scope => self.actors().filter_map(|actor| actor.who(scope)).collect(),
        };
        of.len()
    }

    /// How many deeds were done for an objective.
    pub(super) fn tries(&self, quest: usize, stage: &str, objective: &str) -> u64 {
        let of_quest = self.tries.range((quest, "", "")..(quest + 1, "", ""));
        of_quest.filter(|((_, at, id), _)| (*at, *id) == (stage, objective)).map(|(_, tries)| *tries).sum()
    }

    /// When somebody does something next; `None` when nobody ever will.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.players.iter().filter(|player| !player.gone).map(|player| player.next_ms).min()
    }

    /// Everyone does what they do up to a moment.
    pub(super) fn act(&mut self, until_ms: u64, gates: Gates<'_>, mail: &mut Mail, tally: &mut Tally) {
        self.asked.clear();
        let mut players = std::mem::take(&mut self.players);
        for player in &mut players {
            while !player.gone && player.next_ms <= until_ms {
                let at_ms = player.next_ms;
                let (least, most) = player.traits.pace_s;
                player.next_ms += between(player, least, most, 1_000);
                self.turn(player, at_ms, gates, mail, tally);
            }
        }
        self.players = players;
    }

    fn turn(
        &mut self,
        player: &mut Player,
        at_ms: u64,
        gates: Gates<'_>,
        mail: &mut Mail,
        tally: &mut Tally,
    ) {
        mail.at(at_ms, player.place.player, player.traits.resends);
        if !player.online {
            return arrive(player, at_ms, mail, tally);
        }
        if at_ms >= player.session_ends_ms {
            let (least, most) = player.traits.pause_min;
            player.next_ms = at_ms + between(player, least, most, 60_000);
            return leave(player, mail);
        }
        let leaves = player.traits.leaves as usize;
        if player.dice.below(1_000) < leaves {
            return self.leave_for_good(player, mail, tally);
        }
        if let Some(of) = tally.of(player.place.player) {
            of.deeds += 1;
        }
        if self.turn_in(player, gates.board, mail) {
            return;
        }
        let traits = player.traits;
        if player.dice.below(1_000) < traits.stumbles as usize && self.stumble(player, gates.board, mail) {
            return;
        }
        let mut roll = u32::try_from(player.dice.below(100)).unwrap_or(0);
        let mut falls = |share: u32| {
            let falls = roll < share;
            roll = roll.saturating_sub(share);
            falls
        };
        if falls(traits.wanders) {
            self.wander(player, mail);
        } else if falls(traits.talks) {
            let talk = self.deeds.talk(&mut player.dice);
            talk.into_iter().for_each(|event| mail.event(event));
        } else if falls(traits.strays) {
            if !self.take_a_way(player, gates.board, mail) {
                self.stray(player, mail);
            }
        } else if !self.begin(player, gates, mail) {
            self.strive(player, gates, mail, tally);
        }
    }

    /// Does not come back.
    pub(super) fn leave_for_good(&self, player: &mut Player, mail: &mut Mail, tally: &mut Tally) {
        player.gone = true;
        leave(player, mail);
        if let Some(of) = tally.of(player.place.player) {
            of.left += 1;
        }
    }

    /// Turns in what is ready, and chooses what is to be chosen.
    fn turn_in(&mut self, player: &mut Player, board: &Board, mail: &mut Mail) -> bool {
        let ready = self.open(player, board, QuestState::Ready);
        let Some((who, quest)) = ready.into_iter().find(|key| self.asked.insert(*key)) else { return false };
        let mut event = quest_event("quest.turn_in", self.quests[quest].0);
        let slots = self.quests[quest].1.rewards.slots.values();
        let choices: Vec<&String> = slots.flat_map(|slot| slot.choice.keys()).collect();
        if let Some(choice) = player.dice.pick(&choices) {
            event.insert("with".to_owned(), json!({"choose": choice}));
        }
        if player.traits.resends > 50 {
            // What pays once is asked for twice.
            mail.event(event.clone());
        }
        mail.event(event);
        player.fruitless.remove(&quest);
        if player.focus == Some((who, quest)) {
            player.focus = None;
        }
        true
    }

    /// The quests of a player and its groups that are in a state.
    pub(super) fn open(&self, player: &Player, board: &Board, state: QuestState) -> Vec<(Who, usize)> {
        let whose = Scope::ALL.into_iter().filter_map(|scope| player.place.who(scope));
        let of = |who: Who| {
            let standings = board.of(who).filter(|(_, standing)| standing.state == state);
            standings.map(move |(quest, _)| (who, quest)).collect::<Vec<_>>()
        };
        whose.flat_map(of).collect()
    }

    /// Does what fails a quest.
    fn stumble(&self, player: &mut Player, board: &Board, mail: &mut Mail) -> bool {
        let open = self.open(player, board, QuestState::Active);
        let failing: Vec<_> =
            open.iter().filter_map(|(_, quest)| self.quests[*quest].1.fail_on.first()).collect();
        let Some(pattern) = player.dice.pick(&failing) else { return false };
        let event = self.deeds.matching(pattern, &mut player.dice);
        mail.event(event);
        true
    }

    fn wander(&self, player: &mut Player, mail: &mut Mail) {
        match self.deeds.region(&mut player.dice) {
            Some(region) => go(player, Sym::new(region), mail),
            None => self.stray(player, mail),
        }
    }

    /// Does something for no quest in particular: of a few things what it likes best.
    pub(super) fn stray(&self, player: &mut Player, mail: &mut Mail) {
        let deeds: Vec<_> = (0..3).filter_map(|_| self.deeds.any(&mut player.dice)).collect();
        let liked = |event: &Map<String, Value>| {
            let kind = event.get("kind").and_then(Value::as_str).unwrap_or_default();
            player.traits.tastes[self.tastes.of(kind) as usize]
        };
        let best = deeds
            .into_iter()
            .map(|event| (liked(&event), event))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.into_iter().for_each(|(_, event)| mail.event(event));
    }

    /// Takes up a quest, if there is room for one and it has a mind to.
    fn begin(&mut self, player: &mut Player, gates: Gates<'_>, mail: &mut Mail) -> bool {
        if self.by_hand.is_empty() || !player.dice.percent(player.traits.begins as usize) {
            return false;
        }
        let followed = self.open(player, gates.board, QuestState::Active);
        let by_hand = |(_, quest): &&(Who, usize)| {
            self.quests[*quest].1.accept != Accept::Auto && !player.given_up.contains(quest)
        };
        if followed.iter().filter(by_hand).count() >= player.traits.follows {
            return false;
        }
        let from = player.dice.below(self.by_hand.len());
        let looked_at = (0..self.by_hand.len().min(LOOKED_AT)).map(|n| (from + n) % self.by_hand.len());
        let mut looked_at: Vec<usize> = looked_at.map(|n| self.by_hand[n]).collect();
        looked_at.sort_unstable();
        let mut choice: Vec<(Who, usize)> = Vec::new();
        for quest in looked_at {
            if let Some(who) = self.may_begin(player, quest, gates) {
                choice.push((who, quest));
            }
        }
        let Some((who, quest)) = self.chosen(player, &choice) else { return false };
        self.asked.insert((who, quest));
        player.focus = Some((who, quest));
        let (id, def) = self.quests[quest];
        let offered = gates.board.standing(who, quest).is_some_and(|of| of.state == QuestState::Offered);
        if def.accept == Accept::Offered && !offered {
            // Somebody in the game has a quest for the player.
            mail.event(quest_event("quest.offer", id));
        } else if def.accept == Accept::Offered && player.dice.percent(5) {
            mail.event(quest_event("quest.decline", id));
        } else {
            mail.event(quest_event("quest.accept", id));
        }
        true
    }

    fn chosen(&self, player: &mut Player, choice: &[(Who, usize)]) -> Option<(Who, usize)> {
        let work = |quest: usize| -> usize {
            let stages = self.quests[quest].1.stages.iter();
            stages.flat_map(|(_, stage)| stage.objectives.iter()).map(|(_, of)| of.need() as usize).sum()
        };
        match player.traits.picks {
            Picks::InOrder => choice.first().copied(),
            Picks::Shortest => choice.iter().copied().min_by_key(|(_, quest)| (work(*quest), *quest)),
            Picks::Liked => {
                let liked = |quest: usize| -> usize {
                    let stages = self.quests[quest].1.stages.iter();
                    let kinds = stages.flat_map(|(_, stage)| stage.objectives.iter());
                    let tastes =
                        kinds.map(|(_, of)| player.traits.tastes[self.tastes.of(&of.event) as usize]);
                    tastes.max().unwrap_or(1) as usize
                };
                let total: usize = choice.iter().map(|(_, quest)| liked(*quest)).sum();
                let mut at = player.dice.below(total);
                choice.iter().copied().find(|(_, quest)| {
                    let here = at < liked(*quest);
                    at = at.saturating_sub(liked(*quest));
                    here
                })
            }
        }
    }

    /// Whose a quest would be that this player may take up, and wants to.
    fn may_begin(&self, player: &mut Player, quest: usize, gates: Gates<'_>) -> Option<Who> {
        let (_, def) = self.quests[quest];
        if player.given_up.contains(&quest) {
            return None;
        }
        let who = player.place.who(def.scope)?;
        if self.asked.contains(&(who, quest)) {
            return None;
        }
        let taken = |other: &usize| {
            let standing = gates.board.standing(who, *other);
            *other != quest && standing.is_some_and(|of| of.state.is_open() || of.completions > 0)
        };
        let group = def.exclusive_group.as_deref().and_then(|group| self.groups.get(group));
        if group.is_some_and(|others| others.iter().any(taken)) {
            return None;
        }
        let gated = def.is_gated();
        let standing = gates.board.standing(who, quest);
        let available = match standing.map(|of| of.state) {
            None => !gated,
            Some(QuestState::Available | QuestState::Offered) => true,
            Some(QuestState::Failed | QuestState::Expired | QuestState::Abandoned) => {
                let actor = if def.scope == Scope::Player {
                    player.place
                } else {
                    Actor::of(who, player.place.realm)
                };
                gates.holds(&def.requires, &actor)
            }
            Some(_) => false,
        };
        let done_before = standing.is_some_and(|of| of.completions > 0);
        let wants = !done_before || player.dice.percent(player.traits.repeats as usize);
        (available && wants).then_some(who)
    }
}

/// The scopes that something in a world is kept for.
fn scopes(world: &LoadedWorld) -> Vec<Scope> {
    let quests = world.quests.values().map(|quest| quest.scope);
    let facts = world.world.facts.values().map(|fact| fact.scope);
    quests.chain(facts).chain(world.world.lifetime.values().map(|counter| counter.scope)).collect()
}

fn between(player: &mut Player, least: u32, most: u32, unit_ms: u64) -> u64 {
    let more = (u64::from(most.saturating_sub(least)) * unit_ms).max(1);
    u64::from(least) * unit_ms + player.dice.below(usize::try_from(more).unwrap_or(usize::MAX)) as u64
}

fn arrive(player: &mut Player, at_ms: u64, mail: &mut Mail, tally: &mut Tally) {
    let (least, most) = player.traits.session_min;
    player.session_ends_ms = at_ms + between(player, least, most, 60_000);
    player.online = true;
    mail.presence(&player.place, true);
    if !std::mem::replace(&mut player.known, true) {
        for scope in [Scope::Party, Scope::Guild, Scope::Account] {
            if let Some((scope, group)) = player.place.who(scope) {
                mail.joins(scope, group);
            }
        }
    }
    if let Some(of) = tally.of(player.place.player) {
        of.sessions += 1;
    }
}

fn leave(player: &mut Player, mail: &mut Mail) {
    player.online = false;
    mail.presence(&player.place, false);
}

/// Walks to another region.
pub(super) fn go(player: &mut Player, region: Sym, mail: &mut Mail) {
    if player.place.region != region {
        player.place.region = region;
        mail.presence(&player.place, true);
    }
}

/// An event about a quest.
pub(super) fn quest_event(kind: &str, quest: &str) -> Map<String, Value> {
    Map::from_iter([("kind".to_owned(), json!(kind)), ("target".to_owned(), json!(quest))])
}
