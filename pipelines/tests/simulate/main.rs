//! Simulated players in worlds with planted faults, and in Greenvale.

mod arcs;
mod planted;
mod tiers;

use worldflow::simulate::{Mix, Report, SimulateConfig, Trouble, chart, csv, simulate, summary};
use worldflow::world::{Folder, LoadedWorld};

/// The first of January 2024.
const STARTS_MS: i64 = 1_704_067_200_000;

fn greenvale() -> LoadedWorld {
    LoadedWorld::greenvale().expect("Greenvale is right")
}

fn world(files: &[(&str, &str)]) -> LoadedWorld {
    LoadedWorld::load(&Folder::of(files.to_vec())).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn config(players: usize, days: u32, seed: u64, mix: &str) -> SimulateConfig {
    let mix = if mix.is_empty() { Mix::default() } else { mix.parse().expect("a mix") };
    SimulateConfig { players, days, seed, mix, starts_ms: STARTS_MS, workers: 1, simulated_tiers: false }
}

fn played(world: &LoadedWorld, config: &SimulateConfig) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(simulate(world, config, |_, _| {})).expect("the simulation runs")
}

/// Everything that can be seen of a report.
fn bytes(report: &Report) -> String {
    let tables = csv(report).into_iter().map(|(what, text)| format!("{what}\n{text}"));
    format!("{}\n{}\n{}", summary(report), tables.collect::<String>(), chart(report))
}

#[test]
fn the_same_seed_is_the_same_report_with_any_number_of_workers() {
    let world = greenvale();
    let of = |seed, workers| bytes(&played(&world, &SimulateConfig { workers, ..config(12, 1, seed, "") }));
    let first = of(3, 1);
    assert_eq!(first, of(3, 1), "another run of the same seed");
    assert_eq!(first, of(3, 2), "two workers");
    assert_ne!(first, of(4, 1), "another seed");
}

#[test]
fn two_days_of_greenvale_see_every_quest_begun() {
    let report = played(&greenvale(), &config(60, 2, 1, ""));
    let unbegun: Vec<&str> =
        report.quests.iter().filter(|quest| quest.began == 0).map(|quest| quest.id.as_str()).collect();
    assert!(unbegun.is_empty(), "{unbegun:?}\n{}", summary(&report));
    let finished = report.quests.iter().filter(|quest| quest.finished > 0).count();
    assert!(finished * 4 > report.quests.len() * 3, "{}", summary(&report));
    for quest in &report.quests {
        let parts = [quest.finished, quest.at_it, quest.began, quest.seen];
        assert!(
            quest.finished + quest.at_it <= quest.began && quest.began <= quest.seen,
            "{}: {parts:?}",
            quest.id
        );
        assert_eq!(quest.curve.last(), Some(&(quest.began, quest.finished)), "{}", quest.id);
        assert!(quest.curve.windows(2).all(|two| two[0] <= two[1]), "{}: {:?}", quest.id, quest.curve);
    }
    assert!(!report.findings.iter().any(|finding| finding.trouble == Trouble::Twice), "{}", summary(&report));
}

#[test]
fn what_is_sent_twice_pays_once() {
    let report = played(&greenvale(), &config(10, 2, 5, "exploiter"));
    assert!(report.resent > 500, "only {} were sent again", report.resent);
    assert_eq!((report.counted_twice, report.paid_twice), (0, 0));
    // Every herb quest that was done paid two draughts, and no more.
    let herbs = report.quests.iter().find(|quest| quest.id == "herbs_for_ysa").expect("it is Greenvale's");
    let paid: Vec<_> = herbs.paid.iter().filter(|paid| paid.item == "healing_draught").collect();
    assert!(herbs.completed >= 5, "{}", summary(&report));
    assert_eq!(paid.len(), 1, "{paid:?}");
    assert_eq!((paid[0].grants, paid[0].amount), (herbs.completed, 2 * herbs.completed as i64));
}

#[test]
fn personalities_differ_as_they_are_said_to() {
    let report = played(
        &greenvale(),
        &config(70, 2, 2, "completionist,rusher,wanderer,fighter,socialite,exploiter,quitter"),
    );
    let of = |name: &str| report.personalities.iter().find(|of| of.name == name).expect("all play");
    assert_eq!(report.personalities.len(), 7);
    assert!(report.personalities.iter().all(|of| of.players == 10), "{:?}", report.personalities);
    let done = |name: &str| of(name).completed;
    assert!(done("completionist") > done("wanderer"), "{}", summary(&report));
    assert!(done("rusher") > done("quitter"), "{}", summary(&report));
    assert!(of("exploiter").completed > of("socialite").completed, "{}", summary(&report));
    assert!(of("quitter").left > 0 && of("fighter").left == 0, "{}", summary(&report));
    assert!(of("quitter").deeds * 3 < of("fighter").deeds * 2, "{}", summary(&report));
}
