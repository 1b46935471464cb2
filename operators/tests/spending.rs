//! What models cost, who has used it up, how often players may ask, and the law of base state.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use support::npcs::{answer, fact_of, player, talk_to};
use support::{Script, check_law, drive, rows, shown, world};
use worldflow_operators::messages::FactNow;
use worldflow_operators::npcs::{NpcsIn, NpcsMachine};
use worldflow_operators::spending::{Closed, KEPT_DAYS, SpendingIn, SpendingMachine, SpendingOut, charges};
use worldflow_schemas::catalog::{NPC_LINES, NPC_REQUESTS, SPENDING, TIER_STATES};
use worldflow_schemas::definitions::{NpcDef, WorldDef};
use worldflow_schemas::input::{Reply, Scope};
use worldflow_schemas::{Sym, Tick, Value};

/// A tick is an hour, so that a day is soon over.
const HOUR_MS: u32 = 3_600_000;
const DAY: Tick = 24;

fn market(tick_ms: u32) -> WorldDef {
    let tier = |more: serde_json::Value| {
        let mut tier =
            json!({"url": "http://127.0.0.1:1", "model": "tiny", "price": {"input": 10, "output": 20}});
        for (key, value) in more.as_object().expect("a map") {
            tier[key] = value.clone();
        }
        tier
    };
    world(json!({
        "name": "spending", "seed": 1, "tick_ms": tick_ms,
        "facts": {
            "models_on": {"scope": "realm", "type": "bool", "default": true},
            "silver_money": {"scope": "realm", "type": "dec", "default": 0.01},
            "plan": {"scope": "player", "type": "text", "default": "free"},
        },
        "tiers": {
            "gold": tier(json!({"money_per_day": 0.005, "when": {"facts": {"models_on": true}}})),
            "silver": tier(json!({"money_per_day": {"fact": "silver_money"}})),
            "bronze": tier(json!({"price": {"input": 0.3, "output": 1.2}})),
            "iron": tier(json!({"when": {"facts": {"models_on": true}}})),
        },
        "spending": {
            "player_tier": "plan",
            "players": {
                "default": {"tokens_per_day": 400, "rates": {
                    "normal": {"most": 2, "per": "50ms"},
                    "high": [{"most": 1, "per": "10ms"}, {"most": 2, "per": "1s"}],
                    "low": {"most": 0, "per": "1s"},
                }},
                "premium": {"rates": {"normal": {"most": 3, "per": "50ms"}}},
            },
            "npc": {"tokens_per_day": 900},
            "realm": {"tokens_per_day": 2000},
        },
    }))
}

fn machine() -> SpendingMachine {
    SpendingMachine::new(Sym::new("realm"), &market(HOUR_MS), (0, 1))
}

fn reply(request: &str, tier: &str, prompt_tokens: u32, tokens: u32) -> Reply {
    let outcome = if tokens == 0 { Err("down") } else { Ok("Aye.") };
    Reply { prompt_tokens, tokens, verdict: "".into(), ..answer(request, tier, outcome) }
}

fn charged(reply: &Reply) -> Vec<SpendingIn> {
    charges(reply, Sym::new("realm")).into_iter().map(SpendingIn::Charge).collect()
}

fn realm_fact(fact: &str, value: Option<Value>) -> FactNow {
    fact_of(Scope::Realm, "realm", fact, value)
}

fn switch(on: bool) -> SpendingIn {
    // At its default a fact has no value.
    SpendingIn::Fact(realm_fact("models_on", (!on).then_some(Value::Bool(false))))
}

/// The rows of a view at the end of a tick, readable.
fn rows_at(run: &support::Run, tick: Tick, view: worldflow_schemas::catalog::ViewId) -> Vec<String> {
    let so_far = run.range(..=tick).map(|(tick, changed)| (*tick, changed.clone())).collect();
    let mut lines: Vec<String> =
        rows(&so_far).iter().filter(|(of, _)| *of == view).map(|(_, row)| shown(row)).collect();
    lines.sort();
    lines
}

#[test]
fn a_reply_is_charged_to_all_whom_it_concerns() {
    let told = [
        charged(&reply("smith/guild/ada/7", "gold", 100, 50)),
        charged(&reply("smith/bo/1", "gold", 10, 0)),
        charged(&reply("smith/bo/2", "", 0, 0)),
        charged(&reply("junk", "silver", 1, 1)),
    ];
    let script = Script::from([(1, vec![SpendingIn::Begin]), (25, told.concat())]);
    let run = drive(&mut machine(), &script, 0, 30);
    let day = 86_400_000;
    let expected = [
        format!("tier gold {day} 2 1 110 50 140 0.0021"),
        format!("tier silver {day} 1 1 1 1 70 0.00003"),
        format!("player bo {day} 1 0 10 0 70 0.0001"),
        format!("player guild/ada {day} 1 1 100 50 70 0.002"),
        format!("npc smith {day} 2 1 110 50 140 0.0021"),
        format!("realm realm {day} 3 2 111 51 210 0.00213"),
    ];
    let spent: BTreeSet<String> = rows_at(&run, 30, SPENDING).into_iter().collect();
    assert_eq!(spent, expected.into_iter().collect());
}

#[test]
fn a_tier_closes_by_its_switch_and_by_its_money_and_opens_again() {
    let spend = |tokens| charged(&reply("smith/ada/1", "gold", 0, tokens));
    let money = |value| SpendingIn::Fact(realm_fact("silver_money", value));
    let script = Script::from([
        (1, vec![SpendingIn::Begin]),
        (3, vec![switch(false)]),
        (4, vec![switch(true)]),
        (5, spend(249)),
        (6, spend(1)),
        (7, vec![switch(false)]),
        (8, vec![money(Some(Value::Int(0)))]),
        (9, vec![switch(true)]),
        (30, spend(10)),
        (31, vec![money(None)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 60);
    let states = |tick| rows_at(&run, tick, TIER_STATES);
    assert_eq!(states(1), ["bronze true - 1", "gold true - 1", "iron true - 1", "silver true - 1"]);
    let gold = |tick| states(tick).into_iter().find(|row| row.starts_with("gold")).expect("a row");
    assert_eq!(gold(3), "gold false tier_off 3");
    assert_eq!(gold(5), "gold true - 4", "0.00498 of 0.005");
    assert_eq!(gold(6), "gold false over_budget 6", "in the tick of the reply");
    assert_eq!(gold(7), "gold false tier_off 7");
    assert_eq!(gold(9), "gold false over_budget 9");
    assert_eq!(gold(DAY - 1), "gold false over_budget 9");
    assert_eq!(gold(DAY), "gold true - 24", "the next day begins by itself");
    assert!(states(8).contains(&"silver false over_budget 8".to_owned()));
    assert!(states(31).contains(&"silver true - 31".to_owned()));
    let out = |tick: Tick| run[&tick].out.clone();
    assert!(out(1).is_empty(), "what was never closed is not told");
    assert_eq!(out(6).iter().filter(|out| out.contains("gold")).count(), 1, "{:?}", out(6));
}

#[test]
fn an_npc_and_the_realm_use_up_their_tokens_once_a_day() {
    let script = Script::from([
        (1, vec![SpendingIn::Begin]),
        (2, charged(&reply("smith/ada/1", "bronze", 899, 0))),
        (3, charged(&reply("smith/bo/1", "bronze", 1, 0))),
        (4, charged(&reply("smith/bo/2", "bronze", 1, 0))),
        (5, charged(&reply("cook/bo/1", "bronze", 2_000, 0))),
        (DAY + 1, charged(&reply("smith/bo/3", "bronze", 900, 0))),
    ]);
    let run = drive(&mut machine(), &script, 0, 60);
    let told = |what: &str| -> Vec<Tick> {
        let says = |out: &String| out.starts_with(what);
        run.iter().filter(|(_, changed)| changed.out.iter().any(says)).map(|(tick, _)| *tick).collect()
    };
    assert_eq!(told("Npc"), [3, 5, DAY + 1]);
    assert_eq!(told("Realm"), [5]);
    assert_eq!(told("Player"), [2, 3, 4, 5, DAY + 1], "of players every sum is told");
}

/// What was spent, kept reply by reply and added up anew.
#[derive(Default)]
struct Naive {
    replies: Vec<(Tick, Reply)>,
    facts: BTreeMap<&'static str, Option<Value>>,
}

impl Naive {
    fn spending(&self, now: Tick) -> BTreeSet<String> {
        let first = (now / DAY).saturating_sub(KEPT_DAYS.into());
        let mut sums: BTreeMap<(String, Tick), [u128; 6]> = BTreeMap::new();
        for (tick, reply) in self.replies.iter().filter(|(tick, _)| tick / DAY >= first) {
            let (npc, rest) = reply.request.split_once('/').expect("an id");
            let (player, _) = rest.rsplit_once('/').expect("an id");
            let (input, output) = if reply.tier == Sym::new("bronze") { (3, 12) } else { (100, 200) };
            let (prompt, tokens) = (u128::from(reply.prompt_tokens), u128::from(reply.tokens));
            let money = prompt * input + tokens * output;
            for holder in [
                format!("tier {}", reply.tier),
                format!("npc {npc}"),
                format!("player {player}"),
                "realm realm".to_owned(),
            ] {
                let sum = sums.entry((holder, tick / DAY)).or_default();
                let more = [1, u128::from(reply.outcome.is_ok()), prompt, tokens, 70, money];
                sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
        }
        let line = |((holder, day), sum): ((String, Tick), [u128; 6])| {
            let [requests, answered, prompt, tokens, ms, tenths] = sum;
            // Tenths of millionths, without the part below a millionth.
            let money = Value::Dec(i64::try_from(tenths / 10).expect("little"));
            format!("{holder} {} {requests} {answered} {prompt} {tokens} {ms} {money}", day * 86_400_000)
        };
        sums.into_iter().map(line).collect()
    }

    fn closed(&self, now: Tick) -> BTreeMap<&'static str, Option<&'static str>> {
        let on = self.facts.get("models_on").cloned().flatten() != Some(Value::Bool(false));
        let silver = match self.facts.get("silver_money").cloned().flatten() {
            Some(value) => value.as_millionths().expect("a number"),
            None => 10_000,
        };
        let tenths = |tier: &str| -> i128 {
            let today = self
                .replies
                .iter()
                .filter(|(tick, reply)| tick / DAY == now / DAY && reply.tier == Sym::new(tier));
            today
                .map(|(_, reply)| i128::from(reply.prompt_tokens) * 100 + i128::from(reply.tokens) * 200)
                .sum()
        };
        let over = |tier, most: i128| (tenths(tier) >= most * 10).then_some("over_budget");
        BTreeMap::from([
            ("gold", if on { over("gold", 5_000) } else { Some("tier_off") }),
            ("silver", over("silver", silver)),
            ("bronze", None),
            ("iron", (!on).then_some("tier_off")),
        ])
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reply(&'static str, &'static str, &'static str, u32, u32),
    Switch(bool),
    SilverMoney(Option<i64>),
}

fn step() -> impl Strategy<Value = Step> {
    let npc = prop::sample::select(vec!["smith", "cook"]);
    let player = prop::sample::select(vec!["ada", "bo/x"]);
    let tier = prop::sample::select(vec!["gold", "silver", "bronze"]);
    prop_oneof![
        6 => (npc, player, tier, 0_u32..120, 0_u32..90)
            .prop_map(|(npc, player, tier, prompt, tokens)| Step::Reply(npc, player, tier, prompt, tokens)),
        1 => any::<bool>().prop_map(Step::Switch),
        1 => prop::option::of(0_i64..20_000).prop_map(Step::SilverMoney),
    ]
}

/// Facts are told once a tick.
fn told(inputs: &[SpendingIn]) -> Vec<SpendingIn> {
    let mut last = BTreeMap::new();
    for input in inputs {
        if let SpendingIn::Fact(now) = input {
            last.insert(now.fact.as_str(), input.clone());
        }
    }
    last.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sums_and_gates_are_those_of_a_naive_fold(
        ticks in prop::collection::btree_map(2_u64..900, prop::collection::vec(step(), 1..4), 1..25)
    ) {
        let mut script: Script<SpendingIn> = Script::from([(1, vec![SpendingIn::Begin])]);
        let mut naive = Naive::default();
        let mut after: BTreeMap<Tick, (BTreeSet<String>, BTreeMap<_, _>)> = BTreeMap::new();
        let mut number = 0;
        for tick in 1..950 {
            let mut inputs = Vec::new();
            for step in ticks.get(&tick).into_iter().flatten() {
                match step.clone() {
                    Step::Reply(npc, player, tier, prompt, tokens) => {
                        number += 1;
                        let reply = reply(&format!("{npc}/{player}/{number}"), tier, prompt, tokens);
                        inputs.extend(charged(&reply));
                        naive.replies.push((tick, reply));
                    }
                    Step::Switch(on) => {
                        inputs.push(switch(on));
                        naive.facts.insert("models_on", (!on).then_some(Value::Bool(false)));
                    }
                    Step::SilverMoney(value) => {
                        let value = value.map(Value::Dec);
                        inputs.push(SpendingIn::Fact(realm_fact("silver_money", value.clone())));
                        naive.facts.insert("silver_money", value);
                    }
                }
            }
            let facts = told(&inputs);
            inputs.retain(|input| !matches!(input, SpendingIn::Fact(_)));
            inputs.extend(facts);
            if !inputs.is_empty() {
                script.entry(tick).or_default().extend(inputs);
            }
            if ticks.contains_key(&tick) || tick % DAY < 2 {
                after.insert(tick, (naive.spending(tick), naive.closed(tick)));
            }
        }
        let run = drive(&mut machine(), &script, 0, 950);
        for (tick, (spending, closed)) in after {
            prop_assert_eq!(rows_at(&run, tick, SPENDING).into_iter().collect::<BTreeSet<_>>(), spending, "at {}", tick);
            let states = rows_at(&run, tick, TIER_STATES);
            for (tier, why) in closed {
                let expected = format!("{tier} {} {} ", why.is_none(), why.unwrap_or("-"));
                prop_assert!(states.iter().any(|row| row.starts_with(&expected)), "{expected} at {tick}: {states:?}");
            }
        }
    }

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        ticks in prop::collection::btree_map(2_u64..80, prop::collection::vec(step(), 1..4), 1..12)
    ) {
        let mut script: Script<SpendingIn> = Script::from([(1, vec![SpendingIn::Begin])]);
        for (tick, steps) in ticks {
            let mut inputs: Vec<SpendingIn> = Vec::new();
            for step in steps {
                match step {
                    Step::Reply(npc, player, tier, prompt, tokens) => {
                        inputs.extend(charged(&reply(&format!("{npc}/{player}/{tick}"), tier, prompt, tokens)));
                    }
                    Step::Switch(on) => inputs.push(switch(on)),
                    Step::SilverMoney(value) => {
                        inputs.push(SpendingIn::Fact(realm_fact("silver_money", value.map(Value::Dec))));
                    }
                }
            }
            let facts = told(&inputs);
            inputs.retain(|input| !matches!(input, SpendingIn::Fact(_)));
            script.insert(tick, inputs.into_iter().chain(facts).collect());
        }
        check_law(machine, &script, 90, told);
    }
}

// Who may ask, as the operator of NPCs decides it.

fn npcs() -> NpcsMachine {
    NpcsMachine::new(Sym::new("realm"), &market(10))
}

fn define(npc: &str, tier: Option<&str>, priority: &str) -> NpcsIn {
    let def: NpcDef = serde_json::from_value(json!({
        "prompt": "{said}", "patience": "300ms", "budget": "200ms", "barks": ["Hm."],
        "tier": tier, "priority": priority,
    }))
    .expect("an npc");
    NpcsIn::Define(Sym::new(npc), Some(Arc::new(def)))
}

fn talk(id: u64, player: &str, npc: &str) -> NpcsIn {
    talk_to(npc, id, player, None)
}

fn plan(player: &str, plan: Option<&str>) -> NpcsIn {
    NpcsIn::Fact(fact_of(Scope::Player, player, "plan", plan.map(|plan| Value::Sym(Sym::new(plan)))))
}

fn tier(tier: &str, closed: Option<Closed>) -> NpcsIn {
    NpcsIn::Spending(SpendingOut::Tier(Sym::new(tier), closed))
}

/// What a tick brings: `ask` for a request, else why it is a bark.
fn came(run: &support::Run, tick: Tick) -> Vec<String> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let mut came: Vec<String> = (changed.rows.iter())
        .filter(|((view, _), diff)| **diff > 0 && [NPC_REQUESTS, NPC_LINES].contains(view))
        .map(|((view, row), _)| match *view {
            NPC_REQUESTS => format!("ask {}", row[1]),
            _ => format!("{} {} {}", row[1], row[2], row[6]),
        })
        .collect();
    came.sort();
    came
}

#[test]
fn a_rate_is_exact_at_the_edges_of_its_window() {
    let mut script =
        Script::from([(1, vec![define("smith", Some("gold"), "normal"), plan("vip", Some("premium"))])]);
    for tick in 2..=14 {
        script.insert(tick, vec![talk(1, "ada", "smith"), talk(2, "vip", "smith")]);
    }
    let run = drive(&mut npcs(), &script, 0, 14);
    let asked = |player: &str| -> Vec<Tick> {
        let ask = format!("ask smith/{player}/");
        (2..=14).filter(|tick| came(&run, *tick).iter().any(|came| came.starts_with(&ask))).collect()
    };
    // 50 ms are 5 ticks: what was asked at 2 counts up to 6.
    assert_eq!(asked("ada"), [2, 3, 7, 8, 12, 13]);
    assert_eq!(asked("vip"), [2, 3, 4, 7, 8, 9, 12, 13, 14]);
    assert!(came(&run, 6).contains(&"ada smith rate_limited".to_owned()), "{:?}", came(&run, 6));
}

#[test]
fn what_nobody_asked_for_meets_no_rate_of_the_player() {
    let prompt = r#"{"sections": {"ask": {"role": "user", "text": "What do they say?"}}}"#;
    let prompt = serde_json::from_str(prompt).expect("a prompt");
    let storylet = serde_json::from_value(json!({
        "who": "smith", "trigger": {"holds": {}}, "lines": "Hm.", "ask": {"prompt": "gossip", "every": "20ms"},
    }));
    let storylet = Arc::new(storylet.expect("a storylet"));
    let script = Script::from([
        (
            1,
            vec![
                define("smith", Some("gold"), "low"),
                NpcsIn::DefinePrompt(Sym::new("gossip"), Some(Arc::new(prompt))),
                NpcsIn::DefineStorylet(Sym::new("rumour"), Some(storylet)),
            ],
        ),
        (2, vec![player("ada", "", true)]),
        (3, vec![talk(1, "ada", "smith")]),
    ]);
    let run = drive(&mut npcs(), &script, 0, 3);
    assert_eq!(came(&run, 2), ["ask smith/ada/1"]);
    assert_eq!(came(&run, 3), ["ada smith rate_limited"], "a talk may not ask at all");
}

#[test]
fn within_a_tick_the_first_by_order_may_ask_and_each_class_counts_by_itself() {
    let define_all =
        ["normal", "high", "low", "critical"].map(|priority| define(priority, Some("gold"), priority));
    let script = Script::from([
        (1, define_all.to_vec()),
        (
            2,
            vec![
                talk(3, "ada", "normal"),
                talk(1, "ada", "normal"),
                talk(2, "ada", "normal"),
                talk(4, "ada", "high"),
                talk(5, "ada", "high"),
                talk(6, "ada", "low"),
                talk(7, "ada", "critical"),
            ],
        ),
        (3, vec![talk(8, "ada", "high")]),
        (101, vec![talk(9, "ada", "high")]),
        (102, vec![talk(10, "ada", "high")]),
    ]);
    let run = drive(&mut npcs(), &script, 0, 102);
    assert_eq!(
        came(&run, 2),
        ["ada high rate_limited", "ada low rate_limited", "ada normal rate_limited", "ask critical/ada/1",],
        "a bark takes the place of the request that waited"
    );
    assert_eq!(came(&run, 3), ["ask high/ada/2"]);
    assert_eq!(came(&run, 101)[0], "ada high rate_limited", "two in a second");
    assert_eq!(came(&run, 102), ["ask high/ada/3"], "a second after the first");
}

#[test]
fn a_tier_that_is_closed_takes_requests_back_if_no_other_may_answer() {
    let script = Script::from([
        (
            1,
            vec![
                define("smith", Some("gold"), "critical"),
                define("cook", Some("iron"), "critical"),
                define("sage", None, "critical"),
            ],
        ),
        (2, vec![talk(1, "ada", "smith"), talk(2, "ada", "cook"), talk(3, "ada", "sage")]),
        (4, vec![tier("iron", Some(Closed::Off)), talk(4, "bo", "cook")]),
        (6, vec![tier("gold", Some(Closed::Money)), talk(5, "bo", "smith")]),
        (8, vec![tier("silver", Some(Closed::Off)), talk(6, "bo", "smith"), talk(7, "bo", "sage")]),
        (10, vec![tier("bronze", Some(Closed::Off))]),
        (12, vec![tier("iron", None), talk(8, "bo", "cook"), talk(9, "bo", "sage"), talk(10, "bo", "smith")]),
    ]);
    let run = drive(&mut npcs(), &script, 0, 12);
    assert_eq!(came(&run, 4), ["ada cook tier_off", "bo cook tier_off"], "iron has no fallback");
    assert_eq!(came(&run, 6), ["ask smith/bo/1"], "silver answers for gold");
    assert_eq!(
        came(&run, 8),
        ["ada smith over_budget", "ask sage/bo/1", "bo smith over_budget", "bo smith over_budget"],
        "what waits for gold or silver, and then the talk; any tier may answer the sage"
    );
    assert_eq!(came(&run, 10), ["ada sage over_budget", "bo sage over_budget"], "none is left");
    assert_eq!(came(&run, 12), ["ask cook/bo/1", "ask sage/bo/2", "bo smith over_budget"]);
}

#[test]
fn tokens_that_are_used_up_are_for_that_day() {
    let used = |player: &str, tokens| NpcsIn::Spending(SpendingOut::Player(Sym::new(player), 0, tokens));
    let next_day = 8_640_000;
    let script = Script::from([
        (
            1,
            vec![
                define("smith", Some("gold"), "critical"),
                define("cook", Some("gold"), "critical"),
                plan("vip", Some("premium")),
            ],
        ),
        (
            2,
            vec![
                talk(1, "ada", "smith"),
                talk(2, "ada", "cook"),
                talk(3, "bo", "smith"),
                talk(4, "vip", "cook"),
            ],
        ),
        (3, vec![used("ada", 399), used("vip", 9_999)]),
        (4, vec![used("ada", 400), talk(5, "ada", "smith")]),
        (5, vec![talk(6, "ada", "cook"), talk(7, "vip", "cook")]),
        (6, vec![NpcsIn::Spending(SpendingOut::Npc(Sym::new("smith"), 0)), talk(8, "vip", "smith")]),
        (7, vec![NpcsIn::Spending(SpendingOut::Realm(0)), talk(9, "vip", "cook")]),
        (next_day - 1, vec![talk(10, "ada", "cook")]),
        (next_day, vec![talk(11, "ada", "cook"), talk(12, "ada", "smith")]),
    ]);
    let run = drive(&mut npcs(), &script, 0, next_day);
    assert_eq!(came(&run, 3), Vec::<String>::new());
    assert_eq!(
        came(&run, 4),
        ["ada cook over_budget", "ada smith over_budget", "ada smith over_budget"],
        "both that wait, and then the talk"
    );
    assert_eq!(came(&run, 5), ["ada cook over_budget", "ask cook/vip/2"], "premium has no limit");
    assert_eq!(came(&run, 6), ["bo smith over_budget", "vip smith over_budget"]);
    assert_eq!(came(&run, 7), ["vip cook over_budget", "vip cook over_budget"]);
    assert_eq!(came(&run, next_day - 1), ["ada cook over_budget"]);
    assert_eq!(came(&run, next_day), ["ask cook/ada/2", "ask smith/ada/2"]);
}

/// What other operators re-emit in the tick of a load.
fn told_npcs(inputs: &[NpcsIn]) -> Vec<NpcsIn> {
    let mut last = BTreeMap::new();
    for input in inputs {
        let key = match input {
            NpcsIn::Define(npc, _) => format!("define {npc}"),
            NpcsIn::Fact(fact) => format!("fact {:?}", fact.holder),
            NpcsIn::Spending(SpendingOut::Tier(tier, _)) => format!("tier {tier}"),
            NpcsIn::Spending(SpendingOut::Player(player, ..)) => format!("player {player}"),
            NpcsIn::Spending(SpendingOut::Npc(npc, _)) => format!("npc {npc}"),
            _ => continue,
        };
        last.insert(key, input.clone());
    }
    last.into_values().collect()
}

fn npc_input() -> impl Strategy<Value = NpcsIn> {
    let who = || prop::sample::select(vec!["ada", "bo"]);
    let npc = || prop::sample::select(vec!["smith", "cook", "sage"]);
    let closed = prop::option::of(prop::sample::select(vec![Closed::Off, Closed::Money]));
    prop_oneof![
        8 => (0_u64..99, who(), npc()).prop_map(|(id, who, npc)| talk(id, who, npc)),
        1 => (who(), prop::option::of(Just("premium"))).prop_map(|(who, of)| plan(who, of)),
        2 => (prop::sample::select(vec!["gold", "silver", "bronze", "iron"]), closed)
            .prop_map(|(name, closed)| tier(name, closed)),
        2 => (who(), 0_u64..800).prop_map(|(who, tokens)| NpcsIn::Spending(SpendingOut::Player(Sym::new(who), 0, tokens))),
        1 => npc().prop_map(|npc| NpcsIn::Spending(SpendingOut::Npc(Sym::new(npc), 0))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn who_may_ask_is_the_same_after_a_restart(
        ticks in prop::collection::btree_map(2_u64..30, prop::collection::vec(npc_input(), 1..5), 1..14)
    ) {
        let mut script: Script<NpcsIn> = ticks
            .into_iter()
            .map(|(tick, inputs)| {
                let mut talks: Vec<NpcsIn> = inputs.iter().filter(|input| matches!(input, NpcsIn::Event(_))).cloned().collect();
                talks.extend(told_npcs(&inputs));
                (tick, talks)
            })
            .collect();
        script.insert(1, vec![
            define("smith", Some("gold"), "normal"),
            define("cook", Some("iron"), "high"),
            define("sage", None, "critical"),
        ]);
        check_law(npcs, &script, 70, told_npcs);
    }
}
