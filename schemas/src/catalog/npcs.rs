//! What NPCs are asked, say and do, who answers for them, and what that costs.

use super::ColumnType::{Bool, Dec, Int, Json, Text, Time};
use super::{ColumnType, REALM, ViewDef, col};

pub(super) const NPC_REQUESTS: ViewDef = ViewDef {
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
};

pub(super) const NPC_LINES: ViewDef = ViewDef {
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
};

pub(super) const NPC_DIRECTIVES: ViewDef = ViewDef {
    name: "npc_directives",
    key: 2,
    columns: &[
        REALM,
        col("npc", Text, "The NPC."),
        col("action", Text, "dodge, flee, attack, approach, defend, withdraw, interact, socialise or idle."),
        col("toward", Text, "Towards what, or away from it; empty if idle."),
        col("priority", Dec, "How urgent it is, 0 to 1."),
        col("goal", Text, "What the NPC is after: combat, company, discovery or survival."),
        col("since", ColumnType::Tick, "Since when it does that."),
        col(
            "decisions",
            Int,
            "How often it was decided what it does: once for each tick in which what it senses, its traits, tags or region, or what it may do was changed.",
        ),
    ],
    filters: &["action"],
    deterministic: true,
    doc: "What each NPC does about what it senses; a row goes when all that it sensed is too long ago.",
};

pub(super) const TIERS: ViewDef = ViewDef {
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
        col("first_token_p50_ms", Int, "Milliseconds to the first text: of half of the latest at most this."),
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
};

pub(super) const NPC_SENTENCES: ViewDef = ViewDef {
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
};

pub(super) const NPC_VERDICTS: ViewDef = ViewDef {
    name: "npc_verdicts",
    key: 2,
    columns: &[
        REALM,
        col("request", Text, "The request that was answered."),
        col("player", Text, "Whom the answer was for."),
        col("npc", Text, "Who was to say it."),
        col("tier", Text, "The tier that answered."),
        col(
            "verdict",
            Text,
            "What became of the answer: accept, repair, cut, fall_back; retry when nothing came of asking for it once more.",
        ),
        col("rule", Text, "The rule that decided so, or those by which it was repaired."),
        col("refs", Json, "The ids that the answer refers to."),
        col("prompt", Text, "The prompt."),
        col("revision", Text, "The revision of the prompt."),
        col("tick", ColumnType::Tick, "When."),
        col("retried", Text, "The rule that the first answer broke, where it was asked for once more."),
    ],
    filters: &["verdict"],
    deterministic: true,
    doc: "What became of the last answers of models, of each pair as many as lines are kept. A verdict goes when \
          something goes that the answer refers to.",
};

pub(super) const SPENDING: ViewDef = ViewDef {
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
};

pub(super) const TIER_STATES: ViewDef = ViewDef {
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
};
