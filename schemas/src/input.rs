//! Sealed inputs: everything that enters the graph, and so everything the journal must hold.

mod replies;
mod writes;

use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::definitions::{
    ArcDef, BehaviourDef, ClimateDef, DialogueDef, LoreDef, NpcDef, PromptDef, QuestDef, RuleDef,
    ScheduleDef, SqlViewDef, StoryletDef,
};
use crate::event::{Event, EventId};
use crate::sym::Sym;
use crate::tick::Tick;

pub use replies::{Finish, MOST_LINE_BYTES, Reply, Sentence};
pub use writes::{
    Current, CurrentValue, EntityBody, EntityChange, EntityWrite, FactChange, FactWrite, IfVersion, Versioned,
};

/// One input of a tick.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Something that happened in the game.
    Event(Event),
    /// Anything else.
    Command(Command),
}

/// An input that is not an event of the game.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// A definition is added, replaced or removed.
    Define(DefinitionEdit),
    /// The world clock is changed.
    Clock(ClockWrite),
    /// Weather is forced in a zone.
    Weather(WeatherCommand),
    /// A fact is written by a game server.
    Fact(FactWrite),
    /// An entity is written by a game server.
    Entity(EntityWrite),
    /// A player comes to, moves within, or leaves the realm.
    Presence(PresenceWrite),
    /// A player joins or leaves a party, guild or account.
    Membership(MembershipWrite),
    /// A party, guild, account or instance is no more.
    Close(CloseWrite),
    /// A game server's answer to a grant it was offered.
    GrantAnswer(GrantAnswer),
    /// A tier's answer to a request.
    Reply(Reply),
    /// A write of a fact or an entity that is done only if what it changes is at a version.
    IfVersion(IfVersion),
    /// What is personal of a player can be read by nobody from this tick on.
    Forget(ForgetWrite),
    /// Definitions are edited: all of it in one tick, or none of it.
    Revise(Revise),
    /// A sentence of an answer, before the answer is whole.
    Sentence(Sentence),
}

impl Command {
    /// Its place among the inputs of its tick; definitions, revisions and replies have none.
    #[must_use]
    pub fn order(&self) -> Option<&WriteOrder> {
        match self {
            Command::Clock(write) => Some(&write.order),
            Command::Weather(write) => Some(&write.order),
            Command::Fact(write) => Some(&write.order),
            Command::Entity(write) => Some(&write.order),
            Command::Presence(write) => Some(&write.order),
            Command::Membership(write) => Some(&write.order),
            Command::Close(write) => Some(&write.order),
            Command::GrantAnswer(answer) => Some(&answer.order),
            Command::Forget(write) => Some(&write.order),
            Command::IfVersion(IfVersion { write: Versioned::Fact(write), .. }) => Some(&write.order),
            Command::IfVersion(IfVersion { write: Versioned::Entity(write), .. }) => Some(&write.order),
            Command::Define(_) | Command::Reply(_) | Command::Sentence(_) | Command::Revise(_) => None,
        }
    }

    /// When it was written, UTC milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> Option<i64> {
        self.order().map(|order| order.at_ms)
    }

    /// Whether it asks as well: a write that expects a version, and an answer to a grant, may be refused by what is there.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self, Command::IfVersion(_) | Command::GrantAnswer(_))
    }

    /// Gives it another id, for a source that numbers its inputs anew.
    pub fn set_id(&mut self, id: &EventId) {
        let order = match self {
            Command::Clock(write) => &mut write.order,
            Command::Weather(write) => &mut write.order,
            Command::Fact(write) => &mut write.order,
            Command::Entity(write) => &mut write.order,
            Command::Presence(write) => &mut write.order,
            Command::Membership(write) => &mut write.order,
            Command::Close(write) => &mut write.order,
            Command::GrantAnswer(answer) => &mut answer.order,
            Command::Forget(write) => &mut write.order,
            Command::IfVersion(IfVersion { write: Versioned::Fact(write), .. }) => &mut write.order,
            Command::IfVersion(IfVersion { write: Versioned::Entity(write), .. }) => &mut write.order,
            Command::Revise(revise) => {
                revise.id = id.clone();
                return;
            }
            Command::Define(_) | Command::Reply(_) | Command::Sentence(_) => return,
        };
        order.id = id.clone();
    }
}

/// The order of a write among the writes of one tick: (at, source, id), by value.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct WriteOrder {
    /// UTC milliseconds.
    pub at_ms: i64,
    /// The producer.
    pub source: Sym,
    /// The id within the source.
    pub id: EventId,
}

impl WriteOrder {
    /// Compares by value.
    #[must_use]
    pub fn cmp_order(&self, other: &WriteOrder) -> std::cmp::Ordering {
        (self.at_ms.cmp(&other.at_ms))
            .then_with(|| self.source.cmp_text(other.source))
            .then_with(|| self.id.cmp(&other.id))
    }
}

/// −old +new of one definition, by its stable id. `None` removes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum DefinitionEdit {
    /// A quest.
    Quest(Sym, #[serde(with = "json_text")] Option<Arc<QuestDef>>),
    /// A climate.
    Climate(Sym, #[serde(with = "json_text")] Option<Arc<ClimateDef>>),
    /// A scheduled world event.
    Schedule(Sym, #[serde(with = "json_text")] Option<Arc<ScheduleDef>>),
    /// An NPC that can speak.
    Npc(Sym, #[serde(with = "json_text")] Option<Arc<NpcDef>>),
    /// These are all there are: every other definition is removed. Written when a world folder is
    /// opened, after its definitions.
    Only(Box<Only>),
    /// A view in SQL. It and what follows came later, and the places of the others are written in snapshots.
    View(Sym, #[serde(with = "json_text")] Option<Arc<SqlViewDef>>),
    /// A rule.
    Rule(Sym, #[serde(with = "json_text")] Option<Arc<RuleDef>>),
    /// A storylet.
    Storylet(Sym, #[serde(with = "json_text")] Option<Arc<StoryletDef>>),
    /// A behaviour.
    Behaviour(Sym, #[serde(with = "json_text")] Option<Arc<BehaviourDef>>),
    /// A document of lore.
    Lore(Sym, #[serde(with = "json_text")] Option<Arc<LoreDef>>),
    /// A prompt.
    Prompt(Sym, #[serde(with = "json_text")] Option<Arc<PromptDef>>),
    /// An arc.
    Arc(Sym, #[serde(with = "json_text")] Option<Arc<ArcDef>>),
    /// A node of dialogue.
    Dialogue(Sym, #[serde(with = "json_text")] Option<Arc<DialogueDef>>),
}

/// All definitions there are, by id. What was written before there were any of a kind has none of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Only {
    /// Quests.
    pub quests: Vec<Sym>,
    /// Climates.
    pub climates: Vec<Sym>,
    /// Scheduled world events.
    pub schedules: Vec<Sym>,
    /// NPCs.
    pub npcs: Vec<Sym>,
    /// Views in SQL.
    pub views: Vec<Sym>,
    /// Rules.
    pub rules: Vec<Sym>,
    /// Storylets.
    pub storylets: Vec<Sym>,
    /// Behaviours.
    pub behaviours: Vec<Sym>,
    /// Documents of lore.
    pub lore: Vec<Sym>,
    /// Prompts.
    pub prompts: Vec<Sym>,
    /// Arcs.
    pub arcs: Vec<Sym>,
    /// Nodes of dialogue.
    pub dialogues: Vec<Sym>,
}

/// An edit of definitions that makes a revision, if it changes anything.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Revise {
    /// The producer.
    pub source: Sym,
    /// The id within the source.
    pub id: EventId,
    /// Who edits.
    pub author: ArcStr,
    /// What the author's own archive calls it, such as a git commit; empty when that is not said.
    pub source_revision: ArcStr,
    /// It is done only if the realm is at this revision.
    pub if_revision: Option<u64>,
    /// At a start: a fingerprint of what is fixed while a realm runs. Another one is a revision too.
    pub fixed: Option<u64>,
    /// What changes.
    pub edits: Vec<DefinitionEdit>,
}

/// Definitions inside binary encodings are JSON in text: their defaults and untagged values cannot be
/// read back from a form that does not describe itself.
mod json_text {
    use std::sync::Arc;

    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        definition: &Option<Arc<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = definition.as_deref().map(serde_json::to_string).transpose().map_err(S::Error::custom)?;
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<T>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| serde_json::from_str(&text).map(Arc::new).map_err(D::Error::custom)).transpose()
    }
}

/// A change of the world clock and its place in its tick.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockWrite {
    /// Its place among the changes of the tick.
    pub order: WriteOrder,
    /// The change.
    pub command: ClockCommand,
}

/// A change of the world clock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ClockCommand {
    /// World seconds per real second, as an exact fraction; both positive.
    SetScale {
        /// World milliseconds ...
        world: u32,
        /// ... per this many real milliseconds.
        real: u32,
    },
    /// World time stands still.
    Pause,
    /// World time goes on.
    Resume,
    /// World time becomes this many world milliseconds since the calendar's first instant.
    SetTime {
        /// World milliseconds.
        world_ms: i64,
    },
    /// Written by the engine at a restart: nothing ran between these ticks. The world's
    /// `downtime` setting says whether world time stood still.
    Downtime {
        /// The last tick before the stop.
        from: Tick,
        /// The first tick after it.
        to: Tick,
    },
}

impl ClockCommand {
    /// The latest world time that can be set: some 300,000 years from the calendar's first instant.
    pub const MOST_WORLD_MS: i64 = 10_000_000_000_000_000;
}

/// Forces the weather of a zone until its next change, which is drawn anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WeatherCommand {
    /// Its place among those of the tick; the last of a zone wins.
    pub order: WriteOrder,
    /// The zone.
    pub zone: Sym,
    /// The state to enter.
    pub state: Sym,
}

/// Whose a fact is: the scope's kind and the id within it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// What kind of holder.
    pub scope: Scope,
    /// Which; the realm's own name for [`Scope::Realm`].
    pub id: Sym,
}

impl Holder {
    /// Routes the holder to a worker. A player's holder routes like the player's events.
    #[must_use]
    pub fn route(self) -> u64 {
        self.id.hash64()
    }
}

/// What a quest, fact or counter is kept for.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Debug,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One player.
    #[default]
    Player,
    /// A party of players.
    Party,
    /// A guild.
    Guild,
    /// An account with several players.
    Account,
    /// A region of the world.
    Region,
    /// One instance (a dungeon copy, a match).
    Instance,
    /// The whole realm.
    Realm,
}

impl Scope {
    /// Every scope, in order.
    pub const ALL: [Scope; 7] = [
        Scope::Player,
        Scope::Party,
        Scope::Guild,
        Scope::Account,
        Scope::Region,
        Scope::Instance,
        Scope::Realm,
    ];

    /// Whether it is of groups that come and go.
    #[must_use]
    pub fn can_close(self) -> bool {
        matches!(self, Scope::Party | Scope::Guild | Scope::Account | Scope::Instance)
    }

    /// Its name in files and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::Player => "player",
            Scope::Party => "party",
            Scope::Guild => "guild",
            Scope::Account => "account",
            Scope::Region => "region",
            Scope::Instance => "instance",
            Scope::Realm => "realm",
        }
    }
}

/// Where a player is. Absent parts are [`Sym::NONE`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PresenceWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Who.
    pub player: Sym,
    /// The game server, or [`Sym::NONE`] when the player leaves.
    pub server: Sym,
    /// The region.
    pub region: Sym,
    /// The instance.
    pub instance: Sym,
}

/// A change of what a player belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Who.
    pub player: Sym,
    /// [`Scope::Party`], [`Scope::Guild`] or [`Scope::Account`].
    pub scope: Scope,
    /// The group, or [`Sym::NONE`] when the player leaves it.
    pub group: Sym,
}

/// The end of a party, guild, account or instance: everyone leaves it, its open quests are abandoned, and
/// what is kept of it goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CloseWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Which group.
    pub group: Holder,
}

/// A player is to be forgotten: their key is destroyed once the tick is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ForgetWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Who.
    pub player: Sym,
    /// The name of the key that they had when it was asked for; a later key stays. Empty when they had none.
    pub key: ArcStr,
}

/// A game server's answer to an offered grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantAnswer {
    /// Who answers, and when.
    pub order: WriteOrder,
    /// The grant's id, as in the `grants` view.
    pub grant: ArcStr,
    /// Given to the player.
    pub delivered: bool,
    /// Why not, when refused.
    pub reason: ArcStr,
}

/// What an answer to a grant answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// That it is to be given.
    Delivery,
    /// That it is to be taken back.
    Clawback,
}

impl Answers {
    /// The id of the answer to a grant. Each of the two counts once, and one that comes late is not taken for the other.
    #[must_use]
    pub fn id(self, grant: &str) -> EventId {
        let of = match self {
            Answers::Delivery => DELIVERY,
            Answers::Clawback => CLAWBACK,
        };
        EventId::Named(format!("{of}{grant}").into())
    }
}

const DELIVERY: &str = "delivery/";
const CLAWBACK: &str = "clawback/";

impl GrantAnswer {
    /// What it answers, if its id says so. That of a recording does not, nor does one of an earlier version: these answer what
    /// is asked.
    #[must_use]
    pub fn answers(&self) -> Option<Answers> {
        let EventId::Named(id) = &self.order.id else { return None };
        let of = |prefix| id.strip_prefix(prefix) == Some(self.grant.as_str());
        if of(DELIVERY) { Some(Answers::Delivery) } else { of(CLAWBACK).then_some(Answers::Clawback) }
    }
}
