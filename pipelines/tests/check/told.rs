//! What is told, all of it.

/// Each of these is an error or a warning, and there is no other.
pub(crate) fn says_only(said: &str, all: &[&str]) {
    for message in all {
        assert!(said.contains(message), "{message}\n\nis not in\n\n{said}");
    }
    let problems = said.lines().filter(|line| line.starts_with("error: ") || line.starts_with("warning: "));
    assert_eq!(problems.count(), all.len(), "{said}");
}
