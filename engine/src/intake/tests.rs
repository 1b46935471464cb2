//! What the sequencer decides about inputs, without its threads.

use worldflow_schemas::input::{Command, FactChange, FactWrite, Holder, Scope, WriteOrder};

use super::*;
use crate::dedupe::{EARLIEST_MS, YOUNG_MS};

const LENGTH: TickLength = TickLength { tick_ms: 1000 };

fn intake(ids_per_source: usize, most_ids_per_source: usize) -> Intake {
    let config = DedupeConfig { ids_per_source, most_ids_per_source, ..DedupeConfig::default() };
    let mut intake = Intake::new(LENGTH, config, &[]);
    intake.set_open(1000);
    intake.set_wall(1_000_000);
    intake
}

fn batch(ids: &[EventId], at_ms: i64) -> Batch {
    let event = |id: &EventId| Event {
        at_ms,
        source: "source".into(),
        id: id.clone(),
        player: Sym::NONE,
        kind: "kill".into(),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    let items =
        ids.iter().map(|id| Item { id: id.clone(), input: Input::Event(event(id)), most_per_s: None });
    let items = items.collect();
    let (reply, _nobody_waits) = tokio::sync::oneshot::channel();
    Batch { source: "source".into(), items, watermark_ms: None, reply: Some(reply), reached: None }
}

/// As [`batch`], of named events of a kind of which three a second may be.
fn limited(names: &[&str], at_ms: i64) -> Batch {
    let ids: Vec<EventId> = names.iter().map(|name| EventId::Named((*name).into())).collect();
    let mut batch = batch(&ids, at_ms);
    batch.items.iter_mut().for_each(|item| item.most_per_s = Some(3));
    batch
}

#[test]
fn what_is_sent_again_does_not_count_against_the_rate() {
    let mut intake = intake(100, 100);
    let first = Outcome::Accepted { tick: 1000 };
    let again = Outcome::Duplicate { tick: 1000 };
    let codes = |intake: &mut Intake, names: &[&str]| -> Vec<String> {
        let outcomes = intake.take(&mut limited(names, 1_000_000)).outcomes;
        let code = |outcome| match outcome {
            Outcome::Refused(refusal) => refusal.code.to_owned(),
            Outcome::Denied(denied) => denied.0.code.to_owned(),
            outcome if outcome == first => "accepted".to_owned(),
            outcome if outcome == again => "duplicate".to_owned(),
            outcome => format!("{outcome:?}"),
        };
        outcomes.into_iter().map(code).collect()
    };
    // The connection is lost before the ack, and all is sent again within the second, twice.
    assert_eq!(codes(&mut intake, &["a", "b"]), ["accepted"; 2]);
    for _ in 0..2 {
        assert_eq!(codes(&mut intake, &["a", "b"]), ["duplicate"; 2]);
    }
    assert_eq!(codes(&mut intake, &["c", "d", "a"]), ["accepted", "rate_limited", "duplicate"]);
    // The second after: what was refused is new, what was taken is not.
    intake.set_open(1001);
    let next = Outcome::Accepted { tick: 1001 };
    let outcomes = intake.take(&mut limited(&["a", "b", "c", "d", "e", "f", "g"], 1_000_000)).outcomes;
    assert_eq!(
        outcomes[..6],
        [&[again.clone(), again.clone(), again][..], &[next.clone(), next.clone(), next]].concat()
    );
    assert!(matches!(&outcomes[6], Outcome::Refused(refusal) if refusal.code == "rate_limited"));
}

fn add(id: &str, at_ms: i64) -> Batch {
    let order = WriteOrder { at_ms, source: "source".into(), id: EventId::Named(id.into()) };
    let holder = Holder { scope: Scope::Player, id: "ada".into() };
    let change = FactChange::Add(worldflow_schemas::Value::Int(1));
    let write = FactWrite { order, holder, fact: "gold".into(), change };
    let items = vec![Item {
        id: EventId::Named(id.into()),
        input: Input::Command(Command::Fact(write)),
        most_per_s: None,
    }];
    Batch { items, ..batch(&[], 0) }
}

/// Takes an input with an id that happens now, and seals its tick.
fn take(intake: &mut Intake, name: &str) -> &'static str {
    let at_ms = LENGTH.utc_ms(intake.open());
    intake.set_wall(at_ms);
    let outcome = intake.take(&mut batch(&[EventId::Named(name.into())], at_ms)).outcomes.remove(0);
    let next = intake.open() + 1;
    let _taken = intake.seal_before(next);
    intake.set_open(next);
    intake.forget();
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Duplicate { .. } => "duplicate",
        Outcome::Refused(refusal) => refusal.code,
        Outcome::Denied(denied) => denied.0.code,
    }
}

#[test]
fn inputs_without_ids_are_numbered_in_the_order_in_which_they_are_taken() {
    let mut intake = intake(10, 10);
    let unnumbered = EventId::Position(EventId::UNNUMBERED);
    let two = [unnumbered.clone(), unnumbered.clone()];
    // Two senders of one source, interleaved; one of them once said a position of its own.
    let others = [EventId::Position(7), unnumbered];
    for ids in [&two, &others, &two] {
        let decided = intake.take(&mut batch(ids, 1_000_000));
        assert_eq!(decided.outcomes, vec![Outcome::Accepted { tick: 1000 }; 2]);
    }
    let (_, sealed) = intake.seal_before(1001).expect("something was taken");
    let (events, _, numbered) = sealed.gathered();
    let ids: Vec<EventId> = events.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, [7, 0, 1, 8, 9, 10].map(EventId::Position));
    assert_eq!(numbered, Numbered { events: 5, commands: 0 });
    // A refused one is shown without an id.
    let refused = intake.take(&mut batch(&two[..1], i64::MAX)).refused;
    assert!(matches!(&refused[..], [(None, Refusal { code: "too_early", .. })]));
}

#[test]
fn ids_are_remembered_for_twice_the_earliest_window_however_many_there_are() {
    let mut intake = intake(1, 1000);
    let ticks = LENGTH.ticks(YOUNG_MS);
    for tick in 0..ticks {
        assert_eq!(take(&mut intake, &tick.to_string()), "accepted");
    }
    // The first is just not forgotten, and is then, with what is as old as it says.
    assert_eq!(intake.dedupe.source("source".into()).0.forgotten(), None);
    assert_eq!(take(&mut intake, "0"), "duplicate");
    assert_eq!(intake.dedupe.source("source".into()).0.forgotten(), Some(1000));
    let decided = intake.take(&mut batch(&[EventId::Named("0".into())], 1_000_000));
    assert!(matches!(&decided.refused[..], [(Some(_), Refusal { code: "too_old", .. })]));
    assert_eq!(take(&mut intake, "new"), "accepted");
}

#[test]
fn ids_beyond_the_most_are_refused_until_old_ones_are_forgotten() {
    let mut intake = intake(1, 2);
    let taken = ["a", "b", "c", "b"].map(|name| take(&mut intake, name));
    assert_eq!(taken, ["accepted", "accepted", "dedupe_full", "duplicate"]);
    let position = batch(&[EventId::Position(EventId::UNNUMBERED)], 1_000_000).items;
    let mut position = Batch { items: position, ..batch(&[], 0) };
    assert_eq!(intake.take(&mut position).refused, []);
    intake.set_open(1000 + LENGTH.ticks(YOUNG_MS));
    assert_eq!(take(&mut intake, "d"), "dedupe_full");
    assert_eq!(take(&mut intake, "e"), "accepted");
}

#[test]
fn what_is_sent_again_after_the_window_counts_once_whatever_it_is_and_however_time_passes() {
    let event = |id: &str, at_ms| batch(&[EventId::Named(id.into())], at_ms);
    let inputs: [&dyn Fn(&str, i64) -> Batch; 2] = [&event, &add];
    let source = EventTimeSource { source: "source".into(), lateness_ms: 0, idle_ms: 5_000, begins_ms: None };
    for (event_time, real_time) in [(false, true), (false, false), (true, true), (true, false)] {
        for input in inputs {
            let sources = if event_time { &[source][..] } else { &[] };
            let mut intake = Intake::new(LENGTH, DedupeConfig::default(), sources);
            let now = |intake: &mut Intake, at_ms: i64| {
                intake.set_open(LENGTH.tick_at(at_ms));
                if real_time {
                    intake.set_wall(at_ms);
                }
            };
            let take = |intake: &mut Intake, id, at_ms| {
                let outcome = intake.take(&mut input(id, at_ms)).outcomes.remove(0);
                let open = intake.open() + 1;
                let _taken = intake.seal_before(open);
                outcome
            };
            now(&mut intake, 1_000_000);
            assert_eq!(take(&mut intake, "1", 1_000_000), Outcome::Accepted { tick: 1000 });
            assert_eq!(take(&mut intake, "1", 1_000_000), Outcome::Duplicate { tick: 1000 });
            now(&mut intake, 3_000_000);
            intake.forget();
            let again = take(&mut intake, "1", 1_000_000);
            assert!(matches!(&again, Outcome::Refused(why) if why.code == "too_old"), "{again:?}");
            assert!(matches!(take(&mut intake, "2", 2_990_000), Outcome::Accepted { .. }));
        }
    }
}

#[test]
fn ids_are_forgotten_once_a_second() {
    let length = TickLength { tick_ms: 10 };
    let mut intake = Intake::new(length, DedupeConfig::default(), &[]);
    let forgotten: Vec<Tick> = (1000..1250)
        .filter(|tick| {
            intake.set_open(*tick);
            intake.forget();
            intake.forgot == *tick
        })
        .collect();
    assert_eq!(forgotten, [1000, 1100, 1200]);
}

/// Without a clock, nothing is from later than the open tick, as nothing is later than UTC with one: what is remembered of
/// ids tells what is sent again from what is new by its time.
#[test]
fn where_time_is_moved_by_hand_nothing_comes_from_later_either() {
    let mut intake = Intake::new(LENGTH, DedupeConfig::default(), &[]);
    intake.set_open(1000);
    let named = |name: &str| [EventId::Named(name.into())];
    let code = |intake: &mut Intake, name: &str, at_ms: i64| {
        let outcome = intake.take(&mut batch(&named(name), at_ms)).outcomes.remove(0);
        if let Outcome::Refused(refusal) = outcome { refusal.code } else { "taken" }
    };
    assert_eq!(code(&mut intake, "a", 1_000_000 + EARLIEST_MS), "taken");
    assert_eq!(code(&mut intake, "b", 1_000_000 + EARLIEST_MS + 1), "too_early");
    assert_eq!(code(&mut intake, "b", i64::MAX), "too_early");
    intake.set_open(1001);
    assert_eq!(code(&mut intake, "b", 1_000_000 + EARLIEST_MS + 1), "taken");
}
