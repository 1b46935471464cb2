//! Words without their disguises: case, accents, look-alikes of other scripts, digits for letters, letters written apart
//! or over and over.
//!
//! Both a text and the terms that are looked for in it are folded, so what is folded need be right in no language. What
//! may be read in several ways (`1` as `i` or `l`) is looked at in each.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};
use unicode_security::confusable_detection::skeleton;

use super::plain::{is_heaped_mark, is_invisible};

/// So many single letters in a row are a word written apart.
const LEAST_APART: usize = 3;

/// So many times the same letter in a row is one letter, or two.
const LEAST_RUN: usize = 3;

/// A text as words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Folded {
    words: Vec<Word>,
}

/// A word in every way that it may be read.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Word {
    /// With `1` and its like as `i`.
    text: String,
    /// With them as `l`, if there are any.
    other: Option<String>,
}

/// Folds a text.
#[must_use]
pub fn fold(text: &str) -> Folded {
    let letters: Vec<char> =
        text.nfkd().filter(|letter| !is_heaped_mark(*letter) && !is_invisible(*letter)).collect();
    let (mut words, mut word) = (Vec::new(), Vec::new());
    for (place, letter) in letters.iter().copied().enumerate() {
        let is_word = |letter: Option<&char>| letter.is_some_and(|letter| is_letter(*letter));
        let (before, after) = (!word.is_empty(), is_word(letters.get(place + 1)));
        match letter {
            _ if is_letter(letter) => word.push(letter),
            '@' | '$' | '€' if after => word.push(letter),
            '!' | '|' | '+' if before && after => word.push(letter),
            '\'' | '’' | 'ʼ' | '`' if before && after => {}
            _ => words.extend(Word::read(&std::mem::take(&mut word))),
        }
    }
    words.extend(Word::read(&word));
    Folded { words }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || is_combining_mark(letter)
}

impl Word {
    fn read(letters: &[char]) -> Option<Word> {
        if letters.is_empty() {
            return None;
        }
        let spelled = letters.iter().any(|letter| letter.is_alphabetic());
        let latin = letters.iter().any(char::is_ascii_alphabetic);
        let mut text = String::with_capacity(letters.len());
        for &letter in letters {
            look_alike(letter, latin, &mut text);
        }
        // A number stays one.
        if !spelled {
            return Some(Word { text, other: None });
        }
        let read = |as_one: char| -> String { text.chars().map(|letter| digit(letter, as_one)).collect() };
        let (one, other) = (read('i'), read('l'));
        let other = (other != one).then_some(other);
        Some(Word { text: one, other })
    }
}

/// The letter that a digit or a symbol stands for.
fn digit(letter: char, one: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        letter => letter,
    }
}

/// The Latin letter that another one looks like, in small; or itself. In a word that has Latin letters a capital is looked at as
/// it is, since it may look like another one than its small letter; in any other word case must not matter.
fn look_alike(letter: char, latin: bool, into: &mut String) {
    if letter.is_ascii() {
        return into.push(letter.to_ascii_lowercase());
    }
    match letter {
        'ß' | 'ẞ' => return into.push_str("ss"),
        'æ' | 'Æ' => return into.push_str("ae"),
        'œ' | 'Œ' => return into.push_str("oe"),
        _ => {}
    }
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    if !is_disguise(letter) {
        return into.push(lower);
    }
    let upper = letter.to_uppercase().next().filter(|_| latin);
    let all = [Some(letter).filter(|_| latin), Some(lower), upper];
    match all.into_iter().flatten().find_map(latin_look) {
        Some(looks) => into.push_str(&looks),
        None => into.push(lower),
    }
}

/// What a letter looks like, if that is Latin.
fn latin_look(letter: char) -> Option<String> {
    let mut buffer = [0; 4];
    let looks = skeleton(letter.encode_utf8(&mut buffer)).filter(|mark| !is_heaped_mark(*mark));
    let looks: String = looks.flat_map(char::to_lowercase).collect();
    match looks.as_str() {
        // What looks like an `m` does so by way of these two, and a capital `I` by way of this one.
        "rn" => Some("m".to_owned()),
        "l" => Some("1".to_owned()),
        "" => None,
        _ => looks.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(looks),
    }
}

/// Whether letters of its script are put for Latin ones.
fn is_disguise(letter: char) -> bool {
    use Script as S;
    matches!(
        letter.script(),
        S::Latin
            | S::Cyrillic
            | S::Greek
            | S::Armenian
            | S::Cherokee
            | S::Coptic
            | S::Lisu
            | S::Deseret
            | S::Common
            | S::Inherited
    )
}

/// Whether words of its script stand side by side without space between.
pub(super) fn is_unspaced(letter: char) -> bool {
    use Script as S;
    matches!(
        letter.script(),
        S::Han
            | S::Hiragana
            | S::Katakana
            | S::Bopomofo
            | S::Thai
            | S::Lao
            | S::Khmer
            | S::Myanmar
            | S::Tibetan
    ) || matches!(letter, 'ー' | '々' | '〆')
}

impl Folded {
    /// How many words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The same with these words before it, of which the last `most` are kept.
    #[must_use]
    pub fn after(&self, before: &Folded, most: usize) -> Folded {
        let skipped = before.words.len().saturating_sub(most);
        Folded { words: before.words[skipped..].iter().chain(&self.words).cloned().collect() }
    }

    /// The words; where a script has no space between them, its characters.
    #[must_use]
    pub fn tokens(&self) -> Vec<&str> {
        let mut tokens = Vec::with_capacity(self.words.len());
        for word in &self.words {
            let text = word.text.as_str();
            if !text.chars().any(is_unspaced) {
                tokens.push(text);
                continue;
            }
            let ends = text.char_indices().map(|(at, letter)| (at, at + letter.len_utf8()));
            tokens.extend(ends.map(|(from, to)| &text[from..to]));
        }
        tokens
    }

    /// The words, each once, with a space before and after each: in every way in which they may be read.
    pub(super) fn forms(&self) -> Vec<String> {
        let mut read = vec![self.joined(|word| &word.text)];
        if self.words.iter().any(|word| word.other.is_some()) {
            read.push(self.joined(|word| word.other.as_ref().unwrap_or(&word.text)));
        }
        let mut forms = Vec::with_capacity(read.len());
        for words in read {
            let apart = together(&words);
            for words in [Some(words), apart].into_iter().flatten() {
                let runs = [1, 2].map(|most| shortened(&words, most));
                forms.extend(runs.into_iter().flatten());
                forms.push(words);
            }
        }
        forms
    }

    fn joined(&self, text: impl Fn(&Word) -> &String) -> String {
        let mut joined = String::from(" ");
        for word in &self.words {
            joined.push_str(text(word));
            joined.push(' ');
        }
        joined
    }
}

/// With single letters in a row as one word, if there are any.
fn together(words: &str) -> Option<String> {
    let mut found = false;
    let mut out = String::from(" ");
    let mut row = String::new();
    let mut close = |row: &mut String, out: &mut String| {
        if row.chars().count() >= LEAST_APART {
            found = true;
            out.push_str(row);
            out.push(' ');
        } else {
            row.chars().for_each(|letter| out.extend([letter, ' ']));
        }
        row.clear();
    };
    for word in words.split_whitespace() {
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => row.push(letter),
            _ => {
                close(&mut row, &mut out);
                out.push_str(word);
                out.push(' ');
            }
        }
    }
    close(&mut row, &mut out);
    found.then_some(out)
}

/// With so many letters where the same one comes three times or more, if there are any.
fn shortened(words: &str, most: usize) -> Option<String> {
    let letters: Vec<char> = words.chars().collect();
    let mut out = String::with_capacity(words.len());
    let mut found = false;
    for run in letters.chunk_by(|a, b| a == b) {
        let kept = if run.len() >= LEAST_RUN { most } else { run.len() };
        found |= kept < run.len();
        out.extend(&run[..kept]);
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        fold(text).joined(|word| &word.text).trim().to_owned()
    }

    #[test]
    fn disguises_are_taken_off() {
        for (written, folded) in [
            ("WOLF, Wolf; wölf", "wolf wolf wolf"),
            ("ｗｏｌｆ 𝔀𝓸𝓵𝓯 ⓦⓞⓛⓕ", "wolf wolf wolf"),
            // Cyrillic and Greek letters, and capitals that only look alike as such.
            ("wоlf ԝolf wοlf ВAD", "wolf wolf wolf bad"),
            ("w0lf b@d 4ss $ly", "wolf bad ass sly"),
            ("w\u{200b}o\u{ad}lf w\u{336}o\u{336}lf", "wolf wolf"),
            ("don’t Straße", "dont strasse"),
            ("bad! I am 12, at 455", "bad i am 12 at 455"),
            // In such words, too: terms are folded alike.
            ("волк ВОЛК", "в\u{6f}лк в\u{6f}лк"),
            ("去死吧 ﾊﾞｶ", "去死吧 ハ\u{3099}カ"),
            ("लोमड़ी", "लोमड\u{93c}ी"),
            ("", ""),
        ] {
            assert_eq!(words(written), folded, "{written}");
        }
    }

    #[test]
    fn what_may_be_read_in_several_ways_is_read_in_each() {
        let forms = fold("w1lf be1l").forms();
        assert_eq!(forms, [" wilf beil ", " wllf bell "]);
        assert!(fold("so w o l f said").forms().contains(&" so wolf said ".to_owned()));
        assert!(fold("w.o.l.f").forms().contains(&" wolf ".to_owned()));
        let forms = fold("wooolf assss").forms();
        assert!(
            forms.contains(&" wolf as ".to_owned()) && forms.contains(&" woolf ass ".to_owned()),
            "{forms:?}"
        );
        assert_eq!(fold("good grass").forms(), [" good grass "]);
    }

    #[test]
    fn tokens_are_words_or_characters() {
        assert_eq!(fold("The old wolf.").tokens(), ["the", "old", "wolf"]);
        assert_eq!(fold("狼来了").tokens(), ["狼", "来", "了"]);
        let (before, after) = (fold("one two three"), fold("four"));
        assert_eq!(after.after(&before, 2).tokens(), ["two", "three", "four"]);
    }
}
