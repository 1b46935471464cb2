//! Verdicts as a JUnit report, which build servers read.

use std::fmt::Write as _;

use super::run::Verdict;
use crate::xml::escaped;

/// The report of a world's scenarios.
#[must_use]
pub fn junit(world: &str, verdicts: &[Verdict]) -> String {
    let failed = verdicts.iter().filter(|verdict| verdict.failure.is_some()).count();
    let took: f64 = verdicts.iter().map(|verdict| verdict.took.as_secs_f64()).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escaped(world);
    let _ = writeln!(
        text,
        "<testsuites>\n  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{took:.3}\">",
        verdicts.len()
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
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::run::Failure;
    use super::*;

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
        let text = junit("vale", &[verdict("one", None), verdict("two", Some(failure))]);
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"vale\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"3.000\">
    <testcase classname=\"vale.tests/wolves.yaml\" name=\"one\" time=\"1.500\"/>
    <testcase classname=\"vale.tests/wolves.yaml\" name=\"two\" time=\"1.500\">
      <failure message=\"a &lt; b\">tests/wolves.yaml: a &lt; b
?</failure>
    </testcase>
  </testsuite>
</testsuites>
"
        );
    }
}
