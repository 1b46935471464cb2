//! `worldflow bots` against a running Greenvale.

use std::path::Path;

use crate::process::{Server, worldflow};

/// The number of a field in a printed report.
fn field(report: &str, name: &str) -> u64 {
    let line = report.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
    let number = line.and_then(|rest| rest.trim_end_matches(',').parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn bots_play_and_a_player_watches() {
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/greenvale");
    let server = Server::run(&world, folder.path(), &[]);
    let url = format!("ws://{}", server.address);
    let tokens = ["--token", server.token("game_server"), "--watch-token", server.token("player")];
    let play = ["bots", "--url", &url, "--players", "30", "--seconds", "5", "--speed", "20"];
    let said = worldflow(play.into_iter().chain(tokens));
    assert!(said.status.success(), "{said:?}");
    let (crowd, watcher) = said.stdout.split_once("WatchReport").expect("two reports");
    assert!(field(crowd, "accepted") > 0, "{crowd}");
    assert_eq!(field(crowd, "refused"), 0, "{crowd}{}", said.stderr);
    assert!(field(crowd, "quests_begun") > 0, "{crowd}");
    assert!(field(crowd, "deltas") > 0, "{crowd}");
    assert!(field(watcher, "snapshots") > 0, "{watcher}");
    assert!(field(watcher, "deltas") > 0, "{watcher}");
    assert!(watcher.contains("out_of_order: false"), "{watcher}");
    server.stop();
}
