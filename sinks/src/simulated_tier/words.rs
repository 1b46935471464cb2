//! What a simulated model says: sentences of plain words, drawn from seeds. A word is a token.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const WORDS: [&str; 48] = [
    "the", "road", "winter", "is", "long", "and", "wolves", "come", "down", "from", "hills", "when", "snow",
    "falls", "bring", "wood", "before", "night", "my", "father", "forged", "this", "blade", "for", "a",
    "king", "who", "never", "paid", "trust", "no", "merchant", "with", "clean", "boots", "stay", "by",
    "fire", "friend", "we", "have", "bread", "ale", "enough", "until", "spring", "old", "mill",
];

/// The fewest and the most tokens of an answer that is not cut.
const TOKENS: (u64, u64) = (12, 40);

/// An answer, token by token, and whether it was cut at `most`: one that does not end by itself always is.
pub(super) fn say(seed: u64, prompt: &str, choice: u64, most: usize, ends: bool) -> (Vec<String>, bool) {
    let start = xxh3_64_with_seed(prompt.as_bytes(), seed ^ choice.rotate_left(32));
    let draw = |n: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..].copy_from_slice(&n.to_le_bytes());
        xxh3_64(&bytes)
    };
    let length = if ends { TOKENS.0 + draw(u64::MAX) % (TOKENS.1 - TOKENS.0) } else { most as u64 };
    let (mut tokens, mut in_sentence) = (Vec::new(), 0);
    for n in 0..length {
        let word = WORDS[usize::try_from(draw(n) % WORDS.len() as u64).unwrap_or(0)];
        let (first, rest) = word.split_at(1);
        let begins = in_sentence == 0;
        let word = if begins { first.to_uppercase() + rest } else { word.to_owned() };
        in_sentence += 1;
        let ends = n + 1 == length || (in_sentence >= 4 && draw(n ^ u64::MAX >> 1) % 4 == 0);
        if ends {
            in_sentence = 0;
        }
        let space = if n == 0 { "" } else { " " };
        tokens.push(format!("{space}{word}{}", if ends { "." } else { "" }));
    }
    let cut = !ends || tokens.len() > most;
    tokens.truncate(most);
    (tokens, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_drawn_from_the_seeds() {
        let (tokens, cut) = say(1, "hail", 0, 4_096, true);
        assert_eq!((say(1, "hail", 0, 4_096, true), cut), ((tokens.clone(), false), false));
        for other in
            [say(2, "hail", 0, 4_096, true), say(1, "ho", 0, 4_096, true), say(1, "hail", 1, 4_096, true)]
        {
            assert_ne!(other.0, tokens);
        }
        let text = tokens.concat();
        assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{text}");
        assert_eq!(say(1, "hail", 0, 5, true), (tokens[..5].to_vec(), true));
        let (endless, cut) = say(1, "hail", 0, 60, false);
        assert_eq!((endless.len(), cut), (60, true));
    }
}
