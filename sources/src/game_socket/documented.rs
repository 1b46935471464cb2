//! The frames that the documentation shows are frames.

use std::path::Path;

use serde_json::{Deserializer, Value};
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_schemas::catalog::Catalog;

use super::access::{self, Wanted};
use super::frames::{self, Incoming};
use super::hub::{Afresh, RESUMED};
use crate::tokens::{Claims, Role};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).expect("the documentation is here")
}

/// The JSON at the beginning of a text.
fn first(text: &str) -> Value {
    let value = Deserializer::from_str(text).into_iter::<Value>().next();
    value.expect("there is a value").unwrap_or_else(|error| panic!("{error}: {text:.200}"))
}

/// The page's example of a designer's view, whose columns no catalog here knows.
const DESIGNED: &str = "rain";

fn check(name: &str, body: &Value) {
    let text = serde_json::json!({ name: body }).to_string();
    let claims = Claims { role: Role::GameServer, realm: "realm".into(), subject: "server".into() };
    match frames::from_json(&text).unwrap_or_else(|refusal| panic!("{refusal:?}: {text}")) {
        Incoming::Publish { events, .. } => {
            assert!(!events.is_empty() && events.iter().all(|event| event.odd.is_none()), "{text}");
        }
        Incoming::Other(ClientFrame::Subscribe(subscribe)) => {
            if subscribe.view == DESIGNED {
                return;
            }
            let view = access::view(&claims, &Catalog::built_in(), &subscribe.view).expect("a view");
            Wanted::new(&claims, view, &subscribe.r#where).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        }
        Incoming::Other(_) => {}
    }
}

#[test]
fn the_client_in_the_readme_sends_frames() {
    let readme = read("README.md");
    let (_, client) = readme.split_once("## A client").expect("the section");
    let client = client.split("```").nth(1).expect("the code");
    let said: Vec<(&str, &str)> = client
        .lines()
        .filter_map(|line| line.strip_prefix("say(")?.strip_suffix(')')?.split_once('='))
        .collect();
    assert_eq!(said.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["hello", "subscribe", "publish"]);
    said.iter().for_each(|(name, body)| check(name, &first(body)));
}

#[test]
fn the_frames_in_the_description_of_the_wire_are_frames() {
    let wire = read("docs/wire.md");
    let sent: Vec<Value> = wire.split("\n→ ").skip(1).map(first).collect();
    assert!(sent.len() >= 4, "{sent:?}");
    for frame in &sent {
        let (name, body) = frame.as_object().and_then(|frame| frame.iter().next()).expect("one member");
        check(name, body);
    }
}

#[test]
fn what_becomes_of_a_resumed_subscription_is_in_the_description() {
    let wire = read("docs/wire.md");
    for name in Afresh::ALL.map(Afresh::name).into_iter().chain([RESUMED]) {
        assert!(wire.contains(&format!("| `{name}` |")), "docs/wire.md does not explain `{name}`");
    }
}
