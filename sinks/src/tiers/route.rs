//! The choice of a tier: pure, from what a request needs and what each tier is expected to take.
//!
//! `first text = queue + first token (p95) + 16 tokens × time per token (p95) ≤ budget`
//! `whole answer = queue + first token (p95) + tokens × time per token (p95) ≤ time left`
//!
//! A request that fits nowhere as it is may ask for fewer tokens, down to eight; one that fits not even then is not sent.

use worldflow_schemas::definitions::{BRONZE, GOLD, SILVER};

/// What a player reads first is a sentence: taken to be this many tokens.
pub(super) const FIRST_TEXT_TOKENS: u64 = 16;
/// Fewer tokens than these are not worth asking for.
pub(super) const LEAST_TOKENS: u64 = 8;

/// What a request needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Need {
    /// Milliseconds left until the first words must be there.
    pub(super) first_ms: u64,
    /// Milliseconds left until the whole answer must be there.
    pub(super) whole_ms: u64,
    /// The longest answer asked for.
    pub(super) max_tokens: u64,
    /// About how long the prompt is.
    pub(super) prompt_tokens: u64,
}

/// What a tier is expected to take at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offer<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    /// Whether some server of it may be asked.
    pub(super) up: bool,
    pub(super) queue_ms: u64,
    pub(super) first_token_ms: u64,
    pub(super) us_per_token: u64,
    pub(super) context: Option<u64>,
}

impl Offer<'_> {
    /// About when a whole answer to this would be there.
    fn takes_ms(&self, need: &Need) -> u64 {
        let tokens_ms = need.max_tokens.saturating_mul(self.us_per_token) / 1_000;
        self.queue_ms.saturating_add(self.first_token_ms).saturating_add(tokens_ms)
    }
}

/// How many tokens this tier can be asked for; `None` if too few, or if it is down.
pub(super) fn fit(need: &Need, offer: &Offer<'_>) -> Option<u64> {
    if !offer.up {
        return None;
    }
    let before_ms = offer.queue_ms.saturating_add(offer.first_token_ms);
    let within = |ms: u64| {
        let left_us = ms.checked_sub(before_ms)?.saturating_mul(1_000);
        Some(left_us.checked_div(offer.us_per_token).unwrap_or(u64::MAX))
    };
    let (first, whole) = (within(need.first_ms)?, within(need.whole_ms)?);
    let room = offer.context.map_or(u64::MAX, |context| context.saturating_sub(need.prompt_tokens));
    let mut tokens = need.max_tokens.min(whole).min(room);
    if first < FIRST_TEXT_TOKENS {
        // The first sentence may not be there in time, so it must be a short one.
        tokens = tokens.min(first);
    }
    (tokens >= LEAST_TOKENS.min(need.max_tokens).max(1)).then_some(tokens)
}

/// The class for a budget; `None` is no hurry.
pub(super) fn class_for(budget_ms: Option<u64>) -> &'static str {
    match budget_ms {
        Some(ms) if ms < 100 => GOLD,
        Some(_) => SILVER,
        None => BRONZE,
    }
}

/// Chooses among all tiers: the place of one and how many tokens to ask it for. First of the budget's class, then by how
/// soon the whole answer would be there; one that answers in full before one that must be brief.
pub(super) fn choose(need: &Need, budget_ms: Option<u64>, offers: &[Offer<'_>]) -> Option<(usize, u64)> {
    let class = class_for(budget_ms);
    let mut order: Vec<usize> = (0..offers.len()).collect();
    order.sort_by_key(|&at| (offers[at].class != class, offers[at].takes_ms(need), offers[at].name));
    let fits: Vec<(usize, u64)> =
        order.iter().filter_map(|&at| Some((at, fit(need, &offers[at])?))).collect();
    let full = fits.iter().find(|(_, tokens)| *tokens == need.max_tokens);
    full.or_else(|| fits.iter().rev().max_by_key(|(_, tokens)| *tokens)).copied()
}

/// The first of a chain of tiers that can answer, be it briefly.
pub(super) fn first_that_fits<'a>(
    need: &Need,
    chain: impl IntoIterator<Item = Offer<'a>>,
) -> Option<(&'a str, u64)> {
    chain.into_iter().find_map(|offer| Some((offer.name, fit(need, &offer)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tier(
        name: &'static str,
        class: &'static str,
        first_token_ms: u64,
        us_per_token: u64,
    ) -> Offer<'static> {
        Offer { name, class, up: true, queue_ms: 0, first_token_ms, us_per_token, context: Some(1_000) }
    }

    const GOLD_TIER: Offer<'_> = tier("g", GOLD, 25, 9_000);
    const SILVER_TIER: Offer<'_> = tier("s", SILVER, 100, 25_000);
    const BRONZE_TIER: Offer<'_> = tier("b", BRONZE, 500, 50_000);
    const TIERS: [Offer<'_>; 3] = [BRONZE_TIER, GOLD_TIER, SILVER_TIER];

    fn need(budget_ms: Option<u64>, whole_ms: u64, max_tokens: u64) -> Need {
        Need { first_ms: budget_ms.unwrap_or(whole_ms), whole_ms, max_tokens, prompt_tokens: 100 }
    }

    #[test]
    fn a_budget_finds_its_tier() {
        let (down, busy) = (Offer { up: false, ..GOLD_TIER }, Offer { queue_ms: 80, ..GOLD_TIER });
        let slow = Offer { first_token_ms: 900, ..SILVER_TIER };
        for (what, budget, whole, tokens, offers, chosen) in [
            ("16 tokens at 9 ms do not fit in 100 ms", Some(99), 2_000, 16, TIERS, Some(("g", 8))),
            ("nor do 8 in 90 ms", Some(90), 2_000, 16, TIERS, None),
            ("but what is short fits", Some(90), 2_000, 4, TIERS, Some(("g", 4))),
            ("99 ms are gold's", Some(99), 2_000, 8, TIERS, Some(("g", 8))),
            ("100 ms are silver's, which cannot", Some(100), 2_000, 8, TIERS, Some(("g", 8))),
            ("within a second silver", Some(999), 3_000, 64, TIERS, Some(("s", 64))),
            ("a second and more: silver", Some(1_000), 3_000, 64, TIERS, Some(("s", 64))),
            ("silver is too slow for that many: gold", Some(600), 1_000, 64, TIERS, Some(("g", 64))),
            ("no tier has so many in time: the most", Some(600), 1_000, 999, TIERS, Some(("g", 108))),
            ("no hurry: bronze", None, 60_000, 64, TIERS, Some(("b", 64))),
            ("no hurry, but not that much time: the fastest", None, 2_000, 64, TIERS, Some(("g", 64))),
            ("nothing fits in nothing", Some(0), 2_000, 8, TIERS, None),
            ("the class is down", Some(99), 2_000, 8, [BRONZE_TIER, down, SILVER_TIER], None),
            ("silver helps out", Some(320), 600, 16, [BRONZE_TIER, down, SILVER_TIER], Some(("s", 8))),
            ("the queue counts", Some(170), 600, 8, [BRONZE_TIER, busy, SILVER_TIER], None),
            ("and so does the first token", Some(950), 3_000, 32, [BRONZE_TIER, busy, slow], Some(("g", 32))),
        ] {
            let found = choose(&need(budget, whole, tokens), budget, &offers);
            let found = found.map(|(at, tokens)| (offers[at].name, tokens));
            assert_eq!(found, chosen, "{what}");
        }
    }

    #[test]
    fn a_prompt_over_the_context_goes_where_it_fits() {
        let wide = Offer { context: Some(9_000), ..BRONZE_TIER };
        let long = |prompt_tokens| Need { prompt_tokens, ..need(Some(900), 9_000, 64) };
        let chosen = |prompt_tokens| choose(&long(prompt_tokens), Some(900), &[SILVER_TIER, wide]);
        assert_eq!(chosen(936), Some((0, 64)));
        assert_eq!(choose(&long(937), Some(900), &[SILVER_TIER]), Some((0, 63)), "a shorter answer");
        assert_eq!(choose(&long(995), Some(900), &[SILVER_TIER]), None);
        let patient = Need { first_ms: 9_000, ..long(5_000) };
        assert_eq!(choose(&patient, None, &[SILVER_TIER, wide]), Some((1, 64)));
    }

    #[test]
    fn a_chain_is_followed_in_its_order() {
        let need = need(Some(900), 9_000, 64);
        let down = Offer { up: false, ..BRONZE_TIER };
        assert_eq!(first_that_fits(&need, [down, SILVER_TIER, GOLD_TIER]), Some(("s", 64)));
        assert_eq!(first_that_fits(&need, [down]), None);
    }

    #[test]
    fn of_equals_the_first_by_name_is_chosen() {
        let other = Offer { name: "a", ..SILVER_TIER };
        assert_eq!(choose(&need(Some(900), 9_000, 8), Some(900), &[SILVER_TIER, other]), Some((1, 8)));
        let free = Offer { queue_ms: 0, us_per_token: 0, ..GOLD_TIER };
        assert_eq!(fit(&need(Some(25), 25, 4_096), &Offer { context: None, ..free }), Some(4_096));
    }
}
