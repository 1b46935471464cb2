//! Sealed text: what stands for a personal text in the middle, in the journal and in snapshots.
//!
//! `<sealed:1:BODY>`, where the body is base64 without padding, for URLs: nothing in it needs an escape in JSON, so
//! that it may stand within other text, such as a prompt. The engine makes the bodies and opens them; here they are
//! only found. Nothing computes on them: two sealings of one text differ.

/// How the sealed text of any version begins. Nobody outside may send a text that has it, where it is kept plain.
pub const MARK: &str = "<sealed:";

/// How sealed text of this version begins.
pub const BEGIN: &str = "<sealed:1:";

/// How it ends.
pub const END: char = '>';

/// What is shown instead of a text whose key is gone.
pub const FORGOTTEN: &str = "[forgotten]";

/// Whether there may be sealed text in it.
#[must_use]
pub fn is_in(text: &str) -> bool {
    text.contains(MARK)
}

/// Whether it is one sealed text and nothing else.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    body(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// A body as sealed text.
#[must_use]
pub fn of_body(body: &str) -> String {
    format!("{BEGIN}{body}{END}")
}

/// The text with every sealed text in it replaced by what `open` makes of its body. What is put in is not looked at
/// again.
#[must_use]
pub fn replaced(text: &str, mut open: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(BEGIN) {
        out.push_str(&rest[..found]);
        rest = &rest[found..];
        match body(rest) {
            Some((body, after)) => {
                out.push_str(&open(body));
                rest = after;
            }
            None => {
                out.push_str(BEGIN);
                rest = &rest[BEGIN.len()..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The body at the beginning of a text, and what follows it.
fn body(text: &str) -> Option<(&str, &str)> {
    let (body, rest) = text.strip_prefix(BEGIN)?.split_once(END)?;
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (!body.is_empty() && body.bytes().all(fits)).then_some((body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_text_is_found_wherever_it_stands_and_once() {
        let (a, b) = (of_body("aA-_9"), of_body("b"));
        let text = format!("{BEGIN} {a} said {b}{BEGIN}?{END}");
        let opened = replaced(&text, |body| format!("({body} {a})"));
        assert_eq!(opened, format!("{BEGIN} (aA-_9 {a}) said (b {a}){BEGIN}?{END}"));
        assert_eq!(replaced("nothing <here>", |_| unreachable!("nothing is sealed")), "nothing <here>");
        assert!(is_sealed(&a) && is_in(&text) && is_in("<sealed:9:x"));
        for other in
            [text.as_str(), "", BEGIN, "<sealed:1:>", "<sealed:2:b>", " <sealed:1:b>", "<sealed:1:b> "]
        {
            assert!(!is_sealed(other), "{other}");
        }
    }
}
