//! A world with planted faults: a simulation names every one of them, and nothing else.

use std::fmt::Write as _;

use expect_test::expect;

use crate::{config, played, world};

const WORLD: &str = "
name: planted
seed: 7
tick_ms: 100
clock:
  real_seconds_per_hour: 20
  start: '1 06:00'
  phases: {day: {from: '06:00'}, night: {from: '20:00'}}
regions: {meadow: {}, forest: {}, cave: {}}
kinds:
  kill: {}
  gather: {}
  visit: {}
  open: {}
facts:
  gate_open: {scope: realm, type: bool, default: false}
  seal_broken: {scope: realm, type: bool, default: false}
lifetime:
  slain: {pattern: {event: kill, target: wolf}}
entities:
  wolf: {kind: npc, tags: [beast]}
  bear: {kind: npc, tags: [beast]}
  herb: {kind: object}
  well: {kind: place}
  gate: {kind: object}
";

const QUESTS: &str = "
honest:
  title: Wolves
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf, count: 3}}}}
  rewards: {slots: {pay: {item: gold, amount: 5}}}
behind:
  title: Behind it
  requires: {quests: {honest: done}}
  stages: {look: {objectives: {well: {event: visit, target: well}}}}
# The herb of the seal can be picked only once it is broken, and nothing breaks it.
impossible:
  title: Herbs of the seal
  stages:
    pick:
      objectives:
        herbs: {event: gather, target: herb}
        sealed: {event: gather, target: herb, when: {facts: {seal_broken: true}}}
# Nothing opens the gate.
shut:
  title: Behind the gate
  requires: {facts: {gate_open: true}}
  stages: {look: {objectives: {cave: {event: visit, target: well, region: cave}}}}
after_shut:
  title: After it
  requires: {quests: {shut: done}}
  stages: {look: {objectives: {well: {event: visit, target: well}}}}
# Who takes the left way can never finish.
crossroads:
  title: Crossroads
  stages:
    choose:
      objectives:
        left: {event: visit, target: well, region: forest, branch: left}
        right: {event: visit, target: well, region: meadow, branch: right}
    lost:
      after: {choose: left}
      objectives: {bears: {event: kill, target: bear, when: {facts: {seal_broken: true}}}}
    home:
      after: {choose: right}
      objectives: {herbs: {event: gather, target: herb, count: 2}}
# Once ten are slain it is done every second: an hour was meant.
hoard:
  title: A hoard
  accept: auto
  repeat: {cooldown: 1s}
  stages: {ever: {objectives: {slain: {event: kill, target: wolf, count: 10, since: ever, lifetime: slain}}}}
  rewards: {slots: {pay: {item: gold, amount: 50}}}
";

#[test]
fn every_planted_fault_is_found_and_nothing_else_is_said_to_be_wrong() {
    let world = world(&[("world.yaml", WORLD), ("quests/all.yaml", QUESTS)]);
    let report = played(&world, &config(40, 3, 1, ""));
    let mut found = String::new();
    for finding in report.findings.iter().filter(|finding| finding.trouble.is_wrong()) {
        let _ = writeln!(
            found,
            "{}: {} ({}): {}\n  {}",
            finding.place,
            finding.quest,
            finding.trouble.name(),
            finding.text,
            finding.hint
        );
    }
    expect![[r#"
        quests/all.yaml:42:1: hoard (goes round): it goes round by itself: player `fighter-007` finished it 20 times, once in 1 s, and it paid 2400 gold in all
          give it an objective that takes a deed, or `repeat: {cooldown: ...}`; it was taken out after 1.8 min so that the others could go on
        quests/all.yaml:23:1: after_shut (never available): `quests: {shut: done}` never held for anybody
          look first at what keeps `shut` from it
        quests/all.yaml:19:1: shut (never available): `facts: {gate_open: true}` never held for anybody
          look what brings it about, or simulate more days
        quests/all.yaml:11:1: impossible (never finished): 40 players began it, and nobody finished it; 22 were abandoned; 184 deeds for `pick.sealed`, and none counted
          look at its pattern: what it asks for together may be nowhere at any time
        quests/all.yaml:28:1: crossroads (dead end): 17 players took branch `left` of `choose`, and none of them finished; 8 stand at `lost.bears`
          look at the stages behind it: what they ask for may be nowhere
        quests/all.yaml:28:1: crossroads (never counts): 60 deeds for `lost.bears`, and none counted
          look at its pattern: what it asks for together may be nowhere at any time
    "#]].assert_eq(&found);
    let of = |id: &str| report.quests.iter().find(|quest| quest.id == id).expect("it is there");
    assert!(of("honest").finished > 20 && of("behind").finished > 20);
    assert_eq!((of("shut").seen, of("impossible").finished, of("after_shut").began), (0, 0, 0));
}
