//! Puts the rows that were found into the files that expected others: the rest of a file stays as it is.

use super::run::Found;

/// The text of a file in which tables are replaced by what was found. What stands on one line with its key is left alone, and
/// counted.
#[must_use]
pub fn update(text: &str, found: &[&Found]) -> (String, usize) {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut found = found.to_vec();
    // From the end, so that the places before stay true.
    found.sort_by_key(|found| std::cmp::Reverse(found.line));
    let mut left = 0;
    for Found { line, rows } in found {
        let Some(key) = lines.get(*line) else { continue };
        let indent = key.len() - key.trim_start().len();
        // A list's dash is part of what its keys are indented by.
        let indent = indent + if key.trim_start().starts_with("- ") { 2 } else { 0 };
        if !key.trim_end().ends_with(['|', '-', '+']) {
            left += 1;
            continue;
        }
        let first = line + 1;
        let inside = |line: &&String| line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
        let mut count = lines[first..].iter().take_while(inside).count();
        // Empty lines below belong to what follows.
        while count > 0 && lines[first + count - 1].trim().is_empty() {
            count -= 1;
        }
        let rows = rows.iter().map(|row| format!("{:width$}{row}\n", "", width = indent + 2));
        lines.splice(first..first + count, rows);
    }
    (lines.concat(), left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tables_change() {
        let text = "\
one:
  steps:
    - expect:
        view: levels
        rows: |   # kept
          player
          ana

    # the end
    - expect: {view: levels, rows: \"player\"}
";
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect();
        let found = [
            Found { line: 4, rows: rows(&["player", "bo", "cy"]) },
            Found { line: 9, rows: rows(&["player"]) },
        ];
        let (updated, left) = update(text, &found.iter().collect::<Vec<_>>());
        assert_eq!(left, 2, "a comment behind the mark, and a table on one line, are left alone");
        assert_eq!(updated, text);
        let text = text.replace("   # kept", "");
        let (updated, left) = update(&text, &found.iter().collect::<Vec<_>>());
        assert_eq!(left, 1);
        assert_eq!(updated, text.replace("          ana\n", "          bo\n          cy\n"));
    }
}
