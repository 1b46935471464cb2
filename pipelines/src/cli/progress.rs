//! Progress bars, for people: on standard error, and only when that is a terminal.

use std::io::IsTerminal as _;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that follows how much of these files has been read.
pub(super) fn reading<'p>(files: impl IntoIterator<Item = &'p Path>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // What cannot be read is an error a moment later.
    let bytes =
        files.into_iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum();
    ProgressBar::new(bytes)
        .with_style(style("reading {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"))
}

/// A bar that follows how much time has passed, of how much.
pub(super) fn simulating() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    ProgressBar::new(0).with_style(style(SIMULATING))
}

const SIMULATING: &str = "playing {wide_bar} {percent} % {elapsed} {eta}";

/// Makes it a bar that follows how many events have been handed over.
pub(super) fn feeding(bar: &ProgressBar) {
    bar.reset();
    bar.set_style(style("{wide_bar} {human_pos}/{human_len} events {per_sec} {eta}"));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template that a test has tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_goes_from_reading_to_feeding() {
        let bar = ProgressBar::hidden()
            .with_style(style("reading {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
        bar.inc(5);
        bar.set_style(style(SIMULATING));
        feeding(&bar);
        assert_eq!(bar.position(), 0);
        assert!(reading([Path::new("/nowhere")]).is_hidden(), "a test has no terminal");
    }
}
