//! A recording as a source of a live realm does what a replay of the same file does, stopped and started
//! again in its middle, at a speed or as fast as it goes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::http::{get, post};
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::rows::{Table, table, view};
use crate::worlds;

const VIEWS: [&str; 4] = ["quest_state", "objective_progress", "grants", "levels"];

/// A tick of the small world.
const TICK_MS: u64 = 20;

/// What has a deadline in world time shows at which tick the clock was changed.
const TIMED: &str = "\
timed:
  title: Within the hour
  deadline: 1h world
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 150}
";

/// When it is stopped and where the replay ends, from the beginning of the recording. Nothing is recorded
/// in the second around the stop.
const STOP_MS: u64 = 15_000;
const LAST_MS: u64 = 40_000;
const END_MS: u64 = 45_000;

fn recording(start_ms: u64) -> Vec<(u64, Value)> {
    let event = |at_ms: u64, player: &str, kind: &str, target: &str| {
        (at_ms, json!({"player": player, "kind": kind, "target": target}))
    };
    let mut lines = vec![
        event(0, "ann", "quest.accept", "timed"),
        event(1_000, "ann", "quest.accept", "wolf_hunt"),
        event(2_000, "ann", "kill", "wolf"),
        (10_000, json!({"clock": {"set_scale": {"world": 120, "real": 1}}})),
        event(11_000, "bo", "quest.accept", "timed"),
        event(12_000, "ann", "kill", "wolf"),
        event(25_000, "ann", "kill", "wolf"),
        (26_000, json!({"grant": {"grant": "wolf_hunt/player:ann/1/pay/ann", "delivered": true}})),
        (27_000, json!({"clock": {"set_scale": {"world": 60, "real": 1}}})),
        event(28_000, "cy", "quest.accept", "timed"),
        event(LAST_MS, "cy", "kill", "wolf"),
    ];
    lines.extend((0..100).map(|n| event(20_000 + n * 100, "bo", "kill", "wolf")));
    for (at_ms, line) in &mut lines {
        *at_ms += start_ms;
        line["at"] = (*at_ms).into();
    }
    lines
}

pub(crate) async fn advance_to(server: &Server, tick: u64) {
    let (now, _) = view(server, server.token("dashboard"), "clock").await;
    let by = json!({"ticks": tick - now}).to_string();
    let answer = post(server, "/v1/clock/advance", Some(server.token("game_server")), &by).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Asks until at least so many inputs wait for their ticks.
pub(crate) async fn until_waiting_at_least(server: &Server, inputs: usize) {
    let waiting = async {
        loop {
            let (now, _) = view(server, server.token("dashboard"), "clock").await;
            advance_to(server, now + 1).await;
            let metrics = get(server, "/metrics", Some(server.token("dashboard"))).await;
            let waiting = |line: &str| {
                line.strip_prefix("worldflow_waiting_inputs{realm=\"small\"} ")?.parse::<usize>().ok()
            };
            if metrics.body.lines().find_map(waiting) >= Some(inputs) {
                return;
            }
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{inputs} inputs never wait"));
}

/// Moves time a little until this many inputs wait for theirs: the recording has been handed over.
pub(crate) async fn until_waiting(server: &Server, inputs: usize) {
    let wanted = format!("worldflow_waiting_inputs{{realm=\"small\"}} {inputs}");
    let waiting = async {
        loop {
            let (now, _) = view(server, server.token("dashboard"), "clock").await;
            advance_to(server, now + 1).await;
            let metrics = get(server, "/metrics", Some(server.token("dashboard"))).await;
            if metrics.body.lines().any(|line| line == wanted) {
                return;
            }
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not `{wanted}`"));
}

async fn live(world: &Path, data: &Path, start_ms: u64, lines: &[(u64, Value)]) -> Vec<Table> {
    let manual = ["--manual-clock", "--development"];
    let server = Server::run(world, data, &manual);
    until_waiting(&server, lines.len()).await;
    advance_to(&server, (start_ms + STOP_MS) / TICK_MS).await;
    server.stop();
    let server = Server::run(world, data, &manual);
    let rest = lines.iter().filter(|(at_ms, _)| *at_ms > start_ms + STOP_MS).count();
    until_waiting(&server, rest).await;
    advance_to(&server, (start_ms + END_MS) / TICK_MS).await;
    let mut tables = Vec::new();
    for name in VIEWS {
        tables.push(view(&server, server.token("dashboard"), name).await.1);
    }
    server.stop();
    tables
}

fn replayed(world: &Path, dump: &Path) -> Vec<Table> {
    let grace = (END_MS - LAST_MS).to_string();
    let events = world.join("play.ndjson");
    let args = ["replay", path(world), "--events", path(&events), "--dump", path(dump), "--grace", &grace];
    let said = worldflow(args);
    assert!(said.status.success(), "{said:?}");
    let tables = VIEWS.map(|name| {
        let text = std::fs::read_to_string(dump.join(format!("{name}.ndjson"))).expect("it is written");
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        table(name, &rows)
    });
    tables.into()
}

async fn plays_as_it_replays(speed: &str) {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    // A start that is a whole second: it is a tick, too.
    let start_ms = u64::try_from(now_ms).expect("it is before the year 9999") / 1_000 * 1_000 + 120_000;
    let lines = recording(start_ms);
    let mut text = String::new();
    for (_, line) in &lines {
        writeln!(text, "{line}").expect("text grows");
    }
    let source = format!(
        "{}sources:\n  played: {{recording: {{path: play.ndjson, time: {{event: {{lateness: 1s}}}}{speed}}}}}\n",
        worlds::WORLD
    );
    worlds::write(&world, &[("world.yaml", &source), ("play.ndjson", &text), ("quests/timed.yaml", TIMED)]);
    let expected = replayed(&world, &folder.path().join("dump"));
    let found = live(&world, &data, start_ms, &lines).await;
    for ((name, expected), found) in VIEWS.iter().zip(&expected).zip(&found) {
        assert_eq!(found, expected, "{name}");
    }
    // The changes of the clock acted at their own ticks: an hour is a minute, then half of one.
    let deadlines: Vec<u64> = expected[0]
        .values()
        .filter(|row| row["quest"] == "timed")
        .map(|row| row["since"].as_u64().expect("a tick") * TICK_MS - start_ms)
        .collect();
    assert_eq!(deadlines, [0, 11_000 + 30_000, 28_000], "bo's hour has passed");
    assert!(expected[2].values().any(|row| row["slot"] == "pay" && row["status"] == "delivered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_played_as_it_is_replayed() {
    plays_as_it_replays("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_speed_too() {
    plays_as_it_replays(", speed: 1000").await;
}

#[test]
fn a_time_far_from_all_others_is_refused_and_not_waited_for() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    let kill = |at: Value| json!({"at": at, "player": "ann", "kind": "kill", "target": "wolf"});
    let times = [
        json!(5),
        json!("2024-01-01T12:00:00Z"),
        json!("2024-01-01T12:00:01Z"),
        json!("2024-01-03T12:00:00Z"),
        json!("2204-01-01T12:00:00Z"),
        json!(1_704_110_400_000_000_i64),
        json!(i64::MAX),
    ];
    let lines: Vec<String> = times.into_iter().map(|at| kill(at).to_string()).collect();
    worlds::write(&world, &[("play.ndjson", &lines.join("\n"))]);
    let (events, dump) = (world.join("play.ndjson"), folder.path().join("dump"));
    let replay = |more: &[&str]| {
        let args = ["replay", path(&world), "--events", path(&events), "--dump", path(&dump)];
        let said = worldflow(args.into_iter().chain(more.iter().copied()));
        assert!(said.status.success(), "{said:?}");
        assert_eq!(said.stderr, "", "no bar where there is no terminal");
        let read = |name: &str| std::fs::read_to_string(dump.join(name)).expect("it is written");
        let summary: Value = serde_json::from_str(&read("summary.json")).expect("JSON");
        let codes = read("rejections.ndjson");
        let codes =
            codes.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["code"].clone());
        (summary, codes.collect::<Vec<_>>())
    };
    let (summary, codes) = replay(&[]);
    assert_eq!(codes, ["bad_time", "bad_time", "too_old", "too_far_ahead"], "{summary}");
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&json!(3), &json!(4)), "{summary}");
    assert_eq!(summary["ticks"], 2 * 86_400 * 50 + 1, "{summary}");
    // Two days are too long for one who says so.
    let (summary, codes) = replay(&["--max-gap", "1d"]);
    assert_eq!(codes.last(), Some(&json!("too_far_ahead")));
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&json!(2), &json!(5)), "{summary}");
    // It ends where it is told to, whatever comes after.
    let (summary, _) = replay(&["--until", "2024-01-01T13:00:00Z"]);
    assert_eq!(summary["ticks"], 3_600 * 50 + 1, "{summary}");
}
