//! What was measured, in words and a table; and what it costs, with what that is taken from.

use std::fmt::Write as _;

use super::read::TierCounts;
use super::{Measured, SpeakArgs, TierArgs};
use crate::open_loop::Times;
use crate::simulated::Counted;

/// A month.
const DAYS: f64 = 30.0;

/// What everything below is measured with.
pub(super) fn assumptions(args: &SpeakArgs) -> String {
    let mut out = String::new();
    if cfg!(debug_assertions) {
        out.push_str("a debug build: these are not the numbers of a release\n");
    }
    let kept = args.folder.as_ref().map_or_else(
        || "in memory".to_owned(),
        |folder| format!("journaled in a folder of {}", folder.display()),
    );
    let _ = writeln!(
        out,
        "{} players, each addresses a character every {} ms; {} s counted after {} s; the realm {kept}, {} workers",
        args.players, args.every_ms, args.seconds, args.warm_up, args.workers
    );
    let _ = writeln!(
        out,
        "{} of 100 address one of {} criers, the others one of {} characters; a fifth of both are of silver; after {} \
         of 1,000 addresses the player leaves within {} ms",
        args.crowd_percent, args.criers, args.npcs, args.leave_per_1000, args.leave_within_ms
    );
    let tiers = [
        ("gold", args.gold(), args.gold_budget_ms, args.gold_tokens),
        ("silver", args.silver(), args.silver_budget_ms, args.silver_tokens),
    ];
    let place = if args.inside { "in this process" } else { "in processes of their own" };
    for (name, tier, budget_ms, tokens) in tiers {
        let TierArgs { servers, slots, first_token_ms, token_ms, .. } = tier;
        let _ = writeln!(
            out,
            "{name}: {servers} simulated servers {place}, {slots} requests each at a time, the first token after \
             {first_token_ms} ms, each after it {token_ms} ms; budget {budget_ms} ms, at most {tokens} tokens"
        );
    }
    out.push_str(
        "times in ms until a reader who follows the view store has the first sentence in npc_sentences, cancelled \
         addresses apart: from when the address was due, and from when its sender knew that it was accepted",
    );
    out
}

/// All that came out.
pub(super) fn findings(args: &SpeakArgs, measured: &Measured) -> String {
    let mut out = String::new();
    first_texts(&mut out, measured);
    shares(&mut out, measured);
    for ((name, tier), (counts, counted)) in
        [("gold", args.gold()), ("silver", args.silver())].into_iter().zip(&measured.tiers)
    {
        of_tier(&mut out, name, tier, counts, counted);
    }
    cost(&mut out, args, measured);
    let used = measured.used;
    let per_1000 = used.cpu_seconds * 1_000.0 / number(measured.heard.addressed);
    let _ = write!(
        out,
        "processor      {per_1000:.2} s a thousand addresses, clients included; peak memory {} MiB; sent at most {:.1} ms \
         late",
        used.peak_mib,
        measured.latest.as_secs_f64() * 1e3
    );
    out
}

fn first_texts(out: &mut String, measured: &Measured) {
    let head = ["p50", "p95", "p99", "max"];
    let _ = writeln!(
        out,
        "first text     {:>8}  from due {:>8} {:>8} {:>8} {:>8}  from accepted {:>8} {:>8} {:>8} {:>8}",
        "counted", head[0], head[1], head[2], head[3], head[0], head[1], head[2], head[3]
    );
    let at = |times: &Times| [0.5, 0.95, 0.99, 1.0].map(|quantile| times.at(quantile));
    let heard = &measured.heard;
    for ((name, due), accepted) in
        ["all", "of gold", "of silver"].into_iter().zip(&heard.due).zip(&heard.accepted)
    {
        let [d50, d95, d99, dmax] = at(due);
        let [a50, a95, a99, amax] = at(accepted);
        let _ = writeln!(
            out,
            "  {name:<12} {:>8}           {d50:>8.1} {d95:>8.1} {d99:>8.1} {dmax:>8.1}                \
             {a50:>8.1} {a95:>8.1} {a99:>8.1} {amax:>8.1}",
            due.len()
        );
    }
}

fn shares(out: &mut String, measured: &Measured) {
    let (heard, lines) = (&measured.heard, &measured.lines);
    let barks: u64 = heard.barks.values().sum();
    let answered = heard.models + barks;
    let of = |part: u64| number(part) * 100.0 / number(answered.max(1));
    // Which answers were shared is known when a line is whole.
    let own = heard.models.saturating_sub(lines.shared);
    let mut whys: Vec<(&str, u64)> = heard.barks.iter().map(|(why, count)| (why.as_str(), *count)).collect();
    whys.sort_unstable();
    let _ = writeln!(
        out,
        "answered by    model {:.1} %, another's answer of a model {:.1} %, bark {:.1} % {whys:?}; {} addressed, {answered} \
         answered, {} left before a word, {} of the lines of models were cut short",
        of(own),
        of(lines.shared.min(heard.models)),
        of(barks),
        heard.addressed,
        heard.left,
        lines.truncated
    );
    let (mut sent, mut shared, mut cancelled, mut aborted) = (0, 0, 0, 0);
    for (counts, counted) in &measured.tiers {
        sent += counts.sent;
        shared += counts.shared;
        cancelled += counts.cancelled;
        aborted += counted.aborted;
    }
    let unsent = cancelled.saturating_sub(aborted);
    let _ = writeln!(
        out,
        "requests       {sent} sent; {shared} saved by sharing; {cancelled} cancelled, of which {unsent} were never sent and \
         {aborted} were ended at the server"
    );
}

fn of_tier(out: &mut String, name: &str, tier: TierArgs, counts: &TierCounts, counted: &Counted) {
    let TierCounts { sent, shed, cancelled, fallback, pushed_back, prompt_tokens, tokens, shared } = counts;
    let _ = writeln!(
        out,
        "{name:<14} sent {sent}, shared {shared}, cancelled {cancelled}, shed {shed}, gone on to another {fallback}, pushed \
         back {pushed_back}; tokens {prompt_tokens} in, {tokens} out; the servers said {}, and ran {} of {} at a time at most",
        counted.tokens, counted.peak_running, tier.slots
    );
}

/// What tokens and servers cost: both ways of paying, each by itself.
fn cost(out: &mut String, args: &SpeakArgs, measured: &Measured) {
    let tiers = [args.gold(), args.silver()];
    let spent: f64 =
        tiers.iter().zip(&measured.tiers).map(|(tier, (counts, _))| tokens_cost(tier, counts)).sum();
    let per_address = spent / number(measured.heard.addressed.max(1));
    let addresses = addresses_a_month(args);
    let (gold, silver) = (args.gold(), args.silver());
    let _ = writeln!(
        out,
        "by tokens      {:.2} a player and month: {:.6} an address; assumed: an address every {} ms for {} hours a day, {DAYS} \
         days, a million tokens in and out {:?} gold, {:?} silver; of an answer that was cancelled nothing is known",
        per_address * addresses,
        per_address,
        args.every_ms,
        args.hours_per_day,
        gold.price,
        silver.price
    );
    let rent = rent(&gold) + rent(&silver);
    let seat = rent / number(args.players);
    let _ = writeln!(
        out,
        "by servers     {seat:.2} a month for each who plays at the same time, {:.2} a player at {} hours a day spread evenly \
         over it; assumed: {} servers of gold at {:.0} a month, {} of silver at {:.0}, rented all month, no spare ones",
        seat * args.hours_per_day / 24.0,
        args.hours_per_day,
        gold.servers,
        gold.month,
        silver.servers,
        silver.month
    );
}

fn tokens_cost(tier: &TierArgs, counts: &TierCounts) -> f64 {
    let (input, output) = tier.price;
    (number(counts.prompt_tokens) * input + number(counts.tokens) * output) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "servers are few")]
fn rent(tier: &TierArgs) -> f64 {
    tier.servers as f64 * tier.month
}

fn addresses_a_month(args: &SpeakArgs) -> f64 {
    DAYS * args.hours_per_day * 3_600_000.0 / number(args.every_ms.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn number(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SpeakArgs,
    }

    #[test]
    fn tokens_and_servers_cost_what_is_declared() {
        let args = Line::parse_from(["speak", "--gold-price", "1,4", "--hours-per-day", "3"]).args;
        let counts = TierCounts { prompt_tokens: 2_000_000, tokens: 500_000, ..TierCounts::default() };
        assert!((tokens_cost(&args.gold(), &counts) - 4.0).abs() < 1e-9, "2 × 1 and half of 4");
        assert!((addresses_a_month(&args) - 30.0 * 3.0 * 360.0).abs() < 1e-9);
        assert!((rent(&args.gold()) - 6.0 * 730.0).abs() < 1e-9);
    }
}
