//! What is kept of a conversation between a player and an NPC, and the rows it shows.
//!
//! A piece that an older version wrote is still read: what it does not say of a request is what held then.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::definitions::Priority;
use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use crate::machine::Machine;
use crate::piece;

use super::storylets::Memory;

/// A player and an NPC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Pair {
    pub(super) player: Sym,
    pub(super) npc: Sym,
}

impl Pair {
    /// The id of a request.
    pub(super) fn request(self, number: u64) -> ArcStr {
        format!("{}/{}/{number}", self.npc, self.player).into()
    }

    /// A piece of base state: 0 is the conversation itself, others are its lines.
    pub(super) fn piece(self, number: u64, piece: Option<&Piece>) -> BaseChange {
        piece::change(super::NpcsMachine::NAME, self.player, &(self.player, self.npc, number), piece)
    }
}

/// A piece given back, as it is written now.
pub(super) fn read(row: &BaseRow) -> (Pair, (u64, Piece)) {
    let ((player, npc, number), piece) = piece::read(row);
    let piece = match piece {
        Piece::Former(kept) => Piece::Talk(kept.into()),
        other => other,
    };
    (Pair { player, npc }, (number, piece))
}

/// A piece of base state. The places of these are written in snapshots.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece {
    /// The conversation without its lines, as it was written before requests had a budget.
    Former(FormerKept),
    /// A line.
    Line(Line),
    /// A line of a storylet. It and what follows came later, and the places of the others are written in snapshots.
    OfStorylet(Line, Sym),
    /// What is known of a storylet and a player.
    Memory(Memory),
    /// When a storylet is to follow, or a player was last spoken to unasked.
    At(Tick),
    /// The last tick in which a storylet did something to facts of a player, and where it was said then.
    Done(Tick, Vec<Sym>),
    /// The conversation without its lines.
    Talk(Kept),
    /// What more is known of a conversation. It and what follows came later.
    More(More),
    /// A line, the storylet that it is of, and what more is known of it.
    Told(Line, Sym, Details),
    /// When a storylet has asked what for a player, unasked.
    Wondered(Tick, ArcStr),
    /// When a player has asked NPCs of a priority.
    Asked(Vec<Tick>),
    /// As [`Piece::Told`], of an answer that was asked for once more, with the rule that the first broke.
    Retried(Line, Sym, Details, ArcStr),
}

/// The number of a piece of base state that holds [`More`].
pub(super) const MORE: u64 = u64::MAX - 4;
/// That of what a storylet has asked, unasked; the storylet stands in the NPC's place.
pub(super) const WONDERED: u64 = u64::MAX - 5;

/// What more is known of a conversation.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct More {
    asked: Asked,
    at: u64,
    spoken: Vec<Part>,
}

/// What more is known of the request that waits.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) prompt: Sym,
    pub(super) revision: ArcStr,
    pub(super) digest: ArcStr,
    pub(super) locale: ArcStr,
    pub(super) parameters: ArcStr,
    /// The storylet that asks, or [`Sym::NONE`].
    pub(super) storylet: Sym,
    /// What the player has said, sealed.
    pub(super) said: ArcStr,
    /// Whether nobody has addressed the NPC.
    pub(super) unasked: bool,
    /// How many ticks the bark is waited for, if an answer may follow it; else 0.
    pub(super) patience: u64,
    /// Whether the bark has been said.
    pub(super) barked: bool,
    /// Which line the answer is, once something of it has been heard; else 0.
    pub(super) line: u64,
}

impl Asked {
    /// When something is said without the answer, or the request is given up.
    pub(super) fn due(&self, pending: &Pending) -> Tick {
        let barks = self.patience > 0 && !self.barked;
        if barks { pending.asked.saturating_add(self.patience) } else { pending.deadline }
    }
}

/// A sentence, or a line that came whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) text: ArcStr,
    pub(super) voice: ArcStr,
    pub(super) emotion: Sym,
    pub(super) intensity: u32,
    pub(super) action: Sym,
    pub(super) locale: ArcStr,
    pub(super) why: Option<Why>,
    pub(super) tier: Sym,
    pub(super) storylet: Sym,
    pub(super) last: bool,
    pub(super) tick: Tick,
}

impl Part {
    /// Its row.
    pub(super) fn row(&self, realm: Sym, pair: Pair, line: u64, index: usize) -> Row {
        let text = |text: &ArcStr| if text.is_empty() { Value::Null } else { Value::Text(text.clone()) };
        Row::from([
            Value::id(realm),
            Value::Sym(pair.player),
            Value::Sym(pair.npc),
            Value::count(line),
            Value::count(index as u64),
            Value::Text(self.text.clone()),
            text(&self.voice),
            Value::id(self.emotion),
            Value::Int(self.intensity.into()),
            Value::id(self.action),
            text(&self.locale),
            provenance(self.tier),
            why_value(self.why),
            Value::id(self.tier),
            Value::id(self.storylet),
            Value::Bool(self.last),
            Value::count(self.tick),
        ])
    }
}

/// What more is known of a line.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Details {
    /// The request that it answers, or was to.
    pub(super) request: ArcStr,
    pub(super) finish: Finish,
    pub(super) prompt_tokens: u32,
    pub(super) tokens: u32,
    pub(super) first_ms: u32,
    pub(super) took_ms: u32,
    /// What the player had said, sealed.
    pub(super) said: ArcStr,
    pub(super) judged: Option<Judged>,
    /// The rule that a first answer broke.
    #[serde(skip)]
    pub(super) retried: ArcStr,
}

impl Details {
    fn is_none(&self) -> bool {
        self.request.is_empty() && self.said.is_empty() && self.judged.is_none()
    }
}

/// What became of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) verdict: ArcStr,
    pub(super) rule: ArcStr,
    pub(super) refs: Vec<Sym>,
    pub(super) tier: Sym,
    pub(super) prompt: Sym,
    pub(super) revision: ArcStr,
}

/// A conversation without its lines, as it was written before requests had a budget.
#[derive(Serialize, Deserialize)]
pub(super) struct FormerKept {
    requests: u64,
    lines: u64,
    barks: u64,
    pending: Option<FormerPending>,
}

#[derive(Serialize, Deserialize)]
struct FormerPending {
    number: u64,
    tier: Sym,
    messages: ArcStr,
    max_tokens: u32,
    asked: Tick,
    deadline: Tick,
    region: Sym,
    seen_region: Sym,
}

impl From<FormerKept> for Kept {
    fn from(former: FormerKept) -> Kept {
        let FormerKept { requests, lines, barks, pending } = former;
        let pending = pending.map(|pending| {
            let FormerPending { number, tier, messages, max_tokens, asked, deadline, region, seen_region } =
                pending;
            let (budget_ms, priority) = (None, Priority::Normal);
            Pending {
                number,
                tier,
                messages,
                max_tokens,
                asked,
                deadline,
                region,
                seen_region,
                budget_ms,
                priority,
            }
        });
        Kept { requests, lines, barks, pending }
    }
}

impl Piece {
    /// The line that it is.
    pub(super) fn into_line(self) -> Option<Line> {
        match self {
            Piece::Line(line) => Some(line),
            Piece::OfStorylet(line, storylet) => Some(Line { storylet, ..line }),
            Piece::Told(line, storylet, details) => Some(Line { storylet, details, ..line }),
            Piece::Retried(line, storylet, details, retried) => {
                Some(Line { storylet, details: Details { retried, ..details }, ..line })
            }
            Piece::Former(_) | Piece::Talk(_) | Piece::More(_) => None,
            Piece::Memory(_) | Piece::At(_) | Piece::Done(..) => None,
            Piece::Wondered(..) | Piece::Asked(_) => None,
        }
    }
}

/// A conversation without its lines.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    requests: u64,
    lines: u64,
    barks: u64,
    pending: Option<Pending>,
}

/// A conversation.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// How many requests there have been.
    pub(super) requests: u64,
    /// How many lines have been said.
    pub(super) lines: u64,
    /// How many of them were barks.
    pub(super) barks: u64,
    /// The request that waits.
    pub(super) pending: Option<Pending>,
    /// What more is known of it.
    pub(super) asked: Asked,
    /// Which line it is at.
    pub(super) at: u64,
    /// What has been said of that line.
    pub(super) spoken: Vec<Part>,
    /// The last lines with their numbers, in order.
    pub(super) said: VecDeque<(u64, Line)>,
}

impl Talk {
    /// What is kept of it, besides its lines.
    pub(super) fn kept(&self) -> Kept {
        let Talk { requests, lines, barks, .. } = *self;
        Kept { requests, lines, barks, pending: self.pending.clone() }
    }

    /// What more is kept of it.
    pub(super) fn more(&self) -> More {
        More { asked: self.asked.clone(), at: self.at, spoken: self.spoken.clone() }
    }

    /// When something is due of the request that waits, if one does.
    pub(super) fn due(&self) -> Option<Tick> {
        self.pending.as_ref().map(|pending| self.asked.due(pending))
    }

    /// Takes back what more was kept.
    pub(super) fn take_back_more(&mut self, more: More) {
        (self.asked, self.at, self.spoken) = (more.asked, more.at, more.spoken);
    }

    /// Takes back what was kept.
    pub(super) fn take_back(&mut self, kept: Kept) {
        let Kept { requests, lines, barks, pending } = kept;
        (self.requests, self.lines, self.barks, self.pending) = (requests, lines, barks, pending);
    }
}

/// A request that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) number: u64,
    /// The tier asked, or [`Sym::NONE`] when the edge chooses one.
    pub(super) tier: Sym,
    pub(super) messages: ArcStr,
    pub(super) max_tokens: u32,
    pub(super) asked: Tick,
    pub(super) deadline: Tick,
    /// Where the premise is tested: where the talk happened, until the player moves.
    pub(super) region: Sym,
    /// Where the player was by presence when that was last looked at.
    pub(super) seen_region: Sym,
    /// Within which the first words must come, if there is a hurry.
    pub(super) budget_ms: Option<u64>,
    pub(super) priority: Priority,
}

impl Pending {
    /// Follows the player, and says whether they have moved.
    pub(super) fn follow(&mut self, region: Sym) -> bool {
        let moved = region != self.seen_region;
        if moved {
            (self.region, self.seen_region) = (region, region);
        }
        moved
    }

    /// Its row.
    pub(super) fn row(&self, realm: Sym, pair: Pair, more: &Asked) -> Row {
        let text = |text: &ArcStr| if text.is_empty() { Value::Null } else { Value::Text(text.clone()) };
        Row::from([
            Value::id(realm),
            Value::Text(pair.request(self.number)),
            Value::Sym(pair.npc),
            Value::Sym(pair.player),
            Value::id(self.tier),
            Value::Text(self.messages.clone()),
            Value::Int(self.max_tokens.into()),
            Value::count(self.asked),
            Value::count(self.deadline),
            self.budget_ms.map_or(Value::Null, Value::count),
            Value::Sym(Sym::new(self.priority.name())),
            text(&more.digest),
            Value::id(more.prompt),
            text(&more.revision),
            text(&more.locale),
            text(&more.parameters),
        ])
    }
}

/// Why a line is authored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Why {
    /// The NPC has no tier, or the world does not declare it.
    NoTier,
    /// The answer did not come in time.
    Late,
    /// The tier failed.
    Failed,
    /// The budget is nothing, or no tier could have answered within it. It and what follows came later.
    NoTime,
    /// No tier that could answer may be asked.
    TierOff,
    /// Tokens or money of the day are used up.
    OverBudget,
    /// The player has asked too often.
    RateLimited,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Why::NoTier => "no_tier",
            Why::Late => "late",
            Why::Failed => "failed",
            Why::NoTime => "no_time",
            Why::TierOff => "tier_off",
            Why::OverBudget => "over_budget",
            Why::RateLimited => "rate_limited",
        }
    }
}

fn why_value(why: Option<Why>) -> Value {
    why.map_or(Value::Null, |why| Value::Sym(Sym::new(why.name())))
}

fn provenance(tier: Sym) -> Value {
    Value::Sym(Sym::new(if tier.is_none() { "authored" } else { "model" }))
}

/// A line that was said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) text: ArcStr,
    /// The tier that answered, or [`Sym::NONE`].
    pub(super) tier: Sym,
    /// Why it is authored, when it is.
    pub(super) why: Option<Why>,
    pub(super) tick: Tick,
    /// The storylet that it is a line of, or [`Sym::NONE`].
    #[serde(skip)]
    pub(super) storylet: Sym,
    /// What more is known of it.
    #[serde(skip)]
    pub(super) details: Details,
}

impl Line {
    /// Its piece.
    pub(super) fn piece(&self) -> Piece {
        let line = self.clone();
        match (self.details.is_none(), self.storylet.is_none()) {
            (true, true) => Piece::Line(line),
            (true, false) => Piece::OfStorylet(line, self.storylet),
            (false, _) if self.details.retried.is_empty() => {
                Piece::Told(line, self.storylet, self.details.clone())
            }
            (false, _) => {
                Piece::Retried(line, self.storylet, self.details.clone(), self.details.retried.clone())
            }
        }
    }

    /// The row of what became of the answer, if it was judged and what it refers to is there.
    pub(super) fn verdict(&self, realm: Sym, pair: Pair) -> Option<Row> {
        let judged = self.details.judged.as_ref()?;
        let refs: Vec<&str> = judged.refs.iter().map(|id| id.as_str()).collect();
        let text = |text: &ArcStr| if text.is_empty() { Value::Null } else { Value::Text(text.clone()) };
        let verdict = if judged.verdict.is_empty() { "retry".into() } else { judged.verdict.clone() };
        Some(Row::from([
            Value::id(realm),
            Value::Text(self.details.request.clone()),
            Value::Sym(pair.player),
            Value::Sym(pair.npc),
            Value::id(judged.tier),
            Value::Text(verdict),
            text(&judged.rule),
            Value::text(&serde_json::json!(refs).to_string()),
            Value::id(judged.prompt),
            text(&judged.revision),
            Value::count(self.tick),
            text(&self.details.retried),
        ]))
    }

    /// Its row.
    pub(super) fn row(&self, realm: Sym, pair: Pair, number: u64) -> Row {
        let details = &self.details;
        let asked = !details.request.is_empty();
        let measured = |n: u32| if asked { Value::Int(n.into()) } else { Value::Null };
        let finish = Some(details.finish.name()).filter(|name| !name.is_empty());
        Row::from([
            Value::id(realm),
            Value::Sym(pair.player),
            Value::Sym(pair.npc),
            Value::count(number),
            Value::Text(self.text.clone()),
            provenance(self.tier),
            why_value(self.why),
            Value::id(self.tier),
            Value::count(self.tick),
            Value::id(self.storylet),
            if asked { Value::Text(details.request.clone()) } else { Value::Null },
            finish.map_or(Value::Null, |name| Value::Sym(Sym::new(name))),
            measured(details.prompt_tokens),
            measured(details.tokens),
            measured(details.first_ms),
            measured(details.took_ms),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_an_older_version_kept_is_still_read() {
        let pending = FormerPending {
            number: 3,
            tier: Sym::new("gold"),
            messages: "[]".into(),
            max_tokens: 64,
            asked: 5,
            deadline: 9,
            region: Sym::NONE,
            seen_region: Sym::new("moor"),
        };
        let former = FormerKept { requests: 3, lines: 2, barks: 1, pending: Some(pending) };
        // The former enum had the conversation in this place.
        let bytes = postcard::to_stdvec(&(0_u32, former)).expect("plain data");
        let Ok(Piece::Former(former)) = postcard::from_bytes(&bytes) else { panic!("a former piece") };
        let mut talk = Talk::default();
        talk.take_back(former.into());
        let pending = talk.pending.expect("a request");
        assert_eq!((talk.requests, talk.lines, talk.barks), (3, 2, 1));
        assert_eq!((pending.number, pending.deadline, pending.seen_region.as_str()), (3, 9, "moor"));
        assert_eq!((pending.budget_ms, pending.priority), (None, Priority::Normal));
    }
}
