//! `worldflow weather`: a year of a world, and a climate from real observations.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process::worldflow;
use crate::worlds;

/// Hourly observations of three airports, which are not part of the project: `./test` says where they are looked for.
fn table() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's root");
    let shared = std::env::var_os("WORLDFLOW_SHARED").unwrap_or_else(|| "../shared".into());
    let path = root.join(shared).join("data/nyc2013_hourly_weather.csv.gz");
    assert!(
        path.exists(),
        "{} is missing\nhint: set WORLDFLOW_SHARED to the folder that has data/",
        path.display()
    );
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The mapping on the page about it.
fn mapping(folder: &Path) -> PathBuf {
    let page = include_str!("../../../docs/weather.md");
    let yaml = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a mapping");
    let path = folder.join("map.yaml");
    fs::write(&path, yaml).expect("written");
    path
}

/// The share, in hundredths, and the mean length of each state of each zone in a table that was printed.
fn shown(printed: &str) -> BTreeMap<(String, String), (f64, f64)> {
    let (mut zone, mut shown) = (String::new(), BTreeMap::new());
    for line in printed.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (line.starts_with("  "), words.as_slice()) {
            (false, [name, ..]) => zone = (*name).to_owned(),
            (true, [state, share, "%", _, mean, "h", ..]) => {
                let number = |text: &str| text.parse::<f64>().expect("a number");
                shown.insert((zone.clone(), (*state).to_owned()), (number(share), number(mean)));
            }
            _ => {}
        }
    }
    shown
}

#[test]
fn a_year_of_the_demo_world_is_told_and_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let svg = folder.path().join("year.svg");
    let said = worldflow(["weather", "--svg", text(&svg)]);
    assert!(said.status.success(), "{said:?}");
    let again = worldflow(["weather"]);
    assert_eq!(said.stdout, again.stdout, "one seed is one year");
    let other = worldflow(["weather", "--seed", "1"]);
    assert_ne!(said.stdout, other.stdout);
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for ((zone, _), (share, _)) in shown(&said.stdout) {
        *sums.entry(zone).or_default() += share;
    }
    assert_eq!(sums.len(), 6, "{}", said.stdout);
    assert!(sums.values().all(|sum| (sum - 100.0).abs() < 1.0), "{sums:?}");
    let svg = fs::read_to_string(svg).expect("a chart");
    assert!(sums.keys().all(|zone| svg.contains(&format!(">{zone}</text>"))), "every zone is drawn");
    let unknown = worldflow(["weather", "--zone", "moon"]);
    assert!(unknown.stderr.contains("there is no zone `moon`\nhint: there are "), "{}", unknown.stderr);
}

#[test]
fn a_climate_that_is_fitted_is_like_what_was_observed() {
    let (folder, table) = (worlds::small(), table());
    let map = mapping(folder.path());
    let of = ["weather", "--observed", text(&map), "--table", text(&table)];
    let observed = worldflow(of);
    assert!(observed.status.success(), "{observed:?}");
    let observed = shown(&observed.stdout);
    let world = folder.path().join("world");
    let mut zones = String::new();
    for zone in ["harbour", "sound", "marsh"] {
        let fitted = worldflow(of.into_iter().chain(["--fit", zone]));
        assert!(fitted.status.success(), "{fitted:?}");
        let file = format!("climates/{zone}.yaml");
        worlds::write(&world, &[(&file, &fitted.stdout)]);
        zones.push_str(&format!("  {zone}: {{climate: {zone}}}\n"));
    }
    // A year of 365 days whose seasons begin as those of the mapping: the world's begins in March.
    let calendar = "  calendar:\n    months: [{name: all, days: 365}]\n    seasons:\n      - {name: spring, from_day: 1}\n      \
                    - {name: summer, from_day: 93}\n      - {name: fall, from_day: 185}\n      - {name: winter, from_day: 276}\n";
    let text_of_world = worlds::WORLD.replace("regions:\n", &format!("zones:\n{zones}regions:\n"));
    let text_of_world = text_of_world.replace("  phases:\n", &format!("{calendar}  phases:\n"));
    worlds::write(&world, &[("world.yaml", &text_of_world)]);
    let checked = worldflow(["check", text(&world)]);
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stdout);
    // Seven years, so that chance says little.
    let simulated = worldflow(["weather", text(&world), "--days", "2555"]);
    assert!(simulated.status.success(), "{simulated:?}");
    let simulated = shown(&simulated.stdout);
    assert_eq!(simulated.keys().collect::<Vec<_>>(), observed.keys().collect::<Vec<_>>());
    for (key, (share, mean)) in &observed {
        let (found, length) = simulated[key];
        assert!((found - share).abs() < 2.0, "{key:?}: {share} % observed, {found} % simulated");
        // Of what is rare a year says little, too.
        if *share > 1.0 {
            assert!((length / mean - 1.0).abs() < 0.25, "{key:?}: {mean} h observed, {length} h simulated");
        }
    }
}

#[test]
fn observations_are_played_into_a_realm() {
    let (folder, table) = (worlds::small(), table());
    let map = mapping(folder.path());
    let lines = worldflow(["weather", "--observed", text(&map), "--table", text(&table), "--lines"]);
    assert!(lines.status.success());
    assert!(lines.stdout.lines().count() > 3_500, "{}", lines.stdout.lines().count());
    // The first days, replayed in a world whose climate has those states.
    let recording = folder.path().join("observed.ndjson");
    let first: Vec<&str> = lines.stdout.lines().filter(|line| line.contains("harbour")).take(12).collect();
    fs::write(&recording, first.join("\n")).expect("written");
    let world = folder.path().join("world");
    let fitted =
        worldflow(["weather", "--observed", text(&map), "--table", text(&table), "--fit", "harbour"]);
    worlds::write(&world, &[("climates/harbour.yaml", &fitted.stdout)]);
    let zone = "zones:\n  harbour: {climate: harbour}\nregions:\n";
    worlds::write(&world, &[("world.yaml", &worlds::WORLD.replace("regions:\n", zone))]);
    let dump = folder.path().join("out");
    let replayed = worldflow(["replay", text(&world), "--events", text(&recording), "--dump", text(&dump)]);
    assert!(replayed.status.success(), "{replayed:?}");
    let weather = fs::read_to_string(dump.join("weather.ndjson")).expect("rows");
    let last: serde_json::Value = serde_json::from_str(first[11]).expect("JSON");
    let state = format!("\"state\":{}", last["weather"]["state"]);
    assert!(weather.contains(&state), "{weather}\n{last}");
}
