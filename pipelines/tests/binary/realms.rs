//! Two realms in one process, of one world: neither sees the other.

use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::client::{Client, Encoding, connect, deed};
use crate::http::{get, post};
use crate::process::{Server, path};
use crate::rows::view;
use crate::worlds;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_one_realm_see_nothing_of_another() {
    let folder = worlds::small();
    let data = folder.path().join("data");
    let world = folder.path().join("world");
    let (eu, us) = (format!("eu={}", path(&world)), format!("us={}", path(&world)));
    let server = Server::start(["--realm", &eu, "--realm", &us], &data);
    let tokens = ["eu", "us"].map(|realm| server.token_of(realm, "game_server").to_owned());
    let [mut eu, mut us] = [
        Client::open(&server, &tokens[0], Encoding::Json).await,
        Client::open(&server, &tokens[1], Encoding::Protobuf).await,
    ];
    for (client, realm) in [(&mut eu, "eu"), (&mut us, "us")] {
        assert_eq!(client.welcome["realm"], realm);
        client.subscribe(&["quest_state", "objective_progress"]).await;
    }
    let wolf = deed("1", "ana", "kill", "wolf");
    let ack = eu.publish(&[wolf.clone(), deed("2", "ana", "kill", "wolf")]).await;
    assert_eq!(ack["accepted"], 2, "{ack}");
    eu.until_row("objective_progress", json!({"realm": "eu", "holder": "ana", "value": 2})).await;
    // The same id is no duplicate in another realm, and counts there by itself.
    let ack = us.publish(&[wolf]).await;
    assert_eq!((&ack["accepted"], &ack["duplicates"]), (&json!(1), &json!(0)), "{ack}");
    us.until_row("objective_progress", json!({"realm": "us", "holder": "ana", "value": 1})).await;
    for (client, realm, token) in [(&eu, "eu", &tokens[0]), (&us, "us", &tokens[1])] {
        for name in ["quest_state", "objective_progress"] {
            let seen = client.table(name);
            assert!(!seen.is_empty() && seen.values().all(|row| row["realm"] == realm), "{seen:#?}");
            assert_eq!(*seen, view(&server, token, name).await.1);
        }
    }

    let answer = get(&server, "/v1/views/quest_state?realm=eu", Some(&tokens[1])).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let answer = post(&server, "/v1/realms/eu/events", Some(&tokens[1]), r#"{"kind": "kill"}"#).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let refused = connect(&server, "/v1/realms/eu/socket", Some(&tokens[1]), Encoding::Json).await;
    let Err(tungstenite::Error::Http(response)) = refused.map(|_| ()) else { panic!("let in") };
    assert_eq!(response.status().as_u16(), 403);
    connect(&server, "/v1/realms/us/socket", Some(&tokens[1]), Encoding::Json).await.expect("its own");
    server.stop();
}
