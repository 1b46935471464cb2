//! The world `chronicle`: what `traces_near` finds around players, against looking at every event for every player.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use worldflow::world::Folder;
use worldflow_schemas::{Tick, chance};

use crate::broker::{at, rows_of};
use crate::script::Golden;

const REGIONS: [&str; 2] = ["red_field", "old_road"];
const WHAT: [&str; 5] = ["fight", "settle", "depart", "kill", "step"];

/// Where something is, in half metres.
#[derive(Clone, Copy)]
struct Spot {
    region: usize,
    x: i64,
    y: i64,
}

impl Spot {
    fn is_near(self, other: Spot) -> bool {
        let (x, y) = (self.x - other.x, self.y - other.y);
        self.region == other.region && x * x + y * y <= 60 * 60
    }
}

fn halves(n: i64) -> String {
    format!("{}{}.{}", if n < 0 { "-" } else { "" }, n.abs() / 2, n.abs() % 2 * 5)
}

#[test]
fn what_is_near_is_what_a_look_at_everything_finds() {
    let folder = Folder::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/chronicle"));
    let folder = folder.expect("the world is there");
    let files = folder.files.iter().filter(|(path, _)| !path.starts_with("tests/"));
    let files = files.map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).expect("text")));

    let draw = |key: &str, n: u64, below: u64| {
        i64::try_from(chance::below(21, "test", &format!("{key}{n}"), 1, below)).expect("small")
    };
    let place = |list: usize| u64::try_from(list).expect("small");
    let (mut script, mut happens) = (String::new(), BTreeMap::<Tick, Vec<_>>::new());
    for n in 0..160 {
        let tick = 3 + n;
        let what = WHAT[usize::try_from(draw("what", n, place(WHAT.len()))).expect("small")];
        let region = usize::try_from(draw("region", n, place(REGIONS.len()))).expect("small");
        let spot = Spot { region, x: draw("x", n, 200) - 40, y: draw("y", n, 120) - 20 };
        let player = draw("player", n, 4);
        // Some say no place at all.
        let with = if draw("none", n, 9) == 0 {
            String::new()
        } else {
            happens.entry(tick).or_default().push((n, what, player, spot));
            format!(" x={} y={}", halves(spot.x), halves(spot.y))
        };
        let _ = writeln!(script, "{tick} event {what} player=p{player} region={}{with}", REGIONS[region]);
    }
    let files: Vec<_> = files.collect();
    let golden = Golden::new(&files, &script);
    // An hour later nobody is known to stand anywhere.
    let end = 163 + 36_001;
    let _ = writeln!(script, "{end} wait");
    let found = rows_of(&Golden::new(&files, &script).run(), "traces_near");

    let (mut stand, mut traces, mut most) = (BTreeMap::new(), Vec::new(), 0);
    for tick in 3..163 {
        for (n, what, player, spot) in happens.remove(&tick).unwrap_or_default() {
            if what == "step" {
                stand.insert(player, spot);
            } else {
                traces.push((n, what, spot));
            }
        }
        let near = |spot: Spot| traces.iter().filter(move |(.., trace)| trace.is_near(spot));
        let wanted: BTreeSet<(String, String, &str)> = (stand.iter())
            .flat_map(|(player, spot)| {
                let row = move |(_, what, trace): &(u64, &'static str, Spot)| {
                    let at = format!("{} {}", halves(trace.x), halves(trace.y));
                    (format!("p{player}"), at, *what)
                };
                near(*spot).map(row)
            })
            .collect();
        most = most.max(wanted.len());
        let rows = at(&found, tick);
        let shown: BTreeSet<(String, String, &str)> = (rows.iter())
            .map(|row| {
                let what = WHAT.into_iter().find(|what| *what == row[3]).expect("what happens");
                (row[0].clone(), format!("{} {}", with_half(&row[4]), with_half(&row[5])), what)
            })
            .collect();
        assert_eq!(shown, wanted, "at {tick}");
    }
    assert!(most > 10, "at most {most} traces near anybody");
    assert!(at(&found, end).is_empty(), "nobody has stepped for an hour");
    golden.check_laws_at(&[100, 162]);
}

/// A decimal with one place behind the point.
fn with_half(text: &str) -> String {
    if text.contains('.') { text.to_owned() } else { format!("{text}.0") }
}
