//! How a realm runs: who is there, what was refused, edited, and is still to be done.

use super::ColumnType::{Dec, Int, Json, Text, Time};
use super::{ColumnType, HOLDER, REALM, SCOPE, ViewDef, col};

pub(super) const PRESENCE: ViewDef = ViewDef {
    name: "presence",
    key: 2,
    columns: &[
        REALM,
        col("player", Text, "Who."),
        col("server", Text, "The game server; null when away."),
        col("region", Text, "The region."),
        col("instance", Text, "The instance."),
        col("party", Text, "The party."),
        col("guild", Text, "The guild."),
        col("account", Text, "The account."),
        col("since", ColumnType::Tick, "When this row became true."),
    ],
    filters: &["server", "region", "instance", "party", "guild", "account"],
    deterministic: true,
    doc: "Where each player is and what they belong to.",
};

pub(super) const SESSIONS: ViewDef = ViewDef {
    name: "sessions",
    key: 2,
    columns: &[
        REALM,
        col("session", Text, "The session."),
        col("role", Text, "game_server, player, dashboard or designer."),
        col("subject", Text, "Whom the token names."),
        col("encoding", Text, "json or protobuf."),
        col("connected", Time, "Since when."),
        col("subscriptions", Int, "How many views it follows."),
        col("published", Int, "Events it has published."),
    ],
    filters: &["role"],
    deterministic: false,
    doc: "Who is connected.",
};

pub(super) const REJECTIONS: ViewDef = ViewDef {
    name: "rejections",
    key: 3,
    columns: &[
        REALM,
        col("source", Text, "The producer."),
        col("number", Int, "Which rejection of this source, from 1."),
        col("position", Text, "Where in the source: an id, a line, an offset."),
        col("code", Text, "What was wrong, as a stable code."),
        col("reason", Text, "What was wrong, in words."),
        col("hint", Text, "What to do."),
        col("at", Time, "When."),
    ],
    filters: &["code"],
    deterministic: false,
    doc: "Input that was refused, the last few of each source; older ones are counted in the metrics.",
};

pub(super) const ENGINE_STATS: ViewDef = ViewDef {
    name: "engine_stats",
    key: 2,
    columns: &[REALM, col("name", Text, "What is measured, with its unit."), col("value", Dec, "Its value.")],
    filters: &[],
    deterministic: false,
    doc: "How the engine is doing: inputs, the latency of ticks, and how many ticks wait.",
};

pub(super) const REVISIONS: ViewDef = ViewDef {
    name: "revisions",
    key: 2,
    columns: &[
        REALM,
        col("revision", Int, "Which revision, from 1."),
        col("author", Text, "Who edited: the subject of a token, or `start` or `watch`."),
        col("source_revision", Text, "What the author's own archive calls it, such as a git commit."),
        col("tick", ColumnType::Tick, "The tick from which on it is so."),
        col("at", Time, "The time of that tick."),
        col("edits", Int, "How many definitions differ."),
        col(
            "difference",
            Json,
            "Which were added, changed, renamed and removed, by kind; the first few of many.",
        ),
    ],
    filters: &["author"],
    deterministic: true,
    doc: "Edits of definitions, the last hundred; the numbers go on, so they count the older ones.",
};

pub(super) const PENDING_ACTIONS: ViewDef = ViewDef {
    name: "pending_actions",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        col("rule", Text, "The rule."),
        col("trigger", Text, "The key of the row that triggered it, without the realm."),
        col("triggered", ColumnType::Tick, "When it was triggered."),
        col("due", ColumnType::Tick, "When it acts; empty if world time decides."),
        col("due_world_ms", Int, "The world time at which it acts; empty if real time decides."),
        col("actions", Json, "What it will do, as a list."),
    ],
    filters: &["rule"],
    deterministic: true,
    doc: "What rules with `after` have waiting. Neither rules, conditions nor views in SQL see it.",
};
