//! What is told of one arc of one holder in a copy of a realm: which events added to its tension, where it went, and how
//! everything stands at the end.
//!
//! A realm that runs traces nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::ArcDef;
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Event, Sym, Tick};

use crate::messages::{ClockNow, PlayerPlace};
use crate::quests::traced::Node;

/// What is traced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Whose arc.
    pub holder: Holder,
    /// Which.
    pub arc: Sym,
    /// The tick at whose end it is pictured.
    pub until: Tick,
}

/// Something that happened to it.
#[derive(Clone, PartialEq, Debug)]
pub enum Traced {
    /// An event adds to the tension.
    Came(Came),
    /// The tension is another by the events of a tick, by an edit, or as it was loaded.
    Tension(Moved),
    /// A beat has begun, or the arc has ended.
    Stands(Stands),
    /// How everything stands at the end of the last tick.
    Picture(Box<Picture>),
}

/// An event that adds to the tension, or takes from it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Came {
    /// When.
    pub tick: Tick,
    /// The event.
    pub event: Event,
    /// Where it happened.
    pub region: Sym,
    /// By which entry of `tension.events`.
    pub what: Sym,
    /// What it adds, in whole units.
    pub by: i64,
}

/// The tension before a tick's events and after them, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// When.
    pub tick: Tick,
    /// What was left of it; `None` where it was loaded.
    pub left: Option<u64>,
    /// What it is.
    pub now: u64,
}

/// Where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stands {
    /// Since when.
    pub tick: Tick,
    /// The beat.
    pub beat: Sym,
    /// Whether it is over.
    pub is_over: bool,
}

/// How everything stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture {
    /// At the end of this tick.
    pub tick: Tick,
    /// The arc, if there is one of that id.
    pub def: Option<Arc<ArcDef>>,
    /// The arcs that there are, if there is none of that id.
    pub others: Vec<Sym>,
    /// Whether anything was ever heard of the holder.
    pub known: bool,
    /// Whether the holder is there, so that it may begin.
    pub is_there: bool,
    /// Where the player is.
    pub place: PlayerPlace,
    /// The clock.
    pub clock: Option<ClockNow>,
    /// What must hold for it to begin.
    pub begins: Option<Node>,
    /// How far it has come, if it has begun.
    pub here: Option<Here>,
}

/// How far it has come.
#[derive(Clone, PartialEq, Debug)]
pub struct Here {
    /// When it began.
    pub begun: Tick,
    /// The beat that it is in, or was in when it ended.
    pub beat: Sym,
    /// Since when it is in that beat.
    pub entered: Tick,
    /// When it ended.
    pub ended: Option<Tick>,
    /// Whether the tension has come to what the beat wants; of a peak, whether it has risen to it.
    pub reached: bool,
    /// Whether a peak has been reached, and lasts.
    pub risen: bool,
    /// What is left of the tension, in millionths.
    pub tension: u64,
    /// When the beat will have lasted long enough, if that is to come.
    pub lasts_until: Option<Tick>,
    /// What must hold besides, for it to be over.
    pub when: Option<Node>,
    /// The ways on from it.
    pub ways: Vec<Way>,
    /// What was chosen, in the order of the choices.
    pub chosen: Vec<Choice>,
    /// How often each beat has begun.
    pub visits: Vec<(Sym, u32)>,
}

/// A way on from the beat.
#[derive(Clone, PartialEq, Debug)]
pub struct Way {
    /// The branch.
    pub branch: Sym,
    /// The beat that it leads to, or [`Sym::NONE`].
    pub to: Sym,
    /// Whether it can be chosen now.
    pub is_open: bool,
    /// When it will have waited long enough, if that is to come.
    pub waits_until: Option<Tick>,
    /// What must hold.
    pub when: Option<Node>,
    /// Its criteria.
    pub criteria: Vec<(Sym, Node)>,
    /// Its score, if it would be a way on once the beat is over.
    pub score: Option<i64>,
}

/// A choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Of which beat.
    pub beat: Sym,
    /// Which branch.
    pub branch: Sym,
    /// Where it led, or [`Sym::NONE`].
    pub to: Sym,
    /// When.
    pub at: Tick,
    /// The score that it had.
    pub score: i64,
}
