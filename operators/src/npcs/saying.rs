//! Lines: what is said, sentence by sentence and whole, and what is kept of it.
//!
//! `an answer, a storylet, a bark ─→ npc_sentences, npc_lines, npc_verdicts`

use worldflow_schemas::catalog::{NPC_LINES, NPC_SENTENCES, NPC_VERDICTS};
use worldflow_schemas::{ArcStr, Sym};

use super::talk::{self, Details, Pair, Part, Why};
use super::{KEPT_LINES, NpcsMachine, Step, prompt};

/// How strongly something is said of which nobody says how strongly.
pub(super) const USUAL_INTENSITY: u32 = 50;

/// What is said, and why.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) text: String,
    pub(super) tier: Sym,
    pub(super) why: Option<Why>,
    pub(super) storylet: Sym,
    pub(super) details: Details,
    pub(super) locale: ArcStr,
    pub(super) emotion: Sym,
    pub(super) intensity: Option<u32>,
    /// Which line it is, if it has been begun; else 0.
    pub(super) line: u64,
}

impl NpcsMachine {
    /// Says a bark, or a storylet in its place.
    pub(super) fn bark(&mut self, pair: Pair, why: Why, region: Sym, step: &mut Step<'_>) {
        self.bark_with(pair, why, region, Details::default(), step);
    }

    pub(super) fn bark_with(
        &mut self,
        pair: Pair,
        why: Why,
        region: Sym,
        details: Details,
        step: &mut Step<'_>,
    ) {
        if self.say_bark(pair, (why, details.clone()), region, step) {
            return;
        }
        let Some(npc) = self.npcs.get(&pair.npc) else { return };
        let barks = npc.def.barks.as_slice();
        let talk = self.talks.entry(pair).or_default();
        let turn = usize::try_from(talk.barks).unwrap_or(0).checked_rem(barks.len());
        let Some(text) = turn.and_then(|turn| prompt::line(&barks[turn])) else { return };
        talk.barks += 1;
        self.say(pair, Spoken { text, why: Some(why), details, ..Spoken::default() }, step);
    }

    /// A line is whole.
    pub(super) fn say(&mut self, pair: Pair, spoken: Spoken, step: &mut Step<'_>) {
        let Spoken { text, tier, why, storylet, details, locale, emotion, intensity, line } = spoken;
        let text = ArcStr::from(text);
        let number = if line == 0 { self.begin_line(pair, step) } else { line };
        if line == 0 {
            let locale = if locale.is_empty() { self.locale_of(pair.player) } else { locale };
            let part = Part {
                text: text.clone(),
                voice: self.voice(pair.npc),
                emotion,
                intensity: intensity.unwrap_or(USUAL_INTENSITY).min(100),
                action: Sym::NONE,
                locale,
                why,
                tier,
                storylet,
                last: true,
                tick: step.tick,
            };
            self.add_part(pair, part, step);
        } else {
            self.end_line(pair, number, step);
        }
        let talk = self.talks.entry(pair).or_default();
        let line = talk::Line { text, tier, why, tick: step.tick, storylet, details };
        step.output.insert(NPC_LINES, line.row(self.realm, pair, number));
        if let Some(row) = line.verdict(self.realm, pair) {
            step.output.insert(NPC_VERDICTS, row);
        }
        step.output.base.push(pair.piece(number, Some(&line.piece())));
        talk.said.push_back((number, line));
        while talk.said.len() as u64 > KEPT_LINES {
            if let Some((number, line)) = talk.said.pop_front() {
                step.output.remove(NPC_LINES, line.row(self.realm, pair, number));
                if let Some(row) = line.verdict(self.realm, pair) {
                    step.output.remove(NPC_VERDICTS, row);
                }
                step.output.base.push(pair.piece(number, None));
            }
        }
        step.touched.insert(pair);
    }

    /// The next line of a pair begins: the sentences of the one before are shown no longer.
    pub(super) fn begin_line(&mut self, pair: Pair, step: &mut Step<'_>) -> u64 {
        // What a model is in the midst of ends where it is.
        if self.talks.get(&pair).is_some_and(|talk| talk.asked.line != 0) {
            self.interrupt(pair, step);
        }
        let talk = self.talks.entry(pair).or_default();
        for (index, part) in talk.spoken.drain(..).enumerate() {
            step.output.remove(NPC_SENTENCES, part.row(self.realm, pair, talk.at, index));
        }
        talk.lines += 1;
        talk.at = talk.lines;
        step.touched.insert(pair);
        talk.at
    }

    /// The line that a pair is at goes on.
    pub(super) fn add_part(&mut self, pair: Pair, part: Part, step: &mut Step<'_>) {
        let talk = self.talks.entry(pair).or_default();
        step.output.insert(NPC_SENTENCES, part.row(self.realm, pair, talk.at, talk.spoken.len()));
        talk.spoken.push(part);
        step.touched.insert(pair);
    }

    /// The line that a pair is at ends with what has been said of it.
    fn end_line(&mut self, pair: Pair, number: u64, step: &mut Step<'_>) {
        let talk = self.talks.entry(pair).or_default();
        let index = talk.spoken.len().saturating_sub(1);
        let Some(last) = talk.spoken.last_mut().filter(|_| talk.at == number) else { return };
        step.output.remove(NPC_SENTENCES, last.row(self.realm, pair, number, index));
        last.last = true;
        step.output.insert(NPC_SENTENCES, last.row(self.realm, pair, number, index));
        step.touched.insert(pair);
    }

    /// Verdicts on answers that refer to what is no more.
    pub(super) fn unsay_verdicts(&mut self, gone: &[Sym], step: &mut Step<'_>) {
        if gone.is_empty() {
            return;
        }
        for (&pair, talk) in &mut self.talks {
            for (number, line) in &mut talk.said {
                let Some(judged) = &line.details.judged else { continue };
                if !judged.refs.iter().any(|id| gone.contains(id)) {
                    continue;
                }
                if let Some(row) = line.verdict(self.realm, pair) {
                    step.output.remove(NPC_VERDICTS, row);
                }
                line.details.judged = None;
                step.output.base.push(pair.piece(*number, Some(&line.piece())));
            }
        }
    }

    /// The voice of an NPC.
    pub(super) fn voice(&self, npc: Sym) -> ArcStr {
        let voice = self.npcs.get(&npc).and_then(|npc| npc.def.voice.as_deref());
        voice.map(ArcStr::from).unwrap_or_default()
    }

    fn locale_of(&self, player: Sym) -> ArcStr {
        let around = self.known.around(player, Sym::NONE);
        around.locale().map(ArcStr::from).unwrap_or_default()
    }
}
