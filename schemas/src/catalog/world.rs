//! The world: clock, weather, facts, entities, lore.

use super::ColumnType::{Any, Bool, Dec, Int, Json, Text};
use super::{ColumnType, HOLDER, REALM, SCOPE, ViewDef, col};

pub(super) const CLOCK: ViewDef = ViewDef {
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
};

pub(super) const CALENDAR_EVENTS: ViewDef = ViewDef {
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
};

pub(super) const WEATHER: ViewDef = ViewDef {
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
};

pub(super) const SEVERE_WEATHER: ViewDef = ViewDef {
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
};

pub(super) const FORECAST: ViewDef = ViewDef {
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
};

pub(super) const FACTS: ViewDef = ViewDef {
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
};

pub(super) const ENTITIES: ViewDef = ViewDef {
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
};

pub(super) const LORE: ViewDef = ViewDef {
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
};
