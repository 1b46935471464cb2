//! A tier of two servers of which one is killed, and the quantiles that the view `tiers` shows.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};

use crate::client::{Client, Encoding};
use crate::faults::simulated;
use crate::npcs::says;
use crate::process::{DEADLINE, Server};
use crate::replies::replies;
use crate::worlds;

/// How much later than ever before the other replica may have spoken: on a machine that is busy every line takes long.
const REROUTED: Duration = Duration::from_secs(1);

/// The small world with these servers behind one tier, and somebody who says so much by it.
fn world_with(servers: &[SimulatedTier], max_tokens: u32) -> tempfile::TempDir {
    let folder = worlds::small();
    let urls: Vec<String> = servers.iter().map(SimulatedTier::url).collect();
    let tiers = json!({"gold": {"url": urls, "model": "simulated"}});
    let world = format!("{}tiers: {tiers}\n", worlds::WORLD);
    let npcs = format!(
        "maren: {{tier: gold, budget: 20s, patience: 50s, max_tokens: {max_tokens}, persona: You keep the inn., barks: [Sit down.]}}\n"
    );
    worlds::write(&folder.path().join("world"), &[("world.yaml", &world), ("npcs.yaml", &npcs)]);
    folder
}

async fn ask(player: &mut Client, line: u64) {
    let ack = player.publish(&[says(&line.to_string(), "maren", "what news")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
}

async fn heard(player: &mut Client, line: u64) -> Value {
    player.until_row("npc_lines", json!({"npc": "maren", "line": line})).await
}

/// How long a line takes, which must be by the model.
async fn answered(player: &mut Client, line: u64) -> Duration {
    let asked = Instant::now();
    ask(player, line).await;
    let line = heard(player, line).await;
    let took = asked.elapsed();
    assert_eq!((&line["provenance"], &line["tier"]), (&json!("model"), &json!("gold")), "{line}");
    took
}

/// The row of the tier once all of this holds.
async fn until_shown(server: &Server, wanted: Value) -> Value {
    let mut operator = Client::open(server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["tiers"]).await;
    operator.until_row("tiers", wanted).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_killed_is_replaced_within_a_second() {
    /// Each of them earns a tenth of a retry.
    const BEFORE: u64 = 40;
    let mut servers: Vec<SimulatedTier> = (0..2).map(|_| simulated(1, None)).collect();
    let folder = world_with(&servers, 64);
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    let mut slowest = Duration::ZERO;
    for line in 1..=BEFORE {
        slowest = slowest.max(answered(&mut player, line).await);
    }
    let requests = |server: &SimulatedTier| server.measured().requests;
    let had = usize::from(requests(&servers[0]) == 0);
    assert_eq!(
        (requests(&servers[had]), requests(&servers[1 - had])),
        (BEFORE, 0),
        "what begins alike goes to one"
    );

    // It is killed while it is asked something.
    servers[had].set_fault(Some(Fault::Hang));
    ask(&mut player, BEFORE + 1).await;
    let end = Instant::now() + DEADLINE;
    while requests(&servers[had]) == BEFORE {
        assert!(Instant::now() < end, "it is not asked");
        sleep(Duration::from_millis(1)).await;
    }
    let killed = Instant::now();
    drop(servers.remove(had));
    let under_way = heard(&mut player, BEFORE + 1).await;
    let took = killed.elapsed();
    assert_eq!(under_way["provenance"], "model", "{under_way}");
    assert!(
        took <= slowest + REROUTED,
        "what was under way is answered {took:?} after the kill, and not {slowest:?}"
    );
    // And so is what is asked from then on.
    for line in BEFORE + 2..=BEFORE + 3 {
        let took = answered(&mut player, line).await;
        assert!(took <= slowest + REROUTED, "it is answered after {took:?}, and not {slowest:?}");
    }
    assert_eq!(requests(&servers[0]), 3, "all by the other");
    let shown = json!({"tier": "gold", "answered": BEFORE + 3, "replicas": 2, "failed": 3, "retried": 3});
    until_shown(&server, shown).await;
    server.stop();

    let by: Vec<u32> = replies(&data.join("small")).iter().map(|reply| reply.replica).collect();
    let (killed, other) = if had == 0 { (1, 2) } else { (2, 1) };
    let (before, after) = by.split_at(usize::try_from(BEFORE).expect("few"));
    assert!(before.iter().all(|replica| *replica == killed), "{by:?}");
    assert_eq!(after, [other; 3], "{by:?}");
}

/// Of thirty-six answers four begin late: that is more than one in twenty, and fewer than half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quantiles_shown_are_those_of_what_came() {
    const TIMES: u32 = 25;
    const LATE_MS: u64 = 500;
    let tier = SimulatedTier::open(SimulatedTierConfig {
        first_token: Duration::from_millis(LATE_MS) / TIMES,
        per_token: Duration::from_millis(1),
        ..SimulatedTierConfig::default()
    });
    let servers = [tier.expect("a free port")];
    let folder = world_with(&servers, 16);
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    for line in 1..=36 {
        servers[0].set_fault((line % 9 == 1).then_some(Fault::Slow(TIMES)));
        ask(&mut player, line).await;
        heard(&mut player, line).await;
    }
    let row = until_shown(&server, json!({"tier": "gold", "sent": 36, "in_flight": 0})).await;
    let shown =
        ["first_token_p50_ms", "first_token_p95_ms", "first_token_p99_ms"].map(|name| row[name].as_u64());
    let [Some(p50), Some(p95), Some(p99)] = shown else { panic!("thirty-six are enough: {row}") };
    assert!(p50 >= LATE_MS / u64::from(TIMES) && p50 < LATE_MS, "half of them were quick: {row}");
    assert!(p95 >= LATE_MS && p99 >= p95, "one in nine was late: {row}");
    server.stop();
}
