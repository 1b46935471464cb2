//! Chance without state: `hash(seed, stream, key, counter)`.
//!
//! A draw depends on nothing but its four parts, so replay, restarts and any number of workers see
//! the same draws. Streams keep uses apart: a forecast draws from another stream than the weather.

use xxhash_rust::xxh3::Xxh3;

/// Draws 64 uniform bits.
#[must_use]
pub fn draw(seed: u64, stream: &str, key: &str, counter: u64) -> u64 {
    let mut hasher = Xxh3::with_seed(seed);
    hasher.update(&u64::try_from(stream.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(stream.as_bytes());
    hasher.update(key.as_bytes());
    hasher.update(&counter.to_le_bytes());
    hasher.digest()
}

/// Draws a whole number in `0..bound` without bias that could be measured (128-bit multiply).
#[must_use]
pub fn below(seed: u64, stream: &str, key: &str, counter: u64, bound: u64) -> u64 {
    let wide = u128::from(draw(seed, stream, key, counter)) * u128::from(bound);
    u64::try_from(wide >> 64).expect("the high half of a 128-bit product fits 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_pure_and_streams_are_apart() {
        assert_eq!(draw(1, "weather", "moor", 7), draw(1, "weather", "moor", 7));
        assert_ne!(draw(1, "weather", "moor", 7), draw(1, "weather", "moor", 8));
        assert_ne!(draw(1, "weather", "moor", 7), draw(1, "forecast", "moor", 7));
        assert!((0..1000).all(|n| below(3, "s", "k", n, 10) < 10));
    }
}
