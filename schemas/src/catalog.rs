//! The catalog: every view, once.
//!
//! A view is a view everywhere: a socket topic, a table, an Arrow stream, an HTTP snapshot, a page.
//! Adding one that is built in is one entry in the file of its subject, its name in [`CATALOG`], and the operator that fills it. Those of a
//! realm are these and what its designers have defined: [`Catalog`].

mod designed;
mod names;
mod npcs;
mod quests;
mod realm;
mod running;
mod saved;
mod stories;
mod view;
mod whose;
mod world;

pub(crate) use designed::hashes;
pub use designed::{DesignedColumn, DesignedView};
pub use names::{MOST_COLUMNS, MOST_NAME_BYTES, MOST_OWN_VIEWS, ViewProblem, is_name};
pub use realm::{Catalog, CatalogEdit};
pub use view::{Column, ColumnType, ViewDef, ViewId, ids, view};
pub use whose::Named;

const fn col(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, doc }
}

use ColumnType::{Int, Text};

const REALM: Column = col("realm", Text, "The realm.");
const SCOPE: Column =
    col("scope", Text, "What kind of holder: player, party, guild, account, region, instance, realm.");
const HOLDER: Column = col("holder", Text, "Which holder.");
const QUEST: Column = col("quest", Text, "The quest.");
const ARC: Column = col("arc", Text, "The arc.");
const INSTANCE: Column = col("instance", Int, "The instance of the quest for this holder, from 1.");

/// `clock`.
pub const CLOCK: ViewId = ViewId(0);
/// `calendar_events`.
pub const CALENDAR_EVENTS: ViewId = ViewId(1);
/// `weather`.
pub const WEATHER: ViewId = ViewId(2);
/// `severe_weather`.
pub const SEVERE_WEATHER: ViewId = ViewId(3);
/// `forecast`.
pub const FORECAST: ViewId = ViewId(4);
/// `quest_state`.
pub const QUEST_STATE: ViewId = ViewId(5);
/// `objective_progress`.
pub const OBJECTIVE_PROGRESS: ViewId = ViewId(6);
/// `community_progress`.
pub const COMMUNITY_PROGRESS: ViewId = ViewId(7);
/// `contributions`.
pub const CONTRIBUTIONS: ViewId = ViewId(8);
/// `grants`.
pub const GRANTS: ViewId = ViewId(9);
/// `levels`.
pub const LEVELS: ViewId = ViewId(10);
/// `facts`.
pub const FACTS: ViewId = ViewId(11);
/// `entities`.
pub const ENTITIES: ViewId = ViewId(12);
/// `presence`.
pub const PRESENCE: ViewId = ViewId(13);
/// `npc_requests`.
pub const NPC_REQUESTS: ViewId = ViewId(14);
/// `npc_lines`.
pub const NPC_LINES: ViewId = ViewId(15);
/// `sessions`.
pub const SESSIONS: ViewId = ViewId(16);
/// `rejections`.
pub const REJECTIONS: ViewId = ViewId(17);
/// `engine_stats`.
pub const ENGINE_STATS: ViewId = ViewId(18);
/// Grants that are over, added up.
pub const PAST_GRANTS: ViewId = ViewId(19);
/// `revisions`.
pub const REVISIONS: ViewId = ViewId(20);
/// `quest_bindings`.
pub const QUEST_BINDINGS: ViewId = ViewId(21);
/// Objectives that time runs for.
pub const OBJECTIVE_TIMES: ViewId = ViewId(22);
/// What rules have waiting.
pub const PENDING_ACTIONS: ViewId = ViewId(23);
/// What players have been told.
pub const STORYLET_MEMORY: ViewId = ViewId(24);
/// Whom storylets reach.
pub const STORYLET_REACH: ViewId = ViewId(25);
/// What NPCs do.
pub const NPC_DIRECTIVES: ViewId = ViewId(26);
/// `tiers`.
pub const TIERS: ViewId = ViewId(27);
/// `lore`.
pub const LORE: ViewId = ViewId(28);
/// `npc_sentences`.
pub const NPC_SENTENCES: ViewId = ViewId(29);
/// `npc_verdicts`.
pub const NPC_VERDICTS: ViewId = ViewId(30);
/// What models have cost.
pub const SPENDING: ViewId = ViewId(31);
/// Which tiers may be asked.
pub const TIER_STATES: ViewId = ViewId(32);
/// How far arcs have come.
pub const ARC_STATE: ViewId = ViewId(33);
/// How tense arcs are.
pub const ARC_TENSION: ViewId = ViewId(34);
/// Which ways lead on.
pub const ARC_BRANCHES: ViewId = ViewId(35);
/// How far the limits of storylets are used up.
pub const STORYLET_LIMITS: ViewId = ViewId(36);
/// Where players are in dialogue.
pub const DIALOGUES: ViewId = ViewId(37);
/// What is said in dialogue.
pub const DIALOGUE_LINES: ViewId = ViewId(38);
/// What players may choose in dialogue.
pub const DIALOGUE_OPTIONS: ViewId = ViewId(39);

/// Every view that is built in, by its number.
pub static CATALOG: &[ViewDef] = &[
    world::CLOCK,
    world::CALENDAR_EVENTS,
    world::WEATHER,
    world::SEVERE_WEATHER,
    world::FORECAST,
    quests::QUEST_STATE,
    quests::OBJECTIVE_PROGRESS,
    quests::COMMUNITY_PROGRESS,
    quests::CONTRIBUTIONS,
    quests::GRANTS,
    quests::LEVELS,
    world::FACTS,
    world::ENTITIES,
    running::PRESENCE,
    npcs::NPC_REQUESTS,
    npcs::NPC_LINES,
    running::SESSIONS,
    running::REJECTIONS,
    running::ENGINE_STATS,
    quests::PAST_GRANTS,
    running::REVISIONS,
    quests::QUEST_BINDINGS,
    quests::OBJECTIVE_TIMES,
    running::PENDING_ACTIONS,
    stories::STORYLET_MEMORY,
    stories::STORYLET_REACH,
    npcs::NPC_DIRECTIVES,
    npcs::TIERS,
    world::LORE,
    npcs::NPC_SENTENCES,
    npcs::NPC_VERDICTS,
    npcs::SPENDING,
    npcs::TIER_STATES,
    stories::ARC_STATE,
    stories::ARC_TENSION,
    stories::ARC_BRANCHES,
    stories::STORYLET_LIMITS,
    stories::DIALOGUES,
    stories::DIALOGUE_LINES,
    stories::DIALOGUE_OPTIONS,
];

/// The catalog as markdown, for the docs.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    for view in CATALOG {
        let key: Vec<&str> = view.columns[..view.key].iter().map(|column| column.name).collect();
        out.push_str(&format!("## {}\n\n{}\n\n", view.name, view.doc));
        out.push_str(&format!(
            "Key: {}. {}\n\n| column | kind | what |\n|---|---|---|\n",
            key.join(", "),
            if view.deterministic { "Deterministic." } else { "Observed." }
        ));
        for column in view.columns {
            out.push_str(&format!("| {} | {:?} | {} |\n", column.name, column.kind, column.doc));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_names_its_entry() {
        for (id, name) in [
            (CLOCK, "clock"),
            (CALENDAR_EVENTS, "calendar_events"),
            (WEATHER, "weather"),
            (SEVERE_WEATHER, "severe_weather"),
            (FORECAST, "forecast"),
            (QUEST_STATE, "quest_state"),
            (OBJECTIVE_PROGRESS, "objective_progress"),
            (COMMUNITY_PROGRESS, "community_progress"),
            (CONTRIBUTIONS, "contributions"),
            (GRANTS, "grants"),
            (LEVELS, "levels"),
            (FACTS, "facts"),
            (ENTITIES, "entities"),
            (PRESENCE, "presence"),
            (NPC_REQUESTS, "npc_requests"),
            (NPC_LINES, "npc_lines"),
            (SESSIONS, "sessions"),
            (REJECTIONS, "rejections"),
            (ENGINE_STATS, "engine_stats"),
            (PAST_GRANTS, "past_grants"),
            (REVISIONS, "revisions"),
            (QUEST_BINDINGS, "quest_bindings"),
            (OBJECTIVE_TIMES, "objective_times"),
            (PENDING_ACTIONS, "pending_actions"),
            (STORYLET_MEMORY, "storylet_memory"),
            (STORYLET_REACH, "storylet_reach"),
            (NPC_DIRECTIVES, "npc_directives"),
            (TIERS, "tiers"),
            (LORE, "lore"),
            (NPC_SENTENCES, "npc_sentences"),
            (NPC_VERDICTS, "npc_verdicts"),
            (SPENDING, "spending"),
            (TIER_STATES, "tier_states"),
            (ARC_STATE, "arc_state"),
            (ARC_TENSION, "arc_tension"),
            (ARC_BRANCHES, "arc_branches"),
            (STORYLET_LIMITS, "storylet_limits"),
            (DIALOGUES, "dialogues"),
            (DIALOGUE_LINES, "dialogue_lines"),
            (DIALOGUE_OPTIONS, "dialogue_options"),
        ] {
            assert_eq!(id.def().name, name);
            assert_eq!(view(name), Some(id));
        }
    }

    #[test]
    fn every_view_begins_with_its_realm_and_filters_name_columns() {
        for view in CATALOG {
            assert_eq!(view.columns[0].name, "realm", "{}", view.name);
            assert!(view.key >= 1 && view.key <= view.columns.len());
            for filter in view.filters {
                assert!(view.column(filter).is_some(), "{}.{filter}", view.name);
            }
        }
    }
}
