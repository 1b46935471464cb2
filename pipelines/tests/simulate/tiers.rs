//! Players who talk, answered by simulated tiers: what that asks of the tiers, what comes of it, and that it adds up.

use worldflow::simulate::{Report, SimulateConfig, TalkReport, TierReport, csv, summary};
use worldflow::world::LoadedWorld;

use crate::{bytes, config, greenvale, played, world};

const WORLD: &str = "
name: talkative
seed: 7
tick_ms: 100
clock: {real_seconds_per_hour: 4, start: '1 06:00'}
regions: {square: {}}
kinds: {talk: {}}
entities: {guard: {kind: npc}, captain: {kind: npc}, cook: {kind: npc}, clerk: {kind: npc}, porter: {kind: npc}}
";

const QUESTS: &str = "
chat:
  title: Talk
  accept: auto
  stages: {chat: {objectives: {words: {event: talk, target: [guard, captain, cook, clerk, porter], count: 900}}}}
";

const PROMPTS: &str = "
gossip:
  audience: place
  context: [phase]
  sections: {persona: {}, ask: {role: user, text: 'What is new at this {phase}?'}}
  answers: object
";

/// A world in which everybody talks all the time.
fn talkative(tiers: &str, npcs: &str, more: &str) -> LoadedWorld {
    let text = format!("{WORLD}\ntiers: {tiers}\n{more}\n");
    world(&[
        ("world.yaml", &text),
        ("quests/quests.yaml", QUESTS),
        ("npcs/npcs.yaml", npcs),
        ("npcs/prompts.yaml", PROMPTS),
    ])
}

fn with_tiers(players: usize) -> SimulateConfig {
    SimulateConfig { simulated_tiers: true, ..config(players, 1, 3, "socialite,rusher") }
}

fn talk(report: &Report) -> &TalkReport {
    report.talk.as_ref().expect("tiers were simulated")
}

/// Late, no time, failed, off, over its budget.
fn unanswered(of: &TierReport) -> u64 {
    of.unanswered.iter().sum()
}

fn adds_up(report: &Report) {
    let talk = talk(report);
    for of in talk.tiers.iter().chain([&talk.all]) {
        let ends = of.answered + of.shared + unanswered(of) + of.cancelled + of.open;
        assert_eq!(of.requests, ends, "{of:?}");
    }
    let sum = |count: fn(&TierReport) -> u64| talk.tiers.iter().map(count).sum::<u64>();
    assert_eq!(talk.all.requests, sum(|of| of.requests));
    assert_eq!((talk.all.prompt_tokens, talk.all.tokens), (sum(|of| of.prompt_tokens), sum(|of| of.tokens)));
}

const QUICK: &str = "
guard: {persona: You are the guard., budget: 900ms, patience: 4s, barks: [Halt.]}
captain: {persona: You are the captain., budget: 300ms, patience: 4s, barks: [Hm.]}
";

#[test]
fn the_same_seed_asks_the_same_with_any_number_of_workers() {
    let world = talkative("{gold: {model: m, max_in_flight: 1}, silver: {model: m}}", QUICK, "");
    let of = |seed, workers| {
        let report = played(&world, &SimulateConfig { seed, workers, ..with_tiers(6) });
        adds_up(&report);
        let answered = |tier: usize| talk(&report).tiers[tier].answered;
        assert!(answered(0) > 0 && answered(1) > 0, "{}", summary(&report));
        bytes(&report)
    };
    let first = of(3, 1);
    assert_eq!(first, of(3, 1), "another run of the same seed");
    assert_eq!(first, of(3, 2), "two workers");
    assert_ne!(first, of(4, 1), "another seed");
}

#[test]
fn without_tiers_nothing_is_said_of_them() {
    let world = talkative("{gold: {model: m}}", QUICK, "");
    let report = played(&world, &SimulateConfig { simulated_tiers: false, ..with_tiers(2) });
    assert!(report.talk.is_none() && csv(&report).iter().all(|(what, _)| *what != "tiers"));
    assert!(!summary(&report).contains("answered"), "{}", summary(&report));
}

#[test]
fn greenvale_is_answered_in_time() {
    let report = played(&greenvale(), &SimulateConfig { simulated_tiers: true, ..config(10, 1, 3, "") });
    adds_up(&report);
    let talk = talk(&report);
    assert_eq!(talk.tiers.iter().map(|of| of.tier.as_str()).collect::<Vec<_>>(), ["gold", "silver"]);
    assert!(talk.tiers.iter().all(|of| of.answered > 0), "{}", summary(&report));
    let [p50, p95, p99] = talk.all.first_ms.expect("some were answered");
    assert!(p50 >= 25 && p50 <= p95 && p95 <= p99 && p99 <= 900, "{}", summary(&report));
}

#[test]
fn money_is_what_tokens_cost() {
    let gold = "{gold: {model: m, price: {input: 0.5, output: 2}}}";
    let report = played(&talkative(gold, QUICK, ""), &with_tiers(3));
    adds_up(&report);
    let TierReport { requests, answered, prompt_tokens, tokens, money_e12, whole_ms, .. } = talk(&report).all;
    // Half a millionth for each token of a prompt, two for each of an answer.
    assert_eq!(money_e12, Some(u128::from(prompt_tokens) * 500_000 + u128::from(tokens) * 2_000_000));
    assert!(answered > 5 && tokens >= 8 * answered && prompt_tokens > 0, "{}", summary(&report));
    // From twelve tokens to sixty-four, nine milliseconds each after the first, which takes twenty-five; nobody waits for a place.
    let [p50, _, p99] = whole_ms.expect("some were answered");
    assert!(p50 >= 25 + 9 * 11 && p99 <= 25 + 9 * 63, "{}", summary(&report));
    let table = csv(&report).into_iter().find(|(what, _)| *what == "tiers").expect("there are tiers").1;
    let names = "tier,requests,answered,shared,late,no_time,failed,tier_off,over_budget,cancelled,open,";
    assert!(table.starts_with(names), "{table}");
    assert!(table.contains(&format!("\ngold,{requests},{answered},0,")), "{table}");
}

#[test]
fn a_tier_that_is_too_slow_is_not_asked() {
    let slow = "{own: {model: m, first_token: 5s}}";
    let report = played(&talkative(slow, QUICK, ""), &with_tiers(3));
    adds_up(&report);
    let TierReport { requests, unanswered: [_, no_time, ..], tokens, .. } = talk(&report).all;
    assert!(requests > 5 && no_time == requests && tokens == 0, "{}", summary(&report));
    assert_eq!(talk(&report).tiers.last().map(|of| (of.tier.as_str(), of.requests)), Some(("", requests)));
}

#[test]
fn who_waits_too_long_before_a_tier_with_one_place_is_late() {
    // An answer takes three seconds and a half, and the captain goes first whenever the place is free.
    let narrow = "{own: {model: m, max_in_flight: 1, first_token: 600ms, ms_per_token: 100}}";
    let last = "{persona: 'You serve {player}.', budget: async, patience: 6s, priority: low, barks: [Wait.]}";
    let first =
        "{persona: 'You lead {player}.', budget: async, patience: 20s, priority: critical, barks: [Hm.]}";
    let npcs = ["guard", "cook", "clerk", "porter"].map(|npc| format!("{npc}: {last}\n")).concat();
    let npcs = format!("{npcs}captain: {first}\n");
    let report = played(&talkative(narrow, &npcs, ""), &with_tiers(6));
    adds_up(&report);
    let TierReport { answered, unanswered: [late, no_time, ..], at_once, .. } = talk(&report).all;
    assert!(answered > 20 && no_time > 20 && late > 0, "{}", summary(&report));
    assert_eq!(at_once, 1, "there is one place");
}

#[test]
fn equal_questions_share_an_answer_and_its_tokens() {
    let leisurely = "{own: {model: m, first_token: 1s, price: {input: 1, output: 1}}}";
    let guard = "guard: {template: gossip, persona: You are the guard., budget: async, patience: 20s, barks: [Halt.]}";
    let report = played(&talkative(leisurely, guard, ""), &with_tiers(16));
    adds_up(&report);
    let TierReport { answered, shared, tokens, .. } = talk(&report).all;
    assert!(answered > 5 && shared > 5, "{}", summary(&report));
    // Sixty-four tokens are the most of an answer.
    assert!(tokens > 0 && tokens <= 64 * (answered + 1), "what is shared costs once\n{}", summary(&report));
}

#[test]
fn who_talks_again_takes_the_question_back() {
    // Everybody talks to the same five again and again, and the day is over before the first answer.
    let asleep = "{own: {model: m, first_token: 100s, timeout: 200s}}";
    let npc = "{persona: 'You know {player}.', budget: async, patience: 150s, barks: [Halt.]}";
    let npcs = ["guard", "captain"].map(|id| format!("{id}: {npc}\n")).concat();
    let report = played(&talkative(asleep, &npcs, ""), &with_tiers(3));
    adds_up(&report);
    let TierReport { cancelled, answered, tokens, open, .. } = talk(&report).all;
    assert!(cancelled > 5 && open > 0, "{}", summary(&report));
    assert_eq!((answered, tokens), (0, 0), "what was taken back costs nothing\n{}", summary(&report));
}

#[test]
fn what_may_be_spent_closes_a_tier_and_rates_hold_players() {
    let dear = "{gold: {model: m, price: {input: 100, output: 100}, money_per_day: 0.05}}";
    let rates = "spending: {players: {default: {rates: {normal: {most: 1, per: 1m}}}}}";
    let report = played(&talkative(dear, QUICK, rates), &with_tiers(12));
    adds_up(&report);
    let talk = talk(&report);
    let spent = talk.all.money_e12.expect("it has a price");
    assert!((50_000_000_000..100_000_000_000).contains(&spent), "{}", summary(&report));
    let not_asked = |why: &str| talk.unasked.get(why).copied().unwrap_or(0);
    assert!(not_asked("rate_limited") > 0 && not_asked("over_budget") > 0, "{}", summary(&report));
    assert!(summary(&report).contains("not asked: "), "{}", summary(&report));
}

#[test]
fn what_nobody_asked_for_is_asked_in_its_own_tick() {
    // A little after the full second, when nobody does anything, there is something else to be said.
    let hours = ["07:02", "09:02", "11:02", "13:02", "15:02", "17:02"];
    let phases = hours.map(|from| format!("from_{}: {{from: '{from}'}}", &from[..2])).join(", ");
    let clock = format!("clock: {{real_seconds_per_hour: 4, start: '1 06:00', phases: {{{phases}}}}}");
    let text = WORLD.replace("clock: {real_seconds_per_hour: 4, start: '1 06:00'}", &clock);
    let text = format!("{text}\ntiers: {{gold: {{model: m}}}}\n");
    let cook = "cook: {persona: You are the cook., budget: 500ms, patience: 600ms, barks: [Hm.]}";
    let stories = "
soup:
  who: cook
  trigger: {holds: {}}
  when: {region: square}
  ask: {prompt: gossip, every: 1s}
  lines: [Soup.]
";
    let files = [
        ("world.yaml", text.as_str()),
        ("npcs/npcs.yaml", cook),
        ("npcs/prompts.yaml", PROMPTS),
        ("stories.yaml", stories),
    ];
    let report = played(&world(&files), &with_tiers(4));
    adds_up(&report);
    // Were ticks looked at only after a step, which is longer than the cook's patience, answers would come late.
    let TierReport { answered, shared, unanswered: [late, ..], .. } = talk(&report).all;
    assert!(answered + shared > 20 && late == 0, "{}", summary(&report));
}
