//! The evaluator's own reading of NPCs and storylets: it keeps every line that was ever said, and goes through all of
//! them whenever it asks how often, how long ago, or what comes next. No tier ever answers it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow_schemas::chance::draw;
use worldflow_schemas::definitions::{
    Condition, Effect as EffectDef, NpcDef, Span, StoryTrigger, StoryletDef,
};
use worldflow_schemas::input::{DefinitionEdit, FactChange, Holder, Scope};
use worldflow_schemas::{Command, Event, Input, Sym, Tick, Value};

use super::conditions::Actor;
use super::counting::times;
use super::spoken_rows::Shown;
use super::storylet_limits::{For, Shared};
use super::{Effect, Oracle};

/// How long nothing is said unasked after something was.
const SILENCE: Span = Span { ms: 5_000, world: false };

/// A line that was said.
#[derive(Clone, Debug)]
pub struct Said {
    pub(super) tick: Tick,
    pub(super) player: Sym,
    pub(super) npc: String,
    pub(super) text: String,
    /// Why a bark was due.
    pub(super) why: Option<&'static str>,
    pub(super) storylet: Option<String>,
    pub(super) unasked: bool,
    /// When it is not being said any longer, if that is limited.
    pub(super) until: Option<Tick>,
}

/// A request that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    until: Tick,
    /// Where its premise is tested.
    region: Sym,
    /// Where the player was in the tick before.
    was: Sym,
}

/// What NPCs have to say, and all that they have said.
#[derive(Default)]
pub struct Spoken {
    pub npcs: BTreeMap<String, Arc<NpcDef>>,
    pub storylets: BTreeMap<String, Arc<StoryletDef>>,
    pub(super) said: Vec<Said>,
    /// Which storylets could have been said to whom, by the player's id.
    pub(super) could: BTreeSet<(String, String)>,
    /// Requests that wait, by player and NPC.
    pub(super) asked: BTreeMap<(String, String), Asked>,
    pub(super) shared: Shared,
    /// What may follow, by storylet and player: when.
    pub(super) follow: BTreeMap<(String, String), Tick>,
    /// The quests of which it was known at the end of the tick before what players hold.
    asked_about: BTreeSet<String>,
    /// Who was present at the end of the tick before.
    present: BTreeSet<Sym>,
    pub(super) shown: Shown,
    /// Of what the rows were made: lines, what could be said, storylets.
    pub(super) made_of: (usize, usize, Vec<String>, Vec<Vec<serde_json::Value>>),
    /// For the next tick, by (storylet, player, place, line).
    effects: BTreeMap<(String, String, usize, usize), Effect>,
    /// What has come about, for tests that must not pass by chance.
    pub met: BTreeMap<&'static str, u64>,
}

impl Spoken {
    /// The lines of a storylet that a player has heard.
    pub(super) fn of(&self, player: Sym, storylet: &str) -> impl Iterator<Item = &Said> {
        self.said
            .iter()
            .filter(move |said| said.player == player && said.storylet.as_deref() == Some(storylet))
    }

    pub fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_insert(0) += 1;
    }

    /// Whether a condition of anything that is said asks for a fact.
    pub fn names_fact(&self, fact: &str) -> bool {
        fn names(condition: &Condition, fact: &str) -> bool {
            let mut inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
            condition.facts.contains_key(fact) || inner.any(|inner| names(inner, fact))
        }
        self.conditions().into_iter().any(|condition| names(condition, fact))
    }

    fn conditions(&self) -> Vec<&Condition> {
        let npcs = self.npcs.values().map(|npc| &npc.when);
        let storylets = self.storylets.values().flat_map(|storylet| {
            let happens = match &storylet.trigger {
                StoryTrigger::Happens(pattern) => pattern.when.as_ref(),
                _ => None,
            };
            let criteria = storylet.criteria.values().map(|criterion| &criterion.when);
            criteria.chain([&storylet.when]).chain(happens)
        });
        npcs.chain(storylets).collect()
    }
}

/// How many things a condition asks.
fn tests(condition: &Condition) -> i64 {
    let Condition { phase, hours, season, weekday, month, day, dates, occasion, chance, .. } = condition;
    let Condition { moon, weather, region, near, facts, quests, progress, level, compare, .. } = condition;
    let Condition { all, any, not, .. } = condition;
    let keys = [
        phase.is_some(),
        hours.is_some(),
        season.is_some(),
        weekday.is_some(),
        month.is_some(),
        day.is_some(),
        dates.is_some(),
        occasion.is_some(),
        chance.is_some(),
        weather.is_some(),
        region.is_some(),
        near.is_some(),
        level.is_some(),
        compare.is_some(),
    ];
    let own = keys.into_iter().filter(|key| *key).count()
        + moon.len()
        + facts.len()
        + quests.len()
        + progress.len();
    let inner: i64 = all.iter().chain(any).chain(not.as_deref()).map(tests).sum();
    i64::try_from(own).expect("few") + inner
}

impl Oracle {
    /// Phase 1.
    pub fn define_speakers(&mut self, given: &[Input]) {
        let mut edits: Vec<&DefinitionEdit> = Vec::new();
        for input in given {
            match input {
                Input::Command(Command::Define(edit)) => edits.push(edit),
                Input::Command(Command::Revise(revise)) => edits.extend(&revise.edits),
                _ => {}
            }
        }
        for edit in edits {
            match edit {
                DefinitionEdit::Npc(id, Some(def)) => {
                    self.spoken.npcs.insert(id.as_str().to_owned(), Arc::clone(def));
                }
                DefinitionEdit::Npc(id, None) => drop(self.spoken.npcs.remove(id.as_str())),
                DefinitionEdit::Storylet(id, Some(def)) => {
                    self.spoken.storylets.insert(id.as_str().to_owned(), Arc::clone(def));
                }
                DefinitionEdit::Storylet(id, None) => drop(self.spoken.storylets.remove(id.as_str())),
                _ => continue,
            }
            self.forget_views_named();
        }
    }

    /// What was said in the tick before comes to facts.
    pub fn take_told(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.spoken.effects).into_values().collect()
    }

    /// What NPCs see and say in a tick, after its writes.
    pub fn speak(&mut self, tick: Tick, events: &[&Event]) {
        let all = self.seen.clone();
        for (holder, records) in &mut self.seen {
            if holder.scope == Scope::Player {
                records.retain(|quest, _| self.spoken.asked_about.contains(&**quest));
            }
        }
        self.speak_of_what_is_seen(tick, events);
        self.seen = all;
        self.note_asked_about();
    }

    /// Notes the quests that conditions name, and the others of their exclusive groups: what players hold of them is
    /// seen in the next tick.
    fn note_asked_about(&mut self) {
        fn named(condition: &Condition, quests: &mut BTreeSet<String>) {
            quests.extend(condition.quests.keys().cloned());
            for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
                named(inner, quests);
            }
        }
        let mut asked_about = BTreeSet::new();
        for condition in self.spoken.conditions() {
            named(condition, &mut asked_about);
        }
        let groups: BTreeSet<&String> = (self.quests.iter())
            .filter(|(quest, _)| asked_about.contains(&***quest))
            .filter_map(|(_, def)| def.exclusive_group.as_ref())
            .collect();
        let rivals: Vec<String> = (self.quests.iter())
            .filter(|(_, def)| def.exclusive_group.as_ref().is_some_and(|group| groups.contains(group)))
            .map(|(quest, _)| quest.to_string())
            .collect();
        asked_about.extend(rivals);
        self.spoken.asked_about = asked_about;
    }

    /// Premises, talks, deadlines, what follows and what is said unasked.
    fn speak_of_what_is_seen(&mut self, tick: Tick, events: &[&Event]) {
        let here: BTreeSet<Sym> = (self.places.iter())
            .filter(|(_, place)| !place.server.is_none())
            .map(|(player, _)| *player)
            .collect();
        let left: BTreeSet<Sym> = self.spoken.present.difference(&here).copied().collect();
        for ((player, npc), mut asked) in std::mem::take(&mut self.spoken.asked) {
            let of = Sym::new(&player);
            let is = self.place(of).region;
            if is != asked.was {
                (asked.region, asked.was) = (is, is);
            }
            if !left.contains(&of) && self.answers_to(tick, &npc, &self.player_in(of, asked.region)) {
                self.spoken.asked.insert((player, npc), asked);
            } else {
                self.spoken.meet("taken back");
            }
        }
        self.take_answers(tick, &left);
        for event in events {
            self.talk(tick, event);
        }
        for event in events.iter().filter(|event| !event.player.is_none()) {
            self.hear_of(tick, event);
        }
        let due: Vec<_> =
            self.spoken.asked.iter().filter(|(_, of)| of.until <= tick).map(|(of, _)| of.clone()).collect();
        for (player, npc) in due {
            let asked = self.spoken.asked.remove(&(player.clone(), npc.clone())).expect("it is due");
            self.bark(tick, Sym::new(&player), asked.region, &npc, "late");
        }
        let due: Vec<_> =
            self.spoken.follow.iter().filter(|(_, at)| **at <= tick).map(|(of, _)| of.clone()).collect();
        for (storylet, player) in due {
            // What was said since may have put it off.
            if self.spoken.follow[&(storylet.clone(), player.clone())] > tick {
                self.spoken.meet("put off");
                continue;
            }
            self.spoken.follow.remove(&(storylet.clone(), player.clone()));
            self.follow(tick, Sym::new(&player), &storylet, &here);
        }
        for player in &here {
            self.unasked(tick, *player);
        }
        self.spoken.present = here;
        self.decide(tick);
        self.note_spoken(tick);
    }

    /// Whether an NPC is there to answer a player.
    fn answers_to(&self, tick: Tick, npc: &str, actor: &Actor) -> bool {
        self.spoken.npcs.get(npc).is_some_and(|def| self.holds(tick, &def.when, actor))
    }

    /// A player who acts in a region.
    fn player_in(&self, player: Sym, region: Sym) -> Actor {
        let by_itself = self.by_itself(Holder { scope: Scope::Player, id: player });
        Actor { region, ..by_itself }
    }

    fn talk(&mut self, tick: Tick, event: &Event) {
        let (npc, player) = (event.target.as_str(), event.player);
        let Some(def) = self.spoken.npcs.get(npc).cloned() else { return };
        if player.is_none() || def.addressed_by != event.kind.as_str() {
            return;
        }
        self.address(tick, (player, self.actor_of(event).region), npc);
    }

    /// A player speaks to an NPC.
    pub(super) fn address(&mut self, tick: Tick, (player, region): (Sym, Sym), npc: &str) {
        let Some(def) = self.spoken.npcs.get(npc).cloned() else { return };
        if !self.answers_to(tick, npc, &self.player_in(player, region)) {
            return self.spoken.meet("no answer");
        }
        let pair = (player.as_str().to_owned(), npc.to_owned());
        self.spoken.asked.remove(&pair);
        if let Some((storylet, npc)) =
            self.best(tick, (player, region), &self.with_trigger(&StoryTrigger::Addressed), &[npc.to_owned()])
        {
            self.spoken.meet("addressed");
            return self.tell_or_claim(tick, (player, region), &npc, &storylet, For::Talk);
        }
        match def.tier.as_ref().filter(|tier| self.world.tiers.contains_key(*tier)) {
            Some(_) => {
                let until = tick + self.clock.ticks(def.patience).max(1);
                let was = self.place(player).region;
                self.spoken.asked.insert(pair, Asked { until, region, was });
            }
            None => self.bark(tick, player, region, npc, "no_tier"),
        }
    }

    fn with_trigger(&self, trigger: &StoryTrigger) -> Vec<String> {
        let all = self.spoken.storylets.iter();
        all.filter(|(_, def)| def.trigger == *trigger).map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn bark(&mut self, tick: Tick, player: Sym, region: Sym, npc: &str, why: &'static str) {
        let barks = self.with_trigger(&StoryTrigger::Bark {});
        if let Some((storylet, npc)) = self.best(tick, (player, region), &barks, &[npc.to_owned()]) {
            self.spoken.meet(if why == "late" { "late bark" } else { "bark" });
            return self.tell_or_claim(tick, (player, region), &npc, &storylet, For::Bark(why));
        }
        // It may be gone since the bark was due.
        let Some(def) = self.spoken.npcs.get(npc).cloned() else { return };
        let said = self.spoken.said.iter();
        let barked = said.filter(|said| said.player == player && said.npc == npc && said.storylet.is_none());
        let turn = barked.count();
        let barks = def.barks.as_slice();
        let text = barks[turn % barks.len()].clone();
        let (npc, storylet, unasked, until) = (npc.to_owned(), None, false, None);
        self.spoken.said.push(Said { tick, player, npc, text, why: Some(why), storylet, unasked, until });
    }

    fn follow(&mut self, tick: Tick, player: Sym, storylet: &str, here: &BTreeSet<Sym>) {
        let def = self.spoken.storylets.get(storylet);
        let follows = def.is_some_and(|def| def.trigger == StoryTrigger::FollowUp {});
        if !follows || !here.contains(&player) {
            return self.spoken.meet("follow_up not said");
        }
        let npcs: Vec<String> = self.spoken.npcs.keys().cloned().collect();
        let player = (player, self.place(player).region);
        match self.best(tick, player, &[storylet.to_owned()], &npcs) {
            Some((storylet, npc)) => {
                self.spoken.meet("follow_up");
                self.tell_or_claim(tick, player, &npc, &storylet, For::Follow);
            }
            None => self.spoken.meet("follow_up not said"),
        }
    }

    fn unasked(&mut self, tick: Tick, player: Sym) {
        let said = self.spoken.said.iter().rfind(|said| said.unasked && said.player == player);
        if said.is_some_and(|said| tick - said.tick < self.clock.ticks(SILENCE)) {
            return self.spoken.meet("silence");
        }
        let region = self.place(player).region;
        let npcs = self.in_region(region);
        let holds = self.with_trigger(&StoryTrigger::Holds {});
        if let Some((storylet, npc)) = self.best(tick, (player, region), &holds, &npcs) {
            self.spoken.meet("holds");
            self.tell_or_claim(tick, (player, region), &npc, &storylet, For::Holds);
        }
    }

    /// Who can speak to somebody in a region.
    pub(super) fn in_region(&self, region: Sym) -> Vec<String> {
        let speaks = |npc: &&String| {
            let at = self.regions.get(*npc).map_or("", String::as_str);
            at.is_empty() || (!region.is_none() && at == region.as_str())
        };
        self.spoken.npcs.keys().filter(speaks).cloned().collect()
    }

    /// What was chosen is said, or claimed if it has a limit over all players.
    pub(super) fn tell_or_claim(&mut self, tick: Tick, to: (Sym, Sym), npc: &str, storylet: &str, for_: For) {
        if self.spoken.storylets[storylet].limits.are_shared() {
            return self.claim(to, npc, storylet, for_);
        }
        let why = if let For::Bark(why) = for_ { Some(why) } else { None };
        self.tell(tick, to, npc, storylet, why);
        if matches!(for_, For::Holds) {
            self.spoken.said.last_mut().expect("it was just said").unasked = true;
        }
    }

    /// A choice: of these storylets and NPCs, the best that may be said.
    pub(super) fn best(
        &mut self,
        tick: Tick,
        (player, region): (Sym, Sym),
        storylets: &[String],
        npcs: &[String],
    ) -> Option<(String, String)> {
        let mut all = Vec::new();
        let actor = self.player_in(player, region);
        for storylet in storylets {
            let def = Arc::clone(&self.spoken.storylets[storylet]);
            let allowed = self.limits_allow(tick, player, storylet, &def);
            for npc in npcs {
                let Some(score) = self.score(tick, &actor, &def, npc) else { continue };
                let closed = self.is_closed(player, npc, storylet).map_or(Ok(()), Err);
                if let Err(limit) = allowed.and(closed) {
                    self.spoken.meet(limit);
                    continue;
                }
                self.spoken.could.insert((player.as_str().to_owned(), storylet.clone()));
                let last = self.spoken.of(player, storylet).last().map(|said| said.tick);
                let times = self.spoken.of(player, storylet).count() as u64;
                let key = format!("{player}/{npc}/{storylet}");
                let lot = draw(self.world.seed, "storylet", &key, times);
                all.push((Reverse(score), last, lot, storylet.clone(), npc.clone()));
            }
        }
        all.sort();
        if let [first, second, ..] = &all[..] {
            self.spoken.meet(match first {
                _ if first.0 != second.0 => "by score",
                _ if first.1 != second.1 => "by last",
                _ => "by lot",
            });
        }
        all.into_iter().next().map(|(_, _, _, storylet, npc)| (storylet, npc))
    }

    /// Whether a storylet was not said too often or too lately; else which limit says so.
    fn limits_allow(
        &self,
        tick: Tick,
        player: Sym,
        storylet: &str,
        def: &StoryletDef,
    ) -> Result<(), &'static str> {
        let of_player = def.limits.player.clone().unwrap_or_default();
        let times = self.spoken.of(player, storylet).count();
        let once = def.limits.once.then_some(1);
        if [once, of_player.most].into_iter().flatten().any(|most| times >= most as usize) {
            return Err("most");
        }
        let last = self.spoken.of(player, storylet).last().map(|said| said.tick);
        match (of_player.cooldown, last) {
            (Some(span), Some(last)) if !self.has_passed(span, last, tick) => Err("cooldown"),
            _ => Ok(()),
        }
    }

    fn has_passed(&self, span: Span, since: Tick, tick: Tick) -> bool {
        match span.world {
            true => {
                let passed = self.clock.world_ms(tick) - self.clock.world_ms(since);
                passed >= i64::try_from(span.ms).expect("small")
            }
            false => tick - since >= self.clock.ticks(span),
        }
    }

    /// How well a storylet fits in the mouth of an NPC; nothing if it does not, whatever its limits are.
    fn score(&self, tick: Tick, actor: &Actor, def: &StoryletDef, npc: &str) -> Option<i64> {
        let tags = self.tags.get(npc).into_iter().flatten();
        let speaks = def.who.as_slice().iter().any(|who| who == npc || tags.clone().any(|tag| tag == who));
        if !speaks || !self.answers_to(tick, npc, actor) || !self.holds(tick, &def.when, actor) {
            return None;
        }
        let mut score = def.salience.map_or_else(|| tests(&def.when), i64::from);
        for criterion in def.criteria.values() {
            let holds = self.holds(tick, &criterion.when, actor);
            if criterion.required && !holds {
                return None;
            }
            score += if holds { i64::from(criterion.weight) } else { 0 };
        }
        Some(score)
    }

    /// A storylet is said.
    pub(super) fn tell(
        &mut self,
        tick: Tick,
        (player, region): (Sym, Sym),
        npc: &str,
        storylet: &str,
        why: Option<&'static str>,
    ) {
        let def = Arc::clone(&self.spoken.storylets[storylet]);
        let times_said = self.spoken.of(player, storylet).count();
        let lines = def.lines.as_slice();
        let text = self.put_in(tick, player, region, &lines[times_said % lines.len()]);
        let actor = self.player_in(player, region);
        let number = self.spoken.said.len();
        let at_once = def.limits.at_once.as_ref();
        let until = at_once.map(|limit| tick + self.clock.ticks(limit.lasts).max(1));
        for (place, effect) in def.effects.iter().enumerate() {
            let (fact, change) = match effect {
                EffectDef::Set { fact, to, .. } => {
                    (fact, FactChange::Set(Value::from_json(to).expect("a scalar")))
                }
                EffectDef::Add { fact, by, .. } => (fact, FactChange::Add(times(by, 1))),
            };
            let Some(scope) = self.world.facts.get(fact).map(|def| def.scope) else { continue };
            let Some(holder) = self.holder_of(scope, &actor) else { continue };
            let order = (storylet.to_owned(), player.as_str().to_owned(), place, number);
            self.spoken.effects.insert(order, Effect { holder, fact: fact.clone(), change });
        }
        if let Some(then) = &def.then {
            let after = self.clock.ticks(then.after).max(1);
            let of = (then.storylet.clone(), player.as_str().to_owned());
            self.spoken.follow.insert(of, tick + after);
        }
        self.spoken.said.push(Said {
            tick,
            player,
            npc: npc.to_owned(),
            text,
            why,
            storylet: Some(storylet.to_owned()),
            unasked: false,
            until,
        });
    }

    /// A line with what it asks for put in.
    fn put_in(&self, tick: Tick, player: Sym, region: Sym, line: &str) -> String {
        let zone = self.world.regions.get(region.as_str()).and_then(|region| region.zone.clone());
        let weather = self.weather.iter().rfind(|row| row.tick <= tick && Some(&row.zone) == zone.as_ref());
        let region = if region.is_none() { "" } else { region.as_str() };
        line.replace("{player}", player.as_str())
            .replace("{phase}", &self.now.phase)
            .replace("{season}", &self.now.season)
            .replace("{weather}", weather.map_or("", |row| &row.state))
            .replace("{region}", region)
            .trim()
            .to_owned()
    }
}
