//! TLS, and tokens that somebody else has signed: who is let in, who is not, and what is never printed.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, Encoding, connect, deed};
use crate::http::get;
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::worlds;

const SECRET: &str = "a secret that is long enough for HS256";

fn signed(algorithm: Algorithm, key: &EncodingKey, role: &str, subject: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let exp = i64::try_from(now).expect("before the end of time") + seconds;
    let claims = json!({"realm": "small", "role": role, "sub": subject, "exp": exp});
    encode(&Header::new(algorithm), &claims, key).expect("it can be signed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_token_opens_what_it_says_until_it_expires() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("randomness");
    let public = pair.public_key_pem();
    let environment = [("WORLD_SECRET", SECRET), ("WORLD_PUBLIC", public.as_str())];
    let args =
        ["--jwt", "HS256=WORLD_SECRET", "--jwt", "EdDSA=WORLD_PUBLIC", "--data", path(&data), path(&world)];
    let server = Server::guarded("http", &args, &environment);

    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let private = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).expect("a key");
    let game_server = signed(Algorithm::EdDSA, &private, "game_server", "eu-1", 60);
    let mut client = Client::open(&server, &game_server, Encoding::Json).await;
    assert_eq!(
        (&client.welcome["role"], &client.welcome["subject"]),
        (&json!("game_server"), &json!("eu-1"))
    );
    let ack = client.publish(&[deed("1", "ana", "kill", "wolf")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    let player = signed(Algorithm::HS256, &secret, "player", "ana", 60);
    let mut client = Client::open(&server, &player, Encoding::Protobuf).await;
    let ack = client.publish(&[deed("2", "bo", "talk", "maren")]).await;
    assert_eq!(ack["outcomes"][0]["error"], "not_allowed", "a player speaks for nobody else: {ack}");

    let expired = signed(Algorithm::HS256, &secret, "dashboard", "wall", -60);
    let other = signed(Algorithm::HS256, &EncodingKey::from_secret(&[7; 32]), "dashboard", "wall", 60);
    let dashboard = signed(Algorithm::HS256, &secret, "dashboard", "wall", 60);
    for (token, status) in [(&dashboard, 200), (&expired, 401), (&other, 401), (&player, 403)] {
        assert_eq!(get(&server, "/v1/views/levels", Some(token)).await.status, status);
    }
    assert!(connect(&server, "/v1/socket", Some(&expired), Encoding::Json).await.is_err());
    let said = server.interrupt();
    for hidden in [SECRET, &game_server, &player, &dashboard, public.lines().nth(1).expect("a key")] {
        assert!(!said.stdout.contains(hidden) && !said.stderr.contains(hidden), "{said:?}");
    }
}

/// Tokens are taken for five seconds more, since clocks differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_token_also_when_nothing_happens_in_it() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let args = ["--jwt", "HS256=WORLD_SECRET", "--data", path(&data), path(&world)];
    let server = Server::guarded("http", &args, &[("WORLD_SECRET", SECRET)]);
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let began = std::time::Instant::now();
    let short = signed(Algorithm::HS256, &secret, "dashboard", "wall", 3);
    let long = signed(Algorithm::HS256, &secret, "dashboard", "hall", 60);
    let mut stays = Client::open(&server, &long, Encoding::Json).await;
    let mut client = Client::open(&server, &short, Encoding::Json).await;
    client.subscribe(&["levels"]).await;
    let goodbye = loop {
        let frame = tokio::time::timeout(DEADLINE, client.receive()).await.expect("it ends");
        let frame = frame.expect("it is told before the end");
        if let Some(goodbye) = frame.get("goodbye") {
            break goodbye["code"].clone();
        }
    };
    assert_eq!(goodbye, "token_expired");
    assert!(client.receive().await.is_none(), "and that is the end");
    let took = began.elapsed().as_secs_f32();
    assert!((7.0..30.0).contains(&took), "{took} s");
    assert!(connect(&server, "/v1/socket", Some(&short), Encoding::Json).await.is_err());
    stays.subscribe(&["levels"]).await;
    server.stop();
}

/// A certificate for the loopback and its key, as files.
fn certificate(folder: &TempDir) -> (PathBuf, PathBuf, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .expect("a certificate");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let pem = made.cert.pem();
    std::fs::write(&cert, &pem).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    (cert, key, pem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_with_tls_is_served_with_nothing_else() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let (cert, key, pem) = certificate(&folder);
    let token = ["--token", "small/dashboard/wall=WORLD_TOKEN"];
    let args = [
        &token[..],
        &["--tls-cert", path(&cert), "--tls-key", path(&key)],
        &["--data", path(&data), path(&world)],
    ];
    let server = Server::guarded("https", &args.concat(), &[("WORLD_TOKEN", SECRET)]);

    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let trusted = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().expect("a client");
    let url = format!("https://{}/v1/views/clock", server.address);
    let answer = client.get(&url).bearer_auth(SECRET).send().await.expect("it answers");
    assert_eq!(answer.status(), 200);
    let clock: Value = answer.json().await.expect("JSON");
    assert_eq!(clock["rows"][0]["realm"], "small");
    assert_eq!(client.get(&url).send().await.expect("it answers").status(), 401);
    // Who does not know the certificate, or speaks in the clear, gets nothing.
    assert!(reqwest::Client::new().get(&url).bearer_auth(SECRET).send().await.is_err());
    let clear = url.replace("https", "http");
    assert!(client.get(&clear).bearer_auth(SECRET).send().await.is_err());
    server.stop();
}

/// The network is the operator's own, as they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_so_is_served_without_tls_and_with_development_tokens() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &["--host", "0.0.0.0", "--insecure"]);
    let port = server.address.strip_prefix("0.0.0.0:").expect("it listens for everybody").to_owned();
    let token = server.token("game_server");
    let views = format!("http://127.0.0.1:{port}/v1/views/clock");
    let client = reqwest::Client::new();
    assert_eq!(client.get(&views).bearer_auth(token).send().await.expect("it answers").status(), 200);
    assert_eq!(
        client.get(&views).send().await.expect("it answers").status(),
        401,
        "tokens are needed all the same"
    );
    server.stop();
    let given = ["--token", "small/dashboard/wall=WORLD_TOKEN", "--host", "0.0.0.0", "--insecure"];
    let args = [&given[..], &["--data", path(&data), path(&world)]].concat();
    let server = Server::guarded("http", &args, &[("WORLD_TOKEN", SECRET)]);
    let port = server.address.strip_prefix("0.0.0.0:").expect("it listens for everybody").to_owned();
    let views = format!("http://127.0.0.1:{port}/v1/views/clock");
    assert_eq!(client.get(&views).bearer_auth(SECRET).send().await.expect("it answers").status(), 200);
    server.stop();
}

#[test]
fn nobody_else_is_served_without_tls_and_real_tokens() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let (cert, key, _) = certificate(&folder);
    let not_pem = world.join("world.yaml");
    let run = ["run", path(&world), "--port", "0", "--data", path(&data)];
    let tls = ["--tls-cert", path(&cert), "--tls-key", path(&key)];
    for (more, error) in [
        (vec!["--host", "0.0.0.0"], "with development tokens"),
        (vec!["--host", "0.0.0.0", "--jwt", "HS256=PATH"], "only the loopback is served without TLS"),
        ([&["--host", "0.0.0.0"], &tls[..]].concat(), "with development tokens"),
        (vec!["--tls-cert", path(&cert)], "--tls-key"),
        (vec!["--tls-cert", path(&not_pem), "--tls-key", path(&key)], "not a certificate as PEM"),
        (vec!["--tls-cert", path(&cert), "--tls-key", path(&cert)], "not a private key as PEM"),
        (vec!["--jwt", "RS256=PATH"], "unknown algorithm `RS256`"),
        (vec!["--jwt", "EdDSA=PATH"], "not the public half of an Ed25519 key"),
        (vec!["--jwt", "HS256=WORLDFLOW_SURELY_NOT_SET"], "which is not set"),
    ] {
        let said = worldflow(run.into_iter().chain(more.iter().copied()));
        assert!(!said.status.success() && said.stderr.contains(error), "{more:?}: {}", said.stderr);
    }
    let path = std::env::var("PATH").expect("a path");
    let said = worldflow(run.into_iter().chain(["--jwt", "EdDSA=PATH"]));
    assert!(!said.stderr.contains(&path), "a key is not shown: {}", said.stderr);
}
