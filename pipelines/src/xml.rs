//! Text in XML: pictures and reports.

/// Text as XML may hold it; what it may not hold at all becomes a question mark.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_would_read_is_escaped_and_what_it_cannot_hold_is_shown() {
        assert_eq!(escaped("a < \"b\" & c > d\te"), "a &lt; &quot;b&quot; &amp; c &gt; d\te");
        assert_eq!(escaped("bell\u{7}, \u{fffe}"), "bell?, ?");
    }
}
