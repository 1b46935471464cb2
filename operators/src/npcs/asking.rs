//! Requests: from a talk or a storylet to an answer, or to the end of waiting for one.
//!
//! `talk, storylet that asks ─open→ npc_requests ─sentences, reply→ a line, or what is said without a tier`

use worldflow_schemas::catalog::{NPC_REQUESTS, NPC_SENTENCES};
use worldflow_schemas::definitions::LateReplies;
use worldflow_schemas::input::{Finish, Reply, Sentence};
use worldflow_schemas::{ArcStr, Event, EventId, Sym};

use crate::facts::span_ticks;
use crate::messages::Refused;

use super::known::Around;
use super::prompts::{Occasion, Question, Turn};
use super::saying::Spoken;
use super::talk::{Asked, Details, Judged, Pair, Part, Pending, Why};
use super::{Npc, NpcsMachine, NpcsOut, Saying, Step, Told, prompt};

/// How many of the last lines a prompt may read.
const LINES_READ: usize = 6;

/// An answer that is said after the bark is waited for so many times as long as the bark was.
const FOLLOW_UP_PATIENCE: u64 = 4;

/// What is asked, besides what the NPC says of it.
pub(super) struct Wish<'a> {
    pub(super) pair: Pair,
    pub(super) region: Sym,
    /// What the player has said, sealed.
    pub(super) said: &'a str,
    /// The storylet that asks, and its prompt.
    pub(super) storylet: Option<(Sym, Sym)>,
    /// Whether nobody has addressed the NPC.
    pub(super) unasked: bool,
}

/// A request that waits no longer.
pub(super) struct Closed {
    pub(super) pending: Pending,
    pub(super) asked: Asked,
}

impl NpcsMachine {
    /// Takes back the requests whose premise no longer holds, and what has come of their answers.
    pub(super) fn test_premises(&mut self, told: &Told, step: &mut Step<'_>) {
        let (npcs, known) = (&self.npcs, &self.known);
        let mut over = Vec::new();
        for &pair in self.open.values() {
            let Some(talk) = self.talks.get_mut(&pair) else { continue };
            let Some(pending) = &mut talk.pending else { continue };
            if pending.follow(known.place(pair.player).region) {
                step.touched.insert(pair);
            }
            let around = known.around(pair.player, pending.region);
            let holds = npcs.get(&pair.npc).is_some_and(|npc| around.meets(&npc.when));
            if !holds || told.left.contains(&pair.player) {
                over.push(pair);
            }
        }
        for pair in over {
            self.cancel(pair, step);
        }
    }

    /// Takes the open request of a pair back, if there is one, with what has come of its answer.
    pub(super) fn cancel(&mut self, pair: Pair, step: &mut Step<'_>) {
        let Some(closed) = self.close(pair, step) else { return };
        let Some(talk) = self.talks.get_mut(&pair) else { return };
        if closed.asked.line != 0 {
            for (index, part) in talk.spoken.drain(..).enumerate() {
                let row = part.row(self.realm, pair, closed.asked.line, index);
                step.output.remove(NPC_SENTENCES, row);
            }
        }
    }

    /// The open request of a pair waits no longer.
    pub(super) fn close(&mut self, pair: Pair, step: &mut Step<'_>) -> Option<Closed> {
        let talk = self.talks.get_mut(&pair)?;
        let pending = talk.pending.take()?;
        let asked = std::mem::take(&mut talk.asked);
        let request = pair.request(pending.number);
        self.open.remove(&request);
        self.deadlines.cancel(&pair);
        if !asked.storylet.is_none() {
            let (storylet, of) = (asked.storylet, (pair.player, pending.number));
            step.output.out.push(NpcsOut::Saying(Saying::Ended { storylet, npc: pair.npc, of }));
        }
        step.output.remove(NPC_REQUESTS, pending.row(self.realm, pair, &asked));
        step.touched.insert(pair);
        step.closed.push(pair.player);
        Some(Closed { pending, asked })
    }

    /// Takes back the requests that hold what a player said who is forgotten.
    pub(super) fn forget(&mut self, players: &[Sym], step: &mut Step<'_>) {
        let asked = self.open.values().filter(|pair| players.contains(&pair.player));
        for pair in asked.copied().collect::<Vec<_>>() {
            self.cancel(pair, step);
        }
    }

    /// A player addresses an NPC.
    pub(super) fn talk(&mut self, event: &Event, step: &mut Step<'_>) {
        let Some(npc) = self.npcs.get(&event.target) else { return };
        // Of an NPC with a dialogue that is the business of `dialogues`.
        if event.kind != npc.addressed_by || event.player.is_none() || npc.def.dialogue.is_some() {
            return;
        }
        let pair = Pair { player: event.player, npc: event.target };
        let place = self.known.place(event.player);
        let region = if event.region.is_none() { place.region } else { event.region };
        let said = Sym::find("said").and_then(|said| event.attribute(said)).map(ToString::to_string);
        self.address(pair, region, &said.unwrap_or_default(), step);
    }

    /// An NPC is addressed.
    pub(super) fn address(&mut self, pair: Pair, region: Sym, said: &str, step: &mut Step<'_>) {
        let Some(npc) = self.npcs.get(&pair.npc) else { return };
        if !self.known.around(pair.player, region).meets(&npc.when) {
            return;
        }
        if self.say_addressed(pair, region, said, step) {
            return;
        }
        if let Err(why) = self.ask(&Wish { pair, region, said, storylet: None, unasked: false }, step) {
            self.cancel(pair, step);
            self.bark(pair, why, region, step);
        }
    }

    /// Opens a request in place of the one that is open.
    ///
    /// # Errors
    /// Why no tier is asked.
    pub(super) fn ask(&mut self, wish: &Wish<'_>, step: &mut Step<'_>) -> Result<(), Why> {
        let pair = wish.pair;
        let npc = self.npcs.get(&pair.npc).ok_or(Why::NoTier)?;
        let (asked, why) = ((npc.tier, npc.def.priority), npc.asks_nobody(&self.tiers));
        if let Some(why) = why.or_else(|| self.limited(pair, asked, (wish.region, wish.unasked), step)) {
            return Err(why);
        }
        let npc = self.npcs.get(&pair.npc).ok_or(Why::NoTier)?;
        let follows_up = npc.def.late == LateReplies::FollowUp && !wish.unasked;
        let question = self.question(npc, wish, follows_up);
        let patience = span_ticks(npc.def.patience, self.known.context.clock.as_ref(), self.length).max(1);
        let waits = if follows_up { patience.saturating_mul(1 + FOLLOW_UP_PATIENCE) } else { patience };
        let mut pending = Pending {
            number: 0,
            tier: npc.tier,
            messages: question.messages,
            max_tokens: question.max_tokens,
            asked: step.tick,
            deadline: step.tick.saturating_add(waits),
            region: wish.region,
            seen_region: self.known.place(pair.player).region,
            budget_ms: npc.budget_ms(),
            priority: npc.def.priority,
        };
        let asked = Asked {
            prompt: question.prompt,
            revision: question.revision,
            digest: question.digest,
            locale: question.locale,
            parameters: question.parameters,
            storylet: wish.storylet.map_or(Sym::NONE, |(storylet, _)| storylet),
            said: wish.said.into(),
            unasked: wish.unasked,
            patience: if follows_up { npc.barks_after(patience, self.length) } else { 0 },
            ..Asked::default()
        };
        self.cancel(pair, step);
        let talk = self.talks.entry(pair).or_default();
        talk.requests += 1;
        pending.number = talk.requests;
        self.open.insert(pair.request(pending.number), pair);
        self.deadlines.set(pair, asked.due(&pending));
        step.output.insert(NPC_REQUESTS, pending.row(self.realm, pair, &asked));
        (talk.pending, talk.asked) = (Some(pending), asked);
        step.touched.insert(pair);
        Ok(())
    }

    /// The question that a wish puts.
    fn question(&self, npc: &Npc, wish: &Wish<'_>, follows_up: bool) -> Question {
        let template = npc.def.template.as_deref().and_then(Sym::find);
        let id = wish.storylet.map(|(_, prompt)| prompt).or(template);
        let named = id.and_then(|id| Some((id, self.prompts.get(&id)?)));
        let (id, prompt) = named.unwrap_or((Sym::NONE, &npc.own));
        let lines = self.last_lines(wish.pair);
        let occasion = Occasion {
            npc: wish.pair.npc,
            def: &npc.def,
            revision: npc.revision,
            said: wish.said,
            lines: &lines,
            last: self.said_last(wish.pair),
            unasked: wish.unasked,
            follows_up,
        };
        prompt.question(id, &occasion, &self.known.around(wish.pair.player, wish.region))
    }

    /// What a storylet would ask, told apart from everything else it might; `None` when it asks nothing.
    pub(super) fn digest_of(&self, npc: Sym, prompt: Sym, around: &Around<'_>) -> Option<ArcStr> {
        let pair = Pair { player: around.player(), npc };
        let of = self.npcs.get(&npc)?;
        let storylet = Some((Sym::NONE, prompt));
        let wish = Wish { pair, region: around.region, said: "", storylet, unasked: true };
        Some(self.question(of, &wish, false).digest)
    }

    /// The last lines of models, which are not to be said again, the oldest first.
    fn said_last(&self, pair: Pair) -> Vec<&str> {
        let Some(talk) = self.talks.get(&pair) else { return Vec::new() };
        let of_models = talk.said.iter().filter(|(_, line)| !line.tier.is_none());
        let from = of_models.clone().count().saturating_sub(LINES_READ);
        of_models.skip(from).map(|(_, line)| line.text.as_str()).collect()
    }

    /// What was said last between two, the oldest first.
    fn last_lines(&self, pair: Pair) -> Vec<Turn> {
        let Some(talk) = self.talks.get(&pair) else { return Vec::new() };
        let from = talk.said.len().saturating_sub(LINES_READ);
        let turns = talk.said.iter().skip(from).flat_map(|(_, line)| {
            let said = (!line.details.said.is_empty()).then(|| Turn::Player {
                player: prompt::as_name(pair.player.as_str()),
                said: line.details.said.clone(),
            });
            // A line may name the player by their id.
            let (id, name) = (pair.player.as_str(), prompt::as_name(pair.player.as_str()));
            let line = if id == name { line.text.clone() } else { line.text.replace(id, &name).into() };
            said.into_iter().chain([Turn::Npc { npc: pair.npc, line }])
        });
        turns.collect()
    }

    /// A sentence of an answer has come.
    pub(super) fn hear(&mut self, sentence: Sentence, step: &mut Step<'_>) {
        let Some(&pair) = self.open.get(&sentence.request) else {
            step.output.out.push(NpcsOut::Refused(late(&sentence.request, sentence.tier)));
            return;
        };
        let Some(text) = prompt::line(&sentence.text) else { return };
        let voice = self.voice(pair.npc);
        let Some(talk) = self.talks.get_mut(&pair) else { return };
        let begun = talk.asked.line != 0;
        // What an earlier process had begun to hear is not heard again.
        let next = if begun { talk.spoken.len() } else { 0 };
        if sentence.index as usize != next {
            return;
        }
        let part = Part {
            text: text.into(),
            voice,
            emotion: sentence.emotion,
            intensity: super::saying::USUAL_INTENSITY,
            action: sentence.action,
            locale: talk.asked.locale.clone(),
            why: None,
            tier: sentence.tier,
            storylet: talk.asked.storylet,
            last: false,
            tick: step.tick,
        };
        if !begun {
            let line = self.begin_line(pair, step);
            if let Some(talk) = self.talks.get_mut(&pair) {
                talk.asked.line = line;
            }
        }
        self.add_part(pair, part, step);
    }

    /// An answer is whole, or there will be none.
    pub(super) fn answer(&mut self, reply: Reply, step: &mut Step<'_>) {
        let Some(&pair) = self.open.get(&reply.request) else {
            step.output.out.push(NpcsOut::Refused(late(&reply.request, reply.tier)));
            return;
        };
        let Some(Closed { pending, asked }) = self.close(pair, step) else { return };
        let is_judged = !reply.verdict.is_empty() || !reply.retried.is_empty();
        let judged = is_judged.then(|| Judged {
            verdict: reply.verdict.clone(),
            rule: reply.rule.clone(),
            refs: reply.refs.clone(),
            tier: reply.tier,
            prompt: asked.prompt,
            revision: asked.revision.clone(),
        });
        let details = Details {
            request: reply.request.clone(),
            finish: reply.finish,
            prompt_tokens: reply.prompt_tokens,
            tokens: reply.tokens,
            first_ms: reply.first_ms,
            took_ms: reply.took_ms,
            said: asked.said.clone(),
            judged,
            retried: reply.retried.clone(),
        };
        match reply.outcome.as_deref().map(prompt::line) {
            Ok(Some(text)) => self.say_answer(pair, (text, reply.tier), &asked, details, step),
            // What has been heard was said.
            _ if asked.line != 0 => self.end_heard(pair, &asked, details, step),
            _ if asked.barked => {}
            Err(_) if reply.finish == Finish::NoTime => {
                self.without_tier(pair, Why::NoTime, pending.region, &asked, Some(details), step);
            }
            Ok(None) | Err(_) => {
                self.without_tier(pair, Why::Failed, pending.region, &asked, Some(details), step);
            }
        }
    }

    fn say_answer(
        &mut self,
        pair: Pair,
        (text, tier): (String, Sym),
        asked: &Asked,
        details: Details,
        step: &mut Step<'_>,
    ) {
        let spoken = Spoken {
            text,
            tier,
            storylet: asked.storylet,
            details,
            locale: asked.locale.clone(),
            line: asked.line,
            ..Spoken::default()
        };
        self.say(pair, spoken, step);
    }

    /// Somebody else's line begins for the pair: what has been heard is the answer.
    pub(super) fn interrupt(&mut self, pair: Pair, step: &mut Step<'_>) {
        let Some(Closed { pending, asked }) = self.close(pair, step) else { return };
        let request = pair.request(pending.number);
        let details = Details { request, said: asked.said.clone(), ..Details::default() };
        self.end_heard(pair, &asked, details, step);
    }

    /// Ends a line that a model has begun with what has been heard of it.
    fn end_heard(&mut self, pair: Pair, asked: &Asked, details: Details, step: &mut Step<'_>) {
        let Some(talk) = self.talks.get(&pair) else { return };
        let tier = talk.spoken.last().map_or(Sym::NONE, |part| part.tier);
        let texts: Vec<&str> = talk.spoken.iter().map(|part| part.text.as_str()).collect();
        let text = texts.join(" ");
        let details = Details { finish: Finish::Truncated, ..details };
        self.say_answer(pair, (text, tier), asked, details, step);
    }

    /// Says what is said when no tier has answered: the lines of the storylet that asked, or a bark.
    pub(super) fn without_tier(
        &mut self,
        pair: Pair,
        why: Why,
        region: Sym,
        asked: &Asked,
        details: Option<Details>,
        step: &mut Step<'_>,
    ) {
        let details = details.unwrap_or_else(|| Details { said: asked.said.clone(), ..Details::default() });
        if !asked.storylet.is_none() {
            self.say_lines(pair, asked.storylet, region, (Some(why), details), step);
            return;
        }
        if !asked.unasked {
            self.bark_with(pair, why, region, details, step);
        }
    }

    /// Has NPCs bark whose tiers have not answered in time. What is said counts for the next, so ids decide which is first.
    pub(super) fn give_up(&mut self, step: &mut Step<'_>) {
        let mut due = Vec::new();
        while let Some((_, pair)) = self.deadlines.pop_due(step.tick) {
            due.push(pair);
        }
        due.sort_by(|a, b| a.player.cmp_text(b.player).then_with(|| a.npc.cmp_text(b.npc)));
        for pair in due {
            if self.goes_on_waiting(pair, step) {
                continue;
            }
            if self.talks.get(&pair).is_some_and(|talk| talk.asked.line != 0) {
                self.interrupt(pair, step);
                continue;
            }
            let Some(Closed { pending, asked }) = self.close(pair, step) else { continue };
            if !asked.barked {
                self.without_tier(pair, Why::Late, pending.region, &asked, None, step);
            }
        }
    }

    /// Where an answer may follow the bark: says the bark, and waits on.
    fn goes_on_waiting(&mut self, pair: Pair, step: &mut Step<'_>) -> bool {
        let Some(talk) = self.talks.get_mut(&pair) else { return false };
        let Some(pending) = &talk.pending else { return false };
        let asked = &mut talk.asked;
        if asked.patience == 0 || asked.barked || asked.line != 0 {
            return false;
        }
        // Its row stays as it is, so whoever asks the tier goes on.
        asked.barked = true;
        self.deadlines.set(pair, asked.due(pending));
        let (region, asked) = (pending.region, asked.clone());
        step.touched.insert(pair);
        self.without_tier(pair, Why::Late, region, &asked, None, step);
        true
    }

    pub(super) fn has_timed_request(&self) -> bool {
        self.open.values().any(|pair| self.npcs.get(&pair.npc).is_some_and(|npc| npc.timed))
    }
}

fn late(request: &ArcStr, tier: Sym) -> Refused {
    Refused {
        source: Sym::try_new(&format!("tier:{tier}")).unwrap_or(tier),
        id: EventId::Named(request.clone()),
        code: Sym::new("late_reply"),
        reason: format!("request `{request}` is not open"),
        hint: "it was answered, cancelled, or its time was up".to_owned(),
        current: None,
    }
}
