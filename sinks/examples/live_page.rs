//! The live page over a made-up world, for work on its looks: prints its address and runs until it
//! is interrupted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use worldflow_engine::admission::{Admission, Refusal};
use worldflow_engine::observed::Observed;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Diff, EventId, Row, Value};
use worldflow_sinks::http_views::{Scope, views_router};
use worldflow_sinks::live_page::{LivePage, live_page_router};
use worldflow_sinks::sql::{SinkViews, SqlSink, SqlSinkConfig, Target};

const START: i64 = 177_000_000_000;
const ZONES: [(&str, &str, i64, i64); 8] = [
    ("northern_reach", "blizzard", -11, 78),
    ("greenvale_meadows", "clear", 19, 8),
    ("old_forest", "mist", 12, 3),
    ("harbour", "storm", 15, 64),
    ("high_pass", "heavy_snow", -4, 40),
    ("southern_dunes", "extreme_heat", 41, 12),
    ("river_lands", "rain", 14, 22),
    ("lake_shore", "partly_cloudy", 17, 15),
];
const QUESTS: [(&str, [i64; 8]); 7] = [
    ("wolves_at_the_gate", [0, 0, 64, 12, 110, 6, 3, 2]),
    ("the_lost_caravan", [0, 34, 41, 3, 22, 0, 9, 4]),
    ("herbs_for_mirella", [0, 0, 80, 25, 60, 0, 0, 1]),
    ("a_storm_is_coming", [12, 50, 18, 0, 4, 2, 11, 0]),
    ("beacon_of_the_realm", [0, 0, 1, 0, 0, 0, 0, 0]),
    ("full_moon_hunt", [90, 20, 15, 1, 8, 3, 0, 2]),
    ("the_very_long_winded_tale_of_the_seven_brothers", [0, 5, 9, 2, 31, 0, 0, 0]),
];
const STATES: [&str; 8] =
    ["hidden", "available", "active", "ready", "done", "failed", "expired", "abandoned"];

fn sym(text: &str) -> Value {
    Value::Sym(text.into())
}

fn dec(x: f64) -> Value {
    Value::from_f64(x).unwrap_or(Value::Null)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world: WorldDef = serde_json::from_value(serde_json::json!({"name": "Greenvale", "seed": 1}))?;
    let (progress, seen) = watch::channel(Progress::default());
    let name = "greenvale".into();
    let realm = Realm {
        name,
        epoch: 1,
        world: Arc::new(world),
        views: Arc::new(ViewStore::new(10_000)),
        admission: Admission::open().0,
        progress: seen,
        events: broadcast::channel(16).0,
        observed: Observed::new(name),
        defined: Default::default(),
        privacy: worldflow_engine::privacy::Privacy::none(),
    };
    let sink = SqlSinkConfig {
        name: "tables".to_owned(),
        target: Target::Sqlite(std::env::temp_dir().join("worldflow-live-page-example.db")),
        views: SinkViews::All,
        every: Duration::from_millis(250),
    };
    let lost = SqlSinkConfig {
        name: "warehouse".to_owned(),
        target: Target::Sqlite("/proc/nowhere/warehouse.db".into()),
        ..sink.clone()
    };
    let sinks = [sink, lost].map(|config| (name, SqlSink::open(config, realm.clone()).status())).to_vec();
    let answered = vec![(realm.name, worldflow_sinks::answers::follow(realm.clone()))];
    let page = LivePage { realms: vec![realm.clone()], sinks, answered, authorize: None };
    let routes = live_page_router(page)
        .merge(views_router(vec![realm.clone()], Arc::new(|_, _| Ok(Scope::AllRealms))));
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    #[expect(clippy::print_stdout, reason = "the address is what it is started for")]
    {
        println!("http://{}", listener.local_addr()?);
    }
    tokio::spawn(run(realm, progress));
    axum::serve(listener, routes).await?;
    Ok(())
}

async fn run(realm: Realm, progress: watch::Sender<Progress>) {
    let mut every = tokio::time::interval(Duration::from_millis(10));
    let mut clock = None;
    for count in 0i64.. {
        every.tick().await;
        let tick = START + count;
        let mut changes = if count == 0 { start(tick) } else { Vec::new() };
        if count % 3_000 == 0 {
            let row = clock_row(tick, count);
            changes.extend(clock.replace(row.clone()).map(|old| (catalog::CLOCK, old, -1)));
            changes.push((catalog::CLOCK, row, 1));
        }
        if count % 400 == 0 {
            changes.push((catalog::NPC_LINES, line(tick, count / 400), 1));
        }
        if count % 700 == 0 {
            reject(&realm, tick);
        }
        if count % 100 == 0 {
            let wave = (count as f64 / 900.0).sin();
            realm.observed.stat("inputs_per_s", 4_200.0 + 900.0 * wave + (count * 7919 % 613) as f64);
            realm
                .observed
                .stat("tick_latency_p99_ms", 5.5 + 1.5 * wave + (count * 104_729 % 100) as f64 / 60.0);
        }
        changes.extend(realm.observed.drain());
        let tick = tick.unsigned_abs();
        realm.views.apply(tick, changes);
        progress.send_replace(Progress { tick, utc_ms: tick.cast_signed() * 10 });
    }
}

fn clock_row(tick: i64, count: i64) -> Row {
    let world_ms = (7 * 3_600_000 + 1_260_000) + count * 10 * 60 + 86_400_000 * 37;
    let (day, hour) = (world_ms / 86_400_000 + 1, world_ms / 3_600_000 % 24);
    let phase = match hour {
        5..7 => "dawn",
        7..18 => "day",
        18..20 => "dusk",
        _ => "night",
    };
    Row::from([
        sym("greenvale"),
        Value::Int(world_ms),
        Value::Int(tick),
        Value::Int(60),
        Value::Int(1),
        Value::Bool(false),
        sym(phase),
        Value::Int(day),
        Value::Int(1),
        sym("Secondmonth"),
        Value::Int(day - 28),
        sym("day3"),
        sym("summer"),
        Value::text(r#"{"moon":"waxing_crescent"}"#),
        Value::Int(tick + 5_000),
    ])
}

fn start(tick: i64) -> Vec<(ViewId, Row, Diff)> {
    let mut rows = Vec::new();
    for (place, (zone, state, degrees, wind)) in (0i64..).zip(ZONES) {
        rows.push((catalog::WEATHER, weather_row(tick, place, zone, state, degrees, wind), 1));
        for hours in 1..=8 {
            let (_, next, ..) = ZONES[usize::try_from(place + hours / 3).unwrap_or(0) % ZONES.len()];
            let chance = dec(0.95 - 0.07 * hours as f64);
            let row = [sym("greenvale"), sym(zone), Value::Int(hours), sym(next), chance, Value::Int(tick)];
            rows.push((catalog::FORECAST, Row::from(row), 1));
        }
    }
    for (quest, counts) in QUESTS {
        for (state, holders) in STATES.iter().zip(counts) {
            for holder in 0..holders {
                let start = ["greenvale", "player", &format!("{state}-{holder}"), quest].map(sym);
                let done = Value::Int(i64::from(*state == "done"));
                let rest = [Value::Int(1), sym(state), Value::Null, Value::Int(tick), Value::Null, done];
                let row = Row::new(start.into_iter().chain(rest).collect::<Vec<_>>());
                rows.push((catalog::QUEST_STATE, row, 1));
            }
        }
    }
    for player in 0..200 {
        let start = ["greenvale", &format!("bot-{player}"), "server-1", "meadows"].map(sym);
        let rest = [Value::Null, Value::Null, Value::Null, Value::Null, Value::Int(tick)];
        rows.push((catalog::PRESENCE, Row::new(start.into_iter().chain(rest).collect::<Vec<_>>()), 1));
    }
    rows
}

fn weather_row(tick: i64, place: i64, zone: &str, state: &str, degrees: i64, wind: i64) -> Row {
    Row::from([
        sym("greenvale"),
        sym(zone),
        sym(state),
        sym("cloudy"),
        Value::Int(tick),
        Value::Int(tick + 600),
        Value::Int(tick + 2_000 + 3_000 * place),
        dec(0.7),
        dec(degrees as f64 + 0.4),
        dec(wind as f64),
        dec(0.2 + 0.09 * place as f64),
        Value::Int(4_000),
        Value::Bool(state == "blizzard"),
        dec(0.5),
        dec(-0.1),
        dec(if degrees < 0 { 23.0 } else { 0.0 }),
        dec(0.0),
        Value::Int(tick),
    ])
}

fn line(tick: i64, number: i64) -> Row {
    let said = [
        ("mirella", "The river is high today. If you go for the silverleaf, take the old bridge.", "model"),
        ("gate_guard", "Halt! Wolves were seen by the northern road.", "authored"),
        ("innkeeper_bram", "Ale's a copper, and the stories are free.", "model"),
    ];
    let (npc, text, provenance) = said[usize::try_from(number).unwrap_or(0) % said.len()];
    let model = provenance == "model";
    Row::from([
        sym("greenvale"),
        sym("bot-17"),
        sym(npc),
        Value::Int(number),
        Value::text(text),
        sym(provenance),
        if model { Value::Null } else { sym("late") },
        if model { sym("small") } else { Value::Null },
        Value::Int(tick),
    ])
}

fn reject(realm: &Realm, tick: i64) {
    let refusal = Refusal {
        code: "unknown_target",
        path: "events[3].target".to_owned(),
        reason: "unknown target `wolfs`".to_owned(),
        hint: "did you mean `wolf`? targets are declared in entities.yaml".to_owned(),
        retry_after_ms: None,
    };
    realm.observed.reject(
        "game-server-1".into(),
        Some(&EventId::Position(tick.unsigned_abs())),
        &refusal,
        tick * 10,
    );
}
