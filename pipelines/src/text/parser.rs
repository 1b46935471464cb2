//! ICU MessageFormat, read into a tree.
//!
//! What is wrong is said with its place, and how to write it instead. A text may be so long and nest so deep and no
//! more, so that no text costs more than an error. Apostrophes are read as ICU does: `''` is one, and one right before a
//! brace (or before `#` in a plural) quotes what follows up to the next one; any other is itself.

use std::ops::Range;

use super::message::{Argument, Case, Category, DateStyle, Kind, Message, NumberStyle, Part, Plural, When};
use crate::world::did_you_mean;

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 16 << 10;

/// How deep cases may stand within cases.
pub const MAX_DEPTH: usize = 8;

/// The most arguments and cases of one text.
pub const MAX_PARTS: usize = 500;

/// The longest name of an argument or a case.
const MAX_NAME: usize = 64;

/// A text that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageError {
    /// Where: bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to write it.
    pub hint: String,
}

type Read<T> = Result<T, MessageError>;

const KINDS: [&str; 6] = ["number", "date", "time", "plural", "select", "selectordinal"];

/// Reads a text.
///
/// # Errors
/// When it is no MessageFormat, or too large.
pub fn parse(text: &str) -> Read<Message> {
    if text.len() > MAX_BYTES {
        let message = format!("a text of {} bytes", text.len());
        return Err(MessageError { at: 0..0, message, hint: format!("split it: at most {MAX_BYTES} bytes") });
    }
    let mut parser = Parser { text, at: 0, depth: 0, parts: 0 };
    let message = parser.message(false)?;
    match parser.peek() {
        None => Ok(message),
        Some(_) => {
            let hint = "remove it; a brace to be shown is quoted: `'}'`";
            Err(parser.wrong_here("a `}` that closes nothing", hint))
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    parts: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn wrong(at: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> MessageError {
        MessageError { at, message: message.into(), hint: hint.into() }
    }

    /// An error at the next character, or at the end.
    fn wrong_here(&self, message: impl Into<String>, hint: impl Into<String>) -> MessageError {
        let length = self.peek().map_or(0, char::len_utf8);
        Self::wrong(self.at..self.at + length, message, hint)
    }

    /// Everything up to the end or a `}` that is not its own. `#` is a number right within a plural only.
    fn message(&mut self, plural: bool) -> Read<Message> {
        let mut message = Message::default();
        let mut words = String::new();
        while let Some(next) = self.peek() {
            let part = match next {
                '}' => break,
                '{' => Part::Argument(self.argument()?),
                '#' if plural => {
                    self.next();
                    Part::Number
                }
                '\'' => {
                    self.quote(plural, &mut words)?;
                    continue;
                }
                other => {
                    words.push(other);
                    self.next();
                    continue;
                }
            };
            if !words.is_empty() {
                message.parts.push(Part::Words(std::mem::take(&mut words)));
            }
            message.parts.push(part);
        }
        if !words.is_empty() {
            message.parts.push(Part::Words(words));
        }
        Ok(message)
    }

    /// An apostrophe, and what it quotes.
    fn quote(&mut self, plural: bool, words: &mut String) -> Read<()> {
        let begin = self.at;
        self.next();
        match self.peek() {
            Some('\'') => {
                self.next();
                words.push('\'');
                return Ok(());
            }
            Some('{' | '}') => {}
            Some('#') if plural => {}
            _ => {
                words.push('\'');
                return Ok(());
            }
        }
        while let Some(next) = self.next() {
            if next != '\'' {
                words.push(next);
            } else if self.eat('\'') {
                words.push('\'');
            } else {
                return Ok(());
            }
        }
        let hint = "right before a brace an apostrophe quotes up to the next one: to show it, write two: `l''{name}`";
        Err(Self::wrong(begin..begin + 1, "a quote that is not closed", hint))
    }

    fn count(&mut self, at: usize) -> Read<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let hint = format!("split the text: at most {MAX_PARTS} arguments and cases");
            return Err(Self::wrong(at..at + 1, "too many arguments and cases", hint));
        }
        Ok(())
    }

    fn argument(&mut self) -> Read<Argument> {
        let open = self.at;
        self.count(open)?;
        self.next();
        self.blanks();
        let (name, at) = self.name();
        if name.is_empty() {
            let hint = "name what is put in, as in `{count}`; a brace to be shown is quoted: `'{'`";
            return Err(match self.peek() {
                None => unclosed(open),
                Some(_) => self.wrong_here("the name of an argument is expected here", hint),
            });
        }
        check_name(name, &at)?;
        let name = name.to_owned();
        self.blanks();
        let kind = match self.next() {
            Some('}') => Kind::Plain,
            Some(',') => self.kind(open)?,
            None => return Err(unclosed(open)),
            Some(other) => {
                let begin = self.at - other.len_utf8();
                let hint = format!("write `{{{name}}}`, or `{{{name}, plural, ...}}`");
                let message = format!("`}}` or `,` is expected here, not `{other}`");
                return Err(Self::wrong(begin..self.at, message, hint));
            }
        };
        Ok(Argument { name, kind, at })
    }

    /// Letters, digits, `_`, `.` and `-`; whatever else stands there ends it.
    fn name(&mut self) -> (&'t str, Range<usize>) {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')) {
            self.next();
        }
        (&self.text[begin..self.at], begin..self.at)
    }

    /// What stands behind the first comma, with the closing brace.
    fn kind(&mut self, open: usize) -> Read<Kind> {
        self.blanks();
        let (word, at) = self.name();
        self.blanks();
        let more = self.eat(',');
        match word {
            "plural" | "selectordinal" if more => self.plural(open, word == "selectordinal"),
            "select" if more => self.select(open),
            "plural" | "selectordinal" | "select" => {
                let hint = format!("write `{{name, {word}, one {{...}} other {{...}}}}`");
                Err(self.wrong_here(format!("`{word}` needs its cases"), hint))
            }
            "number" | "date" | "time" => {
                let style = if more { Some(self.style()) } else { None };
                if !self.eat('}') {
                    return Err(match self.peek() {
                        None => unclosed(open),
                        Some(_) => self.wrong_here("`}` is expected here", "close the argument"),
                    });
                }
                styled(word, style)
            }
            _ => {
                let near = did_you_mean(word, KINDS)
                    .map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let hint = format!("{near}it may be {}", KINDS.join(", "));
                Err(Self::wrong(at, format!("unknown kind of argument `{word}`"), hint))
            }
        }
    }

    fn style(&mut self) -> (&'t str, Range<usize>) {
        self.blanks();
        let begin = self.at;
        while self.peek().is_some_and(|c| !matches!(c, '{' | '}')) {
            self.next();
        }
        let style = self.text[begin..self.at].trim_end();
        (style, begin..begin + style.len())
    }

    fn plural(&mut self, open: usize, ordinal: bool) -> Read<Kind> {
        self.blanks();
        let mut offset = 0;
        if self.text[self.at..].starts_with("offset:") {
            self.at += "offset:".len();
            self.blanks();
            let (digits, at) = self.name();
            offset = digits
                .parse()
                .map_err(|_| Self::wrong(at, "an offset is a whole number", "write `offset:1`"))?;
        }
        let cases = self.cases(open, true, |word, at| {
            if let Some(number) = word.strip_prefix('=') {
                let hint = "write `=0`, `=1` and so on";
                let number = number.parse();
                return number.map(When::Exactly).map_err(|_| Self::wrong(at, format!("`{word}` is no number"), hint));
            }
            let category = Category::ALL.into_iter().find(|category| category.name() == word);
            category.map(When::Category).ok_or_else(|| {
                let names = Category::ALL.map(Category::name);
                let near = did_you_mean(word, names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let hint = format!(
                    "{near}the words of cases are not translated: {}, or `=0`; or is a `}}` missing before it?",
                    names.join(", ")
                );
                Self::wrong(at, format!("unknown case `{word}` of a plural"), hint)
            })
        })?;
        if !cases.iter().any(|case| case.when == When::Category(Category::Other)) {
            return Err(no_other(open));
        }
        Ok(Kind::Plural(Plural { ordinal, offset, cases }))
    }

    fn select(&mut self, open: usize) -> Read<Kind> {
        let cases = self.cases(open, false, |word, at| {
            check_name(word, &at)?;
            Ok(word.to_owned())
        })?;
        if !cases.iter().any(|case| case.when == "other") {
            return Err(no_other(open));
        }
        Ok(Kind::Select(cases))
    }

    /// `word {text}` until the closing brace of the argument.
    fn cases<T: PartialEq>(
        &mut self,
        open: usize,
        plural: bool,
        when: impl Fn(&str, Range<usize>) -> Read<T>,
    ) -> Read<Vec<Case<T>>> {
        if self.depth >= MAX_DEPTH {
            let hint =
                format!("cases may stand {MAX_DEPTH} deep; write the outer ones as texts of their own");
            return Err(Self::wrong(open..open + 1, "cases nest too deeply", hint));
        }
        self.depth += 1;
        let mut cases: Vec<Case<T>> = Vec::new();
        loop {
            self.blanks();
            if self.eat('}') {
                break;
            }
            let begin = self.at;
            self.count(begin)?;
            self.eat('=');
            self.name();
            let (word, at) = (&self.text[begin..self.at], begin..self.at);
            if word.is_empty() {
                return Err(match self.peek() {
                    None => unclosed(open),
                    Some(_) => self.wrong_here("the word of a case is expected here", "write `other {...}`"),
                });
            }
            let when = when(word, at.clone())?;
            if cases.iter().any(|case| case.when == when) {
                return Err(Self::wrong(
                    at,
                    format!("the case `{word}` is given twice"),
                    "keep one of the two",
                ));
            }
            self.blanks();
            let text = self.at;
            if !self.eat('{') {
                let hint = format!("the text of a case stands in braces: `{word} {{...}}`");
                return Err(self.wrong_here(format!("the text of the case `{word}` is expected here"), hint));
            }
            let message = self.message(plural)?;
            if !self.eat('}') {
                return Err(unclosed(text));
            }
            cases.push(Case { when, message, at });
        }
        self.depth -= 1;
        Ok(cases)
    }
}

fn unclosed(open: usize) -> MessageError {
    let hint = "close it with `}`; a brace to be shown is quoted: `'{'`";
    Parser::wrong(open..open + 1, "a `{` that is not closed", hint)
}

fn no_other(open: usize) -> MessageError {
    let hint = "add `other {...}`: it is what is shown when no other case fits";
    Parser::wrong(open..open + 1, "the case `other` is missing", hint)
}

fn check_name(name: &str, at: &Range<usize>) -> Read<()> {
    if name.len() > MAX_NAME {
        return Err(Parser::wrong(at.clone(), "this name is too long", format!("at most {MAX_NAME} bytes")));
    }
    Ok(())
}

fn styled(word: &str, style: Option<(&str, Range<usize>)>) -> Read<Kind> {
    let Some((style, at)) = style else {
        return Ok(match word {
            "number" => Kind::Number(NumberStyle::Plain),
            "date" => Kind::Date(DateStyle::Medium),
            _ => Kind::Time(DateStyle::Medium),
        });
    };
    let found = match (word, style) {
        ("number", "integer") => Some(Kind::Number(NumberStyle::Integer)),
        ("number", "percent") => Some(Kind::Number(NumberStyle::Percent)),
        ("number", _) => None,
        (_, style) => {
            let style = match style {
                "short" => Some(DateStyle::Short),
                "medium" => Some(DateStyle::Medium),
                "long" => Some(DateStyle::Long),
                "full" => Some(DateStyle::Full),
                _ => None,
            };
            style.map(if word == "date" { Kind::Date } else { Kind::Time })
        }
    };
    found.ok_or_else(|| {
        let known: &[&str] =
            if word == "number" { &["integer", "percent"] } else { &["short", "medium", "long", "full"] };
        let near = did_you_mean(style, known.iter().copied());
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let hint = format!("{near}it may be {}", known.join(", "));
        Parser::wrong(at, format!("unknown style `{style}` of a {word}"), hint)
    })
}
