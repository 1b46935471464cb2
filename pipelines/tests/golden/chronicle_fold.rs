//! What the world `chronicle` remembers, against a fold of all that was sent: random scripts go into a realm, and what each view of
//! memory shows is what docs/chronicle.md makes of the whole log, from its beginning. Nothing here knows the views' SQL.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use worldflow::graph::graphs;
use worldflow::open::definition_items;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::dedupe::DedupeConfig;
use worldflow_engine::journal::JournalConfig;
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::snapshot::SnapshotConfig;
use worldflow_engine::testing::setting;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::{Event, EventId, Input, Sym, Tick, Value, chance};

const TICK_MS: i64 = 100;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The first tick. Forty days after 1970 what is long past has a time, too.
const BEGINS: Tick = 34_560_000;
const PLAYERS: [&str; 4] = ["ana", "bo", "cy", "di"];
const FAMILIES: [&str; 3] = ["carrion_kin", "moon_clans", "stitch_guild"];
const WHO_SPEAKS: [&str; 3] = ["osric", "wenna", "teller"];

type Rows = BTreeSet<Vec<String>>;

/// Something that is sent.
#[derive(Clone, Debug)]
struct Sent {
    tick: Tick,
    at_ms: i64,
    source: &'static str,
    id: String,
    kind: &'static str,
    player: &'static str,
    target: &'static str,
    amount: i64,
    about: &'static str,
}

impl Sent {
    fn item(&self) -> Item {
        let id = EventId::Named(self.id.as_str().into());
        let about = (Sym::new("about"), Value::id(Sym::new(self.about)));
        let event = Event {
            at_ms: self.at_ms,
            source: self.source.into(),
            id: id.clone(),
            player: Sym::new(self.player),
            kind: Sym::new(self.kind),
            target: Sym::new(self.target),
            region: Sym::NONE,
            amount: self.amount,
            with: (!self.about.is_empty()).then(|| vec![about].into()),
        };
        Item { id, input: Input::Event(event), most_per_s: None }
    }
}

/// What is drawn of a seed, one after the other: the seed, and how much has been drawn.
struct Draws(u64, u64);

impl Draws {
    fn below(&mut self, bound: i64) -> i64 {
        self.1 += 1;
        let bound = u64::try_from(bound).expect("a bound is not negative");
        i64::try_from(chance::below(self.0, "chronicle", "fold", self.1, bound)).expect("small")
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        let place = self.below(i64::try_from(list.len()).expect("short"));
        list[usize::try_from(place).expect("not negative")].clone()
    }

    /// How many ticks after what was sent before: mostly none, sometimes those of days.
    fn pause(&mut self) -> u64 {
        let ms = match self.below(64) {
            0..58 => 0,
            58 => TICK_MS * (1 + self.below(2)),
            59 => self.below(HOUR / 3),
            60..63 => HOUR * (1 + self.below(2)),
            _ => self.below(12 * DAY),
        };
        (ms / TICK_MS).unsigned_abs()
    }

    /// When it happened, of what is sent at a time: mostly then, and never more than a minute later.
    fn at_ms(&mut self, now_ms: i64) -> i64 {
        match self.below(12) {
            0 | 1 => now_ms - 2 * HOUR * (1 + self.below(4)),
            2 => now_ms - 30 * DAY + HOUR * (self.below(4) - 1),
            3 => now_ms + self.of(&[-99, -30, 1, 59_000]),
            _ => now_ms,
        }
    }

    fn what(&mut self, tick: Tick, n: u64, players: &[&'static str], kinds: &[&'static str]) -> Sent {
        let kind = self.of(kinds);
        let (targets, amounts): (&[&str], &[i64]) = match kind {
            "decide" => (&["stay", "go", "burn_the_bridge", "osric", ""], &[1, 1, 2, 3, 4, 7, 8, 10]),
            "favor" | "debt" => (&["moon_clans", "stitch_guild", "well", "osric", ""], &[1, 2, 5, 10]),
            "betray" => (&["moon_clans", "stitch_guild", "well", "osric", ""], &[1, 2, 3, 4, 8]),
            "befriend" | "quarrel" => (&["osric", "wenna", "moon_clans", ""], &[1, 2, 4, 8, 30, 60, 100]),
            "talk" => (&["osric", "osric", "osric", "wenna", "hound", "moon_clans", "teller", ""], &[1, 7]),
            _ => (&["osric", "wenna", "hound", ""], &[1, 2, 3, 4, 7, 8, 10]),
        };
        Sent {
            tick,
            at_ms: self.at_ms(ms(tick)),
            source: self.of(&["east", "east", "west"]),
            // Two sources may give the same id.
            id: format!("e{}", n - n % 2),
            kind,
            player: self.of(players),
            target: self.of(targets),
            amount: self.of(amounts),
            about: if kind == "decide" { self.of(&["", "osric", "wenna"]) } else { "" },
        }
    }
}

fn ms(tick: Tick) -> i64 {
    i64::try_from(tick).expect("ticks of a script are small") * TICK_MS
}

/// What is sent, in its order, of one player or of several, and of nobody.
fn script(seed: u64) -> Vec<Sent> {
    let mut draws = Draws(seed, 0);
    let players = ["ana", "ana", "ana", "ana", "", "bo", "cy", "di"];
    let players = &players[..draws.of(&[5, 6, 7, 8])];
    let kinds = draws.of(&[
        "decide spare harm befriend quarrel favor debt betray talk talk act die",
        "decide spare harm befriend quarrel betray talk",
        "decide decide decide talk spare",
        "talk talk talk harm befriend",
    ]);
    let kinds: Vec<&str> = kinds.split(' ').collect();
    let (mut tick, mut sent) = (BEGINS + 1, Vec::<Sent>::new());
    for n in 0..draws.of(&[20, 100, 200, 300]) {
        tick += draws.pause();
        if draws.below(8) == 0 && !sent.is_empty() {
            // Sent again, a word of it changed or not: it is the first of its id that counts.
            let first = draws.of(&sent);
            sent.push(Sent { tick, amount: draws.of(&[first.amount, 5]), ..first });
        }
        sent.push(draws.what(tick, n, players, &kinds));
    }
    sent
}

/// The ticks at which something is sent, some of those after it is forgotten, and the end.
fn ticks(sent: &[Sent]) -> Vec<Tick> {
    let end = sent.last().expect("something is sent").tick + 3;
    let forgotten = |what: &Sent| Tick::try_from((what.at_ms + 30 * DAY) / TICK_MS).expect("after 1970");
    let some = sent.iter().step_by(8);
    let some = some.flat_map(|what| [what.tick + 1, forgotten(what) + 1, forgotten(what) + 2]);
    let all = sent.iter().map(|what| what.tick).chain(some.filter(|tick| (BEGINS..end).contains(tick)));
    all.chain([end]).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The rows of each view of memory at the end of a tick. Of what is sent with one id the first counts.
fn fold(sent: &[Sent], tick: Tick) -> BTreeMap<&'static str, Rows> {
    let mut ids = BTreeSet::new();
    let counted = sent.iter().filter(|what| what.tick <= tick && ids.insert((what.source, &what.id)));
    let all: Vec<&Sent> = counted.filter(|what| !what.player.is_empty()).collect();
    let kept: Vec<&Sent> = all.iter().copied().filter(|what| ms(tick) <= what.at_ms + 30 * DAY).collect();
    BTreeMap::from([
        ("decisions", decisions(&kept)),
        ("memories", memories(&kept)),
        ("relations", relations(&kept)),
        ("standing", standing(&kept)),
        ("turns", turns(&all, tick)),
        ("facts", leanings(&all, tick)),
    ])
}

fn row(columns: &[&dyn ToString]) -> Vec<String> {
    columns.iter().map(|column| column.to_string()).collect()
}

/// The last twenty of each player, the newest first.
fn decisions(kept: &[&Sent]) -> Rows {
    let mut rows = Rows::new();
    for player in PLAYERS {
        let is_theirs = |what: &&&Sent| what.player == player && what.kind == "decide";
        let mut theirs: Vec<_> = kept.iter().filter(is_theirs).collect();
        theirs.sort_by_key(|what| (Reverse(what.at_ms), &what.id, what.source));
        for (n, what) in (1..=20).zip(theirs) {
            rows.insert(row(&[&player, &n, &what.target, &what.about, &what.amount, &what.at_ms]));
        }
    }
    rows
}

/// The best eight of what a player has done, for each to whom they have talked.
fn memories(kept: &[&Sent]) -> Rows {
    let mut rows = Rows::new();
    let talks = kept.iter().filter(|what| what.kind == "talk" && !what.target.is_empty());
    let met: BTreeSet<_> = talks.map(|talk| (talk.player, talk.target)).collect();
    for (player, npc) in met {
        let mut theirs = Vec::new();
        for what in kept.iter().filter(|what| what.player == player) {
            let did = match what.kind {
                "decide" => "chose",
                "spare" => "spared",
                "harm" => "harmed",
                "befriend" => "was kind to",
                "quarrel" => "quarrelled with",
                "betray" => "betrayed",
                _ => continue,
            };
            let matters: i64 = [2, 4, 8].iter().map(|from| i64::from(what.amount >= *from)).sum();
            let worth = what.at_ms + 2 * HOUR * (matters + i64::from(what.target == npc));
            theirs.push(((Reverse(worth), &what.id, what.source), *what, did));
        }
        theirs.sort_by_key(|(order, ..)| *order);
        for (n, (_, what, did)) in (1..=8).zip(theirs) {
            let about = if what.target.is_empty() { "nobody" } else { what.target };
            let text = format!("{did} {}", if about == npc { "you" } else { about });
            rows.insert(row(&[&player, &npc, &n, &what.kind, &about, &what.at_ms, &text]));
        }
    }
    rows
}

/// What was done for somebody less what was done against them.
fn relations(kept: &[&Sent]) -> Rows {
    let mut regard = BTreeMap::<_, i64>::new();
    let counts = |what: &&&Sent| ["befriend", "quarrel"].contains(&what.kind) && !what.target.is_empty();
    for what in kept.iter().filter(counts) {
        let by = if what.kind == "befriend" { what.amount } else { -what.amount };
        *regard.entry((what.player, what.target)).or_default() += by;
    }
    regard.iter().map(|((player, npc), regard)| row(&[player, npc, &regard.clamp(&-100, &100)])).collect()
}

/// Favors, debts and betrayals of families, and what they come to.
fn standing(kept: &[&Sent]) -> Rows {
    let mut done = BTreeMap::<_, [i64; 3]>::new();
    for what in kept.iter().filter(|what| FAMILIES.contains(&what.target)) {
        if let Some(place) = ["favor", "debt", "betray"].iter().position(|kind| *kind == what.kind) {
            done.entry((what.player, what.target)).or_default()[place] += what.amount;
        }
    }
    let mut rows = Rows::new();
    for ((player, family), [favors, debts, betrayals]) in done {
        let standing = (5 * favors - 3 * debts - 40 * betrayals).clamp(-100, 100);
        rows.insert(row(&[&player, &family, &favors, &debts, &betrayals, &standing]));
    }
    rows
}

/// The last twenty turns of each conversation, the newest first. Who speaks answers at once.
fn turns(all: &[&Sent], tick: Tick) -> Rows {
    let mut said = BTreeMap::<_, Vec<(Reverse<Tick>, &str)>>::new();
    for talk in all.iter().filter(|what| what.kind == "talk" && !what.target.is_empty()) {
        let turns = said.entry((talk.player, talk.target)).or_default();
        let answers = WHO_SPEAKS.contains(&talk.target).then_some(("npc", ms(talk.tick)));
        for (speaker, at_ms) in [("player", talk.at_ms)].into_iter().chain(answers) {
            if ms(tick) <= at_ms + 30 * DAY {
                turns.push((Reverse(talk.tick), speaker));
            }
        }
    }
    let mut rows = Rows::new();
    for ((player, npc), mut turns) in said {
        turns.sort_unstable();
        for (n, (Reverse(tick), speaker)) in (1..=20).zip(turns) {
            rows.insert(row(&[&player, &npc, &n, &speaker, &tick]));
        }
    }
    rows
}

/// What players lean to, of all that they have ever done: a tick after a deed, and within its bounds in the tick after that.
fn leanings(all: &[&Sent], tick: Tick) -> Rows {
    let mut rows = Rows::new();
    for player in PLAYERS {
        let mut changes = BTreeMap::<Tick, i64>::new();
        let is_theirs = |what: &&&Sent| what.player == player && ["spare", "harm"].contains(&what.kind);
        for what in all.iter().filter(is_theirs) {
            let by = if what.kind == "spare" { what.amount } else { -what.amount };
            *changes.entry(what.tick + 1).or_default() += by * 50_000;
            changes.entry(what.tick + 2).or_default();
        }
        let mut leaning = 0;
        for (_, by) in changes.range(..=tick) {
            let bounds = if i64::abs(leaning) > 1_000_000 { 1_000_000 } else { i64::MAX };
            leaning = (leaning + by).clamp(-bounds, bounds);
        }
        rows.extend((leaning != 0).then(|| row(&[&player, &"leaning", &Value::Dec(leaning)])));
    }
    rows
}

/// The world with another object than families, and without what nobody looks at here and what would change all the time: weather
/// and hours that last a minute.
fn world() -> LoadedWorld {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/chronicle"));
    let mut folder = Folder::read(folder).expect("the world is there");
    for (file, from, to) in [
        ("world.yaml", "zones:\n  lowland: {climate: lowland}\n", ""),
        ("world.yaml", "{zone: lowland}", "{}"),
        ("world.yaml", "real_seconds_per_hour: 60", "real_seconds_per_hour: 86400"),
        ("rules/places.yaml", "  when: {weather: {kind: rain}}\n", ""),
        ("rules/places.yaml", "  when: {weather: {kind: storm}}\n", ""),
        ("entities.yaml", "carrion_kin:", "well: {kind: object}\ncarrion_kin:"),
    ] {
        let text = folder.files.get_mut(file).expect("the world has it");
        let changed = String::from_utf8(text.clone()).expect("text").replace(from, to);
        assert_ne!(changed.as_bytes(), text.as_slice(), "{file}: {from}");
        *text = changed.into_bytes();
    }
    LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}"))
}

/// A realm, opened or opened again. Where it has left no snapshot at its end it goes by its journal.
async fn opened(world: &LoadedWorld, folder: &Path, seed: u64) -> RunningRealm {
    let name = Sym::new("golden");
    let config = RealmConfig {
        folder: Some(folder.to_owned()),
        workers: if seed % 8 < 2 { 2 } else { 1 },
        mode: Mode::Manual { start: BEGINS },
        dedupe: DedupeConfig { window_ms: 1 << 40, ..DedupeConfig::default() },
        journal: JournalConfig { sync: false, ..JournalConfig::default() },
        snapshots: SnapshotConfig { at_close: seed.is_multiple_of(4), ..SnapshotConfig::default() },
        ..RealmConfig::in_memory(name, Arc::clone(&world.world))
    };
    open(config, graphs(name)).await.expect("it opens")
}

async fn submit(running: &RunningRealm, source: &str, items: Vec<Item>) {
    let batch = Batch { source: Sym::new(source), items, watermark_ms: None, reply: None, reached: None };
    running.realm.admission.submit(batch).await.expect("it runs");
}

fn shown(running: &RunningRealm, view: &str) -> Rows {
    let views = &running.realm.views;
    let stored = views.get(views.catalog().view(view).expect("the world has it")).expect("it is shown");
    let all = Filter::all();
    let rows = stored.rows(&all).map(|row| row.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>());
    if view == "facts" {
        return rows.filter(|row| row[2] == "leaning").map(|row| row[1..4].to_vec()).collect();
    }
    rows.collect()
}

/// Where a realm shows something else than the fold does.
fn difference(sent: &[Sent], tick: Tick, running: &RunningRealm) -> Option<String> {
    fold(sent, tick).into_iter().find_map(|(view, folded)| {
        let shown = shown(running, view);
        let missing = folded.difference(&shown).map(|row| format!("\n- {}", row.join("  ")));
        let unexpected = shown.difference(&folded).map(|row| format!("\n+ {}", row.join("  ")));
        let lines: String = missing.chain(unexpected).collect();
        (!lines.is_empty()).then(|| format!("`{view}` at {tick}{lines}"))
    })
}

#[tokio::test]
async fn what_is_remembered_is_a_fold_of_all_that_was_sent() {
    let world = world();
    let mut full = BTreeMap::<&str, u64>::new();
    let cases = setting("WORLDFLOW_CHRONICLES", 60);
    for seed in 0..cases {
        let sent = script(seed);
        let check = |running: &RunningRealm, tick: Tick, when: &str| {
            let difference = difference(&sent, tick, running).unwrap_or_default();
            assert!(difference.is_empty(), "seed {seed}, {when}: {difference}\n{sent:#?}");
        };
        let ticks = ticks(&sent);
        let folder = tempfile::tempdir().expect("a folder");
        let mut running = opened(&world, folder.path(), seed).await;
        submit(&running, "world", definition_items(&world, 0)).await;
        running.advance(ticks[0] - BEGINS).await.expect("it runs");
        for (n, (tick, next)) in ticks.iter().zip(&ticks[1..]).enumerate() {
            for what in sent.iter().filter(|what| what.tick == *tick) {
                submit(&running, what.source, vec![what.item()]).await;
            }
            // What is shown is looked at right before something else happens.
            running.advance(next - tick).await.expect("it runs");
            check(&running, next - 1, "as it runs");
            if seed.is_multiple_of(2) && n == ticks.len() / 2 {
                running.close().await.expect("it closes");
                running = opened(&world, folder.path(), seed).await;
                check(&running, next - 1, "after a restart");
            }
            for (view, most) in [("decisions", "20"), ("memories", "8"), ("turns", "20")] {
                let is_full = shown(&running, view).iter().any(|row| row[1] == most || row[2] == most);
                *full.entry(view).or_default() += u64::from(is_full);
            }
        }
        running.close().await.expect("it closes");
    }
    assert!(full.values().all(|looks| *looks > cases), "nobody has more than is kept: {full:?}");
}
