//! The form of a reply: a JSON object whose fields come in the order emotion, action, refs, line, read letter by letter.
//!
//! `{"emotion": "calm", "action": null, "refs": ["wolf"], "line": "Hail. How are you?"}`: the head, all before the line, is
//! known before the first letter of the line. Each of its fields may be `null`, and none may be left out or come later: a
//! line that begins before the head is whole is none. A fence of Markdown around it is passed over, and so is whatever
//! follows the line.

use super::{Head, Violation};

/// The longest head, with all white space in it.
pub(super) const MOST_HEAD_BYTES: usize = 4_096;

/// The longest emotion, action or id in it.
pub(super) const MOST_WORD_BYTES: usize = 64;

/// The most that the reader takes of what a line refers to; a world may allow less.
pub(super) const MOST_REFS: usize = 32;

/// The fields in their order.
const FIELDS: [&str; 4] = ["emotion", "action", "refs", "line"];

const LINE: usize = 3;

/// What a letter has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Nothing,
    /// The head is whole: the line begins.
    Head(Head),
    /// A letter of the line.
    Letter(char),
    /// The line has ended.
    End,
}

/// Where in the form the reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Before the object, after so many backquotes.
    Start(u8),
    /// In the first line of a fence.
    Fence,
    /// Before a field's name; `true` where the object may end instead.
    Name,
    /// In a field's name.
    InName,
    /// Before the colon of a field.
    Colon(usize),
    /// Before its value.
    Value(usize),
    /// In it, a string.
    Text(usize),
    /// So many letters into `null`.
    Null(usize, usize),
    /// Before an item of a list; `true` where it may end instead.
    Item(bool),
    /// In an item.
    InItem,
    /// After an item.
    AfterItem,
    /// After a value.
    After,
    /// The line is over.
    Over,
}

/// An escape within a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// So many digits of a code unit.
    Unit(u8, u16),
}

/// Reads the form.
#[derive(Debug)]
pub(super) struct FormReader {
    at: At,
    escape: Escape,
    /// The first half of a character in two.
    high: Option<u16>,
    word: String,
    /// The field that must come next.
    next: usize,
    head: Head,
    bytes: usize,
}

/// What a letter of a string is.
enum InText {
    Nothing,
    Letters([Option<char>; 2]),
    End,
}

impl FormReader {
    pub(super) fn new() -> FormReader {
        FormReader {
            at: At::Start(0),
            escape: Escape::None,
            high: None,
            word: String::new(),
            next: 0,
            head: Head::default(),
            bytes: 0,
        }
    }

    /// Whether nothing but white space has come.
    pub(super) fn is_untouched(&self) -> bool {
        self.at == At::Start(0)
    }

    /// Whether the line has begun.
    pub(super) fn in_line(&self) -> bool {
        matches!(self.at, At::Text(LINE) | At::Over)
    }

    /// Takes a letter. It may bring two: half a character that nothing completed, and one.
    pub(super) fn push(&mut self, letter: char) -> Result<[Step; 2], Violation> {
        if !self.in_line() {
            self.bytes += letter.len_utf8();
            if self.bytes > MOST_HEAD_BYTES {
                return Err(Violation::HeadTooLong);
            }
        }
        let one = |step| Ok([step, Step::Nothing]);
        match self.at {
            At::Text(field) => return self.text(field, letter),
            At::InName | At::InItem => self.word(letter)?,
            At::Start(quotes) => self.start(quotes, letter)?,
            At::Over => {}
            _ if letter.is_whitespace() && self.at != At::Fence => self.at = self.spaced()?,
            At::Fence => {
                if letter == '\n' {
                    self.at = At::Start(u8::MAX);
                } else if letter == '{' {
                    self.at = At::Name;
                }
            }
            At::Name if letter == '"' => self.begin(At::InName),
            At::Colon(field) if letter == ':' => self.at = At::Value(field),
            At::Value(field) => return self.value(field, letter).and_then(one),
            At::Null(field, read) => self.null(field, read, letter)?,
            At::Item(_) if letter == '"' => {
                if self.head.refs.len() >= MOST_REFS {
                    return Err(Violation::HeadTooLong);
                }
                self.begin(At::InItem);
            }
            At::Item(true) | At::AfterItem if letter == ']' => self.at = At::After,
            At::AfterItem if letter == ',' => self.at = At::Item(false),
            At::After if letter == ',' => self.at = At::Name,
            _ => return Err(Violation::Form),
        }
        one(Step::Nothing)
    }

    /// After white space: only a `null` that has begun cannot stand it.
    fn spaced(&self) -> Result<At, Violation> {
        if matches!(self.at, At::Null(..)) { Err(Violation::Form) } else { Ok(self.at) }
    }

    fn start(&mut self, quotes: u8, letter: char) -> Result<(), Violation> {
        self.at = match letter {
            '{' if quotes == 0 || quotes == u8::MAX => At::Name,
            '`' if quotes < 2 => At::Start(quotes + 1),
            '`' if quotes == 2 => At::Fence,
            '\u{feff}' if quotes == 0 => self.at,
            letter if letter.is_whitespace() && (quotes == 0 || quotes == u8::MAX) => self.at,
            _ => return Err(Violation::Form),
        };
        Ok(())
    }

    fn begin(&mut self, at: At) {
        self.word.clear();
        self.high = None;
        self.at = at;
    }

    /// A letter of a name or of an item.
    fn word(&mut self, letter: char) -> Result<(), Violation> {
        match self.in_text(letter)? {
            InText::Nothing => return Ok(()),
            InText::Letters(letters) => {
                self.word.extend(letters.into_iter().flatten());
                return if self.word.len() > MOST_WORD_BYTES { Err(Violation::HeadTooLong) } else { Ok(()) };
            }
            InText::End => {}
        }
        if self.at == At::InItem {
            self.head.refs.push(std::mem::take(&mut self.word));
            self.at = At::AfterItem;
            return Ok(());
        }
        let field = FIELDS.iter().position(|field| *field == self.word);
        // One that nobody knows, or out of its order: what stands before it has not been said, and could not be judged.
        let field = field.filter(|field| *field == self.next).ok_or(Violation::Form)?;
        self.next = field + 1;
        self.at = At::Colon(field);
        Ok(())
    }

    fn value(&mut self, field: usize, letter: char) -> Result<Step, Violation> {
        match (letter, FIELDS[field]) {
            ('[', "refs") => self.at = At::Item(true),
            ('n', "emotion" | "action" | "refs") => self.at = At::Null(field, 1),
            ('"', "emotion" | "action") => self.begin(At::Text(field)),
            ('"', "line") => {
                self.begin(At::Text(field));
                return Ok(Step::Head(std::mem::take(&mut self.head)));
            }
            _ => return Err(Violation::Form),
        }
        Ok(Step::Nothing)
    }

    fn null(&mut self, field: usize, read: usize, letter: char) -> Result<(), Violation> {
        if "null".chars().nth(read) != Some(letter) {
            return Err(Violation::Form);
        }
        self.at = if read == 3 { At::After } else { At::Null(field, read + 1) };
        Ok(())
    }

    /// A letter of an emotion, of an action, or of the line.
    fn text(&mut self, field: usize, letter: char) -> Result<[Step; 2], Violation> {
        match self.in_text(letter)? {
            InText::Nothing => Ok([Step::Nothing, Step::Nothing]),
            InText::Letters(letters) if field == LINE => {
                Ok(letters.map(|letter| letter.map_or(Step::Nothing, Step::Letter)))
            }
            InText::Letters(letters) => {
                self.word.extend(letters.into_iter().flatten());
                let fits = self.word.len() <= MOST_WORD_BYTES;
                if fits { Ok([Step::Nothing, Step::Nothing]) } else { Err(Violation::HeadTooLong) }
            }
            InText::End if field == LINE => {
                self.at = At::Over;
                let half =
                    self.high.take().map_or(Step::Nothing, |_| Step::Letter(char::REPLACEMENT_CHARACTER));
                Ok([half, Step::End])
            }
            InText::End => {
                let word = std::mem::take(&mut self.word);
                match FIELDS[field] {
                    "emotion" => self.head.emotion = word,
                    _ => self.head.action = Some(word).filter(|word| !word.is_empty()),
                }
                self.at = At::After;
                Ok([Step::Nothing, Step::Nothing])
            }
        }
    }

    /// A letter between the quotation marks of a string. A raw control character is taken as it is: models write line breaks
    /// so. Half a character alone is one that stands for what cannot be read.
    fn in_text(&mut self, letter: char) -> Result<InText, Violation> {
        let plain = |this: &mut FormReader, letter| {
            let half = this.high.take().map(|_| char::REPLACEMENT_CHARACTER);
            Ok(InText::Letters([half, Some(letter)]))
        };
        match self.escape {
            Escape::None => match letter {
                '"' => Ok(InText::End),
                '\\' => {
                    self.escape = Escape::Begun;
                    Ok(InText::Nothing)
                }
                letter => plain(self, letter),
            },
            Escape::Begun => {
                self.escape = Escape::None;
                match letter {
                    'u' => {
                        self.escape = Escape::Unit(0, 0);
                        Ok(InText::Nothing)
                    }
                    'n' => plain(self, '\n'),
                    't' => plain(self, '\t'),
                    'r' => plain(self, '\r'),
                    'b' => plain(self, '\u{8}'),
                    'f' => plain(self, '\u{c}'),
                    '"' | '\\' | '/' => plain(self, letter),
                    _ => Err(Violation::Form),
                }
            }
            Escape::Unit(digits, unit) => {
                let digit = letter.to_digit(16).and_then(|digit| u16::try_from(digit).ok());
                let unit = (unit << 4) | digit.ok_or(Violation::Form)?;
                if digits < 3 {
                    self.escape = Escape::Unit(digits + 1, unit);
                    return Ok(InText::Nothing);
                }
                self.escape = Escape::None;
                Ok(self.unit(unit))
            }
        }
    }

    /// A code unit of UTF-16.
    fn unit(&mut self, unit: u16) -> InText {
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
                InText::Letters([char::from_u32(code), None])
            }
            (high, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                match high {
                    Some(_) => InText::Letters([Some(char::REPLACEMENT_CHARACTER), None]),
                    None => InText::Nothing,
                }
            }
            (high, unit) => {
                let half = high.map(|_| char::REPLACEMENT_CHARACTER);
                let letter = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
                InText::Letters([half, Some(letter)])
            }
        }
    }
}
