//! The evaluator's own reading of NPCs and storylets: it keeps every line that was ever said, and goes through all of
//! them whenever it asks how often, how long ago, or what comes next. No tier ever answers it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_schemas::chance::draw;
use worldflow_schemas::definitions::{
    Condition, Effect as EffectDef, NpcDef, Span, StoryTrigger, StoryletDef,
};
use worldflow_schemas::input::{DefinitionEdit, FactChange, Holder, Scope};
use worldflow_schemas::{Command, Event, Input, Sym, Tick, Value};

use super::counting::times;
use super::{Effect, Oracle};

/// How many lines of each player and NPC are kept.
const KEPT_LINES: usize = 20;
/// How long nothing is said unasked after something was.
const SILENCE: Span = Span { ms: 5_000, world: false };

/// A row of one of the views, with its columns.
type Shown = BTreeSet<(&'static str, String, Vec<Json>)>;

/// A line that was said.
#[derive(Clone, Debug)]
struct Said {
    tick: Tick,
    player: Sym,
    npc: String,
    text: String,
    /// Why a bark was due.
    why: Option<&'static str>,
    storylet: Option<String>,
    unasked: bool,
}

/// What NPCs have to say, and all that they have said.
#[derive(Default)]
pub struct Spoken {
    pub npcs: BTreeMap<String, Arc<NpcDef>>,
    pub storylets: BTreeMap<String, Arc<StoryletDef>>,
    said: Vec<Said>,
    /// Which storylets could have been said to whom, by the player's id.
    could: BTreeSet<(String, String)>,
    /// Requests that wait, by player and NPC: until when.
    asked: BTreeMap<(String, String), Tick>,
    /// What may follow, by storylet and player: when.
    follow: BTreeMap<(String, String), Tick>,
    /// Who was present at the end of the tick before.
    present: BTreeSet<Sym>,
    shown: Shown,
    /// Of what the rows were made: lines, what could be said, storylets.
    made_of: (usize, usize, Vec<String>),
    /// For the next tick, by (storylet, player, line, place).
    effects: BTreeMap<(String, String, usize, usize), Effect>,
    /// What has come about, for tests that must not pass by chance.
    pub met: BTreeMap<&'static str, u64>,
}

impl Spoken {
    /// The lines of a storylet that a player has heard.
    fn of(&self, player: Sym, storylet: &str) -> impl Iterator<Item = &Said> {
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
            storylet.criteria.values().map(|criterion| &criterion.when).chain([&storylet.when])
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

    /// Premises, talks, deadlines, what follows and what is said unasked, after the writes of a tick.
    pub fn speak(&mut self, tick: Tick, events: &[&Event]) {
        let here: BTreeSet<Sym> = (self.places.iter())
            .filter(|(_, place)| !place.server.is_none())
            .map(|(player, _)| *player)
            .collect();
        let left: BTreeSet<Sym> = self.spoken.present.difference(&here).copied().collect();
        for ((player, npc), deadline) in std::mem::take(&mut self.spoken.asked) {
            let of = Sym::new(&player);
            if !left.contains(&of) && self.answers_to(tick, &npc, of) {
                self.spoken.asked.insert((player, npc), deadline);
            } else {
                self.spoken.meet("taken back");
            }
        }
        for event in events {
            self.talk(tick, event);
        }
        let due: Vec<_> =
            self.spoken.asked.iter().filter(|(_, at)| **at <= tick).map(|(of, _)| of.clone()).collect();
        for (player, npc) in due {
            self.spoken.asked.remove(&(player.clone(), npc.clone()));
            self.bark(tick, Sym::new(&player), &npc, "late");
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
        self.note_spoken(tick);
    }

    /// Whether an NPC is there to answer a player.
    fn answers_to(&self, tick: Tick, npc: &str, player: Sym) -> bool {
        let by_itself = self.by_itself(Holder { scope: Scope::Player, id: player });
        self.spoken.npcs.get(npc).is_some_and(|def| self.holds(tick, &def.when, &by_itself))
    }

    fn talk(&mut self, tick: Tick, event: &Event) {
        let (npc, player) = (event.target.as_str(), event.player);
        let Some(def) = self.spoken.npcs.get(npc).cloned() else { return };
        if player.is_none() || def.addressed_by != event.kind.as_str() {
            return;
        }
        if !self.answers_to(tick, npc, player) {
            return self.spoken.meet("no answer");
        }
        let pair = (player.as_str().to_owned(), npc.to_owned());
        self.spoken.asked.remove(&pair);
        if let Some((storylet, npc)) =
            self.best(tick, player, &self.with_trigger(&StoryTrigger::Addressed), &[npc.to_owned()])
        {
            self.spoken.meet("addressed");
            return self.tell(tick, player, &npc, &storylet, None);
        }
        match def.tier.as_ref().filter(|tier| self.world.tiers.contains_key(*tier)) {
            Some(_) => {
                let deadline = tick + self.clock.ticks(def.patience);
                self.spoken.asked.insert(pair, deadline);
            }
            None => self.bark(tick, player, npc, "no_tier"),
        }
    }

    fn with_trigger(&self, trigger: &StoryTrigger) -> Vec<String> {
        let all = self.spoken.storylets.iter();
        all.filter(|(_, def)| def.trigger == *trigger).map(|(id, _)| id.clone()).collect()
    }

    fn bark(&mut self, tick: Tick, player: Sym, npc: &str, why: &'static str) {
        let barks = self.with_trigger(&StoryTrigger::Bark {});
        if let Some((storylet, npc)) = self.best(tick, player, &barks, &[npc.to_owned()]) {
            self.spoken.meet(if why == "late" { "late bark" } else { "bark" });
            return self.tell(tick, player, &npc, &storylet, Some(why));
        }
        let said = self.spoken.said.iter();
        let barked = said.filter(|said| said.player == player && said.npc == npc && said.storylet.is_none());
        let turn = barked.count();
        let barks = self.spoken.npcs[npc].barks.as_slice();
        let text = barks[turn % barks.len()].clone();
        let (npc, storylet, unasked) = (npc.to_owned(), None, false);
        self.spoken.said.push(Said { tick, player, npc, text, why: Some(why), storylet, unasked });
    }

    fn follow(&mut self, tick: Tick, player: Sym, storylet: &str, here: &BTreeSet<Sym>) {
        let def = self.spoken.storylets.get(storylet);
        let follows = def.is_some_and(|def| def.trigger == StoryTrigger::FollowUp {});
        if !follows || !here.contains(&player) {
            return self.spoken.meet("follow_up not said");
        }
        let npcs: Vec<String> = self.spoken.npcs.keys().cloned().collect();
        match self.best(tick, player, &[storylet.to_owned()], &npcs) {
            Some((storylet, npc)) => {
                self.spoken.meet("follow_up");
                self.tell(tick, player, &npc, &storylet, None);
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
        let npcs: Vec<String> = (self.spoken.npcs.keys())
            .filter(|npc| {
                let at = self.regions.get(*npc).map_or("", String::as_str);
                at.is_empty() || (!region.is_none() && at == region.as_str())
            })
            .cloned()
            .collect();
        let holds = self.with_trigger(&StoryTrigger::Holds {});
        if let Some((storylet, npc)) = self.best(tick, player, &holds, &npcs) {
            self.spoken.meet("holds");
            self.tell(tick, player, &npc, &storylet, None);
            self.spoken.said.last_mut().expect("it was just said").unasked = true;
        }
    }

    /// A choice: of these storylets and NPCs, the best that may be said.
    fn best(
        &mut self,
        tick: Tick,
        player: Sym,
        storylets: &[String],
        npcs: &[String],
    ) -> Option<(String, String)> {
        let mut all = Vec::new();
        for storylet in storylets {
            let def = Arc::clone(&self.spoken.storylets[storylet]);
            let allowed = self.limits_allow(tick, player, storylet, &def);
            for npc in npcs {
                let Some(score) = self.score(tick, player, &def, npc) else { continue };
                if let Err(limit) = allowed {
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
    fn score(&self, tick: Tick, player: Sym, def: &StoryletDef, npc: &str) -> Option<i64> {
        let tags = self.tags.get(npc).into_iter().flatten();
        let speaks = def.who.as_slice().iter().any(|who| who == npc || tags.clone().any(|tag| tag == who));
        let by_itself = self.by_itself(Holder { scope: Scope::Player, id: player });
        if !speaks || !self.answers_to(tick, npc, player) || !self.holds(tick, &def.when, &by_itself) {
            return None;
        }
        let mut score = def.salience.map_or_else(|| tests(&def.when), i64::from);
        for criterion in def.criteria.values() {
            let holds = self.holds(tick, &criterion.when, &by_itself);
            if criterion.required && !holds {
                return None;
            }
            score += if holds { i64::from(criterion.weight) } else { 0 };
        }
        Some(score)
    }

    /// A storylet is said.
    fn tell(&mut self, tick: Tick, player: Sym, npc: &str, storylet: &str, why: Option<&'static str>) {
        let def = Arc::clone(&self.spoken.storylets[storylet]);
        let times_said = self.spoken.of(player, storylet).count();
        let lines = def.lines.as_slice();
        let text = self.put_in(tick, player, &lines[times_said % lines.len()]);
        let by_itself = self.by_itself(Holder { scope: Scope::Player, id: player });
        let number = self.spoken.said.len();
        for (place, effect) in def.effects.iter().enumerate() {
            let (fact, change) = match effect {
                EffectDef::Set { fact, to, .. } => {
                    (fact, FactChange::Set(Value::from_json(to).expect("a scalar")))
                }
                EffectDef::Add { fact, by, .. } => (fact, FactChange::Add(times(by, 1))),
            };
            let Some(scope) = self.world.facts.get(fact).map(|def| def.scope) else { continue };
            let Some(holder) = self.holder_of(scope, &by_itself) else { continue };
            let order = (storylet.to_owned(), player.as_str().to_owned(), number, place);
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
        });
    }

    /// A line with what it asks for put in.
    fn put_in(&self, tick: Tick, player: Sym, line: &str) -> String {
        let region = self.place(player).region;
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

    /// The rows of the three views, made anew from all that was said, and how they have changed.
    fn note_spoken(&mut self, tick: Tick) {
        let storylets = self.spoken.storylets.keys().cloned().collect();
        let made_of = (self.spoken.said.len(), self.spoken.could.len(), storylets);
        if made_of == self.spoken.made_of {
            return;
        }
        self.spoken.made_of = made_of;
        let mut rows = Shown::new();
        if self.line_rows(&mut rows) > KEPT_LINES {
            self.spoken.meet("kept lines");
        }
        self.memory_rows(&mut rows);
        let old = std::mem::replace(&mut self.spoken.shown, rows);
        let new = &self.spoken.shown;
        let gone = old.difference(new).map(|(view, _, row)| (*view, row.clone(), tick, -1));
        let come = new.difference(&old).map(|(view, _, row)| (*view, row.clone(), tick, 1));
        self.changes.extend(gone.chain(come).collect::<Vec<_>>());
    }

    /// Adds the last lines of each pair; how many there were of the one that spoke most.
    fn line_rows(&self, rows: &mut Shown) -> usize {
        let mut pairs: BTreeMap<(&str, &str), Vec<&Said>> = BTreeMap::new();
        for said in &self.spoken.said {
            pairs.entry((said.player.as_str(), &said.npc)).or_default().push(said);
        }
        let most = pairs.values().map(Vec::len).max().unwrap_or(0);
        for said in pairs.into_values() {
            for (place, said) in said.iter().enumerate().skip(said.len().saturating_sub(KEPT_LINES)) {
                let row = vec![
                    json!(self.realm.as_str()),
                    json!(said.player.as_str()),
                    json!(said.npc),
                    json!(place + 1),
                    json!(said.text),
                    json!("authored"),
                    json!(said.why),
                    Json::Null,
                    json!(said.tick),
                    json!(said.storylet),
                ];
                rows.insert(("npc_lines", json!(row).to_string(), row));
            }
        }
        most
    }

    fn memory_rows(&self, rows: &mut Shown) {
        let realm = json!(self.realm.as_str());
        for (player, storylet) in &self.spoken.could {
            let said: Vec<&Said> = self.spoken.of(Sym::new(player), storylet).collect();
            let last = said.last().map(|said| said.tick);
            let row = vec![realm.clone(), json!(player), json!(storylet), json!(said.len()), json!(last)];
            rows.insert(("storylet_memory", json!(row).to_string(), row));
        }
        for storylet in self.spoken.storylets.keys() {
            let could = self.spoken.could.iter().filter(|(_, of)| of == storylet);
            let said = self.spoken.said.iter().filter(|said| said.storylet.as_ref() == Some(storylet));
            let to: BTreeSet<Sym> = said.clone().map(|said| said.player).collect();
            let row = vec![
                realm.clone(),
                json!(storylet),
                json!(could.count()),
                json!(to.len()),
                json!(said.count()),
            ];
            rows.insert(("storylet_reach", json!(row).to_string(), row));
        }
    }
}
