//! What NPCs say at events, and of storylets whose limits are over all players.
//!
//! `a choice ─→ said, or a claim` and `answers to the claims of the tick before ─→ said, or chosen anew`

use rustc_hash::FxHashSet;
use worldflow_schemas::{Event, Sym};

use super::speaking::in_region;
use super::storylet_limits::{Claim, Occasion, Saying};
use super::storylets::{Choice, Cue};
use super::talk::{Details, Pair};
use super::{NpcsMachine, NpcsOut, Step, Told};

impl NpcsMachine {
    /// What was chosen is said, or claimed if its limits are over all players.
    pub(super) fn say_or_claim(
        &mut self,
        player: Sym,
        choice: Choice,
        region: Sym,
        occasion: Occasion,
        step: &mut Step<'_>,
    ) {
        let Choice { storylet, npc } = choice;
        let claim = Claim { player, npc, storylet, region, occasion };
        if self.storylets.get(storylet).is_some_and(|story| story.shared) {
            self.storylets.claimed.insert((player, storylet));
            step.output.out.push(NpcsOut::Saying(Saying::Claim(claim)));
        } else {
            self.say_claim(claim, step);
        }
    }

    fn say_claim(&mut self, claim: Claim, step: &mut Step<'_>) {
        let Claim { player, npc, storylet, region, occasion } = claim;
        let choice = Choice { storylet, npc };
        let unasked = matches!(occasion, Occasion::Holds);
        let because = match occasion {
            Occasion::Addressed(said) => (None, Details { said, ..Details::default() }),
            Occasion::Bark(why, details) => (Some(why), *details),
            Occasion::FollowUp | Occasion::Holds | Occasion::Happens(_) => (None, Details::default()),
        };
        self.say_choice(player, choice, region, because, step);
        if unasked {
            self.be_silent(player, step);
        }
    }

    /// Says what was granted, and chooses anew for those who got nothing.
    pub(super) fn hear_answers(&mut self, told: &mut Told, step: &mut Step<'_>) {
        let mut answers = std::mem::take(&mut told.answers);
        if answers.is_empty() {
            return;
        }
        let gone: FxHashSet<Sym> = told.left.iter().chain(&told.forgotten).copied().collect();
        answers.retain(|(claim, _)| !gone.contains(&claim.player));
        answers.sort_by(|(a, _), (b, _)| a.cmp_text(b));
        let (granted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, granted)| *granted);
        for (claim, _) in granted {
            if !self.npcs.contains_key(&claim.npc) || self.storylets.get(claim.storylet).is_none() {
                continue;
            }
            if matches!(claim.occasion, Occasion::Addressed(_)) {
                self.cancel(Pair { player: claim.player, npc: claim.npc }, step);
            }
            self.say_claim(claim, step);
        }
        for (claim, _) in refused {
            let Claim { player, npc, storylet, region, occasion } = claim;
            let pair = Pair { player, npc };
            match occasion {
                Occasion::Addressed(said) => self.address(pair, region, &said, step),
                Occasion::Bark(why, details) => self.bark_with(pair, why, region, *details, step),
                Occasion::FollowUp => step.follows.push((player, storylet)),
                Occasion::Holds => told.concerned.players.push(player),
                Occasion::Happens(event) => self.happen(&event, step),
            }
        }
    }

    /// Something happens to a player, and somebody may say something to that.
    pub(super) fn happen(&mut self, event: &Event, step: &mut Step<'_>) {
        let place = self.known.place(event.player);
        let region = if event.region.is_none() { place.region } else { event.region };
        let fitting = self.storylets.at_event(event, &self.known.around(event.player, region));
        if fitting.is_empty() {
            return;
        }
        let speakers = self.take_speakers();
        let around = self.known.around(event.player, region);
        let willing = in_region(&speakers, region)
            .filter(|npc| self.npcs.get(npc).is_some_and(|npc| around.meets(&npc.when)));
        let npcs: Vec<Sym> = willing.collect();
        let mut noted = Vec::new();
        let choice = self.storylets.best_of((Cue::Happens, &fitting), &npcs, &around, &mut noted);
        self.speakers = Some(speakers);
        self.note(event.player, &noted, step);
        if let Some(choice) = choice {
            let occasion = Occasion::Happens(Box::new(event.clone()));
            self.say_or_claim(event.player, choice, region, occasion, step);
        }
    }
}
