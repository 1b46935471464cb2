//! Where a player is in a dialogue, and what is kept of them: pieces and rows.

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::BaseChange;
use worldflow_schemas::catalog::{DIALOGUE_LINES, DIALOGUE_OPTIONS, DIALOGUES};
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::formula::Said;
use super::machine::DialoguesMachine;
use super::turn::{Change, Offer, Spoken, Why};
use crate::machine::{Machine as _, ViewRow};
use crate::piece;

/// A player, and an NPC; or nobody, for what is kept of the player.
pub(super) type Pair = (Sym, Sym);

/// A dialogue.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Talk {
    pub(super) node: Sym,
    pub(super) why: Option<Why>,
    pub(super) turn: u32,
    pub(super) since: Tick,
    /// How many lines were said before those of this turn.
    pub(super) before: u64,
    pub(super) spoken: Vec<Spoken>,
    pub(super) offers: Vec<Offer>,
    /// How often something was drawn.
    pub(super) draws: u64,
    /// What became of facts in the tick of `since`; it acts in the next.
    pub(super) changes: Vec<(ArcStr, Change)>,
}

/// What is kept of a player.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// How often nodes were visited, by title.
    pub(super) visits: Vec<(Sym, u32)>,
    /// The keys of what was chosen, in the order of the choices.
    pub(super) chosen: Vec<ArcStr>,
}

/// A piece of base state.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece {
    /// A dialogue.
    Talk(Talk),
    /// A player.
    Memory(Memory),
}

/// The change of a piece.
pub(super) fn change(pair: Pair, piece: Option<&Piece>) -> BaseChange {
    piece::change(DialoguesMachine::NAME, pair.0, &pair, piece)
}

/// The most choices of a player that are kept; the oldest go.
const MOST_CHOSEN: usize = 10_000;

impl Memory {
    pub(super) fn choose(&mut self, key: &str) {
        if !self.chosen.iter().any(|chosen| chosen == key) {
            self.chosen.push(key.into());
            let excess = self.chosen.len().saturating_sub(MOST_CHOSEN);
            self.chosen.drain(..excess);
        }
    }

    pub(super) fn visit(&mut self, node: Sym) {
        match self.visits.iter_mut().find(|(of, _)| *of == node) {
            Some((_, visits)) => *visits = visits.saturating_add(1),
            None => self.visits.push((node, 1)),
        }
    }

    pub(super) fn visits_to(&self, node: &str) -> u32 {
        self.visits.iter().find(|(of, _)| of.as_str() == node).map_or(0, |(_, visits)| *visits)
    }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::text(text) }
}

fn values(values: &[Said]) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    let json: Vec<serde_json::Value> = values.iter().map(|value| value.value().to_json()).collect();
    Value::text(&serde_json::Value::Array(json).to_string())
}

impl Talk {
    /// Its rows.
    pub(super) fn rows(&self, realm: Sym, (player, npc): Pair) -> Vec<ViewRow> {
        let row = |rest: Vec<Value>| {
            let key = [Value::id(realm), Value::id(player), Value::id(npc)];
            Row::new(key.into_iter().chain(rest).collect::<Vec<_>>())
        };
        let name = |name: &str| Value::Sym(Sym::new(name));
        let mut rows = vec![(
            DIALOGUES,
            row(vec![
                Value::Sym(self.node),
                name(if self.why.is_some() { "ended" } else { "choosing" }),
                self.why.map_or(Value::Null, |why| name(why.name())),
                Value::count(self.turn.into()),
                Value::count(self.since),
            ]),
        )];
        for (number, spoken) in (self.before + 1..).zip(&self.spoken) {
            rows.push((
                DIALOGUE_LINES,
                row(vec![
                    Value::count(number),
                    name(if spoken.command { "command" } else { "line" }),
                    text(&spoken.speaker),
                    text(&spoken.key),
                    text(&spoken.text),
                    values(&spoken.values),
                    Value::count(self.since),
                ]),
            ));
        }
        for (place, offer) in (1..).zip(&self.offers) {
            rows.push((
                DIALOGUE_OPTIONS,
                row(vec![
                    Value::count(place),
                    text(&offer.line.key),
                    text(&offer.line.text),
                    values(&offer.line.values),
                    Value::Bool(offer.shut.is_none()),
                    offer.shut.map_or(Value::Null, |shut| name(shut.name())),
                    Value::Bool(offer.chosen),
                ]),
            ));
        }
        rows
    }
}
