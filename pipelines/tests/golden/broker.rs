//! The world `broker` against the formulas of docs/broker.md: worked out here in whole millionths from random events, tick by tick.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use worldflow::world::Folder;
use worldflow_engine::testing::Ran;
use worldflow_schemas::{Tick, Value, chance};

use crate::script::Golden;

const FACTIONS: [(&str, i64); 8] = [
    ("carrion_kin", 18),
    ("chatter_swarm", 12),
    ("leviathan_conclave", 30),
    ("moon_clans", 22),
    ("obsidian_synod", 26),
    ("silent_court", 16),
    ("stitch_guild", 24),
    ("vampiric_houses", 28),
];
const REGIONS: [&str; 4] = ["bone_market", "harbour", "old_hospital", "undercity"];
/// Base price, volatility and demand, in millionths.
const RESOURCES: [(&str, i64, i64, i64); 6] = [
    ("energy", 100_000_000, 150_000, 800_000),
    ("food", 30_000_000, 80_000, 1_000_000),
    ("luxury", 300_000_000, 250_000, 400_000),
    ("materials", 50_000_000, 120_000, 900_000),
    ("medicine", 150_000_000, 100_000, 700_000),
    ("technology", 200_000_000, 200_000, 600_000),
];
const ONE: i64 = 1_000_000;

fn broker(script: &str) -> Golden {
    let folder = Folder::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/broker"))
        .expect("the world is there");
    let files = folder.files.iter().filter(|(path, _)| !path.starts_with("tests/"));
    let files = files.map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).expect("text")));
    Golden::new(&files.collect::<Vec<_>>(), script)
}

/// The rows of a view at the end of every tick in which any of them changed, as texts by column.
pub(crate) fn rows_of(ran: &Ran, view: &str) -> BTreeMap<Tick, BTreeSet<Vec<String>>> {
    let (mut now, mut all) = (BTreeSet::new(), BTreeMap::new());
    for (tick, changes) in &ran.changes {
        let mut changed = false;
        let of_view = || changes.iter().filter(|(of, ..)| of.def().name == view);
        let text = |row: &[Value]| row[1..].iter().map(ToString::to_string).collect::<Vec<_>>();
        for (_, row, _) in of_view().filter(|(.., diff)| *diff < 0) {
            changed |= now.remove(&text(row));
        }
        for (_, row, _) in of_view().filter(|(.., diff)| *diff > 0) {
            changed |= now.insert(text(row));
        }
        if changed {
            all.insert(*tick, now.clone());
        }
    }
    all
}

pub(crate) fn at<T: Default + Clone>(all: &BTreeMap<Tick, T>, tick: Tick) -> T {
    all.range(..=tick).next_back().map(|(_, rows)| rows.clone()).unwrap_or_default()
}

fn set(rows: impl IntoIterator<Item = Vec<String>>) -> BTreeSet<Vec<String>> {
    rows.into_iter().collect()
}

fn dec(millionths: i64) -> String {
    Value::Dec(millionths).to_string()
}

/// A product or quotient of millionths, halves away from zero.
fn rounded(numerator: i128, denominator: i128) -> i64 {
    let (sign, size) = (numerator.signum() * denominator.signum(), denominator.abs());
    i64::try_from(sign * ((numerator.abs() * 2 + size) / (size * 2))).expect("small")
}

fn times(a: i64, b: i64) -> i64 {
    rounded(i128::from(a) * i128::from(b), i128::from(ONE))
}

fn over(a: i64, b: i64) -> i64 {
    rounded(i128::from(a) * i128::from(ONE), i128::from(b))
}

/// Relations, people and owners.
#[derive(Default)]
struct City {
    toward: BTreeMap<(usize, usize), i64>,
    npcs: BTreeMap<(usize, usize), i64>,
    owners: BTreeMap<usize, usize>,
}

impl City {
    fn relation(&self, a: usize, b: usize) -> i64 {
        let toward = |a, b| self.toward.get(&(a, b)).copied().unwrap_or(0);
        (toward(a, b) + toward(b, a)).clamp(-ONE, ONE)
    }

    fn people(&self, region: usize, faction: usize) -> i64 {
        self.npcs.get(&(region, faction)).copied().unwrap_or(0).max(0)
    }

    /// min(1, base/100 + 0.1 territories + 0.05 relations + 0.02 people), all people being of level 1.
    fn power(&self, faction: usize) -> i64 {
        let territories =
            i64::try_from(self.owners.values().filter(|owner| **owner == faction).count()).expect("few");
        let relations: i64 = (0..FACTIONS.len())
            .filter(|other| *other != faction)
            .map(|other| self.relation(faction, other))
            .sum();
        let people: i64 = (0..REGIONS.len()).map(|region| self.people(region, faction)).sum();
        (FACTIONS[faction].1 * 10_000 + territories * 100_000 + relations / 20 + people * 20_000).min(ONE)
    }

    /// Power, min(0.01 people here, 0.3), and 0.2 of the owner.
    fn strength(&self, region: usize, faction: usize) -> i64 {
        let owned = if self.owners.get(&region) == Some(&faction) { 200_000 } else { 0 };
        self.power(faction) + (self.people(region, faction) * 10_000).min(300_000) + owned
    }

    /// Who takes a region.
    fn takes(&self, region: usize) -> Option<usize> {
        let owner = self.owners.get(&region).copied();
        let others = (0..FACTIONS.len()).filter(|faction| Some(*faction) != owner);
        let first = others.max_by_key(|faction| {
            (self.strength(region, *faction), std::cmp::Reverse(FACTIONS[*faction].0))
        })?;
        let needed = owner.map_or(300_000, |owner| self.strength(region, owner) + 100_000);
        (self.strength(region, first) > needed).then_some(first)
    }
}

#[test]
fn power_relations_and_territory_follow_the_formulas() {
    let (mut city, mut script) = (City::default(), String::new());
    let mut drawn = 0;
    let mut below = |bound: u64| {
        drawn += 1;
        usize::try_from(chance::below(5, "broker", "factions", drawn, bound)).expect("small")
    };
    for (n, (faction, _)) in FACTIONS.iter().enumerate() {
        let _ = writeln!(script, "2 member p{n} guild {faction}");
    }
    // What happens in each tick acts upon facts in the next, and what is taken in one has another owner in the next.
    let mut happens: BTreeMap<Tick, Vec<(usize, usize, usize, i64)>> = BTreeMap::new();
    for step in 0..150 {
        let (tick, faction, region) = (4 + step * 2, below(8), below(4));
        let other = (faction + 1 + below(7)) % 8;
        let verb = below(7);
        let amount = i64::try_from(1 + below(20)).expect("small");
        let _ = match verb {
            0 => writeln!(script, "{tick} event negotiate player=p{faction} target={}", FACTIONS[other].0),
            1 => writeln!(script, "{tick} event declare_war player=p{faction} target={}", FACTIONS[other].0),
            2 => {
                writeln!(script, "{tick} event form_alliance player=p{faction} target={}", FACTIONS[other].0)
            }
            3 | 4 => writeln!(
                script,
                "{tick} event settle target={} region={} amount={amount}",
                FACTIONS[faction].0, REGIONS[region]
            ),
            _ => writeln!(
                script,
                "{tick} event desert target={} region={} amount={amount}",
                FACTIONS[faction].0, REGIONS[region]
            ),
        };
        let what = if verb < 3 { other } else { region };
        happens.entry(tick + 1).or_default().push((verb, faction, what, amount));
    }
    let until = 320;
    let _ = writeln!(script, "{until} wait");
    let golden = broker(&script);
    let ran = golden.run();
    let views =
        ["factions", "strengths", "relations", "conflicts", "takeovers"].map(|view| rows_of(&ran, view));
    let (mut taken, mut seen_takeovers, mut seen_conflicts) = (Vec::new(), 0, 0);
    for tick in 2..=until {
        for (region, faction) in std::mem::take(&mut taken) {
            city.owners.insert(region, faction);
        }
        for (verb, faction, what, amount) in happens.remove(&tick).unwrap_or_default() {
            match verb {
                0 => *city.toward.entry((faction, what)).or_default() += 200_000,
                1 => *city.toward.entry((faction, what)).or_default() -= 300_000,
                2 => *city.toward.entry((faction, what)).or_default() += 500_000,
                3 | 4 => *city.npcs.entry((what, faction)).or_default() += amount,
                _ => *city.npcs.entry((what, faction)).or_default() -= amount,
            }
        }
        taken.extend((0..REGIONS.len()).filter_map(|region| Some((region, city.takes(region)?))));
        seen_takeovers += taken.len();
        let column = |view: usize, columns: &[usize]| -> BTreeSet<Vec<String>> {
            at(&views[view], tick)
                .iter()
                .map(|row| columns.iter().map(|column| row[*column].clone()).collect())
                .collect()
        };
        let all = 0..FACTIONS.len();
        let power = |f: usize| vec![FACTIONS[f].0.to_owned(), dec(city.power(f))];
        assert_eq!(column(0, &[0, 1]), set(all.clone().map(power)), "power at {tick}");
        let strength = |r: usize, f: usize| {
            vec![REGIONS[r].to_owned(), FACTIONS[f].0.to_owned(), dec(city.strength(r, f))]
        };
        let strengths =
            (0..REGIONS.len()).flat_map(|r| all.clone().map(move |f| (r, f))).map(|(r, f)| strength(r, f));
        assert_eq!(column(1, &[0, 1, 2]), set(strengths), "strengths at {tick}");
        let at_war = |a: usize, b: usize| a < b && city.relation(a, b) < -500_000;
        let pairs = || all.clone().flat_map(|a| (0..FACTIONS.len()).map(move |b| (a, b)));
        let conflicts = pairs().filter(|(a, b)| at_war(*a, *b));
        let conflicts: BTreeSet<_> = conflicts
            .map(|(a, b)| vec![FACTIONS[a].0.to_owned(), FACTIONS[b].0.to_owned(), dec(city.relation(a, b))])
            .collect();
        seen_conflicts += conflicts.len();
        assert_eq!(column(3, &[0, 1, 2]), conflicts, "conflicts at {tick}");
        let takes = taken.iter().map(|(r, f)| vec![REGIONS[*r].to_owned(), FACTIONS[*f].0.to_owned()]);
        assert_eq!(column(4, &[0, 1]), set(takes), "takeovers at {tick}");
        for row in at(&views[2], tick) {
            let find =
                |name: &str| FACTIONS.iter().position(|(faction, _)| *faction == name).expect("a faction");
            assert_eq!(row[2], dec(city.relation(find(&row[0]), find(&row[1]))), "{row:?} at {tick}");
        }
    }
    assert!(
        seen_takeovers > 5 && seen_conflicts > 8,
        "{seen_takeovers} takeovers, {seen_conflicts} conflicts"
    );
    golden.check_laws_at(&[3, 50, 51, 200]);
}

const AREAS: [&str; 5] = ["economic", "natural", "political", "social", "technological"];

/// What the impact on which area does to a price, in millionths of it.
fn of_price(resource: &str) -> (&'static str, i64) {
    match resource {
        "energy" => ("technological", -100_000),
        "technology" => ("technological", -200_000),
        "luxury" => ("social", -300_000),
        "medicine" => ("natural", 300_000),
        _ => ("natural", 200_000),
    }
}

/// What all world events together do to a price: of each half its intensity, 1.2 times for its own area and 0.8 times for others.
fn effect(facts: &BTreeSet<Vec<String>>, resource: &str) -> i64 {
    let (area, weight) = of_price(resource);
    let lasting = AREAS.iter().filter_map(|of| {
        let row = facts.iter().find(|row| row[0] == "realm" && row[2] == format!("event_{of}"))?;
        let factor = if *of == area { 1_200_000 } else { 800_000 };
        Some(times(times(millionths(&row[3]), ONE / 2), factor))
    });
    times(weight, lasting.sum())
}

/// The millionths of a decimal between 0 and 1.
fn millionths(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<6}").parse().expect("a decimal")
}

#[test]
fn prices_follow_chance_demand_and_events_within_their_bounds() {
    let hours = 120;
    // A world hour is a real minute, 600 ticks of 100 ms; the world begins at 07:00 with tick 1.
    let golden = broker(&format!("{} wait", 2 + hours * 600));
    let ran = golden.run();
    let facts = rows_of(&ran, "facts");
    let prices = rows_of(&ran, "prices");
    for (resource, base, volatility, demand) in RESOURCES {
        let (mut price, mut before, mut trends, mut moved) = (base, base, BTreeSet::new(), 0);
        let asked = |price: i64, tick: Tick| {
            let effect = effect(&at(&facts, tick), resource);
            (times(price, ONE + effect).clamp(base / 10, base * 3), effect)
        };
        for hour in 1..=hours {
            let tick = 1 + hour * 600;
            let demand = (demand - times(ONE / 2, over(price, base) - ONE)).clamp(0, ONE);
            let swing = times(times(price, volatility), ONE / 10);
            let drift = times(times(times(price, ONE / 10) * 2, demand - ONE / 2), ONE / 10);
            let key = format!("{resource}_moves/{resource}/000/by");
            let drawn =
                i64::try_from(chance::below(1207, "rules", &key, tick, 2_000_001)).expect("small") - ONE;
            if (7 + hour) % 24 == 0 {
                before = asked(price, tick).0;
            }
            price += i64::try_from(i128::from(swing) * i128::from(drawn) / i128::from(ONE)).expect("small");
            price = (price + drift).clamp(base / 10, base * 3);
            let held = |name: &str| {
                let facts = at(&facts, tick + 1);
                let row =
                    facts.into_iter().find(|row| row[0] == "realm" && row[2] == format!("{name}_{resource}"));
                row.map_or(dec(base), |row| row[3].clone())
            };
            assert_eq!(held("price"), dec(price), "{resource} at {hour}");
            assert_eq!(held("before"), dec(before), "{resource} a day before {hour}");
            let shown = at(&prices, tick + 1);
            let shown = shown.iter().find(|row| row[0] == resource).expect("every resource has a price");
            let (asked, effect) = asked(price, tick + 1);
            moved += u64::from(effect != 0);
            let change = over(asked, before) - ONE;
            let trend = match change {
                50_000.. => "rising",
                ..=-50_000 => "falling",
                _ => "stable",
            };
            assert_eq!(
                (shown[1].as_str(), shown[3].as_str(), shown[4].as_str()),
                (dec(asked).as_str(), dec(change).as_str(), trend),
                "{resource} at {hour}"
            );
            trends.insert(trend);
        }
        assert!(trends.len() >= 2, "{resource} is always {trends:?}");
        assert!((60..hours).contains(&moved), "events move {resource} in {moved} of {hours} hours");
    }
}

#[test]
fn a_cohort_is_shown_from_fifty_players_on() {
    let mut script = String::new();
    for n in 0..50 {
        let _ = writeln!(script, "{} fact player p{n} cohort spring", 3 + n);
        let _ = writeln!(script, "3 event talk player=p{n} target=informer");
        let _ = writeln!(script, "4 event talk player=p{n} target=fence");
        let _ = writeln!(script, "3 fact player p{n} latency_s 15");
        let _ = writeln!(script, "3 fact player p{n} choice_entropy 0.5");
        if n % 2 == 0 {
            let _ = writeln!(script, "3 fact player p{n} night_share 0.3");
            let _ = writeln!(script, "3 fact player p{n} shortest_gap_h 7.5");
        }
    }
    script.push_str("60 wait");
    let cohorts = rows_of(&broker(&script).run(), "cohorts");
    // The fiftieth comes at 52. Two partners and two talks: (2/5 + 2/100) / 2; 0.4 * 0.5 + 0.3 * 15/30.
    let row = ["spring", "50", "0.21", "0.35", "25", "0", "0", "0", "25"].map(str::to_owned).to_vec();
    assert_eq!(cohorts, BTreeMap::from([(52, BTreeSet::from([row]))]));
}
