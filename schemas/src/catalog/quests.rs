//! Quests, what they give, and levels.

use super::ColumnType::{Any, Bool, Dec, Int, Text};
use super::{ColumnType, HOLDER, INSTANCE, QUEST, REALM, SCOPE, ViewDef, col};

pub(super) const QUEST_STATE: ViewDef = ViewDef {
    name: "quest_state",
    key: 4,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        INSTANCE,
        col("state", Text, "hidden, available, offered, active, ready, done, failed, expired, abandoned."),
        col("stage", Text, "The open stage of an active instance."),
        col("since", ColumnType::Tick, "When this state was entered."),
        col("deadline", ColumnType::Tick, "When an active instance expires."),
        col("completions", Int, "How many instances of it this holder has completed."),
    ],
    filters: &["state"],
    deterministic: true,
    doc: "Where each holder stands with each quest. A quest without prerequisites has no row before it is accepted.",
};

pub(super) const OBJECTIVE_PROGRESS: ViewDef = ViewDef {
    name: "objective_progress",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        col("stage", Text, "The stage."),
        col("objective", Text, "The objective."),
        INSTANCE,
        col("value", Int, "What has been counted, at most `need`; with `min` the least so far."),
        col("need", Int, "What is needed."),
        col("done", Bool, "Whether it is complete; stays so, unless it is not latched."),
        col("hidden", Bool, "Whether it is still hidden from the player."),
    ],
    filters: &[],
    deterministic: true,
    doc: "The objectives of the open stage of every active instance.",
};

pub(super) const COMMUNITY_PROGRESS: ViewDef = ViewDef {
    name: "community_progress",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        col("stage", Text, "The stage."),
        col("objective", Text, "The objective."),
        INSTANCE,
        col("value", Int, "The one counter."),
        col("need", Int, "What is needed."),
        col("contributors", Int, "How many players have a share."),
    ],
    filters: &[],
    deterministic: true,
    doc: "The objectives of active quests that are held together (every scope but player).",
};

pub(super) const CONTRIBUTIONS: ViewDef = ViewDef {
    name: "contributions",
    key: 7,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        col("stage", Text, "The stage."),
        col("objective", Text, "The objective."),
        col("player", Text, "Who contributed."),
        INSTANCE,
        col("amount", Int, "How much was credited; of an objective whose value never falls they sum to it."),
    ],
    filters: &[],
    deterministic: true,
    doc: "Who contributed how much to an objective held together. The share is amount / community_progress.value.",
};

pub(super) const GRANTS: ViewDef = ViewDef {
    name: "grants",
    key: 2,
    columns: &[
        REALM,
        col("grant", Text, "The grant's stable id: quest/holder/instance/slot/player."),
        QUEST,
        SCOPE,
        HOLDER,
        INSTANCE,
        col("slot", Text, "The reward slot."),
        col("player", Text, "Who is to be given it."),
        col("item", Text, "What: `experience` or an item."),
        col("amount", Int, "How much."),
        col(
            "status",
            Text,
            "pending, delivered, refused; revoked, flagged, clawback or taken when the completion was taken back.",
        ),
        col("reason", Text, "Why it was refused, or not taken back."),
        col("tick", ColumnType::Tick, "When it was earned."),
    ],
    filters: &["player", "status"],
    deterministic: true,
    doc: "The ledger of rewards: each row is earned once and never taken back by an edit, a late event or a crash.",
};

pub(super) const LEVELS: ViewDef = ViewDef {
    name: "levels",
    key: 2,
    columns: &[
        REALM,
        col("player", Text, "Who."),
        col("level", Int, "From 1; leaving level n costs 100 x n."),
        col("experience", Int, "All experience earned."),
        col("into_level", Int, "Experience since this level began."),
        col("to_next", Int, "Experience still needed for the next level."),
    ],
    filters: &[],
    deterministic: true,
    doc: "Experience and level, from the grants.",
};

pub(super) const PAST_GRANTS: ViewDef = ViewDef {
    name: "past_grants",
    key: 6,
    columns: &[
        REALM,
        QUEST,
        SCOPE,
        HOLDER,
        col("player", Text, "Who they were for."),
        col("item", Text, "What was granted; `experience` counts towards the level."),
        col("grants", Int, "How many grants."),
        col("amount", Int, "How much in all."),
        col("instance", Int, "The highest instance of the quest among them."),
    ],
    filters: &["quest", "player", "item"],
    deterministic: true,
    doc: "Answered grants that have left `grants`, added up.",
};

pub(super) const QUEST_BINDINGS: ViewDef = ViewDef {
    name: "quest_bindings",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        col("kind", Text, "branch, role, round or tapper."),
        col("name", Text, "Of a branch the stage, of a role its id; else the kind."),
        INSTANCE,
        col("value", Any, "The branch, the number of the round, or the player."),
    ],
    filters: &["kind"],
    deterministic: true,
    doc: "What the present or last instance of a quest has settled: the branch by which a stage was done, the round of the open stage, and who was the first to add to it. Rows stay until the next instance begins.",
};

pub(super) const OBJECTIVE_TIMES: ViewDef = ViewDef {
    name: "objective_times",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        QUEST,
        col("stage", Text, "The stage."),
        col("objective", Text, "The objective."),
        INSTANCE,
        col("value", Dec, "With `half_life`: the value at `since`, of which half is left at `until`."),
        col("since", ColumnType::Tick, "Since when `for`, `half_life` or `within` runs."),
        col(
            "until",
            ColumnType::Tick,
            "When the span is over, half is left, a window moves on or a streak is lost.",
        ),
    ],
    filters: &[],
    deterministic: true,
    doc: "Open objectives for which time runs: `for`, `half_life`, `window`, `streak`, `after` with `within`.",
};
