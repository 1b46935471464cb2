//! The tables of the random queries, and rows of them that come and go.

use std::collections::BTreeMap;

use worldflow_operators::messages::ClockNow;
use worldflow_operators::sql::{Column, Kind, Relation, Relations};
use worldflow_schemas::{Sym, Value};

use crate::dice::Dice;

pub(crate) const TICK_MS: u32 = 10;

/// The tables: their columns, of which the first `key` are never NULL and tell rows apart.
pub(crate) const TABLES: [(&str, usize, &[(&str, Kind)]); 3] = [
    (
        "players",
        1,
        &[
            ("player", Kind::Id),
            ("region", Kind::Id),
            ("level", Kind::Int),
            ("gold", Kind::Dec),
            ("title", Kind::Text),
            ("active", Kind::Bool),
            ("since", Kind::Tick),
        ],
    ),
    (
        "kills",
        1,
        &[
            ("number", Kind::Int),
            ("player", Kind::Id),
            ("target", Kind::Id),
            ("amount", Kind::Int),
            ("at", Kind::Time),
            ("world_ms", Kind::World),
        ],
    ),
    ("members", 2, &[("guild", Kind::Id), ("player", Kind::Id), ("rank", Kind::Int), ("share", Kind::Dec)]),
];

pub(crate) fn relations() -> Relations {
    let relation = |(name, key, columns): &(&str, usize, &[(&str, Kind)])| {
        let columns = columns.iter().enumerate().map(|(place, (name, kind))| Column {
            name: (*name).to_owned(),
            kind: *kind,
            nullable: place >= *key,
        });
        ((*name).to_owned(), Relation { name: (*name).to_owned(), columns: columns.collect(), key: *key })
    };
    TABLES.iter().map(relation).collect()
}

/// A value as it is compared: numbers in millionths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cell {
    Null,
    Number(i128),
    Text(String),
}

impl Cell {
    pub(crate) fn of(value: &Value) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Bool(truth) => Cell::Number(i128::from(*truth) * 1_000_000),
            Value::Int(_) | Value::Dec(_) => Cell::Number(value.as_millionths().expect("a number")),
            Value::Sym(_) | Value::Text(_) => Cell::Text(value.as_str().expect("a text").to_owned()),
        }
    }
}

/// A row of a table comes or goes.
pub(crate) type Change = (usize, Vec<Value>, isize);

/// What happens in a tick that is compared.
pub(crate) struct At {
    pub(crate) tick: u64,
    pub(crate) changes: Vec<Change>,
    /// What the world clock says from this tick on.
    pub(crate) clock: Option<ClockNow>,
    world_ms: i64,
}

impl At {
    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.tick).expect("a small tick") * i64::from(TICK_MS)
    }

    pub(crate) fn world_ms(&self) -> i64 {
        self.world_ms
    }
}

/// The rows that are there.
#[derive(Default)]
pub(crate) struct Tables {
    rows: [BTreeMap<Vec<Value>, Vec<Value>>; 3],
    numbers: i64,
}

impl Tables {
    /// Some ticks of changes; in some nothing changes but the time.
    pub(crate) fn history(dice: &mut Dice) -> Vec<At> {
        let (mut tables, mut history) = (Tables::default(), Vec::new());
        let mut tick = 100;
        let mut clock = clock(100, 5_000, 3, false);
        for number in 0..4 + dice.below(4) {
            let told = if number == 0 {
                Some(clock.clone())
            } else if dice.percent(30) {
                // Faster, slower, a jump to and fro, a pause.
                let now = clock.world_ms_at(tick, TICK_MS);
                let jump = [0, 0, 700, -700][dice.below(4)];
                clock = self::clock(
                    tick,
                    now + jump,
                    1 + u32::try_from(dice.below(4)).expect("small"),
                    dice.percent(20),
                );
                Some(clock.clone())
            } else {
                None
            };
            let changes = if dice.percent(20) {
                Vec::new()
            } else {
                tables.changes(tick, clock.world_ms_at(tick, TICK_MS), dice)
            };
            history.push(At { tick, changes, clock: told, world_ms: clock.world_ms_at(tick, TICK_MS) });
            tick += 1 + dice.next() % 40;
        }
        history
    }

    fn changes(&mut self, tick: u64, world_ms: i64, dice: &mut Dice) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..1 + dice.below(14) {
            let table = dice.below(3);
            let known: Vec<Vec<Value>> = self.rows[table].keys().cloned().collect();
            if !known.is_empty() && dice.percent(35) {
                let gone = self.rows[table].remove(dice.pick(&known)).expect("it is known");
                changes.push((table, gone, -1));
                continue;
            }
            let row = self.row(table, tick, world_ms, dice);
            let key = row[..TABLES[table].1].to_vec();
            if let Some(old) = self.rows[table].insert(key, row.clone()) {
                changes.push((table, old, -1));
            }
            changes.push((table, row, 1));
        }
        changes
    }

    fn row(&mut self, table: usize, tick: u64, world_ms: i64, dice: &mut Dice) -> Vec<Value> {
        self.numbers += 1;
        let number = self.numbers;
        let key = TABLES[table].1;
        let columns = TABLES[table].2.iter().enumerate();
        columns
            .map(|(place, (name, kind))| {
                if place >= key && dice.percent(18) {
                    return Value::Null;
                }
                let small = |n: usize| i64::try_from(n).expect("small");
                let sym = |text: &str| Value::Sym(Sym::new(text));
                match *name {
                    "player" => sym(["ana", "bo", "cy", "dee", "eli", "fay"][dice.below(6)]),
                    "region" => sym(["north", "south", "east"][dice.below(3)]),
                    "target" => sym(["wolf", "bear", "north"][dice.below(3)]),
                    "guild" => sym(["oak", "elm", "ash"][dice.below(3)]),
                    "title" => Value::text(
                        ["the Bold", "bear", " of  Elm ", "", "Wolf's bane", "x_%"][dice.below(6)],
                    ),
                    "number" => Value::Int(number),
                    "at" => Value::Int(
                        small(usize::try_from(tick).expect("small")) * 10 + small(dice.below(400)) - 300,
                    ),
                    "world_ms" => Value::Int(world_ms + small(dice.below(900)) - 500),
                    "since" => {
                        Value::Int(small(usize::try_from(tick).expect("small")) - small(dice.below(30)) + 5)
                    }
                    _ => match kind {
                        Kind::Bool => Value::Bool(dice.percent(50)),
                        // Quarters: exact in binary, too.
                        Kind::Dec => Value::Dec((small(dice.below(40)) - 12) * 250_000),
                        _ => Value::Int(small(dice.below(9)) - 2),
                    },
                }
            })
            .collect()
    }
}

fn clock(since: u64, world_ms: i64, scale_world: u32, paused: bool) -> ClockNow {
    ClockNow {
        world_ms,
        fraction: (0, 1),
        since,
        scale_world,
        scale_real: 1,
        paused,
        phase: Sym::new("day"),
        season: Sym::new("spring"),
        moons: Vec::new(),
    }
}
