//! Verdicts as a JUnit report, which build servers read.

use std::fmt::Write as _;

use super::run::Verdict;
use super::unread::Unread;
use crate::xml::escaped;

/// The report of a world's scenarios: those that were run, and those that cannot be.
#[must_use]
pub fn junit(world: &str, verdicts: &[Verdict], unread: &[Unread]) -> String {
    let failed = verdicts.iter().filter(|verdict| verdict.failure.is_some()).count();
    let took = verdicts.iter().map(|verdict| verdict.took).sum::<std::time::Duration>().as_secs_f64();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escaped(world);
    let _ = writeln!(
        text,
        "<testsuites>\n  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\" skipped=\"0\" time=\"{took:.3}\">",
        verdicts.len() + unread.len(),
        unread.len()
    );
    for verdict in verdicts {
        let (class, name) = (escaped(&format!("{world}.{}", verdict.file)), escaped(&verdict.id));
        let took = verdict.took.as_secs_f64();
        let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{took:.3}\"");
        match &verdict.failure {
            None => text.push_str("/>\n"),
            Some(failure) => {
                let first = failure.message.lines().next().unwrap_or_default();
                let _ = writeln!(
                    text,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(first),
                    escaped(&failure.to_string())
                );
            }
        }
    }
    for unread in unread {
        let class = escaped(&format!("{world}.{}", unread.file));
        let name = escaped(unread.id.as_deref().unwrap_or(&unread.file));
        let first = unread.problems.first().map_or("", |problem| &problem.message);
        let problems: String = unread.problems.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0.000\">\n      <error message=\"{}\">{}</error>\n    </testcase>",
            escaped(first),
            escaped(problems.trim_end())
        );
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::run::Failure;
    use super::super::unread::unread;
    use super::*;
    use crate::world::{Folder, Place, Problem, Problems, Severity};

    #[test]
    fn a_report_says_what_failed_and_where() {
        let verdict = |id: &str, failure| Verdict {
            file: "tests/wolves.yaml".to_owned(),
            id: id.to_owned(),
            title: String::new(),
            failure,
            took: Duration::from_millis(1500),
            found: Vec::new(),
        };
        let failure =
            Failure { file: "tests/wolves.yaml".to_owned(), place: None, message: "a < b\n\u{1}".to_owned() };
        let problem = |file: &str, line: u32, message: &str| Problem {
            severity: Severity::Error,
            file: file.to_owned(),
            place: Some(Place { line, column: 3, length: 1 }),
            message: message.to_owned(),
            hint: None,
            snippet: None,
        };
        let files =
            Folder::of([("tests/a.yaml", "one: {}\nthree:\n  x: 1\n  y: 2\n"), ("tests/b.yaml", "a: [")]);
        let problems = Problems(vec![
            problem("tests/a.yaml", 3, "unknown `x`"),
            problem("tests/a.yaml", 4, "unknown `y`"),
            problem("tests/b.yaml", 1, "no YAML"),
        ]);
        let unread = unread(&files, &problems);
        assert!(unread[0].has("thr") && !unread[0].has("one") && unread[1].has("one"));
        let text = junit("vale", &[verdict("one", None), verdict("two", Some(failure))], &unread);
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"vale\" tests=\"4\" failures=\"1\" errors=\"2\" skipped=\"0\" time=\"3.000\">
    <testcase classname=\"vale.tests/wolves.yaml\" name=\"one\" time=\"1.500\"/>
    <testcase classname=\"vale.tests/wolves.yaml\" name=\"two\" time=\"1.500\">
      <failure message=\"a &lt; b\">tests/wolves.yaml: a &lt; b
?</failure>
    </testcase>
    <testcase classname=\"vale.tests/a.yaml\" name=\"three\" time=\"0.000\">
      <error message=\"unknown `x`\">error: tests/a.yaml:3:3: unknown `x`
error: tests/a.yaml:4:3: unknown `y`</error>
    </testcase>
    <testcase classname=\"vale.tests/b.yaml\" name=\"tests/b.yaml\" time=\"0.000\">
      <error message=\"no YAML\">error: tests/b.yaml:1:3: no YAML</error>
    </testcase>
  </testsuite>
</testsuites>
"
        );
    }
}
