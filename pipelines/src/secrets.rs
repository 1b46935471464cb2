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

#[cfg(test)]
mod tests {
    use super::*;

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
