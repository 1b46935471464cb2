//! Markup, taken off: what an engine, a browser or a chat would not show but do.
//!
//! Tags in angle and in square brackets, links, and signs of Markdown are removed; a stage direction between asterisks is
//! removed where a sentence begins or is nothing else, and otherwise loses its asterisks alone. An angle bracket that is left
//! becomes a quotation mark, `‹` or `›`.

/// The longest tag.
const MOST_TAG: usize = 256;

/// A text without markup, and whether there was any.
pub(super) fn unmarked(text: &str) -> (String, bool) {
    let text = text.trim();
    let directed = undirected(text);
    let mut out = String::with_capacity(directed.len());
    let mut rest = directed;
    while let Some(letter) = rest.chars().next() {
        if let Some(length) = tag(rest).or_else(|| link(rest, out.chars().next_back())) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '*' | '`' => {}
            '_' | '~' | '#' if !joins(&out, rest) => {}
            '>' if out.is_empty() => {}
            '<' => out.push('‹'),
            '>' => out.push('›'),
            letter => out.push(letter),
        }
    }
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let changed = out != text;
    (out, changed)
}

/// Whether a sign stands between two letters or figures, so that it belongs to a word.
fn joins(before: &str, after: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    (is_word(before.chars().next_back()) && is_word(after.chars().next()))
        || after.starts_with(|letter: char| letter.is_ascii_digit())
}

/// The length of a tag, if one begins here.
fn tag(text: &str) -> Option<usize> {
    let close = match text.as_bytes().first()? {
        b'<' => '>',
        b'[' => ']',
        _ => return None,
    };
    let inner = &text[1..];
    let end = inner.find(close).filter(|end| *end <= MOST_TAG)?;
    let inner = &inner[..end];
    let named = inner
        .starts_with(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '/' | '!' | '?' | '#'));
    let is_tag = match close {
        '>' => named && !inner.contains('<'),
        // Between square brackets stand words, too.
        _ => {
            let name = inner.trim_start_matches('/');
            let length = name.bytes().take_while(|byte| byte.is_ascii_lowercase()).count();
            length > 0 && (length == name.len() || name[length..].starts_with('='))
        }
    };
    is_tag.then_some(1 + end + 1)
}

/// The length of a link, if one begins here, with the bracket that holds one of Markdown.
fn link(text: &str, before: Option<char>) -> Option<usize> {
    let inner = text.strip_prefix('(').unwrap_or(text);
    let begins = |head: &str| inner.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head));
    let is_link = ["http://", "https://", "www."].into_iter().any(begins);
    if !is_link || before.is_some_and(|before| before.is_alphanumeric()) {
        return None;
    }
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, ')' | '"' | '<' | '>');
    let end = inner.find(ends).unwrap_or(inner.len());
    let bracket = text.len() - inner.len();
    let closed = bracket == 1 && inner[end..].starts_with(')');
    Some(bracket + end + usize::from(closed))
}

/// Without stage directions at its beginning: what stands between asterisks there, or between brackets and is all that is left.
fn undirected(mut text: &str) -> &str {
    loop {
        let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        if inner.is_some_and(|inner| !inner.contains(['(', ')'])) {
            return "";
        }
        let directed = text.strip_prefix('*').and_then(|rest| rest.split_once('*'));
        let is_small = |directed: &(&str, &str)| directed.0.starts_with(char::is_lowercase);
        let Some(after) = directed.filter(is_small).map(|(_, after)| after.trim_start()) else { return text };
        // A word that is stressed goes on in small letters, unless another direction follows.
        let another = after.starts_with(['*', '(']);
        let first = after.chars().find(|letter| letter.is_alphanumeric()).filter(|_| !another);
        if first.is_some_and(char::is_lowercase) {
            return text;
        }
        text = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_taken_off_and_words_stay() {
        for (marked, plain) in [
            ("Hail, <b>friend</b>.", "Hail, friend."),
            ("<color=#ff0000>Run</>!", "Run!"),
            ("<img src=x onerror=alert(1)>Hello <script>alert(1)</script>", "Hello alert(1)"),
            ("[b]Hail[/b] [url=http://x.y]there[/url] [Excalibur]", "Hail there [Excalibur]"),
            ("3 < 4 and 5 > 4", "3 ‹ 4 and 5 › 4"),
            ("**Never** say `that` ~~again~~, #1 friend", "Never say that again, #1 friend"),
            ("snake_case is _fine_", "snake_case is fine"),
            ("> quoted", "quoted"),
            ("# Title", "Title"),
            ("See [here](https://a.b/c?d) or www.x.y now", "See or now"),
            ("*smiles* Hello there.", "Hello there."),
            ("*never* do that.", "never do that."),
            ("*waves*", ""),
            ("(She waves.)", ""),
            ("*waves* *nods* (He goes.)", ""),
            ("Well (so it is said) yes.", "Well (so it is said) yes."),
            ("Nothing here, ‘truly’.", "Nothing here, ‘truly’."),
            ("*微笑* 你好", "微笑 你好"),
        ] {
            assert_eq!(unmarked(marked), (plain.to_owned(), plain != marked), "{marked}");
        }
    }
}
