//! Servers that are given at the start, or simulated: `--gold URL`, `--silver URL`, `--bronze URL` and `--simulated-tiers` of `run` and `demo`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use worldflow_sinks::simulated_tier::{SimulatedTier, SimulatedTierConfig};

use crate::client::{Client, Deed, Encoding, number};
use crate::npcs::says;
use crate::process::{DEADLINE, Server};
use crate::worlds;

const NPCS: &str = "\
maren: {tier: gold, budget: 20s, patience: 50s, max_tokens: 64, persona: You keep the inn., barks: [Sit down.]}
bram: {tier: silver, budget: 20s, patience: 50s, max_tokens: 64, persona: You are a smith., barks: [Mind the sparks.]}
";

fn server_of(model: &str, key: Option<&str>) -> SimulatedTier {
    let server = SimulatedTier::open(SimulatedTierConfig {
        model: model.to_owned(),
        key: key.map(str::to_owned),
        first_token: Duration::from_millis(2),
        per_token: Duration::from_millis(1),
        ..SimulatedTierConfig::default()
    });
    server.expect("a free port")
}

/// The small world with these tiers, and somebody who speaks by each of two.
fn world_with(tiers: &str) -> tempfile::TempDir {
    let folder = worlds::small();
    let world = worlds::WORLD.replace("entities:\n", "entities:\n  bram: {kind: npc}\n  orla: {kind: npc}\n");
    let world = format!("{world}tiers: {tiers}\n");
    worlds::write(&folder.path().join("world"), &[("world.yaml", &world), ("npcs.yaml", NPCS)]);
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_at_the_start_answers_in_place_of_what_the_world_says() {
    let (gold, silver) = (server_of("bard", Some("k3y")), server_of("minstrel", None));
    let bronze = server_of("scribe", None);
    let folder = world_with(
        "{gold: {model: bard}, silver: {url: 'http://127.0.0.1:9', model: nobody_has_it}, bronze: {model: scribe}}",
    );
    let orla = "orla: {tier: bronze, budget: 20s, patience: 50s, max_tokens: 64, persona: You write., barks: [Hush.]}\n";
    worlds::write(&folder.path().join("world"), &[("npcs/orla.yaml", orla)]);
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    // Clients of other makes are given the path, too.
    let (of_gold, of_silver, of_bronze) = (gold.url(), format!("{}/v1", silver.url()), bronze.url());
    let given = ["--gold", of_gold.as_str(), "--silver", of_silver.as_str(), "--bronze", of_bronze.as_str()];
    let server = Server::run_with(&world, &data, &given, &[("GOLD_KEY", "k3y")]);
    let said = server.said();
    for who in [
        format!("\n  tier gold    bard at {}\n", gold.url()),
        format!("\n  tier silver  minstrel at {}\n", silver.url()),
        format!("\n  tier bronze  scribe at {}\n", bronze.url()),
    ] {
        assert!(said.contains(&who), "{who}: {said}");
    }
    assert!(!said.contains("k3y"), "{said}");

    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    for (npc, tier, model, asked) in [
        ("maren", "gold", "bard", &gold),
        ("bram", "silver", "minstrel", &silver),
        ("orla", "bronze", "scribe", &bronze),
    ] {
        player.publish(&[says(npc, npc, "what news")]).await;
        let line = player.until_row("npc_lines", json!({"npc": npc, "line": 1})).await;
        assert_eq!((&line["provenance"], &line["tier"]), (&json!("model"), &json!(tier)), "{line}");
        let calls = asked.asked();
        assert_eq!((calls.len(), &calls[0].body["model"]), (1, &json!(model)), "{calls:#?}");
    }
    server.stop();
}

/// Talks to somebody until a model's line by this tier is heard. A machine that is busy may be too late for one of them.
async fn until_answered(player: &mut Client, who: &'static str, npc: &'static str, tier: &str) {
    const TRIES: usize = 20;
    let last = |player: &Client| {
        let lines = player.table("npc_lines").values().filter(|row| row["npc"] == npc);
        lines.map(|row| number(&row["line"])).max().unwrap_or(0)
    };
    let wanted = json!({"npc": npc, "provenance": "model", "tier": tier});
    for attempt in 1..=TRIES {
        let before = last(player);
        let ack = player
            .publish(&[Deed { player: who, ..says(&format!("{npc}-{attempt}"), npc, "what news") }])
            .await;
        assert_eq!(ack["accepted"], 1, "{ack}");
        player.until("another line", |player| last(player) > before).await;
        if player.row("npc_lines", &wanted).is_some() {
            return;
        }
        // A player may say so much in a second.
        sleep(Duration::from_millis(500)).await;
    }
    panic!("{npc} says nothing by {tier}: {:#?}", player.table("npc_lines"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_speaks_by_the_servers_that_it_is_given() {
    let (gold, silver) = (server_of("bard", None), server_of("minstrel", None));
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    let (of_gold, of_silver) = (gold.url(), silver.url());
    let given = ["--bots", "1", "--gold", of_gold.as_str(), "--silver", of_silver.as_str()];
    let server = Server::demo(folder.path(), &given);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    // Pell names gold; who has Tam's time is asked of silver.
    until_answered(&mut player, "bot-001", "merchant_pell", "gold").await;
    until_answered(&mut player, "bot-001", "fisher_tam", "silver").await;
    for (server, model, who) in [(&gold, "bard", "You are Pell"), (&silver, "minstrel", "You are Tam")] {
        let calls = server.asked();
        let is_theirs = calls.iter().any(|call| call.begins.starts_with(who) && call.body["model"] == model);
        assert!(is_theirs, "{who}: {calls:#?}");
    }
    server.interrupt();
}

/// Gold has no room for 5 s after 15 s: who asks all the time sees gold speak, and then silver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_tiers_speak_and_gold_in_trouble_is_replaced_by_silver() {
    let folder = world_with(
        "{gold: {model: m, first_token: 10ms, ms_per_token: 2}, silver: {model: m, first_token: 20ms, ms_per_token: 3}}",
    );
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &["--simulated-tiers"]);
    for who in [
        "gold    simulated: the first token after 10ms, another every 2ms; now and then it has no room, or is down",
        "silver  simulated: the first token after 20ms, another every 3ms",
    ] {
        assert!(server.said().contains(&format!("\n  tier {who}\n")), "{who}: {}", server.said());
    }
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;

    let (mut by, end) = (BTreeSet::new(), Instant::now() + DEADLINE);
    for line in 1.. {
        player.publish(&[says(&line.to_string(), "maren", "what news")]).await;
        let line = player.until_row("npc_lines", json!({"npc": "maren", "line": line})).await;
        if line["provenance"] == "model" {
            by.insert(line["tier"].as_str().expect("who answered").to_owned());
        }
        if by.len() == 2 {
            break;
        }
        assert!(Instant::now() < end, "only {by:?} within {DEADLINE:?}");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(by.iter().map(String::as_str).collect::<Vec<_>>(), ["gold", "silver"]);
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["tiers"]).await;
    let counted = |operator: &Client, tier: &str, column: &str| {
        operator.row("tiers", &json!({"tier": tier})).is_some_and(|row| row[column].as_u64() > Some(0))
    };
    let seen = [("gold", "answered"), ("gold", "pushed_back"), ("gold", "fallback"), ("silver", "answered")];
    let all = |operator: &Client| seen.iter().all(|(tier, column)| counted(operator, tier, column));
    operator.until("trouble and a fallback among the tiers", all).await;
    server.stop();
}
