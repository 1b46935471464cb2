//! A model's answer as it comes, in whatever pieces: its head, its sentences, its end.
//!
//! `bytes ─UTF-8→ letters ─form→ head, letters of the line ─→ sentences`. What is read does not depend on where the pieces
//! are cut. It is bounded in each of its parts and as a whole, and judges nothing of what it reads.

use super::form::{FormReader, Step};
use super::sentences::Sentences;
use super::{Head, Violation};

/// The most of an answer that is read.
pub const MOST_ANSWER_BYTES: usize = 65_536;

/// In which form a model was asked to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As the JSON object of [`super::Guard::response_format`].
    Object,
    /// With the line alone.
    Line,
}

/// What has come of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// All that stands before the line. It comes before every sentence, and once.
    Head(Head),
    /// A sentence, as the model wrote it.
    Sentence(String),
    /// The line is over; nothing follows.
    End {
        /// It broke off, or was longer than is read: a sentence that was begun is not among those before.
        truncated: bool,
    },
    /// The answer is none; nothing follows.
    Violation(Violation),
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    form: Option<FormReader>,
    sentences: Sentences,
    /// Bytes of a character whose rest has not come; at most three.
    rest: Vec<u8>,
    bytes: usize,
    begun: bool,
    spoken: bool,
    over: bool,
}

impl Reader {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(form: Form) -> Reader {
        Reader {
            form: (form == Form::Object).then(FormReader::new),
            sentences: Sentences::default(),
            rest: Vec::new(),
            bytes: 0,
            begun: false,
            spoken: false,
            over: false,
        }
    }

    /// Whether nothing follows, whatever comes: the connection may be dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the next piece.
    pub fn read(&mut self, piece: &[u8], parts: &mut Vec<Part>) {
        if self.over {
            return;
        }
        // Beyond what is read nothing need be held.
        let piece = &piece[..piece.len().min(MOST_ANSWER_BYTES + 4)];
        let held;
        let mut bytes = if self.rest.is_empty() {
            piece
        } else {
            let mut joined = std::mem::take(&mut self.rest);
            joined.extend_from_slice(piece);
            held = joined;
            &held
        };
        while !bytes.is_empty() && !self.over {
            let (text, skipped) = match std::str::from_utf8(bytes) {
                Ok(text) => (text, 0),
                Err(error) => {
                    let (good, _) = bytes.split_at(error.valid_up_to());
                    let text = std::str::from_utf8(good).unwrap_or_default();
                    let Some(length) = error.error_len() else {
                        self.letters(text, parts);
                        self.rest = bytes[text.len()..].to_vec();
                        return;
                    };
                    (text, length)
                }
            };
            self.letters(text, parts);
            if skipped > 0 {
                self.letter(char::REPLACEMENT_CHARACTER, skipped, parts);
            }
            bytes = &bytes[text.len() + skipped..];
        }
    }

    /// The answer has ended: `whole`, or it broke off, or was cut off at its longest.
    pub fn finish(&mut self, whole: bool, parts: &mut Vec<Part>) {
        if self.over {
            return;
        }
        if !std::mem::take(&mut self.rest).is_empty() {
            self.letter(char::REPLACEMENT_CHARACTER, 1, parts);
        }
        if self.over {
            return;
        }
        match &self.form {
            Some(form) if form.is_untouched() => self.fail(Violation::Empty, parts),
            Some(form) if !form.in_line() => {
                self.fail(if whole { Violation::Form } else { Violation::BrokenOff }, parts);
            }
            // The quotation mark at the end of the line has not come.
            Some(_) => self.end(true, parts),
            None if !self.begun => self.fail(Violation::Empty, parts),
            None => self.end(!whole, parts),
        }
    }

    fn letters(&mut self, text: &str, parts: &mut Vec<Part>) {
        for letter in text.chars() {
            if self.over {
                return;
            }
            self.letter(letter, letter.len_utf8(), parts);
        }
    }

    fn letter(&mut self, letter: char, bytes: usize, parts: &mut Vec<Part>) {
        if self.over {
            return;
        }
        self.bytes += bytes;
        if self.bytes > MOST_ANSWER_BYTES {
            return self.end(true, parts);
        }
        let Some(form) = &mut self.form else { return self.plain(letter, parts) };
        match form.push(letter) {
            Ok(steps) => steps.into_iter().for_each(|step| self.step(step, parts)),
            Err(violation) => self.fail(violation, parts),
        }
    }

    /// A letter of an answer that is the line alone.
    fn plain(&mut self, letter: char, parts: &mut Vec<Part>) {
        if !self.begun {
            if letter.is_whitespace() || letter == '\u{feff}' {
                return;
            }
            // Nobody asked for an object.
            if letter == '{' || letter == '`' {
                return self.fail(Violation::Form, parts);
            }
            self.step(Step::Head(Head::default()), parts);
        }
        self.step(Step::Letter(letter), parts);
    }

    fn step(&mut self, step: Step, parts: &mut Vec<Part>) {
        match step {
            _ if self.over => {}
            Step::Nothing => {}
            Step::Head(head) => {
                self.begun = true;
                parts.push(Part::Head(head));
            }
            Step::Letter(letter) => {
                let sentence = self.sentences.push(letter);
                self.say(sentence, parts);
                if self.sentences.is_too_long() {
                    let sentence = self.sentences.flush();
                    self.say(sentence, parts);
                    self.end(true, parts);
                }
            }
            Step::End => self.end(false, parts),
        }
    }

    fn say(&mut self, sentence: Option<String>, parts: &mut Vec<Part>) {
        self.spoken |= sentence.is_some();
        parts.extend(sentence.map(Part::Sentence));
    }

    fn end(&mut self, truncated: bool, parts: &mut Vec<Part>) {
        if self.over {
            return;
        }
        // Half a sentence is not said.
        let rest = self.sentences.flush().filter(|_| !truncated);
        self.say(rest, parts);
        let violation = match (self.begun, truncated) {
            (false, _) => Some(Violation::HeadTooLong),
            (true, true) if !self.spoken => Some(Violation::BrokenOff),
            (true, false) if !self.spoken => Some(Violation::Empty),
            _ => None,
        };
        match violation {
            Some(violation) => self.fail(violation, parts),
            None => {
                self.over = true;
                parts.push(Part::End { truncated });
            }
        }
    }

    fn fail(&mut self, violation: Violation, parts: &mut Vec<Part>) {
        self.over = true;
        parts.push(Part::Violation(violation));
    }
}

#[cfg(test)]
mod tests;
