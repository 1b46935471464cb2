//! Arcs: how far a story has come for a holder, how tense it is, and which ways lead on.
//!
//! ```text
//! events ─gate: kinds that arcs name→ MatchesMachine ─by holder→ ArcsMachine ─→ arc_state, arc_tension, arc_branches
//!                                                                    └─ effects on facts ─loop→ the next tick
//! ```
//!
//! [`MatchesMachine`] works where the player is known: it says as of the tick whom an event counts for, and keeps no base state.
//! [`ArcsMachine`] works where the holder is known: it keeps the tension, the beat and what was chosen. Nothing here knows what a
//! beat is about: games read the rows, and conditions do.

mod edits;
mod gate;
mod known;
mod machine;
mod matches;
mod plan;
pub mod reach;
mod score;
mod state;
mod tension;
mod trace;
pub mod traced;
mod turn;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::{ArcDef, Condition};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Event, EventId, Sym};

use crate::messages::{ClockNow, EntityTags, FactNow, LevelNow, QuestEdit, QuestNow, ViewNow, ZoneWeather};
use crate::presence::PlayerNow;

pub(crate) use gate::gate;
pub(crate) use known::{Known, Told};
pub use machine::{ArcsMachine, ArcsOut};
pub use matches::MatchesMachine;

/// What both machines of arcs are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ArcsIn {
    /// An arc is defined, or no longer. Broadcast, also in the tick of a load.
    Define(Sym, Option<Arc<ArcDef>>),
    /// A quest is defined, or no longer. Broadcast.
    DefineQuest(QuestEdit),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// The weather of a zone. Broadcast.
    Weather(ZoneWeather),
    /// An entity. Broadcast.
    Entity(EntityTags),
    /// A fact: a player's by the player, others broadcast.
    Fact(FactNow),
    /// A player's whereabouts. By the player.
    Player(PlayerNow),
    /// A player's level, from the tick before. By the player.
    Level(LevelNow),
    /// Where a holder stands with a quest, from the tick before: a player's by the player, others broadcast.
    Stands(QuestNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
    /// An event of a kind that arcs name. By the player, or without one by the region, or by the realm.
    Event(Event),
    /// What an event of the tick was matched with. By the holder.
    Felt(Felt),
    /// A group is no more. Broadcast.
    Close(Holder),
}

/// What is matched, for a holder.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Felt {
    /// Events of the tick add to the tension of an arc, and take from it.
    Tension {
        /// Whose.
        holder: Holder,
        /// Which arc.
        arc: Sym,
        /// How much, in whole units.
        by: i64,
    },
    /// An event chooses a branch, if it can be chosen.
    Choice {
        /// Whose.
        holder: Holder,
        /// Which arc.
        arc: Sym,
        /// From which beat.
        beat: Sym,
        /// Which branch.
        branch: Sym,
        /// The event's place among those of the tick: at, source, id.
        order: (i64, Sym, EventId),
    },
    /// A player belongs to a group from this tick on, or no longer.
    Belongs {
        /// The group.
        group: Holder,
        /// Whether one more does.
        joins: bool,
    },
    /// An event adds to the tension of what is traced.
    Traced(Holder, Box<traced::Came>),
}

impl Felt {
    /// Whom it is about.
    #[must_use]
    pub fn holder(&self) -> Holder {
        match self {
            Felt::Tension { holder, .. } | Felt::Choice { holder, .. } => *holder,
            Felt::Belongs { group, .. } => *group,
            Felt::Traced(holder, _) => *holder,
        }
    }
}

/// The kinds of events that an arc names.
#[must_use]
pub fn kinds_named(def: &ArcDef) -> Vec<Sym> {
    let tense = def.tension.events.values().map(|tense| &tense.pattern);
    let beats = def.beats.iter().flat_map(|(_, beat)| beat.branches.iter());
    let choices = beats.filter_map(|(_, branch)| branch.chosen_by.as_ref());
    tense.chain(choices).map(|pattern| Sym::new(&pattern.event)).collect()
}

/// The quests that an arc's conditions name: where players stand with them must be told.
#[must_use]
pub fn quests_named(def: &ArcDef) -> Vec<Sym> {
    fn visit(when: &Condition, quests: &mut Vec<Sym>) {
        quests.extend(when.quests.keys().map(|quest| Sym::new(quest)));
        for inner in when.all.iter().chain(&when.any).chain(when.not.as_deref()) {
            visit(inner, quests);
        }
    }
    let mut quests = Vec::new();
    visit(&def.when, &mut quests);
    let mut patterns: Vec<_> = def.tension.events.values().map(|tense| &tense.pattern).collect();
    for (_, beat) in def.beats.iter() {
        visit(&beat.when, &mut quests);
        for (_, branch) in beat.branches.iter() {
            visit(&branch.when, &mut quests);
            branch.criteria.values().for_each(|criterion| visit(&criterion.when, &mut quests));
            patterns.extend(&branch.chosen_by);
        }
    }
    patterns
        .into_iter()
        .filter_map(|pattern| pattern.when.as_ref())
        .for_each(|when| visit(when, &mut quests));
    quests
}
