//! Storylets, arcs and dialogue.

use super::ColumnType::{Bool, Dec, Int, Text};
use super::{ARC, ColumnType, HOLDER, REALM, SCOPE, ViewDef, col};

pub(super) const STORYLET_MEMORY: ViewDef = ViewDef {
    name: "storylet_memory",
    key: 3,
    columns: &[
        REALM,
        col("player", Text, "The player."),
        col("storylet", Text, "The storylet."),
        col("times", Int, "How often it was said to them."),
        col("last", ColumnType::Tick, "When it was last said to them; empty if it never was."),
    ],
    filters: &["player", "storylet"],
    deterministic: true,
    doc: "The storylets that were said to each player, or could have been when a choice was made.",
};

pub(super) const STORYLET_REACH: ViewDef = ViewDef {
    name: "storylet_reach",
    key: 2,
    columns: &[
        REALM,
        col("storylet", Text, "The storylet."),
        col("eligible", Int, "For how many players it could have been said when a choice was made."),
        col("players", Int, "To how many of them it was said."),
        col("times", Int, "How often it was said."),
        col(
            "never",
            Text,
            "`eligible` if it could never have been said to anyone, `said` if it could have been and never was; else empty.",
        ),
    ],
    filters: &["never"],
    deterministic: true,
    doc: "Whom each storylet reaches: `eligible` is 0 for what never fits, `times` for what others always win against.",
};

pub(super) const ARC_STATE: ViewDef = ViewDef {
    name: "arc_state",
    key: 4,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        ARC,
        col("beat", Text, "The beat that it is in, or was in when it ended."),
        col("phase", Text, "What that beat is for: build_up, peak or relax; ended when the arc is over."),
        col("since", ColumnType::Tick, "Since when it is in that beat, or has ended."),
        col("reached", Bool, "Whether the tension has come to what the beat wants."),
        col("begun", ColumnType::Tick, "When it began."),
        col("beats", Int, "How many beats have begun, each as often as it did."),
    ],
    filters: &["holder", "arc"],
    deterministic: true,
    doc: "How far each arc has come for each holder.",
};

pub(super) const ARC_TENSION: ViewDef = ViewDef {
    name: "arc_tension",
    key: 4,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        ARC,
        col("band", Int, "In which tenth of its most the tension lies: 0 to 10."),
        col("tension", Dec, "What it was at tick `since`."),
        col("since", ColumnType::Tick, "When it came into that band."),
    ],
    filters: &["holder", "arc"],
    deterministic: true,
    doc: "How tense each arc is for each holder; a row changes only when the tension comes into another band.",
};

pub(super) const ARC_BRANCHES: ViewDef = ViewDef {
    name: "arc_branches",
    key: 6,
    columns: &[
        REALM,
        SCOPE,
        HOLDER,
        ARC,
        col("beat", Text, "The beat that it leads on from."),
        col("branch", Text, "The branch."),
        col("to", Text, "The beat that it leads to; empty if the arc ends with it."),
        col("chosen", ColumnType::Tick, "When it was chosen; empty while it may be."),
        col("coherence", Int, "How much of what it builds on holds, 0 to 100."),
        col("impact", Int, "How much it changes, 0 to 100."),
        col("novelty", Int, "How little the holder has seen of where it leads, 0 to 100."),
        col("quality", Int, "Of the three together, 0 to 100."),
        col("score", Int, "The quality and the branch's weight: by this a branch is chosen."),
    ],
    filters: &["holder", "arc"],
    deterministic: true,
    doc: "The branches that each holder may choose now, and those that were chosen.",
};

pub(super) const STORYLET_LIMITS: ViewDef = ViewDef {
    name: "storylet_limits",
    key: 4,
    columns: &[
        REALM,
        col("storylet", Text, "The storylet."),
        col("scope", Text, "Of whom it is: realm, all NPCs together, or npc."),
        col("who", Text, "The realm, or the NPC that has said it."),
        col("times", Int, "How often it was said, to all players together."),
        col("last", ColumnType::Tick, "When it was last said; empty if it never was."),
        col("saying", Int, "How many are saying it, if `at_once` limits that; else, and of an NPC, empty."),
        col("closed", Bool, "Whether nobody may say it now; of an NPC, whether that one may not."),
    ],
    filters: &["storylet"],
    deterministic: true,
    doc: "How far the limits of storylets over all players are used up: a row for each that has some, and where each NPC has a limit of its own one for each that has said it.",
};

pub(super) const DIALOGUES: ViewDef = ViewDef {
    name: "dialogues",
    key: 3,
    columns: &[
        REALM,
        col("player", Text, "The player."),
        col("npc", Text, "The NPC that was addressed."),
        col("node", Text, "The node of the Yarn file that it is at, or was at when it ended."),
        col("state", Text, "choosing: it waits for the player; ended."),
        col("why", Text, "Why it ended: over, edited, left, no_choice, no_node, or too_long."),
        col("turn", Int, "How often the player has chosen in it, from 1."),
        col("since", ColumnType::Tick, "Since when that is so."),
    ],
    filters: &["player", "npc"],
    deterministic: true,
    doc: "Where each player is in a dialogue with an NPC.",
};

pub(super) const DIALOGUE_LINES: ViewDef = ViewDef {
    name: "dialogue_lines",
    key: 4,
    columns: &[
        REALM,
        col("player", Text, "The player."),
        col("npc", Text, "The NPC that was addressed."),
        col("number", Int, "Its place in the dialogue, from 1."),
        col("kind", Text, "line, or command: what the game is to do."),
        col(
            "speaker",
            Text,
            "Who says it, as the Yarn file has it before the colon; empty when nobody is named.",
        ),
        col("key", Text, "The key of its text."),
        col(
            "text",
            Text,
            "The text in the language of the file, with its values; of a command what it says.",
        ),
        col("arguments", Text, "The values in the text, as a list in JSON; empty without any."),
        col("said", ColumnType::Tick, "When it was said."),
    ],
    filters: &["player", "npc"],
    deterministic: true,
    doc: "What was said in each dialogue since the player last chose, and what the game is to do.",
};

pub(super) const DIALOGUE_OPTIONS: ViewDef = ViewDef {
    name: "dialogue_options",
    key: 4,
    columns: &[
        REALM,
        col("player", Text, "The player."),
        col("npc", Text, "The NPC that was addressed."),
        col("place", Int, "Its place, from 1."),
        col("key", Text, "The key of its text; by it or by its place it is chosen."),
        col("text", Text, "The text in the language of the file, with its values."),
        col("arguments", Text, "The values in the text, as a list in JSON; empty without any."),
        col("available", Bool, "Whether it can be chosen."),
        col("why", Text, "Why it cannot: condition, or decided when the player has chosen otherwise before."),
        col("chosen", Bool, "Whether the player has chosen it before."),
    ],
    filters: &["player", "npc"],
    deterministic: true,
    doc: "What each player may choose in a dialogue now.",
};
