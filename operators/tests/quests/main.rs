//! Quests, rule by rule, as `docs/semantics.md` states them.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod conditions;
mod edits;
mod grants;
mod groups;
mod harness;
mod law;
mod moves;
mod players;

/// A quest of players.
const WOLVES: &str = r#"{"title": "Wolves", "stages": {"hunt": {"objectives":
    {"wolves": {"event": "kill", "target": "wolf", "count": 3}}}},
    "rewards": {"experience": 50, "slots": {"pelt": {"item": "pelt", "amount": 2}}}}"#;

/// A world with what the tests name.
const WORLD: &str = r#"{
    "name": "t", "seed": 1, "tick_ms": 10,
    "zones": {"coast": {"climate": "mild"}},
    "regions": {"moor": {"zone": "coast"}, "fen": {}},
    "kinds": {"kill": {}, "gather": {}, "craft": {}},
    "entities": {"wolf": {"kind": "npc", "tags": ["beast"]}, "bear": {"kind": "npc", "tags": ["beast"]}},
    "facts": {
        "mood": {"scope": "realm", "type": "int", "default": 0},
        "fame": {"scope": "player", "type": "int", "default": 0},
        "banner": {"scope": "guild", "type": "text", "default": "none"},
        "slain": {"scope": "realm", "type": "int", "default": 0, "on": [{"pattern": {"event": "kill", "target": "beast"}, "add": 1}]}
    },
    "lifetime": {
        "kills": {"pattern": {"event": "kill"}},
        "guild_kills": {"scope": "guild", "pattern": {"event": "kill"}}
    }
}"#;
