//! What a simulation says of arcs: beats that were reached, ways that were taken and by how many, and what nobody came to.

use worldflow::simulate::{Trouble, csv, summary};

use crate::{config, played, world};

const WORLD: &str = "
name: storied
seed: 7
tick_ms: 100
clock: {real_seconds_per_hour: 20, start: '1 06:00'}
regions: {meadow: {}, forest: {}}
kinds: {kill: {}, choose: {}}
facts:
  sealed: {scope: realm, type: bool, default: true}
entities:
  wolf: {kind: npc}
  left: {kind: object}
  right: {kind: object}
";

const QUESTS: &str = "
hunt:
  title: Wolves
  repeat: {cooldown: 10s}
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf, count: 3}}}}
";

const ARCS: &str = "
hunted:
  tension: {half_life: 10h, events: {kills: {pattern: {event: kill, target: wolf}, add: 10}}}
  beats:
    calm: {tension: {build_up: 20}}
    fork:
      tension: {build_up: 30}
      branches:
        left: {chosen_by: {event: choose, target: left}, to: out}
        right: {chosen_by: {event: choose, target: right}, to: out}
        sealed: {chosen_by: {event: choose}, when: {facts: {sealed: false}}, to: hidden}
    out: {tension: {relax: 100}, ends: true}
    hidden: {tension: {relax: 100}, ends: true}
shut:
  when: {facts: {sealed: false}}
  tension: {half_life: 1h, events: {kills: {pattern: {event: kill}, add: 1}}}
  beats:
    only: {tension: {build_up: 1}}
";

#[test]
fn beats_and_ways_are_counted_and_what_nobody_came_to_is_found() {
    let world = world(&[("world.yaml", WORLD), ("quests/all.yaml", QUESTS), ("arcs.yaml", ARCS)]);
    let report = played(&world, &config(30, 2, 1, ""));
    let said = summary(&report);
    let arc = report.arcs.iter().find(|arc| arc.id == "hunted").expect("it is there");
    let beat = |id: &str| arc.beats.iter().find(|beat| beat.beat == id).expect("it is there");
    let way = |id: &str| arc.ways.iter().find(|way| way.branch == id).expect("it is there");
    assert!(arc.began > 20 && arc.ended > 5, "{said}");
    assert_eq!(beat("calm").reached, arc.began, "{said}");
    assert!(beat("fork").reached >= beat("out").reached && beat("out").reached > 5, "{said}");
    assert_eq!(beat("hidden").reached, 0, "{said}");
    assert!(way("left").chosen > 0 && way("right").chosen > 0, "{said}");
    assert_eq!(
        (way("sealed").chosen, way("left").of),
        (0, way("left").chosen + way("right").chosen),
        "{said}"
    );
    assert_eq!(beat("out").times, way("left").of, "{said}");
    let in_a_beat: u64 = arc.beats.iter().map(|beat| beat.open).sum();
    assert_eq!(in_a_beat + arc.ended, arc.began, "{said}");
    let found: Vec<(Trouble, &str, &str)> = (report.findings.iter())
        .filter(|finding| report.arcs.iter().any(|arc| arc.id == finding.quest))
        .map(|finding| (finding.trouble, finding.quest.as_str(), finding.place.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Trouble::BeatNotReached, "hunted", "arcs.yaml:2:1"),
            (Trouble::WayNotTaken, "hunted", "arcs.yaml:2:1"),
            (Trouble::ArcNeverBegun, "shut", "arcs.yaml:14:1"),
        ],
        "{said}"
    );
    assert!(found.iter().all(|(trouble, ..)| !trouble.is_wrong()));
    let tables = csv(&report);
    let (_, rows) = tables.iter().find(|(what, _)| *what == "arcs").expect("there is a table of arcs");
    assert!(
        rows.lines().any(|row| row.starts_with("hunted,player,") && row.contains(",fork,left,")),
        "{rows}"
    );
    assert!(said.contains("hunted") && said.contains("sealed") && said.contains(" 0 %"), "{said}");
}
