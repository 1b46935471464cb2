//! Texts that a running server gives out: in whose language, how far they are, and edited while it runs.

use serde_json::{Value, json};

use crate::http::{Answer, ask, ask_with, get};
use crate::process::Server;
use crate::worlds;

const GERMAN: &str =
    "quests.wolf_hunt.title: Drei Wölfe\nquests.long_hunt.title: {text: Alt, of: \"00000000\"}\n";

/// The small world in English, with German and Austrian.
fn translated() -> tempfile::TempDir {
    let folder = worlds::small();
    let world = format!("{}text: {{source: en, locales: [de, de-AT]}}\n", worlds::WORLD);
    let files = [("world.yaml", world.as_str()), ("text/de.yaml", GERMAN), ("text/de-AT.yaml", "")];
    worlds::write(&folder.path().join("world"), &files);
    folder
}

/// The text, the language and the status of a key.
fn entry(answer: &Answer, key: &str) -> Value {
    let entry = &answer.json()["texts"][key];
    json!([entry["text"], entry["locale"], entry["status"]])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_gets_all_texts_in_a_language() {
    let folder = translated();
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &[]);
    for role in ["game_server", "dashboard", "designer"] {
        let answer = get(&server, "/v1/text?locale=de-AT", Some(server.token(role))).await;
        assert_eq!(answer.status, 200, "{role} {answer:?}");
        assert_eq!(answer.json()["chain"], json!(["de-AT", "de", "en"]));
        assert_eq!(entry(&answer, "quests.wolf_hunt.title"), json!(["Drei Wölfe", "de", "fallback"]));
        assert_eq!(entry(&answer, "quests.long_hunt.title"), json!(["Alt", "de", "stale"]));
    }
    let token = server.token("game_server");
    let english = get(&server, "/v1/text", Some(token)).await;
    assert_eq!(entry(&english, "quests.wolf_hunt.title"), json!(["Three wolves", "en", "translated"]));

    // The language of a request, and an answer that is the same.
    let with =
        |more: &str| format!("authorization: Bearer {token}\r\naccept-language: fr, de;q=0.9\r\n{more}");
    let german = ask_with(&server, "GET", "/v1/text", &with(""), "").await;
    assert_eq!(german.json()["locale"], "de");
    assert_eq!(german.header("content-language"), Some("de"));
    assert_eq!(entry(&german, "quests.wolf_hunt.title"), json!(["Drei Wölfe", "de", "translated"]));
    let etag = german.header("etag").expect("it has one");
    let same =
        ask_with(&server, "GET", "/v1/text", &with(&format!("if-none-match: \"x\", {etag}\r\n")), "").await;
    assert_eq!((same.status, same.body.as_str()), (304, ""), "{same:?}");
    let asked =
        ask_with(&server, "GET", "/v1/text?locale=en", &with(&format!("if-none-match: {etag}\r\n")), "")
            .await;
    assert_eq!(asked.status, 200, "the parameter goes before the header");

    for (path, token, status, code) in [
        ("/v1/text", None, 401, "unauthenticated"),
        ("/v1/text", Some(server.token("player")), 403, "not_allowed"),
        ("/v1/text?locale=german!", Some(token), 400, "bad_locale"),
        ("/v1/text?language=de", Some(token), 400, "bad_query"),
        ("/v1/text?realm=other", Some(token), 404, "unknown_realm"),
    ] {
        let answer = get(&server, path, token).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert_eq!(answer.json()["error"]["code"], code, "{answer:?}");
        assert_ne!(answer.json()["error"]["hint"], "", "{answer:?}");
    }
    server.stop();
}

/// A translation is edited while the realm runs, and no definition of the graph with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_translation_is_edited_live() {
    let folder = translated();
    let world = folder.path().join("world");
    let server = Server::run(&world, &folder.path().join("data"), &[]);
    let read = |file: &str| std::fs::read_to_string(world.join(file)).expect("it is written");
    let body = |revision: u64, quests: &str, german: &str| {
        let files =
            json!({"world.yaml": read("world.yaml"), "quests/hunt.yaml": quests, "text/de.yaml": german});
        json!({"revision": revision, "files": files}).to_string()
    };
    let designer = Some(server.token("designer"));
    let shown = async |key: &str| {
        let now = get(&server, "/v1/text?locale=de", designer).await;
        entry(&now, key)
    };

    // A translation alone.
    let german = "quests.wolf_hunt.title: Vier Wölfe\nquests.long_hunt.title: Tausend\n";
    let first = body(1, worlds::QUESTS, german);
    let plan = ask(&server, "POST", "/v1/plan", designer, &first).await;
    let parts = plan.json()["difference"]["definitions"].to_string();
    assert!(parts.contains("quests.wolf_hunt.title.text: Drei Wölfe → Vier Wölfe"), "{plan:?}");
    let answer = ask(&server, "POST", "/v1/apply", designer, &first).await;
    assert_eq!(answer.json(), json!({"revision": 1, "tick": null, "definitions": 1}), "it is no revision");
    assert_eq!(shown("quests.wolf_hunt.title").await, json!(["Vier Wölfe", "de", "translated"]));
    assert_eq!(shown("quests.long_hunt.title").await, json!(["Tausend", "de", "translated"]));
    // The source text alone, which is the text of a quest.
    let quests = worlds::QUESTS.replace("A thousand wolves", "All wolves");
    let german = german.lines().next().expect("it has two");
    let answer = ask(&server, "POST", "/v1/apply", designer, &body(1, &quests, german)).await;
    assert_eq!((answer.status, &answer.json()["revision"]), (200, &json!(2)), "{answer:?}");
    assert_eq!(shown("quests.long_hunt.title").await, json!(["All wolves", "en", "fallback"]));
    // Wrong texts are no edit.
    let wrong = body(2, &quests, "quests.wolf_hunt.title: '{'\n");
    let answer = ask(&server, "POST", "/v1/apply", designer, &wrong).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("bad_world")), "{answer:?}");
    server.stop();
}
