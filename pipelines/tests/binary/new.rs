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

    for kind in ["quest", "rule", "view", "test"] {
        let made = new(&[kind, "wolves", "--in", text(&vale)]);
        assert!(made.status.success(), "{made:?}");
        let again = new(&[kind, "wolves", "--in", text(&vale)]);
        assert_eq!(again.status.code(), Some(1));
        assert!(again.stderr.contains("is there already\nhint: "), "{}", again.stderr);
    }
    assert_right(&vale);
    let tested = worldflow(["test", text(&vale)]);
    assert!(tested.stdout.ends_with("2 passed, 0 failed\n"), "{}", tested.stdout);
}

fn assert_right(world: &Path) {
    let checked = worldflow(["check", text(world), "--deny-warnings"]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", checked.stdout, checked.stderr);
}

/// A copy of a folder.
fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copied(&path, &to);
        } else {
            std::fs::copy(&path, to).expect("copied");
        }
    }
}

#[test]
fn what_is_added_fits_the_world_that_it_is_added_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds");
    for name in ["broker", "greenvale", "skirmish"] {
        let world = folder.path().join(name);
        copied(&worlds.join(name), &world);
        let before = worldflow(["check", text(&world)]);
        for kind in ["quest", "rule", "view", "test"] {
            let made = new(&[kind, "hunt_2", "--in", text(&world)]);
            assert!(made.status.success(), "{name}: {made:?}");
        }
        let after = worldflow(["check", text(&world)]);
        assert_eq!(
            (before.status.code(), after.status.code()),
            (Some(0), Some(0)),
            "{name}: {}",
            after.stdout
        );
        let count = |said: &Said| said.stdout.matches("warning:").count();
        assert_eq!(count(&before), count(&after), "{name}: {}", after.stdout);
        // What a template expects is so in every world.
        let tested = worldflow(["test", text(&world), "--filter", "hunt_2"]);
        assert!(tested.stdout.ends_with("1 passed, 0 failed\n"), "{name}: {}", tested.stdout);
    }
    // Of a world that has next to nothing, what it has.
    let bare = folder.path().join("bare");
    std::fs::create_dir_all(&bare).expect("a folder");
    std::fs::write(bare.join("world.yaml"), "{name: bare, seed: 1}").expect("written");
    for kind in ["quest", "rule", "test"] {
        let made = new(&[kind, "hunt", "--in", text(&bare)]);
        assert!(made.stderr.contains("declares no kinds of events"), "{made:?}");
    }
    std::fs::write(bare.join("world.yaml"), "{name: bare, seed: 1, kinds: {'9-no': {}}}").expect("written");
    for kind in ["quest", "rule", "view", "test"] {
        let made = new(&[kind, "hunt", "--in", text(&bare)]);
        assert!(made.status.success(), "{made:?}");
    }
    assert_right(&bare);
    // What would not load is not written.
    let taken = new(&["view", "facts", "--in", text(&bare)]);
    assert!(!taken.status.success() && taken.stderr.contains("views/facts.sql:"), "{taken:?}");
    assert!(!bare.join("views/facts.sql").exists());
}

#[test]
fn nothing_is_written_over_or_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, says) in [
        (&["world", "../vale"][..], "is no id"),
        (&["world", "Vale"], "is no id"),
        (&["world", "null"], "YAML takes it for something else"),
        (&["quest", "yes"], "YAML takes it for something else"),
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
