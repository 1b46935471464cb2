//! Arcs through the whole graph: quests and views that they ask about, effects, rules that follow them, edits, the law.

use crate::script::Golden;

fn says(said: &str, all: &[&str]) {
    for line in all {
        assert!(said.contains(line), "{line}\n\nis not in\n\n{said}");
    }
}

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
regions: {moor: {}, gate: {}}
kinds: {kill: {}, choose: {known_targets: false}, rest: {}}
facts:
  mood: {scope: player, type: int, default: 0}
  alarm: {scope: region, type: bool, default: false}
";

const ENTITIES: &str = "
wolf: {kind: npc}
elder: {kind: npc}
";

const QUESTS: &str = "
hunt: {title: Hunt, stages: {s: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}}}
";

const ARCS: &str = "
own:
  when: {quests: {hunt: [active, done]}}
  tension: {half_life: 50ms, events: {kills: {pattern: {event: kill, when: {region: moor}}, add: 30}, rests: {pattern: {event: rest}, add: -20}}}
  beats:
    calm: {tension: {build_up: 50}}
    fury:
      tension: {peak: 40}
      effects: [{add: {fact: mood, by: 1}}, {set: {fact: alarm, to: true}}]
    after:
      tension: {relax: 10}
      branches:
        home: {chosen_by: {event: choose, target: home}}
        back: {chosen_by: {event: choose, target: back}, when: \"view.arc_state['region', moor, place].phase == ended\", to: calm}
        bed: {after: 1m world, to: sleep}
    sleep: {tension: {relax: 100}, when: {phase: night}}
place:
  scope: region
  when: {region: moor}
  tension: {half_life: 1s, events: {kills: {pattern: {event: kill}, add: 50}}}
  beats:
    still: {tension: {build_up: 90}}
";

const RULES: &str = "
told: {trigger: {appears_or_changes: {view: arc_state, where: {arc: own, phase: peak}}}, do: [{add: {fact: mood, by: 10}}]}
";

fn files() -> [(&'static str, &'static str); 5] {
    [
        ("world.yaml", WORLD),
        ("entities.yaml", ENTITIES),
        ("quests/all.yaml", QUESTS),
        ("arcs/all.yaml", ARCS),
        ("rules.yaml", RULES),
    ]
}

#[test]
fn quests_views_rules_and_facts_go_with_arcs() {
    let golden = Golden::new(
        &files(),
        "
        5 presence ann s1 moor -
        6 event quest.accept player=ann target=hunt
        10 event kill player=ann target=wolf
        12 event kill player=ann target=wolf
        14 event rest player=ann target=elder
        30 event choose player=ann target=back
        32 event kill player=bo target=wolf region=gate
        40 wait
        ",
    );
    says(
        &golden.changes(&["arc_state", "arc_tension", "arc_branches", "facts"]),
        &[
            // That the quest is open is seen a tick after it was accepted.
            "7: +1 arc_state scope=player holder=ann arc=own beat=calm phase=build_up since=7 ",
            "12: +1 arc_state scope=player holder=ann arc=own beat=fury phase=peak since=12 ",
            "12: +1 arc_state scope=region holder=moor arc=place beat=still phase=ended since=12 ",
            // What the beat does, and then what the rule does.
            "13: +1 facts scope=player holder=ann fact=mood value=11 version=2 ",
            "13: +1 facts scope=region holder=moor fact=alarm value=true version=1 ",
            "14: +1 arc_state scope=player holder=ann arc=own beat=after phase=relax since=14 ",
            "19: +1 arc_branches scope=player holder=ann arc=own beat=after branch=back to=calm chosen= coherence=100 impact=24 novelty=50 quality=67 score=67",
            "30: +1 arc_branches scope=player holder=ann arc=own beat=after branch=back to=calm chosen=30 ",
            "30: +1 arc_state scope=player holder=ann arc=own beat=calm phase=build_up since=30 ",
        ],
    );
    golden.check_laws();
}

#[test]
fn a_span_of_world_time_sends_to_bed_those_who_choose_nothing() {
    let golden = Golden::new(
        &files(),
        "
        5 presence ann s1 moor -
        6 event quest.accept player=ann target=hunt
        10 event kill player=ann target=wolf
        12 event kill player=ann target=wolf
        14 event rest player=ann target=elder
        20 clock scale 1 1
        30 clock set 72600000
        40 wait
        ",
    );
    says(
        &golden.changes(&["arc_state", "arc_branches"]),
        &[
            "30: +1 arc_branches scope=player holder=ann arc=own beat=after branch=bed to=sleep chosen=30 ",
            "30: +1 arc_state scope=player holder=ann arc=own beat=sleep phase=relax since=30 ",
            "31: +1 arc_state scope=player holder=ann arc=own beat=sleep phase=ended since=31 ",
        ],
    );
    golden.check_laws();
}
