//! Logs: to the standard error, as text or as JSON lines, filtered by `RUST_LOG`.

use std::io::Write as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::terminal::shown;

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What others log below this shows tokens, texts of players and signatures as they go over a connection. `RUST_LOG=trace` does
/// not show it.
const HIDDEN: [&str; 5] = ["tungstenite=info", "tokio_tungstenite=info", "hyper=info", "h2=info", "aws=info"];

/// The filter, and what it does not show.
fn filter(given: Option<EnvFilter>, level: &str) -> EnvFilter {
    let filter = given.unwrap_or_else(|| EnvFilter::new(format!("{level},timely=warn")));
    HIDDEN.iter().fold(filter, |filter, hidden| filter.add_directive(hidden.parse().expect("a directive")))
}

/// Sets logging up for this process; what `RUST_LOG` does not say is shown from this level on.
pub(super) fn init(format: LogFormat, level: &str) {
    let filter = filter(EnvFilter::try_from_default_env().ok(), level);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second setting up in one process, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => logs.with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
}

/// Writes why a verb has failed: the last line of the log. A hint in the text, after its own line
/// break, is a field of its own in JSON.
pub(super) fn error(format: LogFormat, text: &str) {
    // The problems of a world say of themselves that they are errors.
    let text = text.strip_prefix("error: ").unwrap_or(text);
    match (format, text.split_once("\nhint: ")) {
        (LogFormat::Json, Some((error, hint))) => tracing::error!(hint, "{error}"),
        (LogFormat::Json, None) => tracing::error!("{text}"),
        // Whoever has closed the output does not want to read it.
        (LogFormat::Text, _) => drop(writeln!(std::io::stderr(), "error: {}", shown(text))),
    }
}
