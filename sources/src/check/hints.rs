//! Hints for names that are not known, and how many of them somebody gets.
//!
//! The nearest name is looked for among thousands, so whoever sends ten thousand wrong names in one
//! frame gets it for the first few; the rest is told only where such names come from.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use super::shorten;

/// A world may have a hundred thousand entities; a hint is not worth looking at all of them.
const MOST_LOOKED_AT: usize = 5_000;

/// How many more nearest names are looked for.
#[derive(Debug)]
pub struct Hints {
    left: AtomicU32,
}

impl Default for Hints {
    fn default() -> Hints {
        Hints { left: AtomicU32::new(Hints::MOST) }
    }
}

impl Hints {
    /// As many as one body of HTTP gets, and one session in a second.
    pub const MOST: u32 = 10;

    /// As [`suggest`]; when none is left, only where the names come from.
    pub(crate) fn suggest<'n>(
        &self,
        wrong: &str,
        names: impl IntoIterator<Item = &'n str>,
        about: &str,
    ) -> String {
        let take = |left: u32| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => suggest(wrong, names, about),
            Err(_) => about.to_owned(),
        }
    }
}

/// The hint for a name that is not known: the nearest that is, and where they come from.
pub(crate) fn suggest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>, about: &str) -> String {
    let wrong = shorten(wrong);
    let near = within_reach(wrong, names)
        .map(|(name, most)| (strsim::osa_distance(wrong, name), most, name))
        .filter(|(distance, most, _)| distance <= most)
        .map(|(distance, _, name)| (distance, name))
        .min();
    let mut hint = String::new();
    if let Some((_, name)) = near {
        let _ = write!(hint, "did you mean `{name}`? ");
    }
    hint.push_str(about);
    hint
}

/// The names whose lengths do not rule out that they are near, and how far each may be: a third of its
/// letters, at least one.
fn within_reach<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> impl Iterator<Item = (&'n str, usize)> {
    let letters = wrong.chars().count();
    names.into_iter().take(MOST_LOOKED_AT).filter_map(move |name| {
        let its = name.chars().count();
        let most = (its / 3).max(1);
        (its.abs_diff(letters) <= most).then_some((name, most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named() {
        let names = ["kill", "talk", "explore", "quest.accept"];
        for (wrong, expected) in [
            ("kil", "did you mean `kill`? look"),
            ("klil", "did you mean `kill`? look"),
            ("exploring", "look"),
            ("explroe", "did you mean `explore`? look"),
            ("quest.acpt", "did you mean `quest.accept`? look"),
            ("", "look"),
            ("something else", "look"),
        ] {
            assert_eq!(suggest(wrong, names, "look"), expected, "{wrong}");
        }
    }

    #[test]
    fn names_that_are_too_long_or_too_short_are_not_compared() {
        let names: Vec<String> = (1..=64).map(|letters| "x".repeat(letters)).collect();
        let reached = |letters: usize| {
            let wrong = "y".repeat(letters);
            let names: Vec<usize> =
                within_reach(&wrong, names.iter().map(String::as_str)).map(|(name, _)| name.len()).collect();
            names
        };
        assert_eq!(reached(1), [1, 2]);
        assert_eq!(reached(8), [6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(reached(64), (48..=64).collect::<Vec<_>>());
        assert_eq!(reached(100), [0; 0]);
    }

    #[test]
    fn only_the_first_get_a_nearest_name() {
        let hints = Hints::default();
        let given: Vec<String> =
            (0..Hints::MOST + 3).map(|_| hints.suggest("kil", ["kill"], "look")).collect();
        let (first, rest) = given.split_at(Hints::MOST as usize);
        assert!(first.iter().all(|hint| hint == "did you mean `kill`? look"), "{first:?}");
        assert!(rest.iter().all(|hint| hint == "look") && rest.len() == 3, "{rest:?}");
    }
}
