//! The catalog: every view, once.
//!
//! A view is a view everywhere: a socket topic, a table, an Arrow stream, an HTTP snapshot, a page.
//! Adding one that is built in is one entry in [`CATALOG`] and the operator that fills it. Those of a
//! realm are these and what its designers have defined: [`Catalog`].

mod designed;
mod names;
mod realm;
mod saved;
mod view;

pub(crate) use designed::hashes;
pub use designed::{DesignedColumn, DesignedView};
pub use names::{MOST_COLUMNS, MOST_NAME_BYTES, MOST_OWN_VIEWS, ViewProblem, is_name};
pub use realm::{Catalog, CatalogEdit};
pub use view::{Column, ColumnType, ViewDef, ViewId, ids, view};

const fn col(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, doc }
}

use ColumnType::{Any, Bool, Dec, Int, Json, Text, Time};

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

/// Every view that is built in.
pub static CATALOG: &[ViewDef] = &[
    ViewDef {
        name: "clock",
        key: 1,
        columns: &[
            REALM,
            col("world_ms", Int, "World milliseconds since the calendar's first instant, at tick `since`."),
            col("since", ColumnType::Tick, "The tick at which this row became true."),
            col("scale_world", Int, "World time runs this many milliseconds ..."),
            col("scale_real", Int, "... per this many real milliseconds."),
            col("paused", Bool, "Whether world time stands still."),
            col("phase", Text, "The phase of the day: dawn, day, dusk, night, or the designer's."),
            col("day", Int, "Days since the calendar's first day, from 1."),
            col("year", Int, "The calendar's year."),
            col("month", Text, "The calendar's month."),
            col("day_of_month", Int, "From 1."),
            col("weekday", Text, "The calendar's weekday."),
            col("season", Text, "The season."),
            col("moons", Json, "Each moon's phase by name."),
            col(
                "next_edge",
                ColumnType::Tick,
                "The tick of the next change of this row, if time runs on as it does.",
            ),
        ],
        filters: &[],
        deterministic: true,
        doc: "The world clock; a row changes at edges only, and world time in between is world_ms + (tick - since) x tick_ms x scale.",
    },
    ViewDef {
        name: "calendar_events",
        key: 3,
        columns: &[
            REALM,
            col("event", Text, "The scheduled event."),
            col("occurrence", Int, "Which occurrence, from 1."),
            col("tick", ColumnType::Tick, "When it fired."),
            col("world_ms", Int, "The world time for which it was scheduled."),
            col("kind", Text, "What it is, as the schedule says."),
        ],
        filters: &["kind"],
        deterministic: true,
        doc: "Scheduled world events that have fired, the last few of each.",
    },
    ViewDef {
        name: "weather",
        key: 2,
        columns: &[
            REALM,
            col("zone", Text, "The zone."),
            col("state", Text, "The state: clear, rain, storm ..."),
            col("previous", Text, "The state before, from which it fades."),
            col("since", ColumnType::Tick, "When the state was entered."),
            col("faded", ColumnType::Tick, "When the transition from the state before is complete."),
            col(
                "next_change",
                ColumnType::Tick,
                "When the next state will be entered, if time runs on as it does.",
            ),
            col("intensity", Dec, "0 to 1."),
            col("temperature_c", Dec, "Degrees Celsius."),
            col("wind_kmh", Dec, "Kilometres an hour."),
            col("humidity", Dec, "0 to 1."),
            col("visibility_m", Int, "Metres."),
            col("severe", Bool, "Whether the severity threshold is crossed."),
            col("wetness", Dec, "0 to 1 at `measured`."),
            col("wetness_per_hour", Dec, "Its rate per world hour, until it reaches 0 or 1."),
            col("snow_cm", Dec, "Snow cover in centimetres at `measured`."),
            col("snow_cm_per_hour", Dec, "Its rate per world hour, until it reaches 0 or the most."),
            col("measured", ColumnType::Tick, "The tick of the values above."),
        ],
        filters: &["state"],
        deterministic: true,
        doc: "The weather of each zone.",
    },
    ViewDef {
        name: "severe_weather",
        key: 3,
        columns: &[
            REALM,
            col("zone", Text, "The zone."),
            col("crossing", Int, "Which crossing in this zone, from 1."),
            col("tick", ColumnType::Tick, "When."),
            col("began", Bool, "True when severe weather began, false when it ended."),
            col("state", Text, "The state then."),
            col("intensity", Dec, "0 to 1."),
        ],
        filters: &[],
        deterministic: true,
        doc: "Crossings of the severity threshold, each once; the last few of each zone.",
    },
    ViewDef {
        name: "forecast",
        key: 4,
        columns: &[
            REALM,
            col("zone", Text, "The zone."),
            col("hours_ahead", Int, "World hours from `issued`."),
            col("state", Text, "A state."),
            col(
                "probability",
                Dec,
                "0 to 1: the climate's own law, given the present state and its age; 0.01 and above.",
            ),
            col("issued", ColumnType::Tick, "When the forecast was made."),
        ],
        filters: &[],
        deterministic: true,
        doc: "Probabilities of the weather to come; made without reading the draws that will decide it.",
    },
    ViewDef {
        name: "quest_state",
        key: 4,
        columns: &[
            REALM,
            SCOPE,
            HOLDER,
            QUEST,
            INSTANCE,
            col(
                "state",
                Text,
                "hidden, available, offered, active, ready, done, failed, expired, abandoned.",
            ),
            col("stage", Text, "The open stage of an active instance."),
            col("since", ColumnType::Tick, "When this state was entered."),
            col("deadline", ColumnType::Tick, "When an active instance expires."),
            col("completions", Int, "How many instances of it this holder has completed."),
        ],
        filters: &["state"],
        deterministic: true,
        doc: "Where each holder stands with each quest. A quest without prerequisites has no row before it is accepted.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
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
            col(
                "amount",
                Int,
                "How much was credited; of an objective whose value never falls they sum to it.",
            ),
        ],
        filters: &[],
        deterministic: true,
        doc: "Who contributed how much to an objective held together. The share is amount / community_progress.value.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
        name: "facts",
        key: 4,
        columns: &[
            REALM,
            SCOPE,
            HOLDER,
            col("fact", Text, "The fact."),
            col("value", Any, "Its value; a fact at its default has no row."),
            col("version", Int, "How many times it has changed."),
            col("expires", ColumnType::Tick, "When it goes back to its default."),
        ],
        filters: &["fact"],
        deterministic: true,
        doc: "Facts that differ from their defaults.",
    },
    ViewDef {
        name: "entities",
        key: 2,
        columns: &[
            REALM,
            col("entity", Text, "The entity."),
            col("kind", Text, "npc, object, place or player."),
            col("tags", Json, "Its tags, sorted."),
            col("properties", Json, "Its typed properties."),
            col("version", Int, "How many times it has changed."),
        ],
        filters: &["kind", "tags"],
        deterministic: true,
        doc: "Entities of the world.",
    },
    ViewDef {
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
    },
    ViewDef {
        name: "npc_requests",
        key: 2,
        columns: &[
            REALM,
            col("request", Text, "The request's stable id."),
            col("npc", Text, "Who is to speak."),
            col("player", Text, "To whom."),
            col("tier", Text, "Which tier is asked; when empty, one is chosen by the budget."),
            col("messages", Json, "The messages sent."),
            col("max_tokens", Int, "The longest answer asked for."),
            col("asked", ColumnType::Tick, "When it was asked."),
            col(
                "deadline",
                ColumnType::Tick,
                "When it is given up: the authored bark is said then, unless the NPC has `late: follow_up`; then that was said when its patience was over, and nothing more is.",
            ),
            col(
                "budget_ms",
                Int,
                "Milliseconds within which the first words must come; empty if there is no hurry.",
            ),
            col("priority", Text, "Which a tier takes first: critical, high, normal, low."),
            col(
                "digest",
                Text,
                "A hash of the NPC, the prompt's revision and what of the world it reads. Equal ones share an answer.",
            ),
            col("prompt", Text, "The prompt; empty when the NPC's own words are used."),
            col("revision", Text, "A hash of the prompt and of the NPC's definition."),
            col("locale", Text, "The language of the answer; empty when the world declares none."),
            col("parameters", Json, "How the model is asked: form, sampling, most tokens, whether unasked."),
        ],
        filters: &["tier"],
        deterministic: true,
        doc: "Requests that wait for an answer: a row is demand, and a removed row is a cancelled or answered one.",
    },
    ViewDef {
        name: "npc_lines",
        key: 4,
        columns: &[
            REALM,
            col("player", Text, "Who hears it."),
            col("npc", Text, "Who says it."),
            col("line", Int, "Which line between the two, from 1."),
            col("text", Text, "What is said."),
            col("provenance", Text, "model, or authored."),
            col(
                "why",
                Text,
                "Why a bark was said instead of an answer: no_tier, no_time, late, failed, tier_off, over_budget, rate_limited.",
            ),
            col("tier", Text, "The tier that answered."),
            col("tick", ColumnType::Tick, "When it was said."),
            col("storylet", Text, "The storylet that it is a line of."),
            col("request", Text, "The request that it answers, or was to."),
            col("finish", Text, "How the answer ended: stop, length, truncated."),
            col("prompt_tokens", Int, "Tokens of the prompt."),
            col("tokens", Int, "Tokens of the answer."),
            col("first_ms", Int, "Milliseconds from sending to the first text."),
            col("took_ms", Int, "Milliseconds from sending to the end."),
        ],
        filters: &[],
        deterministic: true,
        doc: "What NPCs have said, the last few lines of each pair.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
        name: "engine_stats",
        key: 2,
        columns: &[
            REALM,
            col("name", Text, "What is measured, with its unit."),
            col("value", Dec, "Its value."),
        ],
        filters: &[],
        deterministic: false,
        doc: "How the engine is doing: inputs, the latency of ticks, and how many ticks wait.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
        name: "quest_bindings",
        key: 6,
        columns: &[
            REALM,
            SCOPE,
            HOLDER,
            QUEST,
            col("kind", Text, "branch, round or tapper."),
            col("name", Text, "Of a branch the stage; else the kind."),
            INSTANCE,
            col("value", Any, "The branch, the number of the round, or the player."),
        ],
        filters: &["kind"],
        deterministic: true,
        doc: "What the present or last instance of a quest has settled: the branch by which a stage was done, the round of the open stage, and who was the first to add to it. Rows stay until the next instance begins.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
        name: "npc_directives",
        key: 2,
        columns: &[
            REALM,
            col("npc", Text, "The NPC."),
            col(
                "action",
                Text,
                "dodge, flee, attack, approach, defend, withdraw, interact, socialise or idle.",
            ),
            col("toward", Text, "Towards what, or away from it; empty if idle."),
            col("priority", Dec, "How urgent it is, 0 to 1."),
            col("goal", Text, "What the NPC is after: combat, company, discovery or survival."),
            col("since", ColumnType::Tick, "Since when it does that."),
            col(
                "decisions",
                Int,
                "How often it was decided what it does: once for each tick in which what it senses has changed.",
            ),
        ],
        filters: &["action"],
        deterministic: true,
        doc: "What each NPC does about what it senses; a row goes when all that it sensed is too long ago.",
    },
    ViewDef {
        name: "tiers",
        key: 2,
        columns: &[
            REALM,
            col("tier", Text, "The tier."),
            col("class", Text, "How fast it is: gold, silver, bronze or a name of the world's own."),
            col("replicas", Int, "How many servers it has."),
            col("breaker", Text, "closed; half_open or open when no server of it is better."),
            col("queue", Int, "Requests that wait."),
            col("in_flight", Int, "Requests under way."),
            col("in_flight_limit", Int, "The most requests under way at the moment, over its servers."),
            col(
                "first_token_p50_ms",
                Int,
                "Milliseconds to the first text: of half of the latest at most this.",
            ),
            col("first_token_p95_ms", Int, "The same of 95 in 100."),
            col("first_token_p99_ms", Int, "The same of 99 in 100."),
            col("sent", Int, "Requests sent, since the start of the process."),
            col("answered", Int, "Good answers."),
            col("failed", Int, "Requests sent that failed."),
            col(
                "pushed_back",
                Int,
                "Requests sent that a server had no room for (503 or 429), and that wait again.",
            ),
            col("retried", Int, "Requests sent a second time."),
            col("shed", Int, "Requests that were not sent, since their time was over or too short."),
            col("cancelled", Int, "Requests whose reason had gone."),
            col("fallback", Int, "Requests that went on to another tier."),
            col("prompt_tokens", Int, "Tokens of prompts, as far as servers said."),
            col("tokens", Int, "Tokens of answers."),
            col("shared", Int, "Requests that were the same as one under way, and had its answer."),
        ],
        filters: &[],
        deterministic: false,
        doc: "How the tiers are doing, as the edge that asks them sees it; told every second.",
    },
    ViewDef {
        name: "lore",
        key: 3,
        columns: &[
            REALM,
            col("document", Text, "The document."),
            col("chunk", Text, "Which part of it: the headings above it and its number under them, from 1."),
            col("heading", Text, "The headings above it, the outermost first."),
            col("text", Text, "What it says."),
            col("digest", Text, "The hash of heading and text; what is embedded is kept by it."),
            col("topics", Json, "What the document is about."),
            col("known_by", Json, "The NPCs that know it, by id or by tag; empty for everyone."),
            col("locale", Text, "The language that it is written in."),
        ],
        filters: &["digest"],
        deterministic: true,
        doc: "Lore, in chunks that can be found by themselves.",
    },
    ViewDef {
        name: "npc_sentences",
        key: 5,
        columns: &[
            REALM,
            col("player", Text, "Who hears it."),
            col("npc", Text, "Who says it."),
            col("line", Int, "Which line between the two, from 1: the three together name the utterance."),
            col("sentence", Int, "Its place in the line, from 0."),
            col("text", Text, "What is said."),
            col("voice", Text, "The voice that it is spoken with."),
            col("emotion", Text, "How it is said; empty when nobody says so."),
            col("intensity", Int, "How strongly, 0 to 100."),
            col("action", Text, "What is done along with it."),
            col("locale", Text, "The language; empty when the world declares none."),
            col("provenance", Text, "model, or authored."),
            col("why", Text, "Why a bark is said instead of an answer, as in npc_lines."),
            col("tier", Text, "The tier that answers."),
            col("storylet", Text, "The storylet that it is a line of."),
            col("last", Bool, "Whether the line ends with it; what a model still says does not."),
            col("tick", ColumnType::Tick, "When it was said."),
        ],
        filters: &[],
        deterministic: true,
        doc: "What NPCs say, sentence by sentence as it comes: the line that each pair is at. A row that goes while its line \
              is not whole is taken back.",
    },
    ViewDef {
        name: "npc_verdicts",
        key: 2,
        columns: &[
            REALM,
            col("request", Text, "The request that was answered."),
            col("player", Text, "Whom the answer was for."),
            col("npc", Text, "Who was to say it."),
            col("tier", Text, "The tier that answered."),
            col("verdict", Text, "What became of the answer: accept, repair, cut, fall_back."),
            col("rule", Text, "The rule that decided so, or those by which it was repaired."),
            col("refs", Json, "The ids that the answer refers to."),
            col("prompt", Text, "The prompt."),
            col("revision", Text, "The revision of the prompt."),
            col("tick", ColumnType::Tick, "When."),
        ],
        filters: &["verdict"],
        deterministic: true,
        doc: "What became of the last answers of models, of each pair as many as lines are kept. A verdict goes when \
              something goes that the answer refers to.",
    },
    ViewDef {
        name: "spending",
        key: 4,
        columns: &[
            REALM,
            col("scope", Text, "Of what: tier, player, npc, realm."),
            col("holder", Text, "Which tier, player or NPC; the realm's own name."),
            col("day", Time, "When the day began, in UTC."),
            col("requests", Int, "Requests that came back, with an answer or without one."),
            col("answered", Int, "Those with an answer that was let through."),
            col("prompt_tokens", Int, "Tokens of prompts."),
            col("tokens", Int, "Tokens of answers."),
            col("ms", Int, "Milliseconds that servers were busy with them."),
            col("money", Dec, "What they cost, in the currency of the tiers' prices."),
        ],
        filters: &["scope"],
        deterministic: true,
        doc: "What models have cost, by day: today and the 30 days before.",
    },
    ViewDef {
        name: "tier_states",
        key: 2,
        columns: &[
            REALM,
            col("tier", Text, "The tier."),
            col("open", Bool, "Whether it may be asked."),
            col(
                "why",
                Text,
                "Why not: tier_off when its `when` does not hold, over_budget when its money of the day is used up.",
            ),
            col("since", ColumnType::Tick, "Since when that is so."),
        ],
        filters: &[],
        deterministic: true,
        doc: "Which tiers may be asked, as the realm's facts and what has been spent say; a tier that may not is asked nothing from that tick on.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
        name: "storylet_limits",
        key: 4,
        columns: &[
            REALM,
            col("storylet", Text, "The storylet."),
            col("scope", Text, "Of whom it is: realm, all NPCs together, or npc."),
            col("who", Text, "The realm, or the NPC that has said it."),
            col("times", Int, "How often it was said, to all players together."),
            col("last", ColumnType::Tick, "When it was last said; empty if it never was."),
            col(
                "saying",
                Int,
                "How many are saying it, if `at_once` limits that; else, and of an NPC, empty.",
            ),
            col("closed", Bool, "Whether nobody may say it now; of an NPC, whether that one may not."),
        ],
        filters: &["storylet"],
        deterministic: true,
        doc: "How far the limits of storylets over all players are used up: a row for each that has some, and where each NPC has a limit of its own one for each that has said it.",
    },
    ViewDef {
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
    },
    ViewDef {
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
    },
    ViewDef {
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
            col(
                "why",
                Text,
                "Why it cannot: condition, or decided when the player has chosen otherwise before.",
            ),
            col("chosen", Bool, "Whether the player has chosen it before."),
        ],
        filters: &["player", "npc"],
        deterministic: true,
        doc: "What each player may choose in a dialogue now.",
    },
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
