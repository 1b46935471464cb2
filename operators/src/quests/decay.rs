//! What is left of a value after a while, given its half-life: exact, in whole numbers.
//!
//! `docs/semantics.md` has the formula. Nothing here knows of objectives.

use std::sync::LazyLock;

/// c₁ ... c₃₂: 2^(−1/2), 2^(−1/4) ... in 64 binary digits after the point.
static ROOTS: LazyLock<[u128; 32]> = LazyLock::new(|| {
    let mut roots = [0; 32];
    let mut root = (1u128 << 127).isqrt();
    for place in &mut roots {
        *place = root;
        root = (root << 64).isqrt();
    }
    roots
});

/// What is left of `value` after `ticks`, if half of it is left after `half_life` of them (at least 1).
pub(crate) fn left(value: u64, ticks: u64, half_life: u64) -> u64 {
    let half_life = half_life.max(1);
    let (halvings, rest) = (ticks / half_life, ticks % half_life);
    if halvings >= 64 {
        return 0;
    }
    let digits = (u128::from(rest) << 32) / u128::from(half_life);
    let mut factor = 1u128 << 64;
    for (place, root) in ROOTS.iter().enumerate() {
        if digits >> (31 - place) & 1 == 1 {
            factor = (factor * root) >> 64;
        }
    }
    let value = u128::from(value).saturating_mul(factor) >> 64;
    u64::try_from(value >> halvings).expect("a factor is at most 1")
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn it_halves_and_is_near_the_exponential() {
        let million = 1_000_000_000_000u64;
        assert_eq!(left(million, 0, 7), million);
        assert_eq!(left(million, 7, 7), million / 2);
        assert_eq!(left(million, 70, 7), million >> 10);
        assert_eq!(left(u64::MAX, u64::MAX, 1), 0);
        for ticks in 0..1_000u32 {
            let exact = 1e12 * 2f64.powf(-f64::from(ticks) / 137.0);
            let found = left(million, ticks.into(), 137) as f64;
            assert!((exact - found).abs() < 1e-4 * exact.max(1.0) + 2.0, "{ticks}: {found}, not {exact}");
        }
    }

    #[test]
    fn it_never_rises_and_stopping_on_the_way_costs_a_unit_at_most() {
        let whole: Vec<u64> = (0..400).map(|ticks| left(5_000_000, ticks, 90)).collect();
        assert!(whole.windows(2).all(|pair| pair[0] >= pair[1]));
        for stop in 0..400u64 {
            let through = left(left(5_000_000, stop, 90), 400 - stop, 90);
            assert!(left(5_000_000, 400, 90).abs_diff(through) <= 2, "{stop}");
        }
    }
}
