//! `worldflow reask`: what was asked before is asked again, from the folder of a realm and of another server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};

use crate::client::{Client, Encoding};
use crate::npcs::says;
use crate::process::{Said, Server, path, worldflow};
use crate::worlds;

const PROMPTS: &str = r#"
tavern_talk:
  context: [player, said, lines]
  sections:
    persona: {}
    knows: {lore: 1, gives_way: 1}
    past: {text: "{lines}"}
    ask: {role: user, text: "{player} says: {said}"}
  sampling: {temperature: 0.5, stop: [END]}
  max_tokens: 40
"#;

const NPCS: &str = "\
maren: {template: tavern_talk, tier: gold, budget: 20s, patience: 50s, persona: You keep the inn., barks: [Sit down.]}
pell: {tier: gold, patience: 3s, persona: You are Pell., prompt: Name a price., barks: [Half of double.]}
";

/// What the player says; part of it is in no output.
const SAID: [&str; 2] = ["my cousin Edda hides by the wolves", "did you hear of Edda and the wolves"];
const SECRET: &str = "Edda";

fn simulated(seed: u64, per_token_ms: u64) -> SimulatedTier {
    let per_token = Duration::from_millis(per_token_ms);
    let first_token = Duration::from_millis(10);
    let config = SimulatedTierConfig { seed, per_token, first_token, ..SimulatedTierConfig::default() };
    SimulatedTier::open(config).expect("a free port")
}

fn world(url: &str) -> tempfile::TempDir {
    let price = "{input: 1000, output: 2000}";
    let tier = format!("{{url: \"{url}\", model: simulated, max_in_flight: 2, price: {price}}}");
    worlds::speaking("pell", &tier, (NPCS, PROMPTS))
}

/// Two answers of Maren, a request to Pell that is taken back, and one that is not answered in time.
async fn talk(server: &Server, tier: &SimulatedTier) -> Vec<Value> {
    let mut player = Client::open(server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    let mut lines = Vec::new();
    for (number, said) in (1..).zip(SAID) {
        player.publish(&[says(&format!("m{number}"), "maren", said)]).await;
        lines.push(player.until_row("npc_lines", json!({"npc": "maren", "line": number})).await);
    }
    tier.set_fault(Some(Fault::Hang));
    for id in ["p1", "p2"] {
        player.publish(&[says(id, "pell", "what does it cost")]).await;
    }
    let late = player.until_row("npc_lines", json!({"npc": "pell", "line": 1})).await;
    assert_eq!(late["why"], "late", "{late}");
    lines
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let at = entry.expect("readable").path();
        if at.is_dir() {
            found.extend(files(&at));
        } else {
            let bytes = std::fs::read(&at).expect("readable");
            found.insert(at, bytes);
        }
    }
    found
}

fn reask(journal: &Path, more: &[&str]) -> Said {
    let said = worldflow(["reask", "--journal", path(journal)].into_iter().chain(more.iter().copied()));
    assert!(!said.stdout.contains(SECRET) && !said.stderr.contains(SECRET), "{said:?}");
    said
}

fn compared(journal: &Path, more: &[&str]) -> Value {
    let fixed = ["--tier", "gold", "--json"];
    let said = reask(journal, &[&fixed, more].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// The bodies that a server was sent, by what was said last.
fn bodies(server: &SimulatedTier) -> BTreeMap<String, Value> {
    server.asked().into_iter().map(|asked| (asked.said, asked.body)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_is_asked_again_and_compared() {
    let first = simulated(1, 1);
    let folder = world(&first.url());
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let lines = talk(&server, &first).await;
    let (same, slow) = (simulated(1, 1), simulated(2, 5));
    // Also while the realm runs; its last second is not looked at.
    let told = compared(&data, &["--with-keys", "--url", &slow.url()]);
    assert!(told["asked"].as_u64().is_some_and(|asked| asked <= 3), "{told:#}");
    server.stop();
    let before = files(&data);

    // The same server is sent the same, and says the same.
    let told = compared(&data, &["--with-keys", "--world", path(&world), "--url", &same.url()]);
    let requests = told["requests"].as_array().expect("a list");
    let column = |side: &str, name: &str| {
        requests.iter().map(|request| request[side][name].clone()).collect::<Vec<_>>()
    };
    assert_eq!((&told["asked"], &told["not_asked"]["taken_back"]), (&json!(3), &json!(1)), "{told:#}");
    assert_eq!(column("recorded", "verdict"), ["accept", "accept", "late"]);
    assert_eq!(column("now", "verdict"), ["accept", "accept", "accept"]);
    assert_eq!((&told["same"], &told["differ"]), (&json!(2), &json!(1)), "{told:#}");
    assert_eq!(column("recorded", "line")[..2], [lines[0]["text"].clone(), lines[1]["text"].clone()]);
    assert_eq!(column("recorded", "seed")[..2], column("now", "seed")[..2]);
    let (then, now) = (bodies(&first), bodies(&same));
    for said in SAID {
        let said = format!("player-1 says: <said>{said}</said>");
        assert_eq!(then[&said], now[&said]);
        assert_eq!((&now[&said]["temperature"], &now[&said]["max_tokens"]), (&json!(0.5), &json!(40)));
        let system = now[&said]["messages"][0]["content"].as_str().expect("a text");
        assert!(system.contains("hard winter"), "{system}");
    }
    assert_eq!(now.len(), 3, "and Pell is asked as well");
    assert_eq!((&told["recorded"]["answered"], &told["now"]["answered"]), (&json!(2), &json!(3)));
    // Without a budget of its own Pell has as long as patience lasts.
    assert_eq!((&told["recorded"]["in_budget"], &told["now"]["with_budget"]), (&json!(2), &json!(3)));
    let (cost_then, cost_now) = (told["recorded"]["cost"].as_str(), told["now"]["cost"].as_str());
    assert!(cost_then.is_some() && cost_now.is_some() && cost_then != cost_now, "{told:#}");

    // Another one is slower and says something else; the same one does with another seed.
    let other = compared(&data, &["--with-keys", "--url", &slow.url()]);
    assert_eq!((&other["differ"], &other["verdicts"]["late"]["accept"]), (&json!(3), &json!(1)), "{other:#}");
    let p50 = |told: &Value, of: &str| told["now"][of]["p50"].as_u64().expect("answers");
    assert!(p50(&other, "whole_ms") > p50(&told, "whole_ms"), "{other:#} {told:#}");
    assert!(p50(&other, "first_text_ms") <= p50(&other, "first_sentence_ms"), "{other:#}");
    let drawn = compared(&data, &["--with-keys", "--url", &same.url(), "--seed", "9", "--limit", "2"]);
    assert_eq!((&drawn["asked"], &drawn["not_asked"]["earlier"]), (&json!(2), &json!(1)), "{drawn:#}");
    assert_eq!(drawn["same"], 0);

    let text = reask(&data, &["--tier", "gold", "--with-keys", "--url", &slow.url()]).stdout;
    assert!(
        text.starts_with("small: 3 recorded requests are asked again, of tier gold (simulated)\n"),
        "{text}"
    );
    assert!(text.contains("\n3 lines differ, 0 are the same\njudged by the usual rules"), "{text}");
    assert!(text.ends_with("\nnot asked: 1 taken back before an answer\n"), "{text}");
    let csv = reask(&data, &["--tier", "gold", "--with-keys", "--url", &same.url(), "--csv"]).stdout;
    assert_eq!((csv.lines().count(), csv.starts_with("request,npc,asked,")), (4, true), "{csv}");
    assert_eq!(files(&data), before, "nothing is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_counted_and_a_tier_that_is_down_is_said_so() {
    let first = simulated(1, 1);
    let folder = world(&first.url());
    let (world, data, saved) =
        (folder.path().join("world"), folder.path().join("data"), folder.path().join("saved"));
    let server = Server::run(&world, &data, &[]);
    talk(&server, &first).await;
    server.stop();
    let before = files(&data);
    let down = reask(
        &data,
        &["--tier", "gold", "--with-keys", "--url", "http://127.0.0.1:9", "--model", "simulated"],
    );
    assert_eq!(down.status.code(), Some(1), "{down:?}");
    let why = "tier `gold` has answered none of 3 requests: the server cannot be reached\nhint: ";
    assert!(down.stderr.contains(why), "{down:?}");
    let unknown = reask(&data, &["--tier", "gild", "--with-keys", "--world", path(&world)]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("did you mean `gold`?"), "{unknown:?}");
    let nowhere = reask(&data, &["--tier", "gold", "--with-keys"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("name the world folder with --world, or a server with --url"),
        "{nowhere:?}"
    );
    let usage = reask(&data, &["--limit", "0", "--tier", "gold"]);
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    assert_eq!(files(&data), before, "nothing is written");

    // Pell's prompt has nothing of the player in it; Maren's cannot be read without keys.
    let again = simulated(1, 1);
    let url = again.url();
    let sealed = compared(&data, &["--url", &url]);
    assert_eq!((&sealed["asked"], &sealed["not_asked"]["sealed"]), (&json!(1), &json!(2)), "{sealed:#}");
    let copied = worldflow(["backup", path(&data), path(&saved), "--with-keys"]);
    assert!(copied.status.success(), "{copied:?}");
    let forgotten = worldflow(["forget", "player-1", "--world", path(&world), "--data", path(&data)]);
    assert!(forgotten.status.success(), "{forgotten:?}");
    let told = compared(&data, &["--with-keys", "--url", &url]);
    assert_eq!((&told["asked"], &told["not_asked"]["forgotten"]), (&json!(1), &json!(2)), "{told:#}");
    let backup = compared(&saved, &["--with-keys", "--url", &url, "--world", path(&world)]);
    assert_eq!((&backup["asked"], &backup["same"]), (&json!(3), &json!(2)), "{backup:#}");
}
