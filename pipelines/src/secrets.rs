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
    std::env::var(name).map_err(|_| {
        anyhow::anyhow!(
            "{place} refers to ${{{name}}}, which is not set\nhint: set the environment variable {name}"
        )
    })
}

/// `${NAME}`: a value that is taken from the environment.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// The keys of a world whose values are secrets.
const SECRET_KEYS: [&str; 6] = ["access_key", "key", "password", "secret_key", "session_token", "token"];

/// Whether the value of a key is a secret.
#[must_use]
pub fn is_secret_key(name: &str) -> bool {
    SECRET_KEYS.contains(&name)
}

/// A text with stars for the passwords of addresses in it: `postgres://me:*******@db`.
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
        let password = after[..host].find(':').map(|colon| colon + 1);
        match password.filter(|from| !is_reference(&after[*from..host])) {
            Some(from) => {
                shown.push_str(&after[..from]);
                stars(&after[from..host], &mut shown);
                rest = &after[host..];
            }
            None => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

/// A line of a world file as it may be shown: stars for passwords and for the values of secret keys, so that what follows them
/// stays where it is.
#[must_use]
pub fn masked_line(line: &str) -> String {
    let line = masked(line);
    let mut shown = String::new();
    let mut rest = line.as_str();
    while let Some((at, after)) = next_secret(rest) {
        let (before, value) = rest.split_at(at);
        shown.push_str(before);
        let (value, following) = value.split_at(after);
        if is_reference(value.trim_matches(['"', '\''])) {
            shown.push_str(value)
        } else {
            stars(value, &mut shown)
        }
        rest = following;
    }
    shown.push_str(rest);
    shown
}

/// Where the value of the next secret key begins, and how long it is.
fn next_secret(line: &str) -> Option<(usize, usize)> {
    let keys = SECRET_KEYS.iter().flat_map(|key| line.match_indices(key));
    let ends = |before: &str| before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let values = keys.filter(|(at, _)| ends(&line[..*at])).filter_map(|(at, key)| {
        let after = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
        let value = after.strip_prefix(':')?.trim_start();
        (!value.is_empty()).then_some(line.len() - value.len())
    });
    let from = values.min()?;
    let value = &line[from..];
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let length = match quote {
        Some(quote) => value[1..].find(quote).map_or(value.len(), |end| end + 2),
        // A reference has braces of its own.
        None if value.starts_with("${") => value.find('}').map_or(value.len(), |end| end + 1),
        None => value.find([',', '}']).unwrap_or(value.len()),
    };
    Some((from, length))
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
        ] {
            assert_eq!(masked_line(line), shown);
        }
    }

    #[test]
    fn literals_and_unset_variables_are_errors_that_show_no_value() {
        let literal =
            resolve("postgres://me:hunter2@db/x", "sinks.main.url").expect_err("a literal").to_string();
        assert!(literal.starts_with("sinks.main.url is not a reference"), "{literal}");
        assert!(!literal.contains("hunter2"));
        let unset = resolve("${WORLDFLOW_SURELY_NOT_SET}", "sinks.main.url").expect_err("unset").to_string();
        assert!(unset.contains("WORLDFLOW_SURELY_NOT_SET"), "{unset}");
        assert_eq!(resolve("${PATH}", "x").ok(), std::env::var("PATH").ok());
    }
}
