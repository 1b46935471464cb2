//! `worldflow new`: what it writes is a world, and runs.

use std::path::Path;

use crate::process::{Said, worldflow};

fn new(args: &[&str]) -> Said {
    worldflow(["new"].into_iter().chain(args.iter().copied()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_new_world_is_right_and_its_scenario_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = new(&["world", "vale", "--in", text(folder.path())]);
    assert!(made.status.success(), "{made:?}");
    let vale = folder.path().join("vale");
    let checked = worldflow(["check", text(&vale), "--deny-warnings"]);
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stdout);
    let tested = worldflow(["test", text(&vale)]);
    assert_eq!(tested.status.code(), Some(0), "{}", tested.stdout);
    assert!(tested.stdout.ends_with("1 passed, 0 failed\n"), "{}", tested.stdout);

    for kind in ["quest", "test"] {
        let made = new(&[kind, "wolves", "--in", text(&vale)]);
        assert!(made.status.success(), "{made:?}");
        let again = new(&[kind, "wolves", "--in", text(&vale)]);
        assert_eq!(again.status.code(), Some(1));
        assert!(again.stderr.contains("is there already\nhint: "), "{}", again.stderr);
    }
    let checked = worldflow(["check", text(&vale), "--deny-warnings"]);
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stdout);
    let tested = worldflow(["test", text(&vale)]);
    assert!(tested.stdout.ends_with("2 passed, 0 failed\n"), "{}", tested.stdout);
}

#[test]
fn nothing_is_written_over_or_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, says) in [
        (&["world", "../vale"][..], "is no id"),
        (&["world", "Vale"], "is no id"),
        (&["quest", "wolves"], "is not a world folder"),
    ] {
        let made = new(&[args, &["--in", text(folder.path())]].concat());
        assert_eq!(made.status.code(), Some(1), "{args:?}");
        assert!(made.stderr.contains(says) && made.stderr.contains("\nhint: "), "{}", made.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    assert!(new(&["world", "vale", "--in", text(folder.path())]).status.success());
    let again = new(&["world", "vale", "--in", text(folder.path())]);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}
