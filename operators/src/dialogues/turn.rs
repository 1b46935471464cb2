//! A turn of a dialogue: from a step to the next choice, or to the end.
//!
//! `(nodes, a place in them, what can be read) → lines, commands, changes of facts, options | why it is over`
//!
//! Nothing here is kept or told: whoever calls does that. So a turn can be taken by a test as well.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::{DialogueDef, Formula, LineDef, OptionDef, StepDef};
use worldflow_schemas::{ArcStr, Sym};

use super::formula::{self, Said};

/// The most steps of a turn: what goes on for longer goes round.
const MOST_STEPS: usize = 1_000;

/// All nodes by their titles.
pub type Nodes = FxHashMap<Sym, Arc<DialogueDef>>;

/// What dialogue reads of the world, as of a tick.
pub trait Reads {
    /// What a fact is.
    fn fact(&self, fact: &str) -> Said;
    /// Whether a condition of a node holds.
    fn holds(&self, node: Sym, place: u32) -> bool;
    /// How often a node has been visited.
    fn visits(&self, node: &str) -> u32;
    /// Whether the player has chosen an option before.
    fn chosen(&self, key: &str) -> bool;
    /// A whole number below a bound, another one each time.
    fn draw(&mut self, bound: u64) -> u64;
}

/// What comes of a turn.
#[derive(Clone, PartialEq, Debug)]
pub struct Turn {
    /// What is said, and what the game is to do, in order.
    pub spoken: Vec<Spoken>,
    /// What becomes of facts, in order.
    pub changes: Vec<(ArcStr, Change)>,
    /// The nodes that count as visited once more.
    pub visits: Vec<Sym>,
    /// The node that it has come to.
    pub node: Sym,
    /// What may be chosen there, or why it is over.
    pub next: Result<Vec<Offer>, Why>,
}

/// How a fact changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// It becomes this.
    Set(Said),
    /// This is added to it.
    Add(Said),
}

/// A line, or a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spoken {
    /// Whether it is a command.
    pub command: bool,
    /// The key of its text.
    pub key: ArcStr,
    /// Who says it.
    pub speaker: ArcStr,
    /// What is said, with its values.
    pub text: ArcStr,
    /// The values.
    pub values: Vec<Said>,
}

/// What may be chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// What it says.
    pub line: Spoken,
    /// Why it cannot be chosen.
    pub shut: Option<Shut>,
    /// Whether it has been chosen before.
    pub chosen: bool,
}

/// Why something cannot be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Shut {
    /// Its condition did not hold when it was offered.
    Condition,
    /// The player has chosen otherwise before.
    Decided,
}

impl Shut {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Shut::Condition => "condition",
            Shut::Decided => "decided",
        }
    }
}

/// Why a dialogue is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Why {
    /// Nothing more is said.
    Over,
    /// What it was waiting for is not in the file any more.
    Edited,
    /// The player has left.
    Left,
    /// Nothing of what may be chosen can be.
    NoChoice,
    /// It leads to a node that there is not.
    NoNode,
    /// It went round without saying anything for too long.
    TooLong,
}

impl Why {
    /// Its name in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Why::Over => "over",
            Why::Edited => "edited",
            Why::Left => "left",
            Why::NoChoice => "no_choice",
            Why::NoNode => "no_node",
            Why::TooLong => "too_long",
        }
    }
}

/// Takes a turn from a step of a node.
pub fn take_turn(nodes: &Nodes, (node, step): (Sym, u32), reads: &mut dyn Reads) -> Turn {
    let turn =
        Turn { spoken: Vec::new(), changes: Vec::new(), visits: Vec::new(), node, next: Err(Why::NoNode) };
    let mut taking = Taking { reads, facts: FxHashMap::default(), turn };
    taking.turn.next = taking.take(nodes, step);
    taking.turn
}

/// What a choice offers, without taking a turn to it.
pub fn offer(node: Sym, options: &[OptionDef], reads: &mut dyn Reads) -> Vec<Offer> {
    let turn =
        Turn { spoken: Vec::new(), changes: Vec::new(), visits: Vec::new(), node, next: Err(Why::Over) };
    Taking { reads, facts: FxHashMap::default(), turn }.offers(options)
}

struct Taking<'a> {
    reads: &'a mut dyn Reads,
    /// What facts are after what has been done to them.
    facts: FxHashMap<ArcStr, Said>,
    turn: Turn,
}

impl Taking<'_> {
    fn take(&mut self, nodes: &Nodes, from: u32) -> Result<Vec<Offer>, Why> {
        let mut step = from;
        for _ in 0..MOST_STEPS {
            let def = nodes.get(&self.turn.node).ok_or(Why::NoNode)?;
            let Some(here) = def.steps.get(step as usize) else { return Err(Why::Over) };
            step = step.saturating_add(1);
            match here {
                StepDef::Line(line) => {
                    let line = self.spoken(line, false);
                    self.turn.spoken.push(line);
                }
                StepDef::Command(line) => {
                    let line = self.spoken(line, true);
                    self.turn.spoken.push(line);
                }
                StepDef::Choose(options) => {
                    let offers = self.offers(options);
                    let open = offers.iter().any(|offer| offer.shut.is_none());
                    return if open { Ok(offers) } else { Err(Why::NoChoice) };
                }
                StepDef::If { when, otherwise } => {
                    if !self.work_out(when).holds() {
                        step = *otherwise;
                    }
                }
                StepDef::Go(to) => step = *to,
                StepDef::Set { fact, to } => {
                    let to = self.work_out(to);
                    self.change(fact, to.clone(), Change::Set(to));
                }
                StepDef::Add { fact, by } => {
                    let by = self.work_out(by);
                    let now = self.fact(fact).plus(&by);
                    self.change(fact, now, Change::Add(by));
                }
                StepDef::Visit => self.turn.visits.push(self.turn.node),
                StepDef::Jump(node) => {
                    self.turn.node = Sym::find(node).ok_or(Why::NoNode)?;
                    step = 0;
                }
                StepDef::Stop => return Err(Why::Over),
            }
        }
        Err(Why::TooLong)
    }

    fn change(&mut self, fact: &str, now: Said, change: Change) {
        let fact = ArcStr::from(fact);
        self.facts.insert(fact.clone(), now);
        self.turn.changes.push((fact, change));
    }

    fn fact(&self, fact: &str) -> Said {
        self.facts.get(fact).cloned().unwrap_or_else(|| self.reads.fact(fact))
    }

    fn spoken(&mut self, line: &LineDef, command: bool) -> Spoken {
        let values: Vec<Said> = line.values.iter().map(|value| self.work_out(value)).collect();
        let text = filled(&line.text, &values);
        let (key, speaker) = (ArcStr::from(line.key.as_str()), ArcStr::from(line.speaker.as_str()));
        Spoken { command, key, speaker, text, values }
    }

    fn offers(&mut self, options: &[OptionDef]) -> Vec<Offer> {
        let chosen: Vec<bool> = options.iter().map(|option| self.reads.chosen(&option.line.key)).collect();
        // What decides nothing neither shuts another nor is shut.
        let decided = options.iter().zip(&chosen).filter(|(option, chosen)| !option.free && **chosen).count();
        let mut offers = Vec::new();
        for (option, chosen) in options.iter().zip(chosen) {
            let holds = option.when.as_ref().is_none_or(|when| self.work_out(when).holds());
            let otherwise = !option.free && !chosen && decided > 0;
            let shut = match (otherwise, holds) {
                (true, _) => Some(Shut::Decided),
                (_, false) => Some(Shut::Condition),
                _ => None,
            };
            offers.push(Offer { line: self.spoken(&option.line, false), shut, chosen });
        }
        offers
    }

    fn work_out(&mut self, formula: &Formula) -> Said {
        match formula {
            Formula::Number(millionths) => Said::Number(*millionths),
            Formula::Text(text) => Said::Text(text.as_str().into()),
            Formula::Bool(truth) => Said::Bool(*truth),
            Formula::Fact(fact) => self.fact(fact),
            Formula::Holds(place) => Said::Bool(self.reads.holds(self.turn.node, *place)),
            Formula::Visits(node) => {
                let now = self.turn.visits.iter().filter(|visit| visit.as_str() == node.as_str()).count();
                let visits = u64::from(self.reads.visits(node)).saturating_add(now as u64);
                let millionths = i64::try_from(visits).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                Said::Number(millionths)
            }
            Formula::Of(function, of) => {
                let values: Vec<Said> = of.iter().map(|formula| self.work_out(formula)).collect();
                let reads = &mut *self.reads;
                formula::of(*function, &values, &mut |bound| reads.draw(bound))
            }
        }
    }
}

/// The text with its values where their numbers stand in braces.
fn filled(text: &str, values: &[Said]) -> ArcStr {
    if values.is_empty() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = after.split_once('}').and_then(|(number, after)| {
            let value = values.get(number.parse::<usize>().ok()?)?;
            Some((value, after))
        });
        match value {
            Some((value, after)) => {
                out.push_str(&value.to_string());
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.into()
}
