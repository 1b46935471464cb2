//! Views over the event stream against SQLite: events come and pass, views come, change and go, and at every tick a view shows what
//! SQLite makes of the events that are kept.
//!
//! What is kept is said anew here, from `docs/sql.md`: a list of events that is gone through at every tick. `WORLDFLOW_EVENT_CASES` says
//! how many worlds (60 by default), `WORLDFLOW_SEED` with which to begin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow::graph::WorldGraph;
use worldflow_engine::graph::BuildGraph;
use worldflow_engine::testing::{Plan, Ran, law, run};
use worldflow_engine::workers::{Cut, SealedTick};
use worldflow_operators::sql::{Relations, world_relations};
use worldflow_schemas::definitions::{SqlViewDef, WorldDef};
use worldflow_schemas::input::{Command, DefinitionEdit, PresenceWrite, WriteOrder};
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

use crate::both::Both;
use crate::dice::Dice;
use crate::number;
use crate::rows::Cell;
use crate::sqlite::{Sqlite, literal};

const TICK_MS: i64 = 10;
const UNTIL: Tick = 60;
const KINDS: [&str; 3] = ["kill", "loot", "say"];
const PLAYERS: [&str; 4] = ["ana", "bo", "cy", "dee"];

fn world() -> Arc<WorldDef> {
    let attributes = serde_json::json!({"weapon": "id", "damage": "number", "words": "text"});
    let world = serde_json::json!({
        "name": "stream", "seed": 1, "tick_ms": TICK_MS, "regions": {"moor": {}, "hill": {}},
        "kinds": {"kill": {"attributes": attributes}, "loot": {"attributes": {"weapon": "id"}}, "say": {"attributes": attributes}},
    });
    Arc::new(serde_json::from_value(world).expect("a world"))
}

/// What views of this world, and of the examples of docs/sql.md, can read.
pub(crate) fn relations() -> Relations {
    world_relations(&world().kinds)
}

/// A view: its text, and which events it needs for how long.
#[derive(Clone)]
struct View {
    query: Both,
    /// The kinds it names, or all, and for how many milliseconds.
    needs: Vec<(Vec<&'static str>, i64)>,
}

/// A condition on some events of `table` that bounds them in time.
fn some(dice: &mut Dice, table: &str, needs: &mut Vec<(Vec<&'static str>, i64)>) -> Both {
    let ms = 10 + 5 * i64::try_from(dice.below(50)).expect("small");
    let (moment, theirs) = [("at", "at"), ("tick", "tick * 10")][dice.below(2)];
    let sign = ["<=", "<"][dice.below(2)];
    let bound = Both::of(
        format!("now() {sign} {table}.{moment} + INTERVAL '{ms} ms'"),
        format!("{{NOW}} {sign} {table}.{theirs} + {ms}"),
    );
    let (kinds, named) = match dice.below(4) {
        0 => (KINDS.to_vec(), String::new()),
        1 => (vec!["kill", "loot"], format!(" AND {table}.kind IN ('kill', 'loot')")),
        2 => (vec!["kill", "say"], format!(" AND ({table}.kind = 'say' OR 'kill' = {table}.kind)")),
        _ => (vec!["kill"], format!(" AND {table}.kind = 'kill'")),
    };
    needs.push((kinds, ms));
    Both::joined(&[bound, Both::same(named)], "")
}

fn view(dice: &mut Dice) -> View {
    let mut needs = Vec::new();
    let mut some = |table: &str, dice: &mut Dice| some(dice, table, &mut needs);
    let one = some("e", dice);
    let text = match dice.below(10) {
        0 => "SELECT count(*) AS n, sum(e.amount) AS amount, max(e.at) AS last FROM events AS e WHERE $",
        1 => {
            "SELECT e.kind, count(*) AS n, min(e.amount) AS least, count(DISTINCT e.player) AS players FROM events AS e WHERE $ GROUP BY e.kind"
        }
        2 => {
            "SELECT e.player, e.weapon, sum(e.damage) AS damage FROM events AS e WHERE $ AND e.player IS NOT NULL AND e.weapon IS NOT NULL GROUP BY e.player, e.weapon"
        }
        3 => {
            "SELECT e.tick, e.source, e.id, e.at, e.kind, e.player, e.target, e.region, e.amount, e.weapon, e.damage FROM events AS e WHERE $ AND e.amount > 1"
        }
        4 => {
            "SELECT e.player, count(*) AS n, sum(f.amount) AS amount FROM events AS e JOIN events AS f ON f.player = e.player WHERE $ AND $ AND e.player IS NOT NULL GROUP BY e.player"
        }
        5 => {
            "SELECT r.player, r.n, r.amount FROM (SELECT e.player, e.amount, row_number() OVER (PARTITION BY e.player ORDER BY e.amount DESC, e.tick, e.source, e.id) AS n FROM events AS e WHERE $ AND e.player IS NOT NULL) AS r WHERE r.n <= 2"
        }
        6 => {
            "SELECT p.player, p.region FROM presence AS p WHERE NOT EXISTS (SELECT * FROM events AS e WHERE e.player = p.player AND $)"
        }
        7 => {
            "SELECT p.player, coalesce(c.n, 0) AS n FROM presence AS p LEFT JOIN (SELECT e.player, count(*) AS n FROM events AS e WHERE $ AND e.player IS NOT NULL GROUP BY e.player) AS c ON c.player = p.player"
        }
        8 => {
            "SELECT DISTINCT e.target FROM events AS e WHERE $ AND e.target IS NOT NULL UNION SELECT f.player FROM events AS f WHERE $ AND f.player IS NOT NULL"
        }
        _ => return windows(dice),
    };
    let other = if text.matches('$').count() > 1 { some("f", dice) } else { Both::same("") };
    View { query: Both::filled(text, &[&one, &other]), needs }
}

/// Events by the window that they are in.
fn windows(dice: &mut Dice) -> View {
    let mut needs = Vec::new();
    let one = some(dice, "e", &mut needs);
    let window = Both::of("tumble(e.at, INTERVAL '50 ms')", "(e.at - ((e.at % 50) + 50) % 50)");
    let text = "SELECT $ AS begins, count(*) AS n FROM events AS e WHERE $ GROUP BY 1";
    View { query: Both::filled(text, &[&window, &one]), needs }
}

/// What happens to views at a tick: they become this, or go.
type Edits = BTreeMap<Tick, Vec<(&'static str, Option<View>)>>;

fn edits(dice: &mut Dice) -> Edits {
    let mut edits = Edits::new();
    for name in &["one", "two", "three"][..1 + dice.below(3)] {
        let mut tick = if dice.percent(50) { 1 } else { 2 + dice.next() % 20 };
        for _ in 0..1 + dice.below(3) {
            edits.entry(tick).or_default().push((name, Some(view(dice))));
            tick += 4 + dice.next() % 20;
            if dice.percent(30) {
                edits.entry(tick).or_default().push((name, None));
                tick += 2 + dice.next() % 8;
            }
        }
    }
    edits
}

fn events(dice: &mut Dice) -> Vec<(Tick, Event)> {
    let sym = |one: Option<&&str>| one.map_or(Sym::NONE, |text| Sym::new(text));
    let mut events = Vec::new();
    for number in 0..20 + dice.below(60) {
        let tick = 2 + dice.next() % (UNTIL - 8);
        let late = i64::try_from(dice.below(200)).expect("small") - 30;
        let percent = |dice: &mut Dice, percent, of: &[&'static str]| {
            let one = *dice.pick(of);
            dice.percent(percent).then_some(one)
        };
        let mut with = Vec::new();
        if dice.percent(60) {
            with.push((
                Sym::new("damage"),
                Value::Dec((i64::try_from(dice.below(40)).expect("small") - 12) * 250_000),
            ));
        }
        if dice.percent(60) {
            with.push((Sym::new("weapon"), Value::Sym(Sym::new(["bow", "axe"][dice.below(2)]))));
        }
        if dice.percent(20) {
            with.push((Sym::new("words"), Value::text("what a player wrote")));
        }
        let event = Event {
            at_ms: i64::try_from(tick).expect("small") * TICK_MS - late,
            source: Sym::new(["s1", "s2"][dice.below(2)]),
            id: EventId::Named(format!("e{number:03}").into()),
            player: sym(percent(dice, 80, &PLAYERS).as_ref()),
            kind: Sym::new(KINDS[dice.below(3)]),
            target: sym(percent(dice, 70, &["wolf", "bear"]).as_ref()),
            region: sym(percent(dice, 50, &["moor", "hill"]).as_ref()),
            amount: 1 + i64::try_from(dice.below(4)).expect("small"),
            with: (!with.is_empty()).then(|| with.into()),
        };
        events.push((tick, event));
    }
    events
}

fn at(ticks: &mut BTreeMap<Tick, SealedTick>, tick: Tick) -> &mut SealedTick {
    ticks.entry(tick).or_insert_with(|| SealedTick { tick, ..SealedTick::default() })
}

/// Everything that enters, by ticks.
fn sealed(events: &[(Tick, Event)], edits: &Edits) -> Vec<SealedTick> {
    let mut ticks: BTreeMap<Tick, SealedTick> = BTreeMap::new();
    for (number, player) in (0..).zip(&PLAYERS[..3]) {
        let order = WriteOrder { at_ms: 10, source: "s1".into(), id: EventId::Position(number) };
        let (player, server, region) = (Sym::new(player), Sym::new("s1"), Sym::new("moor"));
        let write = PresenceWrite { order, player, server, region, instance: Sym::NONE };
        at(&mut ticks, 1).commands.push(Command::Presence(write));
    }
    for (tick, event) in events {
        at(&mut ticks, *tick).events.push(event.clone());
    }
    for (tick, edits) in edits {
        for (name, view) in edits {
            let def = view.as_ref().map(|view| {
                Arc::new(SqlViewDef { sql: format!("CREATE VIEW {name} AS {}", view.query.ours) })
            });
            at(&mut ticks, *tick).commands.push(Command::Define(DefinitionEdit::View(Sym::new(name), def)));
        }
    }
    ticks.into_values().collect()
}

/// How long events of a kind are needed, of all views together.
fn needed_ms(views: &BTreeMap<&str, View>, kind: &str) -> Option<i64> {
    let all = views.values().flat_map(|view| &view.needs);
    all.filter(|(kinds, _)| kinds.contains(&kind)).map(|(_, ms)| *ms).max()
}

/// Those of the events that are kept at a tick, which were kept before it or are of it.
fn kept(
    now: Tick,
    before: BTreeSet<usize>,
    events: &[(Tick, Event)],
    views: &BTreeMap<&str, View>,
) -> BTreeSet<usize> {
    let ms = |tick: Tick| i64::try_from(tick).expect("small") * TICK_MS;
    let coming = events.iter().enumerate().filter(|(_, (tick, _))| *tick == now).map(|(place, _)| place);
    let candidates: BTreeSet<usize> = before.into_iter().chain(coming).collect();
    let is_needed = |place: &usize| {
        let (tick, event) = &events[*place];
        // Events of one tick and kind are kept together.
        let like = candidates.iter().map(|other| &events[*other]);
        let like = like.filter(|(other, of)| other == tick && of.kind == event.kind);
        let last = like.map(|(tick, event)| event.at_ms.max(ms(*tick))).max().expect("itself at least");
        needed_ms(views, event.kind.as_str())
            .is_some_and(|for_ms| ms(now) <= (last + for_ms).div_euclid(TICK_MS) * TICK_MS)
    };
    candidates.iter().copied().filter(is_needed).collect()
}

fn insert(sqlite: &mut Sqlite, place: usize, (tick, event): &(Tick, Event)) {
    let attribute = |name: &str| event.attribute(Sym::new(name)).cloned().unwrap_or_default();
    // `loot` declares no damage.
    let damage = if event.kind.as_str() == "loot" { Value::Null } else { attribute("damage") };
    let EventId::Named(id) = &event.id else { unreachable!("all are named") };
    let values = [
        Value::count(*tick),
        Value::id(event.source),
        Value::text(id),
        Value::Int(event.at_ms),
        Value::id(event.kind),
        Value::id(event.player),
        Value::id(event.target),
        Value::id(event.region),
        Value::Int(event.amount),
        attribute("weapon"),
        damage,
    ];
    let values: Vec<String> = values.iter().map(literal).collect();
    sqlite.run(format!("INSERT INTO events VALUES ({place}, {})", values.join(", ")));
}

/// The rows of a view at the end of a tick.
fn shown(ran: &Ran, name: &str, tick: Tick) -> BTreeMap<Vec<Cell>, i64> {
    let mut bag = BTreeMap::new();
    for (view, row, diff) in ran.changes.range(..=tick).flat_map(|(_, changes)| changes) {
        if view.def().name == name {
            let cells: Vec<Cell> = row.iter().skip(1).map(Cell::of).collect();
            // A view of another shape is another view: the rows of the former are gone.
            *bag.entry(cells).or_default() += *diff as i64;
        }
    }
    bag.retain(|_, times| *times != 0);
    bag
}

fn compare(seed: u64, sqlite: &mut Sqlite) -> Result<usize, String> {
    let mut dice = Dice::new(seed ^ 0x000e_7e77);
    let (events, edits) = (events(&mut dice), edits(&mut dice));
    let ticks = sealed(&events, &edits);
    let graph: Arc<dyn BuildGraph> = Arc::new(WorldGraph { realm: Sym::new("stream"), world: world() });
    let workers = [1, 2, 4][usize::try_from(seed % 3).expect("small")];
    let plan = Plan { workers, cut: Cut { items: [1, 3, 4096][dice.below(3)] }, load: None, until: UNTIL };
    let ran = run(&graph, &ticks, &plan);
    if let Some((tick, refused)) = ran.refusals.first() {
        return Err(format!("tick {tick}: {}: {}", refused.code, refused.reason));
    }
    sqlite.run("DELETE FROM events".to_owned());
    let (mut views, mut there, mut compared) = (BTreeMap::new(), BTreeSet::new(), 0);
    for tick in 1..=UNTIL {
        for (name, view) in edits.get(&tick).into_iter().flatten() {
            match view {
                Some(view) => drop(views.insert(*name, view.clone())),
                None => drop(views.remove(name)),
            }
        }
        let now = kept(tick, there.clone(), &events, &views);
        let gone: Vec<String> = there.difference(&now).map(ToString::to_string).collect();
        sqlite.run(format!("DELETE FROM events WHERE place IN ({})", gone.join(", ")));
        now.difference(&there).for_each(|place| insert(sqlite, *place, &events[*place]));
        there = now;
        for name in ["one", "two", "three"] {
            let now_ms = i64::try_from(tick).expect("small") * TICK_MS;
            let theirs = match views.get(name) {
                Some(view) => sqlite.rows(&view.query.theirs_at(now_ms, 0))?,
                None => BTreeMap::new(),
            };
            compared += theirs.len();
            let ours = shown(&ran, name, tick);
            if ours != theirs {
                let text = views.get(name).map_or("nothing", |view| &view.query.ours);
                return Err(format!(
                    "tick {tick}, {workers} workers, `{name}` is {text}\n  ours {ours:?}\n  theirs {theirs:?}"
                ));
            }
        }
    }
    if seed.is_multiple_of(4) {
        let snapshots = (0..3).map(|_| 1 + dice.next() % (UNTIL - 1)).collect::<Vec<_>>();
        law(&graph, &ticks, &plan, snapshots).map_err(|broken| broken.to_string())?;
    }
    Ok(compared)
}

#[test]
fn views_over_events_are_what_sqlite_makes_of_those_that_are_kept() {
    let (first, cases) = (number("WORLDFLOW_SEED", 1), number("WORLDFLOW_EVENT_CASES", 60));
    let mut sqlite = Sqlite::empty();
    sqlite.run(
        "CREATE TABLE events (place, tick, source, id, at, kind, player, target, region, amount, weapon, damage);
         CREATE TABLE presence (player, region);
         INSERT INTO presence VALUES ('ana', 'moor'), ('bo', 'moor'), ('cy', 'moor')"
            .to_owned(),
    );
    let mut compared = 0;
    for seed in first..first + cases {
        match compare(seed, &mut sqlite) {
            Ok(rows) => compared += rows,
            Err(why) => panic!("WORLDFLOW_SEED={seed}\n{why}"),
        }
    }
    let least = usize::try_from(cases).expect("few") * 50;
    assert!(compared >= least, "only {compared} rows have been compared");
}
