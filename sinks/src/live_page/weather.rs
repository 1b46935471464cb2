//! Weather and clock as the page needs them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{CLOCK, FORECAST, WEATHER};
use worldflow_schemas::{Row, Tick, Value};

use crate::http_views::row_json;
use crate::view_at::{rows_at, sort_rows};

/// The clock's row, with the day's phases and each moon's place in its period.
pub(super) fn clock(realm: &Realm, tick: Tick) -> Json {
    let rows = rows_at(&realm.views, CLOCK, &Filter::all(), tick).unwrap_or_default();
    let Some(row) = rows.first() else { return Json::Null };
    let mut clock = row_json(CLOCK.def(), row);
    let def = &realm.world.clock;
    let phases: Vec<Json> =
        def.phases.iter().map(|(name, phase)| json!({"name": name, "from": phase.from})).collect();
    let moon = |(name, phase): (&String, &Json)| {
        let phases = def.calendar.moons.get(name).map(|moon| moon.phases.as_slice()).unwrap_or_default();
        let place = phases.iter().position(|named| Some(named.as_str()) == phase.as_str());
        json!({"name": name, "phase": phase, "place": place, "of": phases.len()})
    };
    let moons: Vec<Json> =
        clock.get("moons").and_then(Json::as_object).into_iter().flatten().map(moon).collect();
    clock.insert("moons".to_owned(), moons.into());
    clock.insert("phases".to_owned(), phases.into());
    Json::Object(clock)
}

/// Every zone's weather, each with the likeliest states of the hours to come.
pub(super) fn zones(realm: &Realm, tick: Tick) -> Json {
    let mut rows = rows_at(&realm.views, WEATHER, &Filter::all(), tick).unwrap_or_default();
    sort_rows(&mut rows);
    let forecasts = rows_at(&realm.views, FORECAST, &Filter::all(), tick).unwrap_or_default();
    let likeliest = likeliest(&forecasts);
    let zone = |row: &Row| {
        let mut zone = row_json(WEATHER.def(), row);
        let hours = likeliest.get(row[1].as_str().unwrap_or_default());
        let hour = |(ahead, (chance, state)): (&i64, &(i64, &str))| json!({"hours": ahead, "state": state, "percent": chance / 10_000});
        let hours: Vec<Json> = hours.into_iter().flatten().map(hour).collect();
        zone.insert("forecast".to_owned(), hours.into());
        Json::Object(zone)
    };
    rows.iter().map(zone).collect()
}

/// By zone and hours ahead, the state with the largest probability (in millionths).
fn likeliest(forecasts: &[Row]) -> BTreeMap<&str, BTreeMap<i64, (i64, &str)>> {
    let mut zones: BTreeMap<&str, BTreeMap<i64, (i64, &str)>> = BTreeMap::new();
    for row in forecasts {
        // realm, zone, hours_ahead, state, probability
        let (Some(zone), Value::Int(hours), Some(state)) = (row[1].as_str(), &row[2], row[3].as_str()) else {
            continue;
        };
        let chance = row[4].as_millionths().and_then(|n| i64::try_from(n).ok()).unwrap_or(0);
        let best = zones.entry(zone).or_default().entry(*hours).or_insert((chance, state));
        *best = (*best).max((chance, state));
    }
    zones
}
