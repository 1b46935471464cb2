//! What is told of one quest of one holder when somebody asks why it stands where it stands.
//!
//! `events, counters (as they change) ─trace→ Traced ...; the end of a tick ─picture→ Picture`
//!
//! These are plain values; nobody but whoever explains reads them, and they are no row of any view.

use std::sync::Arc;

use worldflow_schemas::definitions::{Condition, QuestDef, QuestState};
use worldflow_schemas::input::{Holder, WriteOrder};
use worldflow_schemas::{Event, Sym, Tick, Value};

use crate::messages::{ClockNow, PlayerPlace, ZoneWeather};

/// What is traced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Whose quest.
    pub holder: Holder,
    /// Which, by the id that it has when the trace begins.
    pub quest: Sym,
    /// The ids that edits give it later, each with its tick, in their order.
    pub ids: Arc<[(Tick, Sym)]>,
    /// The tick of whose end a picture is made.
    pub until: Tick,
}

/// Something that has happened to the quest, or might have.
#[derive(Clone, PartialEq, Debug)]
pub enum Traced {
    /// An event of a kind that the quest names, and the region in which it happened.
    Came(Tick, Event, Sym),
    /// An objective's counter has changed, or an event has added to it.
    Changed(Change),
    /// A lifetime counter that the quest reads has grown.
    Lived(Lived),
    /// An event has not counted.
    Missed(Missed),
    /// An event has failed the quest.
    Failing(Tick, WriteOrder),
    /// A quest, any quest, or something of it, has another id from this tick on.
    Moved(Moved),
    /// The state is another from the end of this tick on, or is as it was when the trace begins.
    Stands(Standing),
    /// Everything at the end of the last tick.
    Picture(Box<Picture>),
}

/// Other ids that an edit has given.
#[derive(Clone, PartialEq, Debug)]
pub struct Moved {
    /// When.
    pub tick: Tick,
    /// The quest, as it is called now.
    pub quest: Sym,
    /// What it was called; [`Sym::NONE`] when that is the same.
    pub from: Sym,
    /// Its objectives by stage and id, where they have others now: what they were and what they are.
    pub objectives: Vec<[(Sym, Sym); 2]>,
    /// Whether it is the quest that is traced.
    pub own: bool,
    /// The present or last instance of the quest that is traced, which may have another number now.
    pub instance: u32,
}

/// A change of a counter.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// When.
    pub tick: Tick,
    /// Of which instance.
    pub instance: u32,
    /// Of which stage.
    pub stage: Sym,
    /// Of which objective.
    pub objective: Sym,
    /// What it was.
    pub from: u32,
    /// What it is.
    pub to: u32,
    /// What the event has added, before what does not fit was cut off.
    pub added: Option<u32>,
    /// Why.
    pub by: By,
}

/// Why a counter has changed.
#[derive(Clone, PartialEq, Debug)]
pub enum By {
    /// An event.
    Event(WriteOrder, Part),
    /// Time.
    Time,
    /// An edit of the definition.
    Edit,
    /// The stage has opened.
    Opened,
    /// The stage has opened once more.
    Again,
    /// A condition, a lifetime counter or the tags of entities.
    State,
    /// It was so when the trace begins.
    Kept,
}

/// What an event was to a counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// It counted.
    Added,
    /// It took away (`minus`).
    TookAway,
    /// It set back (`reset_on`).
    SetBack,
    /// It came out of order (`strict_sequence`).
    OutOfOrder,
}

/// An event that a lifetime counter has counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Lived {
    /// When.
    pub tick: Tick,
    /// Which counter.
    pub lifetime: Sym,
    /// Which event.
    pub order: WriteOrder,
    /// How much.
    pub amount: i64,
}

/// An event that has not counted for an objective.
#[derive(Clone, PartialEq, Debug)]
pub struct Missed {
    /// When.
    pub tick: Tick,
    /// Which event.
    pub order: WriteOrder,
    /// For which stage and objective; or for which lifetime counter.
    pub of: Of,
    /// Why not.
    pub why: Why,
}

/// What an event has not counted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// An objective of a stage.
    Objective(Sym, Sym),
    /// A lifetime counter.
    Lifetime(Sym),
}

/// Why an event has not counted.
#[derive(Clone, PartialEq, Debug)]
pub enum Why {
    /// Another target.
    Target,
    /// Another region.
    Region(Sym),
    /// The attribute is absent, or does not pass.
    Attribute(Sym, Option<Value>),
    /// The gate was closed.
    Gate(Option<Node>),
    /// The quest was not active but in this state.
    State(QuestState),
    /// Another stage was open.
    Stage(Sym),
    /// The objective was hidden.
    Hidden,
    /// It was done already.
    Done,
    /// Too late after the opening of the stage, or after the objective that it follows.
    Late,
    /// The objective that it follows was not done.
    NotYet(Sym),
    /// Another objective of the sequence was next.
    NotNext(Sym),
    /// The amount or the attribute that is counted is absent, no number, or not above 0.
    NoAmount,
    /// It adds nothing: the value was counted already, or was no better.
    Nothing,
}

/// Where the holder stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// At the end of which tick.
    pub tick: Tick,
    /// The state.
    pub state: QuestState,
    /// The present or last instance.
    pub instance: u32,
    /// How many were completed.
    pub completions: u32,
    /// The open stage, or [`Sym::NONE`].
    pub stage: Sym,
}

/// Everything at the end of a tick, as conditions of the next one see it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Picture {
    /// The tick.
    pub tick: Tick,
    /// The definition; `None` when there is no such quest.
    pub def: Option<Arc<QuestDef>>,
    /// The quests that there are instead, where there is no such quest.
    pub others: Vec<Sym>,
    /// Whether anything was ever heard of the holder.
    pub known: bool,
    /// Where the holder is.
    pub place: PlayerPlace,
    /// The world clock.
    pub clock: Option<ClockNow>,
    /// The state; that of a quest without a record is hidden or available.
    pub state: Option<QuestState>,
    /// The present or last instance.
    pub instance: u32,
    /// How many were completed.
    pub completions: u32,
    /// When the state was entered; 0 without a record.
    pub since: Tick,
    /// The deadline while active, the tick of reopening while done.
    pub wake: Option<Tick>,
    /// The prerequisites.
    pub requires: Option<Node>,
    /// What would fail it.
    pub fail_when: Option<Node>,
    /// The quests of the exclusive group that keep it from being available.
    pub taken_by: Vec<Sym>,
    /// The roles that nobody could have.
    pub unfilled: Vec<Sym>,
    /// Whether the window holds and the pool offers it.
    pub is_dated: bool,
    /// The open stage.
    pub open: Option<StageNow>,
}

/// The open stage.
#[derive(Clone, PartialEq, Debug)]
pub struct StageNow {
    /// Which.
    pub stage: Sym,
    /// When it opened.
    pub opened: Tick,
    /// Which time it is done, of `times`.
    pub round: u32,
    /// Its objectives.
    pub objectives: Vec<ObjectiveNow>,
}

/// An objective of the open stage.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectiveNow {
    /// Which.
    pub objective: Sym,
    /// What it has, as its row shows it.
    pub value: u32,
    /// What it needs.
    pub need: u32,
    /// Whether it is done.
    pub done: bool,
    /// Whether it is hidden.
    pub hidden: bool,
    /// What runs for it: the exact value in millionths, since when, until when.
    pub times: Option<(Option<u64>, Option<Tick>, Option<Tick>)>,
    /// What must hold as its event happens, as it is for the holder.
    pub when: Option<Node>,
    /// What must hold instead of events.
    pub holds: Option<Node>,
    /// Of a lifetime counter: what it has, and of that what does not count.
    pub lifetime: Option<(u64, u64)>,
}

/// A condition, with what there is now.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// All hold.
    All(Vec<Node>),
    /// One holds.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// One test.
    Leaf(Box<Leaf>),
}

/// One test of a condition.
#[derive(Clone, PartialEq, Debug)]
pub struct Leaf {
    /// The test: one key.
    pub test: Condition,
    /// Whether it holds.
    pub holds: bool,
    /// What there is.
    pub now: Now,
}

/// What a test looks at.
#[derive(Clone, PartialEq, Debug)]
pub enum Now {
    /// Nothing is known of it.
    Nothing,
    /// An id: a phase, season, region.
    Id(Sym),
    /// The minute of the world's day.
    Minute(u32),
    /// The weather of the region's zone.
    Weather(ZoneWeather),
    /// A fact of this holder.
    Fact(Option<Holder>, Option<Value>),
    /// Where this holder stands with the quest.
    Quest(Holder, QuestState, u32),
    /// A number.
    Number(i64),
    /// The moment, in UTC milliseconds.
    Utc(i64),
    /// What both sides come to.
    Sides(Option<Value>, Option<Value>),
}

impl Node {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Node::All(of) => of.iter().all(Node::holds),
            Node::Any(of) => of.iter().any(Node::holds),
            Node::Not(of) => !of.holds(),
            Node::Leaf(leaf) => leaf.holds,
        }
    }
}
