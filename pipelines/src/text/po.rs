//! PO files, as gettext and every translation tool read and write them.
//!
//! `msgctxt` is the key, `msgid` the source text, `msgstr` the translation, both in ICU MessageFormat with their plurals
//! inside; `fuzzy` says that it is stale. What a file holds and what it means for a world is another file's business.

use std::fmt::Write as _;

use super::texts::OF_NOTHING;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The most entries of a file.
pub const MAX_ENTRIES: usize = 200_000;

/// Text in which a file says which source a stale translation was made of.
const MADE_OF: &str = "made of ";

/// A PO file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Po {
    /// What its header says, by name, in order.
    pub header: Vec<(String, String)>,
    /// Its texts.
    pub entries: Vec<PoEntry>,
}

/// A text of a PO file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PoEntry {
    /// Its key: `msgctxt`.
    pub key: String,
    /// The source text: `msgid`.
    pub source: String,
    /// The translation: `msgstr`; empty as long as there is none.
    pub text: String,
    /// Whether it is stale.
    pub fuzzy: bool,
    /// The hash of the source text of which a stale translation was made.
    pub made_of: Option<String>,
    /// For the translator: `#.`.
    pub note: String,
    /// The translator's own words: `# `.
    pub comment: String,
    /// Where the source text stands: `#:`. It is not read back.
    pub place: String,
    /// The source text is gone: `#~`.
    pub obsolete: bool,
    /// The line of its `msgid`; 0 for one that has not been read.
    pub line: usize,
}

/// A file that is no PO file, or not one of ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line}: {message}\nhint: {hint}")]
pub struct PoError {
    /// Its line.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Po {
    /// A value of the header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.header.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The file's text.
    #[must_use]
    pub fn write(&self) -> String {
        let mut file = String::new();
        let header = self.header.iter().map(|(name, value)| format!("{name}: {value}\n"));
        quoted(&mut file, "", "msgid", "");
        quoted(&mut file, "", "msgstr", &header.collect::<String>());
        for entry in &self.entries {
            file.push('\n');
            entry.write(&mut file);
        }
        file
    }

    /// Reads a file.
    ///
    /// # Errors
    /// With the line that cannot be read.
    pub fn read(text: &str) -> Result<Po, PoError> {
        if text.len() > MAX_BYTES {
            return Err(wrong(1, "this file is too large", format!("at most {MAX_BYTES} bytes")));
        }
        let mut reader = Reader::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            reader.line(number + 1, line.trim())?;
        }
        reader.end()?;
        Ok(reader.po)
    }
}

impl PoEntry {
    fn write(&self, file: &mut String) {
        let mut comment = |mark: &str, text: &str| {
            for line in text.split('\n').filter(|_| !text.is_empty()) {
                let _ = writeln!(file, "{}", format!("{mark} {line}").trim_end());
            }
        };
        comment("#", &self.comment);
        comment("#.", &self.note);
        comment("#.", &self.made_of.as_ref().map(|of| format!("{MADE_OF}{of}")).unwrap_or_default());
        comment("#:", &self.place);
        if self.fuzzy {
            file.push_str("#, fuzzy\n");
        }
        let obsolete = if self.obsolete { "#~ " } else { "" };
        quoted(file, obsolete, "msgctxt", &self.key);
        quoted(file, obsolete, "msgid", &self.source);
        quoted(file, obsolete, "msgstr", &self.text);
    }
}

impl PoEntry {
    /// Takes the source text that a stale translation was made of out of its note, of which it is the last line. Any other
    /// note may begin with these words.
    fn take_made_of(&mut self) {
        let (before, last) = self.note.rsplit_once('\n').unwrap_or(("", &self.note));
        let of = last.strip_prefix(MADE_OF).map(str::trim).filter(|of| self.fuzzy && is_hash(of));
        if let Some(of) = of.map(str::to_owned) {
            (self.made_of, self.note) = (Some(of), before.to_owned());
        }
    }
}

/// Whether this may say which source text something was made of.
fn is_hash(text: &str) -> bool {
    text == OF_NOTHING || (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A keyword and its text, a line of the file for each of the text.
fn quoted(file: &mut String, before: &str, keyword: &str, text: &str) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = if lines.len() > 1 { "" } else { text };
    let _ = writeln!(file, "{before}{keyword} \"{}\"", escaped(first));
    if lines.len() > 1 {
        for line in lines {
            let _ = writeln!(file, "{before}\"{}\"", escaped(line));
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            // What would end a line of the file.
            c if c.is_control() && u32::from(c) < 0x80 => {
                let _ = write!(escaped, "\\{:03o}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn wrong(line: usize, message: impl Into<String>, hint: impl Into<String>) -> PoError {
    PoError { line, message: message.into(), hint: hint.into() }
}

/// What a string in quotes goes on with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
enum Part {
    #[default]
    Nothing,
    Context,
    Source,
    Text,
}

#[derive(Default)]
struct Reader {
    po: Po,
    entry: PoEntry,
    part: Part,
    /// Whether the entry has a key, a source and a text.
    has: [bool; 3],
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), PoError> {
        if line.is_empty() {
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("#~") {
            let rest = rest.trim_start();
            // What gettext keeps of a former source text.
            if rest.starts_with('|') {
                return Ok(());
            }
            self.words(number, rest)?;
            self.entry.obsolete = true;
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('#') {
            self.comment(number, rest)?;
            return Ok(());
        }
        self.words(number, line)
    }

    fn comment(&mut self, number: usize, rest: &str) -> Result<(), PoError> {
        if self.has[2] {
            self.close(number)?;
        }
        let add = |to: &mut String, line: &str| {
            if !to.is_empty() {
                to.push('\n');
            }
            to.push_str(line);
        };
        let after = |mark: char| rest.strip_prefix(mark).map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
        if let Some(note) = after('.') {
            add(&mut self.entry.note, note);
        } else if let Some(flags) = after(',') {
            self.entry.fuzzy |= flags.split(',').any(|flag| flag.trim() == "fuzzy");
        } else if !rest.starts_with([':', '|', '=']) {
            add(&mut self.entry.comment, rest.strip_prefix(' ').unwrap_or(rest));
        }
        Ok(())
    }

    /// A keyword and a string, or a string that goes on.
    fn words(&mut self, number: usize, line: &str) -> Result<(), PoError> {
        let (keyword, rest) = match line.find('"') {
            Some(at) => (line[..at].trim_end(), &line[at..]),
            None => {
                let hint = "write `msgid \"...\"` or a comment that begins with `#`";
                return Err(wrong(number, "this is no line of a PO file", hint));
            }
        };
        let part = match keyword {
            "" if self.part == Part::Nothing => {
                return Err(wrong(number, "a text that belongs to nothing", "write `msgid` in front of it"));
            }
            "" => self.part,
            "msgctxt" => Part::Context,
            "msgid" => Part::Source,
            "msgstr" => Part::Text,
            "msgid_plural" => {
                let hint = "plurals stand inside the text: `{count, plural, one {...} other {...}}`";
                return Err(wrong(number, "a plural of gettext", hint));
            }
            other => {
                let shown: String = other.chars().take(40).collect();
                let hint = "an entry has `msgctxt`, `msgid` and `msgstr`";
                return Err(wrong(number, format!("unknown keyword `{shown}`"), hint));
            }
        };
        if !keyword.is_empty() {
            self.begin(number, part)?;
        }
        let text = unquoted(rest).ok_or_else(|| {
            let hint = "a text stands in quotes, with `\\\"` for a quote in it";
            wrong(number, "this text is not closed, or has a wrong `\\`", hint)
        })?;
        let into = match part {
            Part::Context => &mut self.entry.key,
            Part::Source => &mut self.entry.source,
            Part::Text | Part::Nothing => &mut self.entry.text,
        };
        into.push_str(&text);
        Ok(())
    }

    fn begin(&mut self, number: usize, part: Part) -> Result<(), PoError> {
        if self.has[2] && part < Part::Text {
            self.close(number)?;
        }
        let place = match part {
            Part::Context => 0,
            Part::Source => 1,
            Part::Text | Part::Nothing => 2,
        };
        if self.has[place] || (place < 2 && self.has[place + 1]) || (place == 2 && !self.has[1]) {
            let hint = "an entry is `msgctxt`, `msgid`, `msgstr`, in this order";
            return Err(wrong(number, "this line is not expected here", hint));
        }
        self.has[place] = true;
        self.part = part;
        if part == Part::Source {
            self.entry.line = number;
        }
        Ok(())
    }

    /// The entry is complete.
    fn close(&mut self, number: usize) -> Result<(), PoError> {
        let mut entry = std::mem::take(&mut self.entry);
        entry.take_made_of();
        let has_key = self.has[0];
        self.has = [false; 3];
        self.part = Part::Nothing;
        if !has_key && entry.source.is_empty() {
            let lines = entry.text.lines().filter_map(|line| line.split_once(':'));
            self.po.header =
                lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
            return Ok(());
        }
        if !has_key {
            let hint = "every text has its key in `msgctxt`, as `worldflow text export` writes it";
            return Err(wrong(entry.line, "a text without a key", hint));
        }
        if self.po.entries.len() >= MAX_ENTRIES {
            return Err(wrong(number, "too many texts", format!("at most {MAX_ENTRIES}")));
        }
        self.po.entries.push(entry);
        Ok(())
    }

    fn end(&mut self) -> Result<(), PoError> {
        if self.has[2] {
            return self.close(0);
        }
        if self.has != [false; 3] {
            return Err(wrong(
                self.entry.line.max(1),
                "the file ends within an entry",
                "add its `msgstr \"\"`",
            ));
        }
        Ok(())
    }
}

/// A text in quotes, read as C does.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.trim_end().strip_prefix('"')?.strip_suffix('"')?;
    let mut read = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => match chars.next()? {
                'n' => read.push('\n'),
                't' => read.push('\t'),
                'r' => read.push('\r'),
                'a' => read.push('\u{7}'),
                'b' => read.push('\u{8}'),
                'f' => read.push('\u{c}'),
                'v' => read.push('\u{b}'),
                other @ ('"' | '\\' | '\'' | '?') => read.push(other),
                digit @ '0'..='7' => {
                    let mut number = digit.to_digit(8)?;
                    for _ in 0..2 {
                        let Some(next) = chars.next_if(|c| c.is_digit(8)) else { break };
                        number = number * 8 + next.to_digit(8)?;
                    }
                    read.push(char::from_u32(number)?);
                }
                _ => return None,
            },
            c => read.push(c),
        }
    }
    Some(read)
}
