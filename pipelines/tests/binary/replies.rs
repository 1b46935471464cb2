//! What the journal keeps of an answer is what was asked and what was answered; from it the past is rebuilt while no server
//! is up.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use worldflow_engine::journal::JournalReader;
use worldflow_engine::snapshot::newest;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{Command, Tick};
use worldflow_sinks::simulated_tier::{Asked, Fault, SimulatedTier, SimulatedTierConfig};

use crate::client::{Client, Encoding};
use crate::npcs::says;
use crate::past::replayed;
use crate::process::Server;
use crate::rows::table;
use crate::worlds;

/// The replies in the journal of a realm's folder, in their order.
pub(crate) fn replies(realm: &Path) -> Vec<Reply> {
    let mut reader = JournalReader::look(&realm.join("journal"), None, Tick::MAX).expect("a journal");
    let mut replies = Vec::new();
    let mut take = |commands: Vec<Command>| {
        replies.extend(commands.into_iter().filter_map(|command| match command {
            Command::Reply(reply) => Some(reply),
            _ => None,
        }));
    };
    while reader.next_segment(&mut |tick| take(tick.sealed.commands)).expect("it is whole") {}
    replies
}

const PROMPTS: &str = r#"
tavern_talk:
  context: [player, said, lines]
  sections:
    persona: {}
    past: {text: "{lines}"}
    ask: {role: user, text: "{player} says: {said}"}
  sampling: {temperature: 0.5}
"#;

/// What Maren may say is long enough for all that the server says: nobody hangs up, and it tells its tokens.
const NPCS: &str = "\
maren:
  template: tavern_talk
  tier: gold
  budget: 20s
  patience: 50s
  max_tokens: 64
  guard: {most: {graphemes: 1000, sentences: 32}}
  persona: You keep the inn.
  barks: [Sit down.]
";

/// How long the server thinks, and how long each token after the first takes it.
const FIRST: Duration = Duration::from_millis(150);
const TOKEN: Duration = Duration::from_millis(4);

/// What was asked and said of one question: the request's row, the line's row, and what the server was sent.
struct Exchange {
    request: Value,
    line: Value,
    call: Asked,
    took: Duration,
}

async fn exchange(operator: &mut Client, player: &mut Client, tier: &SimulatedTier, line: u64) -> Exchange {
    let begun = Instant::now();
    player.publish(&[says(&line.to_string(), "maren", "what of the wolves")]).await;
    let request = operator.until_row("npc_requests", json!({"npc": "maren"})).await;
    let line = operator.until_row("npc_lines", json!({"npc": "maren", "line": line})).await;
    operator.until("no request", |operator| operator.table("npc_requests").is_empty()).await;
    let call = tier.asked().pop().expect("it was asked");
    Exchange { request, line, call, took: begun.elapsed() }
}

/// What every reply says of its request.
fn is_of(reply: &Reply, exchange: &Exchange) {
    let Exchange { request, call, .. } = exchange;
    let asked = ["request", "digest", "revision", "tier"].map(|column| request[column].as_str());
    let kept = [&reply.request, &reply.digest, &reply.revision].map(|text| Some(text.as_str()));
    assert_eq!((&asked[..3], asked[3]), (&kept[..], Some(reply.tier.as_str())), "{request} {reply:?}");
    assert!(!reply.digest.is_empty() && !reply.revision.is_empty(), "{reply:?}");
    assert_eq!((reply.model.as_str(), u64::from(reply.seed)), ("bard", call.seed), "{call:?} {reply:?}");
    // Of which server it is, if it is one's answer.
    assert_eq!((reply.replica, reply.shared), (u32::from(reply.outcome.is_ok()), false), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_kept_as_it_was_asked_and_replayed_without_a_server() {
    let tier = SimulatedTier::open(SimulatedTierConfig {
        model: "bard".to_owned(),
        first_token: FIRST,
        per_token: TOKEN,
        ..SimulatedTierConfig::default()
    });
    let tier = tier.expect("a free port");
    let declared = format!("{{url: \"{}\", model: bard}}", tier.url());
    let folder = worlds::speaking("bram", &declared, (NPCS, PROMPTS));
    let at = |name: &str| folder.path().join(name);
    let server = Server::run(&at("world"), &at("data"), &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["npc_requests", "npc_lines"]).await;
    let said = exchange(&mut operator, &mut player, &tier, 1).await;
    let tokens = tier.measured().tokens;
    // Asked once more, of the same: there is no other.
    tier.set_fault(Some(Fault::Error500));
    let failed = exchange(&mut operator, &mut player, &tier, 2).await;
    let lines = operator.table("npc_lines").clone();
    server.stop();
    drop(tier);

    let realm = at("data/small");
    let replies = replies(&realm);
    let [answer, failure] = replies.as_slice() else { panic!("two were asked: {replies:#?}") };
    is_of(answer, &said);
    assert!(answer.outcome.is_ok(), "{answer:?}");
    assert!(["accept", "repair"].contains(&answer.verdict.as_str()), "{answer:?}");
    // What the server counts: a token is four bytes of a prompt, and four more for each message.
    let messages = said.call.body["messages"].as_array().expect("messages");
    let bytes: usize = messages.iter().map(|message| message["content"].as_str().map_or(0, str::len)).sum();
    let prompt_tokens = bytes.div_ceil(4) + 4 * messages.len();
    assert_eq!((u64::from(answer.tokens), answer.prompt_tokens as usize), (tokens, prompt_tokens));
    let (first_ms, took_ms) = (u128::from(answer.first_ms), u128::from(answer.took_ms));
    let least_ms = (FIRST + TOKEN * (answer.tokens - 1)).as_millis();
    assert!(first_ms >= FIRST.as_millis() && took_ms >= least_ms && took_ms >= first_ms, "{answer:?}");
    assert!(took_ms <= said.took.as_millis(), "{answer:?} took {:?}", said.took);
    // And so says the line.
    let Exchange { line, .. } = &said;
    for (column, kept) in [
        ("tokens", json!(answer.tokens)),
        ("prompt_tokens", json!(answer.prompt_tokens)),
        ("first_ms", json!(answer.first_ms)),
        ("took_ms", json!(answer.took_ms)),
        ("finish", json!(answer.finish.name())),
        ("request", json!(answer.request.as_str())),
        ("tier", json!("gold")),
        ("provenance", json!("model")),
    ] {
        assert_eq!(line[column], kept, "{column}: {line} {answer:?}");
    }
    // A failure is kept with its reason, and with the seed of the second time.
    is_of(failure, &failed);
    assert_ne!(failure.seed, answer.seed);
    assert_eq!((failure.finish, failure.tokens), (Finish::Failed, 0), "{failure:?}");
    assert_eq!(failure.outcome.as_ref().err().map(|why| why.as_str()), Some("the server answered 500"));
    assert_eq!((&failed.line["text"], &failed.line["why"]), (&json!("Sit down."), &json!("failed")));

    // Without the snapshot every tick is computed again, from what the journal holds.
    let last = newest(&realm.join("snapshots")).expect("a clean end writes one");
    let hash = format!("{:032x}", last.state_hash.expect("it is written down"));
    std::fs::rename(realm.join("snapshots"), at("aside")).expect("writable");
    let until = (last.tick * 20).to_string();
    let summary = replayed(&realm, &at("again"), &["--with-keys", "--until", &until]);
    assert_eq!(
        (&summary["last_tick"], &summary["state_hash"]),
        (&json!(last.tick), &json!(hash)),
        "{summary}"
    );
    let rows = std::fs::read_to_string(at("again/npc_lines.ndjson")).expect("it is dumped");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(table("npc_lines", &rows), lines);
}
