//! Rows as a small table of text, as a scenario writes them and as they are shown when they differ.
//!
//! Columns stand two spaces or more apart. What cannot stand there as it is, is quoted as in JSON.

use std::collections::BTreeMap;

use worldflow_schemas::catalog::ColumnType;
use worldflow_schemas::{Tick, Value};

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// A table: names of columns, and rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A line of a table that cannot be read: its number, from 0, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BadRow {
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl Table {
    /// Reads a table: the first line names the columns.
    pub(crate) fn parse(text: &str) -> Result<Table, BadRow> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((line, head)) = lines.next() else {
            return Err(BadRow { line: 0, why: "there is no line that names columns".to_owned() });
        };
        let columns = cells(head).map_err(|why| BadRow { line, why })?;
        let mut rows = Vec::new();
        for (line, text) in lines {
            let row = cells(text).map_err(|why| BadRow { line, why })?;
            if row.len() != columns.len() {
                let why = format!("{} values for {} columns", row.len(), columns.len());
                return Err(BadRow { line, why });
            }
            rows.push(row);
        }
        Ok(Table { columns, rows })
    }

    /// Its lines, with columns below each other and rows in the order of their text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = aligned(std::iter::once(&self.columns).chain(&self.rows));
        lines[1..].sort();
        lines
    }

    /// What is different between this, which was expected, and another with the same columns: every row, with `-` before what
    /// is missing and `+` before what is there instead. `None` when nothing is.
    pub(crate) fn difference(&self, found: &Table) -> Option<Vec<String>> {
        let mut counts: BTreeMap<&Vec<String>, (usize, usize)> = BTreeMap::new();
        self.rows.iter().for_each(|row| counts.entry(row).or_default().0 += 1);
        found.rows.iter().for_each(|row| counts.entry(row).or_default().1 += 1);
        if counts.values().all(|(expected, found)| expected == found) {
            return None;
        }
        let mut marked = Vec::new();
        for (row, (expected, found)) in &counts {
            let both = (*expected).min(*found);
            marked.extend(std::iter::repeat_n((' ', *row), both));
            marked.extend(std::iter::repeat_n(('-', *row), expected - both));
            marked.extend(std::iter::repeat_n(('+', *row), found - both));
        }
        let rows = aligned(std::iter::once(&self.columns).chain(marked.iter().map(|(_, row)| *row)));
        let marks = std::iter::once(' ').chain(marked.iter().map(|(mark, _)| *mark));
        Some(marks.zip(rows).map(|(mark, row)| format!("{mark} {row}").trim_end().to_owned()).collect())
    }
}

/// Rows as lines, padded so that columns stand below each other.
fn aligned<'a>(rows: impl Iterator<Item = &'a Vec<String>> + Clone) -> Vec<String> {
    let width =
        |column: usize| rows.clone().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.clone().map(line).collect()
}

/// The cells of a line: two spaces or more apart, or quoted.
fn cells(line: &str) -> Result<Vec<String>, String> {
    let (mut cells, mut rest) = (Vec::new(), line.trim());
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => 2 + closing(quoted).ok_or("a quoted value is not closed")?,
            None => rest.find("  ").unwrap_or(rest.len()),
        };
        let (cell, after) = rest.split_at(end);
        if !(after.is_empty() || after.starts_with("  ")) {
            return Err("two spaces follow a quoted value".to_owned());
        }
        cells.push(match cell.starts_with('"') {
            // As it is shown, so that what is quoted without need is the same.
            true => quoted(&serde_json::from_str::<String>(cell).map_err(|error| error.to_string())?),
            false => cell.to_owned(),
        });
        rest = after.trim_start();
    }
    Ok(cells)
}

/// Where the quote is that ends this.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// A value as a cell. Ticks are times since the tick at which the scenario began.
pub(crate) fn cell(value: &Value, kind: ColumnType, began: Tick, tick_ms: u32) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::Int(tick) if kind == ColumnType::Tick => {
            let ticks = i128::from(*tick) - i128::from(began);
            let seconds = Value::Dec(i64::try_from(ticks * i128::from(tick_ms) * 1000).unwrap_or(i64::MAX));
            format!("{}{seconds}s", if ticks < 0 { "" } else { "+" })
        }
        value => quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text != NOTHING
        && !text.contains("  ")
        && !text.starts_with('"')
        && text.trim() == text
        && !text.chars().any(char::is_control);
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table::parse(text).expect("a table")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let values = ["-", "", "a  b", " a", "\"", "two words", "a\nb", "plain"];
        let cells = values.map(|text| cell(&Value::text(text), ColumnType::Text, 0, 10));
        let written = Table {
            columns: vec!["text".to_owned(), "n".to_owned()],
            rows: cells.map(|c| vec![c, "1".to_owned()]).to_vec(),
        };
        let mut read = table(&written.lines().join("\n"));
        read.rows.sort();
        let mut rows = written.rows;
        rows.sort();
        assert_eq!(read.rows, rows);
    }

    #[test]
    fn ticks_are_times_since_the_beginning() {
        let shown = |tick| cell(&Value::Int(tick), ColumnType::Tick, 1_000, 10);
        assert_eq!([1_000, 1_150, 995].map(shown), ["+0s", "+1.5s", "-0.05s"]);
        assert_eq!(cell(&Value::Null, ColumnType::Tick, 0, 10), "-");
        assert_eq!(cell(&Value::Dec(1_250_000), ColumnType::Dec, 0, 10), "1.25");
    }

    #[test]
    fn rows_are_compared_in_any_order_and_as_often_as_they_are_there() {
        let expected = table("quest  state\nbears  done\nwolves  active\nwolves  active");
        assert_eq!(
            expected.difference(&table("quest  state\nwolves  active\nbears   done\nwolves  active")),
            None
        );
        let found = table("quest  state\nwolves  active\nbears  failed");
        assert_eq!(
            expected.difference(&found).expect("differs"),
            ["  quest   state", "- bears   done", "+ bears   failed", "  wolves  active", "- wolves  active"]
        );
    }

    #[test]
    fn what_is_no_table_says_in_which_line() {
        let bad = |text| Table::parse(text).expect_err("no table");
        assert_eq!(bad("\n").line, 0);
        assert_eq!(bad("a  b\n1  2\n3").line, 2);
        assert_eq!(bad("a\n\"x").line, 1);
    }
}
