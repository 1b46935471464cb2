//! The findings side by side, and where they differ.

use std::fmt::Write as _;
use std::time::Duration;

use super::speed::{Batch, DEADLINES};

/// What both do, each question in a line; `≠` before those that differ.
pub(super) fn behaviour(real: &[(&str, String)], simulated: &[(&str, String)]) -> String {
    let mut out = String::from("\nwhat it does\n");
    let mut differ = 0;
    for ((question, real), (_, simulated)) in real.iter().zip(simulated) {
        if real == simulated {
            let _ = writeln!(out, "    {question:<28} {real}");
        } else {
            differ += 1;
            let _ = writeln!(out, "  ≠ {question:<28} {real}\n    {:<28} {simulated}", "  the simulator");
        }
    }
    let _ = writeln!(out, "    {differ} of {} differ", real.len());
    out
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

/// How fast both are, by the size of the batch.
pub(super) fn speed(real: &[Batch], simulated: &[Batch]) -> String {
    let mut out = String::from(
        "\nhow fast it is, in ms        first text         a token       whole answer   tokens/s   the simulator: first text, a token, whole, tokens/s\n\
         batch               p50     p95         p50        p50     p95                     p50     p50     p50\n",
    );
    for (real, simulated) in real.iter().zip(simulated) {
        let _ = writeln!(
            out,
            "{:>5}         {:>9.1} {:>7.1} {:>11.2} {:>10.0} {:>7.0} {:>10.1} {:>12.1} {:>7.2} {:>7.0} {:>9.1}",
            real.size,
            ms(real.first_token()),
            ms(real.first_tokens(95)),
            ms(real.per_token()),
            ms(real.whole(50)),
            ms(real.whole(95)),
            real.tokens_per_s(),
            ms(simulated.first_token()),
            ms(simulated.per_token()),
            ms(simulated.whole(50)),
            simulated.tokens_per_s(),
        );
    }
    out
}

/// How many answers were late for each class of tiers.
pub(super) fn misses(real: &[Batch], simulated: &[Batch]) -> String {
    let mut out = String::from("\ndeadlines missed, of the answers; the simulator's behind it\nbatch");
    for deadline in DEADLINES {
        let tokens = match deadline.tokens {
            usize::MAX => "all".to_owned(),
            tokens => format!("{tokens} tokens"),
        };
        let named = format!("{}: {tokens} in {:?}", deadline.tier, deadline.within);
        let _ = write!(out, " {named:>30}");
    }
    out.push('\n');
    for (real, simulated) in real.iter().zip(simulated) {
        let _ = write!(out, "{:>5}", real.size);
        for deadline in DEADLINES {
            let ((late, of), (simulated, of_simulated)) = (real.late(deadline), simulated.late(deadline));
            let _ = write!(out, " {:>30}", format!("{late}/{of}  ({simulated}/{of_simulated})"));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_marked_and_counted() {
        let real = [("health", "200".to_owned()), ("a priority", "200, answered".to_owned())];
        let simulated = [("health", "200".to_owned()), ("a priority", "400".to_owned())];
        let text = behaviour(&real, &simulated);
        assert!(text.contains("  ≠ a priority") && text.contains("1 of 2 differ"), "{text}");
        assert!(!text.contains("≠ health"), "{text}");
    }
}
