//! What the machine keeps: columns, bounds, and base state.

use std::collections::BTreeMap;

use worldflow_schemas::Diff;

use super::*;
use crate::sql::{Readable, planned};
use worldflow_schemas::definitions::SqlViewDef;

fn world() -> WorldDef {
    let attributes = serde_json::json!({"weapon": "id", "words": "text", "damage": "number"});
    let world = serde_json::json!({"name": "test", "seed": 1, "kinds": {"kill": {"attributes": attributes}, "loot": {}}});
    serde_json::from_value(world).expect("a world")
}

fn machine(most: usize) -> EventsMachine {
    let world = world();
    let view = Readable::of(&world.kinds).events;
    EventsMachine { most, ..EventsMachine::new(Sym::new("test"), &world, view, Gauge::default()) }
}

/// What a view needs that reads these events.
fn needed(of: &str) -> EventsIn {
    let sql = format!("CREATE VIEW v AS SELECT tick, source, id FROM events WHERE {of}");
    let texts = BTreeMap::from([("v".to_owned(), Arc::new(SqlViewDef { sql }))]);
    let (views, problems) = planned(&texts, &Readable::of(&world().kinds), 10);
    assert_eq!(problems, []);
    EventsIn::Needed(Kept::by(views.iter().map(|view| &view.plan)))
}

fn event(tick: Tick, number: u64, kind: &str) -> Event {
    Event {
        at_ms: i64::try_from(tick * 10).expect("small"),
        source: Sym::new("server"),
        id: EventId::Position(number),
        player: Sym::new("ann"),
        kind: Sym::new(kind),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    }
}

/// A machine, its rows, and its base state.
struct Keeping {
    machine: EventsMachine,
    rows: BTreeMap<String, Diff>,
    base: BTreeMap<Vec<u8>, Vec<u8>>,
    told: Vec<String>,
}

impl Keeping {
    fn new(most: usize) -> Keeping {
        Keeping { machine: machine(most), rows: BTreeMap::new(), base: BTreeMap::new(), told: Vec::new() }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<EventsIn>) {
        let mut output = Output::default();
        self.machine.step(tick, inputs, &mut output);
        self.take(output);
    }

    fn take(&mut self, output: Output<Refused>) {
        for ((_, row), diff) in output.rows {
            let values: Vec<String> = row.iter().map(ToString::to_string).collect();
            *self.rows.entry(values.join(" ")).or_default() += diff;
        }
        self.rows.retain(|_, times| *times != 0);
        for change in output.base {
            match change.value {
                Some(value) => drop(self.base.insert(change.key.to_vec(), value.to_vec())),
                None => drop(self.base.remove(&change.key.to_vec()).expect("it was there")),
            }
        }
        self.told
            .extend(output.out.into_iter().map(|refused| format!("{}: {}", refused.code, refused.reason)));
    }

    /// The rows of a machine that is given back what this one has kept.
    fn again(&self, tick: Tick, needed: EventsIn) -> BTreeMap<String, Diff> {
        let again = self.loaded(tick, vec![needed]);
        assert_eq!(again.machine.alarm(), self.machine.alarm());
        again.rows
    }

    fn loaded(&self, tick: Tick, told: Vec<EventsIn>) -> Keeping {
        let mut again = Keeping::new(self.machine.most);
        for (key, value) in &self.base {
            let (operator, route) = (EventsMachine::NAME.into(), Sym::new("test"));
            let (key, value) = (key.as_slice().into(), value.as_slice().into());
            again.machine.load(BaseRow { operator, route, key, value });
        }
        again.base = self.base.clone();
        let mut output = Output::default();
        again.machine.loaded(tick, told, &mut output);
        again.take(output);
        again
    }
}

#[test]
fn events_go_when_no_view_needs_them_any_more() {
    let both = "now() <= at + INTERVAL '30 ms' AND kind IN ('kill', 'loot')";
    let mut kept = Keeping::new(100);
    kept.step(
        1,
        vec![
            needed(both),
            EventsIn::Events(vec![event(1, 1, "kill"), event(1, 2, "loot"), event(1, 3, "say")]),
        ],
    );
    assert_eq!(
        kept.rows.keys().collect::<Vec<_>>(),
        ["test 1 server 1 10 kill ann   1  ", "test 1 server 2 10 loot ann   1  "]
    );
    assert_eq!(kept.machine.alarm(), Some(5), "30 ms after tick 1 are over with tick 4");
    assert_eq!(kept.again(1, needed(both)), kept.rows);
    // Loot is needed no more, and kills for longer.
    let kills = "now() <= at + INTERVAL '50 ms' AND kind = 'kill'";
    kept.step(2, vec![needed(kills)]);
    assert_eq!((kept.rows.len(), kept.machine.alarm()), (1, Some(7)));
    assert_eq!(kept.again(2, needed(kills)), kept.rows);
    kept.step(7, Vec::new());
    assert_eq!((kept.rows.len(), kept.base.len(), kept.machine.alarm()), (0, 0, None));
    // Nothing is needed, and nothing is kept.
    kept.step(8, vec![EventsIn::Needed(Kept::default()), EventsIn::Events(vec![event(8, 4, "kill")])]);
    assert_eq!((kept.rows.len(), kept.base.len(), kept.machine.alarm()), (0, 0, None));
}

#[test]
fn of_too_many_the_oldest_go_and_that_is_told_now_and_then() {
    let mut kept = Keeping::new(5);
    let all = || needed("now() <= tick + INTERVAL '1 day'");
    let three = |tick: Tick| EventsIn::Events((0..3).map(|number| event(tick, number, "kill")).collect());
    kept.step(100, vec![all(), three(100)]);
    assert_eq!((kept.rows.len(), kept.told.len()), (3, 0));
    kept.step(101, vec![three(101)]);
    assert!(kept.rows.keys().all(|row| row.starts_with("test 101 ")), "{:?}", kept.rows);
    assert_eq!((kept.rows.len(), kept.base.len(), kept.told.len()), (3, 1, 1));
    assert_eq!(kept.again(101, all()), kept.rows);
    kept.step(102, vec![three(102)]);
    assert_eq!((kept.rows.len(), kept.told.len()), (3, 1), "within a minute it is not told again");
    kept.step(6_200, vec![three(6_200)]);
    assert_eq!(kept.told.len(), 2);
    assert!(
        kept.told[0].starts_with("too_many_events: ") && kept.told[0].contains("than 5 events: 3 of"),
        "{:?}",
        kept.told
    );
    assert!(kept.told[1].contains(": 6 of the oldest"), "{:?}", kept.told);
}

#[test]
fn what_a_player_wrote_is_neither_shown_nor_kept() {
    let mut kept = Keeping::new(100);
    let with = [
        ("damage", Value::Int(2)),
        ("weapon", Value::Sym(Sym::new("bow"))),
        ("words", Value::text("secret")),
    ];
    let with: Vec<(Sym, Value)> = with.into_iter().map(|(name, value)| (Sym::new(name), value)).collect();
    let written = Event { with: Some(with.into()), ..event(1, 1, "kill") };
    // Of a kind that does not declare them attributes are none.
    let other = Event { kind: Sym::new("loot"), id: EventId::Position(2), ..written.clone() };
    kept.step(1, vec![needed("now() <= at + INTERVAL '1 minute'"), EventsIn::Events(vec![written, other])]);
    assert_eq!(
        kept.rows.keys().collect::<Vec<_>>(),
        ["test 1 server 1 10 kill ann   1 2 bow", "test 1 server 2 10 loot ann   1  "]
    );
    let kept_bytes: Vec<u8> = kept.base.into_values().flatten().collect();
    assert!(!String::from_utf8_lossy(&kept_bytes).contains("secret"));
    assert!(String::from_utf8_lossy(&kept_bytes).contains("bow"));
}

#[test]
fn events_that_no_view_needs_after_a_start_go_in_its_first_tick() {
    let mut kept = Keeping::new(100);
    let kills = "now() <= at + INTERVAL '50 ms' AND kind = 'kill'";
    kept.step(1, vec![needed(kills), EventsIn::Events(vec![event(1, 1, "kill")])]);
    let mut again = kept.loaded(1, Vec::new());
    assert_eq!((again.rows.len(), again.machine.alarm()), (1, Some(2)));
    again.step(2, Vec::new());
    assert_eq!((again.rows.len(), again.base.len(), again.machine.alarm()), (0, 0, None));
}
