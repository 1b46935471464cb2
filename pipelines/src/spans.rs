//! Spans of time as people read them, and times.

/// RFC 3339; the number itself where the calendar has no such time.
pub(crate) fn utc(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

/// The units that are said, and their milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A span by its two largest units, rounded down: `2 h 5 min`.
pub(crate) fn span(ms: u64) -> String {
    let Some(first) = UNITS.iter().position(|(_, unit)| ms >= *unit) else { return "no time".to_owned() };
    let mut rest = ms;
    let mut parts = Vec::new();
    for (name, unit) in &UNITS[first..(first + 2).min(UNITS.len())] {
        // Milliseconds beside seconds say nothing to people, once there are some.
        if rest >= *unit && !(*name == "ms" && ms >= 10_000) {
            parts.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

/// A span in its largest unit, rounded, as a column of a table has room for: `340 ms`, `4.2 s`, `12 min`, `3.5 h`, `2.1 d`.
pub(crate) fn rounded_span(ms: u64) -> String {
    let Some((name, unit)) = UNITS.into_iter().find(|(_, unit)| ms >= *unit && *unit > 1) else {
        return format!("{ms} ms");
    };
    // Tenths, rounded.
    let tenths = (u128::from(ms) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths < 100 && tenths % 10 != 0 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (tenths + 5) / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_by_their_two_largest_units() {
        for (ms, said) in [
            (0, "no time"),
            (40, "40 ms"),
            (2_500, "2 s 500 ms"),
            (12_345, "12 s"),
            (720_000, "12 min"),
            (3_660_000, "1 h 1 min"),
            (90_061_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ms), said);
        }
    }

    #[test]
    fn a_rounded_span_is_said_in_its_largest_unit() {
        let said: Vec<String> = [0, 340, 1_000, 4_240, 12_400, 90_000, 3_600_000, 12_600_000, 181_000_000]
            .into_iter()
            .map(rounded_span)
            .collect();
        assert_eq!(said, ["0 ms", "340 ms", "1 s", "4.2 s", "12 s", "1.5 min", "1 h", "3.5 h", "2.1 d"]);
    }
}
