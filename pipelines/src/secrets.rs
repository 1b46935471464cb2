//! Secrets by reference: `${NAME}` in a world file is the environment variable NAME.

/// Resolves a reference; a literal is an error, and so is a variable that is not set. The error
/// names the place and the variable, never a value.
///
/// # Errors
/// As said.
pub fn resolve(reference: &str, place: &str) -> anyhow::Result<String> {
    let name = reference.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        anyhow::bail!(
            "{place} is not a reference\nhint: write ${{NAME}} and set the environment variable NAME"
        );
    };
    // What is no name that anybody gives a variable may be the secret itself.
    if !is_name(name) {
        return std::env::var(name).map_err(|_| {
            anyhow::anyhow!(
                "{place} refers to a variable that is not set\nhint: give the name of an environment variable that holds it, such as SOME_KEY, and not the secret itself"
            )
        });
    }
    std::env::var(name).map_err(|_| {
        anyhow::anyhow!(
            "{place} refers to ${{{name}}}, which is not set\nhint: set the environment variable {name}"
        )
    })
}

/// Whether a variable may be called so.
fn is_name(name: &str) -> bool {
    let is_of_it = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() < 64 && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_of_it)
}

/// `${NAME}`: a value that is taken from the environment.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// The keys of a world whose values are secrets.
const SECRET_KEYS: [&str; 6] = ["access_key", "key", "password", "secret_key", "session_token", "token"];

/// What a name says when its value is a secret, wherever in the name: people write their own names by mistake.
const SAYS_SECRET: [&str; 7] =
    ["accesskey", "apikey", "passphrase", "passwd", "password", "privatekey", "secret"];

/// The last words of names whose values are secrets, as in `license_key`, and names that end so and are none.
const LAST_WORDS: [&str; 3] = ["key", "token", "pwd"];
const NO_SECRETS: [&str; 2] = ["first_token", "ms_per_token"];

/// Whether the value of a key is a secret, as its name says: `key`, `api_key`, `apiKey`, `AWS_SECRET`, `db-password`.
#[must_use]
pub fn is_secret_key(name: &str) -> bool {
    if NO_SECRETS.contains(&name) {
        return false;
    }
    let together: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let last = name.char_indices().rev().find_map(|(at, c)| match c {
        '_' | '-' => Some(&name[at + 1..]),
        _ if c.is_uppercase() && name[..at].ends_with(char::is_lowercase) => Some(&name[at..]),
        _ => None,
    });
    let last = last.unwrap_or(name).to_lowercase();
    LAST_WORDS.contains(&last.as_str()) || SAYS_SECRET.iter().any(|says| together.contains(says))
}

/// A text with stars for what gives access in addresses in it: `postgres://me:*******@db`, `https://*****@host`.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        // A password may hold what ends an address: the last `@` before a blank counts.
        let blank = after.find(char::is_whitespace).unwrap_or(after.len());
        let host = after[..blank].rfind('@').unwrap_or(0);
        let from = match after[..host].find(':') {
            Some(colon) => colon + 1,
            // A path may hold an `@`, too.
            None if after[..host].contains('/') => host,
            None => 0,
        };
        if from < host && !is_reference(&after[from..host]) {
            shown.push_str(&after[..from]);
            stars(&after[from..host], &mut shown);
            rest = &after[host..];
        } else {
            rest = after;
        }
    }
    shown.push_str(rest);
    without_scheme(shown)
}

/// `me:*******@db`, where the address does not say how to speak there.
fn without_scheme(text: String) -> String {
    let begins = |c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '{' | '}' | '[' | ']' | ',');
    let mut shown = text.clone();
    for (at, _) in text.match_indices('@') {
        let from = text[..at].rfind(begins).map_or(0, |before| before + 1);
        let user = text[from..at].find(':').filter(|_| !text[from..at].contains("://"));
        if let Some(colon) = user {
            let secret = from + colon + 1..at;
            let mut hidden = String::new();
            stars(&text[secret.clone()], &mut hidden);
            shown = shown.replacen(&format!(":{}@", &text[secret]), &format!(":{hidden}@"), 1);
        }
    }
    shown
}

/// An address as it may be shown, also one that does not say how to speak there: `**********@host`.
#[must_use]
pub fn masked_address(address: &str) -> String {
    let Some(host) = address.rfind('@').filter(|_| !address.contains("://")) else { return masked(address) };
    let mut shown = String::new();
    stars(&address[..host], &mut shown);
    shown.push_str(&address[host..]);
    shown
}

/// A line of a world file as it may be shown: stars for passwords and for the values of secret keys, so that what follows them
/// stays where it is. `before` is the line above it, whose key may be what this is the value of.
#[must_use]
pub fn masked_line(before: &str, line: &str) -> String {
    let line = masked(line);
    let value = line.trim();
    if opens_secret(before, value) && !is_reference(unquoted(value)) {
        let mut shown = line[..line.len() - line.trim_start().len()].to_owned();
        stars(value, &mut shown);
        return shown;
    }
    let mut shown = String::new();
    let mut rest = line.as_str();
    while let Some((at, length)) = next_secret(rest) {
        let (before, value) = rest.split_at(at);
        shown.push_str(before);
        let (value, following) = value.split_at(length);
        if is_reference(unquoted(value)) {
            shown.push_str(value)
        } else {
            stars(value, &mut shown)
        }
        rest = following;
    }
    shown.push_str(rest);
    shown
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

/// Whether a line ends with a secret key whose value is what stands below it: `key:`, `key: >-`.
fn opens_secret(line: &str, value: &str) -> bool {
    let line = line.trim_end().trim_end_matches(['>', '|', '-', '+']).trim_end();
    let Some(line) = line.strip_suffix(':') else { return false };
    let name = unquoted(line.trim_start().trim_start_matches("- ").trim());
    // What is a map is a secret only where the key is one of ours: a fact may be called `iron_key`.
    let is_map = value.starts_with('{') || value.contains(": ") || value.ends_with(':');
    is_secret_key(name) && !value.is_empty() && (!is_map || SECRET_KEYS.contains(&name))
}

/// Where the value of the next secret key begins, and how long it is. A key of an address counts, too: `?api_key=...`.
fn next_secret(line: &str) -> Option<(usize, usize)> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    while let Some(from) = line[at..].find(in_name).map(|from| at + from) {
        let end = line[from..].find(|c: char| !in_name(c)).map_or(line.len(), |end| from + end);
        at = end;
        let name = &line[from..end];
        if !is_secret_key(name) {
            continue;
        }
        let after = line[end..].trim_start_matches(['"', '\'']).trim_start();
        let value = after.strip_prefix([':', '=']).unwrap_or_default().trim_start();
        let in_address = after.starts_with('=');
        // What is a map is a secret only where the key is one of ours: a fact may be called `iron_key`.
        let is_map = value.starts_with('{') && !SECRET_KEYS.contains(&name);
        if !value.is_empty() && !is_map {
            return Some((line.len() - value.len(), value_length(value, in_address)));
        }
    }
    None
}

fn value_length(value: &str, in_address: bool) -> usize {
    let ends: &[char] = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => return value[1..].find(quote).map_or(value.len(), |end| end + 2),
        // A reference has braces of its own.
        Some('$') if value.starts_with("${") => return value.find('}').map_or(value.len(), |end| end + 1),
        Some('[') => return value.find(']').map_or(value.len(), |end| end + 1),
        _ if in_address => &['&', '"', '\'', ' ', ',', '}'],
        _ => &[',', '}'],
    };
    value.find(ends).unwrap_or(value.len())
}

fn stars(secret: &str, shown: &mut String) {
    shown.extend(std::iter::repeat_n('*', secret.chars().count()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_secret_and_everything_else() {
        for (line, shown) in [
            (
                "pg: {postgres: \"postgres://me:hunter2@db/x\"}",
                "pg: {postgres: \"postgres://me:*******@db/x\"}",
            ),
            ("url: postgres://me:a/b@c@db, every: 1s", "url: postgres://me:*****@db, every: 1s"),
            ("url: http://host:80/a, to: a@b", "url: http://host:80/a, to: a@b"),
            ("url: postgres://me:${PASSWORD}@db", "url: postgres://me:${PASSWORD}@db"),
            ("gold: {key: sk-123, model: m}", "gold: {key: ******, model: m}"),
            ("key: 'a b', token: \"c\"", "key: *****, token: ***"),
            (
                "{access_key: AKIA, secret_key: '${SECRET}', session_token: abc}",
                "{access_key: ****, secret_key: '${SECRET}', session_token: ***}",
            ),
            ("key: ${TIER_KEY}, monkey: no, key_of: no", "key: ${TIER_KEY}, monkey: no, key_of: no"),
            ("url: \"https://sk-live-99887766@host\"", "url: \"https://****************@host\""),
            ("url: https://host/a@b", "url: https://host/a@b"),
            ("url: https://host/v1?api_key=sk-1&x=2", "url: https://host/v1?api_key=****&x=2"),
            ("{api_key: sk-123, secret: AKIA}", "{api_key: ******, secret: ****}"),
            ("apiKey: sk-1, AWS_SECRET: x, db-password: y", "apiKey: ****, AWS_SECRET: *, db-password: *"),
            ("secret_access_key: [a, b], next: c", "secret_access_key: ******, next: c"),
            ("ms_per_token: 20, first_token: 1s, tokens: 9", "ms_per_token: 20, first_token: 1s, tokens: 9"),
            ("iron_key: {type: bool}", "iron_key: {type: bool}"),
            ("{url: me:hunter2@host, \"to\":\"a@b\"}", "{url: me:*******@host, \"to\":\"a@b\"}"),
        ] {
            assert_eq!(masked_line("tiers:", line), shown);
        }
        for (before, line, shown) in [
            ("    key: >-", "      sk-123", "      ******"),
            ("    'api_key':", "      \"sk-123\"", "      ********"),
            ("    key:", "      ${TIER_KEY}", "      ${TIER_KEY}"),
            ("    url:", "      http://host", "      http://host"),
            ("  iron_key:", "    type: bool", "    type: bool"),
        ] {
            assert_eq!(masked_line(before, line), shown);
        }
        assert_eq!(masked_address("me:hunter2@host"), "**********@host");
        assert_eq!(masked_address("ws://me:hunter2@host"), "ws://me:*******@host");
        assert_eq!(masked_address("host:80"), "host:80");
    }

    #[test]
    fn literals_and_unset_variables_are_errors_that_show_no_value() {
        let literal =
            resolve("postgres://me:hunter2@db/x", "sinks.main.url").expect_err("a literal").to_string();
        assert!(literal.starts_with("sinks.main.url is not a reference"), "{literal}");
        assert!(!literal.contains("hunter2"));
        let unset = resolve("${WORLDFLOW_SURELY_NOT_SET}", "sinks.main.url").expect_err("unset").to_string();
        assert!(unset.contains("WORLDFLOW_SURELY_NOT_SET"), "{unset}");
        for literal in ["hunter2", "super-literal", "0123456789ABCDEF", &"A".repeat(64)] {
            let said = resolve(&format!("${{{literal}}}"), "--token").expect_err("unset").to_string();
            assert!(
                said.starts_with("--token refers to a variable that is not set") && !said.contains(literal),
                "{said}"
            );
        }
        assert_eq!(resolve("${PATH}", "x").ok(), std::env::var("PATH").ok());
    }
}
