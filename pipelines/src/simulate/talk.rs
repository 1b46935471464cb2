//! What NPCs asked of tiers, and what came of that: counted for each tier, by how requests ended.
//!
//! A request ends once: it is answered, shares the answer of another, is not answered (the line says why), is taken back, or is
//! open at the end. So the counts of a tier add up to its requests.

use std::collections::BTreeMap;
use std::time::Duration;

use worldflow_operators::spending::Price;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::Reply;

/// Why a request was not answered, as lines say it.
pub(super) const WHYS: [&str; 5] = ["late", "no_time", "failed", "tier_off", "over_budget"];

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// A model has answered, or the answer to another request was its own, too: so long after it was asked the first sentence was
    /// there, and all.
    Answered { shared: bool, first: Duration, whole: Duration },
    /// No tier has answered; the place of the reason in [`WHYS`].
    Unanswered(usize),
    /// It was taken back.
    Cancelled,
    /// It is open at the end.
    Open,
}

/// What was asked of a tier, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TierReport {
    /// Its name; empty for what was asked of none.
    pub tier: String,
    /// Requests that it had last.
    pub requests: u64,
    /// Those that it answered.
    pub answered: u64,
    /// Those that shared such an answer.
    pub shared: u64,
    /// Those that were not answered, by why: late, no time, failed, the tier was off, its money was used up.
    pub unanswered: [u64; 5],
    /// Those that were taken back before they were answered.
    pub cancelled: u64,
    /// Those that are open at the end.
    pub open: u64,
    /// The most that were under way at a time.
    pub at_once: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub tokens: u64,
    /// What these cost, in millionths of millionths of the currency; `None` without a price.
    pub money_e12: Option<u128>,
    /// How long the first sentence took, in milliseconds: of 50, 95 and 99 in a hundred at most this.
    pub first_ms: Option<[u64; 3]>,
    /// And the whole answer.
    pub whole_ms: Option<[u64; 3]>,
}

/// What NPCs asked of tiers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TalkReport {
    /// Every tier, by name, and last what was asked of none, if there is any.
    pub tiers: Vec<TierReport>,
    /// All of them together.
    pub all: TierReport,
    /// What was not even asked, by why.
    pub unasked: BTreeMap<String, u64>,
}

/// What is counted for a tier.
#[derive(Debug, Default)]
struct OfTier {
    report: TierReport,
    price: Option<Price>,
    first: Vec<Duration>,
    whole: Vec<Duration>,
}

/// What is counted.
#[derive(Debug)]
pub(super) struct TalkTally {
    tiers: BTreeMap<String, OfTier>,
    pub(super) unasked: BTreeMap<String, u64>,
}

impl TalkTally {
    pub(super) fn new(world: &WorldDef) -> TalkTally {
        let tier = |(name, def): (&String, &worldflow_schemas::definitions::TierDef)| {
            let price = def.price.as_ref().map(Price::of);
            let report = TierReport { tier: name.clone(), ..TierReport::default() };
            (name.clone(), OfTier { report, price, ..OfTier::default() })
        };
        TalkTally { tiers: world.tiers.iter().map(tier).collect(), unasked: BTreeMap::new() }
    }

    fn of(&mut self, tier: &str) -> &mut OfTier {
        self.tiers.entry(tier.to_owned()).or_default()
    }

    /// A reply costs what it costs, whatever becomes of it.
    pub(super) fn costs(&mut self, reply: &Reply) {
        let OfTier { report, price, .. } = self.of(reply.tier.as_str());
        let (prompt_tokens, tokens) = (u64::from(reply.prompt_tokens), u64::from(reply.tokens));
        report.prompt_tokens += prompt_tokens;
        report.tokens += tokens;
        if let Some(price) = price {
            *report.money_e12.get_or_insert(0) += price.money_e12(prompt_tokens, tokens);
        }
    }

    /// A request that a tier had last has ended.
    pub(super) fn ended(&mut self, tier: &str, end: End) {
        let of = self.of(tier);
        of.report.requests += 1;
        let counter = match end {
            End::Answered { shared, first, whole } => {
                of.first.push(first);
                of.whole.push(whole);
                if shared { &mut of.report.shared } else { &mut of.report.answered }
            }
            End::Unanswered(why) => &mut of.report.unanswered[why],
            End::Cancelled => &mut of.report.cancelled,
            End::Open => &mut of.report.open,
        };
        *counter += 1;
    }

    /// What came of all; `at_once` says how many requests were under way at a time to a tier, or to all.
    pub(super) fn report(&self, at_once: impl Fn(Option<&str>) -> u64) -> TalkReport {
        let told = |of: &OfTier| {
            let report = of.told();
            TierReport { at_once: at_once(Some(&report.tier)), ..report }
        };
        let mut tiers: Vec<TierReport> = self.tiers.values().map(told).collect();
        // What was asked of none has no name, and comes last.
        if tiers.first().is_some_and(|first| first.tier.is_empty()) {
            tiers.rotate_left(1);
        }
        let mut all = OfTier::default();
        self.tiers.values().for_each(|of| all.add(of));
        let all = TierReport { at_once: at_once(None), ..all.told() };
        TalkReport { tiers, all, unasked: self.unasked.clone() }
    }
}

impl OfTier {
    fn add(&mut self, other: &OfTier) {
        let (all, of) = (&mut self.report, &other.report);
        all.requests += of.requests;
        all.answered += of.answered;
        all.shared += of.shared;
        all.unanswered.iter_mut().zip(of.unanswered).for_each(|(all, of)| *all += of);
        all.cancelled += of.cancelled;
        all.open += of.open;
        all.prompt_tokens += of.prompt_tokens;
        all.tokens += of.tokens;
        all.money_e12 = all.money_e12.into_iter().chain(other.money()).reduce(|a, b| a + b);
        self.first.extend(&other.first);
        self.whole.extend(&other.whole);
    }

    /// What has cost nothing yet has cost nothing, if there is a price.
    fn money(&self) -> Option<u128> {
        self.report.money_e12.or(self.price.map(|_| 0))
    }

    fn told(&self) -> TierReport {
        TierReport {
            money_e12: self.money(),
            first_ms: quantiles(&self.first),
            whole_ms: quantiles(&self.whole),
            ..self.report.clone()
        }
    }
}

/// Money as a number with six decimals; what is less is left out.
pub(super) fn money(money_e12: u128) -> String {
    let millionths = money_e12 / 1_000_000;
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// Of 50, 95 and 99 in a hundred at most so many milliseconds.
fn quantiles(took: &[Duration]) -> Option<[u64; 3]> {
    let mut took = took.to_vec();
    took.sort_unstable();
    let at = |per_cent: usize| {
        let place = (took.len() * per_cent).div_ceil(100).saturating_sub(1);
        took.get(place).map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    };
    Some([at(50)?, at(95)?, at(99)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> TalkTally {
        let world = serde_json::json!({"name": "w", "seed": 1, "tiers": {
            "gold": {"model": "m", "price": {"input": 0.5, "output": 2}}, "silver": {"model": "m"},
        }});
        TalkTally::new(&serde_json::from_value(world).expect("a world"))
    }

    fn reply(tier: &str, prompt_tokens: u32, tokens: u32) -> Reply {
        let reply = serde_json::json!({
            "request": "r", "tier": tier, "outcome": {"Ok": "Aye."}, "took_ms": 1, "tokens": tokens, "prompt_tokens": prompt_tokens,
        });
        serde_json::from_value(reply).expect("a reply")
    }

    #[test]
    fn money_is_tokens_times_the_price() {
        let mut tally = tally();
        tally.costs(&reply("gold", 300, 20));
        tally.costs(&reply("gold", 100, 10));
        tally.costs(&reply("silver", 7, 8));
        let report = tally.report(|tier| tier.map_or(9, |tier| tier.len() as u64));
        let [gold, silver] = &report.tiers[..] else { panic!("{report:?}") };
        assert_eq!((gold.prompt_tokens, gold.tokens), (400, 30));
        // 400 at 0.5 a million and 30 at 2 a million are 260 millionths.
        assert_eq!(gold.money_e12, Some(260_000_000));
        assert_eq!([money(260_000_000), money(12_345_678_901_234)], ["0.000260", "12.345678"]);
        assert_eq!((silver.money_e12, report.all.money_e12), (None, Some(260_000_000)));
        assert_eq!((report.all.prompt_tokens, report.all.tokens), (407, 38));
    }

    #[test]
    fn every_request_ends_once() {
        let mut tally = tally();
        let ms = Duration::from_millis;
        for n in 1..=100 {
            tally.ended("gold", End::Answered { shared: n % 4 == 0, first: ms(n), whole: ms(n * 10) });
        }
        for why in 0..WHYS.len() {
            tally.ended("silver", End::Unanswered(why));
        }
        tally.ended("silver", End::Cancelled);
        tally.ended("", End::Unanswered(1));
        tally.ended("silver", End::Open);
        let report = tally.report(|tier| tier.map_or(9, |tier| tier.len() as u64));
        let names: Vec<&str> = report.tiers.iter().map(|of| of.tier.as_str()).collect();
        assert_eq!(names, ["gold", "silver", ""], "what was asked of none comes last");
        for of in report.tiers.iter().chain([&report.all]) {
            let ends = of.answered + of.shared + of.unanswered.iter().sum::<u64>() + of.cancelled + of.open;
            assert_eq!(of.requests, ends, "{of:?}");
        }
        assert_eq!((report.all.requests, report.all.answered, report.all.shared), (108, 75, 25));
        assert_eq!(report.tiers[0].first_ms, Some([50, 95, 99]));
        assert_eq!(report.all.whole_ms, Some([500, 950, 990]));
        assert_eq!(report.tiers[1].first_ms, None, "nobody was answered");
        assert_eq!((report.tiers[1].at_once, report.all.at_once), (6, 9));
    }
}
