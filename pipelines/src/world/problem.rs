//! Problems of a world folder: each has a place, says what is wrong, and how to mend it.

use std::fmt;

/// A place in a file. Lines and columns count from 1; the length is in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// How many characters, for underlining.
    pub length: u32,
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The world cannot run.
    Error,
    /// The world runs, but something in it has no use or will surprise.
    Warning,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the world folder.
    pub file: String,
    /// Where in it; `None` for the file as a whole.
    pub place: Option<Place>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line of the file, for showing.
    pub snippet: Option<String>,
}

/// The widest line that is shown in full.
const SNIPPET_COLUMNS: usize = 160;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        writeln!(f, ": {}", self.message)?;
        if let (Some(place), Some(line)) = (self.place, &self.snippet) {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let shown: String = line.chars().take(SNIPPET_COLUMNS).collect();
            let indent = shown.len() - shown.trim_start().len();
            let before = (place.column as usize).saturating_sub(1);
            writeln!(f, "{margin} |\n{number} | {}", shown.get(indent..).unwrap_or(&shown))?;
            if before < SNIPPET_COLUMNS && before >= indent {
                let most = shown.chars().count().saturating_sub(before).max(1);
                let carets = "^".repeat((place.length as usize).clamp(1, most));
                writeln!(f, "{margin} | {}{carets}", " ".repeat(before - indent))?;
            }
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a world folder, by file and place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether the world cannot run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// How many there are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|problem| problem.severity == severity).count()
    }

    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|a, b| (&a.file, a.place, &a.message).cmp(&(&b.file, b.place, &b.message)));
        self.0.dedup();
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known name that `wrong` most likely means, if any is near.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let long = wrong.chars().count();
    let most = (long / 3).max(1);
    let wrong_lower = wrong.to_lowercase();
    let ends = |text: &str| (text.chars().next(), text.chars().next_back());
    known
        .into_iter()
        // What differs more in length alone is not looked at: there may be thousands.
        .filter(|name| name.chars().count().abs_diff(long) <= most + 1)
        .map(|name| (name, name.to_lowercase()))
        .filter_map(|(name, lower)| {
            let distance = strsim::damerau_levenshtein(&wrong_lower, &lower);
            // Of a short name one letter more may be wrong where it begins and ends as it should.
            let much = if long >= 3 && ends(&wrong_lower) == ends(&lower) { most.max(2) } else { most };
            (distance <= much && name != wrong).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// A hint: the near name if there is one, then `otherwise`.
#[must_use]
pub(super) fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match did_you_mean(wrong, known) {
        Some(name) if otherwise.is_empty() => format!("did you mean `{name}`?"),
        Some(name) => format!("did you mean `{name}`? {otherwise}"),
        None => otherwise.to_owned(),
    }
}
