//! The play: in every small realm bots do what its definitions ask for; the graph and the naive evaluator are given the
//! same inputs and must agree on every change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use worldflow_engine::testing::Plan;
use worldflow_engine::workers::Cut;
use worldflow_schemas::{Input, Sym};
use worldflow_sources::recording::Rules;

use super::GLITCH;
use super::bots::Bots;
use super::oracle::Seen;
use super::oracle::compare::{Case, Speakers, differences, seen};
use super::realms::{Realm, realms};

/// What bots made of a definition.
#[derive(Clone, Default)]
pub(crate) struct Fate {
    /// Some bot had it open.
    pub(crate) begun: bool,
    /// Some bot completed it.
    pub(crate) done: bool,
    /// Where it was nearest to its end, if nobody completed it.
    pub(crate) why: String,
}

/// All that was played.
#[derive(Default)]
pub(crate) struct Played {
    pub(crate) realms: usize,
    pub(crate) inputs: usize,
    pub(crate) changes: usize,
    pub(crate) fates: BTreeMap<String, Fate>,
    /// In how many rows of `quest_state` each state was entered.
    states: BTreeMap<String, usize>,
    /// Grants by the beginning of their slot.
    grants: BTreeMap<String, usize>,
    /// Where the two do not agree.
    wrong: Vec<String>,
}

pub(crate) static PLAYED: LazyLock<Played> = LazyLock::new(|| {
    let realms = realms(&GLITCH.loaded);
    let (next, played) = (AtomicUsize::new(0), Mutex::new(Played::default()));
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while let Some((number, realm)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    realms.get(number).map(|realm| (number, realm))
                } {
                    let case = case(realm, 7 + number as u64);
                    let evaluated = case.evaluate(false, Vec::new());
                    let wrong = disagreement(&case, &evaluated, number);
                    let mut played = played.lock().expect("nobody panics while it is held");
                    played.note(realm, &case, &evaluated);
                    played.wrong.extend(wrong);
                }
            });
        }
    });
    played.into_inner().expect("nobody has panicked")
});

/// What bots do in a realm. Every input is one that a recording may have.
fn case(realm: &Realm, seed: u64) -> Case {
    let mut bots = Bots::new(realm, seed);
    bots.arrive();
    bots.play_quests();
    bots.play_projects();
    let (inputs, until) = bots.end();
    let mut rules = Rules::new(Sym::new(&realm.world.name), &realm.world);
    for input in inputs.values().flatten() {
        match input {
            Input::Event(event) => rules.event(event),
            Input::Command(command) => rules.command(command),
        }
        .unwrap_or_else(|refusal| panic!("{refusal:?}: {input:?}"));
    }
    let (world, quests) = (realm.world.clone(), realm.quests.clone());
    Case { world, quests, rules: BTreeMap::new(), speakers: Speakers::default(), inputs, until }
}

/// Where graph and evaluator differ: with one worker, in some realms with two and inputs in small parts, and in
/// some after a load in the middle.
fn disagreement(case: &Case, evaluated: &[Seen], number: usize) -> Option<String> {
    let definitions = case.definitions();
    let mut plans = vec![Plan::default()];
    if number % 6 == 1 {
        plans.push(Plan { workers: 2, cut: Cut { items: 3 }, ..Plan::default() });
    }
    for plan in &plans {
        if let Some(difference) = differences(evaluated, &seen(&case.run(&definitions, plan))) {
            return Some(format!("{} workers: {difference}\n{}", plan.workers, case.around(&difference)));
        }
    }
    if number % 6 == 4 {
        let ticks: Vec<_> = case.inputs.keys().copied().collect();
        return case
            .law(&Plan::default(), vec![ticks[ticks.len() / 2]])
            .err()
            .map(|broken| broken.to_string());
    }
    None
}

impl Played {
    fn note(&mut self, realm: &Realm, case: &Case, evaluated: &[Seen]) {
        self.realms += 1;
        self.inputs += case.inputs.values().map(Vec::len).sum::<usize>();
        self.changes += evaluated.len();
        let mut fates: BTreeMap<&str, Fate> =
            realm.quests.keys().map(|id| (id.as_str(), Fate::default())).collect();
        let mut best: BTreeMap<(&str, &str, &str), (u64, u64)> = BTreeMap::new();
        for (view, row, _, _) in evaluated.iter().filter(|(.., diff)| *diff > 0) {
            let text = |column: usize| row[column].as_str().unwrap_or_default();
            let number = |column: usize| row[column].as_u64().unwrap_or(0);
            match *view {
                "quest_state" => {
                    let fate = fates.get_mut(text(3)).expect("it is one of the realm's");
                    fate.begun |= number(4) > 0;
                    fate.done |= number(9) > 0;
                    *self.states.entry(text(5).to_owned()).or_insert(0) += 1;
                }
                "objective_progress" => {
                    let most = best.entry((text(3), text(4), text(5))).or_default();
                    *most = (most.0.max(number(7)), number(8));
                }
                "grants" => {
                    let slot = text(6).split('_').next().unwrap_or_default();
                    *self.grants.entry(slot.to_owned()).or_insert(0) += 1;
                }
                _ => {}
            }
        }
        for (id, mut fate) in fates {
            if !fate.done {
                fate.why = why(&fate, id, &realm.quests[id].requires, &best);
            }
            self.fates.insert(id.to_owned(), fate);
        }
    }
}

/// What nobody could do.
fn why(
    fate: &Fate,
    id: &str,
    requires: &worldflow_schemas::definitions::Condition,
    best: &BTreeMap<(&str, &str, &str), (u64, u64)>,
) -> String {
    if !fate.begun {
        let requires = serde_json::to_string(requires).expect("a condition is data");
        return format!("nobody could begin it; it requires `{}`", requires.replace('"', ""));
    }
    let of_quest = best.iter().filter(|((quest, ..), (value, need))| *quest == id && value < need);
    let short: Vec<String> = of_quest
        .map(|((_, _, objective), (value, need))| format!("`{objective}` {value} of {need}"))
        .collect();
    match short.as_slice() {
        [] => "everything it asks for was done, but not all in one instance that was turned in".to_owned(),
        short => format!("at most {}", short.join(", ")),
    }
}

#[test]
fn graph_and_evaluator_agree_on_every_change() {
    let played = &*PLAYED;
    assert!(played.wrong.is_empty(), "{} realms: {}", played.wrong.len(), played.wrong[0]);
    assert!(played.realms >= 40, "{} realms", played.realms);
    assert!(played.inputs > 8_000, "{} inputs are too few for so many definitions", played.inputs);
    assert!(played.changes > 20_000, "{} changes are too few to prove anything", played.changes);
}

/// A definition that no bot completes is a fault of the bots, of the conversion or of the data: the page lists it.
#[test]
fn bots_begin_and_complete_what_there_is() {
    let fates = &PLAYED.fates;
    let ids: BTreeSet<&String> = GLITCH.loaded.quests.keys().collect();
    assert_eq!(fates.keys().collect::<BTreeSet<_>>(), ids, "every definition is in one realm");
    let idle: Vec<&String> = fates.iter().filter(|(_, fate)| !fate.begun).map(|(id, _)| id).collect();
    let open: Vec<&String> = fates.iter().filter(|(_, fate)| !fate.done).map(|(id, _)| id).collect();
    assert!(idle.is_empty(), "{} are begun by nobody: {idle:?}", idle.len());
    let more: Vec<&&String> = open.iter().filter(|id| !NOT_DONE.contains(&id.as_str())).collect();
    assert!(more.is_empty(), "{} more are completed by nobody: {more:?}", more.len());
    for (state, least) in
        [("available", 50), ("offered", 100), ("ready", 100), ("abandoned", 40), ("expired", 1)]
    {
        let found = PLAYED.states.get(state).copied().unwrap_or(0);
        assert!(found >= least, "only {found} quests are ever {state}");
    }
}

/// What may be completed by nobody: all that it asks for is done, but not all in one instance that is turned in.
const NOT_DONE: [&str; 4] = [
    "job_standard1b_for_new_groddle_meadow_streets",
    "job_street_mine_01",
    "job_street_ph3_02",
    "job_street_ph3_04",
];

/// The best are rewarded, by the share of credit that what they gave is worth.
#[test]
fn the_best_get_more() {
    let granted = |slot: &str| PLAYED.grants.get(slot).copied().unwrap_or(0);
    assert!(granted("best") > 300, "{} grants for the best", granted("best"));
    assert!(granted("experience") > 1_000, "{} grants of experience", granted("experience"));
}
