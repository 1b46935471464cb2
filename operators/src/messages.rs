//! What base operators tell each other within a tick, and across the loop that leads to the next.
//!
//! These are small facts about the present, not rows: whoever needs one keeps the last it was told.
//! What a whole realm shares is broadcast; what belongs to a holder goes to the holder's worker.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::definitions::{QuestDef, QuestState};
use worldflow_schemas::input::{Current, FactChange, Holder};
use worldflow_schemas::{ArcStr, EventId, Row, Sym, Tick, Value};

use crate::clock::WorldTime;

/// The world clock from this tick on. Broadcast at every edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockNow {
    /// World milliseconds since the calendar's first instant, at `since`.
    pub world_ms: i64,
    /// The fraction of a millisecond there, numerator below denominator.
    pub fraction: (u64, u64),
    /// The tick of that moment.
    pub since: Tick,
    /// World milliseconds ...
    pub scale_world: u32,
    /// ... per this many real milliseconds.
    pub scale_real: u32,
    /// Whether world time stands still.
    pub paused: bool,
    /// The phase of the day.
    pub phase: Sym,
    /// The season.
    pub season: Sym,
    /// Each moon's phase, sorted by the moon's name.
    pub moons: Vec<(Sym, Sym)>,
}

impl ClockNow {
    /// World milliseconds at a tick not before `since`, exact, rounded down.
    #[must_use]
    pub fn world_ms_at(&self, tick: Tick, tick_ms: u32) -> i64 {
        self.time(tick_ms).at(tick)
    }

    /// Minutes since midnight at a tick.
    #[must_use]
    pub fn minute_of_day(&self, tick: Tick, tick_ms: u32) -> u32 {
        let minute = self.world_ms_at(tick, tick_ms).rem_euclid(86_400_000) / 60_000;
        u32::try_from(minute).expect("a day has 1440 minutes")
    }

    /// The first tick from `since` on at which world time is at least `world_ms`, or `None` when it
    /// never will be as things stand.
    #[must_use]
    pub fn tick_of(&self, world_ms: i64, tick_ms: u32) -> Option<Tick> {
        self.time(tick_ms).first_tick_at(world_ms)
    }

    fn time(&self, tick_ms: u32) -> WorldTime {
        WorldTime {
            anchor: self.since,
            world_ms: self.world_ms,
            fraction: self.fraction,
            scale_world: self.scale_world,
            scale_real: self.scale_real,
            paused: self.paused,
            tick_ms,
        }
    }
}

/// The weather of a zone from this tick on. Broadcast at every change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ZoneWeather {
    /// The zone.
    pub zone: Sym,
    /// The state.
    pub state: Sym,
    /// Millionths.
    pub intensity: i64,
    /// When the state was entered.
    pub since: Tick,
    /// World milliseconds at `since`.
    pub since_world_ms: i64,
}

/// A fact from this tick on. A player's goes to the player's worker, others are broadcast.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactNow {
    /// Whose.
    pub holder: Holder,
    /// Which.
    pub fact: Sym,
    /// Its value, or `None` when it is at its default.
    pub value: Option<Value>,
}

/// Where a player is and what they belong to, from this tick on. Goes to the player's worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PlayerPlace {
    /// The region, or [`Sym::NONE`].
    pub region: Sym,
    /// The instance, or [`Sym::NONE`].
    pub instance: Sym,
    /// The party, or [`Sym::NONE`].
    pub party: Sym,
    /// The guild, or [`Sym::NONE`].
    pub guild: Sym,
    /// The account, or [`Sym::NONE`].
    pub account: Sym,
}

/// The tags of an entity, and where it is, from this tick on. Broadcast.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntityTags {
    /// The entity.
    pub entity: Sym,
    /// Whether it is there at all.
    pub there: bool,
    /// Its tags; empty when it is gone.
    pub tags: Vec<Sym>,
    /// Its property `region`, or [`Sym::NONE`].
    pub region: Sym,
}

/// A change of a fact that was concluded in the tick before. Goes through the loop to the fact's
/// worker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactEffect {
    /// Its place among the effects of the tick.
    pub order: EffectOrder,
    /// Whose.
    pub holder: Holder,
    /// Which.
    pub fact: Sym,
    /// How.
    pub change: FactChange,
}

pub use worldflow_schemas::event::RULES;

/// The order of effects within a tick: updates by events first, then effects of quests, of storylets, of arcs, of dialogues, and of rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EffectOrder {
    /// By an event: (at, source, id), and the fact's place among the updates of that event.
    Event {
        /// UTC milliseconds.
        at_ms: i64,
        /// The producer.
        source: Sym,
        /// The id.
        id: EventId,
    },
    /// By a quest: (quest, holder, place in the list of effects).
    Quest {
        /// The quest.
        quest: Sym,
        /// The holder.
        holder: Holder,
        /// Place in the list of effects.
        place: u32,
    },
    /// By a storylet: (storylet, player, place in the list of effects).
    Storylet {
        /// The storylet.
        storylet: Sym,
        /// To whom it was said.
        player: Sym,
        /// Place in the list of effects.
        place: u32,
    },
    /// By a rule.
    Rule(RuleOrder),
    /// By a beat of an arc: (arc, holder, place in the list of effects).
    Arc {
        /// The arc.
        arc: Sym,
        /// The holder.
        holder: Holder,
        /// Place in the list of effects.
        place: u32,
    },
    /// By a dialogue: (player, NPC, place among what it does in the tick).
    Dialogue {
        /// The player.
        player: Sym,
        /// The NPC.
        npc: Sym,
        /// Place among what it does in the tick.
        place: u32,
    },
}

/// The order of what rules do in a tick: (rule, key of the row, when it was triggered, place in the list of what it does).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleOrder {
    /// The rule.
    pub rule: Sym,
    /// The row's key as text.
    pub key: ArcStr,
    /// When it was triggered.
    pub tick: Tick,
    /// Place in the list of what it does.
    pub place: u32,
}

impl RuleOrder {
    /// Compares by value.
    #[must_use]
    pub fn cmp_order(&self, other: &RuleOrder) -> std::cmp::Ordering {
        (self.rule.cmp_text(other.rule))
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.tick.cmp(&other.tick))
            .then_with(|| self.place.cmp(&other.place))
    }

    /// The id of what it does: `rule/key/tick/place`.
    #[must_use]
    pub fn id(&self) -> EventId {
        let RuleOrder { rule, key, tick, place } = self;
        EventId::Named(format!("{rule}/{key}/{tick:015}/{place:03}").into())
    }
}

impl EffectOrder {
    /// Compares by value.
    #[must_use]
    pub fn cmp_order(&self, other: &EffectOrder) -> std::cmp::Ordering {
        let sort = |order: &EffectOrder| match order {
            EffectOrder::Event { .. } => 0,
            EffectOrder::Quest { .. } => 1,
            EffectOrder::Storylet { .. } => 2,
            EffectOrder::Arc { .. } => 3,
            EffectOrder::Dialogue { .. } => 4,
            EffectOrder::Rule(_) => 5,
        };
        match (self, other) {
            (EffectOrder::Rule(a), EffectOrder::Rule(b)) => a.cmp_order(b),
            (
                EffectOrder::Arc { arc, holder, place },
                EffectOrder::Arc { arc: arc_b, holder: holder_b, place: place_b },
            ) => (arc.cmp_text(*arc_b))
                .then_with(|| holder.scope.cmp(&holder_b.scope))
                .then_with(|| holder.id.cmp_text(holder_b.id))
                .then_with(|| place.cmp(place_b)),
            (
                EffectOrder::Dialogue { player, npc, place },
                EffectOrder::Dialogue { player: player_b, npc: npc_b, place: place_b },
            ) => (player.cmp_text(*player_b))
                .then_with(|| npc.cmp_text(*npc_b))
                .then_with(|| place.cmp(place_b)),
            (
                EffectOrder::Storylet { storylet, player, place },
                EffectOrder::Storylet { storylet: storylet_b, player: player_b, place: place_b },
            ) => (storylet.cmp_text(*storylet_b))
                .then_with(|| player.cmp_text(*player_b))
                .then_with(|| place.cmp(place_b)),
            (
                EffectOrder::Event { at_ms, source, id },
                EffectOrder::Event { at_ms: at_b, source: source_b, id: id_b },
            ) => at_ms.cmp(at_b).then_with(|| source.cmp_text(*source_b)).then_with(|| id.cmp(id_b)),
            (
                EffectOrder::Quest { quest, holder, place },
                EffectOrder::Quest { quest: quest_b, holder: holder_b, place: place_b },
            ) => (quest.cmp_text(*quest_b))
                .then_with(|| holder.scope.cmp(&holder_b.scope))
                .then_with(|| holder.id.cmp_text(holder_b.id))
                .then_with(|| place.cmp(place_b)),
            _ => sort(self).cmp(&sort(other)),
        }
    }
}

/// A player's level, concluded in the tick before. Goes through the loop to the player's worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LevelNow {
    /// Who.
    pub player: Sym,
    /// Their level.
    pub level: i64,
}

/// Where a holder stands with a quest, concluded in the tick before. Through the loop, for conditions:
/// a group's is broadcast, a player's goes to the player's worker if an NPC asks about the quest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuestNow {
    /// Whose.
    pub holder: Holder,
    /// Which.
    pub quest: Sym,
    /// The state.
    pub state: QuestState,
    /// How many instances have been completed.
    pub completions: u32,
}

/// What conditions see of a view, concluded in the tick before. Through the loop, broadcast.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ViewNow {
    /// From now on its rows are told, or no longer.
    Asked {
        /// The view's name.
        view: Sym,
        /// Whether some condition names it.
        asked: bool,
    },
    /// A row is there, or no longer.
    Row {
        /// The view.
        view: ViewId,
        /// The row.
        row: Row,
        /// Whether it is there.
        there: bool,
    },
}

/// Something refused by the graph: a row of `rejections`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The producer of the input.
    pub source: Sym,
    /// The input's id.
    pub id: EventId,
    /// A stable code.
    pub code: Sym,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// Of a write that expected another version: what is there.
    pub current: Option<Box<Current>>,
}

/// An edit of a quest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestEdit {
    /// The quest.
    pub quest: Sym,
    /// What it is now; `None` when it is removed.
    pub def: Option<Arc<QuestDef>>,
    /// What it was called until now, whose removal is told by this alone; otherwise [`Sym::NONE`].
    pub from: Sym,
}
