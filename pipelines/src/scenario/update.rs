//! Puts the rows that were found into the files that expected others: the rest of a file stays as it is.

use super::run::Found;

/// Whether the table of a line can be written: its key begins the line, and its value is of that line and those indented below.
pub(super) fn is_written(line: &str) -> bool {
    line.trim_start().trim_start_matches("- ").starts_with("rows:")
}

/// The text of a file in which tables are replaced by what was found. One in quotes on the line of its key becomes a block.
#[must_use]
pub fn update(text: &str, found: &[&Found]) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut found = found.to_vec();
    // From the end, so that the places before stay true.
    found.sort_by_key(|found| std::cmp::Reverse(found.line));
    for Found { line, rows } in found {
        let Some(key) = lines.get(*line).cloned().filter(|key| is_written(key)) else { continue };
        let indent = key.len() - key.trim_start().len();
        // A list's dash is part of what its keys are indented by.
        let indent = indent + if key.trim_start().starts_with("- ") { 2 } else { 0 };
        let (before, value) = key.split_once("rows:").expect("it is written so");
        if !value.trim_start().starts_with('|') {
            lines[*line] = format!("{before}rows: |\n");
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
    lines.concat()
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
    - expect:
        rows: \"player\\n\\
          ana\"
        view: levels
    - expect: {view: levels, rows: \"player\"}
";
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect();
        let found = [
            Found { line: 4, rows: rows(&["player", "bo", "cy"]) },
            Found { line: 10, rows: rows(&["player", "bo"]) },
        ];
        let updated = update(text, &found.iter().collect::<Vec<_>>());
        let wanted = text.replacen("          ana\n", "          bo\n          cy\n", 1).replacen(
            "rows: \"player\\n\\\n          ana\"\n",
            "rows: |\n          player\n          bo\n",
            1,
        );
        assert_eq!(updated, wanted);
        let writes: Vec<bool> = text.lines().filter(|line| line.contains("rows:")).map(is_written).collect();
        assert_eq!(writes, [true, true, false], "in braces there is no place for a table");
    }
}
