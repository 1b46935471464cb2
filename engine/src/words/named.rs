//! Whether a text names something: the name is in it as it is written, from border to border of words.

use super::fold::is_unspaced;

/// Whether a name or an id stands in a text as a whole. Beside letters of a script without space between words it may
/// stand anywhere. An underscore is part of a word, as it is of ids.
#[must_use]
pub fn is_named(text: &str, name: &str) -> bool {
    let (first, last) = (name.chars().next(), name.chars().next_back());
    let stands = |at: usize| {
        let (before, rest) = text.split_at(at);
        rest.strip_prefix(name).is_some_and(|after| {
            !are_joined(before.chars().next_back(), first) && !are_joined(last, after.chars().next())
        })
    };
    first.is_some() && text.char_indices().any(|(at, _)| stands(at))
}

/// Whether no border of words is between two letters that stand side by side.
fn are_joined(one: Option<char>, other: Option<char>) -> bool {
    let is_of_word = |letter: char| (letter.is_alphanumeric() || letter == '_') && !is_unspaced(letter);
    one.is_some_and(is_of_word) && other.is_some_and(is_of_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_whole_word_where_words_have_borders() {
        for (text, name, expected) in [
            ("Beware of the wolf.", "wolf", true),
            ("The wolf's den", "wolf", true),
            ("(wolf)", "wolf", true),
            ("hello wolfram", "wolf", false),
            ("a werewolf", "wolf", false),
            ("the wolf_den", "wolf", false),
            ("the wolf_den", "wolf_den", true),
            ("werewolf, then a wolf", "wolf", true),
            ("Ask Old Mira!", "Old Mira", true),
            ("Ask Old Miranda!", "Old Mira", false),
            ("level 12", "1", false),
            ("die Mühle", "Mühl", false),
            ("волка", "волк", false),
            ("小心狼群", "狼", true),
            ("the 狼 is", "狼", true),
            ("wolf", "", false),
            ("", "wolf", false),
            ("", "", false),
        ] {
            assert_eq!(is_named(text, name), expected, "{text}: {name}");
        }
    }
}
