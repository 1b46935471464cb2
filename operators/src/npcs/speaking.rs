//! What NPCs say of storylets: at a talk, instead of a bark, after another, and unasked.

use rustc_hash::FxHashMap;
use worldflow_schemas::catalog::{STORYLET_MEMORY, STORYLET_REACH};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Row, Sym, Tick, Value};

use super::asking::Wish;
use super::known::Around;
use super::saying::Spoken;
use super::storylet_limits::{Occasion, Saying};
use super::storylets::{Asks, Choice, Cue, FOLLOWS, Memory, QUIET};
use super::talk::{Details, Pair, Piece, WONDERED, Why};
use super::{NpcsIn, NpcsMachine, NpcsOut, Step, prompt, rows};
use crate::machine::Output;
use crate::messages::{EffectOrder, FactEffect};

/// NPCs by the region that they are in.
pub(super) type Speakers = FxHashMap<Sym, Vec<Sym>>;

/// Those who can speak to a player in a region.
pub(super) fn in_region(speakers: &Speakers, region: Sym) -> impl Iterator<Item = Sym> + '_ {
    let everywhere = speakers.get(&Sym::NONE).into_iter().filter(move |_| !region.is_none());
    speakers.get(&region).into_iter().chain(everywhere).flatten().copied()
}

/// How long nobody speaks to a player unasked after somebody did.
pub(super) const SILENCE_MS: u64 = 5_000;

/// Whom what is told in a tick concerns.
#[derive(Default, Debug)]
pub(super) struct Concerned {
    pub(super) everyone: bool,
    pub(super) players: Vec<Sym>,
    /// Players of whom a fact is another.
    pub(super) facts: Vec<(Sym, Sym)>,
    /// Facts of others that are other, which may be anybody's to see.
    pub(super) facts_of_all: Vec<Sym>,
    /// Rows that came or went: of which view, and whose by its key.
    pub(super) rows: Vec<(Sym, Option<Sym>)>,
    /// Storylets for which there is room again.
    pub(super) reopened: Vec<Sym>,
}

impl Concerned {
    pub(super) fn add(&mut self, input: &NpcsIn) {
        match input {
            NpcsIn::Event(_)
            | NpcsIn::Happened(_)
            | NpcsIn::Limits(_)
            | NpcsIn::Reply(_)
            | NpcsIn::Sentence(_)
            | NpcsIn::Forget(_)
            | NpcsIn::Spending(_) => {}
            NpcsIn::Player(now) => self.players.push(now.player),
            NpcsIn::Level(now) => self.players.push(now.player),
            NpcsIn::Fact(now) if now.holder.scope == Scope::Player => {
                self.facts.push((now.holder.id, now.fact));
            }
            NpcsIn::Fact(now) => self.facts_of_all.push(now.fact),
            NpcsIn::Seen(now) => self.rows.push(rows::concerned(now)),
            NpcsIn::Quest(now) if now.holder.scope == Scope::Player => self.players.push(now.holder.id),
            _ => self.everyone = true,
        }
    }
}

impl NpcsMachine {
    /// At a talk: whether a storylet was said.
    pub(super) fn say_addressed(&mut self, pair: Pair, region: Sym, said: &str, step: &mut Step<'_>) -> bool {
        let mut noted = Vec::new();
        let around = self.known.around(pair.player, region);
        let choice = self.storylets.best(Cue::Addressed, &[pair.npc], &around, &mut noted);
        self.note(pair.player, &noted, step);
        let Some(choice) = choice else { return false };
        self.cancel(pair, step);
        self.say_or_claim(pair.player, choice, region, Occasion::Addressed(said.into()), step);
        true
    }

    /// Where a bark is due: whether a storylet was said instead.
    pub(super) fn say_bark(
        &mut self,
        pair: Pair,
        (why, details): (Why, Details),
        region: Sym,
        step: &mut Step<'_>,
    ) -> bool {
        let around = self.known.around(pair.player, region);
        if !self.npcs.get(&pair.npc).is_some_and(|npc| around.meets(&npc.when)) {
            return false;
        }
        let mut noted = Vec::new();
        let choice = self.storylets.best(Cue::Bark, &[pair.npc], &around, &mut noted);
        self.note(pair.player, &noted, step);
        let Some(choice) = choice else { return false };
        self.say_or_claim(pair.player, choice, region, Occasion::Bark(why, Box::new(details)), step);
        true
    }

    /// Says what is to follow by now.
    pub(super) fn follow_up(&mut self, step: &mut Step<'_>) {
        let mut due = std::mem::take(&mut step.follows);
        while let Some((_, key)) = self.storylets.follows.pop_due(step.tick) {
            due.push(key);
        }
        due.sort_by(|(player, a), (other, b)| player.cmp_text(*other).then_with(|| a.cmp_text(*b)));
        due.dedup();
        for (player, storylet) in due {
            // One that was just said may have put it off.
            if self.storylets.follows.get(&(player, storylet)).is_some() {
                continue;
            }
            step.output.base.push(Pair { player, npc: storylet }.piece(FOLLOWS, None));
            if !self.known.is_present(player) {
                continue;
            }
            let region = self.known.place(player).region;
            let around = self.known.around(player, region);
            let willing = self.npcs.iter().filter(|(_, npc)| around.meets(&npc.when));
            let npcs: Vec<Sym> = willing.map(|(id, _)| *id).collect();
            let mut noted = Vec::new();
            let choice = self.storylets.best_of((Cue::FollowUp, &[storylet]), &npcs, &around, &mut noted);
            self.note(player, &noted, step);
            if let Some(choice) = choice {
                self.say_or_claim(player, choice, region, Occasion::FollowUp, step);
            }
        }
    }

    /// Speaks to those whom nobody has spoken to unasked of late, if there is something to say.
    pub(super) fn speak_unasked(&mut self, concerned: Concerned, step: &mut Step<'_>) {
        let Concerned { mut everyone, mut players, facts, facts_of_all, rows, reopened } = concerned;
        players.append(&mut step.closed);
        while let Some((_, player)) = self.silent.pop_due(step.tick) {
            players.push(player);
        }
        if !self.storylets.speaks_unasked() {
            return;
        }
        for (view, player) in rows {
            let is_read = self.known.rows.is_read(view);
            everyone |= self.depending.sees(view) || (is_read && player.is_none());
            players.extend(player.filter(|_| is_read));
        }
        let of_all = self.depending.on(&facts_of_all);
        everyone |= of_all.is_none() || self.look_at_all || self.unasked_is_timed();
        let of_all: Vec<Sym> = of_all.into_iter().flatten().chain(reopened).collect();
        if everyone {
            players.extend(self.known.present());
        }
        self.look_at_all = false;
        players.sort_unstable();
        players.dedup();
        // For whom only some may have come to fit, if nothing did before.
        let mut of_some: FxHashMap<Sym, Vec<Sym>> = FxHashMap::default();
        for (player, fact) in facts {
            of_some.entry(player).or_default().push(fact);
        }
        if !everyone && !of_all.is_empty() {
            for player in self.known.present() {
                of_some.entry(player).or_default();
            }
        }
        of_some.retain(|player, _| players.binary_search(player).is_err());
        if players.is_empty() && of_some.is_empty() {
            return;
        }
        let speakers = self.take_speakers();
        for player in players {
            self.speak_to(player, None, &speakers, step);
        }
        for (player, facts) in of_some {
            let depends = if self.settled.contains(&player) { self.depending.on(&facts) } else { None };
            let among = depends.map(|mut among| {
                among.extend(&of_all);
                among
            });
            self.speak_to(player, among.as_deref(), &speakers, step);
        }
        self.speakers = Some(speakers);
    }

    /// The NPCs by the region that they are in.
    pub(super) fn take_speakers(&mut self) -> Speakers {
        if let Some(speakers) = self.speakers.take() {
            return speakers;
        }
        let mut speakers = Speakers::default();
        for npc in self.npcs.keys() {
            speakers.entry(self.known.plan.region_of(*npc)).or_default().push(*npc);
        }
        speakers
    }

    /// Says the best of what may be said to a player unasked; of all, or of some if nothing else can fit.
    fn speak_to(&mut self, player: Sym, among: Option<&[Sym]>, speakers: &Speakers, step: &mut Step<'_>) {
        if among.is_some_and(<[Sym]>::is_empty) {
            return;
        }
        self.settled.remove(&player);
        if !self.known.is_present(player) {
            return;
        }
        let silence = self.length.ticks(SILENCE_MS);
        let until = self.storylets.spoken.get(&player).map(|last| last.saturating_add(silence));
        if let Some(until) = until.filter(|until| *until > step.tick) {
            return self.silent.set(player, until);
        }
        let region = self.known.place(player).region;
        let around = self.known.around(player, region);
        // Nobody interrupts themselves.
        let speaks =
            |npc: Sym| self.talks.get(&Pair { player, npc }).is_some_and(|talk| talk.asked.line != 0);
        let mut interrupts = false;
        let here = in_region(speakers, region).filter(|npc| {
            interrupts |= speaks(*npc);
            !speaks(*npc)
        });
        let willing = here.filter(|npc| self.npcs.get(npc).is_some_and(|npc| around.meets(&npc.when)));
        let npcs: Vec<Sym> = willing.collect();
        let mut noted = Vec::new();
        let (choice, rests, asks) = if let Some(among) = among {
            (self.storylets.best_of((Cue::Holds, among), &npcs, &around, &mut noted), None, false)
        } else {
            let (asks, again) = self.asks_of(player, &npcs, &around);
            let choice = self.storylets.best_unasked(&npcs, &around, &asks, &mut noted);
            let asks = self.storylets.that_ask(&npcs, around.plan()).is_empty();
            let rests = self.storylets.rests_until(Cue::Holds, &npcs, &around);
            (choice, rests.into_iter().chain(again).min(), !asks)
        };
        self.note(player, &noted, step);
        let Some(choice) = choice else {
            if let Some(until) = rests {
                self.silent.set(player, until);
            }
            // What asks a tier does so again after a while, and who speaks is silent after a while.
            if !asks && !interrupts {
                self.settled.insert(player);
            }
            return;
        };
        self.say_or_claim(player, choice, region, Occasion::Holds, step);
    }

    /// Nobody speaks to a player unasked for a while from now on.
    pub(super) fn be_silent(&mut self, player: Sym, step: &mut Step<'_>) {
        self.storylets.spoken.insert(player, step.tick);
        self.silent.set(player, step.tick.saturating_add(self.length.ticks(SILENCE_MS)));
        let piece = Piece::At(step.tick);
        step.output.base.push(Pair { player, npc: Sym::NONE }.piece(QUIET, Some(&piece)));
    }

    /// Whether what is said unasked must be looked at in every tick.
    pub(super) fn unasked_is_timed(&self) -> bool {
        self.storylets.is_timed() || (self.timed && self.storylets.speaks_unasked())
    }

    /// When somebody may have something to say unasked, if nothing else happens.
    pub(super) fn speaks_again(&self) -> Option<Tick> {
        let looks = self.look_at_all && self.storylets.speaks_unasked();
        if looks { Some(self.known.now() + 1) } else { self.silent.first() }
    }

    /// What storylets would ask that these may say unasked: the digest of each, where nothing stands in the way of asking; and
    /// when the next may ask that has asked something else just now.
    fn asks_of(&self, player: Sym, npcs: &[Sym], around: &Around<'_>) -> (Asks, Option<Tick>) {
        let mut asks = Asks::default();
        let mut next: Option<Tick> = None;
        for (choice, prompt, every) in self.storylets.that_ask(npcs, around.plan()) {
            let pair = Pair { player, npc: choice.npc };
            if self.talks.get(&pair).is_some_and(|talk| talk.pending.is_some()) {
                continue;
            }
            let Some(digest) = self.digest_of(choice.npc, prompt, around) else { continue };
            match self.storylets.wonders_from(player, choice.storylet, &digest, around.ticks(every)) {
                Some(from) if from <= around.now() => drop(asks.insert(choice, digest)),
                from => next = next.into_iter().chain(from).min(),
            }
        }
        (asks, next)
    }

    /// A storylet is said, or asks a tier for what is said.
    pub(super) fn say_choice(
        &mut self,
        player: Sym,
        choice: Choice,
        region: Sym,
        (why, details): (Option<Why>, Details),
        step: &mut Step<'_>,
    ) {
        let Choice { storylet, npc } = choice;
        let Some(story) = self.storylets.get(storylet) else { return };
        let around = self.known.around(player, region);
        let before = self.storylets.known(player, storylet);
        let (prompt, unasked) = (story.prompt(), story.is_unasked());
        if !story.effects.is_empty() {
            step.done.entry((player, storylet)).or_default().push(region);
        }
        if let Some((next, after)) = story.then {
            let at = step.tick.saturating_add(around.ticks(after).max(1));
            self.storylets.follows.set((player, next), at);
            let piece = Piece::At(at);
            step.output.base.push(Pair { player, npc: next }.piece(FOLLOWS, Some(&piece)));
        }
        let now = self.storylets.note_said(player, storylet, step.tick);
        step.output.remove(STORYLET_MEMORY, before.row(self.realm, player, storylet));
        step.output.insert(STORYLET_MEMORY, now.row(self.realm, player, storylet));
        step.output.base.push(now.piece(player, storylet));
        self.act(player, storylet, region, step.output);
        let pair = Pair { player, npc };
        // What follows another does not take back what the player waits for.
        let waits = self.talks.get(&pair).is_some_and(|talk| talk.pending.is_some());
        let Some(prompt) = prompt.filter(|_| why.is_none() && !waits) else {
            step.output.out.push(NpcsOut::Saying(Saying::Said { storylet, npc, asks: None }));
            return self.say_lines(pair, storylet, region, (why, details), step);
        };
        if unasked {
            self.wonder(pair, storylet, prompt, region, step);
        }
        let wish = Wish { pair, region, said: &details.said, storylet: Some((storylet, prompt)), unasked };
        let asked = self.ask(&wish, step);
        let asks = self.talks.get(&pair).filter(|_| asked.is_ok()).map(|talk| (player, talk.requests));
        step.output.out.push(NpcsOut::Saying(Saying::Said { storylet, npc, asks }));
        if let Err(why) = asked {
            self.say_lines(pair, storylet, region, (Some(why), details), step);
        }
    }

    /// Keeps what a storylet has asked unasked.
    fn wonder(&mut self, pair: Pair, storylet: Sym, prompt: Sym, region: Sym, step: &mut Step<'_>) {
        let around = self.known.around(pair.player, region);
        let Some(digest) = self.digest_of(pair.npc, prompt, &around) else { return };
        let piece = Piece::Wondered(step.tick, digest.clone());
        self.storylets.wondered.insert((pair.player, storylet), (step.tick, digest));
        step.output.base.push(Pair { player: pair.player, npc: storylet }.piece(WONDERED, Some(&piece)));
    }

    /// Says the authored lines of a storylet, one after the other each time that it is said.
    pub(super) fn say_lines(
        &mut self,
        pair: Pair,
        storylet: Sym,
        region: Sym,
        (why, details): (Option<Why>, Details),
        step: &mut Step<'_>,
    ) {
        let Some(story) = self.storylets.get(storylet) else { return };
        let around = self.known.around(pair.player, region);
        let lines = story.def.lines.as_slice();
        let times = self.storylets.known(pair.player, storylet).times.saturating_sub(1);
        let turn = usize::try_from(times).unwrap_or(0).checked_rem(lines.len());
        let text = turn.and_then(|turn| prompt::authored(&lines[turn], &around)).unwrap_or_default();
        let emotion = story.def.emotion.as_deref().and_then(Sym::try_new).unwrap_or(Sym::NONE);
        let intensity = story.def.intensity;
        self.say(
            pair,
            Spoken { text, why, storylet, details, emotion, intensity, ..Spoken::default() },
            step,
        );
    }

    /// What a storylet that was said in a region does to facts, in the next tick.
    pub(super) fn act(&self, player: Sym, storylet: Sym, region: Sym, output: &mut Output<NpcsOut>) {
        let Some(story) = self.storylets.get(storylet) else { return };
        let around = self.known.around(player, region);
        for (place, (fact, change)) in (0..).zip(&story.effects) {
            let Some(holder) = around.holder_of_fact(*fact) else { continue };
            let order = EffectOrder::Storylet { storylet, player, place };
            let effect = FactEffect { order, holder, fact: *fact, change: change.clone() };
            output.out.push(NpcsOut::Effect(effect));
        }
    }

    /// These could be said to a player for the first time.
    pub(super) fn note(&self, player: Sym, noted: &[(Sym, Memory)], step: &mut Step<'_>) {
        for (storylet, memory) in noted {
            step.output.insert(STORYLET_MEMORY, memory.row(self.realm, player, *storylet));
            step.output.base.push(memory.piece(player, *storylet));
        }
    }

    /// Takes back what is kept of storylets; whether it was of them.
    pub(super) fn load_of_storylets(&mut self, pair: Pair, piece: &(u64, Piece)) -> bool {
        let Pair { player, npc: storylet } = pair;
        match piece {
            (_, Piece::Memory(memory)) => self.storylets.remember(player, storylet, *memory),
            (_, Piece::Done(tick, regions)) => {
                self.storylets.done.push((player, (storylet, *tick), regions.clone()));
            }
            (_, Piece::Wondered(tick, digest)) => {
                drop(self.storylets.wondered.insert((player, storylet), (*tick, digest.clone())));
            }
            (QUIET, Piece::At(tick)) => drop(self.storylets.spoken.insert(player, *tick)),
            (_, Piece::At(tick)) => self.storylets.follows.set((player, storylet), *tick),
            _ => return false,
        }
        true
    }

    /// Shows which of these are defined.
    pub(super) fn show_storylets(&mut self, ids: &[Sym], output: &mut Output<NpcsOut>) {
        let (index, peers) = self.shard;
        let mine = |id: &&Sym| id.hash64() % peers as u64 == index as u64;
        for id in ids.iter().filter(mine) {
            let row = Row::from([
                Value::id(self.realm),
                Value::Sym(*id),
                Value::Int(0),
                Value::Int(0),
                Value::Int(0),
                Value::Null,
            ]);
            match (self.storylets.get(*id).is_some(), self.shown.contains(id)) {
                (true, false) => {
                    self.shown.insert(*id);
                    output.insert(STORYLET_REACH, row);
                }
                (false, true) => {
                    self.shown.remove(id);
                    output.remove(STORYLET_REACH, row);
                }
                _ => {}
            }
        }
    }

    /// Shows all that is known, after a load.
    pub(super) fn show_memory(&mut self, output: &mut Output<NpcsOut>) {
        for (player, storylet, memory) in self.storylets.all_memory() {
            output.insert(STORYLET_MEMORY, memory.row(self.realm, player, storylet));
        }
        self.look_at_all = true;
    }
}
