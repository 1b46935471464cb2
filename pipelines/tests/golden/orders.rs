//! The words of stages: how objectives go together, in which order, and how often.
//!
//! `docs/language.md` names these tests. Each is run on 1, 2 and 4 workers and restarted at every tick.

use expect_test::expect;

use crate::words::{objectives, stages};

#[test]
fn a_sequence_waits_for_the_right_step() {
    stages(
        "    levers:
      complete: sequence
      objectives: {a: {event: pull, target: left}, b: {event: pull, target: right}, c: {event: pull, target: left}}
",
        "
        10 event pull player=ann target=right
        11 event pull player=ann target=left
        12 event pull player=ann target=left
        13 event pull player=ann target=right
        14 event pull player=ann target=left
        15 wait
        ",
        expect![[r#"
            10: a 0/1
            10: b 0/1
            10: c 0/1
            10: quest quest active stage=levers
            11: a 1/1 done
            13: b 1/1 done
            14: quest quest done
        "#]],
    );
}

#[test]
fn a_strict_sequence_begins_again_after_a_wrong_step() {
    stages(
        "    levers:
      complete: strict_sequence
      objectives: {a: {event: pull, target: left}, b: {event: pull, target: right}, c: {event: pull, target: middle}}
",
        "
        10 event pull player=ann target=left
        11 event pull player=ann target=middle
        12 event pull player=ann target=left
        13 event pull player=ann target=left
        14 event pull player=ann target=right
        15 event pull player=ann target=middle
        16 wait
        ",
        expect![[r#"
            10: a 1/1 done
            10: b 0/1
            10: c 0/1
            10: quest quest active stage=levers
            11: a 0/1
            12: a 1/1 done
            14: b 1/1 done
            15: quest quest done
        "#]],
    );
}

#[test]
fn within_a_time_of_another_objective() {
    objectives(
        "        plant: {event: pull, target: left}
        run: {event: visit, target: cave, after: plant, within: 30ms}\n",
        "
        9 event visit player=ann target=cave
        10 event pull player=ann target=left
        14 event visit player=ann target=cave
        15 event pull player=ann target=left
        18 event visit player=ann target=cave
        19 wait
        ",
        expect![[r#"
            9: plant 0/1
            9: quest quest active stage=all
            9: run 0/1
            10: plant 1/1 done
            10: run runs since=10 until=13
            14: plant 0/1
            14: run runs no more
            15: plant 1/1 done
            15: run runs since=15 until=18
            18: quest quest done
            18: run runs no more
        "#]],
    );
}

#[test]
fn after_another_objective_in_any_order_of_the_rest() {
    objectives(
        "        key: {event: gain}
        door: {event: pull, after: key}
        prayer: {event: pray}\n",
        "
        10 event pull player=ann target=left
        11 event pray player=ann
        12 event gain player=ann
        13 event pull player=ann target=left
        14 wait
        ",
        expect![[r#"
            10: door 0/1
            10: key 0/1
            10: prayer 0/1
            10: quest quest active stage=all
            11: prayer 1/1 done
            12: key 1/1 done
            13: quest quest done
        "#]],
    );
}

#[test]
fn a_stage_is_done_several_times() {
    stages(
        "    rounds:
      times: 3
      objectives: {hunt: {event: kill}, rest: {event: pray}}
    end: {objectives: {home: {event: visit}}}
",
        "
        10 event kill player=ann
        10 event pray player=ann
        11 event kill player=ann
        12 event pray player=ann
        14 event kill player=ann
        14 event pray player=ann
        16 event visit player=ann
        17 wait
        ",
        expect![[r#"
            10: hunt 1/1 done
            10: quest quest active stage=rounds
            10: rest 1/1 done
            11: rest 0/1
            12: rest 1/1 done
            13: hunt 0/1
            13: rest 0/1
            14: hunt 1/1 done
            14: rest 1/1 done
            15: home 0/1
            15: quest quest active stage=end
            16: quest quest done
        "#]],
    );
}

#[test]
fn all_any_and_some_of_them() {
    stages(
        "    every: {complete: all, objectives: {a: {event: kill}, b: {event: pray}}}
    one: {complete: any, objectives: {a: {event: kill}, b: {event: pray}}}
    two: {complete: {at_least: 2}, objectives: {a: {event: kill}, b: {event: pray}, c: {event: visit}}}
",
        "
        10 event kill player=ann
        10 event pray player=ann
        12 event pray player=ann
        14 event visit player=ann
        15 event kill player=ann
        16 wait
        ",
        expect![[r#"
            10: a 1/1 done
            10: b 1/1 done
            10: quest quest active stage=every
            11: a 0/1
            11: b 0/1
            11: quest quest active stage=one
            12: b 1/1 done
            13: a 0/1
            13: b 0/1
            13: c 0/1
            13: quest quest active stage=two
            14: c 1/1 done
            15: quest quest done
        "#]],
    );
}

#[test]
fn optional_and_hidden_objectives() {
    objectives(
        "        hunt: {event: kill}
        loot: {event: gain, optional: true}
        flee: {event: visit, hidden_until: [hunt]}\n",
        "
        10 event visit player=ann
        11 event kill player=ann
        12 event visit player=ann
        13 wait
        ",
        expect![[r#"
            10: flee 0/1 hidden
            10: hunt 0/1
            10: loot 0/1
            10: quest quest active stage=all
            11: hunt 1/1 done
            12: quest quest done
        "#]],
    );
}
