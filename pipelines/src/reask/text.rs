//! A comparison for people, and as CSV.

use super::compare::{Answered, Compared, Numbers, Pair, Quantiles, VERDICTS};
use crate::simulate::{CsvTable, table};
use crate::terminal::in_line;

/// The most characters of a line that a table shows: its first words.
const SHOWN: usize = 32;

/// Where there is nothing.
const NONE: &str = "-";

/// A comparison as text.
#[must_use]
pub fn text(compared: &Compared) -> String {
    let Compared { realm, tier, model, asked, .. } = compared;
    let requests = if *asked == 1 { "request is" } else { "requests are" };
    let mut text = format!("{realm}: {asked} recorded {requests} asked again, of tier {tier} ({model})\n\n");
    if *asked > 0 {
        let heading = ["request", "recorded", "ms", "", "now", "ms", "", ""];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(compared.requests.iter().map(row));
        table(&mut text, &rows, &[0, 1, 3, 4, 6, 7]);
        text.push('\n');
        table(&mut text, &sides(compared), &[0]);
        text.push('\n');
        table(&mut text, &verdicts(compared), &[0]);
        text.push_str(&format!("\n{} lines differ, {} are the same", compared.differ, compared.same));
        if compared.unknown > 0 {
            text.push_str(&format!(", {} cannot be compared: what was said is sealed", compared.unknown));
        }
        text.push('\n');
        if !compared.own_guard {
            text.push_str(
                "judged by the usual rules: a data folder does not keep the world's guard (--world)\n",
            );
        }
    }
    text.push_str(&not_asked(compared));
    text
}

/// Whole milliseconds and the first words of both sides.
fn row(pair: &Pair) -> Vec<String> {
    let side = |answered: &Answered| {
        let ms = answered.whole_ms.map_or_else(|| NONE.to_owned(), |ms| ms.to_string());
        [answered.verdict.to_owned(), ms, said(answered)]
    };
    let differs = match pair.differs {
        Some(true) => "",
        Some(false) => "same",
        None => "?",
    };
    let mut row = vec![in_line(&pair.request)];
    row.extend(side(&pair.recorded));
    row.extend(side(&pair.now));
    row.push(differs.to_owned());
    row
}

/// The first words of a line, or why there is none.
fn said(answered: &Answered) -> String {
    match &answered.line {
        Some(line) => first_words(&in_line(line)),
        None if answered.sealed => "(sealed)".to_owned(),
        None if !answered.rule.is_empty() => format!("({})", in_line(&answered.rule)),
        None if !answered.why.is_empty() => format!("({})", first_words(&in_line(&answered.why))),
        None => NONE.to_owned(),
    }
}

fn first_words(line: &str) -> String {
    if line.chars().count() <= SHOWN {
        return line.to_owned();
    }
    let start: String = line.chars().take(SHOWN).collect();
    let words = start.rfind(char::is_whitespace).map_or(start.as_str(), |space| &start[..space]);
    format!("{} …", words.trim_end())
}

/// All numbers, then and now.
fn sides(compared: &Compared) -> Vec<Vec<String>> {
    let of = |name: &str, say: &dyn Fn(&Numbers) -> String| {
        vec![name.to_owned(), say(&compared.recorded), say(&compared.now)]
    };
    let ms = |of: Quantiles| {
        let ms = |value: Option<u32>| value.map_or_else(|| NONE.to_owned(), |ms| ms.to_string());
        format!("{} / {}", ms(of.p50), ms(of.p95))
    };
    vec![
        vec![String::new(), "recorded".to_owned(), "now".to_owned()],
        of("answered", &|numbers| format!("{} of {}", numbers.answered, compared.asked)),
        of("first text within its budget", &|numbers| {
            format!("{} of {}", numbers.in_budget, numbers.with_budget)
        }),
        of("first text, ms p50 / p95", &|numbers| ms(numbers.first_text_ms)),
        of("first sentence, ms p50 / p95", &|numbers| ms(numbers.first_sentence_ms)),
        of("whole answer, ms p50 / p95", &|numbers| ms(numbers.whole_ms)),
        of("tokens of prompts", &|numbers| numbers.prompt_tokens.to_string()),
        of("tokens of answers", &|numbers| numbers.tokens.to_string()),
        of("cost", &|numbers| numbers.cost.clone().unwrap_or_else(|| "no price".to_owned())),
    ]
}

/// How many have each verdict now, by the one that they had; verdicts that nothing has are left out.
fn verdicts(compared: &Compared) -> Vec<Vec<String>> {
    let count =
        |then: &str, now: &str| compared.verdicts.get(then).and_then(|of| of.get(now)).copied().unwrap_or(0);
    let mut columns = VERDICTS.to_vec();
    columns.retain(|now| VERDICTS.iter().any(|then| count(then, now) > 0));
    let mut rows = vec![vec!["recorded \\ now".to_owned()]];
    rows[0].extend(columns.iter().map(|name| (*name).to_owned()));
    for then in VERDICTS.iter().filter(|then| compared.verdicts.contains_key(**then)) {
        let mut row = vec![(*then).to_owned()];
        row.extend(columns.iter().map(|now| count(then, now).to_string()));
        rows.push(row);
    }
    rows
}

fn not_asked(compared: &Compared) -> String {
    let not = &compared.not_asked;
    let parts = [
        (not.forgotten, "of players who are forgotten"),
        (not.sealed, "sealed (--with-keys opens them)"),
        (not.shared, "answered along with another"),
        (not.taken_back, "taken back before an answer"),
        (not.open, "still open"),
        (not.earlier, "earlier (--limit, --since)"),
    ];
    let some = parts.into_iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = some.map(|(count, why)| format!("{count} {why}")).collect();
    if said.is_empty() { String::new() } else { format!("not asked: {}\n", said.join(", ")) }
}

/// The requests as CSV, a line each; the numbers of all are in the JSON.
#[must_use]
pub fn csv(compared: &Compared) -> String {
    const OF_REQUEST: [&str; 4] = ["request", "npc", "asked", "budget_ms"];
    const OF_SIDE: [&str; 11] = [
        "tier",
        "model",
        "verdict",
        "rule",
        "line",
        "why",
        "first_text_ms",
        "first_sentence_ms",
        "whole_ms",
        "prompt_tokens",
        "tokens",
    ];
    let sides = ["recorded", "now"].map(|side| OF_SIDE.map(|name| format!("{side}_{name}")));
    let mut names = OF_REQUEST.to_vec();
    names.extend(sides.iter().flatten().map(String::as_str));
    names.push("differs");
    let mut table = CsvTable::of(&names);
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    for pair in &compared.requests {
        let budget_ms = pair.budget_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let mut fields = vec![pair.request.clone(), pair.npc.clone(), pair.asked.to_string(), budget_ms];
        for side in [&pair.recorded, &pair.now] {
            fields.extend([
                side.tier.clone(),
                side.model.clone(),
                side.verdict.to_owned(),
                side.rule.clone(),
                side.line.clone().unwrap_or_default(),
                side.why.clone(),
                number(side.first_text_ms),
                number(side.first_sentence_ms),
                number(side.whole_ms),
                side.prompt_tokens.to_string(),
                side.tokens.to_string(),
            ]);
        }
        fields.push(pair.differs.map(|differs| differs.to_string()).unwrap_or_default());
        table.row(fields);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_first_words_of_a_line() {
        assert_eq!(first_words("Hail, friend."), "Hail, friend.");
        let long = "The road is long and wolves come down from the hills.";
        assert_eq!(first_words(long), "The road is long and wolves …");
        assert_eq!(first_words(&"ä".repeat(40)), format!("{} …", "ä".repeat(SHOWN)));
    }
}
