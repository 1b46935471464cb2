//! What a simulated model says: sentences of plain words, drawn from seeds. A word is a token. Where an object is asked for,
//! they are its line.

use serde_json::{Value as Json, json};
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
fn say(seed: u64, prompt: &str, choice: u64, most: usize, ends: bool) -> (Vec<String>, bool) {
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

/// The same as the line of an object that begins with this head, if there is one.
pub(crate) fn answer(
    seed: u64,
    (prompt, choice): (&str, u64),
    most: usize,
    ends: bool,
    head: Option<&str>,
) -> (Vec<String>, bool) {
    let (mut tokens, cut) = say(seed, prompt, choice, most, ends);
    if let (Some(head), Some(first)) = (head, tokens.first_mut()) {
        first.insert_str(0, head);
    }
    if let (Some(_), Some(last), false) = (head, tokens.last_mut(), cut) {
        last.push_str("\"}");
    }
    (tokens, cut)
}

/// A text as an answer, or as the line of an object that begins with this head, and whether it was cut at `most` tokens.
pub(crate) fn told(text: &str, most: usize, head: Option<&str>) -> (Vec<String>, bool) {
    let whole = match head {
        // Its first quotation mark stands at the end of the head.
        Some(head) => format!("{head}{}}}", &json!(text).to_string()[1..]),
        None => text.to_owned(),
    };
    let mut tokens: Vec<String> = whole.split_inclusive(' ').map(str::to_owned).collect();
    let cut = tokens.len() > most;
    tokens.truncate(most);
    (tokens, cut)
}

/// How an object of this format begins that has a line: with the first of the emotions that it may have.
pub(crate) fn head_of(response_format: &Json) -> Option<String> {
    let properties = &response_format["json_schema"]["schema"]["properties"];
    let emotion = properties["emotion"]["enum"][0].as_str()?;
    properties["line"]
        .is_object()
        .then(|| format!(r#"{{"emotion":{},"action":null,"refs":[],"line":""#, json!(emotion)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_said_as_it_is() {
        assert_eq!(told("Hail, friend.", 8, None), (vec!["Hail, ".to_owned(), "friend.".to_owned()], false));
        assert_eq!(told("Hail, friend.", 1, None), (vec!["Hail, ".to_owned()], true));
        let object = told("So \"so\".", 8, Some(r#"{"refs":[],"line":""#)).0.concat();
        assert_eq!(object, r#"{"refs":[],"line":"So \"so\"."}"#);
    }

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
