//! The words that quests of shipped games need, each with the rows of the table that say how it is written here.
//!
//! The list is the survey's, word by word and in its order; nothing in it may be left out of the table, and nothing in the table is of
//! no word of it, unless it is among [`BEYOND`].

/// A word of the survey and the rows of the table that are of it.
pub(crate) type Asked = (&'static str, &'static [&'static str]);

/// Objectives of events.
const OBJECTIVES: &[Asked] = &[
    ("kill", &["kill"]),
    ("assist", &["assist"]),
    ("collect", &["collect: what is held counts"]),
    ("gather", &["gather: what came counts"]),
    ("deliver/turn_in", &["deliver, turn in"]),
    ("craft", &["craft"]),
    ("use_item", &["use an item"]),
    ("use_object/interact", &["use an object"]),
    ("cast", &["cast"]),
    ("talk", &["talk"]),
    ("choose", &["choose"]),
    ("reach/enter", &["reach, enter"]),
    ("leave", &["leave"]),
    ("explore k distinct of set", &["explore so many of a set"]),
    ("stay in area T", &["stay in an area"]),
    ("survive T", &["survive"]),
    ("escort", &["escort"]),
    ("protect", &["protect"]),
    ("defeat without X", &["defeat without being hit"]),
    ("emote", &["emote"]),
    ("trade", &["trade"]),
    ("spend/earn currency", &["spend currency", "earn currency"]),
    ("reputation ≥", &["reputation"]),
    ("level ≥", &["level"]),
    ("skill ≥", &["skill"]),
    ("equip", &["equip"]),
    ("score/race in T", &["race, score in a time"]),
    ("photo/see", &["photograph, see"]),
    ("send/receive", &["send", "receive"]),
    ("pvp kill", &["kill another player"]),
    ("external", &["external: a named event of the game"]),
];

/// Conditions of states.
const CONDITIONS: &[Asked] = &[
    (
        "fact compare (= ≠ < ≤ > ≥ in between)",
        &["fact =", "fact ≠", "fact <", "fact ≤", "fact >", "fact ≥", "fact between", "fact in"],
    ),
    ("has item/buff/title/flag", &["has an item, buff, title or flag"]),
    ("in region", &["in a region"]),
    ("near entity", &["near an entity"]),
    ("party size/role", &["size of the party, role in it"]),
    ("quest state of other quest", &["state of another quest"]),
    ("objective progress of other quest", &["progress of another quest's objective"]),
    ("time window: hour", &["hours of the world's day"]),
    ("time window: day/night", &["day and night"]),
    ("time window: weekday, date range", &["weekday, dates"]),
    ("time window: season", &["season"]),
    ("time window: moon phase", &["phase of a moon"]),
    ("time window: real-time calendar", &["time of the real calendar"]),
    ("weather window: kind, intensity ≥, for at least T", &["weather: kind, intensity, for a time"]),
    ("weather window: in region R", &["weather of another region"]),
    ("world state", &["state of the world"]),
    ("event/season active", &["event or season of the game is active"]),
    ("faction/relation ≥", &["relation with a faction"]),
    ("random gate (seeded per player/day)", &["chance, by player and day"]),
    ("cool-down elapsed", &["a cool-down is over"]),
    ("player segment (A/B)", &["segment of players"]),
];

/// Aggregates.
const AGGREGATES: &[Asked] = &[
    ("count", &["count"]),
    ("count distinct", &["count distinct"]),
    ("sum", &["sum"]),
    ("max", &["max"]),
    ("min", &["min"]),
    ("last", &["last"]),
    ("decaying counter (half-life or window)", &["decaying counter", "rate: so many within a time"]),
    ("streak (consecutive days)", &["streak of days of the real calendar", "streak of days of the world"]),
    ("rate (n within T)", &["rate: so many within a time"]),
    ("per-participant minimum", &["least of each of some players", "least of every member"]),
    ("top-k share", &["share of the top players"]),
    ("percentage of set", &["percentage of a set"]),
];

/// What objectives, stages and quests are put together by.
const COMPOSITION: &[Asked] = &[
    ("all", &["all"]),
    ("any", &["any"]),
    ("k_of n", &["k of n"]),
    ("not", &["not"]),
    ("sequence (ordered; option strict)", &["sequence", "strict sequence"]),
    ("then (stage unlock)", &["then"]),
    ("within T of", &["within a time of another objective", "after another objective"]),
    ("while (both hold at once)", &["while"]),
    ("optional", &["optional"]),
    ("hidden until", &["hidden until"]),
    ("branch (exclusive choices with latched winner)", &["branches of stages", "exclusive choice, latched"]),
    ("repeat n", &["repeat n"]),
    ("parameters/templates", &["templates with parameters"]),
    ("role aliases (bound by query at accept time)", &["roles bound at acceptance"]),
    ("re-bind policy when the target dies", &["another is chosen when the one with a role is no more"]),
];

/// Scopes, and the states and times of a quest.
const SCOPES: &[Asked] = &[
    ("player", &["player, character"]),
    ("character", &["player, character"]),
    ("account", &["account"]),
    ("party (shared or each)", &["party", "each member of a party on their own"]),
    ("guild", &["guild"]),
    ("region", &["region"]),
    ("world/community", &["realm"]),
    ("instance", &["instance"]),
    ("hidden → available", &["hidden until prerequisites hold, available"]),
    ("offered", &["offered"]),
    ("accepted, active", &["accepted, active"]),
    ("ready, turned_in", &["ready, turned in"]),
    ("failed", &["failed"]),
    ("abandoned", &["abandoned"]),
    ("expired", &["expired"]),
    ("auto-accept", &["accepted by itself"]),
    ("auto-complete", &["completed by itself"]),
    ("turn-in NPC", &["turned in to an NPC"]),
    ("repeatable: daily at HH:MM in zone Z", &["again daily"]),
    ("repeatable: weekly", &["again weekly"]),
    ("repeatable: monthly, cron", &["again monthly, by a cron line"]),
    ("repeatable: cool-down", &["again after a cool-down"]),
    ("instance number in every key", &["once for each player, quest, instance and slot"]),
    ("prerequisites", &["hidden until prerequisites hold, available"]),
    ("exclusive groups", &["exclusive choice, latched"]),
    ("pools of k-of-n by day", &["pools: some of many each day"]),
    ("min/max level", &["level range"]),
    ("availability window", &["availability window", "availability by the real calendar"]),
];

/// Whose events count from when, who shares, what fails and what is earned.
const CREDIT: &[Asked] = &[
    ("since: accept", &["since accept"]),
    ("since: available", &["since available"]),
    ("since: ever", &["since ever"]),
    ("since: date", &["since a date"]),
    ("since: reset", &["since reset"]),
    ("sharing: tapper", &["who was the first to add to it"]),
    ("sharing: party in range", &["party in range"]),
    (
        "sharing: all contributors ≥ x %",
        &["contributors of at least a percentage", "contributors of at least so much"],
    ),
    ("failure: timer", &["timer"]),
    ("failure: death", &["death"]),
    ("failure: target dead", &["target dead"]),
    ("failure: leaves area, condition broken", &["leaves the area, condition broken"]),
    ("failure: choice made", &["a choice was made"]),
    ("rewards: fixed", &["fixed"]),
    ("rewards: choice of 1", &["one of several"]),
    ("rewards: level-scaled", &["scaled by level"]),
    ("rewards: proportional", &["in proportion to contributions"]),
    ("rewards: top-k", &["to the top players"]),
    ("rewards: random seeded table", &["from a table, by chance"]),
    (
        "granted exactly once per (player, quest, instance, slot)",
        &["once for each player, quest, instance and slot"],
    ),
];

/// Every word that is asked for.
pub(crate) fn asked() -> impl Iterator<Item = &'static Asked> {
    [OBJECTIVES, CONDITIONS, AGGREGATES, COMPOSITION, SCOPES, CREDIT].into_iter().flatten()
}

/// Rows that the survey does not ask for.
pub(crate) const BEYOND: &[&str] =
    &["set back", "handed on to the party", "who did it", "units that are worth more than others"];
