//! Scripts: how many of a sentence's letters are of the script of its language.

use unicode_script::{Script, UnicodeScript};

/// The scripts in which a language is written: as its tag says, or else as it usually is.
fn scripts(locale: &str) -> &'static [Script] {
    use Script as S;
    const HAN: &[Script] = &[S::Han, S::Bopomofo];
    const JAPANESE: &[Script] = &[S::Han, S::Hiragana, S::Katakana];
    const KOREAN: &[Script] = &[S::Hangul, S::Han];
    let mut tags = locale.split(['-', '_']);
    let language = tags.next().unwrap_or_default().to_ascii_lowercase();
    if let Some(tag) = tags.find(|tag| tag.len() == 4 && tag.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        match tag.to_ascii_lowercase().as_str() {
            "latn" => return &[S::Latin],
            "cyrl" => return &[S::Cyrillic],
            "arab" => return &[S::Arabic],
            "grek" => return &[S::Greek],
            "hebr" => return &[S::Hebrew],
            "deva" => return &[S::Devanagari],
            "hans" | "hant" | "hani" => return HAN,
            "jpan" => return JAPANESE,
            "kore" => return KOREAN,
            _ => {}
        }
    }
    match language.as_str() {
        "ru" | "uk" | "be" | "bg" | "sr" | "mk" | "kk" | "ky" | "mn" | "tg" | "tt" => &[S::Cyrillic],
        "el" => &[S::Greek],
        "ar" | "fa" | "ur" | "ps" | "ug" | "sd" | "ckb" => &[S::Arabic],
        "he" | "yi" => &[S::Hebrew],
        "hi" | "mr" | "ne" | "sa" => &[S::Devanagari],
        "zh" | "yue" => HAN,
        "ja" => JAPANESE,
        "ko" => KOREAN,
        "th" => &[S::Thai],
        "lo" => &[S::Lao],
        "km" => &[S::Khmer],
        "my" => &[S::Myanmar],
        "bo" | "dz" => &[S::Tibetan],
        "ka" => &[S::Georgian],
        "hy" => &[S::Armenian],
        "am" | "ti" => &[S::Ethiopic],
        "bn" | "as" => &[S::Bengali],
        "pa" => &[S::Gurmukhi],
        "gu" => &[S::Gujarati],
        "or" => &[S::Oriya],
        "ta" => &[S::Tamil],
        "te" => &[S::Telugu],
        "kn" => &[S::Kannada],
        "ml" => &[S::Malayalam],
        "si" => &[S::Sinhala],
        _ => &[S::Latin],
    }
}

/// Whether at least so many of a hundred letters are of the language's script. A text without letters is of any.
pub(super) fn is_of(text: &str, locale: &str, percent: u32) -> bool {
    let scripts = scripts(locale);
    let (mut all, mut of) = (0_u64, 0_u64);
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        let script = letter.script();
        // Such as the sign that lengthens a vowel in Japanese.
        if matches!(script, Script::Common | Script::Inherited) {
            continue;
        }
        all += 1;
        of += u64::from(scripts.contains(&script));
    }
    of * 100 >= all * u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_of_the_script_of_their_language() {
        for (locale, text, is) in [
            ("en", "Hail, friend.", true),
            ("en", "Привет, друг.", false),
            ("en", "你好", false),
            ("en", "The word is 狼.", true),
            ("en", "12, 13 ... !?", true),
            ("vi", "Đừng đi, bạn ơi", true),
            ("ru", "Привет, друг.", true),
            ("ru-RU", "Hail, friend.", false),
            ("ru", "Это Greenvale, друг мой.", false),
            ("ru", "Это, друг мой, и есть долина Greenvale.", true),
            ("sr-Latn", "Zdravo, prijatelju.", true),
            ("sr", "Zdravo, prijatelju.", false),
            ("ja", "ハロー、世界。おはよう", true),
            ("ja", "안녕하세요", false),
            ("ko", "안녕하세요", true),
            ("zh-Hant", "你好，朋友。", true),
            ("zh", "こんにちは、おはよう", false),
            ("ar", "مرحبا يا صديقي", true),
            ("fa", "می\u{200c}خواهم", true),
            ("he", "שלום", true),
            ("hi", "नमस्ते दोस्त", true),
            ("hi", "namaste dost", false),
            ("hi-Latn", "namaste dost", true),
            ("th", "สวัสดี", true),
            ("el", "Γεια σου", true),
        ] {
            assert_eq!(is_of(text, locale, 70), is, "{locale}: {text}");
        }
        assert!(is_of("Привет", "en", 0));
    }
}
