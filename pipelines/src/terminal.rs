//! Text of definitions and players on a terminal: what would move a cursor or change a colour is shown instead.

use std::fmt::Write as _;

/// Text of several lines, with its control characters other than ends of lines and tabs as they are written in Rust and YAML:
/// `\u{1b}`.
pub(crate) fn shown(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// Text that is to stay on its line.
pub(crate) fn in_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// JSON in several lines; its texts hold nothing that a terminal would obey.
pub(crate) fn json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // The others are escaped already.
            '\u{7f}'..='\u{9f}' => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    Ok(shown)
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !c.is_control() || stays(c) => shown.push(c),
            c => drop(write!(shown, "{}", c.escape_default())),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(shown("a\u{1b}[31mb\r\n\tö\u{9b}2J\u{7f}"), "a\\u{1b}[31mb\\r\n\tö\\u{9b}2J\\u{7f}");
        assert_eq!(json(&"\u{1b}\u{9b}ö").expect("a text"), "\"\\u001b\\u009bö\"");
        assert_eq!(in_line("one\ntwo\t“three”"), "one\\ntwo\\t“three”");
    }
}
