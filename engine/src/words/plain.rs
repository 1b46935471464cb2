//! A text as it may be shown: one form for each character, and none that cannot be seen.

use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

/// The most marks that may be stacked upon a letter, beyond those it is composed with.
const MOST_MARKS: usize = 2;

/// A text that may be shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plain {
    /// The text: trimmed, with single spaces.
    pub text: String,
    /// Something was removed that cannot be seen, or was heaped upon a letter.
    pub invisible: bool,
    /// Characters stood in another form.
    pub form: bool,
}

/// Brings a text into Unicode's form NFKC, but for marks of East Asian type and the ellipsis, which disguise nothing.
/// Control characters, bidirectional overrides, characters of no width, tags, private and unassigned ones are removed;
/// joiners stay between letters whose scripts need them. White space becomes single spaces.
#[must_use]
pub fn plain(text: &str) -> Plain {
    let mut plain = Plain::default();
    let seen = without_invisible(text, &mut plain.invisible);
    let mut formed = String::with_capacity(seen.len());
    for part in seen.split_inclusive(is_typographic) {
        let (part, mark) = match part.chars().next_back().filter(|last| is_typographic(*last)) {
            Some(mark) => (&part[..part.len() - mark.len_utf8()], Some(mark)),
            None => (part, None),
        };
        formed.extend(part.nfkc());
        formed.extend(mark);
    }
    plain.form = formed != seen;
    // A form may hold what was hidden in it.
    let seen = without_invisible(&formed, &mut plain.invisible);
    plain.text = spaced(&seen);
    plain
}

/// Marks that East Asian text is set with, and the ellipsis: NFKC would make ASCII of them.
fn is_typographic(letter: char) -> bool {
    matches!(letter, '…' | '‥' | '！' | '？' | '，' | '．' | '：' | '；' | '（' | '）' | '～')
}

fn without_invisible(text: &str, removed: &mut bool) -> String {
    let mut seen = String::with_capacity(text.len());
    let (mut before, mut marks) = (None, 0);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let joins = |letter: &char| needs_joiners(*letter);
        let joiner = matches!(letter, '\u{200c}' | '\u{200d}');
        if joiner && before.as_ref().is_some_and(joins) && letters.peek().is_some_and(joins) {
            seen.push(letter);
            continue;
        }
        marks = if is_heaped_mark(letter) { marks + 1 } else { 0 };
        if marks > MOST_MARKS || (is_invisible(letter) && !letter.is_whitespace()) {
            *removed = true;
            continue;
        }
        seen.push(letter);
        before = Some(letter);
    }
    seen
}

fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for word in text.split(|letter: char| letter.is_whitespace() || letter == '\u{2800}') {
        if !word.is_empty() {
            if !spaced.is_empty() {
                spaced.push(' ');
            }
            spaced.push_str(word);
        }
    }
    spaced
}

/// Whether nothing is seen of it, or nobody knows what: Unicode's controls and formats, fillers, selectors of variants,
/// tags, private use, and what is no character.
pub(super) fn is_invisible(letter: char) -> bool {
    let code = u32::from(letter);
    letter.is_control()
        || matches!(code,
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffd
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xe0000..=0x0010_ffff)
        || code & 0xfffe == 0xfffe
}

/// Marks that are put upon any letter: accents, and those of symbols.
pub(super) fn is_heaped_mark(letter: char) -> bool {
    matches!(u32::from(letter), 0x300..=0x36f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

/// Whether words of its script are written with joiners of no width.
fn needs_joiners(letter: char) -> bool {
    use Script as S;
    matches!(
        letter.script(),
        S::Arabic
            | S::Syriac
            | S::Mongolian
            | S::Devanagari
            | S::Bengali
            | S::Gurmukhi
            | S::Gujarati
            | S::Oriya
            | S::Tamil
            | S::Telugu
            | S::Kannada
            | S::Malayalam
            | S::Sinhala
            | S::Khmer
            | S::Myanmar
    ) || (letter.script() == S::Inherited && !is_heaped_mark(letter) && !is_invisible(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_in_one_form_and_without_what_cannot_be_seen() {
        for (written, shown) in [
            ("Hail,  friend.\r\n", "Hail, friend."),
            ("Ｈａｉｌ　ﬁend ①", "Hail fiend 1"),
            ("e\u{301}te\u{301}", "été"),
            ("ﾊﾛｰ、世界！", "ハロー、世界！"),
            ("ほんと？！…うん（笑）", "ほんと？！…うん（笑）"),
            ("co\u{200b}me \u{202e}kcab\u{202c}\u{feff}", "come kcab"),
            ("a\u{e0041}b\u{f0000}c\u{e000}d\u{fffd}e\u{ad}f", "abcdef"),
            ("red\u{fe0f}\u{0}\u{1b}[1m", "red[1m"),
            ("Z\u{334}\u{335}\u{336}\u{337}\u{338}algo", "Z\u{334}\u{335}algo"),
            // Persian and Hindi cannot be written without.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("a\u{200c}b\u{200d}", "ab"),
            ("Đừng đi, bạn ơi", "Đừng đi, bạn ơi"),
            (" \t\n\u{2003}\u{2800}", ""),
        ] {
            assert_eq!(plain(written).text, shown, "{written:?}");
            assert_eq!(plain(shown).text, shown, "what may be shown stays: {shown:?}");
        }
    }

    #[test]
    fn what_was_changed_is_said() {
        let of = |text| (plain(text).invisible, plain(text).form);
        assert_eq!(of("Grüße, 世界! मैं"), (false, false));
        assert_eq!(of("a\u{200b}b"), (true, false));
        assert_eq!(of("ａ"), (false, true));
    }
}
