//! What was answered beside what is answered now: each request, and all of them in numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use worldflow_operators::spending::Price;
use worldflow_schemas::definitions::TierDef;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{Tick, Value};

use super::recorded::NotAsked;

/// Verdicts in the order in which tables have them: those of the guard, and what stands for the lack of one.
pub const VERDICTS: [&str; 8] =
    ["accept", "repair", "cut", "retry", "fall_back", "unjudged", "late", "failed"];

/// What was answered then, and what is answered now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compared {
    /// The realm.
    pub realm: String,
    /// The tier that is asked again.
    pub tier: String,
    /// Its model.
    pub model: String,
    /// Whether what it says was judged by the world's own guard; by the usual rules otherwise.
    pub own_guard: bool,
    /// How many requests were asked again.
    pub asked: u64,
    /// How many were not, and why.
    pub not_asked: NotAsked,
    /// All that was answered then, in numbers ...
    pub recorded: Numbers,
    /// ... and now.
    pub now: Numbers,
    /// How many have each verdict now, by the verdict that they had.
    pub verdicts: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// How many have another line, or have one where there was none, or none where there was one.
    pub differ: u64,
    /// How many have the same.
    pub same: u64,
    /// Of how many that is not known, since the recorded line is sealed.
    pub unknown: u64,
    /// Each request, in the order in which they waited no longer.
    pub requests: Vec<Pair>,
}

/// A request, then and now.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Its id.
    pub request: String,
    /// Who was asked.
    pub npc: String,
    /// The tick in which it was asked.
    pub asked: Tick,
    /// Milliseconds within which the first words had to come; `None` if there was no hurry.
    pub budget_ms: Option<u64>,
    /// What was answered then.
    pub recorded: Answered,
    /// What is answered now.
    pub now: Answered,
    /// Whether the lines differ; `None` when that is not known.
    pub differs: Option<bool>,
}

/// What was answered to a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Answered {
    /// The tier that was asked; empty when none was.
    pub tier: String,
    /// Its model.
    pub model: String,
    /// One of [`VERDICTS`].
    pub verdict: &'static str,
    /// The rule that decided so, or those by which the line was repaired.
    pub rule: String,
    /// What the NPC says; `None` when it says nothing, or that is sealed.
    pub line: Option<String>,
    /// Whether it says something that is sealed.
    pub sealed: bool,
    /// Why there is no line.
    pub why: String,
    /// Milliseconds from sending to the first text; `None` when there was none, or it is not known.
    pub first_text_ms: Option<u32>,
    /// Milliseconds from sending to the first sentence that may be said, which no journal says.
    pub first_sentence_ms: Option<u32>,
    /// Milliseconds from sending to the last byte of an answer.
    pub whole_ms: Option<u32>,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub tokens: u32,
    /// The seed that the model was given.
    pub seed: u32,
}

/// All answers of one side.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Numbers {
    /// How many have a line.
    pub answered: u64,
    /// How many of those with a budget have their first text within it.
    pub in_budget: u64,
    /// How many have a budget.
    pub with_budget: u64,
    /// Milliseconds from sending to the first text.
    pub first_text_ms: Quantiles,
    /// The same to the first sentence.
    pub first_sentence_ms: Quantiles,
    /// The same to the end.
    pub whole_ms: Quantiles,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub tokens: u64,
    /// What they cost by the prices of their tiers; `None` when one has no price.
    pub cost: Option<String>,
}

/// The least values that half, and nineteen of twenty, are not above.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: Option<u32>,
    /// The 95th percentile.
    pub p95: Option<u32>,
}

impl Quantiles {
    fn of(values: impl Iterator<Item = u32>) -> Quantiles {
        let mut values: Vec<u32> = values.collect();
        values.sort_unstable();
        let nearest = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.checked_sub(1)?).copied()
        };
        Quantiles { p50: nearest(50), p95: nearest(95) }
    }
}

impl Answered {
    /// A reply, with its line opened; without one the time ran out before there was any.
    pub(super) fn of(
        reply: Option<&Reply>,
        line: Option<String>,
        first_sentence_ms: Option<u32>,
    ) -> Answered {
        let Some(reply) = reply else { return Answered { verdict: "late", ..Answered::default() } };
        let is_there = |ms: u32| Some(ms).filter(|_| !reply.verdict.is_empty() || reply.outcome.is_ok());
        Answered {
            tier: reply.tier.as_str().to_owned(),
            model: reply.model.to_string(),
            verdict: verdict(reply),
            rule: reply.rule.to_string(),
            sealed: line.is_none() && reply.outcome.is_ok(),
            line,
            why: reply.outcome.as_ref().err().map(ToString::to_string).unwrap_or_default(),
            first_text_ms: is_there(reply.first_ms).filter(|ms| *ms > 0),
            first_sentence_ms,
            whole_ms: is_there(reply.took_ms),
            prompt_tokens: reply.prompt_tokens,
            tokens: reply.tokens,
            seed: reply.seed,
        }
    }
}

fn verdict(reply: &Reply) -> &'static str {
    let named = VERDICTS.iter().find(|name| **name == reply.verdict.as_str());
    match named {
        Some(name) => name,
        None if reply.outcome.is_ok() => "unjudged",
        None if reply.finish == Finish::NoTime => "late",
        None => "failed",
    }
}

impl Pair {
    /// Whether the lines differ.
    pub(super) fn differs(recorded: &Answered, now: &Answered) -> Option<bool> {
        (!recorded.sealed && !now.sealed).then(|| recorded.line != now.line)
    }
}

impl Compared {
    /// Counts what the pairs say. `tier` finds a tier, for its price.
    pub(super) fn count(&mut self, tier: &dyn Fn(&str) -> Option<TierDef>) {
        self.asked = self.requests.len() as u64;
        self.recorded = numbers(self.requests.iter().map(|pair| (pair, &pair.recorded)), tier);
        self.now = numbers(self.requests.iter().map(|pair| (pair, &pair.now)), tier);
        for pair in &self.requests {
            let of = self.verdicts.entry(pair.recorded.verdict).or_default();
            *of.entry(pair.now.verdict).or_default() += 1;
            match pair.differs {
                Some(true) => self.differ += 1,
                Some(false) => self.same += 1,
                None => self.unknown += 1,
            }
        }
    }
}

fn numbers<'p>(
    answers: impl Iterator<Item = (&'p Pair, &'p Answered)> + Clone,
    tier: &dyn Fn(&str) -> Option<TierDef>,
) -> Numbers {
    let quantiles = |of: fn(&Answered) -> Option<u32>| {
        Quantiles::of(answers.clone().filter_map(|(_, answered)| of(answered)))
    };
    let mut numbers = Numbers {
        first_text_ms: quantiles(|answered| answered.first_text_ms),
        first_sentence_ms: quantiles(|answered| answered.first_sentence_ms),
        whole_ms: quantiles(|answered| answered.whole_ms),
        ..Numbers::default()
    };
    let mut prices: BTreeMap<&str, Option<Price>> = BTreeMap::new();
    let mut money_e12 = Some(0_u128);
    for (pair, answered) in answers {
        let is_answered = answered.line.is_some() || answered.sealed;
        numbers.answered += u64::from(is_answered);
        if let Some(budget_ms) = pair.budget_ms {
            numbers.with_budget += 1;
            let first_ms = answered.first_text_ms.or(answered.whole_ms).map(u64::from);
            let is_in = is_answered && first_ms.is_some_and(|first_ms| first_ms <= budget_ms);
            numbers.in_budget += u64::from(is_in);
        }
        let (prompt_tokens, tokens) = (u64::from(answered.prompt_tokens), u64::from(answered.tokens));
        numbers.prompt_tokens += prompt_tokens;
        numbers.tokens += tokens;
        if prompt_tokens + tokens > 0 {
            let price = prices
                .entry(answered.tier.as_str())
                .or_insert_with(|| tier(&answered.tier).and_then(|def| def.price.as_ref().map(Price::of)));
            let more = price.map(|price| price.money_e12(prompt_tokens, tokens));
            money_e12 = money_e12.zip(more).map(|(sum, more)| sum.saturating_add(more));
        }
    }
    numbers.cost = money_e12.map(money);
    numbers
}

/// Millionths of millionths, rounded up to millionths: what was spent is not nothing.
fn money(money_e12: u128) -> String {
    let millionths = money_e12.div_ceil(1_000_000);
    Value::Dec(i64::try_from(millionths).unwrap_or(i64::MAX)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(recorded: (&'static str, Option<&str>), now: (&'static str, Option<&str>), ms: u32) -> Pair {
        let side = |(verdict, line): (&'static str, Option<&str>), ms: u32| Answered {
            tier: "gold".to_owned(),
            verdict,
            line: line.map(str::to_owned),
            first_text_ms: line.map(|_| ms),
            whole_ms: line.map(|_| 2 * ms),
            prompt_tokens: 10,
            tokens: 1,
            ..Answered::default()
        };
        let (recorded, now) = (side(recorded, 10), side(now, ms));
        let differs = Pair::differs(&recorded, &now);
        let (request, npc) = ("maren/ann/1".to_owned(), "maren".to_owned());
        Pair { request, npc, asked: 1, budget_ms: Some(30), recorded, now, differs }
    }

    #[test]
    fn verdicts_lines_and_times_are_counted_on_both_sides() {
        let mut compared = Compared {
            requests: vec![
                pair(("accept", Some("Aye.")), ("accept", Some("Aye.")), 20),
                pair(("accept", Some("Aye.")), ("fall_back", None), 30),
                pair(("failed", None), ("accept", Some("No.")), 40),
            ],
            ..Compared::default()
        };
        let gold = serde_json::json!({"model": "m", "price": {"input": 1000, "output": 3000}});
        let gold: TierDef = serde_json::from_value(gold).expect("a tier");
        compared.count(&|name| (name == "gold").then(|| gold.clone()));
        assert_eq!((compared.asked, compared.same, compared.differ, compared.unknown), (3, 1, 2, 0));
        assert_eq!((compared.verdicts["accept"]["fall_back"], compared.verdicts["failed"]["accept"]), (1, 1));
        let (recorded, now) = (&compared.recorded, &compared.now);
        assert_eq!((recorded.answered, recorded.in_budget, recorded.with_budget), (2, 2, 3));
        assert_eq!((now.answered, now.in_budget), (2, 1), "40 ms are more than 30");
        assert_eq!((now.first_text_ms.p50, now.first_text_ms.p95), (Some(20), Some(40)));
        assert_eq!(now.whole_ms, Quantiles { p50: Some(40), p95: Some(80) });
        assert_eq!((now.prompt_tokens, now.tokens), (30, 3));
        assert_eq!(now.cost.as_deref(), Some("0.039"), "30 at 1000 a million and 3 at 3000");
        compared.count(&|_| None);
        assert_eq!(compared.now.cost, None, "without a price nobody knows");
    }

    #[test]
    fn a_sealed_line_differs_from_nothing() {
        let sealed = Answered { sealed: true, ..Answered::default() };
        assert_eq!(Pair::differs(&sealed, &Answered::default()), None);
    }

    #[test]
    fn quantiles_are_values_that_were_there() {
        let of = |n: u32| Quantiles::of((1..=n).rev());
        assert_eq!(of(0), Quantiles::default());
        assert_eq!(of(1), Quantiles { p50: Some(1), p95: Some(1) });
        assert_eq!(of(100), Quantiles { p50: Some(50), p95: Some(95) });
    }
}
