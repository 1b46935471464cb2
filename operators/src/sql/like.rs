//! `LIKE`: `%` is any text, `_` any one character. Letters count as they are written.

/// Whether `text` is like `pattern`.
pub(super) fn matches(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let parts: Vec<Part> = parts(pattern, escape);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut part) = (0, 0);
    // Where to go back to: after the last `%`, one character further on.
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Anything) => {
                back = Some((part + 1, at));
                part += 1;
                continue;
            }
            Some(Part::One) => {
                at += 1;
                part += 1;
                continue;
            }
            Some(Part::Char(wanted)) if *wanted == text[at] => {
                at += 1;
                part += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = back else { return false };
        back = Some((after, from + 1));
        part = after;
        at = from + 1;
    }
    parts[part..].iter().all(|part| matches!(part, Part::Anything))
}

enum Part {
    Anything,
    One,
    Char(char),
}

fn parts(pattern: &str, escape: Option<char>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        parts.push(match next {
            _ if Some(next) == escape => Part::Char(chars.next().unwrap_or(next)),
            '%' => Part::Anything,
            '_' => Part::One,
            other => Part::Char(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_sql() {
        for (text, pattern, is) in [
            ("wolf", "wolf", true),
            ("wolf", "Wolf", false),
            ("wolf", "w%", true),
            ("wolf", "%f", true),
            ("wolf", "w__f", true),
            ("wolf", "w_f", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("abcabd", "%ab_", true),
            ("wölf", "w_lf", true),
            ("a%b", "a!%b", true),
            ("axb", "a!%b", false),
        ] {
            assert_eq!(matches(text, pattern, Some('!')), is, "{text} like {pattern}");
        }
    }
}
