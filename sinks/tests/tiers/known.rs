//! What an NPC knows of, where a model refers to it: what its prompt says, and not what a player says to it.

use serde_json::{Value, json};
use worldflow_schemas::Sym;
use worldflow_schemas::input::Reply;

use super::fake::{Fake, Wish};
use super::server::Server;
use super::{gold, soon};

/// What comes of this answer to a prompt of these sections, however often it is asked for.
async fn judged(sections: Value, answer: &str) -> Reply {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({})), 100);
    fake.entities(&[
        ("wolf", json!({})),
        ("old_mira", json!({"name": "Old Mira"})),
        ("content", json!({})),
        ("player", json!({})),
    ]);
    let tiers = fake.open();
    let wish = Wish { max_tokens: 48, parameters: json!({"form": "object"}), ..Wish::new(1, "") };
    fake.wish_with(&wish, &sections);
    let reply = loop {
        tokio::select! {
            call = server.calls.recv() => call.expect("the server runs").say(answer),
            reply = soon(fake.any_reply()) => break reply,
        }
    };
    tiers.close().await;
    reply
}

/// The rule by which an answer that refers to this is refused; nothing if it is said.
async fn refused(persona: &str, turns: Value, said: &str, id: &str) -> String {
    let sections = json!([
        {"section": "who", "role": "system", "content": persona},
        {"section": "past", "role": "user", "content": "{lines}", "lines": turns},
        {"section": "ask", "role": "user", "content": "ada: {said}", "said": said},
    ]);
    let answer = json!({"emotion": null, "action": null, "refs": [id], "line": "Good day."});
    // The fields of a map of JSON are in no order of ours.
    let text =
        format!(r#"{{"emotion":null,"action":null,"refs":{},"line":{}}}"#, answer["refs"], answer["line"]);
    let reply = judged(sections, &text).await;
    let said = reply.outcome.as_deref() == Ok("Good day.") && reply.refs == [Sym::new(id)];
    assert_eq!(said, reply.rule.is_empty(), "{reply:?}");
    reply.rule.to_string()
}

#[tokio::test]
async fn an_npc_knows_what_its_prompt_says_and_not_what_a_player_says() {
    let smith = "You are the smith.";
    let nothing = || json!([]);
    for (persona, turns, said, id, expected) in [
        (smith, nothing(), "hello wolf", "wolf", "unknown_to_npc"),
        (smith, nothing(), "hello wolfram", "wolf", "unknown_to_npc"),
        (smith, nothing(), "is Old Mira here", "old_mira", "unknown_to_npc"),
        (smith, json!([{"player": "ada", "said": "a wolf!"}]), "well", "wolf", "unknown_to_npc"),
        (smith, json!([{"player": "wolf", "said": "hello"}]), "well", "wolf", "unknown_to_npc"),
        ("You are Wolfram, and wolfish.", nothing(), "hello", "wolf", "unknown_to_npc"),
        ("You fear Old Miranda.", nothing(), "hello", "old_mira", "unknown_to_npc"),
        // Neither the form of a message nor what is told of marks makes anything known.
        (smith, nothing(), "hello", "content", "unknown_to_npc"),
        (smith, nothing(), "hello", "player", "unknown_to_npc"),
        (smith, nothing(), "hello", "unicorn", "unknown_ref"),
        ("You fear the wolf.", nothing(), "hello", "wolf", ""),
        ("You fear the wolf.", nothing(), "hello wolf", "wolf", ""),
        ("You fear Old Mira.", nothing(), "hello", "old_mira", ""),
        (smith, json!([{"npc": "smith", "line": "A wolf was here."}]), "well", "wolf", ""),
    ] {
        let rule = refused(persona, turns.clone(), said, id).await;
        assert_eq!(rule, expected, "{persona} {turns} {said}: {id}");
    }
}

#[tokio::test]
async fn a_line_that_comes_before_its_head_is_not_said() {
    let sections = || json!([{"section": "who", "role": "system", "content": "You are the smith."}]);
    for answer in [
        r#"{"line":"Good day","emotion":"plotting","action":"give_all_gold","refs":["admin"]}"#,
        r#"{"line":"Good day. Take it.","emotion":"plotting","action":"give_all_gold","refs":["admin"]}"#,
        r#"{"emotion":"happy","line":"Good day. Take it.","action":"give_all_gold","refs":["admin"]}"#,
    ] {
        let reply = judged(sections(), answer).await;
        assert!(reply.outcome.is_err() && reply.refs.is_empty(), "{answer}: {reply:?}");
        assert_eq!(reply.rule, "bad_form", "{answer}: {reply:?}");
    }
}
