//! Chunks of a text in Markdown: paragraphs and headings kept together as far as they fit.
//!
//! `text ─headings→ sections ─blank lines→ paragraphs ─fill→ chunks`
//!
//! A chunk never goes over a heading, and begins and ends between words. The next one under the same headings begins with
//! the end of the one before. Headings are lines that begin with one to six `#` and a blank, outside of code between
//! lines of three backticks or tildes. Pure and exact: the same text gives the same chunks everywhere.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

/// How many characters a chunk is to have at most.
pub const TARGET: usize = 1_000;

/// How many characters of the chunk before a chunk begins with at most.
pub const OVERLAP: usize = 200;

/// A word of more characters is cut all the same: a chunk has at most so many in one piece.
pub const MOST_WORD: usize = 1_000;

/// The most characters of a heading that are kept.
const MOST_HEADING: usize = 200;

/// What stands between the headings above a chunk.
const UNDER: &str = " / ";

/// A part of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// The headings above it and its number under them: `The lake / The village#2`.
    pub id: String,
    /// The headings above it, the outermost first.
    pub heading: String,
    /// What it says.
    pub text: String,
}

impl Chunk {
    /// The hash of heading and text.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.heading, &self.text)
    }
}

/// The hash of a heading and a text, as in the rows of `lore`.
fn digest(heading: &str, text: &str) -> String {
    format!("{:032x}", xxh3_128(format!("{heading}\n{text}").as_bytes()))
}

/// Cuts a text into chunks.
#[must_use]
pub fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for Section { heading, paragraphs } in sections(text) {
        for text in filled(&paragraphs) {
            let number = numbers.entry(heading.clone()).or_default();
            *number += 1;
            let id = format!("{heading}#{number}");
            chunks.push(Chunk { id, heading: heading.clone(), text });
        }
    }
    chunks
}

/// What stands under the same headings, up to the next one.
#[derive(Debug)]
struct Section<'a> {
    heading: String,
    paragraphs: Vec<&'a str>,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section { heading: String::new(), paragraphs: Vec::new() }];
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut paragraph: Option<(usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (begin, end) = (at, at + line.len());
        at = end;
        let trimmed = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        let heading = if fence.is_none() { heading(line) } else { None };
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if heading.is_none() && (!trimmed.is_empty() || fence.is_some()) {
            let from = paragraph.map_or(begin, |(from, _)| from);
            paragraph = Some((from, end));
            continue;
        }
        let last = sections.last_mut().expect("there is one from the beginning");
        last.paragraphs.extend(paragraph.take().map(|(from, to)| text[from..to].trim()));
        if let Some((level, name)) = heading {
            above.retain(|(other, _)| *other < level);
            above.push((level, name));
            let names: Vec<&str> = above.iter().map(|(_, name)| name.as_str()).collect();
            sections.push(Section { heading: names.join(UNDER), paragraphs: Vec::new() });
        }
    }
    let last = sections.last_mut().expect("there is one from the beginning");
    last.paragraphs.extend(paragraph.map(|(from, to)| text[from..to].trim()));
    sections.iter_mut().for_each(|section| section.paragraphs.retain(|paragraph| !paragraph.is_empty()));
    sections
}

/// The level and the words of a heading.
fn heading(line: &str) -> Option<(usize, String)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let rest = line.get(level..).filter(|_| (1..=6).contains(&level))?;
    let said = rest.strip_prefix([' ', '\t'])?.trim();
    // A heading may be closed by as many; what belongs to its last word stays.
    let closed = said.trim_end_matches('#');
    let name = if closed.is_empty() || closed.ends_with(char::is_whitespace) { closed } else { said };
    Some((level, name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_HEADING).collect()))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Chunks of the paragraphs of a section.
fn filled(paragraphs: &[&str]) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let (mut open, mut fresh) = (String::new(), 0);
    // A paragraph that does not fit into a chunk with the end of another is cut.
    let pieces = paragraphs.iter().flat_map(|paragraph| cut(paragraph, TARGET - OVERLAP - 2));
    for piece in pieces {
        let room = TARGET.saturating_sub(length(&open) + piece.between.len());
        if fresh > 0 && length(piece.text) > room {
            let begins_with = end_of(&open, OVERLAP).to_owned();
            chunks.push(std::mem::replace(&mut open, begins_with));
            fresh = 0;
        }
        if !open.is_empty() {
            open.push_str(piece.between);
        }
        open.push_str(piece.text);
        fresh += 1;
    }
    if fresh > 0 {
        chunks.push(open);
    }
    chunks
}

/// A paragraph or a part of one, and what stands between it and what is before it.
struct Piece<'a> {
    between: &'static str,
    text: &'a str,
}

/// A paragraph in pieces of at most so many characters: cut after sentences if they end in its second half, else
/// between words.
fn cut(paragraph: &str, most: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut between) = (paragraph, "\n\n");
    while !rest.is_empty() {
        let end = if length(rest) <= most { rest.len() } else { cut_at(rest, most) };
        pieces.push(Piece { between, text: rest[..end].trim_end() });
        between = if rest[end..].starts_with(char::is_whitespace) { " " } else { "" };
        rest = rest[end..].trim_start();
    }
    pieces
}

fn cut_at(text: &str, most: usize) -> usize {
    let (mut sentence, mut word, mut count) = (None, None, 0);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if at > 0 && may_cut(before, c) && !text[..at].trim().is_empty() {
            if count > most && word.is_some() {
                break;
            }
            // The first word may be longer than what is asked for.
            word = Some(at);
            if count >= most / 2 && count <= most && ends_sentence(before) {
                sentence = Some(at);
            }
        }
        if count >= MOST_WORD.max(most) && word.is_none() {
            return at;
        }
        (before, count) = (c, count + 1);
        if count > most + 1 && word.is_some() {
            break;
        }
    }
    sentence.or(word).unwrap_or(text.len())
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | ';' | ':')
}

/// Between two words: at white space, and around a character of a script that sets none.
fn may_cut(before: char, c: char) -> bool {
    let spaceless = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}' | '\u{0e00}'..='\u{0eff}');
    // Punctuation stays with the word before it.
    let closes = |c: char| matches!(c, '。' | '、' | '，' | '！' | '？' | '」' | '』' | '）');
    c.is_whitespace() || ((spaceless(before) || spaceless(c)) && !closes(c) && !before.is_whitespace())
}

/// The end of a text, of at most so many characters, from where a word begins.
fn end_of(text: &str, most: usize) -> &str {
    let skip = length(text).saturating_sub(most);
    if skip == 0 {
        return text;
    }
    let mut before = ' ';
    for (number, (at, c)) in text.char_indices().enumerate() {
        if number >= skip && number > 0 && may_cut(before, c) {
            return text[at..].trim_start();
        }
        if number >= skip && before.is_whitespace() && !c.is_whitespace() {
            return &text[at..];
        }
        before = c;
    }
    ""
}
