//! Spans of time as people read them.

/// A span in its largest unit: `340 ms`, `4.2 s`, `12 min`, `3.5 h`, `2.1 d`.
pub(super) fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| ms >= *unit) else {
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
    fn a_span_is_said_in_its_largest_unit() {
        let said: Vec<String> = [0, 340, 1_000, 4_240, 12_400, 90_000, 3_600_000, 12_600_000, 181_000_000]
            .into_iter()
            .map(span)
            .collect();
        assert_eq!(said, ["0 ms", "340 ms", "1 s", "4.2 s", "12 s", "1.5 min", "1 h", "3.5 h", "2.1 d"]);
    }
}
