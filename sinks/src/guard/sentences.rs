//! A line cut into sentences while it comes, letter by letter: a sentence is whole as soon as white space, or a sign that
//! ends one without, follows its end.
//!
//! It never looks further ahead than one letter, since what waits is heard late. So it is simpler than Unicode's rules (UAX
//! 29), which may look as far as the next letter of a word.

/// A longer one is cut: no NPC's line comes near it.
pub(super) const MOST_SENTENCE_BYTES: usize = 4_096;

/// Words before a full stop that does not end a sentence, in Latin script.
const SHORT: [&str; 11] = ["mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "vs", "hr", "fr"];

/// What has come of a line and is not a whole sentence yet.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    text: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Within a sentence.
    #[default]
    Within,
    /// After a sign that ends one if white space follows.
    AfterStop,
    /// After one that needs none: of Chinese or Japanese.
    AfterWideStop,
}

impl Sentences {
    /// Takes a letter; gives the sentence that it shows to be whole.
    pub(super) fn push(&mut self, letter: char) -> Option<String> {
        let ended = match self.state {
            _ if matches!(letter, '\n' | '\r' | '\u{2028}' | '\u{2029}') => self.flush(),
            State::Within => None,
            _ if is_stop(letter) || is_closing(letter) => None,
            State::AfterStop if letter.is_whitespace() => (!self.is_short()).then(|| self.flush()).flatten(),
            State::AfterWideStop => self.flush(),
            State::AfterStop => None,
        };
        self.state = match letter {
            '。' | '！' | '？' | '｡' => State::AfterWideStop,
            letter if is_stop(letter) => self.state.after_stop(),
            letter if is_closing(letter) => self.state,
            _ => State::Within,
        };
        if !self.text.is_empty() || !letter.is_whitespace() {
            self.text.push(letter);
        }
        ended
    }

    /// Whether what has come is more than a sentence may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.text.len() > MOST_SENTENCE_BYTES
    }

    /// What is left at the end of a line.
    pub(super) fn flush(&mut self) -> Option<String> {
        self.state = State::Within;
        let text = std::mem::take(&mut self.text);
        let text = text.trim_end();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Whether the full stop belongs to the word before it: an initial, an ordinal, a title, `e.g.`; or dots with next to
    /// nothing before them.
    fn is_short(&self) -> bool {
        let text = self.text.trim_end_matches(is_closing);
        let Some(before) = text.strip_suffix('.') else {
            return text.ends_with('…') && text.split_whitespace().count() < 3;
        };
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let letters = word.chars().count();
        if before.ends_with('.') {
            return before.ends_with("..") && before.split_whitespace().count() < 3;
        }
        let initial = letters <= 1 && !matches!(word, "I" | "a" | "я");
        let ordinal = letters <= 2 && word.chars().all(|letter| letter.is_ascii_digit());
        initial || ordinal || word.contains('.') || SHORT.iter().any(|short| short.eq_ignore_ascii_case(word))
    }
}

impl State {
    fn after_stop(self) -> State {
        if self == State::AfterWideStop { self } else { State::AfterStop }
    }
}

/// Whether it may end a sentence: of Latin, Greek, Armenian, Arabic, Urdu, Devanagari, Tibetan, Ethiopic, Myanmar, Khmer.
fn is_stop(letter: char) -> bool {
    matches!(
        letter,
        '.' | '!'
            | '?'
            | '…'
            | '‼'
            | '⁇'
            | '⁈'
            | '⁉'
            | '。'
            | '！'
            | '？'
            | '｡'
            | '։'
            | '؟'
            | '۔'
            | '।'
            | '॥'
            | '།'
            | '።'
            | '၊'
            | '။'
            | '។'
    )
}

fn is_closing(letter: char) -> bool {
    matches!(
        letter,
        '"' | '\''
            | '”'
            | '’'
            | ')'
            | ']'
            | '}'
            | '»'
            | '›'
            | '」'
            | '』'
            | '）'
            | '】'
            | '*'
            | '_'
            | '~'
            | '～'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<String> {
        let mut sentences = Sentences::default();
        let mut all: Vec<String> = text.chars().filter_map(|letter| sentences.push(letter)).collect();
        all.extend(sentences.flush());
        all
    }

    #[test]
    fn lines_are_cut_where_readers_would_pause() {
        for (line, expected) in [
            ("Hail. How are you?", &["Hail.", "How are you?"][..]),
            ("  Well... no.  Yes!  ", &["Well... no.", "Yes!"]),
            ("I waited, and waited... Then it came.", &["I waited, and waited...", "Then it came."]),
            ("Mr. Smith paid 3.50 at 4 p.m. sharp.", &["Mr. Smith paid 3.50 at 4 p.m. sharp."]),
            ("\"Run!\" he said. (Now.) Go", &["\"Run!\"", "he said.", "(Now.)", "Go"]),
            ("What?! No", &["What?!", "No"]),
            ("one\ntwo\r\n\r\nthree", &["one", "two", "three"]),
            ("J. R. Smith and I. Go.", &["J. R. Smith and I.", "Go."]),
            ("Am 3. Mai geht es z.B. los. Gut.", &["Am 3. Mai geht es z.B. los.", "Gut."]),
            ("狼が来た。逃げろ！「はい。」行こう", &["狼が来た。", "逃げろ！", "「はい。」", "行こう"]),
            ("Волк. Беги!", &["Волк.", "Беги!"]),
            ("भेड़िया आया। भागो!", &["भेड़िया आया।", "भागो!"]),
            ("هل رأيت الذئب؟ نعم.", &["هل رأيت الذئب؟", "نعم."]),
            ("  \n ", &[]),
            ("", &[]),
        ] {
            assert_eq!(sentences(line), expected, "{line:?}");
        }
    }
}
