//! The numbers that arguments may be: what is outside is refused where it is typed.

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser};

/// Players of one simulated game server.
pub(super) fn players() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=100_000)
}

/// Days of a world that are simulated.
pub(super) fn days() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=3_660)
}

/// Timely workers of a realm; each is a thread.
pub(super) fn workers() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=256)
}

/// Requests that are asked again.
pub(super) fn requests() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=crate::reask::MOST_REQUESTS as u64)
}

/// How long something runs: at most a year.
pub(super) fn seconds() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=366 * 86_400)
}

/// How many times faster than its natural pace something goes.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= 10_000.0 => Ok(speed),
        _ => Err("it is a number above 0 and at most 10000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Cli;

    #[test]
    fn numbers_outside_their_range_are_refused_where_they_are_typed() {
        let run = ["worldflow", "run", "w"];
        let bots = ["worldflow", "bots", "--url", "ws://h", "--token", "t"];
        let demo = ["worldflow", "demo"];
        let replay = ["worldflow", "replay", "w", "--events", "e", "--dump", "d"];
        let alone = ["worldflow"];
        let simulate = ["worldflow", "simulate"];
        let reask = ["worldflow", "reask", "--journal", "d", "--tier", "t"];
        let most = &*u64::MAX.to_string();
        for (command, argument, good, bad) in [
            (&run[..], "--port", &["0", "65535"][..], &["65536", "-1", "x"][..]),
            (&run, "--workers", &["1", "256"], &["0", "257", "-1", most]),
            (&replay, "--workers", &["1", "256"], &["0", "257", "-1", most]),
            (&demo, "--port", &["0"], &["65536"]),
            (&demo, "--workers", &["1"], &["0", most]),
            (&demo, "--bots", &["1", "100000"], &["0", "100001", "-1", most]),
            (&demo, "--seed", &["0", most], &["-1", "18446744073709551616"]),
            (&alone, "--bots", &["1"], &["0"]),
            (&simulate, "--players", &["1", "100000"], &["0", "100001", "-1"]),
            (&reask, "--limit", &["1", "10000"], &["0", "10001", "-1"]),
            (&simulate, "--days", &["1", "3660"], &["0", "3661", "-1"]),
            (&bots, "--players", &["1", "100000"], &["0", "100001", most]),
            (&bots, "--seed", &[most], &["-1"]),
            (&bots, "--seconds", &["1", "31622400"], &["0", "31622401", "-1", most]),
            (&bots, "--speed", &["0.1", "10000"], &["0", "-1", "NaN", "inf", "10001", "fast"]),
        ] {
            let parse = |value: &str| {
                let argument = format!("{argument}={value}");
                Cli::try_parse_from(command.iter().copied().chain([argument.as_str()]))
            };
            for value in good {
                assert!(parse(value).is_ok(), "{command:?} {argument}={value}: {:?}", parse(value).err());
            }
            for value in bad {
                let error = parse(value).expect_err("out of range").to_string();
                assert!(
                    error.contains(argument) && error.contains(value),
                    "{command:?} {argument}={value}: {error}"
                );
            }
        }
    }
}
