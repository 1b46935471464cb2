//! `worldflow test`: the scenarios of a world.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::scenario::{self, FOLDER, Found, Scenario, Verdict, WholeFolder, check_scenarios, junit, unread};
use crate::world::{LoadedWorld, Problems, Vocabulary};

/// Run the scenarios of a world: what happens in them, and what is to come of it
///
/// They are the files in its folder `tests`. Exits with 0 when all of them pass.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow test my_world                   every scenario
  worldflow test my_world --filter wolves   those with `wolves` in their file or id
  worldflow test my_world --update          write the rows that are found into the files, then look at the difference
  worldflow test my_world --junit out.xml   for continuous integration")]
pub(super) struct TestArgs {
    /// The world folder; the demo world when absent.
    world: Option<PathBuf>,
    /// Only scenarios whose file or id contains this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Put the rows that are found where others are expected.
    #[arg(long, requires = "world")]
    update: bool,
    /// Write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let WholeFolder { world: folder, scenarios: files } = match &args.world {
        Some(path) => WholeFolder::read(path)?,
        None => WholeFolder::greenvale(),
    };
    // What is wrong with the world is said once, and not by every scenario.
    let name = LoadedWorld::load(&folder)?.world.name.clone();
    let mut problems = Problems::default();
    let scenarios = check_scenarios(&files, &Vocabulary::of(&folder), &mut problems);
    let mut unread = unread(&files, &problems);
    unread.retain(|unread| unread.has(&args.filter));
    let problems = Problems(unread.iter().flat_map(|unread| unread.problems.iter().cloned()).collect());
    let chosen: Vec<&Scenario> = scenarios
        .iter()
        .filter(|scenario| scenario.id.contains(&args.filter) || scenario.file.contains(&args.filter))
        .collect();
    if chosen.is_empty() && problems.0.is_empty() {
        anyhow::bail!(
            "{}\nhint: scenarios are written in {FOLDER}/*.yaml; docs/testing.md says how",
            match scenarios.len() {
                0 if files.files.is_empty() => format!("`{name}` has no scenarios"),
                0 => format!(
                    "no scenario of `{name}` can be read, and none of their files has `{}` in its name",
                    args.filter
                ),
                n => format!("none of the {n} scenarios of `{name}` has `{}` in its file or id", args.filter),
            }
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut verdicts = Vec::new();
    for scenario in chosen {
        let verdict = runtime.block_on(scenario::run(scenario, &folder, args.update));
        super::show(&line(&verdict, verdicts.last()))?;
        verdicts.push(verdict);
    }
    if let (true, Some(world)) = (args.update, &args.world) {
        super::show(&rewrite(world, &verdicts)?)?;
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&name, &verdicts, &unread)).with_context(|| path.display().to_string())?;
    }
    super::show(&summary(&verdicts, &problems))?;
    let passed = problems.0.is_empty() && verdicts.iter().all(|verdict| verdict.failure.is_none());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How one scenario went, under the name of its file.
fn line(verdict: &Verdict, before: Option<&Verdict>) -> String {
    let mut text = String::new();
    if before.is_none_or(|before| before.file != verdict.file) {
        let _ = writeln!(text, "{}", verdict.file);
    }
    let took = verdict.took.as_millis();
    let how = match (&verdict.failure, verdict.found.len()) {
        (Some(_), _) => "FAILED",
        (None, 0) => "ok",
        (None, _) => "updated",
    };
    let title = if verdict.title.is_empty() { String::new() } else { format!("  {}", verdict.title) };
    let _ = writeln!(text, "  {how:8}{}  ({took} ms){title}", verdict.id);
    text
}

/// What is wrong with scenarios that could not be run, why others failed, and how many of each.
fn summary(verdicts: &[Verdict], problems: &Problems) -> String {
    let mut text = if verdicts.is_empty() { problems.to_string() } else { format!("\n{problems}") };
    for failure in verdicts.iter().filter_map(|verdict| verdict.failure.as_ref()) {
        let _ = writeln!(text, "error: {failure}\n");
    }
    let failed = verdicts.iter().filter(|verdict| verdict.failure.is_some()).count();
    let _ = write!(text, "{} passed, {failed} failed", verdicts.len() - failed);
    match problems.0.len() {
        0 => text.push('\n'),
        count => drop(writeln!(text, ", {count} problems in files of scenarios")),
    }
    text
}

/// Writes the rows that were found into the files of scenarios.
fn rewrite(world: &Path, verdicts: &[Verdict]) -> anyhow::Result<String> {
    let mut by_file: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| !verdict.found.is_empty()) {
        by_file.entry(&verdict.file).or_default().extend(&verdict.found);
    }
    let mut told = String::new();
    for (file, found) in by_file {
        let path = world.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let updated = scenario::update(&text, &found);
        std::fs::write(&path, updated).with_context(|| path.display().to_string())?;
        let tables = if found.len() == 1 { "table" } else { "tables" };
        let _ = writeln!(told, "{file}: {} {tables} written", found.len());
    }
    Ok(told)
}
